//! P07, momentum ignition: somebody starts a trend with a burst of trades, others follow, and the first
//! one trades out against them.
//!
//! **What.** A person comes and takes, in one direction, within
//! [`burst_max_s`](MomentumIgnition::burst_max_s):
//! - out of a quiet market ([`quiet_sigmas_max`](MomentumIgnition::quiet_sigmas_max) over
//!   [`quiet_s`](MomentumIgnition::quiet_s); a tick is no move),
//! - much of all that trades meanwhile ([`share_min`](MomentumIgnition::share_min)),
//! - through several prices ([`levels_min`](MomentumIgnition::levels_min)).
//!
//! Then others take in the same direction, within [`follow_s`](MomentumIgnition::follow_s), a multiple of
//! it ([`follow_ratio_min`](MomentumIgnition::follow_ratio_min)). And the person trades the other way
//! within [`harvest_s`](MomentumIgnition::harvest_s): a good part of the burst
//! ([`harvest_share_min`](MomentumIgnition::harvest_share_min)), at better prices on average
//! ([`gain_min_ticks`](MomentumIgnition::gain_min_ticks)), far from where it began
//! ([`move_sigmas_min`](MomentumIgnition::move_sigmas_min), in usual moves of a minute).
//!
//! **Excused.** A headline shortly before or after the burst began
//! ([`news_before_s`](MomentumIgnition::news_before_s),
//! [`news_after_s`](MomentumIgnition::news_after_s)). Somebody who goes on in the direction of the burst
//! while trading the other way too: a programme, or a maker
//! ([`goes_on_max`](MomentumIgnition::goes_on_max)).
//!
//! **When.** With the trade that completes the harvest, or with the first one of the harvest after which
//! enough have followed; at the end of the time for it, where they followed later. That the price comes back is not waited for.
//!
//! **Score.** Share, prices, followers, move, size and speed of the harvest. The ranges begin below the
//! thresholds, and the least score is low: the conditions decide, the score ranks.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-4(f), 5(g), 6(i); 2017/565, Annex
//! III.B, 18; CME 575.
//!
//! **Known false positives.** A fast trader who was right and took the profit at once looks the same: what
//! made others follow is not in the data. **Known misses.** Bursts of orders inside the spread that never
//! trade; a trend in another instrument; burst and harvest under accounts that nothing joins.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, Trader, What};
use crate::desk::kept::kept;
use crate::desk::market::{Flow, Market};
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct MomentumIgnition = "P07" {
        /// How long the market is quiet before.
        quiet_s: u64 = 60, 1..=3600, "s", Judgement;
        /// How far it may have moved in that time, in usual moves.
        quiet_sigmas_max: f64 = 0.5, 0.0..=100.0, "σ", Judgement;
        /// How long a burst lasts at most.
        burst_max_s: u64 = 30, 1..=600, "s", Judgement;
        /// The burst's share of all that trades while it lasts.
        share_min: f64 = 0.5, 0.01..=1.0, "", Judgement;
        /// At how many prices it trades.
        levels_min: u32 = 3, 1..=1000, "", Judgement;
        /// How long after the burst others follow.
        follow_s: u64 = 60, 1..=3600, "s", Judgement;
        /// What they take in its direction, for each unit of it.
        follow_ratio_min: f64 = 2.0, 0.1..=1000.0, "×", Judgement;
        /// From the mid before the burst to the price of the harvest.
        move_sigmas_min: f64 = 3.0, 0.1..=1000.0, "σ", Judgement;
        /// How long after the burst the harvest may be.
        harvest_s: u64 = 300, 1..=86400, "s", Judgement;
        /// What is traded the other way, as a share of the burst.
        harvest_share_min: f64 = 0.5, 0.01..=100.0, "", Judgement;
        /// How much better its average price is than the burst's.
        gain_min_ticks: f64 = 0.5, 0.0..=100000.0, "ticks", Judgement;
        /// A headline so long before the burst explains it.
        news_before_s: u64 = 60, 0..=86400, "s", Judgement;
        /// The same after it began.
        news_after_s: u64 = 10, 0..=3600, "s", Judgement;
        /// What the person goes on to trade in the direction of the burst, as a share of the harvest.
        goes_on_max: f64 = 0.5, 0.0..=100.0, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 15.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    bursts: VecDeque<Burst>,
    /// The second in which old bursts were last let go.
    tidied_s: u64,
    tally: Tally,
}

