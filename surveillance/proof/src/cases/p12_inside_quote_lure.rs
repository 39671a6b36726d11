//! P12, inside-quote lure: a small quote inside the best, others join it, and they are hit.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;

pub(super) const CASES: &[Case] = &[
    Case::positive("P12", "joiners_are_hit", |desk| Box::pin(lure(desk, Twist::None))).times(4, 6),
    Case::near_miss("P12", "single_instance", |desk| Box::pin(lure(desk, Twist::None))).times(1, 1),
    Case::near_miss("P12", "own_quote_filled", |desk| Box::pin(lure(desk, Twist::Filled)))
        .times(4, 6),
    Case::near_miss("P12", "joiners_are_left_alone", |desk| Box::pin(lure(desk, Twist::LeftAlone)))
        .times(4, 6),
];

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// Somebody trades with the quote before its owner trades with the joiners.
    Filled,
    /// Nobody trades with the joiners.
    LeftAlone,
}

async fn lure(desk: &Desk, twist: Twist) -> Outcome {
    let room = |desk: &Desk| desk.is_open() && desk.spread() > Some(1);
    if !desk.until(60 * SECOND, room).await {
        return Outcome::Void;
    }
    let side = desk.side();
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let price = desk.behind(side, best, -1);
    let size = desk
        .lots((desk.size(0.5) as f64 * desk.between(0.4, 0.9)).min(desk.size(0.9) as f64 / 4.0));
    let quote = desk.enter(side, price, size);
    let wanted = size as f64 * desk.between(7.5, 10.0) * desk.severity;
    let count = desk.whole(2, 4);
    let mut joined = 0;
    for number in 0..count {
        desk.pause_between(150 * MILLI, 1000 * MILLI).await;
        if desk.rests(quote) == 0 || desk.best(side) != Some(price) {
            return Outcome::Void;
        }
        // Whole lots, and not fewer than were wanted: else a quote of one lot has joiners of two.
        let lot = desk.lot() as f64;
        let each = desk.lots((wanted / count as f64 / lot).ceil() * lot);
        let who = desk.other(desk.whole(0, 4096) as usize + number as usize);
        desk.enter_as(who, side, price, each, Attributes::NONE);
        joined += each;
    }
    desk.pause_between(200 * MILLI, 2 * SECOND).await;
    if desk.filled(quote) > 0 && twist != Twist::Filled {
        return Outcome::Void;
    }
    if twist == Twist::Filled {
        let who = desk.other(desk.whole(0, 4096) as usize);
        desk.sweep(who, side.opposite(), price, size);
        desk.pause_between(100 * MILLI, SECOND).await;
    }
    if twist == Twist::LeftAlone {
        desk.cancel(quote);
        desk.pause_between(10 * SECOND, 20 * SECOND).await;
        return desk.done();
    }
    desk.cancel(quote);
    desk.pause_between(2 * MILLI, 60 * MILLI).await;
    let hit = (joined as f64 * desk.between(0.9, 1.0)) as u64;
    let had = desk.sweep(desk.me(), side.opposite(), price, desk.lots(hit as f64));
    if had as f64 >= hit as f64 * 0.85 && had >= 3 * size { desk.done() } else { Outcome::Void }
}
