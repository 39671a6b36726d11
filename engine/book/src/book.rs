//! One subject's book: two ladders, the hidden orders, and what is known of its state.

use crate::change::Before;
use crate::level::{self, Ladder, Level, Levels, NO_LEVEL, Spot};
use crate::orders::{Orders, Queue, Resting, Slot};
use crate::{Form, Stale, Touch};
use engine_event::body::Phase;
use engine_event::{
    Definition, Event, Fault, FaultCounts, Flags, Price, Quantity, Side, SubjectId,
};

/// What nearly every event needs of a book: one cache line. Its orders and levels lie in the shard's
/// [`Room`], which its methods are given.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Book {
    /// The best of both sides, so that nobody has to look there.
    best: [Best; 2],
    /// How many orders that is.
    best_orders: [u32; 2],
    ladders: [Ladder; 2],
    pub(crate) form: Option<Form>,
    pub(crate) phase: Phase,
    pub(crate) crossing: Crossing,
    /// The record says since when and why.
    pub(crate) is_stale: bool,
}

const _: () = assert!(size_of::<Book>() == 64);

/// The price and quantity of a best level; a quantity of 0 where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Best {
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
}

impl Best {
    pub(crate) const NONE: Best = Best { price: Price(0), quantity: Quantity(0) };

    #[inline]
    pub(crate) fn is_there(self) -> bool {
        self.quantity.0 > 0
    }
}

/// What is seldom needed of a book, out of the way of what every event needs.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) subject: SubjectId,
    pub(crate) definition: Option<Definition>,
    pub(crate) faults: FaultCounts,
    pub(crate) stale: Option<Stale>,
    /// Orders that are known but not displayed, in the order in which they came.
    pub(crate) hidden: Queue,
}

impl Record {
    pub(crate) fn new(subject: SubjectId) -> Self {
        Self {
            subject,
            definition: None,
            faults: FaultCounts::default(),
            stale: None,
            hidden: Queue::EMPTY,
        }
    }
}

