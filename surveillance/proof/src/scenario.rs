//! What a case is: the catalogue's words made into something that happens in a market.

use crate::cases;
use crate::desk::{Desk, Outcome};
use crate::label::Class;
use crate::stage::Stage;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;

/// An episode while it goes on.
pub type Episode<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// A class of positives or near misses of a pattern.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// `P01`.
    pub pattern: &'static str,
    /// Its name in labels; stays for ever.
    pub name: &'static str,
    /// Whether it must alert.
    pub class: Class,
    /// How many episodes make the campaign that gets a label.
    pub episodes: (u32, u32),
    /// How many accounts do it together.
    pub culprits: usize,
    /// Seconds between two episodes, least and most.
    pub apart_s: (u64, u64),
    /// The market that is made for it; none if it happens in the base's.
    pub stage: Option<Stage>,
    /// Only accounts that do nothing else do it.
    pub only_new: bool,
    /// What happens.
    pub run: for<'a> fn(&'a Desk) -> Episode<'a>,
}

impl Case {
    /// A positive of one culprit, done three to five times, some 20 to 60 seconds apart.
    pub const fn positive(
        pattern: &'static str,
        name: &'static str,
        run: for<'a> fn(&'a Desk) -> Episode<'a>,
    ) -> Self {
        let class = Class::Positive;
        let (episodes, culprits, apart_s) = ((3, 5), 1, (20, 60));
        let (stage, only_new) = (None, false);
        Self { pattern, name, class, episodes, culprits, apart_s, stage, only_new, run }
    }

    /// The same shape, but no abuse.
    pub const fn near_miss(
        pattern: &'static str,
        name: &'static str,
        run: for<'a> fn(&'a Desk) -> Episode<'a>,
    ) -> Self {
        Self { class: Class::NearMiss, ..Self::positive(pattern, name, run) }
    }

    /// So many episodes.
    pub const fn times(self, least: u32, most: u32) -> Self {
        Self { episodes: (least, most), ..self }
    }

    /// So many accounts.
    pub const fn by(self, culprits: usize) -> Self {
        Self { culprits, ..self }
    }

    /// So many seconds between two episodes.
    pub const fn apart(self, least: u64, most: u64) -> Self {
        Self { apart_s: (least, most), ..self }
    }

    /// In a market of its own.
    pub const fn on(self, stage: Stage) -> Self {
        Self { stage: Some(stage), ..self }
    }

    /// By accounts that do nothing else.
    pub const fn by_new(self, culprits: usize) -> Self {
        Self { culprits, only_new: true, ..self }
    }

    /// How many episodes there are to be.
    pub fn episodes(&self) -> RangeInclusive<u64> {
        u64::from(self.episodes.0)..=u64::from(self.episodes.1)
    }
}

/// All cases, pattern by pattern.
pub fn all() -> impl Iterator<Item = &'static Case> {
    cases::ALL.iter().flat_map(|cases| cases.iter())
}

/// The patterns that have cases, in their order.
pub fn patterns() -> Vec<&'static str> {
    let mut patterns: Vec<_> = all().map(|case| case.pattern).collect();
    patterns.dedup();
    patterns
}
