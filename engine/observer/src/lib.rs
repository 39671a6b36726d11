//! The boundary that ideas are written against.
//!
//! An [`Observer`] is an idea: parameters, what it remembers about one subject, and what it finds
//! when it is shown a [`View`]. Strategies find [`Signal`]s, detectors find [`Alert`]s; both put
//! them into the [`Outbox`]. Neither knows where an event came from, which thread it is on, or how
//! many shards there are. What holds ideas together is the [`Panel`]: books, observers and their
//! timers behind one method, without threads, so that a test shows a panel events and compares what
//! it finds.
//!
//! Why memory is apart from the idea: one observer value serves thousands of subjects, its
//! [`Observer::Memory`] is kept by subject beside it, so state cannot leak from one subject to
//! another, and findings cannot depend on how subjects are dealt out over shards.
#![forbid(unsafe_code)]

pub mod check;
pub mod evidence;
mod finding;
pub mod idea;
mod interest;
mod observer;
mod outbox;
mod panel;
mod roster;
mod timers;
mod view;
mod watch;

pub use engine_book as book;
pub use engine_book::{prefetch, prefetch_whole};
pub use engine_event as event;
pub use engine_stream as stream;

pub use finding::{
    Alert, Degraded, Feature, Features, Few, Finding, Found, Participants, Place, Severity, Signal,
    Unit,
};
pub use idea::{Idea, Invalid, Refused};
pub use interest::Interest;
pub use observer::{Observer, Parameters, Scope};
pub use outbox::{Outbox, Question};
pub use panel::Panel;
pub use roster::Roster;
pub use view::View;
pub use watch::{BYTES_AHEAD, Watch, Watcher};
