//! The power goes at any moment, on a real file system: what was told to be durable is there afterwards.
//!
//! Five cuts, or as many as `TAPEWATCH_POWER_CUTS` says; then they must be possible, too. Without that
//! they are skipped, with a reason, where nobody may mount a file system.

mod loop_disk;

use engine_journal::{Disk, OpenFile, Pages, PlainDisk, Reach, RingDisk, Write};
use loop_disk::{LoopDisk, Switch};
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

type AnyDisk = dyn Disk<File = OpenFile>;

const CUTS: &str = "TAPEWATCH_POWER_CUTS";
const DISK_BYTES: u64 = 64 << 20;
const PAGE: u64 = 4096;
const SEGMENT_PAGES: u64 = 256;
const BLOCK_PAGES_MAX: u64 = 16;
/// Older segments are removed: all of them would not fit.
const SEGMENTS_KEPT: usize = 24;
const MICROS_MAX: u64 = 300_000;

#[test]
fn what_is_durable_outlives_a_power_cut() {
    let asked = std::env::var(CUTS).ok().map(|cuts| cuts.parse().expect("a number of cuts"));
    let cuts = asked.unwrap_or(5);
    let (mut blocks, mut segments) = (0, 0);
    for seed in 0..cuts {
        let found = match cut(seed, durable) {
            Ok(found) => found,
            Err(why) if asked.is_none() => return eprintln!("not run: {why}"),
            Err(why) => panic!("{CUTS} asks for power cuts: {why}"),
        };
        assert!(found.missing.is_empty(), "cut {seed}: {:#?}", found.missing);
        blocks += found.blocks;
        segments += found.segments;
    }
    assert!(blocks > 0, "no cut came after a block was durable");
    eprintln!("{cuts} cuts: {blocks} durable blocks in {segments} segments, none missing");
}

/// The test can fail: what is told without a sync does not outlive a cut.
#[test]
fn what_is_in_the_page_cache_does_not() {
    match cut(1, |_| Box::new(PlainDisk::new(Reach::Cache))) {
        Ok(found) => assert!(!found.missing.is_empty(), "{} blocks are there", found.blocks),
        Err(why) => eprintln!("not run: {why}"),
    }
}

/// Rings of several depths, and plain calls every fourth time.
fn durable(seed: u64) -> Box<AnyDisk> {
    let depth = [8, 4, 1, 0][seed as usize % 4];
    match RingDisk::with_depth(Reach::Disk, depth) {
        Ok(ring) if depth > 0 => Box::new(ring),
        _ => Box::new(PlainDisk::new(Reach::Disk)),
    }
}

/// Writes until the power goes, and looks at what is there; or says why that cannot be done here.
fn cut(seed: u64, disk: fn(u64) -> Box<AnyDisk>) -> Result<Found, String> {
    let mut file_system = LoopDisk::new(DISK_BYTES)?;
    let (folder, power) = (file_system.path(), file_system.switch());
    let mut random = Random(seed);
    let pause = Duration::from_micros(random.below(MICROS_MAX));
    let mut writer = Writer {
        disk: disk(seed),
        folder: folder.clone(),
        random,
        power: power.clone(),
        told: Told::default(),
    };
    let writing = thread::spawn(move || {
        let error = writer.write_on().expect_err("it writes until it fails");
        assert!(writer.power.has_power().is_err(), "with the power on: {error}");
        writer.told // The disk goes here, and with it what is under way.
    });
    thread::sleep(pause);
    power.cut().expect("an ext4 can be cut");
    let told = writing.join().expect("it fails in order");
    file_system.restart().expect("the file system comes back");
    Ok(told.look(&folder))
}

/// Whoever writes as the journal does: segments one after the other, blocks within them, and a head.
struct Writer {
    disk: Box<AnyDisk>,
    folder: PathBuf,
    random: Random,
    power: Switch,
    told: Told,
}

/// What was told to be durable.
#[derive(Default)]
struct Told {
    segments: VecDeque<Segment>,
    head: Option<u64>,
}

struct Segment {
    number: u64,
    /// Each block's pages.
    blocks: Vec<Range<u64>>,
    /// How many pages it has for ever.
    sealed: Option<u64>,
}

impl Writer {
    fn write_on(&mut self) -> io::Result<()> {
        for number in 0.. {
            let file = self.open(number)?;
            self.disk.replace(&self.folder.join("head"), number.to_string().as_bytes())?;
            self.power.has_power()?;
            self.told.head = Some(number);
            let end = self.fill(number, &file)?;
            self.seal(number, &file, end)?;
            if self.told.segments.len() > SEGMENTS_KEPT
                && let Some(oldest) = self.told.segments.pop_front()
            {
                self.disk.remove(&oldest.path(&self.folder, "sealed"))?;
            }
        }
        Ok(())
    }

