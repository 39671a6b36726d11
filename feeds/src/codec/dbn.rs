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
//! | `mbo` F, and the C or M of its order | `Execute` in its place, at the fill's price; of an M with a `Modify` before it to what was there, which is no news; of one that came and did not rest they stay what they are, not printable |
//! | `mbo` T, `trades` | `Trade`, of what no order is told to have filled; its side is the resting one's, the other of the aggressor's that DBN tells |
//! | `mbo` N | nothing |
//! | `mbp-1`, `bbo`, `cmbp-1`, `cbbo` | `Quote`, and a `Trade` before it where it is one |
//! | `mbp-10` | the `Level`s that differ from the instrument's last ten, and a `Trade` before them |
//! | `definition` | `Define`, with the tick |
//! | `status` | `Status`; its code is `action/reason` in Databento's numbers |
//! | `imbalance` | `Auction` |
//! | `statistics` | `Statistic` |
//! | `ohlcv`, system and error records | nothing; they are counted |
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
mod instruments;
mod levels;
mod naming;
mod rare;
mod record;
#[cfg(test)]
mod tests;
mod trades;

use super::subjects::Subjects;
use super::{Codec, CodecError, EVENTS_PER_MESSAGE_MAX, Place, Trouble};
use crate::Options;
use beginning::Beginning;
pub(crate) use beginning::looks_like;
use dbn::{RType, flags};
use engine_event::body::{Body, Order, Print};
use engine_event::{
    Directory, Event, Fault, Flags, Kind, MaybePrice, Nanos, OrderId, Price, Quantity, SubjectId,
};
use engine_pipeline::{Sink, Tally};
use instruments::{Known, Met, NEAR, NOBODY, State, near};
use levels::STEPS_MAX;
use naming::Naming;
use record::{Head, LENGTH_UNIT, Mbo, NO_PRICE, NO_TIME};
use rustc_hash::FxHashMap;
use std::ops::Range;
use trades::Trades;

/// Decimal places of prices.
pub const PRICE_SCALE: u8 = dbn::FIXED_PRICE_SCALE.ilog10() as u8;

/// How many instruments' ten levels are remembered.
const LADDERS_MAX: usize = 1 << 16;

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
    /// When all of them are valid: names change at midnight, mostly, and then all at once.
    near_valid: Range<u64>,
    /// By publisher and instrument.
    known: FxHashMap<u64, Met>,
    naming: Naming,
    /// How often a name has changed: what was met before is looked up again.
    renamed: u64,
    subjects: Subjects,
    states: FxHashMap<SubjectId, State>,
    ladders: usize,
    trades: Trades,
    /// What a record became and there was no room for yet, the next one last.
    waiting: Vec<Event>,
    /// Where names are put together.
    name: String,
}

/// A record's bytes, and what follows them.
type Framed<'a> = (&'a [u8], &'a [u8]);

/// When something happened, and when we knew.
#[derive(Clone, Copy)]
struct Times {
    at: Nanos,
    received: Nanos,
    /// By which names are looked up.
    index: u64,
}

impl Times {
    fn stamp(self, subject: SubjectId, flags: Flags) -> Stamp {
        Stamp { subject, at: self.at, received: self.received, flags }
    }
}

/// Where a record's events go, and what is needed to make them.
struct Turn<'a, S> {
    offset: u64,
    names: &'a mut Directory,
    sink: &'a mut S,
    tally: &'a mut Tally,
}

/// A run of usual records: what is counted of them where it ends.
#[derive(Default)]
struct Run {
    last: Nanos,
    /// Of which trades were told as a whole.
    more: usize,
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

/// What an action means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    /// Something happens to an order.
    Change,
    /// A trade is told, and takes nothing off the book.
    Trade,
    /// An order was filled; what becomes of it is told by a change.
    Fill,
    /// Nothing.
    Nothing,
    /// Something else, or what DBN does not have.
    Other,
}

/// What an action means and, for a change, the kind of event that it becomes.
const ACTIONS: [(Does, Kind); 256] = {
    let mut actions = [(Does::Other, Kind::Unknown); 256];
    actions[b'A' as usize] = (Does::Change, Kind::Add);
    actions[b'C' as usize] = (Does::Change, Kind::Reduce);
    actions[b'M' as usize] = (Does::Change, Kind::Modify);
    actions[b'T' as usize] = (Does::Trade, Kind::Trade);
    actions[b'F' as usize] = (Does::Fill, Kind::Execute);
    actions[b'N' as usize] = (Does::Nothing, Kind::Unknown);
    actions
};

/// Marks what the quick way does not take: a letter that is no side in [`SIDES`], odd flags in
/// [`MARKS`].
const ODD: u8 = 128;

/// The flag of a side, by its letter.
const SIDES: [u8; 256] = {
    let mut sides = [ODD; 256];
    sides[b'A' as usize] = Flags::SELL.0;
    sides[b'B' as usize] = Flags::BUY.0;
    sides[b'N' as usize] = 0;
    sides
};

