//! Price levels: a pool for those of all books, and for each side of a book a ladder, which is their
//! prices in order, the best at the end.
//!
//! An order knows its level by number, so that what happens to it needs no search. A ladder is looked at
//! only where a level appears, empties, or is asked for by its price. Nearly all of that happens near the
//! touch: with the best last, hardly any other price moves, and a search that begins at the end is over
//! after a few steps, four rungs to a cache line.
//!
//! A ladder is made of rungs. Prices stand there as *ranks*, which grow with how good they are: a bid's
//! price, an offer's negative. Ladders lie side by side in one array, in blocks of 16, 32, 64 … rungs; one
//! that is full moves into a block of twice the size, and its old one is used by the next that needs such.
//!
//! Where the feed tells orders, a level is there as long as one of them stands in it. Where it tells
//! levels or only the touch, a level is what was told last, and no order stands in it.

use crate::Quote;
use crate::memory::{prefetch, reserve};
use crate::orders::Queue;
use engine_event::{Price, Quantity, Side};
use std::cell::Cell;

/// All that is displayed at one price.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
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

/// Where a level lies in the pool.
pub(crate) type Number = u32;

/// No level.
pub(crate) const NO_LEVEL: Number = Number::MAX;

/// The place of a price in its ladder, or the one where it would have to be.
pub(crate) type Spot = Result<usize, usize>;

/// One price of a ladder.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Rung {
    rank: i64,
    level: Number,
}

const _: () = assert!(size_of::<Rung>() == 16);

/// One side of a book: which part of the ladders' array is its own.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Ladder {
    start: u32,
    /// How many levels, and in the lowest bits, which size of block: 0 for none.
    shape: u32,
}

impl Ladder {
    const SIZE_BITS: u32 = 5;
    /// Places of a block of the first size.
    const SMALLEST: usize = 16;

    #[inline]
    pub(crate) fn count(self) -> usize {
        (self.shape >> Self::SIZE_BITS) as usize
    }

    #[inline]
    fn size(self) -> usize {
        (self.shape & ((1 << Self::SIZE_BITS) - 1)) as usize
    }

    /// Places of a block of this size.
    #[inline]
    fn places(size: usize) -> usize {
        if size == 0 { 0 } else { Self::SMALLEST << (size - 1) }
    }

    #[inline]
    fn is_full(self) -> bool {
        self.count() == Self::places(self.size())
    }

    #[inline]
    fn set_count(&mut self, count: usize) {
        self.shape = (count as u32) << Self::SIZE_BITS | self.size() as u32;
    }

    #[inline]
    fn range(self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.count()
    }
}

/// Grows with how good a price is. Prices lie within ±2^62, so every one has its negative.
#[inline]
pub(crate) fn rank(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => price.0,
        Side::Sell => -price.0,
    }
}

/// The levels of all books of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    pool: Vec<Level>,
    /// A free level of the pool, whose queue's head leads on to the next.
    free: Number,
    /// All ladders.
    rungs: Vec<Rung>,
    /// By size: a free block, whose first rung's level leads on to the next.
    free_blocks: [u32; 1 << Ladder::SIZE_BITS],
}

impl Levels {
    /// How many levels are looked at one by one before the search halves the rest.
    const NEAR: usize = 24;

    /// No levels; room is set aside for so many.
    pub(crate) fn new(reserved: usize) -> Self {
        Self {
            pool: reserve(reserved),
            free: NO_LEVEL,
            rungs: reserve(reserved),
            free_blocks: [NO_LEVEL; 1 << Ladder::SIZE_BITS],
        }
    }

    #[inline]
    pub(crate) fn get(&self, number: Number) -> &Level {
        &self.pool[number as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: Number) -> &mut Level {
        &mut self.pool[number as usize]
    }

    /// The number of the level at a place of the ladder.
    #[inline]
    pub(crate) fn number(&self, ladder: Ladder, at: usize) -> Number {
        self.rungs[ladder.start as usize + at].level
    }

    #[inline]
    pub(crate) fn best(&self, ladder: Ladder) -> Option<&Level> {
        let last = ladder.count().checked_sub(1)?;
        Some(self.get(self.number(ladder, last)))
    }

    /// The levels, worst first, best last.
    pub(crate) fn all(
        &self,
        ladder: Ladder,
    ) -> impl DoubleEndedIterator<Item = &Level> + ExactSizeIterator + Clone + use<'_> {
        self.rungs[ladder.range()].iter().map(|rung| self.get(rung.level))
    }

