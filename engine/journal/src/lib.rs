//! Events on disk, so that what was found can be found again: group commits, segments, recovery, replay.
//!
//! ```text
//! pipeline ─▶ Intake ──blocks (SPSC)──▶ Writer ──writes in flight──▶ Disk
//!             copies events             checksums, chain, segments
//!                ◀───────── Durable: how far it is safe ◀──────────┘
//! ```
//!
//! The pipeline only copies events into a block; everything else happens on the writer's own thread. What lies
//! on disk is described by `engine/audit/FORMAT.md`, and the reading side is shared with the verifier.
#![deny(unsafe_code)]

pub mod disk;
mod durable;
mod intake;
mod memory;
mod pages;

pub use disk::{Disk, Done, Write};
pub use durable::{Durable, Safety, Written};
pub use engine_audit::layout::side;
pub use intake::{Grouping, Intake};
pub use memory::{InMemory, Side, memory};
pub use pages::Pages;
