//! Four cases that courts and regulators have described, played on stages after their public figures.
//!
//! | case | what is known | what is made |
//! |---|---|---|
//! | Sarao, 6 May 2010 (CFTC) | five orders of 600 lots from 1156.50 to 1157.50, entered at 11:17:38.782; a sixth about 13:13; more than 19,000 amendments; all cancelled at 13:40:12.553 without a fill; the price 361 basis points lower; purchases meanwhile | all of it; crowd and path of the price are chance |
//! | Coscia, 2011 (FCA) | a bid for 17 lots at 115.86, three large offers one to three ticks above, the bid fills, the offers go: 609 ms; then mirrored | six cycles and their mirror images in half an hour |
//! | Oystacher, 2011 to 2014 (CFTC) | 400 lots join a level of 180; 2.1 s later a sale of 260 at that price cancels them by "avoid own match" and meets the joiners; four times in ten minutes | all of it |
//! | Athena, 2009 (SEC) | more than 70 % of the volume of the last two seconds, an opposite order in the closing auction | 2 s before the close, across three ticks, sold in the auction |
//!
//! Around each is an ordinary market of background accounts. The names of those who did it are not on the
//! tape.

use crate::accounts::Accounts;
use crate::chance::blended;
use crate::desk::{Desk, MILLI, SECOND};
use crate::floor::Floor;
use crate::label::{Class, Label};
use crate::stage::{self, Mood, Stage, alongside, run};
use crate::survey::Instrument;
use engine_event::body::{Attributes, Phase};
use engine_event::{
    Definition, Directory, DirectoryFull, Event, Nanos, OrderId, ParticipantId, Price, Side,
};
use std::cell::RefCell;
use std::rc::Rc;

/// Which case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Historic {
    /// Dynamic layering on the day of the flash crash.
    Sarao,
    /// Layers for some 600 ms.
    Coscia,
    /// Flips.
    Oystacher,
    /// Marking the close.
    Athena,
}

/// What a case is played with.
struct Play {
    subject: &'static str,
    venue: &'static str,
    pattern: &'static str,
    case: &'static str,
    /// In hundredths.
    tick: i64,
    price: i64,
    /// Median size of the crowd's orders.
    size: u64,
    stage: Stage,
    begins: Nanos,
    warm_s: u64,
}

/// 2010-05-06T11:00 in Chicago, which is 16:00 UTC.
const SARAO_BEGINS: u64 = 1_273_161_600 * SECOND;

