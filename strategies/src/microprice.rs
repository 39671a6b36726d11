//! Where the price is about to go, read off the touch.
//!
//! **What.** Two signals about a subject with a book, each when its value changes while both sides have
//! a quote:
//! - `microprice` = (bid · ask quantity + ask · bid quantity) / (bid quantity + ask quantity), in the
//!   subject's price units: the mid, leaning towards the side that is about to give way;
//! - `queue_imbalance` = (bid quantity − ask quantity) / (bid quantity + ask quantity), from −1 (only
//!   sellers) to 1 (only buyers).
//!
//! **Source.** The weighted mid, the first approximation of Stoikov's micro-price ("The micro-price",
//! Quantitative Finance 18, 2018); the imbalance as in Cont, Kukanov, Stoikov, "The price impact of
//! order book events" (2014), and Gould, Bonart, "Queue imbalance as a one-tick-ahead price predictor"
//! (2016).
//!
//! **Parameters.** `when_stale` (default true): whether to say anything while the book is stale. Captures
//! that begin in the middle of a session (LOBSTER's samples) have books that are stale from the first
//! deletion of an order that entered before them, and yet a true touch nearly always; by default they
//! get signals.
//!
//! **Known to mislead.** On books with a wide spread the lean is larger than any move that follows;
//! quantities that are shown only to lean it (P01) do lean it; in an auction the book may be crossed,
//! and so may the price be.

use engine_observer::event::{Reader, Snapshot, SnapshotError, Writer};
use engine_observer::idea::{Idea, Invalid};
use engine_observer::{Interest, Observer, Outbox, Parameters, View};
use serde::Deserialize;

/// The two signals; the fields are the parameters.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Microprice {
    /// Whether to say anything while the book is stale. Default true.
    pub when_stale: bool,
}

impl Default for Microprice {
    fn default() -> Self {
        Self { when_stale: true }
    }
}

impl Idea for Microprice {
    const NAME: &'static str = "microprice";

    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

/// The value that was last told, for each signal, bit by bit.
#[derive(Clone, Copy, Default, Debug)]
pub struct Told {
    microprice: Option<u64>,
    queue_imbalance: Option<u64>,
}

impl Observer for Microprice {
    type Memory = Told;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn interest(&self) -> Interest {
        Interest::in_books().when_touch_changes()
    }

    fn parameters(&self, to: &mut Parameters) {
        let Self { when_stale } = self;
        to.set("when_stale", when_stale);
    }

    fn remember(&self) -> Told {
        Told::default()
    }

