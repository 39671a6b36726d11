//! The person's ledger: what each has resting, holds, entered, cancelled and traded in one instrument.
//! Kept once, for all patterns.

use super::DeskBounds;
use super::bars::Bars;
use super::deed::{Deed, What, Who};
use super::kept::{Kept, kept};
use super::people::Person;
use engine_observer::event::body::Attributes;
use engine_observer::event::{
    Nanos, OrderId, ParticipantId, Price, Reader, Side, SnapshotError, Writer,
};
use rustc_hash::FxHashMap;
use std::ops::Sub;

/// All persons of an instrument and their orders.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    persons: Vec<Account>,
    places: FxHashMap<u32, u32>,
    /// Who was looked for last, and where they were found: all patterns ask about the same two.
    latest: [(Person, u32); 2],
    orders: Vec<Cell>,
    free: u32,
    /// By order: its cell.
    index: FxHashMap<OrderId, u32>,
    persons_max: usize,
    orders_max: usize,
    /// Whether orders of unknown owners are kept, as nobody's.
    is_anonymous: bool,
    /// Persons that were forgotten, and orders that found no room.
    pub(crate) forgotten: u64,
}

/// What one person has and did.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) person: Person,
    /// The accounts that acted for the person, the first few.
    pub(crate) accounts: Vec<ParticipantId>,
    /// The account that acted last.
    last_account: ParticipantId,
    /// By side: how many orders rest, and their quantity.
    pub(crate) resting: [Resting; 2],
    /// Bought less sold, and what was held when the day began.
    pub(crate) position: i64,
    /// What was entered and what was taken away again, since ever.
    pub(crate) entered_quantity: u64,
    pub(crate) cancelled_quantity: u64,
    /// What was done, counted on, by second.
    done: Bars<Done>,
    pub(crate) first_at: Nanos,
    pub(crate) last_at: Nanos,
    /// When the person last came and traded.
    came_at: Nanos,
    /// By side: the latest order that rests.
    heads: [u32; 2],
}

/// How many orders, and how much in all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Resting {
    pub(crate) orders: u32,
    pub(crate) quantity: u64,
}

impl Resting {
    /// One of the orders is for so much now, and was for so much before.
    fn change(&mut self, before: u64, now: u64) {
        self.quantity = self.quantity.wrapping_sub(before).wrapping_add(now);
    }
}

/// What somebody did, counted on: what is asked for of stretches of time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Done {
    /// Entries, amendments, cancellations.
    pub(crate) messages: u64,
    /// Trades of either kind.
    pub(crate) trades: u64,
    /// By side, as the one who came.
    pub(crate) taken: [u64; 2],
    /// By side, as the one who was there.
    pub(crate) given: [u64; 2],
    /// How often one came and traded: an order that meets many others is one coming.
    pub(crate) comings: u64,
}

/// An order that rests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Live {
    pub(crate) order: OrderId,
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) quantity: u64,
    /// What it was for when it entered.
    pub(crate) entered_quantity: u64,
    pub(crate) entered_at: Nanos,
    pub(crate) entered_seq: u64,
    /// When price or quantity last changed.
    pub(crate) changed_at: Nanos,
    pub(crate) account: ParticipantId,
    pub(crate) attributes: Attributes,
}

impl Live {
    /// Whether others see it.
    pub(crate) fn is_displayed(&self) -> bool {
        !self.attributes.has(Attributes::HIDDEN)
    }
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    live: Live,
    person: u32,
    previous: u32,
    next: u32,
}

/// Some feeds tell what one order meets bit by bit: trades within this time are one coming.
const SAME_COMING: Nanos = Nanos::from_millis(100);
const NIL: u32 = u32::MAX;
const NOBODY: [(Person, u32); 2] = [(Person(0), NIL); 2];

kept!(Resting { orders, quantity });
kept!(Done { messages, trades, taken, given, comings });
kept!(Live {
    order,
    side,
    price,
    quantity,
    entered_quantity,
    entered_at,
    entered_seq,
    changed_at,
    account,
    attributes,
});
kept!(Account {
    person,
    accounts,
    last_account,
    resting,
    position,
    entered_quantity,
    cancelled_quantity,
    done,
    first_at,
    last_at,
    came_at,
    heads,
});
kept!(Cell { live, person, previous, next });

impl Sub for Done {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        // Sums of quantities with many places run over: what lies between two moments is right still.
        let less = |one: u64, other: u64| one.wrapping_sub(other);
        let both =
            |one: [u64; 2], other: [u64; 2]| [less(one[0], other[0]), less(one[1], other[1])];
        Self {
            messages: self.messages - earlier.messages,
            trades: self.trades - earlier.trades,
            taken: both(self.taken, earlier.taken),
            given: both(self.given, earlier.given),
            comings: self.comings - earlier.comings,
        }
    }
}

