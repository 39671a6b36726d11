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
    let mut orders: Vec<OrderId> = Vec::new();
    for number in 0..count {
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let trades = number % one_in == one_in - 1 || (one_in > 100 && number == 1);
        if let Some(far) = desk.best(side.opposite()).filter(|_| trades) {
            desk.sweep(desk.me(), side, far, quantity);
        }
        orders.push(desk.enter(side, desk.behind(side, best, 2), quantity));
        if orders.len() > 4 {
            desk.cancel(orders.remove(0));
        }
        if number % 256 == 0 {
            orders.drain(..).for_each(|id| desk.cancel(id));
            desk.clear_up();
        }
        desk.pause_between(120 * MILLI, 350 * MILLI).await;
    }
    desk.pause(SECOND).await;
    desk.done()
}
