//! The last stage: the shards' findings become one sequence.

use crate::figures::{Counted, Told};
use crate::held::{Held, Holding};
use crate::lane::{LaneOut, Progress};
use crate::source::received_at;
use crate::{Ledger, Roll};
use engine_event::{Clock, Event, Nanos, RealClock, WallClock};
use engine_journal::Durable;
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

    /// Where there is a journal, and if it [wants](Self::wants_provisional) this: takes a finding at once,
    /// which may still be lost with the power. It is [taken](Self::take) when its event is durable, or
    /// [never](crate::Withheld).
    fn provisional(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        let _ = (finding, alert, roll);
        Ok(())
    }

    /// Where there is a journal: every event before `next` is durable or left out for good, and the
    /// findings of those that are durable have been taken.
    fn final_up_to(&mut self, next: u64) -> io::Result<()> {
        let _ = next;
        Ok(())
    }

    /// Whether signals are wanted as well as alerts. Where there is a journal, those that nobody wants
    /// need not be held until they are final. Asked once, before the pipeline begins.
    fn wants_signals(&self) -> bool {
        true
    }

    /// Whether it wants to be told [provisionally](Self::provisional) of what is not final. Asked once,
    /// too.
    fn wants_provisional(&self) -> bool {
        false
    }

    /// A turn of the collector, for an outlet that does something after a time.
    fn turn(&mut self, now: Nanos) -> io::Result<()> {
        let _ = now;
        Ok(())
    }

    /// Nothing will follow. Asked again and again until it says that everything is where it belongs, or
    /// that it cannot be; and once if the collector panics.
    fn close(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

impl<O: Outlet + ?Sized> Outlet for Box<O> {
    fn take(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        (**self).take(finding, alert, roll)
    }

    fn flush(&mut self) -> io::Result<()> {
        (**self).flush()
    }

    fn provisional(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        (**self).provisional(finding, alert, roll)
    }

    fn final_up_to(&mut self, next: u64) -> io::Result<()> {
        (**self).final_up_to(next)
    }

    fn wants_signals(&self) -> bool {
        (**self).wants_signals()
    }

    fn wants_provisional(&self) -> bool {
        (**self).wants_provisional()
    }

    fn turn(&mut self, now: Nanos) -> io::Result<()> {
        (**self).turn(now)
    }

    fn close(&mut self) -> io::Result<bool> {
        (**self).close()
    }
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
    /// Where there is a journal: what is not final yet.
    held: Option<Held>,
    roll: Roll,
    unflushed: bool,
    error: Option<io::Error>,
    stop: Arc<AtomicBool>,
}

impl Release {
    fn finding(&mut self, finding: &Finding, alert: Option<&Alert>) {
        self.ledger.enter(finding, alert);
        if self.error.is_none() {
            let taken = match &mut self.held {
                None => self.outlet.take(finding, alert, &mut self.roll),
                Some(held) => held.take(finding, alert, (&mut *self.outlet, &mut self.roll)),
            };
            self.unflushed = true;
            self.check(taken);
        }
    }

    /// Whether no more findings can be taken before the disk has answered.
    #[inline]
    fn is_full(&self) -> bool {
        self.held.as_ref().is_some_and(Held::is_full)
    }

    /// Hands on what has become final, at most `most`; returns how many findings that were.
    fn proceed(&mut self, most: usize) -> usize {
        let Some(held) = &mut self.held else { return 0 };
        if self.error.is_some() {
            held.withhold_all();
            return 0;
        }
        let (count, handed_on) = held.proceed((&mut *self.outlet, &mut self.roll), most);
        self.unflushed |= count > 0;
        self.check(handed_on);
        count
    }

    fn turn(&mut self, now: Nanos) {
        if self.error.is_none() {
            let turned = self.outlet.turn(now);
            self.check(turned);
        }
    }

    /// Whether everything is where it belongs, once nothing follows.
    fn close(&mut self) -> bool {
        if self.held.as_ref().is_some_and(|held| !held.is_empty()) {
            return false;
        }
        self.unflushed = true;
        self.flush();
        // Even if findings could not be written: of several outlets, that was one.
        let closed = self.outlet.close();
        let is_closed = !matches!(closed, Ok(false));
        self.check(closed.map(drop));
        is_closed
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
            held: None,
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

    /// From now on findings wait until their events are durable.
    pub(crate) fn hold_until(&mut self, durable: Durable) {
        self.release.held = Some(Held::new(durable, &*self.release.outlet));
    }

    /// What was held back, and what for good; nothing without a journal.
    pub fn held(&self) -> Holding {
        self.release.held.as_ref().map(Held::told).unwrap_or_default()
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
        let mut count = 0;
        loop {
            // Nearly all are signals: they are not moved before they are gone.
            if let [only] = &mut self.lanes[..] {
                let release = &mut self.release;
                count += only.pass_signals(seq, most - count, |signal| {
                    let takes = !release.is_full();
                    if takes {
                        release.finding(signal, None);
                    }
                    takes
                });
            }
            if count == most || self.release.is_full() {
                return (count, false);
            }
            let Some(lane) = earliest(&mut self.lanes, seq) else { return (count, true) };
            match lane.head() {
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
            count += 1;
        }
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

    fn let_go(&mut self) {
        self.events = None;
        self.lanes.clear();
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
        while self.released < passed && count < Self::BATCH && !self.release.is_full() {
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

    fn poll(&mut self, now: Nanos) -> Turn {
        if self.meter.turn()
            && let Some(told) = &mut self.told
        {
            let mut faults = self.panel.faults();
            faults.add(self.out.faults());
            let held = self.release.held.as_ref().map(Held::told).unwrap_or_default();
            told.tell(Counted::of(self.release.ledger.tallied(), faults, held));
        }
        self.release.turn(now);
        let count = self.release.proceed(Self::BATCH) + self.collect();
        if count > 0 {
            return Turn::Worked(count);
        }
        if let Some(held) = self.release.held.as_mut().filter(|held| held.is_full()) {
            // What cannot leave must not come in either: the lanes fill, and the shards wait.
            held.stalled();
            self.release.flush();
            return Turn::Idle;
        }
        if self.lanes.iter_mut().any(LaneOut::spill_if_full) {
            return Turn::Worked(1);
        }
        self.release.flush();
        if let Some(events) = &self.events {
            let ended = self.lanes.iter().all(|lane| lane.progress.get() == Progress::END);
            let has_ended = ended && events.is_drained();
            if !has_ended && self.lanes.iter().any(LaneOut::is_broken) {
                // A shard has panicked: nothing after what it passed can be put in order any more.
                self.broken = true;
            }
            if !has_ended && !self.broken {
                return Turn::Idle;
            }
            self.let_go();
        }
        if self.release.close() { Turn::Done } else { Turn::Waits }
    }

    fn abandon(&mut self) {
        self.let_go();
        if let Some(held) = &mut self.release.held {
            held.withhold_all();
        }
        self.release.unflushed = true;
        self.release.flush();
        // Whoever writes for the outlet on a thread of its own must not wait for more.
        let closed = self.release.outlet.close();
        self.release.check(closed.map(drop));
    }
}
