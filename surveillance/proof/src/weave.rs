//! The weaver: gives a base flow's events on, with campaigns of injected orders among them.

mod plan;
#[cfg(test)]
mod tests;

use crate::accounts::Accounts;
use crate::campaign::{Campaign, Told, campaign};
use crate::chance::{Chance, blended};
use crate::desk::Desk;
use crate::floor::{Counts, Floor};
use crate::label::{Class, Label};
use crate::stage::Mood;
use crate::survey::{Instrument, Survey};
use engine_event::{
    Directory, DirectoryFull, Event, FaultCounts, Kind, Nanos, OrderId, ParticipantId, Price,
    SubjectId,
};
use plan::{Plan, Planned};
use rustc_hash::FxHashSet;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use thiserror::Error;

/// What is to be woven.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Which patterns: `P01`.
    pub patterns: Vec<String>,
    /// How many positives of each pattern and severity.
    pub positives: u32,
    /// How many of each class of near misses.
    pub near_misses: u32,
    /// Shares of the defining quantities.
    pub severities: Vec<f64>,
    /// Everything follows from it.
    pub seed: u64,
    /// How many background accounts a base without names gets.
    pub accounts: u32,
    /// How many times faster the base's time runs.
    pub density: u32,
    /// Campaigns begin at this time or later.
    pub from: Nanos,
    /// And are over by this one.
    pub to: Nanos,
    /// Campaigns may go on side by side in an instrument.
    pub overlap: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            patterns: Vec::new(),
            positives: 10,
            near_misses: 10,
            severities: vec![1.0],
            seed: 1,
            accounts: 200,
            density: 1,
            from: Nanos(0),
            to: Nanos::END,
            overlap: false,
        }
    }
}

/// Why nothing can be woven.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum WeaveError {
    /// A pattern that has no cases.
    #[error("no cases of {0} are known, only of {known}", known = crate::scenario::patterns().join(", "))]
    UnknownPattern(String),
    /// There is nothing to weave into.
    #[error("there are no orders in it")]
    NoOrders,
    /// Order books by level or by touch have no orders to weave among.
    #[error("{0} is told by levels or quotes: only a flow of orders can be woven into")]
    ByLevel(String),
    /// The base uses so great an id that there is no room for others behind it.
    #[error("its order ids go up to {0}: there is no room for others behind them")]
    NoIdsLeft(u64),
    /// The base uses an id of which the first look at it did not know.
    #[error("order {0} has an id that injected orders use: the input is not what it was at first")]
    IdTaken(u64),
    /// Too many names.
    #[error(transparent)]
    DirectoryFull(#[from] DirectoryFull),
}

/// A quiet time between two campaigns in an instrument.
const QUIET: u64 = 120_000_000_000;

/// How long to wait when no instrument is free.
const LATER: u64 = 5_000_000_000;
/// So many of the base's latest events are remembered of each instrument,
const HEARD: usize = 16;
/// and may take so many times as long as they usually do before the flow counts as asleep.
const SLEEPY: u64 = 20;

/// What became of the plan.
#[derive(Clone, PartialEq, Debug)]
pub struct Woven {
    /// In the order in which campaigns ended.
    pub labels: Vec<Label>,
    /// How many campaigns were asked for.
    pub asked: usize,
    /// How many tries the market did not let come to anything.
    pub voids: usize,
    /// What happened to events.
    pub counts: Counts,
    /// The base's own faults.
    pub base_faults: FaultCounts,
    /// Faults of the combined tape.
    pub faults: FaultCounts,
}

/// How many campaigns at most go on at a time in an instrument.
const SIDE_BY_SIDE_MAX: usize = 12;
/// About how long one takes.
const CAMPAIGN_S: u64 = 300;

/// As many campaigns at a time as it takes for all to fit, if that is not too many.
fn side_by_side(campaigns: usize, instruments: usize, (from, to): (Nanos, Nanos)) -> usize {
    let one_by_one = to.since(from).0 / 1_000_000_000 / CAMPAIGN_S * instruments as u64;
    (campaigns as u64).div_ceil(one_by_one.max(1)).clamp(1, SIDE_BY_SIDE_MAX as u64) as usize
}

/// Weaves campaigns into a flow.
pub struct Weaver {
    settings: Settings,
    /// When the base's latest few events came.
    heard: BTreeMap<SubjectId, VecDeque<Nanos>>,
    floor: Rc<RefCell<Floor>>,
    instruments: BTreeMap<SubjectId, Rc<Instrument>>,
    others: BTreeMap<SubjectId, Rc<Vec<ParticipantId>>>,
    /// What stages are like, and who may be there.
    like: Rc<Instrument>,
    everybody: Rc<Vec<ParticipantId>>,
    begins: Nanos,
    plan: Plan,
    /// How many campaigns go on at a time in an instrument.
    side_by_side: usize,
    active: Vec<Active>,
    /// Until when an instrument is left alone.
    quiet: BTreeMap<SubjectId, Nanos>,
    used: FxHashSet<(SubjectId, ParticipantId)>,
    /// When something must be done next.
    due: Nanos,
    chance: Chance,
    asked: usize,
    voids: usize,
    ended: Vec<(Planned, SubjectId, Vec<ParticipantId>, Told, bool)>,
}

