//! Books without orders, and books that begin anew.

use super::notation::{BOUNDS, SUBJECT, books_after, changes, ladder};
use crate::{Books, Form};
use engine_event::{OrderId, Side};
use expect_test::{Expect, expect};

/// Both what the events changed and what they left.
fn check(events: &str, expected: Expect) {
    expected.assert_eq(&format!("{}{}", changes(events), ladder(events)));
}

#[test]
fn levels_stand_as_they_were_told_last() {
    check(
        "level B 100 @ 1000 in 3
         level S 50 @ 1002
         level B 70 @ 999
         level B 120 @ 1000 in 4
         level B 120 @ 1000 in 5
         level B 0 @ 998
         level B 0 @ 1000
         level S 0 @ 1002",
        expect![[r#"
            level B 100 @ 1000 in 3     Restated, 100 rest, depth 0, new touch
            level S 50 @ 1002           Restated, 50 rest, depth 0, new touch
            level B 70 @ 999            Restated, 70 rest, depth 1
            level B 120 @ 1000 in 4     Restated, 120 rest, depth 0, touch
            level B 120 @ 1000 in 5     Restated, 120 rest, depth 0
            level B 0 @ 998             Restated
            level B 0 @ 1000            Restated, depth 0, new touch
            level S 0 @ 1002            Restated, depth 0, new touch
            B 999   70 = 0 orders
        "#]],
    );
}

#[test]
fn a_quote_is_all_that_there_is() {
    check(
        "quote 100 @ 1000 50 @ 1002
         quote 100 @ 1000 60 @ 1002
         quote 100 @ 1001 0 @ 1002
         quote 0 10 @ 1005",
        expect![[r#"
            quote 100 @ 1000 50 @ 1002  Restated, new touch
            quote 100 @ 1000 60 @ 1002  Restated, touch
            quote 100 @ 1001 0 @ 1002   Restated, new touch
            quote 0 10 @ 1005           Restated, new touch
            S 1005   10 =
        "#]],
    );
}

#[test]
fn what_a_level_or_a_quote_must_have() {
    check(
        "level 100 @ 1000
         level B 100 @ 4611686018427387904
         quote 1 @ 4611686018427387904 1 @ 5",
        expect![[r#"
            level 100 @ 1000            None, FAULT incomplete-order
            level B 100 @ 4611686018427387904  None, FAULT out-of-range
            quote 1 @ 4611686018427387904 1 @ 5  None, FAULT out-of-range
            stale since 1: incomplete-order
            out-of-range × 2
            incomplete-order × 1
        "#]],
    );
}

#[test]
fn forms_do_not_mix_before_the_book_begins_anew() {
    check(
        "add 1 B 100 @ 1000
         level B 100 @ 999
         quote 100 @ 1000 50 @ 1002
         clear
         level B 100 @ 999
         add 2 B 100 @ 1000
         execute 2 10 @ 1000
         clear
         quote 100 @ 1000 50 @ 1002
         level S 5 @ 1002
         clear
         add 1 B 100 @ 1000",
        expect![[r#"
            add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
            level B 100 @ 999           None, FAULT malformed
            quote 100 @ 1000 50 @ 1002  None, FAULT malformed
            clear                       Cleared, new touch
            level B 100 @ 999           Restated, 100 rest, depth 0, new touch
            add 2 B 100 @ 1000          None, FAULT malformed
            execute 2 10 @ 1000         None, traded 10 @ 1000, FAULT unknown-order
            clear                       Cleared, new touch
            quote 100 @ 1000 50 @ 1002  Restated, new touch
            level S 5 @ 1002            None, FAULT malformed
            clear                       Cleared, new touch
            add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
            B 1000  100 = #1:100
            malformed × 4
            unknown-order × 1
        "#]],
    );
}

#[test]
fn levels_count_towards_the_bound() {
    let eight: String = (1..=8).map(|price| format!("level B 1 @ {price}\n")).collect();
    check(
        &format!(
            "{eight}level B 1 @ 9\nlevel B 5 @ 8\nlevel B 0 @ 9\nlevel B 0 @ 1\nlevel B 2 @ 9"
        ),
        expect![[r#"
            level B 1 @ 1               Restated, 1 rest, depth 0, new touch
            level B 1 @ 2               Restated, 1 rest, depth 0, new touch
            level B 1 @ 3               Restated, 1 rest, depth 0, new touch
            level B 1 @ 4               Restated, 1 rest, depth 0, new touch
            level B 1 @ 5               Restated, 1 rest, depth 0, new touch
            level B 1 @ 6               Restated, 1 rest, depth 0, new touch
            level B 1 @ 7               Restated, 1 rest, depth 0, new touch
            level B 1 @ 8               Restated, 1 rest, depth 0, new touch
            level B 1 @ 9               None, FAULT orders-full
            level B 5 @ 8               Restated, 5 rest, depth 0, touch
            level B 0 @ 9               Restated
            level B 0 @ 1               Restated, depth 7
            level B 2 @ 9               Restated, 2 rest, depth 0, new touch
            B 9    2 = 0 orders
            B 8    5 = 0 orders
            B 7    1 = 0 orders
            B 6    1 = 0 orders
            B 5    1 = 0 orders
            B 4    1 = 0 orders
            B 3    1 = 0 orders
            B 2    1 = 0 orders
            stale since 9: orders-full
            orders-full × 1
        "#]],
    );
    let mut books = books_after(&eight);
    books.clear(SUBJECT);
    books.assert_consistent();
}

#[test]
fn books_without_orders_answer_like_others() {
    let books = books_after("level B 100 @ 1000 in 3\nlevel S 300 @ 1003\nlevel B 7 @ 998");
    let book = books.book(SUBJECT).unwrap();
    assert_eq!(book.form(), Some(Form::Levels));
    assert_eq!((book.spread(), book.mid2(), book.depth(Side::Buy)), (Some(3), Some(2003), 2));
    assert_eq!(book.microprice().unwrap().to_f64(), 1000.75);
    assert_eq!(book.orders_at(Side::Buy, book.touch().bid.unwrap().price).count(), 0);
    assert_eq!((book.order(OrderId(1)), book.queue_position(OrderId(1))), (None, None));
    assert_eq!(books.orders_live(), 0);
    assert_eq!(Books::new(BOUNDS).book(SUBJECT).map(|book| book.form()), None);
}

#[test]
fn a_fresh_picture_after_a_gap_makes_the_book_certain() {
    check(
        "add 1 B 100 @ 1000
         gap
         add 2 B 100 @ 999
         clear snapshot
         add 2 B 100 @ 999 snapshot
         add 3 S 100 @ 1002 snapshot last
         execute 3 10",
        expect![[r#"
            add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
            gap                         Interrupted
            add 2 B 100 @ 999           Entered, 100 rest, depth 1
            clear snapshot              Cleared, new touch
            add 2 B 100 @ 999 snapshot  Entered, 100 rest, depth 0, new touch
            add 3 S 100 @ 1002 snapshot last  Entered, 100 rest, depth 0, new touch
            execute 3 10                Executed, was 100 @ 1002 since 6, 90 rest, depth 0, traded 10 @ 1002, touch
            S 1002   90 = #3:90
            B 999  100 = #2:100
        "#]],
    );
    check(
        "every gap\nadd 1 B 1 @ 1\nevery clear\nadd 1 B 2 @ 2",
        expect![[r#"
        every gap                   Interrupted
        add 1 B 1 @ 1               Entered, 1 rest, depth 0, new touch
        every clear                 Cleared
        add 1 B 2 @ 2               Entered, 2 rest, depth 0, new touch
        B 2    2 = #1:2
    "#]],
    );
}
