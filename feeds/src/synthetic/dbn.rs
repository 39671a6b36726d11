//! The order flow of many stocks as DBN's orders (MBO): the books as they stand when the recording
//! begins, and what happens to them from then on.

use super::{Act, Flow, Random, Resting, Settings, symbol};
use dbn::encode::{DbnEncoder, EncodeRecord};
use dbn::{
    FlagSet, MappingInterval, MboMsg, Metadata, MetadataBuilder, RecordHeader, SType, Schema,
    SymbolMapping, UNDEF_PRICE, flags, rtype,
};
use engine_event::Side;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

/// 2 January 2024, as the exchange's clocks count.
const MIDNIGHT: u64 = 1_704_153_600_000_000_000;
/// `XNAS.ITCH`.
const PUBLISHER: u16 = 2;
/// What the exchange's price of a cent is in DBN's.
const CENT: i64 = 10_000_000;

/// Writes `messages` records to `out`, in DBN's third version. Up to half of them are the orders that
/// rest when the recording begins.
pub fn generate(messages: u64, seed: u64, stocks: usize, out: impl Write) -> io::Result<()> {
    let settings =
        Settings { steps: messages + messages / 4, seed, stocks, accounts: 1, renumber: false };
    let mut flow = Flow::new(settings);
    let mut tape = Tape {
        out: DbnEncoder::new(BufWriter::new(out), &metadata(stocks)).map_err(io::Error::other)?,
        random: Random::new(seed ^ 0xdb),
        left: messages,
        at: MIDNIGHT + Flow::OPEN,
        received: 0,
        sequence: 0,
    };
    let mut resting = vec![BTreeMap::new(); stocks];
    for step in flow.by_ref().take((messages / 4) as usize) {
        rest(&mut resting[step.stock], step.side, step.act);
        tape.at = MIDNIGHT + step.time;
    }
    for (stock, orders) in resting.iter().enumerate() {
        tape.snapshot(stock, orders)?;
    }
    for step in flow {
        if tape.left == 0 {
            break;
        }
        tape.at = MIDNIGHT + step.time;
        tape.step(step.stock, step.side, step.act)?;
    }
    tape.out.get_mut().flush()
}

/// Keeps the orders that rest.
fn rest(orders: &mut BTreeMap<u64, (Side, Resting)>, side: Side, act: Act) {
    let left = |order: Resting, less| Resting { shares: order.shares - less, ..order };
    let order = match act {
        Act::Add(order) | Act::Replace(_, order) => order,
        Act::Reduce(order, less) => left(order, less),
        Act::Execute { order, shares, .. } => left(order, shares),
        Act::Delete(order) => left(order, order.shares),
        Act::Trade { .. } => return,
    };
    if order.shares > 0 {
        orders.insert(order.id, (side, order));
    } else {
        orders.remove(&order.id);
    }
}

/// Where records are written.
struct Tape<W: Write> {
    out: DbnEncoder<W>,
    random: Random,
    left: u64,
    at: u64,
    received: u64,
    sequence: u32,
}

/// What a record is about.
#[derive(Clone, Copy)]
struct Of {
    action: u8,
    side: u8,
    order: u64,
    cents: u32,
    shares: u32,
}

impl<W: Write> Tape<W> {
    fn snapshot(
        &mut self,
        stock: usize,
        orders: &BTreeMap<u64, (Side, Resting)>,
    ) -> io::Result<()> {
        let last = |is_last: bool| if is_last { flags::LAST } else { 0 };
        let clear = Of { action: b'R', side: b'N', order: 0, cents: 0, shares: 0 };
        self.record(stock, clear, flags::SNAPSHOT | last(orders.is_empty()))?;
        let latest = orders.keys().next_back();
        for (id, (side, order)) in orders {
            let flags = flags::SNAPSHOT | last(Some(id) == latest);
            self.record(stock, of(b'A', *side, *order), flags)?;
        }
        Ok(())
    }

