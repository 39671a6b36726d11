//! P01, layering or spoofing with a passive fill: large orders on one side bring a smaller order on the
//! other side its fill, and vanish.
//!
//! **What.** A resting order of a person fills. On the other side the same person shows orders, not older
//! than [`layers_age_max_s`](Layering::layers_age_max_s) and near the touch (25 basis points or five
//! ticks), which
//! - are many times what was filled ([`size_ratio_min`](Layering::size_ratio_min)) and
//! - weigh on that side ([`dominance_min`](Layering::dominance_min) of what others show there).
//!
//! It is an episode if within [`window_s`](Layering::window_s) of the fill
//! - nearly all of them is taken away ([`cancelled_share_min`](Layering::cancelled_share_min)),
//! - hardly any of it traded ([`executed_share_max`](Layering::executed_share_max)).
//!
//! **Excused.** Both sides were taken away alike: a maker quotes anew
//! ([`same_side_ratio_max`](Layering::same_side_ratio_max)). A registered maker whose ladder was as large
//! on both sides. The market jumped against the orders within the second before
//! ([`jump_sigmas_max`](Layering::jump_sigmas_max)).
//!
//! **When.** With the cancellation that completes it, where the person has nothing else on the side of
//! the fill; else [`settle_ms`](Layering::settle_ms) later, because a maker's other side may follow. An
//! alert from the third episode of the day on, or at once where the orders outweigh everybody's
//! ([`dominance_at_once`](Layering::dominance_at_once)).
//!
//! **Degraded.** `identity`: where nobody says whose orders are, and [`anonymous`](Layering::anonymous)
//! asks for it, large orders that vanish within a tenth of a second are one person's, if nobody puts as
//! much in their place and not both sides go. Episodes are held against how often orders fill by chance so
//! shortly before ([`chance_max`](Layering::chance_max)); one is never enough, and the alert is of low
//! severity and names nobody.
//!
//! **Score.** Size ratio, dominance, how soon the orders went, at how many levels they stood, how far the
//! mid moved towards the fill, and whether the filled order hid its size while the others showed theirs.
//! The least score is low: the conditions decide, the score ranks. A case of the catalogue (17 lots
//! against three orders, 609 ms) would not reach 60.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-5(e), 6(g); 2017/565, Annex III.B,
//! 19; FINRA 5210.03(1); CEA 4c(a)(5)(C); CME 575. Windows after the CONSOB co-authors' study of spoofing
//! and market making; dominance measured on real flow; the 609 ms cycle from FCA v. Coscia.
//!
//! **Known false positives.** A maker who quotes one side at a time; pro-rata venues, where orders are
//! larger than wished for. **Known misses.** Layers and fill under accounts that nothing joins (P05);
//! layers that stay for longer than the window. Without names, layers that shrink or move before they go, and
//! what goes no sooner after a fill than chance has it.

mod canary;
mod nobody;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::ledger::{Live, Resting};
use crate::desk::market::{Market, Moment};
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::body::Attributes;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct Layering = "P01" {
        /// Displayed on the other side, for each unit that was filled.
        size_ratio_min: f64 = 5.0, 1.0..=1000.0, "×", Judgement;
        /// The same as a share of what others show on that side near the touch.
        dominance_min: f64 = 0.2, 0.01..=100.0, "", Measured;
        /// From here on one episode is enough.
        dominance_at_once: f64 = 0.4, 0.01..=100.0, "", Judgement;
        /// How old the orders on the other side may be.
        layers_age_max_s: u64 = 90, 1..=86400, "s", Published;
        /// How long after the fill they may be taken away.
        window_s: u64 = 10, 1..=3600, "s", Published;
        /// How much of them is taken away.
        cancelled_share_min: f64 = 0.8, 0.1..=1.0, "", Published;
        /// How much of them trades.
        executed_share_max: f64 = 0.1, 0.0..=1.0, "", Published;
        /// How much of the person's own orders on the filled side is taken away too, for each share of the others.
        same_side_ratio_max: f64 = 0.5, 0.0..=10.0, "×", Published;
        /// The imbalance of a registered maker's own orders under which they are a ladder.
        ladder_imbalance_max: f64 = 0.3, 0.0..=1.0, "", Judgement;
        /// How far the market may have moved against the orders, in usual moves of a second.
        jump_sigmas_max: f64 = 3.0, 0.5..=100.0, "σ", Judgement;
        /// How long to wait whether the filled side follows.
        settle_ms: u64 = 500, 0..=10000, "ms", Judgement;
        /// Whether orders are looked at, too, of which nobody says whose they are (1), or not (0): large ones
        /// that vanish together are one person's then.
        anonymous: u32 = 0, 0..=1, "", Judgement;
        /// How likely so many of these vanish so soon after a fill by chance.
        chance_max: f64 = 0.001, 1e-9..=1.0, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 3, 1..=1000, "", Published;
        /// The score under which there is no episode.
        score_min: f64 = 20.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    pending: VecDeque<Pending>,
    tally: Tally,
    nobodys: nobody::Memory,
}

