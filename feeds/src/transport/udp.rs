//! Live datagrams: a venue's lines, as they come, put in order and decoded.
//!
//! Sockets that hear groups (or addresses of this machine) are read through an io_uring, or through
//! `recvmmsg` where the kernel does not allow one; which it is was decided when the feed was opened, and
//! [`Udp::description`] says so. What comes carries the kernel's stamp, or the network card's.
//!
//! Lost messages are taken from the other lines, else asked for at a request server, else declared lost
//! ([`arbitration`](crate::codec::arbitration)). What was received can be recorded: a replay of the file
//! gives the same events, because they follow from the packets and their stamps alone. Only when nothing
//! comes does the clock decide what is lost, and the recording notes when it did.

mod batches;
mod card;
mod record;
mod silence;
mod sockets;

use super::file::Batch;
use super::uring::{Refused, Uring};
use crate::Options;
use crate::codec::EVENTS_PER_MESSAGE_MAX;
use crate::codec::arbitration::{Counters as LineCounters, Request, Settings};
use crate::codec::channels::{Arrival, Channels, Counters, Protocol, Refusal, Turn};
use crate::codec::framing::moldudp64::Header;
use batches::Batches;
use engine_event::{Clock, Directory, Fault, Nanos, WallClock};
use engine_pipeline::{Feed, FeedError, FeedTurn, Latency, Sink, Tally, Timing};
use record::Recording;
use silence::Silence;
use sockets::{Wish, buffer_bytes, connect, listen};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::str::FromStr;
use zerocopy::IntoBytes;

pub use card::{CardStamps, card_stamps};
pub use record::Recorded;
pub(super) use sockets::{Beside, address};

/// Whether the kernel allows the io_uring that live feeds are read through, or why not.
pub fn allows_io_uring() -> io::Result<()> {
    Uring::new(Vec::new(), 2048).map(drop).map_err(|refused| refused.error)
}

/// What to listen to, and how.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Groups, or addresses of this machine: the lines of one venue, A first. At most
    /// [`Listen::LINES_MAX`].
    pub lines: Vec<SocketAddr>,
    /// The interface on which groups are joined.
    pub interface: Ipv4Addr,
    /// Who answers requests for lost messages.
    pub requests: Option<SocketAddr>,
    /// How long to wait for lost messages, and how much to keep.
    pub settings: Settings,
    /// How packets are received.
    pub receive: Receive,
    /// Whose stamps packets carry.
    pub stamping: Stamping,
    /// How many bytes the kernel may keep for each socket: 16 MiB.
    pub buffer_bytes: usize,
    /// The longest payload; of a longer one the end is missing.
    pub payload_bytes_max: usize,
    /// Where to record what is received.
    pub record: Option<PathBuf>,
    /// Whether the feed ends with the venue's session, instead of waiting for the next one.
    pub until_end: bool,
    /// After how long without a packet it says so, if it does.
    pub silent_after: Option<Nanos>,
}

impl Listen {
    /// How many lines a feed may have.
    pub const LINES_MAX: usize = 16;

    /// To listen to these lines as is usual.
    pub fn to(lines: Vec<SocketAddr>) -> Self {
        Self {
            lines,
            interface: Ipv4Addr::UNSPECIFIED,
            requests: None,
            settings: Settings::default(),
            receive: Receive::Auto,
            stamping: Stamping::Kernel,
            buffer_bytes: 16 << 20,
            payload_bytes_max: 2048,
            record: None,
            until_end: false,
            silent_after: None,
        }
    }
}

/// How packets are received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receive {
    /// Through an io_uring if the kernel allows one, else through `recvmmsg`.
    Auto,
    /// Through an io_uring, or not at all.
    Uring,
    /// Through `recvmmsg`.
    Batches,
}

impl FromStr for Receive {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "auto" => Ok(Receive::Auto),
            "io_uring" => Ok(Receive::Uring),
            "recvmmsg" => Ok(Receive::Batches),
            _ => Err(format!("\"{word}\" is none of auto, io_uring, recvmmsg")),
        }
    }
}

/// Whose stamps packets carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stamping {
    /// The kernel's, made when the packet came off the network card.
    Kernel,
    /// The network card's; the kernel's where it gives none.
    Hardware,
    /// Ours, made when the packet is taken from the kernel.
    None,
}

impl FromStr for Stamping {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "kernel" => Ok(Stamping::Kernel),
            "hardware" => Ok(Stamping::Hardware),
            "none" => Ok(Stamping::None),
            _ => Err(format!("\"{word}\" is none of kernel, hardware, none")),
        }
    }
}

