//! One subject's book: two ladders, the hidden orders, and what is known of its state.

use crate::level::Ladder;
use crate::orders::{Orders, Queue, Resting, Slot};
use crate::{Stale, Touch};
use engine_event::body::Phase;
use engine_event::{Definition, Event, Fault, FaultCounts, Quantity, Side, SubjectId};

/// A book. Its orders lie in the shard's slab, which its methods are given.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) subject: SubjectId,
    pub(crate) phase: Phase,
    /// The sides stand across each other and that was told as a fault: it is not told again before
    /// they are apart or may cross.
    pub(crate) crossing_told: bool,
    pub(crate) stale: Option<Stale>,
    bids: Ladder,
    asks: Ladder,
    /// Orders that are known but not displayed, in the order in which they came.
    pub(crate) hidden: Queue,
    pub(crate) definition: Option<Definition>,
    pub(crate) faults: FaultCounts,
}

impl Book {
    pub(crate) fn new(subject: SubjectId) -> Self {
        Self {
            subject,
            phase: Phase::Unknown,
            crossing_told: false,
            stale: None,
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            hidden: Queue::EMPTY,
            definition: None,
            faults: FaultCounts::default(),
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

    #[inline]
    pub(crate) fn touch(&self) -> Touch {
        Touch { bid: self.bids.best(), ask: self.asks.best() }
    }

    /// Whether this order could enter without its level's quantity overflowing.
    pub(crate) fn has_room(&self, order: &Resting) -> bool {
        self.has_room_without(None, order)
    }

    /// The same for when `leaving`, an order of the same side, will have left.
    pub(crate) fn has_room_without(&self, leaving: Option<&Resting>, order: &Resting) -> bool {
        let level = self.ladder(order.side).get(order.price);
        let Some(level) = level.filter(|_| order.is_displayed()) else { return true };
        let leaves_here = |order: &&Resting| order.is_displayed() && order.price == level.price;
        let less = leaving.filter(leaves_here).map_or(0, |order| order.remaining.0);
        (level.quantity.0 - less).checked_add(order.remaining.0).is_some()
    }

    /// Puts a stored order behind all others at its price. Returns the depth of its level.
    pub(crate) fn append(&mut self, orders: &mut Orders, slot: Slot) -> Option<u32> {
        let order = *orders.get(slot);
        if !order.is_displayed() {
            orders.append(&mut self.hidden, slot);
            return None;
        }
        let ladder = self.ladder_mut(order.side);
        let at = ladder.find_or_insert(order.price);
        let level = ladder.at(at);
        level.quantity.0 += order.remaining.0;
        level.orders += 1;
        orders.append(&mut level.queue, slot);
        Some(ladder.depth_of(at))
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
        Some(ladder.depth_of(at))
    }

    fn level_of(&mut self, order: &Resting) -> (&mut Ladder, usize) {
        let ladder = self.ladder_mut(order.side);
        let at = ladder.find(order.price).expect("a displayed order's level is there");
        (ladder, at)
    }

    /// Forgets all orders, and with them what was wrong.
    pub(crate) fn clear(&mut self, orders: &mut Orders) {
        for side in [Side::Buy, Side::Sell] {
            for level in self.ladder(side).levels() {
                orders.forget_all(level.queue);
            }
            self.ladder_mut(side).clear();
        }
        orders.forget_all(self.hidden);
        self.hidden = Queue::EMPTY;
        self.crossing_told = false;
        self.stale = None;
    }

    #[cfg(test)]
    pub(crate) fn levels_capacity(&self) -> usize {
        self.bids.capacity() + self.asks.capacity()
    }

    /// The book may differ from the venue's from this event on, if it did not already.
    pub(crate) fn distrust(&mut self, event: &Event, reason: Fault) {
        self.stale.get_or_insert(Stale::since(event, reason));
    }

    /// Whether the sides stand across each other though they may not, which was not told yet.
    ///
    /// Only an order that enters or changes can bring that about (`may_be_new`). A book that comes
    /// crossed out of an auction is not told at once: venues announce the phase first, and then the
    /// executions that uncross it.
    pub(crate) fn newly_crossed(&mut self, touch: &Touch, may_be_new: bool) -> bool {
        if !touch.is_crossed() || self.phase.may_cross() {
            self.crossing_told = false;
            return false;
        }
        let new = may_be_new && !self.crossing_told;
        self.crossing_told |= new;
        new
    }
}
