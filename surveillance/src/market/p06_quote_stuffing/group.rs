//! One participant in one instrument: what it sends now, and its burst.

use super::QuoteStuffing;
use super::traffic::Traffic;
use crate::market::action::{Act, Action};
use crate::market::lives::{LastTold, Lives};
use crate::window::{Mark, Window};
use engine_observer::event::{Nanos, Reader, Snapshot, SnapshotError, Writer};
use std::ops::{AddAssign, SubAssign};

/// What is remembered about a participant.
pub(super) struct Group {
    second: Window<Counts, 100_000_000, 10>,
    five: Window<Counts, 500_000_000, 10>,
    last_told: LastTold,
    /// The burst that is going on.
    pub(super) burst: Option<Burst>,
    /// The day (UTC, from the epoch) that `bursts` and `alerted` are about.
    day: u64,
    /// Bursts of the day that met every condition.
    pub(super) bursts: u32,
    /// How many those were when an alert was last raised today; 0 when none was.
    pub(super) alerted: u32,
    /// Whether it may have been here earlier today and been forgotten.
    pub(super) forgotten: bool,
}

/// A burst, from its first message to now.
#[derive(Clone, Copy)]
pub(super) struct Burst {
    pub(super) first: Mark,
    pub(super) last: Mark,
    pub(super) totals: Counts,
    /// The most messages within 1 s.
    pub(super) rate_per_s: u32,
    /// How many would have made a burst when it began.
    pub(super) rate_min: u32,
    /// The most touch changes within 5 s.
    pub(super) touch_changes_5s: u32,
    /// The instrument's messages before it.
    pub(super) before: u64,
    /// Whether it has met every condition.
    pub(super) counted: bool,
}

/// What was counted over some time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Counts {
    /// Entries, amendments, cancellations.
    pub(super) messages: u32,
    /// Entries and amendments.
    pub(super) orders: u32,
    /// Amendments and cancellations.
    pub(super) taken_back: u32,
    pub(super) executions: u32,
    /// Messages that changed a best price.
    pub(super) touch_changes: u32,
    /// Of what was taken back, where it is known.
    pub(super) lives: Lives,
}

/// An alert is raised anew at these numbers of bursts.
const RAISED_ANEW_AT: [u32; 3] = [3, 10, 30];
const DAY_NS: u64 = 86_400_000_000_000;

impl Group {
    pub(super) fn new(at: Nanos, forgotten: bool) -> Self {
        Self {
            second: Window::default(),
            five: Window::default(),
            last_told: LastTold::default(),
            burst: None,
            day: at.0 / DAY_NS,
            bursts: 0,
            alerted: 0,
            forgotten,
        }
    }

    /// Counts a message, and begins a burst if it triggers one.
    pub(super) fn take(
        &mut self,
        idea: &QuoteStuffing,
        mark: Mark,
        action: &Action,
        touch_changed: bool,
        traffic: &Traffic,
    ) {
        self.pass(idea, mark.at);
        let counts = self.counts_of(idea, mark, action, touch_changed);
        self.count(mark, counts);
        if self.burst.is_none() {
            self.burst = self.triggered(idea, mark, traffic);
        }
        if let Some(burst) = &mut self.burst {
            burst.last = mark;
            burst.rate_per_s = burst.rate_per_s.max(self.second.sum().messages);
            burst.touch_changes_5s = burst.touch_changes_5s.max(self.five.sum().touch_changes);
        }
    }

    /// Counts an execution.
    pub(super) fn trade(&mut self, idea: &QuoteStuffing, mark: Mark) {
        self.pass(idea, mark.at);
        self.count(mark, Counts { executions: 1, ..Counts::default() });
    }

    /// Lets time pass: days and bursts end.
    #[inline]
    fn pass(&mut self, idea: &QuoteStuffing, now: Nanos) {
        self.second.pass(now);
        self.five.pass(now);
        if now.0 / DAY_NS != self.day {
            self.day = now.0 / DAY_NS;
            (self.bursts, self.alerted, self.forgotten) = (0, 0, false);
        }
        if self.burst.is_some_and(|burst| self.is_over(&burst, idea, now)) {
            self.interrupt();
        }
    }

    fn is_over(&self, burst: &Burst, idea: &QuoteStuffing, now: Nanos) -> bool {
        let fallen = self.second.sum().messages < burst.rate_min / 2
            && self.five.sum().touch_changes < idea.touch_changes_min_5s / 2;
        fallen || now.since(burst.first.at) >= Nanos::from_secs(idea.burst_max_s)
    }

    /// The burst is over. Its messages belong to no other one.
    pub(super) fn interrupt(&mut self) {
        self.burst = None;
        self.second.clear();
        self.five.clear();
    }

