//! `tapewatch journal export --to pcapng`: the packets that a journal's events came in.
//!
//! A journal holds events, not packets. Where its source was a capture, or a live feed that left a
//! recording, the packets of its time are copied from there.

use super::refused;
use crate::cli::JournalExport;
use crate::config::RECORDED;
use crate::failure::Failure;
use crate::output::{Thousands, print, tell};
use crate::session::is_same_file;
use anyhow::{Context, anyhow};
use engine_audit::layout::{Stream, side};
use engine_audit::verify::{Options, verify_and_show};
use engine_event::{Event, Nanos};
use feeds::codec::capture::{Records, Step, Writer};
use feeds::{Content, Options as Reading};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use zerocopy::FromBytes;

/// The most sources that are looked at.
const SOURCES_MAX: usize = 1000;
/// The only frames that are written.
const ETHERNET: u16 = 1;

pub(super) fn run(arguments: &JournalExport) -> Result<(), Failure> {
    let JournalExport { journal, out, capture, from, until, .. } = arguments;
    let told = Told::of(journal)?;
    let path = match capture {
        Some(path) => path.clone(),
        None => told.capture(journal)?,
    };
    let Some((first, last)) = told.received else {
        return Err(Failure::data(anyhow!("{}: there are no events in it", journal.display())));
    };
    if is_same_file(&path, out) {
        let what = anyhow!("{}: the export would overwrite the capture", out.display());
        return Err(Failure::usage(what));
    }
    let times = from.unwrap_or(first)..=until.unwrap_or(last);
    let content = open(&path)?;
    let copied = Copied::new(&path, out).copy(content, |at| times.contains(&at))?;
    if copied.unreadable > 0 {
        let count = Thousands(copied.unreadable);
        tell(format_args!("tapewatch: {}: {count} packets cannot be read\n", path.display()));
    }
    let (packets, of) = (Thousands(copied.written), Thousands(copied.seen));
    print(format_args!("{packets} packets written, of {of} in {}\n", path.display()))
}

/// What a journal says about where it comes from.
#[derive(Default)]
struct Told {
    sources: BTreeSet<String>,
    /// When its first and last events were received.
    received: Option<(Nanos, Nanos)>,
}

impl Told {
    fn of(journal: &Path) -> Result<Self, Failure> {
        let told = Mutex::new(Told::default());
        let show = |stream, _, block: &engine_audit::Block<'_>| {
            if stream == Stream::Events {
                told.lock().unwrap_or_else(PoisonError::into_inner).add(block);
            }
        };
        let threads = engine_pipeline::allowed_cores().len().max(1);
        let options = Options { trusted: None, threads };
        let verified = verify_and_show(journal, options, &show).map_err(refused)?;
        if let Some(first) = verified.damages.first() {
            let (path, file, check) = (journal.display(), &first.file, &first.damage.check);
            let what = "`tapewatch journal verify` names all that is damaged";
            return Err(Failure::data(anyhow!("{path}: {file}: {check}; {what}")));
        }
        Ok(told.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&mut self, block: &engine_audit::Block<'_>) {
        for (kind, body) in block.sides() {
            if kind == side::SOURCE && self.sources.len() < SOURCES_MAX {
                self.sources.insert(String::from_utf8_lossy(body).into_owned());
            }
        }
        let events = <[Event]>::ref_from_bytes(block.events()).unwrap_or_default();
        for at in events.iter().map(|event| event.received_at).filter(|at| at.0 > 0) {
            let (first, last) = self.received.unwrap_or((at, at));
            self.received = Some((first.min(at), last.max(at)));
        }
    }

    /// The one capture among the sources.
    fn capture(&self, journal: &Path) -> Result<PathBuf, Failure> {
        let path = |source: &String| {
            let recorded = source.split_once(RECORDED).map(|(_, path)| path);
            recorded.or_else(|| source.strip_prefix("file ")).map(PathBuf::from)
        };
        let paths: BTreeSet<PathBuf> = self.sources.iter().filter_map(path).collect();
        let journal = journal.display();
        let mut paths = paths.into_iter();
        match (paths.next(), paths.next()) {
            (Some(path), None) => Ok(path),
            (Some(one), Some(other)) => {
                let (one, other) = (one.display(), other.display());
                let what = "--capture FILE says which one";
                Err(Failure::data(anyhow!("{journal}: it comes from {one} and {other}: {what}")))
            }
            (None, _) => {
                let what = "no source of it was a capture, and none was recorded";
                Err(Failure::data(anyhow!("{journal}: {what}")))
            }
        }
    }
}

fn open(path: &Path) -> Result<Content, Failure> {
    if !path.exists() {
        let what = "the capture is not there any more: --capture FILE names it elsewhere";
        return Err(anyhow!("{}: {what}", path.display()).into());
    }
    let content = Content::open(path, &Reading::default())?;
    if !Records::is_capture(content.unread().0) {
        let what = "is no capture: there are no packets to export";
        return Err(Failure::data(anyhow!("{}: {what}", path.display())));
    }
    Ok(content)
}

/// A capture that is being copied.
struct Copied<'a> {
    from: &'a Path,
    to: &'a Path,
    note: Box<str>,
    writer: Option<Writer<BufWriter<File>>>,
    written: u64,
    seen: u64,
    unreadable: u64,
}

impl<'a> Copied<'a> {
    fn new(from: &'a Path, to: &'a Path) -> Self {
        let note = Box::default();
        Self { from, to, note, writer: None, written: 0, seen: 0, unreadable: 0 }
    }

    fn copy(
        mut self,
        mut content: Content,
        is_wanted: impl Fn(Nanos) -> bool,
    ) -> Result<Self, Failure> {
        let mut records = Records::default();
        let data = |what: &dyn std::fmt::Display| {
            Failure::data(anyhow!("{}: {what}", self.from.display()))
        };
        loop {
            let (bytes, is_all) = content.unread();
            let step = records.step(bytes).map_err(|broken| data(&broken))?;
            let used = match step {
                Step::Packet(packet, used) => {
                    self.seen += 1;
                    if is_wanted(packet.at) {
                        if packet.link != ETHERNET {
                            let link = packet.link;
                            return Err(data(&format!(
                                "packets of link type {link} are not copied"
                            )));
                        }
                        let shown = || self.to.display().to_string();
                        let writer = match &mut self.writer {
                            Some(writer) => writer,
                            none => none.insert(create(self.to, &self.note)?),
                        };
                        let frame = writer.frame(packet.at, packet.bytes, packet.length);
                        frame.with_context(shown)?;
                        self.written += 1;
                    }
                    used
                }
                Step::Unreadable(used) => {
                    self.unreadable += 1;
                    used
                }
                Step::Other(used) => used,
                Step::More if is_all => {
                    // A recording that was broken off ends within a packet.
                    self.unreadable += u64::from(!bytes.is_empty());
                    break;
                }
                Step::More => {
                    content.more()?;
                    continue;
                }
            };
            content.consume(used);
            // What a recording says about itself is wanted by who replays it.
            if let Some(note) = records.take_note() {
                self.note = note;
            }
        }
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => create(self.to, &self.note)?,
        };
        writer.into_inner().with_context(|| self.to.display().to_string())?;
        Ok(self)
    }
}

fn create(path: &Path, note: &str) -> anyhow::Result<Writer<BufWriter<File>>> {
    let begin = |file| Writer::with_note(BufWriter::with_capacity(1 << 20, file), note);
    File::create(path).and_then(begin).with_context(|| path.display().to_string())
}
