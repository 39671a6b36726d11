//! Reads a segment block by block, and holds each block against its checksums, its hash and the block before.

use crate::damage::{Check, Damage, Span};
use crate::layout::{
    BLOCK_BYTES_MAX, BLOCK_MAGIC, BlockHeader, BlockKind, EVENT, Hash, PAGE, SEGMENT_MAGIC, Seal,
    SegmentHeader, SideHeader, Stream, VERSION, side,
};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// How much is read at once, at least: blocks may be small.
const PAGES_AHEAD: usize = 64;

/// The blocks of one segment.
///
/// [`next`](Self::next) never panics, whatever the bytes, and never holds more than one block
/// ([`BLOCK_BYTES_MAX`]). After damage it goes on with the next page that begins a block, so that all damage is
/// found; who only wants what is surely whole stops at the first.
pub struct Blocks<R> {
    read: R,
    header: Box<SegmentHeader>,
    stream: Stream,
    /// What was read and is not passed over yet lies at `held`; its first byte is the segment's byte `at`.
    pages: Vec<Page>,
    held: Range<usize>,
    at: u64,
    /// Nothing more can be read.
    is_read: bool,
    last: Link,
    /// How many events or records there were; `None` after damage.
    count: Option<u64>,
    state: State,
    /// What is to be told before anything else.
    told: VecDeque<Damage>,
    /// A block that is checked lies at `held`.
    is_ready: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Blocks,
    /// Zeros were met, and told.
    Zeros,
    /// A seal was met in its place.
    Sealed,
    /// It was told as the end.
    BehindSeal,
}

/// What the next block follows on; `None` is what damage has made unknown.
#[derive(Clone, Copy)]
struct Link {
    block: u64,
    hash: Option<Hash>,
    next: Option<u64>,
}

/// What comes next in a segment.
#[derive(Debug)]
pub enum Next<'a> {
    /// A block that is whole.
    Block(Block<'a>),
    /// Something that is not as it was written. A block that is whole in itself, but not in its place, comes
    /// right after the damage that says so.
    Damage(Damage),
    /// The orderly end. Who asks again learns whether there is something behind it.
    End(End),
}

/// How a segment ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// With zeros: room that was set aside.
    Zeros,
    /// With a seal.
    Seal,
    /// With the file.
    File,
}

/// A block that is whole.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Where in the segment it begins.
    pub at: u64,
    /// Its header.
    pub header: &'a BlockHeader,
    content: &'a [u8],
}

impl<'a> Block<'a> {
    /// Its events, 64 bytes each and aligned so.
    pub fn events(&self) -> &'a [u8] {
        &self.content[..self.header.events.get() as usize * EVENT]
    }

    /// Kinds and bodies of its side records.
    pub fn sides(&self) -> Sides<'a> {
        let events = self.header.events.get() as usize * (EVENT + 4);
        Sides { rest: &self.content[events..] }
    }

    /// The seal, if it is one.
    pub fn seal(&self) -> Option<&'a Seal> {
        let is_seal = self.header.kind == BlockKind::Seal as u16;
        let (kind, body) = self.sides().next().filter(|_| is_seal)?;
        (kind == side::SEAL).then(|| Seal::ref_from_bytes(body).ok())?
    }

    /// First and last of the numbers that its side records call missing.
    pub fn holes(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        let bodies = self.sides().filter(|(kind, _)| *kind == side::HOLE);
        bodies
            .filter_map(|(_, body)| <[U64; 2]>::read_from_bytes(body).ok())
            .map(|[first, last]| (first.get(), last.get()))
    }

    /// How many numbers it takes: events, or in the alert log its records.
    pub fn numbers(&self, stream: Stream) -> u64 {
        numbers(self.header, stream)
    }
}

fn numbers(header: &BlockHeader, stream: Stream) -> u64 {
    match stream {
        _ if header.kind == BlockKind::Seal as u16 => 0,
        Stream::Events => header.events.get().into(),
        Stream::Alerts => header.sides.get().into(),
    }
}

/// Side records, as far as they are formed as such.
#[derive(Clone, Debug)]
pub struct Sides<'a> {
    rest: &'a [u8],
}

