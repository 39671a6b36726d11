//! The last changes of a book's touch.

use crate::memory::{prefetch, prefetch_whole};
use crate::{Change, Quote, Touch};
use engine_event::{Event, Nanos, Price, Quantity, Reader, Snapshot, SnapshotError, Writer};
use std::collections::VecDeque;

/// The last so many touches of one book, each with the event that brought it about. Takes no more memory
/// than that, and none anew once it is full.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecentTouches {
    touches: VecDeque<TouchAt>,
    touches_max: usize,
}

/// A touch, and since when it stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TouchAt {
    /// The event that brought it about.
    pub seq: u64,
    /// When that was.
    pub at: Nanos,
    /// Both sides.
    pub touch: Touch,
}

impl RecentTouches {
    /// None yet, and never more than `touches_max`, which is at least 1.
    pub fn new(touches_max: usize) -> Self {
        let touches_max = touches_max.max(1);
        Self { touches: VecDeque::with_capacity(touches_max), touches_max }
    }

    /// Takes the touch after an event, if the event changed it; returns the one that had to make room.
    #[inline]
    pub fn follow(&mut self, event: &Event, change: &Change, touch: Touch) -> Option<TouchAt> {
        if !change.touch_changed {
            return None;
        }
        let full = self.touches.len() == self.touches_max;
        let oldest = if full { self.touches.pop_front() } else { None };
        self.touches.push_back(TouchAt { seq: event.seq, at: event.event_at, touch });
        oldest
    }

    /// Sends for what the next change will need.
    #[inline]
    pub fn look_ahead(&self) {
        let (older, newer) = self.touches.as_slices();
        let last = if newer.is_empty() { older } else { newer };
        prefetch_whole(last, last.len().saturating_sub(1), 2);
        prefetch(last, last.len());
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.touches.clear();
    }

    /// The one that stands.
    pub fn last(&self) -> Option<&TouchAt> {
        self.touches.back()
    }

    /// The one that has been kept for longest.
    pub fn first(&self) -> Option<&TouchAt> {
        self.touches.front()
    }

    /// All that are kept, the earliest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &TouchAt> + ExactSizeIterator {
        self.touches.iter()
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.touches.len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.touches.is_empty()
    }
}

impl Snapshot for RecentTouches {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.list(&self.touches, |to, TouchAt { seq, at, touch }| {
            to.u64(*seq);
            to.u64(at.0);
            for side in [touch.bid, touch.ask] {
                let Quote { price, quantity, orders } = side.unwrap_or(NOBODY);
                to.i64(price.0);
                to.u64(quantity.0);
                to.u32(orders);
            }
        });
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.touches.clear();
        from.list(|from| {
            let (seq, at) = (from.u64()?, Nanos(from.u64()?));
            let mut quote = || {
                let (price, quantity) = (Price(from.i64()?), Quantity(from.u64()?));
                let quote = Quote { price, quantity, orders: from.u32()? };
                Ok((quote.quantity.0 > 0).then_some(quote))
            };
            let touch = Touch { bid: quote()?, ask: quote()? };
            if self.touches.len() == self.touches_max {
                self.touches.pop_front();
            }
            self.touches.push_back(TouchAt { seq, at, touch });
            Ok(())
        })
    }
}

/// A side where nobody stands, as it is saved.
const NOBODY: Quote = Quote { price: Price(0), quantity: Quantity(0), orders: 0 };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Books;
    use crate::tests::against_naive::events;
    use crate::tests::notation::{BOUNDS, SUBJECT, parse};
    use engine_event::snapshot;
    use proptest::prelude::*;

    fn after(lines: &str, touches_max: usize) -> RecentTouches {
        let (mut books, mut recent) = (Books::new(BOUNDS), RecentTouches::new(touches_max));
        for (seq, line) in (1..).zip(lines.lines()) {
            let mut event = parse(line.trim());
            (event.seq, event.event_at) = (seq, Nanos(seq * 10));
            let change = books.apply(&event);
            recent.follow(&event, &change, books.book(SUBJECT).unwrap().touch());
        }
        recent
    }

    #[test]
    fn only_changes_of_the_touch_are_kept_and_only_the_last() {
        let lines = "add 1 B 10 @ 100
                     add 2 B 10 @ 99
                     add 3 S 5 @ 101
                     reduce 1 4
                     add 4 S 5 @ 102
                     delete 1";
        let told = |recent: &RecentTouches| -> Vec<_> {
            let bid = |of: &TouchAt| of.touch.bid.map(|bid| (bid.price.0, bid.quantity.0));
            recent.iter().map(|of| (of.seq, of.at.0, bid(of))).collect()
        };
        let four = [
            (1, 10, Some((100, 10))),
            (3, 30, Some((100, 10))),
            (4, 40, Some((100, 6))),
            (6, 60, Some((99, 10))),
        ];
        assert_eq!(told(&after(lines, 10)), four);
        assert_eq!(told(&after(lines, 2)), four[2..]);
        assert_eq!(after(lines, 1).last(), after(lines, 9).last());
        assert_eq!(after(lines, 0).len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_the_end_of_all(events in events(), touches_max in 1usize..20) {
            let (mut books, mut recent) = (Books::new(BOUNDS), RecentTouches::new(touches_max));
            let room = recent.touches.capacity();
            let mut all = Vec::new();
            for event in &events {
                let change = books.apply(event);
                let Some(book) = books.book(event.subject) else { continue };
                let before = recent.iter().next().copied().filter(|_| recent.len() == touches_max);
                let gone = recent.follow(event, &change, book.touch());
                if change.touch_changed {
                    prop_assert_eq!(gone, before);
                    all.push(TouchAt { seq: event.seq, at: event.event_at, touch: book.touch() });
                }
                let kept = &all[all.len().saturating_sub(touches_max)..];
                prop_assert!(recent.iter().eq(kept));
            }
            let mut loaded = RecentTouches::new(touches_max);
            snapshot::copy(&recent, &mut loaded).unwrap();
            prop_assert_eq!(&loaded, &recent);
            prop_assert_eq!(recent.touches.capacity(), room);
        }
    }
}
