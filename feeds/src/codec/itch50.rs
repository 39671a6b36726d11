//! NASDAQ TotalView-ITCH 5.0 out of a BinaryFILE.
//!
//! Sources: Nasdaq, *TotalView-ITCH 5.0 specification* (the messages, in [`message`]) and *BinaryFILE
//! specification* (each message behind its length in two bytes, big-endian; a length of zero ends a
//! session).
//!
//! The stock of a message is its locate code, so that the way to a subject is one read from a dense
//! table. Times are nanoseconds since the exchange's midnight. The tick is one cent; below one dollar
//! rule 612 of Regulation NMS allows 1/100 cent, which prices have room for.
//!
//! A message of a type, a locate code or a length that the specification does not have is told and
//! counted, and reading goes on with the next frame. A capture that begins in the middle of a day is
//! readable: orders carry their symbol, and the first one defines it, behind a `Gap`.

pub mod message;
mod rare;

use super::{Codec, CodecError, EVENTS_PER_MESSAGE_MAX, Place, Quoted, Trouble};
use crate::Options;
use crate::codec::subjects::{Refused, Subjects};
use engine_event::body::{Body, Definition, Execution, Order, Replacement};
use engine_event::{
    Directory, DirectoryFull, Event, Fault, Flags, Kind, MaybePrice, Nanos, OrderId, ParticipantId,
    Price, Quantity, SubjectId,
};
use engine_pipeline::{Sink, Tally};
use message::{Head, Message};
use rustc_hash::FxHashMap;
use zerocopy::big_endian::U32;

/// Decimal places of ITCH's four-byte prices.
pub const PRICE_SCALE: u8 = 4;
/// One cent.
pub const TICK: Price = Price(100);
/// The name that the venue is given.
pub const VENUE: &str = "NASDAQ";

const DAY_NS: u64 = 86_400_000_000_000;

/// What the table of locate codes holds where there is no subject.
const UNDEFINED: u32 = u32::MAX - 1;
const UNWANTED: u32 = u32::MAX - 2;
const REFUSED: u32 = u32::MAX - 3;

/// The codec.
#[derive(Debug)]
pub struct Itch50 {
    midnight: Nanos,
    strict: bool,
    offset: u64,
    /// The latest message's time of day.
    time: u64,
    /// A subject, or why there is none, by locate code.
    located: Box<[u32; 65_536]>,
    subjects: Subjects,
    mpids: FxHashMap<[u8; 4], ParticipantId>,
}

/// Where a message's events go, and what is needed to make them.
struct Turn<'a, S> {
    offset: u64,
    /// Messages with a time that the tally does not count yet.
    dated: u64,
    names: &'a mut Directory,
    sink: &'a mut S,
    tally: &'a mut Tally,
}

/// Why a message becomes no event, or no more events. In a box, so that the way of those that do
/// become one carries no more than a word.
enum Stop {
    /// It was told and counted.
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

impl Itch50 {
    /// A codec at the beginning of a stream.
    pub fn new(options: &Options) -> Self {
        let located = vec![UNDEFINED; 65_536].into_boxed_slice();
        Self {
            midnight: options.midnight.unwrap_or_default(),
            strict: options.strict,
            offset: 0,
            time: 0,
            located: located.try_into().expect("as long as it was made"),
            subjects: Subjects::new(options),
            mpids: FxHashMap::default(),
        }
    }

    /// Another session begins: locates are given anew, and books begin empty.
    pub(crate) fn begin_again(&mut self, options: &Options) {
        let (fresh, mpids) = (Self::new(options), std::mem::take(&mut self.mpids));
        let old = std::mem::replace(self, Self { mpids, ..fresh });
        self.subjects = old.subjects;
        self.subjects.begin_again();
    }

    /// Decodes one message, without a frame around it. Its faults and gaps name `place`; the sink has room
    /// for [`EVENTS_PER_MESSAGE_MAX`] events.
    #[inline]
    pub fn decode_message<S: Sink>(
        &mut self,
        bytes: &[u8],
        place: u64,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), CodecError> {
        let mut turn = Turn { offset: place, dated: 0, names, sink, tally };
        let told = self.message(bytes, &mut turn);
        self.settle(&mut turn);
        match told {
            Err(Stop::Fatal(error)) => Err(*error),
            Ok(()) | Err(Stop::Skip) => Ok(()),
        }
    }

