//! One run of the pipeline, from opened feeds to the summary.

mod inputs;
mod kept;
mod outputs;

pub(crate) use inputs::{check_flags, check_recording, open_file};
pub(crate) use outputs::{check_output, check_sink, is_same_file};

use crate::config::{Config, Feed};
use crate::failure::Failure;
use crate::findings::{self, After, Outlets};
use crate::intervals::{self, Log, Reader};
use crate::journaling::{Follower, Journaling, State};
use crate::summary::{Circumstances, Summary};
use crate::view::{self, About, View};
use crate::wiring::{Laid, Machine};
use anyhow::{Context, anyhow};
use engine_api::{Server, Status};
use engine_assembly::{Assembly, Outlet};
use engine_event::{Clock, Directory, WallClock};
use engine_pipeline::{FeedError, Plan, PlanError, Stopped};
use feeds::Speed;
use feeds::transport::udp::Recorded;
use inputs::{Begins, Feeds, Part, replayed};
use kept::{Kept, Opened, open_with};
use outputs::{UNWRITTEN, open_sinks};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// A pipeline about to run.
pub(crate) struct Session {
    assembly: Assembly<Feeds>,
    machine: Machine,
    plan: Plan,
    /// By what the places of faults are counted, if all feeds count alike.
    places: Option<&'static str>,
    symbols: Vec<String>,
    log: Option<Log>,
    view: Option<(View, Server)>,
    interval: Duration,
    journaling: Option<Kept>,
}

impl Session {
    /// Opens the feeds and the sinks and lays out the stages. From here on SIGTERM and SIGINT end the
    /// run in order; the second one ends the process at once.
    pub(crate) fn open(config: Config) -> Result<Self, Failure> {
        let plan = plan(&config).map_err(Failure::usage)?;
        let Config { mut machine, feeds, speed, until, numbers, bounds, roster, .. } = config;
        let Config { sinks, latencies, api, journal, .. } = config;
        machine.spec.bounds = bounds;
        for sink in &sinks {
            check_sink(sink, &feeds)?;
        }
        let inputs: Vec<_> = feeds.iter().map(Feed::in_words).collect();
        let journaling =
            journal.map(|journal| Journaling::open(&journal, &roster, &inputs)).transpose()?;
        let log = latencies.hlog.as_ref().map(|hlog| {
            intervals::check(hlog, &feeds, &sinks)?;
            Log::begin(hlog)
        });
        let log = log.transpose()?;
        let listener = api.as_ref().map(view::bind).transpose()?;
        let replayed = replayed(&feeds);
        if let (Some(path), Some(journaling)) = (replayed, &journaling) {
            let (path, folder) = (path.display(), journaling.folder().display());
            let what = anyhow!("{path} is a journal itself, and needs no other one in {folder}");
            return Err(Failure::usage(what));
        }
        let state = match (replayed, numbers.from) {
            (Some(path), Some(from)) => {
                Journaling::state_before(path, (&roster, machine.spec), from)?
            }
            _ => None,
        };
        let after = state.as_ref().map_or(0, |state| state.seq);
        let part = Part { begins: machine.spec.begins, until, after, to: numbers.to };
        let open = |goes_on: Option<Begins<'_>>| Feeds::open(&feeds, speed, part, goes_on);
        let opened = match journaling {
            None => {
                let (feed, places) = open(None)?;
                let mut outlets = open_sinks(&sinks)?;
                let recent = listener.is_some().then(|| {
                    let (shown, recent) = findings::recent(Status::ALERTS_MAX);
                    outlets.push(Box::new(shown));
                    recent
                });
                if let Some(from) = numbers.from {
                    let after = |of| Box::new(After(from - 1, of)) as Box<dyn Outlet>;
                    outlets = outlets.into_iter().map(after).collect();
                }
                let outlet = Box::new(Outlets::of(outlets));
                let names = Directory::new(bounds.subjects_max);
                let assembly = match &state {
                    None => Assembly::new(feed, names, &roster, outlet, machine.spec),
                    Some(State { assembly, .. }) => {
                        Assembly::resume(feed, names, &roster, outlet, machine.spec, assembly)
                            .map_err(|error| Failure::data(anyhow::Error::from(error)))?
                    }
                };
                Opened { assembly, places, recent, journaling: None }
            }
            Some(journaling) => {
                open_with(journaling, open, &sinks, &roster, machine.spec, listener.is_some())?
            }
        };
        let Opened { mut assembly, places, recent, journaling } = opened;
        let shown = listener.zip(recent);
        let about = About {
            topology: Laid(&plan).to_string(),
            ring_capacity: machine.spec.ring_events as u64,
            sample_every: machine.spec.sample_every,
        };
        let open = |(listener, recent)| {
            View::open(listener, (assembly.figures(), recent), &about, WallClock.now())
        };
        let view = shown.map(open).transpose()?;
        stop_on_signals(&assembly.stop_flag())?;
        tracing::info!("topology {plan}");
        let symbols = feeds.into_iter().flat_map(|feed| feed.options.symbols.unwrap_or_default());
        let symbols = symbols.collect();
        let interval = latencies.interval;
        Ok(Self { assembly, machine, plan, places, symbols, log, view, interval, journaling })
    }

    /// Where requests are answered, if they are.
    pub(crate) fn api(&self) -> Option<SocketAddr> {
        self.view.as_ref().map(|(_, server)| server.address())
    }

