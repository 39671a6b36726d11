//! P20, wash ring: several parties pass something round, and all end with what they had.
//!
//! **What.** Trades between persons are edges of a graph, from seller to buyer. Looked at are an hour, a
//! day and seven days. Makers leave first: persons with many counterparties
//! ([`maker_share_min`](WashRing::maker_share_min) of all), and those who are registered. What then is a
//! strongly connected component (everybody's goods can come back to them) is a candidate: over all edges,
//! and over those of 2, 3, 5, 8 and 13 trades, because a ring that also trades with others stands out by
//! its repetition. A candidate is a ring if
//! - it is small ([`nodes_max`](WashRing::nodes_max)),
//! - its trades, up to some latest ones that are left out, leave everybody flat
//!   ([`net_share_max`](WashRing::net_share_max) of a mean trade),
//! - each member sold and bought in it at least [`rounds_min`](WashRing::rounds_min) times,
//! - of what the members traded most is with one another
//!   ([`inside_share_min`](WashRing::inside_share_min); less is enough,
//!   [`inside_share_unlikely_min`](WashRing::inside_share_unlikely_min), where so many meetings are hardly
//!   chance: [`chance_max`](WashRing::chance_max), given how much each bought and sold),
//! - and nobody earns or loses: what a member sold for is about what they bought for
//!   ([`round_trip_ticks_max`](WashRing::round_trip_ticks_max), in the mean).
//!
//! **Excused.** Makers, as above. Members who are one person are not a ring but P19. An auction's trades
//! are not looked at: there nobody chooses whom they meet.
//!
//! **When.** A second after two have met often enough for a ring, if that is hardly chance or trades are
//! few; and every five minutes while trades come. What was told is taken out of the graph.
//!
//! **Score.** Rounds, share inside, how flat, how level the prices, how unlikely.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-3(a) in concert; 2017/565, Annex
//! III.B, 1, 2. Components and the margin of one hundredth, with the latest trades left out, after Victor
//! and Weintraud (who ask for a hundred repetitions on a public ledger); cycles after Cao and others.
//! The catalogue's shuffles are replaced by the distribution that they draw from, to leave nothing to
//! chance.
//!
//! **Known false positives.** Two or three algorithms that are nearly alone in a market and trade the same
//! lot forth and back at one price. Clearing accounts that nobody has registered as makers. **Known
//! misses.** Rings that let the price run; rings of more members than are looked for; rings whose rounds
//! are farther apart than the latest 4,096 trades, or than seven days; trades of unknown parties.

mod canary;
mod graph;
mod met;
#[cfg(test)]
mod tests;

use crate::desk::chance::{binomial_tail, poisson_tail};
use crate::desk::deed::What;
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::body::Attributes;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use graph::{Graph, reduce};
use met::Trades;
use rustc_hash::FxHashMap;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct WashRing = "P20" {
        /// Members of a ring.
        nodes_max: u32 = 10, 2..=100, "", Judgement;
        /// How often each member sells, and buys.
        rounds_min: u32 = 5, 2..=10000, "", Judgement;
        /// What a member may be left with, as a share of a mean trade.
        net_share_max: f64 = 0.01, 0.0..=10.0, "", Published;
        /// How much of the members' volume is with one another.
        inside_share_min: f64 = 0.6, 0.0..=1.0, "", Judgement;
        /// The same where so many meetings are hardly chance.
        inside_share_unlikely_min: f64 = 0.3, 0.0..=1.0, "", Judgement;
        /// What is hardly chance.
        chance_max: f64 = 0.001, 0.0..=1.0, "", Judgement;
        /// How far what members sell for is from what they buy for.
        round_trip_ticks_max: f64 = 2.0, 0.0..=1000.0, "ticks", Judgement;
        /// A maker has so many of all persons as counterparties, and more than a ring has members.
        maker_share_min: f64 = 0.2, 0.01..=1.0, "", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 25.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    /// The latest trades between persons.
    trades: Trades,
    /// Whether somebody traded since it was last looked at.
    is_due: bool,
    tally: Tally,
}

