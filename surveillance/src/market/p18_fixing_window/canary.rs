//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;
use engine_observer::event::body::Phase;

pub(super) const PUSHER: u32 = 9;
pub(super) const OTHER: u32 = 201;
pub(super) const T: u64 = Story::BEGIN;
/// When the minute of settlement ends.
pub(super) const END: u64 = T + 160 * S;

/// The minute of settlement: each of ten slices one sells `own` at a falling price, and others sell to and
/// buy from each other where the price was.
#[derive(Clone, Copy)]
pub(super) struct Told {
    pub(super) own: u64,
    pub(super) others: u64,
    /// By how many ticks all of it falls short of the price before.
    pub(super) falls: i64,
    /// The slices in which the pusher sells.
    pub(super) slices: u64,
    pub(super) held: i64,
}

/// 45 of 100, at once, short of what it sells ten times over.
pub(super) const WHOLE: Told = Told { own: 90, others: 55, falls: 13, slices: 5, held: -4_500 };

pub(super) fn tell(story: &mut Story, told: Told) {
    story.holds(T - 3_000 * S, PUSHER, told.held);
    let before = story.enter(END - 80 * S, OTHER, Side::Buy, Story::BID, 5);
    story.fill(END - 79 * S, before, Story::BID, 5, OTHER + 1);
    for slice in 0..10 {
        let at = END - 59 * S + slice * 6 * S;
        let low = Story::BID - told.falls;
        if slice < told.slices {
            let bid = story.enter(at, OTHER, Side::Buy, low, told.own);
            story.fill(at + MS, bid, low, told.own, PUSHER);
        }
        let bid = story.enter(at + S, OTHER + 1, Side::Buy, Story::BID, told.others);
        story.fill(at + S + MS, bid, Story::BID, told.others, OTHER + 2 + slice as u32);
    }
}

/// Nearly half of the minute before the close is sold by one, and without it the price would be another.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    tell(&mut story, Told { held: 0, ..WHOLE });
    story.phase(END, Phase::Close);
    story
}
