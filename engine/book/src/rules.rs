//! What each kind of event does to a book: the rules, one function a kind.
//!
//! A rule first asks everything that could speak against the event, then acts: so a refused event
//! (`Err`) has changed nothing.

use crate::book::Book;
use crate::orders::{Orders, Resting, Slot};
use crate::{Change, Effect, Traded};
use engine_event::body::{Attributes, Execution, Order, Print, Replacement};
use engine_event::{Definition, Event, Fault, Flags, Kind, MaybePrice, OrderId, Price, Quantity};

/// A book, the shard's orders, and the event whose turn it is.
pub(crate) struct Turn<'a> {
    pub(crate) book: &'a mut Book,
    pub(crate) orders: &'a mut Orders,
    pub(crate) event: &'a Event,
}

impl Turn<'_> {
    /// Applies an event about one order.
    pub(crate) fn order(&mut self) -> Result<Change, Fault> {
        match self.event.kind() {
            Kind::Add => self.add(),
            Kind::Modify => self.modify(),
            Kind::Reduce => self.reduce(),
            Kind::Delete => self.delete(),
            Kind::Replace => self.replace(),
            Kind::Execute => self.execute(),
            _ => Ok(Change::NONE),
        }
    }

    /// An order enters behind all others at its price. One without a price that is also immediate or
    /// cancel never rests, so it is no fault and no order. One with a price rests until the venue says
    /// otherwise, whatever its attributes.
    fn add(&mut self) -> Result<Change, Fault> {
        let body: Order = self.event.body();
        if body.price.get().is_none() && body.attributes.has(Attributes::IOC) {
            return Ok(Change::NONE);
        }
        let side = self.event.side().ok_or(Fault::IncompleteOrder)?;
        let (price, quantity) = limit(body.price, body.quantity)?;
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
        if !self.book.has_room(&order) {
            return Err(Fault::OutOfRange);
        }
        let slot = self.orders.store(self.book.subject, order);
        let level_changed = self.book.append(self.orders, slot);
        Ok(Change { effect: Effect::Entered, left: Some(quantity), level_changed, ..Change::NONE })
    }

    /// An order gets a new price and quantity. It keeps its place only if it does not ask for more:
    /// the same price and no greater quantity.
    fn modify(&mut self) -> Result<Change, Fault> {
        let body: Order = self.event.body();
        let (slot, order) = self.find(body.id)?;
        let (price, quantity) = limit(body.price, body.quantity)?;
        let keeps_place = price == order.price && quantity <= order.remaining;
        let level_changed = if keeps_place {
            let by = Quantity(order.remaining.0 - quantity.0);
            self.book.shrink(self.orders, slot, by)
        } else {
            let moved = Resting { price, remaining: quantity, ..order };
            if !self.book.has_room_without(Some(&order), &moved) {
                return Err(Fault::OutOfRange);
            }
            self.book.unlink(self.orders, slot);
            *self.orders.get_mut(slot) = moved;
            self.book.append(self.orders, slot)
        };
        Ok(Change {
            effect: Effect::Modified,
            order: Some(order),
            left: Some(quantity),
            level_changed,
            ..Change::NONE
        })
    }

    /// Quantity is taken off an order, which keeps its place; all of it, and the order leaves.
    fn reduce(&mut self) -> Result<Change, Fault> {
        let body: Order = self.event.body();
        let (slot, order) = self.find(body.id)?;
        self.take(slot, order, body.quantity, Effect::Reduced)
    }

    fn delete(&mut self) -> Result<Change, Fault> {
        let body: Order = self.event.body();
        let (slot, order) = self.find(body.id)?;
        let level_changed = self.book.remove(self.orders, slot);
        Ok(Change { effect: Effect::Deleted, order: Some(order), level_changed, ..Change::NONE })
    }

    /// An order leaves, and another with its side, owner and attributes enters behind all others at
    /// its price. Both may have the same id.
    fn replace(&mut self) -> Result<Change, Fault> {
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
        if !self.book.has_room_without(Some(&order), &new) {
            return Err(Fault::OutOfRange);
        }
        self.book.remove(self.orders, slot);
        let slot = self.orders.store(self.book.subject, new);
        let level_changed = self.book.append(self.orders, slot);
        Ok(Change {
            effect: Effect::Replaced,
            order: Some(order),
            left: Some(quantity),
            level_changed,
            ..Change::NONE
        })
    }

    /// A resting order trades. An execution that does not count as volume takes its quantity off the
    /// order all the same.
    fn execute(&mut self) -> Result<Change, Fault> {
        let body: Execution = self.event.body();
        let traded = |price| Some(Traded { price, quantity: body.quantity });
        match self.find(body.id) {
            Ok((slot, order)) => {
                let change = self.take(slot, order, body.quantity, Effect::Executed)?;
                Ok(Change { traded: traded(body.price.get().unwrap_or(order.price)), ..change })
            }
            // It traded all the same, and the volume counts where the price is told.
            Err(fault) => {
                Ok(Change { traded: body.price.get().and_then(traded), ..Change::refused(fault) })
            }
        }
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
    ) -> Result<Change, Fault> {
        if taken.0 == 0 {
            return Err(Fault::IncompleteOrder);
        }
        let change = Change { effect, order: Some(order), ..Change::NONE };
        Ok(if taken < order.remaining {
            Change {
                left: Some(Quantity(order.remaining.0 - taken.0)),
                level_changed: self.book.shrink(self.orders, slot, taken),
                ..change
            }
        } else {
            Change {
                level_changed: self.book.remove(self.orders, slot),
                fault: (taken > order.remaining).then_some(Fault::BeyondQuantity),
                ..change
            }
        })
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

/// A trade beside the book.
pub(crate) fn printed(event: &Event) -> Change {
    let body: Print = event.body();
    let traded = body.price.get().map(|price| Traded { price, quantity: body.quantity });
    Change { effect: Effect::Traded, traded, ..Change::NONE }
}

/// A subject's numbers.
pub(crate) fn defined(book: &mut Book, event: &Event) -> Change {
    book.definition = Some(event.body::<Definition>());
    Change { effect: Effect::Defined, ..Change::NONE }
}
