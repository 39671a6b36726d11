//! `tapewatch alerts show`: an alert's story in plain words, and the book as it was.

use super::case::{Case, Origin, Row};
use super::ladder::{Ladders, decimals, padded};
use super::list::state;
use super::told::{Link, Tested, Told};
use crate::cli::AlertsShow;
use crate::failure::Failure;
use crate::output::{Moment, Short, Thousands, print};
use engine_event::{Nanos, Quantity, Side};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt::{self, Write};
use surveillance::desk::parameters::Parameter;

pub(super) fn run(arguments: &AlertsShow) -> Result<(), Failure> {
    let origin = Origin::of(&arguments.from);
    let found = origin.find(&arguments.id)?;
    let case = Case::open(&origin, found, usize::from(arguments.levels))?;
    if arguments.json {
        let text = serde_json::to_string(&case.whole()?).map_err(anyhow::Error::from)?;
        return print(format_args!("{text}\n"));
    }
    let mut text = String::new();
    case.write(&mut text).expect("a string takes any text");
    print(text)
}

/// Rows of the story that are shown; JSON has more.
const ROWS_SHOWN: usize = 40;
/// The same where the alert names no orders, so that they are all of its people's.
const ROWS_SHOWN_OF_ALL: usize = 8;

/// A case as JSON: the alert byte for byte as it was written.
#[derive(Serialize)]
pub(super) struct Whole {
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    about: Option<&'static str>,
    alert: Box<RawValue>,
    did: Value,
    events: Value,
    events_left_out: u64,
    books: Vec<Value>,
}

impl Case {
    pub(super) fn whole(&self) -> Result<Whole, Failure> {
        let alert = RawValue::from_string(self.found.text.clone()).map_err(anyhow::Error::from)?;
        Ok(Whole {
            number: self.found.logged.map(|(number, _)| number),
            state: self.found.logged.map(|(_, is_final)| state(is_final)),
            about: surveillance::about(&self.found.alert.pattern).map(|about| about.sentence),
            alert,
            did: self.doings.json(&self.names, self.subject),
            events: self.events_json(),
            events_left_out: self.rows_left_out,
            books: self.pictures.iter().map(super::ladder::Picture::json).collect(),
        })
    }

    pub(super) fn write(&self, to: &mut String) -> fmt::Result {
        let alert = &self.found.alert;
        self.write_head(alert, to)?;
        self.write_orders(to)?;
        if !alert.conditions.0.is_empty() {
            writeln!(to, "\nwhat had to hold, and did")?;
            tested(alert, &alert.conditions.0, to)?;
        }
        if !alert.exclusions.0.is_empty() {
            writeln!(to, "\nwhat would have excused it, and did not")?;
            tested(alert, &alert.exclusions.0, to)?;
        }
        write_score(alert, to)?;
        if let Some(nearest) = &alert.counterfactual {
            let all = alert.conditions.0.iter().chain(&alert.exclusions.0);
            let own = all.clone().find(|(name, _)| *name == nearest.condition);
            let is_least = own.is_some_and(|(_, tested)| tested.at_least.is_some());
            let (over, limit) = (if is_least { "under" } else { "over" }, figure(nearest.limit));
            let (value, change) = (figure(nearest.value), signed(nearest.change));
            let change = if nearest.change == 0.0 { "just enough" } else { &*change };
            writeln!(to, "\nthe smallest change that would have prevented it")?;
            writeln!(to, "  {} {over} {limit}: it was {value}, {change}", nearest.condition)?;
        }
        self.write_books(to)
    }

