//! Which subjects a codec has met: it defines each once, and keeps out those that nobody asked for.

use crate::Options;
use engine_event::body::End;
use engine_event::{Definition, Directory, DirectoryFull, Event, Kind, Nanos, SubjectId};
use engine_pipeline::Sink;
use rustc_hash::FxHashSet;
use thiserror::Error;

/// The subjects of one stream.
#[derive(Debug)]
pub(crate) struct Subjects {
    wanted: Option<FxHashSet<Box<str>>>,
    /// Some are asked for as `NAME@VENUE`.
    wants_of_venues: bool,
    /// By subject: whether this stream has sent its definition.
    defined: Vec<Defined>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Defined {
    No,
    /// In a session that is over.
    Before,
    Yes,
}

/// Why a name cannot become a subject of this stream.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum Refused {
    #[error("{0}")]
    Full(#[from] DirectoryFull),
    /// Two feeds that count the same subject's prices differently would corrupt one book.
    #[error(
        "{name} has {} price and {} quantity decimals here, but {} and {} in an earlier feed",
        here.0, here.1, earlier.0, earlier.1
    )]
    Scales { name: Box<str>, here: (u8, u8), earlier: (u8, u8) },
}

impl Subjects {
    pub(crate) fn new(options: &Options) -> Self {
        let names = options.symbols.as_ref();
        let wanted = names.map(|names| names.iter().map(|name| name.as_str().into()).collect());
        let wants_of_venues = names.is_some_and(|names| names.iter().any(|of| of.contains('@')));
        Self { wanted, wants_of_venues, defined: Vec::new() }
    }

    /// Who asks for a name asks for it at every venue.
    fn is_wanted(&self, name: &str) -> bool {
        let bare = name.rsplit_once('@').map_or(name, |(bare, _)| bare);
        let wanted = self.wanted.as_ref();
        wanted.is_none_or(|wanted| wanted.contains(name) || wanted.contains(bare))
    }

    /// Another session begins: its subjects are defined again, and those that were known begin with an
    /// empty book.
    pub(crate) fn begin_again(&mut self) {
        let known = self.defined.iter_mut().filter(|defined| **defined == Defined::Yes);
        known.for_each(|defined| *defined = Defined::Before);
    }

    /// The subject of this name, or none if nobody asked for it. Its definition is sent when the
    /// stream meets it for the first time: even if another feed knows it already, for this feed's
    /// events may come before the other's. Where the name stands for another venue's subject, this one
    /// is called `NAME@VENUE`: two venues never share a book.
    pub(crate) fn meet<S: Sink>(
        &mut self,
        name: &str,
        definition: impl FnOnce(&mut Directory) -> Result<Definition, DirectoryFull>,
        at: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<Option<SubjectId>, Refused> {
        if let Some(subject) = names.find(name)
            && self.defined.get(subject.index()).is_some_and(|defined| *defined == Defined::Yes)
        {
            return Ok(Some(subject));
        }
        if !self.is_wanted(name) && !self.wants_of_venues {
            return Ok(None);
        }
        let definition = definition(names)?;
        let elsewhere = elsewhere(name, definition, names);
        let name = elsewhere.as_deref().unwrap_or(name);
        if !self.is_wanted(name) {
            return Ok(None);
        }
        let (subject, _) = names.define(name, definition)?;
        let known = *names.definition(subject).expect("it was defined just now");
        let scales = |of: Definition| (of.price_scale, of.quantity_scale);
        if scales(known) != scales(definition) {
            let (here, earlier) = (scales(definition), scales(known));
            return Err(Refused::Scales { name: name.into(), here, earlier });
        }
        if self.defined.len() <= subject.index() {
            self.defined.resize(subject.index() + 1, Defined::No);
        }
        if self.defined[subject.index()] == Defined::Yes {
            return Ok(Some(subject));
        }
        sink.push(Event::new(subject, at, known));
        if std::mem::replace(&mut self.defined[subject.index()], Defined::Yes) == Defined::Before {
            sink.push(Event::new(subject, at, End::default()).with_kind(Kind::Clear));
        }
        Ok(Some(subject))
    }
}

/// What the subject is called where its name stands for another venue's: `NAME@VENUE`.
fn elsewhere(name: &str, definition: Definition, names: &Directory) -> Option<String> {
    let known = names.definition(names.find(name)?)?;
    let venue = names.venues.name(definition.venue).filter(|_| known.venue != definition.venue)?;
    (!name.ends_with(&format!("@{venue}"))).then(|| format!("{name}@{venue}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a stream calls its subjects, and how many events it sent about them.
    fn met(
        stream: &mut Subjects,
        name: &str,
        venue: &str,
        names: &mut Directory,
    ) -> Option<(String, usize)> {
        let mut sent = Vec::new();
        let define = |names: &mut Directory| Ok(Definition::new(names.venues.intern(venue)?, 4, 0));
        let subject = stream.meet(name, define, Nanos(0), names, &mut sent).unwrap();
        subject.map(|subject| (names.name(subject).to_owned(), sent.len()))
    }

    fn called(name: &str, events: usize) -> Option<(String, usize)> {
        Some((name.to_owned(), events))
    }

    #[test]
    fn two_venues_never_share_a_book() {
        let mut names = Directory::new(10);
        let [mut one, mut other] = [(); 2].map(|()| Subjects::new(&Options::default()));
        assert_eq!(met(&mut one, "A", "XNAS", &mut names), called("A", 1));
        assert_eq!(met(&mut other, "A", "IEXG", &mut names), called("A@IEXG", 1));
        assert_eq!(met(&mut one, "A", "XNAS", &mut names), called("A", 0));
        assert_eq!(met(&mut other, "A", "IEXG", &mut names), called("A@IEXG", 0));
        let mut third = Subjects::new(&Options::default());
        assert_eq!(met(&mut third, "A", "XNAS", &mut names), called("A", 1));
        assert_eq!(names.subjects().len(), 2);
    }

    #[test]
    fn who_asks_for_a_name_asks_for_it_at_every_venue() {
        let options = Options { symbols: Some(vec!["A".to_owned()]), ..Options::default() };
        let mut names = Directory::new(10);
        let [mut one, mut other] = [(); 2].map(|()| Subjects::new(&options));
        assert_eq!(met(&mut one, "A", "XNAS", &mut names), called("A", 1));
        assert_eq!(met(&mut other, "A", "IEXG", &mut names), called("A@IEXG", 1));
        assert_eq!(met(&mut other, "A@IEXG", "IEXG", &mut names), called("A@IEXG", 0));
        assert_eq!(met(&mut one, "B", "XNAS", &mut names), None);
        let options = Options { symbols: Some(vec!["A@IEXG".to_owned()]), ..Options::default() };
        let mut only = Subjects::new(&options);
        assert_eq!(met(&mut only, "A", "XNAS", &mut names), None);
        assert_eq!(met(&mut only, "A", "IEXG", &mut names), called("A@IEXG", 1));
        assert_eq!(met(&mut only, "A@IEXG", "IEXG", &mut names), called("A@IEXG", 0));
    }
}