    /// The ladder's ranks, worst first.
    #[inline]
    pub(crate) fn ranks(
        &self,
        ladder: Ladder,
    ) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + use<'_> {
        self.rungs[ladder.range()].iter().map(|rung| rung.rank)
    }

    /// The place of this rank, or the place where it would have to be.
    #[inline(always)]
    pub(crate) fn find(&self, ladder: Ladder, rank: i64) -> Spot {
        let rungs = &self.rungs[ladder.range()];
        if rungs.len() > Self::NEAR && rungs[rungs.len() - Self::NEAR].rank > rank {
            return Self::find_far(rungs, rank);
        }
        match rungs.iter().rposition(|rung| rung.rank <= rank) {
            Some(at) if rungs[at].rank == rank => Ok(at),
            at => Err(at.map_or(0, |worse| worse + 1)),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_far(rungs: &[Rung], rank: i64) -> Spot {
        rungs.binary_search_by_key(&rank, |rung| rung.rank)
    }

    /// The level at a price, if there is one.
    #[inline]
    pub(crate) fn at(&self, ladder: Ladder, rank: i64) -> Option<&Level> {
        self.find(ladder, rank).ok().map(|at| self.get(self.number(ladder, at)))
    }

    /// Makes an empty level at a place that [`find`](Self::find) gave. Returns its number.
    #[inline(always)]
    pub(crate) fn insert(
        &mut self,
        ladder: &mut Ladder,
        at: usize,
        rank: i64,
        price: Price,
    ) -> Number {
        if ladder.is_full() {
            self.grow(ladder);
        }
        let number = self.take(price);
        let (count, start) = (ladder.count(), ladder.start as usize);
        // Few stand behind it: passing them on one by one beats a call to move memory.
        let mut passed = Rung { rank, level: number };
        for rung in &mut self.rungs[start + at..=start + count] {
            passed = std::mem::replace(rung, passed);
        }
        ladder.set_count(count + 1);
        number
    }

    /// Takes away the level at a place of the ladder.
    #[inline(always)]
    pub(crate) fn remove(&mut self, ladder: &mut Ladder, at: usize) {
        let (count, start) = (ladder.count(), ladder.start as usize);
        let rungs = Cell::from_mut(&mut self.rungs[start + at..start + count]).as_slice_of_cells();
        let number = rungs[0].get().level;
        for pair in rungs.windows(2) {
            pair[0].set(pair[1].get());
        }
        ladder.set_count(count - 1);
        self.put_back(number);
    }

    /// Takes away all levels. The block stays the ladder's.
    pub(crate) fn clear(&mut self, ladder: &mut Ladder) {
        for place in ladder.range() {
            self.put_back(self.rungs[place].level);
        }
        ladder.set_count(0);
    }

    #[inline]
    fn take(&mut self, price: Price) -> Number {
        match self.free {
            NO_LEVEL => {
                self.pool.push(Level::at(price));
                (self.pool.len() - 1) as Number
            }
            number => {
                let level = self.get_mut(number);
                let next = level.queue.first();
                *level = Level::at(price);
                self.free = next;
                number
            }
        }
    }

    #[inline]
    fn put_back(&mut self, number: Number) {
        let free = self.free;
        self.get_mut(number).queue = Queue::from(free);
        self.free = number;
    }

    /// Moves a full ladder into a block of the next size.
    #[cold]
    fn grow(&mut self, ladder: &mut Ladder) {
        let size = ladder.size() + 1;
        let start = match self.free_blocks[size] {
            NO_LEVEL => {
                let start = self.rungs.len();
                self.rungs.resize(start + Ladder::places(size), Rung { rank: 0, level: NO_LEVEL });
                start
            }
            start => {
                self.free_blocks[size] = self.rungs[start as usize].level;
                start as usize
            }
        };
        self.rungs.copy_within(ladder.range(), start);
        if ladder.size() > 0 {
            self.rungs[ladder.start as usize].level = self.free_blocks[ladder.size()];
            self.free_blocks[ladder.size()] = ladder.start;
        }
        *ladder = Ladder {
            start: start as u32,
            shape: (ladder.count() as u32) << Ladder::SIZE_BITS | size as u32,
        };
    }

    /// Sends for the end of a ladder: its eight best prices, if they lie well.
    #[inline(always)]
    pub(crate) fn prefetch_end(&self, ladder: Ladder) {
        let end = ladder.range().end;
        prefetch(&self.rungs, end.wrapping_sub(1));
        prefetch(&self.rungs, end.wrapping_sub(5));
    }

    /// Sends for the level of a ladder's best price.
    #[inline(always)]
    pub(crate) fn prefetch_best(&self, ladder: Ladder) {
        if let Some(rung) = self.rungs.get(ladder.range().end.wrapping_sub(1)) {
            self.prefetch(rung.level);
        }
    }

    /// Sends for a level.
    #[inline]
    pub(crate) fn prefetch(&self, number: Number) {
        prefetch(&self.pool, number as usize);
    }

    /// Levels, and places of ladders, for which there is room.
    #[cfg(test)]
    pub(crate) fn capacities(&self) -> [usize; 2] {
        [self.pool.capacity(), self.rungs.capacity()]
    }

    /// Bytes of levels and ladders that were ever in use: what has memory.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.pool) + size_of_val(&*self.rungs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_level_is_found_near_and_far() {
        for side in [Side::Buy, Side::Sell] {
            for count in [0, 1, 15, 16, 17, 23, 24, 25, 100] {
                let (mut levels, mut ladder) = (Levels::new(0), Ladder::default());
                for n in 0..count {
                    let price = Price((n * 37 % count) * 2);
                    let rank = rank(side, price);
                    let at = levels.find(ladder, rank).unwrap_err();
                    levels.insert(&mut ladder, at, rank, price);
                }
                let ranks: Vec<_> = levels.ranks(ladder).collect();
                assert!(ranks.is_sorted());
                for price in -1..=count * 2 {
                    let rank = rank(side, Price(price));
                    let by_halving = ranks.binary_search(&rank);
                    assert_eq!(levels.find(ladder, rank), by_halving, "{price} of {count}");
                }
            }
        }
    }

    #[test]
    fn the_best_is_last() {
        let mut levels = Levels::new(0);
        for (side, best) in [(Side::Buy, 5), (Side::Sell, 3)] {
            let mut ladder = Ladder::default();
            for price in [3, 5, 4].map(Price) {
                let rank = rank(side, price);
                let at = levels.find(ladder, rank).unwrap_err();
                levels.insert(&mut ladder, at, rank, price);
            }
            assert_eq!(levels.best(ladder).unwrap().price, Price(best));
        }
    }

    proptest! {
        /// Three ladders in one store: what one does leaves the others alone, and blocks and levels
        /// are used again.
        #[test]
        fn ladders_are_sets(steps in vec((0..3usize, 0..200i64), 1..600)) {
            let mut levels = Levels::new(0);
            let mut ladders = [Ladder::default(); 3];
            let mut plain: [BTreeSet<i64>; 3] = Default::default();
            for (which, price) in steps {
                let ladder = &mut ladders[which];
                match levels.find(*ladder, price) {
                    Ok(at) => {
                        levels.remove(ladder, at);
                        prop_assert!(plain[which].remove(&price));
                    }
                    Err(at) => {
                        levels.insert(ladder, at, price, Price(price));
                        prop_assert!(plain[which].insert(price));
                    }
                }
                if price == 199 {
                    levels.clear(ladder);
                    plain[which].clear();
                }
                for (ladder, plain) in ladders.iter().zip(&plain) {
                    prop_assert!(levels.all(*ladder).map(|level| level.price.0).eq(plain.iter().copied()));
                    prop_assert!(levels.ranks(*ladder).eq(plain.iter().copied()));
                }
            }
            prop_assert!(levels.pool.len() <= 600);
        }
    }
}
