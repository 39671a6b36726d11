//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

fn story(told: Told) -> Story {
    let mut story = calm();
    tell(&mut story, told);
    story
}

#[test]
fn six_refills_absorb_two_fifths_of_the_day() {
    let story = story(WHOLE);
    let alerts = story.alerts(FloorOrCeiling::default());
    assert_eq!((alerts.len(), story.suspects(FloorOrCeiling::default())), (1, vec![HOLDER]));
    let alert = &alerts[0];
    assert_eq!(alert.last_event_at, Nanos(T + 960 * S), "with the sixth refill");
    let refills = alert.conditions.iter().find(|condition| condition.name == "refills");
    let of_day = alert.features.iter().nth(5).unwrap().value;
    assert_eq!(refills.unwrap().value, 6.0);
    assert!((0.35..0.45).contains(&of_day), "{of_day}");
    assert!(alert.score > 60.0, "{}", alert.score);
    survives(FloorOrCeiling::default(), &story);
}

#[test]
fn an_iceberg_holds_a_ceiling_by_half() {
    let mut story = calm();
    let offer = story.enter_as(T, HOLDER, Side::Sell, Story::ASK, 1_000, Attributes::ICEBERG);
    for nth in 0..11 {
        story.fill(T + S + nth * 100 * S, offer, Story::ASK, 60, SELLER);
        let bid = story.enter(T + 2 * S + nth * 100 * S, SELLER, Side::Buy, Story::BID, 30);
        story.fill(T + 3 * S + nth * 100 * S, bid, Story::BID, 30, SELLER + 1);
    }
    assert_eq!(story.suspects(FloorOrCeiling::default()), [HOLDER]);
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("a fund buys at its limit for clients", {
            story(Told { attributes: Attributes::CLIENT, ..WHOLE })
        }),
        ("it lasts ten minutes", story(Told { apart: 90 * S, ..WHOLE })),
        ("the price goes elsewhere in between", {
            let mut story = story(WHOLE);
            story.sweep(T + 400 * S, SELLER + 3, Side::Sell, 4 * Story::LEVEL);
            story.enter(T + 400 * S, SELLER, Side::Buy, Story::ASK + 3, 20);
            story.sweep(T + 500 * S, SELLER + 3, Side::Sell, 5 * Story::LEVEL);
            story
        }),
        ("it is renewed four times", story(Told { orders: 5, apart: 250 * S, ..WHOLE })),
        ("others take as much", story(Told { others: 240, ..WHOLE })),
        ("as much is bought as sold", story(Told { bought: 150, ..WHOLE })),
        ("flow is usually as large", {
            let mut story = calm();
            for minute in 0..60 {
                let at = T - 3_590 * S + minute * 60 * S;
                let side = if minute % 2 == 0 { Side::Buy } else { Side::Sell };
                let price = if side == Side::Buy { Story::BID } else { Story::ASK };
                let order = story.enter(at, SELLER + 5, side, price, 900);
                story.fill(at + MS, order, price, 900, SELLER + 6);
            }
            tell(&mut story, WHOLE);
            story
        }),
        ("a maker, who sells it again", {
            let mut story = story(WHOLE);
            for nth in 0..7 {
                let at = T + 20 * S + nth * 160 * S;
                let offer = story.enter(at, HOLDER, Side::Sell, Story::ASK, 122);
                story.fill(at + S, offer, Story::ASK, 122, SELLER + 3);
            }
            story
        }),
        ("somebody who buys lower too", {
            let mut story = story(WHOLE);
            for nth in 0..7 {
                let at = T + 20 * S + nth * 160 * S;
                let bid = story.enter(at, HOLDER, Side::Buy, Story::BID - 4, 120);
                story.fill(at + S, bid, Story::BID - 4, 120, SELLER + 3);
            }
            story
        }),
    ];
    each_condition_matters(&FloorOrCeiling::default(), &near_misses);
}
