//! `tapewatch alerts explain`: why not? What was nearest to an alert about somebody, and what did not hold.
//!
//! The patterns are asked while the events pass again: what they considered and did not raise says which of
//! its conditions failed. Being asked may keep a pattern busy with what it would pass over for speed, so
//! whether there was an alert is told by observers that nobody asks.

use super::doings::{Doings, Orders};
use super::recorded::Recorded;
use super::reel::Reel;
use super::show::{figure, limit, says, time};
use crate::cli::AlertsExplain;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{Moment, Thousands, print};
use crate::wiring;
use anyhow::anyhow;
use engine_assembly::{Alone, Spec};
use engine_event::{Directory, Event, Nanos, ParticipantId, SubjectId};
use engine_journal::is_journal;
use engine_observer::evidence::{Condition, Limit};
use engine_observer::{Alert, Found, Question, Roster};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

pub(super) fn run(arguments: &AlertsExplain) -> Result<(), Failure> {
    let AlertsExplain { subject, participant, at, within, files, input, config, json } = arguments;
    let (from, to) = (Nanos(at.0.saturating_sub(within.0)), *at + *within);
    let journal = files.iter().find(|file| is_journal(file));
    let config = match (config, journal) {
        (Some(path), _) => Config::read(path)?,
        // What its last run was set to.
        (None, Some(journal)) => Recorded::of(journal, u64::MAX)?.config()?,
        (None, None) => wiring::usual_config(),
    };
    let mut reel = Reel::of_files(files, input)?;
    let spec = Spec { bounds: config.bounds, ..config.machine.spec };
    let mut inquiry = Inquiry::new(&config.roster, spec, (subject, participant), (from, to));
    reel.run(|event, names| inquiry.take(event, names))?;
    let missing = |what: &str, name: &str| {
        let until = Moment(to);
        Failure::data(anyhow!("there is no {what} {name} up to {until}"))
    };
    let Some(subject) = inquiry.plain.subject() else { return Err(missing("subject", subject)) };
    if inquiry.who.is_none() {
        return Err(missing("participant", participant));
    }
    let answer = Answer { inquiry, names: &reel.names, subject, arguments };
    if *json {
        return print(format_args!("{}\n", answer.json()));
    }
    let mut text = String::new();
    answer.write(&mut text).expect("a string takes any text");
    print(text)
}

/// The events again, and what the patterns think.
struct Inquiry<'a> {
    names: (&'a str, &'a str),
    window: (Nanos, Nanos),
    who: Option<ParticipantId>,
    plain: Alone,
    /// From the beginning of the window on.
    asked: Option<Alone>,
    roster: &'a Roster,
    spec: Spec,
    orders: Orders,
    doings: Doings,
    /// Alerts about the person that were raised in the window.
    alerts: Vec<Raised>,
    considered: BTreeMap<&'static str, Nearest>,
}

struct Raised {
    id: u64,
    seq: u64,
    at: Nanos,
    alert: Alert,
}

/// The nearest of all that a pattern considered.
struct Nearest {
    times: u64,
    alert: Alert,
}

impl<'a> Inquiry<'a> {
    fn new(
        roster: &'a Roster,
        spec: Spec,
        names: (&'a str, &'a str),
        window: (Nanos, Nanos),
    ) -> Self {
        Self {
            names,
            window,
            who: None,
            plain: Alone::new(roster, spec, names.0),
            asked: None,
            roster,
            spec,
            orders: Orders::default(),
            doings: Doings::default(),
            alerts: Vec::new(),
            considered: BTreeMap::new(),
        }
    }

    /// Takes an event; whether there is more to see.
    fn take(&mut self, event: &Event, names: &Directory) -> bool {
        self.who = self.who.or_else(|| names.participants.find(self.names.1));
        let (from, to) = self.window;
        let is_over = event.event_at > to;
        if self.asked.is_none() && event.event_at >= from {
            let twin = self.plain.twin(self.roster, self.spec);
            self.asked = Some(twin.expect("what was just saved can be loaded"));
        }
        if let (Some(asked), Some(who)) = (&mut self.asked, self.who)
            && let Some(subject) = asked.subject().or_else(|| names.find(self.names.0))
        {
            asked.ask(Question { subject, participant: Some(who), from, to });
        }
        for alone in std::iter::once(&mut self.plain).chain(&mut self.asked) {
            match is_over {
                true => alone.pass(event),
                false => alone.take(event, names),
            }
        }
        let is_own = self.plain.subject() == Some(event.subject) && !is_over;
        if let Some(deed) = Some(event).filter(|_| is_own).and_then(|event| self.orders.take(event))
            && event.event_at >= from
        {
            self.doings.count(&deed, self.who.as_slice());
        }
        self.collect();
        !is_over
    }

    fn collect(&mut self) {
        let (findings, alerts) = self.plain.found();
        let raised = findings.iter().filter(|finding| finding.found == Found::Alert).zip(alerts);
        for (finding, alert) in raised {
            let is_own = alert.participants.iter().any(|one| Some(*one) == self.who);
            let (from, to) = self.window;
            if is_own && (from..=to).contains(&finding.at) {
                let (id, seq, at) = (alert.id(&finding.place), finding.place.seq, finding.at);
                self.alerts.push(Raised { id, seq, at, alert: *alert });
            }
        }
        self.plain.clear();
        let Some(asked) = &mut self.asked else { return };
        asked.clear();
        for alert in asked.take_considered() {
            match self.considered.get_mut(alert.pattern) {
                None => _ = self.considered.insert(alert.pattern, Nearest { times: 1, alert }),
                Some(nearest) => {
                    nearest.times += 1;
                    if distance(&alert) < distance(&nearest.alert) {
                        nearest.alert = alert;
                    }
                }
            }
        }
    }
}

