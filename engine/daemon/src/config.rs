//! The configuration of a run: one TOML file whose sections follow the data.
//!
//! Unknown keys are errors, told with line, column and the nearest key that exists.

mod api;
mod feed;
mod journal;
mod latency;

use crate::failure::Failure;
use crate::findings::Wanted;
use crate::input::Numbers;
use crate::wiring::{self, Machine};
use anyhow::{Context, anyhow};
use engine_assembly::Spec;
use engine_book::Bounds;
use engine_event::Nanos;
use engine_observer::{Refused, Roster};
use engine_pipeline::Topology;
use feeds::{Listen, LiveProtocol, Speed};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use api::Api;
pub(crate) use journal::Journal;
pub(crate) use latency::{Hlog, Latencies};

/// A configuration, checked.
pub(crate) struct Config {
    pub(crate) machine: Machine,
    pub(crate) feeds: Vec<Feed>,
    /// How fast they are read, all together: they are merged by event time.
    pub(crate) speed: Speed,
    /// When the reading ends.
    pub(crate) until: Nanos,
    /// Of a journal, by numbers.
    pub(crate) numbers: Numbers,
    pub(crate) bounds: Bounds,
    pub(crate) roster: Roster,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) latencies: Latencies,
    pub(crate) api: Option<Api>,
    pub(crate) journal: Option<Journal>,
    /// As it is written, for a journal to hold.
    pub(crate) text: String,
}

/// One `[[feed]]`.
pub(crate) struct Feed {
    pub(crate) origin: Origin,
    /// Where in a configuration it stands, as `file:line:column`.
    pub(crate) place: Option<String>,
    pub(crate) options: feeds::Options,
}

/// Where a feed's bytes come from.
pub(crate) enum Origin {
    File(PathBuf),
    Udp(LiveProtocol, Box<Listen>),
}

/// What stands before the recording's path in a source's words.
pub(crate) const RECORDED: &str = " recorded in ";

impl Feed {
    /// The file that it reads, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            Origin::Udp(..) => None,
        }
    }

    /// What it reads, in words.
    pub(crate) fn in_words(&self) -> String {
        match &self.origin {
            Origin::File(path) => format!("file {}", path.display()),
            Origin::Udp(protocol, listen) => {
                let heard = format!("udp {protocol} {:?}", listen.lines);
                match &listen.record {
                    Some(path) => format!("{heard}{RECORDED}{}", path.display()),
                    None => heard,
                }
            }
        }
    }

    /// What it listens to, if it is live.
    pub(crate) fn live(&self) -> Option<(LiveProtocol, &Listen)> {
        match &self.origin {
            Origin::File(_) => None,
            Origin::Udp(protocol, listen) => Some((*protocol, listen)),
        }
    }
}

/// One `[[sink]]`.
pub(crate) struct Sink {
    /// A file, or standard output.
    pub(crate) path: Option<PathBuf>,
    /// Where in a configuration it stands, as `file:line:column`.
    pub(crate) place: Option<String>,
    pub(crate) wanted: Wanted,
    /// Whether findings are written at once, although they may still be lost with the power.
    pub(crate) provisional: bool,
}

/// The file as it is written, but for strategies and surveillance, whose tables belong to those crates.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    machine: MachineTable,
    #[serde(default)]
    feed: Vec<Spanned<feed::Table>>,
    #[serde(default)]
    books: BooksTable,
    #[serde(default)]
    sink: Vec<Spanned<SinkTable>>,
    latency: Option<latency::Table>,
    api: Option<Spanned<api::Table>>,
    journal: Option<journal::Table>,
    #[serde(default)]
    #[expect(dead_code, reason = "named here so that they are known; read by their own crates")]
    strategy: Option<IgnoredAny>,
    #[serde(default)]
    #[expect(dead_code, reason = "named here so that they are known; read by their own crates")]
    surveillance: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MachineTable {
    topology: TopologyWord,
    shards: Spanned<u32>,
    spread: bool,
    force: bool,
    ring_events: Spanned<usize>,
    sample_every: Spanned<u64>,
}

