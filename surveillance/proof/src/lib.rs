//! The proof of the surveillance: labelled abuse woven into a recorded flow, and scores.
//!
//! Read in this order: a [`Survey`] takes a first look at a base flow; the [`Weaver`] gives its events on
//! with campaigns of injected orders among them, as a market with these orders in it would
//! have gone ([`floor`]); a [`Case`](scenario::Case) is what the catalogue of patterns calls a positive or
//! a near miss, written as an `async` function over a [`Desk`](desk::Desk); a [`Label`] says
//! afterwards what was done, by whom and when.
//!
//! Nothing here knows a detector, and no detector is looked at: cases are made from the catalogue's words,
//! with sizes, distances and times drawn anew for each.
#![forbid(unsafe_code)]

pub mod accounts;
mod campaign;
pub mod cases;
pub mod chance;
pub mod desk;
pub mod floor;
pub mod historic;
pub mod label;
pub mod scenario;
pub mod score;
pub mod stage;
pub mod stress;
pub mod survey;
pub mod weave;

pub use label::{Class, Label};
pub use survey::{Instrument, Survey};
pub use weave::{Settings, WeaveError, Weaver, Woven};
