//! P35, dominance, impact and reversal: the net below the patterns that have a name.
//!
//! **What.** Somebody comes and trades. Looked at are the last minute, ten minutes, hour and day. Within
//! one of them
//! - the person's trades are a share of all volume ([`share_min_1m`](Dominance::share_min_1m) and its
//!   kin). All is what traded, or what usually trades in such a time, whichever is more: most of next to
//!   nothing is nothing. The person came to trade often ([`own_trades_min`](Dominance::own_trades_min);
//!   one order that meets many others is one coming, and alone a block; so is what a tenth of a second does
//!   not part), among [`trades_min`](Dominance::trades_min) trades or more,
//! - and the mid moved in their direction: [`impact_sigmas_min`](Dominance::impact_sigmas_min) usual moves
//!   of such a time, of which none is less than half the usual spread, because so far the mid bounces
//!   anyway, and [`impact_ticks_min`](Dominance::impact_ticks_min).
//!
//! The push lasts as long as the person goes on to have that share in that direction. It is an episode if
//! [`reversal_min`](Dominance::reversal_min) of what the person had bought or sold is undone in as much time
//! again; or if that much of the whole move is undone when as much time has passed. That the mid was back
//! for a moment, or while the push went on, is no reversal.
//!
//! **Excused.** An auction within the time; a headline within it
//! ([`news_before_s`](Dominance::news_before_s) earlier counts too); a pattern with a name that had an
//! episode about the person in the same time: its number is in the evidence, and its alert says more.
//! Blocks and negotiated trades come as prints, and open nothing.
//!
//! **When.** [`settle_s`](Dominance::settle_s) after the position's reversal, because a pattern with a name
//! may speak first; a window after the push where the price alone came back. The first window that is
//! decided speaks for the others of the same push.
//!
//! **Score.** Share, impact, how much was undone of the move, and of the position.
//!
//! **Source.** MAR: Regulation (EU) 596/2014, Annex I A (a), (b), (d), (e); 2017/565, Annex III.B, 5, 6, 7,
//! 24. The shares are judgement.
//!
//! **Known false positives.** A large order in a thin market, which pays its impact and sees the price come
//! back; the least numbers of trades keep single trades out. **Known misses.** The move of the whole market
//! is not taken off, because the desk sees one instrument at a time; the day is looked at as far as prices
//! are remembered (7,200 seconds with a quote).

mod canary;
#[cfg(test)]
mod tests;

use crate::desk::deed::{Deed, What};
use crate::desk::kept::kept;
use crate::desk::ledger::toward;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use std::collections::VecDeque;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct Dominance = "P35" {
        /// Share of the volume of a minute.
        share_min_1m: f64 = 0.6, 0.01..=1.0, "", Judgement;
        /// Of ten minutes.
        share_min_10m: f64 = 0.4, 0.01..=1.0, "", Judgement;
        /// Of an hour.
        share_min_1h: f64 = 0.3, 0.01..=1.0, "", Judgement;
        /// Of a day.
        share_min_1d: f64 = 0.2, 0.01..=1.0, "", Judgement;
        /// How often the person came to trade within the time.
        own_trades_min: u32 = 8, 1..=10000, "", Judgement;
        /// Everybody's.
        trades_min: u32 = 20, 1..=10000, "", Judgement;
        /// How far the mid moved, in usual moves of such a time.
        impact_sigmas_min: f64 = 2.0, 0.1..=100.0, "σ", Judgement;
        /// The same in ticks.
        impact_ticks_min: f64 = 2.0, 0.0..=10000.0, "ticks", Judgement;
        /// How much of the move, or of the position, is undone.
        reversal_min: f64 = 0.5, 0.01..=1.0, "", Judgement;
        /// How long a headline explains moves.
        news_before_s: u64 = 600, 0..=86400, "s", Judgement;
        /// How long to wait for a pattern with a name.
        settle_s: u64 = 15, 0..=600, "s", Judgement;
        /// Seconds with a quote from which a usual move is known.
        learned_min_s: f64 = 300.0, 0.0..=1200.0, "s", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 25.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    pending: Vec<Pending>,
    tally: Tally,
}

