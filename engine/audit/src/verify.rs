//! A whole journal: its streams, what holds their segments together, and what is not there.

use crate::blocks::{Block, Blocks, End, Next, behind_hole};
use crate::damage::{Check, Damage, Span};
use crate::layout::{HEAD_MAGIC, Head, PAGE, SegmentHeader, Stream, segment_name, segment_number};
use crate::segment::{Damages, Found, Segment, Source, Task};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use zerocopy::{FromBytes, FromZeros};

/// The most notes that are kept.
const NOTES_KEPT: usize = 1000;

/// How to verify a journal.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The only key whose signatures count. Without one, a journal is held against the keys that it names
    /// itself: that shows what broke, but not who made it.
    pub trusted: Option<[u8; 32]>,
    /// How many threads read segments.
    pub threads: usize,
}

/// What came of it.
#[derive(Clone, Default, Debug)]
pub struct Verified {
    /// The journal's id.
    pub journal: [u8; 16],
    /// The streams that there are.
    pub streams: Vec<Verdict>,
    /// What is wrong: at most [`DAMAGES_KEPT`](crate::segment::DAMAGES_KEPT), by file and place.
    pub damages: Vec<Found>,
    /// How much is wrong.
    pub damage_count: u64,
    /// What is worth knowing and not wrong.
    pub notes: Vec<String>,
}

/// What there is of a stream.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Which stream.
    pub stream: Stream,
    /// Whether its head says that it was closed; `None` without a head that can be believed.
    pub is_closed: Option<bool>,
    /// Keys that sign it, in their order.
    pub keys: Vec<[u8; 32]>,
    /// Its segments by their number.
    pub segments: Vec<Segment>,
}

impl Verdict {
    /// A sum over all segments.
    pub fn sum(&self, of: impl Fn(&Segment) -> u64) -> u64 {
        self.segments.iter().map(of).fold(0, u64::saturating_add)
    }

    /// The first number, if it is known.
    pub fn first(&self) -> Option<u64> {
        self.segments.iter().map(|segment| segment.first).find(|first| *first > 0)
    }

    /// The number that comes next.
    pub fn next(&self) -> u64 {
        self.segments.last().map_or(1, |last| last.next)
    }
}

/// Why a folder cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum NoJournal {
    /// It cannot be read.
    #[error("{path}: {error}", path = path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It has neither segments nor heads.
    #[error("{path}: there is no journal in it", path = .0.display())]
    Nothing(PathBuf),
}

/// Verifies a journal: reads each segment from its beginning to its end.
pub fn verify(journal: &Path, options: Options) -> Result<Verified, NoJournal> {
    verify_and_show(journal, options, &|_, _, _| {})
}

/// The same, and shows each whole block with its stream and segment: those of a segment in their order, those of
/// several segments at once and from several threads.
pub fn verify_and_show(
    journal: &Path,
    options: Options,
    show: &(dyn Fn(Stream, u64, &Block) + Sync),
) -> Result<Verified, NoJournal> {
    let mut reading = Reading {
        journal,
        options,
        id: None,
        all: Damages::default(),
        notes: Vec::new(),
        kept: AtomicUsize::new(0),
    };
    let mut streams = Vec::new();
    for stream in Stream::ALL {
        let files = reading.files(stream)?;
        let is_begun = files.iter().any(|(number, (file, is_compressed))| {
            *number > 1 || !reading.is_bare(file, *is_compressed)
        });
        let head = reading.head(stream, is_begun);
        if files.is_empty() && head.is_none() {
            continue;
        }
        streams.push((stream, head, files));
    }
    if streams.is_empty() {
        return Err(NoJournal::Nothing(journal.to_path_buf()));
    }
    let streams: Vec<_> = streams
        .into_iter()
        .map(|(stream, head, files)| (stream, head, reading.tasks(stream, head.as_ref(), files)))
        .collect();
    // The alert log first: what it calls durable must be there when the events are read.
    let tasks: Vec<_> = streams.iter().rev().flat_map(|(.., tasks)| tasks).collect();
    let mut segments = reading.read(&tasks, show);
    let mut verdicts = Vec::new();
    for (stream, head, tasks) in &streams {
        let rest = segments.split_off(segments.len() - tasks.len());
        verdicts.push(reading.conclude(*stream, head.as_ref(), tasks, rest));
    }
    reading.hold_together(&verdicts);
    let Reading { id, all: Damages { mut kept, count }, notes, .. } = reading;
    kept.sort_by(|a, b| (&a.file, a.damage.bytes.start).cmp(&(&b.file, b.damage.bytes.start)));
    let journal = id.unwrap_or_default();
    Ok(Verified { journal, streams: verdicts, damages: kept, damage_count: count, notes })
}

