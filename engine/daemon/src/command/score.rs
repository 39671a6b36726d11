//! `tapewatch score`: alerts held against the labels of what was injected.

mod sweep;

use super::Batch;
use crate::failure::Failure;
use crate::input::{Input, Numbers};
use crate::output::print;
use anyhow::{Context, anyhow};
use clap::Args;
use engine_event::{Directory, Kind, Nanos};
use engine_pipeline::{Feed, FeedTurn};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use surveillance_proof::score::{self, Background, Delay, Figures, Range, Report, Settings, Share};
use surveillance_proof::{Class, Label};

#[derive(Args)]
pub(crate) struct Score {
    /// Alerts, as `replay --findings` writes them; signals among them are passed over
    #[arg(long, value_name = "A.jsonl", required_unless_present = "sweep")]
    pub(crate) alerts: Option<PathBuf>,
    /// Instead, find them on the tape with each of these values: what a change would gain and lose, alert by
    /// alert. May be given several times
    #[arg(long, value_name = "P01.PARAMETER=A,B", requires = "tape", conflicts_with = "alerts", value_parser = sweep::parse)]
    pub(crate) sweep: Vec<sweep::Asked>,
    /// The present parameters of a sweep are those of this configuration
    #[arg(long, value_name = "FILE", requires = "sweep")]
    pub(crate) config: Option<PathBuf>,
    /// Labels, as `inject --labels` writes them
    #[arg(long, value_name = "L.jsonl")]
    pub(crate) labels: PathBuf,
    /// How many order events the tape has, to which the background is related
    #[arg(long, conflicts_with = "tape")]
    pub(crate) events: Option<u64>,
    /// Count them on this tape
    #[arg(long, value_name = "TAPE")]
    pub(crate) tape: Option<PathBuf>,
    /// Seconds after a campaign in which an alert still finds it; some patterns have more
    #[arg(long, default_value_t = 60)]
    pub(crate) grace_s: u64,
    /// How often everything is resampled for the intervals
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) bootstrap: u32,
    /// What the resampling follows from
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print everything as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Score) -> Result<(), Failure> {
    let Some(alerts) = &arguments.alerts else { return sweep::run(arguments) };
    let found: Vec<Option<score::Alert>> = lines(alerts, |line: FindingLine| {
        if line.kind != "alert" {
            return Ok(None);
        }
        let pattern = line.pattern.ok_or("an alert without a pattern")?;
        let raised_at = line.raised_at.ok_or("an alert without raised_at")?;
        Ok(Some(score::Alert {
            id: line.id.unwrap_or_default(),
            pattern,
            subject: line.subject.ok_or("an alert without a subject")?,
            participants: line.participants.unwrap_or_default(),
            first_at: Nanos(line.first_event_at.unwrap_or(raised_at)),
            raised_at: Nanos(raised_at),
            severity: line.severity.unwrap_or_default(),
            episodes: line.episodes.unwrap_or(1),
        }))
    })?;
    let alerts: Vec<score::Alert> = found.into_iter().flatten().collect();
    let labels = lines(&arguments.labels, LabelLine::into_label)?;
    let events = match &arguments.tape {
        Some(tape) => Some(order_events(tape)?),
        None => arguments.events,
    };
    let settings = Settings {
        events,
        grace_s: arguments.grace_s,
        bootstrap: arguments.bootstrap,
        seed: arguments.seed,
    };
    let report = score::score(&alerts, &labels, &settings);
    let told = if arguments.json {
        format!("{}\n", as_json(&report, events))
    } else {
        as_text(&report, events)
    };
    print(told)
}

/// What a line of findings must have to be looked at.
#[derive(Deserialize)]
struct FindingLine {
    kind: String,
    pattern: Option<String>,
    id: Option<String>,
    subject: Option<String>,
    participants: Option<Vec<String>>,
    first_event_at: Option<u64>,
    raised_at: Option<u64>,
    severity: Option<String>,
    episodes: Option<u64>,
}

#[derive(Deserialize)]
struct LabelLine {
    label: String,
    pattern: String,
    class: String,
    case: String,
    severity: f64,
    subject: String,
    #[serde(default)]
    venue: String,
    participants: Vec<String>,
    episodes: u32,
    first_at: u64,
    last_at: u64,
    decided_at: Vec<u64>,
    #[serde(default)]
    seed: u64,
}

impl LabelLine {
    fn into_label(self) -> Result<Label, &'static str> {
        let class = Class::from_word(&self.class);
        if self.last_at < self.first_at {
            return Err("last_at is before first_at");
        }
        Ok(Label {
            label: self.label,
            pattern: self.pattern,
            class: class.ok_or("the class is none of positive, near_miss, void")?,
            case: self.case,
            severity: self.severity,
            subject: self.subject,
            venue: self.venue,
            participants: self.participants,
            episodes: self.episodes,
            first_at: Nanos(self.first_at),
            last_at: Nanos(self.last_at),
            decided_at: self.decided_at.into_iter().map(Nanos).collect(),
            seed: self.seed,
        })
    }
}

