//! The episode that must alert, for tests and the canary.

use crate::desk::story::{S, Story};
use engine_observer::event::Side;

pub(super) const WHO: u32 = 9;
pub(super) const T: u64 = Story::BEGIN;

/// How somebody pushes a price.
#[derive(Clone, Copy)]
pub(super) struct Push {
    /// Trades of so many units each, five seconds apart.
    pub(super) trades: u64,
    pub(super) size: u64,
    /// Traded by others meanwhile.
    pub(super) others: u64,
    /// Whether the makers' offers come back where they were, half a minute later.
    pub(super) comes_back: bool,
    /// What is sold again.
    pub(super) sold: u64,
}

pub(super) const PUSH: Push = Push { trades: 10, size: 20, others: 100, comes_back: true, sold: 0 };

/// Sweeps the offers; the price stays there, or comes back.
pub(super) fn push(story: &mut Story, push: Push) {
    let others = push.trades.max(1);
    for nth in 0..push.trades {
        let at = T + nth * 5 * S;
        story.sweep(at, WHO, Side::Sell, push.size);
        let quantity = push.others * (nth + 1) / others - push.others * nth / others;
        if quantity > 0 {
            story.print(at + S, Side::Sell, Story::ASK, quantity, (31, 41));
        }
    }
    let pushed = T + push.trades * 5 * S;
    if push.comes_back {
        story.stand(pushed + 30 * S, Side::Sell, 10);
    }
    if push.sold > 0 {
        story.sweep(pushed + 10 * S, WHO, Side::Buy, push.sold);
    }
}

/// Half of ten minutes moves the price, and it comes back.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    push(&mut story, Push { sold: 100, ..PUSH });
    story
}
