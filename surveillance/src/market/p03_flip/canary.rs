//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;
use engine_observer::event::body::Attributes;

pub(super) const FLIPPER: u32 = 9;
pub(super) const JOINER: u32 = 8;
pub(super) const T: u64 = Story::BEGIN + 10 * S;

/// One flip: a bid that others join goes, and its owner sells to them.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// The bid, and how far below the best bid it stands.
    pub(super) bid: u64,
    pub(super) below: i64,
    /// What others show at its price besides the makers.
    pub(super) beside: u64,
    /// How long it stands, and how much of it trades.
    pub(super) life: u64,
    pub(super) trades: u64,
    /// How long after it went its owner sells, how much, and how far below the bid's price.
    pub(super) delay: i64,
    pub(super) sells: u64,
    pub(super) lower: i64,
    pub(super) seller: u32,
    pub(super) attributes: Attributes,
    /// By how many ticks the best offer falls while it stands.
    pub(super) falls: usize,
}

pub(super) const OYSTACHER: Shape = Shape {
    bid: 400,
    below: 0,
    beside: 140,
    life: 2_100 * MS,
    trades: 0,
    delay: 0,
    sells: 260,
    lower: 0,
    seller: FLIPPER,
    attributes: Attributes::SELF_TRADE_PREVENTION,
    falls: 0,
};

pub(super) fn flip(story: &mut Story, at: u64, shape: Shape) {
    let price = Story::BID - shape.below;
    let beside = story.enter(at - S, 101, Side::Buy, price, shape.beside);
    let lifted = story.sweep(at - S, 131, Side::Sell, shape.falls as u64 * Story::LEVEL);
    if lifted > 0 {
        story.stand(at + 500 * MS, Side::Sell, 10);
    }
    let bid = story.enter_as(at, FLIPPER, Side::Buy, price, shape.bid, shape.attributes);
    let lower = shape.lower;
    let joined = story.enter(at + S, JOINER, Side::Buy, price - lower, 300);
    if shape.trades > 0 {
        story.fill(at + S, bid, price, shape.trades, 131);
    }
    let goes_at = at + shape.life;
    let sells_at = goes_at.saturating_add_signed(shape.delay);
    if shape.delay < 0 {
        story.fill(sells_at, joined, price - lower, shape.sells, shape.seller);
        story.cancel(goes_at, bid);
    } else {
        story.cancel(goes_at, bid);
        story.fill(sells_at, joined, price - lower, shape.sells, shape.seller);
    }
    story.cancel(sells_at.max(goes_at) + 3 * S, joined);
    story.cancel(sells_at.max(goes_at) + 3 * S, beside);
}

/// Four flips in a quiet market.
pub(super) fn story() -> Story {
    let mut story = Story::calm();
    (0..4).for_each(|nth| flip(&mut story, T + nth * 150 * S, OYSTACHER));
    story
}
