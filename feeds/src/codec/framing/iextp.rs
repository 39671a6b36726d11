//! IEX-TP: how IEX puts numbered messages into segments.
//!
//! Source: IEX, *IEX Transport Protocol (IEX-TP) Specification*, version 1.25. All numbers are
//! little-endian. A segment without messages is a heartbeat and tells the next sequence number. Which
//! messages a segment carries is said by its protocol; a stream is one protocol of one channel.

use super::{Blocks, ByteOrder, Datagram, Malformed, SessionId, number};
use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a segment begins with.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// Of the framing: 1.
    pub version: u8,
    /// Nothing.
    pub reserved: u8,
    /// What the messages are: [`DEEP`] or [`TOPS`].
    pub protocol: U16,
    /// Which stream of the protocol.
    pub channel: U32,
    /// The session, a number that each day has anew.
    pub session: U32,
    /// How many bytes follow the header.
    pub payload_length: U16,
    /// How many messages they are.
    pub count: U16,
    /// How many payload bytes the session had before.
    pub stream_offset: U64,
    /// The first message's sequence number, from 1; that of the next one where there is none.
    pub first: U64,
    /// When it was sent, in nanoseconds since the epoch.
    pub sent_at: I64,
}

const _: () = assert!(size_of::<Header>() == Header::LENGTH);

/// The protocol of DEEP 1.0.
pub const DEEP: u16 = 0x8004;
/// The protocol of TOPS 1.6.
pub const TOPS: u16 = 0x8003;
/// The version of the framing.
pub const VERSION: u8 = 1;

impl Header {
    /// How many bytes it has.
    pub const LENGTH: usize = 40;

    /// Protocol, channel and session, by which sequence numbers are told apart.
    fn session(&self) -> SessionId {
        let mut id = [0; 10];
        id[..2].copy_from_slice(self.protocol.as_bytes());
        id[2..6].copy_from_slice(self.channel.as_bytes());
        id[6..].copy_from_slice(self.session.as_bytes());
        id
    }

    fn datagram<'a>(&self, messages: Blocks<'a>) -> Result<Datagram<'a>, Malformed> {
        let (first, count) = (self.first.get(), self.count.get());
        number(first, count)?;
        Ok(Datagram { session: self.session(), first, count, ends: false, messages })
    }
}

/// A segment as it was sent: all of its messages are there.
pub fn view(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let (header, payload) = split(bytes)?;
    let (found, expected) = (payload.len(), usize::from(header.payload_length.get()));
    if found != expected {
        return Err(Malformed::Length { found, expected });
    }
    header.datagram(Blocks::whole(payload, ByteOrder::Little, header.count.get())?)
}

/// A segment of which the end is missing: its header, and the messages before the cut.
pub fn view_cut(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let (header, payload) = split(bytes)?;
    header.datagram(Blocks::cut(payload, ByteOrder::Little, header.count.get()))
}

fn split(bytes: &[u8]) -> Result<(&Header, &[u8]), Malformed> {
    let too_short = Malformed::Header { found: bytes.len(), expected: Header::LENGTH };
    let (header, payload) = Header::ref_from_prefix(bytes).map_err(|_| too_short)?;
    let (version, protocol) = (header.version, header.protocol.get());
    if version != VERSION || !matches!(protocol, DEEP | TOPS) {
        return Err(Malformed::Protocol { version, protocol });
    }
    Ok((header, payload))
}

/// Puts messages into segments, one after another.
#[derive(Clone, Debug)]
pub struct Builder {
    header: Header,
    payload: Vec<u8>,
}

impl Builder {
    /// Segments of a protocol's channel and session, whose first message has number 1.
    pub fn new(protocol: u16, channel: u32, session: u32) -> Self {
        let header = Header {
            version: VERSION,
            reserved: 0,
            protocol: protocol.into(),
            channel: channel.into(),
            session: session.into(),
            payload_length: 0.into(),
            count: 0.into(),
            stream_offset: 0.into(),
            first: 1.into(),
            sent_at: 0.into(),
        };
        Self::starting(header)
    }

    /// Segments that go on from a header: its count and length are the next segment's own.
    pub fn starting(header: Header) -> Self {
        let header = Header { payload_length: 0.into(), count: 0.into(), ..header };
        Self { header, payload: Vec::new() }
    }

    /// Adds a message; false if there is no room for it in this segment.
    pub fn push(&mut self, message: &[u8]) -> bool {
        let length = self.payload.len() + 2 + message.len();
        if length > usize::from(u16::MAX) || self.header.count == u16::MAX {
            return false;
        }
        self.payload.extend((message.len() as u16).to_le_bytes());
        self.payload.extend(message);
        self.header.count += 1;
        true
    }

    /// The segment so far, a heartbeat if it is empty; the next one begins behind it.
    pub fn take(&mut self, sent_at: i64) -> Vec<u8> {
        self.header.payload_length = (self.payload.len() as u16).into();
        self.header.sent_at = sent_at.into();
        let segment = [self.header.as_bytes(), &self.payload].concat();
        self.header.stream_offset += self.payload.len() as u64;
        self.header.first += u64::from(self.header.count.get());
        self.header.count = 0.into();
        self.payload.clear();
        segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_read() {
        let mut builder = Builder::new(DEEP, 1, 0x11c8_0000);
        assert!(builder.push(b"abc") && builder.push(b"d"));
        let segment = builder.take(5);
        assert_eq!(segment[..6], [1, 0, 4, 0x80, 1, 0]);
        assert_eq!(segment[40..], *b"\x03\0abc\x01\0d");
        let read = view(&segment).unwrap();
        assert_eq!((read.first, read.count, read.next()), (1, 2, 3));
        assert_eq!(read.messages.iter().collect::<Vec<_>>(), [&b"abc"[..], b"d"]);
        let beat = builder.take(6);
        let beat = view(&beat).unwrap();
        assert_eq!((beat.first, beat.count, beat.session), (3, 0, read.session));
        for length in 0..segment.len() {
            assert!(view(&segment[..length]).is_err());
            assert_eq!(view_cut(&segment[..length]).is_ok(), length >= Header::LENGTH);
        }
    }

    #[test]
    fn other_protocols_are_refused() {
        let mut builder = Builder::new(0x8002, 1, 1);
        let refused = Malformed::Protocol { version: 1, protocol: 0x8002 };
        assert_eq!(view(&builder.take(0)).unwrap_err(), refused);
    }
}
