//! Where a stream goes on: the last block that is whole, as far as anybody was told that it is durable.
//!
//! Nothing that lies on the disk is changed for it: the next segment says behind which block it goes on. A
//! file that a crash left before anything could be in it is taken away.

use crate::Disk;
use crate::writer::Position;
use engine_audit::compressed::{Decompressed, SeekTable};
use engine_audit::layout::{
    COMPRESSED, HEAD_MAGIC, Head, SegmentHeader, Stream, segment_name, segment_number,
};
use engine_audit::{Blocks, Damage, End, Next};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;
use zerocopy::{FromBytes, FromZeros};

/// A stream as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// Where it goes on.
    pub position: Position,
    /// The journal's id and the key that signed it last, unless there is nothing yet.
    pub signed: Option<([u8; 16], [u8; 32])>,
    /// The end was torn: what lies behind the last whole block, and from where on.
    pub left_behind: Option<Damage>,
    /// Whether it was closed in order.
    pub is_closed: bool,
}

/// Why a stream cannot go on.
#[derive(Debug, Error)]
pub enum RecoveryError {
    /// The disk does not give it.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Something that was durable is not as it was written.
    #[error("{}: byte {}: {}: what was written there was durable once; look at it with `tapewatch journal verify`", path.display(), damage.bytes.start, damage.check)]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// What is wrong.
        damage: Box<Damage>,
    },
    /// Something is not there.
    #[error("{}: {what}; look at it with `tapewatch journal verify`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
}

/// Finds where a stream goes on; one that is not there yet gets its folder. What is told to be there is durable when this returns.
pub fn recover<D: Disk>(
    disk: &mut D,
    journal: &Path,
    stream: Stream,
) -> Result<Recovered, RecoveryError> {
    let folder = journal.join(stream.folder());
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |error| RecoveryError::Io { path, error }
    };
    disk.make_folder(&folder).map_err(io(&folder))?;
    let mut segments = segments(disk, &folder).map_err(io(&folder))?;
    let path = folder.join("head");
    let head = read_head(disk, &path, stream)?;
    let missing = |what: &str| RecoveryError::Missing { path: path.clone(), what: what.into() };
    if head.is_none() && segments.keys().any(|number| *number > 1) {
        return Err(missing("there are segments and no head"));
    }
    // A segment gets its first block when the head names it: before, a crash left it with nothing in it.
    let told = head.as_ref().map_or(0, |head| head.newest.get());
    if let Some((&newest, compressed)) = segments.last_key_value()
        && newest == told + 1
    {
        let path = segment_path(&folder, newest, *compressed);
        if !is_bare(disk, &path, *compressed).map_err(io(&path))? {
            return Err(missing(&format!("it does not name segment {newest}, which has events")));
        }
        disk.remove(&path).map_err(io(&path))?;
        disk.sync_folder(&folder).map_err(io(&folder))?;
        segments.remove(&newest);
    }
    let Some((&newest, &compressed)) = segments.last_key_value() else {
        return match head {
            None => Ok(Recovered::NOTHING),
            Some(_) => Err(missing("it names segments and there are none")),
        };
    };
    if newest != told {
        return Err(missing(&format!(
            "it names {told} as the newest segment, and that is {newest}"
        )));
    }
    let path = segment_path(&folder, newest, compressed);
    let read = read_segment(disk, &path, compressed).map_err(io(&path))?;
    let mut found = scan(read, &path)?;
    disk.sync_path(&path).map_err(io(&path))?;
    if let Some(head) = &head {
        found.position.first_segment = head.first.get();
        let is_closed = head.state.get() == Head::CLOSED;
        if is_closed && !(found.is_closed && head.hash == found.position.hash) {
            let what = format!("the journal was closed, and its end is not in {}", path.display());
            return Err(missing(&what));
        }
        found.is_closed &= is_closed;
    }
    Ok(found)
}

impl Recovered {
    const NOTHING: Recovered =
        Recovered { position: Position::START, signed: None, left_behind: None, is_closed: false };
}

/// The segments of a folder, and whether each is there only in its compressed form.
pub(crate) fn segments<D: Disk>(disk: &mut D, folder: &Path) -> io::Result<BTreeMap<u64, bool>> {
    let names = match disk.names(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        names => names?,
    };
    let mut segments = BTreeMap::new();
    for (number, compressed) in names.iter().filter_map(|name| segment_number(name)) {
        let only_compressed = segments.entry(number).or_insert(compressed);
        *only_compressed &= compressed;
    }
    Ok(segments)
}

/// Where a segment lies.
pub(crate) fn segment_path(folder: &Path, number: u64, compressed: bool) -> PathBuf {
    folder.join(format!("{}{}", segment_name(number), if compressed { COMPRESSED } else { "" }))
}

/// The content of a segment.
pub(crate) fn read_segment<D: Disk>(
    disk: &mut D,
    path: &Path,
    compressed: bool,
) -> io::Result<Box<dyn Read + Send>> {
    let read = disk.read(path)?;
    if !compressed {
        return Ok(read);
    }
    Ok(Box::new(Decompressed::new(read, SeekTable::default())?))
}

