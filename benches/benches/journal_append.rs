//! How many events a second does a journal take, and how far is the disk behind?
//!
//! Events are put as the pipeline puts them, 256 at a time and as fast as there is room; the journal's own
//! thread makes checksums, hashes and segments of them and writes. The clock stops when the last event is
//! durable (or, with the page cache for a disk, written). How far the disk is behind is looked at each time that
//! events are put: how many events were not durable then.
//!
//! The disk is that of the folder in `TAPEWATCH_BENCH_DIR`, or else that of the temporary files.

#![forbid(unsafe_code)]

use benches::{Contest, Options, tell};
use engine_audit::layout::Stream;
use engine_event::body::Order;
use engine_event::{Clock, Event, Nanos, OrderId, Price, Quantity, RealClock, SubjectId};
use engine_journal::{
    Grouping, Identity, Position, Reach, RealDisk, Segments, Setup, open, own_key, recover,
};
use std::hint;
use std::path::Path;
use std::time::Instant;

fn main() {
    let options = Options::from_args();
    let folder = match std::env::var_os("TAPEWATCH_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.expect("a folder for the journal");
    let events = options.choose(10_000_000, 20_000);
    let path = folder.path();
    let contest = Contest::with_columns("append", &["M events/s", "behind, ms", "at most, ms"])
        .ours("to the page cache", || append(path, Reach::Cache, events))
        .ours("durable", || append(path, Reach::Disk, events));
    let results = [contest.play(options.choose(7, 1))];
    tell(options, "journal_append", "more events a second", &results);
}

fn append(folder: &Path, reach: Reach, events: u64) -> Vec<f64> {
    let journal = tempfile::tempdir_in(folder).expect("a folder for the journal");
    let mut disk = RealDisk::open(reach);
    recover(&mut disk, journal.path(), Stream::Events).expect("an empty folder");
    let key = own_key(&mut disk, journal.path()).expect("a key");
    let setup = Setup {
        stream: Stream::Events,
        identity: Identity { journal: [1; 16], key },
        grouping: Grouping::default(),
        segments: Segments::default(),
    };
    let clock = RealClock::new();
    let (mut intake, writer) = open(disk, clock.clone(), journal.path(), setup, Position::START);
    let writer = writer.spawn("journal").expect("a thread");
    let mut batch: Vec<_> = (1..=256).map(event).collect();
    let (mut next, mut behind, mut looks, mut most) = (1, 0, 0, 0);
    let started = Instant::now();
    while next <= events {
        let count = intake.room().min(batch.len()).min((events + 1 - next) as usize);
        if count == 0 {
            hint::spin_loop();
            continue;
        }
        for event in &mut batch[..count] {
            event.seq = next;
            next += 1;
        }
        let now = clock.now();
        intake.put(&batch[..count], now);
        intake.turn(now);
        let waits = next - intake.durable().next();
        (behind, looks, most) = (behind + waits, looks + 1, most.max(waits));
    }
    while !intake.close() {
        hint::spin_loop();
    }
    drop(writer.join().expect("the writer ends in order"));
    assert!(intake.durable().is_closed(), "{:?}", intake.durable().failure());
    let seconds = started.elapsed().as_secs_f64();
    let rate = events as f64 / seconds;
    let milliseconds = |events: f64| events / rate * 1e3;
    vec![rate / 1e6, milliseconds(behind as f64 / f64::from(looks)), milliseconds(most as f64)]
}

fn event(seq: u64) -> Event {
    let order = Order::new(OrderId(seq * 7), Price(seq as i64 * 100), Quantity(seq % 1000));
    Event::new(SubjectId((seq % 97) as u32), Nanos(seq * 1000), order)
}
