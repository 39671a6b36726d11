//! Windows and aggregates over event time, for any domain.
//!
//! Nothing here knows what is measured, who measures, or what time it is: values come with their event
//! time, and windows close when somebody who knows the time says so.
#![forbid(unsafe_code)]

mod aggregate;
mod tumbling;

pub use aggregate::{Aggregate, Mean};
pub use tumbling::{Late, Tumbling, Window};
