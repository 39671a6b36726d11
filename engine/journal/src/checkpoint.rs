//! State to restart from: no evidence, since the events make it again, but hours of them in seconds.
//!
//! A checkpoint holds what the pipeline was after an event, compressed, under a header with its hash. It is
//! written beside its place and renamed, so that there is never half of one; a broken or foreign one is
//! passed over for the one before it.

use crate::disk::NEW;
use crate::{Disk, Holds};
use engine_audit::layout::Hash;
use engine_event::Nanos;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a checkpoint begins with.
const MAGIC: [u8; 8] = *b"TWCKPT01";
/// The version of the header.
const VERSION: u32 = 1;
/// How many of the newest are kept, besides the oldest.
pub(crate) const KEPT: usize = 3;
/// The most that the state of a pipeline may take, so that a broken header does not ask for all memory.
const STATE_BYTES_MAX: u64 = 64 << 30;
/// Fast, and small enough.
const LEVEL: i32 = 1;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    version: U32,
    reserved: U32,
    journal: [u8; 16],
    seq: U64,
    made_at: U64,
    state_bytes: U64,
    body_bytes: U64,
    /// Of the header before this field and the body.
    hash: Hash,
}

impl Header {
    fn hashed(&self, body: &[u8]) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.as_bytes()[..size_of::<Self>() - 32]);
        hasher.update(body);
        *hasher.finalize().as_bytes()
    }
}

/// A checkpoint that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The last event that it knows.
    pub seq: u64,
    /// When it was made.
    pub made_at: Nanos,
    /// The pipeline's state.
    pub state: Vec<u8>,
}

/// Why a checkpoint is of no use.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The disk does not give it.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not what was written.
    #[error("{}: {what}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// The checkpoints of a journal.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    journal: [u8; 16],
}

/// The checkpoint with which a replay of an event begins; `seqs` are in their order, the newest first.
pub(crate) fn base(seqs: &[u64], event: u64) -> Option<u64> {
    seqs.iter().copied().find(|seq| *seq < event)
}

impl Checkpoints {
    /// Those that lie in this journal's folder.
    pub fn of(journal: &Path, id: [u8; 16]) -> Self {
        Self { folder: journal.join("checkpoints"), journal: id }
    }

    /// Where the one after this event lies.
    pub fn path(&self, seq: u64) -> PathBuf {
        self.folder.join(format!("{seq:020}.ckpt"))
    }

    /// After which events there are any, the newest first.
    pub fn seqs<D: Disk>(&self, disk: &mut D) -> io::Result<Vec<u64>> {
        let names = match disk.names(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            names => names?,
        };
        let seq = |name: &String| name.strip_suffix(".ckpt")?.parse().ok();
        let mut seqs: Vec<u64> = names.iter().filter_map(seq).collect();
        seqs.sort_unstable_by(|one, other| other.cmp(one));
        Ok(seqs)
    }

    /// Writes one, and takes away those that nobody needs. Besides the newest few the oldest stays, from
    /// which on everything can be replayed that the journal still holds, and for each hold the one before
    /// its first event.
    pub fn write<D: Disk>(
        &self,
        disk: &mut D,
        seq: u64,
        made_at: Nanos,
        state: &[u8],
    ) -> io::Result<u64> {
        disk.make_folder(&self.folder)?;
        let body = zstd::bulk::compress(state, LEVEL)?;
        let mut header = Header::new_zeroed();
        header.magic = MAGIC;
        header.version = VERSION.into();
        header.journal = self.journal;
        header.seq = seq.into();
        header.made_at = made_at.0.into();
        header.state_bytes = (state.len() as u64).into();
        header.body_bytes = (body.len() as u64).into();
        header.hash = header.hashed(&body);
        let content = [header.as_bytes(), &body].concat();
        self.tidy(disk)?;
        disk.replace(&self.path(seq), &content)?;
        let seqs = self.seqs(disk)?;
        let holds = self.folder.parent().map(|journal| Holds::of(journal).all(disk));
        let holds = holds.transpose()?.unwrap_or_default();
        let held = holds.iter().filter_map(|(_, hold)| hold.as_ref().ok());
        let bases: Vec<u64> = held.filter_map(|hold| base(&seqs, hold.from_seq)).collect();
        let mut older: Vec<u64> = seqs.into_iter().filter(|old| *old <= seq).skip(KEPT).collect();
        older.pop();
        for old in older.into_iter().filter(|old| !bases.contains(old)) {
            self.remove(disk, old)?;
        }
        Ok(content.len() as u64)
    }

