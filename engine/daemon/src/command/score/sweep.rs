//! `tapewatch score --sweep`: what another value of a parameter would gain and lose, alert by alert.
//!
//! One pass over the tape: the patterns as they are and those with each of the values look at the same
//! books side by side, and find what `replay` would find with that value in its configuration.

use super::{LabelLine, Score, lines, told};
use crate::config::{Config, Patterns};
use crate::failure::Failure;
use crate::history;
use crate::output::{Moment, Thousands, print};
use anyhow::anyhow;
use engine_book::Bounds;
use engine_event::{Directory, Kind};
use engine_observer::{Found, Outbox, Panel, Roster, Scope};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use surveillance::Plan;
use surveillance_proof::score::{self, Alert, Figures, Report, Settings, Share};
use surveillance_proof::{Class, Label};

/// So many values may be asked for at a time: each is a set of patterns of its own in memory.
const VALUES_MAX: usize = 64;

/// `P01.dominance_min=0.1,0.2`
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pattern: String,
    parameter: String,
    values: Vec<f64>,
}

pub(crate) fn parse(text: &str) -> Result<Asked, String> {
    let wrong = || "a sweep is written P01.PARAMETER=0.1,0.2".to_string();
    let (name, values) = text.split_once('=').ok_or_else(wrong)?;
    let (pattern, parameter) = name.split_once('.').ok_or_else(wrong)?;
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !is_word(pattern) || !is_word(parameter) {
        return Err(wrong());
    }
    let number = |text: &str| text.trim().parse().ok().filter(|value: &f64| value.is_finite());
    let number = |text| number(text).ok_or_else(|| format!("{text:?} is no number"));
    let values = values.split(',').map(number).collect::<Result<_, _>>()?;
    Ok(Asked { pattern: pattern.to_string(), parameter: parameter.to_string(), values })
}

/// A sweep, and what came of it.
struct Sweep<'a> {
    asked: &'a Asked,
    present: Option<f64>,
    /// The places of the values among all that looked on.
    places: Vec<usize>,
}

/// What the patterns found with one set of parameters.
#[derive(Default)]
struct Trial {
    alerts: Vec<Alert>,
}

pub(super) fn run(arguments: &Score) -> Result<(), Failure> {
    let Some(tape) = &arguments.tape else {
        return Err(Failure::usage(anyhow!("--sweep: it needs --tape")));
    };
    let labels = lines(&arguments.labels, LabelLine::into_label)?;
    let config = arguments.config.as_deref();
    let bounds =
        config.map_or(Ok(Bounds::default()), |path| Config::read(path).map(|of| of.bounds))?;
    let patterns = Patterns::read(config)?;
    let wrong = |what: String| Failure::usage(anyhow!("--sweep {what}"));
    let values: usize = arguments.sweep.iter().map(|asked| asked.values.len()).sum();
    if values > VALUES_MAX {
        return Err(wrong(format!("has {values} values in all; at most {VALUES_MAX}")));
    }
    let mut plans = vec![patterns.with(None).map_err(wrong)?];
    let mut sweeps = Vec::new();
    for asked in &arguments.sweep {
        let Asked { pattern, parameter, values } = asked;
        let first = plans.len();
        for value in values {
            let changed = patterns.with(Some((pattern, parameter, *value)));
            let place = format!("{pattern}.{parameter}={value}");
            plans.push(changed.map_err(|what| wrong(format!("{place}: {what}")))?);
        }
        let present = present(&plans[0], asked);
        sweeps.push(Sweep { asked, present, places: (first..plans.len()).collect() });
    }
    let (trials, events) = replay(tape, plans, bounds)?;
    let settings = Settings {
        events: Some(events),
        grace_s: arguments.grace_s,
        bootstrap: arguments.bootstrap,
        seed: arguments.seed,
    };
    let reports = trials.iter().map(|trial| score::score(&trial.alerts, &labels, &settings));
    let held = Held { reports: reports.collect(), trials, labels, settings };
    if arguments.json {
        let all: Vec<_> = sweeps.iter().map(|sweep| held.as_json(sweep)).collect();
        return print(format_args!("{}\n", json!({ "order_events": events, "sweeps": all })));
    }
    let mut text = String::new();
    sweeps.iter().for_each(|sweep| held.tell(sweep, &mut text));
    print(text)
}

/// The value that a parameter has now; none where it is off.
fn present(plan: &Plan, asked: &Asked) -> Option<f64> {
    let (_, own) = plan.parameters().into_iter().find(|(name, _)| *name == asked.pattern)?;
    let own = own.to_string();
    let mut each = own.split_whitespace().filter_map(|word| word.split_once('='));
    each.find(|(name, _)| *name == asked.parameter)?.1.parse().ok()
}

