//! Names at the edge, dense numbers within.
//!
//! A feed asks the directory once, when a name turns up for the first time, and sends a
//! [`Kind::Define`](crate::Kind) event with what stages need to compute with. From then on the engine
//! speaks numbers; names come back only where a person reads.

pub use crate::body::Definition;
use crate::id::{MetricId, ParticipantId, SubjectId, VenueId};
use crate::{Decimal, Price, Quantity, Reader, Snapshot, SnapshotError, Writer};
use rustc_hash::FxHashMap;
use std::marker::PhantomData;
use thiserror::Error;

/// All names of a run, each kind bounded.
#[derive(Debug, Clone)]
pub struct Directory {
    definitions: Vec<Definition>,
    subjects: Names<SubjectId>,
    /// Those who enter orders.
    pub participants: Names<ParticipantId>,
    /// Where subjects trade.
    pub venues: Names<VenueId>,
    /// What devices measure.
    pub metrics: Names<MetricId>,
}

impl Directory {
    /// An empty directory that will hold at most `subjects_max` subjects and as many participants.
    pub fn new(subjects_max: u32) -> Self {
        Self {
            definitions: Vec::new(),
            subjects: Names::bounded(subjects_max),
            participants: Names::bounded(subjects_max),
            venues: Names::bounded(4096),
            metrics: Names::bounded(65_536),
        }
    }

    /// The subject of this name, and whether it is new: then the caller sends its definition.
    pub fn define(
        &mut self,
        name: &str,
        definition: Definition,
    ) -> Result<(SubjectId, bool), DirectoryFull> {
        let (id, is_new) = self.subjects.intern_new(name)?;
        if is_new {
            let venue = self.venues.name(definition.venue).unwrap_or("");
            self.definitions.push(definition.named(name, venue));
        }
        Ok((id, is_new))
    }

    /// The subject of this name, if it was defined.
    pub fn find(&self, name: &str) -> Option<SubjectId> {
        self.subjects.find(name)
    }

    /// A subject's name; `*` for [`SubjectId::EVERY`], `?` for one that was never defined.
    pub fn name(&self, subject: SubjectId) -> &str {
        if subject == SubjectId::EVERY { "*" } else { self.subjects.name(subject).unwrap_or("?") }
    }

    /// A subject's numbers.
    pub fn definition(&self, subject: SubjectId) -> Option<&Definition> {
        self.definitions.get(subject.index())
    }

    /// The name of the venue that the subject trades on.
    pub fn venue(&self, subject: SubjectId) -> &str {
        self.definition(subject).and_then(|of| self.venues.name(of.venue)).unwrap_or("")
    }

    /// What trades there, whatever the venue: the subject's name without `@` and the venue's, which it
    /// has where another venue's subject had the bare name first.
    pub fn instrument(&self, subject: SubjectId) -> &str {
        let name = self.name(subject);
        match name.rsplit_once('@') {
            Some((instrument, venue)) if venue == self.venue(subject) => instrument,
            _ => name,
        }
    }

    /// A price as people write it.
    pub fn price(&self, subject: SubjectId, price: Price) -> Decimal {
        Decimal { units: price.0, scale: self.definition(subject).map_or(0, |of| of.price_scale) }
    }

    /// A quantity as people write it.
    pub fn quantity(&self, subject: SubjectId, quantity: Quantity) -> Decimal {
        let scale = self.definition(subject).map_or(0, |of| of.quantity_scale);
        Decimal { units: i64::try_from(quantity.0).unwrap_or(i64::MAX), scale }
    }

    /// All subjects, in the order in which they were defined.
    pub fn subjects(&self) -> impl ExactSizeIterator<Item = (SubjectId, &str)> {
        self.subjects.iter()
    }
}

impl Snapshot for Directory {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        self.subjects.save(to);
        to.list(self.definitions.iter(), Writer::plain);
        self.participants.save(to);
        self.venues.save(to);
        self.metrics.save(to);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.subjects.load(from)?;
        self.definitions.clear();
        from.list(|from| {
            self.definitions.push(from.plain()?);
            Ok(())
        })?;
        self.participants.load(from)?;
        self.venues.load(from)?;
        self.metrics.load(from)
    }
}

/// No room for another name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the directory holds {bound} names already: raise its bound to take more")]
pub struct DirectoryFull {
    /// How many it may hold.
    pub bound: u32,
}

/// An id that stands for a name: dense, from its kind's first number on.
pub trait Named: Copy {
    /// The id of the `index`-th name.
    fn from_index(index: u32) -> Self;
    /// Which name it stands for.
    fn to_index(self) -> usize;
}

