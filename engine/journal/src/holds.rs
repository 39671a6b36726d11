//! Holds: a case says which events it needs, and the segments that hold them are not deleted.
//!
//! A hold is a small text file, so that anybody can read it. It is written before the head is looked at, and
//! the [keeper](crate::Keeper) looks at the holds after it has replaced the head: whatever happens at the
//! same time, one of the two sees the other.

use crate::disk::NEW;
use crate::recovery::first_kept;
use crate::{Disk, RecoveryError};
use engine_audit::layout::Stream;
use engine_event::Nanos;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The longest name of a hold, in characters.
pub const HOLD_NAME_MAX: usize = 64;
/// The longest reason, in bytes.
const REASON_MAX: usize = 4096;
/// The most that is read of a file.
const FILE_MAX: u64 = 64 << 10;

/// Events that a case needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// The first of them.
    pub from_seq: u64,
    /// The last of them; it may be still to come.
    pub to_seq: u64,
    /// Why, in one line.
    pub reason: String,
    /// Since when.
    pub at: Nanos,
}

/// Why a hold is not placed or not released.
#[derive(Debug, Error)]
pub enum HoldError {
    /// It is no name for a file.
    #[error(
        "\"{0}\": a case's name has from 1 to 64 letters, digits or any of `-_.`, and begins with a letter or a digit"
    )]
    Name(String),
    /// Its first event is not before its last.
    #[error("the events end before they begin: {from} to {to}")]
    Order {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// The reason is too long.
    #[error("the reason is longer than 4096 bytes")]
    Reason,
    /// Another hold has this name.
    #[error("{}: there is a hold of this name: release it first", .0.display())]
    Exists(PathBuf),
    /// No hold has this name.
    #[error("{}: there is no such hold", .0.display())]
    Unknown(PathBuf),
    /// The events were deleted.
    #[error("{}: events before {first} are not kept any more: no hold brings them back", journal.display())]
    Gone {
        /// The journal's folder.
        journal: PathBuf,
        /// The first event that is there.
        first: u64,
    },
    /// There is nothing to hold.
    #[error("{}: there are no events in it", .0.display())]
    Empty(PathBuf),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] RecoveryError),
    /// The disk does not do it.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The holds of a journal.
#[derive(Clone, Debug)]
pub struct Holds {
    journal: PathBuf,
    folder: PathBuf,
}

/// What was found under a name: a hold, or why it cannot be understood.
pub type Found = Result<Hold, String>;

impl Holds {
    /// Those of the journal in this folder.
    pub fn of(journal: &Path) -> Self {
        Self { journal: journal.to_path_buf(), folder: journal.join("holds") }
    }

    /// Where a hold lies.
    pub fn path(&self, name: &str) -> Result<PathBuf, HoldError> {
        let is_plain = |of: char| of.is_alphanumeric() || "-_.".contains(of);
        let fits = (1..=HOLD_NAME_MAX).contains(&name.chars().count())
            && name.chars().all(is_plain)
            && name.starts_with(char::is_alphanumeric)
            && !name.ends_with(NEW);
        if fits { Ok(self.folder.join(name)) } else { Err(HoldError::Name(name.to_string())) }
    }

