//! P11, advancing the bid (or lowering the offer): somebody improves the best price again and again with
//! small orders, and trades on the other side at what became of the price.
//!
//! **What.** Within [`window_s`](AdvancingTheBid::window_s) a person's orders set a new best price
//! - many times ([`improvements_min`](AdvancingTheBid::improvements_min)),
//! - more often than everybody else's together ([`own_share_min`](AdvancingTheBid::own_share_min)),
//! - each of them small: the middle one no larger than a usual order
//!   ([`size_medians_max`](AdvancingTheBid::size_medians_max)),
//! - hardly any of them traded ([`executed_share_max`](AdvancingTheBid::executed_share_max)),
//! - so that all steps together move the price visibly
//!   ([`drift_sigmas_min`](AdvancingTheBid::drift_sigmas_min), in usual moves of the window).
//!
//! And the person trades on the other side, no later than [`sale_s`](AdvancingTheBid::sale_s) after the
//! last of them, as much as a large trade ([`sale_q90s_min`](AdvancingTheBid::sale_q90s_min), counted in
//! the size that nine trades of ten do not exceed).
//!
//! **Excused.** A genuine buyer, who bought too meanwhile
//! ([`bought_share_max`](AdvancingTheBid::bought_share_max) of what was sold). Quotes that bring the best
//! price back to where it stood before trades swept it away
//! ([`restored_share_max`](AdvancingTheBid::restored_share_max), within
//! [`restore_s`](AdvancingTheBid::restore_s)). Somebody who improves both sides, as makers do
//! ([`both_sides_max`](AdvancingTheBid::both_sides_max)).
//!
//! **When.** With the trade that makes the sale large enough.
//!
//! **Score.** How many steps, whose share, how far, how large the sale is, and how large next to all that
//! was shown. The ranges begin below the thresholds and the least score is low: the conditions decide, the
//! score ranks.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-6(d); 2017/565, Annex III.B, 8 and 6;
//! SGX 5.12.2(h).
//!
//! **Known false positives.** Quotes pegged to a reference elsewhere, by somebody who then sells: there is
//! no reference in the data. **Known misses.** A position, a derivative or a fund valued on the price as
//! the motive, without a sale here; steps and sale under accounts that nothing joins.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::bars::Bars;
use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::remembered::Remembered;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct AdvancingTheBid = "P11" {
        /// The time in which steps are counted.
        window_s: u64 = 600, 1..=86400, "s", Judgement;
        /// Orders that set a new best price.
        improvements_min: u32 = 6, 1..=1000, "", Judgement;
        /// Their share of everybody's on that side meanwhile.
        own_share_min: f64 = 0.6, 0.01..=1.0, "", Judgement;
        /// The middle one's size, in medians of orders.
        size_medians_max: f64 = 1.0, 0.01..=1000.0, "×", Judgement;
        /// How much of them trades.
        executed_share_max: f64 = 0.1, 0.0..=1.0, "", Judgement;
        /// All steps together, in usual moves of the window.
        drift_sigmas_min: f64 = 1.5, 0.01..=1000.0, "σ", Judgement;
        /// How long after the last step the other side may be traded.
        sale_s: u64 = 900, 1..=86400, "s", Judgement;
        /// How much is traded there, in the size that nine trades of ten do not exceed.
        sale_q90s_min: f64 = 1.0, 0.01..=1000.0, "×", Judgement;
        /// What is bought meanwhile, as a share of what is sold.
        bought_share_max: f64 = 0.5, 0.0..=100.0, "", Judgement;
        /// The share of steps that bring back a price that was swept away.
        restored_share_max: f64 = 0.5, 0.0..=1.0, "", Judgement;
        /// How long after a sweep a step brings the price back.
        restore_s: u64 = 60, 0..=3600, "s", Judgement;
        /// Steps on the other side, for each on this one.
        both_sides_max: f64 = 0.5, 0.0..=100.0, "×", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 15.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    /// By side, of each person.
    climbs: Remembered<Person, [Climb; 2], 1_024>,
    /// By side, everybody's improvements.
    improvements: [Bars<u64>; 2],
    /// By side, the best price that trades last swept away.
    swept: [Option<(Nanos, Price)>; 2],
    tally: Tally,
}