impl Done {
    /// All that was traded on a side.
    pub(crate) fn traded(&self, side: Side) -> u64 {
        self.taken[side as usize].wrapping_add(self.given[side as usize])
    }

    /// All that was traded.
    pub(crate) fn volume(&self) -> u64 {
        self.traded(Side::Buy).wrapping_add(self.traded(Side::Sell))
    }

    /// Bought less sold.
    pub(crate) fn net(&self) -> i64 {
        signed(self.traded(Side::Buy)) - signed(self.traded(Side::Sell))
    }
}

impl Account {
    /// How many accounts of a person are named.
    pub(crate) const ACCOUNTS_MAX: usize = 8;

    /// What the person did since ever, and from a moment on.
    pub(crate) fn done(&self) -> &Bars<Done> {
        &self.done
    }

    #[cold]
    fn name(&mut self, account: ParticipantId) {
        self.last_account = account;
        if self.accounts.len() < Self::ACCOUNTS_MAX && !self.accounts.contains(&account) {
            self.accounts.push(account);
        }
    }

    /// What rests on a side.
    pub(crate) fn resting_on(&self, side: Side) -> Resting {
        self.resting[side as usize]
    }
}

impl Ledger {
    /// An empty ledger.
    pub(crate) fn new(bounds: &DeskBounds, is_anonymous: bool) -> Self {
        let DeskBounds { persons_max, orders_max } = *bounds;
        Self {
            persons: Vec::new(),
            places: FxHashMap::default(),
            latest: NOBODY,
            orders: Vec::new(),
            free: NIL,
            index: FxHashMap::default(),
            persons_max,
            orders_max,
            is_anonymous,
            forgotten: 0,
        }
    }

    /// Whether nobody was ever seen.
    pub(crate) fn is_empty(&self) -> bool {
        self.persons.is_empty()
    }

    /// What somebody has and did, if they were here.
    #[inline]
    pub(crate) fn of(&self, person: Person) -> Option<&Account> {
        self.place(person).map(|place| &self.persons[place as usize])
    }

    #[inline]
    fn place(&self, person: Person) -> Option<u32> {
        let known = self.latest.iter().find(|(latest, place)| *latest == person && *place != NIL);
        match known {
            Some((_, place)) => Some(*place),
            None => self.places.get(&person.0).copied(),
        }
    }

    /// All who were here and are known.
    pub(crate) fn persons(&self) -> impl Iterator<Item = &Account> {
        self.persons.iter().filter(|account| account.person != Person::NOBODY)
    }

    /// Whose order it is that somebody does something to.
    #[inline]
    fn owner(&self, deed: &Deed) -> Option<Who> {
        deed.owner.or(self.is_anonymous.then_some(Who::NOBODY))
    }

    /// Somebody's orders on a side, the latest to enter first. A handful for most; a walk over all of a
    /// market maker's.
    pub(crate) fn orders_of(&self, person: Person, side: Side) -> impl Iterator<Item = &Live> {
        let head = self.of(person).map_or(NIL, |account| account.heads[side as usize]);
        let mut at = head;
        std::iter::from_fn(move || {
            let cell = self.orders.get(at as usize)?;
            at = cell.next;
            Some(&cell.live)
        })
    }

    /// An order that rests, and whose it is.
    pub(crate) fn order(&self, id: OrderId) -> Option<(Person, &Live)> {
        let cell = &self.orders[*self.index.get(&id)? as usize];
        Some((self.persons[cell.person as usize].person, &cell.live))
    }

    /// Takes what somebody did.
    pub(crate) fn take(&mut self, deed: &Deed) {
        match deed.what {
            What::Enter => self.enter(deed),
            What::Amend => self.amend(deed),
            What::Cancel => self.cancel(deed),
            What::Fill | What::Print => self.trade(deed),
            What::Phase | What::News | What::Fixing => {}
        }
    }

    /// What somebody holds when the day begins, in one more account.
    pub(crate) fn hold(&mut self, who: Who, quantity: i64, at: Nanos) {
        if let Some(account) = self.find_or_begin(who, at) {
            account.position = account.position.wrapping_add(quantity);
        }
    }

