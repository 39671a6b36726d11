//! The episode that must alert, for tests and the canary.

use crate::desk::story::{S, Story};
use engine_observer::event::Side;

pub(super) const ONE: u32 = 9;
pub(super) const OTHER: u32 = 10;
pub(super) const T: u64 = Story::BEGIN;
pub(super) const MINUTE: u64 = 60 * S;

/// How a tape is painted.
#[derive(Clone, Copy)]
pub(super) struct Picture {
    pub(super) prints: u64,
    pub(super) size: u64,
    /// One in so many is sold below, not bought above.
    pub(super) down_every: u64,
    /// What others trade each minute.
    pub(super) others: u64,
    /// Trades of others in each minute.
    pub(super) others_trades: u64,
    pub(super) seller: u32,
}

pub(super) const PICTURE: Picture = Picture {
    prints: 22,
    size: 2,
    down_every: u64::MAX,
    others: 180,
    others_trades: 1,
    seller: ONE,
};

/// A small trade each minute, ever a tick higher; others trade half a minute later.
pub(super) fn paint(story: &mut Story, picture: Picture) {
    for nth in 0..picture.prints {
        let at = T + nth * MINUTE;
        let is_down = nth % picture.down_every == picture.down_every - 1;
        let step = if is_down { -1 } else { 1 + nth as i64 };
        let price = Story::ASK + step;
        let offer = story.enter(at, picture.seller, Side::Sell, price, picture.size);
        story.fill(at + S, offer, price, picture.size, OTHER);
        for trade in 0..picture.others_trades {
            let others = (31 + (nth % 7) as u32, 41 + (nth % 5) as u32);
            let quantity = picture.others / picture.others_trades;
            story.print(at + 30 * S + trade, Side::Sell, price, quantity, others);
        }
    }
}

/// Twenty-two small trades within one owner, each at a higher price.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    story.are_one(&[ONE, OTHER]);
    paint(&mut story, PICTURE);
    story
}
