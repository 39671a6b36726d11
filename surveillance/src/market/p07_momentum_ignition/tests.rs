//! The catalogue's cases, and near misses that each miss one condition.

use super::*;
use crate::desk::check::{S, Story, each_condition_matters, survives};

const IGNITER: u32 = 9;
const FOLLOWER: u32 = 201;
const SELLER: u32 = 301;
const T: u64 = Story::BEGIN;

/// An episode in the quiet market, with what makes it one, each to be missed.
#[derive(Clone, Copy)]
struct Told {
    /// Bought at each level of the burst, by the igniter and by somebody else, and how many levels.
    own: u64,
    others: u64,
    levels: i64,
    /// How much others buy afterwards, before the harvest.
    followed: u64,
    /// At which price the igniter sells how much of its own.
    harvest: (i64, u64),
}

const WHOLE: Told =
    Told { own: 200, others: 0, levels: 4, followed: 400, harvest: (Story::ASK + 9, 2_600) };

/// The burst lasts six seconds; others follow within the next minute, the last of them into the harvest.
fn tell(story: &mut Story, at: u64, told: Told) {
    let Told { own, others, levels, followed, harvest } = told;
    for level in 0..levels {
        let at = at + level as u64 * 2 * S;
        let price = Story::ASK + level;
        let depth = story.enter(at - S, SELLER, Side::Sell, price, own + others);
        story.sweep(at, IGNITER, Side::Sell, Story::LEVEL);
        story.fill(at, depth, price, own - Story::LEVEL, IGNITER);
        if others > 0 {
            story.fill(at, depth, price, others, FOLLOWER);
        }
    }
    let price = Story::ASK + levels + 1;
    let offer = story.enter(at + 10 * S, SELLER, Side::Sell, price, followed.max(1));
    if followed > 0 {
        story.fill(at + 20 * S, offer, price, followed, FOLLOWER);
    }
    let (price, quantity) = harvest;
    if quantity > 0 {
        let sale = story.enter(at + 25 * S, IGNITER, Side::Sell, price, quantity);
        story.fill(at + 30 * S, sale, price, quantity, FOLLOWER + 1);
    }
}

fn story(told: Told) -> Story {
    let mut story = Story::quiet();
    tell(&mut story, T, told);
    story
}

#[test]
fn somebody_ignites_and_sells_to_those_who_follow() {
    let mut story = Story::quiet();
    story.holds(T - 3_000 * S, IGNITER, 2_000);
    tell(&mut story, T, WHOLE);
    story.stand(T + 240 * S, Side::Sell, 10);
    let alerts = story.alerts(MomentumIgnition::default());
    assert_eq!((alerts.len(), story.suspects(MomentumIgnition::default())), (1, vec![IGNITER]));
    let alert = &alerts[0];
    assert_eq!(alert.last_event_at, Nanos(T + 30 * S), "with the very sale");
    assert_eq!(alert.conditions.iter().nth(3).map(|follow| follow.value), Some(3_000.0 / 800.0));
    assert!(alert.score > 70.0, "{}", alert.score);
    survives(MomentumIgnition::default(), &story);
}

#[test]
fn it_works_downwards_and_by_half_as_well() {
    let mut story = Story::quiet();
    let mut deep = |level: i64, who, quantity, at| {
        let order = story.enter(at - S, SELLER, Side::Buy, Story::BID - level, quantity);
        story.sweep(at, who, Side::Buy, Story::LEVEL);
        story.fill(at, order, Story::BID - level, quantity, who);
    };
    (0..3).for_each(|level| deep(level, IGNITER, 60, T + level as u64 * S));
    deep(3, FOLLOWER, 700, T + 10 * S);
    let bid = story.enter(T + 40 * S, IGNITER, Side::Buy, Story::BID - 4, 150);
    story.fill(T + 50 * S, bid, Story::BID - 4, 150, FOLLOWER);
    let alerts = story.alerts(MomentumIgnition::default());
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].score > 20.0, "{}", alerts[0].score);
}

