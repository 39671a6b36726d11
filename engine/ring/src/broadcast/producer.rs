//! The writing end.

use super::{DETACHED, Shared, Tap};
use crate::{
    Full, Record,
    planted::{Bug, is_planted},
    sync::{Arc, Ordering, fence_unless, order},
};

/// The most positions that the producer claims beyond those it needs.
const CLAIMED_AHEAD_MAX: u64 = 32;

/// The writing end of a [`broadcast()`](crate::broadcast()).
///
/// [`push`](Self::push) writes into the ring without anybody seeing it; [`publish`](Self::publish)
/// shows everything pushed so far at once. Dropping the producer publishes what was pushed and
/// closes the ring.
///
/// ```
/// let (mut producer, mut consumers) = engine_ring::broadcast::<u64>(8, 1);
/// producer.push(1).unwrap();
/// producer.push(2).unwrap();
/// assert!(consumers[0].readable().is_empty());
///
/// producer.publish();
/// assert_eq!(consumers[0].readable(), [1, 2]);
/// ```
#[repr(align(128))] // what an end remembers must not share lines with another end
pub struct Producer<T: Record> {
    shared: Arc<Shared<T>>,
    /// The position that the next push takes.
    next: u64,
    /// The position that the next push must not reach, as of the last look at the consumers:
    /// the slowest cursor + capacity. Invariant: `next <= limit`.
    limit: u64,
    /// Whether a tap may be reading, so that writes must be claimed and made word by word.
    tapped: bool,
    /// The shared claim, which only this end stores. It never falls, not even when an iterator
    /// panics in the middle of a batch.
    claimed: u64,
    /// How much further than asked to claim: at most an eighth of the ring, which is what taps
    /// lose of it.
    claimed_ahead: u64,
    closed: bool,
}

