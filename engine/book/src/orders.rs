//! All orders of a shard: one slab, one index, and queues threaded through the slab.
//!
//! An order is one cache line. Queues are lists of slots, linked within the slots themselves, so that
//! an order leaves the middle of its level without a search; free slots form such a list too. Nothing
//! here knows prices from quantities: which queue an order stands in is the book's affair.

use crate::index::Index;
use crate::level::Number;
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
            levels: 0,
            orders_max,
        }
    }

    /// How many orders rest.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.len() + self.levels >= self.orders_max
    }

    #[inline(always)]
    pub(crate) fn find(&self, subject: SubjectId, id: OrderId) -> Option<Slot> {
        let slot = self.index.find(id);
        match self.cells.get(slot as usize) {
            Some(cell) if cell.subject == subject => Some(slot),
            _ => self.index.find_in_table(subject, id),
        }
    }

    /// The same where it may lie in this slot.
    #[inline(always)]
    pub(crate) fn find_likely(
        &self,
        likely: Slot,
        subject: SubjectId,
        id: OrderId,
    ) -> Option<Slot> {
        match self.cells.get(likely as usize) {
            Some(cell) if cell.order.id == id && cell.subject == subject => Some(likely),
            _ => self.find(subject, id),
        }
    }

    /// Whether the subject has an order with this id.
    #[inline(always)]
    pub(crate) fn has(&self, subject: SubjectId, id: OrderId) -> bool {
        !self.index.is_plainly_free(id) && self.find(subject, id).is_some()
    }

    /// Sends for what says where the order with this id lies.
    #[inline(always)]
    pub(crate) fn prefetch_place(&self, id: OrderId) {
        self.index.prefetch(id);
    }

    /// Sends for the order that may have this id.
    #[inline(always)]
    pub(crate) fn prefetch(&self, id: OrderId) {
        prefetch(&self.cells, self.index.find(id) as usize);
    }

    /// Where the order with this id may lie.
    #[inline(always)]
    pub(crate) fn guess(&self, id: OrderId) -> Slot {
        self.index.find(id)
    }

    /// Sends for an order's neighbours and tells its level and side, if there is such an order.
    #[inline(always)]
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
    pub(crate) fn get(&self, slot: Slot) -> &Resting {
        &self.cells[slot as usize].order
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Resting {
        &mut self.cells[slot as usize].order
    }

    /// Stores an order whose id is not there yet, at the end of a queue, which is that of this level or
    /// of none. The caller has looked at [`is_full`](Self::is_full).
    #[inline(always)]
    pub(crate) fn store(
        &mut self,
        subject: SubjectId,
        order: Resting,
        level: Number,
        queue: &mut Queue,
    ) -> Slot {
        let cell = Cell { order, subject, previous: queue.tail, next: NIL, level };
        let slot = match self.free {
            NIL => {
                self.cells.push(cell);
                (self.cells.len() - 1) as Slot
            }
            slot => {
                let free = &mut self.cells[slot as usize];
                self.free = free.next;
                *free = cell;
                slot
            }
        };
        self.follow(queue, slot);
        let cells = &self.cells;
        self.index.insert(subject, order.id, slot, |slot| {
            let cell = &cells[slot as usize];
            (cell.subject, cell.order.id)
        });
        slot
    }

    /// The queue's end is this order, which knows the one before it.
    #[inline(always)]
    fn follow(&mut self, queue: &mut Queue, slot: Slot) {
        match queue.tail {
            NIL => queue.head = slot,
            last => self.cells[last as usize].next = slot,
        }
        queue.tail = slot;
    }

    /// Forgets an order that stands in no queue any more.
    #[inline(always)]
    pub(crate) fn forget(&mut self, slot: Slot) {
        let cell = &mut self.cells[slot as usize];
        cell.next = self.free;
        self.free = slot;
        self.index.remove(cell.subject, cell.order.id, slot);
        cell.subject = SubjectId::EVERY; // nobody's
    }

    /// Puts an order that stands in no queue at the end of one, which is that of this level or of none.
    pub(crate) fn append(&mut self, slot: Slot, level: Number, queue: &mut Queue) {
        let cell = &mut self.cells[slot as usize];
        (cell.previous, cell.next, cell.level) = (queue.tail, NIL, level);
        self.follow(queue, slot);
    }

    /// Takes an order out of the queue that it stands in.
    #[inline(always)]
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
