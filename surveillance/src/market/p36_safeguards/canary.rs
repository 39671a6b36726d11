//! The episode that must alert, for the canary.

use crate::desk::story::{MS, Story};
use engine_observer::event::Side;

pub(super) const PRICE: i64 = Story::BID - 1;

/// Six orders at one price within some milliseconds, each for so much.
pub(super) fn story(quantity: u64) -> Story {
    let mut story = Story::calm();
    for nth in 0..6 {
        story.enter(Story::BEGIN + nth * 10 * MS, 9, Side::Buy, PRICE, quantity);
    }
    story
}
