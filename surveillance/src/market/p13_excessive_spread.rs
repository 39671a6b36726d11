//! P13, an excessive spread: whoever quotes alone holds bid and offer far apart, and others trade at those
//! prices.
//!
//! **What.** The spread is many times its usual size ([`ratio_min`](ExcessiveSpread::ratio_min) its mean of
//! the last [`usual_span_s`](ExcessiveSpread::usual_span_s), [`z_min`](ExcessiveSpread::z_min) deviations
//! from it) for long ([`lasts_min_s`](ExcessiveSpread::lasts_min_s)). For most of that time
//! ([`held_share_min`](ExcessiveSpread::held_share_min)) one person's orders are the first both at the best
//! bid and at the best offer. And others come and trade with that person
//! ([`trades_min`](ExcessiveSpread::trades_min)).
//!
//! **Excused.** The market moves: the mid moved more than it usually does
//! ([`calm_sigmas_max`](ExcessiveSpread::calm_sigmas_max)) in the minute before, or since the spread
//! opened. A headline in the time before ([`news_s`](ExcessiveSpread::news_s)), or since.
//!
//! **When.** When it has lasted long enough, or with the trade after that that makes them enough. Once for
//! each time that the spread opens.
//!
//! **Score.** How wide, by both measures, how long, whose share, how many trades, and what they paid beyond
//! half a usual spread. The ranges begin below the thresholds and the least score is low: the conditions
//! decide, the score ranks.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-6(c); 2017/565, Annex III.B, 13 and
//! 17; the obligations of market makers.
//!
//! **Known false positives.** Hours in which a maker need not quote, and holidays where the underlying
//! trades; stress in an underlying that shows nowhere here. **Known misses.** A spread that opens slowly
//! becomes the usual one; a few makers who widen together: each holds the best prices for a part of the
//! time; prices elsewhere that are computed from the spread.

mod canary;
#[cfg(test)]
mod tests;

use crate::baseline::Baseline;
use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct ExcessiveSpread = "P13" {
        /// The spread, for each unit of a usual one.
        ratio_min: f64 = 3.0, 1.1..=1000.0, "×", Judgement;
        /// The same in deviations from the mean.
        z_min: f64 = 4.0, 0.0..=1000.0, "", Judgement;
        /// How long it lasts.
        lasts_min_s: u64 = 120, 1..=86400, "s", Judgement;
        /// The share of that time in which one person has both best prices.
        held_share_min: f64 = 0.8, 0.01..=1.0, "", Judgement;
        /// Trades of others with that person meanwhile.
        trades_min: u32 = 1, 0..=1000, "", Judgement;
        /// How far the mid may have moved, in usual moves.
        calm_sigmas_max: f64 = 2.0, 0.1..=1000.0, "σ", Judgement;
        /// A headline so long before explains it.
        news_s: u64 = 1800, 0..=86400, "s", Judgement;
        /// The time that a usual spread is learned from.
        usual_span_s: f64 = 3600.0, 60.0..=864000.0, "s", Judgement;
        /// Seconds that have to be known before.
        known_min_s: u64 = 300, 2..=86400, "s", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 15.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    /// Spreads, second by second, while they were usual.
    usual: Baseline,
    /// The latest of those seconds, the spread as it last was in it, and how many there were.
    second: u64,
    spread: i64,
    seconds: u64,
    wide: Option<Wide>,
    tally: Tally,
}

kept!(Memory { usual, second, spread, seconds, wide, tally });

/// A spread that is wide.
struct Wide {
    since: Nanos,
    seq: u64,
    /// The mean before, and the deviation.
    mean: f64,
    sd: f64,
    /// The narrowest since.
    spread: i64,
    /// How far the mid had moved in the minute before, in usual moves.
    moved_before: f64,
    has_news: bool,
    /// Who has both best prices, since when.
    holder: Option<Person>,
    counted_at: Nanos,
    /// For how long each had them, in nanoseconds.
    held: Vec<(Person, u64)>,
    trades: Vec<Trade>,
    is_told: bool,
}

/// A trade with somebody who has both best prices.
struct Trade {
    with: Person,
    seq: u64,
    order: OrderId,
    side: Side,
    price: Price,
    quantity: u64,
    /// How far from the mid, in price units.
    paid: f64,
}

kept!(Wide {
    since,
    seq,
    mean,
    sd,
    spread,
    moved_before,
    has_news,
    holder,
    counted_at,
    held,
    trades,
    is_told,
});
kept!(Trade { with, seq, order, side, price, quantity, paid });

