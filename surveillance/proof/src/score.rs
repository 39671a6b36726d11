//! Alerts held against labels: which campaigns were found, what was alerted besides, and how late.
//!
//! A positive is found if an alert of its pattern and instrument names one of its accounts and was raised
//! while it went on, or within a [grace](grace_s) after it: being right too late finds nothing, and a near
//! miss fires by the same rule. Another pattern's campaign is told from nothing more generously: it is
//! enough that what the alert rests on, from its first event to the moment it was raised, began before the
//! campaign was over. A ratio that is kept over a day is of all that somebody did in it. What else an alert can be: about a near miss
//! (then it has fired), about a campaign that came to nothing (then it counts neither way), about another
//! pattern's campaign (cross-fire, which is listed), or about nothing that was injected (background,
//! which is not called false, since nobody knows).
//!
//! Intervals hold 95 % and come from resampling campaigns, each with its alerts; an alert about nothing is
//! a unit of its own. The background's count is resampled as Poisson's law has it.

mod resample;

use crate::label::{Class, Label};
use engine_event::Nanos;
use resample::{Interval, Resampler};
use std::collections::BTreeMap;

pub use resample::Interval as Range;

/// An alert, as far as it matters here.
#[derive(Clone, PartialEq, Debug)]
pub struct Alert {
    /// Its own id. What is told again under the same id is the same alert.
    pub id: String,
    /// `P01`.
    pub pattern: String,
    /// The instrument.
    pub subject: String,
    /// Who is named.
    pub participants: Vec<String>,
    /// When the first event was that it rests on.
    pub first_at: Nanos,
    /// When it was raised, in event time.
    pub raised_at: Nanos,
    /// `high`.
    pub severity: String,
    /// How many episodes it has come to.
    pub episodes: u64,
}

/// How alerts are held against labels.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Settings {
    /// Order events of the tape, if known.
    pub events: Option<u64>,
    /// Seconds after a campaign in which an alert still finds it, unless its pattern needs more.
    pub grace_s: u64,
    /// How often everything is resampled.
    pub bootstrap: u32,
    /// What the resampling follows from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { events: None, grace_s: 60, bootstrap: 1000, seed: 1 }
    }
}

/// Patterns that are decided later than a minute after the last act, by their definition, and how many
/// seconds they get.
pub const GRACES: [(&str, u64); 10] = [
    ("P05", 120),
    ("P07", 660),
    ("P11", 1860),
    ("P14", 900),
    ("P15", 1860),
    ("P16", 1860),
    ("P18", 600),
    ("P20", 360),
    ("P22", 660),
    ("P35", 1260),
];

/// The grace of a pattern.
pub fn grace_s(pattern: &str, at_least: u64) -> u64 {
    let own = GRACES.iter().find(|(of, _)| *of == pattern).map_or(0, |(_, grace)| *grace);
    own.max(at_least)
}

/// A share with its interval: so many of so many.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Share {
    /// How many.
    pub hits: u64,
    /// Of how many.
    pub of: u64,
    /// Where the share lies with 95 %; none of nothing.
    pub range: Option<Interval>,
}

impl Share {
    /// The share; none of nothing.
    pub fn value(&self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }
}

/// How late alerts were, in nanoseconds of event time. Negative: before the deciding event.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Delay {
    /// Half are not later.
    pub median: i64,
    /// 95 % are not later.
    pub p95: i64,
    /// None is later.
    pub max: i64,
    /// Where the median lies with 95 %.
    pub range: Interval,
}

/// What nothing was injected for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Background {
    /// Alerts.
    pub alerts: u64,
    /// Those that are high or above, and come of three episodes or more.
    pub escalated: u64,
    /// Alerts per 10,000 order events, with an interval.
    pub per_10_000: Option<(f64, Interval)>,
    /// The same of escalated ones.
    pub escalated_per_10_000: Option<(f64, Interval)>,
}

/// A pattern's figures.
#[derive(Clone, PartialEq, Debug)]
pub struct Figures {
    /// `P01`.
    pub pattern: String,
    /// Positives found, of all severities together.
    pub recall: Share,
    /// By severity, the greatest first.
    pub by_severity: Vec<(f64, Share)>,
    /// By case.
    pub by_case: Vec<(String, Share)>,
    /// Alerts that match a positive, of those that do not belong to another pattern's campaign.
    pub precision: Share,
    /// The fired share of each class of near misses.
    pub near_misses: Vec<(String, Share)>,
    /// Alerts about nothing that was injected.
    pub background: Background,
    /// How late the first alert about a positive was.
    pub delay: Option<Delay>,
    /// Which positives were not found.
    pub missed: Vec<String>,
    /// Which near misses fired.
    pub fired: Vec<String>,
}

