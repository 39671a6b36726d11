//! Canaries: whether each pattern still answers to what it must answer to.
//!
//! **What.** Every pattern that has one is shown its standard episode
//! ([`Pattern::canary`](crate::desk::pattern::Pattern::canary)) for each venue that was met: in a panel
//! beside the real one, with books, memory and outbox of its own, under the parameters that hold for that
//! venue at that time of day. Its instrument has a name and a venue number that nothing real has, and what
//! is found there goes nowhere. A pattern that raises no alert over it is told: `canary`, once a day for
//! each pattern and venue. So a parameter that makes a pattern blind to the standard episode is found,
//! and so is a pattern that was broken.
//!
//! **When.** Each pattern at each venue once in [`every_s`](Canary::every_s) of event time, spread out.
//! Each wake shows [`SLICE`] events at most, so that nothing waits for long; the next ones are shown when
//! event time has moved on. Time in which nothing happened is not caught up with.
//!
//! **Found.** A signal for each canary, `canary_answered_P01` with the score of the alert, or
//! `canary_missed_P01`: a running daemon counts them. An alert for what is missed, with the pattern's
//! number and the venue's as features.
//!
//! **Not seen.** Parameters of rules that name an instrument: a canary is none of them. Feeds: a pattern
//! that is shown nothing real is the matter of [`silent_feed`](crate::silent_feed).

use crate::desk::Desk;
use crate::desk::kept::{Kept, kept};
use crate::desk::story::Story;
use crate::market::QuoteStuffing;
use engine_observer::book::Bounds;
use engine_observer::event::{
    Definition, Event, Fault, Kind, Nanos, Reader, Snapshot, SnapshotError, Writer,
};
use engine_observer::evidence::{Condition, Limit};
use engine_observer::idea::{Idea, Invalid, within};
use engine_observer::{
    Alert, Feature, Interest, Observer, Outbox, Panel, Parameters, Roster, Scope, Severity, View,
};
use serde::Deserialize;
use std::sync::Arc;

/// The watch over patterns; the fields are its parameters.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Canary {
    /// Seconds from one canary of a pattern at a venue to the next; 0 for never.
    pub every_s: u64,
    #[serde(skip)]
    charges: Arc<[Charge]>,
}

impl Default for Canary {
    fn default() -> Self {
        Self { every_s: 3_600, charges: Arc::from([]) }
    }
}

/// A pattern that is watched over.
#[derive(Clone)]
pub(crate) struct Charge {
    name: &'static str,
    /// What its canaries are counted as.
    answered: &'static str,
    missed: &'static str,
    parameters: u64,
    /// It alone, with the parameters that it has in earnest.
    roster: Roster,
    story: Arc<dyn Fn() -> Option<Story> + Send + Sync>,
}

/// Venues that are told apart; those that are met later have no canaries.
const VENUES_MAX: usize = 64;
/// Events that are shown in one wake.
const SLICE: usize = 256;
/// Room for one story.
const BOUNDS: Bounds = Bounds { orders_max: 4_096, subjects_max: 1 };
const DAY_NS: u64 = 86_400_000_000_000;

impl Canary {
    /// The same, for the patterns of a desk, and P06 beside it.
    pub(crate) fn of(mut self, desk: &Desk, stuffing: Option<QuoteStuffing>) -> Self {
        let beside = stuffing.map(|stuffing| {
            let name = <QuoteStuffing as Idea>::NAME;
            Charge {
                name,
                answered: words(name).0,
                missed: words(name).1,
                parameters: Parameters::of(&stuffing).hash(),
                roster: Roster::new().with(stuffing.clone()),
                story: Arc::new(move || stuffing.canary()),
            }
        });
        let charges = desk.seats().map(|seat| Charge {
            name: seat.name(),
            answered: words(seat.name()).0,
            missed: words(seat.name()).1,
            parameters: seat.parameters().hash(),
            roster: Roster::new().with(desk.with_one(&seat)),
            story: Arc::new(move || seat.canary()),
        });
        let all = charges.chain(beside);
        self.charges = all.filter(|charge| (charge.story)().is_some()).collect();
        self
    }

