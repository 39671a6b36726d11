//! The tape: orders with the identities of those behind them, as plain CSV.
//!
//! Our own format, for drop copies, test scenarios and other venues' data. A header names the columns,
//! in any order; [`COLUMNS`] says which there are and which must be. `event_at` counts nanoseconds
//! since the epoch; `price` and `quantity` are decimals, read exactly or not at all; what is unknown
//! is empty. Names and flags may stand in double quotes.
//!
//! | kind | becomes | uses |
//! |---|---|---|
//! | `add`, `modify` | `Add`, `Modify` | `order_id`, `side`, `price` (empty: a market order), `quantity`, `participant`, `flags` |
//! | `reduce` | `Reduce` | `order_id`, `quantity` taken off |
//! | `delete` | `Delete` | `order_id` |
//! | `execute` | `Execute` | `order_id`, `quantity`, `price`; `participant` rests, `counterparty` came |
//! | `trade` | `Trade` | `price`, `quantity`; `order_id` is the trade's id; `side` the resting one's |
//! | `status` | `Status` | the phase's word in `flags`; no subject (or `*`) means the whole venue |
//! | `news` | `News` | the headline's id in `order_id` |
//! | `position` | `Position` | `participant`, `quantity` (signed), `price` paid; `counterparty` is the account's owner |
//!
//! The scales of prices and quantities are the same for all subjects, 8 places unless
//! [`Options`] says otherwise: a text does not tell its venue's scale before its last
//! line. With a column `sequence`, the venue's number of each line, lines that come late are put in their
//! place, one that comes twice is dropped and counted, and a hole is a `Gap`: nothing is lost in silence.
//! A subject at a second venue is a subject of its own, `NAME@VENUE`: its book is another one.

mod sequence;
mod writer;

use super::lines::{self, Bad, LineCodec, Lines, fields, unsigned};
use super::subjects::{Refused, Subjects};
use super::{Codec, CodecError, Quoted};
use crate::Options;
use engine_event::body::{
    Attributes, Definition, Execution, Headline, Holding, Order, Phase, Print, Status,
};
use engine_event::{
    Decimal, DecimalError, Directory, Event, Fault, Flags, Kind, MaybePrice, Nanos, OrderId,
    ParticipantId, Price, Quantity, Side, SubjectId,
};
use engine_pipeline::{Sink, Tally};
use sequence::Sequence;
pub use writer::Writer;

/// The columns in the order in which [`Writer`] writes them, the last one only where lines are numbered, and whether a tape must have them.
pub const COLUMNS: [(&str, bool); 13] = [
    ("event_at", true),
    ("subject", true),
    ("venue", false),
    ("kind", true),
    ("order_id", true),
    ("side", true),
    ("price", true),
    ("quantity", true),
    ("participant", false),
    ("counterparty", false),
    ("order_type", false),
    ("flags", false),
    ("sequence", false),
];

/// The word for each flag that a trade or an execution may have besides those of
/// [`Attributes::WORDS`].
pub const FLAG_WORDS: [(&str, Flags); 4] = [
    ("cross", Flags::CROSS),
    ("nonprintable", Flags::NON_PRINTABLE),
    ("last", Flags::LAST),
    ("snapshot", Flags::SNAPSHOT),
];

const COUNT: usize = COLUMNS.len();

/// The codec.
#[derive(Debug)]
pub struct Tape {
    lines: Lines,
    scales: (u8, u8),
    layout: Option<Layout>,
    subjects: Subjects,
    /// Of lines that tell their number.
    sequence: Sequence,
    /// `NAME@VENUE`, made anew where it is needed.
    name: String,
}

/// Where each column stands in a line.
#[derive(Debug)]
struct Layout {
    places: [Option<u8>; COUNT],
    count: usize,
}

impl Layout {
    fn read(line: &[u8]) -> Result<Self, String> {
        let mut names = [&b""[..]; COUNT];
        let count = fields(lines::header(line), &mut names);
        let count = count.filter(|count| *count <= COUNT).ok_or("more columns than a tape has")?;
        let mut places = [None; COUNT];
        for (place, name) in names.iter().enumerate().take(count) {
            let column = COLUMNS.iter().position(|(column, _)| column.as_bytes() == *name);
            let column = column.ok_or_else(|| format!("unknown column {}", Quoted(name)))?;
            if places[column].replace(place as u8).is_some() {
                return Err(format!("column {} stands there twice", Quoted(name)));
            }
        }
        let absent = COLUMNS.iter().zip(places).find(|((_, must), place)| *must && place.is_none());
        match absent {
            Some(((column, _), _)) => Err(format!("column \"{column}\" is missing")),
            None => Ok(Self { places, count }),
        }
    }

