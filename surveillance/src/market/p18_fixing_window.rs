//! P18, the window of a fixing or a settlement: somebody's trades push the price by which contracts are
//! paid, while they hold what gains by it.
//!
//! **What.** The windows are two of the day, by parameters
//! ([`window_1_begins_s`](FixingWindow::window_1_begins_s) to
//! [`window_1_ends_s`](FixingWindow::window_1_ends_s), and a second one that is off as long as it ends at
//! 0); the time before a fixing or settlement price that the venue publishes
//! ([`published_s`](FixingWindow::published_s)); and the time before continuous trading ends
//! ([`close_s`](FixingWindow::close_s)). In one of them
//! - a person who comes to the others trades much in one direction
//!   ([`share_min`](FixingWindow::share_min) of all who came, net, and more than a few usual trades,
//!   [`size_medians_min`](FixingWindow::size_medians_min)),
//! - and the window's mean price, by volume, lies far from the last one before it, in that direction
//!   ([`deviation_sigmas_min`](FixingWindow::deviation_sigmas_min)),
//! - and there is something at stake: what the person held in that direction before is many times what was
//!   traded ([`held_ratio_min`](FixingWindow::held_ratio_min)), or the mean price would be another one
//!   without the person's trades ([`marginal_min_ticks`](FixingWindow::marginal_min_ticks)).
//!
//! **Excused.** Trades spread evenly over the window, of no more than
//! [`pro_rata_share_max`](FixingWindow::pro_rata_share_max), by somebody who holds little: that is how
//! clients' orders for a fixing are traded. Even is: as good as
//! [`even_slices_min`](FixingWindow::even_slices_min) of ten slices of time that are all the same.
//!
//! **When.** When the window ends; where a published price tells so, then.
//!
//! **Score.** Share, deviation, what is held, what the price would have been, and how bunched the trades
//! are. The ranges begin below the thresholds and the least score is low: the conditions decide, the score
//! ranks.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-1(b)(iii) to (v) and 7; 2017/565, Annex
//! III.B, 11 and 26 to 28; CEA 4c(a)(5)(B). The usual window is the five minutes about four in the
//! afternoon in London, by winter time.
//!
//! **Known false positives.** Somebody who hedges an expiring product and has to trade then: neither
//! contracts nor their deltas are in the data. **Known misses.** Strikes and barriers, and holdings in other
//! instruments, are seen only by their effect; a share that is merely unusual for the person; limits that
//! rest and hold the price.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::ledger::Account;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::event::body::Phase;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use engine_observer::{Degraded, Severity};
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct FixingWindow = "P18" {
        /// When the first window begins, in seconds of the day (UTC).
        window_1_begins_s: u64 = 57450, 0..=86399, "s", Published;
        /// When it ends; 0 for none.
        window_1_ends_s: u64 = 57750, 0..=86400, "s", Published;
        /// When the second window begins.
        window_2_begins_s: u64 = 0, 0..=86399, "s", Judgement;
        /// When it ends; 0 for none.
        window_2_ends_s: u64 = 0, 0..=86400, "s", Judgement;
        /// The time before a published fixing or settlement price; 0 for none.
        published_s: u64 = 60, 0..=86400, "s", Judgement;
        /// The time before continuous trading ends; 0 for none.
        close_s: u64 = 60, 0..=86400, "s", Judgement;
        /// The person's share of all who come, bought less sold.
        share_min: f64 = 0.3, 0.01..=1.0, "", Judgement;
        /// The same in medians of trades.
        size_medians_min: f64 = 3.0, 0.0..=100000.0, "×", Judgement;
        /// How far the window's mean price is from the last one before it, in usual moves of so long a time.
        deviation_sigmas_min: f64 = 1.5, 0.0..=1000.0, "σ", Judgement;
        /// What was held before, for each unit that was traded.
        held_ratio_min: f64 = 5.0, 0.1..=100000.0, "×", Judgement;
        /// How far the mean price would be from what it is without the person's trades.
        marginal_min_ticks: f64 = 3.0, 0.01..=100000.0, "ticks", Judgement;
        /// The share up to which even trading is innocent.
        pro_rata_share_max: f64 = 0.4, 0.0..=1.0, "", Judgement;
        /// How many of ten slices of the window even trading fills.
        even_slices_min: f64 = 8.0, 1.0..=10.0, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 15.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    trades: VecDeque<Trade>,
    was: Phase,
    /// The ends of the windows of the day that are waited for.
    ends: [Option<Nanos>; 2],
    tally: Tally,
}

kept!(Memory { trades, was, ends, tally });

