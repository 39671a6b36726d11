//! Bytes in, events out: the formats that the engine reads, and where their bytes come from.
//!
//! Read in this order: [`Options`] and [`Format`]; [`codec`], one file a format, which turn bytes
//! into events without doing any input of their own; [`transport`], which brings the bytes, merges
//! several feeds and paces a replay; [`synthetic`], which makes the data that benches and tests need.
//!
//! Formats are told from content, never from a name. What cannot be read is counted and told as a
//! `Gap` event; nothing is skipped in silence.
//!
//! ```
//! use engine_event::{Directory, Nanos};
//! use engine_pipeline::{Feed, FeedTurn};
//!
//! let file = tempfile::NamedTempFile::new().unwrap();
//! std::fs::write(file.path(), "34200.5,1,11,100,5853300,1\n34201,3,11,100,5853300,1\n").unwrap();
//!
//! let mut feed = feeds::open(file.path(), &feeds::Options::default()).unwrap();
//! let (mut names, mut events) = (Directory::new(10), Vec::new());
//! while feed.poll(Nanos(0), &mut names, &mut events).unwrap() != FeedTurn::Ended {}
//! assert_eq!(events.len(), 3); // the definition, the order, its deletion
//! assert_eq!(feed.tally().messages, 2);
//! ```
#![deny(unsafe_code)]

pub mod codec;
mod format;
pub mod options;
pub mod synthetic;
pub mod transport;

pub use codec::{Codec, CodecError, EVENTS_PER_MESSAGE_MAX};
pub use format::{Format, UnknownFormat, detect};
pub use options::Options;
pub use transport::{
    AnyFeed, Arrivals, Content, FileFeed, Listen, LiveFeed, LiveProtocol, Merged, Paced, Past,
    Resumed, Speed, Until, open,
};
