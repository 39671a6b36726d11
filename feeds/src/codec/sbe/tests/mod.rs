mod bytes;
mod channels;
mod schemas;
mod sessions;

use super::Schema;
use crate::codec::capture::Writer;
use crate::synthetic::mdp3::{Settings, Truth, framed, generate, incremental};
use engine_event::Nanos;
use std::net::SocketAddr;

fn own_schema() -> Schema {
    Schema::read(super::OWN_SCHEMA).unwrap()
}

/// The bytes of a message out of the digits of what stands behind its size.
fn message_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let body: Vec<u8> = digits.chunks(2).map(byte).collect();
    [&(body.len() as u16 + 2).to_le_bytes()[..], &body].concat()
}

/// A session of our own schema, and what its books hold.
fn session(settings: Settings) -> (Vec<u8>, Vec<Truth>) {
    let (mut bytes, mut truths) = (Vec::new(), Vec::new());
    generate(settings, &own_schema(), &mut bytes, |truth| truths.push(truth)).unwrap();
    (bytes, truths)
}

/// A capture of packets: to whom, which number, which messages; a microsecond apart.
fn capture(packets: &[(SocketAddr, u32, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for (place, (target, sequence, messages)) in packets.iter().enumerate() {
        let at = 1_000_000 + place as u64 * 1000;
        let payload = framed(*sequence, at - 500, messages);
        writer.datagram(Nanos(at), incremental(0), *target, &payload).unwrap();
    }
    writer.into_inner().unwrap()
}
