//! The UDP datagram in a packet.
//!
//! Ethernet with up to three VLAN tags, Linux' cooked captures, loopback and bare IP; IPv4 with options,
//! IPv6 with extension headers. Fragments are refused: a venue sends none. Checksums are not looked at:
//! where packets are captured on their way out, the network card has not written them yet.

use etherparse::{EtherType, LaxSlicedPacket, TransportSlice};
use std::net::{IpAddr, SocketAddr};

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content<'a> {
    /// A UDP datagram.
    Udp(Udp<'a>),
    /// A part of a datagram.
    Fragment,
    /// Something else.
    Foreign,
    /// Nothing that can be told: it ends before it says.
    Cut,
    /// A kind of link that is not known.
    UnknownLink,
}

/// A UDP datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Udp<'a> {
    /// To whom.
    pub target: SocketAddr,
    /// What it carries.
    pub payload: &'a [u8],
    /// Whether the end of it was not captured.
    pub is_cut: bool,
}

/// Of each link type what stands before the network's own header.
const NULL: u16 = 0;
const ETHERNET: u16 = 1;
const RAW: [u16; 5] = [12, 14, 101, 228, 229];
const LOOP: u16 = 108;
const LINUX_COOKED: u16 = 113;
const LINUX_COOKED_2: u16 = 276;

/// Looks into a packet of this link type.
pub fn content(link: u16, bytes: &[u8]) -> Content<'_> {
    let sliced = match link {
        ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok(),
        LINUX_COOKED => behind(bytes, 16, 14),
        LINUX_COOKED_2 => behind(bytes, 20, 0),
        NULL | LOOP => bytes.get(4..).and_then(|bytes| LaxSlicedPacket::from_ip(bytes).ok()),
        link if RAW.contains(&link) => LaxSlicedPacket::from_ip(bytes).ok(),
        _ => return Content::UnknownLink,
    };
    let Some(sliced) = sliced else { return Content::Cut };
    let Some(ip) = sliced.net.as_ref().and_then(|net| net.ip_payload_ref()) else {
        let is_cut = sliced.net.is_none() && sliced.stop_err.is_some();
        return if is_cut { Content::Cut } else { Content::Foreign };
    };
    if ip.fragmented {
        return Content::Fragment;
    }
    match &sliced.transport {
        Some(TransportSlice::Udp(udp)) => {
            let Some(address) = target(&sliced) else { return Content::Foreign };
            let payload = udp.payload();
            let is_cut = payload.len() + 8 < usize::from(udp.length());
            let target = SocketAddr::new(address, udp.destination_port());
            Content::Udp(Udp { target, payload, is_cut })
        }
        None if sliced.stop_err.is_some() => Content::Cut,
        _ => Content::Foreign,
    }
}

/// A packet behind a header of a fixed length that has the protocol's number at a place.
fn behind(bytes: &[u8], length: usize, at: usize) -> Option<LaxSlicedPacket<'_>> {
    let (header, rest) = bytes.split_at_checked(length)?;
    let protocol = u16::from_be_bytes([header[at], header[at + 1]]);
    Some(LaxSlicedPacket::from_ether_type(EtherType(protocol), rest))
}

fn target(sliced: &LaxSlicedPacket<'_>) -> Option<IpAddr> {
    match sliced.net.as_ref()? {
        etherparse::LaxNetSlice::Ipv4(ip) => Some(ip.header().destination_addr().into()),
        etherparse::LaxNetSlice::Ipv6(ip) => Some(ip.header().destination_addr().into()),
        etherparse::LaxNetSlice::Arp(_) => None,
    }
}

/// The Ethernet address that a group's packets are sent to; a made-up one for who is no group.
pub(super) fn hardware_address(target: IpAddr) -> [u8; 6] {
    match target {
        IpAddr::V4(address) if address.is_multicast() => {
            let [_, b, c, d] = address.octets();
            [0x01, 0x00, 0x5e, b & 0x7f, c, d]
        }
        IpAddr::V6(address) if address.is_multicast() => {
            let [.., c, d, e, f] = address.octets();
            [0x33, 0x33, c, d, e, f]
        }
        _ => [0x02, 0, 0, 0, 0, 1],
    }
}
