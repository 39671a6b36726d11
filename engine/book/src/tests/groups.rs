//! Feeds that publish several events as one group are judged where a group ends.

use super::notation::{changes, ladder};
use expect_test::{Expect, expect};

/// Both what the events changed and what they left.
fn check(events: &str, expected: Expect) {
    expected.assert_eq(&format!("{}{}", changes(events), ladder(events)));
}

#[test]
fn a_group_may_cross_on_its_way() {
    check(
        "add 1 B 100 @ 1000
         add 2 S 100 @ 1001 last
         add 3 B 100 @ 1001
         reduce 3 50
         delete 2 last",
        expect![[r#"
            add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
            add 2 S 100 @ 1001 last     Entered, 100 rest, depth 0, new touch
            add 3 B 100 @ 1001          Entered, 100 rest, depth 0, new touch
            reduce 3 50                 Reduced, was 100 @ 1001 since 3, 50 rest, depth 0, touch
            delete 2 last               Deleted, was 100 @ 1001 since 2, depth 0, new touch
            B 1001   50 = #3:50
            B 1000  100 = #1:100
        "#]],
    );
}

#[test]
fn a_group_that_leaves_the_book_crossed_is_told_at_its_end() {
    check(
        "add 1 B 100 @ 1000 last
         add 2 S 100 @ 999
         execute 1 10
         trade 10 @ 1000 last
         execute 1 10 last
         delete 2
         add 3 S 100 @ 998 last",
        expect![[r#"
            add 1 B 100 @ 1000 last     Entered, 100 rest, depth 0, new touch
            add 2 S 100 @ 999           Entered, 100 rest, depth 0, new touch
            execute 1 10                Executed, was 100 @ 1000 since 1, 90 rest, depth 0, traded 10 @ 1000, touch
            trade 10 @ 1000 last        Traded, traded 10 @ 1000, FAULT crossed
            execute 1 10 last           Executed, was 90 @ 1000 since 1, 80 rest, depth 0, traded 10 @ 1000, touch
            delete 2                    Deleted, was 100 @ 999 since 2, depth 0, new touch
            add 3 S 100 @ 998 last      Entered, 100 rest, depth 0, new touch
            S 998  100 = #3:100
            B 1000   80 = #1:80
            stale since 4: crossed
            crossed × 1
        "#]],
    );
}

#[test]
fn a_feed_without_groups_is_judged_by_event() {
    check(
        "add 1 B 100 @ 1000
         add 2 S 100 @ 1000
         delete 2
         add 3 S 100 @ 1000",
        expect![[r#"
            add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
            add 2 S 100 @ 1000          Entered, 100 rest, depth 0, new touch, FAULT crossed
            delete 2                    Deleted, was 100 @ 1000 since 2, depth 0, new touch
            add 3 S 100 @ 1000          Entered, 100 rest, depth 0, new touch, FAULT crossed
            S 1000  100 = #3:100
            B 1000  100 = #1:100
            stale since 2: crossed
            crossed × 2
        "#]],
    );
}

#[test]
fn an_event_about_every_subject_ends_no_group() {
    check(
        "every status continuous last
         add 1 B 100 @ 1000
         add 2 S 100 @ 1000",
        expect![[r#"
            every status continuous last  PhaseChanged
            add 1 B 100 @ 1000          Entered, 100 rest, depth 0, new touch
            add 2 S 100 @ 1000          Entered, 100 rest, depth 0, new touch, FAULT crossed
            S 1000  100 = #2:100
            B 1000  100 = #1:100
            Continuous
            stale since 3: crossed
            crossed × 1
        "#]],
    );
}
