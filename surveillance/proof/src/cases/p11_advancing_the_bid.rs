//! P11, advancing the bid (or lowering the offer): the best price is improved again and again by small
//! orders, and then the other way is traded in size.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;
use engine_event::{Nanos, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P11", "small_bids_then_sale", |desk| Box::pin(advance(desk)))
        .on(crate::stage::Stage::THIN)
        .by_new(1)
        .times(1, 2),
    Case::near_miss("P11", "pegged_buyer", |desk| Box::pin(pegged(desk))).times(1, 1),
    Case::near_miss("P11", "spread_restored", |desk| Box::pin(restored(desk))).times(1, 2),
];

/// Small orders, each a tick better than the best; joiners follow; in the end more is sold than any usual
/// order is for.
async fn advance(desk: &Desk) -> Outcome {
    let side = desk.side();
    // So many that most improvements within ten minutes are the culprit's; an instrument whose best price
    // changes all the time is none for this.
    let others = desk.improvements(side, 600 * SECOND) as f64;
    let most = desk.between(14.0, 18.0).max(others * desk.between(3.4, 4.0));
    if most > 240.0 {
        return Outcome::Void;
    }
    let wanted = (most * desk.severity).round().max(2.0) as u64;
    let apart = 540 * SECOND / wanted;
    let ends = desk.now() + Nanos(560 * SECOND);
    let (mut done, mut entered, mut filled) = (0, 0, 0);
    while done < wanted && desk.now() < ends {
        let room = |desk: &Desk| desk.is_open() && desk.spread() > Some(1);
        if !desk.until(60 * SECOND, room).await {
            return Outcome::Void;
        }
        let Some(best) = desk.best(side) else { return Outcome::Void };
        let size = desk.lots(desk.size(0.5) as f64 * desk.between(0.3, 0.8));
        let order = desk.enter(side, desk.behind(side, best, -1), size);
        (done, entered) = (done + 1, entered + size);
        // It stands for about as long as a few of the flow's events take, and is gone before it is hit.
        let stands = (desk.between(0.5, 2.5) / desk.rate().max(0.1) * 1e9) as u64;
        desk.pause(stands.clamp(100 * MILLI, 8 * SECOND) / 2).await;
        if desk.happens(0.4) && desk.rests(order) > 0 && desk.spread() > Some(1) {
            let who = desk.other(desk.whole(0, 4096) as usize);
            let joins = desk.lots(desk.size(0.5) as f64);
            desk.enter_as(who, side, desk.behind(side, best, -1), joins, Attributes::NONE);
        }
        let rest = stands.clamp(100 * MILLI, 8 * SECOND) / 2;
        desk.until(rest, |desk| desk.filled(order) > 0).await;
        desk.cancel(order);
        filled += desk.filled(order);
        if filled as f64 * 20.0 > size as f64 * wanted as f64 {
            return Outcome::Void;
        }
        let stood = stands.clamp(100 * MILLI, 8 * SECOND);
        desk.pause_between(apart / 3, (apart * 5 / 4).saturating_sub(stood).max(apart / 3)).await;
    }
    if done < wanted || filled * 20 > entered {
        return Outcome::Void;
    }
    desk.clear_up();
    let mut sale = desk.size(0.9) as f64 * desk.between(2.8, 3.8) * desk.severity;
    desk.pause_between(2 * SECOND, 20 * SECOND).await;
    for _ in 0..12 {
        let Some(best) = desk.best(side).filter(|_| sale >= 1.0) else { break };
        sale -= desk.sweep(desk.me(), side.opposite(), desk.behind(side, best, 1), desk.lots(sale))
            as f64;
        desk.pause_between(200 * MILLI, 2 * SECOND).await;
    }
    if sale > desk.size(0.9) as f64 * 0.1 * desk.severity { Outcome::Void } else { desk.done() }
}

/// A buyer's order is pegged to one tick above the best other bid; he is filled again and again and ends
/// with what he wanted.
async fn pegged(desk: &Desk) -> Outcome {
    let side = desk.side();
    let size = desk.lots(desk.size(0.5) as f64);
    let ends = desk.now() + Nanos(900 * SECOND);
    let mut order = None;
    while desk.now() < ends {
        let stands = order.is_some_and(|id| {
            desk.order(id)
                .is_some_and(|own| own.remaining > 0 && desk.best(side) == Some(own.price))
        });
        if !stands {
            if let Some(id) = order {
                desk.cancel(id);
            }
            if desk.spread() > Some(1) {
                let Some(best) = desk.best(side) else { return Outcome::Void };
                order = Some(desk.enter(side, desk.behind(side, best, -1), size));
            }
        }
        let hit = order.filter(|id| desk.rests(*id) > 0 && desk.happens(0.15));
        if let Some(own) = hit.and_then(|id| desk.order(id)) {
            let who = desk.other(desk.whole(0, 4096) as usize);
            desk.sweep(who, side.opposite(), own.price, size);
        }
        desk.pause_between(5 * SECOND, 20 * SECOND).await;
    }
    desk.done()
}

/// Somebody else sweeps one side; a maker quotes it back tick by tick, on both sides.
async fn restored(desk: &Desk) -> Outcome {
    let side = desk.side();
    let Some(best) = desk.best(side) else { return Outcome::Void };
    let through = desk.behind(side, best, 5);
    let all = desk.depth(side).min(desk.size(0.9) * 20);
    desk.sweep(desk.other(desk.whole(0, 4096) as usize), side.opposite(), through, all);
    let mut steps = 0;
    while steps < 10 && desk.spread() > Some(1) {
        for side in [Side::Buy, Side::Sell] {
            let Some(best) = desk.best(side).filter(|_| desk.spread() > Some(1)) else { continue };
            let size = desk.lots(desk.size(0.5) as f64 * 2.0);
            let price = desk.behind(side, best, -1);
            desk.enter_as(desk.me(), side, price, size, Attributes::MARKET_MAKER);
        }
        steps += 1;
        desk.pause_between(SECOND, 8 * SECOND).await;
    }
    desk.pause_between(20 * SECOND, 60 * SECOND).await;
    desk.done()
}
