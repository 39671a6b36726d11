//! Instruments made for a case: where a pattern needs a session of its own, an illiquid market, or a
//! market whose price follows.
//!
//! A stage is like an instrument of the base: its tick, its sizes, its price. A crowd of background
//! accounts quotes and trades around a fair price that moves by chance; the case may move it, too. There is
//! no intelligence in the crowd (Farmer, Patelli, Zovko 2005): it is what a market looks like, not how it
//! reacts. Reactions are the case's own.

use crate::desk::{Desk, SECOND};
use engine_event::body::Attributes;
use engine_event::{OrderId, ParticipantId, Price, Side};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

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
}

impl Mood {
    /// The usual one, around this price.
    pub fn new(fair: f64) -> Self {
        Self {
            fair: Cell::new(fair),
            pace: Cell::new(1.0),
            buyers: Cell::new(0.5),
            width: Cell::new(1.0),
        }
    }
}

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
        } else if orders.len() > stage.orders && desk.happens(0.6) {
            let place = desk.whole(0, orders.len() as u64 - 1) as usize;
            desk.cancel(orders.swap_remove(place));
        } else if desk.happens(0.75) || orders.is_empty() {
            quote(desk, stage, mood, &mut orders);
        } else {
            let place = desk.whole(0, orders.len() as u64 - 1) as usize;
            desk.cancel(orders.swap_remove(place));
        }
        if orders.len() % 64 == 63 {
            desk.forget_gone(&orders);
        }
    }
}

/// Somebody of the crowd quotes around the fair price.
fn quote(desk: &Desk, stage: Stage, mood: &Mood, orders: &mut Vec<OrderId>) {
    let side = desk.side();
    let behind = -desk.between(1e-6, 1.0).ln() * (2.5 + stage.half_spread);
    let off = (stage.half_spread * mood.width.get() + behind) * desk.tick() as f64;
    let price = match side {
        Side::Buy => mood.fair.get() - off,
        Side::Sell => mood.fair.get() + off,
    };
    let price = desk.on_grid(Price(price.round() as i64));
    let size = desk.size(desk.between(0.02, 0.99));
    let who = somebody(desk, side);
    orders.push(desk.enter_as(who, side, price, size, Attributes::NONE));
}

/// Somebody of the crowd comes to trade.
fn come(desk: &Desk, mood: &Mood, orders: &mut Vec<OrderId>) {
    let side = if desk.happens(mood.buyers.get()) { Side::Buy } else { Side::Sell };
    let Some(far) = desk.best(side.opposite()) else { return };
    let size = desk.size(desk.between(0.02, 0.9));
    let level = desk.at_level(side.opposite(), far);
    let who = somebody(desk, side);
    let id = desk.enter_as(who, side, far, size.min(level.max(1)), Attributes::NONE);
    orders.push(id);
}

/// An account of the crowd that does not stand in front on the other side.
fn somebody(desk: &Desk, side: Side) -> ParticipantId {
    let met = desk.first_owner(side.opposite());
    let mut who = desk.one_of_many();
    for _ in 0..4 {
        if Some(who) != met {
            break;
        }
        who = desk.one_of_many();
    }
    who
}

/// A normal number, near enough: twelve uniform ones added up.
fn normal(desk: &Desk) -> f64 {
    (0..12).map(|_| desk.between(0.0, 1.0)).sum::<f64>() - 6.0
}
