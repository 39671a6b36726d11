//! A disk as every system has it: one write at a time, each followed by a sync.

use crate::disk::NEW;
use crate::{Disk, Done, Write};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What has to happen before something counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It lies on the disk, as far as the disk itself says the truth about that: it outlives a power cut.
    Disk,
    /// It lies in the kernel's page cache, and nothing is ever synced: it outlives the end of this process
    /// in any way, but no power cut and no crash of the kernel, which may leave any of it, in any order.
    /// For tests and measurements.
    Cache,
}

/// A file that is written to. It stays open until the last write to it is done.
#[derive(Clone, Debug)]
pub struct OpenFile(pub(crate) Arc<Handles>);

#[derive(Debug)]
pub(crate) struct Handles {
    pub(crate) file: File,
    /// The same file, opened to be written to past the page cache.
    pub(crate) direct: Option<File>,
}

impl OpenFile {
    pub(crate) fn new(file: File, direct: Option<File>) -> Self {
        Self(Arc::new(Handles { file, direct }))
    }
}

impl From<File> for OpenFile {
    /// A file that somebody else has opened for writing.
    fn from(file: File) -> Self {
        Self::new(file, None)
    }
}

/// The disk through plain calls: `pwrite`, `fdatasync`. Works wherever files do.
#[derive(Debug)]
pub struct PlainDisk {
    reach: Reach,
    depth: usize,
    done: VecDeque<Done>,
}

impl PlainDisk {
    /// A disk that takes one write at a time.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        Self { reach, depth: 1, done: VecDeque::new() }
    }

    /// Takes so many writes before it wants to be asked what came of them. They are still made one after
    /// the other, each as soon as it is started.
    #[must_use]
    pub fn with_depth(mut self, depth: usize) -> Self {
        self.depth = depth.max(1);
        self
    }

    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        match self.reach {
            Reach::Disk => file.sync_all(),
            Reach::Cache => Ok(()),
        }
    }

    fn write(&self, file: &File, write: &Write) -> io::Result<usize> {
        let bytes = wanted(write)?;
        let count = loop {
            match file.write_at(bytes, write.at) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if self.reach == Reach::Disk {
            file.sync_data()?;
        }
        Ok(count)
    }
}

impl Disk for PlainDisk {
    type File = OpenFile;

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        self.make_folder(parent(path))?;
        match fs::create_dir(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
            result => result?,
        }
        self.sync_folder(parent(path))
    }

    fn names(&mut self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            // A name that is no text is none that a journal gave.
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&mut self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(path)?))
    }

    fn length(&mut self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<OpenFile> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        match set_aside(&file, bytes) {
            Ok(()) => Ok(OpenFile::from(file)),
            // Nobody knows of it yet, and a second attempt must not find it there.
            Err(error) => fs::remove_file(path).and(Err(error)),
        }
    }

    fn sync(&mut self, file: &OpenFile) -> io::Result<()> {
        self.sync_file(&file.0.file)
    }

    fn sync_path(&mut self, path: &Path) -> io::Result<()> {
        self.sync_file(&File::open(path)?)
    }

    fn truncate(&mut self, file: &OpenFile, bytes: u64) -> io::Result<()> {
        file.0.file.set_len(bytes)
    }

    fn replace(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        let new = beside(path);
        let mut file = File::create(&new)?;
        file.write_all(content)?;
        self.sync_file(&file)?;
        fs::rename(&new, path)?;
        self.sync_folder(parent(path))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        self.sync_file(&File::open(folder)?)
    }

    fn depth(&self) -> usize {
        self.depth
    }

    fn start(&mut self, file: &OpenFile, write: Write) {
        let result = self.write(&file.0.file, &write);
        self.done.push_back(Done { write, result });
    }

    fn done(&mut self, _wait: bool) -> Option<Done> {
        self.done.pop_front()
    }
}

/// The bytes that a write is about, if it makes sense.
pub(crate) fn wanted(write: &Write) -> io::Result<&[u8]> {
    let bytes = write.pages.bytes().get(write.range.clone());
    let ends = bytes.and_then(|bytes| write.at.checked_add(bytes.len() as u64));
    match (bytes, ends) {
        (Some(bytes), Some(..=0x7FFF_FFFF_FFFF_FFFF)) => Ok(bytes),
        _ => {
            let Write { range, at, .. } = write;
            let what =
                format!("bytes {range:?} of {:?} to {at}: there is no such place", write.pages);
            Err(io::Error::new(ErrorKind::InvalidInput, what))
        }
    }
}

/// Room on the disk, which reads as zeros. A file system that cannot set it aside may be full later.
fn set_aside(file: &File, bytes: u64) -> io::Result<()> {
    let length = i64::try_from(bytes).map_err(|_| io::Error::from(ErrorKind::FileTooLarge))?;
    if length == 0 {
        return Ok(());
    }
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, length) {
            Err(Errno::EINTR) => {}
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => return file.set_len(bytes),
            result => return Ok(result?),
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// The name of the file that is to take the place of another one.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(NEW);
    PathBuf::from(name)
}