/// Persons whose time is counted while the spread is wide: the first ones.
const HELD_MAX: usize = 16;
/// Trades that are remembered meanwhile: the first ones.
const TRADES_MAX: usize = 64;
/// Trades that are named.
const TRADES_SHOWN: usize = 20;
/// For the one who asks, a spread is wide from here on.
const ASKED_RATIO: f64 = 1.5;

impl Pattern for ExcessiveSpread {
    type Memory = Memory;

    const WANTS: &'static [What] =
        &[What::Enter, What::Amend, What::Cancel, What::Fill, What::Phase, What::News];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] =
        &["spread_ratio", "spread_z", "lasts", "held_share", "trades", "moving", "news"];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let spread = scene.market.spread.filter(|_| scene.market.is_continuous());
        let Some(spread) = spread.filter(|spread| *spread > 0) else {
            return self.narrow(memory, scene, bench);
        };
        let Some(deed) = scene.deed else {
            memory.wide.iter_mut().for_each(|wide| wide.has_news |= scene.what == What::News);
            return;
        };
        let is_asked = deed.owner.is_some_and(|owner| bench.is_asked(owner.person));
        let ratio = if is_asked { self.ratio_min.min(ASKED_RATIO) } else { self.ratio_min };
        let mean = memory.wide.as_ref().map_or(memory.usual.mean(), |wide| wide.mean);
        if memory.seconds < self.known_min_s || (spread as f64) < ratio * mean {
            self.narrow(memory, scene, bench);
            return self.learn(memory, spread, deed.at);
        }
        match &mut memory.wide {
            None => self.widen(memory, spread, deed, scene, bench),
            Some(wide) => {
                wide.count(deed.at);
                wide.spread = wide.spread.min(spread);
                wide.trade(deed, scene);
                if scene.change.is_some_and(|change| change.touch_changed) {
                    wide.holder = holder(scene);
                }
                let is_due = deed.at.since(wide.since) >= Nanos::from_secs(self.lasts_min_s);
                if is_due && deed.what == What::Fill {
                    self.judge(memory, scene, bench);
                }
            }
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(wide) = &mut memory.wide else { return };
        if scene.now.since(wide.since) >= Nanos::from_secs(self.lasts_min_s) {
            wide.count(scene.now);
            self.judge(memory, scene, bench);
        }
    }
}

impl ExcessiveSpread {
    /// A usual spread: as it is when a second ends.
    fn learn(&self, memory: &mut Memory, spread: i64, at: Nanos) {
        let second = at.0 / 1_000_000_000;
        if second > memory.second {
            memory.second = second;
            memory.seconds += 1;
            let ended = if memory.spread > 0 { memory.spread } else { spread };
            memory.usual.take(ended as f64, self.usual_span_s);
        }
        memory.spread = spread;
    }

    /// The spread is wide now.
    fn widen(
        &self,
        memory: &mut Memory,
        spread: i64,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let market = scene.market;
        let ago = |seconds: u64| Nanos(deed.at.0.saturating_sub(seconds * 1_000_000_000));
        let mids = market.mid_at(ago(1)).zip(market.mid_at(ago(61)));
        let moved = mids.map_or(0.0, |(before, then)| (before - then).abs());
        let since_news = market.news_at.map(|news| deed.at.since(news));
        memory.wide = Some(Wide {
            since: deed.at,
            seq: deed.seq,
            mean: memory.usual.mean(),
            sd: memory.usual.sd().max(market.tick() as f64 / 2.0),
            spread,
            moved_before: moved / market.sigma(60.0),
            has_news: since_news.is_some_and(|since| since <= Nanos::from_secs(self.news_s)),
            holder: holder(scene),
            counted_at: deed.at,
            held: Vec::new(),
            trades: Vec::new(),
            is_told: false,
        });
        bench.wake_at(deed.at + Nanos::from_secs(self.lasts_min_s));
    }

    /// The spread is usual again, or nobody trades.
    fn narrow(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(wide) = &mut memory.wide else { return };
        wide.count(scene.now);
        if wide.longest().is_some_and(|(person, _)| bench.is_asked(person)) {
            self.judge(memory, scene, bench);
        }
        memory.wide = None;
    }

