use super::*;
use crate::codec::testing::{Decoded, assert_chunks_do_not_matter, decode};
use expect_test::expect;
use proptest::prelude::*;

const HEADER: &str = "event_at,subject,venue,kind,order_id,side,price,quantity,participant,\
     counterparty,order_type,flags\n";

fn decoded(lines: &str) -> Decoded {
    decode(&mut Tape::new(&Options::default()), format!("{HEADER}{lines}").as_bytes())
}

#[test]
fn each_kind_becomes_what_it_means() {
    let text = "1,,,status,,,,,,,,continuous\n\
         2,ACME,SYNX,position,,,101.5,-300,P1,,,\n\
         3,ACME,SYNX,add,7,B,101.25,100,P1,,limit,iceberg|mm\n\
         4,ACME,SYNX,modify,7,B,101.3,90,P1,,,\n\
         5,ACME,SYNX,reduce,7,,,10,P1,,,\n\
         6,ACME,SYNX,execute,7,B,,30,P1,P2,,\n\
         7,ACME,SYNX,delete,7,,,,P1,,,\n\
         8,ACME,SYNX,add,8,S,,5,P2,,market,ioc\n\
         9,ACME,SYNX,trade,,S,101.3,12,P1,P2,,hidden|nonprintable\n\
         10,ACME,SYNX,news,4711,,,,,,,\n\
         11,ACME,BATS,add,7,B,101.25,100,P1,,,\n\
         12,ACME,BATS,status,,,,,,,,halt\n";
    expect![[r#"
        Status of * at 1 {} Status { phase: 3, code: [0, 0, 0, 0, 0, 0, 0], price: None }
        Define of ACME at 2 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 8, quantity_scale: 8, venue_tag: [241, 32, 128, 227], tag: [16, 39, 160, 150, 186, 23, 226, 205] }
        Position of ACME at 2 {} Holding { quantity: -30000000000, price: Some(Price(10150000000)), participant: 1, owner: 0 }
        Add of ACME at 3 {"buy"} Order { id: OrderId(7), price: Some(Price(10125000000)), quantity: Quantity(10000000000), participant: 1, attributes: Attributes(12) }
        Modify of ACME at 4 {"buy"} Order { id: OrderId(7), price: Some(Price(10130000000)), quantity: Quantity(9000000000), participant: 1, attributes: Attributes(0) }
        Reduce of ACME at 5 {} Order { id: OrderId(7), price: None, quantity: Quantity(1000000000), participant: 1, attributes: Attributes(0) }
        Execute of ACME at 6 {"buy"} Execution { id: OrderId(7), price: None, quantity: Quantity(3000000000), participant: 1, counterparty: 2 }
        Delete of ACME at 7 {} Order { id: OrderId(7), price: None, quantity: Quantity(0), participant: 1, attributes: Attributes(0) }
        Add of ACME at 8 {"sell"} Order { id: OrderId(8), price: None, quantity: Quantity(500000000), participant: 2, attributes: Attributes(2) }
        Trade of ACME at 9 {"sell", "hidden", "non-printable"} Print { trade_id: 0, price: Some(Price(10130000000)), quantity: Quantity(1200000000), participant: 1, counterparty: 2 }
        News of ACME at 10 {} Headline { headline: 4711 }
        Define of ACME@BATS at 11 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(1), price_scale: 8, quantity_scale: 8, venue_tag: [89, 150, 196, 27], tag: [138, 116, 35, 26, 9, 121, 220, 36] }
        Add of ACME@BATS at 11 {"buy"} Order { id: OrderId(7), price: Some(Price(10125000000)), quantity: Quantity(10000000000), participant: 1, attributes: Attributes(0) }
        Status of ACME@BATS at 12 {} Status { phase: 4, code: [0, 0, 0, 0, 0, 0, 0], price: None }
    "#]].assert_eq(&decoded(text).lines());
}

