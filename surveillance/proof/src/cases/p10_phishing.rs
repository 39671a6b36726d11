//! P10, phishing: a small trade reveals what another hides, and an order exploits it.
//!
//! It happens on a stage, whose price follows: the iceberg's owner shows a part, refills it, and works the
//! rest off through the bids, where others join, and what the crowd takes to be fair goes along.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::body::Attributes;
use engine_event::{Nanos, Price, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P10", "iceberg_revealed_and_front_run", |desk| {
        Box::pin(phish(desk, Then::Sell))
    })
    .on(Stage::USUAL)
    .times(4, 6),
    Case::near_miss("P10", "buys_more_from_it", |desk| Box::pin(phish(desk, Then::BuyMore)))
        .on(Stage::USUAL)
        .times(4, 6),
    Case::near_miss("P10", "no_follow_up", |desk| Box::pin(phish(desk, Then::Nothing)))
        .on(Stage::USUAL)
        .times(4, 6),
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
    let owner = desk.anybody();
    let shown = desk.lots(desk.size(0.3) as f64);
    let usual = usual_spread(desk).await;
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
        Then::Sell => front_run(desk, (side, owner), large, usual).await,
    }
}

/// The mean of a while's spreads, in price units.
async fn usual_spread(desk: &Desk) -> f64 {
    let mut sum = 0.0;
    for _ in 0..12 {
        desk.pause(SECOND).await;
        sum += desk.spread().unwrap_or(1).max(1) as f64;
    }
    sum / 12.0 * desk.tick() as f64
}

/// Sells before the owner of the iceberg does, lets him press the price, and buys back.
async fn front_run(
    desk: &Desk,
    (side, owner): (Side, engine_event::ParticipantId),
    large: u64,
    usual: f64,
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
    // The seller who was found presses the price by some usual spreads, within half a minute.
    let mood = desk.mood();
    let presses = usual * desk.between(2.6, 3.4) * desk.severity;
    let sign = if side == Side::Sell { -1.0 } else { 1.0 };
    let steps = desk.whole(18, 26);
    for _ in 0..steps {
        mood.fair.set(mood.fair.get() + sign * presses / steps as f64);
        desk.pause_between(600 * MILLI, 1600 * MILLI).await;
        // What is bid beyond what it is worth by now is taken, by him and by others who see it go.
        let Some(best) = desk.best(other) else { return Outcome::Void };
        let is_dear = (best.0 as f64 - mood.fair.get()) * sign <= 0.0;
        if is_dear || desk.happens(0.3) {
            let who = if desk.happens(0.2) { owner } else { desk.anybody() };
            desk.sweep(who, side, best, desk.at_level(other, best));
        }
    }
    // Bought back after a minute, cheaper by then.
    desk.until_time(decided + Nanos(desk.whole(62, 75) * SECOND)).await;
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
    Outcome::Done(decided)
}