    /// From one wake to the next.
    fn interval(&self, venues: usize) -> Nanos {
        let canaries = (self.charges.len() * venues).max(1) as u64;
        Nanos((self.every_s * 1_000_000_000 / canaries).max(1_000_000_000))
    }
}

impl Idea for Canary {
    const NAME: &'static str = "canary";

    fn validate(&self) -> Result<(), Invalid> {
        within("every_s", self.every_s, 0..=7 * 86_400)
    }
}

/// What is remembered: whose turn it is, and what is under way.
pub struct Watched {
    charges: Arc<[Charge]>,
    venues: Vec<Venue>,
    /// How many canaries were begun.
    begun: u64,
    /// By pattern and venue: on which day a failure was told last.
    told: Vec<(usize, usize, u64)>,
    run: Option<Run>,
}

#[derive(Clone, Copy)]
struct Venue {
    number: u16,
    tag: u32,
}

kept!(Venue { number, tag });

/// A canary under way.
struct Run {
    charge: usize,
    venue: usize,
    begun_at: Nanos,
    /// The event that let it begin.
    begun_seq: u64,
    events: Vec<Event>,
    shown: usize,
    panel: Panel,
    out: Outbox,
    /// The score of the alert.
    answered: Option<f64>,
}

impl Observer for Canary {
    type Memory = Watched;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn scope(&self) -> Scope {
        Scope::Global
    }

    fn interest(&self) -> Interest {
        Interest::in_kinds(&[Kind::Define])
    }

    fn parameters(&self, to: &mut Parameters) {
        to.set("every_s", self.every_s);
        for charge in self.charges.iter() {
            to.set(charge.name, format_args!("{:016x}", charge.parameters));
        }
    }

    fn remember(&self) -> Watched {
        let charges = self.charges.clone();
        Watched { charges, venues: Vec::new(), begun: 0, told: Vec::new(), run: None }
    }

    /// A venue may be new.
    fn observe(&self, watched: &mut Watched, view: &View<'_>, out: &mut Outbox) {
        let definition: Definition = view.event.body();
        let venue = Venue { number: definition.venue.0, tag: definition.venue_tag() };
        let is_same = |known: &Venue| (known.number, known.tag) == (venue.number, venue.tag);
        if self.charges.is_empty() || watched.venues.iter().any(is_same) {
            return;
        }
        if watched.venues.len() == VENUES_MAX {
            return out.fault(Fault::Evicted);
        }
        watched.venues.push(venue);
        out.wake_at(view.now + self.interval(watched.venues.len()));
    }

    fn on_time(&self, watched: &mut Watched, _: Nanos, out: &mut Outbox) {
        let (now, seq) = (out.now(), out.seq());
        let Some(mut run) = watched.run.take() else {
            watched.run = watched.begin(now, seq);
            return out.wake_at(now + Nanos(1));
        };
        if !run.goes_on(watched.charges[run.charge].name, SLICE) {
            watched.run = Some(run);
            return out.wake_at(now + Nanos(1));
        }
        watched.judge(&run, out);
        let next = run.begun_at + self.interval(watched.venues.len());
        out.wake_at(next.max(now + Nanos(1)));
    }
}

impl Watched {
    /// The next pattern's canary, or the same pattern's at the next venue.
    fn begin(&mut self, now: Nanos, seq: u64) -> Option<Run> {
        let turn = (self.begun % (self.charges.len() * self.venues.len()) as u64) as usize;
        self.begun += 1;
        let (charge, venue) = (turn / self.venues.len(), turn % self.venues.len());
        self.run((charge, venue), now, seq)
    }

    fn run(&self, (charge, venue): (usize, usize), now: Nanos, seq: u64) -> Option<Run> {
        let Charge { roster, story, .. } = self.charges.get(charge)?;
        Some(Run {
            charge,
            venue,
            begun_at: now,
            begun_seq: seq,
            events: story()?.told_at(now, self.venues.get(venue)?.tag),
            shown: 0,
            panel: Panel::new(roster, Scope::Subject, BOUNDS),
            out: Outbox::new(),
            answered: None,
        })
    }

