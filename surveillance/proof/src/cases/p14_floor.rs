//! P14, floor or ceiling: orders that stop the price passing a level, replenished as they are used up.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::Nanos;
use engine_event::body::Attributes;

pub(super) const CASES: &[Case] = &[
    Case::positive("P14", "replenished_wall", |desk| Box::pin(wall(desk, Twist::None)))
        .on(Stage::USUAL)
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P14", "goes_lower_when_filled", |desk| Box::pin(wall(desk, Twist::GoesLower)))
        .on(Stage::USUAL)
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P14", "large_order_once", |desk| Box::pin(wall(desk, Twist::Once)))
        .on(Stage::USUAL)
        .by_new(1)
        .times(1, 1),
];

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// A fund with a limit: when its order is filled, the next one stands lower.
    GoesLower,
    /// One large order that is used up and not replenished.
    Once,
}

async fn wall(desk: &Desk, twist: Twist) -> Outcome {
    let mood = desk.mood();
    let side = desk.side();
    let Some(mut level) = desk.best(side) else { return Outcome::Void };
    let tick = desk.tick() as f64;
    // The others sell: without the wall the price would go.
    mood.buyers.set(if side == engine_event::Side::Buy { 0.12 } else { 0.88 });
    let size = desk.lots(desk.depth(side) as f64 * desk.between(2.4, 3.2) * desk.severity);
    let mut order = Some(desk.enter(side, level, size));
    let ends = desk.now() + Nanos((desk.between(1150.0, 1400.0) * SECOND as f64) as u64);
    let needed = (desk.between(12.0, 15.0) * desk.severity).round() as u32;
    let (mut refills, mut decided) = (0, None);
    let toward = if side == engine_event::Side::Buy { -1.0 } else { 1.0 };
    while desk.now() < ends {
        desk.pause_between(8 * SECOND, 25 * SECOND).await;
        // The fair price sinks under the level, so that the crowd presses on it.
        let fair = level.0 as f64 - toward * 1.2 * tick;
        mood.fair.set(mood.fair.get() * 0.5 + fair * 0.5);
        let seller = desk.other(desk.whole(0, 4096) as usize);
        let bite = desk.lots(size as f64 * f64::from(needed.max(2)) / 90.0);
        desk.sweep(seller, side.opposite(), level, bite);
        let rests = order.map_or(0, |id| desk.rests(id));
        if rests * 2 > size {
            continue;
        }
        match twist {
            Twist::Once => {}
            Twist::None => {
                desk.pause_between(100 * MILLI, SECOND).await;
                order.into_iter().for_each(|id| desk.cancel(id));
                let kind = Attributes::NONE;
                order = Some(desk.enter_as(desk.me(), side, level, size, kind));
                refills += 1;
                if refills >= 5 && desk.now() + Nanos(300 * SECOND) >= ends {
                    decided.get_or_insert(desk.now());
                }
            }
            Twist::GoesLower => {
                desk.pause_between(SECOND, 3 * SECOND).await;
                order.into_iter().for_each(|id| desk.cancel(id));
                level = desk.behind(side, level, 6);
                order = Some(desk.enter(side, level, size));
            }
        }
    }
    order.into_iter().for_each(|id| desk.cancel(id));
    if twist == Twist::None && desk.severity >= 0.5 && refills < 5 {
        return Outcome::Void;
    }
    Outcome::Done(decided.unwrap_or(desk.now()))
}
