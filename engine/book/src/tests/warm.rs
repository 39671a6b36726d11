//! Books that have seen their busiest hour take no more memory.

use crate::{Books, Bounds, books::Capacities};
use engine_event::body::{Execution, Order, Replacement};
use engine_event::{Event, Flags, Kind, Nanos, OrderId, Price, Quantity, Side, SubjectId};

/// A repeatable sequence of numbers (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A market of some subjects with about `live_max` orders, whose ids are never used again.
struct Market {
    dice: Dice,
    live: Vec<(SubjectId, OrderId)>,
    live_max: usize,
    last: u64,
    ids: fn(u64) -> OrderId,
}

/// Numbered as they come.
fn sequential(n: u64) -> OrderId {
    OrderId(n)
}

/// All over the numbers of 64 bits.
fn scattered(n: u64) -> OrderId {
    OrderId(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

impl Market {
    fn new(live_max: usize, ids: fn(u64) -> OrderId) -> Self {
        Self { dice: Dice(7), live: Vec::new(), live_max, last: 1, ids }
    }

    fn next_id(&mut self) -> OrderId {
        self.last += 1;
        (self.ids)(self.last)
    }

    fn next(&mut self) -> Event {
        let quantity = Quantity(1 + self.dice.below(100));
        if self.live.len() < self.live_max / 2
            || (self.live.len() < self.live_max && self.dice.below(2) == 0)
        {
            return self.add(quantity);
        }
        let at = self.dice.below(self.live.len() as u64) as usize;
        let (subject, id) = self.live[at];
        match self.dice.below(3) {
            0 => {
                let new = self.next_id();
                self.live[at].1 = new;
                let price = Price(self.dice.below(200) as i64);
                let body = Replacement { old: id, new, price, quantity };
                Event::new(subject, Nanos(0), body)
            }
            1 => {
                self.live.swap_remove(at);
                Event::new(subject, Nanos(0), Execution::new(id, None, Quantity(1000)))
            }
            _ => {
                self.live.swap_remove(at);
                Event::new(subject, Nanos(0), Order::gone(id)).with_kind(Kind::Delete)
            }
        }
    }

    fn add(&mut self, quantity: Quantity) -> Event {
        let (subject, id) = (SubjectId(self.dice.below(5) as u32), self.next_id());
        let side = if self.dice.below(2) == 0 { Side::Buy } else { Side::Sell };
        let price = Price(self.dice.below(200) as i64);
        self.live.push((subject, id));
        Event::new(subject, Nanos(0), Order::new(id, price, quantity)).with_flags(Flags::of(side))
    }
}

/// The same memory after `events` more events, of which the first half may still warm the books.
fn check(live_max: usize, ids: fn(u64) -> OrderId, events: u32) {
    let mut books = Books::new(Bounds { orders_max: 1 << 20, subjects_max: 5 });
    let mut market = Market::new(live_max, ids);
    for _ in 0..events / 2 {
        books.apply(&market.next());
    }
    let warm = books.capacities();
    for n in events / 2..events {
        books.apply(&market.next());
        let taken = books.capacities();
        // What deletions leave behind makes a table look smaller than it is, never larger.
        assert!(taken.table <= 2 * taken.table_room + 1, "after {n}");
        // Pages come until the oldest orders live elsewhere: not more than 512 bytes an order.
        assert!(taken.pages <= 16 + (16 + live_max / 32) * 5 / 4, "after {n}");
        let fixed = |of: Capacities| Capacities { table: 0, pages: 0, ..of };
        assert_eq!(fixed(taken), fixed(warm), "after {n}");
    }
    books.assert_consistent();
}

#[test]
fn nothing_grows_once_warm() {
    check(3_000, sequential, 200_000);
    check(3_000, scattered, 200_000);
}

#[test]
fn nothing_grows_once_warm_beyond_what_was_reserved() {
    check(140_000, sequential, 1_200_000);
    check(140_000, scattered, 1_200_000);
}

/// What ARCHITECTURE.md says of memory: for an order that rests 64 bytes in the slab and at most 512 in
/// the index, for a level 32 and its two places in blocks that are at least half full, for a subject
/// what a book takes.
#[test]
fn memory_is_what_it_is_said_to_be() {
    let (live, subjects, levels) = (100_000, 1_000, 20);
    let mut books = Books::new(Bounds { orders_max: 1 << 20, subjects_max: 1_000 });
    for n in 0..live {
        let subject = SubjectId((n % subjects) as u32);
        let price = Price((n / subjects % levels) as i64);
        let order = Order::new(OrderId(n as u64), price, Quantity(1));
        books.apply(&Event::new(subject, Nanos(0), order).with_flags(Flags::of(Side::Buy)));
    }
    assert_eq!(books.orders_live(), live);
    let taken = books.capacities();
    assert_eq!((taken.cells, size_of::<crate::Resting>()), (live, 48));
    assert!(taken.pages * 4096 * 4 <= live * 512, "{} pages", taken.pages);
    let [of_books, of_levels] = books.bytes();
    assert!(of_books <= subjects * 512, "{of_books} bytes of books");
    let blocks = 16 + 32;
    assert_eq!(of_levels, subjects * (levels * 32 + blocks * 16), "32 places, after 16");
}
