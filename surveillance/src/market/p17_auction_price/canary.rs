//! The episode that must alert, for tests and the canary.

use crate::desk::story::{S, Story};
use engine_observer::event::body::Phase;
use engine_observer::event::{OrderId, Side};

pub(super) const MOVER: u32 = 9;
pub(super) const OTHER: u32 = 201;
pub(super) const BEGIN: u64 = 1_000 * S;

/// When the auction ends: five minutes later.
pub(super) const END: u64 = BEGIN + 300 * S;

/// An auction that would clear at 10 000, where 1,200 trade; with 240 more to buy at 10 090.
pub(super) fn auction(tell: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::new();
    story.phase(BEGIN - S, Phase::Auction);
    for (nth, (price, quantity)) in
        [(9_950, 1_000), (10_000, 400), (10_090, 400)].iter().enumerate()
    {
        story.enter(BEGIN + nth as u64, OTHER + nth as u32, Side::Sell, *price, *quantity);
    }
    story.enter(BEGIN + 5, OTHER + 3, Side::Buy, 10_200, 1_200);
    story.enter(BEGIN + 6, OTHER + 4, Side::Buy, 9_990, 100);
    tell(&mut story);
    story.phase(END, Phase::Continuous);
    let later = story.enter(END + 60 * S, OTHER, Side::Buy, 9_000, 1);
    story.cancel(END + 61 * S, later);
    story
}

/// A bid so long before the end, taken away so long before the end.
pub(super) fn lift(story: &mut Story, entered: u64, quantity: u64, gone: u64) -> OrderId {
    let bid = story.enter(END - entered, MOVER, Side::Buy, 10_200, quantity);
    story.cancel(END - gone, bid);
    bid
}

/// A sixth of the volume lifts the price and goes six seconds before the end.
pub(super) fn story() -> Story {
    auction(|story| {
        story.enter(END - 250 * S, OTHER + 5, Side::Buy, 10_200, 100);
        lift(story, 240 * S, 240, 6 * S);
        let sale = story.enter(END - 200 * S, MOVER, Side::Sell, 9_950, 100);
        story.fill(END + 1_000_000, sale, 10_000, 100, OTHER + 3);
    })
}
