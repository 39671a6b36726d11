//! P05, collusive spoofing: one account shows the orders that mislead, another takes the profit.
//!
//! Two shapes. Neither needs to know that the accounts belong together.
//!
//! **Together.** Whenever an order of one account fills, it is noted who else shows orders on the other
//! side that would be layers of P01: many times what was filled
//! ([`size_ratio_min`](Collusion::size_ratio_min)), weighing on their side
//! ([`dominance_min`](Collusion::dominance_min)), near the touch and young
//! ([`layers_age_max_s`](Collusion::layers_age_max_s)). How often that would be by accident is known: the
//! first one's fills, times the share of time for which the second one's orders are so large, or the share
//! of everybody else's fills that they accompany, whichever is larger; what one comer fills at a moment
//! counts once. Two accounts are an episode if
//! - they meet often ([`together_min`](Collusion::together_min)),
//! - far more often than by accident ([`lift_min`](Collusion::lift_min),
//!   [`chance_max`](Collusion::chance_max)),
//! - and the second one's cancellations follow the first one's fills
//!   ([`delay_max_s`](Collusion::delay_max_s), the median).
//!
//! **Away.** Of which only the quoting side need be seen: see [`away`].
//!
//! **Excused.** Market makers, who are always there: what they meet is expected, so the lift is near 1.
//!
//! **When.** With the cancellation that completes it, and again when the meetings have doubled. Both
//! accounts are named; the one that trades comes first.
//!
//! **Score.** How often, the lift, how unlikely, how soon the cancellations follow. There is no least
//! score: the conditions say it all. The alert also carries the confidence that is left once all pairs
//! that were looked at are allowed for.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-5(e), with Regulation 596/2014, art.
//! 12(1)(a), by persons acting in collaboration; for the away shape, FINRA as retold by a vendor.
//!
//! **Known false positives.** Two legs of one basket under two accounts, if both show and cancel in step.
//! **Known misses.** Groups of three and more that take turns; accounts at different venues.

pub mod away;
mod canary;
#[cfg(test)]
mod tests;

use crate::desk::chance::poisson_tail;
use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::shelf::{Last, Shelf};
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct Collusion = "P05" {
        /// Displayed by the other account on the other side, for each unit that was filled.
        size_ratio_min: f64 = 5.0, 1.0..=1000.0, "×", Judgement;
        /// The same as a share of what others show on that side near the touch.
        dominance_min: f64 = 0.2, 0.01..=100.0, "", Measured;
        /// How old those orders may be.
        layers_age_max_s: u64 = 90, 1..=86400, "s", Published;
        /// How often the two meet.
        together_min: u32 = 5, 2..=10000, "", Judgement;
        /// How many times more often than by accident.
        lift_min: f64 = 20.0, 1.0..=100000.0, "×", Judgement;
        /// The chance of meeting so often by accident.
        chance_max: f64 = 0.000001, 0.0..=1.0, "", Judgement;
        /// How soon the cancellations follow the fills: the median.
        delay_max_s: f64 = 10.0, 0.001..=3600.0, "s", Published;
        /// Away: how long the price at which the account trades has existed.
        price_age_max_s: f64 = 2.0, 0.001..=3600.0, "s", Published;
        /// Away: the spread before somebody narrowed it, in usual spreads.
        wide_ratio_min: f64 = 3.0, 1.0..=1000.0, "×", Published;
        /// Away: by how much of it it was narrowed.
        narrowed_share_min: f64 = 0.3, 0.01..=1.0, "", Published;
        /// Away: how soon after the trade it is as wide again.
        widening_max_s: f64 = 5.0, 0.001..=3600.0, "s", Published;
        /// Away: episodes of a day that raise an alert.
        lures_min: u32 = 5, 1..=1000, "", Published;
        /// Episodes of a day, of two that meet, that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 0.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    /// By side: who shows much now.
    loud: [Last<Loud, LOUD_MAX>; 2],
    /// By person and side: for how long they did before, and whose fills they accompanied.
    showing: Shelf<u64, Showing, SHOWING_MAX>,
    /// By person and side: fills.
    fills: Shelf<u64, Fills, FILLERS_MAX>,
    /// By side: moments at which anybody was filled.
    all_fills: [Fills; 2],
    /// By both persons: how they met.
    pairs: Shelf<u64, Pair, PAIRS_MAX>,
    pairs_seen: u64,
    pending: Last<Meeting, PENDING_MAX>,
    /// By side: what is displayed near the touch, when it was looked at, and how many deeds
    /// came since.
    depth: [(Nanos, u64, u32); 2],
    away: away::Memory,
    tally: Tally,
}

kept!(Memory { loud, showing, fills, all_fills, pairs, pairs_seen, pending, depth, away, tally });

