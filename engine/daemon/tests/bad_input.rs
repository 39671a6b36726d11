//! Input that is not what it should be: one line says what and where, the exit code says of which
//! kind, and what was found before is written.

mod tapewatch;

use expect_test::expect;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::Write;
use tapewatch::{Folder, json_lines};

const HEADER: &str = "event_at,subject,venue,kind,order_id,side,price,quantity\n";

/// One file of every format.
fn with_all() -> Folder {
    let folder = Folder::new();
    folder.generate("tape", "--messages 2000 --subjects 3", "tape.csv");
    folder.generate("itch", "--messages 2000 --subjects 5", "session.itch");
    folder.generate("lobster", "--messages 2000", "GENR_message.csv");
    folder.generate("iot", "--messages 2000", "readings.csv");
    folder
}

const FILES: [(&str, &str); 4] = [
    ("tape.csv", "tape"),
    ("session.itch", "itch50"),
    ("GENR_message.csv", "lobster"),
    ("readings.csv", "readings"),
];

#[test]
fn what_is_no_input_is_told() {
    let folder = with_all();
    folder.write("empty", "");
    fs::create_dir(folder.path("folder")).unwrap();
    folder.check(
        "replay tapes.csv",
        &expect![[r#"
        tapewatch: tapes.csv: No such file or directory (os error 2); did you mean `tape.csv`?
        exit 1
    "#]],
    );
    folder.check(
        "replay nothing/alike",
        &expect![[r#"
        tapewatch: nothing/alike: No such file or directory (os error 2)
        exit 1
    "#]],
    );
    folder.check(
        "replay empty",
        &expect![[r#"
        tapewatch: empty: byte 0: the file is empty
        exit 65
    "#]],
    );
    folder.check(
        "decode empty --format itch50",
        &expect![[r#"
        tapewatch: empty: byte 0: the file is empty
        exit 65
    "#]],
    );
    folder.check(
        "replay folder",
        &expect![[r#"
        tapewatch: folder: is a directory, not a file
        exit 1
    "#]],
    );
    folder.check(
        "replay tape.csv folder",
        &expect![[r#"
        tapewatch: folder: is a directory, not a file
        exit 1
    "#]],
    );
    folder.check(
        "replay /dev/null",
        &expect![[r#"
        tapewatch: /dev/null: byte 0: the file is empty
        exit 65
    "#]],
    );
}

#[test]
fn a_format_that_it_is_not_is_refused() {
    let folder = with_all();
    for (file, own) in FILES {
        for (_, format) in FILES {
            let ran = folder.run(&format!("replay {file} --format {format} --json"));
            if format == own {
                ran.succeeded();
            } else {
                let error = ran.failed(65);
                assert!(
                    error.starts_with(&format!("{file}: byte 0: expected {format}")),
                    "{error}"
                );
                assert!(error.ends_with(&format!("found what looks like {own}")), "{error}");
            }
        }
    }
}

#[test]
fn a_file_may_break_off_anywhere() {
    let folder = with_all();
    for (file, format) in FILES {
        let bytes = folder.read(file);
        let whole = folder.replay(file);
        for cut in [1, 2, 3, 7, 20, 97, 1000, bytes.len() / 2 + 3, bytes.len() - 3] {
            folder.write("cut", &bytes[..cut]);
            let ran = folder.run(&format!("replay cut --format {format} --findings out --json"));
            assert!(matches!(ran.code, Some(0 | 65)), "{file} cut at {cut}: {ran:?}");
            if ran.code == Some(65) {
                assert!(ran.failed(65).starts_with("cut: "), "{file} cut at {cut}");
            }
            if cut >= 1000 {
                let summary = ran.json();
                assert!(summary["messages"].as_u64() > Some(0), "{file} cut at {cut}");
                // A last line may lack its end, and the end of its last number.
                assert!(summary["messages"].as_u64() <= whole["messages"].as_u64());
                let found = json_lines(&folder.read("out")).len() as u64;
                assert_eq!(found, tapewatch::counted(&summary), "{file} cut at {cut}");
            }
        }
    }
}

#[test]
fn what_was_found_before_a_break_is_written_and_summed_up() {
    let folder = Folder::new();
    let tape = folder.generate("tape", "--messages 5000 --subjects 2 --bursts 1", "tape.csv");
    let end = tape.len() - 20;
    folder.write("cut.csv", &tape[..end - (end % 7)]);
    let ran = folder.run("replay cut.csv --findings out.jsonl");
    ran.failed(65);
    assert!(ran.stdout.contains("  ended       early, by an error\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("  alerts      P06 1"), "{}", ran.stdout);
    let alerts = json_lines(&folder.read("out.jsonl"));
    assert_eq!(alerts.iter().filter(|alert| alert["pattern"] == "P06").count(), 1);
}

#[test]
fn a_break_is_one_gap_and_one_fault_however_the_file_is_kept() {
    let folder = with_all();
    for (file, _) in FILES {
        let bytes = folder.read(file);
        folder.write("cut", &bytes[..bytes.len() - 12]);
        folder.gzip("whole.gz", &bytes);
        let packed = folder.read("whole.gz");
        folder.write("cut.gz", &packed[..packed.len() - 900]);
        for (cut, length) in [("cut", bytes.len() - 12), ("cut.gz", packed.len() - 900)] {
            let ran = folder.run(&format!("replay {cut} --json"));
            ran.failed(65);
            let summary = ran.json();
            assert_eq!(summary["gaps"], 1, "{file}, {cut}");
            assert_eq!(summary["faults"].to_string(), r#"{"truncated":1}"#, "{file}, {cut}");
            assert_eq!(summary["bytes"], length, "{file}, {cut}");
            let told = ran.stderr.trim_start_matches("tapewatch: ").trim_end();
            assert_eq!(summary["errors"], serde_json::json!([told]), "{file}, {cut}");
        }
    }
}

#[test]
fn each_file_that_breaks_off_is_told() {
    let folder = with_all();
    for name in ["one", "two"] {
        let bytes = folder.read("session.itch");
        folder.write(name, &bytes[..bytes.len() / 2]);
    }
    let ran = folder.run("replay one two --json");
    assert!(ran.failed(65).starts_with("one: byte "), "{}", ran.stderr);
    let summary = ran.json();
    assert_eq!((&summary["gaps"], &summary["faults"]["truncated"]), (&2.into(), &2.into()));
    let errors = summary["errors"].as_array().unwrap();
    assert!(errors[1].as_str().unwrap().starts_with("two: byte "), "{errors:?}");
    let told = folder.run("replay one two").stdout;
    assert!(told.contains("early, by an error\n              two: byte "), "{told}");
}

/// Whether a capture's packets, lines or messages: the first fault of strict reading is the end.
#[test]
fn strict_reading_fails_at_the_first_fault_and_says_where() {
    let folder = with_all();
    folder.generate("dbn", "--messages 2000 --subjects 3", "day.dbn");
    folder.generate("mdp3", "--messages 2000 --subjects 3", "day.pcapng");
    for file in FILES.map(|(file, _)| file) {
        let mut bytes = folder.read(file);
        bytes.extend(if file == "session.itch" {
            &b"\0\x03Abc\0\x01?"[..]
        } else {
            b"so\nand so\n"
        });
        folder.write(file, bytes);
    }
    let mut bytes = folder.read("day.dbn");
    let action = bytes.len() - 56 * 100 + 38;
    bytes[action] = b'Z';
    folder.write("day.dbn", bytes);
    // The first packet was longer than what was captured of it.
    let mut bytes = folder.read("day.pcapng");
    let packet = bytes.windows(4).position(|word| word == [6, 0, 0, 0]).unwrap();
    bytes[packet + 24] += 1;
    folder.write("day.pcapng", bytes);

    let mut told = String::new();
    for file in FILES.iter().map(|(file, _)| *file).chain(["day.dbn", "day.pcapng"]) {
        let lenient = folder.replay(file);
        assert!(lenient["first_faults"].as_array().is_some_and(|all| !all.is_empty()), "{file}");
        for command in ["replay", "decode"] {
            let ran = folder.run(&format!("{command} {file} --strict --json"));
            let error = ran.failed(65);
            assert!(error.starts_with(&format!("{file}: ")), "{error}");
            if command == "replay" {
                let summary = ran.json();
                assert_eq!(summary["first_faults"].as_array().unwrap().len(), 1, "{file}");
                assert_eq!(summary["first_faults"][0], lenient["first_faults"][0], "{file}");
                told.push_str(error);
                told.push('\n');
            }
        }
        folder.write(
            "c.toml",
            format!("[[feed]]\npath = \"{file}\"\nspeed = \"max\"\nstrict = true\n"),
        );
        let ran = folder.run("run --config c.toml");
        let last = ran.stderr.lines().last().unwrap();
        assert!(
            ran.code == Some(65) && last.starts_with(&format!("tapewatch: {file}: ")),
            "{last}"
        );
    }
    expect![[r#"
        tape.csv: line 2002 (byte 121311): not as many columns as the header in "so"
        session.itch: byte 62134: a message of type "A" has 3 bytes, expected 36
        GENR_message.csv: line 2001 (byte 72248): expected 6 or 7 columns in "so"
        readings.csv: line 2002 (byte 93029): expected 4 columns in "so"
        day.dbn: byte 107208: action "Z" is not allowed
        day.pcapng: byte 60: packet 1: 294 of 295 bytes were captured
    "#]]
    .assert_eq(&told);
}

#[test]
fn corrupt_gzip_is_told() {
    let folder = with_all();
    folder.gzip("whole.gz", &folder.read("tape.csv"));
    let whole = folder.read("whole.gz");
    for cut in [1, 4, 10, 18, 60, 2000, whole.len() - 1] {
        folder.write("cut.gz", &whole[..cut]);
        assert!(folder.run("replay cut.gz").failed(65).starts_with("cut.gz: "), "cut at {cut}");
    }
    for at in [2, 3, 60, 500, 5000, whole.len() - 6, whole.len() - 2] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        folder.write("bad.gz", bytes);
        assert!(folder.run("replay bad.gz").failed(65).starts_with("bad.gz: "), "wrong at {at}");
        folder.run("decode bad.gz --count").failed(65);
    }
    folder.write("trailing.gz", [&whole[..], b"trailing"].concat());
    assert!(matches!(folder.run("replay trailing.gz").code, Some(0 | 65)));
}

#[test]
fn a_bomb_is_refused_in_little_memory() {
    let folder = Folder::new();
    let file = File::create(folder.path("bomb.gz")).unwrap();
    let mut gzip = GzEncoder::new(file, Compression::fast());
    gzip.write_all(HEADER.as_bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..512).for_each(|_| gzip.write_all(&zeros).unwrap());
    gzip.finish().unwrap();
    for command in ["replay", "decode"] {
        // The most memory that it ever used, as long as the system tells: it waits for its input, so
        // that it is there to be asked.
        let ran = folder.shell(&format!(
            "{{ sleep 0.3; cat bomb.gz; }} | \"$TAPEWATCH\" {command} - & \
             while used=$(grep VmHWM /proc/$!/status 2>/dev/null); do peak=$used; done; echo $peak; wait $!"
        ));
        assert!(ran.failed(65).contains("times its size"), "{ran:?}");
        let peak = ran.stdout.lines().last().and_then(|line| line.split_whitespace().nth(1));
        let kib: u64 = peak.expect("a peak").parse().expect("a number of KiB");
        assert!((1_000..64_000).contains(&kib), "{kib} KiB");
    }
}

#[test]
fn garbage_is_refused() {
    let folder = Folder::new();
    let mut state = 7u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    });
    folder.write("noise", noise.take(50_000).collect::<Vec<_>>());
    folder.write("latin", b"caf\xe9,\xff\xfe\x80\n");
    let latin = folder.run("replay latin");
    let error = latin.failed(65);
    assert!(error.starts_with("latin: byte 0: expected one of the formats "), "{error}");
    assert!(error.ends_with(r#"found "caf\xe9,\xff\xfe\x80\n""#), "{error}");
    for format in ["auto", "itch50", "tape", "lobster", "readings"] {
        folder.run(&format!("replay noise --format {format}")).failed(65);
        folder.run(&format!("decode noise --format {format}")).failed(65);
    }
}

#[test]
fn bad_lines_are_counted_and_placed() {
    let folder = Folder::new();
    let tape = format!(
        "{HEADER}1000,AAA,X,add,1,B,10.5,5\n1001,AAA,X,add,2,S,10.6,-5\n\
         1002,AAA,X,add,3,S,10.6,99999999999999999999999\n1003,AAA,X,fold,4,S,10.6,5\n\
         900,AAA,X,add,5,S,10.6,5\n{HEADER}"
    );
    let tape =
        [tape.as_bytes(), b"1004,\xff\xfe,X,add,6,B,1,1\n1005,AAA,X,delete,1,B,,\n"].concat();
    folder.write("tape.csv", &tape);
    let summary = folder.replay("tape.csv");
    let faults: Vec<_> = summary["first_faults"].as_array().unwrap().iter().collect();
    let faults: Vec<_> = faults
        .iter()
        .map(|of| format!("{} at {} {}", of["fault"], of["place"], of["at"]))
        .collect();
    expect![[r#"
        "out-of-range" at "line" 3
        "out-of-range" at "line" 4
        "malformed" at "line" 5
        "time-backwards" at "line" 6
        "malformed" at "line" 7
        "malformed" at "line" 8"#]]
    .assert_eq(&faults.join("\n"));
    assert_eq!(summary["gaps"], 5);
    let told = folder.run("replay tape.csv").succeeded().stdout;
    assert!(told.contains("out-of-range at line 3\n"), "{told}");
    folder.check("replay tape.csv --strict --json", &expect![[r#"
        tapewatch: tape.csv: line 3 (byte 83): the quantity is negative in "1001,AAA,X,add,2,S,10.6,-5"
        exit 65
    "#]]);

    let readings = "event_at,device,metric,value\n1000,d,t,1\n1001,d,t,nan\n1002,d,t,1e999\n\
                    event_at,device,metric,value\n1003,d,t\n900,d,t,2\n-1,d,t,2\n1004,d,t,3\n";
    folder.write("readings.csv", readings);
    let faults = folder.replay("readings.csv")["faults"].to_string();
    expect![[r#"{"malformed":3,"out-of-range":2,"time-backwards":1}"#]].assert_eq(&faults);

    let lobster = "34200.1,1,1,18,5853300,1\n34200.2,1,2,-18,5853300,1\n34199,1,3,18,5853300,1\n\
                   34200.3,9,4,18,5853300,1\n34200.4,1,5,99999999999999999999,5853300,1\nx\n";
    folder.write("AAPL_message.csv", lobster);
    let faults = folder.replay("AAPL_message.csv")["faults"].to_string();
    expect![[r#"{"malformed":3,"time-backwards":1,"unknown-type":1}"#]].assert_eq(&faults);
}

#[test]
fn the_ends_of_lines_do_not_matter() {
    let folder = with_all();
    for file in ["tape.csv", "GENR_message.csv", "readings.csv"] {
        let unix = folder.replay(file);
        let text = String::from_utf8(folder.read(file)).unwrap();
        folder.write(file, text.replace('\n', "\r\n"));
        let dos = folder.replay(file);
        for key in ["messages", "events", "faults", "books_digest", "findings_digest"] {
            assert_eq!(unix[key], dos[key], "{file}: {key}");
        }
    }
}

#[test]
fn places_that_cannot_be_written_are_told() {
    let folder = with_all();
    fs::create_dir(folder.path("folder")).unwrap();
    let full = folder.run("replay tape.csv --findings /dev/full --json");
    expect!["findings cannot be written: /dev/full: No space left on device (os error 28)"]
        .assert_eq(full.failed(1));
    assert_eq!(full.json()["stopped"], "error");
    folder.check(
        "replay tape.csv --findings none/out.jsonl",
        &expect![[r#"
        tapewatch: findings cannot be written: none/out.jsonl: there is no folder none
        exit 1
    "#]],
    );
    folder.check(
        "replay tape.csv --findings folder",
        &expect![[r#"
        tapewatch: findings cannot be written: folder: is a folder, not a file
        exit 1
    "#]],
    );
    for line in
        ["replay tape.csv", "replay tape.csv --json", "decode tape.csv", "decode tape.csv --count"]
    {
        let ran = folder.shell(&format!("\"$TAPEWATCH\" {line} > /dev/full"));
        expect!["standard output: No space left on device (os error 28)"].assert_eq(ran.failed(1));
    }
    let ran = folder.shell("\"$TAPEWATCH\" replay tape.csv --findings - > /dev/full");
    assert!(ran.failed(1).starts_with("findings cannot be written: standard output: No space"));
    assert_eq!(folder.shell("\"$TAPEWATCH\" replay none 2> /dev/full").code, Some(1));
    assert_eq!(folder.shell("\"$TAPEWATCH\" replay tape.csv --findings - 2>&-").code, Some(0));
}

#[test]
fn findings_never_overwrite_the_input() {
    let folder = with_all();
    let before = folder.read("tape.csv");
    std::os::unix::fs::symlink("tape.csv", folder.path("alias")).unwrap();
    fs::hard_link(folder.path("tape.csv"), folder.path("twin")).unwrap();
    folder.check(
        "replay tape.csv --findings tape.csv",
        &expect![[r#"
        tapewatch: tape.csv: findings would overwrite the input
        exit 2
    "#]],
    );
    for path in ["./tape.csv", "alias", "twin"] {
        folder.run(&format!("replay readings.csv tape.csv --findings {path}")).failed(2);
    }
    folder.write(
        "c.toml",
        "[[feed]]\npath = \"tape.csv\"\n[[sink]]\nkind = \"jsonl\"\npath = \"alias\"\n",
    );
    for command in ["run", "check"] {
        let ran = folder.run(&format!("{command} --config c.toml"));
        expect!["c.toml:5:8: tape.csv: findings would overwrite the input"]
            .assert_eq(ran.failed(78));
    }
    folder.run("book tape.csv --symbol AAAA --csv alias").failed(2);
    assert!(folder.read("tape.csv") == before);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = with_all();
    for line in [
        "replay tape.csv",
        "replay tape.csv --json",
        "replay tape.csv --findings -",
        "decode tape.csv",
        "decode tape.csv --json",
        "decode tape.csv --count",
        "replay --help",
    ] {
        let ran =
            folder.shell(&format!("{{ \"$TAPEWATCH\" {line}; echo $? > code; }} | head -c 1"));
        ran.succeeded();
        assert_eq!(folder.read("code"), b"0\n", "{line}");
        let ran = folder
            .shell(&format!("{{ sleep 0.1; \"$TAPEWATCH\" {line}; echo $? > code; }} | true"));
        assert!(!ran.stderr.contains("tapewatch: "), "{line}: {}", ran.stderr);
        assert_eq!(folder.read("code"), b"0\n", "{line}");
    }
}
