//! P15, marking the close: trades at the very end set the reference price.
//!
//! It happens on a stage that closes when the case is over.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::Side;
use engine_event::body::{Attributes, Phase};

pub(super) const CASES: &[Case] = &[
    Case::positive("P15", "last_two_seconds", |desk| Box::pin(close(desk, Twist::LastSeconds)))
        .on(Stage::USUAL.with_session())
        .by_new(1)
        .times(1, 1),
    Case::positive("P15", "last_minute", |desk| Box::pin(close(desk, Twist::LastMinute)))
        .on(Stage::USUAL.with_session())
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P15", "vwap_slice", |desk| Box::pin(close(desk, Twist::Slice)))
        .on(Stage::USUAL.with_session())
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P15", "one_lot_in_thin_stock", |desk| Box::pin(close(desk, Twist::OneLot)))
        .on(Stage::THIN.with_session())
        .by_new(1)
        .times(1, 1),
];

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    LastSeconds,
    LastMinute,
    /// A fifth of the volume, at the near side.
    Slice,
    /// The only trade of the last minute, of one lot.
    OneLot,
}

async fn close(desk: &Desk, twist: Twist) -> Outcome {
    desk.with_floor(|floor| floor.begin(desk.subject, Phase::Continuous));
    let mood = desk.mood();
    desk.pause_between(1750 * SECOND, 1850 * SECOND).await;
    if desk.touch().is_none() {
        return Outcome::Void;
    }
    let side = desk.side();
    let lasts = match twist {
        Twist::LastSeconds => 1700 * MILLI,
        _ => 55 * SECOND,
    };
    if twist == Twist::OneLot {
        mood.pace.set(0.01);
    }
    // What others trade in such a time.
    let usual = (desk.volume(1700 * SECOND) as f64 * lasts as f64 / (1700.0 * 1e9)).max(1.0);
    let before = desk.touch();
    match twist {
        Twist::LastSeconds | Twist::LastMinute => push(desk, side, usual, lasts).await,
        Twist::Slice => slice(desk, side, usual, lasts).await,
        Twist::OneLot => {
            desk.pause(lasts / 2).await;
            if let Some(far) = desk.best(side.opposite()) {
                desk.sweep(desk.me(), side, far, desk.lot());
            }
            desk.pause(lasts / 2).await;
        }
    }
    let decided = desk.now();
    let moved = desk.last().zip(before).map(|(last, (bid, ask))| match side {
        Side::Buy => last.0 - ask.0,
        Side::Sell => bid.0 - last.0,
    });
    desk.pause_between(20 * MILLI, 200 * MILLI).await;
    desk.with_floor(|floor| floor.begin(desk.subject, Phase::Close));
    mood.pace.set(0.0);
    let pushes = matches!(twist, Twist::LastSeconds | Twist::LastMinute);
    if pushes && desk.severity >= 0.5 && moved < Some(2 * desk.tick()) {
        return Outcome::Void;
    }
    desk.pause(5 * SECOND).await;
    Outcome::Done(decided)
}

/// Aggressive orders through several levels, many times what others trade meanwhile.
async fn push(desk: &Desk, side: Side, usual: f64, lasts: u64) {
    let bites = desk.whole(6, 9);
    let volume = usual.max(desk.size(0.9) as f64) * desk.between(5.0, 7.0) * desk.severity;
    // At a plain severity it goes through five levels or more, each taken whole.
    let levels = (desk.between(5.0, 7.0) * desk.severity).round().max(1.0) as u64;
    for bite in 0..bites {
        let through = levels * (bite + 1) / bites > levels * bite / bites;
        if let Some(far) = desk.best(side.opposite()) {
            let level = desk.at_level(side.opposite(), far);
            let part = desk.lots(volume / bites as f64);
            let quantity = if through { level.max(part) } else { part };
            let limit = desk.behind(side, far, -1);
            desk.sweep(desk.me(), side, limit, quantity);
        }
        desk.pause_between(lasts / bites * 7 / 10, lasts / bites).await;
    }
}

/// A slice of a large order: a fifth of what trades, at the near side's price.
async fn slice(desk: &Desk, side: Side, usual: f64, lasts: u64) {
    for _ in 0..6 {
        let Some(best) = desk.best(side) else { return };
        let size = desk.lots(usual * 0.05);
        let order = desk.enter_as(desk.me(), side, best, size, Attributes::CLIENT);
        for number in 0..2 {
            desk.pause(lasts / 13).await;
            let who = desk.other(desk.whole(0, 4096) as usize + number);
            let other = if number == 0 { side } else { side.opposite() };
            if let Some(far) = desk.best(other.opposite()) {
                desk.sweep(who, other, far, desk.lots(usual * 0.12));
            }
        }
        desk.cancel(order);
    }
}
