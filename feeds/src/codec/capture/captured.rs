//! A protocol by datagram, out of a capture: packets in, events out.
//!
//! A capture holds any number of streams, told apart by where they are sent to, and things that are no
//! matter here. Streams of the same session are lines of one channel: what one of them lost comes from
//! another, and what none of them brought becomes a `Gap` ([`arbitration`](crate::codec::arbitration)),
//! by the capture's own clock. Events carry the packet's stamp as the time at which they were received.
//!
//! A stream is met when a datagram of it can be read; from then on one that cannot be is a fault. Faults
//! name the packet, counted from 1. What a packet lacks because the capture cut it off, or because it
//! cannot be read, shows in the sequence numbers and is told as missing there.

use super::network::{self, Content, Udp};
use super::{Packet, Records, Step};
use crate::codec::arbitration::{self, Arbitration, Delivery, Line, Settings};
use crate::codec::framing::{Datagram, Malformed};
use crate::codec::{Codec, CodecError, EVENTS_PER_MESSAGE_MAX};
use crate::{Format, Options};
use engine_event::body::Gap;
use engine_event::{Directory, Event, Fault, Nanos, SubjectId};
use engine_pipeline::{Sink, Tally};
use rustc_hash::FxHashMap;
use std::fmt;
use std::net::SocketAddr;

/// How a protocol frames its messages, and what they mean.
pub trait Protocol: Send {
    /// The format that its captures are.
    const FORMAT: Format;

    /// A decoder at the beginning of a session.
    fn new(options: &Options) -> Self;

    /// The datagram in a payload; one of which the end is missing, if `is_cut`.
    fn view(payload: &[u8], is_cut: bool) -> Result<Datagram<'_>, Malformed>;

    /// Whether a datagram may belong to the protocol, although its stream was not met before.
    fn looks_like(datagram: &Datagram<'_>) -> bool;

    /// Which of the streams to the same address the datagram belongs to.
    fn stream(datagram: &Datagram<'_>) -> u64;

    /// Decodes a message. Its faults and gaps name `place`; the sink has room for
    /// [`EVENTS_PER_MESSAGE_MAX`] events.
    fn message<S: Sink>(
        &mut self,
        bytes: &[u8],
        place: u64,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), CodecError>;

    /// The latest message's time; `received_at` if there was none, and the protocol counts from the epoch.
    fn now(&self, received_at: Nanos) -> Nanos;
}

/// What a capture had besides messages.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Packets of the protocol.
    pub used: u64,
    /// Packets of others.
    pub foreign: u64,
    /// Packets of which not all was captured.
    pub cut: u64,
    /// Packets that are only a part of a datagram.
    pub fragments: u64,
    /// Packets that cannot be read.
    pub unreadable: u64,
    /// Packets of streams or channels beyond those that may be followed.
    pub refused: u64,
}

/// How many streams are followed; each takes some bytes.
const STREAMS_MAX: usize = 1024;
/// How many channels are followed; each may keep some megabytes.
const CHANNELS_MAX: usize = 8;

/// The codec.
#[derive(Debug)]
pub struct Captured<P> {
    options: Options,
    settings: Settings,
    records: Records,
    offset: u64,
    streams: FxHashMap<(SocketAddr, u64), Stream>,
    channels: Vec<Channel<P>>,
    /// The packet at hand was looked at: its messages go to this channel.
    current: Option<usize>,
    /// Up to which channel the end of the capture was told.
    finished: usize,
    is_finishing: bool,
    counters: Counters,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    channel: usize,
    line: Line,
}

#[derive(Debug)]
struct Channel<P> {
    lines: Arbitration,
    line_count: u8,
    protocol: P,
    /// Whether a session was decoded: the next one needs a new decoder.
    is_used: bool,
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

impl<P: Protocol> Captured<P> {
    /// A codec at the beginning of a capture.
    pub fn new(options: &Options) -> Self {
        Self::with_settings(options, Settings::default())
    }

    /// The same, waiting for lost messages as long as `settings` say.
    pub fn with_settings(options: &Options, settings: Settings) -> Self {
        Self {
            options: options.clone(),
            settings,
            records: Records::default(),
            offset: 0,
            streams: FxHashMap::default(),
            channels: Vec::new(),
            current: None,
            finished: 0,
            is_finishing: false,
            counters: Counters::default(),
        }
    }

