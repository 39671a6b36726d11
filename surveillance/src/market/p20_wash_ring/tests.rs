//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{S, Story, each_condition_matters, survives};

fn told(tell: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::quiet();
    tell(&mut story);
    story
}

#[test]
fn three_pass_a_hundred_round_eight_times_in_two_hours() {
    let tell = |story: &mut Story| {
        ring(story, 3, 8, |round, member| {
            (PRICE - 1 + (round as i64 + i64::from(member)) % 3, 100)
        });
    };
    let story = told(tell);
    let alerts = story.alerts(WashRing::default());
    assert_eq!(alerts.len(), 1, "what was told is not told again");
    assert_eq!(story.suspects(WashRing::default()), [11, 12, 13]);
    let fifth = T + 4 * 15 * MINUTE + 41 * S;
    let after = alerts[0].last_event_at.since(Nanos(fifth));
    assert!(after <= SOON, "a second after the fifth round: {after:?}");
    assert_eq!(alerts[0].orders.len(), 15);
    survives(WashRing::default(), &story);
}

#[test]
fn a_ring_may_turn_round_and_trade_with_others() {
    let mut story = told(|story| ring(story, 3, 4, |_, _| (PRICE, 100)));
    for round in 0..4 {
        let at = T + 70 * MINUTE + round * 5 * MINUTE;
        for (nth, (seller, buyer)) in [(13, 12), (12, 11), (11, 13)].into_iter().enumerate() {
            sell(&mut story, at + nth as u64 * 10 * S, seller, buyer, (PRICE, 100));
        }
        story.sweep(at + 100 * S, 11, Side::Sell, 8);
        sell(&mut story, at + 110 * S, 12, 131, (PRICE, 7));
        sell(&mut story, at + 120 * S, 131, 13, (PRICE, 7));
    }
    assert_eq!(story.suspects(WashRing::default()), [11, 12, 13]);
}

#[test]
fn members_may_trade_much_with_others_and_are_found_as_soon() {
    let story = told(|story| {
        for nth in 0..240 {
            let at = T + 100 * S + nth * 3 * S;
            sell(story, at, 11 + nth as u32 % 3, 131 + nth as u32 % 5, (PRICE, 1));
        }
        ring(story, 3, 8, |_, _| (PRICE, 100));
    });
    let alerts = story.alerts(WashRing::default());
    assert_eq!(story.suspects(WashRing::default()), [11, 12, 13]);
    let fifth = T + 4 * 15 * MINUTE + 41 * S;
    let after = alerts[0].last_event_at.since(Nanos(fifth));
    assert!(after <= SOON, "a second after the fifth round: {after:?}");
    survives(WashRing::default(), &story);
}

#[test]
fn two_are_a_ring_too() {
    let story = told(|story| ring(story, 2, 6, |_, _| (PRICE, 10)));
    assert_eq!(story.suspects(WashRing::default()), [11, 12]);
}

#[test]
fn makers_do_not_join_what_they_stand_between() {
    // All of twenty trade with 50, forth and back at one price.
    let with_maker = |attributes: Attributes| {
        told(|story| {
            for nth in 0..6 {
                for one in 0..20_u32 {
                    let at = T + nth * 10 * MINUTE + u64::from(one) * 10 * S;
                    let bid = story.enter_as(at, 50, Side::Buy, PRICE, 5, attributes);
                    story.fill(at + S, bid, PRICE, 5, 200 + one);
                    sell(story, at + 3 * S, 50, 200 + one, (PRICE, 5));
                }
            }
        })
    };
    assert!(with_maker(Attributes::NONE).alerts(WashRing::default()).is_empty());
    let twice = |attributes: Attributes| {
        told(|story| {
            for nth in 0..6 {
                let at = T + nth * 10 * MINUTE;
                let bid = story.enter_as(at, 50, Side::Buy, PRICE, 5, attributes);
                story.fill(at + S, bid, PRICE, 5, 200);
                sell(story, at + 3 * S, 50, 200, (PRICE, 5));
            }
        })
    };
    assert_eq!(twice(Attributes::NONE).suspects(WashRing::default()), [50, 200]);
    assert!(twice(Attributes::MARKET_MAKER).alerts(WashRing::default()).is_empty());
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("three day traders meet twelve times among four hundred", {
            told(|story| {
                for nth in 0..1_200_u64 {
                    let at = T + nth * 5 * S;
                    let (one, other) = (11 + (nth % 3) as u32, 1_000 + (nth * 7 % 400) as u32);
                    let (seller, buyer) = if nth % 2 == 0 { (one, other) } else { (other, one) };
                    let met = nth % 100 == 50;
                    let buyer = if met { 11 + (seller - 10) % 3 } else { buyer };
                    sell(story, at, if met { one } else { seller }, buyer, (PRICE, 10));
                }
            })
        }),
        ("four rounds", told(|story| ring(story, 3, 4, |_, _| (PRICE, 100)))),
        ("one of them keeps a third", {
            told(|story| {
                ring(story, 3, 8, |_, member| (PRICE, if member == 0 { 100 } else { 66 }));
            })
        }),
        ("twelve in a ring", told(|story| ring(story, 12, 6, |_, _| (PRICE, 100)))),
        ("they trade far more with others", {
            told(|story| {
                ring(story, 3, 6, |_, _| (PRICE, 10));
                for member in 11..14 {
                    for nth in 0..6 {
                        let at = T + nth * 10 * MINUTE + 100 * S;
                        let other = 300 + member * 10 + nth as u32;
                        sell(story, at, member, other, (PRICE, 60));
                    }
                }
            })
        }),
        ("each sells for five more than they bought for", {
            told(|story| {
                ring(story, 3, 8, |_, member| (PRICE + 5 * i64::from(member), 100));
            })
        }),
    ];
    each_condition_matters(&WashRing::default(), &near_misses);
}
