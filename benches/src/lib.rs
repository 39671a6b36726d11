//! One file per question, peers side by side.
//!
//! Every bench is a program of its own: it prints a small table, or with `--json` one JSON
//! document, and with `--quick` it only shows in under a second that it still runs.
//!
//! ```text
//! cargo bench -p benches --bench ring_hop
//! cargo bench -p benches --bench ring_throughput -- --json
//! ```
//!
//! Shared machines change under a bench: clocks, neighbours, even the distance between two cores.
//! So contestants take turns, round after round, and what counts is the median of their rounds and
//! its ratio to a yardstick measured in the same rounds, never one figure alone. Targets are stated
//! in the bench that measures them and judged the same way.

#![forbid(unsafe_code)]

mod contest;
mod cores;
mod fused;
mod laps;
mod options;
mod results;
mod rival;
mod session;
mod shard;
mod steady;
mod valgrind;

pub use contest::Contest;
pub use cores::{Cores, Duel};
pub use fused::{Nowhere, time_fused, time_fused_journaled, time_fused_read};
pub use options::Options;
pub use results::{Results, Target, tell};
pub use rival::Rival;
pub use session::{Overwritten, Session, cpu_time, drain, ns_each, time, time_batches};
pub use shard::{apply, pass, pass_from, poll};
pub use steady::Steady;
pub use valgrind::{Counts, count, counted, has_valgrind};