fn tested(alert: &Alert) -> impl Iterator<Item = &Condition> {
    alert.conditions.iter().chain(alert.exclusions.iter())
}

/// How far from an alert: how many conditions failed, and by how much in all.
fn distance(alert: &Alert) -> (usize, f64) {
    let failed = || tested(alert).filter(|condition| !condition.holds());
    (failed().count(), failed().map(Condition::margin).sum())
}

struct Answer<'a> {
    inquiry: Inquiry<'a>,
    names: &'a Directory,
    subject: SubjectId,
    arguments: &'a AlertsExplain,
}

impl Answer<'_> {
    /// Patterns by how near they came.
    fn nearest(&self) -> Vec<(&'static str, &Nearest)> {
        let mut all: Vec<_> =
            self.inquiry.considered.iter().map(|(name, nearest)| (*name, nearest)).collect();
        // By how much is missing in all: a pattern that has hardly begun to look names few conditions.
        all.sort_by(|(_, one), (_, other)| {
            distance(&one.alert).1.total_cmp(&distance(&other.alert).1)
        });
        all
    }

    fn json(&self) -> Value {
        let (from, to) = self.inquiry.window;
        let condition = |of: &Condition| {
            let mut shown = json!({"name": of.name, "value": of.value, "holds": of.holds()});
            match of.limit {
                Limit::AtLeast(limit) => shown["at_least"] = json!(limit),
                Limit::AtMost(limit) => shown["at_most"] = json!(limit),
            }
            if !of.holds() {
                shown["change"] = json!(of.change());
            }
            shown
        };
        let nearest = |(name, nearest): (&str, &Nearest)| {
            let alert = &nearest.alert;
            json!({
                "pattern": name, "considered": nearest.times, "failed": distance(alert).0,
                "first_seq": alert.first_seq, "seq": alert.last_seq, "at": alert.last_event_at.0,
                "score": alert.score,
                "conditions": alert.conditions.iter().map(condition).collect::<Vec<_>>(),
                "exclusions": alert.exclusions.iter().map(condition).collect::<Vec<_>>(),
            })
        };
        let raised = |of: &Raised| {
            json!({
                "id": format!("{:016x}", of.id), "pattern": of.alert.pattern, "seq": of.seq,
                "at": of.at.0, "score": of.alert.score, "episodes": of.alert.episodes,
            })
        };
        json!({
            "subject": self.arguments.subject, "participant": self.arguments.participant,
            "from": from.0, "to": to.0,
            "did": self.inquiry.doings.json(self.names, self.subject),
            "alerts": self.inquiry.alerts.iter().map(raised).collect::<Vec<_>>(),
            "nearest": self.nearest().into_iter().map(nearest).collect::<Vec<_>>(),
        })
    }

    fn write(&self, to: &mut String) -> fmt::Result {
        let AlertsExplain { subject, participant, .. } = self.arguments;
        let (from, until) = self.inquiry.window;
        writeln!(to, "{participant} in {subject}, {} to {}", Moment(from), time(until.0))?;
        writeln!(to, "did       {}", self.inquiry.doings.text(self.names, self.subject))?;
        if self.inquiry.alerts.is_empty() {
            writeln!(to, "alerts    none")?;
        }
        for Raised { id, seq, at, alert } in &self.inquiry.alerts {
            let (at, seq, score) = (time(at.0), Thousands(*seq), figure(alert.score));
            writeln!(
                to,
                "alert     {} {id:016x} at {at}, with event {seq}: {score} of 100 points",
                alert.pattern
            )?;
        }
        if self.inquiry.considered.is_empty() {
            let why = match self.inquiry.doings.is_nothing() {
                true => "there was nothing to consider",
                false => "nothing of it was what any pattern looks for",
            };
            writeln!(to, "patterns  none considered an alert: {why}")?;
        }
        for (name, nearest) in self.nearest() {
            write_nearest(name, nearest, to)?;
        }
        Ok(())
    }
}

fn write_nearest(name: &str, Nearest { times, alert }: &Nearest, to: &mut String) -> fmt::Result {
    let title = surveillance::about(name).map_or("", |about| about.title);
    let (at, seq) = (time(alert.last_event_at.0), Thousands(alert.last_seq));
    let times = match times {
        1 => "once".to_string(),
        more => format!("{} times", Thousands(*more)),
    };
    writeln!(to, "\n{name}, {title}: considered {times}, nearest at {at}, event {seq}")?;
    let failed: Vec<_> = tested(alert).filter(|condition| !condition.holds()).collect();
    for condition in &failed {
        writeln!(to, "{}", row("failed", name, condition))?;
    }
    if failed.is_empty() {
        let what = "all that has to hold does: it counts with an alert that was raised before";
        writeln!(to, "  {what}")?;
    }
    for condition in tested(alert).filter(|condition| condition.holds()) {
        writeln!(to, "{}", row("holds", name, condition))?;
    }
    Ok(())
}

fn row(word: &str, pattern: &str, condition: &Condition) -> String {
    let limit = match condition.limit {
        Limit::AtLeast(limit) => (Some(limit), None),
        Limit::AtMost(limit) => (None, Some(limit)),
    };
    let limit = self::limit(limit);
    let (name, value) = (condition.name, figure(condition.value));
    let says = says(pattern, name).unwrap_or("");
    format!("  {word:<6}  {name:<18} {value:>9}  {limit:<16}  {says}").trim_end().to_string()
}
