//! Tests of the whole: events in, books and changes out.

// `check(events, expect![…])` reads best with the expectation handed over as it is written.
#![allow(clippy::needless_pass_by_value)]

pub(crate) mod against_naive;
mod faults;
mod forms;
mod groups;
mod heal;
mod ladders;
mod lobster;
pub(crate) mod notation;
mod restart;
mod soak;
mod warm;
