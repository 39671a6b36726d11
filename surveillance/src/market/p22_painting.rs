//! P22, painting the tape: many small trades that make a market look busy or a price look rising.
//!
//! **What.** Within [`window_s`](Painting::window_s) a person (all accounts that are declared to be
//! theirs)
//! - makes many small trades ([`prints_min`](Painting::prints_min), each no larger than three of four
//!   trades are, or orders, as long as few have traded),
//! - which are a share of all trades ([`prints_share_min`](Painting::prints_share_min)),
//! - most of them ticks in one direction ([`ticks_share_min`](Painting::ticks_share_min)): at a price
//!   above the last other price, or all below,
//! - and which change next to nothing for the person: what they bought less what they sold is at most
//!   [`net_share_max`](Painting::net_share_max) of both.
//!
//! It is an episode if others follow: from the first of these trades on they trade more per minute than in
//! the hour before ([`others_z_min`](Painting::others_z_min) robust deviations).
//!
//! **Excused.** An auction: nobody paints where one price is made for all. A market of many trades
//! ([`market_trades_per_h_max`](Painting::market_trades_per_h_max), others' alone, before): painting pays
//! where little is traded. This stands in for the lower half of a venue's instruments, of which the desk
//! sees one at a time.
//!
//! **When.** With the trade of the person that completes it, else by the minute until
//! [`follow_s`](Painting::follow_s) after the last one, because others follow later.
//!
//! **Score.** How many trades, their share, ticks, how flat the person stays, how much others follow.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-3(b), 4(a); 2017/565, Annex III.B, 2,
//! 15. All numbers are judgement.
//!
//! **Known false positives.** A maker of a thin market that is lifted offer by offer while others rush in,
//! and buys back as fast. Savings plans of many clients under one account, as far as they sell as much as
//! they buy. **Known misses.** Painters that nobody has declared to be one (P21, P20); who keeps what they
//! buy (P23).

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::remembered::Remembered;
use crate::desk::sizes::Quantiles;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use engine_observer::{Degraded, Severity};
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct Painting = "P22" {
        /// The time that is looked at.
        window_s: u64 = 1800, 60..=7200, "s", Judgement;
        /// Small trades within it.
        prints_min: u32 = 15, 2..=200, "", Judgement;
        /// Their share of all trades.
        prints_share_min: f64 = 0.4, 0.01..=1.0, "", Judgement;
        /// How many of them are ticks in one direction.
        ticks_share_min: f64 = 0.7, 0.0..=1.0, "", Judgement;
        /// What is bought less what is sold, as a share of both.
        net_share_max: f64 = 0.2, 0.0..=1.0, "", Judgement;
        /// How far others' volume rises, in robust deviations of their minutes before.
        others_z_min: f64 = 3.0, 0.0..=100.0, "σ", Judgement;
        /// Trades of others in an hour before it, from which on the market needs no painting.
        market_trades_per_h_max: f64 = 2000.0, 1.0..=1000000.0, "per h", Judgement;
        /// How long others may take to follow.
        follow_s: u64 = 600, 0..=3600, "s", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 25.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    ticks: Ticks,
    of: Remembered<Person, Prints, PERSONS_MAX>,
    /// Who has enough small trades, and until when others may follow.
    followed: Vec<(Person, Nanos)>,
    tally: Tally,
}

/// The last price, and whether it came from below or above.
#[derive(Default)]
struct Ticks {
    last: Option<Price>,
    /// 1 up, -1 down, 0 not known.
    direction: i64,
}

/// A person's small trades, the latest.
#[derive(Default)]
struct Prints {
    all: VecDeque<Print>,
    /// What came before is told already.
    told_until: Nanos,
}

#[derive(Clone, Copy)]
struct Print {
    at: Nanos,
    seq: u64,
    order: OrderId,
    side: Side,
    price: Option<Price>,
    quantity: u64,
    tick: i64,
    /// Both parties are the person.
    is_own: bool,
}

kept!(Memory { ticks, of, followed, tally });
kept!(Ticks { last, direction });
kept!(Prints { all, told_until });
kept!(Print { at, seq, order, side, price, quantity, tick, is_own });

/// Persons whose small trades are remembered.
const PERSONS_MAX: usize = 1_024;
/// Small trades of each; those that are named are the latest.
const PRINTS_MAX: usize = 256;
const NAMED_MAX: usize = 24;
/// Persons that are followed at a time.
const FOLLOWED_MAX: usize = 32;
const MINUTE: u64 = 60_000_000_000;
/// Minutes before, to tell what is usual.
const USUAL_MINUTES: u64 = 60;