    fn write_head(&self, alert: &Told, to: &mut String) -> fmt::Result {
        let Told { id, pattern, subject, venue, severity, score, episodes, .. } = alert;
        write!(to, "alert {id}")?;
        if let Some((number, is_final)) = self.found.logged {
            write!(to, ", number {number} of the log, {}", state(is_final))?;
        }
        writeln!(to)?;
        match surveillance::about(pattern) {
            Some(about) => writeln!(to, "{pattern}, {}. {}", about.title, about.sentence)?,
            None => writeln!(to, "{pattern}")?,
        }
        writeln!(to)?;
        let who = match &alert.participants[..] {
            [] => "nobody who is known".to_string(),
            all => all.join(", "),
        };
        let at = if venue.is_empty() { String::new() } else { format!(" at {venue}") };
        let moment = |nanos| Moment(Nanos(nanos));
        writeln!(to, "who       {who}")?;
        for link in &alert.links {
            let Link { account, confidence, by } = link;
            writeln!(to, "acts with {account}, as {by} found; sure to {confidence:.2}")?;
        }
        writeln!(to, "where     {subject}{at}")?;
        let (first_at, last_at) = (alert.first_event_at, alert.last_event_at);
        writeln!(to, "when      {} to {}", moment(first_at), time(last_at))?;
        let [first, last, seq] = [alert.first_seq, alert.last_seq, alert.seq].map(Thousands);
        let raised = time(alert.raised_at);
        writeln!(to, "events    {first} to {last}; raised at {raised}, with event {seq}")?;
        let times = if *episodes == 1 { "episode" } else { "episodes of the day" };
        writeln!(to, "how grave {severity}; {} of 100 points; {episodes} {times}", figure(*score))?;
        for word in &alert.degraded {
            writeln!(to, "degraded  {word}: {}", degraded(word))?;
        }
        writeln!(to, "set to    parameters {}", alert.parameters)?;
        if alert.participants.is_empty() {
            return Ok(());
        }
        let did = self.doings.text(&self.names, self.subject);
        writeln!(to, "did       {did}")
    }

    fn write_orders(&self, to: &mut String) -> fmt::Result {
        if self.rows.is_empty() {
            return Ok(());
        }
        writeln!(to, "\nwhat happened")?;
        let shown = self.rows.iter().enumerate();
        let prices = self.rows.iter().filter_map(|row| self.price(row));
        let decimals = prices.map(|price| decimals(&price)).max().unwrap_or(0);
        let are_named = !self.found.alert.orders.is_empty();
        let most = if are_named { ROWS_SHOWN } else { ROWS_SHOWN_OF_ALL };
        let (half, left_out) = (most / 2, self.rows.len().saturating_sub(most));
        for (place, row) in shown {
            if left_out > 0 && place == half {
                let more = Thousands(left_out as u64 + self.rows_left_out);
                writeln!(to, "  … {more} more (all of them with --json)")?;
            }
            if left_out == 0 || place < half || place >= half + left_out {
                self.write_row(row, decimals, to)?;
            }
        }
        Ok(())
    }

    fn write_row(&self, row: &Row, decimals: usize, to: &mut String) -> fmt::Result {
        let deed = &row.deed;
        let side = match deed.side {
            Some(Side::Buy) => "bid",
            Some(Side::Sell) => "ask",
            None => "",
        };
        let quantity = deed.quantity.map(|own| self.names.quantity(self.subject, Quantity(own)));
        let quantity = quantity.map_or(String::new(), |own| Short(own).to_string());
        let price = self.price(row).map(|price| format!(" at {}", padded(price, decimals)));
        let price = price.unwrap_or_default();
        let was = match deed.was == deed.order {
            true => String::new(),
            false => format!(", before {}", deed.was.0),
        };
        let line = format!(
            "  {:>9}  {}  {:<9}  {:<9}  {side:<3}  {quantity:>8}{price}  order {}{was}",
            Thousands(row.seq),
            time(row.at),
            row.part,
            deed.what,
            deed.order.0
        );
        writeln!(to, "{}", line.trim_end())
    }

    fn price(&self, row: &Row) -> Option<String> {
        let price = row.deed.price.get()?;
        Some(Short(self.names.price(self.subject, price)).to_string())
    }

    fn write_books(&self, to: &mut String) -> fmt::Result {
        let ladders = Ladders(&self.pictures);
        if ladders.are_empty() {
            return Ok(()); // what is measured, and not traded, has none
        }
        for (place, picture) in self.pictures.iter().enumerate() {
            let seq = picture.seq;
            let next = Thousands(seq + 1);
            match picture.when {
                "before" => write!(to, "\nthe book before event {next}, the first")?,
                "at" => write!(to, "\nthe book that event {next} met, on which it turns")?,
                "amid" => write!(to, "\nthe book in the middle, before event {next}")?,
                _ => write!(to, "\nthe book after event {}, the last", Thousands(seq))?,
            }
            match place {
                0 => writeln!(to, " ({})", ladders.legend())?,
                _ => writeln!(to)?,
            }
            ladders.draw(picture, to)?;
        }
        Ok(())
    }
}

