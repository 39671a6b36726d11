//! One side of a book: its price levels, sorted, the best at the end.
//!
//! Nearly everything happens near the touch. With the best level last, a level that appears or empties
//! there moves hardly any of the others, and a search that begins at the end is over after a few steps
//! within one or two cache lines.

use crate::Quote;
use crate::orders::Queue;
use engine_event::{Price, Quantity, Side};

/// All displayed orders at one price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) price: Price,
    /// The sum of its orders' remaining quantities.
    pub(crate) quantity: Quantity,
    /// How many orders stand in `queue`.
    pub(crate) orders: u32,
    /// The orders in time priority.
    pub(crate) queue: Queue,
}

const _: () = assert!(size_of::<Level>() == 32);

impl Level {
    fn at(price: Price) -> Self {
        Self { price, quantity: Quantity(0), orders: 0, queue: Queue::EMPTY }
    }

    pub(crate) fn quote(&self) -> Quote {
        Quote { price: self.price, quantity: self.quantity, orders: self.orders }
    }
}

/// The levels of one side.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    side: Side,
    /// Worst first, best last.
    levels: Vec<Level>,
}

impl Ladder {
    /// Room for levels that a side gets with its first: 4 KiB, a page.
    const RESERVED: usize = 128;
    /// How many levels are looked at one by one before the search halves the rest.
    const NEAR: usize = 16;

    pub(crate) fn new(side: Side) -> Self {
        Self { side, levels: Vec::new() }
    }

    /// The best level.
    #[inline]
    pub(crate) fn best(&self) -> Option<Quote> {
        self.levels.last().map(Level::quote)
    }

    /// Worst first, best last.
    pub(crate) fn levels(&self) -> &[Level] {
        &self.levels
    }

    pub(crate) fn get(&self, price: Price) -> Option<&Level> {
        self.find(price).ok().map(|at| &self.levels[at])
    }

    pub(crate) fn at(&mut self, at: usize) -> &mut Level {
        &mut self.levels[at]
    }

    /// The place of this price's level, which is made if it is not there.
    pub(crate) fn find_or_insert(&mut self, price: Price) -> usize {
        self.find(price).unwrap_or_else(|at| {
            if self.levels.capacity() == 0 {
                self.levels.reserve(Self::RESERVED);
            }
            self.levels.insert(at, Level::at(price));
            at
        })
    }

    /// The place of this price's level, or the place where it would have to be.
    pub(crate) fn find(&self, price: Price) -> Result<usize, usize> {
        let rank = self.rank(price);
        let far = self.levels.len().saturating_sub(Self::NEAR);
        for at in (far..self.levels.len()).rev() {
            let here = self.rank(self.levels[at].price);
            if here <= rank {
                return if here == rank { Ok(at) } else { Err(at + 1) };
            }
        }
        self.levels[..far].binary_search_by_key(&rank, |level| self.rank(level.price))
    }

    /// How many levels are better than the one at this place.
    pub(crate) fn depth_of(&self, at: usize) -> u32 {
        (self.levels.len() - 1 - at) as u32
    }

    /// Takes away the level at this place if no order is left in it.
    pub(crate) fn drop_if_empty(&mut self, at: usize) {
        if self.levels[at].orders == 0 {
            self.levels.remove(at);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.levels.clear();
    }

    /// Grows with how good a price is. Prices lie within ±2^62, so every one has its negative.
    pub(crate) fn rank(&self, price: Price) -> i64 {
        match self.side {
            Side::Buy => price.0,
            Side::Sell => -price.0,
        }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.levels.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_found_near_and_far() {
        for side in [Side::Buy, Side::Sell] {
            for count in [0, 1, 15, 16, 17, 100] {
                let mut ladder = Ladder::new(side);
                for n in 0..count {
                    ladder.find_or_insert(Price((n * 37 % count) * 2));
                }
                assert!(ladder.levels.is_sorted_by_key(|level| ladder.rank(level.price)));
                for price in -1..=count * 2 {
                    let by_halving =
                        ladder.levels.binary_search_by_key(&ladder.rank(Price(price)), |level| {
                            ladder.rank(level.price)
                        });
                    assert_eq!(ladder.find(Price(price)), by_halving, "{price} of {count}");
                }
            }
        }
    }

    #[test]
    fn the_best_is_last() {
        let mut bids = Ladder::new(Side::Buy);
        let mut asks = Ladder::new(Side::Sell);
        for price in [3, 5, 4] {
            bids.find_or_insert(Price(price));
            asks.find_or_insert(Price(price));
        }
        assert_eq!(bids.best().unwrap().price, Price(5));
        assert_eq!(asks.best().unwrap().price, Price(3));
        assert_eq!(bids.depth_of(bids.find(Price(3)).unwrap()), 2);
    }
}
