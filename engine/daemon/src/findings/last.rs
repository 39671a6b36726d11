//! How far a file of findings had come when its run was broken off: told by its last whole line.
//!
//! A run that goes on finds the journal's tail again. It writes nothing before it has found the finding in
//! that line, and everything after it: so each finding is in the file once.

use super::write;
use engine_assembly::Roll;
use engine_observer::{Alert, Finding};
use serde_json::Value;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// The longest line that a finding has, and more.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// How a file of findings ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Last {
    /// There is no file: it was moved away, and the next one begins with what is new.
    Absent,
    /// There is nothing in it yet.
    Empty,
    /// A finding.
    Line {
        /// Its text.
        text: Vec<u8>,
        /// Its event.
        seq: u64,
        /// Where in the file it ends.
        end: u64,
    },
}

/// What is in a file already, while it is found again.
#[derive(Debug)]
pub(super) struct Known {
    /// The last line; everything is known where there is none.
    last: Option<Vec<u8>>,
    /// What is after this event is new.
    end: u64,
    text: Vec<u8>,
}

/// What a finding is to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// It is there.
    There,
    /// It is there, and nothing after it is.
    LastThere,
    /// It is not there.
    New,
}

impl Last {
    /// Looks at the end of a file.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Last::Absent),
            opened => opened?,
        };
        let length = file.metadata()?.len();
        // A line that was not finished may stand behind the last whole one.
        let start = length.saturating_sub(2 * LINE_BYTES_MAX);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.take(2 * LINE_BYTES_MAX).read_to_end(&mut tail)?;
        let Some(end) = tail.iter().rposition(|byte| *byte == b'\n') else {
            return if start == 0 { Ok(Last::Empty) } else { Err(foreign()) };
        };
        let begin = tail[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = tail[begin..end].to_vec();
        let line: Value = serde_json::from_slice(&text).map_err(|_| foreign())?;
        let seq = line.get("seq").and_then(Value::as_u64).ok_or_else(foreign)?;
        Ok(Last::Line { text, seq, end: start + end as u64 + 1 })
    }

    /// Opens the file behind its last whole line.
    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        let end = match self {
            Last::Absent | Last::Empty => 0,
            Last::Line { end, .. } => *end,
        };
        let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(file)
    }

    /// What is known of the findings that come again: those after an event, up to another.
    pub(super) fn known(&self, (after, end): (u64, u64)) -> Option<Known> {
        let last = match self {
            Last::Absent => None,
            Last::Line { text, seq, .. } if *seq > after => Some(text.clone()),
            Last::Empty | Last::Line { .. } => return None,
        };
        Some(Known { last, end, text: Vec::new() })
    }
}

fn foreign() -> io::Error {
    let what = "its last line is no finding, so nothing is written behind it";
    io::Error::new(ErrorKind::InvalidData, what)
}

impl Known {
    pub(super) fn look(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<Look> {
        if finding.place.seq > self.end {
            return Ok(Look::New);
        }
        let Some(last) = &self.last else { return Ok(Look::There) };
        self.text.clear();
        write(&mut self.text, finding, alert, roll)?;
        Ok(if self.text == *last { Look::LastThere } else { Look::There })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(content: &str) -> io::Result<Last> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        Last::of(file.path())
    }

    #[test]
    fn the_last_whole_line_counts() {
        let text = r#"{"kind":"signal","seq":7}"#;
        let line = |end| Last::Line { text: text.into(), seq: 7, end };
        assert_eq!(last(&format!("{text}\n")).unwrap(), line(26));
        assert_eq!(last(&format!("{{\"seq\":6}}\n{text}\n{{\"kind\":\"si")).unwrap(), line(36));
        assert_eq!(last("").unwrap(), Last::Empty);
        assert_eq!(last("{\"kind").unwrap(), Last::Empty);
        assert!(last("a shopping list\n").is_err());
        assert!(last("{}\n").is_err());
        assert_eq!(Last::of(Path::new("/nowhere/at/all")).unwrap(), Last::Absent);
    }
}
