//! What becomes of segments that are not written any more: they are compressed, and the oldest go.
//!
//! ```text
//! N.seg ─▶ N.seg.zst.new ─▶ read back, compared, synced ─▶ N.seg.zst ─▶ folder synced ─▶ N.seg goes
//! oldest ─▶ nobody needs them? ─▶ the writer lets the head begin behind them ─▶ still nobody? ─▶ they go
//! ```
//!
//! The keeper has its own thread and its own handle of the disk, and never speaks to the head: it asks the
//! writer, and waits until the new head is durable. Nothing that goes wrong here stops the journal.

use crate::checkpoint::{KEPT as NEWEST, base};
use crate::disk::NEW;
use crate::holds::{Found, Holds};
use crate::recovery::{open_segment, read_segment, segment_path};
use crate::{Checkpoint, Checkpoints, Disk, Durable, Pages, Write as DiskWrite};
use engine_audit::compressed::{FRAME_BYTES, compress};
use engine_audit::layout::{PAGE, Stream, segment_number};
use engine_event::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The usual level of Zstandard: measured, higher ones take longer and save nothing (events hardly repeat).
pub const LEVEL: i32 = 1;
/// How often it is tried to bring a segment into one compressed form.
const ATTEMPTS: u8 = 3;
/// Bytes that are written at once.
const WRITE_BYTES: usize = 4 * FRAME_BYTES;

/// How long segments are kept, and in which form.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Retention {
    /// Those whose last event is older may go.
    pub age: Option<Nanos>,
    /// The oldest go while all together are longer.
    pub bytes: Option<u64>,
    /// The level of Zstandard at which they are compressed, if they are.
    pub level: Option<i32>,
}

/// What a keeper has done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Kept {
    /// Segments compressed.
    pub compressed: u64,
    /// Bytes of them before it.
    pub bytes_before: u64,
    /// Bytes of them after it.
    pub bytes_after: u64,
    /// Segments deleted.
    pub deleted: u64,
    /// Bytes of them.
    pub bytes_deleted: u64,
    /// Attempts that came to nothing.
    pub failures: u64,
}

/// What came of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Something was done, and there may be more to do.
    Worked,
    /// The writer was asked for something.
    Asked,
    /// Nothing to do now.
    Idle,
}

/// Decides whether a restart can begin with a checkpoint.
pub type Usable = Box<dyn Fn(&Checkpoint) -> bool + Send>;

/// Compresses and deletes segments of a journal that is being written.
pub struct Keeper<D: Disk> {
    disk: D,
    journal: PathBuf,
    retention: Retention,
    streams: Vec<(Stream, Durable)>,
    holds: Holds,
    checkpoints: Checkpoints,
    usable: Usable,
    /// First event of segments of the events stream, and when they were opened.
    headers: BTreeMap<u64, (u64, Nanos)>,
    /// Checkpoints that were looked at, and whether they are of use.
    looked_at: BTreeMap<u64, bool>,
    /// How often it was tried to compress these.
    attempts: BTreeMap<(Stream, u64), u8>,
    kept: Kept,
    told: BTreeSet<String>,
}

/// The files of one segment.
#[derive(Clone, Copy, Default)]
struct Forms {
    raw: bool,
    compressed: bool,
}

type Segments = BTreeMap<u64, Forms>;

impl<D: Disk> Keeper<D> {
    /// A keeper of these streams of a journal; the first of them tells its [figures](crate::Written). Only
    /// checkpoints that are `usable` count.
    pub fn new(
        disk: D,
        journal: &Path,
        retention: Retention,
        streams: impl IntoIterator<Item = (Stream, Durable)>,
        (checkpoints, usable): (Checkpoints, Usable),
    ) -> Self {
        Self {
            disk,
            journal: journal.to_path_buf(),
            retention,
            streams: streams.into_iter().collect(),
            holds: Holds::of(journal),
            checkpoints,
            usable,
            headers: BTreeMap::new(),
            looked_at: BTreeMap::new(),
            attempts: BTreeMap::new(),
            kept: Kept::default(),
            told: BTreeSet::new(),
        }
    }

    /// Does one thing, if there is one to do: compresses a segment, asks for a later beginning, or deletes
    /// what is before it.
    pub fn turn(&mut self, now: Nanos) -> Turn {
        let mut turn = Turn::Idle;
        for (stream, durable) in self.streams.clone() {
            let worked = self.look_after(stream, &durable, now).unwrap_or_else(|error| {
                self.fail(&format!("{}: {error}", self.folder(stream).display()));
                Turn::Idle
            });
            turn = match (turn, worked) {
                (Turn::Worked, _) | (_, Turn::Worked) => Turn::Worked,
                (Turn::Asked, _) | (_, Turn::Asked) => Turn::Asked,
                _ => Turn::Idle,
            };
        }
        if let Some((_, durable)) = self.streams.first() {
            durable.keeps(self.kept);
        }
        turn
    }

