//! P19, wash trade: one owner buys from himself.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::Event;
use engine_event::body::{Attributes, Holding};

pub(super) const CASES: &[Case] = &[
    Case::positive("P19", "large_self_cross", |desk| Box::pin(cross(desk, Twist::None)))
        .times(4, 6)
        .apart(60, 200),
    Case::near_miss("P19", "one_lot_once", |desk| Box::pin(cross(desk, Twist::OneLot)))
        .by_new(2)
        .times(1, 1),
    Case::near_miss("P19", "prevented_by_venue", |desk| Box::pin(cross(desk, Twist::Prevented)))
        .times(4, 6),
    Case::near_miss("P19", "sold_to_a_stranger", |desk| Box::pin(cross(desk, Twist::Stranger)))
        .times(4, 6),
];

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// A single lot, once: two programs of one bank that do not know each other.
    OneLot,
    /// The venue cancels the resting order instead of letting it trade.
    Prevented,
    /// The buyer is somebody else.
    Stranger,
}

async fn cross(desk: &Desk, twist: Twist) -> Outcome {
    let room = |desk: &Desk| desk.is_open() && desk.spread() > Some(1);
    if !desk.until(60 * SECOND, room).await {
        return Outcome::Void;
    }
    let side = desk.side();
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let price = desk.behind(side, best, -1);
    let size = match twist {
        Twist::OneLot => desk.lot(),
        _ => desk.lots(desk.size(0.9) as f64 * desk.between(2.2, 3.0) * desk.severity),
    };
    if twist == Twist::OneLot {
        for number in 0..2 {
            let holding = Holding::new(Some(desk.culprit(number)), 0);
            let holding = holding.owned_by(Some(desk.culprit(0)));
            desk.tell(Event::new(desk.subject, desk.now(), holding));
        }
    }
    let order = desk.enter(side, price, size);
    desk.pause_between(20 * MILLI, 900 * MILLI).await;
    if desk.rests(order) < size || desk.best(side) != Some(price) {
        return Outcome::Void;
    }
    let who = match twist {
        Twist::Stranger => desk.anybody(),
        Twist::OneLot => desk.culprit(1),
        _ => desk.me(),
    };
    let kind = match twist {
        Twist::Prevented => Attributes::IOC.and(Attributes::SELF_TRADE_PREVENTION),
        _ => Attributes::NONE,
    };
    // Who comes for all of it gets all of it: nobody else stands there.
    let id = match twist {
        Twist::Prevented => desk.enter_as(who, side.opposite(), price, size, kind),
        _ => desk.enter_against_himself(who, side.opposite(), price, size),
    };
    desk.cancel(id);
    desk.done()
}
