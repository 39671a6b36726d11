//! P07, momentum ignition: a trend is started so that others follow, and then traded out against them.
//!
//! The followers, and those who quote behind the moving price, are injected accounts of their own.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::{Attributes, Headline};
use engine_event::{Event, Nanos, Price, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P07", "ignite_follow_harvest", |desk| Box::pin(ignition(desk, Twist::None)))
        .by_new(1)
        .times(1, 2)
        .apart(300, 600),
    Case::near_miss("P07", "buyer_keeps_buying", |desk| {
        Box::pin(ignition(desk, Twist::KeepsBuying))
    })
    .times(1, 1),
    Case::near_miss("P07", "nobody_follows", |desk| Box::pin(ignition(desk, Twist::NobodyFollows)))
        .times(1, 2)
        .apart(300, 600),
    Case::near_miss("P07", "news_before", |desk| Box::pin(ignition(desk, Twist::News))).times(1, 1),
];

/// Through how many prices the ignition goes at least.
const LEVELS: u32 = 3;

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// A large order of a client is worked: it goes on the same way for ten minutes, and nothing is sold.
    KeepsBuying,
    /// The price is pushed, but nobody else trades that way.
    NobodyFollows,
    /// A headline comes seconds before.
    News,
}

async fn ignition(desk: &Desk, twist: Twist) -> Outcome {
    let side = desk.side();
    let other = side.opposite();
    if !quiet(desk).await {
        return Outcome::Void;
    }
    let Some((bid, ask)) = desk.touch() else { return Outcome::Void };
    let start = (bid.0 + ask.0) as f64 / 2.0;
    if twist == Twist::News {
        let headline = Headline::new(desk.whole(1, 1 << 32));
        desk.tell(Event::new(desk.subject, desk.now(), headline));
        desk.pause_between(2 * SECOND, 20 * SECOND).await;
    }
    // Ignition: several levels in a few seconds.
    let (mut bought, mut paid) = (0u64, 0i128);
    let wanted = (desk.size(0.9) as f64 * desk.between(2.4, 4.0) * desk.severity) as u64;
    let (mut levels, mut farthest) = (0, None);
    let sigma = desk.sigma(60 * SECOND).max(desk.tick() as f64 / 2.0);
    let steps = desk.whole(4, 6);
    let began = desk.now();
    for step in 0..12 {
        if step >= steps && levels >= LEVELS {
            break;
        }
        let Some(far) = desk.best(other) else { return Outcome::Void };
        if farthest.is_none_or(|farthest| is_improved(side, far, farthest)) {
            (farthest, levels) = (Some(far), levels + 1);
        }
        let take = desk.at_level(other, far).min(wanted.max(desk.size(0.5)) * 2);
        let had = desk.sweep(desk.me(), side, far, take);
        (bought, paid) = (bought + had, paid + i128::from(far.0) * i128::from(had));
        requote(desk, side, bought as usize);
        desk.pause_between(300 * MILLI, 1800 * MILLI).await;
    }
    let ended = desk.now();
    // The flow may trade more meanwhile.
    let all = desk.volume(desk.now().0 - began.0);
    if bought == 0 || levels < LEVELS || (bought as f64) < all as f64 * 0.55 {
        return Outcome::Void;
    }
    let average = paid as f64 / bought as f64;
    if twist == Twist::KeepsBuying {
        return keep_buying(desk, side, bought).await;
    }
    if twist != Twist::NobodyFollows {
        let came = follow(desk, side, bought, start).await;
        if came < bought as f64 * 2.1 && twist == Twist::None {
            return Outcome::Void;
        }
    } else {
        let pause = desk.whole(20 * SECOND, 50 * SECOND);
        desk.pause(pause).await;
        // The flow itself may go the same way.
        if desk.volume(pause) > bought {
            return Outcome::Void;
        }
    }
    // Harvest: what was bought, and more, is sold to those who came late.
    let mut left = (bought as f64 * desk.between(1.25, 1.6) * desk.severity.max(0.45)) as u64;
    let (mut sold, mut got) = (0u64, 0i128);
    for step in 0..24 {
        if left == 0 {
            break;
        }
        let Some(best) = desk.best(side) else { break };
        let gain =
            if side == Side::Buy { best.0 as f64 - average } else { average - best.0 as f64 };
        if gain > 0.0 || twist == Twist::NobodyFollows {
            let bite = left.min(desk.at_level(side, best));
            let had = desk.sweep(desk.me(), other, best, bite);
            (sold, got) = (sold + had, got + i128::from(best.0) * i128::from(had));
            left -= had.min(left);
        } else {
            // Nobody bids above what was paid: the last followers do.
            let room = desk.best(other).map(|far| desk.behind(side, far, 1));
            let Some(price) = room else { break };
            let who = desk.other(step * 5 + 11);
            desk.enter_as(who, side, price, left.div_ceil(2).max(1), Attributes::NONE);
        }
        desk.pause_between(400 * MILLI, 3 * SECOND).await;
    }
    // Half of it, half a tick better, three usual moves from the start: less is no harvest.
    let needed = bought as f64 * 0.55;
    let better = sold > 0 && {
        let toward = if side == Side::Buy { 1.0 } else { -1.0 };
        let sold_at = got as f64 / sold as f64;
        toward * (sold_at - average) >= 0.55 * desk.tick() as f64
            && toward * (sold_at - start) >= 3.3 * sigma
    };
    if twist == Twist::None && ((sold as f64) < needed || !better) {
        return Outcome::Void;
    }
    let decided = desk.now();
    // Others may have come later, too.
    let since = desk.volume(decided.0 - ended.0) as f64;
    if twist == Twist::NobodyFollows && since > 1.5 * bought as f64 + sold as f64 {
        return Outcome::Void;
    }
    // The followers' quotes are withdrawn: what is left is the price that the flow thinks right.
    desk.pause_between(30 * SECOND, 90 * SECOND).await;
    desk.clear_up();
    desk.pause_between(60 * SECOND, 120 * SECOND).await;
    Outcome::Done(decided)
}

