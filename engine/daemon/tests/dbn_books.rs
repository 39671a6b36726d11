//! Books built from DBN's orders show the ten levels that a plain ladder has after each event, and so
//! do books that are fed those levels as MBP-10.
//!
//! The ladder is as plain as can be, and it is fed by Databento's own decoder: of the way from bytes to
//! levels the two have nothing in common.

mod tapewatch;

use dbn::decode::dbn::Decoder;
use dbn::encode::{DbnEncoder, EncodeRecord};
use dbn::{Action, BidAskPair, MboMsg, Mbp10Msg, Metadata, RecordHeader, Schema, rtype};
use engine_book::{Books, Bounds};
use engine_event::{Directory, Event, Fault, Flags, Kind, Side, SubjectId};
use engine_pipeline::Tally;
use feeds::codec::{Codec, Dbn};
use feeds::{Options, synthetic};
use std::collections::BTreeMap;

/// Price, quantity and orders of a level.
type Level = (i64, u64, u32);

/// An instrument's orders, and nothing else.
#[derive(Default)]
struct Ladder(BTreeMap<u64, (Side, i64, u32)>);

impl Ladder {
    fn apply(&mut self, m: &MboMsg) {
        let side = if m.side == b'B' as std::ffi::c_char { Side::Buy } else { Side::Sell };
        match m.action().unwrap() {
            Action::Add | Action::Modify => {
                self.0.insert(m.order_id, (side, m.price, m.size));
            }
            Action::Cancel => {
                let (_, _, left) = self.0.get_mut(&m.order_id).expect("the order is there");
                *left -= m.size;
                if *left == 0 {
                    self.0.remove(&m.order_id);
                }
            }
            Action::Clear => self.0.clear(),
            Action::Trade | Action::Fill | Action::None => {}
        }
    }

    fn ten(&self, side: Side) -> Vec<Level> {
        let mut levels: BTreeMap<i64, (u64, u32)> = BTreeMap::new();
        for (_, price, size) in self.0.values().filter(|(of, ..)| *of == side) {
            let (quantity, orders) = levels.entry(*price).or_default();
            *quantity += u64::from(*size);
            *orders += 1;
        }
        let level = |(price, (quantity, orders))| (price, quantity, orders);
        match side {
            Side::Buy => levels.into_iter().rev().map(level).take(10).collect(),
            Side::Sell => levels.into_iter().map(level).take(10).collect(),
        }
    }

    fn record(&self, m: &MboMsg) -> Mbp10Msg {
        let (bids, asks) = (self.ten(Side::Buy), self.ten(Side::Sell));
        let none = (dbn::UNDEF_PRICE, 0, 0);
        let pair = |at: usize| {
            let (bid, ask) = (bids.get(at).unwrap_or(&none), asks.get(at).unwrap_or(&none));
            let (bid_px, bid_sz, bid_ct) = (bid.0, bid.1 as u32, bid.2);
            let (ask_px, ask_sz, ask_ct) = (ask.0, ask.1 as u32, ask.2);
            BidAskPair { bid_px, ask_px, bid_sz, ask_sz, bid_ct, ask_ct }
        };
        let (publisher, instrument) = (m.hd.publisher_id, m.hd.instrument_id);
        Mbp10Msg {
            hd: RecordHeader::new::<Mbp10Msg>(rtype::MBP_10, publisher, instrument, m.hd.ts_event),
            price: m.price,
            size: m.size,
            // What is told of trades is told by the orders' test.
            action: b'M' as _,
            side: m.side,
            flags: m.flags,
            depth: 0,
            ts_recv: m.ts_recv,
            ts_in_delta: m.ts_in_delta,
            sequence: m.sequence,
            levels: std::array::from_fn(pair),
        }
    }
}

/// A file's events, without its definitions, and the names in it.
fn decode(mut bytes: &[u8]) -> (Vec<Event>, Directory) {
    let options = Options { strict: true, ..Options::default() };
    let (mut codec, mut tally) = (Dbn::new(&options), Tally::default());
    let (mut names, mut events) = (Directory::new(100), Vec::new());
    while !bytes.is_empty() {
        let read = codec.decode(bytes, true, &mut names, &mut events, &mut tally);
        bytes = &bytes[read.expect("a session is valid")..];
    }
    events.retain(|event| event.kind() != Kind::Define);
    (events, names)
}

fn ten(books: &Books, subject: SubjectId, side: Side) -> Vec<Level> {
    let Some(book) = books.book(subject) else { return Vec::new() };
    let levels = book.levels(side).take(10);
    levels.map(|level| (level.price.0, level.quantity.0, level.orders)).collect()
}

