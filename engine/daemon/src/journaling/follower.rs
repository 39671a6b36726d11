//! Checkpoints beside the pipeline: a second one follows the journal and is saved now and then.
//!
//! The pipeline itself is never stopped for it. What it costs is a second pipeline's memory, and the work of
//! another core whenever enough events have come.

use super::{Journaling, State};
use crate::failure::Failure;
use crate::findings::Delivered;
use anyhow::Context;
use engine_assembly::{Assembly, Outlet, Roll, Spec};
use engine_event::{Clock, Directory, WallClock};
use engine_journal::{Checkpoints, Durable, JournalFeed, Reach, RealDisk};
use engine_observer::{Alert, Finding, Roster};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often it looks whether there is enough to do.
const NAP: Duration = Duration::from_millis(50);

/// A pipeline that follows.
pub(crate) struct Follower {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<u64, String>>,
}

/// Where the findings go.
#[derive(Clone)]
pub(crate) struct Sunk {
    pub(crate) delivered: Arc<Delivered>,
    pub(crate) files: Vec<PathBuf>,
}

impl Sunk {
    /// Makes what was written so far durable. What is no plain file cannot be made so.
    pub(crate) fn sync(&self) -> anyhow::Result<()> {
        for path in self.files.iter().filter(|path| path.is_file()) {
            let synced = File::open(path).and_then(|file| file.sync_data());
            synced.with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

struct Following {
    assembly: Assembly<JournalFeed<RealDisk>>,
    durable: Durable,
    disk: RealDisk,
    checkpoints: Checkpoints,
    parameters: u64,
    every: u64,
    sunk: Sunk,
    /// The last event of the newest checkpoint.
    saved: u64,
}

pub(super) struct Nowhere;

impl Outlet for Nowhere {
    fn take(&mut self, _: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Follower {
    /// Begins to follow from where the pipeline begins.
    pub(crate) fn start(
        journaling: &Journaling,
        state: Option<&State>,
        (roster, spec): (&Roster, Spec),
        sunk: Sunk,
    ) -> Result<Self, Failure> {
        let begin = Begin {
            folder: journaling.folder().to_path_buf(),
            reach: journaling.config().reach,
            state: state.map(|state| (state.seq, state.assembly.clone())),
            roster: roster.clone(),
            spec: Spec { shards: 1, ..spec },
            durable: journaling.durable().clone(),
            checkpoints: journaling.checkpoints(),
            parameters: journaling.parameters(),
            every: journaling.config().checkpoint_events,
            sunk,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::Builder::new()
            .name("checkpoints".into())
            .spawn(move || begin.follow()?.run(&stopped))
            .context("cannot start a thread")?;
        Ok(Self { stop, thread })
    }

    /// Ends it; how many checkpoints were made, or why there were no more.
    pub(crate) fn end(self) -> Result<u64, String> {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap_or_else(|_| Err("the checkpoints' thread panicked".into()))
    }
}

/// What the thread builds its pipeline from, when there is something to do.
struct Begin {
    folder: PathBuf,
    reach: Reach,
    state: Option<(u64, Vec<u8>)>,
    roster: Roster,
    spec: Spec,
    durable: Durable,
    checkpoints: Checkpoints,
    parameters: u64,
    every: u64,
    sunk: Sunk,
}

impl Begin {
    fn follow(self) -> Result<Following, String> {
        let Self {
            folder,
            reach,
            state,
            roster,
            spec,
            durable,
            checkpoints,
            parameters,
            every,
            sunk,
        } = self;
        let after = state.as_ref().map_or(0, |(seq, _)| *seq);
        let feed = JournalFeed::open(RealDisk::open(reach), &folder, after);
        let feed = feed.map_err(|error| error.to_string())?.following();
        let names = Directory::new(spec.bounds.subjects_max);
        let outlet = Box::new(Nowhere);
        let assembly = match state {
            None => Ok(Assembly::new(feed, names, &roster, outlet, spec)),
            Some((_, state)) => Assembly::resume(feed, names, &roster, outlet, spec, &state),
        };
        let assembly = assembly.map_err(|error| error.to_string())?;
        let disk = RealDisk::open(reach);
        Ok(Following {
            assembly,
            durable,
            disk,
            checkpoints,
            parameters,
            every,
            sunk,
            saved: after,
        })
    }
}

impl Following {
    fn run(mut self, stop: &AtomicBool) -> Result<u64, String> {
        let mut made = 0;
        while !stop.load(Relaxed) {
            let durable = self.durable.next() - 1;
            if durable < self.saved + self.every {
                thread::sleep(NAP);
                continue;
            }
            self.assembly.source().feed().allow(durable);
            while self.assembly.step() {
                if stop.load(Relaxed) {
                    return Ok(made);
                }
            }
            if let Some(error) = self.assembly.source().error() {
                return Err(error.to_string());
            }
            let seq = self.assembly.source().seq();
            let state = Journaling::state(self.parameters, &self.assembly);
            // What it knows is not found again by who begins with it, so it must be where it belongs.
            while self.sunk.delivered.next() <= seq {
                if stop.load(Relaxed) {
                    return Ok(made);
                }
                self.sunk.delivered.want();
                thread::sleep(NAP);
            }
            self.sunk.sync().map_err(|error| format!("{error:#}"))?;
            let written = self.checkpoints.write(&mut self.disk, seq, WallClock.now(), &state);
            written
                .map_err(|error| format!("{}: {error}", self.checkpoints.path(seq).display()))?;
            self.saved = durable;
            made += 1;
        }
        Ok(made)
    }
}
