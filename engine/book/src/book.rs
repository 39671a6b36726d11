//! One subject's book: two ladders, the hidden orders, and what is known of its state.

use crate::level::Ladder;
use crate::orders::{Orders, Queue, Resting, Slot};
use crate::{Form, Stale, Touch};
use engine_event::body::Phase;
use engine_event::{
    Definition, Event, Fault, FaultCounts, Flags, Price, Quantity, Side, SubjectId,
};

/// A book. Its orders lie in the shard's slab, which its methods are given.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) subject: SubjectId,
    pub(crate) form: Option<Form>,
    pub(crate) phase: Phase,
    pub(crate) crossing: Crossing,
    pub(crate) stale: Option<Stale>,
    /// The best of both ladders, so that nobody has to look there.
    touch: Touch,
    bids: Ladder,
    asks: Ladder,
    /// Orders that are known but not displayed, in the order in which they came.
    pub(crate) hidden: Queue,
    pub(crate) record: Box<Record>,
}

/// The place of an order's level in its ladder, or the one where it would have to be. Hidden orders have
/// none.
pub(crate) type Spot = Result<usize, usize>;

/// What is seldom needed of a book, out of the way of what every event needs.
#[derive(Clone, Default, Debug)]
pub(crate) struct Record {
    pub(crate) definition: Option<Definition>,
    pub(crate) faults: FaultCounts,
}

/// What is known of the sides' standing across each other.
///
/// A venue may publish several events as one group, within which the sides may stand across each other.
/// A subject of which one event ended a group ([`Flags::LAST`]) belongs to a feed that marks groups, and
/// from then on is judged only where one ends. Until then, and in feeds without groups, every event is
/// one of its own.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Crossing {
    /// It was told as a fault: it is not told again before the sides are apart or may cross.
    pub(crate) told: bool,
    /// The feed marks groups.
    pub(crate) is_grouped: bool,
    /// Something entered or changed since the last judgement, so that a crossing may be new.
    pub(crate) may_be_new: bool,
}

impl Book {
    pub(crate) fn new(subject: SubjectId) -> Self {
        Self {
            subject,
            form: None,
            phase: Phase::Unknown,
            crossing: Crossing::default(),
            stale: None,
            touch: Touch::default(),
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            hidden: Queue::EMPTY,
            record: Box::default(),
        }
    }

    pub(crate) fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Reads the book's own lines, to have them at hand. The number means nothing.
    #[inline]
    pub(crate) fn look(&self) -> u64 {
        u64::from(self.hidden.is_empty())
            ^ u64::from(self.touch.bid.is_some())
            ^ u64::from(self.touch.ask.is_some())
    }

    /// The same with the levels at the touch.
    #[inline]
    pub(crate) fn look_deeper(&self) -> u64 {
        self.bids.look() ^ self.asks.look()
    }

    #[inline]
    pub(crate) fn touch(&self) -> Touch {
        self.touch
    }

    /// Looks anew at the best of a side, of which a level at this depth appeared, changed or left.
    #[inline]
    fn refresh(&mut self, side: Side, depth: u32) {
        if depth == 0 {
            let best = self.ladder(side).best();
            match side {
                Side::Buy => self.touch.bid = best,
                Side::Sell => self.touch.ask = best,
            }
        }
    }

    /// Whether an event of this form may change the book.
    pub(crate) fn expect_form(&self, form: Form) -> Result<(), Fault> {
        if self.form.is_none_or(|of| of == form) { Ok(()) } else { Err(Fault::Malformed) }
    }

    /// Sets a level to what was told of it. Returns its depth.
    pub(crate) fn set_level(
        &mut self,
        side: Side,
        price: Price,
        quantity: Quantity,
        orders: u32,
    ) -> u32 {
        let depth = self.ladder_mut(side).set(price, quantity, orders);
        self.refresh(side, depth);
        depth
    }

    /// Takes away a level, if it is there. Returns the depth that it had.
    pub(crate) fn take_level(&mut self, side: Side, price: Price) -> Option<u32> {
        let depth = self.ladder_mut(side).take_away(price)?;
        self.refresh(side, depth);
        Some(depth)
    }

    /// Sets the touch, which is all that there is.
    pub(crate) fn set_touch(
        &mut self,
        bid: Option<(Price, Quantity)>,
        ask: Option<(Price, Quantity)>,
    ) {
        for (side, best) in [(Side::Buy, bid), (Side::Sell, ask)] {
            self.ladder_mut(side).clear();
            if let Some((price, quantity)) = best {
                self.ladder_mut(side).set(price, quantity, 0);
            }
            self.refresh(side, 0);
        }
    }

    /// Where this order would enter its ladder; none if its level's quantity would overflow.
    #[inline]
    pub(crate) fn spot(&self, order: &Resting) -> Option<Spot> {
        if !order.is_displayed() {
            return Some(Err(0));
        }
        let ladder = self.ladder(order.side);
        let spot = ladder.find(order.price);
        let there = spot.map_or(Quantity(0), |at| ladder.levels()[at].quantity);
        there.0.checked_add(order.remaining.0).map(|_| spot)
    }

    /// Whether this order could enter without its level's quantity overflowing, when `leaving`, an order
    /// of the same side, will have left.
    pub(crate) fn has_room_without(&self, leaving: &Resting, order: &Resting) -> bool {
        let level = self.ladder(order.side).get(order.price);
        let Some(level) = level.filter(|_| order.is_displayed()) else { return true };
        let leaves_here = leaving.is_displayed() && leaving.price == level.price;
        let less = if leaves_here { leaving.remaining.0 } else { 0 };
        (level.quantity.0 - less).checked_add(order.remaining.0).is_some()
    }

