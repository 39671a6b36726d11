//! Whom which pattern had an episode about, and when: for patterns that are the net below the others.

use super::kept::kept;
use super::people::Person;
use engine_observer::event::Nanos;
use std::collections::VecDeque;

/// The latest episodes of an instrument.
#[derive(Clone, Default, Debug)]
pub(crate) struct Notes {
    all: VecDeque<Note>,
}

#[derive(Clone, Copy, Debug)]
struct Note {
    /// The pattern's number: 1 is P01.
    pattern: u32,
    person: Person,
    first_at: Nanos,
    last_at: Nanos,
}

kept!(Notes { all });
kept!(Note { pattern, person, first_at, last_at });

/// The number of a pattern by its name; 0 where the name has none.
pub(crate) fn number_of(name: &str) -> u32 {
    name.strip_prefix('P').and_then(|number| number.parse().ok()).unwrap_or(0)
}

impl Notes {
    /// Episodes that are remembered; the oldest gives way.
    pub(crate) const MOST: usize = 256;

    /// One more.
    pub(crate) fn note(&mut self, name: &str, person: Person, first_at: Nanos, last_at: Nanos) {
        if self.all.len() == Self::MOST {
            self.all.pop_front();
        }
        self.all.push_back(Note { pattern: number_of(name), person, first_at, last_at });
    }

    /// The number of another pattern that had an episode about this person between two moments, the latest.
    pub(crate) fn other(
        &self,
        name: &str,
        person: Person,
        (from, to): (Nanos, Nanos),
    ) -> Option<u32> {
        let own = number_of(name);
        let is_other = |note: &&Note| {
            note.pattern != own
                && note.person == person
                && note.first_at <= to
                && note.last_at >= from
        };
        self.all.iter().rev().find(is_other).map(|note| note.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_of_another_pattern_about_the_same_person_at_the_same_time() {
        let mut notes = Notes::default();
        let at = Nanos::from_secs;
        notes.note("P01", Person(7), at(10), at(20));
        notes.note("P35", Person(7), at(30), at(40));
        let other = |name, person, from, to| notes.other(name, Person(person), (at(from), at(to)));
        assert_eq!(other("P35", 7, 15, 50), Some(1));
        assert_eq!(other("P01", 7, 15, 50), Some(35));
        assert_eq!(other("P35", 8, 15, 50), None, "somebody else");
        assert_eq!(other("P35", 7, 21, 50), None, "later");
        assert_eq!(other("P35", 7, 0, 9), None, "before");
        (0..Notes::MOST as u64).for_each(|s| notes.note("P06", Person(9), at(s), at(s)));
        assert_eq!(notes.other("P35", Person(7), (at(15), at(50))), None, "forgotten");
    }
}
