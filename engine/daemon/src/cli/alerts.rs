//! `tapewatch alerts …`.

use super::Input;
use clap::{Args, Subcommand};
use engine_event::Nanos;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Alerts {
    /// Lists alerts in the order in which they were raised: final ones, and those whose events were not
    /// durable when the run broke off
    List(AlertsList),
    /// Tells an alert's story: who, what, which orders, what held by how much, and the book before, at and after
    Show(AlertsShow),
    /// Finds an alert again from its events and compares it byte for byte with the log; exit 1 if it differs
    Replay(AlertsReplay),
    /// Why not? Names what was nearest to an alert about somebody at some time, and the condition that failed
    Explain(AlertsExplain),
    /// Writes an alert's whole case into a file: evidence, books, configuration, the journal's hashes
    Export(AlertsExport),
}

#[derive(Args)]
pub(crate) struct AlertsList {
    /// The journal's folder
    pub(crate) journal: PathBuf,
    /// Only this pattern (P06)
    #[arg(long)]
    pub(crate) pattern: Option<String>,
    /// Only this subject
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// Print each alert as a line of JSON, as a sink has it, with its number and state
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where an alert is told, and the events that it rests on.
#[derive(Args)]
pub(crate) struct AlertsFrom {
    /// The journal's folder
    #[arg(required_unless_present = "findings", conflicts_with = "findings")]
    pub(crate) journal: Option<PathBuf>,
    /// Without a journal: the file of findings, as a sink or `replay --findings` has written it
    #[arg(long, value_name = "FILE", requires = "files")]
    pub(crate) findings: Option<PathBuf>,
    /// And the files that it was found in, in the order of that replay
    #[arg(long = "input", value_name = "FILE", num_args = 1.., requires = "findings")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) input: Input,
}

#[derive(Args)]
pub(crate) struct AlertsShow {
    /// The alert's id, or as much of its beginning as says which
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) from: AlertsFrom,
    /// How many levels of each side
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) levels: u16,
    /// Print alert, events and books as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct AlertsReplay {
    /// The alert's id, or as much of its beginning as says which
    pub(crate) id: String,
    /// The journal's folder
    pub(crate) journal: PathBuf,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct AlertsExplain {
    /// In which subject
    #[arg(long)]
    pub(crate) subject: String,
    /// About whom
    #[arg(long)]
    pub(crate) participant: String,
    /// When: nanoseconds since the epoch, or 2012-06-21T09:30:00.5
    #[arg(long, value_name = "TIME", value_parser = crate::wiring::parse_time)]
    pub(crate) at: Nanos,
    /// How long before and after
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = parse_span)]
    pub(crate) within: Nanos,
    /// A journal's folder, or files, merged by event time
    #[arg(required = true, value_name = "JOURNAL|FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) input: Input,
    /// Patterns and thresholds of this configuration [default: a journal's own, else the usual ones]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the answer as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct AlertsExport {
    /// The alert's id, or as much of its beginning as says which
    pub(crate) id: String,
    /// The journal's folder
    pub(crate) journal: PathBuf,
    /// The file to write: JSON, or Markdown for a report
    #[arg(long, value_name = "FILE.json|FILE.md")]
    pub(crate) out: PathBuf,
}

/// `60s`, `500ms`, `2m`, `1h`.
fn parse_span(text: &str) -> Result<Nanos, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1_000_000,
        "s" | "" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => 0,
    };
    let span = digits.parse().ok().and_then(|count: u64| count.checked_mul(unit));
    let span = span.filter(|span| (1..=86_400_000_000_000).contains(span)).map(Nanos);
    span.ok_or_else(|| "a span is written 60s, 500ms, 2m or 1h, up to 24h".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_its_unit() {
        let spans = ["60s", "500ms", "2m", "24h", "7"].map(parse_span);
        let nanos =
            [60_000_000_000, 500_000_000, 120_000_000_000, 86_400_000_000_000, 7_000_000_000];
        assert_eq!(spans, nanos.map(|nanos| Ok(Nanos(nanos))));
        for wrong in ["", "s", "0s", "25h", "5 s", "-5s", "1d", "99999999999999999999s"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }
}