    /// A line's columns in [`COLUMNS`]' order; those that the tape does not have are empty.
    fn row<'a>(&self, line: &'a [u8]) -> Option<[&'a [u8]; COUNT]> {
        let mut found = [&b""[..]; COUNT];
        if fields(line, &mut found) != Some(self.count) {
            return None;
        }
        Some(self.places.map(|place| place.map_or(&b""[..], |place| found[usize::from(place)])))
    }
}

/// A line's columns, with what all kinds have in common already read.
struct Row<'a> {
    at: Nanos,
    kind: Kind,
    order: &'a [u8],
    side: Flags,
    price: MaybePrice,
    quantity: Option<i64>,
    participant: Option<ParticipantId>,
    counterparty: Option<ParticipantId>,
    attributes: Attributes,
    flags: Flags,
    phase: Option<Phase>,
}

impl Row<'_> {
    fn order(&self) -> Result<OrderId, Bad> {
        let id = unsigned(self.order);
        id.map(OrderId).ok_or(Bad::malformed("order_id is not a whole number"))
    }

    fn quantity(&self) -> Result<Quantity, Bad> {
        let quantity = self.quantity.ok_or(Bad::malformed("the quantity is missing"))?;
        let why = Bad::Lost(Fault::OutOfRange, SubjectId::EVERY, "the quantity is negative");
        u64::try_from(quantity).map(Quantity).map_err(|_| why)
    }

    fn event(&self, subject: SubjectId) -> Result<Event, Bad> {
        let at = self.at;
        let event = match self.kind {
            Kind::Add | Kind::Modify => {
                let mut order = Order::new(self.order()?, self.price.get(), self.quantity()?);
                order.attributes = self.attributes;
                Event::new(subject, at, order.owned_by(self.participant))
            }
            Kind::Reduce => {
                let less = Order::new(self.order()?, None, self.quantity()?);
                Event::new(subject, at, less.owned_by(self.participant))
            }
            Kind::Delete => {
                Event::new(subject, at, Order::gone(self.order()?).owned_by(self.participant))
            }
            Kind::Execute => {
                let execution = Execution::new(self.order()?, self.price.get(), self.quantity()?);
                let parties = execution.between(self.participant, self.counterparty);
                Event::new(subject, at, parties).with_flags(self.hidden())
            }
            Kind::Trade => {
                let trade = if self.order.is_empty() { 0 } else { self.order()?.0 };
                let price = self.price.get().ok_or(Bad::malformed("the price is missing"))?;
                let print = Print::new(trade, price, self.quantity()?);
                let parties = print.between(self.participant, self.counterparty);
                Event::new(subject, at, parties).with_flags(self.hidden())
            }
            Kind::Status => {
                let phase = self.phase.ok_or(Bad::malformed("the flags name no phase"))?;
                Event::new(subject, at, Status::new(phase, b""))
            }
            Kind::News => Event::new(subject, at, Headline::new(self.order()?.0)),
            Kind::Position => {
                let quantity = self.quantity.ok_or(Bad::malformed("the quantity is missing"))?;
                let holding = Holding::new(self.participant, quantity);
                let mut holding = holding.owned_by(self.counterparty);
                holding.price = self.price;
                Event::new(subject, at, holding)
            }
            _ => return Err(Bad::malformed("the kind is unknown")),
        };
        Ok(event.with_kind(self.kind).with_flags(self.side | self.flags))
    }

    fn hidden(&self) -> Flags {
        if self.attributes.has(Attributes::HIDDEN) { Flags::HIDDEN } else { Flags::NONE }
    }
}

impl Tape {
    /// A codec at the beginning of a stream.
    pub fn new(options: &Options) -> Self {
        let scale = |scale: u8| scale.min(Decimal::SCALE_MAX);
        Self {
            lines: Lines::new(options),
            scales: (scale(options.price_scale), scale(options.quantity_scale)),
            layout: None,
            subjects: Subjects::new(options),
            sequence: Sequence::default(),
            name: String::new(),
        }
    }