kept!(Memory { pending, tally, nobodys });

/// A fill, and what stood on the other side.
struct Pending {
    person: Person,
    /// The side of the fill.
    side: Side,
    from: Moment,
    last_fill_at: Nanos,
    seq: u64,
    order: OrderId,
    price: Option<Price>,
    filled: u64,
    hides: bool,
    layers: Vec<Layer>,
    shown: u64,
    others: u64,
    /// Of the person's own orders on both sides before the fill.
    imbalance: f64,
    is_maker: bool,
    same_side: u64,
    same_side_cancelled: u64,
    cancelled: u64,
    executed: u64,
    delays: Vec<u64>,
    mid: f64,
    /// How far the market had moved against the orders when most were taken away, in usual moves.
    jump: f64,
    /// When it is decided, once the orders are gone.
    decided_at: Option<Nanos>,
}

/// One of the orders on the other side.
struct Layer {
    order: OrderId,
    seq: u64,
    price: Price,
    quantity: u64,
    entered_at: Nanos,
}

kept!(Pending {
    person,
    side,
    from,
    last_fill_at,
    seq,
    order,
    price,
    filled,
    hides,
    layers,
    shown,
    others,
    imbalance,
    is_maker,
    same_side,
    same_side_cancelled,
    cancelled,
    executed,
    delays,
    mid,
    jump,
    decided_at,
});
kept!(Layer { order, seq, price, quantity, entered_at });

/// Fills that are followed at a time; the oldest gives way.
const PENDING_MAX: usize = 64;
/// Orders of each that are followed; the ones that entered last.
const LAYERS_MAX: usize = 32;
/// Of one side's orders so many are looked at, the latest.
const LOOKED_AT_MAX: usize = 256;
/// Fills within this time are one.
const SAME_FILL: Nanos = Nanos::from_secs(1);

impl Pattern for Layering {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Fill, What::Cancel, What::Amend];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "size_ratio",
        "dominance",
        "cancelled_share",
        "executed_share",
        "two_sided_refresh",
        "maker_ladder",
        "jump_against",
        "chance",
    ];

    fn is_anonymous(&self) -> bool {
        self.anonymous > 0
    }

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        let Some(person) = deed.owner.map(|owner| owner.person) else {
            if self.anonymous > 0 {
                self.see_nobodys(&mut memory.nobodys, deed, scene, bench);
            }
            return;
        };
        if !memory.pending.is_empty() {
            self.expire(memory, scene, bench);
            for pending in memory.pending.iter_mut().filter(|one| one.person == person) {
                self.follow(pending, deed, scene, bench);
            }
            self.decide(memory, scene, bench);
        }
        if deed.what == What::Fill && scene.market.is_continuous() {
            self.begin(memory, person, deed, scene, bench);
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        self.decide(memory, scene, bench);
        self.expire(memory, scene, bench);
        self.judge_nobodys(&mut memory.nobodys, scene, bench);
    }
}

/// What is large, where nobody says whose it is.
fn large(market: &Market) -> u64 {
    market.order_sizes().map_or(u64::MAX, |sizes| sizes.q50.max(1))
}

/// How far the market has moved against orders on the other side of a fill within the second before they
/// went, in usual moves.
fn against(filled: Side, at: Nanos, market: &Market) -> f64 {
    let second_ago = market.mid_at(Nanos(at.0.saturating_sub(2_000_000_000)));
    let (Some(now), Some(before)) = (market.mid(), second_ago) else { return 0.0 };
    let moved = if filled == Side::Buy { now - before } else { before - now };
    moved / market.sigma(1.0)
}

