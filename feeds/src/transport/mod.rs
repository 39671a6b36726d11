//! Transports: where bytes come from, and how several feeds become one.

mod any;
mod arrivals;
mod compressed;
mod file;
mod live;
mod mapped;
mod merged;
mod paced;
pub mod publish;
mod resumed;
#[cfg(test)]
mod testing;
pub mod udp;
mod until;
mod uring;

pub use any::{AnyFeed, open};
pub use arrivals::Arrivals;
pub use file::{Content, FileFeed};
pub use live::{LiveFeed, LiveProtocol};
pub use mapped::Mapped;
pub use merged::Merged;
pub use paced::{Paced, Speed};
pub use resumed::{Past, Resumed};
pub use udp::{Listen, Udp};
pub use until::Until;