    fn judge(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Memory { wide: Some(wide), tally, .. } = memory else { return };
        let Some((person, held)) = wide.longest().filter(|_| !wide.is_told) else { return };
        let lasts = scene.now.since(wide.since).0 as f64;
        let trades: Vec<_> = wide.trades.iter().filter(|trade| trade.with == person).collect();
        let is_ripe =
            held as f64 >= self.held_share_min * lasts && trades.len() >= self.trades_min as usize;
        if !is_ripe && !bench.is_asked(person) {
            return;
        }
        let (market, seconds) = (scene.market, lasts / 1e9);
        let second_on = wide.since + Nanos::from_secs(1);
        let within = market.range_since(second_on).map_or(0.0, |(low, high)| high - low);
        let within = (within - wide.mean / 2.0).max(0.0) / market.sigma(seconds.max(1.0));
        let ratio = wide.spread as f64 / wide.mean.max(1.0);
        let z = (wide.spread as f64 - wide.mean) / wide.sd;
        let held_share = held as f64 / lasts.max(1.0);
        let paid: f64 = trades.iter().map(|trade| trade.paid).sum();
        let beyond = paid / (trades.len().max(1) as f64 * wide.mean.max(1.0) / 2.0);

        let mut case = bench.suspect(scene, person, Severity::Medium);
        case.needs("spread_ratio", ratio, AtLeast(self.ratio_min));
        case.needs("spread_z", z, AtLeast(self.z_min));
        case.needs("lasts", seconds, AtLeast(self.lasts_min_s as f64));
        case.needs("held_share", held_share, AtLeast(self.held_share_min));
        case.needs("trades", trades.len() as f64, AtLeast(f64::from(self.trades_min)));
        let moving = wide.moved_before.max(within);
        case.unless_excused("moving", moving, AtMost(self.calm_sigmas_max));
        case.unless_that("news", wide.has_news);

        case.weighs("spread_ratio", ratio, 1.5, 8.0);
        case.weighs("spread_z", z, 2.0, 15.0);
        case.weighs("lasts", seconds / self.lasts_min_s as f64, 0.5, 5.0);
        case.weighs("held_share", held_share, 0.4, 1.0);
        case.weighs("trades", trades.len() as f64, 0.0, 5.0);
        case.weighs("paid_to_usual", beyond, 1.0, 6.0);

        case.begins(wide.seq, wide.since);
        for side in [Side::Buy, Side::Sell] {
            let mut own = scene.ledger.orders_of(person, side);
            let best = own.find(|live| market.best_of(side) == Some(live.price));
            best.into_iter().for_each(|live| case.order(Part::Deceptive, live));
        }
        for trade in trades.iter().take(TRADES_SHOWN) {
            let traded = (trade.side, trade.price, trade.quantity);
            case.part(Part::Victim, (trade.seq, trade.order), traded);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        wide.is_told = bench.settle(case, scene, tally, repeats);
    }
}

impl Wide {
    /// Counts the time of the one who has both best prices, up to now.
    fn count(&mut self, now: Nanos) {
        let passed = now.since(self.counted_at).0;
        self.counted_at = now;
        let Some(holder) = self.holder else { return };
        if let Some((_, held)) = self.held.iter_mut().find(|(person, _)| *person == holder) {
            *held += passed;
        } else if self.held.len() < HELD_MAX {
            self.held.push((holder, passed));
        }
    }

    /// Who had both best prices for longest, and for how long.
    fn longest(&self) -> Option<(Person, u64)> {
        self.held.iter().copied().max_by_key(|(person, held)| (*held, std::cmp::Reverse(*person)))
    }

    /// Somebody trades with the one who has both best prices.
    fn trade(&mut self, deed: &Deed, scene: &Scene<'_>) {
        let Some(owner) = deed.owner.filter(|_| deed.what == What::Fill) else { return };
        let (Some(price), Some(mid)) = (deed.price, scene.mid_before()) else { return };
        if self.holder == Some(owner.person)
            && !deed.is_with_oneself()
            && self.trades.len() < TRADES_MAX
        {
            let Deed { seq, order, side, quantity, .. } = *deed;
            let (with, paid) = (owner.person, (price.0 as f64 - mid).abs());
            self.trades.push(Trade { with, seq, order, side, price, quantity, paid });
        }
    }
}

/// Whose orders are the first both at the best bid and at the best offer.
fn holder(scene: &Scene<'_>) -> Option<Person> {
    let (book, touch) = (scene.book?, scene.book?.touch());
    let first = |side: Side| {
        let order = book.orders_at(side, touch.of(side)?.price).next()?;
        scene.ledger.order(order.id).map(|(person, _)| person)
    };
    first(Side::Buy).filter(|bidder| first(Side::Sell) == Some(*bidder))
}
