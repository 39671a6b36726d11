//! How work gets its turn on a thread, whatever the work is.
//!
//! A [`Stage`] owns a turn: [`Stage::poll`] does a bounded amount of work and says how much. The
//! [`Runner`] puts stages on threads, pins and spins them as the [`Topology`] says, and brings them to
//! an orderly end; a test calls the same stages on its own thread. Feeds push events into a [`Sink`]
//! and are stages' raw material. A [`Meter`] is where a stage writes down how long it took.
#![forbid(unsafe_code)]

mod feed;
mod hiccup;
mod hlog;
mod latency;
mod meter;
mod runner;
mod stage;
mod stamps;
mod topology;
mod wait;

pub use engine_event::Nanos;
pub use feed::{Feed, FeedError, FeedTurn, Sink, Tally, Timing};
pub use hiccup::{Counts, Hiccups, Jitter};
pub use hlog::IntervalLog;
pub use latency::{Latency, Percentiles};
pub use meter::{Intervals, Meter, Stages};
pub use runner::{RunError, Runner, Stopped};
pub use stage::{Stage, Turn};
pub use stamps::{Stamp, Stamps};
pub use topology::{Layout, Plan, PlanError, Role, ThreadPlan, Topology, allowed_cores};
pub use wait::{Backoff, Wait};
