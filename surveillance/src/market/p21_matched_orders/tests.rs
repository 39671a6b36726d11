//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};
use engine_observer::event::body::Phase;

const OTHER: u32 = 12;

fn three(tell: impl Fn(&mut Story, u64)) -> Story {
    let mut story = Story::quiet();
    (0..3).for_each(|nth| tell(&mut story, T + nth * 5 * MINUTE));
    story
}

#[test]
fn the_same_7300_meet_700_ms_apart_five_days_running() {
    let mut story = Story::quiet();
    for day in 0..5 {
        matched(&mut story, T + day * 86_400 * S, 7_300, 700 * MS);
    }
    let alerts = story.alerts(MatchedOrders::default());
    let told: Vec<_> = alerts.iter().map(|alert| (alert.orders.len(), alert.episodes)).collect();
    assert_eq!(told, [(3, 1), (4, 1), (5, 1)], "each day anew from the third on");
    assert_eq!(story.suspects(MatchedOrders::default()), [SELLER, BUYER]);
    survives(MatchedOrders::default(), &story);
}

#[test]
fn roles_may_change() {
    let mut story = Story::quiet();
    for nth in 0..3 {
        let at = T + nth * MINUTE;
        let (rests, comes) = if nth == 1 { (BUYER, SELLER) } else { (SELLER, BUYER) };
        let order = story.enter(at, rests, Side::Buy, MIDDLE, 50);
        story.fill(at + S, order, MIDDLE, 50, comes);
    }
    assert_eq!(story.suspects(MatchedOrders::default()), [SELLER, BUYER]);
}

#[test]
fn one_match_is_enough_where_nobody_else_is() {
    let tell = |distance: i64, rests_near: bool| {
        let mut story = Story::new();
        for nth in 0..100_u64 {
            let at = T - 2_000 * S + nth * 10 * S;
            let offer = story.enter(at, 20, Side::Sell, 1_000, 5);
            story.fill(at + S, offer, 1_000, 5, 21);
        }
        let bid = if rests_near { 1_000 + distance - 3 } else { 900 };
        story.enter(T - 900 * S, 22, Side::Buy, bid, 5);
        let offer = story.enter(T, SELLER, Side::Sell, 1_000 + distance, 80);
        story.fill(T + S, offer, 1_000 + distance, 80, BUYER);
        story
    };
    assert_eq!(tell(100, false).suspects(MatchedOrders::default()), [SELLER, BUYER]);
    assert!(tell(100, true).alerts(MatchedOrders::default()).is_empty(), "somebody is near");
    assert!(tell(1, false).alerts(MatchedOrders::default()).is_empty(), "a usual move");
}

#[test]
fn an_order_that_is_told_as_it_crosses_counts_by_its_own_limit() {
    let tell = |limit: i64, quantity: u64| {
        three(|story, at| {
            let offer = story.enter(at, SELLER, Side::Sell, MIDDLE, 50);
            story.enter(at + S, BUYER, Side::Buy, limit, quantity);
            story.fill(at + S + MS, offer, MIDDLE, 50, BUYER);
        })
    };
    let count = |story: Story| story.alerts(MatchedOrders::default()).len();
    assert_eq!(count(tell(MIDDLE + 1, 50)), 1);
    assert_eq!(count(tell(MIDDLE + 2, 50)), 0, "who would have paid more did not mean this one");
    assert_eq!(count(tell(MIDDLE, 60)), 0, "who wanted more did not either");
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let two_of_a_trade = |kept_for: u64| {
        three(move |story, at| {
            let offer = story.enter(at, SELLER, Side::Sell, MIDDLE, 50);
            let other = story.enter(at + MS, OTHER, Side::Sell, MIDDLE, kept_for);
            story.fill(at + S, offer, MIDDLE, 50, BUYER);
            story.fill(at + S + MS, other, MIDDLE, kept_for, BUYER);
        })
    };
    let near_misses = [
        ("equal orders meet once", {
            let mut story = Story::quiet();
            matched(&mut story, T, 100, S);
            story
        }),
        ("equal orders meet twice", {
            let mut story = Story::quiet();
            (0..2).for_each(|nth| matched(&mut story, T + nth * MINUTE, 100, S));
            story
        }),
        ("the two who always meet are all the market there is", Story::quiet()),
        (
            "the offer had been there for three seconds",
            three(|story, at| matched(story, at, 50, 3 * S)),
        ),
        ("who came took ten more from another", two_of_a_trade(10)),
        (
            "another took a quarter before",
            three(|story, at| {
                let offer = story.enter(at, SELLER, Side::Sell, MIDDLE, 100);
                story.fill(at + 500 * MS, offer, MIDDLE, 25, OTHER);
                story.fill(at + S, offer, MIDDLE, 70, BUYER);
            }),
        ),
        (
            "an equal order, most of which another had taken",
            three(|story, at| {
                let offer = story.enter(at, SELLER, Side::Sell, MIDDLE, 100);
                story.fill(at + 500 * MS, offer, MIDDLE, 25, OTHER);
                story.fill(at + S, offer, MIDDLE, 70, BUYER);
                let rest = story.enter(at + S + MS, BUYER, Side::Buy, MIDDLE, 30);
                story.cancel(at + 2 * S, rest);
            }),
        ),
        (
            "an order that would have paid more",
            three(|story, at| {
                let offer = story.enter(at, SELLER, Side::Sell, MIDDLE, 50);
                story.enter(at + S, BUYER, Side::Buy, MIDDLE + 2, 50);
                story.fill(at + S + MS, offer, MIDDLE, 50, BUYER);
            }),
        ),
        ("one owner", {
            let mut story = three(|story, at| matched(story, at, 50, S));
            story.are_one(&[SELLER, BUYER]);
            story
        }),
        ("an auction", {
            let mut story = Story::quiet();
            story.phase(T - S, Phase::Auction);
            (0..3).for_each(|nth| matched(&mut story, T + nth * MINUTE, 50, S));
            story
        }),
    ];
    each_condition_matters(&MatchedOrders::default(), &near_misses);
}
