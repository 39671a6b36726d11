//! The catalogue's cases, and near misses that each miss one condition.

use super::*;
use crate::desk::check::{S, Story, each_condition_matters, survives};
use engine_observer::event::body::Phase;

const ONE: u32 = 9;
const OTHER: u32 = 10;
const T: u64 = Story::BEGIN;
const MINUTE: u64 = 60 * S;

/// How a tape is painted.
#[derive(Clone, Copy)]
struct Picture {
    prints: u64,
    size: u64,
    /// One in so many is sold below, not bought above.
    down_every: u64,
    /// What others trade each minute.
    others: u64,
    /// Trades of others in each minute.
    others_trades: u64,
    seller: u32,
}

const PICTURE: Picture = Picture {
    prints: 22,
    size: 2,
    down_every: u64::MAX,
    others: 180,
    others_trades: 1,
    seller: ONE,
};

/// A small trade each minute, ever a tick higher; others trade half a minute later.
fn paint(story: &mut Story, picture: Picture) {
    for nth in 0..picture.prints {
        let at = T + nth * MINUTE;
        let is_down = nth % picture.down_every == picture.down_every - 1;
        let step = if is_down { -1 } else { 1 + nth as i64 };
        let price = Story::ASK + step;
        let offer = story.enter(at, picture.seller, Side::Sell, price, picture.size);
        story.fill(at + S, offer, price, picture.size, OTHER);
        for trade in 0..picture.others_trades {
            let others = (31 + (nth % 7) as u32, 41 + (nth % 5) as u32);
            let quantity = picture.others / picture.others_trades;
            story.print(at + 30 * S + trade, Side::Sell, price, quantity, others);
        }
    }
}

fn painted(picture: Picture) -> Story {
    let mut story = Story::quiet();
    story.are_one(&[ONE, OTHER]);
    paint(&mut story, picture);
    story
}

#[test]
fn twenty_two_small_buys_on_upticks_within_one_owner_and_others_trade_six_times_as_much() {
    let story = painted(PICTURE);
    let alerts = story.alerts(Painting::default());
    assert_eq!(alerts.len(), 1, "what was told is not told again");
    assert_eq!(story.suspects(Painting::default()), [ONE, OTHER]);
    assert_eq!(alerts[0].last_event_at, Nanos(T + 14 * MINUTE + S), "with the fifteenth");
    assert!(alerts[0].score > 50.0, "{}", alerts[0].score);
    survives(Painting::default(), &story);
}

#[test]
fn half_of_it_is_found_if_others_follow() {
    let half = Picture { prints: 15, others: 90, ..PICTURE };
    assert_eq!(painted(half).alerts(Painting::default()).len(), 1);
}

#[test]
fn others_may_follow_later() {
    let mut story = painted(Picture { prints: 16, others: 5, ..PICTURE });
    story.print(T + 20 * MINUTE, Side::Sell, Story::ASK + 20, 2_000, (31, 41));
    let alerts = story.alerts(Painting::default());
    let at: Vec<_> = alerts.iter().map(|alert| alert.last_event_at).collect();
    assert_eq!(at, [Nanos(T + 20 * MINUTE + S)], "by the minute");
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let bought = |after: bool| {
        // One buyer in thirty equal slices, of others' offers.
        let mut story = Story::quiet();
        for nth in 0..30 {
            let at = T + nth * 50 * S;
            let price = Story::ASK + nth as i64;
            let offer = story.enter(at, 50 + nth as u32, Side::Sell, price, 2);
            story.fill(at + S, offer, price, 2, OTHER);
            if after {
                story.print(at + 30 * S, Side::Sell, price, 180, (31, 41));
            }
        }
        story
    };
    let near_misses = [
        ("one buyer in thirty equal slices", bought(false)),
        ("one buyer in thirty equal slices, and others follow", bought(true)),
        ("too few", painted(Picture { prints: 14, ..PICTURE })),
        ("each is large", painted(Picture { size: 60, ..PICTURE })),
        ("a few among many trades", painted(Picture { others_trades: 2, ..PICTURE })),
        ("as many down as up", painted(Picture { down_every: 2, ..PICTURE })),
        ("nobody follows", painted(Picture { others: 20, ..PICTURE })),
        ("two owners", {
            let mut story = Story::quiet();
            paint(&mut story, PICTURE);
            story
        }),
        ("a busy market", {
            let mut story = painted(Picture { others: 2_000, ..PICTURE });
            for nth in 0..3_000_u64 {
                story.print(T - 3_600 * S + nth * S, Side::Sell, Story::ASK, 3, (31, 41));
            }
            story
        }),
        ("an auction", {
            let mut story = painted(PICTURE);
            story.phase(T - S, Phase::Auction);
            story
        }),
    ];
    each_condition_matters(&Painting::default(), &near_misses);
}
