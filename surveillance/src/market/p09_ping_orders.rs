//! P09, ping orders: small orders look for hidden quantity, and a large one takes what they found.
//!
//! **What.** A probe: an order no larger than a small one ([`probe_q10_max`](PingOrders::probe_q10_max))
//! that is immediate, or is taken away at once ([`life_max_ms`](PingOrders::life_max_ms)). A trade that
//! somebody comes for, of that size and without an order that was told, counts too. A probe finds something
//! if it trades with an iceberg, with a hidden order, or at a price that nobody showed. It is an episode if
//! - one person sends enough probes ([`probes_min`](PingOrders::probes_min)) on one side within
//!   [`window_s`](PingOrders::window_s), at [`prices_min`](PingOrders::prices_min) prices or more,
//! - enough of them find something ([`found_min`](PingOrders::found_min)),
//! - and soon after ([`follow_max_s`](PingOrders::follow_max_s)) the person enters, or takes, many times as
//!   much as all of them ([`follow_ratio_min`](PingOrders::follow_ratio_min)) on that side, at a price at
//!   which it trades with what was found.
//!
//! The catalogue asks for two prices or two venues, and for an alert about six probes at one price and one
//! venue. One price is enough here; `prices_min = 2` is the stricter reading.
//!
//! **Excused.** Probes that shrink from first to last and never grow: what a router leaves of one order.
//!
//! **When.** With the large order or trade.
//!
//! **Score.** How many probes, how much larger the order, how soon, how many probes found something, at how
//! many prices. The least score is low, because the conditions decide.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-6(d), "ping orders".
//!
//! **Known false positives.** A router that sends equal parts before it sends the rest; orders with a least
//! quantity, which no event marks. **Known misses.** Probes at several venues: each is an instrument of its
//! own here. Without a large order afterwards, probing is no episode.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
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
    pub struct PingOrders = "P09" {
        /// The largest probe, in orders that one in ten is no larger than.
        probe_q10_max: f64 = 1.0, 0.01..=1000.0, "×", Judgement;
        /// How long an order that is not immediate may stand.
        life_max_ms: f64 = 100.0, 0.0..=60000.0, "ms", Judgement;
        /// Over how long probes count.
        window_s: f64 = 10.0, 0.001..=3600.0, "s", Judgement;
        /// Probes on one side.
        probes_min: u32 = 5, 1..=32, "", Judgement;
        /// Prices of them.
        prices_min: u32 = 1, 1..=32, "", Judgement;
        /// Probes that find something hidden.
        found_min: u32 = 1, 1..=32, "", Judgement;
        /// How soon the large order follows the last probe.
        follow_max_s: f64 = 2.0, 0.001..=600.0, "s", Judgement;
        /// The large order, for each unit of all probes.
        follow_ratio_min: f64 = 10.0, 1.0..=1000000.0, "×", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 5.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    persons: Shelf<u32, Pinger, PERSONS_MAX>,
    tally: Tally,
}

kept!(Memory { persons, tally });

/// One who sends probes.
#[derive(Default)]
struct Pinger {
    probes: Last<Probe, PROBES_MAX>,
    /// Taken since the last probe, by side of the one who takes.
    taken: [u64; 2],
    /// What came last and traded: an order that meets several is told trade by trade.
    coming: Option<Coming>,
}

/// What came and traded at one moment.
#[derive(Clone, Copy)]
struct Coming {
    at: Nanos,
    side: Side,
    quantity: u64,
    /// The probe that it is taken for, while it is small; whether that is an order that was told; and what
    /// had been taken before.
    probe: Option<u64>,
    is_order: bool,
    taken: [u64; 2],
}

#[derive(Clone, Copy)]
struct Probe {
    order: OrderId,
    seq: u64,
    at: Nanos,
    side: Side,
    /// A market order has none until it trades.
    price: Option<Price>,
    quantity: u64,
    found: bool,
}

kept!(Pinger { probes, taken, coming });
kept!(Coming { at, side, quantity, probe, is_order, taken });
kept!(Probe { order, seq, at, side, price, quantity, found });

/// Persons whose probes are remembered; the one whose latest is oldest gives way.
const PERSONS_MAX: usize = 512;
/// Probes of each, the latest.
const PROBES_MAX: usize = 32;
/// How many times the limit probes are remembered for, so that a near miss can be told.
const MEMORY_WINDOWS: f64 = 4.0;

impl Pattern for PingOrders {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Enter, What::Cancel, What::Fill, What::Print];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] =
        &["probes", "found", "follow_s", "follow_ratio", "uses_found", "shrinking"];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        match deed.what {
            What::Enter => self.enter(memory, deed, scene, bench),
            What::Cancel => self.cancel(memory, deed, scene),
            _ => {
                if deed.attributes.has(Attributes::IOC) {
                    Self::find_by_order(memory, deed);
                }
                self.trade(memory, deed, scene, bench);
            }
        }
    }
}