fn write_score(alert: &Told, to: &mut String) -> fmt::Result {
    if alert.features.0.is_empty() {
        return Ok(());
    }
    writeln!(to, "\nwhat the score is made of")?;
    for (name, feature) in &alert.features.0 {
        let value = feature.value.map_or("–".to_string(), figure);
        let points = match feature.weight {
            0.0 => "no weight".to_string(),
            _ => format!("{:.1} points", feature.contribution),
        };
        let says = says(&alert.pattern, name).map_or(String::new(), |says| format!("  {says}"));
        writeln!(to, "  {name:<18} {value:>9}  {points:>11}{says}")?;
    }
    Ok(())
}

fn tested(alert: &Told, all: &[(String, Tested)], to: &mut String) -> fmt::Result {
    for (name, tested) in all {
        let value = tested.value.map_or("–".to_string(), figure);
        let limit = limit((tested.at_least, tested.at_most));
        let says = says(&alert.pattern, name).unwrap_or("");
        let spare = tested.spare().map_or(String::new(), |share| match share {
            0.0 => "just enough".to_string(),
            _ => format!("{:.0} % to spare", 100.0 * share.min(1.0)),
        });
        let line = format!("  {name:<18} {value:>9}  {limit:<16}  {spare:<14}  {says}");
        writeln!(to, "{}", line.trim_end())?;
    }
    Ok(())
}

/// `at least 5`.
pub(super) fn limit(of: (Option<f64>, Option<f64>)) -> String {
    match of {
        (Some(least), _) => format!("at least {}", figure(least)),
        (_, Some(most)) => format!("at most {}", figure(most)),
        _ => String::new(),
    }
}

/// What a condition or a feature measures: in the words of the parameter that is its limit, if it has one.
pub(super) fn says(pattern: &str, name: &str) -> Option<&'static str> {
    let parameters = surveillance::parameters_of(pattern).unwrap_or_default();
    let is_limit = |one: &&Parameter| {
        one.name.strip_prefix(name).is_some_and(|rest| ["_min", "_max"].contains(&rest))
    };
    let own = parameters.iter().find(is_limit).map(|one| one.about.trim());
    surveillance::about_condition(name).or(own)
}

fn degraded(word: &str) -> &'static str {
    match word {
        "identity" => "the owner of the orders is not known",
        "book" => "the book is uncertain: something is missing or contradictory",
        "gap" => "messages are missing within the evidence",
        "memory" => "something was forgotten that would have been needed",
        "clock" => "what came first cannot be told: the clocks differ by too much",
        "links" => "those who act are joined by inference alone",
        _ => "it is less than certain",
    }
}

/// The time of day.
pub(super) fn time(nanos: u64) -> String {
    Moment(Nanos(nanos)).to_string().split_off("2024-01-02 ".len())
}

/// A number with four digits that count, or all of the whole ones.
pub(super) fn figure(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value:.0}").replace("-0", "0");
    }
    let decimals = (3.0 - value.abs().log10().floor()).clamp(0.0, 8.0) as usize;
    let text = format!("{value:.decimals$}");
    if decimals == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// The same with its sign.
fn signed(value: f64) -> String {
    if value < 0.0 { format!("−{}", figure(-value)) } else { format!("+{}", figure(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_count() {
        let shown = [33.333_333, 0.2, 1.0, 0.0, -0.0, 123_456.7, 0.000_123_4, -2.5].map(figure);
        assert_eq!(shown, ["33.33", "0.2", "1", "0", "0", "123457", "0.0001234", "-2.5"]);
        assert_eq!([signed(-0.33), signed(1.0)], ["−0.33", "+1"]);
        assert_eq!(figure(f64::INFINITY), "inf");
    }

    #[test]
    fn a_condition_is_told_in_the_words_of_its_limit() {
        let says = |name| says("P01", name);
        assert_eq!(says("executed_share"), Some("How much of them trades."));
        assert_eq!(says("episodes"), Some("Episodes of the day."));
        assert_eq!(says("nothing"), None);
    }
}
