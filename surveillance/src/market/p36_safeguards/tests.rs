//! The catalogue's cases, and near misses that each miss one condition.

use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};
use engine_observer::event::body::Order;
use engine_observer::event::{Event, Flags, Quantity, SubjectId};

const WHO: u32 = 9;
const OTHER: u32 = 10;
const T: u64 = Story::BEGIN;
const PRICE: i64 = Story::BID + 1;
const MINUTE_NS: u64 = 60 * S;

fn limited() -> Safeguards {
    Safeguards { order_max: 1_000.0, ..Safeguards::default() }
}

fn told(tell: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::quiet();
    tell(&mut story);
    story
}

/// So many equal orders, so far apart, each at the next price.
fn pieces(story: &mut Story, count: u64, quantity: u64, apart: u64) {
    for nth in 0..count {
        let price = Story::BID - (nth % 3) as i64;
        story.enter(T + nth * apart, WHO, Side::Buy, price, quantity);
    }
}

/// Buys until the market stops, so often, each time so long after it has opened again.
fn walks(story: &mut Story, count: u64, after: u64, others: u64) {
    for nth in 0..count {
        let at = T + nth * 20 * MINUTE_NS + after;
        story.sweep(at, WHO, Side::Sell, 80);
        (0..4).for_each(|other| {
            story.print(
                at + other,
                Side::Sell,
                Story::ASK,
                others / 4 + 1,
                (31, 41 + other as u32),
            );
        });
        story.phase(at + S, Phase::Halt);
        story.stand(at + 2 * S, Side::Sell, 10);
        story.phase(T + (nth + 1) * 20 * MINUTE_NS, Phase::Continuous);
    }
}

#[test]
fn twelve_orders_at_99_percent_of_the_limit_within_400_ms() {
    let story = told(|story| pieces(story, 12, 990, 33 * MS));
    let alerts = story.alerts(limited());
    assert_eq!(story.suspects(limited()), [WHO]);
    assert_eq!(alerts[0].last_event_at, Nanos(T + 4 * 33 * MS), "with the fifth");
    assert!(alerts[0].score > 50.0, "{}", alerts[0].score);
    survives(limited(), &story);
}

#[test]
fn a_value_is_a_limit_too() {
    let by_value = Safeguards { value_max: 10_000_000.0, ..Safeguards::default() };
    let story = told(|story| {
        for nth in 0..5 {
            story.enter(T + nth * MS, WHO, Side::Buy, 5_000, 1_990);
        }
    });
    assert_eq!(story.suspects(by_value), [WHO]);
}

#[test]
fn the_largest_order_stands_in_for_a_limit_at_one_price() {
    let at_one_price = told(|story| {
        (0..6).for_each(|nth| _ = story.enter(T + nth * MS, WHO, Side::Buy, PRICE - 1, 400));
    });
    let alerts = at_one_price.alerts(Safeguards::default());
    assert_eq!((alerts.len(), alerts[0].severity), (1, Severity::Low));
    let ladder = told(|story| pieces(story, 12, 400, 33 * MS));
    assert!(ladder.alerts(Safeguards::default()).is_empty(), "a ladder is no order in pieces");
    let never = Safeguards { infers_limit: 0, ..Safeguards::default() };
    assert!(at_one_price.alerts(never).is_empty());
}

#[test]
fn the_canary_is_as_near_to_the_limit_as_it_takes() {
    let by_value = Safeguards { value_max: 5_000_000.0, ..Safeguards::default() };
    for pattern in [Safeguards::default(), limited(), by_value] {
        let story = pattern.canary().unwrap();
        assert_eq!(story.suspects(pattern), [9]);
    }
    let blind = Safeguards { infers_limit: 0, ..Safeguards::default() };
    assert!(blind.canary().is_none(), "there is no limit to be near to");
}

#[test]
fn what_stands_at_first_is_allowed_too() {
    let seen_late = |standing: u64| {
        let mut story = Story::new();
        story.phase(T - S, Phase::Continuous);
        for nth in 1..=600 {
            let order = Order::new(OrderId(1_000_000 + nth), Price(PRICE + 5), Quantity(standing));
            let told = Event::new(SubjectId(0), Nanos(0), order);
            story.event(T - S, told.with_flags(Flags::SNAPSHOT | Flags::of(Side::Sell)));
        }
        (0..6).for_each(|nth| _ = story.enter(T + nth * MS, WHO, Side::Buy, PRICE - 1, 400));
        story
    };
    assert_eq!(seen_late(10).suspects(Safeguards::default()), [WHO]);
    assert_eq!(seen_late(4_000).suspects(Safeguards::default()), []);
}

#[test]
fn all_together_are_several_times_the_limit() {
    let two_are_enough = Safeguards { orders_min: 2, ..limited() };
    let alerts = |count| told(|story| pieces(story, count, 990, MS)).alerts(two_are_enough.clone());
    assert_eq!(alerts(3).len(), 0, "2.97 times");
    assert_eq!(alerts(4).len(), 1);
}

#[test]
fn who_brings_the_market_to_a_stop_after_each_reset() {
    let story = told(|story| walks(story, 3, 10 * S, 0));
    let alerts = story.alerts(limited());
    assert_eq!(story.suspects(limited()), [WHO]);
    assert_eq!(alerts[0].last_event_at, Nanos(T + 40 * MINUTE_NS + 11 * S), "with the third stop");
    survives(limited(), &story);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let refilled = |attributes: Attributes| {
        told(|story| {
            for nth in 0..12 {
                let at = T + nth * 33 * MS;
                let bid = story.enter_as(at, WHO, Side::Buy, PRICE, 990, attributes);
                story.fill(at + 33 * MS, bid, PRICE, 990, OTHER);
            }
        })
    };
    let near_misses = [
        ("a venue refills an iceberg as it fills", refilled(Attributes::NONE)),
        ("the feed tells that it is one", refilled(Attributes::ICEBERG)),
        ("four orders", told(|story| pieces(story, 4, 990, 33 * MS))),
        ("twelve orders, one a second", told(|story| pieces(story, 12, 990, S))),
        ("twelve orders of half the limit", told(|story| pieces(story, 12, 500, 33 * MS))),
        ("twelve orders beyond the limit", told(|story| pieces(story, 12, 1_100, 33 * MS))),
        ("two stops", told(|story| walks(story, 2, 10 * S, 0))),
        (
            "three stops, each a while after the reset",
            told(|story| walks(story, 3, 6 * MINUTE_NS, 0)),
        ),
        ("others do most of it", told(|story| walks(story, 3, 10 * S, 200))),
    ];
    each_condition_matters(&limited(), &near_misses);
}
