//! Several feeds as one, in the order of their events' times.
//!
//! Of each feed a small batch is kept; the earliest first event of all batches goes on, and of those
//! at the same time the one whose feed stands first. So the order depends on the data alone. A feed
//! that has nothing to give now holds the others back: it might still tell of something earlier.

use engine_event::{Directory, Event, Nanos, SourceId};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally};

/// How many events of a feed are decoded ahead.
const BATCH: usize = 256;

/// Feeds merged by event time. Each event carries its feed's place as its source.
#[derive(Debug)]
pub struct Merged<F> {
    tracks: Vec<Track<F>>,
    errors: Vec<FeedError>,
}

#[derive(Debug)]
struct Track<F> {
    feed: F,
    source: SourceId,
    batch: Vec<Event>,
    at: usize,
    ended: bool,
}

impl<F: Feed> Merged<F> {
    /// The feeds of `feeds`, of which there may be 65,536.
    pub fn new(feeds: impl IntoIterator<Item = F>) -> Self {
        let tracks = feeds.into_iter().enumerate().map(|(place, feed)| Track {
            feed,
            source: SourceId(u16::try_from(place).unwrap_or(u16::MAX)),
            batch: Vec::with_capacity(BATCH),
            at: 0,
            ended: false,
        });
        Self { tracks: tracks.collect(), errors: Vec::new() }
    }

    /// The feeds, in their order.
    pub fn feeds(&self) -> impl Iterator<Item = &F> {
        self.tracks.iter().map(|track| &track.feed)
    }

    /// What else went wrong: [`poll`](Feed::poll) returns the first error, at the end, when the other
    /// feeds have told everything.
    pub fn more_errors(&self) -> &[FeedError] {
        &self.errors
    }

    /// The one feed's events go where they belong without being kept.
    fn pass<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        self.tracks[0].feed.poll(now, names, sink)
    }

    /// Whether every feed has an event to show or none ever again.
    fn refill(&mut self, now: Nanos, names: &mut Directory) -> Ready {
        let mut ready = Ready::Ended;
        for track in &mut self.tracks {
            match track.refill(now, names) {
                Ok(of_track) => ready = ready.min(of_track),
                Err(error) => {
                    self.errors.push(error);
                    // What it decoded before stands.
                    let has_some = if track.batch.is_empty() { Ready::Ended } else { Ready::Full };
                    ready = ready.min(has_some);
                }
            }
        }
        ready
    }

    /// The track with the earliest event, and the key of the next track's: up to there the first one
    /// goes on alone.
    fn earliest(&self) -> Option<(usize, Option<Key>)> {
        let keys = || self.tracks.iter().enumerate().filter_map(|(place, track)| track.key(place));
        let first = keys().min()?;
        Some((first.1, keys().filter(|key| key.1 != first.1).min()))
    }
}

/// By what events are ordered: time, then the feed's place.
type Key = (Nanos, usize);

/// How a track stands, the most pressing first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ready {
    /// It must be polled again before anything can be merged.
    Waiting,
    /// Its next event is there.
    Full,
    /// Nothing is left.
    Ended,
}

impl<F: Feed> Track<F> {
    fn key(&self, place: usize) -> Option<Key> {
        self.batch.get(self.at).map(|event| (event.event_at, place))
    }

    fn refill(&mut self, now: Nanos, names: &mut Directory) -> Result<Ready, FeedError> {
        if self.at < self.batch.len() {
            return Ok(Ready::Full);
        }
        self.batch.clear();
        self.at = 0;
        if self.ended {
            return Ok(Ready::Ended);
        }
        // A turn may yield nothing although the feed works: messages that become no event.
        let mut sink = Bounded { events: &mut self.batch, source: self.source };
        let turn = self.feed.poll(now, names, &mut sink).inspect_err(|_| self.ended = true)?;
        self.ended = turn == FeedTurn::Ended;
        Ok(match (self.batch.is_empty(), self.ended) {
            (false, _) => Ready::Full,
            (true, false) => Ready::Waiting,
            (true, true) => Ready::Ended,
        })
    }
}