/// Where the orders and levels of all books of a shard lie.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub(crate) orders: Orders,
    pub(crate) levels: Levels,
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
    pub(crate) fn new() -> Self {
        Self {
            best: [Best::NONE; 2],
            best_orders: [0; 2],
            ladders: [Ladder::default(); 2],
            form: None,
            phase: Phase::Unknown,
            crossing: Crossing::default(),
            is_stale: false,
        }
    }

    #[inline]
    pub(crate) fn ladder(&self, side: Side) -> Ladder {
        self.ladders[side as usize]
    }

    /// How many levels a side has.
    pub(crate) fn depth(&self, side: Side) -> usize {
        self.ladder(side).count()
    }

    /// The levels of a side, worst first.
    pub(crate) fn levels<'a>(
        &self,
        room: &'a Room,
        side: Side,
    ) -> impl DoubleEndedIterator<Item = &'a Level> + ExactSizeIterator + Clone + use<'a> {
        room.levels.all(self.ladder(side))
    }

    /// The level at a price.
    #[inline]
    pub(crate) fn level<'a>(&self, room: &'a Room, side: Side, price: Price) -> Option<&'a Level> {
        room.levels.at(self.ladder(side), level::rank(side, price))
    }

    /// The best prices and quantities, bid first.
    #[inline]
    pub(crate) fn best(&self) -> [Best; 2] {
        self.best
    }

    #[inline]
    pub(crate) fn touch(&self) -> Touch {
        self.before().touch()
    }

    /// The touch as changes tell it.
    #[inline]
    pub(crate) fn before(&self) -> Before {
        Before { best: self.best, orders: self.best_orders }
    }

    /// Looks anew at the best of a side.
    #[inline]
    fn refresh(&mut self, levels: &Levels, side: Side) {
        let best = levels.best(self.ladder(side));
        self.set_best(side, best);
    }

    #[inline]
    fn set_best(&mut self, side: Side, level: Option<&Level>) {
        let (best, orders) = match level {
            Some(level) => (Best { price: level.price, quantity: level.quantity }, level.orders),
            None => (Best::NONE, 0),
        };
        (self.best[side as usize], self.best_orders[side as usize]) = (best, orders);
    }

    /// Whether an event of this form may change the book.
    #[inline]
    pub(crate) fn expect_form(&self, form: Form) -> Result<(), Fault> {
        if self.form.is_none_or(|of| of == form) { Ok(()) } else { Err(Fault::Malformed) }
    }

    /// Sets a level to what was told of it.
    pub(crate) fn set_level(
        &mut self,
        room: &mut Room,
        side: Side,
        price: Price,
        quantity: Quantity,
        orders: u32,
    ) {
        let (ladder, rank) = (&mut self.ladders[side as usize], level::rank(side, price));
        let number = match room.levels.find(*ladder, rank) {
            Ok(at) => room.levels.number(*ladder, at),
            Err(at) => room.levels.insert(ladder, at, rank, price),
        };
        let level = room.levels.get_mut(number);
        (level.quantity, level.orders) = (quantity, orders);
        self.refresh(&room.levels, side);
    }

    /// Takes away a level, if it is there, and tells whether it was.
    pub(crate) fn take_level(&mut self, room: &mut Room, side: Side, price: Price) -> bool {
        let ladder = &mut self.ladders[side as usize];
        let spot = room.levels.find(*ladder, level::rank(side, price));
        if let Ok(at) = spot {
            room.levels.remove(ladder, at);
            self.refresh(&room.levels, side);
        }
        spot.is_ok()
    }

    /// Sets the touch, which is all that there is.
    pub(crate) fn set_touch(
        &mut self,
        room: &mut Room,
        bid: Option<(Price, Quantity)>,
        ask: Option<(Price, Quantity)>,
    ) {
        for (side, best) in [(Side::Buy, bid), (Side::Sell, ask)] {
            room.levels.clear(&mut self.ladders[side as usize]);
            match best {
                Some((price, quantity)) => self.set_level(room, side, price, quantity, 0),
                None => self.set_best(side, None),
            }
        }
    }

    /// Where this order would enter its ladder; none if its level's quantity would overflow. Hidden
    /// orders enter none.
    #[inline(always)]
    pub(crate) fn spot(&self, levels: &Levels, order: &Resting) -> Option<Spot> {
        if !order.is_displayed() {
            return Some(Err(0));
        }
        let ladder = self.ladder(order.side);
        let spot = levels.find(ladder, level::rank(order.side, order.price));
        let there = spot.map_or(Quantity(0), |at| levels.get(levels.number(ladder, at)).quantity);
        there.0.checked_add(order.remaining.0).map(|_| spot)
    }

    /// Whether this order could enter without its level's quantity overflowing, when `leaving`, an order
    /// of the same side, will have left.
    #[inline]
    pub(crate) fn has_room_without(&self, room: &Room, leaving: &Resting, order: &Resting) -> bool {
        if !order.is_displayed() {
            return true;
        }
        let Some(level) = self.level(room, order.side, order.price) else { return true };
        let leaves_here = leaving.is_displayed() && leaving.price == level.price;
        let less = if leaves_here { leaving.remaining.0 } else { 0 };
        (level.quantity.0 - less).checked_add(order.remaining.0).is_some()
    }

    /// Puts a stored order behind all others at its price.
    #[inline]
    pub(crate) fn append(&mut self, record: &mut Record, room: &mut Room, slot: Slot) {
        let order = room.orders.get(slot);
        let spot = room.levels.find(self.ladder(order.side), level::rank(order.side, order.price));
        self.append_at(record, room, slot, spot);
    }

    /// The same where its spot is known and the book has not changed since.
    #[inline(always)]
    pub(crate) fn append_at(
        &mut self,
        record: &mut Record,
        room: &mut Room,
        slot: Slot,
        spot: Spot,
    ) {
        let Room { orders, levels } = room;
        let &Resting { side, price, remaining, .. } = orders.get(slot);
        if !orders.get(slot).is_displayed() {
            orders.append(&mut record.hidden, slot);
            return;
        }
        let ladder = &mut self.ladders[side as usize];
        let (at, number) = match spot {
            Ok(at) => (at, levels.number(*ladder, at)),
            Err(at) => (at, levels.insert(ladder, at, level::rank(side, price), price)),
        };
        let is_best = at + 1 == ladder.count();
        let level = levels.get_mut(number);
        level.quantity.0 += remaining.0;
        level.orders += 1;
        orders.append(&mut level.queue, slot);
        orders.set_level(slot, number);
        if is_best {
            self.set_best(side, Some(levels.get(number)));
        }
    }

    /// Takes an order out of its level; it stays stored.
    #[inline]
    pub(crate) fn unlink(&mut self, record: &mut Record, room: &mut Room, slot: Slot) {
        let Room { orders, levels } = room;
        let &Resting { side, remaining, .. } = orders.get(slot);
        let number = orders.level(slot);
        if number == NO_LEVEL {
            orders.unlink(&mut record.hidden, slot);
            return;
        }
        let level = levels.get_mut(number);
        level.quantity.0 -= remaining.0;
        level.orders -= 1;
        orders.unlink(&mut level.queue, slot);
        orders.set_level(slot, NO_LEVEL);
        let &mut Level { price, orders: left, .. } = level;
        let was_best = self.best[side as usize].price == price;
        if left > 0 {
            if was_best {
                self.set_best(side, Some(levels.get(number)));
            }
            return;
        }
        let ladder = &mut self.ladders[side as usize];
        let at = if was_best {
            ladder.count() - 1
        } else {
            levels.find(*ladder, level::rank(side, price)).expect("a level is in its ladder")
        };
        levels.remove(ladder, at);
        if was_best {
            self.refresh(levels, side);
        }
    }

    /// Takes an order out altogether.
    #[inline]
    pub(crate) fn remove(&mut self, record: &mut Record, room: &mut Room, slot: Slot) {
        self.unlink(record, room, slot);
        room.orders.forget(slot);
    }

    /// Takes less than all off an order, which keeps its place.
    #[inline]
    pub(crate) fn shrink(&mut self, room: &mut Room, slot: Slot, by: Quantity) {
        let order = room.orders.get_mut(slot);
        debug_assert!(by < order.remaining);
        order.remaining.0 -= by.0;
        let side = order.side;
        let number = room.orders.level(slot);
        if number == NO_LEVEL {
            return;
        }
        let level = room.levels.get_mut(number);
        level.quantity.0 -= by.0;
        let best = &mut self.best[side as usize];
        if best.price == level.price {
            best.quantity = level.quantity;
        }
    }

    /// Forgets all that is in the book, and with it what was wrong.
    pub(crate) fn clear(&mut self, record: &mut Record, room: &mut Room) {
        room.orders.levels -= self.levels_told();
        for side in [Side::Buy, Side::Sell] {
            for place in 0..self.depth(side) {
                let number = room.levels.number(self.ladder(side), place);
                room.orders.forget_all(room.levels.get(number).queue);
            }
            room.levels.clear(&mut self.ladders[side as usize]);
            self.set_best(side, None);
        }
        room.orders.forget_all(record.hidden);
        record.hidden = Queue::EMPTY;
        self.form = None;
        (self.crossing.told, self.crossing.may_be_new) = (false, false);
        (self.is_stale, record.stale) = (false, None);
    }

    /// How many levels were told, if levels are what the feed tells. They count like orders towards the
    /// bound, since input makes them grow just as well.
    pub(crate) fn levels_told(&self) -> usize {
        let levels = self.depth(Side::Buy) + self.depth(Side::Sell);
        if self.form == Some(Form::Levels) { levels } else { 0 }
    }

    /// The book may differ from the venue's from this event on, if it did not already.
    pub(crate) fn distrust(&mut self, record: &mut Record, event: &Event, reason: Fault) {
        record.stale.get_or_insert(Stale::since(event, reason));
        self.is_stale = true;
    }

    /// Notes a fault, which puts the book in doubt.
    #[cold]
    pub(crate) fn blame(&mut self, record: &mut Record, event: &Event, fault: Fault) {
        record.faults.count(fault);
        self.distrust(record, event, fault);
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
        let crossed = self.is_crossed() && !self.phase.may_cross();
        self.crossing.told &= crossed;
        crossed
    }

    /// Whether the bid is at the offer or above it.
    #[inline]
    fn is_crossed(&self) -> bool {
        let [bid, ask] = self.best;
        bid.is_there() && ask.is_there() && bid.price >= ask.price
    }
}
