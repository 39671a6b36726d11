//! What a pattern is, what it is shown, and where it says what it thinks.

use super::deed::{Deed, What};
use super::kept::Kept;
use super::ledger::Ledger;
use super::links::Links;
use super::market::Market;
use super::notes::Notes;
use super::parameters::Parameterised;
use super::people::{People, Person};
use super::rules::{self, Rule, Set, Sets};
use super::story::Story;
use super::suspicion::Suspicion;
use super::tally::Tally;
use engine_observer::book::{BookView, Change};
use engine_observer::event::{Nanos, Price, Reader, Side, SnapshotError, Writer};
use engine_observer::evidence::{Condition, Limit, Link};
use engine_observer::{Degraded, Outbox, Parameters, Severity};
use std::sync::Arc;

/// A pattern of abuse. The value is its parameters; what it remembers about one instrument is apart.
pub(crate) trait Pattern: Parameterised {
    type Memory: Kept + Default + Send;

    /// What it wants to see.
    const WANTS: &'static [What];

    /// How many conditions and excuses it names, for the check that each of them matters.
    #[cfg(test)]
    const CONDITIONS: &'static [&'static str];

    /// Whether it also looks at orders of which nobody says whose they are: the ledger then keeps them as
    /// [`Person::NOBODY`]'s.
    fn is_anonymous(&self) -> bool {
        false
    }

    /// An episode in a market of its own that must raise an alert by the default parameters, within a day:
    /// shown to the pattern now and then, to see whether it still answers. None where parameters say that
    /// it looks at one time of the day only.
    fn canary(&self) -> Option<Story> {
        None
    }

    /// Looks at what somebody did: [`Scene::deed`] is there, but for changes of phase and headlines. The
    /// ledger and the book are as they are after it.
    fn see(&self, memory: &mut Self::Memory, scene: &Scene<'_>, bench: &mut Bench<'_>);

    /// Event time has reached what [`Bench::wake_at`] asked for. There is no deed, and no book.
    fn on_time(&self, memory: &mut Self::Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let _ = (memory, scene, bench);
    }
}

/// One event, and the world just after it.
pub(crate) struct Scene<'a> {
    pub(crate) what: What,
    /// What somebody did; none for timers, phases and headlines.
    pub(crate) deed: Option<&'a Deed>,
    pub(crate) now: Nanos,
    pub(crate) seq: u64,
    pub(crate) market: &'a Market,
    pub(crate) ledger: &'a Ledger,
    pub(crate) book: Option<BookView<'a>>,
    pub(crate) change: Option<&'a Change>,
    /// Days (UTC) with a corporate action.
    pub(super) days: &'a [u64],
    pub(super) ignored: Option<&'static str>,
}

/// Where a pattern says what it thinks.
pub(crate) struct Bench<'a> {
    pub(super) out: &'a mut Outbox,
    pub(super) wake: Option<Nanos>,
    people: &'a People,
    notes: &'a mut Notes,
    links: &'a mut Links,
    /// The pattern that sits here.
    name: &'static str,
    /// A condition is passed over, to see whether it matters: nothing is passed over for speed.
    is_trial: bool,
}

/// How many episodes raise an alert.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Repeats {
    /// So many.
    pub(crate) least: u32,
    /// Or this one, because it says enough by itself.
    pub(crate) at_once: bool,
    /// The score under which there is no episode.
    pub(crate) score_min: f64,
}

