//! Journals from outside: what is told of them, and with which exit code.

#[path = "../../audit/tests/built/mod.rs"]
mod built;
mod tapewatch;

use built::{ALERTS, EVENTS, Stream};
use expect_test::{Expect, expect};
use serde_json::json;
use std::fs;
use std::process::Command;
use tapewatch::Folder;

/// A journal of two segments of events and one of alerts, all with names, a run and a hole, and closed.
fn journal() -> Folder {
    let folder = Folder::new();
    let pair = |first: u64, last: u64| [first, last].map(u64::to_le_bytes).concat();
    let subject = |name: &str| (1, [&[0; 32], name.as_bytes()].concat());
    let mut events = Stream::new(EVENTS, 7);
    events.open();
    let run = |text: &str| (5, text.as_bytes().to_vec());
    let configuration = (6, b"[journal]\npath = \"j\"\n".to_vec());
    let names = [subject("AAPL@XNAS"), subject("MSFT@XNAS"), (3, b"XNAS".to_vec())];
    events.content(
        0,
        &[run("tapewatch 0.1.0, run --config c.toml"), configuration, (10, b"0 a.itch".to_vec())],
    );
    events.content(100, &names);
    events.seal();
    events.next = 111;
    events.open();
    events.content(50, &[(8, pair(101, 110))]);
    events.content(0, &[(9, b"in order\x1b[2J".to_vec())]);
    events.seal();
    let mut alerts = Stream::new(ALERTS, 7);
    alerts.open();
    alerts.content(0, &[(16, b"12345678{}".to_vec()), (17, pair(1, 160))]);
    alerts.seal();
    for stream in [events, alerts] {
        stream.write(&folder.path("j"), true);
    }
    fs::create_dir(folder.path("j/checkpoints")).unwrap();
    fs::create_dir(folder.path("j/holds")).unwrap();
    folder.write("j/checkpoints/160", [0; 2048]);
    let hold = "from_seq = 5\nto_seq = 90\nreason = layering\nat = 1700000000000000000\n";
    folder.write("j/holds/case-1", hold);
    folder.write("j/holds/case-2", "");
    folder
}

/// What is told on stdout, without how long it took, then the error and the exit code.
#[track_caller]
fn check(folder: &Folder, line: &str, expected: &Expect) {
    let ran = folder.run(line);
    let is_steady = |line: &&str| !line.starts_with("  verified ");
    let mut told: String =
        ran.stdout.lines().filter(is_steady).flat_map(|line| [line, "\n"]).collect();
    told += &format!("{}exit {}\n", ran.stderr, ran.code.unwrap());
    expected.assert_eq(&told);
}

fn flip(folder: &Folder, name: &str, at: usize) {
    let mut bytes = folder.read(name);
    bytes[at] ^= 1;
    folder.write(name, bytes);
}

