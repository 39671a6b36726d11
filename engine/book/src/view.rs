//! A book as observers see it.

use crate::book::{Book, Record, Room};
use crate::level::{self, Level};
use crate::orders::{Queued, Resting};
use crate::{Microprice, Quote, Touch};
use engine_event::body::Phase;
use engine_event::{Definition, Event, Fault, FaultCounts, Nanos, OrderId, Price, Quantity};
use engine_event::{Side, SubjectId};

/// Since when a book may differ from the venue's, and why. It stays so until the book is cleared: by
/// the feed ([`Kind::Clear`](engine_event::Kind::Clear)), which begins a fresh picture, or by
/// [`Books::clear`](crate::Books::clear).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stale {
    /// The first event that gave reason for doubt.
    pub since_seq: u64,
    /// When that was.
    pub since_at: Nanos,
    /// What the reason was.
    pub reason: Fault,
}

impl Stale {
    /// In doubt from this event on.
    pub(crate) fn since(event: &Event, reason: Fault) -> Self {
        Self { since_seq: event.seq, since_at: event.event_at, reason }
    }
}

/// What a book is made of. It is decided by the first order, level or quote that the book takes, and
/// open again once the book is cleared. A feed that tells one subject's book in two ways does not follow
/// its format: what is told in the other way is refused as [`Fault::Malformed`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Form {
    /// Every order in its queue.
    Orders = 1,
    /// What is displayed at each price. No orders are known.
    Levels = 2,
    /// The best bid and the best offer: at most one level a side. No orders are known.
    Touch = 3,
}

/// How far an order is from its turn: what stands before it at its price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// How many orders.
    pub orders_ahead: u32,
    /// Their quantity.
    pub quantity_ahead: Quantity,
}

/// One subject's book, to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct BookView<'a> {
    book: &'a Book,
    record: &'a Record,
    room: &'a Room,
}

impl<'a> BookView<'a> {
    #[inline]
    pub(crate) fn new(book: &'a Book, record: &'a Record, room: &'a Room) -> Self {
        Self { book, record, room }
    }

    /// Whose book it is.
    pub fn subject(&self) -> SubjectId {
        self.record.subject
    }

    /// The best bid and the best offer.
    #[inline]
    pub fn touch(&self) -> Touch {
        self.book.touch()
    }

