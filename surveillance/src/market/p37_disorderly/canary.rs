//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;

pub(super) const WHO: u32 = 9;
pub(super) const T: u64 = Story::BEGIN;

/// So many equal fills of somebody's orders within five seconds.
pub(super) fn fills(story: &mut Story, count: u64, by: u32) {
    for nth in 0..count {
        let at = T + nth * 5 * S / count;
        let bid = story.enter(at, WHO, Side::Buy, Story::BID + 1, 3);
        story.fill(at + 2 * MS, bid, Story::BID + 1, 3, by);
    }
}

/// Three hundred equal fills in five seconds.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    fills(&mut story, 300, 0);
    story
}