/// Whether a group ends here and whether it is news, as our flags say it; [`ODD`] with [`ODD_FLAGS`].
const MARKS: [u8; 256] = {
    let mut marks = [0; 256];
    let mut flags = 0;
    while flags < marks.len() {
        marks[flags] = marks_of(flags as u8);
        flags += 1;
    }
    marks
};

const fn marks_of(flags: u8) -> u8 {
    let last = if flags & flags::LAST != 0 { Flags::LAST.0 } else { 0 };
    let snapshot = if flags & flags::SNAPSHOT != 0 { Flags::SNAPSHOT.0 } else { 0 };
    let odd = if flags & ODD_FLAGS != 0 { ODD } else { 0 };
    last | snapshot | odd
}

/// Whether a group ends here and whether it is news, of a record whose flags may be odd.
fn marks(flags: u8) -> Flags {
    Flags(marks_of(flags) & !ODD)
}

#[inline(always)]
fn price(price: i64) -> MaybePrice {
    if price == NO_PRICE { MaybePrice::NONE } else { Price(price).into() }
}

/// Whom a record is about, when, and what is true of it.
#[derive(Clone, Copy)]
struct Stamp {
    subject: SubjectId,
    at: Nanos,
    received: Nanos,
    flags: Flags,
}

/// An order that enters, changes or is taken off.
#[inline(always)]
fn order_event(m: &Mbo, kind: Kind, stamp: Stamp) -> Event {
    let quantity = Quantity(u64::from(m.size.get()));
    let order = Order::new(OrderId(m.order.get()), price(m.price.get()), quantity);
    Event::whole(stamp.subject, stamp.at, kind, stamp.flags, order.to_words())
}

/// A trade among orders' records.
#[inline(always)]
fn trade_event(m: &Mbo, stamp: Stamp) -> Event {
    let quantity = Quantity(u64::from(m.size.get()));
    let print = Print::new(u64::from(m.sequence.get()), price(m.price.get()), quantity);
    Event::new(stamp.subject, stamp.at, print).with_flags(stamp.flags)
}

