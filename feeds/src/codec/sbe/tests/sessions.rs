//! Sessions made up, with books that are known: what comes out must be those.

use super::session;
use crate::codec::Mdp3Pcap;
use crate::codec::testing::{Decoded, assert_chunks_do_not_matter, decode};
use crate::synthetic::Random;
use crate::synthetic::mdp3::{Held, Settings, Truth, symbol};
use crate::{Codec, EVENTS_PER_MESSAGE_MAX, Options};
use engine_event::body::{Level, Order};
use engine_event::{Directory, Event, Fault, Flags, Kind, Nanos, Side, SubjectId};
use engine_pipeline::{Sink, Tally};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// A book as a reader of events keeps it, without knowing anything of MDP 3.0.
#[derive(Default)]
struct Kept {
    levels: [BTreeMap<i64, (u64, u32)>; 2],
    orders: BTreeMap<u64, (Side, i64, u64)>,
    is_stale: bool,
}

impl Kept {
    fn sides(&self) -> [Vec<(i64, u64, u32)>; 2] {
        let [bids, asks] = &self.levels;
        let rung = |(price, of): (&i64, &(u64, u32))| (*price, of.0, of.1);
        [bids.iter().rev().map(rung).collect(), asks.iter().map(rung).collect()]
    }

    fn held(&self) -> Vec<Held> {
        self.orders.iter().map(|(id, of)| (*id, of.0, of.1, of.2)).collect()
    }
}

/// How often a book was held against the truth, and how often it was stale instead.
#[derive(Default, Debug)]
pub(super) struct Compared {
    pub(super) alike: usize,
    pub(super) stale: usize,
    pub(super) stale_at_end: usize,
}

pub(super) fn compare(decoded: &Decoded, truths: &[Truth], by_order: bool) -> Compared {
    let truths: HashMap<(Nanos, &str), &Truth> =
        truths.iter().map(|truth| ((truth.at, truth.symbol.as_str()), truth)).collect();
    let mut books: HashMap<SubjectId, Kept> = HashMap::new();
    let mut compared = Compared::default();
    for event in &decoded.events {
        if event.subject == SubjectId::EVERY {
            assert_eq!(event.kind(), Kind::Gap);
            books.values_mut().for_each(|book| book.is_stale = true);
            continue;
        }
        let book = books.entry(event.subject).or_default();
        match event.kind() {
            Kind::Clear => *book = Kept::default(),
            Kind::Gap => book.is_stale = true,
            Kind::Level => {
                let level: Level = event.body();
                let side = &mut book.levels[event.side().unwrap() as usize];
                match level.quantity.0 {
                    0 => side.remove(&level.price.0),
                    quantity => side.insert(level.price.0, (quantity, level.orders)),
                };
            }
            Kind::Add | Kind::Modify | Kind::Delete if !book.is_stale => {
                let order: Order = event.body();
                let before = match event.kind() {
                    Kind::Delete => book.orders.remove(&order.id.0),
                    _ => {
                        let price = order.price.get().unwrap().0;
                        let of = (event.side().unwrap(), price, order.quantity.0);
                        book.orders.insert(order.id.0, of)
                    }
                };
                assert_eq!(before.is_some(), event.kind() != Kind::Add, "{event:?}");
            }
            _ => {}
        }
        // A snapshot may be ahead of the feed, as may be what is not told of books.
        let changes = matches!(event.kind(), Kind::Level | Kind::Add | Kind::Modify | Kind::Delete);
        if !changes || !event.flags.has(Flags::LAST) || event.flags.has(Flags::SNAPSHOT) {
            continue;
        }
        let name = decoded.names.name(event.subject);
        // A future that was not defined is named by its number.
        let name = name.parse().map_or_else(|_| name.to_owned(), |id: usize| symbol(id - 9000));
        let key = (event.event_at, name.as_str());
        let Some(truth) = truths.get(&key) else { continue };
        match (book.is_stale, by_order) {
            (true, _) => compared.stale += 1,
            (false, true) => assert_eq!(book.held(), truth.orders, "{key:?}"),
            (false, false) => assert_eq!(book.sides(), truth.sides, "{key:?}"),
        }
        compared.alike += usize::from(!book.is_stale);
    }
    compared.stale_at_end = books.values().filter(|book| book.is_stale).count();
    compared
}

pub(super) fn codec(by_order: bool) -> Mdp3Pcap {
    Mdp3Pcap::new(&Options { by_order, ..Options::default() })
}

