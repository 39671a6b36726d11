//! All messages of an instrument: how many now, and how many are usual.

use super::QuoteStuffing;
use crate::baseline::Baseline;
use crate::window::Mark;
use engine_observer::event::{Nanos, Reader, Snapshot, SnapshotError, Writer};

/// The messages of the last second, and the usual count of a calendar second.
pub(super) struct Traffic {
    tenths: Tenths,
    /// All messages so far.
    messages: u32,
    usual: Baseline,
    /// The second that is being counted; none when the last one was broken off.
    current: Option<Second>,
}

/// Counts by tenths of a second, the last of which is the one that time stands in. Stragglers count there;
/// time that runs back by a second or more is a clock that was set.
#[derive(Clone, Copy, Default)]
struct Tenths {
    counts: [u32; 10],
    /// Counted from the epoch.
    latest: u64,
}

#[derive(Clone, Copy)]
struct Second {
    /// Counted from the epoch.
    number: u64,
    messages: u32,
    /// Whether a burst that counts fell into it: nothing is learned from that.
    disturbed: bool,
}

/// Seconds without a message that are learned from, at most; a longer silence is a break.
const SILENT_SECONDS_MAX: u64 = 300;
/// A clock that goes back by more seconds than this was set.
const STRAGGLING_SECONDS_MAX: u64 = 5;

impl Traffic {
    pub(super) fn new(idea: &QuoteStuffing) -> Self {
        let (rate, worth) = (idea.prior_rate_per_s, idea.prior_worth_s);
        Self {
            tenths: Tenths::default(),
            messages: 0,
            usual: Baseline::supposed(rate, rate.sqrt(), worth),
            current: None,
        }
    }

    /// One more message.
    #[inline]
    pub(super) fn take(&mut self, idea: &QuoteStuffing, mark: Mark) {
        let number = mark.at.0 / 1_000_000_000;
        if self.current.is_none_or(|second| second.number != number) {
            self.begin_second(number, idea);
        }
        if let Some(second) = &mut self.current {
            second.messages += 1;
        }
        self.tenths.add(mark.at);
        self.messages = self.messages.wrapping_add(1);
    }

    /// Learns from the second that is over, and from the silence since.
    fn begin_second(&mut self, number: u64, idea: &QuoteStuffing) {
        if let Some(second) = self.current {
            if second.number > number && second.number - number <= STRAGGLING_SECONDS_MAX {
                return; // a straggler counts in the current second
            }
            if second.number < number {
                if !second.disturbed {
                    self.learn(second.messages, idea);
                }
                let silent = (number - second.number - 1).min(SILENT_SECONDS_MAX);
                self.usual.take_zeros(silent, idea.usual_span_s);
            }
        }
        self.current = Some(Second { number, messages: 0, disturbed: false });
    }

    /// A surge is learned from as if it were just not one: a single one moves little, so that it still is
    /// one in its next second; a lasting one is usual after some minutes.
    fn learn(&mut self, messages: u32, idea: &QuoteStuffing) {
        let messages = f64::from(messages);
        let surge = |sd: f64| self.usual.mean() + idea.others_z_max * sd;
        // No deviation is less than 1, so that most seconds need no look at it.
        let learned =
            if messages <= surge(1.0) { messages } else { messages.min(surge(self.sd())) };
        self.usual.take(learned, idea.usual_span_s);
    }

    /// Nothing is learned from this second.
    #[inline]
    pub(super) fn disturb(&mut self) {
        if let Some(second) = &mut self.current {
            second.disturbed = true;
        }
    }

    /// Trading stops or begins: the second is broken off, and what was counted is forgotten.
    pub(super) fn pause(&mut self) {
        self.current = None;
        self.tenths.counts = [0; 10];
    }

    /// Messages within 1 s that make a burst.
    pub(super) fn rate_min(&self, idea: &QuoteStuffing) -> u32 {
        let unusual = self.usual.mean() + idea.rate_sd_min * self.sd();
        idea.rate_min_per_s.max(unusual.ceil() as u32)
    }

    /// Arrivals that are independent of one another vary by the root of their mean: less than that is
    /// chance, not regularity.
    fn sd(&self) -> f64 {
        self.usual.sd().max(self.usual.mean().sqrt()).max(1.0)
    }

