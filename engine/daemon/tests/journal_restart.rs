//! A run that is killed, or stopped, and goes on with its journal: nothing that was told is lost, nothing is
//! told twice, and the end is the one of a run that nobody disturbed.

mod tapewatch;

use engine_journal::{Checkpoint, Checkpoints, PlainDisk, Reach, from_hex};
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

/// Kills the run at many moments; the last one is left in peace. Where more kills are wanted than a run has
/// time for, it begins anew.
fn killed_until_it_ends(folder: &Folder, line: &str, usual: u32) -> (Ran, u32) {
    let wanted = std::env::var("TAPEWATCH_KILLS").ok().and_then(|text| text.parse().ok());
    let mut killed = 0;
    for round in 0..wanted.unwrap_or(usual) {
        let mut running = folder.begin(line);
        let moment = Duration::from_micros(2_000 + u64::from(round * 7919 % 400) * 1_000);
        if running.has_ended_after(moment) {
            running.end().succeeded();
            let _ = std::fs::remove_dir_all(folder.path("j"));
            let _ = std::fs::remove_file(folder.path("out.jsonl"));
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
    let line = "replay tape.csv --journal j --resume --findings out.jsonl --json";
    let (ended, killed) = killed_until_it_ends(&folder, line, 30);
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

#[test]
fn a_stopped_daemon_goes_on_where_it_was_stopped() {
    let folder = with_tape(150_000);
    folder.write(
        "c.toml",
        "[[feed]]\npath = \"tape.csv\"\nspeed = \"max\"\n[journal]\nfolder = \"j\"\ncheckpoint_events = 0\n\
         [surveillance.P06]\n[[sink]]\nkind = \"jsonl\"\npath = \"out.jsonl\"\n",
    );
    let undisturbed = folder.replay("tape.csv --config c.toml --findings all.jsonl");
    let mut stopped = 0;
    let ended = loop {
        let mut running = folder.begin("run --config c.toml");
        let is_running =
            || String::from_utf8_lossy(&folder.read(".stderr")).contains(": running, ");
        running.wait_for("its first line", is_running);
        // Each time longer: what was read before is read again, and a slow machine must come farther, too.
        if running.has_ended_after(Duration::from_millis(100) * (stopped + 1)) {
            break running.end().succeeded();
        }
        running.signal("TERM");
        let ran = running.end().succeeded();
        if stopped > 0 {
            assert!(ran.stderr.contains(", 0 of them again"), "{}", ran.stderr);
        }
        stopped += 1;
    };
    assert!(stopped > 1, "{}", ended.stderr);
    assert!(folder.read("out.jsonl") == folder.read("all.jsonl"), "the findings differ");
    let digest = undisturbed["findings_digest"].as_str().unwrap();
    assert!(ended.stderr.contains(digest), "{}", ended.stderr);
}

#[test]
fn a_journal_is_replayed_from_anywhere_to_anywhere() {
    let folder = with_tape(40_000);
    let whole = folder.replay("tape.csv --journal j --findings all.jsonl");
    let all = folder.read("all.jsonl");
    for layout in ["--shards 1", "--shards 2 --topology fused", "--shards 2 --topology pinned"] {
        let again = folder.replay(&format!("j {layout} --findings again.jsonl"));
        assert_eq!(again["findings_digest"], whole["findings_digest"], "{layout}");
        assert_eq!(again["books_digest"], whole["books_digest"], "{layout}");
        assert!(folder.read("again.jsonl") == all, "{layout}");
    }
    let from = json_lines(&all).len() / 3;
    let seq = json_lines(&all)[from]["seq"].as_u64().unwrap();
    let rest = folder.replay(&format!("j --from-seq {seq} --findings rest.jsonl"));
    assert_eq!(rest["findings_digest"], whole["findings_digest"]);
    let behind = |line: &&Value| line["seq"].as_u64().unwrap() >= seq;
    let expected: Vec<_> = json_lines(&all).iter().filter(behind).cloned().collect();
    assert_eq!(json_lines(&folder.read("rest.jsonl")), expected);

    // A book in the middle is the one that the tape has there.
    let at = 1_704_200_000_000_000_000_u64;
    let subject = json_lines(&all)[from]["subject"].as_str().unwrap().to_string();
    let book = |source: &str| {
        let line = format!("book {source} --symbol {subject} --at {at} --json");
        let mut book = folder.run(&line).succeeded().json();
        book.as_object_mut().unwrap().remove("seq");
        book
    };
    assert_eq!(book("j"), book("tape.csv"));
}

#[test]
fn what_cannot_go_on_is_told_in_a_line() {
    let folder = with_tape(5_000);
    folder.replay("tape.csv --journal j");
    let refused = |line: &str, code| folder.run(line).failed(code).to_string();
    assert!(refused("replay tape.csv --journal j", 2).contains("--resume goes on with it"));
    folder.generate("tape", "--messages 5000 --subjects 5 --seed 22", "other.csv");
    let other = refused("replay other.csv --journal j --resume", 65);
    assert!(other.contains("is not the input that the journal holds the beginning of"), "{other}");
    assert!(refused("replay j --journal k", 2).contains("needs no other one"));
    assert!(refused("replay tape.csv --to-seq 5", 2).contains("there is no journal in it"));
    assert!(refused("decode tape.csv --format journal", 2).contains("there is no journal in it"));

    let head = folder.read("j/events/head");
    std::fs::remove_file(folder.path("j/events/0000000002.seg")).unwrap();
    let missing = refused("replay tape.csv --journal j --resume", 65);
    assert!(missing.contains("names 2 as the newest segment"), "{missing}");
    folder.write("j/events/head", &head[1..]);
    let damaged = refused("replay tape.csv --journal j --resume", 65);
    assert!(damaged.contains("head: it is damaged"), "{damaged}");
}

#[test]
fn check_tells_of_the_journal() {
    let folder = with_tape(1_000);
    let feed = "[[feed]]\npath = \"tape.csv\"\nspeed = \"max\"\n";
    folder.write("c.toml", format!("{feed}[journal]\nfolder = \"j\"\n"));
    let told = folder.run("check --config c.toml").succeeded().stdout;
    assert!(
        told.contains("  journal   j, a new one; a commit after 256.0 KiB or 2 ms\n"),
        "{told}"
    );
    folder.run("run --config c.toml").succeeded();
    let told = folder.run("check --config c.toml --json").succeeded().json();
    assert_eq!(told["journal"], "j, to be gone on with; a commit after 256.0 KiB or 2 ms");
    folder.write("k.toml", format!("{feed}[journal]\nfolder = \"j\"\nkey = \"no.key\"\n"));
    for command in ["check", "run"] {
        let refused = folder.run(&format!("{command} --config k.toml"));
        let expected = "k.toml:5:10: no.key: No such file or directory (os error 2)";
        assert_eq!(refused.failed(78), expected, "{command}");
    }
}

/// The newest checkpoint as another version of the engine might have left it: it is passed over, the events make
/// the state again.
#[test]
fn a_checkpoint_that_cannot_be_read_is_passed_over() {
    let folder = with_tape(5_000);
    let whole = folder.replay("tape.csv --journal j");
    let info = folder.run("journal info j --json").succeeded().json();
    let id = from_hex(info["journal"].as_str().unwrap()).unwrap();
    let checkpoints = Checkpoints::of(&folder.path("j"), id);
    let mut disk = PlainDisk::new(Reach::Cache);
    let seq = checkpoints.seqs(&mut disk).unwrap()[0];
    let Checkpoint { made_at, state, .. } = checkpoints.read(&mut disk, seq).unwrap();
    // Its own version, then that of its first part.
    for (at, what) in [(0, "has version 257"), (10, "has version 257, this engine reads version 1")]
    {
        let mut other = state.clone();
        other[at + 1] = 1;
        checkpoints.write(&mut disk, seq, made_at, &other).unwrap();
        let ran = folder.run("replay tape.csv --journal j --resume --json").succeeded();
        assert!(ran.stderr.contains(what), "{}", ran.stderr);
        assert!(ran.stderr.contains("passed over"), "{}", ran.stderr);
        assert_eq!(essence(&ran.json()), essence(&whole));
    }
}
