//! Abuse woven into tapes, and alerts held against its labels, as a user does it.

mod tapewatch;

use expect_test::expect;
use serde_json::Value;
use tapewatch::{Folder, json_lines};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.generate("tape", "--messages 60000 --subjects 3 --seed 2", "base.csv");
    folder
}

fn inject(folder: &Folder, flags: &str, name: &str) -> Value {
    let line = format!("inject base.csv {flags} --out {name} --labels {name}.jsonl --json");
    folder.run(&line).succeeded().json()
}

#[test]
fn a_woven_tape_has_no_faults_and_its_labels_are_found() {
    let folder = folder();
    let told = inject(&folder, "--patterns P06 --positives 3 --near-misses 2 --seed 5", "w.csv");
    assert_eq!((&told["positives"], &told["asked"]), (&3.into(), &11.into()));
    assert_eq!(told["faults"], serde_json::json!({}));
    let summary = folder.replay("w.csv --findings a.jsonl");
    assert_eq!(summary["faults"], serde_json::json!({}));
    let labels = json_lines(&folder.read("w.csv.jsonl"));
    let positive = labels.iter().filter(|label| label["class"] == "positive");
    assert_eq!(positive.count(), 3);
    let score = "score --alerts a.jsonl --labels w.csv.jsonl --tape w.csv --json";
    let score = folder.run(score).succeeded().json();
    let patterns = score["patterns"].as_array().unwrap();
    let p06 = patterns.iter().find(|of| of["pattern"] == "P06").unwrap();
    assert_eq!((&p06["pattern"], &p06["recall"]["share"]), (&"P06".into(), &1.0.into()));
    assert!(p06["delay_ns"]["median"].is_i64(), "{p06}");
}

#[test]
fn the_seed_decides_every_byte() {
    let folder = folder();
    let flags = "--patterns all --positives 1 --near-misses 0";
    for (name, seed) in [("a.csv", 1), ("b.csv", 1), ("c.csv", 2)] {
        inject(&folder, &format!("{flags} --seed {seed}"), name);
    }
    assert!(folder.read("a.csv") == folder.read("b.csv"));
    assert!(folder.read("a.csv.jsonl") == folder.read("b.csv.jsonl"));
    assert!(folder.read("a.csv") != folder.read("c.csv"));
}

#[test]
fn without_campaigns_the_tape_is_the_base() {
    let folder = folder();
    inject(&folder, "--patterns P01 --positives 0 --near-misses 0", "w.csv");
    assert!(folder.read("w.csv") == folder.read("base.csv"));
}

#[test]
fn late_and_doubled_lines_are_mended_and_lost_ones_are_told() {
    let folder = folder();
    let flags = "--patterns P01 --positives 2 --near-misses 0";
    inject(&folder, flags, "calm.csv");
    let told = inject(&folder, &format!("{flags} --reorder-ms 5 --duplicate 0.001"), "late.csv");
    let (calm, late) = (folder.replay("calm.csv"), folder.replay("late.csv"));
    assert_eq!(calm["books_digest"], late["books_digest"]);
    assert_eq!(
        (&late["gaps"], &late["faults"]["duplicate"]),
        (&0.into(), &told["stress"]["doubled"])
    );
    let told = inject(&folder, &format!("{flags} --lose 0.001"), "lost.csv");
    let lost = folder.replay("lost.csv");
    assert!(told["stress"]["lost"].as_u64() > Some(20), "{told}");
    assert!(lost["gaps"].as_u64() > Some(20), "{lost}");
    assert_eq!(lost["faults"]["missing"], lost["gaps"]);
}

