//! Codecs: one format each, bytes in, events out, no input or output of their own.
//!
//! A codec is fed from wherever the bytes come from and keeps its own place in the stream, so it
//! neither knows nor cares whether they were mapped, decompressed or received. What it cannot read
//! it counts in the [`Tally`], tells as a `Gap` event and steps over; only what leaves no next record
//! to go on with is an error.

pub mod arbitration;
pub mod bitstamp;
pub mod capture;
pub(crate) mod channels;
pub mod dbn;
pub mod framing;
pub mod iex;
pub mod itch50;
pub mod itch_pcap;
pub mod itch_soup;
mod lines;
pub mod lobster;
pub mod readings;
pub mod sbe;
mod subjects;
pub mod tape;

use engine_event::{Directory, Event, Fault, Nanos, SubjectId, body};
use engine_pipeline::{Sink, Tally};
use std::fmt;
use thiserror::Error;

pub use bitstamp::Bitstamp;
pub use dbn::Dbn;
pub use iex::IexPcap;
pub use itch_pcap::ItchPcap;
pub use itch_soup::ItchSoup;
pub use itch50::Itch50;
pub use lobster::Lobster;
pub use readings::Readings;
pub use sbe::Mdp3Pcap;
pub use tape::Tape;

/// The most events that one message becomes: a definition, a gap and the event itself, and one to
/// spare. A codec decodes while the sink has that much room.
pub const EVENTS_PER_MESSAGE_MAX: usize = 4;

/// The most bytes that one record takes: a captured packet with all that stands around it. Lines and
/// ITCH frames are shorter. A buffer that holds this many always lets a codec go on.
pub const RECORD_BYTES_MAX: usize = 128 * 1024;

/// Turns one format's bytes into events.
pub trait Codec: Send {
    /// Decodes the records that stand complete in `input`, the bytes not consumed before, while the
    /// sink has room for [`EVENTS_PER_MESSAGE_MAX`] events. Returns how many bytes it consumed.
    ///
    /// When it consumes nothing although the sink has room, it needs more bytes than `input` has. After
    /// the last byte it may have more to push: it is called, with nothing, until it leaves room.
    /// `last` says that none will follow: then an incomplete record is an error, after everything
    /// before it was pushed. That the rest is missing is for the feed to tell, whose codec is not called
    /// again after an error.
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<usize, CodecError>;

    /// The next record's place, by which its faults and gaps name it: its byte, line or packet.
    fn place(&self) -> u64;
}

/// Why a codec cannot go on.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{}: {what}", self.place())]
pub struct CodecError {
    /// The first byte of the record, counted in the (decompressed) stream.
    pub offset: u64,
    /// Its line, from 1, where the format has lines.
    pub line: Option<u64>,
    /// What is wrong and what was expected.
    pub what: String,
    /// The input ends within the record: all of its bytes were seen.
    pub is_end: bool,
}

impl CodecError {
    pub(crate) fn new(place: Place, what: impl fmt::Display) -> Self {
        Self { offset: place.offset, line: place.line, what: what.to_string(), is_end: false }
    }

    /// The same, about an input that ends within its last record.
    pub(crate) fn at_end(place: Place, what: impl fmt::Display) -> Self {
        Self { is_end: true, ..Self::new(place, what) }
    }

    /// The place for a person: `byte 12`, `line 3 (byte 120)`.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("line {line} (byte {})", self.offset),
            None => format!("byte {}", self.offset),
        }
    }
}

/// Where a record stands in its stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) line: Option<u64>,
}

impl Place {
    /// The one number by which faults and gaps name it: the line where there are lines.
    pub(crate) fn number(self) -> u64 {
        self.line.unwrap_or(self.offset)
    }
}

/// What is wrong with a record.
pub(crate) struct Trouble<'a> {
    pub(crate) fault: Fault,
    pub(crate) place: Place,
    /// What to tell a person, should this end the run.
    pub(crate) what: fmt::Arguments<'a>,
}

impl Trouble<'_> {
    /// Counts it; in strict reading it is an error.
    #[cold]
    pub(crate) fn count(&self, strict: bool, tally: &mut Tally) -> Result<(), CodecError> {
        tally.fault(self.fault, self.place.number());
        if strict { Err(CodecError::new(self.place, self.what)) } else { Ok(()) }
    }

    /// The same, and the record is lost: whoever follows `subject` is told.
    #[cold]
    pub(crate) fn lose<S: Sink>(
        &self,
        strict: bool,
        subject: SubjectId,
        at: Nanos,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), CodecError> {
        tally.gaps += 1;
        sink.push(Event::new(subject, at, body::Gap::new(self.place.number(), 1, self.fault)));
        self.count(strict, tally)
    }
}

/// Bytes of outside data as a message quotes them: printable, in quotes, not longer than a line bears.
pub(crate) struct Quoted<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 40;
        let shown = &self.0[..self.0.len().min(SHOWN_MAX)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if shown.len() < self.0.len() { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! What the tests of all codecs share.

    use super::*;

    /// Everything that decoding left behind.
    pub(crate) struct Decoded {
        pub(crate) events: Vec<Event>,
        pub(crate) names: Directory,
        pub(crate) tally: Tally,
        pub(crate) error: Option<CodecError>,
    }

    impl Decoded {
        /// An event a line, without what the sequencer and the transport add.
        pub(crate) fn lines(&self) -> String {
            let line = |event: &Event| {
                let name = self.names.name(event.subject);
                let text = format!("{event:?}\n");
                let text = match text.find(", reserved:") {
                    Some(reserved) => format!("{} }}\n", &text[..reserved]),
                    None => text,
                };
                let of = format!("of {} at", event.subject);
                text.trim_start_matches("#0 ").replace(&of, &format!("of {name} at"))
            };
            let mut lines: String = self.events.iter().map(line).collect();
            if let Some(error) = &self.error {
                lines.push_str(&format!("error: {error}\n"));
            }
            lines
        }
    }

    /// Decodes all of `bytes` at once.
    pub(crate) fn decode(codec: &mut impl Codec, bytes: &[u8]) -> Decoded {
        decode_chunks(codec, bytes, &[])
    }

    /// Decodes `bytes` as if they arrived in pieces that end at `ends`.
    pub(crate) fn decode_chunks(codec: &mut impl Codec, bytes: &[u8], ends: &[usize]) -> Decoded {
        let mut decoded = Decoded {
            events: Vec::new(),
            names: Directory::new(1000),
            tally: Tally::default(),
            error: None,
        };
        let mut from = 0;
        for &end in ends.iter().chain([&bytes.len()]) {
            let end = end.clamp(from, bytes.len());
            let last = end == bytes.len();
            let Decoded { events, names, tally, .. } = &mut decoded;
            match codec.decode(&bytes[from..end], last, names, events, tally) {
                Ok(consumed) => from += consumed,
                Err(error) => {
                    decoded.error = Some(error);
                    return decoded;
                }
            }
            if last {
                break;
            }
        }
        assert_eq!(from, bytes.len(), "everything is consumed in the end");
        decoded
    }

    /// Holds decoding in pieces against decoding at once.
    pub(crate) fn assert_chunks_do_not_matter<C: Codec>(
        codec: impl Fn() -> C,
        bytes: &[u8],
        ends: &mut [usize],
    ) {
        ends.sort_unstable();
        let (whole, pieces) =
            (decode(&mut codec(), bytes), decode_chunks(&mut codec(), bytes, ends));
        assert_eq!(whole.lines(), pieces.lines());
        assert_eq!(whole.tally, pieces.tally);
    }
}
