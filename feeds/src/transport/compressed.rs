//! Decompression through a bounded buffer, with a bound on what may come out.
//!
//! Gzip (RFC 1952), Zstandard (RFC 8878) and LZ4 frames are told from their first bytes, and files
//! that hold several one after another are read as one. A small file that becomes endless is refused
//! by two caps: so many bytes in all, and so many for each byte that went in. No more than the buffer
//! and what the decompressor must look back on is ever held: 32 KiB for gzip, 8 MiB for Zstandard,
//! whose larger windows are refused, and for LZ4 three blocks of at most 4 MiB.

use crate::Options;
use crate::codec::RECORD_BYTES_MAX;
use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// What a file is compressed by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
    Lz4,
}

impl Compression {
    const ALL: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::Lz4];

    /// What content that begins with `bytes` is compressed by.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|one| bytes.starts_with(one.magic()))
    }

    /// What such a file begins with. Gzip's mark is followed by its method, of which deflate is the
    /// only one.
    const fn magic(self) -> &'static [u8] {
        match self {
            Compression::Gzip => &[0x1f, 0x8b, 8],
            Compression::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
            Compression::Lz4 => &[0x04, 0x22, 0x4d, 0x18],
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Lz4 => "lz4",
        }
    }
}

/// The largest window of Zstandard that is taken, as a power of two: 8 MiB, what its levels up to 19
/// use and what RFC 8878 asks every reader to take.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

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

enum Bytes {
    Plain(Counted),
    Gzip(Box<MultiGzDecoder<Counted>>),
    Zstd(Box<zstd::Decoder<'static, Counted>>),
    Lz4(Box<Lz4>),
}

impl Bytes {
    fn new(file: Counted, compression: Option<Compression>) -> io::Result<Self> {
        Ok(match compression {
            None => Bytes::Plain(file),
            Some(Compression::Gzip) => Bytes::Gzip(Box::new(MultiGzDecoder::new(file))),
            Some(Compression::Zstd) => {
                let mut decoder = zstd::Decoder::with_buffer(file)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Bytes::Zstd(Box::new(decoder))
            }
            Some(Compression::Lz4) => Bytes::Lz4(Box::new(Lz4(FrameDecoder::new(file)))),
        })
    }

    fn compression(&self) -> Option<Compression> {
        match self {
            Bytes::Plain(_) => None,
            Bytes::Gzip(_) => Some(Compression::Gzip),
            Bytes::Zstd(_) => Some(Compression::Zstd),
            Bytes::Lz4(_) => Some(Compression::Lz4),
        }
    }

    fn file(&self) -> &Counted {
        match self {
            Bytes::Plain(file) => file,
            Bytes::Gzip(decoder) => decoder.get_ref(),
            Bytes::Zstd(decoder) => decoder.get_ref(),
            Bytes::Lz4(decoder) => decoder.0.get_ref(),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Bytes::Plain(reader) => reader.read(into),
            Bytes::Gzip(reader) => reader.read(into),
            Bytes::Zstd(reader) => reader.read(into),
            Bytes::Lz4(reader) => reader.read(into),
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bytes").field(&self.compression()).field(self.file()).finish()
    }
}

impl Stream {
    /// Reads `file` from where it stands.
    pub(crate) fn new(
        file: BufReader<File>,
        compression: Option<Compression>,
        caps: Caps,
    ) -> io::Result<Self> {
        let counted = Counted { inner: file, count: 0, exhausted: false };
        let bytes = Bytes::new(counted, compression)?;
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Ok(Self { bytes, caps, output: 0, buffer, start: 0, end: 0, ended: false })
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
        self.bytes.file().count
    }

    /// Reads until the buffer is full or the file ends. What came before an error is there.
    pub(crate) fn fill(&mut self) -> Result<(), StreamError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < self.buffer.len() && !self.ended {
            match self.bytes.read(&mut self.buffer[self.end..]) {
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
        if self.bytes.compression().is_none() {
            return Ok(());
        }
        let input = self.file_bytes();
        self.caps.check(input, self.output).map_err(|what| StreamError::Data(input, what))
    }

    fn failed(&self, error: io::Error) -> StreamError {
        let what = match self.bytes.compression() {
            // What has a number comes from the system, everything else from the decompressor.
            Some(by) if error.raw_os_error().is_none() => match error.kind() {
                ErrorKind::UnexpectedEof => {
                    format!("the {} file ends within its compressed data", by.word())
                }
                _ => format!("the {} file cannot be decompressed: {error}", by.word()),
            },
            _ => return StreamError::Io(error),
        };
        StreamError::Data(self.file_bytes(), what)
    }
}

/// LZ4 frames one after another. Their decoder calls the end of a file where a block should begin the
/// end of a frame; here the two are told apart.
struct Lz4(FrameDecoder<Counted>);

impl Read for Lz4 {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.0.read(into)?;
            if count > 0 {
                return Ok(count);
            }
            let file = self.0.get_mut();
            if file.exhausted {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            // A frame has ended. The old format without a header has blocks of 8 MiB, beyond what we
            // mean to hold: it begins with another byte.
            match file.fill_buf()?.first() {
                None => return Ok(0),
                Some(first) if Compression::Lz4.magic()[0] == *first => {}
                Some(_) => return Err(io::Error::other("what follows a frame is none")),
            }
        }
    }
}

/// A file that knows how many of its bytes were consumed.
#[derive(Debug)]
struct Counted {
    inner: BufReader<File>,
    count: u64,
    /// Whether bytes were asked for by [`Read::read`] when there were none.
    exhausted: bool,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.count += count as u64;
        self.exhausted |= count == 0 && !into.is_empty();
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