    /// The subject of this name at this venue; none if nobody asked for it.
    fn subject<S: Sink>(
        &mut self,
        name: &str,
        venue: &str,
        at: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<Option<SubjectId>, Bad> {
        let elsewhere = !venue.is_empty()
            && names.find(name).is_some_and(|subject| names.venue(subject) != venue);
        let name = if elsewhere {
            self.name.clear();
            self.name.extend([name, "@", venue]);
            &self.name
        } else {
            name
        };
        let (price_scale, quantity_scale) = self.scales;
        let define = |names: &mut Directory| {
            Ok(Definition::new(names.venues.intern(venue)?, price_scale, quantity_scale))
        };
        self.subjects.meet(name, define, at, names, sink).map_err(|refused| match refused {
            Refused::Full(_) => Bad::Refused,
            Refused::Scales { .. } => Bad::Fatal(CodecError::new(self.lines.place(), refused)),
        })
    }

    fn row<'a>(&self, of: [&'a [u8]; COUNT], names: &mut Directory) -> Result<Row<'a>, Bad> {
        let [at, _, _, kind, order, side, price, quantity, participant, counterparty, ..] = of;
        let (style, flags) = (of[10], of[11]);
        let participant = participant_of(participant, names)?;
        let counterparty = participant_of(counterparty, names)?;
        let (attributes, flags, phase) = words_of(flags)?;
        let price = decimal(price, self.scales.0, "price")?.map(Price);
        match style {
            b"" | b"limit" => {}
            b"market" if price.is_none() => {}
            b"market" => return Err(Bad::malformed("a market order has a price")),
            _ => return Err(Bad::malformed("order_type is neither limit nor market")),
        }
        Ok(Row {
            at: unsigned(at).map(Nanos).ok_or(Bad::malformed("event_at is not a whole number"))?,
            kind: kind_of(kind).ok_or(Bad::malformed("the kind is unknown"))?,
            order,
            side: match side {
                b"" => Flags::NONE,
                b"B" => Flags::of(Side::Buy),
                b"S" => Flags::of(Side::Sell),
                _ => return Err(Bad::malformed("the side is neither B nor S")),
            },
            price: price.into(),
            quantity: decimal(quantity, self.scales.1, "quantity")?,
            participant,
            counterparty,
            attributes,
            flags,
            phase,
        })
    }
}

impl LineCodec for Tape {
    fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn line<S: Sink>(
        &mut self,
        line: &[u8],
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), Bad> {
        let Some(layout) = &self.layout else {
            let fatal = |what| {
                let what = format!("{what} in the tape's header {}", Quoted(line));
                Bad::Fatal(CodecError::new(self.lines.place(), what))
            };
            self.layout = Some(Layout::read(line).map_err(fatal)?);
            return Ok(());
        };
        let columns =
            layout.row(line).ok_or(Bad::malformed("not as many columns as the header"))?;
        let number = match columns[COUNT - 1] {
            b"" => None,
            text => Some(unsigned(text).ok_or(Bad::malformed("sequence is not a whole number"))?),
        };
        let Some(number) = number else {
            let (kind, at, event) = self.read(columns, names, sink)?;
            self.lines.date(kind as u8, at, tally)?;
            event.into_iter().for_each(|event| sink.push(event));
            return Ok(());
        };
        let (at, event) = match self.read(columns, names, sink) {
            Ok((_, at, event)) => (at, event),
            Err(bad) => {
                // It is told for itself; its number is not missing as well.
                self.sequence.take(number, self.lines.now(), None, tally);
                return Err(bad);
            }
        };
        let is_told = event.is_some();
        if !self.sequence.take(number, at, event, tally) {
            tally.messages += 1;
            let again = format_args!("line {number} of the venue came again, or too late");
            return self.lines.remark(Fault::Duplicate, again, tally);
        }
        tally.messages += u64::from(!is_told);
        // Two for each line that comes: so what waits grows no further.
        self.hand_on(sink, 2, tally)
    }
}

