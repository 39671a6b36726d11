//! The table that `cargo xtask bench` prints, from the JSON document of each bench.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::machine::Machine;

/// What one bench printed. Keys that are missing leave their cells empty.
pub(crate) struct Report {
    document: Value,
    name: String,
    rows: Vec<Value>,
}

impl Report {
    /// From what a bench printed: whatever it says before its document is passed over.
    pub(crate) fn read(bench: &str, printed: &str) -> Result<Self> {
        let starts = |line: &str| line.starts_with(['{', '[']);
        let before: usize =
            printed.split_inclusive('\n').take_while(|line| !starts(line)).map(str::len).sum();
        let mut documents = serde_json::Deserializer::from_str(&printed[before..]).into_iter();
        let document: Value = documents
            .next()
            .with_context(|| format!("bench `{bench}` printed no JSON document"))?
            .with_context(|| format!("bench `{bench}` printed a broken document"))?;
        let name = document.get("bench").and_then(Value::as_str).unwrap_or(bench).to_owned();
        let rows = rows(&document);
        Ok(Self { document, name, rows })
    }
}

/// The rows of a document, or of each document in a list.
fn rows(document: &Value) -> Vec<Value> {
    match document.as_array() {
        Some(documents) => documents.iter().flat_map(rows).collect(),
        None => document.get("rows").and_then(Value::as_array).cloned().unwrap_or_default(),
    }
}

/// The machine, then a table for each bench, then which targets were missed.
pub(crate) fn markdown(machine: &Machine, reports: &[Report]) -> String {
    let Machine { cpu, cores, kernel, rustc } = machine;
    let mut page = format!("Machine: {cpu}, {cores} cores, Linux {kernel}, {rustc}\n");
    for report in reports {
        let unit = report.document.get("unit").and_then(Value::as_str).unwrap_or_default();
        let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
        let _ = write!(page, "\n## {}{unit}\n\n{}", report.name, table(report));
    }
    let _ = writeln!(page, "\n{}", targets(reports));
    page
}

/// Everything in one document, for the next machine or the next month to compare with.
pub(crate) fn json(machine: &Machine, reports: &[Report]) -> Value {
    let Machine { cpu, cores, kernel, rustc } = machine;
    let benches: Vec<_> = reports.iter().map(|report| &report.document).collect();
    json!({
        "machine": { "cpu": cpu, "cores": cores, "kernel": kernel, "rustc": rustc },
        "benches": benches,
    })
}

const HEADER: [&str; 8] = ["group", "name", "median", "min", "max", "ratio", "target", "met"];

/// Columns that hold figures, set to the right.
const FIGURES: std::ops::Range<usize> = 2..6;

/// Rows keep the bench's order, so peers stand beside what they are compared with.
fn table(report: &Report) -> String {
    let mut lines: Vec<[String; 8]> = vec![HEADER.map(str::to_owned)];
    lines.extend(report.rows.iter().map(cells));
    let width = |column: usize| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..HEADER.len()).map(width).collect();
    let rule = std::array::from_fn(|column| {
        let dashes = "-".repeat(widths[column] - 1);
        if FIGURES.contains(&column) { format!("{dashes}:") } else { format!("{dashes}-") }
    });
    lines.insert(1, rule);
    lines.iter().map(|line| padded(line, &widths)).collect()
}

fn padded(line: &[String; 8], widths: &[usize]) -> String {
    let mut text = String::from("|");
    for (column, (cell, &width)) in line.iter().zip(widths).enumerate() {
        let _ = if FIGURES.contains(&column) {
            write!(text, " {cell:>width$} |")
        } else {
            write!(text, " {cell:<width$} |")
        };
    }
    text + "\n"
}