    fn counts_of(
        &mut self,
        idea: &QuoteStuffing,
        mark: Mark,
        action: &Action,
        touch_changed: bool,
    ) -> Counts {
        let enters = action.act != Act::Cancel;
        let takes_back = action.act != Act::Enter;
        let mut lives = Lives::default();
        if takes_back {
            let born = self.last_told.of(action.order).or(action.entered_at);
            let limit = Nanos::from_millis(idea.life_max_ms);
            lives = born.map_or(lives, |born| Lives::one(mark.at.since(born), limit));
        }
        if enters {
            self.last_told.tell(action.successor, mark.at);
        }
        Counts {
            messages: 1,
            orders: u32::from(enters),
            taken_back: u32::from(takes_back),
            executions: 0,
            touch_changes: u32::from(touch_changed),
            lives,
        }
    }

    #[inline]
    fn count(&mut self, mark: Mark, counts: Counts) {
        self.second.add(mark, counts);
        self.five.add(mark, counts);
        if let Some(burst) = &mut self.burst {
            burst.totals += counts;
        }
    }

    /// The burst that what is in the windows makes, if it makes one.
    fn triggered(&self, idea: &QuoteStuffing, mark: Mark, traffic: &Traffic) -> Option<Burst> {
        let by_rate = self.second.sum().messages >= traffic.rate_min();
        let by_touch = self.five.sum().touch_changes >= idea.touch_changes_min_5s;
        let (first, totals) = match (by_rate, by_touch) {
            (true, _) => (self.second.first()?, *self.second.sum()),
            (false, true) => (self.five.first()?, *self.five.sum()),
            (false, false) => return None,
        };
        Some(Burst {
            first,
            last: mark,
            totals,
            rate_per_s: 0,
            rate_min: traffic.rate_min(),
            touch_changes_5s: 0,
            before: traffic.messages_before(first.at, by_rate),
            counted: false,
        })
    }

    /// Messages within the last second.
    pub(super) fn messages_1s(&self) -> u32 {
        self.second.sum().messages
    }

    /// The burst has met every condition: it counts, once.
    pub(super) fn count_burst(&mut self) {
        if let Some(burst) = self.burst.as_mut().filter(|burst| !burst.counted) {
            burst.counted = true;
            self.bursts += 1;
        }
    }

    /// Whether there is something to tell about the burst that has not been told today.
    pub(super) fn is_due(&self, idea: &QuoteStuffing) -> bool {
        let messages = self.burst.map_or(0, |burst| burst.totals.messages);
        match self.alerted {
            0 => self.bursts >= idea.bursts_min || messages >= idea.burst_messages_min,
            alerted => RAISED_ANEW_AT.iter().any(|n| alerted < *n && *n <= self.bursts),
        }
    }
}

impl AddAssign for Counts {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.orders += other.orders;
        self.taken_back += other.taken_back;
        self.executions += other.executions;
        self.touch_changes += other.touch_changes;
        self.lives += other.lives;
    }
}

impl SubAssign for Counts {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        self.messages -= other.messages;
        self.orders -= other.orders;
        self.taken_back -= other.taken_back;
        self.executions -= other.executions;
        self.touch_changes -= other.touch_changes;
        self.lives -= other.lives;
    }
}

impl Snapshot for Counts {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.u32(self.messages);
        to.u32(self.orders);
        to.u32(self.taken_back);
        to.u32(self.executions);
        to.u32(self.touch_changes);
        self.lives.save(to);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.messages = from.u32()?;
        self.orders = from.u32()?;
        self.taken_back = from.u32()?;
        self.executions = from.u32()?;
        self.touch_changes = from.u32()?;
        self.lives = Lives::load(from)?;
        Ok(())
    }
}

impl Burst {
    fn save(&self, to: &mut Writer) {
        self.first.save(to);
        self.last.save(to);
        self.totals.save(to);
        to.u32(self.rate_per_s);
        to.u32(self.rate_min);
        to.u32(self.touch_changes_5s);
        to.u64(self.before);
        to.bool(self.counted);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let (first, last) = (Mark::load(from)?, Mark::load(from)?);
        let mut totals = Counts::default();
        totals.load(from)?;
        Ok(Self {
            first,
            last,
            totals,
            rate_per_s: from.u32()?,
            rate_min: from.u32()?,
            touch_changes_5s: from.u32()?,
            before: from.u64()?,
            counted: from.bool()?,
        })
    }
}

impl Snapshot for Group {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.part(&self.second);
        to.part(&self.five);
        to.part(&self.last_told);
        to.bool(self.burst.is_some());
        if let Some(burst) = &self.burst {
            burst.save(to);
        }
        to.u64(self.day);
        to.u32(self.bursts);
        to.u32(self.alerted);
        to.bool(self.forgotten);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(&mut self.second)?;
        from.part(&mut self.five)?;
        from.part(&mut self.last_told)?;
        self.burst = if from.bool()? { Some(Burst::load(from)?) } else { None };
        self.day = from.u64()?;
        self.bursts = from.u32()?;
        self.alerted = from.u32()?;
        self.forgotten = from.bool()?;
        Ok(())
    }
}
