//! Interval logs: what is in them, who else can read them, and what is refused.

mod tapewatch;

use expect_test::expect;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tapewatch::Folder;

/// The lines of a log that are no comments: tag, begin and length in seconds, the longest in ns.
fn intervals(log: &[u8]) -> Vec<(String, f64, f64, f64)> {
    let text = std::str::from_utf8(log).unwrap();
    // Of the machine's hiccups there may be some or none.
    let is_told = |line: &&str| !line.starts_with('#') && !line.starts_with("Tag=hiccup_");
    let lines = text.lines().filter(is_told);
    let interval = |line: &str| {
        let (tag, numbers) = line.strip_prefix("Tag=").unwrap().split_once(',').unwrap();
        let mut numbers = numbers.split(',').take(3).map(|number| number.parse().unwrap());
        let mut next = || numbers.next().unwrap();
        (tag.to_string(), next(), next(), next())
    };
    lines.map(interval).collect()
}

#[test]
fn a_replay_writes_an_interval_log_with_a_tag_for_each_stage() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 20000 --subjects 20", "day");
    folder.write("c.toml", "[latency]\ninterval_ms = 100\n");
    // Half a second at this rate: some intervals.
    let summary = folder.replay("day --rate 40000 --hlog day.hlog --config c.toml");
    let lines = intervals(&folder.read("day.hlog"));
    let ends: Vec<_> = lines.iter().filter(|(tag, ..)| tag == "end_to_end").collect();
    assert!((2..=50).contains(&ends.len()), "{} intervals", ends.len());
    assert_eq!(summary["hlog"]["path"], "day.hlog");
    assert!(summary["hlog"]["intervals"].as_u64().unwrap() >= ends.len() as u64);
    // One after the other, to the millisecond that the log shows; a stage that was late leaves one out.
    for pair in ends.windows(2) {
        assert!(pair[1].1 > pair[0].1 + pair[0].2 - 0.003, "{pair:?}");
    }
    let stages: Vec<_> = summary["latency_order"].as_array().unwrap().to_vec();
    assert!(stages.contains(&json!("open_loop")));
    for stage in stages {
        let longest = lines.iter().filter(|(tag, ..)| *tag == stage).map(|line| line.3);
        let longest = longest.reduce(f64::max).expect("every stage has a line");
        assert_eq!(summary["latency"][stage.as_str().unwrap()]["max"], longest as u64, "{stage}");
    }
}

#[test]
fn a_run_writes_what_its_configuration_says() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 5000 --subjects 20", "day");
    folder.write(
        "c.toml",
        "[[feed]]\npath = \"day\"\nspeed = \"max\"\n\n[latency]\nhlog = \"day.hlog\"\n",
    );
    let told = folder.run("run --config c.toml").succeeded().stderr;
    assert!(told.contains("  latencies   1 intervals in day.hlog"), "{told}");
    assert_eq!(intervals(&folder.read("day.hlog")).len(), 7);
    let checked = folder.run("check --config c.toml").succeeded().stdout;
    assert!(checked.contains("  latencies day.hlog, every 1000 ms"), "{checked}");
}

#[test]
fn the_expected_interval_is_told() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 5000 --subjects 20", "day");
    let summary = folder.replay("day --rate 50000");
    assert_eq!(
        summary["open_loop"],
        json!({"pace": "50000 events/s", "expected_interval_ns": 20000.0})
    );
    assert!(summary["latency"]["open_loop"]["count"].as_u64().unwrap() >= 70);
    let told = folder.run("replay day --rate 50000").succeeded().stdout;
    let row = "  open loop   an event was due every 20,000 ns (50000 events/s)";
    assert!(told.contains(row), "{told}");
    let fast = folder.replay("day --speed 1000000");
    assert_eq!(fast["open_loop"]["pace"], "1000000 times real time");
    assert!(fast["open_loop"]["expected_interval_ns"].as_f64().unwrap() > 0.0);
    let unpaced = folder.replay("day");
    assert!(unpaced["open_loop"].is_null() && unpaced["latency"]["open_loop"].is_null());
}

