//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;
use engine_observer::event::body::Phase;

pub(super) const MARKER: u32 = 9;
pub(super) const OTHER: u32 = 201;

/// When continuous trading begins anew, after an auction of a minute and a half.
pub(super) const OPEN: u64 = Story::BEGIN + 100 * S;

/// What happens after the open.
pub(super) fn story_in(mut story: Story, tell: impl FnOnce(&mut Story)) -> Story {
    story.phase(Story::BEGIN + 10 * S, Phase::Auction);
    story.phase(OPEN, Phase::Continuous);
    tell(&mut story);
    story
}

/// Ten others trade so much together, at one price.
pub(super) fn others(story: &mut Story, at: u64, side: Side, price: i64, quantity: u64) {
    for nth in 0..10 {
        let order = story.enter(at, OTHER + nth, side, price, quantity / 10);
        story.fill(at + MS, order, price, quantity / 10, OTHER + 10 + nth);
    }
}

/// Buys four levels of offers within half a minute.
pub(super) fn buy(story: &mut Story) {
    for level in 0..4 {
        story.sweep(OPEN + 5 * S + level * 5 * S, MARKER, Side::Sell, Story::LEVEL);
    }
}

/// One buys most of the first minute and sells within ten.
pub(super) fn story() -> Story {
    story_in(Story::calm(), |story| {
        others(story, OPEN + S, Side::Sell, Story::ASK, 50);
        buy(story);
        others(story, OPEN + 40 * S, Side::Sell, Story::ASK + 3, 50);
        let sale = story.enter(OPEN + 400 * S, MARKER, Side::Sell, Story::ASK + 3, 160);
        story.fill(OPEN + 420 * S, sale, Story::ASK + 3, 160, OTHER);
    })
}
