//! `tapewatch replay`: files through the whole pipeline.

use crate::cli::{Input, Replay};
use crate::config::{Config, Sink};
use crate::failure::Failure;
use crate::findings::Wanted;
use crate::session::Session;
use crate::wiring;
use std::path::PathBuf;

pub(crate) fn run(arguments: Replay) -> Result<(), Failure> {
    let Replay { files, input, speed, topology, shards, spread, force, findings, config, json } =
        arguments;
    let mut config = match config {
        Some(path) => Config::read(&path)?,
        None => wiring::usual_config(),
    };
    config.feeds = files
        .into_iter()
        .map(|path| crate::config::Feed { path, options: options(&input) })
        .collect();
    config.speed = speed;
    config.sinks = findings.into_iter().map(sink).collect();
    let machine = &mut config.machine;
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
    let (summary, ended) = session.run()?;
    if json {
        println!("{}", serde_json::to_string(&summary).expect("a summary has only text for keys"));
    } else if to_stdout {
        eprint!("{summary}"); // standard output belongs to the findings
    } else {
        print!("{summary}");
    }
    ended
}

fn sink(path: PathBuf) -> Sink {
    let path = Some(path).filter(|path| path.as_os_str() != "-");
    Sink { path, wanted: Wanted::Everything }
}

/// What the flags say about reading a file.
pub(super) fn options(input: &Input) -> feeds::Options {
    feeds::Options {
        format: input.format.0,
        midnight: input.date,
        symbols: Some(input.symbols.clone()).filter(|symbols| !symbols.is_empty()),
        strict: input.strict,
        ..feeds::Options::default()
    }
}
