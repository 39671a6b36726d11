//! Two markets side by side: the base flow alone, and the same flow with the injected orders in it.
//!
//! The base flow is a record of what happened without the injected orders. With them, something else
//! would have happened, and the combined market is told that:
//!
//! - A base aggressor who traded against order X at price P meets first the injected orders that stand
//!   before X: at a better price, or at X's price and earlier in the queue. They take what they can of the
//!   quantity, X gets the rest. The quantity that the aggressor trades stays the same.
//! - A base order that would stand across an injected one trades against it, and what is left of it
//!   enters.
//! - Injected orders that come with a price at which others rest trade against these, level by level, in
//!   the queue's order. What they take is missing later: the base's own events are cut to what is left,
//!   and dropped where nothing is.
//! - A base order that leaves the base's book leaves the combined one with it, even if something is left
//!   of it there because an injected order was before it.
//!
//! So all that rests in the combined book is either injected or rests in the base's book as well, and the
//! combined book crosses only where the base's does.

mod auction;
mod base;
mod pulse;
#[cfg(test)]
mod tests;

use crate::accounts::Accounts;
use engine_book::{BookView, Books, Bounds};
use engine_event::body::{Attributes, Execution, Order, Phase, Status};
use engine_event::{
    Event, FaultCounts, Flags, Kind, Nanos, OrderId, ParticipantId, Price, Quantity, Side,
    SubjectId,
};
pub use pulse::{Pulse, Trade};
use rustc_hash::FxHashMap;

/// Both markets, the injected orders, and what the combined tape gets.
#[derive(Debug)]
pub struct Floor {
    /// The base flow's books.
    pub(crate) base: Books,
    /// With the injected orders.
    pub(crate) combined: Books,
    /// Now.
    pub(crate) now: Nanos,
    /// What the combined tape gets, until it is fetched.
    pub(crate) out: Vec<Event>,
    pub(crate) accounts: Accounts,
    own: FxHashMap<OrderId, Own>,
    /// Injected orders that rest, in the order in which they entered.
    resting: FxHashMap<SubjectId, Vec<OrderId>>,
    pulses: FxHashMap<SubjectId, Pulse>,
    /// The largest order that was ever entered.
    largest: FxHashMap<SubjectId, u64>,
    next: OrderId,
    first: OrderId,
    /// Deletions to leave out: ghosts.
    pub(crate) counts: Counts,
}

/// How often what happened to the base's events, and what the injected ones did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Base events that went on as they were.
    pub kept: u64,
    /// Base events of which a part went on, or which became something else.
    pub changed: u64,
    /// Base events about what is not there any more.
    pub dropped: u64,
    /// Base events of kinds that the tape does not have.
    pub untold: u64,
    /// Events that are injected orders' own.
    pub injected: u64,
    /// Faults of the combined book that the base's book does not have: there are none.
    pub faults: u64,
}

/// An injected order.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// What it is for.
    pub subject: SubjectId,
    /// Bid or ask.
    pub side: Side,
    /// Its limit.
    pub price: Price,
    /// What rests of it.
    pub remaining: u64,
    /// What traded of it, at its entry or later.
    pub filled: u64,
    /// The value of that: price times quantity, added up.
    pub value: i128,
    /// Whose it is.
    pub who: ParticipantId,
    /// How it behaves.
    pub attributes: Attributes,
    /// When it entered.
    pub entered_at: Nanos,
    /// When it traded last.
    pub filled_at: Nanos,
}

/// What an injected order is to be.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Whose it is.
    pub who: ParticipantId,
    /// Bid or ask.
    pub side: Side,
    /// Its limit.
    pub price: Price,
    /// For how much.
    pub quantity: u64,
    /// How it behaves.
    pub attributes: Attributes,
    /// Whether it may trade with an order of its own account. Else that order is taken away, as a venue's
    /// self-match prevention does it: nobody trades with himself by chance.
    pub meets_itself: bool,
}

