//! A disk that keeps several writes under way, through an io_uring.
//!
//! A write that is durable when it is done takes a disk a tenth of a millisecond or more, nearly all of it
//! waiting: so the next ones are handed over before it is done. Writes to one file stand in line before
//! the page cache, but not past it: whole pages go straight to the disk (`O_DIRECT`) where the file system
//! allows that.
//!
//! The ring may be used from any thread, one at a time. To bind it to one (`SINGLE_ISSUER` with
//! `DEFER_TASKRUN`) made no difference that could be measured, and it would leave nobody to wait for what
//! is under way when another thread drops the disk.

#![allow(unsafe_code)] // the kernel reads memory that it was given

use crate::plain::{Handles, wanted};
use crate::{Disk, Done, OpenFile, Pages, PlainDisk, Reach, Write};
use engine_audit::layout::PAGE;
use io_uring::types::Fd;
use io_uring::{EnterFlags, IoUring, Probe, opcode};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How many writes are under way at once, if nobody says otherwise.
const DEPTH: usize = 8;
/// The most that anybody may ask for.
const DEPTH_MAX: usize = 256;
/// The most that one write hands to the kernel, whose counts are 32 bits; the rest is a short write.
const BYTES_MAX: usize = 1 << 30;
/// How long to wait if the kernel has no memory for a write.
const BREATH: Duration = Duration::from_micros(100);

/// The disk through an io_uring: several writes under way, each durable by itself when it is done.
///
/// A thread that ends may take along what it has started: such a write is done with an error.
pub struct RingDisk {
    plain: PlainDisk,
    ring: IoUring,
    /// The writes under way; a completion names the place.
    under_way: Vec<Option<Started>>,
    /// What came of writes that never reached the ring.
    refused: VecDeque<Done>,
    /// The error after which the ring is not used again.
    broken: Option<i32>,
}

/// A write that the kernel may be reading the memory of.
#[derive(Debug)]
struct Started {
    /// Keeps the file open.
    file: Arc<Handles>,
    write: Write,
    is_direct: bool,
}

impl RingDisk {
    /// A disk with up to eight writes under way; an error where the kernel does not allow a ring.
    pub fn new(reach: Reach) -> io::Result<Self> {
        Self::with_depth(reach, DEPTH)
    }

