//! What MDP 3.0's messages mean: packets in, events out.
//!
//! Each security has a running number over everything that is told of it (`RptSeq`). A jump shows that
//! something was missed: a `Gap`, and the security's book is stale until a snapshot, and what came since,
//! make it whole. Where packets are lost all books are in doubt; the next message of a security shows by
//! its number whether that one missed anything, and if not its book is told anew at once.

mod book;
mod orders;
mod securities;

use super::ladder::{DEPTH_UNTOLD, Ladder};
use super::plan::{GroupAt, Head, Numbered, Plan, Role, Template, Trades, read};
use crate::Options;
use crate::codec::subjects::Subjects;
use crate::codec::{CodecError, Place, Trouble};
use engine_event::body::{self, Phase, Print};
use engine_event::{Directory, Event, Fault, Flags, Kind, Nanos, Price, Quantity, Side, SubjectId};
use engine_pipeline::Tally;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Bytes before the first message: the packet's number and the time at which it was sent.
pub(crate) const PACKET_HEADER: usize = 12;
/// Bytes before a message's fields: its size, and SBE's header.
pub(crate) const MESSAGE_HEADER: usize = 10;
/// The name that the venue is given.
pub const VENUE: &str = "CME";

/// How many incremental feeds are followed; each may keep some megabytes.
pub(crate) const CHANNELS_MAX: usize = 8;
/// How many securities are remembered, wanted or not.
const SECURITIES_MAX: usize = 1 << 20;
/// How many changes of a stale book are kept for the snapshot to come, of one and of all.
const KEPT_MAX: usize = 4096;
const KEPT_OF_ALL_MAX: usize = 1 << 20;

/// What is known of all securities.
#[derive(Debug)]
pub(crate) struct Market {
    plan: Arc<Plan>,
    strict: bool,
    by_order: bool,
    subjects: Subjects,
    securities: FxHashMap<i64, Stands>,
    instruments: Vec<Instrument>,
    /// How often something was lost that may have been about any security.
    losses: u32,
    /// The latest event's time; the time of sending before there was one.
    time: Nanos,
    kept: usize,
    /// Instruments of which an event has not ended yet.
    open: Vec<u32>,
    /// Events of the packet at hand, and how many of them were taken.
    pub(crate) outbox: Vec<Event>,
    packet: u64,
    /// Levels and orders that were implied by other securities' and are no part of the book.
    pub(crate) implied: u64,
    /// How many channels were met.
    channels: u8,
    /// By channel: the latest packet that was lost.
    lost_until: [u64; CHANNELS_MAX],
    /// Orders in snapshots that are not complete.
    assembled: usize,
}

/// Whether a security is a subject.
#[derive(Clone, Copy, Debug)]
enum Stands {
    Subject(u32),
    Unwanted,
    Refused,
}

/// A security that is a subject.
#[derive(Debug)]
struct Instrument {
    subject: SubjectId,
    group: [u8; 6],
    asset: [u8; 6],
    phase: Phase,
    depth: usize,
    /// The latest running number; none before the first, or after a reset.
    number: Option<u32>,
    is_certain: bool,
    /// Up to which loss the book is right.
    losses: u32,
    ladders: [Ladder; 2],
    /// What came while the book was stale.
    kept: VecDeque<Kept>,
    /// Of changes by order: packets before this one are in the snapshot, or lost.
    from: u64,
    chunks: Option<Box<orders::Chunks>>,
    /// Its latest event: in which packet, and the place in the outbox.
    last: (u64, usize),
    is_open: bool,
    restated: Option<(Side, body::Level)>,
    /// The incremental feed that tells of it.
    channel: Option<u8>,
}

/// A change that a snapshot may contain or not.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Level { number: u32, change: book::Change },
    Order { packet: u64, event: Event },
}

/// A packet, and what is needed to decode it.
pub(crate) struct Turn<'a> {
    /// Its place for a person, and its number on an incremental feed; 0 on other streams.
    pub(crate) place: u64,
    pub(crate) sequence: u64,
    /// Its incremental feed; 0 for other streams.
    pub(crate) channel: u8,
    pub(crate) names: &'a mut Directory,
    pub(crate) tally: &'a mut Tally,
}

