//! P20, wash ring: several parties pass the asset round, and all end flat.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::body::Attributes;
use engine_event::{ParticipantId, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P20", "three_pass_it_round", |desk| Box::pin(ring(desk)))
        .on(Stage::THIN)
        .by_new(3)
        .times(1, 1),
    Case::near_miss("P20", "day_traders_among_many", |desk| Box::pin(traders(desk)))
        .on(Stage::USUAL)
        .by_new(3)
        .times(1, 1),
    Case::near_miss("P20", "chain_that_does_not_close", |desk| Box::pin(chain(desk)))
        .on(Stage::THIN)
        .by_new(3)
        .times(1, 1),
];

/// One sells to another in the middle of the spread; what a stranger takes of it is bought back and passed
/// on once more. Gives whether all of it came to the other.
async fn pass(desk: &Desk, from: ParticipantId, to: ParticipantId, size: u64) -> bool {
    let mut left = size;
    for _ in 0..4 {
        let room = |desk: &Desk| desk.is_open() && desk.spread() > Some(1);
        if !desk.until(120 * SECOND, room).await {
            return false;
        }
        let Some(best) = desk.best(Side::Sell) else { return false };
        let price = desk.behind(Side::Sell, best, -1);
        let order = desk.enter_as(from, Side::Sell, price, left, Attributes::NONE);
        desk.pause_between(5 * MILLI, 400 * MILLI).await;
        let strangers = desk.filled(order);
        if desk.best(Side::Sell) == Some(price) {
            desk.sweep(to, Side::Buy, price, desk.rests(order).max(1));
        }
        left -= (desk.filled(order) - strangers).min(left);
        desk.cancel(order);
        if strangers > 0
            && let Some(best) = desk.best(Side::Sell)
        {
            desk.sweep(from, Side::Buy, best, strangers);
        }
        if left == 0 {
            return true;
        }
        desk.pause_between(SECOND, 4 * SECOND).await;
    }
    false
}

/// A to B to C to A, again and again.
async fn ring(desk: &Desk) -> Outcome {
    let rounds = (desk.between(11.0, 14.0) * desk.severity).round().max(1.0) as u64;
    let size = desk.lots(desk.size(0.6) as f64);
    let mut decided = None;
    for round in 0..rounds {
        for step in 0..3 {
            if !pass(desk, desk.culprit(step), desk.culprit(step + 1), size).await {
                return Outcome::Void;
            }
            desk.pause_between(2 * SECOND, 20 * SECOND).await;
        }
        if round == 4 {
            decided = Some(desk.now());
        }
        desk.pause_between(20 * SECOND, 120 * SECOND).await;
    }
    Outcome::Done(decided.unwrap_or(desk.now()))
}

/// Three who trade with everybody, and now and then with each other; none ends flat.
async fn traders(desk: &Desk) -> Outcome {
    let size = desk.lots(desk.size(0.5) as f64);
    for step in 0..90usize {
        let who = desk.culprit(step);
        let side = if desk.happens(0.62) { Side::Buy } else { Side::Sell };
        if step % 8 == 0 {
            pass(desk, who, desk.culprit(step + 1 + step % 2), size).await;
        } else if let Some(far) = desk.best(side.opposite()) {
            desk.sweep(who, side, far, size);
        }
        desk.pause_between(5 * SECOND, 30 * SECOND).await;
    }
    desk.done()
}

/// A to B and B to C, but C keeps what he has.
async fn chain(desk: &Desk) -> Outcome {
    let size = desk.lots(desk.size(0.6) as f64);
    for _ in 0..10 {
        for step in 0..2 {
            if !pass(desk, desk.culprit(step), desk.culprit(step + 1), size).await {
                return Outcome::Void;
            }
            desk.pause_between(2 * SECOND, 20 * SECOND).await;
        }
        desk.pause_between(20 * SECOND, 120 * SECOND).await;
    }
    desk.done()
}