impl Layering {
    /// An order of a person's has filled: is there anything on the other side?
    fn begin(
        &self,
        memory: &mut Memory,
        person: Person,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let other = deed.side.opposite();
        let resting =
            scene.ledger.of(person).map_or(0, |account| account.resting_on(other).quantity);
        let may_matter = resting as f64 >= self.size_ratio_min * deed.quantity as f64;
        if !may_matter && !bench.is_asked(person) {
            return;
        }
        let same = memory.pending.iter_mut().find(|one| {
            (one.person, one.side) == (person, deed.side)
                && deed.at.since(one.last_fill_at) <= SAME_FILL
                && one.cancelled == 0
        });
        if let Some(same) = same {
            same.filled = same.filled.saturating_add(deed.quantity);
            same.last_fill_at = deed.at;
            return;
        }
        let (Some(book), Some(best)) = (scene.book, scene.market.best_of(other)) else { return };
        let age_max = Nanos::from_secs(self.layers_age_max_s);
        let mut layers = Vec::new();
        for live in scene.ledger.orders_of(person, other).take(LOOKED_AT_MAX) {
            let is_near = live.price.0.abs_diff(best.0) <= scene.market.near() as u64;
            let is_young = deed.at.since(live.entered_at) <= age_max;
            if is_near && is_young && live.is_displayed() && layers.len() < LAYERS_MAX {
                layers.push(Layer {
                    order: live.order,
                    seq: live.entered_seq,
                    price: live.price,
                    quantity: live.quantity,
                    entered_at: live.entered_at,
                });
            }
        }
        let shown: u64 = layers.iter().map(|layer| layer.quantity).sum();
        let is_near = |live: &&Live| live.price.0.abs_diff(best.0) <= scene.market.near() as u64;
        let own = scene.ledger.orders_of(person, other).filter(is_near);
        let own: u64 = own.map(|live| live.quantity).sum();
        let same_side =
            scene.ledger.of(person).map_or(Resting::default(), |of| of.resting_on(deed.side));
        let same_side = same_side.quantity;
        let (before, shown_other) = ((same_side + deed.quantity) as f64, own as f64);
        if memory.pending.len() == PENDING_MAX {
            memory.pending.pop_front();
        }
        memory.pending.push_back(Pending {
            person,
            side: deed.side,
            from: scene.market.moment(deed.at),
            last_fill_at: deed.at,
            seq: deed.seq,
            order: deed.order,
            price: deed.price,
            filled: deed.quantity,
            hides: deed.attributes.has(Attributes::ICEBERG)
                || deed.attributes.has(Attributes::HIDDEN),
            layers,
            shown,
            others: scene.market.depth(&book, other).saturating_sub(own),
            imbalance: (before - shown_other).abs() / (before + shown_other).max(1.0),
            is_maker: deed.attributes.has(Attributes::MARKET_MAKER),
            same_side,
            same_side_cancelled: 0,
            cancelled: 0,
            executed: 0,
            delays: Vec::new(),
            mid: scene.market.mid().unwrap_or(0.0),
            jump: 0.0,
            decided_at: None,
        });
        bench.wake_at(deed.at + Nanos::from_secs(self.window_s));
    }

    /// The person did something after the fill.
    fn follow(&self, pending: &mut Pending, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let taken_away = match deed.what {
            What::Cancel => deed.quantity,
            What::Amend => deed.was.map_or(0, |was| was.quantity.saturating_sub(deed.left)),
            _ => 0,
        };
        if deed.side == pending.side {
            pending.same_side_cancelled += taken_away;
            return;
        }
        let Some(layer) = pending.layers.iter_mut().find(|layer| layer.order == deed.order) else {
            return;
        };
        if deed.what == What::Fill {
            pending.executed = pending.executed.saturating_add(deed.quantity);
            return;
        }
        layer.order = deed.successor;
        pending.cancelled += taken_away;
        pending.delays.push(deed.at.since(pending.from.at).0);
        pending.jump = pending.jump.max(against(pending.side, deed.at, scene.market));
        let is_gone = pending.cancelled as f64 >= self.cancelled_share_min * pending.shown as f64;
        if is_gone && pending.decided_at.is_none() {
            let is_alone = pending.same_side <= pending.same_side_cancelled;
            let wait = if is_alone { Nanos(0) } else { Nanos::from_millis(self.settle_ms) };
            pending.decided_at = Some(deed.at + wait);
            bench.wake_at(deed.at + wait);
        }
    }

