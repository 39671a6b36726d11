//! Which side of the touch gains: order-flow imbalance over the last changes of the touch.
//!
//! **What.** One signal about a subject with a book, `order_flow`, after each change of its touch: what
//! came to the bid less what came to the offer over the last `changes` changes, in the subject's quantity
//! units. A better price counts with all that is displayed at it, a worse one with all that stood before
//! it, the same price with the difference. It takes both sides: where one was empty, the sum begins at 0.
//!
//! **Source.** Cont, Kukanov and Stoikov, "The price impact of order book events" (Journal of Financial
//! Econometrics 12, 2014): over short times the mid moves in proportion to it. The sum is exact, in whole
//! numbers, until it is told.
//!
//! **Parameters.** `changes` (default 50; 1 to 10,000): over how many changes of the touch; `when_stale`
//! (default true): whether to say anything while the book is stale.
//!
//! **Known to mislead.** Quantities that are shown and taken back count with both signs, but not within
//! the same window. Where the feed begins a fresh picture, the sum begins at 0.

use engine_observer::book::recent::RecentTouches;
use engine_observer::event::{Reader, Snapshot, SnapshotError, Writer};
use engine_observer::idea::{Idea, Invalid, within};
use engine_observer::{Interest, Observer, Outbox, Parameters, View};
use serde::Deserialize;

/// The signal; the fields are the parameters.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderFlow {
    /// Over how many changes of the touch. Default 50; 1 to 10,000.
    pub changes: u32,
    /// Whether to say anything while the book is stale. Default true.
    pub when_stale: bool,
}

impl Default for OrderFlow {
    fn default() -> Self {
        Self { changes: 50, when_stale: true }
    }
}

impl Idea for OrderFlow {
    const NAME: &'static str = "order_flow";

    fn validate(&self) -> Result<(), Invalid> {
        within("changes", self.changes, 1..=10_000)
    }
}

/// The last touches, and what came from the first of them to the last.
#[derive(Clone, Debug)]
pub struct Flow {
    touches: RecentTouches,
    sum: i128,
}

impl Observer for OrderFlow {
    type Memory = Flow;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn interest(&self) -> Interest {
        Interest::in_books().when_touch_changes()
    }

    fn parameters(&self, to: &mut Parameters) {
        let Self { changes, when_stale } = self;
        to.set("changes", changes);
        to.set("when_stale", when_stale);
    }

    fn remember(&self) -> Flow {
        let changes = self.changes.clamp(1, 10_000) as usize;
        // So many changes lie between one touch more.
        Flow { touches: RecentTouches::new(changes + 1), sum: 0 }
    }

    #[inline]
    fn look_ahead(&self, flow: &Flow) {
        flow.touches.look_ahead();
    }

    #[inline]
    fn observe(&self, flow: &mut Flow, view: &View<'_>, out: &mut Outbox) {
        let Some(book) = view.book else { return };
        let (touch, before) = (book.touch(), view.change.before());
        // Where the touch became another one unseen, or a picture is being made, nothing came.
        let unseen = flow.touches.last().is_none_or(|last| last.touch != before);
        if unseen || before.both().is_none() || touch.both().is_none() {
            flow.sum = 0;
            flow.touches.clear();
            flow.touches.follow(view.event, view.change, touch);
            return;
        }
        flow.sum += touch.order_flow_imbalance(&before);
        let oldest = flow.touches.follow(view.event, view.change, touch);
        if let Some((oldest, first)) = oldest.zip(flow.touches.first()) {
            flow.sum -= first.touch.order_flow_imbalance(&oldest.touch);
        }
        if self.when_stale || book.stale().is_none() {
            out.signal("order_flow", flow.sum as f64);
        }
    }
}

impl Snapshot for Flow {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.part(&self.touches);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(&mut self.touches)?;
        let pairs = self.touches.iter().zip(self.touches.iter().skip(1));
        let came = pairs.map(|(before, after)| after.touch.order_flow_imbalance(&before.touch));
        self.sum = came.sum();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_observer::check::{Trial, survives_restarts};
    use engine_observer::event::body::{End, Order, Quote};
    use engine_observer::event::{
        Event, Flags, Kind, Nanos, OrderId, Price, Quantity, Side, SubjectId,
    };
    use engine_observer::{Roster, Scope};
    use proptest::prelude::*;

    fn quote(bid: i64, bid_quantity: u64, ask: i64, ask_quantity: u64) -> Event {
        let (bid, ask) = (Price(bid).into(), Price(ask).into());
        let (bid_quantity, ask_quantity) = (Quantity(bid_quantity), Quantity(ask_quantity));
        Event::new(SubjectId(0), Nanos(0), Quote { bid, bid_quantity, ask, ask_quantity })
    }

    fn told(changes: u32, events: Vec<Event>) -> Vec<f64> {
        let idea = OrderFlow { changes, ..OrderFlow::default() };
        let mut trial = Trial::new(&Roster::new().with(idea), Scope::Subject);
        trial.show(events);
        trial.signals("order_flow")
    }

    fn quotes() -> Vec<Event> {
        vec![
            quote(99, 10, 101, 20), // where it begins
            quote(99, 15, 101, 20), // +5
            quote(100, 4, 101, 20), // +4: a better bid
            quote(100, 4, 101, 50), // −30
            quote(99, 8, 102, 7),   // −4 and +50: both prices are worse
            quote(99, 8, 102, 7),   // nothing
            quote(99, 8, 101, 6),   // −6: a better offer
        ]
    }

    #[test]
    fn what_came_is_added_up_over_the_last_changes() {
        assert_eq!(told(50, quotes()), [5.0, 9.0, -21.0, 25.0, 19.0]);
        assert_eq!(told(1, quotes()), [5.0, 4.0, -30.0, 46.0, -6.0]);
        assert_eq!(told(2, quotes()), [5.0, 9.0, -26.0, 16.0, 40.0]);
    }

    #[test]
    fn a_fresh_picture_begins_at_nothing() {
        for subject in [SubjectId(0), SubjectId::EVERY] {
            let clear = Event::new(subject, Nanos(0), End::default()).with_kind(Kind::Clear);
            let mut events = quotes();
            events.splice(3..3, [clear]);
            assert_eq!(told(50, events), [5.0, 9.0, 46.0, 40.0], "{subject}");
        }
    }

    proptest! {
        #[test]
        fn any_flow_survives_restarts(
            flow in prop::collection::vec((0..40_u64, any::<bool>(), 0..6_i64, 1..50_u64), 1..120),
            cuts in prop::collection::vec(any::<usize>(), 0..4),
            changes in 1u32..10,
        ) {
            let event = |(id, enters, price, quantity): (u64, bool, i64, u64)| {
                let order = Order::new(OrderId(id), Price(price), Quantity(quantity));
                let side = if price < 3 { Side::Buy } else { Side::Sell };
                let event = Event::new(SubjectId(0), Nanos(id), order).with_flags(Flags::of(side));
                if enters { event } else { event.with_kind(Kind::Delete) }
            };
            let events: Vec<Event> = flow.into_iter().map(event).collect();
            let idea = OrderFlow { changes, ..OrderFlow::default() };
            survives_restarts(&Roster::new().with(idea), &events, &cuts);
        }
    }
}
