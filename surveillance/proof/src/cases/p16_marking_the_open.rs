//! P16, marking the open: trades of the first minute push the opening price, and are undone at it.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::Side;
use engine_event::body::{Headline, Phase};
use engine_event::{Event, Nanos};

pub(super) const CASES: &[Case] = &[
    Case::positive("P16", "first_minute_then_sold", |desk| Box::pin(open(desk, true)))
        .on(Stage::USUAL.with_session())
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P16", "one_of_many_buyers", |desk| Box::pin(open(desk, false)))
        .on(Stage::USUAL.with_session())
        .by_new(1)
        .times(1, 1),
];

async fn open(desk: &Desk, alone: bool) -> Outcome {
    desk.with_floor(|floor| floor.begin(desk.subject, Phase::PreOpen));
    let mood = desk.mood();
    mood.width.set(2.0);
    desk.pause_between(115 * SECOND, 125 * SECOND).await;
    let side = desk.side();
    if !alone {
        // Results are published before the open.
        let headline = Headline::new(desk.whole(1, 1 << 32));
        desk.tell(Event::new(desk.subject, desk.now(), headline));
        desk.pause_between(20 * SECOND, 40 * SECOND).await;
    }
    desk.with_floor(|floor| {
        floor.uncross(desk.subject);
        floor.begin(desk.subject, Phase::Continuous);
    });
    mood.width.set(1.0);
    desk.pause_between(300 * MILLI, 2 * SECOND).await;
    let ends = desk.now() + Nanos(50 * SECOND);
    let levels = (desk.between(7.0, 9.0) * desk.severity).round().max(1.0) as u64;
    let each = desk.size(0.9) as f64 * desk.between(0.8, 1.4) * desk.severity;
    let mut bought = 0;
    let mut step = 0;
    while desk.now() < ends {
        let who = if alone || step % 50 == 7 { desk.me() } else { desk.other(step as usize * 13) };
        let Some(far) = desk.best(side.opposite()) else { return Outcome::Void };
        let whole = step < levels;
        let level = desk.at_level(side.opposite(), far);
        let quantity = if whole { level.max(desk.lots(each)) } else { desk.lots(each) };
        let limit = if whole { desk.behind(side, far, -1) } else { far };
        let had = desk.sweep(who, side, limit, quantity);
        if who == desk.me() {
            bought += had;
        }
        // The price goes along, as the catalogue has it: by more than twice its usual move of a minute, and
        // not less than that where half of the quantity does it.
        let toward = if side == Side::Buy { 1.1 } else { -1.1 };
        mood.fair.set(mood.fair.get() + toward * desk.tick() as f64 * desk.severity.max(0.75));
        step += 1;
        desk.pause_between(1500 * MILLI, 5 * SECOND).await;
    }
    let decided = desk.now();
    if !alone {
        desk.pause_between(120 * SECOND, 240 * SECOND).await;
        return desk.done();
    }
    // Within ten minutes it is sold, and the price is let go back.
    let mut left = bought;
    for _ in 0..40 {
        if left == 0 {
            break;
        }
        desk.pause_between(3 * SECOND, 10 * SECOND).await;
        if let Some(best) = desk.best(side) {
            let had = desk.sweep(desk.me(), side.opposite(), best, left.min(desk.lots(each)));
            left -= had.min(left);
        }
        let toward = if side == Side::Buy { -0.4 } else { 0.4 };
        mood.fair.set(mood.fair.get() + toward * desk.tick() as f64 * desk.severity);
    }
    if left * 2 > bought {
        return Outcome::Void;
    }
    desk.pause_between(30 * SECOND, 60 * SECOND).await;
    Outcome::Done(decided)
}
