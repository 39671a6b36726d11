//! Findings that wait until their events are durable: only then they are final.

use crate::{Outlet, Roll};
use engine_event::Nanos;
use engine_journal::{Durable, Safety};
use engine_observer::{Alert, Finding, Found, Place};
use std::collections::VecDeque;
use std::io;
use std::mem;

/// Findings in order, on their way to an outlet.
pub(crate) struct Held {
    durable: Durable,
    /// Whether signals wait here as well as alerts.
    signals: bool,
    /// Whether the outlet wants to know at once.
    provisional: bool,
    findings: Queue<Finding>,
    alerts: Queue<Alert>,
    /// How many of the first findings have left already, if the outlet panicked meanwhile.
    left: usize,
    /// How far the outlet knows that everything is final.
    told: u64,
    /// Something was handed on that was not told to be final yet.
    is_untold: bool,
    withheld: Withheld,
    stalls: u64,
}

/// Findings that were never handed on, because their events did not become durable.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Withheld {
    /// How many, alerts among them.
    pub findings: u64,
    /// How many alerts.
    pub alerts: u64,
    /// Where the first of them was found.
    pub first: Option<Place>,
    /// Where the last of them was found.
    pub last: Option<Place>,
}

/// What waits for a journal.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Holding {
    /// Findings that wait now.
    pub findings: u64,
    /// Turns in which so many waited that the pipeline was held back.
    pub stalls: u64,
    /// What will never be final.
    pub withheld: Withheld,
}

/// An outlet and the names that it needs.
type To<'a> = (&'a mut dyn Outlet, &'a mut Roll);

impl Held {
    /// More findings than these, and those of one event more, do not wait.
    pub(crate) const MAX: usize = 1 << 18;
    /// So many have their memory from the beginning: what is found while a usual disk writes.
    const USUAL: usize = 1 << 15;

    pub(crate) fn new(durable: Durable, outlet: &dyn Outlet) -> Self {
        let told = durable.next();
        let (findings, alerts) = (Queue::of(Self::USUAL), Queue::of(Self::USUAL / 64));
        Self {
            durable,
            signals: outlet.wants_signals(),
            provisional: outlet.wants_provisional(),
            findings,
            alerts,
            left: 0,
            told,
            is_untold: false,
            withheld: Withheld::default(),
            stalls: 0,
        }
    }

    /// Keeps a finding, and says it at once to an outlet that wants to know what may still be lost.
    #[inline]
    pub(crate) fn take(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        (outlet, roll): To<'_>,
    ) -> io::Result<()> {
        if alert.is_none() && !self.signals {
            return Ok(());
        }
        self.findings.push(*finding);
        if let Some(alert) = alert {
            self.alerts.push(*alert);
        }
        if self.provisional { outlet.provisional(finding, alert, roll) } else { Ok(()) }
    }

    /// Hands on what has become final, at most `most`; returns how many findings have left, one way or
    /// the other.
    pub(crate) fn proceed(
        &mut self,
        (outlet, roll): To<'_>,
        most: usize,
    ) -> (usize, io::Result<()>) {
        // In this order: what was left out before it was passed is seen.
        let mut next = self.durable.next();
        let mut count = 0;
        while count < most {
            let Some(seq) = self.findings.front().map(|head| head.place.seq) else { break };
            if seq < next && self.durable.is_whole_from(seq) {
                let (run, handed_on) = self.hand_on(next, (&mut *outlet, &mut *roll));
                count += run;
                if handed_on.is_err() {
                    return (count, handed_on);
                }
                continue;
            }
            match self.durable.safety(seq) {
                Safety::Pending => break,
                Safety::Durable => {
                    let (run, handed_on) = self.hand_on(seq + 1, (&mut *outlet, &mut *roll));
                    count += run;
                    if handed_on.is_err() {
                        return (count, handed_on);
                    }
                    // It has become so since we looked: what was handed on is final, too.
                    next = next.max(seq + 1);
                }
                Safety::Never => {
                    self.withhold();
                    count += 1;
                }
            }
        }
        let is_all_out = self.findings.front().is_none_or(|head| head.place.seq >= next);
        self.is_untold |= count > 0;
        if !is_all_out {
            return (count, Ok(()));
        }
        // The watermark may have passed an event before anything was found in it: then it does not move.
        let has_moved = mem::replace(&mut self.told, next) != next;
        if !mem::take(&mut self.is_untold) && !has_moved {
            return (count, Ok(()));
        }
        (count, outlet.final_up_to(next))
    }

    /// Hands on the findings of events before `next` that lie side by side at the front; returns how many.
    fn hand_on(&mut self, next: u64, (outlet, roll): To<'_>) -> (usize, io::Result<()>) {
        let Self { findings, alerts, left, .. } = self;
        let mut handed_on = Ok(());
        for finding in findings.run().iter().take_while(|finding| finding.place.seq < next) {
            *left += 1;
            handed_on = match finding.found {
                Found::Signal(_) => outlet.take(finding, None, roll),
                Found::Alert => {
                    let alert = alerts.front().copied();
                    alerts.pop(usize::from(alert.is_some()));
                    outlet.take(finding, alert.as_ref(), roll)
                }
            };
            if handed_on.is_err() {
                break;
            }
        }
        let count = mem::take(left);
        findings.pop(count);
        (count, handed_on)
    }

