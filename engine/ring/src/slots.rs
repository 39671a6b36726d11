//! The memory of a ring: a power of two of records, from a cache line's start.
//!
//! The bytes are atomic words, allocated by safe code and touched once so that no page fault waits
//! on the hot path. Four accesses exist, and the whole soundness of the crate is who may use which
//! when:
//!
//! | access | by | must not overlap |
//! |---|---|---|
//! | [`write_alone`](Slots::write_alone) plain | the one writer | any reader |
//! | [`write_raced`](Slots::write_raced) word by word | the one writer | a borrow |
//! | [`borrow`](Slots::borrow) plain `&T` | consumers | any writer |
//! | [`read_raced`](Slots::read_raced) word by word | taps, readers | a plain write |
//!
//! Words that are raced for may come from two different records; the reader finds out afterwards
//! and throws them away. That is a lost race, not a data race.

use crate::{Record, sync::Shadow};
use std::{
    marker::PhantomData,
    slice,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// One cache line. Always `std`'s atomics: under loom it is the [`Shadow`] that races.
#[derive(Default)]
#[repr(C, align(64))]
struct Line([AtomicU64; 8]);

/// Slots for records, addressed by position: position `p` lives in slot `p % capacity`.
pub(crate) struct Slots<T> {
    /// Invariant: at least `capacity() * size_of::<T>()` bytes, all of them initialised, since a
    /// `Record` is valid for any bytes.
    lines: Box<[Line]>,
    /// Capacity − 1, where the capacity is a power of two.
    mask: u64,
    shadow: Shadow,
    records: PhantomData<T>,
}

impl<T: Record> Slots<T> {
    /// Room for `capacity` records, all zero.
    ///
    /// # Panics
    /// If `capacity` is not a power of two.
    pub(crate) fn new(capacity: usize) -> Self {
        assert!(capacity.is_power_of_two(), "capacity {capacity} is not a power of two");
        let bytes = capacity.checked_mul(8 * T::WORDS).expect("capacity overflows memory");
        Self {
            lines: (0..bytes.div_ceil(64)).map(|_| Line::default()).collect(),
            mask: capacity as u64 - 1,
            shadow: Shadow::new(capacity, T::WORDS),
            records: PhantomData,
        }
    }

    #[inline(always)]
    pub(crate) fn capacity(&self) -> u64 {
        self.mask + 1
    }

    /// How many positions from `position` on lie side by side in memory.
    #[inline(always)]
    pub(crate) fn until_wrap(&self, position: u64) -> u64 {
        self.capacity() - (position & self.mask)
    }

    /// Writes a record with the widest stores there are.
    ///
    /// # Safety
    /// No other thread reads or writes this slot until it learns of this write through a
    /// release–acquire pair.
    #[inline(always)]
    pub(crate) unsafe fn write_alone(&self, position: u64, record: T) {
        self.shadow.write_alone(self.index(position), as_words(&record));
        // SAFETY: `at` points into `lines`, whose atomics permit writing through `&self`; the
        // caller vouches that nobody else touches these bytes.
        unsafe { self.at(position).write(record) }
    }

    /// Writes a record word by word, for readers who may be reading it.
    ///
    /// # Safety
    /// No borrow of this slot exists, and none will until its owner learns of this write through
    /// a release–acquire pair. Only one thread writes.
    #[inline(always)]
    pub(crate) unsafe fn write_raced(&self, position: u64, record: &T) {
        self.shadow.write_raced(self.index(position), as_words(record));
        for (to, from) in self.words(position).iter().zip(as_words(record)) {
            to.store(*from, Relaxed); // ordered by the caller's fences
        }
    }

    /// Borrows `count` records in place.
    ///
    /// # Safety
    /// All of them were written, that write happened before this call, and none is written again
    /// while the slice lives. `count` is at most [`until_wrap`](Self::until_wrap).
    #[inline(always)]
    pub(crate) unsafe fn borrow(&self, position: u64, count: usize) -> &[T] {
        debug_assert!(count as u64 <= self.until_wrap(position));
        self.touch(position, count);
        // SAFETY: `count` records from here lie within `lines`, initialised and aligned; the
        // caller vouches that nobody writes them meanwhile. Taps may read them: reads do not race.
        unsafe { slice::from_raw_parts(self.at(position), count) }
    }

    /// Tells loom that `count` records are being read in place now.
    #[inline(always)]
    pub(crate) fn touch(&self, position: u64, count: usize) {
        if cfg!(loom) {
            (0..count as u64).for_each(|n| self.shadow.borrow(self.index(position + n)));
        }
    }

    /// Copies a record word by word, whoever may be writing it. The words may not belong together:
    /// the caller must check before it trusts them.
    ///
    /// # Safety
    /// No [`write_alone`](Self::write_alone) of this slot runs meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn read_raced(&self, position: u64, record: &mut T) {
        let copy = bytemuck::cast_slice_mut::<T, u64>(slice::from_mut(record));
        for (to, from) in copy.iter_mut().zip(self.words(position)) {
            *to = from.load(Relaxed); // ordered by the caller's fences
        }
        self.shadow.read_raced(self.index(position), copy);
    }

    /// Asks for a slot's first cache line, if the machine knows how; nothing waits for it.
    #[inline(always)]
    pub(crate) fn prefetch(&self, position: u64) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a hint reads nothing and cannot fault; SSE is part of every x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.at(position).cast()) }
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = position;
    }

    #[inline(always)]
    fn index(&self, position: u64) -> usize {
        (position & self.mask) as usize
    }

    #[inline(always)]
    fn at(&self, position: u64) -> *mut T {
        self.lines.as_ptr().cast::<T>().cast_mut().wrapping_add(self.index(position))
    }

    #[inline(always)]
    fn words(&self, position: u64) -> &[AtomicU64] {
        // SAFETY: the slot's `WORDS` words lie within `lines`, where they are `AtomicU64`s and
        // nothing else; a reference to an atomic claims nothing about who writes it.
        unsafe { slice::from_raw_parts(self.at(position).cast::<AtomicU64>(), T::WORDS) }
    }
}

