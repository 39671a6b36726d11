//! What observers find: numbers and ids. Texts are made at the edge.

use crate::evidence::{Conditions, Contributions, Exclusions, Limit, Links};
use engine_event::{Digest, MetricId, Nanos, ParticipantId, SubjectId};
use std::ops::Deref;

/// A finding and its place in the one order of all findings.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Finding {
    /// Its place.
    pub place: Place,
    /// Event time when it was found.
    pub at: Nanos,
    /// What was found. An alert's evidence travels beside the finding.
    pub found: Found,
}

/// The one order of all findings, the same for every layout of threads and shards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The event that led to it.
    pub seq: u64,
    /// The timer that led to it; timers go before the event that lets them pass.
    /// [`Nanos::END`] for findings of the event itself.
    pub due: Nanos,
    /// The subject; [`SubjectId::EVERY`] for observers of global scope, which come last.
    pub subject: SubjectId,
    /// The observer, by its place in the roster.
    pub observer: u16,
    /// The how-manieth of this observer here.
    pub ordinal: u16,
}

/// A signal, or word that an alert lies beside.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Found {
    /// A number under a name.
    Signal(Signal),
    /// An [`Alert`], next in the alerts' own lane.
    Alert,
}

/// A number under a name.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Signal {
    /// What it is.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
}

/// What a signal's value is counted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A number that explains itself: a ratio, a count, a rate.
    Plain,
    /// A price in the subject's own units; shown with its scale at the edge.
    Price,
    /// A value of this metric, in the metric's own unit.
    Metric(MetricId),
}

/// Evidence, not prose.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Alert {
    /// The pattern's id: `P06`. Set by the outbox.
    pub pattern: &'static str,
    /// Hash of the parameter set. Set by the outbox.
    pub parameters: u64,
    /// Who.
    pub participants: Participants,
    /// The first event of the evidence.
    pub first_seq: u64,
    /// The last.
    pub last_seq: u64,
    /// Time of the first.
    pub first_event_at: Nanos,
    /// Time of the last.
    pub last_event_at: Nanos,
    /// 0 to 100.
    pub score: f64,
    /// How grave.
    pub severity: Severity,
    /// What makes it less than certain.
    pub degraded: Degraded,
    /// How many episodes it stands for.
    pub episodes: u32,
    /// What was measured, against what.
    pub features: Features,
    /// What had to hold, and did.
    pub conditions: Conditions,
    /// What would have excused it, and did not.
    pub exclusions: Exclusions,
    /// The orders and trades that it is about, each with its part in it.
    pub orders: Contributions,
    /// Who is taken to act with the participant, the surest first.
    pub links: Links,
}

impl Alert {
    /// How many participants an alert can name.
    pub const PARTICIPANTS_MAX: usize = 8;
    /// How many features it can carry.
    pub const FEATURES_MAX: usize = 8;

    /// An alert that says nothing yet, to be filled in.
    pub const fn draft(severity: Severity) -> Self {
        Self {
            pattern: "",
            parameters: 0,
            participants: Few::none(),
            first_seq: 0,
            last_seq: 0,
            first_event_at: Nanos(0),
            last_event_at: Nanos(0),
            score: 0.0,
            severity,
            degraded: Degraded::NONE,
            episodes: 1,
            features: Few::none(),
            conditions: Few::none(),
            exclusions: Few::none(),
            orders: Few::none(),
            links: Few::none(),
        }
    }
}

/// Who takes part, as far as they are known.
pub type Participants = Few<ParticipantId, { Alert::PARTICIPANTS_MAX }>;
/// What was measured.
pub type Features = Few<Feature, { Alert::FEATURES_MAX }>;

/// A measured value, and the range over which it counts from nothing to full.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Feature {
    /// What was measured.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Counts nothing up to here. Above [`high`](Self::high) when less is graver.
    pub low: f64,
    /// Counts full from here.
    pub high: f64,
    /// Its share in the score.
    pub weight: f64,
}

