//! Where an order lies, found by its id.
//!
//! Venues that number all orders of a day in one sequence (NASDAQ) get a plain array: the id says where
//! to look, orders that enter one after the other lie side by side, and nothing is hashed. The array is
//! a window that moves with the ids. It is made of pages of [`PAGE`] ids, opened when a first order needs
//! one and recycled when the last one has left. Most orders live short lives; for the few that stay, the
//! oldest pages are not kept: what still rests in them moves to a hash table, once.
//!
//! The table also takes what a window cannot hold well: ids that are scattered or random, and the same
//! id of a second subject (ids are unique for one subject only). Opening a page is paid for with credit,
//! which orders earn by being found in pages, so that ids too thin for pages soon get no more of them.
//!
//! Pages lie side by side in huge pages of memory. They take up to 512 bytes for an order that rests in
//! them, and never more than 128 MiB; the table up to 100 bytes for each order in it.

use crate::memory::{prefetch, reserve};
use crate::orders::{NIL, Slot};
use engine_event::{OrderId, SubjectId};
use rustc_hash::FxHashMap;

/// Ids of one page, and pages of the window. Powers of two.
const PAGE: usize = 4096;
const WINDOW: usize = 8192;

/// What an order in a page, and one in the table, adds to the credit; the latter so that a feed that
/// turns sequential is noticed.
const EARNED_IN_PAGE: u32 = 256;
const EARNED_IN_TABLE: u32 = 1;
/// What a page costs: 64 orders in pages. At fewer, 16 KiB are better spent on the table.
const COST: u32 = 64 * EARNED_IN_PAGE;
const CREDIT_MAX: u32 = 64 * COST;

/// How many pages there may be though orders are few, and how many orders deserve one more. As many come
/// at a time, or a quarter of those that are there.
const PAGES_FREE: usize = 16;
const DESERVING: usize = PAGE * size_of::<Slot>() / 512;

/// Shards with room for no more orders than that get no room for pages before they need it.
const SMALL: usize = 4096;

/// Slots by subject and id.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// By page number, modulo its length.
    window: Box<[Place; WINDOW]>,
    /// All pages: slots by the lower bits of the id, `NIL` where there is none.
    pages: Vec<Page>,
    /// Pages without orders, to be opened again. Pages come many at a time, so that a number that sways
    /// about some height soon finds enough of them.
    spare: Vec<u32>,
    /// Orders in pages.
    paged: usize,
    /// Where in the window the oldest page is looked for.
    hand: usize,
    credit: u32,
    /// The highest page number of any order so far.
    newest: u64,
    /// The orders that are not in pages.
    table: FxHashMap<(SubjectId, OrderId), Slot>,
    /// How many orders the table can hold before it allocates. The map's own `capacity` counts what
    /// deletions left behind and would not tell.
    table_room: usize,
}

type Page = [Slot; PAGE];

/// A place in the window.
#[derive(Clone, Debug)]
struct Place {
    /// Which page it holds; `NO_PAGE` if none.
    number: u64,
    /// Where the page is.
    page: u32,
    /// How many orders are in the page.
    live: u16,
    /// Orders whose ids belong to this page may be in the table.
    is_mixed: bool,
}

const _: () = assert!(size_of::<Place>() == 16 && PAGE <= u16::MAX as usize);

/// More than any id's page number.
const NO_PAGE: u64 = u64::MAX;

impl Index {
    /// An empty index whose table has room for twice as many orders before it grows.
    pub(crate) fn new(reserved: usize) -> Self {
        let mut table = FxHashMap::default();
        table.reserve(reserved * 2);
        const FREE: Place = Place { number: NO_PAGE, page: 0, live: 0, is_mixed: false };
        let window = vec![FREE; WINDOW].into_boxed_slice();
        Self {
            window: window.try_into().expect("it is as long as it is"),
            pages: reserve(if reserved > SMALL { WINDOW } else { 0 }),
            spare: Vec::with_capacity(WINDOW),
            paged: 0,
            hand: 0,
            credit: CREDIT_MAX,
            newest: 0,
            table_room: table.capacity() / 2,
            table,
        }
    }

