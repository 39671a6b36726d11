//! P05, collusive or away-account spoofing: one account shows the deceptive orders, another takes the
//! profit.

use super::p01_layering::{genuine, sizes};
use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;
use engine_event::{Nanos, OrderId, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P05", "layers_by_partner", |desk| Box::pin(partner(desk)))
        .by(2)
        .times(7, 10)
        .apart(15, 40),
    Case::near_miss("P05", "dominant_maker_always_on", |desk| Box::pin(always_on(desk)))
        .by(2)
        .times(1, 1),
];

/// Another enters the layers, and takes them away once the partner's order is filled.
async fn partner(desk: &Desk) -> Outcome {
    let side = desk.side();
    let (all, quantity) = sizes(desk, side.opposite());
    let Some(order) = genuine(desk, side, quantity, Attributes::NONE) else {
        return Outcome::Void;
    };
    desk.pause_between(200 * MILLI, 2 * SECOND).await;
    let layers = stack_of(desk, desk.culprit(1), side.opposite(), all);
    if !desk.until_filled(order, desk.rests(order), 60 * SECOND).await {
        return Outcome::Void;
    }
    if desk.order(order).is_some_and(|own| own.filled_at <= own.entered_at) {
        return Outcome::Void;
    }
    desk.pause_between(100 * MILLI, 4 * SECOND).await;
    if layers.iter().map(|id| desk.filled(*id)).sum::<u64>() * 20 > all {
        return Outcome::Void;
    }
    for id in layers {
        desk.cancel(id);
        desk.pause_between(0, 40 * MILLI).await;
    }
    desk.done()
}

/// The same layers as in P01, of another account.
fn stack_of(desk: &Desk, who: engine_event::ParticipantId, side: Side, all: u64) -> Vec<OrderId> {
    let Some(best) = desk.best(side) else { return Vec::new() };
    let levels = desk.whole(3, 5);
    let level = |number: u64| {
        let quantity = desk.lots(desk.between(0.8, 1.2) * all as f64 / levels as f64);
        let price = desk.behind(side, best, 1 + number as i64);
        desk.enter_as(who, side, price, quantity, Attributes::NONE)
    };
    (0..levels).map(level).collect()
}

/// A small customer is filled again and again while the dominant maker's ladder is always there. The maker
/// amends it as the market moves, whoever is filled.
async fn always_on(desk: &Desk) -> Outcome {
    let maker = desk.culprit(1);
    let all = desk.lots(desk.depth(Side::Buy).max(desk.size(0.9) * 3) as f64 * 0.6);
    let ladders = [Side::Buy, Side::Sell].map(|side| stack_of(desk, maker, side, all));
    let quantity = desk.lots(desk.size(0.3) as f64);
    let ends = desk.now() + Nanos(900 * SECOND);
    let mut fills = 0;
    while desk.now() < ends && fills < 40 {
        let side = desk.side();
        let Some(order) = genuine(desk, side, quantity, Attributes::NONE) else {
            return Outcome::Void;
        };
        let filled = desk.until_filled(order, desk.rests(order), 30 * SECOND).await;
        fills += u32::from(filled);
        desk.cancel(order);
        for (ladder, side) in ladders.iter().zip([Side::Buy, Side::Sell]) {
            let Some(best) = desk.best(side) else { continue };
            for (number, id) in ladder.iter().enumerate().filter(|_| desk.happens(0.2)) {
                let price = desk.behind(side, best, 1 + number as i64);
                desk.amend(*id, price, desk.rests(*id));
            }
        }
        desk.pause_between(2 * SECOND, 10 * SECOND).await;
    }
    if fills < 8 {
        return Outcome::Void;
    }
    desk.done()
}
