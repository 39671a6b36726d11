//! Counters that run on, and where they stood when each second began in which something happened: the
//! sum since any moment is a difference.

use super::kept::Kept;
use engine_observer::event::{Nanos, Reader, SnapshotError, Writer};
use std::collections::VecDeque;
use std::ops::Sub;

/// What runs on.
pub(crate) trait Counters: Kept + Copy + Default + Sub<Output = Self> {}

impl<T: Kept + Copy + Default + Sub<Output = T>> Counters for T {}

/// Sums over any stretch of the past, to the second. At most [`SECONDS_MAX`](Self::SECONDS_MAX) seconds in
/// which something happened are remembered; what is older is in the total alone.
///
/// Seconds lie apart from the counters: a search goes through eight of them in a cache line, and it begins
/// at the latest, which most that is asked for is near.
#[derive(Clone, Debug)]
pub(crate) struct Bars<T> {
    total: T,
    /// The second that is under way.
    second: u64,
    /// Seconds in which something happened, and beside each the counters before it.
    seconds: VecDeque<u64>,
    before: VecDeque<T>,
}

impl<T: Counters> Kept for Bars<T> {
    fn keep(&self, to: &mut Writer) {
        self.total.keep(to);
        self.second.keep(to);
        self.seconds.keep(to);
        self.before.keep(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let at = from.position();
        let (total, second) = (T::restore(from)?, u64::restore(from)?);
        let (seconds, before) = (VecDeque::<u64>::restore(from)?, VecDeque::<T>::restore(from)?);
        if seconds.len() != before.len() {
            return Err(SnapshotError::Damaged { at });
        }
        Ok(Self { total, second, seconds, before })
    }
}

impl<T: Counters> Default for Bars<T> {
    fn default() -> Self {
        let (seconds, before) = (VecDeque::new(), VecDeque::new());
        Self { total: T::default(), second: 0, seconds, before }
    }
}

impl<T: Counters> Bars<T> {
    /// Two hours of seconds that are all busy; a day of most instruments.
    pub(crate) const SECONDS_MAX: usize = 7_200;

    /// Counts, now. Time that runs back counts in the latest second.
    #[inline]
    pub(crate) fn count(&mut self, at: Nanos, count: impl FnOnce(&mut T)) {
        let second = at.0 / 1_000_000_000;
        if second > self.second || self.seconds.is_empty() {
            self.begin(second);
        }
        count(&mut self.total);
    }

    fn begin(&mut self, second: u64) {
        if self.seconds.len() == Self::SECONDS_MAX {
            self.seconds.pop_front();
            self.before.pop_front();
        }
        self.second = second;
        self.seconds.push_back(second);
        self.before.push_back(self.total);
    }

    /// Of what was before this moment's second, only the total is kept.
    pub(crate) fn forget_before(&mut self, at: Nanos) {
        let first = self.first_since(at);
        self.seconds.drain(..first);
        self.before.drain(..first);
    }

    /// Since ever.
    #[inline]
    pub(crate) fn total(&self) -> &T {
        &self.total
    }

    /// From this moment on, its whole second included.
    #[inline]
    pub(crate) fn since(&self, from: Nanos) -> T {
        self.before.get(self.first_since(from)).map_or(T::default(), |before| self.total - *before)
    }

    /// From one moment to before the second of another.
    pub(crate) fn between(&self, from: Nanos, to: Nanos) -> T {
        let before = |at: Nanos| *self.before.get(self.first_since(at)).unwrap_or(&self.total);
        if to <= from { T::default() } else { before(to) - before(from) }
    }

    #[inline]
    fn first_since(&self, from: Nanos) -> usize {
        let second = from.0 / 1_000_000_000;
        first_not_before(self.seconds.len(), |place| self.seconds[place] < second)
    }
}

/// Of so many in order, the first place that is not before what is looked for: from the last on, in steps
/// that double, since most that is asked for is recent.
#[inline]
pub(crate) fn first_not_before(count: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut high, mut step) = (count, 1);
    while high > 0 {
        let low = high.saturating_sub(step);
        if is_before(low) {
            let mut low = low + 1;
            while low < high {
                let middle = low.midpoint(high);
                if is_before(middle) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low;
        }
        (high, step) = (low, step * 2);
    }
    0
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
