//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;
use engine_observer::event::body::{Attributes, Phase};

pub(super) const HOLDER: u32 = 9;
pub(super) const SELLER: u32 = 201;
pub(super) const T: u64 = Story::BEGIN;

/// Makers stand on both sides; every ten seconds somebody buys of one of them or sells to one, in turn, three
/// times each way.
pub(super) fn calm() -> Story {
    let mut story = Story::new();
    story.phase(T - 3_601 * S, Phase::Continuous);
    story.stand(T - 3_600 * S, Side::Buy, 10);
    story.stand(T - 3_600 * S, Side::Sell, 10);
    for nth in 0..360_u64 {
        let at = T - 3_600 * S + nth * 10 * S;
        let (side, price) =
            if nth / 3 % 2 == 0 { (Side::Buy, Story::BID) } else { (Side::Sell, Story::ASK) };
        let order = story.enter(at, 101 + (nth % 10) as u32, side, price, 2 + nth % 7);
        story.fill(at + MS, order, price, 2 + nth % 7, 131);
    }
    story
}

/// A floor under the calm market, with what makes it one.
#[derive(Clone, Copy)]
pub(super) struct Told {
    /// So many orders of so much, one after the other, so far apart.
    pub(super) orders: u64,
    pub(super) each: u64,
    pub(super) apart: u64,
    /// What others' orders take at the same level, after each.
    pub(super) others: u64,
    /// What somebody buys of the makers after each.
    pub(super) bought: u64,
    pub(super) attributes: Attributes,
}

pub(super) const WHOLE: Told = Told {
    orders: 7,
    each: 200,
    apart: 160 * S,
    others: 0,
    bought: 0,
    attributes: Attributes::NONE,
};

pub(super) fn tell(story: &mut Story, told: Told) {
    for nth in 0..told.orders {
        let at = T + nth * told.apart;
        let bid = story.enter_as(at, HOLDER, Side::Buy, Story::BID, told.each, told.attributes);
        story.fill(at + 10 * S, bid, Story::BID, told.each, SELLER);
        if told.others > 0 {
            let other = story.enter(
                at + 11 * S,
                SELLER + 10 + nth as u32,
                Side::Buy,
                Story::BID,
                told.others,
            );
            story.fill(at + 12 * S, other, Story::BID, told.others, SELLER);
        }
        if told.bought > 0 {
            let other = story.enter(at + 13 * S, SELLER + 1, Side::Sell, Story::ASK, told.bought);
            story.fill(at + 14 * S, other, Story::ASK, told.bought, SELLER + 2);
        }
    }
}

/// A floor under a calm market.
pub(super) fn story() -> Story {
    let mut story = calm();
    tell(&mut story, WHOLE);
    story
}
