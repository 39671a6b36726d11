//! Counters that run on, and where they stood when each second began in which something happened: the
//! sum since any moment is a difference.

use super::kept::{Kept, kept};
use engine_observer::event::Nanos;
use std::collections::VecDeque;
use std::ops::Sub;

/// What runs on.
pub(crate) trait Counters: Kept + Copy + Default + Sub<Output = Self> {}

impl<T: Kept + Copy + Default + Sub<Output = T>> Counters for T {}

/// Sums over any stretch of the past, to the second. At most [`SECONDS_MAX`](Self::SECONDS_MAX) seconds in
/// which something happened are remembered; what is older is in the total alone.
#[derive(Clone, Debug)]
pub(crate) struct Bars<T> {
    total: T,
    begun: VecDeque<Begun<T>>,
}

/// A second in which something happened.
#[derive(Clone, Copy, Debug)]
struct Begun<T> {
    second: u64,
    /// The counters before it.
    before: T,
}

kept!(Bars<T: Counters> { total, begun });
kept!(Begun<T: Counters> { second, before });

impl<T: Counters> Default for Bars<T> {
    fn default() -> Self {
        Self { total: T::default(), begun: VecDeque::new() }
    }
}

impl<T: Counters> Bars<T> {
    /// Two hours of seconds that are all busy; a day of most instruments.
    pub(crate) const SECONDS_MAX: usize = 7_200;

    /// Counts, now. Time that runs back counts in the latest second.
    #[inline]
    pub(crate) fn count(&mut self, at: Nanos, count: impl FnOnce(&mut T)) {
        let second = at.0 / 1_000_000_000;
        if self.begun.back().is_none_or(|last| last.second < second) {
            if self.begun.len() == Self::SECONDS_MAX {
                self.begun.pop_front();
            }
            self.begun.push_back(Begun { second, before: self.total });
        }
        count(&mut self.total);
    }

    /// Of what was before this moment's second, only the total is kept.
    pub(crate) fn forget_before(&mut self, at: Nanos) {
        let second = at.0 / 1_000_000_000;
        let first = self.begun.partition_point(|begun| begun.second < second);
        self.begun.drain(..first);
    }

    /// Since ever.
    #[inline]
    pub(crate) fn total(&self) -> &T {
        &self.total
    }

    /// From this moment on, its whole second included.
    pub(crate) fn since(&self, from: Nanos) -> T {
        let second = from.0 / 1_000_000_000;
        let first = self.begun.partition_point(|begun| begun.second < second);
        self.begun.get(first).map_or(T::default(), |begun| self.total - begun.before)
    }

    /// From one moment to before the second of another.
    pub(crate) fn between(&self, from: Nanos, to: Nanos) -> T {
        let before = |at: Nanos| {
            let second = at.0 / 1_000_000_000;
            let first = self.begun.partition_point(|begun| begun.second < second);
            self.begun.get(first).map_or(self.total, |begun| begun.before)
        };
        if to <= from { T::default() } else { before(to) - before(from) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bars(seconds: &[u64]) -> Bars<u64> {
        let mut bars = Bars::default();
        for (nth, second) in seconds.iter().enumerate() {
            bars.count(Nanos::from_secs(*second), |sum| *sum += 1 + nth as u64);
        }
        bars
    }

    proptest! {
        #[test]
        fn a_sum_is_what_was_counted_since(mut seconds in prop::collection::vec(0..50_u64, 0..40)) {
            seconds.sort_unstable();
            let bars = bars(&seconds);
            let sum = |from: u64, to: u64| -> u64 {
                let of = |(nth, second): (usize, &u64)| {
                    if (from..to).contains(second) { 1 + nth as u64 } else { 0 }
                };
                seconds.iter().enumerate().map(of).sum()
            };
            for from in 0..52 {
                prop_assert_eq!(bars.since(Nanos::from_secs(from)), sum(from, u64::MAX));
                let to = from + 7;
                let between = bars.between(Nanos::from_secs(from), Nanos::from_secs(to));
                prop_assert_eq!(between, sum(from, to));
            }
        }
    }
}
