//! P17, the price of an auction: a large order moves the indicative price, and is taken away just before
//! the auction ends.
//!
//! **What.** In a call auction, or in the time before the open in which orders gather, somebody takes an
//! order away, shrinks it, or moves it to a worse price
//! - within [`before_end_s`](AuctionPrice::before_end_s) of the end,
//! - that had been there for [`age_min_s`](AuctionPrice::age_min_s),
//! - and is large ([`size_share_min`](AuctionPrice::size_share_min) of what would trade),
//! - so that the price at which the auction would clear, computed from the book with the order and without
//!   it, differs ([`impact_min_ticks`](AuctionPrice::impact_min_ticks) and
//!   [`impact_min_pct`](AuctionPrice::impact_min_pct)).
//!
//! **Excused.** As much is entered again at the same price or a better one at once
//! ([`replaced_share_max`](AuctionPrice::replaced_share_max) within
//! [`replaced_ms`](AuctionPrice::replaced_ms)). The indicative price had moved against the order before
//! ([`against_max_pct`](AuctionPrice::against_max_pct) in [`against_s`](AuctionPrice::against_s)). What was
//! left of the order trades after all ([`executed_share_max`](AuctionPrice::executed_share_max) of what was
//! taken away).
//!
//! **When.** [`settle_s`](AuctionPrice::settle_s) after the end, so that the trades of the uncross are
//! known.
//!
//! **Score.** Size, both measures of the impact, how late the order went, and how much the person traded on
//! the other side after it. The ranges begin below the thresholds and the least score is low: the
//! conditions decide, the score ranks.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-5(d)(i), which speaks of orders
//! cancelled a few seconds before; 2017/565, Annex III.B, 14; RTS 24, fields 49 to 51.
//!
//! **Known false positives.** Orders that move to another venue's auction. **Known misses.** Orders without
//! a limit, and hidden ones, are not in the levels that the price is computed from; an order that a few
//! seconds' auction of random length never gave a minute to stand; the order's impact is measured when it
//! goes, not all the while before.

mod canary;
mod clearing;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use clearing::{Clearing, Other};
use engine_observer::Severity;
use engine_observer::book::BookView;
use engine_observer::event::body::Phase;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct AuctionPrice = "P17" {
        /// How long before the end the order goes.
        before_end_s: u64 = 30, 1..=3600, "s", Judgement;
        /// How long it had been there.
        age_min_s: u64 = 60, 0..=86400, "s", Judgement;
        /// How much of it goes, as a share of what would trade.
        size_share_min: f64 = 0.1, 0.001..=10.0, "", Judgement;
        /// The difference that it makes to the indicative price.
        impact_min_ticks: f64 = 3.0, 0.0..=100000.0, "ticks", Judgement;
        /// The same in hundredths of that price.
        impact_min_pct: f64 = 0.5, 0.0..=100.0, "%", Judgement;
        /// Within which time as good an order takes its place.
        replaced_ms: u64 = 1000, 0..=60000, "ms", Judgement;
        /// How much of it is replaced.
        replaced_share_max: f64 = 0.5, 0.0..=1.0, "", Judgement;
        /// Since when the indicative price may have moved against it.
        against_s: u64 = 60, 1..=600, "s", Judgement;
        /// How far it may have.
        against_max_pct: f64 = 1.0, 0.0..=100.0, "%", Judgement;
        /// What the person trades on the same side after all, as a share of what went.
        executed_share_max: f64 = 0.5, 0.0..=100.0, "", Judgement;
        /// How long after the end to wait for its trades.
        settle_s: u64 = 5, 0..=600, "s", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 15.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    was: Phase,
    /// Orders that went, until the auction is over.
    gone: VecDeque<Gone>,
    ended_at: Option<Nanos>,
    /// By second: the indicative price.
    indicated: VecDeque<(u64, Price)>,
    /// What would trade, as of the latest of them.
    volume: u64,
    tally: Tally,
}

kept!(Memory { was, gone, ended_at, indicated, volume, tally });

/// A large order that went, whole or in part.
struct Gone {
    person: Person,
    at: Nanos,
    seq: u64,
    order: OrderId,
    side: Side,
    price: Price,
    quantity: u64,
    age_s: f64,
    entered_seq: u64,
    entered_at: Nanos,
    size_share: f64,
    impact_ticks: f64,
    impact_pct: f64,
    against_pct: f64,
    replaced: u64,
    /// By side, what the person had traded when it went.
    traded: [u64; 2],
}

