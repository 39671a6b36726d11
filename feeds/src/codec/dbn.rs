//! Databento Binary Encoding (DBN), versions 1 to 3.
//!
//! Source: Databento, *DBN* (databento.com/docs/standards-and-conventions) and the `dbn` crate, from
//! which types, sizes and the metadata come. Records are read where they lie, in whatever version: those
//! of the book are laid out alike in all of them, and the crate converts none for us.
//!
//! | record | becomes |
//! |---|---|
//! | `mbo` A, M, R | `Add`, `Modify`, `Clear` |
//! | `mbo` C | `Reduce` by the size that is cancelled; nothing left, and the order is gone |
//! | `mbo` T, `trades` | `Trade`; its side is the resting one's, the other of the aggressor's that DBN tells |
//! | `mbo` F, N | nothing: the cancellation that follows a fill takes it off the book |
//! | `mbp-1`, `bbo`, `cmbp-1`, `cbbo` | `Quote`, and a `Trade` before it where it is one |
//! | `mbp-10` | the `Level`s that differ from the instrument's last ten, and a `Trade` before them |
//! | `definition` | `Define`, with the tick |
//! | `status` | `Status`; its code is `action/reason` in Databento's numbers |
//! | `imbalance` | `Auction` |
//! | `statistics`, `ohlcv`, system and error records | nothing; they are counted |
//!
//! Prices have nine decimal places and quantities none. `ts_event` is the event's time and `ts_recv` when
//! it was received; records come in the order of the latter, and only that is checked. A trade has no id
//! of its own: the venue's sequence number stands for it. An instrument at two publishers is two subjects,
//! the second one called `NAME@VENUE`; one that nobody names is called by its id, and one of several that
//! share a name at a time (a chain of futures) `NAME:ID`. A name that passes to another instrument (a
//! continuous future) begins with an empty book.
//!
//! Known of real data: a fill's order may never have been added; where the venue's channel has a gap
//! (`F_MAYBE_BAD_BOOK`) the book is in doubt until the next `Clear`, which is told once by a `Gap`.

mod beginning;
mod levels;
mod naming;
mod rare;
mod record;
#[cfg(test)]
mod tests;

use super::subjects::{Refused, Subjects};
use super::{Codec, CodecError, EVENTS_PER_MESSAGE_MAX, Place, Trouble};
use crate::Options;
use beginning::Beginning;
pub(crate) use beginning::looks_like;
use dbn::{Publisher, RType, flags};
use engine_event::body::{End, Order, Phase};
use engine_event::{
    Definition, Directory, DirectoryFull, Event, Fault, Flags, Kind, MaybePrice, Nanos, OrderId,
    Price, Quantity, SubjectId,
};
use engine_pipeline::{Sink, Tally};
use levels::{Ladder, STEPS_MAX};
use naming::Naming;
use record::{Head, LENGTH_UNIT, Mbo, NO_PRICE, NO_TIME};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::ops::Range;
use zerocopy::FromBytes;

/// Decimal places of prices.
pub const PRICE_SCALE: u8 = dbn::FIXED_PRICE_SCALE.ilog10() as u8;

/// How many instruments are remembered beside those that are near.
const INSTRUMENTS_MAX: usize = 1 << 20;
/// How many instruments' ten levels are remembered.
const LADDERS_MAX: usize = 1 << 16;
/// How many instruments are found at once.
const NEAR: usize = 1 << 14;

/// The codec.
#[derive(Debug)]
pub struct Dbn {
    strict: bool,
    offset: u64,
    beginning: Option<Beginning>,
    /// How an order's record begins, and how long it is: longer where the time of sending is added.
    order_mark: [u8; 2],
    order_bytes: usize,
    /// When the latest record was received, and when the latest event happened.
    received: u64,
    at: Nanos,
    /// By [`near`]: subjects that can be had without a search.
    near: Box<[Known; NEAR]>,
    /// By publisher and instrument.
    known: FxHashMap<u64, Met>,
    naming: Naming,
    /// How often a name has changed: what was met before is looked up again.
    renamed: u64,
    subjects: Subjects,
    states: FxHashMap<SubjectId, State>,
    ladders: usize,
    /// What a record became and there was no room for yet, the next one last.
    waiting: Vec<Event>,
    /// Where names are put together.
    name: String,
}

/// What is known of an instrument for some time.
#[derive(Clone, Copy, Debug)]
struct Known {
    key: u64,
    /// The name holds for `length` nanoseconds from here on.
    from: u64,
    length: u64,
    subject: SubjectId,
}

const NOBODY: Known = Known { key: u64::MAX, from: 0, length: 0, subject: SubjectId::EVERY };

