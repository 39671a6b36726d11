//! What the writer writes, life after life, the verifier finds whole.

use ed25519_dalek::SigningKey;
use engine_audit::layout::Stream;
use engine_audit::{Options, Verified, verify};
use engine_event::body::Order;
use engine_event::{Clock, Event, Nanos, OrderId, Price, Quantity, SubjectId};
use engine_journal::{Grouping, Identity, PlainDisk, Reach, Segments, Setup, open, recover, side};
use std::path::Path;

struct Still;

impl Clock for Still {
    fn now(&self) -> Nanos {
        Nanos(7)
    }
}

fn event(seq: u64) -> Event {
    let order = Order::new(OrderId(seq), Price(seq as i64), Quantity(seq));
    let mut event = Event::new(SubjectId(1), Nanos(1_000_000 - seq % 3), order);
    event.seq = seq;
    event
}

/// Journals so many events behind what is there, leaves some out, and ends in order or not at all.
fn live(folder: &Path, stream: Stream, events: u64, is_closed: bool) {
    let mut disk = PlainDisk::new(Reach::Cache);
    let recovered = recover(&mut disk, folder, stream).expect("what is there is whole");
    let identity = Identity { journal: [9; 16], key: SigningKey::from_bytes(&[1; 32]) };
    let grouping =
        Grouping { block_bytes: 16 << 10, commit_after: Nanos(0), ..Grouping::default() };
    let segments = Segments { segment_bytes: 128 << 10 };
    let mut next = recovered.position.next;
    let setup = Setup { stream, identity, grouping, segments };
    let (mut intake, mut journal) = open(disk, Still, folder, setup, recovered.position);
    if stream == Stream::Events {
        intake.note(side::RUN, b"another life", Nanos(7));
    }
    for _ in 0..events / 100 {
        match stream {
            Stream::Events => {
                for seq in next..next + 100 {
                    assert!(intake.room() > 0, "the disk keeps up");
                    intake.put(&[event(seq)], Nanos(7));
                }
                next += 100;
            }
            Stream::Alerts => {
                let number = intake.note(side::ALERT, b"\x01\0\0\0\0\0\0\0{}", Nanos(7));
                assert_eq!(number, next);
                next += 1;
            }
        }
        if next.is_multiple_of(7) && stream == Stream::Events {
            intake.leave_out(next, next + 9);
            next += 10;
        }
        intake.turn(Nanos(8));
        while journal.poll() == Some(true) {}
    }
    if is_closed {
        intake.close();
        while journal.poll().is_some() {}
    }
}

#[track_caller]
fn whole(folder: &Path) -> Verified {
    let verified = verify(folder, Options { trusted: None, threads: 2 }).expect("a journal");
    assert_eq!(verified.damage_count, 0, "{:#?}", verified.damages);
    verified
}

#[test]
fn every_life_leaves_a_whole_journal_whether_or_not_it_ends_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lives = 0;
    for (events, is_closed) in
        [(0, true), (5_000, true), (9_000, false), (100, false), (4_000, true)]
    {
        live(folder.path(), Stream::Events, events, is_closed);
        live(folder.path(), Stream::Alerts, events, is_closed);
        let verified = whole(folder.path());
        lives += 1;
        let is_sealed =
            verified.streams.iter().all(|of| of.segments.last().is_some_and(|last| last.is_sealed));
        assert_eq!(is_sealed, is_closed, "life {lives}: {:?}", verified.notes);
    }
    let verified = whole(folder.path());
    let alerts = &verified.streams[1];
    assert_eq!((alerts.sum(|segment| segment.events), alerts.next()), (181, 182));
    let events = &verified.streams[0];
    assert!(events.segments.len() > 5, "{}", events.segments.len());
    assert_eq!(events.sum(|segment| segment.events), 18_100);
    assert_eq!(events.next(), 18_101 + events.sum(|segment| segment.missing));
    assert!(events.sum(|segment| segment.missing) > 0);
}