kept!(Gone {
    person,
    at,
    seq,
    order,
    side,
    price,
    quantity,
    age_s,
    entered_seq,
    entered_at,
    size_share,
    impact_ticks,
    impact_pct,
    against_pct,
    replaced,
    traded,
});

/// Orders that went and are remembered; the oldest gives way.
const GONE_MAX: usize = 64;
/// Seconds whose indicative price is remembered: as many as [`AuctionPrice::against_s`] may ask for.
const INDICATED_MAX: usize = 600;

fn gathers(phase: Phase) -> bool {
    matches!(phase, Phase::Auction | Phase::PreOpen)
}

impl Pattern for AuctionPrice {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Enter, What::Amend, What::Cancel, What::Phase];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "before_end",
        "age",
        "size_share",
        "impact_ticks",
        "impact_pct",
        "replaced",
        "moved_against",
        "executed",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let phase = scene.market.phase;
        let Some(deed) = scene.deed else {
            let was = std::mem::replace(&mut memory.was, phase);
            if gathers(was) && !gathers(phase) {
                memory.indicated.clear();
                memory.ended_at = Some(scene.now);
                if !memory.gone.is_empty() {
                    bench.wake_at(scene.now + Nanos::from_secs(self.settle_s));
                }
            }
            return;
        };
        let Some(book) = scene.book.filter(|_| gathers(phase)) else { return };
        let near = scene.market.last_trade.or(scene.market.mid().map(|mid| Price(mid as i64)));
        let near = near.unwrap_or(Price(0));
        self.sample(memory, &book, near, deed.at);
        match deed.what {
            What::Enter => self.note_replacement(memory, deed),
            _ => self.take_away(memory, deed, (&book, near), scene, bench),
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let settle = Nanos::from_secs(self.settle_s);
        let Some(ended_at) = memory.ended_at.filter(|at| *at + settle <= scene.now) else { return };
        let before_end = Nanos::from_secs(self.before_end_s);
        let Memory { gone, tally, .. } = memory;
        for gone in gone.drain(..) {
            let is_late = ended_at.since(gone.at) <= before_end;
            if gone.at <= ended_at && (is_late || bench.is_asked(gone.person)) {
                self.judge(&gone, ended_at, tally, scene, bench);
            }
        }
    }
}

impl AuctionPrice {
    /// Where the auction would clear, once in a second.
    fn sample(&self, memory: &mut Memory, book: &BookView<'_>, near: Price, at: Nanos) {
        let second = at.0 / 1_000_000_000;
        if memory.indicated.back().is_some_and(|(last, _)| *last >= second) {
            return;
        }
        let Some(Clearing { price, volume }) = clearing::of_book(book, &[], near) else { return };
        if memory.indicated.len() == INDICATED_MAX {
            memory.indicated.pop_front();
        }
        memory.indicated.push_back((second, price));
        memory.volume = volume;
    }

    /// An order enters soon after another of the same person went.
    fn note_replacement(&self, memory: &mut Memory, deed: &Deed) {
        let (Some(owner), Some(price)) = (deed.owner, deed.price) else { return };
        let within = Nanos::from_millis(self.replaced_ms);
        let recent = memory.gone.iter_mut().rev();
        for gone in recent.take_while(|gone| deed.at.since(gone.at) <= within) {
            let is_as_good =
                if gone.side == Side::Buy { price >= gone.price } else { price <= gone.price };
            if gone.person == owner.person && gone.side == deed.side && is_as_good {
                gone.replaced = gone.replaced.saturating_add(deed.quantity);
                return;
            }
        }
    }