impl Scene<'_> {
    /// The middle of the touch just before the event; none if a side was empty, or where there is no event.
    pub(crate) fn mid_before(&self) -> Option<f64> {
        self.change?.before().mid2().map(|mid2| mid2 as f64 / 2.0)
    }

    /// The order that entered or changed set a new best price of its side: at which price, and by how much.
    #[inline]
    pub(crate) fn improvement(&self) -> Option<(Price, u64)> {
        let (deed, change) = (self.deed?, self.change?);
        let is_order = matches!(deed.what, What::Enter | What::Amend);
        if !is_order || !change.touch_price_changed {
            return None;
        }
        let (price, before) = (deed.price?, change.before().of(deed.side)?.price);
        let moved = match deed.side {
            Side::Buy => price.0 - before.0,
            Side::Sell => before.0 - price.0,
        };
        let is_best = self.market.best_of(deed.side) == Some(price);
        (moved > 0 && is_best).then(|| (price, moved.unsigned_abs()))
    }
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        out: &'a mut Outbox,
        (people, notes, links): (&'a People, &'a mut Notes, &'a mut Links),
        is_trial: bool,
    ) -> Self {
        Self { out, wake: None, people, notes, links, name: "", is_trial }
    }

    /// Whether somebody asks why there is no alert about this person now. What a pattern would pass over
    /// for speed, it should then say: by a suspicion whose conditions do not all hold.
    #[inline]
    pub(crate) fn is_asked(&self, person: Person) -> bool {
        let asks = self.out.question().is_some_and(|question| {
            question.participant.is_none_or(|account| self.people.of(account) == person)
        });
        asks || self.is_trial
    }

    /// Begins a suspicion against a person.
    pub(crate) fn suspect(
        &self,
        scene: &Scene<'_>,
        person: Person,
        severity: Severity,
    ) -> Suspicion {
        Suspicion::new(scene, person, severity)
    }

    /// Decides: an episode if all conditions hold, and an alert if it is due. Whether it was an episode.
    pub(crate) fn settle(
        &mut self,
        mut suspicion: Suspicion,
        scene: &Scene<'_>,
        tally: &mut Tally,
        repeats: Repeats,
    ) -> bool {
        suspicion.close(scene.market, scene.seq, scene.now);
        let score = suspicion.alert.score;
        suspicion.needs("score", score, Limit::AtLeast(repeats.score_min));
        if !suspicion.holds() {
            self.out.consider(suspicion.alert);
            return false;
        }
        self.note(&suspicion, scene.now);
        let told = tally.count(suspicion.person, scene.now, repeats.least, repeats.at_once);
        let needed = if repeats.at_once { 1 } else { repeats.least };
        let enough = Limit::AtLeast(f64::from(needed));
        suspicion.needs(Condition::EPISODES, f64::from(told.episodes), enough);
        suspicion.degrade(Degraded::MEMORY.when(told.is_forgetful));
        let mut alert = suspicion.alert;
        for (other, link) in self.links.of(suspicion.person) {
            let account = scene.ledger.of(other).and_then(|other| other.accounts.first().copied());
            if let Some(account) = account {
                let (confidence, by) = (link.confidence, link.by);
                alert.links.push(Link { account, confidence, by });
            }
        }
        if !told.is_due {
            self.out.consider(alert);
            return true;
        }
        alert.episodes = told.episodes;
        if told.episodes >= 3 {
            alert.severity = alert.severity.raised();
        }
        if !alert.degraded.is_none() || suspicion.confidence < 0.5 {
            alert.severity = alert.severity.lowered();
        }
        self.out.alert(alert);
        true
    }

    /// Everybody who takes part has had an episode.
    fn note(&mut self, suspicion: &Suspicion, now: Nanos) {
        let alert = &suspicion.alert;
        let mut noted = None;
        for account in alert.participants.iter() {
            let person = self.people.of(*account);
            if noted.replace(person) != Some(person) {
                self.notes.note(self.name, person, alert.first_event_at, now);
            }
        }
    }

    /// Whether another pattern had an episode about this person between two moments: its number.
    pub(crate) fn other_pattern(&self, person: Person, from: Nanos, to: Nanos) -> Option<u32> {
        self.notes.other(self.name, person, (from, to))
    }

    /// Two persons are found to act together, as surely as this.
    pub(crate) fn infer_link(&mut self, one: Person, other: Person, confidence: f64, at: Nanos) {
        self.links.infer(self.name, (one, other), confidence, at);
    }

    /// How surely two persons act together: surely if they are one, else as any pattern has found.
    #[inline]
    pub(crate) fn link(&self, one: Person, other: Person) -> Option<f64> {
        if one == other { Some(1.0) } else { self.links.between(one, other) }
    }

    /// Says of a suspicion only, to the one who asks, what does not hold.
    pub(crate) fn pass_over(&mut self, suspicion: &Suspicion) {
        self.out.consider(suspicion.alert);
    }

    /// Asks to be called by [`Pattern::on_time`] once event time has reached `due`: of several requests
    /// the earliest holds, and it holds once.
    pub(crate) fn wake_at(&mut self, due: Nanos) {
        self.wake = Some(self.wake.map_or(due, |earlier| earlier.min(due)));
    }
}

