//! One run of the pipeline, from opened feeds to the summary.

use crate::config::{self, Config, Feed, Origin, Sink};
use crate::failure::Failure;
use crate::findings::{self, After, JsonLines, Outlets};
use crate::input;
use crate::intervals::{self, Log, Reader};
use crate::journaling::{Continued, Follower, Journaling, Keeping, State, Sunk};
use crate::output::tell;
use crate::summary::{Circumstances, OpenLoop, Summary};
use crate::view::{self, About, View};
use crate::wiring::{Laid, Machine};
use anyhow::{Context, anyhow};
use engine_api::{Server, Status};
use engine_assembly::{Assembly, AtOnce, Outlet, Spec};
use engine_event::{Clock, Directory, Nanos, WallClock};
use engine_journal::{JournalFeed, RealDisk, is_journal};
use engine_observer::Roster;
use engine_pipeline::{FeedError, FeedTurn, Plan, PlanError, Stopped, Tally, Timing};
use feeds::transport::udp::{Received, Recorded};
use feeds::{
    AnyFeed, Arrivals, Format, Listen, LiveFeed, LiveProtocol, Merged, Paced, Past, Resumed, Speed,
    Until,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// All feeds of a run, as one.
pub(crate) enum Feeds {
    /// Files, merged by event time.
    Files(Box<Files>),
    /// Live feeds, in the order of arrival.
    Live(Box<Continued<Arrivals<LiveFeed>>>),
    /// A journal, again.
    Journal(Box<Until<Paced<JournalFeed<RealDisk>>>>),
}

/// What a journal holds of them, and then the files.
type Files = Continued<Until<Paced<Resumed<Merged<AnyFeed>>>>>;

/// Which part of the feeds is wanted.
#[derive(Clone, Copy)]
struct Part {
    /// What happened before is for the books alone.
    begins: Nanos,
    until: Nanos,
    /// Of a journal: what is behind this event, up to that one.
    after: u64,
    to: Option<u64>,
}

/// Where a run with a journal begins.
#[derive(Clone, Copy)]
struct Begins<'a> {
    journaling: &'a Journaling,
    /// The last event of the state that it begins with.
    after: u64,
    subjects_max: u32,
}

impl engine_pipeline::Feed for Feeds {
    #[inline]
    fn poll<S: engine_pipeline::Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        match self {
            Feeds::Files(feed) => feed.poll(now, names, sink),
            Feeds::Live(feed) => feed.poll(now, names, sink),
            Feeds::Journal(feed) => feed.poll(now, names, sink),
        }
    }

    fn tally(&self) -> Tally {
        match self {
            Feeds::Files(feed) => feed.tally(),
            Feeds::Live(feed) => feed.tally(),
            Feeds::Journal(feed) => feed.tally(),
        }
    }

    fn tally_into(&self, all: &mut Tally) {
        match self {
            Feeds::Files(feed) => feed.tally_into(all),
            Feeds::Live(feed) => feed.tally_into(all),
            Feeds::Journal(feed) => feed.tally_into(all),
        }
    }

    fn timing(&self) -> Timing {
        match self {
            Feeds::Files(feed) => feed.timing(),
            Feeds::Live(feed) => feed.timing(),
            Feeds::Journal(feed) => feed.timing(),
        }
    }

    fn tells_its_end(&self) -> bool {
        match self {
            Feeds::Files(feed) => feed.tells_its_end(),
            Feeds::Live(feed) => feed.tells_its_end(),
            Feeds::Journal(feed) => feed.tells_its_end(),
        }
    }
}

