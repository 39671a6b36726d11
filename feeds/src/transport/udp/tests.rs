//! Live feeds on loopback: a venue sends on one thread, the feed is polled on another.

use super::*;
use crate::codec::Itch50;
use crate::synthetic;
use crate::synthetic::capture::SESSION;
use crate::transport::open as open_file;
use crate::transport::publish::{Publication, Published, publish};
use engine_event::{Event, Kind, SubjectId};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Long enough for a busy machine, short enough for a person.
const PATIENCE: Duration = Duration::from_secs(60);

/// Groups that nobody else has: each test its own, on a port that was free.
fn groups(test: u8, count: u16) -> Vec<SocketAddr> {
    let port = UdpSocket::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap().port();
    let group = |line| SocketAddr::new(Ipv4Addr::new(239, 255, test, 1 + line as u8).into(), port);
    (0..count).map(group).collect()
}

fn free_address() -> SocketAddr {
    UdpSocket::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap()
}

fn day(messages: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    synthetic::itch::generate(messages, 5, 20, &mut bytes).unwrap();
    bytes
}

fn calm(lines: &[SocketAddr]) -> Publication {
    Publication {
        lines: lines.to_vec(),
        interface: LOOPBACK,
        requests: None,
        session: SESSION,
        rate: 50_000.0,
        messages_max: 8,
        loss_in_million: 0,
        reorder_in_million: 0,
        duplicate_in_million: 0,
        seed: 7,
        linger: Duration::from_millis(300),
    }
}

fn listen_to(lines: &[SocketAddr]) -> Listen {
    Listen { interface: LOOPBACK, until_end: true, ..Listen::to(lines.to_vec()) }
}

fn midnight() -> Options {
    Options { midnight: Some(Nanos(0)), ..Options::default() }
}

struct Heard {
    events: Vec<Event>,
    received: Received,
    tally: Tally,
    published: Published,
}

/// Sends a session of so many messages and hears it to its end.
fn hear(messages: u64, publication: Publication, listen: &Listen) -> Heard {
    let mut feed = Udp::<Itch50>::open(listen, &midnight()).unwrap();
    let sender = thread::spawn(move || {
        publish(day(messages), &publication, &AtomicBool::new(false)).unwrap()
    });
    let (mut names, mut events) = (Directory::new(100), Vec::new());
    let started = Instant::now();
    while feed.poll(Nanos(0), &mut names, &mut events).unwrap() != FeedTurn::Ended {
        assert!(started.elapsed() < PATIENCE, "{:?} {:?}", feed.received(), feed.description());
        thread::yield_now();
    }
    feed.end_recording();
    let published = sender.join().unwrap();
    Heard { events, received: feed.received(), tally: feed.tally(), published }
}

/// Events without the time at which they were received.
fn bare(events: &[Event]) -> Vec<Event> {
    let bare = |event: &Event| {
        let mut event = *event;
        event.received_at = event.event_at;
        event
    };
    events.iter().map(bare).collect()
}

/// What the file with the same messages tells.
fn from_file(messages: u64) -> Vec<Event> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day");
    std::fs::write(&path, day(messages)).unwrap();
    replay(&path, &midnight())
}

fn replay(path: &Path, options: &Options) -> Vec<Event> {
    let (mut names, mut events) = (Directory::new(100), Vec::new());
    let mut feed = open_file(path, options).unwrap();
    while feed.poll(Nanos(0), &mut names, &mut events).unwrap() != FeedTurn::Ended {}
    events
}

#[test]
fn a_session_is_heard_as_it_was_sent() {
    for (test, receive) in [(1, Receive::Batches), (2, Receive::Auto)] {
        let lines = groups(test, 2);
        let heard = hear(5000, calm(&lines), &Listen { receive, ..listen_to(&lines) });
        assert_eq!(bare(&heard.events), from_file(5000), "{receive:?}");
        let received = &heard.received;
        assert_eq!((received.lines.delivered, received.lines.gaps), (5000, 0));
        assert!(received.lines.lines[1].messages > 0 && received.dropped == 0);
        assert!(heard.events.iter().all(|event| event.received_at.0 > 1_700_000_000_000_000_000));
    }
}

#[test]
fn an_io_uring_is_used_where_there_is_one() {
    let lines = groups(3, 1);
    let listen = Listen { receive: Receive::Uring, ..listen_to(&lines) };
    let feed = match Udp::<Itch50>::open(&listen, &midnight()) {
        Ok(feed) => feed,
        Err(error) => return eprintln!("not run: no io_uring on this machine: {error}"),
    };
    assert!(feed.description().contains("io_uring, kernel stamps"), "{}", feed.description());
    drop(feed);
    let heard = hear(3000, calm(&lines), &listen);
    assert_eq!(bare(&heard.events), from_file(3000));
    // Of two lines, one may be looked at before the other which was faster.
    assert!(heard.events.windows(2).all(|pair| pair[0].received_at <= pair[1].received_at));
}

