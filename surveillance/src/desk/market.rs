//! What is usual and what is going on in one instrument at one venue.

use super::bars::{Bars, first_not_before};
use super::deed::{Deed, What};
use super::kept::kept;
use super::sizes::{Quantiles, Sizes};
use super::usual::{KnownOf, QUARTER, Rates};
use engine_observer::View;
use engine_observer::book::BookView;
use engine_observer::event::body::{Indication, Phase, Statistic};
use engine_observer::event::{Nanos, Price, Side};
use std::collections::VecDeque;
use std::ops::Sub;

/// The state of a market, without anybody in particular.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) phase: Phase,
    /// When the phase began; 0 if it was so when we came.
    pub(crate) phase_since: Nanos,
    /// The smallest step of prices: as told, else the smallest difference that was seen.
    tick: u64,
    knows_tick: bool,
    /// Twice the middle of the touch, while there are both sides.
    pub(crate) mid2: Option<i64>,
    /// Best offer less best bid.
    pub(crate) spread: Option<i64>,
    pub(crate) best: [Option<Price>; 2],
    pub(crate) last_trade: Option<Price>,
    pub(crate) low: Option<Price>,
    pub(crate) high: Option<Price>,
    /// Whether the book may differ from the venue's.
    pub(crate) is_stale: bool,
    /// When messages were last missing.
    pub(crate) gap_at: Option<Nanos>,
    /// How many orders the book has taken out because they must have left without a word.
    pub(crate) healed: u64,
    /// When there last was a headline.
    pub(crate) news_at: Option<Nanos>,
    /// What the venue last told about its next auction.
    pub(crate) indicated: Option<Indicated>,
    /// The moment that the last published fixing or settlement price is of.
    pub(crate) fixed_at: Option<Nanos>,
    flow: Bars<Flow>,
    mids: VecDeque<Mid>,
    /// Mean absolute move of the mid over a second, in price units.
    move_1s: f64,
    /// How many seconds it was learned from, up to its span.
    learned_s: f64,
    /// Whether the latest second began in a market that trades and does not cross.
    is_sound: bool,
    /// Spreads over time, to tell a usual one.
    spread_mean: f64,
    orders: Sizes,
    trades: Sizes,
    events_per_s: f64,
    volume_per_s: f64,
    begun_at: Option<Nanos>,
    /// The quarter of an hour that is under way, counted since the epoch, where earlier days are known.
    quarter: Option<u64>,
    /// What is usual in it.
    expected: Option<Rates>,
}

/// What the venue told about an auction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Indicated {
    pub(crate) at: Nanos,
    /// At which it would clear.
    pub(crate) price: Option<Price>,
    /// Left over: positive to buy, negative to sell.
    pub(crate) imbalance: i64,
}

kept!(Indicated { at, price, imbalance });

/// What everybody does, counted on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Flow {
    /// Messages and trades.
    pub(crate) events: u64,
    pub(crate) trades: u64,
    /// Quantity that was bought by those who came, and sold.
    pub(crate) bought: u64,
    pub(crate) sold: u64,
    /// Traded where the feed does not tell who came.
    pub(crate) unsided: u64,
}

/// The mid when a second began.
#[derive(Clone, Copy, Debug)]
struct Mid {
    second: u64,
    before2: i64,
}

kept!(Market {
    phase,
    phase_since,
    tick,
    knows_tick,
    mid2,
    spread,
    best,
    last_trade,
    low,
    high,
    is_stale,
    gap_at,
    healed,
    news_at,
    indicated,
    fixed_at,
    flow,
    mids,
    move_1s,
    learned_s,
    is_sound,
    spread_mean,
    orders,
    trades,
    events_per_s,
    volume_per_s,
    begun_at,
    quarter,
    expected,
});
kept!(Flow { events, trades, bought, sold, unsided });
kept!(Mid { second, before2 });

impl Sub for Flow {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            events: self.events - earlier.events,
            trades: self.trades - earlier.trades,
            bought: self.bought.wrapping_sub(earlier.bought),
            sold: self.sold.wrapping_sub(earlier.sold),
            unsided: self.unsided.wrapping_sub(earlier.unsided),
        }
    }
}

