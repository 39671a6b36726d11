//! The records, where they lie.
//!
//! Those that are many have a view of their own, and the types of the `dbn` crate are held against it
//! below. Fields of the rare ones are read one by one, each where the crate's type has it.

use std::mem::{offset_of, size_of};
use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Stands for a price that there is none of.
pub(super) const NO_PRICE: i64 = dbn::UNDEF_PRICE;
/// Stands for a time that nobody knows.
pub(super) const NO_TIME: u64 = dbn::UNDEF_TIMESTAMP;

/// How a record's length counts, in bytes.
pub(super) const LENGTH_UNIT: usize = 4;

/// What every record begins with.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Head {
    /// In units of [`LENGTH_UNIT`], this head included.
    pub(super) length: u8,
    pub(super) rtype: u8,
    pub(super) publisher: U16,
    pub(super) instrument: U32,
    pub(super) ts_event: U64,
}

impl Head {
    /// Publisher and instrument in one number.
    #[inline(always)]
    pub(super) fn key(&self) -> u64 {
        u64::from(self.publisher.get()) << 32 | u64::from(self.instrument.get())
    }

    /// All of it, to compare.
    #[inline(always)]
    pub(super) fn whole(&self) -> u128 {
        zerocopy::transmute!(*self)
    }
}

/// Something that happened to an order, or a trade.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Mbo {
    pub(super) head: Head,
    pub(super) order: U64,
    pub(super) price: I64,
    pub(super) size: U32,
    pub(super) flags: u8,
    channel: u8,
    pub(super) action: u8,
    pub(super) side: u8,
    pub(super) ts_recv: U64,
    ts_in_delta: U32,
    pub(super) sequence: U32,
}

/// A trade, and what all records of levels begin with.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Traded {
    pub(super) head: Head,
    pub(super) price: I64,
    pub(super) size: U32,
    pub(super) action: u8,
    pub(super) side: u8,
    pub(super) flags: u8,
    depth: u8,
    pub(super) ts_recv: U64,
    ts_in_delta: U32,
    pub(super) sequence: U32,
}

/// A level of both sides.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Pair {
    pub(super) bid: I64,
    pub(super) ask: I64,
    pub(super) bid_size: U32,
    pub(super) ask_size: U32,
    pub(super) bid_count: U32,
    pub(super) ask_count: U32,
}

/// The best bid and offer, whatever brought them about.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Top {
    pub(super) event: Traded,
    pub(super) level: Pair,
}

/// The ten best levels of both sides.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Ten {
    pub(super) event: Traded,
    pub(super) levels: [Pair; 10],
}

macro_rules! same_layout {
    ($($own:ident = $theirs:ty { $($field:ident = $their_field:ident),* })*) => {$(
        const _: () = {
            assert!(size_of::<$own>() == size_of::<$theirs>());
            $(assert!(offset_of!($own, $field) == offset_of!($theirs, $their_field));)*
        };
    )*};
}

same_layout! {
    Head = dbn::RecordHeader {
        rtype = rtype, publisher = publisher_id, instrument = instrument_id, ts_event = ts_event
    }
    Mbo = dbn::MboMsg {
        head = hd, order = order_id, price = price, size = size, flags = flags, action = action,
        side = side, ts_recv = ts_recv, sequence = sequence
    }
    Traded = dbn::TradeMsg {
        head = hd, price = price, size = size, action = action, side = side, flags = flags,
        ts_recv = ts_recv, sequence = sequence
    }
    Pair = dbn::BidAskPair {
        bid = bid_px, ask = ask_px, bid_size = bid_sz, ask_size = ask_sz, bid_count = bid_ct,
        ask_count = ask_ct
    }
    Top = dbn::Mbp1Msg { level = levels }
    Top = dbn::Cmbp1Msg { level = levels }
    Top = dbn::BboMsg { level = levels }
    Top = dbn::CbboMsg { level = levels }
    Ten = dbn::Mbp10Msg { levels = levels }
}

const _: () = {
    assert!(offset_of!(Traded, ts_recv) == offset_of!(dbn::BboMsg, ts_recv));
    assert!(offset_of!(Traded, flags) == offset_of!(dbn::CbboMsg, flags));
    assert!(offset_of!(Traded, action) == offset_of!(dbn::Cmbp1Msg, action));
};

/// A number of a record where the crate's type has it. The record is as long as that type.
macro_rules! number {
    ($record:expr, $type:ty, $field:ident: $number:ty) => {{
        const _: fn(&$type) -> $number = |record| record.$field;
        <$number>::from_le_bytes(super::record::bytes_at(
            $record,
            std::mem::offset_of!($type, $field),
        ))
    }};
}

/// A letter of a record, likewise.
macro_rules! letter {
    ($record:expr, $type:ty, $field:ident) => {{
        const _: fn(&$type) -> std::ffi::c_char = |record| record.$field;
        $record[std::mem::offset_of!($type, $field)]
    }};
}

/// A text of a record without the zeros that fill it up, likewise.
macro_rules! text {
    ($record:expr, $type:ty, $field:ident) => {{
        const LENGTH: usize = {
            const fn length<const N: usize>(_: fn(&$type) -> &[std::ffi::c_char; N]) -> usize {
                N
            }
            length(|record| &record.$field)
        };
        let from = std::mem::offset_of!($type, $field);
        let bytes: &[u8] = &$record[from..from + LENGTH];
        let end = memchr::memchr(0, bytes).unwrap_or(LENGTH);
        &bytes[..end]
    }};
}

pub(super) use {letter, number, text};

pub(super) fn bytes_at<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&record[at..at + N]);
    bytes
}
