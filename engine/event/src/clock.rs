//! Time as a value, and the one place that reads it from the machine.
//!
//! Only the runner and the feeds hold a [`Clock`]; everybody else is told what time it is. That is
//! what makes a replay decide exactly as the live run did.

use bytemuck::{Pod, Zeroable};
use std::cell::Cell;
use std::fmt;
use std::ops::Add;
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Nanoseconds since the Unix epoch, as an event carries them. Feeds that give only the time of day
/// count from midnight of the epoch's first day unless they are told the date.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    Pod,
    Zeroable,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Later than every event: what the end of a stream stands for.
    pub const END: Nanos = Nanos(u64::MAX);

    /// Whole milliseconds.
    pub const fn from_millis(ms: u64) -> Nanos {
        Nanos(ms * 1_000_000)
    }

    /// Whole seconds.
    pub const fn from_secs(s: u64) -> Nanos {
        Nanos(s * 1_000_000_000)
    }

    /// The time from `earlier` to here; zero when `earlier` is later.
    pub const fn since(self, earlier: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Nanos {
    type Output = Nanos;

    fn add(self, span: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(span.0))
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Somebody who can be asked for the time.
pub trait Clock: Send {
    /// Now, in nanoseconds since the epoch.
    fn now(&self) -> Nanos;
}

/// The machine's time: the epoch read once, then the time-stamp counter, which costs some 10 ns a
/// reading and never steps back.
#[derive(Clone, Debug)]
pub struct RealClock {
    counter: quanta::Clock,
    started: quanta::Instant,
    started_at: Nanos,
}

impl RealClock {
    /// Calibrates the counter (some milliseconds, the first time in a process) and starts.
    pub fn new() -> Self {
        Self::of(quanta::Clock::new())
    }

    /// A clock that stands still but for what its hands are moved: for tests of whoever measures.
    pub fn with_hands() -> (Self, Hands) {
        let (counter, hands) = quanta::Clock::mock();
        (Self::of(counter), Hands(hands))
    }

    fn of(counter: quanta::Clock) -> Self {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("the machine's clock stands after 1970");
        let started = counter.now();
        Self { counter, started, started_at: Nanos(since_epoch.as_nanos() as u64) }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    #[inline]
    fn now(&self) -> Nanos {
        let elapsed = self.counter.now().duration_since(self.started);
        Nanos(self.started_at.0 + elapsed.as_nanos() as u64)
    }
}

/// The hands of a [`RealClock::with_hands`].
#[derive(Clone, Debug)]
pub struct Hands(Arc<quanta::Mock>);

impl Hands {
    /// So much time passes.
    pub fn advance(&self, span: Nanos) {
        self.0.increment(span.0);
    }
}

/// The machine's own time of day, as the kernel stamps packets: it may be set back, and costs some 25 ns
/// a reading. For whoever compares with such stamps.
#[derive(Clone, Copy, Default, Debug)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Nanos {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Nanos(since_epoch.unwrap_or_default().as_nanos() as u64)
    }
}

/// A clock that a test sets.
#[derive(Debug, Default)]
pub struct ManualClock(Cell<u64>);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Nanos) -> Self {
        Self(Cell::new(now.0))
    }

    /// Moves the hands.
    pub fn set(&self, now: Nanos) {
        self.0.set(now.0);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Nanos {
        Nanos(self.0.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_time_does_not_step_back() {
        let clock = RealClock::new();
        let mut last = clock.now();
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn a_clock_with_hands_stands_still_by_itself() {
        let (clock, hands) = RealClock::with_hands();
        let begun = clock.now();
        assert_eq!(clock.clone().now(), begun);
        hands.advance(Nanos(7));
        assert_eq!(clock.now(), begun + Nanos(7));
    }

    #[test]
    fn a_span_to_the_past_is_empty() {
        assert_eq!(Nanos(5).since(Nanos(9)), Nanos(0));
        assert_eq!(Nanos(9).since(Nanos(5)), Nanos(4));
    }
}
