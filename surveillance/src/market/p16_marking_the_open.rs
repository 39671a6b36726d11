//! P16, marking the open: somebody's trades in the first moments of continuous trading set the price that
//! others take for the day's.
//!
//! **What.** The same as [at the close](super::p15_marking_the_close), in windows that begin with
//! continuous trading ([`window_1_s`](MarkingTheOpen::window_1_s),
//! [`window_2_s`](MarkingTheOpen::window_2_s), [`window_3_s`](MarkingTheOpen::window_3_s)): in one of them a
//! person has much of the volume ([`share_1_min`](MarkingTheOpen::share_1_min) and so on, of no less than
//! [`usual_volume_share`](MarkingTheOpen::usual_volume_share) of a usual one), mostly comes to the others
//! ([`aggressive_share_min`](MarkingTheOpen::aggressive_share_min)), with more than a few usual trades
//! ([`size_medians_min`](MarkingTheOpen::size_medians_min)), and the last price moved in the person's
//! direction since the first trade ([`impact_min_ticks`](MarkingTheOpen::impact_min_ticks),
//! [`impact_sigmas_min`](MarkingTheOpen::impact_sigmas_min)). What happened overnight is not in that move.
//!
//! **Excused.** A headline since trading last ended, or since anything is known. The person had as much of
//! the volume before ([`pace_ratio_min`](MarkingTheOpen::pace_ratio_min) over
//! [`pace_s`](MarkingTheOpen::pace_s)). Trades against the imbalance that the venue publishes, inside the
//! prices of the minute before.
//!
//! **When.** At the end of each window. One episode for each person and open, of the shortest window that
//! shows it. The open is the change to continuous trading from anything but a halt, or
//! [`open_at_s`](MarkingTheOpen::open_at_s) of the day where that is given.
//!
//! **Score.** As at the close.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-5(d); 2017/565, Annex III.B, 9 and 10.
//!
//! **Known false positives.** Client orders for the open; trading that goes on after an auction within the
//! day opens too. **Known misses.** That the position is sold again is not waited for; a move of the whole
//! market is not taken off; what happens in the opening auction itself
//! ([P17](super::p17_auction_price)).

mod canary;
#[cfg(test)]
mod tests;

use super::marking::{Rules, Tape, Window};
use crate::desk::deed::What;
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::people::Person;
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::body::Phase;
use engine_observer::event::{Nanos, Price};

parameters! {
    /// The detector; the fields are its parameters.
    pub struct MarkingTheOpen = "P16" {
        /// The shortest window.
        window_1_s: u64 = 2, 1..=86400, "s", Judgement;
        /// How much of its volume is much.
        share_1_min: f64 = 0.5, 0.01..=1.0, "", Judgement;
        /// The second window.
        window_2_s: u64 = 60, 1..=86400, "s", Judgement;
        /// How much of its volume is much.
        share_2_min: f64 = 0.35, 0.01..=1.0, "", Judgement;
        /// The longest window.
        window_3_s: u64 = 300, 1..=86400, "s", Judgement;
        /// How much of its volume is much.
        share_3_min: f64 = 0.25, 0.01..=1.0, "", Judgement;
        /// How far the last price moves.
        impact_min_ticks: f64 = 2.0, 0.0..=100000.0, "ticks", Judgement;
        /// The same in usual moves of the window.
        impact_sigmas_min: f64 = 1.0, 0.0..=1000.0, "σ", Judgement;
        /// How much of the person's volume came to the others.
        aggressive_share_min: f64 = 0.7, 0.0..=1.0, "", Judgement;
        /// The person's volume, in medians of trades.
        size_medians_min: f64 = 3.0, 0.0..=100000.0, "×", Judgement;
        /// The least that the volume of a window counts as, of the day's usual one.
        usual_volume_share: f64 = 0.5, 0.0..=10.0, "", Published;
        /// The time before the window that the person's share is compared with.
        pace_s: u64 = 1800, 1..=86400, "s", Judgement;
        /// How many times the share is larger than it was then.
        pace_ratio_min: f64 = 1.5, 0.0..=1000.0, "×", Judgement;
        /// When continuous trading begins, in seconds of the day (UTC); 0 to go by the market's phase.
        open_at_s: u64 = 0, 0..=86399, "s", Judgement;
        /// Episodes of a day that raise an alert.
        episodes_min: u32 = 1, 1..=1000, "", Judgement;
        /// The score under which there is no episode.
        score_min: f64 = 15.0, 0.0..=100.0, "", Judgement;
    }
}

