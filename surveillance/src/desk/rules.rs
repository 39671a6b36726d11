//! Parameters that differ by instrument, venue and time of day.

use super::parameters::Parameterised;
use engine_observer::Parameters;
use engine_observer::event::{Definition, Nanos};
use engine_observer::idea::Invalid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::Arc;

/// `[[surveillance.P01.where]]`: where and when some parameters have other values. What is not named
/// applies everywhere and always.
#[derive(Clone, PartialEq, Default, Debug, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// The instrument's name.
    pub subject: Option<String>,
    /// The venue's name.
    pub venue: Option<String>,
    /// From this time of day on (UTC): `09:30` or `09:30:15`.
    pub from: Option<TimeOfDay>,
    /// To before this one. Before `from`: over midnight.
    pub to: Option<TimeOfDay>,
    /// The parameters, by name.
    #[serde(flatten)]
    pub values: BTreeMap<String, f64>,
}

/// A time of day in seconds since midnight, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(pub u32);

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = text.split(':').map(|part| match part.len() {
            1..=2 => part.parse::<u32>().ok(),
            _ => None,
        });
        let (hours, minutes) = (parts.next().flatten(), parts.next().flatten());
        let seconds = parts.next().unwrap_or(Some(0));
        match (hours, minutes, seconds, parts.next()) {
            (Some(hours @ 0..24), Some(minutes @ 0..60), Some(seconds @ 0..60), None) => {
                Ok(Self(hours * 3600 + minutes * 60 + seconds))
            }
            _ => Err(format!("a time of day is written HH:MM or HH:MM:SS, not {text:?}")),
        }
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.0 / 3600, self.0 / 60 % 60, self.0 % 60)
    }
}

impl TimeOfDay {
    fn of(at: Nanos) -> Self {
        Self((at.0 / 1_000_000_000 % 86_400) as u32)
    }
}

impl Rule {
    fn is_about(&self, subject: u64, venue: u32) -> bool {
        let names = |name: &String| Definition::tag_of(name) == subject;
        let trades_at = |name: &String| Definition::venue_tag_of(name) == venue;
        self.subject.as_ref().is_none_or(names) && self.venue.as_ref().is_none_or(trades_at)
    }

    fn holds_at(&self, time: TimeOfDay) -> bool {
        match (self.from, self.to) {
            (Some(from), Some(to)) if to < from => time >= from || time < to,
            (from, to) => from.is_none_or(|from| time >= from) && to.is_none_or(|to| time < to),
        }
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = |name: &Option<String>| name.clone().unwrap_or("*".to_string());
        write!(f, "{}@{}", any(&self.subject), any(&self.venue))?;
        let time = |at: Option<TimeOfDay>| at.map_or("*".to_string(), |at| at.to_string());
        write!(f, "/{}-{}", time(self.from), time(self.to))?;
        self.values.iter().try_for_each(|(name, value)| write!(f, "/{name}:{value}"))
    }
}

/// A set of parameters, and the hash that alerts raised under it carry.
pub(crate) struct Set<P> {
    pub(crate) pattern: P,
    pub(crate) hash: u64,
}

/// The sets of a pattern: what usually holds, and what holds where a rule does.
pub(crate) struct Sets<P> {
    pub(crate) usual: Arc<Set<P>>,
    ruled: Vec<(Rule, Arc<Set<P>>)>,
}

impl<P: Parameterised> Sets<P> {
    /// The sets of a pattern, and what stands for the usual rates that it judges by. A rule that names no
    /// parameter of the pattern, or one out of its bounds, is refused by [`check`] before.
    pub(crate) fn new(pattern: P, known: Option<u64>) -> Self {
        let ruled = pattern.rules().iter().map(|rule| {
            let mut own = pattern.clone();
            rule.values.iter().for_each(|(name, value)| _ = own.set(name, *value));
            (rule.clone(), Arc::new(Set::of(own, known)))
        });
        Self { ruled: ruled.collect(), usual: Arc::new(Set::of(pattern, known)) }
    }

    /// Those that may hold for an instrument: the last rule that applies is the one that does.
    pub(crate) fn about(&self, subject: u64, venue: u32) -> Vec<(Rule, Arc<Set<P>>)> {
        let about = self.ruled.iter().filter(|(rule, _)| rule.is_about(subject, venue));
        about.map(|(rule, set)| (rule.clone(), set.clone())).collect()
    }
}

