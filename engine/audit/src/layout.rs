//! The records of `FORMAT.md`, as they lie on disk.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Segments and blocks begin at multiples of this.
pub const PAGE: usize = 4096;
/// Bytes of an event.
pub const EVENT: usize = 64;
/// The version of the format that is written.
pub const VERSION: u32 = 1;
/// What a segment begins with.
pub const SEGMENT_MAGIC: [u8; 8] = *b"TWSEG001";
/// What a block begins with.
pub const BLOCK_MAGIC: [u8; 4] = *b"TWBK";
/// What a head begins with.
pub const HEAD_MAGIC: [u8; 8] = *b"TWHEAD01";
/// The most bytes that a block may have: what a reader makes room for.
pub const BLOCK_BYTES_MAX: usize = 16 << 20;

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// Which of the two streams a segment belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u32)]
pub enum Stream {
    /// Sequenced events.
    Events = 1,
    /// The alert log.
    Alerts = 2,
}

impl Stream {
    /// Both.
    pub const ALL: [Stream; 2] = [Stream::Events, Stream::Alerts];

    /// The folder in which it lies.
    pub const fn folder(self) -> &'static str {
        match self {
            Stream::Events => "events",
            Stream::Alerts => "alerts",
        }
    }

    /// The stream with this number.
    pub fn from_number(number: u32) -> Option<Stream> {
        Self::ALL.into_iter().find(|stream| *stream as u32 == number)
    }
}

/// Page 0 of a segment.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Debug)]
#[repr(C)]
pub struct SegmentHeader {
    /// [`SEGMENT_MAGIC`].
    pub magic: [u8; 8],
    /// [`VERSION`].
    pub version: U32,
    /// A [`Stream`]'s number.
    pub stream: U32,
    /// The journal's id.
    pub journal: [u8; 16],
    /// The segment's number, from 1.
    pub segment: U64,
    /// Number of its first event.
    pub first: U64,
    /// When it was opened.
    pub opened_at: U64,
    /// How many blocks of the segment before count.
    pub previous_blocks: U64,
    /// Hash of the last of them.
    pub previous_hash: Hash,
    /// Who signs.
    pub key: [u8; 32],
    /// The writer's version, as text.
    pub writer: [u8; 32],
    /// Zeros.
    pub reserved: [u8; 3904],
    /// Hash of everything before.
    pub hash: Hash,
}

const _: () = assert!(size_of::<SegmentHeader>() == PAGE);

impl SegmentHeader {
    /// What its hash must be.
    pub fn hashed(&self) -> Hash {
        *blake3::hash(&self.as_bytes()[..PAGE - 32]).as_bytes()
    }
}

/// The first 128 bytes of a block.
#[derive(
    Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Debug,
)]
#[repr(C)]
pub struct BlockHeader {
    /// [`BLOCK_MAGIC`].
    pub magic: [u8; 4],
    /// A [`BlockKind`]'s number.
    pub kind: U16,
    /// How many of the blocks before it were not known to be durable when it was written.
    pub under_way: U16,
    /// Events in it.
    pub events: U32,
    /// Bytes of side records.
    pub side_bytes: U32,
    /// Its number in the segment, from 1.
    pub block: U64,
    /// Number of its first event, or of the one that comes next.
    pub first: U64,
    /// Least event time, 0 without events.
    pub first_at: U64,
    /// Greatest event time.
    pub last_at: U64,
    /// When it was written.
    pub written_at: U64,
    /// Side records in it.
    pub sides: U32,
    /// CRC32C of the bytes before.
    pub crc: U32,
    /// Hash of the block before.
    pub previous: Hash,
    /// Hash of this one.
    pub hash: Hash,
}

const _: () = assert!(size_of::<BlockHeader>() == 128);

/// What a block holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum BlockKind {
    /// Events and side records.
    Content = 1,
    /// A seal.
    Seal = 2,
}

impl BlockHeader {
    /// Bytes of the header.
    pub const BYTES: usize = size_of::<Self>();
    /// How many of its bytes its crc is over.
    pub const CHECKED: usize = 60;
    /// How many of its bytes its hash is over.
    pub const HASHED: usize = 96;

    /// Bytes from the block's beginning to the end of its side records.
    pub fn bytes(&self) -> usize {
        let (events, side_bytes) = (self.events.get() as usize, self.side_bytes.get() as usize);
        Self::BYTES + events * (EVENT + 4) + side_bytes
    }

    /// The same with the zeros up to the next page.
    pub fn padded_bytes(&self) -> usize {
        self.bytes().next_multiple_of(PAGE)
    }

    /// What its crc must be.
    pub fn checked(&self) -> u32 {
        crc32c::crc32c(&self.as_bytes()[..Self::CHECKED])
    }

    /// What its hash must be, before this content: events, their crcs and side records.
    pub fn hashed(&self, content: &[u8]) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.as_bytes()[..Self::HASHED]);
        hasher.update(content);
        *hasher.finalize().as_bytes()
    }
}

/// What stands before the body of a side record.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Debug)]
#[repr(C)]
pub struct SideHeader {
    /// CRC32C of everything behind it, up to the end of the body.
    pub crc: U32,
    /// Length of the body.
    pub length: U32,
    /// A kind of [`side`].
    pub kind: U16,
    /// Zeros.
    pub reserved: [u8; 6],
}

const _: () = assert!(size_of::<SideHeader>() == 16);

impl SideHeader {
    /// Bytes of the header.
    pub const BYTES: usize = size_of::<Self>();