/// A packet as it was received; its payload lies with who received it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    pub(super) socket: usize,
    pub(super) length: usize,
    pub(super) is_cut: bool,
    pub(super) beside: Beside,
    pub(super) source: Option<SocketAddr>,
}

#[derive(Debug)]
enum Receiver {
    Uring(Box<Uring>),
    Batches(Box<Batches>),
}

impl Receiver {
    fn next(&mut self) -> io::Result<bool> {
        match self {
            Receiver::Uring(uring) => uring.next(),
            Receiver::Batches(batches) => batches.next(),
        }
    }

    fn current(&self) -> Option<(Came, &[u8])> {
        match self {
            Receiver::Uring(uring) => uring.current(),
            Receiver::Batches(batches) => batches.current(),
        }
    }
}

/// What was received, besides messages.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Packets, by what they are.
    pub packets: Counters,
    /// What became of the lines, all channels together.
    pub lines: LineCounters,
    /// Packets that the kernel dropped because nobody fetched them in time.
    pub dropped: u64,
    /// How often all buffers of the ring were full.
    pub starved: u64,
    /// Requests that could not be sent.
    pub unsent: u64,
    /// From the packet's stamp to its being taken, one packet in [`Udp::WIRE_SAMPLED`].
    pub wire: Option<engine_pipeline::Percentiles>,
    /// The recording, if there is one and it has ended.
    pub recorded: Option<Recorded>,
}

/// A live feed of one protocol.
#[derive(Debug)]
pub struct Udp<P> {
    name: String,
    description: String,
    strict: bool,
    until_end: bool,
    /// Whether packets carry stamps.
    is_stamped: bool,
    receiver: Receiver,
    /// Where each socket's packets are sent to.
    targets: Vec<SocketAddr>,
    /// The last of the sockets, if it is the one that talks to the request server.
    requests: Option<UdpSocket>,
    channels: Channels<P>,
    recording: Option<Recording>,
    recorded: Option<Recorded>,
    tally: Tally,
    /// When the packet at hand came, if there is one.
    current_at: Option<Nanos>,
    silence: Silence,
    /// Whether the clock's decision is not told to its end.
    ticking: Option<Nanos>,
    drops: Vec<u32>,
    unsent: u64,
    wire: Latency,
    has_ended: bool,
    /// Why nothing more can be received, once that is so and not yet told.
    stop: Option<Stop>,
}

impl<P: Protocol> Udp<P> {
    /// One packet in so many has its way from the stamp to the feed measured.
    pub const WIRE_SAMPLED: u64 = 64;

    /// Opens the sockets. Names in errors are those of the lines.
    pub fn open(listen: &Listen, options: &Options) -> Result<Self, FeedError> {
        let name = name(&listen.lines);
        let io = |reason| FeedError::Io { file: PathBuf::from(&name), reason };
        let wish = Wish {
            interface: listen.interface,
            stamping: listen.stamping,
            buffer_bytes: listen.buffer_bytes,
        };
        let mut targets = listen.lines.clone();
        let mut sockets = Vec::new();
        for line in &listen.lines {
            let error =
                |reason| FeedError::Io { file: PathBuf::from(format!("udp {line}")), reason };
            sockets.push(self::listen(*line, &wish).map_err(error)?);
        }
        let mut requests = None;
        if let Some(server) = listen.requests {
            let socket = connect(server, &wish).map_err(io)?;
            targets.push(socket.local_addr().map_err(io)?);
            requests = Some(socket.try_clone().map_err(io)?);
            sockets.push(socket);
        }
        let kept = sockets.iter().map(buffer_bytes).min().unwrap_or(0);
        let count = targets.len();
        let (receiver, how) = receiver(listen, sockets).map_err(io)?;
        let begin = |path: &PathBuf| {
            let error = |reason| FeedError::Io { file: path.clone(), reason };
            Recording::begin(path, targets.clone(), &listen.settings.note()).map_err(error)
        };
        let recording = listen.record.as_ref().map(begin).transpose()?;
        let stamps = match listen.stamping {
            Stamping::Kernel => "kernel stamps",
            Stamping::Hardware => "stamps of the network card",
            Stamping::None => "own stamps",
        };
        let asked = listen.buffer_bytes;
        let less = if kept < asked { format!(" of {asked} asked for") } else { String::new() };
        Ok(Self {
            description: format!("{name}: {how}, {stamps}, {kept} bytes of buffer{less}"),
            name,
            strict: options.strict,
            until_end: listen.until_end,
            is_stamped: listen.stamping != Stamping::None,
            receiver,
            targets,
            requests,
            channels: Channels::new(options, listen.settings),
            recording,
            recorded: None,
            tally: Tally::default(),
            current_at: None,
            silence: Silence::after(listen.silent_after, options.midnight),
            ticking: None,
            drops: vec![0; count],
            unsent: 0,
            wire: Latency::new(),
            has_ended: false,
            stop: None,
        })
    }