    fn open(&mut self, number: u64) -> io::Result<OpenFile> {
        let segment = Segment { number, blocks: Vec::new(), sealed: None };
        let path = segment.path(&self.folder, "open");
        let file = self.disk.create(&path, SEGMENT_PAGES * PAGE)?;
        self.disk.sync(&file)?;
        self.disk.sync_folder(&self.folder)?;
        self.power.has_power()?;
        self.told.segments.push_back(segment);
        Ok(file)
    }

    /// Fills at least half of a segment with blocks; how many pages they are.
    fn fill(&mut self, number: u64, file: &OpenFile) -> io::Result<u64> {
        let enough = SEGMENT_PAGES / 2 + self.random.below(SEGMENT_PAGES / 2 - BLOCK_PAGES_MAX);
        let (mut next, mut under_way) = (0, 0);
        while next < enough || under_way > 0 {
            if next < enough && under_way < self.disk.depth() {
                let pages = next..next + 1 + self.random.below(BLOCK_PAGES_MAX);
                next = pages.end;
                self.disk.start(file, block(number, pages));
                under_way += 1;
                continue;
            }
            let done = self.disk.done(true).expect("blocks are under way");
            under_way -= 1;
            if done.result? < done.write.range.len() {
                return Err(io::Error::other("a short write")); // The power went in the middle of it.
            }
            self.power.has_power()?;
            let first = done.write.at / PAGE;
            let pages = first..first + done.write.range.len() as u64 / PAGE;
            self.told.segments.back_mut().expect("it is open").blocks.push(pages);
        }
        Ok(next)
    }

    fn seal(&mut self, number: u64, file: &OpenFile, pages: u64) -> io::Result<()> {
        self.disk.truncate(file, pages * PAGE)?;
        self.disk.sync(file)?;
        let segment = self.told.segments.back().expect("it is open");
        assert_eq!(segment.number, number);
        let [open, sealed] = ["open", "sealed"].map(|state| segment.path(&self.folder, state));
        self.disk.rename(&open, &sealed)?;
        self.disk.sync_folder(&self.folder)?;
        self.power.has_power()?;
        self.told.segments.back_mut().expect("it is open").sealed = Some(pages);
        Ok(())
    }
}

fn block(segment: u64, pages: Range<u64>) -> Write {
    let bytes: Vec<_> = pages.clone().flat_map(|page| content(segment, page)).collect();
    let mut memory = Pages::new(bytes.len());
    memory.bytes_mut().copy_from_slice(&bytes);
    Write { block: pages.start, pages: memory, range: 0..bytes.len(), at: pages.start * PAGE }
}

/// What is written to a page: no two are alike, and none has a zero.
fn content(segment: u64, page: u64) -> Vec<u8> {
    let mut random = Random(segment << 32 | page);
    (0..PAGE / 8).flat_map(|_| (random.next() | 0x0101_0101_0101_0101).to_le_bytes()).collect()
}

/// What was found after a cut.
struct Found {
    /// How many of each had been told to be durable.
    blocks: usize,
    segments: usize,
    /// What of that is not there, and what is there that nobody has written.
    missing: Vec<String>,
}

impl Told {
    fn look(&self, folder: &Path) -> Found {
        let mut missing = Vec::new();
        if let Some(told) = self.head {
            let head = fs::read_to_string(folder.join("head")).map(|head| head.parse::<u64>());
            // The next one may have been under way.
            if !matches!(head, Ok(Ok(head)) if (told..=told + 1).contains(&head)) {
                missing.push(format!("head {told}: {head:?}"));
            }
        }
        for segment in &self.segments {
            segment.look(folder, &mut missing);
        }
        let blocks = self.segments.iter().map(|segment| segment.blocks.len()).sum();
        Found { blocks, segments: self.segments.len(), missing }
    }
}

impl Segment {
    fn path(&self, folder: &Path, state: &str) -> PathBuf {
        folder.join(format!("{:06}.{state}", self.number))
    }

    fn look(&self, folder: &Path, missing: &mut Vec<String>) {
        let Self { number, ref blocks, sealed } = *self;
        let mut found = fs::read(self.path(folder, "sealed"));
        if found.is_err() && sealed.is_none() {
            found = fs::read(self.path(folder, "open"));
        }
        let bytes = match found {
            Ok(bytes) => bytes,
            Err(error) => return missing.push(format!("segment {number}: {error}")),
        };
        if let Some(pages) = sealed
            && bytes.len() as u64 != pages * PAGE
        {
            missing.push(format!("segment {number}: {} bytes, not {pages} pages", bytes.len()));
        }
        let pages: Vec<_> = bytes.chunks(PAGE as usize).collect();
        for block in blocks {
            let is_there = block.clone().all(|page| {
                pages.get(page as usize).is_some_and(|found| *found == content(number, page))
            });
            if !is_there {
                missing.push(format!("segment {number}: block of pages {block:?}"));
            }
        }
        for (page, found) in pages.iter().enumerate() {
            let is_zero = found.iter().all(|byte| *byte == 0);
            if !is_zero && *found != content(number, page as u64) {
                missing.push(format!("segment {number}: page {page} holds something else"));
            }
        }
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