/// What is remembered about an instrument.
#[derive(Default)]
pub(crate) struct Memory {
    tape: Tape,
    /// The phase before the one that begins.
    was: Phase,
    /// When continuous trading last ended.
    closed_at: Option<Nanos>,
    /// The open whose windows are not over yet.
    opened_at: Option<Nanos>,
    /// The first price since then.
    first: Option<Price>,
    /// Windows that were looked at.
    looked_at: usize,
    /// The day of the last open, where its time is given.
    day: Option<u64>,
    /// Who was named at this open.
    named: Vec<Person>,
    tally: Tally,
}

kept!(Memory { tape, was, closed_at, opened_at, first, looked_at, day, named, tally });

const DAY: u64 = 86_400_000_000_000;

impl Pattern for MarkingTheOpen {
    type Memory = Memory;

    const WANTS: &'static [What] = &[What::Fill, What::Print, What::Phase];

    #[cfg(test)]
    const CONDITIONS: &'static [&'static str] = &[
        "share",
        "impact_ticks",
        "impact_sigmas",
        "aggressive_share",
        "size",
        "usual_share",
        "reduces_imbalance",
        "news",
    ];

    fn canary(&self) -> Option<Story> {
        (self.open_at_s == 0).then(canary::story)
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else {
            let phase = scene.market.phase;
            let was = std::mem::replace(&mut memory.was, phase);
            if was == Phase::Continuous && phase != Phase::Continuous {
                memory.closed_at = Some(scene.now);
            }
            let opens =
                phase == Phase::Continuous && !matches!(was, Phase::Halt | Phase::Continuous);
            if self.open_at_s == 0 && opens {
                self.open(memory, scene.now, scene.now, bench);
            }
            return;
        };
        if !scene.market.is_continuous() {
            return;
        }
        let day = deed.at.0 / DAY;
        if self.open_at_s > 0 && memory.day != Some(day) {
            let open_at = Nanos(day * DAY) + Nanos::from_secs(self.open_at_s);
            if deed.at >= open_at {
                memory.day = Some(day);
                self.open(memory, open_at, deed.at, bench);
            }
        }
        memory.tape.follow(deed);
        if memory.opened_at.is_some() && memory.first.is_none() {
            memory.first = deed.price;
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(opened_at) = memory.opened_at else { return };
        let windows = self.windows();
        while let Some(window) = windows.get(memory.looked_at) {
            let end = opened_at + Nanos::from_secs(window.seconds);
            if end > scene.now {
                return bench.wake_at(end);
            }
            memory.looked_at += 1;
            self.examine(memory, *window, scene, bench);
        }
        memory.opened_at = None;
    }
}

impl MarkingTheOpen {
    fn windows(&self) -> [Window; 3] {
        let mut windows = [
            Window { seconds: self.window_1_s, share_min: self.share_1_min },
            Window { seconds: self.window_2_s, share_min: self.share_2_min },
            Window { seconds: self.window_3_s, share_min: self.share_3_min },
        ];
        windows.sort_unstable_by_key(|window| window.seconds);
        windows
    }

    /// Trading began; windows that are over by now are not looked at.
    fn open(&self, memory: &mut Memory, at: Nanos, now: Nanos, bench: &mut Bench<'_>) {
        let ends = self.windows().map(|window| at + Nanos::from_secs(window.seconds));
        memory.looked_at = ends.iter().filter(|end| **end <= now).count();
        memory.named.clear();
        memory.first = None;
        memory.opened_at = ends.get(memory.looked_at).map(|_| at);
        ends.get(memory.looked_at).into_iter().for_each(|end| bench.wake_at(*end));
    }

    fn examine(
        &self,
        memory: &mut Memory,
        window: Window,
        scene: &Scene<'_>,
        bench: &mut Bench<'_>,
    ) {
        let rules = Rules {
            impact_min_ticks: self.impact_min_ticks,
            impact_sigmas_min: self.impact_sigmas_min,
            aggressive_share_min: self.aggressive_share_min,
            size_medians_min: self.size_medians_min,
            usual_volume_share: self.usual_volume_share,
            pace_s: self.pace_s,
            pace_ratio_min: self.pace_ratio_min,
            severity: Severity::Medium,
            repeats: Repeats {
                least: self.episodes_min,
                at_once: false,
                score_min: self.score_min,
            },
        };
        let Memory { tape, closed_at, first, named, tally, .. } = memory;
        let news_at = scene.market.news_at;
        let has_news = news_at.is_some_and(|news| closed_at.is_none_or(|closed| news >= closed));
        rules.examine(&[window], (tape, tally), *first, named, scene, bench, |case| {
            case.unless_that("news", has_news);
        });
    }
}
