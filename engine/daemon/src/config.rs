//! The configuration of a run: one TOML file whose sections follow the data.
//!
//! Unknown keys are errors, told with line, column and the nearest key that exists.

use crate::failure::Failure;
use crate::findings::Wanted;
use crate::wiring::{self, Machine};
use anyhow::{Context, anyhow};
use engine_assembly::Spec;
use engine_book::Bounds;
use engine_event::Nanos;
use engine_observer::{Refused, Roster};
use engine_pipeline::Topology;
use feeds::{Format, Speed};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration, checked.
pub(crate) struct Config {
    pub(crate) machine: Machine,
    pub(crate) feeds: Vec<Feed>,
    /// How fast they are read, all together: they are merged by event time.
    pub(crate) speed: Speed,
    pub(crate) bounds: Bounds,
    pub(crate) roster: Roster,
    pub(crate) sinks: Vec<Sink>,
}

/// One `[[feed]]`.
pub(crate) struct Feed {
    pub(crate) path: PathBuf,
    pub(crate) options: feeds::Options,
}

/// One `[[sink]]`.
pub(crate) struct Sink {
    /// A file, or standard output.
    pub(crate) path: Option<PathBuf>,
    pub(crate) wanted: Wanted,
}

/// The file as it is written, but for strategies and surveillance, whose tables belong to those crates.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    machine: MachineTable,
    #[serde(default)]
    feed: Vec<Spanned<FeedTable>>,
    #[serde(default)]
    books: BooksTable,
    #[serde(default)]
    sink: Vec<Spanned<SinkTable>>,
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
#[serde(deny_unknown_fields)]
struct FeedTable {
    path: PathBuf,
    format: Option<Spanned<String>>,
    /// `"max"`, or how many times real time.
    speed: Option<Spanned<SpeedWord>>,
    date: Option<Spanned<String>>,
    #[serde(default)]
    symbols: Vec<String>,
    #[serde(default)]
    strict: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SpeedWord {
    Word(String),
    Times(f64),
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BooksTable {
    orders_max: u32,
    subjects_max: u32,
}

impl Default for BooksTable {
    fn default() -> Self {
        let Bounds { orders_max, subjects_max } = Bounds::default();
        Self { orders_max, subjects_max }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SinkTable {
    kind: SinkWord,
    path: Option<PathBuf>,
    #[serde(default)]
    only: WantedWord,
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
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder).map_err(|wrong| Failure::configuration(wrong.at(path, &text)))
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, Wrong> {
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
            let (feed, own) = feed(table.into_inner(), folder)?;
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
            bounds: Bounds {
                orders_max: file.books.orders_max,
                subjects_max: file.books.subjects_max,
            },
            roster,
            sinks: file
                .sink
                .into_iter()
                .map(|table| sink(table, folder))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn machine(table: &MachineTable) -> Result<Machine, Wrong> {
    let check = |holds: bool, span: Range<usize>, wanted: &str| {
        if holds { Ok(()) } else { Err(Wrong::new(span, wanted)) }
    };
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

fn feed(table: FeedTable, folder: &Path) -> Result<(Feed, Speed), Wrong> {
    let mut options = feeds::Options::default();
    if let Some(word) = table.format.filter(|word| word.get_ref() != "auto") {
        let formats = || Format::ALL.map(Format::word).join(", ");
        let format = word.get_ref().parse();
        options.format = Some(
            format
                .map_err(|_| Wrong::new(word.span(), format!("format is auto, {}", formats())))?,
        );
    }
    if let Some(date) = table.date {
        let midnight: Nanos =
            wiring::parse_date(date.get_ref()).map_err(|why| Wrong::new(date.span(), why))?;
        options.midnight = Some(midnight);
    }
    if !table.symbols.is_empty() {
        options.symbols = Some(table.symbols);
    }
    options.strict = table.strict;
    let speed = match table.speed.as_ref().map(Spanned::get_ref) {
        None => Ok(Speed::Times(1.0)),
        Some(SpeedWord::Word(word)) => word.parse(),
        Some(SpeedWord::Times(times)) => times.to_string().parse(),
    };
    let span = table.speed.map_or(0..0, |speed| speed.span());
    let speed = speed.map_err(|why| Wrong::new(span, why))?;
    Ok((Feed { path: folder.join(table.path), options }, speed))
}

fn sink(table: Spanned<SinkTable>, folder: &Path) -> Result<Sink, Wrong> {
    let span = table.span();
    let SinkTable { kind, path, only } = table.into_inner();
    let path = match (kind, path) {
        (SinkWord::Jsonl, Some(path)) => Some(folder.join(path)),
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
    Ok(Sink { path, wanted })
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
        let parameters = toml::Deserializer::from(Spanned::new(span, table));
        strategies::add_to(roster, &name, parameters).map_err(|error| added(error, &name_span))?;
    }
    Ok(())
}

/// `[surveillance.P06]`: a table for each pattern that takes part.
fn add_patterns(roster: &mut Roster, tables: Spanned<DeValue<'_>>) -> Result<(), Wrong> {
    let span = tables.span();
    let DeValue::Table(tables) = tables.into_inner() else {
        return Err(Wrong::new(span, "patterns stand in [surveillance.NAME] tables"));
    };
    for (name, table) in tables {
        let name_span = name.span();
        let parameters = toml::de::ValueDeserializer::from(table);
        surveillance::add_to(roster, name.get_ref(), parameters)
            .map_err(|error| added(error, &name_span))?;
    }
    Ok(())
}

/// An idea that was refused: the place of the parameter if there is one, else of the name.
fn added(refused: Refused<toml::de::Error>, name: &Range<usize>) -> Wrong {
    match refused {
        Refused::Unreadable(error) => {
            Wrong { span: error.span().or(Some(name.clone())), ..error.into() }
        }
        Refused::Unknown { .. } | Refused::Invalid(_) => {
            Wrong::new(name.clone(), refused.to_string())
        }
    }
}

/// What is wrong with a configuration, and where.
#[derive(Debug)]
struct Wrong {
    span: Option<Range<usize>>,
    what: String,
}

impl Wrong {
    fn new(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { span: Some(span), what: what.into() }
    }

    /// The line for a person: file, line, column, what is wrong, and what was probably meant.
    fn at(&self, path: &Path, text: &str) -> anyhow::Error {
        let what = self.what.replace('\n', " ");
        let hint = nearest(&what).map(|key| format!("; did you mean `{key}`?")).unwrap_or_default();
        let Some(span) = &self.span else { return anyhow!("{}: {what}{hint}", path.display()) };
        let before = &text[..span.start.min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        anyhow!("{}:{line}:{column}: {what}{hint}", path.display())
    }
}

impl From<toml::de::Error> for Wrong {
    fn from(error: toml::de::Error) -> Self {
        Self { span: error.span(), what: error.message().to_string() }
    }
}

/// Of "unknown field `x`, expected one of `y`, `z`": the expected word that is nearest to the unknown.
fn nearest(what: &str) -> Option<&str> {
    if !what.starts_with("unknown ") {
        return None;
    }
    let mut words = what.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    let likeness = |word: &&str| (strsim::jaro_winkler(unknown, word) * 1000.0) as u32;
    words.max_by_key(likeness).filter(|word| likeness(word) >= 750)
}
