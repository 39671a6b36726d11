//! The books against the plain ones, after every event of any sequence.

use crate::naive::{NaiveBook, NaiveBooks};
use crate::{BookView, Books, Bounds};
use engine_event::body::{
    self, Attributes, Definition, End, Execution, Gap, Order, Phase, Print, Replacement, Status,
};
use engine_event::{Event, Fault, Flags, Kind, MaybePrice, Nanos, OrderId, ParticipantId};
use engine_event::{Price, Quantity, Side, SubjectId, VenueId};
use proptest::collection::vec;
use proptest::prelude::*;

/// Few of everything, so that ids are taken, levels collide and bounds are reached.
pub(crate) const BOUNDS: Bounds = Bounds { orders_max: 20, subjects_max: 3 };

/// How often events tell orders, levels and quotes: sequences of one form mostly, and of all at once.
fn forms() -> impl Strategy<Value = [u32; 3]> {
    prop_oneof![
        6 => Just([20, 0, 0]),
        2 => Just([0, 20, 0]),
        1 => Just([0, 0, 20]),
        2 => Just([20, 10, 5]),
    ]
}

/// Sequence number and time are given later.
fn event(forms: [u32; 3], last: u32) -> impl Strategy<Value = Event> {
    let subject = prop_oneof![
        20 => (0..2u32).prop_map(SubjectId),
        1 => Just(SubjectId(2)),
        1 => (3..5u32).prop_map(SubjectId),
        1 => Just(SubjectId::EVERY),
    ];
    let side = prop_oneof![
        10 => Just(Flags::of(Side::Buy)),
        10 => Just(Flags::of(Side::Sell)),
        1 => Just(Flags::NONE),
    ];
    let mark = prop_oneof![
        20 => Just(Flags::NONE),
        1 => Just(Flags::HIDDEN),
        1 => Just(Flags::NON_PRINTABLE | Flags::SNAPSHOT),
        last => Just(Flags::LAST),
    ];
    (subject, side, mark, about(forms)).prop_map(|(subject, side, mark, mut event)| {
        event.subject = subject;
        event.with_flags(side | mark)
    })
}

fn about([by_order, by_level, by_touch]: [u32; 3]) -> impl Strategy<Value = Event> {
    let new = |body| Event::new(SubjectId(0), Nanos(0), body);
    prop_oneof![
        by_order => by_orders(),
        by_level => (price(), quantity(), 0..3u32).prop_map(|(price, quantity, orders)| {
            let price = price.get().unwrap_or(Price(i64::MIN));
            Event::new(SubjectId(0), Nanos(0), body::Level::new(price, quantity, orders))
        }),
        by_level => price().prop_map(|price| {
            let price = price.get().unwrap_or(Price(0));
            Event::new(SubjectId(0), Nanos(0), body::Level::new(price, Quantity(0), 0))
        }),
        by_touch => (price(), quantity(), price(), quantity()).prop_map(
            |(bid, bid_quantity, ask, ask_quantity)| {
                let quote = body::Quote { bid, bid_quantity, ask, ask_quantity };
                Event::new(SubjectId(0), Nanos(0), quote)
            },
        ),
        1 => (0..6u8).prop_map(|phase| {
            let status = Status::new(Phase::from_number(phase), b"x");
            Event::new(SubjectId(0), Nanos(0), status)
        }),
        1 => beside(),
        1 => Just(new(End::default()).with_kind(Kind::Clear)),
    ]
}

fn by_orders() -> impl Strategy<Value = Event> {
    let id = || (1..16u64).prop_map(OrderId);
    let order = || {
        (id(), price(), quantity(), 0..4u32, attributes()).prop_map(
            |(id, price, quantity, owner, attributes)| {
                let mut order = Order::new(id, price, quantity).owned_by(ParticipantId::new(owner));
                order.attributes = attributes;
                order
            },
        )
    };
    let of = |body: Order, kind| Event::new(SubjectId(0), Nanos(0), body).with_kind(kind);
    prop_oneof![
        14 => order().prop_map(move |body| of(body, Kind::Add)),
        4 => order().prop_map(move |body| of(body, Kind::Modify)),
        4 => order().prop_map(move |body| of(body, Kind::Reduce)),
        3 => order().prop_map(move |body| of(body, Kind::Delete)),
        4 => (id(), id(), price(), quantity()).prop_map(|(old, new, price, quantity)| {
            let price = price.get().unwrap_or(Price(i64::MIN));
            Event::new(SubjectId(0), Nanos(0), Replacement { old, new, price, quantity })
        }),
        5 => (id(), price(), quantity()).prop_map(|(id, price, quantity)| {
            Event::new(SubjectId(0), Nanos(0), Execution::new(id, price.get(), quantity))
        }),
    ]
}

