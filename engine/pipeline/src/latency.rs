//! How long things took: histograms of one writer, and the figures that are told of them.

use engine_event::Nanos;
use hdrhistogram::Histogram;

/// Latencies written by one thread alone: 1 ns to 1 minute, three significant digits.
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

    /// Forgets what was recorded, and keeps the memory.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
}
