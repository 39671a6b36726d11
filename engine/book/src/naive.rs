//! The same books, written as plainly as possible: the reference that tests hold [`Books`](crate::Books)
//! against.
//!
//! Levels are a map from price to a list of orders, or to what the feed told of them. Whatever is asked
//! is found by looking at all of it, and nothing is kept twice. Slow, and meant to be.

use crate::{Bounds, Change, Effect, Form, Place, Quote, Resting, Stale, Touch, Traded};
use engine_event::body::{
    self, Attributes, Execution, Gap, Order, Phase, Print, Replacement, Status,
};
use engine_event::{Definition, Event, Fault, FaultCounts, Flags, Kind, OrderId, Price, Quantity};
use engine_event::{MaybePrice, Side, SubjectId};
use std::collections::BTreeMap;

/// All books, plainly.
#[derive(Clone, Debug)]
pub struct NaiveBooks {
    bounds: Bounds,
    books: BTreeMap<SubjectId, NaiveBook>,
    faults_without_book: FaultCounts,
    /// What a book is like before its first event.
    fresh: NaiveBook,
}

/// One book, plainly.
#[derive(Clone, Default, Debug)]
pub struct NaiveBook {
    bids: BTreeMap<Price, Vec<Resting>>,
    asks: BTreeMap<Price, Vec<Resting>>,
    hidden: Vec<Resting>,
    form: Option<Form>,
    /// Quantity and number of orders by price, of books without orders.
    told_bids: BTreeMap<Price, (Quantity, u32)>,
    told_asks: BTreeMap<Price, (Quantity, u32)>,
    phase: Phase,
    stale: Option<Stale>,
    definition: Option<Definition>,
    faults: FaultCounts,
    crossing_told: bool,
    /// Whether the feed says where groups of events end.
    is_grouped: bool,
    /// Something entered or changed since the last event that was judged.
    may_cross: bool,
}

impl NaiveBooks {
    /// No books yet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            books: BTreeMap::new(),
            faults_without_book: FaultCounts::default(),
            fresh: NaiveBook::default(),
        }
    }

    /// Takes an event and tells what it changed.
    pub fn apply(&mut self, event: &Event) -> Change {
        let kind = event.kind();
        let concerns = (Kind::Define..=Kind::Status).contains(&kind)
            || (Kind::Clear..=Kind::Quote).contains(&kind)
            || kind == Kind::Gap;
        if !concerns || kind == Kind::Gap && event.body::<Gap>().reason() == Fault::Silent {
            return Change::NONE;
        }
        let everywhere = match kind {
            Kind::Status => Some(Effect::PhaseChanged),
            Kind::Gap => Some(Effect::Interrupted),
            Kind::Clear => Some(Effect::Cleared),
            _ => None,
        };
        if let Some(effect) = everywhere.filter(|_| event.subject == SubjectId::EVERY) {
            for book in self.books.values_mut().chain([&mut self.fresh]) {
                book.apply(event, false);
            }
            return Change { effect, ..Change::NONE };
        }
        if event.subject.0 >= self.bounds.subjects_max {
            self.faults_without_book.count(Fault::UnknownSubject);
            return Change { fault: Some(Fault::UnknownSubject), ..Change::NONE };
        }
        let levels_told: usize = self.books.values().map(NaiveBook::levels_told).sum();
        let is_full = self.orders_live() + levels_told >= self.bounds.orders_max as usize;
        let book = self.books.entry(event.subject).or_insert_with(|| self.fresh.clone());
        book.apply(event, is_full)
    }

    /// A subject's book.
    pub fn book(&self, subject: SubjectId) -> Option<&NaiveBook> {
        self.books.get(&subject)
    }

    /// The subjects that have a book, in their order.
    pub fn subjects(&self) -> impl Iterator<Item = SubjectId> {
        self.books.keys().copied()
    }

    /// How many orders rest in all books.
    pub fn orders_live(&self) -> usize {
        self.books.values().map(|book| book.orders().len()).sum()
    }

    /// How often each fault occurred.
    pub fn faults(&self) -> FaultCounts {
        let mut faults = self.faults_without_book;
        self.books.values().for_each(|book| faults.add(&book.faults));
        faults
    }
}

