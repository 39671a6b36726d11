//! P12, the lure inside the spread: a small quote betters the best price, others join it, and whoever
//! quoted trades against those who joined.
//!
//! **What.** A person's order sets a new best price and is small
//! ([`size_medians_max`](InsideQuoteLure::size_medians_max) median orders). Within
//! [`join_s`](InsideQuoteLure::join_s) others stand at that price or a better one, with a multiple of it
//! ([`joined_ratio_min`](InsideQuoteLure::joined_ratio_min)). Within [`hit_s`](InsideQuoteLure::hit_s) of
//! the quote the same person comes from the other side and trades with those who joined, a multiple of the
//! quote too ([`hit_ratio_min`](InsideQuoteLure::hit_ratio_min)). And that more often than by chance
//! ([`chance_max`](InsideQuoteLure::chance_max)): where others join most quotes and somebody hits them, one
//! who quotes and trades much is that somebody now and then.
//!
//! **Excused.** The quote itself traded, so that it was meant
//! ([`executed_share_max`](InsideQuoteLure::executed_share_max)). The market had jumped against those who
//! joined before they were hit ([`jump_sigmas_max`](InsideQuoteLure::jump_sigmas_max)).
//!
//! **When.** With the trade that makes the hit large enough; an alert from the third episode of the day on
//! ([`episodes_min`](InsideQuoteLure::episodes_min)).
//!
//! **Score.** How many joined, how much of them was hit, how soon, and whether the quote was gone by then.
//! The ranges begin below the thresholds and the least score is low: the conditions and the repetition
//! decide, the score ranks.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-6(d), 6(a); 2017/565, Annex III.B, 8;
//! FINRA 5210.03(2), whose text speaks of a frequent pattern.
//!
//! **Known false positives.** Somebody who changes their mind three times a day. **Known misses.** A quote
//! at one venue that others join at another: the best price is this venue's; quote and hit under accounts
//! that nothing joins.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::coincidence::Coincidence;
use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct InsideQuoteLure = "P12" {
        /// The quote's size, in medians of orders.
        size_medians_max: f64 = 1.0, 0.01..=1000.0, "×", Judgement;
        /// How long after the quote others join.
        join_s: u64 = 5, 1..=3600, "s", Judgement;
        /// How much of theirs, for each unit of the quote.
        joined_ratio_min: f64 = 3.0, 0.1..=10000.0, "×", Judgement;
        /// How long after the quote they are hit.
        hit_s: u64 = 10, 1..=3600, "s", Judgement;
        /// How much of theirs is hit, for each unit of the quote.
        hit_ratio_min: f64 = 3.0, 0.1..=10000.0, "×", Judgement;
        /// How likely so many hits are by chance: if those who hit the ones that joined the person's quotes
        /// on that day were drawn from all who came and traded.
        chance_max: f64 = 0.01, 0.0..=1.0, "", Judgement;
        /// How much of the quote itself trades.
        executed_share_max: f64 = 0.5, 0.0..=1.0, "", Judgement;
        /// How far the market may have moved against those who joined, in usual moves of a second.
        jump_sigmas_max: f64 = 3.0, 0.5..=100.0, "σ", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 3, 1..=1000, "", Published;
        /// The score under which there is no episode.
        score_min: f64 = 15.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    lures: VecDeque<Lure>,
    /// Hits, and what they would be by chance.
    coincidence: Coincidence,
    tally: Tally,
}

kept!(Memory { lures, coincidence, tally });

/// A quote that bettered the best price, and what became of it.
struct Lure {
    person: Person,
    side: Side,
    at: Nanos,
    seq: u64,
    order: OrderId,
    price: Price,
    quantity: u64,
    /// The quote, in medians of orders.
    size: f64,
    is_gone: bool,
    executed: u64,
    mid: f64,
    joined: u64,
    joiners: Vec<Joiner>,
    /// How many came and hit them, and who did last.
    comings: u32,
    last: Option<(Person, Nanos)>,
    hit: u64,
    /// How far the market had moved against those who joined at the first hit, in usual moves.
    jump: f64,
}

/// An order that joined.
struct Joiner {
    order: OrderId,
    seq: u64,
    price: Price,
    quantity: u64,
}

