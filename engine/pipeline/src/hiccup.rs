//! What the machine takes from a thread: gaps in its time, and what the kernel counted.
//!
//! A thread that only waits reads the clock over and over. Where two readings lie further apart than
//! they need to, somebody else had the core: the host, the kernel, another program. A thread that never
//! waits looks at the clock alone for a moment of each millisecond instead. Both tell the jitter that
//! belongs to the machine, to be held against the pipeline's own tail.

use crate::{Intervals, Latency, Meter, Stages, ThreadPlan};
use engine_event::{Clock, Nanos};
use std::fs;

/// Gaps in a thread's time, written by that thread alone.
#[derive(Debug)]
pub struct Hiccups {
    gaps: Latency,
    /// The same for somebody who reads them by interval.
    meter: Option<Meter>,
    stolen: Nanos,
    watched: Nanos,
    /// The shortest idle round so far: what one costs if nobody disturbs it.
    usual: Nanos,
    /// When a thread that does not wait looks at the clock.
    look_at: Nanos,
}

impl Hiccups {
    /// A gap is told from here: shorter ones are the thread's own.
    pub const LEAST: Nanos = Nanos(1000);
    /// How often a busy thread looks at the clock alone.
    pub const EVERY: Nanos = Nanos::from_millis(1);
    /// For how long it does.
    pub const LOOK: Nanos = Nanos(4000);

    /// Nothing seen yet; all the memory it will need.
    pub fn new() -> Self {
        Self {
            gaps: Latency::new(),
            meter: None,
            stolen: Nanos(0),
            watched: Nanos(0),
            usual: Nanos::END,
            look_at: Nanos(0),
        }
    }

    /// What all names of hiccups begin with where they stand beside stages.
    pub const NAME: &str = "hiccup ";

    /// Those of a plan's thread, which are also read by interval: as `hiccup core 2`.
    pub fn watched_by(intervals: &mut Intervals, place: usize, thread: &ThreadPlan) -> Self {
        let mut meter = Meter::new([match thread.core {
            Some(core) => format!("{}core {core}", Self::NAME),
            None => format!("{}thread {place}", Self::NAME),
        }]);
        intervals.watch(&mut meter);
        Self { meter: Some(meter), ..Self::new() }
    }

    /// Answers who reads by interval; to be called once a round.
    #[inline]
    pub fn turn(&mut self) {
        if let Some(meter) = &mut self.meter {
            meter.turn();
        }
    }

    /// Adds what a reader by interval was not given yet.
    pub fn add_rest_to(&self, stages: &mut Stages) {
        if let Some(meter) = &self.meter {
            meter.add_to(stages);
        }
    }

    /// An idle round took so long, until `now`, and the thread did not give its core away meanwhile.
    #[inline]
    pub fn waited(&mut self, round: Nanos, now: Nanos) {
        self.watched.0 += round.0;
        self.usual = self.usual.min(round);
        self.look_at = now + Self::EVERY;
        let gap = round.since(self.usual);
        if gap > Self::LEAST {
            self.record(gap);
        }
    }

    /// A busy round has begun at `now`. Looks at the clock alone if it is time to.
    #[inline]
    pub fn worked(&mut self, now: Nanos, clock: &impl Clock) {
        if now >= self.look_at {
            self.look(clock);
        }
    }

    #[cold]
    fn look(&mut self, clock: &impl Clock) {
        // More readings than the fastest clock needs: one that stands still ends here.
        const READINGS_MAX: u32 = 1000;
        let from = clock.now();
        let mut last = from;
        for _ in 0..READINGS_MAX {
            let now = clock.now();
            let gap = now.since(last);
            last = now;
            if gap > Self::LEAST {
                self.record(gap);
            }
            if now.since(from) >= Self::LOOK {
                break;
            }
        }
        self.watched.0 += last.since(from).0;
        self.look_at = last + Self::EVERY;
    }

    #[cold]
    fn record(&mut self, gap: Nanos) {
        self.stolen.0 += gap.0;
        self.gaps.record(gap);
        if let Some(meter) = &mut self.meter {
            meter.record(0, gap);
        }
    }

