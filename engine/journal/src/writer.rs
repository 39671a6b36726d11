//! The journal's own thread: blocks become group commits, commits become segments.
//!
//! A writer does everything in [`turn`](Writer::turn), on a disk and with a clock that are given to it; a
//! thread, or a simulator, calls it over and over.

use crate::intake::{Block, Handed, Outlet};
use crate::{Disk, Done, Durable, Identity, Pages, Write, block};
use engine_audit::layout::{
    BlockKind, Hash, Head, PAGE, SEGMENT_MAGIC, Seal, SegmentHeader, SideHeader, Stream, VERSION,
    segment_name, side,
};
use engine_event::Clock;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use zerocopy::{FromZeros, IntoBytes};

/// Where a stream goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The segment that comes next.
    pub segment: u64,
    /// The number of the record that comes next.
    pub next: u64,
    /// How many blocks of the segment before count.
    pub blocks: u64,
    /// The hash of the last of them.
    pub hash: Hash,
    /// The first segment that is there.
    pub first_segment: u64,
}

impl Position {
    /// Nothing was written yet.
    pub const START: Position =
        Position { segment: 1, next: 1, blocks: 0, hash: [0; 32], first_segment: 1 };
}

/// How long segments get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segments {
    /// Bytes of a segment.
    pub segment_bytes: u64,
}

impl Default for Segments {
    fn default() -> Self {
        Self { segment_bytes: 256 << 20 }
    }
}

/// Writes a stream.
pub(crate) struct Writer<D: Disk, C> {
    disk: D,
    clock: C,
    stream: Stream,
    folder: PathBuf,
    identity: Identity,
    segments: Segments,
    from: Outlet,
    durable: Durable,
    /// The segment that is written, its file, and where its next block goes.
    open: Option<Open<D::File>>,
    position: Position,
    /// Blocks that were started and are not known to be durable, in their order.
    flying: VecDeque<Flying>,
    /// Blocks that wait for a segment.
    waiting: VecDeque<Block>,
    started: u64,
    /// Whether anything became durable since the last segment was begun.
    progressed: bool,
    /// The first segment that the head could not be made to begin with.
    refused: Option<u64>,
    ended: Option<Ended>,
    closing: bool,
}

struct Open<F> {
    file: F,
    header: SegmentHeader,
    at: u64,
    /// Blocks started, and the hash of the last of them.
    blocks: u64,
    hash: Hash,
    events: u64,
}

/// A block under way.
struct Flying {
    number: u64,
    events: usize,
    side_bytes: usize,
    sides: u32,
    first: u64,
    next: u64,
    hash: Hash,
    bytes: u64,
    /// Its memory, once it is written.
    written: Option<Pages>,
}

/// How a writer ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// Everything is durable and sealed.
    Closed,
    /// Something went wrong twice in a row.
    Failed,
}

/// What came of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wrote {
    /// Something was started or done.
    Worked,
    /// Nothing to do now.
    Idle,
    /// There will be nothing to do any more.
    Ended,
}

impl<D: Disk, C: Clock> Writer<D, C> {
    pub(crate) fn new(
        disk: D,
        clock: C,
        (stream, folder): (Stream, PathBuf),
        identity: Identity,
        segments: Segments,
        (from, durable): (Outlet, Durable),
        position: Position,
    ) -> Self {
        Self {
            disk,
            clock,
            stream,
            folder,
            identity,
            segments,
            from,
            durable,
            open: None,
            position,
            flying: VecDeque::new(),
            waiting: VecDeque::new(),
            started: 0,
            progressed: true,
            refused: None,
            ended: None,
            closing: false,
        }
    }

    /// Takes in what has come, starts and ends writes. If `wait` and there is nothing else to do, waits for
    /// a write that is under way.
    pub(crate) fn turn(&mut self, wait: bool) -> Wrote {
        if self.ended.is_some() {
            return Wrote::Ended;
        }
        match self.work(wait) {
            Ok(wrote) => wrote,
            Err(error) => {
                self.fail(&error);
                Wrote::Ended
            }
        }
    }