impl Feeds {
    /// Opens them; and by what the places of faults are counted, if all count alike.
    fn open(
        feeds: &[Feed],
        speed: Speed,
        part: Part,
        goes_on: Option<Begins<'_>>,
    ) -> Result<(Self, Option<&'static str>), Failure> {
        if let [Feed { origin: Origin::File(path), place, options }] = feeds
            && is_journal(path)
        {
            let feed = input::journal(path, options, (part.after, part.to));
            let feed = feed.map_err(|failure| failure.placed(place.as_deref()))?;
            let paced = Paced::from(feed, speed, part.begins);
            return Ok((Feeds::Journal(Box::new(Until::new(paced, part.until))), Some("event")));
        }
        let Part { begins, until, .. } = part;
        let tail = goes_on.map(|begins| begins.tail()).transpose()?.flatten();
        let live: Vec<_> = feeds.iter().filter_map(|feed| Some((feed, feed.live()?))).collect();
        if live.is_empty() {
            let opened = feeds.iter().map(open_file).collect::<Result<Vec<_>, _>>()?;
            // The same flags are for all files: it is enough if one of them heeds them.
            if let Some(Feed { place: None, options, .. }) = feeds.first() {
                check_flags(options, &opened.iter().map(AnyFeed::format).collect::<Vec<_>>())?;
            }
            let places = common(opened.iter().map(|feed| feed.format().place()));
            let merged = Merged::new(opened);
            let resumed = match goes_on.and_then(|begins| begins.past(feeds)) {
                None => Resumed::new(merged),
                Some((past, names)) => Resumed::after(merged, past, names),
            };
            let paced = Paced::from(resumed, speed, begins);
            let files = Continued::new(tail, Until::new(paced, until));
            return Ok((Feeds::Files(Box::new(files)), places));
        }
        let open = |(feed, (protocol, listen)): (&Feed, (LiveProtocol, &Listen))| {
            check_recording(feed, listen)?;
            let opened = LiveFeed::open(protocol, listen, &feed.options);
            let opened = opened.map_err(|error| placed(feed, Failure::from(error)))?;
            tell(format_args!("tapewatch: {protocol}, {}\n", opened.description()));
            Ok::<_, Failure>(opened)
        };
        let opened = live.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let arrivals = Arrivals::new(opened);
        let live = match goes_on.and_then(|begins| begins.journaling.last()) {
            None => Continued::new(tail, arrivals),
            Some(last) => Continued::live(tail, arrivals, last.event_at),
        };
        Ok((Feeds::Live(Box::new(live)), Some("packet")))
    }

    /// How events were paced, if they were.
    fn open_loop(&self) -> Option<OpenLoop> {
        let (speed, expected_interval) = match self {
            Feeds::Files(files) => {
                let paced = files.feed_ref().feed();
                (paced.speed(), paced.expected_interval()?)
            }
            Feeds::Journal(journal) => {
                (journal.feed().speed(), journal.feed().expected_interval()?)
            }
            Feeds::Live(_) => return None,
        };
        Some(OpenLoop { speed, expected_interval })
    }

    /// Why feeds broke off, besides the first of them, whose reason ended the run.
    fn more_errors(&mut self) -> &[FeedError] {
        match self {
            Feeds::Files(files) => files.feed_ref().feed().feed().feed().more_errors(),
            Feeds::Live(live) => live.feed_ref().more_errors(),
            Feeds::Journal(_) => &[],
        }
    }

    /// Ends recordings; what the live feeds received.
    fn received(&mut self) -> Vec<Received> {
        let Feeds::Live(live) = self else { return Vec::new() };
        let live = live.feed();
        live.feeds().iter_mut().for_each(LiveFeed::end_recording);
        live.feeds().iter().map(LiveFeed::received).collect()
    }
}

impl Begins<'_> {
    /// What earlier runs have left behind the state.
    fn tail(&self) -> Result<Option<JournalFeed<RealDisk>>, Failure> {
        let has_tail = self.after < self.journaling.end();
        has_tail.then(|| self.journaling.tail(self.after)).transpose()
    }

    /// What the journal holds of these files.
    fn past(&self, feeds: &[Feed]) -> Option<(Past, Directory)> {
        let input = feeds.first()?.path()?.to_path_buf();
        let events = self.journaling.end();
        let past = Past { events, last: self.journaling.last(), input };
        (events > 0).then(|| (past, Directory::new(self.subjects_max)))
    }
}

fn placed(feed: &Feed, failure: Failure) -> Failure {
    failure.placed(feed.place.as_deref())
}

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
            (Some(path), Some(from)) => Journaling::state_before(path, &roster, from)?,
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

const UNWRITTEN: &str = "findings cannot be written";

/// How a configuration's stages lie on this machine.
pub(crate) fn plan(config: &Config) -> Result<Plan, PlanError> {
    config.machine.plan::<Feeds>(config.speed == Speed::Max, config.journal.is_some())
}

