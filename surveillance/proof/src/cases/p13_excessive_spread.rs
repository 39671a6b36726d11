//! P13, excessive spread: the only maker of an instrument holds its spread wide while customers trade.
//!
//! It happens on a stage that has no crowd: who quotes there, the case decides.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::body::Attributes;
use engine_event::{Nanos, OrderId, ParticipantId, Price, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P13", "sole_maker_widens", |desk| Box::pin(widen(desk, Twist::None)))
        .on(Stage::EMPTY)
        .times(1, 1),
    Case::near_miss("P13", "all_makers_widen", |desk| Box::pin(widen(desk, Twist::All)))
        .on(Stage::EMPTY)
        .by(3)
        .times(1, 1),
    Case::near_miss("P13", "widens_for_a_minute", |desk| Box::pin(widen(desk, Twist::Short)))
        .on(Stage::EMPTY)
        .times(1, 1),
];

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// Three makers widen together, and none supplies the best price most of the time.
    All,
    /// The spread is wide for less than a minute.
    Short,
}

/// A maker's bid and offer.
struct Quotes {
    who: ParticipantId,
    orders: [Option<OrderId>; 2],
}

impl Quotes {
    fn renew(&mut self, desk: &Desk, fair: f64, half: f64) {
        let size = desk.lots(desk.size(0.7) as f64 * desk.between(0.9, 1.1));
        for (place, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
            let price = if side == Side::Buy { fair - half } else { fair + half };
            let price = desk.on_grid(Price(price.round() as i64));
            match self.orders[place].filter(|id| desk.rests(*id) > 0) {
                Some(id) => desk.amend(id, price, size),
                None => {
                    let mm = Attributes::MARKET_MAKER;
                    self.orders[place] = Some(desk.enter_as(self.who, side, price, size, mm));
                }
            }
        }
    }
}

async fn widen(desk: &Desk, twist: Twist) -> Outcome {
    let mood = desk.mood();
    let tick = desk.tick() as f64;
    let half = (mood.fair.get() * 0.0015).max(2.0 * tick);
    let makers = if twist == Twist::All { 3 } else { 1 };
    let mut makers: Vec<Quotes> = (0..makers)
        .map(|number| {
            let who = desk.culprit(number);
            Quotes { who, orders: [None, None] }
        })
        .collect();
    // Half an hour as it always is.
    trade(desk, &mut makers, half, 1800, 120).await;
    let times = 1.0 + (desk.between(7.5, 9.0) - 1.0) * desk.severity;
    let lasts = if twist == Twist::Short { 45 } else { 900 };
    let began = desk.now();
    trade(desk, &mut makers, half * times, lasts, lasts / 6).await;
    trade(desk, &mut makers, half, 240, 120).await;
    for id in makers.iter().flat_map(|maker| maker.orders).flatten() {
        desk.cancel(id);
    }
    // Two minutes of it are what the pattern asks for.
    Outcome::Done(began + Nanos(120 * SECOND))
}

/// Quotes are renewed every few seconds, and a customer comes now and then.
async fn trade(desk: &Desk, makers: &mut [Quotes], half: f64, lasts_s: u64, customer_s: u64) {
    let ends = desk.now() + Nanos(lasts_s * SECOND);
    let mut customer = desk.now() + Nanos(customer_s * SECOND / 2);
    let mood = desk.mood();
    while desk.now() < ends {
        mood.fair.set(mood.fair.get() + desk.between(-0.6, 0.6) * desk.tick() as f64);
        // Makers take turns at the front.
        let front = desk.whole(0, makers.len() as u64 - 1) as usize;
        for (place, maker) in makers.iter_mut().enumerate() {
            let behind = if place == front { 0.0 } else { desk.tick() as f64 };
            maker.renew(desk, mood.fair.get(), half + behind);
        }
        desk.pause_between(1500 * MILLI, 4500 * MILLI).await;
        if desk.now() >= customer {
            customer = desk.now() + Nanos(customer_s * SECOND);
            let side = desk.side();
            if let Some(far) = desk.best(side.opposite()) {
                let who = desk.other(desk.whole(0, 4096) as usize);
                desk.sweep(who, side, far, desk.lots(desk.size(0.4) as f64));
            }
        }
    }
}
