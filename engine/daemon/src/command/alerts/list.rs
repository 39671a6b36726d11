//! `tapewatch alerts list`: the log, in the order in which alerts were raised.

use super::told::logged;
use crate::cli::AlertsList;
use crate::failure::Failure;
use crate::output::{Moment, print};
use anyhow::anyhow;
use engine_event::Nanos;
use serde_json::{Value, json};
use std::fmt::Write;

/// An alert as the log has it.
struct Entry {
    number: u64,
    is_final: bool,
    alert: Value,
}

pub(super) fn run(arguments: &AlertsList) -> Result<(), Failure> {
    let mut shown = String::new();
    let entries = entries(arguments)?;
    if !arguments.json && !entries.is_empty() {
        let _ = writeln!(
            shown,
            "{:>6}  {:<11}  {:<29}  {:<7}  {:<12}  {:<8}  {:>5}  {:<16}  who",
            "number", "state", "raised at", "pattern", "subject", "severity", "score", "id"
        );
    }
    for entry in entries {
        let _ = if arguments.json {
            let Entry { number, is_final, mut alert } = entry;
            alert["number"] = json!(number);
            alert["state"] = json!(state(is_final));
            writeln!(shown, "{alert}")
        } else {
            writeln!(shown, "{}", entry.row())
        };
    }
    print(shown)
}

pub(super) fn state(is_final: bool) -> &'static str {
    if is_final { "final" } else { "provisional" }
}

fn entries(arguments: &AlertsList) -> Result<Vec<Entry>, Failure> {
    let folder = arguments.journal.display();
    let mut entries = Vec::new();
    for (number, is_final, text) in logged(&arguments.journal)? {
        let alert: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::data(anyhow!("{folder}: alert {number}: {error}")))?;
        let wanted = |key: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| alert[key] == wanted.as_str())
        };
        if wanted("pattern", &arguments.pattern) && wanted("subject", &arguments.symbol) {
            entries.push(Entry { number, is_final, alert });
        }
    }
    Ok(entries)
}

impl Entry {
    fn row(&self) -> String {
        let text = |key: &str| self.alert[key].as_str().unwrap_or("").to_string();
        let at = Moment(Nanos(self.alert["raised_at"].as_u64().unwrap_or(0)));
        let who = self.alert["participants"].as_array().map_or(Vec::new(), Vec::clone);
        let who: Vec<_> = who.iter().filter_map(Value::as_str).collect();
        format!(
            "{:>6}  {:<11}  {at}  {:<7}  {:<12}  {:<8}  {:>5.1}  {:<16}  {}",
            self.number,
            state(self.is_final),
            text("pattern"),
            text("subject"),
            text("severity"),
            self.alert["score"].as_f64().unwrap_or(0.0),
            text("id"),
            who.join(", ")
        )
        .trim_end()
        .to_string()
    }
}