/// Waits until the price has hardly moved for a minute.
async fn quiet(desk: &Desk) -> bool {
    desk.until(300 * SECOND, |desk| {
        let Some(now) = desk.touch().map(|(bid, ask)| bid.0 + ask.0) else { return false };
        // A touch that is bettered for moments moves the mid to and fro, which is no move of a minute.
        let least = 2.0 * (0.15 * desk.sigma(60 * SECOND)).max(desk.tick() as f64);
        let stood = |ago: u64| {
            let then = desk.mid2_before(ago * SECOND);
            then.is_some_and(|then| (now - then).abs() as f64 <= least)
        };
        [64, 62, 60, 58, 56].into_iter().all(stood)
    })
    .await
}

/// Others quote behind the price that has moved.
fn requote(desk: &Desk, side: Side, number: usize) {
    let Some(far) = desk.best(side.opposite()) else { return };
    let price = desk.behind(side, far, 1 + desk.whole(0, 1) as i64);
    if desk.best(side).is_some_and(|best| is_improved(side, price, best)) {
        let size = desk.lots(desk.size(0.5) as f64 * desk.between(0.8, 2.0));
        desk.enter_as(desk.other(number * 3 + 1), side, price, size, Attributes::NONE);
    }
}

fn is_improved(side: Side, price: Price, best: Price) -> bool {
    if side == Side::Buy { price > best } else { price < best }
}

/// Others trade the same way: at least twice the ignition's quantity, and until the price has moved far.
/// Gives how much.
async fn follow(desk: &Desk, side: Side, bought: u64, start: f64) -> f64 {
    let other = side.opposite();
    let wanted = bought as f64 * desk.between(4.5, 6.0) * desk.severity;
    let usual = desk.sigma(60 * SECOND).max(desk.tick() as f64);
    // Three usual moves and a margin, because the harvest is spread over the way back.
    let far_enough = usual * (3.0 + 4.0 * desk.severity);
    let ends = desk.now() + Nanos(50 * SECOND);
    let mut came = 0.0;
    let mut number = 0;
    while desk.now() < ends {
        let Some((bid, ask)) = desk.touch() else { return came };
        let moved = ((bid.0 + ask.0) as f64 / 2.0 - start).abs();
        if came >= wanted && moved >= far_enough {
            return came;
        }
        let Some(far) = desk.best(other) else { return came };
        let bite = desk.at_level(other, far).max(desk.lots(wanted / 12.0));
        number += 1;
        let who = desk.other(number * 19 + desk.whole(0, 997) as usize);
        came += desk.sweep(who, side, desk.behind(side, far, -1), bite) as f64;
        requote(desk, side, number);
        desk.pause_between(500 * MILLI, 2500 * MILLI).await;
    }
    came
}

async fn keep_buying(desk: &Desk, side: Side, bought: u64) -> Outcome {
    let ends = desk.now() + Nanos(600 * SECOND);
    let bite = desk.lots(bought as f64 / 8.0);
    while desk.now() < ends {
        desk.pause_between(10 * SECOND, 30 * SECOND).await;
        if let Some(far) = desk.best(side.opposite()) {
            desk.sweep(desk.me(), side, far, bite);
        }
    }
    desk.done()
}
