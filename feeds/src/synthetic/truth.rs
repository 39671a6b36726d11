//! What books must be after the generated flow: kept by adding up what happens, price by price, and by
//! nothing of what rebuilds books elsewhere.

use super::{Act, Resting, Step, symbol};
use engine_event::Side;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Shares and orders by price in cents.
type Levels = BTreeMap<u32, (u64, u64)>;

/// Both sides' levels by stock, bids first.
#[derive(Debug, Default)]
pub(super) struct Truth(BTreeMap<usize, [Levels; 2]>);

/// What rests on one side.
#[derive(Debug, Default)]
struct Sum {
    levels: usize,
    shares: u64,
    orders: u64,
}

impl Truth {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn take(&mut self, step: &Step) {
        let levels =
            &mut self.0.entry(step.stock).or_default()[usize::from(step.side == Side::Sell)];
        match step.act {
            Act::Add(order) => enter(levels, order),
            Act::Delete(order) => leave(levels, order, order.shares),
            Act::Reduce(order, shares) | Act::Execute { order, shares, .. } => {
                leave(levels, order, shares);
            }
            Act::Replace(old, new) => {
                leave(levels, old, old.shares);
                enter(levels, new);
            }
            Act::Trade { .. } => {}
        }
    }

    /// One row for each of `stocks`, under a header.
    pub(super) fn write(&self, stocks: usize, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "subject,bid_levels,ask_levels,best_bid,best_bid_quantity,best_ask,best_ask_quantity,\
             bid_quantity,ask_quantity,orders"
        )?;
        let nothing = Default::default();
        for stock in 0..stocks {
            let [bids, asks] = self.0.get(&stock).unwrap_or(&nothing);
            let [bid_sum, ask_sum] = [bids, asks].map(sum);
            writeln!(
                out,
                "{},{},{},{},{},{},{},{}",
                symbol(stock),
                bid_sum.levels,
                ask_sum.levels,
                best(bids.last_key_value()),
                best(asks.first_key_value()),
                bid_sum.shares,
                ask_sum.shares,
                bid_sum.orders + ask_sum.orders,
            )?;
        }
        out.flush()
    }
}

fn enter(levels: &mut Levels, order: Resting) {
    let (shares, orders) = levels.entry(order.price).or_default();
    *shares += u64::from(order.shares);
    *orders += 1;
}

/// Takes shares off an order, which leaves with the last of them.
fn leave(levels: &mut Levels, order: Resting, taken: u32) {
    let level = levels.get_mut(&order.price).expect("the flow takes only what it has entered");
    level.0 -= u64::from(taken);
    level.1 -= u64::from(taken == order.shares);
    if level.1 == 0 {
        levels.remove(&order.price);
    }
}

fn sum(levels: &Levels) -> Sum {
    let shares = levels.values().map(|level| level.0).sum();
    Sum { levels: levels.len(), shares, orders: levels.values().map(|level| level.1).sum() }
}

/// Price in dollars with four places, and shares.
fn best(level: Option<(&u32, &(u64, u64))>) -> String {
    level.map_or(",".into(), |(cents, (shares, _))| {
        format!("{}.{:02}00,{shares}", cents / 100, cents % 100)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Flow, Settings};

    /// The flow's own orders, counted one by one, are what was added up.
    #[test]
    fn what_is_added_up_is_what_rests() {
        let settings = Settings { steps: 50_000, seed: 3, stocks: 5, accounts: 1, renumber: true };
        let (mut truth, mut live) = (Truth::new(), BTreeMap::new());
        for step in Flow::new(settings) {
            truth.take(&step);
            let mut set = |order: Resting, shares: u32| {
                live.remove(&order.id);
                if shares > 0 {
                    live.insert(order.id, (step.stock, shares));
                }
            };
            match step.act {
                Act::Add(order) => set(order, order.shares),
                Act::Delete(order) => set(order, 0),
                Act::Reduce(order, shares) | Act::Execute { order, shares, .. } => {
                    set(order, order.shares - shares);
                }
                Act::Replace(old, new) => {
                    set(old, 0);
                    set(new, new.shares);
                }
                Act::Trade { .. } => {}
            }
        }
        for stock in 0..5 {
            let own = live.values().filter(|(of, _)| *of == stock);
            let shares: u64 = own.clone().map(|(_, shares)| u64::from(*shares)).sum();
            let [bids, asks] = truth.0[&stock].each_ref().map(sum);
            assert_eq!(bids.shares + asks.shares, shares, "stock {stock}");
            assert_eq!(bids.orders + asks.orders, own.count() as u64, "stock {stock}");
        }
    }
}
