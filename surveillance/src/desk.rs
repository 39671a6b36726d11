//! The desk: all patterns about order books behind one observer, with what they share.
//!
//! | | |
//! |---|---|
//! | [`deed`] | an event as somebody's doing |
//! | [`market`], [`bars`], [`sizes`] | what is usual and what is going on in an instrument |
//! | [`ledger`] | what each person has resting, holds and did |
//! | [`people`], [`links`] | which accounts are one person, as declared; who acts with whom, as inferred |
//! | [`pattern`] | what a pattern is, what it is shown, and where it speaks |
//! | [`suspicion`] | conditions, excuses, strengths and orders of an episode |
//! | [`shelf`], [`chance`] | bounded tables, and how likely chance alone is |
//! | [`parameters`](mod@parameters), [`rules`], [`kept`](mod@kept) | parameters and state, each told once; where and when they differ |
//! | [`tally`], [`notes`] | from episodes to alerts; who had one by which pattern |
//! | [`usual`], [`learner`] | what earlier days have shown to be usual, and how that is learned |
//! | [`remembered`] | a bounded table of what is remembered about somebody |
//!
//! An instrument is followed from the first event on that names somebody: what nobody can be named for
//! costs a look at the event and no more, unless a pattern asks for it.

pub(crate) mod bars;
pub mod calendar;
pub(crate) mod chance;
#[cfg_attr(not(test), allow(dead_code, reason = "canaries tell fewer stories than tests"))]
#[cfg(test)]
pub(crate) mod check;
pub(crate) mod coincidence;
pub(crate) mod deed;
pub(crate) mod kept;
pub mod learner;
pub(crate) mod ledger;
pub(crate) mod links;
pub(crate) mod market;
pub(crate) mod notes;
pub mod parameters;
pub(crate) mod pattern;
pub(crate) mod people;
pub(crate) mod remembered;
pub mod rules;
pub(crate) mod shelf;
pub(crate) mod sizes;
pub(crate) mod story;
pub(crate) mod suspicion;
pub(crate) mod tally;
pub mod usual;

use calendar::{Calendar, CorporateAction};
use deed::{Deed, What, Who};
use engine_observer::event::body::{Holding, Indication, Order, Statistic, Status};
use engine_observer::event::{
    Definition, Fault, Kind, Nanos, Reader, Snapshot, SnapshotError, Writer,
};
use engine_observer::{Interest, Observer, Outbox, Parameters, View};
use kept::Kept;
use ledger::Ledger;
use links::Links;
use market::Market;
use notes::Notes;
use pattern::{Bench, Mind, Pattern, Scene, Seat, Seated};
use people::People;
use std::sync::Arc;
use usual::{Known, KnownOf, Scales, Usual};

/// Patterns that look at order books together.
#[derive(Clone, Default)]
pub struct Desk {
    seats: Vec<Arc<dyn Seat>>,
    /// By what happened: who wants to see it.
    interested: [Vec<usize>; What::COUNT],
    bounds: DeskBounds,
    /// Whether a pattern looks at orders of unknown owners.
    is_anonymous: bool,
    /// What is usual by what earlier days have shown.
    known: Option<Arc<Known>>,
    calendar: Calendar,
    ignored: Option<&'static str>,
}

/// How much a desk remembers about each instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeskBounds {
    /// Persons.
    pub persons_max: usize,
    /// Orders with a known owner that rest.
    pub orders_max: usize,
}

impl Default for DeskBounds {
    fn default() -> Self {
        Self { persons_max: 4_096, orders_max: 1 << 20 }
    }
}

impl Desk {
    /// The desk's name where its state is saved.
    pub const NAME: &'static str = "surveillance";

    /// One more pattern.
    pub(crate) fn seat(&mut self, pattern: impl Pattern) {
        let seat = Seated::new(pattern, self.known_hash());
        for what in seat.wants() {
            self.interested[*what as usize].push(self.seats.len());
        }
        self.is_anonymous |= seat.is_anonymous();
        self.seats.push(Arc::new(seat));
    }

