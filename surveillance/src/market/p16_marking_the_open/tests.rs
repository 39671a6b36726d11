//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};
use engine_observer::event::Side;

fn story(tell: impl FnOnce(&mut Story)) -> Story {
    story_in(Story::quiet(), tell)
}

#[test]
fn somebody_has_60_percent_of_the_first_minute_and_sells_within_ten() {
    let story = story(|story| {
        others(story, OPEN + S, Side::Sell, Story::ASK, 50);
        buy(story);
        others(story, OPEN + 40 * S, Side::Sell, Story::ASK + 3, 50);
        let sale = story.enter(OPEN + 400 * S, MARKER, Side::Sell, Story::ASK + 3, 160);
        story.fill(OPEN + 420 * S, sale, Story::ASK + 3, 160, OTHER);
    });
    let alerts = story.alerts(MarkingTheOpen::default());
    assert_eq!((alerts.len(), story.suspects(MarkingTheOpen::default())), (1, vec![MARKER]));
    let alert = &alerts[0];
    assert_eq!(alert.last_event_at, Nanos(OPEN + 60 * S), "when the minute is over");
    let share = alert.conditions.iter().next().unwrap().value;
    assert!((share - 160.0 / 260.0).abs() < 1e-9, "{share}");
    assert!(alert.score > 50.0, "{}", alert.score);
    survives(MarkingTheOpen::default(), &story);
}

#[test]
fn the_first_two_seconds_are_told_after_two_seconds() {
    let story = story(|story| {
        story.sweep(OPEN + S, MARKER, Side::Buy, 3 * Story::LEVEL);
        others(story, OPEN + 100 * S, Side::Buy, Story::BID - 5, 500);
    });
    let alerts = story.alerts(MarkingTheOpen::default());
    assert_eq!((alerts.len(), alerts[0].last_event_at), (1, Nanos(OPEN + 2 * S)));
}

#[test]
fn the_time_of_the_open_may_be_given() {
    let mut story = Story::quiet();
    for level in 0..4 {
        let at = OPEN + 200 * MS + level * 100 * MS;
        story.sweep(at, MARKER, Side::Sell, Story::LEVEL);
    }
    let second = OPEN / S;
    let named = |open_at_s| story.suspects(MarkingTheOpen { open_at_s, ..Default::default() });
    assert_eq!(named(second), [MARKER]);
    assert_eq!(named(second - 40), [MARKER], "in the first minute");
    assert_eq!(named(second - 1_000), [], "long after it");
    assert_eq!(named(second + 1_000), [], "before it");
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        (
            "one of fifty buyers after results",
            story(|story| {
                story.news(Story::BEGIN + 50 * S);
                for nth in 0..50 {
                    let offer = story.enter(OPEN + nth * S, OTHER, Side::Sell, Story::ASK, 20);
                    let price = Story::ASK + nth as i64 / 10;
                    story.fill(OPEN + nth * S + MS, offer, price, 20, OTHER + nth as u32);
                }
            }),
        ),
        (
            "a fifth of the volume",
            story(|story| {
                buy(story);
                others(story, OPEN + 30 * S, Side::Sell, Story::ASK + 3, 700);
            }),
        ),
        (
            "there was a headline in the auction",
            story(|story| {
                story.news(Story::BEGIN + 50 * S);
                buy(story);
            }),
        ),
        (
            "the price moves by a tick",
            story(|story| {
                story.sweep(OPEN + 5 * S, MARKER, Side::Sell, 2 * Story::LEVEL);
            }),
        ),
        (
            "the price moves as it usually does",
            story_in(Story::restless(), |story| {
                buy(story);
                let offer = story.enter(OPEN + 20 * S, OTHER, Side::Sell, Story::ASK + 3, 2_000);
                story.fill(OPEN + 25 * S, offer, Story::ASK + 3, 2_000, MARKER);
            }),
        ),
        (
            "most of it others bring",
            story(|story| {
                let bid = story.enter(OPEN + S, MARKER, Side::Buy, Story::BID, 240);
                story.fill(OPEN + 2 * S, bid, Story::BID, 240, OTHER);
                buy(story);
            }),
        ),
        ("a few lots", {
            let mut story = Story::new();
            story.phase(1, Phase::Continuous);
            for nth in 0..40 {
                let order = story.enter(S + nth * 100 * S, OTHER, Side::Sell, 10_000, 6);
                story.fill(2 * S + nth * 100 * S, order, 10_000, 6, OTHER + 1);
            }
            story.phase(4_100 * S, Phase::Auction);
            story.phase(4_200 * S, Phase::Continuous);
            for nth in 0..5 {
                let at = 4_200 * S + nth * 300 * MS;
                let offer = story.enter(at, OTHER, Side::Sell, 10_010 + nth as i64, 3);
                story.fill(at + MS, offer, 10_010 + nth as i64, 3, MARKER);
            }
            story
        }),
        (
            "a programme that bought as much before",
            story(|story| {
                for minute in 0..28 {
                    let at = OPEN - 1_790 * S + minute * 60 * S;
                    let offer = story.enter(at, OTHER, Side::Sell, Story::ASK, 200);
                    story.fill(at + MS, offer, Story::ASK, 200, MARKER);
                }
                buy(story);
            }),
        ),
        (
            "buys what there is too much of, at prices of the minute before",
            story(|story| {
                others(story, OPEN + 200 * MS, Side::Sell, Story::ASK, 10);
                others(story, OPEN + S, Side::Sell, Story::ASK + 6, 10);
                others(story, OPEN + 3 * S, Side::Sell, Story::ASK, 10);
                story.indicate(OPEN - 30 * S, Story::BID, -5_000);
                buy(story);
            }),
        ),
    ];
    each_condition_matters(&MarkingTheOpen::default(), &near_misses);
}