/// A pattern of any type with its parameters, as a desk holds it.
pub(crate) trait Seat: Send + Sync {
    fn name(&self) -> &'static str;
    fn wants(&self) -> &'static [What];
    /// See [`Pattern::is_anonymous`].
    fn is_anonymous(&self) -> bool;
    fn parameters(&self) -> Parameters;
    /// What it must answer: see [`Pattern::canary`].
    fn canary(&self) -> Option<Story>;
    /// The same pattern, judging by usual rates that this stands for.
    fn knowing(&self, known: Option<u64>) -> Arc<dyn Seat>;
    /// A memory about an instrument of which nothing was seen.
    fn sit_down(&self) -> Box<dyn Mind>;
}

/// A pattern with what it remembers about one instrument.
pub(crate) trait Mind: Send {
    /// The instrument's and its venue's names, as numbers.
    fn learn_name(&mut self, subject: u64, venue: u32);
    fn see(&mut self, scene: &Scene<'_>, bench: &mut Bench<'_>);
    fn on_time(&mut self, scene: &Scene<'_>, bench: &mut Bench<'_>);
    fn keep(&self, to: &mut Writer);
    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError>;
}

/// The parameters, shared by all instruments.
pub(super) struct Seated<P> {
    sets: Arc<Sets<P>>,
    known: Option<u64>,
}

struct Minding<P: Pattern> {
    sets: Arc<Sets<P>>,
    /// What may hold for this instrument by rule.
    ruled: Vec<(Rule, Arc<Set<P>>)>,
    memory: P::Memory,
}

impl<P: Pattern> Seated<P> {
    pub(super) fn new(pattern: P, known: Option<u64>) -> Self {
        Self { sets: Arc::new(Sets::new(pattern, known)), known }
    }
}

impl<P: Pattern> Seat for Seated<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn wants(&self) -> &'static [What] {
        P::WANTS
    }

    fn is_anonymous(&self) -> bool {
        self.sets.usual.pattern.is_anonymous()
    }

    fn parameters(&self) -> Parameters {
        rules::parameters(&self.sets.usual.pattern, self.known)
    }

    fn knowing(&self, known: Option<u64>) -> Arc<dyn Seat> {
        Arc::new(Self::new(self.sets.usual.pattern.clone(), known))
    }

    fn canary(&self) -> Option<Story> {
        self.sets.usual.pattern.canary()
    }

    fn sit_down(&self) -> Box<dyn Mind> {
        let ruled = self.sets.about(0, 0);
        Box::new(Minding { sets: self.sets.clone(), ruled, memory: P::Memory::default() })
    }
}

impl<P: Pattern> Mind for Minding<P> {
    fn learn_name(&mut self, subject: u64, venue: u32) {
        self.ruled = self.sets.about(subject, venue);
    }

    fn see(&mut self, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let set = rules::at(&self.ruled, scene.now).unwrap_or(&self.sets.usual);
        bench.out.by_part(P::NAME, set.hash);
        bench.name = P::NAME;
        set.pattern.see(&mut self.memory, scene, bench);
    }

    fn on_time(&mut self, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let set = rules::at(&self.ruled, scene.now).unwrap_or(&self.sets.usual);
        bench.out.by_part(P::NAME, set.hash);
        bench.name = P::NAME;
        set.pattern.on_time(&mut self.memory, scene, bench);
    }

    fn keep(&self, to: &mut Writer) {
        self.memory.keep(to);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.memory = P::Memory::restore(from)?;
        Ok(())
    }
}