    fn enter(&mut self, deed: &Deed) {
        let Some(who) = self.owner(deed) else { return };
        let side = deed.side as usize;
        let Some(account) = self.find_or_begin(who, deed.at) else { return };
        account.done.count(deed.at, |done| done.messages += 1);
        account.entered_quantity = account.entered_quantity.wrapping_add(deed.quantity);
        let (Some(price), true) = (deed.price, deed.left > 0) else { return };
        account.resting[side].orders += 1;
        account.resting[side].change(0, deed.left);
        let live = Live {
            order: deed.order,
            side: deed.side,
            price,
            quantity: deed.left,
            entered_quantity: deed.quantity,
            entered_at: deed.at,
            entered_seq: deed.seq,
            changed_at: deed.at,
            account: who.account,
            attributes: deed.attributes,
        };
        let place = self.latest[0].1;
        self.link(live, place);
    }

    fn amend(&mut self, deed: &Deed) {
        let cell = self.index.remove(&deed.order);
        let who = self.owner(deed);
        if let Some(account) = who.and_then(|who| self.find_or_begin(who, deed.at)) {
            account.done.count(deed.at, |done| done.messages += 1);
        }
        let Some(cell) = cell else { return };
        self.index.insert(deed.successor, cell);
        let Cell { live, person, .. } = &mut self.orders[cell as usize];
        let resting = &mut self.persons[*person as usize].resting[live.side as usize];
        resting.change(live.quantity, deed.left);
        live.order = deed.successor;
        live.quantity = deed.left;
        live.price = deed.price.unwrap_or(live.price);
        live.changed_at = deed.at;
    }

    fn cancel(&mut self, deed: &Deed) {
        let who = self.owner(deed);
        if let Some(account) = who.and_then(|who| self.find_or_begin(who, deed.at)) {
            account.done.count(deed.at, |done| done.messages += 1);
            account.cancelled_quantity = account.cancelled_quantity.wrapping_add(deed.quantity);
        }
        self.leave(deed.order);
    }

    fn trade(&mut self, deed: &Deed) {
        let own = deed.side as usize;
        let who = self.owner(deed);
        if let Some(account) = who.and_then(|who| self.find_or_begin(who, deed.at)) {
            account.done.count(deed.at, |done| {
                done.given[own] = done.given[own].wrapping_add(deed.quantity);
                done.trades += 1;
            });
            account.position = account.position.wrapping_add(toward(deed.side, deed.quantity));
        }
        if let Some(account) = deed.aggressor.and_then(|who| self.find_or_begin(who, deed.at)) {
            let is_anew =
                deed.at.since(account.came_at) > SAME_COMING || account.came_at == Nanos(0);
            account.came_at = deed.at;
            account.done.count(deed.at, |done| {
                done.taken[1 - own] = done.taken[1 - own].wrapping_add(deed.quantity);
                done.trades += 1;
                done.comings += u64::from(is_anew);
            });
            account.position =
                account.position.wrapping_add(toward(deed.side.opposite(), deed.quantity));
        }
        if deed.what == What::Fill {
            self.settle(deed.order, deed.left);
        }
    }

    /// So much is left of an order that traded.
    pub(crate) fn settle(&mut self, order: OrderId, left: u64) {
        if left == 0 {
            self.leave(order);
        } else if let Some(cell) = self.index.get(&order) {
            let Cell { live, person, .. } = &mut self.orders[*cell as usize];
            let resting = &mut self.persons[*person as usize].resting[live.side as usize];
            resting.change(live.quantity, left);
            live.quantity = left;
        }
    }

    /// An order must have left without a word.
    #[cold]
    pub(crate) fn lose(&mut self, id: OrderId) {
        self.leave(id);
    }

    /// The book was emptied: nothing rests.
    pub(crate) fn clear(&mut self) {
        self.orders.clear();
        self.index.clear();
        self.free = NIL;
        for account in &mut self.persons {
            (account.resting, account.heads) = ([Resting::default(); 2], [NIL; 2]);
        }
    }

    fn find_or_begin(&mut self, who: Who, at: Nanos) -> Option<&mut Account> {
        let place = match self.place(who.person) {
            Some(place) => place,
            None => self.begin(who, at)? as u32,
        };
        if self.latest[0] != (who.person, place) {
            self.latest = [(who.person, place), self.latest[0]];
        }
        let account = &mut self.persons[place as usize];
        account.last_at = at;
        if account.last_account != who.account {
            account.name(who.account);
        }
        Some(account)
    }

