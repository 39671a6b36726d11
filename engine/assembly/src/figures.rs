//! Counts that stages tell of themselves while they run, once an interval.

use crate::Tallied;
use crate::held::Holding;
use engine_event::FaultCounts;
use engine_journal::{Durable, Written};
use engine_ring::spsc;

/// What a source has taken in.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[allow(missing_docs)] // as a run's outcome has them
pub struct Flow {
    pub messages: u64,
    pub events: u64,
    pub bytes: u64,
    pub gaps: u64,
    pub unknown: u64,
    pub stalls: u64,
    /// Events in the ring that somebody has still to take.
    pub in_ring: u64,
    pub faults: FaultCounts,
}

/// What a collector has released.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// By name, as many as there are.
    tallied: [Option<Tallied>; Counted::NAMES_MAX],
    pub(crate) faults: FaultCounts,
    pub(crate) held: Holding,
}

impl Counted {
    /// How many names of alerts and signals are told.
    pub const NAMES_MAX: usize = 96;

    pub(crate) fn of(tallied: &[Tallied], faults: FaultCounts, held: Holding) -> Self {
        let told = std::array::from_fn(|place| tallied.get(place).copied());
        Self { tallied: told, faults, held }
    }

    /// What was found, by name.
    pub fn tallied(&self) -> impl Iterator<Item = &Tallied> {
        self.tallied.iter().flatten()
    }
}

impl Default for Counted {
    fn default() -> Self {
        Self::of(&[], FaultCounts::default(), Holding::default())
    }
}

/// What a journal has done, and what waits for it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Journaled {
    /// The number of the first event that is not known to be durable.
    pub next: u64,
    /// Commits, bytes, waiting blocks, events left out.
    pub written: Written,
    /// Turns in which the journal had no room and the ring held the feed back.
    pub stalls: u64,
    /// The findings that wait, and those that will never be final.
    pub held: Holding,
    /// Why nothing more will become durable, if so.
    pub failure: Option<String>,
}

impl Journaled {
    pub(crate) fn of(durable: &Durable, stalls: u64, held: Holding) -> Self {
        let (next, written) = (durable.next(), durable.written());
        Self { next, written, stalls, held, failure: durable.failure() }
    }
}

/// A stage's end: what finds no place, because nobody has read, is told by the next.
#[derive(Debug)]
pub(crate) struct Told<T>(spsc::Producer<T>);

impl<T: Send> Told<T> {
    pub(crate) fn tell(&mut self, figures: T) {
        let _ = self.0.push(figures);
    }
}

/// The reader's end of all stages.
#[derive(Debug)]
pub struct Figures {
    source: Latest<Flow>,
    shards: Vec<Latest<FaultCounts>>,
    collector: Latest<Counted>,
    journal: Option<(Durable, Latest<u64>)>,
}

/// The last of what one stage has told.
#[derive(Debug)]
struct Latest<T> {
    from: spsc::Consumer<T>,
    told: T,
}

fn latest<T: Default + Send>() -> (Told<T>, Latest<T>) {
    let (told, from) = spsc(4);
    (Told(told), Latest { from, told: T::default() })
}

impl<T: Send> Latest<T> {
    fn read(&mut self) -> &T {
        while let Some(told) = self.from.pop() {
            self.told = told;
        }
        &self.told
    }
}

/// The ends of the stages.
pub(crate) struct Tellers {
    pub(crate) source: Told<Flow>,
    pub(crate) shards: Vec<Told<FaultCounts>>,
    pub(crate) collector: Told<Counted>,
    pub(crate) journal: Told<u64>,
}

pub(crate) fn figures(shards: usize, durable: Option<Durable>) -> (Tellers, Figures) {
    let (source, flow) = latest();
    let (collector, found) = latest();
    let (journal, stalls) = latest();
    let (tellers, faults) = (0..shards).map(|_| latest()).unzip();
    let stalls = durable.map(|durable| (durable, stalls));
    let figures = Figures { source: flow, shards: faults, collector: found, journal: stalls };
    (Tellers { source, shards: tellers, collector, journal }, figures)
}

impl Figures {
    /// The latest of every stage: what was taken in, with the faults of all of them; and what was found.
    pub fn read(&mut self) -> (Flow, Counted) {
        let mut flow = *self.source.read();
        let found = *self.collector.read();
        flow.faults.add(&found.faults);
        self.shards.iter_mut().for_each(|shard| flow.faults.add(shard.read()));
        (flow, found)
    }

    /// How the journal is, if there is one: the disk's part as of now, the stages' as of the last time
    /// that they told.
    pub fn journal(&mut self) -> Option<Journaled> {
        let (durable, stalls) = self.journal.as_mut()?;
        Some(Journaled::of(durable, *stalls.read(), self.collector.read().held))
    }
}
