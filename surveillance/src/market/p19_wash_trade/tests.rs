//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};
use crate::market::MatchedOrders;
use engine_observer::Alert;
use engine_observer::event::body::Print;
use engine_observer::event::{Event, Flags, ParticipantId, Quantity, SubjectId};

fn owned() -> Story {
    let mut story = Story::quiet();
    story.are_one(&[ONE, OTHER]);
    story
}

#[test]
fn five_hundred_change_hands_within_one_owner_three_times_in_an_hour() {
    let mut story = owned();
    (0..3).for_each(|nth| wash(&mut story, T + nth * 1_200 * S, USUAL, 500));
    let alerts = story.alerts(WashTrade::default());
    let told: Vec<_> = alerts.iter().map(|alert| (alert.episodes, alert.orders.len())).collect();
    assert_eq!(told, [(1, 1), (3, 3)]);
    assert_eq!(alerts[0].last_event_at, Nanos(T + S), "with the trade");
    assert_eq!(story.suspects(WashTrade::default()), [ONE, OTHER]);
    survives(WashTrade::default(), &story);
}

#[test]
fn small_trades_of_an_owner_are_no_accident_the_third_time() {
    let mut story = owned();
    (0..3).for_each(|nth| wash(&mut story, T + nth * 600 * S, USUAL, 2));
    let alerts = story.alerts(WashTrade::default());
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].last_event_at, Nanos(T + 1_201 * S));
}

#[test]
fn one_order_that_meets_several_of_the_owner_is_one_trade() {
    let mut story = owned();
    let offers: Vec<_> =
        (0..3).map(|nth| story.enter(T + nth, ONE, Side::Sell, USUAL, 3)).collect();
    offers.into_iter().for_each(|offer| story.fill(T + S, offer, USUAL, 3, OTHER));
    let alerts = story.alerts(WashTrade::default());
    assert_eq!(alerts.len(), 1, "nine are large");
    assert_eq!((alerts[0].episodes, alerts[0].orders.len()), (1, 1));
}

#[test]
fn who_was_found_to_act_with_another_trades_with_oneself() {
    // P21 finds that the two enter orders to meet each other; then they trade five hundred.
    let mut story = MatchedOrders::default().canary().unwrap();
    wash(&mut story, T + 1_200 * S, USUAL, 500);
    assert!(story.alerts(WashTrade::default()).is_empty(), "nobody says that they belong together");
    let alerts = story.alerts_at(|desk| {
        desk.seat(MatchedOrders::default());
        desk.seat(WashTrade::default());
    });
    let [matched, washed] = &alerts[..] else { panic!("{alerts:?}") };
    assert_eq!((matched.pattern, washed.pattern), ("P21", "P19"));
    let named =
        |alert: &Alert| -> Vec<_> { alert.participants.iter().map(|who| who.0.get()).collect() };
    assert_eq!(named(washed), [OTHER, ONE]);
    assert_eq!(washed.degraded, Degraded::LINKS);
    assert_eq!(washed.severity, Severity::Medium, "less grave, since it is inferred");
    let link = washed.links.iter().next().unwrap();
    assert_eq!((link.account.0.get(), link.by), (ONE, 21));
    assert!((0.9..=1.0).contains(&link.confidence), "{}", link.confidence);
}

#[test]
fn an_account_that_meets_itself_has_no_excuse() {
    let mut story = Story::quiet();
    let offer = story.enter(T, ONE, Side::Sell, USUAL, 1);
    story.fill(T + S, offer, Story::ASK + 30, 1, ONE);
    assert_eq!(story.suspects(WashTrade::default()), [ONE], "at a price nobody has seen");
}

#[test]
fn the_tenth_small_cross_of_a_month_is_no_accident() {
    let mut story = owned();
    for day in 0..10 {
        wash(&mut story, T + day * 86_400 * S, USUAL, 1);
    }
    let alerts = story.alerts(WashTrade::default());
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].last_event_at, Nanos(T + 9 * 86_400 * S + S));
    let rarer = WashTrade { month_count_min: 11, ..WashTrade::default() };
    assert!(story.alerts(rarer).is_empty());
}

#[test]
fn a_large_share_of_a_quiet_day_is_a_reason() {
    let mut story = owned();
    wash(&mut story, T, USUAL, 6);
    let only_share =
        WashTrade { size_ratio_min: 10.0, day_share_min: 0.003, ..WashTrade::default() };
    assert_eq!(story.alerts(only_share.clone()).len(), 1);
    assert!(story.alerts(WashTrade { day_share_min: 0.006, ..only_share }).is_empty());
}

#[test]
fn who_trades_a_lot_and_stands_where_they_stood_washes() {
    let mut story = owned();
    for nth in 0..6 {
        let at = T + nth * 10 * S;
        story.sweep(at, ONE, Side::Sell, 4);
        story.sweep(at + S, OTHER, Side::Buy, 4);
    }
    wash(&mut story, T + 90 * S, USUAL, 6);
    let only_flat = WashTrade { size_ratio_min: 10.0, day_share_min: 1.0, ..WashTrade::default() };
    assert_eq!(story.alerts(only_flat.clone()).len(), 1);
    story.sweep(T + 80 * S, OTHER, Side::Buy, 3);
    assert!(story.alerts(only_flat).is_empty(), "three are left");
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("two algorithms of a bank meet once", {
            let mut story = owned();
            wash(&mut story, T, USUAL, 1);
            story
        }),
        ("two algorithms meet once, at a price that nobody has seen", {
            let mut story = owned();
            wash(&mut story, T, Story::ASK + 30, 1);
            story
        }),
        ("two who are not one trade 500 three times", {
            let mut story = Story::quiet();
            (0..3).for_each(|nth| wash(&mut story, T + nth * 1_200 * S, USUAL, 500));
            story
        }),
        ("a usual quantity, once", {
            let mut story = owned();
            wash(&mut story, T, USUAL, 6);
            story
        }),
        ("nobody knows who came", {
            let mut story = owned();
            let offer = story.enter(T, ONE, Side::Sell, USUAL, 500);
            story.fill(T + S, offer, USUAL, 500, 0);
            story
        }),
        ("a cross that is reported as one", {
            let mut story = owned();
            let parties = [ONE, OTHER].map(ParticipantId::new);
            let print = Print::new(1, Price(USUAL), Quantity(500)).between(parties[0], parties[1]);
            let event = Event::new(SubjectId(0), Nanos(0), print);
            story.event(T + 5 * MS, event.with_flags(Flags::of(Side::Sell) | Flags::CROSS));
            story
        }),
    ];
    each_condition_matters(&WashTrade::default(), &near_misses);
}
