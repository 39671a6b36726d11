//! What each kind of event does to a book, and what is told of it.

use super::notation::{SUBJECT, books_after, changes, ladder};
use crate::Place;
use engine_event::{OrderId, Price, Quantity, Side};
use expect_test::{Expect, expect};

fn check(events: &str, expected: Expect) {
    expected.assert_eq(&ladder(events));
}

fn check_changes(events: &str, expected: Expect) {
    expected.assert_eq(&changes(events));
}

#[test]
fn orders_stand_by_price_and_then_by_time() {
    check(
        "add 1 B 100 @ 1000
         add 2 S 50 @ 1003
         add 3 B 200 @ 1001
         add 4 B 10 @ 1000
         add 5 S 60 @ 1002",
        expect![[r#"
            S 1003   50 = #2:50
            S 1002   60 = #5:60
            B 1001  200 = #3:200
            B 1000  110 = #1:100 #4:10
        "#]],
    );
}

#[test]
fn each_change_is_told() {
    check_changes(
        "define
         add 1 B 100 @ 1000 by 7
         add 2 B 50 @ 999
         add 3 S 80 @ 1002
         modify 1 60 @ 1000
         modify 2 70 @ 999
         reduce 1 10
         execute 3 30
         execute 3 50 @ 1001
         replace 2 4 90 @ 1001
         delete 1
         trade 5 @ 1001
         break
         status auction
         status auction
         gap",
        expect![[r#"
            define                      Defined
            add 1 B 100 @ 1000 by 7     Entered, 100 rest, depth 0, new touch
            add 2 B 50 @ 999            Entered, 50 rest, depth 1
            add 3 S 80 @ 1002           Entered, 80 rest, depth 0, new touch
            modify 1 60 @ 1000          Modified, was 100 @ 1000 since 2, 60 rest, depth 0, touch
            modify 2 70 @ 999           Modified, was 50 @ 999 since 3, 70 rest, depth 1
            reduce 1 10                 Reduced, was 60 @ 1000 since 2, 50 rest, depth 0, touch
            execute 3 30                Executed, was 80 @ 1002 since 4, 50 rest, depth 0, traded 30 @ 1002, touch
            execute 3 50 @ 1001         Executed, was 50 @ 1002 since 4, depth 0, traded 50 @ 1001, new touch
            replace 2 4 90 @ 1001       Replaced, was 70 @ 999 since 3, 90 rest, depth 0, new touch
            delete 1                    Deleted, was 50 @ 1000 since 2, depth 1
            trade 5 @ 1001              Traded, traded 5 @ 1001
            break                       Broken
            status auction              PhaseChanged
            status auction              None
            gap                         Interrupted
        "#]],
    );
}

#[test]
fn asking_for_less_keeps_the_place() {
    check(
        "add 1 B 100 @ 1000
         add 2 B 100 @ 1000
         modify 1 40 @ 1000",
        expect![[r#"
            B 1000  140 = #1:40 #2:100
        "#]],
    );
}

#[test]
fn asking_for_more_or_elsewhere_loses_the_place() {
    check(
        "add 1 B 100 @ 1000
         add 2 B 100 @ 1000
         add 3 B 100 @ 999
         modify 1 101 @ 1000
         modify 2 50 @ 999",
        expect![[r#"
            B 1000  101 = #1:101
            B 999  150 = #3:100 #2:50
        "#]],
    );
}

#[test]
fn an_order_may_change_its_price_but_not_its_side() {
    check(
        "add 1 S 100 @ 1000\nmodify 1 100 @ 990",
        expect![[r#"
        S 990  100 = #1:100
    "#]],
    );
}

#[test]
fn a_reduction_keeps_the_place_until_nothing_is_left() {
    check(
        "add 1 S 100 @ 1000
         add 2 S 100 @ 1000
         reduce 1 99
         reduce 2 100",
        expect![[r#"
            S 1000    1 = #1:1
        "#]],
    );
}

#[test]
fn a_replacement_inherits_side_owner_and_attributes_but_not_the_place() {
    let events = "add 1 S 100 @ 1000 mm by 7
                  add 2 S 50 @ 1000
                  replace 1 3 100 @ 1000";
    check(
        events,
        expect![[r#"
        S 1000  150 = #2:50 #3:100
    "#]],
    );
    let books = books_after(events);
    let order = books.book(SUBJECT).unwrap().order(OrderId(3)).unwrap();
    assert_eq!(order.participant.unwrap().0.get(), 7);
    assert_eq!(order.attributes, engine_event::body::Attributes::MARKET_MAKER);
    assert_eq!(order.entered_seq, 3);
}

#[test]
fn a_replacement_may_keep_its_id() {
    check(
        "add 1 S 100 @ 1000
         add 2 S 50 @ 1000
         replace 1 1 70 @ 1000",
        expect![[r#"
            S 1000  120 = #2:50 #1:70
        "#]],
    );
}

#[test]
fn an_execution_counts_whether_printed_or_not() {
    check(
        "add 1 B 100 @ 1000
         add 2 B 100 @ 1000
         execute 1 100
         execute 2 30 unprinted",
        expect![[r#"
            B 1000   70 = #2:70
        "#]],
    );
}

#[test]
fn hidden_orders_are_known_but_not_shown() {
    let events = "add 1 B 100 @ 1000
                  add 2 B 500 @ 1001 hidden
                  add 3 B 600 @ 1000 hidden
                  execute 2 100
                  modify 3 50 @ 1002";
    check(
        events,
        expect![[r#"
        B 1000  100 = #1:100
        hidden B 1001 #2:400
        hidden B 1002 #3:50
    "#]],
    );
    check_changes(
        events,
        expect![[r#"
        add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
        add 2 B 500 @ 1001 hidden   Entered, 500 rest
        add 3 B 600 @ 1000 hidden   Entered, 600 rest
        execute 2 100               Executed, was 500 @ 1001 since 2, 400 rest, traded 100 @ 1001
        modify 3 50 @ 1002          Modified, was 600 @ 1000 since 3, 50 rest
    "#]],
    );
    let books = books_after(events);
    let book = books.book(SUBJECT).unwrap();
    assert_eq!(book.order(OrderId(2)).unwrap().remaining, Quantity(400));
    assert_eq!(book.queue_position(OrderId(2)), None);
}

#[test]
fn an_immediate_order_rests_if_it_has_a_price() {
    check(
        "add 1 B 100 @ 1000 ioc
         add 2 B 100 ioc",
        expect![[r#"
            B 1000  100 = #1:100
        "#]],
    );
}

#[test]
fn trades_beside_the_book_leave_it_as_it_is() {
    check(
        "add 1 B 100 @ 1000
         trade 40 @ 1000
         break",
        expect![[r#"
            B 1000  100 = #1:100
        "#]],
    );
}

#[test]
fn prices_may_be_negative() {
    check(
        "add 1 B 100 @ -5
         add 2 S 100 @ -3
         add 3 B 100 @ -4
         add 4 S 100 @ 0",
        expect![[r#"
            S 0  100 = #4:100
            S -3  100 = #2:100
            B -4  100 = #3:100
            B -5  100 = #1:100
        "#]],
    );
}

#[test]
fn an_auction_may_cross() {
    check(
        "status auction
         add 1 B 100 @ 1001
         add 2 S 100 @ 1000
         execute 1 100
         execute 2 100
         status continuous
         add 3 B 10 @ 1000",
        expect![[r#"
            B 1000   10 = #3:10
            Continuous
        "#]],
    );
}

#[test]
fn a_book_that_leaves_an_auction_crossed_may_uncross() {
    check(
        "status auction
         add 1 B 100 @ 1001
         add 2 S 100 @ 1000
         status continuous
         execute 1 100
         execute 2 100
         add 3 B 10 @ 1000",
        expect![[r#"
            B 1000   10 = #3:10
            Continuous
        "#]],
    );
}

#[test]
fn a_fresh_picture_ends_the_doubt() {
    check(
        "add 1 B 100 @ 1000
         add 2 B 100 @ 1000 hidden
         delete 9
         clear
         add 1 B 70 @ 999",
        expect![[r#"
            B 999   70 = #1:70
            unknown-order × 1
        "#]],
    );
}

#[test]
fn a_queue_has_places() {
    let books = books_after(
        "add 1 B 100 @ 1000
         add 2 B 50 @ 1000
         add 3 B 10 @ 1000
         add 4 B 10 @ 1001",
    );
    let book = books.book(SUBJECT).unwrap();
    let place =
        |id| book.queue_position(OrderId(id)).map(|at| (at.orders_ahead, at.quantity_ahead));
    assert_eq!(place(1), Some((0, Quantity(0))));
    assert_eq!(place(3), Some((2, Quantity(150))));
    assert_eq!(
        book.queue_position(OrderId(4)),
        Some(Place { orders_ahead: 0, quantity_ahead: Quantity(0) })
    );
    assert_eq!(place(9), None);
    assert_eq!(book.depth(Side::Buy), 2);
    assert_eq!(book.level(Side::Buy, Price(1000)).unwrap().orders, 3);
    assert_eq!(book.level(Side::Sell, Price(1000)), None);
}

#[test]
fn the_touch_before_is_told() {
    let mut books = books_after("add 1 B 100 @ 1000\nadd 2 S 10 @ 1005");
    let before = books.book(SUBJECT).unwrap().touch();
    let change = books.apply(&super::notation::parse("delete 1"));
    assert_eq!(change.before(), before);
    assert_eq!(books.book(SUBJECT).unwrap().touch().bid, None);
}
