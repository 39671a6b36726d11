//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{S, Story, each_condition_matters, survives};

/// Four times in a quarter of an hour.
fn story(told: Told) -> Story {
    let mut story = Story::quiet();
    (0..4).for_each(|nth| tell(&mut story, T + nth * 200 * S, told));
    story
}

#[test]
fn a_hundred_shares_lure_two_thousand_four_times() {
    let told = Told { quote: 5, joined: 50, ..WHOLE };
    let story = story(told);
    let alerts = story.alerts(InsideQuoteLure::default());
    assert_eq!((alerts.len(), story.suspects(InsideQuoteLure::default())), (1, vec![LURER]));
    let alert = &alerts[0];
    assert_eq!((alert.episodes, alert.last_event_at), (3, Nanos(T + 404 * S)));
    assert_eq!(alert.orders.len(), 4, "the quote, the hit, and two who joined");
    assert!(alert.score > 70.0, "{}", alert.score);
    survives(InsideQuoteLure::default(), &story);
}

#[test]
fn half_as_many_join_an_offer_that_stays() {
    let mut story = Story::quiet();
    for nth in 0..3 {
        let at = T + nth * 200 * S;
        let quote = story.enter(at, LURER, Side::Sell, Story::ASK - 1, 5);
        let joined = story.enter(at + 3 * S, JOINER, Side::Sell, Story::ASK - 1, 20);
        story.fill(at + 9 * S, joined, Story::ASK - 1, 20, LURER);
        story.cancel(at + 20 * S, quote);
    }
    assert_eq!(story.suspects(InsideQuoteLure::default()), [LURER]);
}

#[test]
fn once_is_no_habit() {
    let mut story = Story::quiet();
    tell(&mut story, T, WHOLE);
    assert!(story.alerts(InsideQuoteLure::default()).is_empty());
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("the quote is as large as orders are", story(Told { quote: 16, ..WHOLE })),
        ("hardly anybody joins until it is too late", {
            let mut story = Story::quiet();
            for nth in 0..4 {
                let (at, price) = (T + nth * 200 * S, Story::BID + 1);
                let quote = story.enter(at, LURER, Side::Buy, price, 5);
                let joined = story.enter(at + S, JOINER, Side::Buy, price, 6);
                story.amend(at + 2 * S, joined, price, 8);
                story.amend(at + 7 * S, joined, price, 50);
                story.cancel(at + 8 * S, quote);
                story.fill(at + 9 * S, joined, price, 50, LURER);
            }
            story
        }),
        ("others come later", story(Told { joined_after: 7 * S, hit_after: 9 * S, ..WHOLE })),
        ("hardly anything is hit", story(Told { hit: 12, ..WHOLE })),
        ("the hit comes later", story(Told { hit_after: 20 * S, ..WHOLE })),
        ("who quotes all day and trades all day", {
            let mut story = Story::quiet();
            for nth in 0..500 {
                let at = T + nth * 2 * S;
                story.sweep(at, LURER, Side::Buy, 5);
                story.stand(at + S, Side::Buy, 1);
            }
            // Others join each quote, and somebody always comes for them: one time in three the one who quoted.
            for nth in 0..60 {
                let (at, price) = (T + 1_000 * S + nth * 15 * S, Story::BID + 1);
                let quote = story.enter(at, LURER, Side::Buy, price, 5);
                let joined = story.enter(at + S, JOINER, Side::Buy, price, 50);
                story.cancel(at + 2 * S, quote);
                let who = if nth % 3 == 2 { LURER } else { 131 };
                story.fill(at + 4 * S, joined, price, 50, who);
            }
            story
        }),
        ("the quote trades", story(Told { executed: 5, ..WHOLE })),
        ("the market falls before the hit", {
            let mut story = Story::quiet();
            for nth in 0..4 {
                let at = T + nth * 200 * S;
                story.sweep(at - 20 * S, 131, Side::Sell, 9 * Story::LEVEL);
                tell(&mut story, at, WHOLE);
                story.stand(at + 3 * S, Side::Sell, 10);
            }
            story
        }),
    ];
    each_condition_matters(&InsideQuoteLure::default(), &near_misses);
}
