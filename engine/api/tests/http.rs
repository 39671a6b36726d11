//! What is answered over a socket, and who is hung up on.

use engine_api::{Board, Figures, Journal, Server};
use engine_pipeline::{Latency, Nanos};
use expect_test::expect;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

fn board() -> Board {
    let board = Board::default();
    let mut status = board.look();
    let mut hop = Latency::new();
    (1..=1000).for_each(|n| hop.record(Nanos(n)));
    status.latency.add("hop", &hop);
    status.figures = Figures {
        version: "0.1.0".to_string(),
        started_at: 1_700_000_000_000_000_000,
        at: 1_700_000_002_500_000_000,
        messages: 7,
        faults: [("unknown-order".to_string(), 3)].into(),
        findings: [("alert".to_string(), [("P06".to_string(), 2)].into())].into(),
        journal: Some(Journal {
            durable_seq: 12_345,
            waiting_blocks: 3,
            findings_withheld: 4,
            failure: Some("no space left".to_string()),
            ..Journal::default()
        }),
        latency_order: vec!["hop".to_string()],
        latency_sampled_every: 64,
        ..Figures::default()
    };
    for seq in 0..40 {
        status.alert(format!(r#"{{"kind":"alert","pattern":"P06","last_seq":{seq}}}"#));
    }
    status.alert("no JSON".to_string());
    drop(status);
    board
}

fn server() -> Server {
    Server::start(TcpListener::bind("127.0.0.1:0").unwrap(), board()).unwrap()
}

fn exchange(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Status and body.
fn get(server: &Server, path: &str) -> (String, String) {
    let answer = exchange(server, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.lines().next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
    (status.to_string(), body.to_string())
}

#[test]
fn every_page_says_what_is_on_the_board() {
    let server = server();
    let (status, body) = get(&server, "/status");
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, "200 OK");
    assert_eq!(told["messages"], 7);
    assert_eq!(told["findings"]["alert"]["P06"], 2);
    assert_eq!(told["journal"]["durable_seq"], 12_345);
    assert_eq!(told["latency"]["hop"]["p99"], 990);
    let alerts = told["alerts"].as_array().unwrap();
    assert_eq!((alerts.len(), &alerts[31]["last_seq"]), (32, &Value::from(39)));
    let (_, latency) = get(&server, "/latency");
    expect![[r#"
        {"latency":{"hop":{"count":1000,"p50":500,"p90":900,"p99":990,"p99.9":999,"p99.99":1000,"max":1000}},"latency_order":["hop"],"latency_sampled_every":64,"started_at":1700000000000000000,"at":1700000002500000000}
    "#]]
    .assert_eq(&latency);
    let (_, hlog) = get(&server, "/latency?hlog");
    let line = hlog.lines().last().unwrap();
    assert!(line.starts_with("Tag=hop,0.000,2.500,1000.000,HISTFAAAA"), "{hlog}");
    assert!(get(&server, "/").1.contains("/latency?hlog"));
}

#[test]
fn prometheus_gets_its_text() {
    let (_, text) = get(&server(), "/metrics");
    for line in [
        "# TYPE tapewatch_messages counter",
        "tapewatch_messages_total 7",
        "tapewatch_faults_total{reason=\"unknown-order\"} 3",
        "tapewatch_findings_total{kind=\"alert\",name=\"P06\"} 2",
        "tapewatch_latency_seconds{stage=\"hop\",quantile=\"0.99\"} 9.9e-7",
        "tapewatch_journal_durable_seq 12345.0",
        "tapewatch_journal_waiting_blocks 3.0",
        "tapewatch_journal_failed 1.0",
        "tapewatch_findings_withheld_total 4",
        "tapewatch_latency_samples_total{stage=\"hop\"} 1000",
        "# EOF",
    ] {
        assert!(text.lines().any(|told| told == line), "no {line}: {text}");
    }
}

#[test]
fn without_a_journal_nothing_is_told_of_one() {
    let server = Server::start(TcpListener::bind("127.0.0.1:0").unwrap(), Board::default());
    let server = server.unwrap();
    for path in ["/status", "/metrics"] {
        assert!(!get(&server, path).1.contains("journal"));
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let server = server();
    expect![[r#"
        {"error":"there are /status, /latency, /latency?hlog and /metrics"}
    "#]]
    .assert_eq(&get(&server, "/latency?other").1);
    assert_eq!(get(&server, "/none").0, "404 Not Found");
    let said = |request: &str| {
        let answer = exchange(&server, request);
        answer.split("\r\n").next().unwrap().to_string()
    };
    let post = "POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(said(post), "HTTP/1.1 405 Method Not Allowed");
    let elsewhere = "GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert_eq!(said(elsewhere), "HTTP/1.1 403 Forbidden");
    let by_address = "GET /status HTTP/1.1\r\nHost: [::1]:9100\r\n\r\n";
    assert_eq!(said(by_address), "HTTP/1.1 200 OK");
    assert_eq!(said("what?\r\n\r\n"), "HTTP/1.1 400 Bad Request");
}

#[test]
fn a_head_without_end_is_not_read() {
    let server = server();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(b"GET /status HTTP/1.1\r\n").unwrap();
    let line = format!("X: {}\r\n", "y".repeat(1000));
    let sent = (0..100_000).take_while(|_| stream.write_all(line.as_bytes()).is_ok()).count();
    assert!(sent < 10_000, "{sent} kB of a head were taken");
}

/// Half-open requests are what plain servers keep for ever.
#[test]
fn who_does_not_go_on_is_hung_up_on() {
    let server = server();
    let began = Instant::now();
    let mut slow: Vec<_> = (0..500)
        .map(|number| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            let started: &[u8] = if number % 2 == 0 { b"GET /sta" } else { b"" };
            let _ = stream.write_all(started); // some are hung up on already
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            stream
        })
        .collect();
    for stream in &mut slow {
        let mut rest = Vec::new();
        let told = stream.read_to_end(&mut rest);
        let gone = told.map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |_| true);
        assert!(gone, "still connected after {:?}", began.elapsed());
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(get(&server, "/status").0, "200 OK");
}

/// One that asks and does not read the answer: it is not waited for when the server ends.
#[test]
fn the_end_waits_for_nobody() {
    let server = server();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"GET /status HT").unwrap();
    let began = Instant::now();
    let address = server.address();
    drop(server);
    assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}
