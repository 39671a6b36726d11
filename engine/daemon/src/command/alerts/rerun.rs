//! A journal's events again for one subject: from the newest checkpoint before, and its observers with them.

use super::recorded::Recorded;
use super::reel::Reel;
use crate::failure::Failure;
use crate::findings;
use crate::journaling::{Journaling, State};
use anyhow::anyhow;
use engine_assembly::{Alone, Spec};
use engine_book::BookView;
use engine_event::Directory;
use engine_observer::{Found, Roster};
use std::path::Path;

/// One subject of the pipeline that wrote a journal, as far as it was asked to go.
pub(super) struct Rerun {
    alone: Alone,
    reel: Reel,
    /// The last event of the state that it began with.
    pub(super) after: u64,
}

impl Rerun {
    /// With the recorded observers, from a checkpoint before this event if there is one.
    pub(super) fn of(
        journal: &Path,
        recorded: &Recorded,
        subject: &str,
        (before, to): (u64, u64),
    ) -> Result<Self, Failure> {
        let config = recorded.config()?;
        let spec = Spec { bounds: config.bounds, ..config.machine.spec };
        let state = Journaling::state_before(journal, (&config.roster, spec), before)?;
        Self::begin(journal, (&config.roster, spec), state, subject, to)
    }

    /// For the book alone: the same from a checkpoint, else without observers from the beginning.
    pub(super) fn for_book(
        journal: &Path,
        subject: &str,
        (before, to): (u64, u64),
    ) -> Result<Self, Failure> {
        let config = Recorded::of(journal, before).and_then(|recorded| recorded.config());
        if let Ok(config) = config {
            let spec = Spec { bounds: config.bounds, ..config.machine.spec };
            let state = Journaling::state_before(journal, (&config.roster, spec), before)?;
            if state.is_some() {
                return Self::begin(journal, (&config.roster, spec), state, subject, to);
            }
        }
        Self::begin(journal, (&Roster::new(), Spec::default()), None, subject, to)
    }

    fn begin(
        journal: &Path,
        (roster, spec): (&Roster, Spec),
        state: Option<State>,
        subject: &str,
        to: u64,
    ) -> Result<Self, Failure> {
        let Some(state) = state else {
            let reel = Reel::of_journal(journal, 0, to)?;
            return Ok(Self { alone: Alone::new(roster, spec, subject), reel, after: 0 });
        };
        let resumed = Alone::resume(roster, spec, subject, &state.assembly);
        let (alone, names, after) =
            resumed.map_err(|error| Failure::data(anyhow::Error::from(error)))?;
        let reel = Reel::of_journal(journal, after, to)?.knowing(names);
        Ok(Self { alone, reel, after })
    }

    /// Goes on to the last event of interest, and shows the book after each of these on the way.
    pub(super) fn film(
        &mut self,
        seqs: &[u64],
        mut show: impl FnMut(usize, Option<BookView<'_>>, &Directory),
    ) -> Result<(), Failure> {
        let Self { alone, reel, after } = self;
        let mut shown = 0;
        while seqs.get(shown).is_some_and(|seq| seq <= after) {
            show(shown, alone.book(), &reel.names);
            shown += 1;
        }
        if shown < seqs.len() {
            reel.run(|event, names| {
                alone.take(event, names);
                alone.clear();
                while seqs.get(shown) == Some(&event.seq) {
                    show(shown, alone.book(), names);
                    shown += 1;
                }
                shown < seqs.len()
            })?;
        }
        match seqs.get(shown) {
            None => Ok(()),
            Some(seq) => Err(Failure::data(anyhow!("the journal ends before event {seq}"))),
        }
    }

    /// Goes on to this event; the alerts that it raises, as they are written.
    pub(super) fn alerts_of(&mut self, seq: u64) -> Result<Vec<String>, Failure> {
        let Self { alone, reel, .. } = self;
        let (mut caught, mut is_reached) = (Vec::new(), false);
        reel.run(|event, names| {
            alone.take(event, names);
            let (findings, alerts) = alone.found();
            if event.seq == seq {
                let raised = findings.iter().filter(|finding| finding.found == Found::Alert);
                caught
                    .extend(raised.zip(alerts).map(|(of, alert)| findings::text(of, alert, names)));
                is_reached = true;
            }
            alone.clear();
            !is_reached
        })?;
        if !is_reached {
            return Err(Failure::data(anyhow!("the journal ends before event {seq}")));
        }
        Ok(caught)
    }

    /// Every name that was met.
    pub(super) fn into_names(self) -> Directory {
        self.reel.names
    }
}
