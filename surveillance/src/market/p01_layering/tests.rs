//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};
use engine_observer::Degraded;

fn story(tell: impl Fn(&mut Story, u64)) -> Story {
    let mut story = Story::quiet();
    (0..3).for_each(|minute| tell(&mut story, T + minute * 60 * S));
    story
}

#[test]
fn coscia_buys_17_against_three_large_orders_and_turns_round() {
    let mut story = Story::quiet();
    for cycle in 0..3 {
        let at = T + cycle * 10 * S;
        for (side, best, layer) in
            [(Side::Buy, Story::BID, Story::ASK), (Side::Sell, Story::ASK, Story::BID)]
        {
            let at = if side == Side::Buy { at } else { at + 700 * MS };
            let away = if side == Side::Buy { 1 } else { -1 };
            let small = story.enter(at, SPOOFER, side, best, 17);
            let large: Vec<_> = [1, 2, 3]
                .map(|step| {
                    let at = at + 50 * MS * step as u64;
                    story.enter(at, SPOOFER, side.opposite(), layer + away * step, 45)
                })
                .into();
            story.fill(at + 400 * MS, small, best, 17, VICTIM);
            large.into_iter().for_each(|order| story.cancel(at + 609 * MS, order));
        }
    }
    let alerts = story.alerts(Layering::default());
    assert_eq!(story.suspects(Layering::default()), [SPOOFER]);
    let first = &alerts[0];
    assert_eq!((first.episodes, first.orders.len(), first.severity), (3, 4, Severity::Critical));
    assert_eq!(first.last_event_at, Nanos(T + 10 * S + 609 * MS), "on the very cancellation");
}

#[test]
fn five_layers_bring_a_small_bid_its_fill() {
    let story = story(|story, at| layered(story, at, 3, 20, 2 * S));
    let alerts = story.alerts(Layering::default());
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].score > 50.0, "{}", alerts[0].score);
    survives(Layering::default(), &story);
}

#[test]
fn layers_of_unknown_owners_are_found_where_that_is_asked_for() {
    let told = story(|story, at| layered(story, at, 3, 20, 2 * S)).anonymous();
    assert!(told.alerts(Layering::default()).is_empty(), "nobody asked");
    let anonymous = Layering { anonymous: 1, ..Layering::default() };
    let alerts = told.alerts(anonymous.clone());
    assert_eq!(alerts.len(), 1);
    let alert = &alerts[0];
    assert_eq!((alert.participants.iter().count(), alert.orders.len()), (0, 6));
    assert_eq!((alert.degraded, alert.severity), (Degraded::IDENTITY, Severity::Low));
    survives(anonymous.clone(), &told);
    let once = {
        let mut story = Story::quiet();
        layered(&mut story, T, 3, 60, 2 * S);
        story.anonymous()
    };
    assert!(once.alerts(anonymous.clone()).is_empty(), "one episode is never enough");
    let requoted = story(|story, at| maker(story, at, Attributes::NONE, true)).anonymous();
    assert!(requoted.alerts(anonymous.clone()).is_empty(), "both sides went");
    let small = story(|story, at| layered(story, at, 1, 5, 2 * S)).anonymous();
    assert!(small.alerts(anonymous).is_empty(), "what is not large is nobody's layer");
}

#[test]
fn orders_that_traded_as_they_came_were_not_taken_away() {
    let told = |settled: bool| {
        story(move |story, at| {
            let genuine = story.enter(at, SPOOFER, Side::Buy, Story::BID + 1, 3);
            let layers = [0, 1, 2]
                .map(|step| story.enter(at + S, SPOOFER, Side::Sell, Story::ASK + step, 40));
            story.fill(at + 8 * S, genuine, Story::BID + 1, 3, VICTIM);
            for order in layers {
                match settled {
                    true => story.spend(at + 10 * S, order),
                    false => story.cancel(at + 10 * S, order),
                }
            }
        })
    };
    assert_eq!(told(false).suspects(Layering::default()), [SPOOFER]);
    assert!(told(true).alerts(Layering::default()).is_empty());
    survives(Layering::default(), &told(true));
}

#[test]
fn orders_that_outweigh_everybody_need_no_repetition() {
    let mut story = Story::quiet();
    layered(&mut story, T, 3, 60, 2 * S);
    assert_eq!(story.alerts(Layering::default()).len(), 1);
}

