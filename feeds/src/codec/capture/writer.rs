//! Writes pcapng: what was received, with stamps in nanoseconds.
//!
//! One section, one interface of Ethernet frames, one enhanced packet block a packet. A datagram that
//! came through a socket has no frame any more: it gets the headers that it must have had, as far as
//! they are known.

use super::network::hardware_address;
use engine_event::Nanos;
use etherparse::{EtherType, Ethernet2Header, IpNumber, Ipv4Header, Ipv6Header, UdpHeader};
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use zerocopy::{Immutable, IntoBytes};

/// Where empty datagrams are "sent" that only tell the time: no address, and the port of what is
/// discarded.
pub const CLOCK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 9));

/// A capture that is being written.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
}

#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct Section {
    kind: u32,
    length: u32,
    byte_order: u32,
    version: [u16; 2],
    /// Not told.
    section_length: [u32; 2],
}

#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct Interface {
    kind: u32,
    length: u32,
    link: u16,
    reserved: u16,
    /// No limit.
    snap_length: u32,
    /// Option 9, one byte: stamps count 10^-9 s.
    resolution: [u16; 2],
    nine: [u8; 4],
    end_of_options: [u16; 2],
    length_again: u32,
}

#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct PacketHead {
    kind: u32,
    length: u32,
    interface: u32,
    stamp_high: u32,
    stamp_low: u32,
    captured: u32,
    original: u32,
}

const _: () = assert!(cfg!(target_endian = "little"), "written as it lies in memory");
const SECTION: Section = Section {
    kind: 0x0a0d_0d0a,
    length: 28,
    byte_order: 0x1a2b_3c4d,
    version: [1, 0],
    section_length: [u32::MAX; 2],
};
const INTERFACE: Interface = Interface {
    kind: 1,
    length: 32,
    link: 1,
    reserved: 0,
    snap_length: 0,
    resolution: [9, 1],
    nine: [9, 0, 0, 0],
    end_of_options: [0, 0],
    length_again: 32,
};
const PACKET: u32 = 6;
/// The option that is a comment.
const COMMENT: u16 = 1;
const NOTE_BYTES_MAX: usize = 60_000;
/// What a block has besides the packet.
const FRAME_BYTES: usize = 32;
/// What UDP over IPv4 can carry.
const PAYLOAD_BYTES_MAX: usize = 65_507;

impl<W: Write> Writer<W> {
    /// Begins a capture. `out` should have a buffer.
    pub fn new(out: W) -> io::Result<Self> {
        Self::with_note(out, "")
    }

    /// Begins a capture that says something about itself, in at most 60,000 bytes.
    pub fn with_note(mut out: W, note: &str) -> io::Result<Self> {
        let note = &note.as_bytes()[..note.len().min(NOTE_BYTES_MAX)];
        let padded = note.len().next_multiple_of(4);
        // The comment, and the end of options.
        let options = if note.is_empty() { 0 } else { 4 + padded + 4 };
        let length = SECTION.length + options as u32;
        out.write_all(Section { length, ..SECTION }.as_bytes())?;
        if !note.is_empty() {
            out.write_all(&COMMENT.to_le_bytes())?;
            out.write_all(&(note.len() as u16).to_le_bytes())?;
            out.write_all(note)?;
            out.write_all(&[0; 8][..padded - note.len() + 4])?;
        }
        out.write_all(&length.to_le_bytes())?;
        out.write_all(INTERFACE.as_bytes())?;
        Ok(Self { out })
    }

    /// A frame that was seen at `at`, of which these bytes are left of `length`.
    pub fn frame(&mut self, at: Nanos, bytes: &[u8], length: u32) -> io::Result<()> {
        self.packet(at, &[bytes], length)
    }

    /// A datagram that came at `at`.
    pub fn datagram(
        &mut self,
        at: Nanos,
        source: SocketAddr,
        target: SocketAddr,
        payload: &[u8],
    ) -> io::Result<()> {
        let wrong = |what: &str| io::Error::new(ErrorKind::InvalidInput, what);
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(wrong("the datagram is too long"));
        }
        let ethernet = |ether_type| Ethernet2Header {
            source: [0x02, 0, 0, 0, 0, 2],
            destination: hardware_address(target.ip()),
            ether_type,
        };
        let ports = (source.port(), target.port());
        let length = (payload.len() + UdpHeader::LEN) as u16;
        match (source.ip(), target.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let (from, to) = (from.octets(), to.octets());
                let ip = Ipv4Header::new(length, 16, IpNumber::UDP, from, to)
                    .map_err(|_| wrong("the datagram is too long"))?;
                let udp = UdpHeader::with_ipv4_checksum(ports.0, ports.1, &ip, payload)
                    .map_err(|_| wrong("the datagram is too long"))?;
                let ethernet = ethernet(EtherType::IPV4).to_bytes();
                self.whole(at, &[&ethernet, &ip.to_bytes(), &udp.to_bytes(), payload])
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let ip = Ipv6Header {
                    payload_length: length,
                    next_header: IpNumber::UDP,
                    hop_limit: 16,
                    source: from.octets(),
                    destination: to.octets(),
                    ..Ipv6Header::default()
                };
                let udp = UdpHeader::with_ipv6_checksum(ports.0, ports.1, &ip, payload)
                    .map_err(|_| wrong("the datagram is too long"))?;
                let ethernet = ethernet(EtherType::IPV6).to_bytes();
                self.whole(at, &[&ethernet, &ip.to_bytes(), &udp.to_bytes(), payload])
            }
            _ => Err(wrong("a datagram does not go from IPv4 to IPv6 or back")),
        }
    }

    /// Nothing came until `at`, and it was decided then what is lost: an empty datagram to [`CLOCK`].
    pub fn clock(&mut self, at: Nanos) -> io::Result<()> {
        self.datagram(at, CLOCK, CLOCK, &[])
    }

    /// Everything that was written goes to where it belongs.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The writer below, with everything in it that was written.
    pub fn into_inner(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn whole(&mut self, at: Nanos, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.packet(at, parts, length as u32)
    }

    fn packet(&mut self, at: Nanos, parts: &[&[u8]], original: u32) -> io::Result<()> {
        let captured: usize = parts.iter().map(|part| part.len()).sum();
        let padding = captured.next_multiple_of(4) - captured;
        let length = (FRAME_BYTES + captured + padding) as u32;
        let head = PacketHead {
            kind: PACKET,
            length,
            interface: 0,
            stamp_high: (at.0 >> 32) as u32,
            stamp_low: at.0 as u32,
            captured: captured as u32,
            original,
        };
        self.out.write_all(head.as_bytes())?;
        parts.iter().try_for_each(|part| self.out.write_all(part))?;
        self.out.write_all(&[0; 3][..padding])?;
        self.out.write_all(&length.to_le_bytes())
    }
}
