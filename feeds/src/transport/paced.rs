//! A feed slowed down to the speed at which its events happened, a multiple of it, or an even rate.
//!
//! When each event is due follows from the first one alone: whoever is late with one does not put off
//! the next. So an event says when it was due, and what is measured from there leaves out nothing of a
//! stall, however few events got through it.

use engine_event::{Directory, Event, Nanos};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally, Timing};
use std::fmt;
use std::str::FromStr;

/// How fast events are released.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Speed {
    /// As fast as they can be taken.
    Max,
    /// So many times as fast as they happened; above 0.
    Times(f64),
    /// So many events a second, one after the other at even distances; above 0.
    Rate(f64),
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
            Speed::Rate(rate) => write!(f, "{rate} events/s"),
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
    /// How many were released since, and when the last of them was due.
    released: u64,
    last_due: Nanos,
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
            released: 0,
            last_due: Nanos(0),
            batch: Vec::with_capacity(BATCH),
            at: 0,
            outcome: None,
        }
    }

    /// The feed that is paced.
    pub fn feed(&self) -> &F {
        &self.feed
    }

    /// How fast it is.
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// How many nanoseconds after one another events were due, on average: none if they were not, or
    /// fewer than two were released.
    pub fn expected_interval(&self) -> Option<f64> {
        let ((started, _), steps) = (self.start?, self.released.checked_sub(1)?);
        match self.speed {
            Speed::Max => None,
            Speed::Rate(rate) => Some(1e9 / rate),
            Speed::Times(_) if steps == 0 => None,
            Speed::Times(_) => Some(self.last_due.since(started).0 as f64 / steps as f64),
        }
    }

    /// When an event is due, the next to be released; none if at once.
    fn due(&mut self, event: &Event, now: Nanos) -> Option<Nanos> {
        if event.event_at < self.begins {
            return None;
        }
        let (started, first) = *self.start.get_or_insert((now, event.event_at));
        let after = match self.speed {
            Speed::Max => return None,
            Speed::Times(times) => event.event_at.since(first).0 as f64 / times,
            Speed::Rate(rate) => self.released as f64 * 1e9 / rate,
        };
        Some(started + Nanos(after.ceil() as u64))
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
            match self.due(&event, now) {
                None => sink.push(event),
                Some(due) if due > now => break,
                Some(due) => {
                    sink.push_due(event, due);
                    self.released += 1;
                    self.last_due = due;
                }
            }
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
            Speed::Times(_) | Speed::Rate(_) => self.release(now, names, sink),
        }
    }

    fn tally(&self) -> Tally {
        self.feed.tally()
    }

    fn tally_into(&self, all: &mut Tally) {
        self.feed.tally_into(all);
    }

    fn timing(&self) -> Timing {
        match self.speed {
            Speed::Max => self.feed.timing(),
            Speed::Times(_) | Speed::Rate(_) => Timing::Due,
        }
    }

    fn tells_its_end(&self) -> bool {
        self.feed.tells_its_end()
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
    fn a_rate_puts_events_at_even_distances_whatever_their_times() {
        let times = [5, 5, 6, 1_000_000, 2];
        let rate = Speed::Rate(100_000_000.0); // one in 10 ns
        assert_eq!(released(rate, &times, &[7, 16, 17, 36, 37, 47]), [1, 1, 2, 3, 4, 5]);
    }

    /// A sink that notes when events were due.
    struct Dues(Vec<Option<u64>>);

    impl Sink for Dues {
        fn room(&mut self) -> usize {
            2
        }

        fn push(&mut self, _: Event) {
            self.0.push(None);
        }

        fn push_due(&mut self, _: Event, due: Nanos) {
            self.0.push(Some(due.0));
        }
    }

    #[test]
    fn who_is_late_does_not_put_off_the_next() {
        let dues = |speed| {
            let mut paced = Paced::from(Listed::at(&[1, 10, 20, 30, 40]), speed, Nanos(10));
            let (mut names, mut sink) = (Directory::new(1), Dues(Vec::new()));
            for now in [100, 100, 1000, 1000, 2000, 2000] {
                paced.poll(Nanos(now), &mut names, &mut sink).unwrap();
            }
            (sink.0, paced.expected_interval())
        };
        let twice = vec![None, Some(100), Some(105), Some(110), Some(115)];
        assert_eq!(dues(Speed::Times(2.0)), (twice, Some(5.0)));
        let rate = vec![None, Some(100), Some(102), Some(104), Some(106)];
        assert_eq!(dues(Speed::Rate(5e8)), (rate, Some(2.0)));
        assert_eq!(dues(Speed::Max), (vec![None; 5], None));
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
