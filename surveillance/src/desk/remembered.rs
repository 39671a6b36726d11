//! What is remembered about somebody, by key, at most so much: who was away longest is forgotten.

use super::kept::Kept;
use engine_observer::event::{Nanos, Reader, SnapshotError, Writer};
use rustc_hash::FxHashMap;
use std::hash::Hash;

/// A key of a table.
pub(crate) trait Key: Kept + Ord + Copy + Hash {}

impl<T: Kept + Ord + Copy + Hash> Key for T {}

/// A table with at most `MAX` keys. Where there is no room for one more, an eighth of them leaves at once,
/// those that were away longest, so that room costs little for each.
#[derive(Clone, Debug)]
pub(crate) struct Remembered<K, V, const MAX: usize> {
    of: FxHashMap<K, (Nanos, V)>,
    forgotten: u64,
}

impl<K, V, const MAX: usize> Default for Remembered<K, V, MAX> {
    fn default() -> Self {
        Self { of: FxHashMap::default(), forgotten: 0 }
    }
}

impl<K: Key, V: Default, const MAX: usize> Remembered<K, V, MAX> {
    /// What is remembered, if anything is.
    #[inline]
    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.of.get(&key).map(|(_, value)| value)
    }

    /// The same, to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.of.get_mut(&key).map(|(_, value)| value)
    }

    /// Nothing is remembered under this key any more.
    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        self.of.remove(&key).map(|(_, value)| value)
    }

    /// What is remembered, or a new memory.
    #[inline]
    pub(crate) fn of(&mut self, key: K, at: Nanos) -> &mut V {
        if self.of.len() >= MAX && !self.of.contains_key(&key) {
            self.forget();
        }
        let (last_at, value) = self.of.entry(key).or_default();
        *last_at = at;
        value
    }

    /// All that is remembered, in no order.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.of.values_mut().map(|(_, value)| value)
    }

    /// Whether something had to be forgotten.
    pub(crate) fn is_forgetful(&self) -> bool {
        self.forgotten > 0
    }

    #[cold]
    fn forget(&mut self) {
        let mut all: Vec<_> = self.of.iter().map(|(key, (last_at, _))| (*last_at, *key)).collect();
        all.sort_unstable();
        all.truncate((MAX / 8).max(1));
        self.forgotten += all.len() as u64;
        all.iter().for_each(|(_, key)| _ = self.of.remove(key));
    }
}

impl<K: Key, V: Kept, const MAX: usize> Kept for Remembered<K, V, MAX> {
    fn keep(&self, to: &mut Writer) {
        self.of.keep(to);
        self.forgotten.keep(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(Self { of: Kept::restore(from)?, forgotten: Kept::restore(from)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_were_away_longest_are_forgotten() {
        let mut table: Remembered<u32, u64, 16> = Remembered::default();
        (0..16).for_each(|key| *table.of(key, Nanos(u64::from(key))) = 1);
        table.of(0, Nanos(16));
        assert!(!table.is_forgetful());
        table.of(99, Nanos(17));
        assert!(table.is_forgetful());
        let gone: Vec<_> = (0..16).filter(|key| table.get(*key).is_none()).collect();
        assert_eq!(gone, [1, 2], "an eighth, and not the one who came back");
        let mut written = Writer::new();
        table.keep(&mut written);
        let bytes = written.into_bytes();
        let again = Remembered::<u32, u64, 16>::restore(&mut Reader::new(&bytes)).unwrap();
        assert_eq!((again.get(0), again.get(99), again.get(1)), (Some(&1), Some(&0), None));
    }
}
