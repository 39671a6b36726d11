//! What is measured of an event's way, on a clock whose hands the test moves.

mod recorded;

use engine_assembly::{Assembly, Outlet, Roll, Spec};
use engine_event::{Clock, Directory, Event, Hands, Nanos, RealClock, WallClock};
use engine_observer::{Alert, Finding, Interest, Observer, Outbox, Parameters, Roster, View};
use engine_pipeline::{
    Feed, FeedError, FeedTurn, Percentiles, Sink, Stages, Tally, Timing, Topology,
};
use feeds::{Paced, Speed};
use recorded::{Nowhere, Recorded, names, plan, roster, some_events};
use std::io;

/// Takes its time over every event, and much more over one: 100 ms.
#[derive(Clone)]
struct Slow {
    hands: Hands,
    usual: Nanos,
    stalls_at: u64,
}

impl Slow {
    fn usually(hands: &Hands, usual: Nanos) -> Self {
        Self { hands: hands.clone(), usual, stalls_at: 0 }
    }
}

impl Observer for Slow {
    type Memory = ();

    fn name(&self) -> &'static str {
        "slow"
    }

    fn interest(&self) -> Interest {
        Interest::in_everything()
    }

    fn parameters(&self, _: &mut Parameters) {}

    fn remember(&self) {}

    fn observe(&self, _: &mut (), view: &View<'_>, out: &mut Outbox) {
        self.hands.advance(self.usual);
        if view.event.seq == self.stalls_at {
            self.hands.advance(Nanos::from_millis(100));
        }
        out.signal("seen", 1.0);
    }
}

/// Decoding takes its time, too; and events come one by one.
struct Laborious<F> {
    feed: F,
    hands: Hands,
    each: Nanos,
}

impl<F: Feed> Feed for Laborious<F> {
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        let mut sink = One { sink, hands: &self.hands, each: self.each, is_taken: false };
        self.feed.poll(now, names, &mut sink)
    }

    fn tally(&self) -> Tally {
        self.feed.tally()
    }
}

struct One<'a, S> {
    sink: &'a mut S,
    hands: &'a Hands,
    each: Nanos,
    is_taken: bool,
}

impl<S: Sink> Sink for One<'_, S> {
    fn room(&mut self) -> usize {
        if self.is_taken { 0 } else { self.sink.room() }
    }

    fn push(&mut self, event: Event) {
        self.hands.advance(self.each);
        self.is_taken = true;
        self.sink.push(event);
    }
}

/// Writing a finding takes its time, too.
struct Careful(Hands, Nanos);

