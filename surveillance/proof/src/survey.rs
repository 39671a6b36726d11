//! What must be known of a base flow before anything is woven into it: a first look at all of it.

use crate::chance::{Chance, blended};
use engine_event::body::{Execution, Order, Print, Replacement};
use engine_event::{Definition, Event, Kind, Nanos, ParticipantId, Price, SubjectId};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// How many sizes, prices and participants are kept of a subject, each as likely as any other.
const SAMPLE: usize = 512;

/// A base flow as a whole.
#[derive(Clone, Default, Debug)]
pub struct Survey {
    /// When the first and the last event of a subject is.
    pub span: Option<(Nanos, Nanos)>,
    /// The greatest order id.
    pub order_max: u64,
    /// Each subject's own.
    pub subjects: BTreeMap<SubjectId, Instrument>,
    /// Whether it tells phases.
    pub tells_phases: bool,
    /// How many orders enter, and how many of them with a name.
    orders: u64,
    named: u64,
    /// What is told by levels or quotes, which orders cannot be woven into.
    pub without_orders: Option<SubjectId>,
    definitions: FxHashMap<SubjectId, Definition>,
}

/// What a subject's flow is like.
#[derive(Clone, Default, Debug)]
pub struct Instrument {
    /// Events about its orders and trades.
    pub events: u64,
    /// How many of them are trades.
    pub trades: u64,
    /// What traded altogether.
    pub volume: u64,
    /// The first and last of its events.
    pub span: (Nanos, Nanos),
    /// Smallest step of prices, as told or as seen.
    pub tick: i64,
    /// The price of orders in the middle.
    pub price: i64,
    /// Smallest step of quantities, as seen.
    pub lot: u64,
    /// Sizes of entering orders, sorted.
    pub sizes: Vec<u64>,
    /// Some of those who enter orders.
    pub participants: Vec<ParticipantId>,
    prices: Vec<i64>,
    entered: u64,
    names: u64,
}

impl Survey {
    /// Looks at the next event.
    pub fn see(&mut self, event: &Event) {
        let own = matches!(
            event.kind(),
            Kind::Add | Kind::Modify | Kind::Reduce | Kind::Delete | Kind::Replace | Kind::Execute
        );
        match event.kind() {
            Kind::Define => {
                self.definitions.insert(event.subject, event.body());
                return;
            }
            Kind::Status => self.tells_phases = true,
            Kind::Level | Kind::Quote => {
                self.without_orders.get_or_insert(event.subject);
            }
            _ => {}
        }
        if event.subject == SubjectId::EVERY || !(own || event.kind() == Kind::Trade) {
            return;
        }
        let at = event.event_at;
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        let of = self.subjects.entry(event.subject).or_default();
        if of.events == 0 {
            of.span.0 = at;
        }
        of.span.1 = at.max(of.span.1);
        of.events += 1;
        let (id, traded) = match event.kind() {
            Kind::Execute => {
                let body: Execution = event.body();
                (body.id.0, body.quantity.0)
            }
            Kind::Trade => (0, event.body::<Print>().quantity.0),
            Kind::Replace => {
                let body: Replacement = event.body();
                (body.old.0.max(body.new.0), 0)
            }
            _ => (event.body::<Order>().id.0, 0),
        };
        self.order_max = self.order_max.max(id);
        of.trades += u64::from(traded > 0);
        of.volume = of.volume.saturating_add(traded);
        if event.kind() == Kind::Add {
            let order: Order = event.body();
            self.orders += 1;
            self.named += u64::from(order.participant().is_some());
            of.enter(&order);
        }
    }

    /// The look is over: what was seen is put in order.
    pub fn finish(mut self) -> Self {
        for (subject, of) in &mut self.subjects {
            of.sizes.sort_unstable();
            let mut prices = of.prices.clone();
            prices.sort_unstable();
            of.price = prices.get(prices.len() / 2).copied().unwrap_or(0);
            let told = self.definitions.get(subject).map_or(0, |definition| definition.tick.0);
            of.tick = if told > 0 { told } else { step(&of.prices, &[50, 25, 20, 10], 0.98) };
            let sizes: Vec<i64> = of.sizes.iter().map(|size| *size as i64).collect();
            of.lot = step(&sizes, &[10], 0.9999).max(1) as u64;
        }
        self
    }

