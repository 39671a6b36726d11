//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

const OTHER_DESK: u32 = 10;

fn times(times: u64, shape: Shape) -> Story {
    let mut story = Story::quiet();
    (0..times).for_each(|nth| flip(&mut story, T + nth * 150 * S, shape));
    story
}

#[test]
fn oystacher_flips_400_bid_into_260_sold_four_times_in_ten_minutes() {
    let story = times(4, OYSTACHER);
    let alerts = story.alerts(Flip::default());
    assert_eq!(story.suspects(Flip::default()), [FLIPPER]);
    let told: Vec<_> = alerts.iter().map(|alert| alert.episodes).collect();
    assert_eq!(told, [1, 3], "at once, because of its size, and again with the third");
    let first = &alerts[0];
    assert_eq!(first.severity, Severity::High);
    assert_eq!(first.last_event_at, Nanos(T + 2_100 * MS), "on the very sale");
    assert_eq!(first.conditions.iter().find(|one| one.name == "flip_share").unwrap().value, 0.65);
    let parts: Vec<_> = first.orders.iter().map(|one| (one.part, one.quantity.0)).collect();
    assert_eq!(parts, [(Part::Deceptive, 400), (Part::Genuine, 260)]);
    assert_eq!(alerts[1].severity, Severity::Critical);
    survives(Flip::default(), &story);
}

#[test]
fn the_sale_may_come_before_the_bid_goes() {
    let mut story = Story::quiet();
    flip(&mut story, T, Shape { delay: -200 * MS as i64, ..OYSTACHER });
    assert_eq!(story.alerts(Flip::default()).len(), 1);
    survives(Flip::default(), &story);
}

#[test]
fn half_of_the_quantities_is_enough() {
    let half = Shape { bid: 180, sells: 58, life: 4 * S, delay: 250 * MS as i64, ..OYSTACHER };
    assert_eq!(times(3, half).alerts(Flip::default())[0].episodes, 1);
}

#[test]
fn a_flip_of_usual_size_needs_repetition() {
    let usual = Shape { bid: 18, sells: 10, ..OYSTACHER };
    let above = |times: u64| {
        let mut story = Story::quiet();
        for nth in 0..times {
            let at = T + nth * 60 * S;
            let thin: Vec<_> = [(Story::BID + 1, 5)]
                .map(|(price, size)| story.enter(at - S, 101, Side::Buy, price, size))
                .into();
            let bid = story.enter(at, FLIPPER, Side::Buy, Story::BID + 1, usual.bid);
            let joined = story.enter(at + S, JOINER, Side::Buy, Story::BID + 1, 12);
            story.cancel(at + 2 * S, bid);
            story.fill(at + 2 * S + 50 * MS, joined, Story::BID + 1, usual.sells, FLIPPER);
            story.cancel(at + 5 * S, joined);
            thin.into_iter().for_each(|order| story.cancel(at + 5 * S, order));
        }
        let alerts = story.alerts(Flip::default());
        alerts.iter().map(|alert| alert.episodes).collect::<Vec<_>>()
    };
    assert_eq!([above(2), above(3)], [vec![], vec![3]]);
}

#[test]
fn two_desks_that_meet_by_accident_meet_once() {
    let desks = |times: u64| {
        let mut story = Story::quiet();
        story.are_one(&[FLIPPER, OTHER_DESK]);
        let shape = Shape { seller: OTHER_DESK, ..OYSTACHER };
        (0..times).for_each(|nth| flip(&mut story, T + nth * 150 * S, shape));
        story.alerts(Flip::default()).iter().map(|alert| alert.episodes).collect::<Vec<_>>()
    };
    assert_eq!([desks(1), desks(2), desks(3)], [vec![], vec![], vec![3]]);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("a bid of 45 minutes, and a sale at its price", {
            let mut story = Story::quiet();
            flip(&mut story, T, Shape { life: 2_700 * S, ..OYSTACHER });
            story
        }),
        ("the bid stands three ticks below", times(4, Shape { below: 3, ..OYSTACHER })),
        ("the bid is half of the level", times(4, Shape { bid: 90, ..OYSTACHER })),
        ("a fifth of the bid trades", times(4, Shape { trades: 80, ..OYSTACHER })),
        ("the sale comes a second later", times(4, Shape { delay: S as i64, ..OYSTACHER })),
        ("the sale is three ticks lower", times(4, Shape { lower: 3, ..OYSTACHER })),
        ("the sale is a tenth of the bid", times(4, Shape { sells: 40, ..OYSTACHER })),
        ("who takes bids away all day and sells all day", {
            let mut story = Story::quiet();
            for nth in 0..400 {
                let sells_at = T + nth * 1_100 * MS;
                story.sweep(sells_at, FLIPPER, Side::Buy, 30);
                story.stand(sells_at + MS, Side::Buy, 1);
            }
            for nth in 0..60 {
                let at = T + 200 * S + nth * 3_700 * MS;
                let bid = story.enter(at, FLIPPER, Side::Buy, Story::BID, 100);
                story.cancel(at + 300 * MS, bid);
            }
            story
        }),
        ("somebody else sells", times(4, Shape { seller: 77, ..OYSTACHER })),
        ("the offers fall by eight ticks", times(4, Shape { falls: 8, ..OYSTACHER })),
    ];
    each_condition_matters(&Flip::default(), &near_misses);
}