#[test]
fn a_whole_journal_is_told_as_whole() {
    check(
        &journal(),
        "journal verify j --threads 1",
        &expect![[r#"
          journal   07070707070707070707070707070707
          key       ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c
          events    2 segments, 6 blocks, 150 events from 1 to 160, 36.0 KiB, closed
          hole      events 101 to 110: 10 were not journaled, the disk did not keep up
          alerts    1 segments, 2 blocks, 2 records from 1 to 2, 12.0 KiB, closed
        exit 0
    "#]],
    );
    let rate = journal().run("journal verify j").succeeded().stdout;
    let rate = rate.lines().last().unwrap();
    assert!(rate.starts_with("  verified  ") && rate.ends_with(" GB/s"), "{rate}");
}

#[test]
fn each_damage_is_a_line_with_file_bytes_block_and_events() {
    let folder = journal();
    flip(&folder, "j/events/0000000001.seg", 8192 + 128 + 64 * 30 + 17);
    fs::remove_file(folder.path("j/alerts/0000000001.seg")).unwrap();
    check(
        &folder,
        "journal verify j",
        &expect![[r#"
            alerts/0000000001.seg: missing: segment 1
            events/0000000001.seg: bytes 8192..16384, block 2, events 1–100: event 31 does not have its checksum
              journal   07070707070707070707070707070707
              key       ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c
              events    2 segments, 5 blocks, 50 events from 1 to 160, 36.0 KiB, closed
              hole      events 101 to 110: 10 were not journaled, the disk did not keep up
              alerts    0 segments, 0 blocks, 0 records, 0 B, closed
            tapewatch: j: 2 damages
            exit 1
        "#]],
    );
    let told = folder.run("journal verify j --json --threads 2").json();
    assert_eq!(told["damage_count"], 2);
    assert_eq!(
        told["damages"][1],
        json!({
            "file": "events/0000000001.seg",
            "bytes": [8192, 16384],
            "blocks": [2, 2],
            "events": [1, 100],
            "what": "event 31 does not have its checksum",
        })
    );
    assert_eq!(told["threads"], 2);
}

#[test]
fn only_a_trusted_key_counts_if_one_is_given() {
    let folder = journal();
    let key = |seed: u8| -> String {
        let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key();
        key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    folder.write("right.pub", key(7) + "\n");
    folder.run(&format!("journal verify j --key {}", key(7))).succeeded();
    folder.run("journal verify j --key right.pub").succeeded();
    check(
        &folder,
        &format!("journal verify j --key {}", key(8)),
        &expect![[r#"
        alerts/0000000001.seg: bytes 0..4096: signed by another key than the one that is trusted
        alerts/head: bytes 0..192: signed by another key than the one that is trusted
        events/0000000001.seg: bytes 0..4096: signed by another key than the one that is trusted
        events/0000000002.seg: bytes 0..4096: signed by another key than the one that is trusted
        events/head: bytes 0..192: signed by another key than the one that is trusted
          journal   07070707070707070707070707070707
          key       ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c
          events    2 segments, 6 blocks, 150 events from 1 to 160, 36.0 KiB, without a head
          hole      events 101 to 110: 10 were not journaled, the disk did not keep up
          alerts    1 segments, 2 blocks, 2 records from 1 to 2, 12.0 KiB, without a head
        tapewatch: j: 5 damages
        exit 1
    "#]],
    );
    folder.write("short", "0123");
    folder.check(
        "journal verify j --key short",
        &expect![[r#"
        tapewatch: --key short: the file holds no key of 64 hexadecimal digits
        exit 2
    "#]],
    );
    folder.check("journal verify j --key none", &expect![[r#"
        tapewatch: --key none: no key of 64 hexadecimal digits, and no file: No such file or directory (os error 2)
        exit 2
    "#]]);
}

#[test]
fn what_is_no_journal_is_refused() {
    let folder = journal();
    folder.check(
        "journal verify none",
        &expect![[r#"
        tapewatch: none: there is no journal in it
        exit 65
    "#]],
    );
    folder.check(
        "journal info j/holds",
        &expect![[r#"
        tapewatch: j/holds: there is no journal in it
        exit 65
    "#]],
    );
}

#[test]
fn info_shows_what_there_is() {
    let folder = journal();
    check(
        &folder,
        "journal info j",
        &expect![[r#"
            journal 07070707070707070707070707070707
              events        2 segments, 6 blocks, 150 events from 1 to 160, 36.0 KiB, closed
                   1 sealed     opened 2023-11-14 22:13:20.000000000, 20.0 KiB, 100 events from 1, of 2023-11-14 22:13:19.999988000 to 2023-11-14 22:13:20.000098000
                   2 sealed     opened 2023-11-14 22:13:20.000000000, 16.0 KiB, 50 events from 111, of 2023-11-14 22:13:20.000093000 to 2023-11-14 22:13:20.000154000
              alerts        1 segments, 2 blocks, 2 records from 1 to 2, 12.0 KiB, closed
                   1 sealed     opened 2023-11-14 22:13:20.000000000, 12.0 KiB, 2 records from 1
              names         2 subjects, 0 participants, 1 venues, 0 metrics
              alert log     0 provisional, 1 final, 0 withdrawn
              run           2023-11-14 22:13:20.000000001  tapewatch 0.1.0, run --config c.toml
              source        2023-11-14 22:13:20.000000001  0 a.itch
              end           2023-11-14 22:13:20.000000002  in order [2J
              hole          events 101 to 110: 10 were not journaled, the disk did not keep up
              checkpoint    160, 2.0 KiB
              hold          case-1: events 5 to 90, since 2023-11-14 22:13:20.000000000: layering
              hold          case-2: does not say `from_seq = NUMBER`: nothing is deleted before it is mended or released
            exit 0
        "#]],
    );
    check(
        &folder,
        "journal info j --configuration",
        &expect![[r#"
            journal 07070707070707070707070707070707
              events        2 segments, 6 blocks, 150 events from 1 to 160, 36.0 KiB, closed
                   1 sealed     opened 2023-11-14 22:13:20.000000000, 20.0 KiB, 100 events from 1, of 2023-11-14 22:13:19.999988000 to 2023-11-14 22:13:20.000098000
                   2 sealed     opened 2023-11-14 22:13:20.000000000, 16.0 KiB, 50 events from 111, of 2023-11-14 22:13:20.000093000 to 2023-11-14 22:13:20.000154000
              alerts        1 segments, 2 blocks, 2 records from 1 to 2, 12.0 KiB, closed
                   1 sealed     opened 2023-11-14 22:13:20.000000000, 12.0 KiB, 2 records from 1
              names         2 subjects, 0 participants, 1 venues, 0 metrics
              alert log     0 provisional, 1 final, 0 withdrawn
              run           2023-11-14 22:13:20.000000001  tapewatch 0.1.0, run --config c.toml
              configuration 2023-11-14 22:13:20.000000001  [journal]
                              path = "j"
              source        2023-11-14 22:13:20.000000001  0 a.itch
              end           2023-11-14 22:13:20.000000002  in order [2J
              hole          events 101 to 110: 10 were not journaled, the disk did not keep up
              checkpoint    160, 2.0 KiB
              hold          case-1: events 5 to 90, since 2023-11-14 22:13:20.000000000: layering
              hold          case-2: does not say `from_seq = NUMBER`: nothing is deleted before it is mended or released
            exit 0
        "#]],
    );
    let info = folder.run("journal info j --json").succeeded().json();
    assert_eq!(info["names"], json!({"subjects": 2, "participants": 0, "venues": 1, "metrics": 0}));
    assert_eq!(info["streams"][0]["segments"][1]["holes"], json!([[101, 110]]));
    assert_eq!(info["checkpoints"], json!([{"name": "160", "bytes": 2048}]));
}

#[test]
fn compressed_segments_are_verified_and_any_tool_reads_them() {
    let folder = journal();
    let plain = folder.read("j/events/0000000001.seg");
    let mut compressed = Vec::new();
    engine_audit::compressed::compress(&plain[..], &mut compressed, 3).unwrap();
    fs::remove_file(folder.path("j/events/0000000001.seg")).unwrap();
    folder.write("j/events/0000000001.seg.zst", &compressed);
    folder.run("journal verify j").succeeded();
    let info = folder.run("journal info j --json").succeeded().json();
    assert_eq!(info["streams"][0]["segments"][0]["state"], "compressed");
    let tool = Command::new("zstd")
        .args(["-dqc"])
        .arg(folder.path("j/events/0000000001.seg.zst"))
        .output();
    match tool {
        Ok(read) => assert!(read.stdout == plain),
        Err(_) => eprintln!("not held against zstd: it is not there"),
    }
    flip(&folder, "j/events/0000000001.seg.zst", compressed.len() / 2);
    check(
        &folder,
        "journal verify j",
        &expect![[r#"
            events/0000000001.seg.zst: bytes 0..4096: does not begin as a segment does
            events/0000000001.seg.zst: bytes 0..20480: bytes 0..4065 of the compressed file are damaged
            events/0000000001.seg.zst: bytes 4096..20480, blocks 1–3: segment 2 goes on from block 3, which is not here or has another hash
              journal   07070707070707070707070707070707
              key       ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c
              events    2 segments, 3 blocks, 50 events from 111 to 160, 20.0 KiB, closed
              hole      events 101 to 110: 10 were not journaled, the disk did not keep up
              alerts    1 segments, 2 blocks, 2 records from 1 to 2, 12.0 KiB, closed
            tapewatch: j: 3 damages
            exit 1
        "#]],
    );
}

#[test]
fn the_journal_of_a_replay_is_whole_until_somebody_touches_it() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 5000 --subjects 5", "day");
    let events = folder.replay("day --journal j")["events"].as_u64().unwrap();
    folder.run("journal verify j").succeeded();
    let info = folder.run("journal info j --json").succeeded().json();
    assert_eq!(info["streams"][0]["events"], events);
    assert_eq!(info["names"]["subjects"], 5);
    let text = info["runs"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("tapewatch ") && text.contains("replay day --journal j"), "{text}");
    flip(&folder, "j/events/0000000001.seg", 50_000);
    let ran = folder.run("journal verify j");
    assert_eq!(ran.failed(1), "j: 1 damage");
    assert!(ran.stdout.contains("does not have its checksum"), "{}", ran.stdout);
}
