//! P37, disorderly algorithm: not abuse, but somebody's machine that has lost its way.
//!
//! **What.** Each of these is a finding of its own:
//! - a person's messages within a second of the clock go beyond
//!   [`messages_per_s_max`](Disorderly::messages_per_s_max);
//! - the same fill (side and quantity) comes again and again: more than
//!   [`identical_fills_max`](Disorderly::identical_fills_max) times in five seconds, executions within a
//!   millisecond counted once, and so are all that one resting order has in a row: whoever comes repeats
//!   themselves, not who was there;
//! - the person's orders meet one another: more than [`self_trades_max`](Disorderly::self_trades_max)
//!   times in five seconds;
//! - the position in the instrument goes beyond [`position_max`](Disorderly::position_max), where a limit
//!   is given;
//! - the market stops, and the person's trades were most of the last five seconds'
//!   ([`halt_share_min`](Disorderly::halt_share_min)) while the mid ran in their direction
//!   ([`halt_sigmas_min`](Disorderly::halt_sigmas_min)): an auction that begins by the clock is not
//!   preceded by such a run.
//!
//! The accounts in the alert are what to stop: the firm must always know whose order it is.
//!
//! **Excused.** Nothing: within its limits an opening burst is no finding, and beyond them it is one.
//!
//! **When.** With the event, and once in [`quiet_s`](Disorderly::quiet_s) for each kind.
//!
//! **Score.** How far beyond the limit, and how much of the market's traffic the person is. Half of it at
//! the limit itself.
//!
//! **Source.** Delegated Regulation (EU) 2017/589 (RTS 6), Articles 15 to 17: alerts in real time, within
//! five seconds. The limits are the firm's; the defaults are judgement.
//!
//! **Known false positives.** Two algorithms of one account that happen to trade the same lot often; limits
//! that were never set to what the account does. **Known misses.** Rejected orders, losses, and a kill
//! switch that does not work: no event tells of them. A burst that falls on two seconds of the clock counts
//! in each by itself.

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::ledger::toward;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::remembered::Remembered;
use crate::desk::story::Story;
use crate::desk::suspicion::Suspicion;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::body::Phase;
use engine_observer::event::{Nanos, OrderId, Side};
use engine_observer::evidence::Limit::AtLeast;
use engine_observer::evidence::Part;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct Disorderly = "P37" {
        /// Messages of a person in a second.
        messages_per_s_max: u32 = 1000, 1..=10000000, "per s", Judgement;
        /// Equal fills of a person in five seconds.
        identical_fills_max: u32 = 100, 1..=1000000, "", Judgement;
        /// Trades of a person with themselves in five seconds.
        self_trades_max: u32 = 20, 1..=1000000, "", Judgement;
        /// The largest position; 0 for none.
        position_max: f64 = 0.0, 0.0..=9e15, "", Judgement;
        /// The person's share of the volume of the five seconds before the market stops.
        halt_share_min: f64 = 0.5, 0.01..=1.0, "", Judgement;
        /// How far the mid ran in those, in usual moves.
        halt_sigmas_min: f64 = 4.0, 0.0..=1000.0, "σ", Judgement;
        /// How long the same is not told again.
        quiet_s: u64 = 60, 1..=86400, "s", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 10.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    of: Remembered<Person, State, PERSONS_MAX>,
    phase: Phase,
    tally: Tally,
}

/// A person's fills of the last seconds, and what was told.
#[derive(Default)]
struct State {
    fills: Vec<Run>,
    own: Recent,
    last_fill_at: Nanos,
    /// The resting order that others came to last.
    met: Option<OrderId>,
    told_at: [Option<Nanos>; KINDS],
}

/// Equal fills.
struct Run {
    side: Side,
    quantity: u64,
    recent: Recent,
}

/// How often something happened, by second, the last few.
#[derive(Default)]
struct Recent {
    second: u64,
    /// By second, modulo their number.
    counts: [u32; SPAN_S as usize],
}

kept!(Memory { of, phase, tally });
kept!(State { fills, own, last_fill_at, met, told_at });
kept!(Run { side, quantity, recent });
kept!(Recent { second, counts });