/// The resting order's side, of an aggressor's.
#[inline(always)]
fn resting(aggressor: u8) -> Flags {
    let both = Flags::BUY.0 | Flags::SELL.0;
    Flags((aggressor << 1 | aggressor >> 1) & both)
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
            near_valid: 0..0,
            known: FxHashMap::default(),
            naming: Naming::default(),
            renamed: 0,
            subjects: Subjects::new(options),
            states: FxHashMap::default(),
            ladders: 0,
            trades: Trades::default(),
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
            turn.offset = 0;
            return Err(CodecError::at_end(turn.place(), beginning.lack()));
        }
        Ok(taken)
    }

    /// The first record that is there and what follows it; none if it is not all there.
    fn frame(rest: &[u8], last: bool, place: Place) -> Result<Option<Framed<'_>>, CodecError> {
        let Some(&length) = rest.first() else { return Ok(None) };
        let length = usize::from(length) * LENGTH_UNIT;
        if length < size_of::<Head>() {
            // Without its length there is no way to the next one.
            let what = format!("a record of {length} bytes, shorter than the 16 of its head");
            return Err(CodecError::new(place, what));
        }
        let frame = rest.split_at_checked(length);
        if frame.is_none() && last {
            let there = rest.len();
            let what = format!("the file ends within a record of {length} bytes ({there} there)");
            return Err(CodecError::at_end(place, what));
        }
        Ok(frame)
    }

    /// Takes the records that are usual, `most` of them at a time. Returns what is left of the bytes, and
    /// how many more it would have taken.
    // With the rest of the codec around it, half of its numbers would live on the stack.
    #[inline(never)]
    fn usual_records<'a, S: Sink>(
        &mut self,
        mut rest: &'a [u8],
        most: usize,
        turn: &mut Turn<'_, S>,
    ) -> (&'a [u8], usize) {
        let (mark, stride) = (self.order_mark, self.order_bytes);
        let mut run = Run::default();
        let mut left = most;
        while left > 0
            && let Some(order) = rest.first_chunk::<{ size_of::<Mbo>() }>()
            && order.starts_with(&mark)
            && let Some(after) = rest.get(stride..)
            && let Some(more) = self.order(zerocopy::transmute_ref!(order), after, turn, &mut run)
        {
            rest = if more == 0 { after } else { &after[more * stride..] };
            left -= 1;
        }
        let records = most - left + run.more;
        if records > 0 {
            turn.tally.messages += records as u64;
            turn.tally.last_at = turn.tally.last_at.max(Some(run.last));
        }
        (rest, left)
    }

    /// What most records are: something about an order of an instrument that is near. How many of those
    /// `after` it were taken with it; none, and nothing has happened, if it is anything else.
    #[inline(always)]
    fn order<S: Sink>(
        &mut self,
        m: &Mbo,
        after: &[u8],
        turn: &mut Turn<'_, S>,
        run: &mut Run,
    ) -> Option<usize> {
        let key = m.head.key();
        let known = &self.near[near(key)];
        let (does, kind) = ACTIONS[usize::from(m.action)];
        let (side, marks) = (SIDES[usize::from(m.side)], MARKS[usize::from(m.flags)]);
        let (at, received) = (m.head.ts_event.get(), m.ts_recv.get());
        let is_usual = (known.key == key)
            & self.near_valid.contains(&received)
            & (received >= self.received)
            & (at != NO_TIME)
            & ((side | marks) & ODD == 0);
        if !is_usual {
            return None;
        }
        let subject = known.subject;
        if does != Does::Change || !self.trades.is_idle() {
            return self.of_trade(m, subject, after, turn, run);
        }
        let (at, received) = (Nanos(at), Nanos(received));
        self.count_usual(m, at, received, turn, run);
        let stamp = Stamp { subject, at, received, flags: Flags(side | marks) };
        turn.push(order_event(m, kind, stamp), received);
        Some(0)
    }

    #[inline(always)]
    fn count_usual<S: Sink>(
        &mut self,
        m: &Mbo,
        at: Nanos,
        received: Nanos,
        turn: &mut Turn<'_, S>,
        run: &mut Run,
    ) {
        (self.received, self.at) = (received.0, at);
        turn.tally.by_type[usize::from(m.action)] += 1;
        run.last = run.last.max(at);
    }

    /// A trade, a fill, or what comes of them, likewise.
    #[inline(never)]
    fn of_trade<S: Sink>(
        &mut self,
        m: &Mbo,
        subject: SubjectId,
        after: &[u8],
        turn: &mut Turn<'_, S>,
        run: &mut Run,
    ) -> Option<usize> {
        let (does, kind) = ACTIONS[usize::from(m.action)];
        let (side, marks) = (SIDES[usize::from(m.side)], Flags(MARKS[usize::from(m.flags)]));
        let (at, received) = (Nanos(m.head.ts_event.get()), Nanos(m.ts_recv.get()));
        let is_another_moment = !self.trades.is_idle() && self.trades.at != at;
        let is_odd = does == Does::Trade && m.price.get() == NO_PRICE;
        if does == Does::Other || is_another_moment || is_odd {
            return None;
        }
        self.count_usual(m, at, received, turn, run);
        let stamp = Stamp { subject, at, received, flags: Flags(side) | marks };
        match does {
            Does::Change => self.after_trade(m, kind, stamp, turn),
            Does::Trade => {
                let stamp = Stamp { flags: resting(side) | marks, ..stamp };
                if let Some(taken) = self.whole_trade(m, stamp, after, turn, run) {
                    return Some(taken);
                }
                self.trade_begins(m, stamp, turn);
            }
            Does::Fill => self.trades.fill(m, subject, at, Flags(side)),
            Does::Nothing | Does::Other => {}
        }
        Some(0)
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
        let is_wrong = flags & flags::BAD_TS_RECV != 0;
        // The orders of a snapshot were received when they entered: told again now, all carry that mark.
        let is_odd = is_wrong && flags & flags::SNAPSHOT == 0;
        if is_odd {
            let what = format_args!("the venue's data give a wrong time of receipt");
            let trouble = Trouble { fault: Fault::TimeBackwards, place: turn.place(), what };
            trouble.count(self.strict, turn.tally)?;
        } else if let Some(time) = received.filter(|_| !is_wrong) {
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
        let received = received.filter(|_| !is_wrong).map_or(at, Nanos);
        Ok(Times { at, received, index: told(ts_recv).unwrap_or(at.0) })
    }

    /// Counts a record without a time.
    fn count<S: Sink>(&self, kind: u8, turn: &mut Turn<'_, S>) {
        turn.tally.messages += 1;
        turn.tally.by_type[usize::from(kind)] += 1;
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
        let end = turn.offset + rest.len() as u64;
        let order_mark = self.order_mark;
        'all: while self.beginning.is_none() && self.hand_on(turn.sink) {
            // Asked once for many records: a ring has to look at its consumers to answer.
            let mut records = turn.sink.room() / EVENTS_PER_MESSAGE_MAX;
            if records == 0 {
                break;
            }
            while records > 0 {
                if rest.starts_with(&order_mark) {
                    (rest, records) = self.usual_records(rest, records, &mut turn);
                    if records == 0 {
                        break;
                    }
                }
                turn.offset = end - rest.len() as u64;
                self.offset = turn.offset;
                let Some((record, after)) = Self::frame(rest, last, turn.place())? else {
                    if last && self.give_up_before(None) {
                        continue 'all;
                    }
                    break 'all;
                };
                if self.give_up_before(rare::order(record)) {
                    continue 'all;
                }
                if let Err(Stop::Fatal(error)) = self.record(record, &mut turn) {
                    return Err(*error);
                }
                rest = after;
                records -= 1;
                if !self.waiting.is_empty() {
                    break;
                }
            }
        }
        self.offset = end - rest.len() as u64;
        Ok(input.len() - rest.len())
    }

    fn place(&self) -> u64 {
        // The metadata is read as one, from the first byte on.
        if self.beginning.is_some() { 0 } else { self.offset }
    }
}

/// What records of this type byte are called where they are counted: an order's by the letter of what
/// happened to it.
pub fn type_name(byte: u8) -> Option<&'static str> {
    RType::try_from(byte).ok().map(|known| known.as_str())
}
