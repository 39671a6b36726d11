//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;

pub(super) const WHO: u32 = 9;
pub(super) const T: u64 = Story::BEGIN;

/// Trades so often, then enters and takes away, a message each.
pub(super) fn quotes(story: &mut Story, trades: u64, messages: u64) {
    for nth in 0..trades {
        let bid = story.enter(T + nth * MS, WHO, Side::Buy, Story::BID, 10);
        story.fill(T + nth * MS, bid, Story::BID, 10, 131);
    }
    for nth in 0..messages / 2 {
        let at = T + S + nth * 10 * MS;
        let bid = story.enter(at, WHO, Side::Buy, Story::BID - 2, 10);
        story.cancel(at + MS, bid);
    }
}

/// Five trades, and more messages than the venue allows for them.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    quotes(&mut story, 5, 1_600);
    story
}
