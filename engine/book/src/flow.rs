//! What came to and left each level: order-flow imbalance level by level.
//!
//! The order-flow imbalance of the touch (Cont, Kukanov and Stoikov, 2014) is
//! [`Touch::order_flow_imbalance`]. The same rule holds for the second-best level, the third and so on
//! (Xu, Gould and Howison, "Multi-level order-flow imbalance in a limit order book", 2019): of the
//! level at each depth, a better price than before counts with all that is displayed at it, a worse one
//! with all that stood before it, the same price with the difference; an absent level is worse than any
//! price. What came to the bids less what came to the offers.

use crate::{BookView, Quote, Touch};
use engine_event::Side;

/// The best levels of a book as they were last looked at, and what has come to them since.
#[derive(Clone, Debug)]
pub struct LevelFlow {
    /// By depth.
    levels: Vec<Touch>,
    flow: Vec<i128>,
}

impl LevelFlow {
    /// Of so many levels a side, of which nothing is known.
    pub fn new(levels: usize) -> Self {
        Self { levels: vec![Touch::default(); levels], flow: vec![0; levels] }
    }

    /// Looks at a book without counting what came before.
    pub fn begin(&mut self, book: &BookView<'_>) {
        self.follow(book);
        self.flow.fill(0);
    }

    /// Looks at a book after an event, or at the end of a group of events: what has come to each depth
    /// since the last look, the best first.
    pub fn follow(&mut self, book: &BookView<'_>) -> &[i128] {
        let (mut bids, mut asks) = (book.bids(), book.asks());
        for (before, flow) in self.levels.iter_mut().zip(&mut self.flow) {
            let now = Touch { bid: bids.next(), ask: asks.next() };
            *flow = now.order_flow_imbalance(before);
            *before = now;
        }
        &self.flow
    }

    /// What came at the last look.
    pub fn last(&self) -> &[i128] {
        &self.flow
    }
}

impl BookView<'_> {
    /// All that is displayed at so many best levels of each side, bid first: equal quantities are
    /// balanced, and the difference over the sum is the depth imbalance.
    pub fn imbalance_over(&self, levels: usize) -> (u128, u128) {
        let sum = |side| {
            let quantity = |level: Quote| u128::from(level.quantity.0);
            self.levels(side).take(levels).map(quantity).sum()
        };
        (sum(Side::Buy), sum(Side::Sell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Books;
    use crate::tests::notation::{BOUNDS, SUBJECT, books_after, parse};

    #[test]
    fn what_came_to_each_depth() {
        let lines = [
            // Bids 100 and 99, offers 102 and 103.
            ("add 1 B 10 @ 100", [10, 0, 0]),
            ("add 2 B 20 @ 99", [0, 20, 0]),
            ("add 3 S 5 @ 102", [-5, 0, 0]),
            ("add 4 S 7 @ 103", [0, -7, 0]),
            // A better bid moves every bid level one down: at each depth the price is better than before.
            ("add 5 B 3 @ 101", [3, 10, 20]),
            ("reduce 5 1", [-1, 0, 0]),
            // It leaves: worse prices at each depth, and the third is empty again.
            ("delete 5", [-2, -10, -20]),
            // The best offer trades away: 103 is worse than 102, and the second is gone.
            ("execute 3 5", [5, 7, 0]),
            ("add 6 S 9 @ 103", [-9, 0, 0]),
        ];
        let (mut books, mut flow) = (Books::new(BOUNDS), LevelFlow::new(3));
        for (line, expected) in lines {
            books.apply(&parse(line));
            assert_eq!(flow.follow(&books.book(SUBJECT).unwrap()), expected, "{line}");
        }
        assert_eq!(flow.last(), [-9, 0, 0]);
        flow.begin(&books.book(SUBJECT).unwrap());
        assert_eq!(flow.last(), [0, 0, 0]);
    }

    #[test]
    fn depth_is_weighed_over_levels() {
        let books = books_after(
            "add 1 B 10 @ 100\nadd 2 B 20 @ 99\nadd 3 B 40 @ 98\nadd 4 S 5 @ 102\nadd 5 S max @ 103",
        );
        let book = books.book(SUBJECT).unwrap();
        assert_eq!(book.imbalance_over(0), (0, 0));
        assert_eq!(book.imbalance_over(1), (10, 5));
        assert_eq!(book.imbalance_over(2), (30, 5 + u128::from(u64::MAX)));
        assert_eq!(book.imbalance_over(9), (70, 5 + u128::from(u64::MAX)));
    }
}
