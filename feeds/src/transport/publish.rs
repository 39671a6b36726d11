//! Sends a generated session as a venue would: MoldUDP64 on one or two lines, and answers requests.
//!
//! What the lines lose, send twice or out of order follows from the seed. The session is kept in memory,
//! since any of its messages may be asked for.

use crate::codec::framing::SessionId;
use crate::codec::framing::moldudp64::{Builder, Header, PACKET_BYTES_MAX};
use crate::synthetic::Random;
use engine_event::{Clock, Nanos, RealClock};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How a session is sent.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Where each line is sent to, A first.
    pub lines: Vec<SocketAddr>,
    /// The interface that groups are sent from.
    pub interface: Ipv4Addr,
    /// Where requests for lost messages are answered.
    pub requests: Option<SocketAddr>,
    /// Whose messages they are.
    pub session: SessionId,
    /// Messages in a second, on each line.
    pub rate: f64,
    /// The most messages in one packet.
    pub messages_max: u16,
    /// How many packets in a million are lost, on each line by itself.
    pub loss_in_million: u32,
    /// How many packets in a million come after up to three later ones.
    pub reorder_in_million: u32,
    /// How many packets in a million come twice.
    pub duplicate_in_million: u32,
    /// What is lost, late or sent twice follows from it.
    pub seed: u64,
    /// How long requests are answered after the end of the session.
    pub linger: Duration,
}

/// What became of a session that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Published {
    /// Messages of the session.
    pub messages: u64,
    /// Packets sent, on all lines.
    pub packets: u64,
    /// Packets that were left out, on all lines.
    pub lost: u64,
    /// Packets sent a second time.
    pub duplicated: u64,
    /// Packets sent after later ones.
    pub reordered: u64,
    /// Requests answered.
    pub answered: u64,
    /// Requests for messages that there are not.
    pub refused: u64,
}

/// How long a venue is silent before it says that it is still there.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How often the end of the session is said.
const ENDS: u32 = 3;

/// A session, cut into messages.
struct Session {
    bytes: Vec<u8>,
    /// Where every [`STRIDE`]th message begins.
    marks: Vec<usize>,
    count: u64,
}

const STRIDE: u64 = 64;

impl Session {
    /// Messages as a BinaryFILE has them: each behind its length.
    fn new(bytes: Vec<u8>) -> Self {
        let (mut marks, mut count, mut at) = (Vec::new(), 0, 0);
        while let Some((_, next)) = Self::message(&bytes, at) {
            if count % STRIDE == 0 {
                marks.push(at);
            }
            (count, at) = (count + 1, next);
        }
        Self { bytes, marks, count }
    }

    fn message(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
        let (length, rest) = bytes.get(at..)?.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        Some((rest.get(..length)?, at + 2 + length))
    }

    /// Where message `sequence` (from 1) begins.
    fn place(&self, sequence: u64) -> Option<usize> {
        let number = sequence.checked_sub(1).filter(|number| *number < self.count)?;
        let mut at = self.marks[(number / STRIDE) as usize];
        for _ in 0..number % STRIDE {
            at = Self::message(&self.bytes, at)?.1;
        }
        Some(at)
    }

    /// A packet of at most `count` messages from `sequence` on, and where the message after it begins.
    fn packet(&self, session: SessionId, sequence: u64, at: usize, count: u16) -> (Vec<u8>, usize) {
        let mut builder = Builder::new(session, sequence, PACKET_BYTES_MAX);
        let mut next = at;
        while builder.count() < count
            && let Some((message, after)) = Self::message(&self.bytes, next)
            && builder.push(message)
        {
            next = after;
        }
        (builder.take(), next)
    }
}

/// A line: its socket, and what it holds back.
struct Sending {
    socket: UdpSocket,
    target: SocketAddr,
    random: Random,
    held: Vec<(u32, Vec<u8>)>,
}

/// The venue.
struct Venue<'a> {
    of: &'a Publication,
    session: Session,
    lines: Vec<Sending>,
    requests: Option<UdpSocket>,
    clock: RealClock,
    published: Published,
}

/// Sends the session `binary_file` (messages behind their lengths), until its end or until `stop`.
pub fn publish(
    binary_file: Vec<u8>,
    publication: &Publication,
    stop: &AtomicBool,
) -> io::Result<Published> {
    let mut venue = Venue::open(binary_file, publication)?;
    venue.send_all(stop)?;
    venue.end(stop)?;
    Ok(venue.published)
}

impl<'a> Venue<'a> {
    fn open(binary_file: Vec<u8>, of: &'a Publication) -> io::Result<Self> {
        let line = |(place, target): (usize, &SocketAddr)| {
            // What is sent to a group leaves by the interface whose address the socket has.
            let own = if target.ip().is_loopback() { Ipv4Addr::LOCALHOST } else { of.interface };
            let socket = UdpSocket::bind((own, 0))?;
            let seed = of.seed.wrapping_mul(31).wrapping_add(place as u64);
            Ok(Sending { socket, target: *target, random: Random::new(seed), held: Vec::new() })
        };
        let lines = of.lines.iter().enumerate().map(line).collect::<io::Result<_>>()?;
        let listen = |address: SocketAddr| {
            let socket = UdpSocket::bind(address)
                .map_err(|e| io::Error::new(e.kind(), format!("requests at {address}: {e}")))?;
            socket.set_nonblocking(true)?;
            Ok::<_, io::Error>(socket)
        };
        let requests = of.requests.map(listen).transpose()?;
        let session = Session::new(binary_file);
        let published = Published { messages: session.count, ..Published::default() };
        Ok(Self { of, session, lines, requests, clock: RealClock::new(), published })
    }

