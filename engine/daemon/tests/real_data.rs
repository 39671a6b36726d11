//! Real days, which are not ours to pass on. `TAPEWATCH_DATA` names a folder; what is looked for in it:
//!
//! - `itch50/`: days of NASDAQ TotalView-ITCH 5.0 as NASDAQ publishes them
//!   (`01302020.NASDAQ_ITCH50.gz`);
//! - `dbn/`: Databento's files; of those by order (`…mbo….dbn.zst`, say of `ESH4`) that begin with a
//!   snapshot or before the session, books must stay certain.
//!
//! What is not there is said, not passed in silence.

mod tapewatch;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files of a folder of real data whose names are wanted.
fn files(folder: &str, wanted: fn(&str) -> bool) -> Vec<PathBuf> {
    let data = std::env::var_os("TAPEWATCH_DATA").map(PathBuf::from);
    let entries = data.and_then(|data| std::fs::read_dir(data.join(folder)).ok());
    let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    let is_wanted =
        |path: &PathBuf| path.file_name().and_then(|of| of.to_str()).is_some_and(wanted);
    let mut files: Vec<_> = paths.filter(is_wanted).collect();
    files.sort();
    if files.is_empty() {
        eprintln!("not run: no data (TAPEWATCH_DATA/{folder})");
    }
    files
}

/// The one JSON document that a command prints. Takes as long as it takes.
fn told(command: &str, file: &Path, flags: &[&str]) -> Value {
    let mut tapewatch = Command::new(env!("CARGO_BIN_EXE_tapewatch"));
    let ran = tapewatch.arg(command).arg(file).args(flags).arg("--json").output().unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{}: {errors}", file.display());
    serde_json::from_slice(&ran.stdout).expect("a JSON document")
}

/// None of these can come about in books that know all orders from the beginning.
fn assert_books_hold(summary: &Value, file: &Path) {
    let faults = summary["faults"].as_object().unwrap();
    for fault in ["unknown-order", "duplicate-order", "beyond-quantity", "incomplete-order"] {
        let books = &summary["books"];
        assert_eq!(faults.get(fault), None, "{}: {faults:?}, {books}", file.display());
    }
}

/// The whole day: every order from the first message on, so that no book may lack one.
#[test]
fn a_nasdaq_day_is_without_a_fault() {
    for file in files("itch50", |name| name.to_uppercase().contains("ITCH50")) {
        let summary = told("replay", &file, &[]);
        assert!(summary["messages"].as_u64() > Some(1_000_000), "{summary}");
        // Newer days have message types that nobody knew: they are counted, and lose nothing.
        assert_eq!(summary["gaps"], 0, "{summary}");
        assert_books_hold(&summary, &file);
        let sharded = told("replay", &file, &["--shards", "8"]);
        for key in ["events", "faults", "books", "books_digest", "findings_digest"] {
            assert_eq!(sharded[key], summary[key], "{}: {key}", file.display());
        }
    }
}

#[test]
fn databento_files_are_decoded_without_a_fault() {
    for file in files("dbn", |name| name.contains(".dbn")) {
        let count = told("decode", &file, &["--count", "--strict"]);
        assert!(count["messages"].as_u64() > Some(0), "{}: {count}", file.display());
    }
}

/// Files that are cut out of a session have changes of orders that they never told; whole ones have not.
#[test]
fn a_session_by_order_keeps_its_books_certain() {
    let mut held = 0;
    for file in files("dbn", |name| name.contains("mbo") && name.contains(".dbn")) {
        let first = Command::new(env!("CARGO_BIN_EXE_tapewatch"))
            .arg("decode")
            .arg(&file)
            .args(["--limit", "200"])
            .output()
            .unwrap();
        let begins_with_snapshot = String::from_utf8_lossy(&first.stdout).contains(" clear ");
        let summary = told("replay", &file, &[]);
        if begins_with_snapshot {
            assert_books_hold(&summary, &file);
            held += 1;
        } else {
            // It cannot know, and says so.
            let books = &summary["books"];
            assert!(summary["faults"] == serde_json::json!({}) || books["stale"] != 0, "{summary}");
        }
    }
    if held == 0 {
        eprintln!("not run: no data (no session by order that begins with a snapshot)");
    }
}