/// Events that leave orders alone.
fn beside() -> impl Strategy<Value = Event> {
    let print = |price: MaybePrice, quantity| Print::new(1, price.get(), quantity);
    prop_oneof![
        (price(), quantity()).prop_map(move |(price, quantity)| {
            Event::new(SubjectId(0), Nanos(0), print(price, quantity))
        }),
        Just(Event::new(SubjectId(0), Nanos(0), print(MaybePrice::NONE, Quantity(0))))
            .prop_map(|event| event.with_kind(Kind::Break)),
        Just(Event::new(SubjectId(0), Nanos(0), Gap::new(1, 1, Fault::Missing))),
        (0..4u8).prop_map(|scale| {
            let definition = Definition::new(VenueId(1), scale, 0);
            Event::new(SubjectId(0), Nanos(0), definition)
        }),
        Just(Event::new(SubjectId(0), Nanos(0), End::default())),
    ]
}

fn price() -> impl Strategy<Value = MaybePrice> {
    prop_oneof![
        30 => (-3..4i64).prop_map(|price| Price(price).into()),
        1 => Just(MaybePrice::NONE),
        1 => prop_oneof![Just((1i64 << 62) - 1), Just(1 << 62), Just(-(1 << 62)), Just(i64::MAX)]
            .prop_map(|price| Price(price).into()),
    ]
}

fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        30 => (1..12u64).prop_map(Quantity),
        1 => Just(Quantity(0)),
        2 => prop_oneof![Just(u64::MAX), Just(u64::MAX - 5), Just(1 << 63)].prop_map(Quantity),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop_oneof![
        10 => Just(Attributes::NONE),
        1 => Just(Attributes::HIDDEN),
        1 => Just(Attributes::IOC),
        1 => Just(Attributes::CLIENT.and(Attributes::ICEBERG)),
    ]
}

/// Any sequence of up to 200 events, in its place and time.
pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    let last = prop_oneof![Just(0u32), Just(1), Just(10)];
    let events = (forms(), last).prop_flat_map(|(forms, last)| vec(event(forms, last), 1..200));
    events.prop_map(|mut events| {
        for (seq, event) in (1..).zip(&mut events) {
            (event.seq, event.event_at) = (seq, Nanos(seq * 10));
        }
        events
    })
}

/// Everything that can be asked of a book; of these orders.
pub(crate) fn assert_same(
    book: BookView<'_>,
    naive: &NaiveBook,
    ids: impl IntoIterator<Item = OrderId>,
) {
    assert_eq!(book.touch(), naive.touch());
    for (side, levels) in
        [(Side::Buy, book.bids().collect::<Vec<_>>()), (Side::Sell, book.asks().collect())]
    {
        assert_eq!(levels, naive.levels(side));
        assert_eq!(book.depth(side), levels.len());
        for basis_points in [0, 3_000, 10_000, u32::MAX] {
            let depth = book.depth_within(side, basis_points);
            assert_eq!(depth, naive.depth_within(side, basis_points));
        }
        for level in levels {
            assert_eq!(book.level(side, level.price), Some(level));
            let queue: Vec<_> = book.orders_at(side, level.price).copied().collect();
            assert_eq!(queue, naive.orders_at(side, level.price));
        }
    }
    assert_eq!(book.hidden().copied().collect::<Vec<_>>(), naive.hidden());
    for id in ids {
        assert_eq!(book.order(id).copied(), naive.order(id));
        assert_eq!(book.queue_position(id), naive.queue_position(id));
    }
    assert_eq!(book.form(), naive.form());
    assert_eq!(book.phase(), naive.phase());
    assert_eq!(book.stale(), naive.stale());
    assert_eq!(book.definition(), naive.definition());
    assert_eq!(book.faults(), naive.faults());
}

proptest! {
    #[test]
    fn books_are_what_the_plain_ones_are(events in events()) {
        let mut books = Books::new(BOUNDS);
        let mut naive = NaiveBooks::new(BOUNDS);
        for (n, event) in events.iter().enumerate() {
            books.look_ahead(&events[n..], n % 16 == 0);
            prop_assert_eq!(books.apply(event), naive.apply(event), "{:?}", event);
            books.assert_consistent();
            prop_assert!(books.subjects().eq(naive.subjects()));
            prop_assert_eq!(books.orders_live(), naive.orders_live());
            prop_assert_eq!(books.faults(), naive.faults());
            for book in books.iter() {
                assert_same(book, naive.book(book.subject()).unwrap(), (0..17).map(OrderId));
            }
        }
    }
}

/// A checker that never finds anything proves nothing.
#[test]
#[should_panic(expected = "left == right")]
fn a_difference_is_found() {
    let mut books = Books::new(BOUNDS);
    let mut naive = NaiveBooks::new(BOUNDS);
    let mut add = super::notation::parse("add 1 B 100 @ 1000");
    books.apply(&add);
    add.event_at = Nanos(1);
    naive.apply(&add);
    let ids = [OrderId(1)];
    assert_same(books.book(SubjectId(0)).unwrap(), naive.book(SubjectId(0)).unwrap(), ids);
}
