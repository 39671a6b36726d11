//! IEX' DEEP 1.0 and TOPS 1.6, out of a capture of IEX-TP.
//!
//! Sources: IEX, *DEEP Specification* and *TOPS Specification* (the messages, in [`message`]), and
//! *IEX-TP Specification* ([`iextp`]). DEEP tells each price level's size, TOPS the best bid and offer;
//! both tell trades and states, so a capture of both tells those twice. Times are nanoseconds since the
//! epoch. The tick is one cent, prices have room for the 1/100 cent of what is below one dollar.
//!
//! A level becomes a `Level`, the last one of an event flagged so: between those a book may look as it
//! never was. A halt of IEX alone does not end one of all markets, nor the other way round: a security
//! trades when neither holds. Retail interest is counted and becomes no event.
//!
//! Known of real captures: numbers are missing, and packets are cut off. Both are told.

pub mod message;

use super::capture::{Captured, Protocol};
use super::framing::{Datagram, Malformed, iextp};
use super::itch50::text;
use super::subjects::{Refused, Subjects};
use super::{CodecError, Place, Quoted, Trouble};
use crate::{Format, Options};
use engine_event::body::{Indication, Level, Phase, Print, Quote, Status};
use engine_event::{
    Definition, Directory, DirectoryFull, Event, Fault, Flags, Kind, MaybePrice, Nanos, Price,
    Quantity, Side, SubjectId,
};
use engine_pipeline::{Sink, Tally};
use message::{AuctionInformation, EVENT_COMPLETE, Head, Message, sale};
use rustc_hash::FxHashMap;
use zerocopy::little_endian::{I64, U32};

/// Decimal places of prices.
pub const PRICE_SCALE: u8 = 4;
/// One cent.
pub const TICK: Price = Price(100);
/// The name that the venue is given.
pub const VENUE: &str = "IEX";

/// How many symbols are remembered, wanted or not.
const SYMBOLS_MAX: usize = 1 << 20;

/// The codec.
pub type IexPcap = Captured<Iex>;

/// What the messages of one stream mean.
#[derive(Debug)]
pub struct Iex {
    strict: bool,
    /// The latest message's time.
    time: Nanos,
    symbols: FxHashMap<[u8; 8], Symbol>,
    subjects: Subjects,
}

/// What is known of a symbol.
#[derive(Clone, Copy, Debug)]
struct Symbol {
    stands: Stands,
    /// What all markets do with it.
    phase: Phase,
    /// Whether IEX alone has halted it.
    is_halted: bool,
}

/// Whether a symbol is a subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stands {
    Subject(SubjectId),
    Unwanted,
    Refused,
}

/// Where a message's events go, and what is needed to make them.
struct Turn<'a, S> {
    place: Place,
    names: &'a mut Directory,
    sink: &'a mut S,
    tally: &'a mut Tally,
}

/// Why a message becomes no event.
enum Stop {
    /// It was told and counted, or nobody wants it.
    Skip,
    /// There is no going on.
    Fatal(Box<CodecError>),
}

impl From<CodecError> for Stop {
    #[cold]
    fn from(error: CodecError) -> Self {
        Stop::Fatal(Box::new(error))
    }
}

impl Iex {
    fn decode<S: Sink>(&mut self, bytes: &[u8], turn: &mut Turn<'_, S>) -> Result<(), Stop> {
        let Some(message) = Message::view(bytes) else { return self.too_short(bytes, turn) };
        match message {
            Message::BuyLevel(m) => self.level(&m.head, Side::Buy, m.price, m.shares, turn),
            Message::SellLevel(m) => self.level(&m.head, Side::Sell, m.price, m.shares, turn),
            Message::QuoteUpdate(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                let (bid, bid_quantity) = side_of_quote(m.bid, m.bid_shares);
                let (ask, ask_quantity) = side_of_quote(m.ask, m.ask_shares);
                let quote = Quote { bid, bid_quantity, ask, ask_quantity };
                turn.push(Event::new(subject, at, quote).with_flags(Flags::LAST));
                Ok(())
            }
            Message::TradeReport(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                let price = self.price(subject, m.price, turn)?;
                let cross =
                    if m.head.detail & sale::CROSS != 0 { Flags::CROSS } else { Flags::NONE };
                let print = Print::new(m.trade.get(), price, shares(m.shares));
                turn.push(Event::new(subject, at, print).with_flags(cross));
                Ok(())
            }
            Message::TradeBreak(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                let price = self.price(subject, m.price, turn)?;
                let print = Print::new(m.trade.get(), price, shares(m.shares));
                turn.push(Event::new(subject, at, print).with_kind(Kind::Break));
                Ok(())
            }
            rare => self.rare(rare, turn),
        }
    }

