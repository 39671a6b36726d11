//! What does an order of DBN cost to decode?
//!
//! A generated session of orders (MBO) lies in memory. Our codec turns each record into an event and
//! writes it over an older one, as into a ring whose readers have gone by. Databento's own decoder
//! gives references to records, as they are, and what a book needs of each is added up, so that it must
//! read what we read. A loop that looks only at lengths and types is what nobody can do without.
//!
//! The metadata and the first fifth, in which each instrument turns up for the first time, are read
//! before the clock runs.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Overwritten, Target, ns_each, tell, time};
use dbn::decode::dbn::Decoder;
use dbn::{MboMsg, VersionUpgradePolicy};
use engine_event::Directory;
use engine_pipeline::Tally;
use feeds::codec::{Codec, Dbn};
use feeds::synthetic;
use std::hint::black_box;

fn main() {
    let options = Options::from_args();
    let (rounds, records) = (options.choose(15, 1), options.choose(2_000_000, 20_000));
    let contests = [200, 8_000].map(|stocks| {
        let mut day = Vec::new();
        synthetic::dbn::generate(records, 1, stocks, &mut day).expect("memory takes any bytes");
        Contest::new(format!("DBN orders of {stocks} instruments, a record"))
            .peer("dbn", || theirs(&day, records))
            .peer("lengths and types only", || floor(&day, records))
            .ours("our codec", || ours(&day, records))
            .play(rounds)
            .target("our codec", Target::at_most(0.6, &["dbn"]))
    });
    tell(options, "decode_dbn", "ns", &contests);
}

/// Where the records begin that are timed, and how many there are.
fn timed(bytes: &[u8], records: u64) -> (usize, u64) {
    let metadata = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
    let before = records / 5;
    (8 + metadata + before as usize * size_of::<MboMsg>(), records - before)
}

fn ours(bytes: &[u8], records: u64) -> Vec<f64> {
    let mut codec = Dbn::new(&feeds::Options::default());
    let (mut names, mut tally) = (Directory::new(10_000), Tally::default());
    let mut sink = Overwritten::default();
    let mut decode = |mut bytes: &[u8]| {
        while !bytes.is_empty() {
            let read = codec.decode(bytes, true, &mut names, &mut sink, &mut tally);
            bytes = &bytes[read.expect("a session is valid")..];
        }
    };
    let (from, timed) = timed(bytes, records);
    decode(&bytes[..from]);
    let spent = time(|| decode(&bytes[from..]));
    assert_eq!(tally.messages, records);
    ns_each(spent, timed)
}

fn theirs(bytes: &[u8], records: u64) -> Vec<f64> {
    let mut decoder = Decoder::with_upgrade_policy(bytes, VersionUpgradePolicy::AsIs)
        .expect("a session is valid");
    let (mut sum, mut count) = (0_u64, 0);
    let (_, timed) = timed(bytes, records);
    while count < records - timed {
        count += u64::from(decoder.decode_ref().expect("a session is valid").is_some());
    }
    let spent = time(|| {
        while let Some(record) = decoder.decode_ref().expect("a session is valid") {
            let Some(m) = record.get::<MboMsg>() else { continue };
            let price = m.price as u64;
            let what = u64::from(m.action as u8) << 16 | u64::from(m.side as u8) << 8;
            sum ^= m.hd.ts_event.wrapping_add(m.ts_recv).wrapping_add(m.order_id);
            sum = sum.wrapping_add(price ^ u64::from(m.size) ^ what ^ u64::from(m.flags.raw()));
            sum ^= u64::from(m.hd.instrument_id) << 16 | u64::from(m.hd.publisher_id);
            count += 1;
        }
    });
    assert_eq!(count, records);
    black_box(sum);
    ns_each(spent, timed)
}

fn floor(bytes: &[u8], records: u64) -> Vec<f64> {
    let mut by_type = [0_u64; 256];
    let (from, timed) = timed(bytes, records);
    let mut rest = &bytes[from..];
    let spent = time(|| {
        while let [length, kind, ..] = *rest {
            by_type[usize::from(kind)] += 1;
            rest = &rest[4 * usize::from(length)..];
        }
    });
    assert_eq!(by_type.iter().sum::<u64>(), timed);
    ns_each(spent, timed)
}