    /// The same with so many writes under way, at most 256.
    pub fn with_depth(reach: Reach, depth: usize) -> io::Result<Self> {
        let depth = depth.clamp(1, DEPTH_MAX);
        let entries = depth.next_power_of_two() as u32;
        // Linux before 5.19 does not know that it need not interrupt us.
        let ring = IoUring::builder()
            .setup_coop_taskrun()
            .setup_taskrun_flag()
            .build(entries)
            .or_else(|_| IoUring::new(entries))?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Write::CODE) {
            return Err(io::Error::new(ErrorKind::Unsupported, "the ring cannot write"));
        }
        Ok(Self {
            plain: PlainDisk::new(reach),
            ring,
            under_way: (0..depth).map(|_| None).collect(),
            refused: VecDeque::new(),
            broken: None,
        })
    }

    /// Hands a write to the kernel, if there is room for it.
    fn push(&mut self, started: Started) -> Result<(), (Started, io::Error)> {
        if let Some(error) = self.broken {
            return Err((started, io::Error::from_raw_os_error(error)));
        }
        let Some(place) = self.under_way.iter().position(Option::is_none) else {
            return Err((started, io::Error::other("more writes than the disk takes at once")));
        };
        let (address, length) = match wanted(&started.write) {
            Ok(bytes) => (bytes.as_ptr(), bytes.len().min(BYTES_MAX)),
            Err(error) => return Err((started, error)),
        };
        let direct = started.file.direct.as_ref().filter(|_| started.is_direct);
        let file = direct.unwrap_or(&started.file.file);
        let flags = match self.plain.reach() {
            Reach::Disk => libc::RWF_DSYNC,
            Reach::Cache => 0,
        };
        let write = opcode::Write::new(Fd(file.as_raw_fd()), address, length as u32)
            .offset(started.write.at)
            .rw_flags(flags)
            .build()
            .user_data(place as u64);
        // SAFETY: the memory lies on the heap and the file is held by its count; both go into `under_way`
        // below, from where only this write's completion takes them (or nobody, see `give_up`).
        if unsafe { self.ring.submission().push(&write) }.is_err() {
            return Err((started, io::Error::other("the ring is full")));
        }
        self.under_way[place] = Some(started);
        Ok(())
    }

    /// Hands over what the kernel has not seen yet, lets it do what it has put off, and waits for so many
    /// completions.
    fn enter(&mut self, wait_for: u32) -> io::Result<()> {
        let to_submit = self.ring.submission().len() as u32;
        let flags = EnterFlags::GETEVENTS.bits();
        // SAFETY: no argument is handed over; what is submitted was checked when it was pushed.
        let entered = unsafe {
            self.ring.submitter().enter::<libc::sigset_t>(to_submit, wait_for, flags, None)
        };
        let Err(error) = entered else { return Ok(()) };
        match error.raw_os_error() {
            Some(libc::EINTR) => Ok(()),
            // No memory for now, or completions must be taken first. The entries stay where they are.
            Some(libc::EAGAIN | libc::EBUSY) => {
                if wait_for > 0 {
                    std::thread::sleep(BREATH);
                }
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// The next completion, if one is there; no system call.
    fn completed(&mut self) -> Option<Done> {
        loop {
            let entry = self.ring.completion().next()?;
            let place = entry.user_data() as usize;
            let started = self.under_way.get_mut(place)?.take()?;
            // This file cannot be written to past the page cache after all.
            if entry.result() == -libc::EINVAL && started.is_direct {
                match self.push(Started { is_direct: false, ..started }) {
                    Ok(()) => continue, // The next `enter` hands it over.
                    Err((Started { write, .. }, error)) => {
                        return Some(Done { write, result: Err(error) });
                    }
                }
            }
            let result = usize::try_from(entry.result())
                .map_err(|_| io::Error::from_raw_os_error(-entry.result()));
            return Some(Done { write: started.write, result });
        }
    }

    fn is_idle(&self) -> bool {
        self.under_way.iter().all(Option::is_none)
    }

    /// Whether the kernel waits for us to call it.
    fn has_work(&mut self) -> bool {
        let submissions = self.ring.submission();
        !submissions.is_empty() || submissions.taskrun() || submissions.cq_overflow()
    }

    /// The ring fails, so nobody will ever say when the kernel has read the memory of what is under way: it
    /// is never used again, and whoever started these writes gets other memory back.
    #[cold]
    fn give_up(&mut self, error: &io::Error) {
        let code = error.raw_os_error().unwrap_or(libc::EIO);
        self.broken = Some(code);
        for started in self.under_way.iter_mut().filter_map(Option::take) {
            let Write { block, ref pages, ref range, at } = started.write;
            let write =
                Write { block, pages: Pages::new(pages.bytes().len()), range: range.clone(), at };
            self.refused.push_back(Done { write, result: Err(io::Error::from_raw_os_error(code)) });
            std::mem::forget(started);
        }
    }
}

impl Disk for RingDisk {
    type File = OpenFile;

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        self.plain.make_folder(path)
    }

    fn names(&mut self, folder: &Path) -> io::Result<Vec<String>> {
        self.plain.names(folder)
    }

    fn read(&mut self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.plain.read(path)
    }

    fn length(&mut self, path: &Path) -> io::Result<u64> {
        self.plain.length(path)
    }

    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<OpenFile> {
        let mut file = self.plain.create(path, bytes)?;
        if self.plain.reach() == Reach::Disk
            && let Some(handles) = Arc::get_mut(&mut file.0)
        {
            handles.direct = past_the_cache(path);
        }
        Ok(file)
    }

    fn sync(&mut self, file: &OpenFile) -> io::Result<()> {
        self.plain.sync(file)
    }

    fn sync_path(&mut self, path: &Path) -> io::Result<()> {
        self.plain.sync_path(path)
    }

    fn truncate(&mut self, file: &OpenFile, bytes: u64) -> io::Result<()> {
        self.plain.truncate(file, bytes)
    }

    fn replace(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.plain.replace(path, content)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.plain.rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.plain.remove(path)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        self.plain.sync_folder(folder)
    }

    fn depth(&self) -> usize {
        self.under_way.len()
    }

    fn start(&mut self, file: &OpenFile, write: Write) {
        let is_direct = file.0.direct.is_some() && is_whole_pages(&write);
        let file = Arc::clone(&file.0);
        let started = match self.push(Started { file, write, is_direct }) {
            Ok(()) => self.enter(0),
            Err((Started { write, .. }, error)) => {
                self.refused.push_back(Done { write, result: Err(error) });
                return;
            }
        };
        if let Err(error) = started {
            self.give_up(&error);
        }
    }

    fn done(&mut self, wait: bool) -> Option<Done> {
        let mut has_entered = false;
        loop {
            if let Some(done) = self.refused.pop_front() {
                return Some(done);
            }
            if let Some(done) = self.completed() {
                return Some(done);
            }
            let is_worth_it = wait || (!has_entered && self.has_work());
            if self.is_idle() || !is_worth_it {
                return None;
            }
            if let Err(error) = self.enter(u32::from(wait)) {
                self.give_up(&error);
            }
            has_entered = true;
        }
    }
}

impl Drop for RingDisk {
    /// Waits for what is under way: until then the kernel may read its memory.
    fn drop(&mut self) {
        while !self.is_idle() {
            self.done(true);
        }
    }
}

impl std::fmt::Debug for RingDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let under_way = self.under_way.iter().flatten().count();
        let Self { plain, broken, .. } = self;
        f.debug_struct("RingDisk")
            .field("plain", plain)
            .field("under_way", &under_way)
            .field("broken", broken)
            .finish_non_exhaustive()
    }
}

