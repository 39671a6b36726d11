//! What goes into an arbitration and comes out of it, and what it counts.

use super::SessionId;
use engine_event::Nanos;

/// How long to wait, and how much to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The first message of a session that is wanted: 1, unless those before it are known.
    pub first: u64,
    /// How long messages may be missing before they are asked for again, and then again. The lines of a
    /// venue are seldom further apart than a millisecond: 2 ms.
    pub request_after: Nanos,
    /// How long messages may be missing before they are declared lost: 100 ms.
    pub declare_after: Nanos,
    /// How many messages ahead may be kept; the next power of two counts: 65,536.
    pub messages_max: usize,
    /// How many bytes of them: 4 MiB.
    pub bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            first: 1,
            request_after: Nanos::from_millis(2),
            declare_after: Nanos::from_millis(100),
            messages_max: 65_536,
            bytes_max: 4 << 20,
        }
    }
}

impl Settings {
    const NOTE: &str = "tapewatch waits";

    /// The settings as a recording notes them.
    pub(crate) fn note(&self) -> String {
        let Self { first, request_after, declare_after, messages_max, bytes_max } = self;
        let (request_after, declare_after) = (request_after.0, declare_after.0);
        let note = Self::NOTE;
        format!("{note}: {first} {request_after} {declare_after} {messages_max} {bytes_max}")
    }

    /// The settings of a note; none if it is another one.
    pub(crate) fn from_note(note: &str) -> Option<Self> {
        let mut numbers = note.strip_prefix(Self::NOTE)?.strip_prefix(": ")?.split(' ');
        let mut number = || numbers.next()?.parse::<u64>().ok();
        let (first, request_after, declare_after) = (number()?, number()?, number()?);
        let (messages_max, bytes_max) = (number()?, number()?);
        // A file is not trusted with memory.
        let messages_max = messages_max.clamp(1, Self::MESSAGES_MAX as u64) as usize;
        let bytes_max = bytes_max.min(Self::BYTES_MAX as u64) as usize;
        let (request_after, declare_after) = (Nanos(request_after), Nanos(declare_after));
        Some(Self { first, request_after, declare_after, messages_max, bytes_max })
    }

    /// The most messages that may be asked to be kept.
    pub const MESSAGES_MAX: usize = 1 << 20;
    /// The most bytes that may be asked to be kept.
    pub const BYTES_MAX: usize = 64 << 20;
}

/// Which way a datagram came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Line(pub u8);

impl Line {
    /// The first line.
    pub const A: Line = Line(0);
    /// The second line.
    pub const B: Line = Line(1);
    /// How many lines are counted apart; further ones count as the last.
    pub const COUNT: usize = 4;

    pub(super) fn index(self) -> usize {
        usize::from(self.0).min(Self::COUNT - 1)
    }
}

/// What is next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery<'a> {
    /// A session begins; sequence numbers start anew.
    Session(SessionId),
    /// A message.
    Message {
        /// Its number.
        sequence: u64,
        /// When the datagram that it lay in came.
        received_at: Nanos,
        /// What it says.
        bytes: &'a [u8],
    },
    /// Messages that will not come.
    Gap {
        /// The first one's number.
        first: u64,
        /// How many they are.
        count: u64,
    },
    /// The session has ended, and everything of it was told.
    Ended,
}

/// Messages to be asked for again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Whose messages.
    pub session: SessionId,
    /// The first one's number.
    pub first: u64,
    /// How many.
    pub count: u16,
}

/// What came, and what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// By line.
    pub lines: [LineCounters; Line::COUNT],
    /// Messages told.
    pub delivered: u64,
    /// Messages that had come before.
    pub duplicates: u64,
    /// Messages that came after later ones, and in time.
    pub recovered: u64,
    /// Messages that came after they had been declared lost.
    pub late: u64,
    /// Requests made.
    pub requests: u64,
    /// Messages asked for again, each time that they were.
    pub requested: u64,
    /// Gaps declared.
    pub gaps: u64,
    /// Messages declared lost.
    pub declared: u64,
    /// Gaps declared because no more could be kept.
    pub overruns: u64,
    /// Datagrams of sessions that had ended.
    pub stale: u64,
    /// Datagrams of another session or too far ahead, not believed at first.
    pub doubted: u64,
    /// Datagrams whose messages cannot be numbered.
    pub malformed: u64,
    /// The most messages that were kept at a time.
    pub held_max: u64,
}

impl Counters {
    /// Adds what came in another channel.
    pub fn add(&mut self, other: &Counters) {
        for (mine, theirs) in self.lines.iter_mut().zip(&other.lines) {
            mine.datagrams += theirs.datagrams;
            mine.messages += theirs.messages;
            mine.first += theirs.first;
        }
        self.delivered += other.delivered;
        self.duplicates += other.duplicates;
        self.recovered += other.recovered;
        self.late += other.late;
        self.requests += other.requests;
        self.requested += other.requested;
        self.gaps += other.gaps;
        self.declared = self.declared.saturating_add(other.declared);
        self.overruns += other.overruns;
        self.stale += other.stale;
        self.doubted += other.doubted;
        self.malformed += other.malformed;
        self.held_max = self.held_max.max(other.held_max);
    }
}

/// What one line brought.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LineCounters {
    /// Datagrams.
    pub datagrams: u64,
    /// Messages.
    pub messages: u64,
    /// Messages that this line brought before the others.
    pub first: u64,
}
