//! From flags and configuration to a pipeline that runs.

use crate::config::Config;
use engine_assembly::{Assembly, Spec};
use engine_event::Nanos;
use engine_observer::Roster;
use engine_pipeline::{Feed, Layout, Plan, PlanError, Topology, allowed_cores};
use feeds::Speed;
use std::fmt;

/// What the pipeline may do with the machine.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Machine {
    pub(crate) topology: Topology,
    pub(crate) spread: bool,
    pub(crate) force: bool,
    pub(crate) spec: Spec,
}

impl Machine {
    /// Lays the stages out over the cores.
    pub(crate) fn plan<F: Feed>(&self, bounded: bool) -> Result<Plan, PlanError> {
        let layout = Layout {
            topology: self.topology,
            roles: &Assembly::<F>::roles(self.spec.shards),
            cores: &allowed_cores(),
            spread: self.spread,
            force: self.force,
            bounded,
        };
        Plan::new(&layout)
    }
}

/// A plan in words: `pinned, 2 allowed cores; core 0: source; core 1: shard 0, collector`.
pub(crate) struct Laid<'a>(pub(crate) &'a Plan);

impl fmt::Display for Laid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { topology, threads, reason } = self.0;
        let last = threads.iter().flat_map(|thread| &thread.stages).max().copied().unwrap_or(0);
        let stage = |stage: &usize| match *stage {
            0 => "source".to_string(),
            stage if stage == last => "collector".to_string(),
            stage => format!("shard {}", stage - 1),
        };
        write!(f, "{}, {reason}", if *topology == Topology::Pinned { "pinned" } else { "fused" })?;
        for thread in threads {
            match thread.core {
                Some(core) => write!(f, "; core {core}: ")?,
                None => f.write_str("; one thread: ")?,
            }
            f.write_str(&thread.stages.iter().map(stage).collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

/// What looks on when nobody has said who should.
pub(crate) fn usual_roster() -> Roster {
    let mut roster = Roster::new();
    usual_strategies(&mut roster);
    usual_patterns(&mut roster);
    roster
}

pub(crate) fn usual_strategies(roster: &mut Roster) {
    roster.add(strategies::Microprice::default());
}

pub(crate) fn usual_patterns(roster: &mut Roster) {
    roster.add(surveillance::QuoteStuffing::default());
    roster.add(surveillance::MeanThreshold::default());
}

/// The configuration of a replay without a file.
pub(crate) fn usual_config() -> Config {
    Config {
        machine: Machine::default(),
        feeds: Vec::new(),
        speed: Speed::Max,
        bounds: Spec::default().bounds,
        roster: usual_roster(),
        sinks: Vec::new(),
    }
}

/// `2012-06-21`, as its midnight.
pub(crate) fn parse_date(text: &str) -> Result<Nanos, String> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse().ok());
    let (year, month, day) =
        (parts.next().flatten(), parts.next().flatten(), parts.next().flatten());
    let midnight = match (year, month, day) {
        (Some(year), Some(month), Some(day)) => feeds::options::midnight_of(year, month, day),
        _ => None,
    };
    midnight.ok_or_else(|| "a date is written YYYY-MM-DD".to_string())
}

/// Nanoseconds since the epoch.
pub(crate) fn parse_time(text: &str) -> Result<Nanos, String> {
    text.parse()
        .map(Nanos)
        .map_err(|_| "a time is a number of nanoseconds since the epoch".to_string())
}
