//! The episode that must alert, for tests and the canary.

use crate::desk::story::{S, Story};
use engine_observer::event::Side;

pub(super) const ONE: u32 = 9;
pub(super) const OTHER: u32 = 10;
pub(super) const T: u64 = Story::BEGIN;

/// Where the quiet market trades.
pub(super) const USUAL: i64 = Story::ASK;

/// Sells from one account and buys from another, a second later.
pub(super) fn wash(story: &mut Story, at: u64, price: i64, quantity: u64) {
    let offer = story.enter(at, ONE, Side::Sell, price, quantity);
    story.fill(at + S, offer, price, quantity, OTHER);
}

/// Five hundred change hands within one owner.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    story.are_one(&[ONE, OTHER]);
    wash(&mut story, T, USUAL, 500);
    story
}
