//! The best disk that this machine allows.

use crate::{Disk, Done, OpenFile, PlainDisk, RingDisk, Safety, Write};
use std::io::{self, Read};
use std::path::Path;

/// A real disk: through an io_uring where the kernel allows one, through plain calls where it does not.
#[derive(Debug)]
pub enum RealDisk {
    /// Several writes under way.
    Ring(Box<RingDisk>),
    /// One write at a time, and why it is no ring.
    Plain(PlainDisk, String),
}

impl RealDisk {
    /// The disk to use. Containers often forbid io_uring, and so may the administrator
    /// (`kernel.io_uring_disabled`).
    #[must_use]
    pub fn open(safety: Safety) -> Self {
        Self::choose(RingDisk::new(safety), safety)
    }

    fn choose(ring: io::Result<RingDisk>, safety: Safety) -> Self {
        match ring {
            Ok(ring) => Self::Ring(Box::new(ring)),
            Err(error) => Self::Plain(PlainDisk::new(safety), format!("no io_uring: {error}")),
        }
    }

    /// Which one it is, and why, in one line.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::Ring(disk) => {
                format!("io_uring, {} writes under way{}", disk.depth(), unsafely(disk.safety()))
            }
            Self::Plain(disk, why) => {
                format!("one write at a time ({why}){}", unsafely(disk.safety()))
            }
        }
    }
}

fn unsafely(safety: Safety) -> &'static str {
    match safety {
        Safety::Disk => "",
        Safety::Cache => ", to the page cache only: a power cut loses them",
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
        let refused = io::Error::from_raw_os_error(libc::EPERM);
        let plain = RealDisk::choose(Err(refused), Safety::Disk);
        let why = "one write at a time (no io_uring: Operation not permitted (os error 1))";
        assert_eq!(plain.description(), why);

        let ring = RingDisk::with_depth(Safety::Cache, 4);
        let Ok(ring) = ring.inspect_err(|error| eprintln!("not run: no io_uring: {error}")) else {
            return;
        };
        let what = "io_uring, 4 writes under way, to the page cache only: a power cut loses them";
        assert_eq!(RealDisk::choose(Ok(ring), Safety::Cache).description(), what);
    }
}