impl Tape {
    /// What a line tells: its kind and time, and its event unless nobody asked for its subject.
    fn read<S: Sink>(
        &mut self,
        columns: [&[u8]; COUNT],
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<(Kind, Nanos, Option<Event>), Bad> {
        let [_, name, venue, kind, ..] = columns;
        let everybody = matches!(name, b"" | b"*") && kind == b"status";
        let name = match lines::name(name) {
            _ if everybody => "*",
            Some(name) => name,
            None => return Err(Bad::malformed("the subject is not a name")),
        };
        let known = names.find(name);
        let row = self.row(columns, names).map_err(|bad| bad.about(known))?;
        let subject = if everybody {
            Some(SubjectId::EVERY)
        } else {
            let venue = if venue.is_empty() { Some("") } else { lines::name(venue) };
            let venue = venue.ok_or(Bad::malformed("the venue is not a name"))?;
            self.subject(name, venue, row.at, names, sink)?
        };
        let event = subject.map(|of| row.event(of).map_err(|bad| bad.about(Some(of))));
        Ok((row.kind, row.at, event.transpose()?))
    }

    /// Hands on so many numbered lines, as far as there is room.
    fn hand_on<S: Sink>(
        &mut self,
        sink: &mut S,
        most: usize,
        tally: &mut Tally,
    ) -> Result<(), Bad> {
        for _ in 0..most.min(sink.room()) {
            let Some(event) = self.sequence.pop() else { break };
            if event.kind() != Kind::Gap {
                self.lines.date(event.kind() as u8, event.event_at, tally)?;
            }
            sink.push(event);
        }
        Ok(())
    }

    /// The same with all that waits; an error is one in strict reading. Gives whether nothing waits any more.
    fn hand_on_all<S: Sink>(
        &mut self,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<bool, CodecError> {
        match self.hand_on(sink, usize::MAX, tally) {
            Err(Bad::Fatal(error)) => Err(error),
            _ => Ok(!self.sequence.is_waiting()),
        }
    }
}

impl Codec for Tape {
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<usize, CodecError> {
        if !self.hand_on_all(sink, tally)? {
            return Ok(0);
        }
        let consumed = lines::decode(self, input, last, names, sink, tally)?;
        if last && consumed == input.len() {
            self.sequence.end(tally);
            self.hand_on_all(sink, tally)?;
        }
        Ok(consumed)
    }

    fn place(&self) -> u64 {
        self.lines.place().number()
    }
}

fn participant_of(name: &[u8], names: &mut Directory) -> Result<Option<ParticipantId>, Bad> {
    if name.is_empty() {
        return Ok(None);
    }
    let name = lines::name(name).ok_or(Bad::malformed("a participant is not a name"))?;
    Ok(Some(names.participants.intern(name)?))
}

fn kind_of(word: &[u8]) -> Option<Kind> {
    Some(match word {
        b"add" => Kind::Add,
        b"modify" => Kind::Modify,
        b"reduce" => Kind::Reduce,
        b"delete" => Kind::Delete,
        b"execute" => Kind::Execute,
        b"trade" => Kind::Trade,
        b"status" => Kind::Status,
        b"news" => Kind::News,
        b"position" => Kind::Position,
        _ => return None,
    })
}

/// What the words of `flags` say.
fn words_of(flags: &[u8]) -> Result<(Attributes, Flags, Option<Phase>), Bad> {
    let (mut attributes, mut set, mut phase) = (Attributes::NONE, Flags::NONE, None);
    let words = flags.split(|byte| *byte == b'|').filter(|word| !word.is_empty());
    for word in words {
        fn named<T: Copy>(words: &[(&str, T)], word: &[u8]) -> Option<T> {
            words.iter().find(|(name, _)| name.as_bytes() == word).map(|(_, value)| *value)
        }
        if let Some(attribute) = named(&Attributes::WORDS, word) {
            attributes = attributes.and(attribute);
        } else if let Some(flag) = named(&FLAG_WORDS, word) {
            set = set | flag;
        } else if let Some(named) = named(&Phase::WORDS, word) {
            phase = Some(named);
        } else {
            return Err(Bad::malformed("a flag is unknown"));
        }
    }
    Ok((attributes, set, phase))
}

fn decimal(text: &[u8], scale: u8, field: &'static str) -> Result<Option<i64>, Bad> {
    if text.is_empty() {
        return Ok(None);
    }
    let price = field == "price";
    let out_of_range = |what| Bad::Lost(Fault::OutOfRange, SubjectId::EVERY, what);
    Decimal::parse(text, scale).map(Some).map_err(|error| match error {
        DecimalError::TooFine if price => out_of_range("the price has too many decimal places"),
        DecimalError::TooFine => out_of_range("the quantity has too many decimal places"),
        DecimalError::OutOfRange if price => out_of_range("the price is out of range"),
        DecimalError::OutOfRange => out_of_range("the quantity is out of range"),
        _ if price => Bad::malformed("the price is not a decimal"),
        _ => Bad::malformed("the quantity is not a decimal"),
    })
}

/// Whether content that begins with `bytes` may be a tape: its first line has the columns that only a
/// tape has.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let (line, _) = lines::first(bytes);
    let names = || lines::header(line).split(|byte| *byte == b',');
    let has = |wanted: &[u8]| names().any(|name| name == wanted);
    has(b"event_at") && has(b"subject") && has(b"kind")
}

#[cfg(test)]
mod tests;
