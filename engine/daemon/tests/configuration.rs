//! Flags and configurations that make no sense are refused, with the place and what was probably meant.

mod tapewatch;

use expect_test::{Expect, expect};
use tapewatch::Folder;

/// What `check` says of a configuration beside a `tape.csv`, and that `run` agrees.
fn check(configuration: &str, expected: &Expect) {
    let folder = Folder::new();
    folder.generate("tape", "--messages 50", "tape.csv");
    folder.write("empty.csv", "");
    folder.write("c.toml", configuration);
    let [checked, run] =
        ["check", "run"].map(|line| folder.run(&format!("{line} --config c.toml")));
    expected.assert_eq(&format!("{}exit {}\n", shortened(&checked.stderr), checked.code.unwrap()));
    assert_eq!((run.code, run.stderr), (checked.code, checked.stderr));
}

/// Without the words that could have stood there: there will be more of them.
fn shortened(told: &str) -> String {
    let lists = ["expected one of ", "there are: "].map(|list| Some(told.find(list)? + list.len()));
    let Some(from) = lists.into_iter().flatten().next() else { return told.to_string() };
    let to = told.find("; did you mean").or(told.find('\n')).unwrap_or(told.len());
    format!("{}…{}", &told[..from], &told[to..])
}

#[test]
fn a_good_one_is_told_in_full() {
    let folder = Folder::new();
    folder.generate("tape", "--messages 50", "tape.csv");
    let configuration = r#"
        [machine]
        topology = "fused"
        shards = 2
        [books]
        orders_max = 100_000
        [[feed]]
        path = "tape.csv"
        speed = "max"
        date = 2024-01-02
        [[strategy]]
        name = "event_rate"
        period_ms = 1000
        [surveillance.mean_threshold]
        high = 30
        [[sink]]
        kind = "stdout"
        only = "alerts"
        [[sink]]
        kind = "jsonl"
        path = "out.jsonl"
    "#;
    folder.write("c.toml", configuration);
    let told = folder.run("check --config c.toml").succeeded();
    expect![[r#"
        c.toml is valid
          topology  fused, asked for; one thread: source, shard 0, shard 1, collector
          feed      tape.csv (tape)
          observer  event_rate period_ms=1000
          observer  mean_threshold window_s=60 lateness_s=0 low=none high=30 z_max=6 windows_min=10 usual_span_windows=1440 sd_share_min=0.001 metrics_max=64
          sink      standard output
          sink      out.jsonl
    "#]].assert_eq(&told.stdout);
    let json = folder.run("check --config c.toml --json").succeeded().json();
    assert_eq!((&json["valid"], &json["sinks"]), (&true.into(), &2.into()));
    assert!(!folder.path("out.jsonl").exists(), "checking writes nothing");
    folder.write("c.toml", "");
    assert!(folder.run("check --config c.toml").succeeded().stdout.contains("feed      none"));
    folder.check(
        "run --config c.toml",
        &expect![[r#"
        tapewatch: c.toml: there is no [[feed]] to run
        exit 78
    "#]],
    );
}

#[test]
fn unknown_keys_are_placed_and_guessed() {
    check(
        "[machine]\ntopolgy = \"auto\"\n",
        &expect![[r#"
            tapewatch: c.toml:2:1: unknown field `topolgy`, expected one of …; did you mean `topology`?
            exit 78
        "#]],
    );
    check(
        "survaillance = 3\n",
        &expect![[r#"
            tapewatch: c.toml:1:1: unknown field `survaillance`, expected one of …; did you mean `surveillance`?
            exit 78
        "#]],
    );
    check(
        "[[feed]]\npath = \"tape.csv\"\n  fromat = \"tape\"\n",
        &expect![[r#"
            tapewatch: c.toml:3:3: unknown field `fromat`, expected one of …; did you mean `format`?
            exit 78
        "#]],
    );
    check(
        "[books]\norder_max = 3\n",
        &expect![[r#"
        tapewatch: c.toml:2:1: unknown field `order_max`, expected `orders_max` or `subjects_max`; did you mean `orders_max`?
        exit 78
    "#]],
    );
    check(
        "[[strategy]]\nname = \"event_rate\"\nperiod = 3\n",
        &expect![[r#"
        tapewatch: c.toml:3:1: unknown field `period`, expected `period_ms`; did you mean `period_ms`?
        exit 78
    "#]],
    );
    check(
        "[surveillance.P06]\norders_least = 3\n",
        &expect![[r#"
            tapewatch: c.toml:2:1: unknown field `orders_least`, expected one of …; did you mean `orders_min`?
            exit 78
        "#]],
    );
    check(
        "# ünïcode\n[machine]\n  \"schärds\" = 3\n",
        &expect![[r#"
            tapewatch: c.toml:3:3: unknown field `schärds`, expected one of …; did you mean `shards`?
            exit 78
        "#]],
    );
}

#[test]
fn unknown_names_are_placed_and_guessed() {
    check(
        "[[strategy]]\nname = \"micropice\"\n",
        &expect![[r#"
            tapewatch: c.toml:2:8: there is no "micropice"; there are: …; did you mean `microprice`?
            exit 78
        "#]],
    );
    check(
        "[surveillance.P6]\n",
        &expect![[r#"
            tapewatch: c.toml:1:15: there is no "P6"; there are: …; did you mean `P36`?
            exit 78
        "#]],
    );
    check(
        "[machine]\ntopology = \"autoo\"\n",
        &expect![[r#"
            tapewatch: c.toml:2:12: unknown variant `autoo`, expected one of …; did you mean `auto`?
            exit 78
        "#]],
    );
    check(
        "[[sink]]\nkind = \"json\"\n",
        &expect![[r#"
        tapewatch: c.toml:2:8: unknown variant `json`, expected `jsonl` or `stdout`; did you mean `jsonl`?
        exit 78
    "#]],
    );
    let folder = Folder::new();
    folder.generate("tape", "--messages 50", "tape.csv");
    folder.write("c.toml", "[[feed]]\npath = \"tape.csv\"\nformat = \"tpe\"\n");
    let ran = folder.run("check --config c.toml");
    assert!(ran.failed(78).starts_with("c.toml:3:10: unknown format \"tpe\": expected "));
    assert!(ran.failed(78).ends_with("; did you mean `tape`?"));
}

#[test]
fn wrong_values_are_placed() {
    check(
        "[machine]\nshards = \"two\"\n",
        &expect![[r#"
        tapewatch: c.toml:2:10: invalid type: string "two", expected a whole number
        exit 78
    "#]],
    );
    check(
        "[machine]\nshards = 65\n",
        &expect![[r#"
        tapewatch: c.toml:2:10: shards is a number from 1 to 64
        exit 78
    "#]],
    );
    check(
        "[machine]\nspread = 1\n",
        &expect![[r#"
        tapewatch: c.toml:2:10: invalid type: integer `1`, expected true or false
        exit 78
    "#]],
    );
    check(
        "[machine]\nring_events = 1000\n",
        &expect![[r#"
        tapewatch: c.toml:2:15: ring_events is a power of two from 1024 to 16777216
        exit 78
    "#]],
    );
    check(
        "[books]\norders_max = 0\n",
        &expect![[r#"
        tapewatch: c.toml:2:14: orders_max is a number from 1 to 1073741824
        exit 78
    "#]],
    );
    check(
        "[[feed]]\npath = 3\n",
        &expect![[r#"
        tapewatch: c.toml:2:8: invalid type: integer `3`, expected text in quotes
        exit 78
    "#]],
    );
    check(
        "[[feed]]\npath = \"tape.csv\"\nspeed = true\n",
        &expect![[r#"
        tapewatch: c.toml:3:9: speed is "max" or a number above 0
        exit 78
    "#]],
    );
    check(
        "[[feed]]\npath = \"tape.csv\"\nspeed = 0\n",
        &expect![[r#"
        tapewatch: c.toml:3:9: "0" is neither max nor a number above 0
        exit 78
    "#]],
    );
    check(
        "[[feed]]\npath = \"tape.csv\"\ndate = \"2024-02-30\"\n",
        &expect![[r#"
        tapewatch: c.toml:3:8: a date is written YYYY-MM-DD
        exit 78
    "#]],
    );
    check(
        "[feed]\npath = \"tape.csv\"\n",
        &expect![[r#"
        tapewatch: c.toml:1:1: invalid type: table, expected a list, or tables in [[double brackets]]
        exit 78
    "#]],
    );
    check(
        "[[strategy]]\nname = \"event_rate\"\nperiod_ms = 0\n",
        &expect![[r#"
        tapewatch: c.toml:3:1: period_ms = 0, wanted 1 to 86400000
        exit 78
    "#]],
    );
    check(
        "[surveillance.P06]\nbursts_min = \"many\"\n",
        &expect![[r#"
        tapewatch: c.toml:2:14: invalid type: string "many", expected a whole number
        exit 78
    "#]],
    );
    check(
        "[surveillance]\nP06 = 3\n",
        &expect![[r#"
        tapewatch: c.toml:2:7: a pattern is a table of its parameters
        exit 78
    "#]],
    );
    check(
        "[[sink]]\nkind = \"jsonl\"\n",
        &expect![[r#"
        tapewatch: c.toml:1:1: a sink of kind jsonl has a path
        exit 78
    "#]],
    );
    let twice = "[[sink]]\nkind = \"stdout\"\n[[sink]]\nkind = \"stdout\"\n";
    check(
        twice,
        &expect![[r#"
        tapewatch: c.toml:3:1: another sink writes to the same place
        exit 78
    "#]],
    );
}

#[test]
fn what_is_missing_is_told() {
    check(
        "[[feed]]\npath = \"tapes.csv\"\n",
        &expect![[r#"
        tapewatch: c.toml:2:8: tapes.csv: No such file or directory (os error 2); did you mean `tape.csv`?
        exit 78
    "#]],
    );
    check(
        "[[feed]]\npath = \"empty.csv\"\n",
        &expect![[r#"
        tapewatch: c.toml:2:8: empty.csv: byte 0: the file is empty
        exit 65
    "#]],
    );
    check(
        "[[feed]]\nspeed = 2\n",
        &expect![[r#"
            tapewatch: c.toml:1:1: a [[feed]] has either a path or the lines of `udp`
            exit 78
        "#]],
    );
    check(
        "[[strategy]]\nperiod_ms = 3\n",
        &expect![[r#"
        tapewatch: c.toml:1:1: a [[strategy]] has a name
        exit 78
    "#]],
    );
    let nowhere = "[[feed]]\npath = \"tape.csv\"\n[[sink]]\nkind = \"jsonl\"\npath = \"none/x\"\n";
    check(
        nowhere,
        &expect![[r#"
        tapewatch: c.toml:5:8: findings cannot be written: none/x: there is no folder none
        exit 78
    "#]],
    );
    let folder = Folder::new();
    folder.check(
        "check --config none.toml",
        &expect![[r#"
        tapewatch: none.toml: No such file or directory (os error 2)
        exit 78
    "#]],
    );
    folder.check(
        "check --config .",
        &expect![[r#"
        tapewatch: .: Is a directory (os error 21)
        exit 78
    "#]],
    );
    folder.write("latin.toml", b"# caf\xe9\n");
    folder.check(
        "check --config latin.toml",
        &expect![[r#"
        tapewatch: latin.toml: stream did not contain valid UTF-8
        exit 78
    "#]],
    );
}

#[test]
fn text_that_is_no_configuration_is_placed() {
    check(
        "[machine\n",
        &expect![[r#"
        tapewatch: c.toml:1:9: unclosed table, expected `]`
        exit 78
    "#]],
    );
    check(
        "[machine]\nshards = 1\nshards = 2\n",
        &expect![[r#"
        tapewatch: c.toml:3:1: duplicate key
        exit 78
    "#]],
    );
    check(
        "just words\n",
        &expect![[r#"
        tapewatch: c.toml:1:6: key with no value, expected `=`
        exit 78
    "#]],
    );
}

#[test]
fn flags_that_make_no_sense_are_told_in_one_line() {
    let folder = Folder::new();
    folder.generate("tape", "--messages 50", "tape.csv");
    folder.check(
        "replay",
        &expect![[r#"
        tapewatch: the following required arguments were not provided: <FILE>... (see --help)
        exit 2
    "#]],
    );
    folder.check(
        "replay tape.csv --shards 65",
        &expect![[r#"
        tapewatch: invalid value '65' for '--shards <SHARDS>': 65 is not in 1..=64 (see --help)
        exit 2
    "#]],
    );
    folder.check(
        "replay tape.csv --shards 0",
        &expect![[r#"
        tapewatch: invalid value '0' for '--shards <SHARDS>': 0 is not in 1..=64 (see --help)
        exit 2
    "#]],
    );
    folder.check("replay tape.csv --date 2024-13-01", &expect![[r#"
        tapewatch: invalid value '2024-13-01' for '--date <YYYY-MM-DD>': a date is written YYYY-MM-DD (see --help)
        exit 2
    "#]]);
    folder.check("replay tape.csv --date yesterday", &expect![[r#"
        tapewatch: invalid value 'yesterday' for '--date <YYYY-MM-DD>': a date is written YYYY-MM-DD (see --help)
        exit 2
    "#]]);
    folder.check("replay tape.csv --speed 0", &expect![[r#"
        tapewatch: invalid value '0' for '--speed <max|N>': "0" is neither max nor a number above 0 (see --help)
        exit 2
    "#]]);
    folder.check("replay tape.csv --speed -1", &expect![[r#"
        tapewatch: invalid value '-1' for '--speed <max|N>': "-1" is neither max nor a number above 0 (see --help)
        exit 2
    "#]]);
    folder.check("replay tape.csv --speed fast", &expect![[r#"
        tapewatch: invalid value 'fast' for '--speed <max|N>': "fast" is neither max nor a number above 0 (see --help)
        exit 2
    "#]]);
    let format = folder.run("replay tape.csv --format csv");
    assert!(format.failed(2).contains("'--format <FORMAT>': is none of auto, "));
    folder.check(
        "replay tape.csv --symbols A,,B",
        &expect![[r#"
        tapewatch: a value is required for '--symbols <A,B>' but none was supplied (see --help)
        exit 2
    "#]],
    );
    folder.check("replay tape.csv --symbol AAPL", &expect![[r#"
        tapewatch: unexpected argument '--symbol' found; tip: a similar argument exists: '--symbols' (see --help)
        exit 2
    "#]]);
    folder.check(
        "decode tape.csv --count --limit 3",
        &expect![[r#"
        tapewatch: the argument '--count' cannot be used with '--limit <LIMIT>' (see --help)
        exit 2
    "#]],
    );
    folder.check("replya tape.csv", &expect![[r#"
        tapewatch: unrecognized subcommand 'replya'; tip: a similar subcommand exists: 'replay' (see --help)
        exit 2
    "#]]);
    folder.check("run", &expect![[r#"
        tapewatch: the following required arguments were not provided: --config <CONFIG> (see --help)
        exit 2
    "#]]);
}

#[test]
fn help_is_no_failure() {
    let folder = Folder::new();
    for line in
        ["--help", "--version", "replay --help", "decode --help", "run --help", "check --help"]
    {
        let ran = folder.run(line).succeeded();
        assert!(!ran.stdout.is_empty() && ran.stderr.is_empty(), "{line}");
    }
}

#[test]
fn more_busy_threads_than_cores_are_refused_unless_forced() {
    let folder = Folder::new();
    folder.generate("tape", "--messages 50", "tape.csv");
    if std::thread::available_parallelism().unwrap().get() >= 66 {
        println!("not run: 66 cores");
        return;
    }
    let ran = folder.run("replay tape.csv --spread --shards 64");
    let error = ran.failed(2);
    assert!(error.starts_with("66 busy-polling threads on "), "{error}");
    assert!(error.ends_with("or force to have it anyway"), "{error}");
    folder.write(
        "c.toml",
        "[machine]\nspread = true\nshards = 64\n[[feed]]\npath = \"tape.csv\"\nspeed = \"max\"\n",
    );
    for command in ["run", "check"] {
        assert!(
            folder
                .run(&format!("{command} --config c.toml"))
                .failed(78)
                .starts_with("c.toml: 66 busy")
        );
    }
    let forced = folder.replay("tape.csv --spread --shards 8 --force");
    assert_eq!(forced["findings_digest"], folder.replay("tape.csv")["findings_digest"]);
}