impl<F: Feed> Feed for Merged<F> {
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        if self.tracks.len() == 1 {
            return self.pass(now, names, sink);
        }
        let mut room = sink.room().min(BATCH);
        let mut turn = FeedTurn::Idle;
        while room > 0 && self.refill(now, names) != Ready::Waiting {
            let Some((earliest, next)) = self.earliest() else {
                return match self.errors.is_empty() {
                    true => Ok(FeedTurn::Ended),
                    false => Err(self.errors.remove(0)),
                };
            };
            let track = &mut self.tracks[earliest];
            while room > 0
                && let Some(key) = track.key(earliest)
                && next.is_none_or(|next| key < next)
            {
                sink.push(track.batch[track.at]);
                track.at += 1;
                room -= 1;
            }
            turn = FeedTurn::Worked;
        }
        Ok(turn)
    }

    fn tally(&self) -> Tally {
        let mut all = Tally::default();
        self.tracks.iter().for_each(|track| all.add(&track.feed.tally()));
        all
    }
}

/// A track's batch as a sink.
struct Bounded<'a> {
    events: &'a mut Vec<Event>,
    source: SourceId,
}

impl Sink for Bounded<'_> {
    fn room(&mut self) -> usize {
        BATCH - self.events.len()
    }

    fn push(&mut self, event: Event) {
        self.events.push(event.from_source(self.source));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Listed, Turn};
    use super::*;

    /// Times and sources of what comes out, and how it ends.
    fn merge(feeds: Vec<Listed>) -> (Vec<(u64, u16)>, Option<String>) {
        let (mut merged, mut names, mut events) =
            (Merged::new(feeds), Directory::new(1), Vec::new());
        let error = loop {
            match merged.poll(Nanos(0), &mut names, &mut events) {
                Ok(FeedTurn::Ended) => break None,
                Ok(_) => {}
                Err(error) => break Some(error.to_string()),
            }
        };
        (events.iter().map(|event| (event.event_at.0, event.source.0)).collect(), error)
    }

    #[test]
    fn the_earliest_comes_first_and_ties_go_by_feed() {
        let feeds = vec![Listed::at(&[1, 4, 4, 9]), Listed::at(&[2, 4]), Listed::at(&[])];
        let merged = [(1, 0), (2, 1), (4, 0), (4, 0), (4, 1), (9, 0)];
        assert_eq!(merge(feeds), (merged.to_vec(), None));
    }

    #[test]
    fn a_feed_with_nothing_now_holds_the_others_back() {
        let slow = Listed([Turn::At(1), Turn::Idle, Turn::Idle, Turn::At(3)].into());
        let merged = [(1, 0), (2, 1), (3, 0), (5, 1)];
        assert_eq!(merge(vec![slow, Listed::at(&[2, 5])]), (merged.to_vec(), None));
    }

    #[test]
    fn an_error_ends_its_feed_and_is_told_at_the_end() {
        let broken = Listed([Turn::At(1), Turn::Fail].into());
        let (events, error) = merge(vec![broken, Listed::at(&[2, 5])]);
        assert_eq!(events, [(1, 0), (2, 1), (5, 1)]);
        assert_eq!(error.as_deref(), Some("listed: byte 1: is broken"));
    }

    #[test]
    fn further_errors_are_kept() {
        let broken = || Listed([Turn::At(1), Turn::Fail].into());
        let mut merged = Merged::new([broken(), broken()]);
        let (mut names, mut events) = (Directory::new(1), Vec::new());
        while merged.poll(Nanos(0), &mut names, &mut events).is_ok() {}
        assert_eq!((events.len(), merged.more_errors().len()), (2, 1));
    }

    #[test]
    fn one_feed_passes_as_it_is() {
        assert_eq!(merge(vec![Listed::at(&[3, 1])]), (vec![(3, 0), (1, 0)], None));
        assert_eq!(merge(vec![]), (vec![], None));
    }

    #[test]
    fn the_tallies_are_added_up() {
        let merged = Merged::new([Listed::at(&[1]), Listed::at(&[2])]);
        assert_eq!(merged.tally().messages, 2);
    }
}
