use super::*;
use crate::codec::capture::network::{Content, content};
use crate::codec::capture::testing::{packets, pcap, pcapng_big_endian};
use crate::codec::capture::{Packet, Writer};
use crate::codec::testing::{Decoded, assert_chunks_do_not_matter, decode};
use crate::codec::{Codec, EVENTS_PER_MESSAGE_MAX};
use crate::synthetic::capture::{BEGINS, SESSION, Weather, group, itch};
use crate::{detect, synthetic};
use engine_event::{Event, Fault, Kind, SubjectId, body};
use expect_test::expect;
use proptest::prelude::*;
use std::process::Command;

fn day(messages: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    synthetic::itch::generate(messages, 5, 20, &mut bytes).unwrap();
    bytes
}

fn capture(day: &[u8], weather: Weather) -> Vec<u8> {
    let mut bytes = Vec::new();
    itch(day, 20, weather, &mut bytes).unwrap();
    bytes
}

fn read(capture: &[u8]) -> (Decoded, ItchPcap) {
    let mut codec = ItchPcap::new(&Options::default());
    (decode(&mut codec, capture), codec)
}

/// Events without the time at which they were received: the only thing that a file lacks.
fn bare(events: &[Event]) -> Vec<Event> {
    let bare = |event: &Event| {
        let mut event = *event;
        event.received_at = event.event_at;
        event
    };
    events.iter().map(bare).collect()
}

/// Holds a capture's events against those of the file that it was made of.
fn check_same(messages: u64, weather: Weather) -> ItchPcap {
    let day = day(messages);
    let (read, codec) = read(&capture(&day, weather));
    let file = decode(&mut Itch50::new(&Options::default().on_day_of(BEGINS)), &day);
    assert_eq!(read.error, None);
    assert_eq!(read.tally, file.tally);
    assert_eq!(bare(&read.events), file.events);
    codec
}

const ROUGH: Weather =
    Weather { seed: 3, loss_in_1000: 300, twice_in_1000: 100, delay_ns: 60_000, ..Weather::FINE };

#[test]
fn a_capture_tells_what_the_file_tells() {
    let codec = check_same(20_000, Weather::FINE);
    let counters = codec.channels().next().unwrap();
    assert_eq!((counters.delivered, counters.duplicates), (20_000, 20_000));
    check_same(3000, Weather { lines: 1, ..Weather::FINE });
}

#[test]
fn what_one_line_loses_the_other_brings() {
    for seed in 0..20 {
        let codec = check_same(3000, Weather { seed, lossy_lines: 1, ..ROUGH });
        let counters = codec.channels().next().unwrap();
        assert!(counters.recovered > 0 && counters.gaps == 0);
    }
}

#[test]
fn what_both_lines_lose_is_a_gap() {
    let day = day(10_000);
    let (read, codec) = read(&capture(&day, ROUGH));
    let counters = codec.channels().next().unwrap();
    assert!(counters.gaps > 10 && counters.late == 0);
    assert_eq!(read.tally.messages + counters.declared, 10_000);
    let missing: Vec<body::Gap> = read
        .events
        .iter()
        .filter(|event| event.kind() == Kind::Gap && event.subject == SubjectId::EVERY)
        .map(Event::body)
        .filter(|gap: &body::Gap| gap.reason() == Fault::Missing)
        .collect();
    assert_eq!(missing.len() as u64, counters.gaps);
    assert_eq!(read.tally.faults.of(Fault::Missing), counters.gaps);
    assert_eq!(missing.iter().map(|gap| gap.count).sum::<u64>(), counters.declared);
    let strict = Options { strict: true, ..Options::default() };
    let told = decode(&mut ItchPcap::new(&strict), &capture(&day, ROUGH)).error.unwrap();
    assert!(told.to_string().contains(" are missing"), "{told}");
}

#[test]
fn events_carry_the_packets_stamp() {
    let (read, _) = read(&capture(&day(100), Weather::FINE));
    assert!(read.events.iter().all(|event| event.received_at >= BEGINS));
    let ascending = |pair: &[Event]| pair[0].received_at <= pair[1].received_at;
    assert!(read.events.windows(2).all(ascending));
}

#[test]
fn every_form_of_capture_tells_the_same() {
    let capture = capture(&day(2000), Weather { lossy_lines: 1, ..ROUGH });
    assert_eq!(detect(&capture[..4096]), Some(Format::ItchPcap));
    let (expected, written) = (read(&capture).0, packets(&capture));
    for bytes in [
        pcap(&written, false, false),
        pcap(&written, true, false),
        pcap(&written, false, true),
        pcap(&written, true, true),
        pcapng_big_endian(&written, 1_704_000_000),
    ] {
        assert_eq!(detect(&bytes[..4096]), Some(Format::ItchPcap));
        assert_eq!(bare(&read(&bytes).0.events), bare(&expected.events));
    }
}