/// A trade, and who came.
struct Trade {
    at: Nanos,
    seq: u64,
    order: OrderId,
    person: Option<Person>,
    side: Side,
    price: Price,
    quantity: u64,
}

kept!(Trade { at, seq, order, person, side, price, quantity });

/// Trades that are remembered: where a window has more, mean prices are of the latest ones, and the alert
/// says that it is less than certain.
const TRADES_MAX: usize = 4_096;
/// Trades that are named.
const TRADES_SHOWN: usize = 20;
const SLICES: usize = 10;
const DAY: u64 = 86_400_000_000_000;

impl Pattern for FixingWindow {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Fill, What::Print, What::Phase, What::Fixing];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] =
        &["share", "size", "deviation", "stake", "even_pace"];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        if let Some(deed) = scene.deed {
            self.await_windows(memory, deed.at, bench);
            return memory.note(deed);
        }
        if scene.what == What::Fixing {
            let end = scene.market.fixed_at.unwrap_or(scene.now);
            return self.examine(memory, self.published_s, end, scene, bench);
        }
        let was = std::mem::replace(&mut memory.was, scene.market.phase);
        let was_open = matches!(was, Phase::Continuous | Phase::Unknown);
        if was_open && matches!(scene.market.phase, Phase::Auction | Phase::PreOpen | Phase::Close)
        {
            self.examine(memory, self.close_s, scene.now, scene, bench);
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        for (nth, [begins_s, ends_s]) in self.windows().into_iter().enumerate() {
            if let Some(end) = memory.ends[nth].filter(|end| *end <= scene.now) {
                memory.ends[nth] = None;
                self.examine(memory, ends_s.saturating_sub(begins_s), end, scene, bench);
            }
        }
        memory.ends.iter().flatten().for_each(|end| bench.wake_at(*end));
    }
}

impl FixingWindow {
    fn windows(&self) -> [[u64; 2]; 2] {
        [
            [self.window_1_begins_s, self.window_1_ends_s],
            [self.window_2_begins_s, self.window_2_ends_s],
        ]
    }

    /// The windows of the day that are still to end.
    fn await_windows(&self, memory: &mut Memory, at: Nanos, bench: &mut Bench<'_>) {
        for (nth, [_, ends_s]) in self.windows().into_iter().enumerate() {
            let end = Nanos(at.0 / DAY * DAY) + Nanos::from_secs(ends_s);
            if ends_s > 0 && memory.ends[nth].is_none() && at < end {
                memory.ends[nth] = Some(end);
                bench.wake_at(end);
            }
        }
    }