    /// The patterns.
    pub(crate) fn seats(&self) -> impl Iterator<Item = Arc<dyn Seat>> + '_ {
        self.seats.iter().cloned()
    }

    /// The same desk with one of its patterns alone.
    pub(crate) fn with_one(&self, seat: &Arc<dyn Seat>) -> Self {
        let mut interested: [Vec<usize>; What::COUNT] = Default::default();
        seat.wants().iter().for_each(|what| interested[*what as usize].push(0));
        let is_anonymous = seat.is_anonymous();
        Self { seats: vec![seat.clone()], interested, is_anonymous, ..self.clone() }
    }

    fn known_hash(&self) -> Option<u64> {
        self.known.as_ref().map(|known| known.hash)
    }

    /// The same desk, judging by what is usual at each time of day. What is wrong with the rates, if so.
    pub fn knowing(mut self, usual: Usual) -> Result<Self, String> {
        self.known = Some(Known::new(usual)?);
        let known = self.known_hash();
        self.seats.iter_mut().for_each(|seat| *seat = seat.knowing(known));
        Ok(self)
    }

    /// The same desk, whose alerts say where a corporate action makes what is usual say little.
    pub fn minding(mut self, actions: Vec<CorporateAction>) -> Self {
        self.calendar = Calendar::new(actions);
        self
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// The same desk with other bounds.
    pub fn bounded(mut self, bounds: DeskBounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Every pattern with its parameters.
    pub fn parameters_by_pattern(&self) -> Vec<(&'static str, Parameters)> {
        self.seats.iter().map(|seat| (seat.name(), seat.parameters())).collect()
    }
}

/// What the desk knows about one instrument.
pub struct Instrument {
    /// Its own and its venue's name, as numbers.
    name: (u64, u32),
    scales: Scales,
    /// What is usual by what earlier days have shown, of all instruments and of this one.
    known: Option<Arc<Known>>,
    own: Option<KnownOf>,
    calendar: Calendar,
    /// Days (UTC) with a corporate action.
    days: Vec<u64>,
    people: People,
    market: Market,
    ledger: Ledger,
    notes: Notes,
    links: Links,
    minds: Vec<Seating>,
}

/// A pattern at this instrument, and when it wants to be woken.
struct Seating {
    mind: Box<dyn Mind>,
    due: Option<Nanos>,
}

impl Observer for Desk {
    type Memory = Instrument;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn interest(&self) -> Interest {
        Interest::in_kinds(&[
            Kind::Define,
            Kind::Add,
            Kind::Modify,
            Kind::Reduce,
            Kind::Delete,
            Kind::Replace,
            Kind::Execute,
            Kind::Trade,
            Kind::Status,
            Kind::Auction,
            Kind::Statistic,
            Kind::News,
            Kind::Position,
            Kind::Gap,
            Kind::Clear,
        ])
    }

    fn parameters(&self, to: &mut Parameters) {
        for seat in &self.seats {
            to.set(seat.name(), format_args!("{:016x}", seat.parameters().hash()));
        }
        to.set("persons_max", self.bounds.persons_max);
        to.set("orders_max", self.bounds.orders_max);
        if let Some(known) = self.known_hash() {
            to.set("usual", format_args!("{known:016x}"));
        }
        if let Some(actions) = self.calendar.text() {
            to.set("corporate_actions", actions);
        }
    }

    fn remember(&self) -> Instrument {
        let seating = |seat: &Arc<dyn Seat>| Seating { mind: seat.sit_down(), due: None };
        Instrument {
            name: (0, 0),
            scales: Scales::default(),
            known: self.known.clone(),
            own: None,
            calendar: self.calendar.clone(),
            days: Vec::new(),
            people: People::default(),
            market: Market::default(),
            ledger: Ledger::new(&self.bounds, self.is_anonymous),
            notes: Notes::default(),
            links: Links::default(),
            minds: self.seats.iter().map(seating).collect(),
        }
    }

    #[inline]
    fn observe(&self, instrument: &mut Instrument, view: &View<'_>, out: &mut Outbox) {
        let event = view.event;
        let at = event.event_at;
        let what = match event.kind() {
            Kind::Define => return instrument.learn_name(&event.body()),
            Kind::Gap => {
                instrument.market.gap_at = Some(at);
                return;
            }
            Kind::Clear => return instrument.ledger.clear(),
            Kind::Position => return instrument.hold(view),
            Kind::Statistic => match instrument.market.publish(event.body::<Statistic>(), at) {
                true => What::Fixing,
                false => return,
            },
            Kind::Auction => return instrument.market.indicate(event.body::<Indication>(), at),
            Kind::Status => {
                instrument.market.enter(event.body::<Status>().phase(), at);
                What::Phase
            }
            Kind::News => {
                instrument.market.news_at = Some(at);
                What::News
            }
            _ => return self.watch(instrument, view, out),
        };
        self.show(instrument, view, (what, None), out);
    }

    fn on_time(&self, instrument: &mut Instrument, due: Nanos, out: &mut Outbox) {
        let Instrument { people, market, ledger, notes, links, minds, days, .. } = instrument;
        let scene = Scene {
            what: What::Phase,
            deed: None,
            now: due,
            seq: out.seq(),
            market,
            ledger,
            book: None,
            change: None,
            days,
            ignored: self.ignored,
        };
        let known = (&*people, notes, links);
        let mut bench = Bench::new(out, known, self.ignored.is_some());
        for seating in minds.iter_mut() {
            if seating.due.is_some_and(|own| own <= due) {
                seating.due = None;
                seating.turn(&mut bench, |mind, bench| mind.on_time(&scene, bench));
            }
        }
        minds.iter().filter_map(|seating| seating.due).for_each(|due| out.wake_at(due));
    }
}

impl Desk {
    #[inline]
    fn watch(&self, instrument: &mut Instrument, view: &View<'_>, out: &mut Outbox) {
        let Some(deed) = Deed::of(view, &instrument.people) else {
            return instrument.settle(view);
        };
        let names_nobody = deed.owner.is_none() && deed.aggressor.is_none();
        if names_nobody && instrument.ledger.is_empty() && !self.is_anonymous {
            return;
        }
        if instrument.market.begun_at() == Nanos(0)
            && let Some(book) = view.book
        {
            instrument.market.enter(book.phase(), Nanos(0));
        }
        if let Some(known) = &instrument.own {
            instrument.market.recall(known, view.event.event_at);
        }
        if instrument.market.gap_at.is_some() {
            instrument.heal(view);
        }
        let forgotten = instrument.ledger.forgotten;
        instrument.market.follow(view, Some(&deed));
        instrument.ledger.take(&deed);
        if instrument.ledger.forgotten != forgotten {
            out.fault(Fault::Evicted);
        }
        self.show(instrument, view, (deed.what, Some(&deed)), out);
    }

    #[inline]
    fn show(
        &self,
        instrument: &mut Instrument,
        view: &View<'_>,
        (what, deed): (What, Option<&Deed>),
        out: &mut Outbox,
    ) {
        let Instrument { people, market, ledger, notes, links, minds, days, .. } = instrument;
        let scene = Scene {
            what,
            deed,
            now: view.event.event_at,
            seq: view.event.seq,
            market,
            ledger,
            book: view.book,
            change: Some(view.change),
            days,
            ignored: self.ignored,
        };
        let known = (&*people, notes, links);
        let mut bench = Bench::new(out, known, self.ignored.is_some());
        for place in &self.interested[what as usize] {
            minds[*place].turn(&mut bench, |mind, bench| mind.see(&scene, bench));
        }
    }
}

impl Instrument {
    #[cold]
    fn learn_name(&mut self, definition: &Definition) {
        self.name = (definition.tag(), definition.venue_tag());
        let (price, quantity) = (definition.price_scale, definition.quantity_scale);
        self.scales = Scales { price, quantity };
        self.remind();
    }

    /// Finds by its name what is known about it.
    fn remind(&mut self) {
        let (subject, venue) = self.name;
        self.own = self.known.as_ref().and_then(|known| known.about(self.name, self.scales));
        self.days = self.calendar.about(self.name);
        self.minds.iter_mut().for_each(|seating| seating.mind.learn_name(subject, venue));
    }

    /// What the book has taken out since messages were lost rests in nobody's name either.
    #[cold]
    fn heal(&mut self, view: &View<'_>) {
        let Some(book) = view.book.filter(|book| book.healed() != self.market.healed) else {
            return;
        };
        book.healed_since(self.market.healed).for_each(|id| self.ledger.lose(id));
        self.market.healed = book.healed();
    }

    /// The book is another without anybody's doing. What an order traded as it came does not rest any more.
    #[cold]
    fn settle(&mut self, view: &View<'_>) {
        if self.ledger.is_empty() {
            return;
        }
        self.market.follow(view, None);
        if Deed::is_settled(view.event) {
            let left = view.change.left.map_or(0, |left| left.0);
            self.ledger.settle(view.event.body::<Order>().id, left);
        }
    }

    /// What somebody holds when the day begins, and whose account it is.
    fn hold(&mut self, view: &View<'_>) {
        let body: Holding = view.event.body();
        let Some(account) = body.participant() else { return };
        if let Some(owner) = body.owner() {
            self.people.join(account, owner);
        }
        let who = Who { person: self.people.of(account), account };
        self.ledger.hold(who, body.quantity, view.event.event_at);
    }
}

impl Seating {
    /// Lets a pattern look, and notes when it wants to be woken.
    #[inline]
    fn turn(&mut self, bench: &mut Bench<'_>, look: impl FnOnce(&mut dyn Mind, &mut Bench<'_>)) {
        look(&mut *self.mind, bench);
        if let Some(due) = bench.wake.take() {
            self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
            bench.out.wake_at(due);
        }
    }
}

impl Snapshot for Instrument {
    const VERSION: u16 = 8;

    fn save(&self, to: &mut Writer) {
        self.name.keep(to);
        self.scales.keep(to);
        self.people.keep(to);
        self.market.keep(to);
        self.ledger.keep(to);
        self.notes.keep(to);
        self.links.keep(to);
        to.list(&self.minds, |to, seating| {
            seating.due.keep(to);
            to.versioned(Self::VERSION, |to| seating.mind.keep(to));
        });
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.name = Kept::restore(from)?;
        self.scales = Scales::restore(from)?;
        self.remind();
        self.people = Kept::restore(from)?;
        self.market = Market::restore(from)?;
        self.ledger = Ledger::restore(from)?;
        self.notes = Notes::restore(from)?;
        self.links = Links::restore(from)?;
        let mut minds = self.minds.iter_mut();
        from.list(|from| {
            let at = from.position();
            let seating = minds.next().ok_or(SnapshotError::Mismatch { at })?;
            seating.due = Kept::restore(from)?;
            from.versioned(Self::VERSION, |from| seating.mind.restore(from))
        })
    }
}
