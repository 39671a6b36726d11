//! `tapewatch book --check`: the book held against a vendor's rows.
//!
//! LOBSTER has a row for each message, and only messages that touch its levels: each row is held against
//! what follows from the one before by its message ([`Transition`]). MBP-10 has a row for each change of
//! the ten best levels of a feed that tells every order: the book runs freely, and each row is held
//! against it at the row's time; of several rows of one time the last counts.

mod binary;
mod rows;

use super::Tape;
use crate::failure::Failure;
use anyhow::anyhow;
use engine_book::BookView;
use engine_book::transition::{Difference, Levels, Row, Transition};
use engine_event::{Directory, Event, Kind, Nanos, Price, Quantity, Side};
use rows::{Rows, Vendor};
use serde_json::{Value, json};
use std::path::Path;

/// How many rows that differ are shown.
const SHOWN_MAX: usize = 5;

pub(super) fn run(tape: &mut Tape, symbol: &str, with: &Path, json: bool) -> Result<(), Failure> {
    let mut rows = Rows::open(with, symbol)?;
    let mut findings = Findings::default();
    match rows.vendor() {
        Vendor::Lobster => step_by_step(tape, symbol, &mut rows, &mut findings)?,
        Vendor::Mbp => at_their_times(tape, symbol, &mut rows, &mut findings)?,
    }
    tape.find(symbol)?;
    findings.print(tape, symbol, json);
    if findings.rows == 0 {
        return Err(rows.wrong("there are no rows to hold against"));
    }
    if findings.different > 0 {
        let what = anyhow!("{} of {} rows differ", findings.different, findings.rows);
        return Err(what.context(with.display().to_string()).into());
    }
    Ok(())
}

#[derive(Default)]
struct Findings {
    rows: u64,
    different: u64,
    revealed: usize,
    /// The first few that differ, by their row.
    shown: Vec<(u64, Difference)>,
    /// Decimal places of the rows' prices.
    scale: u8,
}

impl Findings {
    fn take(&mut self, row: u64, held: Result<usize, Difference>) {
        self.rows += 1;
        match held {
            Ok(revealed) => self.revealed += revealed,
            Err(difference) => {
                self.different += 1;
                if self.shown.len() < SHOWN_MAX {
                    self.shown.push((row, difference));
                }
            }
        }
    }

    fn print(&self, tape: &Tape, symbol: &str, json: bool) {
        let equal = self.rows - self.different;
        let stale = tape.find(symbol).ok().and_then(|book| book.stale());
        let price = |price: Price| engine_event::Decimal { units: price.0, scale: self.scale };
        if json {
            let level = |of: Option<(Price, Quantity)>| {
                of.map(|(at, quantity)| json!([price(at).to_string(), quantity.0]))
            };
            let shown: Vec<Value> = self
                .shown
                .iter()
                .map(|(row, found)| {
                    json!({
                        "row": row, "side": word(found.side), "level": found.level,
                        "ours": level(found.ours), "theirs": level(found.theirs),
                    })
                })
                .collect();
            let stale = stale.map(|of| json!({"since_seq": of.since_seq, "since_at": of.since_at.0, "reason": of.reason.word()}));
            let found = json!({
                "subject": symbol, "rows": self.rows, "equal": equal, "different": self.different,
                "revealed": self.revealed, "differences": shown, "stale": stale,
            });
            println!("{found}");
            return;
        }
        println!("rows        {:>12}", self.rows);
        println!("equal       {equal:>12}");
        println!("different   {:>12}", self.different);
        println!("revealed    {:>12}", self.revealed);
        let level = |of: Option<(Price, Quantity)>| match of {
            Some((at, quantity)) => format!("{} at {}", quantity.0, price(at)),
            None => "nothing".to_owned(),
        };
        for (row, Difference { side, level: place, ours, theirs }) in &self.shown {
            let (side, ours, theirs) = (word(*side), level(*ours), level(*theirs));
            println!("row {row}, {side} {}: ours {ours}, theirs {theirs}", place + 1);
        }
        if let Some(stale) = stale {
            println!(
                "by itself, the book is uncertain since event {} ({}): {}",
                stale.since_seq, stale.since_at, stale.reason
            );
        }
    }
}