    /// What the capture had so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What became of the lines of each channel, in the order in which they were met.
    pub fn channels(&self) -> impl Iterator<Item = &arbitration::Counters> {
        self.channels.iter().map(|channel| channel.lines.counters())
    }

    /// Looks at a packet for the first time, and takes its datagram if it is ours.
    fn take<'a, S: Sink>(
        &mut self,
        packet: &Packet<'a>,
        turn: &mut Turn<'_, S>,
    ) -> Result<Option<(usize, Datagram<'a>)>, CodecError> {
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

    fn take_udp<'a, S: Sink>(
        &mut self,
        at: Nanos,
        udp: &Udp<'a>,
        turn: &mut Turn<'_, S>,
    ) -> Result<Option<(usize, Datagram<'a>)>, CodecError> {
        let datagram = match P::view(udp.payload, udp.is_cut) {
            Ok(datagram) => datagram,
            Err(malformed) => {
                let known = self.streams.keys().any(|(target, _)| *target == udp.target);
                if !known {
                    self.counters.foreign += 1;
                    return Ok(None);
                }
                self.counters.unreadable += 1;
                turn.fault(Fault::Malformed, format_args!("{malformed}"))?;
                return Ok(None);
            }
        };
        let key = (udp.target, P::stream(&datagram));
        let stream = match self.streams.get(&key) {
            Some(stream) => *stream,
            None if !P::looks_like(&datagram) => {
                self.counters.foreign += 1;
                return Ok(None);
            }
            None => match self.meet(key, &datagram) {
                Some(stream) => stream,
                None => {
                    self.counters.refused += 1;
                    let what = format_args!("more than {CHANNELS_MAX} channels are not followed");
                    turn.fault(Fault::OutOfRange, what)?;
                    return Ok(None);
                }
            },
        };
        self.counters.used += 1;
        self.channels[stream.channel].lines.receive(stream.line, &datagram, at);
        Ok(Some((stream.channel, datagram)))
    }

    /// Gives a stream its channel: that of its session, if another stream has it.
    #[cold]
    fn meet(&mut self, key: (SocketAddr, u64), datagram: &Datagram<'_>) -> Option<Stream> {
        if self.streams.len() == STREAMS_MAX {
            return None;
        }
        let same = |channel: &Channel<P>| channel.lines.session() == Some(datagram.session);
        let channel = match self.channels.iter().position(same) {
            Some(channel) => channel,
            None if self.channels.len() == CHANNELS_MAX => return None,
            None => {
                let (lines, protocol) = (Arbitration::new(self.settings), P::new(&self.options));
                self.channels.push(Channel { lines, line_count: 0, protocol, is_used: false });
                self.channels.len() - 1
            }
        };
        let lines = &mut self.channels[channel].line_count;
        let stream = Stream { channel, line: Line(*lines) };
        *lines = lines.saturating_add(1);
        self.streams.insert(key, stream);
        Some(stream)
    }

    /// Tells what is next in a channel, as far as there is room. Whether that was all.
    fn tell<S: Sink>(
        &mut self,
        channel: usize,
        datagram: &Datagram<'_>,
        turn: &mut Turn<'_, S>,
    ) -> Result<bool, CodecError> {
        let Channel { lines, protocol, is_used, .. } = &mut self.channels[channel];
        loop {
            // Asked once for many messages: a ring has to look at its consumers to answer.
            let messages = turn.sink.room() / EVENTS_PER_MESSAGE_MAX;
            if messages == 0 {
                return Ok(false);
            }
            for _ in 0..messages {
                match lines.deliver(datagram) {
                    None => return Ok(true),
                    Some(Delivery::Message { sequence, received_at, bytes }) => {
                        let mut sink = Stamped { sink: &mut *turn.sink, received_at };
                        let told =
                            protocol.message(bytes, turn.packet, turn.names, &mut sink, turn.tally);
                        if let Err(CodecError { what, .. }) = told {
                            return Err(turn.error(&format_args!("message {sequence}: {what}")));
                        }
                    }
                    Some(Delivery::Gap { first, count }) => {
                        turn.missing(first, count, protocol.now(lines.now()))?;
                    }
                    Some(Delivery::Session(_)) => {
                        if std::mem::replace(is_used, true) {
                            *protocol = P::new(&self.options);
                        }
                    }
                    Some(Delivery::Ended) => {}
                }
            }
        }
    }

