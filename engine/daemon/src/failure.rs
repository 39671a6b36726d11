//! Why a command did not succeed, and the exit code that says so to scripts.

use anyhow::anyhow;
use engine_pipeline::FeedError;
use std::fmt;
use std::process::ExitCode;

/// A failure, told in one line.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: FailureKind,
    error: anyhow::Error,
}

#[derive(Clone, Copy, Debug)]
enum FailureKind {
    /// Something went wrong while working.
    Work = 1,
    /// The command does not make sense.
    Usage = 2,
    /// The input is not what it should be (EX_DATAERR).
    Data = 65,
    /// The configuration is not valid (EX_CONFIG).
    Configuration = 78,
}

impl Failure {
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { kind: FailureKind::Usage, error: error.into() }
    }

    /// Input that is not what it should be.
    pub(crate) fn data(error: impl Into<anyhow::Error>) -> Self {
        Self { kind: FailureKind::Data, error: error.into() }
    }

    pub(crate) fn configuration(error: impl Into<anyhow::Error>) -> Self {
        Self { kind: FailureKind::Configuration, error: error.into() }
    }

    /// Flags that were not understood: what clap says over several lines, in one.
    pub(crate) fn flags(error: &clap::Error) -> Self {
        let said = error.render().to_string();
        let is_told_elsewhere = |line: &str| {
            line.is_empty()
                || line.starts_with("Usage:")
                || line.starts_with("For more information")
        };
        let mut line = String::new();
        for part in said.lines().map(str::trim).filter(|part| !is_told_elsewhere(part)) {
            line.push_str(if line.is_empty() || line.ends_with(':') { " " } else { "; " });
            line.push_str(part);
        }
        Self::usage(anyhow!("{} (see --help)", line.trim_start().trim_start_matches("error: ")))
    }

    /// The same, as the fault of this place in a configuration, which asked for what is not there.
    /// Wrong content stays wrong content.
    pub(crate) fn configured_at(self, place: &str) -> Self {
        let kind = match self.kind {
            FailureKind::Work | FailureKind::Usage => FailureKind::Configuration,
            FailureKind::Data | FailureKind::Configuration => self.kind,
        };
        Self { kind, error: self.error.context(place.to_string()) }
    }

    /// The same, as the fault of this place in a configuration, if it is one's.
    pub(crate) fn placed(self, place: Option<&str>) -> Self {
        match place {
            Some(place) => self.configured_at(place),
            None => self,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    /// The error and its causes, but for those that an error before has told already.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = String::new();
        for cause in self.error.chain().map(ToString::to_string) {
            if told.ends_with(&cause) {
                continue;
            }
            if !told.is_empty() {
                told.push_str(": ");
            }
            told.push_str(&cause);
        }
        f.write_str(&told.replace(['\n', '\r'], " "))
    }
}

impl From<FeedError> for Failure {
    fn from(error: FeedError) -> Self {
        let kind = if error.is_data() { FailureKind::Data } else { FailureKind::Work };
        // Its one line holds its cause already.
        Self { kind, error: anyhow::anyhow!("{error}") }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { kind: FailureKind::Work, error }
    }
}