    /// Tells how a canary came out.
    fn judge(&mut self, run: &Run, out: &mut Outbox) {
        let charge = &self.charges[run.charge];
        if let Some(score) = run.answered {
            return out.signal(charge.answered, score);
        }
        out.signal(charge.missed, 0.0);
        let day = run.begun_at.0 / DAY_NS;
        let same = |one: &&mut (usize, usize, u64)| (one.0, one.1) == (run.charge, run.venue);
        match self.told.iter_mut().find(same) {
            Some((.., told)) if *told == day => return,
            Some((.., told)) => *told = day,
            None => self.told.push((run.charge, run.venue, day)),
        }
        let mut alert = Alert::draft(Severity::High);
        (alert.first_seq, alert.last_seq) = (run.begun_seq, out.seq());
        (alert.first_event_at, alert.last_event_at) = (run.begun_at, out.now());
        alert.score = 100.0;
        let number = charge.name.trim_start_matches('P').parse().unwrap_or(0.0);
        let venue = f64::from(self.venues[run.venue].number);
        for (name, value) in [("pattern", number), ("venue", venue)] {
            alert.features.push(Feature { name, value, low: 0.0, high: 1.0, weight: 0.0 });
        }
        let limit = Limit::AtMost(0.0);
        alert.conditions.push(Condition { name: "canary_alerts", value: 0.0, limit });
        out.alert(alert);
    }
}

impl Run {
    /// Shows so many more events. Whether it is over: the pattern has answered, or nothing is left.
    fn goes_on(&mut self, pattern: &str, most: usize) -> bool {
        let end = (self.shown + most).min(self.events.len());
        while self.shown < end && self.answered.is_none() {
            let mut event = self.events[self.shown];
            self.shown += 1;
            event.seq = self.shown as u64;
            self.panel.observe(&event, &mut self.out);
            let alerts = self.out.contents().1.iter().filter(|alert| alert.pattern == pattern);
            self.answered = alerts.map(|alert| alert.score).reduce(f64::max);
            self.out.clear();
        }
        self.answered.is_some() || self.shown == self.events.len()
    }
}

impl Snapshot for Watched {
    const VERSION: u16 = 1;

    /// Of a canary under way only how far it is: what it led to comes again with it.
    fn save(&self, to: &mut Writer) {
        self.venues.keep(to);
        self.begun.keep(to);
        self.told.keep(to);
        let place = |run: &Run| (run.charge, run.venue, run.begun_at, run.begun_seq);
        self.run.as_ref().map(|run| (place(run), run.shown)).keep(to);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.venues = Kept::restore(from)?;
        self.begun = Kept::restore(from)?;
        self.told = Kept::restore(from)?;
        let at = from.position();
        let run: Option<((usize, usize, Nanos, u64), usize)> = Kept::restore(from)?;
        self.run = None;
        if let Some(((charge, venue, begun_at, begun_seq), shown)) = run {
            let again = self.run((charge, venue), begun_at, begun_seq);
            let mut again = again.ok_or(SnapshotError::Mismatch { at })?;
            again.goes_on(self.charges[charge].name, shown);
            self.run = Some(again);
        }
        Ok(())
    }
}

/// What a pattern's canaries are counted as: answered, missed.
fn words(pattern: &str) -> (&'static str, &'static str) {
    macro_rules! words {
        ($($pattern:literal)*) => {
            match pattern {
                $($pattern => {
                    (concat!("canary_answered_", $pattern), concat!("canary_missed_", $pattern))
                })*
                _ => ("canary_answered", "canary_missed"),
            }
        };
    }
    words! {
        "P01" "P02" "P03" "P04" "P05" "P06" "P07" "P08" "P09" "P10" "P11" "P12" "P13" "P14" "P15"
        "P16" "P17" "P18" "P19" "P20" "P21" "P22" "P23" "P24" "P25" "P26" "P27" "P28" "P29" "P30"
        "P31" "P32" "P33" "P34" "P35" "P36" "P37" "P38"
    }
}

#[cfg(test)]
mod tests;