/// Somebody who shows much on a side, and since when.
#[derive(Clone, Copy)]
struct Loud {
    person: Person,
    since: Nanos,
}

#[derive(Clone, Copy, Default)]
struct Showing {
    shown_ns: u64,
    met: u64,
    met_at: Nanos,
}

#[derive(Clone, Copy, Default)]
struct Fills {
    count: u64,
    last_at: Nanos,
}

/// Two persons of whom one filled while the other showed much on the other side.
#[derive(Default)]
struct Pair {
    /// By the side of the fill.
    met: [u64; 2],
    /// How long the cancellations took, in nanoseconds.
    delays: Last<u64, DELAYS_MAX>,
    parts: Last<Piece, PARTS_MAX>,
    begun: Option<(u64, Nanos)>,
    /// How often they had met when it last was an episode.
    judged: u64,
}

/// An order or a trade of a pair's.
#[derive(Clone, Copy)]
struct Piece {
    seq: u64,
    order: OrderId,
    side: Side,
    price: Price,
    quantity: u64,
    is_fill: bool,
}

/// A fill whose sequel is awaited.
#[derive(Clone, Copy)]
struct Meeting {
    filled: Person,
    showed: Person,
    /// The side of the fill.
    side: Side,
    at: Nanos,
    is_answered: bool,
}

kept!(Loud { person, since });
kept!(Showing { shown_ns, met, met_at });
kept!(Fills { count, last_at });
kept!(Pair { met, delays, parts, begun, judged });
kept!(Piece { seq, order, side, price, quantity, is_fill });
kept!(Meeting { filled, showed, side, at, is_answered });

/// Persons that show much on a side at a time; the one that began first gives way.
const LOUD_MAX: usize = 32;
/// Persons and sides that are remembered to have shown much; the one longest unseen gives way.
const SHOWING_MAX: usize = 1_024;
/// Persons and sides whose fills are counted; the one longest unseen gives way.
const FILLERS_MAX: usize = 4_096;
/// Pairs that are remembered; the one longest unseen gives way.
const PAIRS_MAX: usize = 4_096;
/// Meetings whose sequel is awaited; the first gives way.
const PENDING_MAX: usize = 256;
/// Delays of a pair, the latest.
const DELAYS_MAX: usize = 15;
/// Orders and trades of a pair that are named, the latest.
const PARTS_MAX: usize = 24;
/// Of one person's orders on a side, so many are looked at, the latest.
const ORDERS_MAX: usize = 64;
/// So many fills of others tell how often somebody accompanies fills.
const OTHERS_MIN: u64 = 20;
/// Fills within this time are one.
const SAME_FILL: Nanos = Nanos::from_secs(1);
/// The depth is looked at no more often than this, but for fills that matter.
const LOOK_EVERY: Nanos = Nanos::from_secs(1);
/// And not before so many deeds on that side.
const LOOK_EVERY_DEEDS: u32 = 16;

impl Pattern for Collusion {
    type Memory = Memory;

    const WANTS: &'static [What] = &What::DEEDS;

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "together",
        "lift",
        "chance",
        "delay_s",
        "price_age_s",
        "wide_ratio",
        "narrowed_share",
        "widening_s",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        if !scene.market.is_continuous() {
            return;
        }
        self.expire(memory, scene, bench);
        if let Some(owner) = deed.owner
            && deed.what != What::Print
        {
            self.weigh(memory, owner.person, deed, scene);
            if matches!(deed.what, What::Cancel | What::Amend) && !memory.pending.is_empty() {
                self.answer(memory, owner.person, deed, scene, bench);
            }
            if deed.what == What::Fill {
                self.meet(memory, owner.person, deed, scene);
            }
        }
        self.see_away(&mut memory.away, deed, scene, bench);
    }
}

fn key(person: Person, side: Side) -> u64 {
    u64::from(person.0) << 1 | side as u64
}

fn pair_key(filled: Person, showed: Person) -> u64 {
    u64::from(filled.0) << 32 | u64::from(showed.0)
}

