//! The catalogue's cases, and near misses that each miss one condition.

use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};
use engine_observer::event::OrderId;
use engine_observer::event::body::Phase;

const LAYERER: u32 = 9;
const T: u64 = Story::BEGIN + 10 * S;

/// 6 May 2010 as alleged, in quarter points and seconds after 11:17:38.782: the price falls by 361
/// hundredths of a percent until 13:40:12.553.
fn sarao() -> (Story, u64) {
    let (begin, lasts) = (3_600 * S, 8_553_771 * MS);
    let mut story = Story::new();
    story.phase(S, Phase::Continuous);
    let falls = 167;
    let best_ask = |at: u64| 4_623 - ((at - begin) * falls / lasts) as i64;
    let mut sides = [[OrderId(0); 10]; 2];
    for level in 0..10_i64 {
        let place = level as usize;
        sides[0][place] = story.enter(2 * S, 101, Side::Buy, 4_622 - level, 1_000);
        sides[1][place] = story.enter(2 * S, 102, Side::Sell, 4_623 + level, 1_000);
    }
    // Before it begins the market knows how large orders usually are.
    for second in 0..3_600_u64 {
        let at = 3 * S + second * (begin - 10 * S) / 3_600;
        let order = story.enter(at, 111 + (second % 20) as u32, Side::Buy, 4_610, 1 + second % 20);
        story.cancel(at + 500 * MS, order);
    }
    for step in 1..=falls {
        let at = begin + step * lasts / falls - S;
        for side in [Side::Buy, Side::Sell] {
            for level in 0..10 {
                let best = best_ask(at + S);
                let price = match side {
                    Side::Buy => best - 1 - level,
                    Side::Sell => best + level,
                };
                story.amend(at, sides[side as usize][level as usize], price, 1_000);
            }
        }
    }
    let mut orders: Vec<_> =
        (0..5).map(|step| story.enter(begin, LAYERER, Side::Sell, 4_626 + step, 600)).collect();
    for nth in 0..19_000_u64 {
        let at = begin + S + nth * (lasts - 2 * S) / 19_000;
        if orders.len() == 5 && at >= begin + 6_960 * S {
            orders.push(story.enter(at, LAYERER, Side::Sell, best_ask(at) + 8, 600));
        }
        let which = nth as usize % orders.len();
        story.amend(at, orders[which], best_ask(at) + 3 + which as i64, 600);
    }
    for minute in 1..142 {
        let at = begin + minute * 60 * S + 300 * MS;
        story.fill(at, sides[1][0], best_ask(at), 25, LAYERER);
        let back = story.enter(at + 100 * MS, 102, Side::Sell, best_ask(at), 25);
        story.cancel(at + 20 * S, back);
    }
    orders.into_iter().for_each(|order| story.cancel(begin + lasts, order));
    (story, begin)
}

#[test]
fn sarao_keeps_600_lots_at_five_levels_above_the_market_for_two_hours() {
    let (story, begin) = sarao();
    let alerts = story.alerts(DynamicLayering::default());
    assert_eq!(story.suspects(DynamicLayering::default()), [LAYERER]);
    let told: Vec<_> = alerts.iter().map(|alert| alert.episodes).collect();
    assert_eq!(told, [1, 3, 10, 30]);
    let after = (alerts[0].last_event_at.0 - begin) / S;
    assert!((120..125).contains(&after), "{after} s");
    let value = |name| {
        let found = alerts[3].conditions.iter().find(|one| one.name == name);
        found.map(|one| one.value).unwrap()
    };
    assert!(value("levels") >= 5.0 && value("executed_share") == 0.0);
    assert!((0.25..0.41).contains(&value("dominance")), "{}", value("dominance"));
    assert!((120.0..150.0).contains(&value("amends_per_min")), "{}", value("amends_per_min"));
    assert!(alerts[3].score > 40.0, "{}", alerts[3].score);
}

/// A ladder of sales above a quiet market.
#[derive(Clone, Copy)]
struct Shape {
    orders: i64,
    /// From the best offer to the first of them.
    distance: i64,
    size: u64,
    life: u64,
    every: u64,
    /// What trades of the first one.
    trades: u64,
    /// What the owner buys meanwhile, and sells.
    buys: u64,
    sells: u64,
    /// How much rests on the other side, of each.
    mirrored: u64,
    /// Whether orders are taken away and entered anew instead of amended.
    by_entering: bool,
}

const LADDER: Shape = Shape {
    orders: 5,
    distance: 3,
    size: 30,
    life: 200 * S,
    every: 2 * S,
    trades: 0,
    buys: 40,
    sells: 0,
    mirrored: 0,
    by_entering: false,
};

