//! A model of a day's order flow: what happens to which order of which stock, and when.
//!
//! Each stock has a line between two ticks: bids rest at or below it, offers above, so that nothing
//! ever crosses. The line moves when a trade took the last order of the touch, which is how prices
//! move in the market too. Stocks are as active as Zipf's law has it, order sizes are mostly round,
//! most orders are cancelled, and what is near the touch is crowded. The mix of messages follows that
//! of NASDAQ: 45 % orders, 40 % deletions, 6 % executions, the rest replacements, reductions and
//! trades of hidden orders.

use super::{Random, Weights};
use engine_event::Side;

/// What the model is to make.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Over how many steps the day is spread.
    pub steps: u64,
    /// Everything follows from it.
    pub seed: u64,
    /// How many stocks there are, at least 1.
    pub stocks: usize,
    /// How many accounts orders come from, at least 1.
    pub accounts: usize,
    /// Whether a replaced order gets a new id, as at NASDAQ; else it keeps its own.
    pub renumber: bool,
}

/// An order that rests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resting {
    /// Its id, from 1, ascending.
    pub id: u64,
    /// In cents.
    pub price: u32,
    /// What is left of it.
    pub shares: u32,
    /// Which account it belongs to, from 0.
    pub owner: u32,
}

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// An order enters.
    Add(Resting),
    /// Shares are taken off an order that stays (as it was before).
    Reduce(Resting, u32),
    /// An order leaves.
    Delete(Resting),
    /// An order leaves for another.
    Replace(Resting, Resting),
    /// An order (as it was before) trades.
    Execute {
        /// The order.
        order: Resting,
        /// How much of it.
        shares: u32,
        /// The trade's id, from 1, ascending.
        trade: u64,
        /// The price in cents where it is not the order's own.
        price: Option<u32>,
        /// Who it traded with.
        aggressor: u32,
    },
    /// A hidden order trades.
    Trade {
        /// In cents.
        price: u32,
        /// How much.
        shares: u32,
        /// The trade's id, from 1, ascending.
        trade: u64,
    },
}

/// One step of the day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Nanoseconds since midnight.
    pub time: u64,
    /// Which stock, from 0; the lower, the more active.
    pub stock: usize,
    /// The order's side, or the resting order's.
    pub side: Side,
    /// What happens.
    pub act: Act,
}

/// The model. An iterator over its steps, which ends with the day.
#[derive(Clone, Debug)]
pub struct Flow {
    settings: Settings,
    random: Random,
    activity: Weights,
    accounts: Weights,
    stocks: Vec<Stock>,
    done: u64,
    orders: u64,
    trades: u64,
}

/// Of how many orders a side of a stock's book consists at most.
const DEPTH_MAX: usize = 64;
/// Steps come in bunches of this many.
const BUNCH: u64 = 32;
const LINE_MIN: u32 = 500;
const LINE_MAX: u32 = 100_000;

#[derive(Clone, Debug)]
struct Stock {
    /// The highest price of bids, in cents; offers stand above.
    line: u32,
    sides: [Vec<Resting>; 2],
}

impl Flow {
    /// When continuous trading begins: 9:30, in nanoseconds since midnight.
    pub const OPEN: u64 = 34_200_000_000_000;
    /// When it ends: 16:00.
    pub const CLOSE: u64 = 57_600_000_000_000;

    /// A day with empty books.
    pub fn new(settings: Settings) -> Self {
        let mut random = Random::new(settings.seed);
        let stocks = (0..settings.stocks.max(1)).map(|_| Stock::new(&mut random));
        Self {
            stocks: stocks.collect(),
            activity: Weights::zipf(settings.stocks),
            accounts: Weights::zipf(settings.accounts),
            random,
            settings,
            done: 0,
            orders: 0,
            trades: 0,
        }
    }

    /// The price in cents up to which a stock's bids stand now.
    pub fn line(&self, stock: usize) -> u32 {
        self.stocks[stock].line
    }

    /// The first of `count` order ids that the model will not use itself.
    pub fn spare_orders(&mut self, count: u64) -> u64 {
        self.orders += count;
        self.orders + 1 - count
    }

    /// A trade id that the model will not use itself.
    pub fn spare_trade(&mut self) -> u64 {
        self.trades += 1;
        self.trades
    }

