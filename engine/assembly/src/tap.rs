//! The journal's stage: copies the sequenced stream into it, names before the events that use them.

use crate::Naming;
use crate::figures::Told;
use crossbeam_channel::Receiver;
use engine_event::{Clock, Directory, Event, Nanos, RealClock};
use engine_journal::{Durable, Intake, side};
use engine_pipeline::{Meter, Stage, Stamps, Turn};
use engine_ring::broadcast;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use zerocopy::IntoBytes;

/// What happens to events when the disk has fallen so far behind that the journal has no room.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum WhenFull {
    /// They wait, and the feed with them.
    #[default]
    Wait,
    /// They are left out of the journal, which says so, until the disk has caught up by a quarter of what
    /// may wait; what is found by them is never final.
    LeaveOut,
}

/// A journal for a pipeline, not yet wired.
#[derive(Debug)]
pub struct Journal {
    pub(crate) intake: Intake,
    pub(crate) when_full: WhenFull,
    pub(crate) known: Directory,
}

impl Journal {
    /// A journal that holds no names yet.
    pub fn new(intake: Intake, when_full: WhenFull) -> Self {
        Self { intake, when_full, known: Directory::new(0) }
    }

    /// One that goes on: it holds these names, and its intake says which events.
    #[must_use]
    pub fn knowing(self, names: Directory) -> Self {
        Self { known: names, ..self }
    }
}

/// Feeds the journal. It gates the ring: nothing is overwritten before it is copied.
pub struct Tap {
    events: Option<broadcast::Consumer<Event>>,
    names: Receiver<Naming>,
    body: Vec<u8>,
    intake: Intake,
    when_full: WhenFull,
    /// Whether events are left out at the moment.
    leaves_out: bool,
    stop: Arc<AtomicBool>,
    stalls: u64,
    stamps: Stamps,
    clock: RealClock,
    unproven: Unproven,
    meter: Meter,
    told: Option<Told<u64>>,
}

/// Sampled events that are not known to be durable, and when they began.
#[derive(Debug)]
struct Unproven {
    events: VecDeque<(u64, Nanos)>,
    /// How far the journal was durable at the last look.
    seen: u64,
}

impl Unproven {
    /// More than these are not followed. One in 64 of all events that may wait is half as many.
    const MAX: usize = 1 << 16;
}

/// What a tap measures of the sampled events, by its place in the meter.
mod of {
    /// From the event's beginning, as the end to end has it, until it is known to be durable.
    pub(super) const DURABLE: usize = 0;
}

impl Tap {
    /// Events in one turn, at most: as many as a shard's.
    pub const BATCH: usize = 2 * 256;

    pub(crate) fn new(
        events: broadcast::Consumer<Event>,
        names: Receiver<Naming>,
        Journal { intake, when_full, .. }: Journal,
        stop: Arc<AtomicBool>,
        (stamps, clock): (Stamps, RealClock),
    ) -> Self {
        let seen = intake.durable().next();
        Self {
            events: Some(events),
            names,
            body: Vec::new(),
            intake,
            when_full,
            leaves_out: false,
            stop,
            stalls: 0,
            stamps,
            clock,
            unproven: Unproven { events: VecDeque::with_capacity(Unproven::MAX), seen },
            meter: Meter::new(["durable"]),
            told: None,
        }
    }

    /// How far the journal is safe, and what was done for it.
    pub fn durable(&self) -> &Durable {
        self.intake.durable()
    }

