//! Learns what is usual: the desk's own view of a market, put down whenever a quarter of an hour is over.

use super::deed::Deed;
use super::market::Market;
use super::people::People;
use super::rules::TimeOfDay;
use super::sizes::Quantiles;
use super::usual::{
    Bucket, QUARTER, QUARTER_S, QUARTERS, Rates, SizesOf, Usual, UsualInstrument, unit,
};
use engine_observer::View;
use engine_observer::event::{Directory, SubjectId};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};

/// Looks at a history and tells afterwards what is usual in it.
#[derive(Default)]
pub struct Learner {
    instruments: FxHashMap<SubjectId, Learning>,
    people: People,
}

/// What was learned about one instrument.
#[derive(Default)]
struct Learning {
    market: Market,
    /// The quarter of an hour that is under way, counted since the epoch.
    quarter: Option<u64>,
    /// By quarter of the day: what each of the latest days was like.
    days: BTreeMap<u64, VecDeque<Rates>>,
}

impl Learner {
    /// Of so many days the median is usual: the latest.
    pub const DAYS_MAX: usize = 20;

    /// Looks at an event, with the book after it.
    pub fn see(&mut self, view: &View<'_>) {
        let Some(deed) = Deed::of(view, &self.people) else { return };
        let quarter = view.event.event_at.0 / QUARTER;
        let learning = self.instruments.entry(view.event.subject).or_default();
        if learning.quarter.is_none_or(|last| last < quarter) {
            learning.close();
            learning.quarter = Some(quarter);
        }
        learning.market.follow(view, Some(&deed));
    }

    /// What is usual, as far as it was seen on so many days.
    pub fn finish(mut self, names: &Directory, days_min: u32) -> Usual {
        self.instruments.values_mut().for_each(Learning::close);
        let mut instruments: Vec<UsualInstrument> = Vec::new();
        for (subject, learning) in &self.instruments {
            let Some(definition) = names.definition(*subject) else { continue };
            let units = (unit(definition.price_scale), unit(definition.quantity_scale));
            let days = learning.days.iter().filter(|(_, days)| days.len() >= days_min as usize);
            let buckets: Vec<_> =
                days.map(|(quarter, days)| usual(*quarter, days, units)).collect();
            if !buckets.is_empty() {
                let (subject, venue) = (names.name(*subject), names.venue(*subject));
                let (subject, venue) = (subject.to_string(), venue.to_string());
                instruments.push(UsualInstrument { subject, venue, buckets });
            }
        }
        instruments.sort_by(|a, b| (&a.subject, &a.venue).cmp(&(&b.subject, &b.venue)));
        Usual { version: Usual::VERSION, bucket_s: QUARTER_S, instruments }
    }
}

impl Learning {
    /// The quarter of an hour is over.
    fn close(&mut self) {
        let Some(quarter) = self.quarter else { return };
        let rates = self.market.take_rates();
        if rates.learned_s > 0.0 {
            let days = self.days.entry(quarter % QUARTERS).or_default();
            if days.len() == Learner::DAYS_MAX {
                days.pop_front();
            }
            days.push_back(rates);
        }
    }
}

fn usual(quarter: u64, days: &VecDeque<Rates>, (price, quantity): (f64, f64)) -> Bucket {
    let rate = |of: fn(&Rates) -> f64, unit: f64| {
        let median = median(days.iter().map(of).collect());
        median.map_or(0.0, |median| readable(median / unit))
    };
    let sizes = |of: fn(&Rates) -> Option<Quantiles>| {
        let one = |of_one: fn(Quantiles) -> u64| {
            let all = days.iter().filter_map(of).map(|sizes| of_one(sizes) as f64);
            median(all.collect()).map(|median| median / quantity)
        };
        Some(SizesOf {
            q10: one(|of| of.q10)?,
            q25: one(|of| of.q25)?,
            q50: one(|of| of.q50)?,
            q90: one(|of| of.q90)?,
            q99: one(|of| of.q99)?,
        })
    };
    Bucket {
        from: TimeOfDay(quarter as u32 * QUARTER_S),
        days: days.len() as u32,
        seconds: rate(|of| of.learned_s, 1.0),
        events_per_s: rate(|of| of.events_per_s, 1.0),
        volume_per_s: rate(|of| of.volume_per_s, quantity),
        move_1s: rate(|of| of.move_1s, price),
        // Crossed books of an opening say nothing about a usual spread.
        spread: rate(|of| of.spread.max(0.0), price),
        orders: sizes(|of| of.orders),
        trades: sizes(|of| of.trades),
    }
}

/// The middle one; of an even number, the mean of both.
fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    let high = *all.get(all.len() / 2)?;
    let low = all[(all.len() - 1) / 2];
    Some((low + high) / 2.0)
}

/// To seven digits.
fn readable(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}
