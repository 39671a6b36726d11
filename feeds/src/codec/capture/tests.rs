use super::network::{Content, content};
use super::testing::{packets, pcap, pcapng_big_endian};
use super::*;
use crate::synthetic::capture::group;
use engine_event::Nanos;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const AT: Nanos = Nanos(1_704_204_000_123_456_789);

fn source() -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(10, 0, 0, 1).into(), 1)
}

/// A capture of datagrams with these payloads to a group, a microsecond apart.
fn capture(payloads: &[&[u8]]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for (place, payload) in payloads.iter().enumerate() {
        let at = Nanos(AT.0 + 1000 * place as u64);
        writer.datagram(at, source(), group(0), payload).unwrap();
    }
    writer.into_inner().unwrap()
}

/// The frame of a datagram.
fn frame(source: SocketAddr, target: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.datagram(AT, source, target, payload).unwrap();
    packets(&writer.into_inner().unwrap())[0].bytes.to_vec()
}

fn payload(link: u16, bytes: &[u8]) -> Option<(SocketAddr, Vec<u8>, bool)> {
    match content(link, bytes) {
        Content::Udp(udp) => Some((udp.target, udp.payload.to_vec(), udp.is_cut)),
        _ => None,
    }
}

#[test]
fn what_is_written_is_read_in_every_form() {
    let capture = capture(&[b"one", b"", b"three and more"]);
    let written = packets(&capture);
    assert_eq!(
        written.iter().map(|packet| packet.at.0 - AT.0).collect::<Vec<_>>(),
        [0, 1000, 2000]
    );
    for big_endian in [false, true] {
        let nanos = pcap(&written, big_endian, true);
        assert_eq!(packets(&nanos), written);
        let micros = pcap(&written, big_endian, false);
        let rounded = |packet: &Packet<'_>| Nanos(packet.at.0 / 1000 * 1000);
        let stamps = |of: &[Packet<'_>]| of.iter().map(rounded).collect::<Vec<_>>();
        assert_eq!(stamps(&packets(&micros)), stamps(&written));
        assert!(packets(&micros).iter().all(|packet| packet.at == rounded(packet)));
    }
    let big_endian = pcapng_big_endian(&written, 1_704_000_000);
    for (read, written) in packets(&big_endian).iter().zip(&written) {
        assert_eq!((read.bytes, read.length), (written.bytes, written.length));
        assert!(read.at.since(written.at).0 < 1000, "{} {}", read.at, written.at);
    }
}

#[test]
fn sections_follow_each_other() {
    let capture = capture(&[b"one"]);
    let written = packets(&capture);
    let mut both = pcapng_big_endian(&written, 0);
    both.extend(&capture);
    assert_eq!(packets(&both).len(), 2);
    assert_eq!(packets(&both)[1], written[0]);
}

#[test]
fn datagrams_are_found_behind_everything_that_may_stand_before_them() {
    let group = group(1);
    let plain = frame(source(), group, b"payload");
    let expected = Some((group, b"payload".to_vec(), false));
    assert_eq!(payload(1, &plain), expected);
    let (macs, rest) = plain.split_at(12);
    let tagged = [macs, &[0x81, 0, 0, 7], rest].concat();
    assert_eq!(payload(1, &tagged), expected);
    let stacked = [macs, &[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7], rest].concat();
    assert_eq!(payload(1, &stacked), expected);
    let ip = &plain[14..];
    assert_eq!(payload(101, ip), expected);
    assert_eq!(payload(0, &[&[2, 0, 0, 0], ip].concat()), expected);
    let cooked = [&[0; 14][..], &[8, 0], ip].concat();
    assert_eq!(payload(113, &cooked), expected);
    let cooked = [&[8, 0][..], &[0; 18], ip].concat();
    assert_eq!(payload(276, &cooked), expected);
    // Four bytes of options: a longer header, and a longer packet.
    let mut options = [&ip[..20], &[1, 1, 1, 1], &ip[20..]].concat();
    options[0] = 0x46;
    options[3] += 4;
    assert_eq!(payload(101, &options), expected);
    // Ethernet fills short frames up.
    assert_eq!(payload(1, &[&plain[..], &[0; 6]].concat()), expected);
    assert_eq!(content(147, ip), Content::UnknownLink);
}

#[test]
fn version_6_is_read_with_extension_headers() {
    let from = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 1);
    let target: IpAddr = "ff02::1234".parse().unwrap();
    let target = SocketAddr::new(target, 5);
    let plain = frame(from, target, b"payload");
    assert_eq!(payload(1, &plain), Some((target, b"payload".to_vec(), false)));
    let ip = &plain[14..];
    // Hop-by-hop options: eight bytes between the header and the datagram.
    let mut extended = [&ip[..40], &[17, 0, 1, 4, 0, 0, 0, 0], &ip[40..]].concat();
    extended[5] += 8;
    extended[6] = 0;
    assert_eq!(payload(101, &extended), Some((target, b"payload".to_vec(), false)));
    // A fragment header that says that more follows.
    let mut fragment = [&ip[..40], &[17, 0, 0, 1, 0, 0, 0, 9], &ip[40..]].concat();
    fragment[5] += 8;
    fragment[6] = 44;
    assert_eq!(content(101, &fragment), Content::Fragment);
}

