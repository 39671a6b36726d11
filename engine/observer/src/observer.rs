//! What an idea must say about itself.

use crate::{Interest, Outbox, View};
use engine_event::{Nanos, Snapshot};
use std::fmt::{self, Display, Write};

/// An idea: its parameters are the value itself, what it remembers is its [`Memory`](Self::Memory).
pub trait Observer: Clone + Send + 'static {
    /// What it remembers: about one subject, or about everything if its scope is global.
    type Memory: Snapshot + Send;

    /// Its name in findings and configuration: `P06`, `microprice`. Unique in a roster.
    fn name(&self) -> &'static str;

    /// Whether it looks at one subject at a time or at the whole stream.
    fn scope(&self) -> Scope {
        Scope::Subject
    }

    /// What it wants to be shown.
    fn interest(&self) -> Interest;

    /// Every parameter by name, for the hash that findings carry.
    fn parameters(&self, to: &mut Parameters);

    /// A memory that has seen nothing.
    fn remember(&self) -> Self::Memory;

    /// The subject of this memory is among those of the next few events, and the memory itself is near: a
    /// hint to send for what lies elsewhere ([`prefetch`](crate::prefetch)), or farther than
    /// [`BYTES_AHEAD`](crate::BYTES_AHEAD).
    #[inline]
    fn look_ahead(&self, memory: &Self::Memory) {
        let _ = memory;
    }

    /// Looks at an event.
    fn observe(&self, memory: &mut Self::Memory, view: &View<'_>, out: &mut Outbox);

    /// Event time has reached `due`, which [`Outbox::wake_at`] asked for.
    fn on_time(&self, memory: &mut Self::Memory, due: Nanos, out: &mut Outbox) {
        let _ = (memory, due, out);
    }
}

/// How far an observer sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// One subject at a time, with its book. Runs on the shard that has the subject.
    Subject,
    /// All events in sequence, without books. Runs where the shards' findings meet.
    Global,
}

/// A set of parameters as canonical text, and its hash.
#[derive(Default)]
pub struct Parameters(String);

impl Parameters {
    /// The parameters of an observer.
    pub fn of(observer: &impl Observer) -> Self {
        let mut parameters = Self(observer.name().to_string());
        observer.parameters(&mut parameters);
        parameters
    }

    /// One parameter.
    pub fn set(&mut self, name: &str, value: impl Display) {
        write!(self.0, " {name}={value}").expect("a string takes any text");
    }

    /// The hash that stands for the whole set in findings.
    pub fn hash(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.0.as_bytes())
    }
}

impl Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
