//! P22, painting the tape: small trades between two accounts of one declared owner suggest interest in an
//! illiquid instrument, at ever better prices, until others trade.

use crate::desk::{Desk, MILLI, Outcome, SECOND};
use crate::scenario::Case;
use crate::stage::Stage;
use engine_event::body::{Attributes, Holding};
use engine_event::{Event, ParticipantId, Price, Side};

pub(super) const CASES: &[Case] = &[
    Case::positive("P22", "small_upticks_between_two", |desk| Box::pin(paint(desk, Twist::None)))
        .on(Stage::THIN)
        .by_new(2)
        .times(1, 1),
    Case::near_miss("P22", "buyer_in_equal_slices", |desk| Box::pin(paint(desk, Twist::Buyer)))
        .on(Stage::THIN)
        .by_new(1)
        .times(1, 1),
    Case::near_miss("P22", "many_small_savers", |desk| Box::pin(paint(desk, Twist::Savers)))
        .on(Stage::THIN)
        .by_new(1)
        .times(1, 1),
];

#[derive(Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// One buyer in thirty equal slices, who ends with all of it.
    Buyer,
    /// Each purchase is another saver's.
    Savers,
}

async fn paint(desk: &Desk, twist: Twist) -> Outcome {
    let size = desk.lots(desk.size(0.2) as f64 * 0.8);
    match twist {
        Twist::None => between_two(desk, size).await,
        Twist::Buyer | Twist::Savers => slices(desk, twist, size).await,
    }
}

/// Accounts that are declared to be one owner's trade with each other, ever a tick higher, and others see
/// the prints and trade many times what they did before.
async fn between_two(desk: &Desk, size: u64) -> Outcome {
    for number in 0..2 {
        let holding = Holding::new(Some(desk.culprit(number)), 0);
        let holding = holding.owned_by(Some(desk.culprit(0)));
        desk.tell(Event::new(desk.subject, desk.now(), holding));
    }
    let mood = desk.mood();
    // Who comes by himself rather sells to those who bid.
    mood.buyers.set(0.1);
    let count = (desk.between(35.0, 42.0) * desk.severity).round() as u64;
    let a_minute = (desk.volume(850 * SECOND) as f64 * 60.0 / 850.0).max(desk.lot() as f64);
    let wanted = a_minute * desk.between(11.0, 14.0) * desk.severity;
    let (mut decided, mut followed) = (None, 0.0);
    let began = desk.now();
    for number in 0..count {
        mood.fair.set(mood.fair.get() + 0.2 * desk.tick() as f64);
        if !uptick(desk, number as usize, size).await {
            return Outcome::Void;
        }
        if number == 14 {
            decided = Some(desk.now());
        }
        desk.pause_between(5 * SECOND, 20 * SECOND).await;
        // In the last two thirds others follow, every third time.
        if number * 3 > count && (desk.happens(0.35) || number + 1 == count) {
            let minutes = (desk.now().since(began).0 as f64 / 60e9).max(1.0);
            let missing = wanted * minutes - followed;
            let size = desk.lots((missing * desk.between(0.9, 1.4)).max(1.0));
            follow(desk, size).await;
            followed += size as f64;
        }
        desk.pause_between(10 * SECOND, 25 * SECOND).await;
    }
    desk.pause_between(60 * SECOND, 180 * SECOND).await;
    Outcome::Done(decided.unwrap_or(desk.now()))
}

/// One buyer in thirty equal slices, or as many savers.
async fn slices(desk: &Desk, twist: Twist, size: u64) -> Outcome {
    let mood = desk.mood();
    let apart = 1600 * SECOND / 30;
    let mut decided = desk.now();
    for number in 0..30u64 {
        mood.fair.set(mood.fair.get() + 0.1 * desk.tick() as f64);
        let is_me = twist == Twist::Buyer || number % 12 == 0;
        let who = if is_me { desk.me() } else { desk.anybody() };
        let Some(far) = desk.best(Side::Sell) else { return Outcome::Void };
        desk.sweep(who, Side::Buy, far, size);
        if number == 14 {
            decided = desk.now();
        }
        desk.pause_between(apart / 2, apart * 9 / 10).await;
    }
    desk.pause_between(60 * SECOND, 180 * SECOND).await;
    Outcome::Done(decided)
}

/// The two trade with each other, a tick above the last trade where the spread allows it; who buys and who
/// sells changes from trade to trade.
async fn uptick(desk: &Desk, number: usize, size: u64) -> bool {
    let Some(price) = inside(desk, 1).await else { return false };
    let pair: [ParticipantId; 2] = [desk.culprit(number), desk.culprit(number + 1)];
    let order = desk.enter_as(pair[0], Side::Sell, price, size, Attributes::NONE);
    desk.pause_between(10 * MILLI, 800 * MILLI).await;
    desk.sweep(pair[1], Side::Buy, price, size);
    let met = desk.filled(order) > 0;
    desk.cancel(order);
    met
}

/// Others see prints: one offers at the last price, another takes it after a while.
async fn follow(desk: &Desk, size: u64) {
    let Some(price) = inside(desk, 0).await else { return };
    let (seller, buyer) = (desk.anybody(), desk.anybody());
    let order = desk.enter_as(seller, Side::Sell, price, size, Attributes::NONE);
    desk.pause_between(3 * SECOND, 12 * SECOND).await;
    desk.sweep(buyer, Side::Buy, price, desk.rests(order).max(1));
    desk.cancel(order);
}

/// A price between bid and offer, so many ticks above the last one if there is room.
async fn inside(desk: &Desk, above: i64) -> Option<Price> {
    let room = |desk: &Desk| desk.is_open() && desk.spread() > Some(1);
    if !desk.until(120 * SECOND, room).await {
        return None;
    }
    let ((bid, ask), one) = (desk.touch()?, desk.tick());
    let wished = desk.last().map_or(bid.0 + one, |last| last.0 + above * one);
    // At the top of a wide spread they begin again below, and have room for the next steps.
    let is_spent = above > 0 && wished >= ask.0 && ask.0 - bid.0 >= 5 * one;
    let wished = if is_spent { bid.0 + one } else { wished };
    Some(Price(wished.clamp(bid.0 + one, ask.0 - one)))
}
