//! A file as a feed: mapped, or decompressed through a buffer, whichever its content asks for.

use super::compressed::{Caps, Compression, Stream, StreamError};
use super::mapped::Mapped;
use crate::codec::capture::is_capture;
use crate::codec::{Codec, CodecError, EVENTS_PER_MESSAGE_MAX, Quoted};
use crate::{Format, Options};
use engine_event::{Directory, Event, Nanos};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The most events that one poll pushes, so that a feed never keeps its thread for long.
const EVENTS_PER_POLL: usize = 256;

/// A file that was opened but not yet read: its bytes, whatever their format.
#[derive(Debug)]
pub struct Content {
    path: PathBuf,
    bytes: Bytes,
    /// Why nothing follows what is in the stream's buffer.
    failed: Option<StreamError>,
    /// The first fault ends the reading.
    strict: bool,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mapped, usize),
    Streamed(Box<Stream>),
}

impl Content {
    /// Opens a file: one that is compressed, or no plain file (a pipe), is read through a buffer; any
    /// other is mapped. Reading a pipe waits for whoever writes to it.
    pub fn open(path: &Path, options: &Options) -> Result<Self, FeedError> {
        let wrong = |reason: io::Error| FeedError::Io { file: path.to_owned(), reason };
        let file = File::open(path).map_err(wrong)?;
        let kind = file.metadata().map_err(wrong)?;
        if kind.is_dir() {
            return Err(wrong(io::Error::new(
                io::ErrorKind::IsADirectory,
                "is a directory, not a file",
            )));
        }
        let mut reader = BufReader::with_capacity(64 * 1024, file);
        let compression = Compression::of(reader.fill_buf().map_err(wrong)?);
        let mut failed = None;
        let bytes = if kind.is_file() && compression.is_none() && kind.len() > 0 {
            Bytes::Mapped(Mapped::new(reader.get_ref()).map_err(wrong)?, 0)
        } else {
            let stream = Stream::new(reader, compression, Caps::new(options)).map_err(wrong)?;
            let mut stream = Box::new(stream);
            failed = stream.fill().err();
            Bytes::Streamed(stream)
        };
        Ok(Self { path: path.to_owned(), bytes, failed, strict: options.strict })
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes that are there and not consumed yet, and whether they are the last.
    pub fn unread(&self) -> (&[u8], bool) {
        match &self.bytes {
            Bytes::Mapped(map, at) => (&map[*at..], true),
            Bytes::Streamed(stream) => (stream.unread(), stream.ended()),
        }
    }

    /// The format: the one that was asked for, if the content can be that, or the one it looks like.
    pub fn format(&mut self, options: &Options) -> Result<Format, FeedError> {
        if self.unread().0.is_empty() {
            return Err(match self.failed.take() {
                Some(failed) => self.stream_error(failed),
                None => self.data("byte 0".to_owned(), "the file is empty".to_owned()),
            });
        }
        let (unread, _) = self.unread();
        let cut_short = unread.len() < Format::DETECT_BYTES;
        self.told(options, &unread[..unread.len().min(Format::DETECT_BYTES)]).map_err(|refused| {
            match self.failed.take().filter(|_| cut_short) {
                Some(failed) => self.stream_error(failed),
                None => refused,
            }
        })
    }

    /// The format of content that begins with `first`.
    fn told(&self, options: &Options, first: &[u8]) -> Result<Format, FeedError> {
        let detected = crate::detect(first);
        let refused = |expected: &str| {
            let found = match detected {
                Some(other) => format!("what looks like {other}"),
                None => format!("{}", Quoted(&first[..first.len().min(24)])),
            };
            self.data("byte 0".to_owned(), format!("expected {expected}, found {found}"))
        };
        match options.format {
            None => {
                let words = Format::ALL.map(Format::word).join(", ");
                // Whoever gives a schema says what a capture carries that nothing else knows.
                let by_schema = options.schema.is_some() && is_capture(first);
                let detected = detected.or(by_schema.then_some(Format::Mdp3Pcap));
                detected.ok_or_else(|| refused(&format!("one of the formats {words}")))
            }
            // Too short to look like anything: the codec will say where it ends.
            Some(Format::Itch50) if first.len() < 3 => Ok(Format::Itch50),
            // What it carries may come later than can be seen.
            Some(wanted @ (Format::ItchPcap | Format::IexPcap | Format::Mdp3Pcap))
                if is_capture(first) =>
            {
                Ok(wanted)
            }
            Some(wanted) if wanted.looks_like(first) => Ok(wanted),
            Some(wanted) => Err(refused(&format!("{wanted}: {}", wanted.beginning()))),
        }
    }

    /// So many of the unread bytes are done with.
    pub fn consume(&mut self, count: usize) {
        match &mut self.bytes {
            Bytes::Mapped(map, at) => {
                *at += count;
                map.ask_beyond(*at);
            }
            Bytes::Streamed(stream) => stream.consume(count),
        }
    }

    /// How many bytes of the file were used.
    fn file_bytes(&self) -> u64 {
        match &self.bytes {
            Bytes::Mapped(_, at) => *at as u64,
            Bytes::Streamed(stream) => stream.file_bytes(),
        }
    }

    /// Brings more bytes, after all that are there were of no use.
    pub fn more(&mut self) -> Result<(), FeedError> {
        if let Some(failed) = self.failed.take() {
            return Err(self.stream_error(failed));
        }
        if let Bytes::Streamed(stream) = &mut self.bytes {
            self.failed = stream.fill().err();
        }
        Ok(())
    }

    fn data(&self, place: String, what: String) -> FeedError {
        FeedError::Data { file: self.path.clone(), place, what }
    }

    fn stream_error(&self, error: StreamError) -> FeedError {
        match error {
            StreamError::Io(reason) => FeedError::Io { file: self.path.clone(), reason },
            StreamError::Data(at, what) => self.data(format!("compressed byte {at}"), what),
        }
    }

    /// Nothing more can be read, and so much was: up to the record, or all of it if it ends there.
    fn codec_error(&mut self, error: CodecError) -> FeedError {
        if let Bytes::Mapped(map, at) = &mut self.bytes {
            let read = if error.is_end { map.len() } else { error.offset as usize };
            *at = read.clamp(*at, map.len());
        }
        self.data(error.place(), error.what)
    }
}

/// A file of one format.
#[derive(Debug)]
pub struct FileFeed<C> {
    content: Content,
    codec: C,
    tally: Tally,
    /// Why nothing more can be read, once that is so and not yet told.
    broken: Option<FeedError>,
}

impl<C: Codec> FileFeed<C> {
    /// Reads `content` by `codec`, whatever it looks like.
    pub fn new(content: Content, codec: C) -> Self {
        Self { content, codec, tally: Tally::default(), broken: None }
    }

