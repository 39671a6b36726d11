//! What is told of a running daemon.

use engine_pipeline::Stages;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

/// What a daemon does, as of the last interval.
#[derive(Clone, Default, Debug)]
pub struct Status {
    /// Counts, and what else is told as it is.
    pub figures: Figures,
    /// The latest alerts, oldest first, each a JSON object as sinks have it.
    pub alerts: VecDeque<Box<RawValue>>,
    /// By stage, since the start.
    pub latency: Stages,
    /// By stage, in the last interval.
    pub latency_recent: Stages,
}

impl Status {
    /// How many of the latest alerts are kept.
    pub const ALERTS_MAX: usize = 32;

    /// One more alert; the oldest goes. What is no JSON is no alert.
    pub fn alert(&mut self, alert: String) {
        let Ok(alert) = RawValue::from_string(alert) else { return };
        if self.alerts.len() == Self::ALERTS_MAX {
            self.alerts.pop_front();
        }
        self.alerts.push_back(alert);
    }
}

/// The counts of a daemon: what `/status` tells, but for alerts and latencies.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[allow(missing_docs)] // as a run's summary has them
pub struct Figures {
    pub version: String,
    /// Nanoseconds since the epoch.
    pub started_at: u64,
    /// When this was so.
    pub at: u64,
    pub uptime_seconds: f64,
    pub interval_seconds: f64,
    pub topology: String,
    pub messages: u64,
    pub events: u64,
    pub bytes: u64,
    /// In the last interval.
    pub rates: Rates,
    pub gaps: u64,
    pub unknown: u64,
    /// Turns in which the feed was held back.
    pub stalls: u64,
    pub ring: Ring,
    /// By reason.
    pub faults: BTreeMap<String, u64>,
    /// By kind (`alert`, `signal`) and by pattern or name.
    pub findings: BTreeMap<String, BTreeMap<String, u64>>,
    /// Alerts that came too fast to be among the latest here; sinks have all of them.
    pub alerts_left_out: u64,
    /// If there is a journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<Journal>,
    pub latency_sampled_every: u64,
    /// Stages in the order of an event's way.
    pub latency_order: Vec<String>,
}

/// How much a second.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
#[allow(missing_docs)] // they are their names
pub struct Rates {
    pub messages_per_second: f64,
    pub events_per_second: f64,
    pub bytes_per_second: f64,
}

/// The ring between the source and everybody else.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub struct Ring {
    /// Events that somebody has still to take.
    pub depth: u64,
    /// How many it holds.
    pub capacity: u64,
}

/// What a journal does, and what waits for it.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[allow(missing_docs)] // as a run's summary has them
pub struct Journal {
    /// The last event that is known to be durable.
    pub durable_seq: u64,
    /// Group commits.
    pub commits: u64,
    pub bytes: u64,
    /// Blocks that wait for the disk.
    pub waiting_blocks: u64,
    /// Turns in which it had no room and held the feed back.
    pub stalls: u64,
    /// Events that were not journaled, because the disk did not keep up.
    pub left_out: u64,
    /// Findings that wait until they are final.
    pub findings_held: u64,
    /// Those that never will be.
    pub findings_withheld: u64,
    /// Segments that were compressed, and their bytes before and after.
    #[serde(default)]
    pub segments_compressed: u64,
    #[serde(default)]
    pub compressed_from_bytes: u64,
    #[serde(default)]
    pub compressed_to_bytes: u64,
    /// Segments that were deleted.
    #[serde(default)]
    pub segments_deleted: u64,
    /// Why nothing more will become durable, if so.
    pub failure: Option<String>,
}

/// The usual percentiles, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[allow(missing_docs)] // they are their names
pub struct Percentiles {
    pub count: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    #[serde(rename = "p99.9")]
    pub p99_9: u64,
    #[serde(rename = "p99.99")]
    pub p99_99: u64,
    pub max: u64,
}

impl From<engine_pipeline::Percentiles> for Percentiles {
    fn from(of: engine_pipeline::Percentiles) -> Self {
        let engine_pipeline::Percentiles { count, p50, p90, p99, p99_9, p99_99, max } = of;
        Self { count, p50, p90, p99, p99_9, p99_99, max }
    }
}

/// Where the status hangs: written by who follows the pipeline, read by who answers requests. Both have
/// time.
#[derive(Clone, Default, Debug)]
pub struct Board(Arc<Mutex<Status>>);

impl Board {
    /// The status, for as long as it is held.
    pub fn look(&self) -> MutexGuard<'_, Status> {
        // A status that somebody left half written is still one: the next interval mends it.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