    /// What was done so far.
    pub fn kept(&self) -> Kept {
        self.kept
    }

    /// The disk, when all is over.
    pub fn into_disk(self) -> D {
        self.disk
    }

    fn look_after(&mut self, stream: Stream, durable: &Durable, now: Nanos) -> io::Result<Turn> {
        let folder = self.folder(stream);
        let found = self.find(&folder)?;
        // The alert log is small.
        let shortened = match stream {
            Stream::Events => self.shorten(&found, durable, now).unwrap_or_else(|error| {
                self.fail(&format!("{}: {error}", folder.display()));
                Turn::Idle
            }),
            Stream::Alerts => Turn::Idle,
        };
        let kept = durable.first_kept()..durable.newest_segment();
        if shortened == Turn::Worked || kept.is_empty() {
            return Ok(shortened);
        }
        for (number, forms) in found.range(kept) {
            let both = forms.raw && forms.compressed;
            if !(both || forms.raw && self.retention.level.is_some()) {
                continue;
            }
            let attempts = self.attempts.entry((stream, *number)).or_default();
            if *attempts == ATTEMPTS {
                continue;
            }
            *attempts += 1;
            match self.retention.level {
                Some(level) if !both => self.compress(&folder, *number, level)?,
                _ => self.settle(&folder, *number)?,
            }
            return Ok(Turn::Worked);
        }
        Ok(shortened)
    }

    fn folder(&self, stream: Stream) -> PathBuf {
        self.journal.join(stream.folder())
    }

    /// Told once, and counted.
    fn fail(&mut self, what: &str) {
        self.kept.failures += 1;
        if self.told.len() < 100 && self.told.insert(what.to_string()) {
            tracing::warn!("{what}: the journal goes on, its old segments stay as they are");
        }
    }

    /// The segments of a folder. What a crash left half made goes.
    fn find(&mut self, folder: &Path) -> io::Result<Segments> {
        let mut found = Segments::new();
        for name in self.disk.names(folder)? {
            let half = name.strip_suffix(NEW).and_then(segment_number);
            match segment_number(&name) {
                Some((number, true)) => found.entry(number).or_default().compressed = true,
                Some((number, false)) => found.entry(number).or_default().raw = true,
                None if half.is_some() => self.disk.remove(&folder.join(&name))?,
                None => {}
            }
        }
        Ok(found)
    }

    /// Makes a compressed copy, and takes the raw one away when the copy is known to be whole and durable.
    fn compress(&mut self, folder: &Path, number: u64, level: i32) -> io::Result<()> {
        let raw = segment_path(folder, number, false);
        let compressed = segment_path(folder, number, true);
        let made = self.copy(&raw, &compressed, level);
        let (before, after) = made.inspect_err(|_| {
            // The raw one was not touched. Nobody syncs the same copy twice.
            let _ = self.disk.remove(&new(&compressed));
            let _ = self.disk.remove(&compressed);
        })?;
        self.disk.remove(&raw)?;
        self.kept.compressed += 1;
        self.kept.bytes_before += before;
        self.kept.bytes_after += after;
        Ok(())
    }

    /// Returns the lengths of both. When it does, the copy is durable under its name.
    fn copy(&mut self, raw: &Path, compressed: &Path, level: i32) -> io::Result<(u64, u64)> {
        let (before, half) = (self.disk.length(raw)?, new(compressed));
        let content = self.disk.read(raw)?;
        let file = self.disk.create(&half, 0)?;
        let mut to = Out { disk: &mut self.disk, file: &file, pages: None, used: 0, at: 0 };
        let after = compress(content, &mut to, level)?;
        to.flush()?;
        self.disk.truncate(&file, after)?;
        self.disk.sync(&file)?;
        if !self.are_alike(raw, &half)? {
            let what = format!("{}: what was compressed reads otherwise", half.display());
            return Err(io::Error::new(ErrorKind::InvalidData, what));
        }
        self.disk.rename(&half, compressed)?;
        self.disk.sync_folder(parent(compressed))?;
        Ok((before, after))
    }

    /// Both forms of a segment are there, as a crash leaves them: one of them goes.
    fn settle(&mut self, folder: &Path, number: u64) -> io::Result<()> {
        let raw = segment_path(folder, number, false);
        let compressed = segment_path(folder, number, true);
        let is_whole = self.are_alike(&raw, &compressed).and_then(|are_alike| {
            if are_alike {
                self.disk.sync_path(&compressed)?;
                self.disk.sync_folder(folder)?;
            }
            Ok(are_alike)
        });
        match is_whole {
            Ok(true) => self.disk.remove(&raw),
            Ok(false) => self.disk.remove(&compressed),
            Err(error) => {
                let _ = self.disk.remove(&compressed);
                Err(error)
            }
        }
    }

