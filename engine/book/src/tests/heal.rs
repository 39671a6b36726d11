//! Orders that left without a word, and how a book finds out.

use super::notation::{BOUNDS, SUBJECT, parse};
use crate::Books;
use engine_event::{Fault, Nanos, OrderId, Reader, Snapshot, Writer};

/// Books that heal, after these events, each of which begins with its time in milliseconds.
fn told(events: &str) -> Books {
    go_on(Books::new(BOUNDS).healing(), events)
}

fn go_on(mut books: Books, events: &str) -> Books {
    let lines = events.lines().map(str::trim).filter(|line| !line.is_empty());
    for (seq, line) in (1..).zip(lines) {
        let (ms, line) = line.split_once(' ').expect("a time, then what happens");
        let mut event = parse(line);
        event.seq = seq;
        event.event_at = Nanos::from_millis(ms.parse().expect("milliseconds"));
        books.apply(&event);
        books.assert_consistent();
    }
    books
}

/// The orders that rest, and how many were taken out.
fn rests(books: &Books) -> (Vec<u64>, u64) {
    let book = books.book(SUBJECT).expect("it was told of");
    let mut ids: Vec<u64> = (1..=20).filter(|id| book.order(OrderId(*id)).is_some()).collect();
    ids.sort_unstable();
    assert_eq!(book.healed(), book.faults().of(Fault::Healed));
    (ids, book.healed())
}

/// Bids at 1000 and 999, offers at 1002 and 1003; the deletion of the best offer gets lost.
const LOST: &str = "0 add 1 B 10 @ 1000
    0 add 2 B 10 @ 999
    0 add 3 S 10 @ 1002
    0 add 4 S 10 @ 1003
    10 gap
";

fn after_loss(events: &str) -> (Vec<u64>, u64) {
    rests(&told(&format!("{LOST}{events}")))
}

#[test]
fn who_comes_to_stand_across_proves_the_others_gone() {
    assert_eq!(after_loss("20 add 5 B 10 @ 1002"), (vec![1, 2, 3, 4, 5], 0));
    let later = "20 add 5 B 10 @ 1002
        270 add 6 B 1 @ 998";
    assert_eq!(after_loss(later), (vec![1, 2, 4, 5, 6], 1));
    let moved = "20 modify 1 10 @ 1002
        270 add 6 B 1 @ 998";
    assert_eq!(after_loss(moved), (vec![1, 2, 4, 6], 1));
}

#[test]
fn of_many_that_stand_across_the_last_to_come_is_right() {
    let both = "20 add 5 B 10 @ 1002
        30 add 6 S 10 @ 1001
        280 add 7 B 1 @ 998";
    assert_eq!(after_loss(both), (vec![1, 2, 3, 4, 6, 7], 1));
}

#[test]
fn a_trade_at_a_worse_price_proves_better_ones_gone() {
    let traded = "20 execute 4 5
        30 add 5 S 10 @ 1002
        280 add 6 B 1 @ 998";
    assert_eq!(after_loss(traded), (vec![1, 2, 4, 5, 6], 1), "what came since stays");
    let elsewhere = "20 execute 4 5 @ 1001
        280 add 6 B 1 @ 998";
    assert_eq!(after_loss(elsewhere), (vec![1, 2, 3, 4, 6], 0), "not at its own price");
}

#[test]
fn feeds_that_let_orders_rest_first_have_time_to_tell_the_trade() {
    let told_later = "20 add 5 B 10 @ 1002
        25 execute 3 10 @ 1002
        25 execute 5 10 @ 1002
        400 add 6 B 1 @ 998";
    assert_eq!(after_loss(told_later), (vec![1, 2, 4, 6], 0));
}

#[test]
fn without_loss_and_where_sides_may_cross_nothing_is_taken_out() {
    let crosses = "20 add 5 B 10 @ 1002\n400 add 6 B 1 @ 998";
    let whole = LOST.replace("10 gap", "10 add 9 S 1 @ 1009");
    assert_eq!(rests(&told(&format!("{whole}{crosses}"))).1, 0, "nothing is missing");
    let auction = format!("11 status auction\n{crosses}");
    assert_eq!(after_loss(&auction).1, 0, "an auction");
    let unasked = go_on(Books::new(BOUNDS), &format!("{LOST}{crosses}"));
    assert_eq!(rests(&unasked).1, 0, "not asked to");
    assert_eq!(after_loss(&format!("15 clear\n{LOST}{crosses}")).1, 1);
    let anew = LOST.replace("10 gap", "10 clear\n11 add 3 S 10 @ 1002");
    assert_eq!(rests(&told(&format!("0 gap\n{anew}{crosses}"))).1, 0, "told anew since");
}

#[test]
fn a_book_that_was_wrong_rests() {
    let in_time = "20 add 5 B 10 @ 1002
        300 reduce 3 5
        900 add 7 B 1 @ 998";
    assert_eq!(after_loss(in_time), (vec![1, 2, 3, 4, 5, 7], 0), "what is told of is there");
    let wrong = "20 add 5 B 10 @ 1002
        290 add 8 B 1 @ 997
        300 reduce 3 5
        310 add 6 B 10 @ 1003
        900 add 7 B 1 @ 998";
    assert_eq!(after_loss(wrong), (vec![1, 2, 4, 5, 6, 7, 8], 1));
    let later = format!("{wrong}\n3700000 modify 6 11 @ 1003\n3700300 delete 7");
    assert_eq!(after_loss(&later), (vec![1, 2, 5, 6, 8], 2));
}

#[test]
fn more_than_are_missing_are_no_ghosts() {
    let deep = LOST.replace("10 gap", "0 add 8 S 1 @ 1002\n0 add 9 S 1 @ 1002\n10 gap");
    let all = format!("{deep}20 add 5 B 1 @ 1003\n300 delete 2");
    assert_eq!(rests(&told(&all)), (vec![1, 5], 4), "a missing number may hide four");
    let one_more = format!("{deep}10 add 6 S 1 @ 1001\n20 add 5 B 1 @ 1003\n300 delete 2");
    assert_eq!(rests(&told(&one_more)), (vec![1, 3, 4, 5, 6, 8, 9], 0));
}

#[test]
fn what_is_known_of_ghosts_survives_a_restart() {
    let before = told(&format!("{LOST}20 add 5 B 10 @ 1002"));
    let mut state = Writer::new();
    before.save(&mut state);
    let mut loaded = Books::new(BOUNDS).healing();
    loaded.load(&mut Reader::new(&state.into_bytes())).expect("it was saved here");
    let rest = "300 delete 2";
    let [straight, restarted] = [before, loaded].map(|books| go_on(books, rest));
    assert_eq!(rests(&straight), (vec![1, 4, 5], 1));
    assert_eq!(rests(&restarted), rests(&straight));
    let view = straight.book(SUBJECT).expect("it was told of");
    assert_eq!(view.healed_since(0).collect::<Vec<_>>(), [OrderId(3)]);
    assert_eq!(view.healed_since(1).count(), 0);
    let digest = |books: &Books| books.digest_of(SUBJECT);
    assert_eq!(digest(&restarted), digest(&straight));
}
