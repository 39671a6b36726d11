//! Every pattern that has a canary answers it, whenever it comes; one that was blinded is told.

use super::*;
use crate::Plan;
use crate::desk::rules::{Rule, TimeOfDay};
use crate::market::Layering;
use engine_observer::check::{Trial, survives_restarts};
use engine_observer::event::body::Order;
use engine_observer::event::{Flags, OrderId, Price, Quantity, Side, SubjectId, VenueId};

const S: u64 = 1_000_000_000;
const NOON: u64 = 15_000 * 86_400 * S + 43_200 * S;

/// A canary over these patterns.
fn watching(seat: impl FnOnce(&mut Desk)) -> Canary {
    let mut desk = Desk::default();
    seat(&mut desk);
    Canary::default().of(&desk, None)
}

fn usual() -> Canary {
    Canary::default().of(&Plan::usual().desk(), Some(QuoteStuffing::default()))
}

/// Venues with a quote every so often, for so many seconds.
fn stream(venues: &[&str], every: u64, seconds: u64) -> Vec<Event> {
    let mut events = Vec::new();
    for (number, venue) in venues.iter().enumerate() {
        let definition = Definition::new(VenueId(number as u16 + 1), 2, 0);
        let definition = definition.tagged(number as u64 + 7, Definition::venue_tag_of(venue));
        events.push(Event::new(SubjectId(number as u32), Nanos(NOON), definition));
    }
    for at in (NOON..NOON + seconds * S).step_by(every as usize) {
        let order = Order::new(OrderId(at), Price(100), Quantity(1));
        events.push(Event::new(SubjectId(0), Nanos(at), order).with_flags(Flags::of(Side::Buy)));
    }
    events
}

fn trial(canary: Canary, events: Vec<Event>) -> Trial {
    let mut trial = Trial::new(&Roster::new().with(canary), Scope::Global);
    trial.show(events);
    trial
}

/// One canary after the other, shown in one go.
fn answers(canary: &Canary, time: Nanos, venue: &str) -> Vec<(&'static str, Option<f64>)> {
    let mut watched = canary.remember();
    watched.venues.push(Venue { number: 1, tag: Definition::venue_tag_of(venue) });
    let of = |(place, charge): (usize, &Charge)| {
        let mut run = watched.run((place, 0), time, 1).expect("it has a story");
        assert!(run.goes_on(charge.name, usize::MAX / 2));
        (charge.name, run.answered)
    };
    canary.charges.iter().enumerate().map(of).collect()
}

#[test]
fn whoever_is_healthy_answers_at_any_time_of_day() {
    let canary = usual();
    assert_eq!(canary.charges.len(), 26, "every pattern about order books has one");
    let day = NOON - 43_200 * S;
    for second in [0, 1, 59, 600, 3_000, 4_000, 43_200, 82_000, 84_000, 86_000, 86_399] {
        for (name, score) in answers(&canary, Nanos(day + second * S), "XNAS") {
            assert!(score.is_some(), "{name} misses its canary at second {second} of the day");
        }
    }
    for (name, score) in answers(&canary, Nanos(0), "XNAS") {
        assert!(score.is_some(), "{name} misses it where time begins at 0");
    }
}

#[test]
fn canaries_come_one_after_the_other_and_are_counted() {
    let canary = usual();
    let count = canary.charges.len();
    let found = trial(canary, stream(&["XNAS"], S, 3_700));
    assert!(found.alerts().is_empty());
    assert_eq!(found.findings().len(), count, "each once an hour");
    assert_eq!(found.signals("canary_answered_P01").len(), 1);
    let at: Vec<_> = found.findings().iter().map(|(one, _)| one.at.0 - NOON).collect();
    let apart = 3_600 * S / count as u64;
    assert!(at.windows(2).all(|two| two[1] - two[0] >= apart - 30 * S), "spread out: {at:?}");
}

#[test]
fn a_blinded_pattern_is_told_once_a_day() {
    let blind = Layering { size_ratio_min: 900.0, ..Layering::default() };
    let canary = watching(|desk| {
        desk.seat(blind);
        desk.seat(crate::market::WashTrade::default());
    });
    let found = trial(canary, stream(&["XNAS", "XLON"], 10 * S, 26 * 3_600));
    for name in ["canary_answered_P19", "canary_missed_P01"] {
        let count = found.signals(name).len();
        assert!((50..=52).contains(&count), "{name}: {count}, each hour at each of both");
    }
    let told: Vec<_> = found
        .alerts()
        .iter()
        .map(|alert| {
            let value = |name| alert.features.iter().find(|one| one.name == name).unwrap().value;
            let day = alert.first_event_at.0 / DAY_NS - NOON / DAY_NS;
            (alert.pattern, alert.severity, value("pattern"), value("venue"), day)
        })
        .collect();
    let of = |venue, day| ("canary", Severity::High, 1.0, venue, day);
    assert_eq!(told, [of(1.0, 0), of(2.0, 0), of(1.0, 1), of(2.0, 1)]);
}

#[test]
fn rules_hold_for_their_venue_and_their_time() {
    let rule = |venue: Option<&str>, hours: Option<(u32, u32)>| {
        let hour = |hour: u32| TimeOfDay(hour * 3_600);
        let rule = Rule {
            subject: None,
            venue: venue.map(String::from),
            from: hours.map(|(from, _)| hour(from)),
            to: hours.map(|(_, to)| hour(to)),
            values: [("size_ratio_min".to_string(), 900.0)].into(),
        };
        let pattern = Layering { rules: vec![rule], ..Layering::default() };
        watching(|desk| desk.seat(pattern))
    };
    let hears = |canary: &Canary, time, venue| answers(canary, Nanos(time), venue)[0].1.is_some();
    let at_one = rule(Some("XLON"), None);
    assert_eq!([hears(&at_one, NOON, "XNAS"), hears(&at_one, NOON, "XLON")], [true, false]);
    let at_noon = rule(None, Some((11, 13)));
    let evening = NOON + 6 * 3_600 * S;
    assert_eq!([hears(&at_noon, NOON, "XNAS"), hears(&at_noon, evening, "XNAS")], [false, true]);
}

#[test]
fn a_pause_is_not_caught_up_with() {
    let mut events = stream(&["XNAS"], S, 100);
    let later = stream(&[], S, 5).into_iter().map(|mut event| {
        event.event_at = event.event_at + Nanos::from_secs(40 * 3_600);
        event
    });
    events.extend(later);
    assert!(trial(usual(), events).findings().len() <= 1);
}

#[test]
fn nothing_is_watched_without_patterns_or_venues() {
    assert!(trial(watching(|_| {}), stream(&["XNAS"], S, 7_200)).findings().is_empty());
    assert!(trial(usual(), stream(&[], S, 7_200)).findings().is_empty());
    let many: Vec<_> = (0..VENUES_MAX + 3).map(|number| format!("V{number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let found = trial(usual(), stream(&many, S, 10));
    assert_eq!(found.outbox().faults().of(Fault::Evicted), 3);
}

#[test]
fn it_survives_restarts_within_a_canary() {
    let canary = watching(|desk| {
        desk.seat(Layering { size_ratio_min: 900.0, ..Layering::default() });
        desk.seat(crate::market::Flip::default());
    });
    let events = stream(&["XNAS", "XLON"], S, 8_000);
    // The first begins a half hour after the second venue is met, and takes some seconds.
    let cuts: Vec<_> = [1, 2, 903, 904, 905, 906, 908, 1_803, 1_804, 5_000].into();
    survives_restarts(&Roster::new().with(canary), &events, &cuts);
}
