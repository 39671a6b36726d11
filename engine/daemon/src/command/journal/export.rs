//! `tapewatch journal export`: a journal's events as a file that others read.

use super::parquet::Table;
use super::refused;
use crate::cli::{Exported, JournalExport};
use crate::command::Batch;
use crate::failure::Failure;
use crate::output::{Thousands, print};
use anyhow::{Context, anyhow, bail};
use engine_audit::verify::{Options, verify};
use engine_book::Bounds;
use engine_event::{Directory, Event, Kind, Nanos};
use engine_journal::{JournalFeed, Reach, RealDisk};
use engine_pipeline::{Feed, FeedTurn};
use feeds::codec::tape;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

const BATCH: usize = 4096;

pub(super) fn run(arguments: &JournalExport) -> Result<(), Failure> {
    let JournalExport { journal, to, out, capture, from, until } = arguments;
    if capture.is_some() {
        return Err(Failure::usage(anyhow!("--capture is for --to pcapng")));
    }
    refuse_damaged(journal)?;
    let mut feed =
        JournalFeed::open(RealDisk::open(Reach::Cache), journal, 0).map_err(Failure::data)?;
    let shown = || out.display().to_string();
    let mut file = Written::create(*to, out).with_context(shown)?;
    let mut names = Directory::new(Bounds::default().subjects_max);
    let times = from.unwrap_or(Nanos(0))..=until.unwrap_or(Nanos(u64::MAX));
    let (mut batch, mut told) = (Vec::with_capacity(BATCH), Told::default());
    loop {
        batch.clear();
        let turn = feed.poll(Nanos(0), &mut names, &mut Batch::of(&mut batch, BATCH));
        // What fills a hole was never an event.
        let wanted =
            |event: &&Event| event.kind() != Kind::Unknown && times.contains(&event.event_at);
        for event in batch.iter().filter(wanted) {
            let is_written = file.write(event, &names).with_context(shown)?;
            told.count(event.kind(), is_written);
        }
        if turn? == FeedTurn::Ended {
            break;
        }
    }
    file.finish().with_context(shown)?;
    print(told.text())
}

/// What is exported is told as what happened: so it must all be there, and as it was written.
fn refuse_damaged(journal: &Path) -> Result<(), Failure> {
    let threads = engine_pipeline::allowed_cores().len().max(1);
    let verified = verify(journal, Options { trusted: None, threads }).map_err(refused)?;
    match &verified.damages[..] {
        [] => Ok(()),
        [first, ..] => {
            let (path, file, check) = (journal.display(), &first.file, &first.damage.check);
            let what = "`tapewatch journal verify` names all that is damaged";
            Err(Failure::data(anyhow!("{path}: {file}: {check}; {what}")))
        }
    }
}

/// A file that is being written.
enum Written {
    Tape(tape::Writer<BufWriter<File>>),
    Parquet(Box<Table<BufWriter<File>>>),
}

impl Written {
    fn create(what: Exported, path: &Path) -> anyhow::Result<Self> {
        let out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        Ok(match what {
            Exported::Tape => Written::Tape(tape::Writer::new(out)?),
            Exported::Parquet => Written::Parquet(Box::new(Table::new(out)?)),
            Exported::Pcapng => bail!("packets are not made from events"),
        })
    }

    /// Returns false for an event of a kind that the file cannot hold.
    fn write(&mut self, event: &Event, names: &Directory) -> anyhow::Result<bool> {
        match self {
            Written::Tape(tape) => Ok(tape.event(event, names)?),
            Written::Parquet(table) => table.event(event, names).map(|()| true),
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Written::Tape(tape) => Ok(tape.finish()?.flush()?),
            Written::Parquet(table) => table.finish(),
        }
    }
}

/// What was written and what was not.
#[derive(Default)]
struct Told {
    written: u64,
    left_out: BTreeMap<&'static str, u64>,
}

impl Told {
    fn count(&mut self, kind: Kind, is_written: bool) {
        if is_written {
            self.written += 1;
        } else {
            *self.left_out.entry(kind.word()).or_default() += 1;
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{} events written\n", Thousands(self.written));
        for (kind, count) in &self.left_out {
            text += &format!("{} {kind} left out: the file has no such kind\n", Thousands(*count));
        }
        text
    }
}
