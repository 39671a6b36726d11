//! Several channels in one capture, and channels that begin anew.

use super::sessions::{codec, compare};
use super::{message_of, session};
use crate::codec::capture::testing::packets;
use crate::codec::capture::{Packet, Writer};
use crate::codec::testing::decode;
use crate::synthetic::mdp3::{BEGINS, Settings, framed, incremental};
use engine_event::{Fault, Kind, Nanos, SubjectId};
use std::net::{IpAddr, SocketAddr};

/// Where a frame's destination stands: behind Ethernet's 14 bytes, and the first 16 of IPv4's 20.
const TARGET: usize = 14 + 16;
const TARGET_PORT: usize = 14 + 20 + 2;

const WEEK: Nanos = Nanos::from_secs(7 * 86_400);

/// The groups of another channel: 100 further, ports too.
fn elsewhere(target: SocketAddr) -> SocketAddr {
    let IpAddr::V4(group) = target.ip() else { panic!("{target} is a group of IPv4") };
    let [a, b, c, d] = group.octets();
    SocketAddr::from(([a, b, c, d + 100], target.port() + 100))
}

/// The same packet, sent to the other channel's group.
fn redirect(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[TARGET + 3] += 100;
    let port = u16::from_be_bytes([frame[TARGET_PORT], frame[TARGET_PORT + 1]]) + 100;
    frame[TARGET_PORT..TARGET_PORT + 2].copy_from_slice(&port.to_be_bytes());
    frame
}

fn written(mut packets: Vec<(Nanos, Vec<u8>)>) -> Writer<Vec<u8>> {
    packets.sort_by_key(|(at, _)| *at);
    let mut writer = Writer::new(Vec::new()).unwrap();
    for (at, frame) in packets {
        writer.frame(at, &frame, frame.len() as u32).unwrap();
    }
    writer
}

fn frames(bytes: &[u8]) -> Vec<(Nanos, Vec<u8>)> {
    packets(bytes).iter().map(|Packet { at, bytes, .. }| (*at, bytes.to_vec())).collect()
}

/// Two channels with eight futures each, as one capture; and all that their books hold.
fn two_channels() -> (Writer<Vec<u8>>, Vec<super::Truth>) {
    let one = Settings { messages: 3000, snapshot_every: 300, ..Settings::default() };
    // Packets that were sent at the same nanosecond could not be told apart.
    let begins = Nanos(BEGINS.0 + 7_777);
    let other = Settings { first_instrument: 8, seed: 2, begins, ..one };
    let ((mut bytes, mut truths), (others, other_truths)) = (session(one), session(other));
    let others = frames(&others).into_iter().map(|(at, frame)| (at, redirect(&frame)));
    let all = frames(&std::mem::take(&mut bytes)).into_iter().chain(others).collect();
    truths.extend(other_truths);
    (written(all), truths)
}

#[test]
fn two_channels_are_followed_each_by_its_own_numbers() {
    for by_order in [false, true] {
        let (capture, truths) = two_channels();
        let mut codec = codec(by_order);
        let decoded = decode(&mut codec, &capture.into_inner().unwrap());
        assert_eq!((decoded.error.as_ref(), decoded.tally.gaps), (None, 0));
        // Their clocks are their own.
        let of_time = decoded.tally.faults.of(Fault::TimeBackwards);
        assert_eq!(decoded.tally.faults.total(), of_time);
        assert_eq!(codec.channels().count(), 2);
        let compared = compare(&decoded, &truths, by_order);
        assert_eq!((compared.stale, compared.stale_at_end), (0, 0));
        assert!(compared.alike * 100 > truths.len() * 90, "{compared:?} of {}", truths.len());
    }
}

#[test]
fn a_channel_that_is_reset_leaves_the_other_alone() {
    for by_order in [false, true] {
        let (mut capture, truths) = two_channels();
        let last = truths.iter().map(|truth| truth.at).max().unwrap();
        let at = Nanos(last.0 + 1_000_000_000);
        // The next number of the second channel is far below this one, and the reset waits for nothing.
        let reset =
            framed(1, at.0, &message_of("0900040001000900 0000000000000000 80 0200 01 3701"));
        let target = elsewhere(incremental(0));
        capture.datagram(at, incremental(0), target, &reset).unwrap();
        let decoded = decode(&mut codec(by_order), &capture.into_inner().unwrap());
        assert_eq!(decoded.error, None);
        let emptied: Vec<_> = decoded
            .events
            .iter()
            .filter(|event| event.received_at == at && event.kind() == Kind::Clear)
            .map(|event| decoded.names.name(event.subject).to_owned())
            .collect();
        let mut others: Vec<_> = (8..16).map(crate::synthetic::mdp3::symbol).collect();
        let mut emptied_once = emptied.clone();
        emptied_once.sort();
        emptied_once.dedup();
        others.sort();
        assert_eq!(emptied_once, others);
    }
}

#[test]
fn a_new_week_counts_from_one() {
    for by_order in [false, true] {
        let week = Settings { messages: 3000, snapshot_every: 300, ..Settings::default() };
        let next = Settings { begins: Nanos(BEGINS.0 + WEEK.0), seed: 2, ..week };
        let ((one, mut truths), (other, later)) = (session(week), session(next));
        truths.extend(later);
        let capture = written(frames(&one).into_iter().chain(frames(&other)).collect());
        let mut codec = codec(by_order);
        let decoded = decode(&mut codec, &capture.into_inner().unwrap());
        assert_eq!(decoded.error, None);
        // One gap about everybody: what was said between the weeks is not known.
        let gaps: Vec<_> = decoded
            .events
            .iter()
            .filter(|event| event.kind() == Kind::Gap)
            .map(|event| (event.subject, event.received_at.0 > BEGINS.0 + WEEK.0))
            .collect();
        assert_eq!(gaps, [(SubjectId::EVERY, true)], "by order: {by_order}");
        assert_eq!(codec.channels().count(), 1);
        let compared = compare(&decoded, &truths, by_order);
        assert_eq!(compared.stale_at_end, 0);
        assert!(compared.alike * 100 > truths.len() * 80, "{compared:?} of {}", truths.len());
    }
}
