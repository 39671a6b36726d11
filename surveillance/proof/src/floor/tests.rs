use super::*;
use crate::chance::Chance;
use engine_book::Resting;
use engine_event::body::{Execution, Replacement};
use proptest::prelude::*;
use rustc_hash::FxHashMap;

const ACME: SubjectId = SubjectId(0);
const FIRST: OrderId = OrderId(1_000_000);

/// A valid base flow out of chance: orders that do not cross, executions in the queue's order, and now and
/// then a change, a replacement, a halt.
fn flow(seed: u64, count: usize) -> Vec<Event> {
    let mut chance = Chance::new(seed);
    let mut books = Books::new(Bounds { orders_max: 10_000, subjects_max: 4 });
    let (mut events, mut next) = (Vec::new(), 1u64);
    for step in 0..count {
        let at = Nanos(1_000 + step as u64 * 1_000);
        let side = if chance.happens(0.5) { Side::Buy } else { Side::Sell };
        let far = books.book(ACME).and_then(|book| book.levels(side.opposite()).next());
        let price = |chance: &mut Chance| {
            let off = chance.whole(0..=6) as i64;
            match (side, far) {
                (Side::Buy, far) => Price(far.map_or(1_000, |far| far.price.0) - 1 - off),
                (Side::Sell, far) => Price(far.map_or(1_001, |far| far.price.0) + 1 + off),
            }
        };
        let order = books.book(ACME).and_then(|book| {
            let levels: Vec<_> = book.levels(side).collect();
            let level = levels.get(chance.whole(0..=3) as usize).or(levels.first())?;
            let orders: Vec<Resting> = book.orders_at(side, level.price).copied().collect();
            Some(orders[chance.place(orders.len())])
        });
        let front = books.book(ACME).and_then(|book| {
            let best = book.levels(side).next()?;
            book.orders_at(side, best.price).next().copied()
        });
        let event = match (chance.whole(0..=99), order, front) {
            (0..=19, _, Some(front)) => {
                let traded = chance.whole(1..=front.remaining.0);
                let body = Execution::new(front.id, front.price, Quantity(traded));
                Event::new(ACME, at, body)
            }
            (20..=39, Some(order), _) => {
                Event::new(ACME, at, Order::gone(order.id)).with_kind(Kind::Delete)
            }
            (40..=47, Some(order), _) => {
                let less = chance.whole(1..=order.remaining.0);
                let body = Order::new(order.id, None, Quantity(less));
                Event::new(ACME, at, body).with_kind(Kind::Reduce)
            }
            (48..=55, Some(order), _) => {
                let body = Order::new(order.id, price(&mut chance), Quantity(chance.whole(1..=90)));
                Event::new(ACME, at, body).with_kind(Kind::Modify)
            }
            (56..=61, Some(order), _) => {
                next += 1;
                let (new, price) = (OrderId(next), price(&mut chance));
                let quantity = Quantity(chance.whole(1..=90));
                Event::new(ACME, at, Replacement { old: order.id, new, price, quantity })
            }
            _ => {
                next += 1;
                let quantity = Quantity(chance.whole(1..=90));
                Event::new(ACME, at, Order::new(OrderId(next), price(&mut chance), quantity))
            }
        };
        let event = event.with_flags(Flags::of(side));
        let change = books.apply(&event);
        assert_eq!(change.fault, None, "the base itself is valid: {event:?}");
        events.push(event);
    }
    events
}