    /// Whether the base names those who enter orders.
    pub fn tells_participants(&self) -> bool {
        self.named * 2 > self.orders
    }
}

impl Instrument {
    fn enter(&mut self, order: &Order) {
        self.entered += 1;
        let mut chance = Chance::new(blended(&[self.entered, 0x5ee]));
        // Reservoir sampling: the n-th replaces one of those kept with probability SAMPLE / n.
        let place = |seen: u64, chance: &mut Chance| match seen <= SAMPLE as u64 {
            true => Some(None),
            false => Some(chance.whole(0..=seen - 1) as usize).filter(|at| *at < SAMPLE).map(Some),
        };
        match (place(self.entered, &mut chance), order.price.get()) {
            (Some(None), Some(price)) => {
                self.sizes.push(order.quantity.0);
                self.prices.push(price.0);
            }
            (Some(Some(at)), Some(price)) if at < self.sizes.len() => {
                self.sizes[at] = order.quantity.0;
                self.prices[at] = price.0;
            }
            _ => {}
        }
        if let Some(who) = order.participant() {
            self.names += 1;
            match place(self.names, &mut chance) {
                Some(None) => self.participants.push(who),
                Some(Some(at)) => self.participants[at] = who,
                None => {}
            }
        }
    }

    /// The size that this share of entering orders does not exceed.
    pub fn quantile(&self, share: f64) -> u64 {
        let at = (self.sizes.len() as f64 * share) as usize;
        self.sizes.get(at.min(self.sizes.len().saturating_sub(1))).copied().unwrap_or(1).max(1)
    }

    /// The price that is a whole number of ticks, not above this one.
    pub fn on_grid(&self, price: Price) -> Price {
        Price(price.0.div_euclid(self.tick.max(1)) * self.tick.max(1))
    }
}

/// The largest of 1, the factors, and those times powers of ten that divides this share of numbers.
fn step(numbers: &[i64], factors: &[i64], share: f64) -> i64 {
    let divides = |step: i64| {
        let count = numbers.iter().filter(|number| **number % step == 0).count();
        count as f64 >= numbers.len() as f64 * share
    };
    let mut largest = 1;
    if numbers.is_empty() {
        return largest;
    }
    let mut power = 1i64;
    for _ in 0..16 {
        for factor in factors {
            let step = factor * power / 10;
            if factor * power % 10 == 0 && step > largest && divides(step) {
                largest = step;
            }
        }
        let Some(next) = power.checked_mul(10) else { break };
        power = next;
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_event::{Flags, OrderId, Quantity, Side};

    #[test]
    fn a_step_divides_nearly_all() {
        let cents: Vec<i64> = (0..500).map(|n| 1_000_000 + n * 100).collect();
        assert_eq!(step(&cents, &[50, 25, 20, 10], 0.98), 100);
        let mut odd = cents.clone();
        odd[7] += 1;
        assert_eq!(step(&odd, &[50, 25, 20, 10], 0.98), 100);
        let quarters: Vec<i64> = (0..500).map(|n| 1_156_000 + n * 25).collect();
        assert_eq!(step(&quarters, &[50, 25, 20, 10], 0.98), 25);
        assert_eq!(step(&[3, 7, 11], &[10], 1.0), 1);
        assert_eq!(step(&[100, 300], &[10], 1.0), 100);
        assert_eq!(step(&[], &[10], 1.0), 1);
    }

    #[test]
    fn a_survey_counts_and_samples() {
        let mut survey = Survey::default();
        for n in 1..=2000u64 {
            let order = Order::new(OrderId(n), Price(1000 + n as i64 % 7), Quantity(n));
            let event = Event::new(SubjectId(0), Nanos(n), order);
            survey.see(&event.with_flags(Flags::of(Side::Buy)));
        }
        let survey = survey.finish();
        let of = &survey.subjects[&SubjectId(0)];
        assert_eq!((survey.order_max, of.events, of.sizes.len()), (2000, 2000, SAMPLE));
        assert_eq!((of.tick, of.lot, survey.tells_participants()), (1, 1, false));
        assert!((800..1200).contains(&of.quantile(0.5)), "{}", of.quantile(0.5));
        assert_eq!(survey.span, Some((Nanos(1), Nanos(2000))));
    }
}