    #[inline]
    fn observe(&self, told: &mut Told, view: &View<'_>, out: &mut Outbox) {
        let Some(book) = view.book else { return };
        if !self.when_stale && book.stale().is_some() {
            return;
        }
        let touch = book.touch();
        let (Some(microprice), Some((bid, ask))) = (touch.microprice(), touch.imbalance()) else {
            return;
        };
        let imbalance = imbalance(bid.0, ask.0);
        if is_news(&mut told.microprice, microprice.to_f64()) {
            out.price("microprice", microprice.to_f64());
        }
        if is_news(&mut told.queue_imbalance, imbalance) {
            out.signal("queue_imbalance", imbalance);
        }
    }
}

/// The difference over the sum, both as the nearest floating-point numbers.
#[inline]
fn imbalance(bid: u64, ask: u64) -> f64 {
    if let (Ok(bid), Ok(ask)) = (u32::try_from(bid), u32::try_from(ask)) {
        return (i64::from(bid) - i64::from(ask)) as f64 / (i64::from(bid) + i64::from(ask)) as f64;
    }
    (i128::from(bid) - i128::from(ask)) as f64 / (u128::from(bid) + u128::from(ask)) as f64
}

/// Whether the value differs from the one that was told last; from now on it is that one.
#[inline]
fn is_news(told: &mut Option<u64>, value: f64) -> bool {
    let bits = Some(value.to_bits());
    std::mem::replace(told, bits) != bits
}

impl Snapshot for Told {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        for bits in [self.microprice, self.queue_imbalance] {
            to.bool(bits.is_some());
            to.u64(bits.unwrap_or(0));
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        for bits in [&mut self.microprice, &mut self.queue_imbalance] {
            let told = from.bool()?;
            *bits = Some(from.u64()?).filter(|_| told);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_observer::check::{Trial, survives_restarts};
    use engine_observer::event::body::{Gap, Level, Order, Quote};
    use engine_observer::event::{
        Event, Fault, Flags, Kind, Nanos, OrderId, Price, Quantity, Side, SubjectId,
    };
    use engine_observer::{Roster, Scope};
    use proptest::prelude::*;

    fn add(id: u64, side: Side, price: i64, quantity: u64) -> Event {
        let order = Order::new(OrderId(id), Price(price), Quantity(quantity));
        Event::new(SubjectId(0), Nanos(id), order).with_flags(Flags::of(side))
    }

    fn gone(id: u64) -> Event {
        Event::new(SubjectId(0), Nanos(id), Order::gone(OrderId(id))).with_kind(Kind::Delete)
    }

    fn check(idea: Microprice, events: Vec<Event>, microprice: &[f64], imbalance: &[f64]) {
        let mut trial = Trial::new(&Roster::new().with(idea), Scope::Subject);
        trial.show(events);
        assert_eq!(trial.signals("microprice"), microprice);
        assert_eq!(trial.signals("queue_imbalance"), imbalance);
    }

    #[test]
    fn the_price_leans_towards_the_thinner_side() {
        let events = vec![add(1, Side::Buy, 99, 30), add(2, Side::Sell, 103, 10)];
        check(Microprice::default(), events, &[102.0], &[0.5]);
    }

    #[test]
    fn a_book_may_be_told_by_level_or_by_touch() {
        let level = |side, price, quantity| {
            let level = Level::new(Price(price), Quantity(quantity), 1);
            Event::new(SubjectId(0), Nanos(1), level).with_flags(Flags::of(side))
        };
        let levels = vec![level(Side::Buy, 99, 30), level(Side::Sell, 103, 10)];
        check(Microprice::default(), levels, &[102.0], &[0.5]);
        let quote = Quote {
            bid: Price(99).into(),
            bid_quantity: Quantity(30),
            ask: Price(103).into(),
            ask_quantity: Quantity(10),
        };
        let quotes = vec![Event::new(SubjectId(0), Nanos(1), quote)];
        check(Microprice::default(), quotes, &[102.0], &[0.5]);
    }

    #[test]
    fn one_side_alone_says_nothing() {
        let events = vec![add(1, Side::Buy, 99, 30), add(2, Side::Buy, 98, 10)];
        check(Microprice::default(), events, &[], &[]);
    }

    #[test]
    fn only_what_differs_is_told() {
        let events = vec![
            add(1, Side::Buy, 99, 10),
            add(2, Side::Sell, 101, 10), // 100, balanced
            add(3, Side::Buy, 98, 50),   // behind the touch: not looked at
            add(4, Side::Buy, 100, 10),  // one tick better: the price moves, the balance stays
            gone(4),                     // and back
            gone(1),                     // the next bid is larger
        ];
        check(Microprice::default(), events, &[100.0, 100.5, 100.0, 100.5], &[0.0, 40.0 / 60.0]);
    }

    #[test]
    fn the_largest_quantities_overflow_nothing() {
        let events =
            vec![add(1, Side::Buy, 99, u64::MAX / 2), add(2, Side::Sell, 101, u64::MAX / 2)];
        check(Microprice::default(), events, &[100.0], &[0.0]);
    }

    #[test]
    fn a_stale_book_is_believed_unless_told_otherwise() {
        let gap = Event::new(SubjectId(0), Nanos(0), Gap::new(1, 1, Fault::Missing));
        let events = vec![gap, add(1, Side::Buy, 99, 30), add(2, Side::Sell, 103, 10)];
        check(Microprice::default(), events.clone(), &[102.0], &[0.5]);
        check(Microprice { when_stale: false }, events, &[], &[]);
    }

    proptest! {
        #[test]
        fn any_flow_survives_restarts(
            flow in prop::collection::vec((0..40_u64, any::<bool>(), 0..6_i64, 1..50_u64), 1..120),
            cuts in prop::collection::vec(any::<usize>(), 0..4),
        ) {
            let event = |(id, enters, price, quantity): (u64, bool, i64, u64)| match enters {
                true if price < 3 => add(id, Side::Buy, price, quantity),
                true => add(id, Side::Sell, price, quantity),
                false => gone(id),
            };
            let events: Vec<Event> = flow.into_iter().map(event).collect();
            survives_restarts(&Roster::new().with(Microprice::default()), &events, &cuts);
        }
    }
}
