//! The power goes while a whole journal is written on a real file system: every event that was told to be
//! durable is found by the next life, in its place, and the next life goes on behind it.
//!
//! Five cuts, or as many as `TAPEWATCH_POWER_CUTS` says.

mod loop_disk;

use engine_audit::layout::{Stream, side};
use engine_event::body::Order;
use engine_event::{
    Clock, Directory, Event, Nanos, OrderId, Price, Quantity, RealClock, SubjectId,
};
use engine_journal::{
    Grouping, Identity, JournalFeed, Reach, RealDisk, Segments, Setup, open, recover,
};
use engine_pipeline::{Feed, FeedTurn};
use loop_disk::{LoopDisk, Switch};
use std::path::Path;
use std::thread;
use std::time::Duration;

const CUTS: &str = "TAPEWATCH_POWER_CUTS";
const DISK_BYTES: u64 = 256 << 20;
/// Cuts on one file system, one after the other.
const LIVES: u64 = 5;

#[test]
fn a_journal_outlives_power_cuts() {
    let asked = std::env::var(CUTS).ok().map(|cuts| cuts.parse().expect("a number of cuts"));
    let (mut cuts, mut durable) = (0, 0);
    while cuts < asked.unwrap_or(LIVES) {
        match lives(cuts) {
            Ok(events) => durable += events,
            Err(why) if asked.is_none() => return eprintln!("not run: {why}"),
            Err(why) => panic!("{CUTS} asks for power cuts: {why}"),
        }
        cuts += LIVES;
    }
    assert!(durable > 0, "no cut came after an event was durable");
    eprintln!("{cuts} cuts of a journal: {durable} durable events, none missing");
}

/// Lives that end with the power, on one file system; how many events were durable at last.
fn lives(seed: u64) -> Result<u64, String> {
    let mut file_system = LoopDisk::new(DISK_BYTES)?;
    let mut durable = 1;
    for life in 0..LIVES {
        let (folder, power) = (file_system.path(), file_system.switch());
        let found = read(&folder);
        assert!(
            found >= durable,
            "seed {seed}, life {life}: {durable} was durable, {found} is next"
        );
        let switch = power.clone();
        let writing = thread::spawn(move || live(&folder, &switch, found));
        thread::sleep(Duration::from_millis(20 + (seed + life) * 37 % 200));
        power.cut().expect("an ext4 can be cut");
        durable = writing.join().expect("it fails in order");
        file_system.restart().expect("the file system comes back");
    }
    let found = read(&file_system.path());
    assert!(found >= durable, "seed {seed}: {durable} was durable, {found} is next");
    Ok(durable - 1)
}

/// What the journal holds is what was put, from the first event on; the number that comes next.
fn read(folder: &Path) -> u64 {
    if !engine_journal::is_journal(folder) {
        return 1;
    }
    let feed = JournalFeed::open(RealDisk::open(Reach::Cache), folder, 0);
    let (mut feed, mut names) = (feed.expect("it holds together"), Directory::new(10));
    let (mut events, mut next) = (Vec::new(), 1);
    loop {
        let turn = feed.poll(Nanos(0), &mut names, &mut events).expect("nothing is damaged");
        for read in events.drain(..) {
            assert_eq!(read, event(next));
            next += 1;
        }
        if turn == FeedTurn::Ended {
            return next;
        }
    }
}

/// Journals until the power is gone; the number before which everything was durable while it was there.
fn live(folder: &Path, power: &Switch, from: u64) -> u64 {
    let mut disk = RealDisk::open(Reach::Disk);
    let Ok(recovered) = recover(&mut disk, folder, Stream::Events) else {
        assert!(power.has_power().is_err(), "it cannot be recovered with the power on");
        return from;
    };
    assert_eq!(recovered.position.next, from);
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let setup = Setup {
        stream: Stream::Events,
        identity: Identity { journal: [7; 16], key },
        grouping: Grouping { block_bytes: 64 << 10, waiting_bytes: 4 << 20, ..Grouping::default() },
        segments: Segments { segment_bytes: 1 << 20 },
    };
    let clock = RealClock::new();
    let (mut intake, journal) = open(disk, clock.clone(), folder, setup, recovered.position);
    let writer = journal.spawn("journal").expect("a thread");
    let (mut next, mut durable) = (from, from);
    while power.has_power().is_ok() && !intake.durable().has_failed() {
        let room = intake.room().min(200) as u64;
        let events: Vec<_> = (next..next + room).map(event).collect();
        let now = clock.now();
        if next % 1000 == 0 {
            intake.note(side::PARTICIPANT, format!("P{next}").as_bytes(), now);
        }
        intake.put(&events, now);
        intake.turn(now);
        next += room;
        let known = intake.durable().next();
        // Told before the cut, or nobody was told.
        if power.has_power().is_ok() {
            durable = known;
        }
        thread::sleep(Duration::from_micros(50));
    }
    while !intake.close() {
        thread::sleep(Duration::from_millis(1));
    }
    drop(writer.join().expect("the writer ends in order"));
    durable
}

fn event(seq: u64) -> Event {
    let order = Order::new(OrderId(seq * 11), Price(seq as i64), Quantity(seq % 1000 + 1));
    let mut event = Event::new(SubjectId((seq % 3) as u32), Nanos(seq * 5), order);
    event.seq = seq;
    event
}