    /// A new person; takes the place of the one without orders who was away longest, where there is no
    /// other. None if all places are taken by persons with orders.
    #[cold]
    fn begin(&mut self, who: Who, at: Nanos) -> Option<usize> {
        let person = who.person;
        let account = Account {
            person,
            accounts: if person == Person::NOBODY { Vec::new() } else { vec![who.account] },
            last_account: who.account,
            resting: [Resting::default(); 2],
            position: 0,
            entered_quantity: 0,
            cancelled_quantity: 0,
            done: Bars::default(),
            first_at: at,
            last_at: at,
            came_at: Nanos(0),
            heads: [NIL; 2],
        };
        let place = if self.persons.len() < self.persons_max {
            self.persons.push(account);
            self.persons.len() - 1
        } else {
            self.forgotten += 1;
            let idle = self.persons.iter().enumerate();
            let idle = idle.filter(|(_, account)| account.heads == [NIL; 2]);
            let (place, _) = idle.min_by_key(|(_, account)| account.last_at)?;
            self.places.remove(&self.persons[place].person.0);
            self.latest = NOBODY;
            self.persons[place] = account;
            place
        };
        self.places.insert(person.0, place as u32);
        Some(place)
    }

    fn link(&mut self, live: Live, person: u32) {
        let side = live.side as usize;
        let next = self.persons[person as usize].heads[side];
        let cell = Cell { live, person, previous: NIL, next };
        let place = if self.free != NIL {
            let place = self.free;
            self.free = self.orders[place as usize].next;
            self.orders[place as usize] = cell;
            place
        } else if self.orders.len() < self.orders_max {
            self.orders.push(cell);
            self.orders.len() as u32 - 1
        } else {
            let resting = &mut self.persons[person as usize].resting[side];
            resting.orders -= 1;
            resting.change(live.quantity, 0);
            self.forgotten += 1;
            return;
        };
        if let Some(next) = self.orders.get_mut(next as usize) {
            next.previous = place;
        }
        self.persons[person as usize].heads[side] = place;
        if let Some(twin) = self.index.insert(live.order, place) {
            self.unlink(twin);
        }
    }

    fn leave(&mut self, order: OrderId) {
        if let Some(place) = self.index.remove(&order) {
            self.unlink(place);
        }
    }

    fn unlink(&mut self, place: u32) {
        let Cell { live, person, previous, next } = self.orders[place as usize];
        let account = &mut self.persons[person as usize];
        let resting = &mut account.resting[live.side as usize];
        resting.orders -= 1;
        resting.change(live.quantity, 0);
        if previous == NIL {
            account.heads[live.side as usize] = next;
        } else {
            self.orders[previous as usize].next = next;
        }
        if let Some(next) = self.orders.get_mut(next as usize) {
            next.previous = previous;
        }
        self.orders[place as usize].next = self.free;
        self.free = place;
    }
}

fn signed(quantity: u64) -> i64 {
    i64::try_from(quantity).unwrap_or(i64::MAX)
}

/// What a trade adds to a position.
pub(crate) fn toward(side: Side, quantity: u64) -> i64 {
    match side {
        Side::Buy => signed(quantity),
        Side::Sell => -signed(quantity),
    }
}

