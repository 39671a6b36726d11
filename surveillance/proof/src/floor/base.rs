//! What the base's events become where injected orders stand.

use super::{Floor, gone, is_better};
use crate::accounts::{with_execution, with_order};
use engine_book::{Effect, Resting};
use engine_event::body::{Execution, Order, Print, Replacement};
use engine_event::{Event, Flags, Kind, OrderId, ParticipantId, Price, Quantity, Side, SubjectId};

/// A base order before its event, in both books.
#[derive(Clone, Copy)]
struct Before {
    base: Option<Resting>,
    combined: Option<Resting>,
}

impl Before {
    /// How much of it injected orders took, and how much they spared it.
    fn missing(&self) -> u64 {
        let left = |order: Option<Resting>| order.map_or(0, |order| order.remaining.0);
        left(self.base).saturating_sub(left(self.combined))
    }
}

impl Floor {
    /// Takes the base's next event; its time is now.
    pub fn take(&mut self, event: &Event) {
        let mut plain = *event;
        (plain.seq, plain.received_at) = (0, event.event_at);
        let event = &self.accounts.own(&plain);
        match event.kind() {
            Kind::Add => self.base_add(event),
            Kind::Modify => self.base_modify(event),
            Kind::Reduce | Kind::Delete => self.base_take(event),
            Kind::Replace => self.base_replace(event),
            Kind::Execute => self.base_execute(event),
            Kind::Trade => self.base_trade(event),
            Kind::Clear => self.base_clear(event),
            Kind::Status | Kind::News | Kind::Position | Kind::Gap | Kind::Define => {
                self.base.apply(event);
                self.keep(*event);
                self.untangle(event);
            }
            _ => self.counts.untold += 1,
        }
    }

    /// The event goes on as it is.
    fn keep(&mut self, event: Event) {
        self.counts.kept += 1;
        self.emit(event);
    }

    /// Something else goes on, or nothing.
    fn change(&mut self, event: Option<Event>) {
        match event {
            Some(event) => {
                self.counts.changed += 1;
                if self.emit(event) {
                    self.counts.faults += 1;
                }
            }
            None => self.counts.dropped += 1,
        }
    }

    /// Where orders begin to trade as they come, injected ones that stand across others are taken back: what
    /// the auction or the halt came to is the base's own.
    pub(super) fn untangle(&mut self, event: &Event) {
        if event.kind() != Kind::Status {
            return;
        }
        let subjects: Vec<SubjectId> = match event.subject {
            SubjectId::EVERY => self.resting.keys().copied().collect(),
            one => vec![one],
        };
        for subject in subjects {
            if !self.is_continuous(subject) {
                continue;
            }
            for side in [Side::Buy, Side::Sell] {
                let across = |floor: &Self| {
                    let best = floor.book(subject)?.levels(side.opposite()).next()?.price;
                    let orders = floor.injected(subject, side, |own| {
                        !is_better(side.opposite(), own.price, best)
                    });
                    orders.first().copied()
                };
                while let Some(order) = across(self) {
                    self.withdraw(subject, order.id, side, order.participant);
                }
            }
        }
    }

    /// Goes on as it is where `event` is the base's own, and else as a changed one.
    fn pass(&mut self, event: Event, of: &Event) {
        if event == *of { self.keep(event) } else { self.change(Some(event)) }
    }

    fn before(&self, subject: SubjectId, id: OrderId) -> Before {
        let find = |books: &engine_book::Books| books.book(subject)?.order(id).copied();
        Before { base: find(&self.base), combined: find(&self.combined) }
    }

    /// What the base's own book refuses, the combined one is told if it must refuse it, too.
    fn refused(&mut self, event: &Event, before: &Before) {
        let alike = before.base.is_some() == before.combined.is_some();
        if alike { self.keep(*event) } else { self.change(None) }
    }

