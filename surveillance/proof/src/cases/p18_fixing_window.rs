//! P18, fixing or settlement window: the price that a contract is settled by is pushed while it is made.
//!
//! The window is the last five minutes before the close; the contracts are told as a start-of-day position.

use crate::desk::{Desk, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::body::{Attributes, Holding, Phase};
use engine_event::{Event, Nanos, Side};

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
    let usual = |desk: &Desk| (desk.volume(1500 * SECOND) as f64 / 5.0).max(desk.size(0.9) as f64);
    if pushes {
        // Ten times what will be traded, on the side that gains.
        let held = desk.size(0.9) as i64 * 100;
        let held = if side == Side::Buy { held } else { -held };
        let holding = Holding::new(Some(desk.me()), held);
        desk.tell(Event::new(desk.subject, desk.now(), holding));
    }
    desk.with_floor(|floor| floor.begin(desk.subject, Phase::Continuous));
    desk.pause_between(1500 * SECOND, 1520 * SECOND).await;
    if desk.touch().is_none() {
        return Outcome::Void;
    }
    let ends = desk.now() + Nanos(295 * SECOND);
    // As much as all others and more; or a tenth of it.
    let share = if pushes { desk.between(2.0, 2.6) * desk.severity } else { 0.1 };
    let bites = 30.0;
    let each = desk.lots(usual(desk) * share / bites);
    let mood = desk.mood();
    let mut decided = desk.now();
    while desk.now() < ends {
        let Some(far) = desk.best(side.opposite()) else { return Outcome::Void };
        if pushes {
            let level = desk.at_level(side.opposite(), far);
            desk.sweep(desk.me(), side, desk.behind(side, far, -1), each.max(level.min(each * 3)));
            let toward = if side == Side::Buy { 0.35 } else { -0.35 };
            mood.fair.set(mood.fair.get() + toward * desk.tick() as f64 * desk.severity);
        } else {
            let best = desk.best(side).unwrap_or(far);
            let order = desk.enter_as(desk.me(), side, best, each, Attributes::CLIENT);
            desk.pause_between(4 * SECOND, 6 * SECOND).await;
            desk.cancel(order);
        }
        decided = desk.now();
        desk.pause_between(7 * SECOND, 11 * SECOND).await;
    }
    desk.with_floor(|floor| floor.begin(desk.subject, Phase::Close));
    desk.pause(5 * SECOND).await;
    Outcome::Done(decided)
}
