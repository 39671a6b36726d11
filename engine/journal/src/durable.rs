//! How far a journal is safe: one number that the writer raises and others look at.

use crate::Kept;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Arc, Mutex};

/// What the writer lets everybody see. Cheap to look at, cheap to clone.
#[derive(Clone, Debug)]
pub struct Durable(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Everything before this number is durable, but for the holes.
    next: AtomicU64,
    failed: AtomicBool,
    closed: AtomicBool,
    failure: Mutex<Option<String>>,
    /// Numbers that will never be durable, in order.
    left_out: Mutex<Vec<(u64, u64)>>,
    /// The last of them, or 0: what lies behind it need not be looked for.
    left_out_to: AtomicU64,
    /// The newest segment that the head names.
    newest_segment: AtomicU64,
    /// The first segment that the head names, and the one that it is to name.
    first_kept: AtomicU64,
    first_wanted: AtomicU64,
    figures: Figures,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Figures {
    commits: AtomicU64,
    bytes: AtomicU64,
    waiting: AtomicU64,
    waited_most: AtomicU64,
    segments: AtomicU64,
}

/// Whether an event is safe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Safety {
    /// It will survive a power cut.
    Durable,
    /// Not yet.
    Pending,
    /// It was left out because the disk did not keep up, or the journal has ended before it.
    Never,
}

/// What a journal has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Written {
    /// Group commits.
    pub commits: u64,
    /// Bytes, with everything around the events.
    pub bytes: u64,
    /// Blocks that wait for the disk.
    pub waiting: u64,
    /// The most that ever did.
    pub waiting_most: u64,
    /// Segments begun.
    pub segments: u64,
    /// Events that were left out.
    pub left_out: u64,
    /// What became of segments that are not written any more.
    pub kept: Kept,
}

impl Durable {
    /// Nothing is durable but what lies before `next` already.
    pub(crate) fn from(next: u64) -> Self {
        Self(Arc::new(Shared { next: AtomicU64::new(next), ..Shared::default() }))
    }

    /// The same for a stream whose head names these segments.
    pub(crate) fn naming(self, first: u64, newest: u64) -> Self {
        self.0.first_wanted.store(first, Relaxed);
        self.0.first_kept.store(first, Relaxed);
        self.0.newest_segment.store(newest, Relaxed);
        self
    }

    /// The newest segment that the head names: nothing is ever written to those before it.
    pub(crate) fn newest_segment(&self) -> u64 {
        self.0.newest_segment.load(Acquire) // partner: segment_begun
    }

    /// The first segment that the head names: durably, so that those before it are not needed.
    pub(crate) fn first_kept(&self) -> u64 {
        self.0.first_kept.load(Acquire) // partner: kept_from
    }

    /// The first segment that the head is to name.
    pub(crate) fn first_wanted(&self) -> u64 {
        self.0.first_wanted.load(Acquire) // partner: keep_from
    }

    /// Asks the writer to let the head begin with this segment.
    pub(crate) fn keep_from(&self, first: u64) {
        self.0.first_wanted.store(first, Release); // partner: first_wanted
    }

    /// The head begins with this segment.
    pub(crate) fn kept_from(&self, first: u64) {
        self.0.first_kept.store(first, Release); // partner: first_kept
    }

    /// The number of the first event that is not known to be durable.
    #[inline]
    pub fn next(&self) -> u64 {
        self.0.next.load(Acquire) // partner: raise
    }

    /// Whether this event is safe.
    #[inline]
    pub fn safety(&self, seq: u64) -> Safety {
        // Asked first: what became durable before the end is then seen.
        let is_over = self.has_failed() || self.is_closed();
        if seq < self.next() {
            if !self.is_whole_from(seq) && self.is_left_out(seq) {
                return Safety::Never;
            }
            return Safety::Durable;
        }
        if is_over { Safety::Never } else { Safety::Pending }
    }

    /// Whether nothing was left out from this number on.
    #[inline]
    pub fn is_whole_from(&self, seq: u64) -> bool {
        self.0.left_out_to.load(Acquire) < seq
    }

    #[cold]
    fn is_left_out(&self, seq: u64) -> bool {
        let holes = self.0.left_out.lock().expect(UNPOISONED);
        let at = holes.partition_point(|(_, last)| *last < seq);
        holes.get(at).is_some_and(|(first, _)| *first <= seq)
    }

    /// Whether nothing more will become durable, because something went wrong.
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.0.failed.load(Acquire) // partner: fail
    }

    /// Why, in one line.
    pub fn failure(&self) -> Option<String> {
        self.0.failure.lock().expect(UNPOISONED).clone()
    }

    /// Whether the journal was closed in order.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Acquire) // partner: close
    }

    /// What was done so far.
    pub fn written(&self) -> Written {
        let figures = &self.0.figures;
        let left_out = self.0.left_out.lock().expect(UNPOISONED);
        Written {
            commits: figures.commits.load(Relaxed),
            bytes: figures.bytes.load(Relaxed),
            waiting: figures.waiting.load(Relaxed),
            waiting_most: figures.waited_most.load(Relaxed),
            segments: figures.segments.load(Relaxed),
            left_out: left_out.iter().map(|(first, last)| last - first + 1).sum(),
            kept: *self.0.kept.lock().expect(UNPOISONED),
        }
    }

    pub(crate) fn raise(&self, next: u64) {
        self.0.next.fetch_max(next, Release); // partner: next
    }

    pub(crate) fn fail(&self, why: String) {
        self.0.failure.lock().expect(UNPOISONED).get_or_insert(why);
        self.0.failed.store(true, Release); // partner: has_failed
    }

    pub(crate) fn close(&self) {
        self.0.closed.store(true, Release); // partner: is_closed
    }

    /// These events will never be durable.
    pub(crate) fn leave_out(&self, first: u64, last: u64) {
        let mut holes = self.0.left_out.lock().expect(UNPOISONED);
        match holes.last_mut() {
            Some((_, end)) if *end + 1 == first => *end = last,
            _ => holes.push((first, last)),
        }
        self.0.left_out_to.fetch_max(last, Release); // partner: safety
    }

    pub(crate) fn committed(&self, bytes: u64) {
        self.0.figures.commits.fetch_add(1, Relaxed);
        self.0.figures.bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn segment_begun(&self, number: u64) {
        self.0.newest_segment.store(number, Release); // partner: newest_segment
        self.0.figures.segments.fetch_add(1, Relaxed);
    }

    pub(crate) fn keeps(&self, kept: Kept) {
        *self.0.kept.lock().expect(UNPOISONED) = kept;
    }

    pub(crate) fn waiting(&self, blocks: u64) {
        self.0.figures.waiting.store(blocks, Relaxed);
        self.0.figures.waited_most.fetch_max(blocks, Relaxed);
    }
}

const UNPOISONED: &str = "nobody panics while holding it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_never_safe() {
        let durable = Durable::from(1);
        assert_eq!(durable.safety(1), Safety::Pending);
        durable.leave_out(5, 7);
        durable.leave_out(8, 9);
        durable.raise(20);
        let safe: Vec<_> = (1..21).filter(|seq| durable.safety(*seq) == Safety::Durable).collect();
        assert_eq!(safe, [1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
        assert_eq!(durable.safety(20), Safety::Pending);
        assert_eq!(durable.written().left_out, 5);
        durable.fail("the disk is gone".into());
        assert_eq!((durable.safety(19), durable.safety(20)), (Safety::Durable, Safety::Never));
    }
}