impl Collusion {
    /// Does the person show much on this side now?
    fn weigh(&self, memory: &mut Memory, person: Person, deed: &Deed, scene: &Scene<'_>) {
        let side = deed.side;
        let resting = scene.ledger.of(person).map_or(0, |own| own.resting_on(side).quantity);
        let (looked_at, mut depth, unseen) = memory.depth[side as usize];
        let is_old = unseen >= LOOK_EVERY_DEEDS && deed.at.since(looked_at) >= LOOK_EVERY;
        if (looked_at.0 == 0 || is_old)
            && let Some(book) = scene.book
        {
            depth = scene.market.depth(&book, side);
            memory.depth[side as usize] = (deed.at, depth, 0);
        } else {
            memory.depth[side as usize].2 += 1;
        }
        let others = depth.saturating_sub(resting) as f64;
        let is_loud = resting > 0 && resting as f64 >= self.dominance_min * others;
        let loud = &mut memory.loud[side as usize];
        let gone = match loud.iter().position(|one| one.person == person) {
            Some(place) if !is_loud => loud.remove(place),
            None if is_loud => {
                let first = if loud.len() == LOUD_MAX { loud.front().copied() } else { None };
                loud.push(Loud { person, since: deed.at });
                first
            }
            _ => return,
        };
        if let Some(gone) = gone {
            let showing = memory.showing.touch(key(gone.person, side), Showing::default);
            showing.shown_ns += deed.at.since(gone.since).0;
        }
    }

    /// An order has filled: who shows much on the other side?
    fn meet(&self, memory: &mut Memory, filled: Person, deed: &Deed, scene: &Scene<'_>) {
        let fills = memory.fills.touch(key(filled, deed.side), Fills::default);
        let is_same = fills.count > 0 && deed.at.since(fills.last_at) <= SAME_FILL;
        fills.last_at = deed.at;
        if is_same {
            return;
        }
        fills.count += 1;
        let all = &mut memory.all_fills[deed.side as usize];
        all.count += u64::from(all.last_at != deed.at);
        all.last_at = deed.at;
        let other = deed.side.opposite();
        let (Some(book), Some(best)) = (scene.book, scene.market.best_of(other)) else { return };
        let age_max = Nanos::from_secs(self.layers_age_max_s);
        let reach = scene.market.near() as u64;
        let mut depth = None;
        for place in 0..memory.loud[other as usize].len() {
            let showed = memory.loud[other as usize][place].person;
            if showed == filled {
                continue;
            }
            let least = self.size_ratio_min * deed.quantity as f64;
            let rests = scene.ledger.of(showed).map_or(0, |own| own.resting_on(other).quantity);
            if (rests as f64) < least {
                continue;
            }
            let is_young = |entered_at| deed.at.since(entered_at) <= age_max;
            let near = || {
                let orders = scene.ledger.orders_of(showed, other).take(ORDERS_MAX);
                orders.filter(|live| live.is_displayed() && live.price.0.abs_diff(best.0) <= reach)
            };
            let layers = || near().filter(|live| is_young(live.entered_at));
            let (mut shown, mut own) = (0, 0);
            for live in near() {
                own += live.quantity;
                shown += if is_young(live.entered_at) { live.quantity } else { 0 };
            }
            if (shown as f64) < least {
                continue;
            }
            let depth = *depth.get_or_insert_with(|| scene.market.depth(&book, other));
            if (shown as f64) < self.dominance_min * depth.saturating_sub(own) as f64 {
                continue;
            }
            let showing = memory.showing.touch(key(showed, other), Showing::default);
            showing.met += u64::from(showing.met_at != deed.at);
            showing.met_at = deed.at;
            let mut is_new = false;
            let pair = memory.pairs.touch(pair_key(filled, showed), || {
                is_new = true;
                Pair::default()
            });
            memory.pairs_seen += u64::from(is_new);
            pair.met[deed.side as usize] += 1;
            let price = deed.price.unwrap_or_default();
            pair.parts.push(Piece {
                seq: deed.seq,
                order: deed.order,
                side: deed.side,
                price,
                quantity: deed.quantity,
                is_fill: true,
            });
            let mut first = (deed.seq, deed.at);
            for live in layers().take(PARTS_MAX / 6) {
                pair.parts.push(Piece {
                    seq: live.entered_seq,
                    order: live.order,
                    side: other,
                    price: live.price,
                    quantity: live.quantity,
                    is_fill: false,
                });
                first = first.min((live.entered_seq, live.entered_at));
            }
            pair.begun.get_or_insert(first);
            let (side, at) = (deed.side, deed.at);
            memory.pending.push(Meeting { filled, showed, side, at, is_answered: false });
        }
    }

    /// Somebody takes an order away, or makes it less: does that follow a fill?
    fn answer(
        &self,
        memory: &mut Memory,
        person: Person,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let Some(was) = deed.was else { return };
        if deed.what == What::Amend && deed.price == Some(was.price) && deed.left >= was.quantity {
            return;
        }
        for place in 0..memory.pending.len() {
            let meeting = memory.pending[place];
            let is_answer = !meeting.is_answered
                && meeting.showed == person
                && meeting.side == deed.side.opposite()
                && was.entered_at <= meeting.at;
            if is_answer {
                memory.pending[place].is_answered = true;
                let delay = deed.at.since(meeting.at);
                if let Some(pair) = memory.pairs.get_mut(pair_key(meeting.filled, person)) {
                    pair.delays.push(delay.0);
                }
                self.judge(memory, (meeting.filled, person), scene, bench);
            }
        }
    }

