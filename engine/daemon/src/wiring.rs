//! From flags and configuration to a pipeline that runs.

use crate::config::{Config, Latencies};
use crate::input::Numbers;
use engine_assembly::{Assembly, Spec};
use engine_event::Nanos;
use engine_observer::Roster;
use engine_pipeline::{Feed, Layout, Plan, PlanError, Role, Topology, allowed_cores};
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
    pub(crate) fn plan<F: Feed>(&self, bounded: bool, journal: bool) -> Result<Plan, PlanError> {
        let shards = self.spec.shards;
        let roles = match journal {
            true => Assembly::<F>::roles_with_journal(shards),
            false => Assembly::<F>::roles(shards),
        };
        let layout = Layout {
            topology: self.topology,
            roles: &roles,
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
        let Plan { topology, threads, roles, reason } = self.0;
        let stage = |stage: &usize| match roles[*stage] {
            Role::Source => "source".to_string(),
            Role::Journal => "journal".to_string(),
            Role::Collector => "collector".to_string(),
            Role::Shard => {
                let before = roles[..*stage].iter().filter(|role| **role == Role::Shard);
                format!("shard {}", before.count())
            }
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
fn usual_roster(patterns: surveillance::Plan) -> Roster {
    let mut roster = Roster::new();
    usual_strategies(&mut roster);
    patterns.join(&mut roster);
    roster
}

pub(crate) fn usual_strategies(roster: &mut Roster) {
    roster.add(strategies::Microprice::default());
}

/// The configuration of a replay without a file.
pub(crate) fn usual_config() -> Config {
    config_of(surveillance::Plan::usual())
}

/// The same with other patterns.
pub(crate) fn config_of(patterns: surveillance::Plan) -> Config {
    Config {
        machine: Machine::default(),
        feeds: Vec::new(),
        speed: Speed::Max,
        until: Nanos::END,
        numbers: Numbers::default(),
        bounds: Spec::default().bounds,
        roster: usual_roster(patterns),
        sinks: Vec::new(),
        latencies: Latencies::default(),
        api: None,
        journal: None,
        text: String::new(),
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

/// Nanoseconds since the epoch, or `2012-06-21T09:30:00.5`.
pub(crate) fn parse_time(text: &str) -> Result<Nanos, String> {
    let time = text.parse().map(Nanos).ok().or_else(|| {
        let (date, time) = text.split_once('T')?;
        Some(parse_date(date).ok()? + parse_time_of_day(time.strip_suffix('Z').unwrap_or(time))?)
    });
    time.ok_or_else(|| {
        "a time is a number of nanoseconds since the epoch, or 2012-06-21T09:30:00.5".to_string()
    })
}

/// `09:30:00`, and parts of a second.
fn parse_time_of_day(text: &str) -> Option<Nanos> {
    let (clock, parts) = text.split_once('.').unwrap_or((text, ""));
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let digits = parts.len() <= 9 && parts.bytes().all(|byte| byte.is_ascii_digit());
    if hour > 23 || minute > 59 || second > 60 || !digits {
        return None;
    }
    let nanos: u64 = format!("{parts:0<9}").parse().ok()?;
    Some(Nanos::from_secs(hour * 3600 + minute * 60 + second) + Nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_or_a_date_with_a_clock() {
        assert_eq!(parse_time("1340271000500000000"), Ok(Nanos(1_340_271_000_500_000_000)));
        let half_past_nine = Ok(Nanos(1_340_271_000_500_000_000));
        assert_eq!(parse_time("2012-06-21T09:30:00.5"), half_past_nine);
        assert_eq!(parse_time("2012-06-21T09:30:00.500000000Z"), half_past_nine);
        for wrong in ["09:30:00", "2012-06-21", "2012-06-31T09:30:00", "2012-06-21T24:00:00", ""] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
