//! Books, observers and timers behind one method: what a shard does, without the thread.

use crate::timers::{Timer, Timers};
use crate::{Outbox, Roster, Scope, View, Watcher};
use engine_book::{Books, Bounds, Change};
use engine_event::{
    Event, FaultCounts, Kind, Nanos, Reader, Snapshot, SnapshotError, SubjectId, Writer,
};

/// All that is decided about the subjects of one shard, or (with global scope) about the stream.
pub struct Panel {
    scope: Scope,
    books: Books,
    watchers: Vec<(u16, Box<dyn Watcher>)>,
    /// By kind: who wants to see it.
    interested: [Vec<Interested>; Kind::COUNT],
    timers: Timers,
    now: Nanos,
    /// What happened before is for the books alone.
    begins: Nanos,
}

#[derive(Clone, Copy)]
struct Interested {
    watcher: usize,
    touch_only: bool,
}

impl Panel {
    /// A panel that has seen nothing, with those of the roster that have this scope.
    pub fn new(roster: &Roster, scope: Scope, bounds: Bounds) -> Self {
        let watchers = roster.watchers(scope);
        let interested = std::array::from_fn(|kind| {
            let kind = Kind::ALL[kind];
            let all = watchers
                .iter()
                .enumerate()
                .filter(|(_, (_, watcher))| watcher.interest().wants(kind));
            all.map(|(watcher, (_, of))| Interested {
                watcher,
                touch_only: of.interest().is_touch_only(),
            })
            .collect()
        });
        Self {
            scope,
            books: Books::new(bounds).healing(),
            watchers,
            interested,
            timers: Timers::default(),
            now: Nanos(0),
            begins: Nanos(0),
        }
    }

    /// The same panel, which shows nothing that happened before `begins` to its observers: the books are
    /// built, and definitions are shown.
    pub fn beginning_at(mut self, begins: Nanos) -> Self {
        self.begins = begins;
        self
    }

