//! P10, phishing: a small trade reveals what another hides, and an order exploits it.
//!
//! The iceberg's owner is an injected account: it shows a part, refills it, and works the rest off
//! through the bids.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;
use engine_event::{Price, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P10", "iceberg_revealed_and_front_run", |desk| {
        Box::pin(phish(desk, Then::Sell))
    })
    .times(4, 6),
    Case::near_miss("P10", "buys_more_from_it", |desk| Box::pin(phish(desk, Then::BuyMore)))
        .times(4, 6),
    Case::near_miss("P10", "no_follow_up", |desk| Box::pin(phish(desk, Then::Nothing))).times(4, 6),
];

/// What follows the discovery of a large seller (or, mirrored, of a large buyer).
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// One sells before him, and buys back when he has pressed the price down.
    Sell,
    /// One takes what he has.
    BuyMore,
    Nothing,
}

async fn phish(desk: &Desk, then: Then) -> Outcome {
    // The iceberg is on this side; whoever knows of it trades the same way first.
    let side = desk.side();
    let other = side.opposite();
    let owner = desk.other(desk.whole(0, 4096) as usize);
    let shown = desk.lots(desk.size(0.3) as f64);
    let room = |desk: &Desk| desk.is_open() && desk.spread() > Some(1);
    if !desk.until(60 * SECOND, room).await {
        return Outcome::Void;
    }
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let price = desk.behind(side, best, -1);
    let show =
        |desk: &Desk, price: Price| desk.enter_as(owner, side, price, shown, Attributes::ICEBERG);
    let first = show(desk, price);
    desk.pause_between(300 * MILLI, 3 * SECOND).await;
    let ahead = match desk.order(first) {
        Some(own) if own.remaining > 0 && desk.best(side) == Some(own.price) => {
            desk.at_level(side, own.price).saturating_sub(own.remaining)
        }
        _ => return Outcome::Void,
    };
    // What is shown is taken, and comes again at once.
    let revealing = ahead + desk.rests(first);
    if desk.sweep(desk.me(), other, price, revealing) < revealing {
        return Outcome::Void;
    }
    desk.pause_between(MILLI, 4 * MILLI).await;
    let second = show(desk, price);
    desk.pause_between(200 * MILLI, 3 * SECOND).await;
    if desk.rests(second) == 0 {
        return Outcome::Void;
    }
    let large = desk.lots(revealing as f64 * desk.between(12.0, 16.0) * desk.severity);
    match then {
        Then::Nothing => {
            desk.pause_between(30 * SECOND, 60 * SECOND).await;
            desk.done()
        }
        Then::BuyMore => {
            for _ in 0..6 {
                desk.sweep(desk.me(), other, price, desk.lots(shown as f64));
                desk.pause_between(20 * MILLI, 200 * MILLI).await;
                show(desk, price);
                desk.pause_between(100 * MILLI, 900 * MILLI).await;
            }
            desk.done()
        }
        Then::Sell => front_run(desk, (side, owner), large).await,
    }
}

/// Sells before the owner of the iceberg does, lets him press the price, and buys back.
async fn front_run(
    desk: &Desk,
    (side, owner): (Side, engine_event::ParticipantId),
    large: u64,
) -> Outcome {
    let other = side.opposite();
    let Some(near) = desk.best(other) else { return Outcome::Void };
    let reach = |ticks: i64| desk.behind(other, near, ticks);
    let sold = desk.sweep(desk.me(), side, reach(2), large);
    let rest = large - sold.min(large);
    if rest > 0 {
        // What could not be sold at once stands in front of the iceberg.
        if let Some(far) = desk.best(side) {
            let price = if desk.spread() > Some(1) { desk.behind(side, far, -1) } else { far };
            desk.enter(side, price, rest);
        }
    }
    let decided = desk.now();
    let cheap_enough = desk.behind(other, near, desk.whole(2, 4) as i64);
    for _ in 0..30 {
        desk.pause_between(300 * MILLI, 1500 * MILLI).await;
        let far_enough = |far: Price| match side {
            Side::Sell => far <= cheap_enough,
            Side::Buy => far >= cheap_enough,
        };
        if desk.best(side).is_some_and(far_enough) {
            break;
        }
        // He takes what is bid and offers more just above the next bid.
        let Some(best) = desk.best(other) else { return Outcome::Void };
        desk.sweep(owner, side, best, desk.at_level(other, best));
        if let Some(best) = desk.best(other) {
            let size = desk.lots(desk.size(0.9) as f64 * 2.0);
            let price = desk.behind(other, best, -1);
            desk.enter_as(owner, side, price, size, Attributes::ICEBERG);
        }
    }
    let Some(cheap) = desk.best(side) else { return Outcome::Void };
    let gains = if side == Side::Sell { cheap < near } else { cheap > near };
    if !gains {
        return Outcome::Void;
    }
    for _ in 0..6 {
        let Some(cheap) = desk.best(side) else { break };
        desk.sweep(desk.me(), other, cheap, desk.lots(large as f64 / 4.0));
        desk.pause_between(SECOND, 3 * SECOND).await;
    }
    desk.pause_between(20 * SECOND, 40 * SECOND).await;
    Outcome::Done(decided)
}
