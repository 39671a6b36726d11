//! Ratios below, near and beyond the maximum.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};
use engine_observer::event::Side;
use engine_observer::event::body::Phase;

fn told(tell: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::quiet();
    tell(&mut story);
    story
}

fn used(story: &Story, pattern: OrderRatio) -> Vec<(f64, f64)> {
    let alerts = story.alerts(pattern);
    let of = |alert: &engine_observer::Alert| {
        let condition = alert.conditions.iter().find(|one| one.name == "of_maximum").unwrap();
        (condition.value, condition.limit.value())
    };
    alerts.iter().map(of).collect()
}

#[test]
fn a_warning_at_four_fifths_and_a_breach_beyond_the_maximum() {
    // Five trades of 10: 1,000 messages are 200 for each less 1, of at most 250.
    let story = told(|story| quotes(story, 5, 1_600));
    assert_eq!(used(&story, OrderRatio::default()), [(0.8, 0.8), (1.0008, 1.0)]);
    assert_eq!(story.suspects(OrderRatio::default()), [WHO]);
    survives(OrderRatio::default(), &story);
}

#[test]
fn quantities_count_by_themselves() {
    let story = told(|story| {
        quotes(story, 10, 1_000);
        let bid = story.enter(T + 60 * S, WHO, Side::Buy, Story::BID - 2, 60_000);
        story.amend(T + 61 * S, bid, Story::BID - 2, 30_000);
    });
    let by_volume = used(&story, OrderRatio::default());
    assert_eq!(
        by_volume,
        [((60_000.0 + 10_100.0) / 100.0 - 1.0, 1.0)].map(|(ratio, of)| (ratio / 500.0, of))
    );
}

#[test]
fn nothing_counts_before_the_first_trade_of_a_day() {
    let next_day = |trades_first: bool| {
        told(|story| {
            let morning = T + 86_400 * S;
            if trades_first {
                story.print(morning - S, Side::Buy, Story::BID, 1, (VICTIM, VICTIM + 1));
            }
            for nth in 0..1_200 {
                let bid = story.enter(morning + nth * 10 * MS, WHO, Side::Buy, Story::BID - 2, 10);
                story.cancel(morning + nth * 10 * MS + MS, bid);
            }
        })
    };
    assert_eq!(next_day(true).suspects(OrderRatio::default()), [WHO]);
    assert!(next_day(false).alerts(OrderRatio::default()).is_empty(), "nobody could trade yet");
}

/// Others who trade.
const VICTIM: u32 = 120;

#[test]
fn a_new_day_begins_anew() {
    let story = told(|story| {
        quotes(story, 0, 900);
        for nth in 0..450 {
            let at = T + 86_400 * S + nth * 10 * MS;
            let bid = story.enter(at, WHO, Side::Buy, Story::BID - 2, 10);
            story.cancel(at + MS, bid);
        }
    });
    assert!(story.alerts(OrderRatio::default()).is_empty());
}

#[test]
fn what_is_taken_away_after_an_auction_does_not_count() {
    let tell = |phase: Phase| {
        told(|story| {
            let bids: Vec<_> = (0..600)
                .map(|nth| story.enter(T + nth * MS, WHO, Side::Buy, Story::BID - 2, 10))
                .collect();
            story.phase(T + 10 * S, phase);
            bids.into_iter().for_each(|bid| story.cancel(T + 20 * S, bid));
        })
    };
    assert!(tell(Phase::Auction).alerts(OrderRatio::default()).is_empty());
    assert_eq!(tell(Phase::Continuous).suspects(OrderRatio::default()), [WHO]);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("nine hundred messages and no trade", told(|story| quotes(story, 0, 900))),
        ("two hundred for each trade", told(|story| quotes(story, 10, 1_900))),
    ];
    each_condition_matters(&OrderRatio::default(), &near_misses);
}
