//! How files of all formats end before their time: broken off, raw or compressed, or at the first fault
//! of strict reading. Each is told exactly once: one line that says where, one gap about everybody, one
//! fault, and the bytes that were read.

use engine_event::body::Gap;
use engine_event::{Directory, Event, Fault, Kind, Nanos, SubjectId};
use engine_pipeline::{Feed, FeedTurn, Tally};
use feeds::codec::framing::iextp;
use feeds::codec::framing::soupbintcp::{self, Packet};
use feeds::codec::sbe;
use feeds::synthetic::{self, capture, mdp3, readings, tape};
use feeds::{Format, Options};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn wrote(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

fn itch() -> Vec<u8> {
    wrote(|out| assert!(synthetic::itch::generate(400, 5, 3, out).is_ok()))
}

fn bitstamp() -> Vec<u8> {
    let mut text = "id,timestamp,exchange.timestamp,price,volume,action,direction\n".to_owned();
    for id in 1..=400 {
        let at = 1_430_438_400_000u64 + id;
        text.push_str(&format!("{id},{at},{at},237.88,0.5,created,bid\n"));
    }
    text.into_bytes()
}

/// A session of a format without a fault.
fn session(format: Format) -> Vec<u8> {
    match format {
        Format::Itch50 => itch(),
        Format::ItchPcap => {
            wrote(|out| capture::itch(&itch(), 4, capture::Weather::FINE, out).unwrap())
        }
        Format::ItchSoup => wrote(|out| {
            assert!(soupbintcp::write(&Packet::Accepted(*b"SESSION  1", 1), out));
            for message in feeds::codec::itch50::frames(&itch()) {
                assert!(soupbintcp::write(&Packet::Sequenced(message), out));
            }
        }),
        Format::IexPcap => wrote(|out| capture::iex(iextp::DEEP, out).unwrap()),
        Format::Dbn => wrote(|out| synthetic::dbn::generate(400, 5, 3, out).unwrap()),
        Format::Lobster => wrote(|out| synthetic::lobster::generate(400, 5, out).unwrap()),
        Format::Mdp3Pcap => {
            let settings = mdp3::Settings { messages: 400, ..mdp3::Settings::default() };
            let schema = sbe::Schema::own();
            wrote(|out| mdp3::generate(settings, &schema, out, |_| {}).unwrap())
        }
        Format::Bitstamp => bitstamp(),
        Format::Readings => {
            let settings = readings::Settings { rows: 400, ..readings::Settings::default() };
            wrote(|out| drop(readings::generate(settings, out).unwrap()))
        }
        Format::Tape => {
            let settings = tape::Settings { lines: 400, ..tape::Settings::default() };
            wrote(|out| drop(tape::generate(settings, out).unwrap()))
        }
    }
}

fn is_capture(format: Format) -> bool {
    matches!(format, Format::ItchPcap | Format::IexPcap | Format::Mdp3Pcap)
}

/// Something wrong with one record in the middle.
fn damage(format: Format, bytes: &mut Vec<u8>) {
    match format {
        Format::Itch50 => {
            let whole: usize =
                feeds::codec::itch50::frames(bytes).take(200).map(|frame| frame.len() + 2).sum();
            bytes.splice(whole..whole, *b"\0\x03Abc");
        }
        // No such packet, after the login and two hundred messages.
        Format::ItchSoup => {
            let itch = itch();
            let messages = feeds::codec::itch50::frames(&itch).take(200);
            let whole: usize = messages.map(|message| message.len() + 3).sum();
            bytes.splice(33 + whole..33 + whole, *b"\0\x03?bc");
        }
        // An order's record, 56 bytes; its action is the 39th.
        Format::Dbn => {
            let at = bytes.len() - 56 * 100 + 38;
            bytes[at] = b'Z';
        }
        // A block says of its packet that it was longer than what was captured.
        _ if is_capture(format) => {
            let (mut at, mut packets) = (0, 0);
            let word = |at: usize| u32::from_le_bytes(bytes[at..][..4].try_into().unwrap());
            loop {
                packets += u32::from(word(at) == 6);
                if packets == 3 {
                    break bytes[at + 24] += 1;
                }
                at += word(at + 4) as usize;
            }
        }
        _ => {
            let half = bytes.len() / 2;
            let line = half + bytes[half..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
            bytes.splice(line..line, *b"what is this\n");
        }
    }
}

struct Read {
    events: Vec<Event>,
    tally: Tally,
    error: Option<String>,
}

fn read(bytes: &[u8], options: &Options) -> Read {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day");
    std::fs::write(&path, bytes).unwrap();
    let mut feed = feeds::open(&path, options).unwrap();
    let (mut names, mut events) = (Directory::new(1000), Vec::new());
    let error = loop {
        match feed.poll(Nanos(0), &mut names, &mut events) {
            Ok(FeedTurn::Ended) => break None,
            Ok(_) => {}
            Err(error) => break Some(error.to_string().split_off(path.as_os_str().len() + 2)),
        }
    };
    Read { events, tally: feed.tally(), error }
}

/// Every gap is counted, and the last event says that the rest is missing.
fn assert_told_once(format: Format, read: &Read) {
    let gaps = read.events.iter().filter(|event| event.kind() == Kind::Gap);
    assert_eq!(gaps.clone().count() as u64, read.tally.gaps, "{format}");
    let rest: Vec<_> = gaps
        .map(|event| (event.subject, event.body::<Gap>()))
        .filter(|(_, gap)| gap.count == 0)
        .collect();
    assert_eq!(rest.len(), 1, "{format}: {rest:?}");
    assert_eq!(rest[0].0, SubjectId::EVERY);
    assert_eq!(read.events.last().unwrap().kind(), Kind::Gap, "{format}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_session_is_whole_to_begin_with() {
    for format in Format::ALL {
        let bytes = session(format);
        let whole = read(&bytes, &Options { format: Some(format), ..Options::default() });
        assert_eq!(whole.error, None, "{format}");
        assert_eq!((whole.tally.gaps, whole.tally.faults.total()), (0, 0), "{format}");
        assert_eq!(whole.tally.bytes, bytes.len() as u64, "{format}");
    }
}

#[test]
fn a_file_that_breaks_off_is_told_once() {
    for format in Format::ALL {
        let bytes = session(format);
        let options = Options { format: Some(format), ..Options::default() };
        for strict in [false, true] {
            let options = Options { strict, ..options.clone() };
            // The end of a line may be missing, so this one lacks more.
            let length = bytes.len() - if format == Format::Bitstamp { 10 } else { 7 };
            let broken = read(&bytes[..length], &options);
            let told = broken.error.as_ref().unwrap_or_else(|| panic!("{format} is whole"));
            assert!(told.contains("ends within"), "{format}: {told}");
            assert_told_once(format, &broken);
            let faults: Vec<_> = broken.tally.faults.iter().collect();
            assert_eq!(faults, [(Fault::Truncated, 1)], "{format}");
            assert_eq!(broken.tally.bytes, length as u64, "{format}");
        }
    }
}

#[test]
fn a_compressed_file_that_breaks_off_is_told_once() {
    for format in Format::ALL {
        let bytes = session(format);
        let packed = gzip(&bytes);
        let cut = &packed[..packed.len() - packed.len() / 8];
        let broken = read(cut, &Options { format: Some(format), ..Options::default() });
        let told = broken.error.as_ref().unwrap();
        let place = format!("compressed byte {}: the gzip file ends within", cut.len());
        assert!(told.starts_with(&place), "{format}: {told}");
        assert_told_once(format, &broken);
        let faults: Vec<_> = broken.tally.faults.iter().collect();
        assert_eq!(faults, [(Fault::Truncated, 1)], "{format}");
        assert_eq!(broken.tally.bytes, cut.len() as u64, "{format}");
    }
}

#[test]
fn strict_reading_ends_at_the_first_fault_of_each_format() {
    let mut lines = String::new();
    for format in Format::ALL {
        let mut bytes = session(format);
        damage(format, &mut bytes);
        let options = Options { format: Some(format), ..Options::default() };
        let lenient = read(&bytes, &options);
        assert_eq!(lenient.error, None, "{format}");
        assert!(lenient.tally.faults.total() > 0, "{format}");
        let strict = read(&bytes, &Options { strict: true, ..options });
        assert_told_once(format, &strict);
        assert_eq!(strict.tally.faults.total(), 1, "{format}");
        assert_eq!(strict.tally.first_faults[0], lenient.tally.first_faults[0], "{format}");
        assert!(strict.tally.bytes < bytes.len() as u64, "{format}");
        lines.push_str(&format!("{format}: {}\n", strict.error.unwrap()));
    }
    expect_test::expect![[r#"
        itch50: byte 6392: a message of type "A" has 3 bytes, expected 36
        itch-pcap: byte 276: packet 3: 185 of 186 bytes were captured
        itch-soup: byte 6625: a packet of type "?" is not expected now
        iex-pcap: byte 544: packet 3: 314 of 315 bytes were captured
        dbn: byte 17608: action "Z" is not allowed
        lobster: line 205 (byte 6941): expected 6 or 7 columns in "what is this"
        mdp3-pcap: byte 716: packet 3: 294 of 295 bytes were captured
        bitstamp: line 203 (byte 11009): not as many columns as the header in "what is this"
        readings: line 202 (byte 9329): expected 4 columns in "what is this"
        tape: line 203 (byte 12232): not as many columns as the header in "what is this"
    "#]]
    .assert_eq(&lines);
}
