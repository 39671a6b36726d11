//! Market data to work on: a generated session, as a file and as the events in it.

use crate::{Steady, laps};
use engine_event::{Directory, Event, Nanos};
use engine_pipeline::{Feed, FeedTurn, Sink};
use feeds::synthetic::cloned::Recording;
use feeds::{AnyFeed, Options, synthetic};
use nix::time::{ClockId, clock_gettime};
use quanta::Instant;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;

/// A session in a file that goes when this goes.
pub struct Session {
    file: NamedTempFile,
    messages: u64,
}

impl Session {
    /// A day of ITCH 5.0: so many messages about so many stocks, the same on every machine.
    ///
    /// # Panics
    /// If the file cannot be written, as everything here if it cannot be read: a bench can only stop.
    #[must_use]
    pub fn new(messages: u64, stocks: usize) -> Self {
        Self::written(|out| synthetic::itch::generate(messages, 1, stocks, out))
    }

    /// A day of ITCH 5.0 in which every stock has the flow that was recorded of one.
    #[must_use]
    pub fn cloned(recording: &Recording, messages: u64, stocks: usize) -> Self {
        Self::written(|out| recording.generate(messages, stocks, out))
    }

    /// A day of ITCH 5.0 with so many orders live, once as many messages as come early have been read.
    #[must_use]
    pub fn steady(flow: Steady) -> Self {
        Self::written(|out| flow.write(out))
    }

    /// Orders of DBN: so many records about so many instruments, the same on every machine.
    #[must_use]
    pub fn orders(records: u64, instruments: usize) -> Self {
        Self::written(|out| {
            synthetic::dbn::generate(records, 1, instruments, out).map(|()| records)
        })
    }

    /// A recording of DBN's orders, so many times in a row.
    #[must_use]
    pub fn laps(recording: &[u8], laps: u64) -> Self {
        Self::written(|out| laps::repeat(recording, laps, out))
    }

    fn written(write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<u64>) -> Self {
        let file = NamedTempFile::new().expect("a temporary file");
        let mut out = BufWriter::with_capacity(1 << 20, file.as_file());
        let messages = write(&mut out).expect("a session, and room for it");
        out.flush().expect("room for a session");
        drop(out);
        Self { file, messages }
    }

    /// Where the file is, for programs that are not ours.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// How many messages it has.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// The file from its beginning, mapped.
    #[must_use]
    pub fn open(&self) -> AnyFeed {
        feeds::open(self.file.path(), &Options::default()).expect("a session just written")
    }

    /// Its events, numbered as the sequencer does it.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        drain(&mut self.open(), &mut events);
        events.iter_mut().zip(1..).for_each(|(event, seq)| event.seq = seq);
        events
    }
}

/// Polls a feed to its end.
pub fn drain(feed: &mut impl Feed, sink: &mut impl Sink) {
    let mut names = Directory::new(100_000);
    while feed.poll(Nanos(0), &mut names, sink).expect("a session is valid") != FeedTurn::Ended {}
}

/// Events in one batch, as a source polls them.
const BATCH: usize = 256;

/// A sink that writes each event over an older one, as into a ring whose readers have gone by.
pub struct Overwritten {
    slots: Box<[Event; BATCH]>,
    next: usize,
}

impl Default for Overwritten {
    fn default() -> Self {
        Self { slots: Box::new([bytemuck::Zeroable::zeroed(); BATCH]), next: 0 }
    }
}

impl Sink for Overwritten {
    #[inline]
    fn room(&mut self) -> usize {
        BATCH
    }

    #[inline]
    fn push(&mut self, event: Event) {
        self.slots[self.next % BATCH] = event;
        self.next += 1;
    }
}

/// The time that `work` takes over all events, batch by batch. Each batch is brought into the cache
/// before the clock is read, because in the ring it lies there.
pub fn time_batches(events: &[Event], mut work: impl FnMut(&[Event])) -> Duration {
    let mut near = Vec::with_capacity(BATCH);
    let mut spent = Duration::ZERO;
    for batch in events.chunks(BATCH) {
        near.clear();
        near.extend_from_slice(batch);
        spent += time(|| work(&near));
    }
    spent
}

/// The time that `work` takes.
pub fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The time that this thread has spent working so far: on a machine that others use too, what a task
/// costs, while the clock on the wall also counts their turns.
///
/// # Panics
/// If the system does not keep it.
#[must_use]
pub fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("the system keeps it").into()
}

/// A round's one figure: nanoseconds for each of `count`.
#[must_use]
pub fn ns_each(spent: Duration, count: u64) -> Vec<f64> {
    vec![spent.as_nanos() as f64 / count as f64]
}
