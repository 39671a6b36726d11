//! Events alone, with their numbers: of a part of a journal, or of files as a replay numbers them.

use crate::cli;
use crate::command::{Batch, replay};
use crate::failure::Failure;
use crate::input::{self, Input, Numbers};
use crate::session::check_flags;
use engine_event::{Directory, Event, Nanos};
use engine_pipeline::{Feed, FeedTurn};
use feeds::{Merged, Options};
use std::path::{Path, PathBuf};

const BATCH: usize = 512;

/// Events in their order.
pub(super) struct Reel {
    feed: Merged<Input>,
    pub(super) names: Directory,
    seq: u64,
}

impl Reel {
    /// All of these files, or of a journal.
    pub(super) fn of_files(files: &[PathBuf], flags: &cli::Input) -> Result<Self, Failure> {
        let options = replay::options(flags);
        let numbers = Numbers::default();
        numbers.check(files.iter().map(PathBuf::as_path), flags.format.is_journal())?;
        let open = |file: &PathBuf| Input::open(file, &options, numbers);
        let feeds = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let formats: Vec<_> = feeds.iter().filter_map(Input::format).collect();
        check_flags(&options, &formats)?;
        Ok(Self::new(feeds))
    }

    /// What a journal has behind the event `after`, up to `to`. Names are those of this part alone.
    pub(super) fn of_journal(journal: &Path, after: u64, to: u64) -> Result<Self, Failure> {
        let feed = input::journal(journal, &Options::default(), (after, Some(to)))?;
        Ok(Self::new(vec![Input::Journal(Box::new(feed))]))
    }

    /// The same behind a state that knows these names.
    pub(super) fn knowing(self, names: Directory) -> Self {
        Self { names, ..self }
    }

    fn new(feeds: Vec<Input>) -> Self {
        Self { feed: Merged::new(feeds), names: Directory::new(u32::MAX), seq: 0 }
    }

    /// Shows each event until `each` has seen enough, which it says by `false`.
    pub(super) fn run(
        &mut self,
        mut each: impl FnMut(&Event, &Directory) -> bool,
    ) -> Result<(), Failure> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            batch.clear();
            let mut sink = Batch::of(&mut batch, BATCH);
            let turn = self.feed.poll(Nanos(0), &mut self.names, &mut sink);
            for event in &mut batch {
                // A journal's events have their numbers.
                self.seq = if event.seq > 0 { event.seq } else { self.seq + 1 };
                event.seq = self.seq;
                if !each(event, &self.names) {
                    return Ok(());
                }
            }
            if turn? == FeedTurn::Ended {
                return Ok(());
            }
        }
    }
}