    /// Turns in which the journal had no room and the ring held the feed back.
    pub fn stalls(&self) -> u64 {
        self.stalls
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn meter_mut(&mut self) -> &mut Meter {
        &mut self.meter
    }

    /// From now on it tells its stalls, whenever an interval begins.
    pub(crate) fn tell_to(&mut self, told: Told<u64>) {
        self.told = Some(told);
    }

    /// Copies what is ready, as far as there is room.
    fn copy(&mut self, now: Nanos) -> usize {
        let Self { events, intake, stamps, unproven, leaves_out, .. } = self;
        let Some(events) = events else { return 0 };
        let mut passed = 0;
        while passed < Self::BATCH {
            let ready = events.readable();
            let Some(first) = ready.first() else { break };
            let ready = &ready[..ready.len().min(Self::BATCH - passed)];
            let next = intake.next();
            if first.seq < next {
                // Replayed: the journal has it.
                let known = ready.len().min((next - first.seq) as usize);
                events.advance(known);
                passed += known;
                continue;
            }
            // What the ring shows was published after the names in it were told.
            if !self.names.is_empty() {
                note(&self.names, &mut self.body, intake, now);
            }
            if first.seq > next {
                intake.leave_out(next, first.seq - 1);
            }
            *leaves_out = *leaves_out && !intake.has_caught_up();
            let room = if *leaves_out { 0 } else { intake.room() };
            if room == 0 {
                if self.when_full == WhenFull::Wait {
                    self.stalls += 1;
                    break;
                }
                *leaves_out = true;
                let (last, count) = (first.seq + ready.len() as u64 - 1, ready.len());
                intake.leave_out(first.seq, last);
                events.advance(count);
                passed += count;
                continue;
            }
            let ready = &ready[..ready.len().min(room)];
            unproven.follow(ready, stamps);
            intake.put(ready, now);
            let count = ready.len();
            events.advance(count);
            passed += count;
        }
        passed
    }

    /// Looks how far the journal has become durable meanwhile.
    fn look(&mut self) {
        let durable = self.intake.durable();
        let next = durable.next();
        if next != self.unproven.seen {
            self.unproven.seen = next;
            let now = self.clock.now();
            while let Some((seq, began)) = self.unproven.events.front()
                && *seq < next
            {
                self.meter.record(of::DURABLE, now.since(*began));
                self.unproven.events.pop_front();
            }
        }
        if durable.has_failed() {
            // What is found cannot become final any more: the run stops.
            self.stop.store(true, Relaxed);
        }
    }
}

impl Unproven {
    #[inline]
    fn follow(&mut self, events: &[Event], stamps: &Stamps) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        let every = stamps.every();
        let mut sampled = first.seq.next_multiple_of(every);
        while sampled <= last.seq && self.events.len() < Self::MAX {
            self.events.push_back((sampled, stamps.get(sampled).began));
            sampled += every;
        }
    }
}

#[cold]
fn note(names: &Receiver<Naming>, body: &mut Vec<u8>, intake: &mut Intake, now: Nanos) {
    for naming in names.try_iter() {
        let (kind, name, definition) = match &naming {
            Naming::Subject(name, definition) => (side::SUBJECT, name, definition.as_bytes()),
            Naming::Participant(name) => (side::PARTICIPANT, name, &[][..]),
            Naming::Venue(name) => (side::VENUE, name, &[][..]),
            Naming::Metric(name) => (side::METRIC, name, &[][..]),
        };
        body.clear();
        body.extend(definition);
        body.extend(name.as_bytes());
        intake.note(kind, body, now);
    }
}

impl Stage for Tap {
    fn name(&self) -> &str {
        "journal"
    }

    fn poll(&mut self, now: Nanos) -> Turn {
        if self.meter.turn()
            && let Some(told) = &mut self.told
        {
            told.tell(self.stalls);
        }
        let copied = self.copy(now);
        self.look();
        if self.events.as_ref().is_some_and(|events| !events.is_drained()) {
            self.intake.turn(now);
            return if copied > 0 { Turn::Worked(copied) } else { Turn::Idle };
        }
        self.events = None;
        self.intake.close();
        if self.intake.is_over() {
            self.look(); // what became durable last
            return Turn::Done;
        }
        if copied > 0 { Turn::Worked(copied) } else { Turn::Waits }
    }

    fn abandon(&mut self) {
        self.events = None;
        self.intake.give_up("the stage that feeds it has panicked");
    }
}