/// What each of the plans finds on a tape, and how many order events that has.
fn replay(tape: &Path, plans: Vec<Plan>, bounds: Bounds) -> Result<(Vec<Trial>, u64), Failure> {
    let (mut roster, mut whose) = (Roster::new(), Vec::new());
    let mut trials = Vec::new();
    for plan in plans {
        plan.join(&mut roster);
        whose.resize(roster.len(), trials.len());
        trials.push(Trial::default());
    }
    let mut panel = Panel::new(&roster, Scope::Subject, bounds);
    let (mut out, mut events) = (Outbox::new(), 0);
    let mut names = Directory::new(bounds.subjects_max);
    let (files, options) = ([tape.to_owned()], feeds::Options::default());
    history::read(&files, &options, false, &mut names, |event, names| {
        use Kind::{Add, Delete, Execute, Modify, Reduce, Replace};
        let is_order = matches!(event.kind(), Add | Modify | Reduce | Delete | Replace | Execute);
        events += u64::from(is_order);
        panel.observe(event, &mut out);
        let (findings, alerts) = out.contents();
        let found = findings.iter().filter(|finding| matches!(finding.found, Found::Alert));
        for (finding, alert) in found.zip(alerts) {
            let place = &finding.place;
            let who = alert.participants.iter().map(|who| names.participants.name(*who));
            trials[whose[usize::from(place.observer)]].alerts.push(Alert {
                id: format!("{:016x}", alert.id(place)),
                pattern: alert.pattern.to_string(),
                subject: names.name(place.subject).to_string(),
                participants: who.map(|who| who.unwrap_or("?").to_string()).collect(),
                first_at: alert.first_event_at,
                raised_at: finding.at,
                severity: alert.severity.word().to_string(),
                episodes: u64::from(alert.episodes),
            });
        }
        out.clear();
        Ok(())
    })?;
    Ok((trials, events))
}

/// Everything that was found, held against the labels. The first of all is the present.
struct Held {
    trials: Vec<Trial>,
    reports: Vec<Report>,
    labels: Vec<Label>,
    settings: Settings,
}

/// What a value changes.
struct Changes<'a> {
    /// Labels that must alert, and now do; and that do no more.
    found: Vec<&'a Label>,
    lost: Vec<&'a Label>,
    /// The same of labels that must not alert.
    fired: Vec<&'a Label>,
    silenced: Vec<&'a Label>,
    appeared: Vec<&'a Alert>,
    vanished: Vec<&'a Alert>,
}

impl Held {
    fn figures(&self, place: usize, pattern: &str) -> Option<&Figures> {
        self.reports[place].patterns.iter().find(|of| of.pattern == pattern)
    }

