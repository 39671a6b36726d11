//! Lines that tell their own place: put in order, told when one is missing, told once when one comes twice.
//!
//! A tape may have a column `sequence`: the venue's number of each line. A line that is ahead is kept until
//! those before it have come, or until [`WINDOW`] lines are kept, or until the tape's time is [`PATIENCE_NS`]
//! further; then what is missing is declared lost, as a `Gap` about everybody, for nobody knows whose lines
//! they were. A number that has been there already is dropped and counted. A tape that does not begin
//! with 1 begins with the lowest number of its first window.

use engine_event::body::Gap;
use engine_event::{Event, Fault, Nanos, SubjectId};
use engine_pipeline::Tally;
use std::collections::{BTreeMap, VecDeque};

/// How many lines are kept at most because others are missing before them.
pub(super) const WINDOW: usize = 1024;

/// For how long of the tape's time, in nanoseconds.
pub(super) const PATIENCE_NS: u64 = 1_000_000_000;

/// Puts lines in order.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The number that is next; none before the first line that is certain.
    next: Option<u64>,
    /// Lines that are ahead; none for one that became no event.
    kept: BTreeMap<u64, Option<Event>>,
    /// The latest time of a line.
    now: Nanos,
    /// In order, to be handed on.
    ready: VecDeque<Event>,
}

impl Sequence {
    /// Takes a line's event, or that it became none. Gives false if its number has been there.
    pub(super) fn take(
        &mut self,
        number: u64,
        at: Nanos,
        event: Option<Event>,
        tally: &mut Tally,
    ) -> bool {
        if number == 1 && self.next.is_none() {
            self.next = Some(1);
        }
        if self.next.is_some_and(|next| number < next) || self.kept.contains_key(&number) {
            return false;
        }
        self.now = self.now.max(at);
        self.kept.insert(number, event);
        self.follow();
        while self.is_overdue() {
            self.declare(tally);
        }
        true
    }

    /// No more lines will come: what is kept is handed on, with what is missing in between.
    pub(super) fn end(&mut self, tally: &mut Tally) {
        while !self.kept.is_empty() {
            self.declare(tally);
        }
    }

    /// The next event in order.
    pub(super) fn pop(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Whether events wait to be handed on.
    pub(super) fn is_waiting(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether the first of those that are kept has waited long enough.
    fn is_overdue(&self) -> bool {
        let mut kept = self.kept.values();
        let waits_since = kept.find_map(|event| event.map(|event| event.event_at));
        let late = waits_since.is_some_and(|at| self.now > at + Nanos(PATIENCE_NS));
        self.kept.len() > WINDOW || late
    }

    /// What is missing before the first of those that are kept is lost.
    fn declare(&mut self, tally: &mut Tally) {
        let Some((&first, event)) = self.kept.first_key_value() else { return };
        if let Some(next) = self.next.filter(|next| *next < first) {
            let at = event.map_or(self.now, |event| event.event_at);
            tally.gaps += 1;
            tally.fault(Fault::Missing, next);
            let gap = Gap::new(next, first - next, Fault::Missing);
            self.ready.push_back(Event::new(SubjectId::EVERY, at, gap));
        }
        self.next = Some(first);
        self.follow();
    }

    /// Hands on what follows without a hole.
    fn follow(&mut self) {
        while let Some(next) = self.next {
            let Some(event) = self.kept.remove(&next) else { return };
            self.ready.extend(event);
            self.next = next.checked_add(1);
        }
    }
}
