//! What replaying files comes to, and that it comes to the same however it is done.

mod tapewatch;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tapewatch::{Folder, SUMMARY_KEYS, counted, json_lines, keys};

const ALERT_KEYS: [&str; 18] = [
    "kind",
    "pattern",
    "id",
    "subject",
    "venue",
    "participants",
    "first_seq",
    "last_seq",
    "first_event_at",
    "last_event_at",
    "raised_at",
    "seq",
    "score",
    "severity",
    "degraded",
    "episodes",
    "features",
    "parameters",
];

fn with_tape() -> Folder {
    let folder = Folder::new();
    folder.generate("tape", "--messages 20000 --subjects 3 --seed 11 --bursts 3", "tape.csv");
    folder
}

fn digests(summary: &Value) -> [&str; 2] {
    ["books_digest", "findings_digest"].map(|digest| summary[digest].as_str().unwrap())
}

/// Who entered and cancelled more than 4,000 orders within a second.
fn stuffers(tape: &[u8]) -> BTreeSet<String> {
    let mut counts: BTreeMap<(u64, String), u32> = BTreeMap::new();
    for line in std::str::from_utf8(tape).unwrap().lines().skip(1) {
        let columns: Vec<_> = line.split(',').collect();
        let second = columns[0].parse::<u64>().unwrap() / 1_000_000_000;
        *counts.entry((second, columns[8].to_string())).or_default() += 1;
    }
    let busy = counts.into_iter().filter(|(_, count)| *count > 2_000);
    busy.map(|((_, who), _)| who).collect()
}

#[test]
fn the_summary_is_one_document_with_every_key() {
    let folder = with_tape();
    folder.generate("itch", "--messages 5000 --subjects 20", "session.itch");
    folder.generate("lobster", "--messages 2000", "GENR_2026-07-30_message.csv");
    folder.generate("iot", "--messages 5000", "readings.csv");
    for (file, messages) in [
        ("tape.csv", 38_000),
        ("session.itch", 5000),
        ("GENR_2026-07-30_message.csv", 2000),
        ("readings.csv", 5000),
    ] {
        let summary = folder.replay(file);
        for key in SUMMARY_KEYS {
            assert!(!summary[key].is_null(), "{file} has no {key}");
        }
        assert_eq!(summary["messages"], messages, "{file}");
        assert_eq!(summary["bytes"], folder.read(file).len(), "{file}");
        assert_eq!(summary["faults"], serde_json::json!({}), "{file}");
        assert_eq!(summary["stopped"], "end", "{file}");
        let stages = ["decode", "sequence", "hop", "book", "observe", "release", "end_to_end"];
        assert_eq!(summary["latency_order"], serde_json::json!(stages), "{file}");
        for stage in stages {
            let of_stage = &summary["latency"][stage];
            for key in ["count", "p50", "p90", "p99", "p99.9", "max"] {
                assert!(of_stage[key].is_u64(), "{file}: {key} of {of_stage}");
            }
            let followed = summary["events"].as_u64().unwrap() / 64;
            assert!(of_stage["count"].as_u64().unwrap() >= followed * 9 / 10, "{file}: {stage}");
        }
    }
}

#[test]
fn compression_changes_nothing() {
    let folder = with_tape();
    let itch = folder.generate("itch", "--messages 5000 --subjects 20", "session.itch");
    folder.gzip("session.itch.gz", &itch);
    folder.gzip("tape.csv.gz", &folder.read("tape.csv"));
    for file in ["session.itch", "tape.csv"] {
        let (raw, gzipped) = (folder.replay(file), folder.replay(&format!("{file}.gz")));
        assert_eq!(digests(&raw), digests(&gzipped));
        assert_eq!(raw["messages"], gzipped["messages"]);
        assert!(gzipped["bytes"].as_u64() < raw["bytes"].as_u64());
    }
    let piped = folder.shell("cat tape.csv.gz | \"$TAPEWATCH\" replay - --json").succeeded().json();
    assert_eq!(digests(&piped), digests(&folder.replay("tape.csv")));
}

