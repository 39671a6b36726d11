//! Two feeds of which one keeps still, and a live one that says so itself.

use super::*;
use engine_observer::check::{Trial, survives_restarts};
use engine_observer::event::body::Order;
use engine_observer::event::{
    Definition, Flags, OrderId, Price, Quantity, Side, SourceId, VenueId,
};
use engine_observer::{Roster, Scope};

const BEGIN: u64 = 36_000;

fn event(source: u16, second: u64, mut event: Event) -> Event {
    event.event_at = Nanos::from_secs(BEGIN + second);
    event.from_source(SourceId(source))
}

fn define(source: u16, subject: u32) -> Event {
    let definition = Definition::new(VenueId(source), 2, 0);
    event(source, 0, Event::new(SubjectId(subject), Nanos(0), definition))
}

fn order(source: u16, second: u64) -> Event {
    let order = Order::new(OrderId(second), Price(100), Quantity(1));
    let order = Event::new(SubjectId(u32::from(source)), Nanos(0), order);
    event(source, second, order.with_flags(Flags::of(Side::Buy)))
}

fn phase(source: u16, subject: SubjectId, second: u64, phase: Phase) -> Event {
    event(source, second, Event::new(subject, Nanos(0), Status::new(phase, b"")))
}

fn silent(source: u16, second: u64) -> Event {
    let gap = Gap::new(0, 0, Fault::Silent);
    event(source, second, Event::new(SubjectId::EVERY, Nanos(0), gap))
}

/// Feed 0 tells something each second; feed 1 at these times.
fn two(seconds: u64, told: &[u64]) -> Vec<Event> {
    let mut events = vec![define(0, 0), define(1, 1)];
    events.extend((0..seconds).map(|second| order(0, second)));
    events.extend(told.iter().map(|second| order(1, *second)));
    events.sort_by_key(|event| event.event_at);
    events
}

/// Which feeds were told as silent, when, and for how long they were.
fn told(events: Vec<Event>) -> Vec<(f64, u64, f64)> {
    let mut trial = Trial::new(&Roster::new().with(SilentFeed::default()), Scope::Global);
    trial.show(events);
    let value =
        |alert: &Alert, name| alert.features.iter().find(|one| one.name == name).unwrap().value;
    let of = |alert: &Alert| {
        let at = alert.last_event_at.0 / 1_000_000_000 - BEGIN;
        (value(alert, "source"), at, value(alert, "silent_s"))
    };
    trial.alerts().iter().map(of).collect()
}

#[test]
fn one_of_two_keeps_still_for_a_minute() {
    assert_eq!(told(two(200, &[0, 30])), [(1.0, 90, 60.0)], "once");
    assert_eq!(told(two(200, &[0, 30, 89, 140, 199])), [], "a word in time");
    let twice = told(two(400, &[0, 30, 100, 200]));
    assert_eq!(twice, [(1.0, 90, 60.0), (1.0, 160, 60.0), (1.0, 260, 60.0)], "each silence once");
}

#[test]
fn nobody_is_overdue_while_nothing_trades() {
    let with = |more: Vec<Event>| {
        let mut events = two(300, &[0, 30]);
        events.extend(more);
        events.sort_by_key(|event| event.event_at);
        told(events)
    };
    assert_eq!(with(vec![phase(1, SubjectId(1), 40, Phase::Close)]), []);
    assert_eq!(with(vec![phase(1, SubjectId::EVERY, 40, Phase::Halt)]), []);
    let back = [(Phase::Halt, 40), (Phase::Continuous, 150)];
    let back = back.map(|(to, second)| phase(1, SubjectId(1), second, to));
    assert_eq!(with(back.into()), [(1.0, 210, 60.0)]);
    let mut more = vec![define(1, 2), phase(1, SubjectId(1), 40, Phase::Close)];
    assert_eq!(with(more.clone()), [(1.0, 100, 60.0)], "another one trades on");
    more[1] = phase(0, SubjectId::EVERY, 40, Phase::Close);
    assert_eq!(with(more), [(1.0, 90, 60.0)], "what one feed says of all is about its own");
}

#[test]
fn a_feed_alone_moves_its_own_time() {
    assert_eq!(told(vec![define(0, 0), order(0, 1), order(0, 5_000)]), []);
}

#[test]
fn a_live_feed_says_that_nothing_comes() {
    let heard = [define(0, 0), order(0, 10)];
    let with = |more: &[Event]| told([&heard[..], more].concat());
    assert_eq!(with(&[silent(0, 75)]), [(0.0, 75, 65.0)]);
    assert_eq!(with(&[silent(0, 75), silent(0, 140)]), [(0.0, 75, 65.0)], "the same silence");
    let again = [silent(0, 75), order(0, 80), silent(0, 145)];
    assert_eq!(with(&again), [(0.0, 75, 65.0), (0.0, 145, 65.0)]);
    assert_eq!(with(&[phase(0, SubjectId::EVERY, 11, Phase::Close), silent(0, 75)]), []);
    assert_eq!(told(vec![silent(0, 60)]), [(0.0, 60, 0.0)], "nothing ever came");
}

#[test]
fn it_survives_restarts() {
    let roster = Roster::new().with(SilentFeed::default());
    let mut events = two(400, &[0, 30, 100, 200]);
    events.push(silent(1, 400));
    survives_restarts(&roster, &events, &[1, 2, 40, 91, 93, 110, 170, 262, 403]);
    let never = SilentFeed { silence_s: 0 };
    assert!(!never.interest().wants(Kind::Gap));
}
