//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, each_condition_matters, survives};

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
