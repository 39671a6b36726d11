//! The latest trades between persons, and how often each two have met in them.

use super::Trade;
use crate::desk::kept::Kept;
use crate::desk::people::Person;
use engine_observer::event::{Nanos, Reader, SnapshotError, Writer};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Trades that are remembered.
const TRADES_MAX: usize = 4_096;

/// The latest trades; what is counted of them follows from them, and is not kept.
#[derive(Default)]
pub(super) struct Trades {
    latest: VecDeque<Trade>,
    /// From seller to buyer.
    met: FxHashMap<(u32, u32), u32>,
    sold: FxHashMap<u32, u32>,
    bought: FxHashMap<u32, u32>,
}

impl Trades {
    pub(super) fn len(&self) -> usize {
        self.latest.len()
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Trade> {
        self.latest.back_mut()
    }

    pub(super) fn push(&mut self, trade: Trade) {
        if self.latest.len() == TRADES_MAX
            && let Some(first) = self.latest.pop_front()
        {
            less(&mut self.met, first.between());
            less(&mut self.sold, first.seller.0);
            less(&mut self.bought, first.buyer.0);
        }
        self.count(&trade);
        self.latest.push_back(trade);
    }

    fn count(&mut self, trade: &Trade) {
        *self.met.entry(trade.between()).or_default() += 1;
        *self.sold.entry(trade.seller.0).or_default() += 1;
        *self.bought.entry(trade.buyer.0).or_default() += 1;
    }

    /// How often the one has sold to the other.
    pub(super) fn met(&self, seller: Person, buyer: Person) -> u32 {
        self.met.get(&(seller.0, buyer.0)).copied().unwrap_or(0)
    }

    /// How often that would be if nobody chose whom they meet.
    pub(super) fn by_chance(&self, seller: Person, buyer: Person) -> f64 {
        let [sold, bought] = [(&self.sold, seller), (&self.bought, buyer)]
            .map(|(of, person)| f64::from(of.get(&person.0).copied().unwrap_or(0)));
        sold * bought / self.latest.len().max(1) as f64
    }

    pub(super) fn since(&self, from: Nanos) -> Vec<Trade> {
        let first = self.latest.partition_point(|trade| trade.at < from);
        self.latest.range(first..).copied().collect()
    }

    pub(super) fn retain(&mut self, stays: impl Fn(&Trade) -> bool) {
        self.latest.retain(stays);
        *self = Self::of(std::mem::take(&mut self.latest));
    }

    fn of(latest: VecDeque<Trade>) -> Self {
        let mut trades = Self::default();
        latest.iter().for_each(|trade| trades.count(trade));
        Self { latest, ..trades }
    }
}

impl Trade {
    fn between(&self) -> (u32, u32) {
        (self.seller.0, self.buyer.0)
    }
}

/// One less; what is not there any more is forgotten.
fn less<K: std::hash::Hash + Eq>(of: &mut FxHashMap<K, u32>, key: K) {
    if let std::collections::hash_map::Entry::Occupied(mut count) = of.entry(key) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

impl Kept for Trades {
    fn keep(&self, to: &mut Writer) {
        self.latest.keep(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(Self::of(VecDeque::restore(from)?))
    }
}
