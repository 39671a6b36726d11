//! Ten thousand faults: each is found, and told where it is.

mod built;

use built::{ALERTS, EVENTS, PAGE, Stream};
use engine_audit::compressed::compress;
use engine_audit::{Check, Found, Options, Verified, verify};
use proptest::prelude::*;
use std::fs;
use std::ops::Range;
use std::path::Path;
use tempfile::TempDir;

/// SplitMix64: the same seed gives the same faults.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number below this one.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// A closed journal: its files as they should be.
struct Journal {
    folder: TempDir,
    files: Vec<(String, Vec<u8>)>,
    /// Where blocks are, for files of segments.
    blocks: Vec<Vec<Range<usize>>>,
    is_compressed: bool,
}

impl Journal {
    /// Four segments of events and two of alerts; blocks of 0 to `most` events.
    fn new(most: usize, is_compressed: bool) -> Self {
        let mut random = Random(1);
        let final_of_one = [1_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat();
        let (mut files, mut blocks) = (Vec::new(), Vec::new());
        for (number, segments) in [(EVENTS, 4), (ALERTS, 2)] {
            let mut stream = Stream::new(number, 9);
            for _ in 0..segments {
                stream.open();
                for block in 0..4 + random.below(4) {
                    let text = vec![b'x'; random.below(300)];
                    match number {
                        EVENTS if block % 3 == 0 => stream
                            .content(random.below(most) as u32, &[(6, text), (5, b"run".to_vec())]),
                        EVENTS => stream.content(random.below(most) as u32, &[]),
                        _ => stream.content(
                            0,
                            &[(16, [&[1; 8], &text[..]].concat()), (17, final_of_one.clone())]
                                [..1 + block % 2],
                        ),
                    }
                }
                stream.seal();
            }
            let name = if number == EVENTS { "events" } else { "alerts" };
            for (segment, place) in stream.segments.iter().zip(1..) {
                files.push((format!("{name}/{place:010}.seg"), segment.bytes.clone()));
                blocks.push(segment.blocks.clone());
            }
            files.push((format!("{name}/head"), stream.head(true, 1)));
            blocks.push(Vec::new());
        }
        let folder = TempDir::new().unwrap();
        for stream in ["events", "alerts"] {
            fs::create_dir(folder.path().join(stream)).unwrap();
        }
        let journal = Self { folder, files, blocks, is_compressed };
        (0..journal.files.len()).for_each(|file| journal.write(file, &journal.files[file].1));
        journal
    }

    fn path(&self, file: usize) -> String {
        let name = &self.files[file].0;
        if self.is_compressed && !self.blocks[file].is_empty() {
            format!("{name}.zst")
        } else {
            name.clone()
        }
    }

    /// A file as it lies on disk.
    fn stored(&self, file: usize, content: &[u8]) -> Vec<u8> {
        let mut stored = Vec::new();
        if self.is_compressed && !self.blocks[file].is_empty() {
            compress(content, &mut stored, 1).unwrap();
        } else {
            stored.extend(content);
        }
        stored
    }

    fn write(&self, file: usize, content: &[u8]) {
        self.write_raw(file, &self.stored(file, content));
    }

    fn write_raw(&self, file: usize, bytes: &[u8]) {
        let path = self.folder.path().join(self.path(file));
        let _ = fs::remove_file(&path); // a new file is written without waiting for the disk
        fs::write(path, bytes).unwrap();
    }

    fn verify(&self) -> Verified {
        check(self.folder.path(), 1)
    }

    /// A file of a segment.
    fn segment(&self, random: &mut Random) -> usize {
        loop {
            let file = random.below(self.files.len());
            if !self.blocks[file].is_empty() {
                return file;
            }
        }
    }
}

fn check(journal: &Path, threads: usize) -> Verified {
    verify(journal, Options { trusted: None, threads }).expect("a journal")
}

/// What must be told of a fault.
#[derive(Debug, Clone, Copy)]
enum Told {
    /// A range of this file that holds this byte.
    Byte(usize, usize),
    /// A range of this segment that holds this byte or ends before it.
    At(usize, usize),
    /// This file is missing.
    Missing(usize),
    /// This file is another one's.
    Misplaced(usize),
}

impl Journal {
    fn is_told(&self, told: &Told, found: &[Found]) -> bool {
        let is_in = |range: &Range<u64>, at: usize| range.contains(&(at as u64));
        let is_at = |range: &Range<u64>, at: usize| is_in(range, at) || range.end == at as u64;
        let file = match *told {
            Told::Byte(file, _)
            | Told::At(file, _)
            | Told::Missing(file)
            | Told::Misplaced(file) => file,
        };
        let is_compressed = self.path(file).ends_with(".zst");
        found.iter().any(|Found { file: name, damage }| {
            let (bytes, check) = (&damage.bytes, &damage.check);
            let is_here = *name == self.path(file);
            match (*told, check) {
                (Told::Byte(_, at), Check::Frame(bytes) | Check::SeekTable(bytes)) => {
                    is_here && is_at(bytes, at)
                }
                (Told::Byte(_, at), _) => is_here && !is_compressed && is_at(bytes, at),
                (Told::At(_, at), _) => is_here && is_at(bytes, at),
                (Told::Missing(_), Check::Missing(span)) => {
                    let (stream, number) = self.files[file].0.split_once('/').unwrap();
                    let number: u64 = number[..10].parse().unwrap();
                    name.starts_with(stream) && (span.first..=span.last.unwrap()).contains(&number)
                }
                (Told::Missing(_), Check::NoHead) => is_here,
                (Told::Misplaced(_), Check::Place(_)) => is_here,
                _ => false,
            }
        })
    }

