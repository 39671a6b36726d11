//! All books of one shard.

#[cfg(doc)]
use crate::Form;
use crate::book::{Book, Record, Room};
use crate::heal::{self, Healing};
use crate::level::{self, Ladder, Levels, Likely};
use crate::memory::{prefetch, reserve};
use crate::orders::Orders;
use crate::rules::{self, Turn};
use crate::{BookView, Change, Effect, Stale};
use engine_event::body::{Gap, Order, Phase, Replacement, Status};
use engine_event::{
    Digest, Event, Fault, FaultCounts, Flags, Kind, Price, Side, SourceId, SubjectId, Writer,
};

/// How much books may hold. Parameters, not state: a checkpoint does not contain them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Live orders of all subjects together: 64 bytes each, and what the index takes, which is up to 100
    /// in its table, or 512 and no more than 128 MiB in its pages. Beyond them an order is refused
    /// ([`Fault::OrdersFull`]). Levels of books that are fed by level count as orders.
    pub orders_max: u32,
    /// One more than the greatest subject id, whichever shard it lives on. Events about subjects
    /// beyond it are refused ([`Fault::UnknownSubject`]).
    pub subjects_max: u32,
}

impl Default for Bounds {
    /// Sixteen million orders of a million subjects.
    fn default() -> Self {
        Self { orders_max: 1 << 24, subjects_max: 1 << 20 }
    }
}

/// All books of one shard: takes every event, answers with what it changed.
///
/// A book opens with the first event about its subject that concerns books, whether the subject was
/// defined before or not. An event about [`SubjectId::EVERY`] must reach the books of every shard; it is
/// about those whose latest event came from the same source.
///
/// What a book is made of is decided by what it is fed first: orders, levels, or quotes ([`Form`]). A
/// [`Kind::Clear`] empties it, ends any doubt and leaves the form open; what follows builds the book
/// anew, be it flagged as a snapshot or not. Whether it is crossed is judged where a group of events
/// ends ([`Flags::LAST`](engine_event::Flags::LAST)), of feeds that mark groups; else after each event.
///
/// ```
/// use engine_book::{Books, Bounds, Effect};
/// use engine_event::body::Order;
/// use engine_event::{Event, Flags, Nanos, OrderId, Price, Quantity, Side, SubjectId};
///
/// let bid = Order::new(OrderId(1), Price(10_000), Quantity(300));
/// let event = Event::new(SubjectId(0), Nanos(1), bid).with_flags(Flags::of(Side::Buy));
/// let mut books = Books::new(Bounds::default());
/// let change = books.apply(&event);
/// assert_eq!((change.effect, change.touch_changed), (Effect::Entered, true));
/// let touch = books.book(SubjectId(0)).unwrap().touch();
/// assert_eq!(touch.bid.unwrap().quantity, Quantity(300));
/// assert_eq!(touch.ask, None);
/// ```
#[derive(Clone, Debug)]
pub struct Books {
    pub(crate) bounds: Bounds,
    /// Whether orders that must have left without a word are taken out.
    heals: bool,
    pub(crate) room: Room,
    /// In the order in which they were opened.
    pub(crate) books: Vec<Book>,
    /// Of the same books in the same order, what is seldom needed.
    pub(crate) records: Vec<Record>,
    /// By subject: the place in `books`, or `NOT_OPEN`.
    places: Vec<u32>,
    /// Of the next events, by the end of their numbers, where what they need may lie.
    likely: [Likely; Self::AHEAD],
    /// Faults of events that found no book.
    pub(crate) faults_without_book: FaultCounts,
    /// All faults: what the records and the line above come to.
    pub(crate) faults: FaultCounts,
    /// What was told of every subject of a feed.
    pub(crate) everywhere: Vec<Everywhere>,
}

const NOT_OPEN: u32 = u32::MAX;

