//! CME's MDP 3.0: messages of SBE, laid out by a schema.
//!
//! Sources: FIX Trading Community, *Simple Binary Encoding 1.0*; CME Group, *MDP 3.0* (client systems
//! wiki): packet and message headers, book management, recovery. The numbers and places of fields come
//! from the schema, once ([`Plan`]): our own ([`OWN_SCHEMA`], what is public of versions 9 to 13) or the
//! venue's file, given with [`Options::schema`](crate::Options::schema).
//!
//! Decoded are: books by levels (templates 46, 64, 32) and their snapshots (52, 69, 38), books by orders
//! (47, 43, and the orders in 46) and theirs (53, 44), trades (48, 65, 42), security status (30),
//! definitions (54 to 58, 63, 27, 29, 41), channel reset (4). Of others whose entries carry a running
//! number only that is looked at; what the schema does not have is counted as unknown.
//!
//! A security's book is fed by levels, or by orders where
//! [`by_order`](crate::Options::by_order) asks for that; never by both. Levels and orders implied by other
//! securities' are counted and kept out. Prices have nine decimal places, as they stand in the messages:
//! the display factor is not applied. Times are those of the matching engine; what a snapshot or a
//! definition tells is dated with the latest of them.

mod ladder;
mod market;
mod packets;
mod plan;
pub mod schema;

use engine_pipeline::FeedError;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

pub use market::VENUE;
pub use packets::Mdp3Pcap;
pub(crate) use packets::looks_like;
pub use plan::Plan;
pub use schema::{Schema, SchemaError};

/// Our own schema: what is needed, after CME's public documentation.
pub const OWN_SCHEMA: &str = include_str!("mdp3.xml");

/// Our own schema, ready for use.
pub(crate) fn own_plan() -> Arc<Plan> {
    static OWN: OnceLock<Arc<Plan>> = OnceLock::new();
    let plan = OWN.get_or_init(|| {
        Arc::new(Plan::new(&Schema::own()).expect("our own schema has what is needed"))
    });
    Arc::clone(plan)
}

/// The schema in a file; ours if there is none.
pub(crate) fn load(path: Option<&Path>) -> Result<Arc<Plan>, FeedError> {
    let Some(path) = path else { return Ok(own_plan()) };
    let unread = |reason: io::Error| FeedError::Io { file: path.to_owned(), reason };
    let size = std::fs::metadata(path).map_err(unread)?.len();
    let wrong = |error: SchemaError| FeedError::Data {
        file: path.to_owned(),
        place: format!("line {}, column {}", error.line, error.column),
        what: error.what,
    };
    if size > schema::SCHEMA_BYTES_MAX as u64 {
        let what = format!("{size} bytes, expected at most {}", schema::SCHEMA_BYTES_MAX);
        return Err(wrong(SchemaError::new(1, 1, what)));
    }
    let bytes = std::fs::read(path).map_err(unread)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u32;
        wrong(SchemaError::new(line, 1, "not UTF-8, expected XML"))
    })?;
    let plan = Schema::read(text).and_then(|schema| Plan::new(&schema)).map_err(wrong)?;
    Ok(Arc::new(plan))
}

#[cfg(test)]
mod tests;