impl Flow {
    /// All that traded.
    pub(crate) fn volume(&self) -> u64 {
        self.bought.wrapping_add(self.sold).wrapping_add(self.unsided)
    }
}

/// A moment in both clocks: time, and how many events the market had seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Nanos,
    pub(crate) events: u64,
}

kept!(Moment { at, events });

impl Default for Market {
    fn default() -> Self {
        Self {
            phase: Phase::Unknown,
            phase_since: Nanos(0),
            tick: 0,
            knows_tick: false,
            mid2: None,
            spread: None,
            best: [None; 2],
            last_trade: None,
            low: None,
            high: None,
            is_stale: false,
            gap_at: None,
            healed: 0,
            news_at: None,
            indicated: None,
            fixed_at: None,
            flow: Bars::default(),
            mids: VecDeque::new(),
            move_1s: 0.0,
            learned_s: 0.0,
            is_sound: false,
            spread_mean: 0.0,
            orders: Sizes::default(),
            trades: Sizes::default(),
            events_per_s: 0.0,
            volume_per_s: 0.0,
            begun_at: None,
            quarter: None,
            expected: None,
        }
    }
}

const SECOND: u64 = 1_000_000_000;

impl Market {
    /// Seconds with a quote that are remembered.
    const MIDS_MAX: usize = 7_200;
    /// Seconds that the usual move, spread and rate are learned over.
    const LEARNING_S: f64 = 1_200.0;
    /// A pause counts as no more than this.
    const PAUSE_S: f64 = 60.0;
    /// How many usual moves of a second a single one counts for at most.
    const JUMP_MOVES: f64 = 10.0;
    /// Of the mean of absolute values of a normal variable, its standard deviation.
    const OF_MEAN_MOVE: f64 = 1.253_314;
    /// How many times the usual number of events a window of time may see before it closes early.
    pub(crate) const CROWD: f64 = 20.0;

    /// Takes an event, with the book after it.
    pub(crate) fn follow(&mut self, view: &View<'_>, deed: Option<&Deed>) {
        let at = view.event.event_at;
        self.begun_at.get_or_insert(at);
        if let Some(book) = view.book {
            self.follow_book(&book, view, at);
        }
        let Some(deed) = deed else { return };
        self.flow.count(at, |flow| {
            flow.events += 1;
            if deed.is_trade() {
                flow.trades += 1;
                match deed.aggressor_side() {
                    Some(Side::Buy) => flow.bought = flow.bought.wrapping_add(deed.quantity),
                    Some(Side::Sell) => flow.sold = flow.sold.wrapping_add(deed.quantity),
                    None => flow.unsided = flow.unsided.wrapping_add(deed.quantity),
                }
            }
        });
        match deed.what {
            What::Enter => {
                self.orders.count(deed.quantity);
                if let Some(price) = deed.price {
                    self.learn_tick(price);
                }
            }
            What::Fill | What::Print => {
                self.trades.count(deed.quantity);
                if let Some(price) = deed.price {
                    self.last_trade = Some(price);
                    self.low = Some(self.low.map_or(price, |low| low.min(price)));
                    self.high = Some(self.high.map_or(price, |high| high.max(price)));
                }
            }
            _ => {}
        }
    }

    #[inline]
    fn follow_book(&mut self, book: &BookView<'_>, view: &View<'_>, at: Nanos) {
        let second = at.0 / SECOND;
        let is_new = self.mids.back().is_none_or(|last| last.second < second);
        if is_new && let Some(mid2) = self.mid2.or(book.mid2()) {
            self.begin_second(second, mid2);
        }
        self.is_stale = book.stale().is_some();
        if view.change.touch_price_changed || self.mid2.is_none() {
            let touch = book.touch();
            self.mid2 = touch.mid2();
            self.spread = touch.spread();
            self.best = [touch.of(Side::Buy), touch.of(Side::Sell)].map(|best| Some(best?.price));
            if let Some(definition) = book.definition().filter(|of| of.tick.0 > 0) {
                (self.tick, self.knows_tick) = (definition.tick.0.unsigned_abs(), true);
            }
            for price in self.best.into_iter().flatten() {
                self.learn_tick(price);
            }
        }
    }