/// A record's bytes, and what follows them.
type Framed<'a> = (&'a [u8], &'a [u8]);

/// What came of meeting an instrument.
#[derive(Clone, Debug)]
struct Met {
    valid: Range<u64>,
    renamed: u64,
    stands: Stands,
}

/// Whether an instrument is a subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stands {
    Subject(SubjectId),
    Unwanted,
    Refused,
}

/// What the records of a subject leave behind for later ones.
#[derive(Debug)]
struct State {
    /// The instrument behind the name.
    key: u64,
    phase: Phase,
    /// Whether it was told that the book is in doubt.
    is_doubted: bool,
    /// Its best bid and offer, where a feed of orders tells only those.
    touch: [(MaybePrice, Quantity); 2],
    ladder: Option<Box<Ladder>>,
}

/// When something happened, and when we knew.
#[derive(Clone, Copy)]
struct Times {
    at: Nanos,
    received: Nanos,
    /// By which names are looked up.
    index: u64,
}

/// Where a record's events go, and what is needed to make them.
struct Turn<'a, S> {
    offset: u64,
    names: &'a mut Directory,
    sink: &'a mut S,
    tally: &'a mut Tally,
}

/// Why a record becomes no event, or no more events.
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

/// Flags that make a record more, or less, than what happened to one order.
const ODD_FLAGS: u8 = flags::TOB | flags::MBP | flags::BAD_TS_RECV | flags::MAYBE_BAD_BOOK;

/// What an action does to an order; [`Kind::Unknown`] for those that are not about one.
const ACTIONS: [Kind; 256] = {
    let mut actions = [Kind::Unknown; 256];
    actions[b'A' as usize] = Kind::Add;
    actions[b'C' as usize] = Kind::Reduce;
    actions[b'M' as usize] = Kind::Modify;
    actions
};

/// Marks a letter that stands for no side in [`SIDES`].
const NO_SIDE: u8 = 128;

/// The flag of a side, by its letter.
const SIDES: [u8; 256] = {
    let mut sides = [NO_SIDE; 256];
    sides[b'A' as usize] = Flags::SELL.0;
    sides[b'B' as usize] = Flags::BUY.0;
    sides[b'N' as usize] = 0;
    sides
};

/// Whether a group ends here and whether it is news, as our flags say it.
#[inline(always)]
fn marks(flags: u8) -> Flags {
    const _: () = assert!(flags::LAST >> 7 == Flags::LAST.0);
    const _: () = assert!(flags::SNAPSHOT >> 4 == Flags::SNAPSHOT.0);
    Flags((flags >> 7) | (flags >> 4 & Flags::SNAPSHOT.0))
}

#[inline(always)]
fn price(price: i64) -> MaybePrice {
    if price == NO_PRICE { MaybePrice::NONE } else { Price(price).into() }
}

/// An order that enters, changes or is taken off.
#[inline(always)]
fn order_event(m: &Mbo, subject: SubjectId, at: Nanos, side: Flags) -> Event {
    let quantity = Quantity(u64::from(m.size.get()));
    let order = Order::new(OrderId(m.order.get()), price(m.price.get()), quantity);
    let event = Event::new(subject, at, order).with_kind(ACTIONS[usize::from(m.action)]);
    event.with_flags(marks(m.flags) | side)
}

/// Where a publisher's instrument is looked for first.
#[inline(always)]
fn near(key: u64) -> usize {
    (key as usize ^ ((key >> 32) as usize & 15) << 10) % NEAR
}

impl Dbn {
    /// A codec at the beginning of a stream.
    pub fn new(options: &Options) -> Self {
        let near = vec![NOBODY; NEAR].into_boxed_slice();
        Self {
            strict: options.strict,
            offset: 0,
            beginning: Some(Beginning::default()),
            order_mark: [0; 2],
            order_bytes: 0,
            received: 0,
            at: Nanos(0),
            near: near.try_into().expect("as long as it was made"),
            known: FxHashMap::default(),
            naming: Naming::default(),
            renamed: 0,
            subjects: Subjects::new(options),
            states: FxHashMap::default(),
            ladders: 0,
            waiting: Vec::with_capacity(STEPS_MAX + 2),
            name: String::new(),
        }
    }

