//! NASDAQ TotalView-ITCH 5.0 as it was multicast: MoldUDP64 in a capture.
//!
//! The messages are those of [`itch50`](super::itch50), without the BinaryFILE around them. Streams of
//! one session are lines of one channel, most often A and B; the answers to requests count as another.

use super::Itch50;
use super::capture::{Captured, Protocol};
use super::framing::{Datagram, Malformed, moldudp64};
use super::itch50::message::Message;
use crate::codec::CodecError;
use crate::{Format, Options};
use engine_event::{Directory, Nanos};
use engine_pipeline::{Sink, Tally};

/// The codec.
pub type ItchPcap = Captured<Itch50>;

impl Protocol for Itch50 {
    const FORMAT: Format = Format::ItchPcap;

    fn new(options: &Options) -> Self {
        Itch50::new(options)
    }

    fn begin_again(&mut self, options: &Options) {
        Itch50::begin_again(self, options);
    }

    fn view(payload: &[u8], is_cut: bool) -> Result<Datagram<'_>, Malformed> {
        if is_cut { moldudp64::view_cut(payload) } else { moldudp64::view(payload) }
    }

    fn looks_like(datagram: &Datagram<'_>) -> bool {
        let known = |message: &[u8]| {
            message.first().is_some_and(|letter| Message::length(*letter) == Some(message.len()))
        };
        let mut messages = datagram.messages.iter();
        moldudp64::looks_like(datagram) && (datagram.count == 0 || messages.any(known))
    }

    fn stream(_: &Datagram<'_>) -> u64 {
        0
    }

    #[inline]
    fn message<S: Sink>(
        &mut self,
        bytes: &[u8],
        place: u64,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), CodecError> {
        self.decode_message(bytes, place, names, sink, tally)
    }

    fn now(&self, _: Nanos) -> Nanos {
        Itch50::now(self)
    }
}

/// Whether content that begins with `bytes` may be ITCH in a capture.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    super::capture::looks_like_protocol::<Itch50>(bytes)
}

#[cfg(test)]
mod tests;