impl Coming {
    fn of(deed: &Deed, side: Side, taken: [u64; 2]) -> Self {
        let Deed { at, quantity, seq, .. } = *deed;
        Self { at, side, quantity, probe: Some(seq), is_order: false, taken }
    }
}

impl Pinger {
    /// More comes than a probe is for: if its first part was taken for one, it was none. How much more than
    /// was known to be taken.
    fn comes(&mut self, deed: &Deed, side: Side, coming: Option<Coming>) -> u64 {
        let Some(coming) = coming else {
            self.coming = Some(Coming { probe: None, ..Coming::of(deed, side, self.taken) });
            return deed.quantity;
        };
        let quantity = coming.quantity.saturating_add(deed.quantity);
        self.coming = Some(Coming { quantity, probe: None, ..coming });
        match coming.probe {
            Some(seq) if !coming.is_order => {
                self.probes.retain(|probe| probe.seq != seq);
                self.taken = coming.taken;
                quantity
            }
            _ => deed.quantity,
        }
    }
}

impl PingOrders {
    fn is_small(&self, quantity: u64, scene: &Scene<'_>) -> bool {
        let small = scene.market.order_sizes().map(|sizes| sizes.q10.max(1));
        small.is_some_and(|small| quantity as f64 <= self.probe_q10_max * small as f64)
    }

    fn enter(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(owner) = deed.owner else { return };
        if deed.attributes.has(Attributes::IOC) && self.is_small(deed.quantity, scene) {
            let Deed { order, seq, at, side, price, quantity, .. } = *deed;
            let probe = Probe { order, seq, at, side, price, quantity, found: false };
            self.probe(memory, owner.person, probe);
            return;
        }
        if memory.persons.is_empty() {
            return;
        }
        self.follow(memory, owner.person, (deed, deed.side, deed.quantity), scene, bench);
    }

    /// An order goes: was it a probe?
    fn cancel(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>) {
        let (Some(owner), Some(was)) = (deed.owner, deed.was) else { return };
        let life = deed.at.since(was.entered_at).0 as f64 / 1e6;
        let is_told = deed.attributes.has(Attributes::IOC);
        if life > self.life_max_ms || is_told || !self.is_small(was.quantity, scene) {
            return;
        }
        let probe = Probe {
            order: deed.order,
            seq: was.entered_seq,
            at: was.entered_at,
            side: deed.side,
            price: Some(was.price),
            quantity: was.quantity,
            found: false,
        };
        self.probe(memory, owner.person, probe);
    }

    fn probe(&self, memory: &mut Memory, person: Person, probe: Probe) {
        let pinger = memory.persons.touch(person.0, Pinger::default);
        let remembered = Nanos((self.window_s * 1e9) as u64);
        let is_other = pinger.probes.back().is_some_and(|last| last.side != probe.side);
        pinger.probes.expire(|one| is_other || probe.at.since(one.at) > remembered);
        pinger.probes.push(probe);
        pinger.taken = [0; 2];
    }

    /// An immediate order is told to have traded itself: with what nobody showed, or it would not stand.
    fn find_by_order(memory: &mut Memory, deed: &Deed) {
        let Some(owner) = deed.owner else { return };
        let Some(pinger) = memory.persons.get_mut(owner.person.0) else { return };
        if let Some(probe) = pinger.probes.iter_mut().rfind(|probe| probe.order == deed.order) {
            probe.found = true;
            probe.price = deed.price.or(probe.price);
        }
    }

