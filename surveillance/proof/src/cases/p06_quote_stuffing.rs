//! P06, quote stuffing: so many messages that others are slowed or confused.

use crate::desk::{Desk, MICRO, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;
use engine_event::{OrderId, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P06", "enter_cancel_burst", |desk| Box::pin(burst(desk, Kind::Pairs)))
        .times(2, 3)
        .apart(60, 180),
    Case::positive("P06", "amend_burst", |desk| Box::pin(burst(desk, Kind::Amends)))
        .times(2, 3)
        .apart(60, 180),
    Case::near_miss("P06", "everybody_at_once", |desk| Box::pin(release(desk)))
        .times(2, 3)
        .apart(60, 180),
    Case::near_miss("P06", "orders_that_trade", |desk| Box::pin(trading(desk)))
        .times(2, 3)
        .apart(60, 180),
    Case::near_miss("P06", "orders_that_stay", |desk| Box::pin(staying(desk)))
        .times(2, 3)
        .apart(60, 180),
    Case::near_miss("P06", "cancel_on_disconnect", |desk| Box::pin(disconnect(desk))).times(1, 1),
];

/// How the messages come about.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Pairs,
    Amends,
}

/// From how many messages a second on it is a burst.
const MESSAGES: u64 = 500;

/// 3,000 pairs in about 1.2 seconds, one or two ticks off the touch, in which nothing trades.
async fn burst(desk: &Desk, kind: Kind) -> Outcome {
    let side = desk.side();
    let pairs = (3000.0 * desk.severity * desk.between(0.9, 1.4)) as u64;
    let apart = 400 * MICRO;
    let off = desk.whole(1, 2) as i64;
    let quantity = desk.lots(desk.size(0.5) as f64);
    let (mut sent, mut decided) = (0, None);
    while sent < pairs {
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let price = desk.behind(side, best, off);
        let id = desk.enter(side, price, quantity);
        desk.pause_between(apart / 4, apart / 2).await;
        if kind == Kind::Amends {
            // One order moves to and fro between two levels.
            for step in 0..18 {
                let to = desk.behind(side, best, off + i64::from(step % 2 == 0));
                desk.amend(id, to, quantity);
                desk.pause_between(apart / 4, apart).await;
            }
            sent += 9;
        }
        desk.cancel(id);
        if desk.filled(id) > 0 {
            return Outcome::Void;
        }
        desk.pause_between(apart / 4, apart / 2).await;
        sent += 1;
        // So many messages within a second are what the pattern asks for.
        if sent >= MESSAGES / 2 {
            decided.get_or_insert(desk.now());
        }
        if sent % 512 == 0 {
            desk.clear_up();
        }
    }
    Outcome::Done(decided.unwrap_or(desk.now()))
}

/// Data are released: 40 accounts each send some 200 messages within a second, and some of it trades.
async fn release(desk: &Desk) -> Outcome {
    // The culprit of the label is one of many; each has made up his mind what the data mean.
    let mut crowd = vec![(desk.me(), desk.side())];
    for _ in 0..200 {
        let who = desk.anybody();
        if crowd.len() < 40 && crowd.iter().all(|(one, _)| *one != who) {
            crowd.push((who, desk.side()));
        }
    }
    for _ in 0..100 {
        for (who, side) in &crowd {
            let quantity = desk.lots(desk.size(desk.between(0.1, 0.6)) as f64);
            if let Some(far) = desk.best(side.opposite()).filter(|_| desk.happens(0.025)) {
                desk.sweep(*who, *side, far, desk.lot());
            }
            let Some(best) = desk.best(*side) else { return Outcome::Void };
            let price = desk.behind(*side, best, desk.whole(1, 6) as i64);
            let id = desk.enter_as(*who, *side, price, quantity, Attributes::NONE);
            desk.pause_between(10 * MICRO, 240 * MICRO).await;
            desk.cancel(id);
        }
        desk.clear_up();
    }
    desk.done()
}

/// As many messages, but one in twenty of the orders trades: somebody works a large order in a hurry.
async fn trading(desk: &Desk) -> Outcome {
    let side = desk.side();
    let lot = desk.lots(desk.size(0.05) as f64);
    for number in 0..600u64 {
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let Some(far) = desk.best(side.opposite()) else { return Outcome::Void };
        if number % 10 == 0 {
            desk.sweep(desk.me(), side, far, lot);
        } else {
            let id = desk.enter(side, desk.behind(side, best, 1), lot);
            desk.pause_between(200 * MICRO, 900 * MICRO).await;
            desk.cancel(id);
        }
        desk.pause_between(200 * MICRO, 900 * MICRO).await;
        if number % 256 == 0 {
            desk.clear_up();
        }
    }
    desk.done()
}

/// As many orders in as short a time, but they stay for minutes: a book is built up.
async fn staying(desk: &Desk) -> Outcome {
    let quantity = desk.lots(desk.size(0.3) as f64);
    let mut orders: Vec<OrderId> = Vec::new();
    for number in 0..1200u64 {
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let price = desk.behind(side, best, desk.whole(3, 25) as i64);
        orders.push(desk.enter(side, price, quantity));
        desk.pause_between(300 * MICRO, 1500 * MICRO).await;
    }
    desk.pause_between(60 * SECOND, 90 * SECOND).await;
    for id in orders {
        desk.cancel(id);
        desk.pause_between(20 * MILLI, 60 * MILLI).await;
    }
    desk.done()
}

/// A connection breaks off, and the venue deletes all that its owner had entered in the last minutes.
async fn disconnect(desk: &Desk) -> Outcome {
    let quantity = desk.lots(desk.size(0.3) as f64);
    let mut orders: Vec<OrderId> = Vec::new();
    for number in 0..700u64 {
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let price = desk.behind(side, best, desk.whole(2, 25) as i64);
        orders.push(desk.enter(side, price, quantity));
        desk.pause_between(150 * MILLI, 350 * MILLI).await;
    }
    for id in orders {
        desk.cancel(id);
        desk.pause_between(0, 300 * MICRO).await;
    }
    desk.done()
}
