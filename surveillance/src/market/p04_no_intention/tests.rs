//! The catalogue's cases, and near misses that each miss one condition.

use super::canary::*;
use super::*;
use crate::desk::check::{MS, S, Story, each_condition_matters, survives};
use engine_observer::Degraded;
use engine_observer::event::body::Gap;
use engine_observer::event::{Event, Fault, SubjectId};

fn tell(shape: Shape) -> Story {
    flashed(Story::quiet(), shape)
}

#[test]
fn twelve_flashed_bids_of_five_times_the_median_move_the_mid_nine_times() {
    let story = tell(FLASHES);
    let alerts = story.alerts(NoIntention::default());
    assert_eq!(story.suspects(NoIntention::default()), [FLASHER]);
    assert_eq!(alerts.len(), 1);
    let eighth = T + 7 * 100 * S + 300 * MS;
    assert_eq!(alerts[0].last_event_at, Nanos(eighth + S), "a second after the eighth");
    assert_eq!((alerts[0].severity, alerts[0].orders.len()), (Severity::Medium, 8));
    survives(NoIntention::default(), &story);
}

#[test]
fn flashes_of_unknown_owners_are_found_where_that_is_asked_for() {
    let told = tell(FLASHES).anonymous();
    assert!(told.alerts(NoIntention::default()).is_empty(), "nobody asked");
    let anonymous = NoIntention { anonymous: 1, ..NoIntention::default() };
    let alerts = told.alerts(anonymous.clone());
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].participants.iter().count(), alerts[0].orders.len()), (0, 8));
    assert_eq!((alerts[0].degraded, alerts[0].severity), (Degraded::IDENTITY, Severity::Low));
    survives(anonymous.clone(), &told);
    assert!(Story::quiet().anonymous().alerts(anonymous).is_empty());
}

#[test]
fn half_of_the_quantities_is_enough() {
    let half = Shape { count: 8, size: 25, moves: 5, life: 2 * S, ..FLASHES };
    assert_eq!(tell(half).suspects(NoIntention::default()), [FLASHER]);
}

#[test]
fn orders_behind_the_touch_count_where_they_are_large() {
    let behind = Shape { price: Story::BID - 2, size: 60, ..FLASHES };
    assert_eq!(tell(behind).suspects(NoIntention::default()), [FLASHER]);
    let little = Shape { price: Story::BID - 2, size: 20, ..FLASHES };
    assert!(tell(little).alerts(NoIntention::default()).is_empty());
}

#[test]
fn an_order_that_is_amended_goes_only_if_it_retreats() {
    let amended = |amend: &dyn Fn(&mut Story, u64, OrderId, u64)| {
        let mut story = Story::quiet();
        let bid = story.enter(T - 50 * S, FLASHER, Side::Buy, Story::BID - 9, 70);
        for nth in 0..12 {
            let at = T + nth * 100 * S;
            let joins = story.enter(at + 200 * MS, FOLLOWER, Side::Buy, Story::BID + 1, 5);
            story.cancel(at + 5 * S, joins);
            amend(&mut story, at, bid, nth);
        }
        story.suspects(NoIntention::default())
    };
    let shows_and_retreats = amended(&|story, at, bid, _| {
        story.amend(at, bid, Story::BID + 1, 70);
        story.amend(at + 300 * MS, bid, Story::BID - 9, 70);
    });
    assert_eq!(shows_and_retreats, [FLASHER]);
    let shrinks_in_its_place = amended(&|story, at, bid, nth| {
        story.amend(at, bid, Story::BID + 1, 70 - 2 * nth);
        story.amend(at + 300 * MS, bid, Story::BID + 1, 69 - 2 * nth);
    });
    assert_eq!(shrinks_in_its_place, [0; 0]);
}

