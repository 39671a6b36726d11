//! Bitstamp's orders as CSV: what happened to each order, a line an event, as Bitstamp's public channel
//! of live orders tells it and as collectors write it down.
//!
//! Sources: Bitstamp, *WebSocket API v2* (`live_orders`), and the data that the R package obAnalytics
//! comes with. A header names the columns, in any order; others than these are passed over.
//!
//! | column | also called | must | is |
//! |---|---|---|---|
//! | `id` | `order_id` | yes | the order |
//! | `action` | `event` | yes | `created`, `changed`, `deleted`, with or without `order_` in front |
//! | `direction` | `order_type`, `side` | yes | `bid`, `buy`, `0`; `ask`, `sell`, `1` |
//! | `price` | | yes | a decimal, also as `2.5E+3`; nothing or zero: a market order |
//! | `volume` | `amount` | yes | what is left of the order, a decimal, also as `1e-08` |
//! | `microtimestamp` | | one | when it happened, in microseconds since the epoch |
//! | `timestamp` | | of these | when it was received, in milliseconds since the epoch |
//! | `pair` | `symbol`, `currency_pair` | no | whose order; else [`Options::subject`](crate::Options::subject) |
//!
//! `exchange.timestamp` is not read: it tells when an order was created, also of its later events.
//!
//! | action | becomes |
//! |---|---|
//! | created | `Add`; a market order as one that never rests |
//! | changed, to less | `Execute`: an order shrinks because it trades |
//! | changed | `Modify`; `Delete` if nothing is left |
//! | deleted, with nothing left | `Execute` of what was left before |
//! | deleted | `Delete` |
//!
//! A trade is told by both of its orders, one right after the other. The older one rested, and of the one
//! that came the part that traded is only taken away (`Reduce`, `Delete`, not printable): so a trade
//! counts once; also where what the two tell to have traded differs, because one of several parts was not
//! told. Where only one of both is told, that one is the trade. An order that was there before the recording, one that
//! is told twice, or one of which nobody knows how large it was, is for the book to find.
//!
//! Known of real data: orders that are created without any volume. Nothing of them can rest; they are
//! counted as faults and become no event.

use super::lines::{self, Bad, LineCodec, Lines, fields, unsigned};
use super::subjects::{Refused, Subjects};
use super::{Codec, CodecError, Quoted};
use crate::Options;
use engine_event::body::{Attributes, Execution, Order};
use engine_event::{
    Decimal, Definition, Directory, Event, Fault, Flags, Kind, Nanos, OrderId, Price, Quantity,
    Side, SubjectId,
};
use engine_pipeline::{Sink, Tally};
use rustc_hash::FxHashMap;

/// The name that the venue is given.
pub const VENUE: &str = "BITSTAMP";
/// The subject's name where nobody gives one.
pub const SUBJECT: &str = "BITSTAMP";

/// More columns than this no line has.
const COLUMNS_MAX: usize = 24;

const COLUMNS: usize = 8;

/// How many orders' volumes are remembered.
const ORDERS_MAX: usize = 1 << 20;
/// How much the two parts of a trade may differ: the venue rounds each for itself.
const ROUNDING: u64 = 2;
/// How long after one part of a trade the other is told, and how long if they differ.
const APART_MAX: Nanos = Nanos(5_000_000_000);
const UNEQUAL_APART_MAX: Nanos = Nanos(100_000_000);

/// What the columns are called that are read. The first five must be there.
const NAMES: [&[&str]; COLUMNS] = [
    &["id", "order_id"],
    &["action", "event"],
    &["direction", "order_type", "side"],
    &["price"],
    &["volume", "amount"],
    &["microtimestamp"],
    &["timestamp"],
    &["pair", "symbol", "currency_pair"],
];
const MUST: usize = 5;
const HAPPENED: usize = 5;
const RECEIVED: usize = 6;
const PAIR: usize = 7;

/// The codec.
#[derive(Debug)]
pub struct Bitstamp {
    lines: Lines,
    scales: (u8, u8),
    layout: Option<Layout>,
    subjects: Subjects,
    /// Whose orders those are of which the lines do not say it.
    name: String,
    /// What is left of each order.
    left: FxHashMap<(SubjectId, OrderId), u64>,
    /// One part of a trade, until it is known whether the other follows.
    fill: Option<Fill>,
}

