//! The way of findings from one shard to the collector.

use crossbeam_utils::CachePadded;
use engine_event::Nanos;
use engine_observer::{Alert, Finding, Found, Outbox};
use engine_ring::spsc;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a shard is: every finding of events up to here is in its lane.
#[derive(Clone, Default, Debug)]
pub(crate) struct Progress(Arc<CachePadded<AtomicU64>>);

impl Progress {
    /// There will be nothing more.
    pub(crate) const END: u64 = u64::MAX;

    pub(crate) fn set(&self, seq: u64) {
        self.0.store(seq, Ordering::Release); // partner: `get`; findings pushed before are seen after it
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire) // partner: `set`
    }
}

/// An alert on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raised {
    pub(crate) alert: Alert,
    /// When the event was received that completed its evidence, if it was.
    pub(crate) received_at: Option<Nanos>,
}

/// The shard's end.
pub(crate) struct LaneIn {
    findings: spsc::Producer<Finding>,
    alerts: spsc::Producer<Raised>,
    /// What of the outbox is on its way already.
    sent: (usize, usize),
}

/// The collector's end.
pub(crate) struct LaneOut {
    findings: spsc::Consumer<Finding>,
    alerts: spsc::Consumer<Raised>,
    capacity: (usize, usize),
    spilled: VecDeque<Finding>,
    spilled_alerts: VecDeque<Raised>,
    pub(crate) progress: Progress,
}

/// A lane that holds so many findings, and a sixteenth as many alerts.
pub(crate) fn lane(capacity: usize) -> (LaneIn, LaneOut, Progress) {
    let progress = Progress::default();
    let alerts_capacity = (capacity / 16).max(2);
    let (findings, findings_out) = spsc(capacity);
    let (alerts, alerts_out) = spsc(alerts_capacity);
    let out = LaneOut {
        findings: findings_out,
        alerts: alerts_out,
        capacity: (capacity, alerts_capacity),
        spilled: VecDeque::new(),
        spilled_alerts: VecDeque::new(),
        progress: progress.clone(),
    };
    (LaneIn { findings, alerts, sent: (0, 0) }, out, progress)
}

impl LaneIn {
    /// Sends what an event, received at `received_at`, has left in the outbox, an alert's evidence before
    /// the word of it. Returns whether all of it found room; if not, it is called again later with the
    /// same outbox.
    pub(crate) fn send(&mut self, out: &mut Outbox, received_at: Option<Nanos>) -> bool {
        let (findings, alerts) = out.contents();
        if alerts.is_empty() {
            // Nearly always there are only signals: they go together.
            self.sent.0 += self.findings.push_slice(&findings[self.sent.0..]);
            if self.sent.0 < findings.len() {
                return false;
            }
        }
        for finding in &findings[self.sent.0..] {
            if finding.found == Found::Alert {
                let raised = Raised { alert: alerts[self.sent.1], received_at };
                if !self.findings.has_room(1) || self.alerts.push(raised).is_err() {
                    return false;
                }
                self.sent.1 += 1;
            }
            if self.findings.push(*finding).is_err() {
                return false;
            }
            self.sent.0 += 1;
        }
        self.sent = (0, 0);
        out.clear();
        true
    }
}

impl LaneOut {
    /// The next finding.
    #[inline]
    pub(crate) fn head(&self) -> Option<&Finding> {
        self.spilled.front().or_else(|| self.findings.peek())
    }

    /// Takes the next finding, with its evidence if it is an alert.
    pub(crate) fn take(&mut self) -> Option<(Finding, Option<Raised>)> {
        let finding = self.spilled.pop_front().or_else(|| self.findings.pop())?;
        let alert = match finding.found {
            Found::Signal(_) => None,
            Found::Alert => self.spilled_alerts.pop_front().or_else(|| self.alerts.pop()),
        };
        Some((finding, alert))
    }

    /// Forgets the next finding, a signal that was looked at where it lies.
    #[inline]
    pub(crate) fn pass(&mut self) {
        if self.spilled.pop_front().is_none() {
            self.findings.pop();
        }
    }

    /// Passes signals of events up to `seq`, at most `most`, where they lie, until one is not taken; returns
    /// how many. None while findings are put aside.
    #[inline]
    pub(crate) fn pass_signals(
        &mut self,
        seq: u64,
        most: usize,
        mut takes: impl FnMut(&Finding) -> bool,
    ) -> usize {
        if !self.spilled.is_empty() {
            return 0;
        }
        self.findings.take_while(most, |finding| {
            finding.place.seq <= seq && finding.found != Found::Alert && takes(finding)
        })
    }

    /// Makes room in a full lane whose head cannot be released yet.
    ///
    /// One event can let more timers pass than the lane holds findings. Its findings wait for the end
    /// of the event, and the end of the event waits for room: so they are put aside. The bound is what
    /// one event can find, together with what a shard can find while another one lags by a ring.
    pub(crate) fn spill_if_full(&mut self) -> bool {
        let full = self.findings.len() == self.capacity.0 || self.alerts.len() == self.capacity.1;
        if full {
            while let Some(finding) = self.findings.pop() {
                self.spilled.push_back(finding);
            }
            while let Some(alert) = self.alerts.pop() {
                self.spilled_alerts.push_back(alert);
            }
        }
        full
    }

    /// Whether the shard is gone without having come to its end.
    pub(crate) fn is_broken(&self) -> bool {
        self.findings.is_closed() && self.progress.get() != Progress::END
    }
}