#[test]
fn what_both_lines_lost_is_asked_for() {
    for (test, receive) in [(4, Receive::Batches), (5, Receive::Auto)] {
        let lines = groups(test, 2);
        let server = free_address();
        let publication = Publication {
            requests: Some(server),
            loss_in_million: 300_000,
            reorder_in_million: 50_000,
            duplicate_in_million: 50_000,
            linger: Duration::from_secs(2),
            ..calm(&lines)
        };
        let settings = Settings { declare_after: Nanos::from_secs(30), ..Settings::default() };
        let requests = Some(server);
        let listen = Listen { receive, requests, settings, ..listen_to(&lines) };
        let heard = hear(5000, publication, &listen);
        assert_eq!(bare(&heard.events), from_file(5000), "{receive:?}");
        let Heard { received, published, .. } = heard;
        assert!(published.lost > 100 && published.answered > 0, "{published:?}");
        assert!(received.lines.requested > 0 && received.lines.gaps == 0, "{received:?}");
    }
}

#[test]
fn who_joins_late_has_the_beginning_too() {
    let lines = groups(6, 1);
    let server = free_address();
    let publication =
        Publication { requests: Some(server), linger: Duration::from_secs(5), ..calm(&lines) };
    let session = day(3000);
    let sender = thread::spawn(move || publish(session, &publication, &AtomicBool::new(false)));
    thread::sleep(Duration::from_millis(30));
    let settings = Settings { declare_after: Nanos::from_secs(30), ..Settings::default() };
    let listen = Listen { requests: Some(server), settings, ..listen_to(&lines) };
    let mut feed = Udp::<Itch50>::open(&listen, &midnight()).unwrap();
    let (mut names, mut events) = (Directory::new(100), Vec::new());
    let started = Instant::now();
    while feed.poll(Nanos(0), &mut names, &mut events).unwrap() != FeedTurn::Ended {
        assert!(started.elapsed() < PATIENCE, "{:?}", feed.received());
        thread::yield_now();
    }
    assert_eq!(bare(&events), from_file(3000));
    sender.join().unwrap().unwrap();
}

#[test]
fn what_nobody_brings_is_declared_and_the_recording_tells_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let lines = groups(7, 2);
    let publication = Publication { loss_in_million: 200_000, ..calm(&lines) };
    let settings = Settings { declare_after: Nanos::from_millis(20), ..Settings::default() };
    let path = folder.path().join("heard.pcapng");
    let listen = Listen { settings, record: Some(path.clone()), ..listen_to(&lines) };
    let heard = hear(10_000, publication, &listen);
    let gaps = heard.events.iter().filter(|event| event.kind() == Kind::Gap);
    assert!(gaps.clone().all(|gap| gap.subject == SubjectId::EVERY) && gaps.count() > 10);
    assert_eq!(heard.received.lines.gaps, heard.tally.gaps);
    let recorded = heard.received.recorded.unwrap();
    assert_eq!((recorded.left_out, recorded.failure), (0, None));
    assert_eq!(recorded.packets, heard.received.packets.packets);
    assert_eq!(replay(&path, &midnight()), heard.events);
}

#[test]
fn a_recording_waits_as_long_as_the_run_did() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, server) = (groups(9, 2), free_address());
    // Answers come late on purpose: some of what is lost is declared, and some comes in time.
    let publication = Publication {
        requests: Some(server),
        loss_in_million: 300_000,
        reorder_in_million: 300_000,
        messages_max: 2,
        rate: 3_000.0,
        ..calm(&lines)
    };
    let declare_after = Nanos::from_millis(1);
    let request_after = Nanos(700_000);
    let settings = Settings { declare_after, request_after, ..Settings::default() };
    let path = folder.path().join("heard.pcapng");
    let (requests, record) = (Some(server), Some(path.clone()));
    let heard =
        hear(3000, publication, &Listen { settings, requests, record, ..listen_to(&lines) });
    let lines = heard.received.lines;
    assert!(lines.gaps > 0 && lines.recovered > 0, "{lines:?}");
    assert_eq!(replay(&path, &midnight()), heard.events);
}

#[test]
fn addresses_that_are_not_ours_are_refused() {
    let told = |line: &str| {
        let listen = listen_to(&[line.parse().unwrap()]);
        Udp::<Itch50>::open(&listen, &midnight()).unwrap_err().to_string()
    };
    assert!(told("203.0.113.1:4000").starts_with("udp 203.0.113.1:4000: Cannot assign"));
    let listen = Listen { interface: Ipv4Addr::new(203, 0, 113, 1), ..listen_to(&groups(8, 1)) };
    let told = Udp::<Itch50>::open(&listen, &midnight()).unwrap_err().to_string();
    assert!(told.contains("No such device"), "{told}");
}
