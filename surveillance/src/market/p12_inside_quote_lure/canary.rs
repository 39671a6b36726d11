//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;

pub(super) const LURER: u32 = 9;
pub(super) const JOINER: u32 = 201;
pub(super) const T: u64 = Story::BEGIN;

/// What makes an episode, each to be missed. The market's bid is lowered first, so that there is a spread.
#[derive(Clone, Copy)]
pub(super) struct Told {
    pub(super) quote: u64,
    /// Each of two joins with so much, so long after the quote.
    pub(super) joined: u64,
    pub(super) joined_after: u64,
    pub(super) hit: u64,
    pub(super) hit_after: u64,
    /// Of the quote, before it is taken away.
    pub(super) executed: u64,
}

pub(super) const WHOLE: Told =
    Told { quote: 5, joined: 50, joined_after: S, hit: 100, hit_after: 4 * S, executed: 0 };

pub(super) fn tell(story: &mut Story, at: u64, told: Told) {
    let price = Story::BID + 1;
    let quote = story.enter(at, LURER, Side::Buy, price, told.quote);
    let joined: Vec<_> = (0..2)
        .map(|nth| {
            let at = at + told.joined_after + nth * 100 * MS;
            story.enter(at, JOINER + nth as u32, Side::Buy, price, told.joined)
        })
        .collect();
    if told.executed > 0 {
        story.fill(at + 3 * S, quote, price, told.executed, 131);
    }
    if told.executed < told.quote {
        story.cancel(at + 3 * S, quote);
    }
    let mut left = told.hit;
    for order in &joined {
        let hit = left.min(told.joined);
        left -= hit;
        if hit > 0 {
            story.fill(at + told.hit_after, *order, price, hit, LURER);
        }
        if hit < told.joined {
            story.cancel(at + 30 * S, *order);
        }
    }
}

/// Four lures in a quiet market.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    (0..4).for_each(|nth| tell(&mut story, T + nth * 200 * S, WHOLE));
    story
}
