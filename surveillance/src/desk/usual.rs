//! What is usual in an instrument at a time of day, as earlier days have shown it: base rates that are
//! learned once, written down, and read when a desk begins its work.
//!
//! A day has 96 quarters of an hour (UTC), and each instrument has its rates for those in which something
//! was seen. Prices and quantities are decimals, so that a feed may tell them in other units tomorrow.

use super::kept::kept;
use super::rules::TimeOfDay;
use super::sizes::Quantiles;
use engine_observer::Parameters;
use engine_observer::event::{Definition, Nanos};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A quarter of an hour.
pub(crate) const QUARTER: u64 = QUARTER_S as u64 * 1_000_000_000;
/// In seconds.
pub const QUARTER_S: u32 = 900;
/// How many a day has.
pub(crate) const QUARTERS: u64 = 96;

/// Usual rates of instruments.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usual {
    /// Of this layout.
    pub version: u32,
    /// Seconds of a bucket.
    pub bucket_s: u32,
    /// In the order of their names.
    pub instruments: Vec<UsualInstrument>,
}

/// An instrument's usual rates.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsualInstrument {
    /// Its name, as findings tell it.
    pub subject: String,
    /// Where it trades.
    pub venue: String,
    /// In the order of the day. Where there is none, nothing is known.
    pub buckets: Vec<Bucket>,
}

/// What is usual in a quarter of an hour: of several days, the median.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// When it begins (UTC).
    pub from: TimeOfDay,
    /// On how many days something was seen in it.
    pub days: u32,
    /// How many seconds of it, a pause counting as no more than a minute.
    pub seconds: f64,
    /// Messages and trades in a second.
    pub events_per_s: f64,
    /// Quantity that trades in a second.
    pub volume_per_s: f64,
    /// How far the mid moves within a second, up or down.
    pub move_1s: f64,
    /// Best offer less best bid.
    pub spread: f64,
    /// Sizes of orders as they enter; none while too few were seen.
    pub orders: Option<SizesOf>,
    /// Sizes of trades.
    pub trades: Option<SizesOf>,
}

/// Sizes that so many percent are not larger than.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SizesOf {
    pub q10: f64,
    pub q25: f64,
    pub q50: f64,
    pub q90: f64,
    pub q99: f64,
}

/// Rates in an instrument's own units.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(crate) struct Rates {
    /// Seconds that they were learned from.
    pub(crate) learned_s: f64,
    pub(crate) events_per_s: f64,
    pub(crate) volume_per_s: f64,
    pub(crate) move_1s: f64,
    pub(crate) spread: f64,
    pub(crate) orders: Option<Quantiles>,
    pub(crate) trades: Option<Quantiles>,
}

kept!(Rates { learned_s, events_per_s, volume_per_s, move_1s, spread, orders, trades });

/// Decimal places of an instrument's prices and quantities.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Scales {
    pub(crate) price: u8,
    pub(crate) quantity: u8,
}

kept!(Scales { price, quantity });

impl Usual {
    /// The layout that is written.
    pub const VERSION: u32 = 1;

    /// What is wrong with it, in a line.
    pub fn check(&self) -> Result<(), String> {
        let Self { version, bucket_s, instruments } = self;
        if (*version, *bucket_s) != (Self::VERSION, QUARTER_S) {
            return Err(format!(
                "usual rates have version {} and bucket_s {QUARTER_S}, not {version} and {bucket_s}",
                Self::VERSION
            ));
        }
        let mut names: Vec<_> = instruments.iter().map(|of| (&*of.subject, &*of.venue)).collect();
        names.sort_unstable();
        if let Some([(subject, venue), _]) = names.array_windows().find(|[a, b]| a == b) {
            return Err(format!("{subject:?} at {venue:?} is there twice"));
        }
        instruments.iter().try_for_each(UsualInstrument::check)
    }
}

