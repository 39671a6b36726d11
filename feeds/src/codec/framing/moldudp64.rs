//! MoldUDP64: numbered messages in datagrams, and the asking again for those that were lost.
//!
//! Source: Nasdaq, *MoldUDP64 Protocol Specification*, version 1.00. All numbers are big-endian. A
//! packet of no messages is a heartbeat and tells the next sequence number; one of 65,535 says that the
//! session has ended, and tells it too.

use super::{Blocks, ByteOrder, Datagram, Malformed, SessionId, number};
use zerocopy::big_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a packet begins with; alone, what asks for messages again.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// The session, padded with spaces on the right.
    pub session: SessionId,
    /// The first message's sequence number, from 1; that of the next one where there is none.
    pub sequence: U64,
    /// How many messages follow, or [`END_OF_SESSION`]; in a request, how many are wanted.
    pub count: U16,
}

const _: () = assert!(size_of::<Header>() == Header::LENGTH);

/// The count by which a session is said to have ended.
pub const END_OF_SESSION: u16 = 0xffff;

/// The most bytes of a packet that common networks carry without taking it apart.
pub const PACKET_BYTES_MAX: usize = 1472;

impl Header {
    /// How many bytes it has.
    pub const LENGTH: usize = 20;

    /// A header, or a request.
    pub fn new(session: SessionId, sequence: u64, count: u16) -> Self {
        Self { session, sequence: U64::new(sequence), count: U16::new(count) }
    }

    /// A request: exactly a header.
    pub fn view_request(bytes: &[u8]) -> Option<&Self> {
        Self::ref_from_bytes(bytes).ok()
    }
}

/// A packet as it was sent: all of its messages are there.
pub fn view(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let (header, messages) = split(bytes)?;
    datagram(header, Blocks::whole(messages, ByteOrder::Big, message_count(header))?)
}

/// A packet of which the end is missing: its header, and the messages before the cut.
pub fn view_cut(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let (header, messages) = split(bytes)?;
    datagram(header, Blocks::cut(messages, ByteOrder::Big, message_count(header)))
}

fn split(bytes: &[u8]) -> Result<(&Header, &[u8]), Malformed> {
    let too_short = Malformed::Header { found: bytes.len(), expected: Header::LENGTH };
    Header::ref_from_prefix(bytes).map_err(|_| too_short)
}

fn message_count(header: &Header) -> u16 {
    if header.count == END_OF_SESSION { 0 } else { header.count.get() }
}

fn datagram<'a>(header: &Header, messages: Blocks<'a>) -> Result<Datagram<'a>, Malformed> {
    let (first, count) = (header.sequence.get(), message_count(header));
    number(first, count)?;
    let ends = header.count == END_OF_SESSION;
    Ok(Datagram { session: header.session, first, count, ends, messages })
}

/// Whether a datagram may be one of a MoldUDP64 stream that was not met before: its session is text.
pub(crate) fn looks_like(datagram: &Datagram<'_>) -> bool {
    datagram.session.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        && datagram.session.iter().any(u8::is_ascii_graphic)
}

/// Puts messages into packets, one after another.
#[derive(Clone, Debug)]
pub struct Builder {
    session: SessionId,
    /// The next packet's first sequence number.
    sequence: u64,
    packet: Vec<u8>,
    count: u16,
    bytes_max: usize,
}

impl Builder {
    /// Packets of `session` whose first message has number `sequence`, each of at most `bytes_max`
    /// bytes unless a single message needs more.
    pub fn new(session: SessionId, sequence: u64, bytes_max: usize) -> Self {
        let packet = vec![0; Header::LENGTH];
        Self { session, sequence, packet, count: 0, bytes_max }
    }

    /// Adds a message of at most 65,535 bytes; false if it belongs into the next packet.
    pub fn push(&mut self, message: &[u8]) -> bool {
        let Ok(length) = u16::try_from(message.len()) else { return false };
        let full = self.packet.len() + 2 + message.len() > self.bytes_max;
        if self.count > 0 && full || self.count == END_OF_SESSION - 1 {
            return false;
        }
        self.packet.extend(length.to_be_bytes());
        self.packet.extend(message);
        self.count += 1;
        true
    }

