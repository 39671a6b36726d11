//! P18, fixing or settlement window: the price that a contract is settled by is pushed while it is made.
//!
//! The contract is settled by the mean price of the last minute before the close; how much of it is held is
//! told as a start-of-day position. A bank's clients trade over the last five minutes.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::body::{Attributes, Holding, Phase};
use engine_event::{Event, Nanos, Price, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P18", "window_pushed", |desk| Box::pin(window(desk, true)))
        .on(Stage::USUAL.with_session())
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P18", "client_flow_spread_evenly", |desk| Box::pin(window(desk, false)))
        .on(Stage::USUAL.with_session())
        .by_new(1)
        .times(1, 1),
];

async fn window(desk: &Desk, pushes: bool) -> Outcome {
    let side = desk.side();
    if pushes {
        // Many times what will be traded, on the side that gains.
        let held = desk.size(0.9) as i64 * 1_000;
        let held = if side == Side::Buy { held } else { -held };
        let holding = Holding::new(Some(desk.me()), held);
        desk.tell(Event::new(desk.subject, desk.now(), holding));
    }
    desk.with_floor(|floor| floor.begin(desk.subject, Phase::Continuous));
    desk.pause_between(1500 * SECOND, 1520 * SECOND).await;
    if desk.touch().is_none() {
        return Outcome::Void;
    }
    // When trading ends is known beforehand.
    let ends = desk.now() + Nanos(300 * SECOND);
    let decided = match pushes {
        true => {
            desk.pause(240 * SECOND + desk.whole(300, 1500) * MILLI).await;
            push(desk, side, ends).await
        }
        false => spread_evenly(desk, side, ends).await,
    };
    let Some(decided) = decided else { return Outcome::Void };
    desk.until_time(ends).await;
    desk.with_floor(|floor| floor.begin(desk.subject, Phase::Close));
    desk.pause(5 * SECOND).await;
    Outcome::Done(decided)
}

/// In the settlement minute all that stands up to a price is taken again and again; within seconds the
/// price is so far away as it hardly ever goes in a minute, and is held there.
async fn push(desk: &Desk, side: Side, ends: Nanos) -> Option<Nanos> {
    let mood = desk.mood();
    let sign = if side == Side::Buy { 1.0 } else { -1.0 };
    let usual = (desk.volume(1500 * SECOND) as f64 / 25.0).max(desk.size(0.9) as f64);
    let each = desk.lots(usual * desk.between(1.5, 2.0) * desk.severity / 15.0);
    let sigma = desk.sigma(60 * SECOND).max(desk.tick() as f64);
    let push = desk.between(6.5, 8.0) * sigma * desk.severity;
    let (began, start) = (desk.now(), desk.best(side.opposite())?);
    let fair = mood.fair.get();
    let mut decided = began;
    while desk.now() < ends {
        let share = (desk.now().since(began).0 as f64 / (8 * SECOND) as f64).min(1.0);
        mood.fair.set(fair + sign * push * share);
        let limit = desk.on_grid(Price(start.0 + (sign * push * share) as i64));
        let far = desk.best(side.opposite())?;
        let limit = if side == Side::Buy { limit.max(far) } else { limit.min(far) };
        let up_to = |level: &engine_book::Quote| match side {
            Side::Buy => level.price <= limit,
            Side::Sell => level.price >= limit,
        };
        let stands = desk.see(|book| {
            let levels = book.levels(side.opposite()).take_while(up_to);
            levels.map(|level| level.quantity.0).sum::<u64>()
        })?;
        desk.sweep(desk.me(), side, limit, stands.min(each * 4).max(each));
        decided = desk.now();
        desk.pause_between(1500 * MILLI, 3500 * MILLI).await;
    }
    Some(decided)
}

/// A bank trades for its clients, a tenth of what is usual, at the near side's price.
async fn spread_evenly(desk: &Desk, side: Side, ends: Nanos) -> Option<Nanos> {
    let usual = (desk.volume(1500 * SECOND) as f64 / 5.0).max(desk.size(0.9) as f64);
    let each = desk.lots(usual * 0.1 / 30.0);
    while desk.now() + Nanos(20 * SECOND) < ends {
        let best = desk.best(side).or(desk.best(side.opposite()))?;
        let order = desk.enter_as(desk.me(), side, best, each, Attributes::CLIENT);
        desk.pause_between(4 * SECOND, 6 * SECOND).await;
        desk.cancel(order);
        desk.pause_between(3 * SECOND, 5 * SECOND).await;
    }
    Some(desk.now())
}
