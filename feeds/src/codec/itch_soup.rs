//! NASDAQ TotalView-ITCH 5.0 as its TCP service sends it: SoupBinTCP, recorded byte for byte.
//!
//! The messages are those of [`itch50`](super::itch50); a recording may hold several connections of one
//! session, one after the other, as a client that was cut off and resumed writes them. What a later
//! connection repeats is told once, what none brought is a gap, and another session begins with empty
//! books. What the client said may be there or not.

use super::framing::SessionId;
use super::framing::soupbintcp::{self, Packet};
use super::itch50::message::Message;
use super::{Codec, CodecError, EVENTS_PER_MESSAGE_MAX, Itch50, Place, Trouble};
use crate::Options;
use engine_event::body::Gap;
use engine_event::{Directory, Event, Fault, SubjectId};
use engine_pipeline::{Sink, Tally};

/// The codec.
#[derive(Debug)]
pub struct ItchSoup {
    itch: Itch50,
    options: Options,
    offset: u64,
    session: Option<SessionId>,
    /// The number of the connection's next message, from 1.
    next: u64,
    /// The number of the first message that was not told yet.
    wanted: u64,
}

impl ItchSoup {
    /// A codec at the beginning of a stream.
    pub fn new(options: &Options) -> Self {
        Self {
            itch: Itch50::new(options),
            options: options.clone(),
            offset: 0,
            session: None,
            next: 1,
            wanted: 1,
        }
    }

    fn place(&self) -> Place {
        Place { offset: self.offset, line: None }
    }

    /// A connection is let in: it goes on where the last one of the session was cut off, or begins
    /// another session. Whoever logs in late does not miss what was before.
    fn accept<S: Sink>(&mut self, session: SessionId, next: u64, sink: &mut S, tally: &mut Tally) {
        let last = self.session.replace(session);
        self.next = next;
        if last != Some(session) {
            self.wanted = next;
            if last.is_some() {
                self.itch.begin_again(&self.options);
            }
        } else if next > self.wanted {
            let gap = Gap::new(self.wanted, next - self.wanted, Fault::Missing);
            tally.gaps += 1;
            tally.fault(Fault::Missing, self.offset);
            sink.push(Event::new(SubjectId::EVERY, self.itch.now(), gap));
            self.wanted = next;
        }
    }

    fn packet<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), CodecError> {
        match *packet {
            Packet::Accepted(session, next) => self.accept(session, next, sink, tally),
            Packet::Sequenced(bytes) => {
                let sequence = self.next;
                self.next = self.next.saturating_add(1);
                if sequence >= self.wanted {
                    self.wanted = self.next;
                    return self.itch.decode_message(bytes, self.offset, names, sink, tally);
                }
            }
            Packet::Rejected(_)
            | Packet::Unsequenced(_)
            | Packet::Debug(_)
            | Packet::ServerHeartbeat
            | Packet::EndOfSession
            | Packet::Login(_)
            | Packet::ClientHeartbeat
            | Packet::Logout => {}
        }
        Ok(())
    }
}

impl Codec for ItchSoup {
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<usize, CodecError> {
        let mut rest = input;
        while sink.room() >= EVENTS_PER_MESSAGE_MAX {
            let taken = match soupbintcp::view(rest) {
                Ok(Some((packet, taken))) => {
                    self.packet(&packet, names, sink, tally)?;
                    taken
                }
                Ok(None) => {
                    if last && !rest.is_empty() {
                        let there = rest.len();
                        let what = format!("the file ends within a packet ({there} bytes of it)");
                        return Err(CodecError::at_end(self.place(), what));
                    }
                    break;
                }
                // Its length is told all the same, so that the next one is found.
                Err(error) => {
                    let (fault, place) = (Fault::Malformed, self.place());
                    let trouble = Trouble { fault, place, what: format_args!("{error}") };
                    let (at, strict) = (self.itch.now(), self.options.strict);
                    trouble.lose(strict, SubjectId::EVERY, at, sink, tally)?;
                    2 + usize::from(u16::from_be_bytes([rest[0], rest[1]]))
                }
            };
            rest = &rest[taken..];
            self.offset += taken as u64;
        }
        Ok(input.len() - rest.len())
    }

    fn place(&self) -> u64 {
        self.offset
    }
}

/// Whether content that begins with `bytes` may be a recorded connection: whole packets of known types,
/// a login's answer among them or messages of ITCH.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    const PACKETS: usize = 8;
    let (mut rest, mut is_told) = (bytes, false);
    for _ in 0..PACKETS {
        match soupbintcp::view(rest) {
            Ok(Some((packet, taken))) => {
                is_told |= match packet {
                    Packet::Accepted(..) => true,
                    Packet::Sequenced(message) => message
                        .first()
                        .is_some_and(|letter| Message::length(*letter) == Some(message.len())),
                    _ => false,
                };
                rest = &rest[taken..];
            }
            Ok(None) => break,
            Err(_) => return false,
        }
    }
    is_told
}

#[cfg(test)]
mod tests;
