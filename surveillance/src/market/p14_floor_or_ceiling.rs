//! P14, a floor or a ceiling: somebody's orders stop the price from passing a level.
//!
//! **What.** A person's resting orders trade at a level, or at most
//! [`level_reach_ticks`](FloorOrCeiling::level_reach_ticks) from it, and come back. The price has stayed
//! close to it ([`distance_max_ticks`](FloorOrCeiling::distance_max_ticks)) for long
//! ([`stands_min_s`](FloorOrCeiling::stands_min_s)), while
//! - the orders were renewed after they had traded ([`refills_min`](FloorOrCeiling::refills_min)),
//! - they took most of what came to the level ([`absorbed_share_min`](FloorOrCeiling::absorbed_share_min)),
//! - those who came mostly pushed against it ([`imbalance_min`](FloorOrCeiling::imbalance_min)),
//! - and what was taken would have moved the price far
//!   ([`implied_sigmas_min`](FloorOrCeiling::implied_sigmas_min)): the move that a minute's net flow
//!   usually goes with, times what was taken, in usual moves of so long a time.
//!
//! **Excused.** Most of it was for clients, as the orders say
//! ([`client_share_max`](FloorOrCeiling::client_share_max)). The person traded the other way too, as makers
//! and hedgers do ([`other_side_max`](FloorOrCeiling::other_side_max)), or on the same side at other prices
//! as well: somebody who goes on to buy lower defends no level
//! ([`elsewhere_max`](FloorOrCeiling::elsewhere_max)).
//!
//! **When.** With the trade or the new order that completes it. Then the level begins anew.
//!
//! **Score.** How long, how often renewed, whose share, how one-sided, how far the price would have gone,
//! and how much of the day's volume it is. The ranges begin below the thresholds and the least score is
//! low: the conditions decide, the score ranks.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-1(b), 5(a), 6(b), 7(c); 2017/565,
//! Annex III.B, 25.
//!
//! **Known false positives.** A fund that buys all it can get at its limit, where its orders are not marked
//! as a client's; stabilisation and buy-backs that were announced. Why somebody would want the level (a
//! strike, a barrier, a covenant, an issue) is not in the data, so the severity is that of an unknown
//! motive. **Known misses.** Trades that hold a price by taking, rather than by resting; a floor that is
//! stronger than all who would try it, so that nothing trades there.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What, Who};
use crate::desk::kept::{Kept, kept};
use crate::desk::market::Market;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::body::Attributes;
use engine_observer::event::{Nanos, OrderId, Price, Reader, Side, SnapshotError, Writer};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct FloorOrCeiling = "P14" {
        /// How far from the level orders belong to it.
        level_reach_ticks: u32 = 2, 0..=1000, "ticks", Judgement;
        /// How far from it the price may go.
        distance_max_ticks: f64 = 5.0, 0.0..=100000.0, "ticks", Judgement;
        /// How long it stays there.
        stands_min_s: u64 = 900, 1..=86400, "s", Judgement;
        /// How often the orders are renewed after they traded.
        refills_min: u32 = 5, 1..=1000, "", Judgement;
        /// Their share of what trades against that side at the level.
        absorbed_share_min: f64 = 0.5, 0.01..=1.0, "", Judgement;
        /// What comes against the level less what goes with it, as a share of both.
        imbalance_min: f64 = 0.3, 0.0..=1.0, "", Judgement;
        /// How far the price would have gone.
        implied_sigmas_min: f64 = 3.0, 0.0..=1000.0, "σ", Judgement;
        /// The share of it that is for clients.
        client_share_max: f64 = 0.5, 0.0..=1.0, "", Judgement;
        /// What the person trades the other way, as a share of it.
        other_side_max: f64 = 0.5, 0.0..=100.0, "", Judgement;
        /// What the person's orders trade on the same side at other prices, as a share of it.
        elsewhere_max: f64 = 0.5, 0.0..=100.0, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 15.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    /// Whose, and where: by itself, since every order is held against all of them.
    levels: Vec<Level>,
    /// Beside each what happened there.
    stands: Vec<Stand>,
    tally: Tally,
}

