//! The books against the plain ones once more, for ten million operations: long lives, ids as venues hand
//! them out, books that fill up, empty and begin anew. `cargo xtask soak --only naive` runs all of them,
//! the tests a part.

use super::against_naive::assert_same;
use super::warm::Dice;
use crate::naive::NaiveBooks;
use crate::{Books, Bounds};
use engine_event::body::{
    self, Attributes, Body, Definition, End, Execution, Gap, Order, Phase, Print, Replacement,
    Status,
};
use engine_event::{Event, Fault, Flags, Kind, MaybePrice, Nanos, OrderId, ParticipantId};
use engine_event::{Price, Quantity, Side, SubjectId, VenueId};
use std::collections::BTreeMap;

const SUBJECTS: u32 = 3;
/// So many events are made at a time, by what rests then.
const LOT: usize = 64;

/// How a venue numbers its orders.
#[derive(Clone, Copy)]
enum Ids {
    /// Few, used over and over.
    Few,
    /// One after the other.
    Sequential,
    /// All over the numbers of 64 bits.
    Scattered,
}

/// What the feed tells out of a hundred, besides orders.
#[derive(Clone, Copy)]
struct Tells {
    levels: u64,
    quotes: u64,
}

/// One life of books: a script of events, right and wrong.
struct Script {
    dice: Dice,
    ids: Ids,
    tells: Tells,
    last: u64,
    /// Orders that may rest.
    known: Vec<(SubjectId, OrderId)>,
    orders_max: u32,
}

impl Script {
    fn new(seed: u64) -> (Self, Bounds) {
        let mut dice = Dice::new(seed);
        let ids = [Ids::Few, Ids::Sequential, Ids::Scattered][dice.below(3) as usize];
        let tells = match dice.below(8) {
            0 => Tells { levels: 100, quotes: 0 },
            1 => Tells { levels: 0, quotes: 100 },
            2 => Tells { levels: 30, quotes: 10 },
            _ => Tells { levels: 0, quotes: 0 },
        };
        let orders_max = 8 + dice.below(40) as u32;
        let script = Self { dice, ids, tells, last: 0, known: Vec::new(), orders_max };
        (script, Bounds { orders_max, subjects_max: SUBJECTS })
    }

    fn is(&mut self, out_of: u64) -> bool {
        self.dice.below(out_of) == 0
    }

    /// From now on, what rests is known again.
    fn look(&mut self, books: &Books) {
        self.known.clear();
        for book in books.iter() {
            let levels =
                [Side::Buy, Side::Sell].map(|side| book.levels(side).map(move |of| (side, of)));
            let displayed = levels.into_iter().flatten();
            let displayed = displayed.flat_map(|(side, level)| book.orders_at(side, level.price));
            let ids = displayed.chain(book.hidden()).map(|order| (book.subject(), order.id));
            self.known.extend(ids);
        }
    }

    fn new_order(&mut self, subject: SubjectId) -> OrderId {
        self.last += 1;
        let id = OrderId(match self.ids {
            Ids::Few => 1 + self.dice.below(60),
            Ids::Sequential => self.last,
            Ids::Scattered => self.last.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        });
        self.known.push((subject, id));
        id
    }

    /// Mostly one that rests; `leaves` if it will not for long.
    fn order(&mut self, leaves: bool) -> (SubjectId, OrderId) {
        if self.known.is_empty() || self.is(20) {
            return (self.subject(), OrderId(self.dice.below(60)));
        }
        let at = self.dice.below(self.known.len() as u64) as usize;
        if leaves { self.known.swap_remove(at) } else { self.known[at] }
    }

    fn price(&mut self) -> MaybePrice {
        match self.dice.below(400) {
            0 => MaybePrice::NONE,
            1 => Price(1 << 62).into(),
            2 => Price((1 << 62) - 1).into(),
            3 => Price(-(1 << 62)).into(),
            _ => Price(self.dice.below(16) as i64 - 5).into(),
        }
    }

    fn quantity(&mut self) -> Quantity {
        Quantity(match self.dice.below(100) {
            0 => 0,
            1 => u64::MAX - self.dice.below(3),
            2 => 1 << 63,
            _ => 1 + self.dice.below(30),
        })
    }

    fn subject(&mut self) -> SubjectId {
        match self.dice.below(200) {
            0 => SubjectId(SUBJECTS),
            1 => SubjectId::EVERY,
            n => SubjectId(n as u32 % SUBJECTS),
        }
    }

    fn event(&mut self, seq: u64) -> Event {
        let (subject, body) = self.body();
        let side = if self.is(2) { Side::Buy } else { Side::Sell };
        let mut event = body.with_flags(if self.is(100) { Flags::NONE } else { Flags::of(side) });
        for (flags, out_of) in [(Flags::LAST, 4), (Flags::HIDDEN, 30), (Flags::SNAPSHOT, 30)] {
            if self.is(out_of) {
                event = event.with_flags(flags);
            }
        }
        (event.subject, event.seq, event.event_at) = (subject, seq, Nanos(seq * 3));
        event
    }

    fn body(&mut self) -> (SubjectId, Event) {
        if self.is(40) {
            return (self.subject(), self.beside());
        }
        let told = self.dice.below(100);
        if told < self.tells.levels {
            let price = self.price().get().unwrap_or(Price(i64::MIN));
            let quantity = if self.is(3) { Quantity(0) } else { self.quantity() };
            let level = body::Level::new(price, quantity, self.dice.below(4) as u32);
            return (self.subject(), of(level));
        }
        if told < self.tells.levels + self.tells.quotes {
            let (bid, bid_quantity) = (self.price(), self.quantity());
            let (ask, ask_quantity) = (self.price(), self.quantity());
            return (self.subject(), of(body::Quote { bid, bid_quantity, ask, ask_quantity }));
        }
        self.of_orders()
    }

