//! One subject's book: two ladders, the hidden orders, and what is known of its state.

use crate::best::{Before, Best};
use crate::heal::Healing;
use crate::level::{self, Ladder, Level, Levels, Likely, NO_LEVEL, Number, Owner};
use crate::orders::{Orders, Queue, Resting, Slot};
use crate::{Form, Stale, Touch};
use engine_event::body::Phase;
use engine_event::{
    Definition, Event, Fault, FaultCounts, Flags, Price, Quantity, Side, SourceId, SubjectId,
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
    /// The feed that the latest event came from.
    pub(crate) source: SourceId,
    pub(crate) form: Option<Form>,
    pub(crate) phase: Phase,
    pub(crate) crossing: Crossing,
    /// The record says since when and why.
    pub(crate) is_stale: bool,
}

const _: () = assert!(size_of::<Book>() == 64);

/// What is seldom needed of a book, out of the way of what every event needs.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) subject: SubjectId,
    pub(crate) definition: Option<Definition>,
    pub(crate) faults: FaultCounts,
    pub(crate) stale: Option<Stale>,
    /// Orders that are known but not displayed, in the order in which they came.
    pub(crate) hidden: Queue,
    /// What is known of orders that left without a word; none while no messages are missing.
    pub(crate) healing: Option<Box<Healing>>,
}