/// A campaign that goes on.
struct Active {
    planned: Planned,
    subject: SubjectId,
    culprits: Vec<ParticipantId>,
    campaign: Pin<Box<Campaign>>,
    told: Rc<RefCell<Told>>,
    wake: Rc<std::cell::Cell<Option<Nanos>>>,
}

impl Weaver {
    /// A weaver for the flow that was surveyed. New accounts get names of their own.
    pub fn new(
        settings: Settings,
        survey: Survey,
        names: &mut Directory,
    ) -> Result<Self, WeaveError> {
        if let Some(subject) = survey.without_orders {
            return Err(WeaveError::ByLevel(names.name(subject).to_owned()));
        }
        let (first, last) = survey.span.ok_or(WeaveError::NoOrders)?;
        let orders = first_id(survey.order_max)?;
        let accounts = match survey.tells_participants() {
            true => Accounts::told(),
            false => {
                let count = settings.accounts.max(1);
                let all = (1..=count).map(|number| named(names, 'A', number));
                Accounts::new(settings.seed, all.collect::<Result<_, _>>()?)
            }
        };
        let scaled = |at: Nanos| scaled(at, first, settings.density);
        let span = (scaled(first).max(settings.from), scaled(last).min(settings.to));
        let model = survey.subjects.iter().max_by_key(|(_, of)| of.trades);
        let (model, like) = model.ok_or(WeaveError::NoOrders)?;
        let like = Rc::new(like.clone());
        let definition = names.definition(*model).copied().ok_or(WeaveError::NoOrders)?;
        let plan = Plan::new(&settings, span, definition, names)?;
        let mut instruments = BTreeMap::new();
        let mut others = BTreeMap::new();
        let mut everybody = accounts.all().to_vec();
        for (subject, mut of) in survey.subjects {
            let who = match accounts.are_given() {
                true => accounts.all().to_vec(),
                false => of.participants.clone(),
            };
            if !accounts.are_given() {
                everybody.extend(&who);
            }
            others.insert(subject, Rc::new(who));
            of.span = (scaled(of.span.0), scaled(of.span.1));
            instruments.insert(subject, Rc::new(of));
        }
        if everybody.is_empty() {
            everybody.push(named(names, 'A', 1)?);
        }
        everybody.sort_unstable();
        everybody.dedup();
        let due = plan.next().unwrap_or(Nanos::END);
        let side_by_side = side_by_side(plan.len(), instruments.len(), span);
        Ok(Self {
            chance: Chance::new(blended(&[settings.seed, 0xca5e])),
            floor: Rc::new(RefCell::new(Floor::new(orders, accounts))),
            instruments,
            others,
            begins: first,
            side_by_side,
            everybody: Rc::new(everybody),
            like,
            asked: plan.len(),
            plan,
            active: Vec::new(),
            quiet: BTreeMap::new(),
            used: FxHashSet::default(),
            due,
            voids: 0,
            ended: Vec::new(),
            heard: BTreeMap::new(),
            settings,
        })
    }

    /// Takes the base's next event and gives on what the combined tape gets.
    pub fn take(&mut self, event: &Event, out: &mut Vec<Event>) -> Result<(), WeaveError> {
        let at = scaled(event.event_at, self.begins, self.settings.density);
        let mut event = *event;
        event.event_at = at;
        let event = &event;
        self.check(event)?;
        self.advance(at);
        {
            let mut floor = self.floor.borrow_mut();
            floor.now = floor.now.max(at);
            floor.take(event);
        }
        if event.kind() == Kind::Status {
            self.close();
        } else {
            let heard = self.heard.entry(event.subject).or_default();
            if heard.len() == HEARD {
                heard.pop_front();
            }
            heard.push_back(at);
        }
        self.look(event.subject);
        out.append(&mut self.floor.borrow_mut().out);
        Ok(())
    }

    /// The base has ended: what goes on is broken off.
    pub fn finish(mut self, names: &Directory, out: &mut Vec<Event>) -> Woven {
        for place in (0..self.active.len()).rev() {
            self.end(place, false);
        }
        let mut floor = self.floor.borrow_mut();
        out.append(&mut floor.out);
        let labels = self.ended.iter().map(|ended| self.label(ended, names)).collect();
        Woven {
            labels,
            asked: self.asked,
            voids: self.voids,
            counts: floor.counts,
            base_faults: floor.base_faults(),
            faults: floor.faults(),
        }
    }

