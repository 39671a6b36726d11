//! P05, collusive or away-account spoofing: one account shows the deceptive orders, another takes the
//! profit.

use super::p01_layering::{genuine, sizes};
use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::body::Attributes;
use engine_event::{Nanos, OrderId, ParticipantId, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P05", "layers_by_partner", |desk| Box::pin(partner(desk)))
        .by_new(2)
        .times(7, 10)
        .apart(40, 120),
    Case::near_miss("P05", "dominant_maker_always_on", |desk| Box::pin(always_on(desk)))
        .on(Stage::USUAL)
        .by(2)
        .times(1, 1),
];

/// Of two who do nothing else: another enters the layers, and takes them away once the partner's order is filled.
async fn partner(desk: &Desk) -> Outcome {
    let side = desk.side();
    let (all, quantity) = sizes(desk, side.opposite());
    let Some(order) = genuine(desk, side, quantity, Attributes::NONE) else {
        return Outcome::Void;
    };
    desk.pause_between(200 * MILLI, 2 * SECOND).await;
    let layers = stack_of(desk, desk.culprit(1), side.opposite(), all);
    // The flow fills the partner, or somebody who takes the layers for what they look like does. They are
    // there for seconds: among an hour's fills that must be twenty times more than chance.
    let flow = desk.until_filled(order, desk.rests(order), desk.whole(1, 5) * SECOND);
    if !flow.await && !follower(desk, order) {
        return Outcome::Void;
    }
    if desk.order(order).is_some_and(|own| own.filled_at <= own.entered_at) {
        return Outcome::Void;
    }
    desk.pause_between(100 * MILLI, 2 * SECOND).await;
    if layers.iter().map(|id| desk.filled(*id)).sum::<u64>() * 20 > all {
        return Outcome::Void;
    }
    for id in layers {
        desk.cancel(id);
        desk.pause_between(0, 40 * MILLI).await;
    }
    desk.done()
}

/// Somebody trades with an order that stands at the best price, and with all before it. Gives whether that
/// was enough.
fn follower(desk: &Desk, order: OrderId) -> bool {
    let Some(own) = desk.order(order) else { return false };
    if own.remaining == 0 || desk.best(own.side) != Some(own.price) {
        return own.remaining == 0;
    }
    let all = desk.at_level(own.side, own.price);
    desk.sweep(desk.anybody(), own.side.opposite(), own.price, all);
    desk.rests(order) == 0
}

/// The same layers as in P01, of another account.
fn stack_of(desk: &Desk, who: ParticipantId, side: Side, all: u64) -> Vec<OrderId> {
    let Some(best) = desk.best(side) else { return Vec::new() };
    let levels = desk.whole(3, 5);
    let level = |number: u64| {
        let quantity = desk.lots(desk.between(0.8, 1.2) * all as f64 / levels as f64);
        let price = desk.behind(side, best, 1 + number as i64);
        desk.enter_as(who, side, price, quantity, Attributes::NONE)
    };
    (0..levels).map(level).collect()
}

/// A small customer is filled again and again while the dominant maker's ladder is always there, from half
/// an hour before to the end. The maker amends it as the market moves, whoever is filled.
async fn always_on(desk: &Desk) -> Outcome {
    let maker = desk.culprit(1);
    let all = desk.lots(desk.depth(Side::Buy).max(desk.size(0.9) * 3) as f64 * 0.6);
    let mut ladders = [Side::Buy, Side::Sell].map(|side| stack_of(desk, maker, side, all));
    let quantity = desk.lots(desk.size(0.3) as f64);
    let comes = desk.now() + Nanos(desk.whole(1500, 2100) * SECOND);
    let ends = comes + Nanos(900 * SECOND);
    let mut fills = 0;
    while desk.now() < ends && fills < 40 {
        if desk.now() >= comes {
            let side = desk.side();
            let Some(order) = genuine(desk, side, quantity, Attributes::NONE) else {
                return Outcome::Void;
            };
            let soon = desk.whole(5, 20) * SECOND;
            let filled = desk.until_filled(order, desk.rests(order), soon).await;
            fills += u32::from(filled || follower(desk, order));
            desk.cancel(order);
        }
        for (ladder, side) in ladders.iter_mut().zip([Side::Buy, Side::Sell]) {
            tend(desk, maker, side, ladder, all);
        }
        desk.pause_between(2 * SECOND, 10 * SECOND).await;
    }
    if fills < 8 { Outcome::Void } else { desk.done() }
}

/// The maker moves a part of the ladder along with the touch, and enters anew what has traded.
fn tend(desk: &Desk, maker: ParticipantId, side: Side, ladder: &mut [OrderId], all: u64) {
    let Some(best) = desk.best(side) else { return };
    let each = all as f64 / ladder.len().max(1) as f64;
    for (number, id) in ladder.iter_mut().enumerate() {
        let price = desk.behind(side, best, 1 + number as i64);
        if desk.rests(*id) == 0 {
            let size = desk.lots(desk.between(0.8, 1.2) * each);
            *id = desk.enter_as(maker, side, price, size, Attributes::NONE);
        } else if desk.happens(0.2) {
            desk.amend(*id, price, desk.rests(*id));
        }
    }
}
