//! Atomics and fences as the rest of the crate sees them: the real ones, or loom's.
//!
//! Loom needs to own every shared access to explore what hardware and compiler may do with it.
//! Cursors simply become loom atomics. Records cannot, because consumers borrow them in place, so
//! under loom a [`Shadow`] stands beside the slots: loom's words for those who race (taps, readers
//! of the latest value), loom's cells for those who must not (gated consumers). In a normal build
//! it is empty and compiles to nothing.

#[cfg(not(loom))]
pub(crate) use std::{
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, fence},
    },
    thread::yield_now,
};

#[cfg(loom)]
pub(crate) use loom::{
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, fence},
    },
    thread::yield_now,
};

pub(crate) use std::sync::atomic::Ordering;

use crate::planted::{Bug, is_planted};

/// `order`, or `Relaxed` where the canary build asked for this bug.
#[inline(always)]
pub(crate) fn order(order: Ordering, bug: Bug) -> Ordering {
    if is_planted(bug) { Ordering::Relaxed } else { order }
}

/// A fence of `order`, or none where the canary build asked for this bug.
#[inline(always)]
pub(crate) fn fence_unless(bug: Bug, order: Ordering) {
    if !is_planted(bug) {
        fence(order);
    }
}

#[cfg(not(loom))]
pub(crate) use real::Shadow;

#[cfg(loom)]
pub(crate) use shadow::Shadow;

#[cfg(not(loom))]
mod real {
    /// Nothing to track: the slots themselves are the shared memory.
    pub(crate) struct Shadow;

    impl Shadow {
        pub(crate) fn new(_slots: usize, _words: usize) -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn write_alone(&self, _slot: usize, _words: &[u64]) {}

        #[inline(always)]
        pub(crate) fn write_raced(&self, _slot: usize, _words: &[u64]) {}

        #[inline(always)]
        pub(crate) fn borrow(&self, _slot: usize) {}

        #[inline(always)]
        pub(crate) fn read_raced(&self, _slot: usize, _words: &mut [u64]) {}
    }
}

#[cfg(loom)]
mod shadow {
    use loom::{cell::UnsafeCell, sync::atomic::AtomicU64};
    use std::sync::atomic::Ordering;

    /// What loom knows of each slot.
    pub(crate) struct Shadow(Vec<Slot>);

    struct Slot {
        /// Written by every write, read by every borrow: a race here is a broken gate.
        borrowed: UnsafeCell<()>,
        /// Written by writes that assume no tap, read by taps: a race here is a late switch.
        alone: UnsafeCell<()>,
        /// The record as those see it who read while it may be overwritten.
        words: Vec<AtomicU64>,
    }

    // SAFETY: the cells hold `()`; loom only records who touched them, on one real thread.
    unsafe impl Sync for Shadow {}
    // SAFETY: as above: there is nothing in the cells that could be bound to a thread.
    unsafe impl Send for Shadow {}

    impl Shadow {
        pub(crate) fn new(slots: usize, words: usize) -> Self {
            let slot = |_| Slot {
                borrowed: UnsafeCell::new(()),
                alone: UnsafeCell::new(()),
                words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            };
            Self((0..slots).map(slot).collect())
        }

        pub(crate) fn write_alone(&self, slot: usize, words: &[u64]) {
            self.0[slot].alone.with_mut(|_| ());
            self.write_raced(slot, words);
        }

        pub(crate) fn write_raced(&self, slot: usize, words: &[u64]) {
            self.0[slot].borrowed.with_mut(|_| ());
            for (to, from) in self.0[slot].words.iter().zip(words) {
                to.store(*from, Ordering::Relaxed);
            }
        }

        pub(crate) fn borrow(&self, slot: usize) {
            self.0[slot].borrowed.with(|_| ());
        }

        pub(crate) fn read_raced(&self, slot: usize, words: &mut [u64]) {
            self.0[slot].alone.with(|_| ());
            for (from, to) in self.0[slot].words.iter().zip(words) {
                *to = from.load(Ordering::Relaxed);
            }
        }
    }
}
