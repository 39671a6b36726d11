//! What was found, counted and digested.

use engine_event::{Digest, Reader, Snapshot, SnapshotError, Writer};
use engine_observer::{Alert, Finding, Found};

/// Counts by name and a digest over all findings in order.
#[derive(Clone, Default, Debug)]
pub struct Ledger {
    digest: Digest,
    tallied: Vec<Tallied>,
    /// Counts of an earlier part of the run, whose names came from a checkpoint.
    earlier: Vec<(bool, Box<str>, u64)>,
}

/// How often something was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tallied {
    /// An alert's pattern, or a signal's name.
    pub name: &'static str,
    /// Whether it is an alert.
    pub is_alert: bool,
    /// How often.
    pub count: u64,
}

impl Ledger {
    /// Enters a finding.
    #[inline]
    pub fn enter(&mut self, finding: &Finding, alert: Option<&Alert>) {
        finding.add_to(&mut self.digest, alert);
        let (name, is_alert) = match (&finding.found, alert) {
            (Found::Signal(signal), _) => (signal.name, false),
            (Found::Alert, alert) => (alert.map_or("?", |alert| alert.pattern), true),
        };
        // A handful of names, most often the very same text in memory.
        let known = |same: fn(&str, &str) -> bool| {
            let is_it = |one: &Tallied| one.is_alert == is_alert && same(one.name, name);
            self.tallied.iter().position(is_it)
        };
        match known(|one, other| std::ptr::eq(one, other))
            .or_else(|| known(|one, other| one == other))
        {
            Some(place) => self.tallied[place].count += 1,
            None => self.tallied.push(Tallied { name, is_alert, count: 1 }),
        }
    }

    /// How often each was found in this part of the run.
    pub(crate) fn tallied(&self) -> &[Tallied] {
        &self.tallied
    }

    /// A digest of all findings, in order.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How often each alert (or each signal) was found, by name.
    pub fn counts(&self, is_alert: bool) -> std::collections::BTreeMap<&str, u64> {
        let mut counts = std::collections::BTreeMap::new();
        let earlier =
            self.earlier.iter().map(|(is_alert, name, count)| (*is_alert, name.as_ref(), *count));
        let now = self.tallied.iter().map(|one| (one.is_alert, one.name, one.count));
        for (_, name, count) in earlier.chain(now).filter(|(alert, ..)| *alert == is_alert) {
            *counts.entry(name).or_default() += count;
        }
        counts
    }
}

impl Snapshot for Ledger {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.part(&self.digest);
        for is_alert in [false, true] {
            to.list(self.counts(is_alert), |to, (name, count)| {
                to.bytes(name.as_bytes());
                to.u64(count);
            });
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        *self = Self::default();
        from.part(&mut self.digest)?;
        for is_alert in [false, true] {
            from.list(|from| {
                let at = from.position();
                let name = std::str::from_utf8(from.bytes()?)
                    .map_err(|_| SnapshotError::Damaged { at })?;
                self.earlier.push((is_alert, name.into(), from.u64()?));
                Ok(())
            })?;
        }
        Ok(())
    }
}