    fn work(&mut self, wait: bool) -> io::Result<Wrote> {
        let mut worked = self.keep_from_wanted();
        while self.flying.len() < self.disk.depth() {
            let Some(block) = self.take() else { break };
            self.start(block)?;
            worked = true;
        }
        while let Some(done) = self.disk.done(wait && !worked) {
            worked = true;
            self.finish(done)?;
        }
        if self.closing && self.flying.is_empty() && self.waiting.is_empty() {
            self.close()?;
            self.ended = Some(Ended::Closed);
            return Ok(Wrote::Ended);
        }
        Ok(if worked { Wrote::Worked } else { Wrote::Idle })
    }

    fn take(&mut self) -> Option<Block> {
        if let Some(block) = self.waiting.pop_front() {
            return Some(block);
        }
        match self.from.from.pop() {
            Ok(Handed::Block(block)) => Some(block),
            Ok(Handed::Close) => {
                self.closing = true;
                None
            }
            Err(_) => None,
        }
    }

    /// Starts a block in the segment that is open, or in the next one if it has no room.
    fn start(&mut self, block: Block) -> io::Result<()> {
        let bytes = block::padded_bytes(&block) as u64;
        // A page stays free for the seal.
        let room = self
            .open
            .as_ref()
            .map(|open| self.segments.segment_bytes.saturating_sub(open.at + PAGE as u64) >= bytes);
        match room {
            Some(true) => {}
            Some(false) if !self.flying.is_empty() => {
                // It takes its turn when everything before it is durable.
                self.waiting.push_front(block);
                let done = self.disk.done(true);
                return done.map_or(Ok(()), |done| self.finish(done));
            }
            Some(false) => {
                self.seal_or_leave()?;
                self.begin(bytes)?;
            }
            None => self.begin(bytes)?,
        }
        self.fly(block);
        Ok(())
    }

    fn fly(&mut self, mut block: Block) {
        let open = self.open.as_mut().expect("a segment was begun");
        open.blocks += 1;
        let place = block::Place {
            number: open.blocks,
            kind: BlockKind::Content,
            under_way: self.flying.len() as u16,
            previous: open.hash,
            written_at: self.clock.now(),
        };
        let header = block::finish(&mut block, &place);
        let bytes = header.padded_bytes();
        self.started += 1;
        self.flying.push_back(Flying {
            number: self.started,
            events: block.events,
            side_bytes: block.side_bytes,
            sides: block.sides,
            first: block.first,
            next: block.next,
            hash: header.hash,
            bytes: bytes as u64,
            written: None,
        });
        let write = Write { block: self.started, pages: block.pages, range: 0..bytes, at: open.at };
        self.disk.start(&open.file, write);
        (open.at, open.hash) = (open.at + bytes as u64, header.hash);
        open.events += block.next - block.first;
    }

    /// A write is done: what is durable now without a gap is told to everybody.
    fn finish(&mut self, done: Done) -> io::Result<()> {
        let Done { mut write, result } = done;
        let wanted = write.range.len();
        match result {
            Ok(bytes) if bytes >= wanted => {}
            Ok(0) => return self.replace(write, ErrorKind::WriteZero.into()),
            Ok(bytes) => {
                write.range.start += bytes;
                write.at += bytes as u64;
                let open = self.open.as_ref().expect("its segment is open");
                self.disk.start(&open.file, write);
                return Ok(());
            }
            Err(error) => return self.replace(write, error),
        }
        self.landed(write);
        self.acknowledge();
        Ok(())
    }

    fn landed(&mut self, write: Write) {
        let flying = self.flying.iter_mut().find(|flying| flying.number == write.block);
        flying.expect("it was started").written = Some(write.pages);
    }

    fn acknowledge(&mut self) {
        while self.flying.front().is_some_and(|flying| flying.written.is_some()) {
            let Some(Flying { next, hash, bytes, written, .. }) = self.flying.pop_front() else {
                break;
            };
            self.position.blocks += 1;
            (self.position.hash, self.position.next) = (hash, next);
            self.progressed = true;
            self.durable.committed(bytes);
            self.durable.raise(next);
            if let Some(pages) = written {
                // The ring has room for every block that there is; an intake that is gone needs none.
                let _ = self.from.back.push(pages);
            }
        }
    }

