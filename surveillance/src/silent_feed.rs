//! Feeds that have gone silent: what nobody tells, no pattern can find.
//!
//! **What.** A feed tells nothing for [`silence_s`](SilentFeed::silence_s) although its instruments trade
//! continuously. There are two ways to know:
//! - other feeds go on: so event time does, and a feed that keeps still is overdue;
//! - a live feed says of itself that nothing was received for so long, not even what the venue sends to
//!   show that it is there: a `Gap` for the reason [`Silent`](Fault::Silent). It is an event like others,
//!   so a replay of the journal decides the same.
//!
//! A feed is *trading* while one of its instruments is in continuous trading, or in a phase that nobody
//! has told: a venue that tells no phases trades round the clock. One of which nothing was ever heard
//! counts as trading, where it says so itself.
//!
//! **When.** With the first event of another feed that shows it, looked at once a second; with the `Gap`.
//! Once for each silence: it ends when the feed says anything again.
//!
//! **Known false positives.** Thin instruments without heartbeats, merged with busy ones; files of which
//! one ends before the others do. **Known misses.** Files alone: nothing moves their time.

use crate::desk::kept::{Kept, kept};
use engine_observer::event::body::{Gap, Phase, Status};
use engine_observer::event::{
    Event, Fault, Kind, Nanos, Reader, Snapshot, SnapshotError, SubjectId, Writer,
};
use engine_observer::evidence::{Condition, Limit};
use engine_observer::idea::{Idea, Invalid, within};
use engine_observer::{
    Alert, Feature, Interest, Observer, Outbox, Parameters, Scope, Severity, View,
};
use serde::Deserialize;

/// The watch over feeds; the fields are its parameters.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SilentFeed {
    /// How long a feed may keep still, in seconds; 0 for ever.
    pub silence_s: u64,
}

impl Default for SilentFeed {
    fn default() -> Self {
        Self { silence_s: 60 }
    }
}

impl Idea for SilentFeed {
    const NAME: &'static str = "silent_feed";

    fn validate(&self) -> Result<(), Invalid> {
        within("silence_s", self.silence_s, 0..=86_400)
    }
}

/// What is remembered about all feeds.
#[derive(Default)]
pub struct Feeds {
    /// By source. As many as there are.
    feeds: Vec<Feed>,
    /// By subject: whose it is, and whether it trades. As many as there are.
    subjects: Vec<Option<Instrument>>,
    /// When to look again.
    next_look: Nanos,
}

/// A feed.
#[derive(Clone, Copy, Default)]
struct Feed {
    /// When it told something last; none if it never did.
    last: Option<(Nanos, u64)>,
    /// How many of its instruments trade.
    trading: u32,
    is_told: bool,
}

#[derive(Clone, Copy)]
struct Instrument {
    source: u16,
    trades: bool,
}

kept!(Feeds { feeds, subjects, next_look });
kept!(Feed { last, trading, is_told });
kept!(Instrument { source, trades });

const SECOND: Nanos = Nanos::from_secs(1);

impl Observer for SilentFeed {
    type Memory = Feeds;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn scope(&self) -> Scope {
        Scope::Global
    }

    fn interest(&self) -> Interest {
        match self.silence_s {
            0 => Interest::NONE,
            _ => Interest::in_everything(),
        }
    }

    fn parameters(&self, to: &mut Parameters) {
        to.set("silence_s", self.silence_s);
    }

    fn remember(&self) -> Feeds {
        Feeds::default()
    }

    #[inline]
    fn observe(&self, feeds: &mut Feeds, view: &View<'_>, out: &mut Outbox) {
        let (event, now) = (view.event, view.now);
        let source = usize::from(event.source.0);
        match event.kind() {
            Kind::Gap => {
                if event.body::<Gap>().reason() == Fault::Silent {
                    let feed = feeds.of(source);
                    if feed.last.is_none() || feed.trading > 0 {
                        self.tell(source, feed, now, out);
                    }
                }
                return;
            }
            Kind::End => return,
            Kind::Define => feeds.meet(event),
            Kind::Status => feeds.enter(event),
            _ => {}
        }
        let feed = feeds.of(source);
        (feed.last, feed.is_told) = (Some((now, event.seq)), false);
        if now >= feeds.next_look {
            self.look(feeds, now, out);
        }
    }
}

