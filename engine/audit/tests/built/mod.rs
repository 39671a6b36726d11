//! Journals as `FORMAT.md` says, written by what it says alone: none of the reader's own layout is used.
#![allow(dead_code)] // each test file uses what it needs

use ed25519_dalek::{Signer, SigningKey};
use std::fs;
use std::ops::Range;
use std::path::Path;

pub(crate) const PAGE: usize = 4096;
pub(crate) const EVENTS: u32 = 1;
pub(crate) const ALERTS: u32 = 2;

/// A stream of a journal, segment by segment.
pub(crate) struct Stream {
    pub(crate) number: u32,
    pub(crate) id: [u8; 16],
    pub(crate) key: SigningKey,
    pub(crate) segments: Vec<Segment>,
    /// The number that comes next.
    pub(crate) next: u64,
}

/// A segment, as long as its last block.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) bytes: Vec<u8>,
    pub(crate) first: u64,
    /// Where its blocks are.
    pub(crate) blocks: Vec<Range<usize>>,
    pub(crate) count: u64,
    /// How many blocks are not known to be durable when the next one is written.
    pub(crate) under_way: u32,
    /// Hash of the last block, or of the header.
    pub(crate) hash: [u8; 32],
}

impl Stream {
    pub(crate) fn new(number: u32, seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        Self { number, id: [seed; 16], key, segments: Vec::new(), next: 1 }
    }

    pub(crate) fn last(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a segment is open")
    }

    /// A new segment that goes on from the last block of the one before.
    pub(crate) fn open(&mut self) {
        let (blocks, hash) = match self.segments.last() {
            Some(last) => (last.blocks.len() as u64, last.hash),
            None => (0, [0; 32]),
        };
        let mut page = Vec::with_capacity(PAGE);
        page.extend(b"TWSEG001");
        page.extend(1_u32.to_le_bytes());
        page.extend(self.number.to_le_bytes());
        page.extend(self.id);
        page.extend((self.segments.len() as u64 + 1).to_le_bytes());
        page.extend(self.next.to_le_bytes());
        page.extend(1_700_000_000_000_000_000_u64.to_le_bytes());
        page.extend(blocks.to_le_bytes());
        page.extend(hash);
        page.extend(self.key.verifying_key().to_bytes());
        page.extend(b"tapewatch 0.1.0");
        page.resize(PAGE - 32, 0);
        let hash = *blake3::hash(&page).as_bytes();
        page.extend(hash);
        let first = self.next;
        let blocks = Vec::new();
        self.segments.push(Segment { bytes: page, first, blocks, count: 0, under_way: 0, hash });
    }

    /// A block of so many events, and side records.
    pub(crate) fn content(&mut self, events: u32, sides: &[(u16, Vec<u8>)]) {
        let first = self.next;
        let numbers = if self.number == EVENTS { u64::from(events) } else { sides.len() as u64 };
        self.next += numbers;
        let segment = self.last();
        segment.count += numbers;
        segment.push(1, first, events, sides);
    }

    pub(crate) fn seal(&mut self) {
        let mut said = b"tapewatch seal 1".to_vec();
        said.extend(self.id);
        said.extend(self.number.to_le_bytes());
        said.extend((self.segments.len() as u64).to_le_bytes());
        let (key, next) = (self.key.clone(), self.next);
        let segment = self.last();
        let mut body = segment.first.to_le_bytes().to_vec();
        body.extend(next.to_le_bytes());
        body.extend(segment.count.to_le_bytes());
        body.extend((segment.blocks.len() as u64).to_le_bytes());
        body.extend(segment.hash);
        said.extend(&body);
        body.extend(key.sign(&said).to_bytes());
        segment.push(2, next, 0, &[(32, body)]);
    }

    /// The head of a stream that is closed or open, and of which the segments from `first` on are kept.
    pub(crate) fn head(&self, is_closed: bool, first: u64) -> Vec<u8> {
        let newest = self.segments.last().expect("a segment");
        let mut head = b"TWHEAD01".to_vec();
        head.extend(self.number.to_le_bytes());
        head.extend(if is_closed { 2_u32 } else { 1 }.to_le_bytes());
        head.extend(self.id);
        head.extend(first.to_le_bytes());
        head.extend((self.segments.len() as u64).to_le_bytes());
        head.extend(if is_closed { self.next } else { 0 }.to_le_bytes());
        head.extend([0; 8]);
        head.extend(if is_closed { newest.hash } else { newest.header_hash() });
        head.extend(self.key.verifying_key().to_bytes());
        let said = [&b"tapewatch head 1"[..], &head[8..]].concat();
        head.extend(self.key.sign(&said).to_bytes());
        head
    }

