//! A run that is killed, or stopped, and goes on with its journal: nothing that was told is lost, nothing is
//! told twice, and the end is the one of a run that nobody disturbed.

mod tapewatch;

use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tapewatch::{Folder, Ran, json_lines};

/// What does not depend on how often a run was broken off.
const ESSENCE: [&str; 5] = ["messages", "events", "books_digest", "findings_digest", "findings"];

fn essence(summary: &Value) -> BTreeMap<&str, &Value> {
    ESSENCE.into_iter().map(|key| (key, &summary[key])).collect()
}

/// A tape with alerts all over it.
fn with_tape(messages: u32) -> Folder {
    let folder = Folder::new();
    let flags = format!("--messages {messages} --subjects 5 --seed 21 --bursts 12");
    folder.generate("tape", &flags, "tape.csv");
    folder
}

/// Each alert once, in the log and in the sink, and all of them final.
fn check_alert_log(folder: &Folder, alerts: usize) {
    let info = folder.run("journal info j --json").succeeded().json();
    assert_eq!(info["alerts"]["final"], alerts, "{info}");
    assert_eq!(info["alerts"]["provisional"], 0, "{info}");
    let verified = folder.run("journal verify j --json").succeeded().json();
    assert_eq!(verified["damages"], Value::Array(Vec::new()), "{verified}");
}

fn alerts(findings: &[u8]) -> usize {
    json_lines(findings).iter().filter(|line| line["kind"] == "alert").count()
}

/// Kills the run at many moments; the last one is left in peace.
fn killed_until_it_ends(folder: &Folder, line: &str, kills: u32) -> (Ran, u32) {
    let mut killed = 0;
    for round in 0..kills {
        let mut running = folder.begin(line);
        let moment = Duration::from_micros(2_000 + u64::from(round * 7919 % 400) * 1_000);
        if running.has_ended_after(moment) {
            running.end().succeeded();
            continue;
        }
        running.signal("KILL");
        running.end();
        killed += 1;
    }
    (folder.run(line).succeeded(), killed)
}

#[test]
fn a_killed_replay_goes_on_as_if_nothing_had_happened() {
    let folder = with_tape(150_000);
    let undisturbed = folder.replay("tape.csv --findings all.jsonl");
    let expected = folder.read("all.jsonl");
    let kills = std::env::var("TAPEWATCH_KILLS").ok().and_then(|text| text.parse().ok());
    let line = "replay tape.csv --journal j --resume --findings out.jsonl --json";
    let (ended, killed) = killed_until_it_ends(&folder, line, kills.unwrap_or(30));
    assert!(killed > 5, "only {killed} were killed before they ended");
    assert_eq!(essence(&ended.json()), essence(&undisturbed));
    assert!(folder.read("out.jsonl") == expected, "the findings differ");
    check_alert_log(&folder, alerts(&expected));
    let again = folder.replay("j --findings again.jsonl");
    assert_eq!(again["findings_digest"], undisturbed["findings_digest"]);
    assert_eq!(again["books_digest"], undisturbed["books_digest"]);
    assert!(folder.read("again.jsonl") == expected, "the journal tells something else");
}

#[test]
fn a_killed_daemon_goes_on_from_a_checkpoint() {
    let folder = with_tape(150_000);
    folder.replay("tape.csv --findings all.jsonl");
    let expected = folder.read("all.jsonl");
    folder.write(
        "c.toml",
        "[[feed]]\npath = \"tape.csv\"\nspeed = \"max\"\n[journal]\nfolder = \"j\"\ncheckpoint_events = 10000\nsegment_mib = 1\n\
         [[sink]]\nkind = \"jsonl\"\npath = \"out.jsonl\"\n",
    );
    let (ended, killed) = killed_until_it_ends(&folder, "run --config c.toml", 20);
    assert!(killed > 3, "only {killed} were killed before they ended");
    assert!(ended.stderr.contains(" of them again"), "{}", ended.stderr);
    assert!(folder.read("out.jsonl") == expected, "the findings differ");
    check_alert_log(&folder, alerts(&expected));
    let checkpoints = folder.path("j/checkpoints").read_dir().unwrap().count();
    assert!((1..=4).contains(&checkpoints), "{checkpoints} checkpoints");
}