    /// Reads what stands before the records. Returns how many bytes that took.
    fn begin<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        turn: &mut Turn<'_, S>,
    ) -> Result<usize, CodecError> {
        let Some(beginning) = &mut self.beginning else { return Ok(0) };
        let (taken, metadata) = beginning.take(input)?;
        turn.offset += taken as u64;
        if let Some(metadata) = metadata {
            let sent = if metadata.ts_out { size_of::<u64>() } else { 0 };
            self.order_bytes = size_of::<Mbo>() + sent;
            self.order_mark = [(self.order_bytes / LENGTH_UNIT) as u8, dbn::rtype::MBO];
            self.naming = Naming::new(&metadata);
            self.beginning = None;
        } else if last {
            let lack = beginning.lack();
            turn.offset = 0;
            self.lost(Fault::Truncated, turn)?;
            return Err(CodecError::new(turn.place(), lack));
        }
        Ok(taken)
    }

    /// The first record that is there and what follows it; none if it is not all there.
    fn frame<'a, S: Sink>(
        &self,
        rest: &'a [u8],
        last: bool,
        turn: &mut Turn<'_, S>,
    ) -> Result<Option<Framed<'a>>, CodecError> {
        let Some(&length) = rest.first() else { return Ok(None) };
        let length = usize::from(length) * LENGTH_UNIT;
        if length < size_of::<Head>() {
            // Without its length there is no way to the next one.
            self.lost(Fault::BadLength, turn)?;
            let what = format!("a record of {length} bytes, shorter than the 16 of its head");
            return Err(CodecError::new(turn.place(), what));
        }
        let frame = rest.split_at_checked(length);
        if frame.is_none() && last {
            self.lost(Fault::Truncated, turn)?;
            let there = rest.len();
            let what = format!("the file ends within a record of {length} bytes ({there} there)");
            return Err(CodecError::new(turn.place(), what));
        }
        Ok(frame)
    }

    /// Nothing more can be read: everybody is told.
    #[cold]
    fn lost<S: Sink>(&self, fault: Fault, turn: &mut Turn<'_, S>) -> Result<(), CodecError> {
        let trouble = Trouble { fault, place: turn.place(), what: format_args!("") };
        trouble.lose(false, SubjectId::EVERY, self.at, turn.sink, turn.tally)
    }

    /// What most records are: an order that enters, changes or leaves, of an instrument that is near.
    /// False, and nothing has happened, if it is anything else.
    #[inline(always)]
    fn order<S: Sink>(&mut self, m: &Mbo, turn: &mut Turn<'_, S>) -> bool {
        let key = m.head.key();
        let known = &self.near[near(key)];
        let (kind, side) = (ACTIONS[usize::from(m.action)], SIDES[usize::from(m.side)]);
        let (at, received) = (m.head.ts_event.get(), m.ts_recv.get());
        let is_usual = (known.key == key)
            & (received.wrapping_sub(known.from) < known.length)
            & (received >= self.received)
            & (at != NO_TIME)
            & (kind != Kind::Unknown)
            & ((m.flags & ODD_FLAGS) | (side & NO_SIDE) == 0);
        if !is_usual {
            return false;
        }
        let at = Nanos(at);
        (self.received, self.at) = (received, at);
        turn.tally.message(m.action, at);
        turn.push(order_event(m, known.subject, at, Flags(side)), Nanos(received));
        true
    }

    /// Hands on what waits for room. Whether nothing waits any more.
    #[inline(always)]
    fn hand_on<S: Sink>(&mut self, sink: &mut S) -> bool {
        if self.waiting.is_empty() {
            return true;
        }
        let count = sink.room().min(self.waiting.len());
        let left = self.waiting.len() - count;
        self.waiting.drain(left..).rev().for_each(|event| sink.push(event));
        self.waiting.is_empty()
    }

    /// Counts the record, and gives its times if it has any.
    fn date<S: Sink>(
        &mut self,
        kind: u8,
        ts_event: u64,
        ts_recv: u64,
        flags: u8,
        turn: &mut Turn<'_, S>,
    ) -> Result<Times, Stop> {
        let told = |time: u64| Some(time).filter(|time| *time != NO_TIME);
        let (event, received) = (told(ts_event), told(ts_recv));
        let Some(at) = event.or(received).map(Nanos) else {
            self.count(kind, turn);
            self.odd(SubjectId::EVERY, "time", "", turn)?;
            return Err(Stop::Skip);
        };
        if flags & flags::BAD_TS_RECV != 0 {
            let what = format_args!("the venue's data give a wrong time of receipt");
            let trouble = Trouble { fault: Fault::TimeBackwards, place: turn.place(), what };
            trouble.count(self.strict, turn.tally)?;
        } else if let Some(time) = received {
            if time < self.received {
                let before = self.received;
                let what = format_args!("received at {time}, before the previous one at {before}");
                let trouble = Trouble { fault: Fault::TimeBackwards, place: turn.place(), what };
                trouble.count(self.strict, turn.tally)?;
            }
            self.received = time;
        }
        self.at = at;
        turn.tally.message(kind, at);
        let received = received.filter(|_| flags & flags::BAD_TS_RECV == 0).map_or(at, Nanos);
        Ok(Times { at, received, index: told(ts_recv).unwrap_or(at.0) })
    }

    /// Counts a record without a time.
    fn count<S: Sink>(&self, kind: u8, turn: &mut Turn<'_, S>) {
        turn.tally.messages += 1;
        turn.tally.by_type[usize::from(kind)] += 1;
    }

    /// The subject of a record. It is defined if it is new, and its book is in doubt if the venue's
    /// data have a gap.
    fn admit<S: Sink>(
        &mut self,
        head: &Head,
        times: Times,
        flags: u8,
        turn: &mut Turn<'_, S>,
    ) -> Result<SubjectId, Stop> {
        let key = head.key();
        let known = self.near[near(key)];
        let is_near = known.key == key && times.index.wrapping_sub(known.from) < known.length;
        let subject = if is_near {
            known.subject
        } else {
            self.find(key, times, |names| plain(key, names), turn)?
        };
        if flags & flags::MAYBE_BAD_BOOK != 0 {
            self.doubt(key, subject, times, turn)?;
        }
        Ok(subject)
    }

    /// The same for one that is not near.
    fn find<S: Sink>(
        &mut self,
        key: u64,
        times: Times,
        definition: impl FnOnce(&mut Directory) -> Result<Definition, DirectoryFull>,
        turn: &mut Turn<'_, S>,
    ) -> Result<SubjectId, Stop> {
        let is_valid = |met: &&Met| met.valid.contains(&times.index) && met.renamed == self.renamed;
        let met = self.known.get(&key).filter(is_valid).cloned();
        let (met, is_new) = match met {
            Some(met) => (met, false),
            None => (self.meet(key, times, definition, turn)?, true),
        };
        match met.stands {
            Stands::Subject(subject) => {
                let length = met.valid.end - met.valid.start;
                self.near[near(key)] = Known { key, from: met.valid.start, length, subject };
                Ok(subject)
            }
            Stands::Unwanted => Err(Stop::Skip),
            Stands::Refused if is_new => Err(Stop::Skip),
            Stands::Refused => {
                let what = format_args!("instrument {} found no room in the directory", key as u32);
                let trouble = Trouble { fault: Fault::DirectoryFull, place: turn.place(), what };
                trouble.count(self.strict, turn.tally)?;
                Err(Stop::Skip)
            }
        }
    }

    /// Makes an instrument a subject, if it is wanted and there is room.
    #[cold]
    fn meet<S: Sink>(
        &mut self,
        key: u64,
        times: Times,
        definition: impl FnOnce(&mut Directory) -> Result<Definition, DirectoryFull>,
        turn: &mut Turn<'_, S>,
    ) -> Result<Met, Stop> {
        let valid = self.naming.name(key as u32, times.index, &mut self.name);
        let venue = venue(key);
        let is_elsewhere = |name: &str, names: &Directory| {
            names.find(name).is_some_and(|subject| names.venue(subject) != venue)
        };
        if is_elsewhere(&self.name, turn.names) {
            self.name.extend(["@", &*venue]);
        }
        let met = self.subjects.meet(&self.name, definition, times.at, turn.names, turn.sink);
        let stands = match met {
            Ok(Some(subject)) => Stands::Subject(subject),
            Ok(None) => Stands::Unwanted,
            Err(refused @ Refused::Scales { .. }) => {
                return Err(CodecError::new(turn.place(), refused).into());
            }
            Err(Refused::Full(full)) => {
                let what = format_args!("{}: {full}", self.name);
                let trouble = Trouble { fault: Fault::DirectoryFull, place: turn.place(), what };
                trouble.lose(self.strict, SubjectId::EVERY, times.at, turn.sink, turn.tally)?;
                Stands::Refused
            }
        };
        if let Stands::Subject(subject) = stands {
            self.take_over(key, subject, times, turn);
        }
        if self.known.len() == INSTRUMENTS_MAX {
            self.known.clear();
        }
        let met = Met { valid, renamed: self.renamed, stands };
        self.known.insert(key, met.clone());
        Ok(met)
    }

    /// Notes which instrument is behind a name. If that was another one, its book is no more.
    fn take_over<S: Sink>(
        &mut self,
        key: u64,
        subject: SubjectId,
        times: Times,
        turn: &mut Turn<'_, S>,
    ) {
        let state = self.states.entry(subject).or_insert_with(|| State::new(key));
        if state.key != key {
            self.ladders -= usize::from(state.ladder.is_some());
            *state = State::new(key);
            let clear = Event::new(subject, times.at, End::default()).with_kind(Kind::Clear);
            turn.push(clear, times.received);
        }
    }

    fn state(&mut self, key: u64, subject: SubjectId) -> &mut State {
        self.states.entry(subject).or_insert_with(|| State::new(key))
    }

    /// The venue's data have a gap: whoever follows the book is told, once until it begins anew.
    #[cold]
    fn doubt<S: Sink>(
        &mut self,
        key: u64,
        subject: SubjectId,
        times: Times,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let state = self.state(key, subject);
        if !std::mem::replace(&mut state.is_doubted, true) {
            let what = format_args!("the venue's data have a gap");
            let trouble = Trouble { fault: Fault::Missing, place: turn.place(), what };
            trouble.lose(self.strict, subject, times.at, turn.sink, turn.tally)?;
        }
        Ok(())
    }

    /// An instrument's name may have changed: what was known by the old one is looked up again.
    fn forget(&mut self, instrument: u32) {
        for publisher in 0..16_u64 {
            self.near[near(publisher << 32 | u64::from(instrument))] = NOBODY;
        }
        self.renamed += 1;
    }

    /// A field holds what DBN does not allow; the record is lost.
    #[cold]
    #[inline(never)]
    fn odd<S: Sink>(
        &self,
        subject: SubjectId,
        field: &str,
        found: &str,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let what = format_args!("{field} {found} is not allowed");
        let trouble = Trouble { fault: Fault::OutOfRange, place: turn.place(), what };
        Ok(trouble.lose(self.strict, subject, self.at, turn.sink, turn.tally)?)
    }
}

