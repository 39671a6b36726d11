//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::body::Phase;
use engine_observer::event::{OrderId, Side};

pub(super) const MAKER: u32 = 9;
pub(super) const CLIENT: u32 = 201;
/// An hour after the quotes began.
pub(super) const T: u64 = 4_000 * S;

/// A maker's quotes, as far from 10 000 as it likes.
pub(super) struct Quotes {
    pub(super) story: Story,
    pub(super) orders: [OrderId; 2],
}

impl Quotes {
    /// The sole maker of a certificate quotes 30 ticks wide for an hour; every few seconds somebody enters an
    /// order far away, and now and then somebody trades. The spread breathes by two ticks.
    pub(super) fn new() -> Self {
        let mut story = Story::new();
        story.phase(T - 3_601 * S, Phase::Continuous);
        let begun = T - 3_600 * S;
        let orders = [(Side::Buy, 9_985), (Side::Sell, 10_015)]
            .map(|(side, price)| story.enter(begun, MAKER, side, price, 500));
        for nth in 0..1_100_u64 {
            let at = begun + S + nth * 3 * S;
            let far = story.enter(at, 111 + (nth % 9) as u32, Side::Buy, 9_500, 1 + nth % 9);
            story.cancel(at + S, far);
            if nth % 10 == 0 {
                let wider = (nth / 10 % 3) as i64;
                story.amend(at + 2 * S, orders[1], 10_014 + wider, 500);
            }
        }
        story.amend(T - 100 * S, orders[1], 10_015, 500);
        Self { story, orders }
    }

    pub(super) fn quote(&mut self, at: u64, half: i64) {
        self.story.amend(at, self.orders[0], 10_000 - half, 500);
        self.story.amend(at + MS, self.orders[1], 10_000 + half, 500);
    }

    /// A client trades with the maker, and others go on to do what they do.
    pub(super) fn clients(mut self, from: u64, trades: u64, half: i64, spread_out: u64) -> Self {
        for nth in 0..trades {
            let at = from + nth * spread_out;
            let (side, price) = if nth % 2 == 0 { (1, 10_000 + half) } else { (0, 10_000 - half) };
            self.story.fill(at, self.orders[side], price, 5, CLIENT + nth as u32);
        }
        self
    }

    /// Widened to so much on each side, for so long.
    pub(super) fn widened(half: i64, lasts: u64) -> Self {
        let mut quotes = Self::new();
        quotes.quote(T, half);
        quotes.quote(T + lasts, 15);
        quotes
    }
}

/// The sole maker widens from 30 to 200 ticks for a quarter of an hour, and clients trade.
pub(super) fn story() -> Story {
    Quotes::widened(100, 900 * S).clients(T + 60 * S, 5, 100, 150 * S).story
}
