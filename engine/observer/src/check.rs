//! What every observer must pass, as functions that its tests call.

use crate::{Alert, Finding, Found, Outbox, Panel, Roster, Scope};
use engine_book::Bounds;
use engine_event::{Digest, Event, Reader, Writer};

/// A panel on a test's own thread, and everything that it found.
pub struct Trial {
    panel: Panel,
    scope: Scope,
    out: Outbox,
    seq: u64,
    findings: Vec<(Finding, Option<Alert>)>,
}

impl Trial {
    /// The roster's observers of `scope` before an empty stream.
    pub fn new(roster: &Roster, scope: Scope) -> Self {
        let panel = Panel::new(roster, scope, Bounds::default());
        Self { panel, scope, out: Outbox::new(), seq: 0, findings: Vec::new() }
    }

    /// Shows the events, in sequence.
    pub fn show(&mut self, events: impl IntoIterator<Item = Event>) {
        for mut event in events {
            self.seq += 1;
            event.seq = self.seq;
            self.panel.observe(&event, &mut self.out);
            let (findings, alerts) = self.out.contents();
            let mut alerts = alerts.iter();
            self.findings.extend(findings.iter().map(|finding| match finding.found {
                Found::Signal(_) => (*finding, None),
                Found::Alert => (*finding, alerts.next().copied()),
            }));
            self.out.clear();
        }
    }

    /// Everything that was found.
    pub fn findings(&self) -> &[(Finding, Option<Alert>)] {
        &self.findings
    }

    /// The alerts.
    pub fn alerts(&self) -> Vec<Alert> {
        self.findings.iter().filter_map(|(_, alert)| *alert).collect()
    }

    /// The values of the signal of this name.
    pub fn signals(&self, name: &str) -> Vec<f64> {
        let named = |finding: &Finding| match finding.found {
            Found::Signal(signal) if signal.name == name => Some(signal.value),
            _ => None,
        };
        self.findings.iter().filter_map(|(finding, _)| named(finding)).collect()
    }

    /// A digest of all findings.
    pub fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        self.findings
            .iter()
            .for_each(|(finding, alert)| finding.add_to(&mut digest, alert.as_ref()));
        digest
    }

    /// What the observers could not take.
    pub fn outbox(&self) -> &Outbox {
        &self.out
    }

    /// The panel, to look at books.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }

    /// Saves the panel and goes on with a fresh one that has loaded it.
    pub fn restart(self, roster: &Roster) -> Self {
        let mut saved = Writer::new();
        self.panel.save(&mut saved);
        let mut panel = Panel::new(roster, self.scope, Bounds::default());
        panel
            .load(&mut Reader::new(&saved.into_bytes()), |_| true)
            .expect("what was saved can be loaded");
        Self { panel, ..self }
    }
}

/// Panics unless a roster that is saved and loaded afresh after each of `cuts` events finds exactly
/// what it finds undisturbed. The one check of [`Snapshot`](engine_event::Snapshot) for observers.
pub fn survives_restarts(roster: &Roster, events: &[Event], cuts: &[usize]) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (events.len() + 1)).collect();
    cuts.sort_unstable();
    for scope in [Scope::Subject, Scope::Global] {
        let mut undisturbed = Trial::new(roster, scope);
        undisturbed.show(events.iter().copied());
        let mut restarted = Trial::new(roster, scope);
        let mut shown = 0;
        for &cut in &cuts {
            restarted.show(events[shown..cut].iter().copied());
            restarted = restarted.restart(roster);
            shown = cut;
        }
        restarted.show(events[shown..].iter().copied());
        assert_eq!(
            undisturbed.findings(),
            restarted.findings(),
            "{scope:?}, restarted at {cuts:?}"
        );
    }
}
