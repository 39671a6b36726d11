//! The best disk that this machine allows.

use crate::{Disk, Done, OpenFile, PlainDisk, Reach, RingDisk, Write};
use std::io::{self, Read};
use std::path::Path;

/// A real disk: through an io_uring where that helps and the kernel allows it, or else through plain calls.
#[derive(Debug)]
pub enum RealDisk {
    /// Several writes under way.
    Ring(Box<RingDisk>),
    /// One write at a time, and why it is no ring.
    Plain(PlainDisk, String),
}

impl RealDisk {
    /// The disk to use. Containers often forbid io_uring, and so may the administrator
    /// (`kernel.io_uring_disabled`). What only goes to the page cache has nothing to wait for, and a ring
    /// would slow it down.
    #[must_use]
    pub fn open(reach: Reach) -> Self {
        match reach {
            Reach::Disk => Self::choose(RingDisk::new(reach)),
            Reach::Cache => {
                let why = "to the page cache only: a power cut loses them".to_owned();
                Self::Plain(PlainDisk::new(reach), why)
            }
        }
    }

    fn choose(ring: io::Result<RingDisk>) -> Self {
        match ring {
            Ok(ring) => Self::Ring(Box::new(ring)),
            Err(error) => Self::Plain(PlainDisk::new(Reach::Disk), format!("no io_uring: {error}")),
        }
    }

    /// Which one it is, and why, in one line.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::Ring(disk) => format!("io_uring, {} writes under way", disk.depth()),
            Self::Plain(_, why) => format!("one write at a time, {why}"),
        }
    }
}

/// Hands a call on to the disk that there is.
macro_rules! either {
    ($self:ident, $disk:ident => $call:expr) => {
        match $self {
            Self::Ring($disk) => $call,
            Self::Plain($disk, _) => $call,
        }
    };
}

impl Disk for RealDisk {
    type File = OpenFile;

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        either!(self, disk => disk.make_folder(path))
    }

    fn names(&mut self, folder: &Path) -> io::Result<Vec<String>> {
        either!(self, disk => disk.names(folder))
    }

    fn read(&mut self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        either!(self, disk => disk.read(path))
    }

    fn length(&mut self, path: &Path) -> io::Result<u64> {
        either!(self, disk => disk.length(path))
    }

    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<OpenFile> {
        either!(self, disk => disk.create(path, bytes))
    }

    fn sync(&mut self, file: &OpenFile) -> io::Result<()> {
        either!(self, disk => disk.sync(file))
    }

    fn sync_path(&mut self, path: &Path) -> io::Result<()> {
        either!(self, disk => disk.sync_path(path))
    }

    fn truncate(&mut self, file: &OpenFile, bytes: u64) -> io::Result<()> {
        either!(self, disk => disk.truncate(file, bytes))
    }

    fn replace(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        either!(self, disk => disk.replace(path, content))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        either!(self, disk => disk.rename(from, to))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        either!(self, disk => disk.remove(path))
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        either!(self, disk => disk.sync_folder(folder))
    }

    fn depth(&self) -> usize {
        either!(self, disk => disk.depth())
    }

    fn start(&mut self, file: &OpenFile, write: Write) {
        either!(self, disk => disk.start(file, write));
    }

    fn done(&mut self, wait: bool) -> Option<Done> {
        either!(self, disk => disk.done(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_says_which_it_is() {
        let refused = RealDisk::choose(Err(io::Error::from_raw_os_error(libc::EPERM)));
        let why = "one write at a time, no io_uring: Operation not permitted (os error 1)";
        assert_eq!(refused.description(), why);
        let cached = RealDisk::open(Reach::Cache);
        let why = "one write at a time, to the page cache only: a power cut loses them";
        assert_eq!(cached.description(), why);
        match RingDisk::new(Reach::Disk) {
            Ok(ring) => {
                let ring = RealDisk::choose(Ok(ring));
                assert_eq!(ring.description(), "io_uring, 8 writes under way");
            }
            Err(error) => eprintln!("not run: no io_uring: {error}"),
        }
    }
}
