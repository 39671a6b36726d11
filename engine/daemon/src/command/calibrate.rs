//! `tapewatch calibrate`: what is usual, learned from history.

use crate::cli::Input;
use crate::failure::Failure;
use crate::output::{Thousands, tell};
use crate::{history, usual};
use anyhow::anyhow;
use clap::Args;
use engine_book::{Books, Bounds};
use engine_event::Directory;
use engine_observer::View;
use std::path::PathBuf;
use surveillance::Learner;

#[derive(Args)]
pub(crate) struct Calibrate {
    /// Anything that `replay` takes, merged by event time: days of history (`-` for stdin)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) input: Input,
    /// The usual rates to write, for `usual` in [surveillance] and `replay --usual`
    #[arg(long, value_name = "USUAL.json")]
    pub(crate) out: PathBuf,
    /// Leave out quarters of an hour that were seen on fewer days; of more than 20 days the latest count
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=Learner::DAYS_MAX as i64))]
    pub(crate) days_min: u32,
}

pub(crate) fn run(arguments: &Calibrate) -> Result<(), Failure> {
    let Calibrate { files, input, out, days_min } = arguments;
    if files.iter().any(|file| crate::session::is_same_file(file, out)) {
        let what = anyhow!("{}: the rates would overwrite the input", out.display());
        return Err(Failure::usage(what));
    }
    let bounds = Bounds::default();
    let (mut books, mut learner) = (Books::new(bounds), Learner::default());
    let mut names = Directory::new(bounds.subjects_max);
    let (mut events, mut now) = (0, engine_event::Nanos(0));
    let options = super::replay::options(input);
    history::read(files, &options, input.format.is_journal(), &mut names, |event, _| {
        let change = books.apply(event);
        now = now.max(event.event_at);
        learner.see(&View { event, change: &change, book: books.book(event.subject), now });
        events += 1;
        Ok(())
    })?;
    let learned = learner.finish(&names, *days_min);
    usual::write(&learned, out)?;
    let buckets: usize = learned.instruments.iter().map(|of| of.buckets.len()).sum();
    let days = learned.instruments.iter().flat_map(|of| &of.buckets).map(|of| of.days).max();
    tell(format_args!(
        "{} events: what is usual in {} instruments, {} quarters of an hour, up to {} days each, is in {}\n",
        Thousands(events),
        Thousands(learned.instruments.len() as u64),
        Thousands(buckets as u64),
        days.unwrap_or(0),
        out.display()
    ));
    Ok(())
}
