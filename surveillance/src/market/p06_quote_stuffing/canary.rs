//! The episode that must alert, for the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;

const STUFFER: u32 = 9;
/// Orders of a burst, each taken away again.
const PAIRS: u64 = 3_000;
/// From one order to the next, and how long each stands, in nanoseconds.
const EVERY: u64 = MS * 2 / 5;
const LIFE: u64 = MS / 5;

/// The messages that a burst has in a second.
pub(super) const RATE: u32 = 5_000;

/// So many bursts a minute apart in a quiet market, each of three thousand bids one tick off.
pub(super) fn story(bursts: u64) -> Story {
    let mut story = Story::calm();
    for burst in 0..bursts {
        for nth in 0..PAIRS {
            let at = Story::BEGIN + burst * 60 * S + nth * EVERY;
            let bid = story.enter(at, STUFFER, Side::Buy, Story::BID - 1, 10);
            story.cancel(at + LIFE, bid);
        }
    }
    story
}