    fn base_add(&mut self, event: &Event) {
        let order: Order = event.body();
        let before = self.before(event.subject, order.id);
        let change = self.base.apply(event);
        if change.effect == Effect::None && change.fault.is_some() {
            return self.refused(event, &before);
        }
        let (Some(side), Some(price)) = (event.side(), order.price.get()) else {
            return self.keep(*event);
        };
        let (left, owner) = self.meet(event, side, price, order.quantity.0, order.participant());
        if left == order.quantity.0 {
            return self.keep(*event);
        }
        let rest = sized(order, left).owned_by(owner);
        self.change((left > 0).then(|| with_order(event, rest)));
    }

    /// A base order that comes at a price trades against the injected ones that it would stand across.
    /// Gives what is left of it, and its owner: a given one that turns out to be the injected order's own
    /// account is another.
    fn meet(
        &mut self,
        event: &Event,
        side: Side,
        price: Price,
        quantity: u64,
        owner: Option<ParticipantId>,
    ) -> (u64, Option<ParticipantId>) {
        let (mut left, mut owner) = (quantity, owner);
        if !self.is_continuous(event.subject) {
            return (left, owner);
        }
        let other = side.opposite();
        while left > 0 {
            let ahead =
                self.injected(event.subject, other, |order| !is_better(other, price, order.price));
            let Some(met) = ahead.first().copied() else { break };
            if owner.is_some() && owner == met.participant {
                if !self.accounts.are_given() {
                    self.withdraw(event.subject, met.id, other, met.participant);
                    continue;
                }
                owner = self.accounts.comer(event, met.participant, None);
            }
            let traded = left.min(met.remaining.0);
            self.trade(event.subject, &met, traded, owner);
            left -= traded;
        }
        (left, owner)
    }

    /// The injected orders of a side that pass, those that a comer meets first in front.
    fn injected(
        &self,
        subject: SubjectId,
        side: Side,
        passes: impl Fn(&Resting) -> bool,
    ) -> Vec<Resting> {
        let Some(resting) = self.resting.get(&subject).filter(|list| !list.is_empty()) else {
            return Vec::new();
        };
        let Some(book) = self.combined.book(subject) else { return Vec::new() };
        let orders = resting.iter().filter_map(|id| book.order(*id));
        let mut orders: Vec<Resting> =
            orders.filter(|order| order.side == side && passes(order)).copied().collect();
        let place = |order: &Resting| {
            let price = if side == Side::Buy { -order.price.0 } else { order.price.0 };
            let ahead = book.queue_position(order.id).map_or(u32::MAX, |place| place.orders_ahead);
            (price, ahead)
        };
        orders.sort_by_key(place);
        orders
    }

    /// The displayed orders of a side and price that stand before an order; all of them where it is hidden.
    fn queue_before(&self, subject: SubjectId, side: Side, at: (Price, OrderId)) -> Vec<OrderId> {
        let Some(book) = self.combined.book(subject) else { return Vec::new() };
        let queue = book.orders_at(side, at.0).map(|order| order.id);
        queue.take_while(|id| *id != at.1).collect()
    }

    /// A comer of the base trades first with the injected orders of a side that stand at a better price, or
    /// at this one in `queue`. Gives what is left.
    fn ahead(
        &mut self,
        event: &Event,
        (side, price): (Side, Price),
        queue: &[OrderId],
        quantity: u64,
        comer: Option<ParticipantId>,
    ) -> u64 {
        let ahead = self.injected(event.subject, side, |other| {
            is_better(side, other.price, price)
                || (other.price == price && queue.contains(&other.id))
        });
        let mut left = quantity;
        for met in ahead {
            let traded = left.min(met.remaining.0);
            if traded == 0 {
                break;
            }
            let mut comer = comer;
            if comer.is_some() && comer == met.participant {
                if !self.accounts.are_given() {
                    self.withdraw(event.subject, met.id, side, met.participant);
                    continue;
                }
                comer = self.accounts.comer(event, met.participant, comer);
            }
            self.trade(event.subject, &met, traded, comer);
            left -= traded;
        }
        left
    }

