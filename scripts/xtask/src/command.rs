//! Running other programs: each is shown as a line that can be pasted into a shell.

use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// A command under construction, with the line that shows it.
pub(crate) struct Line {
    command: Command,
    shown: String,
}

/// `cargo` from the PATH, so that `+nightly` reaches rustup; the words are split at blanks.
pub(crate) fn cargo(words: &str) -> Line {
    program("cargo").args(words.split_whitespace())
}

pub(crate) fn program(name: &str) -> Line {
    let mut command = Command::new(name);
    command.stdin(Stdio::null());
    Line { command, shown: name.to_owned() }
}

impl Line {
    pub(crate) fn args<S: AsRef<str>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        for word in words {
            let word = word.as_ref();
            self.command.arg(word);
            self.shown = format!("{} {}", self.shown, quoted(word));
        }
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.shown = format!("{name}={} {}", quoted(value), self.shown);
        self
    }

    /// Runs with its output on ours; an exit code other than 0 is an error that names the line.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("$ {}", self.shown);
        let status = self.command.status().with_context(|| self.not_started())?;
        self.must_succeed(status)
    }

    /// Runs with only stderr on ours; returns stdout.
    pub(crate) fn read(mut self) -> Result<String> {
        let output =
            self.command.stderr(Stdio::inherit()).output().with_context(|| self.not_started())?;
        self.must_succeed(output.status)?;
        String::from_utf8(output.stdout)
            .with_context(|| format!("`{}` printed what is not UTF-8", self.shown))
    }

    /// Runs in silence; true if it could be started and succeeded. For "is this tool here?".
    pub(crate) fn succeeds(mut self) -> bool {
        let quiet = self.command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    /// Runs in silence; returns whether it succeeded, and stdout and stderr, one after the other.
    pub(crate) fn outcome(mut self) -> Result<(bool, String)> {
        let output = self.command.output().with_context(|| self.not_started())?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// The line as a person would type it.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    fn not_started(&self) -> String {
        format!("`{}` could not be started", self.shown)
    }

    fn must_succeed(&self, status: ExitStatus) -> Result<()> {
        if !status.success() {
            bail!("`{}` failed ({status})", self.shown);
        }
        Ok(())
    }
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains([' ', '*', '$', ';']) {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_pasted() {
        let line = cargo("test -p engine-ring").env("RUSTFLAGS", "--cfg loom");
        assert_eq!(line.shown(), "RUSTFLAGS='--cfg loom' cargo test -p engine-ring");
    }

    #[test]
    fn failure_names_the_line() {
        let error = program("false").run().unwrap_err().to_string();
        assert!(error.starts_with("`false` failed"), "{error}");
        assert!(program("no-such-program-here").run().is_err());
        assert!(!program("no-such-program-here").succeeds());
    }
}
