//! The reading end that may be overtaken.

use super::Shared;
use crate::{
    Record,
    planted::Bug,
    sync::{Arc, Ordering, fence_unless},
};

/// How many records are copied between two looks at the producer's claim. More would read the
/// producer's cache line less often, but would lose more when overtaken.
const COPIED_AT_ONCE: usize = 8;

/// A reading end that never holds the producer up: it sees copies, and when the producer overtakes
/// it, it skips ahead and counts what it missed. [`Producer::tap`](super::Producer::tap) makes one.
///
/// ```
/// let (mut producer, _consumers) = engine_ring::broadcast::<u64>(4, 0);
/// let mut tap = producer.tap();
/// for record in 0..10 {
///     producer.push(record).unwrap(); // nobody gates: never full
/// }
/// producer.publish();
///
/// let mut seen = Vec::new();
/// let tapped = tap.poll(8, |record| seen.push(*record));
/// assert_eq!((tapped.missed, &seen[..]), (8, &[8, 9][..]));
/// ```
#[repr(align(128))] // what an end remembers must not share lines with another end
#[derive(Clone)]
pub struct Tap<T: Record> {
    shared: Arc<Shared<T>>,
    /// The position of the next record to show.
    next: u64,
}

/// What one [`Tap::poll`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "missed records must be counted, never skipped in silence"]
pub struct Tapped {
    /// How many records were shown.
    pub read: usize,
    /// How many were overwritten unseen. All of them came before the ones shown.
    pub missed: u64,
}

impl<T: Record> Tap<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, next: u64) -> Self {
        Self { shared, next }
    }

    /// Shows copies of at most `max` records in order; says how many, and how many it missed.
    ///
    /// A tap that was overtaken goes on half a ring behind the producer, so that it is not
    /// overtaken again at once; what it leaps over counts as missed.
    #[inline]
    pub fn poll(&mut self, max: usize, mut each: impl FnMut(&T)) -> Tapped {
        // Partner: the releasing store in `Producer::publish`.
        let published = self.shared.head.published.load(Ordering::Acquire);
        let mut tapped = Tapped { read: 0, missed: self.leap(published) };
        let mut copies = [T::zeroed(); COPIED_AT_ONCE];
        let end = published.min(self.next.saturating_add(max as u64));
        while self.next < end {
            let count = (end - self.next).min(COPIED_AT_ONCE as u64) as usize;
            let torn = self.copy(&mut copies[..count]);
            if torn > 0 && tapped.read > 0 {
                break; // the next poll counts them: here they would follow records already shown
            }
            copies[torn..count].iter().for_each(&mut each);
            self.next += count as u64;
            tapped.read += count - torn;
            tapped.missed += torn as u64;
        }
        tapped
    }

    /// The position of the next record to show, if it is not overtaken.
    #[inline]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Whether the producer closed. Records it published may still be waiting.
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Partner: the releasing store in `Producer::close`.
        self.shared.head.closed.load(Ordering::Acquire)
    }

    /// Whether the producer closed and everything it published was shown or missed.
    #[inline]
    pub fn is_drained(&self) -> bool {
        // In this order: `is_closed` acquires the last publication. Relaxed: nothing is read on
        // the strength of this load.
        self.is_closed() && self.shared.head.published.load(Ordering::Relaxed) == self.next
    }

    /// If the next record is overwritten already, goes on half a ring behind; returns how many
    /// records that leaps over.
    #[inline]
    fn leap(&mut self, published: u64) -> u64 {
        if self.oldest() <= self.next {
            return 0;
        }
        let target = published.saturating_sub(self.shared.slots.capacity() / 2).max(self.next);
        let missed = target - self.next;
        self.next = target;
        missed
    }

    /// Copies the next records; returns how many of the first ones were overwritten meanwhile.
    #[inline(always)]
    fn copy(&self, copies: &mut [T]) -> usize {
        for (position, copy) in (self.next..).zip(&mut *copies) {
            // SAFETY: plain writes ended before the first tap existed, and every position from a
            // tap's start on was published with a release that we acquired.
            unsafe { self.shared.slots.read_raced(position, copy) };
        }
        // Partner: the releasing fence in `Producer::claim`: if any word above came from a newer
        // record, `oldest` below sees that record's claim.
        fence_unless(Bug::CheckUnfenced, Ordering::Acquire);
        self.oldest().saturating_sub(self.next).min(copies.len() as u64) as usize
    }

    /// The oldest position that the producer has not begun to overwrite.
    #[inline(always)]
    fn oldest(&self) -> u64 {
        // Relaxed: the fence in `copy` orders it after the words; in `leap` it is a hint.
        let claimed = self.shared.claimed.load(Ordering::Relaxed);
        claimed.saturating_sub(self.shared.slots.capacity())
    }
}
