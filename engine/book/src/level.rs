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
//! Below the worst price stand eight rungs of no rank, so that a search may look at eight at once.
//!
//! Where the feed tells orders, a level is there as long as one of them stands in it. Where it tells
//! levels or only the touch, a level is what was told last, and no order stands in it.
//!
//! A level that empties behind the best price keeps its rung: the next order there is likely to come soon,
//! and finds it. Empty levels go when the best price passes them, or when their ladder has no room left.
//! The last rung is never empty.

use crate::Quote;
use crate::memory::{prefetch, reserve};
use crate::orders::{NIL, Queue, Slot};
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
    owner: Owner,
}

const _: () = assert!(size_of::<Level>() == 32);

impl Level {
    fn at(price: Price, owner: Owner) -> Self {
        Self { price, quantity: Quantity(0), orders: 0, queue: Queue::EMPTY, owner }
    }

    /// Whether nothing is displayed there any more.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.quantity.0 == 0
    }

    pub(crate) fn quote(&self) -> Quote {
        Quote { price: self.price, quantity: self.quantity, orders: self.orders }
    }
}

/// Which side of which book a level is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Owner(u32);

impl Owner {
    /// Whose levels lie in the pool unused.
    const NOBODY: Owner = Owner(u32::MAX);

    /// A side of the book at this place.
    #[inline(always)]
    pub(crate) fn of(place: usize, side: Side) -> Self {
        Self((place as u32) << 1 | side as u32)
    }
}

/// Where a level lies in the pool.
pub(crate) type Number = u32;

/// No level.
pub(crate) const NO_LEVEL: Number = Number::MAX;

/// What was found of an event before its turn. Events before it may have changed that, so it is only
/// believed where it proves true.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Likely {
    /// Where the order lies that the event is about.
    pub(crate) slot: Slot,
    /// The level of an order that enters.
    pub(crate) level: Number,
    /// Where in its ladder this level would have to be if it is not there.
    pub(crate) at: u32,
}

impl Likely {
    /// Nothing is known.
    pub(crate) const NONE: Likely = Likely { slot: NIL, level: NO_LEVEL, at: u32::MAX };
}

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

impl Rung {
    /// Below all prices.
    const NONE: Rung = Rung { rank: i64::MIN, level: NO_LEVEL };
}

/// One side of a book: which part of the ladders' array is its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ladder {
    /// Where the worst rung is, behind those of no rank.
    start: u32,
    /// How many rungs, and in the lowest bits, which size of block: 0 for none.
    shape: u32,
}

impl Ladder {
    /// A ladder without a block. The rungs of no rank below it are those at the array's beginning.
    pub(crate) const EMPTY: Ladder = Ladder { start: Levels::NEAR as u32, shape: 0 };

    const SIZE_BITS: u32 = 5;
    /// Rungs of a block of the first size, those of no rank included.
    const SMALLEST: usize = 16;

    #[inline]
    pub(crate) fn count(self) -> usize {
        (self.shape >> Self::SIZE_BITS) as usize
    }

    #[inline]
    fn size(self) -> usize {
        (self.shape & ((1 << Self::SIZE_BITS) - 1)) as usize
    }

    /// How many prices a block of this size has room for.
    #[inline]
    fn places(size: usize) -> usize {
        if size == 0 { 0 } else { (Self::SMALLEST << (size - 1)) - Levels::NEAR }
    }

    #[inline]
    fn is_full(self) -> bool {
        self.count() == Self::places(self.size())
    }

