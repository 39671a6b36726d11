//! Faults by subject, and which books are stale, as a replay's summary tells them.

mod tapewatch;

use expect_test::expect;
use serde_json::json;
use tapewatch::Folder;

const HEAD: &str = "event_at,subject,venue,kind,order_id,side,price,quantity,participant,\
                    counterparty,order_type,flags\n";

/// Thirty subjects with an order each; each after the fifth has as many wrong deletions as its number.
fn wrong_deletions() -> String {
    let mut tape = HEAD.to_owned();
    let mut at = 0;
    let mut line = |text: String| {
        at += 1;
        tape += &format!("{at},{text}\n");
    };
    for n in 0..30 {
        line(format!("S{n:02},X,add,1,B,10,5,,,,"));
        let wrong = if n > 5 { n } else { 0 };
        (0..wrong).for_each(|_| line(format!("S{n:02},X,delete,9,,,,,,,")));
    }
    line("S29,X,execute,1,,10,6,,,,".to_owned());
    tape
}

#[test]
fn the_worst_books_are_listed_and_the_rest_counted() {
    let folder = Folder::new();
    folder.write("day.csv", wrong_deletions());
    let books = folder.replay("day.csv")["books"].clone();
    assert_eq!(
        (&books["open"], &books["faulty"], &books["stale"]),
        (&30.into(), &24.into(), &24.into())
    );
    let worst = books["worst"].as_array().unwrap();
    assert_eq!((worst.len(), &books["unlisted"]), (20, &4.into()));
    let first = json!({
        "subject": "S29",
        "faults": {"unknown-order": 29, "beyond-quantity": 1},
        "stale": {"since_seq": 452, "since_at": 422, "reason": "unknown-order"},
    });
    assert_eq!(worst[0], first);
    assert!(worst.iter().map(|book| book["subject"].as_str().unwrap()).is_sorted_by(|a, b| a > b));
    for flags in ["--shards 2", "--shards 8", "--shards 8 --topology pinned --force"] {
        let summary = folder.replay(&format!("day.csv {flags}"));
        assert_eq!(summary["books"], books, "{flags}");
    }
}

#[test]
fn people_are_shown_five() {
    let folder = Folder::new();
    folder.write("day.csv", wrong_deletions());
    let told = folder.run("replay day.csv").succeeded().stdout;
    let shown = told.lines().skip_while(|line| !line.starts_with("  books")).take(7);
    let shown: String = shown.map(|line| format!("{}\n", &line[2..])).collect();
    expect![[r#"
          books       30, of which 24 had faults and 24 are stale
                      S29: beyond-quantity 1, unknown-order 29, stale since event 452 (422): unknown-order
                      S28: unknown-order 28, stale since event 422 (393): unknown-order
                      S27: unknown-order 27, stale since event 393 (365): unknown-order
                      S26: unknown-order 26, stale since event 365 (338): unknown-order
                      S25: unknown-order 25, stale since event 338 (312): unknown-order
                      and 19 more
    "#]].assert_eq(&shown);
}

#[test]
fn a_run_without_a_fault_has_nothing_to_list() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 2000 --subjects 5", "day");
    let books = folder.replay("day")["books"].clone();
    assert_eq!(books, json!({"open": 5, "faulty": 0, "stale": 0, "worst": [], "unlisted": 0}));
}
