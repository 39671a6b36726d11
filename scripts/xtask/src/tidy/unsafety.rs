//! `unsafe` stays in the few files that need it, under comments that say why it is sound.

use super::tree::{Source, Tree, Violation, lies_in, matches_any};
use crate::workspace::Package;

/// Where `unsafe` may stand.
const ALLOWED: &[&str] = &[
    // Huge pages and prefetching: neither changes what memory holds, and neither has a safe function.
    "engine/book/src/memory.rs",
    "engine/ring/**",
    "engine/journal/src/uring*.rs",
    "engine/pipeline/src/pin*.rs",
    "feeds/src/transport/mapped.rs",
    "feeds/src/transport/udp/batches.rs",
    "feeds/src/transport/udp/card.rs",
    "feeds/src/transport/uring*.rs",
];

/// Where a file may stand that allows itself `unsafe` by [`ALLOW`]: a counting allocator cannot be
/// written without.
const ALLOWING: &[&str] = &["**/tests/**", "benches/benches/**"];

/// The comment by which such a file does so; its reason follows.
const ALLOW: &str = "// tidy: allow(unsafe):";

/// How far above its `unsafe` a comment may stand.
const LINES_ABOVE: usize = 5;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations: Vec<_> = tree.sources.iter().flat_map(source).collect();
    for package in &tree.packages {
        violations.extend(roots(tree, package));
    }
    violations
}

fn source(source: &Source) -> Vec<Violation> {
    let allowed = matches_any(ALLOWED, &source.path) || allows_itself(source);
    let violation = |at| {
        let what = if !allowed {
            "no `unsafe` here: it belongs behind a safe function of engine-ring".to_owned()
        } else if declares(&source.code[at..]) && !has_comment(source, at, "# Safety") {
            "an `unsafe fn` or `trait` says under `# Safety` what its caller must hold".to_owned()
        } else if !declares(&source.code[at..]) && !has_comment(source, at, "SAFETY:") {
            format!("no `SAFETY:` within {LINES_ABOVE} lines above: name the invariant that holds")
        } else {
            return None;
        };
        Some(Violation::new(&source.path, source.line(at), what))
    };
    source.words("unsafe").filter_map(violation).collect()
}

fn allows_itself(source: &Source) -> bool {
    let has_reason =
        |line: &str| line.trim().strip_prefix(ALLOW).is_some_and(|why| !why.is_empty());
    matches_any(ALLOWING, &source.path) && source.comments.lines().any(has_reason)
}

/// `unsafe fn name` and `unsafe trait` put a duty on others; the type `unsafe fn(…)` puts none, and
/// is not told apart from a block: it wants a `SAFETY:` too.
fn declares(from_unsafe: &str) -> bool {
    let mut words = from_unsafe.split_whitespace().skip(1);
    match words.next() {
        Some("fn" | "trait") => true,
        Some("extern") => words.any(|word| word == "fn"),
        _ => false,
    }
}

/// A comment with `mark` on the line of `at` or shortly above it; a comment that begins further up
/// and reaches down to there counts whole.
fn has_comment(source: &Source, at: usize, mark: &str) -> bool {
    let comments: Vec<_> = source.comments.lines().collect();
    let lines: Vec<_> = source.text.lines().collect();
    let last = source.line(at) - 1;
    let mut first = last.saturating_sub(LINES_ABOVE);
    let goes_on_above = |line: usize| {
        let trimmed = lines[line].trim_start();
        trimmed.starts_with("//") || trimmed.starts_with("#[")
    };
    while first > 0 && goes_on_above(first) && goes_on_above(first - 1) {
        first -= 1;
    }
    comments[first..=last].iter().any(|line| line.contains(mark))
}

/// The attribute that makes the compiler hold the ban, in each library and program of a package.
fn roots(tree: &Tree, package: &Package) -> Vec<Violation> {
    let Some(wanted) = attributes(&package.dir) else { return Vec::new() };
    let roots = package.targets.iter().filter(|target| {
        ["lib", "rlib", "bin", "proc-macro"].contains(&target.kind.as_str())
            && target.root.starts_with(&format!("{}/src/", package.dir))
    });
    let bare = roots.filter_map(|target| tree.source(&target.root)).filter(|source| {
        let squeezed: String = source.code.split_whitespace().collect();
        !wanted.iter().any(|level| squeezed.contains(&format!("#![{level}(unsafe_code)]")))
    });
    let what = || format!("the crate's root needs `#![{}(unsafe_code)]`", wanted[0]);
    bare.map(|source| Violation::new(&source.path, 0, what())).collect()
}

