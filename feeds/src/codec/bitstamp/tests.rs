use super::*;
use crate::codec::testing::{Decoded, assert_chunks_do_not_matter, decode};
use expect_test::{Expect, expect};
use proptest::prelude::*;

const HEADER: &str = "id,timestamp,exchange.timestamp,price,volume,action,direction\n";

fn decoded(text: &str) -> Decoded {
    let options = Options { subject: Some("BTCUSD".into()), ..Options::default() };
    decode(&mut Bitstamp::new(&options), text.as_bytes())
}

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&decoded(text).lines());
}

#[test]
fn each_action_becomes_what_it_means() {
    let text = "65619584,1430438400000,1430438399000,237.88,0.5,created,bid\n\
         65619585,1430438400001,1430438399000,238.01,1.00000001,created,ask\n\
         65619584,1430438400002,1430438399000,237.88,0.25,changed,bid\n\
         65619585,1430438400203,1430438399000,238.01,0,changed,ask\n\
         65619584,1430438400204,1430438399000,237.88,0.25,deleted,bid\n\
         65619586,1430438400205,1430438400000,0,3,created,ask\n";
    check(
        &format!("{HEADER}{text}"),
        &expect![[r#"
            Define of BTCUSD at 1430438400000000000 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 8, quantity_scale: 8, venue_tag: [203, 84, 230, 10], tag: [17, 94, 150, 108, 191, 203, 247, 100] }
            Add of BTCUSD at 1430438400000000000 {"buy"} Order { id: OrderId(65619584), price: Some(Price(23788000000)), quantity: Quantity(50000000), participant: 0, attributes: Attributes(0) }
            Add of BTCUSD at 1430438400001000000 {"sell"} Order { id: OrderId(65619585), price: Some(Price(23801000000)), quantity: Quantity(100000001), participant: 0, attributes: Attributes(0) }
            Execute of BTCUSD at 1430438400002000000 {"buy"} Execution { id: OrderId(65619584), price: Some(Price(23788000000)), quantity: Quantity(25000000), participant: 0, counterparty: 0 }
            Execute of BTCUSD at 1430438400203000000 {"sell"} Execution { id: OrderId(65619585), price: Some(Price(23801000000)), quantity: Quantity(100000001), participant: 0, counterparty: 0 }
            Delete of BTCUSD at 1430438400204000000 {"buy"} Order { id: OrderId(65619584), price: None, quantity: Quantity(0), participant: 0, attributes: Attributes(0) }
            Add of BTCUSD at 1430438400205000000 {"sell"} Order { id: OrderId(65619586), price: None, quantity: Quantity(300000000), participant: 0, attributes: Attributes(2) }
        "#]],
    );
}

/// What lines become, in short, after the definition.
fn told(lines: &str) -> Vec<String> {
    let decoded = decoded(&format!("{HEADER}{lines}"));
    let short = |event: &Event| match event.kind() {
        Kind::Execute => {
            format!(
                "Execute {} {}",
                event.body::<Execution>().id.0,
                event.body::<Execution>().quantity
            )
        }
        kind => {
            format!("{kind:?} {} {}", event.body::<Order>().id.0, event.body::<Order>().quantity)
        }
    };
    decoded.events[1..].iter().map(short).collect()
}

#[test]
fn a_trade_is_told_by_both_orders_and_counts_once() {
    let rests = "1,1000,0,10,3e-8,created,bid\n2,1001,0,11,9e-8,created,ask\n";
    let comes = "7,1002,0,9,4e-8,created,ask\n";
    let added = ["Add 1 3", "Add 2 9", "Add 7 4"];
    // The younger one came, whichever is told first, and each is rounded for itself.
    let all_of_it = "7,1003,0,9,1e-8,changed,ask\n1,1003,0,10,0,deleted,bid\n";
    assert_eq!(told(&[rests, comes, all_of_it].concat())[3..], ["Execute 1 3", "Reduce 7 3"]);
    assert_eq!(told(&[rests, comes].concat()), added);
    let part = "1,1003,0,10,1e-8,changed,bid\n7,1003,0,9,1e-8,changed,ask\n";
    assert_eq!(told(&[rests, comes, part].concat())[3..], ["Execute 1 2", "Reduce 7 3"]);
    // A market order never rested.
    let market =
        "8,1002,0,0,3e-8,created,ask\n8,1003,0,0,0,deleted,ask\n1,1003,0,10,0,deleted,bid\n";
    assert_eq!(told(&[rests, market].concat())[2..], ["Add 8 3", "Execute 1 3"]);
    // Of several parts one was not told.
    let other = "1,1003,0,10,0,deleted,bid\n7,1013,0,9,0,deleted,ask\n";
    assert_eq!(told(&[rests, comes, other].concat())[3..], ["Execute 1 3", "Delete 7 0"]);
    // Nothing comes of it in time, or at all: what is told is the trade.
    let late = "1,1003,0,10,0,deleted,bid\n7,7003,0,9,1e-8,changed,ask\n";
    assert_eq!(told(&[rests, comes, late].concat())[3..], ["Execute 1 3", "Execute 7 3"]);
    assert_eq!(told(&[rests, "2,1003,0,11,8e-8,changed,ask\n"].concat())[2..], ["Execute 2 1"]);
    // Taken back, not traded.
    assert_eq!(told(&[rests, "1,1003,0,10,3e-8,deleted,bid\n"].concat())[2..], ["Delete 1 0"]);
}

#[test]
fn the_exchanges_own_words_are_understood() {
    let text = "event,microtimestamp,datetime,order_id,order_type,amount,price,pair\r\n\
         order_created,1700000000123456,1700000000,1,0,2.5,36000,btcusd\r\n\
         order_created,1700000000123457,1700000000,2,1,7,2000.1,ethusd\r\n\
         order_deleted,1700000000123458,1700000000,1,0,2.5,36000,btcusd\r\n";
    check(
        text,
        &expect![[r#"
            Define of btcusd at 1700000000123456000 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 8, quantity_scale: 8, venue_tag: [203, 84, 230, 10], tag: [64, 198, 38, 120, 158, 128, 132, 53] }
            Add of btcusd at 1700000000123456000 {"buy"} Order { id: OrderId(1), price: Some(Price(3600000000000)), quantity: Quantity(250000000), participant: 0, attributes: Attributes(0) }
            Define of ethusd at 1700000000123457000 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 8, quantity_scale: 8, venue_tag: [203, 84, 230, 10], tag: [36, 130, 22, 246, 160, 198, 158, 242] }
            Add of ethusd at 1700000000123457000 {"sell"} Order { id: OrderId(2), price: Some(Price(200010000000)), quantity: Quantity(700000000), participant: 0, attributes: Attributes(0) }
            Delete of btcusd at 1700000000123458000 {"buy"} Order { id: OrderId(1), price: None, quantity: Quantity(0), participant: 0, attributes: Attributes(0) }
        "#]],
    );
    let asked = Options { symbols: Some(vec!["ethusd".into()]), ..Options::default() };
    let decoded = decode(&mut Bitstamp::new(&asked), text.as_bytes());
    assert_eq!((decoded.events.len(), decoded.tally.messages), (2, 3));
}

#[test]
fn numbers_with_an_exponent_are_taken_exactly_or_told() {
    let text = "1,1000,0,2.3788e+02,1e-08,created,bid\n\
         2,1001,0,2.5E+3,1.00000001E0,created,ask\n\
         3,1002,0,1e-09,1,created,bid\n\
         4,1003,0,1,5e-9,created,bid\n\
         5,1004,0,1e30,1,created,bid\n\
         6,1005,0,1e,1,created,bid\n\
         7,1006,0,0e0,3e0,created,ask\n";
    let decoded = decoded(&format!("{HEADER}{text}"));
    let faults = [
        (Fault::OutOfRange, 4),
        (Fault::OutOfRange, 5),
        (Fault::OutOfRange, 6),
        (Fault::Malformed, 7),
    ];
    assert_eq!((&decoded.tally.first_faults[..], decoded.tally.gaps), (&faults[..], 4));
    let orders = decoded.events.iter().filter(|event| event.kind() == Kind::Add);
    let orders: Vec<_> = orders.map(Event::body::<Order>).collect();
    let orders: Vec<_> = orders.iter().map(|of| (of.price.get(), of.quantity)).collect();
    let expected = [
        (Some(Price(23_788_000_000)), Quantity(1)),
        (Some(Price(250_000_000_000)), Quantity(100_000_001)),
        (None, Quantity(300_000_000)),
    ];
    assert_eq!(orders, expected);
}

#[test]
fn what_is_wrong_is_told_and_the_next_line_is_read() {
    let text = "1,1000,0,10,1,created,bid\n\
         2,1000,0,10,0,created,bid\n\
         3,1001,0,10,1,moved,bid\n\
         4,1001,0,10,1,created,up\n\
         5,1001,0,10.000000001,1,created,bid\n\
         6,1001,0,10,-1,created,bid\n\
         7,soon,0,10,1,created,bid\n\
         8,1001\n\
         1,999,0,10,1,deleted,bid\n";
    let decoded = decoded(&format!("{HEADER}{text}"));
    assert_eq!((decoded.tally.messages, decoded.tally.gaps), (9, 6));
    assert_eq!(decoded.events.len(), 1 + 2 + 6, "the definition, two orders' lines, six gaps");
    let faults = [
        (Fault::OutOfRange, 3),
        (Fault::Malformed, 4),
        (Fault::Malformed, 5),
        (Fault::OutOfRange, 6),
        (Fault::OutOfRange, 7),
        (Fault::Malformed, 8),
        (Fault::Malformed, 9),
        (Fault::TimeBackwards, 10),
    ];
    assert_eq!(decoded.tally.first_faults, faults);
}

#[test]
fn strict_reading_says_where_and_what() {
    let strict = Options { strict: true, ..Options::default() };
    let error = |line: &str| {
        let text = format!("{HEADER}{line}\n");
        decode(&mut Bitstamp::new(&strict), text.as_bytes()).error.unwrap().to_string()
    };
    expect!["line 2 (byte 62): an order is created without volume"]
        .assert_eq(&error("2,1000,0,10,0,created,bid"));
    expect![[r#"line 2 (byte 62): the id is not a whole number in "x,1000,0,10,1,created,bid""#]]
        .assert_eq(&error("x,1000,0,10,1,created,bid"));
}

#[test]
fn a_header_that_lacks_something_is_refused() {
    let error = |header: &str| decoded(&format!("{header}\n")).error.unwrap().to_string();
    expect![[r#"line 1 (byte 0): column "action" is missing in the header "id,timestamp,price,volume,direction""#]].assert_eq(&error("id,timestamp,price,volume,direction"));
    expect![[r#"line 1 (byte 0): both "microtimestamp" and "timestamp" are missing in the header "id,price,volume,action,direction""#]].assert_eq(&error("id,price,volume,action,direction"));
    expect![[r#"line 1 (byte 0): two columns for "id" in the header "id,order_id,timestamp,price,volume,actio"…"#]].assert_eq(&error("id,order_id,timestamp,price,volume,action,direction"));
}

#[test]
fn nobody_else_has_such_a_header() {
    assert!(looks_like(HEADER.as_bytes()));
    for other in ["event_at,subject,venue,kind,order_id,side,price,quantity", "a,b", ""] {
        assert!(!looks_like(other.as_bytes()), "{other}");
    }
}

/// One order's line: id, milliseconds, price and volume in their smallest units, action, direction.
type Line = (u64, u64, u64, u64, &'static str, &'static str);

fn any_line() -> impl Strategy<Value = Line> {
    let action = prop::sample::select(vec!["created", "changed", "deleted"]);
    let side = prop::sample::select(vec!["bid", "ask"]);
    (any::<u64>(), 0..2_000_000_000_000u64, 1..1u64 << 50, 1..1u64 << 50, action, side)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_digit_is_read(rows in prop::collection::vec(any_line(), 1..40)) {
        let decimal = |units: u64| Decimal { units: units as i64, scale: 8 };
        let line = |&(id, at, price, volume, action, side): &Line| {
            format!("{id},{at},0,{},{},{action},{side}\n", decimal(price), decimal(volume))
        };
        let text: String = rows.iter().map(line).collect();
        let decoded = decoded(&format!("{HEADER}{text}"));
        prop_assert_eq!(decoded.events.len(), 1 + rows.len());
        for (event, (id, at, price, volume, action, side)) in decoded.events[1..].iter().zip(rows) {
            let order: Order = event.body();
            prop_assert_eq!((order.id.0, event.event_at.0), (id, at * 1_000_000));
            prop_assert_eq!(event.side() == Some(Side::Buy), side == "bid");
            let told = (order.price.get(), order.quantity);
            match action {
                "deleted" => prop_assert_eq!(event.kind(), Kind::Delete),
                _ => prop_assert_eq!(told, (Some(Price(price as i64)), Quantity(volume))),
            }
        }
    }

    #[test]
    fn the_pieces_do_not_matter(
        rows in prop::collection::vec(any_line(), 1..60),
        damage in prop::collection::vec((0usize..5_000, any::<u8>()), 0..30),
        mut ends in prop::collection::vec(0usize..5_000, 0..30),
    ) {
        let line = |&(id, at, price, volume, action, side): &Line| {
            format!("{id},{at},0,{price},{volume},{action},{side}\n")
        };
        let text: String = rows.iter().map(line).collect();
        let mut bytes = format!("{HEADER}{text}").into_bytes();
        for (at, byte) in damage {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        assert_chunks_do_not_matter(|| Bitstamp::new(&Options::default()), &bytes, &mut ends);
    }
}
