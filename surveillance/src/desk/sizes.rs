//! How large is large: quantiles of quantities as they come.

use super::kept::kept;

/// A histogram of quantities, fine to an eighth, that forgets half of what it knows whenever it has seen
/// some 65,000.
#[derive(Clone, Default, Debug)]
pub(crate) struct Sizes {
    counts: Vec<u32>,
    total: u32,
    /// Quantiles as they were last looked up.
    known: Quantiles,
    looked_up_at: u32,
}

/// Quantities that so much of what comes is no larger than.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Quantiles {
    pub(crate) q10: u64,
    pub(crate) q25: u64,
    pub(crate) q50: u64,
    pub(crate) q90: u64,
    pub(crate) q99: u64,
}

kept!(Sizes { counts, total, known, looked_up_at });
kept!(Quantiles { q10, q25, q50, q90, q99 });

impl Quantiles {
    /// Of both, the larger of each.
    pub(crate) fn larger(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
        Some(Self {
            q10: a.q10.max(b.q10),
            q25: a.q25.max(b.q25),
            q50: a.q50.max(b.q50),
            q90: a.q90.max(b.q90),
            q99: a.q99.max(b.q99),
        })
    }
}

/// Places for each power of two.
const FINE: u64 = 8;
const PLACES: usize = 64 * FINE as usize;

impl Sizes {
    /// Fewer than so many say nothing yet.
    pub(crate) const LEAST: u32 = 30;
    const MOST: u32 = 1 << 16;
    const LOOK_UP_EVERY: u32 = 64;

    #[inline]
    fn place(quantity: u64) -> usize {
        if quantity < FINE {
            return quantity as usize;
        }
        let power = quantity.ilog2();
        let fine = (quantity >> (power - FINE.ilog2())) & (FINE - 1);
        (u64::from(power - FINE.ilog2() + 1) * FINE + fine) as usize
    }

    /// The largest quantity of a place.
    fn largest(place: usize) -> u64 {
        let place = place as u64;
        if place < FINE {
            return place;
        }
        let (power, fine) = (place / FINE - 1, place % FINE);
        let next = u128::from(FINE + fine + 1) << power;
        u64::try_from(next - 1).unwrap_or(u64::MAX)
    }

    /// One more.
    #[inline]
    pub(crate) fn count(&mut self, quantity: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; PLACES];
        }
        self.counts[Self::place(quantity).min(PLACES - 1)] += 1;
        self.total += 1;
        if self.total >= Self::MOST {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
            self.looked_up_at = 0;
        }
        if self.total >= self.looked_up_at + Self::LOOK_UP_EVERY || self.total == Self::LEAST {
            self.look_up();
        }
    }

    fn look_up(&mut self) {
        self.looked_up_at = self.total;
        // All of them in one pass: each begins where the one before it was found.
        let (mut place, mut seen) = (0, u64::from(self.counts[0]));
        let mut next = |percent: u64| {
            let wanted = (u64::from(self.total) * percent).div_ceil(100);
            while seen < wanted && place + 1 < PLACES {
                place += 1;
                seen += u64::from(self.counts[place]);
            }
            Self::largest(place)
        };
        self.known =
            Quantiles { q10: next(10), q25: next(25), q50: next(50), q90: next(90), q99: next(99) };
    }

    /// The quantiles, as of at most 64 quantities ago; none while there is too little to tell by.
    #[inline]
    pub(crate) fn quantiles(&self) -> Option<Quantiles> {
        (self.total >= Self::LEAST).then_some(self.known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quantile_is_right_to_an_eighth(quantities in prop::collection::vec(1..1u64 << 40, 30..200)) {
            let mut sizes = Sizes::default();
            quantities.iter().for_each(|quantity| sizes.count(*quantity));
            sizes.look_up();
            let mut sorted = quantities;
            sorted.sort_unstable();
            let true_median = sorted[(sorted.len() - 1) / 2] as f64;
            let median = sizes.quantiles().unwrap().q50 as f64;
            prop_assert!((true_median..=true_median * 1.13 + 1.0).contains(&median), "{median} {true_median}");
        }

        #[test]
        fn a_place_holds_what_belongs_there(quantity in any::<u64>()) {
            let place = Sizes::place(quantity);
            prop_assert!(place < PLACES && quantity <= Sizes::largest(place));
            prop_assert!(place == 0 || Sizes::largest(place - 1) < quantity);
        }
    }

    #[test]
    fn a_few_say_nothing() {
        let mut sizes = Sizes::default();
        (0..Sizes::LEAST - 1).for_each(|_| sizes.count(5));
        assert_eq!(sizes.quantiles(), None);
        sizes.count(5);
        assert_eq!(sizes.quantiles().map(|all| all.q99), Some(5));
    }
}
