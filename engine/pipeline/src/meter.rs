//! What stages write down about themselves, and how somebody else gets to read it while they run.
//!
//! A [`Meter`] is a stage's own: nobody else touches its histograms, so that recording is a few plain
//! instructions. Whoever wants to read them by interval [calls](Intervals::call) for them: at its next
//! turn the stage takes an empty set, and hands the full one over through a ring of one to one. It
//! comes back empty the same way. Nobody waits, and nothing is allocated.

use crate::{Latency, Percentiles};
use crossbeam_utils::CachePadded;
use engine_event::Nanos;
use engine_ring::spsc;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The histograms of one writer, one for each thing that it measures.
#[derive(Debug)]
pub struct Meter {
    names: Arc<[String]>,
    /// Of the interval under way, or of all time if nobody has ever called.
    current: Box<[Latency]>,
    way: Option<Way>,
}

/// A meter's way to whoever reads it.
#[derive(Debug)]
struct Way {
    called: Arc<CachePadded<AtomicU64>>,
    answered: u64,
    full: spsc::Producer<Box<[Latency]>>,
    empty: spsc::Consumer<Box<[Latency]>>,
}

impl Meter {
    /// A meter of what has these names; [`record`](Self::record) knows each by its place.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let names: Arc<[String]> = names.into_iter().map(Into::into).collect();
        let current = names.iter().map(|_| Latency::new()).collect();
        Self { names, current, way: None }
    }

    /// One more `span` of what has the place `what`.
    #[inline]
    pub fn record(&mut self, what: usize, span: Nanos) {
        self.current[what].record(span);
    }

    /// Answers a call, if there was one. To be called once a turn, whether or not there was work: it is
    /// one load. Returns whether an interval has begun.
    #[inline]
    pub fn turn(&mut self) -> bool {
        match &self.way {
            Some(way) if way.called.load(Relaxed) != way.answered => self.hand_over(),
            _ => false,
        }
    }

    #[cold]
    fn hand_over(&mut self) -> bool {
        let Some(way) = &mut self.way else { return false };
        // The last set may not have come back yet: then this interval goes on.
        let Some(empty) = way.empty.pop() else { return false };
        way.answered = way.called.load(Relaxed);
        let full = mem::replace(&mut self.current, empty);
        // There are as many places as sets.
        let handed = way.full.push(full);
        debug_assert!(handed.is_ok(), "a set has its place in the ring");
        true
    }

    /// Adds what was recorded and not handed over.
    pub fn add_to(&self, stages: &mut Stages) {
        stages.add_set(&self.names, &self.current);
    }
}

/// How many sets of histograms a meter has: the one that it writes, and one on its way.
const SETS: usize = 2;

/// Reads meters by interval, on a thread that has time.
#[derive(Default, Debug)]
pub struct Intervals {
    called: Arc<CachePadded<AtomicU64>>,
    ends: Vec<End>,
}

/// The reader's end of a meter's way.
#[derive(Debug)]
struct End {
    names: Arc<[String]>,
    full: spsc::Consumer<Box<[Latency]>>,
    empty: spsc::Producer<Box<[Latency]>>,
}

impl Intervals {
    /// Nobody is read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on this meter's intervals come here. What it has recorded belongs to the first one.
    pub fn watch(&mut self, meter: &mut Meter) {
        let (full, full_out) = spsc(SETS);
        let (mut empty, empty_out) = spsc(SETS);
        let spare = meter.current.iter().map(|_| Latency::new()).collect();
        let handed = empty.push(spare);
        debug_assert!(handed.is_ok(), "the ring is empty");
        let called = self.called.clone();
        let answered = called.load(Relaxed);
        meter.way = Some(Way { called, answered, full, empty: empty_out });
        self.ends.push(End { names: meter.names.clone(), full: full_out, empty });
    }

    /// Asks every stage for what it has recorded since the last call.
    pub fn call(&self) {
        self.called.fetch_add(1, Relaxed); // it orders nothing: the sets come through rings
    }

    /// Adds what has come so far; returns how many stages it came from. Those that do not come in time
    /// come later, with the next.
    pub fn gather(&mut self, stages: &mut Stages) -> usize {
        let mut came = 0;
        for end in &mut self.ends {
            while let Some(mut set) = end.full.pop() {
                stages.add_set(&end.names, &set);
                set.iter_mut().for_each(Latency::clear);
                // The writer is gone, or there is a place for what it gave away.
                let _ = end.empty.push(set);
                came += 1;
            }
        }
        came
    }

    /// Every name that there is, with nothing recorded, in the order in which meters were met: what is
    /// gathered into it keeps that order, whoever answers first.
    pub fn stages(&self) -> Stages {
        let mut stages = Stages::new();
        for name in self.ends.iter().flat_map(|end| end.names.iter()) {
            if stages.get(name).is_none() {
                stages.0.push((name.clone(), Latency::new()));
            }
        }
        stages
    }

