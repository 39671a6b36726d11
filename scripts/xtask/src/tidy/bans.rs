//! Words that we do not write, each with what to write instead.

use super::tree::{Source, Tree, Violation, matches_any};

struct Ban {
    word: &'static str,
    instead: &'static str,
    /// Where it may stand.
    allowed: &'static [&'static str],
    /// Whether it may stand in tests.
    in_tests: bool,
}

/// Who measures or is the edge: the daemon, the benches, the chores, and examples of use.
const EDGES: &[&str] =
    &["engine/daemon/**", "benches/**", "scripts/**", "feeds/fuzz/**", "**/examples/**"];

const CLOCK: &str = "take `now` as an argument; runner and feeds read an engine_event `Clock`";
const CLOCK_ALLOWED: &[&str] = &[
    "engine/event/src/clock.rs",
    "engine/daemon/**",
    "benches/**",
    "scripts/**",
    "feeds/fuzz/**",
    "**/examples/**",
];

const BANS: &[Ban] = &[
    Ban { word: "Instant::now", instead: CLOCK, allowed: CLOCK_ALLOWED, in_tests: true },
    Ban { word: "SystemTime::now", instead: CLOCK, allowed: CLOCK_ALLOWED, in_tests: true },
    Ban {
        word: "println!",
        instead: "return data, the daemon prints; a test that must speak uses `eprintln!`",
        allowed: EDGES,
        in_tests: false,
    },
    Ban {
        word: "print!",
        instead: "return data, the daemon prints",
        allowed: EDGES,
        in_tests: false,
    },
    Ban {
        word: "todo!",
        instead: "return an error that says what is not supported",
        allowed: &[],
        in_tests: false,
    },
    Ban {
        word: "unimplemented!",
        instead: "return an error that says what is not supported",
        allowed: &[],
        in_tests: false,
    },
    Ban {
        word: "dbg!",
        instead: "an `assert!` or a `tracing` event",
        allowed: &[],
        in_tests: false,
    },
];

const MPSC: &str = "no `std::sync::mpsc`: engine_ring for events, crossbeam-channel for control";
const IGNORE: &str = "`#[ignore]` needs its reason: `#[ignore = \"why, and who runs it\"]`";

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.sources.iter().flat_map(source).collect()
}

fn source(source: &Source) -> Vec<Violation> {
    let bans = BANS.iter().flat_map(|ban| banned(source, ban));
    bans.chain(std_mpsc(source)).chain(bare_ignore(source)).collect()
}

fn banned(source: &Source, ban: &Ban) -> Vec<Violation> {
    if matches_any(ban.allowed, &source.path) {
        return Vec::new();
    }
    let what = format!("no `{}`: {}", ban.word, ban.instead);
    let found = source.words(ban.word).filter(|&at| !(ban.in_tests && source.is_test(at)));
    found.map(|at| Violation::new(&source.path, source.line(at), what.clone())).collect()
}

/// The whole path in one piece, or `mpsc` anywhere in a `use std…;`.
fn std_mpsc(source: &Source) -> Vec<Violation> {
    let violation = |at| Violation::new(&source.path, source.line(at), MPSC);
    let mut found = Vec::new();
    for at in source.words("mpsc") {
        let before = &source.code[..at];
        let statement = &before[before.rfind(';').map_or(0, |end| end + 1)..];
        let imports = statement.rfind("use std::").is_some_and(|from| {
            statement[from..].matches('{').count() >= statement[from..].matches('}').count()
        });
        if before.ends_with("std::sync::") || imports {
            found.push(violation(at));
        }
    }
    found
}

/// In code, a reason's text is blanked; what it says is read from the text.
fn bare_ignore(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for (at, _) in source.code.match_indices("#[ignore") {
        let attribute = source.code[at..].split(']').next().unwrap_or_default();
        let text = &source.text[at..at + attribute.len()];
        let reason = text.split_once('"').map_or("", |(_, reason)| reason.trim_end_matches('"'));
        if reason.trim().is_empty() {
            found.push(Violation::new(&source.path, source.line(at), IGNORE));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_bans(path: &str, text: &str, expected: &[&str]) {
        let found = source(&Source::new(path, text));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
    }

    const LIB: &str = "engine/book/src/lib.rs";

    #[test]
    fn clocks_are_read_in_one_place() {
        let text = "fn a() {\n    let t = std::time::Instant::now();\n    SystemTime::now();\n}";
        check_bans(LIB, text, &["lib.rs:2: no `Instant::now`", "lib.rs:3: no `SystemTime::now`"]);
        check_bans("engine/event/src/clock.rs", text, &[]);
        check_bans("engine/daemon/src/main.rs", text, &[]);
        check_bans("engine/book/tests/it.rs", text, &[]);
        check_bans(LIB, &format!("#[cfg(test)]\nmod tests {{ {text} }}"), &[]);
        check_bans(LIB, "// Instant::now()\n\"Instant::now()\"; MyInstant::now();", &[]);
    }

    #[test]
    fn only_the_edges_print() {
        check_bans(LIB, "println!(); eprintln!();", &["no `println!`"]);
        check_bans(LIB, "print!(); eprint!();", &["no `print!`"]);
        check_bans("engine/book/tests/it.rs", "println!();", &["no `println!`"]);
        check_bans("engine/daemon/src/main.rs", "println!();", &[]);
    }

    #[test]
    fn nothing_is_left_undone() {
        check_bans(LIB, "todo!()", &["no `todo!`"]);
        check_bans(LIB, "unimplemented!()", &["no `unimplemented!`"]);
        check_bans("engine/daemon/tests/it.rs", "dbg!(x)", &["no `dbg!`"]);
        check_bans(LIB, "/// `todo!()`\nfn todo() {}", &[]);
    }

    #[test]
    fn std_channels_are_found_however_they_are_imported() {
        check_bans(LIB, "use std::sync::mpsc;", &["std::sync::mpsc"]);
        check_bans(LIB, "use std::{io, sync::{Arc, mpsc::Sender}};", &["std::sync::mpsc"]);
        check_bans(LIB, "fn a() { std::sync::mpsc::channel() }", &["std::sync::mpsc"]);
        check_bans(LIB, "use std::io;\nuse tokio::sync::mpsc;", &[]);
    }

    #[test]
    fn an_ignored_test_says_why() {
        check_bans(LIB, "#[ignore]\nfn a() {}", &["needs its reason"]);
        check_bans(LIB, "#[ignore = \" \"]\nfn a() {}", &["needs its reason"]);
        check_bans(LIB, "#[ignore = \"an hour long\"]\nfn a() {}", &[]);
    }
}
