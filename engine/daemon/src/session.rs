//! One run of the pipeline, from opened feeds to the summary.

use crate::config::{Config, Sink};
use crate::failure::Failure;
use crate::findings::{JsonLines, Outlets};
use crate::summary::{Circumstances, Summary};
use crate::wiring::Machine;
use anyhow::Context;
use engine_assembly::{Assembly, Outlet};
use engine_event::Directory;
use engine_pipeline::{Plan, Stopped};
use feeds::{AnyFeed, Merged, Paced, Speed};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// All feeds of a run, as one.
type Feeds = Paced<Merged<AnyFeed>>;

/// A pipeline about to run.
pub(crate) struct Session {
    assembly: Assembly<Feeds>,
    machine: Machine,
    plan: Plan,
}

impl Session {
    /// Opens the feeds and the sinks and lays out the stages.
    pub(crate) fn open(config: Config) -> Result<Self, Failure> {
        let Config { mut machine, feeds, speed, bounds, roster, sinks } = config;
        machine.spec.bounds = bounds;
        let plan = machine.plan::<Feeds>(speed == Speed::Max)?;
        let feeds = feeds
            .iter()
            .map(|feed| feeds::open(&feed.path, &feed.options))
            .collect::<Result<Vec<_>, _>>()?;
        let feed = Paced::new(Merged::new(feeds), speed);
        let names = Directory::new(bounds.subjects_max);
        let outlet = open_sinks(&sinks)?;
        let assembly = Assembly::new(feed, names, &roster, outlet, machine.spec);
        tracing::info!("topology {plan}");
        Ok(Self { assembly, machine, plan })
    }

    /// How the stages are laid out.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs to the end, or until SIGTERM or SIGINT: then what is under way is finished first, and a
    /// second signal ends the process at once.
    ///
    /// The summary is there even if the feed broke off; how the run ended stands beside it.
    pub(crate) fn run(mut self) -> Result<(Summary, Result<(), Failure>), Failure> {
        stop_on_signals(&self.assembly.stop_flag())?;
        let started = Instant::now();
        let ran = self.assembly.run(&self.plan);
        let elapsed = started.elapsed();
        let unwritten = self.assembly.collector().take_error();
        let broken_feed = self.assembly.source().take_error();
        let stopped = match (&ran, &broken_feed, &unwritten) {
            (Ok(Stopped::Finished), None, None) => "end",
            (Ok(Stopped::Drained), None, None) => "signal",
            _ => "error",
        };
        let circumstances = Circumstances {
            plan: &self.plan,
            shards: self.machine.spec.shards,
            sample_every: self.machine.spec.sample_every,
            elapsed,
            stopped,
        };
        let summary = Summary::new(&self.assembly.outcome(), &circumstances);
        let ended = match (ran, unwritten, broken_feed) {
            (Err(error), ..) => Err(anyhow::Error::from(error).into()),
            (_, Some(error), _) => {
                Err(anyhow::Error::from(error).context("findings cannot be written").into())
            }
            (_, _, Some(error)) => Err(error.into()),
            _ => Ok(()),
        };
        Ok((summary, ended))
    }
}

fn open_sinks(sinks: &[Sink]) -> Result<Box<dyn Outlet>, Failure> {
    let open = |sink: &Sink| -> Result<Box<dyn Outlet>, Failure> {
        Ok(match &sink.path {
            Some(path) => Box::new(
                JsonLines::create(path, sink.wanted).context("findings cannot be written")?,
            ),
            None => Box::new(JsonLines::stdout(sink.wanted)),
        })
    };
    let outlets = sinks.iter().map(open).collect::<Result<_, _>>()?;
    Ok(Box::new(Outlets(outlets)))
}

fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
            .context("cannot listen for signals")?;
    }
    Ok(())
}