impl<'a> Sides<'a> {
    fn record(&mut self) -> Option<(&'a SideHeader, &'a [u8])> {
        let (header, behind) = SideHeader::ref_from_prefix(self.rest).ok()?;
        let length = header.length.get() as usize;
        let rest = self.rest.get(SideHeader::record_bytes(length)..)?;
        let (body, padding) = behind[..behind.len() - rest.len()].split_at(length);
        self.rest = rest;
        is_zero(padding).then_some((header, body))
    }

    /// The first that does not have its checksum; there should be so many of them and nothing behind.
    fn broken(mut self, count: u32) -> Option<u32> {
        let is_whole = |(header, body): (&SideHeader, &[u8])| {
            header.crc == header.checked(body) && is_zero(&header.reserved)
        };
        let broken = (0..count).find(|_| !self.record().is_some_and(is_whole));
        broken.or((!self.rest.is_empty()).then_some(count))
    }
}

impl<'a> Iterator for Sides<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.record().map(|(header, body)| (header.kind.get(), body))
    }
}

impl<R: Read> Blocks<R> {
    /// Reads the header and holds it against its hash.
    pub fn open(read: R) -> Result<Self, Damage> {
        let mut blocks = Self::behind(read, SegmentHeader::new_zeroed());
        let wrong = if blocks.has_page() {
            let page = &blocks.pages.as_bytes()[..PAGE];
            blocks.header.as_mut_bytes().copy_from_slice(page);
            wrong_header(&blocks.header)
        } else {
            let unreadable = blocks.told.pop_front().map(|damage| damage.check);
            unreadable.or(Some(Check::Cut))
        };
        let bytes = 0..PAGE as u64;
        if let Some(check) = wrong {
            return Err(Damage::at(bytes, check));
        }
        let header = &blocks.header;
        blocks.stream = Stream::from_number(header.stream.get()).expect("a good header's");
        blocks.last = Link { block: 0, hash: Some(header.hash), next: Some(header.first.get()) };
        blocks.count = Some(0);
        blocks.pass(PAGE);
        Ok(blocks)
    }

    /// The blocks behind a header that is damaged: `known` is what is known of it from elsewhere, and only
    /// for its stream, and for the seal's signature.
    pub fn open_damaged(read: R, known: SegmentHeader) -> Self {
        let mut blocks = Self::behind(read, known);
        blocks.hold(PAGE);
        blocks.pass(PAGE);
        blocks
    }

    fn behind(read: R, header: SegmentHeader) -> Self {
        Self {
            read,
            stream: Stream::from_number(header.stream.get()).unwrap_or(Stream::Events),
            header: Box::new(header),
            pages: Vec::new(),
            held: 0..0,
            at: 0,
            is_read: false,
            last: Link { block: 0, hash: None, next: None },
            count: None,
            state: State::Blocks,
            told: VecDeque::new(),
            is_ready: false,
        }
    }

    /// The segment's header.
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// How far it is: where in the segment the next page begins.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Where it reads from.
    pub fn source(&mut self) -> &mut R {
        &mut self.read
    }