/// Everything that came of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// By pattern.
    pub patterns: Vec<Figures>,
    /// Alerts about another pattern's campaign: the alert's pattern, the campaign's, its case, how many.
    pub cross_fire: Vec<(String, String, String, u64)>,
    /// How many alerts there are, each told once.
    pub alerts: u64,
    /// How many labels.
    pub labels: u64,
    /// Of these, broken-off ones.
    pub void: u64,
}

/// What an alert is about.
#[derive(Clone, Copy, PartialEq, Debug)]
enum About {
    /// The label at this place, of the alert's own pattern.
    Own(usize),
    /// One of another pattern.
    Other(usize),
    Nothing,
}

/// Holds alerts against labels.
pub fn score(alerts: &[Alert], labels: &[Label], settings: &Settings) -> Report {
    let alerts = once(alerts);
    let about: Vec<About> =
        alerts.iter().map(|alert| about(alert, labels, settings.grace_s)).collect();
    let mut patterns: Vec<&str> = labels.iter().map(|label| &*label.pattern).collect();
    patterns.extend(alerts.iter().map(|alert| &*alert.pattern));
    patterns.sort_unstable();
    patterns.dedup();
    let mut cross_fire = BTreeMap::<_, u64>::new();
    for (alert, about) in alerts.iter().zip(&about) {
        if let About::Other(label) = *about {
            let of = &labels[label];
            let key = (alert.pattern.clone(), of.pattern.clone(), of.case.clone());
            *cross_fire.entry(key).or_default() += 1;
        }
    }
    let figures = |pattern: &&str| figures(pattern, &alerts, &about, labels, settings);
    Report {
        patterns: patterns.iter().map(figures).collect(),
        cross_fire: cross_fire.into_iter().map(|((a, b, c), n)| (a, b, c, n)).collect(),
        alerts: alerts.len() as u64,
        labels: labels.len() as u64,
        void: labels.iter().filter(|label| label.class == Class::Void).count() as u64,
    }
}

/// The campaign that an alert is about; none, if nothing was injected where it is.
pub fn campaign<'a>(alert: &Alert, labels: &'a [Label], settings: &Settings) -> Option<&'a Label> {
    match about(alert, labels, settings.grace_s) {
        About::Own(place) | About::Other(place) => labels.get(place),
        About::Nothing => None,
    }
}

/// Each alert once: as it was raised first, with the most that was told of it.
fn once(alerts: &[Alert]) -> Vec<Alert> {
    let mut seen: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    let mut all: Vec<Alert> = Vec::with_capacity(alerts.len());
    for alert in alerts {
        let key = (&*alert.pattern, &*alert.subject, &*alert.id);
        match seen.get(&key).filter(|_| !alert.id.is_empty()) {
            Some(&place) => {
                let first = &mut all[place];
                first.first_at = first.first_at.min(alert.first_at);
                first.raised_at = first.raised_at.min(alert.raised_at);
                first.episodes = first.episodes.max(alert.episodes);
                if rank(&alert.severity) > rank(&first.severity) {
                    first.severity.clone_from(&alert.severity);
                }
            }
            None => {
                seen.insert(key, all.len());
                all.push(alert.clone());
            }
        }
    }
    all
}

fn about(alert: &Alert, labels: &[Label], grace: u64) -> About {
    let matches = |label: &Label| {
        let grace = Nanos(
            grace_s(&alert.pattern, grace).max(grace_s(&label.pattern, grace)) * 1_000_000_000,
        );
        let is_timely = alert.raised_at <= label.last_at + grace;
        let rests_on = label.pattern != alert.pattern && alert.first_at <= label.last_at;
        let in_time = alert.raised_at >= label.first_at && (is_timely || rests_on);
        let named = || alert.participants.iter().any(|who| label.participants.contains(who));
        in_time && label.subject == alert.subject && named()
    };
    let all = labels.iter().enumerate().filter(|(_, label)| matches(label));
    // Its own pattern before others', what must alert before what must not.
    let rank = |label: &Label| (label.pattern != alert.pattern, label.class);
    let best = all.min_by_key(|(_, label)| rank(label));
    match best {
        Some((place, label)) if label.pattern == alert.pattern => About::Own(place),
        Some((place, _)) => About::Other(place),
        None => About::Nothing,
    }
}