    /// How many messages the packet holds.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The number that the next message of a new packet will have.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The packet so far, a heartbeat if it is empty; the next one begins behind it.
    pub fn take(&mut self) -> Vec<u8> {
        let header = Header::new(self.session, self.sequence, self.count);
        self.packet[..Header::LENGTH].copy_from_slice(header.as_bytes());
        self.sequence += u64::from(self.count);
        self.count = 0;
        std::mem::replace(&mut self.packet, vec![0; Header::LENGTH])
    }

    /// What says that the session has ended.
    pub fn end_of_session(&self) -> [u8; Header::LENGTH] {
        let header = Header::new(self.session, self.sequence, END_OF_SESSION);
        header.as_bytes().try_into().expect("a header is as long as it is")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SESSION: SessionId = *b"SESSION001";

    #[test]
    fn a_packet_stands_as_the_specification_draws_it() {
        let mut builder = Builder::new(SESSION, 258, PACKET_BYTES_MAX);
        assert!(builder.push(b"ab") && builder.push(b""));
        let packet = builder.take();
        assert_eq!(packet, b"SESSION001\0\0\0\0\0\0\x01\x02\0\x02\0\x02ab\0\0");
        let read = view(&packet).unwrap();
        assert_eq!((read.session, read.first, read.count, read.ends), (SESSION, 258, 2, false));
        assert_eq!(read.messages.iter().collect::<Vec<_>>(), [&b"ab"[..], b""]);
        assert_eq!(read.next(), 260);
        assert_eq!(builder.sequence(), 260);
    }

    #[test]
    fn heartbeats_and_ends_tell_the_next_number() {
        let mut builder = Builder::new(SESSION, 7, PACKET_BYTES_MAX);
        let (end, beat) = (builder.end_of_session(), builder.take());
        let (beat, end) = (view(&beat).unwrap(), view(&end).unwrap());
        assert_eq!((beat.next(), beat.count, beat.ends), (7, 0, false));
        assert_eq!((end.next(), end.count, end.ends), (7, 0, true));
    }

    #[test]
    fn a_request_is_a_header() {
        let request = Header::new(SESSION, 5, 3);
        assert_eq!(Header::view_request(request.as_bytes()), Some(&request));
        assert_eq!(Header::view_request(&request.as_bytes()[1..]), None);
        assert!(view(request.as_bytes()).is_err(), "no packet lacks its messages");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut builder = Builder::new(SESSION, u64::MAX, PACKET_BYTES_MAX);
        builder.push(b"a");
        let wrapped = builder.packet.clone();
        let mut wrapped = [Header::new(SESSION, u64::MAX, 1).as_bytes(), &wrapped[20..]].concat();
        let refused = Malformed::Sequence { first: u64::MAX, count: 1 };
        assert_eq!(view(&wrapped).unwrap_err(), refused);
        wrapped.truncate(19);
        assert_eq!(view(&wrapped).unwrap_err(), Malformed::Header { found: 19, expected: 20 });
    }

    proptest! {
        #[test]
        fn what_is_built_is_read(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..50),
            sequence in 0u64..1 << 60,
            bytes_max in 20usize..2000,
        ) {
            let mut builder = Builder::new(SESSION, sequence, bytes_max);
            let mut packets = Vec::new();
            for message in &messages {
                if !builder.push(message) {
                    packets.push(builder.take());
                    prop_assert!(builder.push(message));
                }
            }
            packets.push(builder.take());
            let (mut read, mut next) = (Vec::new(), sequence);
            for packet in &packets {
                let datagram = view(packet).unwrap();
                prop_assert_eq!(datagram.first, next);
                prop_assert!(packet.len() <= bytes_max || datagram.count <= 1);
                next = datagram.next();
                read.extend(datagram.messages.iter().map(<[u8]>::to_vec));
                for length in 0..packet.len() {
                    prop_assert!(view(&packet[..length]).is_err());
                    if let Ok(cut) = view_cut(&packet[..length]) {
                        prop_assert_eq!(cut.next(), datagram.next());
                        prop_assert!(cut.messages.len() < datagram.count);
                    }
                }
            }
            prop_assert_eq!(read, messages);
        }

        #[test]
        fn garbage_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(datagram) = view(&bytes) {
                prop_assert_eq!(datagram.messages.iter().count(), usize::from(datagram.count));
            }
        }
    }
}
