//! Instruments made for a case: where a pattern needs a session of its own, an illiquid market, or a
//! market whose price follows.
//!
//! A stage is like an instrument of the base: its tick, its sizes, its price. A crowd of background
//! accounts quotes and trades around a fair price that moves by chance; the case may move it, too. There is
//! no intelligence in the crowd (Farmer, Patelli, Zovko 2005): it is what a market looks like, not how it
//! reacts. Reactions are the case's own.

use crate::desk::{Desk, SECOND};
use crate::floor::Floor;
use engine_event::body::Attributes;
use engine_event::{OrderId, ParticipantId, Price, Side};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What a stage is like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stage {
    /// How many things the crowd does in a second; 0: there is no crowd.
    pub per_second: f64,
    /// How far the fair price moves in a second, in ticks, as a standard deviation.
    pub sigma_ticks: f64,
    /// Half the distance between the crowd's bids and offers, in ticks.
    pub half_spread: f64,
    /// How many orders of the crowd rest.
    pub orders: usize,
    /// How long the crowd trades before the case begins, in seconds.
    pub warm_s: u64,
    /// The case makes its session itself, phase by phase.
    pub own_session: bool,
}

impl Stage {
    /// A market as most are: an event in two seconds.
    pub const USUAL: Stage = Stage {
        per_second: 2.0,
        sigma_ticks: 0.12,
        half_spread: 1.0,
        orders: 80,
        warm_s: 900,
        own_session: false,
    };
    /// One in which hardly anything trades.
    pub const THIN: Stage =
        Stage { per_second: 0.12, half_spread: 5.0, orders: 24, sigma_ticks: 0.02, ..Self::USUAL };
    /// A call auction, to which many come with what they think it is worth.
    pub const AUCTION: Stage = Stage { per_second: 2.0, orders: 600, ..Self::USUAL.with_session() };
    /// One without anybody.
    pub const EMPTY: Stage = Stage { per_second: 0.0, orders: 0, warm_s: 0, ..Self::USUAL };

    /// The same with a session that the case makes itself.
    pub const fn with_session(self) -> Self {
        Self { own_session: true, warm_s: 0, ..self }
    }
}

/// What a stage's crowd goes by; the case may change it.
#[derive(Debug)]
pub struct Mood {
    /// The fair price.
    pub fair: Cell<f64>,
    /// How many times busier than usual the crowd is.
    pub pace: Cell<f64>,
    /// In which share of cases somebody who comes to trade buys.
    pub buyers: Cell<f64>,
    /// How many times wider than usual the crowd quotes.
    pub width: Cell<f64>,
    /// How many ticks farther than that it quotes on average, if more than usual.
    pub reach: Cell<f64>,
}

impl Mood {
    /// The usual one, around this price.
    pub fn new(fair: f64) -> Self {
        Self {
            fair: Cell::new(fair),
            pace: Cell::new(1.0),
            buyers: Cell::new(0.5),
            width: Cell::new(1.0),
            reach: Cell::new(0.0),
        }
    }
}

/// Within so many ticks of the nearest price at which the crowd quotes, somebody stands or soon will.
const NEAR_TICKS: f64 = 1.5;

