//! One participant in one instrument: what it sends now, and its burst.

use super::QuoteStuffing;
use super::traffic::Traffic;
use crate::market::action::Act;
use crate::market::lives::Lives;
use crate::window::{Mark, Trail};
use engine_observer::event::{Nanos, Reader, Snapshot, SnapshotError, Writer};
use std::mem::offset_of;
use std::ops::Sub;

/// What is remembered about a participant; first what every message needs.
#[repr(C)]
pub(super) struct Group {
    /// By tenths of a second: the last second, and the last five.
    trail: Trail<Counts, 100_000_000, 10, 50>,
    /// The day (UTC, from the epoch) that `bursts` and `alerted` are about.
    day: u64,
    /// Bursts of the day that met every condition.
    pub(super) bursts: u32,
    /// How many those were when an alert was last raised today; 0 when none was.
    pub(super) alerted: u32,
    /// Whether it may have been here earlier today and been forgotten.
    pub(super) forgotten: bool,
    /// The burst that is going on.
    pub(super) burst: Option<Burst>,
}

/// A burst, from its first message to now. What tells that there is none lies first.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Burst {
    /// Whether it has met every condition.
    pub(super) counted: bool,
    pub(super) first: Mark,
    pub(super) last: Mark,
    /// What was counted before it.
    before: Counts,
    /// The most messages within 1 s.
    pub(super) rate_per_s: u32,
    /// How many would have made a burst when it began.
    pub(super) rate_min: u32,
    /// The most touch changes within 5 s.
    pub(super) touch_changes_5s: u32,
}

/// What was counted since ever, or over some time.
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
    /// Messages of everybody in the instrument.
    pub(super) of_all: u32,
    /// Of what was taken back, where it is known.
    pub(super) lives: Lives,
}

/// An alert is raised anew at these numbers of bursts.
const RAISED_ANEW_AT: [u32; 3] = [3, 10, 30];
const DAY_NS: u64 = 86_400_000_000_000;
/// No day yet.
const DAY_NONE: u64 = u64::MAX;

impl Group {
    /// How many of its bytes, from the first, a message needs that is part of no burst.
    pub(super) const NEEDED: usize = offset_of!(Group, burst) + 1;

    /// Nothing was counted; the day begins with what is.
    pub(super) fn new(forgotten: bool) -> Self {
        Self { trail: Trail::new(), day: DAY_NONE, bursts: 0, alerted: 0, forgotten, burst: None }
    }

    /// Becomes a new one, in the room of what it was.
    pub(super) fn renew(&mut self, forgotten: bool) {
        let mut trail = std::mem::replace(&mut self.trail, Trail::new());
        trail.renew();
        *self = Self { trail, ..Self::new(forgotten) };
    }

    /// Sends for what the next message will need besides the group itself.
    #[inline]
    pub(super) fn look_ahead(&self) {
        self.trail.look_ahead();
    }

    /// Counts a message, which is in the traffic already, and the life of what it took back, and begins
    /// a burst if it triggers one.
    pub(super) fn take(
        &mut self,
        idea: &QuoteStuffing,
        mark: Mark,
        (act, life): (Act, Option<Nanos>),
        touch_changed: bool,
        traffic: &Traffic,
    ) {
        self.pass(idea, mark.at);
        let enters = act != Act::Cancel;
        let takes_back = act != Act::Enter;
        let before = |before: &mut Counts| before.of_all = traffic.messages().wrapping_sub(1);
        self.trail.add(mark, before, |counts| {
            counts.messages = counts.messages.wrapping_add(1);
            counts.orders = counts.orders.wrapping_add(u32::from(enters));
            counts.taken_back = counts.taken_back.wrapping_add(u32::from(takes_back));
            counts.touch_changes = counts.touch_changes.wrapping_add(u32::from(touch_changed));
            counts.of_all = traffic.messages();
            if let Some(life) = life {
                counts.lives.count_one(life, Nanos::from_millis(idea.life_max_ms));
            }
        });
        let (messages_1s, touch_changes_5s) = (self.messages_1s(), self.touch_changes_5s());
        if self.burst.is_none() {
            self.burst = self.triggered(idea, mark, traffic);
        }
        if let Some(burst) = &mut self.burst {
            burst.last = mark;
            burst.rate_per_s = burst.rate_per_s.max(messages_1s);
            burst.touch_changes_5s = burst.touch_changes_5s.max(touch_changes_5s);
        }
    }

    /// Counts an execution.
    pub(super) fn trade(&mut self, idea: &QuoteStuffing, mark: Mark, traffic: &Traffic) {
        self.pass(idea, mark.at);
        let of_all = |counts: &mut Counts| counts.of_all = traffic.messages();
        self.trail.add(mark, of_all, |counts| {
            of_all(counts);
            counts.executions = counts.executions.wrapping_add(1);
        });
    }

    /// Lets time pass: days and bursts end.
    #[inline]
    fn pass(&mut self, idea: &QuoteStuffing, now: Nanos) {
        let day = now.0 / DAY_NS;
        if self.trail.pass(now) && day != self.day {
            let was_here = self.day != DAY_NONE;
            (self.day, self.bursts, self.alerted) = (day, 0, 0);
            self.forgotten &= !was_here;
        }
        if let Some(burst) = &self.burst
            && self.is_over(burst, idea, now)
        {
            self.interrupt();
        }
    }

