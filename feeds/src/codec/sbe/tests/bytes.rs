//! Messages byte by byte: what CME's layout says, laid out by others.
//!
//! The messages of templates 30, 46 and 52 were encoded with the Python package `sbe` 0.4.3 from a public
//! copy of CME's `templates_FixBinary.xml`, version 9. (The package writes the head of the group of orders
//! in 46 without its padding; the five zeros before its last byte were added by hand.) Each is what stands
//! behind the message's size.

use super::{capture, message_of as message};
use crate::Options;
use crate::codec::Mdp3Pcap;
use crate::codec::testing::decode;
use crate::synthetic::mdp3::{incremental, loops};
use expect_test::{Expect, expect};

/// SBE's header: 30 bytes of fields, template 30, schema 1, version 9. Time 8 bytes, group "ES", asset
/// "ES", security 9001 (`29230000`), day 19724, end of event (`80`), halt (`02`) by surveillance (`01`).
const STATUS: &str = "
    1e001e0001000900 15dd845c258ea617 455300000000 455300000000 29230000 0c4d 80 02 01 00";

/// 59 bytes of fields: up to packet 41 (`29`), one report, security 9001, number 7; two times, the day,
/// ready to trade (`11`), three prices that nobody reads. Then three entries of 22 bytes: price, size,
/// orders, level, day and two fields that nobody reads, type.
const SNAPSHOT: &str = "
    3b00340001000900 29000000 01000000 29230000 07000000 15dd845c258ea617 10dd845c258ea617 0c4d 11
    005039278c040000 00409452a3030000 00ba1dd205000000 1600 03
    803232a55d040000 11000000 03000000 01 ffff 00 00 30
    00e518b45d040000 09000000 02000000 01 ffff 00 00 31
    009c3f425b040000 01000000 01000000 01 ffff 00 00 45";

/// 11 bytes of fields: time, last quote and end of event (`84`), two to fill up. Three entries of 32 bytes: price, size,
/// security, number, orders, level, action, type, and 5 bytes to fill up. No orders of 24 bytes.
const CHANGES: &str = "
    0b002e0001000900 fde0845c258ea617 84 0000 2000 03
    00804b965d040000 19000000 29230000 08000000 04000000 02 00 30 0000000000
    00e518b45d040000 05000000 29230000 09000000 01000000 01 01 31 0000000000
    803232a55d040000 11000000 29230000 0a000000 03000000 01 02 30 0000000000
    1800 0000000000 00";

#[track_caller]
fn check(packets: &[(std::net::SocketAddr, u32, &[u8])], expected: &Expect) {
    let decoded = decode(&mut Mdp3Pcap::new(&Options::default()), &capture(packets));
    let faults: Vec<String> =
        decoded.tally.faults.iter().map(|(fault, count)| format!("{count} {fault}")).collect();
    let lines = format!(
        "{}{} messages, {} unknown, {} gaps, faults: {}\n",
        decoded.lines(),
        decoded.tally.messages,
        decoded.tally.unknown,
        decoded.tally.gaps,
        faults.join(", ")
    );
    expected.assert_eq(&lines);
}

