//! What others read of a journal is what was journaled.

mod tapewatch;

use expect_test::expect;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;
use std::fs::File;
use tapewatch::{Folder, json_lines};

/// A folder with the journal `j` of the replay of a generated file `day`.
fn journal(what: &str) -> Folder {
    let folder = Folder::new();
    folder.generate(what, "--messages 3000 --subjects 4", "day");
    folder.replay("day --journal j");
    folder
}

#[test]
fn a_tape_comes_back_as_it_was() {
    let folder = journal("tape");
    let told = folder.run("journal export j --to tape --out back").succeeded().stdout;
    assert!(folder.read("back") == folder.read("day"), "{told}");
}

#[test]
fn what_a_tape_cannot_hold_is_told() {
    let folder = journal("itch");
    let told = folder.run("journal export j --to tape --out back").succeeded().stdout;
    assert!(told.contains(" replace left out: the file has no such kind\n"), "{told}");
}

#[test]
fn only_events_of_the_wanted_times_are_written() {
    let folder = journal("tape");
    let lines = |name: &str| String::from_utf8(folder.read(name)).unwrap();
    let day = lines("day");
    let at = |line: &str| line.split(',').next().unwrap().parse::<u64>().unwrap();
    let times: Vec<_> = day.lines().skip(1).map(at).collect();
    let (from, until) = (times[times.len() / 3], times[times.len() / 2]);
    let times = format!("--from {from} --until {until}");
    folder.run(&format!("journal export j --to tape --out some {times}")).succeeded();
    let header = day.lines().take(1);
    let wanted = day.lines().skip(1).filter(|line| (from..=until).contains(&at(line)));
    let expected: Vec<_> = header.chain(wanted).collect();
    assert!(expected.len() > 100);
    assert_eq!(lines("some").lines().collect::<Vec<_>>(), expected);
}

/// The rows of a table.
fn rows(folder: &Folder, name: &str) -> Vec<Row> {
    let file = SerializedFileReader::new(File::open(folder.path(name)).unwrap()).unwrap();
    file.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_table_has_a_row_for_each_event() {
    let folder = journal("itch");
    folder.run("journal export j --to parquet --out day.parquet").succeeded();
    let mut rows = rows(&folder, "day.parquet");
    let last = rows.pop().unwrap();
    assert!(
        last.get_column_iter().any(|(_, cell)| *cell == Field::Str("end".to_string())),
        "{last}"
    );
    let events = json_lines(folder.run("decode day --json").succeeded().stdout.as_bytes());
    assert_eq!(rows.len(), events.len());
    for (row, event) in rows.iter().zip(&events) {
        let cell = |name: &str| {
            let (_, cell) = row.get_column_iter().find(|(column, _)| *column == name).unwrap();
            match cell {
                Field::Null => Value::Null,
                Field::Str(text) => text.clone().into(),
                Field::ULong(number) => (*number).into(),
                Field::Long(number) => (*number).into(),
                Field::Int(number) => (*number).into(),
                other => panic!("{name}: {other:?}"),
            }
        };
        assert_eq!(cell("event_at"), event["at"]);
        assert_eq!(cell("kind"), event["kind"]);
        for (column, key) in
            [("side", "side"), ("participant", "participant"), ("new_order_id", "new")]
        {
            assert_eq!(cell(column), event[key], "{column} of {event}");
        }
        let is_print = event["kind"] == "trade" || event["kind"] == "break";
        assert_eq!(cell("order_id"), event[if is_print { "trade" } else { "order" }], "{event}");
        let decimal = |units: &str, scale: &str| {
            let units = cell(units).as_i64()?;
            let scale = cell(scale).as_u64().unwrap() as i32;
            Some(units as f64 / 10_f64.powi(scale))
        };
        let number = |key: &str| Some(event[key].as_str()?.parse::<f64>().unwrap());
        if !matches!(event["kind"].as_str(), Some("define" | "auction" | "statistic")) {
            assert_eq!(decimal("price", "price_scale"), number("price"), "{event}");
            assert_eq!(decimal("quantity", "quantity_scale"), number("quantity"), "{event}");
        }
    }
    let numbers = rows.iter().map(|row| row.get_column_iter().next().unwrap().1.clone());
    assert!(numbers.eq((1..=rows.len() as u64).map(Field::ULong)));
}

#[test]
fn what_is_broken_or_no_journal_is_not_exported() {
    let folder = journal("itch");
    folder.check(
        "journal export none --to tape --out x",
        &expect![[r#"
        tapewatch: none: there is no journal in it
        exit 65
    "#]],
    );
    let mut bytes = folder.read("j/events/0000000001.seg");
    bytes[9_000] ^= 1;
    folder.write("j/events/0000000001.seg", bytes);
    folder.check(
        "journal export j --to tape --out x",
        &expect![[r#"
            tapewatch: j: events/0000000001.seg: event 75 does not have its checksum; `tapewatch journal verify` names all that is damaged
            exit 65
        "#]],
    );
}
