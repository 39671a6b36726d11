//! P10, phishing: a small trade shows that somebody hides more, and a large order then uses that.
//!
//! **What.** A reveal: somebody comes and trades a little ([`reveal_q50_max`](Phishing::reveal_q50_max)) and
//! learns of hidden quantity. That is so where the order that gave it is an iceberg or hidden, where the
//! trade was at a better price than any that was shown, or where the quantity stands there anew at once
//! ([`refill_ms_max`](Phishing::refill_ms_max)). A sequel: soon after
//! ([`sequel_max_s`](Phishing::sequel_max_s)) the same person enters or takes many times as much
//! ([`sequel_ratio_min`](Phishing::sequel_ratio_min)) on the side of what was revealed, at its price or in
//! front of it. A sequel hits if the mid went its way by
//! [`profit_spreads_min`](Phishing::profit_spreads_min) usual spreads after
//! [`profit_after_s`](Phishing::profit_after_s). It is an episode if
//! - within [`window_days`](Phishing::window_days) enough sequels hit ([`hits_min`](Phishing::hits_min)),
//! - and more of them than the person's entries hit anyway ([`chance_max`](Phishing::chance_max)).
//!
//! The usual rate is that of the person's other entries, one at a time, beginning with ten at the rate at
//! which the mid of the last hour went so far.
//!
//! **Excused.** Nothing further. Without a sequel, or with one that takes more of what was revealed, it is
//! none.
//!
//! **When.** [`profit_after_s`](Phishing::profit_after_s) after the sequel.
//!
//! **Score.** How large the sequel was, how soon it came, what it gained, how many hit and how unlikely that
//! is. The least score is low, because the conditions decide.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-4(d) and its order-book form, 6(d):
//! orders that find out about others' orders, and then use it.
//!
//! **Known false positives.** One leg of an arbitrage whose other leg is elsewhere. **Known misses.** Stop
//! orders that a trade sets off: no event tells them apart. Sequels of another person.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::chance::binomial_tail;
use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::market::Market;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::shelf::{Last, Shelf};
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::body::Attributes;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct Phishing = "P10" {
        /// The trade that reveals, in orders of median size.
        reveal_q50_max: f64 = 1.0, 0.01..=1000.0, "×", Judgement;
        /// How soon quantity that was taken must stand there anew to be a part of more.
        refill_ms_max: f64 = 10.0, 0.0..=10000.0, "ms", Judgement;
        /// How soon the sequel comes.
        sequel_max_s: f64 = 5.0, 0.001..=600.0, "s", Judgement;
        /// The sequel, for each unit of the trade that revealed.
        sequel_ratio_min: f64 = 5.0, 1.0..=100000.0, "×", Judgement;
        /// When its gain is measured.
        profit_after_s: u64 = 60, 1..=3600, "s", Judgement;
        /// What the mid must move by, in usual spreads.
        profit_spreads_min: f64 = 1.0, 0.0..=1000.0, "×", Judgement;
        /// Over how many days sequels count.
        window_days: u32 = 5, 1..=60, "d", Judgement;
        /// Sequels that hit.
        hits_min: u32 = 3, 1..=64, "", Judgement;
        /// The chance that as many hit anyway.
        chance_max: f64 = 0.01, 0.0..=1.0, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 5.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    /// Small trades, each for as long as it may still turn out to be a reveal.
    emptied: Last<Reveal, EMPTIED_MAX>,
    persons: Shelf<u32, Fisher, PERSONS_MAX>,
    due: Last<(Nanos, Person), DUE_MAX>,
    tally: Tally,
}

kept!(Memory { emptied, persons, due, tally });

/// One who learned of hidden quantity.
#[derive(Default)]
struct Fisher {
    reveals: Last<Reveal, REVEALS_MAX>,
    sequels: Last<Sequel, SEQUELS_MAX>,
    outcomes: Last<(Nanos, bool), OUTCOMES_MAX>,
    /// Another entry whose outcome is awaited.
    sample: Option<(Nanos, Side, f64)>,
    usual_hits: u32,
    usual_tries: u32,
}

/// A small trade that showed hidden quantity.
#[derive(Clone, Copy)]
struct Reveal {
    person: Person,
    /// Whose quantity it was, where that is known.
    owner: Option<Person>,
    seq: u64,
    order: OrderId,
    at: Nanos,
    /// The side of what was revealed.
    side: Side,
    price: Price,
    quantity: u64,
    /// Taken since then by the one who learned of it, by side of what was hit.
    taken: [u64; 2],
}

