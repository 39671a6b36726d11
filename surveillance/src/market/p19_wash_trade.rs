//! P19, wash trade of one owner: a trade after which everything belongs to whom it belonged before.
//!
//! **What.** Buyer and seller are the same person ([`People`](crate::desk::people::People): the account, and the
//! accounts declared to be the same owner's), or another pattern has found that they act together, and is
//! sure enough of it ([`link_confidence_min`](WashTrade::link_confidence_min)). One such trade is an episode if there is a reason not to
//! take it for an accident:
//! - it is large for this market ([`size_ratio_min`](WashTrade::size_ratio_min) times the quantity that
//!   nine of ten trades stay below),
//! - the day's add up to a share of the market's ([`day_share_min`](WashTrade::day_share_min)),
//! - it is the [`count_min`](WashTrade::count_min)th of the day, or the
//!   [`month_count_min`](WashTrade::month_count_min)th of thirty days,
//! - it printed above or below everything of the last hours
//!   ([`extreme_ticks_min`](WashTrade::extreme_ticks_min)),
//! - the person traded at least [`flat_trades_min`](WashTrade::flat_trades_min) times within an hour or a
//!   day and stands where they stood ([`flat_share_max`](WashTrade::flat_share_max) of a mean trade).
//!
//! Executions within a millisecond are one trade. Size, share and extreme count from
//! [`sample_min`](WashTrade::sample_min) trades of the market on.
//!
//! **Excused.** A small cross ([`unintended_ratio_max`](WashTrade::unintended_ratio_max) times the median)
//! of two accounts of the person, while such are rare: two algorithms met by chance. It is counted, and
//! the tenth of a month is no chance any more. A trade that the feed tells to be a reported cross.
//!
//! **When.** With the trade.
//!
//! **Degraded.** `links`: nobody has declared the two to be one.
//!
//! **Score.** Size, share of the day, how many of the day, a new extreme, and how flat the person is. The
//! least score is low: any single reason is enough, and one of five gives no more than 20.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-3(a); 2017/565, Annex III.B, 2; FINRA
//! 5210.02, which sets unintended self-trades apart. The flat position with its margin and least number of
//! trades after Victor and Weintraud's study of exchanges without a book-keeper.
//!
//! **Known false positives.** Give-ups and allocations that come as plain trades. A bank whose desks are
//! declared to be one person and meet more than twice a day. **Known misses.** Owners whom nobody has
//! declared to be one, until P05, P20 or P21 find them; the day's market volume stands in for the mean of twenty days, which
//! this observer does not have, and a flat position of seven days is not looked for.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::remembered::Remembered;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use engine_observer::{Degraded, Severity};
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct WashTrade = "P19" {
        /// Large is so many times the quantity that nine of ten trades stay below.
        size_ratio_min: f64 = 1.0, 0.01..=1000.0, "×", Judgement;
        /// The person's trades with themselves, as a share of the market's volume of the day.
        day_share_min: f64 = 0.005, 0.0001..=1.0, "", Judgement;
        /// So many of a day are no accident.
        count_min: u32 = 3, 1..=10000, "", Judgement;
        /// So many of thirty days are no accident.
        month_count_min: u32 = 10, 1..=10000, "", Judgement;
        /// How far above or below all prices of the last hours a new extreme lies.
        extreme_ticks_min: f64 = 1.0, 0.5..=10000.0, "ticks", Judgement;
        /// The net change of a position that counts as none, as a share of a mean trade.
        flat_share_max: f64 = 0.01, 0.0..=10.0, "", Published;
        /// Trades from which a flat position says something.
        flat_trades_min: u32 = 10, 2..=100000, "", Published;
        /// An accident is smaller than so many times the median trade.
        unintended_ratio_max: f64 = 1.0, 0.0..=1000.0, "×", Judgement;
        /// Trades of the market from which size, share and extreme say something.
        sample_min: u32 = 30, 1..=100000, "", Judgement;
        /// How sure it must be that two who were not declared to be one act together.
        link_confidence_min: f64 = 0.9, 0.0..=1.0, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 4.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    day: u64,
    /// What everybody traded today.
    volume: u64,
    trades: u32,
    extremes: Extremes,
    of: Remembered<Person, Own, PERSONS_MAX>,
    tally: Tally,
}

/// The lowest and the highest price of this hour and of the one before.
#[derive(Default)]
struct Extremes {
    hour: u64,
    now: Option<(Price, Price)>,
    before: Option<(Price, Price)>,
}

