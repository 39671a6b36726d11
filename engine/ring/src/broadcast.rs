//! One to many: every consumer sees every record, in place, and the slowest holds the producer.
//!
//! Why not one [`spsc`](crate::spsc()) per consumer: the sequencer would write every record once
//! per shard. Here it writes once and publishes once per batch, however many consumers there are.
//!
//! # How it works
//!
//! Positions count records from 0 and never wrap; position `p` lives in slot `p % capacity`. Four
//! kinds of cursor exist, each on a cache line of its own, each written by one thread only:
//!
//! - `published`: below it, everything may be read. The producer stores it once per batch.
//! - one cursor per [`Consumer`]: below it, that consumer is done. The producer never writes
//!   position `p` before every cursor is above `p - capacity`: consumers *gate* it.
//! - `claimed`: below it, the producer may have begun to write. Only taps care.
//! - `closed`: nothing will follow what is published.
//!
//! A [`Tap`] does not gate. It copies records that may be overwritten at that moment, and then asks
//! `claimed` whether they were; if so it throws the copy away and counts a miss:
//!
//! ```text
//!  producer                           tap
//!  claimed.store(end, Relaxed)        published.load(Acquire)
//!  fence(Release)          ──────┐    words.load(Relaxed)
//!  words.store(Relaxed)          └──▶ fence(Acquire)
//!  published.store(end, Release)      claimed.load(Relaxed) <= position + capacity
//! ```
//!
//! If the tap read even one word of a newer record, the two fences make the newer claim visible to
//! the check. Until the first tap exists the producer writes plainly and claims nothing, which is
//! what makes the ring faster without taps.

mod consumer;
mod producer;
mod tap;

pub use consumer::Consumer;
pub use producer::Producer;
pub use tap::{Tap, Tapped};

use crate::{
    Record,
    slots::Slots,
    sync::{Arc, AtomicBool, AtomicU64, Ordering},
};
use crossbeam_utils::CachePadded;

/// The cursor of a consumer that is gone: it holds nobody.
const DETACHED: u64 = u64::MAX;

/// A ring of `capacity` records, a power of two, from one producer to `consumers` consumers.
///
/// ```
/// let (mut producer, mut consumers) = engine_ring::broadcast::<u64>(4, 2);
/// producer.push_slice(&[1, 2, 3, 4]);
/// producer.publish();
///
/// let [fast, slow] = &mut consumers[..] else { unreachable!() };
/// assert_eq!(fast.readable(), [1, 2, 3, 4]);
/// fast.advance(4);
/// assert_eq!(producer.room(), 0); // the slow one has not moved
///
/// assert_eq!(slow.poll(3, |_| ()), 3);
/// assert_eq!(producer.room(), 3);
/// ```
///
/// # Panics
/// If `capacity` is not a power of two.
#[must_use]
pub fn broadcast<T: Record>(capacity: usize, consumers: usize) -> (Producer<T>, Vec<Consumer<T>>) {
    let shared = Arc::new(Shared {
        head: CachePadded::new(Head::default()),
        claimed: CachePadded::new(AtomicU64::new(0)),
        cursors: (0..consumers).map(|_| CachePadded::new(AtomicU64::new(0))).collect(),
        slots: Slots::new(capacity),
    });
    let consumers = (0..consumers).map(|index| Consumer::new(shared.clone(), index)).collect();
    (Producer::new(shared), consumers)
}

/// What all ends of one ring share.
struct Shared<T> {
    head: CachePadded<Head>,
    /// The producer may have begun to write below this; kept only once a tap exists.
    claimed: CachePadded<AtomicU64>,
    /// How far each consumer is, or [`DETACHED`].
    cursors: Box<[CachePadded<AtomicU64>]>,
    slots: Slots<T>,
}

/// What readers poll, together on one line: they need both at the same moment.
#[derive(Default)]
struct Head {
    published: AtomicU64,
    closed: AtomicBool,
}

impl<T> Shared<T> {
    /// The cursor of the consumer that is furthest behind, or [`DETACHED`] if there is none.
    fn slowest(&self) -> u64 {
        // Partner: the releasing store in `Consumer::advance` and in its drop. What a consumer
        // read below its cursor was read before we write there again.
        let cursors = self.cursors.iter().map(|cursor| cursor.load(Ordering::Acquire));
        cursors.min().unwrap_or(DETACHED)
    }
}
