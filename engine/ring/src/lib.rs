//! Rings between pinned threads: the only way a record passes from one stage to the next.
//!
//! | from → to | type | when the reader is slow |
//! |---|---|---|
//! | one → one | [`spsc()`] | the producer is refused |
//! | one → many, all see all | [`broadcast()`] | the producer is refused |
//! | one → many, lossy | [`Tap`](broadcast::Tap) of a broadcast | the tap counts what it missed |
//! | one → many, newest only | [`latest()`] | older values are overwritten |
//!
//! Why these four and no queue with locks or many producers: each has exactly one writer per
//! cache line, so no operation here waits for another thread, allocates, or enters the kernel. What
//! to do when a ring is full or empty (spin, yield, park, count) is the caller's decision; nothing
//! in this crate blocks.
//!
//! ```
//! let (mut producer, mut consumers) = engine_ring::broadcast::<u64>(8, 2);
//! producer.push(7).unwrap();
//! producer.publish();
//!
//! for consumer in &mut consumers {
//!     let mut seen = Vec::new();
//!     consumer.poll(8, |record| seen.push(*record));
//!     assert_eq!(seen, [7]);
//! }
//! ```
//!
//! # The proof
//!
//! Nearly all of the crate is safe code. The `unsafe` lives in one private file, `slots.rs`, and at
//! its call sites, each of which names the invariant that makes it true. [`spsc()`] is a thin
//! layer over `rtrb` and has none. Three machines check the rest:
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p engine-ring --release --test loom
//! RUSTFLAGS="--cfg loom --cfg planted_bug" cargo test -p engine-ring --release --test loom
//! MIRIFLAGS="-Zmiri-disable-isolation" cargo +nightly miri test -p engine-ring
//! ```
//!
//! The first explores every interleaving, within a bound on preemptions, of small models of the
//! broadcast, the tap and the latest value. The second is the canary: it weakens one ordering or
//! drops one check at a time, and each of its tests passes only if loom *catches* the bug. The
//! third runs the unit, property and thread tests under Miri.

#![deny(unsafe_op_in_unsafe_fn)]

pub mod broadcast;
pub mod latest;
pub mod spsc;

#[doc(hidden)] // for the canary in tests/loom.rs
pub mod planted;

mod record;
mod slots;
mod sync;

pub use broadcast::broadcast;
pub use latest::latest;
pub use record::{Full, Record};
pub use spsc::spsc;