impl<T: Record> Producer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        let mut producer = Self {
            next: 0,
            limit: 0,
            tapped: false,
            claimed: 0,
            claimed_ahead: (shared.slots.capacity() / 8).min(CLAIMED_AHEAD_MAX),
            closed: false,
            shared,
        };
        producer.ask_consumers();
        producer
    }

    /// Writes a record that nobody sees before [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`Full`] with the record, if the slowest consumer leaves no room or the ring is closed.
    #[inline]
    pub fn push(&mut self, record: T) -> Result<(), Full<T>> {
        if self.next == self.limit && !self.ask_consumers() {
            return Err(Full(record));
        }
        self.claim(1);
        self.write(self.next, record);
        self.next += 1;
        Ok(())
    }

    /// Writes as many of `records` as there is room for; returns how many. Nobody sees them before
    /// [`publish`](Self::publish).
    ///
    /// ```
    /// let (mut producer, _consumers) = engine_ring::broadcast::<u64>(2, 1);
    /// assert_eq!(producer.push_slice(&[1, 2, 3]), 2);
    /// ```
    #[inline]
    pub fn push_slice(&mut self, records: &[T]) -> usize {
        self.push_iter(records.len(), records.iter().copied())
    }

    /// Writes records as long as there are any, at most `max`, and there is room for them; returns
    /// how many. Nobody sees them before [`publish`](Self::publish). If the iterator panics, none of
    /// its records is pushed.
    ///
    /// ```
    /// let (mut producer, _consumers) = engine_ring::broadcast::<u64>(4, 1);
    /// let mut records = 1..=6;
    /// assert_eq!(producer.push_iter(6, &mut records), 4);
    /// assert_eq!(records.next(), Some(5)); // what found no room is still there
    /// ```
    #[inline]
    pub fn push_iter(&mut self, max: usize, records: impl IntoIterator<Item = T>) -> usize {
        let count = if self.has_room(max) { max } else { self.room_known() };
        self.claim(count as u64);
        let mut position = self.next;
        for record in records.into_iter().take(count) {
            self.write(position, record);
            position += 1;
        }
        let pushed = position - self.next;
        self.next = position;
        pushed as usize
    }

    /// Shows every record pushed so far to consumers and taps.
    #[inline]
    pub fn publish(&mut self) {
        // Partner: the acquiring loads of `published` in `Consumer` and `Tap`.
        let release = order(Ordering::Release, Bug::PublishRelaxed);
        self.shared.head.published.store(self.next, release);
    }

    /// Whether `count` records fit now. It asks the consumers only when it does not know of so much
    /// room.
    #[inline]
    pub fn has_room(&mut self, count: usize) -> bool {
        if self.room_known() < count {
            self.ask_consumers();
        }
        self.room_known() >= count
    }

    /// How many records surely fit now. It asks the consumers only when it knows of no room, so do
    /// not wait for it to grow: that is what [`has_room`](Self::has_room) is for.
    #[inline]
    pub fn room(&mut self) -> usize {
        if self.next == self.limit {
            self.ask_consumers();
        }
        self.room_known()
    }

    /// How many records were published: the position of the first one that was not.
    #[inline]
    pub fn published(&self) -> u64 {
        // Relaxed: this thread is the only one that stores it.
        self.shared.head.published.load(Ordering::Relaxed)
    }

    /// How many records were pushed: the position that the next one takes.
    #[inline]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// How many records the ring holds at most.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.shared.slots.capacity() as usize
    }

    /// How many consumers still gate. At zero nobody reads but taps, and the ring is never full.
    pub fn attached(&self) -> usize {
        let cursors = self.shared.cursors.iter();
        // Relaxed: a count to report, nothing is read on the strength of it.
        cursors.filter(|cursor| cursor.load(Ordering::Relaxed) != DETACHED).count()
    }

    /// Publishes what was pushed and closes: from now on there is no room, and readers who have
    /// seen everything are drained. Closing twice is closing once.
    pub fn close(&mut self) {
        self.publish();
        // Partner: the acquiring load in `is_closed` of `Consumer` and `Tap`; who sees the ring
        // closed sees everything published.
        let release = order(Ordering::Release, Bug::CloseRelaxed);
        self.shared.head.closed.store(true, release);
        self.closed = true;
        self.limit = self.next;
    }

    /// A reader that never holds the producer up, and counts what it misses instead. It sees what
    /// is published from now on.
    ///
    /// From the first tap on, records are written word by word, which costs the producer a little.
    ///
    /// ```
    /// let (mut producer, _consumers) = engine_ring::broadcast::<u64>(4, 0);
    /// let mut tap = producer.tap();
    /// producer.push_slice(&[1, 2]);
    /// producer.publish();
    ///
    /// let mut seen = Vec::new();
    /// let tapped = tap.poll(8, |record| seen.push(*record));
    /// assert_eq!((tapped.read, tapped.missed, &seen[..]), (2, 0, &[1, 2][..]));
    /// ```
    pub fn tap(&mut self) -> Tap<T> {
        self.tapped = !is_planted(Bug::TapUnnoticed);
        self.claimed = self.claimed.max(self.next);
        // Relaxed: whatever hands the tap to its thread hands this over too.
        self.shared.claimed.store(self.claimed, Ordering::Relaxed);
        Tap::new(self.shared.clone(), self.published())
    }

    /// Room as of the last look, without a look.
    #[inline(always)]
    fn room_known(&self) -> usize {
        (self.limit - self.next).min(self.shared.slots.capacity()) as usize
    }

    /// Looks how far the slowest consumer is; says whether there is room. Seldom needed, so kept
    /// out of line, where it does not weigh on every `push`.
    #[inline(never)]
    fn ask_consumers(&mut self) -> bool {
        if self.closed {
            return false;
        }
        let slowest = if is_planted(Bug::GateSkipped) { self.next } else { self.shared.slowest() };
        self.limit = slowest.saturating_add(self.shared.slots.capacity());
        self.next < self.limit
    }

    /// Warns taps that the next `count` positions are about to be overwritten.
    ///
    /// It claims a little more than asked, so that single pushes seldom have to: every store
    /// counts while the store buffer waits for lines that the consumers' core holds.
    #[inline(always)]
    fn claim(&mut self, count: u64) {
        if self.tapped && self.next + count > self.claimed {
            self.claimed = self.next + count + self.claimed_ahead;
            self.shared.claimed.store(self.claimed, Ordering::Relaxed);
            // Partner: the acquiring fence in `Tap::copy`: a tap that reads one word written
            // after this fence sees this claim, or a later one, in its check.
            fence_unless(Bug::ClaimUnfenced, Ordering::Release);
        }
    }

    #[inline(always)]
    fn write(&self, position: u64, record: T) {
        if self.tapped {
            // SAFETY: `position < limit`, so every consumer's cursor is above `position -
            // capacity` and, by its release, done with the slot; `published` is not above
            // `position`, so none borrows it before our release. We are the only producer.
            unsafe { self.shared.slots.write_raced(position, &record) }
        } else {
            // SAFETY: consumers are excluded as above, and there is no tap: `tapped` is set before
            // the first one exists, whose thread learns of this write with the tap itself, or by
            // acquiring `published`.
            unsafe { self.shared.slots.write_alone(position, record) }
        }
    }
}

impl<T: Record> Drop for Producer<T> {
    fn drop(&mut self) {
        self.close();
    }
}