/// The file once more, to be written to without the page cache, if its file system allows it.
fn past_the_cache(path: &Path) -> Option<File> {
    OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path).ok()
}

/// Only such a write may go past the page cache. The memory is aligned to pages anyway.
fn is_whole_pages(write: &Write) -> bool {
    let is_even = |bytes: usize| bytes.is_multiple_of(PAGE);
    is_even(write.range.start) && is_even(write.range.end) && write.at.is_multiple_of(PAGE as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_ring(check: impl FnOnce(RingDisk, &Path)) {
        let folder = tempfile::tempdir().expect("a folder");
        match RingDisk::with_depth(Reach::Disk, 2) {
            Ok(ring) => check(ring, folder.path()),
            Err(error) => eprintln!("not run: no io_uring: {error}"),
        }
    }

    fn write(block: u64, range: std::ops::Range<usize>) -> Write {
        let mut pages = Pages::new(range.end);
        pages.bytes_mut().fill(7);
        Write { block, pages, range, at: 1 }
    }

    #[test]
    fn what_cannot_go_past_the_page_cache_goes_through_it() {
        with_ring(|mut disk, folder| {
            let path = folder.join("segment");
            let file = disk.create(&path, 4096).expect("created");
            // Not even sectors: refused past the cache, if the file system is strict.
            let started =
                Started { file: Arc::clone(&file.0), write: write(1, 3..8), is_direct: true };
            disk.push(started).expect("there is room");
            let done = disk.done(true).expect("it is under way");
            assert_eq!(done.result.expect("written"), 5);
            assert_eq!(std::fs::read(&path).expect("there")[..8], [0, 7, 7, 7, 7, 7, 0, 0]);
        });
    }

    #[test]
    fn a_ring_that_fails_gives_other_memory_back_and_is_not_used_again() {
        with_ring(|mut disk, folder| {
            let file = disk.create(&folder.join("segment"), 4096).expect("created");
            disk.start(&file, write(1, 0..4096));
            let address =
                disk.under_way[0].as_ref().map(|started| started.write.pages.bytes().as_ptr());
            disk.give_up(&io::Error::from_raw_os_error(libc::ENXIO));
            disk.start(&file, write(2, 0..4096));

            let failed = disk.done(true).expect("the first one");
            assert_eq!((failed.write.block, failed.write.range, failed.write.at), (1, 0..4096, 1));
            assert_ne!(Some(failed.write.pages.bytes().as_ptr()), address);
            assert_eq!(failed.write.pages.bytes(), [0; 4096]);
            let refused = disk.done(true).expect("the second one");
            assert_eq!(refused.write.block, 2);
            assert_eq!(refused.write.pages.bytes(), [7; 4096]);
            for error in [failed.result, refused.result] {
                assert_eq!(error.expect_err("it failed").raw_os_error(), Some(libc::ENXIO));
            }
            assert!(disk.done(true).is_none());
        });
    }
}