    /// Where nobody tells the tick, it is what all prices are multiples of.
    #[inline]
    fn learn_tick(&mut self, price: Price) {
        let price = price.0.unsigned_abs();
        if !self.knows_tick && (self.tick == 0 || !price.is_multiple_of(self.tick)) {
            self.tick = gcd(self.tick, price);
        }
    }

    /// A second begins, in which the mid stands here.
    pub(crate) fn begin_second(&mut self, second: u64, mid2: i64) {
        // Where orders stand across each other the middle says nothing yet, and the first one after that is
        // no move from it.
        let is_sound = self.is_continuous() && self.spread.is_none_or(|spread| spread > 0);
        let was_sound = std::mem::replace(&mut self.is_sound, is_sound);
        if let Some(last) = self.mids.back().copied()
            && is_sound
            && was_sound
        {
            let elapsed = (second - last.second) as f64;
            let passed = elapsed.min(Self::PAUSE_S);
            // Over the whole pause: what changes over night is no move of a minute.
            let moved = (mid2 - last.before2).abs() as f64 / 2.0 / elapsed.sqrt();
            // One jump, of an opening or of news, is not what is usual: more of them raise the bar.
            let moved = moved.min(self.move_1s.max(self.tick() as f64 / 2.0) * Self::JUMP_MOVES);
            let weight = passed / (self.learned_s + passed).min(Self::LEARNING_S);
            self.learned_s = (self.learned_s + passed).min(Self::LEARNING_S);
            self.move_1s += (moved - self.move_1s) * weight;
            if let Some(spread) = self.spread {
                self.spread_mean += (spread as f64 - self.spread_mean) * weight;
            }
            let flow = self.flow.since(Nanos(last.second * SECOND));
            self.events_per_s += (flow.events as f64 / passed - self.events_per_s) * weight;
            self.volume_per_s += (flow.volume() as f64 / passed - self.volume_per_s) * weight;
        }
        if self.mids.len() == Self::MIDS_MAX {
            self.mids.pop_front();
        }
        self.mids.push_back(Mid { second, before2: mid2 });
    }

    /// The venue tells what an auction would do now.
    pub(crate) fn indicate(&mut self, told: Indication, at: Nanos) {
        let (price, imbalance) = (told.indicative.get(), told.imbalance);
        self.indicated = Some(Indicated { at, price, imbalance });
    }

    /// The venue publishes a number. Whether it is a fixing or a settlement price: it is of the moment that
    /// it tells, if that is within the hour before, else of now.
    pub(crate) fn publish(&mut self, told: Statistic, at: Nanos) -> bool {
        let is_fixing = matches!(told.what(), Some("settlement price" | "fixing price"));
        if is_fixing && !told.is_withdrawn() {
            let age = at.since(told.about);
            let is_told = told.about > Nanos(0) && told.about <= at;
            let is_moment = is_told && age <= Nanos::from_secs(3_600);
            self.fixed_at = Some(if is_moment { told.about } else { at });
        }
        is_fixing && !told.is_withdrawn()
    }

    /// Takes notice of a quarter of an hour that begins, of which something is known from earlier days.
    #[inline]
    pub(crate) fn recall(&mut self, known: &KnownOf, at: Nanos) {
        let quarter = at.0 / QUARTER;
        if self.quarter.is_none_or(|last| last < quarter) {
            self.quarter = Some(quarter);
            self.expect(known.rates(at));
        }
    }

    /// What was learned is drawn to what is usual now, each weighing as much as it was learned from; where
    /// nothing was learned yet, the usual is all there is.
    #[cold]
    fn expect(&mut self, expected: Option<Rates>) {
        self.expected = expected;
        let Some(usual) = expected else { return };
        let known_s = usual.learned_s.min(Self::LEARNING_S);
        if known_s <= 0.0 {
            return;
        }
        let weight = known_s / (self.learned_s + known_s);
        self.learned_s = (self.learned_s + known_s).min(Self::LEARNING_S);
        for (own, usual) in [
            (&mut self.move_1s, usual.move_1s),
            (&mut self.spread_mean, usual.spread),
            (&mut self.events_per_s, usual.events_per_s),
            (&mut self.volume_per_s, usual.volume_per_s),
        ] {
            *own += (usual - *own) * weight;
        }
    }

