//! `tapewatch replay`: files through the whole pipeline.

use crate::cli::{Input, Replay};
use crate::config::{Config, Feed, Hlog, Journal, Origin, Sink};
use crate::failure::Failure;
use crate::findings::Wanted;
use crate::input::Numbers;
use crate::output::{print, tell};
use crate::session::{Ended, Session};
use crate::usual;
use crate::wiring;
use anyhow::anyhow;
use engine_event::Nanos;
use engine_journal::is_journal;
use std::io::ErrorKind;
use std::path::PathBuf;
use surveillance::Plan;

pub(crate) fn run(arguments: Replay) -> Result<(), Failure> {
    let Replay { from_seq, to_seq, .. } = arguments;
    let Replay { files, input, speed, topology, shards, spread, force, .. } = arguments;
    let Replay { rate, from, to, findings, hlog, config, usual, json, journal, resume, .. } =
        arguments;
    let numbers = Numbers { from: from_seq, to: to_seq };
    let paths = || files.iter().map(PathBuf::as_path);
    numbers.check(paths(), input.format.is_journal())?;
    if let Some(path) = paths().find(|path| files.len() > 1 && is_journal(path)) {
        let what = anyhow!("{}: a journal is replayed alone", path.display());
        return Err(Failure::usage(what));
    }
    let mut config = match (config, usual) {
        (Some(path), _) => Config::read(&path)?,
        (None, Some(path)) => {
            let config = wiring::config_of(usual::known(Plan::usual(), &path)?);
            Config { text: usual::as_configuration(&path)?, ..config }
        }
        (None, None) => wiring::usual_config(),
    };
    config.feeds = files
        .into_iter()
        .map(|path| {
            let origin = Origin::File(or_stdin(path));
            Feed { origin, place: None, options: options(&input) }
        })
        .collect();
    config.speed = rate.map_or(speed, feeds::Speed::Rate);
    config.latencies.hlog = hlog.map(|path| Hlog { path, place: None });
    config.sinks = findings.into_iter().map(sink).collect();
    config.api = None;
    let text = config.text.clone();
    config.journal =
        journal.map(|folder| Journal { resumes: resume, text, ..Journal::usual(folder) });
    config.until = to.unwrap_or(Nanos::END);
    config.numbers = numbers;
    let machine = &mut config.machine;
    machine.spec.begins = from.unwrap_or_default();
    if let Some(topology) = topology {
        machine.topology = topology.into();
    }
    if let Some(shards) = shards {
        machine.spec.shards = shards;
    }
    machine.spread |= spread;
    machine.force |= force;
    let to_stdout = config.sinks.iter().any(|sink| sink.path.is_none());
    let session = Session::open(config)?;
    let (summary, ended) = session.run();
    let told = if json { summary.as_json() + "\n" } else { summary.to_string() };
    let printed = if to_stdout {
        tell(told); // standard output belongs to the findings
        Ok(())
    } else {
        print(told)
    };
    match ended {
        // A reader that has seen enough (`| head`) is no failure.
        Err(Ended::Unwritten(error)) if to_stdout && error.kind() == ErrorKind::BrokenPipe => {
            Ok(())
        }
        Err(ended) => Err(ended.into()),
        Ok(()) => printed,
    }
}

/// `-` is standard input, here as elsewhere.
pub(super) fn or_stdin(path: PathBuf) -> PathBuf {
    if path.as_os_str() == "-" { "/dev/stdin".into() } else { path }
}

fn sink(path: PathBuf) -> Sink {
    let path = Some(path).filter(|path| path.as_os_str() != "-");
    Sink { path, place: None, wanted: Wanted::Everything, provisional: false }
}

/// What the flags say about reading a file.
pub(super) fn options(input: &Input) -> feeds::Options {
    feeds::Options {
        format: input.format.of_files(),
        midnight: input.date,
        symbols: Some(input.symbols.clone()).filter(|symbols| !symbols.is_empty()),
        strict: input.strict,
        schema: input.schema.clone(),
        by_order: input.by_order,
        ..feeds::Options::default()
    }
}