/// Somebody who dominated and moved the price, until it is known what becomes of it.
struct Pending {
    person: Person,
    window: usize,
    side: Side,
    /// Taken up for the one who asks: the conditions do not hold.
    is_idle: bool,
    from: Nanos,
    from_seq: u64,
    from_mid: f64,
    /// When the person last pushed.
    held_at: Nanos,
    share: f64,
    own_trades: u64,
    trades: u64,
    sigmas: f64,
    ticks: f64,
    /// What the person bought or sold, net, in the window.
    built: u64,
    /// The farthest that the mid went, and the position.
    peak: f64,
    position_peak: i64,
    undone: f64,
    own_undone: f64,
    was_auction: bool,
    last: VecDeque<Trade>,
    decided_at: Option<Nanos>,
}

/// One of the person's trades.
struct Trade {
    seq: u64,
    order: OrderId,
    side: Side,
    price: Option<Price>,
    quantity: u64,
}

kept!(Memory { pending, tally });
kept!(Pending {
    person,
    window,
    side,
    is_idle,
    from,
    from_seq,
    from_mid,
    held_at,
    share,
    own_trades,
    trades,
    sigmas,
    ticks,
    built,
    peak,
    position_peak,
    undone,
    own_undone,
    was_auction,
    last,
    decided_at,
});
kept!(Trade { seq, order, side, price, quantity });

/// Persons and times that are followed at once; who comes when all places are taken is not.
const PENDING_MAX: usize = 32;
/// Trades of each that are named.
const NAMED_MAX: usize = 16;
const WINDOWS_S: [u64; 4] = [60, 600, 3_600, 86_400];

fn span(window: usize) -> Nanos {
    Nanos::from_secs(WINDOWS_S[window % WINDOWS_S.len()])
}

/// What a person did to the market within a window.
struct Measure {
    side: Side,
    from: Nanos,
    from_mid: f64,
    share: f64,
    own_trades: u64,
    trades: u64,
    sigmas: f64,
    ticks: f64,
    built: u64,
}

impl Pattern for Dominance {
    type Memory = Memory;

    const WANTS: &'static [What] =
        &[What::Enter, What::Amend, What::Cancel, What::Fill, What::Print, What::Phase];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "share",
        "own_trades",
        "trades",
        "impact_sigmas",
        "impact_ticks",
        "reversal",
        "auction",
        "news",
    ];

    fn canary(&self) -> Option<Story> {
        Some(canary::story())
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        if !memory.pending.is_empty() {
            self.follow(memory, scene, bench);
        }
        let Some(deed) = scene.deed.filter(|deed| deed.what == What::Fill) else { return };
        let Some(aggressor) = deed.aggressor else { return };
        self.begin(memory, aggressor.person, deed, scene, bench);
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        self.follow(memory, scene, bench);
    }
}

impl Dominance {
    fn share_min(&self, window: usize) -> f64 {
        [self.share_min_1m, self.share_min_10m, self.share_min_1h, self.share_min_1d][window]
    }

    fn holds(&self, measure: &Measure, window: usize) -> bool {
        measure.share >= self.share_min(window)
            && measure.own_trades >= u64::from(self.own_trades_min)
            && measure.trades >= u64::from(self.trades_min)
            && measure.sigmas >= self.impact_sigmas_min
            && measure.ticks >= self.impact_ticks_min
    }

    /// None where it is not known, or cannot matter.
    fn measure(
        &self,
        (person, is_asked): (Person, bool),
        window: usize,
        scene: &Scene<'_>,
    ) -> Option<Measure> {
        let market = scene.market;
        let from = Nanos(scene.now.0.checked_sub(span(window).0)?);
        let done = scene.ledger.of(person)?.done().since(from);
        if done.comings < u64::from(self.own_trades_min) && !is_asked {
            return None;
        }
        let (mid, from_mid) = (market.mid()?, market.mid_at(from)?);
        let flow = market.flow().since(from);
        let seconds = WINDOWS_S[window] as f64;
        let volume = (flow.volume() as f64).max(market.volume_per_s() * seconds).max(1.0);
        let usual_move = market.sigma(seconds).max(market.usual_spread() / 2.0);
        let net = done.net();
        let side = if net > 0 { Side::Buy } else { Side::Sell };
        let moved = (mid - from_mid) * toward(side, 1) as f64;
        Some(Measure {
            side,
            from,
            from_mid,
            share: (done.volume() as f64 / volume).min(1.0),
            own_trades: done.comings,
            trades: flow.trades,
            sigmas: moved / usual_move,
            ticks: moved / market.tick() as f64,
            built: net.unsigned_abs(),
        })
    }

