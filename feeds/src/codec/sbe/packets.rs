//! MDP 3.0 out of a capture: whose packets these are, and in which order.
//!
//! A packet has a number, the time at which it was sent, and messages. Streams are told apart by where
//! they are sent to, and by what they carry:
//!
//! * An incremental feed numbers its packets. Two streams that carry the same packets (number, time and
//!   length) are its lines A and B: what one lost comes from the other
//!   ([`arbitration`](crate::codec::arbitration), a packet being one message there). A stream is held
//!   back until it is known to be a line or to be a feed of its own: 64 packets, or a second.
//! * Snapshots and definitions come in loops, each numbered anew. Every packet of them stands for
//!   itself, so they are decoded as they come, on whichever line.
//!
//! Securities are the same in all streams, so a snapshot finds the book that it is about by itself.

use super::market::{self, CHANNELS_MAX, Market, PACKET_HEADER};
use super::plan::{Plan, Role};
use crate::Options;
use crate::codec::arbitration::{self, Arbitration, Delivery, Line, Settings};
use crate::codec::capture::{Counters, Packet, Records, Step, network};
use crate::codec::framing::{Blocks, Datagram, SessionId};
use crate::codec::{Codec, CodecError, EVENTS_PER_MESSAGE_MAX, Place};
use engine_event::{Directory, Fault, Nanos};
use engine_pipeline::{Sink, Tally};
use network::{Content, Udp};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// How many streams are followed.
const STREAMS_MAX: usize = 64;
/// How many packets of a stream are held back, and how long, until it is known whose line it is.
const HELD_MAX: usize = 64;
const HELD_FOR: Nanos = Nanos::from_secs(1);
/// How many packets of a feed are remembered, to know them again on another line.
const RECENT: usize = 1024;
/// A number that is so much lower than the one before, or 1, begins the count anew if it was sent later.
const ANEW: u64 = 10_000;

/// The codec.
#[derive(Debug)]
pub struct Mdp3Pcap {
    strict: bool,
    settings: Settings,
    market: Market,
    records: Records,
    offset: u64,
    streams: FxHashMap<SocketAddr, Stream>,
    channels: Vec<Channel>,
    /// Packets that were held back and are to be told before any other.
    backlog: VecDeque<(u8, Line, Held)>,
    /// The packet at hand was looked at: it belongs to this channel.
    current: Option<u8>,
    /// How many events of the market's outbox were taken, and when their packet was received.
    taken: usize,
    received_at: Nanos,
    finished: usize,
    is_finishing: bool,
    counters: Counters,
}

#[derive(Debug)]
enum Stream {
    /// Nothing came that would tell.
    Open,
    Loops,
    Line(u8, Line),
    /// An incremental feed; whose line it is must show.
    Undecided(Vec<Held>),
    Refused,
}

/// A packet, held back.
#[derive(Debug)]
struct Held {
    at: Nanos,
    payload: Box<[u8]>,
}

/// An incremental feed.
#[derive(Debug)]
struct Channel {
    lines: Arbitration,
    line_count: u8,
    /// The latest packets, by number.
    recent: Box<[Mark; RECENT]>,
    /// The highest number, and the latest time of sending.
    top: Mark,
    /// How often it counted anew, and since when it does.
    session: u8,
    since: u64,
    is_used: bool,
}

/// By what a packet is known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Mark {
    sequence: u32,
    sent_at: u64,
    length: usize,
}

impl Mark {
    fn of(payload: &[u8]) -> Option<Self> {
        let (sequence, rest) = payload.split_first_chunk()?;
        let sent_at = u64::from_le_bytes(*rest.first_chunk()?);
        Some(Self { sequence: u32::from_le_bytes(*sequence), sent_at, length: payload.len() })
    }
}

/// What a packet tells of its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tells {
    Incremental,
    Loops,
    Neither,
}

/// Where events go, and what is needed to make them.
struct Turn<'a, S> {
    strict: bool,
    offset: u64,
    packet: u64,
    names: &'a mut Directory,
    sink: &'a mut S,
    tally: &'a mut Tally,
}