/// An order that has traded.
#[derive(Clone, Copy, Debug)]
struct Fill {
    subject: SubjectId,
    order: OrderId,
    price: Option<Price>,
    quantity: u64,
    side: Side,
    at: Nanos,
    received: Nanos,
    is_all: bool,
}

impl Fill {
    /// Whether both are of one trade.
    fn meets(&self, other: &Fill) -> bool {
        let is_equal = self.quantity.abs_diff(other.quantity) <= ROUNDING;
        let apart_max = if is_equal { APART_MAX } else { UNEQUAL_APART_MAX };
        (self.subject, self.side) == (other.subject, other.side.opposite())
            && other.at.since(self.at) <= apart_max
    }

    /// Which of two rested, and which came: the younger one, and one that takes any price.
    fn in_order(self, other: Fill) -> (Fill, Fill) {
        let age = |fill: &Fill| (fill.price.is_none(), fill.order.0);
        if age(&self) <= age(&other) { (self, other) } else { (other, self) }
    }

    fn event<B: engine_event::body::Body>(&self, body: B) -> Event {
        let mut event = Event::new(self.subject, self.at, body);
        event.received_at = self.received;
        event.with_flags(Flags::of(self.side))
    }

    fn executed(&self) -> Event {
        self.event(Execution::new(self.order, self.price, Quantity(self.quantity)))
    }

    /// What traded as it came is gone; of one that never rests there is nothing to take away.
    fn taken(&self) -> Option<Event> {
        self.price?;
        let event = if self.is_all {
            self.event(Order::gone(self.order)).with_kind(Kind::Delete)
        } else {
            let part = Order::new(self.order, self.price, Quantity(self.quantity));
            self.event(part).with_kind(Kind::Reduce)
        };
        Some(event.with_flags(event.flags | Flags::NON_PRINTABLE))
    }
}

/// Where each column stands in a line.
#[derive(Clone, Debug)]
struct Layout {
    places: [Option<u8>; COLUMNS],
    count: usize,
}

impl Layout {
    fn read(line: &[u8]) -> Result<Self, String> {
        let mut names = [&b""[..]; COLUMNS_MAX];
        let count = fields(lines::header(line), &mut names);
        let count = count.filter(|count| *count <= COLUMNS_MAX);
        let count = count.ok_or_else(|| format!("more than {COLUMNS_MAX} columns"))?;
        let mut places = [None; COLUMNS];
        for (place, name) in names.iter().enumerate().take(count) {
            let known = |called: &&[&str]| called.iter().any(|known| known.as_bytes() == *name);
            let Some(column) = NAMES.iter().position(known) else { continue };
            if places[column].replace(place as u8).is_some() {
                return Err(format!("two columns for \"{}\"", NAMES[column][0]));
            }
        }
        let layout = Self { places, count };
        if let Some(absent) = (0..MUST).find(|column| places[*column].is_none()) {
            return Err(format!("column \"{}\" is missing", NAMES[absent][0]));
        }
        if layout.places[HAPPENED].or(layout.places[RECEIVED]).is_none() {
            return Err("both \"microtimestamp\" and \"timestamp\" are missing".into());
        }
        Ok(layout)
    }

    /// A line's columns in the order of [`NAMES`]; those that are not there are empty.
    fn row<'a>(&self, line: &'a [u8]) -> Option<[&'a [u8]; COLUMNS]> {
        let mut found = [&b""[..]; COLUMNS_MAX];
        if fields(line, &mut found) != Some(self.count) {
            return None;
        }
        Some(self.places.map(|place| place.map_or(&b""[..], |place| found[usize::from(place)])))
    }
}

/// What happens to an order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Created,
    Changed,
    Deleted,
}

/// A line's columns, read but not yet judged.
struct Row {
    at: Nanos,
    received: Nanos,
    id: OrderId,
    action: Action,
    side: Side,
    price: Option<Price>,
    volume: Quantity,
}