    fn begin(
        &self,
        memory: &mut Memory,
        person: Person,
        deed: &Deed,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        if scene.market.learned_s() < self.learned_min_s {
            return;
        }
        let is_asked = bench.is_asked(person);
        for window in 0..WINDOWS_S.len() {
            let Some(measure) = self.measure((person, is_asked), window, scene) else { continue };
            let holds = self.holds(&measure, window);
            let place = memory.pending.iter().position(|one| {
                (one.person, one.window) == (person, window) && one.decided_at.is_none()
            });
            // Who moved the price goes on pushing as long as the share is theirs.
            let goes_on = place.is_some_and(|place| {
                let side = memory.pending[place].side;
                (measure.side, deed.side) == (side, side.opposite())
                    && measure.share >= self.share_min(window)
            });
            let is_for_asking = is_asked && place.is_none_or(|place| memory.pending[place].is_idle);
            if !holds && !goes_on && !is_for_asking {
                continue;
            }
            let place = match place {
                Some(place) if holds && memory.pending[place].is_idle => {
                    memory.pending[place] = Pending::new(person, window, &measure, !holds, scene);
                    place
                }
                Some(place) => place,
                None if memory.pending.len() < PENDING_MAX => {
                    memory.pending.push(Pending::new(person, window, &measure, !holds, scene));
                    memory.pending.len() - 1
                }
                None => continue,
            };
            memory.pending[place].renew(&measure, deed, scene);
            bench.wake_at(scene.now + span(window) + Nanos(1));
        }
    }

    /// The market went on: was anything undone?
    fn follow(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let mid = scene.market.mid();
        let parties = scene.deed.map(|deed| [deed.owner, deed.aggressor]);
        for one in &mut memory.pending {
            let toward = toward(one.side, 1);
            one.was_auction |= !scene.market.is_continuous();
            if let Some(mid) = mid
                && one.decided_at.is_none()
            {
                let (at, peak) = (mid * toward as f64, one.peak * toward as f64);
                if at > peak {
                    one.peak = mid;
                } else {
                    let whole = peak - one.from_mid * toward as f64;
                    one.undone = if whole > 0.0 { (peak - at) / whole } else { 0.0 };
                }
            }
            let acts = parties.into_iter().flatten().flatten().any(|who| who.person == one.person);
            if acts && let Some(account) = scene.ledger.of(one.person) {
                let position = account.position.saturating_mul(toward);
                one.position_peak = one.position_peak.max(position);
                let undone = one.position_peak.saturating_sub(position);
                one.own_undone = one.own_undone.max(undone as f64 / one.built.max(1) as f64);
            }
            if one.own_undone >= self.reversal_min && one.decided_at.is_none() {
                let due = scene.now + Nanos::from_secs(self.settle_s);
                one.decided_at = Some(due);
                bench.wake_at(due);
            }
        }
        let mut place = 0;
        while let Some(one) = memory.pending.get(place) {
            let is_decided = one.decided_at.is_some_and(|due| due <= scene.now);
            let is_over =
                one.decided_at.is_none() && scene.now.since(one.held_at) > span(one.window);
            if !is_decided && !is_over {
                place += 1;
                continue;
            }
            let one = memory.pending.remove(place);
            let is_undone = one.undone.max(one.own_undone) >= self.reversal_min;
            if (is_undone || bench.is_asked(one.person))
                && self.judge(&one, &mut memory.tally, scene, bench)
            {
                let is_same =
                    |other: &Pending| (other.person, other.side) == (one.person, one.side);
                memory.pending.retain(|other| !is_same(other));
                place = 0;
            }
        }
        let due =
            |one: &Pending| one.decided_at.unwrap_or(one.held_at + span(one.window) + Nanos(1));
        if scene.deed.is_none()
            && let Some(due) = memory.pending.iter().map(due).min()
        {
            bench.wake_at(due);
        }
    }

