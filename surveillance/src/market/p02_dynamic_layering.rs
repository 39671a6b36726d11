//! P02, dynamic layering: a block of orders follows the market at a distance, is amended again and again
//! and never trades, while its owner trades the other way.
//!
//! **What.** A ladder: displayed orders of one person on one side, at several levels
//! ([`levels_min`](DynamicLayering::levels_min)), some steps from the best price
//! ([`distance_min`](DynamicLayering::distance_min) to
//! [`distance_max`](DynamicLayering::distance_max)). A step is a tick, or a quarter of the usual
//! spread where that is wider: two ticks from a touch that is thirty ticks wide are no distance. It is an
//! episode if
//! - it lasts ([`life_min_s`](DynamicLayering::life_min_s)) and keeps that distance nearly all the time
//!   ([`placed_share_min`](DynamicLayering::placed_share_min)),
//! - it weighs on its side ([`dominance_min`](DynamicLayering::dominance_min) of what others show there),
//! - it is moved often ([`amends_per_min_min`](DynamicLayering::amends_per_min_min); an order that is taken
//!   away and one that enters instead count as one amendment),
//! - it hardly trades ([`executed_share_max`](DynamicLayering::executed_share_max)),
//! - and its owner meanwhile trades the other way
//!   ([`net_q90_min`](DynamicLayering::net_q90_min) times a large trade, bought less sold). What was traded
//!   is held against what trades: a ladder's own orders, which are large and many, do not raise that bar.
//!
//! The ladder is looked at with its owner's deeds, at most once a second; in between it is taken to stand
//! as it stood. It ends when its orders are fewer for longer than a second, or elsewhere for twelve.
//!
//! **Excused.** A ladder as large on the other side most of the time
//! ([`ladder_imbalance_max`](DynamicLayering::ladder_imbalance_max),
//! [`two_sided_share_max`](DynamicLayering::two_sided_share_max)): quotes that follow a reference price.
//!
//! **When.** With the first deed of its owner at which all of it is so; measuring then begins anew, so that
//! a ladder of hours is many episodes of one alert. The first raises it.
//!
//! **Score.** Dominance, how often it moves, how long it lasts, how much was traded the other way, and how
//! far the price went where the ladder pressed it. There is no least score: the conditions say it all.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-5(e); CEA 4c(a)(5)(C). The form and
//! the values from US v. Sarao, 6 May 2010.
//!
//! **Known false positives.** One side of a quote that is pegged to something at another venue, whose other
//! side is another account; stabilisation and buy-back programmes, which no event declares. **Known
//! misses.** Ladders of orders whose owner is unknown, and trading the other way in another product.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::ledger::Live;
use crate::desk::market::Market;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::shelf::Shelf;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct DynamicLayering = "P02" {
        /// Levels of the ladder.
        levels_min: u32 = 4, 1..=15, "", Case;
        /// How near to the best price it may stand.
        distance_min: f64 = 2.0, 0.0..=1000.0, "steps", Judgement;
        /// How far from it.
        distance_max: f64 = 12.0, 0.0..=10000.0, "steps", Judgement;
        /// For how much of its life it stands there.
        placed_share_min: f64 = 0.9, 0.01..=1.0, "", Judgement;
        /// The ladder as a share of what others show on that side near the touch.
        dominance_min: f64 = 0.1, 0.001..=100.0, "", Judgement;
        /// How long it lasts.
        life_min_s: f64 = 120.0, 1.0..=86400.0, "s", Judgement;
        /// How often an order of it is amended.
        amends_per_min_min: f64 = 10.0, 0.1..=1000000.0, "/min", Judgement;
        /// How much of it may trade.
        executed_share_max: f64 = 0.01, 0.0..=1.0, "", Judgement;
        /// Bought less sold the other way, in trades larger than nine of ten.
        net_q90_min: f64 = 1.0, 0.01..=10000.0, "×", Judgement;
        /// The imbalance of the person's own orders under which they are two-sided.
        ladder_imbalance_max: f64 = 0.3, 0.0..=1.0, "", Judgement;
        /// For how much of the ladder's life they may be.
        two_sided_share_max: f64 = 0.5, 0.0..=1.0, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 0.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    ladders: Shelf<u64, Ladder, LADDERS_MAX>,
    tally: Tally,
}

kept!(Memory { ladders, tally });

/// One person's orders on one side, while there are enough of them.
#[derive(Clone, Copy, Debug)]
struct Ladder {
    begun_at: Nanos,
    begun_seq: u64,
    /// The mid then.
    mid: f64,
    looked_at: Nanos,
    /// Since when there are too few orders, or they are elsewhere.
    thin_since: Option<Nanos>,
    away_since: Option<Nanos>,
    /// As it was when it was last looked at.
    is_placed: bool,
    is_two_sided: bool,
    dominance: f64,
    /// For how long it was so.
    placed_ns: u64,
    two_sided_ns: u64,
    /// Dominance times nanoseconds.
    weight_ns: f64,
    levels_most: u32,
    quantity_most: u64,
    entered: u64,
    cancelled: u64,
    amended: u64,
    executed: u64,
}

