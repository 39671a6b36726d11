//! The pipeline that found an alert, again: from the newest checkpoint before, on one thread, event by event.

use super::recorded::Recorded;
use crate::failure::Failure;
use crate::findings;
use crate::journaling::{Journaling, State};
use anyhow::anyhow;
use engine_assembly::{Assembly, Outlet, Roll, Spec};
use engine_book::Books;
use engine_event::Directory;
use engine_journal::{JournalFeed, Reach, RealDisk};
use engine_observer::{Alert, Finding, Roster};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A pipeline behind a journal, as far as it was asked to go.
pub(super) struct Rerun {
    assembly: Assembly<JournalFeed<RealDisk>>,
    caught: Caught,
    /// The last event of the state that it began with.
    pub(super) after: u64,
}

/// Texts of alerts.
type Caught = Arc<Mutex<Vec<String>>>;

/// Keeps the texts of alerts that were raised with one event.
struct Catch {
    seq: u64,
    to: Caught,
}

impl Outlet for Catch {
    fn take(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        if alert.is_some() && finding.place.seq == self.seq {
            let mut text = Vec::new();
            findings::write(&mut text, finding, alert, roll)?;
            let mut caught = self.to.lock().unwrap_or_else(PoisonError::into_inner);
            caught.push(String::from_utf8_lossy(&text).into_owned());
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn wants_signals(&self) -> bool {
        false
    }
}

impl Rerun {
    /// With the recorded observers, from a checkpoint before this event if there is one; what is raised with
    /// the event `seq` is kept.
    pub(super) fn of(
        journal: &Path,
        recorded: &Recorded,
        (before, seq): (u64, u64),
    ) -> Result<Self, Failure> {
        let config = recorded.config()?;
        let spec = Spec { shards: 1, bounds: config.bounds, ..config.machine.spec };
        let state = Journaling::state_before(journal, (&config.roster, spec), before)?;
        Self::begin(journal, (&config.roster, spec), state, seq)
    }

    /// For the books alone: the same from a checkpoint, else without observers from the beginning.
    pub(super) fn for_books(journal: &Path, before: u64) -> Result<Self, Failure> {
        let config = Recorded::of(journal, before).and_then(|recorded| recorded.config());
        if let Ok(config) = config {
            let spec = Spec { shards: 1, bounds: config.bounds, ..config.machine.spec };
            let state = Journaling::state_before(journal, (&config.roster, spec), before)?;
            if state.is_some() {
                return Self::begin(journal, (&config.roster, spec), state, 0);
            }
        }
        Self::begin(journal, (&Roster::new(), Spec::default()), None, 0)
    }

    fn begin(
        journal: &Path,
        (roster, spec): (&Roster, Spec),
        state: Option<State>,
        seq: u64,
    ) -> Result<Self, Failure> {
        let after = state.as_ref().map_or(0, |state| state.seq);
        let feed = JournalFeed::open(RealDisk::open(Reach::Cache), journal, after);
        let feed = feed.map_err(Failure::data)?.following();
        let names = Directory::new(spec.bounds.subjects_max);
        let caught = Caught::default();
        let outlet = Box::new(Catch { seq, to: caught.clone() });
        let assembly = match state {
            None => Assembly::new(feed, names, roster, outlet, spec),
            Some(state) => Assembly::resume(feed, names, roster, outlet, spec, &state.assembly)
                .map_err(|error| Failure::data(anyhow::Error::from(error)))?,
        };
        Ok(Self { assembly, caught, after })
    }

    /// Goes on up to this event.
    pub(super) fn to(&mut self, seq: u64) -> Result<(), Failure> {
        self.assembly.source().feed().allow(seq);
        while self.assembly.step() {}
        if let Some(error) = self.assembly.source().take_error() {
            return Err(error.into());
        }
        let reached = self.assembly.source().seq();
        if reached < seq {
            return Err(Failure::data(anyhow!(
                "the journal ends with event {reached}, not with {seq}"
            )));
        }
        Ok(())
    }

    /// Alerts that the event in question raised, as they are written.
    pub(super) fn caught(&self) -> Vec<String> {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The books as they are now.
    pub(super) fn books(&self) -> &Books {
        self.assembly.shards()[0].panel().books()
    }

    /// Every name that was met.
    pub(super) fn names(&mut self) -> Directory {
        self.assembly.source().names().clone()
    }
}
