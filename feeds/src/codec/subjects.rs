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
        let wanted = options.symbols.as_ref();
        let wanted = wanted.map(|names| names.iter().map(|name| name.as_str().into()).collect());
        Self { wanted, defined: Vec::new() }
    }

    /// Another session begins: its subjects are defined again, and those that were known begin with an
    /// empty book.
    pub(crate) fn begin_again(&mut self) {
        let known = self.defined.iter_mut().filter(|defined| **defined == Defined::Yes);
        known.for_each(|defined| *defined = Defined::Before);
    }

    /// The subject of this name, or none if nobody asked for it. Its definition is sent when the
    /// stream meets it for the first time: even if another feed knows it already, for this feed's
    /// events may come before the other's.
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
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(name)) {
            return Ok(None);
        }
        let definition = definition(names)?;
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
        sink.push(Event::new(subject, at, known));
        if std::mem::replace(&mut self.defined[subject.index()], Defined::Yes) == Defined::Before {
            sink.push(Event::new(subject, at, End::default()).with_kind(Kind::Clear));
        }
        Ok(Some(subject))
    }
}
