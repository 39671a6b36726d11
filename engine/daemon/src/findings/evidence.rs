//! An alert's evidence as JSON: what was measured and what it counts, what had to hold, whose orders it is about.

use engine_event::{Directory, SubjectId};
use engine_observer::evidence::{Condition, Contribution, Limit};
use engine_observer::{Alert, Feature};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// Says what there is to say behind the features: an alert without conditions has none.
pub(super) fn tell<M: SerializeMap>(
    alert: &Alert,
    (subject, seq): (SubjectId, u64),
    names: &Directory,
    map: &mut M,
) -> Result<(), M::Error> {
    if !alert.conditions.is_empty() {
        map.serialize_entry("conditions", &Tested(|| alert.conditions.iter()))?;
    }
    if !alert.exclusions.is_empty() {
        map.serialize_entry("exclusions", &Tested(|| alert.exclusions.iter()))?;
    }
    if let Some(condition) = alert.counterfactual() {
        map.serialize_entry("counterfactual", &Counterfactual(condition))?;
    }
    if !alert.orders.is_empty() {
        map.serialize_entry("orders", &Orders { alert, subject, names })?;
    }
    if !alert.links.is_empty() {
        map.serialize_entry("links", &Inferred(alert, names))?;
    }
    // What a replay of it needs: its events, and the one that it was raised with.
    map.serialize_entry("token", &format_args!("{}-{seq}", alert.first_seq))
}

/// Who is taken to act with the participant, how surely, and which pattern found it.
struct Inferred<'a>(&'a Alert, &'a Directory);

impl Serialize for Inferred<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Told<'a> {
            account: &'a str,
            confidence: f64,
            by: String,
        }
        let Self(alert, names) = self;
        to.collect_seq(alert.links.iter().map(|link| {
            let account = names.participants.name(link.account).unwrap_or_default();
            Told { account, confidence: link.confidence, by: format!("P{:02}", link.by) }
        }))
    }
}

/// An alert's features by name, each with the points of the score that are its own.
pub(super) struct Features<'a>(pub(super) &'a Alert);

impl Serialize for Features<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Measured {
            value: f64,
            low: f64,
            high: f64,
            weight: f64,
            contribution: f64,
        }
        let features = &self.0.features;
        to.collect_map(features.iter().map(|feature| {
            let Feature { name, value, low, high, weight } = *feature;
            let contribution = features.points(feature);
            (name, Measured { value, low, high, weight, contribution })
        }))
    }
}

/// Conditions by name, each with its limit.
struct Tested<F>(F);

impl<'a, I: Iterator<Item = &'a Condition>, F: Fn() -> I> Serialize for Tested<F> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map((self.0)().map(|condition| (condition.name, Held(condition))))
    }
}

struct Held<'a>(&'a Condition);

impl Serialize for Held<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("value", &self.0.value)?;
        match self.0.limit {
            Limit::AtLeast(limit) => map.serialize_entry("at_least", &limit)?,
            Limit::AtMost(limit) => map.serialize_entry("at_most", &limit)?,
        }
        map.end()
    }
}

struct Counterfactual<'a>(&'a Condition);

impl Serialize for Counterfactual<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(4))?;
        map.serialize_entry("condition", self.0.name)?;
        map.serialize_entry("value", &self.0.value)?;
        map.serialize_entry("limit", &self.0.limit.value())?;
        map.serialize_entry("change", &self.0.change())?;
        map.end()
    }
}

/// The orders and trades that it is about, prices and quantities as exact decimals.
struct Orders<'a> {
    alert: &'a Alert,
    subject: SubjectId,
    names: &'a Directory,
}

impl Serialize for Orders<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Told {
            part: &'static str,
            order: u64,
            seq: u64,
            side: char,
            price: Option<String>,
            quantity: String,
        }
        to.collect_seq(self.alert.orders.iter().map(|contribution| {
            let Contribution { seq, order, part, side, price, quantity } = *contribution;
            let price = price.get().map(|price| self.names.price(self.subject, price).to_string());
            let quantity = self.names.quantity(self.subject, quantity).to_string();
            let (part, order, side) = (part.word(), order.0, side.letter());
            Told { part, order, seq, side, price, quantity }
        }))
    }
}
