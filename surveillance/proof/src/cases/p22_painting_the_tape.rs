//! P22, painting the tape: small trades between two accounts suggest interest in an illiquid instrument, at
//! ever better prices, until others trade.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::body::Attributes;
use engine_event::{ParticipantId, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P22", "small_upticks_between_two", |desk| Box::pin(paint(desk, Twist::None)))
        .on(Stage::THIN)
        .by_new(2)
        .times(1, 1),
    Case::near_miss("P22", "buyer_in_equal_slices", |desk| Box::pin(paint(desk, Twist::Buyer)))
        .on(Stage::THIN)
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P22", "many_small_savers", |desk| Box::pin(paint(desk, Twist::Savers)))
        .on(Stage::THIN)
        .by_new(1)
        .times(1, 1),
];

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// One buyer in thirty equal slices, who ends with all of it.
    Buyer,
    /// Each purchase is another saver's.
    Savers,
}

async fn paint(desk: &Desk, twist: Twist) -> Outcome {
    let mood = desk.mood();
    let count = match twist {
        Twist::None => (desk.between(35.0, 42.0) * desk.severity).round() as u64,
        _ => 30,
    };
    let apart = 1600 * SECOND / count.max(1);
    let size = desk.lots(desk.size(0.2) as f64 * 0.8);
    let mut decided = None;
    for number in 0..count {
        // The price goes up with the trades.
        let drift = if twist == Twist::None { 0.8 } else { 0.1 };
        mood.fair.set(mood.fair.get() + drift * desk.tick() as f64);
        match twist {
            Twist::None => {
                if !uptick(desk, number as usize, size).await {
                    return Outcome::Void;
                }
            }
            Twist::Buyer | Twist::Savers => {
                let who = if twist == Twist::Buyer || number % 12 == 0 {
                    desk.me()
                } else {
                    desk.other(number as usize * 11)
                };
                let Some(far) = desk.best(Side::Sell) else { return Outcome::Void };
                desk.sweep(who, Side::Buy, far, size);
            }
        }
        if number == 14 {
            decided = Some(desk.now());
        }
        // Others come, in the second half many of them.
        if twist == Twist::None && number * 2 > count {
            others(desk, number as usize).await;
        }
        desk.pause_between(apart / 2, apart * 9 / 10).await;
    }
    desk.pause_between(60 * SECOND, 180 * SECOND).await;
    Outcome::Done(decided.unwrap_or(desk.now()))
}

/// The two trade with each other, a tick above the last trade where the spread allows it; who buys and who
/// sells changes from trade to trade.
async fn uptick(desk: &Desk, number: usize, size: u64) -> bool {
    let room = |desk: &Desk| desk.is_open() && desk.spread() > Some(1);
    if !desk.until(120 * SECOND, room).await {
        return false;
    }
    let Some((bid, ask)) = desk.touch() else { return false };
    let one = desk.tick();
    let above = desk.last().map_or(bid.0 + one, |last| last.0 + one);
    let price = engine_event::Price(above.clamp(bid.0 + one, ask.0 - one));
    let pair: [ParticipantId; 2] = [desk.culprit(number), desk.culprit(number + 1)];
    let order = desk.enter_as(pair[0], Side::Sell, price, size, Attributes::NONE);
    desk.pause_between(10 * MILLI, 800 * MILLI).await;
    desk.sweep(pair[1], Side::Buy, price, size);
    let met = desk.filled(order) > 0;
    desk.cancel(order);
    met
}

/// Others see prints and buy.
async fn others(desk: &Desk, number: usize) {
    for step in 0..2 {
        desk.pause_between(2 * SECOND, 8 * SECOND).await;
        if let Some(far) = desk.best(Side::Sell) {
            let who = desk.other(number * 29 + step * 7 + 3);
            desk.sweep(who, Side::Buy, far, desk.lots(desk.size(0.7) as f64));
        }
    }
}
