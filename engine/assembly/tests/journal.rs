//! With a journal: what becomes durable, what becomes final, and what when it does not.

mod recorded;

use engine_assembly::{
    Assembly, AtOnce, Journal, Journaled, Outcome, Outlet, Roll, Spec, WhenFull,
};
use engine_event::body::{End, Order};
use engine_event::{
    Definition, Directory, Event, Flags, Nanos, OrderId, Price, Quantity, RealClock, Side,
    SubjectId, VenueId,
};
use engine_journal::{Durable, Grouping, InMemory, Safety, memory, side};
use engine_observer::{
    Alert, Finding, Interest, Observer, Outbox, Parameters, Place, Roster, View,
};
use engine_pipeline::{
    Feed, FeedError, FeedTurn, RunError, Sink, Stopped, Tally,
    Topology::{self, Fused, Pinned},
};
use proptest::prelude::*;
use recorded::{
    Nowhere, Recorded, any_events, essence, names, plan_with_journal, roster, some_events,
};
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Blocks of 118 events, of which so many have room.
fn grouping(blocks: usize) -> Grouping {
    let commit_after = Nanos::from_millis(1);
    Grouping { block_bytes: 8192, commit_after, waiting_bytes: blocks * 8192 }
}

/// What an outlet was told: all of it can be looked at afterwards.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Said>>);

#[derive(Default)]
struct Said {
    durable: Option<Durable>,
    provisional: Vec<Place>,
    taken: Vec<Place>,
    final_up_to: Vec<u64>,
}

impl Told {
    fn until(durable: &Durable) -> Self {
        let told = Self::default();
        told.0.lock().unwrap().durable = Some(durable.clone());
        told
    }

    fn taken(&self) -> Vec<Place> {
        self.0.lock().unwrap().taken.clone()
    }
}

impl Outlet for Told {
    fn take(&mut self, finding: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        let mut said = self.0.lock().unwrap();
        if let Some(durable) = &said.durable {
            assert_eq!(durable.safety(finding.place.seq), Safety::Durable, "{:?}", finding.place);
        }
        said.taken.push(finding.place);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn provisional(
        &mut self,
        finding: &Finding,
        _: Option<&Alert>,
        _: &mut Roll,
    ) -> io::Result<()> {
        self.0.lock().unwrap().provisional.push(finding.place);
        Ok(())
    }

    fn wants_provisional(&self) -> bool {
        true
    }

    fn final_up_to(&mut self, next: u64) -> io::Result<()> {
        let mut said = self.0.lock().unwrap();
        assert!(said.durable.as_ref().is_some_and(|durable| durable.next() >= next));
        said.final_up_to.push(next);
        Ok(())
    }
}

/// How a run is laid out, and what its journal does when the disk lags.
#[derive(Clone, Copy, Debug)]
struct Laid {
    topology: Topology,
    shards: u32,
    spread: bool,
    blocks: usize,
    when_full: WhenFull,
}

const FUSED: Laid =
    Laid { topology: Fused, shards: 1, spread: false, blocks: 64, when_full: WhenFull::Wait };

/// A run that is over.
struct Ran {
    stopped: Result<Stopped, RunError>,
    outcome: Outcome,
    told: Told,
    memory: InMemory,
}

impl Ran {
    fn journaled(&self) -> &Journaled {
        self.outcome.journaled.as_ref().expect("there is a journal")
    }

    fn found(&self) -> u64 {
        self.outcome.alerts.values().chain(self.outcome.signals.values()).sum()
    }
}

/// Runs events through a pipeline whose journal is moved by `disk`, on a thread of its own, until it is
/// over.
fn journaled(
    events: &Arc<[Event]>,
    roster: &Roster,
    laid: Laid,
    mut disk: impl FnMut(&mut InMemory) + Send,
) -> Ran {
    let (intake, mut memory) = memory(&grouping(laid.blocks), 1);
    let told = Told::until(memory.durable());
    let spec = Spec { shards: laid.shards, ..Spec::default() };
    let feed = Recorded::new(events.clone());
    let mut assembly = Assembly::new(feed, names(), roster, Box::new(told.clone()), spec)
        .with_journal(Journal::new(intake, laid.when_full).knowing(names()));
    let plan = plan_with_journal(laid.topology, laid.shards, laid.spread);
    let (stopped, memory) = std::thread::scope(|scope| {
        let disk = scope.spawn(move || {
            while !memory.is_over() {
                disk(&mut memory);
                std::thread::yield_now();
            }
            memory
        });
        (assembly.run(&plan), disk.join().expect("the disk does not panic"))
    });
    Ran { stopped, outcome: assembly.outcome(), told, memory }
}

/// A disk that lags by random amounts, always the same ones.
fn lags(seed: u64) -> impl FnMut(&mut InMemory) + Send {
    let mut state = seed;
    move |memory| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let under_way = memory.accept();
        if (state >> 60) < 2 {
            std::thread::sleep(Duration::from_micros((state >> 40) % 1000));
        }
        memory.settle((state >> 33) as usize % (under_way + 1));
        if under_way == 0 {
            memory.settle(0); // it may have ended
        }
    }
}

