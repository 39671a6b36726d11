//! The alert log: every alert at once, and again when it is final.

use crate::findings;
use engine_assembly::{Outlet, Roll};
use engine_audit::Block;
use engine_audit::layout::{Stream, side};
use engine_event::{Clock, Nanos, RealClock};
use engine_journal::{Disk, Intake, Reader, RecoveryError};
use engine_observer::{Alert, Finding};
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use zerocopy::IntoBytes;

/// An alert that an earlier run has logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Logged {
    /// Its number in the log.
    number: u64,
    /// Its event.
    seq: u64,
    /// A hash of its text.
    text: u64,
}

/// Logs alerts, those apart that an earlier run has logged already.
pub(crate) struct AlertLog {
    intake: Intake,
    /// What must be found again while the journal's tail is replayed.
    expected: VecDeque<Logged>,
    /// The tail's last event; up to there nothing new is found.
    end: u64,
    compares: bool,
    /// Numbers and events of alerts that are not final.
    provisional: VecDeque<(u64, u64)>,
    clock: RealClock,
    body: Vec<u8>,
}

impl AlertLog {
    /// A log for a run that begins after an event, behind which earlier runs have left some more.
    pub(super) fn new(
        mut intake: Intake,
        logged: Vec<Logged>,
        (after, end): (u64, u64),
        compares: bool,
    ) -> Self {
        let clock = RealClock::new();
        // The power took their events.
        if let Some(first) = logged.iter().find(|one| one.seq > end) {
            intake.note(side::WITHDRAWN, first.number.as_bytes(), clock.now());
        }
        let known = logged.into_iter().filter(|one| (after + 1..=end).contains(&one.seq));
        let expected = known.collect();
        let (provisional, body) = (VecDeque::new(), Vec::new());
        Self { intake, expected, end, compares, provisional, clock, body }
    }

    fn known(&mut self, seq: u64) -> io::Result<()> {
        if !self.compares {
            return Ok(());
        }
        let text = xxhash_rust::xxh3::xxh3_64(&self.body[8..]);
        match self.expected.pop_front() {
            Some(one) if (one.seq, one.text) == (seq, text) => Ok(()),
            found => {
                let logged =
                    found.map_or("none".to_string(), |one| format!("alert {}", one.number));
                let what = format!(
                    "event {seq}: an alert is found again, and the alert log has {logged} here"
                );
                Err(io::Error::other(what))
            }
        }
    }

    /// An alert of an earlier run that is not found again.
    fn missing(&self, before: u64) -> io::Result<()> {
        match self.expected.front().filter(|one| self.compares && one.seq < before) {
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
        if seq <= self.end {
            return self.known(seq);
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
            last = Some(*number);
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

/// The alerts of a journal's log that stand.
pub(super) fn logged<D: Disk>(disk: D, journal: &Path) -> Result<Vec<Logged>, RecoveryError> {
    let mut reader = Reader::open(disk, journal, Stream::Alerts, 1)?;
    let mut logged: Vec<Logged> = Vec::new();
    let look = |_: &Path, block: &Block<'_>| {
        for (number, (kind, body)) in (block.header.first.get()..).zip(block.sides()) {
            let Some((seq, text)) = body.split_first_chunk::<8>() else { continue };
            let seq = u64::from_le_bytes(*seq);
            match kind {
                side::ALERT => {
                    let text = xxhash_rust::xxh3::xxh3_64(text);
                    logged.push(Logged { number, seq, text });
                }
                side::WITHDRAWN => logged.retain(|one| one.number < seq),
                _ => {}
            }
        }
    };
    let mut look = look;
    while reader.next(&mut look)?.is_some() {}
    Ok(logged)
}
