//! A feed that goes on where an earlier run of it ended.

use engine_event::{Directory, Event, Kind, Nanos};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally, Timing};
use std::path::{Path, PathBuf};

/// A feed whose first events are known already. It is decoded from its beginning, for a codec knows where it
/// is only by what it has read; what was told before is not told again.
///
/// It has names of its own until it has caught up, so that they get the same ids as the first time and every
/// definition comes in its place.
#[derive(Debug)]
pub struct Resumed<F> {
    feed: F,
    behind: Option<Behind>,
    is_complete: bool,
}

/// What is known of a feed already.
#[derive(Debug)]
pub struct Past {
    /// How many events.
    pub events: u64,
    /// The last of them, by which it shows whether this is the same input.
    pub last: Option<Event>,
    /// The input, for the error that says that it is another one.
    pub input: PathBuf,
}

#[derive(Debug)]
struct Behind {
    past: Past,
    names: Directory,
    left: u64,
    is_other: bool,
}

/// Events that are dropped at a time while catching up.
const BATCH: u64 = 1 << 16;

impl<F: Feed> Resumed<F> {
    /// A feed from its beginning.
    pub fn new(feed: F) -> Self {
        Self { feed, behind: None, is_complete: false }
    }

    /// A feed of which this is known; `names` are none yet, with the bounds of the first time.
    pub fn after(feed: F, past: Past, names: Directory) -> Self {
        let left = past.events;
        let behind = Behind { past, names, left, is_other: false };
        Self { feed, behind: Some(behind).filter(|_| left > 0), is_complete: false }
    }

    /// The feed within.
    pub fn feed(&self) -> &F {
        &self.feed
    }

    #[cold]
    fn catch_up<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        let Some(behind) = &mut self.behind else { return Ok(FeedTurn::Worked) };
        let Behind { past, names: own, left, is_other } = behind;
        let mut beyond = Beyond { sink, left, last: past.last, is_other };
        let turn = self.feed.poll(now, own, &mut beyond);
        let ended = !matches!(turn, Ok(FeedTurn::Worked | FeedTurn::Idle));
        if ended && *left == 1 && past.last.is_some_and(|last| last.kind() == Kind::End) {
            (*left, self.is_complete) = (0, true);
        }
        if *is_other || (ended && *left > 0) {
            // Nothing is added to what is known: not even an end.
            self.is_complete = true;
            let what = "is not the input that the journal holds the beginning of";
            return Err(FeedError::Data {
                file: past.input.clone(),
                place: format!("event {}", past.events - *left),
                what: what.into(),
            });
        }
        if *left == 0 {
            take_over(own, names, &past.input)?;
            self.behind = None;
        }
        turn
    }
}

/// What the feed has named so far, in its order.
fn take_over(own: &Directory, names: &mut Directory, input: &Path) -> Result<(), FeedError> {
    let full = |error: engine_event::DirectoryFull| FeedError::Data {
        file: input.to_path_buf(),
        place: "names".into(),
        what: error.to_string(),
    };
    for (_, name) in own.venues.iter() {
        names.venues.intern(name).map_err(full)?;
    }
    for (id, name) in own.subjects() {
        let definition = own.definition(id).expect("every subject has a definition");
        names.define(name, *definition).map_err(full)?;
    }
    for (_, name) in own.participants.iter() {
        names.participants.intern(name).map_err(full)?;
    }
    for (_, name) in own.metrics.iter() {
        names.metrics.intern(name).map_err(full)?;
    }
    Ok(())
}

/// Drops what is known and hands on what is new.
struct Beyond<'a, S> {
    sink: &'a mut S,
    left: &'a mut u64,
    last: Option<Event>,
    is_other: &'a mut bool,
}

impl<S: Sink> Beyond<'_, S> {
    fn is_new(&mut self, event: &Event) -> bool {
        if *self.left == 0 {
            return true;
        }
        *self.left -= 1;
        if *self.left == 0
            && let Some(last) = self.last
        {
            let mut numbered = *event;
            numbered.seq = last.seq;
            *self.is_other |= numbered != last;
        }
        false
    }
}