    /// What comes next.
    #[expect(clippy::should_implement_trait, reason = "a block lies in the reader's own memory")]
    pub fn next(&mut self) -> Next<'_> {
        loop {
            if let Some(damage) = self.told.pop_front() {
                return Next::Damage(damage);
            }
            if std::mem::take(&mut self.is_ready) {
                return Next::Block(self.ready());
            }
            if let Some(end) = self.advance() {
                return Next::End(end);
            }
        }
    }

    /// Looks at the page that comes next: then there is something to tell, or a block, or the end.
    fn advance(&mut self) -> Option<End> {
        match self.state {
            State::Sealed => {
                self.state = State::BehindSeal;
                return Some(End::Seal);
            }
            State::BehindSeal => self.pass_behind_seal(),
            State::Blocks | State::Zeros => {}
        }
        if !self.has_page() {
            if self.held.is_empty() {
                return self.told.is_empty().then_some(End::File);
            }
            self.pass_damaged(Check::Cut);
        } else if !is_zero(self.page()) {
            self.state = State::Blocks;
            let header = *header_of(self.page());
            self.check(&header);
        } else if self.state == State::Zeros {
            self.pass_damaged(Check::Zeros);
        } else {
            self.state = State::Zeros;
            return Some(End::Zeros);
        }
        None
    }

    /// Holds the block that comes next against all that it must be.
    fn check(&mut self, header: &BlockHeader) {
        if !is_header(header) {
            self.pass_damaged(Check::BlockHeader);
        } else if !is_possible(header) {
            self.pass_damaged(Check::Impossible);
        } else if !self.hold(header.padded_bytes()) {
            self.pass_damaged(Check::Cut);
        } else {
            let content = &self.held_bytes()[BlockHeader::BYTES..header.bytes()];
            let broken = broken_record(header, content);
            if header.hashed(content) != header.hash {
                self.pass_damaged(broken.unwrap_or(Check::Hash));
            } else if let Some(check) = broken.or_else(|| self.wrong_seal(header)) {
                // So it was written: its place in the chain is right.
                let events = Span::of(header.first.get(), numbers(header, self.stream));
                self.tell(header, Span::of(header.block.get(), 1), events, check);
                self.follow(header);
                self.pass(header.padded_bytes());
            } else {
                self.check_padding(header);
                self.check_place(header);
                self.is_ready = true;
            }
        }
    }

    fn check_padding(&mut self, header: &BlockHeader) {
        let bytes = header.bytes()..header.padded_bytes();
        if !is_zero(&self.held_bytes()[bytes.clone()]) {
            self.told.push_back(Damage {
                bytes: self.at + bytes.start as u64..self.at + bytes.end as u64,
                blocks: Span::of(header.block.get(), 1),
                events: None,
                check: Check::Padding,
            });
        }
    }

    /// Whether a block that is whole in itself follows on the last one.
    fn check_place(&mut self, header: &BlockHeader) {
        let (expected, found) = (self.last.block + 1, header.block.get());
        let (first, own) = (header.first.get(), numbers(header, self.stream));
        let next = self.next_number(header);
        let missing = next.and_then(|next| Span::before(next, first));
        let events = missing.or_else(|| Span::of(first, own));
        if found != expected {
            let blocks = Span::before(expected, found).or(Span::of(found, 1));
            self.tell(header, blocks, events, Check::Order { expected, found });
        } else if self.last.hash.is_some_and(|hash| hash != header.previous) {
            self.tell(header, Span::of(found, 1), events, Check::Chain);
        } else if let Some(expected) = next.filter(|next| *next != first) {
            let check = Check::Numbers { expected, found: first };
            self.tell(header, Span::of(found, 1), events, check);
        } else if header.kind == BlockKind::Seal as u16 {
            self.state = State::Sealed;
        }
        self.follow(header);
    }

    /// The number that the block should begin with: behind the last block's, and behind the holes that it
    /// or this one names.
    fn next_number(&self, header: &BlockHeader) -> Option<u64> {
        self.last.next.map(|next| self.block(header).holes().fold(next, behind_hole))
    }

    /// The next block follows on this one.
    fn follow(&mut self, header: &BlockHeader) {
        let next = header.first.get().saturating_add(numbers(header, self.stream));
        let next = self.block(header).holes().fold(next, behind_hole);
        self.last = Link { block: header.block.get(), hash: Some(header.hash), next: Some(next) };
    }

    /// What a seal must say, as far as it can be known.
    fn wrong_seal(&self, header: &BlockHeader) -> Option<Check> {
        if header.kind != BlockKind::Seal as u16 {
            return None;
        }
        let Some(seal) = self.block(header).seal() else { return Some(Check::Seal) };
        let is_right = header.events == 0
            && header.sides == 1
            && seal.blocks.get() == header.block.get().wrapping_sub(1)
            && seal.hash == header.previous
            && seal.next == header.first
            && self
                .count
                .is_none_or(|count| (seal.events, seal.first) == (count.into(), self.header.first));
        match seal.is_signed(&self.header) {
            true if is_right => None,
            true => Some(Check::Seal),
            false => Some(Check::SealSignature),
        }
    }

    fn tell(
        &mut self,
        header: &BlockHeader,
        blocks: Option<Span>,
        events: Option<Span>,
        check: Check,
    ) {
        let bytes = self.at..self.at + header.padded_bytes() as u64;
        self.count = None;
        self.told.push_back(Damage { bytes, blocks, events, check });
    }

    /// Passes over a damaged page and everything behind it, up to the next page that begins a block.
    fn pass_damaged(&mut self, check: Check) {
        let own = self.has_page().then(|| *header_of(self.page())).filter(is_header);
        let (start, mut end) = (self.at, self.at);
        let found = loop {
            let is_page = self.has_page();
            if is_page && self.at > start && is_beginning(self.page()) {
                break Some(*header_of(self.page()));
            }
            let bytes = self.held.len().min(PAGE);
            if !is_zero(&self.held_bytes()[..bytes]) || (!is_page && bytes > 0) {
                end = self.at + bytes as u64;
            }
            self.pass(bytes);
            if !is_page {
                break None;
            }
        };
        self.count = None;
        if end == start && found.is_none() {
            return; // zeros up to the end of the file
        }
        let bytes = start..if found.is_some() { self.at } else { end };
        let (block, next) = (self.last.block + 1, self.last.next);
        let is_cut = found.is_none() && check == Check::Cut;
        let own = own.filter(|own| {
            !is_cut && own.block == block && next.is_none_or(|next| own.first == next)
        });
        let (blocks, events) = match (own, found) {
            (_, Some(found)) if found.block.get() > block => {
                let events = next.and_then(|next| Span::before(next, found.first.get()));
                self.last = Link {
                    block: found.block.get() - 1,
                    hash: None,
                    next: Some(found.first.get()),
                };
                (Span::before(block, found.block.get()), events)
            }
            (Some(own), _) => {
                let count = numbers(&own, self.stream);
                self.last = Link { block, hash: None, next: None };
                (Span::of(block, 1), Span::of(own.first.get(), count))
            }
            // A block is here that is expected here, or that was here before: something is between them.
            (None, Some(_)) => (None, None),
            (None, None) => (Some(Span::from(block)), next.map(Span::from)),
        };
        self.told.push_back(Damage { bytes, blocks, events, check });
    }

    /// Behind a seal there may be zeros, if the file was not made shorter yet, and nothing else.
    fn pass_behind_seal(&mut self) {
        let (start, mut end) = (self.at, self.at);
        while self.has_page() || !self.held.is_empty() {
            let bytes = self.held.len().min(PAGE);
            if !is_zero(&self.held_bytes()[..bytes]) {
                end = self.at + bytes as u64;
            }
            self.pass(bytes);
        }
        if end > start {
            let check = Check::BehindSeal;
            self.told.push_back(Damage::at(start..end, check));
        }
    }

    /// The block that lies at `held`, which is checked, and passes over it.
    fn ready(&mut self) -> Block<'_> {
        let (start, at) = (self.held.start, self.at);
        let header = header_of(&self.held_bytes()[..PAGE]);
        let (bytes, padded) = (header.bytes(), header.padded_bytes());
        self.count = self.count.map(|count| count.saturating_add(numbers(header, self.stream)));
        self.pass(padded);
        let block = &self.pages.as_bytes()[start..start + bytes];
        let (header, content) = block.split_at(BlockHeader::BYTES);
        Block { at, header: header_of(header), content }
    }

    /// The block with this header, all of which is held.
    fn block<'a>(&'a self, header: &'a BlockHeader) -> Block<'a> {
        let content = &self.held_bytes()[BlockHeader::BYTES..header.bytes()];
        Block { at: self.at, header, content }
    }

    /// Whether a page comes next, and the file does not end within it.
    fn has_page(&mut self) -> bool {
        self.hold(PAGE)
    }

    fn page(&self) -> &[u8] {
        &self.held_bytes()[..PAGE]
    }

    fn held_bytes(&self) -> &[u8] {
        &self.pages.as_bytes()[self.held.clone()]
    }

    fn pass(&mut self, bytes: usize) {
        let bytes = bytes.min(self.held.len());
        self.held.start += bytes;
        self.at += bytes as u64;
    }

    /// Reads until so many bytes are held, if the segment has so many.
    fn hold(&mut self, bytes: usize) -> bool {
        if self.held.is_empty() {
            self.held = 0..0;
        }
        if self.held.start + bytes > self.pages.len() * PAGE {
            let held = self.held.clone();
            self.pages.as_mut_bytes().copy_within(held.clone(), 0);
            self.held = 0..held.len();
            let pages = bytes.div_ceil(PAGE).next_power_of_two().max(PAGES_AHEAD);
            self.pages.resize_with(pages.max(self.pages.len()), Page::new_zeroed);
        }
        while self.held.len() < bytes && !self.is_read {
            let room = self.held.end..;
            match self.read.read(&mut self.pages.as_mut_bytes()[room]) {
                Ok(0) => self.is_read = true,
                Ok(read) => self.held.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_read = true;
                    let at = self.at + self.held.len() as u64;
                    let (blocks, events) =
                        (Some(Span::from(self.last.block + 1)), self.last.next.map(Span::from));
                    let check = Check::Read(error.kind());
                    self.told.push_back(Damage { bytes: at..at, blocks, events, check });
                }
            }
        }
        self.held.len() >= bytes
    }
}