    /// Where the session is over, campaigns are broken off.
    fn close(&mut self) {
        for place in (0..self.active.len()).rev() {
            let subject = self.active[place].subject;
            if self.floor.borrow().is_closed(subject) {
                self.floor.borrow_mut().clear(subject);
                self.end(place, false);
            }
        }
        self.reckon();
    }

    /// The base may not use the numbers of injected orders.
    fn check(&self, event: &Event) -> Result<(), WeaveError> {
        let tells_order = matches!(
            event.kind(),
            Kind::Add | Kind::Modify | Kind::Reduce | Kind::Delete | Kind::Replace | Kind::Execute
        );
        let mut id = if tells_order { event.first_word() } else { 0 };
        if event.kind() == Kind::Replace {
            id = id.max(event.body::<engine_event::body::Replacement>().new.0);
        }
        let taken = id >= self.floor.borrow().first().0;
        if taken { Err(WeaveError::IdTaken(id)) } else { Ok(()) }
    }

    /// Lets pass the time until then.
    fn advance(&mut self, to: Nanos) {
        let mut touched: Vec<SubjectId> = Vec::new();
        while self.due <= to {
            {
                let mut floor = self.floor.borrow_mut();
                floor.now = floor.now.max(self.due);
            }
            let now = self.floor.borrow().now;
            for place in (0..self.active.len()).rev() {
                if self.active[place].wake.get().is_some_and(|wake| wake <= now) {
                    let subject = self.active[place].subject;
                    let told = self.floor.borrow().out.len();
                    self.poll(place);
                    // What one does may be another's fill, and nobody waits for the flow to see that.
                    if self.floor.borrow().out.len() > told && !touched.contains(&subject) {
                        touched.push(subject);
                    }
                }
            }
            touched.drain(..).for_each(|subject| self.look(subject));
            while self.plan.next().is_some_and(|next| next <= now) {
                self.start(now);
            }
            self.reckon();
        }
    }

    /// When something is due next.
    fn reckon(&mut self) {
        let wakes = self.active.iter().filter_map(|active| active.wake.get());
        self.due = wakes.chain(self.plan.next()).min().unwrap_or(Nanos::END);
    }

    /// Lets the campaigns of a subject see what has changed.
    fn look(&mut self, subject: SubjectId) {
        let mut looked = false;
        for place in (0..self.active.len()).rev() {
            if subject == SubjectId::EVERY || self.active[place].subject == subject {
                self.poll(place);
                looked = true;
            }
        }
        if looked {
            self.reckon();
        }
    }

    fn poll(&mut self, place: usize) {
        let active = &mut self.active[place];
        active.wake.set(None);
        let mut context = Context::from_waker(Waker::noop());
        match active.campaign.as_mut().poll(&mut context) {
            Poll::Pending => {}
            Poll::Ready(complete) => self.end(place, complete),
        }
    }

    /// A campaign is over. One that came to nothing is tried again elsewhere.
    fn end(&mut self, place: usize, complete: bool) {
        let Active { planned, subject, culprits, campaign, told, .. } =
            self.active.swap_remove(place);
        drop(campaign);
        let now = self.floor.borrow().now;
        self.quiet.insert(subject, now + Nanos(QUIET));
        let mut told = told.borrow().clone();
        told.last_at = now;
        if !complete {
            self.voids += 1;
            self.plan.again(&planned, now);
        }
        self.ended.push((planned, subject, culprits, told, complete));
    }

    /// Starts the campaign that is next, where there is room for it.
    fn start(&mut self, now: Nanos) {
        let stage = self.plan.stage();
        let Some(subject) = stage.or_else(|| self.choose(now)) else {
            return self.plan.postpone(now, LATER);
        };
        let Some(planned) = self.plan.take() else { return };
        if stage.is_some() {
            let mut own = (*self.like).clone();
            own.span = (now, Nanos::END);
            self.instruments.insert(subject, Rc::new(own));
            self.others.insert(subject, self.everybody.clone());
        }
        let culprits = self.culprits(&planned, subject);
        culprits.iter().for_each(|who| {
            self.used.insert((subject, *who));
        });
        let seed = blended(&[self.settings.seed, planned.number, u64::from(planned.tries)]);
        let desk = Desk::new(
            self.floor.clone(),
            (subject, self.instruments[&subject].clone()),
            (culprits.clone(), self.others[&subject].clone()),
            planned.severity,
            seed,
        );
        let price = self.like.on_grid(Price(self.like.price)).0;
        let desk = match planned.case.stage {
            Some(_) => desk.on_stage(Rc::new(Mood::new(price as f64))),
            None => desk,
        };
        let told = Rc::new(RefCell::new(Told { first_at: now, last_at: now, decided_at: vec![] }));
        let wake = desk.wake();
        let episodes = Chance::new(seed ^ 2).whole(planned.case.episodes());
        let campaign = Box::pin(campaign(desk, planned.case, episodes, told.clone()));
        self.active.push(Active { planned, subject, culprits, campaign, told, wake });
        self.poll(self.active.len() - 1);
    }

