//! A protocol by datagram, out of a capture: packets in, events out.
//!
//! Time is the capture's own clock. What a packet lacks because the capture cut it off, or because it
//! cannot be read, shows in the sequence numbers and is told as missing there.

use super::network::{self, Content};
use super::{CLOCK, Packet, Records, Step};
use crate::Options;
use crate::codec::arbitration::{self, Settings};
use crate::codec::channels::{Arrival, Channels, Counters, Protocol, Refusal, Turn};
use crate::codec::{Codec, CodecError, EVENTS_PER_MESSAGE_MAX, Place};
use engine_event::{Directory, Fault};
use engine_pipeline::{Sink, Tally};

/// The codec.
#[derive(Debug)]
pub struct Captured<P> {
    strict: bool,
    records: Records,
    offset: u64,
    channels: Channels<P>,
}

impl<P: Protocol> Captured<P> {
    /// A codec at the beginning of a capture.
    pub fn new(options: &Options) -> Self {
        Self::with_settings(options, Settings::default())
    }

    /// The same, waiting for lost messages as long as `settings` say.
    pub fn with_settings(options: &Options, settings: Settings) -> Self {
        Self {
            strict: options.strict,
            records: Records::default(),
            offset: 0,
            channels: Channels::new(options, settings),
        }
    }

    /// What the capture had so far.
    pub fn counters(&self) -> Counters {
        self.channels.counters
    }

    /// What became of the lines of each channel, in the order in which they were met.
    pub fn channels(&self) -> impl Iterator<Item = &arbitration::Counters> {
        self.channels.lines()
    }

    /// One packet; whether everything in it was told.
    fn packet<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        turn: &mut Turn<'_, S>,
    ) -> Result<bool, Refusal> {
        let content = network::content(packet.link, packet.bytes);
        if let Content::Udp(udp) = &content
            && udp.target == CLOCK
            && udp.payload.is_empty()
        {
            turn.packet = self.channels.counters.packets;
            return self.channels.tick(packet.at, turn);
        }
        if !self.channels.is_within() {
            self.first_look(packet, &content, turn)?;
        }
        let Content::Udp(udp) = content else { return Ok(true) };
        let (target, payload, is_cut) = (udp.target, udp.payload, udp.is_cut);
        self.channels.take(&Arrival { at: packet.at, target, payload, is_cut }, turn)
    }

    /// Counts what a packet is.
    fn first_look<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        content: &Content<'_>,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Refusal> {
        let counters = &mut self.channels.counters;
        counters.packets += 1;
        let is_cut = packet.bytes.len() < packet.length as usize;
        if is_cut && !matches!(content, Content::Foreign) {
            counters.cut += 1;
            let (there, length) = (packet.bytes.len(), packet.length);
            let what = format_args!("{there} of {length} bytes were captured");
            turn.fault(Fault::Truncated, what)?;
        }
        match content {
            Content::Udp(_) => {}
            Content::Fragment => {
                counters.fragments += 1;
                turn.fault(Fault::Malformed, format_args!("a fragment of a datagram"))?;
            }
            Content::UnknownLink => {
                counters.unreadable += 1;
                let what = format_args!("link type {} is not known", packet.link);
                turn.fault(Fault::UnknownType, what)?;
            }
            Content::Cut => counters.unreadable += 1,
            Content::Foreign => counters.foreign += 1,
        }
        Ok(())
    }

    /// The end of the capture within a record.
    fn cut_short(&self, rest: usize) -> CodecError {
        let what = format!("the capture ends within a record ({rest} bytes there)");
        CodecError { is_end: true, ..self.error(self.place(), Refusal(what)) }
    }

    #[cold]
    fn error(&self, packet: u64, Refusal(what): Refusal) -> CodecError {
        let place = Place { offset: self.offset, line: None };
        CodecError::new(place, format_args!("packet {packet}: {what}"))
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
        let mut turn = Turn { strict: self.strict, packet: 0, names, sink, tally };
        while turn.sink.room() >= EVENTS_PER_MESSAGE_MAX {
            let rest = &input[consumed..];
            let is_new = !self.channels.is_within();
            turn.packet = self.channels.counters.packets + u64::from(is_new);
            let packet = turn.packet;
            let step = self.records.step(rest);
            let step = step.map_err(|broken| self.error(packet, Refusal(broken.to_string())))?;
            let told = match step {
                Step::Packet(packet, taken) => match self.packet(&packet, &mut turn) {
                    Ok(true) => Ok(taken),
                    Ok(false) => break,
                    Err(refusal) => Err(refusal),
                },
                Step::Unreadable(taken) => {
                    self.channels.counters.packets += 1;
                    self.channels.counters.unreadable += 1;
                    let what = format_args!("its record cannot be read");
                    turn.fault(Fault::BadLength, what).map(|()| taken)
                }
                Step::Other(taken) => {
                    // A recording of ours waits as long as the run did, so as to tell the same.
                    let note = self.records.take_note();
                    if let Some(settings) = note.and_then(|note| Settings::from_note(&note)) {
                        self.channels.wait_as(settings);
                    }
                    Ok(taken)
                }
                Step::More if last => {
                    turn.packet = self.channels.counters.packets;
                    let told = self.channels.finish(&mut turn);
                    let told = told.map_err(|refusal| self.error(turn.packet, refusal))?;
                    if told
                        && turn.sink.room() > 0
                        && (!rest.is_empty() || self.records.is_within())
                    {
                        return Err(self.cut_short(rest.len()));
                    }
                    break;
                }
                Step::More => break,
            };
            let taken = told.map_err(|refusal| self.error(packet, refusal))?;
            consumed += taken;
            self.offset += taken as u64;
        }
        Ok(consumed)
    }

    fn place(&self) -> u64 {
        self.channels.counters.packets + 1
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
