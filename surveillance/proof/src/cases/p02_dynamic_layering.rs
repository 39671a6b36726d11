//! P02, dynamic layering: a block of large orders follows the market at a fixed distance, is amended again
//! and again and never trades, while the same person trades the other way.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use engine_event::body::Attributes;
use engine_event::{Nanos, OrderId, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P02", "ladder_follows_market", |desk| Box::pin(ladder(desk, Twist::None)))
        .by_new(1)
        .times(1, 2),
    Case::near_miss("P02", "pegged_two_sided_provider", |desk| Box::pin(provider(desk)))
        .times(1, 2),
    Case::near_miss("P02", "ladder_that_trades", |desk| Box::pin(ladder(desk, Twist::Trades)))
        .times(1, 2),
    Case::near_miss("P02", "trades_the_same_way", |desk| Box::pin(ladder(desk, Twist::SameWay)))
        .times(1, 2),
    Case::near_miss("P02", "ladder_left_alone", |desk| Box::pin(ladder(desk, Twist::LeftAlone)))
        .times(1, 2),
];

/// The one thing that is otherwise.
#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// A tenth of the ladder trades.
    Trades,
    /// What is traded besides goes the ladder's way: somebody who wants to sell.
    SameWay,
    /// The ladder is entered once and stays as it is.
    LeftAlone,
}

/// One side's ladder: each order and how many ticks it stands off the touch.
struct Ladder {
    side: Side,
    orders: Vec<(OrderId, i64)>,
    each: u64,
}

impl Ladder {
    fn enter(desk: &Desk, side: Side, levels: i64, from: i64, each: u64) -> Option<Self> {
        let (best, step) = (desk.best(side)?, desk.step());
        let enter = |level: i64| {
            let off = (from + level) * step;
            (desk.enter(side, desk.behind(side, best, off), each), off)
        };
        Some(Self { side, orders: (0..levels).map(enter).collect(), each })
    }

    /// Amends all orders that do not stand where they should.
    fn follow(&self, desk: &Desk) {
        let Some(best) = desk.best(self.side) else { return };
        for (id, off) in &self.orders {
            let price = desk.behind(self.side, best, *off);
            if desk.order(*id).is_some_and(|own| own.remaining > 0 && own.price != price) {
                desk.amend(*id, price, desk.rests(*id));
            }
        }
    }

    /// Amends one order's quantity by a lot or so.
    fn stir(&self, desk: &Desk) {
        let (id, off) = self.orders[desk.whole(0, self.orders.len() as u64 - 1) as usize];
        let Some(best) = desk.best(self.side) else { return };
        let quantity = desk.lots(self.each as f64 * desk.between(0.95, 1.05));
        desk.amend(id, desk.behind(self.side, best, off), quantity);
    }

    /// Others come and trade through to it, until so much of it is gone.
    async fn meet(&self, desk: &Desk, quantity: f64) {
        for number in 0..30 {
            let left = quantity - self.traded(desk) as f64;
            let first = self.orders.iter().find_map(|(id, _)| {
                desk.order(*id).filter(|own| own.remaining > 0).map(|own| own.price)
            });
            let Some(first) = first.filter(|_| left > 0.0) else { return };
            let before = desk.see(|book| {
                let better = book.levels(self.side).take_while(|level| level.price != first);
                better.map(|level| level.quantity.0).sum::<u64>()
            });
            let who = desk.other(number * 13 + 3);
            let through = before.unwrap_or(0) + desk.lots(left);
            desk.sweep(who, self.side.opposite(), first, through);
            desk.pause_between(50 * MILLI, 300 * MILLI).await;
        }
    }

    fn traded(&self, desk: &Desk) -> u64 {
        self.orders.iter().map(|(id, _)| desk.filled(*id)).sum()
    }

    /// Waits, but follows the touch when it moves.
    async fn stay(&self, desk: &Desk, nanos: u64) {
        let until = desk.now() + Nanos(nanos);
        while desk.now() < until {
            let best = desk.best(self.side);
            let left = until.0 - desk.now().0;
            if desk.until(left, |desk| desk.best(self.side) != best).await {
                desk.pause_between(MILLI / 2, 4 * MILLI).await;
                self.follow(desk);
            }
        }
    }
}