/// Somebody does something.
fn act(floor: &mut Floor, chance: &mut Chance, orders: &mut Vec<OrderId>) {
    let side = if chance.happens(0.5) { Side::Buy } else { Side::Sell };
    let mid = floor.book(ACME).and_then(|book| book.mid2()).map_or(1_000, |mid2| mid2 / 2);
    let price = Price(mid + chance.whole(0..=12) as i64 - 6);
    let quantity = chance.whole(1..=200);
    match (chance.whole(0..=9), orders.is_empty()) {
        (0..=1, false) => floor.cancel(orders[chance.place(orders.len())]),
        (2..=3, false) => floor.amend(orders[chance.place(orders.len())], price, quantity),
        _ => {
            let kinds = [
                Attributes::NONE,
                Attributes::NONE,
                Attributes::IOC,
                Attributes::HIDDEN,
                Attributes::SELF_TRADE_PREVENTION,
            ];
            let who = ParticipantId::new(chance.whole(1..=3) as u32).unwrap();
            let attributes = kinds[chance.place(kinds.len())];
            orders.push(floor.enter(
                ACME,
                Entry { who, side, price, quantity, attributes, meets_itself: chance.happens(0.5) },
            ));
        }
    }
}

fn is_crossed(books: &Books) -> bool {
    let Some(book) = books.book(ACME) else { return false };
    book.touch().bid.zip(book.touch().ask).is_some_and(|(bid, ask)| bid.price >= ask.price)
}

fn accounts(given: bool) -> Accounts {
    let some = (10..30).filter_map(ParticipantId::new).collect();
    if given { Accounts::new(7, some) } else { Accounts::told() }
}