/// What a person traded with themselves.
#[derive(Default)]
struct Own {
    /// The latest.
    crosses: VecDeque<Cross>,
    /// How many by day, the last thirty in which there were any.
    days: VecDeque<(u64, u32)>,
    /// Today's quantity.
    quantity: u64,
}

/// A trade of a person with themselves.
#[derive(Clone, Copy)]
struct Cross {
    at: Nanos,
    seq: u64,
    order: OrderId,
    side: Side,
    price: Option<Price>,
    quantity: u64,
    is_episode: bool,
}

kept!(Memory { day, volume, trades, extremes, of, tally });
kept!(Extremes { hour, now, before });
kept!(Own { crosses, days, quantity });
kept!(Cross { at, seq, order, side, price, quantity, is_episode });

/// Persons with such trades that are remembered.
const PERSONS_MAX: usize = 1_024;
/// Trades of each that are named.
const CROSSES_MAX: usize = 16;
/// Executions within this time are one trade.
const SAME_TRADE: Nanos = Nanos::from_millis(1);
const HOUR: u64 = 3_600_000_000_000;
const DAY: u64 = 24 * HOUR;
const MONTH_DAYS: u64 = 30;

impl Pattern for WashTrade {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Fill, What::Print];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] =
        &["same_owner", "reasons", "unintended_cross", "reported_cross"];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        memory.begin_day(deed.at.0 / DAY);
        memory.volume = memory.volume.saturating_add(deed.quantity);
        memory.trades = memory.trades.saturating_add(1);
        if let Some((buyer, seller)) = deed.parties() {
            let is_linked = bench.link(buyer.person, seller.person);
            if is_linked.is_some_and(|confidence| confidence >= self.link_confidence_min) {
                self.cross(memory, buyer.person, deed, scene, bench);
            } else if bench.is_asked(buyer.person) {
                self.judge(memory, buyer.person, deed, scene, bench);
            } else if bench.is_asked(seller.person) {
                self.judge(memory, seller.person, deed, scene, bench);
            }
        }
        if let Some(price) = deed.price {
            memory.extremes.take(price, deed.at);
        }
    }
}

impl Memory {
    fn begin_day(&mut self, day: u64) {
        if day != self.day {
            (self.day, self.volume, self.trades) = (day, 0, 0);
        }
    }
}

impl Extremes {
    fn take(&mut self, price: Price, at: Nanos) {
        let hour = at.0 / HOUR;
        if hour != self.hour {
            let ended = self.now.take();
            self.before = if hour == self.hour + 1 { ended } else { None };
            self.hour = hour;
        }
        let (low, high) = self.now.unwrap_or((price, price));
        self.now = Some((low.min(price), high.max(price)));
    }

    /// How far a price lies outside of what was; 0 within, or where nothing was.
    fn beyond(&self, price: Price) -> i64 {
        let both = [self.now, self.before].into_iter().flatten();
        let (low, high) = both.fold((i64::MAX, i64::MIN), |(low, high), (lower, higher)| {
            (low.min(lower.0), high.max(higher.0))
        });
        if low > high {
            return 0;
        }
        low.saturating_sub(price.0).max(price.0.saturating_sub(high)).max(0)
    }
}

impl Own {
    fn take(&mut self, deed: &Deed) {
        let day = deed.at.0 / DAY;
        match self.days.back_mut().filter(|last| last.0 == day) {
            Some(today) => today.1 += 1,
            None => {
                self.quantity = 0;
                self.days.push_back((day, 1));
            }
        }
        while self.days.front().is_some_and(|first| first.0 + MONTH_DAYS <= day) {
            self.days.pop_front();
        }
        self.quantity = self.quantity.saturating_add(deed.quantity);
        if self.crosses.len() == CROSSES_MAX {
            self.crosses.pop_front();
        }
        self.crosses.push_back(Cross {
            at: deed.at,
            seq: deed.seq,
            order: deed.order,
            side: deed.side,
            price: deed.price,
            quantity: deed.quantity,
            is_episode: false,
        });
    }

    /// How many today, and within thirty days.
    fn counts(&self, day: u64) -> (u32, u32) {
        let today = self.days.back().filter(|last| last.0 == day).map_or(0, |last| last.1);
        let month = self.days.iter().filter(|of| of.0 + MONTH_DAYS > day).map(|of| of.1).sum();
        (today, month)
    }
}

