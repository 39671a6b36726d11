//! What marking the close and marking the open share: windows at a session's edge, in which somebody's
//! trades outweigh everybody's and move the last price.

use crate::desk::deed::Deed;
use crate::desk::kept::kept;
use crate::desk::ledger::Account;
use crate::desk::pattern::{Bench, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::suspicion::Suspicion;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::{Nanos, OrderId, Price, Side};
use engine_observer::evidence::Limit::{AtLeast, AtMost};
use engine_observer::evidence::Part;
use std::collections::VecDeque;

/// A window, and how much of its volume is much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) seconds: u64,
    pub(super) share_min: f64,
}

/// What has to hold, as the patterns' parameters say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) impact_min_ticks: f64,
    pub(super) impact_sigmas_min: f64,
    pub(super) aggressive_share_min: f64,
    pub(super) size_medians_min: f64,
    pub(super) usual_volume_share: f64,
    pub(super) pace_s: u64,
    pub(super) pace_ratio_min: f64,
    pub(super) severity: Severity,
    pub(super) repeats: Repeats,
}

/// The latest trades, for last prices and for the evidence.
#[derive(Default)]
pub(super) struct Tape {
    /// Where the last price stood when each second began in which something traded.
    seconds: VecDeque<(u64, Price)>,
    last: Option<Price>,
    trades: VecDeque<Trade>,
}

/// A trade of somebody who came.
struct Trade {
    at: Nanos,
    seq: u64,
    order: OrderId,
    person: Person,
    side: Side,
    price: Price,
    quantity: u64,
}

kept!(Tape { seconds, last, trades });
kept!(Trade { at, seq, order, person, side, price, quantity });

/// Seconds with trades that are remembered: more than the longest of the usual windows has.
const SECONDS_MAX: usize = 1_024;
/// Trades that are remembered.
const TRADES_MAX: usize = 512;
/// Trades that are named.
const TRADES_SHOWN: usize = 20;

impl Tape {
    /// Takes a trade.
    pub(super) fn follow(&mut self, deed: &Deed) {
        let Some(price) = deed.price.filter(|_| deed.is_trade()) else { return };
        let second = deed.at.0 / 1_000_000_000;
        if self.seconds.back().is_none_or(|(last, _)| *last < second) {
            if self.seconds.len() == SECONDS_MAX {
                self.seconds.pop_front();
            }
            self.seconds.push_back((second, self.last.unwrap_or(price)));
        }
        self.last = Some(price);
        let Some(trader) = deed.traders().find(|trader| trader.comes) else { return };
        if self.trades.len() == TRADES_MAX {
            self.trades.pop_front();
        }
        let Deed { at, seq, order, quantity, .. } = *deed;
        let (person, side) = (trader.who.person, trader.side);
        self.trades.push_back(Trade { at, seq, order, person, side, price, quantity });
    }

    /// The last price before the second of a moment.
    pub(super) fn last_before(&self, moment: Nanos) -> Option<Price> {
        let second = moment.0 / 1_000_000_000;
        let first = self.seconds.partition_point(|(of, _)| *of < second);
        self.seconds.get(first).map(|(_, before)| *before).or(self.last)
    }

    /// The lowest and the highest of the last prices between two moments, to the second.
    fn range(&self, from: Nanos, to: Nanos) -> Option<(Price, Price)> {
        let within = |moment: Nanos| moment.0 / 1_000_000_000;
        let seconds =
            self.seconds.iter().filter(|(second, _)| (within(from)..=within(to)).contains(second));
        let prices = seconds.map(|(_, before)| *before).chain(self.last_before(to));
        prices.fold(None, |range, price| {
            let (low, high) = range.unwrap_or((price, price));
            Some((low.min(price), high.max(price)))
        })
    }

    /// The first that somebody traded, to the second, from a moment on.
    fn first_of(&self, person: Person, from: Nanos) -> Option<&Trade> {
        let second = from.0 / 1_000_000_000;
        let mut own = self.trades.iter().filter(|trade| trade.person == person);
        own.find(|trade| trade.at.0 / 1_000_000_000 >= second)
    }

