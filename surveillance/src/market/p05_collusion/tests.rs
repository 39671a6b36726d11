//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

fn tell(shape: Shape) -> Story {
    met(Story::quiet(), shape)
}

#[test]
fn two_who_never_meet_otherwise_meet_nine_times() {
    let story = tell(MEETINGS);
    let alerts = story.alerts(Collusion::default());
    assert_eq!(story.suspects(Collusion::default()), [SHOWER, TRADER]);
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].last_event_at, Nanos(T + 4 * 120 * S + 7 * S), "the fifth time");
    assert_eq!(alerts[0].participants.iter().next().map(|who| who.0.get()), Some(TRADER));
    let confidence = alerts[0].features.iter().find(|one| one.name == "confidence");
    assert!(confidence.is_some_and(|one| one.value > 0.999));
    survives(Collusion::default(), &story);
}

#[test]
fn half_of_the_quantities_is_enough() {
    let half = Shape { times: 6, size: 17, ..MEETINGS };
    assert_eq!(tell(half).suspects(Collusion::default()), [SHOWER, TRADER]);
}

#[test]
fn meetings_that_go_on_are_told_again_when_they_have_doubled() {
    let story = tell(Shape { times: 25, ..MEETINGS });
    let told: Vec<_> = story.alerts(Collusion::default()).iter().map(|one| one.episodes).collect();
    assert_eq!(told, [1, 3], "at 5, 10 and 20 meetings");
}

/// A retail account is filled 200 times while the largest maker's ladder is always on.
fn dominant_maker() -> Story {
    let mut story = Story::quiet();
    let quote = |story: &mut Story, at: u64| -> Vec<OrderId> {
        (0..5).map(|step| story.enter(at, SHOWER, Side::Sell, Story::ASK + step, 30)).collect()
    };
    let mut ladder = quote(&mut story, Story::BEGIN - 3_590 * S);
    for nth in 0..200 {
        let at = T + nth * 20 * S;
        let bid = story.enter(at, TRADER, Side::Buy, Story::BID + 1, 3);
        story.fill(at + 5 * S, bid, Story::BID + 1, 3, RETAIL);
        let old = std::mem::replace(&mut ladder, quote(&mut story, at + 7 * S));
        old.into_iter().for_each(|order| story.cancel(at + 7 * S + MS, order));
    }
    story
}

/// The spread is eight ticks wide; somebody bids one tick below the middle, another sells there.
#[derive(Clone, Copy)]
struct Lure {
    times: u64,
    /// How many levels of bids are gone.
    wide: u64,
    bid: i64,
    /// When the sale comes, and when the bid goes.
    sale: u64,
    goes: u64,
    /// Who buys.
    buyer: u32,
}

const LURE: Lure =
    Lure { times: 5, wide: 6, bid: Story::BID - 2, sale: S, goes: 3 * S, buyer: RETAIL };

fn lured(shape: Lure) -> Story {
    let mut story = Story::quiet();
    for nth in 0..shape.times {
        let at = T + nth * 200 * S;
        story.sweep(at - S, 131, Side::Buy, shape.wide * Story::LEVEL);
        let bid = story.enter(at, SHOWER, Side::Buy, shape.bid, 5);
        story.print(at + shape.sale, Side::Buy, shape.bid, 20, (shape.buyer, TRADER));
        story.cancel(at + shape.goes, bid);
        story.stand(at + 30 * S, Side::Buy, 10);
    }
    story
}

#[test]
fn a_price_that_exists_for_three_seconds_brings_five_sales() {
    let story = lured(LURE);
    let alerts = story.alerts(Collusion::default());
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (alerts[0].episodes, story.suspects(Collusion::default())),
        (5, vec![SHOWER, TRADER])
    );
    assert_eq!(alerts[0].last_event_at, Nanos(T + 4 * 200 * S + 3 * S), "when the bid goes");
    survives(Collusion::default(), &story);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("the largest maker is always there", dominant_maker()),
        ("four meetings", tell(Shape { times: 4, ..MEETINGS })),
        ("small layers", tell(Shape { size: 12, ..MEETINGS })),
        (
            "the layers are there for a sixth of the time",
            tell(Shape { times: 25, before: 800 * S, ..MEETINGS }),
        ),
        (
            "five meetings where a quarter is expected",
            tell(Shape { times: 5, every: 15 * S, before: 135 * S, ..MEETINGS }),
        ),
        ("a hundred fills besides", tell(Shape { alone: 200, before: 60 * S, ..MEETINGS })),
        ("the layers stay", tell(Shape { times: 6, stay: 14 * S, ..MEETINGS })),
        ("four lures", lured(Lure { times: 4, ..LURE })),
        ("the price is five seconds old", lured(Lure { sale: 5 * S, goes: 7 * S, ..LURE })),
        ("the spread is twice the usual one", lured(Lure { wide: 2, bid: Story::BID, ..LURE })),
        ("it is narrowed by an eighth", lured(Lure { bid: Story::BID - 5, ..LURE })),
        ("it stays narrow", lured(Lure { goes: 12 * S, ..LURE })),
        ("the bid itself trades", lured(Lure { buyer: SHOWER, ..LURE })),
    ];
    each_condition_matters(&Collusion::default(), &near_misses);
}
