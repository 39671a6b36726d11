//! P01, layering or spoofing with a passive fill: many or large orders on one side, often off the touch,
//! to get a smaller order filled on the other side; then they vanish.
//!
//! The genuine order improves the price by a tick where the spread allows it, or joins the best one, and
//! waits for the flow. The layers come at several levels of the other side.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;
use engine_event::{OrderId, Side};

// What is no layering because nothing was filled, or only before or after, is by those who have nothing else
// that the flow may fill.
pub(super) const CASES: &[Case] = &[
    Case::positive("P01", "layers_pulled_after_fill", |desk| Box::pin(layers(desk, After::Pull))),
    Case::positive("P01", "fast_cycle_mirrored", |desk| Box::pin(mirrored(desk))),
    Case::near_miss("P01", "symmetric_maker_requotes", |desk| Box::pin(maker(desk))),
    Case::near_miss("P01", "half_of_layers_execute", |desk| Box::pin(layers(desk, After::Trade)))
        .by_new(1),
    Case::near_miss("P01", "withdrawn_before_fill", |desk| Box::pin(layers(desk, After::TooEarly)))
        .by_new(1),
    Case::near_miss("P01", "old_order_withdrawn", |desk| Box::pin(old_order(desk))).times(1, 2),
    Case::near_miss("P01", "nothing_filled", |desk| Box::pin(layers(desk, After::NoFill)))
        .by_new(1),
];

/// What becomes of the layers.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// They are pulled once the genuine order is filled.
    Pull,
    /// At least half of them trade.
    Trade,
    /// They were pulled 20 seconds before the fill.
    TooEarly,
    /// They are pulled, but there was no genuine order to be filled.
    NoFill,
}

/// How much the layers come to, and how much the genuine order is for.
pub(super) fn sizes(desk: &Desk, side: Side) -> (u64, u64) {
    let depth = desk.depth(side).max(desk.size(0.9) * 3);
    let layers = desk.between(0.5, 0.9) * depth as f64 * desk.severity;
    let genuine = desk.between(0.4, 1.0) * desk.size(0.5) as f64;
    let most = layers / (12.0 * desk.between(1.0, 2.5) * desk.severity.max(0.1));
    (desk.lots(layers), desk.lots(genuine.min(most)))
}

/// Layers of this much altogether on so many levels of a side, the nearest so many ticks off the touch.
pub(super) fn stack(desk: &Desk, side: Side, all: u64, levels: u64, from: i64) -> Vec<OrderId> {
    let Some(best) = desk.best(side) else { return Vec::new() };
    let reach = desk.reach() / desk.tick();
    let step = ((reach - from) / levels as i64).clamp(1, 2);
    let level = |number: u64| {
        let share = desk.between(0.8, 1.2) * all as f64 / levels as f64;
        let price = desk.behind(side, best, from + number as i64 * step);
        desk.enter(side, price, desk.lots(share))
    };
    (0..levels).map(level).collect()
}

/// The genuine order: a tick before the best price where there is room for it.
pub(super) fn genuine(
    desk: &Desk,
    side: Side,
    quantity: u64,
    attributes: Attributes,
) -> Option<OrderId> {
    let best = desk.best(side)?;
    let before = if desk.spread()? > 1 { -1 } else { 0 };
    let price = desk.behind(side, best, before);
    Some(desk.enter_as(desk.me(), side, price, quantity, attributes))
}

async fn layers(desk: &Desk, after: After) -> Outcome {
    let side = desk.side();
    let other = side.opposite();
    let (all, quantity) = sizes(desk, other);
    let iceberg = if desk.happens(0.3) { Attributes::ICEBERG } else { Attributes::NONE };
    let order = match after {
        After::NoFill => None,
        _ => genuine(desk, side, quantity, iceberg),
    };
    desk.pause_between(200 * MILLI, 3 * SECOND).await;
    if order.is_some_and(|order| desk.filled(order) > 0) {
        return Outcome::Void;
    }
    let from = desk.whole(1, 2) as i64;
    let (levels, from) = match after {
        After::Trade => (desk.whole(3, 5), 0),
        _ => (desk.whole(3, 6), from),
    };
    let stack = stack(desk, other, all, levels, from);
    if after == After::TooEarly {
        desk.pause_between(SECOND, 4 * SECOND).await;
        if order.is_some_and(|order| desk.filled(order) > 0) {
            return stay_and_void(desk).await;
        }
        stack.iter().for_each(|id| desk.cancel(*id));
        let early = desk.until(21 * SECOND, |desk| order.is_some_and(|id| desk.filled(id) > 0));
        if early.await {
            return Outcome::Void;
        }
    }
    let Some(order) = order else {
        desk.pause_between(5 * SECOND, 20 * SECOND).await;
        stack.iter().for_each(|id| desk.cancel(*id));
        return desk.done();
    };
    // The layers press the price towards the genuine order; it goes along with the touch if it must.
    if !desk.until_filled(order, desk.rests(order), 60 * SECOND).await {
        // A part of it may have been filled, and no more shall be.
        desk.cancel(order);
        return if after == After::Trade { stay_and_void(desk).await } else { Outcome::Void };
    }
    if after == After::Trade {
        return trade(desk, other, &stack, all).await;
    }
    desk.pause_between(50 * MILLI, 2500 * MILLI).await;
    if stack.iter().map(|id| desk.filled(*id)).sum::<u64>() * 20 > all {
        return Outcome::Void;
    }
    for id in &stack {
        desk.cancel(*id);
        desk.pause_between(0, 40 * MILLI).await;
    }
    desk.done()
}