    /// Names what somebody traded from a moment on.
    fn show(&self, person: Person, from: Nanos, case: &mut Suspicion) {
        let second = from.0 / 1_000_000_000;
        let own = self.trades.iter().filter(|trade| trade.person == person);
        let own = own.filter(|trade| trade.at.0 / 1_000_000_000 >= second);
        let own: Vec<_> = own.collect();
        if let Some(first) = own.first() {
            case.begins(first.seq, first.at);
        }
        for trade in own.iter().skip(own.len().saturating_sub(TRADES_SHOWN)) {
            let traded = (trade.side, trade.price, trade.quantity);
            case.part(Part::Deceptive, (trade.seq, trade.order), traded);
        }
    }
}

/// What somebody did in a window, and what became of the price.
struct Measured {
    window: Window,
    from: Nanos,
    side: Side,
    volume: u64,
    share: f64,
    aggressive: f64,
    size: f64,
    impact_ticks: f64,
    impact_sigmas: f64,
    usual_share: f64,
    reduces_imbalance: bool,
}

impl Rules {
    /// Looks at everybody who traded in one of these windows, all of which end now: one episode each at
    /// most. A walk over all persons, at a session's edge. `start` is the price to begin with, if it is not
    /// the last one before the window.
    #[expect(clippy::too_many_arguments, reason = "rules, memory and scene")]
    pub(super) fn examine(
        &self,
        windows: &[Window],
        (tape, tally): (&Tape, &mut Tally),
        start: Option<Price>,
        named: &mut Vec<Person>,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
        excuse: impl Fn(&mut Suspicion),
    ) {
        let longest = windows.iter().map(|window| window.seconds).max().unwrap_or(0);
        let earliest = Nanos(scene.now.0.saturating_sub(longest * 1_000_000_000));
        for account in scene.ledger.persons() {
            let person = account.person;
            if account.done().since(earliest).volume() == 0 || named.contains(&person) {
                continue;
            }
            for window in windows {
                let is_asked = bench.is_asked(person);
                // Nearly all have too small a share, and nothing else needs to be known of them then.
                let least = if is_asked { 0.0 } else { window.share_min };
                let Some(measured) = self.measure(*window, least, (tape, start), account, scene)
                else {
                    continue;
                };
                let is_case = self.holds(&measured) || is_asked;
                if is_case && self.judge(&measured, person, (tape, tally), scene, bench, &excuse) {
                    if named.len() < NAMED_MAX {
                        named.push(person);
                    }
                    break;
                }
            }
        }
    }

    fn measure(
        &self,
        window: Window,
        share_min: f64,
        (tape, start): (&Tape, Option<Price>),
        account: &Account,
        scene: &Scene<'_>,
    ) -> Option<Measured> {
        let market = scene.market;
        let span = |seconds: u64| seconds.saturating_mul(1_000_000_000);
        let from = Nanos(scene.now.0.saturating_sub(span(window.seconds)));
        let done = account.done().since(from);
        let volume = done.volume();
        let flow = market.flow();
        let traded = flow.since(from).volume();
        let before_s = from.since(market.begun_at()).0 as f64 / 1e9;
        let before = (flow.total().volume() - traded) as f64;
        let is_known = before_s >= USUAL_KNOWN_S;
        let usual = if is_known { before / before_s * window.seconds as f64 } else { 0.0 };
        let of = (traded as f64).max(self.usual_volume_share * usual).max(1.0);
        let share = (volume as f64 / of).min(1.0);
        if share < share_min {
            return None;
        }
        let taken = [Side::Buy, Side::Sell].map(|side| done.taken[side as usize]);
        let side = if taken[0] >= taken[1] { Side::Buy } else { Side::Sell };
        let sign = if side == Side::Buy { 1.0 } else { -1.0 };
        let last = tape.last?;
        let first = start.or_else(|| tape.last_before(from))?;
        let impact = sign * (last.0 - first.0) as f64;

        let pace_from = Nanos(from.0.saturating_sub(span(self.pace_s)));
        let pace = flow.between(pace_from, from).volume().max(1) as f64;
        let own_pace = account.done().between(pace_from, from).volume() as f64;

        let sizes = market.trade_sizes().or(market.order_sizes());
        let median = sizes.map_or(f64::INFINITY, |sizes| sizes.q50.max(1) as f64);
        let imbalance = market.indicated.filter(|told| told.at >= pace_from);
        let reduces = imbalance.is_some_and(|told| told.imbalance as f64 * sign < 0.0);
        let began = tape.first_of(account.person, from).map_or(from, |trade| trade.at);
        let range_from = Nanos(began.0.saturating_sub(span(60)));
        let is_inside =
            tape.range(range_from, began).is_some_and(|(low, high)| (low..=high).contains(&last));
        Some(Measured {
            window,
            from,
            side,
            volume,
            share,
            aggressive: (taken[0] + taken[1]) as f64 / volume.max(1) as f64,
            size: volume as f64 / median,
            impact_ticks: impact / market.tick() as f64,
            impact_sigmas: impact / market.sigma(window.seconds as f64),
            usual_share: own_pace / pace,
            reduces_imbalance: reduces && is_inside,
        })
    }

