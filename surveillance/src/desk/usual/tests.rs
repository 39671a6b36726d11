//! What is learned from markets whose rates are known, and what a desk makes of it.

use super::*;
use crate::desk::Desk;
use crate::desk::check::{S, Story};
use crate::desk::learner::Learner;
use crate::desk::market::Market;
use crate::market::Layering;
use engine_observer::book::{Books, Bounds};
use engine_observer::check::{Trial, survives_restarts};
use engine_observer::event::body::{Definition as Told, End};
use engine_observer::event::{Directory, Event, Kind, Price, Side, SubjectId, VenueId};
use engine_observer::{Roster, Scope, View};
use expect_test::expect;

const DAY: u64 = 86_400 * S;
const SPOOFER: u32 = 9;
const VICTIM: u32 = 8;

/// A directory in which the stories' instrument has a name, and prices of two decimal places.
fn names() -> (Directory, Event) {
    let mut names = Directory::new(10);
    let told = Told::new(VenueId(0), 2, 0).with_tick(Price(1));
    let (subject, _) = names.define("XYZ", told).unwrap();
    let event = Event::new(SubjectId(0), Nanos(0), *names.definition(subject).unwrap());
    (names, event)
}

/// The stories' events, under the name; each of them on a day of its own.
fn named(stories: &[&Story]) -> Vec<Event> {
    let mut all = vec![names().1];
    for (day, story) in stories.iter().enumerate() {
        let clear = Event::new(SubjectId(0), Nanos(1), End::default()).with_kind(Kind::Clear);
        let events = [clear].into_iter().chain(story.events().into_iter().skip(1));
        all.extend(events.map(|mut event| {
            event.event_at.0 += day as u64 * DAY;
            event
        }));
    }
    all
}

fn learned(events: &[Event], days_min: u32) -> Usual {
    let mut books = Books::new(Bounds::default());
    let mut learner = Learner::default();
    for event in events {
        let change = books.apply(event);
        let book = books.book(event.subject);
        learner.see(&View { event, change: &change, book, now: event.event_at });
    }
    learner.finish(&names().0, days_min)
}

fn told(usual: &Usual) -> String {
    let mut text = String::new();
    for Bucket {
        from,
        days,
        seconds,
        events_per_s,
        volume_per_s,
        move_1s,
        spread,
        orders,
        trades,
    } in &usual.instruments[0].buckets
    {
        let sizes = |of: &Option<SizesOf>| of.map(|of| [of.q10, of.q50, of.q99]);
        let (orders, trades) = (sizes(orders), sizes(trades));
        text += &format!(
            "{from} {days} d {seconds} s: {events_per_s:.2}/s {volume_per_s:.2}/s move {move_1s:.4} spread {spread:.4} orders {orders:?} trades {trades:?}\n"
        );
    }
    text
}

