//! Bytes that arrive in pieces, end early or were never right.

use super::*;
use ::dbn::{SystemMsg, flags};
use proptest::prelude::*;

/// A session in which every kind of record is somewhere.
fn medley() -> Vec<u8> {
    let mut bytes = sample("mbp-10", 3);
    let records = |schema: &str| {
        let whole = sample(schema, 3);
        let length = u32::from_le_bytes(whole[4..8].try_into().unwrap()) as usize;
        whole[8 + length..].to_vec()
    };
    for _ in 0..20 {
        for schema in
            ["mbo", "mbp-10", "definition", "mbp-1", "status", "trades", "imbalance", "statistics"]
        {
            bytes.extend(records(schema));
        }
    }
    bytes
}

fn error(bytes: &[u8]) -> String {
    decoded(bytes).error.unwrap().to_string()
}

#[test]
fn a_version_from_the_future_is_refused() {
    let mut bytes = sample("mbo", 3);
    bytes[3] = 4;
    expect!["byte 3: version 4 of DBN, expected 1 to 3"].assert_eq(&error(&bytes));
    bytes[3] = 0;
    expect!["byte 3: version 0 of DBN, expected 1 to 3"].assert_eq(&error(&bytes));
}

#[test]
fn lengths_that_lie_are_told() {
    let mut bytes = sample("mbo", 3);
    let metadata = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let first = 8 + metadata;
    bytes[first] = 2;
    expect!["byte 360: a record of 8 bytes, shorter than the 16 of its head"]
        .assert_eq(&error(&bytes));
    bytes[first] = 13;
    let decoded = decoded(&bytes);
    assert_eq!(decoded.tally.first_faults[0], (Fault::BadLength, first as u64));
    assert!(decoded.error.is_some(), "what follows is no record");
    bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    expect!["byte 4: metadata of 4294967295 bytes, more than the 67108864 that are taken"]
        .assert_eq(&error(&bytes));
    bytes[4..8].copy_from_slice(&50u32.to_le_bytes());
    expect!["byte 8: the metadata cannot be read: decoding error: invalid DBN metadata. Metadata length shorter than fixed length."].assert_eq(&error(&bytes));
}

#[test]
fn a_type_that_nobody_knows_is_counted_and_passed_over() {
    let mut bytes = stream(&two_stocks(), &[mbo('A', 'B', 10, 1, 1)]);
    let mut unknown = [0x55; 60];
    (unknown[0], unknown[1]) = (15, 0x77);
    bytes.extend(unknown);
    bytes.extend_from_slice(mbo('A', 'B', 10, 2, 2).as_ref());
    bytes.extend_from_slice(SystemMsg::heartbeat(DAY).as_ref());
    let decoded = strictly(&bytes);
    assert_eq!((decoded.tally.messages, decoded.tally.unknown), (4, 1));
    assert_eq!((decoded.events.len(), decoded.error), (3, None));
}

#[test]
fn a_file_may_end_anywhere() {
    let bytes = sample("mbo", 2);
    let metadata = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let ends = [8 + metadata, 8 + metadata + 56, bytes.len()];
    for length in 1..=bytes.len() {
        let decoded = decoded(&bytes[..length]);
        assert_eq!(decoded.error.is_none(), ends.contains(&length), "{length} bytes");
        let records = ends[1..].iter().filter(|end| **end <= length).count();
        assert_eq!(decoded.tally.messages, records as u64);
    }
    expect!["byte 0: the file ends within its first 8 bytes (3 there)"]
        .assert_eq(&error(&bytes[..3]));
    expect!["byte 0: the file ends within its metadata of 353 bytes (200 there)"]
        .assert_eq(&error(&bytes[..200]));
    expect!["byte 409: the file ends within a record of 56 bytes (7 there)"]
        .assert_eq(&error(&bytes[..ends[1] + 7]));
}

#[test]
fn records_that_carry_the_time_of_sending_are_longer() {
    let mut metadata = two_stocks();
    metadata.ts_out = true;
    let sent = |record: MboMsg| ::dbn::WithTsOut::new(record, DAY + 100);
    let records = [sent(mbo('A', 'B', 10, 1, 1)), sent(mbo('C', 'B', 10, 2, 1))];
    let decoded = strictly(&stream(&metadata, &records));
    let kinds: Vec<_> = decoded.events.iter().map(Event::kind).collect();
    assert_eq!(kinds, [Kind::Define, Kind::Add, Kind::Reduce]);
}

