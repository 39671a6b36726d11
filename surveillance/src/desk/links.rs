//! Who is taken to act with whom: links between persons that patterns infer, each with how sure it is. What
//! is declared is not here: accounts of one owner are one [`Person`].

use super::kept::{Kept, kept};
use super::notes::number_of;
use super::people::Person;
use super::shelf::Shelf;
use engine_observer::event::{Nanos, Reader, SnapshotError, Writer};

/// The links of an instrument; of those that were not seen for longest, one gives way.
#[derive(Clone, Default, Debug)]
pub(crate) struct Links {
    all: Shelf<u64, Inferred, { Links::MOST }>,
}

/// A link, as sure as it was at its surest.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Inferred {
    /// From 0, a guess, to 1.
    pub(crate) confidence: f64,
    /// The number of the pattern that found it: 5 is P05.
    pub(crate) by: u32,
    pub(crate) at: Nanos,
}

kept!(Inferred { confidence, by, at });

impl Kept for Links {
    fn keep(&self, to: &mut Writer) {
        self.all.keep(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(Self { all: Kept::restore(from)? })
    }
}

fn key(one: Person, other: Person) -> u64 {
    u64::from(one.0.min(other.0)) << 32 | u64::from(one.0.max(other.0))
}

impl Links {
    /// Links that are remembered.
    pub(crate) const MOST: usize = 1_024;

    /// A pattern finds that two act together.
    pub(crate) fn infer(
        &mut self,
        name: &str,
        (one, other): (Person, Person),
        confidence: f64,
        at: Nanos,
    ) {
        if one == other || confidence.is_nan() || confidence <= 0.0 {
            return;
        }
        let (confidence, by) = (confidence.min(1.0), number_of(name));
        let link = self.all.touch(key(one, other), || Inferred { confidence, by, at });
        link.at = at;
        if confidence > link.confidence {
            (link.confidence, link.by) = (confidence, by);
        }
    }

    /// How sure it is that two act together; none if nothing says so.
    #[inline]
    pub(crate) fn between(&self, one: Person, other: Person) -> Option<f64> {
        if self.all.is_empty() {
            return None;
        }
        self.all.get(key(one, other)).map(|link| link.confidence)
    }

    /// With whom somebody acts, the surest first.
    pub(crate) fn of(&self, person: Person) -> Vec<(Person, Inferred)> {
        let other = |(key, link): (u64, &Inferred)| {
            let (one, other) = (Person((key >> 32) as u32), Person(key as u32));
            let is_about = person == one || person == other;
            is_about.then_some((if person == one { other } else { one }, *link))
        };
        let mut all: Vec<_> = self.all.entries().filter_map(other).collect();
        all.sort_unstable_by(|(one, a), (other, b)| {
            b.confidence.total_cmp(&a.confidence).then(one.cmp(other))
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_as_sure_as_it_ever_was() {
        let mut links = Links::default();
        let at = Nanos::from_secs;
        let [a, b, c] = [Person(7), Person(3), Person(9)];
        links.infer("P05", (a, b), 0.6, at(1));
        links.infer("P20", (b, a), 0.9, at(2));
        links.infer("P21", (a, b), 0.7, at(3));
        links.infer("P21", (c, a), 0.95, at(4));
        links.infer("P21", (c, c), 1.0, at(4));
        links.infer("P21", (b, c), 0.0, at(4));
        assert_eq!([links.between(b, a), links.between(b, c)], [Some(0.9), None]);
        let told: Vec<_> = links.of(a).into_iter().map(|(who, link)| (who.0, link.by)).collect();
        assert_eq!(told, [(9, 21), (3, 20)]);
    }
}
