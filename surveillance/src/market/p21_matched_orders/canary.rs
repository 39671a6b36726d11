//! The episode that must alert, for tests and the canary.

use crate::desk::story::{S, Story};
use engine_observer::event::Side;

pub(super) const SELLER: u32 = 9;
pub(super) const BUYER: u32 = 10;
pub(super) const T: u64 = Story::BEGIN;
pub(super) const MIDDLE: i64 = Story::BID + 1;
pub(super) const MINUTE: u64 = 60 * S;

/// A sell order, and `after` it somebody comes and buys.
pub(super) fn matched(story: &mut Story, at: u64, quantity: u64, after: u64) {
    let offer = story.enter(at, SELLER, Side::Sell, MIDDLE, quantity);
    story.fill(at + after, offer, MIDDLE, quantity, BUYER);
}

/// The same two meet three times in a quiet market.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    (0..3).for_each(|nth| matched(&mut story, T + nth * 5 * MINUTE, 50, S));
    story
}
