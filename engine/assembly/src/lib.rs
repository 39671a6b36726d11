//! The stages that make a pipeline, and how they are put together.
//!
//! ```text
//! feed ─▶ Source ──broadcast──▶ Shard 0..n ──findings──▶ Collector ──▶ Outlet
//!         decodes, gives seq     time, book, observers    merges by place, global observers
//! ```
//!
//! A [`Source`] decodes straight into the ring's slots and gives each event its sequence number. Every
//! [`Shard`] sees every event (so that time passes alike everywhere) and works on those of its own
//! subjects. The [`Collector`] waits until all shards have passed an event and releases findings in
//! the one order of [`Place`](engine_observer::Place), so that the number of shards and threads
//! cannot be seen in what comes out.
//!
//! A pipeline can have a [`Journal`]: then a [`Tap`] copies the stream into it, and findings wait until
//! their events are durable, because only then they are final.
//!
//! An [`Assembly`] holds them all. The daemon, the benches and the tests build the same one.
#![forbid(unsafe_code)]

mod alone;
mod assembly;
mod collector;
mod doubt;
mod figures;
mod held;
mod lane;
mod ledger;
mod naming;
mod shard;
mod source;
mod tap;

pub use alone::Alone;
pub use assembly::{Assembly, Outcome, Spec};
pub use collector::{Collector, Outlet};
pub use doubt::{Doubt, Doubted};
pub use figures::{Counted, Figures, Flow, Journaled};
pub use held::{AtOnce, Holding, Withheld};
pub use ledger::{Ledger, Tallied};
pub use naming::{Naming, Roll};
pub use shard::Shard;
pub use source::Source;
pub use tap::{Journal, Tap, WhenFull};
