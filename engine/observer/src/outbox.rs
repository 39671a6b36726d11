//! Where observers put what they find.

use crate::{Alert, Finding, Found, Place, Signal, Unit};
use engine_event::{Event, Fault, FaultCounts, MetricId, Nanos, ParticipantId, SubjectId};

/// Findings of one turn, with all the room they may take already there.
///
/// The panel sets the context before it calls an observer, so an observer cannot say anything under
/// another's name, of another subject or at another time.
#[derive(Debug)]
pub struct Outbox {
    findings: Vec<Finding>,
    alerts: Vec<Alert>,
    place: Place,
    at: Nanos,
    signature: (&'static str, u64),
    wake: Option<Nanos>,
    faults: FaultCounts,
    question: Option<Question>,
    considered: Vec<Alert>,
}

/// Why was there no alert? Whoever considers one in this time is to say what did not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// About which subject.
    pub subject: SubjectId,
    /// About whom; about everybody if nobody is named.
    pub participant: Option<ParticipantId>,
    /// From when.
    pub from: Nanos,
    /// To when.
    pub to: Nanos,
}

impl Outbox {
    /// Findings that one call of an observer may add. One more is refused and counted.
    pub const FINDINGS_MAX: usize = 256;
    /// Alerts that were considered and are kept for the one who asked.
    pub const CONSIDERED_MAX: usize = 65_536;

    /// An empty outbox.
    pub fn new() -> Self {
        Self {
            findings: Vec::with_capacity(2 * Self::FINDINGS_MAX),
            alerts: Vec::with_capacity(2 * Self::FINDINGS_MAX),
            place: Place {
                seq: 0,
                due: Nanos::END,
                subject: SubjectId::EVERY,
                observer: 0,
                ordinal: 0,
            },
            at: Nanos(0),
            signature: ("", 0),
            wake: None,
            faults: FaultCounts::default(),
            question: None,
            considered: Vec::new(),
        }
    }

    /// Asks why there is no alert: what is [considered](Self::consider) from now on is kept.
    pub fn ask(&mut self, question: Question) {
        self.question = Some(question);
    }

    /// The question, while it is about the subject and the time at hand.
    #[inline]
    pub fn question(&self) -> Option<&Question> {
        let is_asked = |asked: &&Question| {
            asked.subject == self.place.subject && (asked.from..=asked.to).contains(&self.at)
        };
        self.question.as_ref().filter(is_asked)
    }

    /// An alert that is not raised, with the conditions that hold and those that do not. Kept only if
    /// somebody has asked, and only so many.
    pub fn consider(&mut self, alert: Alert) {
        if self.question().is_some() && self.considered.len() < Self::CONSIDERED_MAX {
            let (pattern, parameters) = self.signature;
            let (last_seq, last_event_at) = (self.place.seq, self.at);
            self.considered.push(Alert { pattern, parameters, last_seq, last_event_at, ..alert });
        }
    }

    /// What was considered since somebody asked, and was not taken yet.
    pub fn considered(&self) -> &[Alert] {
        &self.considered
    }

    /// Takes what was considered, so that there is room for more.
    pub fn take_considered(&mut self) -> impl Iterator<Item = Alert> + '_ {
        self.considered.drain(..)
    }

    /// A number under a name, about the subject at hand: a ratio, a count, a rate. A value that is not
    /// finite says nothing and is counted as a fault.
    #[inline]
    pub fn signal(&mut self, name: &'static str, value: f64) {
        self.say(Signal { name, value, unit: Unit::Plain });
    }

    /// The same for a price in the subject's own units.
    #[inline]
    pub fn price(&mut self, name: &'static str, value: f64) {
        self.say(Signal { name, value, unit: Unit::Price });
    }

    /// The same for a value of one of the subject's metrics.
    #[inline]
    pub fn metric(&mut self, name: &'static str, metric: MetricId, value: f64) {
        self.say(Signal { name, value, unit: Unit::Metric(metric) });
    }

    #[inline]
    fn say(&mut self, signal: Signal) {
        if signal.value.is_finite() {
            self.find(Found::Signal(signal));
        } else {
            self.faults.count(Fault::OutOfRange);
        }
    }

    /// An alert about the subject at hand. Pattern and parameters are those of the observer, whatever
    /// the alert says.
    pub fn alert(&mut self, alert: Alert) {
        if self.find(Found::Alert) {
            let (pattern, parameters) = self.signature;
            self.alerts.push(Alert { pattern, parameters, ..alert });
        }
    }

    /// Asks to be called by `on_time` once event time has reached `due`. There is one timer for each
    /// observer and subject: of several requests the earliest holds.
    pub fn wake_at(&mut self, due: Nanos) {
        self.wake = Some(self.wake.map_or(due, |earlier| earlier.min(due)));
    }

    /// Counts something that the observer could not take as it came.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.count(fault);
    }

    /// The event or timer that is being looked at is about this subject.
    pub fn subject(&self) -> SubjectId {
        self.place.subject
    }

    /// The event that is being looked at, or that let the timer pass.
    pub fn seq(&self) -> u64 {
        self.place.seq
    }

    fn find(&mut self, found: Found) -> bool {
        if usize::from(self.place.ordinal) >= Self::FINDINGS_MAX {
            self.faults.count(Fault::OutboxFull);
            return false;
        }
        self.findings.push(Finding { place: self.place, at: self.at, found });
        self.place.ordinal += 1;
        true
    }

    /// What follows is found because of `event`.
    #[inline]
    pub(crate) fn at_event(&mut self, event: &Event, subject: SubjectId, now: Nanos) {
        self.place = Place { seq: event.seq, due: Nanos::END, subject, observer: 0, ordinal: 0 };
        self.at = now;
    }

    /// What follows is found because a timer is due, which the event `seq` let pass.
    pub(crate) fn at_timer(&mut self, seq: u64, subject: SubjectId, due: Nanos) {
        self.place = Place { seq, due, subject, observer: 0, ordinal: 0 };
        self.at = due;
    }

    /// What follows is found by the observer at this place of the roster.
    #[inline]
    pub(crate) fn by(&mut self, observer: u16) {
        self.place.observer = observer;
        self.place.ordinal = 0;
    }

    /// What follows is found by one of several patterns that an observer holds, under its own name and the
    /// hash of its own parameters.
    #[inline]
    pub fn by_part(&mut self, name: &'static str, parameters: u64) {
        self.signature = (name, parameters);
    }

    /// Its name and the hash of its parameters.
    #[inline]
    pub(crate) fn sign(&mut self, name: &'static str, parameters: u64) {
        self.signature = (name, parameters);
    }

    #[inline]
    pub(crate) fn take_wake(&mut self) -> Option<Nanos> {
        self.wake.take()
    }

    /// Whether there is nothing to send.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// What was found and not yet cleared, in order; the alerts' evidence in its own lane, one for each
    /// [`Found::Alert`].
    pub fn contents(&self) -> (&[Finding], &[Alert]) {
        (&self.findings, &self.alerts)
    }

    /// Everything was sent.
    pub fn clear(&mut self) {
        self.findings.clear();
        self.alerts.clear();
    }

    /// What observers could not take, and findings that were refused.
    pub fn faults(&self) -> &FaultCounts {
        &self.faults
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}
