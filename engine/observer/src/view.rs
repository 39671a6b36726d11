//! What an observer is shown.

use engine_book::{BookView, Change};
use engine_event::{Event, Nanos};

/// One event, and the world just after it.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// What happened.
    pub event: &'a Event,
    /// What it did to the book.
    pub change: &'a Change,
    /// The subject's book after the event; none for subjects that have none (devices, subscribers) and
    /// for observers of global scope.
    pub book: Option<BookView<'a>>,
    /// Event time: the latest `event_at` seen anywhere in the stream. Never runs backwards.
    pub now: Nanos,
}
