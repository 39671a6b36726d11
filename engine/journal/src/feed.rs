//! A journal as a feed: the same events under the same numbers, for a replay, a restart, or a follower.

use crate::reader::Reader;
use crate::{Disk, RecoveryError};
use engine_audit::Block;
use engine_audit::layout::{Stream, side};
use engine_event::body::{Definition, Gap};
use engine_event::{Directory, DirectoryFull, Event, Fault, Kind, Nanos, SubjectId};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally};
use std::path::{Path, PathBuf};
use zerocopy::FromBytes;

/// Events of a journal, in their order.
///
/// Numbers that the journal does not hold (holes) are filled, so that all others keep theirs: with a gap
/// about every subject, then with events that mean nothing.
pub struct JournalFeed<D: Disk> {
    reader: Reader<D>,
    journal: PathBuf,
    /// Events of the block that was read last, of which `at` are gone.
    events: Vec<Event>,
    at: usize,
    /// Names that go with them.
    names: Vec<(u16, Vec<u8>)>,
    /// The number that comes next.
    next: u64,
    /// No event after this number is told.
    until: u64,
    /// Whether there may be more when there is none now.
    follows: bool,
    last_at: Nanos,
    tally: Tally,
    /// Numbers that were filled.
    left_out: u64,
    /// Whether the last one was.
    in_hole: bool,
    /// Subjects up to here were defined by what was read.
    defined: u32,
    only: Option<Only>,
}

impl<D: Disk> JournalFeed<D> {
    /// Events after this number. What names they use must be known where it is not 0.
    pub fn open(disk: D, journal: &Path, after: u64) -> Result<Self, RecoveryError> {
        let mut reader = Reader::open(disk, journal, Stream::Events, after + 1)?;
        let first = reader.first()?;
        if let Some(first) = first.filter(|first| *first > after + 1) {
            let what = format!("events {}–{} are not kept any more", after + 1, first - 1);
            return Err(RecoveryError::Missing { path: journal.to_path_buf(), what });
        }
        Ok(Self {
            reader,
            journal: journal.to_path_buf(),
            events: Vec::new(),
            at: 0,
            names: Vec::new(),
            next: after + 1,
            until: u64::MAX,
            follows: false,
            last_at: Nanos(0),
            tally: Tally::default(),
            left_out: 0,
            in_hole: false,
            defined: 0,
            only: None,
        })
    }

    /// The same up to this number.
    #[must_use]
    pub fn until(self, until: u64) -> Self {
        Self { until, ..self }
    }

    /// Only events about these subjects, or about every subject, under numbers of their own. An
    /// instrument's name stands for its subjects at all venues.
    #[must_use]
    pub fn only(self, symbols: Vec<String>) -> Self {
        Self { only: Some(Only { symbols, wanted: Vec::new() }), ..self }
    }

    /// The journal's id; `None` for one that holds nothing.
    pub fn id(&self) -> Option<[u8; 16]> {
        self.reader.id()
    }

    /// The same for a journal that is being written: it is never at its end.
    #[must_use]
    pub fn following(self) -> Self {
        Self { follows: true, until: 0, ..self }
    }

    /// A follower may go on up to this number.
    pub fn allow(&mut self, until: u64) {
        self.until = until;
    }

    /// The number that comes next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How many subjects the events that were read define, counted from the first one's id.
    pub fn defined(&self) -> u32 {
        self.defined
    }

