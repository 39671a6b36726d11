//! A feed out of a list, for the tests of what stands between feeds and sinks.

use engine_event::{Directory, Event, Nanos, SubjectId, body::Headline};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally};
use std::collections::VecDeque;

/// What a poll of a [`Listed`] does.
pub(crate) enum Turn {
    /// An event at this time.
    At(u64),
    /// Nothing.
    Idle,
    /// The end, with an error.
    Fail,
}

/// A feed that does what its list says, one turn a poll.
pub(crate) struct Listed(pub(crate) VecDeque<Turn>);

impl Listed {
    pub(crate) fn at(times: &[u64]) -> Self {
        Self(times.iter().map(|time| Turn::At(*time)).collect())
    }
}

impl Feed for Listed {
    fn poll<S: Sink>(
        &mut self,
        _: Nanos,
        _: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        match self.0.pop_front() {
            None => return Ok(FeedTurn::Ended),
            Some(Turn::Idle) => return Ok(FeedTurn::Idle),
            Some(Turn::At(time)) => {
                sink.push(Event::new(SubjectId(0), Nanos(time), Headline::new(0)));
            }
            Some(Turn::Fail) => {
                let (place, what) = ("byte 1".to_owned(), "is broken".to_owned());
                return Err(FeedError::Data { file: "listed".into(), place, what });
            }
        }
        Ok(FeedTurn::Worked)
    }

    fn tally(&self) -> Tally {
        Tally { messages: 1, ..Tally::default() }
    }
}
