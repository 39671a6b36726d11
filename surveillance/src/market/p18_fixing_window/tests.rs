//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::{END, PUSHER, Told, WHOLE, tell};
use super::*;
use crate::desk::check::{S, Story, each_condition_matters, survives};

fn story(told: Told) -> Story {
    let mut story = Story::quiet();
    tell(&mut story, told);
    story.settle(END, Story::BID - 6);
    story
}

#[test]
fn nearly_half_of_the_settlement_minute_is_sold_by_one_who_is_short_ten_times_as_much() {
    let story = story(WHOLE);
    let alerts = story.alerts(FixingWindow::default());
    assert_eq!((alerts.len(), story.suspects(FixingWindow::default())), (1, vec![PUSHER]));
    let alert = &alerts[0];
    assert_eq!(alert.last_event_at, Nanos(END), "with the settlement price");
    let marginal = alert.features.iter().nth(3).unwrap().value;
    assert!((marginal - 13.0 * 0.45).abs() < 0.01, "about six ticks: {marginal}");
    assert!(alert.score > 60.0, "{}", alert.score);
    survives(FixingWindow::default(), &story);
}

#[test]
fn what_is_at_stake_may_be_seen_by_the_effect_alone() {
    assert_eq!(story(Told { held: 0, ..WHOLE }).suspects(FixingWindow::default()), [PUSHER]);
}

#[test]
fn a_window_may_be_of_the_day_or_before_the_close() {
    let mut story = Story::quiet();
    tell(&mut story, WHOLE);
    let end = END / S;
    let of_day = |ends: u64| FixingWindow {
        window_2_begins_s: ends - 60,
        window_2_ends_s: ends,
        ..FixingWindow::default()
    };
    assert_eq!(story.suspects(of_day(end)), [PUSHER]);
    assert_eq!(story.suspects(of_day(end + 600)), [], "ten minutes later");
    survives(of_day(end), &story);
    story.phase(END, Phase::Close);
    assert_eq!(story.suspects(FixingWindow::default()), [PUSHER]);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        (
            "a bank sells evenly for its clients",
            story(Told { own: 30, others: 55, slices: 10, held: 0, falls: 10 }),
        ),
        ("a quarter of the volume", story(Told { own: 36, ..WHOLE })),
        ("a few lots in an empty market", story(Told { own: 1, others: 1, falls: 40, ..WHOLE })),
        ("the price is what it was", story(Told { falls: 0, ..WHOLE })),
        ("nothing much is at stake", story(Told { held: -1_000, falls: 3, ..WHOLE })),
    ];
    each_condition_matters(&FixingWindow::default(), &near_misses);
}
