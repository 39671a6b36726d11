//! An observer together with what it remembers.

use crate::{Interest, Observer, Outbox, Parameters, Scope, View};
use engine_book::prefetch_whole;
use engine_event::{Event, Nanos, Reader, Snapshot, SnapshotError, SubjectId, Writer};

/// An observer of any type with its memories, as a panel holds it.
pub trait Watcher: Send {
    /// The observer's name.
    fn name(&self) -> &'static str;
    /// How far it sees.
    fn scope(&self) -> Scope;
    /// What it wants to see.
    fn interest(&self) -> Interest;
    /// Its parameters in full.
    fn parameters(&self) -> Parameters;
    /// Whether it remembers anything about this subject.
    fn remembers(&self, subject: SubjectId) -> bool;
    /// Sends for its memories of these events' subjects: of the far ones for the memories, of the near ones
    /// for what those lead to. Changes nothing.
    fn look_ahead(&self, far: &[Event], near: &[Event]);
    /// Shows it an event; returns a new timer to keep, if there is one.
    fn observe(&mut self, subject: SubjectId, view: &View<'_>, out: &mut Outbox) -> Option<Nanos>;
    /// Tells it the time if it still waits for it; returns a new timer to keep, if there is one.
    fn on_time(&mut self, subject: SubjectId, due: Nanos, out: &mut Outbox) -> Option<Nanos>;
    /// Version of what the observer saves.
    fn version(&self) -> u16;
    /// The subjects that it remembers, in the order in which it met them.
    fn subjects(&self) -> Vec<SubjectId>;
    /// Writes what it remembers about a subject.
    fn save(&self, subject: SubjectId, to: &mut Writer);
    /// Reads what was remembered about a subject; returns the timer that it waits for.
    fn load(
        &mut self,
        subject: SubjectId,
        from: &mut Reader<'_>,
    ) -> Result<Option<Nanos>, SnapshotError>;
}

/// The watcher of one observer: memories side by side, found by subject.
pub struct Watch<O: Observer> {
    observer: O,
    signature: (&'static str, u64),
    /// By subject: where its memory lies, or [`NOWHERE`].
    places: Vec<u32>,
    memories: Vec<Remembered<O::Memory>>,
}

#[repr(C, align(64))]
struct Remembered<M> {
    subject: SubjectId,
    /// The timer that it waits for.
    wake: Option<Nanos>,
    memory: M,
}

const NOWHERE: u32 = u32::MAX;

/// Lines of a memory, with what is kept beside it, that are sent for.
const LINES_AHEAD: usize = 6;

/// How many bytes of a memory are sent for before an event's turn: what an observer needs of every event
/// should lie within them.
pub const BYTES_AHEAD: usize = LINES_AHEAD * 64 - std::mem::offset_of!(Remembered<u64>, memory);

impl<O: Observer> Watch<O> {
    /// An observer that has seen nothing.
    pub fn new(observer: O) -> Self {
        let signature = (observer.name(), Parameters::of(&observer).hash());
        Self { observer, signature, places: Vec::new(), memories: Vec::new() }
    }

    /// The places are by subject, but for what is about every subject, which has the last one there is:
    /// a global observer's only one.
    fn index(subject: SubjectId) -> usize {
        if subject == SubjectId::EVERY { 0 } else { subject.index() + 1 }
    }

    fn find(&self, subject: SubjectId) -> Option<usize> {
        self.places
            .get(Self::index(subject))
            .filter(|place| **place != NOWHERE)
            .map(|place| *place as usize)
    }

    #[inline]
    fn find_or_begin(&mut self, subject: SubjectId) -> usize {
        match self.find(subject) {
            Some(place) => place,
            None => self.begin(subject),
        }
    }

    #[cold]
    fn begin(&mut self, subject: SubjectId) -> usize {
        let index = Self::index(subject);
        if self.places.len() <= index {
            self.places.resize(index + 1, NOWHERE);
        }
        let place = self.memories.len();
        self.places[index] = place as u32;
        self.memories.push(Remembered { subject, wake: None, memory: self.observer.remember() });
        place
    }
}

impl<M> Remembered<M> {
    /// Keeps the earlier of two timers; returns it if it is a new one.
    #[inline]
    fn wait_for(&mut self, wake: Option<Nanos>) -> Option<Nanos> {
        let due = wake?;
        if self.wake.is_some_and(|earlier| earlier <= due) {
            return None;
        }
        self.wake = Some(due);
        self.wake
    }
}

impl<O: Observer> Watcher for Watch<O> {
    fn name(&self) -> &'static str {
        self.observer.name()
    }

    fn scope(&self) -> Scope {
        self.observer.scope()
    }

    fn interest(&self) -> Interest {
        self.observer.interest()
    }

    fn parameters(&self) -> Parameters {
        Parameters::of(&self.observer)
    }

    fn remembers(&self, subject: SubjectId) -> bool {
        self.find(subject).is_some()
    }

    fn look_ahead(&self, far: &[Event], near: &[Event]) {
        for event in far {
            if let Some(place) = self.find(event.subject) {
                prefetch_whole(&self.memories, place, LINES_AHEAD);
            }
        }
        for event in near {
            if let Some(place) = self.find(event.subject) {
                self.observer.look_ahead(&self.memories[place].memory);
            }
        }
    }

    fn observe(&mut self, subject: SubjectId, view: &View<'_>, out: &mut Outbox) -> Option<Nanos> {
        let place = self.find_or_begin(subject);
        let remembered = &mut self.memories[place];
        out.sign(self.signature.0, self.signature.1);
        self.observer.observe(&mut remembered.memory, view, out);
        remembered.wait_for(out.take_wake())
    }

    fn on_time(&mut self, subject: SubjectId, due: Nanos, out: &mut Outbox) -> Option<Nanos> {
        let place = self.find(subject)?;
        let remembered = &mut self.memories[place];
        if remembered.wake != Some(due) {
            return None; // it has asked for an earlier one since, and was woken then
        }
        remembered.wake = None;
        out.sign(self.signature.0, self.signature.1);
        self.observer.on_time(&mut remembered.memory, due, out);
        remembered.wait_for(out.take_wake())
    }

    fn version(&self) -> u16 {
        O::Memory::VERSION
    }

    fn subjects(&self) -> Vec<SubjectId> {
        self.memories.iter().map(|remembered| remembered.subject).collect()
    }

    fn save(&self, subject: SubjectId, to: &mut Writer) {
        let place = self.find(subject).expect("only subjects that are remembered are saved");
        let remembered = &self.memories[place];
        to.u64(remembered.wake.map_or(Nanos::END.0, |due| due.0));
        to.part(&remembered.memory);
    }

    fn load(
        &mut self,
        subject: SubjectId,
        from: &mut Reader<'_>,
    ) -> Result<Option<Nanos>, SnapshotError> {
        let place = self.find_or_begin(subject);
        let remembered = &mut self.memories[place];
        remembered.wake = Some(Nanos(from.u64()?)).filter(|due| *due != Nanos::END);
        from.part(&mut remembered.memory)?;
        Ok(remembered.wake)
    }
}
