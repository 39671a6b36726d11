//! A disk that lies as disks lie, by a seed: what was written is not what survives.
//!
//! It has two planes. What was *written* is what a reader sees; what was *synced* is what a power cut
//! leaves. Between them lie writes that were cut into sectors, of which any may have reached the disk, and
//! names that nobody has synced. Writes end in any order, short, or with an error; a sync may fail, and then
//! what it was about is gone although a reader still sees it. At a given call the power goes.

use crate::{Disk, Done, Write};
use std::collections::BTreeMap;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// How badly a disk behaves; chances are in 65,536ths.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Mischief {
    /// A write ends with an error.
    pub failing_writes: u16,
    /// A write ends before its range does.
    pub short_writes: u16,
    /// A sync fails, and what was not synced before is lost.
    pub failing_syncs: u16,
    /// A file cannot be made: there is no room.
    pub full: u16,
    /// The power goes at this call.
    pub power_cut_at: Option<u64>,
    /// This call fails: with an error, or (a write) short.
    pub fault_at: Option<(u64, Fault)>,
}

/// What goes wrong at one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Input or output failed.
    Io,
    /// There is no room.
    Full,
    /// A write ends before its range does; other calls fail.
    Short,
}

/// Random numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed throws the same.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// True so often in 65,536.
    pub fn chance(&mut self, of: u16) -> bool {
        self.below(65_536) < u64::from(of)
    }
}

/// One file on both planes.
#[derive(Clone, Default, Debug)]
struct Content {
    written: Vec<u8>,
    synced: Vec<u8>,
    /// Whether its name is there after a power cut.
    is_named: bool,
}

/// The disk.
pub struct SimulatedDisk {
    files: BTreeMap<PathBuf, Content>,
    /// Files that were taken away although their names are still on the disk.
    unnamed: BTreeMap<PathBuf, Content>,
    dice: Dice,
    mischief: Mischief,
    calls: u64,
    has_power: bool,
    under_way: Vec<(PathBuf, Write)>,
    depth: usize,
}

/// A file of a simulated disk: its name when it was made.
#[derive(Debug)]
pub struct SimulatedFile(PathBuf);

fn cut() -> io::Error {
    io::Error::other("the power is gone")
}