impl Feature {
    /// From 0 to 1: how far from `low` to `high`.
    pub fn strength(&self) -> f64 {
        ((self.value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

impl Features {
    /// The weighted mean of all strengths, from 0 to 100.
    pub fn score(&self) -> f64 {
        let weights: f64 = self.iter().map(|feature| feature.weight).sum();
        let reached: f64 = self.iter().map(|feature| feature.weight * feature.strength()).sum();
        if weights > 0.0 { 100.0 * reached / weights } else { 0.0 }
    }

    /// How many points of the score are one feature's.
    pub fn points(&self, feature: &Feature) -> f64 {
        let weights: f64 = self.iter().map(|feature| feature.weight).sum();
        let own = feature.weight * feature.strength();
        if weights > 0.0 && own > 0.0 { 100.0 * own / weights } else { 0.0 }
    }
}

/// At most `N` things in place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Few<T, const N: usize> {
    items: [Option<T>; N],
    count: usize,
}

impl<T: Copy, const N: usize> Few<T, N> {
    /// None of them.
    pub const fn none() -> Self {
        Self { items: [None; N], count: 0 }
    }

    /// One more, unless there is no place left.
    pub fn with(mut self, item: T) -> Self {
        self.push(item);
        self
    }

    /// One more in place, unless there is no place left. Whether there was.
    pub fn push(&mut self, item: T) -> bool {
        let Some(place) = self.items.get_mut(self.count) else { return false };
        *place = Some(item);
        self.count += 1;
        true
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Those that are there.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items[..self.count].iter().flatten()
    }
}

/// How grave an alert is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Severity {
    /// To be looked at some time.
    Low,
    /// To be looked at.
    Medium,
    /// To be looked at today.
    High,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// Its word in findings.
    pub fn word(self) -> &'static str {
        ["low", "medium", "high", "critical"][self as usize]
    }

    /// One graver.
    pub fn raised(self) -> Severity {
        [Self::Medium, Self::High, Self::Critical, Self::Critical][self as usize]
    }

    /// One less grave.
    pub fn lowered(self) -> Severity {
        [Self::Low, Self::Low, Self::Medium, Self::High][self as usize]
    }
}

/// What makes an alert less than certain: a set.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Degraded(u8);

impl Degraded {
    /// Nothing does.
    pub const NONE: Degraded = Degraded(0);
    /// The owner of the orders is not known.
    pub const IDENTITY: Degraded = Degraded(1);
    /// The book is stale: something is missing or contradictory.
    pub const BOOK: Degraded = Degraded(2);
    /// Messages are missing within the evidence.
    pub const GAP: Degraded = Degraded(4);
    /// The observer has forgotten something that it would have needed.
    pub const MEMORY: Degraded = Degraded(8);
    /// What came first cannot be told: the clocks differ by more than the events are apart.
    pub const CLOCK: Degraded = Degraded(16);
    /// Those who act are joined by inference alone, which is not certain.
    pub const LINKS: Degraded = Degraded(32);
    /// Prices or quantities changed by themselves on that day: a split, a dividend.
    pub const CORPORATE_ACTION: Degraded = Degraded(64);

    const WORDS: [(&'static str, Degraded); 7] = [
        ("identity", Self::IDENTITY),
        ("book", Self::BOOK),
        ("gap", Self::GAP),
        ("memory", Self::MEMORY),
        ("clock", Self::CLOCK),
        ("links", Self::LINKS),
        ("corporate_action", Self::CORPORATE_ACTION),
    ];

    /// Both sets together.
    pub const fn and(self, other: Degraded) -> Degraded {
        Degraded(self.0 | other.0)
    }

    /// This set if `condition` holds, else none.
    pub const fn when(self, condition: bool) -> Degraded {
        if condition { self } else { Self::NONE }
    }

    /// Whether nothing makes it uncertain.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The reasons' words.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS
            .into_iter()
            .filter(move |(_, reason)| self.0 & reason.0 != 0)
            .map(|(word, _)| word)
    }
}

/// Bytes that stand for a finding, gathered without allocating.
struct Canonical<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

/// Room for a signal: the common case, so no more than it takes.
type CanonicalSignal = Canonical<128>;
/// Room for an alert with all that it can hold.
type CanonicalAlert = Canonical<4096>;

impl<const N: usize> Canonical<N> {
    fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn number(&mut self, number: u64) {
        self.put(&number.to_le_bytes());
    }

    fn name(&mut self, name: &str) {
        let shown = &name.as_bytes()[..name.len().min(32)];
        self.number(shown.len() as u64);
        self.put(shown);
    }
}

impl<const N: usize> Deref for Canonical<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Finding {
    /// Adds the finding, with its evidence if it is an alert, to a digest.
    pub fn add_to(&self, digest: &mut Digest, alert: Option<&Alert>) {
        match (&self.found, alert) {
            (Found::Signal(signal), _) => {
                let mut bytes = CanonicalSignal::new();
                self.put(&mut bytes);
                bytes.name(signal.name);
                bytes.number(signal.value.to_bits());
                bytes.number(match signal.unit {
                    Unit::Plain => 0,
                    Unit::Price => 1,
                    Unit::Metric(metric) => 2 + u64::from(metric.0),
                });
                digest.add(&bytes);
            }
            (Found::Alert, alert) => {
                let mut bytes = CanonicalAlert::new();
                self.put(&mut bytes);
                if let Some(alert) = alert {
                    alert.put(&mut bytes);
                }
                digest.add(&bytes);
            }
        }
    }