    /// Brings the tally up to the latest message: done once for many of them.
    #[inline]
    fn settle<S>(&self, turn: &mut Turn<'_, S>) {
        turn.tally.messages += turn.dated;
        if turn.dated > 0 {
            let at = self.now();
            turn.tally.last_at = turn.tally.last_at.max(Some(at));
        }
        turn.dated = 0;
    }

    /// The file's messages as far as there is room for them. How many bytes of `input` they have.
    #[inline(always)]
    fn decode_frames<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        turn: &mut Turn<'_, S>,
    ) -> Result<usize, CodecError> {
        let (mut rest, end) = (input, turn.offset + input.len() as u64);
        loop {
            // Asked once for many messages: a ring has to look at its consumers to answer.
            let messages = turn.sink.room() / EVENTS_PER_MESSAGE_MAX;
            if messages == 0 {
                return Ok(input.len() - rest.len());
            }
            for _ in 0..messages {
                let Some((bytes, after)) = frame(rest) else {
                    if last {
                        Self::finish(rest, turn.place())?;
                    }
                    return Ok(input.len() - rest.len());
                };
                if !self.plain(bytes, turn)
                    && let Err(Stop::Fatal(error)) = self.message(bytes, turn)
                {
                    return Err(*error);
                }
                turn.offset = end - after.len() as u64;
                rest = after;
            }
            self.settle(turn);
        }
    }

    /// The types that most messages are of, as long as nothing is odd about them; false if this is another,
    /// which nothing is done about yet.
    #[inline(always)]
    fn plain<S: Sink>(&mut self, bytes: &[u8], turn: &mut Turn<'_, S>) -> bool {
        let Some(message) = Message::view(bytes) else { return false };
        // Which side it is would be guessed wrong every other time: nothing may branch on it.
        let mut is_odd = false;
        let (head, kind, flags, body) = match message {
            Message::AddOrder(m) => {
                is_odd = !is_side(m.side);
                let order = Order::new(OrderId(m.order.get()), price(m.price), shares(m.shares));
                (&m.head, Kind::Add, side_of(m.side), order.to_words())
            }
            Message::DeleteOrder(m) => {
                let gone = Order::gone(OrderId(m.order.get()));
                (&m.head, Kind::Delete, Flags::NONE, gone.to_words())
            }
            Message::ReplaceOrder(m) => {
                let replacement = Replacement {
                    old: OrderId(m.old.get()),
                    new: OrderId(m.new.get()),
                    price: price(m.price),
                    quantity: shares(m.shares),
                };
                (&m.head, Kind::Replace, Flags::NONE, replacement.to_words())
            }
            Message::ExecuteOrder(m) => {
                let execution = Execution::new(OrderId(m.order.get()), None, shares(m.shares));
                (&m.head, Kind::Execute, Flags::NONE, execution.to_words())
            }
            Message::CancelOrder(m) => {
                let less = Order::new(OrderId(m.order.get()), MaybePrice::NONE, shares(m.shares));
                (&m.head, Kind::Reduce, Flags::NONE, less.to_words())
            }
            _ => return false,
        };
        let (time, subject) = (head.time(), self.located[usize::from(head.locate.get())]);
        is_odd |= (time < self.time) | (time >= DAY_NS) | (subject >= REFUSED);
        if is_odd || turn.tally.first_at.is_none() {
            return false;
        }
        self.time = time;
        turn.dated += 1;
        turn.tally.by_type[usize::from(head.kind)] += 1;
        turn.push(Event::whole(SubjectId(subject), self.now(), kind, flags, body));
        true
    }

    /// Whether the file may end here; else the error that says where it ends.
    fn finish(rest: &[u8], place: Place) -> Result<(), CodecError> {
        Err(match *rest {
            [] => return Ok(()),
            [_] => CodecError::at_end(place, "the file ends within the length of a message"),
            [high, low, ref there @ ..] => {
                let (length, there) = (u16::from_be_bytes([high, low]), there.len());
                let what =
                    format!("the file ends within a message of {length} bytes ({there} there)");
                CodecError::at_end(place, what)
            }
        })
    }

