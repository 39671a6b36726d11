//! P03, flip: a large order at the touch vanishes, and within milliseconds the same person trades against
//! those who joined it.
//!
//! **What.** An order enters next to the touch (up to [`distance_ticks_max`](Flip::distance_ticks_max)) and
//! is as large as all that others show there ([`level_ratio_min`](Flip::level_ratio_min); where nobody
//! else stands at its price, the next price counts). It is an episode if
//! - it is taken away young ([`life_max_s`](Flip::life_max_s)) and hardly traded
//!   ([`executed_share_max`](Flip::executed_share_max)),
//! - shortly before or after ([`flip_ms_max`](Flip::flip_ms_max)) the person trades in the other
//!   direction, as the one who comes, at its price or next to it
//!   ([`flip_distance_ticks_max`](Flip::flip_distance_ticks_max)),
//! - enough of it ([`flip_share_min`](Flip::flip_share_min)),
//! - and more often than by chance ([`chance_max`](Flip::chance_max)): where many trade at the moments at
//!   which orders go, one who trades much is among them now and then.
//!
//! A change of price or quantity is an entry: the person decided anew.
//!
//! **Excused.** The market turned against the order between its entry and the flip
//! ([`turned_sigmas_max`](Flip::turned_sigmas_max)): who reverses then may have had a reason.
//!
//! **When.** With the trade or the cancellation that completes it. An alert from the third episode of the
//! day on, or at once where the order is among the largest of the instrument
//! ([`at_once_q99`](Flip::at_once_q99)). Never at once where self-trade prevention took the order of one
//! account from the way of another's: two desks that meet by accident meet once.
//!
//! **Score.** How large the order was beside the level, how much of it was traded the other way, how soon,
//! how short it lived, and whether self-trade prevention did the cancelling. The least score is low,
//! because the conditions decide: half of the catalogue's quantities would not reach 60.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-5(e); CEA 4c(a)(5)(C); CFTC v.
//! Oystacher for the ratio and the use of order matching settings.
//!
//! **Known false positives.** A trader who really changes their mind within a minute, three times a day. The
//! feed does not say why an order was cancelled: self-trade prevention is taken for the reason where the
//! order has it and the trade is within [`prevention_ms_max`](Flip::prevention_ms_max). **Known misses.**
//! Feeds that do not tell who came; a flip into hidden orders that print without a side.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::coincidence::Coincidence;
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
use engine_observer::event::{Nanos, OrderId, ParticipantId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct Flip = "P03" {
        /// How far from the best price the order may enter; better prices are no distance.
        distance_ticks_max: f64 = 1.0, 0.0..=100.0, "ticks", Published;
        /// The order, for each unit that others show at its level when it enters.
        level_ratio_min: f64 = 1.0, 0.1..=100.0, "×", Case;
        /// How much of the order may have traded.
        executed_share_max: f64 = 0.1, 0.0..=1.0, "", Judgement;
        /// How old the order may become.
        life_max_s: f64 = 60.0, 0.1..=86400.0, "s", Judgement;
        /// How far the cancellation and the trade may be apart.
        flip_ms_max: f64 = 500.0, 0.1..=60000.0, "ms", Judgement;
        /// The same where self-trade prevention cancels the order.
        prevention_ms_max: f64 = 5.0, 0.0..=60000.0, "ms", Case;
        /// How far from the order's price the nearest trade may be.
        flip_distance_ticks_max: f64 = 1.0, 0.0..=100.0, "ticks", Judgement;
        /// Traded the other way, as a share of the order.
        flip_share_min: f64 = 0.2, 0.01..=100.0, "", Judgement;
        /// How far the market may have moved against the order, in usual moves of its life.
        turned_sigmas_max: f64 = 4.0, 0.5..=100.0, "σ", Judgement;
        /// How likely so many flips are by chance: if those who traded around the moments at which the
        /// person's orders went on that day were drawn from all who came and traded.
        chance_max: f64 = 0.01, 0.0..=1.0, "", Judgement;
        /// So many times the 99th hundredth of order sizes is enough for an alert at once.
        at_once_q99: f64 = 1.0, 0.1..=1000.0, "×", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 3, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 5.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    shown: Shelf<OrderId, Shown, SHOWN_MAX>,
    gone: Last<Gone, GONE_MAX>,
    taken: Last<Taken, TAKEN_MAX>,
    /// Flips, and what they would be by chance.
    coincidence: Coincidence,
    tally: Tally,
}

kept!(Memory { shown, gone, taken, coincidence, tally });

/// A large order near the touch, as it entered.
#[derive(Clone, Copy)]
struct Shown {
    seq: u64,
    at: Nanos,
    quantity: u64,
    /// What others showed there.
    others: u64,
    distance_ticks: f64,
    /// Twice the mid before it.
    mid2: i64,
}

/// One that was taken away.
#[derive(Clone, Copy)]
struct Gone {
    order: OrderId,
    person: Person,
    account: ParticipantId,
    side: Side,
    price: Price,
    left: u64,
    prevents: bool,
    at: Nanos,
    /// Twice the mid before it went.
    mid2: i64,
    shown: Shown,
}

/// What somebody traded as the one who came.
#[derive(Clone, Copy)]
struct Taken {
    seq: u64,
    order: OrderId,
    person: Person,
    account: ParticipantId,
    /// The side that was hit.
    side: Side,
    price: Price,
    quantity: u64,
    at: Nanos,
    mid2: i64,
}

kept!(Shown { seq, at, quantity, others, distance_ticks, mid2 });
kept!(Gone { order, person, account, side, price, left, prevents, at, mid2, shown });
kept!(Taken { seq, order, person, account, side, price, quantity, at, mid2 });

/// Large orders that are followed at a time; the one that entered first gives way.
const SHOWN_MAX: usize = 4_096;
/// Of those that went; the first gives way.
const GONE_MAX: usize = 128;
/// Trades that are remembered; the first gives way.
const TAKEN_MAX: usize = 512;
/// How many times the window things are remembered for, so that a near miss can be told.
const MEMORY_WINDOWS: u64 = 4;

impl Pattern for Flip {
    type Memory = Memory;

    const WANTS: &'static [What] = &What::DEEDS;

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "distance_ticks",
        "level_ratio",
        "executed_share",
        "life_s",
        "flip_ms",
        "flip_distance_ticks",
        "flip_share",
        "chance",
        "market_turned",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else { return };
        match deed.what {
            What::Enter => self.show(memory, deed, scene, bench),
            What::Amend => {
                self.leave(memory, deed, scene, bench);
                self.show(memory, deed, scene, bench);
            }
            What::Cancel => self.leave(memory, deed, scene, bench),
            What::Fill | What::Print => self.take(memory, deed, scene, bench),
            What::Phase | What::News | What::Fixing => {}
        }
    }
}

