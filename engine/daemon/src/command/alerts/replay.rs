//! `tapewatch alerts replay`: the same events, the same configuration; is it the same alert, byte for byte?

use super::recorded::Recorded;
use super::rerun::Rerun;
use super::told::Found;
use crate::cli::AlertsReplay;
use crate::failure::Failure;
use crate::output::{Thousands, print};
use anyhow::anyhow;
use serde_json::json;
use std::time::Instant;

pub(super) fn run(arguments: &AlertsReplay) -> Result<(), Failure> {
    let AlertsReplay { id, journal, json } = arguments;
    let found = Found::in_journal(journal, id)?;
    let begun = Instant::now();
    let (id, seq, first) = (&found.alert.id, found.alert.seq, found.alert.first_seq);
    let recorded = Recorded::of(journal, seq)?;
    let before = first.clamp(1, seq);
    let mut rerun = Rerun::of(journal, &recorded, &found.alert.subject, (before, seq))?;
    let again = rerun.alerts_of(seq)?;
    let difference = difference(&found.text, &again, id);
    let (after, bytes, seconds) = (rerun.after, found.text.len(), begun.elapsed().as_secs_f64());
    let events = Thousands(seq - after);
    if *json {
        print(format_args!(
            "{}\n",
            json!({
                "id": id, "same": difference.is_none(), "bytes": bytes, "difference": difference,
                "after": after, "seq": seq, "seconds": seconds,
            })
        ))?;
    } else if difference.is_none() {
        let whence = if after > 0 {
            format!("the checkpoint behind event {after}")
        } else {
            "the beginning".into()
        };
        print(format_args!(
            "same, {bytes} bytes: {events} events from {whence}, {seconds:.2} s\n"
        ))?;
    }
    match difference {
        None => Ok(()),
        Some(what) => Err(anyhow!("alert {id}: {what}").into()),
    }
}

/// Where what was found again is otherwise than the log has it.
fn difference(logged: &str, again: &[String], id: &str) -> Option<String> {
    if again.iter().any(|text| text == logged) {
        return None;
    }
    // What has its id, else what is like it for longest.
    let own = format!("\"id\":\"{id}\"");
    let common = |text: &str| {
        logged.bytes().zip(text.bytes()).take_while(|(one, other)| one == other).count()
    };
    let Some(nearest) = again.iter().max_by_key(|text| (text.contains(&own), common(text))) else {
        return Some("is not found again".to_string());
    };
    let at = common(nearest);
    Some(format!(
        "differs from byte {at} on: the log has {}, found again {}",
        around(logged, at),
        around(nearest, at)
    ))
}

/// A few characters before and behind a place.
fn around(text: &str, at: usize) -> String {
    let bytes = text.as_bytes();
    let part = &bytes[at.saturating_sub(24).min(bytes.len())..(at + 24).min(bytes.len())];
    format!("…{}…", String::from_utf8_lossy(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(again: &[&str], expected: Option<&str>) {
        let logged = "{\"kind\":\"alert\",\"pattern\":\"P01\",\"id\":\"00ab\",\"score\":63.5}";
        let again: Vec<_> = again.iter().map(ToString::to_string).collect();
        assert_eq!(difference(logged, &again, "00ab").as_deref(), expected);
    }

    #[test]
    fn the_first_byte_that_differs_is_shown_with_what_stands_around_it() {
        let same = "{\"kind\":\"alert\",\"pattern\":\"P01\",\"id\":\"00ab\",\"score\":63.5}";
        let other = "{\"kind\":\"alert\",\"pattern\":\"P01\",\"id\":\"00ab\",\"score\":64.5}";
        let unrelated = "{\"kind\":\"alert\",\"pattern\":\"P06\",\"id\":\"77cd\",\"score\":63.5}";
        check(&[unrelated, same], None);
        check(&[], Some("is not found again"));
        check(
            &[unrelated, other],
            Some(
                "differs from byte 55 on: the log has …\"id\":\"00ab\",\"score\":63.5}…, found again …\"id\":\"00ab\",\"score\":64.5}…",
            ),
        );
    }
}