/// The journal that is replayed, if it is one.
fn replayed(feeds: &[Feed]) -> Option<&Path> {
    feeds.iter().filter_map(Feed::path).find(|path| is_journal(path))
}

/// Opens a file; one that is not there is the fault of the configuration that names it.
pub(crate) fn open_file(feed: &Feed) -> Result<AnyFeed, Failure> {
    let path = feed.path().expect("a run has live feeds or files, not both");
    let opened = feeds::open(path, &feed.options).map_err(|error| {
        let beside = if path.exists() { None } else { nearest_beside(path) };
        let failure = match beside {
            Some(name) => anyhow!("{error}; did you mean `{name}`?").into(),
            None => Failure::from(error),
        };
        placed(feed, failure)
    })?;
    match needless(&feed.options, &[opened.format()]).filter(|_| feed.place.is_some()) {
        Some((_, key, why)) => Err(placed(feed, Failure::usage(anyhow!("`{key}` {why}")))),
        None => Ok(opened),
    }
}

/// Refuses flags about reading that no file of these formats heeds.
pub(crate) fn check_flags(options: &feeds::Options, formats: &[Format]) -> Result<(), Failure> {
    match needless(options, formats) {
        Some((flag, _, why)) => Err(Failure::usage(anyhow!("{flag} {why}"))),
        None => Ok(()),
    }
}

/// The option that says nothing about files of these formats: the flag, the key, and why.
fn needless(
    options: &feeds::Options,
    formats: &[Format],
) -> Option<(&'static str, &'static str, String)> {
    let (flag, key) = match options {
        _ if formats.contains(&Format::Mdp3Pcap) => return None,
        feeds::Options { schema: Some(_), .. } => ("--schema", "schema"),
        feeds::Options { by_order: true, .. } => ("--by-order", "by_order"),
        _ => return None,
    };
    let found = formats.iter().map(|format| format.word()).collect::<Vec<_>>().join(", ");
    Some((flag, key, format!("is for {}, and this is {found}", Format::Mdp3Pcap)))
}

