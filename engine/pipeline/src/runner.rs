//! Threads for stages, from the first poll to the orderly end.

use crate::{Backoff, Counts, Hiccups, Jitter, Plan, Stage, Turn};
use engine_event::{Clock, Nanos};
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use thiserror::Error;

/// Runs the stages of a [`Plan`].
///
/// The stages stay the caller's: when the run is over it reads from them what they hold.
pub struct Runner<'a, C> {
    clock: C,
    stop: &'a AtomicBool,
    /// For the threads of the plan, in order; those that are missing begin anew.
    hiccups: Mutex<VecDeque<Hiccups>>,
    /// By the thread's place in the plan.
    jitter: Mutex<Vec<(usize, Jitter)>>,
}

/// How a run came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stopped {
    /// Every stage had finished.
    Finished,
    /// Somebody asked for it; what was under way was finished first.
    Drained,
}

/// Why a run did not come to its end.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RunError {
    /// A stage panicked. The others were drained.
    #[error("stage {stage} panicked: {message}; the other stages were drained")]
    Panicked {
        /// Its name.
        stage: String,
        /// What the panic said.
        message: String,
    },
    /// A thread could not be pinned.
    #[error("cannot pin a thread to core {core}: it is not among the allowed cores")]
    Unpinnable {
        /// The core.
        core: usize,
    },
}

impl<'a, C: Clock + Clone> Runner<'a, C> {
    /// A runner that reads `clock` and drains when `stop` becomes true.
    pub fn new(clock: C, stop: &'a AtomicBool) -> Self {
        Self { clock, stop, hiccups: Mutex::default(), jitter: Mutex::default() }
    }

    /// Where the threads of the next run's plan, in their order, note the gaps in their time.
    pub fn with_hiccups(self, hiccups: impl IntoIterator<Item = Hiccups>) -> Self {
        Self { hiccups: Mutex::new(hiccups.into_iter().collect()), ..self }
    }

    /// Runs until every stage is done. The stages are in the order of the plan's numbers.
    ///
    /// A stage that panics is [abandoned](Stage::abandon) and the others are drained.
    pub fn run(&self, plan: &Plan, stages: Vec<&mut dyn Stage>) -> Result<Stopped, RunError> {
        let failure = Mutex::new(None);
        let halt = AtomicBool::new(false);
        let all_jitter = &self.jitter;
        let mut hiccups = std::mem::take(&mut *self.hiccups.lock().expect(UNPOISONED));
        let mut stages: Vec<Option<&mut dyn Stage>> = stages.into_iter().map(Some).collect();
        std::thread::scope(|scope| {
            for (place, thread) in plan.threads.iter().enumerate() {
                let own: Vec<_> = thread
                    .stages
                    .iter()
                    .map(|&stage| stages[stage].take().expect("a stage has one thread"))
                    .collect();
                let name = own.iter().map(|stage| stage.name()).collect::<Vec<_>>().join("+");
                let turn = Rounds {
                    clock: self.clock.clone(),
                    stop: self.stop,
                    halt: &halt,
                    failure: &failure,
                    backoff: Backoff::new(thread.wait),
                    hiccups: hiccups.pop_front().unwrap_or_default(),
                };
                std::thread::Builder::new()
                    .name(name.chars().take(15).collect())
                    .spawn_scoped(scope, move || {
                        let jitter = turn.run(thread.core, own, name);
                        all_jitter.lock().expect(UNPOISONED).push((place, jitter));
                    })
                    .expect("the machine has a thread to give");
            }
        });
        match failure.into_inner().expect("no thread panics while it holds the failure") {
            Some(error) => Err(error),
            None if self.stop.load(Relaxed) => Ok(Stopped::Drained),
            None => Ok(Stopped::Finished),
        }
    }

    /// What the machine took from the threads of the runs so far, in the order of their plan.
    pub fn into_jitter(self) -> Vec<Jitter> {
        let mut jitter = self.jitter.into_inner().expect(UNPOISONED);
        jitter.sort_by_key(|(place, _)| *place);
        jitter.into_iter().map(|(_, jitter)| jitter).collect()
    }
}

const UNPOISONED: &str = "no thread panics while it hands over its hiccups";

/// One thread's share of the run.
struct Rounds<'a, C> {
    clock: C,
    /// Set from outside: drain.
    stop: &'a AtomicBool,
    /// Set when a stage has failed: drain as well.
    halt: &'a AtomicBool,
    failure: &'a Mutex<Option<RunError>>,
    backoff: Backoff,
    hiccups: Hiccups,
}