    fn level<S: Sink>(
        &mut self,
        head: &Head,
        side: Side,
        price: I64,
        quantity: U32,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let (subject, at) = self.admit(head, turn)?;
        let price = self.price(subject, price, turn)?;
        let last = if head.detail & EVENT_COMPLETE != 0 { Flags::LAST } else { Flags::NONE };
        let level = Level::new(price, shares(quantity), 0);
        turn.push(Event::new(subject, at, level).with_flags(Flags::of(side) | last));
        Ok(())
    }

    /// The messages that are few, kept out of the way of those that are many.
    #[inline(never)]
    fn rare<S: Sink>(&mut self, message: Message<'_>, turn: &mut Turn<'_, S>) -> Result<(), Stop> {
        match message {
            Message::SystemEvent(m) => {
                let at = self.date(m.kind, m.time, turn)?;
                let phase = match m.event {
                    b'O' | b'S' => Phase::PreOpen,
                    b'R' => Phase::Continuous,
                    b'M' | b'E' | b'C' => Phase::Close,
                    _ => return self.odd(SubjectId::EVERY, "system event", &[m.event], turn),
                };
                turn.push(Event::new(SubjectId::EVERY, at, Status::new(phase, &[m.event])));
                Ok(())
            }
            Message::SecurityDirectory(m) => {
                let at = self.date(m.head.kind, m.head.time, turn)?;
                self.meet(&m.head.symbol, at, turn).map(|_| ())
            }
            Message::TradingStatus(m) => {
                let state = m.head.detail;
                let (subject, at) = self.admit(&m.head, turn)?;
                let phase = match state {
                    b'T' => Phase::Continuous,
                    b'H' | b'P' => Phase::Halt,
                    b'O' => Phase::Auction,
                    _ => return self.odd(subject, "trading status", &[state], turn),
                };
                let of = self.symbol(&m.head, |symbol| symbol.phase = phase);
                let [a, b, c, d] = m.reason;
                let code = [state, a, b, c, d];
                turn.push(Event::new(subject, at, Status::new(of, code.trim_ascii_end())));
                Ok(())
            }
            Message::OperationalHalt(m) => {
                let state = m.head.detail;
                let (subject, at) = self.admit(&m.head, turn)?;
                let is_halted = match state {
                    b'O' => true,
                    b'N' => false,
                    _ => return self.odd(subject, "operational halt", &[state], turn),
                };
                let before = self.symbol(&m.head, |_| {});
                let after = self.symbol(&m.head, |symbol| symbol.is_halted = is_halted);
                // In the morning each symbol is said not to be halted.
                if is_halted || before != after {
                    turn.push(Event::new(subject, at, Status::new(after, &[m.head.kind, state])));
                }
                Ok(())
            }
            Message::ShortSale(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                let state = match m.head.detail {
                    0 => b'0',
                    1 => b'1',
                    other => return self.odd(subject, "short-sale price test", &[other], turn),
                };
                // It changes no phase, and is told with the one that is.
                let phase = self.symbol(&m.head, |_| {});
                let code = [m.head.kind, state, m.reason];
                turn.push(Event::new(subject, at, Status::new(phase, code.trim_ascii_end())));
                Ok(())
            }
            Message::SecurityEvent(m) => {
                let event = m.head.detail;
                let (subject, at) = self.admit(&m.head, turn)?;
                let phase = match event {
                    b'O' => Phase::Continuous,
                    b'C' => Phase::Close,
                    _ => return self.odd(subject, "security event", &[event], turn),
                };
                let of = self.symbol(&m.head, |symbol| symbol.phase = phase);
                turn.push(Event::new(subject, at, Status::new(of, &[m.head.kind, event])));
                Ok(())
            }
            Message::OfficialPrice(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                if !matches!(m.head.detail, b'Q' | b'M') {
                    return self.odd(subject, "official price", &[m.head.detail], turn);
                }
                let price = self.price(subject, m.price, turn)?;
                let indication = Indication {
                    indicative: price.into(),
                    reference: MaybePrice::NONE,
                    paired: Quantity(0),
                    imbalance: 0,
                };
                turn.push(Event::new(subject, at, indication));
                Ok(())
            }
            Message::AuctionInformation(m) => self.auction(m, turn),
            Message::RetailInterest(m) => {
                let (subject, _) = self.admit(&m.head, turn)?;
                match m.head.detail {
                    b' ' | b'A' | b'B' | b'C' => Ok(()),
                    other => self.odd(subject, "retail interest", &[other], turn),
                }
            }
            Message::Unknown(letter) => {
                turn.tally.messages += 1;
                turn.tally.by_type[usize::from(letter)] += 1;
                turn.tally.unknown += 1;
                Ok(())
            }
            Message::BuyLevel(_)
            | Message::SellLevel(_)
            | Message::QuoteUpdate(_)
            | Message::TradeReport(_)
            | Message::TradeBreak(_) => unreachable!("these are decoded where they are many"),
        }
    }

