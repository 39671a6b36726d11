//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;
use engine_observer::event::body::Attributes;

pub(super) const FLASHER: u32 = 9;
pub(super) const FOLLOWER: u32 = 8;
pub(super) const T: u64 = Story::BEGIN + 10 * S;

/// Bids that show for a moment.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) count: u64,
    pub(super) every: u64,
    /// How many of them others join, so that the bid stays up.
    pub(super) moves: u64,
    pub(super) price: i64,
    pub(super) size: u64,
    pub(super) life: u64,
    pub(super) attributes: Attributes,
    /// What trades of each.
    pub(super) trades: u64,
}

pub(super) const FLASHES: Shape = Shape {
    count: 12,
    every: 100 * S,
    moves: 9,
    price: Story::BID + 1,
    size: 50,
    life: 300 * MS,
    attributes: Attributes::NONE,
    trades: 0,
};

pub(super) fn flashed(mut story: Story, shape: Shape) -> Story {
    for nth in 0..shape.count {
        let at = T + nth * shape.every;
        let flash =
            story.enter_as(at, FLASHER, Side::Buy, shape.price, shape.size, shape.attributes);
        if nth * shape.moves / shape.count != (nth + 1) * shape.moves / shape.count {
            let joins = story.enter(at + 200 * MS, FOLLOWER, Side::Buy, Story::BID + 1, 5);
            story.cancel(at + 4 * S + shape.life, joins);
        }
        if shape.trades > 0 {
            story.fill(at + 100 * MS, flash, shape.price, shape.trades, 131);
        }
        story.cancel(at + shape.life, flash);
    }
    story
}

/// Twelve flashes in a quiet market.
pub(super) fn story() -> Story {
    flashed(Story::calm(), FLASHES)
}
