//! How much stands near the touch, and on which side there is more of it.
//!
//! **What.** Three signals about a subject with a book, each when its value changes:
//! - `near_bid_depth`, `near_ask_depth`: all that is displayed within `basis_points` of the side's own
//!   best price, in the subject's quantity units; 0 where the side is empty;
//! - `near_depth_imbalance` = (bid − ask) / (bid + ask) of these, from −1 (only sellers) to 1 (only
//!   buyers), while anything stands there.
//!
//! **Source.** Depth near the mid as a measure of liquidity: Biais, Hillion and Spatt, "An empirical
//! analysis of the limit order book and the order flow in the Paris Bourse" (1995). Measured from each
//! side's own best price, so that a wide spread empties no band. Kept up event by event
//! ([`Bands`]), in whole numbers until it is told.
//!
//! **Parameters.** `basis_points` (default 10; 0 to 10,000); `when_stale` (default true): whether to say
//! anything while the book is stale.
//!
//! **Known to mislead.** Quantities that are shown only to lean the balance do lean it (P01); what is
//! hidden or an iceberg's reserve does not count. When the best price moves, the band moves with it, and
//! the depth jumps although nobody entered or left.

use engine_observer::book::bands::{BASIS_POINTS_MAX, Bands};
use engine_observer::event::{Reader, Side, Snapshot, SnapshotError, Writer};
use engine_observer::idea::{Idea, Invalid, within};
use engine_observer::{Interest, Observer, Outbox, Parameters, View};
use serde::Deserialize;

/// The signals; the fields are the parameters.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NearDepth {
    /// How far from each side's best price, in basis points. Default 10; 0 to 10,000.
    pub basis_points: u32,
    /// Whether to say anything while the book is stale. Default true.
    pub when_stale: bool,
}

impl Default for NearDepth {
    fn default() -> Self {
        Self { basis_points: 10, when_stale: true }
    }
}

impl Idea for NearDepth {
    const NAME: &'static str = "near_depth";

    fn validate(&self) -> Result<(), Invalid> {
        within("basis_points", self.basis_points, 0..=BASIS_POINTS_MAX)
    }
}

/// The band, and what was last told of it.
#[derive(Clone, Debug)]
pub struct Near {
    bands: Bands,
    /// Bid and ask; none before anything was told.
    told: Option<[u128; 2]>,
}

impl Observer for NearDepth {
    type Memory = Near;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn interest(&self) -> Interest {
        Interest::in_books()
    }

    fn parameters(&self, to: &mut Parameters) {
        let Self { basis_points, when_stale } = self;
        to.set("basis_points", basis_points);
        to.set("when_stale", when_stale);
    }

    fn remember(&self) -> Near {
        let width = self.basis_points.min(BASIS_POINTS_MAX);
        Near { bands: Bands::new(&[width]).expect("one width within its bounds"), told: None }
    }

    #[inline]
    fn look_ahead(&self, near: &Near) {
        near.bands.look_ahead();
    }

    #[inline]
    fn observe(&self, near: &mut Near, view: &View<'_>, out: &mut Outbox) {
        let Some(book) = view.book else { return };
        near.bands.follow(view.change, &book);
        if !self.when_stale && book.stale().is_some() {
            return;
        }
        let depth = [Side::Buy, Side::Sell].map(|side| near.bands.depth(side, 0).quantity);
        let told = near.told.replace(depth);
        if told == Some(depth) {
            return;
        }
        let [bid, ask] = depth;
        let [bid_told, ask_told] = told.map_or([None; 2], |told| told.map(Some));
        if bid_told != Some(bid) {
            out.signal("near_bid_depth", nearest(bid));
        }
        if ask_told != Some(ask) {
            out.signal("near_ask_depth", nearest(ask));
        }
        if bid + ask > 0 {
            let surplus = if bid >= ask { nearest(bid - ask) } else { -nearest(ask - bid) };
            out.signal("near_depth_imbalance", surplus / nearest(bid + ask));
        }
    }
}

/// The nearest floating-point number: the same in 64 bits, without a call, where those hold it.
#[inline]
fn nearest(quantity: u128) -> f64 {
    i64::try_from(quantity).map_or_else(|_| quantity as f64, |quantity| quantity as f64)
}

