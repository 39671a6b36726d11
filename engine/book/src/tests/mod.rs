//! Tests of the whole: events in, books and changes out.

// `check(events, expect![…])` reads best with the expectation handed over as it is written.
#![allow(clippy::needless_pass_by_value)]

mod against_naive;
mod faults;
mod ladders;
mod notation;
mod restart;
mod warm;
