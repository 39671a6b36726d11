//! A feed behind the tail of a journal: first what earlier runs have left, then what is new.

use engine_event::body::Gap;
use engine_event::{Directory, Event, Fault, Nanos, SubjectId};
use engine_journal::{JournalFeed, RealDisk};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally, Timing};

/// The tail, then the feed.
pub(crate) struct Continued<F> {
    tail: Option<JournalFeed<RealDisk>>,
    interrupted: Option<Interrupted>,
    feed: F,
}

/// What everybody is told before a live feed goes on: nobody knows what came meanwhile.
struct Interrupted {
    /// Subjects from here on were named, but their definitions are not among the journal's events; known
    /// from the first poll on.
    undefined: Option<u32>,
    at: Nanos,
}

impl<F: Feed> Continued<F> {
    /// A feed behind a tail, or behind nothing.
    pub(crate) fn new(tail: Option<JournalFeed<RealDisk>>, feed: F) -> Self {
        Self { tail, interrupted: None, feed }
    }

    /// The same for a live feed, which cannot be heard again; the last event was at this time.
    pub(crate) fn live(tail: Option<JournalFeed<RealDisk>>, feed: F, at: Nanos) -> Self {
        Self { tail, interrupted: Some(Interrupted { undefined: None, at }), feed }
    }

    /// The feed behind the tail.
    pub(crate) fn feed(&mut self) -> &mut F {
        &mut self.feed
    }

    pub(crate) fn feed_ref(&self) -> &F {
        &self.feed
    }
}

impl<F: Feed> Feed for Continued<F> {
    #[inline]
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        if let Some(interrupted) = &mut self.interrupted {
            // What a checkpoint names was defined before.
            interrupted.undefined.get_or_insert(names.subjects().len() as u32);
        }
        if let Some(tail) = &mut self.tail {
            let turn = tail.poll(now, names, sink)?;
            if turn == FeedTurn::Ended {
                if let Some(interrupted) = &mut self.interrupted {
                    interrupted.undefined = interrupted.undefined.max(Some(tail.defined()));
                }
                self.tail = None;
            }
            return Ok(FeedTurn::Worked);
        }
        if let Some(interrupted) = &mut self.interrupted {
            if interrupted.tell(names, sink) {
                self.interrupted = None;
            }
            return Ok(FeedTurn::Worked);
        }
        self.feed.poll(now, names, sink)
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

impl Interrupted {
    /// As much as there is room for; whether that was all.
    fn tell(&mut self, names: &Directory, sink: &mut impl Sink) -> bool {
        let mut undefined = self.undefined.unwrap_or_default();
        for _ in 0..sink.room() {
            let subject = SubjectId(undefined);
            match names.definition(subject) {
                Some(definition) => sink.push(Event::new(subject, self.at, *definition)),
                None => {
                    let gap = Gap::new(0, 0, Fault::Interrupted);
                    sink.push(Event::new(SubjectId::EVERY, self.at, gap));
                    return true;
                }
            }
            undefined += 1;
            self.undefined = Some(undefined);
        }
        false
    }
}
