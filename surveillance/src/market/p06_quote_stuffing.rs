//! P06, quote stuffing: so many messages that others are slowed or confused.
//!
//! **What.** A participant, in one instrument, sends a burst of orders that it takes back within
//! milliseconds and does not trade with. A *burst* begins with a trigger:
//! - at least [`rate_min_per_s`](QuoteStuffing::rate_min_per_s) messages within 1 s, and at least
//!   [`rate_sd_min`](QuoteStuffing::rate_sd_min) standard deviations above the instrument's usual
//!   messages per second; or
//! - at least [`touch_changes_min_5s`](QuoteStuffing::touch_changes_min_5s) changes of a best *price*
//!   within 5 s, made by its own messages (a quantity at the touch changes with every order that joins).
//!
//! It ends when both have fallen under half, or after [`burst_max_s`](QuoteStuffing::burst_max_s); what
//! goes on then is the next burst. It *counts* once, from its first message to now:
//! - nearly all orders were taken back ([`cancel_share_min`](QuoteStuffing::cancel_share_min)),
//! - hardly any traded ([`execution_ratio_max`](QuoteStuffing::execution_ratio_max)),
//! - the median life was short ([`life_max_ms`](QuoteStuffing::life_max_ms)),
//! - most of the instrument's messages were its own
//!   ([`message_share_min`](QuoteStuffing::message_share_min)),
//! - and the others' messages are not themselves unusual ([`others_z_max`](QuoteStuffing::others_z_max)):
//!   in news everybody is quick.
//!
//! An alert is raised, on the very message, when these hold and it is the
//! [`bursts_min`](QuoteStuffing::bursts_min)-th burst of the day (UTC) or one of
//! [`burst_messages_min`](QuoteStuffing::burst_messages_min), if its score reaches
//! [`score_min`](QuoteStuffing::score_min). It is raised anew at the 3rd, 10th and 30th burst.
//!
//! **Words.** *Messages* are what participants send: entries, amendments, cancellations; executions are
//! answers. *Orders* are entries and amendments, *taken back* are amendments and cancellations, so that
//! one order amended a thousand times counts as a thousand. A *life* ends with either, and begins when
//! the order was last entered or amended.
//!
//! **Score.** The mean strength of what was measured, each between a range that follows from its
//! threshold: the trigger(s) that fired, from half to four times (rate) or twice (touch); cancel share
//! from as far below its minimum as that is below 1, to 1; execution ratio and life from twice their
//! maximum down to 0; message share from half its minimum to 1; the others' z from its maximum down to
//! 0. The catalogue's case (3,000 enter/cancel pairs in 1.2 s in a quiet market) scores above 95; a burst
//! that only just meets every condition scores under 60 and raises nothing. `burst_messages` has no
//! weight: it decides, it does not measure.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-4(e), 5(f), 6(h); 2017/565, Annex
//! III.B, 21; CME rule 575. Rate over mean and deviation after Egginton, Van Ness, Van Ness, "Quote
//! stuffing" (2016); touch changes and the 10 s cap from published vendor parameters. Windows are wall
//! time only: a rate of messages per second is itself the harm, so there is no arm that counts events.
//!
//! **Degraded.** `identity`: all unknown owners are one group, which is nobody in particular; its share
//! says little. `book`: the book is stale. `gap`: messages are missing within the burst. `memory`: the
//! group may have been forgotten before (more than [`groups_max`](QuoteStuffing::groups_max) groups),
//! so it may have had more bursts.
//!
//! **Known false positives.** Option re-quotes that follow the underlying tick by tick (the underlying is
//! not seen here); a market maker alone in an instrument whose strategy flickers; an algorithm out of
//! control, which is P37 and not abuse. **Known misses.** Bursts spread over several participants, or
//! over instruments; a stuffer that keeps part of its orders for longer than the limit.

mod canary;
mod group;
#[cfg(test)]
mod tests;
mod traffic;

