//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

const PEER: u32 = 7;
const MACHINE: u32 = 150;

fn series(shapes: &[(u64, Approach)]) -> Story {
    series_in(Story::quiet(), shapes)
}

/// A machine's orders far from the touch, four messages a second.
fn with_machine(mut story: Story, approaches: u64) -> Story {
    for half in 0..approaches * EVERY / S * 2 {
        let at = T + half * S / 2;
        let order = story.enter(at, MACHINE, Side::Buy, Story::BID - 9, 1);
        story.cancel(at + 100 * MS, order);
    }
    story
}

#[test]
fn forty_one_of_52_retail_orders_get_a_tick_less() {
    let story = series(&[(41, FADES), (11, HONOURED)]);
    let alerts = story.alerts(Smoking::default());
    assert_eq!(story.suspects(Smoking::default()), [SMOKER]);
    assert_eq!(alerts.len(), 1);
    let value = |name| alerts[0].conditions.iter().find(|one| one.name == name).unwrap().value;
    assert!(value("approaches") >= 30.0 && (0.75..0.85).contains(&value("fade_rate")));
    assert_eq!(alerts[0].severity, Severity::Medium);
    survives(Smoking::default(), &story);
}

#[test]
fn a_quote_may_also_step_back_to_another_of_its_owners() {
    let story = series(&[(41, Approach { steps_back: true, ..FADES }), (11, HONOURED)]);
    assert_eq!(story.suspects(Smoking::default()), [SMOKER]);
}

#[test]
fn an_approach_in_parts_is_one() {
    let story = series(&[(14, FADES), (4, HONOURED)]);
    assert!(story.alerts(Smoking::default()).is_empty(), "36 trades, 18 approaches");
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let machine = |shape| Approach { comes: MACHINE, ..shape };
    let peer = |shape| Approach { quotes: PEER, ..shape };
    let rises = |shape| Approach { rises: true, ..shape };
    let near_misses = [
        ("24 approaches", series(&[(20, FADES), (4, HONOURED)])),
        ("less than half fade", series(&[(22, FADES), (30, HONOURED)])),
        (
            "others' quotes fade as often",
            with_machine(
                series(&[
                    (41, FADES),
                    (11, HONOURED),
                    (10, machine(HONOURED)),
                    (15, peer(FADES)),
                    (6, peer(HONOURED)),
                ]),
                83,
            ),
        ),
        (
            "the fast meet fades as often",
            with_machine(
                series(&[(31, FADES), (8, HONOURED), (12, machine(FADES)), (3, machine(HONOURED))]),
                54,
            ),
        ),
        (
            "the price had moved first nine times of ten",
            series(&[(37, rises(FADES)), (4, FADES), (11, HONOURED)]),
        ),
        (
            "the quotes go long before",
            series(&[(41, Approach { before: 100 * MS, ..FADES }), (11, HONOURED)]),
        ),
    ];
    each_condition_matters(&Smoking::default(), &near_misses);
}
