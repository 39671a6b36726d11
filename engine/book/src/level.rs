//! One side of a book: its price levels, sorted, the best at the end.
//!
//! Nearly everything happens near the touch. With the best level last, a level that appears or empties
//! there moves hardly any of the others, and a search that begins at the end is over after a few steps
//! within one or two cache lines.
//!
//! Where the feed tells orders, a level is there as long as one of them stands in it. Where it tells
//! levels or only the touch, a level is what was told last, and no order stands in it.

use crate::Quote;
use crate::orders::Queue;
use engine_event::{Price, Quantity, Side};
use std::cmp::Ordering;

/// All that is displayed at one price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) price: Price,
    /// The sum of its orders' remaining quantities.
    pub(crate) quantity: Quantity,
    /// How many orders stand in `queue`; of a level that was told, how many the feed said.
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
    /// Room for levels that a side gets with its first: 2 KiB, so that the books of a whole market lie
    /// close together.
    const RESERVED: usize = 64;
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

    /// The same as the market shows them, best first.
    pub(crate) fn quotes(&self) -> impl ExactSizeIterator<Item = Quote> + '_ {
        self.levels.iter().rev().map(Level::quote)
    }

    /// Reads the best level, to have it at hand. The number means nothing.
    #[inline]
    pub(crate) fn look(&self) -> u64 {
        self.levels.last().map_or(0, |level| level.quantity.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    pub(crate) fn get(&self, price: Price) -> Option<&Level> {
        self.find(price).ok().map(|at| &self.levels[at])
    }

    pub(crate) fn at(&mut self, at: usize) -> &mut Level {
        &mut self.levels[at]
    }

    /// The place of this price's level, which is made where [`find`](Self::find) missed it.
    #[inline]
    pub(crate) fn place_or_insert(&mut self, found: Result<usize, usize>, price: Price) -> usize {
        found.unwrap_or_else(|at| {
            if self.levels.capacity() == 0 {
                self.levels.reserve(Self::RESERVED);
            }
            self.levels.insert(at, Level::at(price));
            at
        })
    }

    /// The place of this price's level, or the place where it would have to be.
    #[inline]
    pub(crate) fn find(&self, price: Price) -> Result<usize, usize> {
        match self.side {
            Side::Buy => self.find_by(|level| level.price.cmp(&price)),
            Side::Sell => self.find_by(|level| price.cmp(&level.price)),
        }
    }

    /// The same, given how a level compares to the price: less when it is worse.
    #[inline]
    fn find_by(&self, compare: impl Fn(&Level) -> Ordering) -> Result<usize, usize> {
        let (far, near) = self.levels.split_at(self.levels.len().saturating_sub(Self::NEAR));
        for (at, level) in near.iter().enumerate().rev() {
            match compare(level) {
                Ordering::Greater => {}
                Ordering::Equal => return Ok(far.len() + at),
                Ordering::Less => return Err(far.len() + at + 1),
            }
        }
        far.binary_search_by(compare)
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

    /// Sets the level at a price to what was told of it. Returns its depth.
    pub(crate) fn set(&mut self, price: Price, quantity: Quantity, orders: u32) -> u32 {
        let at = self.place_or_insert(self.find(price), price);
        let level = &mut self.levels[at];
        (level.quantity, level.orders) = (quantity, orders);
        self.depth_of(at)
    }

    /// Takes away the level at a price, if it is there. Returns the depth that it had.
    pub(crate) fn take_away(&mut self, price: Price) -> Option<u32> {
        let at = self.find(price).ok()?;
        let depth = self.depth_of(at);
        self.levels.remove(at);
        Some(depth)
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
                    ladder.set(Price((n * 37 % count) * 2), Quantity(1), 1);
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
            bids.set(Price(price), Quantity(1), 1);
            asks.set(Price(price), Quantity(1), 1);
        }
        assert_eq!(bids.best().unwrap().price, Price(5));
        assert_eq!(asks.best().unwrap().price, Price(3));
        assert_eq!(bids.depth_of(bids.find(Price(3)).unwrap()), 2);
    }
}