    /// The gaps.
    pub fn gaps(&self) -> &Latency {
        &self.gaps
    }

    /// All gaps together.
    pub fn stolen(&self) -> Nanos {
        self.stolen
    }

    /// The time in which a gap would have been seen.
    pub fn watched(&self) -> Nanos {
        self.watched
    }
}

impl Default for Hiccups {
    fn default() -> Self {
        Self::new()
    }
}

/// What the kernel has counted of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// How often it was taken off its core although it had work.
    pub preempted: u64,
    /// How often it gave its core away: slept, yielded or waited for the disk.
    pub yielded: u64,
    /// Pages that were mapped when first touched.
    pub minor_faults: u64,
    /// Pages that were fetched from the disk.
    pub major_faults: u64,
    /// For how long it could have run, but others did; none if this kernel does not tell.
    pub queued: Option<Nanos>,
}

impl Counts {
    /// Those of the calling thread since it began. Reads files of /proc: not for the hot path.
    pub fn of_this_thread() -> Option<Self> {
        let read = |name| fs::read_to_string(format!("/proc/thread-self/{name}")).ok();
        let schedule = read("schedstat");
        Self::parse(&read("status")?, &read("stat")?, schedule.as_deref())
    }

    fn parse(status: &str, stat: &str, schedule: Option<&str>) -> Option<Self> {
        let switches = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.strip_prefix(':')?.trim().parse().ok()
        };
        // After the name, which may hold anything and so is looked for from behind.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        let faults = |place: usize| fields.get(place)?.parse().ok();
        let queued = schedule.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        Some(Self {
            preempted: switches("nonvoluntary_ctxt_switches")?,
            yielded: switches("voluntary_ctxt_switches")?,
            minor_faults: faults(7)?,
            major_faults: faults(9)?,
            queued: queued.map(Nanos),
        })
    }

    /// What came to `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            preempted: self.preempted.saturating_sub(earlier.preempted),
            yielded: self.yielded.saturating_sub(earlier.yielded),
            minor_faults: self.minor_faults.saturating_sub(earlier.minor_faults),
            major_faults: self.major_faults.saturating_sub(earlier.major_faults),
            queued: self.queued.zip(earlier.queued).map(|(now, then)| now.since(then)),
        }
    }
}

/// What the machine took from a thread of a run.
#[derive(Debug)]
pub struct Jitter {
    /// Its stages, joined by `+`.
    pub thread: String,
    /// The core that it was pinned to.
    pub core: Option<usize>,
    /// From its first poll to its last.
    pub ran: Nanos,
    /// Gaps in its time.
    pub hiccups: Hiccups,
    /// What the kernel counted meanwhile, where it tells.
    pub counts: Option<Counts>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_event::RealClock;
    use std::cell::Cell;

    fn told(hiccups: &Hiccups) -> (u64, u64, u64) {
        (hiccups.gaps().percentiles().count, hiccups.stolen().0, hiccups.watched().0)
    }

    #[test]
    fn a_round_longer_than_usual_was_disturbed() {
        let mut hiccups = Hiccups::new();
        for round in [90, 80, 85, 1080, 1081, 80, 50_080] {
            hiccups.waited(Nanos(round), Nanos(0));
        }
        assert_eq!(told(&hiccups), (2, 1001 + 50_000, 52_576));
        let gaps = hiccups.gaps().percentiles();
        assert!((50_000..50_100).contains(&gaps.max), "{gaps:?}");
    }

