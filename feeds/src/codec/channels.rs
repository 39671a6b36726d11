//! A protocol by datagram, whichever way its datagrams came: datagrams in, events out.
//!
//! What arrives is any number of streams, told apart by where they are sent to, and things that are no
//! matter here. Streams of the same session are lines of one channel: what one of them lost comes from
//! another, and what none of them brought becomes a `Gap` ([`arbitration`](super::arbitration)). Events
//! carry the datagram's stamp as the time at which they were received.
//!
//! Everything follows from the datagrams and their stamps. Before a datagram is looked at, what its
//! stamp makes overdue is declared lost, in every channel; so whoever writes down what came, and in
//! which order, can have the same events again.
//!
//! A stream is met when a datagram of it can be read; from then on one that cannot be is a fault.
//! Faults name the packet, counted from 1.

use super::arbitration::{self, Arbitration, Delivery, Line, Request, Settings};
use super::framing::{Datagram, Malformed};
use super::{CodecError, EVENTS_PER_MESSAGE_MAX};
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

    /// Another session begins on the same channel. What was told of the last one no longer holds.
    fn begin_again(&mut self, options: &Options)
    where
        Self: Sized,
    {
        *self = Self::new(options);
    }

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

/// What there was besides messages.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Packets of the protocol.
    pub used: u64,
    /// Packets of others.
    pub foreign: u64,
    /// Packets of which not all is there.
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

/// A payload, when it came and where it was sent to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) at: Nanos,
    pub(crate) target: SocketAddr,
    pub(crate) payload: &'a [u8],
    /// Whether the payload's end is missing.
    pub(crate) is_cut: bool,
}

/// The channels of a protocol.
#[derive(Debug)]
pub(crate) struct Channels<P> {
    options: Options,
    settings: Settings,
    streams: FxHashMap<(SocketAddr, u64), Stream>,
    channels: Vec<Channel<P>>,
    step: Step,
    pub(crate) counters: Counters,
}

/// How far the packet at hand was dealt with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// It was not looked at.
    New,
    /// Channels before this one were told the time; this one too, if `ticked`.
    Overdue { channel: usize, ticked: bool },
    /// Its messages go to this channel.
    Messages { channel: usize },
    /// Nothing more comes: channels before this one were told so; this one too, if `told`.
    Finish { channel: usize, told: bool },
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
    /// Whether a session was decoded: the next one begins again.
    is_used: bool,
    has_ended: bool,
}

/// Where events go, and what is needed to make them.
pub(crate) struct Turn<'a, S> {
    pub(crate) strict: bool,
    pub(crate) packet: u64,
    pub(crate) names: &'a mut Directory,
    pub(crate) sink: &'a mut S,
    pub(crate) tally: &'a mut Tally,
}

/// Why reading ends at a packet: what is wrong with it.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) String);

impl<P: Protocol> Channels<P> {
    /// Channels of which nothing has come, that wait for lost messages as long as `settings` say.
    pub(crate) fn new(options: &Options, settings: Settings) -> Self {
        Self {
            options: options.clone(),
            settings,
            streams: FxHashMap::default(),
            channels: Vec::new(),
            step: Step::New,
            counters: Counters::default(),
        }
    }

    /// Channels that are met from now on wait for lost messages as long as `settings` say.
    pub(crate) fn wait_as(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// What became of the lines of each channel, in the order in which they were met.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &arbitration::Counters> {
        self.channels.iter().map(|channel| channel.lines.counters())
    }

    /// Whether the packet at hand was looked at, and more of it is to be told.
    pub(crate) fn is_within(&self) -> bool {
        self.step != Step::New
    }

    /// Whether sessions were met, and all of them have ended.
    pub(crate) fn have_ended(&self) -> bool {
        !self.channels.is_empty() && self.channels.iter().all(|channel| channel.has_ended)
    }

    /// Takes what came, or goes on with it. Whether all of it was told: else it is to be given again when
    /// the sink has room.
    pub(crate) fn take<S: Sink>(
        &mut self,
        arrival: &Arrival<'_>,
        turn: &mut Turn<'_, S>,
    ) -> Result<bool, Refusal> {
        if self.step == Step::New {
            self.step = Step::Overdue { channel: 0, ticked: false };
        }
        if !self.pass_to(arrival.at, turn)? {
            return Ok(false);
        }
        let datagram = match self.step {
            Step::Messages { .. } => P::view(arrival.payload, arrival.is_cut).ok(),
            _ => {
                self.step = Step::New;
                self.first_look(arrival, turn)?
            }
        };
        let Some(datagram) = datagram else { return Ok(true) };
        let Step::Messages { channel } = self.step else { return Ok(true) };
        let all = self.tell(channel, &datagram, turn)?;
        if all {
            self.step = Step::New;
        }
        Ok(all)
    }

    /// Time passes and nothing comes: what is overdue is declared lost. Whether all was told.
    pub(crate) fn tick<S: Sink>(
        &mut self,
        now: Nanos,
        turn: &mut Turn<'_, S>,
    ) -> Result<bool, Refusal> {
        if self.step == Step::New {
            self.step = Step::Overdue { channel: 0, ticked: false };
        }
        let all = self.pass_to(now, turn)?;
        if all {
            self.step = Step::New;
        }
        Ok(all)
    }

    /// Nothing more will come: what is still waited for is lost. Whether all was told.
    pub(crate) fn finish<S: Sink>(&mut self, turn: &mut Turn<'_, S>) -> Result<bool, Refusal> {
        if self.step == Step::New {
            self.step = Step::Finish { channel: 0, told: false };
        }
        while let Step::Finish { channel, told } = self.step
            && channel < self.channels.len()
        {
            if !told {
                self.channels[channel].lines.finish();
                self.step = Step::Finish { channel, told: true };
            }
            if !self.tell(channel, &Datagram::NONE, turn)? {
                return Ok(false);
            }
            self.step = Step::Finish { channel: channel + 1, told: false };
        }
        Ok(true)
    }

