//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{S, Story, each_condition_matters, survives};
use crate::market::WashTrade;
use engine_observer::event::body::Phase;

const MINUTE: u64 = 60 * S;

fn pushed(how: Push) -> Story {
    let mut story = Story::quiet();
    push(&mut story, how);
    story
}

#[test]
fn half_of_ten_minutes_moves_the_price_and_it_comes_back() {
    let story = pushed(Push { sold: 100, ..PUSH });
    let alerts = story.alerts(Dominance::default());
    assert_eq!(story.suspects(Dominance::default()), [WHO]);
    assert!(alerts[0].score > 40.0, "{}", alerts[0].score);
    let undone_at = T + 60 * S;
    assert_eq!(alerts[0].last_event_at, Nanos(undone_at + 15 * S), "after others may have spoken");
    survives(Dominance::default(), &story);
}

#[test]
fn the_price_alone_or_the_position_alone_may_turn() {
    assert!(!pushed(PUSH).alerts(Dominance::default()).is_empty());
    let stays = Push { comes_back: false, ..PUSH };
    assert!(!pushed(Push { sold: 110, ..stays }).alerts(Dominance::default()).is_empty());
    assert!(pushed(Push { sold: 60, ..stays }).alerts(Dominance::default()).is_empty());
}

#[test]
fn a_price_that_is_back_while_the_push_goes_on_is_no_reversal() {
    let mut story = pushed(Push { comes_back: false, ..PUSH });
    // Half a minute later the offers stand where they stood, and are swept again as far and farther.
    story.stand(T + 80 * S, Side::Sell, 10);
    for nth in 0..7 {
        story.sweep(T + 85 * S + nth * 5 * S, WHO, Side::Sell, 50);
    }
    assert_eq!(story.suspects(Dominance::default()), [0; 0]);
}

#[test]
fn one_order_that_meets_many_is_one_coming() {
    let mut story = Story::calm();
    for nth in 0..18 {
        story.print(T - (nth + 1) * S, Side::Sell, Story::ASK, 1, (31, 41));
    }
    story.sweep(T, WHO, Side::Sell, 200);
    story.stand(T + 30 * S, Side::Sell, 10);
    assert_eq!(story.suspects(Dominance::default()), [0; 0]);
}

#[test]
fn most_of_next_to_nothing_is_nothing() {
    let busy_before = |each: u64| {
        let mut story = Story::calm();
        for minute in 1..=20 {
            story.print(T - minute * MINUTE, Side::Sell, Story::ASK, each, (31, 41));
        }
        push(&mut story, Push { sold: 100, ..PUSH });
        story.suspects(Dominance::default())
    };
    assert_eq!((busy_before(10), busy_before(2_000)), (vec![WHO], vec![]));
}

#[test]
fn a_pattern_with_a_name_says_more() {
    let mut story = pushed(PUSH);
    let offer = story.enter(T + 61 * S, WHO, Side::Sell, Story::ASK, 30);
    story.fill(T + 62 * S, offer, Story::ASK, 30, WHO);
    let patterns = |seat: fn(&mut crate::Desk)| {
        let alerts = story.alerts_at(seat);
        let mut patterns: Vec<_> = alerts.iter().map(|alert| alert.pattern).collect();
        patterns.dedup();
        patterns
    };
    assert_eq!(patterns(|desk| desk.seat(Dominance::default())), ["P35"]);
    let both = patterns(|desk| {
        desk.seat(WashTrade::default());
        desk.seat(Dominance::default());
    });
    assert_eq!(both, ["P19"]);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("a dominant buyer, and the price stays up", pushed(Push { comes_back: false, ..PUSH })),
        ("a tenth of all", pushed(Push { others: 2_000, ..PUSH })),
        ("five large trades among small ones", {
            let mut thin = thin_market();
            others_trade(&mut thin, 18);
            sweep_thin(&mut thin, T, 5);
            thin
        }),
        ("ten trades are all there is", {
            let mut thin = thin_market();
            sweep_thin(&mut thin, T, 10);
            thin
        }),
        ("the price hardly moves", pushed(Push { size: 6, others: 20, ..PUSH })),
        ("in a market that always moves so far", {
            let mut thin = thin_market_from(Story::BID - 40);
            for second in (0..3_000).step_by(2) {
                let at = T - 3_600 * S + second * S;
                let better = thin.enter(at, 104, Side::Buy, Story::BID + 1, 1);
                thin.cancel(at + S, better);
            }
            others_trade(&mut thin, 18);
            sweep_thin(&mut thin, T, 8);
            thin
        }),
        ("a headline", {
            let mut story = pushed(PUSH);
            story.news(T - MINUTE);
            story
        }),
        ("the market had just opened", {
            let mut story = pushed(PUSH);
            story.phase(T - 20 * S, Phase::Auction);
            story.phase(T - 10 * S, Phase::Continuous);
            story
        }),
        ("a tick and a half, where the spread is one", {
            let mut thin = thin_market_from(Story::ASK - 1);
            others_trade(&mut thin, 18);
            for nth in 0..9 {
                let level = nth / 3;
                let price = Story::ASK + level as i64;
                thin.fill(T + nth * 5 * S, OrderId(2 + level), price, 10, WHO);
            }
            (0..3).for_each(|level| {
                thin.enter(T + 60 * S, 102, Side::Sell, Story::ASK + level, 30);
            });
            thin
        }),
    ];
    each_condition_matters(&Dominance::default(), &near_misses);
}

/// Nobody trades, and each level of the offers is one order of 30.
fn thin_market() -> Story {
    thin_market_from(Story::BID)
}

fn thin_market_from(bid: i64) -> Story {
    let mut story = Story::new();
    story.phase(0, Phase::Continuous);
    story.enter(T - 3_600 * S, 101, Side::Buy, bid, 30);
    for level in 0..10 {
        story.enter(T - 3_600 * S, 102, Side::Sell, Story::ASK + level, 30);
    }
    for second in 0..3_600 {
        let order = story.enter(T - 3_600 * S + second * S, 103, Side::Buy, bid - 5, 1);
        story.cancel(T - 3_600 * S + second * S + S / 2, order);
    }
    story
}

/// So many trades of a unit, among others, just before.
fn others_trade(story: &mut Story, trades: u64) {
    (1..=trades).for_each(|nth| story.print(T - nth * S, Side::Sell, Story::ASK, 1, (31, 41)));
}

/// Takes one level after the other; then they are there again.
fn sweep_thin(story: &mut Story, at: u64, levels: u64) {
    for level in 0..levels {
        // The offers are the second order on.
        let offer = OrderId(2 + level);
        story.fill(at + level * 5 * S, offer, Story::ASK + level as i64, 30, WHO);
    }
    for level in 0..levels {
        story.enter(at + 60 * S, 102, Side::Sell, Story::ASK + level as i64, 30);
    }
}
