//! Who is who: accounts that are one person.

use super::kept::Kept;
use engine_observer::event::{ParticipantId, Reader, SnapshotError, Writer};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// All accounts that are treated as one: by the number of one of them. An unknown owner is nobody, and
/// never the same as another unknown owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Person(pub(crate) u32);

impl Kept for Person {
    fn keep(&self, to: &mut Writer) {
        to.u32(self.0);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        from.u32().map(Person)
    }
}

/// Which accounts belong together, as declared: same owner, same decision maker.
#[derive(Clone, Default, Debug)]
pub struct People {
    /// By an account's number: the person's. Who is not here is somebody of their own.
    of: Arc<FxHashMap<u32, u32>>,
}

impl People {
    /// Accounts of the same person, group by group. An account in several groups joins them.
    pub fn joined<'a>(groups: impl IntoIterator<Item = &'a [ParticipantId]>) -> Self {
        let mut of: FxHashMap<u32, u32> = FxHashMap::default();
        for group in groups {
            let Some(first) = group.iter().map(|account| Self::find(&of, account.0.get())).min()
            else {
                continue;
            };
            for account in group {
                let root = Self::find(&of, account.0.get());
                of.insert(root, first);
                of.insert(account.0.get(), first);
            }
        }
        let accounts: Vec<_> = of.keys().copied().collect();
        for account in accounts {
            let root = Self::find(&of, account);
            of.insert(account, root);
        }
        Self { of: Arc::new(of) }
    }

    fn find(of: &FxHashMap<u32, u32>, mut account: u32) -> u32 {
        while let Some(next) = of.get(&account).filter(|next| **next != account) {
            account = *next;
        }
        account
    }

    /// Whose account it is.
    #[inline]
    pub fn of(&self, account: ParticipantId) -> Person {
        let number = account.0.get();
        if self.of.is_empty() {
            return Person(number);
        }
        Person(self.of.get(&number).copied().unwrap_or(number))
    }

    /// A number that stands for what was declared.
    pub(crate) fn hash(&self) -> u64 {
        let mut all: Vec<_> = self.of.iter().collect();
        all.sort_unstable();
        let mix = |hash: u64, (account, person): (&u32, &u32)| {
            let next = u64::from(*account) << 32 | u64::from(*person);
            (hash ^ next).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
        };
        all.into_iter().fold(0, mix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_in_two_groups_join_them() {
        let account = |number| ParticipantId::new(number).unwrap();
        let groups = [[account(7), account(3)], [account(9), account(5)], [account(5), account(3)]];
        let people = People::joined(groups.iter().map(|group| &group[..]));
        let persons = [3, 5, 7, 9, 4].map(|number| people.of(account(number)).0);
        assert_eq!(persons, [3, 3, 3, 3, 4]);
        assert_ne!(people.hash(), People::default().hash());
    }
}