impl Pattern for Painting {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Fill, What::Print];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "prints",
        "prints_share",
        "ticks_share",
        "net_share",
        "others_z",
        "busy_market",
        "auction",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        let tick = memory.ticks.take(deed);
        let (owner, aggressor) =
            (deed.owner.map(|who| who.person), deed.aggressor.map(|who| who.person));
        // Of trades, or of orders: whoever paints makes many of the trades, and must not say by that what
        // is small.
        let sizes = Quantiles::larger(scene.market.trade_sizes(), scene.market.order_sizes());
        let is_small = sizes.is_some_and(|sizes| deed.quantity <= sizes.q25);
        let other = aggressor.filter(|aggressor| Some(*aggressor) != owner);
        for person in owner.into_iter().chain(other) {
            if is_small {
                self.count(memory, person, deed, tick, scene, bench);
            }
            if bench.is_asked(person) {
                self.judge(memory, person, scene, bench);
            }
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let followed = std::mem::take(&mut memory.followed);
        for (person, until) in followed {
            if !self.judge(memory, person, scene, bench) && scene.now < until {
                memory.followed.push((person, until));
            }
        }
        if !memory.followed.is_empty() {
            bench.wake_at(scene.now + Nanos(MINUTE));
        }
    }
}

impl Ticks {
    /// The direction that a trade comes from.
    fn take(&mut self, deed: &Deed) -> i64 {
        let Some(price) = deed.price else { return 0 };
        if let Some(last) = self.last.replace(price).filter(|last| *last != price) {
            self.direction = if price > last { 1 } else { -1 };
        }
        self.direction
    }
}

impl Painting {
    fn window(&self, now: Nanos) -> Nanos {
        Nanos(now.0.saturating_sub(self.window_s * 1_000_000_000))
    }

    fn count(
        &self,
        memory: &mut Memory,
        person: Person,
        deed: &Deed,
        tick: i64,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let prints = memory.of.of(person, deed.at);
        let since = self.window(deed.at).max(prints.told_until);
        while prints.all.front().is_some_and(|first| first.at < since)
            || prints.all.len() >= PRINTS_MAX
        {
            prints.all.pop_front();
        }
        prints.all.push_back(Print {
            at: deed.at,
            seq: deed.seq,
            order: deed.order,
            side: deed.side,
            price: deed.price,
            quantity: deed.quantity,
            tick,
            is_own: matches!(deed.parties(), Some((one, other)) if one.person == other.person),
        });
        let first_at = prints.all.front().map_or(deed.at, |first| first.at);
        let trades = scene.market.flow().since(first_at).trades.max(1) as f64;
        let is_few = prints.all.len() < self.prints_min as usize
            || (prints.all.len() as f64) < self.prints_share_min * trades;
        if is_few {
            return;
        }
        let until = deed.at + Nanos::from_secs(self.follow_s);
        if self.judge(memory, person, scene, bench) {
            return;
        }
        let followed = &mut memory.followed;
        if let Some(place) = followed.iter().position(|followed| followed.0 == person) {
            followed[place].1 = until;
        } else if followed.len() < FOLLOWED_MAX {
            followed.push((person, until));
        }
        bench.wake_at(deed.at + Nanos(MINUTE));
    }