    /// Puts a stored order behind all others at its price. Returns the depth of its level.
    pub(crate) fn append(&mut self, orders: &mut Orders, slot: Slot) -> Option<u32> {
        let order = orders.get(slot);
        let spot = self.ladder(order.side).find(order.price);
        self.append_at(orders, slot, spot)
    }

    /// The same where its spot is known and the book has not changed since.
    #[inline]
    pub(crate) fn append_at(&mut self, orders: &mut Orders, slot: Slot, spot: Spot) -> Option<u32> {
        let order = *orders.get(slot);
        if !order.is_displayed() {
            orders.append(&mut self.hidden, slot);
            return None;
        }
        let ladder = self.ladder_mut(order.side);
        let at = ladder.place_or_insert(spot, order.price);
        let level = ladder.at(at);
        level.quantity.0 += order.remaining.0;
        level.orders += 1;
        orders.append(&mut level.queue, slot);
        let depth = ladder.depth_of(at);
        self.refresh(order.side, depth);
        Some(depth)
    }

    /// Takes an order out of its level; it stays stored. Returns the depth that its level had.
    pub(crate) fn unlink(&mut self, orders: &mut Orders, slot: Slot) -> Option<u32> {
        let order = *orders.get(slot);
        if !order.is_displayed() {
            orders.unlink(&mut self.hidden, slot);
            return None;
        }
        let (ladder, at) = self.level_of(&order);
        let depth = ladder.depth_of(at);
        let level = ladder.at(at);
        level.quantity.0 -= order.remaining.0;
        level.orders -= 1;
        orders.unlink(&mut level.queue, slot);
        ladder.drop_if_empty(at);
        self.refresh(order.side, depth);
        Some(depth)
    }

    /// Takes an order out altogether. Returns the depth that its level had.
    pub(crate) fn remove(&mut self, orders: &mut Orders, slot: Slot) -> Option<u32> {
        let depth = self.unlink(orders, slot);
        orders.forget(slot);
        depth
    }

    /// Takes less than all off an order, which keeps its place. Returns the depth of its level.
    pub(crate) fn shrink(&mut self, orders: &mut Orders, slot: Slot, by: Quantity) -> Option<u32> {
        let order = *orders.get(slot);
        debug_assert!(by < order.remaining);
        orders.get_mut(slot).remaining.0 -= by.0;
        if !order.is_displayed() {
            return None;
        }
        let (ladder, at) = self.level_of(&order);
        ladder.at(at).quantity.0 -= by.0;
        let depth = ladder.depth_of(at);
        self.refresh(order.side, depth);
        Some(depth)
    }

    fn level_of(&mut self, order: &Resting) -> (&mut Ladder, usize) {
        let ladder = self.ladder_mut(order.side);
        let at = ladder.find(order.price).expect("a displayed order's level is there");
        (ladder, at)
    }

    /// Forgets all that is in the book, and with it what was wrong.
    pub(crate) fn clear(&mut self, orders: &mut Orders) {
        orders.levels -= self.levels_told();
        for side in [Side::Buy, Side::Sell] {
            for level in self.ladder(side).levels() {
                orders.forget_all(level.queue);
            }
            self.ladder_mut(side).clear();
        }
        orders.forget_all(self.hidden);
        self.hidden = Queue::EMPTY;
        self.touch = Touch::default();
        self.form = None;
        (self.crossing.told, self.crossing.may_be_new) = (false, false);
        self.stale = None;
    }

    /// How many levels were told, if levels are what the feed tells. They count like orders towards the
    /// bound, since input makes them grow just as well.
    pub(crate) fn levels_told(&self) -> usize {
        let levels = self.bids.levels().len() + self.asks.levels().len();
        if self.form == Some(Form::Levels) { levels } else { 0 }
    }

    #[cfg(test)]
    pub(crate) fn levels_capacity(&self) -> usize {
        self.bids.capacity() + self.asks.capacity()
    }

    /// The book may differ from the venue's from this event on, if it did not already.
    pub(crate) fn distrust(&mut self, event: &Event, reason: Fault) {
        self.stale.get_or_insert(Stale::since(event, reason));
    }

    /// Notes a fault, which puts the book in doubt.
    #[cold]
    pub(crate) fn blame(&mut self, event: &Event, fault: Fault) {
        self.record.faults.count(fault);
        self.distrust(event, fault);
    }

    /// Judges the book after an event about its subject, if a group ends there. Whether the sides stand
    /// across each other though they may not, which was not told yet.
    ///
    /// Only an order or level that enters or changes can bring that about (`may_be_new`). A book that
    /// comes crossed out of an auction is not told at once: venues announce the phase first, and then
    /// the executions that uncross it.
    #[inline]
    pub(crate) fn newly_crossed(&mut self, event: &Event, may_be_new: bool) -> bool {
        let ends_group = event.flags.has(Flags::LAST);
        self.crossing.is_grouped |= ends_group;
        self.crossing.may_be_new |= may_be_new;
        if self.crossing.is_grouped && !ends_group {
            return false;
        }
        let may_be_new = std::mem::take(&mut self.crossing.may_be_new);
        if !self.crossed_now() {
            return false;
        }
        let new = may_be_new && !self.crossing.told;
        self.crossing.told |= new;
        new
    }

    /// Whether the sides stand across each other though they may not. If not, the next time is told.
    #[inline]
    pub(crate) fn crossed_now(&mut self) -> bool {
        let crossed = self.touch.is_crossed() && !self.phase.may_cross();
        self.crossing.told &= crossed;
        crossed
    }
}
