//! P37, disorderly algorithm: a program out of control sends, trades or crosses itself far more often than
//! its owner can mean.

use crate::desk::{Desk, MICRO, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;

pub(super) const CASES: &[Case] = &[
    Case::positive("P37", "identical_fills", |desk| Box::pin(fills(desk))).times(2, 3),
    Case::positive("P37", "message_storm", |desk| Box::pin(storm(desk))).times(2, 3),
    Case::near_miss("P37", "opening_burst_within_limit", |desk| Box::pin(burst(desk))).times(2, 3),
    Case::near_miss("P37", "slices_over_minutes", |desk| Box::pin(slices(desk))).times(1, 1),
];

/// 300 fills of the same small size within five seconds.
async fn fills(desk: &Desk) -> Outcome {
    let side = desk.side();
    let count = (desk.between(300.0, 360.0) * desk.severity) as u64;
    let lot = desk.lot();
    let mut decided = None;
    for number in 0..count {
        let Some(far) = desk.best(side.opposite()) else { return Outcome::Void };
        desk.sweep(desk.me(), side, far, lot);
        if number == 100 {
            decided = Some(desk.now());
        }
        desk.pause_between(8 * MILLI, 14 * MILLI).await;
    }
    Outcome::Done(decided.unwrap_or(desk.now()))
}

/// Thousands of amendments of one order within a few seconds.
async fn storm(desk: &Desk) -> Outcome {
    let side = desk.side();
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let quantity = desk.lots(desk.size(0.5) as f64);
    let order = desk.enter(side, desk.behind(side, best, 4), quantity);
    let count = (desk.between(4500.0, 6000.0) * desk.severity) as u64;
    let mut decided = None;
    for number in 0..count {
        if desk.rests(order) == 0 {
            return Outcome::Void;
        }
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let off = 4 + (number % 2) as i64;
        desk.amend(order, desk.behind(side, best, off), quantity);
        if number == 1000 {
            decided = Some(desk.now());
        }
        desk.pause_between(400 * MICRO, 800 * MICRO).await;
    }
    desk.cancel(order);
    Outcome::Done(decided.unwrap_or(desk.now()))
}

/// Sixty orders within a few seconds, and then nothing for minutes.
async fn burst(desk: &Desk) -> Outcome {
    let quantity = desk.lots(desk.size(0.5) as f64);
    let mut orders = Vec::new();
    for _ in 0..60 {
        let side = desk.side();
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let price = desk.behind(side, best, desk.whole(1, 8) as i64);
        orders.push(desk.enter_as(desk.me(), side, price, quantity, Attributes::NONE));
        desk.pause_between(20 * MILLI, 80 * MILLI).await;
    }
    desk.pause_between(60 * SECOND, 120 * SECOND).await;
    orders.into_iter().for_each(|id| desk.cancel(id));
    desk.done()
}

/// As many equal fills, but over minutes: slices of a large order.
async fn slices(desk: &Desk) -> Outcome {
    let side = desk.side();
    let lot = desk.lot();
    for _ in 0..150 {
        let Some(far) = desk.best(side.opposite()) else { return Outcome::Void };
        desk.sweep(desk.me(), side, far, lot);
        desk.pause_between(3 * SECOND, 6 * SECOND).await;
    }
    desk.done()
}
