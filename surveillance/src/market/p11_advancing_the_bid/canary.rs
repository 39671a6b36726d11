//! The episode that must alert, for tests and the canary.

use crate::desk::story::{S, Story};
use engine_observer::event::Side;

pub(super) const CLIMBER: u32 = 9;
pub(super) const BUYER: u32 = 201;
pub(super) const MAKER: u32 = 105;
pub(super) const T: u64 = Story::BEGIN;

/// Nobody offers for another sixteen ticks, and the spread is wide: there is room to climb.
pub(super) fn widened(mut story: Story) -> Story {
    story.sweep(T - 200 * S, 131, Side::Sell, 10 * Story::LEVEL);
    story.enter(T - 199 * S, MAKER, Side::Sell, Story::ASK + 16, 300);
    story
}

/// So many bids of `size`, each a tick or two higher than the best; the one before is taken away.
pub(super) fn climb(story: &mut Story, at: u64, steps: i64, size: u64) -> i64 {
    let mut best = Story::BID;
    for nth in 0..steps {
        let at = at + nth as u64 * 40 * S;
        best += if nth % 3 == 0 { 2 } else { 1 };
        let bid = story.enter(at, CLIMBER, Side::Buy, best, size);
        story.cancel(at + 41 * S, bid);
    }
    best
}

/// Sells so much to somebody who bids.
pub(super) fn sell(story: &mut Story, at: u64, price: i64, quantity: u64) {
    let bid = story.enter(at, BUYER, Side::Buy, price, quantity);
    story.fill(at + S, bid, price, quantity, CLIMBER);
}

/// Nine bids lift the price before a sale.
pub(super) fn story() -> Story {
    let mut story = widened(Story::calm());
    let best = climb(&mut story, T, 9, 1);
    sell(&mut story, T + 400 * S, best - 1, 200);
    story
}