    /// Whether injected orders could stand in the way of a trade.
    fn may_interfere(&self, event: &Event) -> bool {
        self.resting.get(&event.subject).is_some_and(|list| !list.is_empty())
            && !event.flags.has(Flags::CROSS)
            && self.is_continuous(event.subject)
    }

    fn base_execute(&mut self, event: &Event) {
        let told: Execution = event.body();
        let before = self.before(event.subject, told.id);
        let event = &self.with_parties(event, told, &before);
        let body: Execution = event.body();
        self.base.apply(event);
        let Some(order) = before.base else { return self.refused(event, &before) };
        let price = body.price.get().unwrap_or(order.price);
        let mut left = body.quantity.0;
        if self.may_interfere(event) {
            // Where injected orders took what the base says is executed, its place is not known any more.
            let queue = match before.combined {
                Some(_) => self.queue_before(event.subject, order.side, (price, told.id)),
                None => Vec::new(),
            };
            left = self.ahead(event, (order.side, price), &queue, left, body.counterparty());
        }
        let rests = before.combined.map_or(0, |order| order.remaining.0);
        let intact = before.missing() == 0 && rests <= order.remaining.0;
        // More than the base's order had: its own fault, which stays its own.
        let traded = if intact { left } else { left.min(rests) };
        let mut goes_on = body;
        goes_on.quantity = Quantity(traded);
        if traded == 0 || before.combined.is_none() {
            self.change(None);
        } else {
            self.pass(with_execution(event, goes_on), event);
        }
        self.follow(event.subject, told.id);
    }

    /// An execution with the accounts behind it.
    fn with_parties(&self, event: &Event, told: Execution, before: &Before) -> Event {
        if !self.accounts.are_given() {
            return *event;
        }
        let owner = told.participant().or(before.base.and_then(|order| order.participant));
        let comer = told.counterparty().or_else(|| self.crossing(event, told));
        let comer = comer.filter(|comer| owner != Some(*comer));
        let comer = comer.or_else(|| self.accounts.comer(event, owner, None));
        with_execution(event, told.between(owner, comer))
    }

    /// Whose order stands across the one that is executed, where the base tells the one that comes, too.
    fn crossing(&self, event: &Event, told: Execution) -> Option<ParticipantId> {
        let side = event.side()?;
        let (price, book) = (told.price.get()?, self.base.book(event.subject)?);
        let best = book.levels(side.opposite()).next()?.price;
        let comes = book.orders_at(side.opposite(), best).last();
        comes.filter(|_| !is_better(side, best, price))?.participant
    }

    /// An order that has left the base's book leaves the combined one, too.
    fn follow(&mut self, subject: SubjectId, id: OrderId) {
        let Before { base: None, combined: Some(left) } = self.before(subject, id) else { return };
        let event = gone(subject, self.now, id, left.side, left.participant);
        self.change(Some(event));
    }

    fn base_trade(&mut self, event: &Event) {
        let body: Print = event.body();
        self.base.apply(event);
        let (Some(side), Some(price)) = (event.side(), body.price.get()) else {
            return self.keep(*event);
        };
        let mut left = body.quantity.0;
        if self.may_interfere(event) && !event.flags.has(Flags::NON_PRINTABLE) {
            let comer = match self.accounts.are_given() {
                true => self.accounts.comer(event, body.participant(), None),
                false => body.counterparty(),
            };
            let queue = self.queue_before(event.subject, side, (price, OrderId(u64::MAX)));
            left = self.ahead(event, (side, price), &queue, left, comer);
        }
        if left == body.quantity.0 {
            return self.keep(*event);
        }
        let mut rest = body;
        rest.quantity = Quantity(left);
        let same = Event::new(event.subject, event.event_at, rest).with_flags(event.flags);
        self.change((left > 0).then(|| same.from_source(event.source)));
    }

