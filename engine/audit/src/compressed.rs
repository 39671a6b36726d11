//! Compressed segments: Zstandard frames of a mebibyte each and the seek table of Zstandard's seekable format,
//! so that any tool for Zstandard reads them.
//!
//! Each frame stands for itself and carries a checksum: what breaks one leaves the others readable.

use crate::damage::{Check, Damage};
use std::io::{self, Read, Seek, SeekFrom, Write};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{self, CParameter};

/// How much of the segment a frame holds; the last one holds less.
pub const FRAME_BYTES: usize = 1 << 20;
/// What a frame begins with.
const FRAME_MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// What the seek table begins with: tools that do not know it pass over it.
const TABLE_MAGIC: [u8; 4] = 0x184D_2A5E_u32.to_le_bytes();
/// What the seek table, and with it the file, ends with.
const FOOTER_MAGIC: [u8; 4] = 0x8F92_EAB1_u32.to_le_bytes();
/// Bytes of the table's magic number and length.
const TABLE_HEADER: usize = 8;
/// Bytes behind its entries: their number, a byte of flags, the magic number.
const FOOTER: usize = 9;
/// Bytes of an entry: length of the frame, length of its content.
const ENTRY: usize = 8;
/// The most frames that a table may name, so that it has room where a frame has: 128 GiB.
const FRAMES_MAX: usize = FRAME_BYTES / ENTRY;

/// Compresses what is read, and says how many bytes were written.
pub fn compress(mut read: impl Read, mut write: impl Write, level: i32) -> io::Result<u64> {
    let mut compressor = Compressor::new(level)?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    let (mut content, mut entries, mut written) = (Vec::with_capacity(FRAME_BYTES), Vec::new(), 0);
    loop {
        content.clear();
        read.by_ref().take(FRAME_BYTES as u64).read_to_end(&mut content)?;
        if content.is_empty() {
            break;
        }
        let frame = compressor.compress(&content)?;
        write.write_all(&frame)?;
        written += frame.len() as u64;
        entries.extend(entry(frame.len(), content.len()));
    }
    let table = table(&entries);
    write.write_all(&table)?;
    Ok(written + table.len() as u64)
}

fn entry(frame: usize, content: usize) -> [u8; ENTRY] {
    let lengths = ((content as u64) << 32) | frame as u64; // both are far smaller than 4 GiB
    lengths.to_le_bytes()
}

fn table(entries: &[u8]) -> Vec<u8> {
    let length = (entries.len() + FOOTER) as u32;
    let count = (entries.len() / ENTRY) as u32;
    let mut table = [TABLE_MAGIC, length.to_le_bytes()].concat();
    table.extend(entries);
    table.extend(count.to_le_bytes());
    table.push(0);
    table.extend(FOOTER_MAGIC);
    table
}

/// Where frames and their contents begin, by the table at the end of a file.
#[derive(Clone, Default, Debug)]
pub struct SeekTable(Vec<(u64, u64)>);

impl SeekTable {
    /// Reads it, and goes back to the file's beginning; empty, if there is none that could be right.
    pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let mut footer = [0; FOOTER];
        file.seek(SeekFrom::Start(length.saturating_sub(FOOTER as u64)))?;
        let has_footer = length > (FOOTER + TABLE_HEADER) as u64 && {
            file.read_exact(&mut footer)?;
            footer.ends_with(&FOOTER_MAGIC)
        };
        let count = word(&footer) as usize;
        let whole = (TABLE_HEADER + count * ENTRY + FOOTER) as u64;
        let mut entries = Vec::new();
        if has_footer && count <= FRAMES_MAX && whole <= length {
            entries.resize(count * ENTRY, 0);
            file.seek(SeekFrom::Start(length - whole + TABLE_HEADER as u64))?;
            file.read_exact(&mut entries)?;
        }
        file.rewind()?;
        let mut starts = vec![(0, 0)];
        for entry in entries.as_chunks::<ENTRY>().0 {
            let (frame, content) = starts[starts.len() - 1];
            starts.push((frame + u64::from(word(entry)), content + u64::from(word(&entry[4..]))));
        }
        Ok(Self(starts))
    }

    /// Where the content of the frame begins that begins here.
    fn content(&self, frame: u64) -> Option<u64> {
        let place = self.0.binary_search_by_key(&frame, |(frame, _)| *frame);
        place.ok().map(|place| self.0[place].1)
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
}

/// The content of a compressed segment. What damaged frames held is zeros, so that what is behind them stays in
/// its place.
pub struct Decompressed<R> {
    read: R,
    table: SeekTable,
    decompressor: Decompressor<'static>,
    /// Bytes of the file from `at` on.
    frames: Vec<u8>,
    at: u64,
    is_read: bool,
    /// What a frame held, and how much of it was given away.
    content: Vec<u8>,
    given: usize,
    /// Zeros to give away behind it.
    lost: u64,
    /// Where in the segment all this ends.
    end: u64,
    /// A hash of what the seek table must say, until a frame is damaged.
    entries: Option<blake3::Hasher>,
    is_over: bool,
    damages: Vec<Damage>,
}

impl<R: Read> Decompressed<R> {
    /// Reads from the file's beginning. The table only helps to find the right place after damage, and may
    /// be empty.
    pub fn new(read: R, table: SeekTable) -> io::Result<Self> {
        Ok(Self {
            read,
            table,
            decompressor: Decompressor::new()?,
            frames: Vec::new(),
            at: 0,
            is_read: false,
            content: Vec::with_capacity(FRAME_BYTES),
            given: 0,
            lost: 0,
            end: 0,
            entries: Some(blake3::Hasher::new()),
            is_over: false,
            damages: Vec::new(),
        })
    }

