//! Arrows between our packages point down: who may use whom, and who may use a few crates of
//! others that belong to the edges.

use super::tree::{Tree, Violation};
use crate::workspace::{Dependency, Package};

/// This file, for the message that a new package meets.
const HERE: &str = "scripts/xtask/src/tidy/arrows.rs";

/// What a package may use of ours, outside its tests.
enum May {
    Use(&'static [&'static str]),
    UseAnything,
}
use May::{Use, UseAnything};

/// From the bottom up. A new package is added here, and to the table in ARCHITECTURE.md.
const ARROWS: &[(&str, May)] = &[
    ("engine-event", Use(&[])),
    ("engine-ring", Use(&[])),
    ("engine-book", Use(&["engine-event"])),
    ("engine-stream", Use(&["engine-event"])),
    ("engine-risk", Use(&["engine-event", "engine-book"])),
    ("engine-observer", Use(&["engine-event", "engine-book", "engine-risk", "engine-stream"])),
    ("engine-pipeline", Use(&["engine-event", "engine-ring"])),
    // An auditor reads it alone: it uses nothing of ours.
    ("engine-audit", Use(&[])),
    ("engine-journal", Use(&["engine-event", "engine-pipeline", "engine-audit"])),
    ("feeds", Use(&["engine-event", "engine-pipeline"])),
    // Ideas see the boundary and what it re-exports, nothing behind it.
    ("strategies", Use(&["engine-observer"])),
    ("surveillance", Use(&["engine-observer"])),
    // Cases are written from the catalogue: whoever makes them sees no detector.
    ("surveillance-proof", Use(&["engine-event", "engine-book"])),
    (
        "engine-assembly",
        Use(&[
            "engine-event",
            "engine-ring",
            "engine-book",
            "engine-stream",
            "engine-observer",
            "engine-pipeline",
            "engine-journal",
        ]),
    ),
    ("engine-api", Use(&["engine-observer", "engine-pipeline", "engine-ring"])),
    ("engine-daemon", UseAnything),
    ("benches", UseAnything),
    ("feeds-fuzz", UseAnything),
    ("xtask", Use(&[])),
];

/// Tests may use anything but what is wired here: a test of a lower package that needs the whole
/// product belongs to the daemon.
const TOP: &str = "engine-daemon";

/// Crates of others that stay at the edges, who may use them outside tests, and why.
const EDGES: &[(&str, &[&str], &str)] = &[
    (
        "serde_json",
        &["engine-api", "engine-daemon", "benches", "xtask"],
        "only the edges know JSON: hand over data, they write it",
    ),
    (
        "anyhow",
        &["engine-daemon", "benches", "xtask"],
        "a library's errors are an enum of its own (thiserror)",
    ),
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.packages.iter().flat_map(package).collect()
}

fn package(package: &Package) -> Vec<Violation> {
    let Some((_, may)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
        let what = format!(
            "no arrows are known for `{}`: say in ARROWS of {HERE} what it may use",
            package.name
        );
        return vec![Violation::new(&manifest(package), 0, what)];
    };
    let wrong = package.dependencies.iter().filter_map(|used| {
        let what = arrow(package, used, may).or_else(|| edge(package, used))?;
        Some(Violation::new(&manifest(package), 0, what))
    });
    wrong.collect()
}

fn arrow(package: &Package, used: &Dependency, may: &May) -> Option<String> {
    let Use(allowed) = may else { return None };
    let (user, used_name) = (&package.name, &used.name);
    if !used.ours || user == used_name {
        return None;
    }
    if used.dev {
        let what = || format!("tests of `{user}` may use anything but `{TOP}`: test it there");
        return (used_name == TOP).then(what);
    }
    if allowed.contains(&used_name.as_str()) {
        return None;
    }
    let allowed = if allowed.is_empty() { "nothing of ours".into() } else { allowed.join(", ") };
    Some(format!("`{user}` may not use `{used_name}`, only {allowed}: arrows point down ({HERE})"))
}

fn edge(package: &Package, used: &Dependency) -> Option<String> {
    let (name, allowed, why) = EDGES.iter().find(|(name, ..)| *name == used.name)?;
    if used.dev || allowed.contains(&package.name.as_str()) {
        return None;
    }
    Some(format!("`{}` may not use `{name}`: {why}", package.name))
}

fn manifest(package: &Package) -> String {
    format!("{}/Cargo.toml", package.dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(user: &str, used: &str, dev: bool) -> Vec<Violation> {
        let ours = used.starts_with("engine-") || used == "feeds";
        let dependency = Dependency { name: used.to_owned(), dev, ours };
        let package = Package {
            name: user.to_owned(),
            dir: "a".to_owned(),
            dependencies: vec![dependency],
            ..Package::default()
        };
        self::package(&package)
    }

    #[track_caller]
    fn refused(user: &str, used: &str, dev: bool, expected: &str) {
        let violations = uses(user, used, dev);
        assert_eq!(violations.len(), 1, "{user} → {used}");
        assert!(violations[0].what.contains(expected), "{}", violations[0]);
    }

    #[track_caller]
    fn allowed(user: &str, used: &str, dev: bool) {
        assert_eq!(uses(user, used, dev), []);
    }

    #[test]
    fn arrows_point_down() {
        allowed("engine-book", "engine-event", false);
        allowed("engine-daemon", "engine-api", false);
        refused("engine-book", "engine-observer", false, "only engine-event");
        refused("engine-event", "engine-book", false, "only nothing of ours");
        refused("strategies", "engine-book", false, "only engine-observer");
    }

    #[test]
    fn tests_may_use_anything_but_the_top() {
        allowed("engine-book", "feeds", true);
        refused("engine-book", "engine-daemon", true, "tests of `engine-book`");
    }

    #[test]
    fn edges_stay_at_the_edges() {
        allowed("engine-api", "serde_json", false);
        allowed("engine-book", "serde_json", true);
        refused("engine-book", "serde_json", false, "only the edges know JSON");
        refused("engine-api", "anyhow", false, "enum of its own");
    }

    #[test]
    fn an_unknown_package_is_told_where_to_go() {
        refused("engine-new", "engine-event", false, HERE);
    }

    #[test]
    fn the_table_has_no_cycle() {
        for (at, (user, may)) in ARROWS.iter().enumerate() {
            let Use(allowed) = may else { continue };
            let below: Vec<_> = ARROWS[..at].iter().map(|(name, _)| *name).collect();
            assert!(allowed.iter().all(|name| below.contains(name)), "{user} uses one above it");
        }
    }
}