impl NaiveBook {
    /// The best bid and the best offer.
    pub fn touch(&self) -> Touch {
        let best = |side| self.levels(side).first().copied();
        Touch { bid: best(Side::Buy), ask: best(Side::Sell) }
    }

    /// One side's levels, best first.
    pub fn levels(&self, side: Side) -> Vec<Quote> {
        if self.form != Some(Form::Orders) {
            let told = |(price, level): (&Price, &(Quantity, u32))| Quote {
                price: *price,
                quantity: level.0,
                orders: level.1,
            };
            return match side {
                Side::Buy => self.told_bids.iter().rev().map(told).collect(),
                Side::Sell => self.told_asks.iter().map(told).collect(),
            };
        }
        let quote = |(price, orders): (&Price, &Vec<Resting>)| Quote {
            price: *price,
            quantity: Quantity(orders.iter().map(|order| order.remaining.0).sum()),
            orders: orders.len() as u32,
        };
        match side {
            Side::Buy => self.bids.iter().rev().map(quote).collect(),
            Side::Sell => self.asks.iter().map(quote).collect(),
        }
    }

    /// All that is displayed within so many hundredths of a percent of a side's best price.
    pub fn depth_within(&self, side: Side, basis_points: u32) -> u128 {
        let levels = self.levels(side);
        let is_near = |level: &&Quote| {
            let best = i128::from(levels[0].price.0);
            let away = (i128::from(level.price.0) - best).abs();
            away * 10_000 <= best.abs() * i128::from(basis_points)
        };
        levels.iter().filter(is_near).map(|level| u128::from(level.quantity.0)).sum()
    }

    /// The displayed orders at a price, in time priority.
    pub fn orders_at(&self, side: Side, price: Price) -> Vec<Resting> {
        let levels = if side == Side::Buy { &self.bids } else { &self.asks };
        levels.get(&price).cloned().unwrap_or_default()
    }

    /// The orders that are not displayed, in the order in which they came.
    pub fn hidden(&self) -> &[Resting] {
        &self.hidden
    }

    /// An order, displayed or not.
    pub fn order(&self, id: OrderId) -> Option<Resting> {
        self.orders().into_iter().find(|order| order.id == id)
    }

    /// What stands before a displayed order at its price.
    pub fn queue_position(&self, id: OrderId) -> Option<Place> {
        let order = self.order(id).filter(Resting::is_displayed)?;
        let queue = self.orders_at(order.side, order.price);
        let at = queue.iter().position(|order| order.id == id)?;
        Some(Place {
            orders_ahead: at as u32,
            quantity_ahead: Quantity(queue[..at].iter().map(|order| order.remaining.0).sum()),
        })
    }

    /// What the book is made of, once it was fed.
    pub fn form(&self) -> Option<Form> {
        self.form
    }

    /// What the market is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether, since when and why the book may differ from the venue's.
    pub fn stale(&self) -> Option<Stale> {
        self.stale
    }

    /// The subject's numbers.
    pub fn definition(&self) -> Option<&Definition> {
        self.definition.as_ref()
    }

    /// How often each fault occurred in this book.
    pub fn faults(&self) -> &FaultCounts {
        &self.faults
    }

    fn orders(&self) -> Vec<Resting> {
        let displayed = self.bids.values().chain(self.asks.values()).flatten();
        displayed.chain(&self.hidden).copied().collect()
    }

    /// How many levels were told, if levels are what the feed tells.
    fn levels_told(&self) -> usize {
        let levels = self.told_bids.len() + self.told_asks.len();
        if self.form == Some(Form::Levels) { levels } else { 0 }
    }

