//! What the tests of IEX share, and those of its mapping; what IEX prints stands beside.

mod published;

use super::message::LETTERS;
use super::*;
use crate::codec::capture::Writer;
use crate::codec::capture::testing::packets;
use crate::codec::testing::{Decoded, assert_chunks_do_not_matter, decode};
use crate::detect;
use crate::synthetic::capture::{BEGINS, group, iex};
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn session(protocol: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    iex(protocol, &mut bytes).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Decoded {
    decode(&mut IexPcap::new(&Options::default()), bytes)
}

/// A capture of these messages, one a segment; those at the places in `lost` are not in it.
fn capture(messages: &[&[u8]], lost: &[usize]) -> Vec<u8> {
    let mut builder = iextp::Builder::new(iextp::DEEP, 1, 7);
    let mut writer = Writer::new(Vec::new()).unwrap();
    for (place, message) in messages.iter().enumerate() {
        assert!(builder.push(message));
        let segment = builder.take(0);
        if !lost.contains(&place) {
            let at = Nanos(BEGINS.0 + place as u64);
            writer.datagram(at, group(5), group(0), &segment).unwrap();
        }
    }
    writer.into_inner().unwrap()
}

fn check(decoded: &Decoded, expected: &Expect) {
    expected.assert_eq(&decoded.lines().replace(&format!("{}", BEGINS.0 / 1_000_000), "T"));
}

#[test]
fn a_session_of_depth() {
    let decoded = read(&session(iextp::DEEP));
    assert_eq!(decoded.tally.faults.total(), 0, "{:?}", decoded.tally.first_faults);
    let absent: Vec<_> = LETTERS
        .iter()
        .filter(|letter| decoded.tally.by_type[usize::from(**letter)] == 0)
        .map(|letter| char::from(*letter))
        .collect();
    assert_eq!(absent, ['Q'], "a quote is of the other protocol");
    check(
        &decoded,
        &expect![[r#"
            Status of * at T001000 {} Status { phase: 1, code: [79, 0, 0, 0, 0, 0, 0], price: None }
            Define of IEXLX at T002000 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [189, 5, 79, 254], tag: [230, 218, 5, 196, 36, 161, 71, 42] }
            Define of ZVZZT at T003000 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [189, 5, 79, 254], tag: [95, 201, 153, 63, 124, 156, 82, 124] }
            Status of * at T004000 {} Status { phase: 1, code: [83, 0, 0, 0, 0, 0, 0], price: None }
            Status of IEXLX at T005000 {} Status { phase: 3, code: [84, 0, 0, 0, 0, 0, 0], price: None }
            Status of IEXLX at T007000 {} Status { phase: 3, code: [80, 48, 0, 0, 0, 0, 0], price: None }
            Status of ZVZZT at T008000 {} Status { phase: 3, code: [84, 0, 0, 0, 0, 0, 0], price: None }
            Status of ZVZZT at T010000 {} Status { phase: 3, code: [80, 48, 0, 0, 0, 0, 0], price: None }
            Status of * at T012000 {} Status { phase: 3, code: [82, 0, 0, 0, 0, 0, 0], price: None }
            Level of ZVZZT at T013000 {"last", "buy"} Level { price: Price(99900), quantity: Quantity(500), orders: 0 }
            Level of ZVZZT at T014000 {"last", "sell"} Level { price: Price(100100), quantity: Quantity(300), orders: 0 }
            Level of ZVZZT at T015000 {"last", "sell"} Level { price: Price(100200), quantity: Quantity(200), orders: 0 }
            Level of ZVZZT at T016000 {"sell"} Level { price: Price(100100), quantity: Quantity(0), orders: 0 }
            Trade of ZVZZT at T017000 {} Print { trade_id: 1, price: Some(Price(100100)), quantity: Quantity(300), participant: 0, counterparty: 0 }
            Level of ZVZZT at T018000 {"last", "sell"} Level { price: Price(100200), quantity: Quantity(150), orders: 0 }
            Level of ZVZZT at T019000 {"last", "buy"} Level { price: Price(99900), quantity: Quantity(0), orders: 0 }
            Status of ZVZZT at T020000 {} Status { phase: 4, code: [79, 79, 0, 0, 0, 0, 0], price: None }
            Status of ZVZZT at T021000 {} Status { phase: 4, code: [72, 84, 49, 0, 0, 0, 0], price: None }
            Status of ZVZZT at T023000 {} Status { phase: 4, code: [80, 49, 65, 0, 0, 0, 0], price: None }
            Break of ZVZZT at T024000 {} Print { trade_id: 1, price: Some(Price(100100)), quantity: Quantity(30), participant: 0, counterparty: 0 }
            Auction of IEXLX at T025000 {} Indication { indicative: Some(Price(100100)), reference: Some(Price(100000)), paired: Quantity(1000), imbalance: -200 }
            Trade of ZVZZT at T026000 {"cross"} Print { trade_id: 2, price: Some(Price(100100)), quantity: Quantity(1000), participant: 0, counterparty: 0 }
            Auction of IEXLX at T027000 {} Indication { indicative: Some(Price(100100)), reference: None, paired: Quantity(0), imbalance: 0 }
            Status of IEXLX at T028000 {} Status { phase: 5, code: [69, 67, 0, 0, 0, 0, 0], price: None }
            Status of * at T029000 {} Status { phase: 5, code: [77, 0, 0, 0, 0, 0, 0], price: None }
            Status of * at T030000 {} Status { phase: 5, code: [69, 0, 0, 0, 0, 0, 0], price: None }
            Status of * at T031000 {} Status { phase: 5, code: [67, 0, 0, 0, 0, 0, 0], price: None }
        "#]],
    );
}

#[test]
fn a_session_of_quotes() {
    let decoded = read(&session(iextp::TOPS));
    assert_eq!(decoded.tally.faults.total(), 0);
    let quotes = decoded.lines();
    let quotes: String =
        quotes.split_inclusive('\n').filter(|line| line.starts_with("Quote")).collect();
    expect![[r#"
        Quote of ZVZZT at T013000 {"last"} Quote { bid: Some(Price(99900)), bid_quantity: Quantity(500), ask: Some(Price(100100)), ask_quantity: Quantity(300) }
        Quote of ZVZZT at T014000 {"last"} Quote { bid: Some(Price(99900)), bid_quantity: Quantity(500), ask: None, ask_quantity: Quantity(0) }
        Quote of ZVZZT at T015000 {"last"} Quote { bid: None, bid_quantity: Quantity(0), ask: Some(Price(100200)), ask_quantity: Quantity(300) }
    "#]].assert_eq(&quotes.replace(&format!("{}", BEGINS.0 / 1_000_000), "T"));
}

#[test]
fn content_tells_and_stamps_are_kept() {
    let bytes = session(iextp::DEEP);
    assert_eq!(detect(&bytes[..bytes.len().min(4096)]), Some(Format::IexPcap));
    let decoded = read(&bytes);
    assert!(decoded.events.iter().all(|event| event.received_at >= event.event_at));
}

fn level(time: i64, price: i64) -> [u8; 30] {
    let head = Head { kind: b'8', detail: 1, time: time.into(), symbol: *b"ZVZZT   " };
    let level = message::BuyLevel { head, shares: 5.into(), price: price.into() };
    zerocopy::IntoBytes::as_bytes(&level).try_into().unwrap()
}

#[test]
fn what_is_missing_is_a_gap() {
    let decoded =
        read(&capture(&[&level(10, 1), &level(11, 2), &level(12, 3), &level(13, 4)], &[1, 2]));
    assert_eq!((decoded.tally.gaps, decoded.tally.faults.of(Fault::Missing)), (2, 1));
    expect![[r#"
        Define of ZVZZT at 10 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [189, 5, 79, 254], tag: [95, 201, 153, 63, 124, 156, 82, 124] }
        Gap of ZVZZT at 10 {} Gap { first: 1, count: 1, reason: 8 }
        Level of ZVZZT at 10 {"last", "buy"} Level { price: Price(1), quantity: Quantity(5), orders: 0 }
        Gap of * at 10 {} Gap { first: 2, count: 2, reason: 4 }
        Level of ZVZZT at 13 {"last", "buy"} Level { price: Price(4), quantity: Quantity(5), orders: 0 }
    "#]].assert_eq(&decoded.lines());
}

#[test]
fn what_is_wrong_is_told_and_the_next_message_is_read() {
    let good = level(10, 1);
    let mut longer = level(14, 5).to_vec();
    longer.extend(b"new fields");
    let mut nameless = level(11, 1);
    nameless[10..18].fill(0);
    let decoded = read(&capture(
        &[&good, &good[..29], b"", b"?1234", &nameless, &level(-1, 1), &level(12, 0), &longer],
        &[],
    ));
    assert_eq!((decoded.tally.messages, decoded.tally.unknown), (8, 1));
    expect![[r#"
        Define of ZVZZT at 10 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [189, 5, 79, 254], tag: [95, 201, 153, 63, 124, 156, 82, 124] }
        Gap of ZVZZT at 10 {} Gap { first: 1, count: 1, reason: 8 }
        Level of ZVZZT at 10 {"last", "buy"} Level { price: Price(1), quantity: Quantity(5), orders: 0 }
        Gap of * at 10 {} Gap { first: 2, count: 1, reason: 3 }
        Gap of * at 10 {} Gap { first: 3, count: 1, reason: 3 }
        Gap of * at 11 {} Gap { first: 5, count: 1, reason: 7 }
        Gap of * at 11 {} Gap { first: 6, count: 1, reason: 7 }
        Gap of ZVZZT at 12 {} Gap { first: 7, count: 1, reason: 7 }
        Level of ZVZZT at 14 {"last", "buy"} Level { price: Price(5), quantity: Quantity(5), orders: 0 }
    "#]].assert_eq(&decoded.lines());
}

#[test]
fn a_segment_that_was_cut_off_is_a_fault_and_what_it_lacks_a_gap() {
    let bytes = capture(&[&level(10, 1), &level(11, 2), &level(12, 3)], &[]);
    let mut writer = Writer::new(Vec::new()).unwrap();
    for (place, packet) in packets(&bytes).iter().enumerate() {
        let cut = packet.bytes.len() - if place == 1 { 4 } else { 0 };
        writer.frame(packet.at, &packet.bytes[..cut], packet.length).unwrap();
    }
    let decoded = read(&writer.into_inner().unwrap());
    assert_eq!(decoded.tally.first_faults[1..], [(Fault::Truncated, 2), (Fault::Missing, 3)]);
    assert_eq!(decoded.tally.messages, 2);
}

#[test]
fn only_the_wanted_symbols_pass() {
    let wanted = Options { symbols: Some(vec!["IEXLX".to_owned()]), ..Options::default() };
    let decoded = decode(&mut IexPcap::new(&wanted), &session(iextp::DEEP));
    let all = read(&session(iextp::DEEP));
    assert_eq!(decoded.names.subjects().count(), 1);
    assert_eq!(decoded.tally, all.tally, "what is kept out was still read");
}

#[test]
fn a_capture_may_end_anywhere() {
    let bytes = session(iextp::DEEP);
    for length in 0..bytes.len() {
        let cut = read(&bytes[..length]);
        let told = cut.error.map(|error| error.to_string()).unwrap_or_default();
        assert!(told.is_empty() || told.contains("ends within a record"), "{told}");
    }
}

proptest! {
    #[test]
    fn damage_is_survived(
        damage in prop::collection::vec((0usize..4000, any::<u8>()), 1..60),
        mut ends in prop::collection::vec(0usize..4000, 0..9),
    ) {
        let mut bytes = session(iextp::TOPS);
        for (at, byte) in damage {
            let length = bytes.len();
            bytes[60 + at % (length - 60)] = byte;
        }
        assert_chunks_do_not_matter(|| IexPcap::new(&Options::default()), &bytes, &mut ends);
    }
}
