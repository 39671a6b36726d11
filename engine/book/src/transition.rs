//! One step of a book of which somebody else tells the levels: does the next row follow from this one?
//!
//! A vendor's rows show only the best levels, and its messages may be only those that touch them. What
//! lies below the window, and what rested before the file begins, is never told, so a book that runs
//! freely must drift from theirs. But one step can be judged: the levels of one row, and on them the
//! next message, give the next row at every level that was visible. What then enters the window at its
//! bottom could not be known; it is counted as *revealed*.

use crate::{Books, Bounds, Quote};
use engine_event::body::{End, Execution, Order};
use engine_event::{Event, Fault, Flags, Kind, Nanos, OrderId, Price, Quantity, Side, SubjectId};

/// A side's levels, best first.
pub type Levels = Vec<(Price, Quantity)>;

/// What a vendor shows of a book.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Row {
    /// The best bids.
    pub bids: Levels,
    /// The best offers.
    pub asks: Levels,
}

impl Row {
    /// One side's levels.
    pub fn of(&self, side: Side) -> &Levels {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    /// Where another row, of which `known` tells how many levels of a side can be known at most, first
    /// differs from this one.
    pub fn difference(&self, theirs: &Row, known: usize) -> Option<Difference> {
        [Side::Buy, Side::Sell].into_iter().find_map(|side| {
            let known = self.of(side).len().min(known);
            let at = |row: &Row, level: usize| row.of(side).get(level).copied();
            let level = (0..known).find(|level| at(self, *level) != at(theirs, *level))?;
            Some(Difference { side, level, ours: at(self, level), theirs: at(theirs, level) })
        })
    }
}

/// The first level at which two rows differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Of this side.
    pub side: Side,
    /// How many levels stand before it.
    pub level: usize,
    /// What follows from the row before.
    pub ours: Option<(Price, Quantity)>,
    /// What the vendor's next row has there.
    pub theirs: Option<(Price, Quantity)>,
}

/// Judges steps, one after the other.
#[derive(Debug)]
pub struct Transition {
    books: Books,
    /// Levels of a side in a row.
    levels: usize,
}

impl Transition {
    const SUBJECT: SubjectId = SubjectId(0);
    /// Orders that are made up have ids from here on.
    const MADE_UP: u64 = 1 << 62;

    /// For rows of so many levels a side.
    pub fn new(levels: usize) -> Self {
        let orders_max = 4 * levels as u32 + 4;
        Self { books: Books::new(Bounds { orders_max, subjects_max: 1 }), levels }
    }

    /// Whether `after` follows from `before` by `event`, which names the price of the order that it is
    /// about; how many levels were revealed.
    pub fn hold(&mut self, before: &Row, event: &Event, after: &Row) -> Result<usize, Difference> {
        self.seed(before, event);
        let mut event = *event;
        event.subject = Self::SUBJECT;
        self.books.apply(&event);
        let ours = self.row();
        if let Some(difference) = ours.difference(after, self.levels) {
            return Err(difference);
        }
        let revealed = |side| after.of(side).len().saturating_sub(ours.of(side).len());
        Ok(revealed(Side::Buy) + revealed(Side::Sell))
    }

    /// What was wrong with the last step, if its book came to doubt itself.
    pub fn doubt(&self) -> Option<Fault> {
        self.books.book(Self::SUBJECT)?.stale().map(|stale| stale.reason)
    }

    /// Fills the book with the levels of a row, among them the order that the event is about.
    fn seed(&mut self, row: &Row, event: &Event) {
        let clear = Event::new(Self::SUBJECT, Nanos(0), End::default()).with_kind(Kind::Clear);
        self.books.apply(&clear);
        let resting = Named::of(event, row);
        let mut made_up = Self::MADE_UP;
        for side in [Side::Buy, Side::Sell] {
            for (price, quantity) in row.of(side) {
                let about = resting.filter(|named| (named.side, named.price) == (side, *price));
                let named = about.map_or(0, |named| named.rested(*quantity).0.min(quantity.0));
                if let Some(about) = about {
                    self.enter(about.id, side, *price, Quantity(named));
                }
                made_up += 1;
                self.enter(OrderId(made_up), side, *price, Quantity(quantity.0 - named));
            }
        }
    }

    fn enter(&mut self, id: OrderId, side: Side, price: Price, quantity: Quantity) {
        if quantity.0 > 0 {
            let order = Event::new(Self::SUBJECT, Nanos(0), Order::new(id, price, quantity));
            self.books.apply(&order.with_flags(Flags::of(side)));
        }
    }

