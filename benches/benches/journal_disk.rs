//! How fast do blocks of the journal become durable?
//!
//! Blocks are written one behind the other into a file for which the room was set aside, as the journal
//! writes a segment: so many are under way at once, and as soon as one is done the next one starts. How
//! long a block takes is counted from its start to the moment that it is known to be durable (or, in the
//! second half, to lie in the page cache).
//!
//! The disk is that of the folder in `TAPEWATCH_BENCH_DIR`, or else that of the temporary files. Figures
//! of one disk say little about another one.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Results, tell};
use engine_journal::{Disk, OpenFile, Pages, PlainDisk, Reach, RingDisk, Write};
use std::fs::OpenOptions;
use std::path::Path;
use std::time::{Duration, Instant};

const KIB: usize = 1 << 10;

fn main() {
    let options = Options::from_args();
    let folder = match std::env::var_os("TAPEWATCH_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.expect("a folder for the blocks");
    if let Err(error) = RingDisk::new(Reach::Disk) {
        println!("not run: no io_uring: {error}");
        return;
    }
    let safeties = [(Reach::Disk, "durable"), (Reach::Cache, "in the page cache")];
    let contests = safeties.iter().flat_map(|(reach, goal)| {
        [64 * KIB, 256 * KIB].map(|bytes| {
            let title = format!("{} KiB, {goal}", bytes / KIB);
            contest(options, folder.path(), *reach, bytes, title)
        })
    });
    let results: Vec<_> = contests.collect();
    tell(options, "journal_disk", "as the group says", &results);
}

fn contest(options: Options, folder: &Path, reach: Reach, bytes: usize, title: String) -> Results {
    let run = Run {
        path: &folder.join("segment"),
        bytes,
        blocks: options.choose((64 << 20) / bytes, 16),
        room: Room::SetAside,
    };
    let plain = || PlainDisk::new(reach);
    let ring = |depth| RingDisk::with_depth(reach, depth).expect("there was one");
    let contest = Contest::with_columns(title, &["MB/s", "p50 µs", "p99 µs"])
        .ours("plain, one at a time", || run.time(&mut plain()))
        .ours("io_uring, 1 under way", || run.time(&mut ring(1)))
        .ours("io_uring, 4 under way", || run.time(&mut ring(4)))
        .ours("io_uring, 8 under way", || run.time(&mut ring(8)));
    let cached = Run { room: Room::ThroughTheCache, ..run };
    let again = Run { room: Room::Written, ..run };
    let contest = match reach {
        Reach::Cache => contest,
        Reach::Disk => contest
            .ours("io_uring, 8, through the page cache", || cached.time(&mut ring(8)))
            .ours("io_uring, 8, over an old segment", || again.time(&mut ring(8))),
    };
    contest.play(options.choose(7, 1))
}

/// What a file is like before blocks are written to it.
#[derive(Clone, Copy)]
enum Room {
    /// The room is set aside, and nothing was ever written there.
    SetAside,
    /// The same, and every write goes through the page cache.
    ThroughTheCache,
    /// Everything was written once already.
    Written,
}

/// Blocks to be written, and where.
#[derive(Clone, Copy)]
struct Run<'a> {
    path: &'a Path,
    bytes: usize,
    blocks: usize,
    room: Room,
}

impl Run<'_> {
    /// MB/s, and how long a block takes: the median, and what 99 % stay below.
    fn time(&self, disk: &mut dyn Disk<File = OpenFile>) -> Vec<f64> {
        let file = self.file(disk);
        let (seconds, mut took) = self.write_all(disk, &file);
        disk.remove(self.path).expect("ours");
        took.sort();
        let micros = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e6;
        let megabytes = (self.bytes * self.blocks) as f64 / 1e6;
        vec![megabytes / seconds, micros(50), micros(99)]
    }

    fn file(&self, disk: &mut dyn Disk<File = OpenFile>) -> OpenFile {
        let mut file = disk.create(self.path, (self.bytes * self.blocks) as u64).expect("room");
        match self.room {
            Room::SetAside => {}
            Room::ThroughTheCache => {
                let open = OpenOptions::new().write(true).open(self.path);
                file = OpenFile::from(open.expect("just created"));
            }
            Room::Written => {
                self.write_all(disk, &file);
            }
        }
        disk.sync(&file).expect("synced");
        file
    }

    fn write_all(
        &self,
        disk: &mut dyn Disk<File = OpenFile>,
        file: &OpenFile,
    ) -> (f64, Vec<Duration>) {
        let mut free: Vec<_> = (0..disk.depth()).map(|number| self.pages(number)).collect();
        let mut started = Vec::with_capacity(self.blocks);
        let mut took = Vec::with_capacity(self.blocks);
        let begin = Instant::now();
        while took.len() < self.blocks {
            while started.len() < self.blocks
                && let Some(pages) = free.pop()
            {
                let block = started.len();
                let at = (block * self.bytes) as u64;
                started.push(Instant::now());
                disk.start(file, Write { block: block as u64, pages, range: 0..self.bytes, at });
            }
            let done = disk.done(true).expect("blocks are under way");
            assert_eq!(done.result.expect("written"), self.bytes, "a short write");
            took.push(started[done.write.block as usize].elapsed());
            free.push(done.write.pages);
        }
        (begin.elapsed().as_secs_f64(), took)
    }

    fn pages(&self, number: usize) -> Pages {
        let mut pages = Pages::new(self.bytes);
        pages.bytes_mut().fill(number as u8 + 1);
        pages
    }
}
