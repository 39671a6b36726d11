//! P38, unexecuted-order ratio: a member enters far more orders than it trades.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::{OrderId, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P38", "thousands_of_orders_few_trades", |desk| Box::pin(ratio(desk, 1000)))
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P38", "maker_who_trades", |desk| Box::pin(ratio(desk, 12)))
        .by_new(1)
        .times(1, 1),
];

/// 2,500 orders over some ten minutes, of which one in so many trades.
async fn ratio(desk: &Desk, one_in: u64) -> Outcome {
    let quantity = desk.lots(desk.size(0.3) as f64);
    let count = (2500.0 * if one_in > 100 { desk.severity } else { 0.4 }) as u64;
    let (mut orders, mut trades) = (Vec::<OrderId>::new(), 0);
    for number in 0..count {
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let comes = number % one_in == one_in - 1 || (one_in > 100 && number == 1);
        if let Some(far) = desk.best(side.opposite()).filter(|_| comes) {
            trades += u64::from(desk.sweep(desk.me(), side, far, quantity) > 0);
        }
        // Far enough for a second or two.
        let off = 2.max((4.0 * desk.sigma(2 * SECOND) / desk.tick() as f64) as i64);
        orders.push(desk.enter(side, desk.behind(side, best, off), quantity));
        let last = if number % 256 == 0 { 0 } else { 4 };
        while orders.len() > last {
            let id = orders.remove(0);
            trades += u64::from(desk.filled(id) > 0);
            desk.cancel(id);
        }
        if last == 0 {
            desk.clear_up();
        }
        desk.pause_between(120 * MILLI, 350 * MILLI).await;
    }
    desk.pause(SECOND).await;
    // Where the flow takes what it was not meant to, it is one who trades: entered and taken back, less than
    // 250 for each trade.
    if one_in > 100 && 2 * count < 270 * trades.max(1) {
        return Outcome::Void;
    }
    desk.done()
}
