//! P04, orders with no intention to execute: large orders that show for a moment, again and again, and move
//! the price without ever trading. No fill on the other side is needed.
//!
//! **What.** A flash: a displayed order that is large ([`size_q90_min`](NoIntention::size_q90_min), or
//! [`size_q50_min`](NoIntention::size_q50_min) where a day has many large ones), that
//! others had to see (it changed the touch, or is [`depth_share_min`](NoIntention::depth_share_min) of what
//! others show near it), and that goes soon ([`life_max_s`](NoIntention::life_max_s)) and nearly untraded
//! ([`flash_executed_max`](NoIntention::flash_executed_max)). An order goes when it is taken away, retreats
//! or is cut to half; one that is amended otherwise is there still. Immediate orders are none. It is an episode
//! if within [`window_s`](NoIntention::window_s)
//! - one person's flashes are many ([`flashes_min`](NoIntention::flashes_min)),
//! - they are many times what the person's resting orders traded
//!   ([`flashed_ratio_min`](NoIntention::flashed_ratio_min)),
//! - the mid mostly went their way ([`moved_share_min`](NoIntention::moved_share_min)), and more often than
//!   it does anyway ([`chance_max`](NoIntention::chance_max)),
//! - and as they stood, they had little chance of trading
//!   ([`fill_chance_max`](NoIntention::fill_chance_max)).
//!
//! The mid before an order entered is compared with the mid right after it went, and
//! [`look_s`](NoIntention::look_s) later: so the order itself is in neither. How often the mid goes up
//! or down anyway is measured in the same way at 64 moments of the window. The chance of trading is
//! that of a trade reaching so deep into that side within the order's life, at the rate of such trades
//! in the window.
//!
//! **Excused.** Nothing further: cancelling alone is no condition, for nearly all orders are cancelled; a
//! single order by accident is no episode.
//!
//! **When.** [`look_s`](NoIntention::look_s) after the flash that completes it. Flashes count once.
//!
//! **Degraded.** `identity`: where nobody says whose orders are, and [`anonymous`](NoIntention::anonymous)
//! asks for it; the alert is of low severity and names nobody.
//!
//! **Score.** How many, how large, how short, how often the mid followed, and how unlikely that is. The
//! least score is low, because the conditions decide: half of the catalogue's sizes would not reach 60.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-6(f); Regulation 596/2014, art.
//! 12(2)(c); CME 575, whose guidance excepts orders by accident.
//!
//! **Known false positives.** One who tests the market with large orders and is right about its direction.
//! **Known misses.** Markets so busy that any order may trade within milliseconds: there
//! [`fill_chance_max`](NoIntention::fill_chance_max) lets it pass. Gains made in a related instrument do not
//! count here.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::bars::Bars;
use crate::desk::chance::binomial_tail;
use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::market::Market;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::shelf::{Last, Shelf};
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::body::Attributes;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use std::ops::Sub;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct NoIntention = "P04" {
        /// A large order, in orders larger than nine of ten.
        size_q90_min: f64 = 1.0, 0.01..=1000.0, "×", Judgement;
        /// The same in median orders, where that is less: what few large orders came before does not hide it.
        size_q50_min: f64 = 5.0, 0.01..=10000.0, "×", Judgement;
        /// The order as a share of what others show near the touch, where it does not change the touch.
        depth_share_min: f64 = 0.1, 0.001..=100.0, "", Judgement;
        /// How long it may stand.
        life_max_s: f64 = 5.0, 0.001..=3600.0, "s", Judgement;
        /// How much of it may trade.
        flash_executed_max: f64 = 0.02, 0.0..=1.0, "", Judgement;
        /// How far back to count.
        window_s: u64 = 1800, 10..=7000, "s", Judgement;
        /// Flashes in it.
        flashes_min: u32 = 8, 1..=48, "", Judgement;
        /// Flashed, for each unit that the person's resting orders traded.
        flashed_ratio_min: f64 = 20.0, 0.1..=1000000.0, "×", Judgement;
        /// How many of the flashes the mid followed.
        moved_share_min: f64 = 0.6, 0.0..=1.0, "", Judgement;
        /// The chance that it does so anyway.
        chance_max: f64 = 0.01, 0.0..=1.0, "", Judgement;
        /// When the mid is looked at for the second time, after the order went.
        look_s: u64 = 1, 0..=60, "s", Judgement;
        /// The mean chance that an order would trade where it stood.
        fill_chance_max: f64 = 0.05, 0.0..=1.0, "", Judgement;
        /// Whether orders are looked at, too, of which nobody says whose they are (1), or not (0): those of
        /// one side and of like size are then taken for one person's.
        anonymous: u32 = 0, 0..=1, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 5.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    shown: Shelf<OrderId, Shown, SHOWN_MAX>,
    /// By [`key`].
    flashes: Shelf<u64, Last<Flash, FLASHES_MAX>, PERSONS_MAX>,
    due: Last<(Nanos, u64), DUE_MAX>,
    reach: Bars<Reach>,
    /// The latest trade: when, on which side, how deep.
    reached: Option<(Nanos, Side, u64)>,
    tally: Tally,
}

