//! P04, orders with no intention to execute: large orders are shown for moments and taken away, with no
//! fill on the other side needed.

use crate::chance::at_least;
use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::Side;
use engine_event::body::Attributes;

pub(super) const CASES: &[Case] = &[
    Case::positive("P04", "flashed_inside", |desk| Box::pin(flashes(desk))).times(1, 1),
    Case::near_miss("P04", "fast_maker_median_size", |desk| Box::pin(fast_maker(desk))).times(1, 1),
    Case::near_miss("P04", "fat_finger_once", |desk| Box::pin(fat_finger(desk))).times(1, 1),
    Case::near_miss("P04", "large_immediate_orders", |desk| Box::pin(immediate(desk))).times(1, 1),
    Case::near_miss("P04", "large_orders_that_stay", |desk| Box::pin(patient(desk))).times(1, 1),
];

/// How many trades reach an order while it stands, at most.
const HIT: f64 = 0.025;

/// How many flashes within half an hour the pattern asks for.
const COUNT: u64 = 8;

/// 18 to 24 large orders, each for some 300 ms, or less where trades come so fast that it might be hit, a tick inside the spread or doubling the touch; others
/// follow them, so that the price goes their way.
async fn flashes(desk: &Desk) -> Outcome {
    let side = desk.side();
    let count = (desk.between(18.0, 24.0) * desk.severity).round() as u64;
    let (mut shown, mut moved, mut decided, mut voids) = (0, 0, None, 0);
    while shown < count.max(1) {
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let inside = desk.spread() > Some(1);
        let Some(mid2) = mid2_of(desk) else { return Outcome::Void };
        let depth = desk.depth(side) as f64;
        let quantity = (desk.size(0.9) as f64).max(desk.size(0.5) as f64 * 5.0);
        let quantity = desk.lots(quantity.max(depth * 0.25) * desk.between(1.0, 1.3));
        let order =
            desk.enter(side, desk.behind(side, best, if inside { -1 } else { 0 }), quantity);
        let hits = (desk.comings(side) * 0.3).max(HIT);
        let stands = |least: u64, most: u64| {
            let brief = |time: u64| (time as f64 * HIT / hits) as u64;
            desk.pause_between(brief(least * MILLI), brief(most * MILLI))
        };
        stands(60, 150).await;
        follow(desk, side, shown as usize, inside);
        stands(70, 260).await;
        desk.cancel(order);
        let went = mid2_of(desk).map_or(0, |now| now - mid2);
        if desk.filled(order) * 50 > quantity {
            // It was hit: such a one does not count.
            voids += 1;
            if voids > 4 {
                return Outcome::Void;
            }
        } else {
            shown += 1;
            moved += u64::from(if side == Side::Buy { went > 0 } else { went < 0 });
            if shown == COUNT {
                decided = Some(desk.now());
            }
        }
        desk.pause_between(15 * SECOND, 70 * SECOND).await;
    }
    // Nobody was misled where the price did not go along, or goes so anyway.
    let anyway = desk.goes(side, 1300 * MILLI);
    if (moved as f64) < shown as f64 * 0.65 || at_least(moved, shown, anyway) > 0.004 {
        return Outcome::Void;
    }
    Outcome::Done(decided.unwrap_or(desk.now()))
}

/// Twice the mid.
fn mid2_of(desk: &Desk) -> Option<i64> {
    desk.touch().map(|(bid, ask)| bid.0 + ask.0)
}

/// Somebody believes what he sees: he takes the best offer, or joins where that is a better price. Where
/// it is none, the offers are many, and several take them.
fn follow(desk: &Desk, side: Side, number: usize, inside: bool) {
    if !desk.happens(0.9) {
        return;
    }
    let who = desk.other(number * 31 + desk.whole(0, 4096) as usize);
    let Some(far) = desk.best(side.opposite()) else { return };
    let level = desk.at_level(side.opposite(), far);
    if level <= desk.size(0.9) * 2 {
        desk.sweep(who, side, far, level);
    } else if !inside {
        for part in 0..3 {
            let who = desk.other(number * 31 + desk.whole(0, 4096) as usize);
            let left = desk.at_level(side.opposite(), far);
            desk.sweep(who, side, far, left.div_ceil(3 - part));
        }
    } else if let Some(best) = desk.best(side).filter(|best| *best != far) {
        desk.enter_as(who, side, best, desk.lots(desk.size(0.4) as f64), Attributes::NONE);
    }
}

/// Thousands of short-lived orders of a usual size on both sides, some of which trade.
async fn fast_maker(desk: &Desk) -> Outcome {
    let quantity = desk.lots(desk.size(0.5) as f64);
    for number in 0..1200u64 {
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let order = desk.enter(side, best, quantity);
        desk.pause_between(150 * MILLI, 900 * MILLI).await;
        desk.cancel(order);
        if number % 256 == 0 {
            desk.clear_up();
        }
    }
    desk.done()
}

/// One enormous order, gone within a second.
async fn fat_finger(desk: &Desk) -> Outcome {
    let side = desk.side();
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let order = desk.enter(side, best, desk.lots(desk.size(0.99) as f64 * desk.between(8.0, 12.0)));
    desk.pause_between(300 * MILLI, 900 * MILLI).await;
    desk.cancel(order);
    desk.done()
}

/// Large immediate-or-cancel orders at the near side's best price, of which nothing trades.
async fn immediate(desk: &Desk) -> Outcome {
    let side = desk.side();
    for _ in 0..desk.whole(15, 25) {
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let quantity = desk.lots(desk.size(0.9) as f64 * desk.between(1.0, 2.0));
        desk.enter_as(desk.me(), side, best, quantity, Attributes::IOC);
        desk.pause_between(15 * SECOND, 70 * SECOND).await;
    }
    desk.done()
}

/// As many large orders, but each stays for a minute or more.
async fn patient(desk: &Desk) -> Outcome {
    let side = desk.side();
    for _ in 0..desk.whole(12, 16) {
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let quantity = desk.lots(desk.size(0.9) as f64 * desk.between(1.0, 1.5));
        let order = desk.enter(side, desk.behind(side, best, 1), quantity);
        desk.pause_between(60 * SECOND, 100 * SECOND).await;
        desk.cancel(order);
        desk.pause_between(5 * SECOND, 20 * SECOND).await;
    }
    desk.done()
}
