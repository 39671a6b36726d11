//! The product as the snippets need it: its help, and its judgement of a configuration.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, program};

pub(crate) trait Product {
    /// What `tapewatch COMMAND… --help` prints.
    fn help(&mut self, command: &[String]) -> Result<String>;

    /// Whether `tapewatch check` accepts the configuration; if not, what it says.
    fn check(&mut self, configuration: &str) -> Result<Result<(), String>>;
}

/// The built program, looked for when the first snippet needs it.
pub(crate) struct Binary {
    /// Paths in a page's configurations are meant from here.
    root: PathBuf,
    target_dir: PathBuf,
    found: Option<String>,
}

impl Binary {
    pub(crate) fn new(root: &Path, target_dir: &Path) -> Self {
        Self { root: root.to_owned(), target_dir: target_dir.to_owned(), found: None }
    }

    /// The one that TAPEWATCH_BIN names, or a debug build: an old binary would vouch for an old
    /// page, so it is brought up to date, which costs nothing after the tests have run.
    fn path(&mut self) -> Result<String> {
        if let Some(path) = &self.found {
            return Ok(path.clone());
        }
        let path = match std::env::var("TAPEWATCH_BIN") {
            Ok(path) => PathBuf::from(path),
            Err(_) => {
                cargo("build --quiet --package engine-daemon").run()?;
                self.target_dir.join("debug/tapewatch")
            }
        };
        if !path.is_file() {
            bail!("no program at {}: TAPEWATCH_BIN can name one", path.display());
        }
        let path = path.to_string_lossy().into_owned();
        self.found = Some(path.clone());
        Ok(path)
    }
}

impl Product for Binary {
    fn help(&mut self, command: &[String]) -> Result<String> {
        program(&self.path()?).args(command).args(["--help"]).env("NO_COLOR", "1").read()
    }

    fn check(&mut self, configuration: &str) -> Result<Result<(), String>> {
        let path = self.path()?;
        let file = self.root.join(".snippet.toml");
        fs::write(&file, configuration)
            .with_context(|| format!("cannot write {}", file.display()))?;
        let line = program(&path).args(["check", "--config", &file.to_string_lossy()]);
        let outcome = line.outcome();
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        let (accepted, says) = outcome?;
        Ok(if accepted { Ok(()) } else { Err(says) })
    }
}

/// A product of two commands.
#[cfg(test)]
pub(super) struct Fake;

#[cfg(test)]
impl Product for Fake {
    fn help(&mut self, command: &[String]) -> Result<String> {
        let command: Vec<_> = command.iter().map(String::as_str).collect();
        let help = match command[..] {
            [] => {
                "Usage: tapewatch\n\nCommands:\n  replay   Replays\n           files\n  journal  \
                 Checks\n\nOptions:\n      --color <WHEN>\n  -h, --help  Print help\n"
            }
            ["replay"] => "Options:\n      --speed <N>  How fast\n      --json\n",
            ["journal"] => "Commands:\n  verify  Checks\n",
            ["journal", "verify"] => "Options:\n      --deep\n",
            _ => bail!("no help for {command:?}"),
        };
        Ok(help.to_owned())
    }

    fn check(&mut self, configuration: &str) -> Result<Result<(), String>> {
        let bad = configuration.contains("bad");
        Ok(if bad { Err("unknown key `bad`\n".to_owned()) } else { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_program_is_asked() {
        let dir = std::env::temp_dir().join(format!("xtask-product-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let script = dir.join("tapewatch");
        let text =
            "#!/bin/sh\n[ \"$1\" = check ] || { echo \"$@\"; exit 0; }\ngrep -v bad \"$3\"\n";
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();

        let found = Some(script.to_string_lossy().into_owned());
        let mut binary = Binary { root: dir.clone(), target_dir: dir.clone(), found };
        assert_eq!(binary.help(&["replay".to_owned()]).unwrap(), "replay --help\n");
        assert!(binary.check("good = 1\n").unwrap().is_ok());
        assert!(binary.check("bad = 1\n").unwrap().is_err());
        fs::remove_dir_all(dir).unwrap();
    }
}
