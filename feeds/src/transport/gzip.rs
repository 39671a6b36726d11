//! Decompression through a bounded buffer, with a bound on what may come out.
//!
//! A small file that becomes endless is refused by two caps: so many bytes in all, and so many for
//! each byte that went in. Either way no more than the buffer is ever held.

use crate::Options;
use crate::codec::RECORD_BYTES_MAX;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// What a gzip file begins with (RFC 1952): its mark, and deflate as its method.
pub(crate) const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

const BUFFER_BYTES: usize = 256 * 1024;
const _: () = assert!(BUFFER_BYTES > RECORD_BYTES_MAX, "the longest record fits");

/// How much a compressed file may become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Bytes in all.
    output_bytes_max: u64,
    /// Bytes for each compressed byte, looked at after [`Caps::RATIO_FROM`].
    ratio_max: u64,
}

impl Caps {
    /// How many bytes must have come out before the ratio says something.
    const RATIO_FROM: u64 = 16 << 20;

    /// What the options say.
    pub(crate) fn new(options: &Options) -> Self {
        Self { output_bytes_max: options.output_bytes_max, ratio_max: options.ratio_max }
    }

    fn check(self, input: u64, output: u64) -> Result<(), String> {
        if output > self.output_bytes_max {
            return Err(format!("decompresses to more than {} bytes", self.output_bytes_max));
        }
        if output > Self::RATIO_FROM && output / input.max(1) > self.ratio_max {
            let (factor, max) = (output / input.max(1), self.ratio_max);
            return Err(format!(
                "decompresses to {factor} times its size, more than {max} allowed"
            ));
        }
        Ok(())
    }
}

/// Why no more bytes come.
#[derive(Debug)]
pub(crate) enum StreamError {
    /// The content is to blame, at this byte of the file.
    Data(u64, String),
    /// The machine is.
    Io(io::Error),
}

/// A file read through a buffer, decompressed if it is compressed.
#[derive(Debug)]
pub(crate) struct Stream {
    bytes: Bytes,
    caps: Caps,
    /// How many bytes were read and, if compressed, came out.
    output: u64,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    ended: bool,
}

#[derive(Debug)]
enum Bytes {
    Plain(Counted),
    Gzip(Box<MultiGzDecoder<Counted>>),
}

impl Stream {
    /// Reads `file` from where it stands.
    pub(crate) fn new(file: BufReader<File>, compressed: bool, caps: Caps) -> Self {
        let counted = Counted { inner: file, count: 0 };
        let bytes = match compressed {
            true => Bytes::Gzip(Box::new(MultiGzDecoder::new(counted))),
            false => Bytes::Plain(counted),
        };
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self { bytes, caps, output: 0, buffer, start: 0, end: 0, ended: false }
    }

    /// The bytes that are there and not consumed yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
    }

    /// Whether no more than [`unread`](Self::unread) is left.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// How many bytes of the file were read.
    pub(crate) fn file_bytes(&self) -> u64 {
        match &self.bytes {
            Bytes::Plain(counted) => counted.count,
            Bytes::Gzip(decoder) => decoder.get_ref().count,
        }
    }

    /// Reads until the buffer is full or the file ends. What came before an error is there.
    pub(crate) fn fill(&mut self) -> Result<(), StreamError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < self.buffer.len() && !self.ended {
            let read = match &mut self.bytes {
                Bytes::Plain(reader) => reader.read(&mut self.buffer[self.end..]),
                Bytes::Gzip(reader) => reader.read(&mut self.buffer[self.end..]),
            };
            match read {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.end += count;
                    self.output += count as u64;
                    self.check()?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), StreamError> {
        match self.bytes {
            Bytes::Plain(_) => Ok(()),
            Bytes::Gzip(_) => {
                let input = self.file_bytes();
                self.caps.check(input, self.output).map_err(|what| StreamError::Data(input, what))
            }
        }
    }

    fn failed(&self, error: io::Error) -> StreamError {
        let what = match error.kind() {
            ErrorKind::UnexpectedEof => "the gzip file ends within its compressed data".to_owned(),
            ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                format!("the gzip file is corrupt: {error}")
            }
            _ => return StreamError::Io(error),
        };
        StreamError::Data(self.file_bytes(), what)
    }
}

/// A file that knows how many of its bytes were consumed.
#[derive(Debug)]
struct Counted {
    inner: BufReader<File>,
    count: u64,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.count += count as u64;
        Ok(count)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.count += count as u64;
        self.inner.consume(count);
    }
}
