//! P03, flip spoofing: a big order at the touch disappears, and within milliseconds the same person hits
//! those who joined it.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::OrderId;
use engine_event::body::Attributes;

pub(super) const CASES: &[Case] = &[
    Case::positive("P03", "self_match_prevention_flip", |desk| {
        Box::pin(flip(desk, How::Prevented))
    })
    .apart(20, 150),
    Case::positive("P03", "cancel_and_hit_flip", |desk| Box::pin(flip(desk, How::Cancelled)))
        .apart(20, 150),
    Case::near_miss("P03", "old_bid_and_one_sale", |desk| Box::pin(old_bid(desk))).times(1, 1),
    Case::near_miss("P03", "small_prevented_once", |desk| Box::pin(once(desk))).times(1, 2),
    Case::near_miss("P03", "sold_after_being_filled", |desk| Box::pin(round_trip(desk))),
    Case::near_miss("P03", "cancelled_and_sold_later", |desk| Box::pin(flip(desk, How::Later))),
];

/// How the big order goes away.
#[derive(Clone, Copy, PartialEq)]
enum How {
    /// The venue takes it away so that its owner does not trade with himself.
    Prevented,
    /// Its owner cancels it, and hits 5 to 300 ms later.
    Cancelled,
    /// Its owner cancels it, and sells tens of seconds later.
    Later,
}

async fn flip(desk: &Desk, how: How) -> Outcome {
    let side = desk.side();
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let there = desk.at_level(side, best).max(desk.size(0.5));
    let quantity = desk.lots(there as f64 * desk.between(2.3, 3.2) * desk.severity);
    let order = desk.enter(side, best, quantity);
    let joined = joiners(desk, side, order, quantity).await;
    desk.pause_between(300 * MILLI, 3 * SECOND).await;
    let traded = |desk: &Desk| desk.filled(order) * 10 > quantity;
    if traded(desk) || joined == 0 || desk.best(side) != Some(best) {
        return Outcome::Void;
    }
    let me = desk.me();
    let wanted = |ahead: u64| {
        let least = quantity as f64 * desk.between(0.45, 0.8);
        desk.lots(ahead as f64 + least.max(joined as f64 * desk.between(0.4, 0.8)))
    };
    match how {
        How::Prevented => {
            let level = desk.at_level(side, best);
            let ahead = level.saturating_sub(desk.rests(order) + joined);
            let kind = Attributes::IOC.and(Attributes::SELF_TRADE_PREVENTION);
            let id = desk.enter_as(me, side.opposite(), best, wanted(ahead), kind);
            if desk.rests(order) > 0 || desk.filled(id) * 5 < quantity {
                return Outcome::Void;
            }
        }
        How::Cancelled | How::Later => {
            desk.cancel(order);
            match how {
                How::Later => desk.pause_between(20 * SECOND, 40 * SECOND).await,
                _ => desk.pause_between(5 * MILLI, 300 * MILLI).await,
            }
            let Some(now) = desk.best(side).filter(|now| how == How::Later || *now == best) else {
                return Outcome::Void;
            };
            if desk.sweep(me, side.opposite(), now, wanted(0)) * 5 < quantity && how != How::Later {
                return Outcome::Void;
            }
        }
    }
    desk.done()
}

/// Others join the big order. Gives how much they came with.
async fn joiners(desk: &Desk, side: engine_event::Side, order: OrderId, quantity: u64) -> u64 {
    let mut joined = 0;
    for number in 0..desk.whole(2, 4) as usize {
        desk.pause_between(80 * MILLI, 500 * MILLI).await;
        let Some(own) = desk.order(order).filter(|own| own.remaining > 0) else { return 0 };
        if desk.best(side.opposite()).is_none_or(|far| far == own.price) {
            return 0;
        }
        let each = desk.lots(quantity as f64 * desk.between(0.25, 0.5));
        let who = desk.other(desk.whole(0, 4096) as usize + number);
        desk.enter_as(who, side, own.price, each, Attributes::NONE);
        joined += each;
    }
    joined
}

/// A bid that has rested 45 minutes near the touch is cancelled, and its owner sells once.
async fn old_bid(desk: &Desk) -> Outcome {
    let side = desk.side();
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let quantity = desk.lots(desk.size(0.9) as f64 * 1.5);
    let order = desk.enter(side, desk.behind(side, best, 8), quantity);
    desk.pause_between(2700 * SECOND, 2750 * SECOND).await;
    if desk.filled(order) > 0 {
        return Outcome::Void;
    }
    let Some(best) = desk.best(side) else { return Outcome::Void };
    desk.cancel(order);
    desk.pause_between(5 * MILLI, 200 * MILLI).await;
    desk.sweep(desk.me(), side.opposite(), best, desk.lots(quantity as f64 * 0.5));
    desk.done()
}

/// A small order of one desk is taken away because the other desk of the same house comes, once.
async fn once(desk: &Desk) -> Outcome {
    let side = desk.side();
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let quantity = desk.lots(desk.size(0.4) as f64);
    let order = desk.enter(side, best, quantity);
    desk.pause_between(2 * SECOND, 20 * SECOND).await;
    let Some(own) = desk.order(order).filter(|own| own.filled == 0) else { return Outcome::Void };
    let level = desk.at_level(side, own.price);
    let kind = Attributes::IOC.and(Attributes::SELF_TRADE_PREVENTION);
    let all = desk.lots(level as f64 * 1.2);
    desk.enter_as(desk.me(), side.opposite(), own.price, all, kind);
    desk.done()
}

/// The order is filled, and what was bought is sold again: a round trip.
async fn round_trip(desk: &Desk) -> Outcome {
    let side = desk.side();
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let quantity = desk.lots(desk.at_level(side, best).max(desk.size(0.5)) as f64 * 2.5);
    let order = desk.enter(side, best, quantity);
    desk.pause_between(SECOND, 3 * SECOND).await;
    // Somebody comes with a large order and takes most of it.
    let through = desk.at_level(side, best) - desk.rests(order) + quantity * 7 / 10;
    desk.sweep(desk.other(desk.whole(0, 4096) as usize), side.opposite(), best, through);
    if desk.filled(order) * 2 < quantity {
        return Outcome::Void;
    }
    desk.pause_between(50 * MILLI, 300 * MILLI).await;
    desk.cancel(order);
    desk.pause_between(5 * MILLI, 200 * MILLI).await;
    if let Some(best) = desk.best(side) {
        desk.sweep(desk.me(), side.opposite(), best, desk.lots(quantity as f64 * 0.5));
    }
    desk.done()
}