#[test]
fn those_who_follow_after_the_harvest_count_too() {
    let mut story = story(Told { followed: 0, harvest: (Story::ASK + 9, 800), ..WHOLE });
    let offer = story.enter(T + 30 * S, SELLER, Side::Sell, Story::ASK + 8, 1_000);
    story.fill(T + 50 * S, offer, Story::ASK + 8, 1_000, FOLLOWER);
    let later = story.enter(T + 400 * S, SELLER, Side::Buy, Story::BID, 5);
    story.fill(T + 400 * S, later, Story::BID, 5, FOLLOWER);
    assert_eq!(story.suspects(MomentumIgnition::default()), [IGNITER]);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("a buyer by volume keeps buying for an hour", {
            let mut story = story(Told { harvest: (0, 0), ..WHOLE });
            for nth in 1..60 {
                let at = T + nth * 60 * S;
                let offer = story.enter(at, SELLER, Side::Sell, Story::ASK + 6, 100);
                story.fill(at, offer, Story::ASK + 6, 55, IGNITER);
                story.fill(at, offer, Story::ASK + 6, 45, FOLLOWER);
            }
            story
        }),
        ("the market was moving already", {
            let mut story = Story::quiet();
            story.sweep(T - 30 * S, FOLLOWER, Side::Sell, 4 * Story::LEVEL);
            for level in 4..8 {
                let at = T + level * S;
                let price = Story::ASK + level as i64;
                let depth = story.enter(at - S, SELLER, Side::Sell, price, 200);
                story.sweep(at, IGNITER, Side::Sell, Story::LEVEL);
                story.fill(at, depth, price, 160, IGNITER);
            }
            let sale = story.enter(T + 25 * S, IGNITER, Side::Sell, Story::ASK + 12, 2_600);
            story.fill(T + 30 * S, sale, Story::ASK + 12, 2_600, FOLLOWER);
            story
        }),
        ("most of the volume of the burst is others'", story(Told { others: 450, ..WHOLE })),
        ("the burst takes two prices", story(Told { levels: 2, own: 300, ..WHOLE })),
        (
            "hardly anybody follows",
            story(Told { followed: 100, harvest: (Story::ASK + 9, 600), ..WHOLE }),
        ),
        ("the market moves as it usually does", {
            let mut story = Story::restless();
            tell(&mut story, T, WHOLE);
            story
        }),
        (
            "hardly anything is sold",
            story(Told { followed: 3_000, harvest: (Story::ASK + 9, 200), ..WHOLE }),
        ),
        ("what was bought is sold at its own price", {
            let harvest = (Story::ASK + 1, 800);
            story(Told { followed: 3_000, harvest, ..WHOLE })
        }),
        ("there was a headline", {
            let mut story = story(WHOLE);
            story.news(T + 5 * S);
            story
        }),
        ("there was a headline half a minute before", {
            let mut story = story(WHOLE);
            story.news(T - 30 * S);
            story
        }),
        ("somebody who trades both ways all the time", {
            let mut story = story(Told { harvest: (0, 0), ..WHOLE });
            let offer = story.enter(T + 22 * S, SELLER, Side::Sell, Story::ASK + 9, 1_800);
            story.fill(T + 22 * S, offer, Story::ASK + 9, 1_800, FOLLOWER);
            let bid = story.enter(T + 25 * S, IGNITER, Side::Buy, Story::ASK + 8, 500);
            story.fill(T + 26 * S, bid, Story::ASK + 8, 500, FOLLOWER);
            let sale = story.enter(T + 27 * S, IGNITER, Side::Sell, Story::ASK + 9, 500);
            story.fill(T + 30 * S, sale, Story::ASK + 9, 500, FOLLOWER);
            story
        }),
    ];
    each_condition_matters(&MomentumIgnition::default(), &near_misses);
}
