//! P36, bypassing safeguards: what a limit would stop comes in pieces, or just after the limit was reset.
//!
//! **What.** Two ways.
//!
//! *In pieces.* Within [`burst_ms`](Safeguards::burst_ms) a person enters at least
//! [`orders_min`](Safeguards::orders_min) orders on one side, each within
//! [`below_limit_share`](Safeguards::below_limit_share) of the largest that is allowed, in all
//! [`sum_ratio_min`](Safeguards::sum_ratio_min) times as much. The limit is a quantity
//! ([`order_max`](Safeguards::order_max)) or a value ([`value_max`](Safeguards::value_max), price times
//! quantity in the instrument's own units). Where neither is given, the largest order that anybody has
//! entered, or that stood there at first, stands in ([`infers_limit`](Safeguards::infers_limit)), from
//! [`sample_min`](Safeguards::sample_min) orders on: the pieces then have to stand at one price, as a
//! ladder of quotes does not, and the alert is less grave.
//!
//! *After each reset.* The market leaves continuous trading, and the person who came was most of what
//! traded in the minute before ([`walk_share_min`](Safeguards::walk_share_min)). It opens again, and no
//! later than [`after_reset_max_s`](Safeguards::after_reset_max_s) the same person has brought it to a stop
//! in the same direction: [`walks_min`](Safeguards::walks_min) stops in a row. What the band is need not
//! be known: the stop tells.
//!
//! **Excused.** Orders that follow an equal one of the person's, filled a moment before, or that are told
//! to be icebergs: a venue refills them ([`refills_max`](Safeguards::refills_max) of the burst).
//!
//! **When.** With the order, or the stop.
//!
//! **Score.** In pieces: how many, how much, how fast. After resets: how many stops, how much of the
//! trading, how soon.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-6(c)(i); 2017/565, Annex III.B, 17.
//! All numbers are judgement; limits are the venue's and the firm's.
//!
//! **Known false positives.** A venue that splits orders itself. Where the limit is inferred: whoever is
//! largest and enters equal orders at one price. **Known misses.** Pieces under several persons; a limit
//! that is inferred too high, after one absurdly large order.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::remembered::Remembered;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::body::{Attributes, Phase};
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct Safeguards = "P36" {
        /// The largest quantity of an order; 0 if it is not known.
        order_max: f64 = 0.0, 0.0..=9e18, "", Judgement;
        /// The largest value of an order; 0 if it is not known.
        value_max: f64 = 0.0, 0.0..=1e30, "", Judgement;
        /// Whether the largest order so far stands in where no limit is known: 1 yes, 0 no.
        infers_limit: u32 = 1, 0..=1, "", Judgement;
        /// Orders from which the largest says something.
        sample_min: u32 = 500, 1..=10000000, "", Judgement;
        /// How near below the limit is near.
        below_limit_share: f64 = 0.02, 0.0..=1.0, "", Judgement;
        /// The time of a burst.
        burst_ms: u64 = 2000, 1..=600000, "ms", Judgement;
        /// Orders of a burst.
        orders_min: u32 = 5, 2..=32, "", Judgement;
        /// All of them together, for each unit of the limit.
        sum_ratio_min: f64 = 3.0, 1.0..=1000.0, "×", Judgement;
        /// How many of them may be refills of icebergs.
        refills_max: f64 = 0.5, 0.0..=1.0, "", Judgement;
        /// Stops in a row.
        walks_min: u32 = 3, 1..=16, "", Judgement;
        /// The person's share of what those who came traded in the minute before a stop.
        walk_share_min: f64 = 0.5, 0.01..=1.0, "", Judgement;
        /// How soon after a reset the next stop comes.
        after_reset_max_s: u64 = 300, 1..=86400, "s", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 20.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    bursts: Remembered<Person, Burst, PERSONS_MAX>,
    orders: u64,
    largest: u64,
    /// The order that was last filled entirely.
    filled: Option<Filled>,
    walks: VecDeque<Walk>,
    phase: Phase,
    reset_at: Option<Nanos>,
    tally: Tally,
}

/// Orders of a person near the limit, the latest.
#[derive(Default)]
struct Burst {
    pieces: VecDeque<Piece>,
}

#[derive(Clone, Copy)]
struct Piece {
    at: Nanos,
    seq: u64,
    order: OrderId,
    side: Side,
    price: Option<Price>,
    quantity: u64,
    /// How much of the limit.
    used: f64,
    is_refill: bool,
}

struct Filled {
    person: Person,
    side: Side,
    price: Option<Price>,
    at: Nanos,
}

/// Somebody brought the market to a stop.
struct Walk {
    person: Person,
    side: Side,
    at: Nanos,
    seq: u64,
    share: f64,
    /// Since trading had begun again.
    after_reset_s: f64,
}