    fn auction<S: Sink>(
        &mut self,
        m: &AuctionInformation,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let (subject, at) = self.admit(&m.head, turn)?;
        let sign = match m.side {
            b'B' => 1,
            b'S' => -1,
            b'N' => 0,
            other => return self.odd(subject, "imbalance side", &[other], turn),
        };
        let indication = Indication {
            indicative: price_or_none(m.indicative),
            reference: price_or_none(m.reference),
            paired: shares(m.paired),
            imbalance: sign * i64::from(m.imbalance.get()),
        };
        turn.push(Event::new(subject, at, indication));
        Ok(())
    }

    /// Counts the message and gives its time, if that can be one.
    #[inline]
    fn date<S: Sink>(
        &mut self,
        kind: u8,
        time: I64,
        turn: &mut Turn<'_, S>,
    ) -> Result<Nanos, Stop> {
        let Ok(time) = u64::try_from(time.get()) else {
            turn.tally.messages += 1;
            turn.tally.by_type[usize::from(kind)] += 1;
            self.odd(SubjectId::EVERY, "time", time.as_ref(), turn)?;
            return Err(Stop::Skip);
        };
        if time < self.time.0 {
            let what = format_args!("time {time} is before the previous message's {}", self.time);
            let trouble = Trouble { fault: Fault::TimeBackwards, place: turn.place, what };
            trouble.count(self.strict, turn.tally)?;
        }
        self.time = Nanos(time);
        turn.tally.message(kind, self.time);
        Ok(self.time)
    }

    /// The subject and time of a message about a symbol; it defines one that is unknown.
    #[inline]
    fn admit<S: Sink>(
        &mut self,
        head: &Head,
        turn: &mut Turn<'_, S>,
    ) -> Result<(SubjectId, Nanos), Stop> {
        let at = self.date(head.kind, head.time, turn)?;
        match self.symbols.get(&head.symbol).map(|symbol| symbol.stands) {
            Some(Stands::Subject(subject)) => Ok((subject, at)),
            Some(Stands::Unwanted) => Err(Stop::Skip),
            Some(Stands::Refused) => {
                let what = format_args!("{} found no room in the directory", Quoted(&head.symbol));
                let trouble = Trouble { fault: Fault::DirectoryFull, place: turn.place, what };
                trouble.count(self.strict, turn.tally)?;
                Err(Stop::Skip)
            }
            None => self.introduce(&head.symbol, at, turn),
        }
    }

    /// Defines the symbol of a message that came without a directory entry. Whatever was said about it
    /// before is missing.
    #[cold]
    fn introduce<S: Sink>(
        &mut self,
        symbol: &[u8; 8],
        at: Nanos,
        turn: &mut Turn<'_, S>,
    ) -> Result<(SubjectId, Nanos), Stop> {
        let Stands::Subject(subject) = self.meet(symbol, at, turn)? else { return Err(Stop::Skip) };
        let what = format_args!("{} was not defined before", Quoted(symbol));
        let trouble = Trouble { fault: Fault::UnknownSubject, place: turn.place, what };
        trouble.lose(self.strict, subject, at, turn.sink, turn.tally)?;
        Ok((subject, at))
    }

    /// Makes a symbol a subject, if it is wanted and there is room.
    #[cold]
    fn meet<S: Sink>(
        &mut self,
        symbol: &[u8; 8],
        at: Nanos,
        turn: &mut Turn<'_, S>,
    ) -> Result<Stands, Stop> {
        if let Some(known) = self.symbols.get(symbol) {
            return Ok(known.stands);
        }
        if self.symbols.len() == SYMBOLS_MAX {
            let what = format_args!("more than {SYMBOLS_MAX} symbols");
            let trouble = Trouble { fault: Fault::DirectoryFull, place: turn.place, what };
            trouble.count(self.strict, turn.tally)?;
            return Err(Stop::Skip);
        }
        let Some(name) = text(symbol.trim_ascii_end()) else {
            self.odd(SubjectId::EVERY, "symbol", symbol, turn)?;
            return Err(Stop::Skip);
        };
        let met = self.subjects.meet(name, definition, at, turn.names, turn.sink);
        let stands = match met {
            Ok(Some(subject)) => Stands::Subject(subject),
            Ok(None) => Stands::Unwanted,
            Err(refused @ Refused::Scales { .. }) => {
                return Err(CodecError::new(turn.place, refused).into());
            }
            Err(Refused::Full(full)) => {
                let what = format_args!("{name}: {full}");
                let trouble = Trouble { fault: Fault::DirectoryFull, place: turn.place, what };
                trouble.count(self.strict, turn.tally)?;
                Stands::Refused
            }
        };
        let known = Symbol { stands, phase: Phase::Unknown, is_halted: false };
        self.symbols.insert(*symbol, known);
        Ok(stands)
    }

