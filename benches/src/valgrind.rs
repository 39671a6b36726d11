//! What Valgrind counts in a program that runs itself under it: instructions, and misses of caches.

use std::collections::HashMap;
use std::process::{Command, Stdio};

/// Whether it can be run here.
#[must_use]
pub fn has_valgrind() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Does the work; under [`count`] this is all that is counted.
#[inline(never)]
pub fn counted(work: &mut dyn FnMut()) {
    work();
}

/// What was counted.
#[derive(Debug)]
pub struct Counts {
    /// What the program printed.
    pub printed: String,
    events: HashMap<String, f64>,
}

impl Counts {
    /// The sum of some events, by Callgrind's names.
    ///
    /// # Panics
    /// If they were not counted.
    #[must_use]
    pub fn of(&self, events: &[&str]) -> f64 {
        events.iter().map(|event| self.events[*event]).sum()
    }
}

/// Runs this program with other arguments under Callgrind, which is given `options`.
///
/// # Panics
/// If it fails, or counts nothing.
#[must_use]
pub fn count(options: &[String], arguments: &[String]) -> Counts {
    let out = tempfile::NamedTempFile::new().expect("a temporary file");
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .arg("--toggle-collect=benches::valgrind::counted")
        .args(options)
        .arg(format!("--callgrind-out-file={}", out.path().display()))
        .arg(std::env::current_exe().expect("this program"))
        .args(arguments)
        .output()
        .expect("valgrind");
    assert!(ran.status.success(), "valgrind: {}", String::from_utf8_lossy(&ran.stderr));
    let text = std::fs::read_to_string(out.path()).expect("what was counted");
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    Counts { printed, events: totals(&text) }
}

/// Each event's total, from Callgrind's output.
fn totals(text: &str) -> HashMap<String, f64> {
    let line = |start: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_default().split_whitespace()
    };
    let totals = line("totals:").map(|count| count.parse().expect("a count"));
    let totals: HashMap<_, _> = line("events:").map(str::to_owned).zip(totals).collect();
    let nothing = totals.values().all(|count| *count == 0.0);
    assert!(!nothing, "nothing was counted: does `counted` still have its name?");
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_by_their_events() {
        let text = "version: 1\nevents: Ir Dr D1mr\nfn=(1) x\n1 2 3 4\ntotals: 20 30 4\n";
        let counts = Counts { printed: String::new(), events: totals(text) };
        assert_eq!((counts.of(&["Ir"]), counts.of(&["Dr", "D1mr"])), (20.0, 34.0));
    }
}