    /// Looks at everybody who traded in a window that has ended. A walk over all persons, once a window.
    fn examine(
        &self,
        memory: &mut Memory,
        seconds: u64,
        end: Nanos,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let begin = Nanos(end.0.saturating_sub(seconds * 1_000_000_000));
        if seconds == 0 {
            return;
        }
        let Memory { trades, tally, .. } = memory;
        let first = trades.partition_point(|trade| trade.at < begin);
        let until = trades.partition_point(|trade| trade.at < end);
        let Some(before) = first.checked_sub(1).or((until > first).then_some(first)) else {
            return;
        };
        let window = Window {
            begin,
            seconds,
            before: trades[before].price.0 as f64,
            is_whole: first > 0 || trades.len() < TRADES_MAX,
            trades: trades.range(first..until).collect(),
        };
        let volume: u64 = window.trades.iter().map(|trade| trade.quantity).sum();
        for account in scene.ledger.persons() {
            let (person, last_at) = (account.person, account.last_at);
            if last_at < begin && !bench.is_asked(person) {
                continue;
            }
            let own = window.of(person);
            let net = own[0].abs_diff(own[1]);
            let is_much = net as f64 >= self.share_min * volume as f64;
            if net > 0 && (is_much || bench.is_asked(person)) {
                self.judge(&window, volume, own, account, tally, scene, bench);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the window, the person and the scene")]
    fn judge(
        &self,
        window: &Window<'_>,
        volume: u64,
        own: [u64; 2],
        account: &Account,
        tally: &mut Tally,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let person = account.person;
        let side = if own[0] >= own[1] { Side::Buy } else { Side::Sell };
        let (sign, direction) = if side == Side::Buy { (1.0, 1) } else { (-1.0, -1) };
        let net = own[0].abs_diff(own[1]);
        let share = net as f64 / volume.max(1) as f64;
        let sizes = scene.market.trade_sizes().or(scene.market.order_sizes());
        let median = sizes.map_or(f64::INFINITY, |sizes| sizes.q50.max(1) as f64);
        let mean = window.mean(None).unwrap_or(window.before);
        let sigma = scene.market.sigma(window.seconds as f64);
        let deviation = sign * (mean - window.before) / sigma;
        let without = window.mean(Some(person)).unwrap_or(window.before);
        let marginal = sign * (mean - without) / scene.market.tick() as f64;
        let traded_since = account.done().since(window.begin).net();
        let held = (account.position.saturating_sub(traded_since)).saturating_mul(direction);
        let held_ratio = held as f64 / net.max(1) as f64;
        let stake = (held_ratio / self.held_ratio_min).max(marginal / self.marginal_min_ticks);
        let slices = window.slices(person, side);
        let is_even = slices >= self.even_slices_min
            && share <= self.pro_rata_share_max
            && held_ratio < self.held_ratio_min;

        let mut case = bench.suspect(scene, person, Severity::High);
        case.needs("share", share, AtLeast(self.share_min));
        case.needs("size", net as f64 / median, AtLeast(self.size_medians_min));
        case.needs("deviation", deviation, AtLeast(self.deviation_sigmas_min));
        case.needs("stake", stake, AtLeast(1.0));
        case.unless_excused("even_pace", f64::from(u8::from(is_even)), AtMost(0.0));
        case.weighs("share", share, 0.15, 0.7);
        case.weighs("deviation", deviation, 0.75, 5.0);
        let is_held = f64::from(u8::from(held_ratio > 0.0));
        case.weighs_as("held_ratio", held_ratio, 0.0, 10.0, is_held);
        case.weighs("marginal_ticks", marginal, 0.0, 8.0);
        case.weighs("bunched", 1.0 - slices / SLICES as f64, 0.0, 0.8);
        case.degrade(Degraded::MEMORY.when(!window.is_whole));

        let trades: Vec<_> =
            window.trades.iter().filter(|one| one.person == Some(person)).collect();
        if let Some(first) = trades.first() {
            case.begins(first.seq, first.at);
        }
        for trade in trades.iter().skip(trades.len().saturating_sub(TRADES_SHOWN)) {
            let traded = (trade.side, trade.price, trade.quantity);
            case.part(Part::Deceptive, (trade.seq, trade.order), traded);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, tally, repeats);
    }
}

/// A window that has ended, and what traded in it.
struct Window<'a> {
    begin: Nanos,
    seconds: u64,
    /// The last price before it.
    before: f64,
    /// Whether all of its trades are remembered.
    is_whole: bool,
    trades: Vec<&'a Trade>,
}

impl Window<'_> {
    /// What somebody bought, and sold, as the one who came.
    fn of(&self, person: Person) -> [u64; 2] {
        let mut own = [0; 2];
        for trade in self.trades.iter().filter(|trade| trade.person == Some(person)) {
            own[usize::from(trade.side == Side::Sell)] += trade.quantity;
        }
        own
    }

    /// The mean price by volume; without what somebody brought.
    fn mean(&self, without: Option<Person>) -> Option<f64> {
        let others =
            self.trades.iter().filter(|trade| without.is_none() || trade.person != without);
        let (quantity, value) = others.fold((0.0, 0.0), |(quantity, value), trade| {
            let more = trade.quantity as f64;
            (quantity + more, value + more * trade.price.0 as f64)
        });
        (quantity > 0.0).then(|| value / quantity)
    }

    /// As good as how many of ten slices somebody filled alike: 10 where all are the same, 1 where all is in
    /// one.
    fn slices(&self, person: Person, side: Side) -> f64 {
        let mut slices = [0.0; SLICES];
        let own = self.trades.iter().filter(|trade| trade.person == Some(person));
        for trade in own.filter(|trade| trade.side == side) {
            let passed = trade.at.since(self.begin).0 / 100_000_000;
            let slice = (passed / self.seconds.max(1)) as usize;
            slices[slice.min(SLICES - 1)] += trade.quantity as f64;
        }
        let (sum, squares) = slices.iter().fold((0.0, 0.0), |(sum, squares), quantity| {
            (sum + quantity, squares + quantity * quantity)
        });
        if squares > 0.0 { sum * sum / squares } else { 0.0 }
    }
}

impl Memory {
    fn note(&mut self, deed: &Deed) {
        let Some(price) = deed.price.filter(|_| deed.is_trade() && deed.knows_side) else { return };
        if self.trades.len() == TRADES_MAX {
            self.trades.pop_front();
        }
        let Deed { at, seq, order, quantity, .. } = *deed;
        let person = deed.aggressor.map(|who| who.person);
        let side = deed.side.opposite();
        self.trades.push_back(Trade { at, seq, order, person, side, price, quantity });
    }
}