    fn send_all(&mut self, stop: &AtomicBool) -> io::Result<()> {
        let mut sizes = Random::new(self.of.seed ^ 0x5153);
        let (started, mut sequence, mut at) = (self.clock.now(), 1, 0);
        while sequence <= self.session.count && !stop.load(Ordering::Relaxed) {
            let due = Duration::from_secs_f64((sequence - 1) as f64 / self.of.rate);
            self.wait(started, due, sequence)?;
            let count = 1 + sizes.below(u32::from(self.of.messages_max.max(1))) as u16;
            let (packet, next) = self.session.packet(self.of.session, sequence, at, count);
            sequence += u64::from(u16::from_be_bytes([packet[18], packet[19]]));
            at = next;
            for line in 0..self.lines.len() {
                self.send(line, &packet)?;
            }
        }
        for line in 0..self.lines.len() {
            let held = std::mem::take(&mut self.lines[line].held);
            held.iter().try_for_each(|(_, packet)| self.put(line, packet))?;
        }
        Ok(())
    }

    fn since(&self, started: Nanos) -> Duration {
        Duration::from_nanos(self.clock.now().since(started).0)
    }

    /// Waits until `due`, answering meanwhile and saying that it is still there.
    fn wait(&mut self, started: Nanos, due: Duration, sequence: u64) -> io::Result<()> {
        let mut silent_since = self.since(started);
        loop {
            self.answer()?;
            let passed = self.since(started);
            let Some(left) = due.checked_sub(passed).filter(|left| !left.is_zero()) else {
                return Ok(());
            };
            if passed - silent_since >= HEARTBEAT {
                let beat = Builder::new(self.of.session, sequence, PACKET_BYTES_MAX).take();
                (0..self.lines.len()).try_for_each(|line| self.put(line, &beat))?;
                silent_since = passed;
            }
            match left > Duration::from_micros(100) {
                true => std::thread::sleep(Duration::from_micros(50)),
                false => std::hint::spin_loop(),
            }
        }
    }

    /// Sends a packet on a line, as the weather is.
    fn send(&mut self, line: usize, packet: &[u8]) -> io::Result<()> {
        let of = self.of;
        let sending = &mut self.lines[line];
        let mut happens = |in_million: u32| sending.random.below(1_000_000) < in_million;
        let (is_lost, is_twice, is_late) = (
            happens(of.loss_in_million),
            happens(of.duplicate_in_million),
            happens(of.reorder_in_million),
        );
        let mut due = Vec::new();
        sending.held.retain_mut(|(left, held)| {
            *left -= 1;
            if *left == 0 {
                due.push(std::mem::take(held));
            }
            *left > 0
        });
        if is_lost {
            self.published.lost += 1;
        } else if is_late {
            self.published.reordered += 1;
            let after = 1 + sending.random.below(3);
            sending.held.push((after, packet.to_vec()));
        } else {
            self.put(line, packet)?;
            if is_twice {
                self.published.duplicated += 1;
                self.put(line, packet)?;
            }
        }
        due.iter().try_for_each(|packet| self.put(line, packet))
    }

    fn put(&mut self, line: usize, packet: &[u8]) -> io::Result<()> {
        let Sending { socket, target, .. } = &self.lines[line];
        loop {
            match socket.send_to(packet, target) {
                // Nobody listens there yet.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                sent => drop(sent?),
            }
            self.published.packets += 1;
            return Ok(());
        }
    }

    /// Answers what was asked: as many messages as one packet holds.
    fn answer(&mut self) -> io::Result<()> {
        let Some(socket) = &self.requests else { return Ok(()) };
        let mut bytes = [0; 64];
        loop {
            let (length, from) = match socket.recv_from(&mut bytes) {
                Ok(asked) => asked,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::ConnectionRefused
                    ) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let asked = Header::view_request(&bytes[..length]);
            let asked = asked.filter(|asked| asked.session == self.of.session);
            let place = asked.and_then(|asked| self.session.place(asked.sequence.get()));
            let (Some(asked), Some(at)) = (asked, place) else {
                self.published.refused += 1;
                continue;
            };
            let (sequence, count) = (asked.sequence.get(), asked.count.get());
            let (packet, _) = self.session.packet(self.of.session, sequence, at, count);
            if socket.send_to(&packet, from).is_ok() {
                self.published.answered += 1;
            }
        }
    }

    /// Says that the session has ended, and goes on answering for a while.
    fn end(&mut self, stop: &AtomicBool) -> io::Result<()> {
        let next = self.session.count + 1;
        let end = Builder::new(self.of.session, next, PACKET_BYTES_MAX).end_of_session();
        let started = self.clock.now();
        for say in 0..ENDS {
            (0..self.lines.len()).try_for_each(|line| self.put(line, &end))?;
            let until = self.of.linger * (say + 1) / ENDS;
            while self.since(started) < until && !stop.load(Ordering::Relaxed) {
                self.answer()?;
                std::thread::sleep(Duration::from_micros(50));
            }
        }
        Ok(())
    }
}
