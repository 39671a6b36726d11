//! Price levels: a pool for those of all books, and for each side of a book a ladder, which is their
//! prices in order, the best at the end.
//!
//! An order knows its level by number, so that what happens to it needs no search. A ladder is looked at
//! only where a level appears, empties, or is asked for by its price. Nearly all of that happens near the
//! touch: with the best last, hardly any other price moves, and a search that begins at the end is over
//! after a few steps, eight prices to a cache line.
//!
//! Prices stand in ladders as *ranks*, which grow with how good they are: a bid's price, an offer's
//! negative. Ladders lie side by side in one array, in blocks of 16, 32, 64 … places; one that is full
//! moves into a block of twice the size, and its old one is used by the next that needs such.
//!
//! Where the feed tells orders, a level is there as long as one of them stands in it. Where it tells
//! levels or only the touch, a level is what was told last, and no order stands in it.

use crate::Quote;
use crate::memory::{prefetch, reserve};
use crate::orders::Queue;
use engine_event::{Price, Quantity, Side};

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
    /// All ladders, and at the same places the numbers of their levels.
    ranks: Vec<i64>,
    numbers: Vec<Number>,
    /// By size: a free block, whose first number leads on to the next.
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
            ranks: reserve(reserved),
            numbers: reserve(reserved),
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
        self.numbers[ladder.start as usize + at]
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
        self.numbers[ladder.range()].iter().map(|number| self.get(*number))
    }

    /// The ladder's ranks, worst first.
    #[inline]
    pub(crate) fn ranks(&self, ladder: Ladder) -> &[i64] {
        &self.ranks[ladder.range()]
    }

    /// The place of this rank, or the place where it would have to be.
    #[inline]
    pub(crate) fn find(&self, ladder: Ladder, rank: i64) -> Spot {
        let ranks = self.ranks(ladder);
        let (far, near) = ranks.split_at(ranks.len().saturating_sub(Self::NEAR));
        for (at, here) in near.iter().enumerate().rev() {
            if *here <= rank {
                let at = far.len() + at;
                return if *here == rank { Ok(at) } else { Err(at + 1) };
            }
        }
        far.binary_search(&rank)
    }

    /// The level at a price, if there is one.
    #[inline]
    pub(crate) fn at(&self, ladder: Ladder, rank: i64) -> Option<&Level> {
        self.find(ladder, rank).ok().map(|at| self.get(self.number(ladder, at)))
    }

    /// Makes an empty level at a place that [`find`](Self::find) gave. Returns its number.
    #[inline]
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
        // Few stand behind it: shifting them one by one beats a call to move memory.
        for place in (start + at..start + count).rev() {
            self.ranks[place + 1] = self.ranks[place];
            self.numbers[place + 1] = self.numbers[place];
        }
        self.ranks[start + at] = rank;
        self.numbers[start + at] = number;
        ladder.set_count(count + 1);
        number
    }

    /// Takes away the level at a place of the ladder.
    #[inline]
    pub(crate) fn remove(&mut self, ladder: &mut Ladder, at: usize) {
        let (count, start) = (ladder.count(), ladder.start as usize);
        let number = self.number(*ladder, at);
        for place in start + at + 1..start + count {
            self.ranks[place - 1] = self.ranks[place];
            self.numbers[place - 1] = self.numbers[place];
        }
        ladder.set_count(count - 1);
        self.put_back(number);
    }

    /// Takes away all levels. The block stays the ladder's.
    pub(crate) fn clear(&mut self, ladder: &mut Ladder) {
        for place in ladder.range() {
            self.put_back(self.numbers[place]);
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
                let start = self.ranks.len();
                let end = start + Ladder::places(size);
                self.ranks.resize(end, 0);
                self.numbers.resize(end, NO_LEVEL);
                start
            }
            start => {
                self.free_blocks[size] = self.numbers[start as usize];
                start as usize
            }
        };
        let old = ladder.range();
        self.ranks.copy_within(old.clone(), start);
        self.numbers.copy_within(old, start);
        if ladder.size() > 0 {
            self.numbers[ladder.start as usize] = self.free_blocks[ladder.size()];
            self.free_blocks[ladder.size()] = ladder.start;
        }
        *ladder = Ladder {
            start: start as u32,
            shape: (ladder.count() as u32) << Ladder::SIZE_BITS | size as u32,
        };
    }

    /// Sends for the end of a ladder: its best ranks.
    #[inline]
    pub(crate) fn prefetch_end(&self, ladder: Ladder) {
        let end = ladder.range().end;
        prefetch(&self.ranks, end.saturating_sub(1));
        prefetch(&self.ranks, end.saturating_sub(9));
        prefetch(&self.numbers, end.saturating_sub(1));
    }

    /// Sends for the very end of a ladder.
    #[inline]
    pub(crate) fn prefetch_last(&self, ladder: Ladder) {
        let end = ladder.range().end;
        prefetch(&self.ranks, end.saturating_sub(1));
        prefetch(&self.numbers, end.saturating_sub(1));
    }

    /// Sends for a level.
    #[inline]
    pub(crate) fn prefetch(&self, number: Number) {
        prefetch(&self.pool, number as usize);
    }

    /// Levels, and places of ladders, for which there is room.
    #[cfg(test)]
    pub(crate) fn capacities(&self) -> [usize; 2] {
        [self.pool.capacity(), self.ranks.capacity()]
    }

    /// Bytes of levels and ladders that were ever in use: what has memory.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.pool) + size_of_val(&*self.ranks) + size_of_val(&*self.numbers)
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
                assert!(levels.ranks(ladder).is_sorted());
                for price in -1..=count * 2 {
                    let rank = rank(side, Price(price));
                    let by_halving = levels.ranks(ladder).binary_search(&rank);
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
                    prop_assert!(levels.ranks(*ladder).iter().eq(plain));
                }
            }
            prop_assert!(levels.pool.len() <= 600);
        }
    }
}