impl UsualInstrument {
    fn check(&self) -> Result<(), String> {
        let mut before = None;
        for bucket in &self.buckets {
            let wrong = |what| format!("{} at {}: {what}", self.subject, bucket.from);
            let from = bucket.from.0;
            if !from.is_multiple_of(QUARTER_S) || before.is_some_and(|before| before >= from) {
                return Err(wrong("buckets begin at whole quarters of an hour, in their order"));
            }
            before = Some(from);
            if !bucket.numbers().all(|number| (0.0..=1e18).contains(&number)) {
                return Err(wrong("a rate is a number from 0 to 10^18"));
            }
        }
        Ok(())
    }
}

impl Bucket {
    fn numbers(&self) -> impl Iterator<Item = f64> {
        let Self { seconds, events_per_s, volume_per_s, move_1s, spread, orders, trades, .. } =
            self;
        let sizes = [orders, trades].into_iter().flatten();
        let sizes = sizes.flat_map(|of| [of.q10, of.q25, of.q50, of.q90, of.q99]);
        [*seconds, *events_per_s, *volume_per_s, *move_1s, *spread].into_iter().chain(sizes)
    }

    fn in_units(&self, scales: Scales) -> Rates {
        let (price, quantity) = (unit(scales.price), unit(scales.quantity));
        Rates {
            learned_s: self.seconds * f64::from(self.days),
            events_per_s: self.events_per_s,
            volume_per_s: self.volume_per_s * quantity,
            move_1s: self.move_1s * price,
            spread: self.spread * price,
            orders: self.orders.map(|sizes| sizes.in_units(quantity)),
            trades: self.trades.map(|sizes| sizes.in_units(quantity)),
        }
    }
}

impl SizesOf {
    fn in_units(self, unit: f64) -> Quantiles {
        let whole = |decimal: f64| (decimal * unit).round() as u64;
        let [q10, q25, q50, q90, q99] =
            [self.q10, self.q25, self.q50, self.q90, self.q99].map(whole);
        Quantiles { q10, q25, q50, q90, q99 }
    }
}

/// How many of the smallest units make a one.
pub(crate) fn unit(scale: u8) -> f64 {
    10f64.powi(i32::from(scale))
}

/// Usual rates at hand: found by an instrument's name as a number.
#[derive(Debug)]
pub(crate) struct Known {
    usual: Usual,
    places: FxHashMap<(u64, u32), usize>,
    pub(crate) hash: u64,
}

impl Known {
    pub(crate) fn new(usual: Usual) -> Result<Arc<Self>, String> {
        usual.check()?;
        let mut told = Parameters::default();
        let tags = |of: &UsualInstrument| {
            (Definition::tag_of(&of.subject), Definition::venue_tag_of(&of.venue))
        };
        for instrument in &usual.instruments {
            told.set("subject", &instrument.subject);
            told.set("venue", &instrument.venue);
            for bucket in &instrument.buckets {
                told.set("from", bucket.from);
                told.set("days", bucket.days);
                bucket.numbers().for_each(|number| told.set("is", number));
            }
        }
        let places = usual.instruments.iter().enumerate().map(|(place, of)| (tags(of), place));
        Ok(Arc::new(Self { places: places.collect(), hash: told.hash(), usual }))
    }

    /// What is known about an instrument.
    pub(crate) fn about(self: &Arc<Self>, name: (u64, u32), scales: Scales) -> Option<KnownOf> {
        let place = *self.places.get(&name)?;
        Some(KnownOf { known: self.clone(), place, scales })
    }
}

/// What is known about one instrument.
#[derive(Clone, Debug)]
pub(crate) struct KnownOf {
    known: Arc<Known>,
    place: usize,
    scales: Scales,
}

impl KnownOf {
    /// What is usual in the quarter of an hour that this moment is in.
    pub(crate) fn rates(&self, at: Nanos) -> Option<Rates> {
        let from = (at.0 / QUARTER % QUARTERS) as u32 * QUARTER_S;
        let buckets = &self.known.usual.instruments[self.place].buckets;
        let place = buckets.binary_search_by_key(&from, |bucket| bucket.from.0).ok()?;
        Some(buckets[place].in_units(self.scales))
    }
}

#[cfg(test)]
mod tests;
