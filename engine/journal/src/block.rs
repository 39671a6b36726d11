//! What a block gets before it is written: checksums, a header, its place in the chain.

use crate::intake::Block;
use engine_audit::layout::{BLOCK_MAGIC, BlockHeader, BlockKind, EVENT, Hash, PAGE, SideHeader};
use engine_event::Nanos;
use zerocopy::{FromZeros, IntoBytes};

/// Where a block stands.
pub(crate) struct Place {
    pub(crate) number: u64,
    pub(crate) kind: BlockKind,
    pub(crate) under_way: u16,
    pub(crate) previous: Hash,
    pub(crate) written_at: Nanos,
}

/// Bytes that a block takes on disk.
pub(crate) fn padded_bytes(block: &Block) -> usize {
    (BlockHeader::BYTES + block.events * (EVENT + 4) + block.side_bytes).next_multiple_of(PAGE)
}

/// Puts a side record where the only one of a block without events lies.
pub(crate) fn put_side(block: &mut Block, kind: u16, body: &[u8]) {
    let header = SideHeader::of(kind, body);
    let bytes = &mut block.pages.bytes_mut()[BlockHeader::BYTES..];
    bytes[..SideHeader::BYTES].copy_from_slice(header.as_bytes());
    bytes[SideHeader::BYTES..SideHeader::BYTES + body.len()].copy_from_slice(body);
}

/// Makes a block ready to be written; returns its header.
pub(crate) fn finish(block: &mut Block, place: &Place) -> BlockHeader {
    let content = block.events * (EVENT + 4) + block.side_bytes;
    let padded = padded_bytes(block);
    let bytes = &mut block.pages.bytes_mut()[..padded];
    bytes[BlockHeader::BYTES + content..].fill(0);
    let (first_at, last_at) = check_events(&mut bytes[BlockHeader::BYTES..], block.events);

    let mut header = BlockHeader::new_zeroed();
    header.magic = BLOCK_MAGIC;
    header.kind = (place.kind as u16).into();
    header.under_way = place.under_way.into();
    header.events = (block.events as u32).into();
    header.side_bytes = (block.side_bytes as u32).into();
    header.block = place.number.into();
    header.first = block.first.into();
    header.first_at = first_at.into();
    header.last_at = last_at.into();
    header.written_at = place.written_at.0.into();
    header.sides = block.sides.into();
    header.previous = place.previous;
    header.crc = header.checked().into();
    header.hash = header.hashed(&bytes[BlockHeader::BYTES..BlockHeader::BYTES + content]);
    bytes[..BlockHeader::BYTES].copy_from_slice(header.as_bytes());
    header
}

/// Writes the events' checksums behind them; returns their least and their greatest time.
fn check_events(content: &mut [u8], count: usize) -> (u64, u64) {
    let (events, rest) = content.split_at_mut(count * EVENT);
    let (mut first_at, mut last_at) = (u64::MAX, 0);
    for (event, crc) in events.as_chunks::<EVENT>().0.iter().zip(rest.as_chunks_mut::<4>().0) {
        *crc = crc32c::crc32c(event).to_le_bytes();
        let at = u64::from_le_bytes(event[8..16].try_into().expect("eight bytes"));
        (first_at, last_at) = (first_at.min(at), last_at.max(at));
    }
    if count == 0 { (0, 0) } else { (first_at, last_at) }
}
