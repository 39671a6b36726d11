//! A file mapped into memory: the fastest way to read one in sequence that we measured.
//!
//! One of the files that are allowed `unsafe`. Its contract, which no code can keep: nobody
//! truncates the file while it is mapped. Who does makes the program end with `SIGBUS` where it reads
//! beyond the new end; nothing worse. A file that is still being written may be read as far as it was
//! when it was opened.
//!
//! Reading ahead is the system's, told that the file is read in sequence. What we add is that a stretch
//! ahead of the reader is mapped in one call and not by a fault for each few pages; where it is not in
//! memory yet, the call reads it. Asking the system to read further ahead on its own (`MADV_WILLNEED`)
//! took a third longer with the file in memory; without, figures differ too much to tell.

#![allow(unsafe_code)]

use memmap2::{Advice, Mmap};
use std::fs::File;
use std::io;
use std::ops::Deref;

/// A file's bytes as they were when it was opened.
#[derive(Debug)]
pub struct Mapped {
    map: Mmap,
    /// Up to here it was asked for.
    asked: usize,
}

impl Mapped {
    /// How much is asked for at once, when the reader has come within half of that.
    const AHEAD: usize = 4 << 20;

    /// Maps all of `file` and tells the system that it will be read once, from front to back.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the mapping is read-only and private to this value, and it holds its own reference to
        // the file. That nobody truncates the file meanwhile is the contract of this module.
        let map = unsafe { Mmap::map(file)? };
        // Only advice: a system that does not take it reads as well.
        map.advise(Advice::Sequential).ok();
        let mut mapped = Self { map, asked: 0 };
        mapped.ask_beyond(0);
        Ok(mapped)
    }

    /// The reader is at `at`: what comes next is made ready.
    #[inline]
    pub fn ask_beyond(&mut self, at: usize) {
        if at + Self::AHEAD / 2 >= self.asked && self.asked < self.map.len() {
            self.ask();
        }
    }

    #[cold]
    fn ask(&mut self) {
        let length = Self::AHEAD.min(self.map.len() - self.asked);
        // Only advice, again; Linux takes it since 5.14.
        #[cfg(target_os = "linux")]
        self.map.advise_range(Advice::PopulateRead, self.asked, length).ok();
        self.asked += length;
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_reader_never_catches_up_with_what_is_asked_for() {
        let bytes: Vec<u8> = (0..3 * Mapped::AHEAD + 5).map(|place| (place / 4096) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let mut mapped = Mapped::new(&file).unwrap();
        assert_eq!(mapped.asked, Mapped::AHEAD);
        for at in (0..bytes.len()).step_by(10_000) {
            mapped.ask_beyond(at);
            let ahead = mapped.asked - at;
            let end = bytes.len() - at;
            assert!(ahead >= end.min(Mapped::AHEAD / 2) && ahead <= 2 * Mapped::AHEAD, "{at}");
        }
        assert_eq!(mapped.asked, bytes.len());
        mapped.ask_beyond(usize::MAX / 2);
        assert!(mapped[..] == bytes[..]);
    }
}