/// A large order, or trades, after a reveal.
#[derive(Clone, Copy)]
struct Sequel {
    reveal: Reveal,
    seq: u64,
    order: OrderId,
    at: Nanos,
    side: Side,
    price: Option<Price>,
    quantity: u64,
    mid: f64,
}

kept!(Fisher { reveals, sequels, outcomes, sample, usual_hits, usual_tries });
kept!(Reveal { person, owner, seq, order, at, side, price, quantity, taken });
kept!(Sequel { reveal, seq, order, at, side, price, quantity, mid });

/// Small trades that may turn out to be reveals; the first gives way.
const EMPTIED_MAX: usize = 32;
/// Persons who learned of hidden quantity; the one longest idle gives way.
const PERSONS_MAX: usize = 512;
/// Decisions that are due at a time.
const DUE_MAX: usize = 1_024;
/// Reveals of a person that may yet have a sequel, the latest.
const REVEALS_MAX: usize = 8;
/// Sequels of a person whose outcome is awaited.
const SEQUELS_MAX: usize = 16;
/// Outcomes of a person, the latest.
const OUTCOMES_MAX: usize = 64;
/// Moments at which the mid's usual ways are looked at, and for how many tries they stand.
const MOMENTS: u64 = 64;
const PRIOR_TRIES: f64 = 10.0;
/// How far back.
const USUAL_SPAN: Nanos = Nanos::from_secs(3_600);
/// How many times the limit reveals are remembered for, so that a near miss can be told.
const MEMORY_WINDOWS: f64 = 4.0;
const DAY_NS: u64 = 86_400_000_000_000;

impl Pattern for Phishing {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Enter, What::Amend, What::Fill, What::Print];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] =
        &["reveal_q50", "sequel_s", "sequel_ratio", "in_front", "profit_spreads", "hits", "chance"];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        match deed.what {
            What::Enter | What::Amend => {
                if !memory.emptied.is_empty() {
                    self.refill(memory, deed);
                }
                if deed.what == What::Enter && !memory.persons.is_empty() {
                    self.enter(memory, deed, scene, bench);
                }
            }
            What::Fill | What::Print => self.trade(memory, deed, scene, bench),
            _ => {}
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        while let Some((_, person)) = memory.due.front().copied().filter(|one| one.0 <= scene.now) {
            memory.due.pop_front();
            self.judge(memory, person, scene, bench);
        }
        if let Some((due, _)) = memory.due.front() {
            bench.wake_at(*due);
        }
    }
}

impl Phishing {
    /// Somebody comes and trades: what does that show, and does it use what was shown before?
    fn trade(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let (Some(who), Some(price), true) = (deed.aggressor, deed.price, deed.knows_side) else {
            return;
        };
        let person = who.person;
        if let Some(fisher) = memory.persons.get_mut(person.0) {
            for reveal in fisher.reveals.iter_mut() {
                reveal.taken[deed.side as usize] =
                    reveal.taken[deed.side as usize].saturating_add(deed.quantity);
            }
            let taken = |reveal: &Reveal| reveal.taken[deed.side as usize];
            let side = deed.side.opposite();
            self.follow(memory, person, (deed, side, taken), scene, bench);
        }
        let Some(sizes) = scene.market.order_sizes() else { return };
        let is_small = deed.quantity as f64 <= self.reveal_q50_max * sizes.q50 as f64;
        if !is_small && !bench.is_asked(person) {
            return;
        }
        let hides =
            deed.attributes.has(Attributes::ICEBERG) || deed.attributes.has(Attributes::HIDDEN);
        let best = scene.change.and_then(|change| change.before().of(deed.side));
        let is_inside = deed.what == What::Print
            && best.is_some_and(|best| match deed.side {
                Side::Buy => price > best.price,
                Side::Sell => price < best.price,
            });
        let reveal = Reveal {
            person,
            owner: deed.owner.map(|owner| owner.person),
            seq: deed.seq,
            order: deed.order,
            at: deed.at,
            side: deed.side,
            price,
            quantity: deed.quantity,
            taken: [0; 2],
        };
        if hides || is_inside {
            memory.persons.touch(person.0, Fisher::default).reveals.push(reveal);
        } else if deed.what == What::Fill {
            memory.emptied.push(reveal);
        }
    }

