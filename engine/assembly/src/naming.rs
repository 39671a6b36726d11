//! How names get from the feed's directory to where people read.
//!
//! Each new name is sent, once, before the first event that uses it is published; whoever shows
//! findings catches up before it shows one. The event path itself carries numbers only.

use crossbeam_channel::{Receiver, Sender, unbounded};
use engine_event::{Definition, Directory};

/// A name that was given an id: the next of its kind.
#[derive(Clone, Debug)]
pub enum Naming {
    /// A subject and its numbers.
    Subject(Box<str>, Definition),
    /// Someone who enters orders.
    Participant(Box<str>),
    /// A venue.
    Venue(Box<str>),
    /// Something that devices measure.
    Metric(Box<str>),
}

/// The source's end: what it has told so far, to each of its listeners.
#[derive(Debug)]
pub(crate) struct Herald {
    to: Vec<Listener>,
    told: [usize; 4],
}

/// Whom a herald tells, from which name of each kind on.
#[derive(Debug)]
struct Listener {
    to: Sender<Naming>,
    told: [usize; 4],
}

/// The reader's end: a directory that follows the source's.
#[derive(Debug)]
pub struct Roll {
    from: Receiver<Naming>,
    names: Directory,
}

fn counts(names: &Directory) -> [usize; 4] {
    [names.subjects().len(), names.participants.len(), names.venues.len(), names.metrics.len()]
}

impl Herald {
    /// Everybody knows these names.
    pub(crate) fn new(names: &Directory) -> Self {
        Self { to: Vec::new(), told: counts(names) }
    }

    /// One more roll, which begins with these names: all that there are.
    pub(crate) fn roll(&mut self, names: &Directory) -> Roll {
        Roll { from: self.listen(names, names), names: names.clone() }
    }

    /// One more listener, who knows the first names already: as many of each kind as `known` has. It is
    /// told the rest of `names`, which are all that there are, now. The channel is unbounded because the
    /// directory is not.
    pub(crate) fn listen(&mut self, known: &Directory, names: &Directory) -> Receiver<Naming> {
        let (to, from) = unbounded();
        let mut listener = Listener { to, told: counts(known) };
        listener.tell(names, counts(names));
        self.to.push(listener);
        from
    }

    /// Tells what is new.
    #[inline]
    pub(crate) fn tell(&mut self, names: &Directory) {
        let now = counts(names);
        if now != self.told {
            self.tell_since(names, now);
        }
    }

    #[cold]
    fn tell_since(&mut self, names: &Directory, now: [usize; 4]) {
        self.to.iter_mut().for_each(|listener| listener.tell(names, now));
        self.told = now;
    }
}

impl Listener {
    fn tell(&mut self, names: &Directory, now: [usize; 4]) {
        let [subjects, participants, venues, metrics] = self.told;
        // A subject's definition names its venue, so venues go first. A reader that has hung up wants
        // no names; the event path does not care.
        for (_, name) in names.venues.iter().skip(venues) {
            let _ = self.to.send(Naming::Venue(name.into()));
        }
        for (id, name) in names.subjects().skip(subjects) {
            let definition = *names.definition(id).expect("every subject has a definition");
            let _ = self.to.send(Naming::Subject(name.into(), definition));
        }
        for (_, name) in names.participants.iter().skip(participants) {
            let _ = self.to.send(Naming::Participant(name.into()));
        }
        for (_, name) in names.metrics.iter().skip(metrics) {
            let _ = self.to.send(Naming::Metric(name.into()));
        }
        // Who knows more than there is learns only what comes behind that.
        let told = self.told.iter_mut().zip(now);
        told.for_each(|(told, now)| *told = now.max(*told));
    }
}

impl Roll {
    /// The names, up to everything that was told until now.
    pub fn call(&mut self) -> &Directory {
        while let Ok(naming) = self.from.try_recv() {
            self.enter(naming);
        }
        &self.names
    }

    /// The names as of the last [`call`](Self::call).
    pub fn names(&self) -> &Directory {
        &self.names
    }

    fn enter(&mut self, naming: Naming) {
        let entered = match naming {
            Naming::Subject(name, definition) => self.names.define(&name, definition).map(drop),
            Naming::Participant(name) => self.names.participants.intern(&name).map(drop),
            Naming::Venue(name) => self.names.venues.intern(&name).map(drop),
            Naming::Metric(name) => self.names.metrics.intern(&name).map(drop),
        };
        entered.expect("a directory takes what one with the same bounds has taken");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_event::VenueId;

    #[test]
    fn a_roll_follows_the_directory() {
        let mut names = Directory::new(10);
        let mut herald = Herald::new(&names);
        let mut roll = herald.roll(&names);
        names.venues.intern("XNAS").unwrap();
        names.define("AAPL", Definition::new(VenueId(0), 4, 0)).unwrap();
        herald.tell(&names);
        names.participants.intern("GSCO").unwrap();
        herald.tell(&names);
        let read = roll.call();
        assert_eq!(read.venue(read.find("AAPL").unwrap()), "XNAS");
        assert_eq!(read.participants.find("GSCO"), names.participants.find("GSCO"));
    }

    #[test]
    fn every_listener_is_told_what_it_does_not_know() {
        let mut names = Directory::new(10);
        names.venues.intern("XNAS").unwrap();
        names.define("AAPL", Definition::new(VenueId(0), 4, 0)).unwrap();
        let mut herald = Herald::new(&names);
        let mut more = names.clone();
        for name in ["MSFT", "NVDA"] {
            more.define(name, Definition::new(VenueId(0), 4, 0)).unwrap();
        }
        let new = herald.listen(&Directory::new(10), &names);
        let as_far = herald.listen(&names, &names);
        let ahead = herald.listen(&more, &names);
        for name in ["MSFT", "NVDA", "TSLA"] {
            names.define(name, Definition::new(VenueId(0), 4, 0)).unwrap();
            herald.tell(&names);
        }
        let told = |from: Receiver<Naming>| -> Vec<String> {
            let word = |naming| match naming {
                Naming::Subject(name, _) | Naming::Venue(name) => name.to_string(),
                other => panic!("nobody has said {other:?}"),
            };
            from.try_iter().map(word).collect()
        };
        assert_eq!(told(new), ["XNAS", "AAPL", "MSFT", "NVDA", "TSLA"]);
        assert_eq!(told(as_far), ["MSFT", "NVDA", "TSLA"]);
        assert_eq!(told(ahead), ["TSLA"]);
    }
}
