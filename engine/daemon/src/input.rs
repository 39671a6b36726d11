//! What a command reads: a file of some format, or a journal.

use crate::failure::Failure;
use engine_event::{Directory, Nanos};
use engine_journal::{JournalFeed, Reach, RealDisk, is_journal};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally, Timing};
use feeds::{AnyFeed, Format, Options};
use std::path::Path;

/// A file, or a journal.
pub(crate) enum Input {
    File(Box<AnyFeed>),
    Journal(Box<JournalFeed<RealDisk>>),
}

/// Which events of a journal are wanted, by their numbers.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Numbers {
    /// From this one on.
    pub(crate) from: Option<u64>,
    /// Up to this one.
    pub(crate) to: Option<u64>,
}

impl Numbers {
    /// Refuses numbers where there is no journal: a file's events have none of their own.
    pub(crate) fn check<'a>(
        self,
        files: impl IntoIterator<Item = &'a Path>,
        must_be_journal: bool,
    ) -> Result<(), Failure> {
        let asks = self.from.is_some() || self.to.is_some();
        match files.into_iter().find(|path| !is_journal(path)) {
            Some(path) if asks || must_be_journal => {
                let what = format!("{}: there is no journal in it", path.display());
                Err(Failure::usage(anyhow::anyhow!(what)))
            }
            _ => Ok(()),
        }
    }
}

/// Opens the part of a journal that ends with an event; what is behind the event `after`.
pub(crate) fn journal(
    path: &Path,
    options: &Options,
    (after, to): (u64, Option<u64>),
) -> Result<JournalFeed<RealDisk>, Failure> {
    let feed = JournalFeed::open(RealDisk::open(Reach::Cache), path, after);
    let feed = feed.map_err(Failure::data)?.until(to.unwrap_or(u64::MAX));
    Ok(match &options.symbols {
        Some(symbols) => feed.only(symbols.clone()),
        None => feed,
    })
}

impl Input {
    /// Opens what is there; a folder with a journal in it is one.
    pub(crate) fn open(path: &Path, options: &Options, numbers: Numbers) -> Result<Self, Failure> {
        if is_journal(path) {
            return Ok(Input::Journal(Box::new(journal(path, options, (0, numbers.to))?)));
        }
        Ok(Input::File(Box::new(feeds::open(path, options)?)))
    }

    /// The file's format; none, if it is a journal.
    pub(crate) fn format(&self) -> Option<Format> {
        match self {
            Input::File(feed) => Some(feed.format()),
            Input::Journal(_) => None,
        }
    }
}

impl Feed for Input {
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        match self {
            Input::File(feed) => feed.poll(now, names, sink),
            Input::Journal(feed) => feed.poll(now, names, sink),
        }
    }

    fn tally(&self) -> Tally {
        match self {
            Input::File(feed) => feed.tally(),
            Input::Journal(feed) => feed.tally(),
        }
    }

    fn tally_into(&self, all: &mut Tally) {
        match self {
            Input::File(feed) => feed.tally_into(all),
            Input::Journal(feed) => feed.tally_into(all),
        }
    }

    fn timing(&self) -> Timing {
        match self {
            Input::File(feed) => feed.timing(),
            Input::Journal(feed) => feed.timing(),
        }
    }
}