    /// The bid levels, best first.
    pub fn bids(&self) -> impl Iterator<Item = Quote> + use<'a> {
        self.levels(Side::Buy)
    }

    /// The ask levels, best first.
    pub fn asks(&self) -> impl Iterator<Item = Quote> + use<'a> {
        self.levels(Side::Sell)
    }

    /// One side's levels, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Quote> + use<'a> {
        self.book.levels(self.room, side).rev().map(Level::quote)
    }

    /// How many levels a side has.
    pub fn depth(&self, side: Side) -> usize {
        self.book.depth(self.room, side)
    }

    /// How many levels of a side stand before this price: 0 at the touch and at better prices.
    pub fn depth_of(&self, side: Side, price: Price) -> usize {
        let rank = level::rank(side, price);
        let levels = self.book.levels(self.room, side).rev();
        levels.take_while(|better| level::rank(side, better.price) > rank).count()
    }

    /// One side's levels that are worse than this price, best first.
    #[inline]
    pub fn levels_behind(&self, side: Side, price: Price) -> impl Iterator<Item = Quote> + use<'a> {
        let ladder = self.book.ladder(side);
        let worse = self.room.levels.worse_than(ladder, level::rank(side, price));
        worse.rev().map(Level::quote)
    }

    /// All that is displayed on a side within so many hundredths of a percent of its best price, the
    /// best level itself included; 0 where the side is empty. Walks these levels, which lie side by side.
    pub fn depth_within(&self, side: Side, basis_points: u32) -> u128 {
        let Some(best) = self.touch().of(side) else { return 0 };
        let reach = i128::from(best.price.0).abs() * i128::from(basis_points);
        let away = |level: &Quote| (i128::from(level.price.0) - i128::from(best.price.0)).abs();
        let near = self.levels(side).take_while(|level| away(level) * 10_000 <= reach);
        near.map(|level| u128::from(level.quantity.0)).sum()
    }

    /// What is displayed at a price.
    pub fn level(&self, side: Side, price: Price) -> Option<Quote> {
        self.book.level(self.room, side, price).map(Level::quote)
    }

    /// The displayed orders at a price, in time priority.
    pub fn orders_at(&self, side: Side, price: Price) -> impl Iterator<Item = &'a Resting> + 'a {
        self.queue_at(side, price).into_iter().flatten()
    }

    /// The orders that are known but not displayed, in the order in which they came. They count in no
    /// level and in no touch.
    pub fn hidden(&self) -> impl Iterator<Item = &'a Resting> + 'a {
        self.room.orders.queued(self.record.hidden)
    }

    /// An order, displayed or not.
    pub fn order(&self, id: OrderId) -> Option<&'a Resting> {
        let slot = self.room.orders.find(self.record.subject, id)?;
        Some(self.room.orders.get(slot))
    }

    /// What stands before a displayed order at its price. Walks the orders before it.
    pub fn queue_position(&self, id: OrderId) -> Option<Place> {
        let order = self.order(id).filter(|order| order.is_displayed())?;
        let mut place = Place { orders_ahead: 0, quantity_ahead: Quantity(0) };
        for ahead in self.queue_at(order.side, order.price)?.take_while(|ahead| ahead.id != id) {
            place.orders_ahead += 1;
            place.quantity_ahead.0 += ahead.remaining.0;
        }
        Some(place)
    }

    /// What the book is made of; none before it was fed, and after it was cleared.
    pub fn form(&self) -> Option<Form> {
        self.book.form
    }

    /// What the market is doing.
    pub fn phase(&self) -> Phase {
        self.book.phase
    }

    /// Whether, since when and why the book may differ from the venue's.
    #[inline]
    pub fn stale(&self) -> Option<Stale> {
        if self.book.is_stale { self.record.stale } else { None }
    }

    /// How many orders were taken out because they must have left without a word.
    #[inline]
    pub fn healed(&self) -> u64 {
        if !self.book.is_stale {
            return 0;
        }
        self.record.healing.as_ref().map_or(0, |healing| healing.count)
    }

    /// Which these were, from when there were `seen` of them on: the latest 32 are remembered.
    pub fn healed_since(&self, seen: u64) -> impl Iterator<Item = OrderId> + use<'a> {
        self.record.healing.iter().flat_map(move |healing| healing.since(seen))
    }

    /// The subject's numbers, where they were told.
    pub fn definition(&self) -> Option<&'a Definition> {
        self.record.definition.as_ref()
    }

    /// How often each fault occurred in this book.
    pub fn faults(&self) -> &'a FaultCounts {
        &self.record.faults
    }

    /// Best offer less best bid: see [`Touch::spread`].
    pub fn spread(&self) -> Option<i64> {
        self.touch().spread()
    }

    /// Twice the mid, exactly: see [`Touch::mid2`].
    pub fn mid2(&self) -> Option<i64> {
        self.touch().mid2()
    }

    /// The quantities at the touch, bid first: see [`Touch::imbalance`].
    pub fn imbalance(&self) -> Option<(Quantity, Quantity)> {
        self.touch().imbalance()
    }

    /// The mid weighted by the opposite quantities: see [`Touch::microprice`].
    pub fn microprice(&self) -> Option<Microprice> {
        self.touch().microprice()
    }

    fn queue_at(&self, side: Side, price: Price) -> Option<Queued<'a>> {
        self.book.level(self.room, side, price).map(|level| self.room.orders.queued(level.queue))
    }
}
