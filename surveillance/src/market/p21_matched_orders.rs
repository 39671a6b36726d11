//! P21, improper matched orders: two parties enter at the same time what is meant for each other.
//!
//! **What.** A resting order trades with somebody who comes. It is a match if
//! - both entered within [`apart_max_ms`](MatchedOrders::apart_max_ms) of each other,
//! - their quantities differ by no more than [`size_difference_max`](MatchedOrders::size_difference_max),
//! - their limits by no more than [`price_difference_max`](MatchedOrders::price_difference_max),
//! - of the larger one at least [`met_share_min`](MatchedOrders::met_share_min) traded with the other.
//!
//! Of who comes the feed tells a trade at a time: executions within a few milliseconds are one order, and
//! so is what then rests of it. Where the feed tells an order that crosses as it enters, its own limit and
//! quantity count.
//!
//! A pair of parties is suspicious if it matched so often within
//! [`remembered_days`](MatchedOrders::remembered_days) ([`matches_min`](MatchedOrders::matches_min)) and
//! so much more often than by chance ([`chance_max`](MatchedOrders::chance_max)): by chance the two meet
//! in a trade with the product of their shares of the other trades so far (a minute, as in the catalogue, is
//! all theirs in a thin market), of which there must be [`sample_min`](MatchedOrders::sample_min). In an
//! empty market one match is enough: nobody else within
//! [`empty_ticks`](MatchedOrders::empty_ticks) of the price, nor within half of the usual spread, and the price moved
//! [`price_sigmas_min`](MatchedOrders::price_sigmas_min) usual moves from the last.
//!
//! **Excused.** An auction, where everybody meets everybody; one and the same owner, who is P19's. Prints
//! are not looked at: negotiated trades and registered crosses come as such.
//!
//! **When.** [`settle_ms`](MatchedOrders::settle_ms) after the match, because more of the coming order may
//! trade with others.
//!
//! **Score.** How often they matched, how soon one order followed the other, how equal their sizes are,
//! and how far the price moved. The least score is low, because rarity is a condition already.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-3(c), 4(b); 2017/565, Annex III.B,
//! 12, 16; SGX practice note on rule 13.8. The two seconds are also a Polish prosecutor's expert's.
//!
//! **Known false positives.** Two algorithms of different owners that quote against each other in a thin
//! market. **Known misses.** Parties that split what is meant for each other into unequal orders, and
//! those whose own other trading makes their meetings likely (P20 sees the circle).

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::chance::binomial_tail;
use crate::desk::deed::{Deed, What, Who};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::remembered::Remembered;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::event::{Nanos, OrderId, ParticipantId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use engine_observer::{Degraded, Severity};
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct MatchedOrders = "P21" {
        /// How long one order may follow the other.
        apart_max_ms: u64 = 2000, 1..=3600000, "ms", Published;
        /// How much their quantities may differ, as a share of the larger.
        size_difference_max: f64 = 0.05, 0.0..=1.0, "", Judgement;
        /// How much their limits may differ.
        price_difference_max: f64 = 1.0, 0.0..=1000.0, "ticks", Judgement;
        /// How much of the larger trades with the other.
        met_share_min: f64 = 0.8, 0.01..=1.0, "", Judgement;
        /// Matches of a pair.
        matches_min: u32 = 3, 1..=1000, "", Judgement;
        /// How likely so many are by chance.
        chance_max: f64 = 0.000001, 0.0..=1.0, "", Judgement;
        /// Other trades of the market from which chance says something.
        sample_min: u32 = 30, 1..=100000, "", Judgement;
        /// How long matches are remembered.
        remembered_days: u64 = 10, 1..=365, "days", Judgement;
        /// Nobody else this near to the price: one match is enough.
        empty_ticks: f64 = 5.0, 1.0..=1000.0, "ticks", Judgement;
        /// How far the price then moved from the last, in usual moves.
        price_sigmas_min: f64 = 3.0, 0.1..=100.0, "σ", Judgement;
        /// How long to wait for more of the coming order.
        settle_ms: u64 = 100, 0..=10000, "ms", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 10.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    pending: VecDeque<Pending>,
    pairs: Remembered<(Person, Person), Pair, PAIRS_MAX>,
    trades: Trades,
    run: Option<Run>,
    last_price: Option<(Price, Nanos)>,
    tally: Tally,
}

/// How many trades there were, everybody's and by person, to tell how likely two meet. From time to time
/// half of it is forgotten.
#[derive(Default)]
struct Trades {
    all: u64,
    /// Of these, trades of which the feed does not say whose they are: others', as far as is known.
    unnamed: u64,
    of: Remembered<Person, u64, PERSONS_MAX>,
    /// Since ever.
    total: u64,
}

/// Who came last, and how much they took at once.
struct Run {
    comes: Person,
    side: Side,
    at: Nanos,
    taken: u64,
}

/// Two who matched.
#[derive(Default)]
struct Pair {
    matches: VecDeque<Match>,
}

/// Two orders that met.
#[derive(Clone, Copy)]
struct Match {
    at: Nanos,
    seq: u64,
    order: OrderId,
    side: Side,
    price: Option<Price>,
    quantity: u64,
    /// Trades of the market before it.
    trades: u64,
}

/// A trade that may be a match, until it is known how much more the one who came takes.
struct Pending {
    rests: Person,
    comes: Person,
    rests_as: ParticipantId,
    comes_as: ParticipantId,
    order: OrderId,
    seq: u64,
    at: Nanos,
    side: Side,
    price: Option<Price>,
    entered_at: Nanos,
    entered_seq: u64,
    /// What the resting order was for.
    resting: u64,
    /// What the coming one was for, as far as it was seen.
    coming: u64,
    knows_coming: bool,
    met: u64,
    apart: u64,
    price_difference: f64,
    is_empty: bool,
    price_sigmas: f64,
    is_auction: bool,
}

kept!(Memory { pending, pairs, trades, run, last_price, tally });
kept!(Trades { all, unnamed, of, total });
kept!(Run { comes, side, at, taken });
kept!(Pair { matches });
kept!(Match { at, seq, order, side, price, quantity, trades });
kept!(Pending {
    rests,
    comes,
    rests_as,
    comes_as,
    order,
    seq,
    at,
    side,
    price,
    entered_at,
    entered_seq,
    resting,
    coming,
    knows_coming,
    met,
    apart,
    price_difference,
    is_empty,
    price_sigmas,
    is_auction,
});

/// Trades that wait for a decision; the oldest gives way.
const PENDING_MAX: usize = 64;
/// Pairs that are remembered.
const PAIRS_MAX: usize = 4_096;
/// Persons whose trades are counted.
const PERSONS_MAX: usize = 8_192;
/// Matches of a pair that are named.
const MATCHES_MAX: usize = 20;
/// Executions within this time are of one coming order.
const SAME_ORDER: Nanos = Nanos::from_millis(5);
const DAY: u64 = 86_400_000_000_000;

impl Pattern for MatchedOrders {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Enter, What::Fill, What::Print];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "apart",
        "size_difference",
        "price_difference",
        "met_share",
        "matches",
        "chance",
        "same_owner",
        "auction",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        if !memory.pending.is_empty() {
            self.decide(memory, scene, bench);
        }
        match deed.what {
            What::Fill => {
                if let (Some(rests), Some(comes)) = (deed.owner, deed.aggressor) {
                    self.fill(memory, (rests, comes), deed, scene, bench);
                    memory.trades.count(deed.at, rests.person, comes.person);
                } else {
                    memory.trades.count_unnamed();
                }
                if let Some(price) = deed.price {
                    memory.last_price = Some((price, deed.at));
                }
            }
            What::Print if deed.parties().is_none() => memory.trades.count_unnamed(),
            What::Enter if !memory.pending.is_empty() => rest(memory, deed),
            _ => {}
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        self.decide(memory, scene, bench);
    }
}

