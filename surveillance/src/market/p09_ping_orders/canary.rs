//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;
use engine_observer::event::body::Attributes;

pub(super) const PINGER: u32 = 9;
pub(super) const HIDER: u32 = 7;
pub(super) const T: u64 = Story::BEGIN + 10 * S;
pub(super) const MID: i64 = Story::BID + 1;

/// Immediate sales at the mid, some of which trade with a bid that nobody shows; then a large sale.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) sizes: &'static [u64],
    pub(super) every: u64,
    /// How many of the probes, the last ones, trade.
    pub(super) found: usize,
    /// How soon after the last probe, how much, on which side and at which price.
    pub(super) after: u64,
    pub(super) follow: u64,
    pub(super) side: Side,
    pub(super) price: i64,
}

pub(super) const PINGED: Shape = Shape {
    sizes: &[1, 1, 1, 1, 1, 1],
    every: S,
    found: 2,
    after: S,
    follow: 5_000,
    side: Side::Sell,
    price: MID,
};

pub(super) fn pinged(mut story: Story, shape: Shape) -> Story {
    let count = shape.sizes.len();
    for (nth, size) in shape.sizes.iter().enumerate() {
        let at = T + nth as u64 * shape.every;
        let probe = story.enter_as(at, PINGER, Side::Sell, MID, *size, Attributes::IOC);
        story.cancel(at + MS, probe);
        if nth + shape.found >= count {
            story.print(at + MS, Side::Buy, MID, *size, (HIDER, PINGER));
        }
    }
    let at = T + (count as u64 - 1) * shape.every + shape.after;
    let attributes = Attributes::IOC;
    let large = story.enter_as(at, PINGER, shape.side, shape.price, shape.follow, attributes);
    story.cancel(at + 2 * MS, large);
    story
}

/// Six lots at the mid find a bid, and a large sale follows.
pub(super) fn story() -> Story {
    pinged(Story::calm(), PINGED)
}
