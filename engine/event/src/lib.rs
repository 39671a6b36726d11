//! What the whole engine speaks: a 64-byte event, and the few things an event needs.
//!
//! Read in this order: [`Event`] and its [`body`] views, the [`id`]s it carries, [`Nanos`] and the
//! injected [`Clock`], the [`Directory`] that turns names into ids, [`Snapshot`] for everything that
//! must survive a restart, and [`Digest`], by which two runs are compared.
//!
//! Nothing here knows a market from a thermometer: orders, readings and calls are bodies of the same
//! record, and a *subject* is whatever an event is about.
#![forbid(unsafe_code)]

pub mod body;
mod clock;
mod decimal;
mod digest;
mod directory;
mod event;
mod fault;
pub mod id;
pub mod snapshot;

pub use clock::{Clock, Hands, ManualClock, Nanos, RealClock, WallClock};
pub use decimal::{Decimal, DecimalError};
pub use digest::Digest;
pub use directory::{Definition, Directory, DirectoryFull, Names};
pub use event::{Event, Flags, Kind};
pub use fault::{Fault, FaultCounts};
pub use id::{MaybePrice, Price};
pub use id::{MetricId, OrderId, ParticipantId, Quantity, Side, SourceId, SubjectId, VenueId};
pub use snapshot::{Reader, Snapshot, SnapshotError, Writer};
