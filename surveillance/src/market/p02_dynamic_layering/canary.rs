//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;

pub(super) const LAYERER: u32 = 9;
pub(super) const T: u64 = Story::BEGIN + 10 * S;

/// A ladder of sales above a quiet market.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) orders: i64,
    /// From the best offer to the first of them.
    pub(super) distance: i64,
    pub(super) size: u64,
    pub(super) life: u64,
    pub(super) every: u64,
    /// What trades of the first one.
    pub(super) trades: u64,
    /// What the owner buys meanwhile, and sells.
    pub(super) buys: u64,
    pub(super) sells: u64,
    /// How much rests on the other side, of each.
    pub(super) mirrored: u64,
    /// Whether orders are taken away and entered anew instead of amended.
    pub(super) by_entering: bool,
}

pub(super) const LADDER: Shape = Shape {
    orders: 5,
    distance: 3,
    size: 30,
    life: 200 * S,
    every: 2 * S,
    trades: 0,
    buys: 40,
    sells: 0,
    mirrored: 0,
    by_entering: false,
};

pub(super) fn ladder(mut story: Story, shape: Shape) -> Story {
    let at = |order: i64, moved: i64| Story::ASK + shape.distance + order + moved;
    let enter = |story: &mut Story, when, order: i64, moved: i64| {
        story.enter(when, LAYERER, Side::Sell, at(order, moved), shape.size)
    };
    let mut orders: Vec<_> =
        (0..shape.orders).map(|order| enter(&mut story, T, order, 0)).collect();
    let mirrored: Vec<_> = (0..shape.orders)
        .filter(|_| shape.mirrored > 0)
        .map(|order| story.enter(T, LAYERER, Side::Buy, Story::BID - 3 - order, shape.mirrored))
        .collect();
    for (nth, when) in (T + S..T + shape.life).step_by(shape.every as usize).enumerate() {
        let which = nth % orders.len();
        let moved = (nth / orders.len()) as i64 % 2;
        if shape.by_entering {
            story.cancel(when, orders[which]);
            orders[which] = enter(&mut story, when + 10 * MS, which as i64, moved);
        } else {
            story.amend(when, orders[which], at(which as i64, moved), shape.size);
        }
    }
    if shape.trades > 0 {
        story.fill(T + 30 * S, orders[0], at(0, 0), shape.trades, 131);
    }
    story.sweep(T + 60 * S + 3 * MS, LAYERER, Side::Sell, shape.buys);
    story.stand(T + 61 * S, Side::Sell, 2);
    story.sweep(T + 60 * S + 4 * MS, LAYERER, Side::Buy, shape.sells);
    story.stand(T + 61 * S, Side::Buy, 2);
    orders.into_iter().chain(mirrored).for_each(|order| story.cancel(T + shape.life, order));
    story
}

/// A ladder in a quiet market.
pub(super) fn story() -> Story {
    ladder(Story::calm(), LADDER)
}