kept!(Memory { shown, flashes, due, reach, reached, tally });

/// A large order as it entered.
#[derive(Clone, Copy)]
struct Shown {
    seq: u64,
    at: Nanos,
    quantity: u64,
    /// Twice the mid before it.
    mid2: i64,
    ticks_behind: u64,
}

/// One that went.
#[derive(Clone, Copy)]
struct Flash {
    order: OrderId,
    side: Side,
    price: Price,
    shown: Shown,
    gone_at: Nanos,
    /// Whether the mid had gone its way when it went.
    has_moved: bool,
    /// How much of it traded.
    traded: u64,
}

/// Trades on each side by how many ticks behind the touch they were; the last place is for all beyond.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
struct Reach {
    trades: [[u32; DEPTHS]; 2],
}

kept!(Shown { seq, at, quantity, mid2, ticks_behind });
kept!(Flash { order, side, price, shown, gone_at, has_moved, traded });
kept!(Reach { trades });

/// Large orders that are followed at a time; the one that entered first gives way.
const SHOWN_MAX: usize = 4_096;
/// Persons whose flashes are remembered; the one whose latest is oldest gives way.
const PERSONS_MAX: usize = 512;
/// Flashes of each, the latest.
const FLASHES_MAX: usize = 48;
/// Decisions that are due at a time.
const DUE_MAX: usize = 512;
/// Ticks behind the touch that are told apart.
const DEPTHS: usize = 8;
/// Moments at which the mid's usual ways are looked at.
const MOMENTS: u64 = 64;
const SECOND: u64 = 1_000_000_000;

impl Sub for Reach {
    type Output = Self;

    fn sub(mut self, earlier: Self) -> Self {
        for side in 0..2 {
            for depth in 0..DEPTHS {
                self.trades[side][depth] -= earlier.trades[side][depth];
            }
        }
        self
    }
}

impl Pattern for NoIntention {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Enter, What::Amend, What::Cancel, What::Fill];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] =
        &["flashes", "flashed_ratio", "moved_share", "chance", "fill_chance"];

    fn is_anonymous(&self) -> bool {
        self.anonymous > 0
    }

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        match deed.what {
            What::Enter => self.show(memory, deed, scene),
            What::Amend => self.amend(memory, deed, scene, bench),
            What::Cancel => self.leave(memory, deed, scene, bench),
            What::Fill => {
                Self::reach(memory, deed, scene);
                if deed.left == 0 {
                    memory.shown.take(deed.order);
                }
            }
            _ => {}
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        while let Some((_, key)) = memory.due.front().copied().filter(|one| one.0 <= scene.now) {
            memory.due.pop_front();
            self.judge(memory, key, scene, bench);
        }
        if let Some((due, _)) = memory.due.front() {
            bench.wake_at(*due);
        }
    }
}

/// Whose flashes are counted together: a person's, or where nobody says whose they are, those of one side
/// and of like size, from one power of two to the next.
fn key(person: Person, side: Side, quantity: u64) -> u64 {
    match person {
        Person::NOBODY => NOBODYS | u64::from(quantity.max(1).ilog2()) << 1 | side as u64,
        person => u64::from(person.0),
    }
}

fn person_of(key: u64) -> Person {
    if key & NOBODYS == 0 { Person(key as u32) } else { Person::NOBODY }
}

const NOBODYS: u64 = 1 << 63;

impl NoIntention {
    fn person(&self, deed: &Deed) -> Option<Person> {
        let nobody = self.is_anonymous().then_some(Person::NOBODY);
        deed.owner.map(|owner| owner.person).or(nobody)
    }

