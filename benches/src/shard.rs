//! What a shard does with a session: a batch is decoded, looked at ahead, and applied event by event.

use crate::{Session, cpu_time};
use engine_book::{Books, Change};
use engine_event::{Directory, Event, Nanos};
use engine_pipeline::{Feed, FeedTurn, Sink};
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

/// Events that are decoded before the books see them.
const BATCH: usize = 256;

/// Decodes a session and hands its events on batch by batch. Returns the time that this thread spent
/// working, the opening of the file and of its mapping included.
///
/// # Panics
/// If the session cannot be read.
pub fn pass(session: &Session, each: impl FnMut(&[Event])) -> Duration {
    pass_from(session, 0, each)
}

/// The same, but only what comes after the first `early` events counts.
///
/// # Panics
/// If the session cannot be read, or has no more events than that.
pub fn pass_from(session: &Session, early: u64, mut each: impl FnMut(&[Event])) -> Duration {
    let mut start = (early == 0).then(cpu_time);
    poll(session.path(), |before, events| {
        if start.is_none() && before >= early {
            start = Some(cpu_time());
        }
        each(events);
        true
    });
    cpu_time() - start.expect("more events than come early")
}

/// Decodes a session batch by batch into the same few slots, as long as `each` wants more: it is told how
/// many events came before, and which come now.
///
/// # Panics
/// If the session cannot be read.
pub fn poll(session: &Path, mut each: impl FnMut(u64, &[Event]) -> bool) {
    let mut feed = feeds::open(session, &feeds::Options::default()).expect("a session");
    let (mut names, mut batch) = (Directory::new(100_000), Batch::default());
    loop {
        let before = batch.seq;
        batch.len = 0;
        let turn = feed.poll(Nanos(0), &mut names, &mut batch).expect("a session is valid");
        if !each(before, &batch.events[..batch.len]) || turn == FeedTurn::Ended {
            return;
        }
    }
}

/// Applies events to books by order, as many looked at ahead at once as they ask for.
pub fn apply(books: &mut Books, events: &[Event]) {
    for from in (0..events.len()).step_by(Books::AHEAD) {
        let coming = &events[from..];
        books.look_ahead(coming, from == 0);
        for event in coming.iter().take(Books::AHEAD) {
            let mut change = Change::NONE;
            books.apply_into(event, &mut change);
            black_box(&change);
        }
    }
}

/// What a ring between the decoder and the books would hold.
struct Batch {
    events: Box<[Event; BATCH]>,
    len: usize,
    seq: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Self { events: Box::new([bytemuck::Zeroable::zeroed(); BATCH]), len: 0, seq: 0 }
    }
}

impl Sink for Batch {
    #[inline]
    fn room(&mut self) -> usize {
        BATCH - self.len
    }

    #[inline]
    fn push(&mut self, mut event: Event) {
        self.seq += 1;
        event.seq = self.seq;
        self.events[self.len] = event;
        self.len += 1;
    }
}
