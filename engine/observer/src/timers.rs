//! Who wants to be woken, and when, in event time.

use engine_event::{Nanos, SubjectId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A request to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Timer {
    pub(crate) due: Nanos,
    pub(crate) subject: SubjectId,
    pub(crate) observer: u16,
}

/// Pending timers, earliest first; equal ones by subject, then observer. An observer that asks to be
/// woken earlier leaves its later request behind, which its watch then disowns.
#[derive(Default, Debug)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
    /// The earliest, kept apart so that an event costs one comparison.
    next: Option<Nanos>,
}

impl Timers {
    pub(crate) fn add(&mut self, timer: Timer) {
        self.heap.push(Reverse(timer));
        self.look();
    }

    /// Takes the earliest timer if it is due by `now`.
    #[inline]
    pub(crate) fn take_due(&mut self, now: Nanos) -> Option<Timer> {
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        let timer = self.heap.pop().map(|Reverse(timer)| timer);
        self.look();
        timer
    }

    fn look(&mut self) {
        self.next = self.heap.peek().map(|Reverse(timer)| timer.due);
    }
}