fn word(side: Side) -> &'static str {
    if side == Side::Buy { "bid" } else { "ask" }
}

/// Rows of which each belongs to one message.
fn step_by_step(
    tape: &mut Tape,
    symbol: &str,
    rows: &mut Rows,
    findings: &mut Findings,
) -> Result<(), Failure> {
    findings.scale = rows::LOBSTER_SCALE;
    let mut step = None;
    let mut before: Option<Row> = None;
    let mut wrong = Ok(());
    tape.run(|event, _, tape| {
        let is_message = !matches!(event.kind(), Kind::Define | Kind::End);
        if wrong.is_err() || !is_message || !concerns(event, tape, symbol) {
            return Ok(());
        }
        let next = rows
            .next()
            .and_then(|row| row.ok_or_else(|| rows.wrong("there are fewer rows than messages")));
        match next {
            Ok(row) => {
                let step = step.get_or_insert_with(|| Transition::new(rows.levels()));
                if let Some(before) = &before {
                    findings.take(rows.line(), step.hold(before, event, &row.levels));
                }
                before = Some(row.levels);
            }
            Err(failure) => wrong = Err(failure),
        }
        Ok(())
    })?;
    wrong?;
    match rows.next()? {
        Some(_) => Err(rows.wrong("there are more rows than messages")),
        None => Ok(()),
    }
}

/// Rows that show the book at their time.
fn at_their_times(
    tape: &mut Tape,
    symbol: &str,
    rows: &mut Rows,
    findings: &mut Findings,
) -> Result<(), Failure> {
    findings.scale = rows::MBP_SCALE;
    let mut due = rows.next_time()?;
    let mut latest = Row::default();
    let mut wrong = Ok(());
    tape.run(|event, _, tape| {
        if wrong.is_err() || !concerns(event, tape, symbol) {
            return Ok(());
        }
        wrong = judge(rows, &mut due, Some(event.event_at), &latest, findings);
        latest = shown(tape, event);
        Ok(())
    })?;
    wrong?;
    judge(rows, &mut due, None, &latest, findings)
}

/// Holds every row of before `until` against the book as it was then.
fn judge(
    rows: &mut Rows,
    due: &mut Option<rows::Told>,
    until: Option<Nanos>,
    latest: &Row,
    findings: &mut Findings,
) -> Result<(), Failure> {
    while let Some(row) = due.take_if(|row| until.is_none_or(|until| row.at < until)) {
        let (ours, theirs) = (latest, &row.levels);
        // Both are whole: what one has more of the other lacks.
        let known = ours.bids.len().max(ours.asks.len()).max(rows.levels());
        let differs = ours.difference(theirs, known).or_else(|| {
            let swapped =
                |found: Difference| Difference { ours: found.theirs, theirs: found.ours, ..found };
            theirs.difference(ours, known).map(swapped)
        });
        findings.take(row.line, differs.map_or(Ok(0), Err));
        *due = rows.next_time()?;
    }
    Ok(())
}

fn concerns(event: &Event, tape: &Tape, symbol: &str) -> bool {
    tape.names.name(event.subject) == symbol
}

/// The ten best levels with the prices of rows.
fn shown(tape: &Tape, event: &Event) -> Row {
    best_levels(tape.book(event.subject), &tape.names, rows::MBP_LEVELS)
}

/// So many best levels with the prices of MBP-10.
fn best_levels(book: Option<BookView<'_>>, names: &Directory, most: usize) -> Row {
    let Some(book) = book else { return Row::default() };
    let scale = names.definition(book.subject()).map_or(rows::MBP_SCALE, |of| of.price_scale);
    let finer = 10i64.checked_pow(u32::from(rows::MBP_SCALE.saturating_sub(scale))).unwrap_or(1);
    let side = |side| -> Levels {
        let levels = book.levels(side).take(most);
        levels.map(|of| (Price(of.price.0.saturating_mul(finer)), of.quantity)).collect()
    };
    Row { bids: side(Side::Buy), asks: side(Side::Sell) }
}