    fn withhold(&mut self) {
        let Some(Finding { place, found, .. }) = self.findings.front() else { return };
        let (place, is_alert) = (*place, *found == Found::Alert);
        self.findings.pop(1);
        if is_alert && self.alerts.len() > 0 {
            self.alerts.pop(1);
        }
        let Withheld { findings, alerts, first, last } = &mut self.withheld;
        *findings += 1;
        *alerts += u64::from(is_alert);
        first.get_or_insert(place);
        *last = Some(place);
    }

    /// Nobody takes anything any more.
    #[cold]
    pub(crate) fn withhold_all(&mut self) {
        self.findings.pop(mem::take(&mut self.left));
        while !self.is_empty() {
            self.withhold();
        }
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.findings.len() >= Self::MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.findings.len() == 0
    }

    /// One more turn in which the pipeline was held back.
    pub(crate) fn stalled(&mut self) {
        self.stalls += 1;
    }

    pub(crate) fn told(&self) -> Holding {
        let findings = self.findings.len() as u64;
        Holding { findings, stalls: self.stalls, withheld: self.withheld }
    }
}

/// An outlet that takes findings at once, although they may still be lost with the power. For a pipeline
/// with a journal only: without one, findings are handed on at once anyway.
pub struct AtOnce<O>(pub O);

impl<O: Outlet> Outlet for AtOnce<O> {
    fn take(&mut self, _: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn provisional(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        self.0.take(finding, alert, roll)
    }

    fn wants_signals(&self) -> bool {
        self.0.wants_signals()
    }

    fn wants_provisional(&self) -> bool {
        true
    }

    fn turn(&mut self, now: Nanos) -> io::Result<()> {
        self.0.turn(now)
    }

    fn close(&mut self) -> io::Result<bool> {
        self.0.close()
    }
}

/// A queue that grows by chunks and uses the memory again that it used last, for it is still in the cache.
#[derive(Debug)]
struct Queue<T> {
    /// All but the last are full.
    chunks: VecDeque<Vec<T>>,
    free: Vec<Vec<T>>,
    /// How much of the first chunk has left.
    gone: usize,
    length: usize,
}

impl<T> Queue<T> {
    const CHUNK: usize = 64;

    /// With memory for so many.
    fn of(usual: usize) -> Self {
        let chunks = usual.div_ceil(Self::CHUNK);
        let free = (0..chunks).map(|_| Vec::with_capacity(Self::CHUNK)).collect();
        Self { chunks: VecDeque::with_capacity(chunks), free, gone: 0, length: 0 }
    }

    fn len(&self) -> usize {
        self.length
    }

    #[inline]
    fn push(&mut self, one: T) {
        self.length += 1;
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < Self::CHUNK => chunk.push(one),
            _ => self.begin(one),
        }
    }

    #[cold]
    fn begin(&mut self, one: T) {
        let mut chunk = self.free.pop().unwrap_or_else(|| Vec::with_capacity(Self::CHUNK));
        chunk.push(one);
        self.chunks.push_back(chunk);
    }

    #[inline]
    fn front(&self) -> Option<&T> {
        self.run().first()
    }

    /// The first ones, as far as they lie side by side.
    #[inline]
    fn run(&self) -> &[T] {
        self.chunks.front().map_or(&[], |chunk| &chunk[self.gone..])
    }

    /// Forgets so many of the [run](Self::run).
    #[inline]
    fn pop(&mut self, count: usize) {
        (self.length, self.gone) = (self.length - count, self.gone + count);
        if self.length == 0 || self.gone == Self::CHUNK {
            self.recycle();
        }
    }

    fn recycle(&mut self) {
        self.gone = 0;
        if let Some(mut chunk) = self.chunks.pop_front() {
            chunk.clear();
            self.free.push(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_queue_is_a_queue(steps in prop::collection::vec((0usize..700, 0usize..700), 1..20)) {
            let (mut queue, mut model, mut next) = (Queue::of(100), VecDeque::new(), 0u32);
            for (pushed, popped) in steps {
                for _ in 0..pushed {
                    queue.push(next);
                    model.push_back(next);
                    next += 1;
                }
                let mut left = popped;
                while left > 0 && queue.len() > 0 {
                    let run = queue.run()[..queue.run().len().min(left)].to_vec();
                    prop_assert_eq!(&run, &model.drain(..run.len()).collect::<Vec<_>>());
                    queue.pop(run.len());
                    left -= run.len();
                }
                prop_assert_eq!((queue.len(), queue.front()), (model.len(), model.front()));
            }
        }
    }
}