use crate::desk::parameters::{Parameterised, parameters};
use crate::desk::rules::{self, Rule, Set, Sets};
use crate::desk::story::Story;
use crate::market::action::{Act, Action};
use crate::market::lives::{LastTold, Lives};
use crate::recent::{Found, Recent};
use crate::window::Mark;
use engine_observer::event::body::{Phase, Status};
use engine_observer::event::{
    Definition, Event, Fault, Kind, Nanos, ParticipantId, Reader, Snapshot, SnapshotError, Writer,
};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::{Condition, Conditions, Exclusions, Limit};
use engine_observer::idea::{Idea, Invalid};
use engine_observer::{
    Alert, BYTES_AHEAD, Degraded, Feature, Features, Interest, Observer, Outbox, Parameters,
    Participants, Severity, View,
};
use group::{Burst, Group};
use std::mem::offset_of;
use std::sync::Arc;
use traffic::Traffic;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct QuoteStuffing = "P06" {
        /// Messages within a second that make a burst, whatever is usual.
        rate_min_per_s: u32 = 500, 10..=1_000_000, "1/s", Judgement;
        /// How many standard deviations above the usual rate they must be.
        rate_sd_min: f64 = 20.0, 0.0..=1_000.0, "σ", Published;
        /// Changes of a best price within 5 s that make a burst.
        touch_changes_min_5s: u32 = 60, 2..=100_000, "", Published;
        /// Share of orders that were taken back.
        cancel_share_min: f64 = 0.95, 0.5..=0.999, "", Judgement;
        /// Executions for each order.
        execution_ratio_max: f64 = 0.005, 0.0001..=1.0, "", Judgement;
        /// Median life of what was taken back, in milliseconds.
        life_max_ms: u64 = 50, 1..=60_000, "ms", Judgement;
        /// Share of the instrument's messages.
        message_share_min: f64 = 0.5, 0.01..=0.99, "", Judgement;
        /// Standard deviations above the usual rate that the others' messages must stay under.
        others_z_max: f64 = 5.0, 0.5..=1_000.0, "σ", Judgement;
        /// Share of the last second's messages under which the others' surge excuses nobody: it may be
        /// their answer to the burst.
        others_share_min: f64 = 0.1, 0.0..=1.0, "", Judgement;
        /// Orders, and lives, that a burst must show before its ratios mean something.
        orders_min: u32 = 30, 1..=100_000, "", Judgement;
        /// The longest burst, in seconds.
        burst_max_s: u64 = 10, 1..=3_600, "s", Published;
        /// Bursts in a day that raise an alert.
        bursts_min: u32 = 2, 1..=1_000, "", Judgement;
        /// Messages in one burst that raise an alert at once.
        burst_messages_min: u32 = 5_000, 10..=100_000_000, "", Judgement;
        /// Seconds after an auction, a halt or the opening in which nothing is judged or learned.
        settle_s: u64 = 30, 0..=3_600, "s", Judgement;
        /// How many seconds the usual rate remembers.
        usual_span_s: f64 = 900.0, 10.0..=1_000_000.0, "s", Judgement;
        /// The usual rate of instruments like this one, until its own is known: messages per second.
        prior_rate_per_s: f64 = 20.0, 0.0..=1_000_000.0, "1/s", Judgement;
        /// How many seconds of history that is worth.
        prior_worth_s: f64 = 60.0, 0.0..=100_000.0, "s", Judgement;
        /// The score from which an alert is raised.
        score_min: f64 = 60.0, 0.0..=100.0, "", Judgement;
        /// Participants remembered for each instrument, 0.6 to 6 KB each as they are active; the least
        /// recently active is forgotten.
        groups_max: u32 = 256, 1..=65_536, "", Judgement;
    }
}

impl Idea for QuoteStuffing {
    const NAME: &'static str = <Self as Parameterised>::NAME;

    fn validate(&self) -> Result<(), Invalid> {
        rules::check(self)
    }
}

/// What is known about one instrument; first what every message needs.
#[repr(C)]
pub struct Instrument {
    /// Where there are rules.
    ruled: Option<Box<Ruled>>,
    phase: Phase,
    /// Nothing is judged or learned before this.
    settled_at: Nanos,
    /// Of orders that were amended.
    last_told: LastTold,
    traffic: Traffic,
    /// All unknown owners together.
    nobody: Group,
    gap_at: Option<Nanos>,
    /// By participant's number.
    groups: Recent<Group>,
}

/// All that a message of nobody in particular needs here is sent for before its turn.
const _: () = assert!(offset_of!(Instrument, nobody) + Group::NEEDED <= BYTES_AHEAD);