impl Flip {
    fn remembered(&self) -> Nanos {
        Nanos((self.flip_ms_max * 1e6) as u64 * MEMORY_WINDOWS)
    }

    /// An order enters: is it large, and near the touch?
    fn show(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let (Some(owner), Some(price), Some(book)) = (deed.owner, deed.price, scene.book) else {
            return;
        };
        let Some(change) = scene.change else { return };
        if deed.left == 0 || deed.attributes.has(Attributes::HIDDEN) {
            return;
        }
        let is_asked = bench.is_asked(owner.person);
        let before = change.before();
        let best = before.of(deed.side).map_or(price, |best| best.price);
        let distance_ticks = scene.market.ticks_behind(deed.side, price, best).max(0) as f64;
        if distance_ticks > self.distance_ticks_max && !is_asked {
            return;
        }
        let there = book.level(deed.side, price).map_or(0, |level| level.quantity.0);
        let mut others = there.saturating_sub(deed.left);
        if others == 0 {
            let behind = book.levels_behind(deed.side, price).next();
            others = behind.map_or(0, |level| level.quantity.0);
        }
        if (deed.left as f64) < self.level_ratio_min * others as f64 && !is_asked {
            return;
        }
        let mid2 = before.mid2().or(scene.market.mid2).unwrap_or(2 * price.0);
        let (seq, at, quantity) = (deed.seq, deed.at, deed.left);
        let shown = Shown { seq, at, quantity, others, distance_ticks, mid2 };
        memory.shown.put(deed.successor, shown);
    }

