//! The episode that must alert, for tests and the canary.

use crate::desk::story::{MS, S, Story};
use engine_observer::event::Side;

pub(super) const SMOKER: u32 = 9;
pub(super) const BROKER: u32 = 8;
pub(super) const T: u64 = Story::BEGIN + 10 * S;
pub(super) const EVERY: u64 = 10 * S;

/// A market whose makers' first three offers are gone, so that a quote has room before them.
pub(super) fn thin(mut story: Story) -> Story {
    story.sweep(T - 6 * S, 131, Side::Sell, 3 * Story::LEVEL);
    story
}

/// One of a series of approaches to a quote.
#[derive(Clone, Copy)]
pub(super) struct Approach {
    pub(super) quotes: u32,
    pub(super) comes: u32,
    pub(super) fades: bool,
    /// How long before the trade.
    pub(super) before: u64,
    /// Whether the best bid rises first.
    pub(super) rises: bool,
    /// Whether the quote is taken away where another of its owner's stands next, instead of amended.
    pub(super) steps_back: bool,
}

pub(super) const FADES: Approach = Approach {
    quotes: SMOKER,
    comes: BROKER,
    fades: true,
    before: 30 * MS,
    rises: false,
    steps_back: false,
};
pub(super) const HONOURED: Approach = Approach { fades: false, ..FADES };

pub(super) fn approach(story: &mut Story, at: u64, shape: Approach) {
    let (best, next) = (Story::ASK + 1, Story::ASK + 2);
    let quote = story.enter(at, shape.quotes, Side::Sell, best, 10);
    let trade_at = at + 200 * MS;
    let mut traded = (quote, best);
    let behind = story.enter(at, shape.quotes, Side::Sell, next, 10);
    if shape.rises {
        let bid = story.enter(trade_at - shape.before - 10 * MS, 140, Side::Buy, Story::BID + 1, 5);
        story.cancel(at + S, bid);
    }
    if shape.fades && shape.steps_back {
        story.cancel(trade_at - shape.before, quote);
        traded = (behind, next);
    } else if shape.fades {
        story.amend(trade_at - shape.before, quote, next, 10);
        traded = (quote, next);
    }
    story.fill(trade_at, traded.0, traded.1, 2, shape.comes);
    story.fill(trade_at, traded.0, traded.1, 2, shape.comes);
    if !(shape.fades && shape.steps_back) {
        story.cancel(at + S, quote);
    }
    story.cancel(at + S, behind);
}

/// So many approaches of each shape, well mixed.
pub(super) fn series_in(story: Story, shapes: &[(u64, Approach)]) -> Story {
    let mut story = thin(story);
    let all: u64 = shapes.iter().map(|(count, _)| count).sum();
    let mut done = vec![0; shapes.len()];
    for nth in 0..all {
        let due = |place: &usize| {
            let (count, _) = shapes[*place];
            (nth + 1) as f64 * count as f64 / all as f64 - done[*place] as f64
        };
        let most = (0..shapes.len()).max_by(|one, other| due(one).total_cmp(&due(other)));
        let place = most.unwrap_or(0);
        done[place] += 1;
        approach(&mut story, T + nth * EVERY, shapes[place].1);
    }
    story
}

/// 41 of 52 orders of a broker get a price that is a tick worse than the one displayed before.
pub(super) fn story() -> Story {
    series_in(Story::calm(), &[(41, FADES), (11, HONOURED)])
}
