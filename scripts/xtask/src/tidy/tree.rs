//! The tree as the rules see it: packages, files, and Rust sources with their comments and string
//! literals told apart, so that a word in a comment is never taken for code.

mod lexer;

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace::{Package, Workspace};

/// Folders that are not ours to lint; nor are those whose name begins with a dot, but for a few.
const SKIPPED_FOLDERS: &[&str] = &["target", "node_modules"];
const DOT_FOLDERS: &[&str] = &[".cargo", ".ci", ".config"];

#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) packages: Vec<Package>,
    /// Every file, from the root, with `/` between its parts, in order.
    pub(crate) files: Vec<String>,
    /// Those that end in `.rs`.
    pub(crate) sources: Vec<Source>,
    /// Those at the root that end in `.md`, and every manifest: path and text.
    pub(crate) texts: Vec<(String, String)>,
}

/// What is wrong, where, and what to do instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) path: String,
    /// From 1; 0 where the whole file is meant.
    pub(crate) line: usize,
    pub(crate) what: String,
}

/// A Rust file in three views of one length, so that an offset means the same in each.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with comments and the insides of literals blanked.
    pub(crate) code: String,
    /// The text with all but comments blanked.
    pub(crate) comments: String,
    /// Where items under `#[cfg(test)]` lie.
    tests: Vec<Range<usize>>,
}

impl Tree {
    pub(crate) fn load(workspace: &Workspace) -> Result<Self> {
        let mut files = Vec::new();
        collect(Path::new("."), &mut files)?;
        files.sort();
        let mut tree = Self { packages: workspace.packages.clone(), ..Self::default() };
        for path in &files {
            if path.ends_with(".rs") {
                tree.sources.push(Source::new(path, &read(path)?));
            } else if is_text(path) {
                tree.texts.push((path.clone(), read(path)?));
            }
        }
        tree.files = files;
        Ok(tree)
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        let (_, text) = self.texts.iter().find(|(candidate, _)| candidate == path)?;
        Some(text)
    }

    pub(crate) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }

    /// The package that a file belongs to: the one with the longest folder above it.
    pub(crate) fn package_of(&self, path: &str) -> Option<&Package> {
        let above = self.packages.iter().filter(|package| lies_in(path, &package.dir));
        above.max_by_key(|package| package.dir.len())
    }

    /// A file, or a folder that holds one.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file == path || lies_in(file, path))
    }
}

impl Violation {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, comments) = lexer::split(text);
        let tests = lexer::test_items(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, comments, tests }
    }

    /// Where `word` stands in code with no letter, digit or `_` running on at either end.
    pub(crate) fn words<'s>(&'s self, word: &'s str) -> impl Iterator<Item = usize> + 's {
        lexer::words(&self.code, word)
    }

    /// The line of an offset, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count() + 1
    }

    /// Code that only tests compile: a file under `tests`, or an item under `#[cfg(test)]`.
    pub(crate) fn is_test(&self, offset: usize) -> bool {
        let in_item = self.tests.iter().any(|range| range.contains(&offset));
        in_item || matches("**/tests/**", &self.path) || matches("**/tests.rs", &self.path)
    }
}

/// `path` is inside the folder `dir`.
pub(crate) fn lies_in(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

/// `*` stands for anything within a folder's or file's name, `**` also for `/`; `**/` also for
/// nothing.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("**/") {
        let below = path.match_indices('/').any(|(at, _)| matches(rest, &path[at + 1..]));
        return below || matches(rest, path);
    }
    let Some(head) = pattern.chars().next() else { return path.is_empty() };
    if head != '*' {
        return path
            .strip_prefix(head)
            .is_some_and(|path| matches(&pattern[head.len_utf8()..], path));
    }
    let (rest, crosses) = match pattern.strip_prefix("**") {
        Some(rest) => (rest, true),
        None => (&pattern[1..], false),
    };
    let reach = if crosses { path.len() } else { path.find('/').unwrap_or(path.len()) };
    (0..=reach).any(|end| path.is_char_boundary(end) && matches(rest, &path[end..]))
}

pub(crate) fn matches_any(patterns: &[&str], path: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, path))
}

fn is_text(path: &str) -> bool {
    path.ends_with("Cargo.toml") || (path.ends_with(".md") && !path.contains('/'))
}

fn collect(dir: &Path, files: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if !entry.file_type()?.is_dir() {
            let path = path.strip_prefix(".").unwrap_or(&path);
            files.push(path.to_string_lossy().replace('\\', "/"));
        } else if is_ours(&name) {
            collect(&path, files)?;
        }
    }
    Ok(())
}

fn is_ours(folder: &str) -> bool {
    let hidden = folder.starts_with('.') && !DOT_FOLDERS.contains(&folder);
    !hidden && !SKIPPED_FOLDERS.contains(&folder)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

#[cfg(test)]
impl Tree {
    /// A tree planted by a test: its files with their text.
    pub(crate) fn planted(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for &(path, text) in files {
            tree.files.push(path.to_owned());
            if path.ends_with(".rs") {
                tree.sources.push(Source::new(path, text));
            } else {
                tree.texts.push((path.to_owned(), text.to_owned()));
            }
        }
        tree
    }

    /// Adds a package whose library, if there is such a file, is `src/lib.rs`; every file directly
    /// under `tests` is a target.
    pub(crate) fn with_package(mut self, name: &str, dir: &str) -> Self {
        use crate::workspace::Target;
        let target = |kind: &str, root: &str| Target {
            name: root.to_owned(),
            kind: kind.to_owned(),
            root: root.to_owned(),
        };
        let lib = format!("{dir}/src/lib.rs");
        let is_test = |path: &&String| matches(&format!("{dir}/tests/*.rs"), path);
        let mut targets: Vec<_> =
            self.files.iter().filter(is_test).map(|path| target("test", path)).collect();
        if self.files.contains(&lib) {
            targets.push(target("lib", &lib));
        }
        let (name, dir) = (name.to_owned(), dir.to_owned());
        self.packages.push(Package { name, dir, targets, dependencies: Vec::new() });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches("engine/ring/**", "engine/ring/src/lib.rs"));
        assert!(!matches("engine/ring/**", "engine/rings/src/lib.rs"));
        assert!(matches("feeds/src/transport/uring*.rs", "feeds/src/transport/uring_udp.rs"));
        assert!(!matches("feeds/src/*.rs", "feeds/src/codec/itch.rs"));
        assert!(matches("**/tests/**", "tests/a.rs"));
        assert!(matches("**/tests/**", "engine/ring/tests/a.rs"));
        assert!(!matches("**/tests/**", "engine/contests/a.rs"));
    }

    #[test]
    fn a_file_belongs_to_the_nearest_package() {
        let tree =
            Tree::default().with_package("feeds", "feeds").with_package("fuzz", "feeds/fuzz");
        assert_eq!(tree.package_of("feeds/fuzz/x.rs").unwrap().name, "fuzz");
        assert_eq!(tree.package_of("feeds/src/lib.rs").unwrap().name, "feeds");
        assert!(tree.package_of("feedstock/src/lib.rs").is_none());
    }

    #[test]
    fn test_code_is_told_apart() {
        let source =
            Source::new("a/src/lib.rs", "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\n");
        let offset = |what| source.text.find(what).unwrap();
        assert!(!source.is_test(offset("fn a")));
        assert!(source.is_test(offset("fn b")));
        assert_eq!(source.line(offset("fn b")), 3);
        assert!(Source::new("a/tests/it.rs", "fn a() {}").is_test(0));
    }
}
