//! Generated data is the same wherever and whenever it is made, and decodes to what it is.

mod tapewatch;

use expect_test::{Expect, expect};
use std::net::UdpSocket;
use tapewatch::{Folder, json_lines};

#[test]
fn a_seed_decides_every_byte() {
    let folder = Folder::new();
    for what in ["itch", "dbn", "lobster", "mdp3", "tape", "iot"] {
        let one = folder.generate(what, "--messages 3000 --seed 5", "one");
        assert!(one == folder.generate(what, "--messages 3000 --seed 5", "again"), "{what}");
        assert!(one != folder.generate(what, "--messages 3000 --seed 6", "other"), "{what}");
        let count = folder.run("decode one --count --json").succeeded().json();
        // Of MDP 3.0 definitions, snapshots and whole events come on top.
        match what {
            "mdp3" => assert!(count["messages"].as_u64() > Some(3000)),
            _ => assert_eq!(count["messages"], 3000, "{what}"),
        }
        assert_eq!((&count["unknown"], &count["gaps"]), (&0.into(), &0.into()), "{what}");
    }
}

#[test]
fn many_symbols_repeat_what_was_recorded_of_one() {
    let folder = Folder::new();
    folder.generate("lobster", "--messages 500", "one.csv");
    let many = "--messages 9000 --subjects 7 --flow";
    folder.run(&format!("generate itch {many} one.csv --out many.itch")).succeeded();
    let count = folder.run("decode many.itch --count --json --strict").succeeded().json();
    assert_eq!((&count["messages"], &count["gaps"]), (&9000.into(), &0.into()));
    let books = &folder.replay("many.itch")["books"];
    assert_eq!(
        (&books["open"], &books["faulty"], &books["stale"]),
        (&7.into(), &0.into(), &0.into())
    );

    folder.write("broken.csv", "34200.5,1,1,18,5853300,1\nhello\n");
    let line = |file: &str| format!("generate itch {many} {file} --out none.itch");
    expect![[r#"none.itch: broken.csv: line 2 (byte 25): expected 6 or 7 columns in "hello""#]]
        .assert_eq(folder.run(&line("broken.csv")).failed(1).trim_end());
    folder.write("empty.csv", "34200.5,3,1,18,5853300,1\n");
    expect!["none.itch: empty.csv: no message of it can be repeated"]
        .assert_eq(folder.run(&line("empty.csv")).failed(1).trim_end());
    let needless = folder.run("generate dbn --flow one.csv --out none.dbn");
    expect!["--flow: only an itch session repeats a recording"]
        .assert_eq(needless.failed(2).trim_end());
}

#[test]
fn counts_have_their_keys() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 3000 --subjects 5", "session.itch");
    let count = folder.run("decode session.itch --count --json").succeeded().json();
    for key in ["messages", "by_type", "unknown", "first_at", "last_at"] {
        assert!(!count[key].is_null(), "{key}");
    }
    let by_type = count["by_type"].as_object().unwrap();
    assert!(by_type.contains_key("A") && by_type.contains_key("D") && by_type.contains_key("R"));
    let sum: u64 = by_type.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sum, 3000);
    folder.generate("tape", "--messages 500", "tape.csv");
    let count = folder.run("decode tape.csv --count --json").succeeded().json();
    assert!(count["by_type"]["add"].as_u64() > Some(100), "{count}");
}