#[inline(always)]
fn as_words<T: Record>(record: &T) -> &[u64] {
    bytemuck::cast_slice(slice::from_ref(record))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn addresses<T: Record>(capacity: usize) -> Vec<usize> {
        let slots = Slots::<T>::new(capacity);
        let start = slots.at(0) as usize;
        assert_eq!(start % 64, 0, "the first slot starts a cache line");
        (0..2 * capacity as u64).map(|position| slots.at(position) as usize - start).collect()
    }

    #[test]
    fn positions_wrap_onto_slots_that_lie_side_by_side() {
        assert_eq!(addresses::<u64>(4), [0, 8, 16, 24, 0, 8, 16, 24]);
        assert_eq!(addresses::<[u64; 3]>(2), [0, 24, 0, 24]);
        assert_eq!(addresses::<[u64; 8]>(2), [0, 64, 0, 64]);
    }

    #[test]
    fn both_ways_to_write_are_seen_by_both_ways_to_read() {
        let slots = Slots::<[u64; 2]>::new(2);
        // SAFETY: one thread, and no borrow yet.
        unsafe { slots.write_alone(4, [1, 2]) };
        // SAFETY: one thread, and no borrow yet.
        unsafe { slots.write_raced(5, &[3, 4]) };

        // SAFETY: both were written above, on this thread, and are not written again.
        assert_eq!(unsafe { slots.borrow(4, 2) }, [[1, 2], [3, 4]]);
        let mut copy = [0; 2];
        // SAFETY: nobody writes.
        unsafe { slots.read_raced(4, &mut copy) };
        assert_eq!(copy, [1, 2]);
    }

    #[test]
    #[should_panic = "capacity 3 is not a power of two"]
    fn capacity_is_a_power_of_two() {
        Slots::<u64>::new(3);
    }
}
