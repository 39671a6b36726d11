//! Generated sessions, a peer's reading of them, and everything that can be wrong with a frame.

use super::*;
use crate::codec::testing::{Decoded, assert_chunks_do_not_matter, decode};
use crate::synthetic::itch::generate;
use engine_event::body::Print;
use expect_test::{Expect, expect};
use message::*;
use proptest::prelude::*;
use zerocopy::{Immutable, IntoBytes};

/// Messages as a BinaryFILE holds them.
#[derive(Default)]
struct File(Vec<u8>);

impl File {
    // By value: a chain of them reads like the file.
    #[allow(clippy::needless_pass_by_value)]
    fn with<M: IntoBytes + Immutable>(mut self, message: M) -> Self {
        let bytes = message.as_bytes();
        self.0.extend((bytes.len() as u16).to_be_bytes());
        self.0.extend(bytes);
        self
    }

    fn directory(self, locate: u16, stock: &[u8; 8]) -> Self {
        let mut bytes = [0; 39];
        bytes[..11].copy_from_slice(Head::new(b'R', locate, 1).as_bytes());
        bytes[11..19].copy_from_slice(stock);
        self.with(bytes)
    }

    fn decoded(&self) -> Decoded {
        decode(&mut Itch50::new(&Options::default()), &self.0)
    }
}

fn add(locate: u16, time: u64, order: u64) -> AddOrder {
    AddOrder {
        head: Head::new(b'A', locate, time),
        order: order.into(),
        side: b'B',
        shares: 100.into(),
        stock: *b"AAPL    ",
        price: 5_853_300.into(),
    }
}

fn delete(locate: u16, time: u64, order: u64) -> DeleteOrder {
    DeleteOrder { head: Head::new(b'D', locate, time), order: order.into() }
}

fn check(file: &File, expected: &Expect) {
    expected.assert_eq(&file.decoded().lines());
}