#[test]
fn a_snapshot_and_the_changes_after_it() {
    let (snapshot, changes, status) = (message(SNAPSHOT), message(CHANGES), message(STATUS));
    let both = [changes, status].concat();
    check(
        &[(loops(22), 1, &snapshot), (incremental(0), 1, &both)],
        &expect![[r#"
            Define of 9001 at 999500 {} Definition { tick: Price(0), lot: Quantity(1), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [180, 204, 233, 88], tag: [80, 42, 13, 228, 41, 49, 62, 109] }
            Status of 9001 at 999500 {} Status { phase: 3, code: [49, 55, 0, 0, 0, 0, 0], price: None }
            Clear of 9001 at 999500 {"snapshot"} End { reserved: [0, 0, 0, 0] }
            Level of 9001 at 999500 {"snapshot", "buy"} Level { price: Price(4800250000000), quantity: Quantity(17), orders: 3 }
            Level of 9001 at 999500 {"last", "snapshot", "sell"} Level { price: Price(4800500000000), quantity: Quantity(9), orders: 2 }
            Level of 9001 at 1704205800123457789 {"buy"} Level { price: Price(4800000000000), quantity: Quantity(25), orders: 4 }
            Level of 9001 at 1704205800123457789 {"sell"} Level { price: Price(4800500000000), quantity: Quantity(5), orders: 1 }
            Level of 9001 at 1704205800123457789 {"last", "buy"} Level { price: Price(4800250000000), quantity: Quantity(0), orders: 0 }
            Status of 9001 at 1704205800123456789 {"last"} Status { phase: 4, code: [50, 47, 49, 0, 0, 0, 0], price: None }
            3 messages, 0 unknown, 0 gaps, faults: 1 unknown-subject
        "#]],
    );
}

#[test]
fn changes_that_come_before_the_snapshot_are_applied_to_it() {
    let (snapshot, changes) = (message(SNAPSHOT), message(CHANGES));
    check(
        &[(incremental(0), 1, &changes), (loops(22), 1, &snapshot)],
        &expect![[r#"
            Define of 9001 at 1704205800123457789 {} Definition { tick: Price(0), lot: Quantity(1), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [180, 204, 233, 88], tag: [80, 42, 13, 228, 41, 49, 62, 109] }
            Gap of 9001 at 1704205800123457789 {} Gap { first: 1, count: 7, reason: 4 }
            Level of 9001 at 1704205800123457789 {"buy"} Level { price: Price(4800000000000), quantity: Quantity(25), orders: 4 }
            Level of 9001 at 1704205800123457789 {"last", "sell"} Level { price: Price(4800500000000), quantity: Quantity(5), orders: 1 }
            Status of 9001 at 1704205800123457789 {} Status { phase: 3, code: [49, 55, 0, 0, 0, 0, 0], price: None }
            Clear of 9001 at 1704205800123457789 {"snapshot"} End { reserved: [0, 0, 0, 0] }
            Level of 9001 at 1704205800123457789 {"snapshot", "buy"} Level { price: Price(4800000000000), quantity: Quantity(25), orders: 4 }
            Level of 9001 at 1704205800123457789 {"last", "snapshot", "sell"} Level { price: Price(4800500000000), quantity: Quantity(5), orders: 1 }
            2 messages, 0 unknown, 1 gaps, faults: 1 missing, 1 unknown-subject
        "#]],
    );
}

/// 9 bytes of fields: time and end of event (`80`). A group of 2 bytes: channel 310 (`3601`).
const RESET: &str = "0900040001000900 ffe0845c258ea617 80 0200 01 3601";

#[test]
fn a_channel_that_is_reset_has_empty_books_and_counts_them_anew() {
    let (snapshot, changes, reset) = (message(SNAPSHOT), message(CHANGES), message(RESET));
    // A new order at the best bid, number 1, alone.
    let first = CHANGES
        .replace("2000 03", "2000 01")
        .replace("29230000 08000000 04", "29230000 01000000 04");
    let first = first.replace("02 00 30 0000000000", "01 00 30 0000000000 1800 0000000000 00");
    let first = message(first.split_inclusive("1800 0000000000 00").next().unwrap());
    check(
        &[
            (loops(22), 1, &snapshot),
            (incremental(0), 1, &changes),
            (incremental(0), 2, &reset),
            (incremental(0), 3, &first),
        ],
        &expect![[r#"
            Define of 9001 at 999500 {} Definition { tick: Price(0), lot: Quantity(1), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [180, 204, 233, 88], tag: [80, 42, 13, 228, 41, 49, 62, 109] }
            Status of 9001 at 999500 {} Status { phase: 3, code: [49, 55, 0, 0, 0, 0, 0], price: None }
            Clear of 9001 at 999500 {"snapshot"} End { reserved: [0, 0, 0, 0] }
            Level of 9001 at 999500 {"snapshot", "buy"} Level { price: Price(4800250000000), quantity: Quantity(17), orders: 3 }
            Level of 9001 at 999500 {"last", "snapshot", "sell"} Level { price: Price(4800500000000), quantity: Quantity(9), orders: 2 }
            Level of 9001 at 1704205800123457789 {"buy"} Level { price: Price(4800000000000), quantity: Quantity(25), orders: 4 }
            Level of 9001 at 1704205800123457789 {"sell"} Level { price: Price(4800500000000), quantity: Quantity(5), orders: 1 }
            Level of 9001 at 1704205800123457789 {"last", "buy"} Level { price: Price(4800250000000), quantity: Quantity(0), orders: 0 }
            Clear of 9001 at 1704205800123457791 {"last"} End { reserved: [0, 0, 0, 0] }
            Level of 9001 at 1704205800123457789 {"last", "buy"} Level { price: Price(4800000000000), quantity: Quantity(25), orders: 4 }
            4 messages, 0 unknown, 0 gaps, faults: 1 unknown-subject
        "#]],
    );
}

#[test]
fn a_number_that_no_venue_gives_makes_a_book_uncertain() {
    let changes = message(&CHANGES.replace("29230000 08000000", "29230000 00000000"));
    let decoded =
        decode(&mut Mdp3Pcap::new(&Options::default()), &capture(&[(incremental(0), 1, &changes)]));
    assert_eq!((decoded.error, decoded.tally.gaps), (None, 2));
}

#[test]
fn a_newer_sender_s_longer_blocks_are_stepped_over() {
    // Fields of 15 and entries of 34 bytes, and something behind the last group.
    let hex = CHANGES
        .replace("0b002e00", "0f002e00")
        .replace(" 84 0000 2000 ", " 84 0000aabbccdd 2200 ")
        .replace("30 0000000000", "30 0000000000eeff")
        .replace("31 0000000000", "31 0000000000eeff");
    let (snapshot, changes) = (message(SNAPSHOT), message(&(hex + "0102030405")));
    let longer = capture(&[(loops(22), 1, &snapshot), (incremental(0), 1, &changes)]);
    let usual = capture(&[(loops(22), 1, &snapshot), (incremental(0), 1, &message(CHANGES))]);
    let decoded = |bytes: &[u8]| decode(&mut Mdp3Pcap::new(&Options::default()), bytes).lines();
    assert_eq!(decoded(&longer), decoded(&usual));
}

#[test]
fn lengths_that_lie_and_what_nobody_knows() {
    let snapshot = message(SNAPSHOT);
    let more_entries = message(&CHANGES.replace("2000 03", "2000 30"));
    let more_fields = message(&CHANGES.replace("0b002e00", "ff002e00"));
    let mut cut = message(CHANGES);
    cut.truncate(50);
    let unknown = message(&CHANGES.replace("0b002e00", "0b00c800"));
    let odd = message(&CHANGES.replace("02 00 30", "15 00 30"));
    check(
        &[
            (loops(22), 1, &snapshot),
            (incremental(0), 1, &message(CHANGES)),
            (incremental(0), 2, &unknown),
            (incremental(0), 3, &more_entries),
            (incremental(0), 4, &more_fields),
            (incremental(0), 5, &cut),
            (incremental(0), 6, &odd.replace_number()),
        ],
        &expect![[r#"
            Define of 9001 at 999500 {} Definition { tick: Price(0), lot: Quantity(1), venue: VenueId(0), price_scale: 9, quantity_scale: 0, venue_tag: [180, 204, 233, 88], tag: [80, 42, 13, 228, 41, 49, 62, 109] }
            Status of 9001 at 999500 {} Status { phase: 3, code: [49, 55, 0, 0, 0, 0, 0], price: None }
            Clear of 9001 at 999500 {"snapshot"} End { reserved: [0, 0, 0, 0] }
            Level of 9001 at 999500 {"snapshot", "buy"} Level { price: Price(4800250000000), quantity: Quantity(17), orders: 3 }
            Level of 9001 at 999500 {"last", "snapshot", "sell"} Level { price: Price(4800500000000), quantity: Quantity(9), orders: 2 }
            Level of 9001 at 1704205800123457789 {"buy"} Level { price: Price(4800000000000), quantity: Quantity(25), orders: 4 }
            Level of 9001 at 1704205800123457789 {"sell"} Level { price: Price(4800500000000), quantity: Quantity(5), orders: 1 }
            Level of 9001 at 1704205800123457789 {"last", "buy"} Level { price: Price(4800250000000), quantity: Quantity(0), orders: 0 }
            Gap of * at 1704205800123457789 {} Gap { first: 4, count: 1, reason: 3 }
            Gap of * at 1704205800123457789 {} Gap { first: 5, count: 1, reason: 3 }
            Gap of * at 1704205800123457789 {} Gap { first: 6, count: 1, reason: 3 }
            Clear of 9001 at 1704205800123457789 {"snapshot"} End { reserved: [0, 0, 0, 0] }
            Level of 9001 at 1704205800123457789 {"snapshot", "buy"} Level { price: Price(4800000000000), quantity: Quantity(25), orders: 4 }
            Level of 9001 at 1704205800123457789 {"snapshot", "sell"} Level { price: Price(4800500000000), quantity: Quantity(5), orders: 1 }
            Clear of 9001 at 1704205800123457789 {} End { reserved: [0, 0, 0, 0] }
            Gap of 9001 at 1704205800123457789 {} Gap { first: 7, count: 1, reason: 7 }
            Level of 9001 at 1704205800123457789 {"last", "sell"} Level { price: Price(4800500000000), quantity: Quantity(5), orders: 1 }
            6 messages, 1 unknown, 4 gaps, faults: 3 bad-length, 1 out-of-range, 1 unknown-subject
        "#]],
    );
}

trait Numbered {
    /// The same changes with the numbers that come next: 11 to 13.
    fn replace_number(&self) -> Vec<u8>;
}

impl Numbered for Vec<u8> {
    fn replace_number(&self) -> Vec<u8> {
        let mut bytes = self.clone();
        // Behind the size, two headers, and 16 bytes of an entry.
        for entry in 0..3 {
            bytes[10 + 11 + 3 + entry * 32 + 16] += 3;
        }
        bytes
    }
}