impl Books {
    /// No books yet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            heals: false,
            room: Room {
                orders: Orders::new(bounds.orders_max),
                levels: Levels::new((bounds.orders_max as usize).min(Self::LEVELS_RESERVED)),
            },
            books: reserve(bounds.subjects_max as usize),
            records: Vec::new(),
            places: Vec::new(),
            likely: [Likely::NONE; Self::AHEAD],
            faults_without_book: FaultCounts::default(),
            faults: FaultCounts::default(),
            everywhere: Vec::new(),
        }
    }

    /// The same books, which take out orders that must have left without a word, where messages are known
    /// to be missing and what came since proves it: such orders would else stand at the touch for ever.
    /// Each counts as a [`Fault::Healed`]; the book stays stale.
    pub fn healing(self) -> Self {
        Self { heals: true, ..self }
    }

    /// Takes an event and tells what it changed. Kinds that do not concern books change nothing.
    #[inline]
    pub fn apply(&mut self, event: &Event) -> Change {
        let mut change = Change::NONE;
        self.apply_into(event, &mut change);
        change
    }

    /// The same, told in a change that says [nothing](Change::NONE) before. Faster for callers who look at
    /// it where it is: a change that was just written is slow to move.
    pub fn apply_into(&mut self, event: &Event, change: &mut Change) {
        use Kind::*;
        match event.kind() {
            Gap if rules::loses_nothing(event) => {}
            Status | Gap | Clear if event.subject == SubjectId::EVERY => {
                *change = self.apply_to_every(event);
            }
            Add | Modify | Reduce | Delete | Replace | Execute | Level | Quote | Clear | Define
            | Trade | Break | Status | Gap => self.apply_to_one(event, change),
            Unknown | Auction | News | Statistic | Position | Reading | Call | Flow | End => {}
        }
    }

    /// Sends for what the coming events will need, so that it comes from memory while they wait for their
    /// turn, and not one after the other. Changes nothing, and may be left out.
    ///
    /// Called before each [`AHEAD`](Self::AHEAD) events are applied, with all that are known to come,
    /// and whether these are the first. What one event needs is known step by step (the index says which
    /// order, the order says which level), so each call takes a further step for three lots of events.
    #[inline]
    pub fn look_ahead(&mut self, coming: &[Event], are_first: bool) {
        self.look_ahead_for(coming, are_first, |_| true);
    }

    /// The same where only some subjects live here, and only their events will be applied.
    #[inline]
    pub fn look_ahead_for(
        &mut self,
        coming: &[Event],
        are_first: bool,
        is_own: impl Fn(SubjectId) -> bool + Copy,
    ) {
        let lot = |from: usize, to: usize| {
            let (from, to) = (from * Self::AHEAD, to * Self::AHEAD);
            &coming[from.min(coming.len())..to.min(coming.len())]
        };
        let begin = |step: usize| if are_first { 0 } else { step };
        let far = lot(begin(2), 3).iter().filter(|event| is_own(event.subject));
        far.for_each(|event| self.send_for_place(event));
        lot(begin(1), 2).chunks(Self::AHEAD).for_each(|lot| self.send_for_orders(lot, is_own));
        self.send_for_levels(lot(0, 1), is_own);
    }

    #[inline(always)]
    fn send_for_place(&self, event: &Event) {
        if let Some(place) = self.places.get(event.subject.index()) {
            prefetch(&self.books, *place as usize);
        }
        self.room.orders.prefetch_place(rules::order_of(event));
    }

    #[inline(always)]
    fn send_for_orders(&self, lot: &[Event], is_own: impl Fn(SubjectId) -> bool) {
        let Room { orders, levels } = &self.room;
        let (entering, others) = Sorted::entering(lot, is_own);
        for event in entering.of(lot) {
            levels.prefetch_end(self.ladder(event.subject, side_of(event)));
        }
        for event in others.of(lot) {
            orders.prefetch(rules::order_of(event));
        }
    }

    #[inline(always)]
    fn send_for_levels(&mut self, lot: &[Event], is_own: impl Fn(SubjectId) -> bool) {
        let (entering, others) = Sorted::entering(lot, is_own);
        for event in entering.of(lot) {
            let (side, price) =
                (side_of(event), event.body::<Order>().price.get().unwrap_or(Price(0)));
            let ladder = self.ladder(event.subject, side);
            let (level, at) = self.room.levels.guess(ladder, level::rank(side, price));
            self.room.levels.prefetch(level);
            self.likely[event.seq as usize % Self::AHEAD] = Likely { level, at, ..Likely::NONE };
        }
        for event in others.of(lot) {
            let slot = self.room.orders.guess(rules::order_of(event));
            let mut likely = Likely { slot, ..Likely::NONE };
            if let Some((number, side)) = self.room.orders.prefetch_around(slot) {
                self.room.levels.prefetch(number);
                let ladder = self.ladder(event.subject, side);
                self.room.levels.prefetch_last(ladder);
                if event.kind() == Kind::Replace {
                    let price = event.body::<Replacement>().price;
                    let rank = level::rank(side, price);
                    (likely.level, likely.at) = self.room.levels.guess(ladder, rank);
                    self.room.levels.prefetch(likely.level);
                }
            }
            self.likely[event.seq as usize % Self::AHEAD] = likely;
        }
    }

    #[inline(always)]
    fn ladder(&self, subject: SubjectId, side: Side) -> Ladder {
        let place = self.places.get(subject.index()).map_or(NOT_OPEN, |place| *place);
        self.books.get(place as usize).map_or(Ladder::EMPTY, |book| book.ladder(side))
    }

    /// How many events [`look_ahead`](Self::look_ahead) readies at a time.
    pub const AHEAD: usize = 16;
    /// Levels, and places in ladders, for which room is set aside; where there are more, it grows.
    const LEVELS_RESERVED: usize = 1 << 22;

    #[inline(always)]
    fn apply_to_one(&mut self, event: &Event, change: &mut Change) {
        let subject = event.subject;
        let known = self.places.get(subject.index()).map_or(NOT_OPEN, |place| *place);
        let mut place = known as usize;
        if place >= self.books.len() {
            let Some(opened) = self.open(subject, event.source) else {
                *change = self.homeless();
                return;
            };
            place = opened;
        }
        let (book, records) = (&mut self.books[place], &mut self.records[..]);
        book.source = event.source;
        let before = book.before();
        change.before = before;
        let (room, likely) = (&mut self.room, self.likely[event.seq as usize % Self::AHEAD]);
        let turn = &mut Turn { book, subject, records, place, room, event, likely, change };
        let refused = turn.apply().err();
        if let Some(fault) = refused {
            turn.change.refuse(fault);
        }
        if self.heals && self.books[place].is_stale {
            self.heal(place, (event, refused), (subject, likely), change);
        }
        let book = &mut self.books[place];
        let ([bid, ask], [old_bid, old_ask]) = (book.best(), before.best);
        let (bid, ask) = (bid.differs(old_bid), ask.differs(old_ask));
        change.touch_changed = bid.any | ask.any;
        change.touch_price_changed = bid.price | ask.price;
        if book.newly_crossed(event, || change.may_cross()) {
            change.fault = Some(Fault::Crossed);
        }
        if let Some(fault) = change.fault {
            book.blame(&mut self.records[place], event, fault);
            self.faults.count(fault);
        }
    }

    #[cold]
    fn apply_to_every(&mut self, event: &Event) -> Change {
        let books = self.books.iter_mut().zip(&mut self.records);
        for (book, record) in books.filter(|(book, _)| book.source == event.source) {
            rules::change_state(book, record, &mut self.room, event);
            book.crossed_now();
        }
        let told = self.everywhere_of(event.source);
        let effect = match event.kind() {
            Kind::Status => {
                told.phase = event.body::<Status>().phase();
                Effect::PhaseChanged
            }
            Kind::Clear => {
                (told.stale, told.missing) = (None, 0);
                Effect::Cleared
            }
            _ => {
                let gap: Gap = event.body();
                told.stale.get_or_insert(Stale::since(event, gap.reason()));
                told.missing = told.missing.saturating_add(heal::missing(&gap));
                Effect::Interrupted
            }
        };
        Change { effect, ..Change::NONE }
    }

    /// Takes out what must have left without a word. With a turn of its own: the common one never leaves
    /// its registers.
    #[cold]
    #[inline(never)]
    fn heal(
        &mut self,
        place: usize,
        (event, refused): (&Event, Option<Fault>),
        (subject, likely): (SubjectId, Likely),
        change: &mut Change,
    ) {
        let (book, records) = (&mut self.books[place], &mut self.records[..]);
        let room = &mut self.room;
        let mut turn = Turn { book, subject, records, place, room, event, likely, change };
        let healed = turn.heal(refused);
        (0..healed).for_each(|_| {
            self.records[place].faults.count(Fault::Healed);
            self.faults.count(Fault::Healed);
        });
    }

    /// What a feed told of all its subjects.
    fn everywhere_of(&mut self, source: SourceId) -> &mut Everywhere {
        let known = self.everywhere.iter().position(|of| of.source == source);
        let place = known.unwrap_or_else(|| {
            self.everywhere.push(Everywhere {
                source,
                phase: Phase::Unknown,
                stale: None,
                missing: 0,
            });
            self.everywhere.len() - 1
        });
        &mut self.everywhere[place]
    }

    /// An event whose subject cannot have a book.
    #[cold]
    fn homeless(&mut self) -> Change {
        self.faults_without_book.count(Fault::UnknownSubject);
        self.faults.count(Fault::UnknownSubject);
        Change::refused(Fault::UnknownSubject)
    }

    /// A subject's book, if one is open.
    pub fn book(&self, subject: SubjectId) -> Option<BookView<'_>> {
        self.place(subject).map(|place| self.view(place))
    }

    /// All open books, in the order of their subjects.
    pub fn iter(&self) -> impl Iterator<Item = BookView<'_>> {
        let open = self.places.iter().filter(|place| **place != NOT_OPEN);
        open.map(|place| self.view(*place as usize))
    }

    /// The subjects of all open books, in their order.
    pub fn subjects(&self) -> impl Iterator<Item = SubjectId> {
        self.iter().map(|book| book.subject())
    }

    /// How many orders rest in all books.
    pub fn orders_live(&self) -> usize {
        self.room.orders.len()
    }

    /// How often each fault occurred, in all books and in events that found none. A gap is not among
    /// them: whoever found it has counted it.
    #[inline]
    pub fn faults(&self) -> FaultCounts {
        self.faults
    }

    /// The same, book by book.
    pub(crate) fn add_up_faults(&self) -> FaultCounts {
        let mut faults = self.faults_without_book;
        self.records.iter().for_each(|record| faults.add(&record.faults));
        faults
    }

    /// One number for all that is known of a subject: its orders in their priority, phase, staleness,
    /// definition and fault counts. The same on whichever shard, however it came to be there. Empty
    /// for a subject without a book.
    pub fn digest_of(&self, subject: SubjectId) -> Digest {
        let mut digest = Digest::default();
        if let Some(place) = self.place(subject) {
            let mut state = Writer::new();
            self.save_book(place, &mut state);
            digest.add(&state.into_bytes());
        }
        digest
    }

    /// Forgets what is in a subject's book and that it was in doubt, as
    /// [`Kind::Clear`] does: what comes before a fresh picture of the book.
    /// Phase, definition and fault counts stay.
    pub fn clear(&mut self, subject: SubjectId) {
        if let Some(place) = self.place(subject) {
            self.books[place].clear(&mut self.records[place], &mut self.room);
        }
    }

    pub(crate) fn view(&self, place: usize) -> BookView<'_> {
        BookView::new(&self.books[place], &self.records[place], &self.room)
    }

    pub(crate) fn place(&self, subject: SubjectId) -> Option<usize> {
        let place = *self.places.get(subject.index())?;
        (place != NOT_OPEN).then_some(place as usize)
    }

    /// The place of a subject's book, which is opened if need be; none if the subject is beyond the
    /// bound.
    pub(crate) fn place_or_open(&mut self, subject: SubjectId, source: SourceId) -> Option<usize> {
        if let Some(place) = self.place(subject) {
            return Some(place);
        }
        self.open(subject, source)
    }

    #[cold]
    #[inline(never)]
    fn open(&mut self, subject: SubjectId, source: SourceId) -> Option<usize> {
        if subject.0 >= self.bounds.subjects_max {
            return None;
        }
        let place = self.books.len();
        let (mut book, mut record) = (Book::new(), Record::new(subject));
        book.source = source;
        if let Some(told) = self.everywhere.iter().find(|of| of.source == source) {
            (book.phase, record.stale) = (told.phase, told.stale);
            record.healing = told.stale.map(|_| Box::new(Healing::new(told.missing)));
        }
        book.is_stale = record.stale.is_some();
        self.books.push(book);
        self.records.push(record);
        if self.places.len() <= subject.index() {
            self.places.resize(subject.index() + 1, NOT_OPEN);
        }
        self.places[subject.index()] = place as u32;
        Some(place)
    }

    #[cfg(test)]
    pub(crate) fn capacities(&self) -> Capacities {
        let (cells, [pages, table, table_room]) = self.room.orders.capacities();
        let [levels, places] = self.room.levels.capacities();
        Capacities { cells, pages, table, table_room, levels, places, books: self.books.capacity() }
    }

    /// Bytes of books, and of levels, in use.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> [usize; 2] {
        let books = size_of_val(&*self.books) + size_of_val(&*self.records);
        [books + size_of_val(&*self.places), self.room.levels.bytes()]
    }

    pub(crate) fn close_all(&mut self) {
        *self = Self { heals: self.heals, ..Self::new(self.bounds) };
    }
}

