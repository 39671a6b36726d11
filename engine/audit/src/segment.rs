//! One segment's file, read to its end.

use crate::blocks::{Block, Blocks, End, Next};
use crate::compressed::{Decompressed, SeekTable};
use crate::damage::{Check, Damage, Span};
use crate::layout::{Hash, SegmentHeader, Stream, side};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use zerocopy::FromBytes;
use zerocopy::little_endian::U64;

/// The most damages that are kept; the others are counted.
pub const DAMAGES_KEPT: usize = 10_000;
/// The most holes that are kept of a segment; the numbers that are missing are counted.
pub const HOLES_KEPT: usize = 10_000;

/// What there is in a segment, as far as it is whole and part of the journal.
#[derive(Clone, Default, Debug)]
pub struct Segment {
    /// Its number, by its file's name.
    pub number: u64,
    /// Its file, within the journal's folder.
    pub file: String,
    /// Length of the file.
    pub file_bytes: u64,
    /// Length of what it holds, without what is left behind and without zeros at its end.
    pub bytes: u64,
    /// Whether it is compressed.
    pub is_compressed: bool,
    /// Whether it has a seal.
    pub is_sealed: bool,
    /// When it was opened.
    pub opened_at: u64,
    /// When its last block was written.
    pub written_at: u64,
    /// The writer's version.
    pub writer: String,
    /// Whole blocks.
    pub blocks: u64,
    /// Events in them; in the alert log records.
    pub events: u64,
    /// Number of the first; 0, if it is not known.
    pub first: u64,
    /// The number that comes next.
    pub next: u64,
    /// Least and greatest event time.
    pub times: Option<(u64, u64)>,
    /// First and last of numbers that were not journaled.
    pub holes: Vec<(u64, u64)>,
    /// How many numbers that are.
    pub missing: u64,
    /// What lies behind the block that the next segment goes on from.
    pub left_behind: Option<Range<u64>>,
    /// A damaged end as a crash leaves it: it was never durable, and is not part of the journal.
    pub torn: Option<Damage>,
    /// Number of its last whole block.
    pub last_block: u64,
    /// Hash of its last block, or of its header.
    pub(crate) hash: Hash,
    /// How far it was read: with zeros at its end.
    pub(crate) read_bytes: u64,
    /// The furthest event that a record of the alert log calls durable, and the block that does.
    pub(crate) durable: Option<(u64, Range<u64>, u64)>,
}

/// Damages, with the file that each is in.
#[derive(Clone, Debug)]
pub struct Found {
    /// The file, within the journal's folder.
    pub file: String,
    /// What is wrong with it.
    pub damage: Damage,
}

/// Some of the damages, and how many there are.
#[derive(Clone, Default, Debug)]
pub(crate) struct Damages {
    pub(crate) kept: Vec<Found>,
    pub(crate) count: u64,
}

impl Damages {
    pub(crate) fn push(&mut self, file: &str, damage: Damage, kept: &AtomicUsize) {
        self.count += 1;
        if kept.fetch_add(1, Relaxed) < DAMAGES_KEPT {
            self.kept.push(Found { file: file.to_string(), damage });
        }
    }
}

/// A segment that is to be read.
pub(crate) struct Task {
    pub(crate) stream: Stream,
    pub(crate) number: u64,
    /// Its file, within the journal's folder.
    pub(crate) file: String,
    pub(crate) is_compressed: bool,
    /// Its header, or what is known of it from elsewhere.
    pub(crate) header: Box<SegmentHeader>,
    pub(crate) is_header_whole: bool,
    /// How many of its blocks count, and the hash of the last, by the next segment's header.
    pub(crate) until: Option<(u64, Hash)>,
    /// The number that the next segment begins with.
    pub(crate) next: Option<u64>,
    /// It is the newest, and nothing says that it was closed.
    pub(crate) may_be_torn: bool,
}

/// A segment's file, whatever its form.
pub(crate) enum Source {
    Plain(File),
    Compressed(Box<Decompressed<File>>),
}

impl Source {
    pub(crate) fn open(path: &Path, is_compressed: bool) -> io::Result<Self> {
        let mut file = File::open(path)?;
        if !is_compressed {
            return Ok(Source::Plain(file));
        }
        let table = SeekTable::read(&mut file)?;
        Ok(Source::Compressed(Box::new(Decompressed::new(file, table)?)))
    }

    fn damages(&mut self) -> Vec<Damage> {
        match self {
            Source::Plain(_) => Vec::new(),
            Source::Compressed(frames) => frames.damages(),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Plain(file) => file.read(buffer),
            Source::Compressed(frames) => frames.read(buffer),
        }
    }
}