fn check(records: u64, seed: u64, stocks: usize) {
    let mut session = Vec::new();
    synthetic::dbn::generate(records, seed, stocks, &mut session).unwrap();
    let (events, names) = decode(&session);
    let (mut events, mut books) = (events.into_iter(), Books::new(Bounds::default()));
    let mut ladders: BTreeMap<u32, Ladder> = BTreeMap::new();
    let subject = |instrument: u32| names.find(&synthetic::symbol(instrument as usize - 1));

    let mut theirs = Decoder::new(&session[..]).unwrap();
    let metadata = dbn::decode::DbnMetadata::metadata(&theirs);
    let metadata = Metadata { schema: Some(Schema::Mbp10), ..metadata.clone() };
    let mut levels = DbnEncoder::new(Vec::new(), &metadata).unwrap();
    let (mut groups, mut wanted) = (0, Vec::new());
    while let Some(record) = theirs.decode_ref().unwrap() {
        let m = record.get::<MboMsg>().unwrap();
        let ladder = ladders.entry(m.hd.instrument_id).or_default();
        ladder.apply(m);
        let subject = subject(m.hd.instrument_id).unwrap();
        if m.flags.is_last() {
            // What trades is told by fewer events than records, but a group ends where it ended.
            loop {
                let event = events.next().expect("each group has an end");
                assert_eq!(books.apply(&event).fault, None, "{event:?}");
                if event.flags.has(Flags::LAST) {
                    assert_eq!(event.subject, subject);
                    break;
                }
            }
            for side in [Side::Buy, Side::Sell] {
                assert_eq!(ten(&books, subject, side), ladder.ten(side), "{m:?}");
            }
            groups += 1;
            levels.encode_record(&ladder.record(m)).unwrap();
            wanted.push((m.ts_recv, subject, [Side::Buy, Side::Sell].map(|side| ladder.ten(side))));
        }
    }
    assert!(events.next().is_none() && groups > records / 2);
    assert_eq!(books.faults().iter().collect::<Vec<(Fault, u64)>>(), []);

    let (told, level_names) = decode(levels.get_ref());
    let (mut told, mut books) = (told.into_iter().peekable(), Books::new(Bounds::default()));
    for (received, subject, sides) in wanted {
        let name = names.name(subject);
        while let Some(event) = told.next_if(|event| event.received_at.0 <= received) {
            assert_eq!(books.apply(&event).fault, None, "{event:?}");
        }
        let Some(subject) = level_names.find(name) else {
            assert_eq!(sides, [vec![], vec![]]);
            continue;
        };
        for (side, levels) in [Side::Buy, Side::Sell].into_iter().zip(sides) {
            assert_eq!(ten(&books, subject, side), levels, "{name} at {received}");
        }
    }
    assert!(told.next().is_none());
}

#[test]
fn ten_levels_are_the_same_by_order_and_by_level() {
    check(20_000, 1, 5);
    check(5_000, 2, 1);
    check(5_000, 3, 40);
}

/// What MBP-10 tells of a session by order; with another quantity at the best bid in one of the first
/// instrument's records.
fn by_level(session: &[u8], wrong: Option<usize>) -> Vec<u8> {
    let mut whole = Decoder::new(session).unwrap();
    let metadata = dbn::decode::DbnMetadata::metadata(&whole);
    let metadata = Metadata { schema: Some(Schema::Mbp10), ..metadata.clone() };
    let mut levels = DbnEncoder::new(Vec::new(), &metadata).unwrap();
    let (mut ladders, mut told): (BTreeMap<u32, Ladder>, _) = (BTreeMap::new(), 0);
    while let Some(record) = whole.decode_ref().unwrap() {
        let m = record.get::<MboMsg>().unwrap();
        let ladder = ladders.entry(m.hd.instrument_id).or_default();
        ladder.apply(m);
        if m.flags.is_last() {
            let mut record = ladder.record(m);
            told += usize::from(m.hd.instrument_id == 1);
            record.levels[0].bid_sz ^= u32::from(m.hd.instrument_id == 1 && wrong == Some(told));
            levels.encode_record(&record).unwrap();
        }
    }
    levels.get_ref().clone()
}

