//! Something about each person, for at most so many of them.

use super::kept::Kept;
use super::people::Person;
use engine_observer::event::{Nanos, Reader, SnapshotError, Writer};
use rustc_hash::FxHashMap;

/// What a pattern remembers about persons: when there is no more room, the eighth that was away longest is
/// forgotten at once, so that a crowd that comes and goes costs little.
#[derive(Clone, Debug)]
pub(crate) struct Each<T> {
    of: FxHashMap<u32, (Nanos, T)>,
    /// How many were forgotten.
    pub(crate) forgotten: u64,
}

impl<T> Default for Each<T> {
    fn default() -> Self {
        Self { of: FxHashMap::default(), forgotten: 0 }
    }
}

impl<T: Default> Each<T> {
    /// Persons that are remembered.
    pub(crate) const PERSONS_MAX: usize = 1_024;

    /// What is remembered about somebody.
    #[inline]
    pub(crate) fn get_mut(&mut self, person: Person) -> Option<&mut T> {
        self.of.get_mut(&person.0).map(|(_, value)| value)
    }

    /// The same, begun where there is nothing yet; the person is here now.
    #[inline]
    pub(crate) fn at(&mut self, person: Person, now: Nanos) -> &mut T {
        if self.of.len() >= Self::PERSONS_MAX && !self.of.contains_key(&person.0) {
            self.forget();
        }
        let (last_at, value) = self.of.entry(person.0).or_default();
        *last_at = now;
        value
    }

    /// Nothing is remembered about somebody any more.
    pub(crate) fn remove(&mut self, person: Person) -> Option<T> {
        self.of.remove(&person.0).map(|(_, value)| value)
    }

    #[cold]
    fn forget(&mut self) {
        let mut all: Vec<_> = self.of.iter().map(|(who, (last_at, _))| (*last_at, *who)).collect();
        all.sort_unstable();
        for (_, who) in all.into_iter().take(Self::PERSONS_MAX / 8) {
            self.of.remove(&who);
            self.forgotten += 1;
        }
    }
}

impl<T: Kept> Kept for Each<T> {
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
        let mut each: Each<u64> = Each::default();
        let most = Each::<u64>::PERSONS_MAX as u32;
        for who in 0..most {
            *each.at(Person(who), Nanos(u64::from(who))) = u64::from(who);
        }
        each.at(Person(0), Nanos(u64::from(most)));
        each.at(Person(most), Nanos(u64::from(most)));
        assert_eq!(each.forgotten, u64::from(most) / 8);
        assert_eq!(each.get_mut(Person(0)), Some(&mut 0), "was here again");
        assert_eq!(each.get_mut(Person(1)), None);
        assert_eq!(each.get_mut(Person(most - 1)), Some(&mut u64::from(most - 1)));
    }
}