/// What a feed told of all its subjects, for books that open later. Another feed's are none of its business.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Everywhere {
    pub(crate) source: SourceId,
    pub(crate) phase: Phase,
    pub(crate) stale: Option<Stale>,
    /// How many of its numbers are missing.
    pub(crate) missing: u64,
}

/// Which events of a lot are of one sort. What sort each is, is anybody's guess, and a wrong one costs more
/// than to sort them first.
struct Sorted {
    places: [u8; Books::AHEAD],
    count: usize,
}

impl Sorted {
    /// Orders that enter, and all others, of our own subjects.
    #[inline(always)]
    fn entering(lot: &[Event], is_own: impl Fn(SubjectId) -> bool) -> (Self, Self) {
        let none = || Sorted { places: [0; Books::AHEAD], count: 0 };
        let (mut entering, mut others) = (none(), none());
        for (place, event) in lot.iter().enumerate() {
            let (enters, is_own) = (event.kind() == Kind::Add, is_own(event.subject));
            entering.places[entering.count % Books::AHEAD] = place as u8;
            entering.count += usize::from(enters & is_own);
            others.places[others.count % Books::AHEAD] = place as u8;
            others.count += usize::from(!enters & is_own);
        }
        (entering, others)
    }

    #[inline(always)]
    fn of<'a>(&'a self, lot: &'a [Event]) -> impl Iterator<Item = &'a Event> {
        self.places[..self.count].iter().map(|place| &lot[usize::from(*place)])
    }
}

/// The side of an event that tells it: only to look there early.
#[inline(always)]
fn side_of(event: &Event) -> Side {
    if event.flags.has(Flags::SELL) { Side::Sell } else { Side::Buy }
}

/// How much room was made, of each kind.
#[cfg(test)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Capacities {
    pub(crate) cells: usize,
    pub(crate) pages: usize,
    pub(crate) table: usize,
    pub(crate) table_room: usize,
    pub(crate) levels: usize,
    pub(crate) places: usize,
    pub(crate) books: usize,
}
