//! `tapewatch latency`: what interval logs tell about latencies, as a table, as bars, as a picture, and
//! one log beside another.

use crate::cli::Latency;
use crate::failure::Failure;
use crate::hlog::{Log, Stage, Window};
use crate::output::{Moment, Thousands, print, tell};
use crate::plot;
use crate::remote;
use crate::terminal::{Canvas, bars};
use anyhow::anyhow;
use engine_event::Nanos;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The percentiles that are told, and how many values it takes to have them.
const PERCENTILES: [(&str, f64, u64); 5] = [
    ("p50", 0.5, 1),
    ("p90", 0.9, 10),
    ("p99", 0.99, 100),
    ("p99.9", 0.999, 1000),
    ("p99.99", 0.9999, 10_000),
];

pub(crate) fn run(arguments: &Latency) -> Result<(), Failure> {
    let Latency { from, to, unit, .. } = *arguments;
    let window = Window { from: from.unwrap_or(0.0), to: to.unwrap_or(f64::INFINITY) };
    if window.from >= window.to {
        return Err(Failure::usage(anyhow!("--to is not after --from")));
    }
    if let Some(path) = arguments.plot.as_deref().filter(|path| plot::Kind::of(path).is_none()) {
        let path = path.display();
        return Err(Failure::usage(anyhow!("--plot: {path}: a picture is .svg or .png")));
    }
    let mut logs = Vec::new();
    for path in &arguments.files {
        logs.push(Log::open(path, window)?);
    }
    if let Some(url) = &arguments.url {
        let text = remote::fetch(url, "/latency?hlog")?;
        logs.push(Log::read(text.as_slice(), url, window)?);
    }
    choose(&mut logs, &arguments.stages)?;
    if let Some(path) = &arguments.plot {
        let lines = lines(&logs)?;
        plot::write(path, "Latency by percentile", &lines, unit.nanos())?;
        tell(format_args!("tapewatch: {} is written\n", path.display()));
    }
    let told = Told { logs: &logs, unit: unit.nanos(), canvas: Canvas::of_stdout() };
    if arguments.json {
        return print(format_args!("{}\n", told.json()));
    }
    print(match &logs[..] {
        [one, other] => told.headings() + &told.comparison(one, other),
        _ => told.tables(arguments.table),
    })
}

/// Leaves only the stages that are asked for.
fn choose(logs: &mut [Log], wanted: &[String]) -> Result<(), Failure> {
    for name in wanted {
        if logs.iter().all(|log| log.stage(name).is_none()) {
            let mut there: Vec<_> =
                logs.iter().flat_map(|log| &log.stages).map(|stage| stage.name.as_str()).collect();
            there.sort_unstable();
            there.dedup();
            let there = there.join(", ");
            return Err(Failure::usage(anyhow!("--stage: there is no {name}, only {there}")));
        }
    }
    for log in logs.iter_mut().filter(|_| !wanted.is_empty()) {
        log.stages.retain(|stage| wanted.contains(&stage.name));
    }
    Ok(())
}

/// The lines of the picture: a colour a stage, a stroke a log.
fn lines(logs: &[Log]) -> Result<Vec<plot::Line<'_>>, Failure> {
    let mut names: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for (number, log) in logs.iter().enumerate() {
        for stage in log.stages.iter().filter(|stage| !stage.histogram.is_empty()) {
            let known = names.iter().position(|name| *name == stage.name);
            let colour = known.unwrap_or_else(|| {
                names.push(&stage.name);
                names.len() - 1
            });
            let name = match logs.len() {
                1 => stage.name.clone(),
                _ => format!("{}: {}", log.name, stage.name),
            };
            lines.push(plot::Line { name, histogram: &stage.histogram, colour, thin: number > 0 });
        }
    }
    match lines.len() {
        0 => Err(anyhow!("--plot: all histograms are empty").into()),
        many if many > plot::LINES_MAX => {
            let most = plot::LINES_MAX;
            Err(Failure::usage(anyhow!(
                "--plot: {many} lines cannot be told apart, choose up to {most} by --stage"
            )))
        }
        _ => Ok(lines),
    }
}

