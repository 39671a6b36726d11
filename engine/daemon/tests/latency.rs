//! `tapewatch latency` on logs as a run leaves them.

mod tapewatch;

use expect_test::expect;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};
use tapewatch::{Folder, keys};

/// Ten seconds of two stages; `slower` is by how much the book is slower than it could be.
fn log(slower: u64) -> Vec<u8> {
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut log = IntervalLogWriterBuilder::new()
        .with_start_time(start)
        .with_base_time(start)
        .begin_log_with(&mut text, &mut serializer)
        .unwrap();
    for second in 0..10 {
        for (tag, time) in [("decode", 20), ("book", 100 * slower)] {
            let mut of = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).unwrap();
            (0..500).for_each(|n| of.record(time + n * n / 1000).unwrap());
            of.record(time * 1000).unwrap();
            let at = Duration::from_secs(second);
            log.write_histogram(&of, at, Duration::from_secs(1), Tag::new(tag)).unwrap();
        }
    }
    text
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("a.hlog", log(1));
    folder.write("b.hlog", log(3));
    folder
}

#[test]
fn a_log_is_told_as_a_table_and_bars() {
    let told = folder().shell("LC_ALL=C.UTF-8 COLUMNS=80 $TAPEWATCH latency a.hlog");
    expect![[r#"
        a.hlog: 20 intervals, 0.0 s to 10.0 s after 2023-11-14 22:13:20 UTC

          latency in ns
          stage               count         p50         p90         p99       p99.9      p99.99         max
          decode              5,010          82         222         265      20,015           -      20,015
          book                5,010         162         302         345     100,031           -     100,031

          decode
                20 ns – 50 ns ██████████████████████          1,740   34.731 %  34.731 %
               50 ns – 100 ns █████████████▊                  1,090   21.756 %  56.487 %
              100 ns – 200 ns ██████████████████              1,420   28.343 %  84.830 %
              200 ns – 500 ns █████████▌                        750   14.970 %  99.800 %
                500 ns – 1 µs                                     0    0.000 %  99.800 %
                  1 µs – 2 µs                                     0    0.000 %  99.800 %
                  2 µs – 5 µs                                     0    0.000 %  99.800 %
                 5 µs – 10 µs                                     0    0.000 %  99.800 %
                10 µs – 20 µs                                     0    0.000 %  99.800 %
                20 µs – 50 µs ▏                                  10    0.200 % 100.000 %

          book
              100 ns – 200 ns ██████████████████████          3,170   63.273 %  63.273 %
              200 ns – 500 ns ████████████▊                   1,830   36.527 %  99.800 %
                500 ns – 1 µs                                     0    0.000 %  99.800 %
                  1 µs – 2 µs                                     0    0.000 %  99.800 %
                  2 µs – 5 µs                                     0    0.000 %  99.800 %
                 5 µs – 10 µs                                     0    0.000 %  99.800 %
                10 µs – 20 µs                                     0    0.000 %  99.800 %
                20 µs – 50 µs                                     0    0.000 %  99.800 %
               50 µs – 100 µs                                     0    0.000 %  99.800 %
              100 µs – 200 µs ▏                                  10    0.200 % 100.000 %
    "#]].assert_eq(&told.succeeded().stdout);
}

#[test]
fn two_logs_stand_side_by_side() {
    let told =
        folder().shell("LC_ALL=C TERM=xterm $TAPEWATCH latency a.hlog b.hlog --from 2 --to 8");
    expect![[r#"
        a.hlog: 12 of 20 intervals, 0.0 s to 10.0 s after 2023-11-14 22:13:20 UTC
        b.hlog: 12 of 20 intervals, 0.0 s to 10.0 s after 2023-11-14 22:13:20 UTC

          latency in ns: the first log, the second, and the second by the first
          stage               count         p50         p90         p99       p99.9      p99.99         max
          decode              3,006          82         222         265      20,015           -      20,015
                              3,006          82         222         265      20,015           -      20,015
                                          x1.00       x1.00       x1.00       x1.00           -       x1.00
          book                3,006         162         302         345     100,031           -     100,031
                              3,006         362         502         545     300,031           -     300,031
                                          x2.23       x1.66       x1.58       x3.00           -       x3.00
    "#]].assert_eq(&told.succeeded().stdout);
}

#[test]
fn json_has_every_figure_and_the_ratios() {
    let told = folder().run("latency a.hlog b.hlog --unit us --json").succeeded().json();
    assert_eq!(keys(&told), ["logs", "ratios"]);
    let stage = &told["logs"][0]["latency"]["decode"];
    let figures = ["count", "intervals", "max", "mean", "p50", "p90", "p99", "p99.9", "p99.99"];
    assert_eq!(keys(stage), figures);
    assert_eq!((&stage["count"], &stage["intervals"]), (&5010.into(), &10.into()));
    assert_eq!(stage["p50"], 82_000, "microseconds are told in nanoseconds");
    assert_eq!(told["ratios"]["decode"]["p50"], 1.0);
    assert_eq!(told["ratios"]["book"]["max"].as_f64().unwrap().round(), 3.0);
    assert_eq!(told["logs"][1]["name"], "b.hlog");
}

#[test]
fn pictures_are_written_and_named() {
    let folder = folder();
    for name in ["a.svg", "a.png"] {
        let ran = folder.run(&format!("latency a.hlog --table --plot {name}")).succeeded();
        assert_eq!(ran.stderr, format!("tapewatch: {name} is written\n"));
    }
    assert!(folder.read("a.svg").starts_with(b"<svg"));
    assert!(folder.read("a.png").starts_with(b"\x89PNG"));
}

/// Answers one request for the latencies with this.
fn daemon(log: Vec<u8>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let read = stream.read(&mut request).unwrap();
        assert!(request[..read].starts_with(b"GET /latency?hlog HTTP/1.1\r\n"));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", log.len());
        stream.write_all(&[head.into_bytes(), log].concat()).unwrap();
    };
    (address, thread::spawn(answer))
}

#[test]
fn a_running_daemon_is_compared_with_a_log() {
    let (address, answered) = daemon(log(3));
    let ran = folder().run(&format!("latency a.hlog --url {address} --json")).succeeded();
    let told = ran.json();
    assert_eq!(told["logs"][1]["name"], address);
    assert_eq!(told["ratios"]["book"]["max"].as_f64().unwrap().round(), 3.0);
    answered.join().unwrap();
    let (address, _answered) = daemon(b"<html>\n".to_vec());
    let ran = folder().run(&format!("latency --url {address}"));
    let expected = "1: an interval is start,length,max,histogram: 1 of 4 are here";
    assert_eq!(ran.failed(65), format!("{address}:{expected}"));
}

#[test]
fn what_cannot_be_told_is_one_line() {
    let folder = folder();
    folder.write("broken.hlog", [log(1), b"Tag=book,1,1,1,HISTF\n".to_vec()].concat());
    for (line, expected) in [
        (
            "latency a.hlog broken.hlog",
            expect![[r#"
            tapewatch: broken.hlog:23: the histogram is not base 64
            exit 65
        "#]],
        ),
        (
            "latency none.hlog",
            expect![[r#"
            tapewatch: none.hlog: No such file or directory (os error 2)
            exit 1
        "#]],
        ),
        (
            "latency a.hlog --from 100",
            expect![[r#"
            tapewatch: a.hlog: no interval begins in that time: the log covers 0.000 s to 10.000 s
            exit 1
        "#]],
        ),
        (
            "latency a.hlog --from 3 --to 2",
            expect![[r#"
            tapewatch: --to is not after --from
            exit 2
        "#]],
        ),
        (
            "latency a.hlog --from -3",
            expect![[r#"
                tapewatch: invalid value '-3' for '--from <SECONDS>': a number of seconds, 0 or more (see --help)
                exit 2
            "#]],
        ),
        (
            "latency a.hlog --stage hop",
            expect![[r#"
            tapewatch: --stage: there is no hop, only book, decode
            exit 2
        "#]],
        ),
        (
            "latency a.hlog --plot a.jpg",
            expect![[r#"
            tapewatch: --plot: a.jpg: a picture is .svg or .png
            exit 2
        "#]],
        ),
        (
            "latency a.hlog --plot no/a.svg",
            expect![[r#"
            tapewatch: no/a.svg: No such file or directory (os error 2)
            exit 1
        "#]],
        ),
        (
            "latency",
            expect![[r#"
            tapewatch: the following required arguments were not provided: <FILE>... (see --help)
            exit 2
        "#]],
        ),
    ] {
        folder.check(line, &expected);
    }
}