    /// Does something to the journal; says which files it has changed, and what must be told.
    fn break_somewhere(&self, random: &mut Random) -> (&'static str, Vec<usize>, Vec<Told>) {
        let file = self.segment(random);
        let blocks = &self.blocks[file];
        let mut bytes = self.files[file].1.clone();
        let [a, b] = two(random, blocks.len());
        match random.below(10) {
            0 | 1 => {
                let file = random.below(self.files.len());
                let mut stored = self.stored(file, &self.files[file].1);
                let at = random.below(stored.len());
                stored[at] ^= 1 << random.below(8);
                self.write_raw(file, &stored);
                ("a bit flips", vec![file], vec![Told::Byte(file, at)])
            }
            2 => {
                let file = random.below(self.files.len());
                let mut stored = self.stored(file, &self.files[file].1);
                let at = random.below(stored.len());
                stored.truncate(at);
                self.write_raw(file, &stored);
                ("a file is cut", vec![file], vec![Told::Byte(file, at)])
            }
            3 => {
                let mut stored = self.stored(file, &bytes);
                let page = random.below(stored.len()) / PAGE * PAGE;
                let end = stored.len().min(page + PAGE);
                let changed = (page..end)
                    .filter(|at| stored[*at] != 0)
                    .map(|at| Told::Byte(file, at))
                    .collect();
                stored[page..end].fill(0);
                self.write_raw(file, &stored);
                ("a page becomes zeros", vec![file], changed)
            }
            4 => {
                let file = random.below(self.files.len());
                fs::remove_file(self.folder.path().join(self.path(file))).unwrap();
                ("a file is deleted", vec![file], vec![Told::Missing(file)])
            }
            5 => {
                bytes.drain(blocks[a].clone());
                self.write(file, &bytes);
                ("a block is deleted", vec![file], vec![Told::At(file, blocks[a].start)])
            }
            6 => {
                let [first, second] = [a.min(b), a.max(b)].map(|block| blocks[block].clone());
                let between = first.end..second.start;
                let parts =
                    [&bytes[second.clone()], &bytes[between], &bytes[first.clone()]].concat();
                bytes[first.start..second.end].copy_from_slice(&parts);
                self.write(file, &bytes);
                let moved = second.end - first.len();
                (
                    "two blocks are swapped",
                    vec![file],
                    vec![Told::At(file, first.start), Told::At(file, moved)],
                )
            }
            7 => {
                let copy = bytes[blocks[a].clone()].to_vec();
                bytes.splice(blocks[a].end..blocks[a].end, copy);
                self.write(file, &bytes);
                ("a block is there twice", vec![file], vec![Told::At(file, blocks[a].end)])
            }
            8 => {
                let (from, to) = (blocks[a.min(b)].clone(), blocks[a.max(b)].clone());
                let bytes_copied = from.len().min(to.len());
                bytes.copy_within(from.start..from.start + bytes_copied, to.start);
                self.write(file, &bytes);
                ("an older block lies over one", vec![file], vec![Told::At(file, to.start)])
            }
            _ => {
                let other = loop {
                    let other = self.segment(random);
                    if other != file {
                        break other;
                    }
                };
                self.write(file, &self.files[other].1);
                self.write(other, &bytes);
                (
                    "two segments are swapped",
                    vec![file, other],
                    vec![Told::Misplaced(file), Told::Misplaced(other)],
                )
            }
        }
    }

