//! The last stage: the shards' findings become one sequence.

use crate::figures::{Counted, Told};
use crate::lane::{LaneOut, Progress};
use crate::source::received_at;
use crate::{Ledger, Roll};
use engine_event::{Clock, Event, Nanos, RealClock, WallClock};
use engine_observer::{Alert, Finding, Found, Outbox, Panel};
use engine_pipeline::{Meter, Stage, Stamps, Timing, Turn};
use engine_ring::broadcast;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Where findings go when they leave the engine.
pub trait Outlet: Send {
    /// Takes a finding; names are those of the stream so far.
    fn take(&mut self, finding: &Finding, alert: Option<&Alert>, roll: &mut Roll)
    -> io::Result<()>;

    /// Writes out whatever is held back. Called when there is nothing to do, and at the end.
    fn flush(&mut self) -> io::Result<()>;
}

/// Merges the shards' findings by their place, shows the stream to observers of global scope, and
/// hands everything to the outlet.
pub struct Collector {
    events: Option<broadcast::Consumer<Event>>,
    lanes: Vec<LaneOut>,
    panel: Panel,
    out: Outbox,
    /// Every finding of events up to here has left.
    released: u64,
    release: Release,
    stamps: Stamps,
    clock: RealClock,
    meter: Meter,
    timing: Timing,
    told: Option<Told<Counted>>,
    broken: bool,
}

/// What a collector measures of the sampled events, by its place in the meter.
mod of {
    /// From the observers' end to the findings' being handed to the outlet.
    pub(super) const RELEASE: usize = 0;
    /// From the event's beginning, wherever that is known to be, to the same.
    pub(super) const END_TO_END: usize = 1;
    /// Of a paced feed: from the time at which the event was due to the same.
    pub(super) const OPEN_LOOP: usize = 2;
    /// Of a live feed: of every alert, from when the last event of its evidence was received to the same.
    pub(super) const ALERT: usize = 2;
}

/// Where released findings go.
struct Release {
    ledger: Ledger,
    outlet: Box<dyn Outlet>,
    roll: Roll,
    unflushed: bool,
    error: Option<io::Error>,
    stop: Arc<AtomicBool>,
}

impl Release {
    fn finding(&mut self, finding: &Finding, alert: Option<&Alert>) {
        self.ledger.enter(finding, alert);
        if self.error.is_none() {
            self.unflushed = true;
            let taken = self.outlet.take(finding, alert, &mut self.roll);
            self.check(taken);
        }
    }

    fn flush(&mut self) {
        if self.unflushed {
            self.unflushed = false;
            let flushed = self.outlet.flush();
            self.check(flushed);
        }
    }

    /// Findings that cannot be written must not be lost unnoticed: the run stops.
    fn check(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.error.get_or_insert(error);
            self.stop.store(true, Relaxed);
        }
    }
}

impl Collector {
    /// Findings, or events of global interest, in one turn.
    pub const BATCH: usize = 1024;

    #[allow(clippy::too_many_arguments)] // called once, by the assembly
    pub(crate) fn new(
        events: broadcast::Consumer<Event>,
        lanes: Vec<LaneOut>,
        panel: Panel,
        outlet: Box<dyn Outlet>,
        roll: Roll,
        stop: Arc<AtomicBool>,
        (stamps, clock): (Stamps, RealClock),
        timing: Timing,
    ) -> Self {
        let release = Release {
            ledger: Ledger::default(),
            outlet,
            roll,
            unflushed: false,
            error: None,
            stop,
        };
        let more = match timing {
            Timing::AsRead => None,
            Timing::Received => Some("alert"),
            Timing::Due => Some("open_loop"),
        };
        Self {
            events: Some(events),
            lanes,
            panel,
            out: Outbox::new(),
            released: 0,
            release,
            stamps,
            clock,
            meter: Meter::new(["release", "end_to_end"].into_iter().chain(more)),
            timing,
            told: None,
            broken: false,
        }
    }

    /// What was found so far.
    pub fn ledger(&self) -> &Ledger {
        &self.release.ledger
    }