impl<S: Sink> Turn<'_, S> {
    fn of_market(&mut self, sequence: u64, channel: u8) -> market::Turn<'_> {
        let Self { names, tally, .. } = self;
        market::Turn { place: self.packet, sequence, channel, names, tally }
    }

    fn error(&self, what: &dyn fmt::Display) -> CodecError {
        let place = Place { offset: self.offset, line: None };
        CodecError::new(place, format_args!("packet {}: {what}", self.packet))
    }

    #[cold]
    fn fault(&mut self, fault: Fault, what: fmt::Arguments<'_>) -> Result<(), CodecError> {
        self.tally.fault(fault, self.packet);
        if self.strict { Err(self.error(&what)) } else { Ok(()) }
    }
}

impl Mdp3Pcap {
    /// A codec at the beginning of a capture, with our own schema. The option
    /// [`schema`](Options::schema) is for whoever opens a file.
    pub fn new(options: &Options) -> Self {
        Self::with_plan(options, super::own_plan())
    }

    /// The same with any schema.
    pub fn with_plan(options: &Options, plan: Arc<Plan>) -> Self {
        Self {
            strict: options.strict,
            settings: Settings::default(),
            market: Market::new(options, plan),
            records: Records::default(),
            offset: 0,
            streams: FxHashMap::default(),
            channels: Vec::new(),
            backlog: VecDeque::new(),
            current: None,
            taken: 0,
            received_at: Nanos(0),
            finished: 0,
            is_finishing: false,
            counters: Counters::default(),
        }
    }

    /// What the capture had so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What became of the lines of each incremental feed, in the order in which they were met.
    pub fn channels(&self) -> impl Iterator<Item = &arbitration::Counters> {
        self.channels.iter().map(|channel| channel.lines.counters())
    }

    /// How many levels and orders were implied by those of other securities: they are no part of a book.
    pub fn implied(&self) -> u64 {
        self.market.implied
    }

    /// Hands on what was decoded, as far as there is room. Whether that was all.
    #[inline]
    fn flush<S: Sink>(&mut self, sink: &mut S) -> bool {
        let outbox = &mut self.market.outbox;
        if outbox.is_empty() {
            return true;
        }
        let room = sink.room().min(outbox.len() - self.taken);
        for event in &outbox[self.taken..self.taken + room] {
            let mut event = *event;
            event.received_at = self.received_at;
            sink.push(event);
        }
        self.taken += room;
        if self.taken < outbox.len() {
            return false;
        }
        outbox.clear();
        self.taken = 0;
        true
    }

