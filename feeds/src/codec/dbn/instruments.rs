//! Publishers' instruments as subjects.

use super::levels::Ladder;
use super::record::Head;
use super::{Dbn, PRICE_SCALE, Stop, Times, Turn};
use crate::codec::subjects::Refused;
use crate::codec::{CodecError, Trouble};
use dbn::{Publisher, flags};
use engine_event::body::{End, Phase};
use engine_event::{
    Definition, Directory, DirectoryFull, Event, Fault, Kind, MaybePrice, Quantity, SubjectId,
};
use engine_pipeline::Sink;
use std::borrow::Cow;
use std::ops::Range;

/// How many instruments are remembered beside those that are near.
const INSTRUMENTS_MAX: usize = 1 << 20;
/// How many instruments are found at once.
pub(super) const NEAR: usize = 1 << 14;

/// What is known of an instrument, as long as all that is near is valid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) key: u64,
    pub(super) subject: SubjectId,
}

pub(super) const NOBODY: Known = Known { key: u64::MAX, subject: SubjectId::EVERY };

/// What came of meeting an instrument.
#[derive(Clone, Debug)]
pub(super) struct Met {
    valid: Range<u64>,
    renamed: u64,
    stands: Stands,
}

/// Whether an instrument is a subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stands {
    Subject(SubjectId),
    Unwanted,
    Refused,
}

/// What the records of a subject leave behind for later ones.
#[derive(Debug)]
pub(super) struct State {
    /// The instrument behind the name.
    pub(super) key: u64,
    pub(super) phase: Phase,
    /// Whether it was told that the book is in doubt.
    pub(super) is_doubted: bool,
    /// Its best bid and offer, where a feed of orders tells only those.
    pub(super) touch: [(MaybePrice, Quantity); 2],
    pub(super) ladder: Option<Box<Ladder>>,
}

/// Where a publisher's instrument is looked for first.
#[inline(always)]
pub(super) fn near(key: u64) -> usize {
    (key as usize ^ ((key >> 32) as usize & 15) << 10) % NEAR
}

impl Dbn {
    /// The subject of a record. It is defined if it is new, and its book is in doubt if the venue's
    /// data have a gap.
    pub(super) fn admit<S: Sink>(
        &mut self,
        head: &Head,
        times: Times,
        flags: u8,
        turn: &mut Turn<'_, S>,
    ) -> Result<SubjectId, Stop> {
        let key = head.key();
        let known = self.near[near(key)];
        let is_near = known.key == key && self.near_valid.contains(&times.index);
        let subject = if is_near {
            known.subject
        } else {
            self.find(key, times, |names| plain(key, names), turn)?
        };
        if flags & flags::MAYBE_BAD_BOOK != 0 {
            self.doubt(key, subject, times, turn)?;
        }
        Ok(subject)
    }

    /// The same for one that is not near.
    pub(super) fn find<S: Sink>(
        &mut self,
        key: u64,
        times: Times,
        definition: impl FnOnce(&mut Directory) -> Result<Definition, DirectoryFull>,
        turn: &mut Turn<'_, S>,
    ) -> Result<SubjectId, Stop> {
        let is_valid = |met: &&Met| met.valid.contains(&times.index) && met.renamed == self.renamed;
        let met = self.known.get(&key).filter(is_valid).cloned();
        let (met, is_new) = match met {
            Some(met) => (met, false),
            None => (self.meet(key, times, definition, turn)?, true),
        };
        match met.stands {
            Stands::Subject(subject) => {
                if !self.near_valid.contains(&times.index) {
                    self.near.fill(NOBODY);
                    self.near_valid = met.valid.clone();
                }
                let both = &mut self.near_valid;
                *both = both.start.max(met.valid.start)..both.end.min(met.valid.end);
                self.near[near(key)] = Known { key, subject };
                Ok(subject)
            }
            Stands::Unwanted => Err(Stop::Skip),
            Stands::Refused if is_new => Err(Stop::Skip),
            Stands::Refused => {
                let what = format_args!("instrument {} found no room in the directory", key as u32);
                let trouble = Trouble { fault: Fault::DirectoryFull, place: turn.place(), what };
                trouble.count(self.strict, turn.tally)?;
                Err(Stop::Skip)
            }
        }
    }

