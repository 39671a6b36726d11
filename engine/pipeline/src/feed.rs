//! Where events come from, and where they go next.

use engine_event::body::Gap;
use engine_event::{Directory, Event, Fault, FaultCounts, Nanos, SubjectId};
use std::path::PathBuf;
use thiserror::Error;

/// Where a feed puts its events: the sequencer's ring slot, a batch to be merged, a test's vector.
pub trait Sink {
    /// How many events may be pushed now.
    fn room(&mut self) -> usize;

    /// Takes an event. The caller has asked for [`room`](Self::room).
    fn push(&mut self, event: Event);

    /// Takes an event that should have been here at `due`, by the clock of whoever polls the feed: it
    /// may be late, and a sink that measures counts that in.
    #[inline]
    fn push_due(&mut self, event: Event, due: Nanos) {
        let _ = due;
        self.push(event);
    }
}

impl Sink for Vec<Event> {
    fn room(&mut self) -> usize {
        usize::MAX - self.len()
    }

    fn push(&mut self, event: Event) {
        Vec::push(self, event);
    }
}

/// A source of events that is polled: a file, a socket, a generator.
pub trait Feed: Send {
    /// Decodes what is there, at most as much as the sink has room for. New names go into the
    /// directory, each followed by its `Define` event.
    ///
    /// After an error or [`FeedTurn::Ended`] the feed is not polled again; what it pushed before
    /// stands. One that breaks off has told so itself, for it knows when: the last event that it pushed
    /// is [`Tally::broken_off`].
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError>;

    /// What was read so far.
    fn tally(&self) -> Tally;

    /// Adds what was read so far to a tally that is there already: for whoever asks now and then, while
    /// events pass. Feeds that run for long do so without allocating.
    fn tally_into(&self, all: &mut Tally) {
        all.add(&self.tally());
    }

    /// Whether the end of the stream is among its events, if there is one: then the source adds none when
    /// the feed has ended.
    fn tells_its_end(&self) -> bool {
        false
    }

    /// What is known of when its events should have been here.
    fn timing(&self) -> Timing {
        Timing::AsRead
    }
}

/// What is known of when a feed's events should have been here: where their latency begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timing {
    /// Nothing: they are there when they are read.
    AsRead,
    /// `received_at` is when the kernel or the network card of this machine had them, by its time of day.
    Received,
    /// They are paced, and say [when they were due](Sink::push_due).
    Due,
}

/// What came of polling a feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeedTurn {
    /// It did something: there may be more at once.
    Worked,
    /// Nothing to do now.
    Idle,
    /// There will never be more.
    Ended,
}

/// What a feed has read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Messages of the source's format, whether or not they became events.
    pub messages: u64,
    /// Bytes read, as they lie in the source (compressed ones count as such).
    pub bytes: u64,
    /// Messages by the format's type byte; formats without one use [`Event::kind`]'s number.
    pub by_type: Box<[u64; 256]>,
    /// Messages of a type that the codec does not know.
    pub unknown: u64,
    /// Gaps declared.
    pub gaps: u64,
    /// What was wrong with messages.
    pub faults: FaultCounts,
    /// The first few faults, for a person: what and where.
    pub first_faults: Vec<(Fault, u64)>,
    /// The first message's time.
    pub first_at: Option<Nanos>,
    /// The latest message's time.
    pub last_at: Option<Nanos>,
}

impl Tally {
    /// How many faults are remembered one by one.
    pub const FIRST_FAULTS_MAX: usize = 8;

    /// Counts a message of `kind` at `at`.
    #[inline]
    pub fn message(&mut self, kind: u8, at: Nanos) {
        self.messages += 1;
        self.by_type[usize::from(kind)] += 1;
        self.first_at.get_or_insert(at);
        self.last_at = self.last_at.max(Some(at));
    }

    /// Counts a fault at `place`: a byte offset, a line or a sequence number.
    pub fn fault(&mut self, fault: Fault, place: u64) {
        self.faults.count(fault);
        if self.first_faults.len() < Self::FIRST_FAULTS_MAX {
            self.first_faults.push((fault, place));
        }
    }

    /// Counts that the input breaks off at `place`, unless it is a fault already that ends it; the gap by
    /// which everybody is told that the rest is missing.
    pub fn broken_off(&mut self, place: u64, is_counted: bool) -> Event {
        if !is_counted {
            self.fault(Fault::Truncated, place);
        }
        self.gaps += 1;
        let missing = Gap::new(place, 0, Fault::Truncated);
        Event::new(SubjectId::EVERY, self.last_at.unwrap_or_default(), missing)
    }

    /// Forgets what was read, and keeps the memory.
    pub fn clear(&mut self) {
        let Self { messages, bytes, by_type, unknown, gaps, faults, .. } = self;
        [messages, bytes, unknown, gaps].into_iter().for_each(|count| *count = 0);
        by_type.fill(0);
        *faults = FaultCounts::default();
        self.first_faults.clear();
        (self.first_at, self.last_at) = (None, None);
    }

    /// Adds what another feed read.
    pub fn add(&mut self, other: &Tally) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        for (mine, theirs) in self.by_type.iter_mut().zip(other.by_type.iter()) {
            *mine += theirs;
        }
        self.unknown += other.unknown;
        self.gaps += other.gaps;
        self.faults.add(&other.faults);
        let left = Self::FIRST_FAULTS_MAX.saturating_sub(self.first_faults.len());
        self.first_faults.extend(other.first_faults.iter().take(left));
        self.first_at = [self.first_at, other.first_at].into_iter().flatten().min();
        self.last_at = self.last_at.max(other.last_at);
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            messages: 0,
            bytes: 0,
            by_type: Box::new([0; 256]),
            unknown: 0,
            gaps: 0,
            faults: FaultCounts::default(),
            first_faults: Vec::with_capacity(Self::FIRST_FAULTS_MAX),
            first_at: None,
            last_at: None,
        }
    }
}

/// Why a feed cannot go on. One line for a person: what, where, what was expected.
#[derive(Debug, Error)]
pub enum FeedError {
    /// The input does not follow its format, beyond repair from here on.
    #[error("{}: {place}: {what}", file.display())]
    Data {
        /// The file.
        file: PathBuf,
        /// Where in it: `byte 1234`, `line 12`.
        place: String,
        /// What is wrong, what was expected.
        what: String,
    },
    /// The machine did not give what was asked of it.
    #[error("{}: {reason}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The machine's reason: told in the same line, so it is no cause to be told behind it.
        reason: std::io::Error,
    },
}

impl FeedError {
    /// Whether the data is to blame (and not the machine).
    pub fn is_data(&self) -> bool {
        matches!(self, FeedError::Data { .. })
    }
}
