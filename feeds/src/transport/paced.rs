//! A feed slowed down to the speed at which its events happened, or a multiple of it.

use engine_event::{Directory, Event, Nanos};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally};
use std::fmt;
use std::str::FromStr;

/// How fast events are released.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Speed {
    /// As fast as they can be taken.
    Max,
    /// So many times as fast as they happened; above 0.
    Times(f64),
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        let times = text.parse().ok().filter(|times: &f64| times.is_finite() && *times > 0.0);
        times
            .map(Speed::Times)
            .ok_or_else(|| format!("\"{text}\" is neither max nor a number above 0"))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speed::Max => f.write_str("max"),
            Speed::Times(times) => times.fmt(f),
        }
    }
}

/// How many events are decoded ahead.
const BATCH: usize = 256;

/// A feed whose events are due when their time has passed since the first one, by the `now` that
/// [`poll`](Feed::poll) is given. Only what is due is released, in the feed's own order.
#[derive(Debug)]
pub struct Paced<F> {
    feed: F,
    speed: Speed,
    /// What happened before is released at once.
    begins: Nanos,
    /// When the first event after that was released, and its own time.
    start: Option<(Nanos, Nanos)>,
    batch: Vec<Event>,
    at: usize,
    /// What the feed said last, once it will not be polled again.
    outcome: Option<Result<(), FeedError>>,
}

impl<F: Feed> Paced<F> {
    /// `feed` at `speed`.
    pub fn new(feed: F, speed: Speed) -> Self {
        Self::from(feed, speed, Nanos(0))
    }

    /// `feed` at `speed`, but what happened before `begins` as fast as it can be taken.
    pub fn from(feed: F, speed: Speed, begins: Nanos) -> Self {
        Self {
            feed,
            speed,
            begins,
            start: None,
            batch: Vec::with_capacity(BATCH),
            at: 0,
            outcome: None,
        }
    }

    /// The feed that is paced.
    pub fn feed(&self) -> &F {
        &self.feed
    }

    fn is_due(&mut self, event: &Event, now: Nanos, times: f64) -> bool {
        if event.event_at < self.begins {
            return true;
        }
        let (started, first) = *self.start.get_or_insert((now, event.event_at));
        let passed = now.since(started).0 as f64 * times;
        event.event_at.since(first).0 as f64 <= passed
    }

    /// Decodes the next events; says whether the feed has more to do now.
    fn refill(&mut self, now: Nanos, names: &mut Directory) -> FeedTurn {
        self.batch.clear();
        self.at = 0;
        match self.feed.poll(now, names, &mut Bounded(&mut self.batch)) {
            Ok(FeedTurn::Ended) => self.outcome = Some(Ok(())),
            Ok(turn) => return turn,
            Err(error) => self.outcome = Some(Err(error)),
        }
        FeedTurn::Worked
    }

    fn release<S: Sink>(
        &mut self,
        times: f64,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        let mut turn = FeedTurn::Idle;
        if self.at == self.batch.len() {
            turn = match self.outcome.take() {
                None => self.refill(now, names),
                Some(Ok(())) => return Ok(FeedTurn::Ended),
                Some(Err(error)) => return Err(error),
            };
        }
        for _ in 0..sink.room() {
            let Some(&event) = self.batch.get(self.at) else { break };
            if !self.is_due(&event, now, times) {
                break;
            }
            sink.push(event);
            self.at += 1;
            turn = FeedTurn::Worked;
        }
        Ok(turn)
    }
}

impl<F: Feed> Feed for Paced<F> {
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        match self.speed {
            Speed::Max => self.feed.poll(now, names, sink),
            Speed::Times(times) => self.release(times, now, names, sink),
        }
    }

    fn tally(&self) -> Tally {
        self.feed.tally()
    }
}

struct Bounded<'a>(&'a mut Vec<Event>);

impl Sink for Bounded<'_> {
    fn room(&mut self) -> usize {
        BATCH - self.0.len()
    }

    fn push(&mut self, event: Event) {
        self.0.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Listed, Turn};
    use super::*;

    /// How many events are out after polling until nothing more comes at each of these times.
    fn released(speed: Speed, times: &[u64], nows: &[u64]) -> Vec<usize> {
        let mut paced = Paced::new(Listed::at(times), speed);
        let (mut names, mut events) = (Directory::new(1), Vec::new());
        let out = |now: &u64| {
            while paced.poll(Nanos(*now), &mut names, &mut events).unwrap() == FeedTurn::Worked {}
            events.len()
        };
        nows.iter().map(out).collect()
    }

    #[test]
    fn events_come_when_their_time_has_passed() {
        let times = [1_000_000, 1_000_010, 1_000_020];
        assert_eq!(released(Speed::Times(1.0), &times, &[7, 16, 17, 26, 27]), [1, 1, 2, 2, 3]);
        assert_eq!(released(Speed::Times(2.0), &times, &[7, 11, 12, 17]), [1, 1, 2, 3]);
        assert_eq!(released(Speed::Max, &times, &[7]), [3]);
    }

    #[test]
    fn what_was_before_the_beginning_is_there_at_once() {
        let feed = Listed::at(&[10, 1_000_000, 1_000_010]);
        let mut paced = Paced::from(feed, Speed::Times(1.0), Nanos(1_000_000));
        let (mut names, mut events) = (Directory::new(1), Vec::new());
        let mut out = |now| {
            while paced.poll(Nanos(now), &mut names, &mut events).unwrap() == FeedTurn::Worked {}
            events.len()
        };
        assert_eq!([out(7), out(16), out(17)], [2, 2, 3]);
    }

    #[test]
    fn an_error_comes_after_what_was_before_it() {
        let feed = Listed([Turn::At(5), Turn::Fail].into());
        let mut paced = Paced::new(feed, Speed::Times(1.0));
        let (mut names, mut events) = (Directory::new(1), Vec::new());
        let mut poll = || paced.poll(Nanos(0), &mut names, &mut events);
        assert_eq!(poll().unwrap(), FeedTurn::Worked);
        assert_eq!(poll().unwrap(), FeedTurn::Worked);
        assert!(poll().is_err());
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn a_speed_is_a_word_or_a_number() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("2.5".parse(), Ok(Speed::Times(2.5)));
        for text in ["0", "-1", "NaN", "inf", "fast", ""] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }
}
