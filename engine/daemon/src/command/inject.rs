//! `tapewatch inject`: labelled abuse woven into a flow of orders.

use super::Batch;
use crate::cli::Input as Reading;
use crate::failure::Failure;
use crate::input::{Input, Numbers};
use crate::output::{Thousands, print, tell};
use crate::session::check_flags;
use anyhow::{Context, anyhow};
use clap::Args;
use engine_event::{Directory, Event, FaultCounts, Kind, Nanos};
use engine_pipeline::{Feed, FeedTurn};
use feeds::codec::tape::Writer;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use surveillance_proof::{Class, Label, Settings, Survey, Weaver, Woven, scenario};

#[derive(Args)]
pub(crate) struct Inject {
    /// What to weave into: anything that `replay` takes and that tells orders
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) input: Reading,
    /// Which patterns (P01,P06), or all that there are
    #[arg(long, value_delimiter = ',', required = true, value_name = "P01,P06|all")]
    pub(crate) patterns: Vec<String>,
    /// How many campaigns of each pattern and severity
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) positives: u32,
    /// How many campaigns of each class of near misses
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) near_misses: u32,
    /// Shares of the quantities that define a pattern
    #[arg(long, value_delimiter = ',', default_value = "1.0", value_parser = parse_severity)]
    pub(crate) severity: Vec<f64>,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many background accounts a flow without names gets
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub(crate) accounts: u32,
    /// The flow's time runs so many times faster; the campaigns' does not
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) density: u32,
    /// Campaigns begin at this time or later: nanoseconds since the epoch, or 2012-06-21T09:30:00.5
    #[arg(long, value_name = "TIME", value_parser = crate::wiring::parse_time)]
    pub(crate) from: Option<Nanos>,
    /// Campaigns begin before this time
    #[arg(long, value_name = "TIME", value_parser = crate::wiring::parse_time)]
    pub(crate) to: Option<Nanos>,
    /// Campaigns may go on side by side in an instrument
    #[arg(long)]
    pub(crate) overlap: bool,
    /// The tape to write
    #[arg(long, value_name = "TAPE")]
    pub(crate) out: PathBuf,
    /// The labels to write, a JSON object a line
    #[arg(long, value_name = "OUT.jsonl")]
    pub(crate) labels: PathBuf,
    /// Print what was woven as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_severity(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| *share > 0.0 && *share <= 4.0);
    share.ok_or_else(|| "a severity is a number above 0, 1.0 for a plain case".to_string())
}

pub(crate) fn run(arguments: &Inject) -> Result<(), Failure> {
    if arguments.file.as_os_str() == "-" {
        return Err(Failure::usage(anyhow!("FILE: it is read twice, so it must be a file")));
    }
    // The first look gives the names their numbers; the second finds them there.
    let mut names = Directory::new(1 << 20);
    let mut survey = Survey::default();
    read(arguments, &mut names, |event, _| {
        survey.see(event);
        Ok(())
    })?;
    let (survey, settings) = (survey.finish(), settings(arguments));
    let wrong = |error| Failure::data(anyhow!("{}: {error}", arguments.file.display()));
    let mut weaver = Weaver::new(settings, survey, &mut names).map_err(|error| match error {
        surveillance_proof::WeaveError::UnknownPattern(_) => {
            Failure::usage(anyhow!("--patterns: {error}"))
        }
        other => wrong(other),
    })?;
    let mut tape = Lines::create(&arguments.out)?;
    let mut out = Vec::new();
    read(arguments, &mut names, |event, names| {
        weaver.take(event, &mut out).map_err(wrong)?;
        tape.write(&mut out, names)
    })?;
    let woven = weaver.finish(&names, &mut out);
    tape.write(&mut out, &names)?;
    tape.finish()?;
    write_labels(&arguments.labels, &woven.labels)?;
    let told = if arguments.json { format!("{}\n", as_json(&woven)) } else { as_text(&woven) };
    if arguments.json {
        print(told)
    } else {
        tell(told);
        Ok(())
    }
}

