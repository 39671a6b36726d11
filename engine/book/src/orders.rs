//! All orders of a shard: one slab, one index, and queues threaded through the slab.
//!
//! An order is one cache line. Queues are lists of slots, linked within the slots themselves, so that
//! an order leaves the middle of its level without a search; free slots form such a list too. Nothing
//! here knows prices from quantities: which queue an order stands in is the book's affair.

use crate::index::Index;
use crate::level::{NO_LEVEL, Number};
use crate::memory::{prefetch, reserve};
use engine_event::body::Attributes;
use engine_event::{Nanos, OrderId, ParticipantId, Price, Quantity, Side, SubjectId};

/// An order that rests in a book.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resting {
    /// The venue's id.
    pub id: OrderId,
    /// Its limit.
    pub price: Price,
    /// What is left of it; never 0.
    pub remaining: Quantity,
    /// When it entered. A modification does not change that, even where it costs the order its
    /// place; a replacement enters anew.
    pub entered_at: Nanos,
    /// The event that it entered with.
    pub entered_seq: u64,
    /// Who entered it, where the feed tells.
    pub participant: Option<ParticipantId>,
    /// As the order entered with them.
    pub attributes: Attributes,
    /// Bid or ask.
    pub side: Side,
}

impl Resting {
    /// Whether it counts in the displayed levels.
    #[inline]
    pub fn is_displayed(&self) -> bool {
        !self.attributes.has(Attributes::HIDDEN)
    }
}

/// Where an order lies in the slab.
pub(crate) type Slot = u32;

/// No slot.
pub(crate) const NIL: Slot = Slot::MAX;

/// An order and its neighbours in the queue that it stands in.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Cell {
    order: Resting,
    subject: SubjectId,
    previous: Slot,
    next: Slot,
    /// Where it is displayed.
    level: Number,
}

const _: () = assert!(size_of::<Cell>() == 64);

/// First and last of a list of orders. Copy, because it is small; whoever changes the list through a
/// copy stores it back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queue {
    head: Slot,
    tail: Slot,
}

impl Queue {
    pub(crate) const EMPTY: Queue = Queue { head: NIL, tail: NIL };

    /// The slot of the first order, or [`NIL`].
    #[inline]
    pub(crate) fn first(self) -> Slot {
        self.head
    }
}

impl From<Slot> for Queue {
    /// A queue of one.
    #[inline]
    fn from(slot: Slot) -> Self {
        Self { head: slot, tail: slot }
    }
}

/// The slab and its index.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    cells: Vec<Cell>,
    /// Free cells, linked by `next`.
    free: Slot,
    index: Index,
    /// Orders that rest.
    live: usize,
    /// Levels of books that are fed by level: they count towards the bound.
    pub(crate) levels: usize,
    orders_max: usize,
}

impl Orders {
    /// Entries of the index's table for which room is made at once.
    const RESERVED: usize = 65_536;