kept!(Memory { bursts, orders, largest, filled, walks, phase, reset_at, tally });
kept!(Burst { pieces });
kept!(Piece { at, seq, order, side, price, quantity, used, is_refill });
kept!(Filled { person, side, price, at });
kept!(Walk { person, side, at, seq, share, after_reset_s });

/// Persons whose orders near the limit are remembered.
const PERSONS_MAX: usize = 512;
/// Orders of each.
const PIECES_MAX: usize = 64;
const NAMED_MAX: usize = 24;
/// Stops that are remembered.
const WALKS_MAX: usize = 16;
/// Orders of a side that are looked at where the market is seen first.
const LOOKED_AT_MAX: usize = 4_096;
/// A refill follows its order within this time.
const REFILL: Nanos = Nanos::from_millis(1);
const MINUTE: Nanos = Nanos::from_secs(60);

impl Pattern for Safeguards {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Enter, What::Fill, What::Phase];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] =
        &["orders", "refills", "walks", "walk_share", "after_reset_s"];

    fn canary(&self) -> Option<Story> {
        // As near to the limit as it takes; ten times the largest usual order where none is given.
        let near = 1.0 - self.below_limit_share / 2.0;
        let quantity = match (self.order_max, self.value_max) {
            (limit, _) if limit > 0.0 => limit * near,
            (_, limit) if limit > 0.0 => limit * near / canary::PRICE as f64,
            _ if self.infers_limit == 1 => 400.0,
            _ => return None,
        };
        Some(canary::story(quantity.round().max(1.0) as u64))
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return self.phase(memory, scene, bench) };
        let Some(owner) = deed.owner else { return };
        if deed.what == What::Fill {
            if deed.left == 0 {
                let was = deed.was.map(|was| was.price);
                let (person, side, at) = (owner.person, deed.side, deed.at);
                memory.filled = Some(Filled { person, side, price: was, at });
            }
            return;
        }
        if memory.orders == 0 {
            memory.look(scene);
        }
        memory.orders += 1;
        memory.largest = memory.largest.max(deed.quantity);
        let used = self.used(memory, deed);
        let is_near = (1.0 - self.below_limit_share..=1.0).contains(&used);
        if is_near {
            self.piece(memory, owner.person, (deed, used), scene, bench);
        } else if bench.is_asked(owner.person) {
            self.judge_burst(memory, owner.person, deed.side, scene, bench);
        }
    }
}

impl Memory {
    /// What stands in the book at first was allowed, too.
    fn look(&mut self, scene: &Scene<'_>) {
        let Some(book) = scene.book else { return };
        for side in [Side::Buy, Side::Sell] {
            let levels = book.levels(side).map(|level| level.price);
            for order in levels.flat_map(|price| book.orders_at(side, price)).take(LOOKED_AT_MAX) {
                self.orders += 1;
                self.largest = self.largest.max(order.remaining.0);
            }
        }
    }
}

impl Safeguards {
    fn knows_limit(&self) -> bool {
        self.order_max > 0.0 || self.value_max > 0.0
    }

    /// How much of the limit an order uses; of several that which it uses most.
    fn used(&self, memory: &Memory, deed: &Deed) -> f64 {
        let quantity = deed.quantity as f64;
        if !self.knows_limit() {
            let is_known = self.infers_limit == 1 && memory.orders >= u64::from(self.sample_min);
            return if is_known { quantity / memory.largest.max(1) as f64 } else { 0.0 };
        }
        let of = |value: f64, limit: f64| if limit > 0.0 { value / limit } else { 0.0 };
        let value = deed.price.map_or(0.0, |price| price.0.unsigned_abs() as f64 * quantity);
        of(quantity, self.order_max).max(of(value, self.value_max))
    }

    fn piece(
        &self,
        memory: &mut Memory,
        person: Person,
        (deed, used): (&Deed, f64),
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let follows = memory.filled.as_ref().is_some_and(|filled| {
            (filled.person, filled.side, filled.price) == (person, deed.side, deed.price)
                && deed.at.since(filled.at) <= REFILL
        });
        let burst = memory.bursts.of(person, deed.at);
        let span = Nanos::from_millis(self.burst_ms);
        while burst.pieces.front().is_some_and(|first| deed.at.since(first.at) > span)
            || burst.pieces.len() >= PIECES_MAX
        {
            burst.pieces.pop_front();
        }
        burst.pieces.push_back(Piece {
            at: deed.at,
            seq: deed.seq,
            order: deed.order,
            side: deed.side,
            price: deed.price,
            quantity: deed.quantity,
            used,
            is_refill: follows || deed.attributes.has(Attributes::ICEBERG),
        });
        let may_matter = burst.pieces.len() >= self.orders_min as usize;
        if may_matter || bench.is_asked(person) {
            self.judge_burst(memory, person, deed.side, scene, bench);
        }
    }