impl<S: Sink> Sink for Beyond<'_, S> {
    fn room(&mut self) -> usize {
        self.sink.room().saturating_add((*self.left).min(BATCH) as usize)
    }

    fn push(&mut self, event: Event) {
        if self.is_new(&event) {
            self.sink.push(event);
        }
    }

    fn push_due(&mut self, event: Event, due: Nanos) {
        if self.is_new(&event) {
            self.sink.push_due(event, due);
        }
    }
}

impl<F: Feed> Feed for Resumed<F> {
    #[inline]
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        if self.behind.is_some() {
            return self.catch_up(now, names, sink);
        }
        self.feed.poll(now, names, sink)
    }

    fn tally(&self) -> Tally {
        self.feed.tally()
    }

    fn tally_into(&self, all: &mut Tally) {
        self.feed.tally_into(all);
    }

    fn timing(&self) -> Timing {
        self.feed.timing()
    }

    fn tells_its_end(&self) -> bool {
        self.is_complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, open};
    use engine_event::SubjectId;
    use engine_event::body::End;
    use std::io::Write;

    /// A session in which subjects turn up on the way.
    fn session() -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let head = "event_at,subject,venue,kind,order_id,side,price,quantity,participant,counterparty,order_type,flags";
        writeln!(file, "{head}").unwrap();
        for n in 1..200u64 {
            let (subject, who) = (n / 20, n % 7);
            writeln!(file, "{n},S{subject},V,add,{n},B,1.{n:03},5,P{who},,,").unwrap();
        }
        file
    }

    fn all(feed: &mut impl Feed, names: &mut Directory) -> Result<Vec<Event>, FeedError> {
        let mut events = Vec::new();
        while feed.poll(Nanos(0), names, &mut events)? != FeedTurn::Ended {}
        Ok(events)
    }

    fn past(events: &[Event]) -> Past {
        let last = events.last().copied();
        Past { events: events.len() as u64, last, input: "session".into() }
    }

    #[test]
    fn wherever_it_was_broken_off_it_goes_on() {
        let file = session();
        let open = || open(file.path(), &Options::default()).unwrap();
        let (mut names, mut whole) = (Directory::new(100), Vec::new());
        whole.extend(all(&mut open(), &mut names).unwrap());
        for cut in 0..=whole.len() {
            // The names are there already, as after the replay of a journal; some more may be.
            let mut known = names.clone();
            let past = past(&whole[..cut]);
            let mut feed = Resumed::after(open(), past, Directory::new(100));
            assert_eq!(all(&mut feed, &mut known).unwrap(), whole[cut..], "cut at {cut}");
            assert_eq!(feed.tally().messages, 199);
            assert_eq!(known.subjects().len(), names.subjects().len());
            assert!(!feed.tells_its_end());
        }
    }

    #[test]
    fn another_input_is_refused() {
        let file = session();
        let open = || open(file.path(), &Options::default()).unwrap();
        let mut whole = all(&mut open(), &mut Directory::new(100)).unwrap();
        whole[50].event_at = Nanos(7);
        for cut in [51, 500] {
            whole.resize(cut, whole[50]);
            let mut feed = Resumed::after(open(), past(&whole), Directory::new(100));
            let refused = all(&mut feed, &mut Directory::new(100)).unwrap_err().to_string();
            assert!(refused.contains("is not the input that the journal holds"), "{refused}");
            assert!(feed.tells_its_end());
        }
    }

    #[test]
    fn what_came_to_its_end_tells_no_other() {
        let file = session();
        let open = || open(file.path(), &Options::default()).unwrap();
        let mut whole = all(&mut open(), &mut Directory::new(100)).unwrap();
        whole.push(Event::new(SubjectId::EVERY, whole[9].event_at, End::default()));
        let mut feed = Resumed::after(open(), past(&whole), Directory::new(100));
        assert_eq!(all(&mut feed, &mut Directory::new(100)).unwrap(), []);
        assert!(feed.tells_its_end());
    }
}