/// Refuses a recording that could not begin.
pub(crate) fn check_recording(feed: &Feed, listen: &Listen) -> Result<(), Failure> {
    let Some(path) = &listen.record else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let wrong = match folder {
        Some(folder) if !folder.is_dir() => format!("there is no folder {}", folder.display()),
        _ if path.is_dir() => "is a folder, not a file".to_string(),
        _ => return Ok(()),
    };
    Err(placed(feed, anyhow!("cannot record: {}: {wrong}", path.display()).into()))
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

/// The file in the same folder whose name is nearest.
fn nearest_beside(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?.take(10_000);
    let names: Vec<_> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    config::nearest(&path.file_name()?.to_string_lossy(), &names)
}

fn open_sinks(sinks: &[Sink]) -> Result<Vec<Box<dyn Outlet>>, Failure> {
    let open = |sink: &Sink| -> Result<Box<dyn Outlet>, Failure> {
        let Some(path) = &sink.path else { return Ok(Box::new(JsonLines::stdout(sink.wanted))) };
        let file = JsonLines::create(path, sink.wanted);
        Ok(Box::new(file.map_err(|error| unwritable(sink, error))?))
    };
    sinks.iter().map(open).collect()
}

fn unwritable(sink: &Sink, error: io::Error) -> Failure {
    Failure::from(anyhow!(error).context(UNWRITTEN)).placed(sink.place.as_deref())
}

/// A journal that is kept, and what makes checkpoints of it.
struct Kept {
    journaling: Journaling,
    follower: Option<Follower>,
    keeping: Option<Keeping>,
    sunk: Sunk,
    /// The last event of the state that the run begins with.
    after: u64,
}

/// A pipeline and what belongs to it.
struct Opened {
    assembly: Assembly<Feeds>,
    places: Option<&'static str>,
    recent: Option<findings::Recent>,
    journaling: Option<Kept>,
}

/// A pipeline that goes on where its journal ends: with the newest checkpoint and the tail behind it.
fn open_with(
    mut journaling: Journaling,
    open: impl Fn(Option<Begins<'_>>) -> Result<(Feeds, Option<&'static str>), Failure>,
    sinks: &[Sink],
    roster: &Roster,
    spec: Spec,
    is_shown: bool,
) -> Result<Opened, Failure> {
    let end = journaling.end();
    let state = journaling.newest_state();
    let after = state.as_ref().map_or(0, |state| state.seq);
    let names = Directory::new(spec.bounds.subjects_max);
    let begins = Begins { journaling: &journaling, after, subjects_max: spec.bounds.subjects_max };
    let (feed, places) = open(Some(begins))?;
    let mut outlets: Vec<Box<dyn Outlet>> = Vec::new();
    for sink in sinks {
        let outlet: Box<dyn Outlet> = match &sink.path {
            None => Box::new(After(end, JsonLines::stdout(sink.wanted))),
            Some(path) => {
                let lines = match end {
                    0 => JsonLines::create(path, sink.wanted),
                    _ => JsonLines::resume(path, sink.wanted, (after, end)),
                };
                Box::new(lines.map_err(|error| unwritable(sink, error))?)
            }
        };
        outlets.push(if sink.provisional { Box::new(AtOnce(outlet)) } else { outlet });
    }
    let recent = is_shown.then(|| {
        let (shown, recent) = findings::recent(Status::ALERTS_MAX);
        outlets.push(Box::new(After(end, shown)));
        recent
    });
    if journaling.has_changed() {
        outlets =
            outlets.into_iter().map(|of| Box::new(After(end, of)) as Box<dyn Outlet>).collect();
    }
    outlets.push(Box::new(journaling.alert_log(after)));
    let outlet = Box::new(Outlets::of(outlets));
    let files: Vec<_> = sinks.iter().filter_map(|sink| sink.path.clone()).collect();
    let sunk = Sunk { delivered: outlet.delivered(), files };
    let follower = (journaling.config().checkpoint_events > 0)
        .then(|| Follower::start(&journaling, state.as_ref(), (roster, spec), sunk.clone()))
        .transpose()?;
    let assembly = match &state {
        None => Assembly::new(feed, names, roster, outlet, spec),
        Some(state) => Assembly::resume(feed, names, roster, outlet, spec, &state.assembly)
            .map_err(|error| {
                let path = journaling.checkpoints().path(state.seq);
                let way = "move it away to begin with an older one";
                Failure::data(anyhow!("{}: {error}: {way}", path.display()))
            })?,
    };
    journaling.begin()?;
    let mut assembly = assembly;
    let known = assembly.source().names().clone();
    let assembly = assembly.with_journal(journaling.journal(known));
    let keeping = Keeping::start(&journaling)?;
    let kept = Kept { journaling, follower, keeping, sunk, after };
    Ok(Opened { assembly, places, recent, journaling: Some(kept) })
}

/// Refuses what can be told to go wrong before a sink's file begins anew.
pub(crate) fn check_sink(sink: &Sink, feeds: &[Feed]) -> Result<(), Failure> {
    let Some(path) = &sink.path else { return Ok(()) };
    check_output(path, sink.place.as_deref(), feeds, "findings")
}

/// Refuses a file to write `what` into: above all, one of the files that are read.
pub(crate) fn check_output(
    path: &Path,
    place: Option<&str>,
    feeds: &[Feed],
    what: &str,
) -> Result<(), Failure> {
    let mut inputs = feeds.iter().filter_map(Feed::path);
    if let Some(input) = inputs.find(|input| is_same_file(input, path)) {
        let wrong = anyhow!("{}: {what} would overwrite the input", input.display());
        return Err(Failure::usage(wrong).placed(place));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let wrong = match folder {
        Some(folder) if !folder.is_dir() => format!("there is no folder {}", folder.display()),
        _ if path.is_dir() => "is a folder, not a file".to_string(),
        _ => return Ok(()),
    };
    let wrong = anyhow!("{what} cannot be written: {}: {wrong}", path.display());
    Err(Failure::from(wrong).placed(place))
}

/// Whether both are one plain file, by whatever names.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some((file.dev(), file.ino()))
    };
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// The value that all have.
fn common<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

pub(crate) fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
            .context("cannot listen for signals")?;
    }
    Ok(())
}