    /// Makes an instrument a subject, if it is wanted and there is room.
    #[cold]
    fn meet<S: Sink>(
        &mut self,
        key: u64,
        times: Times,
        definition: impl FnOnce(&mut Directory) -> Result<Definition, DirectoryFull>,
        turn: &mut Turn<'_, S>,
    ) -> Result<Met, Stop> {
        let valid = self.naming.name(key as u32, times.index, &mut self.name);
        let venue = venue(key);
        let is_elsewhere = |name: &str, names: &Directory| {
            names.find(name).is_some_and(|subject| names.venue(subject) != venue)
        };
        if is_elsewhere(&self.name, turn.names) {
            self.name.extend(["@", &*venue]);
        }
        let met = self.subjects.meet(&self.name, definition, times.at, turn.names, turn.sink);
        let stands = match met {
            Ok(Some(subject)) => Stands::Subject(subject),
            Ok(None) => Stands::Unwanted,
            Err(refused @ Refused::Scales { .. }) => {
                return Err(CodecError::new(turn.place(), refused).into());
            }
            Err(Refused::Full(full)) => {
                let what = format_args!("{}: {full}", self.name);
                let trouble = Trouble { fault: Fault::DirectoryFull, place: turn.place(), what };
                trouble.count(self.strict, turn.tally)?;
                Stands::Refused
            }
        };
        if let Stands::Subject(subject) = stands {
            self.take_over(key, subject, times, turn);
        }
        if self.known.len() == INSTRUMENTS_MAX {
            self.known.clear();
        }
        let met = Met { valid, renamed: self.renamed, stands };
        self.known.insert(key, met.clone());
        Ok(met)
    }

    /// Notes which instrument is behind a name. If that was another one, its book is no more.
    fn take_over<S: Sink>(
        &mut self,
        key: u64,
        subject: SubjectId,
        times: Times,
        turn: &mut Turn<'_, S>,
    ) {
        let state = self.states.entry(subject).or_insert_with(|| State::new(key));
        if state.key != key {
            self.ladders -= usize::from(state.ladder.is_some());
            *state = State::new(key);
            let clear = Event::new(subject, times.at, End::default()).with_kind(Kind::Clear);
            turn.push(clear, times.received);
        }
    }

    pub(super) fn state(&mut self, key: u64, subject: SubjectId) -> &mut State {
        self.states.entry(subject).or_insert_with(|| State::new(key))
    }

    /// The venue's data have a gap: whoever follows the book is told, once until it begins anew.
    #[cold]
    pub(super) fn doubt<S: Sink>(
        &mut self,
        key: u64,
        subject: SubjectId,
        times: Times,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Stop> {
        let state = self.state(key, subject);
        if !std::mem::replace(&mut state.is_doubted, true) {
            let what = format_args!("the venue's data have a gap");
            let trouble = Trouble { fault: Fault::Missing, place: turn.place(), what };
            trouble.lose(self.strict, subject, times.at, turn.sink, turn.tally)?;
        }
        Ok(())
    }

    /// An instrument's name may have changed: what was known by the old one is looked up again.
    pub(super) fn forget(&mut self, instrument: u32) {
        for publisher in 0..16_u64 {
            self.near[near(publisher << 32 | u64::from(instrument))] = NOBODY;
        }
        self.renamed += 1;
    }
}

impl State {
    pub(super) fn new(key: u64) -> Self {
        let nothing = (MaybePrice::NONE, Quantity(0));
        let (phase, touch) = (Phase::Unknown, [nothing; 2]);
        Self { key, phase, is_doubted: false, touch, ladder: None }
    }
}

/// Where a publisher's instruments trade.
fn venue(key: u64) -> Cow<'static, str> {
    let publisher = (key >> 32) as u16;
    match Publisher::try_from(publisher) {
        Ok(known) => known.venue().as_str().into(),
        Err(_) => format!("publisher-{publisher}").into(),
    }
}

/// The numbers of an instrument of which no more is known.
pub(super) fn plain(key: u64, names: &mut Directory) -> Result<Definition, DirectoryFull> {
    Ok(Definition::new(names.venues.intern(&venue(key))?, PRICE_SCALE, 0))
}
