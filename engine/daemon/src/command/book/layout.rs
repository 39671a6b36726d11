//! The rows that vendors write for a book, one for each event.

use engine_book::{BookView, Quote};
use engine_event::body::{Execution, Order, Print, Replacement};
use engine_event::{Decimal, Directory, Event, Flags, Kind, Price, Quantity, Side, SubjectId};
use std::io::{self, Write};

/// A vendor's columns.
pub(super) trait Layout {
    fn header(&self, out: &mut dyn Write) -> io::Result<()>;
    fn row(
        &mut self,
        event: &Event,
        book: &BookView<'_>,
        names: &Directory,
        out: &mut dyn Write,
    ) -> io::Result<()>;
}

/// LOBSTER's orderbook file: ask price, ask size, bid price, bid size, level by level, best first,
/// prices times 10,000, no header.
pub(super) struct Lobster {
    levels: usize,
}

impl Lobster {
    /// Where there is no level, on the ask's and on the bid's side.
    const EMPTY: [(i64, u64); 2] = [(9_999_999_999, 0), (-9_999_999_999, 0)];
    /// LOBSTER's prices have four decimal places.
    const SCALE: u8 = 4;

    pub(super) fn new(levels: usize) -> Self {
        Self { levels }
    }
}

impl Layout for Lobster {
    fn header(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn row(
        &mut self,
        _: &Event,
        book: &BookView<'_>,
        names: &Directory,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let scale = names.definition(book.subject()).map_or(Self::SCALE, |of| of.price_scale);
        let mut sides = [Side::Sell, Side::Buy].map(|side| book.levels(side));
        for level in 0..self.levels {
            for (side, levels) in sides.iter_mut().enumerate() {
                let shown =
                    levels.next().map(|quote| (rescaled(quote.price, scale), quote.quantity.0));
                let (price, quantity) = shown.unwrap_or(Self::EMPTY[side]);
                let comma = if level + side > 0 { "," } else { "" };
                write!(out, "{comma}{price},{quantity}")?;
            }
        }
        writeln!(out)
    }
}

/// A price with four decimal places; finer ones are cut off.
fn rescaled(price: Price, scale: u8) -> i64 {
    match scale {
        0..=4 => price.0 * 10i64.pow(u32::from(Lobster::SCALE - scale)),
        _ => price.0 / 10i64.pow(u32::from(scale - Lobster::SCALE)),
    }
}

/// Databento's MBP-10 as CSV: the event, then ten levels of price, size and count.
pub(super) struct Mbp {
    levels: usize,
}

impl Mbp {
    pub(super) fn new(levels: usize) -> Self {
        Self { levels: levels.min(10) }
    }
}

impl Layout for Mbp {
    fn header(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(
            out,
            "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence"
        )?;
        for level in 0..self.levels {
            for column in ["bid_px", "ask_px", "bid_sz", "ask_sz", "bid_ct", "ask_ct"] {
                write!(out, ",{column}_{level:02}")?;
            }
        }
        writeln!(out, ",symbol")
    }

    fn row(
        &mut self,
        event: &Event,
        book: &BookView<'_>,
        names: &Directory,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let subject = book.subject();
        let What { action, price, size } = What::of(event);
        let side = event.side().map_or('N', |side| if side == Side::Buy { 'B' } else { 'A' });
        let depth = price.zip(event.side()).map_or(0, |(price, side)| {
            let better = |quote: &Quote| {
                if side == Side::Buy { quote.price > price } else { quote.price < price }
            };
            book.levels(side).filter(better).count()
        });
        let flags = if event.flags.has(Flags::LAST) { 128 } else { 0 };
        let shown = |price: Option<Price>| {
            price.map_or(String::new(), |price| nanos(names, subject, price))
        };
        write!(
            out,
            "{},{},10,0,{},{action},{side},{depth},{},{},{flags},{},{}",
            event.received_at.0,
            event.event_at.0,
            subject.0,
            shown(price),
            size.0,
            event.received_at.since(event.event_at).0,
            event.seq,
        )?;
        let mut bids = book.bids();
        let mut asks = book.asks();
        for _ in 0..self.levels {
            let (bid, ask) = (bids.next(), asks.next());
            write!(
                out,
                ",{},{},{},{},{},{}",
                shown(bid.map(|of| of.price)),
                shown(ask.map(|of| of.price)),
                bid.map_or(0, |of| of.quantity.0),
                ask.map_or(0, |of| of.quantity.0),
                bid.map_or(0, |of| of.orders),
                ask.map_or(0, |of| of.orders),
            )?;
        }
        writeln!(out, ",{}", names.name(subject))
    }
}

/// A price with nine decimal places, as Databento writes it for people.
fn nanos(names: &Directory, subject: SubjectId, price: Price) -> String {
    let Decimal { units, scale } = names.price(subject, price);
    let places = 9u8.saturating_sub(scale);
    let finer = units.checked_mul(10i64.pow(u32::from(places)));
    Decimal {
        units: finer.unwrap_or(units),
        scale: if finer.is_some() { scale + places } else { scale },
    }
    .to_string()
}

/// What an event did, in Databento's letters.
struct What {
    action: char,
    price: Option<Price>,
    size: Quantity,
}

impl What {
    fn of(event: &Event) -> Self {
        let order = |action: char| {
            let order: Order = event.body();
            What { action, price: order.price.get(), size: order.quantity }
        };
        match event.kind() {
            Kind::Add => order('A'),
            Kind::Modify => order('M'),
            Kind::Reduce | Kind::Delete => order('C'),
            Kind::Replace => {
                let of: Replacement = event.body();
                What { action: 'M', price: Some(of.price), size: of.quantity }
            }
            Kind::Execute => {
                let of: Execution = event.body();
                What { action: 'F', price: of.price.get(), size: of.quantity }
            }
            Kind::Trade => {
                let of: Print = event.body();
                What { action: 'T', price: of.price.get(), size: of.quantity }
            }
            Kind::Clear => What { action: 'R', price: None, size: Quantity(0) },
            _ => What { action: 'N', price: None, size: Quantity(0) },
        }
    }
}