    /// An order leaves: has its owner just traded the other way?
    fn leave(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(shown) = memory.shown.take(deed.order) else { return };
        let (Some(owner), Some(was)) = (deed.owner, deed.was) else { return };
        let is_young = deed.at.since(shown.at).0 as f64 <= self.life_max_s * 1e9;
        let is_whole =
            was.quantity as f64 >= (1.0 - self.executed_share_max) * shown.quantity as f64;
        if !(is_young && is_whole || bench.is_asked(owner.person)) {
            return;
        }
        if is_young && is_whole {
            self.expect(memory, owner.person, deed);
        }
        let before = scene.change.and_then(|change| change.before().mid2());
        let gone = Gone {
            order: deed.order,
            person: owner.person,
            account: owner.account,
            side: deed.side,
            price: was.price,
            left: was.quantity,
            prevents: deed.attributes.has(Attributes::SELF_TRADE_PREVENTION),
            at: deed.at,
            mid2: before.or(scene.market.mid2).unwrap_or(shown.mid2),
            shown,
        };
        let remembered = self.remembered();
        memory.gone.expire(|gone| deed.at.since(gone.at) > remembered);
        memory.gone.push(gone);
        let has_traded = |taken: &Taken| taken.person == gone.person && taken.side == gone.side;
        if memory.taken.iter().any(has_traded) {
            self.judge(memory, memory.gone.len() - 1, scene, bench);
        }
    }

    /// Somebody comes and trades: has one of their orders just gone?
    fn take(&self, memory: &mut Memory, deed: &Deed, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        if deed.what == What::Fill && deed.left == 0 {
            memory.shown.take(deed.order);
        }
        let (Some(who), Some(price), true) = (deed.aggressor, deed.price, deed.knows_side) else {
            return;
        };
        let before = scene.change.and_then(|change| change.before().mid2());
        let taken = Taken {
            seq: deed.seq,
            order: deed.order,
            person: who.person,
            account: who.account,
            side: deed.side,
            price,
            quantity: deed.quantity,
            at: deed.at,
            mid2: before.or(scene.market.mid2).unwrap_or(2 * price.0),
        };
        let remembered = self.remembered();
        memory.taken.expire(|taken| deed.at.since(taken.at) > remembered);
        memory.coincidence.came(who.person, deed.at);
        memory.taken.push(taken);
        memory.gone.expire(|gone| deed.at.since(gone.at) > remembered);
        let is_theirs = |gone: &Gone| gone.person == who.person && gone.side == deed.side;
        let mut place = memory.gone.len();
        while place > 0 {
            place = place.min(memory.gone.len());
            let Some(next) = memory.gone.range(..place).rposition(is_theirs) else { return };
            self.judge(memory, next, scene, bench);
            place = next;
        }
    }

    /// An order goes: how likely is it that its owner is by chance among those who trade around now? As many
    /// are taken to come within the time that follows as came within the time before.
    fn expect(&self, memory: &mut Memory, person: Person, deed: &Deed) {
        let window = Nanos((self.flip_ms_max * 1e6) as u64);
        let near = |taken: &&Taken| taken.side == deed.side && deed.at.since(taken.at) <= window;
        let (mut comings, mut last) = (0, None);
        for taken in memory.taken.iter().filter(near) {
            let moment = Some((taken.person, taken.at));
            comings += u32::from(last != moment);
            last = moment;
        }
        memory.coincidence.expect(person, 2 * comings, deed.at);
    }