    /// When the first gap will be declared, or the first request made, if nothing comes before.
    pub(crate) fn wake_at(&self) -> Option<Nanos> {
        self.channels.iter().filter_map(|channel| channel.lines.wake_at()).min()
    }

    /// When the first gap will be declared, if nothing comes before.
    pub(crate) fn declares_at(&self) -> Option<Nanos> {
        self.channels.iter().filter_map(|channel| channel.lines.declares_at()).min()
    }

    /// The next messages to be asked for again at `now`.
    pub(crate) fn request(&mut self, now: Nanos) -> Option<Request> {
        self.channels.iter_mut().find_map(|channel| channel.lines.request(now))
    }

    /// What to ask for next, when a request was answered by a datagram that ends before some of what
    /// was asked for.
    pub(crate) fn request_after(&mut self, answer: &Datagram<'_>) -> Option<Request> {
        let same = |of: &&mut Channel<P>| of.lines.session() == Some(answer.session);
        self.channels.iter_mut().find(same)?.lines.request_from(answer.next())
    }

    /// Declares in each channel what is overdue at `at`. Whether that was all.
    #[inline]
    fn pass_to<S: Sink>(&mut self, at: Nanos, turn: &mut Turn<'_, S>) -> Result<bool, Refusal> {
        while let Step::Overdue { channel, ticked } = self.step
            && let Some(of) = self.channels.get_mut(channel)
        {
            if ticked || of.lines.declares_at().is_some_and(|due| due <= at) {
                if !ticked {
                    of.lines.tick(at);
                    self.step = Step::Overdue { channel, ticked: true };
                }
                if !self.tell(channel, &Datagram::NONE, turn)? {
                    return Ok(false);
                }
            }
            self.step = Step::Overdue { channel: channel + 1, ticked: false };
        }
        Ok(true)
    }

    /// Looks at a payload for the first time, and receives its datagram if it is ours.
    fn first_look<'a, S: Sink>(
        &mut self,
        arrival: &Arrival<'a>,
        turn: &mut Turn<'_, S>,
    ) -> Result<Option<Datagram<'a>>, Refusal> {
        let datagram = match P::view(arrival.payload, arrival.is_cut) {
            Ok(datagram) => datagram,
            Err(malformed) => {
                let known = self.streams.keys().any(|(target, _)| *target == arrival.target);
                if !known {
                    self.counters.foreign += 1;
                    return Ok(None);
                }
                self.counters.unreadable += 1;
                turn.fault(Fault::Malformed, format_args!("{malformed}"))?;
                return Ok(None);
            }
        };
        let key = (arrival.target, P::stream(&datagram));
        let stream = match self.streams.get(&key) {
            Some(stream) => *stream,
            None if !P::looks_like(&datagram) => {
                self.counters.foreign += 1;
                return Ok(None);
            }
            None => match self.meet(key, &datagram, arrival.at) {
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
        self.channels[stream.channel].lines.receive(stream.line, &datagram, arrival.at);
        self.step = Step::Messages { channel: stream.channel };
        Ok(Some(datagram))
    }

    /// Gives a stream its channel: that of its session, if another stream has it.
    #[cold]
    fn meet(
        &mut self,
        key: (SocketAddr, u64),
        datagram: &Datagram<'_>,
        at: Nanos,
    ) -> Option<Stream> {
        if self.streams.len() == STREAMS_MAX {
            return None;
        }
        let same = |channel: &Channel<P>| channel.lines.session() == Some(datagram.session);
        let channel = match self.channels.iter().position(same) {
            Some(channel) => channel,
            None if self.channels.len() == CHANNELS_MAX => return None,
            None => {
                let protocol = P::new(&self.options.on_day_of(at));
                self.channels.push(Channel {
                    lines: Arbitration::new(self.settings),
                    line_count: 0,
                    protocol,
                    is_used: false,
                    has_ended: false,
                });
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
    ) -> Result<bool, Refusal> {
        let Channel { lines, protocol, is_used, has_ended, .. } = &mut self.channels[channel];
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
                            return Err(Refusal(format!("message {sequence}: {what}")));
                        }
                    }
                    Some(Delivery::Gap { first, count }) => {
                        turn.missing(first, count, protocol.now(lines.now()))?;
                    }
                    Some(Delivery::Session(_)) => {
                        *has_ended = false;
                        if std::mem::replace(is_used, true) {
                            protocol.begin_again(&self.options.on_day_of(lines.now()));
                        }
                    }
                    Some(Delivery::Ended) => *has_ended = true,
                }
            }
        }
    }
}

impl<S: Sink> Turn<'_, S> {
    /// Counts what is wrong with a packet; in strict reading it is an error.
    #[cold]
    pub(crate) fn fault(&mut self, fault: Fault, what: fmt::Arguments<'_>) -> Result<(), Refusal> {
        self.tally.fault(fault, self.packet);
        if self.strict { Err(Refusal(what.to_string())) } else { Ok(()) }
    }

    /// Messages will not come: whoever follows anything is told.
    #[cold]
    fn missing(&mut self, first: u64, count: u64, at: Nanos) -> Result<(), Refusal> {
        self.tally.gaps += 1;
        self.sink.push(Event::new(SubjectId::EVERY, at, Gap::new(first, count, Fault::Missing)));
        self.fault(Fault::Missing, format_args!("{count} messages from {first} on are missing"))
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
