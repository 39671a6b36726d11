//! The alert log: every alert at once, and again when it is final.

use crate::findings;
use engine_assembly::{Outlet, Roll};
use engine_audit::Block;
use engine_audit::layout::{Stream, side};
use engine_event::{Clock, Nanos, RealClock};
use engine_journal::{Disk, Durable, Intake, Reader, RecoveryError, Safety};
use engine_observer::{Alert, Finding};
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use zerocopy::IntoBytes;

/// An alert that an earlier run has logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Logged {
    /// Its number in the log.
    pub(crate) number: u64,
    /// Its event.
    pub(crate) seq: u64,
    /// A hash of its text.
    text: u64,
    /// Whether the log says that it is final.
    pub(crate) is_final: bool,
}

/// Logs alerts, those apart that an earlier run has logged already.
pub(crate) struct AlertLog {
    intake: Intake,
    /// What must be found again while the journal's tail is replayed.
    expected: VecDeque<Logged>,
    /// The tail's last event; up to there nothing new is found.
    end: u64,
    compares: bool,
    /// The tail has holes: behind them something else may be found than the first time.
    has_holes: bool,
    /// Which events are durable.
    events: Durable,
    /// Numbers and events of alerts that are not final.
    provisional: VecDeque<(u64, u64)>,
    clock: RealClock,
    body: Vec<u8>,
}

impl AlertLog {
    /// A log for a run that begins after an event, behind which earlier runs have left some more.
    pub(super) fn new(
        (mut intake, events): (Intake, Durable),
        mut logged: Vec<Logged>,
        (after, end): (u64, u64),
        (compares, holes): (bool, &[(u64, u64)]),
    ) -> Self {
        let clock = RealClock::new();
        let is_left_out = |one: &Logged| {
            holes.iter().any(|(first, last)| (*first..=*last).contains(&one.seq)) && !one.is_final
        };
        for one in logged.extract_if(.., |one| is_left_out(one)) {
            intake.note(side::WITHHELD, one.number.as_bytes(), clock.now());
        }
        // Their events turned out to be durable.
        let durable = logged.iter().rev().find(|one| one.seq <= end);
        if let Some(last) = durable.filter(|last| !last.is_final) {
            intake.note(side::FINAL, [last.number, end].as_bytes(), clock.now());
        }
        // The power took their events.
        if let Some(first) = logged.iter().find(|one| one.seq > end) {
            intake.note(side::WITHDRAWN, first.number.as_bytes(), clock.now());
        }
        let known = logged.into_iter().filter(|one| (after + 1..=end).contains(&one.seq));
        let expected = known.collect();
        let (provisional, body) = (VecDeque::new(), Vec::new());
        let has_holes = !holes.is_empty();
        Self { intake, expected, end, compares, has_holes, events, provisional, clock, body }
    }

    /// Whether an alert is logged already. The log may be behind the events, but what it has comes in the
    /// same order again.
    fn is_known(&mut self, seq: u64) -> io::Result<bool> {
        if seq > self.end {
            return Ok(false);
        }
        if !self.compares {
            return Ok(true);
        }
        let text = xxhash_rust::xxh3::xxh3_64(&self.body[8..]);
        if self.has_holes {
            let is_same = |one: &Logged| (one.seq, one.text) == (seq, text);
            return Ok(self.expected.iter().any(is_same));
        }
        match self.expected.pop_front() {
            None => Ok(false),
            Some(one) if (one.seq, one.text) == (seq, text) => Ok(true),
            Some(one) => {
                let what = "is found again otherwise than the alert log has it: as alert";
                Err(io::Error::other(format!("event {seq}: an alert {what} {}", one.number)))
            }
        }
    }

    /// An alert of an earlier run that is not found again.
    fn missing(&self, before: u64) -> io::Result<()> {
        let is_strict = self.compares && !self.has_holes;
        match self.expected.front().filter(|one| is_strict && one.seq < before) {
            None => Ok(()),
            Some(one) => {
                let what = format!(
                    "event {}: alert {} of the alert log is not found again",
                    one.seq, one.number
                );
                Err(io::Error::other(what))
            }
        }
    }
}