#[test]
fn the_rates_of_a_quiet_hour_are_those_that_it_was_made_with() {
    let usual = learned(&named(&[&Story::quiet()]), 1);
    assert_eq!(usual.check(), Ok(()));
    expect![[r#"
        00:00:00 1 d 499 s: 2.39/s 0.49/s move 0.0000 spread 0.0200 orders Some([3.0, 8.0, 21.0]) trades Some([2.0, 5.0, 8.0])
        00:15:00 1 d 900 s: 2.20/s 0.50/s move 0.0000 spread 0.0200 orders Some([2.0, 9.0, 21.0]) trades Some([2.0, 5.0, 8.0])
        00:30:00 1 d 900 s: 2.20/s 0.50/s move 0.0000 spread 0.0200 orders Some([2.0, 9.0, 21.0]) trades Some([2.0, 5.0, 8.0])
        00:45:00 1 d 900 s: 2.20/s 0.50/s move 0.0000 spread 0.0200 orders Some([2.0, 9.0, 21.0]) trades Some([2.0, 5.0, 8.0])
        01:00:00 1 d 402 s: 2.20/s 0.51/s move 0.0000 spread 0.0200 orders Some([2.0, 9.0, 21.0]) trades Some([2.0, 5.0, 8.0])
    "#]].assert_eq(&told(&usual));
}

#[test]
fn of_several_days_the_median_is_usual() {
    let (quiet, restless) = (Story::quiet(), Story::restless());
    let moves = |days: &[&Story]| {
        let usual = learned(&named(days), 1);
        let bucket = usual.instruments[0].buckets.iter().find(|of| of.from.0 == 3_600).unwrap();
        (bucket.days, bucket.move_1s)
    };
    let (one, _) = moves(&[&restless]);
    assert_eq!(one, 1);
    assert_eq!(moves(&[&quiet, &restless, &quiet]), (3, 0.0));
    let (alone, mostly) = (moves(&[&restless]).1, moves(&[&restless, &quiet, &restless]).1);
    assert!(alone > 0.0 && (mostly - alone).abs() < alone * 0.05, "{mostly} {alone}");
    let few = learned(&named(&[&quiet, &quiet]), 3);
    assert_eq!(few.instruments, [], "too few days");
}

fn bucket(from: u32, move_1s: f64) -> Bucket {
    let sizes = |q50: f64| SizesOf { q10: 1.0, q25: 2.0, q50, q90: 40.0, q99: 50.0 };
    Bucket {
        from: TimeOfDay(from),
        days: 20,
        seconds: 900.0,
        events_per_s: 3.0,
        volume_per_s: 2.0,
        move_1s,
        spread: 0.04,
        orders: Some(sizes(10.5)),
        trades: None,
    }
}

fn usual(buckets: Vec<Bucket>) -> Usual {
    let of = UsualInstrument { subject: "XYZ".into(), venue: String::new(), buckets };
    Usual { version: Usual::VERSION, bucket_s: QUARTER_S, instruments: vec![of] }
}

fn known_of(usual: Usual, quantity: u8) -> Option<KnownOf> {
    let name = (Definition::tag_of("XYZ"), Definition::venue_tag_of(""));
    Known::new(usual).unwrap().about(name, Scales { price: 2, quantity })
}

#[test]
fn a_market_begins_with_what_is_usual_and_is_drawn_to_it_later() {
    let known = known_of(usual(vec![bucket(0, 0.08), bucket(900, 0.02)]), 1).unwrap();
    let mut market = Market::default();
    let sigma = |market: &Market| (market.sigma(1.0) / 1.253_314 * 1e3).round() / 1e3;
    assert_eq!(market.order_sizes(), None);
    market.recall(&known, Nanos(5 * S));
    assert_eq!((sigma(&market), market.events_per_s(), market.usual_spread()), (8.0, 3.0, 4.0));
    let sizes = market.order_sizes().unwrap();
    assert_eq!((sizes.q10, sizes.q50, sizes.q99), (10, 105, 500), "in tenths");
    assert_eq!(market.learned_s(), 1_200.0);
    market.recall(&known, Nanos(899 * S));
    assert_eq!(sigma(&market), 8.0);
    market.recall(&known, Nanos(900 * S));
    assert_eq!(sigma(&market), 5.0, "half of what was learned, half of what is usual");
    market.recall(&known, Nanos(1_800 * S));
    assert_eq!((sigma(&market), market.order_sizes()), (5.0, None), "nothing is known of it");
    assert_eq!(market.events_per_s(), 3.0, "as learned, since nothing else came");
}

#[test]
fn somebody_elses_rates_are_not_ones_own() {
    let mut other = usual(vec![bucket(0, 0.08)]);
    other.instruments[0].venue = "XNAS".into();
    assert!(known_of(other, 0).is_none());
}

/// Three times, the market jumps by four ticks against somebody's layers, who then takes them away. It is no
/// abuse, unless such jumps are nothing unusual.
fn jumps() -> Story {
    let mut story = Story::quiet();
    for minute in 0..3 {
        let at = Story::BEGIN + minute * 60 * S;
        let genuine = story.enter(at, SPOOFER, Side::Buy, Story::BID + 1, 3);
        let layer = story.enter(at + S, SPOOFER, Side::Sell, Story::ASK + 9, 120);
        story.fill(at + 4 * S, genuine, Story::BID + 1, 3, VICTIM);
        story.sweep(at + 6 * S, 120, Side::Sell, 8 * Story::LEVEL);
        story.cancel(at + 7 * S, layer);
        story.stand(at + 30 * S, Side::Sell, 10);
    }
    story
}

fn roster(usual: Option<Usual>) -> Roster {
    let mut desk = Desk::default();
    desk.seat(Layering::default());
    let desk = match usual {
        Some(usual) => desk.knowing(usual).unwrap(),
        None => desk,
    };
    Roster::new().with(desk)
}

fn alerts(usual: Option<Usual>) -> Vec<engine_observer::Alert> {
    let mut trial = Trial::new(&roster(usual), Scope::Subject);
    trial.show(named(&[&jumps()]));
    trial.alerts()
}

#[test]
fn a_jump_excuses_only_where_it_is_none_of_the_usual_ones() {
    assert_eq!(alerts(None), []);
    assert_eq!(alerts(Some(usual(vec![bucket(3_600, 0.0)]))), []);
    let restless = alerts(Some(usual(vec![bucket(3_600, 0.10)])));
    assert_eq!(restless.len(), 1);
    let elsewhere = alerts(Some(usual(vec![bucket(4_500, 0.10)])));
    assert_eq!(elsewhere, [], "another time of day");
    let more = alerts(Some(usual(vec![bucket(3_600, 0.11)])));
    assert_ne!(more[0].parameters, restless[0].parameters, "the rates are part of the hash");
}

#[test]
fn what_is_usual_survives_a_restart() {
    let roster = roster(Some(usual(vec![bucket(2_700, 0.02), bucket(3_600, 0.10)])));
    let events = named(&[&jumps()]);
    let cuts: Vec<_> = (1..12).map(|part| events.len() * part / 12).collect();
    survives_restarts(&roster, &events, &cuts);
}

#[test]
fn what_is_wrong_with_rates_is_told() {
    let wrong = |change: fn(&mut Usual)| {
        let mut usual = usual(vec![bucket(900, 0.1), bucket(1_800, 0.1)]);
        change(&mut usual);
        usual.check().unwrap_err()
    };
    let all = [
        wrong(|of| of.version = 2),
        wrong(|of| of.bucket_s = 60),
        wrong(|of| of.instruments.push(of.instruments[0].clone())),
        wrong(|of| of.instruments[0].buckets.reverse()),
        wrong(|of| of.instruments[0].buckets[1].from.0 += 1),
        wrong(|of| of.instruments[0].buckets[1].move_1s = -1.0),
        wrong(|of| of.instruments[0].buckets[0].orders.as_mut().unwrap().q99 = f64::NAN),
    ];
    expect![[r#"
        usual rates have version 1 and bucket_s 900, not 2 and 900
        usual rates have version 1 and bucket_s 900, not 1 and 60
        "XYZ" at "" is there twice
        XYZ at 00:15:00: buckets begin at whole quarters of an hour, in their order
        XYZ at 00:30:01: buckets begin at whole quarters of an hour, in their order
        XYZ at 00:30:00: a rate is a number from 0 to 10^18
        XYZ at 00:15:00: a rate is a number from 0 to 10^18"#]]
    .assert_eq(&all.join("\n"));
}