    /// How packets are received, for a person.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Ends the recording: waits until what came is written.
    pub fn end_recording(&mut self) {
        if let Some(mut recording) = self.recording.take() {
            self.recorded = Some(recording.end());
        }
    }

    /// What was received so far.
    pub fn received(&self) -> Received {
        let mut lines = LineCounters::default();
        self.channels.lines().for_each(|of| lines.add(of));
        Received {
            packets: self.channels.counters,
            lines,
            dropped: self.drops.iter().map(|drops| u64::from(*drops)).sum(),
            starved: match &self.receiver {
                Receiver::Uring(uring) => uring.starved(),
                Receiver::Batches(_) => 0,
            },
            unsent: self.unsent,
            wire: Some(self.wire.percentiles()).filter(|of| of.count > 0),
            recorded: self.recorded.clone(),
        }
    }

    /// A packet is at hand that was not looked at.
    fn meet(&mut self) -> Result<(), Refusal> {
        let Some((came, payload)) = self.receiver.current() else { return Ok(()) };
        let counters = &mut self.channels.counters;
        counters.packets += 1;
        let is_sampled = counters.packets.is_multiple_of(Self::WIRE_SAMPLED);
        let now = if is_sampled || came.beside.at.is_none() { WallClock.now() } else { Nanos(0) };
        let at = came.beside.at.unwrap_or(now);
        if is_sampled && self.is_stamped {
            self.wire.record(now.since(at));
        }
        self.current_at = Some(at);
        self.tally.bytes += came.length as u64;
        if let Some(drops) = came.beside.drops {
            self.drops[came.socket] = drops;
        }
        if let Some(recording) = &mut self.recording {
            recording.take(at, &came, payload);
        }
        if came.is_cut {
            counters.cut += 1;
            self.tally.fault(Fault::Truncated, counters.packets);
            if self.strict {
                let length = came.length;
                return Err(Refusal(format!("a payload of more than {length} bytes was cut off")));
            }
        }
        Ok(())
    }

    fn send(&mut self, request: Request) {
        let Some(socket) = &self.requests else { return };
        let header = Header::new(request.session, request.first, request.count);
        // What is lost on the way is asked for again.
        self.unsent += u64::from(socket.send(header.as_bytes()).is_err());
    }

    /// A packet from the request server was used: if it was not all, the rest is asked for at once.
    fn follow(&mut self) {
        let Some((came, payload)) = self.receiver.current() else { return };
        if self.requests.is_none() || came.socket + 1 != self.targets.len() {
            return;
        }
        let Ok(answer) = P::view(payload, came.is_cut) else { return };
        if let Some(request) = self.channels.request_after(&answer) {
            self.send(request);
        }
    }

    /// Nothing came: asks for what is missing, and declares what has been missing for too long.
    fn idle<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, Refusal> {
        if self.until_end && self.channels.have_ended() {
            self.has_ended = true;
            return Ok(FeedTurn::Ended);
        }
        if self.silence.is_over(now) && !self.channels.have_ended() {
            sink.push(self.silence.tell(&mut self.tally, self.channels.counters.packets));
            return Ok(FeedTurn::Worked);
        }
        let Some(due) = self.channels.wake_at() else { return Ok(FeedTurn::Idle) };
        let now = WallClock.now();
        if now < due {
            return Ok(FeedTurn::Idle);
        }
        if self.requests.is_some() {
            while let Some(request) = self.channels.request(now) {
                self.send(request);
            }
        }
        if self.channels.declares_at().is_none_or(|due| now < due) {
            return Ok(FeedTurn::Idle);
        }
        if let Some(recording) = &mut self.recording {
            recording.clock(now);
        }
        self.ticking = Some(now);
        self.tick(names, sink)
    }

    fn tick<S: Sink>(&mut self, names: &mut Directory, sink: &mut S) -> Result<FeedTurn, Refusal> {
        let Some(at) = self.ticking else { return Ok(FeedTurn::Idle) };
        let room = sink.room();
        let packet = self.channels.counters.packets;
        let mut turn = Turn { strict: self.strict, packet, names, sink, tally: &mut self.tally };
        if self.channels.tick(at, &mut turn)? {
            self.ticking = None;
        }
        Ok(if sink.room() < room { FeedTurn::Worked } else { FeedTurn::Idle })
    }