kept!(Ladder {
    begun_at,
    begun_seq,
    mid,
    looked_at,
    thin_since,
    away_since,
    is_placed,
    is_two_sided,
    dominance,
    placed_ns,
    two_sided_ns,
    weight_ns,
    levels_most,
    quantity_most,
    entered,
    cancelled,
    amended,
    executed,
});

/// Ladders that are followed at a time; the one whose owner was away longest gives way.
const LADDERS_MAX: usize = 512;
/// Levels of a ladder that are told apart.
const LEVELS_MAX: usize = 16;
/// A ladder is looked at no more often than this.
const LOOK_EVERY: Nanos = Nanos::from_secs(1);
/// For how long it may have too few orders: as long as amending by cancelling and entering takes.
const THIN_MAX: Nanos = Nanos::from_secs(1);
/// For how long it may stand elsewhere before it is another one: a tenth of the least life.
const AWAY_MAX: Nanos = Nanos::from_secs(12);

impl Ladder {
    fn begin(deed: &Deed, mid: f64) -> Self {
        Self {
            begun_at: deed.at,
            begun_seq: deed.seq,
            mid,
            looked_at: deed.at,
            thin_since: None,
            away_since: None,
            is_placed: false,
            is_two_sided: false,
            dominance: 0.0,
            placed_ns: 0,
            two_sided_ns: 0,
            weight_ns: 0.0,
            levels_most: 0,
            quantity_most: 0,
            entered: 0,
            cancelled: 0,
            amended: 0,
            executed: 0,
        }
    }

    /// Measuring begins anew, of a ladder that goes on.
    fn renew(&mut self, deed: &Deed, mid: f64) {
        let Self { is_placed, is_two_sided, dominance, levels_most, quantity_most, .. } = *self;
        *self = Self {
            is_placed,
            is_two_sided,
            dominance,
            levels_most,
            quantity_most,
            ..Self::begin(deed, mid)
        };
    }

    /// Time passes while it stands as it stood.
    fn pass(&mut self, now: Nanos) {
        let passed = now.since(self.looked_at).0;
        self.looked_at = now;
        self.weight_ns += self.dominance * passed as f64;
        self.placed_ns += if self.is_placed { passed } else { 0 };
        self.two_sided_ns += if self.is_two_sided { passed } else { 0 };
    }

    fn count(&mut self, deed: &Deed) {
        match deed.what {
            What::Enter => self.entered += 1,
            What::Amend => self.amended += 1,
            What::Cancel => self.cancelled += 1,
            What::Fill => self.executed = self.executed.saturating_add(deed.quantity),
            _ => {}
        }
    }
}

impl Pattern for DynamicLayering {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Enter, What::Amend, What::Cancel, What::Fill];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "levels",
        "placed_share",
        "dominance",
        "life_s",
        "amends_per_min",
        "executed_share",
        "net_q90",
        "two_sided",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        let Some(owner) = deed.owner else { return };
        let Some(account) = scene.ledger.of(owner.person) else { return };
        let orders = account.resting_on(deed.side).orders;
        let least = if bench.is_asked(owner.person) { 1 } else { self.levels_min };
        let is_thin = orders < least;
        if is_thin && memory.ladders.is_empty() {
            return;
        }
        let key = u64::from(owner.person.0) << 1 | deed.side as u64;
        let mid = scene.market.mid().unwrap_or(0.0);
        let Some(ladder) = memory.ladders.get_mut(key) else {
            if !is_thin && scene.book.is_some() {
                let mut ladder = Ladder::begin(deed, mid);
                self.look(&mut ladder, owner.person, deed.side, scene);
                memory.ladders.put(key, ladder);
            }
            return;
        };
        let was_thin = ladder.thin_since.is_some();
        let is_over = ladder.thin_since.is_some_and(|thin| deed.at.since(thin) > THIN_MAX)
            || ladder.away_since.is_some_and(|away| deed.at.since(away) > AWAY_MAX);
        if is_over {
            memory.ladders.take(key);
            return;
        }
        ladder.count(deed);
        ladder.thin_since = is_thin.then(|| ladder.thin_since.unwrap_or(deed.at));
        let ends = is_thin && !was_thin;
        if !ends && deed.at.since(ladder.looked_at) < LOOK_EVERY {
            return;
        }
        ladder.pass(deed.at);
        let life = deed.at.since(ladder.begun_at).0 as f64 / 1e9;
        let is_due = life >= self.life_min_s || bench.is_asked(owner.person);
        if is_due && self.judge(ladder, deed, owner.person, &mut memory.tally, scene, bench) {
            ladder.renew(deed, mid);
        }
        if !is_thin {
            self.look(ladder, owner.person, deed.side, scene);
            let ladder = *ladder;
            *memory.ladders.touch(key, || ladder) = ladder;
        }
    }
}

