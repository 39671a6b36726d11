//! An episode in the making: what has to hold, what would excuse it, how grave it is, whose orders it is.

use super::calendar::Calendar;
use super::deed::Deed;
use super::ledger::Live;
use super::market::Market;
use super::pattern::Scene;
use super::people::Person;
use engine_observer::event::{MaybePrice, Nanos, OrderId, ParticipantId, Quantity, Side};
use engine_observer::evidence::{Condition, Contribution, Limit, Part};
use engine_observer::{Alert, Degraded, Feature, Severity};

/// Built up by a pattern and handed to [`Bench::settle`](super::pattern::Bench::settle), which raises the
/// alert, or says to the one who asks what did not hold.
#[derive(Clone, Debug)]
pub(crate) struct Suspicion {
    pub(crate) alert: Alert,
    pub(crate) person: Person,
    /// How sure it is that those who act are one, or act together.
    pub(crate) confidence: f64,
    holds: bool,
    /// A condition that is passed over: to see whether it matters.
    ignored: Option<&'static str>,
}

impl Suspicion {
    pub(super) fn new(scene: &Scene<'_>, person: Person, severity: Severity) -> Self {
        let accounts = scene.ledger.of(person).map(|account| account.accounts.as_slice());
        let mut alert = Alert { first_event_at: scene.now, ..Alert::draft(severity) };
        alert.first_seq = scene.seq;
        alert.degraded = Degraded::BOOK
            .when(scene.market.is_stale)
            .and(Degraded::MEMORY.when(scene.ledger.forgotten > 0))
            .and(Degraded::IDENTITY.when(person == Person::NOBODY))
            .and(Degraded::CORPORATE_ACTION.when(Calendar::has(scene.days, scene.now)));
        accounts.into_iter().flatten().for_each(|account| _ = alert.participants.push(*account));
        Self { alert, person, confidence: 1.0, holds: true, ignored: scene.ignored }
    }

    /// A mandatory condition. Whether it holds.
    pub(crate) fn needs(&mut self, name: &'static str, value: f64, limit: Limit) -> bool {
        let condition = Condition { name, value, limit };
        self.alert.conditions.push(condition);
        self.judge(condition)
    }

    /// A mandatory condition that is a matter of yes or no.
    pub(crate) fn needs_that(&mut self, name: &'static str, is_so: bool) -> bool {
        self.needs(name, f64::from(u8::from(is_so)), Limit::AtLeast(1.0))
    }

    /// An innocent explanation, as what has to hold for it not to apply.
    pub(crate) fn unless_excused(&mut self, name: &'static str, value: f64, limit: Limit) -> bool {
        let condition = Condition { name, value, limit };
        self.alert.exclusions.push(condition);
        self.judge(condition)
    }

    /// An innocent explanation that is a matter of yes or no.
    pub(crate) fn unless_that(&mut self, name: &'static str, is_excused: bool) -> bool {
        self.unless_excused(name, f64::from(u8::from(is_excused)), Limit::AtMost(0.0))
    }

    fn judge(&mut self, condition: Condition) -> bool {
        let holds = condition.holds() || self.ignored == Some(condition.name);
        self.holds &= holds;
        holds
    }

    /// Something that makes it graver: nothing at `low`, full at `high`.
    pub(crate) fn weighs(&mut self, name: &'static str, value: f64, low: f64, high: f64) {
        self.weighs_as(name, value, low, high, 1.0);
    }

    /// The same with another weight than 1.
    pub(crate) fn weighs_as(
        &mut self,
        name: &'static str,
        value: f64,
        low: f64,
        high: f64,
        weight: f64,
    ) {
        let value = if value.is_finite() { value } else { low };
        self.alert.features.push(Feature { name, value, low, high, weight });
    }

    /// An order that takes part, as it is in the ledger.
    pub(crate) fn order(&mut self, part: Part, live: &Live) {
        self.contribution(Contribution {
            seq: live.entered_seq,
            order: live.order,
            part,
            side: live.side,
            price: live.price.into(),
            quantity: Quantity(live.quantity),
        });
    }

    /// A deed that takes part.
    pub(crate) fn deed(&mut self, part: Part, deed: &Deed) {
        self.contribution(Contribution {
            seq: deed.seq,
            order: deed.order,
            part,
            side: deed.side,
            price: deed.price.into(),
            quantity: Quantity(deed.quantity),
        });
    }

    /// Anything that takes part, event by event.
    pub(crate) fn part(
        &mut self,
        part: Part,
        (seq, order): (u64, OrderId),
        (side, price, quantity): (Side, impl Into<MaybePrice>, u64),
    ) {
        let (price, quantity) = (price.into(), Quantity(quantity));
        self.contribution(Contribution { seq, order, part, side, price, quantity });
    }

    fn contribution(&mut self, contribution: Contribution) {
        self.alert.orders.push(contribution);
    }

    /// The evidence begins here, unless it began earlier.
    pub(crate) fn begins(&mut self, seq: u64, at: Nanos) {
        self.alert.first_seq = self.alert.first_seq.min(seq);
        self.alert.first_event_at = Nanos(self.alert.first_event_at.0.min(at.0));
    }

    /// Somebody else who takes part.
    pub(crate) fn with(&mut self, account: ParticipantId) {
        if !self.alert.participants.iter().any(|one| *one == account) {
            self.alert.participants.push(account);
        }
    }

    /// It is less than certain.
    pub(crate) fn degrade(&mut self, degraded: Degraded) {
        self.alert.degraded = self.alert.degraded.and(degraded);
    }

    /// Whether every condition that was named so far holds, and no excuse does.
    pub(crate) fn holds(&self) -> bool {
        self.holds
    }

    /// Closes the evidence: gaps within it make it uncertain.
    pub(super) fn close(&mut self, market: &Market, seq: u64, at: Nanos) {
        self.alert.last_seq = seq;
        self.alert.last_event_at = at;
        let first = self.alert.first_event_at;
        self.degrade(Degraded::GAP.when(market.gap_at.is_some_and(|gap| gap >= first)));
        self.alert.score = self.alert.features.score();
    }
}
