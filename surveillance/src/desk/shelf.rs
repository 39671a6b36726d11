//! Values by key, at most so many: the one that was put or touched longest ago gives way.

use super::kept::Kept;
use engine_observer::event::{Reader, SnapshotError, Writer};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::hash::Hash;

/// What a key can be.
pub(crate) trait Key: Kept + Ord + Copy + Hash {}

impl<K: Kept + Ord + Copy + Hash> Key for K {}

/// At most `MOST` values. All that is looked up is found by its key.
#[derive(Clone, Debug)]
pub(crate) struct Shelf<K, V, const MOST: usize> {
    values: FxHashMap<K, (V, u64)>,
    /// Keys in the order in which they were put or touched; only a key's last place counts.
    order: VecDeque<(K, u64)>,
    steps: u64,
    /// How many gave way.
    pub(crate) forgotten: u64,
}

impl<K: Key, V, const MOST: usize> Default for Shelf<K, V, MOST> {
    fn default() -> Self {
        let (values, order) = (FxHashMap::default(), VecDeque::new());
        Self { values, order, steps: 0, forgotten: 0 }
    }
}

impl<K: Key, V, const MOST: usize> Shelf<K, V, MOST> {
    /// Whether there is nothing.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of this key.
    #[inline]
    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.values.get(&key).map(|(value, _)| value)
    }

    /// The same, to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.values.get_mut(&key).map(|(value, _)| value)
    }

    /// A value, in the place of the key's earlier one.
    pub(crate) fn put(&mut self, key: K, value: V) {
        let stamp = self.stamp(key);
        self.values.insert(key, (value, stamp));
    }

    /// Takes a value away.
    #[inline]
    pub(crate) fn take(&mut self, key: K) -> Option<V> {
        if self.values.is_empty() {
            return None;
        }
        self.values.remove(&key).map(|(value, _)| value)
    }

    /// The key's value, new if it has none; it is the last to give way now.
    pub(crate) fn touch(&mut self, key: K, begin: impl FnOnce() -> V) -> &mut V {
        let stamp = self.stamp(key);
        let (value, last) = self.values.entry(key).or_insert_with(|| (begin(), stamp));
        *last = stamp;
        value
    }

    /// Everything; the order of this walk must not matter.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (K, &V)> {
        self.values.iter().map(|(key, (value, _))| (*key, value))
    }

    /// A place at the end for this key, and room for it.
    fn stamp(&mut self, key: K) -> u64 {
        self.steps += 1;
        if self.order.len() >= 2 * MOST {
            let values = &self.values;
            self.order.retain(|(key, stamp)| values.get(key).is_some_and(|(_, at)| at == stamp));
        }
        if self.values.len() >= MOST && !self.values.contains_key(&key) {
            while let Some((oldest, stamp)) = self.order.pop_front() {
                if self.values.get(&oldest).is_some_and(|(_, last)| *last == stamp) {
                    self.values.remove(&oldest);
                    self.forgotten += 1;
                    break;
                }
            }
        }
        self.order.push_back((key, self.steps));
        self.steps
    }
}

impl<K: Key, V: Kept, const MOST: usize> Kept for Shelf<K, V, MOST> {
    fn keep(&self, to: &mut Writer) {
        let mut values: Vec<_> = self.values.iter().collect();
        values.sort_unstable_by_key(|(_, (_, stamp))| *stamp);
        to.list(values, |to, (key, (value, _))| {
            key.keep(to);
            value.keep(to);
        });
        self.forgotten.keep(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut shelf = Self::default();
        from.list(|from| {
            let key = K::restore(from)?;
            shelf.put(key, V::restore(from)?);
            Ok(())
        })?;
        shelf.forgotten = Kept::restore(from)?;
        Ok(shelf)
    }
}

/// The last of something, oldest first, at most `MOST`.
#[derive(Clone, Debug)]
pub(crate) struct Last<T, const MOST: usize> {
    all: VecDeque<T>,
}

impl<T, const MOST: usize> Default for Last<T, MOST> {
    fn default() -> Self {
        Self { all: VecDeque::new() }
    }
}

impl<T: Kept, const MOST: usize> Kept for Last<T, MOST> {
    fn keep(&self, to: &mut Writer) {
        self.all.keep(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let at = from.position();
        let all = VecDeque::<T>::restore(from)?;
        if all.len() > MOST {
            return Err(SnapshotError::Damaged { at });
        }
        Ok(Self { all })
    }
}

impl<T, const MOST: usize> Last<T, MOST> {
    /// One more; the oldest gives way where there is no room.
    #[inline]
    pub(crate) fn push(&mut self, one: T) {
        if self.all.len() == MOST {
            self.all.pop_front();
        }
        self.all.push_back(one);
    }

    /// Lets go of the oldest, as long as they are stale.
    #[inline]
    pub(crate) fn expire(&mut self, is_stale: impl Fn(&T) -> bool) {
        while self.all.front().is_some_and(&is_stale) {
            self.all.pop_front();
        }
    }
}

impl<T, const MOST: usize> std::ops::Deref for Last<T, MOST> {
    type Target = VecDeque<T>;

    fn deref(&self) -> &VecDeque<T> {
        &self.all
    }
}

impl<T, const MOST: usize> std::ops::DerefMut for Last<T, MOST> {
    fn deref_mut(&mut self) -> &mut VecDeque<T> {
        &mut self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a list in which the latest stands last.
        #[test]
        fn a_shelf_keeps_what_was_put_or_touched_last(
            doings in prop::collection::vec((0..3u8, 0..9u32), 0..200)
        ) {
            let mut shelf: Shelf<u32, u32, 5> = Shelf::default();
            let mut simple: Vec<(u32, u32)> = Vec::new();
            for (nth, (act, key)) in doings.into_iter().enumerate() {
                let there = simple.iter().position(|(one, _)| *one == key);
                let was = there.map(|place| simple.remove(place).1);
                match act {
                    0 => {
                        shelf.put(key, nth as u32);
                        simple.push((key, nth as u32));
                    }
                    1 => {
                        let value = *shelf.touch(key, || nth as u32);
                        prop_assert_eq!(value, was.unwrap_or(nth as u32));
                        simple.push((key, value));
                    }
                    _ => prop_assert_eq!(shelf.take(key), was),
                }
                if simple.len() > 5 {
                    simple.remove(0);
                }
                prop_assert!(shelf.order.len() <= 11);
            }
            let mut written = Writer::new();
            shelf.keep(&mut written);
            let bytes = written.into_bytes();
            let shelf: Shelf<u32, u32, 5> = Shelf::restore(&mut Reader::new(&bytes)).unwrap();
            for key in 0..9 {
                let expected = simple.iter().find(|(one, _)| *one == key).map(|(_, value)| value);
                prop_assert_eq!(shelf.get(key), expected);
            }
        }
    }

    #[test]
    fn the_last_few_are_kept() {
        let mut last: Last<u32, 3> = Last::default();
        (1..=5).for_each(|one| last.push(one));
        last.expire(|one| *one < 4);
        assert_eq!(last.iter().copied().collect::<Vec<_>>(), [4, 5]);
    }
}