#[test]
fn an_order_is_defined_entered_and_deleted() {
    let file = File::default().directory(7, b"AAPL    ").with(add(7, 2, 11));
    check(
        &file.with(delete(7, 3, 11)),
        &expect![[r#"
            Define of AAPL at 1 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [59, 110, 182, 171], tag: [197, 232, 204, 37, 92, 170, 176, 223] }
            Add of AAPL at 2 {"buy"} Order { id: OrderId(11), price: Some(Price(5853300)), quantity: Quantity(100), participant: 0, attributes: Attributes(0) }
            Delete of AAPL at 3 {} Order { id: OrderId(11), price: None, quantity: Quantity(0), participant: 0, attributes: Attributes(0) }
        "#]],
    );
}

#[test]
fn the_rare_messages_become_what_they_mean() {
    let (stock, head) = (*b"AAPL    ", |letter| Head::new(letter, 7, 2));
    let file = File::default()
        .directory(7, b"AAPL    ")
        .with(SystemEvent { head: head(b'S'), code: b'Q' })
        .with(TradingAction { head: head(b'H'), stock, state: b'P', reserved: 0, reason: *b"LUDP" })
        .with(OperationalHalt { head: head(b'h'), stock, market: b'B', action: b'H' })
        .with(AddOrderAttributed {
            head: head(b'F'),
            order: 1.into(),
            side: b'S',
            shares: 5.into(),
            stock,
            price: 10_000.into(),
            attribution: *b"GSCO",
        })
        .with(ExecuteOrderAt {
            head: head(b'C'),
            order: 1.into(),
            shares: 2.into(),
            trade: 8.into(),
            printable: b'N',
            price: 9_900.into(),
        })
        .with(ReplaceOrder {
            head: head(b'U'),
            old: 1.into(),
            new: 2.into(),
            shares: 3.into(),
            price: 10_100.into(),
        })
        .with(Trade {
            head: head(b'P'),
            order: 0.into(),
            side: b'B',
            shares: 9.into(),
            stock,
            price: 10_000.into(),
            trade: 9.into(),
        })
        .with(CrossTrade {
            head: head(b'Q'),
            shares: 0.into(),
            stock,
            price: 0.into(),
            trade: 10.into(),
            cross: b'O',
        })
        .with(BrokenTrade { head: head(b'B'), trade: 9.into() })
        .with(Imbalance {
            head: head(b'I'),
            paired: 700.into(),
            imbalance: 50.into(),
            direction: b'S',
            stock,
            far: 0.into(),
            near: 0.into(),
            reference: 10_000.into(),
            cross: b'C',
            variation: b'L',
        });
    let decoded = file.decoded();
    assert_eq!(decoded.tally.messages, 11);
    assert_eq!(decoded.tally.faults.total(), 0);
    expect![[r#"
        Define of AAPL at 1 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [59, 110, 182, 171], tag: [197, 232, 204, 37, 92, 170, 176, 223] }
        Status of * at 2 {} Status { phase: 3, code: [81, 0, 0, 0, 0, 0, 0], price: None }
        Status of AAPL at 2 {} Status { phase: 4, code: [76, 85, 68, 80, 0, 0, 0], price: None }
        Add of AAPL at 2 {"sell"} Order { id: OrderId(1), price: Some(Price(10000)), quantity: Quantity(5), participant: 1, attributes: Attributes(0) }
        Execute of AAPL at 2 {"non-printable"} Execution { id: OrderId(1), price: Some(Price(9900)), quantity: Quantity(2), participant: 0, counterparty: 0 }
        Replace of AAPL at 2 {} Replacement { old: OrderId(1), new: OrderId(2), price: Price(10100), quantity: Quantity(3) }
        Trade of AAPL at 2 {"buy", "hidden"} Print { trade_id: 9, price: Some(Price(10000)), quantity: Quantity(9), participant: 0, counterparty: 0 }
        Break of AAPL at 2 {} Print { trade_id: 9, price: None, quantity: Quantity(0), participant: 0, counterparty: 0 }
        Auction of AAPL at 2 {} Indication { indicative: None, reference: Some(Price(10000)), paired: Quantity(700), imbalance: -50 }
    "#]].assert_eq(&decoded.lines());
}

#[test]
fn a_capture_that_begins_in_the_middle_of_a_day_is_readable() {
    check(
        &File::default().with(delete(7, 1, 5)).with(add(7, 2, 11)).with(delete(7, 3, 11)),
        &expect![[r#"
            Gap of * at 1 {} Gap { first: 0, count: 1, reason: 8 }
            Define of AAPL at 2 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [59, 110, 182, 171], tag: [197, 232, 204, 37, 92, 170, 176, 223] }
            Gap of AAPL at 2 {} Gap { first: 21, count: 1, reason: 8 }
            Add of AAPL at 2 {"buy"} Order { id: OrderId(11), price: Some(Price(5853300)), quantity: Quantity(100), participant: 0, attributes: Attributes(0) }
            Delete of AAPL at 3 {} Order { id: OrderId(11), price: None, quantity: Quantity(0), participant: 0, attributes: Attributes(0) }
        "#]],
    );
}

#[test]
fn what_is_wrong_is_told_and_the_next_frame_is_read() {
    let file = File::default()
        .directory(7, b"AAPL    ")
        .with([b'A', 0, 7])
        .with([b'z', 1, 2, 3])
        .with(AddOrder { side: b'?', ..add(7, 5, 1) })
        .with(add(7, 4, 2))
        .with(add(7, DAY_NS, 3))
        .with([0u8; 0])
        .with(add(7, 6, 4));
    let decoded = file.decoded();
    assert_eq!((decoded.tally.messages, decoded.tally.unknown), (7, 1));
    assert_eq!(decoded.tally.by_type[usize::from(b'z')], 1);
    expect![[r#"
        Define of AAPL at 1 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [59, 110, 182, 171], tag: [197, 232, 204, 37, 92, 170, 176, 223] }
        Gap of * at 1 {} Gap { first: 41, count: 1, reason: 3 }
        Gap of AAPL at 5 {} Gap { first: 52, count: 1, reason: 7 }
        Add of AAPL at 4 {"buy"} Order { id: OrderId(2), price: Some(Price(5853300)), quantity: Quantity(100), participant: 0, attributes: Attributes(0) }
        Gap of * at 4 {} Gap { first: 128, count: 1, reason: 7 }
        Add of AAPL at 6 {"buy"} Order { id: OrderId(4), price: Some(Price(5853300)), quantity: Quantity(100), participant: 0, attributes: Attributes(0) }
    "#]].assert_eq(&decoded.lines());
}

#[test]
fn strict_reading_ends_at_the_first_fault() {
    let file = File::default().directory(7, b"AAPL    ").with([b'A', 0, 7]).with(add(7, 2, 1));
    let strict = Options { strict: true, ..Options::default() };
    let decoded = decode(&mut Itch50::new(&strict), &file.0);
    let told = decoded.error.unwrap().to_string();
    expect![[r#"byte 41: a message of type "A" has 3 bytes, expected 36"#]].assert_eq(&told);
}

#[test]
fn only_the_wanted_symbols_pass() {
    let mut bytes = Vec::new();
    generate(20_000, 1, 50, &mut bytes).unwrap();
    let wanted = Options { symbols: Some(vec!["AAAB".to_owned()]), ..Options::default() };
    let (some, all) = (decode(&mut Itch50::new(&wanted), &bytes), File(bytes).decoded());
    let of = all.names.find("AAAB").unwrap();
    let expected = all.events.iter().filter(|event| event.subject == of).count();
    assert_eq!(some.names.subjects().count(), 1);
    let every = |event: &&Event| event.subject != SubjectId::EVERY;
    assert_eq!(some.events.iter().filter(every).count(), expected);
    assert_eq!(some.tally, all.tally, "what is kept out was still read");
}

#[test]
fn what_is_about_a_stock_without_room_is_counted_and_nobody_else_s_loss() {
    let file = File::default().directory(1, b"A       ").directory(2, b"B       ");
    let file = file.with(add(2, 2, 1)).with(delete(2, 3, 1)).with(add(1, 4, 2));
    let (mut names, mut events, mut tally) = (Directory::new(1), Vec::new(), Tally::default());
    let mut codec = Itch50::new(&Options::default());
    codec.decode(&file.0, true, &mut names, &mut events, &mut tally).unwrap();
    assert_eq!(tally.faults.of(Fault::DirectoryFull), 3);
    let kinds: Vec<_> = events.iter().map(Event::kind).collect();
    assert_eq!((kinds, tally.gaps), (vec![Kind::Define, Kind::Add], 0));
}

#[test]
fn feeds_that_count_prices_differently_are_not_mixed() {
    let mut names = Directory::new(9);
    names.define("AAPL", Definition::new(Default::default(), 8, 8)).unwrap();
    let file = File::default().directory(1, b"AAPL    ");
    let mut codec = Itch50::new(&Options::default());
    let error = codec
        .decode(&file.0, true, &mut names, &mut Vec::new(), &mut Tally::default())
        .unwrap_err();
    expect![
        "byte 0: AAPL has 4 price and 0 quantity decimals here, but 8 and 8 in an earlier feed"
    ]
    .assert_eq(&error.to_string());
}

#[test]
fn a_file_may_end_anywhere() {
    let file = File::default().directory(7, b"AAPL    ").with(add(7, 2, 11)).with(delete(7, 3, 11));
    let ends = [41, 41 + 38, 41 + 38 + 21];
    for length in 0..=file.0.len() {
        let decoded = File(file.0[..length].to_vec()).decoded();
        let whole = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(decoded.tally.messages, whole as u64, "{length} bytes");
        let clean = length == 0 || ends.contains(&length);
        assert_eq!(decoded.error.is_none(), clean, "{length} bytes");
        assert_eq!(decoded.error.is_some_and(|error| error.is_end), !clean);
    }
    let cut = File(file.0[..50].to_vec()).decoded();
    expect!["byte 41: the file ends within a message of 36 bytes (7 there)"]
        .assert_eq(&cut.error.unwrap().to_string());
}

#[test]
fn a_sink_with_little_room_gets_everything() {
    struct Narrow(Vec<Event>, usize);
    impl Sink for Narrow {
        fn room(&mut self) -> usize {
            self.1
        }
        fn push(&mut self, event: Event) {
            self.1 -= 1;
            self.0.push(event);
        }
    }
    let mut bytes = Vec::new();
    generate(3000, 1, 50, &mut bytes).unwrap();
    let (mut names, mut tally) = (Directory::new(100), Tally::default());
    let mut codec = Itch50::new(&Options::default());
    let (mut narrow, mut from) = (Narrow(Vec::new(), 0), 0);
    while from < bytes.len() {
        narrow.1 = EVENTS_PER_MESSAGE_MAX + 1;
        let rest = &bytes[from..];
        from += codec.decode(rest, true, &mut names, &mut narrow, &mut tally).unwrap();
    }
    assert_eq!(narrow.0, File(bytes).decoded().events);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_pieces_do_not_matter(seed in 0u64..100, mut ends in prop::collection::vec(0usize..20_000, 0..50)) {
        let mut bytes = Vec::new();
        generate(500, seed, 9, &mut bytes).unwrap();
        assert_chunks_do_not_matter(|| Itch50::new(&Options::default()), &bytes, &mut ends);
    }

    #[test]
    fn damage_is_survived(
        damage in prop::collection::vec((0usize..20_000, any::<u8>()), 1..200),
        mut ends in prop::collection::vec(0usize..20_000, 0..9),
    ) {
        let mut bytes = Vec::new();
        generate(500, 1, 9, &mut bytes).unwrap();
        for (at, byte) in damage {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        assert_chunks_do_not_matter(|| Itch50::new(&Options::default()), &bytes, &mut ends);
    }
}

mod oracle {
    //! The public parser `itch5` as a second opinion on every book message.

    use super::*;
    use itch5::messages as theirs;
    use itch5::{MessageHandler, Parser};
    use std::ops::ControlFlow;

    type Told = (char, u16, u64, [u64; 5]);

    #[derive(Default)]
    struct Second(Vec<Told>);

    impl Second {
        fn tell(&mut self, told: Told) -> ControlFlow<()> {
            self.0.push(told);
            ControlFlow::Continue(())
        }
    }

    macro_rules! tell {
        ($($on:ident($message:ident, $letter:literal) => [$($value:expr),*];)*) => {
            impl MessageHandler for Second {
                $(fn $on(&mut self, m: &theirs::$message) -> ControlFlow<()> {
                    let values: &[&dyn Fn(&theirs::$message) -> u64] = &[$(&$value),*];
                    let mut told = [0; 5];
                    told.iter_mut().zip(values).for_each(|(into, of)| *into = of(m));
                    self.tell(($letter, m.stock_locate(), m.timestamp().to_u64(), told))
                })*
            }
        };
    }

    tell! {
        on_add_order_no_mpid_attribution(AddOrderNoMPIDAttribution, 'A') =>
            [|m| m.order_reference_number(), |m| m.shares().into(), |m| m.price().into_u32().into(),
             |m| side_of(m.buy_sell_indicator())];
        on_add_order_with_mpid_attribution(AddOrderWithMPIDAttribution, 'F') =>
            [|m| m.order_reference_number(), |m| m.shares().into(), |m| m.price().into_u32().into(),
             |m| side_of(m.buy_sell_indicator())];
        on_order_executed(OrderExecuted, 'E') =>
            [|m| m.order_reference_number(), |m| m.executed_shares().into()];
        on_order_executed_with_price(OrderExecutedWithPrice, 'C') =>
            [|m| m.order_reference_number(), |m| m.executed_shares().into(),
             |m| m.execution_price().into_u32().into()];
        on_order_cancel(OrderCancel, 'X') =>
            [|m| m.order_reference_number(), |m| m.cancelled_shares().into()];
        on_order_delete(OrderDelete, 'D') => [|m| m.order_reference_number()];
        on_order_replace(OrderReplace, 'U') =>
            [|m| m.original_order_reference_number(), |m| m.shares().into(),
             |m| m.price().into_u32().into(), |m| m.new_order_reference_number()];
        on_trade(Trade, 'P') =>
            [|m| m.match_number(), |m| m.shares().into(), |m| m.price().into_u32().into()];
    }

    fn side_of(side: impl std::fmt::Debug) -> u64 {
        if format!("{side:?}").starts_with('B') { 4 } else { 8 }
    }

    fn told(event: &Event, letter: char, locate: u16) -> Told {
        let none = MaybePrice::from(Price(0));
        let price = |price: MaybePrice| price.get().or(none.get()).unwrap().0 as u64;
        let values = match letter {
            'A' | 'F' => {
                let order: Order = event.body();
                let side = u64::from((event.flags.0) & 12);
                [order.id.0, order.quantity.0, price(order.price), side, 0]
            }
            'E' | 'C' => {
                let execution: Execution = event.body();
                [execution.id.0, execution.quantity.0, price(execution.price), 0, 0]
            }
            'X' | 'D' => {
                let order: Order = event.body();
                [order.id.0, order.quantity.0, 0, 0, 0]
            }
            'U' => {
                let of: Replacement = event.body();
                [of.old.0, of.quantity.0, of.price.0 as u64, of.new.0, 0]
            }
            _ => {
                let print: Print = event.body();
                [print.trade_id, print.quantity.0, price(print.price), 0, 0]
            }
        };
        (letter, locate, event.event_at.0, values)
    }

    #[test]
    fn a_second_parser_reads_the_same() {
        let mut bytes = Vec::new();
        generate(50_000, 4, 100, &mut bytes).unwrap();
        let mut second = Second::default();
        Parser::new(&bytes[..]).parse_stream(&mut second).unwrap();
        let decoded = File(bytes).decoded();
        let book = |event: &&Event| {
            matches!(
                event.kind(),
                Kind::Add
                    | Kind::Reduce
                    | Kind::Delete
                    | Kind::Replace
                    | Kind::Execute
                    | Kind::Trade
            ) && !event.flags.has(Flags::CROSS)
        };
        let events: Vec<_> = decoded.events.iter().filter(book).collect();
        assert_eq!(events.len(), second.0.len());
        for (event, theirs) in events.into_iter().zip(second.0) {
            // Subjects are numbered in the directory's order, which is that of the locate codes.
            let locate = event.subject.0 as u16 + 1;
            assert_eq!(told(event, theirs.0, locate), theirs);
        }
    }
}