fn figures(
    pattern: &str,
    alerts: &[Alert],
    about: &[About],
    labels: &[Label],
    settings: &Settings,
) -> Figures {
    let mut resampler = Resampler::new(settings.bootstrap, settings.seed, pattern);
    let mine = || alerts.iter().zip(about).filter(|(alert, _)| alert.pattern == pattern);
    let raised = |label: usize| {
        let own = mine().filter(move |(_, about)| **about == About::Own(label));
        own.map(|(alert, _)| alert.raised_at)
    };
    let of_class = |class: Class| {
        let places = labels.iter().enumerate();
        places.filter(move |(_, label)| label.pattern == pattern && label.class == class)
    };
    let share = |resampler: &mut Resampler, labels: &mut dyn Iterator<Item = (usize, &Label)>| {
        let hits: Vec<bool> = labels.map(|(place, _)| raised(place).next().is_some()).collect();
        resampler.share(&hits)
    };

    let recall = share(&mut resampler, &mut of_class(Class::Positive));
    let mut severities: Vec<f64> =
        of_class(Class::Positive).map(|(_, label)| label.severity).collect();
    severities.sort_by(|a, b| b.total_cmp(a));
    severities.dedup();
    let by_severity = severities.into_iter().map(|severity| {
        let mut of = of_class(Class::Positive).filter(|(_, label)| label.severity == severity);
        (severity, share(&mut resampler, &mut of))
    });
    let by_severity = by_severity.collect();
    let mut by_name = |class: Class| {
        let mut cases: Vec<&str> = of_class(class).map(|(_, label)| &*label.case).collect();
        cases.sort_unstable();
        cases.dedup();
        let shares = cases.into_iter().map(|case| {
            let mut of = of_class(class).filter(|(_, label)| label.case == case);
            (case.to_owned(), share(&mut resampler, &mut of))
        });
        shares.collect::<Vec<_>>()
    };
    let (by_case, near_misses) = (by_name(Class::Positive), by_name(Class::NearMiss));

    let background: Vec<&Alert> =
        mine().filter(|(_, about)| **about == About::Nothing).map(|(alert, _)| alert).collect();
    let mut units: Vec<(u64, u64)> = Vec::new();
    units.extend(of_class(Class::Positive).map(|(place, _)| (raised(place).count() as u64, 0)));
    units.extend(of_class(Class::NearMiss).map(|(place, _)| (0, raised(place).count() as u64)));
    units.extend(background.iter().map(|_| (0, 1)));
    let precision = resampler.ratio(&units);

    let delays = of_class(Class::Positive).filter_map(|(place, label)| {
        let first = raised(place).min()?;
        Some(delay(first, &label.decided_at))
    });
    let delays: Vec<i64> = delays.collect();
    let unfound = |class, fires: bool| {
        let of = of_class(class).filter(|(place, _)| raised(*place).next().is_some() == fires);
        of.map(|(_, label)| label.label.clone()).collect()
    };
    Figures {
        pattern: pattern.to_owned(),
        recall,
        by_severity,
        by_case,
        precision,
        near_misses,
        background: backdrop(&background, settings, &mut resampler),
        delay: resampler.delay(delays),
        missed: unfound(Class::Positive, false),
        fired: unfound(Class::NearMiss, true),
    }
}

/// From the deciding event before it; from the first one if it came earlier.
fn delay(raised: Nanos, decided: &[Nanos]) -> i64 {
    let before = decided.iter().filter(|at| **at <= raised).max();
    let deciding = before.or(decided.first()).copied().unwrap_or(raised);
    raised.0 as i64 - deciding.0 as i64
}

fn backdrop(alerts: &[&Alert], settings: &Settings, resampler: &mut Resampler) -> Background {
    let is_escalated = |alert: &&&Alert| rank(&alert.severity) >= 3 && alert.episodes >= 3;
    let escalated = alerts.iter().filter(is_escalated).count() as u64;
    let mut per_10_000 = |count: u64| {
        let events = settings.events.filter(|events| *events > 0)? as f64;
        let per = 10_000.0 / events;
        let Interval { low, high } = resampler.poisson(count);
        Some((count as f64 * per, Interval { low: low * per, high: high * per }))
    };
    Background {
        alerts: alerts.len() as u64,
        escalated,
        per_10_000: per_10_000(alerts.len() as u64),
        escalated_per_10_000: per_10_000(escalated),
    }
}

/// The order of severities; 0 for one that is none.
fn rank(severity: &str) -> u8 {
    match severity {
        "low" => 1,
        "medium" => 2,
        "high" => 3,
        "critical" | "severe" => 4,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