    fn are_alike(&mut self, raw: &Path, compressed: &Path) -> io::Result<bool> {
        let mut raw = read_segment(&mut self.disk, raw, false)?;
        let mut compressed = read_segment(&mut self.disk, compressed, true)?;
        let (mut one, mut other) = (vec![0; FRAME_BYTES], vec![0; FRAME_BYTES]);
        loop {
            let bytes = fill(&mut raw, &mut one)?;
            if bytes != fill(&mut compressed, &mut other)? || one[..bytes] != other[..bytes] {
                return Ok(false);
            }
            if bytes == 0 {
                return Ok(true);
            }
        }
    }

    /// Deletes what is before the head's first segment, or asks for a later one.
    fn shorten(&mut self, found: &Segments, durable: &Durable, now: Nanos) -> io::Result<Turn> {
        let kept = durable.first_kept();
        if durable.first_wanted() != kept {
            return Ok(Turn::Asked); // the writer was asked, and has not answered yet
        }
        self.headers.retain(|number, _| *number + 1 >= kept);
        if found.range(..kept).next().is_some() {
            return self.delete_before(found, durable, kept);
        }
        let first = self.first_needed(found, durable, kept, now)?;
        self.forget_checkpoints_before(first, found)?;
        if first == kept {
            return Ok(Turn::Idle);
        }
        durable.keep_from(first);
        Ok(Turn::Asked)
    }

    /// Checkpoints whose next event is about to go are of no use, and the next one is the oldest then.
    fn forget_checkpoints_before(&mut self, first: u64, found: &Segments) -> io::Result<()> {
        let Some(forms) = found.get(&first) else { return Ok(()) };
        let first = self.header(first, *forms)?.0;
        for seq in self.checkpoints.seqs(&mut self.disk)?.into_iter().skip(NEWEST) {
            if seq + 1 < first {
                self.checkpoints.remove(&mut self.disk, seq)?;
            }
        }
        Ok(())
    }

    /// What holds need: from the checkpoint on, if there is one, from which their events can be replayed.
    fn needs(&mut self) -> io::Result<Vec<(String, Found)>> {
        let mut holds = self.holds.all(&mut self.disk)?;
        if !holds.is_empty() {
            let seqs = self.checkpoints.seqs(&mut self.disk)?;
            for hold in holds.iter_mut().filter_map(|(_, hold)| hold.as_mut().ok()) {
                hold.from_seq = base(&seqs, hold.from_seq).map_or(hold.from_seq, |seq| seq + 1);
            }
        }
        Ok(holds)
    }

    /// The head has begun with `kept` for good, so nobody places a hold on what is before it any more. One
    /// that was placed a moment earlier counts.
    fn delete_before(
        &mut self,
        found: &Segments,
        durable: &Durable,
        kept: u64,
    ) -> io::Result<Turn> {
        let holds = self.holds.all(&mut self.disk)?;
        if !holds.is_empty() {
            for (number, forms) in found.range(..kept) {
                let after = found.range(number + 1..).next();
                let first = self.header(*number, *forms)?.0;
                let next = match after {
                    Some((after, forms)) => self.header(*after, *forms)?.0,
                    None => u64::MAX,
                };
                if !are_held(&holds, first, next) {
                    continue;
                }
                if (*number..kept).all(|number| found.contains_key(&number)) {
                    durable.keep_from(*number);
                    return Ok(Turn::Asked);
                }
                let what = format!("segment {number} is held, and some behind it are gone");
                return Err(io::Error::other(what));
            }
        }
        let folder = self.folder(Stream::Events);
        for (number, forms) in found.range(..kept) {
            let paths = [(forms.raw, false), (forms.compressed, true)];
            for (_, compressed) in paths.into_iter().filter(|(is_there, _)| *is_there) {
                let path = segment_path(&folder, *number, compressed);
                let bytes = self.disk.length(&path)?;
                self.disk.remove(&path)?;
                self.kept.bytes_deleted += bytes;
            }
            self.kept.deleted += 1;
        }
        self.disk.sync_folder(&folder)?;
        Ok(Turn::Worked)
    }

