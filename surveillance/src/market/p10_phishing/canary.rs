//! The episode that must alert, for tests and the canary.

use crate::desk::story::{S, Story};
use engine_observer::event::Side;
use engine_observer::event::body::Attributes;

pub(super) const FISHER: u32 = 9;
pub(super) const HIDER: u32 = 7;
pub(super) const T: u64 = Story::BEGIN + 10 * S;
pub(super) const DAY: u64 = 86_400 * S;

/// One buys a lot from an iceberg, sells much more in front of it, and the price falls.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) begin: u64,
    pub(super) times: u64,
    pub(super) every: u64,
    /// What is bought, and what the seller shows.
    pub(super) reveal: u64,
    pub(super) shows: Attributes,
    /// How soon after the sequel comes: on which side, at which price, how much.
    pub(super) after: u64,
    pub(super) side: Side,
    pub(super) price: i64,
    pub(super) sequel: u64,
    /// By how many levels the bid falls then.
    pub(super) falls: u64,
    /// In how many of the cases.
    pub(super) hits: u64,
}

pub(super) const PHISHED: Shape = Shape {
    begin: T,
    times: 5,
    every: DAY,
    reveal: 1,
    shows: Attributes::ICEBERG,
    after: S,
    side: Side::Sell,
    price: Story::ASK - 1,
    sequel: 50,
    falls: 8,
    hits: 5,
};

pub(super) fn phished(mut story: Story, shape: Shape) -> Story {
    for nth in 0..shape.times {
        let at = shape.begin + nth * shape.every;
        let iceberg = story.enter_as(at, HIDER, Side::Sell, Story::ASK, 100, shape.shows);
        story.fill(at + S, iceberg, Story::ASK, shape.reveal, FISHER);
        let sequel =
            story.enter(at + S + shape.after, FISHER, shape.side, shape.price, shape.sequel);
        if nth < shape.hits {
            story.sweep(at + 30 * S, 131, Side::Buy, shape.falls * Story::LEVEL);
        }
        story.cancel(at + 90 * S, sequel);
        story.cancel(at + 90 * S, iceberg);
        story.stand(at + 100 * S, Side::Buy, 10);
    }
    story
}

/// Three times within a quarter of an hour.
pub(super) fn story() -> Story {
    phished(Story::calm(), Shape { times: 3, every: 300 * S, ..PHISHED })
}