/// The number behind a hole that begins with this number.
pub(crate) fn behind_hole(next: u64, (first, last): (u64, u64)) -> u64 {
    if first == next && last >= first { last.saturating_add(1) } else { next }
}

/// What is wrong with a segment's header.
fn wrong_header(header: &SegmentHeader) -> Option<Check> {
    if header.magic != SEGMENT_MAGIC {
        Some(Check::NoSegment)
    } else if header.version != VERSION {
        Some(Check::Version(header.version.get()))
    } else {
        let is_possible = Stream::from_number(header.stream.get()).is_some() && header.segment > 0;
        let is_right = header.hashed() == header.hash && is_possible && is_zero(&header.reserved);
        (!is_right).then_some(Check::SegmentHeader)
    }
}

fn header_of(page: &[u8]) -> &BlockHeader {
    let header = BlockHeader::ref_from_bytes(&page[..BlockHeader::BYTES]);
    header.expect("a header may lie anywhere")
}

fn is_header(header: &BlockHeader) -> bool {
    header.magic == BLOCK_MAGIC && header.crc == header.checked()
}

fn is_possible(header: &BlockHeader) -> bool {
    let is_kind =
        [BlockKind::Content, BlockKind::Seal].iter().any(|kind| header.kind == *kind as u16);
    is_kind && header.block > 0 && header.padded_bytes() <= BLOCK_BYTES_MAX
}

