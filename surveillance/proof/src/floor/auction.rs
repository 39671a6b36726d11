//! Call auctions of stages: where an auction would clear, and its end.

use super::{Floor, Own};
use engine_book::Resting;
use engine_event::body::Execution;
use engine_event::{Event, Flags, OrderId, Price, Quantity, Side, SubjectId};

impl Floor {
    /// At which price an auction would clear now, and how much would trade: the most that can, then the
    /// least left over, then the lowest such price. Only of displayed orders.
    pub fn indicative(&self, subject: SubjectId) -> Option<(Price, u64)> {
        self.clearing(subject, None)
    }

    /// The same if this order were not there.
    pub fn indicative_without(&self, subject: SubjectId, id: OrderId) -> Option<(Price, u64)> {
        self.clearing(subject, self.own(id))
    }

    fn clearing(&self, subject: SubjectId, without: Option<&Own>) -> Option<(Price, u64)> {
        let book = self.combined.book(subject)?;
        let levels = |side: Side| -> Vec<engine_book::Quote> {
            let mut levels: Vec<_> = book.levels(side).collect();
            if let Some(own) = without.filter(|own| own.side == side) {
                let level = levels.iter_mut().find(|level| level.price == own.price);
                if let Some(level) = level {
                    level.quantity.0 = level.quantity.0.saturating_sub(own.remaining);
                }
            }
            levels
        };
        let (bids, asks) = (levels(Side::Buy), levels(Side::Sell));
        let prices = bids.iter().chain(&asks).map(|level| level.price);
        let traded = |price: Price| {
            let sum = |levels: &[engine_book::Quote], would: &dyn Fn(Price) -> bool| -> u64 {
                let of = levels.iter().filter(|level| would(level.price));
                of.map(|level| level.quantity.0).sum()
            };
            let bought = sum(&bids, &|bid| bid >= price);
            let sold = sum(&asks, &|ask| ask <= price);
            (bought.min(sold), bought.abs_diff(sold))
        };
        let best = prices.map(|price| {
            let (volume, left) = traded(price);
            (volume, std::cmp::Reverse(left), std::cmp::Reverse(price))
        });
        let (volume, _, price) = best.max()?;
        (volume > 0).then_some((price.0, volume))
    }

    /// The auction ends: what can trade at its price does, best price and earliest order first. Each
    /// pair is told twice, once for each order; only the bid's counts as volume.
    pub fn uncross(&mut self, subject: SubjectId) {
        let Some((price, _)) = self.indicative(subject) else { return };
        loop {
            let front = |side: Side| -> Option<Resting> {
                let book = self.combined.book(subject)?;
                let best = book.levels(side).next()?.price;
                book.orders_at(side, best).next().copied()
            };
            let (Some(bid), Some(ask)) = (front(Side::Buy), front(Side::Sell)) else { return };
            if bid.price < price || ask.price > price {
                return;
            }
            let traded = bid.remaining.0.min(ask.remaining.0);
            for (order, other, more) in [(bid, ask, Flags::NONE), (ask, bid, Flags::NON_PRINTABLE)]
            {
                let execution = Execution::new(order.id, price, Quantity(traded))
                    .between(order.participant, other.participant);
                let event = Event::new(subject, self.now, execution);
                self.inject(event.with_flags(Flags::of(order.side) | Flags::CROSS | more));
                self.fill(order.id, traded, price);
            }
        }
    }
}
