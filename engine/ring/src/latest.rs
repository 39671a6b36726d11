//! The latest value: one writer overwrites, many readers copy the newest whole one.
//!
//! For snapshots that are wanted now and worthless later: a book's top, a stage's counters. It is
//! a sequence lock: the version is odd while the writer writes, and a reader who saw it odd, or
//! changed, copies again. The writer never waits; readers may retry.

use crate::{
    Record,
    planted::Bug,
    slots::Slots,
    sync::{Arc, AtomicU64, Ordering, fence_unless, spin_loop, yield_now},
};
use crossbeam_utils::CachePadded;

/// How often a reader tries before it concludes that the writer was interrupted in mid-write.
const TRIES: usize = if cfg!(loom) { 2 } else { 64 };

/// A place for the latest value, holding `first` until something is written.
///
/// ```
/// let (mut writer, reader) = engine_ring::latest::<[u64; 2]>([0, 0]);
/// writer.write(&[100, 101]);
/// writer.write(&[100, 102]);
/// assert_eq!(reader.read(), [100, 102]);
/// ```
#[must_use]
pub fn latest<T: Record>(first: T) -> (Writer<T>, Reader<T>) {
    let slots = Slots::new(1);
    let version = CachePadded::new(AtomicU64::new(0));
    let shared = Arc::new(Shared { version, slots });
    let mut writer = Writer { shared: shared.clone(), version: 0 };
    writer.write(&first);
    (writer, Reader { shared })
}

struct Shared<T> {
    /// Twice the number of writes; plus one while one is under way.
    version: CachePadded<AtomicU64>,
    /// One slot, written and read only word by word.
    slots: Slots<T>,
}

/// The writing end of a [`latest()`]; there is one, and owning it is being the one writer.
pub struct Writer<T: Record> {
    shared: Arc<Shared<T>>,
    /// The shared version, which only this end stores; even between writes.
    version: u64,
}

impl<T: Record> Writer<T> {
    /// Overwrites the value.
    #[inline]
    pub fn write(&mut self, value: &T) {
        let Shared { version, slots } = &*self.shared;
        // Relaxed: the fence orders it before the words.
        version.store(self.version + 1, Ordering::Relaxed);
        // Partner: the acquiring fence in `Reader::try_read`: a reader who sees one of the words
        // below sees the version odd, or later, in its check.
        fence_unless(Bug::WriteUnfenced, Ordering::Release);
        // SAFETY: nobody borrows this slot, readers copy word by word; `&mut self` is the only
        // writer.
        unsafe { slots.write_raced(0, value) };
        self.version += 2;
        // Partner: the first, acquiring load in `Reader::try_read`.
        version.store(self.version, Ordering::Release);
    }
}

/// A reading end of a [`latest()`]; clone it for more readers.
#[derive(Clone)]
pub struct Reader<T: Record> {
    shared: Arc<Shared<T>>,
}

impl<T: Record> Reader<T> {
    /// The latest value, whole. While the writer is in mid-write it tries again, and yields the
    /// core now and then in case the writer waits for it.
    #[inline]
    pub fn read(&self) -> T {
        loop {
            if let Some(value) = self.try_read() {
                return value;
            }
            yield_now();
        }
    }

    /// The latest value, or `None` if the writer was in mid-write at each of a fixed number of
    /// tries.
    #[inline]
    pub fn try_read(&self) -> Option<T> {
        let Shared { version, slots } = &*self.shared;
        let mut value = T::zeroed();
        for _ in 0..TRIES {
            // Partner: the releasing store at the end of `Writer::write`.
            let before = version.load(Ordering::Acquire);
            if before % 2 == 0 {
                // SAFETY: this slot is only ever written word by word.
                unsafe { slots.read_raced(0, &mut value) };
                // Partner: the releasing fence in `Writer::write`.
                fence_unless(Bug::ReadUnfenced, Ordering::Acquire);
                // Relaxed: the fence orders it after the words.
                if version.load(Ordering::Relaxed) == before {
                    return Some(value);
                }
            }
            spin_loop();
        }
        None
    }

    /// How often a value was written, the first one included: a reader that remembers it knows
    /// whether reading again is worth it.
    ///
    /// ```
    /// let (mut writer, reader) = engine_ring::latest::<u64>(5);
    /// let seen = reader.version();
    /// writer.write(&6);
    /// assert!(reader.version() > seen);
    /// ```
    #[inline]
    pub fn version(&self) -> u64 {
        // Acquire so that a read after it gives a value at least this new.
        // Partner: the releasing store at the end of `Writer::write`.
        self.shared.version.load(Ordering::Acquire) / 2
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn readers_see_the_newest_value_only() {
        let (mut writer, reader) = latest([1_u64, 1]);
        let other = reader.clone();
        assert_eq!((reader.read(), reader.version()), ([1, 1], 1));
        writer.write(&[2, 2]);
        writer.write(&[3, 3]);
        assert_eq!((reader.read(), other.try_read()), ([3, 3], Some([3, 3])));
        assert_eq!(reader.version(), 3);
    }

    #[test]
    fn the_value_outlives_its_writer() {
        let (writer, reader) = latest(7_u64);
        drop(writer);
        assert_eq!(reader.read(), 7);
    }

    #[test]
    fn a_writer_stuck_in_mid_write_is_not_waited_for_forever() {
        let (writer, reader) = latest(7_u64);
        writer.shared.version.store(3, Ordering::Relaxed);
        assert_eq!(reader.try_read(), None);
    }
}
