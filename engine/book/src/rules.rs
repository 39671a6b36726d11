//! What each kind of event does to a book: the rules, one function a kind.
//!
//! A rule first asks everything that could speak against the event, then acts: so a refused event
//! (`Err`) has changed nothing. What it did it writes into the change, which says "nothing" before.

use crate::book::Book;
use crate::orders::{Orders, Resting, Slot};
use crate::{Change, Effect, Form, Traded};
use engine_event::body::{self, Attributes, Execution, Gap, Order, Print, Replacement, Status};
use engine_event::{Definition, Event, Fault, Flags, Kind, MaybePrice, OrderId, Price, Quantity};

/// A book, the shard's orders, the event whose turn it is, and what it changes.
pub(crate) struct Turn<'a> {
    pub(crate) book: &'a mut Book,
    pub(crate) orders: &'a mut Orders,
    pub(crate) event: &'a Event,
    pub(crate) change: &'a mut Change,
}

impl Turn<'_> {
    /// Applies the event.
    #[inline]
    pub(crate) fn apply(&mut self) -> Result<(), Fault> {
        match self.event.kind() {
            Kind::Add => self.add(),
            Kind::Modify => self.modify(),
            Kind::Reduce => self.reduce(),
            Kind::Delete => self.delete(),
            Kind::Replace => self.replace(),
            Kind::Execute => self.execute(),
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
    fn add(&mut self) -> Result<(), Fault> {
        let body: Order = self.event.body();
        if body.price.get().is_none() && body.attributes.has(Attributes::IOC) {
            return Ok(());
        }
        let side = self.event.side().ok_or(Fault::IncompleteOrder)?;
        let (price, quantity) = limit(body.price, body.quantity)?;
        self.book.expect_form(Form::Orders)?;
        if self.orders.find(self.book.subject, body.id).is_some() {
            return Err(Fault::DuplicateOrder);
        }
        if self.orders.is_full() {
            return Err(Fault::OrdersFull);
        }
        let hidden = self.event.flags.has(Flags::HIDDEN);
        let order = Resting {
            id: body.id,
            price,
            remaining: quantity,
            entered_at: self.event.event_at,
            entered_seq: self.event.seq,
            participant: body.participant(),
            attributes: if hidden {
                body.attributes.and(Attributes::HIDDEN)
            } else {
                body.attributes
            },
            side,
        };
        let spot = self.book.spot(&order).ok_or(Fault::OutOfRange)?;
        self.book.form = Some(Form::Orders);
        let slot = self.orders.store(self.book.subject, order);
        self.change.level_changed = self.book.append_at(self.orders, slot, spot);
        self.tell(Effect::Entered, None, Some(quantity));
        Ok(())
    }

    /// An order gets a new price and quantity. It keeps its place only if it does not ask for more:
    /// the same price and no greater quantity.
    fn modify(&mut self) -> Result<(), Fault> {
        let body: Order = self.event.body();
        let (slot, order) = self.find(body.id)?;
        let (price, quantity) = limit(body.price, body.quantity)?;
        let keeps_place = price == order.price && quantity <= order.remaining;
        self.change.level_changed = if keeps_place {
            let by = Quantity(order.remaining.0 - quantity.0);
            self.book.shrink(self.orders, slot, by)
        } else {
            let moved = Resting { price, remaining: quantity, ..order };
            if !self.book.has_room_without(&order, &moved) {
                return Err(Fault::OutOfRange);
            }
            self.book.unlink(self.orders, slot);
            *self.orders.get_mut(slot) = moved;
            self.book.append(self.orders, slot)
        };
        self.tell(Effect::Modified, Some(order), Some(quantity));
        Ok(())
    }

    /// Quantity is taken off an order, which keeps its place; all of it, and the order leaves.
    fn reduce(&mut self) -> Result<(), Fault> {
        let body: Order = self.event.body();
        let (slot, order) = self.find(body.id)?;
        self.take(slot, order, body.quantity, Effect::Reduced)
    }

    fn delete(&mut self) -> Result<(), Fault> {
        let body: Order = self.event.body();
        let (slot, order) = self.find(body.id)?;
        self.change.level_changed = self.book.remove(self.orders, slot);
        self.tell(Effect::Deleted, Some(order), None);
        Ok(())
    }

    /// An order leaves, and another with its side, owner and attributes enters behind all others at
    /// its price. Both may have the same id.
    fn replace(&mut self) -> Result<(), Fault> {
        let body: Replacement = self.event.body();
        let (slot, order) = self.find(body.old)?;
        let (price, quantity) = limit(body.price.into(), body.quantity)?;
        if body.new != body.old && self.orders.find(self.book.subject, body.new).is_some() {
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
        if !self.book.has_room_without(&order, &new) {
            return Err(Fault::OutOfRange);
        }
        self.book.remove(self.orders, slot);
        let slot = self.orders.store(self.book.subject, new);
        self.change.level_changed = self.book.append(self.orders, slot);
        self.tell(Effect::Replaced, Some(order), Some(quantity));
        Ok(())
    }

    /// A resting order trades. An execution that does not count as volume takes its quantity off the
    /// order all the same.
    fn execute(&mut self) -> Result<(), Fault> {
        let body: Execution = self.event.body();
        let traded = |price| Traded { price, quantity: body.quantity };
        match self.find(body.id) {
            Ok((slot, order)) => {
                self.take(slot, order, body.quantity, Effect::Executed)?;
                self.change.traded = Some(traded(body.price.get().unwrap_or(order.price)));
                Ok(())
            }
            // It traded all the same, and the volume counts where the price is told.
            Err(fault) => {
                self.change.traded = body.price.get().map(traded);
                Err(fault)
            }
        }
    }

    /// A level stands as told, or is gone when nothing is left there. Feeds that tell the levels of a
    /// window take away some that they never told: that is no fault.
    fn level(&mut self) -> Result<(), Fault> {
        let body::Level { price, quantity, orders, .. } = self.event.body();
        let side = self.event.side().ok_or(Fault::IncompleteOrder)?;
        limit(price.into(), Quantity(1))?;
        self.book.expect_form(Form::Levels)?;
        let is_new = self.book.ladder(side).get(price).is_none();
        if is_new && quantity.0 > 0 && self.orders.is_full() {
            return Err(Fault::OrdersFull);
        }
        self.book.form = Some(Form::Levels);
        let left = (quantity.0 > 0).then_some(quantity);
        self.change.level_changed = match left {
            Some(quantity) => {
                self.orders.levels += usize::from(is_new);
                Some(self.book.set_level(side, price, quantity, orders))
            }
            None => {
                self.orders.levels -= usize::from(!is_new);
                self.book.take_level(side, price)
            }
        };
        self.tell(Effect::Restated, None, left);
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
        self.book.set_touch(bid, ask);
        self.tell(Effect::Restated, None, None);
        Ok(())
    }

    /// What is told beside orders, levels and quotes.
    fn beside(&mut self) {
        self.change.effect = match self.event.kind() {
            Kind::Define => {
                self.book.record.definition = Some(self.event.body::<Definition>());
                Effect::Defined
            }
            Kind::Trade => {
                let body: Print = self.event.body();
                let quantity = body.quantity;
                self.change.traded = body.price.get().map(|price| Traded { price, quantity });
                Effect::Traded
            }
            Kind::Break => Effect::Broken,
            _ => change_state(self.book, self.orders, self.event),
        };
    }

    fn find(&self, id: OrderId) -> Result<(Slot, Resting), Fault> {
        let slot = self.orders.find(self.book.subject, id).ok_or(Fault::UnknownOrder)?;
        Ok((slot, *self.orders.get(slot)))
    }

    fn take(
        &mut self,
        slot: Slot,
        order: Resting,
        taken: Quantity,
        effect: Effect,
    ) -> Result<(), Fault> {
        if taken.0 == 0 {
            return Err(Fault::IncompleteOrder);
        }
        if taken < order.remaining {
            self.change.level_changed = self.book.shrink(self.orders, slot, taken);
            self.tell(effect, Some(order), Some(Quantity(order.remaining.0 - taken.0)));
        } else {
            self.change.level_changed = self.book.remove(self.orders, slot);
            self.tell(effect, Some(order), None);
            self.change.fault = (taken > order.remaining).then_some(Fault::BeyondQuantity);
        }
        Ok(())
    }

    fn tell(&mut self, effect: Effect, order: Option<Resting>, left: Option<Quantity>) {
        (self.change.effect, self.change.order, self.change.left) = (effect, order, left);
    }
}

/// A phase begins, messages are missing, or the book begins anew: what may also be about every subject.
pub(crate) fn change_state(book: &mut Book, orders: &mut Orders, event: &Event) -> Effect {
    match event.kind() {
        Kind::Status => {
            let phase = event.body::<Status>().phase();
            let changed = phase != book.phase;
            book.phase = phase;
            if changed { Effect::PhaseChanged } else { Effect::None }
        }
        Kind::Gap => {
            book.distrust(event, event.body::<Gap>().reason());
            Effect::Interrupted
        }
        Kind::Clear => {
            book.clear(orders);
            Effect::Cleared
        }
        _ => Effect::None,
    }
}

/// The order that must be found for an event, if there is one.
#[inline]
pub(crate) fn order_of(event: &Event) -> Option<OrderId> {
    match event.kind() {
        Kind::Modify | Kind::Reduce | Kind::Delete => Some(event.body::<Order>().id),
        Kind::Replace => Some(event.body::<Replacement>().old),
        Kind::Execute => Some(event.body::<Execution>().id),
        _ => None,
    }
}

/// A price and a quantity with which an order can rest.
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
