//! How long things took: single-writer histograms, and the stamps that travel beside the events.

use engine_event::Nanos;
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A stage's latencies, written by that stage alone: 1 ns to 1 minute, three significant digits.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Latency {
    /// Longer than this is recorded as this: one minute.
    pub const MAX: Nanos = Nanos::from_secs(60);

    /// Nothing recorded yet; all the memory it will need.
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, Self::MAX.0, 3).expect("the bounds are valid"))
    }

    /// One more of `span`.
    #[inline]
    pub fn record(&mut self, span: Nanos) {
        self.0.saturating_record(span.0.clamp(1, Self::MAX.0));
    }

    /// Adds what another writer recorded.
    pub fn add(&mut self, other: &Latency) {
        self.0.add(&other.0).expect("all histograms have the same bounds");
    }

    /// The histogram itself, for plots and logs.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// The figures that summaries show.
    pub fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile);
        Percentiles {
            count: self.0.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: self.0.max(),
        }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

/// The usual percentiles, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[allow(missing_docs)] // they are their names
pub struct Percentiles {
    pub count: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub p99_99: u64,
    pub max: u64,
}

/// When sampled events were sequenced, in the engine's own time, kept beside the ring.
///
/// One event in [`every`](Self::every) is followed through the stages; the others cost nothing. An
/// event's stamp is written before the event is published and read by those who gate the ring, so it
/// cannot be overwritten before they have read it, and the ring's own ordering covers it.
#[derive(Clone, Debug)]
pub struct Stamps {
    slots: Arc<[AtomicU64]>,
    every: u64,
}

impl Stamps {
    /// Stamps for one event in `every` (a power of two) of a ring of `ring_capacity` events.
    pub fn new(every: u64, ring_capacity: usize) -> Self {
        assert!(every.is_power_of_two(), "sampling is by a mask");
        let slots = (ring_capacity / every as usize).next_power_of_two() * 2;
        Self { slots: (0..slots).map(|_| AtomicU64::new(0)).collect(), every }
    }

    /// One event in how many is sampled.
    pub fn every(&self) -> u64 {
        self.every
    }

    /// Whether the event with this sequence number is followed.
    #[inline]
    pub fn samples(&self, seq: u64) -> bool {
        seq & (self.every - 1) == 0
    }

    /// Whether this event or the next one is followed.
    #[inline]
    pub fn is_near(&self, seq: u64) -> bool {
        (seq + 1) & (self.every - 1) <= 1
    }

    #[inline]
    fn slot(&self, seq: u64) -> &AtomicU64 {
        &self.slots[(seq / self.every) as usize & (self.slots.len() - 1)]
    }

    /// Notes when a sampled event was sequenced.
    #[inline]
    pub fn set(&self, seq: u64, at: Nanos) {
        self.slot(seq).store(at.0, Relaxed); // ordered by the ring's publication
    }

    /// When a sampled event was sequenced.
    #[inline]
    pub fn get(&self, seq: u64) -> Nanos {
        Nanos(self.slot(seq).load(Relaxed)) // ordered by the ring's publication
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_the_most_that_is_told() {
        let mut latency = Latency::new();
        latency.record(Nanos(0));
        latency.record(Nanos::from_secs(3600));
        let told = latency.percentiles();
        assert_eq!(told.count, 2);
        assert_eq!(told.p50, 1);
        assert!(told.max >= Latency::MAX.0);
    }

    #[test]
    fn stamps_of_a_whole_ring_stay_apart() {
        let stamps = Stamps::new(4, 16);
        for seq in (0..16).filter(|seq| stamps.samples(*seq)) {
            stamps.set(seq, Nanos(seq + 1));
        }
        assert_eq!([0, 4, 8, 12].map(|seq| stamps.get(seq).0), [1, 5, 9, 13]);
    }
}