    /// What was learned since this was asked last; learning begins anew.
    pub(crate) fn take_rates(&mut self) -> Rates {
        let rates = Rates {
            learned_s: self.learned_s,
            events_per_s: self.events_per_s,
            volume_per_s: self.volume_per_s,
            move_1s: self.move_1s,
            spread: self.spread_mean,
            orders: self.orders.quantiles(),
            trades: self.trades.quantiles(),
        };
        if let Some(last) = self.mids.back().copied() {
            self.mids.clear();
            self.mids.push_back(last);
            self.flow.forget_before(Nanos(last.second * SECOND));
        }
        (self.learned_s, self.events_per_s, self.volume_per_s) = (0.0, 0.0, 0.0);
        (self.move_1s, self.spread_mean) = (0.0, 0.0);
        (self.orders, self.trades) = (Sizes::default(), Sizes::default());
        rates
    }

    /// Another phase begins.
    pub(crate) fn enter(&mut self, phase: Phase, at: Nanos) {
        if phase != self.phase {
            (self.phase, self.phase_since) = (phase, at);
        }
    }

    /// Whether orders trade as they come: as far as anybody has told.
    pub(crate) fn is_continuous(&self) -> bool {
        matches!(self.phase, Phase::Continuous | Phase::Unknown)
    }

    /// The smallest step of prices; at least 1.
    pub(crate) fn tick(&self) -> i64 {
        self.tick.max(1) as i64
    }

    /// The middle of the touch.
    pub(crate) fn mid(&self) -> Option<f64> {
        self.mid2.map(|mid2| mid2 as f64 / 2.0)
    }

    /// The middle as it was at the end of this moment's second, or now; none if that is not remembered.
    pub(crate) fn mid_at(&self, at: Nanos) -> Option<f64> {
        let second = at.0 / SECOND;
        if self.mids.front().is_none_or(|first| first.second > second + 1) {
            return None;
        }
        let next = first_not_before(self.mids.len(), |place| self.mids[place].second <= second);
        let mid2 = self.mids.get(next).map(|mid| mid.before2).or(self.mid2)?;
        Some(mid2 as f64 / 2.0)
    }

    /// The lowest and the highest middle of the seconds from this moment on, and now.
    pub(crate) fn range_since(&self, from: Nanos) -> Option<(f64, f64)> {
        let second = from.0 / SECOND;
        let first = first_not_before(self.mids.len(), |place| self.mids[place].second <= second);
        let mids = self.mids.range(first..).map(|mid| mid.before2).chain(self.mid2);
        let (low, high) =
            mids.fold((i64::MAX, i64::MIN), |(low, high), mid| (low.min(mid), high.max(mid)));
        (low <= high).then_some((low as f64 / 2.0, high as f64 / 2.0))
    }

    /// How far the middle usually moves within so many seconds: a standard deviation, in price units, and
    /// never less than half a tick.
    pub(crate) fn sigma(&self, seconds: f64) -> f64 {
        let learned = self.move_1s * Self::OF_MEAN_MOVE * seconds.sqrt();
        learned.max(self.tick() as f64 / 2.0)
    }

    /// Seconds that the usual move was learned from.
    pub(crate) fn learned_s(&self) -> f64 {
        self.learned_s
    }

    /// The mean spread of the last twenty minutes, or what is usual at this time of day, whichever is wider.
    pub(crate) fn usual_spread(&self) -> f64 {
        self.expected.map_or(self.spread_mean, |usual| usual.spread.max(self.spread_mean))
    }

    /// How finely the market tells prices apart: a tick, or a quarter of the usual spread where ticks are
    /// smaller than that.
    pub(crate) fn step(&self) -> f64 {
        (self.usual_spread() / 4.0).max(self.tick() as f64)
    }

