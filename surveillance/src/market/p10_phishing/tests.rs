//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::{DAY, FISHER, HIDER, PHISHED, Shape, T, phished};
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

fn tell(shape: Shape) -> Story {
    phished(Story::quiet(), shape)
}

#[test]
fn one_lot_shows_an_offer_that_refills_and_fifty_are_sold_in_front_of_it() {
    let story = tell(PHISHED);
    let alerts = story.alerts(Phishing::default());
    assert_eq!(story.suspects(Phishing::default()), [FISHER]);
    assert_eq!(
        alerts[0].last_event_at,
        Nanos(T + 2 * DAY + 62 * S),
        "the third day, after a minute"
    );
    let gained = alerts[0].conditions.iter().find(|one| one.name == "profit_spreads").unwrap();
    assert!(gained.value >= 1.5, "{}", gained.value);
    survives(Phishing::default(), &story);
}

#[test]
fn an_offer_that_stands_anew_at_once_is_a_reveal_too() {
    let mut story = Story::quiet();
    for nth in 0..3 {
        let at = T + nth * 300 * S;
        let part = story.enter(at, HIDER, Side::Sell, Story::ASK - 1, 2);
        story.fill(at + S, part, Story::ASK - 1, 2, FISHER);
        let next = story.enter(at + S + 2 * MS, HIDER, Side::Sell, Story::ASK - 1, 2);
        let bid = Story::BID;
        let bought = story.enter(at + 2 * S, 101, Side::Buy, bid, 30);
        story.fill(at + 2 * S + MS, bought, bid, 6, FISHER);
        story.fill(at + 2 * S + MS, bought, bid, 6, FISHER);
        story.cancel(at + 3 * S, bought);
        story.sweep(at + 30 * S, 131, Side::Buy, 8 * Story::LEVEL);
        story.cancel(at + 90 * S, next);
        story.stand(at + 100 * S, Side::Buy, 10);
    }
    assert_eq!(story.suspects(Phishing::default()), [FISHER]);
}

#[test]
fn half_of_the_quantities_is_enough() {
    let half = Shape { times: 3, every: 600 * S, sequel: 25, falls: 4, after: 3 * S, ..PHISHED };
    assert_eq!(tell(half).suspects(Phishing::default()), [FISHER]);
}

#[test]
fn what_lies_six_days_back_is_over() {
    let story = tell(Shape { times: 4, every: 3 * DAY, ..PHISHED });
    assert!(story.alerts(Phishing::default()).is_empty(), "never three within five days");
}

/// Bid and offer fall by eight ticks and come back, every two minutes.
fn restless() -> Story {
    let mut story = Story::quiet();
    for turn in 0..28 {
        let at = T + turn * 120 * S;
        story.sweep(at, 131, Side::Buy, 8 * Story::LEVEL);
        let offer = story.enter(at + MS, 140, Side::Sell, Story::ASK - 8, 5);
        story.cancel(at + 60 * S, offer);
        story.stand(at + 60 * S, Side::Buy, 10);
    }
    story
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let often = Shape { every: 300 * S, ..PHISHED };
    let near_misses = [
        ("no sequel", tell(Shape { after: 40 * S, ..often })),
        (
            "the iceberg is found, and more bought from it",
            tell(Shape { side: Side::Buy, price: Story::ASK - 1, ..often }),
        ),
        ("behind what was revealed", tell(Shape { price: Story::ASK + 3, ..often })),
        ("two", tell(Shape { times: 2, ..often })),
        ("the price does not follow", tell(Shape { hits: 0, ..often })),
        ("it follows by a quarter of a spread", tell(Shape { falls: 1, ..often })),
        ("the sequel is four times as much", tell(Shape { sequel: 4, ..often })),
        ("the sequel comes after eight seconds", tell(Shape { after: 8 * S, ..often })),
        ("a large trade reveals", tell(Shape { reveal: 20, sequel: 120, ..often })),
        (
            "the price falls like that anyway",
            phished(restless(), Shape { begin: T + 3_400 * S, times: 3, ..often }),
        ),
        ("a plain order", tell(Shape { shows: Attributes::NONE, ..often })),
    ];
    each_condition_matters(&Phishing::default(), &near_misses);
}