    /// The codec: what it knows besides events.
    pub fn codec(&self) -> &C {
        &self.codec
    }

    fn advance<S: Sink>(
        &mut self,
        names: &mut Directory,
        batch: &mut Batch<'_, S>,
    ) -> Result<FeedTurn, FeedError> {
        let (unread, last) = self.content.unread();
        let decoded = self.codec.decode(unread, last, names, batch, &mut self.tally);
        let (unread, room) = (unread.len(), batch.left >= EVENTS_PER_MESSAGE_MAX);
        let consumed = decoded.map_err(|error| self.content.codec_error(error))?;
        self.content.consume(consumed);
        if last && consumed == unread && room {
            return Ok(FeedTurn::Ended);
        }
        if room && (consumed < unread || consumed == 0) {
            self.content.more()?;
        }
        Ok(FeedTurn::Worked)
    }
}

impl<C: Codec> Feed for FileFeed<C> {
    fn poll<S: Sink>(
        &mut self,
        _: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        let mut batch = Batch::of(sink);
        if batch.left < EVENTS_PER_MESSAGE_MAX {
            return Ok(FeedTurn::Idle);
        }
        if let Some(error) = self.broken.take() {
            // In strict reading it is the first fault that ended it.
            let is_counted = self.content.strict && self.tally.faults.total() > 0;
            batch.push(self.tally.broken_off(self.codec.place(), is_counted));
            return Err(error);
        }
        let turn = self.advance(names, &mut batch);
        self.tally.bytes = self.content.file_bytes();
        Ok(turn.unwrap_or_else(|error| {
            // There may be no room left for the gap that goes with it.
            self.broken = Some(error);
            FeedTurn::Worked
        }))
    }

    fn tally(&self) -> Tally {
        self.tally.clone()
    }
}

/// A sink for one poll's events.
pub(super) struct Batch<'a, S> {
    sink: &'a mut S,
    left: usize,
}

impl<'a, S: Sink> Batch<'a, S> {
    /// As many as `sink` has room for, and not more than a poll may take.
    pub(super) fn of(sink: &'a mut S) -> Self {
        Self { left: sink.room().min(EVENTS_PER_POLL), sink }
    }
}

impl<S: Sink> Sink for Batch<'_, S> {
    #[inline]
    fn room(&mut self) -> usize {
        self.left
    }

    #[inline]
    fn push(&mut self, event: Event) {
        self.left -= 1;
        self.sink.push(event);
    }
}