    /// Steps lie close together at the beginning of each bunch and further apart towards its end.
    fn time(&self) -> u64 {
        let bunch_ns = (Self::CLOSE - Self::OPEN) / (self.settings.steps / BUNCH + 1);
        let (bunch, place) = (self.done / BUNCH, self.done % BUNCH);
        Self::OPEN + bunch * bunch_ns + bunch_ns * place * place / (BUNCH * BUNCH)
    }

    fn act(&mut self, stock: usize, side: Side) -> Act {
        let own = &self.stocks[stock].sides[side as usize];
        let (resting, roll) = (own.len(), self.random.below(1000));
        match roll {
            _ if resting == 0 => self.add(stock, side),
            0..450 if resting < DEPTH_MAX => self.add(stock, side),
            450..515 => self.execute(stock, side),
            515..560 => self.replace(stock, side),
            560..585 => self.reduce(stock, side),
            585..600 => self.trade(stock, side),
            _ => {
                let orders = &mut self.stocks[stock].sides[side as usize];
                Act::Delete(orders.swap_remove(self.random.place(resting)))
            }
        }
    }

    fn add(&mut self, stock: usize, side: Side) -> Act {
        if self.random.in_1000(5) {
            self.stocks[stock].drift(&mut self.random);
        }
        let order = Resting {
            id: self.spare_orders(1),
            price: self.stocks[stock].price(side, &mut self.random),
            shares: shares(&mut self.random),
            owner: self.accounts.choose(&mut self.random) as u32,
        };
        self.stocks[stock].sides[side as usize].push(order);
        Act::Add(order)
    }

    fn reduce(&mut self, stock: usize, side: Side) -> Act {
        let orders = &mut self.stocks[stock].sides[side as usize];
        let place = self.random.place(orders.len());
        let order = orders[place];
        if order.shares < 2 {
            orders.swap_remove(place);
            return Act::Delete(order);
        }
        let less = 1 + self.random.below(order.shares - 1);
        orders[place].shares -= less;
        Act::Reduce(order, less)
    }

    fn replace(&mut self, stock: usize, side: Side) -> Act {
        let place = self.random.place(self.stocks[stock].sides[side as usize].len());
        let old = self.stocks[stock].sides[side as usize][place];
        let new = Resting {
            id: if self.settings.renumber { self.spare_orders(1) } else { old.id },
            price: self.stocks[stock].price(side, &mut self.random),
            shares: shares(&mut self.random),
            ..old
        };
        self.stocks[stock].sides[side as usize][place] = new;
        Act::Replace(old, new)
    }

    fn execute(&mut self, stock: usize, side: Side) -> Act {
        let trade = self.spare_trade();
        let aggressor = self.accounts.choose(&mut self.random) as u32;
        let accounts = self.settings.accounts.max(1) as u32;
        let of = &mut self.stocks[stock];
        let place = of.best(side);
        let order = of.sides[side as usize][place];
        // Nobody trades with himself here: that is a pattern of its own, to be injected on purpose.
        let aggressor =
            if aggressor == order.owner { (aggressor + 1) % accounts } else { aggressor };
        let all = order.shares < 2 || self.random.in_1000(700);
        let shares = if all { order.shares } else { 1 + self.random.below(order.shares - 1) };
        if all {
            of.sides[side as usize].swap_remove(place);
            of.follow(side, order.price);
        } else {
            of.sides[side as usize][place].shares -= shares;
        }
        let price = self.random.in_1000(80).then(|| match side {
            Side::Buy => order.price + 1,
            Side::Sell => order.price - 1,
        });
        Act::Execute { order, shares, trade, price, aggressor }
    }

    fn trade(&mut self, stock: usize, side: Side) -> Act {
        let line = self.stocks[stock].line;
        let price = if side == Side::Buy { line } else { line + 1 };
        Act::Trade { price, shares: shares(&mut self.random), trade: self.spare_trade() }
    }
}

impl Iterator for Flow {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.done == self.settings.steps {
            return None;
        }
        let time = self.time();
        self.done += 1;
        let stock = self.activity.choose(&mut self.random);
        let side = if self.random.bits() & 1 == 0 { Side::Buy } else { Side::Sell };
        Some(Step { time, stock, side, act: self.act(stock, side) })
    }
}

impl Stock {
    /// Between 10 and 500 dollars, more often near the lower end.
    fn new(random: &mut Random) -> Self {
        let share = random.unit();
        Self { line: 1000 + (share * share * 49_000.0) as u32, sides: [Vec::new(), Vec::new()] }
    }