impl Outlet for AlertLog {
    fn take(&mut self, _: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn provisional(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        if alert.is_none() {
            return Ok(());
        }
        let seq = finding.place.seq;
        self.body.clear();
        self.body.extend(seq.to_le_bytes());
        findings::write(&mut self.body, finding, alert, roll)?;
        if self.is_known(seq)? {
            return Ok(());
        }
        self.missing(seq)?;
        let number = self.intake.note(side::ALERT, &self.body, self.clock.now());
        self.provisional.push_back((number, seq));
        Ok(())
    }

    fn final_up_to(&mut self, next: u64) -> io::Result<()> {
        let mut last = None;
        while let Some((number, seq)) = self.provisional.front()
            && *seq < next
        {
            if self.events.safety(*seq) == Safety::Never {
                self.intake.note(side::WITHHELD, number.as_bytes(), self.clock.now());
            } else {
                last = Some(*number);
            }
            self.provisional.pop_front();
        }
        if let Some(last) = last {
            self.intake.note(side::FINAL, [last, next - 1].as_bytes(), self.clock.now());
        }
        Ok(())
    }

    fn wants_signals(&self) -> bool {
        false
    }

    fn wants_provisional(&self) -> bool {
        true
    }

    fn turn(&mut self, now: Nanos) -> io::Result<()> {
        self.intake.turn(now);
        match self.intake.durable().failure() {
            Some(failure) if self.intake.durable().has_failed() => Err(io::Error::other(failure)),
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> io::Result<bool> {
        self.intake.close();
        if !self.intake.is_over() {
            return Ok(false);
        }
        self.missing(u64::MAX)?;
        Ok(true)
    }
}

/// The alert log of a journal, as it stands.
#[derive(Default)]
pub(crate) struct Standing {
    /// Alerts that were not withdrawn.
    pub(crate) logged: Vec<Logged>,
    /// How many were.
    pub(crate) withdrawn: u64,
}

impl Standing {
    /// How many are final.
    pub(crate) fn finals(&self) -> u64 {
        self.logged.iter().filter(|one| one.is_final).count() as u64
    }

    /// Reads it; `seen` is shown the text of each alert as it comes.
    pub(crate) fn read<D: Disk>(
        disk: D,
        journal: &Path,
        mut seen: impl FnMut(&Logged, &[u8]),
    ) -> Result<Self, RecoveryError> {
        let mut reader = Reader::open(disk, journal, Stream::Alerts, 1)?;
        let mut standing = Self::default();
        let mut look = |_: &Path, block: &Block<'_>| {
            for (number, (kind, body)) in (block.header.first.get()..).zip(block.sides()) {
                let Some((seq, text)) = body.split_first_chunk::<8>() else { continue };
                if let Some(logged) = standing.enter((number, kind), u64::from_le_bytes(*seq), text)
                {
                    seen(logged, text);
                }
            }
        };
        while reader.next(&mut look)?.is_some() {}
        Ok(standing)
    }

    /// Enters a record; `of` is an alert's event, or the number that a record is about.
    fn enter(&mut self, (number, kind): (u64, u16), of: u64, text: &[u8]) -> Option<&Logged> {
        match kind {
            side::ALERT => {
                let text = xxhash_rust::xxh3::xxh3_64(text);
                self.logged.push(Logged { number, seq: of, text, is_final: false });
                return self.logged.last();
            }
            side::FINAL => {
                let fresh = self.logged.iter_mut().rev().take_while(|one| !one.is_final);
                fresh.filter(|one| one.number <= of).for_each(|one| one.is_final = true);
            }
            side::WITHDRAWN => {
                let before = self.logged.len();
                self.logged.retain(|one| one.number < of);
                self.withdrawn += (before - self.logged.len()) as u64;
            }
            side::WITHHELD => {
                let before = self.logged.len();
                self.logged.retain(|one| one.number != of);
                self.withdrawn += (before - self.logged.len()) as u64;
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of the alerts that stand, those that are final in brackets; and how many do not stand.
    fn check(records: &[(u64, u16, u64)], expected: (&str, u64)) {
        let mut standing = Standing::default();
        for (number, kind, of) in records {
            standing.enter((*number, *kind), *of, b"{}");
        }
        let shown = |one: &Logged| match one.is_final {
            true => format!("[{}]", one.number),
            false => one.number.to_string(),
        };
        let shown: Vec<_> = standing.logged.iter().map(shown).collect();
        assert_eq!((&*shown.join(" "), standing.withdrawn), expected);
    }

    #[test]
    fn what_stands_is_what_was_not_taken_back() {
        use side::{ALERT, FINAL, WITHDRAWN, WITHHELD};
        check(&[(1, ALERT, 10), (2, ALERT, 20)], ("1 2", 0));
        check(&[(1, ALERT, 10), (2, ALERT, 20), (3, FINAL, 1)], ("[1] 2", 0));
        let crashed = [(1, ALERT, 10), (2, ALERT, 20), (3, WITHDRAWN, 2), (4, ALERT, 20)];
        check(&crashed, ("1 4", 1));
        let with_hole = [(1, ALERT, 10), (2, ALERT, 20), (3, WITHHELD, 1), (4, FINAL, 2)];
        check(&with_hole, ("[2]", 1));
    }
}