/// Somebody sold to somebody.
#[derive(Clone, Copy)]
struct Trade {
    at: Nanos,
    seq: u64,
    order: OrderId,
    side: Side,
    seller: Person,
    buyer: Person,
    price: Price,
    quantity: u64,
    /// Of who rested: a registered maker.
    by_maker: bool,
}

kept!(Memory { trades, is_due, tally });
kept!(Trade { at, seq, order, side, seller, buyer, price, quantity, by_maker });

/// Trades that are named, the latest.
const NAMED_MAX: usize = 24;
/// Executions between the same two within this time are one trade.
const SAME_TRADE: Nanos = Nanos::from_millis(1);
const EVERY: Nanos = Nanos::from_secs(300);
/// How soon after two have met once more, where that is hardly chance.
const SOON: Nanos = Nanos::from_secs(1);
/// Among so few trades it costs nothing to look without asking that.
const SMALL: usize = 256;
const WINDOWS: [Nanos; 3] =
    [Nanos::from_secs(3_600), Nanos::from_secs(86_400), Nanos::from_secs(7 * 86_400)];
/// Trades of an edge from which on it counts, one after the other.
const LEVELS: [u32; 6] = [1, 2, 3, 5, 8, 13];

impl Pattern for WashRing {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Fill, What::Print];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] =
        &["nodes", "rounds", "net_share", "inside_share", "round_trip_ticks"];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        let (Some((buyer, seller)), Some(price)) = (deed.parties(), deed.price) else { return };
        if buyer.person == seller.person || deed.is_cross || !scene.market.is_continuous() {
            return;
        }
        let same = memory.trades.last_mut().filter(|last| {
            (last.seller, last.buyer, last.price) == (seller.person, buyer.person, price)
                && deed.at.since(last.at) <= SAME_TRADE
        });
        if let Some(same) = same {
            same.quantity = same.quantity.saturating_add(deed.quantity);
            return;
        }
        memory.trades.push(Trade {
            at: deed.at,
            seq: deed.seq,
            order: deed.order,
            side: deed.side,
            seller: seller.person,
            buyer: buyer.person,
            price,
            quantity: deed.quantity,
            by_maker: deed.attributes.has(Attributes::MARKET_MAKER),
        });
        if !memory.is_due {
            memory.is_due = true;
            bench.wake_at(deed.at + EVERY);
        }
        let met = memory.trades.met(seller.person, buyer.person);
        if met.is_multiple_of(self.rounds_min) {
            let by_chance = memory.trades.by_chance(seller.person, buyer.person);
            let is_small = memory.trades.len() <= SMALL;
            if is_small || poisson_tail(met, by_chance) <= self.chance_max {
                bench.wake_at(deed.at + SOON);
            }
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        memory.is_due = false;
        let mut looked_at = 0;
        for window in WINDOWS {
            let since = Nanos(scene.now.0.saturating_sub(window.0));
            let trades = memory.trades.since(since);
            // A longer window without more trades shows nothing more.
            if trades.len() <= looked_at {
                continue;
            }
            looked_at = trades.len();
            self.look(memory, since, trades, scene, bench);
        }
    }
}

impl WashRing {
    /// Looks for rings among the trades of a window.
    fn look(
        &self,
        memory: &mut Memory,
        since: Nanos,
        mut trades: Vec<Trade>,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let mut places = FxHashMap::default();
        let mut persons: Vec<Person> = Vec::new();
        let mut place = |person: Person| {
            *places.entry(person).or_insert_with(|| {
                persons.push(person);
                persons.len() as u32 - 1
            })
        };
        let mut pairs = FxHashMap::default();
        let mut registered = Vec::new();
        for trade in &trades {
            let (seller, buyer) = (place(trade.seller), place(trade.buyer));
            *pairs.entry((seller, buyer)).or_default() += 1;
            if trade.by_maker {
                registered.push(if trade.side == Side::Buy { buyer } else { seller });
            }
        }
        let is_maker = self.makers(&pairs, &registered, persons.len());
        let pairs = pairs.into_iter().map(|((from, to), trades)| (from, to, trades));
        let between =
            |(from, to, _): &(u32, u32, u32)| !is_maker[*from as usize] && !is_maker[*to as usize];
        let mut pairs: Vec<_> = pairs.filter(between).collect();
        if !persons.iter().any(|person| bench.is_asked(*person)) {
            reduce(persons.len(), &mut pairs, self.rounds_min);
        }
        let graph = Graph::of(persons.len(), &pairs);
        let mut looked_at: Vec<Vec<u32>> = Vec::new();
        for level in LEVELS.into_iter().filter(|level| graph.reaches(*level)) {
            for ring in graph.rings(level) {
                if looked_at.contains(&ring) {
                    continue;
                }
                let members = ring.iter().map(|node| persons[*node as usize]);
                let mut members: Vec<_> = members.collect();
                members.sort_unstable();
                let is_asked = members.iter().any(|member| bench.is_asked(*member));
                // Most candidates are two who met a few times: their edges tell without their trades.
                let may_be =
                    ring.len() <= self.nodes_max as usize && graph.rounds(&ring) >= self.rounds_min;
                if may_be || is_asked {
                    if self.judge(memory, (&members, since), &trades, scene, bench) {
                        memory.trades.retain(|trade| !is_inside(trade, &members));
                        trades.retain(|trade| !is_inside(trade, &members));
                    }
                    looked_at.push(ring);
                }
            }
        }
    }