/// A journal that is being verified.
struct Reading<'a> {
    journal: &'a Path,
    options: Options,
    id: Option<[u8; 16]>,
    all: Damages,
    kept: AtomicUsize,
    notes: Vec<String>,
}

/// Segments by their number: names in the stream's folder, and whether they are compressed.
type Files = BTreeMap<u64, (String, bool)>;

impl Reading<'_> {
    fn tell(&mut self, file: &str, events: Option<Span>, check: Check) {
        self.all.push(file, Damage { bytes: 0..0, blocks: None, events, check }, &self.kept);
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < NOTES_KEPT {
            self.notes.push(note);
        }
    }

    /// Which segments there are.
    fn files(&mut self, stream: Stream) -> Result<Files, NoJournal> {
        let path = self.journal.join(stream.folder());
        let unreadable = |error| NoJournal::Unreadable { path: path.clone(), error };
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Files::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut files = Files::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
            let file = format!("{}/{name}", stream.folder());
            match segment_number(&name) {
                Some((number, is_compressed)) => {
                    if files.contains_key(&number) {
                        self.note(format!("{file} is there in both forms; the plain one is read"));
                    }
                    if !is_compressed || !files.contains_key(&number) {
                        files.insert(number, (file, is_compressed));
                    }
                }
                None if name == "head" => {}
                None => self.note(format!("{file} is no part of a journal")),
            }
        }
        Ok(files)
    }

    /// The stream's head, if it can be believed.
    fn head(&mut self, stream: Stream, is_expected: bool) -> Option<Head> {
        let file = format!("{}/head", stream.folder());
        let mut bytes = Vec::new();
        let read = File::open(self.journal.join(&file))
            .and_then(|head| head.take(size_of::<Head>() as u64 + 1).read_to_end(&mut bytes));
        let wrong = match (read, Head::read_from_bytes(&bytes)) {
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {
                is_expected.then_some(Check::NoHead)?
            }
            (Err(error), _) => Check::Read(error.kind()),
            (Ok(_), Ok(head)) if is_head(&head, stream) => {
                let id = *self.id.get_or_insert(head.journal);
                if !head.is_signed() {
                    Check::HeadSignature
                } else if self.options.trusted.is_some_and(|key| key != head.key) {
                    Check::Key
                } else if id != head.journal {
                    Check::OtherJournal
                } else {
                    return Some(head);
                }
            }
            (Ok(_), _) => Check::Head,
        };
        let bytes = 0..bytes.len() as u64;
        self.all.push(&file, Damage::at(bytes, wrong), &self.kept);
        None
    }

    /// What is to be read of a stream: headers are looked at now, since each tells how the one before ends.
    fn tasks(&mut self, stream: Stream, head: Option<&Head>, files: Files) -> Vec<Task> {
        let mut tasks: Vec<Task> = Vec::new();
        for (number, (file, is_compressed)) in files {
            if head.is_some_and(|head| number < head.first.get()) {
                self.note(format!("{file} was left over when older segments were deleted"));
                continue;
            }
            let newest = head.map_or(0, |head| head.newest.get());
            if number == newest + 1 && self.is_bare(&file, is_compressed) {
                self.note(format!("{file} was opened, and a crash came before its first block"));
                continue;
            }
            if head.is_some() && number > newest {
                self.tell(&file, None, Check::Unannounced);
            }
            let opened = Source::open(&self.journal.join(&file), is_compressed)
                .map_err(|error| Damage::at(0..0, Check::Read(error.kind())))
                .and_then(Blocks::open);
            let mut header = Box::new(self.known_header(stream, number, head));
            let mut is_header_whole = true;
            match opened.map(|blocks| *blocks.header()) {
                Ok(own) => {
                    let is_placed = (own.stream, own.segment) == (header.stream, header.segment);
                    let check = if !is_placed {
                        Some(Check::Place(own.segment.get()))
                    } else if *self.id.get_or_insert(own.journal) != own.journal {
                        Some(Check::OtherJournal)
                    } else {
                        self.options.trusted.filter(|key| *key != own.key).map(|_| Check::Key)
                    };
                    if let Some(check) = check {
                        self.all.push(&file, Damage::at(0..PAGE as u64, check), &self.kept);
                    }
                    *header = own;
                    if let Some(before) =
                        tasks.last_mut().filter(|task| is_placed && task.number + 1 == number)
                    {
                        before.until = Some((own.previous_blocks.get(), own.previous_hash));
                        before.next = Some(own.first.get());
                    }
                }
                Err(damage) => {
                    self.all.push(&file, damage, &self.kept);
                    is_header_whole = false;
                }
            }
            tasks.push(Task {
                stream,
                number,
                file,
                is_compressed,
                header,
                is_header_whole,
                until: None,
                next: None,
                may_be_torn: false,
            });
        }
        if let Some(last) = tasks.last_mut() {
            let is_newest = head.is_none_or(|head| last.number >= head.newest.get());
            let is_closed = head.is_some_and(|head| head.state == Head::CLOSED);
            last.may_be_torn = is_newest && !is_closed;
        }
        tasks
    }

    /// Whether a segment holds no block, whether or not its header was written.
    fn is_bare(&self, file: &str, is_compressed: bool) -> bool {
        let open = || Source::open(&self.journal.join(file), is_compressed);
        let (Ok(source), Ok(again)) = (open(), open()) else { return false };
        let mut blocks = Blocks::open(source)
            .unwrap_or_else(|_| Blocks::open_damaged(again, SegmentHeader::new_zeroed()));
        loop {
            match blocks.next() {
                Next::End(End::File) => return true,
                Next::End(End::Zeros | End::Seal) => {}
                Next::Block(_) | Next::Damage(_) => return false,
            }
        }
    }

    /// What is known of a segment's header without reading it.
    fn known_header(&self, stream: Stream, number: u64, head: Option<&Head>) -> SegmentHeader {
        let mut header = SegmentHeader::new_zeroed();
        header.stream = (stream as u32).into();
        header.segment = number.into();
        header.journal = self.id.unwrap_or_default();
        header.key = self.options.trusted.or(head.map(|head| head.key)).unwrap_or_default();
        header
    }

    /// Reads segments from several threads; `None` for one that cannot be read.
    fn read(
        &mut self,
        tasks: &[&Task],
        show: &(dyn Fn(Stream, u64, &Block) + Sync),
    ) -> Vec<Option<Segment>> {
        let (next, kept, journal) = (AtomicUsize::new(0), &self.kept, self.journal);
        let work = || {
            let mut done = Vec::new();
            while let place = next.fetch_add(1, Relaxed)
                && let Some(task) = tasks.get(place)
            {
                let mut damages = Damages::default();
                let read = crate::segment::read(journal, task, show, |damage| {
                    damages.push(&task.file, damage, kept);
                });
                done.push((place, read, damages));
            }
            done
        };
        let threads = self.options.threads.clamp(1, tasks.len().max(1));
        let done = thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let others =
                others.into_iter().flat_map(|other| other.join().expect("reading does not panic"));
            own.into_iter().chain(others).collect::<Vec<_>>()
        });
        let mut segments = vec![None; tasks.len()];
        for (place, read, damages) in done {
            self.all.count += damages.count;
            self.all.kept.extend(damages.kept);
            match read {
                Ok(segment) => segments[place] = Some(segment),
                Err(error) => self.tell(&tasks[place].file, None, Check::Read(error.kind())),
            }
        }
        segments
    }

    /// Holds the segments of a stream against each other and against the head.
    fn conclude(
        &mut self,
        stream: Stream,
        head: Option<&Head>,
        tasks: &[Task],
        segments: Vec<Option<Segment>>,
    ) -> Verdict {
        let mut keys = Vec::new();
        let mut whole: Vec<Segment> = Vec::new();
        let mut number = head.map(|head| head.first.get());
        if let Some(first) = number.filter(|first| *first > 1) {
            self.note(format!("{}: segments before {first} were deleted", stream.folder()));
        }
        for (task, segment) in tasks.iter().zip(segments) {
            let Some(segment) = segment else { continue };
            if let Some(number) = number.filter(|number| *number < task.number) {
                let first = task.is_header_whole.then(|| task.header.first.get());
                self.tell_missing(stream, number, task.number - 1, whole.last(), first);
            } else if let Some(last) = whole.last().filter(|_| task.is_header_whole) {
                self.check_numbers(task, last, &segment);
            }
            if task.is_header_whole && keys.last() != Some(&task.header.key) {
                keys.push(task.header.key);
            }
            if let Some(left) = &segment.left_behind {
                let Range { start, end } = left;
                let why = "the next segment goes on from before them";
                self.note(format!("{}: bytes {start}..{end} were left behind: {why}", task.file));
            }
            if let Some(torn) = &segment.torn {
                let (Range { start, end }, check) = (&torn.bytes, &torn.check);
                let what =
                    "a crash has left them behind the last block that is known to be durable";
                self.note(format!("{}: bytes {start}..{end}: {check}; {what}", task.file));
            }
            number = Some(task.number + 1);
            whole.push(segment);
        }
        if let Some(head) = head {
            self.conclude_head(stream, head, tasks, &whole);
        }
        if let Some(open) = whole.last().filter(|last| !last.is_sealed) {
            self.note(format!("{} is not sealed: no signature vouches for it yet", open.file));
        }
        if keys.len() > 1 {
            self.note(format!(
                "{}: signed by {} keys, one after the other",
                stream.folder(),
                keys.len()
            ));
        }
        let is_closed = head.map(|head| head.state == Head::CLOSED);
        Verdict { stream, is_closed, keys, segments: whole }
    }

    /// Whether a segment begins with the number at which the one before ends.
    fn check_numbers(&mut self, task: &Task, last: &Segment, segment: &Segment) {
        let (first, expected) = (task.header.first.get(), last.next);
        // A hole between them is told in the later one.
        let behind_holes = segment.holes.iter().copied().fold(expected, behind_hole);
        let follows = task.header.previous_hash == last.hash;
        if follows && first != expected && first != behind_holes {
            let check = Check::Numbers { expected, found: first };
            self.tell(&task.file, Span::before(expected, first), check);
        }
    }

    /// Segments are missing behind this one, and before the one that begins with this number.
    fn tell_missing(
        &mut self,
        stream: Stream,
        first: u64,
        last: u64,
        behind: Option<&Segment>,
        next: Option<u64>,
    ) {
        let file = format!("{}/{}", stream.folder(), segment_name(first));
        let events = behind.and_then(|behind| match next {
            Some(next) => Span::before(behind.next, next),
            None => Some(Span::from(behind.next)),
        });
        self.tell(&file, events, Check::Missing(Span { first, last: Some(last) }));
    }

    /// Whether a stream ends as its head says.
    fn conclude_head(&mut self, stream: Stream, head: &Head, tasks: &[Task], whole: &[Segment]) {
        let (newest, is_closed) = (head.newest.get(), head.state == Head::CLOSED);
        let next = is_closed.then(|| head.next.get());
        let reached = whole.last().map_or(head.first.get().wrapping_sub(1), |last| last.number);
        if reached < newest {
            self.tell_missing(stream, reached.wrapping_add(1), newest, whole.last(), next);
        }
        let Some(task) = tasks.iter().find(|task| task.number == newest) else { return };
        let Some(segment) = whole.iter().find(|segment| segment.number == newest) else { return };
        if !is_closed && task.is_header_whole && task.header.hash != head.hash {
            self.tell(&task.file, None, Check::OtherNewest);
        }
        let is_end = segment.is_sealed && segment.hash == head.hash && next == Some(segment.next);
        if is_closed && !is_end {
            let events = next.and_then(|next| Span::before(segment.next, next));
            let blocks = Some(Span::from(segment.last_block + 1)).filter(|_| !segment.is_sealed);
            let damage = Damage { bytes: segment.end(), blocks, events, check: Check::NotClosed };
            self.all.push(&task.file, damage, &self.kept);
        }
    }

    /// Holds the streams against each other: what the alert log calls durable must be there.
    fn hold_together(&mut self, verdicts: &[Verdict]) {
        let of = |stream| verdicts.iter().find(move |verdict| verdict.stream == stream);
        let events = of(Stream::Events).map_or(1, Verdict::next);
        if of(Stream::Events).is_none() {
            self.tell(Stream::Events.folder(), None, Check::NoSegments);
        }
        let Some(alerts) = of(Stream::Alerts) else {
            return self.note("there is no alert log".to_string());
        };
        for segment in &alerts.segments {
            if let Some((event, bytes, block)) =
                segment.durable.clone().filter(|(event, ..)| *event >= events)
            {
                let (blocks, missing) =
                    (Span::of(block, 1), Span::before(events, event.saturating_add(1)));
                let damage =
                    Damage { bytes, blocks, events: missing, check: Check::Durable(event) };
                self.all.push(&segment.file, damage, &self.kept);
            }
        }
    }
}

fn is_head(head: &Head, stream: Stream) -> bool {
    let is_known = head.state == Head::OPEN || head.state == Head::CLOSED;
    let is_possible = head.first > 0 && head.newest >= head.first && head.reserved == 0;
    head.magic == HEAD_MAGIC && head.stream == stream as u32 && is_known && is_possible
}