/// The lint levels that do for a package in `dir`: none where all of it may use `unsafe`, `deny`
/// where some files may, because `forbid` cannot be lifted by them.
fn attributes(dir: &str) -> Option<&'static [&'static str]> {
    if ALLOWED.contains(&format!("{dir}/**").as_str()) {
        None
    } else if ALLOWED.iter().any(|pattern| lies_in(pattern, dir)) {
        Some(&["deny", "forbid"])
    } else {
        Some(&["forbid"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_source(path: &str, text: &str, expected: Option<&str>) {
        let violations = source(&Source::new(path, text));
        match expected {
            None => assert_eq!(violations, []),
            Some(expected) => {
                assert_eq!(violations.len(), 1, "{violations:?}");
                assert!(violations[0].what.contains(expected), "{}", violations[0]);
            }
        }
    }

    const COMMENTED: &str = "// SAFETY: the slot is full.\nunsafe { read() }";

    #[test]
    fn unsafe_stays_where_it_is_allowed() {
        check_source("engine/ring/src/slots.rs", COMMENTED, None);
        check_source("feeds/src/transport/mapped.rs", COMMENTED, None);
        check_source("engine/book/src/lib.rs", COMMENTED, Some("no `unsafe` here"));
        check_source("feeds/src/codec/itch.rs", COMMENTED, Some("no `unsafe` here"));
        check_source("engine/book/src/lib.rs", "// unsafe\n\"unsafe\" unsafe_code", None);
    }

    #[test]
    fn a_test_may_allow_itself_with_a_reason() {
        let allowing = format!("// tidy: allow(unsafe): a counting allocator\n{COMMENTED}");
        let no_reason = format!("// tidy: allow(unsafe):\n{COMMENTED}");
        check_source("engine/book/tests/quiet.rs", &allowing, None);
        check_source("benches/benches/quiet.rs", &allowing, None);
        check_source("engine/book/tests/quiet.rs", &no_reason, Some("no `unsafe` here"));
        check_source("engine/book/tests/quiet.rs", COMMENTED, Some("no `unsafe` here"));
        check_source("engine/book/src/lib.rs", &allowing, Some("no `unsafe` here"));
    }

    #[test]
    fn every_unsafe_says_why_it_is_sound() {
        let path = "engine/ring/src/lib.rs";
        check_source(path, "unsafe { read() }", Some("no `SAFETY:`"));
        check_source(path, "unsafe impl Send for A {}", Some("no `SAFETY:`"));
        let far = format!("// SAFETY: too far.\n{}unsafe {{ read() }}", "x();\n".repeat(5));
        check_source(path, &far, Some("no `SAFETY:`"));
        let long = format!("// SAFETY: long.\n{}unsafe {{ read() }}", "// more\n".repeat(9));
        check_source(path, &long, None);
        check_source(path, "let said = \"SAFETY:\";\nunsafe { read() }", Some("no `SAFETY:`"));
    }

    #[test]
    fn a_declaration_names_its_duty() {
        let path = "engine/ring/src/lib.rs";
        check_source(path, "unsafe fn take() {}", Some("`# Safety`"));
        check_source(path, "/// # Safety\n/// Full.\n#[inline]\nunsafe fn take() {}", None);
        check_source(path, "/// # Safety\n/// Plain.\npub unsafe trait Record {}", None);
    }

    #[track_caller]
    fn check_root(package: &str, text: &str, expected: usize) {
        let path = format!("{package}/src/lib.rs");
        let tree = Tree::planted(&[(&path, text)]).with_package("p", package);
        assert_eq!(roots(&tree, &tree.packages[0]).len(), expected, "{package}: {text}");
    }

    #[test]
    fn roots_forbid_it() {
        check_root("engine/book", "#![forbid(unsafe_code)]", 0);
        check_root("engine/book", "#![deny(unsafe_code)]", 0);
        check_root("engine/event", "#![deny(unsafe_code)]", 1);
        check_root("engine/book", "// #![forbid(unsafe_code)]", 1);
        check_root("feeds", "#![deny(unsafe_code)]", 0);
        check_root("feeds", "", 1);
        check_root("engine/ring", "", 0);
    }
}