    /// Quantity stands at a price: was it taken there a moment ago?
    fn refill(&self, memory: &mut Memory, deed: &Deed) {
        let soon = (self.refill_ms_max * 1e6) as u64;
        memory.emptied.expire(|one| deed.at.since(one.at).0 > soon);
        let grows = deed.what == What::Enter
            || deed
                .was
                .is_some_and(|was| deed.price == Some(was.price) && deed.left > was.quantity);
        if !grows {
            return;
        }
        let owner = deed.owner.map(|owner| owner.person);
        let is_refilled = |one: &Reveal| {
            (one.side, Some(one.price), one.owner) == (deed.side, deed.price, owner)
                && Some(one.person) != owner
        };
        if let Some(place) = memory.emptied.iter().rposition(is_refilled) {
            let reveal = memory.emptied.remove(place).expect("its place was just found");
            memory.persons.touch(reveal.person.0, Fisher::default).reveals.push(reveal);
        }
    }

    /// One who learned of hidden quantity enters an order.
    fn enter(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(owner) = deed.owner else { return };
        let Some(fisher) = memory.persons.get_mut(owner.person.0) else { return };
        if fisher.reveals.is_empty() {
            self.sample(fisher, deed, scene.market);
            return;
        }
        let quantity = |_: &Reveal| deed.quantity;
        self.follow(memory, owner.person, (deed, deed.side, quantity), scene, bench);
    }

    /// Does a large enough order or trade on this side follow a reveal?
    fn follow(
        &self,
        memory: &mut Memory,
        person: Person,
        (deed, side, quantity): (&Deed, Side, impl Fn(&Reveal) -> u64),
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let Some(fisher) = memory.persons.get_mut(person.0) else { return };
        let is_asked = bench.is_asked(person);
        let windows = if is_asked { MEMORY_WINDOWS } else { 1.0 };
        let remembered = (windows * self.sequel_max_s * 1e9) as u64;
        fisher.reveals.expire(|reveal| deed.at.since(reveal.at).0 > remembered);
        let follows = |reveal: &Reveal| {
            let is_large =
                quantity(reveal) as f64 >= self.sequel_ratio_min * reveal.quantity as f64;
            let is_other = deed.seq != reveal.seq;
            is_other && (is_asked || is_large && is_in_front(reveal, side, deed.price))
        };
        let Some(place) = fisher.reveals.iter().rposition(follows) else { return };
        let Some(mid) = scene.change.and_then(|change| change.before().mid2()) else { return };
        let reveal = fisher.reveals.remove(place).expect("its place was just found");
        fisher.sequels.push(Sequel {
            reveal,
            seq: deed.seq,
            order: deed.order,
            at: deed.at,
            side,
            price: deed.price,
            quantity: quantity(&reveal),
            mid: mid as f64 / 2.0,
        });
        let due = deed.at + Nanos::from_secs(self.profit_after_s);
        memory.due.push((due, person));
        bench.wake_at(due);
    }

    /// An entry without a reveal: one at a time tells how often the person's entries hit.
    fn sample(&self, fisher: &mut Fisher, deed: &Deed, market: &Market) {
        let after = Nanos::from_secs(self.profit_after_s);
        if let Some((at, side, mid)) = fisher.sample {
            if deed.at.since(at) < after {
                return;
            }
            if let Some(later) = market.mid_at(at + after) {
                fisher.usual_tries += 1;
                fisher.usual_hits += u32::from(self.hits(market, side, later - mid));
            }
        }
        fisher.sample = market.mid().map(|mid| (deed.at, deed.side, mid));
    }

    fn hits(&self, market: &Market, side: Side, moved: f64) -> bool {
        gain(side, moved) >= self.profit_spreads_min * spread(market)
    }