    /// The latest message's time.
    #[inline(always)]
    pub fn now(&self) -> Nanos {
        // Within a day of midnight: this cannot wrap for any midnight that there is.
        Nanos(self.midnight.0.wrapping_add(self.time))
    }

    /// Any message, whatever is odd about it.
    #[inline(never)]
    fn message<S: Sink>(&mut self, bytes: &[u8], turn: &mut Turn<'_, S>) -> Result<(), Stop> {
        let Some(message) = Message::view(bytes) else { return self.wrong_length(bytes, turn) };
        match message {
            Message::AddOrder(m) => {
                let (subject, at) = self.admit_named(&m.head, &m.stock, turn)?;
                let order = Order::new(OrderId(m.order.get()), price(m.price), shares(m.shares));
                self.add(subject, at, order, m.side, turn)
            }
            Message::DeleteOrder(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                let gone = Order::gone(OrderId(m.order.get()));
                turn.push(Event::new(subject, at, gone).with_kind(Kind::Delete));
                Ok(())
            }
            Message::ReplaceOrder(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                let replacement = Replacement {
                    old: OrderId(m.old.get()),
                    new: OrderId(m.new.get()),
                    price: price(m.price),
                    quantity: shares(m.shares),
                };
                turn.push(Event::new(subject, at, replacement));
                Ok(())
            }
            Message::ExecuteOrder(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                let execution = Execution::new(OrderId(m.order.get()), None, shares(m.shares));
                turn.push(Event::new(subject, at, execution));
                Ok(())
            }
            Message::CancelOrder(m) => {
                let (subject, at) = self.admit(&m.head, turn)?;
                let less = Order::new(OrderId(m.order.get()), MaybePrice::NONE, shares(m.shares));
                turn.push(Event::new(subject, at, less).with_kind(Kind::Reduce));
                Ok(())
            }
            // Viewed anew there: handed over, every message's view would have to be written down.
            _ => self.rare(bytes, turn),
        }
    }

    /// Counts the message and gives its time, if that can be one.
    #[inline(always)]
    fn date<S: Sink>(&mut self, head: &Head, turn: &mut Turn<'_, S>) -> Result<Nanos, Stop> {
        let time = head.time();
        if time < self.time || time >= DAY_NS {
            self.odd_time(head, turn)?;
        }
        self.time = time;
        let at = self.now();
        turn.dated += 1;
        turn.tally.first_at.get_or_insert(at);
        turn.tally.by_type[usize::from(head.kind)] += 1;
        Ok(at)
    }

    #[cold]
    #[inline(never)]
    fn odd_time<S: Sink>(&self, head: &Head, turn: &mut Turn<'_, S>) -> Result<(), Stop> {
        let (time, place) = (head.time(), turn.place());
        if time < DAY_NS {
            self.settle(turn);
            let what = format_args!("time {time} is before the previous message's {}", self.time);
            let trouble = Trouble { fault: Fault::TimeBackwards, place, what };
            return Ok(trouble.count(self.strict, turn.tally)?);
        }
        turn.tally.messages += 1;
        turn.tally.by_type[usize::from(head.kind)] += 1;
        let what = format_args!("time {time} is not within a day of {DAY_NS} ns");
        let trouble = Trouble { fault: Fault::OutOfRange, place, what };
        trouble.lose(self.strict, SubjectId::EVERY, self.now(), turn.sink, turn.tally)?;
        Err(Stop::Skip)
    }

    /// The subject and time of a message that does not name its stock.
    #[inline(always)]
    fn admit<S: Sink>(
        &mut self,
        head: &Head,
        turn: &mut Turn<'_, S>,
    ) -> Result<(SubjectId, Nanos), Stop> {
        let at = self.date(head, turn)?;
        let located = self.located[usize::from(head.locate.get())];
        if located >= REFUSED {
            self.unlocated(located, head, turn)?;
            return Err(Stop::Skip);
        }
        Ok((SubjectId(located), at))
    }