/// The flow came in between. What would be taken back right after a fill would be the abuse itself.
async fn stay_and_void(desk: &Desk) -> Outcome {
    desk.pause_between(11 * SECOND, 14 * SECOND).await;
    Outcome::Void
}

/// Somebody else takes more than half of the layers; the rest is pulled.
async fn trade(desk: &Desk, side: Side, stack: &[OrderId], all: u64) -> Outcome {
    desk.pause_between(100 * MILLI, 2 * SECOND).await;
    let taken = |desk: &Desk| stack.iter().map(|id| desk.filled(*id)).sum::<u64>();
    let worst = stack.iter().filter_map(|id| desk.order(*id)).map(|own| own.price);
    let worst = if side == Side::Buy { worst.min() } else { worst.max() };
    let Some(worst) = worst else { return Outcome::Void };
    let wanted = (all as f64 * desk.between(0.55, 0.8)) as u64;
    for buyer in 0..40 {
        if taken(desk) >= wanted {
            break;
        }
        let who = desk.other(desk.whole(0, 1 << 16) as usize + buyer);
        let bite = desk.lots((all as f64 / 6.0).max(desk.size(0.9) as f64));
        desk.sweep(who, side.opposite(), worst, bite);
        desk.pause_between(20 * MILLI, 300 * MILLI).await;
    }
    if taken(desk) < wanted {
        return stay_and_void(desk).await;
    }
    stack.iter().for_each(|id| desk.cancel(*id));
    desk.done()
}

/// The cycle of the Coscia case, a second long at most: the flow fills the genuine order, or a fast trader
/// who follows the imbalance does; then the same on the other side.
async fn mirrored(desk: &Desk) -> Outcome {
    let first = desk.side();
    for side in [first, first.opposite()] {
        let other = side.opposite();
        let (all, quantity) = sizes(desk, other);
        let Some(order) = genuine(desk, side, quantity, Attributes::NONE) else {
            return Outcome::Void;
        };
        desk.pause_between(5 * MILLI, 40 * MILLI).await;
        let levels = 3;
        let stack = stack(desk, other, all, levels, 1);
        desk.pause_between(100 * MILLI, 400 * MILLI).await;
        let Some(own) = desk.order(order) else { return Outcome::Void };
        if own.remaining > 0 && desk.best(side) == Some(own.price) {
            let before = desk.at_level(side, own.price);
            let who = desk.other(desk.whole(0, 1 << 16) as usize);
            desk.sweep(who, other, own.price, before);
        }
        if desk.rests(order) > 0 {
            return Outcome::Void;
        }
        desk.pause_between(10 * MILLI, 120 * MILLI).await;
        for id in &stack {
            desk.cancel(*id);
            desk.pause_between(0, 5 * MILLI).await;
        }
        desk.pause_between(100 * MILLI, 600 * MILLI).await;
    }
    desk.done()
}

/// A maker's symmetric ladder: when it is hit, both sides are taken back and quoted anew.
async fn maker(desk: &Desk) -> Outcome {
    let (levels, each) = (5, desk.lots(desk.size(0.8) as f64 * desk.between(1.0, 2.0)));
    let quote = |desk: &Desk| {
        let mut orders = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let Some(best) = desk.best(side) else { continue };
            let from = if desk.spread() > Some(1) { -1 } else { 0 };
            for level in 0..levels {
                let price = desk.behind(side, best, from + level);
                let mm = Attributes::MARKET_MAKER;
                orders.push(desk.enter_as(desk.me(), side, price, each, mm));
            }
        }
        orders
    };
    let orders = quote(desk);
    let hit = |desk: &Desk| orders.iter().any(|id| desk.filled(*id) > 0);
    if !desk.until(80 * SECOND, hit).await {
        return Outcome::Void;
    }
    desk.pause_between(20 * MILLI, 150 * MILLI).await;
    for id in &orders {
        desk.cancel(*id);
        desk.pause_between(0, 4 * MILLI).await;
    }
    let anew = quote(desk);
    desk.pause_between(5 * SECOND, 20 * SECOND).await;
    anew.iter().for_each(|id| desk.cancel(*id));
    desk.done()
}

/// A large order that has rested for 12 minutes is withdrawn seconds after a small fill that has nothing
/// to do with it.
async fn old_order(desk: &Desk) -> Outcome {
    let side = desk.side();
    let (all, quantity) = sizes(desk, side.opposite());
    let old = stack(desk, side.opposite(), all, 1, 3);
    desk.pause_between(700 * SECOND, 760 * SECOND).await;
    if old.iter().any(|id| desk.filled(*id) > 0) {
        return Outcome::Void;
    }
    let Some(order) = genuine(desk, side, quantity, Attributes::NONE) else {
        return Outcome::Void;
    };
    if !desk.until_filled(order, desk.rests(order), 90 * SECOND).await {
        return Outcome::Void;
    }
    desk.pause_between(7 * SECOND, 9 * SECOND).await;
    old.iter().for_each(|id| desk.cancel(*id));
    desk.done()
}
