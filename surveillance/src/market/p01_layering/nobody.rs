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
    /// When orders filled, by side; what one comer fills is one moment.
    filled: [VecDeque<Nanos>; 2],
    latest: [Option<Fill>; 2],
    /// Large orders that traded lately.
    traded: VecDeque<Gone>,
    bursts: VecDeque<Burst>,
    /// How likely chance alone is so soon after a fill, of the latest episodes.
    likely: VecDeque<f64>,
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

kept!(Memory { filled, latest, traded, bursts, likely, tally });
kept!(Fill { at, last_at, seq, order, price, quantity });
kept!(Burst { side, from, last_at, orders, fill, depth, jump, is_judged });
kept!(Gone { at, order, seq, side, price, quantity, entered_at });

/// What goes within this time of one another goes together.
const TOGETHER: Nanos = Nanos::from_millis(100);
/// Fewer orders are no layers.
const ORDERS_MIN: usize = 2;
const ORDERS_MAX: usize = 64;
const BURSTS_MAX: usize = 64;
/// How long a burst is remembered after it was judged: what goes on the other side may come later.
const KEPT: Nanos = Nanos::from_secs(5);
const FILLS_MAX: usize = 64;
const TRADED_MAX: usize = 128;
/// Of the latest so many episodes it is asked whether chance accounts for them.
const EPISODES_MAX: usize = 12;

impl Memory {
    /// How likely it is that some order of the side filled within so much time.
    fn chance_of_fill(&self, side: Side, within: Nanos, now: Nanos, market: &Market) -> f64 {
        let filled = &self.filled[side as usize & 1];
        let is_all = filled.len() < FILLS_MAX;
        let since = filled.front().filter(|_| !is_all).map_or(market.begun_at(), |first| *first);
        let rate = filled.len() as f64 / now.since(since).0.max(1) as f64;
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
        match deed.what {
            What::Fill => Self::fills(memory, deed, scene),
            What::Cancel => self.goes(memory, deed, scene, bench),
            _ => {}
        }
        self.judge_nobodys(memory, scene, bench);
    }

