//! What is wrong with a journal, and where.

use std::fmt;
use std::io;
use std::ops::Range;

/// Something that is not as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Which bytes of the segment it concerns; none, if something is missing between two bytes.
    pub bytes: Range<u64>,
    /// Which blocks are damaged, missing or out of place, as far as it can be known.
    pub blocks: Option<Span>,
    /// Which events (or records of the alert log) they hold, as far as it can be known.
    pub events: Option<Span>,
    /// What is wrong.
    pub check: Check,
}

impl Damage {
    /// Damage of which no more is known than its place.
    pub(crate) fn at(bytes: Range<u64>, check: Check) -> Self {
        Self { bytes, blocks: None, events: None, check }
    }
}

/// Numbers that follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first.
    pub first: u64,
    /// The last, if it is known.
    pub last: Option<u64>,
}

impl Span {
    /// So many numbers from this one on; `None`, if it is none.
    pub fn of(first: u64, count: u64) -> Option<Self> {
        (count > 0).then(|| Self { first, last: Some(first.saturating_add(count - 1)) })
    }

    /// Numbers from this one on, before that one; `None`, if there is none.
    pub fn before(first: u64, next: u64) -> Option<Self> {
        Self::of(first, next.saturating_sub(first))
    }

    /// This number and nobody knows how many after it.
    pub fn from(first: u64) -> Self {
        Self { first, last: None }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) if last == self.first => write!(f, "{last}"),
            Some(last) => write!(f, "{}–{last}", self.first),
            None => write!(f, "{} and on", self.first),
        }
    }
}

/// The check that failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Check {
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Read(io::ErrorKind),
    /// Page 0 does not begin as a segment does.
    #[error("does not begin as a segment does")]
    NoSegment,
    /// Page 0 is of another version.
    #[error("the format's version is {0}, and not one that is known here")]
    Version(u32),
    /// Page 0 does not have its hash, or says what cannot be.
    #[error("the segment's header does not have its hash")]
    SegmentHeader,
    /// The file ends within a header or a block.
    #[error("the file ends within it")]
    Cut,
    /// No block begins here.
    #[error("no block begins here: its header does not have its checksum")]
    BlockHeader,
    /// A header is whole, but no block can be so long, or of such a kind.
    #[error("a block's header says what cannot be")]
    Impossible,
    /// Zeros, and blocks behind them.
    #[error("zeros where a block should be")]
    Zeros,
    /// An event does not have its checksum.
    #[error("event {0} does not have its checksum")]
    Event(u64),
    /// A side record does not have its checksum, or is not formed as one.
    #[error("side record {0} does not have its checksum")]
    Side(u32),
    /// Every record has its checksum, but the block does not have its hash.
    #[error("the block does not have its hash, although its records have their checksums")]
    Hash,
    /// Within a block, an event's number or time is not what its header says.
    #[error("event {0} has another number or time than its block says")]
    Inside(u64),
    /// Zeros up to the next page are no zeros.
    #[error("not zero behind its end")]
    Padding,
    /// Another block than the one that should be here.
    #[error("block {found} where block {expected} should be")]
    Order {
        /// Which block should be here.
        expected: u64,
        /// Which block is here.
        found: u64,
    },
    /// A block does not follow from the one before.
    #[error("does not hold the hash of the block before")]
    Chain,
    /// A block's first event does not follow on the one before.
    #[error("begins with number {found} where {expected} should follow")]
    Numbers {
        /// The number that should follow.
        expected: u64,
        /// The number that is here.
        found: u64,
    },
    /// A seal says something else than what the segment holds.
    #[error("the seal does not say what the segment holds")]
    Seal,
    /// A seal is not signed by the segment's key.
    #[error("the seal is not signed by the segment's key")]
    SealSignature,
    /// There is something behind the seal.
    #[error("there is something behind the seal")]
    BehindSeal,
    /// A frame of a compressed segment is damaged; these bytes of the file.
    #[error("bytes {}..{} of the compressed file are damaged", .0.start, .0.end)]
    Frame(Range<u64>),
    /// The seek table of a compressed segment does not say what its frames hold; these bytes of the file.
    #[error("bytes {}..{} of the compressed file should be its seek table", .0.start, .0.end)]
    SeekTable(Range<u64>),
    /// Segments are missing.
    #[error("missing: segment {0}")]
    Missing(Span),
    /// The next segment goes on from a block that is not here.
    #[error("segment {segment} goes on from block {block}, which is not here or has another hash")]
    GoesOn {
        /// The next segment.
        segment: u64,
        /// The block.
        block: u64,
    },
    /// A segment is another one, or of another stream, than its file's name says.
    #[error("this is segment {0}, or of another stream")]
    Place(u64),
    /// A segment or a head is of another journal.
    #[error("belongs to another journal")]
    OtherJournal,
    /// A segment or a head names another key than the one that is trusted.
    #[error("signed by another key than the one that is trusted")]
    Key,
    /// There is no head.
    #[error("missing: without it nobody knows whether segments are missing at the end")]
    NoHead,
    /// A head is none.
    #[error("is no head of this stream")]
    Head,
    /// A head is not signed by its key.
    #[error("the head is not signed by its key")]
    HeadSignature,
    /// The head knows nothing of a segment.
    #[error("the head says that there is no such segment")]
    Unannounced,
    /// The newest segment is not the one that the head names.
    #[error("not the segment that the head names as the newest")]
    OtherNewest,
    /// The head says how the stream was closed, and it does not end so.
    #[error("does not end with the seal that the head names")]
    NotClosed,
    /// The alert log says that an event is durable that is not there.
    #[error("says that event {0} is durable, and it is not in the journal")]
    Durable(u64),
    /// There are no events.
    #[error("there is no segment")]
    NoSegments,
}
