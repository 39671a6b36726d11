//! Chance that can be had again: SplitMix64 (Steele, Lea, Flood 2014), and choices with weights
//! (Vose's alias method, 1991) in the same few nanoseconds whatever their number.

/// A stream of random numbers that its seed determines.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is above 0.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// A place in a list of `length`, which is above 0.
    #[inline]
    pub fn place(&mut self, length: usize) -> usize {
        self.below(length as u32) as usize
    }

    /// True so many times in a thousand.
    #[inline]
    pub fn in_1000(&mut self, times: u32) -> bool {
        self.below(1000) < times
    }

    /// A number from 0 up to but not including 1.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Noise around 0 with a standard deviation of 1: four uniform numbers added up.
    pub fn noise(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        (sum - 2.0) * 1.732_050_807_568_877_2
    }
}

/// A choice among places with unequal weights.
#[derive(Clone, Debug)]
pub struct Weights {
    /// By place: from which share of 2^32 on the choice falls on the other one.
    keep: Vec<u32>,
    other: Vec<u32>,
}

impl Weights {
    /// Zipf's law over `count` places: the n-th has 1/n of the first one's weight.
    pub fn zipf(count: usize) -> Self {
        Self::new(&(1..=count.max(1)).map(|rank| 1.0 / rank as f64).collect::<Vec<_>>())
    }

    /// These weights, of which there is at least one.
    pub fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let mut scaled: Vec<f64> =
            weights.iter().map(|weight| weight * weights.len() as f64 / total).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..scaled.len()).partition(|&place| scaled[place] < 1.0);
        let mut own = Self { keep: vec![u32::MAX; weights.len()], other: vec![0; weights.len()] };
        while let (Some(&low), Some(&high)) = (small.last(), large.last()) {
            small.pop();
            own.keep[low] = (scaled[low] * u32::MAX as f64) as u32;
            own.other[low] = high as u32;
            scaled[high] -= 1.0 - scaled[low];
            if scaled[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        own
    }

    /// A place, by weight.
    #[inline]
    pub fn choose(&self, random: &mut Random) -> usize {
        let bits = random.bits();
        let place = (((bits >> 32) * self.keep.len() as u64) >> 32) as usize;
        if bits as u32 <= self.keep[place] { place } else { self.other[place] as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_stream() {
        let mut random = Random::new(0);
        assert_eq!(random.bits(), 0xe220_a839_7b1d_cdaf, "the published first number of seed 0");
        assert!((0..1000).all(|_| random.below(7) < 7));
    }

    #[test]
    fn weights_are_kept() {
        let (weights, mut random) = (Weights::zipf(10), Random::new(1));
        let mut counts = [0; 10];
        (0..100_000).for_each(|_| counts[weights.choose(&mut random)] += 1);
        assert!((33_000..35_500).contains(&counts[0]), "{counts:?}");
        assert!((1.9..2.1).contains(&(counts[0] as f64 / counts[1] as f64)), "{counts:?}");
    }

    #[test]
    fn noise_has_its_deviation() {
        let mut random = Random::new(1);
        let squares: f64 = (0..10_000).map(|_| random.noise().powi(2)).sum();
        assert!((0.95..1.05).contains(&(squares / 10_000.0)), "{squares}");
    }
}