    /// So many faults, one at a time.
    fn endure(&self, faults: usize, seed: u64) {
        let mut random = Random(seed);
        let mut harmless = 0;
        for fault in 0..faults {
            let (what, changed, expected) = self.break_somewhere(&mut random);
            let verified = self.verify();
            let is_harmless = verified.damage_count == 0 && self.is_harmless(changed[0]);
            harmless += usize::from(is_harmless);
            for told in expected.iter().filter(|_| !is_harmless) {
                let is_told = self.is_told(told, &verified.damages);
                assert!(is_told, "fault {fault}, {what}: {told:?} of {:#?}", verified.damages);
            }
            for file in changed {
                self.write(file, &self.files[file].1);
            }
        }
        self.is_whole();
        assert!(harmless < 1 + faults / 1000, "{harmless} faults without effect");
    }

    /// Compressed bits are not all needed: some may flip, and the content is the same.
    fn is_harmless(&self, file: usize) -> bool {
        let stored = fs::read(self.folder.path().join(self.path(file)));
        let stored = stored.ok().filter(|_| self.path(file).ends_with(".zst"));
        let content = stored.and_then(|stored| zstd::stream::decode_all(&stored[..]).ok());
        content.is_some_and(|content| content == self.files[file].1)
    }

    fn is_whole(&self) {
        let verified = self.verify();
        assert!(verified.damages.is_empty(), "{:#?}", verified.damages);
        assert_eq!(verified.damage_count, 0);
        let files: usize = verified.streams.iter().map(|stream| stream.segments.len()).sum();
        assert_eq!(files, 6);
        assert!(verified.notes.is_empty(), "{:?}", verified.notes);
    }
}

/// Two different numbers below this one.
fn two(random: &mut Random, end: usize) -> [usize; 2] {
    let a = random.below(end);
    [a, (a + 1 + random.below(end - 1)) % end]
}

/// How many faults, unless a soak asks for more: `TAPEWATCH_FAULTS=1000000`.
fn faults(usual: usize) -> usize {
    std::env::var("TAPEWATCH_FAULTS").map_or(usual, |faults| faults.parse().expect("a number"))
}

#[test]
fn an_unchanged_journal_is_whole() {
    for is_compressed in [false, true] {
        Journal::new(60, is_compressed).is_whole();
    }
}

#[test]
fn every_fault_is_found_and_told_where_it_is() {
    Journal::new(60, false).endure(faults(10_000), 1);
}

#[test]
fn every_fault_of_a_compressed_journal_is_found_and_told_where_it_is() {
    Journal::new(60, true).endure(faults(4000), 2);
    // And one whose segments have several frames.
    Journal::new(10_000, true).endure(faults(4000) / 20, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever lies in the folder is told, not stumbled over.
    #[test]
    fn no_files_are_too_strange(
        files in prop::collection::vec((0..5_usize, prop::collection::vec(any::<u8>(), 0..9000)), 1..4),
    ) {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("events")).unwrap();
        for (name, mut bytes) in files {
            let name = ["0000000001.seg", "0000000002.seg.zst", "0000000007.seg", "head", "other"][name];
            let magic: &[u8] = match name {
                "head" => b"TWHEAD01",
                _ if name.ends_with("zst") => &[0x28, 0xB5, 0x2F, 0xFD],
                _ => b"TWSEG001",
            };
            bytes.splice(..magic.len().min(bytes.len()), magic.iter().copied());
            fs::write(folder.path().join("events").join(name), bytes).unwrap();
        }
        if let Ok(verified) = verify(folder.path(), Options { trusted: None, threads: 2 }) {
            prop_assert!(verified.damage_count > 0 || !verified.notes.is_empty());
        }
    }
}
