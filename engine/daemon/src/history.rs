//! Files' events in order, on the caller's own thread: for commands that look at history.

use crate::failure::Failure;
use crate::input::{Input, Numbers};
use crate::session::check_flags;
use engine_event::{Directory, Event, Nanos};
use engine_pipeline::{Feed, FeedTurn, Sink};
use feeds::Merged;
use std::path::{Path, PathBuf};

/// Reads files, merged by event time, and shows each event under the number that a replay would give it.
pub(crate) fn read(
    files: &[PathBuf],
    options: &feeds::Options,
    must_be_journal: bool,
    names: &mut Directory,
    mut each: impl FnMut(&Event, &Directory) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let numbers = Numbers::default();
    numbers.check(files.iter().map(PathBuf::as_path), must_be_journal)?;
    let open = |file: &PathBuf| Input::open(&or_stdin(file), options, numbers);
    let feeds = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let formats: Vec<_> = feeds.iter().filter_map(Input::format).collect();
    check_flags(options, &formats)?;
    let mut feed = Merged::new(feeds);
    let (mut batch, mut seq) = (Batch(Vec::with_capacity(Batch::MOST)), 0);
    loop {
        batch.0.clear();
        let turn = feed.poll(Nanos(0), names, &mut batch);
        for event in &mut batch.0 {
            // A journal's events have their numbers.
            seq = if event.seq > 0 { event.seq } else { seq + 1 };
            event.seq = seq;
            each(event, names)?;
        }
        if turn? == FeedTurn::Ended {
            return Ok(());
        }
    }
}

/// `-` is standard input, here as elsewhere.
fn or_stdin(path: &Path) -> PathBuf {
    if path.as_os_str() == "-" { "/dev/stdin".into() } else { path.to_owned() }
}

/// As many events as one look at a feed may give.
struct Batch(Vec<Event>);

impl Batch {
    const MOST: usize = 512;
}

impl Sink for Batch {
    fn room(&mut self) -> usize {
        Self::MOST - self.0.len()
    }

    fn push(&mut self, event: Event) {
        self.0.push(event);
    }
}
