//! The episode that must alert, for tests and the canary.

use crate::desk::story::{S, Story};
use engine_observer::event::Side;

pub(super) const T: u64 = Story::BEGIN;
pub(super) const MINUTE: u64 = 60 * S;
pub(super) const PRICE: i64 = Story::BID + 1;

/// The seller's order waits for the buyer.
pub(super) fn sell(
    story: &mut Story,
    at: u64,
    seller: u32,
    buyer: u32,
    (price, quantity): (i64, u64),
) {
    let offer = story.enter(at, seller, Side::Sell, price, quantity);
    story.fill(at + S, offer, price, quantity, buyer);
}

/// Members 11, 12, … pass it round, a quarter of an hour each time.
pub(super) fn ring(
    story: &mut Story,
    members: u32,
    rounds: u64,
    traded: impl Fn(u64, u32) -> (i64, u64),
) {
    for round in 0..rounds {
        for member in 0..members {
            let at = T + round * 15 * MINUTE + u64::from(member) * 20 * S;
            let next = 11 + (member + 1) % members;
            sell(story, at, 11 + member, next, traded(round, member));
        }
    }
}

/// Three pass a hundred round eight times in two hours.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    ring(&mut story, 3, 8, |round, member| {
        (PRICE - 1 + (round as i64 + i64::from(member)) % 3, 100)
    });
    story
}