impl Floor {
    /// Before the first event. Injected orders are numbered from `first` on.
    pub fn new(first: OrderId, accounts: Accounts) -> Self {
        let bounds = Bounds::default();
        Self {
            base: Books::new(bounds),
            combined: Books::new(bounds),
            now: Nanos(0),
            out: Vec::new(),
            accounts,
            own: FxHashMap::default(),
            resting: FxHashMap::default(),
            pulses: FxHashMap::default(),
            largest: FxHashMap::default(),
            next: first,
            first,
            counts: Counts::default(),
        }
    }

    /// What the base displays on a side within this reach of its best price.
    pub fn base_depth(&self, subject: SubjectId, side: Side, reach: i64) -> u64 {
        let Some(book) = self.base.book(subject) else { return 0 };
        let Some(best) = book.touch().of(side) else { return 0 };
        let near =
            book.levels(side).take_while(|level| (level.price.0 - best.price.0).abs() <= reach);
        near.map(|level| level.quantity.0).sum()
    }

    /// A subject's combined book.
    pub fn book(&self, subject: SubjectId) -> Option<BookView<'_>> {
        self.combined.book(subject)
    }

    /// An injected order, also after it has left.
    pub fn own(&self, id: OrderId) -> Option<&Own> {
        self.own.get(&id)
    }

    /// What traded lately.
    pub fn pulse(&self, subject: SubjectId) -> Option<&Pulse> {
        self.pulses.get(&subject)
    }

    /// The largest order that was ever entered: whatever an order may be at most, it is not less.
    pub fn largest(&self, subject: SubjectId) -> u64 {
        self.largest.get(&subject).copied().unwrap_or(0)
    }

    /// The number of the first injected order.
    pub fn first(&self) -> OrderId {
        self.first
    }

    /// Whether orders trade as they come. After the close, too: nobody may stand across another then.
    pub fn is_continuous(&self, subject: SubjectId) -> bool {
        self.combined.book(subject).is_none_or(|book| !book.phase().may_cross())
    }

    /// Whether the session is over.
    pub fn is_closed(&self, subject: SubjectId) -> bool {
        self.combined.book(subject).is_some_and(|book| book.phase() == Phase::Close)
    }

    /// Takes back all injected orders of a subject.
    pub fn clear(&mut self, subject: SubjectId) {
        let resting = self.resting.get(&subject).cloned().unwrap_or_default();
        resting.into_iter().for_each(|id| self.cancel(id));
    }

    /// An injected order comes: it trades against what it meets, and rests if anything is left, unless it
    /// is immediate or cancel.
    pub fn enter(&mut self, subject: SubjectId, entry: Entry) -> OrderId {
        let id = self.next;
        self.next.0 += 1;
        let own = Own {
            subject,
            side: entry.side,
            price: entry.price,
            remaining: 0,
            filled: 0,
            value: 0,
            who: entry.who,
            attributes: entry.attributes,
            entered_at: self.now,
            filled_at: Nanos(0),
        };
        self.own.insert(id, own);
        let (price, quantity) = (entry.price, entry.quantity);
        let left = self.aggress(subject, id, price, quantity, entry.meets_itself);
        if left == 0 {
            return id;
        }
        let mut order = Order::new(id, entry.price, Quantity(left)).owned_by(Some(entry.who));
        order.attributes = entry.attributes;
        self.inject(Event::new(subject, self.now, order).with_flags(Flags::of(entry.side)));
        if entry.attributes.has(Attributes::IOC) {
            self.inject(gone(subject, self.now, id, entry.side, Some(entry.who)));
            return id;
        }
        if let Some(own) = self.own.get_mut(&id) {
            own.remaining = left;
        }
        self.resting.entry(subject).or_default().push(id);
        id
    }

    /// An injected order that rests is taken back. Nothing happens if it does not rest any more.
    pub fn cancel(&mut self, id: OrderId) {
        let Some(&Own { subject, side, who, remaining, .. }) = self.own.get(&id) else { return };
        if remaining > 0 {
            self.leave(id);
            self.inject(gone(subject, self.now, id, side, Some(who)));
        }
    }

    /// An injected order that rests gets another price and quantity; it trades first if it comes to stand
    /// across others.
    pub fn amend(&mut self, id: OrderId, price: Price, quantity: u64) {
        let Some(&Own { subject, side, who, remaining, .. }) = self.own.get(&id) else { return };
        if remaining == 0 || quantity == 0 {
            return;
        }
        let left = self.aggress(subject, id, price, quantity, false);
        if left == 0 {
            self.leave(id);
            self.inject(gone(subject, self.now, id, side, Some(who)));
            return;
        }
        if let Some(own) = self.own.get_mut(&id) {
            (own.price, own.remaining) = (price, left);
        }
        let order = Order::new(id, price, Quantity(left)).owned_by(Some(who));
        let event = Event::new(subject, self.now, order).with_kind(Kind::Modify);
        self.inject(event.with_flags(Flags::of(side)));
    }

    /// A phase begins that the base does not tell of.
    pub fn begin(&mut self, subject: SubjectId, phase: Phase) {
        let event = Event::new(subject, self.now, Status::new(phase, b""));
        self.base.apply(&event);
        self.inject(event);
        self.untangle(&event);
    }

    /// Whatever the tape can tell and no book keeps: news, a position, a trade reported off the book.
    pub fn tell(&mut self, event: Event) {
        self.inject(event);
    }

    /// Trades an order that has just come against what rests on the other side, as far as its price lets
    /// it. Gives what is left.
    fn aggress(
        &mut self,
        subject: SubjectId,
        id: OrderId,
        price: Price,
        quantity: u64,
        meets_itself: bool,
    ) -> u64 {
        let Some(&Own { side, who, .. }) = self.own.get(&id) else { return quantity };
        if !self.is_continuous(subject) {
            return quantity;
        }
        let mut left = quantity;
        while left > 0 {
            let Some(met) = self.met_first(subject, side.opposite(), price) else { break };
            if !meets_itself && met.participant == Some(who) {
                self.withdraw(subject, met.id, side.opposite(), met.participant);
                continue;
            }
            let traded = left.min(met.remaining.0);
            self.trade(subject, &met, traded, Some(who));
            left -= traded;
            let now = self.now;
            if let Some(own) = self.own.get_mut(&id) {
                own.take(traded, met.price, now);
            }
        }
        left
    }

    /// Which order a comer meets first on a side, if its limit reaches that far: displayed ones before
    /// hidden ones at each price.
    fn met_first(
        &self,
        subject: SubjectId,
        side: Side,
        limit: Price,
    ) -> Option<engine_book::Resting> {
        let book = self.combined.book(subject)?;
        let shown = book.levels(side).next().map(|level| level.price);
        let shown = shown.and_then(|price| book.orders_at(side, price).next());
        let hidden = book.hidden().filter(|order| order.side == side);
        let best =
            hidden.reduce(
                |best, order| {
                    if is_better(side, order.price, best.price) { order } else { best }
                },
            );
        let first = match (shown, best) {
            (Some(shown), Some(best)) if is_better(side, best.price, shown.price) => best,
            (Some(shown), _) => shown,
            (None, best) => best?,
        };
        (!is_better(side, limit, first.price)).then_some(*first)
    }

    /// A resting order trades.
    fn trade(
        &mut self,
        subject: SubjectId,
        resting: &engine_book::Resting,
        quantity: u64,
        counterparty: Option<ParticipantId>,
    ) {
        let execution = Execution::new(resting.id, resting.price, Quantity(quantity))
            .between(resting.participant, counterparty);
        let mut event = Event::new(subject, self.now, execution);
        event = event.with_flags(Flags::of(resting.side));
        if !resting.is_displayed() {
            event = event.with_flags(Flags::HIDDEN);
        }
        self.inject(event);
        self.fill(resting.id, quantity, resting.price);
    }

    /// An injected order, if it is one, has traded while it rested.
    fn fill(&mut self, id: OrderId, quantity: u64, price: Price) {
        let now = self.now;
        let Some(own) = self.own.get_mut(&id) else { return };
        own.take(quantity, price, now);
        own.remaining = own.remaining.saturating_sub(quantity);
        if own.remaining == 0 {
            self.leave(id);
        }
    }

    /// An order, injected or not, is taken out of the combined book.
    fn withdraw(
        &mut self,
        subject: SubjectId,
        id: OrderId,
        side: Side,
        owner: Option<ParticipantId>,
    ) {
        self.leave(id);
        self.inject(gone(subject, self.now, id, side, owner));
    }

    /// An injected order rests no more.
    fn leave(&mut self, id: OrderId) {
        let Some(own) = self.own.get_mut(&id) else { return };
        own.remaining = 0;
        if let Some(resting) = self.resting.get_mut(&own.subject) {
            resting.retain(|other| *other != id);
        }
    }

    /// Forgets injected orders that have left.
    pub fn forget(&mut self, orders: &[OrderId]) {
        for id in orders {
            if self.own.get(id).is_some_and(|own| own.remaining == 0) {
                self.own.remove(id);
            }
        }
    }

    fn inject(&mut self, event: Event) {
        self.counts.injected += 1;
        if self.emit(event) {
            self.counts.faults += 1;
        }
    }

    /// The combined tape gets an event. Gives whether there was a fault.
    fn emit(&mut self, event: Event) -> bool {
        let change = self.combined.apply(&event);
        if let Some(traded) = change.traded {
            let side = event.side().or(change.order.map(|order| order.side));
            let parties = match event.kind() {
                Kind::Execute => {
                    let body: Execution = event.body();
                    (body.participant(), body.counterparty())
                }
                _ => (None, None),
            };
            let trade = Trade {
                at: self.now,
                price: traded.price,
                quantity: traded.quantity.0,
                resting: side,
                participant: parties.0,
                counterparty: parties.1,
            };
            self.pulses.entry(event.subject).or_default().push(trade);
        }
        let touch = self.combined.book(event.subject).map(|book| book.touch());
        if let Some((mid2, spread)) = touch.and_then(|touch| touch.mid2().zip(touch.spread())) {
            self.pulses.entry(event.subject).or_default().stand(self.now, mid2, spread);
        }
        if event.kind() == Kind::Add {
            let largest = self.largest.entry(event.subject).or_default();
            *largest = (*largest).max(event.body::<Order>().quantity.0);
        }
        if change.touch_price_changed && matches!(event.kind(), Kind::Add | Kind::Modify) {
            self.improved(&event, &change);
        }
        self.out.push(event);
        change.fault.is_some()
    }

    /// Remembers where the base improves a best price.
    fn improved(&mut self, event: &Event, change: &engine_book::Change) {
        let Some((side, _)) = change.level else { return };
        if event.first_word() >= self.first.0 {
            return;
        }
        let now = self.combined.book(event.subject).and_then(|book| book.touch().of(side));
        let better = match (now, change.before().of(side)) {
            (Some(now), Some(before)) => is_better(side, now.price, before.price),
            _ => false,
        };
        if better {
            self.pulses.entry(event.subject).or_default().improve(self.now, side);
        }
    }

    /// How often each fault occurred in the combined books.
    pub fn faults(&self) -> FaultCounts {
        self.combined.faults()
    }

    /// The same of the base's books.
    pub fn base_faults(&self) -> FaultCounts {
        self.base.faults()
    }
}

impl Own {
    fn take(&mut self, quantity: u64, price: Price, now: Nanos) {
        self.filled += quantity;
        self.value += i128::from(price.0) * i128::from(quantity);
        self.filled_at = now;
    }
}

/// Whether the price is better for those who come to trade against this side.
pub(crate) fn is_better(side: Side, price: Price, than: Price) -> bool {
    match side {
        Side::Buy => price > than,
        Side::Sell => price < than,
    }
}

fn gone(
    subject: SubjectId,
    at: Nanos,
    id: OrderId,
    side: Side,
    owner: Option<ParticipantId>,
) -> Event {
    let event = Event::new(subject, at, Order::gone(id).owned_by(owner));
    event.with_kind(Kind::Delete).with_flags(Flags::of(side))
}