    /// Bytes that a record with a body of this length takes.
    pub const fn record_bytes(length: usize) -> usize {
        Self::BYTES + length.next_multiple_of(8)
    }

    /// The header of this record.
    pub fn of(kind: u16, body: &[u8]) -> Self {
        let length = u32::try_from(body.len()).expect("a side record is far smaller than 4 GiB");
        let mut header =
            Self { crc: U32::ZERO, length: length.into(), kind: kind.into(), reserved: [0; 6] };
        header.crc = header.checked(body).into();
        header
    }

    /// What its crc must be, before this body.
    pub fn checked(&self, body: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&self.as_bytes()[4..]), body)
    }
}

/// Kinds of side records.
pub mod side {
    /// The next subject: its definition (32 bytes) and its name.
    pub const SUBJECT: u16 = 1;
    /// The next participant's name.
    pub const PARTICIPANT: u16 = 2;
    /// The next venue's name.
    pub const VENUE: u16 = 3;
    /// The next metric's name.
    pub const METRIC: u16 = 4;
    /// A run begins.
    pub const RUN: u16 = 5;
    /// The configuration, as it was written.
    pub const CONFIGURATION: u16 = 6;
    /// The observers' parameters.
    pub const PARAMETERS: u16 = 7;
    /// First and last of missing numbers.
    pub const HOLE: u16 = 8;
    /// A run ends.
    pub const END: u16 = 9;
    /// What a source reads.
    pub const SOURCE: u16 = 10;
    /// An alert: its event's number, then JSON.
    pub const ALERT: u16 = 16;
    /// Alerts up to this number are final; events up to that number are durable.
    pub const FINAL: u16 = 17;
    /// Alerts from this number on are withdrawn.
    pub const WITHDRAWN: u16 = 18;
    /// An alert whose event was left out of the journal.
    pub const WITHHELD: u16 = 19;
    /// The seal of a segment.
    pub const SEAL: u16 = 32;
}

/// The body of a seal.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Debug)]
#[repr(C)]
pub struct Seal {
    /// Number of the segment's first event.
    pub first: U64,
    /// Number that comes after its last.
    pub next: U64,
    /// Events in it.
    pub events: U64,
    /// Blocks before this one.
    pub blocks: U64,
    /// Hash of the block before this one.
    pub hash: Hash,
    /// Signature of the journal, the segment and everything before it here.
    pub signature: [u8; 64],
}

const _: () = assert!(size_of::<Seal>() == 128);

impl Seal {
    /// What is signed.
    fn said(&self, of: &SegmentHeader) -> Vec<u8> {
        let mut said = b"tapewatch seal 1".to_vec();
        said.extend(of.journal);
        said.extend(of.stream.as_bytes());
        said.extend(of.segment.as_bytes());
        said.extend(&self.as_bytes()[..64]);
        said
    }

    /// Signs it.
    pub fn sign(&mut self, of: &SegmentHeader, key: &SigningKey) {
        self.signature = key.sign(&self.said(of)).to_bytes();
    }

    /// Whether the segment's key has signed it.
    pub fn is_signed(&self, of: &SegmentHeader) -> bool {
        is_signed(&of.key, &self.said(of), &self.signature)
    }
}

/// Which segments there must be.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Debug)]
#[repr(C)]
pub struct Head {
    /// [`HEAD_MAGIC`].
    pub magic: [u8; 8],
    /// A [`Stream`]'s number.
    pub stream: U32,
    /// 1 open, 2 closed.
    pub state: U32,
    /// The journal's id.
    pub journal: [u8; 16],
    /// The first segment that is kept.
    pub first: U64,
    /// The newest segment.
    pub newest: U64,
    /// Closed: the number that comes next.
    pub next: U64,
    /// Zeros.
    pub reserved: U64,
    /// Closed: hash of the newest segment's seal; open: of its header.
    pub hash: Hash,
    /// Who signs.
    pub key: [u8; 32],
    /// Signature of everything before it but the magic number.
    pub signature: [u8; 64],
}

const _: () = assert!(size_of::<Head>() == 192);

impl Head {
    /// The newest segment is being written.
    pub const OPEN: u32 = 1;
    /// The newest segment is sealed, and nothing follows.
    pub const CLOSED: u32 = 2;

    /// What is signed.
    fn said(&self) -> Vec<u8> {
        let mut said = b"tapewatch head 1".to_vec();
        said.extend(&self.as_bytes()[8..128]);
        said
    }

    /// Signs it.
    pub fn sign(&mut self, key: &SigningKey) {
        self.key = key.verifying_key().to_bytes();
        self.signature = key.sign(&self.said()).to_bytes();
    }

    /// Whether its key has signed it.
    pub fn is_signed(&self) -> bool {
        is_signed(&self.key, &self.said(), &self.signature)
    }
}

fn is_signed(key: &[u8; 32], said: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(said, &signature).is_ok())
}

/// The file name of a segment.
pub fn segment_name(number: u64) -> String {
    format!("{number:010}.seg")
}

/// What is behind a segment's name when it is compressed.
pub const COMPRESSED: &str = ".zst";

/// The number of the segment with this file name, and whether it is compressed.
pub fn segment_number(name: &str) -> Option<(u64, bool)> {
    let (name, compressed) = match name.strip_suffix(COMPRESSED) {
        Some(name) => (name, true),
        None => (name, false),
    };
    let digits = name.strip_suffix(".seg").filter(|digits| digits.len() == 10)?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| digits.parse().ok())?
        .map(|number| (number, compressed))
}
