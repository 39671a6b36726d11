//! The catalogue's cases, and near misses of each limit.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

const OTHER: u32 = 10;

fn told(tell: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::quiet();
    tell(&mut story);
    story
}

/// So many orders entered and taken away within a second.
fn messages(story: &mut Story, count: u64) {
    for nth in 0..count / 2 {
        let at = T + nth * 990 * MS / count * 2;
        let bid = story.enter(at, WHO, Side::Buy, Story::BID - 2, 3);
        story.cancel(at + 1_000, bid);
    }
}

/// Buys all offers there are within five seconds; then the market stops.
fn stop(story: &mut Story, quantity: u64, others: u64, phase: Phase) {
    for nth in 0..4 {
        story.sweep(T + nth * S, WHO, Side::Sell, quantity / 4);
        if others > 0 {
            story.print(T + nth * S + 1, Side::Sell, Story::ASK, others / 4, (31, 41 + nth as u32));
        }
    }
    story.phase(T + 4 * S, phase);
}

#[test]
fn three_hundred_equal_fills_in_five_seconds() {
    let story = told(|story| fills(story, 300, 0));
    let alerts = story.alerts(Disorderly::default());
    assert_eq!(alerts.len(), 1, "once");
    assert_eq!(story.suspects(Disorderly::default()), [WHO]);
    assert_eq!(
        alerts[0].last_event_at,
        Nanos(T + 100 * 5 * S / 300 + 2 * MS),
        "the first too many"
    );
    survives(Disorderly::default(), &story);
}

#[test]
fn half_as_many_are_still_too_many_and_one_order_that_meets_many_is_one() {
    assert_eq!(told(|story| fills(story, 150, 0)).suspects(Disorderly::default()), [WHO]);
    let story = told(|story| {
        for _ in 0..300 {
            let offer = story.enter(T, OTHER, Side::Sell, Story::ASK, 1);
            story.fill(T + S, offer, Story::ASK, 1, WHO);
        }
    });
    assert!(story.alerts(Disorderly::default()).is_empty());
}

#[test]
fn who_repeats_is_who_comes_and_not_whose_order_is_met() {
    let story = told(|story| {
        let offer = story.enter(T, OTHER, Side::Sell, Story::ASK, 900);
        for nth in 0..300 {
            story.fill(T + S + nth * 5 * S / 300, offer, Story::ASK, 3, WHO);
        }
    });
    assert_eq!(story.suspects(Disorderly::default()), [WHO]);
}

#[test]
fn a_flood_of_messages_is_told_with_the_first_too_many() {
    let story = told(|story| messages(story, 3_000));
    let alerts = story.alerts(Disorderly::default());
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].last_event_at < Nanos(T + S / 2));
}

#[test]
fn a_storm_of_own_trades() {
    let story = told(|story| fills(story, 25, WHO));
    let alerts = story.alerts(Disorderly::default());
    let conditions: Vec<_> = alerts[0].conditions.iter().map(|one| (one.name, one.value)).collect();
    assert_eq!(conditions[0], ("self_trades", 21.0));
}

#[test]
fn a_position_has_a_limit_where_one_is_given() {
    let story = told(|story| {
        story.holds(T - S, WHO, 5_000);
        fills(story, 4, OTHER);
    });
    let with = |position_max: f64| Disorderly { position_max, ..Disorderly::default() };
    assert_eq!(story.suspects(with(5_011.0)), [WHO]);
    assert!(story.alerts(with(5_012.0)).is_empty());
    assert!(story.alerts(with(0.0)).is_empty());
}

#[test]
fn who_runs_a_market_into_a_halt() {
    for phase in [Phase::Halt, Phase::Auction] {
        let story = told(|story| stop(story, 240, 0, phase));
        assert_eq!(story.suspects(Disorderly::default()), [WHO], "{phase:?}");
    }
}

#[test]
fn what_is_older_than_five_seconds_does_not_count() {
    let mut recent = Recent::default();
    let counts = [1, 1, 2, 5, 6, 7, 20].map(|second| recent.count(Nanos::from_secs(second)));
    assert_eq!(counts, [1, 2, 3, 4, 3, 3, 1]);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("an opening burst within the limit", told(|story| messages(story, 900))),
        ("a hundred equal fills", told(|story| fills(story, 100, 0))),
        ("twenty own trades", told(|story| fills(story, 20, WHO))),
        ("another did most before the halt", told(|story| stop(story, 240, 400, Phase::Halt))),
        ("the closing auction", told(|story| stop(story, 20, 0, Phase::Auction))),
        ("a position within the limit", told(|story| fills(story, 4, OTHER))),
    ];
    let limited = Disorderly { position_max: 3_000.0, ..Disorderly::default() };
    each_condition_matters(&limited, &near_misses);
}