    /// An order goes, shrinks or moves: what would the auction do with it, and what without?
    fn take_away(
        &self,
        memory: &mut Memory,
        deed: &Deed,
        (book, near): (&BookView<'_>, Price),
        scene: &Scene<'_>,
        bench: &Bench<'_>,
    ) {
        let (Some(owner), Some(was)) = (deed.owner, deed.was) else { return };
        let person = owner.person;
        let now = deed.price.filter(|_| deed.what == What::Amend && deed.left > 0);
        let is_worse = now.is_some_and(|now| match deed.side {
            Side::Buy => now < was.price,
            Side::Sell => now > was.price,
        });
        let left = if is_worse || now.is_none() { 0 } else { deed.left };
        let quantity = was.quantity.saturating_sub(left);
        let age = deed.at.since(was.entered_at);
        let may_matter = age >= Nanos::from_secs(self.age_min_s)
            && quantity as f64 >= self.size_share_min * memory.volume as f64;
        if quantity == 0 || !may_matter && !bench.is_asked(person) {
            return;
        }
        let other = |price, quantity| Other { side: deed.side, price, quantity };
        let signed = |quantity: u64| i64::try_from(quantity).unwrap_or(i64::MAX);
        let (before, after) = match now {
            Some(now) => (other(was.price, signed(was.quantity)), other(now, -signed(deed.left))),
            None => (other(was.price, signed(was.quantity)), other(was.price, 0)),
        };
        let Some(with) = clearing::of_book(book, &[before, after], near) else { return };
        let without = clearing::of_book(book, &[], near).map_or(near, |without| without.price);
        if without.0 == 0 {
            return;
        }
        let sign = if deed.side == Side::Buy { 1.0 } else { -1.0 };
        let impact = sign * (with.price.0 - without.0) as f64;
        let since = (deed.at.0 / 1_000_000_000).saturating_sub(self.against_s);
        // The one that stood when that time began, too.
        let first = memory.indicated.partition_point(|(second, _)| *second < since);
        let earlier = memory.indicated.range(first.saturating_sub(1)..);
        let against = earlier.map(|(_, then)| sign * (then.0 - with.price.0) as f64);
        let against = against.fold(0.0, f64::max);
        let per_cent = 100.0 / (without.0 as f64).abs();
        let done = scene.ledger.of(person).map(|account| *account.done().total());
        let traded = [Side::Buy, Side::Sell].map(|side| done.map_or(0, |done| done.traded(side)));
        let gone = Gone {
            person,
            at: deed.at,
            seq: deed.seq,
            order: deed.order,
            side: deed.side,
            price: was.price,
            quantity,
            age_s: age.0 as f64 / 1e9,
            entered_seq: was.entered_seq,
            entered_at: was.entered_at,
            size_share: quantity as f64 / with.volume.max(1) as f64,
            impact_ticks: impact / scene.market.tick() as f64,
            impact_pct: impact * per_cent,
            against_pct: against * per_cent,
            replaced: 0,
            traded,
        };
        let matters = gone.size_share >= self.size_share_min
            && gone.impact_ticks >= self.impact_min_ticks
            && gone.impact_pct >= self.impact_min_pct;
        if matters || bench.is_asked(person) {
            if memory.gone.len() == GONE_MAX {
                memory.gone.pop_front();
            }
            memory.gone.push_back(gone);
        }
    }

    fn judge(
        &self,
        gone: &Gone,
        ended_at: Nanos,
        tally: &mut Tally,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let before_end = ended_at.since(gone.at).0 as f64 / 1e9;
        let quantity = gone.quantity.max(1) as f64;
        let done = scene.ledger.of(gone.person).map(|account| *account.done().total());
        let traded = |side: Side| {
            let now = done.map_or(0, |done| done.traded(side));
            now.saturating_sub(gone.traded[side as usize]) as f64 / quantity
        };
        let mut case = bench.suspect(scene, gone.person, Severity::High);
        case.needs("before_end", before_end, AtMost(self.before_end_s as f64));
        case.needs("age", gone.age_s, AtLeast(self.age_min_s as f64));
        case.needs("size_share", gone.size_share, AtLeast(self.size_share_min));
        case.needs("impact_ticks", gone.impact_ticks, AtLeast(self.impact_min_ticks));
        case.needs("impact_pct", gone.impact_pct, AtLeast(self.impact_min_pct));
        let replaced = gone.replaced as f64 / quantity;
        case.unless_excused("replaced", replaced, AtMost(self.replaced_share_max));
        case.unless_excused("moved_against", gone.against_pct, AtMost(self.against_max_pct));
        let executed = traded(gone.side);
        case.unless_excused("executed", executed, AtMost(self.executed_share_max));

        let lateness = 1.0 - before_end / self.before_end_s as f64;
        case.weighs("size_share", gone.size_share, 0.05, 0.3);
        case.weighs("impact_ticks", gone.impact_ticks, 1.0, 10.0);
        case.weighs("impact_pct", gone.impact_pct, 0.25, 2.0);
        case.weighs("lateness", lateness, 0.0, 1.0);
        case.weighs("other_side", traded(gone.side.opposite()), 0.0, 0.5);

        case.begins(gone.entered_seq, gone.entered_at);
        let shown = (gone.side, gone.price, gone.quantity);
        case.part(Part::Deceptive, (gone.entered_seq, gone.order), shown);
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, tally, repeats);
    }
}