    /// The same for a message that names its stock: it defines one that is unknown.
    #[inline(always)]
    fn admit_named<S: Sink>(
        &mut self,
        head: &Head,
        stock: &[u8; 8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(SubjectId, Nanos), Stop> {
        let at = self.date(head, turn)?;
        let located = self.located[usize::from(head.locate.get())];
        if located >= REFUSED {
            return Ok((self.introduce(located, head, stock, turn)?, at));
        }
        Ok((SubjectId(located), at))
    }

    /// A message about a stock that is no subject.
    #[cold]
    #[inline(never)]
    fn unlocated<S: Sink>(
        &self,
        located: u32,
        head: &Head,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let (place, locate) = (turn.place(), head.locate);
        match located {
            UNWANTED => {}
            REFUSED => {
                let what = format_args!("stock {locate} found no room in the directory");
                let trouble = Trouble { fault: Fault::DirectoryFull, place, what };
                trouble.count(self.strict, turn.tally)?;
            }
            _ => {
                let what = format_args!("stock {locate} was not defined before");
                let trouble = Trouble { fault: Fault::UnknownSubject, place, what };
                trouble.lose(self.strict, SubjectId::EVERY, self.now(), turn.sink, turn.tally)?;
            }
        }
        Ok(())
    }

    /// Defines the stock of a message that came without a directory entry. Whatever was said about it
    /// before is missing.
    #[cold]
    #[inline(never)]
    fn introduce<S: Sink>(
        &mut self,
        located: u32,
        head: &Head,
        stock: &[u8; 8],
        turn: &mut Turn<'_, S>,
    ) -> Result<SubjectId, Stop> {
        if located != UNDEFINED {
            self.unlocated(located, head, turn)?;
            return Err(Stop::Skip);
        }
        let (at, locate) = (self.now(), head.locate.get());
        self.locate(locate, stock, at, turn)?;
        let subject = self.located[usize::from(locate)];
        if subject >= REFUSED {
            return Err(Stop::Skip);
        }
        let what = format_args!("stock {locate} was not defined before");
        let trouble = Trouble { fault: Fault::UnknownSubject, place: turn.place(), what };
        trouble.lose(self.strict, SubjectId(subject), at, turn.sink, turn.tally)?;
        Ok(SubjectId(subject))
    }

    /// Gives a locate code its stock.
    fn locate<S: Sink>(
        &mut self,
        locate: u16,
        stock: &[u8; 8],
        at: Nanos,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let symbol = stock.trim_ascii_end();
        let Some(symbol) = text(symbol) else {
            return self.odd(SubjectId::EVERY, "symbol", stock, turn);
        };
        let place = turn.place();
        let met = self.subjects.meet(symbol, definition, at, turn.names, turn.sink);
        self.located[usize::from(locate)] = match met {
            Ok(Some(subject)) => subject.0,
            Ok(None) => UNWANTED,
            Err(refused @ Refused::Scales { .. }) => {
                return Err(CodecError::new(place, refused).into());
            }
            Err(Refused::Full(full)) => {
                let what = format_args!("{symbol}: {full}");
                let trouble = Trouble { fault: Fault::DirectoryFull, place, what };
                trouble.count(self.strict, turn.tally)?;
                REFUSED
            }
        };
        Ok(())
    }

    #[inline(always)]
    fn add<S: Sink>(
        &self,
        subject: SubjectId,
        at: Nanos,
        order: Order,
        letter: u8,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let Some(side) = side(letter) else { return self.odd(subject, "side", &[letter], turn) };
        turn.push(Event::new(subject, at, order).with_flags(side));
        Ok(())
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
        let trouble = Trouble { fault: Fault::OutOfRange, place: turn.place(), what };
        Ok(trouble.lose(self.strict, subject, self.now(), turn.sink, turn.tally)?)
    }

    #[cold]
    #[inline(never)]
    fn wrong_length<S: Sink>(&self, bytes: &[u8], turn: &mut Turn<'_, S>) -> Result<(), Stop> {
        let Some((&letter, _)) = bytes.split_first() else {
            return Ok(()); // The end of a session: nothing was said.
        };
        turn.tally.messages += 1;
        turn.tally.by_type[usize::from(letter)] += 1;
        let (found, right) = (bytes.len(), Message::length(letter).unwrap_or_default());
        let what = format_args!(
            "a message of type {} has {found} bytes, expected {right}",
            Quoted(&[letter])
        );
        let trouble = Trouble { fault: Fault::BadLength, place: turn.place(), what };
        Ok(trouble.lose(self.strict, SubjectId::EVERY, self.now(), turn.sink, turn.tally)?)
    }

    /// Who an MPID is. There are some hundred of them, so the few names are kept here.
    #[inline]
    fn participant<S: Sink>(
        &mut self,
        mpid: [u8; 4],
        turn: &mut Turn<'_, S>,
    ) -> Result<Option<ParticipantId>, Stop> {
        match self.mpids.get(&mpid) {
            Some(known) => Ok(Some(*known)),
            None => self.meet_participant(mpid, turn),
        }
    }

    /// An order of somebody who cannot be named is still an order.
    #[cold]
    fn meet_participant<S: Sink>(
        &mut self,
        mpid: [u8; 4],
        turn: &mut Turn<'_, S>,
    ) -> Result<Option<ParticipantId>, Stop> {
        let place = turn.place();
        let Some(name) = text(mpid.trim_ascii_end()) else {
            let what = format_args!("attribution {} is not a name", Quoted(&mpid));
            let trouble = Trouble { fault: Fault::OutOfRange, place, what };
            trouble.count(self.strict, turn.tally)?;
            return Ok(None);
        };
        match turn.names.participants.intern(name) {
            Ok(id) => {
                self.mpids.insert(mpid, id);
                Ok(Some(id))
            }
            Err(full) => {
                let what = format_args!("{name}: {full}");
                let trouble = Trouble { fault: Fault::DirectoryFull, place, what };
                trouble.count(self.strict, turn.tally)?;
                Ok(None)
            }
        }
    }
}

impl<S: Sink> Turn<'_, S> {
    fn place(&self) -> Place {
        Place { offset: self.offset, line: None }
    }

    #[inline(always)]
    fn push(&mut self, event: Event) {
        self.sink.push(event);
    }
}

impl Codec for Itch50 {
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<usize, CodecError> {
        let mut turn = Turn { offset: self.offset, dated: 0, names, sink, tally };
        let decoded = self.decode_frames(input, last, &mut turn);
        self.settle(&mut turn);
        self.offset = turn.offset;
        decoded
    }

