//! The few flags of a chore. Four chores do not earn a command-line crate.

use std::fmt;

use anyhow::Result;

/// The words after the chore's name, taken out one by one; what is left over is an error.
pub(crate) struct Args(Vec<String>);

/// The caller's mistake: told apart from a failure by exit code 2.
#[derive(Debug)]
pub(crate) struct WrongUsage(pub(crate) String);

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

impl Args {
    pub(crate) fn new(words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(words.into_iter().map(Into::into).collect())
    }

    pub(crate) fn asks_for_help(&self) -> bool {
        self.0.iter().any(|word| word == "--help" || word == "-h")
    }

    /// Takes out `--name`; true if it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() < before
    }

    /// Takes out `--name VALUE` or `--name=VALUE`.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>> {
        let is_name = |word: &String| {
            word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        let Some(at) = self.0.iter().position(is_name) else { return Ok(None) };
        let word = self.0.remove(at);
        if let Some((_, value)) = word.split_once('=') {
            return Ok(Some(value.to_owned()));
        }
        if at == self.0.len() || self.0[at].starts_with("--") {
            return Err(WrongUsage(format!("{name} needs a value")).into());
        }
        Ok(Some(self.0.remove(at)))
    }

    /// What is left are names; a flag among them is unknown.
    pub(crate) fn names(self) -> Result<Vec<String>> {
        match self.0.iter().find(|word| word.starts_with('-')) {
            Some(flag) => Err(WrongUsage(format!("unknown flag {flag}")).into()),
            None => Ok(self.0),
        }
    }

    /// Nothing may be left.
    pub(crate) fn done(self) -> Result<()> {
        match self.names()?.first() {
            Some(word) => Err(WrongUsage(format!("unexpected word `{word}`")).into()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_values_and_names_are_taken_apart() {
        let mut args = Args::new(["--quick", "ring", "--out", "a.md", "--json=b.json", "book"]);
        assert!(args.flag("--quick"));
        assert!(!args.flag("--quick"));
        assert_eq!(args.value("--out").unwrap().as_deref(), Some("a.md"));
        assert_eq!(args.value("--json").unwrap().as_deref(), Some("b.json"));
        assert_eq!(args.value("--only").unwrap(), None);
        assert_eq!(args.names().unwrap(), ["ring", "book"]);
    }

    #[test]
    fn what_nobody_took_is_wrong_usage() {
        assert!(Args::new(["--fast"]).names().unwrap_err().is::<WrongUsage>());
        assert!(Args::new(["word"]).done().unwrap_err().is::<WrongUsage>());
        assert!(Args::new(["--out"]).value("--out").is_err());
        assert!(Args::new(["--out", "--quick"]).value("--out").is_err());
    }
}
