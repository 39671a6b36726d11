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
//! line. A subject at a second venue is a subject of its own, `NAME@VENUE`: its book is another one.

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
pub use writer::Writer;

/// The columns in the order in which [`Writer`] writes them, and whether a tape must have them.
pub const COLUMNS: [(&str, bool); 12] = [
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
        let [at, _, _, kind, order, side, price, quantity, participant, counterparty, style, flags] =
            of;
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
        let Some(subject) = subject else { return self.lines.date(row.kind as u8, row.at, tally) };
        let event = row.event(subject).map_err(|bad| bad.about(Some(subject)))?;
        self.lines.date(row.kind as u8, row.at, tally)?;
        sink.push(event);
        Ok(())
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
        lines::decode(self, input, last, names, sink, tally)
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
mod tests {
    use super::*;
    use crate::codec::testing::{Decoded, assert_chunks_do_not_matter, decode};
    use expect_test::expect;
    use proptest::prelude::*;

    const HEADER: &str = "event_at,subject,venue,kind,order_id,side,price,quantity,participant,\
         counterparty,order_type,flags\n";

    fn decoded(lines: &str) -> Decoded {
        decode(&mut Tape::new(&Options::default()), format!("{HEADER}{lines}").as_bytes())
    }

    #[test]
    fn each_kind_becomes_what_it_means() {
        let text = "1,,,status,,,,,,,,continuous\n\
             2,ACME,SYNX,position,,,101.5,-300,P1,,,\n\
             3,ACME,SYNX,add,7,B,101.25,100,P1,,limit,iceberg|mm\n\
             4,ACME,SYNX,modify,7,B,101.3,90,P1,,,\n\
             5,ACME,SYNX,reduce,7,,,10,P1,,,\n\
             6,ACME,SYNX,execute,7,B,,30,P1,P2,,\n\
             7,ACME,SYNX,delete,7,,,,P1,,,\n\
             8,ACME,SYNX,add,8,S,,5,P2,,market,ioc\n\
             9,ACME,SYNX,trade,,S,101.3,12,P1,P2,,hidden|nonprintable\n\
             10,ACME,SYNX,news,4711,,,,,,,\n\
             11,ACME,BATS,add,7,B,101.25,100,P1,,,\n\
             12,ACME,BATS,status,,,,,,,,halt\n";
        expect![[r#"
            Status of * at 1 {} Status { phase: 3, code: [0, 0, 0, 0, 0, 0, 0], price: None }
            Define of ACME at 2 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 8, quantity_scale: 8, venue_tag: [241, 32, 128, 227], tag: [16, 39, 160, 150, 186, 23, 226, 205] }
            Position of ACME at 2 {} Holding { quantity: -30000000000, price: Some(Price(10150000000)), participant: 1, owner: 0 }
            Add of ACME at 3 {"buy"} Order { id: OrderId(7), price: Some(Price(10125000000)), quantity: Quantity(10000000000), participant: 1, attributes: Attributes(12) }
            Modify of ACME at 4 {"buy"} Order { id: OrderId(7), price: Some(Price(10130000000)), quantity: Quantity(9000000000), participant: 1, attributes: Attributes(0) }
            Reduce of ACME at 5 {} Order { id: OrderId(7), price: None, quantity: Quantity(1000000000), participant: 1, attributes: Attributes(0) }
            Execute of ACME at 6 {"buy"} Execution { id: OrderId(7), price: None, quantity: Quantity(3000000000), participant: 1, counterparty: 2 }
            Delete of ACME at 7 {} Order { id: OrderId(7), price: None, quantity: Quantity(0), participant: 1, attributes: Attributes(0) }
            Add of ACME at 8 {"sell"} Order { id: OrderId(8), price: None, quantity: Quantity(500000000), participant: 2, attributes: Attributes(2) }
            Trade of ACME at 9 {"sell", "hidden", "non-printable"} Print { trade_id: 0, price: Some(Price(10130000000)), quantity: Quantity(1200000000), participant: 1, counterparty: 2 }
            News of ACME at 10 {} Headline { headline: 4711 }
            Define of ACME@BATS at 11 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(1), price_scale: 8, quantity_scale: 8, venue_tag: [89, 150, 196, 27], tag: [138, 116, 35, 26, 9, 121, 220, 36] }
            Add of ACME@BATS at 11 {"buy"} Order { id: OrderId(7), price: Some(Price(10125000000)), quantity: Quantity(10000000000), participant: 1, attributes: Attributes(0) }
            Status of ACME@BATS at 12 {} Status { phase: 4, code: [0, 0, 0, 0, 0, 0, 0], price: None }
        "#]].assert_eq(&decoded(text).lines());
    }

    #[test]
    fn columns_may_stand_in_any_order() {
        let text = "kind,quantity,price,side,order_id,subject,event_at\nadd,100,1.5,B,1,ACME,5\n";
        let decoded = decode(&mut Tape::new(&Options::default()), text.as_bytes());
        expect![[r#"
            Define of ACME at 5 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 8, quantity_scale: 8, venue_tag: [194, 148, 211, 56], tag: [16, 39, 160, 150, 186, 23, 226, 205] }
            Add of ACME at 5 {"buy"} Order { id: OrderId(1), price: Some(Price(150000000)), quantity: Quantity(10000000000), participant: 0, attributes: Attributes(0) }
        "#]].assert_eq(&decoded.lines());
    }

    #[test]
    fn a_header_that_is_none_ends_it() {
        let check = |header: &str, expected: expect_test::Expect| {
            let decoded = decode(&mut Tape::new(&Options::default()), header.as_bytes());
            expected.assert_eq(&decoded.error.unwrap().to_string());
        };
        check(
            "event_at,subject,kind,order_id,side,price\n",
            expect![[
                r#"line 1 (byte 0): column "quantity" is missing in the tape's header "event_at,subject,kind,order_id,side,pric"…"#
            ]],
        );
        check(
            "event_at,subject,kind,order_id,side,price,quantity,colour\n",
            expect![[
                r#"line 1 (byte 0): unknown column "colour" in the tape's header "event_at,subject,kind,order_id,side,pric"…"#
            ]],
        );
        check(
            "event_at,event_at,kind\n",
            expect![[
                r#"line 1 (byte 0): column "event_at" stands there twice in the tape's header "event_at,event_at,kind""#
            ]],
        );
    }

    #[test]
    fn what_is_wrong_is_told_and_the_next_line_is_read() {
        let text = "1,ACME,,add,7,B,101.25,100,,,,\n\
             2,ACME,,wish,7,B,101.25,100,,,,\n\
             3,ACME,,add,x,B,101.25,100,,,,\n\
             4,ACME,,add,7,X,101.25,100,,,,\n\
             5,ACME,,add,7,B,0.123456789,100,,,,\n\
             6,ACME,,add,7,B,1e5,100,,,,\n\
             7,ACME,,add,7,B,1,-1,,,,\n\
             8,ACME,,add,7,B,1,99999999999999,,,,\n\
             9,ACME,,add,7,B,1,1,,,,shiny\n\
             10,,,add,7,B,1,1,,,,\n\
             11,ACME,,add,7,B,1,1,,,market,\n\
             12,ACME,,trade,,B,,1,,,,\n\
             13,ACME,,status,,,,,,,,\n\
             14,ACME,,delete\n\
             15,ACME,,delete,7,,,,,,,\n";
        let decoded = decoded(text);
        assert_eq!((decoded.tally.messages, decoded.tally.gaps), (15, 13));
        assert_eq!(decoded.tally.faults.of(Fault::OutOfRange), 3);
        assert_eq!(decoded.tally.faults.of(Fault::Malformed), 10);
        assert_eq!(decoded.events.len(), 1 + 2 + 13);
    }

    #[test]
    fn only_the_wanted_subjects_pass() {
        let options = Options { symbols: Some(vec!["B".to_owned()]), ..Options::default() };
        let text = format!("{HEADER}1,A,,delete,7,,,,,,,\n2,B,,delete,7,,,,,,,\n");
        let decoded = decode(&mut Tape::new(&options), text.as_bytes());
        assert_eq!((decoded.tally.messages, decoded.events.len()), (2, 2));
    }

    fn event() -> impl Strategy<Value = (Kind, u8, u64, i64, i64, u32, u32, u16, u8)> {
        let kinds = [
            Kind::Add,
            Kind::Modify,
            Kind::Reduce,
            Kind::Delete,
            Kind::Execute,
            Kind::Trade,
            Kind::Status,
            Kind::News,
            Kind::Position,
        ];
        let number = -1_000_000_000_000i64..1_000_000_000_000;
        (
            prop::sample::select(kinds.to_vec()),
            0u8..4,
            any::<u64>(),
            number.clone(),
            number,
            0u32..4,
            0u32..4,
            0u16..128,
            any::<u8>(),
        )
    }

    /// An event as the tape can tell it, out of a handful of numbers.
    fn made(
        at: u64,
        (kind, subject, id, price, quantity, one, other, attributes, flags): (
            Kind,
            u8,
            u64,
            i64,
            i64,
            u32,
            u32,
            u16,
            u8,
        ),
    ) -> Event {
        let subject = SubjectId(u32::from(subject));
        let (one, other) = (ParticipantId::new(one), ParticipantId::new(other));
        let limit = (price % 7 != 0).then_some(Price(price));
        let (id, amount) = (OrderId(id), Quantity(quantity.unsigned_abs()));
        let at = Nanos(at);
        let mut attributes = Attributes(attributes);
        if matches!(kind, Kind::Execute | Kind::Trade) {
            attributes = Attributes::NONE;
        }
        let side = [Flags::NONE, Flags::BUY, Flags::SELL][usize::from(flags % 3)];
        let hidden = if flags % 5 == 0 { Flags::HIDDEN } else { Flags::NONE };
        let event = match kind {
            Kind::Add | Kind::Modify => {
                let mut order = Order::new(id, limit, amount).owned_by(one);
                order.attributes = attributes;
                Event::new(subject, at, order)
            }
            Kind::Reduce => Event::new(subject, at, Order::new(id, None, amount).owned_by(one)),
            Kind::Delete => Event::new(subject, at, Order::gone(id).owned_by(one)),
            Kind::Execute => {
                Event::new(subject, at, Execution::new(id, limit, amount).between(one, other))
                    .with_flags(hidden)
            }
            Kind::Trade => {
                let print = Print::new(id.0, Price(price), amount).between(one, other);
                Event::new(subject, at, print).with_flags(hidden)
            }
            Kind::Status => {
                let phase = Phase::WORDS[usize::from(flags) % 5].1;
                Event::new(subject, at, Status::new(phase, b""))
            }
            Kind::News => Event::new(subject, at, Headline::new(id.0)),
            _ => {
                let mut holding = Holding::new(one, quantity).owned_by(other);
                holding.price = limit.into();
                Event::new(subject, at, holding)
            }
        };
        event.with_kind(kind).with_flags(side)
    }

    /// Four subjects at two venues and three participants, as a reader would come to number them.
    fn directory() -> Directory {
        let mut names = Directory::new(10);
        let venue = |names: &mut Directory, name| names.venues.intern(name).unwrap();
        for (subject, at) in [("ACME", "SYNX"), ("ACME@BATS", "BATS"), ("A, B", "SYNX"), ("C", "")]
        {
            let definition = Definition::new(venue(&mut names, at), 8, 8);
            names.define(subject, definition).unwrap();
        }
        for name in ["P1", "P2", "P3"] {
            names.participants.intern(name).unwrap();
        }
        names
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn what_is_written_is_read(list in prop::collection::vec(event(), 1..50)) {
            let mut names = directory();
            let list = list.into_iter().enumerate();
            let events: Vec<_> = list.map(|(at, numbers)| made(at as u64, numbers)).collect();
            let mut writer = Writer::new(Vec::new()).unwrap();
            for event in &events {
                prop_assert!(writer.event(event, &names).unwrap());
            }
            let text = writer.finish().unwrap();
            let (mut read, mut tally) = (Vec::new(), Tally::default());
            let mut codec = Tape::new(&Options { strict: true, ..Options::default() });
            codec.decode(&text, true, &mut names, &mut read, &mut tally).unwrap();
            read.retain(|event| event.kind() != Kind::Define);
            prop_assert_eq!(read, events);
        }

        #[test]
        fn the_pieces_do_not_matter(
            damage in prop::collection::vec((0usize..40_000, any::<u8>()), 0..50),
            mut ends in prop::collection::vec(0usize..40_000, 0..50),
        ) {
            let mut bytes = Vec::new();
            let settings = crate::synthetic::tape::Settings { lines: 500, ..Default::default() };
            crate::synthetic::tape::generate(settings, &mut bytes).unwrap();
            for (at, byte) in damage {
                let length = bytes.len();
                bytes[at % length] = byte;
            }
            let codec = || Tape::new(&Options::default());
            if decode(&mut codec(), &bytes).error.is_none() {
                assert_chunks_do_not_matter(codec, &bytes, &mut ends);
            }
        }
    }
}
