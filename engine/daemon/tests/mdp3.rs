//! CME's MDP 3.0 on the command line: decoded, replayed, as books, with our schema and with another.

mod tapewatch;

use expect_test::expect;
use feeds::codec::sbe::OWN_SCHEMA;
use tapewatch::Folder;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.generate("mdp3", "--messages 2000 --seed 3 --subjects 4", "day.pcapng");
    folder
}

#[test]
fn a_session_is_counted_and_shown() {
    let folder = folder();
    let count = folder.run("decode day.pcapng --count --json").succeeded().json();
    assert_eq!((&count["unknown"], &count["gaps"]), (&0.into(), &0.into()), "{count}");
    for template in ["12", "30", "46", "47", "48", "52", "53", "54"] {
        assert!(count["by_type"][template].as_u64() > Some(0), "{template}: {count}");
    }
    let events = folder.run("decode day.pcapng --limit 12").succeeded().stdout;
    expect![[r#"
        2024-01-02 14:30:00.000001000 define   AAAAH4   venue=CME tick=0.25
        2024-01-02 14:30:00.000001000 status   AAAAH4   phase=preopen
        2024-01-02 14:30:00.000002000 define   AAABH4   venue=CME tick=0.25
        2024-01-02 14:30:00.000002000 status   AAABH4   phase=preopen
        2024-01-02 14:30:00.000003000 define   AAACH4   venue=CME tick=0.25
        2024-01-02 14:30:00.000003000 status   AAACH4   phase=preopen
        2024-01-02 14:30:00.000004000 define   AAADH4   venue=CME tick=0.25
        2024-01-02 14:30:00.000004000 status   AAADH4   phase=preopen
        2024-01-02 14:30:00.000004000 status   AAAAH4   phase=continuous
        2024-01-02 14:30:00.000004000 status   AAABH4   phase=continuous
        2024-01-02 14:30:00.000004000 status   AAACH4   phase=continuous
        2024-01-02 14:30:00.000004000 status   AAADH4   phase=continuous
    "#]]
    .assert_eq(&events);
}

#[test]
fn books_by_level_and_by_order_are_the_same() {
    let folder = folder();
    for symbol in ["AAAAH4", "AAADH4"] {
        let book = |flags: &str| {
            let line = format!("book day.pcapng --symbol {symbol} --json {flags}");
            folder.run(line.trim_end()).succeeded().json()
        };
        let (levels, orders) = (book(""), book("--by-order"));
        for side in ["bids", "asks"] {
            assert!(levels[side].as_array().is_some_and(|side| side.len() > 3), "{levels}");
            assert_eq!(levels[side], orders[side]);
        }
    }
}

#[test]
fn a_replay_finds_no_fault_in_the_books() {
    let folder = folder();
    for flags in ["", "--by-order", "--by-order --shards 2"] {
        let summary = folder.replay(format!("day.pcapng {flags}").trim_end());
        assert_eq!(summary["faults"], serde_json::json!({}), "{summary}");
    }
}

#[test]
fn a_schema_of_one_s_own() {
    let folder = folder();
    folder.write("same.xml", OWN_SCHEMA);
    let ours = folder.run("decode day.pcapng").succeeded().stdout;
    assert!(ours == folder.run("decode day.pcapng --schema same.xml").succeeded().stdout);
    // Without the templates of orders and trades, those are unknown.
    let lacking = OWN_SCHEMA.replace("id=\"48\" blockLength", "id=\"99\" blockLength");
    folder.write("lacking.xml", lacking);
    let line = "decode day.pcapng --schema lacking.xml --count --json";
    let count = folder.run(line).succeeded().json();
    assert_eq!(count["unknown"], count["by_type"]["48"]);
    assert!(count["faults"]["missing"].as_u64() > Some(0), "trades have running numbers: {count}");
}

#[test]
fn what_is_said_about_other_formats_is_refused() {
    let folder = folder();
    folder.generate("tape", "--messages 100", "tape.csv");
    folder.write("same.xml", OWN_SCHEMA);
    for (flags, word) in [("--by-order", "--by-order"), ("--schema same.xml", "--schema")] {
        for line in
            ["replay tape.csv", "decode tape.csv --count", "book tape.csv --symbol AAAA --json"]
        {
            let ran = folder.run(&format!("{line} {flags}"));
            assert_eq!(ran.failed(2), format!("{word} is for mdp3-pcap, and this is tape"));
        }
        folder.run(&format!("replay tape.csv day.pcapng {flags}")).succeeded();
    }
    for (key, line) in [("by_order", "by_order = true"), ("schema", "schema = \"same.xml\"")] {
        folder.write("c.toml", format!("[[feed]]\npath = \"tape.csv\"\n{line}\n"));
        for command in ["check", "run"] {
            let ran = folder.run(&format!("{command} --config c.toml"));
            let told = format!("c.toml:2:8: `{key}` is for mdp3-pcap, and this is tape");
            assert_eq!(ran.failed(78), told);
        }
    }
}

#[test]
fn a_schema_that_cannot_be_used() {
    let folder = folder();
    folder.write("bad.xml", OWN_SCHEMA.replace("littleEndian", "bigEndian"));
    folder.write("c.toml", "[[feed]]\npath = \"day.pcapng\"\nschema = \"bad.xml\"\n");
    folder.check("replay day.pcapng --schema bad.xml", &expect![[r#"
        tapewatch: bad.xml: line 7, column 1: byteOrder "bigEndian" is not read, expected littleEndian
        exit 65
    "#]]);
    folder.check("run --config c.toml", &expect![[r#"
        tapewatch: c.toml:2:8: bad.xml: line 7, column 1: byteOrder "bigEndian" is not read, expected littleEndian
        exit 65
    "#]]);
    folder.write(
        "c.toml",
        "[[feed]]\npath = \"day.pcapng\"\nschema = \"none.xml\"\nby_order = true\n",
    );
    folder.check(
        "run --config c.toml",
        &expect![[r#"
        tapewatch: c.toml:2:8: none.xml: No such file or directory (os error 2)
        exit 78
    "#]],
    );
    folder.check(
        "decode day.pcapng --schema none.xml",
        &expect![[r#"
        tapewatch: none.xml: No such file or directory (os error 2)
        exit 1
    "#]],
    );
}