kept!(Lure {
    person,
    side,
    at,
    seq,
    order,
    price,
    quantity,
    size,
    is_gone,
    executed,
    mid,
    joined,
    joiners,
    comings,
    last,
    hit,
    jump,
});
kept!(Joiner { order, seq, price, quantity });

/// Quotes that are followed at a time; the oldest gives way.
const LURES_MAX: usize = 64;
/// Orders that joined and are known each; whoever joins later is not hit as far as we know.
const JOINERS_MAX: usize = 16;

impl Pattern for InsideQuoteLure {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Enter, What::Amend, What::Cancel, What::Fill];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] =
        &["size", "joined_ratio", "hit_ratio", "chance", "quote_executed", "jump_against"];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        let hit_within = Nanos::from_secs(self.hit_s);
        while memory.lures.front().is_some_and(|lure| deed.at.since(lure.at) > hit_within) {
            self.end_first(memory);
        }
        if let (What::Fill, Some(who)) = (deed.what, deed.aggressor) {
            memory.coincidence.came(who.person, deed.at);
        }
        if !scene.market.is_continuous() {
            return;
        }
        if !memory.lures.is_empty() {
            self.follow(memory, deed, scene, bench);
        }
        if let Some((price, _)) = scene.improvement() {
            self.begin(memory, price, deed, scene, bench);
        }
    }
}

impl InsideQuoteLure {
    /// Somebody has bettered the best price.
    fn begin(
        &self,
        memory: &mut Memory,
        price: Price,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &Bench<'_>,
    ) {
        let Some(owner) = deed.owner else { return };
        let Some((sizes, mid)) = scene.market.order_sizes().zip(scene.market.mid()) else { return };
        let size = deed.left as f64 / sizes.q50.max(1) as f64;
        if size > self.size_medians_max && !bench.is_asked(owner.person) {
            return;
        }
        if memory.lures.len() == LURES_MAX {
            self.end_first(memory);
        }
        memory.lures.push_back(Lure {
            person: owner.person,
            side: deed.side,
            at: deed.at,
            seq: deed.seq,
            order: deed.successor,
            price,
            quantity: deed.left.max(1),
            size,
            is_gone: false,
            executed: 0,
            mid,
            joined: 0,
            joiners: Vec::new(),
            comings: 0,
            last: None,
            hit: 0,
            jump: 0.0,
        });
    }

    /// The oldest quote lures no more.
    fn end_first(&self, memory: &mut Memory) {
        if let Some(lure) = memory.lures.pop_front() {
            self.expect(&mut memory.coincidence, &lure);
        }
    }

    /// A quote is over: as many came for those who joined it.
    fn expect(&self, coincidence: &mut Coincidence, lure: &Lure) {
        if lure.joined as f64 >= self.joined_ratio_min * lure.quantity as f64 {
            coincidence.expect(lure.person, lure.comings, lure.at);
        }
    }

    /// Something happens while there are quotes that may lure.
    fn follow(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Memory { lures, coincidence, tally } = memory;
        let mut found = None;
        for (nth, lure) in lures.iter_mut().enumerate().filter(|(_, one)| one.side == deed.side) {
            let is_own = deed.owner.is_some_and(|owner| owner.person == lure.person);
            match deed.what {
                _ if deed.order == lure.order => lure.change(deed),
                What::Enter | What::Amend if !is_own => self.join(lure, deed),
                What::Fill if !is_own && lure.has_joined(deed) => {
                    if !lure.is_hit(deed) {
                        continue;
                    }
                    if lure.hit == 0 {
                        lure.jump = lure.moved_against(scene) / scene.market.sigma(1.0);
                    }
                    lure.hit = lure.hit.saturating_add(deed.quantity);
                    let least = lure.quantity as f64;
                    let may_matter = lure.hit as f64 >= self.hit_ratio_min * least
                        && lure.joined as f64 >= self.joined_ratio_min * least;
                    if (may_matter || bench.is_asked(lure.person))
                        && self.judge(lure, deed, (coincidence, tally), scene, bench)
                    {
                        found = Some(nth);
                    }
                }
                _ => {}
            }
        }
        found.map(|nth| lures.remove(nth));
    }

