//! A run that keeps a journal.

use super::inputs::{Begins, Feeds};
use super::outputs::unwritable;
use crate::config::Sink;
use crate::failure::Failure;
use crate::findings::{self, After, JsonLines, Outlets};
use crate::journaling::{Follower, Journaling, Keeping, Sunk};
use anyhow::anyhow;
use engine_api::Status;
use engine_assembly::{Assembly, AtOnce, Outlet, Spec};
use engine_event::Directory;
use engine_observer::Roster;

/// A journal that is kept, and what makes checkpoints of it.
pub(super) struct Kept {
    pub(super) journaling: Journaling,
    pub(super) follower: Option<Follower>,
    pub(super) keeping: Option<Keeping>,
    pub(super) sunk: Sunk,
    /// The last event of the state that the run begins with.
    pub(super) after: u64,
}

/// A pipeline and what belongs to it.
pub(super) struct Opened {
    pub(super) assembly: Assembly<Feeds>,
    pub(super) places: Option<&'static str>,
    pub(super) recent: Option<findings::Recent>,
    pub(super) journaling: Option<Kept>,
}

/// A pipeline that goes on where its journal ends: with the newest checkpoint and the tail behind it.
pub(super) fn open_with(
    mut journaling: Journaling,
    open: impl Fn(Option<Begins<'_>>) -> Result<(Feeds, Option<&'static str>), Failure>,
    sinks: &[Sink],
    roster: &Roster,
    spec: Spec,
    is_shown: bool,
) -> Result<Opened, Failure> {
    let end = journaling.end();
    let state = journaling.newest_state(roster, spec);
    let after = state.as_ref().map_or(0, |state| state.seq);
    let names = Directory::new(spec.bounds.subjects_max);
    let begins = Begins { journaling: &journaling, after, subjects_max: spec.bounds.subjects_max };
    let (feed, places) = open(Some(begins))?;
    let mut outlets: Vec<Box<dyn Outlet>> = Vec::new();
    for sink in sinks {
        let outlet: Box<dyn Outlet> = match &sink.path {
            None => Box::new(After(end, JsonLines::stdout(sink.wanted))),
            Some(path) => {
                let lines = match end {
                    0 => JsonLines::create(path, sink.wanted),
                    _ => JsonLines::resume(path, sink.wanted, (after, end)),
                };
                Box::new(lines.map_err(|error| unwritable(sink, error))?)
            }
        };
        outlets.push(if sink.provisional { Box::new(AtOnce(outlet)) } else { outlet });
    }
    let recent = is_shown.then(|| {
        let (shown, recent) = findings::recent(Status::ALERTS_MAX);
        outlets.push(Box::new(After(end, shown)));
        recent
    });
    if journaling.has_changed() {
        outlets =
            outlets.into_iter().map(|of| Box::new(After(end, of)) as Box<dyn Outlet>).collect();
    }
    outlets.push(Box::new(journaling.alert_log(after)?));
    let outlet = Box::new(Outlets::of(outlets));
    let files: Vec<_> = sinks.iter().filter_map(|sink| sink.path.clone()).collect();
    let sunk = Sunk { delivered: outlet.delivered(), files };
    let follower = (journaling.config().checkpoint_events > 0)
        .then(|| Follower::start(&journaling, state.as_ref(), (roster, spec), sunk.clone()))
        .transpose()?;
    let assembly = match &state {
        None => Assembly::new(feed, names, roster, outlet, spec),
        Some(state) => Assembly::resume(feed, names, roster, outlet, spec, &state.assembly)
            .map_err(|error| {
                let path = journaling.checkpoints().path(state.seq);
                let way = "move it away to begin with an older one";
                Failure::data(anyhow!("{}: {error}: {way}", path.display()))
            })?,
    };
    journaling.begin()?;
    let mut assembly = assembly;
    let known = assembly.source().names().clone();
    let assembly = assembly.with_journal(journaling.journal(known));
    let keeping = Keeping::start(&journaling)?;
    let kept = Kept { journaling, follower, keeping, sunk, after };
    Ok(Opened { assembly, places, recent, journaling: Some(kept) })
}
