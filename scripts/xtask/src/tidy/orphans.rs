//! No file that nothing includes: such a file rots, because the compiler never reads it.

use std::collections::HashSet;

use super::tree::{Source, Tree, Violation};

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let roots = tree.packages.iter().flat_map(|package| &package.targets);
    let reached = reach(tree, roots.map(|target| target.root.clone()).collect());
    let orphans = tree.sources.iter().filter(|source| !reached.contains(&source.path));
    let what = |source: &Source| match tree.package_of(&source.path) {
        Some(package) => format!("no target of `{}` includes this file", package.name),
        None => "this file lies in no package".to_owned(),
    };
    orphans.map(|source| Violation::new(&source.path, 0, what(source))).collect()
}

/// The files that `mod` and `include!` lead to from the crates' roots, themselves among them.
fn reach(tree: &Tree, roots: Vec<String>) -> HashSet<String> {
    let is_root: HashSet<_> = roots.iter().cloned().collect();
    let mut reached = HashSet::new();
    let mut ahead = roots;
    while let Some(path) = ahead.pop() {
        if !reached.insert(path.clone()) {
            continue;
        }
        if let Some(source) = tree.source(&path) {
            ahead.extend(included(source, is_root.contains(&path)));
        }
    }
    reached
}

/// Every path that the file's declarations may mean; those that do not exist do no harm.
fn included(source: &Source, is_root: bool) -> Vec<String> {
    let (folder, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let own = if is_root || name == "mod.rs" {
        folder.to_owned()
    } else {
        join(folder, name.trim_end_matches(".rs"))
    };
    let mut paths = Vec::new();
    for Declaration { inside, name, at } in declarations(source) {
        let parent = inside.iter().fold(own.clone(), |dir, part| join(&dir, part));
        // `#[path]` counts from the file's folder, but within an inline module from that one's.
        let base = if inside.is_empty() { folder } else { &parent };
        paths.extend(at.iter().map(|at| join(base, at)));
        if !name.is_empty() {
            paths.push(join(&parent, &format!("{name}.rs")));
            paths.push(join(&parent, &format!("{name}/mod.rs")));
        }
    }
    paths
}

/// `mod name;` inside inline modules, and the paths of `#[path = "…"]` before it; also
/// `include!("…")`, which has no name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Declaration {
    inside: Vec<String>,
    name: String,
    at: Vec<String>,
}

fn declarations(source: &Source) -> Vec<Declaration> {
    let tokens = tokens(&source.code);
    let mut found = Vec::new();
    // One entry for each open brace: the name if it opened a module.
    let mut open: Vec<Option<&str>> = Vec::new();
    let mut at: Vec<String> = Vec::new();
    for (index, &(_, token)) in tokens.iter().enumerate() {
        let next = |n: usize| tokens.get(index + n).map_or("", |&(_, token)| token);
        let string = |n: usize| {
            let end = tokens.get(index + n + 1).map_or(0, |&(end, _)| end);
            source.text.get(tokens[index + n].0 + 1..end).unwrap_or_default().to_owned()
        };
        let inside = || open.iter().flatten().map(|&name| name.to_owned()).collect();
        match token {
            "path" if next(1) == "=" && next(2) == "\"" => at.push(string(2)),
            "include" if next(1) == "!" && next(2) == "(" && next(3) == "\"" => {
                found.push(Declaration { at: vec![string(3)], ..Declaration::default() });
            }
            "mod" if next(2) == ";" => {
                let name = next(1).to_owned();
                found.push(Declaration { inside: inside(), name, at: std::mem::take(&mut at) });
            }
            "{" => {
                let is_module = index >= 2 && tokens[index - 2].1 == "mod";
                open.push(is_module.then(|| tokens[index - 1].1));
                at.clear();
            }
            "}" => drop(open.pop()),
            ";" => at.clear(),
            _ => {}
        }
    }
    found
}

/// Words and single marks, each with where it begins.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let len = if is_ident(first) {
            rest.find(|c| !is_ident(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            tokens.push((at, &rest[..len]));
        }
        at += len;
    }
    tokens
}

/// `dir/path` with `.` and `..` taken out.
fn join(dir: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_orphans(files: &[(&str, &str)], expected: &[&str]) {
        let tree = Tree::planted(files).with_package("a", "a");
        let found: Vec<_> = check(&tree).into_iter().map(|violation| violation.path).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_file_that_nothing_includes_is_found() {
        check_orphans(
            &[("a/src/lib.rs", "mod b;"), ("a/src/b.rs", ""), ("a/src/c.rs", "")],
            &["a/src/c.rs"],
        );
        check_orphans(&[("a/src/lib.rs", "// mod b;"), ("a/src/b.rs", "")], &["a/src/b.rs"]);
        check_orphans(&[("a/src/lib.rs", ""), ("stray.rs", "")], &["stray.rs"]);
    }

    #[test]
    fn modules_are_followed() {
        check_orphans(
            &[
                ("a/src/lib.rs", "mod b; pub mod c { mod d; }"),
                ("a/src/b.rs", "pub(crate) mod e;"),
                ("a/src/b/e.rs", ""),
                ("a/src/c/d/mod.rs", "mod f;"),
                ("a/src/c/d/f.rs", ""),
            ],
            &[],
        );
    }

    #[test]
    fn paths_are_honoured() {
        let lib = "#[cfg(unix)] #[path = \"unix.rs\"] mod os; include!(\"table.rs\");";
        check_orphans(&[("a/src/lib.rs", lib), ("a/src/unix.rs", ""), ("a/src/table.rs", "")], &[]);
        let test = "#[path = \"../src/b.rs\"]\nmod b;";
        check_orphans(&[("a/src/lib.rs", ""), ("a/tests/it.rs", test), ("a/src/b.rs", "")], &[]);
    }

    #[test]
    fn every_test_is_a_target() {
        check_orphans(
            &[
                ("a/tests/it.rs", "mod common;"),
                ("a/tests/common/mod.rs", ""),
                ("a/tests/data/x.rs", ""),
            ],
            &["a/tests/data/x.rs"],
        );
    }
}