kept!(Memory { bursts, tidied_s, tally });

/// Trades of a person who comes, in one direction, and what became of them.
struct Burst {
    person: Person,
    side: Side,
    begun_at: Nanos,
    last_at: Nanos,
    /// The market before it.
    mid: f64,
    sigma: f64,
    /// The move of the quiet time before, in usual moves.
    before: f64,
    has_news: bool,
    quantity: u64,
    value: f64,
    /// The farthest price, and how many there were.
    far: Price,
    levels: u32,
    /// Everybody's trades before it began, and as of its last trade.
    flow_before: Flow,
    flow_after: Flow,
    trades: Vec<Trade>,
    /// Traded on in its direction; of that, what came.
    more: u64,
    more_taken: u64,
    harvested: u64,
    harvest_value: f64,
    harvest: Vec<Trade>,
}

/// A trade, for the evidence.
#[derive(Clone, Copy)]
struct Trade {
    seq: u64,
    order: OrderId,
    price: Option<Price>,
    quantity: u64,
}

kept!(Burst {
    person,
    side,
    begun_at,
    last_at,
    mid,
    sigma,
    before,
    has_news,
    quantity,
    value,
    far,
    levels,
    flow_before,
    flow_after,
    trades,
    more,
    more_taken,
    harvested,
    harvest_value,
    harvest,
});
kept!(Trade { seq, order, price, quantity });

/// Bursts that are followed at a time; the oldest gives way.
const BURSTS_MAX: usize = 128;
/// Trades of burst and harvest that are named.
const TRADES_MAX: usize = 12;

impl Pattern for MomentumIgnition {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Fill, What::Print, What::News];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "quiet_before",
        "share",
        "levels",
        "follow_ratio",
        "move",
        "harvest_share",
        "gain",
        "news",
        "goes_on",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        self.tidy(memory, scene, bench);
        let Some(deed) = scene.deed else {
            let is_new = |burst: &&mut Burst| scene.now.since(burst.begun_at) <= self.news_after();
            return memory.bursts.iter_mut().filter(is_new).for_each(|burst| burst.has_news = true);
        };
        if !scene.market.is_continuous() || deed.is_with_oneself() {
            return;
        }
        let Some(price) = deed.price else { return };
        for trader in deed.traders() {
            self.follow(memory, trader, price, deed, scene, bench);
        }
    }
}

impl MomentumIgnition {
    fn news_after(&self) -> Nanos {
        Nanos::from_secs(self.news_after_s)
    }

    /// Somebody has traded: is it part of a burst of theirs, or of its harvest?
    fn follow(
        &self,
        memory: &mut Memory,
        trader: Trader,
        price: Price,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let person = trader.who.person;
        let mut is_part = false;
        let mut found = false;
        for burst in memory.bursts.iter_mut().filter(|burst| burst.person == person) {
            if burst.side != trader.side {
                burst.reap(price, deed);
                found |= self.may_matter(burst, scene, bench)
                    && self.judge(burst, &mut memory.tally, scene, bench);
                continue;
            }
            let goes_on = trader.comes
                && burst.harvested == 0
                && deed.at.since(burst.begun_at) <= Nanos::from_secs(self.burst_max_s);
            if goes_on {
                burst.grow(price, deed, scene);
                is_part = true;
            } else {
                burst.more = burst.more.saturating_add(deed.quantity);
                burst.more_taken += u64::from(trader.comes) * deed.quantity;
            }
        }
        if found {
            let is_over = |burst: &Burst| burst.person == person && burst.side != trader.side;
            memory.bursts.retain(|burst| !is_over(burst));
        }
        if trader.comes && !is_part {
            if memory.bursts.len() == BURSTS_MAX {
                memory.bursts.pop_front();
            }
            memory.bursts.extend(self.begin(trader, price, deed, scene));
        }
    }