    #[test]
    fn hiccups_are_read_by_interval_as_stages_are() {
        let mut intervals = Intervals::new();
        let thread = |core| ThreadPlan { core, wait: crate::Wait::Spin, stages: vec![] };
        let mut pinned = Hiccups::watched_by(&mut intervals, 0, &thread(Some(2)));
        let mut loose = Hiccups::watched_by(&mut intervals, 1, &thread(None));
        for round in [100, 5100] {
            pinned.waited(Nanos(round), Nanos(0));
            loose.waited(Nanos(round), Nanos(0));
        }
        intervals.call();
        pinned.turn();
        pinned.waited(Nanos(7100), Nanos(0));
        let mut stages = Stages::new();
        intervals.gather(&mut stages);
        let counts = |stages: &Stages| -> Vec<_> {
            stages.percentiles().map(|(name, of)| (name.to_string(), of.count)).collect()
        };
        assert_eq!(counts(&stages), [("hiccup core 2".to_string(), 1)]);
        [pinned, loose].iter().for_each(|of| of.add_rest_to(&mut stages));
        let all = [("hiccup core 2".to_string(), 2), ("hiccup thread 1".to_string(), 1)];
        assert_eq!(counts(&stages), all);
    }

    /// A clock whose readings are a list; the last one stays.
    struct Listed(Cell<usize>, Vec<u64>);

    impl Clock for Listed {
        fn now(&self) -> Nanos {
            let at = self.0.get().min(self.1.len() - 1);
            self.0.set(at + 1);
            Nanos(self.1[at])
        }
    }

    #[test]
    fn a_busy_thread_looks_for_a_moment_of_each_millisecond() {
        let clock =
            Listed(Cell::new(0), vec![2_000_000, 2_000_010, 2_003_010, 2_003_020, 2_004_000]);
        let mut hiccups = Hiccups::new();
        hiccups.worked(Nanos(2_000_000), &clock);
        assert_eq!(told(&hiccups), (1, 3000, 4000));
        hiccups.worked(Nanos(3_003_999), &clock);
        assert_eq!(told(&hiccups), (1, 3000, 4000), "a millisecond has not passed");
        hiccups.worked(Nanos(3_004_000), &clock);
        assert_eq!(told(&hiccups), (1, 3000, 4000), "a clock that stands still is given up");
    }

    #[test]
    fn a_thread_that_waits_need_not_look() {
        let clock = Listed(Cell::new(0), vec![0]);
        let mut hiccups = Hiccups::new();
        hiccups.waited(Nanos(50), Nanos(5_000_000));
        hiccups.worked(Nanos(5_900_000), &clock);
        assert_eq!(clock.0.get(), 0, "the clock was not read");
    }

    #[test]
    fn the_kernels_counts_are_found_whatever_a_thread_is_called() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t14\nnonvoluntary_ctxt_switches:\t3\n";
        let stat = "77 (a) b (c)) R 1 77 1 0 -1 4194304 120 5 2 0 9 1 0 0 20 0 1 0 5";
        let counts = Counts::parse(status, stat, Some("5021 907 33\n")).unwrap();
        let expected = Counts {
            preempted: 3,
            yielded: 14,
            minor_faults: 120,
            major_faults: 2,
            queued: Some(Nanos(907)),
        };
        assert_eq!(counts, expected);
        assert_eq!(Counts::parse(status, stat, None).unwrap().queued, None);
        assert_eq!(Counts::parse("", stat, None), None);
        assert_eq!(Counts::parse(status, "77 (a", None), None);
        let earlier = Counts { preempted: 1, queued: Some(Nanos(7)), ..Counts::default() };
        let since = counts.since(&earlier);
        assert_eq!((since.preempted, since.yielded, since.queued), (2, 14, Some(Nanos(900))));
    }

    #[test]
    fn this_thread_is_counted() {
        let before = Counts::of_this_thread().expect("a kernel with /proc");
        let pages = vec![1_u8; 4 << 20];
        for _ in 0..10 {
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
        let since = Counts::of_this_thread().unwrap().since(&before);
        assert!(since.yielded >= 10, "{since:?}");
        assert!(since.minor_faults > 0 || pages.is_empty(), "{since:?}");
    }

    #[test]
    fn a_sleep_is_a_gap() {
        let clock = RealClock::new();
        let mut hiccups = Hiccups::new();
        let mut last = clock.now();
        for round in 0..1000 {
            if round == 500 {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            let now = clock.now();
            hiccups.waited(now.since(last), now);
            last = now;
        }
        assert!(hiccups.gaps().percentiles().max >= 5_000_000);
        assert!(hiccups.stolen() < hiccups.watched());
    }
}