    /// Meetings after which nothing was taken away in time count as late.
    fn expire(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let late = Nanos((2.0 * self.delay_max_s * 1e9) as u64);
        while let Some(first) = memory.pending.front().copied()
            && (first.is_answered || scene.now.since(first.at) > late)
        {
            memory.pending.pop_front();
            if first.is_answered {
                continue;
            }
            if let Some(pair) = memory.pairs.get_mut(pair_key(first.filled, first.showed)) {
                pair.delays.push(late.0);
            }
            if bench.is_asked(first.filled) || bench.is_asked(first.showed) {
                self.judge(memory, (first.filled, first.showed), scene, bench);
            }
        }
    }

    /// How many meetings of the two there would be by accident.
    fn expected(&self, memory: &Memory, filled: Person, showed: Person, scene: &Scene<'_>) -> f64 {
        let watched = scene.now.since(scene.market.begun_at()).0.max(1) as f64;
        let met = memory.pairs.get(pair_key(filled, showed)).map_or([0; 2], |pair| pair.met);
        let on_side = |side: Side| {
            let own = memory.fills.get(key(filled, side)).map_or(0, |fills| fills.count);
            let other = side.opposite();
            let showing = memory.showing.get(key(showed, other)).copied().unwrap_or_default();
            let loud = memory.loud[other as usize].iter().find(|one| one.person == showed);
            let still = loud.map_or(0, |one| scene.now.since(one.since).0);
            let of_time = (showing.shown_ns + still) as f64 / watched;
            let others = memory.all_fills[side as usize].count.saturating_sub(own);
            let met_others = showing.met.saturating_sub(met[side as usize]);
            let of_fills =
                if others < OTHERS_MIN { 0.0 } else { met_others as f64 / others as f64 };
            own as f64 * of_time.max(of_fills).min(1.0)
        };
        on_side(Side::Buy) + on_side(Side::Sell)
    }

    fn judge(
        &self,
        memory: &mut Memory,
        (filled, showed): (Person, Person),
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let Some(pair) = memory.pairs.get(pair_key(filled, showed)) else { return };
        let met = pair.met[0] + pair.met[1];
        let is_asked = bench.is_asked(filled) || bench.is_asked(showed);
        if met < (u64::from(self.together_min)).max(2 * pair.judged) && !is_asked {
            return;
        }
        let expected = self.expected(memory, filled, showed, scene).max(1e-9);
        let lift = met as f64 / expected;
        let chance = poisson_tail(met as u32, expected);
        let mut delays = [0; DELAYS_MAX];
        let delays = &mut delays[..pair.delays.len()];
        delays.iter_mut().zip(pair.delays.iter()).for_each(|(to, delay)| *to = *delay);
        delays.sort_unstable();
        let delay = delays.get(delays.len() / 2).map_or(f64::INFINITY, |delay| *delay as f64 / 1e9);

        let mut case = bench.suspect(scene, filled, Severity::High);
        case.needs("together", met as f64, AtLeast(f64::from(self.together_min)));
        case.needs("lift", lift, AtLeast(self.lift_min));
        case.needs("chance", chance, AtMost(self.chance_max));
        case.needs("delay_s", delay, AtMost(self.delay_max_s));
        case.weighs("together", met as f64, 0.0, 15.0);
        case.weighs("lift", lift, 1.0, 100.0);
        case.weighs("unlikeliness", -chance.max(1e-30).log10(), 3.0, 12.0);
        case.weighs("speed", 1.0 - delay / self.delay_max_s, 0.0, 1.0);
        let confidence = 1.0 - (chance * memory.pairs_seen as f64).min(1.0);
        case.weighs_as("confidence", confidence, 0.0, 1.0, 0.0);
        case.confidence = confidence;

        let showed_by = scene.ledger.of(showed).map(|account| account.accounts.as_slice());
        showed_by.into_iter().flatten().for_each(|account| case.with(*account));
        if let Some((seq, at)) = pair.begun {
            case.begins(seq, at);
        }
        for piece in pair.parts.iter() {
            let part = if piece.is_fill { Part::Genuine } else { Part::Deceptive };
            let told = (piece.side, piece.price, piece.quantity);
            case.part(part, (piece.seq, piece.order), told);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        if bench.settle(case, scene, &mut memory.tally, repeats)
            && let Some(pair) = memory.pairs.get_mut(pair_key(filled, showed))
        {
            pair.judged = met;
            bench.infer_link(filled, showed, confidence, scene.now);
        }
    }
}