/// A maker's ladder of five levels on both sides is hit, and quoted anew within 200 ms.
fn maker(story: &mut Story, at: u64, attributes: Attributes, takes_both: bool) {
    let mut quote = |side, step: u64| {
        let (best, away) = if side == Side::Buy { (Story::BID, -1) } else { (Story::ASK, 1) };
        let at = at + step * MS;
        story.enter_as(at, SPOOFER, side, best + away * step as i64, 60, attributes)
    };
    let bids: Vec<_> = (0..5).map(|step| quote(Side::Buy, step)).collect();
    let asks: Vec<_> = (0..5).map(|step| quote(Side::Sell, step)).collect();
    story.fill(at + S, bids[0], Story::BID, 10, VICTIM);
    asks.into_iter().for_each(|order| story.cancel(at + S + 100 * MS, order));
    for order in bids {
        let later = if takes_both { 200 * MS } else { 30 * S };
        story.cancel(at + S + later, order);
    }
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        (
            "a maker quotes both sides anew",
            story(|story, at| maker(story, at, Attributes::NONE, true)),
        ),
        (
            "a registered maker withdraws one side of a ladder",
            story(|story, at| {
                maker(story, at, Attributes::MARKET_MAKER, false);
            }),
        ),
        (
            "half of the layers trade",
            story(|story, at| {
                let genuine = story.enter(at, SPOOFER, Side::Buy, Story::BID + 1, 3);
                let layers: Vec<_> = (0..5)
                    .map(|step| story.enter(at + S, SPOOFER, Side::Sell, Story::ASK + step, 20))
                    .collect();
                story.fill(at + 2 * S, genuine, Story::BID + 1, 3, VICTIM);
                for (nth, order) in layers.into_iter().enumerate() {
                    match nth {
                        0 => story.fill(at + 3 * S, order, Story::ASK, 20, VICTIM),
                        _ => story.cancel(at + 4 * S, order),
                    }
                }
            }),
        ),
        (
            "the layers had gone 20 s before",
            story(|story, at| {
                let genuine = story.enter(at, SPOOFER, Side::Buy, Story::BID + 1, 3);
                let layer = story.enter(at + S, SPOOFER, Side::Sell, Story::ASK, 100);
                story.cancel(at + 2 * S, layer);
                story.fill(at + 22 * S, genuine, Story::BID + 1, 3, VICTIM);
            }),
        ),
        ("a large order of twelve minutes, after an unrelated small fill", {
            let mut story = Story::quiet();
            let large = story.enter(T, SPOOFER, Side::Sell, Story::ASK, 300);
            let small = story.enter(T + 710 * S, SPOOFER, Side::Buy, Story::BID, 3);
            story.fill(T + 712 * S, small, Story::BID, 3, VICTIM);
            story.cancel(T + 720 * S, large);
            story
        }),
        (
            "nothing ever fills",
            story(|story, at| {
                let layer = story.enter(at + S, SPOOFER, Side::Sell, Story::ASK, 100);
                story.cancel(at + 2 * S, layer);
            }),
        ),
        (
            "most of the layers stay",
            story(|story, at| {
                let genuine = story.enter(at, SPOOFER, Side::Buy, Story::BID + 1, 3);
                let layers = [0, 1]
                    .map(|step| story.enter(at + S, SPOOFER, Side::Sell, Story::ASK + step, 60));
                story.fill(at + 2 * S, genuine, Story::BID + 1, 3, VICTIM);
                story.cancel(at + 3 * S, layers[0]);
            }),
        ),
        (
            "the fill is as large as the layers",
            story(|story, at| layered(story, at, 50, 40, 2 * S)),
        ),
        ("the layers are few among many", story(|story, at| layered(story, at, 2, 8, 2 * S))),
        (
            "the market jumps against the layers",
            story(|story, at| {
                let genuine = story.enter(at, SPOOFER, Side::Buy, Story::BID + 1, 3);
                let layer = story.enter(at + S, SPOOFER, Side::Sell, Story::ASK + 9, 120);
                story.fill(at + 4 * S, genuine, Story::BID + 1, 3, VICTIM);
                story.sweep(at + 6 * S, 120, Side::Sell, 8 * Story::LEVEL);
                story.cancel(at + 7 * S, layer);
                story.stand(at + 30 * S, Side::Sell, 10);
            }),
        ),
        ("nobody's orders vanish long after a fill of which there are many", {
            let mut story = story(|story, at| layered(story, at + 200 * S, 3, 20, 8 * S));
            for second in (1..400).step_by(2) {
                let small = story.enter(T + second * S, VICTIM, Side::Buy, Story::BID, 1);
                story.fill(T + second * S + MS, small, Story::BID, 1, VICTIM);
            }
            story.anonymous()
        }),
    ];
    each_condition_matters(&Layering { anonymous: 1, ..Layering::default() }, &near_misses);
}