impl State {
    fn new(key: u64) -> Self {
        let nothing = (MaybePrice::NONE, Quantity(0));
        let (phase, touch) = (Phase::Unknown, [nothing; 2]);
        Self { key, phase, is_doubted: false, touch, ladder: None }
    }
}

impl<S: Sink> Turn<'_, S> {
    fn place(&self) -> Place {
        Place { offset: self.offset, line: None }
    }

    #[inline(always)]
    fn push(&mut self, mut event: Event, received: Nanos) {
        event.received_at = received;
        self.sink.push(event);
    }
}

impl Codec for Dbn {
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<usize, CodecError> {
        let mut rest = input;
        let mut turn = Turn { offset: self.offset, names, sink, tally };
        if self.beginning.is_some() && turn.sink.room() >= EVENTS_PER_MESSAGE_MAX {
            rest = &rest[self.begin(rest, last, &mut turn)?..];
        }
        while self.beginning.is_none() && self.hand_on(turn.sink) {
            // Asked once for many records: a ring has to look at its consumers to answer.
            let records = turn.sink.room() / EVENTS_PER_MESSAGE_MAX;
            if records == 0 {
                break;
            }
            for _ in 0..records {
                if rest.len() >= self.order_bytes
                    && rest.starts_with(&self.order_mark)
                    && let Ok((order, _)) = Mbo::ref_from_prefix(rest)
                    && self.order(order, &mut turn)
                {
                    rest = &rest[self.order_bytes..];
                    turn.offset += self.order_bytes as u64;
                    continue;
                }
                let Some((record, after)) = self.frame(rest, last, &mut turn)? else {
                    self.offset = turn.offset;
                    return Ok(input.len() - rest.len());
                };
                if let Err(Stop::Fatal(error)) = self.record(record, &mut turn) {
                    return Err(*error);
                }
                turn.offset += record.len() as u64;
                rest = after;
                if !self.waiting.is_empty() {
                    break;
                }
            }
        }
        self.offset = turn.offset;
        Ok(input.len() - rest.len())
    }
}

/// Where a publisher's instruments trade.
fn venue(key: u64) -> Cow<'static, str> {
    let publisher = (key >> 32) as u16;
    match Publisher::try_from(publisher) {
        Ok(known) => known.venue().as_str().into(),
        Err(_) => format!("publisher-{publisher}").into(),
    }
}

/// The numbers of an instrument of which no more is known.
fn plain(key: u64, names: &mut Directory) -> Result<Definition, DirectoryFull> {
    Ok(Definition::new(names.venues.intern(&venue(key))?, PRICE_SCALE, 0))
}

/// What records of this type byte are called where they are counted: an order's by the letter of what
/// happened to it.
pub fn type_name(byte: u8) -> Option<&'static str> {
    RType::try_from(byte).ok().map(|known| known.as_str())
}