    fn begin(&self, trader: Trader, price: Price, deed: &Deed, scene: &Scene<'_>) -> Option<Burst> {
        let market = scene.market;
        let mid = scene.mid_before()?;
        let was = self.mid_of_quiet(deed.at, market).unwrap_or(mid);
        let moved = ((mid - was).abs() - market.tick() as f64).max(0.0);
        let news_before = Nanos::from_secs(self.news_before_s);
        let flow = *market.flow().total();
        let mut flow_before = flow;
        match trader.side {
            Side::Buy => flow_before.bought -= deed.quantity,
            Side::Sell => flow_before.sold -= deed.quantity,
        }
        let trade = Trade::of(deed);
        Some(Burst {
            person: trader.who.person,
            side: trader.side,
            begun_at: deed.at,
            last_at: deed.at,
            mid,
            sigma: market.sigma(60.0),
            before: moved / market.sigma(self.quiet_s as f64),
            has_news: market.news_at.is_some_and(|news| deed.at.since(news) <= news_before),
            quantity: deed.quantity,
            value: deed.quantity as f64 * price.0 as f64,
            far: price,
            levels: 1,
            flow_before,
            flow_after: flow,
            trades: vec![trade],
            more: 0,
            more_taken: 0,
            harvested: 0,
            harvest_value: 0.0,
            harvest: Vec::new(),
        })
    }

    /// Where the mid stood when the quiet time began: the median of a few seconds around then, because a
    /// touch that is bettered for a moment is no move.
    fn mid_of_quiet(&self, at: Nanos, market: &Market) -> Option<f64> {
        let ago = |seconds: u64| market.mid_at(Nanos(at.0.saturating_sub(seconds * 1_000_000_000)));
        let mut mids = [4, 2, 0, -2, -4].map(|off| ago(self.quiet_s.saturating_add_signed(off)));
        mids.sort_unstable_by(|one, other| one.partial_cmp(other).expect("no mid is NaN"));
        mids[2]
    }

    /// Whether it is worth the evidence: most bursts and harvests are too small.
    fn may_matter(&self, burst: &Burst, scene: &Scene<'_>, bench: &Bench<'_>) -> bool {
        let is_ripe = burst.levels >= self.levels_min
            && burst.harvest_share() >= self.harvest_share_min
            && self.followed(burst, scene) >= self.follow_ratio_min;
        is_ripe || bench.is_asked(burst.person)
    }

    /// What others took in the direction of the burst after it, for each unit of it.
    fn followed(&self, burst: &Burst, scene: &Scene<'_>) -> f64 {
        let flow = scene.market.flow();
        let end = burst.last_at + Nanos::from_secs(self.follow_s);
        let later = flow.since(end + Nanos::from_secs(1));
        let until = *flow.total() - later;
        let taken = match burst.side {
            Side::Buy => until.bought.saturating_sub(burst.flow_after.bought),
            Side::Sell => until.sold.saturating_sub(burst.flow_after.sold),
        };
        taken.saturating_sub(burst.more_taken) as f64 / burst.quantity.max(1) as f64
    }

    /// Lets go of what is over, once in a second.
    fn tidy(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let second = scene.now.0 / 1_000_000_000;
        if memory.bursts.is_empty() || memory.tidied_s == second {
            return;
        }
        memory.tidied_s = second;
        let Memory { bursts, tally, .. } = memory;
        bursts.retain(|burst| {
            let is_small = burst.levels < self.levels_min && !bench.is_asked(burst.person);
            let span = if is_small { self.burst_max_s } else { self.harvest_s };
            let is_over = scene.now.since(burst.last_at) > Nanos::from_secs(span);
            if is_over && self.may_matter(burst, scene, bench) {
                self.judge(burst, tally, scene, bench);
            }
            !is_over
        });
    }

