//! P08, smoking: an attractive quote draws slow traders, and is worsened just before their orders arrive.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;

pub(super) const CASES: &[Case] = &[
    Case::positive("P08", "faded_before_slow_orders", |desk| Box::pin(smoke(desk, Twist::None)))
        .times(1, 1),
    Case::near_miss("P08", "reference_moved_first", |desk| Box::pin(smoke(desk, Twist::Moved)))
        .times(1, 1),
    Case::near_miss("P08", "quotes_are_honoured", |desk| Box::pin(smoke(desk, Twist::Honoured)))
        .times(1, 1),
];

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// The market has moved against the quote just before it is worsened.
    Moved,
    /// Most quotes are traded at as they were shown.
    Honoured,
}

/// How many approaches the pattern asks for.
const APPROACHES: u32 = 30;

async fn smoke(desk: &Desk, twist: Twist) -> Outcome {
    let count = (desk.between(68.0, 76.0) * desk.severity) as u32;
    let (mut approaches, mut honoured, mut decided, mut tries) = (0, 0, None, 0);
    while approaches < count {
        tries += 1;
        if tries > count * 4 {
            return Outcome::Void;
        }
        // Six of seven who come are slow; the fast ones get what they see.
        let slow = desk.happens(0.85);
        let share = if twist == Twist::Honoured { 0.15 } else { 0.95 };
        match approach(desk, twist, slow, slow && desk.happens(share)).await {
            Approach::Faded => approaches += 1,
            Approach::Honoured => {
                approaches += 1;
                honoured += 1;
            }
            Approach::ByFlow => honoured += 1,
            Approach::None => {}
        }
        if approaches >= APPROACHES {
            decided.get_or_insert(desk.now());
        }
        desk.pause_between(2 * SECOND, 12 * SECOND).await;
    }
    // Where the flow itself came for most of the quotes, most were honoured.
    let faded = f64::from(count.saturating_sub(honoured)) / f64::from(count.max(1));
    if twist == Twist::None && faded < 0.66 {
        return Outcome::Void;
    }
    Outcome::Done(decided.unwrap_or(desk.now()))
}

/// What came of a quote.
enum Approach {
    /// It was worse when somebody came for it.
    Faded,
    /// It was there.
    Honoured,
    /// It was there when the flow itself came for it.
    ByFlow,
    /// Nobody came.
    None,
}

/// A quote inside the spread, and somebody who comes for it.
async fn approach(desk: &Desk, twist: Twist, slow: bool, fades: bool) -> Approach {
    if !desk.until(30 * SECOND, |desk| desk.is_open() && desk.spread() > Some(1)).await {
        return Approach::None;
    }
    let side = desk.side();
    let (Some(best), Some(spread)) = (desk.best(side), desk.spread()) else {
        return Approach::None;
    };
    let inside = if spread > 3 { 2 } else { 1 };
    let quantity = desk.lots(desk.size(0.5) as f64 * desk.between(0.5, 1.0));
    let price = desk.behind(side, best, -inside);
    let quote = desk.enter(side, price, quantity);
    desk.pause_between(300 * MILLI, 1500 * MILLI).await;
    if desk.filled(quote) > 0 || desk.best(side) != Some(price) {
        desk.cancel(quote);
        return if desk.filled(quote) > 0 { Approach::ByFlow } else { Approach::None };
    }
    // It comes: it was sent 20 to 45 ms ago, and the quote's owner sees it coming.
    if fades {
        if twist == Twist::Moved {
            reference_moves(desk, side, price).await;
        }
        desk.amend(quote, desk.behind(side, price, 1), quantity);
        desk.pause_between(5 * MILLI, 35 * MILLI).await;
    }
    let number = if slow { 1000 } else { 0 } + desk.whole(0, 40) as usize;
    let ahead = match desk.order(quote) {
        Some(own) if own.remaining > 0 => desk.at_level(side, own.price).saturating_sub(quantity),
        _ => return Approach::ByFlow,
    };
    let limit = desk.behind(side, price, 1);
    desk.sweep(
        desk.other(number),
        side.opposite(),
        limit,
        ahead + desk.lots(quantity as f64 * 0.6),
    );
    let came = desk.filled(quote) > 0;
    desk.pause_between(20 * MILLI, 200 * MILLI).await;
    desk.cancel(quote);
    match (came, fades) {
        (true, true) => Approach::Faded,
        (true, false) => Approach::Honoured,
        (false, _) => Approach::None,
    }
}

/// The far side comes a tick nearer or goes a tick away, against the quote, milliseconds before it fades.
async fn reference_moves(desk: &Desk, side: engine_event::Side, price: engine_event::Price) {
    let other = side.opposite();
    let Some(far) = desk.best(other) else { return };
    let nearer = desk.behind(other, far, -1);
    let who = desk.other(desk.whole(0, 997) as usize);
    if nearer == price || far == price {
        let Some(level) = desk.best(side) else { return };
        desk.sweep(who, other, level, 1);
    } else {
        let size = desk.lots(desk.size(0.5) as f64);
        desk.enter_as(who, other, nearer, size, Attributes::NONE);
    }
    desk.pause_between(3 * MILLI, 12 * MILLI).await;
}