impl SilentFeed {
    /// Whether somebody is overdue.
    #[cold]
    fn look(&self, feeds: &mut Feeds, now: Nanos, out: &mut Outbox) {
        let silence = Nanos::from_secs(self.silence_s);
        let mut next = now + silence;
        for (source, feed) in feeds.feeds.iter_mut().enumerate() {
            let Some((last, _)) = feed.last.filter(|_| !feed.is_told && feed.trading > 0) else {
                continue;
            };
            if now.since(last) >= silence {
                self.tell(source, feed, now, out);
            } else {
                next = next.min(last + silence);
            }
        }
        feeds.next_look = next.max(now + SECOND);
    }

    #[cold]
    fn tell(&self, source: usize, feed: &mut Feed, now: Nanos, out: &mut Outbox) {
        if std::mem::replace(&mut feed.is_told, true) {
            return;
        }
        let mut alert = Alert::draft(Severity::High);
        let (last, seq) = feed.last.unwrap_or((now, out.seq()));
        (alert.first_seq, alert.last_seq) = (seq, out.seq());
        (alert.first_event_at, alert.last_event_at) = (last, now);
        alert.score = 100.0;
        let silent = now.since(last).0 as f64 / 1e9;
        let limit = self.silence_s as f64;
        alert.features.push(Feature {
            name: "source",
            value: source as f64,
            low: 0.0,
            high: 1.0,
            weight: 0.0,
        });
        let feature = Feature {
            name: "silent_s",
            value: silent,
            low: limit,
            high: 10.0 * limit,
            weight: 1.0,
        };
        alert.features.push(feature);
        if feed.last.is_some() {
            let trading = f64::from(feed.trading);
            let needed = [("silent_s", silent, limit), ("trading_instruments", trading, 1.0)];
            for (name, value, least) in needed {
                alert.conditions.push(Condition { name, value, limit: Limit::AtLeast(least) });
            }
        }
        out.alert(alert);
    }
}

impl Feeds {
    fn of(&mut self, source: usize) -> &mut Feed {
        if source >= self.feeds.len() {
            self.feeds.resize(source + 1, Feed::default());
        }
        &mut self.feeds[source]
    }

    /// An instrument is defined: until somebody says otherwise, it trades. Whose it is stays as it was.
    #[cold]
    fn meet(&mut self, event: &Event) {
        if event.subject == SubjectId::EVERY {
            return;
        }
        let place = event.subject.index();
        if place >= self.subjects.len() {
            self.subjects.resize(place + 1, None);
        }
        if self.subjects[place].is_none() {
            self.subjects[place] = Some(Instrument { source: event.source.0, trades: true });
            self.of(usize::from(event.source.0)).trading += 1;
        }
    }

    /// An instrument, or all of a feed's, enter a phase.
    #[cold]
    fn enter(&mut self, event: &Event) {
        let phase = event.body::<Status>().phase();
        let trades = matches!(phase, Phase::Continuous | Phase::Unknown);
        let Self { feeds, subjects, .. } = self;
        let about: &mut [Option<Instrument>] = if event.subject == SubjectId::EVERY {
            subjects
        } else {
            let place = event.subject.index().min(subjects.len());
            let end = (place + 1).min(subjects.len());
            &mut subjects[place..end]
        };
        let own = about.iter_mut().flatten().filter(|one| one.source == event.source.0);
        for one in own.filter(|one| one.trades != trades) {
            one.trades = trades;
            let trading = &mut feeds[usize::from(one.source)].trading;
            *trading = if trades { *trading + 1 } else { trading.saturating_sub(1) };
        }
    }
}

impl Snapshot for Feeds {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        self.keep(to);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        *self = Self::restore(from)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
