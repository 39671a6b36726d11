//! Several feeds as one, in the order in which their events arrive.
//!
//! Live feeds are not merged by event time: to wait for the slowest would make all of them late. The
//! feeds are polled in turn, and what one gives goes on at once.

use engine_event::{Directory, Event, Nanos, SourceId};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally, Timing};

/// Feeds polled in turn. Each event carries its feed's place as its source.
#[derive(Debug)]
pub struct Arrivals<F> {
    feeds: Vec<F>,
    has_ended: Vec<bool>,
    next: usize,
    errors: Vec<FeedError>,
}

impl<F: Feed> Arrivals<F> {
    /// The feeds of `feeds`, of which there may be 65,536.
    pub fn new(feeds: impl IntoIterator<Item = F>) -> Self {
        let feeds: Vec<F> = feeds.into_iter().collect();
        Self { has_ended: vec![false; feeds.len()], feeds, next: 0, errors: Vec::new() }
    }

    /// The feeds, in their order.
    pub fn feeds(&mut self) -> &mut [F] {
        &mut self.feeds
    }

    /// What else went wrong: [`poll`](Feed::poll) returns the first error, at the end, when the other
    /// feeds have ended too.
    pub fn more_errors(&self) -> &[FeedError] {
        &self.errors
    }
}

impl<F: Feed> Feed for Arrivals<F> {
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        for _ in 0..self.feeds.len() {
            let place = self.next;
            self.next = (self.next + 1) % self.feeds.len();
            if self.has_ended[place] {
                continue;
            }
            let source = SourceId(u16::try_from(place).unwrap_or(u16::MAX));
            match self.feeds[place].poll(now, names, &mut Signed { sink, source }) {
                Ok(FeedTurn::Worked) => return Ok(FeedTurn::Worked),
                Ok(FeedTurn::Idle) => {}
                Ok(FeedTurn::Ended) => self.has_ended[place] = true,
                Err(error) => {
                    // The others go on; it is told when they have ended too.
                    self.has_ended[place] = true;
                    self.errors.push(error);
                }
            }
        }
        match self.has_ended.contains(&false) {
            true => Ok(FeedTurn::Idle),
            false if self.errors.is_empty() => Ok(FeedTurn::Ended),
            false => Err(self.errors.remove(0)),
        }
    }

    fn tally(&self) -> Tally {
        let mut all = Tally::default();
        self.tally_into(&mut all);
        all
    }

    fn tally_into(&self, all: &mut Tally) {
        self.feeds.iter().for_each(|feed| feed.tally_into(all));
    }

    /// That of all, if they are alike.
    fn timing(&self) -> Timing {
        let mut timings = self.feeds.iter().map(Feed::timing);
        let first = timings.next().unwrap_or(Timing::AsRead);
        if timings.all(|timing| timing == first) { first } else { Timing::AsRead }
    }
}

/// A sink for the events of one feed.
struct Signed<'a, S> {
    sink: &'a mut S,
    source: SourceId,
}

impl<S: Sink> Sink for Signed<'_, S> {
    #[inline]
    fn room(&mut self) -> usize {
        self.sink.room()
    }

    #[inline]
    fn push(&mut self, event: Event) {
        self.sink.push(event.from_source(self.source));
    }

    #[inline]
    fn push_due(&mut self, event: Event, due: Nanos) {
        self.sink.push_due(event.from_source(self.source), due);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Listed, Turn};
    use super::*;

    #[test]
    fn what_arrives_goes_on_whatever_its_time() {
        let slow = Listed([Turn::Idle, Turn::At(1), Turn::Fail].into());
        let other = Listed([Turn::At(9), Turn::At(3), Turn::Fail].into());
        let mut all = Arrivals::new([slow, other]);
        let (mut names, mut events) = (Directory::new(1), Vec::new());
        let error = loop {
            match all.poll(Nanos(0), &mut names, &mut events) {
                Ok(turn) => assert_ne!(turn, FeedTurn::Ended),
                Err(error) => break error.to_string(),
            }
        };
        let told: Vec<_> = events.iter().map(|of| (of.event_at.0, of.source.0)).collect();
        assert_eq!(told, [(9, 1), (1, 0), (3, 1)]);
        assert_eq!(error, "listed: byte 1: is broken");
        assert_eq!(all.more_errors().len(), 1);
    }
}