    fn changes(&self, place: usize, pattern: &str) -> Changes<'_> {
        let names = |place: usize, of: fn(&Figures) -> &Vec<String>| {
            let figures = self.figures(place, pattern);
            figures.map_or(BTreeSet::new(), |figures| of(figures).iter().collect())
        };
        let only = |here: usize, there: usize, of: fn(&Figures) -> &Vec<String>| {
            let here: BTreeSet<_> = &names(here, of) - &names(there, of);
            self.labels.iter().filter(|label| here.contains(&label.label)).collect()
        };
        // An alert's id tells its parameters, too: what it is about tells whether it is the same.
        let key = |alert: &Alert| {
            let Alert { pattern, subject, participants, raised_at, .. } = alert;
            (pattern.clone(), subject.clone(), participants.clone(), *raised_at)
        };
        let alerts = |here: usize, there: usize| {
            let there: BTreeSet<_> = self.trials[there].alerts.iter().map(key).collect();
            let here = self.trials[here].alerts.iter();
            here.filter(|alert| !there.contains(&key(alert))).collect()
        };
        Changes {
            found: only(0, place, |of| &of.missed),
            lost: only(place, 0, |of| &of.missed),
            fired: only(place, 0, |of| &of.fired),
            silenced: only(0, place, |of| &of.fired),
            appeared: alerts(place, 0),
            vanished: alerts(0, place),
        }
    }

    /// What an alert is about.
    fn about(&self, alert: &Alert) -> Option<&Label> {
        score::campaign(alert, &self.labels, &self.settings)
    }

    fn as_json(&self, sweep: &Sweep<'_>) -> Value {
        let Asked { pattern, parameter, values } = sweep.asked;
        let share = |of: &Share| {
            let range = of.range.map(|of| [of.low, of.high]);
            json!({ "hits": of.hits, "of": of.of, "share": of.value(), "range": range })
        };
        let figures = |place: usize| {
            self.figures(place, pattern).map(|of| {
                let background = &of.background;
                json!({
                    "recall": share(&of.recall),
                    "precision": share(&of.precision),
                    "near_misses_fired": share(&fired(of)),
                    "background": {
                        "alerts": background.alerts,
                        "escalated": background.escalated,
                        "per_10000": background.per_10_000.map(|(rate, _)| rate),
                    },
                })
            })
        };
        let named = |labels: Vec<&Label>| -> Vec<_> {
            labels.into_iter().map(|label| label.label.clone()).collect()
        };
        let told = |alerts: Vec<&Alert>| -> Vec<_> {
            let told = alerts.into_iter().map(|alert| {
                let about = self.about(alert);
                json!({
                    "id": alert.id,
                    "pattern": alert.pattern,
                    "subject": alert.subject,
                    "participants": alert.participants,
                    "raised_at": alert.raised_at.0,
                    "severity": alert.severity,
                    "episodes": alert.episodes,
                    "label": about.map(|label| &label.label),
                    "class": about.map(|label| label.class.word()),
                })
            });
            told.collect()
        };
        let values = values.iter().zip(&sweep.places).map(|(value, place)| {
            let changes = self.changes(*place, pattern);
            json!({
                "value": value,
                "figures": figures(*place),
                "found": named(changes.found),
                "lost": named(changes.lost),
                "fired": named(changes.fired),
                "silenced": named(changes.silenced),
                "appeared": told(changes.appeared),
                "vanished": told(changes.vanished),
            })
        });
        json!({
            "pattern": pattern,
            "parameter": parameter,
            "present": { "value": sweep.present, "figures": figures(0) },
            "values": values.collect::<Vec<_>>(),
        })
    }

    fn tell(&self, sweep: &Sweep<'_>, text: &mut String) {
        let Asked { pattern, parameter, values } = sweep.asked;
        let present = sweep.present.map_or("off".to_string(), |value| value.to_string());
        let events = Thousands(self.settings.events.unwrap_or(0));
        let labels = self.labels.len();
        let _ = writeln!(
            text,
            "{pattern}.{parameter}, now {present}: {labels} labels, {events} order events"
        );
        let mut row = |name: &str, [recall, precision, fired, background]: [&str; 4]| {
            let line =
                format!("  {name:<12} {recall:<28} {precision:<28} {fired:<14} {background}");
            let _ = writeln!(text, "{}", line.trim_end());
        };
        row("", ["recall", "precision", "near misses", "background per 10,000"]);
        let rows = values.iter().map(f64::to_string).zip(sweep.places.iter().copied());
        for (name, place) in [(format!("{present} now"), 0)].into_iter().chain(rows) {
            let Some(of) = self.figures(place, pattern) else {
                row(&name, ["–"; 4]);
                continue;
            };
            let rate = of
                .background
                .per_10_000
                .map(|(rate, range)| format!(": {rate:.3} [{:.3}, {:.3}]", range.low, range.high));
            let background = format!("{}{}", of.background.alerts, rate.unwrap_or_default());
            let cells = [told(&of.recall), told(&of.precision), told(&fired(of)), background];
            row(&name, cells.each_ref().map(String::as_str));
        }
        for (value, place) in values.iter().zip(&sweep.places) {
            let changes = self.changes(*place, pattern);
            let _ = writeln!(text, "  {value} instead of {present}");
            self.tell_changes(&changes, text);
        }
    }

    fn tell_changes(&self, changes: &Changes<'_>, text: &mut String) {
        let Changes { found, lost, fired, silenced, appeared, vanished } = changes;
        let before = text.len();
        let labels = [("finds", found), ("loses", lost), ("fires", fired), ("silences", silenced)];
        for (verb, labels) in labels {
            for Label { label, class, case, severity, .. } in labels {
                let class = in_words(*class);
                let _ =
                    writeln!(text, "    {verb:<9} {label}: {class} {case}, severity {severity}");
            }
        }
        for (verb, alerts) in [("appears", appeared), ("vanishes", vanished)] {
            for alert in alerts {
                let Alert { id, pattern, subject, participants, raised_at, .. } = alert;
                let who = participants.join(", ");
                let about = self.about(alert).map_or("background".to_string(), |label| {
                    format!("{} of {}", in_words(label.class), label.label)
                });
                let when = Moment(*raised_at);
                let _ = writeln!(
                    text,
                    "    {verb:<9} {pattern} {id}: {who} in {subject}, {when}, {about}"
                );
            }
        }
        if text.len() == before {
            let _ = writeln!(text, "    changes nothing");
        }
    }
}

fn in_words(class: Class) -> &'static str {
    match class {
        Class::Positive => "positive",
        Class::NearMiss => "near miss",
        Class::Void => "broken-off campaign",
    }
}

/// Of all near misses of a pattern, those that fired.
fn fired(of: &Figures) -> Share {
    let sum = |count: fn(&Share) -> u64| of.near_misses.iter().map(|(_, share)| count(share)).sum();
    Share { hits: sum(|share| share.hits), of: sum(|share| share.of), range: None }
}
