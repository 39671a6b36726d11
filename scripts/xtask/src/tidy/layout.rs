//! Names lead to places, and no file outgrows a reader.

use super::tree::{Tree, Violation};
use crate::workspace::Package;

const LINES_MAX: usize = 700;

/// Names of crates that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["core", "common", "utils", "util", "helpers", "misc", "shared"];

/// Packages whose name is shorter than their path would have it: a tool's customary name.
const SHORT_NAMES: &[(&str, &str)] = &[("scripts/xtask", "xtask")];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = long_files(tree);
    for package in &tree.packages {
        violations.extend(named_after_path(package));
        violations.extend(empty_name(package));
        violations.extend(shares_lints(tree, package));
    }
    violations
}

fn long_files(tree: &Tree) -> Vec<Violation> {
    let lines = tree.sources.iter().map(|source| (source, source.text.lines().count()));
    let long = lines.filter(|&(_, lines)| lines > LINES_MAX);
    long.map(|(source, lines)| {
        let what = format!("{lines} lines, {LINES_MAX} at most: look for the second noun in it");
        Violation::new(&source.path, 0, what)
    })
    .collect()
}

fn named_after_path(package: &Package) -> Option<Violation> {
    let short = SHORT_NAMES.iter().find(|(dir, _)| *dir == package.dir);
    let expected = short.map_or_else(|| package.dir.replace('/', "-"), |(_, name)| (*name).into());
    (package.name != expected).then(|| {
        let what = format!("`{}` is named `{expected}`, after its path", package.name);
        Violation::new(&manifest(package), 0, what)
    })
}

fn empty_name(package: &Package) -> Option<Violation> {
    let folder = package.dir.rsplit('/').next()?;
    EMPTY_NAMES.contains(&folder).then(|| {
        let what = format!("a crate called `{folder}` says nothing: name it after what it holds");
        Violation::new(&manifest(package), 0, what)
    })
}

/// Lints are set once, at the root. A crate with its own lock file cannot inherit them.
fn shares_lints(tree: &Tree, package: &Package) -> Option<Violation> {
    let text = tree.text(&manifest(package))?;
    let mut lines = text.lines().map(str::trim);
    let is_own_workspace = lines.clone().any(|line| line == "[workspace]");
    let shares = lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true");
    (!is_own_workspace && !shares).then(|| {
        Violation::new(
            &manifest(package),
            0,
            "the lints of the workspace: `[lints]`, `workspace = true`",
        )
    })
}

fn manifest(package: &Package) -> String {
    format!("{}/Cargo.toml", package.dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dir: &str) -> Package {
        Package { name: name.to_owned(), dir: dir.to_owned(), ..Package::default() }
    }

    #[test]
    fn a_long_file_is_found() {
        let check = |lines: usize| {
            let text = "x\n".repeat(lines);
            long_files(&Tree::planted(&[("a/src/lib.rs", &text)])).len()
        };
        assert_eq!(check(LINES_MAX), 0);
        assert_eq!(check(LINES_MAX + 1), 1);
    }

    #[test]
    fn packages_are_named_after_their_path() {
        for (name, dir) in
            [("engine-ring", "engine/ring"), ("feeds", "feeds"), ("xtask", "scripts/xtask")]
        {
            assert_eq!(named_after_path(&package(name, dir)), None);
        }
        assert!(named_after_path(&package("ring", "engine/ring")).is_some());
        assert!(named_after_path(&package("scripts-xtask", "scripts/xtask")).is_some());
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        assert!(empty_name(&package("engine-core", "engine/core")).is_some());
        assert_eq!(empty_name(&package("engine-ring", "engine/ring")), None);
    }

    #[test]
    fn lints_are_shared() {
        let check = |manifest: &str| {
            let tree = Tree::planted(&[("a/Cargo.toml", manifest)]);
            shares_lints(&tree, &package("a", "a")).is_some()
        };
        assert!(!check("[package]\n\n[lints]\nworkspace = true\n"));
        assert!(check("[package]\n"));
        assert!(check("[lints]\nrust.missing_docs = \"warn\"\n"));
        assert!(!check("[package]\n[workspace]\n"));
    }
}
