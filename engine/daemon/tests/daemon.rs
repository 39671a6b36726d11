//! `tapewatch run`: how it starts, how it ends, and that nothing found is lost in between.

mod tapewatch;

use serde_json::Value;
use std::fs;
use tapewatch::{Folder, Ran, Running, json_lines};

/// A folder with a tape, and a configuration that replays it at `speed` into `sink`.
fn with_feed(speed: &str, sink: &str) -> Folder {
    let folder = Folder::new();
    folder.generate("tape", "--messages 20000 --subjects 3 --seed 11 --bursts 3", "tape.csv");
    let configuration =
        format!("[[feed]]\npath = \"tape.csv\"\nspeed = {speed}\n[[sink]]\n{sink}\n");
    folder.write("c.toml", configuration);
    folder
}

const INTO_FILE: &str = "kind = \"jsonl\"\npath = \"out.jsonl\"";

/// How many findings the summary on stderr tells of.
fn counted(stderr: &str) -> usize {
    let rows = stderr
        .lines()
        .filter(|line| line.starts_with("  alerts ") || line.starts_with("  signals "));
    let numbers = rows.flat_map(|row| row.split_whitespace().skip(2).step_by(2));
    let number = |text: &str| text.replace(',', "").parse::<usize>().unwrap_or(0);
    numbers.map(number).sum()
}

fn wait_for_findings(running: &mut Running<'_>, folder: &Folder, name: &str) {
    let path = folder.path(name);
    running.wait_for("findings", || fs::metadata(&path).is_ok_and(|file| file.len() > 0));
}

fn drained(ran: Ran, findings: &[u8]) {
    let ran = ran.succeeded();
    assert!(ran.stderr.contains("  ended       by a signal"), "{}", ran.stderr);
    let findings = json_lines(findings);
    assert!(!findings.is_empty());
    assert_eq!(findings.len(), counted(&ran.stderr), "{}", ran.stderr);
}

#[test]
fn a_signal_drains() {
    for (signal, topology) in [("TERM", "auto"), ("INT", "auto"), ("TERM", "fused")] {
        let folder = with_feed("60", INTO_FILE);
        let configuration = String::from_utf8(folder.read("c.toml")).unwrap();
        folder.write("c.toml", format!("{configuration}[machine]\ntopology = \"{topology}\"\n"));
        let mut running = folder.begin("run --config c.toml");
        wait_for_findings(&mut running, &folder, "out.jsonl");
        running.signal(signal);
        let ran = running.end();
        assert!(ran.stdout.is_empty());
        drained(ran, &folder.read("out.jsonl"));
    }
}

#[test]
fn a_signal_before_the_first_event_drains_too() {
    let folder = with_feed("0.000001", INTO_FILE);
    let mut running = folder.begin("run --config c.toml");
    let banner = folder.path(".stderr");
    running.wait_for("the banner", || {
        fs::read_to_string(&banner).is_ok_and(|told| told.contains('\n'))
    });
    running.signal("TERM");
    let ran = running.end().succeeded();
    assert!(ran.stderr.starts_with("tapewatch: running, "), "{}", ran.stderr);
}

#[test]
fn findings_on_stdout_stand_alone() {
    let folder = with_feed("60", "kind = \"stdout\"");
    let mut running = folder.begin("run --config c.toml");
    wait_for_findings(&mut running, &folder, ".stdout");
    running.signal("TERM");
    let ran = running.end();
    let findings = ran.stdout.clone();
    drained(ran, findings.as_bytes());
}

#[test]
fn the_end_of_the_file_is_the_end() {
    let folder = with_feed("\"max\"", INTO_FILE);
    let ran = folder.run("run --config c.toml").succeeded();
    assert!(ran.stdout.is_empty());
    assert!(ran.stderr.contains("P06 3"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("  ended "), "{}", ran.stderr);
    let findings = json_lines(&folder.read("out.jsonl"));
    assert_eq!(findings.len(), counted(&ran.stderr));
    folder.replay("tape.csv --findings replayed.jsonl");
    assert!(folder.read("out.jsonl") == folder.read("replayed.jsonl"), "as a replay finds them");
}

#[test]
fn a_paced_feed_ends_as_well() {
    let folder = with_feed("100000", INTO_FILE);
    let ran = folder.run("run --config c.toml").succeeded();
    assert_eq!(json_lines(&folder.read("out.jsonl")).len(), counted(&ran.stderr));
    let at = |finding: &Value| finding["at"].as_u64().or(finding["raised_at"].as_u64());
    assert!(json_lines(&folder.read("out.jsonl")).iter().all(|finding| at(finding).is_some()));
}

#[test]
fn a_sink_may_want_alerts_only() {
    let folder = with_feed("\"max\"", &format!("{INTO_FILE}\nonly = \"alerts\""));
    folder.run("run --config c.toml").succeeded();
    let findings = json_lines(&folder.read("out.jsonl"));
    assert_eq!(findings.iter().filter(|alert| alert["pattern"] == "P06").count(), 3);
    assert!(findings.iter().all(|finding| finding["kind"] == "alert"));
}

#[test]
fn a_file_that_breaks_off_is_told_after_the_summary() {
    let folder = with_feed("\"max\"", INTO_FILE);
    let tape = folder.read("tape.csv");
    folder.write("tape.csv", &tape[..tape.len() / 2 - 2]);
    let ran = folder.run("run --config c.toml");
    assert_eq!(ran.code, Some(65), "{}", ran.stderr);
    assert!(ran.stderr.contains("  ended       early, by an error\n"), "{}", ran.stderr);
    assert!(ran.stderr.lines().last().unwrap().starts_with("tapewatch: "), "{}", ran.stderr);
    assert_eq!(json_lines(&folder.read("out.jsonl")).len(), counted(&ran.stderr));
}

#[test]
fn findings_that_cannot_be_written_end_it() {
    let folder = with_feed("\"max\"", "kind = \"jsonl\"\npath = \"/dev/full\"");
    let ran = folder.run("run --config c.toml");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let last = ran.stderr.lines().last().unwrap();
    assert!(last.starts_with("tapewatch: findings cannot be written: /dev/full: "), "{last}");
    let stdout = with_feed("\"max\"", "kind = \"stdout\"");
    let ran = stdout.shell("{ \"$TAPEWATCH\" run --config c.toml; echo $? > code; } | true");
    assert_eq!(stdout.read("code"), b"1\n", "a daemon needs its reader: {}", ran.stderr);
}