/// What enters right after a trade, by who came, is the rest of their order.
fn rest(memory: &mut Memory, deed: &Deed) {
    let Some(owner) = deed.owner else { return };
    for pending in &mut memory.pending {
        let is_rest = pending.comes == owner.person
            && pending.side != deed.side
            && !pending.knows_coming
            && deed.at.since(pending.at) <= SAME_ORDER
            && deed.price == pending.price;
        if is_rest {
            pending.coming = pending.coming.saturating_add(deed.quantity);
        }
    }
}

impl Trades {
    const MOST: u64 = 1 << 16;

    fn count(&mut self, at: Nanos, rests: Person, comes: Person) {
        for person in [rests, comes] {
            *self.of.of(person, at) += 1;
        }
        self.count_one();
    }

    fn count_unnamed(&mut self) {
        self.unnamed += 1;
        self.count_one();
    }

    fn count_one(&mut self) {
        self.all += 1;
        self.total += 1;
        if self.all >= Self::MOST {
            self.all /= 2;
            self.unnamed /= 2;
            self.of.values_mut().for_each(|count| *count /= 2);
        }
    }
}

impl MatchedOrders {
    fn fill(
        &self,
        memory: &mut Memory,
        (rests, comes): (Who, Who),
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let run = memory.run.take().filter(|run| {
            (run.comes, run.side) == (comes.person, deed.side)
                && deed.at.since(run.at) <= SAME_ORDER
        });
        let taken = run.as_ref().map_or(0, |run| run.taken) + deed.quantity;
        memory.run = Some(Run { comes: comes.person, side: deed.side, at: deed.at, taken });
        for pending in &mut memory.pending {
            let is_same = pending.comes == comes.person
                && pending.side == deed.side
                && deed.at.since(pending.at) <= SAME_ORDER;
            if is_same {
                if !pending.knows_coming {
                    pending.coming = pending.coming.saturating_add(deed.quantity);
                }
                if pending.order == deed.order {
                    pending.met = pending.met.saturating_add(deed.quantity);
                    return;
                }
            }
        }
        let Some(was) = deed.was else { return };
        let age = deed.at.since(was.entered_at);
        let is_young = age.0 <= self.apart_max_ms * 1_000_000;
        let is_asked = bench.is_asked(rests.person) || bench.is_asked(comes.person);
        if !is_young && !is_asked {
            return;
        }
        // An order that was told as it came: it stands across the price.
        let told = scene.ledger.orders_of(comes.person, deed.side.opposite()).next();
        let told = told.filter(|live| {
            deed.price.is_some_and(|price| match live.side {
                Side::Buy => live.price >= price,
                Side::Sell => live.price <= price,
            })
        });
        let resting = scene.ledger.order(deed.order);
        let resting = resting.map_or(was.quantity, |(_, live)| live.entered_quantity);
        let tick = scene.market.tick() as f64;
        let price_difference = match (told, deed.price) {
            (Some(live), Some(price)) => live.price.0.abs_diff(price.0) as f64 / tick,
            _ => 0.0,
        };
        let reach = (self.empty_ticks * tick).max(scene.market.usual_spread() / 2.0);
        let is_far = |side: Side| {
            let best = scene.market.best_of(side).zip(deed.price);
            best.is_none_or(|(best, price)| best.0.abs_diff(price.0) as f64 > reach)
        };
        let moved = memory.last_price.zip(deed.price).map_or(0.0, |((last, at), price)| {
            let seconds = (deed.at.since(at).0 as f64 / 1e9).clamp(1.0, 3_600.0);
            price.0.abs_diff(last.0) as f64 / scene.market.sigma(seconds)
        });
        if memory.pending.len() == PENDING_MAX {
            memory.pending.pop_front();
        }
        memory.pending.push_back(Pending {
            rests: rests.person,
            comes: comes.person,
            rests_as: rests.account,
            comes_as: comes.account,
            order: deed.order,
            seq: deed.seq,
            at: deed.at,
            side: deed.side,
            price: deed.price,
            entered_at: was.entered_at,
            entered_seq: was.entered_seq,
            resting,
            coming: told.map_or(taken, |live| live.entered_quantity),
            knows_coming: told.is_some(),
            met: deed.quantity,
            apart: age.0,
            price_difference,
            is_empty: is_far(Side::Buy) && is_far(Side::Sell),
            price_sigmas: moved,
            is_auction: !scene.market.is_continuous(),
        });
        bench.wake_at(deed.at + Nanos::from_millis(self.settle_ms));
    }