    fn of_orders(&mut self) -> (SubjectId, Event) {
        // A book that is nearly full would refuse nearly everything that enters.
        let is_full = self.known.len() as u32 + 4 > self.orders_max && !self.is(3);
        let about = |(subject, _), body: Order, kind| (subject, of(body).with_kind(kind));
        match self.dice.below(20) {
            0..8 if !is_full => {
                let subject = self.subject();
                let id = if self.is(25) { self.order(false).1 } else { self.new_order(subject) };
                let mut order = Order::new(id, self.price(), self.quantity());
                order = order.owned_by(ParticipantId::new(self.dice.below(4) as u32));
                order.attributes =
                    Attributes(if self.is(6) { self.dice.below(8) as u16 } else { 0 });
                (subject, of(order))
            }
            8..11 => {
                let known = self.order(false);
                about(known, Order::new(known.1, self.price(), self.quantity()), Kind::Modify)
            }
            11..13 => {
                let known = self.order(false);
                about(known, Order::new(known.1, None, self.quantity()), Kind::Reduce)
            }
            13..16 => {
                let known = self.order(true);
                about(known, Order::gone(known.1), Kind::Delete)
            }
            16 | 17 => {
                let (subject, old) = self.order(true);
                let new = if self.is(4) { old } else { self.new_order(subject) };
                let price = self.price().get().unwrap_or(Price(i64::MIN));
                (subject, of(Replacement { old, new, price, quantity: self.quantity() }))
            }
            _ => {
                let price = if self.is(3) { self.price().get() } else { None };
                let (subject, id) = self.order(false);
                (subject, of(Execution::new(id, price, self.quantity())))
            }
        }
    }

    /// What leaves orders alone, and what makes all of them go.
    fn beside(&mut self) -> Event {
        match self.dice.below(8) {
            0 => of(Gap::new(1, 1, Fault::Missing)),
            1 => of(Definition::new(VenueId(1), 2, 0)),
            2 => of(Print::new(1, self.price().get(), self.quantity())),
            3 => of(Print::new(1, None, Quantity(0))).with_kind(Kind::Break),
            4 => of(End::default()).with_kind(Kind::Clear),
            5 => of(End::default()),
            _ => of(Status::new(Phase::from_number(self.dice.below(6) as u8), b"x")),
        }
    }
}

/// An event whose subject and time are given later.
fn of(body: impl Body) -> Event {
    Event::new(SubjectId(0), Nanos(0), body)
}

/// How often each effect and each fault came about, and how many orders rested on average.
#[derive(Default)]
struct Tally {
    effects: BTreeMap<String, u64>,
    orders: u64,
    operations: u64,
}

/// One life of so many operations. Every observable is compared after every one of them.
fn live(seed: u64, operations: usize, tally: &mut Tally) {
    let (mut script, bounds) = Script::new(seed);
    let (mut books, mut naive) = (Books::new(bounds), NaiveBooks::new(bounds));
    let mut events = Vec::new();
    for n in 0..operations {
        if n % LOT == 0 {
            script.look(&books);
            events = (n..n + LOT).map(|n| script.event(n as u64 + 1)).collect();
        }
        if n % Books::AHEAD == 0 {
            books.look_ahead(&events[n % LOT..], n % LOT == 0);
        }
        let event = &events[n % LOT];
        let (change, plain) = (books.apply(event), naive.apply(event));
        assert_eq!(change, plain, "life {seed}, operation {n}: {event:?}");
        assert!(books.subjects().eq(naive.subjects()), "life {seed}, operation {n}");
        assert_eq!(books.orders_live(), naive.orders_live(), "life {seed}, operation {n}");
        assert_eq!(books.faults(), naive.faults(), "life {seed}, operation {n}");
        let what = change.fault.map_or_else(|| format!("{:?}", change.effect), |of| of.to_string());
        *tally.effects.entry(what).or_default() += 1;
        tally.orders += books.orders_live() as u64;
        let ids = [(); 4].map(|()| script.order(false).1);
        for book in books.iter() {
            let plain = naive.book(book.subject()).expect("both have the same subjects");
            assert_same(book, plain, ids);
        }
        if n % 1000 == 0 {
            books.assert_consistent();
        }
    }
}

fn live_all(lives: u64, life: usize) {
    let operations = lives as usize * life;
    let mut tally = Tally { operations: operations as u64, ..Tally::default() };
    for seed in 0..lives {
        live(seed, life, &mut tally);
    }
    let Tally { effects, orders, operations } = tally;
    eprintln!("{operations} operations, {} orders at a time: {effects:?}", orders / operations);
    // A script in which hardly anything happens would prove little.
    assert!(orders / operations >= 8, "too few orders");
    let seldom: Vec<_> = effects.iter().filter(|(_, count)| **count * 4_000 < operations).collect();
    assert!(seldom.is_empty(), "hardly ever: {seldom:?}");
    assert_eq!(effects.len(), 14 + 9, "every effect, and every fault of books: {effects:?}");
}

#[test]
fn forty_thousand_operations() {
    live_all(40, 1_000);
}

#[test]
#[ignore = "minutes: cargo xtask soak --only naive"]
fn ten_million_operations() {
    live_all(2_000, 5_000);
}
