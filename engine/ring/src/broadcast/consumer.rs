//! The gating reading end.

use super::{DETACHED, Shared};
use crate::{
    Record,
    planted::Bug,
    sync::{Arc, Ordering, order},
};

/// After so many looks in vain a consumer takes the producer for one that sends now and then.
const IDLE_LOOKS: u32 = 16;

/// One of the reading ends of a [`broadcast()`](crate::broadcast()): it sees every record, in
/// place, and the producer does not overtake it.
///
/// Dropping it detaches it: the producer no longer waits for it.
///
/// ```
/// let (mut producer, mut consumers) = engine_ring::broadcast::<u64>(2, 1);
/// producer.push_slice(&[1, 2]);
/// producer.publish();
/// assert_eq!(producer.room(), 0);
///
/// consumers.clear();
/// assert_eq!(producer.room(), 2);
/// ```
#[repr(align(128))] // what an end remembers must not share lines with another end
pub struct Consumer<T: Record> {
    shared: Arc<Shared<T>>,
    /// Which of the shared cursors is ours.
    index: usize,
    /// The position of the first record that was not consumed; our cursor, without asking for it.
    next: u64,
    /// `published` as of the last look. Invariant: `next <= seen`.
    seen: u64,
    /// How often in a row a look found nothing new, up to [`IDLE_LOOKS`].
    empty_looks: u32,
}

impl<T: Record> Consumer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, index: usize) -> Self {
        Self { shared, index, next: 0, seen: 0, empty_looks: 0 }
    }

    /// Shows at most `max` records in order, then consumes them together; returns how many.
    ///
    /// If `each` panics, none of them is consumed.
    ///
    /// ```
    /// let (mut producer, mut consumers) = engine_ring::broadcast::<u64>(4, 1);
    /// producer.push_slice(&[1, 2, 3]);
    /// producer.publish();
    ///
    /// let mut sum = 0;
    /// assert_eq!(consumers[0].poll(2, |record| sum += record), 2);
    /// assert_eq!(sum, 1 + 2);
    /// ```
    #[inline]
    pub fn poll(&mut self, max: usize, mut each: impl FnMut(&T)) -> usize {
        self.look_if_empty();
        let count = (self.seen - self.next).min(max as u64);
        if count == 0 {
            return 0;
        }
        let run = count.min(self.shared.slots.until_wrap(self.next));
        self.borrow(self.next, run).iter().for_each(&mut each);
        self.borrow(self.next + run, count - run).iter().for_each(&mut each);
        self.advance(count as usize);
        count as usize
    }

    /// The records that are ready, as far as they lie side by side; the rest, if the ring wraps
    /// there, is shown after [`advance`](Self::advance).
    ///
    /// It looks for new records only when it knows of none.
    ///
    /// ```
    /// let (mut producer, mut consumers) = engine_ring::broadcast::<u64>(4, 1);
    /// producer.push_slice(&[1, 2]);
    /// producer.publish();
    ///
    /// let consumer = &mut consumers[0];
    /// assert_eq!(consumer.readable(), [1, 2]);
    /// consumer.advance(1);
    /// assert_eq!(consumer.readable(), [2]);
    /// ```
    #[inline]
    pub fn readable(&mut self) -> &[T] {
        self.look_if_empty();
        let run = (self.seen - self.next).min(self.shared.slots.until_wrap(self.next));
        self.borrow(self.next, run)
    }

    /// Consumes `count` records: the producer may overwrite them.
    ///
    /// # Panics
    /// If fewer are known to be ready.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        assert!(count as u64 <= self.seen - self.next, "advanced past what was readable");
        self.shared.slots.touch(self.next, count);
        self.next += count as u64;
        // Partner: the acquiring loads in `Producer::ask_consumers`. Our reads come before this,
        // the producer's writes after it sees this.
        let release = order(Ordering::Release, Bug::AdvanceRelaxed);
        self.shared.cursors[self.index].store(self.next, release);
    }

    /// How many records were consumed: the position of the next one.
    #[inline]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// How many records are ready now.
    #[inline]
    pub fn len(&self) -> usize {
        // Relaxed: a count to report; whoever reads the records looks again and acquires.
        (self.shared.head.published.load(Ordering::Relaxed) - self.next) as usize
    }

    /// Whether nothing is ready now.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the producer closed. Records it published may still be waiting.
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Partner: the releasing store in `Producer::close`.
        self.shared.head.closed.load(Ordering::Acquire)
    }

    /// Whether the producer closed and everything it published was consumed.
    ///
    /// ```
    /// let (mut producer, mut consumers) = engine_ring::broadcast::<u64>(4, 1);
    /// producer.push(1).unwrap();
    /// drop(producer);
    ///
    /// let consumer = &mut consumers[0];
    /// assert!(consumer.is_closed() && !consumer.is_drained());
    /// consumer.poll(1, |_| ());
    /// assert!(consumer.is_drained());
    /// ```
    #[inline]
    pub fn is_drained(&self) -> bool {
        // In this order: `is_closed` acquires the last publication, which `is_empty` then sees.
        self.is_closed() && self.is_empty()
    }

    #[inline(always)]
    fn look_if_empty(&mut self) {
        if self.next == self.seen {
            // Partner: the releasing store in `Producer::publish`.
            let published = self.shared.head.published.load(Ordering::Acquire);
            // A store in every turn of a spin would queue up before the next real one.
            if published != self.seen {
                self.seen = published;
                self.empty_looks = 0;
            } else if self.empty_looks < IDLE_LOOKS {
                self.empty_looks += 1;
            } else {
                // Idle: let the next record's line travel together with the cursor's, not after
                // it. In a stream it would only be torn from the producer in mid-write.
                self.shared.slots.prefetch(self.next);
            }
        }
    }

    #[inline(always)]
    fn borrow(&self, position: u64, count: u64) -> &[T] {
        debug_assert!(self.next <= position && position + count <= self.seen);
        // SAFETY: below `seen` everything was written before the release that we acquired. From
        // `next` on nothing is written again, since our cursor gates the producer and only
        // `advance` moves it, which needs `&mut self` and so outlives this borrow. The callers
        // keep `count` below the wrap.
        unsafe { self.shared.slots.borrow(position, count as usize) }
    }
}

impl<T: Record> Drop for Consumer<T> {
    fn drop(&mut self) {
        // Partner: the acquiring loads in `Producer::ask_consumers`, as in `advance`.
        let release = order(Ordering::Release, Bug::DetachRelaxed);
        self.shared.cursors[self.index].store(DETACHED, release);
    }
}