/// Why something becomes no event: it was told and counted, or there is no going on.
enum Stop {
    Skip,
    Fatal(Box<CodecError>),
}

impl From<CodecError> for Stop {
    #[cold]
    fn from(error: CodecError) -> Self {
        Stop::Fatal(Box::new(error))
    }
}

/// The entries of a group.
#[derive(Clone, Copy)]
struct Entries<'a> {
    bytes: &'a [u8],
    size: usize,
    count: usize,
}

impl<'a> Entries<'a> {
    #[inline]
    fn get(&self, at: usize) -> Option<&'a [u8]> {
        if at < self.count { self.bytes.get(at * self.size..(at + 1) * self.size) } else { None }
    }
}

/// A message: its fields and what follows them.
#[derive(Clone, Copy)]
struct View<'a> {
    root: &'a [u8],
    rest: &'a [u8],
}

impl<'a> View<'a> {
    /// The entries of one group, if all groups up to it are whole.
    #[inline]
    fn group(&self, template: &Template, wanted: GroupAt) -> Option<Entries<'a>> {
        let mut rest = self.rest;
        for (at, head) in template.groups.iter().enumerate() {
            let number = |(at, primitive): (u16, _)| {
                usize::try_from(read(primitive, rest.get(usize::from(at)..)?)?).ok()
            };
            let (size, count) = (number(head.block_length)?, number(head.count)?);
            let bytes = rest.get(usize::from(head.size)..)?;
            let (bytes, after) = bytes.split_at_checked(size.checked_mul(count)?)?;
            if at == wanted {
                return Some(Entries { bytes, size, count });
            }
            rest = after;
        }
        None
    }
}