    fn judge_burst(
        &self,
        memory: &mut Memory,
        person: Person,
        side: Side,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let none = Burst::default();
        let all = &memory.bursts.get(person).unwrap_or(&none).pieces;
        let since = Nanos(scene.now.0.saturating_sub(self.burst_ms * 1_000_000));
        let last = all.back().and_then(|last| last.price);
        // Without a known limit the largest may have grown, and only one price is one order in pieces.
        let largest = memory.largest.max(1) as f64;
        let belongs = |piece: &&Piece| {
            let is_recent = piece.side == side && piece.at >= since;
            let is_near = piece.quantity as f64 >= (1.0 - self.below_limit_share) * largest;
            is_recent && (self.knows_limit() || piece.price == last && is_near)
        };
        let pieces: Vec<Piece> = all.iter().filter(belongs).copied().collect();
        let count = pieces.len() as f64;
        let sum: f64 = pieces.iter().map(|piece| piece.used).sum();
        let refills = pieces.iter().filter(|piece| piece.is_refill).count() as f64 / count.max(1.0);

        let severity = if self.knows_limit() { Severity::Medium } else { Severity::Low };
        let mut case = bench.suspect(scene, person, severity);
        case.needs("orders", count, AtLeast(f64::from(self.orders_min)));
        case.needs("sum_ratio", sum, AtLeast(self.sum_ratio_min));
        case.unless_excused("refills", refills, AtMost(self.refills_max));
        if !case.holds() {
            return bench.pass_over(&case);
        }
        let first_at = pieces.first().map_or(scene.now, |first| first.at);
        let took = scene.now.since(first_at).0 as f64 / 1e6;
        case.weighs("orders", count, 0.0, 2.0 * f64::from(self.orders_min));
        case.weighs("sum_ratio", sum, 0.0, 3.0 * self.sum_ratio_min);
        case.weighs("took_ms", took, self.burst_ms as f64, 0.0);
        for piece in pieces.iter().rev().take(NAMED_MAX).rev() {
            case.begins(piece.seq, piece.at);
            let told = (piece.side, piece.price, piece.quantity);
            case.part(Part::Genuine, (piece.seq, piece.order), told);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        if bench.settle(case, scene, &mut memory.tally, repeats) {
            memory.bursts.of(person, scene.now).pieces.clear();
        }
    }

    /// The market stops, or trades again.
    fn phase(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let was_trading = matches!(memory.phase, Phase::Continuous | Phase::Unknown);
        memory.phase = scene.market.phase;
        match scene.market.phase {
            Phase::Continuous if !was_trading => memory.reset_at = Some(scene.now),
            Phase::Halt | Phase::Auction if was_trading => self.stop(memory, scene, bench),
            _ => {}
        }
    }

    fn stop(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let reset_at = memory.reset_at.unwrap_or(Nanos(0));
        let from = Nanos(scene.now.0.saturating_sub(MINUTE.0)).max(reset_at);
        let flow = scene.market.flow().since(from);
        let most = [Side::Buy, Side::Sell].into_iter().flat_map(|side| {
            scene.ledger.persons().map(move |account| {
                (account.done().since(from).taken[side as usize], account.person, side as usize)
            })
        });
        let Some((taken, person, side)) = most.max() else { return };
        let side = if side == Side::Buy as usize { Side::Buy } else { Side::Sell };
        if memory.walks.len() == WALKS_MAX {
            memory.walks.pop_front();
        }
        memory.walks.push_back(Walk {
            person,
            side,
            at: scene.now,
            seq: scene.seq,
            share: taken as f64 / flow.volume().max(1) as f64,
            after_reset_s: scene.now.since(reset_at).0 as f64 / 1e9,
        });
        let in_a_row = memory.walks.iter().rev();
        let in_a_row = in_a_row.take_while(|walk| (walk.person, walk.side) == (person, side));
        let walks: Vec<&Walk> = in_a_row.take(self.walks_min as usize).collect();
        let share = walks.iter().fold(1.0, |least: f64, walk| least.min(walk.share));
        // The first needs no reset before it.
        let later = &walks[..walks.len().saturating_sub(1)];
        let after = later.iter().fold(0.0, |most: f64, walk| most.max(walk.after_reset_s));
        let after_max = self.after_reset_max_s as f64;

        let mut case = bench.suspect(scene, person, Severity::Medium);
        case.needs("walks", walks.len() as f64, AtLeast(f64::from(self.walks_min)));
        case.needs("walk_share", share, AtLeast(self.walk_share_min));
        case.needs("after_reset_s", after, AtMost(after_max));
        case.weighs("walks", walks.len() as f64, 0.0, 2.0 * f64::from(self.walks_min));
        case.weighs("walk_share", share, 0.0, 1.0);
        case.weighs("after_reset_s", after, after_max, 0.0);
        for walk in walks {
            case.begins(walk.seq, walk.at);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        if bench.settle(case, scene, &mut memory.tally, repeats) {
            memory.walks.clear();
        }
    }
}