    /// How many meters there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nobody is read.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// Latencies by name, in the order in which the names were met: several writers of one name are one.
#[derive(Clone, Default, Debug)]
pub struct Stages(Vec<(String, Latency)>);

impl Stages {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    fn add_set(&mut self, names: &[String], set: &[Latency]) {
        names.iter().zip(set).for_each(|(name, latency)| self.add(name, latency));
    }

    /// Adds what one writer recorded.
    pub fn add(&mut self, name: &str, latency: &Latency) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, all)) => all.add(latency),
            None => self.0.push((name.to_string(), latency.clone())),
        }
    }

    /// Adds all of another's.
    pub fn add_all(&mut self, other: &Stages) {
        other.iter().for_each(|(name, latency)| self.add(name, latency));
    }

    /// Forgets what was recorded, and keeps the names.
    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(|(_, latency)| latency.clear());
    }

    /// Each with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Latency)> + '_ {
        self.0.iter().map(|(name, latency)| (name.as_str(), latency))
    }

    /// The latencies of a name.
    pub fn get(&self, name: &str) -> Option<&Latency> {
        self.iter().find_map(|(known, latency)| (known == name).then_some(latency))
    }

    /// The figures by name.
    pub fn percentiles(&self) -> impl Iterator<Item = (&str, Percentiles)> + '_ {
        self.iter().map(|(name, latency)| (name, latency.percentiles()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn counts(stages: &Stages) -> Vec<(&str, u64)> {
        stages.percentiles().map(|(name, of)| (name, of.count)).collect()
    }

    fn gathered(intervals: &mut Intervals) -> Stages {
        let mut stages = Stages::new();
        intervals.gather(&mut stages);
        stages
    }

    #[test]
    fn an_interval_is_what_was_recorded_since_the_last_call() {
        let mut meter = Meter::new(["hop", "book"]);
        meter.record(0, Nanos(5));
        let mut intervals = Intervals::new();
        intervals.watch(&mut meter);
        assert!(!meter.turn(), "nobody has called");
        for recorded in [2, 0, 3] {
            (0..recorded).for_each(|_| meter.record(1, Nanos(7)));
            intervals.call();
            assert_eq!(counts(&gathered(&mut intervals)), [], "the stage had no turn yet");
            assert!(meter.turn() && !meter.turn());
            let first = u64::from(recorded == 2);
            let expected = [("hop", first), ("book", recorded)];
            assert_eq!(counts(&gathered(&mut intervals)), expected);
        }
    }

    #[test]
    fn nothing_is_lost_while_the_reader_sleeps() {
        let mut meter = Meter::new(["hop"]);
        let mut intervals = Intervals::new();
        intervals.watch(&mut meter);
        for _ in 0..5 {
            meter.record(0, Nanos(1));
            intervals.call();
            meter.turn();
        }
        let mut stages = gathered(&mut intervals);
        assert_eq!(
            counts(&stages),
            [("hop", 1)],
            "there is one set beside the one that is written"
        );
        meter.add_to(&mut stages);
        assert_eq!(counts(&stages), [("hop", 5)]);
    }

    #[test]
    fn writers_of_one_name_are_one() {
        let mut source = Meter::new(["decode"]);
        let mut shards = [Meter::new(["hop"]), Meter::new(["hop"])];
        let mut intervals = Intervals::new();
        intervals.watch(&mut source);
        shards.iter_mut().for_each(|meter| intervals.watch(meter));
        intervals.call();
        for meter in &mut shards {
            meter.record(0, Nanos(3));
            meter.turn();
        }
        let mut stages = intervals.stages();
        assert_eq!(intervals.gather(&mut stages), 2);
        assert_eq!(counts(&stages), [("decode", 0), ("hop", 2)], "as they were met");
    }

    #[test]
    fn a_writer_that_never_stops_loses_nothing() {
        let mut meter = Meter::new(["hop"]);
        let mut intervals = Intervals::new();
        intervals.watch(&mut meter);
        let over = AtomicBool::new(false);
        let mut stages = Stages::new();
        let (recorded, meter) = std::thread::scope(|scope| {
            let over = &over;
            let writer = scope.spawn(move || {
                let mut recorded = 0;
                while !over.load(Relaxed) || recorded < 1000 {
                    meter.record(0, Nanos(recorded % 1000));
                    recorded += 1;
                    meter.turn();
                }
                (recorded, meter)
            });
            let mut came = 0;
            while came < 20 {
                intervals.call();
                came += intervals.gather(&mut stages);
                std::thread::yield_now();
            }
            over.store(true, Relaxed);
            writer.join().unwrap()
        });
        intervals.gather(&mut stages);
        meter.add_to(&mut stages);
        assert_eq!(counts(&stages), [("hop", recorded)]);
    }
}
