//! A view into a running daemon over HTTP: what it does, how long it takes, what it has found.
//!
//! Whoever follows the pipeline writes a [`Status`] onto the [`Board`], once an interval; the [`Server`]
//! answers from it, on a thread of its own. Neither is on an event's way: no request, however many and
//! however slow, holds up a stage.
//!
//! | path | gives |
//! |---|---|
//! | `/status` | counts, rates, faults, findings, the latest alerts, latencies: JSON |
//! | `/latency` | percentiles by stage since the start: JSON; with `?hlog` as HdrHistogram's interval log |
//! | `/metrics` | the same counts and percentiles in OpenMetrics' text, for Prometheus |
//!
//! It only tells. Whoever can reach the address can read, so it is this machine's own unless configured
//! otherwise.
#![forbid(unsafe_code)]

mod metrics;
mod page;
mod server;
mod status;

pub use server::Server;
pub use status::{Board, Figures, Journal, Percentiles, Rates, Ring, Status};