impl Row {
    fn read(columns: [&[u8]; COLUMNS], (price_scale, volume_scale): (u8, u8)) -> Result<Self, Bad> {
        let [id, action, direction, price, volume, happened, received, _] = columns;
        let time = |text: &[u8], nanos: u64, what| {
            if text.is_empty() {
                return Ok(None);
            }
            let time = unsigned(text).and_then(|time| time.checked_mul(nanos));
            time.map(|time| Some(Nanos(time))).ok_or(Bad::malformed(what))
        };
        let happened = time(happened, 1_000, "microtimestamp is not a number of microseconds")?;
        let received = time(received, 1_000_000, "timestamp is not a number of milliseconds")?;
        let at = happened.or(received).ok_or(Bad::malformed("the time is missing"))?;
        let price = if price.is_empty() { 0 } else { decimal(price, price_scale, PRICE)? };
        let volume = decimal(volume, volume_scale, VOLUME)?;
        let negative = Bad::Lost(Fault::OutOfRange, SubjectId::EVERY, "the volume is negative");
        Ok(Self {
            at,
            received: received.unwrap_or(at),
            id: unsigned(id).map(OrderId).ok_or(Bad::malformed("the id is not a whole number"))?,
            action: match action.strip_prefix(b"order_").unwrap_or(action) {
                b"created" => Action::Created,
                b"changed" => Action::Changed,
                b"deleted" => Action::Deleted,
                _ => return Err(Bad::malformed("the action is not created, changed or deleted")),
            },
            side: match direction {
                b"bid" | b"buy" | b"0" => Side::Buy,
                b"ask" | b"sell" | b"1" => Side::Sell,
                _ => return Err(Bad::malformed("the direction is neither bid nor ask")),
            },
            price: (price != 0).then_some(Price(price)),
            volume: u64::try_from(volume).map(Quantity).map_err(|_| negative)?,
        })
    }

    /// The event that it stands for; none for an order of nothing.
    fn event(&self, subject: SubjectId) -> Option<Event> {
        let gone = Event::new(subject, self.at, Order::gone(self.id)).with_kind(Kind::Delete);
        let mut order = Order::new(self.id, self.price, self.volume);
        let mut event = match self.action {
            Action::Created if self.volume.0 == 0 => return None,
            Action::Created => {
                if self.price.is_none() {
                    order.attributes = Attributes::IOC;
                }
                Event::new(subject, self.at, order)
            }
            Action::Changed if self.volume.0 > 0 => {
                Event::new(subject, self.at, order).with_kind(Kind::Modify)
            }
            Action::Changed | Action::Deleted => gone,
        };
        event.received_at = self.received;
        Some(event.with_flags(Flags::of(self.side)))
    }

    /// By which kind of event it is counted.
    fn kind(&self) -> Kind {
        match self.action {
            Action::Created => Kind::Add,
            Action::Changed => Kind::Modify,
            Action::Deleted => Kind::Delete,
        }
    }
}