/// Which parameters hold for one instrument.
struct Ruled {
    sets: Sets<QuoteStuffing>,
    /// The instrument's and its venue's name, as numbers.
    name: (u64, u32),
    /// Those of all rules that are about it.
    own: Vec<(Rule, Arc<Set<QuoteStuffing>>)>,
}

impl Ruled {
    fn new(idea: &QuoteStuffing) -> Self {
        let sets = Sets::new(idea.clone(), None);
        Self { own: sets.about(0, 0), name: (0, 0), sets }
    }

    fn learn_name(&mut self, name: (u64, u32)) {
        self.name = name;
        self.own = self.sets.about(name.0, name.1);
    }
}

impl Observer for QuoteStuffing {
    type Memory = Instrument;

    fn name(&self) -> &'static str {
        <Self as Parameterised>::NAME
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
            Kind::Status,
            Kind::Gap,
        ])
    }

    fn parameters(&self, to: &mut Parameters) {
        self.tell(to);
    }

    fn remember(&self) -> Instrument {
        Instrument {
            phase: Phase::Unknown,
            settled_at: Nanos(0),
            gap_at: None,
            traffic: Traffic::new(self),
            nobody: Group::new(false),
            last_told: LastTold::default(),
            groups: Recent::new(self.groups_max as usize),
            ruled: (!self.rules.is_empty()).then(|| Box::new(Ruled::new(self))),
        }
    }

    #[inline]
    fn look_ahead(&self, instrument: &Instrument) {
        instrument.nobody.look_ahead();
    }

    #[inline]
    fn observe(&self, instrument: &mut Instrument, view: &View<'_>, out: &mut Outbox) {
        let Some(ruled) = &instrument.ruled else { return self.see(instrument, view, out) };
        match rules::at(&ruled.own, view.event.event_at).cloned() {
            Some(set) => {
                out.by_part(<Self as Parameterised>::NAME, set.hash);
                set.pattern.see(instrument, view, out);
            }
            None => self.see(instrument, view, out),
        }
    }
}

impl QuoteStuffing {
    /// Bursts that must raise an alert, to see whether it still answers. None where parameters ask for more
    /// than a canary is worth: hundreds of bursts, or a rate that no market has.
    pub(crate) fn canary(&self) -> Option<Story> {
        let bursts = u64::from(self.bursts_min);
        let is_worth = bursts <= 8 && self.rate_min_per_s < canary::RATE / 2;
        is_worth.then(|| canary::story(bursts))
    }

    #[inline]
    fn see(&self, instrument: &mut Instrument, view: &View<'_>, out: &mut Outbox) {
        match view.event.kind() {
            Kind::Define => {
                let told: Definition = view.event.body();
                let ruled = instrument.ruled.as_mut();
                ruled.into_iter().for_each(|own| own.learn_name((told.tag(), told.venue_tag())));
            }
            Kind::Status => self.enter_phase(instrument, view.event),
            Kind::Gap => instrument.gap_at = Some(view.event.event_at),
            _ => {
                if let Some(action) = Action::of(view) {
                    self.watch(instrument, &action, view, out);
                }
            }
        }
    }

    /// Another phase: what was counted belongs to the one before.
    fn enter_phase(&self, instrument: &mut Instrument, event: &Event) {
        let phase = event.body::<Status>().phase();
        if phase == instrument.phase {
            return;
        }
        // A phase that is told for the first time is news to us, not to the market.
        if instrument.phase != Phase::Unknown {
            instrument.settled_at = event.event_at + Nanos::from_secs(self.settle_s);
        }
        instrument.phase = phase;
        instrument.traffic.pause();
        instrument.nobody.interrupt();
        instrument.groups.values_mut().for_each(Group::interrupt);
    }

