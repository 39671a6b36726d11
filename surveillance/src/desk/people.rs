//! Who is who: accounts that are one person.

use super::kept::{Kept, kept};
use engine_observer::event::{ParticipantId, Reader, SnapshotError, Writer};
use rustc_hash::FxHashMap;

/// All accounts that are treated as one: by the number of one of them. An unknown owner is nobody, and
/// never the same as another unknown owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Person(pub(crate) u32);

impl Person {
    /// Nobody in particular: who stands for all unknown owners together where a pattern asks for them. No
    /// account has this number.
    pub(crate) const NOBODY: Person = Person(0);
}

impl Kept for Person {
    fn keep(&self, to: &mut Writer) {
        to.u32(self.0);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        from.u32().map(Person)
    }
}

/// Which accounts belong together, as declared with what they hold: same owner, same decision maker. Who
/// was not declared is somebody of their own.
#[derive(Clone, Default, Debug)]
pub(crate) struct People {
    /// By an account's number: the person's.
    of: FxHashMap<u32, u32>,
}

kept!(People { of });

impl People {
    /// Accounts that are remembered; more are somebody of their own.
    pub(crate) const ACCOUNTS_MAX: usize = 1 << 20;

    /// An account is declared to be this owner's. What it did before stays somebody else's.
    pub(crate) fn join(&mut self, account: ParticipantId, owner: ParticipantId) {
        if self.of.len() + 2 > Self::ACCOUNTS_MAX {
            return;
        }
        let (one, other) = (self.of(account).0, self.of(owner).0);
        if one != other {
            let (person, joins) = (one.min(other), one.max(other));
            self.of.values_mut().filter(|of| **of == joins).for_each(|of| *of = person);
            self.of.insert(joins, person);
            self.of.insert(person, person);
        }
    }

    /// Whose account it is.
    #[inline]
    pub(crate) fn of(&self, account: ParticipantId) -> Person {
        let number = account.0.get();
        if self.of.is_empty() {
            return Person(number);
        }
        Person(self.of.get(&number).copied().unwrap_or(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_one_owner_are_one_however_they_are_told() {
        let account = |number| ParticipantId::new(number).unwrap();
        let mut people = People::default();
        for (one, owner) in [(7, 3), (9, 5), (5, 3), (2, 2)] {
            people.join(account(one), account(owner));
        }
        let persons = [3, 5, 7, 9, 4, 2].map(|number| people.of(account(number)).0);
        assert_eq!(persons, [3, 3, 3, 3, 4, 2]);
    }
}
