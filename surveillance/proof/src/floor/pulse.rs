//! What a market did lately: its last trades, and where its mid stood.

use engine_event::{Nanos, ParticipantId, Price, Side};
use std::collections::VecDeque;

/// How many trades, and how many changes of the mid, are kept.
const KEPT: usize = 4096;

/// A trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trade {
    /// When.
    pub at: Nanos,
    /// At which price.
    pub price: Price,
    /// How much.
    pub quantity: u64,
    /// On which side the resting order stood.
    pub resting: Option<Side>,
    /// Whose it was.
    pub participant: Option<ParticipantId>,
    /// Who came.
    pub counterparty: Option<ParticipantId>,
}

/// A subject's latest trades and mids.
#[derive(Clone, Default, Debug)]
pub struct Pulse {
    trades: VecDeque<Trade>,
    mids: VecDeque<(Nanos, i64)>,
    improvements: VecDeque<(Nanos, Side)>,
    /// The mean spread, by the last changes of the mid, and by how many so far.
    spread: (f64, u32),
    /// What changed hands so far.
    pub volume: u64,
    /// How many trades there were.
    pub count: u64,
}

impl Pulse {
    /// How many changes of the mid a usual spread is learned from.
    const SPREADS: u32 = 256;

    pub(crate) fn push(&mut self, trade: Trade) {
        self.volume = self.volume.saturating_add(trade.quantity);
        self.count += 1;
        if self.trades.len() == KEPT {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
    }

    pub(crate) fn stand(&mut self, at: Nanos, mid2: i64, spread: i64) {
        if self.mids.back().is_some_and(|(_, last)| *last == mid2) {
            return;
        }
        if self.mids.len() == KEPT {
            self.mids.pop_front();
        }
        self.mids.push_back((at, mid2));
        let (mean, of) = &mut self.spread;
        *of = (*of + 1).min(Self::SPREADS);
        *mean += (spread.max(0) as f64 - *mean) / f64::from(*of);
    }

    /// The spread as it usually is, in price units.
    pub fn spread(&self) -> f64 {
        self.spread.0
    }

    /// Somebody of the base has set a better best price.
    pub(crate) fn improve(&mut self, at: Nanos, side: Side) {
        if self.improvements.len() == KEPT {
            self.improvements.pop_front();
        }
        self.improvements.push_back((at, side));
    }

    /// How often the base has improved a side's best price from this time on.
    pub fn improvements(&self, side: Side, from: Nanos) -> usize {
        let late = self.improvements.iter().rev().take_while(|(at, _)| *at >= from);
        late.filter(|(_, of)| *of == side).count()
    }

    /// Trades from this time on, the latest first.
    pub fn since(&self, from: Nanos) -> impl Iterator<Item = &Trade> {
        self.trades.iter().rev().take_while(move |trade| trade.at >= from)
    }

    /// What traded from this time on.
    pub fn volume_since(&self, from: Nanos) -> u64 {
        self.since(from).map(|trade| trade.quantity).sum()
    }

    /// The latest trade.
    pub fn last(&self) -> Option<&Trade> {
        self.trades.back()
    }

    /// Twice the mid as it stood at a time, if that is remembered.
    pub fn mid2_at(&self, at: Nanos) -> Option<i64> {
        self.mids.iter().rev().find(|(since, _)| *since <= at).map(|(_, mid2)| *mid2)
    }

    /// How far twice the mid typically moves within a second: a standard deviation by the mean of its moves
    /// from the end of one second to that of the next, so that what is bettered for a moment counts little.
    pub fn restlessness(&self, from: Nanos, now: Nanos) -> f64 {
        let second = |at: Nanos| at.0 / 1_000_000_000;
        let mut ends: Vec<(u64, i64)> = Vec::new();
        for (at, mid2) in self.mids.iter().filter(|(at, _)| *at >= from) {
            match ends.last_mut() {
                Some(last) if last.0 == second(*at) => last.1 = *mid2,
                _ => ends.push((second(*at), *mid2)),
            }
        }
        let moves: i64 = ends.windows(2).map(|two| (two[1].1 - two[0].1).abs()).sum();
        let seconds = (second(now) - second(from)).max(1);
        moves as f64 / seconds as f64 * (std::f64::consts::PI / 2.0).sqrt()
    }
}