    /// Counts an action, then judges the participant if it sent a message.
    fn watch(
        &self,
        instrument: &mut Instrument,
        action: &Action,
        view: &View<'_>,
        out: &mut Outbox,
    ) {
        let mark = Mark { seq: view.event.seq, at: view.event.event_at };
        if !instrument.is_watched(mark.at, view) {
            return;
        }
        let Instrument { gap_at, traffic, nobody, last_told, groups, .. } = instrument;
        if let Some(aggressor) = action.aggressor.filter(|who| Some(*who) != action.owner) {
            find(groups, aggressor, out).trade(self, mark, traffic);
        }
        let group = match action.owner {
            Some(owner) => find(groups, owner, out),
            None => nobody,
        };
        if action.act == Act::Execute {
            group.trade(self, mark, traffic);
            return;
        }
        traffic.take(self, mark);
        let life = self.life_ended(last_told, action, mark.at);
        let touch_changed = view.change.touch_price_changed;
        group.take(self, mark, (action.act, life), touch_changed, traffic);
        if let Some(measured) = self.judge(group, traffic) {
            let first_at = group.burst.map_or(mark.at, |burst| burst.first.at);
            let degraded = Degraded::IDENTITY
                .when(action.owner.is_none())
                .and(Degraded::BOOK.when(view.book.is_some_and(|book| book.stale().is_some())))
                .and(Degraded::GAP.when(gap_at.is_some_and(|at| at >= first_at)))
                .and(Degraded::MEMORY.when(group.forgotten));
            self.raise(group, &measured, action.owner, degraded, out);
        } else if out
            .question()
            .is_some_and(|asked| asked.participant.is_none_or(|who| action.owner == Some(who)))
        {
            self.consider(group, traffic, mark, action.owner, out);
        }
    }

    /// Somebody asks why there is no alert now: what holds so far, and what does not.
    #[cold]
    fn consider(
        &self,
        group: &Group,
        traffic: &Traffic,
        mark: Mark,
        owner: Option<ParticipantId>,
        out: &mut Outbox,
    ) {
        let mut alert = Alert { first_seq: mark.seq, ..Alert::draft(Severity::Medium) };
        alert.participants = owner.into_iter().fold(Participants::none(), Participants::with);
        let (rate, least) = (group.messages_1s(), traffic.rate_min(self));
        match (&group.burst, Measured::of(self, group, traffic)) {
            (Some(burst), Some(measured)) => {
                alert.first_seq = burst.first.seq;
                alert.features = measured.features(self);
                alert.score = alert.features.score();
                alert.conditions = measured.conditions(self);
                alert.exclusions.push(measured.others_surge(self));
                alert.conditions.push(needs("score", alert.score, AtLeast(self.score_min)));
                alert.conditions.push(self.repeats(group.bursts, &measured));
            }
            (Some(burst), None) => {
                let orders = f64::from(group.counts_of(burst).orders);
                alert.first_seq = burst.first.seq;
                let enough = AtLeast(f64::from(self.orders_min));
                alert.conditions.push(needs("orders", orders, enough));
            }
            (None, _) => {
                let enough = AtLeast(f64::from(least));
                alert.conditions.push(needs("messages_1s", f64::from(rate), enough));
            }
        }
        out.consider(alert);
    }

    /// Enough bursts, or one that is enough by itself.
    fn repeats(&self, bursts: u32, measured: &Measured) -> Condition {
        let (least, messages) = (f64::from(self.bursts_min), f64::from(self.burst_messages_min));
        if bursts < self.bursts_min && measured.messages >= messages {
            return needs("burst_messages", measured.messages, AtLeast(messages));
        }
        needs(Condition::EPISODES, f64::from(bursts), AtLeast(least))
    }

    /// How long the order that is taken back, or its latest version, has been there: exactly as long as it
    /// counts.
    #[inline]
    fn life_ended(&self, told: &mut LastTold, action: &Action, now: Nanos) -> Option<Nanos> {
        if action.act == Act::Enter {
            return None;
        }
        let long = Nanos::from_millis(self.life_max_ms * Lives::LONG);
        let since = Nanos(now.0.saturating_sub(long.0 + 1));
        let born = told.of(action.order, since).max(action.entered_at);
        if action.act == Act::Amend && action.successor == action.order {
            told.tell(action.order, now);
        }
        born.map(|born| now.since(born))
    }

    /// Whether the running burst meets every condition, and if so, what was measured if that is to be
    /// told. The first time, the burst counts.
    fn judge(&self, group: &mut Group, traffic: &mut Traffic) -> Option<Measured> {
        if group.burst.as_ref()?.counted {
            traffic.disturb();
            if !group.is_due(self) {
                return None;
            }
        }
        let measured = Measured::of(self, group, traffic)?;
        if !measured.holds(self) {
            return None;
        }
        group.count_burst();
        traffic.disturb();
        group.is_due(self).then_some(measured)
    }