    fn decide(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let settle = Nanos::from_millis(self.settle_ms);
        while let Some(first) = memory.pending.front()
            && first.at + settle <= scene.now
        {
            let first = memory.pending.pop_front().expect("there is a first one");
            self.judge(&first, memory, scene, bench);
        }
    }

    fn judge(
        &self,
        pending: &Pending,
        memory: &mut Memory,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let larger = pending.resting.max(pending.coming).max(1) as f64;
        let size_difference = pending.resting.abs_diff(pending.coming) as f64 / larger;
        let met_share = pending.met as f64 / larger;
        let apart = pending.apart as f64 / 1e6;

        let both = (pending.rests.min(pending.comes), pending.rests.max(pending.comes));
        let mut case = bench.suspect(scene, both.0, Severity::High);
        let is_match = [
            case.needs("apart", apart, AtMost(self.apart_max_ms as f64)),
            case.needs("size_difference", size_difference, AtMost(self.size_difference_max)),
            case.needs(
                "price_difference",
                pending.price_difference,
                AtMost(self.price_difference_max),
            ),
            case.needs("met_share", met_share, AtLeast(self.met_share_min)),
            case.unless_that("same_owner", pending.rests == pending.comes),
            case.unless_that("auction", pending.is_auction),
        ];
        if !is_match.into_iter().all(|holds| holds) {
            return bench.pass_over(&case);
        }
        let pair = memory.pairs.of(both, pending.at);
        let since = pending.at.0.saturating_sub(self.remembered_days * DAY);
        while pair.matches.front().is_some_and(|first| first.at.0 < since)
            || pair.matches.len() >= MATCHES_MAX
        {
            pair.matches.pop_front();
        }
        pair.matches.push_back(Match {
            at: pending.at,
            seq: pending.seq,
            order: pending.order,
            side: pending.side,
            price: pending.price,
            quantity: pending.met,
            trades: memory.trades.total,
        });
        let matches = pair.matches.len() as u64;
        let first = pair.matches.front().map_or(memory.trades.total, |first| first.trades);
        let trials = (memory.trades.total - first).max(matches);
        let others = memory.trades.all.saturating_sub(matches);
        let share = |person: Person| {
            let own = memory.trades.of.get(person).copied().unwrap_or(0);
            (own.saturating_sub(matches) + 1) as f64 / (others + 2) as f64
        };
        let likely = (share(pending.rests) * share(pending.comes)).min(1.0);
        let knows_others = others >= u64::from(self.sample_min);
        let trials = u32::try_from(trials).unwrap_or(u32::MAX);
        let chance = if knows_others { binomial_tail(matches as u32, trials, likely) } else { 1.0 };

        let is_alone = pending.is_empty && pending.price_sigmas >= self.price_sigmas_min;
        let (least, likely) =
            if is_alone { (1.0, 1.0) } else { (f64::from(self.matches_min), self.chance_max) };
        case.needs("matches", matches as f64, AtLeast(least));
        case.needs("chance", chance, AtMost(likely));

        case.weighs("matches", matches as f64, 0.0, 2.0 * f64::from(self.matches_min));
        case.weighs("apart", apart, self.apart_max_ms as f64, 0.0);
        case.weighs("size_difference", size_difference, self.size_difference_max.max(0.01), 0.0);
        case.weighs("price_sigmas", pending.price_sigmas, 0.0, 2.0 * self.price_sigmas_min);
        case.begins(pending.entered_seq, pending.entered_at);
        case.with(pending.rests_as);
        case.with(pending.comes_as);
        for one in &pair.matches {
            case.begins(one.seq, one.at);
            case.part(Part::Deceptive, (one.seq, one.order), (one.side, one.price, one.quantity));
        }
        case.degrade(Degraded::MEMORY.when(memory.pairs.is_forgetful()));
        case.degrade(Degraded::IDENTITY.when(2 * memory.trades.unnamed > memory.trades.all));
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        if bench.settle(case, scene, &mut memory.tally, repeats) {
            // Two who act together meet each other more than anybody else: a maker and a customer who happen
            // to meet now and then do not. A single match in an empty market says little.
            let own = |person: Person| memory.trades.of.get(person).copied().unwrap_or(0);
            let all = own(pending.rests).max(own(pending.comes)).max(matches);
            let together = matches as f64 / all as f64;
            let confidence = if is_alone { 0.25 } else { (1.0 - chance) * together };
            bench.infer_link(pending.rests, pending.comes, confidence, scene.now);
        }
    }
}
