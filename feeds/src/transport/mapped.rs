//! A file mapped into memory: the fastest way to read one in sequence that we measured.
//!
//! The one file of this crate that is allowed `unsafe`. Its contract, which no code can keep: nobody
//! truncates the file while it is mapped. Who does makes the program end with `SIGBUS` where it reads
//! beyond the new end; nothing worse. A file that is still being written may be read as far as it was
//! when it was opened.

#![allow(unsafe_code)]

use memmap2::{Advice, Mmap};
use std::fs::File;
use std::io;
use std::ops::Deref;

/// A file's bytes as they were when it was opened.
#[derive(Debug)]
pub struct Mapped(Mmap);

impl Mapped {
    /// Maps all of `file` and tells the system that it will be read once, from front to back.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the mapping is read-only and private to this value, and it holds its own reference to
        // the file. That nobody truncates the file meanwhile is the contract of this module.
        let map = unsafe { Mmap::map(file)? };
        // Only advice: a system that does not take it reads as well.
        map.advise(Advice::Sequential).ok();
        Ok(Self(map))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