    fn apply(&mut self, event: &Event, is_full: bool) -> Change {
        let earlier = self.clone();
        let mut change = match self.change(event, is_full) {
            Ok(change) => change,
            Err(fault) => Change { fault: Some(fault), ..Change::NONE },
        };
        if self.overflows() {
            *self = earlier.clone();
            change = Change { fault: Some(Fault::OutOfRange), ..Change::NONE };
        }
        change.before = earlier.touch().into();
        let shown = |touch: Touch, side| touch.of(side).map(|best| (best.price, best.quantity));
        for side in [Side::Buy, Side::Sell] {
            let (was, is) = (shown(change.before(), side), shown(self.touch(), side));
            change.touch_changed |= was != is;
            change.touch_price_changed |= was.map(|best| best.0) != is.map(|best| best.0);
        }
        if self.is_newly_crossed(event, change.effect) {
            change.fault = Some(Fault::Crossed);
        }
        if let Some(fault) = change.fault {
            self.faults.count(fault);
            self.distrust(event, fault);
        }
        change
    }

    /// Judges the book where a group of events ends, or after each event if the feed has no groups.
    fn is_newly_crossed(&mut self, event: &Event, effect: Effect) -> bool {
        use Effect::{Entered, Modified, Replaced, Restated};
        let about_every = event.subject == SubjectId::EVERY;
        let is_last = event.flags.has(Flags::LAST) && !about_every;
        self.is_grouped |= is_last;
        self.may_cross |= matches!(effect, Entered | Modified | Replaced | Restated);
        if self.is_grouped && !is_last && !about_every {
            return false;
        }
        let touch = self.touch();
        let crossed = touch.bid.zip(touch.ask).is_some_and(|(bid, ask)| bid.price >= ask.price);
        let may_be_new = self.may_cross && !about_every;
        self.may_cross &= about_every;
        if !crossed || self.phase.may_cross() {
            self.crossing_told = false;
            return false;
        }
        let is_new = may_be_new && !self.crossing_told;
        self.crossing_told |= is_new;
        is_new
    }

    fn distrust(&mut self, event: &Event, reason: Fault) {
        if self.stale.is_none() {
            self.stale = Some(Stale { since_seq: event.seq, since_at: event.event_at, reason });
        }
    }

    fn overflows(&self) -> bool {
        let sum = |level: &Vec<Resting>| -> u128 {
            level.iter().map(|order| u128::from(order.remaining.0)).sum()
        };
        self.bids.values().chain(self.asks.values()).any(|level| sum(level) > u64::MAX.into())
    }

    /// May leave a level that overflows: then the caller undoes it.
    fn change(&mut self, event: &Event, is_full: bool) -> Result<Change, Fault> {
        let done = |effect| Ok(Change { effect, ..Change::NONE });
        match event.kind() {
            Kind::Add => self.add(event, is_full),
            Kind::Modify => self.modify(event.body()),
            Kind::Reduce => {
                let body: Order = event.body();
                self.take(body.id, body.quantity, Effect::Reduced)
            }
            Kind::Delete => {
                let body: Order = event.body();
                let order = self.order(body.id).ok_or(Fault::UnknownOrder)?;
                let level = shown_at(&order);
                self.remove(body.id);
                let order = Some(order);
                Ok(Change { effect: Effect::Deleted, order, level, ..Change::NONE })
            }
            Kind::Replace => self.replace(event),
            Kind::Execute => self.execute(event.body()),
            Kind::Define => {
                self.definition = Some(event.body());
                done(Effect::Defined)
            }
            Kind::Trade => {
                let Print { price, quantity, .. } = event.body();
                let traded = price.get().map(|price| Traded { price, quantity });
                Ok(Change { effect: Effect::Traded, traded, ..Change::NONE })
            }
            Kind::Break => done(Effect::Broken),
            Kind::Status => {
                let phase = event.body::<Status>().phase();
                let effect = if phase == self.phase { Effect::None } else { Effect::PhaseChanged };
                self.phase = phase;
                done(effect)
            }
            Kind::Gap => {
                self.distrust(event, event.body::<Gap>().reason());
                done(Effect::Interrupted)
            }
            Kind::Clear => {
                self.bids.clear();
                self.asks.clear();
                self.hidden.clear();
                self.told_bids.clear();
                self.told_asks.clear();
                self.form = None;
                self.stale = None;
                self.crossing_told = false;
                self.may_cross = false;
                done(Effect::Cleared)
            }
            Kind::Level => self.level(event, is_full),
            Kind::Quote => self.quote(event.body()),
            _ => done(Effect::None),
        }
    }