    /// How many events are missing in what was read.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Reads the next block; `false` if there is none now.
    fn read(&mut self) -> Result<bool, FeedError> {
        let Self { reader, events, names, .. } = self;
        events.clear();
        let look = |_: &Path, block: &Block<'_>| {
            events.extend_from_slice(bytemuck::cast_slice(block.events()));
            let known = |kind: &u16| (side::SUBJECT..=side::METRIC).contains(kind);
            let sides = block.sides().filter(|(kind, _)| known(kind));
            names.extend(sides.map(|(kind, body)| (kind, body.to_vec())));
        };
        self.at = 0;
        let read = reader.next(look).map_err(|error| self.broken(&error))?;
        // Of the first block, what comes after the place at which it begins.
        self.at = self.events.partition_point(|event| event.seq < self.next);
        Ok(read.is_some())
    }

    fn broken(&self, error: &RecoveryError) -> FeedError {
        match error {
            RecoveryError::Io { path, error } => FeedError::Io {
                file: path.clone(),
                reason: std::io::Error::new(error.kind(), error.to_string()),
            },
            RecoveryError::Damaged { path, damage } => FeedError::Data {
                file: path.clone(),
                place: format!("byte {}", damage.bytes.start),
                what: damage.check.to_string(),
            },
            RecoveryError::Missing { path, what } => FeedError::Data {
                file: path.clone(),
                place: format!("event {}", self.next),
                what: what.clone(),
            },
        }
    }

    fn learn(&mut self, names: &mut Directory) -> Result<(), FeedError> {
        for (kind, body) in std::mem::take(&mut self.names) {
            let learned = learn(names, kind, &body);
            learned.map_err(|what| FeedError::Data {
                file: self.journal.clone(),
                place: format!("event {}", self.next),
                what,
            })?;
        }
        Ok(())
    }
}

/// Enters a name that a side record tells.
fn learn(names: &mut Directory, kind: u16, body: &[u8]) -> Result<(), String> {
    let full = |error: DirectoryFull| error.to_string();
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| "a name is no text".to_string());
    match kind {
        side::SUBJECT => {
            let (definition, name) = Definition::read_from_prefix(body)
                .map_err(|_| "a subject without a definition".to_string())?;
            names.define(text(name)?, definition).map(drop).map_err(full)
        }
        side::PARTICIPANT => names.participants.intern(text(body)?).map(drop).map_err(full),
        side::VENUE => names.venues.intern(text(body)?).map(drop).map_err(full),
        side::METRIC => names.metrics.intern(text(body)?).map(drop).map_err(full),
        _ => Ok(()),
    }
}

impl<D: Disk> Feed for JournalFeed<D> {
    fn poll<S: Sink>(
        &mut self,
        _: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        let mut room = sink.room();
        let ended = if self.follows { FeedTurn::Idle } else { FeedTurn::Ended };
        while room > 0 {
            if self.next > self.until {
                return Ok(ended);
            }
            let Some(event) = self.events.get(self.at).copied() else {
                let read = self.read()?;
                self.learn(names)?;
                if read {
                    continue;
                }
                return Ok(ended);
            };
            if event.seq > self.next {
                let begins = !std::mem::replace(&mut self.in_hole, true);
                sink.push(filler(self.next, event.seq - self.next, begins, self.last_at));
                self.tally.gaps += u64::from(begins);
                self.left_out += 1;
            } else {
                self.in_hole = false;
                if event.kind() == Kind::Define {
                    self.defined = self.defined.max(event.subject.0 + 1);
                }
                self.last_at = event.event_at;
                self.tally.message(event.kind() as u8, event.event_at);
                self.tally.bytes += size_of::<Event>() as u64;
                self.at += 1;
                if self.only.as_mut().is_some_and(|only| !only.wants(event.subject, names)) {
                    self.next += 1;
                    continue;
                }
                sink.push(event);
            }
            self.next += 1;
            room -= 1;
        }
        Ok(FeedTurn::Worked)
    }

    fn tally(&self) -> Tally {
        self.tally.clone()
    }

    fn tells_its_end(&self) -> bool {
        true
    }
}

/// The subjects that are wanted.
struct Only {
    symbols: Vec<String>,
    /// By subject, as far as they are known.
    wanted: Vec<bool>,
}

impl Only {
    fn wants(&mut self, subject: SubjectId, names: &Directory) -> bool {
        if subject == SubjectId::EVERY {
            return true;
        }
        for known in self.wanted.len()..=subject.index() {
            let known = SubjectId(known as u32);
            let (name, instrument) = (names.name(known), names.instrument(known));
            self.wanted.push(self.symbols.iter().any(|one| one == name || one == instrument));
        }
        self.wanted[subject.index()]
    }
}

/// What stands for an event that the journal does not hold.
fn filler(seq: u64, missing: u64, begins: bool, at: Nanos) -> Event {
    let gap = Event::new(SubjectId::EVERY, at, Gap::new(seq, missing, Fault::Missing));
    if begins { gap } else { gap.with_kind(Kind::Unknown) }
}
