//! Two pinned threads that start together.

use core_affinity::CoreId;
use quanta::Instant;
use std::{
    hint,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

/// The two cores that a bench runs on.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    source: CoreId,
    target: CoreId,
}

/// What two sides returned, and how long it took from the start of the first to the end of both.
#[derive(Debug)]
pub struct Duel<S, T> {
    /// What the first side returned.
    pub source: S,
    /// What the second side returned.
    pub target: T,
    /// From the moment the first side started until both had ended.
    pub took: Duration,
}

impl Cores {
    /// The first two cores that this process may use, or `None` if there is only one.
    #[must_use]
    pub fn pair() -> Option<Self> {
        match core_affinity::get_core_ids()?[..] {
            [source, target, ..] => Some(Self { source, target }),
            _ => None,
        }
    }

    /// As [`pair`](Self::pair), or leaves the program in peace with a word about it.
    #[must_use]
    pub fn pair_or_exit() -> Self {
        Self::pair().unwrap_or_else(|| {
            println!("not run: needs two cores");
            std::process::exit(0)
        })
    }

    /// Runs each side on a core of its own, released at the same moment.
    ///
    /// The calling thread is never pinned: threads it starts later would inherit that.
    ///
    /// # Panics
    /// If a core cannot be had, or a side panics.
    pub fn duel<S: Send, T: Send>(
        self,
        source: impl FnOnce() -> S + Send,
        target: impl FnOnce() -> T + Send,
    ) -> Duel<S, T> {
        let ready = &AtomicUsize::new(0);
        thread::scope(|scope| {
            let source = scope.spawn(move || timed(self.source, ready, source));
            let target = scope.spawn(move || timed(self.target, ready, target));
            let (source, start, source_end) = source.join().expect("the first side panicked");
            let (target, _, target_end) = target.join().expect("the second side panicked");
            Duel { source, target, took: source_end.max(target_end) - start }
        })
    }
}

fn timed<R>(core: CoreId, ready: &AtomicUsize, side: impl FnOnce() -> R) -> (R, Instant, Instant) {
    assert!(core_affinity::set_for_current(core), "core {} cannot be had", core.id);
    ready.fetch_add(1, Ordering::AcqRel);
    while ready.load(Ordering::Acquire) < 2 {
        hint::spin_loop();
    }
    let start = Instant::now();
    let result = side();
    (result, start, Instant::now())
}
