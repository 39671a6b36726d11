//! `book --check`: the book held against rows that somebody else wrote.

mod tapewatch;

use expect_test::expect;
use tapewatch::Folder;

/// Our own rows in a vendor's layout, and a folder with what they were made of.
fn folder(what: &str, flags: &str) -> Folder {
    let folder = Folder::new();
    folder.generate(what, "--messages 3000 --seed 3", "day.csv");
    folder.run(&format!("book day.csv {flags} --csv rows.csv")).succeeded();
    folder
}

fn alter(folder: &Folder, line: usize, from: &str, to: &str) {
    let text = String::from_utf8(folder.read("rows.csv")).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    assert!(lines[line - 1].contains(from), "{}", lines[line - 1]);
    lines[line - 1] = lines[line - 1].replacen(from, to, 1);
    folder.write("rows.csv", lines.join("\n"));
}

#[test]
fn lobster_rows_follow_from_one_another() {
    let folder = folder("lobster", "--symbol LOBSTER --levels 5");
    let found = folder.run("book day.csv --symbol LOBSTER --check rows.csv --json").succeeded();
    let found = found.json();
    assert_eq!((&found["rows"], &found["equal"]), (&2999.into(), &2999.into()), "{found}");
    assert_eq!(found["different"], 0);
    assert!(found["revealed"].as_u64() > Some(0), "{found}");
    assert!(found["stale"].is_null(), "the day begins with empty books");
}

#[test]
fn a_row_that_does_not_follow_is_shown() {
    let folder = folder("lobster", "--symbol LOBSTER --levels 5");
    let row = String::from_utf8(folder.read("rows.csv")).unwrap();
    let row = row.lines().nth(1499).unwrap().to_owned();
    let price = row.split(',').next().unwrap();
    alter(&folder, 1500, price, "1");
    let found = folder.run("book day.csv --symbol LOBSTER --check rows.csv");
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.stdout.contains("row 1500, ask 1: ours"), "{}", found.stdout);
    assert!(found.stderr.contains("of 2999 rows differ"), "{}", found.stderr);
}

#[test]
fn mbp_rows_are_the_book_at_their_time() {
    let folder = folder("tape", "--symbol AAAA --mbp");
    let check = "book day.csv --symbol AAAA --check rows.csv --json";
    let found = folder.run(check).succeeded().json();
    assert!(found["rows"].as_u64() > Some(500), "{found}");
    assert_eq!(found["rows"], found["equal"]);
    let row = String::from_utf8(folder.read("rows.csv")).unwrap();
    let row = row.lines().nth(299).unwrap().to_owned();
    let bid = row.split(',').nth(13).unwrap();
    alter(&folder, 300, &format!(",{bid},"), ",1.000000000,");
    let found = folder.run(check);
    assert_eq!(found.code, Some(1));
    let found = found.json();
    let shown = &found["differences"][0];
    assert_eq!((&found["different"], &shown["side"]), (&1.into(), &"bid".into()), "{found}");
    assert_eq!((&shown["row"], &shown["theirs"][0]), (&300.into(), &"1.000000000".into()));
}

#[test]
fn rows_of_other_symbols_are_passed_over() {
    let folder = folder("tape", "--symbol AAAA --mbp");
    let ours = String::from_utf8(folder.read("rows.csv")).unwrap();
    let theirs =
        ours.lines().skip(1).map(|row| row.replace(",AAAA", ",ZZZZ").replacen(",1", ",2", 3));
    let both: Vec<_> = ours.lines().map(str::to_owned).chain(theirs).collect();
    folder.write("rows.csv", both.join("\n"));
    let found = folder.run("book day.csv --symbol AAAA --check rows.csv --json").succeeded().json();
    assert_eq!((&found["rows"], &found["different"]), (&found["equal"], &0.into()), "{found}");
}

#[test]
fn rows_that_are_none_are_bad_input() {
    let folder = folder("lobster", "--symbol LOBSTER --levels 2");
    let rows = String::from_utf8(folder.read("rows.csv")).unwrap();
    let check = |rows: &str| {
        folder.write("rows.csv", rows);
        let found = folder.run("book day.csv --symbol LOBSTER --check rows.csv");
        assert_eq!(found.code, Some(65), "{found:?}");
        found.stderr
    };
    let told: String = [
        check("").as_str(),
        &check("ts_event,price\n"),
        &check(&rows[..rows.len() / 2].replace("9999999999", "x")),
        &check(&rows[..rows.match_indices('\n').nth(9).unwrap().0]),
        &check(&format!("{rows}{}\n", rows.lines().next().unwrap())),
    ]
    .concat();
    expect![[r#"
        tapewatch: rows.csv: line 1: the file is empty
        tapewatch: rows.csv: line 1: bid_px_00, bid_sz_00 and so on are not there
        tapewatch: rows.csv: line 1: a price is not a whole number
        tapewatch: rows.csv: line 11: there are fewer rows than messages
        tapewatch: rows.csv: line 3001: there are more rows than messages
    "#]]
    .assert_eq(&told);
}

#[test]
fn whoever_has_both_files_is_told_how() {
    let told = Folder::new().run("book --help").succeeded().stdout;
    let example = "--check AAPL_2012-06-21_34200000_57600000_orderbook_10.csv";
    assert!(told.contains(example) && told.contains("exit 1 if any row differs"), "{told}");
}

/// LOBSTER's own rows of a real day, which are not ours to pass on: `TAPEWATCH_DATA` names the folder.
#[test]
fn a_real_day_follows_row_by_row() {
    let Some(data) = std::env::var_os("TAPEWATCH_DATA") else {
        return eprintln!("not run: no data");
    };
    let folder = Folder::new();
    for name in ["message", "orderbook"] {
        let name = format!("AAPL_10_first_{name}.csv");
        let bytes = std::fs::read(std::path::Path::new(&data).join("lobster-aapl").join(&name));
        folder.write(&name, bytes.unwrap());
    }
    let check = "book AAPL_10_first_message.csv --symbol AAPL --check AAPL_10_first_orderbook.csv";
    let found = folder.run(&format!("{check} --json"));
    let found = found.succeeded().json();
    assert_eq!((&found["rows"], &found["equal"]), (&998.into(), &998.into()), "{found}");
    assert_eq!(found["stale"]["reason"], "unknown-order", "the file begins in the middle of a day");
}