    /// Writes head and segments into a journal's folder.
    pub(crate) fn write(&self, journal: &Path, is_closed: bool) {
        let folder = journal.join(if self.number == EVENTS { "events" } else { "alerts" });
        fs::create_dir_all(&folder).unwrap();
        for (segment, number) in self.segments.iter().zip(1..) {
            fs::write(folder.join(format!("{number:010}.seg")), &segment.bytes).unwrap();
        }
        fs::write(folder.join("head"), self.head(is_closed, 1)).unwrap();
    }
}

impl Segment {
    pub(crate) fn header_hash(&self) -> [u8; 32] {
        self.bytes[PAGE - 32..PAGE].try_into().unwrap()
    }

    fn push(&mut self, kind: u32, first: u64, events: u32, sides: &[(u16, Vec<u8>)]) {
        let number = self.blocks.len() as u64 + 1;
        let kind = kind | self.under_way << 16;
        let (block, hash) = block(kind, number, first, self.hash, events, sides);
        let start = self.bytes.len();
        self.bytes.extend(block);
        self.blocks.push(start..self.bytes.len());
        self.hash = hash;
    }
}

/// An event with this number: the rest of it follows from that.
pub(crate) fn event(number: u64) -> [u8; 64] {
    let mut event = [0; 64];
    event[..8].copy_from_slice(&number.to_le_bytes());
    event[8..16].copy_from_slice(&time(number).to_le_bytes());
    let mut word = number;
    for part in event[16..].chunks_exact_mut(8) {
        word = word.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23) ^ number;
        part.copy_from_slice(&(word & 0xFFFF_FFFF).to_le_bytes());
    }
    event
}

/// Times mostly grow, but not always.
fn time(number: u64) -> u64 {
    1_700_000_000_000_000_000 + number * 1000 - number % 7 * 3000
}

fn block(
    kind: u32,
    number: u64,
    first: u64,
    previous: [u8; 32],
    events: u32,
    sides: &[(u16, Vec<u8>)],
) -> (Vec<u8>, [u8; 32]) {
    let numbers = first..first + u64::from(events);
    let sides_bytes: Vec<u8> = sides.iter().flat_map(|(kind, body)| side(*kind, body)).collect();
    let mut block = b"TWBK".to_vec();
    block.extend(kind.to_le_bytes());
    block.extend(events.to_le_bytes());
    block.extend((sides_bytes.len() as u32).to_le_bytes());
    block.extend(number.to_le_bytes());
    block.extend(first.to_le_bytes());
    block.extend(numbers.clone().map(time).min().unwrap_or(0).to_le_bytes());
    block.extend(numbers.clone().map(time).max().unwrap_or(0).to_le_bytes());
    block.extend((1_700_000_000_000_000_000 + number).to_le_bytes());
    block.extend((sides.len() as u32).to_le_bytes());
    block.extend(crc32c::crc32c(&block).to_le_bytes());
    block.extend(previous);
    let mut content: Vec<u8> = numbers.clone().flat_map(event).collect();
    content.extend(numbers.flat_map(|number| crc32c::crc32c(&event(number)).to_le_bytes()));
    content.extend(sides_bytes);
    let hash = *blake3::hash(&[&block[..], &content[..]].concat()).as_bytes();
    block.extend(hash);
    block.extend(content);
    block.resize(block.len().next_multiple_of(PAGE), 0);
    (block, hash)
}

fn side(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut checked = (body.len() as u32).to_le_bytes().to_vec();
    checked.extend(kind.to_le_bytes());
    checked.extend([0; 6]);
    checked.extend(body);
    let mut side = crc32c::crc32c(&checked).to_le_bytes().to_vec();
    side.extend(checked);
    side.resize(side.len().next_multiple_of(8), 0);
    side
}