#[test]
fn stuffing_is_found_and_its_author_named() {
    let folder = with_tape();
    let summary = folder.replay("tape.csv --findings findings.jsonl");
    assert_eq!(summary["findings"]["alert"]["P06"], 3);
    let findings = json_lines(&folder.read("findings.jsonl"));
    assert_eq!(findings.len() as u64, counted(&summary));
    let alerts = findings.iter().filter(|finding| finding["pattern"] == "P06");
    let named: BTreeSet<_> = alerts
        .flat_map(|alert| alert["participants"].as_array().unwrap())
        .map(|who| who.as_str().unwrap().to_string())
        .collect();
    assert_eq!(named, stuffers(&folder.read("tape.csv")));
}

#[test]
fn findings_have_the_keys_that_readers_rely_on() {
    let folder = with_tape();
    folder.replay("tape.csv --findings findings.jsonl");
    let text = folder.read("findings.jsonl");
    for finding in json_lines(&text) {
        let has = keys(&finding);
        match finding["kind"].as_str() {
            Some("alert") => {
                assert!(has.len() >= ALERT_KEYS.len());
                assert!(ALERT_KEYS.iter().all(|key| has.contains(key)), "{finding}");
                for (name, feature) in finding["features"].as_object().unwrap() {
                    let told = ["contribution", "high", "low", "value", "weight"];
                    assert_eq!(keys(feature), told, "{name}");
                }
            }
            Some("signal") => {
                assert!(["name", "subject", "at", "value"].iter().all(|key| has.contains(key)));
                assert!(finding["value"].is_f64(), "{finding}");
            }
            _ => panic!("neither alert nor signal: {finding}"),
        }
    }
    let first = text.split(|byte| *byte == b'\n').next().unwrap();
    assert!(first.starts_with(br#"{"kind":"signal","name":"#), "keys keep their order");
}

#[test]
fn threads_and_shards_cannot_be_seen() {
    let folder = with_tape();
    folder.generate("iot", "--messages 10000 --subjects 7", "readings.csv");
    let once = folder.replay("tape.csv readings.csv --findings once.jsonl");
    for topology in ["fused", "pinned"] {
        for shards in [1, 2, 8] {
            let flags = format!("--topology {topology} --shards {shards} --force");
            let again =
                folder.replay(&format!("tape.csv readings.csv {flags} --findings again.jsonl"));
            assert_eq!(digests(&once), digests(&again), "{flags}");
            assert_eq!(once["findings"], again["findings"], "{flags}");
            assert_eq!((&again["topology"], &again["shards"]), (&topology.into(), &shards.into()));
            assert!(folder.read("once.jsonl") == folder.read("again.jsonl"), "{flags}");
        }
    }
}

#[test]
fn readings_become_means_and_excursions_alerts() {
    let folder = Folder::new();
    folder.generate("iot", "--messages 30000 --subjects 5 --seed 3", "readings.csv");
    let summary = folder.replay("readings.csv --findings findings.jsonl");
    let findings = json_lines(&folder.read("findings.jsonl"));
    let means = findings.iter().filter(|finding| finding["name"] == "mean");
    let metrics: BTreeSet<_> = means.map(|mean| mean["metric"].as_str().unwrap()).collect();
    assert_eq!(metrics, BTreeSet::from(["humidity", "rssi", "temperature", "voltage"]));
    let alerts = findings.iter().filter(|finding| finding["pattern"] == "mean_threshold");
    assert!(alerts.count() >= 1);
    assert!(summary["findings"]["signal"]["mean"].as_u64() >= Some(1000));
}

#[test]
fn symbols_are_picked_out() {
    let folder = with_tape();
    let all = folder.replay("tape.csv --findings all.jsonl");
    let one = folder.run("replay tape.csv --symbols AAAB --findings one.jsonl --json").succeeded();
    assert!(one.stderr.is_empty(), "{}", one.stderr);
    assert_eq!(one.json()["messages"], all["messages"], "all are read");
    let of_one = |name: &str| {
        let mut findings = json_lines(&folder.read(name));
        findings.retain(|finding| finding["subject"] == "AAAB" && finding["kind"] == "signal");
        findings.iter().map(|finding| finding["value"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of_one("all.jsonl"), of_one("one.jsonl"));
    assert_eq!(
        of_one("one.jsonl").len(),
        json_lines(&folder.read("one.jsonl"))
            .iter()
            .filter(|finding| finding["kind"] == "signal")
            .count()
    );
    let none = folder.run("replay tape.csv --symbols AAAB,ZZZZ --json").succeeded();
    assert!(none.stderr.contains("the input tells nothing about ZZZZ"), "{}", none.stderr);
}

#[test]
fn standard_output_belongs_to_one_thing() {
    let folder = with_tape();
    for flags in ["--findings -", "--findings - --json"] {
        let ran = folder.run(&format!("replay tape.csv {flags}")).succeeded();
        let findings = json_lines(ran.stdout.as_bytes());
        assert!(findings.iter().all(|finding| finding["kind"].is_string()), "{flags}");
        assert!(!ran.stderr.is_empty(), "{flags}: the summary goes elsewhere");
        if flags.ends_with("--json") {
            let summary: Value = serde_json::from_str(&ran.stderr).unwrap();
            assert_eq!(findings.len() as u64, counted(&summary));
        }
    }
    let human = folder.run("replay tape.csv --findings findings.jsonl").succeeded();
    assert!(human.stdout.starts_with("  messages    38,000\n"), "{}", human.stdout);
    assert!(human.stderr.is_empty());
}

#[test]
fn files_are_merged_by_time() {
    let folder = with_tape();
    folder.generate("iot", "--messages 2000", "readings.csv");
    let (tape, readings) = (folder.replay("tape.csv"), folder.replay("readings.csv"));
    let both = folder.replay("readings.csv tape.csv --findings findings.jsonl");
    let messages = |summary: &Value| summary["messages"].as_u64().unwrap();
    assert_eq!(messages(&both), messages(&tape) + messages(&readings));
    assert_eq!(counted(&both), counted(&tape) + counted(&readings));
    // The tape cut in two after whole lines and merged again is the tape.
    let text = String::from_utf8(folder.read("tape.csv")).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    folder.write("early.csv", lines[..10_000].concat());
    folder.write("late.csv", lines[0].to_string() + &lines[10_000..].concat());
    let signals = |files: &str| {
        folder.replay(&format!("{files} --findings out.jsonl"));
        let mut findings = json_lines(&folder.read("out.jsonl"));
        findings.retain(|finding| finding["kind"] == "signal");
        let told = |of: &Value| ["subject", "name", "at", "value"].map(|key| of[key].to_string());
        findings.iter().map(told).collect::<Vec<_>>()
    };
    assert!(signals("early.csv late.csv") == signals("tape.csv"));
}

#[test]
fn a_vendors_sample_is_read_without_a_fault() {
    let sample = std::env::var_os("TAPEWATCH_DATA").map(std::path::PathBuf::from);
    let sample = sample.map(|data| data.join("lobster-aapl/AAPL_10_first_message.csv"));
    let Some(sample) = sample.filter(|sample| sample.exists()) else {
        println!("not run: no data");
        return;
    };
    let folder = Folder::new();
    std::fs::copy(&sample, folder.path("AAPL_2012-06-21_message.csv")).unwrap();
    let summary = folder.replay("AAPL_2012-06-21_message.csv");
    assert!(summary["messages"].as_u64() > Some(100));
    assert_eq!(summary["gaps"], 0);
    let malformed = summary["faults"].get("malformed");
    assert_eq!(malformed, None);
}

#[test]
fn a_replay_of_a_part_has_the_books_of_the_whole() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 20000 --subjects 20 --seed 5", "day");
    let noon = "2026-07-30T12:00:00";
    let at = 1_785_412_800_000_000_000u64;
    let whole = folder.replay("day --date 2026-07-30");
    let later = folder.replay(&format!("day --date 2026-07-30 --from {noon} --findings l.jsonl"));
    assert_eq!(later["books_digest"], whole["books_digest"]);
    assert_eq!(later["events"], whole["events"]);
    let found = json_lines(&folder.read("l.jsonl"));
    assert!(found.iter().all(|one| one["at"].as_u64().unwrap() >= at) && !found.is_empty());
    assert!(counted(&later) < counted(&whole));

    let earlier = folder.replay(&format!("day --date 2026-07-30 --to {noon} --findings e.jsonl"));
    let found = json_lines(&folder.read("e.jsonl"));
    assert!(found.iter().all(|one| one["at"].as_u64().unwrap() <= at) && !found.is_empty());
    assert!(earlier["events"].as_u64().unwrap() < whole["events"].as_u64().unwrap());
    let sharded = folder.replay(&format!("day --date 2026-07-30 --to {at} --shards 4"));
    for key in ["events", "books_digest", "findings_digest"] {
        assert_eq!(sharded[key], earlier[key], "{key}");
    }
    let code = |line: &str| folder.run(line).code;
    assert_eq!(code("replay day --from noon"), Some(2));
}