/// Lets the crowd trade while something else goes on; ends with that.
pub(crate) async fn alongside<T>(
    crowd: impl Future<Output = ()>,
    act: impl Future<Output = T>,
) -> T {
    let (mut crowd, mut act) = (pin!(crowd), pin!(act));
    poll_fn(move |context| {
        let _ = crowd.as_mut().poll(context);
        match act.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Lets the time pass from one wake to the next, until it is over.
pub(crate) fn run<T: Default>(
    floor: &RefCell<Floor>,
    desk: &Desk,
    all: impl Future<Output = T>,
) -> T {
    let (wake, mut all) = (desk.wake(), pin!(all));
    let mut context = Context::from_waker(Waker::noop());
    loop {
        wake.set(None);
        if let Poll::Ready(done) = all.as_mut().poll(&mut context) {
            return done;
        }
        let Some(next) = wake.get() else { return T::default() };
        let mut floor = floor.borrow_mut();
        floor.now = floor.now.max(next);
    }
}

/// The crowd, which goes on for ever.
pub(crate) async fn crowd(desk: &Desk, stage: Stage, mood: &Mood) {
    let mut orders: Vec<OrderId> = Vec::new();
    if stage.per_second <= 0.0 {
        return std::future::pending().await;
    }
    for _ in 0..stage.orders {
        quote(desk, stage, mood, &mut orders);
        desk.pause_between(1_000_000, 20_000_000).await;
    }
    loop {
        let rate = stage.per_second * mood.pace.get().max(0.001);
        let wait = -desk.between(1e-9, 1.0).ln() / rate;
        desk.pause((wait * SECOND as f64).max(1000.0) as u64).await;
        let step = stage.sigma_ticks * wait.sqrt() * desk.tick() as f64;
        mood.fair.set(mood.fair.get() + normal(desk) * step);
        orders.retain(|id| desk.rests(*id) > 0);
        let trades = desk.is_trading() && desk.happens(0.12);
        if trades {
            come(desk, mood, &mut orders);
        } else if orders.is_empty() {
            quote(desk, stage, mood, &mut orders);
        } else if orders.len() > stage.orders && desk.happens(0.6) || desk.happens(0.25) {
            withdraw(desk, mood, &mut orders);
        } else {
            quote(desk, stage, mood, &mut orders);
        }
        if orders.len() % 64 == 63 {
            desk.forget_gone(&orders);
        }
    }
}

/// Somebody of the crowd quotes around the fair price: mostly in front, if nobody stands near it.
fn quote(desk: &Desk, stage: Stage, mood: &Mood, orders: &mut Vec<OrderId>) {
    let near = stage.half_spread * mood.width.get();
    let off = |side: Side| {
        let best = desk.best(side).filter(|_| desk.is_trading());
        best.map_or(0.0, |best| (best.0 as f64 - mood.fair.get()).abs() / desk.tick() as f64)
    };
    let gaps = [Side::Buy, Side::Sell].map(|side| off(side) > near + NEAR_TICKS);
    let side = match gaps {
        [true, false] if desk.happens(0.7) => Side::Buy,
        [false, true] if desk.happens(0.7) => Side::Sell,
        _ if mood.reach.get() > 0.0 && desk.happens(0.8) => lighter(desk, orders),
        _ => desk.side(),
    };
    let behind = match gaps[side as usize] && desk.happens(0.8) {
        true => desk.between(0.0, NEAR_TICKS),
        false => -desk.between(1e-6, 1.0).ln() * mood.reach.get().max(2.5 + stage.half_spread),
    };
    let off = (near + behind) * desk.tick() as f64;
    let price = match side {
        Side::Buy => mood.fair.get() - off,
        Side::Sell => mood.fair.get() + off,
    };
    let price = desk.on_grid(Price(price.round() as i64));
    // Where opinions differ widely, no single order decides between them.
    let most = if mood.reach.get() > 0.0 { 0.9 } else { 0.99 };
    let size = desk.size(desk.between(0.02, most));
    let who = somebody(desk, side);
    orders.push(desk.enter_as(who, side, price, size, Attributes::NONE));
}

/// The side on which the crowd has less: in an auction that draws others to it.
fn lighter(desk: &Desk, orders: &[OrderId]) -> Side {
    let own = orders.iter().filter_map(|id| desk.order(*id));
    let (bids, all) = own.fold((0, 0), |(bids, all), own| {
        (bids + if own.side == Side::Buy { own.remaining } else { 0 }, all + own.remaining)
    });
    if bids * 2 < all { Side::Buy } else { Side::Sell }
}

/// Somebody of the crowd takes an order back: of three, the one that is farthest from the fair price.
fn withdraw(desk: &Desk, mood: &Mood, orders: &mut Vec<OrderId>) {
    let far = |place: &usize| {
        let price = desk.order(orders[*place]).map_or(0, |own| own.price.0);
        (price as f64 - mood.fair.get()).abs() as u64
    };
    let places = [(); 3].map(|()| desk.whole(0, orders.len() as u64 - 1) as usize);
    if let Some(place) = places.into_iter().max_by_key(far) {
        desk.cancel(orders.swap_remove(place));
    }
}

/// Somebody of the crowd comes to trade, for as much as they want of what stands in front.
fn come(desk: &Desk, mood: &Mood, orders: &mut Vec<OrderId>) {
    let side = if desk.happens(mood.buyers.get()) { Side::Buy } else { Side::Sell };
    let Some(far) = desk.best(side.opposite()) else { return };
    let size = desk.size(desk.between(0.02, 0.75));
    let level = desk.at_level(side.opposite(), far);
    let who = somebody(desk, side);
    let id = desk.enter_as(who, side, far, size.min(level.max(1)), Attributes::NONE);
    orders.push(id);
}

/// An account of the crowd that does not stand in front on the other side.
fn somebody(desk: &Desk, side: Side) -> ParticipantId {
    let met = desk.first_owner(side.opposite());
    let mut who = desk.anybody();
    for _ in 0..4 {
        if Some(who) != met {
            break;
        }
        who = desk.anybody();
    }
    who
}

/// A normal number, near enough: twelve uniform ones added up.
fn normal(desk: &Desk) -> f64 {
    (0..12).map(|_| desk.between(0.0, 1.0)).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Accounts;
    use crate::survey::Instrument;
    use engine_event::body::Execution;
    use engine_event::{Directory, Kind, Nanos, SubjectId};
    use std::collections::BTreeMap;
    use std::rc::Rc;

    /// An hour of a usual stage: by account what traded, and by second the spread in ticks.
    fn an_hour() -> (BTreeMap<ParticipantId, u64>, Vec<i64>) {
        let mut names = Directory::new(1_000);
        let everybody = (0..200).map(|n| names.participants.intern(&format!("A{n}")).unwrap());
        let everybody: Rc<Vec<_>> = Rc::new(everybody.collect());
        let floor = Rc::new(RefCell::new(Floor::new(OrderId(1), Accounts::told())));
        floor.borrow_mut().now = Nanos(SECOND);
        let like = Rc::new(Instrument::made(1, 10_000, (1..=200).collect()));
        let who = (vec![everybody[0]], everybody.clone());
        let desk = Desk::new(floor.clone(), (SubjectId(0), like), who, 1.0, 7);
        let mood = Mood::new(10_000.0);
        let spreads = async {
            let mut spreads = Vec::new();
            for _ in 0..3_600 {
                desk.pause(SECOND).await;
                // Somebody's large order goes through the book now and then.
                if spreads.len() % 300 == 299
                    && let Some(far) = desk.best(Side::Sell)
                {
                    let deep = desk.behind(Side::Sell, far, 4);
                    desk.sweep(desk.culprit(0), Side::Buy, deep, 5_000);
                }
                spreads.extend(desk.spread());
            }
            spreads
        };
        let spreads = run(&floor, &desk, alongside(crowd(&desk, Stage::USUAL, &mood), spreads));
        let mut traded = BTreeMap::new();
        for event in floor.borrow().out.iter().filter(|event| event.kind() == Kind::Execute) {
            let body: Execution = event.body();
            for who in [body.participant(), body.counterparty()].into_iter().flatten() {
                *traded.entry(who).or_default() += body.quantity.0;
            }
        }
        traded.remove(&everybody[0]);
        (traded, spreads)
    }

    #[test]
    fn nobody_in_the_crowd_stands_out_and_gaps_close() {
        let (traded, mut spreads) = an_hour();
        let all: u64 = traded.values().sum();
        let most = traded.values().max().copied().unwrap_or(0);
        assert!(traded.len() > 150, "{} trade", traded.len());
        assert!(most * 20 < all, "one has {most} of {all}");
        spreads.sort_unstable();
        let at = |share: f64| spreads[(spreads.len() as f64 * share) as usize];
        assert!(spreads.len() > 3_500 && at(0.5) <= 4 && at(0.95) <= 7, "{} {}", at(0.5), at(0.95));
    }
}