fn any_order() -> impl Strategy<Value = MboMsg> {
    // Fills are told in other tests: what follows them is no more what it was.
    let action = prop::sample::select(b"AACCMRTN".to_vec());
    let side = prop::sample::select(b"ABN".to_vec());
    let marks = prop::sample::select(vec![0, flags::LAST, flags::SNAPSHOT | flags::LAST]);
    let price = prop_oneof![9 => -1_000_000_000i64..i64::MAX, 1 => Just(::dbn::UNDEF_PRICE)];
    (action, side, marks, price, 0..4u32, any::<(u64, u32)>(), 0..1_000_000u64).prop_map(
        |(action, side, marks, price, instrument, (order, size), at)| {
            let record = mbo(action.into(), side.into(), 10 * instrument, at, order);
            MboMsg { price, size, flags: FlagSet::new(marks), ..record }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn orders_are_what_the_crates_encoder_wrote(
        mut records in prop::collection::vec(any_order(), 0..100),
        mut ends in prop::collection::vec(0usize..6000, 0..30),
    ) {
        records.sort_by_key(|record| record.ts_recv);
        let bytes = stream(&two_stocks(), &records);
        let told = decoded(&bytes);
        let mut events = told.events.iter().filter(|event| {
            !matches!(event.kind(), Kind::Define | Kind::Gap)
        });
        for record in &records {
            let kind = match record.action as u8 {
                b'A' => Kind::Add,
                b'C' => Kind::Reduce,
                b'M' => Kind::Modify,
                b'R' => Kind::Clear,
                b'T' if record.price != ::dbn::UNDEF_PRICE => Kind::Trade,
                _ => continue,
            };
            let event = events.next().unwrap();
            prop_assert_eq!(event.kind(), kind);
            prop_assert_eq!(event.event_at.0, record.hd.ts_event);
            prop_assert_eq!(event.flags.has(Flags::LAST), record.flags.is_last());
            prop_assert_eq!(event.flags.has(Flags::SNAPSHOT), record.flags.is_snapshot());
            if matches!(kind, Kind::Add | Kind::Reduce | Kind::Modify) {
                let order: Order = event.body();
                let price = Some(record.price).filter(|price| *price != ::dbn::UNDEF_PRICE);
                prop_assert_eq!(order.price.get(), price.map(Price));
                prop_assert_eq!((order.id.0, order.quantity.0), (record.order_id, u64::from(record.size)));
            }
        }
        prop_assert!(events.next().is_none());
        assert_chunks_do_not_matter(|| Dbn::new(&Options::default()), &bytes, &mut ends);
    }

    #[test]
    fn the_pieces_do_not_matter(
        damage in prop::collection::vec((0usize..40_000, any::<u8>()), 0..50),
        mut ends in prop::collection::vec(0usize..40_000, 0..50),
        room in 0usize..9,
    ) {
        let mut bytes = medley();
        for (at, byte) in damage {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        let (wide, narrow) = (decoded(&bytes), narrowly(&bytes, EVENTS_PER_MESSAGE_MAX + room));
        prop_assert_eq!(wide.lines(), narrow.lines());
        prop_assert_eq!(wide.tally, narrow.tally);
        for strict in [false, true] {
            let options = Options { strict, ..Options::default() };
            assert_chunks_do_not_matter(|| Dbn::new(&options), &bytes, &mut ends);
        }
    }

    #[test]
    fn damage_to_the_metadata_is_an_error_or_none(
        damage in prop::collection::vec((0usize..360, any::<u8>()), 1..6),
        mut ends in prop::collection::vec(0usize..500, 0..9),
    ) {
        let mut bytes = sample("mbo", 3);
        for (at, byte) in damage {
            bytes[at] = byte;
        }
        assert_chunks_do_not_matter(|| Dbn::new(&Options::default()), &bytes, &mut ends);
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

/// Decodes `bytes` into sinks that have room for `room` events.
fn narrowly(bytes: &[u8], room: usize) -> Decoded {
    let mut codec = Dbn::new(&Options::default());
    let (mut names, mut tally) = (Directory::new(1000), Tally::default());
    let (mut events, mut from) = (Vec::new(), 0);
    let error = loop {
        let mut sink = Narrow(&mut events, room);
        match codec.decode(&bytes[from..], true, &mut names, &mut sink, &mut tally) {
            Ok(read) => from += read,
            Err(error) => break Some(error),
        }
        if from == bytes.len() && sink.1 >= EVENTS_PER_MESSAGE_MAX {
            break None;
        }
    };
    Decoded { events, names, tally, error }
}

#[test]
fn levels_wait_for_room() {
    let bytes = sample("mbp-10", 3);
    assert_eq!(narrowly(&bytes, EVENTS_PER_MESSAGE_MAX + 1).events, decoded(&bytes).events);
}
