//! Windows that follow one another without overlap, aligned to the epoch.

use crate::Aggregate;
use engine_event::{Nanos, Reader, Snapshot, SnapshotError, Writer};
use std::collections::VecDeque;

/// One key's tumbling windows: `[k·width, (k+1)·width)`.
///
/// A window stays open for `lateness` after its end, so that values which arrive out of order still
/// find it; at most `lateness / width + 2` windows are open at once when windows are closed as time
/// passes, and [`OPEN_MAX`](Self::OPEN_MAX) whatever the caller does.
#[derive(Clone, Debug)]
pub struct Tumbling<A> {
    width: Nanos,
    lateness: Nanos,
    /// Open windows by their start, earliest first.
    open: VecDeque<(Nanos, A)>,
    /// Everything before this was closed.
    closed_to: Nanos,
}

/// A window that has closed, or is about to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Window<A> {
    /// Its first instant.
    pub start: Nanos,
    /// The first instant after it.
    pub end: Nanos,
    /// What fell into it.
    pub aggregate: A,
}

/// A value whose window has closed already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Late;

impl<A: Aggregate + Copy> Tumbling<A> {
    /// More open windows than this and the earliest value counts as late.
    pub const OPEN_MAX: usize = 64;

    /// Windows of this width (at least a nanosecond), each open for `lateness` after its end.
    pub fn new(width: Nanos, lateness: Nanos) -> Self {
        let width = Nanos(width.0.max(1));
        Self { width, lateness, open: VecDeque::with_capacity(2), closed_to: Nanos(0) }
    }

    /// Puts a value into its window.
    pub fn take(&mut self, at: Nanos, value: f64) -> Result<(), Late> {
        let start = Nanos(at.0 - at.0 % self.width.0);
        if start < self.closed_to {
            return Err(Late);
        }
        let place = self.open.partition_point(|(open, _)| *open < start);
        if self.open.get(place).is_none_or(|(open, _)| *open != start) {
            if self.open.len() == Self::OPEN_MAX {
                return Err(Late);
            }
            self.open.insert(place, (start, A::default()));
        }
        self.open[place].1.take(value);
        Ok(())
    }

    /// When the earliest open window is to be closed.
    pub fn due(&self) -> Option<Nanos> {
        self.open.front().map(|(start, _)| *start + self.width + self.lateness)
    }

    /// Closes the earliest window if it is due by `now`; called until there is none.
    pub fn close(&mut self, now: Nanos) -> Option<Window<A>> {
        if self.due()? > now {
            return None;
        }
        let (start, aggregate) = self.open.pop_front()?;
        let end = start + self.width;
        self.closed_to = end;
        Some(Window { start, end, aggregate })
    }
}

impl<A: Aggregate + Copy> Snapshot for Tumbling<A> {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.u64(self.closed_to.0);
        to.list(self.open.iter(), |to, (start, aggregate)| {
            to.u64(start.0);
            to.part(aggregate);
        });
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.closed_to = Nanos(from.u64()?);
        self.open.clear();
        from.list(|from| {
            let start = Nanos(from.u64()?);
            let mut aggregate = A::default();
            from.part(&mut aggregate)?;
            self.open.push_back((start, aggregate));
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mean;

    const WIDTH: Nanos = Nanos::from_secs(60);

    fn taken(lateness: Nanos, values: &[(u64, f64)]) -> Tumbling<Mean> {
        let mut windows = Tumbling::new(WIDTH, lateness);
        for (second, value) in values {
            windows.take(Nanos::from_secs(*second), *value).unwrap();
        }
        windows
    }

    fn closed(windows: &mut Tumbling<Mean>, second: u64) -> Vec<(u64, f64, u64)> {
        let next = || windows.close(Nanos::from_secs(second));
        std::iter::from_fn(next)
            .map(|w| (w.start.0 / 1_000_000_000, w.aggregate.value().unwrap(), w.aggregate.count()))
            .collect()
    }

    #[test]
    fn a_window_closes_at_its_end_and_not_before() {
        let mut windows = taken(Nanos(0), &[(0, 1.0), (59, 3.0), (60, 10.0)]);
        assert_eq!(closed(&mut windows, 59), []);
        assert_eq!(closed(&mut windows, 60), [(0, 2.0, 2)]);
        assert_eq!(windows.due(), Some(Nanos::from_secs(120)));
    }

    #[test]
    fn a_late_value_finds_its_window_while_that_is_open() {
        let mut windows = taken(Nanos::from_secs(30), &[(0, 1.0), (70, 5.0), (10, 3.0)]);
        assert_eq!(closed(&mut windows, 89), []);
        assert_eq!(closed(&mut windows, 90), [(0, 2.0, 2)]);
        assert_eq!(windows.take(Nanos::from_secs(20), 9.0), Err(Late));
        assert_eq!(closed(&mut windows, u64::MAX / 2_000_000_000), [(60, 5.0, 1)]);
    }

    #[test]
    fn open_windows_are_bounded() {
        let mut windows: Tumbling<Mean> = Tumbling::new(WIDTH, Nanos(0));
        let refused = (0..1000).filter(|k| windows.take(Nanos(WIDTH.0 * k), 1.0).is_err()).count();
        assert_eq!(refused, 1000 - Tumbling::<Mean>::OPEN_MAX);
    }

    #[test]
    fn windows_survive_a_restart() {
        let mut windows = taken(Nanos(0), &[(0, 1.0), (60, 10.0)]);
        let mut loaded = Tumbling::new(WIDTH, Nanos(0));
        engine_event::snapshot::copy(&windows, &mut loaded).unwrap();
        assert_eq!(closed(&mut loaded, 500), closed(&mut windows, 500));
    }
}
