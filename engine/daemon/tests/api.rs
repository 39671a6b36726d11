//! Looking into a running daemon: over HTTP, and with `tapewatch top`.

mod tapewatch;

use expect_test::expect;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use tapewatch::{Folder, Running};

/// Six hours of a tape in some twenty seconds.
fn configuration(more: &str) -> String {
    format!(
        r#"
        [latency]
        interval_ms = 50

        [api]
        listen = "127.0.0.1:0"

        [[feed]]
        path = "tape.csv"
        speed = 1000
        {more}
        "#
    )
}

/// Where a run answers, once it does.
fn address(run: &mut Running<'_>, folder: &Folder) -> String {
    let mut address = None;
    run.wait_for("its address", || {
        let told = String::from_utf8(folder.read(".stderr")).unwrap();
        let line = told.lines().find_map(|line| line.split_once("answers at http://"));
        address = line.map(|(_, address)| address.to_string());
        told.contains("running, ")
    });
    address.expect("it comes before it runs")
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_string()
}

fn status(address: &str) -> Value {
    serde_json::from_str(&get(address, "/status")).unwrap()
}

#[test]
fn a_run_tells_what_it_does_while_it_does_it() {
    let folder = Folder::new();
    folder.generate("tape", "--messages 30000 --bursts 12", "tape.csv");
    folder.write("c.toml", configuration(""));
    let mut run = folder.begin("run --config c.toml");
    let address = address(&mut run, &folder);
    let mut told = Value::Null;
    run.wait_for("an alert that is counted", || {
        told = status(&address);
        told["findings"]["alert"]["P06"].as_u64() > Some(0)
    });
    assert!(told["alerts"][0]["pattern"].is_string(), "{told}");
    assert!(told["findings"]["signal"]["microprice"].as_u64() > Some(100), "{told}");
    assert!(told["topology"].as_str().unwrap().contains("core"), "{told}");
    assert_eq!(told["ring"]["capacity"], 8192);
    assert!(told["uptime_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(told["faults"], serde_json::json!({}));
    let stages = told["latency_order"].as_array().unwrap();
    assert!(stages.contains(&Value::from("open_loop")), "a file at its own speed is an open loop");
    // Hiccups there may be none.
    let is_hiccup = |stage: &Value| stage.as_str().unwrap().starts_with("hiccup ");
    for stage in stages.iter().filter(|stage| !is_hiccup(stage)) {
        let of = &told["latency"][stage.as_str().unwrap()];
        assert!(of["count"].as_u64() > Some(0) && of["max"].as_u64() >= of["p50"].as_u64());
    }
    let later = |run: &mut Running<'_>| {
        let before = told["messages"].as_u64();
        run.wait_for("more messages", || status(&address)["messages"].as_u64() > before);
    };
    later(&mut run);
    let log = get(&address, "/latency?hlog");
    assert!(log.lines().any(|line| line.starts_with("Tag=end_to_end,0.000,")), "{log}");
    assert!(get(&address, "/metrics").contains("tapewatch_findings_total{kind=\"alert\""));
    let latency: Value = serde_json::from_str(&get(&address, "/latency")).unwrap();
    assert!(latency["latency"]["end_to_end"]["count"].as_u64() > Some(0));
    run.signal("TERM");
    run.end().succeeded();
    assert!(TcpStream::connect(&address).is_err(), "nobody answers any more");
}

#[test]
fn top_shows_a_frame_of_it() {
    let folder = Folder::new();
    folder.generate("tape", "--messages 30000 --bursts 12", "tape.csv");
    folder.write("c.toml", configuration(""));
    let mut run = folder.begin("run --config c.toml");
    let address = address(&mut run, &folder);
    run.wait_for("an alert", || !status(&address)["findings"]["alert"]["P06"].is_null());
    let viewer = Folder::new();
    let frame = viewer.run(&format!("top --once --url http://{address}/")).succeeded().stdout;
    for row in ["┌flow─", "│messages ", "│end_to_end ", "│open_loop ", "│alerts    P06 "]
    {
        assert!(frame.lines().any(|line| line.starts_with(row)), "no {row}: {frame}");
    }
    assert!(frame.lines().last().is_some_and(|line| line.starts_with('└')), "{frame}");
    assert!(frame.contains("P06       AAA"), "the alert itself: {frame}");
    let told = viewer.run(&format!("top --json --url {address}")).succeeded().json();
    assert!(told["messages"].as_u64() > Some(0));
    let wrong = viewer.run(&format!("top --url {address}"));
    let expected = "top wants a terminal: --once prints one frame, --json the figures";
    assert_eq!(wrong.failed(2), expected);
    // A terminal, and somebody who has seen enough.
    let line = format!(
        "(sleep 1; printf q) | TERM=xterm script -qec \
         'stty rows 40 cols 100; \"$TAPEWATCH\" top --url {address}' /dev/null"
    );
    let watched = viewer.shell(&line).succeeded().stdout;
    for word in ["the last interval and all", "end_to_end", "latest"] {
        assert!(watched.contains(word), "no {word}: {watched}");
    }
    run.signal("TERM");
    run.end().succeeded();
    let gone = viewer.run(&format!("top --once --url {address}"));
    let expected = "http://ADDRESS/status: nobody answers: Connection refused (os error 111)";
    assert_eq!(gone.failed(1).replace(&address, "ADDRESS"), expected);
    let code = |url: &str| viewer.run(&format!("top --once --url {url}")).code;
    assert_eq!([code("https://127.0.0.1:9100"), code("nowhere")], [Some(1), Some(1)]);
}

#[test]
fn half_open_requests_do_not_hold_the_run_up() {
    let folder = Folder::new();
    folder.generate("tape", "--messages 30000", "tape.csv");
    folder.write("c.toml", configuration(""));
    let mut run = folder.begin("run --config c.toml");
    let address = address(&mut run, &folder);
    let slow: Vec<_> = (0..300).map(|_| TcpStream::connect(&address).unwrap()).collect();
    run.wait_for("room for another request", || {
        let mut stream = TcpStream::connect(&address).unwrap();
        let asked = stream.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut answer = String::new();
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && !answer.is_empty()
    });
    drop(slow);
    run.signal("TERM");
    run.end().succeeded();
}

#[test]
fn an_address_that_cannot_be_had_is_told_with_its_place() {
    let folder = Folder::new();
    folder.generate("tape", "--messages 100", "tape.csv");
    let check = |api: &str, expected: &expect_test::Expect| {
        folder.write(
            "c.toml",
            format!("[[feed]]\npath = \"tape.csv\"\nspeed = \"max\"\n[api]\n{api}"),
        );
        folder.check("run --config c.toml", expected);
    };
    check(
        "listen = \"localhost\"",
        &expect![[r#"
        tapewatch: c.toml:5:10: an address is written 127.0.0.1:9100, not "localhost"
        exit 78
    "#]],
    );
    check(
        "lisen = \"127.0.0.1:9100\"",
        &expect![[r#"
        tapewatch: c.toml:5:1: unknown field `lisen`, expected `listen`; did you mean `listen`?
        exit 78
    "#]],
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    folder.write("c.toml", format!("[[feed]]\npath = \"tape.csv\"\n[api]\nlisten = \"{address}\""));
    let told = folder.run("run --config c.toml").failed(78).to_string();
    let expected = "c.toml:4:10: cannot listen at ADDRESS: Address already in use (os error 98)";
    assert_eq!(told.replace(&address.to_string(), "ADDRESS"), expected);
    folder.write("c.toml", "[[feed]]\npath = \"tape.csv\"\n[api]\n");
    let checked = folder.run("check --config c.toml").succeeded().stdout;
    assert!(checked.contains("  api       http://127.0.0.1:9100\n"), "{checked}");
}
