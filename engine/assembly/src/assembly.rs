//! A whole pipeline: built, run, looked at, saved and loaded.

use crate::collector::{Collector, Outlet};
use crate::doubt::Doubt;
use crate::figures::{Figures, Journaled, figures};
use crate::lane::lane;
use crate::naming::Herald;
use crate::shard::{Shard, Stopwatch, owns};
use crate::source::{Sequencer, Source};
use crate::tap::{Journal, Tap};
use engine_book::Bounds;
use engine_event::{
    Clock, Digest, Directory, Event, FaultCounts, Nanos, Reader, RealClock, SnapshotError, Writer,
};
use engine_observer::{Panel, Roster, Scope};
use engine_pipeline::{
    Feed, Hiccups, Intervals, Jitter, Meter, Percentiles, Plan, Role, RunError, Runner, Stage,
    Stages, Stamps, Stopped, Tally, Turn,
};
use engine_ring::broadcast;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a pipeline is made of, apart from its feed and its outlet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spec {
    /// How many shards share the subjects.
    pub shards: u32,
    /// Events that the ring holds, a power of two.
    pub ring_events: usize,
    /// Findings that each shard's lane holds.
    pub lane_findings: usize,
    /// One event in so many is timed on its way, a power of two.
    pub sample_every: u64,
    /// What the books of all shards together may hold.
    pub bounds: Bounds,
    /// Observers see nothing that happened before.
    pub begins: Nanos,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            shards: 1,
            ring_events: 8192,
            lane_findings: 8192,
            sample_every: 64,
            bounds: Bounds::default(),
            begins: Nanos(0),
        }
    }
}

/// A source, shards and a collector, wired up.
pub struct Assembly<F> {
    source: Source<F>,
    shards: Vec<Shard>,
    collector: Collector,
    tap: Option<Tap>,
    /// A place in the ring for a journal that may still come; it is given up when the pipeline begins.
    spare: Option<broadcast::Consumer<Event>>,
    stamps: Stamps,
    stop: Arc<AtomicBool>,
    clock: RealClock,
    /// Faults of an earlier part of the run, from a checkpoint.
    earlier_faults: FaultCounts,
    /// Where the threads of the next run note the gaps in their time.
    hiccups: Vec<Hiccups>,
    /// What the machine took from the threads of the last one.
    jitter: Arc<[Jitter]>,
}

impl<F: Feed> Assembly<F> {
    /// Wires a pipeline. Names known beforehand stand in `names`.
    pub fn new(
        feed: F,
        names: Directory,
        roster: &Roster,
        outlet: Box<dyn Outlet>,
        spec: Spec,
    ) -> Self {
        Self::with_clock(feed, names, roster, outlet, spec, RealClock::new())
    }

    /// The same with a clock that somebody else moves, for tests.
    pub fn with_clock(
        feed: F,
        names: Directory,
        roster: &Roster,
        outlet: Box<dyn Outlet>,
        spec: Spec,
        clock: RealClock,
    ) -> Self {
        Self::from_seq(feed, names, roster, outlet, (spec, clock), 0)
    }

    fn from_seq(
        feed: F,
        names: Directory,
        roster: &Roster,
        outlet: Box<dyn Outlet>,
        (spec, clock): (Spec, RealClock),
        seq: u64,
    ) -> Self {
        let timing = feed.timing();
        let stop = Arc::new(AtomicBool::new(false));
        let stamps = Stamps::new(spec.sample_every, spec.ring_events);
        let (producer, mut consumers) =
            broadcast::<Event>(spec.ring_events, spec.shards as usize + 2);
        let spare = consumers.pop();
        let mut herald = Herald::new(&names);
        let roll = herald.roll(&names);
        let source = Source::new(
            feed,
            names,
            herald,
            Sequencer::new(producer, seq, stamps.clone(), clock.clone(), timing),
        );
        let events = consumers.pop().expect("one for each shard and one for the collector");
        let (mut shards, mut lanes) = (Vec::new(), Vec::new());
        for (number, events) in (0..spec.shards).zip(consumers) {
            let (lane_in, lane_out, progress) = lane(spec.lane_findings);
            let panel = Panel::new(roster, Scope::Subject, spec.bounds).beginning_at(spec.begins);
            let watch = Stopwatch::new(stamps.clone(), clock.clone());
            shards.push(Shard::new(
                (number, spec.shards),
                events,
                panel,
                (lane_in, progress),
                watch,
            ));
            lanes.push(lane_out);
        }
        let panel = Panel::new(roster, Scope::Global, spec.bounds).beginning_at(spec.begins);
        let measured = (stamps.clone(), clock.clone());
        let mut collector =
            Collector::new(events, lanes, panel, outlet, roll, stop.clone(), measured, timing);
        collector.start_after(seq);
        let (earlier_faults, hiccups, jitter) = Default::default();
        Self {
            source,
            shards,
            collector,
            tap: None,
            spare,
            stamps,
            stop,
            clock,
            earlier_faults,
            hiccups,
            jitter,
        }
    }

