//! Intervals by resampling (Efron 1979): what figures could have been, had other campaigns been drawn.

use super::{Delay, Share};
use crate::chance::{Chance, blended};

/// Where a figure lies with 95 %.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    /// 2.5 % of resamples are below.
    pub low: f64,
    /// 2.5 % are above.
    pub high: f64,
}

/// Draws again and again.
pub(super) struct Resampler {
    times: u32,
    chance: Chance,
}

impl Resampler {
    pub(super) fn new(times: u32, seed: u64, pattern: &str) -> Self {
        let pattern: Vec<u64> = pattern.bytes().map(u64::from).collect();
        Self { times, chance: Chance::new(blended(&[seed, blended(&pattern)])) }
    }

    /// What `figure` comes to for each of so many draws of `count` places with replacement.
    fn draws(&mut self, count: usize, mut figure: impl FnMut(&[usize]) -> Option<f64>) -> Vec<f64> {
        let mut places = vec![0; count];
        let mut figures = Vec::with_capacity(self.times as usize);
        for _ in 0..self.times {
            places.iter_mut().for_each(|place| *place = self.chance.place(count));
            figures.extend(figure(&places));
        }
        figures.sort_by(f64::total_cmp);
        figures
    }

    pub(super) fn share(&mut self, hits: &[bool]) -> Share {
        let units: Vec<(u64, u64)> =
            hits.iter().map(|hit| (u64::from(*hit), u64::from(!*hit))).collect();
        self.ratio(&units)
    }

    /// Hits among all, each unit with so many hits and so many others.
    pub(super) fn ratio(&mut self, units: &[(u64, u64)]) -> Share {
        let sum = |of: &mut dyn Iterator<Item = (u64, u64)>| {
            of.fold((0, 0), |(hits, all), (hit, other)| (hits + hit, all + hit + other))
        };
        let (hits, of) = sum(&mut units.iter().copied());
        if of == 0 {
            return Share { hits, of, range: None };
        }
        let draws = self.draws(units.len(), |places| {
            let (hits, of) = sum(&mut places.iter().map(|place| units[*place]));
            (of > 0).then(|| hits as f64 / of as f64)
        });
        Share { hits, of, range: interval(&draws) }
    }

    /// Where a count lies that comes by chance alone.
    pub(super) fn poisson(&mut self, count: u64) -> Interval {
        let mut draws: Vec<f64> = (0..self.times).map(|_| self.poisson_draw(count)).collect();
        draws.sort_by(f64::total_cmp);
        // Nothing seen may still be up to three (the rule of three).
        let none = Interval { low: 0.0, high: 3.0 };
        if count == 0 { none } else { interval(&draws).unwrap_or(none) }
    }

    fn poisson_draw(&mut self, mean: u64) -> f64 {
        if mean > 100 {
            // Near enough to a normal: twelve uniform numbers have a variance of 1.
            let noise: f64 = (0..12).map(|_| self.chance.unit()).sum::<f64>() - 6.0;
            return (mean as f64 + noise * (mean as f64).sqrt()).max(0.0).round();
        }
        let limit = (-(mean as f64)).exp();
        let (mut count, mut product) = (0.0, self.chance.unit());
        while product > limit {
            count += 1.0;
            product *= self.chance.unit();
        }
        count
    }

    pub(super) fn delay(&mut self, mut delays: Vec<i64>) -> Option<Delay> {
        delays.sort_unstable();
        let max = *delays.last()?;
        let at = |sorted: &[i64], share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted[rank.clamp(1, sorted.len()) - 1]
        };
        let draws = self.draws(delays.len(), |places| {
            let mut drawn: Vec<i64> = places.iter().map(|place| delays[*place]).collect();
            drawn.sort_unstable();
            Some(at(&drawn, 0.5) as f64)
        });
        let range =
            interval(&draws).unwrap_or(Interval { low: delays[0] as f64, high: max as f64 });
        Some(Delay { median: at(&delays, 0.5), p95: at(&delays, 0.95), max, range })
    }
}

/// The middle 95 % of sorted figures.
fn interval(sorted: &[f64]) -> Option<Interval> {
    let last = sorted.len().checked_sub(1)?;
    let at = |share: f64| sorted[(share * last as f64).round() as usize];
    Some(Interval { low: at(0.025), high: at(0.975) })
}