    /// Whether anybody is there to look.
    pub fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }

    /// The books as they are.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// Takes notice that an event about somebody else's subject has happened: only time passes.
    #[inline]
    pub fn pass(&mut self, event: &Event, out: &mut Outbox) {
        self.now = self.now.max(event.event_at);
        while let Some(timer) = self.timers.take_due(self.now) {
            self.wake(timer, event.seq, out);
        }
    }

    /// How many events [`look_ahead`](Self::look_ahead) readies at a time.
    pub const AHEAD: usize = Books::AHEAD;

    /// Sends for what the coming events about subjects that live here will need, so that their cache misses
    /// overlap: see [`Books::look_ahead`].
    #[inline]
    pub fn look_ahead(
        &mut self,
        coming: &[Event],
        are_first: bool,
        is_own: impl Fn(SubjectId) -> bool + Copy,
    ) {
        if self.scope != Scope::Subject {
            return;
        }
        self.books.look_ahead_for(coming, are_first, is_own);
        let lot = |from: usize, to: usize| {
            let (from, to) = (from * Self::AHEAD, to * Self::AHEAD);
            &coming[from.min(coming.len())..to.min(coming.len())]
        };
        let far = lot(if are_first { 0 } else { 1 }, 2);
        for (_, watcher) in &self.watchers {
            watcher.look_ahead(far, lot(0, 1));
        }
    }

    /// Takes an event: time passes, the book changes, observers look.
    #[inline]
    pub fn observe(&mut self, event: &Event, out: &mut Outbox) {
        self.pass(event, out);
        let mut change = Change::NONE;
        if self.scope == Scope::Subject {
            self.books.apply_into(event, &mut change);
        }
        self.show(event, &change, out);
    }

    /// The first half of taking an event, after [`pass`](Self::pass): the book.
    #[inline]
    pub fn apply(&mut self, event: &Event) -> Change {
        match self.scope {
            Scope::Subject => self.books.apply(event),
            Scope::Global => Change::none(),
        }
    }

    /// The second half: the observers.
    #[inline]
    pub fn show(&mut self, event: &Event, change: &Change, out: &mut Outbox) {
        if event.event_at < self.begins && event.kind() != Kind::Define {
            return;
        }
        if self.scope == Scope::Global {
            self.show_subject(SubjectId::EVERY, event, change, out);
        } else if event.subject == SubjectId::EVERY {
            self.show_every(event, change, out);
        } else {
            self.show_subject(event.subject, event, change, out);
        }
    }

    #[inline]
    fn show_subject(
        &mut self,
        subject: SubjectId,
        event: &Event,
        change: &Change,
        out: &mut Outbox,
    ) {
        let interested = &self.interested[event.kind() as usize];
        if interested.is_empty() {
            return;
        }
        let view = View { event, change, book: self.books.book(subject), now: self.now };
        out.at_event(event, subject, self.now);
        for one in interested {
            if one.touch_only && !change.touch_changed {
                continue;
            }
            let (place, watcher) = &mut self.watchers[one.watcher];
            out.by(*place);
            if let Some(due) = watcher.observe(subject, &view, out) {
                self.timers.add(Timer { due, subject, observer: one.watcher as u16 });
            }
        }
    }

    /// What is about every subject is shown once for each that an observer remembers, in order.
    #[cold]
    fn show_every(&mut self, event: &Event, change: &Change, out: &mut Outbox) {
        let interested = self.interested[event.kind() as usize].clone();
        let mut subjects: Vec<_> =
            interested.iter().flat_map(|one| self.watchers[one.watcher].1.subjects()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        for subject in subjects {
            out.at_event(event, subject, self.now);
            for one in &interested {
                let (place, watcher) = &mut self.watchers[one.watcher];
                if one.touch_only || !watcher.remembers(subject) {
                    continue;
                }
                let view = View { event, change, book: self.books.book(subject), now: self.now };
                out.by(*place);
                if let Some(due) = watcher.observe(subject, &view, out) {
                    self.timers.add(Timer { due, subject, observer: one.watcher as u16 });
                }
            }
        }
    }

    #[cold]
    fn wake(&mut self, timer: Timer, seq: u64, out: &mut Outbox) {
        let (place, watcher) = &mut self.watchers[usize::from(timer.observer)];
        out.at_timer(seq, timer.subject, timer.due, self.now);
        out.by(*place);
        if let Some(due) = watcher.on_time(timer.subject, timer.due, out) {
            self.timers.add(Timer { due, ..timer });
        }
    }

    /// What could not be taken as it came, by the books.
    pub fn faults(&self) -> FaultCounts {
        self.books.faults()
    }

    /// Writes everything, subject by subject, so that a panel that owns other subjects can read its own.
    pub fn save(&self, to: &mut Writer) {
        to.u64(self.now.0);
        self.books.save(to);
        to.list(self.watchers.iter(), |to, (_, watcher)| {
            to.bytes(watcher.name().as_bytes());
            to.u64(watcher.parameters().hash());
            to.list(watcher.subjects(), |to, subject| {
                to.u32(subject.0);
                let mut part = Writer::new();
                watcher.save(subject, &mut part);
                to.bytes(&part.into_bytes());
            });
        });
    }

    /// Adds what another panel of the same roster has saved, as far as it is about subjects that are
    /// `owned` here. A fresh panel loads what all panels of a checkpoint have saved, one by one.
    pub fn load(
        &mut self,
        from: &mut Reader<'_>,
        owned: impl Fn(SubjectId) -> bool + Copy,
    ) -> Result<(), SnapshotError> {
        self.now = self.now.max(Nanos(from.u64()?));
        self.books.load_owned(from, owned)?;
        let mut number = 0;
        from.list(|from| {
            let at = from.position();
            let watcher = self.watchers.get_mut(number).ok_or(SnapshotError::Mismatch { at })?;
            let same_name = from.bytes()? == watcher.1.name().as_bytes();
            let same_parameters = from.u64()? == watcher.1.parameters().hash();
            if !same_name || !same_parameters {
                return Err(SnapshotError::Mismatch { at });
            }
            from.list(|from| {
                let subject = SubjectId(from.u32()?);
                let part = from.bytes()?;
                if !owned(subject) {
                    return Ok(());
                }
                if let Some(due) = watcher.1.load(subject, &mut Reader::new(part))? {
                    self.timers.add(Timer { due, subject, observer: number as u16 });
                }
                Ok(())
            })?;
            number += 1;
            Ok(())
        })
    }
}
