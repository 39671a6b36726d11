//! Captures: packets as they were seen on a wire, out of pcap and pcapng files.
//!
//! Sources: *PCAP Capture File Format* and *PCAP Next Generation Capture File Format* (IETF drafts
//! draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng). pcap in both byte orders, with stamps in micro-
//! or nanoseconds; pcapng with any number of sections and interfaces, and any resolution of stamps.
//!
//! [`Records`] finds one packet after another in bytes that come from anywhere; [`network`] finds the
//! datagram in a packet; [`Writer`] writes what was received. [`Captured`] is the codec of a protocol by
//! datagram: it puts together what these find.

pub mod network;
mod records;
mod writer;

mod captured;

pub use super::channels::{Counters, Protocol};
pub use captured::Captured;
pub(crate) use captured::looks_like_protocol;
pub use records::{Broken, Packet, Records, Step};
pub use writer::{CLOCK, Writer};

/// Whether content that begins with `bytes` is a capture, of whatever.
pub(crate) fn is_capture(bytes: &[u8]) -> bool {
    records::Records::is_capture(bytes)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
