//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::{HIDER, MID, PINGED, PINGER, Shape, T, pinged};
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

fn tell(shape: Shape) -> Story {
    pinged(Story::quiet(), shape)
}

#[test]
fn six_lots_at_the_mid_find_a_bid_and_five_thousand_follow() {
    let story = tell(PINGED);
    let alerts = story.alerts(PingOrders::default());
    assert_eq!(story.suspects(PingOrders::default()), [PINGER]);
    assert_eq!((alerts.len(), alerts[0].severity), (1, Severity::Low));
    assert_eq!(alerts[0].last_event_at, Nanos(T + 6 * S), "with the large order");
    assert_eq!(alerts[0].orders.len(), 7);
    survives(PingOrders::default(), &story);
    let strict = PingOrders { prices_min: 2, ..PingOrders::default() };
    assert!(story.alerts(strict).is_empty());
}

#[test]
fn probes_and_sequel_may_be_told_as_trades_alone() {
    let mut story = Story::quiet();
    for nth in 0..5 {
        story.print(T + nth * S, Side::Buy, MID, 1, (HIDER, PINGER));
    }
    for part in 0..4 {
        story.print(T + 5 * S + part * MS, Side::Buy, MID, 20, (HIDER, PINGER));
    }
    let alerts = story.alerts(PingOrders::default());
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].last_event_at, Nanos(T + 5 * S + 2 * MS), "60 of 5 at the third");
}

/// The large order meets sixty others of one each: none of these trades is a probe.
#[test]
fn what_comes_at_one_moment_is_one_however_it_is_told() {
    let told = |apart: u64| {
        let mut story = Story::quiet();
        for nth in 0..5 {
            story.print(T + nth * S, Side::Buy, MID, 1, (HIDER, PINGER));
        }
        for part in 0..60 {
            story.print(T + 5 * S + part * apart, Side::Buy, MID, 1, (HIDER, PINGER));
        }
        story
    };
    let story = told(0);
    let alerts = story.alerts(PingOrders::default());
    assert_eq!(alerts.len(), 1);
    let large = alerts[0].orders.iter().last().unwrap();
    assert_eq!((alerts[0].orders.len(), large.quantity.0), (6, 50), "ten times what was probed");
    survives(PingOrders::default(), &story);
    assert!(told(MS).alerts(PingOrders::default()).is_empty(), "sixty probes");
}

#[test]
fn probes_may_be_orders_that_are_taken_away_at_once() {
    let probed = |life: u64| {
        let mut story = Story::quiet();
        for nth in 0..5 {
            let at = T + nth * S;
            let probe = story.enter(at, PINGER, Side::Sell, Story::ASK - 1 + nth as i64 % 2, 1);
            story.cancel(at + life, probe);
        }
        story.print(T + 5 * S, Side::Buy, MID, 1, (HIDER, PINGER));
        story.enter(T + 6 * S, PINGER, Side::Sell, MID, 70);
        story.suspects(PingOrders::default())
    };
    assert_eq!([probed(50 * MS), probed(200 * MS)], [vec![PINGER], vec![]]);
}

#[test]
fn half_of_the_quantities_is_enough() {
    let half = Shape { sizes: &[1, 2, 1, 2, 1], found: 1, follow: 80, after: 1_500 * MS, ..PINGED };
    assert_eq!(tell(half).suspects(PingOrders::default()), [PINGER]);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let retail = || {
        let mut story = Story::quiet();
        for nth in 0..5 {
            let offer = story.enter(T + nth * S, 101, Side::Sell, Story::ASK, 1);
            story.fill(T + nth * S + MS, offer, Story::ASK, 1, PINGER);
        }
        story
    };
    let near_misses = [
        ("a retail trader buys one share five times", retail()),
        (
            "a router works through one order of 100",
            tell(Shape { sizes: &[2, 2, 1, 1, 1, 1], follow: 92, ..PINGED }),
        ),
        ("four probes", tell(Shape { sizes: &[1, 1, 1, 1], ..PINGED })),
        ("one probe every seven seconds", tell(Shape { every: 7 * S, ..PINGED })),
        ("larger ones", tell(Shape { sizes: &[10, 10, 10, 10, 10, 10], ..PINGED })),
        ("nothing is found", tell(Shape { found: 0, ..PINGED })),
        ("the sequel comes after four seconds", tell(Shape { after: 4 * S, ..PINGED })),
        ("the sequel is eight times as much", tell(Shape { follow: 48, ..PINGED })),
        ("the sequel buys", tell(Shape { side: Side::Buy, price: MID, ..PINGED })),
        ("the sequel stands behind", tell(Shape { price: MID + 4, ..PINGED })),
    ];
    each_condition_matters(&PingOrders::default(), &near_misses);
}