    fn judge(
        &self,
        memory: &mut Memory,
        person: Person,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) -> bool {
        let none = Prints::default();
        let prints = memory.of.get(person).unwrap_or(&none);
        let last_at = prints.all.back().map_or(scene.now, |last| last.at);
        let since = self.window(last_at).max(prints.told_until);
        let first = prints.all.partition_point(|print| print.at < since);
        let all: Vec<_> = prints.all.iter().skip(first).copied().collect();
        let first_at = all.first().map_or(scene.now, |first| first.at);
        let trades = scene.market.flow().between(first_at, last_at + Nanos(1_000_000_000)).trades;
        let count = all.len() as f64;
        let up = all.iter().filter(|print| print.tick > 0).count();
        let down = all.iter().filter(|print| print.tick < 0).count();
        let account = scene.ledger.of(person);
        let done = account.map(|account| account.done().since(first_at)).unwrap_or_default();
        let net = done.net().unsigned_abs() as f64 / done.volume().max(1) as f64;
        let mut case = bench.suspect(scene, person, Severity::Medium);
        case.needs("prints", count, AtLeast(f64::from(self.prints_min)));
        let share = count / trades.max(1) as f64;
        case.needs("prints_share", share, AtLeast(self.prints_share_min));
        let ticks = up.max(down) as f64 / count.max(1.0);
        case.needs("ticks_share", ticks, AtLeast(self.ticks_share_min));
        case.needs("net_share", net, AtMost(self.net_share_max));
        if !case.holds() && !bench.is_asked(person) {
            return false;
        }
        let own = all.iter().filter(|print| print.is_own).map(|print| print.quantity).sum();
        let others = others(person, (first_at, own), scene);
        case.needs("others_z", others.z, AtLeast(self.others_z_min));
        let usual = AtMost(self.market_trades_per_h_max);
        case.unless_excused("busy_market", others.trades_before, usual);
        case.unless_that("auction", !scene.market.is_continuous());
        if !case.holds() {
            bench.pass_over(&case);
            return false;
        }

        case.weighs("prints", count, 0.0, 2.0 * f64::from(self.prints_min));
        case.weighs("prints_share", share, 0.0, 0.8);
        case.weighs("ticks_share", ticks, 0.5, 1.0);
        case.weighs("net_share", net, self.net_share_max.max(0.01), 0.0);
        case.weighs("others_z", others.z, 0.0, 10.0);
        if let Some(first) = all.first() {
            case.begins(first.seq, first.at);
        }
        for print in all.iter().rev().take(NAMED_MAX).rev() {
            let told = (print.side, print.price, print.quantity);
            case.part(Part::Deceptive, (print.seq, print.order), told);
        }
        case.degrade(Degraded::MEMORY.when(memory.of.is_forgetful()));
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        let is_episode = bench.settle(case, scene, &mut memory.tally, repeats);
        if is_episode {
            let prints = memory.of.of(person, scene.now);
            prints.told_until = scene.now;
            prints.all.clear();
            memory.followed.retain(|followed| followed.0 != person);
        }
        is_episode
    }
}

/// What others traded by minute from a moment on, against their minutes before. `own` of it the person
/// traded on both sides.
fn others(person: Person, (from, own): (Nanos, u64), scene: &Scene<'_>) -> Others {
    let account = scene.ledger.of(person);
    let between = |from: Nanos, to: Nanos| {
        let all = scene.market.flow().between(from, to);
        let own = account.map(|account| account.done().between(from, to)).unwrap_or_default();
        (all.volume() as f64 - own.volume() as f64, all.trades as f64 - own.trades as f64)
    };
    let mut minutes = Vec::with_capacity(USUAL_MINUTES as usize);
    let mut trades_before = 0.0;
    for minute in 1..=USUAL_MINUTES {
        let begin = Nanos(from.0.saturating_sub(minute * MINUTE));
        if begin < scene.market.begun_at() {
            break;
        }
        let (volume, trades) = between(begin, begin + Nanos(MINUTE));
        minutes.push(volume.max(0.0));
        trades_before += trades.max(0.0);
    }
    if minutes.is_empty() {
        return Others { z: 0.0, trades_before: 0.0 };
    }
    let trades_before = trades_before * USUAL_MINUTES as f64 / minutes.len() as f64;
    // A minute of a thin market has a usual trade more or less.
    let sizes = scene.market.trade_sizes().or(scene.market.order_sizes());
    let least = sizes.map_or(1, |sizes| sizes.q50.max(1)) as f64;
    let (median, deviation) = spread_of(&mut minutes, least);
    let passed = scene.now.since(from).0.max(MINUTE) as f64 / MINUTE as f64;
    let now = (between(from, Nanos::END).0 + own as f64).max(0.0) / passed;
    Others { z: (now - median) / deviation, trades_before }
}

/// What others trade.
struct Others {
    /// How much more than usual, in robust deviations.
    z: f64,
    /// Trades of an hour before.
    trades_before: f64,
}

/// The median, and a standard deviation by the median of what differs from it: at least a tenth of it,
/// and `least`.
fn spread_of(values: &mut [f64], least: f64) -> (f64, f64) {
    let median = |values: &mut [f64]| {
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let middle = median(values);
    values.iter_mut().for_each(|value| *value = (*value - middle).abs());
    let deviation = median(values) * 1.4826;
    (middle, deviation.max(middle / 10.0).max(least))
}