impl Outlet for Careful {
    fn take(&mut self, _: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        self.0.advance(self.1);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn percentiles(stages: &Stages, name: &str) -> Percentiles {
    stages.get(name).expect("it is measured").percentiles()
}

#[test]
fn every_stage_has_its_own_time_and_the_end_to_end_has_all() {
    let (clock, hands) = RealClock::with_hands();
    let feed = Recorded::new(some_events(1, 500));
    let feed = Laborious { feed, hands: hands.clone(), each: Nanos(100) };
    let roster = Roster::new().with(Slow::usually(&hands, Nanos(1000)));
    let spec = Spec { sample_every: 1, ..Spec::default() };
    let outlet = Box::new(Careful(hands, Nanos(10_000)));
    let mut assembly = Assembly::with_clock(feed, names(), &roster, outlet, spec, clock);
    while assembly.step() {}
    let latency = assembly.latency();
    let told = latency.percentiles().map(|(name, of)| (name, of.count, of.p50));
    // A time that has not passed at all is told as a nanosecond; the digits are three. What is about
    // every subject takes as many times as long.
    let expected = [
        ("decode", 501, 100),
        ("sequence", 501, 1),
        ("hop", 501, 1),
        ("book", 501, 1),
        ("observe", 501, 1000),
        ("release", 501, 10_007),
        ("end_to_end", 501, 11_103),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn one_event_in_so_many_is_followed_through_all_stages() {
    let (clock, hands) = RealClock::with_hands();
    let roster = Roster::new().with(Slow::usually(&hands, Nanos(1000)));
    let spec = Spec { sample_every: 8, ring_events: 64, shards: 3, ..Spec::default() };
    let feed = Recorded::new(some_events(2, 8_000));
    let mut assembly = Assembly::with_clock(feed, names(), &roster, Box::new(Nowhere), spec, clock);
    while assembly.step() {}
    let latency = assembly.latency();
    for name in ["decode", "sequence", "release", "end_to_end"] {
        assert_eq!(percentiles(&latency, name).count, 1000, "{name}");
    }
    // What is about every subject is taken by every shard.
    assert!((1000..1100).contains(&percentiles(&latency, "hop").count));
}

#[test]
fn intervals_are_read_while_the_pipeline_runs() {
    let spec = Spec { sample_every: 1, shards: 2, ..Spec::default() };
    let feed = Recorded::new(some_events(3, 20_000));
    let mut assembly = Assembly::new(feed, names(), &Roster::new(), Box::new(Nowhere), spec);
    let mut intervals = assembly.intervals();
    let mut figures = assembly.figures();
    let (mut all, mut told, mut seen) = (Stages::new(), 0, Vec::new());
    while assembly.step() {
        intervals.call();
        told += intervals.gather(&mut all);
        let (flow, _) = figures.read();
        assert!(flow.events <= assembly.source().seq() && flow.messages <= flow.events);
        seen.push(flow.events);
    }
    assert!(seen.is_sorted() && seen.last() > Some(&15_000), "{seen:?}");
    assert!(told > 100, "{told} sets");
    let read = percentiles(&all, "end_to_end").count;
    intervals.gather(&mut all); // what was under way
    all.add_all(&assembly.latency());
    assert_eq!(percentiles(&all, "end_to_end").count, 20_001);
    assert!(read > 15_000, "{read} were read before the end");
}

/// A feed that received its events two milliseconds ago, by the machine's time of day.
struct Live(Recorded);

impl Feed for Live {
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        let received_at = Nanos(WallClock.now().0 - 2_000_000);
        self.0.poll(now, names, &mut Stamped { sink, received_at })
    }

    fn tally(&self) -> Tally {
        self.0.tally()
    }

    fn timing(&self) -> Timing {
        Timing::Received
    }
}

struct Stamped<'a, S> {
    sink: &'a mut S,
    received_at: Nanos,
}

impl<S: Sink> Sink for Stamped<'_, S> {
    fn room(&mut self) -> usize {
        self.sink.room()
    }

    fn push(&mut self, mut event: Event) {
        event.received_at = self.received_at;
        self.sink.push(event);
    }
}

#[test]
fn a_live_event_begins_where_it_was_received_and_every_alert_is_measured() {
    for shards in [1, 3] {
        let feed = Live(Recorded::new(some_events(6, 20_000)));
        let spec = Spec { sample_every: 1, shards, lane_findings: 64, ..Spec::default() };
        let mut assembly = Assembly::new(feed, names(), &roster(), Box::new(Nowhere), spec);
        while assembly.step() {}
        let latency = assembly.latency();
        let ms = Nanos::from_millis(2).0;
        for name in ["receive", "alert"] {
            let least = latency.get(name).unwrap().histogram().min();
            assert!(least >= ms * 999 / 1000, "{name}: {least}");
        }
        // The end of the stream was received by nobody; what it lets out has no beginning.
        assert_eq!(percentiles(&latency, "receive").count, 20_000);
        assert_eq!(percentiles(&latency, "end_to_end").count, 20_001);
        let alerts: u64 = assembly.outcome().alerts.values().sum();
        let measured = percentiles(&latency, "alert").count;
        let at_the_end = u64::from(recorded::SUBJECTS);
        assert!(alerts > 10 && alerts - measured <= at_the_end, "{measured} of {alerts} alerts");
    }
}

/// A rate of 10,000 a second, and a stall of 100 ms in an observer: the closed loop, which begins with
/// each event when there is time for it, and the open loop, which begins when it was due.
#[test]
fn a_stall_has_its_full_weight_in_the_open_loop_and_none_in_the_closed_one() {
    let (clock, hands) = RealClock::with_hands();
    let feed = Paced::new(Recorded::new(some_events(4, 20_000)), Speed::Rate(10_000.0));
    let slow = Slow { stalls_at: 10_000, ..Slow::usually(&hands, Nanos(100)) };
    let spec = Spec { sample_every: 1, ..Spec::default() };
    let roster = Roster::new().with(slow);
    let mut assembly = Assembly::with_clock(feed, names(), &roster, Box::new(Nowhere), spec, clock);
    while assembly.source().seq() < 20_000 {
        assembly.step();
        hands.advance(Nanos(100)); // a round takes time even if there is nothing to do
    }
    while assembly.step() {}
    let latency = assembly.latency();
    let longer_than =
        |name, span: Nanos| latency.get(name).unwrap().histogram().count_between(span.0, u64::MAX);
    // Closed: nobody but the event itself has noticed.
    assert_eq!(longer_than("end_to_end", Nanos::from_millis(1)), 1);
    let batch = 256 * 100;
    assert!(percentiles(&latency, "end_to_end").p99_99 < 3 * batch);
    // Open: a thousand were due meanwhile, half of which waited for half of it or longer.
    let late = [1, 25, 50, 75, 99].map(|ms| longer_than("open_loop", Nanos::from_millis(ms)));
    for (late, expected) in late.into_iter().zip([990, 750, 500, 250, 10]) {
        assert!(late.abs_diff(expected) <= 2, "{late} instead of {expected}");
    }
    assert_eq!(percentiles(&latency, "open_loop").count, 20_000);
}

#[test]
fn without_a_rate_there_is_no_open_loop() {
    let feed = Paced::new(Recorded::new(some_events(4, 100)), Speed::Max);
    let mut assembly =
        Assembly::new(feed, names(), &Roster::new(), Box::new(Nowhere), Spec::default());
    while assembly.step() {}
    assert!(assembly.latency().get("open_loop").is_none());
}

/// The same with the machine's own clock: an observer that sleeps.
#[test]
fn a_real_stall_shows_in_the_open_loop() {
    #[derive(Clone)]
    struct Sleeper;

    impl Observer for Sleeper {
        type Memory = ();

        fn name(&self) -> &'static str {
            "sleeper"
        }

        fn interest(&self) -> Interest {
            Interest::in_everything()
        }

        fn parameters(&self, _: &mut Parameters) {}

        fn remember(&self) {}

        fn observe(&self, _: &mut (), view: &View<'_>, _: &mut Outbox) {
            if view.event.seq == 1000 {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    }

    let feed = Paced::new(Recorded::new(some_events(5, 5_000)), Speed::Rate(10_000.0));
    let spec = Spec { sample_every: 1, ..Spec::default() };
    let roster = Roster::new().with(Sleeper);
    let mut assembly = Assembly::new(feed, names(), &roster, Box::new(Nowhere), spec);
    assembly.run(&plan(Topology::Fused, 1, false)).unwrap();
    let latency = assembly.latency();
    let longer = |name, ms: u64| {
        latency.get(name).unwrap().histogram().count_between(ms * 1_000_000, u64::MAX)
    };
    // A busy machine adds stalls of its own, to both: never does it take ours away.
    assert!(longer("open_loop", 50) >= 499, "{} late by 50 ms", longer("open_loop", 50));
    assert!(longer("open_loop", 10) >= 899, "{} late by 10 ms", longer("open_loop", 10));
    let closed = longer("end_to_end", 10);
    assert!((1..=longer("open_loop", 10) / 2).contains(&closed), "{closed} in the closed loop");
}