    /// Who has so many counterparties that they stand between everybody, or is registered for that.
    fn makers(
        &self,
        pairs: &FxHashMap<(u32, u32), u32>,
        registered: &[u32],
        persons: usize,
    ) -> Vec<bool> {
        let mut met = vec![0_u32; persons];
        for (from, to) in pairs.keys() {
            // Who sold to one another are one counterparty each.
            if from < to || !pairs.contains_key(&(*to, *from)) {
                met[*from as usize] += 1;
                met[*to as usize] += 1;
            }
        }
        let many = (self.maker_share_min * persons as f64).max(f64::from(self.nodes_max));
        let mut is_maker: Vec<bool> = met.into_iter().map(|met| f64::from(met) > many).collect();
        registered.iter().for_each(|place| is_maker[*place as usize] = true);
        is_maker
    }

    fn judge(
        &self,
        memory: &mut Memory,
        (members, since): (&[Person], Nanos),
        trades: &[Trade],
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) -> bool {
        let all: Vec<Trade> =
            trades.iter().filter(|trade| is_inside(trade, members)).copied().collect();
        let inside = self.flat_part(&all, members);
        let told = round(inside, members);
        let (met, sold, bought) =
            trades.iter().fold((0_u32, 0_u32, 0_u32), |(met, sold, bought), trade| {
                let (sells, buys) =
                    (members.contains(&trade.seller), members.contains(&trade.buyer));
                (met + u32::from(sells && buys), sold + u32::from(sells), bought + u32::from(buys))
            });
        let chance = binomial_tail(met, sold, f64::from(bought) / trades.len().max(1) as f64);
        let volume: u64 = inside.iter().map(|trade| trade.quantity).sum();
        let of_members: u64 = members
            .iter()
            .filter_map(|member| scene.ledger.of(*member))
            .map(|account| account.done().since(since).volume())
            .sum();
        let inside_share = 2.0 * volume as f64 / of_members.max(2 * volume).max(1) as f64;
        let is_unlikely = chance <= self.chance_max;
        let share_min =
            if is_unlikely { self.inside_share_unlikely_min } else { self.inside_share_min };
        let ticks = told.apart / scene.market.tick() as f64;

        let mut case = bench.suspect(scene, members[0], Severity::High);
        case.needs("nodes", members.len() as f64, AtMost(f64::from(self.nodes_max)));
        case.needs("rounds", told.rounds as f64, AtLeast(f64::from(self.rounds_min)));
        case.needs("net_share", told.net_share, AtMost(self.net_share_max));
        case.needs("inside_share", inside_share, AtLeast(share_min));
        case.needs("round_trip_ticks", ticks, AtMost(self.round_trip_ticks_max));
        if !case.holds() {
            bench.pass_over(&case);
            return false;
        }

        case.weighs("rounds", told.rounds as f64, 0.0, 2.0 * f64::from(self.rounds_min));
        case.weighs("inside_share", inside_share, 0.0, 1.0);
        case.weighs("net_share", told.net_share, self.net_share_max.max(0.001), 0.0);
        case.weighs("round_trip_ticks", ticks, self.round_trip_ticks_max.max(0.5), 0.0);
        case.weighs("unlikely", -chance.max(1e-12).log10(), 0.0, 6.0);
        for account in members.iter().filter_map(|member| scene.ledger.of(*member)) {
            account.accounts.iter().for_each(|account| case.with(*account));
        }
        if let Some(first) = inside.first() {
            case.begins(first.seq, first.at);
        }
        for trade in &inside[inside.len().saturating_sub(NAMED_MAX)..] {
            let told = (trade.side, trade.price, trade.quantity);
            case.part(Part::Deceptive, (trade.seq, trade.order), told);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        let is_ring = bench.settle(case, scene, &mut memory.tally, repeats);
        if is_ring {
            // As sure as chance leaves it, and by how much they trade with one another.
            let confidence = (1.0 - chance) * inside_share.min(1.0);
            for (nth, one) in members.iter().enumerate() {
                for other in &members[nth + 1..] {
                    bench.infer_link(*one, *other, confidence, scene.now);
                }
            }
        }
        is_ring
    }

    /// The longest beginning of a ring's trades that leaves everybody flat; all of them if none does.
    fn flat_part<'a>(&self, trades: &'a [Trade], members: &[Person]) -> &'a [Trade] {
        let mut nets = nets(trades, members);
        let mut quantity: u64 = trades.iter().map(|trade| trade.quantity).sum();
        for end in (1..=trades.len()).rev() {
            let mean = quantity as f64 / end as f64;
            let largest = nets.iter().map(|net| net.unsigned_abs()).max().unwrap_or(0);
            if largest as f64 <= self.net_share_max * mean {
                return &trades[..end];
            }
            let last = trades[end - 1];
            quantity -= last.quantity;
            let net_of = |person| members.iter().position(|member| *member == person);
            net_of(last.buyer).into_iter().for_each(|place| nets[place] -= last.quantity as i64);
            net_of(last.seller).into_iter().for_each(|place| nets[place] += last.quantity as i64);
        }
        trades
    }
}

