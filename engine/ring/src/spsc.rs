//! One to one: `rtrb`, with the words that the rest of the engine uses.
//!
//! This is a thin layer, not another ring. `rtrb` is wait-free and checked by its authors; what is
//! added is only the engine's vocabulary (room, drain, closed, drained) and batches that read the
//! other side's cache line no more often than they must. It carries any `T: Send`, since findings
//! are not plain bytes.

use crate::Full;
use rtrb::chunks::ChunkError;

/// A ring of `capacity` values from one thread to one other.
///
/// ```
/// let (mut producer, mut consumer) = engine_ring::spsc::<String>(2);
/// producer.push("a finding".into()).unwrap();
/// assert_eq!(consumer.pop().as_deref(), Some("a finding"));
/// assert_eq!(consumer.pop(), None);
/// ```
#[must_use]
pub fn spsc<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let (producer, consumer) = rtrb::RingBuffer::new(capacity);
    (Producer(producer), Consumer(consumer))
}

/// The writing end of an [`spsc()`].
#[repr(align(128))] // what an end remembers must not share lines with another end
#[derive(Debug)]
pub struct Producer<T>(rtrb::Producer<T>);

impl<T: Send> Producer<T> {
    /// Appends a value, visible to the consumer at once.
    ///
    /// # Errors
    /// [`Full`] with the value, if the ring has no room.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), Full<T>> {
        self.0.push(value).map_err(|rtrb::PushError::Full(value)| Full(value))
    }

    /// Appends as many of `values` as there is room for, made visible together; returns how many.
    ///
    /// ```
    /// let (mut producer, mut consumer) = engine_ring::spsc::<u64>(4);
    /// assert_eq!(producer.push_slice(&[1, 2, 3]), 3);
    /// assert_eq!(producer.push_slice(&[4, 5, 6]), 1); // 5 and 6 found no room
    /// ```
    #[inline]
    pub fn push_slice(&mut self, values: &[T]) -> usize
    where
        T: Copy,
    {
        match self.0.push_entire_slice(values) {
            Ok(()) => values.len(),
            Err(ChunkError::TooFewSlots(room)) => {
                let fits = &values[..room];
                self.0.push_entire_slice(fits).map_or(0, |()| room)
            }
        }
    }

    /// Appends values as long as there are any and there is room for them, made visible together;
    /// returns how many. They are written where they will be read, with no copy between.
    ///
    /// ```
    /// let (mut producer, mut consumer) = engine_ring::spsc::<u64>(4);
    /// let mut values = 1..=6;
    /// assert_eq!(producer.push_iter(6, &mut values), 4);
    /// assert_eq!(values.next(), Some(5)); // what found no room is still there
    /// ```
    #[inline]
    pub fn push_iter(&mut self, max: usize, values: impl IntoIterator<Item = T>) -> usize {
        let count = if self.has_room(max) { max } else { self.0.cached_slots() };
        self.0.write_chunk_uninit(count).map_or(0, |chunk| chunk.fill_from_iter(values))
    }

    /// Whether `count` values fit now. It asks the consumer only when it does not know of so much
    /// room.
    #[inline]
    pub fn has_room(&self, count: usize) -> bool {
        self.0.cached_slots() >= count || self.0.slots() >= count
    }

    /// How many values surely fit now. It asks the consumer only when it knows of no room, so do
    /// not wait for it to grow: that is what [`has_room`](Self::has_room) is for.
    #[inline]
    pub fn room(&self) -> usize {
        match self.0.cached_slots() {
            0 => self.0.slots(),
            room => room,
        }
    }

    /// How many values the consumer has not taken yet.
    #[inline]
    pub fn len(&self) -> usize {
        self.capacity() - self.0.slots()
    }

    /// Whether the consumer has taken everything.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values the ring holds at most.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.0.buffer().capacity()
    }

    /// Whether the consumer is gone: whatever is pushed from now on, nobody takes.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.0.is_abandoned()
    }
}

/// The reading end of an [`spsc()`].
#[repr(align(128))] // what an end remembers must not share lines with another end
#[derive(Debug)]
pub struct Consumer<T>(rtrb::Consumer<T>);