impl Kept for Ledger {
    fn keep(&self, to: &mut Writer) {
        self.persons.keep(to);
        self.places.keep(to);
        self.orders.keep(to);
        self.free.keep(to);
        self.index.keep(to);
        self.persons_max.keep(to);
        self.orders_max.keep(to);
        self.is_anonymous.keep(to);
        self.forgotten.keep(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let at = from.position();
        let ledger = Self {
            persons: Kept::restore(from)?,
            places: Kept::restore(from)?,
            latest: NOBODY,
            orders: Kept::restore(from)?,
            free: Kept::restore(from)?,
            index: Kept::restore(from)?,
            persons_max: Kept::restore(from)?,
            orders_max: Kept::restore(from)?,
            is_anonymous: Kept::restore(from)?,
            forgotten: Kept::restore(from)?,
        };
        let (persons, orders) = (ledger.persons.len() as u32, ledger.orders.len() as u32);
        let leads = |place: u32| place == NIL || place < orders;
        let is_whole = ledger.places.values().all(|place| *place < persons)
            && ledger.index.values().all(|place| *place < orders)
            && ledger.persons.iter().all(|account| account.heads.iter().all(|head| leads(*head)))
            && leads(ledger.free)
            && ledger
                .orders
                .iter()
                .all(|cell| cell.person < persons && leads(cell.previous) && leads(cell.next));
        if is_whole { Ok(ledger) } else { Err(SnapshotError::Damaged { at }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn who(number: u32) -> Who {
        let account = ParticipantId::new(number).unwrap();
        Who { person: Person(number), account }
    }

    fn deed(what: What, order: u64, owner: u32, side: Side, left: u64) -> Deed {
        Deed {
            what,
            seq: 1,
            at: Nanos::from_secs(1),
            order: OrderId(order),
            successor: OrderId(order),
            side,
            knows_side: true,
            price: Some(Price(100)),
            quantity: left,
            left,
            was: None,
            owner: Some(who(owner)),
            aggressor: None,
            attributes: Attributes::NONE,
            is_cross: false,
        }
    }

    proptest! {
        /// Against a map from order to owner, side and quantity.
        #[test]
        fn what_rests_is_what_entered_and_did_not_leave(
            doings in prop::collection::vec((0..4u8, 0..12u64, 1..4u32, any::<bool>(), 1..50u64), 0..200)
        ) {
            let mut ledger = Ledger::new(&DeskBounds { persons_max: 8, orders_max: 64 }, false);
            let mut simple: BTreeMap<u64, (u32, Side, u64)> = BTreeMap::new();
            for (act, order, owner, buys, quantity) in doings {
                let side = if buys { Side::Buy } else { Side::Sell };
                match (act, simple.get(&order).copied()) {
                    (0, None) => {
                        ledger.take(&deed(What::Enter, order, owner, side, quantity));
                        simple.insert(order, (owner, side, quantity));
                    }
                    (1, Some((owner, side, _))) => {
                        ledger.take(&deed(What::Cancel, order, owner, side, 0));
                        simple.remove(&order);
                    }
                    (2, Some((owner, side, _))) => {
                        ledger.take(&deed(What::Amend, order, owner, side, quantity));
                        simple.insert(order, (owner, side, quantity));
                    }
                    (3, Some((owner, side, rests))) => {
                        let traded = quantity.min(rests);
                        let fill = Deed { quantity: traded, ..deed(What::Fill, order, owner, side, rests - traded) };
                        ledger.take(&fill);
                        match rests - traded {
                            0 => _ = simple.remove(&order),
                            left => _ = simple.insert(order, (owner, side, left)),
                        }
                    }
                    _ => {}
                }
            }
            let mut written = Writer::new();
            ledger.keep(&mut written);
            let bytes = written.into_bytes();
            let ledger = Ledger::restore(&mut Reader::new(&bytes)).unwrap();
            for owner in 1..4 {
                for side in [Side::Buy, Side::Sell] {
                    let mut rest: Vec<_> = ledger.orders_of(Person(owner), side)
                        .map(|live| (live.order.0, live.quantity)).collect();
                    rest.sort_unstable();
                    let mine = simple.iter().filter(|(_, of)| (of.0, of.1) == (owner, side));
                    let expected: Vec<_> = mine.map(|(order, of)| (*order, of.2)).collect();
                    let sum = Resting {
                        orders: expected.len() as u32,
                        quantity: expected.iter().map(|of| of.1).sum(),
                    };
                    let resting = ledger.of(Person(owner)).map_or(Resting::default(), |of| of.resting_on(side));
                    prop_assert_eq!(rest, expected);
                    prop_assert_eq!(resting, sum);
                }
            }
        }
    }

    #[test]
    fn both_sides_of_a_trade_move_positions() {
        let mut ledger = Ledger::new(&DeskBounds { persons_max: 8, orders_max: 8 }, false);
        ledger.take(&deed(What::Enter, 1, 1, Side::Buy, 50));
        let fill = Deed { quantity: 20, ..deed(What::Fill, 1, 1, Side::Buy, 30) };
        ledger.take(&Deed { aggressor: Some(who(2)), ..fill });
        let of = |number| ledger.of(Person(number)).unwrap();
        assert_eq!((of(1).position, of(2).position), (20, -20));
        assert_eq!((of(1).done().total().given, of(2).done().total().taken), ([20, 0], [0, 20]));
    }

    #[test]
    fn persons_and_orders_have_their_bounds() {
        let mut ledger = Ledger::new(&DeskBounds { persons_max: 2, orders_max: 2 }, false);
        ledger.take(&deed(What::Enter, 1, 1, Side::Buy, 5));
        ledger.take(&deed(What::Cancel, 9, 2, Side::Buy, 0));
        ledger.take(&deed(What::Enter, 3, 3, Side::Buy, 5));
        assert!(ledger.of(Person(2)).is_none(), "had nothing resting");
        ledger.take(&deed(What::Enter, 4, 4, Side::Buy, 5));
        assert!(ledger.of(Person(4)).is_none(), "everybody has orders");
        ledger.take(&deed(What::Enter, 5, 1, Side::Buy, 5));
        assert_eq!(ledger.of(Person(1)).unwrap().resting_on(Side::Buy).quantity, 5);
        assert_eq!(ledger.forgotten, 3);
    }
}
