//! What happens to orders, and in which order it is told.

use super::*;
use ::dbn::flags;
use ::dbn::{BidAskPair, Mbp1Msg, Mbp10Msg};

fn flagged(mut record: MboMsg, flags: u8) -> MboMsg {
    record.flags = FlagSet::new(flags);
    record
}

#[test]
fn each_action_becomes_what_it_means() {
    let mut free = mbo('A', 'B', 10, 9, 4);
    free.price = ::dbn::UNDEF_PRICE;
    let records = [
        flagged(mbo('R', 'N', 10, 0, 0), flags::SNAPSHOT),
        flagged(mbo('A', 'B', 10, 1, 1), flags::SNAPSHOT),
        flagged(mbo('A', 'A', 10, 1, 2), flags::SNAPSHOT | flags::LAST),
        flagged(mbo('T', 'A', 10, 2, 0), 0),
        flagged(mbo('F', 'B', 10, 2, 1), 0),
        flagged(mbo('C', 'B', 10, 2, 1), flags::LAST),
        mbo('M', 'A', 10, 3, 2),
        mbo('N', 'N', 10, 3, 2),
        mbo('T', 'N', 10, 4, 0),
        free,
    ];
    check(
        &two_stocks(),
        &records,
        &expect![[r#"
            Define of MSFT at _000000000 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [231, 195, 29, 154], tag: [141, 152, 176, 132, 2, 108, 3, 149] }
            Clear of MSFT at _000000000 {"snapshot"} End { reserved: [0, 0, 0, 0] }
            Add of MSFT at _000000001 {"snapshot", "buy"} Order { id: OrderId(1), price: Some(Price(100000000000)), quantity: Quantity(7), participant: 0, attributes: Attributes(0) }
            Add of MSFT at _000000001 {"last", "snapshot", "sell"} Order { id: OrderId(2), price: Some(Price(100000000000)), quantity: Quantity(7), participant: 0, attributes: Attributes(0) }
            Execute of MSFT at _000000002 {"last", "buy"} Execution { id: OrderId(1), price: Some(Price(100000000000)), quantity: Quantity(7), participant: 0, counterparty: 0 }
            Modify of MSFT at _000000003 {"sell"} Order { id: OrderId(2), price: Some(Price(100000000000)), quantity: Quantity(7), participant: 0, attributes: Attributes(0) }
            Trade of MSFT at _000000004 {} Print { trade_id: 99, price: Some(Price(100000000000)), quantity: Quantity(7), participant: 0, counterparty: 0 }
            Add of MSFT at _000000009 {"buy"} Order { id: OrderId(4), price: None, quantity: Quantity(7), participant: 0, attributes: Attributes(0) }
        "#]],
    );
    let tally = decoded(&stream(&two_stocks(), &records)).tally;
    let counts = b"ACFMNRT".map(|letter| tally.by_type[usize::from(letter)]);
    assert_eq!(counts, [3, 1, 1, 1, 1, 1, 2]);
    assert_eq!((tally.messages, tally.faults.total()), (10, 0));
}

#[test]
fn a_gap_at_the_venue_is_told_once_until_the_book_begins_anew() {
    let bad = |record| flagged(record, flags::MAYBE_BAD_BOOK);
    let records = [
        bad(mbo('A', 'B', 10, 1, 1)),
        bad(mbo('A', 'B', 10, 2, 2)),
        mbo('A', 'B', 10, 3, 3),
        bad(mbo('R', 'N', 10, 4, 0)),
        bad(mbo('A', 'B', 10, 5, 1)),
    ];
    let tally = decoded(&stream(&two_stocks(), &records)).tally;
    assert_eq!((tally.gaps, tally.faults.of(Fault::Missing)), (2, 2));
    check(
        &two_stocks(),
        &records,
        &expect![[r#"
            Define of MSFT at _000000001 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [231, 195, 29, 154], tag: [141, 152, 176, 132, 2, 108, 3, 149] }
            Gap of MSFT at _000000001 {} Gap { first: 520, count: 1, reason: 4 }
            Add of MSFT at _000000001 {"buy"} Order { id: OrderId(1), price: Some(Price(100000000000)), quantity: Quantity(7), participant: 0, attributes: Attributes(0) }
            Add of MSFT at _000000002 {"buy"} Order { id: OrderId(2), price: Some(Price(100000000000)), quantity: Quantity(7), participant: 0, attributes: Attributes(0) }
            Add of MSFT at _000000003 {"buy"} Order { id: OrderId(3), price: Some(Price(100000000000)), quantity: Quantity(7), participant: 0, attributes: Attributes(0) }
            Clear of MSFT at _000000004 {} End { reserved: [0, 0, 0, 0] }
            Gap of MSFT at _000000005 {} Gap { first: 744, count: 1, reason: 4 }
            Add of MSFT at _000000005 {"buy"} Order { id: OrderId(1), price: Some(Price(100000000000)), quantity: Quantity(7), participant: 0, attributes: Attributes(0) }
        "#]],
    );
}

#[test]
fn a_wrong_time_of_receipt_is_not_believed() {
    let records = [flagged(mbo('A', 'B', 10, 1, 1), flags::BAD_TS_RECV), mbo('A', 'B', 10, 0, 2)];
    let decoded = decoded(&stream(&two_stocks(), &records));
    let received = |event: &Event| (event.event_at.0 - DAY, event.received_at.0 - DAY);
    let times: Vec<_> = decoded.events[1..].iter().map(received).collect();
    assert_eq!(times, [(1, 1), (0, 5)]);
    assert_eq!(decoded.tally.faults.of(Fault::TimeBackwards), 1);
}

#[test]
fn a_snapshots_orders_have_no_time_of_receipt_and_that_is_no_fault() {
    let marks = flags::BAD_TS_RECV | flags::SNAPSHOT;
    let records =
        [flagged(mbo('A', 'B', 10, 2, 1), marks), flagged(mbo('A', 'B', 10, 1, 2), marks)];
    let decoded = decoded(&stream(&two_stocks(), &records));
    let received = |event: &Event| (event.event_at.0 - DAY, event.received_at.0 - DAY);
    let times: Vec<_> = decoded.events[1..].iter().map(received).collect();
    assert_eq!(times, [(2, 2), (1, 1)]);
    assert!(decoded.events[1..].iter().all(|event| event.flags.has(Flags::SNAPSHOT)));
    assert_eq!(decoded.tally.faults.of(Fault::TimeBackwards), 0);
}

#[test]
fn what_was_received_before_its_predecessor_is_a_fault() {
    let records = [mbo('A', 'B', 10, 3, 1), mbo('A', 'B', 10, 2, 2), mbo('A', 'B', 10, 2, 3)];
    let decoded = decoded(&stream(&two_stocks(), &records));
    assert_eq!(decoded.tally.faults.of(Fault::TimeBackwards), 1);
    assert_eq!(decoded.events.len(), 4);
}

#[test]
fn a_publishers_touch_among_orders_becomes_a_quote() {
    let mut gone = flagged(mbo('A', 'B', 10, 3, 0), flags::TOB | flags::LAST);
    (gone.price, gone.size) = (::dbn::UNDEF_PRICE, 0);
    let records = [
        flagged(mbo('A', 'B', 10, 1, 0), flags::TOB | flags::LAST),
        flagged(mbo('A', 'A', 10, 2, 0), flags::TOB | flags::LAST),
        gone,
    ];
    check(
        &two_stocks(),
        &records,
        &expect![[r#"
            Define of MSFT at _000000001 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [231, 195, 29, 154], tag: [141, 152, 176, 132, 2, 108, 3, 149] }
            Quote of MSFT at _000000001 {"last"} Quote { bid: Some(Price(100000000000)), bid_quantity: Quantity(7), ask: None, ask_quantity: Quantity(0) }
            Quote of MSFT at _000000002 {"last"} Quote { bid: Some(Price(100000000000)), bid_quantity: Quantity(7), ask: Some(Price(100000000000)), ask_quantity: Quantity(7) }
            Quote of MSFT at _000000003 {"last"} Quote { bid: None, bid_quantity: Quantity(0), ask: Some(Price(100000000000)), ask_quantity: Quantity(7) }
        "#]],
    );
}

#[test]
fn odd_letters_and_missing_prices_are_told_and_the_next_record_is_read() {
    let mut free = mbo('T', 'B', 10, 4, 0);
    free.price = ::dbn::UNDEF_PRICE;
    let mut timeless = mbo('A', 'B', 10, 5, 1);
    (timeless.hd.ts_event, timeless.ts_recv) = (u64::MAX, u64::MAX);
    let records = [
        mbo('X', 'B', 10, 1, 1),
        mbo('A', 'Q', 10, 2, 1),
        flagged(mbo('A', 'B', 10, 3, 1), flags::MBP),
        free,
        timeless,
        mbo('A', 'B', 10, 6, 1),
    ];
    let decoded = decoded(&stream(&two_stocks(), &records));
    assert_eq!(decoded.tally.faults.of(Fault::OutOfRange), 5);
    assert_eq!((decoded.tally.messages, decoded.tally.gaps), (6, 5));
    assert_eq!(decoded.events.last().unwrap().kind(), Kind::Add);
    let error = strictly(&stream(&two_stocks(), &records)).error.unwrap().to_string();
    expect![[r#"byte 520: action "X" is not allowed"#]].assert_eq(&error);
}

#[test]
fn a_trade_comes_before_the_levels_that_it_was_told_with() {
    let level =
        |bid_px, ask_px| BidAskPair { bid_px, ask_px, bid_sz: 3, ask_sz: 4, bid_ct: 1, ask_ct: 2 };
    let top = Mbp1Msg {
        hd: RecordHeader::new::<Mbp1Msg>(::dbn::rtype::MBP_1, XNAS, 10, DAY + 1),
        price: 50,
        size: 1,
        action: b'T' as _,
        side: b'B' as _,
        flags: FlagSet::new(flags::LAST),
        depth: 0,
        ts_recv: DAY + 2,
        ts_in_delta: 0,
        sequence: 8,
        levels: [level(40, ::dbn::UNDEF_PRICE)],
    };
    let mut ten = Mbp10Msg {
        hd: RecordHeader::new::<Mbp10Msg>(::dbn::rtype::MBP_10, XNAS, 20, DAY + 3),
        price: 50,
        size: 1,
        action: b'T' as _,
        side: b'B' as _,
        flags: FlagSet::new(flags::LAST),
        depth: 0,
        ts_recv: DAY + 4,
        ts_in_delta: 0,
        sequence: 9,
        levels: std::array::from_fn(|_| level(::dbn::UNDEF_PRICE, ::dbn::UNDEF_PRICE)),
    };
    ten.levels[0] = level(40, 50);
    let mut bytes = stream(&two_stocks(), &[top]);
    let mut add = |record: &dyn AsRef<[u8]>| bytes.extend_from_slice(record.as_ref());
    add(&ten);
    ten.action = b'N' as _;
    add(&ten);
    ten.levels[0].ask_px = 51;
    add(&ten);
    expect![[r#"
        Define of MSFT at _000000001 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [231, 195, 29, 154], tag: [141, 152, 176, 132, 2, 108, 3, 149] }
        Trade of MSFT at _000000001 {"sell"} Print { trade_id: 8, price: Some(Price(50)), quantity: Quantity(1), participant: 0, counterparty: 0 }
        Quote of MSFT at _000000001 {"last"} Quote { bid: Some(Price(40)), bid_quantity: Quantity(3), ask: None, ask_quantity: Quantity(0) }
        Define of AAPL at _000000003 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [231, 195, 29, 154], tag: [197, 232, 204, 37, 92, 170, 176, 223] }
        Trade of AAPL at _000000003 {"sell"} Print { trade_id: 9, price: Some(Price(50)), quantity: Quantity(1), participant: 0, counterparty: 0 }
        Level of AAPL at _000000003 {"buy"} Level { price: Price(40), quantity: Quantity(3), orders: 1 }
        Level of AAPL at _000000003 {"last", "sell"} Level { price: Price(50), quantity: Quantity(4), orders: 2 }
        Level of AAPL at _000000003 {"last", "buy"} Level { price: Price(40), quantity: Quantity(3), orders: 1 }
        Level of AAPL at _000000003 {"sell"} Level { price: Price(50), quantity: Quantity(0), orders: 0 }
        Level of AAPL at _000000003 {"last", "sell"} Level { price: Price(51), quantity: Quantity(4), orders: 2 }
    "#]].assert_eq(&decoded(&bytes).lines().replace(&DAY.to_string()[..10], "_"));
}
