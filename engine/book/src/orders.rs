//! All orders of a shard: one slab, one index, and queues threaded through the slab.
//!
//! An order is one cache line. Queues are lists of slots, linked within the slots themselves, so that
//! an order leaves the middle of its level without a search; free slots form such a list too. Nothing
//! here knows prices from quantities: which queue an order stands in is the book's affair.

use engine_event::body::Attributes;
use engine_event::{Nanos, OrderId, ParticipantId, Price, Quantity, Side, SubjectId};
use rustc_hash::FxHashMap;

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
const NIL: Slot = Slot::MAX;

/// An order and its neighbours in the queue that it stands in.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Cell {
    order: Resting,
    subject: SubjectId,
    previous: Slot,
    next: Slot,
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
}

/// The slab and its index.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    cells: Vec<Cell>,
    /// Free cells, linked by `next`.
    free: Slot,
    slots: FxHashMap<(SubjectId, OrderId), Slot>,
    /// How many orders `slots` can hold before it allocates. The map's own `capacity` counts what
    /// deletions left behind and would not tell.
    slots_room: usize,
    orders_max: usize,
}

impl Orders {
    /// Orders for which room is made at once: 4 MiB of slab.
    const RESERVED: usize = 65_536;

    pub(crate) fn new(orders_max: u32) -> Self {
        // Even the greatest bound leaves one slot number unused: NIL.
        let orders_max = orders_max as usize;
        let reserved = orders_max.min(Self::RESERVED);
        let mut slots = FxHashMap::default();
        slots.reserve(reserved * 2);
        let slots_room = slots.capacity() / 2;
        Self { cells: Vec::with_capacity(reserved), free: NIL, slots, slots_room, orders_max }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.slots.len() >= self.orders_max
    }

    pub(crate) fn find(&self, subject: SubjectId, id: OrderId) -> Option<Slot> {
        self.slots.get(&(subject, id)).copied()
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
    pub(crate) fn store(&mut self, subject: SubjectId, order: Resting) -> Slot {
        self.make_room();
        let cell = Cell { order, subject, previous: NIL, next: NIL };
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
        let known = self.slots.insert((subject, order.id), slot);
        debug_assert!(known.is_none(), "order {} stored twice", order.id);
        slot
    }

    /// Forgets an order that stands in no queue any more.
    pub(crate) fn forget(&mut self, slot: Slot) -> Resting {
        let cell = &mut self.cells[slot as usize];
        cell.next = self.free;
        self.free = slot;
        self.slots.remove(&(cell.subject, cell.order.id));
        cell.order
    }

    /// Keeps the index at most half full. A map that is fuller allocates when it must sweep out what
    /// deletions left behind; one that is not sweeps in place.
    fn make_room(&mut self) {
        if self.slots.len() >= self.slots_room {
            let wanted = (self.slots_room * 4).max(64);
            self.slots.reserve(wanted - self.slots.len());
            self.slots_room = self.slots.capacity() / 2;
        }
    }

    /// Puts an order at the end of a queue.
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

    /// Cells, entries of the index as it stands, and entries that it holds before it grows.
    #[cfg(test)]
    pub(crate) fn capacities(&self) -> [usize; 3] {
        [self.cells.capacity(), self.slots.capacity(), self.slots_room]
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
