//! Where a run writes to.

use crate::config::{Feed, Sink};
use crate::failure::Failure;
use crate::findings::JsonLines;
use anyhow::anyhow;
use engine_assembly::Outlet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub(super) const UNWRITTEN: &str = "findings cannot be written";

pub(super) fn open_sinks(sinks: &[Sink]) -> Result<Vec<Box<dyn Outlet>>, Failure> {
    let open = |sink: &Sink| -> Result<Box<dyn Outlet>, Failure> {
        let Some(path) = &sink.path else { return Ok(Box::new(JsonLines::stdout(sink.wanted))) };
        let file = JsonLines::create(path, sink.wanted);
        Ok(Box::new(file.map_err(|error| unwritable(sink, error))?))
    };
    sinks.iter().map(open).collect()
}

pub(super) fn unwritable(sink: &Sink, error: io::Error) -> Failure {
    Failure::from(anyhow!(error).context(UNWRITTEN)).placed(sink.place.as_deref())
}

/// Refuses what can be told to go wrong before a sink's file begins anew.
pub(crate) fn check_sink(sink: &Sink, feeds: &[Feed]) -> Result<(), Failure> {
    let Some(path) = &sink.path else { return Ok(()) };
    check_output(path, sink.place.as_deref(), feeds, "findings")
}

/// Refuses a file to write `what` into: above all, one of the files that are read.
pub(crate) fn check_output(
    path: &Path,
    place: Option<&str>,
    feeds: &[Feed],
    what: &str,
) -> Result<(), Failure> {
    let mut inputs = feeds.iter().filter_map(Feed::path);
    if let Some(input) = inputs.find(|input| is_same_file(input, path)) {
        let wrong = anyhow!("{}: {what} would overwrite the input", input.display());
        return Err(Failure::usage(wrong).placed(place));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let wrong = match folder {
        Some(folder) if !folder.is_dir() => format!("there is no folder {}", folder.display()),
        _ if path.is_dir() => "is a folder, not a file".to_string(),
        _ => return Ok(()),
    };
    let wrong = anyhow!("{what} cannot be written: {}: {wrong}", path.display());
    Err(Failure::from(wrong).placed(place))
}

/// Whether both are one plain file, by whatever names.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some((file.dev(), file.ino()))
    };
    identity(one).is_some_and(|one| identity(other) == Some(one))
}
