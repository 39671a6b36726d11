//! Which books are in doubt, since when and why: what a summary shows of faults by subject.

use engine_book::{BookView, Stale};
use engine_event::{FaultCounts, SubjectId};
use std::cmp::Reverse;

/// The books of all shards, as far as they may differ from the venues'.
///
/// The worst are listed, the rest counted: first those with the most faults, of equal ones those that
/// are stale for longest, then in the order of their ids. So nothing of it depends on the number of
/// shards.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Doubt {
    /// Books that are open.
    pub open: u64,
    /// Books that had a fault, whatever became of it.
    pub faulty: u64,
    /// Books that are stale now.
    pub stale: u64,
    /// The worst of those that are faulty, stale, or both.
    pub worst: Vec<Doubted>,
    /// How many more there are of them.
    pub unlisted: u64,
}

/// One book in doubt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doubted {
    /// Whose.
    pub subject: SubjectId,
    /// Its name.
    pub name: String,
    /// How often each fault occurred in it. A gap is not among them: the feed has counted it.
    pub faults: FaultCounts,
    /// Since when and why it is stale, if it still is.
    pub stale: Option<Stale>,
}

impl Doubt {
    /// How many books are listed.
    pub const LISTED_MAX: usize = 20;

    /// Looks through books, in any order; `name` tells what subjects are called.
    pub(crate) fn of<'a>(
        books: impl Iterator<Item = BookView<'a>>,
        name: impl Fn(SubjectId) -> String,
    ) -> Self {
        let mut doubt = Self::default();
        let mut worst: Vec<BookView<'a>> = Vec::new();
        for book in books {
            doubt.open += 1;
            let (is_faulty, is_stale) = (book.faults().total() > 0, book.stale().is_some());
            doubt.faulty += u64::from(is_faulty);
            doubt.stale += u64::from(is_stale);
            if is_faulty || is_stale {
                doubt.unlisted += 1;
                worst.push(book);
            }
            // Sorting now and then keeps the list short at little cost.
            if worst.len() == 16 * Self::LISTED_MAX {
                keep_worst(&mut worst);
            }
        }
        keep_worst(&mut worst);
        doubt.unlisted -= worst.len() as u64;
        let doubted = |book: &BookView<'_>| Doubted {
            subject: book.subject(),
            name: name(book.subject()),
            faults: *book.faults(),
            stale: book.stale(),
        };
        doubt.worst = worst.iter().map(doubted).collect();
        doubt
    }
}

fn keep_worst(books: &mut Vec<BookView<'_>>) {
    books.sort_unstable_by_key(|book| {
        let since = book.stale().map_or(u64::MAX, |stale| stale.since_seq);
        (Reverse(book.faults().total()), since, book.subject())
    });
    books.truncate(Doubt::LISTED_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_book::{Books, Bounds};
    use engine_event::body::{End, Gap, Order};
    use engine_event::{Definition, Event, Fault, Kind, Nanos, OrderId, VenueId};

    fn gone(subject: u32) -> Event {
        let order = Order::gone(OrderId(9));
        Event::new(SubjectId(subject), Nanos(0), order).with_kind(Kind::Delete)
    }

    fn gap(subject: u32) -> Event {
        Event::new(SubjectId(subject), Nanos(0), Gap::new(1, 1, Fault::Missing))
    }

    fn clear(subject: u32) -> Event {
        Event::new(SubjectId(subject), Nanos(0), End::default()).with_kind(Kind::Clear)
    }

    fn doubt(events: impl IntoIterator<Item = Event>) -> Doubt {
        let mut books = Books::new(Bounds { orders_max: 8, subjects_max: 10_000 });
        for (seq, mut event) in (1..).zip(events) {
            event.seq = seq;
            books.apply(&event);
        }
        Doubt::of(books.iter(), |subject| format!("S{subject}"))
    }

    #[test]
    fn the_most_faults_come_first_then_the_longest_doubt() {
        let events = [gap(4), gap(3), gone(5), gone(6), gone(6), clear(6)];
        let doubt = doubt(events);
        assert_eq!((doubt.open, doubt.faulty, doubt.stale, doubt.unlisted), (4, 2, 3, 0));
        let listed: Vec<_> = doubt
            .worst
            .iter()
            .map(|of| {
                let stale = of.stale.map(|stale| (stale.since_seq, stale.reason));
                (of.name.as_str(), of.faults.total(), stale)
            })
            .collect();
        let expected = [
            ("S6", 2, None),
            ("S5", 1, Some((3, Fault::UnknownOrder))),
            ("S4", 0, Some((1, Fault::Missing))),
            ("S3", 0, Some((2, Fault::Missing))),
        ];
        assert_eq!(listed, expected);
    }

    #[test]
    fn the_rest_are_counted() {
        let doubt = doubt((0..1000).chain([777, 999]).map(gone));
        assert_eq!((doubt.open, doubt.faulty, doubt.stale), (1000, 1000, 1000));
        assert_eq!(doubt.worst.len(), Doubt::LISTED_MAX);
        assert_eq!(doubt.unlisted, 1000 - Doubt::LISTED_MAX as u64);
        let first: Vec<_> = doubt.worst[..4].iter().map(|of| of.subject.0).collect();
        assert_eq!(first, [777, 999, 0, 1]);
    }

    #[test]
    fn books_without_a_fault_are_only_counted() {
        let define =
            |subject| Event::new(SubjectId(subject), Nanos(0), Definition::new(VenueId(0), 2, 0));
        let expected = Doubt { open: 3, ..Doubt::default() };
        assert_eq!(doubt((1..4).map(define)), expected);
    }
}