/// A person's improvements of one side.
#[derive(Default)]
struct Climb {
    steps: VecDeque<Step>,
}

/// An order that set a new best price.
struct Step {
    at: Nanos,
    seq: u64,
    order: OrderId,
    price: Price,
    quantity: u64,
    /// How far it moved the best price.
    moved: u64,
    restores: bool,
    executed: u64,
}

kept!(Memory { climbs, improvements, swept, tally });
kept!(Climb { steps });
kept!(Step { at, seq, order, price, quantity, moved, restores, executed });

/// Steps of one person and side that are remembered; the oldest gives way.
const STEPS_MAX: usize = 64;
/// Steps that are named.
const STEPS_SHOWN: usize = 20;

impl Pattern for AdvancingTheBid {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Enter, What::Amend, What::Fill, What::Print];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "improvements",
        "own_share",
        "size",
        "executed_share",
        "drift",
        "sale",
        "accumulates",
        "restores",
        "both_sides",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        if !scene.market.is_continuous() {
            return;
        }
        if !deed.is_trade() {
            return self.step(memory, deed, scene);
        }
        self.note_sweep(memory, deed, scene);
        for trader in deed.traders() {
            let person = trader.who.person;
            let Some(climbs) = memory.climbs.get_mut(person) else { continue };
            if !trader.comes {
                let steps = &mut climbs[trader.side as usize].steps;
                if let Some(step) = steps.iter_mut().rev().find(|step| step.order == deed.order) {
                    step.executed = step.executed.saturating_add(deed.quantity);
                }
            }
            let side = trader.side.opposite();
            let climb = &climbs[side as usize];
            let Some(last) = climb.steps.back() else { continue };
            let is_late = deed.at.since(last.at) > Nanos::from_secs(self.sale_s);
            let may_matter = !is_late && climb.steps.len() >= self.improvements_min as usize;
            if (may_matter || bench.is_asked(person))
                && self.judge(
                    climbs,
                    &memory.improvements,
                    &mut memory.tally,
                    person,
                    side,
                    scene,
                    bench,
                )
            {
                memory.climbs.remove(person);
            }
        }
    }
}

impl AdvancingTheBid {
    /// An order enters or changes: does it set a new best price?
    fn step(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>) {
        let (Some((price, moved)), side) = (scene.improvement(), deed.side) else { return };
        memory.improvements[side as usize].count(deed.at, |count| *count += 1);
        let Some(who) = deed.owner else { return };
        let restores = memory.swept[side as usize].is_some_and(|(at, swept)| {
            let is_back = if side == Side::Buy { price <= swept } else { price >= swept };
            is_back && deed.at.since(at) <= Nanos::from_secs(self.restore_s)
        });
        let steps = &mut memory.climbs.of(who.person, deed.at)[side as usize].steps;
        let window = Nanos::from_secs(self.window_s);
        while steps.front().is_some_and(|step| deed.at.since(step.at) > window) {
            steps.pop_front();
        }
        if steps.len() == STEPS_MAX {
            steps.pop_front();
        }
        steps.push_back(Step {
            at: deed.at,
            seq: deed.seq,
            order: deed.successor,
            price,
            quantity: deed.left,
            moved,
            restores,
            executed: 0,
        });
    }

