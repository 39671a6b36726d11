//! `tapewatch journal hold` and `release`: what a case needs is not deleted.

use crate::cli::{JournalHold, JournalRelease};
use crate::failure::Failure;
use crate::output::tell;
use anyhow::anyhow;
use engine_event::{Clock, WallClock};
use engine_journal::{Hold, HoldError, Holds, PlainDisk, Reach, RecoveryError, is_journal};
use std::path::Path;

pub(super) fn place(arguments: &JournalHold) -> Result<(), Failure> {
    let JournalHold { journal, name, from_seq, to_seq, reason } = arguments;
    let hold =
        Hold { from_seq: *from_seq, to_seq: *to_seq, reason: reason.clone(), at: WallClock.now() };
    let holds = holds(journal)?;
    holds.place(&mut PlainDisk::new(Reach::Disk), name, &hold).map_err(refused)?;
    let shown = journal.display();
    tell(format_args!("tapewatch: {shown} keeps events {from_seq} to {to_seq} for {name}\n"));
    Ok(())
}

pub(super) fn release(arguments: &JournalRelease) -> Result<(), Failure> {
    let JournalRelease { journal, name } = arguments;
    holds(journal)?.release(&mut PlainDisk::new(Reach::Disk), name).map_err(refused)?;
    tell(format_args!("tapewatch: {} keeps nothing for {name} any more\n", journal.display()));
    Ok(())
}

fn holds(journal: &Path) -> Result<Holds, Failure> {
    if !is_journal(journal) {
        return Err(Failure::data(anyhow!("{}: there is no journal in it", journal.display())));
    }
    Ok(Holds::of(journal))
}

fn refused(error: HoldError) -> Failure {
    match error {
        HoldError::Name(_) | HoldError::Order { .. } | HoldError::Reason => Failure::usage(error),
        HoldError::Exists(_) | HoldError::Unknown(_) => Failure::usage(error),
        HoldError::Gone { .. } | HoldError::Empty(_) => Failure::data(error),
        HoldError::Journal(RecoveryError::Io { .. }) | HoldError::Io { .. } => {
            anyhow::Error::from(error).into()
        }
        HoldError::Journal(_) => Failure::data(error),
    }
}