    /// Looks at a packet for the first time: which channel's it is, if it is to be told in its order.
    fn take<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        turn: &mut Turn<'_, S>,
    ) -> Result<Option<u8>, CodecError> {
        self.counters.packets += 1;
        let content = network::content(packet.link, packet.bytes);
        let is_cut = packet.bytes.len() < packet.length as usize;
        if is_cut && !matches!(content, Content::Foreign) {
            self.counters.cut += 1;
            let (there, length) = (packet.bytes.len(), packet.length);
            let what = format_args!("{there} of {length} bytes were captured");
            turn.fault(Fault::Truncated, what)?;
        }
        match content {
            Content::Udp(udp) => return self.take_udp(packet.at, &udp, turn),
            Content::Fragment => {
                self.counters.fragments += 1;
                turn.fault(Fault::Malformed, format_args!("a fragment of a datagram"))?;
            }
            Content::UnknownLink => {
                self.counters.unreadable += 1;
                let what = format_args!("link type {} is not known", packet.link);
                turn.fault(Fault::UnknownType, what)?;
            }
            Content::Cut => self.counters.unreadable += 1,
            Content::Foreign => self.counters.foreign += 1,
        }
        Ok(None)
    }

    fn take_udp<S: Sink>(
        &mut self,
        at: Nanos,
        udp: &Udp<'_>,
        turn: &mut Turn<'_, S>,
    ) -> Result<Option<u8>, CodecError> {
        let payload = udp.payload;
        // A packet of which the end was not captured does not come: the other line may have it.
        let mark = Mark::of(payload).filter(|_| !udp.is_cut);
        let known = self.streams.get(&udp.target);
        let Some(mark) = mark else {
            match known {
                None => self.counters.foreign += 1,
                Some(_) => {
                    self.counters.unreadable += 1;
                    turn.fault(Fault::Malformed, format_args!("a packet without a whole header"))?;
                }
            }
            return Ok(None);
        };
        match known {
            Some(Stream::Line(channel, line)) => {
                let (channel, line) = (*channel, *line);
                self.counters.used += 1;
                self.receive(channel, line, payload, mark, at);
                return Ok(Some(channel));
            }
            Some(Stream::Loops) => {
                self.counters.used += 1;
                self.at_once(payload, at, turn)?;
                return Ok(None);
            }
            Some(Stream::Refused) => {
                self.counters.refused += 1;
                return Ok(None);
            }
            Some(Stream::Undecided(_)) => {
                self.counters.used += 1;
                return self.decide(udp.target, payload, at, turn).map(|()| None);
            }
            Some(Stream::Open) | None => {}
        }
        let tells = tells(self.market.plan(), payload);
        if tells.is_none() && known.is_none() {
            self.counters.foreign += 1;
            return Ok(None);
        }
        if known.is_none() && self.streams.len() == STREAMS_MAX {
            return self.refuse(turn).map(|()| None);
        }
        self.counters.used += 1;
        match tells.unwrap_or(Tells::Neither) {
            Tells::Incremental => {
                self.streams.insert(udp.target, Stream::Undecided(Vec::new()));
                self.decide(udp.target, payload, at, turn)?;
            }
            Tells::Loops => {
                self.streams.insert(udp.target, Stream::Loops);
                self.at_once(payload, at, turn)?;
            }
            Tells::Neither => {
                self.streams.insert(udp.target, Stream::Open);
                self.at_once(payload, at, turn)?;
            }
        }
        Ok(None)
    }

    #[cold]
    fn refuse<S: Sink>(&mut self, turn: &mut Turn<'_, S>) -> Result<(), CodecError> {
        self.counters.refused += 1;
        let what = format_args!("more than {CHANNELS_MAX} channels are not followed");
        turn.fault(Fault::OutOfRange, what)
    }

    /// Decodes a packet that needs no order.
    fn at_once<S: Sink>(
        &mut self,
        payload: &[u8],
        at: Nanos,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), CodecError> {
        self.received_at = at;
        let told = self.market.packet(payload, &mut turn.of_market(0, 0));
        told.map_err(|error| turn.error(&error.what))
    }

    /// Holds a packet back, and finds out whose line its stream is: then all that was held is to be told.
    #[cold]
    fn decide<S: Sink>(
        &mut self,
        target: SocketAddr,
        payload: &[u8],
        at: Nanos,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), CodecError> {
        let Some(Stream::Undecided(held)) = self.streams.get_mut(&target) else { return Ok(()) };
        held.push(Held { at, payload: payload.into() });
        let marks = || held.iter().filter_map(|held| Mark::of(&held.payload));
        let same = self.channels.iter().position(|channel| {
            marks().any(|mark| channel.recent[mark.sequence as usize % RECENT] == mark)
        });
        let waited = at.since(held.first().map_or(at, |first| first.at));
        let is_over = held.len() >= HELD_MAX || waited >= HELD_FOR || self.channels.is_empty();
        if same.is_some() || is_over {
            return self.settle(target, same, turn);
        }
        Ok(())
    }

    /// Makes a stream a line of a channel, or of one of its own.
    fn settle<S: Sink>(
        &mut self,
        target: SocketAddr,
        same: Option<usize>,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), CodecError> {
        let Some(stream) = self.streams.get_mut(&target) else { return Ok(()) };
        let Stream::Undecided(held) = std::mem::replace(stream, Stream::Refused) else {
            return Ok(());
        };
        let channel = match same {
            Some(channel) => channel,
            None if self.channels.len() == CHANNELS_MAX => return self.refuse(turn),
            None => {
                self.channels.push(Channel {
                    lines: Arbitration::new(self.settings),
                    line_count: 0,
                    recent: Box::new([Mark::default(); RECENT]),
                    top: Mark::default(),
                    session: 0,
                    since: 0,
                    is_used: false,
                });
                self.channels.len() - 1
            }
        };
        let lines = &mut self.channels[channel].line_count;
        let (channel, line) = (channel as u8, Line(*lines));
        *lines = lines.saturating_add(1);
        *stream = Stream::Line(channel, line);
        self.backlog.extend(held.into_iter().map(|held| (channel, line, held)));
        Ok(())
    }

    /// Gives a packet to the channel's lines.
    fn receive(&mut self, channel: u8, line: Line, payload: &[u8], mark: Mark, at: Nanos) {
        let channel = &mut self.channels[usize::from(channel)];
        channel.recent[mark.sequence as usize % RECENT] = mark;
        let is_later = mark.sent_at > channel.top.sent_at;
        let (number, top) = (u64::from(mark.sequence), u64::from(channel.top.sequence));
        if is_later && (number + ANEW < top || number == 1 && top > 1) {
            (channel.session, channel.since) = (channel.session.wrapping_add(1), mark.sent_at);
            channel.top = mark;
        } else if is_later && mark.sequence > channel.top.sequence {
            channel.top = mark;
        }
        channel.lines.receive(line, &channel.datagram(payload, mark), at);
    }

    /// Decodes what is next in a channel, as far as there is room. Whether that was all.
    fn tell<S: Sink>(
        &mut self,
        number: u8,
        payload: Option<&[u8]>,
        turn: &mut Turn<'_, S>,
    ) -> Result<bool, CodecError> {
        loop {
            if !self.flush(turn.sink) {
                return Ok(false);
            }
            let channel = &mut self.channels[usize::from(number)];
            let mark = payload.and_then(Mark::of);
            let datagram = match payload.zip(mark) {
                Some((payload, mark)) => channel.datagram(payload, mark),
                None => Datagram::NONE,
            };
            let market = &mut self.market;
            let told = match channel.lines.deliver(&datagram) {
                None => return Ok(true),
                Some(Delivery::Message { sequence, received_at, bytes }) => {
                    self.received_at = received_at;
                    market.packet(bytes, &mut turn.of_market(sequence, number))
                }
                Some(Delivery::Gap { first, count }) => {
                    let now = channel.lines.now();
                    self.received_at = now;
                    market.lost(first, count, now, &mut turn.of_market(first, number))
                }
                Some(Delivery::Session(_)) => match std::mem::replace(&mut channel.is_used, true) {
                    false => Ok(()),
                    true => {
                        let now = channel.lines.now();
                        self.received_at = now;
                        market.begin_anew(now, &mut turn.of_market(0, number))
                    }
                },
                Some(Delivery::Ended) => Ok(()),
            };
            told.map_err(|error| turn.error(&error.what))?;
        }
    }

    /// Tells what was held back. Whether that was all.
    fn tell_backlog<S: Sink>(&mut self, turn: &mut Turn<'_, S>) -> Result<bool, CodecError> {
        while let Some((channel, line, held)) = self.backlog.pop_front() {
            if self.current.is_none()
                && let Some(mark) = Mark::of(&held.payload)
            {
                self.receive(channel, line, &held.payload, mark, held.at);
            }
            let told = self.tell(channel, Some(&held.payload), turn);
            if !told? {
                self.current = Some(channel);
                self.backlog.push_front((channel, line, held));
                return Ok(false);
            }
            self.current = None;
        }
        Ok(true)
    }

    /// One packet; whether everything in it was told.
    fn packet<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        turn: &mut Turn<'_, S>,
    ) -> Result<bool, CodecError> {
        let channel = match self.current {
            Some(channel) => Some(channel),
            None => self.take(packet, turn)?,
        };
        let Some(channel) = channel else { return Ok(true) };
        let payload = match network::content(packet.link, packet.bytes) {
            Content::Udp(udp) => Some(udp.payload),
            _ => None,
        };
        let all = self.tell(channel, payload, turn)?;
        self.current = (!all).then_some(channel);
        Ok(all)
    }

    /// The end of the capture: what is still waited for is lost. Whether that was all.
    fn finish<S: Sink>(&mut self, turn: &mut Turn<'_, S>) -> Result<bool, CodecError> {
        let mut undecided: Vec<SocketAddr> = self
            .streams
            .iter()
            .filter_map(|(target, stream)| {
                matches!(stream, Stream::Undecided(_)).then_some(*target)
            })
            .collect();
        undecided.sort_unstable();
        for target in undecided {
            self.settle(target, None, turn)?;
        }
        if !self.tell_backlog(turn)? {
            return Ok(false);
        }
        while self.finished < self.channels.len() {
            if !std::mem::replace(&mut self.is_finishing, true) {
                self.channels[self.finished].lines.finish();
            }
            if !self.tell(self.finished as u8, None, turn)? {
                return Ok(false);
            }
            self.is_finishing = false;
            self.finished += 1;
        }
        Ok(true)
    }

    /// The end of the capture within a record.
    fn cut_short<S: Sink>(&self, rest: usize, turn: &mut Turn<'_, S>) -> CodecError {
        turn.packet = self.place();
        let what = format_args!("the capture ends within a record ({rest} bytes there)");
        CodecError { is_end: true, ..turn.error(&what) }
    }
}

