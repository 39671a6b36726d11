//! What must hold of books at any time, whatever the input was. For tests: it panics, and it is slow.

use crate::book::Book;
use crate::{Books, Form};
use engine_event::Side;

impl Books {
    /// Panics unless everything that is kept twice agrees: levels are sorted and none is empty, each
    /// has the quantity and the number of its orders, links lead both ways, and the orders that stand
    /// in queues are those that are found by their ids.
    pub fn assert_consistent(&self) {
        let standing: usize = self.books.iter().map(|book| self.assert_book(book)).sum();
        assert_eq!(standing, self.orders.len(), "orders in queues, and orders known by their id");
        let levels_told: usize = self.books.iter().map(Book::levels_told).sum();
        assert_eq!(levels_told, self.orders.levels, "levels that count as orders");
        assert!(self.subjects().is_sorted(), "books in the order of their subjects");
        assert_eq!(self.subjects().count(), self.books.len());
    }

    /// The same for one book; returns how many orders stand in it.
    fn assert_book(&self, book: &Book) -> usize {
        let mut standing = self.orders.assert_linked(book.subject, book.hidden);
        assert!(self.orders.queued(book.hidden).all(|order| !order.is_displayed()));
        for side in [Side::Buy, Side::Sell] {
            let ladder = book.ladder(side);
            let ranks = ladder.levels().iter().map(|level| ladder.rank(level.price));
            assert!(ranks.is_sorted_by(|worse, better| worse < better), "{side:?} levels sorted");
            assert_eq!(book.touch().of(side), ladder.best(), "the {side:?} touch");
            if book.form != Some(Form::Orders) {
                assert_told(book, side);
                continue;
            }
            for level in ladder.levels() {
                let count = self.orders.assert_linked(book.subject, level.queue);
                assert!(count > 0, "a level without orders at {}", level.price);
                assert_eq!(count, level.orders as usize, "orders at {}", level.price);
                let mut sum: u128 = 0;
                for order in self.orders.queued(level.queue) {
                    assert!(order.is_displayed() && order.remaining.0 > 0, "{order:?}");
                    assert_eq!((order.side, order.price), (side, level.price), "{order:?}");
                    sum += u128::from(order.remaining.0);
                }
                assert_eq!(sum, u128::from(level.quantity.0), "quantity at {}", level.price);
                standing += count;
            }
        }
        standing
    }
}

/// Panics unless a side of a book without orders has only levels that its form may have.
fn assert_told(book: &Book, side: Side) {
    let levels = book.ladder(side).levels();
    assert!(
        levels.iter().all(|level| level.quantity.0 > 0),
        "{side:?} levels with nothing at them"
    );
    let levels_max = match book.form {
        None => 0,
        Some(Form::Touch) => 1,
        Some(_) => usize::MAX,
    };
    assert!(levels.len() <= levels_max, "{} {side:?} levels of {:?}", levels.len(), book.form);
}