#[test]
fn a_bid_whose_cancellation_got_lost_hides_nothing_for_long() {
    let with_ghost = |is_told: bool| {
        let mut story = Story::quiet();
        if is_told {
            let gap = Gap::new(1, 1, Fault::Missing);
            story.event(T - 5 * S, Event::new(SubjectId(0), Nanos(0), gap));
        }
        story.enter(T - 4 * S, 150, Side::Buy, Story::BID + 1, 3);
        let offer = story.enter(T - 3 * S, 151, Side::Sell, Story::BID + 1, 1);
        let other = story.enter(T - 2 * S, 151, Side::Sell, Story::ASK, 1);
        story.cancel(T - S, offer);
        story.cancel(T - S, other);
        flashed(story, FLASHES).alerts(NoIntention::default())
    };
    let alerts = with_ghost(true);
    assert_eq!(alerts.len(), 1);
    assert!(with_ghost(false).is_empty(), "nothing is missing, and nothing is taken out");
}

/// Somebody else's bid comes and goes above the best one every four seconds.
fn restless() -> Story {
    let mut story = Story::quiet();
    for turn in 0..700 {
        let at = T - 1_600 * S + turn * 4 * S + 2_500 * MS;
        let bid = story.enter(at, FOLLOWER, Side::Buy, Story::BID + 1, 5);
        story.cancel(at + 1_200 * MS, bid);
    }
    story
}

/// Somebody sells to the best bid every second.
fn busy() -> Story {
    let mut story = Story::quiet();
    for turn in 0..2_500 {
        let at = T - 1_500 * S + turn * S + 700 * MS;
        let bid = story.enter(at, 105, Side::Buy, Story::BID, 2);
        story.fill(at + MS, bid, Story::BID, 2, 131);
    }
    story
}

#[test]
fn near_misses_stay_below_and_each_condition_matters() {
    let fast_maker = || {
        let mut story = Story::quiet();
        for nth in 0..2_000 {
            let side = if nth % 2 == 0 { Side::Buy } else { Side::Sell };
            let price = if nth % 2 == 0 { Story::BID + 1 } else { Story::ASK - 1 };
            let order = story.enter(T + nth * 500 * MS, FLASHER, side, price, 10);
            story.cancel(T + nth * 500 * MS + 100 * MS, order);
        }
        story
    };
    let also_trades = || {
        let mut story = tell(FLASHES);
        let bid = story.enter(T + S, FLASHER, Side::Buy, Story::BID, 40);
        story.fill(T + 50 * S, bid, Story::BID, 40, 131);
        story
    };
    let near_misses = [
        ("a fast maker's orders of median size", fast_maker()),
        ("seven flashes", tell(Shape { count: 7, moves: 6, ..FLASHES })),
        ("one, by accident", tell(Shape { count: 1, moves: 1, size: 5_000, ..FLASHES })),
        ("eight in seven hours", tell(Shape { count: 8, every: 3_600 * S, ..FLASHES })),
        ("the person's orders trade", also_trades()),
        ("the mid follows five of twelve", tell(Shape { moves: 5, ..FLASHES })),
        ("the mid goes up all the time", flashed(restless(), FLASHES)),
        ("any bid would trade soon", flashed(busy(), FLASHES)),
        ("they stand for eight seconds", tell(Shape { life: 8 * S, ..FLASHES })),
        ("a tenth of each trades", tell(Shape { trades: 5, ..FLASHES })),
        ("immediate orders", tell(Shape { attributes: Attributes::IOC, ..FLASHES })),
        ("hidden orders", tell(Shape { attributes: Attributes::HIDDEN, ..FLASHES })),
    ];
    each_condition_matters(&NoIntention::default(), &near_misses);
}

#[test]
fn what_is_usual_is_measured_as_the_flashes_are() {
    let mut market = Market::default();
    for second in 0..100_u64 {
        market.begin_second(second, 200 + 2 * (second as i64 / 10 % 2));
    }
    let usual = usual_ways(&market, (Nanos(0), Nanos(99 * SECOND)), Nanos(SECOND));
    for way in usual {
        assert!((0.06..0.2).contains(&way), "{usual:?}");
    }
}
