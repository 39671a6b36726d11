//! P38, unexecuted orders: too many messages for what is traded. Not abuse, but a rule of venues.
//!
//! **What.** Of a person, in an instrument, on a day (UTC): messages for each trade, less 1, against the
//! venue's maximum ([`number_max`](OrderRatio::number_max)), and the same in quantity
//! ([`volume_max`](OrderRatio::volume_max)). Entering an order, changing it and taking it away are a
//! message each, of its quantity, of its new one, of what was taken away. Whoever has not traded is taken
//! to have traded once. The alert comes at [`warn_share`](OrderRatio::warn_share) of either maximum, and
//! again beyond it, from [`messages_min`](OrderRatio::messages_min) messages of the day on.
//!
//! **Excused.** Cancellations count in continuous trading alone: what is taken away after an auction, or
//! in a halt, is not the member's wish. Nothing counts before the first trade of a day, anybody's: where
//! the market has not opened nobody could have traded.
//!
//! **When.** With the message.
//!
//! **Score.** How much of each maximum is used, most of all of the one that is used more.
//!
//! **Source.** Delegated Regulation (EU) 2017/566 (RTS 9). The form of both ratios is general knowledge,
//! to be checked against its Article 3 and its annex, which counts some kinds of orders twice. The maxima
//! are the venue's to set; the defaults are judgement.
//!
//! **Known false positives.** Makers of instruments in which nobody trades, for whom venues set larger
//! maxima; cancellations after a lost connection. **Known misses.** Quotes that the feed does not tell as
//! orders; members with several persons here.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::remembered::Remembered;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::event::Nanos;
use engine_observer::evidence::Limit::AtLeast;
use engine_observer::evidence::Part;
use engine_observer::{Degraded, Severity};

parameters! {
    /// The detector; the fields are its parameters.
    pub struct OrderRatio = "P38" {
        /// The venue's maximum of messages for each trade, less 1.
        number_max: f64 = 250.0, 0.1..=1000000.0, "", Judgement;
        /// The same for quantities.
        volume_max: f64 = 500.0, 0.1..=1000000.0, "", Judgement;
        /// The share of a maximum that is told.
        warn_share: f64 = 0.8, 0.01..=1.0, "", Judgement;
        /// Messages of a day from which the ratio says something.
        messages_min: u32 = 1000, 1..=100000000, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 20.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    /// The day of the latest trade, anybody's.
    traded_on: u64,
    of: Remembered<Person, Session, PERSONS_MAX>,
    warnings: Tally,
    breaches: Tally,
}

/// What a person did on a day.
#[derive(Clone, Copy, Default)]
struct Session {
    day: u64,
    messages: u64,
    quantity: u64,
    trades: u64,
    traded: u64,
    begun_seq: u64,
    begun_at: Nanos,
    /// 0 nothing, 1 a warning, 2 a breach.
    told: u32,
}

kept!(Memory { traded_on, of, warnings, breaches });
kept!(Session { day, messages, quantity, trades, traded, begun_seq, begun_at, told });

/// Persons that are remembered.
const PERSONS_MAX: usize = 4_096;
const DAY: u64 = 86_400_000_000_000;

impl Pattern for OrderRatio {
    type Memory = Memory;

    const WANTS: &'static [What] = &What::DEEDS;

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &["messages", "of_maximum"];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        let day = deed.at.0 / DAY;
        if deed.is_trade() {
            memory.traded_on = day;
            for who in [deed.owner, deed.aggressor].into_iter().flatten() {
                let session = memory.of.of(who.person, deed.at);
                session.renew(deed);
                session.trades += 1;
                session.traded = session.traded.saturating_add(deed.quantity);
            }
            return;
        }
        let Some(owner) = deed.owner else { return };
        let is_open = memory.traded_on == day;
        if !is_open || deed.what == What::Cancel && !scene.market.is_continuous() {
            return;
        }
        let session = memory.of.of(owner.person, deed.at);
        session.renew(deed);
        session.messages += 1;
        session.quantity = session.quantity.saturating_add(deed.quantity);
        let session = *session;
        let may_matter =
            session.messages >= u64::from(self.messages_min) && self.level(&session) > session.told;
        if may_matter || bench.is_asked(owner.person) {
            self.judge(memory, (owner.person, session), deed, scene, bench);
        }
    }
}

impl Session {
    fn renew(&mut self, deed: &Deed) {
        let day = deed.at.0 / DAY;
        if self.day != day {
            *self = Self { day, begun_seq: deed.seq, begun_at: deed.at, ..Self::default() };
        }
    }

    /// By number, and by quantity.
    fn ratios(&self) -> (f64, f64) {
        let of = |orders: u64, trades: u64| (orders as f64 / trades.max(1) as f64 - 1.0).max(0.0);
        // Who has not traded is taken to have traded one order of mean size.
        let mean = self.quantity / self.messages.max(1);
        let traded = if self.trades == 0 { mean } else { self.traded };
        (of(self.messages, self.trades), of(self.quantity, traded))
    }
}

impl OrderRatio {
    /// How much of a maximum is used, of the one that is used more.
    fn of_maximum(&self, session: &Session) -> f64 {
        let (number, volume) = session.ratios();
        (number / self.number_max).max(volume / self.volume_max)
    }

    fn level(&self, session: &Session) -> u32 {
        match self.of_maximum(session) {
            used if used > 1.0 => 2,
            used if used >= self.warn_share => 1,
            _ => 0,
        }
    }

    fn judge(
        &self,
        memory: &mut Memory,
        (person, session): (Person, Session),
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let level = self.level(&session);
        let needed = if level == 2 { 1.0 } else { self.warn_share };
        let (number, volume) = session.ratios();
        let mut case = bench.suspect(scene, person, Severity::Low);
        case.needs("messages", session.messages as f64, AtLeast(f64::from(self.messages_min)));
        case.needs("of_maximum", self.of_maximum(&session), AtLeast(needed));
        // Told already, unless it has become worse.
        if !case.holds() || level.max(1) <= session.told {
            return bench.pass_over(&case);
        }
        memory.of.of(person, deed.at).told = level.max(1);
        case.weighs("of_maximum", self.of_maximum(&session), 0.0, 1.0);
        case.weighs_as("number", number, 0.0, self.number_max, 0.25);
        case.weighs_as("volume", volume, 0.0, self.volume_max, 0.25);
        case.begins(session.begun_seq, session.begun_at);
        case.deed(Part::Reference, deed);
        case.degrade(Degraded::MEMORY.when(memory.of.is_forgetful()));
        let tally = if level == 2 { &mut memory.breaches } else { &mut memory.warnings };
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, tally, repeats);
    }
}