    fn level(&mut self, event: &Event, is_full: bool) -> Result<Change, Fault> {
        let body::Level { price, quantity, orders, .. } = event.body();
        let side = event.side().ok_or(Fault::IncompleteOrder)?;
        check(price.into(), Quantity(1))?;
        if self.form.is_some_and(|form| form != Form::Levels) {
            return Err(Fault::Malformed);
        }
        let depth = |book: &Self| {
            let levels = book.levels(side);
            levels.iter().position(|level| level.price == price).map(|depth| depth as u32)
        };
        let depth_before = depth(self);
        if depth_before.is_none() && quantity.0 > 0 && is_full {
            return Err(Fault::OrdersFull);
        }
        self.form = Some(Form::Levels);
        let told = if side == Side::Buy { &mut self.told_bids } else { &mut self.told_asks };
        let stood = told.get(&price).map_or(Quantity(0), |(stood, _)| *stood);
        let mut change = Change { effect: Effect::Restated, stood, ..Change::NONE };
        if quantity.0 > 0 {
            told.insert(price, (quantity, orders));
            (change.left, change.level) = (Some(quantity), Some((side, price)));
        } else {
            told.remove(&price);
            change.level = depth_before.map(|_| (side, price));
        }
        Ok(change)
    }

    fn quote(&mut self, body: body::Quote) -> Result<Change, Fault> {
        let sides = [(body.bid, body.bid_quantity), (body.ask, body.ask_quantity)];
        let shown = sides.map(|(price, quantity)| {
            price.get().filter(|_| quantity.0 > 0).map(|price| (price, (quantity, 0)))
        });
        for (price, _) in shown.into_iter().flatten() {
            check(price.into(), Quantity(1))?;
        }
        if self.form.is_some_and(|form| form != Form::Touch) {
            return Err(Fault::Malformed);
        }
        self.form = Some(Form::Touch);
        let [bid, ask] = shown.map(BTreeMap::from_iter);
        (self.told_bids, self.told_asks) = (bid, ask);
        Ok(Change { effect: Effect::Restated, ..Change::NONE })
    }

    fn add(&mut self, event: &Event, is_full: bool) -> Result<Change, Fault> {
        let body: Order = event.body();
        if body.price.get().is_none() && body.attributes.has(Attributes::IOC) {
            return Ok(Change::NONE);
        }
        let side = event.side().ok_or(Fault::IncompleteOrder)?;
        let price = check(body.price, body.quantity)?;
        if self.form.is_some_and(|form| form != Form::Orders) {
            return Err(Fault::Malformed);
        }
        if self.order(body.id).is_some() {
            return Err(Fault::DuplicateOrder);
        }
        if is_full {
            return Err(Fault::OrdersFull);
        }
        let mut attributes = body.attributes;
        if event.flags.has(Flags::HIDDEN) {
            attributes = attributes.and(Attributes::HIDDEN);
        }
        let order = Resting {
            id: body.id,
            price,
            remaining: body.quantity,
            entered_at: event.event_at,
            entered_seq: event.seq,
            participant: body.participant(),
            attributes,
            side,
        };
        self.form = Some(Form::Orders);
        self.put(order);
        Ok(self.rests(Effect::Entered, None, order))
    }

