//! Every bundled session comes to what stands beside it, on any number of shards and in every layout.

use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The keys of the summary that the input alone decides.
const DECIDED: [&str; 7] =
    ["messages", "events", "gaps", "faults", "findings", "books_digest", "findings_digest"];

fn sessions() -> Vec<PathBuf> {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../replay-data");
    let folders = |of: &Path| {
        let entries =
            fs::read_dir(of).expect("the folder is there").map(|entry| entry.unwrap().path());
        let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    folders(&bundled).iter().flat_map(|domain| folders(domain)).collect()
}

fn data(session: &Path) -> PathBuf {
    let entries = fs::read_dir(session).unwrap().map(|entry| entry.unwrap().path());
    let is_data = |path: &PathBuf| {
        !["md", "json"].iter().any(|end| path.extension().is_some_and(|own| own == *end))
    };
    entries.into_iter().find(is_data).expect("a session has a data file")
}

fn replay(session: &Path, flags: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapewatch"));
    let output =
        command.arg("replay").arg(data(session)).arg("--json").args(flags).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{}: {told}", session.display());
    let summary: Map<String, Value> =
        serde_json::from_slice(&output.stdout).expect("one JSON object");
    DECIDED.iter().map(|key| (key.to_string(), summary[*key].clone())).collect::<Map<_, _>>().into()
}

#[test]
fn sessions_come_to_what_is_expected() {
    assert!(sessions().len() >= 5);
    for session in sessions() {
        let path = session.join("expected.json");
        let found = replay(&session, &[]);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&path, format!("{found:#}\n")).unwrap();
        }
        let expected: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(found, expected, "{}", session.display());
        for flags in
            [["--topology", "fused", "--shards", "8"], ["--topology", "pinned", "--shards", "2"]]
        {
            assert_eq!(replay(&session, &flags), expected, "{} {flags:?}", session.display());
        }
    }
}

#[test]
fn stuffing_is_found_and_nothing_where_there_is_none() {
    let found = |name: &str| {
        let session =
            sessions().into_iter().find(|path| path.ends_with(name)).expect("it is bundled");
        replay(&session, &[])["findings"]["alert"].clone()
    };
    assert_eq!(found("stuffed-tape")["P06"], 3);
    assert_eq!(found("itch-session"), json!({}));
    assert_eq!(found("lobster-hour"), json!({}));
    assert_eq!(found("mauna-loa"), json!({}));
}
