//! A bounded table: the least recently used makes room.

use engine_observer::event::{Reader, Snapshot, SnapshotError, Writer};

/// Values by key, at most so many; it grows as keys appear. A handful of keys does nearly all the work,
/// and those come early, so a scan over keys that lie side by side beats hashing here.
#[derive(Clone, Debug)]
pub(crate) struct Recent<V> {
    keys: Vec<u32>,
    /// When each was last used, counted in uses.
    used: Vec<u64>,
    values: Vec<V>,
    uses: u64,
    evicted: u64,
    places_max: usize,
}

/// Keys that are compared at once.
const LANES: usize = 16;

impl<V: Snapshot> Recent<V> {
    /// An empty table with room for so many, but at least one.
    pub(crate) fn new(places_max: usize) -> Self {
        let (keys, used, values) = (Vec::new(), Vec::new(), Vec::new());
        Self { keys, used, values, uses: 0, evicted: 0, places_max: places_max.max(1) }
    }

    /// The key's value; a new one if it has none. Where there is no room for that, the least recently used
    /// gives way, and what room it has of its own is made into the new one's by `renew`.
    #[inline]
    pub(crate) fn find_or_begin(
        &mut self,
        key: u32,
        begin: impl FnOnce() -> V,
        renew: impl FnOnce(&mut V),
    ) -> (&mut V, Found) {
        self.uses += 1;
        let (place, found) = match self.find(key) {
            Some(place) => (place, Found::There),
            None => self.begin(key, begin, renew),
        };
        self.used[place] = self.uses;
        (&mut self.values[place], found)
    }

    #[inline]
    fn find(&self, key: u32) -> Option<usize> {
        let (chunks, rest) = self.keys.as_chunks::<LANES>();
        let start = chunks.len() * LANES;
        for (number, chunk) in chunks.iter().enumerate() {
            if chunk.iter().fold(false, |hit, one| hit | (*one == key)) {
                return chunk.iter().position(|one| *one == key).map(|at| number * LANES + at);
            }
        }
        rest.iter().position(|one| *one == key).map(|at| start + at)
    }

    #[cold]
    fn begin(
        &mut self,
        key: u32,
        begin: impl FnOnce() -> V,
        renew: impl FnOnce(&mut V),
    ) -> (usize, Found) {
        if self.keys.len() < self.places_max {
            self.keys.push(key);
            self.used.push(self.uses);
            self.values.push(begin());
            return (self.keys.len() - 1, Found::New);
        }
        let oldest = (0..self.used.len()).min_by_key(|place| self.used[*place]);
        let place = oldest.expect("there is at least one place");
        self.keys[place] = key;
        renew(&mut self.values[place]);
        self.evicted += 1;
        (place, Found::Evicting)
    }

    /// How many have given way so far.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// All values.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.iter_mut()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// How a value was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// It was there.
    There,
    /// It is new.
    New,
    /// It is new, and another gave way.
    Evicting,
}

impl<V: Snapshot> Recent<V> {
    /// Writes all values, in their places.
    pub(crate) fn save(&self, to: &mut Writer) {
        to.u64(self.uses);
        to.u64(self.evicted);
        let places = self.keys.iter().zip(&self.used).zip(&self.values);
        to.list(places, |to, ((key, used), value)| {
            to.u32(*key);
            to.u64(*used);
            to.part(value);
        });
    }

    /// Reads what was written, into values that `begin` makes.
    pub(crate) fn load(
        &mut self,
        from: &mut Reader<'_>,
        begin: impl Fn() -> V,
    ) -> Result<(), SnapshotError> {
        *self = Self::new(self.places_max);
        self.uses = from.u64()?;
        self.evicted = from.u64()?;
        from.list(|from| {
            if self.keys.len() == self.places_max {
                return Err(SnapshotError::Damaged { at: from.position() });
            }
            self.keys.push(from.u32()?);
            self.used.push(from.u64()?);
            let mut value = begin();
            from.part(&mut value)?;
            self.values.push(value);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Count;
    use proptest::prelude::*;

    fn take(table: &mut Recent<Count>, key: u32) -> (&mut Count, Found) {
        table.find_or_begin(key, Count::default, |count| *count = Count::default())
    }

    fn used(places_max: usize, keys: &[u32]) -> Recent<Count> {
        let mut table = Recent::new(places_max);
        for key in keys {
            take(&mut table, *key).0.0 += 1;
        }
        table
    }

    #[test]
    fn the_least_recently_used_gives_way() {
        let mut table = used(2, &[1, 2, 1]);
        assert_eq!(take(&mut table, 3).1, Found::Evicting);
        assert_eq!(*take(&mut table, 1).0, Count(2));
        assert_eq!(take(&mut table, 2).1, Found::Evicting);
        assert_eq!(table.evicted(), 2);
    }

    proptest! {
        #[test]
        fn a_table_with_room_counts_as_a_map_does(keys in prop::collection::vec(0..90_u32, 0..300)) {
            let mut map = std::collections::BTreeMap::<u32, u32>::new();
            keys.iter().for_each(|key| *map.entry(*key).or_default() += 1);
            let table = used(90, &keys);
            let mut writer = Writer::new();
            table.save(&mut writer);
            let mut loaded: Recent<Count> = Recent::new(90);
            loaded.load(&mut Reader::new(&writer.into_bytes()), Count::default).unwrap();
            prop_assert_eq!(loaded.len(), map.len());
            for (key, count) in map {
                prop_assert_eq!(take(&mut loaded, key).0.0, count);
            }
        }

        #[test]
        fn a_table_never_outgrows_its_bound(keys in prop::collection::vec(any::<u32>(), 0..300)) {
            prop_assert!(used(20, &keys).len() <= 20);
        }
    }
}