    /// Weighs an order that went against what its owner traded around that time.
    fn judge(&self, memory: &mut Memory, place: usize, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let gone = memory.gone[place];
        let is_asked = bench.is_asked(gone.person);
        let window = (self.flip_ms_max * 1e6) as u64;
        let apart = |taken: &Taken| taken.at.0.abs_diff(gone.at.0);
        let is_flip = |taken: &&Taken| {
            taken.person == gone.person
                && taken.side == gone.side
                && (apart(taken) <= window || is_asked)
        };
        let flips = || memory.taken.iter().filter(is_flip);
        let traded: u64 = flips().map(|taken| taken.quantity).sum();
        let share = traded as f64 / gone.left.max(1) as f64;
        if share < self.flip_share_min && !is_asked {
            return;
        }
        let ticks = |taken: &Taken| taken.price.0.abs_diff(gone.price.0) as f64;
        let distance =
            flips().map(ticks).fold(f64::INFINITY, f64::min) / scene.market.tick() as f64;
        let Some(delay) = flips().map(apart).min() else { return };
        let first = flips().next().copied();
        let life = gone.at.since(gone.shown.at);
        let level_ratio = gone.shown.quantity as f64 / gone.shown.others.max(1) as f64;
        let executed = 1.0 - gone.left as f64 / gone.shown.quantity.max(1) as f64;
        let delay_ms = delay as f64 / 1e6;

        let mut case = bench.suspect(scene, gone.person, Severity::High);
        case.needs("distance_ticks", gone.shown.distance_ticks, AtMost(self.distance_ticks_max));
        case.needs("level_ratio", level_ratio, AtLeast(self.level_ratio_min));
        case.needs("executed_share", executed, AtMost(self.executed_share_max));
        case.needs("life_s", life.0 as f64 / 1e9, AtMost(self.life_max_s));
        case.needs("flip_ms", delay_ms, AtMost(self.flip_ms_max));
        case.needs("flip_distance_ticks", distance, AtMost(self.flip_distance_ticks_max));
        case.needs("flip_share", share, AtLeast(self.flip_share_min));
        let mid2 = first.filter(|first| first.at < gone.at).map_or(gone.mid2, |first| first.mid2);
        let against = match gone.side {
            Side::Buy => gone.shown.mid2 - mid2,
            Side::Sell => mid2 - gone.shown.mid2,
        } as f64
            / 2.0;
        let seconds = (life.0 as f64 / 1e9).max(1.0);
        let sigmas = against / scene.market.sigma(seconds);
        case.unless_excused("market_turned", sigmas, AtMost(self.turned_sigmas_max));

        let is_flip = case.holds();
        let known = &mut memory.coincidence;
        let flips_so_far = if is_flip { known.met(gone.person, scene.now) } else { 0 };
        let chance = known.chance(gone.person, scene.now);
        let is_largest = scene
            .market
            .order_sizes()
            .is_some_and(|sizes| gone.shown.quantity as f64 >= self.at_once_q99 * sizes.q99 as f64);
        // The first ones, that raise no alert yet, may be as likely as they like.
        if is_largest || flips_so_far >= self.episodes_min || is_asked {
            case.needs("chance", chance, AtMost(self.chance_max));
        }

        let is_prevented = gone.prevents && delay_ms <= self.prevention_ms_max;
        case.weighs("level_ratio", level_ratio, 1.0, 4.0);
        case.weighs("flip_share", share, 0.2, 1.0);
        case.weighs("speed", 1.0 - delay_ms / self.flip_ms_max, 0.0, 1.0);
        case.weighs("brevity", 1.0 - seconds / self.life_max_s, 0.0, 1.0);
        let prevented = f64::from(u8::from(is_prevented));
        case.weighs_as("prevented", prevented, 0.0, 1.0, prevented);

        case.begins(gone.shown.seq, gone.shown.at);
        let order = (gone.side, gone.price, gone.shown.quantity);
        case.part(Part::Deceptive, (gone.shown.seq, gone.order), order);
        for taken in flips() {
            let trade = (taken.side.opposite(), taken.price, taken.quantity);
            case.part(Part::Genuine, (taken.seq, taken.order), trade);
            case.begins(taken.seq, taken.at);
        }
        let of_two_desks = is_prevented && flips().all(|taken| taken.account != gone.account);
        let repeats = Repeats {
            least: self.episodes_min,
            at_once: is_largest && !of_two_desks,
            score_min: self.score_min,
        };
        if bench.settle(case, scene, &mut memory.tally, repeats) || is_flip {
            let (person, side) = (gone.person, gone.side);
            memory.gone.retain(|gone| (gone.person, gone.side) != (person, side));
            memory.taken.retain(|taken| (taken.person, taken.side) != (person, side));
        }
    }
}