    fn base_take(&mut self, event: &Event) {
        let order: Order = event.body();
        let before = self.before(event.subject, order.id);
        self.base.apply(event);
        let Some(base) = before.base else { return self.refused(event, &before) };
        let Some(combined) = before.combined else { return self.change(None) };
        let owner = if self.accounts.are_given() { base.participant } else { order.participant() };
        let owned = with_order(event, order.owned_by(owner));
        if event.kind() == Kind::Delete {
            return self.keep(owned);
        }
        let same = base.remaining == combined.remaining;
        let less = if same { order.quantity.0 } else { order.quantity.0.min(combined.remaining.0) };
        let reduced = sized(order, less).owned_by(owner);
        self.pass(with_order(event, reduced), &owned);
        self.follow(event.subject, order.id);
    }

    fn base_modify(&mut self, event: &Event) {
        let order: Order = event.body();
        let before = self.before(event.subject, order.id);
        let change = self.base.apply(event);
        let (Some(base), Some(price)) = (before.base, order.price.get()) else {
            return self.refused(event, &before);
        };
        let refused = change.effect == Effect::None && change.fault.is_some();
        if refused && before.combined.is_some() {
            return self.keep(*event);
        }
        let Some(combined) = before.combined else { return self.change(None) };
        let owner = if self.accounts.are_given() { base.participant } else { order.participant() };
        let owned = with_order(event, order.owned_by(owner));
        let shrinks = price == base.price && order.quantity <= base.remaining;
        let wanted = if shrinks {
            combined.remaining.0.saturating_sub(base.remaining.0 - order.quantity.0)
        } else {
            order.quantity.0.saturating_sub(before.missing())
        };
        let (left, owner) = match wanted {
            0 => (0, owner),
            _ => self.meet(event, base.side, price, wanted, owner),
        };
        if left == 0 {
            let gone = gone(event.subject, self.now, order.id, base.side, base.participant);
            return self.change(Some(gone));
        }
        let rest = sized(order, left).owned_by(owner);
        self.pass(with_order(event, rest), &owned);
    }

    /// On the tape an order that takes another's place is a deletion and an order that enters.
    fn base_replace(&mut self, event: &Event) {
        let body: Replacement = event.body();
        let before = self.before(event.subject, body.old);
        let change = self.base.apply(event);
        let Some(base) = before.base else { return self.counts.dropped += 1 };
        let refused = change.effect == Effect::None && change.fault.is_some();
        if refused || before.combined.is_none() {
            return self.change(None);
        }
        let out = gone(event.subject, self.now, body.old, base.side, base.participant);
        self.keep(out.from_source(event.source));
        let quantity = body.quantity.0.saturating_sub(before.missing());
        let (left, owner) = match quantity {
            0 => (0, base.participant),
            _ => self.meet(event, base.side, body.price, quantity, base.participant),
        };
        if left == 0 {
            return self.change(None);
        }
        let mut order = Order::new(body.new, body.price, Quantity(left)).owned_by(owner);
        order.attributes = base.attributes;
        let enters = Event::new(event.subject, event.event_at, order);
        let flags = Flags(event.flags.0 & !(Flags::BUY.0 | Flags::SELL.0)) | Flags::of(base.side);
        let enters = enters.with_flags(flags).from_source(event.source);
        if left == body.quantity.0 { self.keep(enters) } else { self.change(Some(enters)) }
    }

    /// The tape cannot say that a book begins anew: all orders are deleted instead.
    fn base_clear(&mut self, event: &Event) {
        let subjects: Vec<SubjectId> = match event.subject {
            SubjectId::EVERY => self.combined.subjects().collect(),
            one => vec![one],
        };
        self.base.apply(event);
        for subject in subjects {
            let Some(book) = self.combined.book(subject) else { continue };
            let mut orders: Vec<Resting> = book.hidden().copied().collect();
            for side in [Side::Buy, Side::Sell] {
                for level in book.levels(side) {
                    orders.extend(book.orders_at(side, level.price));
                }
            }
            for order in orders {
                self.leave(order.id);
                let event = gone(subject, self.now, order.id, order.side, order.participant);
                self.change(Some(event));
            }
        }
    }
}

/// The same order for another quantity.
fn sized(mut order: Order, quantity: u64) -> Order {
    order.quantity = Quantity(quantity);
    order
}
