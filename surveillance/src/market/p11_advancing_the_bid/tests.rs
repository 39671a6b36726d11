//! The catalogue's cases, and near misses that each miss one condition.

use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

const CLIMBER: u32 = 9;
const BUYER: u32 = 201;
const MAKER: u32 = 105;
const T: u64 = Story::BEGIN;

/// Nobody offers for another sixteen ticks, and the spread is wide: there is room to climb.
fn wide() -> Story {
    let mut story = Story::quiet();
    story.sweep(T - 200 * S, 131, Side::Sell, 10 * Story::LEVEL);
    story.enter(T - 199 * S, MAKER, Side::Sell, Story::ASK + 16, 300);
    story
}

/// So many bids of `size`, each a tick or two higher than the best; the one before is taken away.
fn climb(story: &mut Story, at: u64, steps: i64, size: u64) -> i64 {
    let mut best = Story::BID;
    for nth in 0..steps {
        let at = at + nth as u64 * 40 * S;
        best += if nth % 3 == 0 { 2 } else { 1 };
        let bid = story.enter(at, CLIMBER, Side::Buy, best, size);
        story.cancel(at + 41 * S, bid);
    }
    best
}

/// Sells so much to somebody who bids.
fn sell(story: &mut Story, at: u64, price: i64, quantity: u64) {
    let bid = story.enter(at, BUYER, Side::Buy, price, quantity);
    story.fill(at + S, bid, price, quantity, CLIMBER);
}

#[test]
fn nine_bids_of_one_lot_lift_the_price_twelve_ticks_before_a_sale_of_200() {
    let mut story = wide();
    let best = climb(&mut story, T, 9, 1);
    assert_eq!(best, Story::BID + 12);
    sell(&mut story, T + 400 * S, best - 1, 200);
    let alerts = story.alerts(AdvancingTheBid::default());
    assert_eq!((alerts.len(), story.suspects(AdvancingTheBid::default())), (1, vec![CLIMBER]));
    assert_eq!(alerts[0].last_event_at, Nanos(T + 401 * S), "with the very sale");
    assert_eq!(alerts[0].orders.len(), 10);
    assert!(alerts[0].score > 60.0, "{}", alerts[0].score);
    survives(AdvancingTheBid::default(), &story);
}

#[test]
fn somebody_lowers_the_offer_and_buys_half_as_much() {
    let mut story = Story::quiet();
    story.sweep(T - 200 * S, 131, Side::Buy, 10 * Story::LEVEL);
    story.enter(T - 199 * S, MAKER, Side::Buy, Story::BID - 16, 300);
    for nth in 0..6 {
        let at = T + nth * 30 * S;
        let offer = story.enter(at, CLIMBER, Side::Sell, Story::ASK - 1 - nth as i64, 2);
        story.cancel(at + 100 * S, offer);
    }
    let offer = story.enter(T + 200 * S, BUYER, Side::Sell, Story::ASK - 5, 20);
    story.fill(T + 201 * S, offer, Story::ASK - 5, 20, CLIMBER);
    assert_eq!(story.suspects(AdvancingTheBid::default()), [CLIMBER]);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("a buyer of 200 lots pegs to the best bid for an hour", {
            let mut story = wide();
            for nth in 0..90_u64 {
                let at = T + nth * 40 * S;
                let best = Story::BID + nth as i64 % 10;
                let other = story.enter(at, BUYER, Side::Buy, best, 5);
                let bid = story.enter(at + S, CLIMBER, Side::Buy, best + 1, 2);
                story.fill(at + 30 * S, bid, best + 1, 2, 131);
                story.cancel(at + 31 * S, other);
            }
            story
        }),
        ("five steps", {
            let mut story = wide();
            let best = climb(&mut story, T, 5, 1);
            sell(&mut story, T + 220 * S, best - 1, 200);
            story
        }),
        ("others improve as often", {
            let mut story = wide();
            for nth in 0..6_u64 {
                let at = T + nth * 40 * S;
                let best = Story::BID + 1 + 2 * nth as i64;
                let own = story.enter(at, CLIMBER, Side::Buy, best, 1);
                let other = story.enter(at + S, BUYER, Side::Buy, best + 1, 1);
                story.cancel(at + 90 * S, own);
                story.cancel(at + 90 * S, other);
            }
            sell(&mut story, T + 300 * S, Story::BID + 8, 200);
            story
        }),
        ("the steps are large", {
            let mut story = wide();
            let best = climb(&mut story, T, 9, 15);
            sell(&mut story, T + 400 * S, best - 1, 200);
            story
        }),
        ("the steps trade", {
            let mut story = wide();
            for nth in 0..9_u64 {
                let at = T + nth * 40 * S;
                let price = Story::BID + 1 + nth as i64;
                let bid = story.enter(at, CLIMBER, Side::Buy, price, 4);
                story.fill(at + S, bid, price, 1, BUYER);
                story.cancel(at + 41 * S, bid);
            }
            sell(&mut story, T + 400 * S, Story::BID + 8, 200);
            story
        }),
        ("the price moves like that by itself", {
            let mut story = Story::restless();
            story.sweep(T - 80 * S, 131, Side::Sell, 10 * Story::LEVEL);
            let best = climb(&mut story, T, 9, 1);
            sell(&mut story, T + 400 * S, best - 1, 200);
            story
        }),
        ("the sale is small", {
            let mut story = wide();
            let best = climb(&mut story, T, 9, 1);
            sell(&mut story, T + 400 * S, best - 1, 2);
            story
        }),
        ("the sale comes half an hour later", {
            let mut story = wide();
            let best = climb(&mut story, T, 9, 1);
            sell(&mut story, T + 2_200 * S, best - 1, 200);
            story
        }),
        ("as much is bought", {
            let mut story = wide();
            let best = climb(&mut story, T, 9, 1);
            let offer = story.enter(T + 395 * S, BUYER, Side::Sell, best + 1, 150);
            story.fill(T + 396 * S, offer, best + 1, 150, CLIMBER);
            sell(&mut story, T + 400 * S, best - 1, 200);
            story
        }),
        ("a maker brings back what was swept away", {
            let mut story = Story::quiet();
            story.sweep(T - S, 131, Side::Buy, 9 * Story::LEVEL);
            for nth in 0..8_u64 {
                let at = T + nth * 5 * S;
                story.enter(at, CLIMBER, Side::Buy, Story::BID - 8 + nth as i64, 1);
            }
            sell(&mut story, T + 60 * S, Story::BID, 200);
            story
        }),
        ("somebody improves both sides", {
            let mut story = wide();
            for nth in 0..8_u64 {
                let at = T + nth * 40 * S;
                let step = nth as i64;
                let bid = story.enter(at, CLIMBER, Side::Buy, Story::BID + 1 + step % 4, 1);
                let offer =
                    story.enter(at + MS, CLIMBER, Side::Sell, Story::ASK + 15 - step % 4, 1);
                if nth < 7 {
                    story.cancel(at + 30 * S, bid);
                    story.cancel(at + 30 * S, offer);
                }
            }
            sell(&mut story, T + 400 * S, Story::BID + 3, 200);
            story
        }),
    ];
    each_condition_matters(&AdvancingTheBid::default(), &near_misses);
}