impl Historic {
    /// All of them.
    pub const ALL: [(&'static str, Historic); 4] = [
        ("sarao", Historic::Sarao),
        ("coscia", Historic::Coscia),
        ("oystacher", Historic::Oystacher),
        ("athena", Historic::Athena),
    ];

    fn play(self) -> Play {
        let busy = Stage { per_second: 8.0, orders: 260, warm_s: 0, ..Stage::USUAL };
        match self {
            Historic::Sarao => Play {
                subject: "ESM0",
                venue: "XCME",
                pattern: "P02",
                case: "sarao",
                tick: 25,
                price: 115_562,
                size: 60,
                stage: Stage { sigma_ticks: 0.1, half_spread: 0.5, ..busy },
                begins: Nanos(SARAO_BEGINS),
                warm_s: 1058,
            },
            Historic::Coscia => Play {
                subject: "BRNX1",
                venue: "IFEU",
                pattern: "P01",
                case: "coscia",
                tick: 1,
                price: 11_587,
                size: 3,
                stage: Stage { sigma_ticks: 0.05, ..busy },
                begins: Nanos(1_316_512_800 * SECOND),
                warm_s: 900,
            },
            Historic::Oystacher => Play {
                subject: "HGZ1",
                venue: "XCEC",
                pattern: "P03",
                case: "oystacher",
                tick: 5,
                price: 34_500,
                size: 20,
                stage: Stage { half_spread: 1.5, ..busy },
                begins: Nanos(1_322_665_200 * SECOND),
                warm_s: 900,
            },
            Historic::Athena => Play {
                subject: "NDQX",
                venue: "XNAS",
                pattern: "P15",
                case: "athena",
                tick: 1,
                price: 4_210,
                size: 300,
                stage: Stage { own_session: true, ..busy },
                begins: Nanos(1_257_879_600 * SECOND), // 2009-11-10T19:00 UTC: two hours to go
                warm_s: 7_198,
            },
        }
    }

    /// Plays the case. Gives all that a tape holds, and the label.
    pub fn tell(
        self,
        seed: u64,
        names: &mut Directory,
    ) -> Result<(Vec<Event>, Label), DirectoryFull> {
        let play = self.play();
        let venue = names.venues.intern(play.venue)?;
        let definition = Definition::new(venue, 2, 0).with_tick(Price(play.tick));
        let (subject, _) = names.define(play.subject, definition)?;
        let crowd: Result<Vec<ParticipantId>, _> =
            (1..=200).map(|number| names.participants.intern(&format!("A{number:04}"))).collect();
        let crowd = Rc::new(crowd?);
        let me = names.participants.intern("N0001")?;
        // Sizes around the median, up to eight times as much: the squares of evenly spread numbers.
        let sizes = (1..=256u64).map(|n| (play.size * n * n / 16_384 + play.size / 8).max(1));
        let instrument = Instrument::made(play.tick, play.price, sizes.collect());
        let floor = Rc::new(RefCell::new(Floor::new(OrderId(1), Accounts::told())));
        floor.borrow_mut().now = play.begins;
        let around = (subject, Rc::new(instrument));
        let seed_of = |part: u64| blended(&[seed, part]);
        let desk = Desk::new(floor.clone(), around, (vec![me], crowd), 1.0, seed_of(1));
        let desk = desk.on_stage(Rc::new(Mood::new(play.price as f64)));
        let others = desk.beside(seed_of(2));
        let mood = desk.mood();
        let mut decided = Vec::new();
        let act = async {
            desk.with_floor(|floor| floor.begin(subject, Phase::Continuous));
            desk.until_time(play.begins + Nanos(play.warm_s * SECOND)).await;
            match self {
                Historic::Sarao => sarao(&desk).await,
                Historic::Coscia => coscia(&desk).await,
                Historic::Oystacher => oystacher(&desk).await,
                Historic::Athena => athena(&desk).await,
            }
        };
        let all = alongside(stage::crowd(&others, play.stage, &mood), act);
        decided.extend(run(&floor, &desk, all));
        let out = std::mem::take(&mut floor.borrow_mut().out);
        let label = Label {
            label: format!("{}-0001", play.pattern),
            pattern: play.pattern.to_owned(),
            class: Class::Positive,
            case: play.case.to_owned(),
            severity: 1.0,
            subject: play.subject.to_owned(),
            venue: play.venue.to_owned(),
            participants: vec!["N0001".to_owned()],
            episodes: decided.len() as u32,
            first_at: play.begins + Nanos(play.warm_s * SECOND),
            last_at: out.last().map_or(play.begins, |event| event.event_at),
            decided_at: decided,
            seed,
        };
        Ok((out, label))
    }
}

async fn sarao(desk: &Desk) -> Vec<Nanos> {
    let mood = desk.mood();
    // 11:17:38.782.
    desk.until_time(Nanos(SARAO_BEGINS + 1_058 * SECOND + 782 * MILLI)).await;
    let begins = desk.now();
    let ends = Nanos(SARAO_BEGINS + 9_612 * SECOND + 553 * MILLI);
    let sixth_at = Nanos(SARAO_BEGINS + 7_980 * SECOND);
    let prices = [115_650, 115_675, 115_700, 115_725, 115_750];
    let enter = |price: i64| desk.enter(Side::Sell, Price(price), 600);
    let mut orders: Vec<OrderId> = prices.into_iter().map(enter).collect();
    // 361 basis points down, in as many steps as there are rounds of amendments.
    let (start, lasts) = (mood.fair.get(), (ends.0 - begins.0) as f64);
    let mut decided = Vec::new();
    let mut bought = 0;
    for round in 0u64.. {
        desk.pause_between(1650 * MILLI, 2500 * MILLI).await;
        if desk.now() >= ends {
            break;
        }
        if desk.now() >= sixth_at && orders.len() == 5 {
            let next = desk.best(Side::Sell).map_or(115_775, |best| best.0 + 8 * 25);
            orders.push(desk.enter(Side::Sell, Price(next), 600));
        }
        let passed = (desk.now().0 - begins.0) as f64 / lasts;
        let path = start * (1.0 - 0.0361 * passed);
        mood.fair.set(mood.fair.get() * 0.9 + path * 0.1);
        // Three to four levels away, wherever the offer is.
        let Some(best) = desk.best(Side::Sell) else { continue };
        let off = 3 + (round % 2) as i64;
        for (level, id) in orders.iter().enumerate() {
            let price = Price(best.0 + (off + level as i64) * 25);
            if desk.order(*id).is_some_and(|own| own.price != price) {
                desk.amend(*id, price, 600);
            }
        }
        if round % 25 == 24 && bought < 9_000 {
            let size = desk.whole(20, 60);
            bought += desk.sweep(desk.me(), Side::Buy, best, size);
        }
        if decided.is_empty() && desk.now() > begins + Nanos(180 * SECOND) && bought > 250 {
            decided.push(desk.now());
        }
    }
    desk.until_time(ends).await;
    orders.iter().for_each(|id| desk.cancel(*id));
    desk.pause(300 * SECOND).await;
    decided
}

async fn coscia(desk: &Desk) -> Vec<Nanos> {
    let mood = desk.mood();
    let mut decided = Vec::new();
    for cycle in 0..6usize {
        for side in [Side::Buy, Side::Sell] {
            // The market stands around 115.87.
            mood.fair.set(11_587.0);
            let is_wide = |desk: &Desk| desk.spread() > Some(1);
            desk.until(60 * SECOND, is_wide).await;
            let Some(best) = desk.best(side) else { continue };
            let began = desk.now();
            let price = desk.behind(side, best, -1);
            let small = desk.enter(side, price, 17);
            desk.pause_between(30 * MILLI, 60 * MILLI).await;
            let other = side.opposite();
            let large: Vec<OrderId> = (1..=3)
                .filter_map(|off| {
                    let far = desk.best(other)?;
                    let size = desk.whole(56, 70);
                    Some(desk.enter(other, desk.behind(other, far, off), size))
                })
                .collect();
            desk.pause_between(250 * MILLI, 330 * MILLI).await;
            desk.sweep(desk.other(cycle * 7 + side as usize), other, price, 17);
            // The whole cycle takes 609 ms.
            desk.until_time(began + Nanos(609 * MILLI)).await;
            large.iter().for_each(|id| desk.cancel(*id));
            if desk.filled(small) == 17 {
                decided.push(desk.now());
            }
            desk.cancel(small);
            desk.pause_between(100 * MILLI, 300 * MILLI).await;
        }
        desk.pause_between(180 * SECOND, 320 * SECOND).await;
    }
    decided
}

async fn oystacher(desk: &Desk) -> Vec<Nanos> {
    let mut decided = Vec::new();
    for flip in 0..40usize {
        if decided.len() == 4 {
            break;
        }
        let is_wide = |desk: &Desk| desk.spread() > Some(1);
        if !desk.until(60 * SECOND, is_wide).await {
            continue;
        }
        let Some(best) = desk.best(Side::Buy) else { continue };
        let price = desk.behind(Side::Buy, best, -1);
        let others = |number: usize, size: u64| {
            let who = desk.other(flip * 11 + number);
            desk.enter_as(who, Side::Buy, price, size, Attributes::NONE)
        };
        let there = others(0, 180);
        desk.pause_between(400 * MILLI, 900 * MILLI).await;
        if desk.rests(there) < 180 || desk.best(Side::Buy) != Some(price) {
            desk.cancel(there);
            desk.pause_between(SECOND, 4 * SECOND).await;
            continue;
        }
        let began = desk.now();
        let large = desk.enter(Side::Buy, price, 400);
        for number in 1..4 {
            desk.pause_between(300 * MILLI, 500 * MILLI).await;
            others(number, 30);
        }
        desk.until_time(began + Nanos(2_100 * MILLI)).await;
        let kind = Attributes::SELF_TRADE_PREVENTION;
        let sale = desk.enter_as(desk.me(), Side::Sell, price, 260, kind);
        desk.cancel(sale);
        if desk.rests(large) > 0 || desk.filled(large) > 0 {
            desk.cancel(large);
            continue;
        }
        decided.push(desk.now());
        desk.pause_between(120 * SECOND, 170 * SECOND).await;
    }
    desk.pause(120 * SECOND).await;
    decided
}

async fn athena(desk: &Desk) -> Vec<Nanos> {
    let mood = desk.mood();
    // 15:59:58: what others trade in two seconds, and two and a half times as much on top.
    let usual = desk.volume(600 * SECOND) as f64 / 300.0;
    let wanted = (usual * 2.6).max(1_800.0);
    for bite in 0..12u64 {
        let Some(far) = desk.best(Side::Sell) else { break };
        let level = desk.at_level(Side::Sell, far);
        let part = (wanted / 12.0) as u64;
        // Three ticks are gone through.
        let size = if bite % 4 == 0 { level.max(part) } else { part };
        desk.sweep(desk.me(), Side::Buy, far, size);
        desk.pause_between(90 * MILLI, 155 * MILLI).await;
    }
    let decided = desk.now();
    let close = desk.now().0.div_ceil(SECOND) * SECOND;
    desk.until_time(Nanos(close)).await;
    desk.with_floor(|floor| floor.begin(desk.subject, Phase::Auction));
    // In the auction what was bought is sold, to those who buy at the close.
    let Some(last) = desk.last() else { return vec![decided] };
    desk.enter(Side::Sell, last, wanted as u64);
    for number in 0..6 {
        let size = (wanted / 4.0) as u64;
        desk.enter_as(desk.other(number * 5), Side::Buy, last, size, Attributes::NONE);
        desk.pause_between(20 * MILLI, 80 * MILLI).await;
    }
    desk.with_floor(|floor| {
        floor.uncross(desk.subject);
        floor.begin(desk.subject, Phase::Close);
    });
    mood.pace.set(0.0);
    desk.pause(SECOND).await;
    vec![decided]
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_book::{Books, Bounds};
    use engine_event::body::{Execution, Order};
    use engine_event::{FaultCounts, Kind};

    fn told(case: Historic) -> (Vec<Event>, Label) {
        case.tell(1, &mut Directory::new(1000)).unwrap()
    }

    fn faults(events: &[Event]) -> FaultCounts {
        let mut books = Books::new(Bounds { orders_max: 10_000, subjects_max: 4 });
        for event in events {
            books.apply(event);
        }
        books.faults()
    }

    /// The culprit's number: the one behind the crowd's 200.
    fn is_mine(who: Option<ParticipantId>) -> bool {
        who.is_some_and(|who| who.0.get() == 201)
    }

    #[test]
    fn every_case_is_without_faults_and_the_same_again() {
        for (name, case) in Historic::ALL {
            let (events, label) = told(case);
            assert_eq!(faults(&events).total(), 0, "{name}");
            assert!(!label.decided_at.is_empty(), "{name}");
            assert!(told(case) == (events, label), "{name}");
        }
    }

    #[test]
    fn sarao_amends_and_never_sells() {
        let (events, _) = told(Historic::Sarao);
        let mine = |event: &&Event| is_mine(event.body::<Order>().participant());
        let amended = events.iter().filter(|event| event.kind() == Kind::Modify).filter(mine);
        let amended = amended.count();
        assert!((19_000..23_000).contains(&amended), "{amended}");
        let fills = events.iter().filter(|event| event.kind() == Kind::Execute);
        let (mut sold, mut bought) = (0, 0);
        for fill in fills {
            let body: Execution = fill.body();
            sold += if is_mine(body.participant()) { body.quantity.0 } else { 0 };
            bought += if is_mine(body.counterparty()) { body.quantity.0 } else { 0 };
        }
        assert_eq!(sold, 0);
        assert!(bought > 2_000, "{bought}");
        let prices: Vec<i64> = events
            .iter()
            .filter(|event| event.kind() == Kind::Execute)
            .filter_map(|event| Some(event.body::<Execution>().price.get()?.0))
            .collect();
        let down = 1.0 - *prices.last().unwrap() as f64 / prices[0] as f64;
        assert!((0.033..0.039).contains(&down), "{down}");
    }

    #[test]
    fn oystacher_is_taken_away_by_the_venue() {
        let (events, label) = told(Historic::Oystacher);
        assert_eq!(label.episodes, 4);
        let gone = events.iter().filter(|event| {
            event.kind() == Kind::Delete && is_mine(event.body::<Order>().participant())
        });
        let gone = gone.count();
        assert!((4..10).contains(&gone), "{gone}");
    }

    #[test]
    fn coscia_is_filled_on_both_sides_and_athena_marks_the_close() {
        let (_, label) = told(Historic::Coscia);
        assert!(label.episodes >= 8, "{}", label.episodes);
        let (events, label) = told(Historic::Athena);
        let ends = label.decided_at[0];
        let last = events.iter().filter(|event| {
            event.kind() == Kind::Execute
                && event.event_at <= ends
                && event.event_at.0 > ends.0 - 2 * SECOND
        });
        let (mut mine, mut all) = (0, 0);
        for fill in last {
            let body: Execution = fill.body();
            all += body.quantity.0;
            mine += if is_mine(body.counterparty()) { body.quantity.0 } else { 0 };
        }
        assert!(mine * 10 >= all * 7, "{mine} of {all}");
    }
}
