//! Transports: where bytes come from, and how several feeds become one.

mod any;
mod compressed;
mod file;
mod mapped;
mod merged;
mod paced;
pub mod publish;
#[cfg(test)]
mod testing;
pub mod udp;
mod uring;

pub use any::{AnyFeed, open};
pub use file::{Content, FileFeed};
pub use mapped::Mapped;
pub use merged::Merged;
pub use paced::{Paced, Speed};
pub use udp::{Listen, Udp};