    /// What a symbol's market does after a change.
    fn symbol(&mut self, head: &Head, change: impl FnOnce(&mut Symbol)) -> Phase {
        let Some(symbol) = self.symbols.get_mut(&head.symbol) else { return Phase::Unknown };
        change(symbol);
        if symbol.is_halted { Phase::Halt } else { symbol.phase }
    }

    /// A price that can be one.
    #[inline]
    fn price<S: Sink>(
        &self,
        subject: SubjectId,
        price: I64,
        turn: &mut Turn<'_, S>,
    ) -> Result<Price, Stop> {
        if price.get() > 0 {
            return Ok(Price(price.get()));
        }
        self.odd(subject, "price", price.as_ref(), turn)?;
        Err(Stop::Skip)
    }

    /// A field holds what the specification does not allow; the message is lost.
    #[cold]
    #[inline(never)]
    fn odd<S: Sink>(
        &self,
        subject: SubjectId,
        field: &str,
        found: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let what = format_args!("{field} {} is not allowed", Quoted(found));
        let trouble = Trouble { fault: Fault::OutOfRange, place: turn.place, what };
        Ok(trouble.lose(self.strict, subject, self.time, turn.sink, turn.tally)?)
    }

    #[cold]
    #[inline(never)]
    fn too_short<S: Sink>(&self, bytes: &[u8], turn: &mut Turn<'_, S>) -> Result<(), Stop> {
        turn.tally.messages += 1;
        let (found, letter) = (bytes.len(), bytes.first().copied().unwrap_or_default());
        turn.tally.by_type[usize::from(letter)] += 1;
        let least = Message::length(letter).unwrap_or(1);
        let what = format_args!(
            "a message of type {} has {found} bytes, expected at least {least}",
            Quoted(&[letter])
        );
        let trouble = Trouble { fault: Fault::BadLength, place: turn.place, what };
        Ok(trouble.lose(self.strict, SubjectId::EVERY, self.time, turn.sink, turn.tally)?)
    }
}

impl<S: Sink> Turn<'_, S> {
    #[inline]
    fn push(&mut self, event: Event) {
        self.sink.push(event);
    }
}

impl Protocol for Iex {
    const FORMAT: Format = Format::IexPcap;

    fn new(options: &Options) -> Self {
        Self {
            strict: options.strict,
            time: Nanos(0),
            symbols: FxHashMap::default(),
            subjects: Subjects::new(options),
        }
    }

    fn begin_again(&mut self, _: &Options) {
        self.time = Nanos(0);
        self.symbols.clear();
        self.subjects.begin_again();
    }

    fn view(payload: &[u8], is_cut: bool) -> Result<Datagram<'_>, Malformed> {
        if is_cut { iextp::view_cut(payload) } else { iextp::view(payload) }
    }

    fn looks_like(_: &Datagram<'_>) -> bool {
        true // The view looked at version and protocol.
    }

    /// By protocol and channel: the session's first six bytes.
    fn stream(datagram: &Datagram<'_>) -> u64 {
        let [a, b, c, d, e, f, ..] = datagram.session;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }

    fn message<S: Sink>(
        &mut self,
        bytes: &[u8],
        place: u64,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), CodecError> {
        let place = Place { offset: place, line: None };
        match self.decode(bytes, &mut Turn { place, names, sink, tally }) {
            Err(Stop::Fatal(error)) => Err(*error),
            Ok(()) | Err(Stop::Skip) => Ok(()),
        }
    }

    fn now(&self, received_at: Nanos) -> Nanos {
        if self.time == Nanos(0) { received_at } else { self.time }
    }
}

/// What a security's numbers are: prices in 1/10,000 dollar, whole shares.
fn definition(names: &mut Directory) -> Result<Definition, DirectoryFull> {
    let venue = names.venues.intern(VENUE)?;
    let mut definition = Definition::new(venue, PRICE_SCALE, 0).with_tick(TICK);
    definition.lot = Quantity(1);
    Ok(definition)
}

/// Whether content that begins with `bytes` may be IEX' messages in a capture.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    super::capture::looks_like_protocol::<Iex>(bytes)
}

#[inline]
fn shares(shares: U32) -> Quantity {
    Quantity(u64::from(shares.get()))
}

/// A side without a price has no orders, whatever else is said.
#[inline]
fn side_of_quote(price: I64, quantity: U32) -> (MaybePrice, Quantity) {
    match price_or_none(price) {
        MaybePrice::NONE => (MaybePrice::NONE, Quantity(0)),
        price => (price, shares(quantity)),
    }
}

#[inline]
fn price_or_none(price: I64) -> MaybePrice {
    Some(Price(price.get())).filter(|price| price.0 > 0).into()
}

#[cfg(test)]
mod tests;
