//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

#[test]
fn a_sixth_of_the_volume_lifts_the_price_and_goes_six_seconds_before_the_end() {
    let story = auction(|story| {
        story.enter(END - 250 * S, OTHER + 5, Side::Buy, 10_200, 100);
        lift(story, 240 * S, 240, 6 * S);
        let sale = story.enter(END - 200 * S, MOVER, Side::Sell, 9_950, 100);
        story.fill(END + MS, sale, 10_000, 100, OTHER + 3);
    });
    let alerts = story.alerts(AuctionPrice::default());
    assert_eq!((alerts.len(), story.suspects(AuctionPrice::default())), (1, vec![MOVER]));
    let alert = &alerts[0];
    assert_eq!(alert.last_event_at, Nanos(END + 5 * S));
    let impact = alert.conditions.iter().nth(4).map(|condition| (condition.name, condition.value));
    assert_eq!(impact.map(|(name, pct)| (name, (pct * 10.0).round())), Some(("impact_pct", 9.0)));
    assert!(alert.score > 50.0, "{}", alert.score);
    survives(AuctionPrice::default(), &story);
}

#[test]
fn an_offer_is_moved_away_before_the_open() {
    let mut story = Story::new();
    story.phase(BEGIN - S, Phase::PreOpen);
    story.enter(BEGIN, OTHER, Side::Sell, 9_800, 1_000);
    for (nth, (price, quantity)) in [(10_050, 900), (9_990, 300), (9_900, 400)].iter().enumerate() {
        story.enter(BEGIN + nth as u64, OTHER + 1, Side::Buy, *price, *quantity);
    }
    let offer = story.enter(END - 150 * S, MOVER, Side::Sell, 9_800, 320);
    story.amend(END - 20 * S, offer, 11_000, 320);
    story.phase(END, Phase::Continuous);
    story.enter(END + 60 * S, OTHER, Side::Buy, 9_000, 1);
    assert_eq!(story.suspects(AuctionPrice::default()), [MOVER]);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        (
            "it goes a minute and a half before",
            auction(|story| _ = lift(story, 240 * S, 240, 90 * S)),
        ),
        ("it was there for half a minute", auction(|story| _ = lift(story, 40 * S, 240, 6 * S))),
        (
            "it is small",
            auction(|story| {
                story.enter(BEGIN + S, OTHER + 5, Side::Buy, 10_200, 150);
                lift(story, 240 * S, 90, 6 * S);
            }),
        ),
        ("the price is the same without it", auction(|story| _ = lift(story, 240 * S, 180, 6 * S))),
        ("the price differs by little", {
            let mut story = Story::new();
            story.phase(BEGIN - S, Phase::Auction);
            story.enter(BEGIN, OTHER, Side::Sell, 9_990, 1_200);
            story.enter(BEGIN, OTHER, Side::Sell, 10_020, 400);
            story.enter(BEGIN, OTHER + 1, Side::Buy, 10_200, 1_200);
            lift(&mut story, 240 * S, 240, 6 * S);
            story.phase(END, Phase::Continuous);
            story
        }),
        ("the price differs by two large ticks", {
            let mut story = Story::new();
            story.phase(BEGIN - S, Phase::Auction);
            story.enter(BEGIN, OTHER, Side::Sell, 200, 1_200);
            story.enter(BEGIN, OTHER, Side::Sell, 202, 400);
            story.enter(BEGIN, OTHER + 1, Side::Buy, 220, 1_200);
            let bid = story.enter(END - 240 * S, MOVER, Side::Buy, 220, 240);
            story.cancel(END - 6 * S, bid);
            story.phase(END, Phase::Continuous);
            story
        }),
        (
            "it comes back at once",
            auction(|story| {
                lift(story, 240 * S, 240, 6 * S);
                story.enter(END - 6 * S + 300 * MS, MOVER, Side::Buy, 10_200, 240);
            }),
        ),
        ("the price had fallen before", {
            let mut story = Story::new();
            story.phase(BEGIN - S, Phase::Auction);
            for (nth, (price, quantity)) in
                [(10_000, 400), (10_090, 400), (10_300, 2_000)].iter().enumerate()
            {
                story.enter(BEGIN, OTHER + nth as u32, Side::Sell, *price, *quantity);
            }
            story.enter(BEGIN, OTHER + 3, Side::Buy, 10_400, 1_200);
            let bid = story.enter(END - 240 * S, MOVER, Side::Buy, 10_400, 240);
            story.enter(END - 40 * S, OTHER + 4, Side::Sell, 9_950, 1_000);
            story.cancel(END - 6 * S, bid);
            story.phase(END, Phase::Continuous);
            story
        }),
        (
            "it is reduced, and what is left of it trades",
            auction(|story| {
                let bid = story.enter(END - 240 * S, MOVER, Side::Buy, 10_200, 480);
                story.enter(END - 230 * S, OTHER + 6, Side::Sell, 9_950, 240);
                story.amend(END - 12 * S, bid, 10_200, 240);
                story.fill(END + MS, bid, 10_000, 240, OTHER);
            }),
        ),
    ];
    each_condition_matters(&AuctionPrice::default(), &near_misses);
}
