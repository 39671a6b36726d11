//! What is usual: mean and standard deviation of a series, the recent past counting more.

use engine_observer::event::{Reader, Snapshot, SnapshotError, Writer};

/// Weighted mean and variance; each further value takes a share `1 / span` of weight off all earlier
/// ones. Sums of squares are kept about the mean, so that large values keep their digits.
///
/// Only additions, multiplications, divisions and square roots, whose results IEEE 754 fixes: the same
/// values give the same bits everywhere.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Baseline {
    weight: f64,
    mean: f64,
    squares: f64,
}

impl Baseline {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What is supposed until there is a history, and how many values that supposition is worth.
    pub(crate) fn supposed(mean: f64, sd: f64, worth: f64) -> Self {
        Self { weight: worth, mean, squares: worth * sd * sd }
    }

    /// One more value, in a memory of `span` values.
    pub(crate) fn take(&mut self, value: f64, span: f64) {
        self.fade(1.0 - 1.0 / span);
        self.join(value, 1.0);
    }

    /// The same as so many times zero, one by one.
    pub(crate) fn take_zeros(&mut self, count: u64, span: f64) {
        let keep = 1.0 - 1.0 / span;
        let kept = to_the(keep, count);
        self.fade(kept);
        self.join(0.0, (1.0 - kept) * span);
    }

    fn fade(&mut self, share: f64) {
        self.weight *= share;
        self.squares *= share;
    }

    fn join(&mut self, value: f64, weight: f64) {
        let total = self.weight + weight;
        if total > 0.0 {
            let (distance, share) = (value - self.mean, weight / total);
            self.mean += distance * share;
            self.squares += distance * distance * self.weight * share;
            self.weight = total;
        }
    }

    /// The mean; 0 when nothing is known.
    pub(crate) fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation; 0 when nothing is known.
    pub(crate) fn sd(&self) -> f64 {
        if self.weight > 0.0 { (self.squares / self.weight).sqrt() } else { 0.0 }
    }
}

/// `base` to the power of `count`, by squaring: unlike `powi`, the same bits on every machine. A factor of 1
/// is multiplied like any other, since which bits are set is anybody's guess.
fn to_the(base: f64, count: u64) -> f64 {
    let (mut power, mut square, mut rest) = (1.0, base, count);
    while rest > 0 {
        power *= [1.0, square][(rest & 1) as usize];
        square *= square;
        rest >>= 1;
    }
    power
}

impl Snapshot for Baseline {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.f64(self.weight);
        to.f64(self.mean);
        to.f64(self.squares);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        for number in [&mut self.weight, &mut self.mean, &mut self.squares] {
            *number = from.f64()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64], span: f64) -> Baseline {
        let mut baseline = Baseline::new();
        values.iter().for_each(|value| baseline.take(*value, span));
        baseline
    }

    #[test]
    fn a_long_memory_knows_the_textbook_mean_and_sd() {
        let baseline = of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 1e12);
        assert!((baseline.mean() - 5.0).abs() < 1e-9 && (baseline.sd() - 2.0).abs() < 1e-9);
        assert_eq!((Baseline::new().mean(), Baseline::new().sd()), (0.0, 0.0));
    }

    #[test]
    fn large_values_keep_their_digits() {
        let values: Vec<f64> = (0..10_000).map(|i| 1e9 + f64::from(i % 2)).collect();
        assert!((of(&values, 1e6).sd() - 0.5).abs() < 1e-3);
    }

    #[test]
    fn a_supposition_gives_way_to_history() {
        let mut baseline = Baseline::supposed(20.0, 5.0, 60.0);
        assert_eq!((baseline.mean(), baseline.sd()), (20.0, 5.0));
        (0..600).for_each(|_| baseline.take(100.0, 900.0));
        assert!(baseline.mean() > 90.0, "{baseline:?}");
    }

    proptest! {
        #[test]
        fn many_zeros_are_as_good_as_one_by_one(
            values in prop::collection::vec(0.0..1e4, 0..50), count in 0..400_u64,
        ) {
            let (mut at_once, mut each) = (of(&values, 900.0), of(&values, 900.0));
            at_once.take_zeros(count, 900.0);
            (0..count).for_each(|_| each.take(0.0, 900.0));
            prop_assert!((at_once.mean() - each.mean()).abs() < 1e-6 * (1.0 + each.mean()));
            prop_assert!((at_once.sd() - each.sd()).abs() < 1e-6 * (1.0 + each.sd()));
        }
    }
}
