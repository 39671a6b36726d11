//! P01 where nobody says whose orders are. What makes several orders one person's then is that they vanish
//! together: large, young, on one side, within [`TOGETHER`] of one another, soon after an order on the
//! other side filled. That happens by chance, too; how often is known from how often orders fill there.

use super::{Layering, SAME_FILL, against, large};
use crate::desk::chance::combined;
use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::market::Market;
use crate::desk::pattern::{Bench, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use std::collections::VecDeque;

/// What is remembered about an instrument's orders of unknown owners.
#[derive(Default)]
pub(super) struct Memory {
    /// When anything last happened, and since when it has gone on without a long pause.
    last_at: Nanos,
    awake_since: Nanos,
    /// At which moments orders filled, by side, since then.
    filled: [VecDeque<Nanos>; 2],
    latest: [Option<Fill>; 2],
    /// Large orders that traded lately.
    traded: VecDeque<Gone>,
    bursts: VecDeque<Burst>,
    /// How likely a fill is by chance so shortly before, of the latest times that orders vanished together.
    likely: VecDeque<f64>,
    /// The fill that the latest of these came after: it counts once.
    counted: u64,
    tally: Tally,
}

/// An order that filled; what else fills on its side within a second is added.
#[derive(Clone)]
struct Fill {
    at: Nanos,
    last_at: Nanos,
    seq: u64,
    order: OrderId,
    price: Option<Price>,
    quantity: u64,
}

/// Orders of a side that went together.
struct Burst {
    side: Side,
    from: Nanos,
    last_at: Nanos,
    orders: Vec<Gone>,
    /// What had filled last on the other side, and how likely it is by chance that something had so lately.
    fill: Option<(Fill, f64)>,
    /// Displayed on the side near the touch, before the first one went.
    depth: u64,
    /// How far the market had moved against the orders, in usual moves of a second.
    jump: f64,
    is_judged: bool,
}

/// An order, or a part of it, that is no longer there.
struct Gone {
    at: Nanos,
    order: OrderId,
    seq: u64,
    side: Side,
    price: Price,
    quantity: u64,
    entered_at: Nanos,
}

kept!(Memory { last_at, awake_since, filled, latest, traded, bursts, likely, counted, tally });
kept!(Fill { at, last_at, seq, order, price, quantity });
kept!(Burst { side, from, last_at, orders, fill, depth, jump, is_judged });
kept!(Gone { at, order, seq, side, price, quantity, entered_at });

/// What goes within this time of one another goes together, all of it within ten times as long.
const TOGETHER: Nanos = Nanos::from_millis(100);
const TOGETHER_MAX: Nanos = Nanos::from_secs(1);
/// A pause of this length is the market's: what happened before it tells nothing of how often orders fill.
const PAUSE: Nanos = Nanos::from_secs(600);
/// Over how long it is counted how often they do.
const LATELY: Nanos = Nanos::from_secs(3_600);
/// No single time is taken for less likely than this: several must be.
const LIKELY_MIN: f64 = 0.01;
/// Fewer orders are no layers.
const ORDERS_MIN: usize = 2;
const ORDERS_MAX: usize = 64;
const BURSTS_MAX: usize = 64;
/// How long a burst is remembered at least: what goes on the other side may come later.
const KEPT: Nanos = Nanos::from_secs(5);
const FILLS_MAX: usize = 256;
const TRADED_MAX: usize = 128;
/// Of the latest so many episodes it is asked whether chance accounts for them.
const EPISODES_MAX: usize = 12;

impl Memory {
    /// Something happened: after a long pause all begins anew.
    fn see(&mut self, at: Nanos, market: &Market) {
        if self.last_at == Nanos(0) {
            self.awake_since = market.begun_at();
        } else if at.since(self.last_at) > PAUSE {
            self.awake_since = at;
            self.filled = Default::default();
            self.likely.clear();
        }
        self.last_at = at;
    }

    /// How likely the latest times, so many or more, are by chance.
    fn chance(&self, least: usize) -> f64 {
        let least = least.clamp(1, EPISODES_MAX);
        let sums = self.likely.iter().rev().scan(0.0, |sum, likely| {
            *sum -= likely.ln();
            Some(*sum)
        });
        let chances = sums.zip(1..).skip(least - 1).map(|(sum, count)| combined(count, sum));
        // It is the best of several tries.
        let tries = (self.likely.len() + 1).saturating_sub(least);
        (chances.fold(1.0, f64::min) * tries.max(1) as f64).min(1.0)
    }

    /// How likely it is that some order of the side filled within so much time.
    fn chance_of_fill(&self, side: Side, within: Nanos, now: Nanos) -> f64 {
        let filled = &self.filled[side as usize & 1];
        let begun = self.awake_since.max(Nanos(now.0.saturating_sub(LATELY.0)));
        let all = filled.front().filter(|_| filled.len() == FILLS_MAX);
        let since = all.map_or(begun, |first| begun.max(*first));
        let count = filled.iter().rev().take_while(|at| **at >= since).count();
        let rate = count as f64 / now.since(since).0.max(1) as f64;
        1.0 - (-rate * within.0 as f64).exp()
    }
}

impl Layering {
    /// Something happened to an order of nobody's.
    pub(super) fn see_nobodys(
        &self,
        memory: &mut Memory,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        if !scene.market.is_continuous() {
            return;
        }
        memory.see(deed.at, scene.market);
        match deed.what {
            What::Fill => Self::fills(memory, deed, scene),
            What::Cancel => Self::goes(memory, deed, scene),
            _ => {}
        }
        self.judge_nobodys(memory, scene, bench);
    }

    fn fills(memory: &mut Memory, deed: &Deed, scene: &Scene<'_>) {
        if let Some(gone) = gone(deed, scene.market) {
            push(&mut memory.traded, gone, TRADED_MAX);
        }
        let side = deed.side as usize & 1;
        if memory.filled[side].back() != Some(&deed.at) {
            push(&mut memory.filled[side], deed.at, FILLS_MAX);
        }
        let same = |known: &&mut Fill| deed.at.since(known.at) <= SAME_FILL;
        if let Some(known) = memory.latest[side].as_mut().filter(same) {
            known.last_at = deed.at;
            known.quantity = known.quantity.saturating_add(deed.quantity);
            return;
        }
        memory.latest[side] = Some(Fill {
            at: deed.at,
            last_at: deed.at,
            seq: deed.seq,
            order: deed.order,
            price: deed.price,
            quantity: deed.quantity,
        });
    }

    /// A large order near the touch is taken away.
    fn goes(memory: &mut Memory, deed: &Deed, scene: &Scene<'_>) {
        let (Some(gone), Some(book)) = (gone(deed, scene.market), scene.book) else { return };
        let Some(best) = scene.market.best_of(deed.side) else { return };
        if gone.price.0.abs_diff(best.0) > scene.market.near() as u64 {
            return;
        }
        let together = |burst: &&mut Burst| {
            burst.side == deed.side
                && deed.at.since(burst.last_at) <= TOGETHER
                && deed.at.since(burst.from) <= TOGETHER_MAX
        };
        if let Some(burst) = memory.bursts.iter_mut().rev().find(together) {
            burst.last_at = deed.at;
            if burst.orders.len() < ORDERS_MAX {
                burst.orders.push(gone);
            }
            return;
        }
        let other = deed.side.opposite();
        let fill = memory.latest[other as usize & 1].clone().map(|fill| {
            let since = deed.at.since(fill.last_at);
            let likely = memory.chance_of_fill(other, since, deed.at);
            (fill, likely)
        });
        let burst = Burst {
            side: deed.side,
            from: deed.at,
            last_at: deed.at,
            depth: scene.market.depth(&book, deed.side).saturating_add(gone.quantity),
            orders: vec![gone],
            fill,
            jump: against(other, deed.at, scene.market),
            is_judged: false,
        };
        push(&mut memory.bursts, burst, BURSTS_MAX);
    }

    /// Judges what went a while ago, and forgets what is of no more use.
    pub(super) fn judge_nobodys(
        &self,
        memory: &mut Memory,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let settled = self.settled();
        let is_due = |burst: &Burst| !burst.is_judged && scene.now.since(burst.last_at) >= settled;
        while let Some(place) = memory.bursts.iter().position(is_due) {
            memory.bursts[place].is_judged = true;
            self.judge_burst(memory, place, scene, bench);
        }
        let kept = KEPT.max(settled + settled + settled);
        let is_old = |burst: &Burst| burst.is_judged && scene.now.since(burst.last_at) > kept;
        while memory.bursts.front().is_some_and(is_old) {
            memory.bursts.pop_front();
        }
        let waiting = memory.bursts.iter().filter(|burst| !burst.is_judged);
        if let Some(next) = waiting.map(|burst| burst.last_at).min() {
            bench.wake_at(next + settled);
        }
    }

    /// How long after the last of them it is known what went together, and what came in its place.
    fn settled(&self) -> Nanos {
        Nanos::from_millis(self.settle_ms).max(Nanos(TOGETHER.0 + 1))
    }

    fn judge_burst(
        &self,
        memory: &mut Memory,
        place: usize,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let burst = &memory.bursts[place];
        let Some((fill, likely)) = &burst.fill else { return };
        let age_max = Nanos::from_secs(self.layers_age_max_s);
        let young = |gone: &&Gone| burst.from.since(gone.entered_at) <= age_max;
        let weighs = |shown: u64| {
            let size_ratio = shown as f64 / fill.quantity.max(1) as f64;
            let dominance = shown as f64 / burst.depth.saturating_sub(shown).max(1) as f64;
            (size_ratio, dominance)
        };
        let is_much = |(size_ratio, dominance)| {
            size_ratio >= self.size_ratio_min && dominance >= self.dominance_min
        };
        let all: u64 = burst.orders.iter().filter(young).map(|gone| gone.quantity).sum();
        if burst.orders.len() < ORDERS_MIN || !is_much(weighs(all)) {
            return;
        }
        let stood = |gone: &&Gone| young(gone) && gone.entered_at <= fill.at;
        let layers: Vec<_> = burst.orders.iter().filter(stood).collect();
        let shown: u64 = layers.iter().map(|gone| gone.quantity).sum();
        let (size_ratio, dominance) = weighs(shown);
        // Some of the layers may have traded, and did not go with the others.
        let traded = memory.traded.iter().filter(|one| one.side == burst.side && one.at >= fill.at);
        let traded: u64 = traded.filter(stood).map(|one| one.quantity).sum();
        // A maker takes both sides away, or quotes anew.
        let settled = self.settled();
        let (early, late) =
            (Nanos(burst.from.0.saturating_sub(settled.0)), burst.last_at + settled);
        let other = memory.bursts.iter().filter(|one| one.side != burst.side);
        let other =
            other.flat_map(|one| &one.orders).filter(|gone| (early..=late).contains(&gone.at));
        let other: f64 = other.map(|gone| gone.quantity as f64).sum();
        let anew = scene.ledger.orders_of(Person::NOBODY, burst.side).take(super::LOOKED_AT_MAX);
        let anew = anew.filter(|live| live.entered_at >= burst.from && live.entered_at <= late);
        let anew = anew.filter(|live| live.quantity >= large(scene.market));
        let anew: f64 = anew.map(|live| live.quantity as f64).sum();

        let mut case = bench.suspect(scene, Person::NOBODY, Severity::Low);
        case.needs("size_ratio", size_ratio, AtLeast(self.size_ratio_min));
        case.needs("dominance", dominance, AtLeast(self.dominance_min));
        let executed = traded as f64 / (shown + traded).max(1) as f64;
        case.needs("executed_share", executed, AtMost(self.executed_share_max));
        let refresh = other.max(anew) / all.max(1) as f64;
        case.unless_excused("two_sided_refresh", refresh, AtMost(self.same_side_ratio_max));
        case.unless_excused("jump_against", burst.jump, AtMost(self.jump_sigmas_max));
        let is_excused = refresh > self.same_side_ratio_max || burst.jump > self.jump_sigmas_max;
        let is_soon = burst.from.since(fill.at) <= Nanos::from_secs(self.window_s);
        let may_be = is_soon && layers.len() >= ORDERS_MIN && case.holds();
        let (side, filled) = (burst.side, (burst.side.opposite(), fill.price, fill.quantity));
        case.begins(fill.seq, fill.at);
        case.part(Part::Genuine, (fill.seq, fill.order), filled);
        for gone in layers {
            case.begins(gone.seq, gone.entered_at);
            case.part(Part::Deceptive, (gone.seq, gone.order), (side, gone.price, gone.quantity));
        }
        let (fill, likely) = (fill.seq, likely.max(LIKELY_MIN));
        // Whether the orders were there before the fill or not, and however long ago it was: chance is not to
        // be told by chosen cases.
        if !is_excused && std::mem::replace(&mut memory.counted, fill) != fill {
            push(&mut memory.likely, likely, EPISODES_MAX);
        }
        if !may_be {
            return;
        }
        let chance = memory.chance(self.episodes_min as usize);
        case.needs("chance", chance, AtMost(self.chance_max));
        case.weighs("size_ratio", size_ratio, 5.0, 50.0);
        case.weighs("dominance", dominance, 0.2, 0.6);
        case.weighs("unlikeliness", -chance.max(1e-12).log10(), 1.0, 6.0);
        let repeats = Repeats { least: 1, at_once: false, score_min: self.score_min };
        if bench.settle(case, scene, &mut memory.tally, repeats) {
            memory.likely.clear();
        }
    }
}

/// The order as it was before it went, if it was large.
fn gone(deed: &Deed, market: &Market) -> Option<Gone> {
    let was = deed.was.filter(|was| was.quantity >= large(market))?;
    Some(Gone {
        at: deed.at,
        order: deed.order,
        seq: was.entered_seq,
        side: deed.side,
        price: was.price,
        quantity: was.quantity.min(deed.quantity),
        entered_at: was.entered_at,
    })
}

fn push<T>(to: &mut VecDeque<T>, one: T, most: usize) {
    if to.len() == most {
        to.pop_front();
    }
    to.push_back(one);
}