impl<T: Send> Consumer<T> {
    /// Takes the oldest value.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop().ok()
    }

    /// Shows the oldest value and leaves it.
    ///
    /// The collector merges several rings by looking at the head of each.
    ///
    /// ```
    /// let (mut producer, mut consumer) = engine_ring::spsc::<u64>(4);
    /// producer.push_slice(&[1, 2]);
    /// assert_eq!(consumer.peek(), Some(&1));
    /// assert_eq!(consumer.pop(), Some(1));
    /// ```
    #[inline]
    pub fn peek(&self) -> Option<&T> {
        self.0.peek().ok()
    }

    /// Shows at most `max` values in order, then drops them together; returns how many.
    ///
    /// If `each` panics, all of them stay in the ring.
    ///
    /// ```
    /// let (mut producer, mut consumer) = engine_ring::spsc::<u64>(4);
    /// producer.push_slice(&[1, 2, 3]);
    ///
    /// let mut sum = 0;
    /// assert_eq!(consumer.drain(2, |value| sum += value), 2);
    /// assert_eq!(sum, 1 + 2);
    /// ```
    #[inline]
    pub fn drain(&mut self, max: usize, each: impl FnMut(&T)) -> usize {
        let count = self.ready().min(max);
        let Ok(chunk) = self.0.read_chunk(count) else { return 0 };
        let (run, rest) = chunk.as_slices();
        let mut each = each;
        run.iter().for_each(&mut each);
        rest.iter().for_each(&mut each);
        chunk.commit_all();
        count
    }

    /// Shows values in order, at most `max`, until `takes` leaves one where it is, then drops those that it
    /// took together; returns how many. Like [`drain`](Self::drain) it knows of those that were ready at the
    /// last look, so fewer need not mean that there are no more.
    ///
    /// If `takes` panics, all of them stay in the ring.
    ///
    /// ```
    /// let (mut producer, mut consumer) = engine_ring::spsc::<u64>(4);
    /// producer.push_slice(&[1, 2, 3]);
    /// assert_eq!(consumer.take_while(4, |value| *value < 3), 2);
    /// assert_eq!(consumer.pop(), Some(3));
    /// ```
    #[inline]
    pub fn take_while(&mut self, max: usize, takes: impl FnMut(&T) -> bool) -> usize {
        let count = self.ready().min(max);
        let Ok(chunk) = self.0.read_chunk(count) else { return 0 };
        let (run, rest) = chunk.as_slices();
        let mut takes = takes;
        let taken = run.iter().chain(rest).take_while(|value| takes(value)).count();
        chunk.commit(taken);
        taken
    }

    /// How many values are ready, as of the last look; it looks again only when it knows of none.
    #[inline]
    fn ready(&self) -> usize {
        match self.0.cached_slots() {
            0 => self.0.slots(),
            ready => ready,
        }
    }

    /// How many values are ready now.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.slots()
    }

    /// Whether nothing is ready now.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the producer is gone. Values it left may still be waiting.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.0.is_abandoned()
    }

    /// Whether the producer is gone and everything it left has been taken.
    ///
    /// ```
    /// let (mut producer, mut consumer) = engine_ring::spsc::<u64>(4);
    /// producer.push(1).unwrap();
    /// drop(producer);
    ///
    /// assert!(consumer.is_closed() && !consumer.is_drained());
    /// consumer.pop();
    /// assert!(consumer.is_drained());
    /// ```
    #[inline]
    pub fn is_drained(&self) -> bool {
        // In this order: what a producer pushed before it went is seen once it is seen gone.
        self.is_closed() && self.0.slots() == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn what_is_not_taken_stays_across_the_wrap() {
        let (mut producer, mut consumer) = spsc::<u32>(4);
        assert_eq!(consumer.take_while(9, |_| true), 0);
        assert_eq!(producer.push_slice(&[1, 2, 3]), 3);
        assert_eq!(consumer.take_while(2, |_| true), 2, "no more than asked for");
        assert_eq!(producer.push_slice(&[4, 5, 6]), 3);
        assert_eq!(consumer.take_while(9, |value| *value < 5), 1, "3, all that it knew of");
        assert_eq!(consumer.take_while(9, |value| *value < 6), 2, "4 and 5, about the wrap");
        assert_eq!(consumer.take_while(9, |_| false), 0);
        assert_eq!((consumer.pop(), consumer.pop()), (Some(6), None));
    }

    #[test]
    fn values_come_out_in_the_order_they_went_in_across_the_wrap() {
        let (mut producer, mut consumer) = spsc::<u64>(3);
        let mut seen = Vec::new();
        for pair in [[1, 2], [3, 4], [5, 6]] {
            assert_eq!(producer.push_slice(&pair), 2);
            assert_eq!(consumer.drain(usize::MAX, |value| seen.push(*value)), 2);
        }
        assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_full_ring_gives_the_value_back() {
        let (mut producer, mut consumer) = spsc::<String>(1);
        assert_eq!(producer.push("a".into()), Ok(()));
        assert_eq!(producer.push("b".into()), Err(Full("b".into())));
        assert_eq!(consumer.pop().as_deref(), Some("a"));
        assert_eq!(producer.push("b".into()), Ok(()));
    }

    #[test]
    fn room_and_len_are_two_sides_of_the_capacity() {
        let (mut producer, mut consumer) = spsc::<u64>(4);
        assert_eq!((producer.room(), producer.len(), consumer.len()), (4, 0, 0));
        producer.push_slice(&[1, 2, 3, 4]);
        assert_eq!((producer.room(), producer.len(), consumer.len()), (0, 4, 4));
        consumer.pop();
        assert_eq!((producer.room(), producer.len(), consumer.len()), (1, 3, 3));
    }

    #[test]
    fn an_empty_slice_is_pushed_even_into_a_full_ring() {
        let (mut producer, _consumer) = spsc::<u64>(1);
        producer.push(1).unwrap();
        assert_eq!(producer.push_slice(&[]), 0);
        assert_eq!(producer.push_slice(&[2]), 0);
    }

    #[test]
    fn drained_values_are_dropped_once() {
        struct Counted(#[expect(dead_code, reason = "held for its drop")] std::sync::Arc<()>);
        let count = std::sync::Arc::new(());
        let (mut producer, mut consumer) = spsc::<Counted>(4);
        for _ in 0..3 {
            assert!(producer.push(Counted(count.clone())).is_ok());
        }
        consumer.drain(2, |_| ());
        assert_eq!(std::sync::Arc::strong_count(&count), 2);
        drop((producer, consumer));
        assert_eq!(std::sync::Arc::strong_count(&count), 1);
    }

    #[test]
    fn each_end_learns_that_the_other_is_gone() {
        let (producer, consumer) = spsc::<u64>(1);
        assert!(!producer.is_closed() && !consumer.is_closed());
        drop(consumer);
        assert!(producer.is_closed());

        let (producer, consumer) = spsc::<u64>(1);
        drop(producer);
        assert!(consumer.is_closed() && consumer.is_drained());
        drop(Rc::new(consumer));
    }
}