    /// Whether the rung at this place is the best.
    #[inline]
    pub(crate) fn is_best(self, at: usize) -> bool {
        at + 1 == self.count()
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
        Side::Sell => price.0.wrapping_neg(),
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
    /// How many of the best rungs are looked at all at once.
    const NEAR: usize = 8;

    /// No levels; room is set aside for so many.
    pub(crate) fn new(reserved: usize) -> Self {
        Self {
            pool: reserve(reserved),
            free: NO_LEVEL,
            rungs: {
                let mut rungs = reserve(reserved);
                rungs.extend([Rung::NONE; Self::NEAR]);
                rungs
            },
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

    /// Whether this is the number of such a level.
    #[inline(always)]
    fn is_at(&self, number: Number, price: Price, owner: Owner) -> bool {
        let level = self.pool.get(number as usize);
        level.is_some_and(|level| level.price == price && level.owner == owner)
    }

    #[inline]
    pub(crate) fn best(&self, ladder: Ladder) -> Option<&Level> {
        let last = ladder.count().checked_sub(1)?;
        Some(self.get(self.number(ladder, last)))
    }

    /// The levels that are not empty, worst first, best last.
    pub(crate) fn all(
        &self,
        ladder: Ladder,
    ) -> impl DoubleEndedIterator<Item = &Level> + Clone + use<'_> {
        self.on(&self.rungs[ladder.range()])
    }

    /// Those of a rank below this one.
    pub(crate) fn worse_than(
        &self,
        ladder: Ladder,
        rank: i64,
    ) -> impl DoubleEndedIterator<Item = &Level> + use<'_> {
        let worse = self.find(ladder, rank).unwrap_or_else(|at| at);
        self.on(&self.rungs[ladder.range()][..worse])
    }

    /// The levels of these rungs that are not empty.
    fn on<'a>(
        &'a self,
        rungs: &'a [Rung],
    ) -> impl DoubleEndedIterator<Item = &'a Level> + Clone + use<'a> {
        rungs.iter().map(|rung| self.get(rung.level)).filter(|level| !level.is_empty())
    }

