//! What each kind of event does to a book: the rules, one function a kind.
//!
//! A rule first asks everything that could speak against the event, then acts: so a refused event
//! (`Err`) has changed nothing. What it did it writes into the change, which says "nothing" before.

use crate::book::{Book, Record, Room};
use crate::heal::Healing;
use crate::level::Likely;
use crate::orders::{Resting, Slot};
use crate::{Change, Effect, Form, Traded};
use engine_event::body::{self, Attributes, Execution, Gap, Order, Print, Replacement, Status};
use engine_event::{Definition, Event, Fault, Flags, Kind, MaybePrice, OrderId, Price, Quantity};
use engine_event::{Side, SubjectId};

/// A book, where its orders and levels lie, the event whose turn it is, and what it changes.
pub(crate) struct Turn<'a> {
    pub(crate) book: &'a mut Book,
    pub(crate) subject: SubjectId,
    /// What is seldom needed: looked for only then.
    pub(crate) records: &'a mut [Record],
    pub(crate) place: usize,
    pub(crate) room: &'a mut Room,
    pub(crate) event: &'a Event,
    /// Where its order may lie, or of one that enters, the level where it will stand.
    pub(crate) likely: Likely,
    pub(crate) change: &'a mut Change,
}

impl Turn<'_> {
    /// Applies the event.
    #[inline(always)]
    pub(crate) fn apply(&mut self) -> Result<(), Fault> {
        match self.event.kind() {
            Kind::Add => self.add(),
            kind @ (Kind::Reduce | Kind::Delete | Kind::Execute) => self.take(kind),
            _ => self.apply_rarer(),
        }
    }

    #[inline(never)]
    fn apply_rarer(&mut self) -> Result<(), Fault> {
        match self.event.kind() {
            Kind::Replace => self.replace(),
            Kind::Modify => self.modify(),
            Kind::Level => self.level(),
            Kind::Quote => self.quote(),
            _ => {
                self.beside();
                Ok(())
            }
        }
    }

    /// An order enters behind all others at its price. One without a price that is also immediate or
    /// cancel never rests, so it is no fault and no order. One with a price rests until the venue says
    /// otherwise, whatever its attributes.
    #[inline(always)]
    fn add(&mut self) -> Result<(), Fault> {
        let body: Order = self.event.body();
        if body.price.get().is_none() && body.attributes.has(Attributes::IOC) {
            return Ok(());
        }
        let side = self.event.side().ok_or(Fault::IncompleteOrder)?;
        let (price, quantity) = limit(body.price, body.quantity)?;
        self.book.expect_form(Form::Orders)?;
        if self.room.orders.has(self.subject, body.id) {
            return Err(Fault::DuplicateOrder);
        }
        if self.room.orders.is_full() {
            return Err(Fault::OrdersFull);
        }
        let order = Resting {
            id: body.id,
            price,
            remaining: quantity,
            entered_at: self.event.event_at,
            entered_seq: self.event.seq,
            participant: body.participant(),
            attributes: body.attributes,
            side,
        };
        if self.event.flags.has(Flags::HIDDEN) || !order.is_displayed() {
            let attributes = order.attributes.and(Attributes::HIDDEN);
            let order = Resting { attributes, ..order };
            Book::enter_hidden(&mut self.records[self.place], self.room, self.subject, order);
        } else {
            let whose = (self.place, self.subject);
            self.book.enter(self.room, whose, order, self.likely)?;
            self.change.level = Some((side, price));
        }
        self.book.form = Some(Form::Orders);
        self.tell(Effect::Entered, Some(quantity));
        Ok(())
    }

    /// An order gets a new price and quantity. It keeps its place only if it does not ask for more:
    /// the same price and no greater quantity.
    fn modify(&mut self) -> Result<(), Fault> {
        let body: Order = self.event.body();
        let slot = self.find(body.id)?;
        let order = *self.room.orders.get(slot);
        let (price, quantity) = limit(body.price, body.quantity)?;
        let keeps_place = price == order.price && quantity <= order.remaining;
        let moved = Resting { price, remaining: quantity, ..order };
        if keeps_place {
            let by = Quantity(order.remaining.0 - quantity.0);
            self.book.shrink(self.room, slot, by);
        } else {
            let has_room =
                |likely| self.book.has_room_without(self.room, self.place, &order, &moved, likely);
            if !has_room(Likely::NONE) {
                return Err(Fault::OutOfRange);
            }
            self.book.unlink(self.records, self.place, self.room, slot);
            *self.room.orders.get_mut(slot) = moved;
            let record = &mut self.records[self.place];
            self.book.append(record, self.room, self.place, slot)?;
        }
        self.change.level = shown_at(&moved);
        self.tell(Effect::Modified, Some(quantity));
        Ok(())
    }

    /// Quantity is taken off an order, which keeps its place; all of it, and the order leaves. An
    /// execution that does not count as volume takes its quantity off the order all the same.
    #[inline(always)]
    fn take(&mut self, kind: Kind) -> Result<(), Fault> {
        let (id, price, told) = match kind {
            Kind::Execute => {
                let body: Execution = self.event.body();
                (body.id, body.price, body.quantity)
            }
            _ => {
                let body: Order = self.event.body();
                (body.id, body.price, body.quantity)
            }
        };
        let is_execution = kind == Kind::Execute;
        let Some(slot) = self.room.orders.find_likely(self.likely.slot, self.subject, id) else {
            // It traded all the same, and the volume counts where the price is told.
            if is_execution {
                self.trade(price.get(), told);
            }
            return Err(Fault::UnknownOrder);
        };
        let order = *self.room.orders.get(slot);
        let taken = if kind == Kind::Delete { order.remaining } else { told };
        if taken.0 == 0 {
            return Err(Fault::IncompleteOrder);
        }
        self.change.order = Some(order);
        self.change.level = shown_at(&order);
        self.change.effect = match kind {
            Kind::Delete => Effect::Deleted,
            Kind::Reduce => Effect::Reduced,
            _ => Effect::Executed,
        };
        if is_execution {
            self.trade(Some(price.get().unwrap_or(order.price)), told);
        }
        if taken < order.remaining {
            self.book.shrink(self.room, slot, taken);
            self.change.left = Some(Quantity(order.remaining.0 - taken.0));
        } else {
            self.remove(slot);
            self.change.fault = (taken > order.remaining).then_some(Fault::BeyondQuantity);
        }
        Ok(())
    }

    #[inline(always)]
    fn trade(&mut self, price: Option<Price>, quantity: Quantity) {
        self.change.traded = price.map(|price| Traded { price, quantity });
    }

    /// Takes an order out altogether.
    #[inline(always)]
    pub(crate) fn remove(&mut self, slot: Slot) {
        self.book.unlink(self.records, self.place, self.room, slot);
        self.room.orders.forget(slot);
    }

    /// An order leaves, and another with its side, owner and attributes enters behind all others at
    /// its price. Both may have the same id.
    fn replace(&mut self) -> Result<(), Fault> {
        let body: Replacement = self.event.body();
        let slot = self.find(body.old)?;
        let order = *self.room.orders.get(slot);
        let (price, quantity) = limit(body.price.into(), body.quantity)?;
        if body.new != body.old && self.room.orders.has(self.subject, body.new) {
            return Err(Fault::DuplicateOrder);
        }
        let new = Resting {
            id: body.new,
            price,
            remaining: quantity,
            entered_at: self.event.event_at,
            entered_seq: self.event.seq,
            ..order
        };
        let likely = self.likely;
        if !self.book.has_room_without(self.room, self.place, &order, &new, likely) {
            return Err(Fault::OutOfRange);
        }
        self.remove(slot);
        if new.is_displayed() {
            let whose = (self.place, self.subject);
            self.book.enter(self.room, whose, new, likely)?;
        } else {
            Book::enter_hidden(&mut self.records[self.place], self.room, self.subject, new);
        }
        self.change.level = shown_at(&new);
        self.tell(Effect::Replaced, Some(quantity));
        Ok(())
    }

    /// A level stands as told, or is gone when nothing is left there. Feeds that tell the levels of a
    /// window take away some that they never told: that is no fault.
    fn level(&mut self) -> Result<(), Fault> {
        let body::Level { price, quantity, orders, .. } = self.event.body();
        let side = self.event.side().ok_or(Fault::IncompleteOrder)?;
        limit(price.into(), Quantity(1))?;
        self.book.expect_form(Form::Levels)?;
        let stood = self.book.level(self.room, side, price).map(|level| level.quantity);
        let is_new = stood.is_none();
        if is_new && quantity.0 > 0 && self.room.orders.is_full() {
            return Err(Fault::OrdersFull);
        }
        self.book.form = Some(Form::Levels);
        self.change.stood = stood.unwrap_or(Quantity(0));
        let left = (quantity.0 > 0).then_some(quantity);
        match left {
            Some(quantity) => {
                self.room.orders.levels += usize::from(is_new);
                self.book.set_level(self.room, side, (price, quantity, orders), self.place);
                self.change.level = Some((side, price));
            }
            None => {
                self.room.orders.levels -= usize::from(!is_new);
                let was_there = self.book.take_level(self.room, side, price);
                self.change.level = was_there.then_some((side, price));
            }
        }
        self.tell(Effect::Restated, left);
        Ok(())
    }

    /// The touch stands as told. A side without a price, or with nothing at it, is empty.
    fn quote(&mut self) -> Result<(), Fault> {
        let body::Quote { bid, bid_quantity, ask, ask_quantity } = self.event.body();
        let shown = |price: MaybePrice, quantity: Quantity| {
            let price = price.get().filter(|_| quantity.0 > 0);
            price.map(|price| limit(price.into(), quantity)).transpose()
        };
        let (bid, ask) = (shown(bid, bid_quantity)?, shown(ask, ask_quantity)?);
        self.book.expect_form(Form::Touch)?;
        self.book.form = Some(Form::Touch);
        self.book.set_touch(self.room, self.place, [bid, ask]);
        self.tell(Effect::Restated, None);
        Ok(())
    }

    /// What is told beside orders, levels and quotes.
    fn beside(&mut self) {
        let record = &mut self.records[self.place];
        self.change.effect = match self.event.kind() {
            Kind::Define => {
                record.definition = Some(self.event.body::<Definition>());
                Effect::Defined
            }
            Kind::Trade => {
                let body: Print = self.event.body();
                let quantity = body.quantity;
                self.change.traded = body.price.get().map(|price| Traded { price, quantity });
                Effect::Traded
            }
            Kind::Break => Effect::Broken,
            _ => change_state(self.book, record, self.room, self.event),
        };
    }

    /// Finds an order and tells it as it is before the event. If the event is refused after all, that is
    /// taken back.
    #[inline(always)]
    fn find(&mut self, id: OrderId) -> Result<Slot, Fault> {
        let slot = self.room.orders.find_likely(self.likely.slot, self.subject, id);
        let slot = slot.ok_or(Fault::UnknownOrder)?;
        self.change.order = Some(*self.room.orders.get(slot));
        Ok(slot)
    }

    #[inline]
    fn tell(&mut self, effect: Effect, left: Option<Quantity>) {
        (self.change.effect, self.change.left) = (effect, left);
    }
}

