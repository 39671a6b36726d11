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

mod block;
mod checkpoint;
pub mod disk;
mod durable;
mod feed;
mod holds;
mod identity;
mod intake;
mod journal;
mod keeper;
mod memory;
mod pages;
mod plain;
mod reader;
mod real;
mod recovery;
pub mod simulated;
mod uring;
mod writer;

pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints};
pub use disk::{Disk, Done, Write};
pub use durable::{Durable, Safety, Written};
pub use engine_audit::layout::side;
pub use feed::JournalFeed;
pub use holds::{Found, HOLD_NAME_MAX, Hold, HoldError, Holds};
pub use identity::{Identity, from_hex, hex, own_key, random_id, read_key};
pub use intake::{Grouping, Intake};
pub use journal::{Journal, Setup, open};
pub use keeper::{Keeper, Kept, LEVEL, Retention, Turn, Usable};
pub use memory::{InMemory, Side, memory};
pub use pages::Pages;
pub use plain::{OpenFile, PlainDisk, Reach};
pub use reader::{Reader, is_journal};
pub use real::RealDisk;
pub use recovery::{Recovered, RecoveryError, recover};
pub use uring::RingDisk;
pub use writer::{Position, Segments};
