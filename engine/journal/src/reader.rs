//! Blocks of a stream, one after the other, over all of its segments.

use crate::recovery::{check_end, damaged, open_segment, read_head, segment_path, segments};
use crate::{Disk, RecoveryError};
use engine_audit::layout::Stream;
use engine_audit::{Block, Blocks, Next};
use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Whether a folder holds a journal.
pub fn is_journal(path: &Path) -> bool {
    path.join(Stream::Events.folder()).is_dir()
}

/// Reads a stream in its order. What a segment's successor does not go on from is not part of it and is
/// passed over; damage ends the reading with an error.
pub struct Reader<D: Disk> {
    disk: D,
    folder: PathBuf,
    stream: Stream,
    /// Segments that come after the one that is read.
    coming: VecDeque<(u64, bool)>,
    newest: u64,
    open: Option<Segment>,
}

struct Segment {
    path: PathBuf,
    number: u64,
    compressed: bool,
    blocks: Blocks<Box<dyn Read + Send>>,
    /// How many of its blocks count, if that is known.
    count: Option<u64>,
    read: u64,
}

impl<D: Disk> Reader<D> {
    /// The stream of a journal from the segment on that holds the record `from`.
    pub fn open(
        mut disk: D,
        journal: &Path,
        stream: Stream,
        from: u64,
    ) -> Result<Self, RecoveryError> {
        let folder = journal.join(stream.folder());
        let io = |error| RecoveryError::Io { path: folder.clone(), error };
        let mut all: Vec<_> = segments(&mut disk, &folder).map_err(io)?.into_iter().collect();
        // What lies before the first one that is kept was left over when it was deleted.
        if let Ok(Some(head)) = read_head(&mut disk, &folder.join("head"), stream) {
            all.retain(|(number, _)| *number >= head.first.get());
        }
        let mut reader = Self {
            disk,
            folder,
            stream,
            coming: VecDeque::new(),
            newest: all.last().map_or(0, |(number, _)| *number),
            open: None,
        };
        // The last segment that begins at or before it.
        let mut begin = all.len();
        while begin > 0 {
            begin -= 1;
            match reader.begin(all[begin]) {
                Ok(segment) if segment.blocks.header().first.get() <= from => break,
                Ok(_) => {}
                // The newest one may have nothing in it yet.
                Err(_) if begin + 1 == all.len() => {}
                Err(error) => return Err(error),
            }
        }
        reader.coming.extend(&all[begin..]);
        Ok(reader)
    }

    /// The number of the first record that can be read; `None` for a stream that holds nothing.
    pub fn first(&mut self) -> Result<Option<u64>, RecoveryError> {
        if self.open.is_none() && !self.advance()? {
            return Ok(None);
        }
        Ok(self.open.as_ref().map(|open| open.blocks.header().first.get()))
    }

    /// The journal's id, once [`first`](Self::first) has found something.
    pub fn id(&self) -> Option<[u8; 16]> {
        self.open.as_ref().map(|open| open.blocks.header().journal)
    }

    /// Who signs the segment that is read, once something was found.
    pub fn key(&self) -> Option<[u8; 32]> {
        self.open.as_ref().map(|open| open.blocks.header().key)
    }

    fn begin(&mut self, (number, compressed): (u64, bool)) -> Result<Segment, RecoveryError> {
        let path = segment_path(&self.folder, number, compressed);
        let blocks = open_segment(&mut self.disk, &self.folder, (number, compressed))?;
        Ok(Segment { path, number, compressed, blocks, count: None, read: 0 })
    }

    /// Segments that came since they were listed, if none is known to come.
    fn look_for_more(&mut self) -> Result<(), RecoveryError> {
        if self.coming.is_empty() {
            let io = |error| RecoveryError::Io { path: self.folder.clone(), error };
            let all = segments(&mut self.disk, &self.folder).map_err(io)?;
            self.coming.extend(all.range(self.newest + 1..).map(|(number, own)| (*number, *own)));
            self.newest = self.coming.back().map_or(self.newest, |(number, _)| *number);
        }
        Ok(())
    }

    /// Opens the next segment, if there is one.
    fn advance(&mut self) -> Result<bool, RecoveryError> {
        self.look_for_more()?;
        let Some(next) = self.coming.front().copied() else { return Ok(false) };
        let segment = match self.begin(next) {
            Ok(segment) => segment,
            // It is being made, or was left half made.
            Err(_) if next.0 == self.newest => return Ok(false),
            Err(error) => return Err(error),
        };
        self.coming.pop_front();
        self.open = Some(segment);
        Ok(true)
    }

    /// How many blocks of the open segment its successor goes on from.
    fn count(&mut self) -> Result<Option<u64>, RecoveryError> {
        let next = match self.coming.front() {
            Some(next) => *next,
            None => return Ok(None),
        };
        match self.begin(next) {
            Ok(next) => Ok(Some(next.blocks.header().previous_blocks.get())),
            Err(_) if next.0 == self.newest => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Looks at the next block; `None` if there is none now. It may be asked again when it is known that
    /// more was written.
    pub fn next<T>(
        &mut self,
        mut look: impl FnMut(&Path, &Block<'_>) -> T,
    ) -> Result<Option<T>, RecoveryError> {
        loop {
            if self.open.is_none() && !self.advance()? {
                return Ok(None);
            }
            let count = self.open.as_ref().and_then(|open| open.count);
            let count = if count.is_some() { count } else { self.count()? };
            let Some(open) = &mut self.open else { continue };
            open.count = count;
            if count.is_some_and(|count| open.read >= count) {
                self.open = None;
                continue;
            }
            match open.blocks.next() {
                Next::Block(block) => {
                    open.read = block.header.block.get();
                    return Ok(Some(look(&open.path, &block)));
                }
                Next::Damage(damage) if count.is_some() => return Err(damaged(&open.path, damage)),
                // The end of what was written, or of what the power left; nobody was told of more. Or it is
                // not the newest segment any more, and then it is known how much of it counts.
                next @ (Next::Damage(_) | Next::End(_)) => {
                    let is_damaged = matches!(next, Next::Damage(_));
                    let (number, read, compressed) = (open.number, open.read, open.compressed);
                    let was_known = count.is_some();
                    self.look_for_more()?;
                    let count = self.count()?;
                    if is_damaged && count.is_none() {
                        let Self { disk, folder, stream, .. } = self;
                        check_end(disk, folder, *stream, (number, compressed))?;
                    }
                    self.reopen(number, read)?;
                    if was_known || count.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Goes back behind the last block that was read, for more may be written there.
    fn reopen(&mut self, number: u64, read: u64) -> Result<(), RecoveryError> {
        let mut segment = self.begin((number, false))?;
        while segment.read < read {
            match segment.blocks.next() {
                Next::Block(block) => segment.read = block.header.block.get(),
                _ => break,
            }
        }
        self.open = Some(segment);
        Ok(())
    }
}