    /// How often the mid of the last hour went this way so far.
    fn usual_rate(&self, market: &Market, side: Side, now: Nanos) -> f64 {
        let after = Nanos::from_secs(self.profit_after_s);
        let from = now.0.saturating_sub(USUAL_SPAN.0).max(market.begun_at().0);
        let span = now.0.saturating_sub(from + 2 * after.0);
        let (mut seen, mut hits) = (0.0, 0.0);
        for moment in 0..MOMENTS {
            let at = Nanos(from + span / MOMENTS * moment);
            let (Some(before), Some(later)) = (market.mid_at(at), market.mid_at(at + after)) else {
                continue;
            };
            seen += 1.0;
            hits += f64::from(u8::from(self.hits(market, side, later - before)));
        }
        (hits + 1.0) / (seen + 2.0)
    }

    /// The time has come to see what a sequel gained.
    fn judge(&self, memory: &mut Memory, person: Person, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(fisher) = memory.persons.get_mut(person.0) else { return };
        let after = Nanos::from_secs(self.profit_after_s);
        let is_due = |sequel: &Sequel| sequel.at + after <= scene.now;
        let Some(place) = fisher.sequels.iter().position(is_due) else { return };
        let sequel = fisher.sequels.remove(place).expect("its place was just found");
        let reveal = &sequel.reveal;
        let market = scene.market;
        let median = market.order_sizes().map_or(1, |sizes| sizes.q50.max(1)) as f64;
        let delay = sequel.at.since(reveal.at).0 as f64 / 1e9;
        let ratio = sequel.quantity as f64 / reveal.quantity.max(1) as f64;
        let moved = market.mid().map_or(0.0, |mid| mid - sequel.mid);
        let gained = gain(reveal.side, moved) / spread(market);

        let mut case = bench.suspect(scene, person, Severity::Medium);
        case.needs("reveal_q50", reveal.quantity as f64 / median, AtMost(self.reveal_q50_max));
        case.needs("sequel_s", delay, AtMost(self.sequel_max_s));
        case.needs("sequel_ratio", ratio, AtLeast(self.sequel_ratio_min));
        case.needs_that("in_front", is_in_front(reveal, sequel.side, sequel.price));
        let is_sequel = case.holds();
        let is_hit = case.needs("profit_spreads", gained, AtLeast(self.profit_spreads_min));
        let window = Nanos(u64::from(self.window_days) * DAY_NS);
        if is_sequel {
            fisher.outcomes.expire(|(at, _)| scene.now.since(*at) > window);
            fisher.outcomes.push((scene.now, is_hit));
        }
        let hits = fisher.outcomes.iter().filter(|(_, is_hit)| *is_hit).count() as u32;
        let tries = fisher.outcomes.len() as u32;
        let prior = self.usual_rate(market, reveal.side, sequel.at);
        let rate = (f64::from(fisher.usual_hits) + PRIOR_TRIES * prior)
            / (f64::from(fisher.usual_tries) + PRIOR_TRIES);
        let chance = binomial_tail(hits, tries, rate);
        case.needs("hits", f64::from(hits), AtLeast(f64::from(self.hits_min)));
        case.needs("chance", chance, AtMost(self.chance_max));

        case.weighs("sequel_ratio", ratio, 1.0, 50.0);
        case.weighs("speed", 1.0 - delay / self.sequel_max_s, 0.0, 1.0);
        case.weighs("profit_spreads", gained, 0.0, 4.0);
        case.weighs("hits", f64::from(hits), 0.0, 6.0);
        case.weighs("unlikeliness", -chance.max(1e-12).log10(), 1.0, 6.0);

        case.begins(reveal.seq, reveal.at);
        let revealed = (reveal.side, reveal.price, reveal.quantity);
        case.part(Part::Victim, (reveal.seq, reveal.order), revealed);
        let follows = (sequel.side, sequel.price, sequel.quantity);
        case.part(Part::Genuine, (sequel.seq, sequel.order), follows);
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, &mut memory.tally, repeats);
    }
}

/// Whether an order on this side, at this price, trades before what was revealed.
fn is_in_front(reveal: &Reveal, side: Side, price: Option<Price>) -> bool {
    let is_before = price.is_none_or(|price| match side {
        Side::Buy => price >= reveal.price,
        Side::Sell => price <= reveal.price,
    });
    side == reveal.side && is_before
}

/// What a move is worth to who stands on this side.
fn gain(side: Side, moved: f64) -> f64 {
    match side {
        Side::Buy => moved,
        Side::Sell => -moved,
    }
}

/// A usual spread; at least a tick.
fn spread(market: &Market) -> f64 {
    market.usual_spread().max(market.tick() as f64)
}
