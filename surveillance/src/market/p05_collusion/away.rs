//! The away shape: somebody narrows a wide spread, another trades at the new price, and the spread is wide
//! again.
//!
//! An order improves the best price of its side and narrows a spread that is many times the usual one
//! ([`wide_ratio_min`](super::Collusion::wide_ratio_min)) by a good part
//! ([`narrowed_share_min`](super::Collusion::narrowed_share_min)). Soon after
//! ([`price_age_max_s`](super::Collusion::price_age_max_s)) a trade happens at that price, without the order
//! and its owner, and soon after that the spread is nine tenths as wide as it was again
//! ([`widening_max_s`](super::Collusion::widening_max_s)). The suspect is who sold at a bid that was
//! raised, or bought at an offer that was lowered; an alert takes
//! [`lures_min`](super::Collusion::lures_min) such episodes a day.
//!
//! The usual spread is the mean of the last twenty minutes, not a median.

use super::Collusion;
use crate::desk::deed::{Deed, What, Who};
use crate::desk::kept::kept;
use crate::desk::pattern::{Bench, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::shelf::Last;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, OrderId, ParticipantId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    narrowed: Last<Narrowed, NARROWED_MAX>,
    lured: Last<Lured, LURED_MAX>,
    tally: Tally,
}

kept!(Memory { narrowed, lured, tally });

/// Somebody improved the best price.
#[derive(Clone, Copy)]
struct Narrowed {
    by: Person,
    account: ParticipantId,
    seq: u64,
    at: Nanos,
    order: OrderId,
    side: Side,
    price: Price,
    quantity: u64,
    /// The spread before, in price units, and in usual spreads.
    spread: i64,
    wide_ratio: f64,
    narrowed_share: f64,
}

/// Somebody traded at that price.
#[derive(Clone, Copy)]
struct Lured {
    person: Person,
    at: Nanos,
    seq: u64,
    order: OrderId,
    quantity: u64,
    by: Narrowed,
}

kept!(Narrowed {
    by,
    account,
    seq,
    at,
    order,
    side,
    price,
    quantity,
    spread,
    wide_ratio,
    narrowed_share,
});
kept!(Lured { person, at, seq, order, quantity, by });

/// Improvements that are remembered at a time; the first gives way.
const NARROWED_MAX: usize = 16;
/// Trades after which a wide spread is awaited; the first gives way.
const LURED_MAX: usize = 64;
/// How many times the limits things are remembered for, so that a near miss can be told.
const MEMORY_WINDOWS: f64 = 4.0;
/// How much of the spread must be back.
const WIDENED: f64 = 0.9;

impl Collusion {
    pub(super) fn see_away(
        &self,
        memory: &mut Memory,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let Some(change) = scene.change else { return };
        if change.touch_price_changed {
            self.widen(memory, scene, bench);
            if matches!(deed.what, What::Enter | What::Amend) {
                self.narrow(memory, deed, scene);
            }
        }
        if deed.is_trade() && !memory.narrowed.is_empty() {
            self.lure(memory, deed);
        }
    }

    fn narrow(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>) {
        let (Some(owner), Some(price), Some(change)) = (deed.owner, deed.price, scene.change)
        else {
            return;
        };
        let (Some(before), Some(after)) = (change.before().spread(), scene.market.spread) else {
            return;
        };
        if after >= before || scene.market.best_of(deed.side) != Some(price) {
            return;
        }
        memory.narrowed.push(Narrowed {
            by: owner.person,
            account: owner.account,
            seq: deed.seq,
            at: deed.at,
            order: deed.successor,
            side: deed.side,
            price,
            quantity: deed.left,
            spread: before,
            wide_ratio: before as f64 / scene.market.usual_spread().max(scene.market.tick() as f64),
            narrowed_share: 1.0 - after as f64 / before as f64,
        });
    }

    /// A trade: at a price that somebody has just made?
    fn lure(&self, memory: &mut Memory, deed: &Deed) {
        let remembered = Nanos((MEMORY_WINDOWS * self.price_age_max_s * 1e9) as u64);
        memory.narrowed.expire(|one| deed.at.since(one.at) > remembered);
        let Some(price) = deed.price.filter(|_| deed.knows_side) else { return };
        let Some(by) = memory.narrowed.iter().rev().find(|one| one.price == price).copied() else {
            return;
        };
        let gains = |rests: bool| if rests { deed.owner } else { deed.aggressor };
        let rests = deed.side != by.side;
        let is_by = |who: Option<Who>| who.is_some_and(|who| who.person == by.by);
        let Some(who) = gains(rests) else { return };
        if is_by(deed.owner) || is_by(deed.aggressor) {
            return;
        }
        memory.lured.push(Lured {
            person: who.person,
            at: deed.at,
            seq: deed.seq,
            order: deed.order,
            quantity: deed.quantity,
            by,
        });
    }

    /// The touch has changed: is the spread as wide as before somebody narrowed it?
    fn widen(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let remembered = Nanos((MEMORY_WINDOWS * self.widening_max_s * 1e9) as u64);
        memory.lured.expire(|one| scene.now.since(one.at) > remembered);
        let Some(spread) = scene.market.spread else { return };
        let is_wide = |one: &Lured| spread as f64 >= WIDENED * one.by.spread as f64;
        while let Some(place) = memory.lured.iter().position(is_wide) {
            let lured = memory.lured.remove(place).expect("its place was just found");
            let is_again =
                |other: &Lured| (other.person, other.by.seq) == (lured.person, lured.by.seq);
            memory.lured.retain(|other| !is_again(other));
            self.judge_away(memory, &lured, scene, bench);
        }
    }

    fn judge_away(
        &self,
        memory: &mut Memory,
        lured: &Lured,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let by = &lured.by;
        let seconds = |nanos: Nanos| nanos.0 as f64 / 1e9;
        let (age, widening) = (lured.at.since(by.at), scene.now.since(lured.at));
        let mut case = bench.suspect(scene, lured.person, Severity::High);
        case.needs("price_age_s", seconds(age), AtMost(self.price_age_max_s));
        case.needs("wide_ratio", by.wide_ratio, AtLeast(self.wide_ratio_min));
        case.needs("narrowed_share", by.narrowed_share, AtLeast(self.narrowed_share_min));
        case.needs("widening_s", seconds(widening), AtMost(self.widening_max_s));
        case.weighs("wide_ratio", by.wide_ratio, 1.0, 6.0);
        case.weighs("narrowed_share", by.narrowed_share, 0.0, 1.0);
        case.weighs("price_age", 1.0 - seconds(age) / self.price_age_max_s, 0.0, 1.0);
        case.weighs("widening", 1.0 - seconds(widening) / self.widening_max_s, 0.0, 1.0);
        case.with(by.account);
        case.begins(by.seq, by.at);
        case.part(Part::Deceptive, (by.seq, by.order), (by.side, by.price, by.quantity));
        let trade = (by.side.opposite(), by.price, lured.quantity);
        case.part(Part::Genuine, (lured.seq, lured.order), trade);
        let repeats = Repeats { least: self.lures_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, &mut memory.tally, repeats);
    }
}