/// `book --check` holds a file by order against one by level, both as Databento writes them.
#[test]
fn a_binary_file_of_levels_is_held_against() {
    let folder = tapewatch::Folder::new();
    let mut session = Vec::new();
    synthetic::dbn::generate(4000, 4, 2, &mut session).unwrap();
    folder.write("day.mbo.dbn", &session);
    folder.write("day.mbp-10.dbn", by_level(&session, None));
    folder.write("wrong.dbn", by_level(&session, Some(700)));
    let symbol = synthetic::symbol(0);
    let check = |with: &str| {
        folder.run(&format!("book day.mbo.dbn --symbol {symbol} --check {with} --json"))
    };
    let found = check("day.mbp-10.dbn").succeeded().json();
    assert!(found["rows"].as_u64() > Some(500), "{found}");
    assert_eq!((&found["equal"], &found["different"]), (&found["rows"], &0.into()));

    let found = check("wrong.dbn");
    assert_eq!(found.code, Some(1), "{found:?}");
    assert_eq!(found.json()["different"], 1);
}

/// A session of one stock of which a part is missing; what came before the part that is there again is
/// told once more as a snapshot.
#[test]
fn a_snapshot_makes_a_book_certain_again() {
    let mut session = Vec::new();
    synthetic::dbn::generate(6000, 9, 1, &mut session).unwrap();
    let mut whole = Decoder::new(&session[..]).unwrap();
    let metadata = dbn::decode::DbnMetadata::metadata(&whole).clone();
    let mut records = Vec::new();
    while let Some(record) = whole.decode_ref().unwrap() {
        records.push(record.get::<MboMsg>().unwrap().clone());
    }
    // Both parts begin where a group of records does.
    let begins =
        |from: usize| from + 1 + records[from..].iter().position(|m| m.flags.is_last()).unwrap();
    let (lost, back) = (begins(2000), begins(3000));

    let mut told = DbnEncoder::new(Vec::new(), &metadata).unwrap();
    let mut ladder = Ladder::default();
    // After which record the ladder has which levels; none where the book cannot know.
    let mut expected = Vec::new();
    let both = |ladder: &Ladder| [Side::Buy, Side::Sell].map(|side| ladder.ten(side));
    for (n, m) in records.iter().enumerate() {
        if n == back {
            let flagged = |m: &MboMsg, action: u8, is_last: bool| {
                let last = if is_last { dbn::flags::LAST } else { 0 };
                let flags = dbn::FlagSet::new(dbn::flags::SNAPSHOT | last);
                MboMsg { action: action as _, flags, ..m.clone() }
            };
            let clear = MboMsg {
                order_id: 0,
                price: dbn::UNDEF_PRICE,
                size: 0,
                side: b'N' as _,
                ..flagged(m, b'R', false)
            };
            told.encode_record(&clear).unwrap();
            let latest = *ladder.0.keys().next_back().unwrap();
            for (id, (side, price, size)) in &ladder.0 {
                let side = if *side == Side::Buy { b'B' } else { b'A' };
                let order = flagged(m, b'A', *id == latest);
                let (order_id, price, size) = (*id, *price, *size);
                told.encode_record(&MboMsg { order_id, price, size, side: side as _, ..order })
                    .unwrap();
            }
            expected.push(Some(both(&ladder)));
        }
        ladder.apply(m);
        // Of what is lost, every other group: the rest is about orders that nobody has told.
        if !(lost..back).contains(&n) || n % 2 == 0 {
            told.encode_record(m).unwrap();
            if m.flags.is_last() {
                expected.push((!(lost..back).contains(&n)).then(|| both(&ladder)));
            }
        }
    }

    let (events, names) = decode(told.get_ref());
    let subject = names.find(&synthetic::symbol(0)).unwrap();
    let mut books = Books::new(Bounds::default());
    let (mut expected, mut states) = (expected.into_iter(), Vec::new());
    for (seq, mut event) in (1..).zip(events) {
        event.seq = seq;
        books.apply(&event);
        let stale = books.book(subject).unwrap().stale();
        if states.last() != Some(&stale) {
            states.push(stale);
        }
        if event.flags.has(engine_event::Flags::LAST)
            && let Some(levels) = expected.next().unwrap()
        {
            assert_eq!(stale, None, "{event:?}");
            let shown = [Side::Buy, Side::Sell].map(|side| ten(&books, subject, side));
            assert_eq!(shown, levels, "{event:?}");
        }
    }
    assert_eq!((expected.next(), states.len()), (None, 3), "certain, stale, certain: {states:?}");
    let stale = states[1].unwrap();
    assert!(matches!(stale.reason, Fault::UnknownOrder | Fault::Crossed), "{stale:?}");
    assert!(books.faults().total() > 20);
}
