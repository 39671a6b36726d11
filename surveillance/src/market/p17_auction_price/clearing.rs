//! At which price an auction would clear: the one at which most trades; of several the one that leaves the
//! least over, then the one nearest to a reference.

use engine_observer::book::BookView;
use engine_observer::event::{Price, Side};

/// What an auction would do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Clearing {
    pub(super) price: Price,
    /// What would trade.
    pub(super) volume: u64,
}

/// A level: its price, and how much is wanted there.
type Level = (i64, u64);

/// Levels of each side that are looked at: those that can trade, from the best one on.
const LEVELS_MAX: usize = 512;

/// What is added to a side at a price, or taken away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other {
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) quantity: i64,
}

/// The clearing of a book with these changes; none if its sides do not meet.
pub(super) fn of_book(book: &BookView<'_>, others: &[Other], near: Price) -> Option<Clearing> {
    let levels = |side: Side| {
        let levels = book.levels(side).take(LEVELS_MAX);
        let mut levels: Vec<Level> = levels.map(|at| (at.price.0, at.quantity.0)).collect();
        for other in others.iter().filter(|other| other.side == side) {
            let (price, quantity) = (other.price.0, other.quantity);
            match levels.iter_mut().find(|level| level.0 == price) {
                Some(level) => level.1 = level.1.saturating_add_signed(quantity),
                None if quantity > 0 => levels.push((price, quantity.unsigned_abs())),
                None => {}
            }
        }
        levels.retain(|level| level.1 > 0);
        levels
    };
    of_levels(levels(Side::Buy), levels(Side::Sell), near)
}

fn of_levels(mut bids: Vec<Level>, mut asks: Vec<Level>, near: Price) -> Option<Clearing> {
    let best_bid = bids.iter().map(|level| level.0).max()?;
    let best_ask = asks.iter().map(|level| level.0).min()?;
    bids.retain(|level| level.0 >= best_ask);
    asks.retain(|level| level.0 <= best_bid);
    bids.sort_unstable();
    asks.sort_unstable();
    let mut prices: Vec<i64> = bids.iter().chain(&asks).map(|level| level.0).collect();
    prices.sort_unstable();
    prices.dedup();
    let mut wanted: u64 = bids.iter().map(|level| level.1).sum();
    let mut offered = 0;
    let (mut bid, mut ask) = (bids.iter().peekable(), asks.iter().peekable());
    let mut best: Option<((u64, u64, u64), i64)> = None;
    for price in prices {
        while let Some(level) = bid.next_if(|level| level.0 < price) {
            wanted -= level.1;
        }
        while let Some(level) = ask.next_if(|level| level.0 <= price) {
            offered += level.1;
        }
        let left = wanted.abs_diff(offered);
        let rank = (u64::MAX - wanted.min(offered), left, price.abs_diff(near.0));
        if best.is_none_or(|(so_far, _)| rank < so_far) {
            best = Some((rank, price));
        }
    }
    best.map(|((rest, ..), price)| Clearing { price: Price(price), volume: u64::MAX - rest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cleared(bids: &[Level], asks: &[Level], near: i64) -> Option<(i64, u64)> {
        let clearing = of_levels(bids.to_vec(), asks.to_vec(), Price(near))?;
        Some((clearing.price.0, clearing.volume))
    }

    #[test]
    fn most_trades_and_little_is_left_over() {
        assert_eq!(cleared(&[(99, 5)], &[(100, 5)], 0), None);
        assert_eq!(cleared(&[(101, 5)], &[(99, 5)], 100), Some((99, 5)), "as near as the other");
        assert_eq!(cleared(&[(101, 5)], &[(99, 5)], 101), Some((101, 5)));
        let asks = [(9_950, 1_000), (10_000, 400), (10_090, 400)];
        assert_eq!(cleared(&[(10_200, 1_200), (9_990, 100)], &asks, 0), Some((10_000, 1_200)));
        assert_eq!(cleared(&[(10_200, 1_440), (9_990, 100)], &asks, 0), Some((10_090, 1_440)));
    }

    proptest! {
        /// Against what each price would trade, counted anew.
        #[test]
        fn no_price_trades_more(
            bids in prop::collection::btree_map(90..110_i64, 1..50_u64, 0..12),
            asks in prop::collection::btree_map(90..110_i64, 1..50_u64, 0..12),
            near in 90..110_i64,
        ) {
            let (bids, asks): (Vec<_>, Vec<_>) = (bids.into_iter().collect(), asks.into_iter().collect());
            let at = |price: i64| {
                let wanted: u64 = bids.iter().filter(|bid| bid.0 >= price).map(|bid| bid.1).sum();
                let offered: u64 = asks.iter().filter(|ask| ask.0 <= price).map(|ask| ask.1).sum();
                (wanted.min(offered), wanted.abs_diff(offered))
            };
            match cleared(&bids, &asks, near) {
                None => prop_assert!((90..110).all(|price| at(price).0 == 0)),
                Some((price, volume)) => {
                    prop_assert_eq!(at(price).0, volume);
                    for (other, _) in bids.iter().chain(&asks) {
                        let (traded, left) = at(*other);
                        prop_assert!(traded < volume || traded == volume && left >= at(price).1);
                    }
                }
            }
        }
    }
}
