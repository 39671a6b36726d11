//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;

pub(super) const SPOOFER: u32 = 9;
pub(super) const VICTIM: u32 = 8;
pub(super) const T: u64 = Story::BEGIN;

/// Buys `bought` at the bid behind five layers of `layer` each, which are taken away `after` the fill.
pub(super) fn layered(story: &mut Story, at: u64, bought: u64, layer: u64, after: u64) {
    let genuine = story.enter(at, SPOOFER, Side::Buy, Story::BID + 1, bought);
    let layers: Vec<_> = (0..5)
        .map(|step| {
            let at = at + (1 + step) * 100 * MS;
            story.enter(at, SPOOFER, Side::Sell, Story::ASK + step as i64, layer)
        })
        .collect();
    let filled_at = at + 8 * S;
    story.fill(filled_at, genuine, Story::BID + 1, bought, VICTIM);
    for order in layers {
        story.cancel(filled_at + after, order);
    }
}

/// Three such buys in a quiet market.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    (0..3).for_each(|minute| layered(&mut story, T + minute * 60 * S, 3, 20, 2 * S));
    story
}
