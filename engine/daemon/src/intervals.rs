//! Reading the pipeline's latencies by interval while it runs, on a thread that nobody waits for.

use crate::config::{Feed, Hlog, Sink};
use crate::failure::Failure;
use crate::session::{check_output, is_same_file};
use crate::view::View;
use anyhow::{Context, anyhow};
use engine_event::{Clock, Nanos, WallClock};
use engine_pipeline::{IntervalLog, Intervals, Stages};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// An interval log under way.
pub(crate) struct Log {
    path: PathBuf,
    log: IntervalLog<File>,
    /// Why nothing more is written, if so.
    failure: Option<io::Error>,
}

/// What an interval log came to.
pub(crate) struct Logged {
    pub(crate) path: PathBuf,
    pub(crate) intervals: u64,
    /// Why not everything is in it.
    pub(crate) failure: Option<io::Error>,
}

const UNWRITTEN: &str = "latencies cannot be written";

/// Refuses what can be told to go wrong before a log's file begins anew.
pub(crate) fn check(hlog: &Hlog, feeds: &[Feed], sinks: &[Sink]) -> Result<(), Failure> {
    let place = hlog.place.as_deref();
    if hlog.path.as_os_str() == "-" {
        let what = anyhow!("latencies go to a file: standard output is the summary's");
        return Err(Failure::usage(what).placed(place));
    }
    let mut paths = sinks.iter().filter_map(|sink| sink.path.as_ref());
    if paths.any(|path| *path == hlog.path || is_same_file(path, &hlog.path)) {
        let what = anyhow!("{}: findings and latencies go to different files", hlog.path.display());
        return Err(Failure::usage(what).placed(place));
    }
    check_output(&hlog.path, place, feeds, "latencies")
}

impl Log {
    /// Begins a log, which was [checked](check).
    pub(crate) fn begin(hlog: &Hlog) -> Result<Self, Failure> {
        let note = concat!("tapewatch ", env!("CARGO_PKG_VERSION"), ", latencies in ns by stage");
        let begin = || IntervalLog::begin(File::create(&hlog.path)?, WallClock.now(), note);
        let log = begin().with_context(|| format!("{UNWRITTEN}: {}", hlog.path.display()));
        match log {
            Ok(log) => Ok(Self { path: hlog.path.clone(), log, failure: None }),
            Err(error) => Err(Failure::from(error).placed(hlog.place.as_deref())),
        }
    }

    fn interval(&mut self, from: Nanos, to: Nanos, stages: &Stages) {
        if self.failure.is_none() {
            self.failure = self.log.interval(from, to, stages).err();
        }
    }

    fn end(self) -> Logged {
        Logged { path: self.path, intervals: self.log.intervals(), failure: self.failure }
    }
}

impl Logged {
    /// Why the run did not do all that it was asked to.
    pub(crate) fn failure(&self) -> Option<String> {
        let failure = self.failure.as_ref()?;
        Some(format!("{UNWRITTEN}: {}: {failure}", self.path.display()))
    }
}

/// A thread that reads a pipeline's latencies.
pub(crate) struct Reader {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Reading>,
}

/// What was read so far.
struct Reading {
    intervals: Intervals,
    log: Option<Log>,
    view: Option<View>,
    /// When the interval under way began.
    from: Nanos,
    /// Of the interval.
    recent: Stages,
    /// Since the beginning.
    all: Stages,
}

impl Reader {
    /// Begins to read, so often.
    pub(crate) fn start(
        intervals: Intervals,
        (log, view): (Option<Log>, Option<View>),
        every: Duration,
    ) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let (recent, all) = (intervals.stages(), intervals.stages());
        let mut reading = Reading { intervals, log, view, from: WallClock.now(), recent, all };
        let read = move || {
            let mut due = Instant::now() + every;
            while !over.load(Relaxed) {
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    reading.read(&over);
                    // After a stall of this thread the next interval is long, not followed by empty ones.
                    due = (due + every).max(Instant::now());
                } else {
                    thread::park_timeout(left);
                }
            }
            reading
        };
        let thread = thread::Builder::new().name("latencies".to_owned()).spawn(read);
        Self { is_over, thread: thread.expect("the machine has a thread to give") }
    }

    /// Ends with what the stages have not handed over; returns the latencies of the whole run.
    pub(crate) fn end(self, rest: &Stages) -> (Stages, Option<Logged>) {
        self.is_over.store(true, Relaxed);
        self.thread.thread().unpark();
        let mut reading = self.thread.join().expect("the reader does not panic");
        reading.intervals.gather(&mut reading.recent);
        reading.recent.add_all(rest);
        reading.close(WallClock.now());
        (reading.all, reading.log.map(Log::end))
    }
}

impl Reading {
    /// How long stages are given to answer: one that sleeps wakes up sooner.
    const PATIENCE: Duration = Duration::from_millis(5);

    fn read(&mut self, is_over: &AtomicBool) {
        self.intervals.call();
        let called = WallClock.now();
        let patience = Instant::now() + Self::PATIENCE;
        let mut came = 0;
        while came < self.intervals.len() && Instant::now() < patience && !is_over.load(Relaxed) {
            thread::sleep(Duration::from_micros(200));
            came += self.intervals.gather(&mut self.recent);
        }
        self.close(called);
    }

    /// The interval is over.
    fn close(&mut self, at: Nanos) {
        if let Some(log) = &mut self.log {
            log.interval(self.from, at, &self.recent);
        }
        if let Some(view) = &mut self.view {
            view.interval(at, &self.recent);
        }
        self.all.add_all(&self.recent);
        self.recent.clear();
        self.from = at;
    }
}
