//! The catalogue's cases, and near misses that each miss one condition.

use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};
use engine_observer::event::OrderId;
use engine_observer::event::body::Phase;

const MAKER: u32 = 9;
const CLIENT: u32 = 201;
/// An hour after the quotes began.
const T: u64 = 4_000 * S;

/// A maker's quotes, as far from 10 000 as it likes.
struct Quotes {
    story: Story,
    orders: [OrderId; 2],
}

impl Quotes {
    /// The sole maker of a certificate quotes 30 ticks wide for an hour; every few seconds somebody enters an
    /// order far away, and now and then somebody trades. The spread breathes by two ticks.
    fn new() -> Self {
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

    fn quote(&mut self, at: u64, half: i64) {
        self.story.amend(at, self.orders[0], 10_000 - half, 500);
        self.story.amend(at + MS, self.orders[1], 10_000 + half, 500);
    }

    /// A client trades with the maker, and others go on to do what they do.
    fn clients(mut self, from: u64, trades: u64, half: i64, spread_out: u64) -> Self {
        for nth in 0..trades {
            let at = from + nth * spread_out;
            let (side, price) = if nth % 2 == 0 { (1, 10_000 + half) } else { (0, 10_000 - half) };
            self.story.fill(at, self.orders[side], price, 5, CLIENT + nth as u32);
        }
        self
    }

    /// Widened to so much on each side, for so long.
    fn widened(half: i64, lasts: u64) -> Self {
        let mut quotes = Self::new();
        quotes.quote(T, half);
        quotes.quote(T + lasts, 15);
        quotes
    }
}

#[test]
fn the_sole_maker_widens_from_30_to_200_ticks_for_a_quarter_of_an_hour() {
    let story = Quotes::widened(100, 900 * S).clients(T + 60 * S, 5, 100, 150 * S).story;
    let alerts = story.alerts(ExcessiveSpread::default());
    assert_eq!((alerts.len(), story.suspects(ExcessiveSpread::default())), (1, vec![MAKER]));
    let alert = &alerts[0];
    assert_eq!(alert.last_event_at, Nanos(T + 120 * S), "after two minutes");
    assert_eq!(alert.orders.len(), 3, "both quotes and the trade so far");
    assert!(alert.score > 50.0, "{}", alert.score);
    survives(ExcessiveSpread::default(), &story);
}

#[test]
fn the_first_trade_may_come_late() {
    let story = Quotes::widened(50, 900 * S).clients(T + 600 * S, 1, 50, S).story;
    let alerts = story.alerts(ExcessiveSpread::default());
    assert_eq!((alerts.len(), alerts[0].last_event_at), (1, Nanos(T + 600 * S)));
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("twice as wide", Quotes::widened(32, 900 * S).clients(T + 60 * S, 5, 32, 150 * S).story),
        ("a market whose spreads are of all sizes", {
            let mut quotes = Quotes::new();
            for nth in 0..1_700_u64 {
                let half = if nth % 5 == 0 { 25 } else { 5 };
                quotes.quote(T - 3_590 * S + nth * 2 * S, half);
            }
            quotes.quote(T - 50 * S, 5);
            quotes.quote(T, 29);
            quotes.quote(T + 500 * S, 5);
            quotes.clients(T + 60 * S, 5, 29, 50 * S).story
        }),
        ("for a minute", Quotes::widened(100, 60 * S).clients(T + 10 * S, 5, 100, 9 * S).story),
        ("nobody trades", Quotes::widened(100, 900 * S).story),
        ("others have the best prices for half of the time", {
            let mut quotes = Quotes::widened(100, 900 * S).clients(T + 100 * S, 1, 100, S);
            for nth in 0..9 {
                let at = T + S + nth * 100 * S;
                let bid = quotes.story.enter(at, 150, Side::Buy, 9_902, 5);
                let gone = if nth == 0 { 60 } else { 50 };
                quotes.story.cancel(at + gone * S, bid);
            }
            quotes.story
        }),
        ("all makers widen, the mid is on the move", {
            let mut quotes = Quotes::widened(100, 900 * S).clients(T + 60 * S, 5, 100, 150 * S);
            let (bid, offer) = (quotes.orders[0], quotes.orders[1]);
            for nth in 1..10 {
                let at = T + nth * 10 * S;
                let shift = nth as i64 * 6;
                quotes.story.amend(at, bid, 9_900 - shift, 500);
                quotes.story.amend(at + MS, offer, 10_100 - shift, 500);
            }
            quotes.story
        }),
        ("before a rate decision", {
            let mut quotes = Quotes::widened(100, 900 * S).clients(T + 60 * S, 5, 100, 150 * S);
            quotes.story.news(T - 600 * S);
            quotes.story
        }),
        ("just when there is news", {
            let mut quotes = Quotes::widened(100, 900 * S).clients(T + 60 * S, 5, 100, 150 * S);
            quotes.story.news(T + 5 * S);
            quotes.story
        }),
    ];
    each_condition_matters(&ExcessiveSpread::default(), &near_misses);
}