    /// Takes away what was being written when somebody before us was killed: we alone write here.
    fn tidy<D: Disk>(&self, disk: &mut D) -> io::Result<()> {
        let names = disk.names(&self.folder)?;
        let left = names.iter().filter(|name| name.ends_with(NEW));
        left.map(|name| self.folder.join(name)).try_for_each(|path| remove(disk, &path))
    }

    /// Takes one away, if it is there.
    pub(crate) fn remove<D: Disk>(&self, disk: &mut D, seq: u64) -> io::Result<()> {
        remove(disk, &self.path(seq))
    }

    /// Reads the one after this event.
    pub fn read<D: Disk>(&self, disk: &mut D, seq: u64) -> Result<Checkpoint, CheckpointError> {
        let path = self.path(seq);
        let io = |error| CheckpointError::Io { path: self.path(seq), error };
        let broken = |what: String| CheckpointError::Broken { path: path.clone(), what };
        let mut content = Vec::new();
        disk.read(&path).and_then(|mut read| read.read_to_end(&mut content)).map_err(io)?;
        let (header, body) = Header::ref_from_prefix(&content)
            .map_err(|_| broken("too short for a checkpoint".into()))?;
        if header.magic != MAGIC {
            return Err(broken("is no checkpoint".into()));
        }
        if header.version.get() != VERSION {
            let version = header.version.get();
            return Err(broken(format!("has version {version}, this engine reads {VERSION}")));
        }
        let is_whole = header.hash == header.hashed(body) && header.seq.get() == seq;
        if !is_whole || header.state_bytes.get() > STATE_BYTES_MAX {
            return Err(broken("is damaged: its hash is another one".into()));
        }
        if header.journal != self.journal {
            return Err(broken("belongs to another journal".into()));
        }
        let state = zstd::bulk::decompress(body, header.state_bytes.get() as usize).map_err(io)?;
        Ok(Checkpoint { seq, made_at: Nanos(header.made_at.get()), state })
    }
}

fn remove<D: Disk>(disk: &mut D, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::{Mischief, SimulatedDisk};

    const AT: Nanos = Nanos(7);

    fn disk() -> (SimulatedDisk, Checkpoints) {
        (SimulatedDisk::new(1, Mischief::default(), 1), Checkpoints::of(Path::new("/j"), [1; 16]))
    }

    #[test]
    fn the_newest_few_and_the_oldest_are_kept_and_read() {
        let (mut disk, checkpoints) = disk();
        for seq in [10, 30, 20, 40, 50] {
            checkpoints.write(&mut disk, seq, AT, &vec![seq as u8; 10_000]).unwrap();
        }
        assert_eq!(checkpoints.seqs(&mut disk).unwrap(), [50, 40, 30, 10]);
        let read = checkpoints.read(&mut disk, 30).unwrap();
        assert_eq!(read, Checkpoint { seq: 30, made_at: AT, state: vec![30; 10_000] });
    }

    #[test]
    fn what_a_killed_writer_left_behind_goes() {
        let (mut disk, checkpoints) = disk();
        let half = Path::new("/j/checkpoints/00000000000000000005.ckpt.new");
        disk.replace(half, b"half of").unwrap();
        assert_eq!(checkpoints.seqs(&mut disk).unwrap(), [0; 0]);
        checkpoints.write(&mut disk, 7, AT, b"state").unwrap();
        let left = disk.names(Path::new("/j/checkpoints")).unwrap();
        assert_eq!(left, ["00000000000000000007.ckpt"]);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let (mut disk, checkpoints) = disk();
        checkpoints.write(&mut disk, 5, AT, b"state of a pipeline, quite short").unwrap();
        let path = checkpoints.path(5);
        let length = disk.length(&path).unwrap() as usize;
        for at in 0..length {
            let flip = |bytes: &mut Vec<u8>| bytes[at] ^= 1;
            disk.damage(&path, flip);
            assert!(checkpoints.read(&mut disk, 5).is_err(), "byte {at}");
            disk.damage(&path, flip);
        }
        for bytes in 0..length {
            let mut cut = SimulatedDisk::new(1, Mischief::default(), 1);
            checkpoints.write(&mut cut, 5, AT, b"state of a pipeline, quite short").unwrap();
            cut.damage(&path, |content| content.truncate(bytes));
            assert!(checkpoints.read(&mut cut, 5).is_err(), "{bytes} bytes");
        }
        assert!(checkpoints.read(&mut disk, 5).is_ok());
    }

    #[test]
    fn one_of_another_journal_is_refused() {
        let (mut disk, checkpoints) = disk();
        checkpoints.write(&mut disk, 5, AT, b"state").unwrap();
        let other = Checkpoints::of(Path::new("/j"), [2; 16]);
        let refused = other.read(&mut disk, 5).unwrap_err().to_string();
        assert!(refused.ends_with("belongs to another journal"), "{refused}");
    }
}