    /// The end of the capture: what is still waited for is lost. Whether that was all.
    fn finish<S: Sink>(&mut self, turn: &mut Turn<'_, S>) -> Result<bool, CodecError> {
        while self.finished < self.channels.len() {
            if !std::mem::replace(&mut self.is_finishing, true) {
                self.channels[self.finished].lines.finish();
            }
            if !self.tell(self.finished, &Datagram::NONE, turn)? {
                return Ok(false);
            }
            self.is_finishing = false;
            self.finished += 1;
        }
        Ok(true)
    }

    /// The end of the capture within a record.
    fn cut_short<S: Sink>(&self, rest: usize, turn: &mut Turn<'_, S>) -> CodecError {
        turn.packet = self.counters.packets + 1;
        let now = |channel: &Channel<P>| channel.protocol.now(channel.lines.now());
        let now = self.channels.first().map_or(Nanos(0), now);
        turn.tally.gaps += 1;
        turn.tally.fault(Fault::Truncated, turn.packet);
        turn.sink.push(Event::new(
            SubjectId::EVERY,
            now,
            Gap::new(turn.packet, 0, Fault::Truncated),
        ));
        turn.error(&format_args!("the capture ends within a record ({rest} bytes there)"))
    }

    /// The datagram of a packet that was looked at before.
    fn again<'a>(packet: &Packet<'a>) -> Datagram<'a> {
        match network::content(packet.link, packet.bytes) {
            Content::Udp(udp) => P::view(udp.payload, udp.is_cut).unwrap_or(Datagram::NONE),
            _ => Datagram::NONE,
        }
    }

    /// One packet; whether everything in it was told.
    fn packet<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        turn: &mut Turn<'_, S>,
    ) -> Result<bool, CodecError> {
        let taken = match self.current {
            Some(channel) => Some((channel, Self::again(packet))),
            None => self.take(packet, turn)?,
        };
        let Some((channel, datagram)) = taken else { return Ok(true) };
        let all = self.tell(channel, &datagram, turn)?;
        self.current = (!all).then_some(channel);
        Ok(all)
    }
}

impl<S: Sink> Turn<'_, S> {
    fn error(&self, what: &dyn fmt::Display) -> CodecError {
        let what = format!("packet {}: {what}", self.packet);
        CodecError { offset: self.offset, line: None, what }
    }

    /// Counts what is wrong with a packet; in strict reading it is an error.
    #[cold]
    fn fault(&mut self, fault: Fault, what: fmt::Arguments<'_>) -> Result<(), CodecError> {
        self.tally.fault(fault, self.packet);
        if self.strict { Err(self.error(&what)) } else { Ok(()) }
    }

    /// Messages will not come: whoever follows anything is told.
    #[cold]
    fn missing(&mut self, first: u64, count: u64, at: Nanos) -> Result<(), CodecError> {
        self.tally.gaps += 1;
        self.sink.push(Event::new(SubjectId::EVERY, at, Gap::new(first, count, Fault::Missing)));
        self.fault(Fault::Missing, format_args!("{count} messages from {first} on are missing"))
    }
}

impl<P: Protocol> Codec for Captured<P> {
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<usize, CodecError> {
        let mut consumed = 0;
        let strict = self.options.strict;
        let mut turn = Turn { strict, offset: self.offset, packet: 0, names, sink, tally };
        while turn.sink.room() >= EVENTS_PER_MESSAGE_MAX {
            let rest = &input[consumed..];
            turn.offset = self.offset;
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
}

/// A sink for events that were received at the same time.
struct Stamped<'a, S> {
    sink: &'a mut S,
    received_at: Nanos,
}

impl<S: Sink> Sink for Stamped<'_, S> {
    #[inline]
    fn room(&mut self) -> usize {
        self.sink.room()
    }

    #[inline]
    fn push(&mut self, mut event: Event) {
        event.received_at = self.received_at;
        self.sink.push(event);
    }
}

/// Whether the capture that begins with `bytes` has a datagram of the protocol, as far as it can be seen.
pub(crate) fn looks_like_protocol<P: Protocol>(bytes: &[u8]) -> bool {
    if !super::is_capture(bytes) {
        return false;
    }
    let (mut records, mut rest) = (Records::default(), bytes);
    while let Ok(step) = records.step(rest) {
        let taken = match step {
            Step::Packet(packet, taken) => {
                if let Content::Udp(udp) = network::content(packet.link, packet.bytes)
                    && let Ok(datagram) = P::view(udp.payload, udp.is_cut)
                    && P::looks_like(&datagram)
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