    fn fills(memory: &mut Memory, deed: &Deed, scene: &Scene<'_>) {
        if let Some(gone) = gone(deed, scene.market) {
            push(&mut memory.traded, gone, TRADED_MAX);
        }
        let side = deed.side as usize & 1;
        let same = |known: &&mut Fill| deed.at.since(known.at) <= SAME_FILL;
        if let Some(known) = memory.latest[side].as_mut().filter(same) {
            known.last_at = deed.at;
            known.quantity = known.quantity.saturating_add(deed.quantity);
            return;
        }
        push(&mut memory.filled[side], deed.at, FILLS_MAX);
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
    fn goes(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let (Some(gone), Some(book)) = (gone(deed, scene.market), scene.book) else { return };
        let Some(best) = scene.market.best_of(deed.side) else { return };
        if gone.price.0.abs_diff(best.0) > scene.market.near() as u64 {
            return;
        }
        bench.wake_at(deed.at + Nanos::from_millis(self.settle_ms));
        let together = |burst: &&mut Burst| {
            burst.side == deed.side && deed.at.since(burst.last_at) <= TOGETHER
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
            let likely = memory.chance_of_fill(other, since, deed.at, scene.market);
            (fill, likely)
        });
        let burst = Burst {
            side: deed.side,
            from: deed.at,
            last_at: deed.at,
            depth: scene.market.depth(&book, deed.side) + gone.quantity,
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
        let settled = Nanos::from_millis(self.settle_ms);
        let is_due = |burst: &Burst| !burst.is_judged && scene.now.since(burst.last_at) >= settled;
        while let Some(place) = memory.bursts.iter().position(is_due) {
            memory.bursts[place].is_judged = true;
            self.judge_burst(memory, place, scene, bench);
        }
        let is_old = |burst: &Burst| burst.is_judged && scene.now.since(burst.last_at) > KEPT;
        while memory.bursts.front().is_some_and(is_old) {
            memory.bursts.pop_front();
        }
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
        let stood =
            |gone: &&Gone| gone.entered_at <= fill.at && fill.at.since(gone.entered_at) <= age_max;
        let layers: Vec<_> = burst.orders.iter().filter(stood).collect();
        let shown: u64 = layers.iter().map(|gone| gone.quantity).sum();
        let size_ratio = shown as f64 / fill.quantity.max(1) as f64;
        let dominance = shown as f64 / burst.depth.saturating_sub(shown).max(1) as f64;
        if layers.len() < ORDERS_MIN
            || size_ratio < self.size_ratio_min
            || dominance < self.dominance_min
        {
            return;
        }
        // Some of the layers may have traded, and did not go with the others.
        let traded = memory.traded.iter().filter(|one| one.side == burst.side && one.at >= fill.at);
        let traded: u64 = traded.filter(stood).map(|one| one.quantity).sum();
        // A maker takes both sides away, or quotes anew.
        let settled = Nanos::from_millis(self.settle_ms);
        let (early, late) =
            (Nanos(burst.from.0.saturating_sub(settled.0)), burst.last_at + settled);
        let other = memory.bursts.iter().filter(|one| one.side != burst.side);
        let other =
            other.flat_map(|one| &one.orders).filter(|gone| (early..=late).contains(&gone.at));
        let other: u64 = other.map(|gone| gone.quantity).sum();
        let anew = scene.ledger.orders_of(Person::NOBODY, burst.side).take(super::LOOKED_AT_MAX);
        let anew = anew.filter(|live| live.entered_at >= burst.from && live.entered_at <= late);
        let anew: u64 = anew
            .filter(|live| live.quantity >= large(scene.market))
            .map(|live| live.quantity)
            .sum();

        let mut case = bench.suspect(scene, Person::NOBODY, Severity::Low);
        case.needs("size_ratio", size_ratio, AtLeast(self.size_ratio_min));
        case.needs("dominance", dominance, AtLeast(self.dominance_min));
        let executed = traded as f64 / (shown + traded).max(1) as f64;
        case.needs("executed_share", executed, AtMost(self.executed_share_max));
        let refresh = other.max(anew) as f64 / shown.max(1) as f64;
        case.unless_excused("two_sided_refresh", refresh, AtMost(self.same_side_ratio_max));
        case.unless_excused("jump_against", burst.jump, AtMost(self.jump_sigmas_max));
        if !case.holds() {
            return;
        }
        // Also those that go long after a fill count here: else chance would be told by chosen cases.
        let likely = *likely;
        let is_soon = burst.from.since(fill.at) <= Nanos::from_secs(self.window_s);
        let fill = fill.clone();
        let first = layers.iter().map(|gone| (gone.seq, gone.entered_at)).min();
        case.begins(fill.seq, fill.at);
        if let Some((seq, at)) = first {
            case.begins(seq.min(fill.seq), at.min(fill.at));
        }
        let side = burst.side;
        case.part(
            Part::Genuine,
            (fill.seq, fill.order),
            (side.opposite(), fill.price, fill.quantity),
        );
        for gone in layers {
            case.part(Part::Deceptive, (gone.seq, gone.order), (side, gone.price, gone.quantity));
        }
        push(&mut memory.likely, likely, EPISODES_MAX);
        if !is_soon {
            return;
        }
        let episodes = memory.likely.len() as u32;
        let least = (self.episodes_min as usize).min(EPISODES_MAX);
        let sums = memory.likely.iter().rev().scan(0.0, |sum, likely| {
            *sum -= likely.max(f64::MIN_POSITIVE).ln();
            Some(*sum)
        });
        let chances = sums.zip(1..).skip(least - 1).map(|(sum, count)| combined(count, sum));
        // The best of several tries.
        let tries = (episodes as usize + 1).saturating_sub(least) as f64;
        let chance = chances.fold(1.0, f64::min) * tries.max(1.0);
        case.needs("chance", chance.min(1.0), AtMost(self.chance_max));
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