    fn step(&mut self, stock: usize, side: Side, act: Act) -> io::Result<()> {
        let sized = |order, shares| Resting { shares, ..order };
        let of = match act {
            Act::Add(order) => of(b'A', side, order),
            Act::Replace(_, order) => of(b'M', side, order),
            Act::Reduce(order, less) => of(b'C', side, sized(order, less)),
            Act::Delete(order) => of(b'C', side, order),
            Act::Execute { order, shares, price, .. } => {
                let order = sized(order, shares);
                let traded = Resting { id: 0, price: price.unwrap_or(order.price), ..order };
                self.record(stock, of(b'T', side.opposite(), traded), 0)?;
                self.record(stock, of(b'F', side, order), 0)?;
                of(b'C', side, order)
            }
            Act::Trade { price, shares, .. } => {
                of(b'T', side.opposite(), Resting { id: 0, price, shares, owner: 0 })
            }
        };
        self.record(stock, of, flags::LAST)
    }

    fn record(&mut self, stock: usize, of: Of, flags: u8) -> io::Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        self.sequence = self.sequence.wrapping_add(1);
        self.received =
            (self.received + 1).max(self.at + 20_000 + u64::from(self.random.below(5_000)));
        let price = if of.action == b'R' { UNDEF_PRICE } else { i64::from(of.cents) * CENT };
        let record = MboMsg {
            hd: RecordHeader::new::<MboMsg>(rtype::MBO, PUBLISHER, id(stock), self.at),
            order_id: of.order,
            price,
            size: of.shares,
            flags: FlagSet::new(flags),
            channel_id: 0,
            action: of.action as _,
            side: of.side as _,
            ts_recv: self.received,
            ts_in_delta: 500,
            sequence: self.sequence,
        };
        self.out.encode_record(&record).map_err(io::Error::other)
    }
}

fn of(action: u8, side: Side, order: Resting) -> Of {
    let side = if side == Side::Buy { b'B' } else { b'A' };
    Of { action, side, order: order.id, cents: order.price, shares: order.shares }
}

/// A stock's instrument: from 1.
fn id(stock: usize) -> u32 {
    stock as u32 + 1
}

fn metadata(stocks: usize) -> Metadata {
    let mut metadata = MetadataBuilder::new()
        .dataset("XNAS.ITCH")
        .schema(Some(Schema::Mbo))
        .start(MIDNIGHT)
        .stype_in(Some(SType::RawSymbol))
        .stype_out(SType::InstrumentId)
        .build();
    let start_date = metadata.start().date();
    let end_date = start_date.next_day().unwrap_or(start_date);
    let mapping = |stock| SymbolMapping {
        raw_symbol: symbol(stock),
        intervals: vec![MappingInterval { start_date, end_date, symbol: id(stock).to_string() }],
    };
    metadata.symbols = (0..stocks).map(symbol).collect();
    metadata.mappings = (0..stocks).map(mapping).collect();
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Dbn, testing::decode};
    use crate::{Format, Options, detect};
    use engine_event::{Flags, Kind};

    #[test]
    fn a_day_is_valid_and_has_its_records() {
        let mut bytes = Vec::new();
        generate(5000, 3, 20, &mut bytes).unwrap();
        assert_eq!(detect(&bytes[..4096]), Some(Format::Dbn));
        let strict = Options { strict: true, ..Options::default() };
        let decoded = decode(&mut Dbn::new(&strict), &bytes);
        assert_eq!(decoded.error, None);
        assert_eq!((decoded.tally.messages, decoded.tally.faults.total()), (5000, 0));
        let all = |kind| decoded.events.iter().filter(|event| event.kind() == kind).count() as u64;
        let [fills, trades] = [b'F', b'T'].map(|letter| decoded.tally.by_type[usize::from(letter)]);
        assert_eq!((all(Kind::Define), all(Kind::Execute)), (20, fills));
        assert_eq!(all(Kind::Trade), trades - fills, "what was not displayed");
        let snapshot = decoded.events.iter().filter(|event| event.flags.has(Flags::SNAPSHOT));
        let count = |kind| snapshot.clone().filter(|event| event.kind() == kind).count();
        assert_eq!(count(Kind::Clear), 20);
        assert!(count(Kind::Add) > 50);
    }
}