impl Market {
    pub(crate) fn new(options: &Options, plan: Arc<Plan>) -> Self {
        Self {
            plan,
            strict: options.strict,
            by_order: options.by_order,
            subjects: Subjects::new(options),
            securities: FxHashMap::default(),
            instruments: Vec::new(),
            losses: 0,
            time: Nanos(0),
            kept: 0,
            open: Vec::new(),
            outbox: Vec::new(),
            packet: 0,
            implied: 0,
            channels: 0,
            lost_until: [0; CHANNELS_MAX],
            assembled: 0,
        }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A channel counts its packets anew: nothing of it is certain.
    #[cold]
    pub(crate) fn begin_anew(&mut self, at: Nanos, turn: &mut Turn<'_>) -> Result<(), CodecError> {
        for instrument in 0..self.instruments.len() {
            if self.may_be_of(instrument, turn.channel) {
                self.distrust(instrument, at);
                let of = &mut self.instruments[instrument];
                (of.number, of.from) = (None, 0);
            }
        }
        self.lost_until[usize::from(turn.channel)] = 0;
        self.lost(0, 0, at, turn)
    }

    /// The latest event's time; `received_at` if there was none.
    pub(crate) fn now(&self, received_at: Nanos) -> Nanos {
        if self.time == Nanos(0) { received_at } else { self.time }
    }

    /// Packets of an incremental feed are lost.
    #[cold]
    pub(crate) fn lost(
        &mut self,
        first: u64,
        count: u64,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), CodecError> {
        self.losses += 1;
        turn.tally.gaps += 1;
        let until = &mut self.lost_until[usize::from(turn.channel)];
        *until = (*until).max(first.saturating_add(count).saturating_sub(1));
        let gap = body::Gap::new(first, count, Fault::Missing);
        self.outbox.push(Event::new(SubjectId::EVERY, self.now(at), gap));
        let what = format_args!("{count} packets from {first} on are missing");
        self.trouble(Fault::Missing, turn.place, what).count(self.strict, turn.tally)
    }

    /// Decodes a packet's messages into the outbox.
    pub(crate) fn packet(&mut self, packet: &[u8], turn: &mut Turn<'_>) -> Result<(), CodecError> {
        self.packet += 1;
        self.channels = self.channels.max(turn.channel + 1);
        let sent_at = packet.get(4..PACKET_HEADER).and_then(|bytes| bytes.first_chunk());
        let sent_at = sent_at.map_or(Nanos(0), |bytes| Nanos(u64::from_le_bytes(*bytes)));
        let mut rest = packet.get(PACKET_HEADER..).unwrap_or(&[]);
        let plan = Arc::clone(&self.plan);
        while !rest.is_empty() {
            let size = rest.first_chunk().map_or(0, |size| usize::from(u16::from_le_bytes(*size)));
            if size < MESSAGE_HEADER || size > rest.len() {
                let what =
                    format_args!("a message says that it has {size} of {} bytes", rest.len());
                return self.lose_all(Fault::BadLength, what, sent_at, turn);
            }
            let (message, after) = rest.split_at(size);
            rest = after;
            match self.message(&plan, message, sent_at, turn) {
                Ok(()) | Err(Stop::Skip) => {}
                Err(Stop::Fatal(error)) => return Err(*error),
            }
        }
        Ok(())
    }

    #[inline]
    fn message(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        sent_at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let (block, id, schema) = (usize::from(half(2)), half(4), half(6));
        turn.tally.messages += 1;
        turn.tally.by_type[usize::from(id).min(255)] += 1;
        let Some(template) = plan.template(id).filter(|_| schema == plan.schema) else {
            turn.tally.unknown += 1;
            return Ok(());
        };
        let body = &bytes[MESSAGE_HEADER..];
        let Some((root, rest)) = body.split_at_checked(block) else {
            let what = format_args!("template {id}: {block} bytes of fields in {}", body.len());
            self.lose_all(Fault::BadLength, what, sent_at, turn)?;
            return Ok(());
        };
        let view = View { root, rest };
        match &template.role {
            Role::Book(head, of) => {
                let (at, ends) = self.date(*head, &view, sent_at, turn)?;
                if self.by_order {
                    self.book_orders(of, template, &view, at, turn)?;
                } else {
                    self.book_levels(of, template, &view, at, turn)?;
                }
                self.end_event(ends, at);
            }
            Role::Orders(head, of) => {
                let (at, ends) = self.date(*head, &view, sent_at, turn)?;
                if self.by_order {
                    self.orders(of, template, &view, at, turn)?;
                }
                self.end_event(ends, at);
            }
            Role::Trades(head, of) => {
                let (at, ends) = self.date(*head, &view, sent_at, turn)?;
                self.trades(of, template, &view, at, turn)?;
                self.end_event(ends, at);
            }
            Role::Numbered(head, of) => {
                let (at, ends) = self.date(*head, &view, sent_at, turn)?;
                self.numbered(of, template, &view, at, turn)?;
                self.end_event(ends, at);
            }
            Role::Snapshot(of) if !self.by_order => {
                self.snapshot(of, template, &view, sent_at, turn)?;
            }
            Role::OrderSnapshot(of) if self.by_order => {
                self.order_snapshot(of, template, &view, sent_at, turn)?;
            }
            Role::Status(head, of) => {
                let (at, ends) = self.date(*head, &view, sent_at, turn)?;
                self.status(of, &view, at, turn)?;
                self.end_event(ends, at);
            }
            Role::Definition(of) => self.definition(of, template, &view, sent_at, turn)?,
            Role::Reset(head) => {
                let (at, ends) = self.date(*head, &view, sent_at, turn)?;
                self.reset(at, turn);
                self.end_event(ends, at);
            }
            Role::Idle | Role::Snapshot(_) | Role::OrderSnapshot(_) => {}
        }
        Ok(())
    }

    /// The time of a message's event, and whether the event ends with it.
    #[inline]
    fn date(
        &mut self,
        head: Head,
        view: &View<'_>,
        sent_at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(Nanos, bool), Stop> {
        let fields = head.time.get(view.root).zip(head.event.get(view.root));
        let Some((time, event)) = fields else { return self.cut(sent_at, turn) };
        let time = Nanos(time as u64);
        self.time = time;
        turn.tally.first_at.get_or_insert(time);
        turn.tally.last_at = turn.tally.last_at.max(Some(time));
        Ok((time, event & 0x80 != 0))
    }

    /// The entries of a group; a message of which they are not whole is lost.
    #[inline]
    fn entries<'a>(
        &mut self,
        view: &View<'a>,
        template: &Template,
        wanted: GroupAt,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<Entries<'a>, Stop> {
        match view.group(template, wanted) {
            Some(entries) => Ok(entries),
            None => self.cut(at, turn),
        }
    }

    /// A message that ends within what it says that it has, or within what it must have.
    #[cold]
    fn cut<T>(&mut self, at: Nanos, turn: &mut Turn<'_>) -> Result<T, Stop> {
        let what = format_args!("a message is shorter than its template says");
        self.lose_all(Fault::BadLength, what, at, turn)?;
        Err(Stop::Skip)
    }

    /// Something cannot be read, and nobody knows what it is about.
    #[cold]
    fn lose_all(
        &mut self,
        fault: Fault,
        what: fmt::Arguments<'_>,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), CodecError> {
        self.losses += 1;
        let until = &mut self.lost_until[usize::from(turn.channel)];
        *until = (*until).max(turn.sequence);
        let at = self.now(at);
        let trouble = self.trouble(fault, turn.place, what);
        trouble.lose(self.strict, SubjectId::EVERY, at, &mut self.outbox, turn.tally)
    }

    /// A field holds what it may not hold; the security's book is no longer certain.
    #[cold]
    fn odd(
        &mut self,
        instrument: usize,
        field: &str,
        found: i64,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        self.distrust(instrument, at);
        let from = &mut self.instruments[instrument].from;
        *from = (*from).max(turn.sequence);
        let what = format_args!("{field} {found} is not allowed");
        let subject = self.instruments[instrument].subject;
        let trouble = self.trouble(Fault::OutOfRange, turn.place, what);
        trouble.lose(self.strict, subject, at, &mut self.outbox, turn.tally)?;
        Ok(())
    }

    fn trouble<'a>(&self, fault: Fault, place: u64, what: fmt::Arguments<'a>) -> Trouble<'a> {
        Trouble { fault, place: Place { offset: place, line: None }, what }
    }

    /// A security's book is not what it should be: what follows builds on nothing.
    fn distrust(&mut self, instrument: usize, at: Nanos) {
        let of = &mut self.instruments[instrument];
        let was_told = std::mem::replace(&mut of.is_certain, false) || of.restated.is_some();
        if was_told && !self.by_order {
            let subject = of.subject;
            self.push(
                instrument,
                Event::new(subject, at, body::End::default()).with_kind(Kind::Clear),
            );
        }
        let of = &mut self.instruments[instrument];
        of.ladders.iter_mut().for_each(|ladder| ladder.clear(false));
        of.restated = None;
        self.forget_kept(instrument);
        self.drop_chunks(instrument);
    }

    fn forget_kept(&mut self, instrument: usize) {
        let kept = &mut self.instruments[instrument].kept;
        self.kept -= kept.len();
        kept.clear();
    }

    /// Keeps a change for the snapshot to come.
    fn keep(&mut self, instrument: usize, change: Kept) {
        let of = &mut self.instruments[instrument];
        if of.kept.len() == KEPT_MAX || self.kept == KEPT_OF_ALL_MAX {
            match of.kept.pop_front() {
                Some(Kept::Order { packet, .. }) => of.from = of.from.max(packet),
                Some(Kept::Level { .. }) => {}
                None => return,
            }
            self.kept -= 1;
        }
        of.kept.push_back(change);
        self.kept += 1;
    }

    /// An event of an instrument, which is open until the venue's event ends.
    #[inline]
    fn push(&mut self, instrument: usize, event: Event) {
        let of = &mut self.instruments[instrument];
        of.last = (self.packet, self.outbox.len());
        if !of.is_open {
            of.is_open = true;
            self.open.push(instrument as u32);
        }
        self.outbox.push(event);
    }

    /// Marks the last event of each subject that the venue's event was about. Where that went out with
    /// an earlier packet, the level is told once more.
    #[inline]
    fn end_event(&mut self, ends: bool, at: Nanos) {
        if !ends {
            return;
        }
        for instrument in self.open.drain(..) {
            let of = &mut self.instruments[instrument as usize];
            of.is_open = false;
            if of.last.0 == self.packet {
                let event = &mut self.outbox[of.last.1];
                event.flags = event.flags | Flags::LAST;
            } else if let Some((side, level)) = of.restated {
                let event = Event::new(of.subject, at, level);
                self.outbox.push(event.with_flags(Flags::of(side) | Flags::LAST));
            }
        }
    }

    fn trades(
        &mut self,
        of: &Trades,
        template: &Template,
        view: &View<'_>,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let entries = self.entries(view, template, of.entries, at, turn)?;
        for place in 0..entries.count {
            let Some(entry) = entries.get(place) else { return self.cut(at, turn) };
            let needed = of.security.get(entry).zip(of.number.small(entry));
            let Some((security, number)) = needed else { return self.cut(at, turn) };
            let instrument = match self.admit(security, at, turn) {
                Ok(instrument) => instrument,
                Err(Stop::Skip) => continue,
                Err(fatal) => return Err(fatal),
            };
            self.follow(instrument, number, None, at, turn)?;
            let told = of.price.price(entry).zip(of.size.get(entry)).zip(of.action.get(entry));
            let Some(((price, size), action)) = told else { return self.cut(at, turn) };
            let (Ok(size), 0..=2) = (u64::try_from(size), action) else {
                self.odd(instrument, "trade's size or action", action, at, turn)?;
                continue;
            };
            let id = of.id.and_then(|cell| cell.get(entry)).map_or(0, |id| id as u64);
            let print = Print::new(id, Price(price), Quantity(size));
            let event = Event::new(self.instruments[instrument].subject, at, print);
            let event = match of.aggressor.get(entry) {
                Some(1) => event.with_flags(Flags::of(Side::Sell)),
                Some(2) => event.with_flags(Flags::of(Side::Buy)),
                _ => event,
            };
            self.push(instrument, if action == 2 { event.with_kind(Kind::Break) } else { event });
        }
        Ok(())
    }

    fn numbered(
        &mut self,
        of: &Numbered,
        template: &Template,
        view: &View<'_>,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let entries = self.entries(view, template, of.entries, at, turn)?;
        for place in 0..entries.count {
            let Some(entry) = entries.get(place) else { return self.cut(at, turn) };
            let needed = of.security.get(entry).zip(of.number.small(entry));
            let Some((security, number)) = needed else { return self.cut(at, turn) };
            match self.admit(security, at, turn) {
                Ok(instrument) => self.follow(instrument, number, None, at, turn).map(drop)?,
                Err(Stop::Skip) => {}
                Err(fatal) => return Err(fatal),
            }
        }
        Ok(())
    }

    /// Whether a channel may be the one that tells of a security: it is, or none has so far.
    fn may_be_of(&self, instrument: usize, channel: u8) -> bool {
        self.instruments[instrument].channel.is_none_or(|known| known == channel)
    }

    /// The channel begins anew: all of its books are empty, and that is certain.
    fn reset(&mut self, at: Nanos, turn: &mut Turn<'_>) {
        for instrument in 0..self.instruments.len() {
            if !self.may_be_of(instrument, turn.channel) {
                continue;
            }
            if self.instruments[instrument].channel.is_none() && self.channels > 1 {
                // It may be another channel's: a snapshot will tell.
                self.distrust(instrument, at);
                let gap = body::Gap::new(turn.sequence, 0, Fault::Missing);
                self.push(instrument, Event::new(self.instruments[instrument].subject, at, gap));
                turn.tally.gaps += 1;
                continue;
            }
            self.forget_kept(instrument);
            self.drop_chunks(instrument);
            let of = &mut self.instruments[instrument];
            of.ladders.iter_mut().for_each(|ladder| ladder.clear(true));
            (of.number, of.is_certain, of.losses) = (None, true, self.losses);
            (of.restated, of.from) = (None, turn.sequence);
            let event = Event::new(of.subject, at, body::End::default()).with_kind(Kind::Clear);
            self.push(instrument, event);
        }
    }
}

impl Instrument {
    fn new(subject: SubjectId) -> Self {
        Self {
            subject,
            group: [0; 6],
            asset: [0; 6],
            phase: Phase::Unknown,
            depth: DEPTH_UNTOLD,
            number: None,
            is_certain: false,
            losses: 0,
            ladders: Default::default(),
            kept: VecDeque::new(),
            from: 0,
            chunks: None,
            last: (0, 0),
            is_open: false,
            restated: None,
            channel: None,
        }
    }
}