#[test]
fn parts_and_other_things_are_told_apart() {
    let plain = frame(source(), group(0), b"payload");
    let mut fragment = plain[14..].to_vec();
    fragment[6] |= 0x20;
    assert_eq!(content(101, &fragment), Content::Fragment);
    let arp = [&plain[..12], &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat();
    assert_eq!(content(1, &arp), Content::Foreign);
    let mut tcp = plain.clone();
    tcp[23] = 6;
    tcp.extend([0x50; 20]);
    assert_ne!(payload(1, &tcp), payload(1, &plain));
    for length in 0..plain.len() {
        match content(1, &plain[..length]) {
            Content::Udp(udp) => assert!(udp.is_cut && udp.payload.len() == length - 42),
            Content::Cut => assert!(length < 42, "{length}"),
            other => panic!("{length}: {other:?}"),
        }
    }
}

#[test]
fn records_that_lie_are_refused_or_stepped_over() {
    let capture = capture(&[b"one", b"two"]);
    let step = |bytes: &[u8]| Records::default().step(bytes).map(|step| step == Step::More);
    assert_eq!(step(b"hello world, this is prose"), Err(Broken::Magic));
    assert_eq!(step(b""), Ok(true));
    let mut lying = capture.clone();
    lying[4] = 27;
    assert_eq!(step(&lying), Err(Broken::Length(27)));
    // The first packet says that it has more bytes than its block.
    let mut lying = capture.clone();
    lying[28 + 32 + 20] = 0xff;
    assert_eq!(packets(&lying).len(), 1);
    // A packet of an interface that was not described.
    let mut astray = capture.clone();
    astray[28 + 32 + 8] = 1;
    assert_eq!(packets(&astray).len(), 1);
    let mut huge = pcap(&packets(&capture), false, true);
    huge[24 + 8 + 3] = 1;
    let mut records = Records::default();
    assert_eq!(records.step(&huge), Ok(Step::Other(24)));
    assert!(matches!(records.step(&huge[24..]), Err(Broken::Length(_))));
    assert_eq!(pcap_of(200_000), 1, "too long to be looked at, and not in the way");
}

/// How many packets can be read behind one of so many bytes, of which the first half comes first.
fn pcap_of(length: usize) -> usize {
    let long = vec![7; length];
    let of = |bytes| Packet { at: AT, link: 1, bytes, length: 1 };
    let capture = pcap(&[of(&long[..]), of(b"short")], true, true);
    let (mut records, mut from, mut end, mut read) = (Records::default(), 0, length / 2, 0);
    loop {
        match records.step(&capture[from..end]).unwrap() {
            Step::More if end == capture.len() => return read,
            Step::More => end = capture.len(),
            Step::Packet(_, taken) => (from, read) = (from + taken, read + 1),
            Step::Unreadable(taken) | Step::Other(taken) => from += taken,
        }
    }
}

#[test]
fn a_writer_refuses_what_cannot_be_sent() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    let six = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 1);
    assert!(writer.datagram(AT, source(), six, b"").is_err());
    assert!(writer.datagram(AT, source(), source(), &[0; 65_508]).is_err());
    assert!(writer.datagram(AT, source(), source(), &[0; 65_507]).is_ok());
}

proptest! {
    #[test]
    fn garbage_is_survived(
        start in 0usize..5,
        garbage in prop::collection::vec(any::<u8>(), 0..400),
        link in 0u16..300,
    ) {
        let start = match start {
            0 => Vec::new(),
            1 => pcap(&[], true, true),
            2 => pcap(&[], false, false),
            3 => capture(&[]),
            _ => pcapng_big_endian(&[], 7),
        };
        let bytes = [start, garbage.clone()].concat();
        let (mut records, mut rest) = (Records::default(), &bytes[..]);
        while let Ok(step) = records.step(rest) {
            let taken = match step {
                Step::Packet(packet, taken) => {
                    content(packet.link, packet.bytes);
                    taken
                }
                Step::Unreadable(taken) | Step::Other(taken) => taken,
                Step::More => break,
            };
            prop_assert!(taken > 0 && taken <= rest.len());
            rest = &rest[taken..];
        }
        content(link, &garbage);
    }
}