#[test]
fn what_cannot_be_written_is_told_before_anything_is_read() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 500 --subjects 20", "day");
    let check = |line: &str, expected: &expect_test::Expect| folder.check(line, expected);
    check(
        "replay day --hlog no/day.hlog",
        &expect![[r#"
        tapewatch: latencies cannot be written: no/day.hlog: there is no folder no
        exit 1
    "#]],
    );
    check(
        "replay day --hlog day",
        &expect![[r#"
        tapewatch: day: latencies would overwrite the input
        exit 2
    "#]],
    );
    check(
        "replay day --hlog out --findings out",
        &expect![[r#"
        tapewatch: out: findings and latencies go to different files
        exit 2
    "#]],
    );
    check(
        "replay day --hlog -",
        &expect![[r#"
        tapewatch: latencies go to a file: standard output is the summary's
        exit 2
    "#]],
    );
    check(
        "replay day --hlog /dev/full",
        &expect![[r#"
        tapewatch: latencies cannot be written: /dev/full: No space left on device (os error 28)
        exit 1
    "#]],
    );
    check(
        "replay day --rate 0",
        &expect![[r#"
        tapewatch: invalid value '0' for '--rate <N>': a rate is a number from 0.001 to 1000000000 (see --help)
        exit 2
    "#]],
    );
    check(
        "replay day --rate 5 --speed 2",
        &expect![[r#"
        tapewatch: the argument '--rate <N>' cannot be used with '--speed <max|N>' (see --help)
        exit 2
    "#]],
    );
    let configured = |latency: &str, expected: &expect_test::Expect| {
        folder.write("c.toml", format!("[[feed]]\npath = \"day\"\n[latency]\n{latency}\n"));
        folder.check("check --config c.toml", expected);
    };
    configured(
        "hlog = \"no/day.hlog\"",
        &expect![[r#"
        tapewatch: c.toml:4:8: latencies cannot be written: no/day.hlog: there is no folder no
        exit 78
    "#]],
    );
    configured(
        "interval_ms = 1",
        &expect![[r#"
        tapewatch: c.toml:4:15: interval_ms is a number from 10 to 3600000
        exit 78
    "#]],
    );
    configured(
        "hlgo = \"a\"",
        &expect![[r#"
        tapewatch: c.toml:4:1: unknown field `hlgo`, expected `hlog` or `interval_ms`; did you mean `hlog`?
        exit 78
    "#]],
    );
}

/// A disk that is full only later: everything else is done, and the run says what is missing.
#[test]
fn a_log_that_breaks_off_is_told_at_the_end() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 20000 --subjects 20", "day");
    folder.write("c.toml", "[latency]\ninterval_ms = 10\n");
    // The shell's limit on the size of files, in blocks of 512 bytes; the signal for it is ignored.
    let line = "trap '' XFSZ; ulimit -f 4; exec \"$TAPEWATCH\" replay day --config c.toml \
                --rate 100000 --hlog day.hlog";
    let ran = folder.shell(line);
    let failed = ran.failed(1);
    assert_eq!(failed, "latencies cannot be written: day.hlog: File too large (os error 27)");
    assert!(ran.stdout.contains("  messages    20,000"), "{}", ran.stdout);
}

/// Python with the package `hdrhistogram` from PyPI, in an environment of its own that is kept.
fn python_with_hdrh() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hdrh-0.10.3");
    let python = home.join("bin/python");
    let works = |python: &Path, line: &str| {
        let mut command = Command::new(python);
        let quiet = command.args(["-c", line]).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    if works(&python, "import hdrh") {
        return Ok(python);
    }
    if !works(Path::new("python3"), "import venv, ensurepip") {
        return Err("no python3 with venv".to_string());
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&home).output();
    if !made.is_ok_and(|made| made.status.success()) {
        return Err("python3 -m venv fails".to_string());
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--retries", "1", "hdrhistogram==0.10.3"]);
    match pip.output() {
        Ok(pip) if pip.status.success() => Ok(python),
        _ => Err("PyPI gives no hdrhistogram".to_string()),
    }
}

const READ: &str = r#"
import json, math, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 60_000_000_000, 3))
stages = {}
while (interval := reader.get_next_interval_histogram()) is not None:
    of = stages.setdefault(interval.get_tag(), HdrHistogram(1, 60_000_000_000, 3))
    of.add(interval)
# Of n values, the percentile p is the one with the rank p n / 100, rounded up. hdrh rounds to the
# nearest: it is asked for the percentile that this rank is.
def at(of, percentile):
    count = of.get_total_count()
    return of.get_value_at_percentile(100 * math.ceil(percentile / 100 * count) / count)

percentiles = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "p99.99": 99.99}
print(json.dumps({
    tag: {"count": of.get_total_count(), "max": of.get_max_value()}
    | {name: at(of, percentile) for name, percentile in percentiles.items()}
    for tag, of in stages.items()
}))
"#;

#[test]
fn pythons_hdrh_reads_the_same_percentiles() {
    let python = match python_with_hdrh() {
        Ok(python) => python,
        Err(why) => return eprintln!("not run: {why}"),
    };
    let folder = Folder::new();
    folder.generate("itch", "--messages 20000 --subjects 20", "day");
    folder.write("c.toml", "[latency]\ninterval_ms = 50\n\n[machine]\nsample_every = 1\n");
    let summary = folder.replay("day --rate 100000 --hlog day.hlog --config c.toml");
    let read = Command::new(python).args(["-c", READ]).arg(folder.path("day.hlog")).output();
    let read = read.unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let mut read: Value = serde_json::from_slice(&read.stdout).unwrap();
    assert!(read["open_loop"]["count"].as_u64() > Some(19_000), "{read}");
    // The summary tells the machine's hiccups apart from the stages, the log beside them.
    for thread in summary["jitter"].as_array().unwrap() {
        let gaps = &thread["gaps"];
        match read.as_object_mut().unwrap().remove(&format!("hiccup_core_{}", thread["core"])) {
            Some(of) => assert_eq!(&of, gaps),
            None => assert_eq!(gaps["count"], 0),
        }
    }
    assert_eq!(read, summary["latency"]);
}
