//! When sampled events passed the points of their way, kept beside the ring.

use engine_event::Nanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// When an event passed the points of its way, in the engine's own time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stamp {
    /// Where the end to end begins: it was received, or its decoding began.
    pub began: Nanos,
    /// When it should have been here, if it was paced.
    pub due: Option<Nanos>,
    /// It stood in the ring for everybody to see.
    pub sequenced: Nanos,
    /// The last observer was done with it, if its shard has said so.
    pub done: Option<Nanos>,
}

/// The stamps of sampled events.
///
/// One event in [`every`](Self::every) is followed through the stages; the others cost nothing. An
/// event's stamp is written before the event is published and read by those who gate the ring, so it
/// cannot be overwritten before they have read it, and the ring's own ordering covers it.
#[derive(Clone, Debug)]
pub struct Stamps {
    slots: Arc<[Slot]>,
    every: u64,
}

/// A stamp that threads share; a time of zero is none.
#[derive(Default, Debug)]
struct Slot {
    began: AtomicU64,
    due: AtomicU64,
    sequenced: AtomicU64,
    done: AtomicU64,
}

impl Stamps {
    /// Stamps for one event in `every` (a power of two) of a ring of `ring_capacity` events.
    pub fn new(every: u64, ring_capacity: usize) -> Self {
        assert!(every.is_power_of_two(), "sampling is by a mask");
        let slots = (ring_capacity / every as usize).next_power_of_two() * 2;
        Self { slots: (0..slots).map(|_| Slot::default()).collect(), every }
    }

    /// One event in how many is sampled.
    pub fn every(&self) -> u64 {
        self.every
    }

    /// Whether the event with this sequence number is followed.
    #[inline]
    pub fn samples(&self, seq: u64) -> bool {
        seq & (self.every - 1) == 0
    }

    /// Whether this event or the next one is followed.
    #[inline]
    pub fn is_near(&self, seq: u64) -> bool {
        (seq + 1) & (self.every - 1) <= 1
    }

    #[inline]
    fn slot(&self, seq: u64) -> &Slot {
        &self.slots[(seq / self.every) as usize & (self.slots.len() - 1)]
    }

    /// Notes a sampled event's stamp, before it is published.
    #[inline]
    pub fn set(&self, seq: u64, stamp: &Stamp) {
        // All ordered by the ring's publication.
        let slot = self.slot(seq);
        slot.began.store(stamp.began.0, Relaxed);
        slot.due.store(stamp.due.unwrap_or_default().0, Relaxed);
        slot.sequenced.store(stamp.sequenced.0, Relaxed);
        slot.done.store(stamp.done.unwrap_or_default().0, Relaxed);
    }

    /// Notes that a shard is done with a sampled event. What is about every subject is done when the
    /// last shard is.
    #[inline]
    pub fn done(&self, seq: u64, at: Nanos) {
        self.slot(seq).done.fetch_max(at.0, Relaxed); // ordered by the shard's progress
    }

    /// A sampled event's stamp.
    #[inline]
    pub fn get(&self, seq: u64) -> Stamp {
        // All ordered by the ring's publication, `done` by the shard's progress.
        let slot = self.slot(seq);
        let some = |time: &AtomicU64| Some(Nanos(time.load(Relaxed))).filter(|at| at.0 > 0);
        Stamp {
            began: Nanos(slot.began.load(Relaxed)),
            due: some(&slot.due),
            sequenced: Nanos(slot.sequenced.load(Relaxed)),
            done: some(&slot.done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_a_whole_ring_stay_apart() {
        let stamps = Stamps::new(4, 16);
        let of = |seq| Stamp { began: Nanos(seq), sequenced: Nanos(seq + 1), ..Stamp::default() };
        for seq in (0..16).filter(|seq| stamps.samples(*seq)) {
            stamps.set(seq, &of(seq));
        }
        assert_eq!([0, 4, 8, 12].map(|seq| stamps.get(seq)), [0, 4, 8, 12].map(of));
    }

    #[test]
    fn the_last_shard_to_be_done_counts() {
        let stamps = Stamps::new(1, 4);
        stamps.done(9, Nanos(90)); // of an event long gone
        let stamp = Stamp { due: Some(Nanos(1)), ..Stamp::default() };
        stamps.set(1, &stamp);
        assert_eq!(stamps.get(1), stamp);
        [7, 5].iter().for_each(|at| stamps.done(1, Nanos(*at)));
        assert_eq!(stamps.get(1).done, Some(Nanos(7)));
    }
}
