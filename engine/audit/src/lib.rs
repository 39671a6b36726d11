//! Reads a journal and holds it against its own checksums, hashes and signatures.
//!
//! This crate uses no other part of the engine, so that an auditor can read it as a whole: `FORMAT.md`
//! says what lies on disk, [`layout`] says it to the compiler.
#![forbid(unsafe_code)]

pub mod blocks;
pub mod compressed;
mod damage;
pub mod layout;
pub mod segment;
pub mod verify;

pub use blocks::{Block, Blocks, End, Next};
pub use damage::{Check, Damage, Span};
pub use segment::{Found, Segment};
pub use verify::{NoJournal, Options, Verdict, Verified, verify, verify_and_show};
