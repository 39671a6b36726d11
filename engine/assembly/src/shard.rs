//! The middle stage: a thread's turn around a panel.

use crate::figures::Told;
use crate::lane::{LaneIn, Progress};
use crate::source::received_at;
use engine_event::{Clock, Event, FaultCounts, Nanos, RealClock, SubjectId};
use engine_observer::{Outbox, Panel};
use engine_pipeline::{Meter, Stage, Stamps, Turn};
use engine_ring::broadcast;

/// Books and observers of one in so many subjects.
pub struct Shard {
    name: String,
    number: u32,
    of: u32,
    events: Option<broadcast::Consumer<Event>>,
    panel: Panel,
    out: Outbox,
    lane: Option<LaneIn>,
    progress: Progress,
    seq: u64,
    /// When the event was received whose findings are in the outbox.
    received_at: Option<Nanos>,
    watch: Stopwatch,
    told: Option<Told<FaultCounts>>,
}

/// What a shard measures of the sampled events.
pub(crate) struct Stopwatch {
    stamps: Stamps,
    clock: RealClock,
    pub(crate) meter: Meter,
}

/// By its place in the meter.
mod of {
    /// From being sequenced to being looked at here.
    pub(super) const HOP: usize = 0;
    /// The book's part.
    pub(super) const BOOK: usize = 1;
    /// The observers' part.
    pub(super) const OBSERVE: usize = 2;
}

impl Stopwatch {
    pub(crate) fn new(stamps: Stamps, clock: RealClock) -> Self {
        Self { stamps, clock, meter: Meter::new(["hop", "book", "observe"]) }
    }
}

impl Shard {
    /// Events in one turn, at most: more than a source gives in one, so that on a shared thread the
    /// ring stays short and its slots stay in the cache.
    pub const BATCH: usize = 2 * 256;

    pub(crate) fn new(
        (number, of): (u32, u32),
        events: broadcast::Consumer<Event>,
        panel: Panel,
        (lane, progress): (LaneIn, Progress),
        watch: Stopwatch,
    ) -> Self {
        Self {
            name: format!("shard-{number}"),
            number,
            of,
            events: Some(events),
            panel,
            out: Outbox::new(),
            lane: Some(lane),
            progress,
            seq: 0,
            received_at: None,
            watch,
            told: None,
        }
    }

    /// Whether a subject is worked on here. What is about every subject is everybody's.
    #[inline]
    pub fn owns(&self, subject: SubjectId) -> bool {
        owns(self.number, self.of, subject)
    }

    /// Its books, observers and timers.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }

    pub(crate) fn panel_mut(&mut self) -> &mut Panel {
        &mut self.panel
    }

    /// From now on it tells its faults, whenever an interval begins.
    pub(crate) fn tell_to(&mut self, told: Told<FaultCounts>) {
        self.told = Some(told);
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.out
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.watch.meter
    }

    pub(crate) fn meter_mut(&mut self) -> &mut Meter {
        &mut self.watch.meter
    }

    /// Takes what is ready, until the batch is full or the lane is.
    fn take(&mut self) -> usize {
        let Self { events, panel, out, lane, watch, number, of, .. } = self;
        let (number, of) = (*number, *of);
        let (Some(events), Some(lane)) = (events, lane) else { return 0 };
        let mut taken = 0;
        while taken < Self::BATCH && out.is_empty() {
            let ready = events.readable();
            panel.look_ahead(ready, taken == 0, |subject| owns(number, of, subject));
            let ready = &ready[..ready.len().min(Panel::AHEAD)];
            let mut run = 0;
            for event in ready {
                run += 1;
                self.seq = event.seq;
                let own = event.subject == SubjectId::EVERY || owns(number, of, event.subject);
                if !own {
                    panel.pass(event, out);
                } else if watch.stamps.samples(event.seq) {
                    watch.observe(panel, event, out);
                } else {
                    panel.observe(event, out);
                }
                if !out.is_empty() {
                    self.received_at = received_at(event);
                    if !lane.send(out, self.received_at) {
                        break;
                    }
                }
            }
            if run == 0 {
                break;
            }
            events.advance(run);
            taken += run;
        }
        taken
    }

    fn tell_progress(&self) {
        // While findings of the last event wait for room, the shard is only past the one before.
        self.progress.set(self.seq - u64::from(!self.out.is_empty()));
    }
}

/// Subjects are dealt out in turn: their ids are dense, so shards get equal numbers of them.
#[inline]
pub(crate) fn owns(number: u32, of: u32, subject: SubjectId) -> bool {
    // A division is slow, and most numbers of shards need none.
    if of.is_power_of_two() { subject.0 & (of - 1) == number } else { subject.0 % of == number }
}

impl Stopwatch {
    fn observe(&mut self, panel: &mut Panel, event: &Event, out: &mut Outbox) {
        let start = self.clock.now();
        panel.pass(event, out);
        let change = panel.apply(event);
        let booked = self.clock.now();
        panel.show(event, &change, out);
        let done = self.clock.now();
        self.stamps.done(event.seq, done);
        self.meter.record(of::HOP, start.since(self.stamps.get(event.seq).sequenced));
        self.meter.record(of::BOOK, booked.since(start));
        self.meter.record(of::OBSERVE, done.since(booked));
    }
}

impl Stage for Shard {
    fn name(&self) -> &str {
        &self.name
    }

    fn poll(&mut self, _: Nanos) -> Turn {
        if self.watch.meter.turn()
            && let Some(told) = &mut self.told
        {
            let mut faults = self.panel.faults();
            faults.add(self.out.faults());
            told.tell(faults);
        }
        let Some(lane) = &mut self.lane else { return Turn::Done };
        let waited = !self.out.is_empty();
        if waited && !lane.send(&mut self.out, self.received_at) {
            return Turn::Idle;
        }
        let taken = self.take();
        if taken > 0 || waited {
            self.tell_progress();
        }
        let drained = self.events.as_ref().is_none_or(broadcast::Consumer::is_drained);
        if taken == 0 && drained && self.out.is_empty() {
            self.progress.set(Progress::END);
            self.abandon();
            return Turn::Done;
        }
        if taken > 0 { Turn::Worked(taken) } else { Turn::Idle }
    }

    fn abandon(&mut self) {
        self.events = None;
        self.lane = None;
    }
}
