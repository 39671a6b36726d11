//! Sums over the last stretches of time, by message.

use engine_observer::event::{Nanos, Reader, Snapshot, SnapshotError, Writer};
use engine_observer::{prefetch, prefetch_whole};
use std::ops::Sub;

/// What runs on: counters side by side, and what one state of them is more than an earlier one.
pub(crate) trait Counters: Snapshot + Copy + Default + Sub<Output = Self> {}

impl<T: Snapshot + Copy + Default + Sub<Output = T>> Counters for T {}

/// An event's place and time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) seq: u64,
    pub(crate) at: Nanos,
}

/// Counters that run on, and where they stood when each of the last stretches of time began: so the sum
/// over the last `SHORT` or `LONG` of them is a difference, whatever has left in between.
///
/// A stretch is `WIDTH_NS` long and aligned to the epoch; the latest is the one that time stands in, so
/// a window of `N` covers between `N − 1` and `N` widths. Most messages of most subjects come alone:
/// there is a place for each stretch that holds any, and none for those that are empty.
///
/// Time that runs back by less than the longer window is a straggler, counted in the latest stretch. Time
/// that runs back further is a clock that was set: the windows begin anew.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Trail<T, const WIDTH_NS: u64, const SHORT: u64, const LONG: u64> {
    /// The latest stretch, counted from the epoch.
    latest: u64,
    /// Since ever.
    total: T,
    /// A ring of the stretches within the longer window that hold anything; a power of two.
    places: Vec<Place<T>>,
    /// The first one, and how many there are.
    oldest: u32,
    count: u32,
    /// How many of those are older than the shorter window.
    beyond_short: u32,
}

#[derive(Clone, Copy, Debug)]
struct Place<T> {
    /// Which stretch.
    number: u64,
    /// The first in it.
    first: Mark,
    /// The counters before that.
    before: T,
}

impl<T: Counters, const WIDTH_NS: u64, const SHORT: u64, const LONG: u64>
    Trail<T, WIDTH_NS, SHORT, LONG>
{
    /// Nothing was counted.
    pub(crate) fn new() -> Self {
        let places = Vec::new();
        Self { latest: u64::MAX, total: T::default(), places, oldest: 0, count: 0, beyond_short: 0 }
    }

    /// Lets time pass: what is older than a window leaves it. Whether another stretch begins.
    #[inline]
    pub(crate) fn pass(&mut self, now: Nanos) -> bool {
        let number = now.0 / WIDTH_NS;
        if number == self.latest {
            return false;
        }
        self.turn(number);
        true
    }

    fn turn(&mut self, number: u64) {
        if number.abs_diff(self.latest) >= LONG {
            self.clear();
        } else if number < self.latest {
            return;
        }
        self.latest = number;
        while self.count > 0 && self.place(0).number + LONG <= number {
            self.oldest = self.oldest.wrapping_add(1);
            self.count -= 1;
            self.beyond_short = self.beyond_short.saturating_sub(1);
        }
        while self.beyond_short < self.count
            && self.place(self.beyond_short).number + SHORT <= number
        {
            self.beyond_short += 1;
        }
    }

    /// Sends for the places that the next message will need.
    #[inline]
    pub(crate) fn look_ahead(&self) {
        if !self.places.is_empty() {
            prefetch(&self.places, self.at(0));
            prefetch_whole(&self.places, self.at(self.count), 2);
        }
    }

    /// Counts, now. What somebody else counts is as `before` says where a stretch begins.
    #[inline]
    pub(crate) fn add(
        &mut self,
        mark: Mark,
        before: impl FnOnce(&mut T),
        count: impl FnOnce(&mut T),
    ) {
        self.pass(mark.at);
        if self.count == 0 || self.place(self.count - 1).number != self.latest {
            before(&mut self.begin(mark).before);
        }
        count(&mut self.total);
    }

    /// The first in its stretch.
    fn begin(&mut self, first: Mark) -> &mut Place<T> {
        if self.count as usize == self.places.len() {
            self.grow();
        }
        let at = self.at(self.count);
        self.count += 1;
        let place = &mut self.places[at];
        *place = Place { number: self.latest, first, before: self.total };
        place
    }

    #[cold]
    fn grow(&mut self) {
        let mut places: Vec<_> = (0..self.count).map(|nth| *self.place(nth)).collect();
        let none = Place { number: 0, first: Mark { seq: 0, at: Nanos(0) }, before: T::default() };
        places.resize((places.len() * 4).max(4), none);
        (self.places, self.oldest) = (places, 0);
    }

    /// What was counted since ever, clear or not.
    #[inline]
    pub(crate) fn total(&self) -> &T {
        &self.total
    }

    /// The first within the shorter window, and the counters before it.
    #[inline]
    pub(crate) fn short(&self) -> Option<(Mark, &T)> {
        (self.beyond_short < self.count).then(|| self.place(self.beyond_short).from())
    }

    /// The first within the longer window, and the counters before it.
    #[inline]
    pub(crate) fn long(&self) -> Option<(Mark, &T)> {
        (self.count > 0).then(|| self.place(0).from())
    }

    /// Forgets everything; the room stays.
    pub(crate) fn renew(&mut self) {
        *self = Self { places: std::mem::take(&mut self.places), ..Self::new() };
    }

    /// Forgets everything but the time and the total.
    pub(crate) fn clear(&mut self) {
        (self.oldest, self.count, self.beyond_short) = (0, 0, 0);
    }

    #[inline]
    fn at(&self, nth: u32) -> usize {
        self.oldest.wrapping_add(nth) as usize & (self.places.len() - 1)
    }

    #[inline]
    fn place(&self, nth: u32) -> &Place<T> {
        &self.places[self.at(nth)]
    }
}

