//! Where an episode sits: it sees the combined market, enters and withdraws orders, and waits.
//!
//! An episode is an `async` function over a [`Desk`]. It runs until it waits; it goes on when the time
//! has come or the market has moved. Nothing else is behind it: no runtime, no thread, no clock but the
//! flow's own.

use crate::chance::Chance;
use crate::floor::{Entry, Floor, Own, Pulse};
use crate::stage::Mood;
use crate::survey::Instrument;
use engine_book::BookView;
use engine_event::body::Attributes;
use engine_event::{Event, Nanos, OrderId, ParticipantId, Price, Side, SubjectId};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// A second, a millisecond and a microsecond of event time.
pub const SECOND: u64 = 1_000_000_000;
/// A thousandth of it.
pub const MILLI: u64 = 1_000_000;
/// A millionth of it.
pub const MICRO: u64 = 1_000;

/// How an episode ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It happened; it was decided at this time.
    Done(Nanos),
    /// The market did not do its part: there is nothing to be found.
    Void,
}

/// An episode's place in the market.
#[derive(Debug)]
pub struct Desk {
    floor: Rc<RefCell<Floor>>,
    /// What is traded.
    pub subject: SubjectId,
    /// The share of the defining quantities.
    pub severity: f64,
    instrument: Rc<Instrument>,
    chance: RefCell<Chance>,
    /// The culprits, the first of them first.
    culprits: Vec<ParticipantId>,
    /// Who may be others: followers, joiners, victims.
    others: Rc<Vec<ParticipantId>>,
    entered: RefCell<Vec<OrderId>>,
    wake: Rc<Cell<Option<Nanos>>>,
    mood: Option<Rc<Mood>>,
}

impl Desk {
    /// A desk in a market.
    pub fn new(
        floor: Rc<RefCell<Floor>>,
        (subject, instrument): (SubjectId, Rc<Instrument>),
        (culprits, others): (Vec<ParticipantId>, Rc<Vec<ParticipantId>>),
        severity: f64,
        seed: u64,
    ) -> Self {
        Self {
            floor,
            subject,
            severity,
            instrument,
            chance: RefCell::new(Chance::new(seed)),
            culprits,
            others,
            entered: RefCell::default(),
            wake: Rc::default(),
            mood: None,
        }
    }

    /// A second desk in the same market, whose orders are others'.
    pub(crate) fn beside(&self, seed: u64) -> Self {
        Self {
            floor: self.floor.clone(),
            subject: self.subject,
            severity: self.severity,
            instrument: self.instrument.clone(),
            chance: RefCell::new(Chance::new(seed)),
            culprits: self.culprits.clone(),
            others: self.others.clone(),
            entered: RefCell::default(),
            wake: self.wake.clone(),
            mood: self.mood.clone(),
        }
    }

    /// The same desk on a stage.
    pub(crate) fn on_stage(mut self, mood: Rc<Mood>) -> Self {
        self.mood = Some(mood);
        self
    }

    /// What the stage's crowd goes by; where there is no stage, nobody does.
    pub fn mood(&self) -> Rc<Mood> {
        self.mood.clone().unwrap_or_else(|| Rc::new(Mood::new(0.0)))
    }

    /// When it wants to go on at the latest.
    pub(crate) fn wake(&self) -> Rc<Cell<Option<Nanos>>> {
        self.wake.clone()
    }

    // What there is to see.

    /// Now.
    pub fn now(&self) -> Nanos {
        self.floor.borrow().now
    }

