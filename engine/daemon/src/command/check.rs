//! `tapewatch check`: is this configuration valid, and what does it say? And what is this machine like?

use crate::cli::Check;
use crate::config::{Config, Feed, Journal, Origin};
use crate::failure::Failure;
use crate::intervals;
use crate::machine::Machine;
use crate::output::{Bytes, print};
use crate::session;
use crate::terminal::Canvas;
use crate::wiring::Laid;
use anyhow::anyhow;
use engine_journal::{is_journal, read_key};
use engine_observer::Watcher;
use serde_json::json;
use std::fmt;
use std::path::Path;
use std::time::Duration;

pub(crate) fn run(arguments: &Check) -> Result<(), Failure> {
    let checked = arguments.config.as_deref().map(Checked::new).transpose()?;
    let report = arguments.machine.then(|| Machine::this().check());
    if arguments.json {
        let mut told = checked.map_or_else(|| json!({}), |checked| checked.json());
        if let Some(report) = report {
            told["machine"] = json!(report);
        }
        return print(format_args!("{told}\n"));
    }
    let report = report.map(|report| report.told(Canvas::of_stdout()));
    let parts = checked.map(|checked| checked.to_string()).into_iter().chain(report);
    print(parts.collect::<Vec<_>>().join("\n"))
}

/// A configuration that is valid.
struct Checked {
    path: String,
    topology: String,
    /// Names and formats.
    feeds: Vec<(String, String)>,
    observers: Vec<Box<dyn Watcher>>,
    sinks: Vec<String>,
    /// The interval log, and how often it is written.
    hlog: Option<(String, Duration)>,
    /// Where the API listens.
    api: Option<String>,
    /// Where the journal is kept, and how.
    journal: Option<String>,
}

impl Checked {
    fn new(path: &Path) -> Result<Self, Failure> {
        let config = Config::read(path)?;
        let path = path.display().to_string();
        let plan =
            session::plan(&config).map_err(|wrong| Failure::usage(wrong).configured_at(&path))?;
        let Config { feeds, roster, sinks, latencies, api, journal, .. } = config;
        let told = feeds.iter().map(tell_feed).collect::<Result<Vec<_>, _>>()?;
        sinks.iter().try_for_each(|sink| session::check_sink(sink, &feeds))?;
        if let Some(hlog) = &latencies.hlog {
            intervals::check(hlog, &feeds, &sinks)?;
        }
        let hlog = latencies.hlog.map(|hlog| hlog.path.display().to_string());
        let sinks = sinks.iter().map(|sink| match &sink.path {
            Some(path) => path.display().to_string(),
            None => "standard output".to_string(),
        });
        Ok(Self {
            path,
            topology: Laid(&plan).to_string(),
            feeds: told,
            observers: roster.all(),
            sinks: sinks.collect(),
            hlog: hlog.map(|path| (path, latencies.interval)),
            api: api.map(|api| api.listen.to_string()),
            journal: journal.map(|journal| tell_journal(&journal)).transpose()?,
        })
    }

    fn json(&self) -> serde_json::Value {
        let observer = |of: &dyn Watcher| {
            let parameters = of.parameters();
            json!({"name": of.name(), "parameters": parameters.to_string(), "hash": format!("{:016x}", parameters.hash())})
        };
        json!({
            "valid": true,
            "topology": self.topology,
            "feeds": self.feeds.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "observers": self.observers.iter().map(|of| observer(&**of)).collect::<Vec<_>>(),
            "sinks": self.sinks.len(),
            "api": self.api,
            "journal": self.journal,
            "hlog": self.hlog.as_ref().map(|(path, _)| path),
        })
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![("topology", self.topology.clone())];
        let feeds = self.feeds.iter().map(|(name, format)| ("feed", format!("{name} ({format})")));
        rows.extend(feeds);
        rows.extend(self.observers.iter().map(|of| ("observer", of.parameters().to_string())));
        rows.extend(self.sinks.iter().map(|sink| ("sink", sink.clone())));
        rows.extend(self.journal.iter().map(|journal| ("journal", journal.clone())));
        if let Some((path, every)) = &self.hlog {
            rows.push(("latencies", format!("{path}, every {} ms", every.as_millis())));
        }
        if let Some(listen) = &self.api {
            rows.push(("api", format!("http://{listen}")));
        }
        if self.feeds.is_empty() {
            rows.push(("feed", "none, so this is only for replay --config".to_string()));
        }
        writeln!(f, "{} is valid", self.path)?;
        rows.iter().try_for_each(|(name, value)| writeln!(f, "  {name:<10}{value}"))
    }
}

/// Where a journal is kept, and how. Nothing is made or locked, for a run may be writing it.
fn tell_journal(journal: &Journal) -> Result<String, Failure> {
    if let Some(path) = &journal.key {
        let key = read_key(path).map_err(|error| anyhow!("{}: {error}", path.display()));
        key.map_err(|error| Failure::from(error).placed(journal.place.as_deref()))?;
    }
    let is_new = !is_journal(&journal.folder);
    let state = if is_new { "a new one" } else { "to be gone on with" };
    let after = Bytes(journal.grouping.block_bytes as u64);
    let commits = journal.grouping.commit_after.0 / 1_000_000;
    let folder = journal.folder.display();
    Ok(format!("{folder}, {state}; a commit after {after} or {commits} ms"))
}

/// A feed's name and format. Files are opened; sockets are not, for a run may be using them.
fn tell_feed(feed: &Feed) -> Result<(String, String), Failure> {
    match &feed.origin {
        Origin::File(path) if is_journal(path) => {
            Ok((path.display().to_string(), "journal".to_string()))
        }
        Origin::File(path) => {
            let opened = session::open_file(feed)?;
            Ok((path.display().to_string(), opened.format().to_string()))
        }
        Origin::Udp(protocol, listen) => {
            session::check_recording(feed, listen)?;
            let lines: Vec<_> = listen.lines.iter().map(ToString::to_string).collect();
            Ok((format!("udp {}", lines.join(", ")), protocol.to_string()))
        }
    }
}