    /// What is wrong with the frames that were read since this was asked last.
    pub fn damages(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damages)
    }

    /// Goes on to the next frame.
    fn advance(&mut self) -> io::Result<()> {
        self.fill()?;
        let length = frame_length(&self.frames).unwrap_or(0);
        self.content.clear();
        self.given = 0;
        let frame = &self.frames[..length];
        if length == 0 || self.decompressor.decompress_to_buffer(frame, &mut self.content).is_err()
        {
            self.content.clear();
            let here = (self.at, self.end);
            let is_table = self.frames.is_empty()
                || self.frames.starts_with(&TABLE_MAGIC)
                || self.table.0.last() == Some(&here);
            return if is_table { self.check_table() } else { self.pass_damaged() };
        }
        self.end += self.content.len() as u64;
        if let Some(entries) = &mut self.entries {
            entries.update(&entry(length, self.content.len()));
        }
        self.pass(length);
        Ok(())
    }

    /// Passes over a damaged frame and everything behind it, up to the next one or the end.
    fn pass_damaged(&mut self) -> io::Result<()> {
        let (start, own) = (self.at, content_length(&self.frames).unwrap_or(FRAME_BYTES));
        while !self.frames.is_empty() {
            let next = self
                .frames
                .windows(4)
                .skip(1)
                .position(|four| four == FRAME_MAGIC || four == TABLE_MAGIC);
            match next {
                Some(next) => self.pass(next + 1),
                None if self.is_read => self.pass(self.frames.len()),
                // A magic number may begin in the last three.
                None => self.pass(self.frames.len().saturating_sub(4)),
            }
            self.fill()?;
            if next.is_some() && is_beginning(&self.frames) {
                break;
            }
        }
        self.is_over = self.frames.is_empty();
        let known = self.table.content(self.at).filter(|content| *content > self.end);
        self.lost = known.map_or(own as u64, |content| content - self.end);
        self.damage(start, self.lost, false);
        self.end += self.lost;
        Ok(())
    }

    /// The table must be whole, say what was read, and be the last.
    fn check_table(&mut self) -> io::Result<()> {
        let (start, length) = (self.at, table_length(&self.frames).unwrap_or(0));
        let entries = self.frames.get(TABLE_HEADER..length.saturating_sub(FOOTER)).unwrap_or(&[]);
        let hash = blake3::hash(entries);
        let is_told = self.entries.as_ref().is_none_or(|read| read.finalize() == hash);
        let is_right = length > 0 && length == self.frames.len() && is_told;
        while !self.frames.is_empty() {
            self.pass(self.frames.len());
            self.fill()?;
        }
        if !is_right {
            self.damage(start, 0, true);
        }
        self.is_over = true;
        Ok(())
    }

    fn damage(&mut self, start: u64, lost: u64, is_table: bool) {
        let file = start..self.at;
        let check = if is_table { Check::SeekTable(file) } else { Check::Frame(file) };
        self.entries = None;
        let bytes = self.end..self.end + lost;
        self.damages.push(Damage::at(bytes, check));
    }

    fn pass(&mut self, bytes: usize) {
        let bytes = bytes.min(self.frames.len());
        self.frames.drain(..bytes);
        self.at += bytes as u64;
    }

    /// Reads as much as a frame may need.
    fn fill(&mut self) -> io::Result<()> {
        let room = zstd_safe::compress_bound(FRAME_BYTES);
        if !self.is_read && self.frames.len() < room {
            let missing = (room - self.frames.len()) as u64;
            let read = self.read.by_ref().take(missing).read_to_end(&mut self.frames)?;
            self.is_read = read == 0;
        }
        Ok(())
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let content = &self.content[self.given..];
            if buffer.is_empty() || !content.is_empty() {
                let bytes = content.len().min(buffer.len());
                buffer[..bytes].copy_from_slice(&content[..bytes]);
                self.given += bytes;
                return Ok(bytes);
            }
            if self.lost > 0 {
                let bytes = self.lost.min(buffer.len() as u64);
                buffer[..bytes as usize].fill(0);
                self.lost -= bytes;
                return Ok(bytes as usize);
            }
            if self.is_over {
                return Ok(0);
            }
            self.advance()?;
        }
    }
}

/// How long the content of the frame is that begins here, if it can be one of ours.
fn content_length(frame: &[u8]) -> Option<usize> {
    let length = zstd_safe::get_frame_content_size(frame).ok()??;
    // Behind the magic number: with a checksum, without a dictionary, and no bit that means nothing.
    let is_plain = frame.get(4).is_some_and(|flags| flags & 0x1F == 4);
    let is_ours = frame.starts_with(&FRAME_MAGIC) && is_plain;
    (is_ours && length <= FRAME_BYTES as u64).then_some(length as usize)
}

/// How long the frame is that begins here, if it can be one of ours.
fn frame_length(frames: &[u8]) -> Option<usize> {
    content_length(frames).filter(|length| *length > 0)?;
    zstd_safe::find_frame_compressed_size(frames).ok()
}

/// How long the seek table is that begins here.
fn table_length(frames: &[u8]) -> Option<usize> {
    let length = TABLE_HEADER + word(frames.strip_prefix(&TABLE_MAGIC)?) as usize;
    let entries = frames.get(TABLE_HEADER..length)?.len().checked_sub(FOOTER)?;
    let is_table = table(&frames[TABLE_HEADER..][..entries]) == frames[..length];
    is_table.then_some(length)
}

fn is_beginning(frames: &[u8]) -> bool {
    frame_length(frames).or_else(|| table_length(frames)).is_some()
}