    /// Trades took a best price away: whoever brings it back moves nothing.
    fn note_sweep(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>) {
        let Some(change) = scene.change.filter(|change| change.touch_price_changed) else { return };
        let (Some(before), side) = (change.before().of(deed.side), deed.side) else { return };
        let swept = &mut memory.swept[side as usize];
        let is_better = swept.is_none_or(|(at, swept)| {
            let is_old = deed.at.since(at) > Nanos::from_secs(self.restore_s);
            is_old || if side == Side::Buy { before.price >= swept } else { before.price <= swept }
        });
        if is_better {
            *swept = Some((deed.at, before.price));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a memory, borrowed apart")]
    fn judge(
        &self,
        climbs: &[Climb; 2],
        improvements: &[Bars<u64>; 2],
        tally: &mut Tally,
        person: Person,
        side: Side,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) -> bool {
        let steps = &climbs[side as usize].steps;
        let (Some(first), Some(last)) = (steps.front(), steps.back()) else { return false };
        let market = scene.market;
        let Some(account) = scene.ledger.of(person) else { return false };
        let done = account.done().since(first.at);
        let (bought, sold) = (done.traded(side), done.traded(side.opposite()));
        let (orders, trades) = (market.order_sizes(), market.trade_sizes());
        let large = trades.or(orders).map_or(f64::INFINITY, |sizes| sizes.q90.max(1) as f64);
        let sale = sold as f64 / large;
        if sale < self.sale_q90s_min && !bench.is_asked(person) {
            return false;
        }
        let is_in_time = scene.now.since(last.at) <= Nanos::from_secs(self.sale_s);
        let in_time = f64::from(u8::from(is_in_time));
        let count = steps.len() as f64;
        let until = last.at + Nanos::from_secs(1);
        let everybody = improvements[side as usize].between(first.at, until).max(1) as f64;
        let mut sizes: Vec<_> = steps.iter().map(|step| step.quantity).collect();
        sizes.sort_unstable();
        let usual = orders.map_or(0.0, |sizes| sizes.q50.max(1) as f64);
        let size = sizes[sizes.len() / 2] as f64 / usual;
        let shown = sizes.iter().sum::<u64>().max(1) as f64;
        let executed = steps.iter().map(|step| step.executed).sum::<u64>() as f64 / shown;
        let moved: u64 = steps.iter().map(|step| step.moved).sum();
        let drift = moved as f64 / market.sigma(self.window_s as f64);
        let restored = steps.iter().filter(|step| step.restores).count() as f64 / count;
        let other = climbs[side.opposite() as usize].steps.iter();
        let other = other.filter(|step| step.at >= first.at).count() as f64;

        let mut case = bench.suspect(scene, person, Severity::Medium);
        case.needs("improvements", count, AtLeast(f64::from(self.improvements_min)));
        case.needs("own_share", count / everybody, AtLeast(self.own_share_min));
        case.needs("size", size, AtMost(self.size_medians_max));
        case.needs("executed_share", executed, AtMost(self.executed_share_max));
        case.needs("drift", drift, AtLeast(self.drift_sigmas_min));
        case.needs("sale", sale * in_time, AtLeast(self.sale_q90s_min));
        let bought_share = bought as f64 / sold.max(1) as f64;
        case.unless_excused("accumulates", bought_share, AtMost(self.bought_share_max));
        case.unless_excused("restores", restored, AtMost(self.restored_share_max));
        case.unless_excused("both_sides", other / count, AtMost(self.both_sides_max));

        case.weighs("improvements", count, 3.0, 12.0);
        case.weighs("own_share", count / everybody, 0.3, 1.0);
        case.weighs("drift", drift, 0.75, 6.0);
        case.weighs("sale", sale, 0.5, 5.0);
        case.weighs("sale_to_shown", sold as f64 / shown, 1.0, 20.0);

        case.begins(first.seq, first.at);
        for step in steps.iter().rev().take(STEPS_SHOWN).rev() {
            let shown = (side, step.price, step.quantity);
            case.part(Part::Deceptive, (step.seq, step.order), shown);
        }
        if let Some(deed) = scene.deed {
            case.deed(Part::Genuine, deed);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, tally, repeats)
    }
}
