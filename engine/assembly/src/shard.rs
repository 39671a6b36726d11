//! The middle stage: a thread's turn around a panel.

use crate::lane::{LaneIn, Progress};
use engine_event::{Clock, Event, Nanos, RealClock, SubjectId};
use engine_observer::{Outbox, Panel};
use engine_pipeline::{Latency, Stage, Stamps, Turn};
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
    meter: Meter,
}

/// What a shard measures of the sampled events.
pub(crate) struct Meter {
    pub(crate) stamps: Stamps,
    pub(crate) clock: RealClock,
    /// From being sequenced to being looked at here.
    pub(crate) hop: Latency,
    /// The book's part.
    pub(crate) book: Latency,
    /// The observers' part.
    pub(crate) observe: Latency,
}

impl Meter {
    pub(crate) fn new(stamps: Stamps, clock: RealClock) -> Self {
        Self { stamps, clock, hop: Latency::new(), book: Latency::new(), observe: Latency::new() }
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
        meter: Meter,
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
            meter,
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

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.out
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Takes what is ready, until the batch is full or the lane is.
    fn take(&mut self) -> usize {
        let Self { events, panel, out, lane, meter, number, of, .. } = self;
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
                } else if meter.stamps.samples(event.seq) {
                    meter.observe(panel, event, out);
                } else {
                    panel.observe(event, out);
                }
                if !out.is_empty() && !lane.send(out) {
                    break;
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

impl Meter {
    fn observe(&mut self, panel: &mut Panel, event: &Event, out: &mut Outbox) {
        let start = self.clock.now();
        panel.pass(event, out);
        let change = panel.apply(event);
        let booked = self.clock.now();
        panel.show(event, &change, out);
        let done = self.clock.now();
        self.hop.record(start.since(self.stamps.get(event.seq)));
        self.book.record(booked.since(start));
        self.observe.record(done.since(booked));
    }
}

impl Stage for Shard {
    fn name(&self) -> &str {
        &self.name
    }

    fn poll(&mut self, _: Nanos) -> Turn {
        let Some(lane) = &mut self.lane else { return Turn::Done };
        let waited = !self.out.is_empty();
        if waited && !lane.send(&mut self.out) {
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