    /// Whether the flow goes on: where nobody else does anything, over night or before the market opens,
    /// there is nobody to be misled.
    fn is_awake(&self, subject: SubjectId, of: &Instrument, now: Nanos) -> bool {
        let Some(heard) = self.heard.get(&subject) else { return false };
        let mean = of.span.1.since(of.span.0).0 / of.events.max(1);
        let Some(first) = heard.front().filter(|_| heard.len() == HEARD) else { return false };
        now.since(*first).0 <= mean.saturating_mul(HEARD as u64 * SLEEPY)
    }

    /// An instrument that is free, the busier the likelier.
    fn choose(&mut self, now: Nanos) -> Option<SubjectId> {
        let is_free = |subject: &SubjectId, of: &Instrument| {
            if of.span.1 == Nanos::END {
                return false;
            }
            let quiet = self.quiet.get(subject).is_none_or(|until| *until <= now);
            let here = self.active.iter().filter(|active| active.subject == *subject).count();
            let floor = self.floor.borrow();
            let there = floor.book(*subject).is_some_and(|book| book.spread().is_some());
            let there = there && !floor.is_closed(*subject);
            let lives = of.span.0 <= now && now < of.span.1 && of.events >= 50 && of.tick > 0;
            let lives = lives && self.is_awake(*subject, of, now);
            let most = if self.settings.overlap { SIDE_BY_SIDE_MAX } else { self.side_by_side };
            here < most && (quiet || most > 1) && there && lives
        };
        let free = self.instruments.iter().filter(|(subject, of)| is_free(subject, of));
        let free: Vec<(SubjectId, u64)> = free.map(|(id, of)| (*id, of.trades.max(1))).collect();
        let all: u64 = free.iter().map(|(_, weight)| weight).sum();
        if all == 0 {
            return None;
        }
        let mut at = self.chance.whole(0..=all - 1);
        let chosen = free.iter().find(|(_, weight)| match at.checked_sub(*weight) {
            Some(rest) => {
                at = rest;
                false
            }
            None => true,
        });
        chosen.map(|(subject, _)| *subject)
    }

    /// Half of the campaigns are done by those who are in the background as well.
    fn culprits(&mut self, planned: &Planned, subject: SubjectId) -> Vec<ParticipantId> {
        let known = &self.others[&subject];
        let mut culprits = Vec::new();
        for new in &planned.new {
            let mut who = *new;
            if planned.is_known && !known.is_empty() {
                for _ in 0..8 {
                    let candidate = known[self.chance.place(known.len())];
                    let free = !self.used.contains(&(subject, candidate));
                    if free && !culprits.contains(&candidate) {
                        who = candidate;
                        break;
                    }
                }
            }
            culprits.push(who);
        }
        culprits
    }

    fn label(
        &self,
        (planned, subject, culprits, told, complete): &(
            Planned,
            SubjectId,
            Vec<ParticipantId>,
            Told,
            bool,
        ),
        names: &Directory,
    ) -> Label {
        let name = |who: &ParticipantId| names.participants.name(*who).unwrap_or("?").to_owned();
        Label {
            label: format!("{}-{:04}", planned.case.pattern, planned.number),
            pattern: planned.case.pattern.to_owned(),
            class: if *complete { planned.case.class } else { Class::Void },
            case: planned.case.name.to_owned(),
            severity: planned.severity,
            subject: names.name(*subject).to_owned(),
            venue: names.venue(*subject).to_owned(),
            participants: culprits.iter().map(name).collect(),
            episodes: told.decided_at.len() as u32,
            first_at: told.first_at,
            last_at: told.last_at,
            decided_at: told.decided_at.clone(),
            seed: self.settings.seed,
        }
    }
}

/// The first id behind the base's that is easy to tell from it.
fn first_id(greatest: u64) -> Result<OrderId, WeaveError> {
    let mut first = 1_000_000u64;
    while first <= greatest {
        first = first.checked_mul(10).ok_or(WeaveError::NoIdsLeft(greatest))?;
    }
    Ok(OrderId(first))
}

/// The base's time, so many times faster.
fn scaled(at: Nanos, begins: Nanos, density: u32) -> Nanos {
    Nanos(begins.0 + at.0.saturating_sub(begins.0) / u64::from(density.max(1)))
}

/// A name that nobody has yet.
fn named(names: &mut Directory, letter: char, number: u32) -> Result<ParticipantId, DirectoryFull> {
    let mut name = format!("{letter}{number:04}");
    while names.participants.find(&name).is_some() {
        name.push('x');
    }
    names.participants.intern(&name)
}