impl Record {
    pub(crate) fn new(subject: SubjectId) -> Self {
        Self {
            subject,
            definition: None,
            faults: FaultCounts::default(),
            stale: None,
            hidden: Queue::EMPTY,
            healing: None,
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
            ladders: [Ladder::EMPTY; 2],
            source: SourceId(0),
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
    pub(crate) fn depth(&self, room: &Room, side: Side) -> usize {
        self.levels(room, side).count()
    }

    /// The levels of a side, worst first.
    pub(crate) fn levels<'a>(
        &self,
        room: &'a Room,
        side: Side,
    ) -> impl DoubleEndedIterator<Item = &'a Level> + Clone + use<'a> {
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
        (price, quantity, orders): (Price, Quantity, u32),
        place: usize,
    ) {
        let number = self.level_for(&mut room.levels, side, price, place, Likely::NONE);
        let level = room.levels.get_mut(number);
        (level.quantity, level.orders) = (quantity, orders);
        self.refresh(&room.levels, side);
    }

    /// Takes away a level, if it is there, and tells whether it was.
    pub(crate) fn take_level(&mut self, room: &mut Room, side: Side, price: Price) -> bool {
        let ladder = self.ladder(side);
        let Ok(at) = room.levels.find(ladder, level::rank(side, price)) else { return false };
        let level = room.levels.number(ladder, at);
        let level = room.levels.get_mut(level);
        let was_there = !level.is_empty();
        (level.quantity, level.orders) = (Quantity(0), 0);
        if ladder.is_best(at) {
            room.levels.pop(&mut self.ladders[side as usize]);
            self.refresh(&room.levels, side);
        }
        was_there
    }

    /// Sets the touch, which is all that there is.
    pub(crate) fn set_touch(
        &mut self,
        room: &mut Room,
        place: usize,
        [bid, ask]: [Option<(Price, Quantity)>; 2],
    ) {
        for (side, best) in [(Side::Buy, bid), (Side::Sell, ask)] {
            room.levels.clear(&mut self.ladders[side as usize]);
            match best {
                Some((price, quantity)) => self.set_level(room, side, (price, quantity, 0), place),
                None => self.set_best(side, None),
            }
        }
    }

    /// Whether this order could enter without its level's quantity overflowing, when `leaving`, an order
    /// of the same side, will have left.
    #[inline]
    pub(crate) fn has_room_without(
        &self,
        room: &Room,
        place: usize,
        leaving: &Resting,
        order: &Resting,
        likely: Likely,
    ) -> bool {
        let (side, price) = (order.side, order.price);
        let (ladder, owner) = (self.ladder(side), Owner::of(place, side));
        let Ok(number) = room.levels.look_up(ladder, (side, price), owner, likely) else {
            return true;
        };
        let leaves_here = leaving.is_displayed() && leaving.price == price;
        let less = if leaves_here { leaving.remaining.0 } else { 0 };
        let there = room.levels.get(number).quantity.0;
        !order.is_displayed() || (there - less).checked_add(order.remaining.0).is_some()
    }

    /// Stores an order, which is displayed, behind all others at its price. Where its level lies may be
    /// known already, or else be any number.
    #[inline(always)]
    pub(crate) fn enter(
        &mut self,
        room: &mut Room,
        (place, subject): (usize, SubjectId),
        order: Resting,
        likely: Likely,
    ) -> Result<(), Fault> {
        let number = self.level_for(&mut room.levels, order.side, order.price, place, likely);
        let level = room.levels.get_mut(number);
        let quantity = level.quantity.0.checked_add(order.remaining.0).ok_or(Fault::OutOfRange)?;
        room.orders.store(subject, order, number, &mut level.queue);
        self.grown(level, order.side, Quantity(quantity));
        Ok(())
    }

    /// The same for an order that is not displayed.
    #[cold]
    pub(crate) fn enter_hidden(
        record: &mut Record,
        room: &mut Room,
        subject: SubjectId,
        order: Resting,
    ) {
        room.orders.store(subject, order, NO_LEVEL, &mut record.hidden);
    }

    /// Puts an order that is stored but stands nowhere behind all others at its price.
    pub(crate) fn append(
        &mut self,
        record: &mut Record,
        room: &mut Room,
        place: usize,
        slot: Slot,
    ) -> Result<(), Fault> {
        let &Resting { side, price, remaining, .. } = room.orders.get(slot);
        if !room.orders.get(slot).is_displayed() {
            room.orders.append(slot, NO_LEVEL, &mut record.hidden);
            return Ok(());
        }
        let number = self.level_for(&mut room.levels, side, price, place, Likely::NONE);
        let level = room.levels.get_mut(number);
        let quantity = level.quantity.0.checked_add(remaining.0).ok_or(Fault::OutOfRange)?;
        room.orders.append(slot, number, &mut level.queue);
        self.grown(level, side, Quantity(quantity));
        Ok(())
    }

    /// The level at a price; it is made if need be, and then something has to be put there.
    #[inline(always)]
    fn level_for(
        &mut self,
        levels: &mut Levels,
        side: Side,
        price: Price,
        place: usize,
        likely: Likely,
    ) -> Number {
        let (ladder, owner) = (&mut self.ladders[side as usize], Owner::of(place, side));
        match levels.look_up(*ladder, (side, price), owner, likely) {
            Ok(number) => number,
            Err(at) => levels.insert(ladder, at, price, owner, level::rank(side, price)),
        }
    }

    /// One more order stands in a level, and this is what stands there now.
    #[inline(always)]
    fn grown(&mut self, level: &mut Level, side: Side, quantity: Quantity) {
        level.quantity = quantity;
        level.orders += 1;
        let best = self.best[side as usize];
        let is_best =
            !best.is_there() || level::rank(side, level.price) >= level::rank(side, best.price);
        if is_best {
            self.set_best(side, Some(level));
        }
    }

    /// Takes an order out of where it stands; it stays stored.
    #[inline(always)]
    pub(crate) fn unlink(
        &mut self,
        records: &mut [Record],
        place: usize,
        room: &mut Room,
        slot: Slot,
    ) {
        let Room { orders, levels } = room;
        let &Resting { side, price, remaining, .. } = orders.get(slot);
        let number = orders.level(slot);
        if number == NO_LEVEL {
            return orders.unlink(&mut records[place].hidden, slot);
        }
        let level = levels.get_mut(number);
        level.quantity.0 -= remaining.0;
        level.orders -= 1;
        orders.unlink(&mut level.queue, slot);
        if self.best[side as usize].price == price {
            self.best_left(levels, side, number);
        }
    }

    /// Something left the best level of a side, or all of it.
    #[inline(always)]
    fn best_left(&mut self, levels: &mut Levels, side: Side, number: Number) {
        let level = levels.get(number);
        if !level.is_empty() {
            return self.set_best(side, Some(level));
        }
        levels.pop(&mut self.ladders[side as usize]);
        self.refresh(levels, side);
    }

    /// Takes less than all off an order, which keeps its place.
    #[inline(always)]
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
        room.orders.levels -= self.levels_told(room);
        for side in [Side::Buy, Side::Sell] {
            for place in 0..self.ladder(side).count() {
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
        (self.is_stale, record.stale, record.healing) = (false, None, None);
    }

    /// How many levels were told, if levels are what the feed tells. They count like orders towards the
    /// bound, since input makes them grow just as well.
    pub(crate) fn levels_told(&self, room: &Room) -> usize {
        if self.form != Some(Form::Levels) {
            return 0;
        }
        self.depth(room, Side::Buy) + self.depth(room, Side::Sell)
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
    #[inline(always)]
    pub(crate) fn newly_crossed(
        &mut self,
        event: &Event,
        may_be_new: impl FnOnce() -> bool,
    ) -> bool {
        let ends_group = event.flags.has(Flags::LAST);
        if !ends_group && !self.crossing.is_grouped && !self.is_crossed() {
            self.crossing.told = false;
            return false;
        }
        self.crossing.is_grouped |= ends_group;
        self.crossing.may_be_new |= may_be_new();
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
    pub(crate) fn is_crossed(&self) -> bool {
        let [bid, ask] = self.best;
        bid.price >= ask.price && bid.is_there() && ask.is_there()
    }
}
