//! P21, improper matched orders: a purchase and a sale entered together, of the same size and price, to
//! meet each other.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;

pub(super) const CASES: &[Case] = &[
    Case::positive("P21", "same_size_within_a_second", |desk| Box::pin(pair(desk, Twist::None)))
        .by_new(2)
        .times(5, 7)
        .apart(60, 240),
    Case::near_miss("P21", "met_once", |desk| Box::pin(pair(desk, Twist::None)))
        .by_new(2)
        .times(1, 1),
    Case::near_miss("P21", "sizes_differ", |desk| Box::pin(pair(desk, Twist::Sizes)))
        .by_new(2)
        .times(5, 7)
        .apart(60, 240),
    Case::near_miss("P21", "entered_a_minute_apart", |desk| Box::pin(pair(desk, Twist::Apart)))
        .on(crate::stage::Stage::THIN)
        .by_new(2)
        .times(5, 7)
        .apart(60, 240),
];

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// The one who comes takes only a part of a larger order.
    Sizes,
    /// The other order comes a minute later.
    Apart,
}

async fn pair(desk: &Desk, twist: Twist) -> Outcome {
    let room = |desk: &Desk| desk.is_open() && desk.spread() > Some(1);
    if !desk.until(90 * SECOND, room).await {
        return Outcome::Void;
    }
    let side = desk.side();
    let Some(best) = desk.best(side) else { return Outcome::Void };
    // Inside the spread, where nobody else stands.
    let price = desk.behind(side, best, -1);
    let size = desk.lots(desk.size(0.8) as f64 * desk.between(2.2, 3.5) * desk.severity);
    let order = desk.enter(side, price, size);
    match twist {
        Twist::Apart => desk.pause_between(60 * SECOND, 70 * SECOND).await,
        _ => desk.pause_between(5 * MILLI, 900 * MILLI).await,
    }
    if desk.rests(order) < size {
        return Outcome::Void;
    }
    let quantity = match twist {
        Twist::Sizes => desk.lots(size as f64 * desk.between(0.2, 0.5)),
        _ => size,
    };
    let other = desk.enter_as(desk.culprit(1), side.opposite(), price, quantity, Attributes::NONE);
    let met = desk.filled(order).min(desk.filled(other));
    desk.cancel(other);
    if met * 10 < quantity * 9 { Outcome::Void } else { desk.done() }
}