/// A capture of these payloads, each to a group of its own number.
fn sent(payloads: &[(u8, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for (place, (line, payload)) in payloads.iter().enumerate() {
        let at = Nanos(BEGINS.0 + place as u64);
        writer.datagram(at, group(9), group(*line), payload).unwrap();
    }
    writer.into_inner().unwrap()
}

fn deletion(time: u64, order: u64) -> [u8; 19] {
    let head = crate::codec::itch50::message::Head::new(b'D', 0, time);
    let deletion = crate::codec::itch50::message::DeleteOrder { head, order: order.into() };
    zerocopy::IntoBytes::as_bytes(&deletion).try_into().unwrap()
}

fn packet(session: [u8; 10], first: u64, times: &[u64]) -> Vec<u8> {
    let mut builder = moldudp64::Builder::new(session, first, 1400);
    times.iter().for_each(|time| assert!(builder.push(&deletion(*time, 1))));
    builder.take()
}

#[test]
fn what_is_wrong_with_packets_is_counted_by_their_number() {
    let whole = packet(SESSION, 1, &[1, 2]);
    let mut long = packet(SESSION, 3, &[3]);
    long.push(0);
    let bytes = sent(&[(3, b"a word"), (0, &whole), (1, &long), (0, &long), (0, b"?")]);
    let (read, codec) = read(&bytes);
    let counters = codec.counters();
    assert_eq!((counters.packets, counters.used, counters.foreign), (5, 1, 2));
    assert_eq!(counters.unreadable, 2);
    let malformed = [(Fault::Malformed, 4), (Fault::Malformed, 5)];
    assert_eq!(read.tally.first_faults[2..], malformed);
    let strict = Options { strict: true, ..Options::default() };
    let bytes = sent(&[(0, &packet(SESSION, 1, &[])), (0, &long)]);
    let told = decode(&mut ItchPcap::new(&strict), &bytes).error.unwrap();
    expect!["byte 156: packet 2: 1 bytes follow the last message"].assert_eq(&told.to_string());
}

#[test]
fn a_packet_that_was_cut_off_is_used_as_far_as_it_goes() {
    let bytes = sent(&[(0, &packet(SESSION, 1, &[1, 2, 3]))]);
    let Packet { bytes: frame, length, .. } = packets(&bytes)[0];
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.frame(BEGINS, &frame[..frame.len() - 30], length).unwrap();
    let (read, codec) = read(&writer.into_inner().unwrap());
    assert_eq!(codec.counters().cut, 1);
    assert_eq!((read.tally.messages, read.tally.faults.of(Fault::Truncated)), (1, 1));
    expect![[r#"
        Gap of * at 1704153600000000001 {} Gap { first: 1, count: 1, reason: 8 }
        Gap of * at 1704153600000000001 {} Gap { first: 2, count: 2, reason: 4 }
    "#]]
    .assert_eq(&read.lines());
}

#[test]
fn sessions_at_the_same_time_are_channels_of_their_own() {
    let other = *b"SYNTHETIC2";
    let bytes = sent(&[
        (0, &packet(SESSION, 1, &[100])),
        (1, &packet(other, 1, &[5, 6])),
        (2, &packet(SESSION, 1, &[100, 101])),
        (3, &packet(other, 1, &[5])),
    ]);
    let (read, codec) = read(&bytes);
    let delivered: Vec<_> = codec.channels().map(|of| (of.delivered, of.duplicates)).collect();
    assert_eq!(delivered, [(2, 1), (2, 1)]);
    assert_eq!(read.tally.faults.of(Fault::TimeBackwards), 0, "each has its own clock");
}

#[test]
fn more_channels_than_may_be_followed_are_refused() {
    let payloads: Vec<Vec<u8>> = (0..12)
        .map(|place| {
            let mut session = *b"SESSION  A";
            session[9] += place;
            packet(session, 1, &[1])
        })
        .collect();
    let sent_to: Vec<(u8, &[u8])> =
        (0u8..).zip(&payloads).map(|(place, payload)| (place, &payload[..])).collect();
    let (read, codec) = read(&sent(&sent_to));
    assert_eq!((codec.channels().count(), codec.counters().refused), (8, 4));
    assert_eq!(read.tally.faults.of(Fault::OutOfRange), 4);
}

#[test]
fn a_new_session_begins_a_new_day() {
    let other = *b"SYNTHETIC2";
    let bytes = sent(&[
        (0, &packet(SESSION, 1, &[100])),
        (0, &packet(other, 1, &[5])),
        (0, &packet(other, 2, &[6])),
    ]);
    let (read, _) = read(&bytes);
    assert_eq!((read.tally.messages, read.tally.faults.of(Fault::TimeBackwards)), (3, 0));
}

#[test]
fn a_capture_may_end_anywhere() {
    let day = day(16);
    let capture = capture(&day, Weather { lossy_lines: 1, ..ROUGH });
    let whole = read(&capture).0;
    for form in [capture.clone(), pcap(&packets(&capture), true, true)] {
        for length in 0..form.len() {
            let (cut, _) = read(&form[..length]);
            assert!(cut.tally.messages <= whole.tally.messages);
            if let Some(error) = &cut.error {
                let told = error.to_string();
                assert!(error.is_end && told.contains("ends within a record"), "{told}");
            }
        }
    }
}

#[test]
fn a_sink_with_little_room_gets_everything() {
    struct Narrow(Vec<Event>, usize);
    impl Sink for Narrow {
        fn room(&mut self) -> usize {
            self.1
        }
        fn push(&mut self, event: Event) {
            self.1 -= 1;
            self.0.push(event);
        }
    }
    let capture = capture(&day(2000), ROUGH);
    let (mut names, mut tally) = (Directory::new(1000), Tally::default());
    let mut codec = ItchPcap::new(&Options::default());
    let (mut narrow, mut from) = (Narrow(Vec::new(), 0), 0);
    loop {
        narrow.1 = EVENTS_PER_MESSAGE_MAX + 1;
        let rest = &capture[from..];
        from += codec.decode(rest, true, &mut names, &mut narrow, &mut tally).unwrap();
        if from == capture.len() && narrow.1 >= EVENTS_PER_MESSAGE_MAX {
            break;
        }
    }
    let whole = read(&capture).0;
    assert_eq!((narrow.0, tally), (whole.events, whole.tally));
}

#[test]
fn a_file_is_read_to_its_last_event_compressed_or_not() {
    use engine_pipeline::{Feed, FeedTurn};
    let capture = capture(&day(3000), Weather { lines: 1, loss_in_1000: 900, ..ROUGH });
    let expected = read(&capture).0;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &capture).unwrap();
    for bytes in [capture.clone(), encoder.finish().unwrap()] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut feed = crate::open(file.path(), &Options::default()).unwrap();
        assert_eq!(feed.format(), Format::ItchPcap);
        let (mut names, mut events) = (Directory::new(1000), Vec::new());
        while feed.poll(Nanos(0), &mut names, &mut events).unwrap() != FeedTurn::Ended {}
        assert_eq!(events, expected.events);
    }
}

/// Wireshark's opinion of every packet: session, first number, count.
#[test]
fn tshark_reads_the_same_packets() {
    let capture = capture(&day(500), ROUGH);
    let file = tempfile::NamedTempFile::with_suffix(".pcapng").unwrap();
    std::fs::write(file.path(), &capture).unwrap();
    let fields = ["session", "sequence", "count"].map(|field| format!("moldudp64.{field}"));
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file.path()).args(["-T", "fields", "-E", "occurrence=f"]);
    for line in 0..2 {
        let port = group(line).port();
        tshark.args(["-d", &format!("udp.port=={port},moldudp64")]);
    }
    fields.iter().for_each(|field| {
        tshark.args(["-e", field]);
    });
    tshark.args(["-e", "frame.time_epoch", "-o", "udp.check_checksum:TRUE"]);
    tshark.args(["-e", "udp.checksum.status"]);
    let Ok(output) = tshark.output() else {
        eprintln!("not run: no tshark");
        return;
    };
    let theirs = String::from_utf8(output.stdout).unwrap();
    let ours: Vec<String> = packets(&capture)
        .iter()
        .map(|packet| {
            let Content::Udp(udp) = content(packet.link, packet.bytes) else { panic!() };
            let datagram = moldudp64::view(udp.payload).unwrap();
            let session = std::str::from_utf8(&datagram.session).unwrap();
            let count = if datagram.ends { 0xffff } else { datagram.count };
            let (seconds, nanos) = (packet.at.0 / 1_000_000_000, packet.at.0 % 1_000_000_000);
            let first = datagram.first;
            format!("{session}\t{first}\t{count}\t{seconds}.{nanos:09}\t1")
        })
        .collect();
    let theirs: Vec<&str> = theirs.lines().collect();
    assert_eq!(theirs, ours);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_pieces_do_not_matter(
        seed in 0u64..1000,
        loss_in_1000 in 0u32..900,
        form in 0usize..3,
        mut ends in prop::collection::vec(0usize..60_000, 0..50),
    ) {
        let bytes = capture(&day(300), Weather { seed, loss_in_1000, ..ROUGH });
        let bytes = match form {
            0 => bytes,
            1 => pcap(&packets(&bytes), true, false),
            _ => pcapng_big_endian(&packets(&bytes), 5),
        };
        assert_chunks_do_not_matter(|| ItchPcap::new(&Options::default()), &bytes, &mut ends);
    }

    #[test]
    fn damage_is_survived(
        damage in prop::collection::vec((0usize..60_000, any::<u8>()), 1..200),
        mut ends in prop::collection::vec(0usize..60_000, 0..9),
    ) {
        let mut bytes = capture(&day(300), ROUGH);
        for (at, byte) in damage {
            let length = bytes.len();
            bytes[60 + at % (length - 60)] = byte;
        }
        assert_chunks_do_not_matter(|| ItchPcap::new(&Options::default()), &bytes, &mut ends);
    }
}
