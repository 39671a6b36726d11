//! What the journal asks of a disk: given from outside, so that a simulated one can run the same code.

use crate::Pages;
use std::io::{self, Read};
use std::path::Path;

/// What ends the name of a file that is not whole yet, or is about to take another one's place.
pub(crate) const NEW: &str = ".new";

/// A disk, or what looks like one.
///
/// Everything but [`start`](Self::start) is done, and durable where it says so, when it returns. An error
/// is final for what it is about: nobody asks the same file to sync a second time, since the kernel may
/// have forgotten what it could not write.
pub trait Disk: Send + 'static {
    /// A file that is written to.
    type File: Send;

    /// Makes a folder and those that it lies in, durably; one that is there already is fine.
    fn make_folder(&mut self, path: &Path) -> io::Result<()>;

    /// The names of the files in a folder, in no order.
    fn names(&mut self, folder: &Path) -> io::Result<Vec<String>>;

    /// A file's content, from its beginning.
    fn read(&mut self, path: &Path) -> io::Result<Box<dyn Read + Send>>;

    /// A file's length.
    fn length(&mut self, path: &Path) -> io::Result<u64>;

    /// A new file of so many bytes, all zero, for which the room is set aside. Neither it nor its name is
    /// durable yet: see [`sync`](Self::sync) and [`sync_folder`](Self::sync_folder).
    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<Self::File>;

    /// Makes everything in the file durable that was written so far.
    fn sync(&mut self, file: &Self::File) -> io::Result<()>;

    /// The same for a file that somebody else has written, by its name.
    fn sync_path(&mut self, path: &Path) -> io::Result<()>;

    /// Makes the file this long.
    fn truncate(&mut self, file: &Self::File, bytes: u64) -> io::Result<()>;

    /// A file with this content, in place of one that may be there: after a crash it is either the old
    /// one or the new one. Durable when it returns.
    fn replace(&mut self, path: &Path, content: &[u8]) -> io::Result<()>;

    /// Gives a file another name.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file away.
    fn remove(&mut self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&mut self, folder: &Path) -> io::Result<()>;

    /// How many writes may be under way at once.
    fn depth(&self) -> usize;

    /// Starts a write; at most [`depth`](Self::depth) are under way at once, and they may reach the disk in
    /// any order. What it wrote is durable when it is [`done`](Self::done).
    fn start(&mut self, file: &Self::File, write: Write);

    /// A write that is done, if there is one; one that was started, not necessarily the first. If `wait`,
    /// waits for one, as long as any is under way.
    fn done(&mut self, wait: bool) -> Option<Done>;
}

/// Bytes of a block on their way to a file.
#[derive(Debug)]
pub struct Write {
    /// Which block, for whoever has started it.
    pub block: u64,
    /// The memory.
    pub pages: Pages,
    /// Which of its bytes are to be written.
    pub range: std::ops::Range<usize>,
    /// Where in the file the first of them goes.
    pub at: u64,
}

/// What came of a write.
#[derive(Debug)]
pub struct Done {
    /// The write, and with it its memory.
    pub write: Write,
    /// How many bytes of the range were written and are durable; fewer than all is no error yet.
    pub result: io::Result<usize>,
}