fn is_inside(trade: &Trade, members: &[Person]) -> bool {
    members.contains(&trade.seller) && members.contains(&trade.buyer)
}

/// What each member bought less what they sold.
fn nets(trades: &[Trade], members: &[Person]) -> Vec<i64> {
    let of = |member: &Person| {
        trades.iter().fold(0, |net, trade| match (trade.buyer, trade.seller) {
            (buyer, _) if buyer == *member => net + trade.quantity as i64,
            (_, seller) if seller == *member => net - trade.quantity as i64,
            _ => net,
        })
    };
    members.iter().map(of).collect()
}

/// What a ring's trades come to.
struct Round {
    /// How often each member sold, and bought, at least.
    rounds: usize,
    /// The largest net of a member, as a share of a mean trade.
    net_share: f64,
    /// How far apart the mean prices are that members sold and bought for, in price units, in the mean.
    apart: f64,
}

fn round(trades: &[Trade], members: &[Person]) -> Round {
    let quantity: u64 = trades.iter().map(|trade| trade.quantity).sum();
    let mean = (quantity as f64 / trades.len().max(1) as f64).max(1.0);
    let largest = nets(trades, members).into_iter().map(i64::unsigned_abs).max().unwrap_or(0);
    let (mut rounds, mut apart) = (usize::MAX, 0.0);
    for member in members {
        let side = |of: fn(&Trade) -> Person| {
            let own = trades.iter().filter(move |trade| of(trade) == *member);
            own.fold((0_usize, 0.0, 0.0), |(count, value, quantity), trade| {
                let traded = trade.quantity as f64;
                (count + 1, value + trade.price.0 as f64 * traded, quantity + traded)
            })
        };
        let (sold, bought) = (side(|trade| trade.seller), side(|trade| trade.buyer));
        rounds = rounds.min(sold.0).min(bought.0);
        if sold.0 > 0 && bought.0 > 0 {
            apart += (sold.1 / sold.2.max(1.0) - bought.1 / bought.2.max(1.0)).abs();
        }
    }
    Round { rounds, net_share: largest as f64 / mean, apart: apart / members.len().max(1) as f64 }
}
