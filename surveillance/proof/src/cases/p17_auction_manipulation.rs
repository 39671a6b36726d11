//! P17, auction price manipulation: a large order moves the indicative price and is removed just before
//! the auction ends.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::body::{Attributes, Phase};
use engine_event::{Nanos, OrderId, Price, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P17", "cancelled_before_uncross", |desk| Box::pin(auction(desk, Twist::None)))
        .on(Stage::AUCTION)
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P17", "amended_down_and_executed", |desk| {
        Box::pin(auction(desk, Twist::Amended))
    })
    .on(Stage::AUCTION)
    .by_new(1)
    .times(1, 1),
    Case::near_miss("P17", "cancelled_minutes_before", |desk| {
        Box::pin(auction(desk, Twist::Early))
    })
    .on(Stage::AUCTION)
    .by_new(1)
    .times(1, 1),
    Case::near_miss("P17", "replaced_at_the_same_limit", |desk| {
        Box::pin(auction(desk, Twist::Replaced))
    })
    .on(Stage::AUCTION)
    .by_new(1)
    .times(1, 1),
];

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// It is amended down twice because the price ran away, and executes.
    Amended,
    /// It is cancelled three minutes before the end.
    Early,
    /// It is replaced within a second by another at the same limit.
    Replaced,
}

async fn auction(desk: &Desk, twist: Twist) -> Outcome {
    let mood = desk.mood();
    desk.with_floor(|floor| floor.begin(desk.subject, Phase::Auction));
    // What people think it is worth differs by some hundredths of the price; most bid beyond the middle.
    let differ = desk.between(0.035, 0.045) * mood.fair.get() / desk.tick() as f64;
    mood.reach.set(differ);
    mood.width.set(-0.8 * differ);
    desk.pause_between(170 * SECOND, 190 * SECOND).await;
    let side = desk.side();
    let Some((price, volume)) = desk.with_floor(|floor| floor.indicative(desk.subject)) else {
        return Outcome::Void;
    };
    // Enough to lift the indicative price: what stands on the other side up to there, and more.
    let lifts = desk.between(0.012, 0.015) * price.0 as f64;
    let away = lifts.max(desk.tick() as f64 * 8.0) * desk.severity;
    let limit = match side {
        Side::Buy => Price(price.0 + (away * 2.5) as i64),
        Side::Sell => Price(price.0 - (away * 2.5) as i64),
    };
    let limit = desk.on_grid(limit);
    let least = volume as f64 * desk.between(0.25, 0.4) * desk.severity;
    let order = desk.enter(side, limit, desk.lots(least));
    if twist != Twist::Amended {
        lift(desk, (order, side, limit), away);
    }
    desk.pause_between(SECOND, 10 * SECOND).await;
    // What is to profit: an order on the other side.
    let sale = desk.lots(desk.rests(order) as f64 * desk.between(0.3, 0.5));
    let profit = desk.enter(side.opposite(), price, sale);
    if twist == Twist::Early {
        desk.pause_between(60 * SECOND, 70 * SECOND).await;
        desk.cancel(order);
        desk.pause_between(180 * SECOND, 190 * SECOND).await;
    } else {
        let ends = desk.now() + Nanos(desk.whole(210, 240) * SECOND);
        while desk.now() < ends {
            desk.pause_between(8 * SECOND, 12 * SECOND).await;
            if twist != Twist::Amended {
                lift(desk, (order, side, limit), away);
            }
        }
    }
    let size = desk.rests(order);
    let decided = desk.now();
    let mut replaced = order;
    match twist {
        Twist::None => desk.cancel(order),
        Twist::Early => {}
        Twist::Amended => {
            for _ in 0..2 {
                let less = desk.lots(desk.rests(order) as f64 * 0.9);
                desk.amend(order, limit, less);
                desk.pause_between(SECOND, 3 * SECOND).await;
            }
        }
        Twist::Replaced => {
            desk.cancel(order);
            desk.pause_between(20 * MILLI, 600 * MILLI).await;
            replaced = desk.enter_as(desk.me(), side, limit, size, Attributes::NONE);
        }
    }
    desk.pause_between(4 * SECOND, 8 * SECOND).await;
    desk.with_floor(|floor| {
        floor.uncross(desk.subject);
        floor.begin(desk.subject, Phase::Continuous);
    });
    mood.width.set(1.0);
    mood.reach.set(0.0);
    desk.pause_between(500 * MILLI, 2 * SECOND).await;
    desk.cancel(replaced);
    // What the auction did not take is sold right after.
    if let Some(best) = desk.best(side).filter(|_| desk.rests(profit) > 0) {
        desk.amend(profit, best, desk.rests(profit));
    }
    desk.pause_between(30 * SECOND, 60 * SECOND).await;
    desk.cancel(profit);
    Outcome::Done(decided)
}

/// Makes the order as large as it has to be for the indicative price to stand so far from where it would
/// be without it.
fn lift(desk: &Desk, (order, side, limit): (OrderId, Side, Price), away: f64) {
    for _ in 0..24 {
        let (with, without) = desk.with_floor(|floor| {
            (floor.indicative(desk.subject), floor.indicative_without(desk.subject, order))
        });
        let (Some((with, volume)), Some((without, _))) = (with, without) else { return };
        let lifted = if side == Side::Buy { with.0 - without.0 } else { without.0 - with.0 };
        let rests = desk.rests(order);
        if lifted as f64 >= away || rests > volume {
            return;
        }
        desk.amend(order, limit, desk.lots(rests as f64 * 1.2).max(rests + desk.lot()));
    }
}