impl<C: Clock> Rounds<'_, C> {
    fn run(
        mut self,
        core: Option<usize>,
        mut stages: Vec<&mut dyn Stage>,
        thread: String,
    ) -> Jitter {
        if let Some(core) = core
            && !core_affinity::set_for_current(core_affinity::CoreId { id: core })
        {
            self.fail(RunError::Unpinnable { core });
        }
        let counts = Counts::of_this_thread();
        let mut draining = false;
        let began = self.clock.now();
        // When the round before began, if it found nothing to do and kept the core.
        let mut idle_from = None;
        while !stages.is_empty() {
            if !draining && (self.stop.load(Relaxed) || self.halt.load(Relaxed)) {
                draining = true;
                stages.iter_mut().for_each(|stage| stage.drain());
            }
            self.hiccups.turn();
            let now = self.clock.now();
            if let Some(from) = idle_from {
                self.hiccups.waited(now.since(from), now);
            }
            let (mut worked, mut all_wait) = (false, true);
            stages.retain_mut(|stage| match self.poll(*stage, now) {
                Some(Turn::Worked(_)) => {
                    worked = true;
                    true
                }
                Some(Turn::Idle) => {
                    all_wait = false;
                    true
                }
                Some(Turn::Waits) => true,
                Some(Turn::Done) | None => {
                    worked = true;
                    false
                }
            });
            if worked {
                self.backoff.reset();
                self.hiccups.worked(now, &self.clock);
                idle_from = None;
            } else if all_wait {
                idle_from = None;
                std::thread::sleep(Backoff::NAP);
            } else {
                idle_from = self.backoff.idle().then_some(now);
            }
        }
        let counted = counts.zip(Counts::of_this_thread());
        Jitter {
            thread,
            core,
            ran: self.clock.now().since(began),
            hiccups: self.hiccups,
            counts: counted.map(|(before, after)| after.since(&before)),
        }
    }

    /// Polls a stage; none if it panicked.
    fn poll(&self, stage: &mut dyn Stage, now: Nanos) -> Option<Turn> {
        // A stage that has panicked is never polled again, so its broken insides are seen by nobody.
        match catch_unwind(AssertUnwindSafe(|| stage.poll(now))) {
            Ok(turn) => Some(turn),
            Err(panic) => {
                let error = RunError::Panicked {
                    stage: stage.name().to_string(),
                    message: told_by(&*panic),
                };
                tracing::error!("{error}");
                stage.abandon();
                self.fail(error);
                None
            }
        }
    }

    fn fail(&self, error: RunError) {
        self.failure
            .lock()
            .expect("no thread panics while it holds the failure")
            .get_or_insert(error);
        self.halt.store(true, Relaxed);
    }
}

