//! Why an alert was raised: what had to hold, what would have excused it, and whose orders it is about.

use crate::finding::{Alert, Few};
use engine_event::{MaybePrice, OrderId, ParticipantId, Quantity, Side};

/// How many conditions an alert can carry.
pub const CONDITIONS_MAX: usize = 12;
/// How many exclusions it can carry.
pub const EXCLUSIONS_MAX: usize = 8;
/// How many orders and trades it can name.
pub const CONTRIBUTIONS_MAX: usize = 24;

/// What had to hold.
pub type Conditions = Few<Condition, CONDITIONS_MAX>;
/// What would have excused it, each as what had to hold for it not to.
pub type Exclusions = Few<Condition, EXCLUSIONS_MAX>;
/// The orders and trades that an alert is about.
pub type Contributions = Few<Contribution, CONTRIBUTIONS_MAX>;

/// How many links an alert can name.
pub const LINKS_MAX: usize = 4;
/// Who is taken to act with the one that it is about.
pub type Links = Few<Link, LINKS_MAX>;

/// Somebody who is taken to act with another, though nobody declared it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Link {
    /// Who.
    pub account: ParticipantId,
    /// From 0, a guess, to 1.
    pub confidence: f64,
    /// The number of the pattern that found it: 5 is P05.
    pub by: u32,
}

/// A measured value and what it had to be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Condition {
    /// What was measured.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// What it had to be.
    pub limit: Limit,
}

/// What a value has to be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Limit {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Limit {
    /// The bare number.
    pub fn value(self) -> f64 {
        match self {
            Limit::AtLeast(limit) | Limit::AtMost(limit) => limit,
        }
    }
}

impl Condition {
    /// Whether it holds. What is not a number holds nothing.
    pub fn holds(&self) -> bool {
        match self.limit {
            Limit::AtLeast(limit) => self.value >= limit,
            Limit::AtMost(limit) => self.value <= limit,
        }
    }

    /// How far the value is from its limit, as a share of the larger of both: how much would have had to
    /// be otherwise for the answer to be another one.
    pub fn margin(&self) -> f64 {
        let limit = self.limit.value();
        let scale = self.value.abs().max(limit.abs());
        if scale > 0.0 { (self.value - limit).abs() / scale } else { 0.0 }
    }

    /// How far the value would have had to move to reach the limit.
    pub fn change(&self) -> f64 {
        self.limit.value() - self.value
    }

    /// Whether it is a matter of yes or no: nothing lies between.
    pub fn is_yes_or_no(&self) -> bool {
        let yes = match self.limit {
            Limit::AtLeast(_) => 1.0,
            Limit::AtMost(_) => 0.0,
        };
        self.limit.value() == yes && (self.value == 0.0 || self.value == 1.0)
    }

    /// The name of the condition that counts episodes: it says nothing about any of them.
    pub const EPISODES: &'static str = "episodes";
}

impl Alert {
    /// What was nearest to preventing it: of all that was measured and had to hold, what held by the smallest
    /// margin. What is a matter of yes or no has no margin, and how many episodes there were is not measured.
    pub fn counterfactual(&self) -> Option<&Condition> {
        let all = self.conditions.iter().chain(self.exclusions.iter());
        let is_measured = |one: &&Condition| {
            !one.is_yes_or_no() && one.name != Condition::EPISODES && one.margin().is_finite()
        };
        all.filter(is_measured).min_by(|one, other| one.margin().total_cmp(&other.margin()))
    }
}

/// An order or a trade, and its part in the matter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Contribution {
    /// The event that it entered or happened with.
    pub seq: u64,
    /// The order; of a trade the resting one.
    pub order: OrderId,
    /// Its part.
    pub part: Part,
    /// Which side it stands on.
    pub side: Side,
    /// Its limit, or the price that it traded at.
    pub price: MaybePrice,
    /// How much.
    pub quantity: Quantity,
}

/// The part of an order in the matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Part {
    /// Was meant to trade.
    Genuine,
    /// Was not meant to trade, or meant to mislead.
    Deceptive,
    /// Somebody else's who was misled.
    Victim,
    /// To compare with.
    Reference,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 4] = [Part::Genuine, Part::Deceptive, Part::Victim, Part::Reference];

    /// Its word in findings.
    pub fn word(self) -> &'static str {
        ["genuine", "deceptive", "victim", "reference"][self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_knows_how_near_its_limit_it_is() {
        let at_least = |value| Condition { name: "x", value, limit: Limit::AtLeast(5.0) };
        let shown = [4.0, 5.0, 10.0, f64::NAN].map(|value| at_least(value).holds());
        assert_eq!(shown, [false, true, true, false]);
        assert_eq!([at_least(4.0).margin(), at_least(10.0).margin()], [0.2, 0.5]);
        let none = Condition { name: "x", value: 0.0, limit: Limit::AtMost(0.0) };
        assert!(none.holds() && none.margin() == 0.0);
        assert_eq!([at_least(4.0).change(), at_least(10.0).change()], [1.0, -5.0]);
    }

    #[test]
    fn the_nearest_measured_condition_would_have_prevented_it() {
        let needs = |name, value, limit| Condition { name, value, limit };
        let mut alert = Alert::draft(crate::Severity::High);
        assert_eq!(alert.counterfactual(), None);
        alert.conditions.push(needs("far", 50.0, Limit::AtLeast(5.0)));
        alert.conditions.push(needs("is_so", 1.0, Limit::AtLeast(1.0)));
        alert.conditions.push(needs(Condition::EPISODES, 3.0, Limit::AtLeast(3.0)));
        alert.exclusions.push(needs("excused", 0.0, Limit::AtMost(0.0)));
        alert.exclusions.push(needs("near", 2.0, Limit::AtMost(3.0)));
        alert.exclusions.push(needs("unknown", f64::NAN, Limit::AtMost(3.0)));
        assert_eq!(alert.counterfactual().map(|one| one.name), Some("near"));
    }
}
