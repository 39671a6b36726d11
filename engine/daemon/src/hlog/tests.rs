//! Logs as we, HdrHistogram's own writers and liars write them.

use super::*;
use expect_test::{Expect, expect};
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer, V2Serializer};
use proptest::prelude::*;
use std::time::{Duration, SystemTime};

/// A second's log of Python's `hdrh`: 100, 200, 300, 400 and 5000, in two digits.
const OF_PYTHON: &str = "\
#[Logged by hdrh]
#[Histogram log format version 1.2]
#[BaseTime: 1700000000.000000 (seconds since epoch)]
\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"
0.500000,1.000000,0.000000,HISTFAAAAC54nJNpmSzMwMDAxwABTFCaEURcm7yEwf4DROA4I9NRRqaZjEyJTEvZmQCvCAfT
Tag=decode,0.500000,1.000000,0.000000,HISTFAAAAC54nJNpmSzMwMDAxwABTFCaEURcm7yEwf4DROA4I9NRRqaZjEyJTEvZmQCvCAfT
";

fn read(text: &str, window: Window) -> Result<Log, Failure> {
    Log::read(text.as_bytes(), "a.hlog", window)
}

fn some(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut some = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    values.into_iter().for_each(|value| some.record(value).unwrap());
    some
}

fn encoded(of: &Histogram<u64>, serializer: &mut impl Serializer) -> String {
    use base64::Engine;
    let mut bytes = Vec::new();
    assert!(serializer.serialize(of, &mut bytes).is_ok());
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn line(tag: &str, start: f64, of: &Histogram<u64>) -> String {
    format!("{tag}{start:.3},1.000,0.5,{}\n", encoded(of, &mut V2DeflateSerializer::new()))
}

/// Name, intervals and values of each stage.
fn told(log: &Log) -> Vec<(&str, u64, u64, u64)> {
    let told = |stage: &Stage| (stage.intervals, stage.histogram.len(), stage.histogram.max());
    log.stages
        .iter()
        .map(|stage| {
            let (intervals, count, max) = told(stage);
            (stage.name.as_str(), intervals, count, max)
        })
        .collect()
}

#[test]
fn the_crates_own_writer_is_understood() {
    let mut text = Vec::new();
    let mut serializer = V2Serializer::new();
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("anything")
        .with_start_time(start)
        .with_base_time(start)
        .begin_log_with(&mut text, &mut serializer)
        .unwrap();
    for second in 0..5_u64 {
        let at = Duration::from_secs(second);
        for (tag, values) in [(Tag::new("decode"), 10), (None, 3)] {
            let of = some((0..values).map(|n| n * 100 + second));
            writer.write_histogram(&of, at, Duration::from_secs(1), tag).unwrap();
        }
    }
    let text = String::from_utf8(text).unwrap();
    let log = read(&text, Window::ALL).unwrap();
    assert_eq!((log.began_at, log.covers, log.intervals), (1_700_000_000.0, (0.0, 5.0), 10));
    assert_eq!(told(&log), [("decode", 5, 50, 904), (UNTAGGED, 5, 15, 204)]);
    let part = read(&text, Window { from: 1.0, to: 3.0 }).unwrap();
    assert_eq!((part.selected, part.intervals), (4, 10));
    assert_eq!(told(&part), [("decode", 2, 20, 902), (UNTAGGED, 2, 6, 202)]);
    let crlf = read(&text.replace('\n', "\r\n"), Window::ALL).unwrap();
    assert_eq!(told(&crlf), told(&log));
    let cut = text.strip_suffix('\n').unwrap();
    assert_eq!(told(&read(cut, Window::ALL).unwrap()), told(&log), "a last line without an end");
}

#[test]
fn a_log_of_python_is_understood() {
    let log = read(OF_PYTHON, Window::ALL).unwrap();
    assert_eq!(told(&log), [(UNTAGGED, 1, 5, 5023), ("decode", 1, 5, 5023)]);
    assert_eq!((log.began_at, log.covers), (1_700_000_000.5, (0.0, 1.0)));
}

#[test]
fn a_time_is_told_from_the_epoch_the_base_or_the_start() {
    let covers = |head: &str, times: [f64; 2]| {
        let lines = times.map(|time| line("", time, &some([1])));
        let log = read(&format!("{head}{}{}", lines[0], lines[1]), Window::ALL).unwrap();
        (log.began_at, log.covers)
    };
    let start =
        "#[StartTime: 1700000000.250 (seconds since epoch), Tue Nov 14 22:13:20 UTC 2023]\n";
    let base = "#[BaseTime: 1700000001.250 (seconds since epoch)]\n";
    assert_eq!(covers(start, [0.0, 1.0]), (1_700_000_000.25, (0.0, 2.0)));
    assert_eq!(covers(start, [1_700_000_000.25, 1_700_000_001.25]), (1_700_000_000.25, (0.0, 2.0)));
    assert_eq!(covers(base, [0.5, 1.5]), (1_700_000_001.75, (0.0, 2.0)));
    assert_eq!(covers(&format!("{start}{base}"), [0.0, 1.0]), (1_700_000_000.25, (1.0, 3.0)));
    assert_eq!(covers("", [5.0, 6.0]), (5.0, (0.0, 2.0)));
}

#[test]
fn intervals_of_other_shapes_are_added_up() {
    let mut coarse = Histogram::<u64>::new_with_bounds(1000, 1_000_000, 1).unwrap();
    coarse.record(500_000).unwrap();
    let text = line("Tag=a,", 0.0, &coarse) + &line("Tag=a,", 1.0, &some([50_000_000_000]));
    let log = read(&text, Window::ALL).unwrap();
    assert_eq!(log.stages[0].histogram.len(), 2);
    assert!(log.stages[0].histogram.max() >= 50_000_000_000);
}

#[track_caller]
fn check_broken(text: &str, expected: &Expect) {
    let failure = read(text, Window::ALL).err().expect("it is broken");
    expected.assert_eq(&failure.to_string());
}

#[test]
fn a_broken_line_is_told_with_its_number() {
    let good = line("", 0.0, &some([1]));
    check_broken("", &expect!["a.hlog: there is no interval in it"]);
    check_broken("# nothing\n\n", &expect!["a.hlog: there is no interval in it"]);
    for (bad, expected) in [
        (
            "hello",
            expect![["a.hlog:2: an interval is start,length,max,histogram: 1 of 4 are here"]],
        ),
        ("Tag=a", expect![["a.hlog:2: the tag has no end"]]),
        ("x,1,1,HIST", expect![["a.hlog:2: the start is not a number: `x`"]]),
        ("0,inf,1,HIST", expect![["a.hlog:2: the length is not a number: `inf`"]]),
        ("0,-1,1,HIST", expect![["a.hlog:2: the interval's length is negative: -1"]]),
        ("0,1,\u{1b}[2J,HIST", expect![[r"a.hlog:2: the maximum is not a number: `\u{1b}[2J`"]]),
        ("0,1,1,*", expect![["a.hlog:2: the histogram is not base 64"]]),
        ("0,1,1,", expect![["a.hlog:2: the histogram is cut short"]]),
        ("0,1,1,HIST", expect![["a.hlog:2: the histogram is cut short"]]),
        ("0,1,1,AAAAAAAA", expect![["a.hlog:2: the histogram has no known encoding"]]),
        (
            "0,1,1,HISTIgAA",
            expect![["a.hlog:2: the histogram has an encoding older than version 2"]],
        ),
        ("0,1,1,DHISTwAA", expect![["a.hlog:2: the histogram counts floating-point values"]]),
        ("#[StartTime: soon]", expect![["a.hlog:2: the StartTime is not a number: `soon`"]]),
        (&good[..60], expect!["a.hlog:2: the histogram is cut short"]),
    ] {
        check_broken(&format!("{good}{bad}\n{good}"), &expected);
    }
}

#[test]
fn what_no_honest_log_has_is_refused() {
    let mut huge = Histogram::<u64>::new(1).unwrap();
    huge.record_n(1, 1 << 54).unwrap();
    check_broken(
        &line("", 0.0, &huge),
        &expect!["a.hlog:1: more than 2^53 values cannot be counted exactly"],
    );
    let one = some([1]);
    let long = line(&format!("Tag={},", "a".repeat(300)), 0.0, &one);
    check_broken(&long, &expect!["a.hlog:1: the tag is longer than 256 bytes"]);
    let many: String = (0..1025).map(|tag| line(&format!("Tag={tag},"), 0.0, &one)).collect();
    check_broken(&many, &expect!["a.hlog:1025: there are more than 1024 tags"]);
    // Each of them asks for 6 million buckets, and holds one value.
    let mut wide = Histogram::<u64>::new_with_bounds(1, u64::MAX, 5).unwrap();
    wide.record(1).unwrap();
    let wide: String = (0..9).map(|tag| line(&format!("Tag={tag},"), 0.0, &wide)).collect();
    check_broken(
        &wide,
        &expect!["a.hlog:6: the histograms have more than 33554432 buckets together"],
    );
    let endless = format!("# {}", "a".repeat(LINE_MAX));
    check_broken(&endless, &expect!["a.hlog:1: the line is longer than 16 MiB"]);
    let escape = line("Tag=\u{1b}[2Jx,", 0.0, &one);
    assert_eq!(read(&escape, Window::ALL).unwrap().stages[0].name, "\u{fffd}[2Jx");
}

#[test]
fn a_bomb_does_not_go_off() {
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..64 {
        packed.write_all(&[0; 1 << 20]).unwrap();
    }
    let packed = packed.finish().unwrap();
    let mut bytes = 0x1c84_9314_u32.to_be_bytes().to_vec();
    bytes.extend((packed.len() as u32).to_be_bytes());
    bytes.extend(packed);
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    check_broken(
        &format!("0,1,1,{text}\n"),
        &expect!["a.hlog:1: the histogram is larger than 16 MiB"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any header, any counts: an error or a histogram, and never a panic.
    #[test]
    fn no_encoding_is_believed(
        digits in 0_u32..8,
        low in prop_oneof![0_u64..5, any::<u64>()],
        high in prop_oneof![0_u64..1_000_000, any::<u64>()],
        ratio in prop_oneof![Just(1.0_f64), any::<f64>()],
        length in prop_oneof![Just(None), any::<u32>().prop_map(Some)],
        counts in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xff), Just(0), Just(2)], 0..60),
        other in prop::collection::vec(1_u64..u64::MAX, 1..5),
    ) {
        use base64::Engine;
        let mut bytes = 0x1c84_9313_u32.to_be_bytes().to_vec();
        bytes.extend(length.unwrap_or(counts.len() as u32).to_be_bytes());
        bytes.extend(0_u32.to_be_bytes());
        bytes.extend(digits.to_be_bytes());
        bytes.extend(low.to_be_bytes());
        bytes.extend(high.to_be_bytes());
        bytes.extend(ratio.to_be_bytes());
        bytes.extend(&counts);
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        let mut any = Histogram::<u64>::new_with_bounds(1, u64::MAX, 2).unwrap();
        other.iter().for_each(|value| any.record(*value).unwrap());
        let second = line("", 1.0, &any);
        if let Ok(log) = read(&format!("0,1,1,{text}\n{second}0,1,1,{text}\n"), Window::ALL) {
            let of = &log.stages[0].histogram;
            let canvas = crate::terminal::Canvas { width: 80, colours: false, unicode: true };
            let shown = crate::terminal::bars(of, 1_000_000, canvas);
            prop_assert!(shown.lines().count() < 30);
            prop_assert!(of.value_at_quantile(0.5) <= of.value_at_quantile(0.99));
        }
    }

    #[test]
    fn no_text_is_believed(text in "(#\\[StartTime: )?[-0-9.,e=TagHISTF\n/+A]{0,80}") {
        let _ = read(&text, Window::ALL);
    }
}