    /// An order enters: is it large, and seen?
    fn show(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>) {
        let Some(sizes) = scene.market.order_sizes() else { return };
        let large = self.size_q90_min * sizes.q90 as f64;
        let large = large.min(self.size_q50_min * sizes.q50.max(1) as f64);
        if (deed.left as f64) < large || deed.left == 0 {
            return;
        }
        let (Some(person), Some(price)) = (self.person(deed), deed.price) else { return };
        let Some(book) = scene.book else { return };
        let hides = deed.attributes.has(Attributes::HIDDEN);
        if hides || deed.attributes.has(Attributes::IOC) || !scene.market.is_continuous() {
            return;
        }
        let (Some(change), Some(best)) = (scene.change, scene.market.best_of(deed.side)) else {
            return;
        };
        if !(change.touch_changed && price == best) {
            let own = match scene.ledger.of(person).filter(|_| person != Person::NOBODY) {
                Some(account) => account.resting_on(deed.side).quantity,
                None => deed.left,
            };
            let others = scene.market.depth(&book, deed.side).saturating_sub(own);
            if (deed.left as f64) < self.depth_share_min * others as f64 {
                return;
            }
        }
        let Some(mid2) = change.before().mid2() else { return };
        let ticks_behind = scene.market.ticks_behind(deed.side, price, best).max(0) as u64;
        let (seq, at, quantity) = (deed.seq, deed.at, deed.left);
        memory.shown.put(deed.successor, Shown { seq, at, quantity, mid2, ticks_behind });
    }

    /// An order is amended: it goes if it retreats or is cut to half. What advances or shrinks a little is
    /// there still, and has been since it was first shown; what retreats follows the market, or not.
    fn amend(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let (Some(was), Some(price)) = (deed.was, deed.price) else { return };
        let retreats = scene.market.ticks_behind(deed.side, price, was.price) > 0;
        if retreats || deed.left <= was.quantity / 2 {
            self.leave(memory, deed, scene, bench);
        } else if let Some(shown) = memory.shown.take(deed.order) {
            memory.shown.put(deed.successor, shown);
        } else {
            self.show(memory, deed, scene);
        }
    }

    /// An order goes: was it a flash?
    fn leave(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(shown) = memory.shown.take(deed.order) else { return };
        let (Some(person), Some(was)) = (self.person(deed), deed.was) else { return };
        let traded = 1.0 - was.quantity as f64 / shown.quantity as f64;
        let life = deed.at.since(shown.at).0 as f64 / 1e9;
        if life > self.life_max_s || traded > self.flash_executed_max {
            return;
        }
        let flash = Flash {
            order: deed.order,
            side: deed.side,
            price: was.price,
            shown,
            gone_at: deed.at,
            traded: shown.quantity.saturating_sub(was.quantity),
            has_moved: scene.market.mid2.is_some_and(|now| goes(deed.side, now - shown.mid2)),
        };
        let key = key(person, deed.side, shown.quantity);
        let window = Nanos::from_secs(self.window_s);
        let flashes = memory.flashes.touch(key, Last::default);
        flashes.expire(|flash| deed.at.since(flash.gone_at) > window);
        flashes.push(flash);
        if flashes.len() >= self.flashes_min as usize || bench.is_asked(person) {
            let due = deed.at + Nanos::from_secs(self.look_s);
            memory.due.push((due, key));
            bench.wake_at(due);
        }
    }

    /// A trade: how deep did it go? What one comer trades at one time counts once for each depth.
    fn reach(memory: &mut Memory, deed: &Deed, scene: &Scene<'_>) {
        let Some(best) = scene.change.and_then(|change| change.before().of(deed.side)) else {
            return;
        };
        let Some(price) = deed.price else { return };
        let depth = scene.market.ticks_behind(deed.side, price, best.price).max(0) as u64;
        let is_same = memory.reached.is_some_and(|(at, side, deepest)| {
            (at, side) == (deed.at, deed.side) && depth <= deepest
        });
        if is_same {
            return;
        }
        memory.reached = Some((deed.at, deed.side, depth));
        let place = (depth as usize).min(DEPTHS - 1);
        memory.reach.count(deed.at, |reach| reach.trades[deed.side as usize][place] += 1);
    }

