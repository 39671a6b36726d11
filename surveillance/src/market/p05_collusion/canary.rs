//! The episode that must alert, for tests and the canary.

use crate::desk::story::{S, Story};
use engine_observer::event::Side;

pub(super) const TRADER: u32 = 9;
pub(super) const SHOWER: u32 = 7;
pub(super) const RETAIL: u32 = 8;
pub(super) const T: u64 = Story::BEGIN + 10 * S;

pub(super) fn layers(story: &mut Story, at: u64, size: u64, lasts: u64) {
    for step in 0..5 {
        let layer = story.enter(at, SHOWER, Side::Sell, Story::ASK + step, size);
        story.cancel(at + lasts, layer);
    }
}

/// One buys 3 at the bid, five seconds after another has shown 100 for sale; two seconds later that goes.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) times: u64,
    pub(super) every: u64,
    pub(super) size: u64,
    /// How long the layers stay after the fill.
    pub(super) stay: u64,
    /// For how long the same layers had been there before, without a fill.
    pub(super) before: u64,
    /// Fills without layers.
    pub(super) alone: u64,
}

pub(super) const MEETINGS: Shape =
    Shape { times: 9, every: 120 * S, size: 20, stay: 2 * S, before: 0, alone: 0 };

pub(super) fn met(mut story: Story, shape: Shape) -> Story {
    let buy = |at: u64, story: &mut Story| {
        let bid = story.enter(at, TRADER, Side::Buy, Story::BID + 1, 3);
        story.fill(at + 5 * S, bid, Story::BID + 1, 3, RETAIL);
    };
    if shape.before > 0 {
        layers(&mut story, T - 3_000 * S, shape.size, shape.before);
    }
    for nth in 0..shape.times {
        let at = T + nth * shape.every;
        buy(at, &mut story);
        layers(&mut story, at + S, shape.size, 4 * S + shape.stay);
    }
    for nth in 0..shape.alone {
        buy(T - 2_900 * S + nth * 10 * S, &mut story);
    }
    story
}

/// Two who never meet otherwise meet nine times.
pub(super) fn story() -> Story {
    met(Story::calm(), MEETINGS)
}
