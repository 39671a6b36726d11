//! How likely it is that chance alone did as much: tails of distributions, exactly enough to rank and to
//! compare with limits as small as a millionth.

/// The chance of at least `hits` hits in `tries` tries that each hit with probability `rate`.
pub(crate) fn binomial_tail(hits: u32, tries: u32, rate: f64) -> f64 {
    if hits == 0 {
        return 1.0;
    }
    if hits > tries || rate <= 0.0 {
        return 0.0;
    }
    if rate >= 1.0 {
        return 1.0;
    }
    let (log_hit, log_miss) = (rate.ln(), (1.0 - rate).ln());
    let mut log_ways = 0.0;
    let mut sum = 0.0;
    for hit in 0..=tries {
        if hit > 0 {
            log_ways += f64::from(tries - hit + 1).ln() - f64::from(hit).ln();
        }
        if hit >= hits {
            sum += (log_ways + f64::from(hit) * log_hit + f64::from(tries - hit) * log_miss).exp();
        }
    }
    sum.min(1.0)
}

/// The same for any number of trials, quickly: how likely something that happens with `likely` in each of so many trials happens so often or more: the
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

/// The chance of at least `hits` where `expected` are expected on average.
pub(crate) fn poisson_tail(hits: u32, expected: f64) -> f64 {
    if hits == 0 {
        return 1.0;
    }
    if expected <= 0.0 {
        return 0.0;
    }
    let mut log_term = -expected;
    for hit in 1..=hits {
        log_term += (expected / f64::from(hit)).ln();
    }
    let mut term = log_term.exp();
    let (mut sum, mut hit) = (0.0, f64::from(hits));
    while term > sum * 1e-12 || hit < expected {
        sum += term;
        hit += 1.0;
        term *= expected / hit;
        if hit > expected + 1e6 {
            break;
        }
    }
    if sum > 0.0 { sum.min(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) {
        assert!((one - other).abs() <= 1e-6 * other.abs().max(1e-9), "{one} {other}");
    }

    #[test]
    fn tails_are_those_of_the_tables() {
        close(binomial_tail(9, 12, 0.5), 299.0 / 4096.0);
        close(binomial_tail(3, 3, 0.2), 0.008);
        close(binomial_tail(1, 10, 0.1), 1.0 - 0.9_f64.powi(10));
        assert_eq!([binomial_tail(0, 5, 0.0), binomial_tail(1, 5, 0.0)], [1.0, 0.0]);
        assert_eq!([binomial_tail(6, 5, 0.5), binomial_tail(2, 5, 1.0)], [0.0, 1.0]);
        close(poisson_tail(1, 2.0), 1.0 - (-2.0_f64).exp());
        close(poisson_tail(3, 1.0), 1.0 - 2.5 * (-1.0_f64).exp());
        close(poisson_tail(200, 200.0), 0.509_403_418);
        assert_eq!([poisson_tail(0, 0.0), poisson_tail(1, 0.0)], [1.0, 0.0]);
    }

    #[test]
    fn small_tails_stay_exact() {
        close(poisson_tail(9, 0.2), 1.178_706_35e-12);
        assert!(poisson_tail(60, 0.1) < 1e-100);
    }

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