    pub(crate) fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.release.ledger
    }

    /// The names as this end knows them.
    pub fn roll(&mut self) -> &mut Roll {
        &mut self.release.roll
    }

    /// Why findings could not be written, if so.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.release.error.take()
    }

    pub(crate) fn panel(&self) -> &Panel {
        &self.panel
    }

    pub(crate) fn panel_mut(&mut self) -> &mut Panel {
        &mut self.panel
    }

    /// From now on it tells what was found, whenever an interval begins.
    pub(crate) fn tell_to(&mut self, told: Told<Counted>) {
        self.told = Some(told);
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.out
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn meter_mut(&mut self) -> &mut Meter {
        &mut self.meter
    }

    pub(crate) fn start_after(&mut self, seq: u64) {
        self.released = seq;
    }

    /// Releases the shards' findings of events up to `seq` in the one order, at most `most`. Returns how
    /// many, and whether those were all.
    fn merge(&mut self, seq: u64, most: usize) -> (usize, bool) {
        for count in 0..most {
            let Some(lane) = earliest(&mut self.lanes, seq) else { return (count, true) };
            match lane.head() {
                // Nearly all are signals: they are not moved before they are gone.
                Some(signal @ Finding { found: Found::Signal(_), .. }) => {
                    self.release.finding(signal, None);
                    lane.pass();
                }
                _ => {
                    let (finding, raised) = lane.take().expect("its head was seen");
                    self.release.finding(&finding, raised.as_ref().map(|raised| &raised.alert));
                    if let Some(raised) = raised {
                        self.alerted(raised.received_at);
                    }
                }
            }
        }
        (most, false)
    }

    /// Shows an event to the observers of global scope and releases what they find.
    fn show(&mut self, event: &Event) {
        self.panel.observe(event, &mut self.out);
        let (findings, alerts) = self.out.contents();
        let (mut alerts, mut raised) = (alerts.iter(), 0);
        for finding in findings {
            let alert = if finding.found == Found::Alert { alerts.next() } else { None };
            self.release.finding(finding, alert);
            raised += u32::from(alert.is_some());
        }
        self.out.clear();
        (0..raised).for_each(|_| self.alerted(received_at(event)));
    }

    /// An alert was handed to the outlet. It is no sample: every one of them counts.
    fn alerted(&mut self, received_at: Option<Nanos>) {
        if self.timing == Timing::Received
            && let Some(received_at) = received_at
        {
            // By the clock that stamped it.
            self.meter.record(of::ALERT, WallClock.now().since(received_at));
        }
    }

    /// Takes leave of the events up to `seq`, whose findings have all been released.
    fn pass(&mut self, seq: u64) {
        let Some(events) = &mut self.events else { return };
        let mut left = seq - self.released;
        while left > 0 {
            let ready = (events.readable().len() as u64).min(left);
            events.advance(ready as usize);
            left -= ready;
        }
        let every = self.stamps.every();
        let first = (self.released / every + 1) * every;
        if first <= seq {
            let now = self.clock.now();
            for sampled in (first..=seq).step_by(every as usize) {
                let stamp = self.stamps.get(sampled);
                if let Some(done) = stamp.done {
                    self.meter.record(of::RELEASE, now.since(done));
                }
                self.meter.record(of::END_TO_END, now.since(stamp.began));
                if let Some(due) = stamp.due {
                    self.meter.record(of::OPEN_LOOP, now.since(due));
                }
            }
        }
        self.released = seq;
    }

    /// Releases what the shards have passed.
    fn collect(&mut self) -> usize {
        let passed =
            self.lanes.iter().map(|lane| lane.progress.get()).min().unwrap_or(Progress::END);
        let Some(events) = &mut self.events else { return 0 };
        // What is published is the most that can be passed: `END` says only that there is no more.
        let passed = passed.min(self.released + events.len() as u64);
        if self.panel.is_empty() {
            let (count, all) = self.merge(passed, Self::BATCH);
            if all && passed > self.released {
                self.pass(passed);
                return count + 1;
            }
            return count;
        }
        let mut count = 0;
        while self.released < passed && count < Self::BATCH {
            let seq = self.released + 1;
            let (merged, all) = self.merge(seq, Self::BATCH - count);
            count += merged;
            if !all {
                break;
            }
            let event = self.events.as_mut().and_then(|events| events.readable().first().copied());
            let event = event.expect("an event that was passed is readable");
            self.show(&event);
            self.pass(seq);
            count += 1;
        }
        count
    }
}

/// The lane whose next finding is the earliest of all, if it is of an event up to `seq`.
#[inline]
fn earliest(lanes: &mut [LaneOut], seq: u64) -> Option<&mut LaneOut> {
    let is_ready = |lane: &LaneOut| lane.head().is_some_and(|head| head.place.seq <= seq);
    match lanes {
        [only] => is_ready(only).then_some(only),
        lanes => {
            let ready = lanes.iter_mut().filter(|lane| is_ready(lane));
            ready.min_by_key(|lane| lane.head().map(|head| head.place))
        }
    }
}

impl Stage for Collector {
    fn name(&self) -> &str {
        "collector"
    }

    fn poll(&mut self, _: Nanos) -> Turn {
        if self.meter.turn()
            && let Some(told) = &mut self.told
        {
            let mut faults = self.panel.faults();
            faults.add(self.out.faults());
            told.tell(Counted::of(self.release.ledger.tallied(), faults));
        }
        let count = self.collect();
        if count > 0 {
            return Turn::Worked(count);
        }
        if self.lanes.iter_mut().any(LaneOut::spill_if_full) {
            return Turn::Worked(1);
        }
        self.release.flush();
        let Some(events) = &self.events else { return Turn::Done };
        let ended = self.lanes.iter().all(|lane| lane.progress.get() == Progress::END);
        if ended && events.is_drained() {
            self.abandon();
            return Turn::Done;
        }
        if self.lanes.iter().any(LaneOut::is_broken) {
            // A shard has panicked: nothing after what it passed can be put in order any more.
            self.broken = true;
            self.abandon();
            return Turn::Done;
        }
        Turn::Idle
    }

    fn abandon(&mut self) {
        self.events = None;
        self.lanes.clear();
        self.release.unflushed = true;
        self.release.flush();
    }
}
