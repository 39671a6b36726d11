//! P36, bypassing safeguards: orders split so that a limit on a single order is just not hit.
//!
//! The limit is not on the tape; here it is ten times the largest usual order.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;

pub(super) const CASES: &[Case] = &[
    Case::positive("P36", "just_below_the_limit", |desk| Box::pin(split(desk))),
    Case::near_miss("P36", "iceberg_refills", |desk| Box::pin(refills(desk))),
];

/// 12 orders of 98.5 to 99.9 % of the limit within two seconds.
async fn split(desk: &Desk) -> Outcome {
    let side = desk.side();
    let limit = desk.size(0.99) as f64 * 10.0;
    let count = (desk.between(11.0, 14.0) * desk.severity).round().max(1.0) as u64;
    let apart = 1500 * MILLI / count;
    for _ in 0..count {
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let size = desk.lots(limit * desk.between(0.985, 0.999));
        desk.enter(side, desk.behind(side, best, 3), size);
        desk.pause_between(apart / 3, apart).await;
    }
    let decided = desk.now();
    desk.pause_between(2 * SECOND, 10 * SECOND).await;
    Outcome::Done(decided)
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
