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
    let rest = f64::from(tries - hits);
    if f64::from(hits) < f64::from(tries) * rate {
        // What is not there: more misses than that. Their terms fall from the first on.
        return 1.0 - binomial_tail(tries - hits + 1, tries, 1.0 - rate);
    }
    let log_ways = |hit: u32| (f64::from(tries - hit) / f64::from(hit + 1) * rate).ln();
    let log_term: f64 = (0..hits).map(log_ways).sum::<f64>() + rest * (-rate).ln_1p();
    let (mut term, mut sum) = (log_term.exp(), 0.0);
    for hit in hits..=tries {
        sum += term;
        term *= f64::from(tries - hit) / f64::from(hit + 1) * rate / (1.0 - rate);
        if term <= sum * 1e-15 {
            break;
        }
    }
    sum.min(1.0)
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

/// The chance that so many independent likelihoods are, all together, as small by chance (Fisher): `logs` is
/// the sum of their logarithms, turned round.
pub(crate) fn combined(count: u32, logs: f64) -> f64 {
    let (mut term, mut sum) = ((-logs).exp(), 0.0);
    for nth in 1..=count {
        sum += term;
        term *= logs / f64::from(nth);
    }
    sum
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
        close(binomial_tail(2, 10, 0.9), 1.0 - 91.0 * 1e-10);
        close(binomial_tail(60, 100, 0.5), 0.028_443_967);
        assert_eq!([binomial_tail(0, 5, 0.0), binomial_tail(1, 5, 0.0)], [1.0, 0.0]);
        assert_eq!([binomial_tail(6, 5, 0.5), binomial_tail(2, 5, 1.0)], [0.0, 1.0]);
        close(poisson_tail(1, 2.0), 1.0 - (-2.0_f64).exp());
        close(poisson_tail(3, 1.0), 1.0 - 2.5 * (-1.0_f64).exp());
        close(poisson_tail(200, 200.0), 0.509_403_418);
        assert_eq!([poisson_tail(0, 0.0), poisson_tail(1, 0.0)], [1.0, 0.0]);
    }

    #[test]
    fn likelihoods_are_combined_as_fisher_does() {
        close(combined(1, -(0.03_f64.ln())), 0.03);
        close(combined(2, -(0.1_f64.ln() * 2.0)), 0.01 * (1.0 + 100.0_f64.ln()));
        // The tail of chi-square with six degrees of freedom from 12.592 on.
        close(combined(3, 12.591_587_24 / 2.0), 0.05);
        assert_eq!(combined(5, 0.0), 1.0);
    }

    #[test]
    fn small_tails_stay_exact() {
        close(poisson_tail(9, 0.2), 1.178_706_35e-12);
        assert!(poisson_tail(60, 0.1) < 1e-100);
        close(binomial_tail(3, 60_000, 1e-6), 3.441_659_6e-5);
        assert!(binomial_tail(2_000, 4_000, 0.01) < 1e-300);
    }
}