    /// How many standard deviations this many messages within a second are above what is usual.
    pub(super) fn z_of(&self, messages: u32) -> f64 {
        (f64::from(messages) - self.usual.mean()) / self.sd()
    }

    /// Messages within the last second.
    pub(super) fn messages_1s(&self) -> u32 {
        self.tenths.counts.iter().sum()
    }

    /// All messages so far; a day holds fewer than 2³².
    #[inline]
    pub(super) fn messages(&self) -> u32 {
        self.messages
    }
}

impl Tenths {
    #[inline]
    fn add(&mut self, at: Nanos) {
        let number = at.0 / 100_000_000;
        if number != self.latest {
            self.turn(number);
        }
        self.counts[(self.latest % 10) as usize] += 1;
    }

    #[inline]
    fn turn(&mut self, number: u64) {
        if number.abs_diff(self.latest) >= 10 {
            self.counts = [0; 10];
            self.latest = number;
        }
        while self.latest < number {
            self.latest += 1;
            self.counts[(self.latest % 10) as usize] = 0;
        }
    }
}

impl Snapshot for Traffic {
    const VERSION: u16 = 2;

    fn save(&self, to: &mut Writer) {
        self.tenths.counts.iter().for_each(|count| to.u32(*count));
        to.u64(self.tenths.latest);
        to.u32(self.messages);
        to.part(&self.usual);
        to.bool(self.current.is_some());
        if let Some(Second { number, messages, disturbed }) = self.current {
            to.u64(number);
            to.u32(messages);
            to.bool(disturbed);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        for count in &mut self.tenths.counts {
            *count = from.u32()?;
        }
        self.tenths.latest = from.u64()?;
        self.messages = from.u32()?;
        from.part(&mut self.usual)?;
        self.current = match from.bool()? {
            true => {
                let (number, messages) = (from.u64()?, from.u32()?);
                Some(Second { number, messages, disturbed: from.bool()? })
            }
            false => None,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_seconds(seconds: u64, messages: u64, disturbed: bool) -> Traffic {
        let idea = QuoteStuffing::default();
        let mut traffic = Traffic::new(&idea);
        for number in 0..seconds * messages {
            let at = Nanos(number * 1_000_000_000 / messages);
            traffic.take(&idea, Mark { seq: number, at });
            if disturbed {
                traffic.disturb();
            }
        }
        traffic
    }

    #[test]
    fn a_quiet_instrument_keeps_the_least_rate_and_a_busy_one_gets_its_own() {
        assert_eq!(after_seconds(600, 20, false).rate_min(&QuoteStuffing::default()), 500);
        let busy = after_seconds(600, 400, false);
        assert!(
            (780..=2_500).contains(&busy.rate_min(&QuoteStuffing::default())),
            "{}",
            busy.rate_min(&QuoteStuffing::default())
        );
        assert!(busy.z_of(400).abs() < 1.0 && busy.z_of(2_000) > 5.0);
    }

    #[test]
    fn a_surge_of_some_seconds_stays_a_surge() {
        let idea = QuoteStuffing::default();
        let mut traffic = after_seconds(300, 20, false);
        for number in 0..5 * 8_000 {
            let at = Nanos::from_secs(300) + Nanos(number * 125_000);
            traffic.take(&idea, Mark { seq: number, at });
        }
        assert!(traffic.z_of(8_000) > 100.0 && traffic.rate_min(&QuoteStuffing::default()) == 500);
    }

    #[test]
    fn nothing_is_learned_from_a_disturbed_second() {
        assert_eq!(after_seconds(600, 400, true).rate_min(&QuoteStuffing::default()), 500);
    }

    #[test]
    fn a_clock_that_jumps_is_no_history() {
        let idea = QuoteStuffing::default();
        let mut traffic = Traffic::new(&idea);
        for (seq, second) in [10, 1 << 33, 11, 12, 9, 0].into_iter().enumerate() {
            traffic.take(&idea, Mark { seq: seq as u64, at: Nanos::from_secs(second) });
        }
        assert_eq!((traffic.rate_min(&idea), traffic.messages), (500, 6));
    }
}