    fn modify(&mut self, body: Order) -> Result<Change, Fault> {
        let order = self.order(body.id).ok_or(Fault::UnknownOrder)?;
        let price = check(body.price, body.quantity)?;
        let changed = Resting { price, remaining: body.quantity, ..order };
        if price == order.price && body.quantity <= order.remaining {
            *self.find(body.id) = changed;
        } else {
            self.remove(body.id);
            self.put(changed);
        }
        Ok(self.rests(Effect::Modified, Some(order), changed))
    }

    fn replace(&mut self, event: &Event) -> Result<Change, Fault> {
        let body: Replacement = event.body();
        let order = self.order(body.old).ok_or(Fault::UnknownOrder)?;
        let price = check(body.price.into(), body.quantity)?;
        if body.old != body.new && self.order(body.new).is_some() {
            return Err(Fault::DuplicateOrder);
        }
        self.remove(body.old);
        let new = Resting {
            id: body.new,
            price,
            remaining: body.quantity,
            entered_at: event.event_at,
            entered_seq: event.seq,
            ..order
        };
        self.put(new);
        Ok(self.rests(Effect::Replaced, Some(order), new))
    }

    fn execute(&mut self, body: Execution) -> Result<Change, Fault> {
        let resting = self.order(body.id);
        let mut change = match self.take(body.id, body.quantity, Effect::Executed) {
            Err(Fault::UnknownOrder) => Change { fault: Some(Fault::UnknownOrder), ..Change::NONE },
            taken => taken?,
        };
        let price = body.price.get().or(resting.map(|order| order.price));
        change.traded = price.map(|price| Traded { price, quantity: body.quantity });
        Ok(change)
    }

    fn take(&mut self, id: OrderId, taken: Quantity, effect: Effect) -> Result<Change, Fault> {
        let order = self.order(id).ok_or(Fault::UnknownOrder)?;
        if taken == Quantity(0) {
            return Err(Fault::IncompleteOrder);
        }
        let level = shown_at(&order);
        let change = Change { effect, order: Some(order), level, ..Change::NONE };
        if taken >= order.remaining {
            self.remove(id);
            let fault = (taken > order.remaining).then_some(Fault::BeyondQuantity);
            return Ok(Change { fault, ..change });
        }
        let left = Quantity(order.remaining.0 - taken.0);
        self.find(id).remaining = left;
        Ok(Change { left: Some(left), ..change })
    }

    /// What is told of an order that rests now.
    fn rests(&self, effect: Effect, before: Option<Resting>, now: Resting) -> Change {
        let left = Some(now.remaining);
        Change { effect, order: before, left, level: shown_at(&now), ..Change::NONE }
    }

    fn put(&mut self, order: Resting) {
        if !order.is_displayed() {
            return self.hidden.push(order);
        }
        let levels = if order.side == Side::Buy { &mut self.bids } else { &mut self.asks };
        levels.entry(order.price).or_default().push(order);
    }

    fn remove(&mut self, id: OrderId) {
        for levels in [&mut self.bids, &mut self.asks] {
            levels.values_mut().for_each(|level| level.retain(|order| order.id != id));
            levels.retain(|_, level| !level.is_empty());
        }
        self.hidden.retain(|order| order.id != id);
    }

    fn find(&mut self, id: OrderId) -> &mut Resting {
        let displayed = self.bids.values_mut().chain(self.asks.values_mut()).flatten();
        let mut orders = displayed.chain(&mut self.hidden);
        orders.find(|order| order.id == id).expect("the caller has found it before")
    }
}

/// The level of a displayed order.
fn shown_at(order: &Resting) -> Option<(Side, Price)> {
    order.is_displayed().then_some((order.side, order.price))
}

/// The price with which an order can rest.
fn check(price: MaybePrice, quantity: Quantity) -> Result<Price, Fault> {
    match price.get() {
        None => Err(Fault::IncompleteOrder),
        Some(_) if quantity == Quantity(0) => Err(Fault::IncompleteOrder),
        Some(Price(units)) if units.unsigned_abs() > 1 << 62 || units == 1 << 62 => {
            Err(Fault::OutOfRange)
        }
        Some(price) => Ok(price),
    }
}