impl Channel {
    /// A packet as the lines' arbitration takes it: one message.
    fn datagram<'a>(&self, payload: &'a [u8], mark: Mark) -> Datagram<'a> {
        let is_old = mark.sent_at < self.since;
        let mut session: SessionId = *b"MDP3\0\0\0\0\0\0";
        session[4] = self.session.wrapping_sub(u8::from(is_old));
        Datagram {
            session,
            first: u64::from(mark.sequence),
            count: 1,
            ends: false,
            messages: Blocks::alone(payload),
        }
    }
}

impl Codec for Mdp3Pcap {
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<usize, CodecError> {
        let mut consumed = 0;
        let mut turn =
            Turn { strict: self.strict, offset: self.offset, packet: 0, names, sink, tally };
        while turn.sink.room() >= EVENTS_PER_MESSAGE_MAX {
            let rest = &input[consumed..];
            turn.offset = self.offset;
            turn.packet = self.counters.packets;
            if !self.flush(turn.sink)
                || !self.backlog.is_empty() && !self.tell_backlog(&mut turn)?
            {
                break;
            }
            turn.packet = self.counters.packets + u64::from(self.current.is_none());
            let step = self.records.step(rest);
            let taken = match step.map_err(|broken| turn.error(&broken))? {
                Step::Packet(packet, taken) => match self.packet(&packet, &mut turn)? {
                    true => taken,
                    false => break,
                },
                Step::Unreadable(taken) => {
                    self.counters.packets += 1;
                    self.counters.unreadable += 1;
                    turn.fault(Fault::BadLength, format_args!("its record cannot be read"))?;
                    taken
                }
                Step::Other(taken) => taken,
                Step::More if last => {
                    turn.packet = self.counters.packets;
                    let told = self.finish(&mut turn)? && turn.sink.room() > 0;
                    if told && (!rest.is_empty() || self.records.is_within()) {
                        return Err(self.cut_short(rest.len(), &mut turn));
                    }
                    break;
                }
                Step::More => break,
            };
            consumed += taken;
            self.offset += taken as u64;
        }
        Ok(consumed)
    }

