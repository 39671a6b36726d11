//! What happens to a finished tape on its way: lines lost, late, doubled, stamped by a clock that is off, and
//! deletions that never were told.
//!
//! Lines are numbered before anything is done to them, so that a reader can tell what is missing. Only
//! ghosts, deletions that the venue itself never sent, leave no hole.

use crate::chance::{Chance, blended};
use engine_event::{Event, Kind, Nanos, SubjectId};
use rustc_hash::FxHashSet;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is to happen.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Settings {
    /// The share of lines that get lost.
    pub lose: f64,
    /// Each line comes up to so many nanoseconds late.
    pub reorder_ns: u64,
    /// The share of lines that come twice.
    pub duplicate: f64,
    /// By how much a venue's clock is off, in nanoseconds.
    pub clock_offset_ns: i64,
    /// How many deletions an hour are never told.
    pub ghosts_per_hour: f64,
    /// Everything follows from it.
    pub seed: u64,
}

impl Settings {
    /// Whether anything is to happen at all.
    pub fn is_calm(&self) -> bool {
        let Self { lose, duplicate, ghosts_per_hour, .. } = *self;
        let none = lose <= 0.0 && duplicate <= 0.0 && ghosts_per_hour <= 0.0;
        none && self.reorder_ns == 0 && self.clock_offset_ns == 0
    }
}

/// A line of the tape: its number and what it tells.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Line {
    /// The venue's number.
    pub number: u64,
    /// What it tells.
    pub event: Event,
}

/// How often each thing happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Toll {
    /// Lines lost.
    pub lost: u64,
    /// Lines that came twice.
    pub doubled: u64,
    /// Deletions that were never told.
    pub ghosts: u64,
}

/// Numbers lines and lets things happen to them.
#[derive(Debug)]
pub struct Stress {
    settings: Settings,
    chance: Chance,
    /// Subjects of the venue whose clock is off.
    off: FxHashSet<SubjectId>,
    number: u64,
    /// On their way: when they come, in which order they were sent, and what they are.
    coming: BinaryHeap<Reverse<(Nanos, u64, u64)>>,
    lines: rustc_hash::FxHashMap<u64, Line>,
    sent: u64,
    /// When the next deletion is left out.
    ghost_at: Option<Nanos>,
    /// What happened.
    pub toll: Toll,
}

impl Stress {
    /// Before the first line; `off` are the subjects of the venue whose clock is off.
    pub fn new(settings: Settings, off: impl IntoIterator<Item = SubjectId>) -> Self {
        Self {
            settings,
            chance: Chance::new(blended(&[settings.seed, 0x57e5])),
            off: off.into_iter().collect(),
            number: 0,
            coming: BinaryHeap::new(),
            lines: rustc_hash::FxHashMap::default(),
            sent: 0,
            ghost_at: None,
            toll: Toll::default(),
        }
    }

    /// Whether lines come as they were sent.
    pub fn is_calm(&self) -> bool {
        self.settings.is_calm()
    }

    /// Sends an event; gives on what has come by then.
    pub fn send(&mut self, event: Event, out: &mut Vec<Line>) {
        let now = event.event_at;
        if self.is_ghost(&event) {
            self.toll.ghosts += 1;
            return self.arrive(now, out);
        }
        self.number += 1;
        // What was missing in the base is missing here: a hole of one.
        if event.kind() == Kind::Gap {
            return self.arrive(now, out);
        }
        let mut event = event;
        if self.off.contains(&event.subject) {
            event.event_at = Nanos(now.0.saturating_add_signed(self.settings.clock_offset_ns));
        }
        let line = Line { number: self.number, event };
        if self.chance.happens(self.settings.lose) {
            self.toll.lost += 1;
        } else {
            self.on_its_way(now, line);
            if self.chance.happens(self.settings.duplicate) {
                self.toll.doubled += 1;
                self.on_its_way(now, line);
            }
        }
        self.arrive(now, out);
    }

    /// The last line was sent: what is on its way comes.
    pub fn finish(&mut self, out: &mut Vec<Line>) {
        self.arrive(Nanos::END, out);
    }

