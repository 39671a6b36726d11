//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};
use engine_observer::event::Side;

/// What happens before the close of the quiet market.
fn story(tell: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::quiet();
    tell(&mut story);
    story.phase(CLOSE, Phase::Auction);
    story
}

#[test]
fn somebody_buys_72_percent_of_the_last_two_seconds() {
    let story = story(|story| {
        story.holds(Story::BEGIN - 3_500 * S, MARKER, 1_000);
        buy(story, 4);
        others(story, CLOSE - 200 * MS, Side::Sell, Story::ASK + 3, 60);
    });
    let alerts = story.alerts(MarkingTheClose::default());
    assert_eq!((alerts.len(), story.suspects(MarkingTheClose::default())), (1, vec![MARKER]));
    let alert = &alerts[0];
    let share = alert.conditions.iter().next().unwrap().value;
    assert!((share - 160.0 / 220.0).abs() < 1e-9, "{share}");
    assert_eq!(alert.last_event_at, Nanos(CLOSE), "when trading ends");
    assert_eq!(alert.orders.len(), 20);
    assert!(alert.score > 60.0, "{}", alert.score);
    survives(MarkingTheClose::default(), &story);
}

#[test]
fn a_quarter_of_ten_minutes_is_enough_where_the_price_follows() {
    let story = story(|story| {
        for minute in 0..10 {
            let at = CLOSE - 590 * S + minute * 60 * S;
            story.sweep(at, MARKER, Side::Buy, Story::LEVEL);
            others(story, at + S, Side::Buy, Story::BID - minute as i64, 60);
        }
    });
    assert_eq!(story.suspects(MarkingTheClose::default()), [MARKER]);
}

#[test]
fn the_time_of_the_close_may_be_given() {
    let mut story = Story::quiet();
    buy(&mut story, 4);
    let second = CLOSE / S;
    let named = |close_at_s| story.suspects(MarkingTheClose { close_at_s, ..Default::default() });
    assert_eq!(named(second), [MARKER]);
    assert_eq!(named(second + 3_600), [], "an hour later it is long ago");
    survives(MarkingTheClose { close_at_s: second, ..Default::default() }, &story);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        (
            "a fifth of the volume, sold at the bid",
            story(|story| {
                buy(story, 4);
                others(story, CLOSE - 900 * MS, Side::Sell, Story::ASK + 3, 700);
            }),
        ),
        (
            "a fifth of the volume of ten minutes",
            story(|story| {
                story.sweep(CLOSE - 300 * S, MARKER, Side::Sell, 3 * Story::LEVEL);
                others(story, CLOSE - 200 * S, Side::Sell, Story::ASK + 3, 600);
            }),
        ),
        (
            "the price moves by a tick",
            story(|story| {
                others(story, CLOSE - 700 * S, Side::Sell, Story::ASK, 10);
                buy(story, 2);
            }),
        ),
        ("the price moves as it usually does", {
            let mut story = Story::restless();
            story.sweep(CLOSE - 70 * S, 131, Side::Sell, 1);
            story.sweep(CLOSE - 30 * S, MARKER, Side::Sell, 4 * Story::LEVEL);
            let offer = story.enter(CLOSE - 40 * S, OTHER, Side::Sell, Story::ASK + 3, 2_000);
            story.fill(CLOSE - 29 * S, offer, Story::ASK + 3, 2_000, MARKER);
            story.phase(CLOSE, Phase::Auction);
            story
        }),
        (
            "most of it others bring",
            story(|story| {
                let bid = story.enter(CLOSE - 1_900 * MS, MARKER, Side::Buy, Story::BID, 240);
                story.fill(CLOSE - 1_800 * MS, bid, Story::BID, 240, OTHER);
                buy(story, 4);
            }),
        ),
        ("a single lot in the last minute of a thin stock", {
            let mut story = Story::new();
            story.phase(1, Phase::Continuous);
            for nth in 0..40 {
                let price = if nth % 2 == 0 { 9_990 } else { 10_010 };
                let side = if nth % 2 == 0 { Side::Buy } else { Side::Sell };
                let order = story.enter(S + nth * 100 * S, OTHER, side, price, 6);
                story.fill(2 * S + nth * 100 * S, order, price, 6, OTHER + 1);
            }
            let at = 4_300 * S;
            let bid = story.enter(at - 310 * S, OTHER, Side::Buy, 9_990, 3);
            story.fill(at - 300 * S, bid, 9_990, 3, OTHER + 1);
            let offer = story.enter(at - 20 * S, OTHER, Side::Sell, 10_010, 1);
            story.fill(at - 10 * S, offer, 10_010, 1, MARKER);
            story.phase(at, Phase::Close);
            story
        }),
        (
            "a programme that buys as much all along",
            story(|story| {
                for minute in 0..28 {
                    let at = CLOSE - 1_750 * S + minute * 60 * S;
                    let offer = story.enter(at, OTHER, Side::Sell, Story::ASK, 200);
                    story.fill(at + MS, offer, Story::ASK, 200, MARKER);
                }
                buy(story, 4);
            }),
        ),
        (
            "sells what the auction has too few of, at prices of the minute before",
            story(|story| {
                others(story, CLOSE - 40 * S, Side::Sell, Story::ASK, 10);
                others(story, CLOSE - 30 * S, Side::Buy, Story::BID - 4, 10);
                others(story, CLOSE - 20 * S, Side::Sell, Story::ASK, 10);
                story.indicate(CLOSE - 30 * S, Story::BID, 5_000);
                story.sweep(CLOSE - S, MARKER, Side::Buy, 4 * Story::LEVEL);
            }),
        ),
    ];
    each_condition_matters(&MarkingTheClose::default(), &near_misses);
}