    /// Takes packets until nothing comes or the sink is full.
    fn take<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, Stop> {
        if self.ticking.is_some() {
            let turn = self.tick(names, sink)?;
            if self.ticking.is_some() {
                return Ok(turn);
            }
        }
        let mut turned = FeedTurn::Idle;
        // Packets that become no event must not keep the thread for ever.
        for _ in 0..PACKETS_PER_POLL {
            if sink.room() < EVENTS_PER_MESSAGE_MAX {
                return Ok(turned);
            }
            if self.current_at.is_none() {
                if !self.receiver.next().map_err(Stop::Io)? {
                    return match turned {
                        FeedTurn::Idle => Ok(self.idle(now, names, sink)?),
                        _ => Ok(turned),
                    };
                }
                self.meet()?;
            }
            turned = FeedTurn::Worked;
            self.silence.end(now);
            let (Some(at), Some((came, payload))) = (self.current_at, self.receiver.current())
            else {
                continue;
            };
            let target = self.targets[came.socket];
            let arrival = Arrival { at, target, payload, is_cut: came.is_cut };
            let packet = self.channels.counters.packets;
            let tally = &mut self.tally;
            let mut turn = Turn { strict: self.strict, packet, names, sink, tally };
            if !self.channels.take(&arrival, &mut turn)? {
                return Ok(turned);
            }
            self.follow();
            self.current_at = None;
        }
        Ok(turned)
    }
}

/// How many packets one poll looks at.
const PACKETS_PER_POLL: usize = 256;

/// Why a feed cannot go on.
#[derive(Debug)]
enum Stop {
    Refused(Refusal),
    Io(io::Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

impl<P: Protocol> Feed for Udp<P> {
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        if self.has_ended {
            return Ok(FeedTurn::Ended);
        }
        let mut batch = Batch::of(sink);
        if batch.room() < EVENTS_PER_MESSAGE_MAX {
            return Ok(FeedTurn::Idle);
        }
        if let Some(stop) = self.stop.take() {
            let (file, packets) = (PathBuf::from(&self.name), self.channels.counters.packets);
            // In strict reading it is the first fault that ended it.
            let is_refused = matches!(stop, Stop::Refused(_));
            let is_counted = is_refused && self.strict && self.tally.faults.total() > 0;
            batch.push(self.tally.broken_off(packets + 1, is_counted));
            return Err(match stop {
                Stop::Io(reason) => FeedError::Io { file, reason },
                Stop::Refused(Refusal(what)) => {
                    FeedError::Data { file, place: format!("packet {packets}"), what }
                }
            });
        }
        Ok(self.take(now, names, &mut batch).unwrap_or_else(|stop| {
            // There may be no room left for the gap that goes with it.
            self.stop = Some(stop);
            FeedTurn::Worked
        }))
    }

    fn tally(&self) -> Tally {
        self.tally.clone()
    }

    fn tally_into(&self, all: &mut Tally) {
        all.add(&self.tally);
    }

    fn timing(&self) -> Timing {
        Timing::Received
    }
}

/// `udp 239.1.1.1:4000, 239.1.1.2:4000`.
fn name(lines: &[SocketAddr]) -> String {
    struct List<'a>(&'a [SocketAddr]);
    impl fmt::Display for List<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for (place, line) in self.0.iter().enumerate() {
                write!(f, "{}{line}", if place > 0 { ", " } else { "" })?;
            }
            Ok(())
        }
    }
    format!("udp {}", List(lines))
}

/// The way to receive that was wished for, or the best that there is; and what it is.
fn receiver(listen: &Listen, sockets: Vec<UdpSocket>) -> io::Result<(Receiver, String)> {
    let batches =
        |sockets| Receiver::Batches(Box::new(Batches::new(sockets, listen.payload_bytes_max)));
    if listen.receive == Receive::Batches {
        return Ok((batches(sockets), "recvmmsg".to_owned()));
    }
    match Uring::new(sockets, listen.payload_bytes_max) {
        Ok(uring) => Ok((Receiver::Uring(Box::new(uring)), "io_uring".to_owned())),
        Err(Refused { error, .. }) if listen.receive == Receive::Uring => Err(error),
        Err(Refused { error, sockets }) => {
            Ok((batches(sockets), format!("recvmmsg (no io_uring: {error})")))
        }
    }
}

#[cfg(test)]
mod tests;