    fn on_its_way(&mut self, now: Nanos, line: Line) {
        let late = self.chance.whole(0..=self.settings.reorder_ns);
        self.sent += 1;
        self.coming.push(Reverse((now + Nanos(late), self.sent, self.sent)));
        self.lines.insert(self.sent, line);
    }

    fn arrive(&mut self, now: Nanos, out: &mut Vec<Line>) {
        while self.coming.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, _, sent))) = self.coming.pop() else { return };
            out.extend(self.lines.remove(&sent));
        }
    }

    /// Whether this deletion is never told: the first one after each time that chance has chosen.
    fn is_ghost(&mut self, event: &Event) -> bool {
        if self.settings.ghosts_per_hour <= 0.0 {
            return false;
        }
        let mean = 3_600e9 / self.settings.ghosts_per_hour;
        let chance = &mut self.chance;
        let mut wait = || (-chance.between(1e-9, 1.0).ln() * mean) as u64;
        let due = *self.ghost_at.get_or_insert_with(|| event.event_at + Nanos(wait()));
        let is_due = event.kind() == Kind::Delete && event.event_at >= due;
        if is_due {
            self.ghost_at = Some(event.event_at + Nanos(wait()));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_event::OrderId;
    use engine_event::body::Order;

    /// 10,000 deletions, a millisecond apart.
    fn sent(settings: Settings) -> (Vec<Line>, Toll) {
        let mut stress = Stress::new(settings, [SubjectId(1)]);
        let mut out = Vec::new();
        for n in 1..=10_000u64 {
            let body = Order::gone(OrderId(n));
            let event = Event::new(SubjectId(n as u32 % 2), Nanos(n * 1_000_000), body);
            stress.send(event.with_kind(Kind::Delete), &mut out);
        }
        stress.finish(&mut out);
        (out, stress.toll)
    }

    #[test]
    fn without_stress_lines_are_only_numbered() {
        let (lines, toll) = sent(Settings::default());
        assert!(lines.iter().zip(1..).all(|(line, number)| line.number == number));
        assert_eq!((lines.len(), toll), (10_000, Toll::default()));
    }

    #[test]
    fn what_is_lost_leaves_a_hole_and_a_ghost_leaves_none() {
        let (lines, toll) = sent(Settings { lose: 0.01, ..Settings::default() });
        assert_eq!(lines.len() as u64 + toll.lost, 10_000);
        assert!((60..140).contains(&toll.lost), "{toll:?}");
        assert_eq!(lines.last().unwrap().number, 10_000);
        let (lines, toll) = sent(Settings { ghosts_per_hour: 18_000.0, ..Settings::default() });
        assert!((25..80).contains(&toll.ghosts), "{toll:?}");
        let count = 10_000 - toll.ghosts;
        assert_eq!((lines.len() as u64, lines.last().unwrap().number), (count, count));
    }

    #[test]
    fn late_lines_are_not_later_than_said_and_doubles_are_alike() {
        let settings = Settings { reorder_ns: 5_000_000, duplicate: 0.02, ..Settings::default() };
        let (lines, toll) = sent(settings);
        assert_eq!(lines.len() as u64, 10_000 + toll.doubled);
        assert!((140..260).contains(&toll.doubled), "{toll:?}");
        let mut latest = 0;
        let mut late = 0;
        for line in &lines {
            assert!(line.number + 5 >= latest, "five milliseconds are five lines");
            late += u32::from(line.number < latest);
            latest = latest.max(line.number);
        }
        assert!(late > 2_000, "{late}");
        let numbers: FxHashSet<u64> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers.len(), 10_000);
    }

    #[test]
    fn a_clock_is_off_at_one_venue() {
        let (lines, _) = sent(Settings { clock_offset_ns: -100_000, ..Settings::default() });
        assert_eq!(lines[0].event.event_at, Nanos(900_000));
        assert_eq!(lines[1].event.event_at, Nanos(2_000_000));
    }
}
