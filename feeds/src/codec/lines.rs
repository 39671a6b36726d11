//! Lines of text, found in bytes that arrive in pieces, and the fields of a line.
//!
//! Lines end in LF or CR LF. The last one may lack its end: most programs that write such files do
//! not care. An empty line says nothing and is passed over.

use super::{CodecError, EVENTS_PER_MESSAGE_MAX, Place, Quoted, Trouble};
use crate::Options;
use engine_event::{Directory, DirectoryFull, Fault, Nanos, SubjectId};
use engine_pipeline::{Sink, Tally};
use std::fmt;

/// The longest line that is read; of a longer one nothing is believed.
pub(crate) const LINE_BYTES_MAX: usize = 65_536;

/// What codecs of lines have in common: their place in the stream, and what to do about trouble.
#[derive(Debug)]
pub(crate) struct Lines {
    offset: u64,
    line: u64,
    /// Within a line that is too long, up to its end.
    skipping: bool,
    strict: bool,
    /// The latest record's time.
    at: Nanos,
}

/// A format that is read line by line.
pub(crate) trait LineCodec {
    fn lines(&mut self) -> &mut Lines;

    /// Decodes a line; counts it by [`Lines::date`] once nothing can go wrong any more.
    fn line<S: Sink>(
        &mut self,
        line: &[u8],
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), Bad>;
}

/// Why a line became no event.
#[derive(Debug)]
pub(crate) enum Bad {
    /// There is no going on.
    Fatal(CodecError),
    /// It is lost for the subject.
    Lost(Fault, SubjectId, &'static str),
    /// It is about a subject for which there is no room: nobody can follow that, so nobody lacks it.
    Refused,
}

impl Bad {
    /// A line that does not follow its format, about nobody knows whom.
    pub(crate) fn malformed(what: &'static str) -> Self {
        Bad::Lost(Fault::Malformed, SubjectId::EVERY, what)
    }

    /// The same, but it is known whose line it is.
    pub(crate) fn about(self, subject: Option<SubjectId>) -> Self {
        match (self, subject) {
            (Bad::Lost(fault, SubjectId::EVERY, what), Some(of)) => Bad::Lost(fault, of, what),
            (bad, _) => bad,
        }
    }
}

impl From<DirectoryFull> for Bad {
    fn from(_: DirectoryFull) -> Self {
        Bad::Lost(Fault::DirectoryFull, SubjectId::EVERY, "no room for another name")
    }
}

/// Decodes the lines of `input`: [`Codec::decode`](super::Codec::decode) for formats that have lines.
pub(crate) fn decode<C: LineCodec, S: Sink>(
    codec: &mut C,
    input: &[u8],
    last: bool,
    names: &mut Directory,
    sink: &mut S,
    tally: &mut Tally,
) -> Result<usize, CodecError> {
    let mut rest = input;
    while sink.room() >= EVENTS_PER_MESSAGE_MAX {
        let (next, consumed) = codec.lines().next(rest, last);
        match next {
            Next::More => break,
            Next::Nothing => {}
            Next::TooLong => {
                let bad = Bad::Lost(Fault::BadLength, SubjectId::EVERY, "the line is too long");
                codec.lines().settle(bad, &rest[..consumed], true, sink, tally)?;
            }
            Next::Line(line) => {
                if let Err(bad) = codec.line(line, names, sink, tally) {
                    let complete = rest[..consumed].ends_with(b"\n");
                    codec.lines().settle(bad, line, complete, sink, tally)?;
                }
            }
        }
        codec.lines().pass(rest, consumed);
        rest = &rest[consumed..];
    }
    Ok(input.len() - rest.len())
}

/// What stands at the beginning of the bytes.
enum Next<'a> {
    /// A line without its end.
    Line(&'a [u8]),
    /// A line that is too long; what follows of it will be skipped.
    TooLong,
    /// Nothing to do but consume it.
    Nothing,
    /// Too few bytes to tell.
    More,
}

impl Lines {
    pub(crate) fn new(options: &Options) -> Self {
        Self { offset: 0, line: 1, skipping: false, strict: options.strict, at: Nanos(0) }
    }

    pub(crate) fn place(&self) -> Place {
        Place { offset: self.offset, line: Some(self.line) }
    }

    /// The latest record's time.
    pub(crate) fn now(&self) -> Nanos {
        self.at
    }

    /// Counts a message of `kind` at `at`.
    pub(crate) fn date(&mut self, kind: u8, at: Nanos, tally: &mut Tally) -> Result<(), Bad> {
        if at < self.at {
            let what = format_args!("time {at} is before the previous line's {}", self.at);
            self.remark(Fault::TimeBackwards, what, tally)?;
        }
        self.at = at;
        tally.message(kind, at);
        Ok(())
    }

    /// Counts a fault by which nothing is lost.
    pub(crate) fn remark(
        &self,
        fault: Fault,
        what: fmt::Arguments<'_>,
        tally: &mut Tally,
    ) -> Result<(), Bad> {
        let trouble = Trouble { fault, place: self.place(), what };
        trouble.count(self.strict, tally).map_err(Bad::Fatal)
    }

