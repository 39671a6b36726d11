//! The episode that must alert, for tests and the canary.

use crate::desk::story::{S, Story};
use engine_observer::event::Side;

pub(super) const IGNITER: u32 = 9;
pub(super) const FOLLOWER: u32 = 201;
pub(super) const SELLER: u32 = 301;
pub(super) const T: u64 = Story::BEGIN;

/// An episode in the quiet market, with what makes it one, each to be missed.
#[derive(Clone, Copy)]
pub(super) struct Told {
    /// Bought at each level of the burst, by the igniter and by somebody else, and how many levels.
    pub(super) own: u64,
    pub(super) others: u64,
    pub(super) levels: i64,
    /// How much others buy afterwards, before the harvest.
    pub(super) followed: u64,
    /// At which price the igniter sells how much of its own.
    pub(super) harvest: (i64, u64),
}

pub(super) const WHOLE: Told =
    Told { own: 200, others: 0, levels: 4, followed: 400, harvest: (Story::ASK + 9, 2_600) };

/// The burst lasts six seconds; others follow within the next minute, the last of them into the harvest.
pub(super) fn tell(story: &mut Story, at: u64, told: Told) {
    let Told { own, others, levels, followed, harvest } = told;
    for level in 0..levels {
        let at = at + level as u64 * 2 * S;
        let price = Story::ASK + level;
        let depth = story.enter(at - S, SELLER, Side::Sell, price, own + others);
        story.sweep(at, IGNITER, Side::Sell, Story::LEVEL);
        story.fill(at, depth, price, own - Story::LEVEL, IGNITER);
        if others > 0 {
            story.fill(at, depth, price, others, FOLLOWER);
        }
    }
    let price = Story::ASK + levels + 1;
    let offer = story.enter(at + 10 * S, SELLER, Side::Sell, price, followed.max(1));
    if followed > 0 {
        story.fill(at + 20 * S, offer, price, followed, FOLLOWER);
    }
    let (price, quantity) = harvest;
    if quantity > 0 {
        let sale = story.enter(at + 25 * S, IGNITER, Side::Sell, price, quantity);
        story.fill(at + 30 * S, sale, price, quantity, FOLLOWER + 1);
    }
}

/// One ignition in a quiet market.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    tell(&mut story, T, WHOLE);
    story
}