impl DynamicLayering {
    /// How does the ladder stand now?
    fn look(&self, ladder: &mut Ladder, person: Person, side: Side, scene: &Scene<'_>) {
        let (Some(book), Some(best)) = (scene.book, scene.market.best_of(side)) else { return };
        let step = scene.market.step();
        let mut levels = [0; LEVELS_MAX];
        let (mut count, mut placed, mut own) = (0, 0, 0);
        // What it is held against: what others show near the touch, or no farther from it than the ladder.
        let mut reach = scene.market.near();
        let orders = || scene.ledger.orders_of(person, side).filter(|live| live.is_displayed());
        for live in orders() {
            own += live.quantity;
            let off = scene.market.ticks_behind(side, live.price, best) * scene.market.tick();
            let distance = off as f64 / step;
            if distance < self.distance_min || distance > self.distance_max {
                continue;
            }
            placed += live.quantity;
            reach = reach.max(off);
            if count < LEVELS_MAX && !levels[..count].contains(&live.price.0) {
                levels[count] = live.price.0;
                count += 1;
            }
        }
        ladder.is_placed = 2 * placed >= own && placed > 0;
        let is_near = |live: &&Live| live.price.0.abs_diff(best.0) <= reach as u64;
        let near: u64 = orders().filter(is_near).map(|live| live.quantity).sum();
        let others = Market::depth_within(reach, &book, side).saturating_sub(near).max(1);
        ladder.dominance = placed as f64 / others as f64;
        let other_side = scene
            .ledger
            .of(person)
            .map_or(0, |account| account.resting_on(side.opposite()).quantity);
        let (this, other) = (own as f64, other_side as f64);
        ladder.is_two_sided =
            (this - other).abs() / (this + other).max(1.0) < self.ladder_imbalance_max;
        ladder.levels_most = ladder.levels_most.max(count as u32);
        ladder.quantity_most = ladder.quantity_most.max(placed);
        ladder.away_since = (!ladder.is_placed).then(|| ladder.away_since.unwrap_or(scene.now));
    }

    /// Whether it is an episode by now.
    fn judge(
        &self,
        ladder: &Ladder,
        deed: &Deed,
        person: Person,
        tally: &mut Tally,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) -> bool {
        let life = deed.at.since(ladder.begun_at).0 as f64;
        let seconds = life / 1e9;
        let share = |ns: f64| ns / life.max(1.0);
        let moves = ladder.amended + ladder.entered.min(ladder.cancelled);
        let rate = moves as f64 / (seconds / 60.0).max(1.0 / 60.0);
        let Some(account) = scene.ledger.of(person) else { return false };
        let net = account.done().since(ladder.begun_at).net() as f64;
        let opposite = if deed.side == Side::Sell { net } else { -net };
        let sizes = scene.market.trade_sizes().or(scene.market.order_sizes());
        let large = sizes.map_or(f64::INFINITY, |sizes| sizes.q90 as f64);
        if opposite < self.net_q90_min * large && !bench.is_asked(person) {
            return false;
        }
        let dominance = share(ladder.weight_ns);
        let executed = ladder.executed as f64 / ladder.quantity_most.max(1) as f64;
        let mut case = bench.suspect(scene, person, Severity::High);
        case.needs("levels", f64::from(ladder.levels_most), AtLeast(f64::from(self.levels_min)));
        case.needs("placed_share", share(ladder.placed_ns as f64), AtLeast(self.placed_share_min));
        case.needs("dominance", dominance, AtLeast(self.dominance_min));
        case.needs("life_s", seconds, AtLeast(self.life_min_s));
        case.needs("amends_per_min", rate, AtLeast(self.amends_per_min_min));
        case.needs("executed_share", executed, AtMost(self.executed_share_max));
        case.needs("net_q90", opposite / large.max(1.0), AtLeast(self.net_q90_min));
        let two_sided = share(ladder.two_sided_ns as f64);
        case.unless_excused("two_sided", two_sided, AtMost(self.two_sided_share_max));

        let fell = ladder.mid - scene.market.mid().unwrap_or(ladder.mid);
        let favoured = if deed.side == Side::Sell { fell } else { -fell };
        case.weighs("dominance", dominance, 0.1, 0.3);
        case.weighs("amends_per_min", rate, 10.0, 100.0);
        case.weighs("life_s", seconds, 0.0, 1_200.0);
        case.weighs("net_q90", opposite / large.max(1.0), 0.0, 5.0);
        case.weighs("drift_sigmas", favoured / scene.market.sigma(seconds.max(1.0)), 0.0, 3.0);

        case.begins(ladder.begun_seq, ladder.begun_at);
        for live in scene.ledger.orders_of(person, deed.side).take(LEVELS_MAX) {
            case.order(Part::Deceptive, live);
        }
        if deed.what == What::Cancel {
            case.deed(Part::Deceptive, deed);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, tally, repeats)
    }
}
