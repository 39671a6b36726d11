//! `[journal]`: where events are written down, and how.

use super::{Written, Wrong, check};
use engine_assembly::WhenFull;
use engine_event::Nanos;
use engine_journal::{Grouping, Reach, Segments};
use serde::Deserialize;
use std::path::PathBuf;
use toml::Spanned;

/// A journal to be kept.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    pub(crate) folder: PathBuf,
    /// Where in a configuration it stands, as `file:line:column`.
    pub(crate) place: Option<String>,
    pub(crate) grouping: Grouping,
    pub(crate) segments: Segments,
    pub(crate) reach: Reach,
    pub(crate) when_full: WhenFull,
    /// The signing key, if it is not the folder's own.
    pub(crate) key: Option<PathBuf>,
    /// A checkpoint is made while the pipeline runs whenever so many events were added; 0 for none.
    pub(crate) checkpoint_events: u64,
    pub(crate) keep: Keep,
    /// Whether it may hold something already, behind which it goes on.
    pub(crate) resumes: bool,
    /// The configuration as it is written, for the journal to hold.
    pub(crate) text: String,
}

/// How long sealed segments are kept.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Keep {
    /// Those that are older may go.
    pub(crate) days: Option<u64>,
    /// The oldest go while there are more bytes than these.
    pub(crate) bytes: Option<u64>,
    /// Whether they are compressed.
    pub(crate) compress: bool,
}

impl Journal {
    /// A journal in this folder, as it is if nobody says otherwise.
    pub(crate) fn usual(folder: PathBuf) -> Self {
        Self {
            folder,
            place: None,
            grouping: Grouping::default(),
            segments: Segments::default(),
            reach: Reach::Disk,
            when_full: WhenFull::Wait,
            key: None,
            checkpoint_events: 0,
            keep: Keep::default(),
            resumes: false,
            text: String::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    folder: Spanned<PathBuf>,
    segment_mib: Option<Spanned<u64>>,
    block_kib: Option<Spanned<u64>>,
    commit_ms: Option<Spanned<u64>>,
    buffer_mib: Option<Spanned<u64>>,
    #[serde(default)]
    sync: SyncWord,
    #[serde(default)]
    when_full: WhenFullWord,
    key: Option<Spanned<PathBuf>>,
    checkpoint_events: Option<u64>,
    keep_days: Option<u64>,
    keep_gib: Option<u64>,
    #[serde(default)]
    compress: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SyncWord {
    #[default]
    Disk,
    Cache,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WhenFullWord {
    #[default]
    Wait,
    LeaveOut,
}

/// How many events a restart has to replay at most, more or less: about a second.
const CHECKPOINT_EVENTS: u64 = 5_000_000;

pub(super) fn journal(
    table: Option<Table>,
    written: &Written<'_>,
) -> Result<Option<Journal>, Wrong> {
    let Some(table) = table else { return Ok(None) };
    let mut journal = Journal::usual(written.resolve(table.folder.get_ref()));
    journal.place = Some(written.place(&table.folder.span()));
    journal.resumes = true;
    journal.text = written.text.to_string();
    let number = |given: &Option<Spanned<u64>>, usual: u64, (least, most), name: &str| {
        let Some(given) = given else { return Ok(usual) };
        let fits = (least..=most).contains(given.get_ref());
        let wanted = format!("{name} is a number from {least} to {most}");
        check(fits, given.span(), &wanted).map(|()| *given.get_ref())
    };
    let Grouping { block_bytes, commit_after, waiting_bytes } = Grouping::default();
    let usual = |bytes: usize, unit: u32| bytes as u64 >> unit;
    let segment = Segments::default().segment_bytes >> 20;
    journal.segments.segment_bytes =
        number(&table.segment_mib, segment, (1, 65_536), "segment_mib")? << 20;
    let block = number(&table.block_kib, usual(block_bytes, 10), (16, 8192), "block_kib")?;
    let commit = number(&table.commit_ms, commit_after.0 / 1_000_000, (0, 10_000), "commit_ms")?;
    let buffer = number(&table.buffer_mib, usual(waiting_bytes, 20), (1, 65_536), "buffer_mib")?;
    journal.grouping = Grouping {
        block_bytes: (block as usize) << 10,
        commit_after: Nanos::from_millis(commit),
        waiting_bytes: (buffer as usize) << 20,
    };
    journal.reach = match table.sync {
        SyncWord::Disk => Reach::Disk,
        SyncWord::Cache => Reach::Cache,
    };
    journal.when_full = match table.when_full {
        WhenFullWord::Wait => WhenFull::Wait,
        WhenFullWord::LeaveOut => WhenFull::LeaveOut,
    };
    journal.key = table.key.map(|path| written.resolve(path.get_ref()));
    journal.checkpoint_events = table.checkpoint_events.unwrap_or(CHECKPOINT_EVENTS);
    journal.keep = Keep {
        days: table.keep_days,
        bytes: table.keep_gib.map(|gib| gib.saturating_mul(1 << 30)),
        compress: table.compress,
    };
    Ok(Some(journal))
}
