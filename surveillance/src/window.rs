//! Sums over the last stretch of time, by message.

use engine_observer::event::{Nanos, Reader, Snapshot, SnapshotError, Writer};
use std::ops::{AddAssign, SubAssign};

/// What a window sums up: counters side by side.
pub(crate) trait Counters: Snapshot + Copy + Default + AddAssign + SubAssign {}

impl<T: Snapshot + Copy + Default + AddAssign + SubAssign> Counters for T {}

/// An event's place and time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) seq: u64,
    pub(crate) at: Nanos,
}

/// The sum over the last `N` buckets of `WIDTH_NS` each, aligned to the epoch; the latest bucket is the
/// one that time stands in, so the window covers between `N − 1` and `N` widths. Integers only, so what
/// leaves takes away exactly what it brought.
///
/// Time that runs back by less than the window is a straggler, counted in the latest bucket. Time that
/// runs back further is a clock that was set: the window begins anew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<T, const WIDTH_NS: u64, const N: usize> {
    buckets: [T; N],
    /// The first of each bucket.
    firsts: [Option<Mark>; N],
    sum: T,
    /// The latest bucket, counted from the epoch.
    latest: u64,
}

impl<T: Counters, const WIDTH_NS: u64, const N: usize> Default for Window<T, WIDTH_NS, N> {
    fn default() -> Self {
        Self { buckets: [T::default(); N], firsts: [None; N], sum: T::default(), latest: 0 }
    }
}

impl<T: Counters, const WIDTH_NS: u64, const N: usize> Window<T, WIDTH_NS, N> {
    /// Lets time pass: what is older than the window leaves it.
    #[inline]
    pub(crate) fn pass(&mut self, now: Nanos) {
        let bucket = now.0 / WIDTH_NS;
        if bucket != self.latest {
            self.turn(bucket);
        }
    }

    fn turn(&mut self, bucket: u64) {
        if bucket.abs_diff(self.latest) >= N as u64 {
            (0..N).for_each(|place| self.empty(place));
            self.latest = bucket;
        }
        while self.latest < bucket {
            self.latest += 1;
            self.empty(Self::place(self.latest));
        }
    }

    /// Most buckets of most windows hold nothing: those are only looked at.
    #[inline]
    fn empty(&mut self, place: usize) {
        if self.firsts[place].take().is_some() {
            self.sum -= self.buckets[place];
            self.buckets[place] = T::default();
        }
    }

    /// One more, now.
    #[inline]
    pub(crate) fn add(&mut self, mark: Mark, item: T) {
        self.pass(mark.at);
        let place = Self::place(self.latest);
        self.firsts[place].get_or_insert(mark);
        self.buckets[place] += item;
        self.sum += item;
    }

    /// What is in the window.
    #[inline]
    pub(crate) fn sum(&self) -> &T {
        &self.sum
    }

    /// What is in it from the bucket that holds `at`.
    pub(crate) fn sum_since(&self, at: Nanos) -> T {
        let mut sum = T::default();
        self.numbers().filter(|number| *number >= at.0 / WIDTH_NS).for_each(|number| {
            sum += self.buckets[Self::place(number)];
        });
        sum
    }

    /// The first in it.
    pub(crate) fn first(&self) -> Option<Mark> {
        self.numbers().find_map(|number| self.firsts[Self::place(number)])
    }

    /// Forgets everything but the time.
    pub(crate) fn clear(&mut self) {
        *self = Self { latest: self.latest, ..Self::default() };
    }

    /// The buckets' numbers, oldest first.
    fn numbers(&self) -> impl Iterator<Item = u64> {
        self.latest.saturating_sub(N as u64 - 1)..=self.latest
    }

    #[inline]
    fn place(number: u64) -> usize {
        (number % N as u64) as usize
    }
}

impl Mark {
    pub(crate) fn save(self, to: &mut Writer) {
        to.u64(self.seq);
        to.u64(self.at.0);
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(Self { seq: from.u64()?, at: Nanos(from.u64()?) })
    }
}

impl<T: Counters, const WIDTH_NS: u64, const N: usize> Snapshot for Window<T, WIDTH_NS, N> {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.u64(self.latest);
        for (bucket, first) in self.buckets.iter().zip(self.firsts) {
            to.bool(first.is_some());
            if let Some(first) = first {
                first.save(to);
                bucket.save(to);
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        *self = Self { latest: from.u64()?, ..Self::default() };
        for (bucket, first) in self.buckets.iter_mut().zip(&mut self.firsts) {
            if from.bool()? {
                *first = Some(Mark::load(from)?);
                bucket.load(from)?;
                self.sum += *bucket;
            }
        }
        Ok(())
    }
}

/// One counter.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Count(pub(crate) u32);

impl AddAssign for Count {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Count {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Snapshot for Count {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.u32(self.0);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.0 = from.u32()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type TenMs = Window<Count, 1_000_000, 10>;

    fn after(times_us: &[u64]) -> TenMs {
        let mut window = TenMs::default();
        for (seq, us) in times_us.iter().enumerate() {
            window.add(Mark { seq: seq as u64, at: Nanos(us * 1_000) }, Count(1));
        }
        window
    }

    #[test]
    fn what_is_old_leaves() {
        let mut window = after(&[0, 500, 9_999]);
        assert_eq!(window.sum().0, 3);
        window.pass(Nanos(10_000_000));
        assert_eq!((window.sum().0, window.first().unwrap().seq), (1, 2));
        assert_eq!(window.sum_since(Nanos(9_000_000)).0, 1);
        window.pass(Nanos(19_000_000));
        assert_eq!((window.sum().0, window.first()), (0, None));
    }

    #[test]
    fn stragglers_count_and_a_clock_that_was_set_back_begins_anew() {
        assert_eq!(after(&[20_000, 12_000]).sum().0, 2);
        assert_eq!(after(&[20_000, 1_000]).sum().0, 1);
        assert_eq!(after(&[20_000, 1_000]).first().unwrap().seq, 1);
    }

    proptest! {
        #[test]
        fn the_sum_is_what_a_list_of_all_says(steps in prop::collection::vec(0..5_000_u64, 1..200)) {
            let mut us = 0;
            let times: Vec<u64> = steps.iter().map(|step| { us += step; us }).collect();
            let window = after(&times);
            let from_ms = (us / 1_000).saturating_sub(9);
            let within = times.iter().filter(|at| **at / 1_000 >= from_ms).count();
            prop_assert_eq!(window.sum().0 as usize, within);
            let mut loaded = TenMs::default();
            engine_observer::event::snapshot::copy(&window, &mut loaded).unwrap();
            prop_assert_eq!((loaded.sum(), loaded.first()), (window.sum(), window.first()));
        }
    }
}