    fn raise(
        &self,
        group: &mut Group,
        measured: &Measured,
        owner: Option<ParticipantId>,
        degraded: Degraded,
        out: &mut Outbox,
    ) {
        let Some(Burst { first, last, .. }) = group.burst else { return };
        let features = measured.features(self);
        let score = features.score();
        let mut conditions = measured.conditions(self);
        conditions.push(needs("score", score, AtLeast(self.score_min)));
        conditions.push(self.repeats(group.bursts, measured));
        let alert = Alert {
            participants: owner.into_iter().fold(Participants::none(), Participants::with),
            first_seq: first.seq,
            last_seq: last.seq,
            first_event_at: first.at,
            last_event_at: last.at,
            score,
            degraded,
            episodes: group.bursts,
            features,
            conditions,
            exclusions: Exclusions::none().with(measured.others_surge(self)),
            ..Alert::draft(severity(group.bursts, degraded))
        };
        if score < self.score_min {
            return out.consider(alert);
        }
        group.alerted = group.bursts;
        out.alert(alert);
    }
}

/// Medium; graver from the third burst on, less grave when something makes it uncertain.
fn severity(bursts: u32, degraded: Degraded) -> Severity {
    let severity = if bursts >= 3 { Severity::Medium.raised() } else { Severity::Medium };
    if degraded.is_none() { severity } else { severity.lowered() }
}

/// A participant's group.
fn find<'a>(groups: &'a mut Recent<Group>, who: ParticipantId, out: &mut Outbox) -> &'a mut Group {
    let forgotten = groups.evicted() > 0;
    let begin = || Group::new(forgotten);
    let (group, found) = groups.find_or_begin(who.0.get(), begin, |other| other.renew(forgotten));
    if found == Found::Evicting {
        out.fault(Fault::Evicted);
    }
    group
}

fn needs(name: &'static str, value: f64, limit: Limit) -> Condition {
    Condition { name, value, limit }
}

/// What a burst comes to so far.
struct Measured {
    rate_per_s: f64,
    /// The rate that made it a burst, or would have.
    rate_min: f64,
    touch_changes_5s: f64,
    cancel_share: f64,
    execution_ratio: f64,
    life_ms: f64,
    message_share: f64,
    others_z: f64,
    /// The others' share of the last second's messages.
    others_share: f64,
    messages: f64,
}

impl Measured {
    /// None while there is too little to measure anything by.
    fn of(idea: &QuoteStuffing, group: &Group, traffic: &Traffic) -> Option<Self> {
        let burst = group.burst.as_ref()?;
        let totals = group.counts_of(burst);
        if totals.orders < idea.orders_min || totals.lives.count() < idea.orders_min {
            return None;
        }
        let orders = f64::from(totals.orders);
        let others = traffic.messages_1s().saturating_sub(group.messages_1s());
        Some(Self {
            rate_per_s: f64::from(burst.rate_per_s),
            rate_min: f64::from(burst.rate_min),
            touch_changes_5s: f64::from(burst.touch_changes_5s),
            cancel_share: (f64::from(totals.taken_back) / orders).min(1.0),
            execution_ratio: f64::from(totals.executions) / orders,
            life_ms: totals.lives.median()? * idea.life_max_ms as f64,
            message_share: f64::from(totals.messages) / f64::from(totals.of_all.max(1)),
            others_z: traffic.z_of(others),
            others_share: f64::from(others) / f64::from(traffic.messages_1s().max(1)),
            messages: f64::from(totals.messages),
        })
    }

    /// Every mandatory condition; the triggers have fired already.
    fn holds(&self, idea: &QuoteStuffing) -> bool {
        let others_surge =
            self.others_z >= idea.others_z_max && self.others_share >= idea.others_share_min;
        self.cancel_share >= idea.cancel_share_min
            && self.execution_ratio <= idea.execution_ratio_max
            && self.life_ms <= idea.life_max_ms as f64
            && self.message_share >= idea.message_share_min
            && !others_surge
    }