/// What can be wrong.
#[derive(Clone, Copy)]
enum Trouble {
    Messages,
    Fills,
    Crosses,
    Position,
    Halt,
}

const KINDS: usize = 5;
/// Persons whose fills are remembered.
const PERSONS_MAX: usize = 1_024;
/// Kinds of fills of each.
const RUNS_MAX: usize = 4;
/// The time that fills are counted over.
const SPAN_S: u64 = 5;
/// Executions within this time are one.
const SAME_TRADE: Nanos = Nanos::from_millis(1);

impl Pattern for Disorderly {
    type Memory = Memory;

    const WANTS: &'static [What] =
        &[What::Enter, What::Amend, What::Cancel, What::Fill, What::Print, What::Phase];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "messages_per_s",
        "identical_fills",
        "self_trades",
        "position",
        "halt_share",
        "halt_sigmas",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        match scene.deed {
            None => self.phase(memory, scene, bench),
            Some(deed) if deed.is_trade() => {
                let (owner, aggressor) = (deed.owner, deed.aggressor);
                let (owner, aggressor) =
                    (owner.map(|who| who.person), aggressor.map(|who| who.person));
                let is_own = owner.is_some() && owner == aggressor;
                let sides = [(owner, deed.side), (aggressor, deed.side.opposite())];
                for (person, side) in sides.into_iter().take(if is_own { 1 } else { 2 }) {
                    if let Some(person) = person {
                        self.fill(memory, (person, side, is_own), deed, scene, bench);
                    }
                }
            }
            Some(deed) => {
                if let Some(owner) = deed.owner {
                    self.message(memory, owner.person, deed, scene, bench);
                }
            }
        }
    }
}

impl Recent {
    /// One more; how many there were within the last seconds.
    fn count(&mut self, at: Nanos) -> u32 {
        let second = (at.0 / 1_000_000_000).max(self.second);
        for passed in self.second + 1..=second.min(self.second + SPAN_S) {
            self.counts[(passed % SPAN_S) as usize] = 0;
        }
        if second > self.second + SPAN_S {
            self.counts = [0; SPAN_S as usize];
        }
        self.second = second;
        self.counts[(second % SPAN_S) as usize] += 1;
        self.counts.iter().sum()
    }
}

impl State {
    /// One more fill; how many like it there were within the last seconds.
    fn fill(&mut self, side: Side, deed: &Deed) -> u32 {
        let place =
            self.fills.iter().position(|run| (run.side, run.quantity) == (side, deed.quantity));
        let mut run = match place {
            Some(place) => self.fills.remove(place),
            None => Run { side, quantity: deed.quantity, recent: Recent::default() },
        };
        let count = run.recent.count(deed.at);
        // The one that was seen last stands last; the first gives way.
        if self.fills.len() == RUNS_MAX {
            self.fills.remove(0);
        }
        self.fills.push(run);
        count
    }
}

impl Disorderly {
    fn message(
        &self,
        memory: &mut Memory,
        person: Person,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let Some(account) = scene.ledger.of(person) else { return };
        let messages = account.done().since(deed.at).messages;
        let limit = u64::from(self.messages_per_s_max);
        if messages <= limit && !bench.is_asked(person) {
            return;
        }
        let (value, limit) = (messages as f64, limit as f64);
        let measure = ("messages_per_s", value, limit);
        self.judge(memory, (person, Trouble::Messages), measure, scene, bench);
    }

    fn fill(
        &self,
        memory: &mut Memory,
        (person, side, is_own): (Person, Side, bool),
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let is_asked = bench.is_asked(person);
        let state = memory.of.of(person, deed.at);
        let rested = side == deed.side && !is_own;
        let is_first = state.last_fill_at == Nanos(0);
        let is_another = is_first
            || deed.at.since(state.last_fill_at) > SAME_TRADE
                && !(rested && state.met == Some(deed.order));
        state.last_fill_at = deed.at;
        if rested {
            state.met = Some(deed.order);
        }
        if is_another {
            let crosses = if is_own { state.own.count(deed.at) } else { 0 };
            let fills = state.fill(side, deed);
            for (trouble, name, value, limit) in [
                (Trouble::Fills, "identical_fills", fills, self.identical_fills_max),
                (Trouble::Crosses, "self_trades", crosses, self.self_trades_max),
            ] {
                if value > limit || is_asked {
                    let measure = (name, f64::from(value), f64::from(limit));
                    self.judge(memory, (person, trouble), measure, scene, bench);
                }
            }
        }
        let position = scene.ledger.of(person).map_or(0, |account| account.position.unsigned_abs());
        let position = position as f64;
        if self.position_max > 0.0 && (position > self.position_max || is_asked) {
            let measure = ("position", position, self.position_max);
            self.judge(memory, (person, Trouble::Position), measure, scene, bench);
        }
    }

