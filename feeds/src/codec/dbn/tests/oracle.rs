//! Databento's own decoder, held against ours: each field of each record that becomes an event.

use super::*;
use ::dbn::decode::dbn::Decoder;
use ::dbn::{
    BidAskPair, ImbalanceMsg, InstrumentDefMsg, Mbp1Msg, Mbp10Msg, RecordRef, StatMsg, StatusMsg,
    TradeMsg, VersionUpgradePolicy,
};
use engine_event::body::{Indication, Level, Print, Quote, Statistic, Status};
use std::collections::BTreeMap;

/// What has been read of a sample, event by event.
struct Reading {
    events: std::vec::IntoIter<Event>,
    names: Directory,
    levels: [BTreeMap<i64, (u32, u32)>; 2],
}

impl Reading {
    /// The next event that is no definition, which is of this kind and has these times.
    fn next(&mut self, kind: Kind, ts_event: u64, ts_recv: u64) -> Event {
        let event = self.events.find(|event| event.kind() != Kind::Define).unwrap();
        assert_eq!(event.kind(), kind);
        assert_eq!((event.event_at.0, event.received_at.0), (ts_event, ts_recv));
        event
    }

    fn order(&mut self, m: &MboMsg) {
        let kind = match m.action().unwrap() {
            Action::Add => Kind::Add,
            Action::Cancel => Kind::Reduce,
            Action::Modify => Kind::Modify,
            other => panic!("no sample has {other:?}"),
        };
        let event = self.next(kind, m.hd.ts_event, m.ts_recv);
        let order: Order = event.body();
        assert_eq!((order.id.0, order.quantity.0), (m.order_id, u64::from(m.size)));
        assert_eq!(order.price.get(), Some(Price(m.price)));
        let side = match m.side().unwrap() {
            TheirSide::Ask => Some(Side::Sell),
            TheirSide::Bid => Some(Side::Buy),
            TheirSide::None => None,
        };
        assert_eq!(event.side(), side);
        assert_eq!(event.flags.has(Flags::LAST), m.flags.is_last());
        assert_eq!(event.flags.has(Flags::SNAPSHOT), m.flags.is_snapshot());
    }

    fn trade(&mut self, m: &TradeMsg) {
        let event = self.next(Kind::Trade, m.hd.ts_event, m.ts_recv);
        let print: Print = event.body();
        assert_eq!((print.trade_id, print.quantity.0), (m.sequence.into(), m.size.into()));
        assert_eq!(print.price.get(), Some(Price(m.price)));
        let resting = match m.side().unwrap() {
            TheirSide::Ask => Some(Side::Buy),
            TheirSide::Bid => Some(Side::Sell),
            TheirSide::None => None,
        };
        assert_eq!(event.side(), resting);
    }

    fn touch(&mut self, m: &Mbp1Msg) {
        if m.action().unwrap() == Action::Trade {
            let event = self.next(Kind::Trade, m.hd.ts_event, m.ts_recv);
            assert_eq!(event.body::<Print>().price.get(), Some(Price(m.price)));
        }
        let event = self.next(Kind::Quote, m.hd.ts_event, m.ts_recv);
        let quote: Quote = event.body();
        let BidAskPair { bid_px, ask_px, bid_sz, ask_sz, .. } = m.levels[0];
        assert_eq!((quote.bid.get(), quote.ask.get()), (Some(Price(bid_px)), Some(Price(ask_px))));
        let sizes = (quote.bid_quantity.0, quote.ask_quantity.0);
        assert_eq!(sizes, (bid_sz.into(), ask_sz.into()));
    }

    /// The levels' events up to this record lead to the ten levels that it has.
    fn ten(&mut self, m: &Mbp10Msg) {
        let mut wanted = [BTreeMap::new(), BTreeMap::new()];
        for level in &m.levels {
            wanted[0].insert(level.bid_px, (level.bid_sz, level.bid_ct));
            wanted[1].insert(level.ask_px, (level.ask_sz, level.ask_ct));
        }
        while self.levels != wanted {
            let event = self.next(Kind::Level, m.hd.ts_event, m.ts_recv);
            let level: Level = event.body();
            let levels = &mut self.levels[event.side().unwrap() as usize];
            match level.quantity.0 {
                0 => drop(levels.remove(&level.price.0)),
                size => drop(levels.insert(level.price.0, (size as u32, level.orders))),
            }
        }
    }