    /// The ladder's ranks, worst first, also those of empty levels.
    pub(crate) fn ranks(&self, ladder: Ladder) -> impl Iterator<Item = i64> + use<'_> {
        self.rungs[ladder.range()].iter().map(|rung| rung.rank)
    }

    /// The place of this rank, or the place where it would have to be.
    #[inline(always)]
    pub(crate) fn find(&self, ladder: Ladder, rank: i64) -> Spot {
        let end = ladder.range().end;
        let near = &self.rungs[end - Self::NEAR..end];
        // Where the search ends is anybody's guess, and a wrong one costs more than to look at them all.
        let better: usize = near.iter().map(|rung| usize::from(rung.rank > rank)).sum();
        if better == Self::NEAR {
            return self.find_far(ladder, rank);
        }
        let at = ladder.count() - better;
        if near[Self::NEAR - 1 - better].rank == rank { Ok(at - 1) } else { Err(at) }
    }

    /// The place of a rank that is worse than those of the best rungs. Every look at a ladder's depth waits
    /// for memory, so most are taken at once, and the others near by.
    #[inline(never)]
    fn find_far(&self, ladder: Ladder, rank: i64) -> Spot {
        let rungs = &self.rungs[ladder.range()];
        let far = &rungs[..rungs.len() - Self::NEAR];
        let mut from = 0;
        if let Some((farther, next)) = far.split_last_chunk::<{ 2 * Self::NEAR }>() {
            let better: usize = next.iter().map(|rung| usize::from(rung.rank > rank)).sum();
            if better < next.len() {
                let at = far.len() - better;
                return if far[at - 1].rank == rank { Ok(at - 1) } else { Err(at) };
            }
            let mut reach = 4 * Self::NEAR;
            from = loop {
                match farther.len().checked_sub(reach) {
                    Some(at) if farther[at].rank > rank => reach *= 4,
                    at => break at.unwrap_or(0),
                }
            };
        }
        let found = far[from..].binary_search_by_key(&rank, |rung| rung.rank);
        found.map(|at| from + at).map_err(|at| from + at)
    }

    /// Where the level of this rank, which may be no price's, lies if it is there, and the place where it
    /// would have to be.
    #[inline(always)]
    pub(crate) fn guess(&self, ladder: Ladder, rank: i64) -> (Number, u32) {
        match self.find(ladder, rank.max(i64::MIN + 1)) {
            Ok(at) => (self.number(ladder, at), at as u32),
            Err(at) => (NO_LEVEL, at as u32),
        }
    }

    /// The number of the level at a price, or the place in its ladder where it would have to be; either
    /// may be known already.
    #[inline(always)]
    pub(crate) fn look_up(
        &self,
        ladder: Ladder,
        (side, price): (Side, Price),
        owner: Owner,
        likely: Likely,
    ) -> Result<Number, usize> {
        if self.is_at(likely.level, price, owner) {
            return Ok(likely.level);
        }
        let spot = self.find_likely(ladder, rank(side, price), likely.at as usize);
        spot.map(|at| self.number(ladder, at))
    }

    /// The place of this rank, which may be known already.
    #[inline(always)]
    fn find_likely(&self, ladder: Ladder, rank: i64, at: usize) -> Spot {
        let start = ladder.start as usize;
        let is_between = at <= ladder.count()
            && self.rungs[start + at - 1].rank < rank
            && (at == ladder.count() || self.rungs[start + at].rank > rank);
        if is_between { Err(at) } else { self.find(ladder, rank) }
    }

    /// The level at a price, if there is one.
    #[inline]
    pub(crate) fn at(&self, ladder: Ladder, rank: i64) -> Option<&Level> {
        let level = self.get(self.number(ladder, self.find(ladder, rank).ok()?));
        (!level.is_empty()).then_some(level)
    }

    /// Makes an empty level at a place that [`find`](Self::find) gave, and tells its number. Something has to
    /// be put there.
    #[inline(always)]
    pub(crate) fn insert(
        &mut self,
        ladder: &mut Ladder,
        mut at: usize,
        price: Price,
        owner: Owner,
        rank: i64,
    ) -> Number {
        if ladder.is_full() {
            at = self.make_room(ladder, rank);
        }
        let number = self.take(price, owner);
        let (count, start) = (ladder.count(), ladder.start as usize);
        // Few stand behind it: passing them on one by one beats a call to move memory.
        let mut passed = Rung { rank, level: number };
        for rung in &mut self.rungs[start + at..=start + count] {
            passed = std::mem::replace(rung, passed);
        }
        ladder.set_count(count + 1);
        number
    }

    /// Takes away the best level, which is empty now, and all empty ones after it.
    #[inline(always)]
    pub(crate) fn pop(&mut self, ladder: &mut Ladder) {
        let (mut count, start) = (ladder.count(), ladder.start as usize);
        while count > 0 {
            let number = self.rungs[start + count - 1].level;
            if !self.get(number).is_empty() {
                break;
            }
            self.put_back(number);
            count -= 1;
        }
        ladder.set_count(count);
    }

    /// Takes away all levels. The block stays the ladder's.
    pub(crate) fn clear(&mut self, ladder: &mut Ladder) {
        for place in ladder.range() {
            self.put_back(self.rungs[place].level);
        }
        ladder.set_count(0);
    }

    #[inline]
    fn take(&mut self, price: Price, owner: Owner) -> Number {
        match self.free {
            NO_LEVEL => {
                self.pool.push(Level::at(price, owner));
                (self.pool.len() - 1) as Number
            }
            number => {
                let level = self.get_mut(number);
                let next = level.queue.first();
                *level = Level::at(price, owner);
                self.free = next;
                number
            }
        }
    }

    #[inline]
    fn put_back(&mut self, number: Number) {
        let free = self.free;
        let level = self.get_mut(number);
        (level.queue, level.owner) = (Queue::from(free), Owner::NOBODY);
        self.free = number;
    }

    /// Makes room in a full ladder: its empty levels go, and if they were few, it moves into a greater
    /// block. Returns where in it this rank would have to be.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, ladder: &mut Ladder, rank: i64) -> usize {
        let (count, start) = (ladder.count(), ladder.start as usize);
        let mut kept = 0;
        for place in start..start + count {
            let rung = self.rungs[place];
            if self.get(rung.level).is_empty() {
                self.put_back(rung.level);
            } else {
                self.rungs[start + kept] = rung;
                kept += 1;
            }
        }
        ladder.set_count(kept);
        if kept > count / 4 * 3 || count == 0 {
            self.grow(ladder);
        }
        self.find(*ladder, rank).unwrap_or_else(|at| at)
    }

    /// Moves a ladder into a block of the next size.
    fn grow(&mut self, ladder: &mut Ladder) {
        let size = ladder.size() + 1;
        let start = match self.free_blocks[size] {
            NO_LEVEL => {
                let start = self.rungs.len() + Self::NEAR;
                self.rungs.resize(start + Ladder::places(size), Rung::NONE);
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
        prefetch(&self.rungs, end - 1);
        prefetch(&self.rungs, end - 5);
        prefetch(&self.rungs, end - 8);
    }

    /// Sends for a ladder's last rungs.
    #[inline(always)]
    pub(crate) fn prefetch_last(&self, ladder: Ladder) {
        prefetch(&self.rungs, ladder.range().end - 1);
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

    /// A ladder beside all that it needs.
    struct Side {
        levels: Levels,
        ladders: [Ladder; 3],
    }

    impl Side {
        fn new() -> Self {
            Self { levels: Levels::new(0), ladders: [Ladder::EMPTY; 3] }
        }

        /// Something stands at this price from now on.
        fn fill(&mut self, which: usize, price: i64) {
            let ladder = &mut self.ladders[which];
            let number = match self.levels.find(*ladder, price) {
                Ok(at) => self.levels.number(*ladder, at),
                Err(at) => self.levels.insert(ladder, at, Price(price), Owner(0), price),
            };
            self.levels.get_mut(number).quantity = Quantity(1);
        }

        /// Nothing does any more.
        fn empty(&mut self, which: usize, price: i64) {
            let ladder = &mut self.ladders[which];
            let at = self.levels.find(*ladder, price).expect("a level that is there");
            let number = self.levels.number(*ladder, at);
            self.levels.get_mut(number).quantity = Quantity(0);
            if ladder.is_best(at) {
                self.levels.pop(ladder);
            }
        }

        fn prices(&self, which: usize) -> Vec<i64> {
            self.levels.all(self.ladders[which]).map(|level| level.price.0).collect()
        }
    }

    #[test]
    fn every_level_is_found_near_and_far() {
        for count in [0, 1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 32, 33, 57, 100, 250, 1000] {
            let mut side = Side::new();
            (0..count).for_each(|n| side.fill(0, n * 37 % count * 2));
            let ranks: Vec<_> = side.levels.ranks(side.ladders[0]).collect();
            assert!(ranks.is_sorted() && ranks.len() == count as usize);
            for rank in -1..=count * 2 {
                let found = side.levels.find(side.ladders[0], rank);
                assert_eq!(found, ranks.binary_search(&rank), "{rank} of {count}");
            }
        }
    }

    #[test]
    fn the_best_is_last() {
        for (side, best) in [(engine_event::Side::Buy, 5), (engine_event::Side::Sell, 3)] {
            let (mut levels, mut ladder) = (Levels::new(0), Ladder::EMPTY);
            for price in [3, 5, 4].map(Price) {
                let rank = rank(side, price);
                let at = levels.find(ladder, rank).unwrap_err();
                let number = levels.insert(&mut ladder, at, price, Owner(0), rank);
                levels.get_mut(number).quantity = Quantity(1);
            }
            assert_eq!(levels.best(ladder).unwrap().price, Price(best));
        }
    }

    #[test]
    fn a_price_that_empties_keeps_its_rung_until_the_best_passes_it() {
        let mut side = Side::new();
        (1..=4).for_each(|price| side.fill(0, price));
        side.empty(0, 3);
        side.empty(0, 2);
        assert_eq!((side.prices(0), side.ladders[0].count()), (vec![1, 4], 4));
        side.fill(0, 2);
        assert_eq!((side.prices(0), side.ladders[0].count()), (vec![1, 2, 4], 4));
        side.empty(0, 4);
        assert_eq!((side.prices(0), side.ladders[0].count()), (vec![1, 2], 2));
        assert_eq!(side.levels.pool.len(), 4);
    }

    #[test]
    fn a_ladder_of_empty_levels_does_not_grow() {
        let mut side = Side::new();
        side.fill(0, 10_000);
        for price in 0..1_000 {
            side.fill(0, price);
            side.empty(0, price);
        }
        assert_eq!((side.prices(0), side.levels.rungs.len()), (vec![10_000], 8 + 16));
        assert_eq!(side.levels.pool.len(), 8);
    }

    proptest! {
        /// Three ladders in one store: what one does leaves the others alone, and blocks and levels
        /// are used again.
        #[test]
        fn ladders_are_sets(steps in vec((0..3usize, 0..200i64), 1..600)) {
            let mut side = Side::new();
            let mut plain: [BTreeSet<i64>; 3] = Default::default();
            for (which, price) in steps {
                if plain[which].remove(&price) {
                    side.empty(which, price);
                } else {
                    side.fill(which, price);
                    plain[which].insert(price);
                }
                if price == 199 {
                    side.levels.clear(&mut side.ladders[which]);
                    plain[which].clear();
                }
                for (which, plain) in plain.iter().enumerate() {
                    prop_assert!(side.prices(which).iter().eq(plain));
                    let best = side.levels.best(side.ladders[which]).map(|best| best.price.0);
                    prop_assert_eq!(best, plain.last().copied());
                    let ranks: Vec<_> = side.levels.ranks(side.ladders[which]).collect();
                    prop_assert!(ranks.is_sorted_by(|worse, better| worse < better));
                }
            }
            prop_assert!(side.levels.pool.len() <= 600);
        }
    }
}
