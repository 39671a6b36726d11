//! Ten levels of each side, and what leads from one state of them to the next.

use super::record::{NO_PRICE, Pair};
use engine_event::body::Level;
use engine_event::{Price, Quantity, Side};

const DEPTH: usize = 10;

/// The most steps from one ladder to another: all that was there goes, all that is there comes.
pub(super) const STEPS_MAX: usize = 4 * DEPTH;

/// One level of one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rung {
    price: i64,
    size: u32,
    orders: u32,
}

const NONE: Rung = Rung { price: NO_PRICE, size: 0, orders: 0 };

/// Bids and offers, the best first.
#[derive(Clone, Debug)]
pub(super) struct Ladder([[Rung; DEPTH]; 2]);

impl Ladder {
    pub(super) const EMPTY: Ladder = Ladder([[NONE; DEPTH]; 2]);

    /// What a record shows. A level without a price or with nothing at it is none.
    pub(super) fn of(levels: &[Pair; DEPTH]) -> Self {
        let mut ladder = Self::EMPTY;
        let rung = |price: i64, size: u32, orders| {
            if size == 0 || price == NO_PRICE { NONE } else { Rung { price, size, orders } }
        };
        for (at, level) in levels.iter().enumerate() {
            let bid = rung(level.bid.get(), level.bid_size.get(), level.bid_count.get());
            let ask = rung(level.ask.get(), level.ask_size.get(), level.ask_count.get());
            (ladder.0[0][at], ladder.0[1][at]) = (bid, ask);
        }
        ladder
    }

    /// The steps that make this ladder `next`, what goes before what comes: so that in between no bid
    /// stands above an offer that is there no more.
    pub(super) fn steps_to(&self, next: &Ladder, mut tell: impl FnMut(Side, Level)) {
        let sides = || [Side::Buy, Side::Sell].into_iter().zip(self.0.iter().zip(&next.0));
        let changed = || sides().filter(|(_, (before, after))| before != after);
        for (side, (before, after)) in changed() {
            let goes = |rung: &&Rung| after.iter().all(|other| other.price != rung.price);
            for rung in before.iter().filter(|rung| **rung != NONE).filter(goes) {
                tell(side, Level::new(Price(rung.price), Quantity(0), 0));
            }
        }
        for (side, (before, after)) in changed() {
            for rung in after.iter().filter(|rung| **rung != NONE && !before.contains(rung)) {
                tell(side, rung.level());
            }
        }
    }

    /// A level that is there, if there is one: the best of the first side that has any.
    pub(super) fn any(&self) -> Option<(Side, Level)> {
        let best = |side| Some((side, self.0[side as usize][0])).filter(|(_, rung)| *rung != NONE);
        let (side, rung) = best(Side::Buy).or_else(|| best(Side::Sell))?;
        Some((side, rung.level()))
    }
}

impl Rung {
    fn level(self) -> Level {
        Level::new(Price(self.price), Quantity(u64::from(self.size)), self.orders)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn ladder(bids: &[(i64, u32)], asks: &[(i64, u32)]) -> Ladder {
        let mut ladder = Ladder::EMPTY;
        for (side, levels) in ladder.0.iter_mut().zip([bids, asks]) {
            for (rung, &(price, size)) in side.iter_mut().zip(levels) {
                *rung = Rung { price, size, orders: 1 };
            }
        }
        ladder
    }

    fn steps(from: &Ladder, to: &Ladder) -> String {
        let mut told = String::new();
        from.steps_to(to, |side, level| {
            told += &format!("{}{}={} ", side.letter(), level.price, level.quantity);
        });
        told
    }

    #[test]
    fn only_what_differs_is_told_and_what_goes_is_told_first() {
        let before = ladder(&[(100, 5), (99, 7)], &[(101, 3), (102, 4)]);
        let after = ladder(&[(101, 2), (100, 5), (99, 6)], &[(102, 4), (103, 1)]);
        assert_eq!(steps(&before, &after), "S101=0 B101=2 B99=6 S103=1 ");
        assert_eq!(steps(&after, &after), "");
        assert_eq!(steps(&after, &Ladder::EMPTY), "B101=0 B100=0 B99=0 S102=0 S103=0 ");
    }

    #[test]
    fn no_ladders_are_further_apart_than_the_bound() {
        let full = |from: i64| {
            let bids: Vec<_> = (0..10).map(|at| (from - at, 1)).collect();
            let asks: Vec<_> = (1..11).map(|at| (from + at, 1)).collect();
            ladder(&bids, &asks)
        };
        let mut count = 0;
        let mut book = BTreeMap::new();
        full(0).steps_to(&full(1000), |side, level| {
            count += 1;
            book.insert((side, level.price), level.quantity);
        });
        assert_eq!(count, STEPS_MAX);
        assert_eq!(book.values().filter(|quantity| quantity.0 > 0).count(), 20);
    }
}