/// Reads a segment to its end, shows each whole block, and tells of each damage.
pub(crate) fn read(
    journal: &Path,
    task: &Task,
    show: &(dyn Fn(Stream, u64, &Block) + Sync),
    mut tell: impl FnMut(Damage),
) -> io::Result<Segment> {
    let path = journal.join(&task.file);
    let source = Source::open(&path, task.is_compressed)?;
    let mut blocks = match task.is_header_whole {
        // The header was read a moment ago; if it is another one now, all that follows is.
        true => match Blocks::open(source) {
            Ok(blocks) => blocks,
            Err(_) => Blocks::open_damaged(Source::open(&path, task.is_compressed)?, *task.header),
        },
        false => Blocks::open_damaged(source, *task.header),
    };
    let mut segment = Segment::new(task, path.metadata()?.len());
    let mut is_reached = task.until == Some((0, task.header.hash));
    let mut torn: Option<Torn> = None;
    loop {
        // Behind a seal there should be nothing to leave behind.
        let is_over = is_reached && !segment.is_sealed;
        match blocks.next() {
            Next::Block(block) if is_over => {
                let end = block.at + block.header.padded_bytes() as u64;
                segment.leave_behind(block.at..end);
            }
            Next::Damage(damage) if is_over => segment.leave_behind(damage.bytes),
            Next::Damage(damage) if task.may_be_torn => match &mut torn {
                Some(torn) => torn.add(damage),
                None => torn = Some(Torn { before: segment.clone(), damages: vec![damage] }),
            },
            Next::Damage(damage) => tell(damage),
            Next::Block(block) => {
                if let Some(torn) = torn.take_if(|torn| !torn.may_precede(&block)) {
                    torn.damages.into_iter().for_each(&mut tell);
                }
                segment.count(task.stream, &block);
                show(task.stream, task.number, &block);
                is_reached |= task.until == Some((block.header.block.get(), block.header.hash));
            }
            Next::End(End::File) => break,
            Next::End(End::Zeros | End::Seal) => {}
        }
        blocks.source().damages().into_iter().for_each(&mut tell);
    }
    blocks.source().damages().into_iter().for_each(&mut tell);
    if let Some(Torn { before, damages }) = torn {
        segment = before;
        segment.torn = damages.into_iter().next();
    }
    segment.read_bytes = blocks.at();
    if let Some((until, _)) = task.until.filter(|_| !is_reached) {
        // Either it was cut, or the next one goes on from a block that never was.
        let lost = Span::before(segment.last_block + 1, until + 1);
        let known = task.next.filter(|_| segment.next > 0);
        let events = known.and_then(|next| Span::before(segment.next, next));
        let check = Check::GoesOn { segment: task.number + 1, block: until };
        tell(Damage { bytes: segment.end(), blocks: lost, events, check });
    }
    Ok(segment)
}

/// A damaged end of a segment that was broken off, as long as nothing says that it is more than that.
///
/// Several blocks are written at once, so that one may be missing although a later one is there.
struct Torn {
    before: Segment,
    damages: Vec<Damage>,
}

impl Torn {
    /// More writes than these are never under way at once.
    const DAMAGES_KEPT: usize = 1000;

    fn add(&mut self, damage: Damage) {
        if self.damages.len() < Self::DAMAGES_KEPT {
            self.damages.push(damage);
        }
    }

    /// Whether this block may have been written while what is damaged was not durable.
    fn may_precede(&self, block: &Block) -> bool {
        let (number, under_way) = (block.header.block.get(), block.header.under_way.get());
        number.saturating_sub(1 + u64::from(under_way)) <= self.before.last_block
    }
}

impl Segment {
    fn new(task: &Task, file_bytes: u64) -> Self {
        let header = &task.header;
        let writer = header.writer.split(|byte| *byte == 0).next().unwrap_or(&[]);
        Self {
            number: task.number,
            file: task.file.clone(),
            file_bytes,
            bytes: size_of::<SegmentHeader>() as u64,
            is_compressed: task.is_compressed,
            opened_at: header.opened_at.get(),
            written_at: header.opened_at.get(),
            writer: String::from_utf8_lossy(writer).into_owned(),
            first: header.first.get(),
            next: header.first.get(),
            hash: header.hash,
            ..Self::default()
        }
    }

    fn count(&mut self, stream: Stream, block: &Block) {
        let header = block.header;
        self.bytes = block.at + header.padded_bytes() as u64;
        self.is_sealed |= block.seal().is_some();
        self.written_at = header.written_at.get();
        self.blocks += 1;
        if self.first == 0 {
            self.first = header.first.get();
        }
        self.last_block = header.block.get();
        self.hash = header.hash;
        let numbers = block.numbers(stream);
        self.events += numbers;
        self.next = header.first.get().saturating_add(numbers);
        if header.events > 0 {
            let (first, last) = (header.first_at.get(), header.last_at.get());
            let times = self.times.unwrap_or((first, last));
            self.times = Some((times.0.min(first), times.1.max(last)));
        }
        for (kind, body) in block.sides() {
            let pair = <[U64; 2]>::read_from_bytes(body).map(|pair| pair.map(U64::get));
            match (kind, pair) {
                (side::HOLE, Ok([first, last])) => self.count_hole(first, last),
                (side::FINAL, Ok([_, event]))
                    if self.durable.as_ref().is_none_or(|(durable, ..)| event > *durable) =>
                {
                    self.durable = Some((event, block.at..self.bytes, self.last_block));
                }
                _ => {}
            }
        }
    }

    fn count_hole(&mut self, first: u64, last: u64) {
        self.missing = self.missing.saturating_add((last.saturating_sub(first)).saturating_add(1));
        self.next = if first == self.next { last.saturating_add(1) } else { self.next };
        if self.holes.len() < HOLES_KEPT {
            self.holes.push((first, last));
        }
    }

    /// What is behind its last block: nothing, or no block.
    pub(crate) fn end(&self) -> Range<u64> {
        self.bytes..self.read_bytes.max(self.bytes)
    }

    fn leave_behind(&mut self, bytes: Range<u64>) {
        let start = self.left_behind.as_ref().map_or(bytes.start, |left| left.start);
        self.left_behind = Some(start..bytes.end);
    }
}