    fn row(&self) -> Row {
        let side = |side| {
            let levels = self.books.book(Self::SUBJECT).into_iter();
            let levels = levels.flat_map(|book| book.levels(side)).take(self.levels);
            levels.map(|Quote { price, quantity, .. }| (price, quantity)).collect()
        };
        Row { bids: side(Side::Buy), asks: side(Side::Sell) }
    }
}

/// The resting order that an event takes for granted.
#[derive(Clone, Copy)]
struct Named {
    id: OrderId,
    side: Side,
    price: Price,
    /// How much it has, where the event takes all of it.
    whole: Option<Quantity>,
}

impl Named {
    /// An execution may tell the price of the trade and not its order's; then the order was the first.
    fn of(event: &Event, row: &Row) -> Option<Self> {
        let side = event.side()?;
        let named =
            |body: Order, whole| Some(Self { id: body.id, side, price: body.price.get()?, whole });
        match event.kind() {
            Kind::Reduce => named(event.body(), None),
            Kind::Delete => {
                let body: Order = event.body();
                named(body, Some(body.quantity))
            }
            Kind::Execute => {
                let body: Execution = event.body();
                let levels = row.of(side);
                let told = body.price.get().filter(|at| levels.iter().any(|(of, _)| of == at));
                let price = told.or(levels.first().map(|(of, _)| *of))?;
                Some(Self { id: body.id, side, price, whole: None })
            }
            _ => None,
        }
    }

    /// How much of a level is its own. Where the event takes a part away, it may as well have been all
    /// of the level: what is left there is the same.
    fn rested(self, at_level: Quantity) -> Quantity {
        self.whole.unwrap_or(at_level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bids: &[(i64, u64)], asks: &[(i64, u64)]) -> Row {
        let levels = |of: &[(i64, u64)]| {
            of.iter().map(|(price, quantity)| (Price(*price), Quantity(*quantity))).collect()
        };
        Row { bids: levels(bids), asks: levels(asks) }
    }

    fn event(order: Order, kind: Kind, side: Side) -> Event {
        Event::new(SubjectId(7), Nanos(5), order).with_kind(kind).with_flags(Flags::of(side))
    }

    #[test]
    fn the_next_row_follows_or_it_differs() {
        let before = row(&[(99, 10), (98, 5)], &[(101, 7), (102, 8)]);
        let mut step = Transition::new(2);
        let add = Order::new(OrderId(1), Price(100), Quantity(3));
        let add = event(add, Kind::Add, Side::Buy);
        let after = row(&[(100, 3), (99, 10)], &[(101, 7), (102, 8)]);
        assert_eq!(step.hold(&before, &add, &after), Ok(0));
        let other = row(&[(100, 4), (99, 10)], &[(101, 7), (102, 8)]);
        let found = step.hold(&before, &add, &other).unwrap_err();
        assert_eq!((found.side, found.level), (Side::Buy, 0));
        let shown = |quantity| Some((Price(100), Quantity(quantity)));
        assert_eq!((found.ours, found.theirs), (shown(3), shown(4)));
    }

    #[test]
    fn what_enters_at_the_bottom_is_revealed() {
        let before = row(&[(99, 10), (98, 5)], &[(101, 7)]);
        let gone = Order::new(OrderId(1), Price(99), Quantity(10));
        let gone = event(gone, Kind::Delete, Side::Buy);
        let mut step = Transition::new(2);
        let after = row(&[(98, 5), (90, 1)], &[(101, 7)]);
        assert_eq!(step.hold(&before, &gone, &after), Ok(1));
        let missing = row(&[(90, 1)], &[(101, 7)]);
        assert!(step.hold(&before, &gone, &missing).is_err());
        assert_eq!(step.doubt(), None);
    }

    #[test]
    fn what_trades_at_another_price_was_first() {
        let before = row(&[(99, 10), (98, 5)], &[(101, 7)]);
        let traded = Execution::new(OrderId(1), Some(Price(100)), Quantity(4));
        let traded = Event::new(SubjectId(7), Nanos(5), traded).with_flags(Flags::of(Side::Buy));
        let after = row(&[(99, 6), (98, 5)], &[(101, 7)]);
        assert_eq!(Transition::new(2).hold(&before, &traded, &after), Ok(0));
    }

    #[test]
    fn an_order_of_which_the_row_knows_nothing_is_doubted() {
        let before = row(&[(99, 10)], &[]);
        let gone = Order::new(OrderId(1), Price(97), Quantity(10));
        let gone = event(gone, Kind::Delete, Side::Buy);
        let mut step = Transition::new(2);
        assert_eq!(step.hold(&before, &gone, &before), Ok(0));
        assert_eq!(step.doubt(), Some(Fault::UnknownOrder));
    }
}