    /// Sizes of orders as they enter, now or usually at this time of day, whichever are larger; none while
    /// too few were seen.
    pub(crate) fn order_sizes(&self) -> Option<Quantiles> {
        Quantiles::larger(self.orders.quantiles(), self.expected.and_then(|usual| usual.orders))
    }

    /// Sizes of trades.
    pub(crate) fn trade_sizes(&self) -> Option<Quantiles> {
        Quantiles::larger(self.trades.quantiles(), self.expected.and_then(|usual| usual.trades))
    }

    /// What everybody did, since ever, and from a moment on.
    pub(crate) fn flow(&self) -> &Bars<Flow> {
        &self.flow
    }

    /// Since when the instrument is watched.
    pub(crate) fn begun_at(&self) -> Nanos {
        self.begun_at.unwrap_or(Nanos(0))
    }

    /// Messages and trades in a usual second: of this time of day, if that is known.
    pub(crate) fn events_per_s(&self) -> f64 {
        self.expected.map_or(self.events_per_s, |usual| usual.events_per_s)
    }

    /// Quantity that trades in a usual second: now or at this time of day, whichever is more.
    pub(crate) fn volume_per_s(&self) -> f64 {
        self.expected.map_or(self.volume_per_s, |usual| usual.volume_per_s.max(self.volume_per_s))
    }

    /// This moment in both clocks.
    pub(crate) fn moment(&self, at: Nanos) -> Moment {
        Moment { at, events: self.flow.total().events }
    }

    /// Whether a window of so much time is over: when the time is, or when so many events were seen that
    /// the time must have been a busy one. A usual rate that is not known yet closes nothing.
    pub(crate) fn is_over(&self, from: Moment, span: Nanos, now: Nanos) -> bool {
        if now.since(from.at) >= span {
            return true;
        }
        let usual = self.events_per_s() * span.0 as f64 / SECOND as f64;
        let is_known = self.learned_s >= 60.0;
        is_known
            && (self.flow.total().events - from.events) as f64 > (usual * Self::CROWD).max(200.0)
    }

    /// How far apart two prices of a side are, in ticks: positive where the first stands farther from
    /// trading.
    pub(crate) fn ticks_behind(&self, side: Side, price: Price, best: Price) -> i64 {
        let apart = match side {
            Side::Buy => best.0.saturating_sub(price.0),
            Side::Sell => price.0.saturating_sub(best.0),
        };
        apart / self.tick()
    }

    /// The best price of a side.
    pub(crate) fn best_of(&self, side: Side) -> Option<Price> {
        self.best[side as usize & 1]
    }

    /// How far from the best price "near" reaches: 25 hundredths of a percent, and at least five ticks.
    pub(crate) fn near(&self) -> i64 {
        let of_price = self.mid2.map_or(0, |mid2| mid2.abs() / 800);
        of_price.max(5 * self.tick())
    }

    /// What is displayed on a side near the touch, everybody's. Walks those levels.
    pub(crate) fn depth(&self, book: &BookView<'_>, side: Side) -> u64 {
        Self::depth_within(self.near(), book, side)
    }

    /// The same no farther from the best price than this.
    pub(crate) fn depth_within(reach: i64, book: &BookView<'_>, side: Side) -> u64 {
        let Some(best) = book.touch().of(side) else { return 0 };
        let near = book
            .levels(side)
            .take_while(|level| level.price.0.abs_diff(best.price.0) <= reach as u64);
        near.map(|level| level.quantity.0).sum()
    }
}