    /// How many orders are in the index.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.paged + self.table.len()
    }

    /// Where an order with this id lies as far as the window knows, whoever's it is; `NIL` if it does not.
    #[inline(always)]
    pub(crate) fn find(&self, id: OrderId) -> Slot {
        let place = &self.window[place_of(id)];
        match self.pages.get(place.page as usize) {
            Some(page) if place.number == number_of(id) => page[within(id)],
            _ => NIL,
        }
    }

    /// Where the order of this subject lies which the window does not know of.
    #[inline(never)]
    pub(crate) fn find_in_table(&self, subject: SubjectId, id: OrderId) -> Option<Slot> {
        let place = &self.window[place_of(id)];
        if place.number == number_of(id) && !place.is_mixed {
            return None;
        }
        self.table.get(&(subject, id)).copied()
    }

    /// Whether it is plain that nobody has an order with this id.
    #[inline(always)]
    pub(crate) fn is_plainly_free(&self, id: OrderId) -> bool {
        let place = &self.window[place_of(id)];
        let is_open = place.number == number_of(id) && !place.is_mixed;
        is_open && self.find(id) == NIL
    }

    /// Sends for what [`find`](Self::find) will look at.
    #[inline(always)]
    pub(crate) fn prefetch(&self, id: OrderId) {
        let place = &self.window[place_of(id)];
        if let Some(page) = self.pages.get(place.page as usize) {
            prefetch(page, within(id));
        }
    }

    /// Adds an order that is not in the index. `owner` tells who an order in the index belongs to, and
    /// its id, should it have to move.
    #[inline(always)]
    pub(crate) fn insert(
        &mut self,
        subject: SubjectId,
        id: OrderId,
        slot: Slot,
        owner: impl Fn(Slot) -> (SubjectId, OrderId),
    ) {
        let place = &mut self.window[place_of(id)];
        if place.number == number_of(id)
            && let here = &mut self.pages[place.page as usize][within(id)]
            && *here == NIL
        {
            *here = slot;
            place.live += 1;
            self.paged += 1;
            self.credit = (self.credit + EARNED_IN_PAGE).min(CREDIT_MAX);
            return;
        }
        self.insert_elsewhere(subject, id, slot, owner);
    }

    /// Adds an order whose page is not open, or whose place there is another's.
    #[cold]
    #[inline(never)]
    fn insert_elsewhere(
        &mut self,
        subject: SubjectId,
        id: OrderId,
        slot: Slot,
        owner: impl Fn(Slot) -> (SubjectId, OrderId),
    ) {
        let number = number_of(id);
        if self.window[place_of(id)].number == number {
            self.window[place_of(id)].is_mixed = true;
        } else if self.open(number, &owner) {
            return self.insert(subject, id, slot, owner);
        }
        self.newest = self.newest.max(number);
        self.credit = (self.credit + EARNED_IN_TABLE).min(CREDIT_MAX);
        self.make_room();
        let known = self.table.insert((subject, id), slot);
        debug_assert!(known.is_none(), "order {id} stored twice");
    }

    #[inline(never)]
    fn remove_from_table(&mut self, subject: SubjectId, id: OrderId) {
        self.table.remove(&(subject, id));
    }

    /// Takes out an order that is in the index.
    #[inline(always)]
    pub(crate) fn remove(&mut self, subject: SubjectId, id: OrderId, slot: Slot) {
        let place = &mut self.window[place_of(id)];
        if place.number == number_of(id)
            && let here = &mut self.pages[place.page as usize][within(id)]
            && *here == slot
        {
            *here = NIL;
            place.live -= 1;
            self.paged -= 1;
            if place.live == 0 {
                self.spare(id);
            }
            return;
        }
        self.remove_from_table(subject, id);
    }

    /// Spares the page of this id, which is empty: but not the newest, since the next order belongs there.
    #[cold]
    fn spare(&mut self, id: OrderId) {
        let place = &mut self.window[place_of(id)];
        if place.number != self.newest {
            place.number = NO_PAGE;
            self.spare.push(place.page);
        }
    }

    /// Opens this page, if there is credit and no newer one stands in its place.
    #[cold]
    fn open(&mut self, number: u64, owner: impl Fn(Slot) -> (SubjectId, OrderId)) -> bool {
        let at = number as usize % WINDOW;
        let here = &self.window[at];
        let is_held_by_newer = here.live > 0 && here.number > number;
        if is_held_by_newer || self.credit < COST {
            return false;
        }
        self.credit -= COST;
        self.close(at, &owner);
        if self.spare.is_empty() {
            self.find_page(&owner);
        }
        let place = &mut self.window[at];
        place.page = self.spare.pop().expect("a page was found");
        place.number = number;
        place.is_mixed = number <= self.newest && !self.table.is_empty();
        self.newest = self.newest.max(number);
        true
    }

    /// Empties a place of the window: its page is spare, and its orders are in the table.
    fn close(&mut self, at: usize, owner: impl Fn(Slot) -> (SubjectId, OrderId)) {
        let place = &mut self.window[at];
        if place.number == NO_PAGE {
            return;
        }
        place.number = NO_PAGE;
        let live = std::mem::take(&mut place.live);
        let page = place.page;
        self.paged -= usize::from(live);
        for within in 0..if live > 0 { PAGE } else { 0 } {
            let slot = std::mem::replace(&mut self.pages[page as usize][within], NIL);
            if slot != NIL {
                self.make_room();
                self.table.insert(owner(slot), slot);
            }
        }
        self.spare.push(page);
    }

    /// Makes a page spare: a new one as long as orders deserve it, then the oldest that is open.
    fn find_page(&mut self, owner: impl Fn(Slot) -> (SubjectId, OrderId)) {
        let deserved = (PAGES_FREE + self.paged / DESERVING).min(WINDOW);
        let pages = self.pages.len();
        if pages < deserved {
            let more = (pages / 4).max(PAGES_FREE).min(WINDOW - pages);
            self.pages.resize(pages + more, [NIL; PAGE]);
            self.spare.extend((pages..pages + more).map(|page| page as u32));
        }
        while self.spare.is_empty() {
            self.close(self.hand, &owner);
            self.hand = (self.hand + 1) % WINDOW;
        }
    }

    /// Keeps the table at most half full. A map that is fuller allocates when it must sweep out what
    /// deletions left behind; one that is not sweeps in place.
    fn make_room(&mut self) {
        if self.table.len() >= self.table_room {
            let wanted = (self.table_room * 4).max(64);
            self.table.reserve(wanted - self.table.len());
            self.table_room = self.table.capacity() / 2;
        }
    }

    /// Pages, entries of the table as it stands, and entries that it holds before it grows.
    #[cfg(test)]
    pub(crate) fn capacities(&self) -> [usize; 3] {
        [self.pages.len(), self.table.capacity(), self.table_room]
    }
}

