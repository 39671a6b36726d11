//! What must hold of books at any time, whatever the input was. For tests: it panics, and it is slow.

use crate::book::Book;
use crate::level::{self, Level};
use crate::{Books, Form};
use engine_event::Side;

impl Books {
    /// Panics unless everything that is kept twice agrees: levels are sorted and none is empty, each
    /// has the quantity and the number of its orders, links lead both ways, and the orders that stand
    /// in queues are those that are found by their ids; faults are
    /// those of all books.
    pub fn assert_consistent(&self) {
        let places = 0..self.books.len();
        let standing: usize = places.map(|place| self.assert_book(place)).sum();
        assert_eq!(
            standing,
            self.room.orders.len(),
            "orders in queues, and orders known by their id"
        );
        let levels_told: usize = self.books.iter().map(|book| book.levels_told(&self.room)).sum();
        assert_eq!(levels_told, self.room.orders.levels, "levels that count as orders");
        assert_eq!(self.faults(), self.add_up_faults());
        assert!(self.subjects().is_sorted(), "books in the order of their subjects");
        assert_eq!(self.subjects().count(), self.books.len());
    }

    /// The same for one book; returns how many orders stand in it.
    fn assert_book(&self, place: usize) -> usize {
        let (book, record) = (&self.books[place], &self.records[place]);
        let (subject, hidden) = (record.subject, record.hidden);
        assert_eq!(book.is_stale, record.stale.is_some());
        let mut standing = self.room.orders.assert_linked(subject, hidden);
        assert!(self.room.orders.queued(hidden).all(|order| !order.is_displayed()));
        for side in [Side::Buy, Side::Sell] {
            let ladder = book.ladder(side);
            let levels = book.levels(&self.room, side);
            assert!(self.room.levels.ranks(ladder).is_sorted_by(|worse, better| worse < better));
            let last =
                ladder.count().checked_sub(1).map(|last| self.room.levels.number(ladder, last));
            assert!(
                last.is_none_or(|last| !self.room.levels.get(last).is_empty()),
                "{side:?} best"
            );
            assert_eq!(
                book.touch().of(side),
                levels.clone().next_back().map(Level::quote),
                "the {side:?} touch"
            );
            if book.form != Some(Form::Orders) {
                assert_told(book, side, levels);
                continue;
            }
            for level in levels {
                let count = self.room.orders.assert_linked(subject, level.queue);
                assert!(count > 0, "a level without orders at {}", level.price);
                assert_eq!(count, level.orders as usize, "orders at {}", level.price);
                let mut sum: u128 = 0;
                let at = self.room.levels.find(ladder, level::rank(side, level.price));
                let number = self.room.levels.number(ladder, at.expect("a level in its ladder"));
                for order in self.room.orders.queued(level.queue) {
                    let slot = self.room.orders.find(subject, order.id).expect("it was found");
                    assert_eq!(self.room.orders.level(slot), number, "{order:?} knows its level");
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
fn assert_told<'a>(book: &Book, side: Side, mut levels: impl Iterator<Item = &'a Level> + Clone) {
    let count = levels.clone().count();
    assert!(levels.all(|level| level.quantity.0 > 0), "{side:?} levels with nothing at them");
    let levels_max = match book.form {
        None => 0,
        Some(Form::Touch) => 1,
        Some(_) => usize::MAX,
    };
    assert!(count <= levels_max, "{count} {side:?} levels of {:?}", book.form);
}
