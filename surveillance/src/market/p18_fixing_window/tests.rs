//! The catalogue's cases, and near misses that each miss one condition.

use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

const PUSHER: u32 = 9;
const OTHER: u32 = 201;
const T: u64 = Story::BEGIN;
/// When the minute of settlement ends.
const END: u64 = T + 160 * S;

/// The minute of settlement: each of ten slices one sells `own` at a falling price, and others sell to and
/// buy from each other where the price was.
#[derive(Clone, Copy)]
struct Told {
    own: u64,
    others: u64,
    /// By how many ticks all of it falls short of the price before.
    falls: i64,
    /// The slices in which the pusher sells.
    slices: u64,
    held: i64,
}

/// 45 of 100, at once, short of what it sells ten times over.
const WHOLE: Told = Told { own: 90, others: 55, falls: 13, slices: 5, held: -4_500 };

fn tell(story: &mut Story, told: Told) {
    story.holds(T - 3_000 * S, PUSHER, told.held);
    let before = story.enter(END - 80 * S, OTHER, Side::Buy, Story::BID, 5);
    story.fill(END - 79 * S, before, Story::BID, 5, OTHER + 1);
    for slice in 0..10 {
        let at = END - 59 * S + slice * 6 * S;
        let low = Story::BID - told.falls;
        if slice < told.slices {
            let bid = story.enter(at, OTHER, Side::Buy, low, told.own);
            story.fill(at + MS, bid, low, told.own, PUSHER);
        }
        let bid = story.enter(at + S, OTHER + 1, Side::Buy, Story::BID, told.others);
        story.fill(at + S + MS, bid, Story::BID, told.others, OTHER + 2 + slice as u32);
    }
}

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
