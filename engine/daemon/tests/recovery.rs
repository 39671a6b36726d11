//! Books that came to be in doubt, and what makes them certain again: a vendor's snapshot, a venue's loop
//! of snapshots, the beginning of a day.

mod tapewatch;

use engine_book::{Books, Bounds};
use engine_event::{Directory, Event, Flags, Nanos, Side, SubjectId};
use engine_pipeline::Tally;
use feeds::Options;
use feeds::codec::sbe::{OWN_SCHEMA, Schema};
use feeds::codec::{Codec, Mdp3Pcap};
use feeds::synthetic::mdp3::{Held, Rung, Settings, Truth, generate};
use serde_json::json;
use std::collections::HashMap;
use tapewatch::Folder;

/// How books that lose messages fared.
#[derive(Default, Debug)]
struct Course {
    /// Events at whose end a certain book was held against the truth.
    alike: usize,
    became_stale: usize,
    became_certain: usize,
    stale_at_end: usize,
}

fn session(settings: Settings) -> (Vec<u8>, Vec<Truth>) {
    let (mut bytes, mut truths) = (Vec::new(), Vec::new());
    let schema = Schema::read(OWN_SCHEMA).unwrap();
    generate(settings, &schema, &mut bytes, |truth| truths.push(truth)).unwrap();
    (bytes, truths)
}

fn decode(mut bytes: &[u8], by_order: bool) -> (Vec<Event>, Directory) {
    let mut codec = Mdp3Pcap::new(&Options { by_order, ..Options::default() });
    let (mut names, mut events) = (Directory::new(1000), Vec::new());
    let mut tally = Tally::default();
    while !bytes.is_empty() {
        let read = codec.decode(bytes, true, &mut names, &mut events, &mut tally).unwrap();
        bytes = &bytes[read..];
    }
    (events, names)
}

fn sides(books: &Books, subject: SubjectId) -> [Vec<Rung>; 2] {
    [Side::Buy, Side::Sell].map(|side| {
        let levels = books.book(subject).unwrap().levels(side);
        levels.map(|level| (level.price.0, level.quantity.0, level.orders)).collect()
    })
}

fn held(books: &Books, subject: SubjectId) -> Vec<Held> {
    let book = books.book(subject).unwrap();
    let levels =
        [Side::Buy, Side::Sell].map(|side| book.levels(side).map(move |of| (side, of.price)));
    let levels = levels.into_iter().flatten();
    let orders = levels.flat_map(|(side, price)| book.orders_at(side, price));
    let mut held: Vec<Held> =
        orders.map(|of| (of.id.0, of.side, of.price.0, of.remaining.0)).collect();
    held.sort_unstable_by_key(|held| held.0);
    held
}

/// Applies a session; wherever a book is certain at the end of an event, it must be the venue's.
fn follow(settings: Settings, by_order: bool) -> Course {
    let (bytes, truths) = session(settings);
    let (events, names) = decode(&bytes, by_order);
    let truths: HashMap<(Nanos, &str), &Truth> =
        truths.iter().map(|truth| ((truth.at, truth.symbol.as_str()), truth)).collect();
    let mut books = Books::new(Bounds::default());
    let mut course = Course::default();
    let mut stale = vec![false; names.subjects().len()];
    for (seq, mut event) in (1..).zip(events) {
        event.seq = seq;
        books.apply(&event);
        for book in books.iter() {
            let is_stale = book.stale().is_some();
            let was_stale = std::mem::replace(&mut stale[book.subject().index()], is_stale);
            course.became_stale += usize::from(is_stale && !was_stale);
            course.became_certain += usize::from(was_stale && !is_stale);
        }
        let about_one = event.subject != SubjectId::EVERY;
        // A snapshot may be ahead of the feed.
        let ends = event.flags.has(Flags::LAST) && !event.flags.has(Flags::SNAPSHOT);
        let book = books.book(event.subject).filter(|book| book.stale().is_none());
        if let Some(truth) = truths.get(&(event.event_at, names.name(event.subject)))
            && about_one
            && ends
            && book.is_some_and(|book| book.form().is_some())
        {
            match by_order {
                true => assert_eq!(held(&books, event.subject), truth.orders, "{event:?}"),
                false => assert_eq!(sides(&books, event.subject), truth.sides, "{event:?}"),
            }
            course.alike += 1;
        }
    }
    course.stale_at_end = books.iter().filter(|book| book.stale().is_some()).count();
    course
}

#[test]
fn a_loop_of_snapshots_makes_books_certain_again() {
    for by_order in [false, true] {
        let settings = Settings {
            messages: 3000,
            seed: 5,
            loss_in_1000: 60,
            event_ns: 2_000_000,
            snapshot_every: 100,
            ..Settings::default()
        };
        let course = follow(settings, by_order);
        assert!(course.became_stale > 5 && course.alike > 500, "{by_order} {course:?}");
        assert_eq!(course.became_certain, course.became_stale, "{by_order} {course:?}");
        assert_eq!(course.stale_at_end, 0);
        let whole = follow(Settings { loss_in_1000: 0, ..settings }, by_order);
        assert!(whole.became_stale == 0 && whole.alike > course.alike, "{by_order} {whole:?}");
    }
}

/// Days of one stock as LOBSTER's files: the second begins with what nobody has told the first.
#[test]
fn a_day_begins_with_an_empty_book() {
    let folder = Folder::new();
    let first = "34200.1,1,1,10,1000000,1\n34200.2,3,99,5,1000000,1\n34200.3,1,2,5,1010000,-1\n";
    folder.write("ACME_2012-06-21_message.csv", first);
    folder.write("ACME_2012-06-22_message.csv", "34200.1,1,3,7,990000,1\n34200.2,1,1,8,980000,1\n");
    let day = "ACME_2012-06-21_message.csv";
    let book =
        |files: &str| folder.run(&format!("book {files} --symbol ACME --json")).succeeded().json();
    assert_eq!(book(day)["stale"]["reason"], "unknown-order");
    let both = book(&format!("{day} ACME_2012-06-22_message.csv"));
    assert_eq!(both["stale"], json!(null));
    assert_eq!(both["bids"], json!([["99.0000", "7", 1], ["98.0000", "8", 1]]));
    assert_eq!(both["asks"], json!([]));
    let summary = folder.replay(&format!("{day} ACME_2012-06-22_message.csv"));
    assert_eq!(summary["books"]["worst"][0]["faults"], json!({"unknown-order": 1}));
    assert_eq!(summary["books"]["worst"][0]["stale"], json!(null));
}