    /// A write has failed, so the segment is not to be trusted any more: what it holds up to the last
    /// durable block stays, everything after it goes into a new one. What has failed twice in a row fails
    /// for good. Nothing is ever synced again.
    fn replace(&mut self, write: Write, error: io::Error) -> io::Result<()> {
        tracing::warn!("{}: a write failed, a new segment begins: {error}", self.name());
        let mut back = vec![(write.block, write.pages)];
        while let Some(Done { write, result }) = self.disk.done(true) {
            match result {
                // What comes after the one that failed may be there, but nobody was told so.
                Ok(bytes) if bytes >= write.range.len() => self.landed(write),
                _ => back.push((write.block, write.pages)),
            }
        }
        self.acknowledge();
        let unwritten = std::mem::take(&mut self.flying);
        let blocks = unwritten.into_iter().map(|flying| {
            let place = back.iter().position(|(number, _)| *number == flying.number);
            let pages = match (flying.written, place) {
                (Some(pages), _) => pages,
                (None, Some(place)) => back.swap_remove(place).1,
                (None, None) => unreachable!("every write that was started came back"),
            };
            Block {
                pages,
                events: flying.events,
                side_bytes: flying.side_bytes,
                sides: flying.sides,
                first: flying.first,
                next: flying.next,
            }
        });
        let blocks: Vec<_> = blocks.collect();
        for block in blocks.into_iter().rev() {
            self.waiting.push_front(block);
        }
        self.open = None;
        if !std::mem::take(&mut self.progressed) {
            return Err(error);
        }
        Ok(())
    }

    fn name(&self) -> String {
        let segment =
            self.open.as_ref().map_or(self.position.segment, |open| open.header.segment.get());
        self.folder.join(segment_name(segment)).display().to_string()
    }

    /// Begins the next segment, with room for at least so many bytes of blocks.
    fn begin(&mut self, bytes: u64) -> io::Result<()> {
        let Position { segment, next, blocks, hash, .. } = self.position;
        let mut header = SegmentHeader::new_zeroed();
        header.magic = SEGMENT_MAGIC;
        header.version = VERSION.into();
        header.stream = (self.stream as u32).into();
        header.journal = self.identity.journal;
        header.segment = segment.into();
        header.first = next.into();
        header.opened_at = self.clock.now().0.into();
        header.previous_blocks = blocks.into();
        header.previous_hash = hash;
        header.key = self.identity.key.verifying_key().to_bytes();
        let version = concat!("tapewatch ", env!("CARGO_PKG_VERSION")).as_bytes();
        header.writer[..version.len()].copy_from_slice(version);
        header.hash = header.hashed();

        let path = self.folder.join(segment_name(segment));
        let length = self.segments.segment_bytes.max(bytes + 2 * PAGE as u64);
        let file = self.disk.create(&path, length)?;
        let mut page = Pages::new(PAGE);
        page.bytes_mut().copy_from_slice(header.as_bytes());
        self.write_now(&file, page, 0)?;
        self.disk.sync(&file)?;
        self.disk.sync_folder(&self.folder)?;
        self.say(Head::OPEN, segment, 0, header.hash)?;
        self.durable.segment_begun(segment);
        self.open =
            Some(Open { file, header, at: PAGE as u64, blocks: 0, hash: header.hash, events: 0 });
        (self.position.blocks, self.position.hash) = (0, header.hash);
        self.position.segment += 1;
        Ok(())
    }

    /// Ends a segment that is full. Where that fails, all of its blocks are durable and the next segment
    /// goes on behind them.
    fn seal_or_leave(&mut self) -> io::Result<()> {
        let name = self.name();
        self.seal().or_else(|error| {
            tracing::warn!("{name}: it cannot be sealed, a new segment begins: {error}");
            if std::mem::take(&mut self.progressed) { Ok(()) } else { Err(error) }
        })
    }

