//! P09, ping orders: small orders find hidden liquidity, and a large one then uses it.
//!
//! The hidden order is an injected account's.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;
use engine_event::{OrderId, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P09", "probes_then_large_order", |desk| Box::pin(probes(desk, true))),
    Case::near_miss("P09", "probes_without_follow_up", |desk| Box::pin(probes(desk, false))),
    Case::near_miss("P09", "router_child_orders", |desk| Box::pin(router(desk))),
    Case::near_miss("P09", "retail_buys_one_share", |desk| Box::pin(retail(desk))),
];

/// Somebody hides a large order inside the spread.
async fn hidden(desk: &Desk, side: Side, quantity: u64) -> Option<OrderId> {
    let room = |desk: &Desk| desk.is_open() && desk.spread() > Some(1);
    if !desk.until(60 * SECOND, room).await {
        return None;
    }
    let price = desk.behind(side, desk.best(side)?, -1);
    let who = desk.other(desk.whole(0, 4096) as usize);
    let id = desk.enter_as(who, side, price, quantity, Attributes::HIDDEN);
    desk.pause_between(SECOND, 5 * SECOND).await;
    Some(id)
}

async fn probes(desk: &Desk, followed: bool) -> Outcome {
    let side = desk.side();
    let lot = desk.lots((desk.size(0.1) as f64 * 0.5).max(desk.lot() as f64));
    let count = (desk.between(12.0, 15.0) * desk.severity).round().max(2.0) as u64;
    let large = desk.lots((lot * count) as f64 * desk.between(24.0, 30.0) * desk.severity);
    let Some(there) = hidden(desk, side, large + lot * count).await else { return Outcome::Void };
    let Some(target) = desk.order(there).map(|own| own.price) else { return Outcome::Void };
    let apart = (9 * SECOND / count).min(1200 * MILLI);
    let mut found = 0;
    for number in 0..count {
        // The first ones ask at a price at which nobody is, the others go on until they find somebody.
        let off = if number < 2 { 1 } else { 0 };
        let limit = desk.behind(side, target, -off);
        let before = desk.filled(there);
        desk.sweep(desk.me(), side.opposite(), limit, lot);
        found += desk.filled(there) - before;
        desk.pause_between(apart / 3, apart).await;
    }
    // Somebody else may have come to stand there, in the open, and be found instead.
    if found == 0 || desk.rests(there) == 0 {
        return Outcome::Void;
    }
    if !followed {
        desk.pause_between(10 * SECOND, 20 * SECOND).await;
        return desk.done();
    }
    desk.pause_between(20 * MILLI, 900 * MILLI).await;
    let sold = desk.sweep(desk.me(), side.opposite(), target, large);
    // What others left of it must still be ten times what was probed.
    if sold < lot * count * 11 { Outcome::Void } else { desk.done() }
}

/// A router works one parent order: each child is for what is left, or a part of it that shrinks with it.
async fn router(desk: &Desk) -> Outcome {
    let side = desk.side();
    let lot = desk.lots(desk.size(0.1) as f64);
    let parent = lot * desk.whole(10, 14);
    let Some(there) = hidden(desk, side, parent).await else { return Outcome::Void };
    let Some(target) = desk.order(there).map(|own| own.price) else { return Outcome::Void };
    let mut left = parent;
    for number in 0..12 {
        if left < lot {
            break;
        }
        let off = if number % 3 == 0 { 1 } else { 0 };
        let child = desk.lots(left as f64 * 0.3);
        left -= desk
            .sweep(desk.me(), side.opposite(), desk.behind(side, target, -off), child)
            .min(left);
        desk.pause_between(100 * MILLI, 900 * MILLI).await;
    }
    desk.done()
}

/// Somebody buys the smallest quantity a few times at the displayed price.
async fn retail(desk: &Desk) -> Outcome {
    let side = desk.side();
    for _ in 0..desk.whole(5, 7) {
        let Some(far) = desk.best(side.opposite()) else { return Outcome::Void };
        desk.sweep(desk.me(), side, far, desk.lot());
        desk.pause_between(700 * MILLI, 1700 * MILLI).await;
    }
    desk.done()
}