/// The level of a displayed order.
#[inline]
fn shown_at(order: &Resting) -> Option<(Side, Price)> {
    order.is_displayed().then_some((order.side, order.price))
}

/// A phase begins, messages are missing, or the book begins anew: what may also be about every subject.
pub(crate) fn change_state(
    book: &mut Book,
    record: &mut Record,
    room: &mut Room,
    event: &Event,
) -> Effect {
    match event.kind() {
        Kind::Status => {
            let phase = event.body::<Status>().phase();
            let changed = phase != book.phase;
            book.phase = phase;
            if changed { Effect::PhaseChanged } else { Effect::None }
        }
        Kind::Gap => {
            book.distrust(record, event, event.body::<Gap>().reason());
            let healing = record.healing.get_or_insert_with(|| Box::new(Healing::new(0)));
            healing.miss(&event.body());
            Effect::Interrupted
        }
        Kind::Clear => {
            book.clear(record, room);
            Effect::Cleared
        }
        _ => Effect::None,
    }
}

/// Whether a gap tells of a silence: venues number what they tell, so that what was missed shows with what
/// comes next, as another gap. Until then the books are what they were.
#[cold]
pub(crate) fn loses_nothing(gap: &Event) -> bool {
    gap.body::<Gap>().reason() == Fault::Silent
}

/// The order that an event is about, if it is about one: only to look for it early.
#[inline(always)]
pub(crate) fn order_of(event: &Event) -> OrderId {
    // Of all bodies that tell of an order, the first word is its id.
    OrderId(event.first_word())
}

/// A price and a quantity with which an order can rest.
#[inline]
fn limit(price: MaybePrice, quantity: Quantity) -> Result<(Price, Quantity), Fault> {
    let price = price.get().ok_or(Fault::IncompleteOrder)?;
    if quantity.0 == 0 {
        return Err(Fault::IncompleteOrder);
    }
    if !PRICES.contains(&price.0) {
        return Err(Fault::OutOfRange);
    }
    Ok((price, quantity))
}

/// Prices that books take: half of what an `i64` holds, so that any two have a sum and a difference.
pub(crate) const PRICES: std::ops::Range<i64> = -(1 << 62)..1 << 62;
