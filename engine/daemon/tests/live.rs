//! `tapewatch run` on live feeds: sent by `tapewatch generate --udp`, on loopback.

mod tapewatch;

use expect_test::expect;
use serde_json::Value;
use std::net::UdpSocket;
use tapewatch::{Folder, SUMMARY_KEYS, keys};

/// A port that was free, and the one after it; requests are answered ten further.
fn port() -> u16 {
    loop {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let further = [1, 10].map(|further| UdpSocket::bind(("127.0.0.1", port + further)));
        if further.iter().all(Result::is_ok) {
            return port;
        }
    }
}

const MESSAGES: u64 = 20_000;

/// A configuration that hears lines A and B of `group` until the end of the session.
fn configuration(group: &str, port: u16, more: &str) -> String {
    let (next, requests) = (port + 1, port + 10);
    format!(
        r#"
        [[feed]]
        udp = ["{group}:{port}", "{group}:{next}"]
        interface = "127.0.0.1"
        requests = "127.0.0.1:{requests}"
        date = 2026-07-30
        until_end = true
        {more}

        [[sink]]
        kind = "jsonl"
        path = "live.jsonl"
        "#
    )
}

/// Sends a session to a run, and returns what both have told on stderr.
fn run(folder: &Folder, group: &str, port: u16, weather: &str) -> (String, String) {
    let mut run = folder.begin("run --config c.toml");
    let banner = folder.path(".stderr");
    run.wait_for("the banner", || {
        std::fs::read_to_string(&banner).is_ok_and(|told| told.contains("running, "))
    });
    let sender = Folder::new();
    let line = format!(
        "generate itch --messages {MESSAGES} --subjects 20 --seed 5 --udp {group}:{port} --lines AB \
         --rate 40000 --linger 2 {weather}"
    );
    let sent = sender.run(line.trim_end()).succeeded();
    (run.end().succeeded().stderr, sent.stderr)
}

/// The digests and counts of a replay, without what depends on the machine.
fn same(summary: &Value) -> Vec<&Value> {
    ["messages", "events", "gaps", "books_digest", "findings_digest", "findings"]
        .map(|key| &summary[key])
        .to_vec()
}

fn number_after<'a>(text: &'a str, name: &str) -> &'a str {
    let row = text.lines().find(|line| line.trim_start().starts_with(name)).expect(name);
    row.split_whitespace().nth(1).unwrap()
}

#[test]
fn a_rough_line_gives_what_the_file_gives() {
    let (folder, port) = (Folder::new(), port());
    let group = "239.255.81.1";
    folder.write("c.toml", configuration(group, port, "declare_after_ms = 20000"));
    let weather = "--loss 5% --reorder --duplicate 2%";
    let (told, sent) = run(&folder, group, port, weather);
    assert!(sent.contains("requests answered"), "{sent}");
    let findings = folder.read("live.jsonl");
    let file = Folder::new();
    let flags = format!("--messages {MESSAGES} --subjects 20 --seed 5");
    file.generate("itch", &flags, "day");
    // Where feeds are live, somebody watches over patterns: the same configuration does so again.
    file.write("c.toml", folder.read("c.toml"));
    let replayed = file.replay("day --date 2026-07-30 --config c.toml --findings file.jsonl");
    assert!(findings == file.read("file.jsonl"), "the findings differ");
    assert_eq!(number_after(&told, "messages"), "20,000", "{told}");
    assert!(told.contains(replayed["books_digest"].as_str().unwrap()), "{told}");
    assert!(told.contains(replayed["findings_digest"].as_str().unwrap()), "{told}");
    assert!(told.contains("  received    ") && told.contains("  wire "), "{told}");
    let received: u64 = number_after(&told, "receive ").replace(',', "").parse().unwrap();
    assert!(
        received >= MESSAGES / 64,
        "one event in 64 is followed from the kernel's stamp: {told}"
    );
}

#[test]
fn a_recording_replays_to_the_same() {
    let (folder, port) = (Folder::new(), port());
    let group = "239.255.82.1";
    let more = "record = \"heard.pcapng\"\ndeclare_after_ms = 1\nrequest_after_ms = 0.7";
    folder.write("c.toml", configuration(group, port, more));
    let (told, _) = run(&folder, group, port, "--loss 20% --reorder 20%");
    let findings = folder.read("live.jsonl");
    let replayed =
        folder.replay("heard.pcapng --date 2026-07-30 --config c.toml --findings replayed.jsonl");
    assert!(replayed["gaps"].as_u64().unwrap() > 0, "{told}");
    assert!(findings == folder.read("replayed.jsonl"), "the findings differ");
    assert!(told.contains(replayed["books_digest"].as_str().unwrap()), "{told}");
    assert!(told.contains(replayed["findings_digest"].as_str().unwrap()), "{told}");
    let sharded = folder.replay("heard.pcapng --date 2026-07-30 --config c.toml --shards 4");
    assert_eq!(same(&sharded), same(&replayed));
    assert_eq!(keys(&sharded).len(), keys(&replayed).len());
    assert!(SUMMARY_KEYS.iter().all(|key| keys(&replayed).contains(key)));
}