impl SimulatedDisk {
    /// An empty disk.
    pub fn new(seed: u64, mischief: Mischief, depth: usize) -> Self {
        Self {
            files: BTreeMap::new(),
            unnamed: BTreeMap::new(),
            dice: Dice::new(seed),
            mischief,
            calls: 0,
            has_power: true,
            under_way: Vec::new(),
            depth,
        }
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Whether the power is still there.
    pub fn has_power(&self) -> bool {
        self.has_power
    }

    /// The disk as it is found when the power is back, behaving as given from now on.
    pub fn after_power_cut(mut self, mischief: Mischief) -> Self {
        for (path, write) in std::mem::take(&mut self.under_way) {
            self.tear(&path, &write);
        }
        let mut files = BTreeMap::new();
        for (path, content) in std::mem::take(&mut self.unnamed) {
            if self.dice.chance(32_768) {
                files.insert(path, content);
            }
        }
        for (path, content) in std::mem::take(&mut self.files) {
            if content.is_named || self.dice.chance(32_768) {
                files.insert(path, content);
            }
        }
        for content in files.values_mut() {
            content.is_named = true;
            content.written.clone_from(&content.synced);
        }
        Self { files, mischief, calls: 0, has_power: true, ..self }
    }

    /// The disk as it is found when only the process was killed: a reader sees all that was written, and
    /// some of what was under way.
    pub fn after_kill(mut self, mischief: Mischief) -> Self {
        for (path, write) in std::mem::take(&mut self.under_way) {
            self.tear(&path, &write);
        }
        Self { mischief, calls: 0, has_power: true, ..self }
    }

    /// The same disk, behaving as given from now on.
    pub fn behaving(self, mischief: Mischief) -> Self {
        Self { mischief, calls: 0, ..self }
    }

    /// All files as a reader sees them.
    pub fn contents(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.files.iter().map(|(path, content)| (path.as_path(), content.written.as_slice()))
    }

    /// A file's bytes on both planes, to damage them.
    pub fn damage(&mut self, path: &Path, damage: impl Fn(&mut Vec<u8>)) {
        if let Some(content) = self.files.get_mut(path) {
            damage(&mut content.written);
            damage(&mut content.synced);
        }
    }

    /// Counts a call; the power may go, or the call may be the one that fails.
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.mischief.power_cut_at.is_some_and(|at| self.calls >= at) {
            self.has_power = false;
        }
        if !self.has_power {
            return Err(cut());
        }
        match self.mischief.fault_at {
            Some((at, Fault::Io | Fault::Short)) if at == self.calls => Err(eio()),
            Some((at, Fault::Full)) if at == self.calls => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn of(&mut self, path: &Path) -> io::Result<&mut Content> {
        self.files.get_mut(path).ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Some sectors of a write reach both planes.
    fn tear(&mut self, path: &Path, write: &Write) {
        let Some(content) = self.files.get_mut(path) else { return };
        let bytes = &write.pages.bytes()[write.range.clone()];
        for (number, sector) in bytes.chunks(SECTOR).enumerate() {
            if self.dice.chance(32_768) {
                let at = write.at as usize + number * SECTOR;
                put(&mut content.written, at, sector);
                put(&mut content.synced, at, sector);
            }
        }
    }

    fn sync_content(&mut self, path: &Path) -> io::Result<()> {
        let fails = self.dice.chance(self.mischief.failing_syncs);
        let content = self.of(path)?;
        if fails {
            // The kernel calls its pages clean; they never were on the disk.
            return Err(eio());
        }
        content.synced.clone_from(&content.written);
        Ok(())
    }

    fn end(&mut self, path: &Path, write: &Write) -> io::Result<usize> {
        let fault = self.mischief.fault_at.filter(|(at, _)| *at == self.calls + 1);
        let called = self.call();
        if called.is_err() && !matches!(fault, Some((_, Fault::Short))) {
            self.tear(path, write);
            return called.map(|()| 0);
        }
        if self.dice.chance(self.mischief.failing_writes) {
            self.tear(path, write);
            return Err(eio());
        }
        let mut range = write.range.clone();
        let is_short = fault.is_some() || self.dice.chance(self.mischief.short_writes);
        if is_short && range.len() > 1 {
            range.end = range.start + 1 + self.dice.below(range.len() as u64 - 1) as usize;
        }
        let content = self.of(path)?;
        let bytes = &write.pages.bytes()[range.clone()];
        put(&mut content.written, write.at as usize, bytes);
        put(&mut content.synced, write.at as usize, bytes);
        Ok(range.len())
    }
}

fn eio() -> io::Error {
    io::Error::other("input/output error")
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Disk for SimulatedDisk {
    type File = SimulatedFile;

    fn make_folder(&mut self, _: &Path) -> io::Result<()> {
        self.call()
    }

    fn names(&mut self, folder: &Path) -> io::Result<Vec<String>> {
        self.call()?;
        let within = self.files.keys().filter(|path| path.parent() == Some(folder));
        Ok(within.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn read(&mut self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.call()?;
        let content = self.of(path)?.written.clone();
        Ok(Box::new(Cursor::new(content)))
    }

    fn length(&mut self, path: &Path) -> io::Result<u64> {
        self.call()?;
        Ok(self.of(path)?.written.len() as u64)
    }

    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<SimulatedFile> {
        self.call()?;
        if self.files.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let is_full = self.dice.chance(self.mischief.full);
        let length = if is_full { 0 } else { bytes as usize };
        let content = Content { written: vec![0; length], ..Content::default() };
        self.files.insert(path.to_path_buf(), content);
        if is_full {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(SimulatedFile(path.to_path_buf()))
    }

    fn sync(&mut self, file: &SimulatedFile) -> io::Result<()> {
        self.sync_path(&file.0)
    }

    fn sync_path(&mut self, path: &Path) -> io::Result<()> {
        self.call()?;
        self.sync_content(path)
    }

    fn truncate(&mut self, file: &SimulatedFile, bytes: u64) -> io::Result<()> {
        self.call()?;
        self.of(&file.0)?.written.truncate(bytes as usize);
        Ok(())
    }

    fn replace(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        let called = self.call();
        // Where it fails it may have happened all the same.
        if called.is_ok() || self.dice.chance(32_768) {
            let (written, synced) = (content.to_vec(), content.to_vec());
            self.files.insert(path.to_path_buf(), Content { written, synced, is_named: true });
        }
        called
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.call()?;
        let mut content = self.files.remove(from).ok_or(ErrorKind::NotFound)?;
        if content.is_named {
            self.unnamed.insert(from.to_path_buf(), content.clone());
        }
        content.is_named = false;
        self.files.insert(to.to_path_buf(), content);
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.call()?;
        let content = self.files.remove(path).ok_or(ErrorKind::NotFound)?;
        if content.is_named {
            self.unnamed.insert(path.to_path_buf(), content);
        }
        Ok(())
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        self.call()?;
        if self.dice.chance(self.mischief.failing_syncs) {
            return Err(eio());
        }
        self.unnamed.retain(|path, _| path.parent() != Some(folder));
        for (path, content) in &mut self.files {
            content.is_named |= path.parent() == Some(folder);
        }
        Ok(())
    }

    fn depth(&self) -> usize {
        self.depth
    }

    fn start(&mut self, file: &SimulatedFile, write: Write) {
        self.under_way.push((file.0.clone(), write));
    }

    fn done(&mut self, wait: bool) -> Option<Done> {
        if self.under_way.is_empty() || (!wait && self.dice.chance(32_768)) {
            return None;
        }
        let number = self.dice.below(self.under_way.len() as u64) as usize;
        let (path, write) = self.under_way.swap_remove(number);
        let result = self.end(&path, &write);
        Some(Done { write, result })
    }
}