/// The number of an id's page.
#[inline(always)]
fn number_of(id: OrderId) -> u64 {
    id.0 / PAGE as u64
}

/// Where in the window that page may be.
#[inline(always)]
fn place_of(id: OrderId) -> usize {
    number_of(id) as usize % WINDOW
}

/// An id's place in its page.
#[inline(always)]
fn within(id: OrderId) -> usize {
    id.0 as usize % PAGE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// An index and, plainly, what must be found in it.
    struct Pair {
        index: Index,
        plain: BTreeMap<(SubjectId, OrderId), Slot>,
        owners: Vec<(SubjectId, OrderId)>,
    }

    impl Pair {
        fn new() -> Self {
            Self { index: Index::new(0), plain: BTreeMap::new(), owners: Vec::new() }
        }

        fn find(&self, key: (SubjectId, OrderId)) -> Option<Slot> {
            let slot = self.index.find(key.1);
            let is_its = slot != NIL && self.owners[slot as usize].0 == key.0;
            assert!(slot == NIL || !self.index.is_plainly_free(key.1));
            if is_its { Some(slot) } else { self.index.find_in_table(key.0, key.1) }
        }

        /// Adds the order if it is not there, else takes it out.
        fn toggle(&mut self, key: (SubjectId, OrderId)) {
            let found = self.find(key);
            assert_eq!(found, self.plain.get(&key).copied(), "{key:?}");
            if let Some(slot) = found {
                self.index.remove(key.0, key.1, slot);
                self.plain.remove(&key);
            } else {
                let slot = self.owners.len() as Slot;
                self.owners.push(key);
                self.index.insert(key.0, key.1, slot, |slot| self.owners[slot as usize]);
                self.plain.insert(key, slot);
            }
        }

        fn assert_all_found(&self) {
            for (key, slot) in &self.plain {
                assert_eq!(self.find(*key), Some(*slot), "{key:?}");
            }
            let lives = self.index.window.iter().map(|place| usize::from(place.live));
            assert_eq!(lives.sum::<usize>() + self.index.table.len(), self.plain.len());
            let open = self.index.window.iter().filter(|place| place.number != NO_PAGE).count();
            assert_eq!(open + self.index.spare.len(), self.index.pages.len());
        }
    }

    /// Ids that share pages, that stand in each other's place, and some from anywhere.
    fn id() -> impl Strategy<Value = OrderId> {
        let round = (PAGE * WINDOW) as u64;
        prop_oneof![
            4 => (0..40u64).prop_map(OrderId),
            4 => (0..4u64, 0..3u64, 0..10u64).prop_map(move |(lap, page, within)| {
                OrderId(lap * round + page * PAGE as u64 + within)
            }),
            1 => any::<u64>().prop_map(OrderId),
            1 => (0..3u64).prop_map(|less| OrderId(u64::MAX - less)),
        ]
    }

    proptest! {
        #[test]
        fn every_order_is_found_wherever_it_went(
            keys in vec(((0..2u32).prop_map(SubjectId), id()), 1..400),
        ) {
            let mut pair = Pair::new();
            for key in keys {
                pair.toggle(key);
                pair.assert_all_found();
            }
        }
    }

    /// A day's ids in order, of which one in a hundred rests for good.
    #[test]
    fn a_window_that_moves_on_loses_nothing() {
        let mut pair = Pair::new();
        let ids = (0..3 * (PAGE * WINDOW) as u64).step_by(16);
        for (n, id) in ids.enumerate() {
            let key = (SubjectId(0), OrderId(id));
            pair.toggle(key);
            if n % 100 != 0 {
                pair.toggle(key);
            }
        }
        pair.assert_all_found();
        assert!(pair.index.table.len() > pair.plain.len() * 9 / 10, "older ones have moved");
        assert!(pair.index.pages.len() <= 2 * PAGES_FREE, "{} pages", pair.index.pages.len());
    }

    #[test]
    fn sequential_ids_lie_in_few_pages_and_scattered_ones_in_the_table() {
        let mut pair = Pair::new();
        for n in 0..1_000_000 {
            pair.toggle((SubjectId(0), OrderId(n)));
            if let Some(older) = n.checked_sub(1_000) {
                pair.toggle((SubjectId(0), OrderId(older)));
            }
        }
        assert_eq!(pair.index.pages.len(), PAGES_FREE, "pages are recycled");
        let scattered = |n: u64| (SubjectId(1), OrderId(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        for n in 1..100_000 {
            pair.toggle(scattered(n));
        }
        assert!(pair.index.pages.len() < 100, "scattered ids open few pages");
        pair.assert_all_found();
    }
}