fn cells(row: &Value) -> [String; 8] {
    let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key: &str| row.get(key).and_then(Value::as_f64).map(figure).unwrap_or_default();
    let peer = row.get("peer").and_then(Value::as_bool).unwrap_or_default();
    let met = match row.get("met").and_then(Value::as_bool) {
        Some(true) => "yes",
        Some(false) => "MISSED",
        None => "",
    };
    [
        text("group"),
        if peer { format!("{} (peer)", text("name")) } else { text("name") },
        number("median"),
        number("min"),
        number("max"),
        number("ratio"),
        text("target"),
        met.to_owned(),
    ]
}

/// Three significant digits below a thousand, and all whole digits above, in groups.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 1000.0 => return grouped(&format!("{value:.0}")),
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 || size == 0.0 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

fn grouped(whole: &str) -> String {
    let mut text = String::new();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn targets(reports: &[Report]) -> String {
    let (mut met, mut missed) = (0, Vec::new());
    for report in reports {
        for row in &report.rows {
            let part = |key| row.get(key).and_then(Value::as_str).unwrap_or("?");
            match row.get("met").and_then(Value::as_bool) {
                Some(true) => met += 1,
                Some(false) => {
                    missed.push(format!("{} {}/{}", report.name, part("group"), part("name")));
                }
                None => {}
            }
        }
    }
    match missed.len() {
        0 if met == 0 => "No targets were stated.".to_owned(),
        0 => format!("Targets: {met} met, none missed."),
        count => format!("Targets: {met} met, {count} missed: {}.", missed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "warming up\n\
        {\"bench\":\"ring_hop\",\"unit\":\"ns\",\"rows\":[\
        {\"group\":\"hop\",\"name\":\"broadcast\",\"median\":61.25,\"min\":60,\"max\":1234567.8,\
        \"ratio\":1.1,\"peer\":false,\"target\":\"≤ 2.5 × bounce\",\"met\":true},\
        {\"group\":\"hop\",\"name\":\"disruptor\",\"median\":70,\"peer\":true},\
        {\"name\":\"spsc\",\"met\":false}]}\n";

    fn machine() -> Machine {
        let text = str::to_owned;
        Machine {
            cpu: text("Some CPU"),
            cores: 2,
            kernel: text("6.1"),
            rustc: text("rustc 1.95.0"),
        }
    }

    #[test]
    fn peers_stand_side_by_side() {
        let page = markdown(&machine(), &[Report::read("ring_hop", PRINTED).unwrap()]);
        let expected = "\
Machine: Some CPU, 2 cores, Linux 6.1, rustc 1.95.0

## ring_hop (ns)

| group | name             | median |  min |       max | ratio | target         | met    |
| ----- | ---------------- | -----: | ---: | --------: | ----: | -------------- | ------ |
| hop   | broadcast        |   61.2 | 60.0 | 1,234,568 |  1.10 | ≤ 2.5 × bounce | yes    |
| hop   | disruptor (peer) |   70.0 |      |           |       |                |        |
|       | spsc             |        |      |           |       |                | MISSED |

Targets: 1 met, 1 missed: ring_hop ?/spsc.
";
        assert_eq!(page, expected);
    }

    #[test]
    fn missing_keys_are_borne_and_a_missing_document_is_not() {
        let empty = Report::read("a", "{}").unwrap();
        assert!(markdown(&machine(), &[empty]).contains("## a\n"));
        assert!(Report::read("a", "no document").is_err());
        assert!(Report::read("a", "{\"bench\":").is_err());
    }

    #[test]
    fn documents_are_kept_whole() {
        let report = Report::read("ring_hop", PRINTED).unwrap();
        let all = json(&machine(), &[report]);
        assert_eq!(all["machine"]["cores"], 2);
        assert_eq!(all["benches"][0]["rows"][1]["name"], "disruptor");
    }

    #[test]
    fn figures() {
        for (value, expected) in [
            (0.0, "0.00"),
            (0.0123, "0.0123"),
            (9.876, "9.88"),
            (98.76, "98.8"),
            (987.6, "988"),
            (-1000.0, "-1,000"),
            (123_456.0, "123,456"),
        ] {
            assert_eq!(figure(value), expected);
        }
    }
}