fn told_by(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Layout, Role, ThreadPlan, Topology, allowed_cores};
    use crate::wait::Wait;
    use engine_event::RealClock;
    use engine_ring::spsc;

    /// Counts up into a ring.
    struct Source {
        next: u64,
        end: u64,
        ring: Option<spsc::Producer<u64>>,
    }

    impl Stage for Source {
        fn name(&self) -> &str {
            "source"
        }

        fn poll(&mut self, _: Nanos) -> Turn {
            let Some(ring) = &mut self.ring else { return Turn::Done };
            if self.next == self.end {
                self.ring = None;
                return Turn::Done;
            }
            match ring.push(self.next) {
                Ok(()) => {
                    self.next += 1;
                    Turn::Worked(1)
                }
                Err(_) => Turn::Idle,
            }
        }

        fn drain(&mut self) {
            self.end = self.next;
        }

        fn abandon(&mut self) {
            self.ring = None;
        }
    }

    /// Adds up what comes, and panics at a number if told so.
    struct Sum {
        sum: u64,
        panic_at: Option<u64>,
        ring: spsc::Consumer<u64>,
    }

    impl Stage for Sum {
        fn name(&self) -> &str {
            "sum"
        }

        fn poll(&mut self, _: Nanos) -> Turn {
            match self.ring.pop() {
                Some(value) => {
                    assert_ne!(Some(value), self.panic_at, "told to");
                    self.sum += value;
                    Turn::Worked(1)
                }
                None if self.ring.is_closed() => Turn::Done,
                None => Turn::Idle,
            }
        }
    }

    fn path(end: u64, panic_at: Option<u64>) -> (Source, Sum) {
        let (producer, consumer) = spsc::spsc(8);
        (Source { next: 0, end, ring: Some(producer) }, Sum { sum: 0, panic_at, ring: consumer })
    }

    fn run(
        topology: Topology,
        source: &mut Source,
        sum: &mut Sum,
        stop: &AtomicBool,
    ) -> Result<Stopped, RunError> {
        let layout = Layout {
            topology,
            roles: &[Role::Source, Role::Collector],
            cores: &allowed_cores(),
            spread: false,
            force: true,
            bounded: true,
        };
        let plan = Plan::new(&layout).unwrap();
        Runner::new(RealClock::new(), stop).run(&plan, vec![source, sum])
    }

    #[test]
    fn the_same_stages_run_fused_and_pinned() {
        for topology in [Topology::Fused, Topology::Pinned] {
            let (mut source, mut sum) = path(10_000, None);
            let stopped = run(topology, &mut source, &mut sum, &AtomicBool::new(false));
            assert_eq!((stopped, sum.sum), (Ok(Stopped::Finished), 49_995_000), "{topology:?}");
        }
    }

    #[test]
    fn each_thread_tells_what_the_machine_took_from_it() {
        let stop = AtomicBool::new(false);
        let threads = |plan: &[(Option<usize>, &[usize])]| {
            let (mut source, mut sum) = path(u64::MAX, None);
            let threads = plan.iter().map(|(core, stages)| ThreadPlan {
                core: *core,
                wait: Wait::Yield,
                stages: stages.to_vec(),
            });
            let topology = Topology::Pinned;
            let (threads, roles) = (threads.collect(), vec![Role::Source, Role::Collector]);
            let plan = Plan { topology, threads, roles, reason: String::new() };
            let runner = Runner::new(RealClock::new(), &stop);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(std::time::Duration::from_millis(30));
                    stop.store(true, Relaxed);
                });
                runner.run(&plan, vec![&mut source, &mut sum]).unwrap();
            });
            stop.store(false, Relaxed);
            runner.into_jitter()
        };
        let core = allowed_cores().last().copied();
        let jitter = threads(&[(core, &[0]), (None, &[1])]);
        assert_eq!(jitter.iter().map(|of| &of.thread[..]).collect::<Vec<_>>(), ["source", "sum"]);
        assert_eq!((jitter[0].core, jitter[1].core), (core, None));
        let jitter = threads(&[(None, &[0, 1])]);
        let [one] = &jitter[..] else { panic!("{jitter:?}") };
        assert_eq!(one.thread, "source+sum");
        let (ran, watched) = (one.ran.0, one.hiccups.watched().0);
        assert!(ran > 25_000_000 && watched > 0 && watched < ran, "{watched} of {ran}");
        assert!(one.counts.is_some());
    }

    #[test]
    fn a_stop_finishes_what_is_under_way() {
        let (mut source, mut sum) = path(u64::MAX, None);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                stop.store(true, Relaxed);
            });
            assert_eq!(run(Topology::Fused, &mut source, &mut sum, &stop), Ok(Stopped::Drained));
        });
        assert_eq!(sum.sum, (0..source.next).sum::<u64>(), "everything pushed was added up");
    }

    #[test]
    fn a_panic_stops_everybody_and_is_told() {
        for topology in [Topology::Fused, Topology::Pinned] {
            let (mut source, mut sum) = path(u64::MAX, Some(100));
            let error = run(topology, &mut source, &mut sum, &AtomicBool::new(false)).unwrap_err();
            let RunError::Panicked { stage, message } = error else { panic!("{error}") };
            assert_eq!(stage, "sum");
            assert!(message.contains("told to"), "{message}");
            assert_eq!(sum.sum, (0..100).sum::<u64>());
        }
    }

    /// Waits for a disk until a time; counts how often it was asked.
    struct Waiting {
        until: Nanos,
        asked: u32,
    }

    impl Stage for Waiting {
        fn name(&self) -> &str {
            "waiting"
        }

        fn poll(&mut self, now: Nanos) -> Turn {
            self.asked += 1;
            if now < self.until { Turn::Waits } else { Turn::Done }
        }
    }

    #[test]
    fn a_thread_that_waits_for_a_disk_sleeps_unless_somebody_has_work() {
        for works in [false, true] {
            let clock = RealClock::new();
            let until = clock.now() + Nanos::from_millis(40);
            let mut waiting = Waiting { until, asked: 0 };
            let (mut source, mut sum) = path(if works { u64::MAX } else { 0 }, None);
            let stop = AtomicBool::new(false);
            let thread = ThreadPlan { core: None, wait: Wait::Spin, stages: vec![0, 1, 2] };
            let roles = vec![Role::Source, Role::Shard, Role::Collector];
            let (threads, reason) = (vec![thread], String::new());
            let plan = Plan { topology: Topology::Fused, threads, roles, reason };
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(std::time::Duration::from_millis(60));
                    stop.store(true, Relaxed);
                });
                let runner = Runner::new(clock, &stop);
                runner.run(&plan, vec![&mut source, &mut sum, &mut waiting]).unwrap();
            });
            // Naps of 200 µs make 200 of them at most.
            assert_eq!(waiting.asked > 250, works, "{} times", waiting.asked);
        }
    }
}