    /// Where it goes on, in words, if its journal holds something already.
    pub(crate) fn goes_on(&self) -> Option<String> {
        let Kept { journaling, after, .. } = self.journaling.as_ref()?;
        let (folder, end) = (journaling.folder().display(), journaling.end());
        let again = end - after;
        (end > 0).then(|| format!("{folder} goes on behind event {end}, {again} of them again"))
    }

    /// How the stages are laid out.
    pub(crate) fn laid(&self) -> Laid<'_> {
        Laid(&self.plan)
    }

    /// Runs to the end, or until SIGTERM or SIGINT: then what is under way is finished first.
    ///
    /// The summary is there even if the feed broke off; how the run ended stands beside it.
    pub(crate) fn run(mut self) -> (Summary, Result<(), Ended>) {
        // The server answers until the run is over.
        let (view, _server) = self.view.take().unzip();
        let log = self.log.take();
        let reader = (log.is_some() || view.is_some()).then(|| {
            let mut intervals = self.assembly.intervals();
            self.assembly.watch_hiccups(&self.plan, &mut intervals);
            Reader::start(intervals, (log, view), self.interval)
        });
        let started = Instant::now();
        let ran = self.assembly.run(&self.plan);
        let elapsed = started.elapsed();
        let unjournaled = self.close_journal(ran.is_ok());
        let mut outcome = self.assembly.outcome();
        let mut logged = None;
        if let Some(reader) = reader {
            (outcome.latency, logged) = reader.end(&outcome.latency);
        }
        let unwritten = self.assembly.collector().take_error();
        let broken_feed = self.assembly.source().take_error();
        self.warn_of_unknown_symbols();
        let stopped = match (&ran, &broken_feed, &unwritten) {
            _ if unjournaled.is_some() => "error",
            (Ok(Stopped::Finished), None, None) => "end",
            (Ok(Stopped::Drained), None, None) => "signal",
            _ => "error",
        };
        let received = self.assembly.source().feed().received();
        let unrecorded = received.iter().find_map(|of| unrecorded(of.recorded.as_ref()?));
        let unrecorded = unrecorded.or_else(|| logged.as_ref()?.failure());
        let more_errors = self.assembly.source().feed().more_errors();
        let errors = broken_feed.iter().chain(more_errors).map(FeedError::to_string).collect();
        let circumstances = Circumstances {
            received: &received,
            errors,
            plan: &self.plan,
            shards: self.machine.spec.shards,
            sample_every: self.machine.spec.sample_every,
            elapsed,
            stopped,
            places: self.places,
            logged: logged.as_ref(),
            open_loop: self.assembly.source().feed().open_loop(),
        };
        let summary = Summary::new(&outcome, circumstances);
        let ended = match (ran, unwritten, broken_feed) {
            (Err(error), ..) => Err(Ended::Failed(anyhow::Error::from(error).into())),
            (_, Some(error), _) => Err(Ended::Unwritten(error)),
            (_, _, Some(error)) => Err(Ended::Failed(error.into())),
            _ => match unjournaled.or(unrecorded) {
                Some(what) => Err(Ended::Failed(anyhow!(what).into())),
                None => Ok(()),
            },
        };
        (summary, ended)
    }

    /// Waits until the journal is on disk and leaves a checkpoint behind. Why that did not work, if so.
    fn close_journal(&mut self, is_whole: bool) -> Option<String> {
        let Kept { mut journaling, follower, keeping, sunk, .. } = self.journaling.take()?;
        let failure = journaling.close();
        if let Some(Err(what)) = follower.map(Follower::end) {
            tracing::warn!("no checkpoints were made any more: {what}");
        }
        if let Some(keeping) = keeping {
            keeping.end();
        }
        if failure.is_some() || !is_whole {
            return failure;
        }
        let saved = sunk.sync().and_then(|()| journaling.save(&mut self.assembly));
        saved.err().map(|error| format!("the last checkpoint was not written: {error:#}"))
    }

    fn warn_of_unknown_symbols(&mut self) {
        let names = self.assembly.source().names();
        for symbol in self.symbols.iter().filter(|symbol| names.find(symbol).is_none()) {
            tracing::warn!("the input tells nothing about {symbol}");
        }
    }
}

/// Why a run did not come to the end of its input.
pub(crate) enum Ended {
    /// Nobody takes the findings any more.
    Unwritten(io::Error),
    /// The feed broke off, or a stage did.
    Failed(Failure),
}

impl From<Ended> for Failure {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Unwritten(error) => anyhow!(error).context(UNWRITTEN).into(),
            Ended::Failed(failure) => failure,
        }
    }
}

/// How a configuration's stages lie on this machine.
pub(crate) fn plan(config: &Config) -> Result<Plan, PlanError> {
    config.machine.plan::<Feeds>(config.speed == Speed::Max, config.journal.is_some())
}

/// Why not everything that came is in the recording.
fn unrecorded(recorded: &Recorded) -> Option<String> {
    let path = recorded.path.display();
    match (&recorded.failure, recorded.left_out) {
        (None, 0) => None,
        (Some(failure), _) => Some(format!("{path}: the recording broke off: {failure}")),
        (None, left_out) => {
            Some(format!("{path}: {left_out} packets were not recorded: the disk did not keep up"))
        }
    }
}

pub(crate) fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
            .context("cannot listen for signals")?;
    }
    Ok(())
}