    /// Ends the segment with its seal. Nothing may be under way.
    fn seal(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let mut seal = Seal::new_zeroed();
        seal.first = open.header.first;
        seal.next = self.position.next.into();
        seal.events = open.events.into();
        seal.blocks = open.blocks.into();
        seal.hash = open.hash;
        seal.sign(&open.header, &self.identity.key);
        let mut block = Block {
            pages: Pages::new(PAGE),
            events: 0,
            side_bytes: SideHeader::record_bytes(size_of::<Seal>()),
            sides: 1,
            first: self.position.next,
            next: self.position.next,
        };
        block::put_side(&mut block, side::SEAL, seal.as_bytes());
        let place = block::Place {
            number: open.blocks + 1,
            kind: BlockKind::Seal,
            under_way: 0,
            previous: open.hash,
            written_at: self.clock.now(),
        };
        let header = block::finish(&mut block, &place);
        self.write_now(&open.file, block.pages, open.at)?;
        self.disk.truncate(&open.file, open.at + PAGE as u64)?;
        self.disk.sync(&open.file)?;
        (self.position.blocks, self.position.hash) = (open.blocks + 1, header.hash);
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        if self.open.is_some() {
            self.seal()?;
            let Position { segment, next, hash, .. } = self.position;
            self.say(Head::CLOSED, segment - 1, next, hash)?;
        }
        self.durable.close();
        Ok(())
    }

    /// Replaces the head, which begins with the segment that is wanted then.
    fn say(&mut self, state: u32, newest: u64, next: u64, hash: Hash) -> io::Result<()> {
        let first = self.durable.first_wanted();
        let head = head(&self.identity, self.stream, state, (first, newest), next, hash);
        self.disk.replace(&self.folder.join("head"), head.as_bytes())?;
        self.position.first_segment = first;
        self.durable.kept_from(first);
        Ok(())
    }

    /// Lets the head begin with another segment, if that is wanted and there is an open one to name.
    /// Returns whether it was tried. Where it fails the head is the old one or the new one, of which either
    /// is right; the next segment's tells it again.
    fn keep_from_wanted(&mut self) -> bool {
        let first = self.durable.first_wanted();
        if first == self.position.first_segment || self.refused == Some(first) {
            return false;
        }
        let Some(open) = &self.open else { return false };
        let (newest, hash) = (open.header.segment.get(), open.header.hash);
        if let Err(error) = self.say(Head::OPEN, newest, 0, hash) {
            tracing::warn!("{}: the head is not replaced: {error}", self.folder.display());
            self.refused = Some(first);
        }
        true
    }

    /// Writes one page and waits for it. Nothing may be under way.
    fn write_now(&mut self, file: &D::File, pages: Pages, at: u64) -> io::Result<()> {
        let mut write = Write { block: 0, pages, range: 0..PAGE, at };
        loop {
            self.disk.start(file, write);
            let done = self.disk.done(true).ok_or(ErrorKind::BrokenPipe)?;
            write = done.write;
            let bytes = done.result?;
            if bytes >= write.range.len() {
                return Ok(());
            }
            if bytes == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            write.range.start += bytes;
            write.at += bytes as u64;
        }
    }

    fn fail(&mut self, error: &io::Error) {
        let name = self.name();
        self.durable.fail(format!("{name}: the journal cannot be written: {error}"));
        // Writes that are under way own memory that the kernel reads.
        while self.disk.done(true).is_some() {}
        self.ended = Some(Ended::Failed);
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// The disk, to look at when all is over.
    pub(crate) fn into_disk(self) -> D {
        self.disk
    }
}

/// A signed head.
pub(crate) fn head(
    identity: &Identity,
    stream: Stream,
    state: u32,
    (first, newest): (u64, u64),
    next: u64,
    hash: Hash,
) -> Head {
    let mut head = Head::new_zeroed();
    head.magic = engine_audit::layout::HEAD_MAGIC;
    head.stream = (stream as u32).into();
    head.state = state.into();
    head.journal = identity.journal;
    (head.first, head.newest, head.next) = (first.into(), newest.into(), next.into());
    head.hash = hash;
    head.sign(&identity.key);
    head
}

/// The folder of a stream.
pub(crate) fn folder(journal: &Path, stream: Stream) -> PathBuf {
    journal.join(stream.folder())
}