/// The band itself is not saved: the book is, and the band follows from it.
impl Snapshot for Near {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.bool(self.told.is_some());
        for depth in self.told.unwrap_or_default() {
            to.u64(depth as u64);
            to.u64((depth >> 64) as u64);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.bands.forget();
        let is_told = from.bool()?;
        let mut depth = || Ok(u128::from(from.u64()?) | u128::from(from.u64()?) << 64);
        let told = [depth()?, depth()?];
        self.told = is_told.then_some(told);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_observer::check::{Trial, survives_restarts};
    use engine_observer::event::body::{End, Gap, Level, Order};
    use engine_observer::event::{
        Event, Fault, Flags, Kind, Nanos, OrderId, Price, Quantity, SubjectId,
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

    fn level(side: Side, price: i64, quantity: u64) -> Event {
        let level = Level::new(Price(price), Quantity(quantity), 0);
        Event::new(SubjectId(1), Nanos(0), level).with_flags(Flags::of(side))
    }

    fn told(idea: NearDepth, events: Vec<Event>) -> [Vec<f64>; 3] {
        let mut trial = Trial::new(&Roster::new().with(idea), Scope::Subject);
        trial.show(events);
        ["near_bid_depth", "near_ask_depth", "near_depth_imbalance"].map(|name| trial.signals(name))
    }

    #[test]
    fn what_stands_within_a_tenth_of_a_percent() {
        let events = vec![
            add(1, Side::Buy, 10_000, 30),
            add(2, Side::Buy, 9_990, 20),  // within: ten basis points
            add(3, Side::Buy, 9_989, 500), // outside
            add(4, Side::Sell, 10_100, 50),
            add(5, Side::Sell, 10_110, 50), // within: 10.1 of it
            gone(1),                        // now the band begins at 9,990
        ];
        let [bid, ask, imbalance] = told(NearDepth::default(), events);
        assert_eq!(bid, [30.0, 50.0, 520.0]);
        assert_eq!(ask, [0.0, 50.0, 100.0]);
        assert_eq!(imbalance, [1.0, 1.0, 0.0, -50.0 / 150.0, 420.0 / 620.0]);
    }

    #[test]
    fn levels_and_beginnings_are_followed() {
        let clear = Event::new(SubjectId::EVERY, Nanos(0), End::default()).with_kind(Kind::Clear);
        let events = vec![
            level(Side::Buy, 10_000, 3),
            level(Side::Buy, 9_995, 4),
            level(Side::Buy, 9_995, 1),
            clear,
            level(Side::Sell, 10_000, 2),
        ];
        let [bid, ask, imbalance] = told(NearDepth::default(), events);
        assert_eq!((bid, ask), (vec![3.0, 7.0, 4.0, 0.0], vec![0.0, 2.0]));
        assert_eq!(imbalance, [1.0, 1.0, 1.0, -1.0]);
    }

    #[test]
    fn a_stale_book_is_believed_unless_told_otherwise() {
        let gap = Event::new(SubjectId(0), Nanos(0), Gap::new(1, 1, Fault::Missing));
        let events = vec![gap, add(1, Side::Buy, 99, 30)];
        assert_eq!(told(NearDepth::default(), events.clone())[0], [30.0]);
        let doubting = NearDepth { when_stale: false, ..NearDepth::default() };
        assert_eq!(told(doubting, events)[0], [0.0; 0]);
    }

    proptest! {
        #[test]
        fn any_flow_survives_restarts(
            flow in prop::collection::vec((0..40_u64, any::<bool>(), 0..60_i64, 1..50_u64), 1..120),
            cuts in prop::collection::vec(any::<usize>(), 0..4),
        ) {
            let event = |(id, enters, price, quantity): (u64, bool, i64, u64)| match enters {
                true if price < 30 => add(id, Side::Buy, 1_000 + price, quantity),
                true => add(id, Side::Sell, 1_000 + price, quantity),
                false => gone(id),
            };
            let events: Vec<Event> = flow.into_iter().map(event).collect();
            let idea = NearDepth { basis_points: 100, ..NearDepth::default() };
            survives_restarts(&Roster::new().with(idea), &events, &cuts);
        }
    }
}