struct Told<'a> {
    logs: &'a [Log],
    unit: u64,
    canvas: Canvas,
}

impl Told<'_> {
    fn nanos(&self, value: u64) -> u64 {
        value.saturating_mul(self.unit)
    }

    /// The value at a quantile, in nanoseconds. It is never beyond the largest.
    fn value(&self, of: &Histogram<u64>, quantile: f64) -> u64 {
        self.nanos(of.value_at_quantile(quantile).min(of.max()))
    }

    fn headings(&self) -> String {
        let mut text = String::new();
        for log in self.logs {
            let began = Moment(Nanos((log.began_at.max(0.0) * 1e9) as u64)).to_string();
            let began = began.get(..19).unwrap_or(&began);
            let (from, to) = log.covers;
            let of = if log.selected == log.intervals {
                format!("{} intervals", Thousands(log.intervals))
            } else {
                format!("{} of {} intervals", Thousands(log.selected), Thousands(log.intervals))
            };
            let name = &log.name;
            put(
                &mut text,
                format_args!("{name}: {of}, {from:.1} s to {to:.1} s after {began} UTC\n"),
            );
        }
        text
    }

    fn tables(&self, only_table: bool) -> String {
        let mut text = String::new();
        for (number, log) in self.logs.iter().enumerate() {
            if number > 0 {
                text.push('\n');
            }
            let alone = Told { logs: std::slice::from_ref(log), ..*self };
            text += &alone.headings();
            text += "\n  latency in ns\n";
            let width = width(log.stages.iter());
            let columns = alone.columns();
            heads(&mut text, width, columns);
            for stage in &log.stages {
                let name = &stage.name;
                put(
                    &mut text,
                    format_args!("  {name:<width$}{}\n", self.row(&stage.histogram, columns)),
                );
            }
            let shown = log.stages.iter().filter(|of| !of.histogram.is_empty() && !only_table);
            for stage in shown {
                put(&mut text, format_args!("\n  {}\n", stage.name));
                text += &bars(&stage.histogram, self.unit, self.canvas);
            }
        }
        text
    }

    /// How wide a column of numbers is.
    fn columns(&self) -> usize {
        let stages = self.logs.iter().flat_map(|log| &log.stages);
        let largest = stages.map(|stage| self.nanos(stage.histogram.max())).max();
        (Thousands(largest.unwrap_or(0)).to_string().len() + 2).max(12)
    }

    /// Count, percentiles and maximum. A percentile that so few values cannot have is not shown: it
    /// would only be the maximum.
    fn row(&self, of: &Histogram<u64>, columns: usize) -> String {
        let mut row = format!("{:>13}", Thousands(of.len()));
        let percentiles = PERCENTILES.map(|(_, at, least)| (self.value(of, at), least));
        for (value, least) in percentiles.into_iter().chain([(self.nanos(of.max()), 1)]) {
            match of.len() >= least {
                true => put(&mut row, format_args!("{:>columns$}", Thousands(value))),
                false => put(&mut row, format_args!("{:>columns$}", "-")),
            }
        }
        row
    }

    /// Two logs, stage by stage, and how many times slower the second one is.
    fn comparison(&self, one: &Log, other: &Log) -> String {
        let mut text =
            "\n  latency in ns: the first log, the second, and the second by the first\n".into();
        let names = stage_names(self.logs);
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(12);
        let columns = self.columns();
        heads(&mut text, width, columns);
        for name in names {
            let both = [one.stage(name), other.stage(name)];
            for (number, stage) in both.iter().enumerate() {
                let name = if number == 0 { name } else { "" };
                match stage {
                    Some(stage) => {
                        let row = self.row(&stage.histogram, columns);
                        put(&mut text, format_args!("  {name:<width$}{row}\n"));
                    }
                    None => put(&mut text, format_args!("  {name:<width$}{:>13}\n", "-")),
                }
            }
            let [Some(one), Some(other)] = both else { continue };
            put(&mut text, format_args!("  {:<width$}{:>13}", "", ""));
            for ratio in self.ratios(one, other) {
                let told = ratio.map_or("-".to_string(), |ratio| format!("×{ratio:.2}"));
                let told = format!("{told:>columns$}");
                let told = if self.canvas.unicode { told } else { told.replace('×', "x") };
                text += &match ratio {
                    Some(ratio) if ratio > 1.05 => self.canvas.paint(31, &told),
                    Some(ratio) if ratio < 0.95 => self.canvas.paint(32, &told),
                    _ => told,
                };
            }
            text.push('\n');
        }
        text
    }

    /// By percentile, and of the maximum at last; none where one of them has none.
    fn ratios(&self, one: &Stage, other: &Stage) -> Vec<Option<f64>> {
        let (one, other) = (&one.histogram, &other.histogram);
        let ratio = |of: u64, by: u64| (by > 0).then(|| of as f64 / by as f64);
        let percentile = |&(_, quantile, least): &(&str, f64, u64)| {
            let enough = one.len().min(other.len()) >= least;
            let of = |of| self.value(of, quantile);
            ratio(of(other), of(one)).filter(|_| enough)
        };
        let max = ratio(other.max(), one.max()).filter(|_| !one.is_empty() && !other.is_empty());
        PERCENTILES.iter().map(percentile).chain([max]).collect()
    }

    fn json(&self) -> Value {
        let file = |log: &Log| {
            let (from, to) = log.covers;
            let names: Vec<_> = log.stages.iter().map(|stage| stage.name.as_str()).collect();
            let stages = log.stages.iter().map(|stage| (stage.name.clone(), self.stage(stage)));
            json!({
                "name": log.name,
                "began_at": log.began_at,
                "from": from,
                "to": to,
                "intervals": log.intervals,
                "selected": log.selected,
                "latency": stages.collect::<Map<_, _>>(),
                "latency_order": names,
            })
        };
        let mut told = Map::new();
        told.insert("logs".into(), self.logs.iter().map(file).collect());
        if let [one, other] = self.logs {
            let ratios = stage_names(self.logs).into_iter().filter_map(|name| {
                let heads = PERCENTILES.iter().map(|(head, ..)| *head).chain(["max"]);
                let ratios = self.ratios(one.stage(name)?, other.stage(name)?);
                let ratios =
                    heads.zip(ratios).map(|(head, ratio)| (head.to_string(), ratio.into()));
                Some((name.to_string(), Value::Object(ratios.collect())))
            });
            told.insert("ratios".into(), Value::Object(ratios.collect()));
        }
        Value::Object(told)
    }

    fn stage(&self, stage: &Stage) -> Value {
        let of = &stage.histogram;
        let mut told = Map::new();
        told.insert("count".into(), of.len().into());
        told.insert("intervals".into(), stage.intervals.into());
        for (head, quantile, _) in PERCENTILES {
            told.insert(head.into(), self.value(of, quantile).into());
        }
        told.insert("max".into(), self.nanos(of.max()).into());
        told.insert("mean".into(), (of.mean() * self.unit as f64).into());
        Value::Object(told)
    }
}

fn heads(text: &mut String, width: usize, columns: usize) {
    put(text, format_args!("  {:<width$}{:>13}", "stage", "count"));
    PERCENTILES.iter().for_each(|(head, ..)| put(text, format_args!("{head:>columns$}")));
    put(text, format_args!("{:>columns$}\n", "max"));
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes everything");
}

fn width<'a>(stages: impl Iterator<Item = &'a Stage>) -> usize {
    stages.map(|stage| stage.name.chars().count()).max().unwrap_or(0).max(12)
}

/// All of them, in the order in which they are first met.
fn stage_names(logs: &[Log]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for stage in logs.iter().flat_map(|log| &log.stages) {
        if !names.contains(&stage.name.as_str()) {
            names.push(&stage.name);
        }
    }
    names
}
