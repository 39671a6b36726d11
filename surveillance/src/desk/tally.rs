//! From episodes to alerts: those of one person, in one instrument and session, are one alert that is
//! raised anew as they add up.

use super::kept::kept;
use super::people::Person;
use engine_observer::event::Nanos;
use rustc_hash::FxHashMap;

/// Episodes by person.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally {
    of: FxHashMap<u32, Count>,
    forgotten: u64,
}

/// One person's episodes of a day (UTC).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Count {
    day: u64,
    /// How many.
    pub(crate) episodes: u32,
    /// How many they were when an alert was last raised; 0 when none was.
    alerted: u32,
    last_at: Nanos,
}

kept!(Tally { of, forgotten });
kept!(Count { day, episodes, alerted, last_at });

/// An alert is raised anew at these numbers of episodes.
const RAISED_ANEW_AT: [u32; 3] = [3, 10, 30];
const DAY_NS: u64 = 86_400_000_000_000;

impl Tally {
    /// Persons that are remembered; who was away longest is forgotten.
    pub(crate) const PERSONS_MAX: usize = 4_096;

    /// One more episode. Whether an alert is due with it: the first time once there are `least`, or at
    /// once where that one episode says enough; then at the 3rd, 10th and 30th.
    pub(crate) fn count(&mut self, person: Person, at: Nanos, least: u32, at_once: bool) -> Told {
        if self.of.len() >= Self::PERSONS_MAX && !self.of.contains_key(&person.0) {
            let oldest = self.of.iter().min_by_key(|(number, count)| (count.last_at, **number));
            if let Some(oldest) = oldest.map(|(number, _)| *number) {
                self.of.remove(&oldest);
                self.forgotten += 1;
            }
        }
        let day = at.0 / DAY_NS;
        let count = self.of.entry(person.0).or_default();
        if count.day != day {
            *count = Count { day, ..Count::default() };
        }
        count.episodes += 1;
        count.last_at = at;
        let is_due = match count.alerted {
            0 => at_once || count.episodes >= least,
            alerted => RAISED_ANEW_AT.iter().any(|n| alerted < *n && *n <= count.episodes),
        };
        if is_due {
            count.alerted = count.episodes;
        }
        Told { episodes: count.episodes, is_due, is_forgetful: self.forgotten > 0 }
    }
}

/// How many episodes there are, and whether that is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) episodes: u32,
    pub(crate) is_due: bool,
    /// Whether somebody was forgotten, so that there may have been more.
    pub(crate) is_forgetful: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(least: u32, at_once: bool, seconds: impl Iterator<Item = u64>) -> Vec<u32> {
        let mut tally = Tally::default();
        let mut count = |s| tally.count(Person(1), Nanos::from_secs(s), least, at_once);
        seconds.map(&mut count).filter(|told| told.is_due).map(|told| told.episodes).collect()
    }

    #[test]
    fn an_alert_is_raised_when_there_are_enough_and_then_as_they_add_up() {
        assert_eq!(due(1, false, 0..40), [1, 3, 10, 30]);
        assert_eq!(due(3, false, 0..40), [3, 10, 30]);
        assert_eq!(due(5, false, 0..40), [5, 10, 30]);
        assert_eq!(due(3, true, 0..2), [1]);
    }

    #[test]
    fn a_day_begins_anew() {
        let days = (0..3).flat_map(|day| [86_400 * day + 1, 86_400 * day + 2]);
        assert_eq!(due(2, false, days), [2, 2, 2]);
    }

    #[test]
    fn the_one_who_was_away_longest_is_forgotten() {
        let mut tally = Tally::default();
        for person in 0..=Tally::PERSONS_MAX as u32 {
            tally.count(Person(person), Nanos(u64::from(person)), 2, false);
        }
        assert_eq!(tally.of.len(), Tally::PERSONS_MAX);
        assert!(tally.count(Person(1), Nanos(1), 2, false).is_due);
        assert!(!tally.count(Person(0), Nanos(1), 2, false).is_due);
    }
}