fn is_beginning(page: &[u8]) -> bool {
    let header = header_of(page);
    is_header(header) && is_possible(header)
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().fold(0, |all, word| all | u64::from_ne_bytes(*word)) == 0
        && rest.iter().all(|byte| *byte == 0)
}

/// The first record of a block's content that is not what its checksum, or the block's header, says.
fn broken_record(header: &BlockHeader, content: &[u8]) -> Option<Check> {
    let count = header.events.get() as usize;
    let (events, rest) = content.split_at(count * EVENT);
    let (crcs, sides) = rest.split_at(count * 4);
    let (events, crcs) = (events.as_chunks::<EVENT>().0, <[U32]>::ref_from_bytes(crcs));
    let (mut first_at, mut last_at) = (u64::MAX, 0);
    let (number, crcs) = (header.first.get(), crcs.expect("four bytes each"));
    for (place, (event, crc)) in events.iter().zip(crcs).enumerate() {
        let number = number.wrapping_add(place as u64);
        if *crc != crc32c::crc32c(event) {
            return Some(Check::Event(number));
        }
        let (own, at) = (word(event, 0), word(event, 8));
        if own != number {
            return Some(Check::Inside(number));
        }
        (first_at, last_at) = (at.min(first_at), at.max(last_at));
    }
    if count > 0 && (header.first_at != first_at || header.last_at != last_at) {
        return Some(Check::Inside(number));
    }
    Sides { rest: sides }.broken(header.sides.get()).map(Check::Side)
}

/// A word of an event: its number is the first, its time the second.
fn word(event: &[u8; EVENT], at: usize) -> u64 {
    u64::from_le_bytes(event[at..at + 8].try_into().expect("eight bytes"))
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(4096))]
struct Page([u8; PAGE]);