/// Weaves random acts into a random flow, and looks after each base event.
fn woven(seed: u64, given: bool, each: f64, mut look: impl FnMut(&Floor)) -> Vec<Event> {
    let mut floor = Floor::new(FIRST, accounts(given));
    let (mut chance, mut orders, mut out) = (Chance::new(seed ^ 9), Vec::new(), Vec::new());
    for event in flow(seed, 400) {
        floor.now = event.event_at;
        while chance.happens(each) {
            act(&mut floor, &mut chance, &mut orders);
        }
        floor.take(&event);
        look(&floor);
        out.append(&mut floor.out);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_combined_tape_has_no_faults_and_never_crosses(seed: u64, given: bool) {
        let mut crossed = false;
        let mut faults = 0;
        let out = woven(seed, given, 0.4, |floor| {
            crossed |= is_crossed(&floor.combined);
            faults = floor.counts.faults;
        });
        prop_assert!(!crossed, "crossed");
        prop_assert_eq!(faults, 0);
        let mut books = Books::new(Bounds::default());
        for event in &out {
            let change = books.apply(event);
            prop_assert_eq!(change.fault, None, "{:?}", event);
            prop_assert!(!is_crossed(&books), "{:?}", event);
        }
    }

    #[test]
    fn without_injected_orders_the_tape_is_the_base(seed: u64) {
        let out = woven(seed, false, 0.0, |_| {});
        let mut expected = Vec::new();
        let mut books = Books::new(Bounds::default());
        for event in flow(seed, 400) {
            if event.kind() == Kind::Replace {
                let body: Replacement = event.body();
                let old = *books.book(ACME).unwrap().order(body.old).unwrap();
                expected.push(gone(ACME, event.event_at, old.id, old.side, None));
                let order = Order::new(body.new, body.price, body.quantity);
                let enters = Event::new(ACME, event.event_at, order);
                expected.push(enters.with_flags(Flags::of(old.side)));
            } else {
                expected.push(event);
            }
            books.apply(&event);
        }
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn everything_that_rests_is_injected_or_rests_in_the_base(seed: u64, given: bool) {
        woven(seed, given, 0.4, |floor| {
            let Some(book) = floor.combined.book(ACME) else { return };
            for side in [Side::Buy, Side::Sell] {
                for level in book.levels(side) {
                    for order in book.orders_at(side, level.price) {
                        let base = floor.base.book(ACME).and_then(|base| base.order(order.id));
                        match floor.own(order.id) {
                            Some(own) => assert_eq!(own.remaining, order.remaining.0),
                            None => assert_eq!(base.unwrap().price, order.price),
                        }
                    }
                }
            }
        });
    }

    #[test]
    fn nobody_trades_with_himself_unawares(seed: u64) {
        let out = woven(seed, true, 0.3, |_| {});
        for event in out.iter().filter(|event| event.kind() == Kind::Execute) {
            let body: Execution = event.body();
            let background = |who: ParticipantId| who.0.get() >= 10;
            let alike = body.participant() == body.counterparty();
            let named = body.participant().zip(body.counterparty());
            prop_assert!(named.is_some(), "{event:?}");
            prop_assert!(!alike || !background(body.participant().unwrap()), "{event:?}");
        }
    }

    /// What injected orders that came first to rest take is never more than what the flow brought: at each
    /// moment of the base, the combined tape trades at most what the base told, or came with.
    #[test]
    fn a_passive_order_fills_only_from_the_flow(seed: u64) {
        let mut floor = Floor::new(FIRST, Accounts::told());
        let (mut chance, mut resting) = (Chance::new(seed ^ 5), FxHashMap::default());
        for event in flow(seed, 400) {
            floor.now = event.event_at;
            if chance.happens(0.3) {
                // Only such as rest: at the touch or behind it.
                let side = if chance.happens(0.5) { Side::Buy } else { Side::Sell };
                let best = floor.book(ACME).and_then(|book| book.levels(side).next());
                if let Some(best) = best {
                    let who = ParticipantId::new(1).unwrap();
                    let (price, attributes) = (best.price, Attributes::NONE);
                    let meets_itself = false;
                    let entry = Entry { who, side, price, quantity: 50, attributes, meets_itself };
                    resting.insert(floor.enter(ACME, entry), 0);
                }
            }
            floor.take(&event);
            let came = match event.kind() {
                Kind::Execute => event.body::<Execution>().quantity.0,
                Kind::Add | Kind::Modify => event.body::<Order>().quantity.0,
                Kind::Replace => event.body::<Replacement>().quantity.0,
                _ => 0,
            };
            let mut filled = 0;
            for (id, before) in &mut resting {
                let now = floor.own(*id).unwrap().filled;
                filled += now - *before;
                *before = now;
            }
            prop_assert!(filled <= came, "{filled} of {came}: {event:?}");
        }
    }
}

fn order(id: u64, price: i64, quantity: u64) -> Event {
    Event::new(ACME, Nanos(1), Order::new(OrderId(id), Price(price), Quantity(quantity)))
}

#[test]
fn an_order_in_front_takes_what_the_flow_brings_first() {
    let mut floor = Floor::new(FIRST, Accounts::told());
    let bid = Flags::of(Side::Buy);
    floor.take(&order(1, 100, 30).with_flags(bid));
    floor.take(&order(2, 105, 30).with_flags(Flags::of(Side::Sell)));
    let who = ParticipantId::new(1).unwrap();
    let enter = |floor: &mut Floor, price, quantity| {
        let attributes = Attributes::NONE;
        let price = Price(price);
        let meets_itself = false;
        floor.enter(ACME, Entry { who, side: Side::Buy, price, quantity, attributes, meets_itself })
    };
    let (before, behind) = (enter(&mut floor, 101, 10), enter(&mut floor, 100, 10));
    let sold = |quantity| {
        Event::new(ACME, Nanos(2), Execution::new(OrderId(1), Price(100), Quantity(quantity)))
            .with_flags(bid)
    };
    floor.take(&sold(8));
    let filled = |floor: &Floor, id| floor.own(id).unwrap().filled;
    assert_eq!((filled(&floor, before), filled(&floor, behind)), (8, 0));
    // Two go to what is left in front, 20 to the base's own order, and then it leaves with 10 of its own.
    floor.take(&sold(22));
    assert_eq!((filled(&floor, before), filled(&floor, behind)), (10, 0));
    let last: Vec<_> = floor.out.iter().rev().take(3).map(Event::kind).collect();
    assert_eq!(last, [Kind::Delete, Kind::Execute, Kind::Execute]);
    let book = floor.book(ACME).unwrap();
    assert_eq!(book.touch().bid.unwrap().quantity, Quantity(10));
}
