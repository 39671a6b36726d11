//! P35, dominance, impact and reversal: one account trades most of what is traded, the price goes with it,
//! and comes back when it turns.

use crate::desk::{Desk, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::{Nanos, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P35", "dominates_then_turns", |desk| Box::pin(dominate(desk, true)))
        .on(Stage::USUAL)
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P35", "buyer_and_price_stay", |desk| Box::pin(dominate(desk, false)))
        .on(Stage::USUAL)
        .by_new(1)
        .times(1, 1),
];

async fn dominate(desk: &Desk, turns: bool) -> Outcome {
    let mood = desk.mood();
    let side = desk.side();
    let toward = if side == Side::Buy { 1.0 } else { -1.0 };
    let tick = desk.tick() as f64;
    // In ten minutes twice what all others trade, at a plain severity.
    let usual = (desk.volume(900 * SECOND) as f64 * 600.0 / 900.0).max(desk.size(0.9) as f64 * 4.0);
    let wanted = usual * desk.between(2.2, 2.8) * desk.severity;
    let moves = desk.sigma(600 * SECOND).max(6.0 * tick) * desk.between(4.8, 6.0) * desk.severity;
    let bites = 60.0;
    let way = |way: Side, size: f64| {
        if let Some(far) = desk.best(way.opposite()) {
            desk.sweep(desk.me(), way, desk.behind(way, far, -2), desk.lots(size))
        } else {
            0
        }
    };
    let ends = desk.now() + Nanos(590 * SECOND);
    let mut bought = 0;
    while desk.now() < ends {
        bought += way(side, wanted / bites);
        mood.fair.set(mood.fair.get() + toward * moves / bites);
        desk.pause_between(8 * SECOND, 11 * SECOND).await;
    }
    if (bought as f64) < wanted * 0.6 {
        return Outcome::Void;
    }
    let start = desk.now();
    while desk.now() < start + Nanos(580 * SECOND) {
        if turns {
            way(side.opposite(), bought as f64 * 0.9 / bites);
            mood.fair.set(mood.fair.get() - toward * moves * 0.9 / bites);
        }
        desk.pause_between(8 * SECOND, 11 * SECOND).await;
    }
    desk.done()
}
