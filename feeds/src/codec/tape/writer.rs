//! Writes the tape.

use super::{COLUMNS, FLAG_WORDS};
use engine_event::body::{Attributes, Execution, Headline, Holding, Order, Phase, Print, Status};
use engine_event::{
    Decimal, Directory, Event, Flags, Kind, MaybePrice, ParticipantId, Quantity, SubjectId,
};
use std::io;

/// Writes events as lines of a tape, header first. What it wrote reads back as the same events.
#[derive(Debug)]
pub struct Writer<W: io::Write> {
    out: W,
    is_numbered: bool,
}

/// A line's columns, those that differ by kind.
#[derive(Default)]
struct Row {
    id: Option<u64>,
    price: Option<i64>,
    quantity: Option<i64>,
    participant: Option<ParticipantId>,
    counterparty: Option<ParticipantId>,
    order_type: &'static str,
    attributes: Attributes,
    phase: Option<Phase>,
}

impl<W: io::Write> Writer<W> {
    /// Begins a tape on `out`, which should be buffered.
    pub fn new(out: W) -> io::Result<Self> {
        Self::begin(out, false)
    }

    /// The same of a tape whose lines tell their number.
    pub fn numbered(out: W) -> io::Result<Self> {
        Self::begin(out, true)
    }

    fn begin(mut out: W, is_numbered: bool) -> io::Result<Self> {
        let columns = &COLUMNS[..COLUMNS.len() - usize::from(!is_numbered)];
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        out.write_all(names.join(",").as_bytes())?;
        out.write_all(b"\n")?;
        Ok(Self { out, is_numbered })
    }

    /// Writes an event of a kind that the tape has; of another kind nothing, and returns false.
    pub fn event(&mut self, event: &Event, names: &Directory) -> io::Result<bool> {
        self.line(event, names, None)
    }

    /// The same as the line of this number, on a tape whose lines tell it.
    pub fn event_numbered(
        &mut self,
        event: &Event,
        number: u64,
        names: &Directory,
    ) -> io::Result<bool> {
        self.line(event, names, Some(number))
    }

    fn line(&mut self, event: &Event, names: &Directory, number: Option<u64>) -> io::Result<bool> {
        let Some(row) = row(event)? else { return Ok(false) };
        let every = event.subject == SubjectId::EVERY;
        let venue = names.venue(event.subject);
        let name = if every { "" } else { names.name(event.subject) };
        let name = name.strip_suffix(venue).and_then(|name| name.strip_suffix('@')).unwrap_or(name);
        let (price_scale, quantity_scale) = names
            .definition(event.subject)
            .map_or((0, 0), |definition| (definition.price_scale, definition.quantity_scale));

        write!(self.out, "{},", event.event_at)?;
        self.name(name)?;
        self.name(venue)?;
        write!(self.out, "{},", event.kind().word())?;
        if let Some(id) = row.id {
            write!(self.out, "{id}")?;
        }
        self.out.write_all(b",")?;
        if let Some(side) = event.side() {
            write!(self.out, "{}", side.letter())?;
        }
        self.out.write_all(b",")?;
        self.decimal(row.price, price_scale)?;
        self.decimal(row.quantity, quantity_scale)?;
        for who in [row.participant, row.counterparty] {
            self.name(who.and_then(|who| names.participants.name(who)).unwrap_or(""))?;
        }
        write!(self.out, "{},", row.order_type)?;
        self.flags(event, &row)?;
        match number {
            Some(number) if self.is_numbered => writeln!(self.out, ",{number}")?,
            _ if self.is_numbered => self.out.write_all(b",\n")?,
            _ => self.out.write_all(b"\n")?,
        }
        Ok(true)
    }

    /// Flushes what is written and hands the output back.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        if name.contains(['"', '\n', '\r']) {
            return Err(unwritable(format!("the tape cannot hold the name {name:?}")));
        }
        match name.contains(',') {
            true => write!(self.out, "\"{name}\","),
            false => write!(self.out, "{name},"),
        }
    }

    /// A decimal without the zeros at its end.
    fn decimal(&mut self, units: Option<i64>, scale: u8) -> io::Result<()> {
        let Some(mut units) = units else { return self.out.write_all(b",") };
        let mut scale = scale;
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        write!(self.out, "{},", Decimal { units, scale })
    }

    fn flags(&mut self, event: &Event, row: &Row) -> io::Result<()> {
        let phase = Phase::WORDS.iter().filter(|(_, phase)| row.phase == Some(*phase));
        let attributes = Attributes::WORDS.iter().filter(|(_, one)| row.attributes.has(*one));
        let flags = FLAG_WORDS.iter().filter(|(_, flag)| event.flags.has(*flag));
        let words = phase.map(|(word, _)| word).chain(attributes.map(|(word, _)| word));
        for (place, word) in words.chain(flags.map(|(word, _)| word)).enumerate() {
            let bar = if place > 0 { "|" } else { "" };
            write!(self.out, "{bar}{word}")?;
        }
        Ok(())
    }
}

fn row(event: &Event) -> io::Result<Option<Row>> {
    let hidden = match event.flags.has(Flags::HIDDEN) {
        true => Attributes::HIDDEN,
        false => Attributes::NONE,
    };
    let price = |price: MaybePrice| price.get().map(|price| price.0);
    Ok(Some(match event.kind() {
        Kind::Add | Kind::Modify => {
            let order: Order = event.body();
            Row {
                id: Some(order.id.0),
                price: price(order.price),
                quantity: Some(signed(order.quantity)?),
                participant: order.participant(),
                order_type: if order.price.get().is_some() { "limit" } else { "market" },
                attributes: order.attributes,
                ..Row::default()
            }
        }
        Kind::Reduce | Kind::Delete => {
            let order: Order = event.body();
            let reduced = event.kind() == Kind::Reduce;
            Row {
                id: Some(order.id.0),
                quantity: if reduced { Some(signed(order.quantity)?) } else { None },
                participant: order.participant(),
                ..Row::default()
            }
        }
        Kind::Execute => {
            let execution: Execution = event.body();
            Row {
                id: Some(execution.id.0),
                price: price(execution.price),
                quantity: Some(signed(execution.quantity)?),
                participant: execution.participant(),
                counterparty: execution.counterparty(),
                attributes: hidden,
                ..Row::default()
            }
        }
        Kind::Trade => {
            let print: Print = event.body();
            Row {
                id: Some(print.trade_id).filter(|id| *id > 0),
                price: price(print.price),
                quantity: Some(signed(print.quantity)?),
                participant: print.participant(),
                counterparty: print.counterparty(),
                attributes: hidden,
                ..Row::default()
            }
        }
        Kind::Status => {
            let phase = event.body::<Status>().phase();
            Row { phase: Some(phase), ..Row::default() }
        }
        Kind::News => Row { id: Some(event.body::<Headline>().headline), ..Row::default() },
        Kind::Position => {
            let holding: Holding = event.body();
            Row {
                quantity: Some(holding.quantity),
                price: price(holding.price),
                participant: holding.participant(),
                counterparty: holding.owner(),
                ..Row::default()
            }
        }
        _ => return Ok(None),
    }))
}

fn signed(quantity: Quantity) -> io::Result<i64> {
    i64::try_from(quantity.0).map_err(|_| unwritable(format!("the tape cannot hold {quantity}")))
}

fn unwritable(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