    /// Gives the pipeline a journal: every event goes into it, and findings become final only when
    /// their events are durable. What the journal holds already is passed over, so that a restart may
    /// replay its tail. A journal that fails stops the run.
    ///
    /// # Panics
    /// If the pipeline has begun.
    #[must_use]
    pub fn with_journal(mut self, journal: Journal) -> Self {
        let events = self.spare.take().expect("a journal is there from the beginning");
        let names = self.source.tell_names(&journal.known);
        self.collector.hold_until(journal.intake.durable().clone());
        let measured = (self.stamps.clone(), self.clock.clone());
        self.tap = Some(Tap::new(events, names, journal, self.stop.clone(), measured));
        self
    }

    /// What makes the pipeline drain when it becomes true: for a signal handler.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// The stages' roles, for a plan.
    pub fn roles(shards: u32) -> Vec<Role> {
        let shards = (0..shards).map(|_| Role::Shard);
        std::iter::once(Role::Source)
            .chain(shards)
            .chain(std::iter::once(Role::Collector))
            .collect()
    }

    /// The same with a journal.
    pub fn roles_with_journal(shards: u32) -> Vec<Role> {
        let mut roles = Self::roles(shards);
        roles.insert(1, Role::Journal);
        roles
    }

    /// Runs to the end of the feed, or until told to stop.
    pub fn run(&mut self, plan: &Plan) -> Result<Stopped, RunError> {
        self.spare = None;
        let mut stages: Vec<&mut dyn Stage> = vec![&mut self.source];
        stages.extend(self.tap.as_mut().map(|tap| tap as &mut dyn Stage));
        stages.extend(self.shards.iter_mut().map(|shard| shard as &mut dyn Stage));
        stages.push(&mut self.collector);
        let runner = Runner::new(self.clock.clone(), &self.stop);
        let runner = runner.with_hiccups(std::mem::take(&mut self.hiccups));
        let ended = runner.run(plan, stages);
        self.jitter = runner.into_jitter().into();
        ended
    }

    /// Polls every stage once, on this thread. Returns whether any of them did something: after a turn
    /// in which none did, nothing is under way and the state can be [saved](Self::save); a journal may
    /// still have to write, and findings wait for it.
    pub fn step(&mut self) -> bool {
        self.spare = None;
        let now = self.clock.now();
        let mut worked = matches!(self.source.poll(now), Turn::Worked(_));
        if let Some(tap) = &mut self.tap {
            worked |= matches!(tap.poll(now), Turn::Worked(_));
        }
        for shard in &mut self.shards {
            worked |= matches!(shard.poll(now), Turn::Worked(_));
        }
        worked | matches!(self.collector.poll(now), Turn::Worked(_))
    }

    /// Keeps the end of the feed to itself: the stream will go on in a pipeline that
    /// [resumes](Self::resume) from here.
    pub fn hold_end(&mut self) {
        self.source.hold_end();
    }

    /// The source, for its names and errors.
    pub fn source(&mut self) -> &mut Source<F> {
        &mut self.source
    }

    /// The shards, for their books.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// The journal's stage, if there is one.
    pub fn tap(&self) -> Option<&Tap> {
        self.tap.as_ref()
    }