/// The findings of a stream, in order, and what came of it, without a journal.
fn expected(events: &Arc<[Event]>) -> (Vec<Place>, Outcome) {
    let told = Told::default();
    let feed = Recorded::new(events.clone());
    let spec = Spec::default();
    let mut assembly = Assembly::new(feed, names(), &roster(), Box::new(told.clone()), spec);
    assembly.run(&recorded::plan(Fused, 1, false)).unwrap();
    (told.taken(), assembly.outcome())
}

/// The stream as it is journaled: numbered, with its end.
fn sequenced(events: &[Event]) -> Vec<Event> {
    let mut sequenced = events.to_vec();
    let at = events.last().expect("a stream has events").event_at;
    sequenced.push(Event::new(SubjectId::EVERY, at, End::default()));
    sequenced.iter_mut().zip(1..).for_each(|(event, seq)| event.seq = seq);
    sequenced
}

#[test]
fn every_layout_journals_the_same_and_everything_becomes_final() {
    let events: Arc<[Event]> = some_events(1, 20_000).into();
    let (findings, outcome) = expected(&events);
    assert!(findings.len() > 5_000 && !outcome.alerts.is_empty());
    assert!(outcome.journaled.is_none());
    for topology in [Fused, Pinned] {
        for (shards, spread) in [(1, false), (2, false), (8, false), (2, true)] {
            // Four blocks: the ring waits for the disk again and again.
            for blocks in [4, 512] {
                let laid = Laid { topology, shards, spread, blocks, ..FUSED };
                let ran = journaled(&events, &roster(), laid, lags(u64::from(shards)));
                assert_eq!(ran.stopped, Ok(Stopped::Finished), "{laid:?}");
                assert_eq!(essence(&ran.outcome), essence(&outcome), "{laid:?}");
                assert!(ran.memory.events() == sequenced(&events), "{laid:?}");
                assert!(ran.memory.durable().is_closed());
                assert_eq!(ran.told.taken(), findings, "{laid:?}");
                let said = ran.told.0.lock().unwrap();
                assert_eq!(said.provisional, findings);
                assert!(said.final_up_to.is_sorted());
                assert_eq!(said.final_up_to.last(), Some(&(events.len() as u64 + 2)));
                let Journaled { next, held, failure, written, .. } = ran.journaled();
                assert_eq!((*next, failure.as_ref()), (events.len() as u64 + 2, None));
                assert_eq!((held.findings, held.withheld.findings), (0, 0));
                assert!(written.commits >= 20_000 / 118);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn any_lag_in_any_layout(events in any_events(1500), shards in 1u32..5, pinned: bool, blocks in 4usize..20, seed: u64) {
        let events: Arc<[Event]> = events.into();
        let topology = if pinned { Pinned } else { Fused };
        let laid = Laid { topology, shards, blocks, ..FUSED };
        let ran = journaled(&events, &roster(), laid, lags(seed));
        let (findings, outcome) = expected(&events);
        prop_assert_eq!(essence(&ran.outcome), essence(&outcome));
        prop_assert!(ran.memory.events() == sequenced(&events));
        prop_assert_eq!(ran.told.taken(), findings);
    }
}

#[test]
fn nothing_is_final_behind_a_failure_and_the_run_ends() {
    let events: Arc<[Event]> = some_events(2, 100_000).into();
    let (findings, _) = expected(&events);
    for (topology, shards) in [(Fused, 1), (Fused, 3), (Pinned, 1), (Pinned, 3)] {
        let mut left = 30;
        let disk = |memory: &mut InMemory| {
            let settled = memory.accept().min(left).min(2);
            memory.settle(settled);
            left -= settled;
            if left == 0 {
                memory.fail("events/0000000001.seg: no space left");
            }
        };
        let laid = Laid { topology, shards, ..FUSED };
        let ran = journaled(&events, &roster(), laid, disk);
        assert_eq!(ran.stopped, Ok(Stopped::Drained));
        let Journaled { next, failure, held, .. } = ran.journaled();
        assert_eq!(failure.as_deref(), Some("events/0000000001.seg: no space left"));
        assert!(ran.outcome.events < 100_000, "the feed was stopped");
        assert!(*next > 1 && *next <= 30 * 118 + 1, "{next}");
        let taken = ran.told.taken();
        let durable: Vec<_> = findings.iter().filter(|place| place.seq < *next).copied().collect();
        assert_eq!(taken, durable, "what was durable is out, in order, and nothing else");
        let withheld = held.withheld;
        assert_eq!((held.findings, withheld.findings), (0, ran.found() - taken.len() as u64));
        assert_eq!(withheld.first, findings.get(taken.len()).copied());
        assert!(withheld.last >= withheld.first);
    }
}

#[test]
fn what_is_left_out_is_declared_and_only_its_findings_are_withheld() {
    let events: Arc<[Event]> = some_events(3, 60_000).into();
    let (findings, outcome) = expected(&events);
    for (topology, shards) in [(Fused, 1), (Pinned, 3)] {
        let mut round = 0;
        let disk = |memory: &mut InMemory| {
            // Now and then it is away for long enough that everything is full.
            round += 1;
            if round % 8 == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
            let under_way = memory.accept();
            memory.settle(under_way);
        };
        let laid = Laid { topology, shards, blocks: 4, when_full: WhenFull::LeaveOut, ..FUSED };
        let ran = journaled(&events, &roster(), laid, disk);
        assert_eq!(ran.stopped, Ok(Stopped::Finished));
        assert_eq!(essence(&ran.outcome), essence(&outcome), "the pipeline does not notice");
        let holes = ran.memory.sides().iter().filter(|of| of.kind == side::HOLE);
        let number = |at: &[u8]| u64::from_le_bytes(at.try_into().unwrap());
        let holes: Vec<_> =
            holes.map(|of| (number(&of.body[..8]), number(&of.body[8..]))).collect();
        let is_left_out = |seq| holes.iter().any(|(first, last)| (*first..=*last).contains(&seq));
        let all = sequenced(&events);
        let kept: Vec<_> = all.iter().filter(|event| !is_left_out(event.seq)).copied().collect();
        assert!(ran.memory.events() == kept, "{holes:?}");
        let left_out: u64 = holes.iter().map(|(first, last)| last - first + 1).sum();
        assert!(left_out > 0 && !kept.is_empty(), "{left_out}");
        assert_eq!(ran.journaled().written.left_out, left_out);
        let safe = |place: &&Place| !is_left_out(place.seq);
        let safe: Vec<_> = findings.iter().filter(safe).copied().collect();
        assert_eq!(ran.told.taken(), safe);
        let withheld = ran.journaled().held.withheld;
        assert_eq!(withheld.findings, (findings.len() - safe.len()) as u64);
    }
}

#[test]
fn a_hole_lasts_until_the_disk_has_caught_up_by_a_quarter() {
    let (intake, mut memory) = memory(&grouping(16), 1);
    let feed = Recorded::new(some_events(10, 30_000));
    let spec = Spec::default();
    let mut assembly = Assembly::new(feed, names(), &Roster::new(), Box::new(Nowhere), spec)
        .with_journal(Journal::new(intake, WhenFull::LeaveOut).knowing(names()));
    let left_out = |assembly: &Assembly<_>| assembly.journaled().unwrap().written.left_out;
    let mut seen = Vec::new();
    for settled in [0, 1, 2, 1, 0] {
        memory.accept();
        memory.settle(settled);
        let before = (assembly.source().seq(), left_out(&assembly));
        (0..2).for_each(|_| assert!(assembly.step()));
        while assembly.source().seq() < 4_000 {
            assembly.step();
        }
        let after = (assembly.source().seq(), left_out(&assembly));
        seen.push((after.0 - before.0, after.1 - before.1));
    }
    let [filling, first, third, fourth, _] = seen[..] else { unreachable!() };
    assert_eq!(filling.0 - filling.1, 16 * 118, "all blocks are full, the rest is left out");
    assert_eq!((first.0, third.0), (first.1, third.1), "a block or three are not enough");
    assert_eq!(fourth.0 - fourth.1, 4 * 118, "four of sixteen are a quarter");
    step_to_the_end(&mut assembly, &mut memory);
    let holes = memory.sides().iter().filter(|of| of.kind == side::HOLE);
    assert!(holes.count() < 10);
}

/// Meets a subject and its owner with every event.
struct Meeting {
    met: u32,
    of: u32,
}

impl Feed for Meeting {
    fn poll<S: Sink>(
        &mut self,
        _: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        while self.met < self.of && sink.room() > 1 {
            let definition = Definition::new(VenueId(0), 2, 0);
            let (subject, _) = names.define(&format!("N{}", self.met), definition).unwrap();
            let who = names.participants.intern(&format!("W{}", self.met)).unwrap();
            let order = Order::new(OrderId(1), Price(5), Quantity(7)).owned_by(Some(who));
            sink.push(Event::new(subject, Nanos(1), definition));
            sink.push(Event::new(subject, Nanos(1), order).with_flags(Flags::of(Side::Buy)));
            self.met += 1;
        }
        Ok(if self.met == self.of { FeedTurn::Ended } else { FeedTurn::Worked })
    }

    fn tally(&self) -> Tally {
        Tally::default()
    }
}

/// Runs until nothing is left to do, with a disk that keeps up.
fn step_to_the_end<F: Feed>(assembly: &mut Assembly<F>, memory: &mut InMemory) {
    loop {
        let worked = assembly.step();
        if !memory.keep_up() && !worked {
            break;
        }
    }
    assembly.step(); // they see that it is over
}

#[test]
fn names_stand_before_the_events_that_use_them() {
    let (intake, mut memory) = memory(&grouping(64), 1);
    let spec = Spec { shards: 2, ..Spec::default() };
    let mut names = Directory::new(10_000);
    names.venues.intern("TEST").unwrap();
    let feed = Meeting { met: 0, of: 1000 };
    let mut assembly = Assembly::new(feed, names, &roster(), Box::new(Nowhere), spec)
        .with_journal(Journal::new(intake, WhenFull::Wait));
    step_to_the_end(&mut assembly, &mut memory);
    assert_eq!(memory.events().len(), 2001);
    let (mut venues, mut subjects, mut participants) = (0, 0, 0);
    for of in memory.sides() {
        match of.kind {
            side::VENUE => {
                assert_eq!(of.body, b"TEST", "known to the feed and not to the journal");
                venues += 1;
            }
            side::SUBJECT => {
                let (definition, name) = of.body.split_at(32);
                assert_eq!(definition[16..19], [0, 0, 2], "venue and scale of prices");
                assert_eq!(name, format!("N{subjects}").as_bytes());
                // Subject 0 is defined by event 1, subject 1 by event 3.
                assert!(of.before <= 2 * subjects + 1, "{of:?}");
                subjects += 1;
            }
            side::PARTICIPANT => {
                assert_eq!(of.body, format!("W{participants}").as_bytes());
                assert!(of.before <= 2 * participants + 2, "{of:?}");
                participants += 1;
            }
            other => panic!("nobody has written kind {other}"),
        }
    }
    assert_eq!((venues, subjects, participants), (1, 1000, 1000));
}

#[test]
fn what_the_journal_holds_already_is_not_written_again() {
    let events = some_events(4, 3_000);
    let (intake, mut memory) = memory(&grouping(64), 1001);
    let told = Told::until(memory.durable());
    let feed = Recorded::new(events.clone());
    let outlet = Box::new(told.clone());
    let mut assembly = Assembly::new(feed, names(), &roster(), outlet, Spec::default())
        .with_journal(Journal::new(intake, WhenFull::Wait).knowing(names()));
    step_to_the_end(&mut assembly, &mut memory);
    assert!(memory.events() == &sequenced(&events)[1000..]);
    assert_eq!(memory.sides(), [], "nor are its names");
    assert_eq!(
        told.taken(),
        expected(&events.into()).0,
        "what is durable already is final at once"
    );
}

#[test]
fn a_stop_waits_for_the_disk() {
    for topology in [Fused, Pinned] {
        let events: Arc<[Event]> = some_events(5, 200_000).into();
        let (intake, mut memory) = memory(&grouping(8), 1);
        let told = Told::until(memory.durable());
        let feed = Recorded::new(events.clone());
        let outlet = Box::new(told.clone());
        let mut assembly = Assembly::new(feed, names(), &roster(), outlet, Spec::default())
            .with_journal(Journal::new(intake, WhenFull::Wait).knowing(names()));
        let stop = assembly.stop_flag();
        let memory = std::thread::scope(|scope| {
            let disk = scope.spawn(move || {
                let mut lags = lags(5);
                while !memory.is_over() {
                    lags(&mut memory);
                    if memory.durable().next() > 5_000 {
                        stop.store(true, Relaxed);
                    }
                }
                memory
            });
            let ran = assembly.run(&plan_with_journal(topology, 1, false));
            assert_eq!(ran, Ok(Stopped::Drained));
            disk.join().unwrap()
        });
        let outcome = assembly.outcome();
        assert!(outcome.events > 5_000 && outcome.events < 200_000, "{}", outcome.events);
        assert!(memory.durable().is_closed());
        let taken_in = outcome.events as usize;
        assert!(
            memory.events() == &sequenced(&events)[..taken_in],
            "all that was taken in, no end"
        );
        let found: u64 = outcome.alerts.values().chain(outcome.signals.values()).sum();
        assert_eq!(told.taken().len() as u64, found);
    }
}

/// Finds so much in every event; panics at one.
#[derive(Clone)]
struct Talkative {
    times: u32,
    breaks_at: u64,
}

impl Observer for Talkative {
    type Memory = ();

    fn name(&self) -> &'static str {
        "talkative"
    }

    fn interest(&self) -> Interest {
        Interest::in_everything()
    }

    fn parameters(&self, _: &mut Parameters) {}

    fn remember(&self) {}

    fn observe(&self, _: &mut (), view: &View<'_>, out: &mut Outbox) {
        assert!(view.event.seq < self.breaks_at, "as it was told to");
        (0..self.times).for_each(|time| out.signal("time", f64::from(time)));
    }
}

#[test]
fn a_stage_that_panics_does_not_take_the_journal_with_it() {
    let events: Arc<[Event]> = some_events(6, 20_000).into();
    let roster = Roster::new().with(Talkative { times: 1, breaks_at: 5_000 });
    for (topology, shards) in [(Fused, 1), (Fused, 3), (Pinned, 1), (Pinned, 3)] {
        let laid = Laid { topology, shards, ..FUSED };
        let ran = journaled(&events, &roster, laid, lags(6));
        let RunError::Panicked { stage, .. } = ran.stopped.as_ref().unwrap_err() else {
            panic!("{:?}", ran.stopped)
        };
        assert!(stage.starts_with("shard-"));
        assert!(ran.memory.durable().is_closed(), "what was taken in is durable");
        assert_eq!(ran.memory.events().len() as u64, ran.outcome.events);
        assert_eq!(ran.told.taken().len() as u64, ran.found(), "and what was found of it, final");
    }
}

#[test]
fn a_writer_that_is_gone_has_failed() {
    for topology in [Fused, Pinned] {
        let (intake, mut memory) = memory(&grouping(4), 1);
        let feed = Recorded::new(some_events(7, 20_000));
        let mut assembly =
            Assembly::new(feed, names(), &roster(), Box::new(Nowhere), Spec::default())
                .with_journal(Journal::new(intake, WhenFull::Wait));
        let ran = std::thread::scope(|scope| {
            scope.spawn(move || {
                while memory.durable().next() < 500 {
                    memory.keep_up();
                }
                drop(memory);
            });
            assembly.run(&plan_with_journal(topology, 1, false))
        });
        assert_eq!(ran, Ok(Stopped::Drained));
        let journaled = assembly.journaled().unwrap();
        assert_eq!(journaled.failure.as_deref(), Some("its writer is gone"));
        assert_eq!(journaled.held.findings, 0);
    }
}

#[test]
fn more_than_can_be_held_holds_the_pipeline_and_nothing_is_lost() {
    const MAX: u64 = 1 << 18;
    let events = some_events(8, 40_000);
    let roster = Roster::new().with(Talkative { times: 8, breaks_at: u64::MAX });
    let (intake, mut memory) = memory(&grouping(400), 1);
    let told = Told::until(memory.durable());
    let (outlet, feed) = (Box::new(told.clone()), Recorded::new(events));
    let spec = Spec { shards: 2, ..Spec::default() };
    let mut assembly = Assembly::new(feed, names(), &roster, outlet, spec)
        .with_journal(Journal::new(intake, WhenFull::Wait).knowing(names()));
    while assembly.step() {}
    let held = assembly.journaled().unwrap().held;
    assert!((MAX..MAX + 100).contains(&held.findings) && held.stalls > 0, "{held:?}");
    assert!(assembly.source().seq() < 40_000, "the source was held, too");
    assert!(assembly.source().stalls() > 0);
    assert_eq!(told.taken(), []);
    step_to_the_end(&mut assembly, &mut memory);
    let said = told.0.lock().unwrap();
    assert!(said.taken.len() > 320_000 && said.taken.is_sorted());
    assert_eq!(said.taken, said.provisional);
}

#[test]
fn an_outlet_may_have_findings_at_once() {
    let (intake, mut memory) = memory(&grouping(400), 1);
    let (told, feed) = (Told::default(), Recorded::new(some_events(9, 5_000)));
    let inner: Box<dyn Outlet> = Box::new(told.clone());
    let outlet = Box::new(AtOnce(inner));
    let mut assembly = Assembly::new(feed, names(), &roster(), outlet, Spec::default())
        .with_journal(Journal::new(intake, WhenFull::Wait));
    while assembly.step() {}
    let outcome = assembly.outcome();
    let found: u64 = outcome.alerts.values().chain(outcome.signals.values()).sum();
    let (taken, durable) = (told.taken().len() as u64, memory.durable().next());
    assert_eq!((taken, durable), (found, 1), "before anything is durable");
    step_to_the_end(&mut assembly, &mut memory);
    assert_eq!(told.taken().len() as u64, found, "and only once");
    let said = told.0.lock().unwrap();
    assert_eq!((said.provisional.len(), said.final_up_to.len()), (0, 0), "it knows of no journal");
}

#[test]
fn a_sampled_event_is_followed_until_it_is_durable() {
    let (clock, hands) = RealClock::with_hands();
    let (intake, mut memory) = memory(&grouping(64), 1);
    let feed = Recorded::new(some_events(1, 1_000));
    let spec = Spec { sample_every: 8, ..Spec::default() };
    let outlet = Box::new(Nowhere);
    let mut assembly = Assembly::with_clock(feed, names(), &Roster::new(), outlet, spec, clock)
        .with_journal(Journal::new(intake, WhenFull::Wait));
    let (mut figures, mut intervals) = (assembly.figures(), assembly.intervals());
    intervals.call();
    while assembly.step() {}
    hands.advance(Nanos::from_millis(3));
    memory.keep_up();
    while assembly.step() {}
    assert!(figures.journal().unwrap().next > 0);
    let mut stages = intervals.stages();
    intervals.gather(&mut stages);
    stages.add_all(&assembly.latency());
    let told: Vec<_> = stages.percentiles().map(|(name, of)| (name, of.count, of.p50)).collect();
    let [.., end_to_end, durable] = &told[..] else { panic!("{told:?}") };
    assert_eq!((end_to_end.0, end_to_end.1), ("end_to_end", 125));
    assert_eq!((durable.0, durable.1), ("durable", 125));
    assert!(durable.2.abs_diff(3_000_000) < 3_000, "{durable:?}");
}

#[test]
fn a_box_of_an_outlet_wants_what_is_in_it() {
    let boxed: Box<dyn Outlet> = Box::new(Told::default());
    fn wants(outlet: &impl Outlet) -> (bool, bool) {
        (outlet.wants_signals(), outlet.wants_provisional())
    }
    assert_eq!(wants(&boxed), (true, true));
    let boxed: Box<dyn Outlet> = Box::new(Nowhere);
    assert_eq!(wants(&boxed), (true, false));
}