impl<P: Parameterised> Set<P> {
    fn of(pattern: P, known: Option<u64>) -> Self {
        let hash = parameters(&pattern, known).hash();
        Self { pattern, hash }
    }
}

/// The set that holds at a time.
pub(crate) fn at<P>(ruled: &[(Rule, Arc<Set<P>>)], now: Nanos) -> Option<&Arc<Set<P>>> {
    if ruled.is_empty() {
        return None;
    }
    let time = TimeOfDay::of(now);
    ruled.iter().rev().find(|(rule, _)| rule.holds_at(time)).map(|(_, set)| set)
}

/// All parameters of a pattern, as canonical text, with what stands for the usual rates if there are any.
pub(crate) fn parameters<P: Parameterised>(pattern: &P, known: Option<u64>) -> Parameters {
    let mut parameters = Parameters::default();
    parameters.set("pattern", P::NAME);
    pattern.tell(&mut parameters);
    if let Some(known) = known {
        parameters.set("usual", format_args!("{known:016x}"));
    }
    parameters
}

/// Refuses parameters out of their bounds, those in rules included, and rules that set what there is not.
pub(crate) fn check<P: Parameterised>(pattern: &P) -> Result<(), Invalid> {
    pattern.validate()?;
    for rule in pattern.rules() {
        let mut own = pattern.clone();
        for (name, value) in &rule.values {
            if !own.set(name, *value) {
                let names: Vec<_> = P::PARAMETERS.iter().map(|one| one.name).collect();
                let wanted = format!("one of subject, venue, from, to, {}", names.join(", "));
                return Err(Invalid { name: "where", value: name.clone(), wanted });
            }
        }
        own.validate()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Layering;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, MapDeserializer};

    fn time(text: &str) -> Option<TimeOfDay> {
        let text: serde::de::value::StrDeserializer<'_, Error> = text.into_deserializer();
        TimeOfDay::deserialize(text).ok()
    }

    fn rule(subject: Option<&str>, (from, to): (&str, &str), (name, value): (&str, f64)) -> Rule {
        let values = MapDeserializer::<_, Error>::new([(name.to_string(), value)].into_iter());
        let values = Rule::deserialize(values).unwrap().values;
        Rule {
            subject: subject.map(String::from),
            venue: None,
            from: time(from),
            to: time(to),
            values,
        }
    }

    fn ruled(rules: Vec<Rule>) -> Layering {
        Layering { rules, ..Layering::default() }
    }

    #[test]
    fn the_last_rule_that_applies_holds() {
        let rules = vec![
            rule(Some("AAPL"), ("", ""), ("size_ratio_min", 7.0)),
            rule(None, ("15:30", "16:00"), ("size_ratio_min", 8.0)),
            rule(Some("IBM"), ("22:00", "01:00:30"), ("size_ratio_min", 9.0)),
        ];
        let sets = Sets::new(ruled(rules), None);
        let ratio = |subject: &str, seconds| {
            let own = sets.about(Definition::tag_of(subject), 0);
            let set = at(&own, Nanos::from_secs(seconds));
            set.unwrap_or(&sets.usual).pattern.size_ratio_min
        };
        assert_eq!([ratio("AAPL", 0), ratio("AAPL", 15 * 3600 + 1800)], [7.0, 8.0]);
        assert_eq!([ratio("MSFT", 0), ratio("MSFT", 16 * 3600 - 1)], [5.0, 8.0]);
        assert_eq!(
            [ratio("IBM", 3629), ratio("IBM", 3630), ratio("IBM", 22 * 3600)],
            [9.0, 5.0, 9.0]
        );
        let own = sets.about(Definition::tag_of("AAPL"), 0);
        assert_ne!(at(&own, Nanos(0)).unwrap().hash, sets.usual.hash);
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_told() {
        let refused = |rule| check(&ruled(vec![rule])).unwrap_err().to_string();
        let unknown = refused(rule(None, ("", ""), ("size_ratio", 7.0)));
        assert!(unknown.starts_with("where = size_ratio, wanted one of subject, venue, from"));
        let wide = refused(rule(None, ("", ""), ("dominance_min", 1000.0)));
        assert_eq!(wide, "dominance_min = 1000, wanted 0.01 to 100");
        assert_eq!([time("24:00"), time("9"), time("9:61"), time("09:30:00:00")], [None; 4]);
    }
}