macro_rules! named {
    ($($id:ident($inner:ty)),*) => {$(
        impl Named for $id {
            fn from_index(index: u32) -> Self {
                $id(index as $inner)
            }

            fn to_index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}
named!(SubjectId(u32), VenueId(u16), MetricId(u32));

impl Named for ParticipantId {
    fn from_index(index: u32) -> Self {
        ParticipantId::new(index + 1).expect("one more than any index is not zero")
    }

    fn to_index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Names of one kind and the ids they were given, in order of appearance.
#[derive(Debug, Clone)]
pub struct Names<Id> {
    names: Vec<Box<str>>,
    ids: FxHashMap<Box<str>, u32>,
    bound: u32,
    id: PhantomData<Id>,
}

impl<Id: Named> Names<Id> {
    /// No names yet, and at most `bound` ever.
    pub fn bounded(bound: u32) -> Self {
        Self { names: Vec::new(), ids: FxHashMap::default(), bound, id: PhantomData }
    }

    /// The id of `name`, given to it now if it is new.
    pub fn intern(&mut self, name: &str) -> Result<Id, DirectoryFull> {
        self.intern_new(name).map(|(id, _)| id)
    }

    fn intern_new(&mut self, name: &str) -> Result<(Id, bool), DirectoryFull> {
        if let Some(&index) = self.ids.get(name) {
            return Ok((Id::from_index(index), false));
        }
        let index = self.names.len() as u32;
        if index >= self.bound {
            return Err(DirectoryFull { bound: self.bound });
        }
        self.names.push(name.into());
        self.ids.insert(name.into(), index);
        Ok((Id::from_index(index), true))
    }

    /// The id of a name that is known.
    pub fn find(&self, name: &str) -> Option<Id> {
        self.ids.get(name).map(|&index| Id::from_index(index))
    }

    /// The name behind an id.
    pub fn name(&self, id: Id) -> Option<&str> {
        self.names.get(id.to_index()).map(AsRef::as_ref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All of them, in order of appearance.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Id, &str)> {
        self.names
            .iter()
            .enumerate()
            .map(|(index, name)| (Id::from_index(index as u32), name.as_ref()))
    }
}

impl<Id: Named> Snapshot for Names<Id> {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.list(self.names.iter(), |to, name| to.bytes(name.as_bytes()));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.names.clear();
        self.ids.clear();
        from.list(|from| {
            let at = from.position();
            let name =
                std::str::from_utf8(from.bytes()?).map_err(|_| SnapshotError::Damaged { at })?;
            self.intern(name).map(drop).map_err(|_| SnapshotError::Damaged { at })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_id() {
        let mut directory = Directory::new(2);
        let definition = Definition::new(VenueId(0), 4, 0);
        let (aapl, is_new) = directory.define("AAPL", definition).unwrap();
        assert!(is_new);
        assert_eq!(directory.define("AAPL", definition), Ok((aapl, false)));
        directory.define("MSFT", definition).unwrap();
        assert_eq!(directory.define("IBM", definition), Err(DirectoryFull { bound: 2 }));
        assert_eq!(directory.name(aapl), "AAPL");
        assert_eq!(directory.price(aapl, Price(5_853_300)).to_string(), "585.3300");
    }

    #[test]
    fn an_instrument_is_its_subjects_name_without_the_venue() {
        let mut directory = Directory::new(10);
        let venues = ["XNAS", "IEXG"].map(|name| directory.venues.intern(name).unwrap());
        let mut define =
            |name: &str, venue| directory.define(name, Definition::new(venue, 4, 0)).unwrap().0;
        let subjects = [define("A", venues[0]), define("A@IEXG", venues[1])];
        let odd = define("B@XNAS", venues[1]);
        assert_eq!(subjects.map(|subject| directory.instrument(subject)), ["A", "A"]);
        assert_eq!(directory.instrument(odd), "B@XNAS", "not its venue: a part of the name");
    }

    #[test]
    fn participants_are_numbered_from_one() {
        let mut names: Names<ParticipantId> = Names::bounded(10);
        let first = names.intern("GSCO").unwrap();
        assert_eq!(first.0.get(), 1);
        assert_eq!(names.name(first), Some("GSCO"));
    }

    #[test]
    fn a_directory_survives_a_restart() {
        let mut directory = Directory::new(10);
        directory.define("AAPL", Definition::new(VenueId(0), 4, 0)).unwrap();
        directory.participants.intern("GSCO").unwrap();
        let mut loaded = Directory::new(10);
        crate::snapshot::copy(&directory, &mut loaded).unwrap();
        assert_eq!(loaded.find("AAPL"), Some(SubjectId(0)));
        assert_eq!(loaded.participants.len(), 1);
        assert_eq!(loaded.definition(SubjectId(0)).unwrap().price_scale, 4);
    }
}