    /// The market stops: whose trades were the last?
    fn phase(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let before = std::mem::replace(&mut memory.phase, scene.market.phase);
        let stops = matches!(scene.market.phase, Phase::Halt | Phase::Auction)
            && matches!(before, Phase::Continuous | Phase::Unknown);
        if scene.what != What::Phase || !stops {
            return;
        }
        let from = Nanos(scene.now.0.saturating_sub(SPAN_S * 1_000_000_000));
        let volume = scene.market.flow().since(from).volume().max(1) as f64;
        let done =
            |person: Person| scene.ledger.of(person).map(|account| account.done().since(from));
        let most = scene
            .ledger
            .persons()
            .map(|account| account.person)
            .filter_map(|person| done(person).map(|done| (done.taken.iter().sum::<u64>(), person)))
            .max();
        let (Some((taken, person)), Some(mid)) = (most, scene.market.mid()) else { return };
        let Some(from_mid) = scene.market.mid_at(from) else { return };
        let net = done(person).map_or(0, |done| done.net());
        let side = if net > 0 { Side::Buy } else { Side::Sell };
        let ran = (mid - from_mid) * toward(side, 1) as f64;
        let share = taken as f64 / volume;
        let sigmas = ran / scene.market.sigma(SPAN_S as f64);
        let mut case = bench.suspect(scene, person, Severity::High);
        case.needs("halt_share", share, AtLeast(self.halt_share_min));
        case.needs("halt_sigmas", sigmas, AtLeast(self.halt_sigmas_min));
        case.weighs("over", sigmas / self.halt_sigmas_min.max(0.1), 0.0, 2.0);
        case.weighs("of_market", share, 0.0, 1.0);
        self.settle(memory, (person, Trouble::Halt), case, scene, bench);
    }

    /// Whether this was told of the person a moment ago.
    fn was_told(&self, state: &State, trouble: Trouble, now: Nanos) -> bool {
        let quiet = Nanos::from_secs(self.quiet_s);
        state.told_at[trouble as usize].is_some_and(|told| now.since(told) < quiet)
    }

    fn judge(
        &self,
        memory: &mut Memory,
        who: (Person, Trouble),
        (name, value, limit): (&'static str, f64, f64),
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let is_told =
            memory.of.get(who.0).is_some_and(|state| self.was_told(state, who.1, scene.now));
        if is_told && !bench.is_asked(who.0) {
            return;
        }
        let mut case = bench.suspect(scene, who.0, Severity::High);
        case.needs(name, value, AtLeast(limit + 1.0));
        let from = Nanos(scene.now.0.saturating_sub((SPAN_S - 1) * 1_000_000_000));
        let own = scene.ledger.of(who.0).map_or(0, |account| {
            let done = account.done().since(from);
            done.messages + done.trades
        });
        let all = scene.market.flow().since(from).events.max(1);
        case.weighs("over", value / limit, 0.0, 2.0);
        case.weighs("of_market", own as f64 / all as f64, 0.0, 1.0);
        if let Some(deed) = scene.deed {
            case.deed(Part::Genuine, deed);
        }
        self.settle(memory, who, case, scene, bench);
    }

    fn settle(
        &self,
        memory: &mut Memory,
        (person, trouble): (Person, Trouble),
        case: Suspicion,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        if !case.holds() {
            return bench.pass_over(&case);
        }
        let state = memory.of.of(person, scene.now);
        if self.was_told(state, trouble, scene.now) {
            return;
        }
        state.told_at[trouble as usize] = Some(scene.now);
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, &mut memory.tally, repeats);
    }
}
