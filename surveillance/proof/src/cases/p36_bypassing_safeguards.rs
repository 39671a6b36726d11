//! P36, bypassing safeguards: orders split so that a limit on a single order is just not hit.
//!
//! The limit is not on the tape. It cannot be less than the largest order that the market has taken so far:
//! here it is that, or ten times the largest usual one if that is more.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;
use engine_event::{Price, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P36", "just_below_the_limit", |desk| Box::pin(split(desk))),
    Case::near_miss("P36", "iceberg_refills", |desk| Box::pin(refills(desk))),
];

/// An order for some 12 times as much as is allowed, in pieces of 98.5 to 99.9 % of the limit within two
/// seconds, all at its price.
async fn split(desk: &Desk) -> Outcome {
    let side = desk.side();
    let largest = desk.with_floor(|floor| floor.largest(desk.subject));
    let limit = (desk.size(0.99) * 10).max(largest) as f64;
    let count = (desk.between(11.0, 14.0) * desk.severity).round().max(1.0) as u64;
    let apart = 1500 * MILLI / count;
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let price = desk.behind(side, best, 3);
    for _ in 0..count {
        if desk.best(side.opposite()).is_some_and(|far| is_across(side, price, far)) {
            return Outcome::Void;
        }
        let size = desk.lots((limit * desk.between(0.985, 0.999)).floor());
        desk.enter(side, price, size);
        desk.pause_between(apart / 3, apart).await;
    }
    let decided = desk.now();
    desk.pause_between(2 * SECOND, 10 * SECOND).await;
    Outcome::Done(decided)
}

fn is_across(side: Side, price: Price, far: Price) -> bool {
    if side == Side::Buy { price >= far } else { price <= far }
}

/// An iceberg's shown part comes again each time it is taken: equal orders, but each after the last.
async fn refills(desk: &Desk) -> Outcome {
    let side = desk.side();
    let shown = desk.lots(desk.size(0.6) as f64);
    let mut done = 0;
    for number in 0..12usize {
        let room = |desk: &Desk| desk.is_open() && desk.spread() > Some(1);
        if !desk.until(30 * SECOND, room).await {
            break;
        }
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let price = desk.behind(side, best, -1);
        let order = desk.enter_as(desk.me(), side, price, shown, Attributes::ICEBERG);
        desk.pause_between(50 * MILLI, 300 * MILLI).await;
        let who = desk.other(number * 17 + 5);
        desk.sweep(who, side.opposite(), price, shown);
        done += u32::from(desk.filled(order) > 0);
        desk.cancel(order);
        desk.pause_between(MILLI, 5 * MILLI).await;
    }
    if done < 6 { Outcome::Void } else { desk.done() }
}