    /// A price for a new order: the nearer to the line, the likelier.
    fn price(&self, side: Side, random: &mut Random) -> u32 {
        let roll = random.below(32);
        let away = roll * roll / 32;
        match side {
            Side::Buy => self.line - away,
            Side::Sell => self.line + 1 + away,
        }
    }

    /// The place of the order that is next to trade; the side has one.
    fn best(&self, side: Side) -> usize {
        let rank = |order: &Resting| match side {
            Side::Buy => (u32::MAX - order.price, order.id),
            Side::Sell => (order.price, order.id),
        };
        let orders = self.sides[side as usize].iter().enumerate();
        orders.min_by_key(|(_, order)| rank(order)).map_or(0, |(place, _)| place)
    }

    /// After an order at `price` was taken: moves the line there if it was the last at the touch.
    fn follow(&mut self, side: Side, price: u32) {
        match side {
            Side::Buy if price == self.line => self.step_down(),
            Side::Sell if price == self.line + 1 => self.step_up(),
            _ => {}
        }
    }

    /// Prices move without trades, too, where nothing stands in their way.
    fn drift(&mut self, random: &mut Random) {
        if random.bits() & 1 == 0 { self.step_up() } else { self.step_down() }
    }

    fn step_up(&mut self) {
        let free = self.sides[Side::Sell as usize].iter().all(|order| order.price > self.line + 1);
        if free && self.line < LINE_MAX {
            self.line += 1;
        }
    }

    fn step_down(&mut self) {
        let free = self.sides[Side::Buy as usize].iter().all(|order| order.price < self.line);
        if free && self.line > LINE_MIN {
            self.line -= 1;
        }
    }
}

/// Round lots mostly.
fn shares(random: &mut Random) -> u32 {
    match random.below(10) {
        0..6 => 100,
        6..8 => 1 + random.below(99),
        _ => 100 * (2 + random.below(9)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn settings(steps: u64) -> Settings {
        Settings { steps, seed: 7, stocks: 20, accounts: 50, renumber: true }
    }

    /// Plays the day into a naive book that believes nothing.
    #[test]
    fn what_happens_is_possible() {
        let mut live: BTreeMap<u64, (usize, Side, Resting)> = BTreeMap::new();
        let mut last = 0;
        for step in Flow::new(settings(100_000)) {
            assert!(last <= step.time && step.time < Flow::CLOSE);
            last = step.time;
            let mut take = |order: Resting| {
                let found = live.remove(&order.id);
                assert_eq!(found, Some((step.stock, step.side, order)));
            };
            let left = match step.act {
                Act::Add(order) => Some(order),
                Act::Reduce(order, less) => {
                    take(order);
                    Some(Resting { shares: order.shares - less, ..order })
                }
                Act::Delete(order) => {
                    take(order);
                    None
                }
                Act::Replace(old, new) => {
                    take(old);
                    Some(new)
                }
                Act::Execute { order, shares, .. } => {
                    take(order);
                    Some(Resting { shares: order.shares - shares, ..order })
                }
                Act::Trade { .. } => None,
            };
            if let Some(order) = left.filter(|order| order.shares > 0) {
                assert_eq!(live.insert(order.id, (step.stock, step.side, order)), None);
            }
            let best = |side: Side| {
                let own =
                    live.values().filter(move |(stock, of, _)| (*stock, *of) == (step.stock, side));
                own.map(|(_, _, order)| order.price)
            };
            if let (Some(bid), Some(offer)) = (best(Side::Buy).max(), best(Side::Sell).min()) {
                assert!(bid < offer, "{step:?}");
            }
        }
    }

    #[test]
    fn the_mix_is_that_of_the_market() {
        let mut counts = [0; 6];
        for step in Flow::new(settings(100_000)) {
            counts[match step.act {
                Act::Add(_) => 0,
                Act::Delete(_) => 1,
                Act::Execute { .. } => 2,
                Act::Replace(..) => 3,
                Act::Reduce(..) => 4,
                Act::Trade { .. } => 5,
            }] += 1;
        }
        for (found, wanted) in counts.iter().zip([44_000, 40_500, 6_500, 4_500, 2_500, 1_500]) {
            assert!((*found as i64 - wanted).abs() < 1_500, "{counts:?}");
        }
    }

    #[test]
    fn prices_move() {
        let mut flow = Flow::new(settings(100_000));
        let before = flow.line(0);
        flow.by_ref().for_each(drop);
        assert_ne!(flow.line(0), before);
    }
}