impl Kept for Memory {
    fn keep(&self, to: &mut Writer) {
        self.levels.keep(to);
        self.stands.keep(to);
        self.tally.keep(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let at = from.position();
        let (levels, stands) = (Vec::<Level>::restore(from)?, Vec::restore(from)?);
        if levels.len() != stands.len() {
            return Err(SnapshotError::Damaged { at });
        }
        Ok(Self { levels, stands, tally: Kept::restore(from)? })
    }
}

#[derive(Clone, Copy, PartialEq)]
struct Level {
    person: Person,
    side: Side,
    price: Price,
}

kept!(Level { person, side, price });

/// A person's orders at a level.
struct Stand {
    begun_at: Nanos,
    last_at: Nanos,
    absorbed: u64,
    for_clients: u64,
    /// What others' orders took there.
    others: u64,
    refills: u32,
    /// It has traded since it was last renewed.
    has_traded: bool,
    shown: Vec<Shown>,
}

/// An order at the level, for the evidence.
struct Shown {
    seq: u64,
    order: OrderId,
    price: Price,
    quantity: u64,
}

kept!(Stand { begun_at, last_at, absorbed, for_clients, others, refills, has_traded, shown });
kept!(Shown { seq, order, price, quantity });

/// Levels that are followed at a time; the one that was renewed least gives way, of several the oldest.
const STANDS_MAX: usize = 64;
/// Orders of each that are named: the first ones.
const SHOWN_MAX: usize = 20;
/// Minutes before the level that tell how flow moves the price.
const MINUTES: u64 = 60;
/// Fewer tell nothing.
const MINUTES_MIN: f64 = 10.0;

impl Pattern for FloorOrCeiling {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Enter, What::Amend, What::Fill];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "stands",
        "distance",
        "refills",
        "absorbed_share",
        "imbalance",
        "implied_move",
        "for_clients",
        "other_side",
        "elsewhere",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        if !scene.market.is_continuous() {
            return;
        }
        let (Some(price), Some(owner)) = (deed.price, deed.owner) else { return };
        let reach = i64::from(self.level_reach_ticks) * scene.market.tick();
        let is_fill = deed.what == What::Fill;
        let mut own = None;
        for (nth, level) in memory.levels.iter().enumerate() {
            let is_own = level.person == owner.person;
            let is_there =
                level.side == deed.side && price.0.abs_diff(level.price.0) <= reach.unsigned_abs();
            if !is_there || !(is_own || is_fill) {
                continue;
            }
            let stand = &mut memory.stands[nth];
            if is_own {
                stand.take(deed, price);
                own = Some(nth);
            } else {
                stand.others = stand.others.saturating_add(deed.quantity);
            }
        }
        if let Some(nth) = own {
            let (level, stand) = (memory.levels[nth], &memory.stands[nth]);
            let may_matter = stand.refills >= self.refills_min
                && deed.at.since(stand.begun_at) >= Nanos::from_secs(self.stands_min_s)
                && stand.share() >= self.absorbed_share_min;
            if (may_matter || bench.is_asked(owner.person))
                && self.judge((level, stand), deed, &mut memory.tally, scene, bench)
            {
                memory.remove(nth);
            }
        } else if is_fill {
            self.begin(memory, owner, price, deed);
        }
    }
}

impl Memory {
    fn remove(&mut self, nth: usize) {
        self.levels.swap_remove(nth);
        self.stands.swap_remove(nth);
    }
}

impl FloorOrCeiling {
    fn begin(&self, memory: &mut Memory, owner: Who, price: Price, deed: &Deed) {
        if memory.stands.len() == STANDS_MAX {
            let span = Nanos::from_secs(self.stands_min_s);
            for nth in (0..STANDS_MAX).rev() {
                if deed.at.since(memory.stands[nth].last_at) > span {
                    memory.remove(nth);
                }
            }
        }
        if memory.stands.len() == STANDS_MAX {
            let least = memory.stands.iter().enumerate();
            let least = least.min_by_key(|(_, stand)| (stand.refills, stand.begun_at));
            least.map(|(nth, _)| nth).into_iter().for_each(|nth| memory.remove(nth));
        }
        let mut stand = Stand {
            begun_at: deed.at,
            last_at: deed.at,
            absorbed: 0,
            for_clients: 0,
            others: 0,
            refills: 0,
            has_traded: false,
            shown: Vec::new(),
        };
        stand.take(deed, price);
        memory.levels.push(Level { person: owner.person, side: deed.side, price });
        memory.stands.push(stand);
    }