    /// The same, each with its limit: the triggers that fired, and what [`holds`](Self::holds) asks for.
    fn conditions(&self, idea: &QuoteStuffing) -> Conditions {
        let touch_min = f64::from(idea.touch_changes_min_5s);
        let triggers = [
            needs("messages_1s", self.rate_per_s, AtLeast(self.rate_min)),
            needs("touch_changes_5s", self.touch_changes_5s, AtLeast(touch_min)),
        ];
        let ratios = [
            needs("cancel_share", self.cancel_share, AtLeast(idea.cancel_share_min)),
            needs("execution_ratio", self.execution_ratio, AtMost(idea.execution_ratio_max)),
            needs("life_median_ms", self.life_ms, AtMost(idea.life_max_ms as f64)),
            needs("message_share", self.message_share, AtLeast(idea.message_share_min)),
        ];
        let fired = triggers.into_iter().filter(Condition::holds);
        fired.chain(ratios).fold(Conditions::none(), Conditions::with)
    }

    /// The others are quick, too, and are many: either of both not being so keeps it from excusing.
    fn others_surge(&self, idea: &QuoteStuffing) -> Condition {
        if self.others_z >= idea.others_z_max && self.others_share < idea.others_share_min {
            return needs("others_share", self.others_share, AtMost(idea.others_share_min));
        }
        needs("others_z", self.others_z, AtMost(idea.others_z_max))
    }

    /// A trigger that has not fired has no weight: either is enough.
    fn features(&self, idea: &QuoteStuffing) -> Features {
        let touch_min = f64::from(idea.touch_changes_min_5s);
        let fired = |value: f64, min: f64| if value >= min { 1.0 } else { 0.0 };
        let feature = |name, value, low, high, weight| Feature { name, value, low, high, weight };
        let all = [
            feature(
                "messages_1s",
                self.rate_per_s,
                self.rate_min / 2.0,
                self.rate_min * 4.0,
                fired(self.rate_per_s, self.rate_min),
            ),
            feature(
                "touch_changes_5s",
                self.touch_changes_5s,
                touch_min / 2.0,
                touch_min * 2.0,
                fired(self.touch_changes_5s, touch_min),
            ),
            feature("cancel_share", self.cancel_share, 2.0 * idea.cancel_share_min - 1.0, 1.0, 1.0),
            feature(
                "execution_ratio",
                self.execution_ratio,
                2.0 * idea.execution_ratio_max,
                0.0,
                1.0,
            ),
            feature("life_median_ms", self.life_ms, 2.0 * idea.life_max_ms as f64, 0.0, 1.0),
            feature("message_share", self.message_share, idea.message_share_min / 2.0, 1.0, 1.0),
            feature("others_z", self.others_z, idea.others_z_max, 0.0, 1.0),
            feature("burst_messages", self.messages, 0.0, f64::from(idea.burst_messages_min), 0.0),
        ];
        all.into_iter().fold(Features::none(), Features::with)
    }
}

impl Instrument {
    /// Whether the market trades continuously and has settled since it last did not.
    #[inline]
    fn is_watched(&mut self, at: Nanos, view: &View<'_>) -> bool {
        if self.phase == Phase::Unknown {
            self.phase = view.book.map_or(Phase::Unknown, |book| book.phase());
        }
        matches!(self.phase, Phase::Unknown | Phase::Continuous) && at >= self.settled_at
    }
}

impl Snapshot for Instrument {
    const VERSION: u16 = 3;

    fn save(&self, to: &mut Writer) {
        let (subject, venue) = self.ruled.as_ref().map_or((0, 0), |ruled| ruled.name);
        to.u64(subject);
        to.u32(venue);
        to.u8(self.phase as u8);
        to.u64(self.settled_at.0);
        to.bool(self.gap_at.is_some());
        to.u64(self.gap_at.map_or(0, |at| at.0));
        to.part(&self.traffic);
        to.part(&self.nobody);
        to.part(&self.last_told);
        self.groups.save(to);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let name = (from.u64()?, from.u32()?);
        self.ruled.iter_mut().for_each(|ruled| ruled.learn_name(name));
        self.phase = Phase::from_number(from.u8()?);
        self.settled_at = Nanos(from.u64()?);
        let gap = from.bool()?;
        self.gap_at = Some(Nanos(from.u64()?)).filter(|_| gap);
        from.part(&mut self.traffic)?;
        from.part(&mut self.nobody)?;
        from.part(&mut self.last_told)?;
        self.groups.load(from, || Group::new(false))
    }
}
