//! One subject of a pipeline without its stages: what a shard would do that owns nothing else. For a second look
//! at what was found about it, which need not pay for all the others.

use crate::Spec;
use crate::assembly::PANEL_VERSION;
use crate::ledger::Ledger;
use engine_book::BookView;
use engine_event::{Directory, Event, FaultCounts, Reader, SnapshotError, SubjectId, Writer};
use engine_observer::{Alert, Finding, Outbox, Panel, Question, Roster, Scope};

/// Books and observers of one subject, and observers of global scope. It finds what the pipeline finds about
/// that subject.
pub struct Alone {
    name: String,
    subject: Option<SubjectId>,
    own: Panel,
    global: Panel,
    out: Outbox,
}

impl Alone {
    /// Before the first event. The subject need not be known yet.
    pub fn new(roster: &Roster, spec: Spec, subject: &str) -> Self {
        let panel = |scope| Panel::new(roster, scope, spec.bounds).beginning_at(spec.begins);
        Self {
            name: subject.to_string(),
            subject: None,
            own: panel(Scope::Subject),
            global: panel(Scope::Global),
            out: Outbox::new(),
        }
    }

    /// Where an [assembly](crate::Assembly::save) was saved; with its names, and its last event's number.
    pub fn resume(
        roster: &Roster,
        spec: Spec,
        subject: &str,
        saved: &[u8],
    ) -> Result<(Self, Directory, u64), SnapshotError> {
        let mut alone = Self::new(roster, spec, subject);
        let mut names = Directory::new(spec.bounds.subjects_max);
        let mut from = Reader::new(saved);
        from.part(&mut names)?;
        let seq = from.u64()?;
        from.part(&mut Ledger::default())?;
        from.part(&mut FaultCounts::default())?;
        alone.subject = names.find(subject);
        let own = alone.subject;
        from.list(|from| {
            from.versioned(PANEL_VERSION, |from| alone.own.load(from, |one| Some(one) == own))
        })?;
        from.versioned(PANEL_VERSION, |from| alone.global.load(from, |_| true))?;
        Ok((alone, names, seq))
    }

    /// Another one that goes on from here.
    pub fn twin(&self, roster: &Roster, spec: Spec) -> Result<Self, SnapshotError> {
        let mut twin = Self::new(roster, spec, &self.name);
        twin.subject = self.subject;
        for (panel, of) in [(&mut twin.own, &self.own), (&mut twin.global, &self.global)] {
            let mut saved = Writer::new();
            of.save(&mut saved);
            panel.load(&mut Reader::new(&saved.into_bytes()), |_| true)?;
        }
        Ok(twin)
    }

    /// Takes an event; names are those of the stream so far. Events about other subjects let time pass.
    #[inline]
    pub fn take(&mut self, event: &Event, names: &Directory) {
        if self.subject.is_none() {
            self.subject = names.find(&self.name);
        }
        if event.subject == SubjectId::EVERY || self.subject == Some(event.subject) {
            self.own.observe(event, &mut self.out);
        } else {
            self.own.pass(event, &mut self.out);
        }
        if !self.global.is_empty() {
            self.global.observe(event, &mut self.out);
        }
    }

    /// Lets time pass up to an event that is not shown any more.
    pub fn pass(&mut self, event: &Event) {
        self.own.pass(event, &mut self.out);
        self.global.pass(event, &mut self.out);
    }

    /// The subject, once it was met.
    pub fn subject(&self) -> Option<SubjectId> {
        self.subject
    }

    /// Its book.
    pub fn book(&self) -> Option<BookView<'_>> {
        self.own.books().book(self.subject?)
    }

    /// Asks why there is no alert: see [`Outbox::ask`].
    pub fn ask(&mut self, question: Question) {
        self.out.ask(question);
    }

    /// Takes what was considered since.
    pub fn take_considered(&mut self) -> impl Iterator<Item = Alert> + '_ {
        self.out.take_considered()
    }

    /// What was found since it was last [cleared](Self::clear).
    #[inline]
    pub fn found(&self) -> (&[Finding], &[Alert]) {
        self.out.contents()
    }

    /// Forgets what was found.
    #[inline]
    pub fn clear(&mut self) {
        self.out.clear();
    }
}