#[test]
fn books_are_the_venue_s_after_each_event() {
    for by_order in [false, true] {
        let (bytes, truths) = session(Settings { messages: 6000, ..Settings::default() });
        let mut codec = codec(by_order);
        let decoded = decode(&mut codec, &bytes);
        assert_eq!(decoded.error, None);
        assert_eq!((decoded.tally.faults.total(), decoded.tally.gaps), (0, 0));
        let compared = compare(&decoded, &truths, by_order);
        assert_eq!(compared.stale, 0);
        assert!(compared.alike * 100 > truths.len() * 90, "{compared:?} of {}", truths.len());
        let lines = codec.channels().next().unwrap();
        assert_eq!(lines.lines[0].messages, lines.lines[1].messages);
        assert_eq!(codec.channels().count(), 1);
    }
}

#[test]
fn what_one_line_loses_the_other_brings() {
    // Each packet is lost at most once here: a line at a time.
    let settings = Settings { messages: 4000, seed: 3, ..Settings::default() };
    let (whole, _) = session(settings);
    let dropped = drop_alternately(&whole);
    assert!(dropped.len() < whole.len() * 9 / 10);
    let (whole, dropped) = (decode(&mut codec(false), &whole), decode(&mut codec(false), &dropped));
    let events = |of: &Decoded| of.lines();
    assert_eq!(events(&whole), events(&dropped));
    assert_eq!(dropped.tally.gaps, 0);
}

/// The capture without each third packet of line A and each third other packet of line B.
fn drop_alternately(bytes: &[u8]) -> Vec<u8> {
    use crate::codec::capture::network::{Content, content};
    use crate::codec::capture::testing::packets;
    let mut writer = crate::codec::capture::Writer::new(Vec::new()).unwrap();
    for packet in packets(bytes) {
        let Content::Udp(udp) = content(packet.link, packet.bytes) else { continue };
        let sequence = u32::from_le_bytes(*udp.payload.first_chunk().unwrap());
        let line = (0..2).find(|line| super::incremental(*line) == udp.target);
        // The first ones stay, by which the lines know each other.
        if sequence < 3 || line.is_none_or(|line| sequence % 3 != u32::from(line)) {
            writer.frame(packet.at, packet.bytes, packet.length).unwrap();
        }
    }
    writer.into_inner().unwrap()
}

#[test]
fn what_both_lines_lose_makes_books_stale_until_a_snapshot() {
    for by_order in [false, true] {
        let (mut alike, mut stale, mut gaps) = (0, 0, 0);
        for seed in 0..12 {
            let settings = Settings {
                messages: 3000,
                seed,
                loss_in_1000: 60,
                event_ns: 2_000_000,
                snapshot_every: 100,
                ..Settings::default()
            };
            let (bytes, truths) = session(settings);
            let decoded = decode(&mut codec(by_order), &bytes);
            let compared = compare(&decoded, &truths, by_order);
            assert_eq!(compared.stale_at_end, 0, "the last loop makes all books whole");
            assert_eq!(decoded.tally.faults.total(), decoded.tally.faults.of(Fault::Missing));
            (alike, stale) = (alike + compared.alike, stale + compared.stale);
            gaps += decoded.tally.gaps;
        }
        // Changes of single orders are kept back while a book is stale.
        assert!(gaps > 12 && (stale > 0) != by_order, "{gaps} {alike} {stale}");
        assert!(alike > 5 * stale, "{gaps} {alike} {stale}");
    }
}

#[test]
fn who_comes_late_waits_for_the_snapshot() {
    use crate::codec::capture::testing::packets;
    for by_order in [false, true] {
        let settings = Settings {
            messages: 4000,
            event_ns: 500_000,
            snapshot_every: 300,
            ..Settings::default()
        };
        let (bytes, truths) = session(settings);
        let all = packets(&bytes);
        let mut writer = crate::codec::capture::Writer::new(Vec::new()).unwrap();
        for packet in &all[all.len() / 4..] {
            writer.frame(packet.at, packet.bytes, packet.length).unwrap();
        }
        let decoded = decode(&mut codec(by_order), &writer.into_inner().unwrap());
        let compared = compare(&decoded, &truths, by_order);
        assert!(decoded.tally.gaps > 0 && compared.alike > truths.len() / 3, "{compared:?}");
        assert_eq!(compared.stale_at_end, 0);
        // No definition came: names are numbers.
        assert!(decoded.names.find("9000").is_some());
    }
}