fn gcd(one: u64, other: u64) -> u64 {
    let (mut large, mut small) = (one.max(other), one.min(other));
    while small > 0 {
        (large, small) = (small, large % small);
    }
    large
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market(mids: &[(u64, i64)]) -> Market {
        let mut market = Market::default();
        for (second, mid) in mids {
            market.begin_second(*second, mid * 2);
            market.mid2 = Some(mid * 2);
        }
        market
    }

    #[test]
    fn a_usual_move_is_learned_from_the_seconds_that_were_seen() {
        let up_and_down: Vec<_> = (0..1_000).map(|s| (s, 100 + (s as i64 % 2) * 4)).collect();
        let moves = market(&up_and_down).sigma(1.0);
        assert!((moves - 4.0 * Market::OF_MEAN_MOVE).abs() < 0.01, "{moves}");
        let still: Vec<_> = (0..1_000).map(|s| (s, 100)).collect();
        assert_eq!(market(&still).sigma(100.0), 0.5, "half a tick");
    }

    #[test]
    fn a_tick_is_what_prices_and_not_mids_are_whole_numbers_of() {
        let mut market = Market::default();
        for price in [1_000, 1_050, 1_075, 1_025, 1_050] {
            market.learn_tick(Price(price));
        }
        assert_eq!(market.tick(), 25);
    }

    #[test]
    fn what_changed_over_night_is_no_move_of_a_minute() {
        let mut days: Vec<_> = (0..600).map(|s| (s, 100 + (s as i64 % 2))).collect();
        days.extend((86_400..87_000).map(|s| (s, 400 + (s as i64 % 2))));
        let moves = market(&days).sigma(1.0) / Market::OF_MEAN_MOVE;
        assert!((moves - 1.0).abs() < 0.05, "{moves}");
    }

    #[test]
    fn a_jump_is_not_usual_but_restlessness_is() {
        let mut jumps: Vec<_> = (0..600).map(|s| (s, 1_000 + (s as i64 % 2))).collect();
        let before = market(&jumps).sigma(1.0);
        jumps.extend((600..610).map(|s| (s, 5_000 + (s as i64 % 2))));
        let after = market(&jumps).sigma(1.0);
        assert!((1.0..1.05).contains(&(after / before)), "{before} {after}");
        jumps.extend((610..1_810).map(|s| (s, 5_000 + (s as i64 % 2) * 100)));
        let restless = market(&jumps).sigma(1.0) / before;
        assert!((50.0..100.0).contains(&restless), "{restless}");
    }

    #[test]
    fn nothing_is_learned_where_the_book_crosses_or_nothing_trades() {
        let mut market = Market::default();
        let pass = |market: &mut Market, seconds: std::ops::Range<u64>, swing: i64| {
            seconds.for_each(|s| market.begin_second(s, 2_000 + swing * (s as i64 % 2)));
        };
        market.enter(Phase::PreOpen, Nanos(0));
        pass(&mut market, 0..600, 400);
        market.enter(Phase::Continuous, Nanos(600 * SECOND));
        market.spread = Some(-5);
        pass(&mut market, 600..1_200, 400);
        assert_eq!(market.learned_s(), 0.0);
        market.spread = Some(5);
        pass(&mut market, 1_200..1_800, 4);
        assert_eq!((market.learned_s(), market.move_1s), (599.0, 2.0));
    }

    #[test]
    fn the_mid_is_remembered_by_second() {
        let market = market(&[(10, 100), (11, 110), (20, 120)]);
        let at = |second| market.mid_at(Nanos::from_secs(second));
        assert_eq!([at(10), at(15), at(20)], [Some(110.0), Some(120.0), Some(120.0)]);
        assert_eq!(at(8), None);
        let range = |second| market.range_since(Nanos::from_secs(second));
        assert_eq!([range(10), range(20)], [Some((110.0, 120.0)), Some((120.0, 120.0))]);
    }

    #[test]
    fn a_window_is_over_by_time_or_by_events() {
        let mut market = market(&(0..100).map(|s| (s, 100)).collect::<Vec<_>>());
        market.events_per_s = 1.0;
        let from = market.moment(Nanos::from_secs(100));
        let ten = Nanos::from_secs(10);
        assert!(!market.is_over(from, ten, Nanos::from_secs(109)));
        assert!(market.is_over(from, ten, Nanos::from_secs(110)));
        for _ in 0..201 {
            market.flow.count(Nanos::from_secs(101), |flow| flow.events += 1);
        }
        assert!(market.is_over(from, ten, Nanos::from_secs(101)));
    }
}