    fn judge(
        &self,
        one: &Pending,
        tally: &mut Tally,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) -> bool {
        let mut case = bench.suspect(scene, one.person, Severity::Medium);
        let share_min = self.share_min(one.window);
        case.needs("share", one.share, AtLeast(share_min));
        case.needs("own_trades", one.own_trades as f64, AtLeast(f64::from(self.own_trades_min)));
        case.needs("trades", one.trades as f64, AtLeast(f64::from(self.trades_min)));
        case.needs("impact_sigmas", one.sigmas, AtLeast(self.impact_sigmas_min));
        case.needs("impact_ticks", one.ticks, AtLeast(self.impact_ticks_min));
        case.needs("reversal", one.undone.max(one.own_undone), AtLeast(self.reversal_min));
        case.unless_that("auction", one.was_auction);
        let explained_from = Nanos(one.from.0.saturating_sub(self.news_before_s * 1_000_000_000));
        let has_news = scene.market.news_at.is_some_and(|news| news >= explained_from);
        case.unless_that("news", has_news);
        let other = bench.other_pattern(one.person, one.from, scene.now);
        case.unless_excused("named_pattern", f64::from(other.unwrap_or(0)), AtMost(0.0));

        case.weighs("share", one.share, 0.0, 1.0);
        case.weighs("impact_sigmas", one.sigmas, 0.0, 3.0 * self.impact_sigmas_min);
        case.weighs("undone", one.undone, 0.0, 1.0);
        case.weighs("own_undone", one.own_undone, 0.0, 1.0);
        case.weighs_as("window_s", WINDOWS_S[one.window] as f64, 0.0, 86_400.0, 0.0);
        case.begins(one.from_seq, one.from);
        for trade in &one.last {
            let told = (trade.side, trade.price, trade.quantity);
            case.part(Part::Genuine, (trade.seq, trade.order), told);
        }
        let repeats =
            Repeats { least: self.episodes_min, at_once: false, score_min: self.score_min };
        bench.settle(case, scene, tally, repeats)
    }
}

impl Pending {
    fn new(
        person: Person,
        window: usize,
        measure: &Measure,
        is_idle: bool,
        scene: &Scene<'_>,
    ) -> Self {
        let market = scene.market;
        Self {
            person,
            window,
            side: measure.side,
            is_idle,
            from: measure.from,
            from_seq: scene.seq,
            from_mid: measure.from_mid,
            held_at: scene.now,
            share: 0.0,
            own_trades: 0,
            trades: 0,
            sigmas: f64::NEG_INFINITY,
            ticks: f64::NEG_INFINITY,
            built: 0,
            peak: market.mid().unwrap_or(measure.from_mid),
            position_peak: i64::MIN,
            undone: 0.0,
            own_undone: 0.0,
            was_auction: !market.is_continuous() || market.phase_since > measure.from,
            last: VecDeque::new(),
            decided_at: None,
        }
    }

    /// The person went on: the strongest moment counts.
    fn renew(&mut self, measure: &Measure, deed: &Deed, scene: &Scene<'_>) {
        self.held_at = scene.now;
        if measure.side == self.side && measure.sigmas >= self.sigmas {
            self.share = measure.share;
            self.own_trades = measure.own_trades;
            self.trades = measure.trades;
            self.sigmas = measure.sigmas;
            self.ticks = measure.ticks;
            self.built = self.built.max(measure.built);
        }
        let position = scene.ledger.of(self.person).map_or(0, |account| account.position);
        self.position_peak = self.position_peak.max(position.saturating_mul(toward(self.side, 1)));
        if self.last.len() == NAMED_MAX {
            self.last.pop_front();
        }
        self.last.push_back(Trade {
            seq: deed.seq,
            order: deed.order,
            side: deed.side,
            price: deed.price,
            quantity: deed.quantity,
        });
    }
}
