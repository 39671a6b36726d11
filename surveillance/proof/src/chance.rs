//! Chance that can be had again: SplitMix64 (Steele, Lea, Flood 2014), and accounts as active as
//! Zipf's law has it.

use std::ops::RangeInclusive;

/// A stream of random numbers that its seed determines.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number from 0 up to but not including 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number between the two.
    pub fn between(&mut self, least: f64, most: f64) -> f64 {
        least + self.unit() * (most - least)
    }

    /// A whole number of the range.
    pub fn whole(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (least, most) = (*range.start(), *range.end());
        let count = most.saturating_sub(least).saturating_add(1);
        least + ((u128::from(self.bits()) * u128::from(count)) >> 64) as u64
    }

    /// A place in a list of `length`, which is above 0.
    pub fn place(&mut self, length: usize) -> usize {
        self.whole(0..=(length as u64 - 1)) as usize
    }

    /// True in this share of cases.
    pub fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }
}

/// How likely at least so many hits are, of tries that hit at this rate each.
pub fn at_least(hits: u64, tries: u64, rate: f64) -> f64 {
    // One try after the other: how likely each number of hits is by then.
    let mut likely = vec![0.0; tries as usize + 1];
    likely[0] = 1.0;
    for tried in 1..=tries as usize {
        for hit in (1..=tried).rev() {
            likely[hit] = likely[hit] * (1.0 - rate) + likely[hit - 1] * rate;
        }
        likely[0] *= 1.0 - rate;
    }
    likely.iter().skip(hits as usize).sum()
}

/// A number with its bits thoroughly mixed.
pub fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Several numbers as one that stands for all of them.
pub fn blended(numbers: &[u64]) -> u64 {
    let blend = |sum: u64, number: &u64| mixed((sum ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15));
    numbers.iter().fold(0x7461_7065, blend)
}

/// A choice among places of which the k-th is chosen 1/k as often as the first.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// Up to which share of 2^64 the choice falls on the place or one before it.
    until: Vec<u64>,
}

impl Zipf {
    /// Among so many places, at least 1.
    pub fn new(places: usize) -> Self {
        let weights = || (1..=places.max(1)).map(|rank| 1.0 / rank as f64);
        let all: f64 = weights().sum();
        let mut sum = 0.0;
        let until = weights().map(|weight| {
            sum += weight / all;
            (sum * u64::MAX as f64) as u64
        });
        Self { until: until.collect() }
    }

    /// The place that these bits choose.
    pub fn choose(&self, bits: u64) -> usize {
        self.until.partition_point(|until| *until < bits).min(self.until.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_come_as_often_as_the_textbook_says() {
        assert!((at_least(9, 12, 0.5) - 299.0 / 4096.0).abs() < 1e-12);
        assert!((at_least(2, 3, 0.1) - 0.028).abs() < 1e-12);
        assert!((at_least(0, 5, 0.3) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_first_is_chosen_most_often() {
        let (zipf, mut chance) = (Zipf::new(20), Chance::new(1));
        let mut counts = [0u32; 20];
        (0..36_000).for_each(|_| counts[zipf.choose(chance.bits())] += 1);
        // 1/H(20) = 0.278 of 36,000.
        assert!((9_600..10_400).contains(&counts[0]), "{counts:?}");
        assert!((4_700..5_300).contains(&counts[1]), "{counts:?}");
        assert!(counts[19] > 300, "{counts:?}");
    }

    #[test]
    fn a_whole_number_reaches_both_ends() {
        let mut chance = Chance::new(3);
        let seen: std::collections::BTreeSet<_> = (0..200).map(|_| chance.whole(3..=6)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!(chance.whole(7..=7), 7);
    }
}