    fn judge(&self, memory: &mut Memory, key: u64, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let person = person_of(key);
        let window = Nanos::from_secs(self.window_s);
        let Some(flashes) = memory.flashes.get_mut(key) else { return };
        flashes.expire(|flash| scene.now.since(flash.gone_at) > window);
        let count = flashes.len();
        if count == 0 || count < self.flashes_min as usize && !bench.is_asked(person) {
            return;
        }
        let from = Nanos(scene.now.0.saturating_sub(window.0)).max(scene.market.begun_at());
        let flashed: u64 = flashes.iter().map(|flash| flash.shown.quantity).sum();
        let executed = if person == Person::NOBODY {
            flashes.iter().map(|flash| flash.traded).sum()
        } else {
            let done = scene.ledger.of(person).map(|account| account.done().since(from));
            done.map_or(0, |done| done.given[0] + done.given[1])
        };
        let ratio = flashed as f64 / executed.max(1) as f64;
        let look = Nanos::from_secs(self.look_s);
        let moved = flashes.iter().filter(|flash| {
            let later = scene.market.mid_at(flash.gone_at + look);
            let later = later.map_or(0.0, |mid| mid - flash.shown.mid2 as f64 / 2.0);
            flash.has_moved || goes(flash.side, (later * 2.0) as i64)
        });
        let moved = moved.count() as u32;
        let moved_share = f64::from(moved) / count as f64;
        let may_be = ratio >= self.flashed_ratio_min && moved_share >= self.moved_share_min;
        if !may_be && !bench.is_asked(person) {
            return;
        }
        let usual = usual_ways(scene.market, (from, scene.now), look);
        let buys = flashes.iter().filter(|flash| flash.side == Side::Buy).count();
        let sells = count - buys;
        let rate = (usual[0] * buys as f64 + usual[1] * sells as f64) / count as f64;
        let chance = binomial_tail(moved, count as u32, rate);
        let seconds = (scene.now.since(from).0 as f64 / 1e9).max(1.0);
        let reach = memory.reach.since(from);
        let fill_chance = |flash: &Flash| {
            let depth = (flash.shown.ticks_behind as usize).min(DEPTHS - 1);
            let trades: u32 = reach.trades[flash.side as usize][depth..].iter().sum();
            let life = flash.gone_at.since(flash.shown.at).0 as f64 / 1e9;
            1.0 - (-f64::from(trades) / seconds * life).exp()
        };
        let fill_chance = flashes.iter().map(fill_chance).sum::<f64>() / count as f64;

        let is_somebody = person != Person::NOBODY;
        let severity = if is_somebody { Severity::Medium } else { Severity::Low };
        let mut case = bench.suspect(scene, person, severity);
        case.needs("flashes", count as f64, AtLeast(f64::from(self.flashes_min)));
        case.needs("flashed_ratio", ratio, AtLeast(self.flashed_ratio_min));
        case.needs("moved_share", moved_share, AtLeast(self.moved_share_min));
        case.needs("chance", chance, AtMost(self.chance_max));
        case.needs("fill_chance", fill_chance, AtMost(self.fill_chance_max));

        let large = scene.market.order_sizes().map_or(1, |sizes| sizes.q90.max(1)) as f64;
        let lives = flashes.iter().map(|flash| flash.gone_at.since(flash.shown.at).0 as f64 / 1e9);
        let life = lives.sum::<f64>() / count as f64;
        case.weighs("flashes", count as f64, 4.0, 24.0);
        case.weighs("size_q90", flashed as f64 / count as f64 / large, 0.0, 5.0);
        case.weighs("brevity", 1.0 - life / self.life_max_s, 0.0, 1.0);
        case.weighs("moved_share", moved_share, 0.5, 1.0);
        case.weighs("unlikeliness", -chance.max(1e-12).log10(), 1.0, 6.0);

        for flash in flashes.iter() {
            let Shown { seq, at, quantity, .. } = flash.shown;
            case.begins(seq, at);
            case.part(Part::Deceptive, (seq, flash.order), (flash.side, flash.price, quantity));
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        if bench.settle(case, scene, &mut memory.tally, repeats) {
            memory.flashes.take(key);
        }
    }
}

/// Whether a move is the way that an order on this side presses.
fn goes(side: Side, moved: i64) -> bool {
    match side {
        Side::Buy => moved > 0,
        Side::Sell => moved < 0,
    }
}

/// How often the mid is higher a second after any moment, or when it is looked at again; and how often lower.
fn usual_ways(market: &Market, (from, to): (Nanos, Nanos), look: Nanos) -> [f64; 2] {
    let (mut seen, mut ways) = (0.0, [0.0; 2]);
    let span = to.since(from).0.saturating_sub(look.0 + 2 * SECOND);
    for moment in 0..MOMENTS {
        let at = Nanos(from.0 + span / MOMENTS * moment);
        let soon = Nanos(at.0 + SECOND);
        let (Some(before), Some(after)) = (market.mid_at(at), market.mid_at(soon)) else {
            continue;
        };
        let later = market.mid_at(soon + look).unwrap_or(after);
        seen += 1.0;
        ways[0] += f64::from(u8::from(after > before || later > before));
        ways[1] += f64::from(u8::from(after < before || later < before));
    }
    ways.map(|way| (way + 1.0) / (seen + 2.0))
}
