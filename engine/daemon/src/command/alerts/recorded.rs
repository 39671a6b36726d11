//! What a journal says about the run that wrote an event: its configuration, and what its observers were set to.

use crate::config::Config;
use crate::failure::Failure;
use crate::journaling::parameters_of;
use crate::wiring;
use anyhow::anyhow;
use engine_audit::Block;
use engine_audit::layout::Stream;
use engine_event::Nanos;
use engine_journal::{Reach, Reader, RealDisk, RecoveryError, side};
use std::path::{Path, PathBuf};

/// The beginning of a run, as its journal has it.
pub(super) struct Recorded {
    journal: PathBuf,
    /// Version, time and arguments.
    pub(super) run: String,
    /// As it was written; empty for a run without one.
    pub(super) configuration: String,
    /// The observers' parameters, a line for each.
    pub(super) parameters: String,
}

impl Recorded {
    /// The run that wrote this event. A run begins with a segment of its own and says what it is before its
    /// first event, so only the beginnings of segments are read.
    pub(super) fn of(journal: &Path, seq: u64) -> Result<Self, Failure> {
        let mut from = seq;
        loop {
            let mut recorded = Self {
                journal: journal.to_path_buf(),
                run: String::new(),
                configuration: String::new(),
                parameters: String::new(),
            };
            let first = recorded.read(from).map_err(Failure::data)?;
            if !recorded.run.is_empty() {
                return Ok(recorded);
            }
            match first {
                Some(first) if first > 1 => from = first - 1,
                _ => {
                    let what = "does not say which run wrote";
                    return Err(Failure::data(anyhow!("{} {what} event {seq}", journal.display())));
                }
            }
        }
    }

    /// Reads the beginning of the segment with this event; the number of its first.
    fn read(&mut self, from: u64) -> Result<Option<u64>, RecoveryError> {
        let disk = RealDisk::open(Reach::Cache);
        let mut reader = Reader::open(disk, &self.journal, Stream::Events, from)?;
        let first = reader.first()?;
        let mut look = |_: &Path, block: &Block<'_>| {
            for (kind, body) in block.sides() {
                let text = match kind {
                    side::RUN => &mut self.run,
                    side::CONFIGURATION => &mut self.configuration,
                    side::PARAMETERS => &mut self.parameters,
                    _ => continue,
                };
                text.push_str(&String::from_utf8_lossy(body));
            }
            block.header.events.get() > 0
        };
        while reader.next(&mut look)? == Some(false) {}
        Ok(first)
    }

    /// What happened before was for the books alone, if the arguments said so: `replay --from`.
    fn begins(&self) -> Option<Nanos> {
        let mut words = self.run.lines().nth(2)?.split(' ');
        while let Some(word) = words.next() {
            let time = match word.strip_prefix("--from") {
                Some("") => words.next()?,
                Some(rest) if rest.starts_with('=') => &rest[1..],
                _ => continue,
            };
            return wiring::parse_time(time).ok();
        }
        None
    }

    /// The configuration, if this version comes to the same parameters with it.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let mut config = match &*self.configuration {
            "" => wiring::usual_config(),
            text => Config::of_text(&self.journal.join("configuration"), text)?,
        };
        if parameters_of(&config.roster) != self.parameters {
            let version = self.run.lines().next().unwrap_or("another version");
            let what = format!(
                "was written by {version} under other parameters than this version has for the same configuration"
            );
            return Err(Failure::data(anyhow!("{} {what}", self.journal.display())));
        }
        config.machine.spec.begins = self.begins().unwrap_or_default();
        Ok(config)
    }

    /// A hash that stands for configuration and parameters together.
    pub(super) fn hash(&self) -> String {
        let both = [self.configuration.as_bytes(), b"\0", self.parameters.as_bytes()].concat();
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&both))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_tells_from_when_on_its_observers_looked() {
        let begins = |arguments: &str| {
            let run = format!("tapewatch 0.1.0\nat 5\n{arguments}\n");
            let (journal, configuration, parameters) = Default::default();
            Recorded { journal, run, configuration, parameters }.begins()
        };
        assert_eq!(begins("tapewatch replay t.csv --from 77 --journal j"), Some(Nanos(77)));
        assert_eq!(begins("tapewatch replay t.csv --from=78"), Some(Nanos(78)));
        assert_eq!(begins("tapewatch replay t.csv --from-seq 79"), None);
        assert_eq!(begins("tapewatch run --config c.toml"), None);
    }
}
