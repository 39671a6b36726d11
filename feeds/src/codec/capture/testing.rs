//! The same packets in other forms, for the tests of what reads them.

use super::{Packet, Records, Step};

/// The packets of a capture, which is whole.
pub(crate) fn packets(capture: &[u8]) -> Vec<Packet<'_>> {
    let (mut records, mut rest, mut packets) = (Records::default(), capture, Vec::new());
    loop {
        let taken = match records.step(rest).unwrap() {
            Step::Packet(packet, taken) => {
                packets.push(packet);
                taken
            }
            Step::Unreadable(taken) | Step::Other(taken) => taken,
            Step::More => break,
        };
        rest = &rest[taken..];
    }
    assert!(rest.is_empty() && !records.is_within());
    packets
}

/// A pcap capture of these packets.
pub(crate) fn pcap(packets: &[Packet<'_>], big_endian: bool, nanos: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let put = |out: &mut Vec<u8>, number: u32| {
        out.extend(if big_endian { number.to_be_bytes() } else { number.to_le_bytes() });
    };
    put(&mut out, if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 });
    // Version 2.4, two halves of a word.
    put(&mut out, if big_endian { 0x0002_0004 } else { 0x0004_0002 });
    for number in [0, 0, 262_144, u32::from(packets.first().map_or(1, |packet| packet.link))] {
        put(&mut out, number);
    }
    for packet in packets {
        let fraction = packet.at.0 % 1_000_000_000 / if nanos { 1 } else { 1000 };
        put(&mut out, (packet.at.0 / 1_000_000_000) as u32);
        put(&mut out, fraction as u32);
        put(&mut out, packet.bytes.len() as u32);
        put(&mut out, packet.length);
        out.extend(packet.bytes);
    }
    out
}

/// A big-endian pcapng capture of these packets, whose stamps count 2^-20 s, with an offset, options,
/// and blocks that nobody wants.
pub(crate) fn pcapng_big_endian(packets: &[Packet<'_>], offset_s: u64) -> Vec<u8> {
    let mut out = Vec::new();
    block(&mut out, 0x0a0d_0d0a, &[&[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0], &[0xff; 8]]);
    block(&mut out, 0x0000_0bad, &[b"a custom block of somebody"]);
    let offset = offset_s.to_be_bytes();
    let resolution = [0, 9, 0, 1, 0x80 | 20, 0, 0, 0, 0, 14, 0, 8];
    block(&mut out, 1, &[&[0, 1, 0, 0, 0, 0, 0, 0], &resolution, &offset, &[0; 4]]);
    for packet in packets {
        let ticks = u128::from(packet.at.0 - offset_s * 1_000_000_000) << 20;
        let ticks = (ticks.div_ceil(1_000_000_000) as u64).to_be_bytes();
        let captured = (packet.bytes.len() as u32).to_be_bytes();
        let padding = &[0; 3][..packet.bytes.len().next_multiple_of(4) - packet.bytes.len()];
        let comment = [&[0, 1, 0, 4][..], b"seen", &[0; 4]].concat();
        let length = packet.length.to_be_bytes();
        let parts: [&[u8]; 7] =
            [&[0; 4], &ticks, &captured, &length, packet.bytes, padding, &comment];
        block(&mut out, 6, &parts);
    }
    out
}

fn block(out: &mut Vec<u8>, kind: u32, parts: &[&[u8]]) {
    let content = parts.concat();
    let padding = content.len().next_multiple_of(4) - content.len();
    let length = (12 + content.len() + padding) as u32;
    out.extend(kind.to_be_bytes());
    out.extend(length.to_be_bytes());
    out.extend(content);
    out.extend(&[0; 3][..padding]);
    out.extend(length.to_be_bytes());
}
