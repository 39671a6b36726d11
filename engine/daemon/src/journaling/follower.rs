//! Checkpoints beside the pipeline: a second one follows the journal and is saved now and then.
//!
//! The pipeline itself is never stopped for it. What it costs is a second pipeline's memory, and the work of
//! another core whenever enough events have come.

use super::{Journaling, State};
use crate::failure::Failure;
use anyhow::Context;
use engine_assembly::{Assembly, Outlet, Roll, Spec};
use engine_event::{Clock, Directory, WallClock};
use engine_journal::{Checkpoints, Durable, JournalFeed, RealDisk};
use engine_observer::{Alert, Finding, Roster};
use std::io;
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

struct Following {
    assembly: Assembly<JournalFeed<RealDisk>>,
    durable: Durable,
    disk: RealDisk,
    checkpoints: Checkpoints,
    parameters: u64,
    every: u64,
    /// The last event of the newest checkpoint.
    saved: u64,
}

struct Nowhere;

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
        roster: &Roster,
        spec: Spec,
    ) -> Result<Self, Failure> {
        let after = state.map_or(0, |state| state.seq);
        let reach = journaling.config().reach;
        let feed = JournalFeed::open(RealDisk::open(reach), journaling.folder(), after);
        let feed = feed.map_err(Failure::data)?.following();
        let names = Directory::new(spec.bounds.subjects_max);
        let spec = Spec { shards: 1, ..spec };
        let assembly = match state {
            None => Assembly::new(feed, names, roster, Box::new(Nowhere), spec),
            Some(state) => {
                Assembly::resume(feed, names, roster, Box::new(Nowhere), spec, &state.assembly)
                    .map_err(|error| Failure::data(anyhow::Error::from(error)))?
            }
        };
        let following = Following {
            assembly,
            durable: journaling.durable().clone(),
            disk: RealDisk::open(reach),
            checkpoints: journaling.checkpoints(),
            parameters: journaling.parameters(),
            every: journaling.config().checkpoint_events,
            saved: after,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::Builder::new()
            .name("checkpoints".into())
            .spawn(move || following.run(&stopped))
            .context("cannot start a thread")?;
        Ok(Self { stop, thread })
    }

    /// Ends it; how many checkpoints were made, or why there were no more.
    pub(crate) fn end(self) -> Result<u64, String> {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap_or_else(|_| Err("the checkpoints' thread panicked".into()))
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
            let state = Journaling::state(self.parameters, &mut self.assembly);
            let written = self.checkpoints.write(&mut self.disk, seq, WallClock.now(), &state);
            written.map_err(|error| format!("{}: {error}", self.checkpoints.path(seq).display()))?;
            self.saved = durable;
            made += 1;
        }
        Ok(made)
    }
}