impl WashTrade {
    fn cross(
        &self,
        memory: &mut Memory,
        person: Person,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let own = memory.of.of(person, deed.at);
        let same = own.crosses.back_mut().filter(|last| deed.at.since(last.at) <= SAME_TRADE);
        if let Some(same) = same {
            same.quantity = same.quantity.saturating_add(deed.quantity);
            own.quantity = own.quantity.saturating_add(deed.quantity);
            if same.is_episode {
                return;
            }
        } else {
            own.take(deed);
        }
        let is_episode = self.judge(memory, person, deed, scene, bench);
        if let Some(last) = memory.of.of(person, deed.at).crosses.back_mut() {
            last.is_episode = is_episode;
        }
    }

    fn judge(
        &self,
        memory: &mut Memory,
        person: Person,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) -> bool {
        let none = Own::default();
        let own = memory.of.get(person).unwrap_or(&none);
        let confidence =
            deed.parties().and_then(|(one, other)| bench.link(one.person, other.person));
        let is_same = confidence.is_some_and(|confidence| confidence >= self.link_confidence_min);
        let quantity = match own.crosses.back() {
            Some(last) if is_same => last.quantity,
            _ => deed.quantity,
        };
        let knows_market = memory.trades >= self.sample_min;
        let sizes = scene.market.trade_sizes().unwrap_or_default();
        let of_size = |quantile: u64| quantity as f64 / quantile.max(1) as f64;
        let size_ratio = if knows_market { of_size(sizes.q90) } else { 0.0 };
        let today = if own.counts(memory.day).0 > 0 { own.quantity } else { 0 };
        let day_share = if knows_market { today as f64 / memory.volume.max(1) as f64 } else { 0.0 };
        let (count, month) = own.counts(memory.day);
        let beyond = deed.price.map_or(0, |price| memory.extremes.beyond(price));
        let beyond = if knows_market { beyond as f64 / scene.market.tick() as f64 } else { 0.0 };
        let flatness = self.flatness(person, scene);
        let reasons = [
            size_ratio >= self.size_ratio_min,
            day_share >= self.day_share_min,
            count >= self.count_min,
            month >= self.month_count_min,
            beyond >= self.extreme_ticks_min,
            flatness <= self.flat_share_max,
        ];
        let reasons = reasons.into_iter().filter(|holds| *holds).count();

        let mut case = bench.suspect(scene, person, Severity::High);
        case.needs_that("same_owner", is_same);
        case.needs("reasons", reasons as f64, AtLeast(1.0));
        let is_of_two = deed.owner.map(|who| who.account) != deed.aggressor.map(|who| who.account);
        let is_small = of_size(sizes.q50) < self.unintended_ratio_max && knows_market;
        let is_rare = count < self.count_min && month < self.month_count_min;
        case.unless_that("unintended_cross", is_of_two && is_small && is_rare);
        case.unless_excused("reported_cross", f64::from(u8::from(deed.is_cross)), AtMost(0.0));

        case.weighs("size_ratio", size_ratio, 0.0, 2.0 * self.size_ratio_min);
        case.weighs("day_share", day_share, 0.0, 4.0 * self.day_share_min);
        case.weighs("count", f64::from(count), 0.0, f64::from(self.count_min));
        case.weighs("extreme_ticks", beyond, 0.0, 2.0 * self.extreme_ticks_min);
        case.weighs("flatness", flatness, 1.0, 0.0);
        for cross in own.crosses.iter().filter(|cross| cross.at.0 / DAY == memory.day) {
            case.begins(cross.seq, cross.at);
            let told = (cross.side, cross.price, cross.quantity);
            case.part(Part::Deceptive, (cross.seq, cross.order), told);
        }
        case.degrade(Degraded::MEMORY.when(memory.of.is_forgetful()));
        if let Some(confidence) = confidence.filter(|confidence| *confidence < 1.0 && is_same) {
            case.confidence = confidence;
            case.degrade(Degraded::LINKS);
            let both = [deed.owner, deed.aggressor].into_iter().flatten();
            both.for_each(|who| case.with(who.account));
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, &mut memory.tally, repeats)
    }

    /// How little is left of what the person traded within an hour, or a day: the net as a share of a mean
    /// trade. 1 while there are too few trades to tell.
    fn flatness(&self, person: Person, scene: &Scene<'_>) -> f64 {
        let Some(account) = scene.ledger.of(person) else { return 1.0 };
        let of_window = |window: u64| {
            let done = account.done().since(Nanos(scene.now.0.saturating_sub(window)));
            if done.trades < u64::from(self.flat_trades_min) {
                return 1.0;
            }
            let mean = done.volume() as f64 / done.trades as f64;
            (done.net().unsigned_abs() as f64 / mean.max(1.0)).min(1.0)
        };
        of_window(HOUR).min(of_window(DAY))
    }
}
