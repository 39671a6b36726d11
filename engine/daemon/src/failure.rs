//! Why a command did not succeed, and the exit code that says so to scripts.

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

    pub(crate) fn configuration(error: impl Into<anyhow::Error>) -> Self {
        Self { kind: FailureKind::Configuration, error: error.into() }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl From<FeedError> for Failure {
    fn from(error: FeedError) -> Self {
        let kind = if error.is_data() { FailureKind::Data } else { FailureKind::Work };
        Self { kind, error: error.into() }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { kind: FailureKind::Work, error }
    }
}
