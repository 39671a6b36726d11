//! Books that are saved at any event and loaded elsewhere go on as if nothing had been.

use super::against_naive::{BOUNDS, events};
use super::notation::{SUBJECT, books_after, parse};
use crate::{Books, Bounds};
use engine_event::{Digest, Event, Reader, Snapshot, SnapshotError, SubjectId, Writer, snapshot};
use proptest::prelude::*;

fn digests(books: &Books) -> Vec<(SubjectId, Digest)> {
    books.subjects().map(|subject| (subject, books.digest_of(subject))).collect()
}

fn saved(books: &Books) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.part(books);
    writer.into_bytes()
}

/// Whether this shard of `count` is shown the event.
fn concerns(event: &Event, shard: u32, count: u32) -> bool {
    event.subject == SubjectId::EVERY || event.subject.0 % count == shard
}

proptest! {
    #[test]
    fn a_restart_changes_nothing(events in events(), at in any::<prop::sample::Index>()) {
        let (earlier, later) = events.split_at(at.index(events.len()));
        let mut books = Books::new(BOUNDS);
        for event in earlier {
            books.apply(event);
        }
        // Loading replaces whatever was there.
        let mut loaded = Books::new(BOUNDS);
        loaded.apply(&parse("add 77 B 1 @ 1"));
        snapshot::copy(&books, &mut loaded).unwrap();
        loaded.assert_consistent();
        prop_assert_eq!(digests(&loaded), digests(&books));
        prop_assert_eq!(saved(&loaded), saved(&books));
        for event in later {
            prop_assert_eq!(loaded.apply(event), books.apply(event));
            prop_assert_eq!(digests(&loaded), digests(&books));
        }
        prop_assert_eq!(loaded.faults(), books.faults());
    }

    #[test]
    fn two_shards_become_three(events in events(), at in any::<prop::sample::Index>()) {
        // Room for all orders on any shard: the bound is a shard's own.
        let bounds = Bounds { orders_max: 100, ..BOUNDS };
        let (earlier, later) = events.split_at(at.index(events.len()));
        let mut whole = Books::new(bounds);
        let mut two = [(); 2].map(|()| Books::new(bounds));
        for event in earlier {
            whole.apply(event);
            for (shard, books) in (0..).zip(&mut two) {
                if concerns(event, shard, 2) {
                    books.apply(event);
                }
            }
        }
        let mut three = [(); 3].map(|()| Books::new(bounds));
        for (shard, books) in (0..).zip(&mut three) {
            for old in &two {
                let owns = |subject: SubjectId| match subject {
                    SubjectId::EVERY => shard == 0,
                    subject => subject.0 % 3 == shard,
                };
                let bytes = saved(old);
                Reader::new(&bytes)
                    .versioned(Books::VERSION, |from| books.load_owned(from, owns))
                    .unwrap();
                books.assert_consistent();
            }
        }
        for event in later {
            whole.apply(event);
            for (shard, books) in (0..).zip(&mut three) {
                if concerns(event, shard, 3) {
                    books.apply(event);
                }
            }
            for (subject, digest) in digests(&whole) {
                prop_assert_eq!(three[subject.index() % 3].digest_of(subject), digest);
            }
        }
    }

    #[test]
    fn damaged_state_is_an_error(
        events in events(),
        at in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let mut books = Books::new(BOUNDS);
        for event in &events {
            books.apply(event);
        }
        let bytes = saved(&books);
        let at = at.index(bytes.len());
        prop_assert!(Reader::new(&bytes[..at]).part(&mut Books::new(BOUNDS)).is_err());
        let mut flipped = bytes;
        flipped[at] ^= 1 << bit;
        let mut loaded = Books::new(BOUNDS);
        if Reader::new(&flipped).part(&mut loaded).is_ok() {
            loaded.assert_consistent();
        }
    }
}

#[test]
fn one_subject_moves_alone() {
    let books = books_after("add 1 B 100 @ 1000 hidden\nadd 2 S 50 @ 1001\ndelete 9\ndefine");
    let mut writer = Writer::new();
    assert!(books.save_subject(SUBJECT, &mut writer));
    assert!(!books.save_subject(SubjectId(3), &mut writer));
    let bytes = writer.into_bytes();

    let mut elsewhere = books_after("add 1 S 5 @ 7\nadd 8 B 5 @ 3");
    let mut reader = Reader::new(&bytes);
    assert_eq!(elsewhere.load_subject(&mut reader), Ok(SUBJECT));
    assert!(reader.is_empty());
    elsewhere.assert_consistent();
    assert_eq!(elsewhere.digest_of(SUBJECT), books.digest_of(SUBJECT));
    assert_eq!(elsewhere.orders_live(), 2);
    assert_eq!(elsewhere.faults(), books.faults());

    let narrow = Bounds { subjects_max: 0, ..BOUNDS };
    let refused = Books::new(narrow).load_subject(&mut Reader::new(&bytes));
    assert_eq!(refused, Err(SnapshotError::Damaged { at: 0 }));
}

#[test]
fn a_digest_tells_priority_and_doubt_but_not_history() {
    let digest = |events: &str| books_after(events).digest_of(SUBJECT);
    assert_eq!(digest(""), Digest::default());
    assert_ne!(
        digest("add 1 B 5 @ 10\nadd 2 B 5 @ 10"),
        digest("add 1 B 5 @ 10\nadd 2 B 5 @ 10\nmodify 1 9 @ 10\nmodify 1 5 @ 10")
    );
    assert_ne!(digest("add 1 B 5 @ 10"), digest("add 1 B 5 @ 10\ngap"));
    assert_ne!(digest("add 1 B 5 @ 10"), digest("add 1 B 5 @ 10\nstatus halt"));
    assert_eq!(
        digest("add 1 B 5 @ 10\nadd 2 B 5 @ 11\nadd 3 B 7 @ 9\ndelete 2"),
        digest("add 1 B 5 @ 10\nadd 2 S 5 @ 20\nadd 3 B 7 @ 9\nreduce 2 5")
    );
}