#[test]
fn events_are_shown_as_lines() {
    let folder = Folder::new();
    folder.generate("tape", "--messages 500 --subjects 2", "tape.csv");
    let check = |line: &str, expected: &Expect| {
        expected.assert_eq(&folder.run(line).succeeded().stdout);
    };
    check(
        "decode tape.csv --limit 5",
        &expect![[r#"
        2024-01-02 09:30:00.000000000 status   *        phase=continuous
        2024-01-02 09:30:00.000000000 define   AAAA     venue=SYNX
        2024-01-02 09:30:00.000000000 add      AAAA     side=S order=1 price=167.53 quantity=100 participant=A0058
        2024-01-02 09:30:01.428222656 define   AAAB     venue=SYNX
        2024-01-02 09:30:01.428222656 add      AAAB     side=S order=2 price=282.62 quantity=100 participant=A0033
    "#]],
    );
    check(
        "decode tape.csv --limit 4 --json",
        &expect![[r#"
        {"at":1704187800000000000,"kind":"status","phase":"continuous","subject":"*"}
        {"at":1704187800000000000,"kind":"define","subject":"AAAA","tick":"0.00000000","venue":"SYNX"}
        {"at":1704187800000000000,"kind":"add","order":1,"participant":"A0058","price":"167.53000000","quantity":"100.00000000","side":"S","subject":"AAAA"}
        {"at":1704187801428222656,"kind":"define","subject":"AAAB","tick":"0.00000000","venue":"SYNX"}
    "#]],
    );
    check("decode tape.csv --limit 0", &expect![""]);
    check(
        "decode tape.csv --count",
        &expect![[r#"
                    500 messages
                    251 add
                    176 delete
                     22 execute
                     23 modify
                     17 reduce
                      1 status
                     10 trade
                      0 unknown
                      0 gaps
        from 2024-01-02 09:30:00.000000000 to 2024-01-02 15:43:20.244140625
    "#]],
    );
    folder.generate("iot", "--messages 500 --subjects 2", "readings.csv");
    check(
        "decode readings.csv --limit 3",
        &expect![[r#"
        2024-01-02 00:00:00.000000000 define   device-000 venue=device
        2024-01-02 00:00:00.000000000 reading  device-000 metric=temperature value=17.249
        2024-01-02 00:00:01.250000000 reading  device-000 metric=humidity value=36.992
    "#]],
    );
    folder.generate("itch", "--messages 500 --subjects 2", "07302026.itch");
    check(
        "decode 07302026.itch --limit 4",
        &expect![[r#"
        2026-07-30 03:00:00.000000000 status   *        phase=preopen
        2026-07-30 03:00:00.000001000 define   AAAA     venue=NASDAQ tick=0.01
        2026-07-30 03:00:00.000002000 define   AAAB     venue=NASDAQ tick=0.01
        2026-07-30 03:00:00.000003000 status   AAAA     phase=continuous
    "#]],
    );
    let all = folder.run("decode tape.csv --json").succeeded();
    let events = json_lines(all.stdout.as_bytes());
    assert_eq!(events.iter().filter(|event| event["kind"] != "define").count(), 500);
}

#[test]
fn a_session_in_which_nothing_happens_is_one() {
    let folder = Folder::new();
    for what in ["itch", "dbn", "mdp3", "tape", "iot"] {
        folder.generate(what, "--messages 0", "day");
        let summary = folder.replay("day --strict");
        assert_eq!(summary["stopped"], "end", "{what}");
        assert_eq!(summary["findings"]["alert"], serde_json::json!({}), "{what}");
        let book = folder.run("book day --all").succeeded().stdout;
        assert!(book.lines().skip(1).all(|row| row.ends_with(",0,0,,,,,0,0,0")), "{what}: {book}");
        folder.run("decode day --count").succeeded();
    }
    folder.check(
        "generate lobster --messages 0 --out day.csv",
        &expect![[r#"
        tapewatch: --messages: a LOBSTER file has no header, so one without a line is none
        exit 2
    "#]],
    );
    assert!(!folder.path("day.csv").exists());
}

#[test]
fn what_cannot_be_generated_is_told() {
    let folder = Folder::new();
    folder.check(
        "generate tape --subjects 0 --out x",
        &expect![[r#"
        tapewatch: invalid value '0' for '--subjects <SUBJECTS>': 0 is not in 1..=60000 (see --help)
        exit 2
    "#]],
    );
    folder.check("generate itch --subjects 4000000000 --out x", &expect![[r#"
        tapewatch: invalid value '4000000000' for '--subjects <SUBJECTS>': 4000000000 is not in 1..=60000 (see --help)
        exit 2
    "#]]);
    folder.check(
        "generate itch --bursts 2 --out x",
        &expect![[r#"
        tapewatch: --bursts: only a tape tells who stuffs
        exit 2
    "#]],
    );
    folder.check(
        "generate lobster --subjects 2 --out x",
        &expect![[r#"
        tapewatch: --subjects: a LOBSTER file has one
        exit 2
    "#]],
    );
    folder.check("generate bonds --out x", &expect![[r#"
        tapewatch: invalid value 'bonds' for '<WHAT>'; [possible values: itch, dbn, lobster, mdp3, tape, iot, case] (see --help)
        exit 2
    "#]]);
    folder.check("generate tape --messages many --out x", &expect![[r#"
        tapewatch: invalid value 'many' for '--messages <MESSAGES>': invalid digit found in string (see --help)
        exit 2
    "#]]);
    folder.check(
        "generate tape --out none/x",
        &expect![[r#"
        tapewatch: none/x: No such file or directory (os error 2)
        exit 1
    "#]],
    );
    folder.check(
        "generate itch --messages 10000 --out /dev/full",
        &expect![[r#"
        tapewatch: /dev/full: No space left on device (os error 28)
        exit 1
    "#]],
    );
}

/// The generator adds up what rests where by itself; the books rebuild it from the messages.
#[test]
fn books_are_what_the_generator_says() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 200000 --subjects 300 --truth truth.csv", "session.itch");
    folder.run("book session.itch --all --csv books.csv").succeeded();
    let lines = |name: &str| String::from_utf8(folder.read(name)).unwrap();
    let (truth, books) = (lines("truth.csv"), lines("books.csv"));
    assert_eq!(truth.lines().count(), 301);
    for (truth, books) in truth.lines().zip(books.lines()) {
        assert_eq!(books, truth);
    }
    assert_eq!(books.len(), truth.len());
}

#[test]
fn only_itch_has_a_truth() {
    let folder = Folder::new();
    let refused = folder.run("generate tape --messages 100 --out tape.csv --truth truth.csv");
    assert_eq!(refused.code, Some(2));
}

#[test]
fn an_address_for_requests_that_is_taken_is_named() {
    let folder = Folder::new();
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = holder.local_addr().unwrap();
    let line = format!("generate itch --messages 10 --udp 127.0.0.1:9 --requests {at}");
    let ran = folder.run(&line);
    let told = format!("tapewatch: udp 127.0.0.1:9: requests at {at}: Address already in use");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.lines().last().unwrap().starts_with(&told), "{ran:?}");
}