/// A file of JSON lines, each made into something.
fn lines<L: DeserializeOwned, T>(
    path: &Path,
    make: impl Fn(L) -> Result<T, &'static str>,
) -> Result<Vec<T>, Failure> {
    let name = || path.display().to_string();
    let file = BufReader::new(File::open(path).with_context(name)?);
    let mut all = Vec::new();
    for (number, line) in file.lines().enumerate() {
        let line = line.with_context(name)?;
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |what: &dyn std::fmt::Display| {
            Failure::data(anyhow!("{}: line {}: {what}", path.display(), number + 1))
        };
        let read = serde_json::from_str(&line).map_err(|error| wrong(&error))?;
        all.push(make(read).map_err(|what| wrong(&what))?);
    }
    Ok(all)
}

/// How many events about orders a tape has.
fn order_events(path: &Path) -> Result<u64, Failure> {
    let mut feed = Input::open(path, &feeds::Options::default(), Numbers::default())?;
    let (mut names, mut events, mut count) = (Directory::new(1 << 20), Vec::new(), 0);
    loop {
        events.clear();
        let turn = feed.poll(Nanos(0), &mut names, &mut Batch::of(&mut events, 512))?;
        let is_order = |kind: Kind| {
            use Kind::{Add, Delete, Execute, Modify, Reduce, Replace};
            matches!(kind, Add | Modify | Reduce | Delete | Replace | Execute)
        };
        count += events.iter().filter(|event| is_order(event.kind())).count() as u64;
        if turn == FeedTurn::Ended {
            return Ok(count);
        }
    }
}

fn as_json(report: &Report, events: Option<u64>) -> Value {
    let range = |range: Option<Range>| range.map(|of| json!([of.low, of.high]));
    let share = |of: &Share| json!({ "hits": of.hits, "of": of.of, "share": of.value(), "range": range(of.range) });
    let named = |shares: &[(String, Share)]| {
        let each = shares.iter().map(|(name, of)| (name.clone(), share(of)));
        Value::Object(each.collect())
    };
    let rate = |of: Option<(f64, Range)>| {
        of.map(|(rate, at)| json!({ "rate": rate, "range": range(Some(at)) }))
    };
    let figures = |of: &Figures| {
        let by_severity = of.by_severity.iter();
        let by_severity: Map<String, Value> =
            by_severity.map(|(severity, of)| (severity.to_string(), share(of))).collect();
        let Background { alerts, escalated, per_10_000, escalated_per_10_000 } = of.background;
        let delay = of.delay.map(|Delay { median, p95, max, range: at }| {
            json!({ "median": median, "p95": p95, "max": max, "median_range": range(Some(at)) })
        });
        json!({
            "pattern": of.pattern,
            "recall": share(&of.recall),
            "by_severity": by_severity,
            "by_case": named(&of.by_case),
            "precision": share(&of.precision),
            "near_misses": named(&of.near_misses),
            "background": {
                "alerts": alerts,
                "escalated": escalated,
                "per_10000": rate(per_10_000),
                "escalated_per_10000": rate(escalated_per_10_000),
            },
            "delay_ns": delay,
            "missed": of.missed,
            "fired": of.fired,
        })
    };
    let cross = report.cross_fire.iter().map(|(alert, pattern, case, count)| {
        json!({ "alert": alert, "pattern": pattern, "case": case, "count": count })
    });
    json!({
        "alerts": report.alerts,
        "labels": report.labels,
        "void": report.void,
        "order_events": events,
        "patterns": report.patterns.iter().map(figures).collect::<Vec<_>>(),
        "cross_fire": cross.collect::<Vec<_>>(),
    })
}

/// `0.950 [0.90, 0.98] 57/60`
fn told(of: &Share) -> String {
    let Some(value) = of.value() else { return "–".into() };
    let range = of.range.map(|Range { low, high }| format!(" [{low:.2}, {high:.2}]"));
    format!("{value:.3}{} {}/{}", range.unwrap_or_default(), of.hits, of.of)
}

fn seconds(nanos: i64) -> String {
    format!("{:.3} s", nanos as f64 / 1e9)
}

fn as_text(report: &Report, events: Option<u64>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<34} {value}");
    };
    let (alerts, labels, void) = (report.alerts, report.labels, report.void);
    let events = events.map_or(String::new(), |events| format!(", {events} order events"));
    let head = format!("{alerts} alerts, {labels} labels ({void} void){events}");
    line("held against each other", &head);
    for of in &report.patterns {
        line(&of.pattern, "");
        line("  recall", &told(&of.recall));
        for (severity, share) in &of.by_severity {
            line(&format!("    severity {severity}"), &told(share));
        }
        for (case, share) in &of.by_case {
            line(&format!("    {case}"), &told(share));
        }
        line("  precision", &told(&of.precision));
        for (case, share) in &of.near_misses {
            line(&format!("  fired: {case}"), &told(share));
        }
        let Background { alerts, escalated, per_10_000, escalated_per_10_000 } = of.background;
        let rate = |count: u64, rate: Option<(f64, Range)>| match rate {
            Some((rate, Range { low, high })) => {
                format!("{count}: {rate:.3} [{low:.3}, {high:.3}] per 10,000 order events")
            }
            None => count.to_string(),
        };
        line("  background", &rate(alerts, per_10_000));
        line("  background, escalated", &rate(escalated, escalated_per_10_000));
        if let Some(Delay { median, p95, max, .. }) = of.delay {
            let each = [median, p95, max].map(seconds);
            line("  delay: median, p95, max", &each.join(", "));
        }
    }
    for (alert, pattern, case, count) in &report.cross_fire {
        line("cross-fire", &format!("{count} alerts of {alert} about {pattern} {case}"));
    }
    text
}
