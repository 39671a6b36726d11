//! Many values as one.

use engine_event::{Reader, Snapshot, SnapshotError, Writer};

/// Something that takes values one by one and can say what they come to.
pub trait Aggregate: Default + Snapshot {
    /// What they come to.
    type Value;

    /// One more.
    fn take(&mut self, value: f64);

    /// What they come to; none without values.
    fn value(&self) -> Option<Self::Value>;
}

/// The arithmetic mean, updated as a running mean so that large values do not swallow small ones.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Mean {
    mean: f64,
    count: u64,
}

impl Mean {
    /// Of how many values.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Aggregate for Mean {
    type Value = f64;

    fn take(&mut self, value: f64) {
        self.count += 1;
        self.mean += (value - self.mean) / self.count as f64;
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }
}

impl Snapshot for Mean {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.f64(self.mean);
        to.u64(self.count);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.mean = from.f64()?;
        self.count = from.u64()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_near_a_large_number_keeps_its_digits() {
        let mut mean = Mean::default();
        assert_eq!(mean.value(), None);
        for i in 0..1_000_000 {
            mean.take(1e8 + f64::from(i % 3));
        }
        assert!((mean.value().unwrap() - (1e8 + 1.0)).abs() < 1e-5, "{:?}", mean.value());
    }
}
