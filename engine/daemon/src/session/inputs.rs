//! What a run reads: files, live feeds, a journal; and what a journal knows of them already.

use crate::config::{self, Feed, Origin};
use crate::failure::Failure;
use crate::input;
use crate::journaling::{Continued, Journaling};
use crate::output::tell;
use crate::summary::OpenLoop;
use anyhow::anyhow;
use engine_event::{Directory, Nanos};
use engine_journal::{JournalFeed, RealDisk, is_journal};
use engine_pipeline::{FeedError, FeedTurn, Tally, Timing};
use feeds::transport::udp::Received;
use feeds::{
    AnyFeed, Arrivals, Format, Listen, LiveFeed, LiveProtocol, Merged, Paced, Past, Resumed, Speed,
    Until,
};
use std::fs;
use std::path::Path;

/// All feeds of a run, as one.
pub(crate) enum Feeds {
    /// Files, merged by event time.
    Files(Box<Files>),
    /// Live feeds, in the order of arrival.
    Live(Box<Continued<Arrivals<LiveFeed>>>),
    /// A journal, again.
    Journal(Box<Until<Paced<JournalFeed<RealDisk>>>>),
}

/// What a journal holds of them, and then the files.
pub(super) type Files = Continued<Until<Paced<Resumed<Merged<AnyFeed>>>>>;

/// Which part of the feeds is wanted.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// What happened before is for the books alone.
    pub(super) begins: Nanos,
    pub(super) until: Nanos,
    /// Of a journal: what is behind this event, up to that one.
    pub(super) after: u64,
    pub(super) to: Option<u64>,
}

/// Where a run with a journal begins.
#[derive(Clone, Copy)]
pub(super) struct Begins<'a> {
    pub(super) journaling: &'a Journaling,
    /// The last event of the state that it begins with.
    pub(super) after: u64,
    pub(super) subjects_max: u32,
}

impl engine_pipeline::Feed for Feeds {
    #[inline]
    fn poll<S: engine_pipeline::Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        match self {
            Feeds::Files(feed) => feed.poll(now, names, sink),
            Feeds::Live(feed) => feed.poll(now, names, sink),
            Feeds::Journal(feed) => feed.poll(now, names, sink),
        }
    }

    fn tally(&self) -> Tally {
        match self {
            Feeds::Files(feed) => feed.tally(),
            Feeds::Live(feed) => feed.tally(),
            Feeds::Journal(feed) => feed.tally(),
        }
    }

    fn tally_into(&self, all: &mut Tally) {
        match self {
            Feeds::Files(feed) => feed.tally_into(all),
            Feeds::Live(feed) => feed.tally_into(all),
            Feeds::Journal(feed) => feed.tally_into(all),
        }
    }

    fn timing(&self) -> Timing {
        match self {
            Feeds::Files(feed) => feed.timing(),
            Feeds::Live(feed) => feed.timing(),
            Feeds::Journal(feed) => feed.timing(),
        }
    }

    fn tells_its_end(&self) -> bool {
        match self {
            Feeds::Files(feed) => feed.tells_its_end(),
            Feeds::Live(feed) => feed.tells_its_end(),
            Feeds::Journal(feed) => feed.tells_its_end(),
        }
    }
}

impl Feeds {
    /// Opens them; and by what the places of faults are counted, if all count alike.
    pub(super) fn open(
        feeds: &[Feed],
        speed: Speed,
        part: Part,
        goes_on: Option<Begins<'_>>,
    ) -> Result<(Self, Option<&'static str>), Failure> {
        if let [Feed { origin: Origin::File(path), place, options }] = feeds
            && is_journal(path)
        {
            let feed = input::journal(path, options, (part.after, part.to));
            let feed = feed.map_err(|failure| failure.placed(place.as_deref()))?;
            let paced = Paced::from(feed, speed, part.begins);
            return Ok((Feeds::Journal(Box::new(Until::new(paced, part.until))), Some("event")));
        }
        let Part { begins, until, .. } = part;
        let tail = goes_on.map(|begins| begins.tail()).transpose()?.flatten();
        let live: Vec<_> = feeds.iter().filter_map(|feed| Some((feed, feed.live()?))).collect();
        if live.is_empty() {
            let opened = feeds.iter().map(open_file).collect::<Result<Vec<_>, _>>()?;
            // The same flags are for all files: it is enough if one of them heeds them.
            if let Some(Feed { place: None, options, .. }) = feeds.first() {
                check_flags(options, &opened.iter().map(AnyFeed::format).collect::<Vec<_>>())?;
            }
            let places = common(opened.iter().map(|feed| feed.format().place()));
            let merged = Merged::new(opened);
            let resumed = match goes_on.and_then(|begins| begins.past(feeds)) {
                None => Resumed::new(merged),
                Some((past, names)) => Resumed::after(merged, past, names),
            };
            let paced = Paced::from(resumed, speed, begins);
            let files = Continued::new(tail, Until::new(paced, until));
            return Ok((Feeds::Files(Box::new(files)), places));
        }
        let open = |(feed, (protocol, listen)): (&Feed, (LiveProtocol, &Listen))| {
            check_recording(feed, listen)?;
            let opened = LiveFeed::open(protocol, listen, &feed.options);
            let opened = opened.map_err(|error| placed(feed, Failure::from(error)))?;
            tell(format_args!("tapewatch: {protocol}, {}\n", opened.description()));
            Ok::<_, Failure>(opened)
        };
        let opened = live.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let arrivals = Arrivals::new(opened);
        let live = match goes_on.and_then(|begins| begins.journaling.last()) {
            None => Continued::new(tail, arrivals),
            Some(last) => Continued::live(tail, arrivals, last.event_at),
        };
        Ok((Feeds::Live(Box::new(live)), Some("packet")))
    }