#[test]
fn alerts_are_counted_as_by_hand() {
    let folder = Folder::new();
    let label = |number: u32, class: &str| {
        format!(
            "{{\"label\":\"P01-{number:04}\",\"pattern\":\"P01\",\"class\":\"{class}\",\"case\":\"layers\",\
             \"severity\":1.0,\"subject\":\"ACME\",\"venue\":\"V\",\"participants\":[\"N{number}\"],\
             \"episodes\":1,\"first_at\":1000,\"last_at\":2000,\"decided_at\":[1500],\"seed\":1}}\n"
        )
    };
    let labels = [label(1, "positive"), label(2, "positive"), label(3, "near_miss")];
    folder.write("l.jsonl", labels.concat());
    let alert = |id: &str, who: &str| {
        format!(
            "{{\"kind\":\"alert\",\"pattern\":\"P01\",\"id\":\"{id}\",\"subject\":\"ACME\",\
             \"participants\":[\"{who}\"],\"raised_at\":1600,\"severity\":\"high\",\"episodes\":1}}\n"
        )
    };
    let signal =
        "{\"kind\":\"signal\",\"name\":\"x\",\"subject\":\"ACME\",\"at\":1,\"value\":2.0}\n";
    folder.write("a.jsonl", [&alert("a", "N1"), signal, &alert("b", "N9")].concat());
    let line = "score --alerts a.jsonl --labels l.jsonl --events 5000";
    let told = folder.run(&format!("{line} --json")).succeeded().json();
    let p01 = &told["patterns"][0];
    let share = |of: &Value| (of["hits"].as_u64().unwrap(), of["of"].as_u64().unwrap());
    assert_eq!((share(&p01["recall"]), share(&p01["precision"])), ((1, 2), (1, 2)));
    assert_eq!(share(&p01["near_misses"]["layers"]), (0, 1));
    assert_eq!(p01["background"]["per_10000"]["rate"], 2.0);
    assert_eq!((&p01["delay_ns"]["max"], &p01["missed"][0]), (&100.into(), &"P01-0002".into()));
    let text = folder.run(line).succeeded().stdout;
    assert!(text.contains("recall                           0.500"), "{text}");
}

#[test]
fn what_is_wrong_is_told_in_a_line() {
    let folder = folder();
    let to = "--out w.csv --labels l.jsonl";
    let run = |line: &str| folder.run(&format!("inject {line} {to}"));
    assert!(run("base.csv --patterns P99").failed(2).contains("no cases of P99 are known"));
    expect!["FILE: it is read twice, so it must be a file"]
        .assert_eq(run("- --patterns P01").failed(2));
    folder.generate("iot", "--messages 50", "readings.csv");
    expect!["readings.csv: there are no orders in it"]
        .assert_eq(run("readings.csv --patterns P01").failed(65));
    folder.write("a.jsonl", "{\"kind\":\"alert\"}\n");
    folder.write("l.jsonl", "\n{\"label\":1}\n");
    let score = |alerts: &str, labels: &str| {
        folder.run(&format!("score --alerts {alerts} --labels {labels}"))
    };
    expect!["a.jsonl: line 1: an alert without a pattern"]
        .assert_eq(score("a.jsonl", "l.jsonl").failed(65));
    folder.write("none.jsonl", "");
    let wrong = score("none.jsonl", "l.jsonl");
    assert!(wrong.failed(65).starts_with("l.jsonl: line 2: "), "{}", wrong.stderr);
}

#[test]
fn historic_cases_are_tapes_with_a_label() {
    let folder = Folder::new();
    for (case, pattern) in [("coscia", "P01"), ("oystacher", "P03"), ("athena", "P15")] {
        folder.run(&format!("generate case {case} --out t.csv --labels l.jsonl")).succeeded();
        let summary = folder.replay("t.csv --findings f.jsonl");
        assert_eq!(summary["faults"], serde_json::json!({}), "{case}");
        let alerts = json_lines(&folder.read("f.jsonl"));
        assert!(alerts.iter().any(|alert| alert["pattern"] == pattern), "{case}");
        let labels = json_lines(&folder.read("l.jsonl"));
        assert_eq!((&labels[0]["pattern"], &labels[0]["case"]), (&pattern.into(), &case.into()));
    }
    let nobody = folder.run("generate case nobody --out t.csv --labels l.jsonl");
    expect![[r#"CASE: "nobody" is none of sarao, coscia, oystacher, athena"#]]
        .assert_eq(nobody.failed(2));
}