    /// Looks at the combined book, if there is one.
    pub fn see<T>(&self, look: impl FnOnce(BookView<'_>) -> T) -> Option<T> {
        self.floor.borrow().book(self.subject).map(look)
    }

    /// The best price of a side.
    pub fn best(&self, side: Side) -> Option<Price> {
        self.see(|book| book.levels(side).next().map(|level| level.price)).flatten()
    }

    /// Best bid and best offer.
    pub fn touch(&self) -> Option<(Price, Price)> {
        self.best(Side::Buy).zip(self.best(Side::Sell))
    }

    /// The spread in ticks.
    pub fn spread(&self) -> Option<i64> {
        self.touch().map(|(bid, ask)| (ask.0 - bid.0) / self.tick())
    }

    /// Smallest step of prices.
    pub fn tick(&self) -> i64 {
        self.instrument.tick.max(1)
    }

    /// Smallest quantity.
    pub fn lot(&self) -> u64 {
        self.instrument.lot.max(1)
    }

    /// So many ticks behind a price, away from the other side; before it where `ticks` is negative.
    pub fn behind(&self, side: Side, price: Price, ticks: i64) -> Price {
        match side {
            Side::Buy => Price(price.0 - ticks * self.tick()),
            Side::Sell => Price(price.0 + ticks * self.tick()),
        }
    }

    /// Whether one may trade: both sides are there and orders trade as they come.
    pub fn is_open(&self) -> bool {
        self.touch().is_some_and(|(bid, ask)| bid < ask)
            && self.floor.borrow().is_continuous(self.subject)
            && !self.floor.borrow().is_closed(self.subject)
    }

    /// Whether orders trade as they come, whatever stands there.
    pub fn is_trading(&self) -> bool {
        let floor = self.floor.borrow();
        floor.is_continuous(self.subject) && !floor.is_closed(self.subject)
    }

    /// The price that is a whole number of ticks, not above this one.
    pub fn on_grid(&self, price: Price) -> Price {
        self.instrument.on_grid(price)
    }

    /// Who stands first at a side's best price.
    pub fn first_owner(&self, side: Side) -> Option<ParticipantId> {
        let first = self.see(|book| {
            let best = book.levels(side).next()?.price;
            book.orders_at(side, best).next().and_then(|order| order.participant)
        });
        first.flatten()
    }

    /// How far around the touch orders count as near: 25 basis points, at least 5 ticks.
    pub fn reach(&self) -> i64 {
        let mid = self.touch().map_or(0, |(bid, ask)| (bid.0 / 2 + ask.0 / 2).abs());
        (mid / 400).max(5 * self.tick())
    }

    /// What others display on a side within [`reach`](Self::reach) of its touch: as it is without any
    /// injected order, so that campaigns side by side do not outgrow each other; on a stage, as it is.
    pub fn depth(&self, side: Side) -> u64 {
        self.depth_within(side, self.reach())
    }

    /// The same within another distance, in price units.
    pub fn depth_within(&self, side: Side, reach: i64) -> u64 {
        let base = self.floor.borrow().base_depth(self.subject, side, reach);
        if base > 0 {
            return base;
        }
        let mine = |who: Option<ParticipantId>| who.is_some_and(|who| self.culprits.contains(&who));
        let sum = self.see(|book| {
            let best = book.levels(side).next()?.price;
            let near =
                book.levels(side).take_while(|level| (level.price.0 - best.0).abs() <= reach);
            let orders = near.flat_map(|level| book.orders_at(side, level.price));
            Some(
                orders
                    .filter(|order| !mine(order.participant))
                    .map(|order| order.remaining.0)
                    .sum(),
            )
        });
        sum.flatten().unwrap_or(0)
    }

    /// What is displayed at a price.
    pub fn at_level(&self, side: Side, price: Price) -> u64 {
        let level = self.see(|book| book.level(side, price).map(|level| level.quantity.0));
        level.flatten().unwrap_or(0)
    }

    /// The size that this share of the instrument's orders does not exceed.
    pub fn size(&self, share: f64) -> u64 {
        self.instrument.quantile(share)
    }

    /// A quantity in whole lots, at least one.
    pub fn lots(&self, quantity: f64) -> u64 {
        let lot = self.lot();
        ((quantity / lot as f64).round() as u64).max(1) * lot
    }

    /// What traded within the last so many nanoseconds.
    pub fn volume(&self, lately: u64) -> u64 {
        let floor = self.floor.borrow();
        let from = Nanos(floor.now.0.saturating_sub(lately));
        floor.pulse(self.subject).map_or(0, |pulse| pulse.volume_since(from))
    }

    /// How often somebody comes and trades with a side, each second: by the last ten minutes.
    pub fn comings(&self, side: Side) -> f64 {
        let floor = self.floor.borrow();
        let from = Nanos(floor.now.0.saturating_sub(600 * SECOND));
        let Some(pulse) = floor.pulse(self.subject) else { return 0.0 };
        let mut moments: Vec<_> = pulse
            .since(from)
            .filter(|trade| trade.resting.is_none_or(|resting| resting == side))
            .map(|trade| trade.at)
            .collect();
        moments.dedup();
        moments.len() as f64 / 600.0
    }

    /// How often others have improved a side's best price within the last so many nanoseconds.
    pub fn improvements(&self, side: Side, lately: u64) -> usize {
        let floor = self.floor.borrow();
        let from = Nanos(floor.now.0.saturating_sub(lately));
        floor.pulse(self.subject).map_or(0, |pulse| pulse.improvements(side, from))
    }

    /// How far the mid typically moves in this time, in price units: by the last ten minutes.
    pub fn sigma(&self, over: u64) -> f64 {
        let floor = self.floor.borrow();
        let from = Nanos(floor.now.0.saturating_sub(600 * SECOND));
        let second = floor
            .pulse(self.subject)
            .map_or(0.0, |pulse| pulse.restlessness(from, floor.now) / 2.0);
        second * (over as f64 / SECOND as f64).sqrt()
    }

    /// How finely the market tells prices apart, in ticks: one, or a quarter of the usual spread where that
    /// is more.
    pub fn step(&self) -> i64 {
        let floor = self.floor.borrow();
        let spread = floor.pulse(self.subject).map_or(0.0, Pulse::spread);
        ((spread / 4.0 / self.tick() as f64).round() as i64).max(1)
    }

    /// The mid, doubled, as it stood so long ago.
    pub fn mid2_before(&self, ago: u64) -> Option<i64> {
        let floor = self.floor.borrow();
        let at = Nanos(floor.now.0.saturating_sub(ago));
        floor.pulse(self.subject).and_then(|pulse| pulse.mid2_at(at))
    }

    /// How often the mid goes a side's way within such a time: at moments of the last ten minutes.
    pub fn goes(&self, side: Side, over: u64) -> f64 {
        let (mut seen, mut goes) = (0, 0);
        for moment in 1..=64u64 {
            let ago = over + moment * 9 * SECOND;
            let stood = self.mid2_before(ago).zip(self.mid2_before(ago - over));
            let Some((before, after)) = stood else { continue };
            seen += 1;
            goes += u32::from(if side == Side::Buy { after > before } else { after < before });
        }
        f64::from(goes) / f64::from(seen.max(1))
    }

    /// The price of the latest trade.
    pub fn last(&self) -> Option<Price> {
        let floor = self.floor.borrow();
        floor.pulse(self.subject).and_then(|pulse| pulse.last()).map(|trade| trade.price)
    }

    /// How many events a second the instrument's flow has.
    pub fn rate(&self) -> f64 {
        let (from, to) = self.instrument.span;
        self.instrument.events as f64 * 1e9 / (to.0.saturating_sub(from.0)).max(SECOND) as f64
    }

    // Who there is.

    /// The culprit.
    pub fn me(&self) -> ParticipantId {
        self.culprits[0]
    }

    /// One of the culprits.
    pub fn culprit(&self, number: usize) -> ParticipantId {
        self.culprits[number % self.culprits.len()]
    }

    /// Somebody who has nothing to do with it; the same for the same number within an instrument.
    pub fn other(&self, number: usize) -> ParticipantId {
        let innocent = |who: &&ParticipantId| !self.culprits.contains(*who);
        let count = self.others.len().max(1);
        let from = self.others.iter().cycle().skip(number % count).take(count);
        from.copied().find(|who| innocent(&who)).unwrap_or(self.culprits[0])
    }

    /// One of the others, each as likely as any: nobody stands out.
    pub fn anybody(&self) -> ParticipantId {
        let last = self.others.len().max(1) as u64 - 1;
        self.other(self.whole(0, last) as usize)
    }

    // Chance.

    /// A number between the two.
    pub fn between(&self, least: f64, most: f64) -> f64 {
        self.chance.borrow_mut().between(least, most)
    }

    /// A whole number between the two, both possible.
    pub fn whole(&self, least: u64, most: u64) -> u64 {
        self.chance.borrow_mut().whole(least..=most)
    }

    /// True in this share of cases.
    pub fn happens(&self, share: f64) -> bool {
        self.chance.borrow_mut().happens(share)
    }

    /// One of the two sides.
    pub fn side(&self) -> Side {
        if self.happens(0.5) { Side::Buy } else { Side::Sell }
    }

    // What can be done.

    /// The culprit enters a plain limit order.
    pub fn enter(&self, side: Side, price: Price, quantity: u64) -> OrderId {
        self.enter_as(self.me(), side, price, quantity, Attributes::NONE)
    }

    /// Anybody enters any order.
    pub fn enter_as(
        &self,
        who: ParticipantId,
        side: Side,
        price: Price,
        quantity: u64,
        attributes: Attributes,
    ) -> OrderId {
        let quantity = quantity.max(1);
        self.put(Entry { who, side, price, quantity, attributes, meets_itself: false })
    }

    /// Somebody enters an order that trades with his own, too.
    pub fn enter_against_himself(
        &self,
        who: ParticipantId,
        side: Side,
        price: Price,
        quantity: u64,
    ) -> OrderId {
        let attributes = Attributes::NONE;
        self.put(Entry { who, side, price, quantity, attributes, meets_itself: true })
    }

    fn put(&self, entry: Entry) -> OrderId {
        let id = self.floor.borrow_mut().enter(self.subject, entry);
        self.entered.borrow_mut().push(id);
        id
    }

    /// Somebody trades at once what can be had up to a price, and no more. Gives how much that was.
    pub fn sweep(&self, who: ParticipantId, side: Side, limit: Price, quantity: u64) -> u64 {
        let id = self.enter_as(who, side, limit, quantity, Attributes::IOC);
        self.filled(id)
    }

    /// Takes an order back, if it rests.
    pub fn cancel(&self, id: OrderId) {
        self.floor.borrow_mut().cancel(id);
    }

    /// Gives an order that rests another price and quantity.
    pub fn amend(&self, id: OrderId, price: Price, quantity: u64) {
        self.floor.borrow_mut().amend(id, price, quantity);
    }

    /// Tells what no book keeps: news, a position.
    pub fn tell(&self, event: Event) {
        self.floor.borrow_mut().tell(event);
    }

    /// Whatever else the market lets one do.
    pub fn with_floor<T>(&self, act: impl FnOnce(&mut Floor) -> T) -> T {
        act(&mut self.floor.borrow_mut())
    }

    /// An order that was entered here.
    pub fn order(&self, id: OrderId) -> Option<Own> {
        self.floor.borrow().own(id).copied()
    }

    /// How much of an order has traded.
    pub fn filled(&self, id: OrderId) -> u64 {
        self.order(id).map_or(0, |own| own.filled)
    }

    /// How much of an order rests.
    pub fn rests(&self, id: OrderId) -> u64 {
        self.order(id).map_or(0, |own| own.remaining)
    }

    /// Takes everything back that rests and forgets what has left.
    pub fn clear_up(&self) {
        let orders = std::mem::take(&mut *self.entered.borrow_mut());
        let mut floor = self.floor.borrow_mut();
        orders.iter().for_each(|id| floor.cancel(*id));
        floor.forget(&orders);
    }

    /// Forgets what has left, but for these orders.
    pub(crate) fn forget_gone(&self, orders: &[OrderId]) {
        let all = std::mem::replace(&mut *self.entered.borrow_mut(), orders.to_vec());
        let gone: Vec<OrderId> = all.into_iter().filter(|id| !orders.contains(id)).collect();
        self.floor.borrow_mut().forget(&gone);
    }

    /// Takes nothing back, but forgets what has left: others' orders that go on resting.
    pub fn done(&self) -> Outcome {
        Outcome::Done(self.now())
    }

    // Waiting.

    /// Waits so long.
    pub async fn pause(&self, nanos: u64) {
        self.until(nanos, |_| false).await;
    }

    /// Waits until then.
    pub async fn until_time(&self, at: Nanos) {
        self.pause(at.0.saturating_sub(self.now().0)).await;
    }

    /// Waits as long as it takes something between the two.
    pub async fn pause_between(&self, least: u64, most: u64) {
        let nanos = self.whole(least, most);
        self.pause(nanos).await;
    }

    /// Waits until something is so, at most so long. Gives whether it came to be.
    pub async fn until(&self, nanos: u64, mut is_so: impl FnMut(&Desk) -> bool) -> bool {
        let deadline = Nanos(self.now().0.saturating_add(nanos));
        poll_fn(move |_| {
            if is_so(self) {
                return Poll::Ready(true);
            }
            if self.now() >= deadline {
                return Poll::Ready(false);
            }
            let earlier = self.wake.get().is_none_or(|wake| deadline < wake);
            if earlier {
                self.wake.set(Some(deadline));
            }
            Poll::Pending
        })
        .await
    }

    /// Waits until so much of an order has traded.
    pub async fn until_filled(&self, id: OrderId, quantity: u64, nanos: u64) -> bool {
        self.until(nanos, |desk| desk.filled(id) >= quantity).await
    }
}