fn settings(arguments: &Inject) -> Settings {
    let all = arguments.patterns.iter().any(|pattern| pattern == "all");
    let known = || scenario::patterns().into_iter().map(str::to_owned).collect();
    Settings {
        patterns: if all { known() } else { arguments.patterns.clone() },
        positives: arguments.positives,
        near_misses: arguments.near_misses,
        severities: arguments.severity.clone(),
        seed: arguments.seed,
        accounts: arguments.accounts,
        density: arguments.density,
        from: arguments.from.unwrap_or_default(),
        to: arguments.to.unwrap_or(Nanos::END),
        overlap: arguments.overlap,
    }
}

/// Reads all of the input.
fn read(
    arguments: &Inject,
    names: &mut Directory,
    mut each: impl FnMut(&Event, &Directory) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let options = super::replay::options(&arguments.input);
    let mut feed = Input::open(&arguments.file, &options, Numbers::default())?;
    check_flags(&options, feed.format().as_slice())?;
    let mut events = Vec::with_capacity(512);
    loop {
        events.clear();
        let turn = feed.poll(Nanos(0), names, &mut Batch::of(&mut events, 512))?;
        for event in &events {
            each(event, names)?;
        }
        if turn == FeedTurn::Ended {
            return Ok(());
        }
    }
}

/// The tape that is written.
struct Lines {
    writer: Writer<BufWriter<File>>,
    path: PathBuf,
}

impl Lines {
    fn create(path: &Path) -> Result<Self, Failure> {
        let name = || path.display().to_string();
        let file = File::create(path).with_context(name)?;
        let writer = Writer::new(BufWriter::with_capacity(1 << 20, file)).with_context(name)?;
        Ok(Self { writer, path: path.to_owned() })
    }

    /// Writes the events and forgets them.
    fn write(&mut self, events: &mut Vec<Event>, names: &Directory) -> Result<(), Failure> {
        for event in events.drain(..).filter(|event| event.kind() != Kind::Define) {
            let written = self.writer.event(&event, names);
            written.with_context(|| self.path.display().to_string())?;
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        let finished = self.writer.finish();
        finished.map(drop).with_context(|| self.path.display().to_string())?;
        Ok(())
    }
}

fn write_labels(path: &Path, labels: &[Label]) -> Result<(), Failure> {
    let written = File::create(path).and_then(|file| {
        let mut out = BufWriter::new(file);
        for label in labels {
            writeln!(out, "{}", label_json(label))?;
        }
        out.flush()
    });
    written.with_context(|| path.display().to_string())?;
    Ok(())
}

fn label_json(label: &Label) -> Value {
    let times: Vec<u64> = label.decided_at.iter().map(|at| at.0).collect();
    json!({
        "label": label.label,
        "pattern": label.pattern,
        "class": label.class.word(),
        "case": label.case,
        "severity": label.severity,
        "subject": label.subject,
        "venue": label.venue,
        "participants": label.participants,
        "episodes": label.episodes,
        "first_at": label.first_at.0,
        "last_at": label.last_at.0,
        "decided_at": times,
        "seed": label.seed,
    })
}

fn faults(counts: &FaultCounts) -> Value {
    let each = counts.iter().map(|(fault, count)| (fault.word().to_owned(), json!(count)));
    Value::Object(each.collect())
}

fn count(woven: &Woven, class: Class) -> usize {
    woven.labels.iter().filter(|label| label.class == class).count()
}

fn as_json(woven: &Woven) -> Value {
    let counts = woven.counts;
    json!({
        "asked": woven.asked,
        "positives": count(woven, Class::Positive),
        "near_misses": count(woven, Class::NearMiss),
        "void": count(woven, Class::Void),
        "events": {
            "kept": counts.kept,
            "changed": counts.changed,
            "dropped": counts.dropped,
            "injected": counts.injected,
            "not_on_tape": counts.untold,
        },
        "faults": faults(&woven.faults),
        "faults_of_input": faults(&woven.base_faults),
    })
}

fn as_text(woven: &Woven) -> String {
    let counts = woven.counts;
    format!(
        "tapewatch: {} positives and {} near misses of {} campaigns asked for, {} void; {} events \
         kept, {} changed, {} dropped, {} injected\n",
        count(woven, Class::Positive),
        count(woven, Class::NearMiss),
        woven.asked,
        count(woven, Class::Void),
        Thousands(counts.kept),
        Thousands(counts.changed),
        Thousands(counts.dropped),
        Thousands(counts.injected),
    )
}