    /// How events were paced, if they were.
    pub(super) fn open_loop(&self) -> Option<OpenLoop> {
        let (speed, expected_interval) = match self {
            Feeds::Files(files) => {
                let paced = files.feed_ref().feed();
                (paced.speed(), paced.expected_interval()?)
            }
            Feeds::Journal(journal) => {
                (journal.feed().speed(), journal.feed().expected_interval()?)
            }
            Feeds::Live(_) => return None,
        };
        Some(OpenLoop { speed, expected_interval })
    }

    /// Why feeds broke off, besides the first of them, whose reason ended the run.
    pub(super) fn more_errors(&mut self) -> &[FeedError] {
        match self {
            Feeds::Files(files) => files.feed_ref().feed().feed().feed().more_errors(),
            Feeds::Live(live) => live.feed_ref().more_errors(),
            Feeds::Journal(_) => &[],
        }
    }

    /// Ends recordings; what the live feeds received.
    pub(super) fn received(&mut self) -> Vec<Received> {
        let Feeds::Live(live) = self else { return Vec::new() };
        let live = live.feed();
        live.feeds().iter_mut().for_each(LiveFeed::end_recording);
        live.feeds().iter().map(LiveFeed::received).collect()
    }
}

impl Begins<'_> {
    /// What earlier runs have left behind the state.
    fn tail(&self) -> Result<Option<JournalFeed<RealDisk>>, Failure> {
        let has_tail = self.after < self.journaling.end();
        has_tail.then(|| self.journaling.tail(self.after)).transpose()
    }

    /// What the journal holds of these files.
    fn past(&self, feeds: &[Feed]) -> Option<(Past, Directory)> {
        let input = feeds.first()?.path()?.to_path_buf();
        let events = self.journaling.end();
        let past = Past { events, last: self.journaling.last(), input };
        (events > 0).then(|| (past, Directory::new(self.subjects_max)))
    }
}

pub(super) fn placed(feed: &Feed, failure: Failure) -> Failure {
    failure.placed(feed.place.as_deref())
}

/// The journal that is replayed, if it is one.
pub(super) fn replayed(feeds: &[Feed]) -> Option<&Path> {
    feeds.iter().filter_map(Feed::path).find(|path| is_journal(path))
}

/// Opens a file; one that is not there is the fault of the configuration that names it.
pub(crate) fn open_file(feed: &Feed) -> Result<AnyFeed, Failure> {
    let path = feed.path().expect("a run has live feeds or files, not both");
    let opened = feeds::open(path, &feed.options).map_err(|error| {
        let beside = if path.exists() { None } else { nearest_beside(path) };
        let failure = match beside {
            Some(name) => anyhow!("{error}; did you mean `{name}`?").into(),
            None => Failure::from(error),
        };
        placed(feed, failure)
    })?;
    match needless(&feed.options, &[opened.format()]).filter(|_| feed.place.is_some()) {
        Some((_, key, why)) => Err(placed(feed, Failure::usage(anyhow!("`{key}` {why}")))),
        None => Ok(opened),
    }
}

/// Refuses flags about reading that no file of these formats heeds.
pub(crate) fn check_flags(options: &feeds::Options, formats: &[Format]) -> Result<(), Failure> {
    match needless(options, formats) {
        Some((flag, _, why)) => Err(Failure::usage(anyhow!("{flag} {why}"))),
        None => Ok(()),
    }
}

/// The option that says nothing about files of these formats: the flag, the key, and why.
fn needless(
    options: &feeds::Options,
    formats: &[Format],
) -> Option<(&'static str, &'static str, String)> {
    let (flag, key) = match options {
        _ if formats.contains(&Format::Mdp3Pcap) => return None,
        feeds::Options { schema: Some(_), .. } => ("--schema", "schema"),
        feeds::Options { by_order: true, .. } => ("--by-order", "by_order"),
        _ => return None,
    };
    let found = formats.iter().map(|format| format.word()).collect::<Vec<_>>().join(", ");
    Some((flag, key, format!("is for {}, and this is {found}", Format::Mdp3Pcap)))
}

/// Refuses a recording that could not begin.
pub(crate) fn check_recording(feed: &Feed, listen: &Listen) -> Result<(), Failure> {
    let Some(path) = &listen.record else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let wrong = match folder {
        Some(folder) if !folder.is_dir() => format!("there is no folder {}", folder.display()),
        _ if path.is_dir() => "is a folder, not a file".to_string(),
        _ => return Ok(()),
    };
    Err(placed(feed, anyhow!("cannot record: {}: {wrong}", path.display()).into()))
}

/// The file in the same folder whose name is nearest.
fn nearest_beside(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?.take(10_000);
    let names: Vec<_> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    config::nearest(&path.file_name()?.to_string_lossy(), &names)
}

/// The value that all have.
pub(super) fn common<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}
