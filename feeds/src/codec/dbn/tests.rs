//! What the tests of DBN share, and those of its mapping; the others stand beside.

mod damage;
mod instruments;
mod oracle;
mod orders;
mod samples;
mod trades;

use super::*;
use crate::codec::testing::{Decoded, assert_chunks_do_not_matter, decode};
use ::dbn::encode::{DbnEncodable, DbnEncoder, EncodeRecord};
use ::dbn::{
    Action, FlagSet, MappingInterval, MboMsg, Metadata, MetadataBuilder, RecordHeader, SType,
    Schema, Side as TheirSide, SymbolMapping,
};
use engine_event::{Definition, Side};
use expect_test::expect;

/// Databento's own sample of a schema in a version, decompressed.
fn sample(schema: &str, version: u8) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/dbn");
    let path = format!("{folder}/test_data.{schema}.v{version}.dbn.zst");
    zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap()
}

fn decoded(bytes: &[u8]) -> Decoded {
    decode(&mut Dbn::new(&Options::default()), bytes)
}

fn strictly(bytes: &[u8]) -> Decoded {
    decode(&mut Dbn::new(&Options { strict: true, ..Options::default() }), bytes)
}

/// Midnight of a day of 2022, and of the next.
const DAY: u64 = 1_650_000_000_000_000_000 / 86_400_000_000_000 * 86_400_000_000_000;
const NEXT_DAY: u64 = DAY + 86_400_000_000_000;

fn metadata(mappings: Vec<SymbolMapping>) -> Metadata {
    MetadataBuilder::new()
        .dataset("XNAS.ITCH")
        .schema(Some(Schema::Mbo))
        .start(DAY)
        .stype_in(Some(SType::RawSymbol))
        .stype_out(SType::InstrumentId)
        .mappings(mappings)
        .build()
}

/// A name and the instruments that it stands for: from one day to another after [`DAY`].
fn mapping(name: &str, ids: &[(u32, i64, i64)]) -> SymbolMapping {
    let date = |days: i64| {
        let metadata = Metadata { start: DAY, ..metadata(Vec::new()) };
        (0..days).fold(metadata.start().date(), |date, _| date.next_day().unwrap())
    };
    let interval = |&(id, from, until): &(u32, i64, i64)| MappingInterval {
        start_date: date(from),
        end_date: date(until),
        symbol: id.to_string(),
    };
    SymbolMapping { raw_symbol: name.into(), intervals: ids.iter().map(interval).collect() }
}

/// `MSFT` is instrument 10 for two days, `AAPL` is 20 on the first and 21 on the second.
fn two_stocks() -> Metadata {
    metadata(vec![mapping("MSFT", &[(10, 0, 2)]), mapping("AAPL", &[(20, 0, 1), (21, 1, 2)])])
}

/// A stream of these records.
fn stream<R: DbnEncodable>(metadata: &Metadata, records: &[R]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = DbnEncoder::new(&mut bytes, metadata).unwrap();
    records.iter().for_each(|record| encoder.encode_record(record).unwrap());
    bytes
}

const XNAS: u16 = 2;

/// An order's record of an instrument at so many nanoseconds of [`DAY`], received 5 later.
fn mbo(action: char, side: char, instrument: u32, at: u64, order: u64) -> MboMsg {
    MboMsg {
        hd: RecordHeader::new::<MboMsg>(::dbn::rtype::MBO, XNAS, instrument, DAY + at),
        order_id: order,
        price: 100_000_000_000,
        size: 7,
        flags: FlagSet::empty(),
        channel_id: 0,
        action: action as _,
        side: side as _,
        ts_recv: DAY + at + 5,
        ts_in_delta: 0,
        sequence: 99,
    }
}

fn check(metadata: &Metadata, records: &[MboMsg], expected: &expect_test::Expect) {
    let lines = decoded(&stream(metadata, records)).lines().replace(&DAY.to_string()[..10], "_");
    expected.assert_eq(&lines);
}
