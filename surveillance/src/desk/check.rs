//! How patterns are tested: what they find in a story, and the check that each condition matters.

use super::Desk;
use super::pattern::Pattern;
use super::story::account;
pub(crate) use super::story::{MS, S, Story};
use engine_observer::check::{Trial, survives_restarts};
use engine_observer::event::body::Order;
use engine_observer::event::{Event, Flags, Kind, Nanos, OrderId, Side, SubjectId};
use engine_observer::{Alert, Roster, Scope};

impl Story {
    fn roster(&self, pattern: impl Pattern, ignored: Option<&'static str>) -> Roster {
        let mut desk = Desk { ignored, ..Desk::default() };
        desk.seat(pattern);
        Roster::new().with(desk)
    }

    /// The alerts that a pattern raises over it, and a day after.
    pub(crate) fn alerts(&self, pattern: impl Pattern) -> Vec<Alert> {
        self.alerts_but_for(pattern, None)
    }

    fn alerts_but_for(&self, pattern: impl Pattern, ignored: Option<&'static str>) -> Vec<Alert> {
        self.alerts_of(&self.roster(pattern, ignored))
    }

    fn alerts_of(&self, roster: &Roster) -> Vec<Alert> {
        let mut trial = Trial::new(roster, Scope::Subject);
        let events = self.events();
        let last = events.last().map_or(0, |event| event.event_at.0);
        trial.show(events);
        let after = Order::gone(OrderId(u64::MAX)).owned_by(account(199));
        let after = Event::new(SubjectId(0), Nanos(last + 4 * 3_600 * S), after);
        trial.show([after.with_kind(Kind::Delete).with_flags(Flags::of(Side::Buy))]);
        trial.alerts()
    }

    /// The alerts of several patterns at one desk.
    pub(crate) fn alerts_at(&self, seat: impl FnOnce(&mut Desk)) -> Vec<Alert> {
        let mut desk = Desk::default();
        seat(&mut desk);
        self.alerts_of(&Roster::new().with(desk))
    }

    /// Who is named by the alerts that a pattern raises.
    pub(crate) fn suspects(&self, pattern: impl Pattern) -> Vec<u32> {
        let alerts = self.alerts(pattern);
        let named = alerts.iter().flat_map(|alert| alert.participants.iter());
        let mut named: Vec<_> = named.map(|who| who.0.get()).collect();
        named.sort_unstable();
        named.dedup();
        named
    }
}

/// Panics unless no near miss raises an alert, and each of the pattern's conditions is what keeps at least
/// one of them from it.
pub(crate) fn each_condition_matters<P: Pattern>(pattern: &P, near_misses: &[(&str, Story)]) {
    for (name, story) in near_misses {
        let alerts = story.alerts(pattern.clone());
        assert!(alerts.is_empty(), "{name} raises {}: {:?}", P::NAME, alerts[0]);
    }
    for condition in P::CONDITIONS {
        let fires = |(_, story): &&(&str, Story)| {
            !story.alerts_but_for(pattern.clone(), Some(condition)).is_empty()
        };
        assert!(
            near_misses.iter().any(|story| fires(&story)),
            "{}: without {condition} every near miss is still none",
            P::NAME
        );
    }
}

/// Panics unless a pattern that is saved and loaded in the middle of the story, at several places, finds
/// what it finds undisturbed.
pub(crate) fn survives(pattern: impl Pattern, story: &Story) {
    let events = story.events();
    let cuts: Vec<_> = (1..8).map(|eighth| events.len() - events.len() / 16 * eighth / 8).collect();
    survives_restarts(&story.roster(pattern, None), &events, &cuts);
}