impl<T> Place<T> {
    fn from(&self) -> (Mark, &T) {
        (self.first, &self.before)
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

impl<T: Counters, const WIDTH_NS: u64, const SHORT: u64, const LONG: u64> Snapshot
    for Trail<T, WIDTH_NS, SHORT, LONG>
{
    const VERSION: u16 = 2;

    fn save(&self, to: &mut Writer) {
        to.u64(self.latest);
        to.part(&self.total);
        to.list((0..self.count).map(|nth| self.place(nth)), |to, place| {
            to.u64(place.number);
            place.first.save(to);
            to.part(&place.before);
        });
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        *self = Self::new();
        self.latest = from.u64()?;
        from.part(&mut self.total)?;
        let mut last = None;
        from.list(|from| {
            let at = from.position();
            let (number, first) = (from.u64()?, Mark::load(from)?);
            let in_order = last < Some(number) && number <= self.latest;
            if !in_order || self.latest - number >= LONG {
                return Err(SnapshotError::Damaged { at });
            }
            last = Some(number);
            if self.count as usize == self.places.len() {
                self.grow();
            }
            let mut before = T::default();
            from.part(&mut before)?;
            let place = self.at(self.count);
            self.places[place] = Place { number, first, before };
            self.count += 1;
            self.beyond_short += u32::from(number + SHORT <= self.latest);
            Ok(())
        })
    }
}

/// One counter.
#[cfg(test)]
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Count(pub(crate) u32);

#[cfg(test)]
impl Sub for Count {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Count(self.0 - earlier.0)
    }
}

#[cfg(test)]
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

    /// Windows of 10 and 50 ms.
    type Ms = Trail<Count, 1_000_000, 10, 50>;

    fn after(times_us: &[u64]) -> Ms {
        let mut trail = Ms::new();
        for (seq, us) in times_us.iter().enumerate() {
            let mark = Mark { seq: seq as u64, at: Nanos(us * 1_000) };
            trail.add(mark, |_| (), |count| count.0 += 1);
        }
        trail
    }

    /// How many are in each window, and which is the first.
    fn sums(trail: &Ms) -> [(u32, Option<u64>); 2] {
        [trail.short(), trail.long()].map(|window| match window {
            Some((first, before)) => ((*trail.total() - *before).0, Some(first.seq)),
            None => (0, None),
        })
    }

    #[test]
    fn what_is_old_leaves() {
        let mut trail = after(&[0, 500, 9_999]);
        assert_eq!(sums(&trail), [(3, Some(0)); 2]);
        trail.pass(Nanos(10_000_000));
        assert_eq!(sums(&trail), [(1, Some(2)), (3, Some(0))]);
        trail.pass(Nanos(19_000_000));
        assert_eq!(sums(&trail), [(0, None), (3, Some(0))]);
        trail.pass(Nanos(50_000_000));
        assert_eq!(sums(&trail), [(0, None), (1, Some(2))]);
        trail.pass(Nanos(60_000_000));
        assert_eq!(sums(&trail), [(0, None), (0, None)]);
    }

    #[test]
    fn stragglers_count_and_a_clock_that_was_set_back_begins_anew() {
        assert_eq!(sums(&after(&[60_000, 20_000])), [(2, Some(0)); 2]);
        assert_eq!(sums(&after(&[60_000, 1_000])), [(1, Some(1)); 2]);
    }

    #[test]
    fn what_is_forgotten_does_not_come_back() {
        let mut trail = after(&[0, 20_000]);
        trail.clear();
        assert_eq!(sums(&trail), [(0, None); 2]);
        trail.add(Mark { seq: 9, at: Nanos(21_000_000) }, |_| (), |count| count.0 += 1);
        assert_eq!(sums(&trail), [(1, Some(9)); 2]);
    }

    #[test]
    fn a_damaged_state_is_refused() {
        let mut state = after(&[0, 1_000, 2_000]);
        let load = |state: &Ms| {
            let mut writer = Writer::new();
            writer.part(state);
            Reader::new(&writer.into_bytes()).part(&mut Ms::new())
        };
        assert!(load(&state).is_ok());
        state.places.swap(0, 1);
        assert!(load(&state).is_err(), "a stretch before its predecessor");
        state.places.swap(0, 1);
        state.latest = 1;
        assert!(load(&state).is_err(), "a stretch after the latest");
        state.latest = 50;
        assert!(load(&state).is_err(), "a stretch that has left");
    }

    proptest! {
        #[test]
        fn the_sums_are_what_a_list_of_all_says(
            steps in prop::collection::vec(prop_oneof![0..300_u64, 0..30_000_u64], 1..200),
        ) {
            let mut us = 0;
            let times: Vec<u64> = steps.iter().map(|step| { us += step; us }).collect();
            let trail = after(&times);
            let expected = [10, 50].map(|n| {
                let from_ms = (us / 1_000).saturating_sub(n - 1);
                let first = times.iter().position(|at| *at / 1_000 >= from_ms).unwrap();
                ((times.len() - first) as u32, Some(first as u64))
            });
            prop_assert_eq!(sums(&trail), expected);
            let mut writer = Writer::new();
            writer.part(&trail);
            let mut loaded = Ms::new();
            Reader::new(&writer.into_bytes()).part(&mut loaded).unwrap();
            prop_assert_eq!(sums(&loaded), expected);
        }
    }
}
