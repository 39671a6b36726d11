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
//! its ratio to a yardstick measured in the same rounds, never one figure alone.

#![forbid(unsafe_code)]

mod contest;
mod cores;
mod options;

pub use contest::{Contest, Rounds};
pub use cores::{Cores, Duel};
pub use options::Options;