#[test]
fn the_packets_of_a_live_journal_come_from_its_recording() {
    let (folder, port) = (Folder::new(), port());
    let group = "239.255.84.1";
    let journal = "[journal]\nfolder = \"j\"\n";
    folder.write("c.toml", configuration(group, port, "record = \"heard.pcapng\"") + journal);
    let (told, _) = run(&folder, group, port, "--reorder 5%");
    let info = folder.run("journal info j").succeeded().stdout;
    assert!(info.contains(" recorded in heard.pcapng"), "{info}");
    folder.run("journal export j --to pcapng --out out.pcapng").succeeded();
    let replayed = folder.replay("out.pcapng --date 2026-07-30 --config c.toml");
    assert!(told.contains(replayed["books_digest"].as_str().unwrap()), "{told}");
    assert!(told.contains(replayed["findings_digest"].as_str().unwrap()), "{told}");
}

#[test]
fn a_signal_ends_a_run_that_hears_nothing() {
    let (folder, port) = (Folder::new(), port());
    let more = "record = \"heard.pcapng\"\nreceive = \"recvmmsg\"";
    folder.write("c.toml", configuration("239.255.83.1", port, more));
    let mut run = folder.begin("run --config c.toml");
    let banner = folder.path(".stderr");
    run.wait_for("the banner", || {
        std::fs::read_to_string(&banner).is_ok_and(|told| told.contains("running, "))
    });
    run.signal("TERM");
    let told = run.end().succeeded().stderr;
    assert!(told.contains("recvmmsg, kernel stamps"), "{told}");
    assert!(told.contains("0 packets in "), "{told}");
}

#[test]
fn a_feed_that_says_nothing_is_an_alert() {
    let (folder, port) = (Folder::new(), port());
    let more = "\n[surveillance.silent_feed]\nsilence_s = 1\n";
    folder.write("c.toml", configuration("239.255.83.2", port, more));
    let mut run = folder.begin("run --config c.toml");
    let found = folder.path("live.jsonl");
    run.wait_for("the alert", || {
        let findings = std::fs::read_to_string(&found).unwrap_or_default();
        findings.lines().any(|line| line.contains("silent_feed") && line.ends_with('}'))
    });
    run.signal("TERM");
    run.end().succeeded();
    let alert: Value = serde_json::from_slice(&folder.read("live.jsonl")).unwrap();
    let told = ["kind", "pattern", "subject", "severity"].map(|key| alert[key].as_str().unwrap());
    assert_eq!(told, ["alert", "silent_feed", "*", "high"]);
}

#[test]
fn what_cannot_be_heard_is_told_with_its_place() {
    let folder = Folder::new();
    let check = |feed: &str, expected: &expect_test::Expect| {
        folder.write("c.toml", format!("[[feed]]\n{feed}\n"));
        folder.check("check --config c.toml", expected);
    };
    check(
        "strict = true",
        &expect![[r#"
        tapewatch: c.toml:1:1: a [[feed]] has either a path or the lines of `udp`
        exit 78
    "#]],
    );
    check(
        "udp = [\"239.1.1.1\"]",
        &expect![[r#"
        tapewatch: c.toml:2:8: an address is written 233.54.12.111:26400, not "239.1.1.1"
        exit 78
    "#]],
    );
    check(
        "udp = [\"239.1.1.1:4000\"]\nformat = \"itch5\"",
        &expect![[r#"
        tapewatch: c.toml:3:10: "itch5" is no protocol by datagram: itch50, iex; did you mean `itch50`?
        exit 78
    "#]],
    );
    check(
        "udp = [\"239.1.1.1:4000\"]\nspeed = 2",
        &expect![[r#"
        tapewatch: c.toml:3:9: `speed` belongs to a file: a live feed has its own
        exit 78
    "#]],
    );
    check(
        "path = \"a\"\nrecord = \"b\"",
        &expect![[r#"
        tapewatch: c.toml:3:10: `record` belongs to a feed of `udp`, not to a file
        exit 78
    "#]],
    );
    check(
        "udp = [\"239.1.1.1:4000\"]\nrecord = \"there/is/none.pcapng\"",
        &expect![[r#"
        tapewatch: c.toml:2:7: cannot record: there/is/none.pcapng: there is no folder there/is
        exit 78
    "#]],
    );
    check(
        "udp = [\"239.1.1.1:4000\"]\ndeclare_after_ms = 0",
        &expect![[r#"
        tapewatch: c.toml:3:20: declare_after_ms is a number from 0.001 to 60000
        exit 78
    "#]],
    );
    check(
        "udp = [\"239.1.1.1:4000\"]\n[[feed]]\npath = \"a\"",
        &expect![[r#"
        tapewatch: c.toml:3:1: files and live feeds do not go into one run
        exit 78
    "#]],
    );
    check(
        "udp = [\"239.1.1.1:4000\", \"239.1.1.2:4000\"]",
        &expect![[r#"
        exit 0
    "#]],
    );
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let folder = Folder::new();
    folder.check(
        "generate tape --udp 239.1.1.1:4000",
        &expect![[r#"
        tapewatch: --udp: only an itch session can be sent
        exit 2
    "#]],
    );
    let code = |line: &str| folder.run(line).code;
    assert_eq!(code("generate itch --udp 239.1.1.1:4000 --loss 101%"), Some(2));
    assert_eq!(code("generate itch --udp 239.1.1.1:4000 --out x"), Some(2));
    assert_eq!(code("generate itch --rate 5 --out x"), Some(2));
    assert_eq!(code("generate itch"), Some(2));
}