    /// Decides what is due.
    fn decide(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let is_due = |one: &Pending| one.decided_at.is_some_and(|due| due <= scene.now);
        while let Some(place) = memory.pending.iter().position(is_due) {
            let pending = memory.pending.remove(place).expect("its place was just found");
            self.judge(&pending, &mut memory.tally, scene, bench);
        }
    }

    /// Lets go of what was not taken away in time.
    fn expire(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let window = Nanos::from_secs(self.window_s);
        while let Some(first) = memory.pending.front()
            && first.decided_at.is_none()
            && scene.market.is_over(first.from, window, scene.now)
        {
            let first = memory.pending.pop_front().expect("there is a first one");
            if bench.is_asked(first.person) {
                self.judge(&first, &mut memory.tally, scene, bench);
            }
        }
    }

    fn judge(
        &self,
        pending: &Pending,
        tally: &mut Tally,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let shown = pending.shown.max(1) as f64;
        let size_ratio = pending.shown as f64 / pending.filled.max(1) as f64;
        let dominance = pending.shown as f64 / pending.others.max(1) as f64;
        let cancelled = pending.cancelled as f64 / shown;
        let same_side = pending.same_side_cancelled as f64 / (pending.same_side.max(1)) as f64;
        let mut case = bench.suspect(scene, pending.person, Severity::High);
        case.needs("size_ratio", size_ratio, AtLeast(self.size_ratio_min));
        case.needs("dominance", dominance, AtLeast(self.dominance_min));
        case.needs("cancelled_share", cancelled, AtLeast(self.cancelled_share_min));
        let executed = pending.executed as f64 / shown;
        case.needs("executed_share", executed, AtMost(self.executed_share_max));
        let refresh = AtMost(self.same_side_ratio_max * cancelled);
        case.unless_excused("two_sided_refresh", same_side, refresh);
        let is_ladder = pending.is_maker && pending.imbalance < self.ladder_imbalance_max;
        case.unless_that("maker_ladder", is_ladder);
        case.unless_excused("jump_against", pending.jump, AtMost(self.jump_sigmas_max));

        let window = Nanos::from_secs(self.window_s).0 as f64;
        let mut delays = pending.delays.clone();
        delays.sort_unstable();
        let delay = delays.get(delays.len() / 2).map_or(window, |delay| *delay as f64);
        let mut prices: Vec<_> = pending.layers.iter().map(|layer| layer.price).collect();
        prices.sort_unstable();
        prices.dedup();
        let towards = match (pending.side, pending.price) {
            (Side::Buy, Some(price)) => pending.mid - price.0 as f64,
            (Side::Sell, Some(price)) => price.0 as f64 - pending.mid,
            _ => 0.0,
        };
        case.weighs("size_ratio", size_ratio, 5.0, 50.0);
        case.weighs("dominance", dominance, 0.2, 0.6);
        case.weighs("speed", 1.0 - delay / window, 0.0, 1.0);
        case.weighs("levels", prices.len() as f64, 1.0, 4.0);
        case.weighs("move_to_fill", towards / scene.market.usual_spread().max(1.0), 0.0, 1.0);
        let hides = f64::from(u8::from(pending.hides));
        case.weighs_as("genuine_hides", hides, 0.0, 1.0, hides);

        let oldest = pending.layers.iter().map(|layer| (layer.seq, layer.entered_at)).min();
        let (seq, at) = oldest.unwrap_or((pending.seq, pending.from.at));
        case.begins(seq.min(pending.seq), at);
        let fill = (pending.side, pending.price, pending.filled);
        case.part(Part::Genuine, (pending.seq, pending.order), fill);
        for layer in &pending.layers {
            let shown = (pending.side.opposite(), layer.price, layer.quantity);
            case.part(Part::Deceptive, (layer.seq, layer.order), shown);
        }
        let repeats = Repeats {
            least: self.episodes_min,
            at_once: dominance >= self.dominance_at_once,
            score_min: self.score_min,
        };
        bench.settle(case, scene, tally, repeats);
    }
}