    /// How the journal is, if there is one.
    pub fn journaled(&self) -> Option<Journaled> {
        let tap = self.tap.as_ref()?;
        Some(Journaled::of(tap.durable(), tap.stalls(), self.collector.held()))
    }

    /// The collector, for its findings and errors.
    pub fn collector(&mut self) -> &mut Collector {
        &mut self.collector
    }

    /// Lets somebody else read latencies by interval while the pipeline runs. From then on
    /// [`latency`](Self::latency) is what was not read yet.
    pub fn intervals(&mut self) -> Intervals {
        let mut intervals = Intervals::new();
        intervals.watch(self.source.meter_mut());
        self.shards.iter_mut().for_each(|shard| intervals.watch(shard.meter_mut()));
        intervals.watch(self.collector.meter_mut());
        self.tap.iter_mut().for_each(|tap| intervals.watch(tap.meter_mut()));
        intervals
    }

    /// Lets somebody else read what the stages count, as of the last interval that was
    /// [called](Intervals::call) for.
    pub fn figures(&mut self) -> Figures {
        let durable = self.tap.as_ref().map(|tap| tap.durable().clone());
        let (tellers, figures) = figures(self.shards.len(), durable);
        self.source.tell_to(tellers.source);
        self.shards.iter_mut().zip(tellers.shards).for_each(|(shard, told)| shard.tell_to(told));
        self.collector.tell_to(tellers.collector);
        if let Some(tap) = &mut self.tap {
            tap.tell_to(tellers.journal);
        }
        figures
    }

    /// Lets the same reader see the gaps in the threads' time, in the next run, which follows this plan.
    pub fn watch_hiccups(&mut self, plan: &Plan, intervals: &mut Intervals) {
        let threads = plan.threads.iter().enumerate();
        let hiccups = threads.map(|(place, of)| Hiccups::watched_by(intervals, place, of));
        self.hiccups = hiccups.collect();
    }

    /// How long the stages took for the sampled events, in the order of an event's way.
    pub fn latency(&self) -> Stages {
        let mut stages = Stages::new();
        self.meters().for_each(|meter| meter.add_to(&mut stages));
        self.jitter.iter().for_each(|of| of.hiccups.add_rest_to(&mut stages));
        stages
    }

    fn meters(&self) -> impl Iterator<Item = &Meter> {
        let shards = self.shards.iter().map(Shard::meter);
        let ends = (std::iter::once(self.source.meter()), std::iter::once(self.collector.meter()));
        ends.0.chain(shards).chain(ends.1).chain(self.tap.iter().map(Tap::meter))
    }

    /// What came of it, once nothing is under way.
    pub fn outcome(&self) -> Outcome {
        let tally = self.source.tally();
        let mut faults = self.earlier_faults;
        self.panels().for_each(|panel| faults.add(&panel.faults()));
        self.shards.iter().for_each(|shard| faults.add(shard.outbox().faults()));
        faults.add(self.collector.outbox().faults());
        faults.add(&tally.faults);
        let ledger = self.collector.ledger();
        let owned = |counts: BTreeMap<&str, u64>| {
            counts.into_iter().map(|(k, v)| (k.to_string(), v)).collect()
        };
        Outcome {
            events: self.source.seq(),
            tally,
            faults,
            doubt: self.doubt(),
            stalls: self.source.stalls(),
            alerts: owned(ledger.counts(true)),
            signals: owned(ledger.counts(false)),
            findings_digest: ledger.digest(),
            books_digest: self.books_digest(),
            journaled: self.journaled(),
            latency: self.latency(),
            jitter: self.jitter.clone(),
        }
    }

    /// Which books are in doubt, wherever they lie.
    fn doubt(&self) -> Doubt {
        let books = self.shards.iter().flat_map(|shard| shard.panel().books().iter());
        Doubt::of(books, |subject| self.source.names().name(subject).to_owned())
    }

    /// One digest over all books, in the order of their subjects' ids, wherever they lie.
    fn books_digest(&self) -> Digest {
        let mut digest = Digest::default();
        for (subject, name) in self.source.names().subjects() {
            let shard = self
                .shards
                .iter()
                .find(|shard| shard.owns(subject))
                .expect("every subject has a shard");
            let books = shard.panel().books();
            if books.book(subject).is_some() {
                digest.add(name.as_bytes());
                digest.add(books.digest_of(subject).to_string().as_bytes());
            }
        }
        digest
    }

    fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.shards.iter().map(Shard::panel).chain(std::iter::once(self.collector.panel()))
    }

    /// Writes the state of everything behind the feed, and the faults that the feed has counted. Nothing
    /// may be under way: see [`step`](Self::step).
    pub fn save(&self, to: &mut Writer) {
        self.save_with(to, &self.source.tally().faults);
    }

    /// The same without the feed's own faults, for a feed that will count them again.
    pub fn save_behind_feed(&self, to: &mut Writer) {
        self.save_with(to, &FaultCounts::default());
    }

    fn save_with(&self, to: &mut Writer, of_feed: &FaultCounts) {
        to.part(self.source.names());
        to.u64(self.source.seq());
        to.part(self.collector.ledger());
        to.part(&self.faults_besides_panels(of_feed));
        to.list(&self.shards, |to, shard| to.versioned(PANEL_VERSION, |to| shard.panel().save(to)));
        to.versioned(PANEL_VERSION, |to| self.collector.panel().save(to));
    }

    fn faults_besides_panels(&self, of_feed: &FaultCounts) -> FaultCounts {
        let mut faults = self.earlier_faults;
        self.shards.iter().for_each(|shard| faults.add(shard.outbox().faults()));
        faults.add(self.collector.outbox().faults());
        faults.add(of_feed);
        faults
    }

    /// A pipeline that goes on where the saved one stood. The roster must be the same; the number of
    /// shards and the layout need not be.
    pub fn resume(
        feed: F,
        bounds: Directory,
        roster: &Roster,
        outlet: Box<dyn Outlet>,
        spec: Spec,
        saved: &[u8],
    ) -> Result<Self, SnapshotError> {
        let mut names = bounds;
        let mut from = Reader::new(saved);
        from.part(&mut names)?;
        let seq = from.u64()?;
        let clock = RealClock::new();
        let mut assembly = Self::from_seq(feed, names, roster, outlet, (spec, clock), seq);
        from.part(assembly.collector.ledger_mut())?;
        from.part(&mut assembly.earlier_faults)?;
        let shards = &mut assembly.shards;
        from.list(|from| {
            // Every shard picks its own subjects out of every saved one.
            let at = from.clone();
            for (number, shard) in (0..spec.shards).zip(shards.iter_mut()) {
                let mut again = at.clone();
                let own = |subject| owns(number, spec.shards, subject);
                again.versioned(PANEL_VERSION, |from| shard.panel_mut().load(from, own))?;
                *from = again;
            }
            Ok(())
        })?;
        from.versioned(PANEL_VERSION, |from| assembly.collector.panel_mut().load(from, |_| true))?;
        Ok(assembly)
    }
}

/// Raised whenever what a panel saves around its parts changes.
pub(crate) const PANEL_VERSION: u16 = 1;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Events sequenced, those that the engine added itself (definitions, gaps, the end) included.
    pub events: u64,
    /// What was read.
    pub tally: Tally,
    /// Everything that could not be taken as it came, by feed, books and observers.
    pub faults: FaultCounts,
    /// Those of the books by subject, and which books are stale.
    pub doubt: Doubt,
    /// Turns in which the feed was held back.
    pub stalls: u64,
    /// Alerts by pattern.
    pub alerts: BTreeMap<String, u64>,
    /// Signals by name.
    pub signals: BTreeMap<String, u64>,
    /// All findings in order.
    pub findings_digest: Digest,
    /// All books at the end.
    pub books_digest: Digest,
    /// What the journal came to, if there is one.
    pub journaled: Option<Journaled>,
    /// By stage, of the sampled events.
    pub latency: Stages,
    /// What the machine took from the threads, in the order of the plan.
    pub jitter: Arc<[Jitter]>,
}

impl Outcome {
    /// The figures by stage.
    pub fn percentiles(&self) -> impl Iterator<Item = (&str, Percentiles)> + '_ {
        self.latency.percentiles()
    }
}