    /// Somebody comes and trades.
    fn trade(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let (Some(who), Some(price), true) = (deed.aggressor, deed.price, deed.knows_side) else {
            return;
        };
        let (person, side) = (who.person, deed.side.opposite());
        let known = memory.persons.get_mut(person.0);
        let coming = known.as_ref().and_then(|pinger| pinger.coming);
        let coming = coming.filter(|coming| (coming.at, coming.side) == (deed.at, side));
        let all = coming.map_or(0, |coming| coming.quantity).saturating_add(deed.quantity);
        if !self.is_small(all, scene) {
            if let Some(pinger) = known {
                let more = pinger.comes(deed, side, coming);
                pinger.taken[side as usize] = pinger.taken[side as usize].saturating_add(more);
                let taken = pinger.taken[side as usize];
                self.follow(memory, person, (deed, side, taken), scene, bench);
            }
            return;
        }
        let hides = Attributes::HIDDEN.and(Attributes::ICEBERG);
        let is_hidden = deed.attributes.0 & hides.0 != 0;
        let best = scene.change.and_then(|change| change.before().of(deed.side));
        let is_shown = best.is_some_and(|best| match deed.side {
            Side::Buy => price <= best.price,
            Side::Sell => price >= best.price,
        });
        let found = is_hidden || deed.what == What::Print && !is_shown;
        let known = memory.persons.get_mut(person.0);
        let taken = known.as_ref().map_or([0; 2], |pinger| pinger.taken);
        if let Some(pinger) = known {
            if let Some((coming, seq)) = coming.and_then(|coming| Some((coming, coming.probe?))) {
                pinger.coming = Some(Coming { quantity: all, ..coming });
                if let Some(probe) = pinger.probes.iter_mut().rfind(|probe| probe.seq == seq) {
                    probe.found |= found;
                    probe.quantity = if coming.is_order { probe.quantity } else { all };
                }
                return;
            }
            let life = Nanos((self.life_max_ms * 1e6) as u64);
            let is_told = |probe: &&mut Probe| {
                probe.side == side && !probe.found && deed.at.since(probe.at) <= life
            };
            if let Some(probe) = pinger.probes.iter_mut().rfind(is_told) {
                probe.found = found;
                probe.price = Some(price);
                let (probe, is_order) = (Some(probe.seq), true);
                pinger.coming = Some(Coming { probe, is_order, ..Coming::of(deed, side, taken) });
                return;
            }
        }
        let Deed { order, seq, at, quantity, .. } = *deed;
        let probe = Probe { order, seq, at, side, price: Some(price), quantity, found };
        self.probe(memory, person, probe);
        if let Some(pinger) = memory.persons.get_mut(person.0) {
            pinger.coming = Some(Coming::of(deed, side, taken));
        }
    }

    /// Somebody enters or takes more than a probe: does that follow some?
    fn follow(
        &self,
        memory: &mut Memory,
        person: Person,
        (deed, side, quantity): (&Deed, Side, u64),
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let Some(pinger) = memory.persons.get_mut(person.0) else { return };
        let is_asked = bench.is_asked(person);
        let windows = if is_asked { MEMORY_WINDOWS } else { 1.0 };
        let Some(last) = pinger.probes.back().copied() else { return };
        let delay = deed.at.since(last.at).0 as f64 / 1e9;
        if delay > windows * self.follow_max_s {
            return;
        }
        let count = pinger.probes.len();
        let total: u64 = pinger.probes.iter().map(|probe| probe.quantity).sum();
        let ratio = quantity as f64 / total.max(1) as f64;
        let is_enough = count >= self.probes_min as usize && ratio >= self.follow_ratio_min;
        if !is_enough && !is_asked {
            return;
        }
        let probes = &pinger.probes;
        let found = probes.iter().filter(|probe| probe.found).count();
        let uses = probes.iter().any(|probe| {
            let reaches = deed.price.zip(probe.price).is_none_or(|(price, there)| match side {
                Side::Buy => price >= there,
                Side::Sell => price <= there,
            });
            probe.side == side && reaches && (probe.found || found == 0)
        });
        let is_new = |place: usize| {
            let price = probes[place].price;
            !probes.iter().take(place).any(|earlier| earlier.price == price)
        };
        let prices = (0..count).filter(|place| is_new(*place)).count();
        let mut sizes = probes.iter().zip(probes.iter().skip(1));
        let never_grows = sizes.all(|(one, next)| next.quantity <= one.quantity);
        let first = probes.front().map_or(0, |first| first.quantity);

        let mut case = bench.suspect(scene, person, Severity::Low);
        case.needs("probes", count as f64, AtLeast(f64::from(self.probes_min)));
        case.needs("prices", prices as f64, AtLeast(f64::from(self.prices_min)));
        case.needs("found", found as f64, AtLeast(f64::from(self.found_min)));
        case.needs("follow_s", delay, AtMost(self.follow_max_s));
        case.needs("follow_ratio", ratio, AtLeast(self.follow_ratio_min));
        case.needs_that("uses_found", uses);
        case.unless_that("shrinking", never_grows && last.quantity < first);

        case.weighs("probes", count as f64, 0.0, 15.0);
        case.weighs("follow_ratio", ratio, 1.0, 100.0);
        case.weighs("speed", 1.0 - delay / self.follow_max_s, 0.0, 1.0);
        case.weighs("found_share", found as f64 / count as f64, 0.0, 0.5);
        case.weighs("prices", prices as f64, 1.0, 4.0);

        for probe in probes.iter().take(PROBES_MAX - 10) {
            case.begins(probe.seq, probe.at);
            let told = (probe.side, probe.price, probe.quantity);
            case.part(Part::Deceptive, (probe.seq, probe.order), told);
        }
        case.part(Part::Genuine, (deed.seq, deed.order), (side, deed.price, quantity));
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        if bench.settle(case, scene, &mut memory.tally, repeats) {
            memory.persons.take(person.0);
        }
    }
}