    fn definition(&mut self, m: &InstrumentDefMsg) {
        let event = self.events.find(|event| event.kind() == Kind::Define).unwrap();
        let name = self.names.name(event.subject);
        assert_eq!(name, m.raw_symbol().unwrap());
        let tick = Some(m.min_price_increment).filter(|tick| *tick != ::dbn::UNDEF_PRICE);
        assert_eq!(event.body::<Definition>().tick, Price(tick.unwrap_or(0)));
        assert_eq!(event.event_at.0, m.hd.ts_event);
    }

    fn status(&mut self, m: &StatusMsg) {
        let status: Status = self.next(Kind::Status, m.hd.ts_event, m.ts_recv).body();
        let code = format!("{}/{}", m.action, m.reason);
        assert!(status.code.starts_with(code.as_bytes()));
    }

    fn imbalance(&mut self, m: &ImbalanceMsg) {
        let indication: Indication = self.next(Kind::Auction, m.hd.ts_event, m.ts_recv).body();
        let told = |price: &i64| *price != ::dbn::UNDEF_PRICE && *price != 0;
        let indicative = [m.ind_match_price, m.cont_book_clr_price].into_iter().find(told);
        assert_eq!(indication.indicative.get(), indicative.map(Price));
        assert_eq!(indication.reference.get(), Some(Price(m.ref_price)));
        assert_eq!(indication.paired.0, u64::from(m.paired_qty));
        assert_eq!(indication.imbalance.unsigned_abs(), u64::from(m.total_imbalance_qty));
        let side = m.side().unwrap();
        assert_eq!(indication.imbalance < 0, side == TheirSide::Ask && m.total_imbalance_qty > 0);
    }

    fn statistic(&mut self, m: &StatMsg) {
        let statistic: Statistic = self.next(Kind::Statistic, m.hd.ts_event, m.ts_recv).body();
        let price = Some(m.price).filter(|price| *price != ::dbn::UNDEF_PRICE);
        let quantity = Some(m.quantity).filter(|of| *of != ::dbn::UNDEF_STAT_QUANTITY);
        let about = Some(m.ts_ref).filter(|at| *at != ::dbn::UNDEF_TIMESTAMP);
        assert_eq!((statistic.price.get(), statistic.quantity()), (price.map(Price), quantity));
        assert_eq!((statistic.about.0, statistic.code), (about.unwrap_or(0), m.stat_type));
        assert_eq!(statistic.is_withdrawn(), m.update_action == 2);
    }

    fn record(&mut self, record: RecordRef<'_>) {
        if let Some(m) = record.get::<MboMsg>() {
            self.order(m);
        } else if let Some(m) = record.get::<TradeMsg>() {
            self.trade(m);
        } else if let Some(m) = record.get::<Mbp1Msg>() {
            self.touch(m);
        } else if let Some(m) = record.get::<Mbp10Msg>() {
            self.ten(m);
        } else if let Some(m) = record.get::<InstrumentDefMsg>() {
            self.definition(m);
        } else if let Some(m) = record.get::<StatusMsg>() {
            self.status(m);
        } else if let Some(m) = record.get::<ImbalanceMsg>() {
            self.imbalance(m);
        } else if let Some(m) = record.get::<StatMsg>() {
            self.statistic(m);
        } else {
            panic!("no sample has {:?}", record.header());
        }
    }
}

#[test]
fn every_field_is_what_the_crates_decoder_reads() {
    let schemas =
        ["mbo", "mbp-1", "mbp-10", "trades", "definition", "status", "imbalance", "statistics"];
    for (schema, version) in
        schemas.into_iter().flat_map(|schema| (1..=3).map(move |v| (schema, v)))
    {
        if (schema, version) == ("status", 1) {
            continue; // The first version had none.
        }
        let bytes = sample(schema, version);
        let ours = decoded(&bytes);
        let (events, names) = (ours.events.into_iter(), ours.names);
        let mut reading = Reading { events, names, levels: Default::default() };
        let policy = VersionUpgradePolicy::UpgradeToV3;
        let mut theirs = Decoder::with_upgrade_policy(&bytes[..], policy).unwrap();
        let mut records = 0;
        while let Some(record) = theirs.decode_ref().unwrap() {
            reading.record(record);
            records += 1;
        }
        assert!(records >= 1, "{schema}");
        assert_eq!(ours.tally.messages, records, "{schema}");
        assert_eq!(reading.events.next(), None, "{schema}: nothing else was told");
    }
}