    /// The first segment that must stay or may.
    fn first_needed(
        &mut self,
        found: &Segments,
        durable: &Durable,
        kept: u64,
        now: Nanos,
    ) -> io::Result<u64> {
        let Retention { age, bytes, .. } = self.retention;
        let newest = durable.newest_segment();
        if (age.is_none() && bytes.is_none()) || kept + 1 >= newest {
            return Ok(kept);
        }
        let Some(floor) = self.floor(durable)? else { return Ok(kept) };
        let holds = self.needs()?;
        let mut total = self.bytes(found)?;
        let mut first = kept;
        // The newest one that is finished stays in any case.
        while first + 1 < newest {
            let (Some(own), Some(next)) = (found.get(&first), found.get(&(first + 1))) else {
                break;
            };
            let (next_first, next_opened_at) = self.header(first + 1, *next)?;
            let is_old = age.is_some_and(|age| now.since(next_opened_at) > age);
            let is_too_much = bytes.is_some_and(|bytes| total > bytes);
            // The last event that the checkpoint knows stays: it tells where a restart goes on.
            if !(is_old || is_too_much) || next_first > floor {
                break;
            }
            if are_held(&holds, self.header(first, *own)?.0, next_first) {
                break;
            }
            total -= self.bytes(&Segments::from([(first, *own)]))?;
            first += 1;
        }
        Ok(first)
    }

    /// The last event of the oldest of the newest few checkpoints that a restart may begin with, if there is
    /// any: where the newest is broken the one before it counts, and its events must be there.
    fn floor(&mut self, durable: &Durable) -> io::Result<Option<u64>> {
        let mut seqs = self.checkpoints.seqs(&mut self.disk)?;
        seqs.truncate(NEWEST);
        self.looked_at.retain(|seq, _| seqs.contains(seq));
        for seq in seqs {
            if seq >= durable.next() || self.looked_at.contains_key(&seq) {
                continue;
            }
            let read = self.checkpoints.read(&mut self.disk, seq);
            let is_usable = read.is_ok_and(|checkpoint| (self.usable)(&checkpoint));
            self.looked_at.insert(seq, is_usable);
        }
        Ok(self.looked_at.iter().find(|(_, is_usable)| **is_usable).map(|(seq, _)| *seq))
    }

    fn bytes(&mut self, of: &Segments) -> io::Result<u64> {
        let folder = self.folder(Stream::Events);
        let mut total = 0;
        for (number, forms) in of {
            for (_, compressed) in
                [(forms.raw, false), (forms.compressed, true)].iter().filter(|(is, _)| *is)
            {
                total += self.disk.length(&segment_path(&folder, *number, *compressed))?;
            }
        }
        Ok(total)
    }

    /// A segment's first event, and when it was opened.
    fn header(&mut self, number: u64, forms: Forms) -> io::Result<(u64, Nanos)> {
        if let Some(header) = self.headers.get(&number) {
            return Ok(*header);
        }
        let folder = self.folder(Stream::Events);
        let blocks = open_segment(&mut self.disk, &folder, (number, !forms.raw));
        let blocks = blocks.map_err(|error| io::Error::other(error.to_string()))?;
        let header = blocks.header();
        let known = (header.first.get(), Nanos(header.opened_at.get()));
        self.headers.insert(number, known);
        Ok(known)
    }
}

/// Whether a hold needs events from `first` to before `next`. One that nobody can read may need all.
fn are_held(holds: &[(String, Found)], first: u64, next: u64) -> bool {
    let last = next.saturating_sub(1).max(first);
    holds.iter().any(|(_, hold)| hold.as_ref().map_or(true, |hold| hold.covers(first, last)))
}

fn new(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(NEW);
    name.into()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn fill(read: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut bytes = 0;
    while bytes < buffer.len() {
        match read.read(&mut buffer[bytes..]) {
            Ok(0) => break,
            Ok(more) => bytes += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// A file that is written from its beginning to its end, in whole pages.
struct Out<'a, D: Disk> {
    disk: &'a mut D,
    file: &'a D::File,
    pages: Option<Pages>,
    /// Bytes in them.
    used: usize,
    at: u64,
}

impl<D: Disk> Write for Out<'_, D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.used == WRITE_BYTES {
            self.flush()?;
        }
        let pages = self.pages.get_or_insert_with(|| Pages::new(WRITE_BYTES));
        let room = &mut pages.bytes_mut()[self.used..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.used += count;
        Ok(count)
    }

    /// Writes all pages, the last one filled with zeros: it must be called at the end only, or when all
    /// are full.
    fn flush(&mut self) -> io::Result<()> {
        let Some(mut pages) = self.pages.take_if(|_| self.used > 0) else { return Ok(()) };
        let end = self.used.next_multiple_of(PAGE);
        pages.bytes_mut()[self.used..end].fill(0);
        let mut write = DiskWrite { block: 0, pages, range: 0..end, at: self.at };
        loop {
            self.disk.start(self.file, write);
            let done = self.disk.done(true).ok_or(ErrorKind::BrokenPipe)?;
            let bytes = done.result?;
            write = done.write;
            if bytes >= write.range.len() {
                break;
            }
            if bytes == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            write.range.start += bytes;
            write.at += bytes as u64;
        }
        (self.at, self.used) = (self.at + end as u64, 0);
        self.pages = Some(write.pages);
        Ok(())
    }
}