    pub(crate) fn new(orders_max: u32) -> Self {
        // Even the greatest bound leaves one slot number unused: NIL.
        let orders_max = orders_max as usize;
        let reserved = orders_max.min(Self::RESERVED);
        Self {
            cells: reserve(orders_max),
            free: NIL,
            index: Index::new(reserved),
            live: 0,
            levels: 0,
            orders_max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    pub(crate) fn is_full(&self) -> bool {
        self.live + self.levels >= self.orders_max
    }

    #[inline]
    pub(crate) fn find(&self, subject: SubjectId, id: OrderId) -> Option<Slot> {
        self.index.find(subject, id, |slot| self.cells[slot as usize].subject == subject)
    }

    /// Where an order with this id may lie, whose ever it is: only to look there early.
    #[inline]
    pub(crate) fn guess(&self, id: OrderId) -> Slot {
        self.index.guess(id)
    }

    /// Sends for what says where the order with this id lies.
    #[inline]
    pub(crate) fn prefetch_guess(&self, id: OrderId) {
        self.index.prefetch(id);
    }

    /// Sends for an order that may be there.
    #[inline]
    pub(crate) fn prefetch(&self, slot: Slot) {
        prefetch(&self.cells, slot as usize);
    }

    /// Sends for an order's neighbours and tells its level and side, if the order is there.
    #[inline]
    pub(crate) fn prefetch_around(&self, slot: Slot) -> Option<(Number, Side)> {
        let cell = self.cells.get(slot as usize)?;
        prefetch(&self.cells, cell.previous as usize);
        prefetch(&self.cells, cell.next as usize);
        Some((cell.level, cell.order.side))
    }

    /// The level at which an order is displayed.
    #[inline]
    pub(crate) fn level(&self, slot: Slot) -> Number {
        self.cells[slot as usize].level
    }

    #[inline]
    pub(crate) fn set_level(&mut self, slot: Slot, level: Number) {
        self.cells[slot as usize].level = level;
    }

    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> &Resting {
        &self.cells[slot as usize].order
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Resting {
        &mut self.cells[slot as usize].order
    }

    /// Stores an order whose id is not there yet. It stands in no queue. The caller has looked at
    /// [`is_full`](Self::is_full).
    #[inline(always)]
    pub(crate) fn store(&mut self, subject: SubjectId, order: Resting) -> Slot {
        let cell = Cell { order, subject, previous: NIL, next: NIL, level: NO_LEVEL };
        let slot = match self.free {
            NIL => {
                self.cells.push(cell);
                (self.cells.len() - 1) as Slot
            }
            slot => {
                self.free = self.cells[slot as usize].next;
                self.cells[slot as usize] = cell;
                slot
            }
        };
        let cells = &self.cells;
        self.index.insert(subject, order.id, slot, |slot| {
            let cell = &cells[slot as usize];
            (cell.subject, cell.order.id)
        });
        self.live += 1;
        slot
    }

    /// Forgets an order that stands in no queue any more.
    #[inline]
    pub(crate) fn forget(&mut self, slot: Slot) -> Resting {
        let cell = &mut self.cells[slot as usize];
        cell.next = self.free;
        self.free = slot;
        self.live -= 1;
        self.index.remove(cell.subject, cell.order.id, slot);
        cell.order
    }

    /// Puts an order at the end of a queue.
    #[inline]
    pub(crate) fn append(&mut self, queue: &mut Queue, slot: Slot) {
        let last = queue.tail;
        let cell = &mut self.cells[slot as usize];
        (cell.previous, cell.next) = (last, NIL);
        match last {
            NIL => queue.head = slot,
            _ => self.cells[last as usize].next = slot,
        }
        queue.tail = slot;
    }

    /// Takes an order out of the queue that it stands in.
    #[inline]
    pub(crate) fn unlink(&mut self, queue: &mut Queue, slot: Slot) {
        let Cell { previous, next, .. } = self.cells[slot as usize];
        match previous {
            NIL => queue.head = next,
            _ => self.cells[previous as usize].next = next,
        }
        match next {
            NIL => queue.tail = previous,
            _ => self.cells[next as usize].previous = previous,
        }
    }

    /// The orders of a queue, first to last.
    pub(crate) fn queued(&self, queue: Queue) -> Queued<'_> {
        Queued { orders: self, slot: queue.head }
    }

    /// Forgets all orders of a queue.
    pub(crate) fn forget_all(&mut self, queue: Queue) {
        let mut slot = queue.head;
        while slot != NIL {
            let next = self.cells[slot as usize].next;
            self.forget(slot);
            slot = next;
        }
    }

    /// Panics unless the queue's links agree both ways and each of its orders is the subject's and is
    /// found by its id; returns how many there are.
    pub(crate) fn assert_linked(&self, subject: SubjectId, queue: Queue) -> usize {
        let (mut last, mut slot, mut count) = (NIL, queue.head, 0);
        while slot != NIL {
            let cell = &self.cells[slot as usize];
            assert_eq!(cell.previous, last, "order {} and the one before it", cell.order.id);
            assert_eq!(cell.subject, subject, "order {} in another's book", cell.order.id);
            assert_eq!(self.find(subject, cell.order.id), Some(slot), "order {}", cell.order.id);
            (last, slot, count) = (slot, cell.next, count + 1);
        }
        assert_eq!(queue.tail, last, "the queue's end");
        count
    }

    /// Cells that were ever in use, and what the index says of itself.
    #[cfg(test)]
    pub(crate) fn capacities(&self) -> (usize, [usize; 3]) {
        (self.cells.len(), self.index.capacities())
    }
}

/// Orders of one queue, in its order.
#[derive(Clone, Debug)]
pub(crate) struct Queued<'a> {
    orders: &'a Orders,
    slot: Slot,
}

impl<'a> Iterator for Queued<'a> {
    type Item = &'a Resting;

    fn next(&mut self) -> Option<&'a Resting> {
        let cell = self.orders.cells.get(self.slot as usize)?;
        self.slot = cell.next;
        Some(&cell.order)
    }
}