    /// All of them, by their names.
    pub fn all<D: Disk>(&self, disk: &mut D) -> io::Result<Vec<(String, Found)>> {
        let mut names = match disk.names(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            names => names?,
        };
        names.retain(|name| !name.ends_with(NEW));
        names.sort_unstable();
        let mut holds = Vec::new();
        for name in names {
            let mut text = String::new();
            let read = disk.read(&self.folder.join(&name));
            match read.and_then(|read| read.take(FILE_MAX).read_to_string(&mut text)) {
                // It was released a moment ago.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    holds.push((name, Err("is no text".to_string())));
                }
                Err(error) => return Err(error),
                Ok(_) => holds.push((name, Hold::read(&text))),
            }
        }
        Ok(holds)
    }

    /// Places one, durably. Its events must be there, as far as they are not still to come.
    pub fn place<D: Disk>(&self, disk: &mut D, name: &str, hold: &Hold) -> Result<(), HoldError> {
        let path = self.path(name)?;
        let io = |error| HoldError::Io { path: path.clone(), error };
        let (from, to) = (hold.from_seq, hold.to_seq);
        if from > to {
            return Err(HoldError::Order { from, to });
        }
        if hold.reason.len() > REASON_MAX {
            return Err(HoldError::Reason);
        }
        self.check_kept(disk, from)?;
        disk.make_folder(&self.folder).map_err(io)?;
        if disk.names(&self.folder).map_err(io)?.iter().any(|other| other == name) {
            return Err(HoldError::Exists(path));
        }
        disk.replace(&path, hold.to_string().as_bytes()).map_err(io)?;
        self.check_kept(disk, from).inspect_err(|_| {
            let _ = disk.remove(&path);
        })
    }

    /// Ends one.
    pub fn release<D: Disk>(&self, disk: &mut D, name: &str) -> Result<(), HoldError> {
        let path = self.path(name)?;
        match disk.remove(&path).and_then(|()| disk.sync_folder(&self.folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(HoldError::Unknown(path)),
            released => released.map_err(|error| HoldError::Io { path, error }),
        }
    }

    fn check_kept<D: Disk>(&self, disk: &mut D, from: u64) -> Result<(), HoldError> {
        let stream = Stream::Events;
        match first_kept(disk, &self.journal.join(stream.folder()), stream)? {
            None => Err(HoldError::Empty(self.journal.clone())),
            Some(first) if from < first => {
                Err(HoldError::Gone { journal: self.journal.clone(), first })
            }
            Some(_) => Ok(()),
        }
    }
}

impl Hold {
    /// Whether it needs any event from `first` to `last`.
    pub fn covers(&self, first: u64, last: u64) -> bool {
        self.from_seq <= last && first <= self.to_seq
    }

    fn read(text: &str) -> Found {
        let value = |key: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
        };
        let number = |key: &str| {
            let read = value(key).and_then(|value| value.parse().ok());
            read.ok_or_else(|| format!("does not say `{key} = NUMBER`"))
        };
        Ok(Hold {
            from_seq: number("from_seq")?,
            to_seq: number("to_seq")?,
            reason: value("reason").unwrap_or_default().to_string(),
            at: Nanos(number("at").unwrap_or_default()),
        })
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason.replace(char::is_control, " ");
        writeln!(f, "from_seq = {}\nto_seq = {}", self.from_seq, self.to_seq)?;
        writeln!(f, "reason = {}\nat = {}", reason.trim(), self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold() -> Hold {
        let reason = "layering, case 17 = the old one".to_string();
        Hold { from_seq: 5, to_seq: 90, reason, at: Nanos(1_700_000_000_000_000_000) }
    }

    #[test]
    fn a_hold_is_read_as_it_was_written() {
        let text = "from_seq = 5\nto_seq = 90\nreason = layering, case 17 = the old one\nat = \
                    1700000000000000000\n";
        assert_eq!(hold().to_string(), text);
        assert_eq!(Hold::read(text), Ok(hold()));
        let lines = Hold { reason: "two\nlines".into(), ..hold() };
        assert_eq!(Hold::read(&lines.to_string()).unwrap().reason, "two lines");
        assert_eq!(Hold::read("from_seq = 1\n"), Err("does not say `to_seq = NUMBER`".into()));
    }

    #[test]
    fn a_hold_covers_what_it_touches() {
        let covered = [(1, 4), (1, 5), (90, 90), (91, 95), (1, 200), (40, 41)]
            .map(|(first, last)| hold().covers(first, last));
        assert_eq!(covered, [false, true, true, false, true, true]);
    }

    #[test]
    fn names_stay_in_their_folder() {
        let holds = Holds::of(Path::new("/j"));
        let long = "x".repeat(HOLD_NAME_MAX);
        for name in ["case-1", "2026_11.a", "Fall-Ä7", &long] {
            assert_eq!(holds.path(name).unwrap(), Path::new("/j/holds").join(name));
        }
        for name in ["", ".", "..", "a/b", "-x", "a b", "a\n", "a.new", &(long + "x")] {
            assert!(holds.path(name).is_err(), "{name:?}");
        }
    }
}
