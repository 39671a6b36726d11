//! P15, marking the close: somebody's trades in the last moments of continuous trading set the price by
//! which the day is valued.
//!
//! **What.** When continuous trading ends, three windows before the end are looked at
//! ([`window_1_s`](MarkingTheClose::window_1_s), [`window_2_s`](MarkingTheClose::window_2_s),
//! [`window_3_s`](MarkingTheClose::window_3_s)). In one of them
//! - a person has much of the volume ([`share_1_min`](MarkingTheClose::share_1_min) and so on; the volume
//!   counts as no less than [`usual_volume_share`](MarkingTheClose::usual_volume_share) of a usual one, so
//!   that the only trade of a window is not all of it),
//! - mostly as the one who comes ([`aggressive_share_min`](MarkingTheClose::aggressive_share_min)), and more
//!   than a few usual trades ([`size_medians_min`](MarkingTheClose::size_medians_min)),
//! - and the last price moved in the person's direction, by ticks and by what is usual in such a time
//!   ([`impact_min_ticks`](MarkingTheClose::impact_min_ticks),
//!   [`impact_sigmas_min`](MarkingTheClose::impact_sigmas_min)).
//!
//! **Excused.** The person had as much of the volume all along
//! ([`pace_ratio_min`](MarkingTheClose::pace_ratio_min) over [`pace_s`](MarkingTheClose::pace_s)): a
//! programme. Trades against the imbalance that the venue publishes, inside the prices of the minute
//! before.
//!
//! **When.** With the change from continuous trading to an auction, a pause before it, or the end; at
//! [`close_at_s`](MarkingTheClose::close_at_s) of the day where that is given. One episode for each person
//! and close, of the shortest window that shows it.
//!
//! **Score.** Share, move, how much came, and what is held beyond what was just traded. The ranges begin
//! below the thresholds and the least score is low: the conditions decide, the score ranks.
//!
//! **Source.** MAR: Delegated Regulation (EU) 2016/522, Annex II, S1-5(d), 7(a); 2017/565, Annex III.B, 9
//! and 10; the last two seconds from SEC v. Athena, where more than 70 % of their volume was one firm's.
//!
//! **Known false positives.** Client orders for the close and trades for an index: baskets that were
//! announced are not in the data; a pause by auction within the day ends continuous trading too. **Known
//! misses.** That the price comes back the next day is not waited for; a move of the whole market is not
//! taken off; positions in other instruments; trades spread over longer than the windows.

mod canary;
#[cfg(test)]
mod tests;

use super::marking::{Rules, Tape, Window};
use crate::desk::deed::What;
use crate::desk::kept::kept;
use crate::desk::parameters::parameters;
use crate::desk::pattern::{Bench, Pattern, Repeats, Scene};
use crate::desk::story::Story;
use crate::desk::tally::Tally;
use engine_observer::Severity;
use engine_observer::event::Nanos;
use engine_observer::event::body::Phase;

parameters! {
    /// The detector; the fields are its parameters.
    pub struct MarkingTheClose = "P15" {
        /// The shortest window.
        window_1_s: u64 = 2, 1..=86400, "s", Case;
        /// How much of its volume is much.
        share_1_min: f64 = 0.5, 0.01..=1.0, "", Judgement;
        /// The second window.
        window_2_s: u64 = 60, 1..=86400, "s", Judgement;
        /// How much of its volume is much.
        share_2_min: f64 = 0.35, 0.01..=1.0, "", Judgement;
        /// The longest window.
        window_3_s: u64 = 600, 1..=86400, "s", Judgement;
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
        /// When continuous trading ends, in seconds of the day (UTC); 0 to go by the market's phase.
        close_at_s: u64 = 0, 0..=86399, "s", Judgement;
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
    /// The close that is waited for, where its time is given.
    close_at: Option<Nanos>,
    tally: Tally,
}

kept!(Memory { tape, was, close_at, tally });

const DAY: u64 = 86_400_000_000_000;

impl Pattern for MarkingTheClose {
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
    ];

    fn canary(&self) -> Option<Story> {
        (self.close_at_s == 0).then(canary::story)
    }

    fn see(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let Some(deed) = scene.deed else {
            let was = std::mem::replace(&mut memory.was, scene.market.phase);
            let was_open = matches!(was, Phase::Continuous | Phase::Unknown);
            let ends = matches!(scene.market.phase, Phase::Auction | Phase::PreOpen | Phase::Close);
            if self.close_at_s == 0 && was_open && ends {
                self.close(memory, scene, bench);
            }
            return;
        };
        if self.close_at_s > 0 && memory.close_at.is_none() {
            let close_at = Nanos(deed.at.0 / DAY * DAY) + Nanos::from_secs(self.close_at_s);
            if deed.at < close_at {
                memory.close_at = Some(close_at);
                bench.wake_at(close_at);
            }
        }
        if scene.market.is_continuous() {
            memory.tape.follow(deed);
        }
    }

    fn on_time(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        if memory.close_at.is_some_and(|close_at| close_at <= scene.now) {
            memory.close_at = None;
            self.close(memory, scene, bench);
        }
    }
}

impl MarkingTheClose {
    fn close(&self, memory: &mut Memory, scene: &Scene<'_>, bench: &mut Bench<'_>) {
        let windows = [
            Window { seconds: self.window_1_s, share_min: self.share_1_min },
            Window { seconds: self.window_2_s, share_min: self.share_2_min },
            Window { seconds: self.window_3_s, share_min: self.share_3_min },
        ];
        let rules = Rules {
            impact_min_ticks: self.impact_min_ticks,
            impact_sigmas_min: self.impact_sigmas_min,
            aggressive_share_min: self.aggressive_share_min,
            size_medians_min: self.size_medians_min,
            usual_volume_share: self.usual_volume_share,
            pace_s: self.pace_s,
            pace_ratio_min: self.pace_ratio_min,
            severity: Severity::High,
            repeats: Repeats {
                least: self.episodes_min,
                at_once: false,
                score_min: self.score_min,
            },
        };
        let memory = (&memory.tape, &mut memory.tally);
        rules.examine(&windows, memory, None, &mut Vec::new(), scene, bench, |_| {});
    }
}
