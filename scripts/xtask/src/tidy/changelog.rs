//! The changelog's form: newest version first, under each the same few groups.
//!
//! ```text
//! # Changelog
//!
//! ## Unreleased
//!
//! ### Added
//! - What a user gains, in one sentence.
//!
//! ## 0.1.0 – 2026-11-30
//! ```

use super::tree::{Tree, Violation};

const PATH: &str = "CHANGELOG.md";
const GROUPS: &[&str] = &["Added", "Changed", "Fixed", "Performance"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    match tree.text(PATH) {
        Some(text) => changelog(text),
        None => vec![Violation::new(PATH, 0, "there is no changelog")],
    }
}

/// A version's number; `None` is what is not released.
type Version = Option<Vec<u64>>;

fn changelog(text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut report = |line, what: String| violations.push(Violation::new(PATH, line, what));
    let mut above: Option<Version> = None;
    let mut groups: Vec<&str> = Vec::new();
    if text.lines().next() != Some("# Changelog") {
        report(1, "the first line is `# Changelog`".to_owned());
    }
    for (line, text) in (1..).zip(text.lines()) {
        if let Some(title) = text.strip_prefix("## ") {
            match version(title) {
                Some(version)
                    if above.as_ref().is_none_or(|above| comes_below(above, &version)) =>
                {
                    above = Some(version);
                }
                Some(_) => report(line, format!("`{title}` does not come below the one above it")),
                None => {
                    report(line, format!("`{title}` is not `Unreleased` or `1.2.3 – 2026-01-31`"));
                }
            }
            groups.clear();
        } else if let Some(group) = text.strip_prefix("### ") {
            if !GROUPS.contains(&group) {
                report(line, format!("no group `{group}`; there are {}", GROUPS.join(", ")));
            } else if groups.contains(&group) {
                report(line, format!("a second group `{group}` in one version"));
            }
            groups.push(group);
        } else if text.starts_with("- ") && groups.is_empty() {
            report(line, "an entry stands under a version and a group".to_owned());
        } else if text.starts_with("####") || text.starts_with("* ") {
            report(
                line,
                "entries begin with `- `, and there is no heading below a group".to_owned(),
            );
        }
    }
    violations
}

/// `Unreleased` or `x.y.z – yyyy-mm-dd`.
fn version(title: &str) -> Option<Version> {
    if title == "Unreleased" {
        return Some(None);
    }
    let (number, date) = title.split_once(" – ")?;
    let parts: Vec<_> = number.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    (parts.len() == 3 && is_date(date)).then_some(Some(parts))
}

/// The newer stands above; only the first may be unreleased.
fn comes_below(above: &Version, version: &Version) -> bool {
    match (above, version) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(above), Some(version)) => above > version,
    }
}

fn is_date(date: &str) -> bool {
    let in_range = |part: &str, len: usize, max: u64| {
        part.len() == len && part.parse::<u64>().is_ok_and(|value| (1..=max).contains(&value))
    };
    match date.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] => {
            in_range(year, 4, 9999) && in_range(month, 2, 12) && in_range(day, 2, 31)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_changelog(text: &str, expected: &[&str]) {
        let found: Vec<_> = changelog(text).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn the_form_passes() {
        check_changelog(
            "# Changelog\n\nWhat changed.\n\n## Unreleased\n\n### Added\n- A.\n  More.\n\n\
             ## 0.2.0 – 2026-11-30\n### Fixed\n- B.\n### Performance\n- C.\n## 0.1.9 – 2026-01-02\n",
            &[],
        );
    }

    #[test]
    fn each_mistake_is_found() {
        check_changelog("## Unreleased\n", &[":1: the first line"]);
        check_changelog("# Changelog\n## 1.0\n", &[":2: `1.0` is not"]);
        check_changelog("# Changelog\n## 1.0.0 - 2026-01-01\n", &["is not"]);
        check_changelog("# Changelog\n## 1.0.0 – 2026-13-01\n", &["is not"]);
        check_changelog("# Changelog\n## Unreleased\n### Removed\n", &[":3: no group `Removed`"]);
        check_changelog("# Changelog\n## Unreleased\n### Added\n### Added\n", &["a second group"]);
        check_changelog("# Changelog\n## Unreleased\n- A.\n", &["under a version and a group"]);
        check_changelog("# Changelog\n## Unreleased\n### Added\n* A.\n", &["begin with `- `"]);
        let order = "# Changelog\n## 0.9.0 – 2026-01-01\n## 0.10.0 – 2026-01-02\n## Unreleased\n";
        check_changelog(order, &[":3: `0.10.0", ":4: `Unreleased"]);
    }

    #[test]
    fn it_must_exist() {
        assert_eq!(check(&Tree::default()).len(), 1);
        assert_eq!(check(&Tree::planted(&[(PATH, "# Changelog\n")])), []);
    }
}
