//! Databento's samples as events, the same in every version.

use super::*;

fn check(schema: &str, expected: &expect_test::Expect) {
    let [first, others @ ..] = &versions(schema)[..] else { panic!("a sample") };
    expected.assert_eq(first);
    others.iter().for_each(|other| assert_eq!(first, other, "{schema}"));
}

/// The events of each version's sample.
fn versions(schema: &str) -> Vec<String> {
    let first = if schema == "status" { 2 } else { 1 };
    let version = |version| {
        let decoded = strictly(&sample(schema, version));
        assert_eq!(decoded.tally.faults.total(), 0, "{schema}, version {version}");
        decoded.lines()
    };
    (first..=3).map(version).collect()
}

#[test]
fn orders() {
    check(
        "mbo",
        &expect![[r#"
            Define of ESH1 at 1609160400000429831 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [207, 74, 8, 144], tag: [125, 55, 52, 127, 29, 243, 75, 18] }
            Reduce of ESH1 at 1609160400000429831 {"last", "sell"} Order { id: OrderId(647784973705), price: Some(Price(3722750000000)), quantity: Quantity(1), participant: 0, attributes: Attributes(0) }
            Reduce of ESH1 at 1609160400000431665 {"last", "sell"} Order { id: OrderId(647784973631), price: Some(Price(3723000000000)), quantity: Quantity(1), participant: 0, attributes: Attributes(0) }
        "#]],
    );
}

#[test]
fn the_touch() {
    check(
        "mbp-1",
        &expect![[r#"
            Define of ESH1 at 1609160400006001487 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [207, 74, 8, 144], tag: [125, 55, 52, 127, 29, 243, 75, 18] }
            Quote of ESH1 at 1609160400006001487 {"last"} Quote { bid: Some(Price(3720250000000)), bid_quantity: Quantity(24), ask: Some(Price(3720500000000)), ask_quantity: Quantity(11) }
            Quote of ESH1 at 1609160400006146661 {"last"} Quote { bid: Some(Price(3720250000000)), bid_quantity: Quantity(24), ask: Some(Price(3720500000000)), ask_quantity: Quantity(12) }
        "#]],
    );
}

#[test]
fn ten_levels() {
    check(
        "mbp-10",
        &expect![[r#"
            Define of ESH1 at 1609160400000429831 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [207, 74, 8, 144], tag: [125, 55, 52, 127, 29, 243, 75, 18] }
            Level of ESH1 at 1609160400000429831 {"buy"} Level { price: Price(3720250000000), quantity: Quantity(24), orders: 15 }
            Level of ESH1 at 1609160400000429831 {"buy"} Level { price: Price(3720000000000), quantity: Quantity(31), orders: 18 }
            Level of ESH1 at 1609160400000429831 {"buy"} Level { price: Price(3719750000000), quantity: Quantity(32), orders: 23 }
            Level of ESH1 at 1609160400000429831 {"buy"} Level { price: Price(3719500000000), quantity: Quantity(39), orders: 26 }
            Level of ESH1 at 1609160400000429831 {"buy"} Level { price: Price(3719250000000), quantity: Quantity(50), orders: 35 }
            Level of ESH1 at 1609160400000429831 {"buy"} Level { price: Price(3719000000000), quantity: Quantity(42), orders: 28 }
            Level of ESH1 at 1609160400000429831 {"buy"} Level { price: Price(3718750000000), quantity: Quantity(44), orders: 35 }
            Level of ESH1 at 1609160400000429831 {"buy"} Level { price: Price(3718500000000), quantity: Quantity(64), orders: 39 }
            Level of ESH1 at 1609160400000429831 {"buy"} Level { price: Price(3718250000000), quantity: Quantity(53), orders: 32 }
            Level of ESH1 at 1609160400000429831 {"buy"} Level { price: Price(3718000000000), quantity: Quantity(67), orders: 39 }
            Level of ESH1 at 1609160400000429831 {"sell"} Level { price: Price(3720500000000), quantity: Quantity(10), orders: 8 }
            Level of ESH1 at 1609160400000429831 {"sell"} Level { price: Price(3720750000000), quantity: Quantity(34), orders: 24 }
            Level of ESH1 at 1609160400000429831 {"sell"} Level { price: Price(3721000000000), quantity: Quantity(39), orders: 25 }
            Level of ESH1 at 1609160400000429831 {"sell"} Level { price: Price(3721250000000), quantity: Quantity(28), orders: 17 }
            Level of ESH1 at 1609160400000429831 {"sell"} Level { price: Price(3721500000000), quantity: Quantity(33), orders: 19 }
            Level of ESH1 at 1609160400000429831 {"sell"} Level { price: Price(3721750000000), quantity: Quantity(45), orders: 33 }
            Level of ESH1 at 1609160400000429831 {"sell"} Level { price: Price(3722000000000), quantity: Quantity(55), orders: 40 }
            Level of ESH1 at 1609160400000429831 {"sell"} Level { price: Price(3722250000000), quantity: Quantity(59), orders: 38 }
            Level of ESH1 at 1609160400000429831 {"sell"} Level { price: Price(3722500000000), quantity: Quantity(49), orders: 35 }
            Level of ESH1 at 1609160400000429831 {"last", "sell"} Level { price: Price(3722750000000), quantity: Quantity(44), orders: 26 }
            Level of ESH1 at 1609160400000435673 {"last", "buy"} Level { price: Price(3720000000000), quantity: Quantity(30), orders: 17 }
        "#]],
    );
}

#[test]
fn trades() {
    check(
        "trades",
        &expect![[r#"
            Define of ESH1 at 1609160400098821953 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [207, 74, 8, 144], tag: [125, 55, 52, 127, 29, 243, 75, 18] }
            Trade of ESH1 at 1609160400098821953 {"last", "buy"} Print { trade_id: 1170380, price: Some(Price(3720250000000)), quantity: Quantity(5), participant: 0, counterparty: 0 }
            Trade of ESH1 at 1609160400107665963 {"last", "buy"} Print { trade_id: 1170414, price: Some(Price(3720250000000)), quantity: Quantity(21), participant: 0, counterparty: 0 }
        "#]],
    );
}

#[test]
fn definitions() {
    check(
        "definition",
        &expect![[r#"
            Define of MSFT at 1633331241618018154 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [231, 195, 29, 154], tag: [141, 152, 176, 132, 2, 108, 3, 149] }
            Clear of MSFT at 1633417621703109854 {} End { reserved: [0, 0, 0, 0] }
            Define of MSFT at 1633417621703109854 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [231, 195, 29, 154], tag: [141, 152, 176, 132, 2, 108, 3, 149] }
        "#]],
    );
}

#[test]
fn phases() {
    check(
        "status",
        &expect![[r#"
            Define of ESH1 at 1609110000000000000 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [207, 74, 8, 144], tag: [125, 55, 52, 127, 29, 243, 75, 18] }
            Status of ESH1 at 1609110000000000000 {} Status { phase: 3, code: [55, 47, 49, 0, 0, 0, 0], price: None }
            Status of ESH1 at 1609190100000000000 {} Status { phase: 1, code: [49, 47, 49, 0, 0, 0, 0], price: None }
            Status of ESH1 at 1609190970000000000 {} Status { phase: 1, code: [49, 47, 49, 0, 0, 0, 0], price: None }
            Status of ESH1 at 1609191000000000000 {} Status { phase: 1, code: [54, 47, 49, 0, 0, 0, 0], price: None }
        "#]],
    );
}

#[test]
fn auctions() {
    check(
        "imbalance",
        &expect![[r#"
            Define of SPOT at 1633353900633854579 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [231, 195, 29, 154], tag: [127, 218, 60, 99, 69, 211, 95, 139] }
            Auction of SPOT at 1633353900633854579 {} Indication { indicative: None, reference: Some(Price(229430000000)), paired: Quantity(0), imbalance: 2000 }
            Auction of SPOT at 1633353910208114778 {} Indication { indicative: None, reference: Some(Price(229990000000)), paired: Quantity(1719), imbalance: 281 }
        "#]],
    );
}

#[test]
fn statistics() {
    check(
        "statistics",
        &expect![[r#"
            Define of 146945 at 1682269536030443135 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [207, 74, 8, 144], tag: [26, 233, 136, 85, 163, 112, 228, 27] }
            Statistic of 146945 at 1682269536030443135 {} Statistic { price: Some(Price(100000000000)), quantity: -9223372036854775808, about: Nanos(0), code: 7, is_withdrawn: 0 }
            Statistic of 146945 at 1682269536071497081 {} Statistic { price: Some(Price(100000000000)), quantity: -9223372036854775808, about: Nanos(0), code: 5, is_withdrawn: 0 }
        "#]],
    );
}
