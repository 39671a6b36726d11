//! How much is happening at all.
//!
//! **What.** One signal over the whole stream, `event_rate`: events per second of event time, told at the
//! end of each period, aligned to the epoch. Silence is told once, as 0, and then no more until events
//! come again. The first period counts from the first event; a period that the stream ends within is
//! not told. So the signals times the period come to the number of events up to the last period's end.
//!
//! **Source.** None needed: a count. It is what capacity planning and coverage alarms look at.
//!
//! **Parameters.** `period_ms` (default 1,000; 1 to 86,400,000).
//!
//! **Known to mislead.** Event time is the latest that any feed has told: a feed whose clock runs ahead
//! moves everybody's events into later periods.

use engine_observer::event::{Kind, Nanos, Reader, Snapshot, SnapshotError, Writer};
use engine_observer::idea::{Idea, Invalid, within};
use engine_observer::{Interest, Observer, Outbox, Parameters, Scope, View};
use serde::Deserialize;

/// The signal; the fields are the parameters.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventRate {
    /// How long events are counted for one signal, in milliseconds. Default 1,000; 1 to 86,400,000.
    pub period_ms: u64,
}

impl Default for EventRate {
    fn default() -> Self {
        Self { period_ms: 1_000 }
    }
}

impl Idea for EventRate {
    const NAME: &'static str = "event_rate";

    fn validate(&self) -> Result<(), Invalid> {
        within("period_ms", self.period_ms, 1..=86_400_000)
    }
}

impl EventRate {
    fn period(&self) -> Nanos {
        Nanos::from_millis(self.period_ms.clamp(1, 86_400_000))
    }

    /// The end of the period that holds `at`.
    fn end_of(&self, at: Nanos) -> Nanos {
        let period = self.period();
        Nanos(at.0 - at.0 % period.0) + period
    }
}

/// The period that is being counted.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counted {
    /// Events in it.
    events: u64,
    /// Whether its end is waited for.
    waiting: bool,
}

impl Observer for EventRate {
    type Memory = Counted;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn scope(&self) -> Scope {
        Scope::Global
    }

    fn interest(&self) -> Interest {
        Interest::in_everything()
    }

    fn parameters(&self, to: &mut Parameters) {
        let Self { period_ms } = self;
        to.set("period_ms", period_ms);
    }

    fn remember(&self) -> Counted {
        Counted::default()
    }

    #[inline]
    fn observe(&self, counted: &mut Counted, view: &View<'_>, out: &mut Outbox) {
        if view.event.kind() == Kind::End {
            return; // nothing happened: the stream is over
        }
        counted.events += 1;
        if !counted.waiting {
            counted.waiting = true;
            out.wake_at(self.end_of(view.now));
        }
    }

    fn on_time(&self, counted: &mut Counted, due: Nanos, out: &mut Outbox) {
        let seconds = self.period().0 as f64 / 1e9;
        out.signal("event_rate", counted.events as f64 / seconds);
        counted.waiting = counted.events > 0;
        counted.events = 0;
        if counted.waiting {
            out.wake_at(due + self.period());
        }
    }
}

impl Snapshot for Counted {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.u64(self.events);
        to.bool(self.waiting);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.events = from.u64()?;
        self.waiting = from.bool()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_observer::Roster;
    use engine_observer::check::{Trial, survives_restarts};
    use engine_observer::event::body::{End, Headline};
    use engine_observer::event::{Event, SubjectId};
    use proptest::prelude::*;

    fn at_ms(ms: u64) -> Event {
        Event::new(SubjectId(ms as u32 % 7), Nanos::from_millis(ms), Headline::new(1))
    }

    fn found(period_ms: u64, times_ms: &[u64]) -> Vec<(u64, f64)> {
        let mut trial = Trial::new(&Roster::new().with(EventRate { period_ms }), Scope::Global);
        trial.show(times_ms.iter().map(|ms| at_ms(*ms)));
        trial.show([Event::new(SubjectId::EVERY, Nanos(0), End::default())]);
        let times = trial.findings().iter().map(|(finding, _)| finding.at.0 / 1_000_000);
        times.zip(trial.signals("event_rate")).collect()
    }

    #[test]
    fn each_period_is_told_at_its_end() {
        assert_eq!(found(1_000, &[10, 500, 999, 1_000, 2_001]), [(1_000, 3.0), (2_000, 1.0)]);
        assert_eq!(found(500, &[10, 499, 500, 1_200]), [(500, 4.0), (1_000, 2.0)]);
    }

    #[test]
    fn silence_is_told_once() {
        assert_eq!(
            found(1_000, &[10, 60_500, 60_600, 62_000]),
            [(1_000, 1.0), (2_000, 0.0), (61_000, 2.0), (62_000, 0.0)]
        );
    }

    #[test]
    fn an_unfinished_period_is_not_told() {
        assert_eq!(found(1_000, &[10, 20, 30]), []);
    }

    proptest! {
        #[test]
        fn no_event_is_lost_and_restarts_do_not_show(
            steps in prop::collection::vec(0..3_000_u64, 1..200),
            cuts in prop::collection::vec(any::<usize>(), 0..4),
        ) {
            let mut ms = 0;
            let times: Vec<u64> = steps.iter().map(|step| { ms += step; ms }).collect();
            let told: f64 = found(1_000, &times).iter().map(|(_, rate)| rate).sum();
            let full = times.iter().filter(|at| **at / 1_000 < ms / 1_000).count();
            prop_assert_eq!(told, full as f64);
            let events: Vec<Event> = times.iter().map(|ms| at_ms(*ms)).collect();
            survives_restarts(&Roster::new().with(EventRate::default()), &events, &cuts);
        }
    }
}
