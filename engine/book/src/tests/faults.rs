//! Each fault: what brings it about, and what it leaves behind.

use super::notation::{BOUNDS, SUBJECT, books_after, changes, ladder, parse};
use crate::{Books, Change};
use engine_event::body::{Phase, Replacement};
use engine_event::{Event, Fault, Nanos, OrderId, Price, Quantity, Reader, Snapshot, SourceId};
use engine_event::{SubjectId, Writer};
use expect_test::{Expect, expect};

/// Both what the events changed and what they left.
fn check(events: &str, expected: Expect) {
    expected.assert_eq(&format!("{}{}", changes(events), ladder(events)));
}

#[test]
fn an_order_id_that_is_taken() {
    check(
        "add 1 B 100 @ 1000\nadd 1 S 50 @ 1005",
        expect![[r#"
        add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
        add 1 S 50 @ 1005           None, FAULT duplicate-order
        B 1000  100 = #1:100
        stale since 2: duplicate-order
        duplicate-order × 1
    "#]],
    );
    check(
        "add 1 B 100 @ 1000\nadd 2 B 50 @ 1000\nreplace 1 2 30 @ 999",
        expect![[r#"
        add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
        add 2 B 50 @ 1000           Entered, 50 rest, depth 0, touch
        replace 1 2 30 @ 999        None, FAULT duplicate-order
        B 1000  150 = #1:100 #2:50
        stale since 3: duplicate-order
        duplicate-order × 1
    "#]],
    );
}

#[test]
fn an_order_that_is_not_there() {
    check(
        "add 1 B 100 @ 1000
         modify 9 100 @ 1000
         reduce 9 100
         delete 9
         replace 9 10 100 @ 1000
         execute 9 100
         execute 9 100 @ 1000",
        expect![[r#"
            add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
            modify 9 100 @ 1000         None, FAULT unknown-order
            reduce 9 100                None, FAULT unknown-order
            delete 9                    None, FAULT unknown-order
            replace 9 10 100 @ 1000     None, FAULT unknown-order
            execute 9 100               None, FAULT unknown-order
            execute 9 100 @ 1000        None, traded 100 @ 1000, FAULT unknown-order
            B 1000  100 = #1:100
            stale since 2: unknown-order
            unknown-order × 6
        "#]],
    );
}

#[test]
fn more_than_there_was() {
    check(
        "add 1 B 100 @ 1000
         add 2 B 100 @ 1000
         reduce 1 101
         execute 2 max",
        expect![[r#"
            add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
            add 2 B 100 @ 1000          Entered, 100 rest, depth 0, touch
            reduce 1 101                Reduced, was 100 @ 1000 since 1, depth 0, touch, FAULT beyond-quantity
            execute 2 max               Executed, was 100 @ 1000 since 2, depth 0, traded 18446744073709551615 @ 1000, new touch, FAULT beyond-quantity
            stale since 3: beyond-quantity
            beyond-quantity × 2
        "#]],
    );
}

#[test]
fn an_order_without_side_price_or_quantity() {
    check(
        "add 1 100 @ 1000
         add 2 B 100
         add 3 B 0 @ 1000
         add 4 B 100 @ 1000
         modify 4 50
         modify 4 0 @ 1000
         reduce 4 0
         execute 4 0
         replace 4 5 0 @ 1000",
        expect![[r#"
            add 1 100 @ 1000            None, FAULT incomplete-order
            add 2 B 100                 None, FAULT incomplete-order
            add 3 B 0 @ 1000            None, FAULT incomplete-order
            add 4 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
            modify 4 50                 None, FAULT incomplete-order
            modify 4 0 @ 1000           None, FAULT incomplete-order
            reduce 4 0                  None, FAULT incomplete-order
            execute 4 0                 None, FAULT incomplete-order
            replace 4 5 0 @ 1000        None, FAULT incomplete-order
            B 1000  100 = #4:100
            stale since 1: incomplete-order
            incomplete-order × 8
        "#]],
    );
}

#[test]
fn more_orders_than_the_bound() {
    let eight: String = (1..=8).map(|id| format!("add {id} B 1 @ 1000\n")).collect();
    check(
        &format!("{eight}add 9 B 1 @ 1000\nreplace 1 9 1 @ 1000"),
        expect![[r#"
        add 1 B 1 @ 1000            Entered, 1 rest, depth 0, new touch
        add 2 B 1 @ 1000            Entered, 1 rest, depth 0, touch
        add 3 B 1 @ 1000            Entered, 1 rest, depth 0, touch
        add 4 B 1 @ 1000            Entered, 1 rest, depth 0, touch
        add 5 B 1 @ 1000            Entered, 1 rest, depth 0, touch
        add 6 B 1 @ 1000            Entered, 1 rest, depth 0, touch
        add 7 B 1 @ 1000            Entered, 1 rest, depth 0, touch
        add 8 B 1 @ 1000            Entered, 1 rest, depth 0, touch
        add 9 B 1 @ 1000            None, FAULT orders-full
        replace 1 9 1 @ 1000        Replaced, was 1 @ 1000 since 1, 1 rest, depth 0
        B 1000    8 = #2:1 #3:1 #4:1 #5:1 #6:1 #7:1 #8:1 #9:1
        stale since 9: orders-full
        orders-full × 1
    "#]],
    );
}

#[test]
fn sides_that_cross_are_told_once() {
    check(
        "add 1 B 100 @ 1000
         add 2 S 100 @ 1000
         add 3 S 100 @ 999
         delete 2
         delete 3
         add 4 S 10 @ 998",
        expect![[r#"
            add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
            add 2 S 100 @ 1000          Entered, 100 rest, depth 0, new touch, FAULT crossed
            add 3 S 100 @ 999           Entered, 100 rest, depth 0, new touch
            delete 2                    Deleted, was 100 @ 1000 since 2, depth 1
            delete 3                    Deleted, was 100 @ 999 since 3, depth 0, new touch
            add 4 S 10 @ 998            Entered, 10 rest, depth 0, new touch, FAULT crossed
            S 998   10 = #4:10
            B 1000  100 = #1:100
            stale since 2: crossed
            crossed × 2
        "#]],
    );
}

#[test]
fn a_crossing_that_an_auction_left_is_told_when_another_order_enters() {
    check(
        "status auction
         add 1 B 100 @ 1001
         add 2 S 100 @ 1000
         status continuous
         reduce 1 10
         add 3 B 10 @ 999",
        expect![[r#"
            status auction              PhaseChanged
            add 1 B 100 @ 1001          Entered, 100 rest, depth 0, new touch
            add 2 S 100 @ 1000          Entered, 100 rest, depth 0, new touch
            status continuous           PhaseChanged
            reduce 1 10                 Reduced, was 100 @ 1001 since 2, 90 rest, depth 0, touch
            add 3 B 10 @ 999            Entered, 10 rest, depth 1, FAULT crossed
            S 1000  100 = #2:100
            B 1001   90 = #1:90
            B 999   10 = #3:10
            Continuous
            stale since 6: crossed
            crossed × 1
        "#]],
    );
}

#[test]
fn a_level_that_would_overflow() {
    check(
        "add 1 B max @ 1000
         add 2 B 1 @ 1000
         add 3 B 1 @ 999
         modify 3 1 @ 1000
         replace 3 4 1 @ 1000
         replace 1 5 max @ 1000
         modify 5 max @ 998
         add 6 B max @ 1000 hidden
         add 7 B max @ 1000 hidden",
        expect![[r#"
            add 1 B max @ 1000          Entered, 18446744073709551615 rest, depth 0, new touch
            add 2 B 1 @ 1000            None, FAULT out-of-range
            add 3 B 1 @ 999             Entered, 1 rest, depth 1
            modify 3 1 @ 1000           None, FAULT out-of-range
            replace 3 4 1 @ 1000        None, FAULT out-of-range
            replace 1 5 max @ 1000      Replaced, was 18446744073709551615 @ 1000 since 1, 18446744073709551615 rest, depth 0
            modify 5 max @ 998          Modified, was 18446744073709551615 @ 1000 since 6, 18446744073709551615 rest, depth 1, new touch
            add 6 B max @ 1000 hidden   Entered, 18446744073709551615 rest
            add 7 B max @ 1000 hidden   Entered, 18446744073709551615 rest
            B 999    1 = #3:1
            B 998 18446744073709551615 = #5:18446744073709551615
            hidden B 1000 #6:18446744073709551615
            hidden B 1000 #7:18446744073709551615
            stale since 2: out-of-range
            out-of-range × 3
        "#]],
    );
}

#[test]
fn a_price_beyond_all_prices() {
    let (highest, lowest) = ((1i64 << 62) - 1, -(1i64 << 62));
    let fault_of =
        |price: i64| Books::new(BOUNDS).apply(&parse(&format!("add 1 B 1 @ {price}"))).fault;
    assert_eq!(fault_of(highest), None);
    assert_eq!(fault_of(lowest), None);
    assert_eq!(fault_of(highest + 1), Some(Fault::OutOfRange));
    assert_eq!(fault_of(lowest - 1), Some(Fault::OutOfRange));

    // A replacement always has a price; the number that stands for none is no price there either.
    let mut books = books_after("add 1 B 1 @ 5");
    let (old, new) = (OrderId(1), OrderId(2));
    let body = Replacement { old, new, price: Price(i64::MIN), quantity: Quantity(1) };
    let change = books.apply(&Event::new(SUBJECT, Nanos(0), body));
    assert_eq!(change.fault, Some(Fault::IncompleteOrder));
}

#[test]
fn a_gap_puts_the_book_in_doubt_once() {
    check(
        "add 1 B 100 @ 1000\ngap\ndelete 9\ngap",
        expect![[r#"
        add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
        gap                         Interrupted
        delete 9                    None, FAULT unknown-order
        gap                         Interrupted
        B 1000  100 = #1:100
        stale since 2: missing
        unknown-order × 1
    "#]],
    );
}

/// What one venue's feed lost, or that its market closed, is nothing to another venue's books.
#[test]
fn what_a_feed_tells_of_everything_is_about_its_own_subjects() {
    let lines = ["add 1 B 100 @ 1000", "every gap", "every status halt", "add 2 B 100 @ 1000"];
    let [one, gap, halt, two] = lines.map(parse);
    let (here, elsewhere) = (SourceId(0), SourceId(1));
    let stands = |books: &Books, subject: SubjectId| {
        let book = books.book(subject).unwrap();
        (book.stale().map(|stale| stale.since_seq), book.phase())
    };
    let in_doubt = (Some(gap.seq), Phase::Halt);
    let about = |subject: u32| {
        let mut event = two;
        event.subject = SubjectId(subject);
        event
    };
    for (told_by, first, later, others) in [
        (here, in_doubt, in_doubt, (None, Phase::Unknown)),
        (elsewhere, (None, Phase::Unknown), (None, Phase::Unknown), in_doubt),
    ] {
        let mut books = Books::new(BOUNDS);
        books.apply(&one.from_source(here));
        books.apply(&gap.from_source(told_by));
        books.apply(&halt.from_source(told_by));
        books.apply(&about(1).from_source(here));
        books.apply(&about(2).from_source(elsewhere));
        let saved = restarted(&books);
        for books in [&books, &saved] {
            assert_eq!(stands(books, SUBJECT), first);
            assert_eq!(stands(books, SubjectId(1)), later);
            assert_eq!(stands(books, SubjectId(2)), others);
        }
        let mut saved = saved;
        saved.apply(&gap.from_source(SourceId(7)));
        assert_eq!(stands(&saved, SUBJECT), first, "of a feed that has no books");
    }
}

fn restarted(books: &Books) -> Books {
    let mut state = Writer::new();
    books.save(&mut state);
    let (bytes, mut loaded) = (state.into_bytes(), Books::new(BOUNDS));
    loaded.load(&mut Reader::new(&bytes)).unwrap();
    loaded
}

#[test]
fn a_gap_in_everything_reaches_every_book_and_those_to_come() {
    check(
        "add 1 B 100 @ 1000\nevery gap\nevery status halt",
        expect![[r#"
        add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
        every gap                   Interrupted
        every status halt           PhaseChanged
        B 1000  100 = #1:100
        Halt
        stale since 2: missing
    "#]],
    );
    check(
        "every gap\nevery status halt\nadd 1 B 100 @ 1000",
        expect![[r#"
        every gap                   Interrupted
        every status halt           PhaseChanged
        add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
        B 1000  100 = #1:100
        Halt
        stale since 1: missing
    "#]],
    );
}

#[test]
fn a_subject_beyond_the_bound() {
    let mut books = Books::new(BOUNDS);
    for subject in [SubjectId(BOUNDS.subjects_max), SubjectId::EVERY] {
        let mut event = parse("add 1 B 100 @ 1000");
        event.subject = subject;
        let refused = Change { fault: Some(Fault::UnknownSubject), ..Change::NONE };
        assert_eq!(books.apply(&event), refused);
    }
    assert_eq!(books.faults().of(Fault::UnknownSubject), 2);
    assert_eq!(books.subjects().count(), 0);
}

#[test]
fn what_does_not_concern_books_opens_none() {
    let mut books = Books::new(BOUNDS);
    let reading = engine_event::body::Reading::new(engine_event::MetricId(0), 1.5);
    assert_eq!(books.apply(&Event::new(SubjectId(0), Nanos(0), reading)), Change::NONE);
    assert!(books.book(SubjectId(0)).is_none());
}

#[test]
fn each_subject_has_its_own_ids_faults_and_doubt() {
    let mut books = Books::new(BOUNDS);
    let mut add = parse("add 1 B 100 @ 1000");
    for subject in [2, 0, 2] {
        add.subject = SubjectId(subject);
        books.apply(&add);
    }
    assert_eq!(books.subjects().collect::<Vec<_>>(), [SubjectId(0), SubjectId(2)]);
    let stale = |subject| books.book(SubjectId(subject)).unwrap().stale().map(|of| of.reason);
    assert_eq!(stale(0), None);
    assert_eq!(stale(2), Some(Fault::DuplicateOrder));
    assert_eq!(books.book(SubjectId(2)).unwrap().faults().total(), 1);
    assert_eq!(books.faults().total(), 1);
    books.assert_consistent();
}