    fn put<const N: usize>(&self, bytes: &mut Canonical<N>) {
        bytes.number(self.place.seq);
        bytes.number(self.place.due.0);
        bytes.number(u64::from(self.place.subject.0));
        bytes.number(u64::from(self.place.ordinal) << 16 | u64::from(self.place.observer));
        bytes.number(self.at.0);
    }
}

impl Alert {
    fn put(&self, bytes: &mut CanonicalAlert) {
        bytes.name(self.pattern);
        bytes.number(self.parameters);
        bytes.number(self.participants.count as u64);
        self.participants.iter().for_each(|who| bytes.number(u64::from(who.0.get())));
        for number in [self.first_seq, self.last_seq, self.first_event_at.0, self.last_event_at.0] {
            bytes.number(number);
        }
        bytes.number(self.score.to_bits());
        bytes.put(&[self.severity as u8, self.degraded.0]);
        bytes.number(u64::from(self.episodes));
        for feature in self.features.iter() {
            bytes.name(feature.name);
            for value in [feature.value, feature.low, feature.high, feature.weight] {
                bytes.number(value.to_bits());
            }
        }
        for condition in self.conditions.iter().chain(self.exclusions.iter()) {
            let (limit, is_least) = match condition.limit {
                Limit::AtLeast(limit) => (limit, 1),
                Limit::AtMost(limit) => (limit, 0),
            };
            bytes.name(condition.name);
            bytes.number(condition.value.to_bits());
            bytes.number(limit.to_bits());
            bytes.put(&[is_least]);
        }
        for order in self.orders.iter() {
            bytes.number(order.seq);
            bytes.number(order.order.0);
            bytes.put(&[order.part as u8]);
            bytes.number(order.quantity.0);
        }
        for link in self.links.iter() {
            bytes.number(u64::from(link.account.0.get()) << 32 | u64::from(link.by));
            bytes.number(link.confidence.to_bits());
        }
    }

    /// The alert's id: the same evidence under the same parameters has the same one.
    pub fn id(&self, place: &Place) -> u64 {
        let mut bytes = CanonicalAlert::new();
        bytes.number(place.seq);
        bytes.number(u64::from(place.subject.0));
        self.put(&mut bytes);
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Condition, Contribution, Link, Part};
    use engine_event::{OrderId, Price, Quantity, Side};

    fn feature(value: f64, low: f64, high: f64) -> Feature {
        Feature { name: "a feature with quite a long name!", value, low, high, weight: 1.0 }
    }

    fn condition() -> Condition {
        let limit = Limit::AtLeast(1.0);
        Condition { name: "a condition with quite a long name", value: 2.0, limit }
    }

    fn contribution() -> Contribution {
        Contribution {
            seq: 1,
            order: OrderId(2),
            part: Part::Deceptive,
            side: Side::Buy,
            price: Price(3).into(),
            quantity: Quantity(4),
        }
    }

    fn full_alert() -> Alert {
        let who = ParticipantId::new(3).unwrap();
        let link = Link { account: who, confidence: 0.5, by: 5 };
        Alert {
            pattern: "P06",
            parameters: 1,
            participants: (0..20).fold(Participants::none(), |few, _| few.with(who)),
            first_seq: 1,
            last_seq: 2,
            first_event_at: Nanos(3),
            last_event_at: Nanos(4),
            score: 61.0,
            severity: Severity::Medium,
            degraded: Degraded::IDENTITY.and(Degraded::GAP),
            episodes: 1,
            features: (0..20).fold(Features::none(), |few, _| few.with(feature(1.0, 0.0, 2.0))),
            conditions: (0..20).fold(Few::none(), |few, _| few.with(condition())),
            exclusions: (0..20).fold(Few::none(), |few, _| few.with(condition())),
            orders: (0..50).fold(Few::none(), |few, _| few.with(contribution())),
            links: (0..9).fold(Few::none(), |few, _| few.with(link)),
        }
    }

    #[test]
    fn a_score_is_a_weighted_mean_and_less_can_be_graver() {
        let features =
            Features::none().with(feature(75.0, 50.0, 100.0)).with(feature(10.0, 100.0, 0.0));
        assert_eq!(features.score(), 100.0 * (0.5 + 0.9) / 2.0);
        assert_eq!(Features::none().score(), 0.0);
        let points: Vec<_> = features.iter().map(|feature| features.points(feature)).collect();
        assert_eq!(points, [25.0, 45.0]);
    }

    #[test]
    fn the_largest_alert_fits_its_canonical_form() {
        let alert = full_alert();
        let place =
            Place { seq: 1, due: Nanos::END, subject: SubjectId(0), observer: 0, ordinal: 0 };
        let finding = Finding { place, at: Nanos(4), found: Found::Alert };
        let (mut one, mut other) = (Digest::default(), Digest::default());
        finding.add_to(&mut one, Some(&alert));
        finding.add_to(&mut other, Some(&Alert { last_seq: 3, ..alert }));
        assert_ne!(one, other);
        assert_ne!(alert.id(&place), Alert { score: 62.0, ..alert }.id(&place));
    }

    #[test]
    fn degraded_says_why() {
        assert_eq!(full_alert().degraded.words().collect::<Vec<_>>(), ["identity", "gap"]);
        assert!(Degraded::BOOK.when(false).is_none());
    }

    #[test]
    fn a_finding_is_at_most_a_cache_line() {
        assert!(size_of::<Finding>() <= 64);
    }
}