    fn is_over(&self, burst: &Burst, idea: &QuoteStuffing, now: Nanos) -> bool {
        let fallen = self.messages_1s() < burst.rate_min / 2
            && self.touch_changes_5s() < idea.touch_changes_min_5s / 2;
        fallen || now.since(burst.first.at) >= Nanos::from_secs(idea.burst_max_s)
    }

    /// The burst is over. Its messages belong to no other one.
    pub(super) fn interrupt(&mut self) {
        self.burst = None;
        self.trail.clear();
    }

    /// The burst that what is in the windows makes, if it makes one.
    #[inline]
    fn triggered(&self, idea: &QuoteStuffing, mark: Mark, traffic: &Traffic) -> Option<Burst> {
        let by_rate = self.messages_1s() >= idea.rate_min_per_s;
        let by_touch = self.touch_changes_5s() >= idea.touch_changes_min_5s;
        if by_rate || by_touch { self.begun(idea, mark, traffic, by_touch) } else { None }
    }

    /// The same where messages, or touch changes, may be enough.
    #[cold]
    fn begun(
        &self,
        idea: &QuoteStuffing,
        mark: Mark,
        traffic: &Traffic,
        by_touch: bool,
    ) -> Option<Burst> {
        let rate_min = traffic.rate_min(idea);
        let by_rate = self.messages_1s() >= rate_min;
        let window = match (by_rate, by_touch) {
            (true, _) => self.trail.short(),
            (false, true) => self.trail.long(),
            (false, false) => None,
        };
        let (first, before) = window?;
        Some(Burst {
            first,
            last: mark,
            before: *before,
            rate_per_s: 0,
            rate_min,
            touch_changes_5s: 0,
            counted: false,
        })
    }

    /// Messages within the last second.
    #[inline]
    pub(super) fn messages_1s(&self) -> u32 {
        let before = |(_, before): (Mark, &Counts)| before.messages;
        self.trail.short().map_or(0, |of| self.trail.total().messages.wrapping_sub(before(of)))
    }

    /// Touch changes within the last five seconds.
    #[inline]
    fn touch_changes_5s(&self) -> u32 {
        let before = |(_, before): (Mark, &Counts)| before.touch_changes;
        self.trail.long().map_or(0, |of| self.trail.total().touch_changes.wrapping_sub(before(of)))
    }

    /// What was counted in a burst, up to now.
    pub(super) fn counts_of(&self, burst: &Burst) -> Counts {
        *self.trail.total() - burst.before
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
        let messages = self.burst.map_or(0, |burst| self.counts_of(&burst).messages);
        match self.alerted {
            0 => self.bursts >= idea.bursts_min || messages >= idea.burst_messages_min,
            alerted => RAISED_ANEW_AT.iter().any(|n| alerted < *n && *n <= self.bursts),
        }
    }
}

impl Sub for Counts {
    type Output = Self;

    /// What was counted since. A day holds fewer than 2³² of anything; where counters have run over, the
    /// difference is right all the same.
    fn sub(self, earlier: Self) -> Self {
        Self {
            messages: self.messages.wrapping_sub(earlier.messages),
            orders: self.orders.wrapping_sub(earlier.orders),
            taken_back: self.taken_back.wrapping_sub(earlier.taken_back),
            executions: self.executions.wrapping_sub(earlier.executions),
            touch_changes: self.touch_changes.wrapping_sub(earlier.touch_changes),
            of_all: self.of_all.wrapping_sub(earlier.of_all),
            lives: self.lives - earlier.lives,
        }
    }
}

impl Snapshot for Counts {
    const VERSION: u16 = 2;

    fn save(&self, to: &mut Writer) {
        to.u32(self.messages);
        to.u32(self.orders);
        to.u32(self.taken_back);
        to.u32(self.executions);
        to.u32(self.touch_changes);
        to.u32(self.of_all);
        self.lives.save(to);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.messages = from.u32()?;
        self.orders = from.u32()?;
        self.taken_back = from.u32()?;
        self.executions = from.u32()?;
        self.touch_changes = from.u32()?;
        self.of_all = from.u32()?;
        self.lives = Lives::load(from)?;
        Ok(())
    }
}

impl Burst {
    fn save(&self, to: &mut Writer) {
        self.first.save(to);
        self.last.save(to);
        self.before.save(to);
        to.u32(self.rate_per_s);
        to.u32(self.rate_min);
        to.u32(self.touch_changes_5s);
        to.bool(self.counted);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let (first, last) = (Mark::load(from)?, Mark::load(from)?);
        let mut before = Counts::default();
        before.load(from)?;
        Ok(Self {
            first,
            last,
            before,
            rate_per_s: from.u32()?,
            rate_min: from.u32()?,
            touch_changes_5s: from.u32()?,
            counted: from.bool()?,
        })
    }
}

impl Snapshot for Group {
    const VERSION: u16 = 2;

    fn save(&self, to: &mut Writer) {
        to.part(&self.trail);
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
        from.part(&mut self.trail)?;
        self.burst = if from.bool()? { Some(Burst::load(from)?) } else { None };
        self.day = from.u64()?;
        self.bursts = from.u32()?;
        self.alerted = from.u32()?;
        self.forgotten = from.bool()?;
        Ok(())
    }
}