    fn join(&self, lure: &mut Lure, deed: &Deed) {
        let Some(price) = deed.price else { return };
        let is_there =
            if lure.side == Side::Buy { price >= lure.price } else { price <= lure.price };
        let is_in_time = deed.at.since(lure.at) <= Nanos::from_secs(self.join_s);
        if let Some(known) = lure.joiners.iter_mut().find(|one| one.order == deed.order) {
            known.order = deed.successor;
            if is_in_time {
                lure.joined = (lure.joined + deed.left).saturating_sub(known.quantity);
                known.quantity = deed.left;
            }
        } else if is_there && is_in_time && deed.left > 0 && lure.joiners.len() < JOINERS_MAX {
            lure.joined += deed.left;
            let (order, seq, quantity) = (deed.successor, deed.seq, deed.left);
            lure.joiners.push(Joiner { order, seq, price, quantity });
        }
    }

    fn judge(
        &self,
        lure: &Lure,
        deed: &Deed,
        (coincidence, tally): (&mut Coincidence, &mut Tally),
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) -> bool {
        let quote = lure.quantity as f64;
        let (joined, hit) = (lure.joined as f64 / quote, lure.hit as f64 / quote);
        let mut case = bench.suspect(scene, lure.person, Severity::Medium);
        case.needs("size", lure.size, AtMost(self.size_medians_max));
        case.needs("joined_ratio", joined, AtLeast(self.joined_ratio_min));
        case.needs("hit_ratio", hit, AtLeast(self.hit_ratio_min));
        let executed = lure.executed as f64 / quote;
        case.unless_excused("quote_executed", executed, AtMost(self.executed_share_max));
        case.unless_excused("jump_against", lure.jump, AtMost(self.jump_sigmas_max));
        let is_hit = case.holds();
        if is_hit {
            self.expect(coincidence, lure);
        }
        let hits = if is_hit { coincidence.met(lure.person, scene.now) } else { 0 };
        // The first ones, that raise no alert yet, may be as likely as they like.
        if hits >= self.episodes_min || bench.is_asked(lure.person) {
            let chance = coincidence.chance(lure.person, scene.now);
            case.needs("chance", chance, AtMost(self.chance_max));
        }

        let took = deed.at.since(lure.at).0 as f64 / Nanos::from_secs(self.hit_s).0 as f64;
        case.weighs("joined_ratio", joined, 1.5, 10.0);
        case.weighs("hit_ratio", hit, 1.5, 10.0);
        case.weighs("speed", 1.0 - took, 0.0, 1.0);
        case.weighs("quote_gone", f64::from(u8::from(lure.is_gone)), 0.0, 1.0);

        case.begins(lure.seq, lure.at);
        let quote = (lure.side, lure.price, lure.quantity);
        case.part(Part::Deceptive, (lure.seq, lure.order), quote);
        case.deed(Part::Genuine, deed);
        for joiner in &lure.joiners {
            let joined = (lure.side, joiner.price, joiner.quantity);
            case.part(Part::Victim, (joiner.seq, joiner.order), joined);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, tally, repeats) || is_hit
    }
}

impl Lure {
    /// Something happens to the quote itself.
    fn change(&mut self, deed: &Deed) {
        match deed.what {
            What::Fill => self.executed = self.executed.saturating_add(deed.quantity),
            What::Amend => self.order = deed.successor,
            _ => self.is_gone = true,
        }
    }

    /// Whether it is one of those who joined.
    fn has_joined(&self, deed: &Deed) -> bool {
        self.joiners.iter().any(|joiner| joiner.order == deed.order)
    }

    /// Somebody comes and trades with one who joined: is it the one who quoted?
    fn is_hit(&mut self, deed: &Deed) -> bool {
        let Some(who) = deed.aggressor else { return false };
        let coming = Some((who.person, deed.at));
        self.comings += u32::from(std::mem::replace(&mut self.last, coming) != coming);
        who.person == self.person
    }

    /// How far the market has moved against those who joined, just before now.
    fn moved_against(&self, scene: &Scene<'_>) -> f64 {
        let moved = scene.mid_before().map_or(0.0, |mid| mid - self.mid);
        if self.side == Side::Buy { -moved } else { moved }
    }
}