/// What is wrong with a decimal: not one, too fine, too large.
type Wrong = [&'static str; 3];

const PRICE: Wrong = [
    "the price is not a decimal",
    "the price has too many decimal places",
    "the price is out of range",
];
const VOLUME: Wrong = [
    "the volume is not a decimal",
    "the volume has too many decimal places",
    "the volume is out of range",
];

fn decimal(text: &[u8], scale: u8, [not_one, too_fine, too_large]: Wrong) -> Result<i64, Bad> {
    use engine_event::DecimalError;
    let out_of_range = |what| Bad::Lost(Fault::OutOfRange, SubjectId::EVERY, what);
    Decimal::parse_scientific(text, scale).map_err(|error| match error {
        DecimalError::TooFine => out_of_range(too_fine),
        DecimalError::OutOfRange => out_of_range(too_large),
        _ => Bad::malformed(not_one),
    })
}

impl Bitstamp {
    /// A codec at the beginning of a stream.
    pub fn new(options: &Options) -> Self {
        let scale = |scale: u8| scale.min(Decimal::SCALE_MAX);
        Self {
            lines: Lines::new(options),
            scales: (scale(options.price_scale), scale(options.quantity_scale)),
            layout: None,
            subjects: Subjects::new(options),
            name: options.subject.clone().unwrap_or_else(|| SUBJECT.to_owned()),
            left: FxHashMap::default(),
            fill: None,
        }
    }

    /// What of the order has traded, as far as it is known how much was left of it.
    fn filled(&mut self, row: &Row, subject: SubjectId) -> Option<Fill> {
        let key = (subject, row.id);
        let before = match row.action {
            Action::Deleted => self.left.remove(&key),
            _ if self.left.contains_key(&key) || self.left.len() < ORDERS_MAX => {
                self.left.insert(key, row.volume.0)
            }
            _ => None,
        };
        let quantity = before?.saturating_sub(row.volume.0);
        let is_trade = match row.action {
            Action::Created => false,
            Action::Changed => quantity > 0,
            // With something left it was taken back.
            Action::Deleted => quantity > 0 && row.volume.0 == 0,
        };
        is_trade.then_some(Fill {
            subject,
            order: row.id,
            price: row.price,
            quantity,
            side: row.side,
            at: row.at,
            received: row.received,
            is_all: row.volume.0 == 0,
        })
    }

    /// Tells the part of a trade that the other did not follow.
    fn tell_fill<S: Sink>(&mut self, sink: &mut S) {
        if let Some(fill) = self.fill.take() {
            sink.push(fill.executed());
        }
    }

    fn subject<S: Sink>(
        &mut self,
        pair: &[u8],
        at: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<Option<SubjectId>, Bad> {
        let name = if pair.is_empty() { Some(&*self.name) } else { lines::name(pair) };
        let name = name.ok_or(Bad::malformed("the pair is not a name"))?;
        let (price_scale, volume_scale) = self.scales;
        let define = |names: &mut Directory| {
            Ok(Definition::new(names.venues.intern(VENUE)?, price_scale, volume_scale))
        };
        let met = self.subjects.meet(name, define, at, names, sink);
        met.map_err(|refused| match refused {
            Refused::Full(_) => Bad::Refused,
            Refused::Scales { .. } => Bad::Fatal(CodecError::new(self.lines.place(), refused)),
        })
    }
}

impl LineCodec for Bitstamp {
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
                let what = format!("{what} in the header {}", Quoted(line));
                Bad::Fatal(CodecError::new(self.lines.place(), what))
            };
            self.layout = Some(Layout::read(line).map_err(fatal)?);
            return Ok(());
        };
        let columns = layout.row(line);
        let columns = columns.ok_or(Bad::malformed("not as many columns as the header"))?;
        let pair = columns[PAIR];
        let known = if pair.is_empty() { Some(&*self.name) } else { lines::name(pair) };
        let known = known.and_then(|name| names.find(name));
        let row = Row::read(columns, self.scales).map_err(|bad| bad.about(known))?;
        let subject = self.subject(pair, row.at, names, sink)?;
        self.lines.date(row.kind() as u8, row.at, tally)?;
        let Some(subject) = subject else { return Ok(()) };
        if let Some(fill) = self.filled(&row, subject) {
            match self.fill.take_if(|first| first.meets(&fill)) {
                Some(first) => {
                    let (rests, comes) = first.in_order(fill);
                    sink.push(rests.executed());
                    comes.taken().into_iter().for_each(|event| sink.push(event));
                }
                None => {
                    self.tell_fill(sink);
                    self.fill = Some(fill);
                }
            }
            return Ok(());
        }
        self.tell_fill(sink);
        match row.event(subject) {
            Some(event) => sink.push(event),
            None => {
                let what = format_args!("an order is created without volume");
                self.lines.remark(Fault::OutOfRange, what, tally)?;
            }
        }
        Ok(())
    }
}

impl Codec for Bitstamp {
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<usize, CodecError> {
        let consumed = lines::decode(self, input, last, names, sink, tally)?;
        if last && consumed == input.len() && sink.room() > 0 {
            self.tell_fill(sink);
        }
        Ok(consumed)
    }

    fn place(&self) -> u64 {
        self.lines.place().number()
    }
}

/// Whether content that begins with `bytes` may be Bitstamp's orders.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let (line, _) = lines::first(bytes);
    Layout::read(line).is_ok()
}

#[cfg(test)]
mod tests;
