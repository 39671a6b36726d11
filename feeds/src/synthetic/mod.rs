//! Data made up, the same for the same seed on every machine: for benches, tests and demonstrations.
//!
//! Market data comes from one model of order flow, [`Flow`], which keeps a small book for each stock
//! so that what it tells is possible: nothing crosses, nothing is executed or cancelled that is not
//! there. [`itch`], [`dbn`], [`lobster`] and [`tape`] only write it down. [`readings`] makes devices'
//! data, [`cloned`] gives one stock's recorded flow to many, and [`capture`] puts ITCH onto lines that
//! lose packets. [`mdp3`] makes sessions of CME's MDP 3.0 with books of its own, and tells what they
//! hold.

pub mod capture;
pub mod cloned;
pub mod dbn;
pub mod flow;
pub mod itch;
pub mod lobster;
pub mod mdp3;
mod random;
pub mod readings;
pub mod tape;
mod truth;

pub use flow::{Act, Flow, Resting, Settings, Step};
pub use random::{Random, Weights};

/// Hands out stocks' names: `AAAA`, `AAAB` and so on.
pub fn symbol(stock: usize) -> String {
    let letter = |place: u32| char::from(b'A' + (stock / 26usize.pow(place) % 26) as u8);
    (0..4).rev().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_distinct() {
        let names: std::collections::BTreeSet<_> = (0..60_000).map(symbol).collect();
        assert_eq!(names.len(), 60_000);
        assert_eq!(symbol(27), "AABB");
    }
}