#[test]
fn only_what_is_wanted_becomes_events() {
    let (bytes, _) = session(Settings { messages: 500, ..Settings::default() });
    let symbols = Some(vec!["AAABH4".to_owned()]);
    let decoded = decode(&mut Mdp3Pcap::new(&Options { symbols, ..Options::default() }), &bytes);
    assert_eq!(decoded.names.subjects().count(), 1);
    assert!(decoded.events.len() > 20);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn pieces_do_not_matter(
        seed in any::<u64>(),
        by_order in any::<bool>(),
        loss_in_1000 in 0u32..200,
        mut ends in prop::collection::vec(0usize..60_000, 0..20),
    ) {
        let (bytes, _) = session(Settings {
            messages: 150, seed, loss_in_1000, snapshot_every: 40, ..Settings::default()
        });
        assert_chunks_do_not_matter(|| codec(by_order), &bytes, &mut ends);
    }

    #[test]
    fn damage_is_told_and_never_the_end(
        seed in any::<u64>(),
        by_order in any::<bool>(),
        hits in prop::collection::vec((0usize..40_000, any::<u8>()), 1..40),
    ) {
        use crate::codec::capture::testing::packets;
        let (bytes, _) = session(Settings {
            messages: 150, seed, snapshot_every: 40, ..Settings::default()
        });
        // Within payloads only: what the capture itself makes of damage is tested there.
        let mut writer = crate::codec::capture::Writer::new(Vec::new()).unwrap();
        let mut at = 0;
        for packet in packets(&bytes) {
            let mut frame = packet.bytes.to_vec();
            for (hit, byte) in &hits {
                if let Some(place) = hit.checked_sub(at).filter(|place| (42..frame.len()).contains(place)) {
                    frame[place] = *byte;
                }
            }
            at += frame.len();
            writer.frame(packet.at, &frame, packet.length).unwrap();
        }
        let decoded = decode(&mut codec(by_order), &writer.into_inner().unwrap());
        prop_assert_eq!(decoded.error, None);
    }
}

/// A sink that takes so many events and no more.
struct Narrow<'a>(&'a mut Vec<Event>, usize);

impl Sink for Narrow<'_> {
    fn room(&mut self) -> usize {
        self.1
    }

    fn push(&mut self, event: Event) {
        self.1 = self.1.checked_sub(1).expect("a codec pushes only what there is room for");
        self.0.push(event);
    }
}

/// Everything that comes of bytes that arrive in pieces, into little room.
fn narrowly(mut codec: Mdp3Pcap, bytes: &[u8], pieces: &mut Random) -> Decoded {
    let mut decoded = Decoded {
        events: Vec::new(),
        names: Directory::new(1000),
        tally: Tally::default(),
        error: None,
    };
    let (mut from, mut seen) = (0, 0);
    loop {
        seen = bytes.len().min(seen + pieces.place(3000));
        let last = seen == bytes.len();
        let Decoded { events, names, tally, .. } = &mut decoded;
        let mut sink = Narrow(events, EVENTS_PER_MESSAGE_MAX + pieces.place(9));
        match codec.decode(&bytes[from..seen], last, names, &mut sink, tally) {
            Ok(consumed) => {
                from += consumed;
                if last && from == bytes.len() && sink.1 >= EVENTS_PER_MESSAGE_MAX {
                    return decoded;
                }
                let is_stuck = consumed == 0 && last && sink.1 >= EVENTS_PER_MESSAGE_MAX;
                assert!(!is_stuck, "no progress at {from}");
            }
            Err(error) => {
                decoded.error = Some(error);
                return decoded;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn neither_little_room_nor_damage_anywhere_changes_what_is_told(
        seed in any::<u64>(),
        by_order in any::<bool>(),
        strict in any::<bool>(),
        hits in prop::collection::vec((0usize..60_000, any::<u8>()), 0..12),
    ) {
        let (mut bytes, _) = session(Settings {
            messages: 120, seed, loss_in_1000: 100, snapshot_every: 30, ..Settings::default()
        });
        for (place, byte) in hits {
            if let Some(at) = bytes.get_mut(place) {
                *at = byte;
            }
        }
        let codec = || Mdp3Pcap::new(&Options { by_order, strict, ..Options::default() });
        let narrow = narrowly(codec(), &bytes, &mut Random::new(seed));
        let mut wide = Decoded {
            events: Vec::new(),
            names: Directory::new(1000),
            tally: Tally::default(),
            error: None,
        };
        let Decoded { events, names, tally, .. } = &mut wide;
        wide.error = codec().decode(&bytes, true, names, events, tally).err();
        prop_assert_eq!(narrow.lines(), wide.lines());
        prop_assert_eq!(narrow.tally, wide.tally);
    }
}