    /// Tells of a line that became no event.
    #[cold]
    fn settle<S: Sink>(
        &self,
        bad: Bad,
        line: &[u8],
        complete: bool,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), CodecError> {
        let place = self.place();
        let (fault, subject, what) = match bad {
            Bad::Fatal(error) => return Err(error),
            Bad::Lost(fault, subject, what) => (fault, subject, what),
            Bad::Refused => {
                tally.messages += 1;
                let what = format_args!("no room for another subject in {}", Quoted(line));
                let trouble = Trouble { fault: Fault::DirectoryFull, place, what };
                return trouble.count(self.strict, tally);
            }
        };
        if !complete {
            let what = format!("the file ends within a line: {what} in {}", Quoted(line));
            return Err(CodecError::at_end(place, what));
        }
        tally.messages += 1;
        let what = format_args!("{what} in {}", Quoted(line));
        Trouble { fault, place, what }.lose(self.strict, subject, self.at, sink, tally)
    }

    /// The next line of `bytes`, and how many of them it takes. `last`: no more bytes will follow.
    fn next<'a>(&self, bytes: &'a [u8], last: bool) -> (Next<'a>, usize) {
        let visible = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
        let end = memchr::memchr(b'\n', visible);
        match end {
            _ if bytes.is_empty() => (Next::More, 0),
            Some(end) if self.skipping => (Next::Nothing, end + 1),
            None if self.skipping => (Next::Nothing, visible.len()),
            Some(end) => (line(&bytes[..end]), end + 1),
            None if bytes.len() > visible.len() => (Next::TooLong, visible.len()),
            None if last => (line(bytes), bytes.len()),
            None => (Next::More, 0),
        }
    }

    /// Goes on behind the `consumed` bytes that [`next`](Self::next) spoke of.
    fn pass(&mut self, bytes: &[u8], consumed: usize) {
        let ended = consumed > 0 && bytes[consumed - 1] == b'\n';
        self.offset += consumed as u64;
        self.line += u64::from(ended);
        self.skipping = !ended;
    }
}

fn line(bytes: &[u8]) -> Next<'_> {
    let text = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if text.is_empty() { Next::Nothing } else { Next::Line(text) }
}

/// The fields of a line, split at its commas. A field may stand in quotes, so that it may hold a
/// comma. Gives how many there are: more than `N` as `N + 1`; none if a quote does not end.
pub(crate) fn fields<'a, const N: usize>(
    line: &'a [u8],
    into: &mut [&'a [u8]; N],
) -> Option<usize> {
    let mut rest = line;
    for count in 1.. {
        let (field, after) = match rest {
            [b'"', quoted @ ..] => {
                let end = memchr::memchr(b'"', quoted)?;
                let after = match &quoted[end + 1..] {
                    [] => None,
                    [b',', after @ ..] => Some(after),
                    _ => return None,
                };
                (&quoted[..end], after)
            }
            _ => match memchr::memchr(b',', rest) {
                Some(end) => (&rest[..end], Some(&rest[end + 1..])),
                None => (rest, None),
            },
        };
        let Some(place) = into.get_mut(count - 1) else { return Some(N + 1) };
        *place = field;
        match after {
            Some(after) => rest = after,
            None => return Some(count),
        }
    }
    None
}

/// A number without a sign, exactly.
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// A whole number, exactly.
pub(crate) fn signed(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(digits) => unsigned(digits).and_then(|number| 0i64.checked_sub_unsigned(number)),
        None => unsigned(text).and_then(|number| i64::try_from(number).ok()),
    }
}

/// A name: text that is not empty and holds no control characters.
pub(crate) fn name(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then_some(text)
}

/// A header's line without the mark that some programs put in front of UTF-8.
pub(crate) fn header(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// The first line of content that begins with `bytes`, and whether its end is there as well.
pub(crate) fn first(bytes: &[u8]) -> (&[u8], bool) {
    match memchr::memchr(b'\n', bytes) {
        Some(end) => (bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]), true),
        None => (bytes, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_at_its_commas() {
        let check = |line: &'static str, expected: &[&str]| {
            let mut into = [&b""[..]; 3];
            let count = fields(line.as_bytes(), &mut into).unwrap();
            let found: Vec<_> =
                into[..count.min(3)].iter().map(|f| f.escape_ascii().to_string()).collect();
            assert_eq!(found, expected, "{line}");
        };
        check("a,b,c", &["a", "b", "c"]);
        check(",,", &["", "", ""]);
        check("\"a,b\",c", &["a,b", "c"]);
        check("", &[""]);
        let mut into = [&b""[..]; 2];
        assert_eq!(fields(b"a,b,c", &mut into), Some(3));
        assert_eq!(fields(b"\"a,b", &mut into), None);
        assert_eq!(fields(b"\"a\"b,c", &mut into), None);
    }

    #[test]
    fn numbers_are_exact_or_none() {
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", "1.0", "18446744073709551616", " 1"] {
            assert_eq!(unsigned(text.as_bytes()), None, "{text}");
        }
    }
}
