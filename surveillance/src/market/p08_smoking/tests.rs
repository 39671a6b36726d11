//! The catalogue's cases, and near misses that each miss one condition.

use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};

const SMOKER: u32 = 9;
const PEER: u32 = 7;
const BROKER: u32 = 8;
const MACHINE: u32 = 150;
const T: u64 = Story::BEGIN + 10 * S;
const EVERY: u64 = 10 * S;

/// A market whose makers' first three offers are gone, so that a quote has room before them.
fn thin() -> Story {
    let mut story = Story::quiet();
    story.sweep(T - 6 * S, 131, Side::Sell, 3 * Story::LEVEL);
    story
}

/// One of a series of approaches to a quote.
#[derive(Clone, Copy)]
struct Approach {
    quotes: u32,
    comes: u32,
    fades: bool,
    /// How long before the trade.
    before: u64,
    /// Whether the best bid rises first.
    rises: bool,
    /// Whether the quote is taken away where another of its owner's stands next, instead of amended.
    steps_back: bool,
}

const FADES: Approach = Approach {
    quotes: SMOKER,
    comes: BROKER,
    fades: true,
    before: 30 * MS,
    rises: false,
    steps_back: false,
};
const HONOURED: Approach = Approach { fades: false, ..FADES };

fn approach(story: &mut Story, at: u64, shape: Approach) {
    let (best, next) = (Story::ASK + 1, Story::ASK + 2);
    let quote = story.enter(at, shape.quotes, Side::Sell, best, 10);
    let trade_at = at + 200 * MS;
    let mut traded = (quote, best);
    let behind = story.enter(at, shape.quotes, Side::Sell, next, 10);
    if shape.rises {
        let bid = story.enter(trade_at - shape.before - 10 * MS, 140, Side::Buy, Story::BID + 1, 5);
        story.cancel(at + S, bid);
    }
    if shape.fades && shape.steps_back {
        story.cancel(trade_at - shape.before, quote);
        traded = (behind, next);
    } else if shape.fades {
        story.amend(trade_at - shape.before, quote, next, 10);
        traded = (quote, next);
    }
    story.fill(trade_at, traded.0, traded.1, 2, shape.comes);
    story.fill(trade_at, traded.0, traded.1, 2, shape.comes);
    if !(shape.fades && shape.steps_back) {
        story.cancel(at + S, quote);
    }
    story.cancel(at + S, behind);
}

/// So many approaches of each shape, well mixed.
fn series(shapes: &[(u64, Approach)]) -> Story {
    let mut story = thin();
    let all: u64 = shapes.iter().map(|(count, _)| count).sum();
    let mut done = vec![0; shapes.len()];
    for nth in 0..all {
        let due = |place: &usize| {
            let (count, _) = shapes[*place];
            (nth + 1) as f64 * count as f64 / all as f64 - done[*place] as f64
        };
        let place = (0..shapes.len()).max_by(|one, other| due(one).total_cmp(&due(other))).unwrap();
        done[place] += 1;
        approach(&mut story, T + nth * EVERY, shapes[place].1);
    }
    story
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