    fn place(&self) -> u64 {
        self.counters.packets + 1
    }
}

/// What a payload tells of its stream; none if it is no packet of MDP 3.0. Its messages must fill it, and
/// be of the schema.
fn tells(plan: &Plan, payload: &[u8]) -> Option<Tells> {
    let mut rest = payload.get(PACKET_HEADER..)?;
    let mut tells = None;
    while !rest.is_empty() {
        let header: &[u8; market::MESSAGE_HEADER] = rest.first_chunk()?;
        let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let (size, block, id, schema) =
            (usize::from(half(0)), usize::from(half(2)), half(4), half(6));
        let fits = size >= market::MESSAGE_HEADER + block && size <= rest.len();
        if !fits || schema != plan.schema {
            return None;
        }
        let told = plan.template(id).map(|template| match template.role {
            Role::Snapshot(_) | Role::OrderSnapshot(_) => Tells::Loops,
            Role::Definition(_) | Role::Idle => Tells::Neither,
            _ => Tells::Incremental,
        });
        tells = match (tells, told) {
            (None | Some(Tells::Neither), Some(told)) => Some(told),
            (tells, _) => tells,
        };
        rest = &rest[size..];
    }
    tells
}

/// Whether content that begins with `bytes` may be MDP 3.0 in a capture.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    if !crate::codec::capture::is_capture(bytes) {
        return false;
    }
    let plan = super::own_plan();
    let (mut records, mut rest) = (Records::default(), bytes);
    while let Ok(step) = records.step(rest) {
        let taken = match step {
            Step::Packet(packet, taken) => {
                if let Content::Udp(udp) = network::content(packet.link, packet.bytes)
                    && !udp.is_cut
                    && tells(&plan, udp.payload).is_some()
                {
                    return true;
                }
                taken
            }
            Step::Unreadable(taken) | Step::Other(taken) => taken,
            Step::More => return false,
        };
        rest = &rest[taken..];
    }
    false
}
