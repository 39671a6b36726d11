use super::*;
use crate::codec::framing::soupbintcp::{Login, write};
use crate::codec::itch50;
use crate::synthetic::itch;
use crate::{Format, detect};
use proptest::prelude::*;

const SESSION: SessionId = *b"   NASDAQ1";

fn day(messages: u64) -> Vec<u8> {
    let mut day = Vec::new();
    itch::generate(messages, 1, 3, &mut day).unwrap();
    day
}

/// A connection that is let in at this message and brings the next ones.
fn connection(session: SessionId, day: &[u8], messages: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |packet: Packet<'_>| assert!(write(&packet, &mut bytes));
    put(Packet::Debug(b"welcome"));
    put(Packet::Accepted(session, messages.start as u64 + 1));
    for (n, message) in itch50::frames(day).enumerate() {
        if messages.contains(&n) {
            put(Packet::Sequenced(message));
        }
        if n % 7 == 0 {
            put(Packet::ServerHeartbeat);
        }
    }
    bytes
}

struct Decoded {
    events: Vec<Event>,
    tally: Tally,
    error: Option<CodecError>,
}

fn decode(codec: &mut impl Codec, mut bytes: &[u8], chunk: usize) -> Decoded {
    let (mut names, mut events, mut tally) = (Directory::new(100), Vec::new(), Tally::default());
    let mut given = chunk.min(bytes.len());
    let error = loop {
        let last = given == bytes.len();
        match codec.decode(&bytes[..given], last, &mut names, &mut events, &mut tally) {
            Err(error) => break Some(error),
            Ok(0) if last => break None,
            Ok(taken) => {
                bytes = &bytes[taken..];
                given = (given - taken + chunk).min(bytes.len());
            }
        }
    };
    Decoded { events, tally, error }
}

fn soup(bytes: &[u8]) -> Decoded {
    decode(&mut ItchSoup::new(&Options::default()), bytes, bytes.len())
}

#[test]
fn a_connection_brings_what_the_file_has() {
    let (day, whole) = (day(500), 0..usize::MAX);
    let mut bytes = connection(SESSION, &day, whole);
    assert!(write(&Packet::EndOfSession, &mut bytes));
    let told = soup(&bytes);
    let file = decode(&mut Itch50::new(&Options::default()), &day, day.len());
    assert_eq!((told.events, told.error), (file.events, None));
    assert_eq!(told.tally.messages, file.tally.messages);
}

#[test]
fn it_is_told_from_its_content() {
    let day = day(100);
    let bytes = connection(SESSION, &day, 0..100);
    assert_eq!(detect(&bytes), Some(Format::ItchSoup));
    assert_eq!(detect(&bytes[..60]), Some(Format::ItchSoup));
    let mut both = Vec::new();
    assert!(write(&Packet::Login(&Login::new("user", "secret", "", 1)), &mut both));
    assert_eq!(detect(&both), None, "no server, no data");
    both.extend(&bytes);
    assert_eq!(detect(&both), Some(Format::ItchSoup));
    assert_eq!(detect(&day), Some(Format::Itch50));
}

#[test]
fn a_client_that_was_cut_off_goes_on() {
    let day = day(300);
    let file = decode(&mut Itch50::new(&Options::default()), &day, day.len());
    let overlapping = [connection(SESSION, &day, 0..120), connection(SESSION, &day, 90..9999)];
    let told = soup(&overlapping.concat());
    assert_eq!(told.events, file.events, "what comes again is told once");

    let apart = [connection(SESSION, &day, 0..120), connection(SESSION, &day, 130..9999)];
    let told = soup(&apart.concat());
    let gaps: Vec<Gap> = told
        .events
        .iter()
        .filter(|event| event.kind() == engine_event::Kind::Gap)
        .map(Event::body)
        .collect();
    assert_eq!(gaps, [Gap::new(121, 10, Fault::Missing)]);
    assert_eq!((told.tally.gaps, told.tally.faults.of(Fault::Missing)), (1, 1));
}

#[test]
fn another_session_begins_with_empty_books() {
    let day = day(50);
    let days = [connection(SESSION, &day, 0..9999), connection(*b"   NASDAQ2", &day, 0..9999)];
    let told = soup(&days.concat());
    let clears = told.events.iter().filter(|event| event.kind() == engine_event::Kind::Clear);
    assert_eq!(clears.count(), 3, "one for each stock");
}

#[test]
fn a_packet_of_no_type_is_stepped_over() {
    let day = day(20);
    let mut bytes = connection(SESSION, &day, 0..10);
    bytes.extend([0, 3, b'?', 1, 2]);
    bytes.extend([0, 0]);
    for message in itch50::frames(&day).skip(10) {
        assert!(write(&Packet::Sequenced(message), &mut bytes));
    }
    let told = soup(&bytes);
    assert_eq!((told.tally.faults.of(Fault::Malformed), told.error), (2, None));
    assert_eq!(told.tally.messages as usize, itch50::frames(&day).count());

    let strict = Options { strict: true, ..Options::default() };
    let error = decode(&mut ItchSoup::new(&strict), &bytes, bytes.len()).error.unwrap();
    assert_eq!(
        error.to_string(),
        format!("byte {}: a packet of type \"?\" is not expected now", error.offset)
    );
}

#[test]
fn a_recording_that_breaks_off_says_where() {
    let day = day(20);
    let bytes = connection(SESSION, &day, 0..20);
    let told = soup(&bytes[..bytes.len() - 1]);
    let error = told.error.unwrap();
    assert!(error.is_end && error.what.starts_with("the file ends within a packet"), "{error}");
}

proptest! {
    /// However the bytes come, they say the same.
    #[test]
    fn pieces_make_no_difference(chunk in 1usize..200) {
        let day = day(40);
        let bytes = connection(SESSION, &day, 0..9999);
        let (whole, pieces) = (soup(&bytes), decode(&mut ItchSoup::new(&Options::default()), &bytes, chunk));
        prop_assert_eq!(whole.events, pieces.events);
    }

    /// Whatever is wrong, the codec comes to an end.
    #[test]
    fn damage_is_counted(at in 0usize..2000, byte in any::<u8>()) {
        let day = day(40);
        let mut bytes = connection(SESSION, &day, 0..9999);
        let at = at % bytes.len();
        bytes[at] = byte;
        soup(&bytes);
    }
}