fn tell(shape: Shape) -> Story {
    let mut story = Story::quiet();
    let at = |order: i64, moved: i64| Story::ASK + shape.distance + order + moved;
    let enter = |story: &mut Story, when, order: i64, moved: i64| {
        story.enter(when, LAYERER, Side::Sell, at(order, moved), shape.size)
    };
    let mut orders: Vec<_> =
        (0..shape.orders).map(|order| enter(&mut story, T, order, 0)).collect();
    let mirrored: Vec<_> = (0..shape.orders)
        .filter(|_| shape.mirrored > 0)
        .map(|order| story.enter(T, LAYERER, Side::Buy, Story::BID - 3 - order, shape.mirrored))
        .collect();
    for (nth, when) in (T + S..T + shape.life).step_by(shape.every as usize).enumerate() {
        let which = nth % orders.len();
        let moved = (nth / orders.len()) as i64 % 2;
        if shape.by_entering {
            story.cancel(when, orders[which]);
            orders[which] = enter(&mut story, when + 10 * MS, which as i64, moved);
        } else {
            story.amend(when, orders[which], at(which as i64, moved), shape.size);
        }
    }
    if shape.trades > 0 {
        story.fill(T + 30 * S, orders[0], at(0, 0), shape.trades, 131);
    }
    story.sweep(T + 60 * S + 3 * MS, LAYERER, Side::Sell, shape.buys);
    story.stand(T + 61 * S, Side::Sell, 2);
    story.sweep(T + 60 * S + 4 * MS, LAYERER, Side::Buy, shape.sells);
    story.stand(T + 61 * S, Side::Buy, 2);
    orders.into_iter().chain(mirrored).for_each(|order| story.cancel(T + shape.life, order));
    story
}

/// The ladder stands where it should for ten seconds, and far away for five.
fn wanders() -> Story {
    let mut story = Story::quiet();
    let price = |order: i64, away: i64| Story::ASK + 3 + order + away;
    let orders: Vec<_> =
        (0..5).map(|order| story.enter(T, LAYERER, Side::Sell, price(order, 0), 30)).collect();
    for fifth in 1..40_u64 {
        let away = if fifth % 3 == 2 { 14 } else { 0 };
        for (order, id) in orders.iter().enumerate() {
            story.amend(T + fifth * 5 * S, *id, price(order as i64, away), 30);
        }
    }
    story.sweep(T + 60 * S + 3 * MS, LAYERER, Side::Sell, 40);
    story.stand(T + 61 * S, Side::Sell, 2);
    story
}

#[test]
fn a_ladder_that_is_amended_or_entered_anew_is_found() {
    for by_entering in [false, true] {
        for orders in [4, 5] {
            let story = tell(Shape { by_entering, orders, ..LADDER });
            assert_eq!(story.suspects(DynamicLayering::default()), [LAYERER], "{by_entering}");
            survives(DynamicLayering::default(), &story);
        }
    }
}

#[test]
fn half_of_the_quantities_is_enough() {
    let half = Shape { orders: 4, size: 15, every: 4 * S, buys: 25, life: 130 * S, ..LADDER };
    assert_eq!(tell(half).suspects(DynamicLayering::default()), [LAYERER]);
}

#[test]
fn a_ladder_that_pauses_begins_anew() {
    let mut story = tell(Shape { life: 100 * S, ..LADDER });
    let orders: Vec<_> = (0..5)
        .map(|order| story.enter(T + 110 * S, LAYERER, Side::Sell, Story::ASK + 3 + order, 30))
        .collect();
    for nth in 0..40 {
        let price = Story::ASK + 3 + nth % 5;
        story.amend(T + 111 * S + nth as u64 * S, orders[nth as usize % 5], price, 30);
    }
    assert!(story.alerts(DynamicLayering::default()).is_empty());
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let near_misses = [
        ("three levels", tell(Shape { orders: 3, size: 50, ..LADDER })),
        ("at the touch", tell(Shape { orders: 2, distance: 0, size: 80, ..LADDER })),
        ("a third of the time far away", wanders()),
        ("far away", tell(Shape { distance: 14, size: 60, ..LADDER })),
        ("small among many", tell(Shape { size: 4, ..LADDER })),
        ("gone after a minute and a half", tell(Shape { life: 90 * S, ..LADDER })),
        ("amended five times a minute", tell(Shape { every: 12 * S, ..LADDER })),
        ("a tenth of it trades", tell(Shape { trades: 15, ..LADDER })),
        ("its owner trades little", tell(Shape { buys: 5, ..LADDER })),
        ("its owner sells, as the ladder does", tell(Shape { buys: 0, sells: 40, ..LADDER })),
        (
            "a pegged provider of both sides, 20 amendments a second, inventory flat, 3 % executed",
            tell(Shape {
                every: 50 * MS,
                life: 150 * S,
                mirrored: 30,
                trades: 5,
                buys: 40,
                sells: 40,
                ..LADDER
            }),
        ),
        ("the same with inventory that grows", tell(Shape { mirrored: 30, ..LADDER })),
    ];
    each_condition_matters(&DynamicLayering::default(), &near_misses);
}