    fn judge(
        &self,
        burst: &Burst,
        tally: &mut Tally,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) -> bool {
        let sign = if burst.side == Side::Buy { 1.0 } else { -1.0 };
        let flow = burst.flow_after - burst.flow_before;
        let traded = (flow.bought + flow.sold + flow.unsided).max(1) as f64;
        let share = burst.quantity as f64 / traded;
        let follow_ratio = self.followed(burst, scene);
        let price = burst.value / burst.quantity.max(1) as f64;
        let harvest_price = burst.harvest_value / burst.harvested.max(1) as f64;
        let has_harvest = f64::from(u8::from(burst.harvested > 0));
        let gain = has_harvest * sign * (harvest_price - price) / scene.market.tick() as f64;
        let moved = has_harvest * sign * (harvest_price - burst.mid) / burst.sigma;
        let goes_on = burst.more as f64 / burst.harvested.max(1) as f64;

        let mut case = bench.suspect(scene, burst.person, Severity::High);
        case.needs("quiet_before", burst.before, AtMost(self.quiet_sigmas_max));
        case.needs("share", share, AtLeast(self.share_min));
        case.needs("levels", f64::from(burst.levels), AtLeast(f64::from(self.levels_min)));
        case.needs("follow_ratio", follow_ratio, AtLeast(self.follow_ratio_min));
        case.needs("move", moved, AtLeast(self.move_sigmas_min));
        case.needs("harvest_share", burst.harvest_share(), AtLeast(self.harvest_share_min));
        case.needs("gain", gain, AtLeast(self.gain_min_ticks));
        case.unless_that("news", burst.has_news);
        case.unless_excused("goes_on", goes_on, AtMost(self.goes_on_max));

        let took = scene.now.since(burst.last_at).0 as f64;
        let speed = 1.0 - took / Nanos::from_secs(self.harvest_s).0 as f64;
        case.weighs("share", share, 0.25, 0.9);
        case.weighs("levels", f64::from(burst.levels), 1.0, 6.0);
        case.weighs("follow_ratio", follow_ratio, 1.0, 5.0);
        case.weighs("move", moved, 1.0, 8.0);
        case.weighs("harvest_share", burst.harvest_share(), 0.25, 1.5);
        case.weighs("speed", speed, 0.0, 1.0);

        case.begins(burst.trades.first().map_or(scene.seq, |trade| trade.seq), burst.begun_at);
        for (part, side, trades) in [
            (Part::Deceptive, burst.side, &burst.trades),
            (Part::Genuine, burst.side.opposite(), &burst.harvest),
        ] {
            for trade in trades {
                case.part(part, (trade.seq, trade.order), (side, trade.price, trade.quantity));
            }
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, tally, repeats)
    }
}

impl Burst {
    fn harvest_share(&self) -> f64 {
        self.harvested as f64 / self.quantity.max(1) as f64
    }

    /// One more trade of the burst.
    fn grow(&mut self, price: Price, deed: &Deed, scene: &Scene<'_>) {
        self.last_at = deed.at;
        self.quantity = self.quantity.saturating_add(deed.quantity);
        self.value += deed.quantity as f64 * price.0 as f64;
        self.flow_after = *scene.market.flow().total();
        let is_farther = match self.side {
            Side::Buy => price > self.far,
            Side::Sell => price < self.far,
        };
        if is_farther {
            (self.far, self.levels) = (price, self.levels + 1);
        }
        if self.trades.len() < TRADES_MAX {
            self.trades.push(Trade::of(deed));
        }
    }

    /// One more trade of the harvest.
    fn reap(&mut self, price: Price, deed: &Deed) {
        self.harvested = self.harvested.saturating_add(deed.quantity);
        self.harvest_value += deed.quantity as f64 * price.0 as f64;
        if self.harvest.len() < TRADES_MAX {
            self.harvest.push(Trade::of(deed));
        }
    }
}

impl Trade {
    fn of(deed: &Deed) -> Self {
        let Deed { seq, order, price, quantity, .. } = *deed;
        Self { seq, order, price, quantity }
    }
}
