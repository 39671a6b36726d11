//! Rows out of Databento's own files: what an MBP-10 file tells of a symbol, at the end of each time.

use super::rows::{MBP_LEVELS, Told};
use crate::failure::Failure;
use engine_book::{Books, Bounds};
use engine_event::{Directory, Event, Kind, Nanos};
use engine_pipeline::{Feed, FeedTurn};
use feeds::{AnyFeed, Format, Options};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How many events are decoded ahead.
const BATCH: usize = 512;

/// A file of levels, and the books that they make.
pub(super) struct Binary {
    feed: AnyFeed,
    symbol: String,
    names: Directory,
    books: Books,
    events: VecDeque<Event>,
    has_ended: bool,
    /// How many events of the symbol were taken.
    taken: u64,
    /// The time of what was taken and not yet told.
    pending: Option<Nanos>,
}

impl Binary {
    /// The file as rows, if its content is not text.
    pub(super) fn open(path: &Path, symbol: &str) -> Result<Option<Self>, Failure> {
        const DBN: &[u8; 3] = b"DBN";
        const ZSTD: &[u8; 4] = &[0x28, 0xb5, 0x2f, 0xfd];
        let mut begins = [0; 4];
        let mut file = File::open(path)
            .map_err(|reason| engine_pipeline::FeedError::Io { file: path.to_owned(), reason })?;
        if file.read_exact(&mut begins).is_err() || (begins[..3] != *DBN && begins != *ZSTD) {
            return Ok(None);
        }
        let symbols = Some(vec![symbol.to_owned()]);
        let options = Options { symbols, format: Some(Format::Dbn), ..Options::default() };
        let feed = feeds::open(path, &options)?;
        let bounds = Bounds { orders_max: 1 << 20, subjects_max: 1 << 16 };
        Ok(Some(Self {
            feed,
            symbol: symbol.to_owned(),
            names: Directory::new(bounds.subjects_max),
            books: Books::new(bounds),
            events: VecDeque::new(),
            has_ended: false,
            taken: 0,
            pending: None,
        }))
    }

    /// The symbol's levels at the end of the next time at which any was told.
    pub(super) fn next_time(&mut self) -> Result<Option<Told>, Failure> {
        loop {
            let Some(event) = self.next_event()? else {
                return Ok(self.pending.take().map(|at| self.told(at)));
            };
            if self.names.name(event.subject) != self.symbol {
                continue;
            }
            let over = self.pending.filter(|at| event.event_at > *at).map(|at| self.told(at));
            self.taken += 1;
            self.books.apply(&event);
            let tells = matches!(event.kind(), Kind::Level | Kind::Clear);
            if over.is_some() {
                self.pending = None;
            }
            if tells {
                self.pending = Some(event.event_at);
            }
            if over.is_some() {
                return Ok(over);
            }
        }
    }

    fn told(&self, at: Nanos) -> Told {
        let subject = self.names.find(&self.symbol);
        let book = subject.and_then(|subject| self.books.book(subject));
        let levels = super::best_levels(book, &self.names, MBP_LEVELS);
        Told { line: self.taken, at, levels }
    }

    fn next_event(&mut self) -> Result<Option<Event>, Failure> {
        let mut batch = Vec::with_capacity(BATCH);
        while self.events.is_empty() && !self.has_ended {
            let mut sink = crate::command::Batch::of(&mut batch, BATCH);
            self.has_ended =
                self.feed.poll(Nanos(0), &mut self.names, &mut sink)? == FeedTurn::Ended;
            self.events.extend(batch.drain(..));
        }
        Ok(self.events.pop_front())
    }
}
