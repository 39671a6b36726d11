//! Old segments of a journal: compressed, deleted, held for a case.

mod tapewatch;

use expect_test::expect;
use serde_json::Value;
use std::fs;
use tapewatch::Folder;

/// A session of six hours and a half, at this speed, with a journal of small segments.
fn session(messages: u32, speed: &str, journal: &str) -> Folder {
    let folder = Folder::new();
    folder.generate("tape", &format!("--messages {messages}"), "t.csv");
    let feed = format!("[[feed]]\npath = \"t.csv\"\nspeed = {speed}\n");
    let journal = format!("[journal]\nfolder = \"j\"\nsegment_mib = 1\n{journal}\n");
    folder.write("c.toml", feed + &journal);
    folder
}

/// The segments that are there, raw or compressed.
fn segments(folder: &Folder) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder.path("j/events")) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.contains(".seg")).collect();
    names.sort();
    names
}

fn is_there(folder: &Folder, number: u32) -> bool {
    segments(folder).iter().any(|name| name.starts_with(&format!("{number:010}.")))
}

fn digests(summary: &Value) -> [Value; 3] {
    ["events", "books_digest", "findings_digest"].map(|key| summary[key].clone())
}

#[test]
fn a_compressed_journal_replays_alike() {
    let folder = session(60_000, "\"max\"", "compress = true");
    folder.run("run --config c.toml").succeeded();
    let found = segments(&folder);
    let (newest, old) = found.split_last().unwrap();
    assert!(old.len() >= 3 && old.iter().all(|name| name.ends_with(".seg.zst")), "{found:?}");
    assert!(newest.ends_with(".seg"), "{found:?}");
    folder.run("journal verify j").succeeded();
    let raw = folder.replay("t.csv --config c.toml");
    assert_eq!(digests(&folder.replay("j --config c.toml")), digests(&raw));
    let told = folder.run("journal info j --json").succeeded().json();
    let of = &told["streams"][0]["segments"];
    assert_eq!(of[0]["state"], "compressed");
    let bytes = ["bytes", "file_bytes"].map(|key| of[0][key].as_u64().unwrap());
    assert!(bytes[0] > 700_000 && bytes[1] < 600_000, "{of}");
}

#[test]
fn the_oldest_segments_go_and_held_ones_stay() {
    let journal = "sync = \"cache\"\ncheckpoint_events = 10_000\nkeep_gib = 0\ncompress = true";
    let folder = session(400_000, "1500", journal);
    let mut run = folder.begin("run --config c.toml");
    run.wait_for("a journal", || folder.path("j/events/head").exists());
    let hold = "journal hold j --case case-1 --from-seq 5 --to-seq 90 --reason spoofing";
    folder.run(hold).succeeded();
    run.wait_for("six segments", || is_there(&folder, 6));
    assert!((1..=6).all(|number| is_there(&folder, number)), "{:?}", segments(&folder));
    let told = folder.run("journal info j --json").succeeded().json();
    let held = &told["holds"][0];
    assert_eq!((&held["name"], &held["to_seq"]), (&"case-1".into(), &90.into()));

    folder.run("journal release j --case case-1").succeeded();
    run.wait_for("the oldest to go", || !is_there(&folder, 1) && !is_there(&folder, 2));
    let gone = folder.run(hold);
    assert!(gone.failed(65).contains("are not kept any more: no hold brings them back"));
    assert!(!folder.path("j/holds/case-1").exists());
    run.signal("TERM");
    run.end().succeeded();
    let found = segments(&folder);
    assert!(!is_there(&folder, 1) && found.len() >= 2, "{found:?}");
    let told = folder.run("journal verify j").succeeded().stdout;
    assert!(told.contains("were deleted"), "{told}");
    let refused = folder.run("replay j");
    assert!(refused.failed(65).contains("are not kept any more"), "{}", refused.stderr);

    let other = "[[strategy]]\nname = \"event_rate\"\nperiod_ms = 1000\n";
    folder.write("d.toml", String::from_utf8(folder.read("c.toml")).unwrap() + other);
    let refused = folder.run("replay t.csv --config d.toml --journal j --resume");
    assert_eq!(
        refused.failed(65),
        "j: its oldest segments were deleted, and no checkpoint fits these parameters: name an empty \
         folder"
    );

    // The rest, from a checkpoint, makes what an undisturbed run makes.
    let rest = folder.run("replay t.csv --config c.toml --journal j --resume --json");
    let rest = rest.succeeded().json();
    let whole = folder.replay("t.csv --config c.toml");
    assert_eq!(rest["books_digest"], whole["books_digest"]);
    folder.run("journal verify j").succeeded();
}

#[test]
fn holds_that_make_no_sense_are_refused() {
    let folder = session(100, "\"max\"", "");
    folder.run("run --config c.toml").succeeded();
    let hold = |rest: &str| format!("journal hold {rest}");
    folder.check(
        &hold("j --case a/b --from-seq 1 --to-seq 2"),
        &expect![[r#"
            tapewatch: "a/b": a case's name has from 1 to 64 letters, digits or any of `-_.`, and begins with a letter or a digit
            exit 2
        "#]],
    );
    folder.check(
        &hold("j --case a --from-seq 3 --to-seq 2"),
        &expect![[r#"
            tapewatch: the events end before they begin: 3 to 2
            exit 2
        "#]],
    );
    folder.check(
        &hold("c.toml --case a --from-seq 1 --to-seq 2"),
        &expect![[r#"
            tapewatch: c.toml: there is no journal in it
            exit 65
        "#]],
    );
    folder.check(
        &hold("j --case a --from-seq 1 --to-seq 2"),
        &expect![[r#"
            tapewatch: j keeps events 1 to 2 for a
            exit 0
        "#]],
    );
    folder.check(
        &hold("j --case a --from-seq 1 --to-seq 2"),
        &expect![[r#"
            tapewatch: j/holds/a: there is a hold of this name: release it first
            exit 2
        "#]],
    );
    folder.check(
        "journal release j --case a",
        &expect![[r#"
            tapewatch: j keeps nothing for a any more
            exit 0
        "#]],
    );
    folder.check(
        "journal release j --case a",
        &expect![[r#"
            tapewatch: j/holds/a: there is no such hold
            exit 2
        "#]],
    );
}