    fn place(&self) -> u64 {
        self.offset
    }
}

/// What a stock's numbers are: prices in 1/10,000 dollar, whole shares.
pub(crate) fn definition(names: &mut Directory) -> Result<Definition, DirectoryFull> {
    let venue = names.venues.intern(VENUE)?;
    let mut definition = Definition::new(venue, PRICE_SCALE, 0).with_tick(TICK);
    definition.lot = Quantity(1);
    Ok(definition)
}

/// The first frame's message and what follows it, if it is all there.
#[inline(always)]
fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// The messages of a BinaryFILE that stand whole in `bytes`, as they lie there: for who wants to know
/// only what there is.
pub fn frames(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (message, after) = frame(rest)?;
        rest = after;
        Some(message)
    })
}

/// Whether content that begins with `bytes` may be ITCH 5.0: most of its first frames are of a known
/// type and of that type's length.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    const FRAMES: usize = 8;
    let (mut rest, mut known, mut seen) = (bytes, 0, 0);
    while let [high, low, letter, ..] = *rest
        && seen < FRAMES
    {
        let length = usize::from(u16::from_be_bytes([high, low]));
        known += usize::from(Message::length(letter) == Some(length));
        seen += 1;
        rest = rest.get(2 + length..).unwrap_or_default();
    }
    known * 2 > seen
}

#[inline(always)]
fn price(price: U32) -> Price {
    Price(i64::from(price.get()))
}

#[inline(always)]
fn shares(shares: U32) -> Quantity {
    Quantity(u64::from(shares.get()))
}

#[inline(always)]
fn side(letter: u8) -> Option<Flags> {
    is_side(letter).then_some(side_of(letter))
}

#[inline(always)]
fn is_side(letter: u8) -> bool {
    (letter == b'B') | (letter == b'S')
}

/// The side of a letter that is one.
#[inline(always)]
fn side_of(letter: u8) -> Flags {
    Flags(Flags::BUY.0 << u8::from(letter == b'S'))
}

/// A name as venues write them: printable ASCII, not empty.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    let printable = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(bytes).ok().filter(|_| printable)
}

#[cfg(test)]
mod tests;