impl Default for MachineTable {
    fn default() -> Self {
        let Machine { spec, .. } = Machine::default();
        Self {
            topology: TopologyWord::Auto,
            shards: Spanned::new(0..0, spec.shards),
            spread: false,
            force: false,
            ring_events: Spanned::new(0..0, spec.ring_events),
            sample_every: Spanned::new(0..0, spec.sample_every),
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TopologyWord {
    Auto,
    Fused,
    Pinned,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BooksTable {
    orders_max: Spanned<u32>,
    subjects_max: Spanned<u32>,
}

impl Default for BooksTable {
    fn default() -> Self {
        let Bounds { orders_max, subjects_max } = Bounds::default();
        Self {
            orders_max: Spanned::new(0..0, orders_max),
            subjects_max: Spanned::new(0..0, subjects_max),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SinkTable {
    kind: SinkWord,
    path: Option<Spanned<PathBuf>>,
    #[serde(default)]
    only: WantedWord,
    #[serde(default)]
    provisional: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SinkWord {
    Jsonl,
    Stdout,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WantedWord {
    #[default]
    Everything,
    Alerts,
}

impl Config {
    /// Reads and checks a configuration. Paths in it are relative to the folder that it lies in.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string());
        let text = text.map_err(Failure::configuration)?;
        Self::of_text(path, &text)
    }

    /// The same of a text, as if it stood in this file.
    pub(crate) fn of_text(path: &Path, text: &str) -> Result<Self, Failure> {
        let written = Written { path, text };
        Self::parse(&written).map_err(|wrong| Failure::configuration(wrong.at(&written)))
    }

    fn parse(written: &Written<'_>) -> Result<Self, Wrong> {
        let text = written.text;
        let mut root = DeTable::parse(text)?;
        let strategies = root.get_ref().get("strategy").cloned();
        let surveillance = root.get_ref().get("surveillance").cloned();
        let file = File::deserialize(toml::Deserializer::from(root.clone()))?;
        root.get_mut().clear();

        let mut roster = Roster::new();
        match strategies {
            Some(tables) => add_strategies(&mut roster, tables)?,
            None => wiring::usual_strategies(&mut roster),
        }
        match surveillance {
            Some(tables) => add_patterns(&mut roster, tables)?,
            None => wiring::usual_patterns(&mut roster),
        }
        let mut feeds = Vec::new();
        let mut speed = None;
        for table in file.feed {
            let span = table.span();
            let (feed, own) = feed::feed(table, written)?;
            if feeds
                .first()
                .is_some_and(|first: &Feed| first.path().is_some() != feed.path().is_some())
            {
                return Err(Wrong::new(span, "files and live feeds do not go into one run"));
            }
            if *speed.get_or_insert(own) != own {
                return Err(Wrong::new(
                    span,
                    "feeds are merged by event time, so all have the same speed",
                ));
            }
            feeds.push(feed);
        }
        Ok(Self {
            machine: machine(&file.machine)?,
            feeds,
            speed: speed.unwrap_or(Speed::Max),
            until: Nanos::END,
            numbers: Numbers::default(),
            bounds: bounds(&file.books)?,
            roster,
            sinks: sinks(file.sink, written)?,
            latencies: latency::latencies(file.latency, written)?,
            api: api::api(file.api, written)?,
            journal: journal::journal(file.journal, written)?,
            text: text.to_string(),
        })
    }
}

/// A configuration's text, and the file that it is from.
struct Written<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Written<'_> {
    /// What a relative path in it is relative to.
    fn resolve(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// `file:line:column`, columns counted in characters.
    fn place(&self, span: &Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("{}:{line}:{column}", self.path.display())
    }
}

fn check(holds: bool, span: Range<usize>, wanted: &str) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong::new(span, wanted)) }
}

fn bounds(table: &BooksTable) -> Result<Bounds, Wrong> {
    let (orders_max, subjects_max) = (*table.orders_max.get_ref(), *table.subjects_max.get_ref());
    let orders_fit = (1..=1 << 30).contains(&orders_max);
    check(orders_fit, table.orders_max.span(), "orders_max is a number from 1 to 1073741824")?;
    let subjects_fit = (1..=1 << 26).contains(&subjects_max);
    check(subjects_fit, table.subjects_max.span(), "subjects_max is a number from 1 to 67108864")?;
    Ok(Bounds { orders_max, subjects_max })
}

fn machine(table: &MachineTable) -> Result<Machine, Wrong> {
    let shards = *table.shards.get_ref();
    check((1..=64).contains(&shards), table.shards.span(), "shards is a number from 1 to 64")?;
    let ring_events = *table.ring_events.get_ref();
    let ring_fits = ring_events.is_power_of_two() && (1024..=1 << 24).contains(&ring_events);
    check(
        ring_fits,
        table.ring_events.span(),
        "ring_events is a power of two from 1024 to 16777216",
    )?;
    let sample_every = *table.sample_every.get_ref();
    let sampling_fits = sample_every.is_power_of_two() && sample_every as usize <= ring_events;
    check(
        sampling_fits,
        table.sample_every.span(),
        "sample_every is a power of two up to ring_events",
    )?;
    let topology = match table.topology {
        TopologyWord::Auto => Topology::Auto,
        TopologyWord::Fused => Topology::Fused,
        TopologyWord::Pinned => Topology::Pinned,
    };
    let spec = Spec { shards, ring_events, sample_every, ..Spec::default() };
    Ok(Machine { topology, spread: table.spread, force: table.force, spec })
}

fn sinks(tables: Vec<Spanned<SinkTable>>, written: &Written<'_>) -> Result<Vec<Sink>, Wrong> {
    let mut sinks: Vec<Sink> = Vec::new();
    for table in tables {
        let span = table.span();
        let sink = sink(table, written)?;
        if sinks.iter().any(|other| other.path == sink.path) {
            return Err(Wrong::new(span, "another sink writes to the same place"));
        }
        sinks.push(sink);
    }
    Ok(sinks)
}

fn sink(table: Spanned<SinkTable>, written: &Written<'_>) -> Result<Sink, Wrong> {
    let span = table.span();
    let SinkTable { kind, path, only, provisional } = table.into_inner();
    let place = written.place(&path.as_ref().map_or(span.clone(), Spanned::span));
    let path = match (kind, path) {
        (SinkWord::Jsonl, Some(path)) => Some(written.resolve(path.get_ref())),
        (SinkWord::Stdout, None) => None,
        (SinkWord::Jsonl, None) => return Err(Wrong::new(span, "a sink of kind jsonl has a path")),
        (SinkWord::Stdout, Some(_)) => {
            return Err(Wrong::new(span, "a sink of kind stdout has no path"));
        }
    };
    let wanted = match only {
        WantedWord::Everything => Wanted::Everything,
        WantedWord::Alerts => Wanted::Alerts,
    };
    Ok(Sink { path, place: Some(place), wanted, provisional })
}

/// `[[strategy]]`: a name, and the parameters of the strategy that has it.
fn add_strategies(roster: &mut Roster, tables: Spanned<DeValue<'_>>) -> Result<(), Wrong> {
    let span = tables.span();
    let DeValue::Array(tables) = tables.into_inner() else {
        return Err(Wrong::new(span, "strategies stand in [[strategy]] tables"));
    };
    for table in tables {
        let span = table.span();
        let DeValue::Table(mut table) = table.into_inner() else {
            return Err(Wrong::new(span, "strategies stand in [[strategy]] tables"));
        };
        let name = table
            .remove("name")
            .ok_or_else(|| Wrong::new(span.clone(), "a [[strategy]] has a name"))?;
        let name_span = name.span();
        let name = String::deserialize(toml::de::ValueDeserializer::from(name))?;
        let keys = Keys::of(name_span, &table);
        let parameters = toml::Deserializer::from(Spanned::new(span, table));
        strategies::add_to(roster, &name, parameters).map_err(|error| keys.refused(error))?;
    }
    Ok(())
}

/// `[surveillance.P06]`: a table for each pattern that takes part.
fn add_patterns(roster: &mut Roster, tables: Spanned<DeValue<'_>>) -> Result<(), Wrong> {
    let span = tables.span();
    let DeValue::Table(tables) = tables.into_inner() else {
        return Err(Wrong::new(span, "patterns stand in [surveillance.NAME] tables"));
    };
    let mut plan = surveillance::Plan::new();
    for (name, table) in tables {
        let DeValue::Table(parameters) = table.get_ref() else {
            return Err(Wrong::new(table.span(), "a pattern is a table of its parameters"));
        };
        let keys = Keys::of(name.span(), parameters);
        let parameters = toml::de::ValueDeserializer::from(table);
        plan.add(name.get_ref(), parameters).map_err(|error| keys.refused(error))?;
    }
    plan.join(roster);
    Ok(())
}

/// Where the name and the parameters of an idea stand.
struct Keys {
    name: Range<usize>,
    parameters: Vec<(String, Range<usize>)>,
}

impl Keys {
    fn of(name: Range<usize>, table: &DeTable<'_>) -> Self {
        let keys = table.keys().map(|key| (key.get_ref().to_string(), key.span()));
        Self { name, parameters: keys.collect() }
    }

    /// An idea that was refused: the place of the parameter if there is one, else of the name.
    fn refused(&self, refused: Refused<toml::de::Error>) -> Wrong {
        let what = refused.to_string();
        match refused {
            Refused::Unreadable(error) => {
                Wrong { span: error.span().or(Some(self.name.clone())), ..error.into() }
            }
            Refused::Unknown { name, known } => {
                Wrong { hint: nearest(&name, &known), ..Wrong::new(self.name.clone(), what) }
            }
            Refused::Invalid(invalid) => {
                let own = self.parameters.iter().find(|(name, _)| *name == invalid.name);
                Wrong::new(own.map_or(self.name.clone(), |(_, span)| span.clone()), what)
            }
        }
    }
}

/// What is wrong with a configuration, where, and what was probably meant.
#[derive(Debug)]
struct Wrong {
    span: Option<Range<usize>>,
    what: String,
    hint: Option<String>,
}

impl Wrong {
    fn new(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { span: Some(span), what: what.into(), hint: None }
    }

    /// The line for a person.
    fn at(&self, written: &Written<'_>) -> anyhow::Error {
        let place = match &self.span {
            Some(span) => written.place(span),
            None => written.path.display().to_string(),
        };
        let hint = self.hint.as_ref().map(|word| format!("; did you mean `{word}`?"));
        anyhow!("{place}: {}{}", self.what, hint.unwrap_or_default())
    }
}

impl From<toml::de::Error> for Wrong {
    fn from(error: toml::de::Error) -> Self {
        let what = error.message();
        // Of "unknown field `x`, expected one of `y`, `z`": x, y, z.
        let mut words = what.split('`').skip(1).step_by(2);
        let unknown = words.next().filter(|_| what.starts_with("unknown "));
        let hint = unknown.and_then(|unknown| nearest(unknown, &words.collect::<Vec<_>>()));
        Self { span: error.span(), what: in_plain_words(what), hint }
    }
}

/// The word that is nearest to one that does not exist.
pub(crate) fn nearest(unknown: &str, words: &[impl AsRef<str>]) -> Option<String> {
    let likeness = |word: &&str| match strsim::damerau_levenshtein(unknown, word) {
        0 | 1 => 1000,
        _ => (strsim::jaro_winkler(unknown, word) * 1000.0) as u32,
    };
    let words = words.iter().map(AsRef::as_ref);
    words.max_by_key(likeness).filter(|word| likeness(word) >= 750).map(str::to_string)
}

/// What was expected, in the words of who writes a configuration and not of who wrote the program.
fn in_plain_words(what: &str) -> String {
    let what = what.replace('\n', " ");
    let Some((found, expected)) = what.split_once(", expected ") else { return what };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" => "text in quotes",
        "a sequence" => "a list, or tables in [[double brackets]]",
        expected if expected.starts_with("struct ") => "a table",
        expected => expected,
    };
    format!("{}, expected {expected}", found.replace("invalid type: map", "invalid type: table"))
}
