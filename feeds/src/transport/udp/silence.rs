//! A live feed of which nothing comes: neither messages nor what a venue sends to show that it is there.

use engine_event::body::Gap;
use engine_event::{Clock, Event, Fault, Nanos, SubjectId, WallClock};
use engine_pipeline::Tally;

const DAY: Nanos = Nanos::from_secs(86_400);

/// Notices that nothing came for too long, once until something comes. Spans are by the clock of whoever
/// polls the feed.
#[derive(Debug)]
pub(super) struct Silence {
    after: Option<Nanos>,
    midnight: Option<Nanos>,
    /// When a packet came last, or the feed was polled first.
    since: Option<Nanos>,
    is_told: bool,
    span: Nanos,
}

impl Silence {
    /// A feed whose day begins at `midnight`, if that was said.
    pub(super) fn after(after: Option<Nanos>, midnight: Option<Nanos>) -> Self {
        Self { after, midnight, since: None, is_told: false, span: Nanos(0) }
    }

    /// A packet has come.
    #[inline]
    pub(super) fn end(&mut self, now: Nanos) {
        (self.since, self.is_told) = (Some(now), false);
    }

    /// Nothing has come: whether that is to be told.
    #[inline]
    pub(super) fn is_over(&mut self, now: Nanos) -> bool {
        let Some(after) = self.after.filter(|_| !self.is_told) else { return false };
        self.span = now.since(*self.since.get_or_insert(now));
        self.span >= after
    }

    /// What everybody is told. It happened so long after the last message, by the feed's own time; where
    /// none came yet, now, on the feed's day.
    #[cold]
    pub(super) fn tell(&mut self, tally: &mut Tally, packets: u64) -> Event {
        self.is_told = true;
        tally.gaps += 1;
        tally.fault(Fault::Silent, packets);
        let now = WallClock.now();
        let today = self.midnight.map_or(now, |midnight| midnight + Nanos(now.0 % DAY.0));
        let at = tally.last_at.map_or(today, |last| last + self.span);
        Event::new(SubjectId::EVERY, at, Gap::new(packets, 0, Fault::Silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_told_once_and_again_when_there_is_another() {
        let mut silence = Silence::after(Some(Nanos(60)), None);
        let mut tally = Tally::default();
        let told = [10, 69, 70, 71, 500].map(|now| {
            let is_over = silence.is_over(Nanos(now));
            if is_over {
                silence.tell(&mut tally, 0);
            }
            is_over
        });
        assert_eq!(told, [false, false, true, false, false], "since it was polled first");
        silence.end(Nanos(600));
        assert!(!silence.is_over(Nanos(659)));
        tally.message(b'A', Nanos(5_000));
        assert!(silence.is_over(Nanos(665)));
        let event = silence.tell(&mut tally, 3);
        assert_eq!(event.event_at, Nanos(5_065), "by the time of what was told last");
        assert_eq!(event.body::<Gap>().reason(), Fault::Silent);
        assert_eq!((tally.gaps, tally.faults.of(Fault::Silent)), (2, 2));
    }

    #[test]
    fn the_day_is_the_feed_s_own() {
        let midnight = Nanos::from_secs(20_000 * 86_400);
        let mut silence = Silence::after(Some(Nanos(1)), Some(midnight));
        let at = silence.tell(&mut Tally::default(), 0).event_at;
        assert!(at >= midnight && at < midnight + DAY);
        assert!(!Silence::after(None, None).is_over(Nanos::END));
    }
}