    /// Whether it is worth the evidence.
    fn holds(&self, of: &Measured) -> bool {
        of.share >= of.window.share_min
            && of.impact_ticks >= self.impact_min_ticks
            && of.impact_sigmas >= self.impact_sigmas_min
    }

    fn judge(
        &self,
        of: &Measured,
        person: Person,
        (tape, tally): (&Tape, &mut Tally),
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
        excuse: &impl Fn(&mut Suspicion),
    ) -> bool {
        let mut case = bench.suspect(scene, person, self.severity);
        case.needs("share", of.share, AtLeast(of.window.share_min));
        case.needs("impact_ticks", of.impact_ticks, AtLeast(self.impact_min_ticks));
        case.needs("impact_sigmas", of.impact_sigmas, AtLeast(self.impact_sigmas_min));
        case.needs("aggressive_share", of.aggressive, AtLeast(self.aggressive_share_min));
        case.needs("size", of.size, AtLeast(self.size_medians_min));
        let pace = AtMost(of.share / self.pace_ratio_min);
        case.unless_excused("usual_share", of.usual_share, pace);
        case.unless_that("reduces_imbalance", of.reduces_imbalance);
        excuse(&mut case);

        let position = scene.ledger.of(person).map_or(0, |account| account.position);
        let held = position.saturating_mul(if of.side == Side::Buy { 1 } else { -1 });
        let more = (held as f64 / of.volume.max(1) as f64 - 1.0).max(0.0);
        let share = of.share / of.window.share_min;
        case.weighs("share", share, 0.5, 2.0);
        case.weighs("impact_ticks", of.impact_ticks, 1.0, 6.0);
        case.weighs("impact_sigmas", of.impact_sigmas, 0.5, 4.0);
        case.weighs("aggressive_share", of.aggressive, 0.5, 1.0);
        // What is held beyond what was just traded gains by the move; nothing is known where nothing is told.
        case.weighs_as("held_before", more, 0.0, 5.0, f64::from(u8::from(more > 0.0)));
        case.weighs_as("window_s", of.window.seconds as f64, 0.0, 1.0, 0.0);
        tape.show(person, of.from, &mut case);
        bench.settle(case, scene, tally, self.repeats)
    }
}

/// Persons of one session's edge that are not named twice; later ones may be.
const NAMED_MAX: usize = 256;
/// A usual volume is known after so long.
const USUAL_KNOWN_S: f64 = 600.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_price_before_a_second_is_remembered() {
        let mut tape = Tape::default();
        for (second, price) in [(10, 100), (12, 103), (12, 104), (20, 99)] {
            let before = tape.last.unwrap_or(Price(price));
            if tape.seconds.back().is_none_or(|(last, _)| *last < second) {
                tape.seconds.push_back((second, before));
            }
            tape.last = Some(Price(price));
        }
        let before = |second| tape.last_before(Nanos::from_secs(second)).map(|price| price.0);
        assert_eq!(
            [before(11), before(12), before(13), before(21)].map(Option::unwrap),
            [100, 100, 104, 99]
        );
        let range = tape.range(Nanos::from_secs(12), Nanos::from_secs(20));
        assert_eq!(range, Some((Price(100), Price(104))));
    }
}
