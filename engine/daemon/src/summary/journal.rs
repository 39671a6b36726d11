//! What became of a run's journal.

use crate::output::{Bytes, Thousands};
use engine_assembly::Journaled;
use serde::Serialize;
use std::fmt;

/// How far it is durable, and what it cost.
#[derive(Serialize)]
pub(super) struct Journal {
    /// Events that it holds, those of earlier runs included.
    events: u64,
    commits: u64,
    bytes: u64,
    segments: u64,
    /// The most blocks that ever waited for the disk.
    waiting_most: u64,
    /// Turns in which the disk held the feed back.
    stalls: u64,
    /// Events that are not in it, because the disk did not keep up.
    left_out: u64,
    /// Findings that were not handed on, because their events did not become durable.
    withheld: u64,
    withheld_alerts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl From<&Journaled> for Journal {
    fn from(of: &Journaled) -> Self {
        let Journaled { next, written, stalls, held, failure } = of;
        Self {
            events: next - 1,
            commits: written.commits,
            bytes: written.bytes,
            segments: written.segments,
            waiting_most: written.waiting_most,
            stalls: *stalls,
            left_out: written.left_out,
            withheld: held.withheld.findings,
            withheld_alerts: held.withheld.alerts,
            failure: failure.clone(),
        }
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [events, commits, segments] = [self.events, self.commits, self.segments].map(Thousands);
        let bytes = Bytes(self.bytes);
        write!(
            f,
            "durable up to event {events}: {bytes} in {commits} commits and {segments} segments"
        )?;
        if self.left_out > 0 {
            write!(f, ", {} events left out", Thousands(self.left_out))?;
        }
        if self.withheld > 0 {
            let [all, alerts] = [self.withheld, self.withheld_alerts].map(Thousands);
            write!(f, ", {all} findings withheld ({alerts} alerts)")?;
        }
        Ok(())
    }
}