    fn judge(
        &self,
        (level, stand): (Level, &Stand),
        deed: &Deed,
        tally: &mut Tally,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) -> bool {
        let market = scene.market;
        let Some(account) = scene.ledger.of(level.person) else { return false };
        let stands = deed.at.since(stand.begun_at).0 as f64 / 1e9;
        let from = deed.at.0.saturating_sub(self.stands_min_s * 1_000_000_000);
        let middle = level.price.0 as f64;
        let flow = market.flow().since(stand.begun_at);
        let (with, against) = match level.side {
            Side::Buy => (flow.bought as f64, flow.sold as f64),
            Side::Sell => (flow.sold as f64, flow.bought as f64),
        };
        let imbalance = (against - with) / (against + with).max(1.0);
        let absorbed = stand.absorbed.max(1) as f64;
        let done = account.done().since(stand.begun_at);
        let other_side = done.traded(level.side.opposite()) as f64 / absorbed;
        let given = done.given[level.side as usize];
        let elsewhere = given.saturating_sub(stand.absorbed) as f64 / absorbed;

        let mut case = bench.suspect(scene, level.person, Severity::Medium);
        case.needs("stands", stands, AtLeast(self.stands_min_s as f64));
        case.needs("refills", f64::from(stand.refills), AtLeast(f64::from(self.refills_min)));
        case.needs("absorbed_share", stand.share(), AtLeast(self.absorbed_share_min));
        case.needs("imbalance", imbalance, AtLeast(self.imbalance_min));
        let for_clients = stand.for_clients as f64 / absorbed;
        case.unless_excused("for_clients", for_clients, AtMost(self.client_share_max));
        case.unless_excused("other_side", other_side, AtMost(self.other_side_max));
        case.unless_excused("elsewhere", elsewhere, AtMost(self.elsewhere_max));
        if !case.holds() && !bench.is_asked(level.person) {
            return false;
        }
        // What follows walks over many minutes.
        let range = market.range_since(Nanos(from.max(stand.begun_at.0)));
        let away = range.map_or(0.0, |(low, high)| (high - middle).max(middle - low));
        let distance = away / market.tick() as f64;
        let implied = market.sigma(60.0) / usual_net_flow(market, stand.begun_at) * absorbed
            / market.sigma(self.stands_min_s as f64);
        case.needs("distance", distance, AtMost(self.distance_max_ticks));
        case.needs("implied_move", implied, AtLeast(self.implied_sigmas_min));

        let of_day = absorbed / market.flow().total().volume().max(1) as f64;
        let long = stands / self.stands_min_s as f64;
        case.weighs("stands", long, 0.5, 4.0);
        case.weighs("refills", f64::from(stand.refills), 2.0, 12.0);
        case.weighs("absorbed_share", stand.share(), 0.25, 1.0);
        case.weighs("imbalance", imbalance, 0.15, 1.0);
        case.weighs("implied_move", implied, 1.5, 12.0);
        case.weighs("share_of_volume", of_day, 0.0, 0.4);

        case.begins(stand.shown.first().map_or(deed.seq, |shown| shown.seq), stand.begun_at);
        for shown in &stand.shown {
            let at = (level.side, shown.price, shown.quantity);
            case.part(Part::Deceptive, (shown.seq, shown.order), at);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, tally, repeats)
    }
}

impl Stand {
    fn share(&self) -> f64 {
        self.absorbed as f64 / (self.absorbed + self.others).max(1) as f64
    }

    /// An order of the level's own trades, or another comes.
    fn take(&mut self, deed: &Deed, price: Price) {
        self.last_at = deed.at;
        if deed.what == What::Fill {
            self.absorbed = self.absorbed.saturating_add(deed.quantity);
            if deed.attributes.has(Attributes::CLIENT) {
                self.for_clients = self.for_clients.saturating_add(deed.quantity);
            }
            // An iceberg renews what it shows by itself.
            let renews = deed.attributes.has(Attributes::ICEBERG) && deed.left > 0;
            self.refills += u32::from(renews);
            self.has_traded = !renews;
            if self.shown.is_empty() {
                self.show(deed, price);
            }
        } else if self.has_traded && deed.left > 0 {
            (self.has_traded, self.refills) = (false, self.refills + 1);
            self.show(deed, price);
        }
    }

    fn show(&mut self, deed: &Deed, price: Price) {
        if self.shown.len() < SHOWN_MAX {
            let seq = deed.was.map_or(deed.seq, |was| was.entered_seq);
            let quantity = deed.quantity;
            self.shown.push(Shown { seq, order: deed.successor, price, quantity });
        }
    }
}

/// What is bought less what is sold by those who come, in a usual minute before a moment: a standard
/// deviation, and at least 1. Without bound while too few minutes were seen, so that nothing follows from it.
fn usual_net_flow(market: &Market, before: Nanos) -> f64 {
    let minute = 60_000_000_000;
    let nets = (0..MINUTES).filter_map(|nth| {
        let to = before.0.checked_sub(nth * minute)?;
        let from = Nanos(to.checked_sub(minute)?);
        (from >= market.begun_at()).then(|| {
            let flow = market.flow().between(from, Nanos(to));
            flow.bought.abs_diff(flow.sold) as f64
        })
    });
    let (count, sum) = nets.fold((0.0, 0.0), |(count, sum), net| (count + 1.0, sum + net));
    let mean: f64 = if count > 0.0 { sum / count } else { 0.0 };
    if count < MINUTES_MIN { f64::INFINITY } else { (mean * MEAN_TO_DEVIATION).max(1.0) }
}

/// Of the mean of absolute values of a normal variable, its standard deviation.
const MEAN_TO_DEVIATION: f64 = 1.253_314;
