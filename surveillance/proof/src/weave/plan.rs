//! Which campaigns there are to be, and when.

use super::{Settings, WeaveError, named};
use crate::chance::{Chance, blended};
use crate::label::Class;
use crate::scenario::{self, Case};
use engine_event::{Definition, Directory, DirectoryFull, Nanos, ParticipantId, SubjectId};
use std::collections::VecDeque;

/// How often a campaign that came to nothing is tried again.
const TRIES_MAX: u32 = 3;

/// A campaign that is to be.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) case: &'static Case,
    pub(super) severity: f64,
    /// From 1; what it is called by.
    pub(super) number: u64,
    /// Whether its accounts are in the background as well.
    pub(super) is_known: bool,
    /// The accounts that do it, if they are not.
    pub(super) new: Vec<ParticipantId>,
    /// The instrument that is made for it.
    pub(super) stage: Option<SubjectId>,
    pub(super) tries: u32,
    release: Nanos,
}

/// Campaigns in the order in which they are to begin.
#[derive(Debug)]
pub(super) struct Plan {
    waiting: VecDeque<Planned>,
    to: Nanos,
}

impl Plan {
    pub(super) fn new(
        settings: &Settings,
        (from, to): (Nanos, Nanos),
        like: Definition,
        names: &mut Directory,
    ) -> Result<Self, WeaveError> {
        let mut wanted: Vec<(&'static Case, f64)> = Vec::new();
        for pattern in &settings.patterns {
            let cases = || scenario::all().filter(|case| case.pattern == *pattern);
            if cases().next().is_none() {
                return Err(WeaveError::UnknownPattern(pattern.clone()));
            }
            let positives: Vec<_> = cases().filter(|case| case.class == Class::Positive).collect();
            for severity in &settings.severities {
                let each = positives.iter().cycle().take(settings.positives as usize);
                wanted.extend(each.map(|case| (*case, *severity)));
            }
            for case in cases().filter(|case| case.class == Class::NearMiss) {
                wanted.extend((0..settings.near_misses).map(|_| (case, 1.0)));
            }
        }
        let mut chance = Chance::new(blended(&[settings.seed, 0x91a4]));
        for last in (1..wanted.len()).rev() {
            wanted.swap(last, chance.place(last + 1));
        }
        // What begins in the last tenth has little time left.
        let span = to.0.saturating_sub(from.0) as f64 * 0.9;
        let each = span / wanted.len().max(1) as f64;
        let mut waiting = VecDeque::with_capacity(wanted.len());
        let mut next = 0;
        for (place, (case, severity)) in wanted.into_iter().enumerate() {
            let new = (0..case.culprits).map(|_| {
                next += 1;
                named(names, 'N', next)
            });
            let new = new.collect::<Result<_, _>>()?;
            let release = from + Nanos(((place as f64 + chance.unit()) * each) as u64);
            let is_known = place % 2 == 1 && !case.only_new;
            let number = place as u64 + 1;
            let stage = match case.stage {
                Some(_) => Some(staged(names, number, like)?),
                None => None,
            };
            let planned =
                Planned { case, severity, number, is_known, new, stage, tries: 0, release };
            waiting.push_back(planned);
        }
        Ok(Self { waiting, to })
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the next one is to begin.
    pub(super) fn next(&self) -> Option<Nanos> {
        self.waiting.front().map(|planned| planned.release).filter(|release| *release < self.to)
    }

    /// The stage of the next one, if it has one.
    pub(super) fn stage(&self) -> Option<SubjectId> {
        self.waiting.front().and_then(|planned| planned.stage)
    }

    pub(super) fn take(&mut self) -> Option<Planned> {
        self.waiting.pop_front()
    }

    /// Nothing can begin now.
    pub(super) fn postpone(&mut self, now: Nanos, by: u64) {
        for planned in &mut self.waiting {
            planned.release = planned.release.max(now + Nanos(by));
        }
    }

    /// One that came to nothing is tried again behind all others.
    pub(super) fn again(&mut self, planned: &Planned, now: Nanos) {
        let tries = planned.tries + 1;
        // A stage is there once.
        if tries <= TRIES_MAX && planned.stage.is_none() {
            let last = self.waiting.back().map_or(now, |last| last.release);
            let release = last.max(now);
            self.waiting.push_back(Planned { tries, release, ..planned.clone() });
        }
    }
}

/// An instrument with a name that nobody has yet.
fn staged(
    names: &mut Directory,
    number: u64,
    like: Definition,
) -> Result<SubjectId, DirectoryFull> {
    let mut name = format!("STAGE{number:04}");
    while names.find(&name).is_some() {
        name.push('X');
    }
    names.define(&name, like).map(|(subject, _)| subject)
}
