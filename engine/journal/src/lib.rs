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
mod pages;
mod plain;
mod real;
mod uring;

pub use disk::{Disk, Done, Write};
pub use pages::Pages;
pub use plain::{OpenFile, PlainDisk, Safety};
pub use real::RealDisk;
pub use uring::RingDisk;
