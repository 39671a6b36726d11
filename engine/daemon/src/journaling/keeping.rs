//! Old segments beside the pipeline: a thread compresses and deletes them.

use super::{Journaling, State};
use crate::failure::Failure;
use crate::output::{Bytes, Thousands};
use anyhow::Context;
use engine_audit::layout::Stream;
use engine_event::{Clock, Nanos, WallClock};
use engine_journal::{Keeper, Kept, LEVEL, RealDisk, Retention, Turn, Usable};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often it looks whether there is something to do.
const NAP: Duration = Duration::from_millis(200);
/// How often it looks whether the writer has answered, or whether it is to end.
const SHORT_NAP: Duration = Duration::from_millis(10);
/// How long it goes on when the run is over; what is left then is the next run's.
const PATIENCE: Duration = Duration::from_secs(5);

/// A keeper on its thread.
pub(crate) struct Keeping {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Kept>,
}

impl Keeping {
    /// Begins, if the configuration wants anything of it.
    pub(crate) fn start(journaling: &Journaling) -> Result<Option<Self>, Failure> {
        let keep = journaling.config().keep;
        let retention = Retention {
            age: keep.days.map(|days| Nanos(days.saturating_mul(DAY))),
            bytes: keep.bytes,
            level: keep.compress.then_some(LEVEL),
        };
        if retention == Retention::default() {
            return Ok(None);
        }
        let parameters = journaling.parameters();
        let usable: Usable = Box::new(move |checkpoint| {
            State::read(checkpoint.seq, &checkpoint.state, parameters).is_ok()
        });
        let (events, alerts) = (journaling.durable[0].clone(), journaling.durable[1].clone());
        let keeper = Keeper::new(
            RealDisk::open(journaling.config().reach),
            journaling.folder(),
            retention,
            [(Stream::Events, events), (Stream::Alerts, alerts)],
            (journaling.checkpoints(), usable),
        );
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::Builder::new()
            .name("keeper".into())
            .spawn(move || run(keeper, &stopped))
            .context("cannot start a thread")?;
        Ok(Some(Self { stop, thread }))
    }

    /// Ends it, when the journal is closed.
    pub(crate) fn end(self) {
        self.stop.store(true, Relaxed);
        let Ok(kept) = self.thread.join() else {
            tracing::warn!("old segments stay as they are: the keeper's thread panicked");
            return;
        };
        if kept.compressed > 0 {
            let (count, before) = (Thousands(kept.compressed), Bytes(kept.bytes_before));
            let after = Bytes(kept.bytes_after);
            tracing::info!("{count} segments compressed from {before} to {after}");
        }
        if kept.deleted > 0 {
            let (count, bytes) = (Thousands(kept.deleted), Bytes(kept.bytes_deleted));
            tracing::info!("{count} segments deleted, {bytes}");
        }
    }
}

const DAY: u64 = 86_400_000_000_000;

fn run(mut keeper: Keeper<RealDisk>, stop: &AtomicBool) -> Kept {
    while !stop.load(Relaxed) {
        let nap = match keeper.turn(WallClock.now()) {
            Turn::Worked => continue,
            Turn::Asked => SHORT_NAP,
            Turn::Idle => NAP,
        };
        let until = Instant::now() + nap;
        while Instant::now() < until && !stop.load(Relaxed) {
            thread::sleep(SHORT_NAP);
        }
    }
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && keeper.turn(WallClock.now()) == Turn::Worked {}
    keeper.kept()
}
