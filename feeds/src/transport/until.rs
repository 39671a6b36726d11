//! A feed that ends before its input does.

use engine_event::{Directory, Event, Nanos};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally, Timing};

/// A feed up to a time: it ends with its first event after that. The tally counts what was read, which
/// may be some messages more.
#[derive(Debug)]
pub struct Until<F> {
    feed: F,
    until: Nanos,
    is_over: bool,
}

impl<F: Feed> Until<F> {
    /// `feed` up to `until`, included; [`Nanos::END`] for all of it.
    pub fn new(feed: F, until: Nanos) -> Self {
        Self { feed, until, is_over: false }
    }

    /// The feed that is cut off.
    pub fn feed(&self) -> &F {
        &self.feed
    }
}

impl<F: Feed> Feed for Until<F> {
    #[inline]
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        if self.until == Nanos::END {
            return self.feed.poll(now, names, sink);
        }
        if self.is_over {
            return Ok(FeedTurn::Ended);
        }
        let mut before = Before { sink, until: self.until, is_over: &mut self.is_over };
        let turn = self.feed.poll(now, names, &mut before);
        // What is wrong later does not matter.
        if self.is_over { Ok(FeedTurn::Worked) } else { turn }
    }

    fn tally(&self) -> Tally {
        self.feed.tally()
    }

    fn tally_into(&self, all: &mut Tally) {
        self.feed.tally_into(all);
    }

    fn timing(&self) -> Timing {
        self.feed.timing()
    }

    fn tells_its_end(&self) -> bool {
        self.feed.tells_its_end()
    }
}

struct Before<'a, S> {
    sink: &'a mut S,
    until: Nanos,
    is_over: &'a mut bool,
}

impl<S: Sink> Before<'_, S> {
    /// Whether the event is wanted.
    fn wants(&mut self, event: &Event) -> bool {
        *self.is_over |= event.event_at > self.until;
        !*self.is_over
    }
}

impl<S: Sink> Sink for Before<'_, S> {
    fn room(&mut self) -> usize {
        if *self.is_over { 0 } else { self.sink.room() }
    }

    fn push(&mut self, event: Event) {
        if self.wants(&event) {
            self.sink.push(event);
        }
    }

    fn push_due(&mut self, event: Event, due: Nanos) {
        if self.wants(&event) {
            self.sink.push_due(event, due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Listed, Turn};
    use super::*;

    fn times(list: Listed, until: u64) -> Vec<u64> {
        let mut feed = Until::new(list, Nanos(until));
        let (mut names, mut events) = (Directory::new(1), Vec::new());
        while feed.poll(Nanos(0), &mut names, &mut events).unwrap() != FeedTurn::Ended {}
        events.iter().map(|event| event.event_at.0).collect()
    }

    #[test]
    fn the_first_event_after_the_time_is_the_end() {
        assert_eq!(times(Listed::at(&[1, 3, 5, 5, 6, 2]), 5), [1, 3, 5, 5]);
        assert_eq!(times(Listed::at(&[1, 3]), 5), [1, 3]);
        assert_eq!(times(Listed([Turn::At(1), Turn::At(9), Turn::Fail].into()), 5), [1]);
        assert_eq!(times(Listed::at(&[9, 3]), u64::MAX), [9, 3]);
    }
}
