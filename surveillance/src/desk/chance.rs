//! How likely something is by chance.

/// How likely something that happens with `likely` in each of so many trials happens so often or more: the
/// tail of the binomial distribution, up to the sum of a geometric series that lies above it. 1 where no
/// more than expected happened.
pub(crate) fn at_least(times: u64, trials: u64, likely: f64) -> f64 {
    let rest = trials.saturating_sub(times) as f64;
    if times as f64 <= trials as f64 * likely {
        return 1.0;
    }
    if likely <= 0.0 {
        return 0.0;
    }
    let mut log = rest * (-likely).ln_1p();
    for nth in 0..times {
        log += (likely * trials.saturating_sub(nth) as f64 / (nth + 1) as f64).ln();
    }
    let falls = rest * likely / ((times + 1) as f64 * (1.0 - likely));
    if falls < 1.0 { (log.exp() / (1.0 - falls)).min(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_tail_of_the_binomial_distribution() {
        let close = |one: f64, other: f64| (one / other - 1.0).abs() < 0.1;
        assert!(close(at_least(3, 3, 0.1), 0.001));
        assert!(close(at_least(1, 10, 0.01), 0.0956));
        assert!(close(at_least(3, 100, 0.001), 1.5e-4));
        assert!(close(at_least(60, 100, 0.5), 0.028 * 1.2), "{}", at_least(60, 100, 0.5));
        assert_eq!(at_least(2, 100, 0.5), 1.0);
        assert!(at_least(2_000, 4_000, 0.01) < 1e-300);
    }
}