#[test]
fn columns_may_stand_in_any_order() {
    let text = "kind,quantity,price,side,order_id,subject,event_at\nadd,100,1.5,B,1,ACME,5\n";
    let decoded = decode(&mut Tape::new(&Options::default()), text.as_bytes());
    expect![[r#"
        Define of ACME at 5 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 8, quantity_scale: 8, venue_tag: [194, 148, 211, 56], tag: [16, 39, 160, 150, 186, 23, 226, 205] }
        Add of ACME at 5 {"buy"} Order { id: OrderId(1), price: Some(Price(150000000)), quantity: Quantity(10000000000), participant: 0, attributes: Attributes(0) }
    "#]].assert_eq(&decoded.lines());
}

#[test]
fn a_header_that_is_none_ends_it() {
    let check = |header: &str, expected: expect_test::Expect| {
        let decoded = decode(&mut Tape::new(&Options::default()), header.as_bytes());
        expected.assert_eq(&decoded.error.unwrap().to_string());
    };
    check(
        "event_at,subject,kind,order_id,side,price\n",
        expect![[
            r#"line 1 (byte 0): column "quantity" is missing in the tape's header "event_at,subject,kind,order_id,side,pric"…"#
        ]],
    );
    check(
        "event_at,subject,kind,order_id,side,price,quantity,colour\n",
        expect![[
            r#"line 1 (byte 0): unknown column "colour" in the tape's header "event_at,subject,kind,order_id,side,pric"…"#
        ]],
    );
    check(
        "event_at,event_at,kind\n",
        expect![[
            r#"line 1 (byte 0): column "event_at" stands there twice in the tape's header "event_at,event_at,kind""#
        ]],
    );
}

#[test]
fn what_is_wrong_is_told_and_the_next_line_is_read() {
    let text = "1,ACME,,add,7,B,101.25,100,,,,\n\
         2,ACME,,wish,7,B,101.25,100,,,,\n\
         3,ACME,,add,x,B,101.25,100,,,,\n\
         4,ACME,,add,7,X,101.25,100,,,,\n\
         5,ACME,,add,7,B,0.123456789,100,,,,\n\
         6,ACME,,add,7,B,1e5,100,,,,\n\
         7,ACME,,add,7,B,1,-1,,,,\n\
         8,ACME,,add,7,B,1,99999999999999,,,,\n\
         9,ACME,,add,7,B,1,1,,,,shiny\n\
         10,,,add,7,B,1,1,,,,\n\
         11,ACME,,add,7,B,1,1,,,market,\n\
         12,ACME,,trade,,B,,1,,,,\n\
         13,ACME,,status,,,,,,,,\n\
         14,ACME,,delete\n\
         15,ACME,,delete,7,,,,,,,\n";
    let decoded = decoded(text);
    assert_eq!((decoded.tally.messages, decoded.tally.gaps), (15, 13));
    assert_eq!(decoded.tally.faults.of(Fault::OutOfRange), 3);
    assert_eq!(decoded.tally.faults.of(Fault::Malformed), 10);
    assert_eq!(decoded.events.len(), 1 + 2 + 13);
}

#[test]
fn only_the_wanted_subjects_pass() {
    let options = Options { symbols: Some(vec!["B".to_owned()]), ..Options::default() };
    let text = format!("{HEADER}1,A,,delete,7,,,,,,,\n2,B,,delete,7,,,,,,,\n");
    let decoded = decode(&mut Tape::new(&options), text.as_bytes());
    assert_eq!((decoded.tally.messages, decoded.events.len()), (2, 2));
}

fn event() -> impl Strategy<Value = (Kind, u8, u64, i64, i64, u32, u32, u16, u8)> {
    let kinds = [
        Kind::Add,
        Kind::Modify,
        Kind::Reduce,
        Kind::Delete,
        Kind::Execute,
        Kind::Trade,
        Kind::Status,
        Kind::News,
        Kind::Position,
    ];
    let number = -1_000_000_000_000i64..1_000_000_000_000;
    (
        prop::sample::select(kinds.to_vec()),
        0u8..4,
        any::<u64>(),
        number.clone(),
        number,
        0u32..4,
        0u32..4,
        0u16..128,
        any::<u8>(),
    )
}

/// An event as the tape can tell it, out of a handful of numbers.
fn made(
    at: u64,
    (kind, subject, id, price, quantity, one, other, attributes, flags): (
        Kind,
        u8,
        u64,
        i64,
        i64,
        u32,
        u32,
        u16,
        u8,
    ),
) -> Event {
    let subject = SubjectId(u32::from(subject));
    let (one, other) = (ParticipantId::new(one), ParticipantId::new(other));
    let limit = (price % 7 != 0).then_some(Price(price));
    let (id, amount) = (OrderId(id), Quantity(quantity.unsigned_abs()));
    let at = Nanos(at);
    let mut attributes = Attributes(attributes);
    if matches!(kind, Kind::Execute | Kind::Trade) {
        attributes = Attributes::NONE;
    }
    let side = [Flags::NONE, Flags::BUY, Flags::SELL][usize::from(flags % 3)];
    let hidden = if flags % 5 == 0 { Flags::HIDDEN } else { Flags::NONE };
    let event = match kind {
        Kind::Add | Kind::Modify => {
            let mut order = Order::new(id, limit, amount).owned_by(one);
            order.attributes = attributes;
            Event::new(subject, at, order)
        }
        Kind::Reduce => Event::new(subject, at, Order::new(id, None, amount).owned_by(one)),
        Kind::Delete => Event::new(subject, at, Order::gone(id).owned_by(one)),
        Kind::Execute => {
            Event::new(subject, at, Execution::new(id, limit, amount).between(one, other))
                .with_flags(hidden)
        }
        Kind::Trade => {
            let print = Print::new(id.0, Price(price), amount).between(one, other);
            Event::new(subject, at, print).with_flags(hidden)
        }
        Kind::Status => {
            let phase = Phase::WORDS[usize::from(flags) % 5].1;
            Event::new(subject, at, Status::new(phase, b""))
        }
        Kind::News => Event::new(subject, at, Headline::new(id.0)),
        _ => {
            let mut holding = Holding::new(one, quantity).owned_by(other);
            holding.price = limit.into();
            Event::new(subject, at, holding)
        }
    };
    event.with_kind(kind).with_flags(side)
}

/// Four subjects at two venues and three participants, as a reader would come to number them.
fn directory() -> Directory {
    let mut names = Directory::new(10);
    let venue = |names: &mut Directory, name| names.venues.intern(name).unwrap();
    for (subject, at) in [("ACME", "SYNX"), ("ACME@BATS", "BATS"), ("A, B", "SYNX"), ("C", "")] {
        let definition = Definition::new(venue(&mut names, at), 8, 8);
        names.define(subject, definition).unwrap();
    }
    for name in ["P1", "P2", "P3"] {
        names.participants.intern(name).unwrap();
    }
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read(list in prop::collection::vec(event(), 1..50)) {
        let mut names = directory();
        let list = list.into_iter().enumerate();
        let events: Vec<_> = list.map(|(at, numbers)| made(at as u64, numbers)).collect();
        let mut writer = Writer::new(Vec::new()).unwrap();
        for event in &events {
            prop_assert!(writer.event(event, &names).unwrap());
        }
        let text = writer.finish().unwrap();
        let (mut read, mut tally) = (Vec::new(), Tally::default());
        let mut codec = Tape::new(&Options { strict: true, ..Options::default() });
        codec.decode(&text, true, &mut names, &mut read, &mut tally).unwrap();
        read.retain(|event| event.kind() != Kind::Define);
        prop_assert_eq!(read, events);
    }

    #[test]
    fn the_pieces_do_not_matter(
        damage in prop::collection::vec((0usize..40_000, any::<u8>()), 0..50),
        mut ends in prop::collection::vec(0usize..40_000, 0..50),
    ) {
        let mut bytes = Vec::new();
        let settings = crate::synthetic::tape::Settings { lines: 500, ..Default::default() };
        crate::synthetic::tape::generate(settings, &mut bytes).unwrap();
        for (at, byte) in damage {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        let codec = || Tape::new(&Options::default());
        if decode(&mut codec(), &bytes).error.is_none() {
            assert_chunks_do_not_matter(codec, &bytes, &mut ends);
        }
    }
}

/// Lines of one order each, with these numbers, a millisecond apart.
fn numbered(numbers: &[u64]) -> Decoded {
    let header = HEADER.trim_end();
    let line =
        |number: &u64| format!("{},ACME,,add,{number},B,1,1,,,,,{number}\n", number * 1_000_000);
    let lines: String = numbers.iter().map(line).collect();
    decode(&mut Tape::new(&Options::default()), format!("{header},sequence\n{lines}").as_bytes())
}

/// What came of them: the order's number, or the first and last of what is missing.
fn came(decoded: &Decoded) -> Vec<String> {
    let of = |event: &Event| match event.kind() {
        Kind::Add => Some(event.body::<Order>().id.to_string()),
        Kind::Gap => {
            let gap: engine_event::body::Gap = event.body();
            Some(format!("{}-{} missing", gap.first, gap.first + gap.count - 1))
        }
        _ => None,
    };
    decoded.events.iter().filter_map(of).collect()
}

#[test]
fn late_lines_are_put_in_their_place() {
    let decoded = numbered(&[1, 3, 4, 2, 6, 5, 7]);
    assert_eq!(came(&decoded), ["1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!((decoded.tally.messages, decoded.tally.faults.total()), (7, 0));
    let decoded = numbered(&[12, 11, 10, 13]);
    assert_eq!(came(&decoded), ["10", "11", "12", "13"], "it need not begin with 1");
}

#[test]
fn a_hole_is_told_and_a_line_that_comes_again_is_dropped() {
    let decoded = numbered(&[1, 2, 5, 6, 6, 2, 7]);
    assert_eq!(came(&decoded), ["1", "2", "3-4 missing", "5", "6", "7"]);
    assert_eq!(decoded.tally.faults.of(Fault::Duplicate), 2);
    assert_eq!(decoded.tally.faults.of(Fault::Missing), 1);
    assert_eq!((decoded.tally.messages, decoded.tally.gaps), (7, 1));
}

#[test]
fn nothing_waits_longer_than_the_window_or_a_second() {
    let decoded = numbered(&[[1].as_slice(), &(3..=1500).collect::<Vec<_>>(), &[2]].concat());
    let came = came(&decoded);
    assert_eq!((came.len(), &*came[1], &*came[2]), (1500, "2-2 missing", "3"));
    assert_eq!(decoded.tally.faults.of(Fault::Duplicate), 1, "then it is too late");
}

#[test]
fn a_numbered_line_that_cannot_be_read_is_told_once() {
    let header = HEADER.trim_end();
    let text = format!(
        "{header},sequence\n1,ACME,,add,1,B,1,1,,,,,1\n2,ACME,,wish,2,B,1,1,,,,,2\n\
         3,ACME,,add,3,B,1,1,,,,,3\n4,ACME,,add,4,B,1,1,,,,,x\n"
    );
    let decoded = decode(&mut Tape::new(&Options::default()), text.as_bytes());
    assert_eq!((decoded.tally.gaps, decoded.tally.faults.of(Fault::Malformed)), (2, 2));
    assert_eq!(decoded.tally.faults.of(Fault::Missing), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Shuffled within the window, doubled and thinned out: each line is there once and in order, or told
    /// as missing.
    #[test]
    fn nothing_is_lost_in_silence(
        lost in prop::collection::btree_set(2u64..300, 0..30),
        moved in prop::collection::vec((0usize..300, 0usize..40), 0..60),
        twice in prop::collection::vec(1u64..300, 0..20),
        mut ends in prop::collection::vec(0usize..20_000, 0..20),
    ) {
        let mut numbers: Vec<u64> = (1..=300).filter(|number| !lost.contains(number)).collect();
        for number in &twice {
            if !lost.contains(number) {
                numbers.push(*number);
            }
        }
        for (from, by) in moved {
            let from = from % numbers.len();
            let number = numbers.remove(from);
            numbers.insert((from + by).min(numbers.len()), number);
        }
        let decoded = numbered(&numbers);
        let mut next = 1;
        for event in &decoded.events {
            match event.kind() {
                Kind::Add => {
                    prop_assert_eq!(event.body::<Order>().id.0, next);
                    next += 1;
                }
                Kind::Gap => {
                    let gap: engine_event::body::Gap = event.body();
                    prop_assert_eq!(gap.first, next);
                    next += gap.count;
                }
                _ => {}
            }
        }
        prop_assert_eq!(next + lost.iter().rev().zip((1..=300).rev()).take_while(|(a, b)| **a == *b).count() as u64, 301);
        let doubles = numbers.len() as u64 - (300 - lost.len() as u64);
        prop_assert_eq!(decoded.tally.faults.of(Fault::Duplicate), doubles);
        let text: String = numbers.iter().map(|n| format!("{n},A,,add,{n},B,1,1,,,,,{n}\n")).collect();
        let bytes = format!("{},sequence\n{text}", HEADER.trim_end());
        assert_chunks_do_not_matter(|| Tape::new(&Options::default()), bytes.as_bytes(), &mut ends);
    }
}