/// The same, by the segment's number. It may have been compressed since somebody looked.
pub(crate) fn open_segment<D: Disk>(
    disk: &mut D,
    folder: &Path,
    (number, compressed): (u64, bool),
) -> Result<Blocks<Box<dyn Read + Send>>, RecoveryError> {
    let mut path = segment_path(folder, number, compressed);
    let mut read = read_segment(disk, &path, compressed);
    if let Err(error) = &read
        && error.kind() == ErrorKind::NotFound
    {
        let other = segment_path(folder, number, !compressed);
        if let Ok(found) = read_segment(disk, &other, !compressed) {
            (path, read) = (other, Ok(found));
        }
    }
    let read = read.map_err(|error| RecoveryError::Io { path: path.clone(), error })?;
    Blocks::open(read).map_err(|damage| damaged(&path, damage))
}

/// The number of the first event or record that the head keeps; `None` where there is no head yet.
pub(crate) fn first_kept<D: Disk>(
    disk: &mut D,
    folder: &Path,
    stream: Stream,
) -> Result<Option<u64>, RecoveryError> {
    let mut begins = 0;
    loop {
        let Some(head) = read_head(disk, &folder.join("head"), stream)? else { return Ok(None) };
        let first = head.first.get();
        match open_segment(disk, folder, (first, false)) {
            Ok(blocks) => return Ok(Some(blocks.header().first.get())),
            // It was deleted while we looked: then the head names another one.
            Err(RecoveryError::Io { error, .. })
                if error.kind() == ErrorKind::NotFound && begins < first =>
            {
                begins = first;
            }
            Err(error) => return Err(error),
        }
    }
}

pub(crate) fn damaged(path: &Path, damage: Damage) -> RecoveryError {
    RecoveryError::Damaged { path: path.to_path_buf(), damage: Box::new(damage) }
}

pub(crate) fn read_head<D: Disk>(
    disk: &mut D,
    path: &Path,
    stream: Stream,
) -> Result<Option<Head>, RecoveryError> {
    let mut content = Vec::new();
    match disk.read(path).and_then(|mut read| read.read_to_end(&mut content)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RecoveryError::Io { path: path.into(), error }),
        Ok(_) => {}
    }
    let head = Head::read_from_bytes(&content).ok().filter(|head| {
        head.magic == HEAD_MAGIC && head.stream.get() == stream as u32 && head.is_signed()
    });
    let what = "it is damaged: its signature is not that of its key";
    head.map(Some).ok_or_else(|| RecoveryError::Missing { path: path.into(), what: what.into() })
}

/// Whether a segment holds no block, whether or not its header was written.
fn is_bare<D: Disk>(disk: &mut D, path: &Path, compressed: bool) -> io::Result<bool> {
    let mut blocks = match Blocks::open(read_segment(disk, path, compressed)?) {
        Ok(blocks) => blocks,
        // Behind a header that was never written there is nothing.
        Err(_) => {
            let read = read_segment(disk, path, compressed)?;
            Blocks::open_damaged(read, SegmentHeader::new_zeroed())
        }
    };
    let is_end = matches!(blocks.next(), Next::End(_));
    Ok(is_end && matches!(blocks.next(), Next::End(_)))
}

/// Whether the newest segment of a stream ends as it should, for who has read it up to damage: what is
/// behind it was never durable, or else it is gone.
pub(crate) fn check_end<D: Disk>(
    disk: &mut D,
    folder: &Path,
    stream: Stream,
    (number, compressed): (u64, bool),
) -> Result<(), RecoveryError> {
    let path = segment_path(folder, number, compressed);
    let io = |error| RecoveryError::Io { path: path.clone(), error };
    let found = scan(read_segment(disk, &path, compressed).map_err(io)?, &path)?;
    let head = read_head(disk, &folder.join("head"), stream)?;
    let is_closed =
        head.is_some_and(|head| head.state.get() == Head::CLOSED && head.newest.get() == number);
    match found.left_behind {
        Some(damage) if is_closed => Err(damaged(&path, damage)),
        _ => Ok(()),
    }
}

/// Looks for the end of the newest segment.
fn scan(read: Box<dyn Read + Send>, path: &Path) -> Result<Recovered, RecoveryError> {
    let mut blocks = Blocks::open(read).map_err(|damage| damaged(path, damage))?;
    let header = *blocks.header();
    let mut position = Position {
        segment: header.segment.get() + 1,
        next: header.first.get(),
        blocks: 0,
        hash: header.hash,
        first_segment: 1,
    };
    let stream = Stream::from_number(header.stream.get()).expect("a header that is whole");
    let (mut torn, mut is_sealed): (Option<Damage>, bool) = (None, false);
    loop {
        match blocks.next() {
            Next::Damage(damage) => {
                torn.get_or_insert(damage);
            }
            Next::Block(block) => match &torn {
                None => {
                    position.blocks = block.header.block.get();
                    position.hash = block.header.hash;
                    position.next = block.header.first.get() + block.numbers(stream);
                    is_sealed = block.seal().is_some();
                }
                // Several writes were under way when the power went, and a later one may have come
                // through. What was durable when that one was written must be here.
                Some(damage) => {
                    let before = block.header.block.get().saturating_sub(1);
                    let durable = before.saturating_sub(block.header.under_way.get().into());
                    if durable > position.blocks {
                        return Err(damaged(path, damage.clone()));
                    }
                }
            },
            Next::End(End::Zeros) => {}
            Next::End(End::Seal | End::File) => break,
        }
    }
    Ok(Recovered {
        position,
        signed: Some((header.journal, header.key)),
        left_behind: torn,
        is_closed: is_sealed,
    })
}