async fn ladder(desk: &Desk, twist: Twist) -> Outcome {
    let side = desk.side();
    let (levels, from) = (desk.whole(4, 6) as i64, desk.whole(3, 5) as i64);
    // As large beside what stands before its last order.
    let reach = desk.reach().max((from + levels) * desk.step() * desk.tick());
    let depth = desk.depth_within(side, reach).max(desk.size(0.9) * 2);
    let all = depth as f64 * desk.between(0.3, 0.5) * desk.severity;
    let each = desk.lots(all / levels as f64);
    let Some(ladder) = Ladder::enter(desk, side, levels, from, each) else { return Outcome::Void };
    let lasts = (desk.between(150.0, 240.0) * SECOND as f64) as u64;
    let ends = desk.now() + Nanos(lasts);
    let per_minute = desk.between(24.0, 60.0) * desk.severity;
    let apart = (60e9 / per_minute) as u64;
    // What is bought while the ladder presses the price down, in several bites.
    let way = if twist == Twist::SameWay { side } else { side.opposite() };
    let mut wanted = desk.size(0.9) as f64 * desk.between(2.4, 4.0) * desk.severity;
    let bite = wanted / 6.0;
    let mut bites_at = desk.now() + Nanos(20 * SECOND);
    // Long before the ladder would have lasted long enough.
    let mut trades_at = desk.now() + Nanos((desk.between(30.0, 90.0) * SECOND as f64) as u64);
    while desk.now() < ends {
        let pause = (apart as f64 * desk.between(0.7, 1.3)) as u64;
        let pause = pause.min(ends.0.saturating_sub(desk.now().0)).max(1);
        if twist == Twist::LeftAlone {
            desk.pause(pause).await;
        } else {
            ladder.stay(desk, pause).await;
            ladder.stir(desk);
        }
        if twist == Twist::Trades && desk.now() >= trades_at {
            trades_at = Nanos(u64::MAX);
            ladder.meet(desk, all * desk.between(0.06, 0.12)).await;
        }
        if wanted > 0.0 && desk.now() >= bites_at {
            if let Some(far) = desk.best(way.opposite()) {
                let limit = desk.behind(way, far, -desk.step());
                let had = desk.sweep(desk.me(), way, limit, desk.lots(bite));
                wanted -= had as f64;
            }
            bites_at = desk.now() + Nanos((desk.between(5.0, 15.0) * SECOND as f64) as u64);
        }
    }
    let traded = ladder.traded(desk) as f64;
    let is_right = match twist {
        Twist::Trades => traded > all * 0.03,
        _ => traded <= all * 0.007 && wanted <= desk.size(0.9) as f64 * 0.2,
    };
    if !is_right {
        return Outcome::Void;
    }
    for (id, _) in &ladder.orders {
        desk.cancel(*id);
    }
    desk.done()
}

/// Somebody quotes both sides at a fixed distance from the touch, with some 20 amendments a second; now
/// and then he is hit on either side, and what he gets he gives back.
async fn provider(desk: &Desk) -> Outcome {
    let each = desk.lots(desk.depth(Side::Buy).max(desk.size(0.9)) as f64 * 0.06);
    let bids = Ladder::enter(desk, Side::Buy, 5, 1, each);
    let offers = Ladder::enter(desk, Side::Sell, 5, 1, each);
    let Some((bids, offers)) = bids.zip(offers) else { return Outcome::Void };
    let ends = desk.now() + Nanos(140 * SECOND);
    let mut hit_at = desk.now() + Nanos(10 * SECOND);
    let mut turn = 0;
    while desk.now() < ends {
        for ladder in [&bids, &offers] {
            ladder.follow(desk);
            ladder.stir(desk);
        }
        desk.pause_between(80 * MILLI, 120 * MILLI).await;
        if desk.now() >= hit_at {
            // A customer takes the first levels of one side, then of the other.
            let ladder = if turn % 2 == 0 { &bids } else { &offers };
            turn += 1;
            let (side, best) = (ladder.side, desk.best(ladder.side));
            if let Some(best) = best {
                let limit = desk.behind(side, best, 2 * desk.step());
                let through = desk.at_level(side, best) + each;
                desk.sweep(desk.other(turn * 17), side.opposite(), limit, through);
            }
            hit_at = desk.now() + Nanos(15 * SECOND);
            for (id, off) in &ladder.orders {
                if let Some(best) = desk.best(side).filter(|_| desk.rests(*id) == 0) {
                    let mm = Attributes::MARKET_MAKER;
                    let price = desk.behind(side, best, *off);
                    desk.enter_as(desk.me(), side, price, each, mm);
                }
            }
        }
    }
    desk.done()
}
