//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;
use engine_observer::event::body::Phase;

pub(super) const MARKER: u32 = 9;
pub(super) const OTHER: u32 = 201;

/// When continuous trading ends.
pub(super) const CLOSE: u64 = Story::BEGIN + 100 * S;

/// Ten others trade so much together, at one price.
pub(super) fn others(story: &mut Story, at: u64, side: Side, price: i64, quantity: u64) {
    for nth in 0..10 {
        let order = story.enter(at, OTHER + nth, side, price, quantity / 10);
        story.fill(at + MS, order, price, quantity / 10, OTHER + 10 + nth);
    }
}

/// Buys so many levels of offers in the last second and a half.
pub(super) fn buy(story: &mut Story, levels: u64) {
    for level in 0..levels {
        story.sweep(CLOSE - 1_500 * MS + level * 100 * MS, MARKER, Side::Sell, Story::LEVEL);
    }
}

/// Nearly all that trades in the last seconds is bought by one.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    buy(&mut story, 4);
    others(&mut story, CLOSE - 200 * MS, Side::Sell, Story::ASK + 3, 60);
    story.phase(CLOSE, Phase::Auction);
    story
}
