//! `tapewatch journal info`: what lies in a journal's folder.

use super::{Sum, hex, hole, refused, stream_json, unit};
use crate::cli::JournalInfo;
use crate::failure::Failure;
use crate::journaling::Standing;
use crate::output::{Bytes, Moment, Thousands, print};
use anyhow::Context;
use engine_audit::layout::{Stream, side};
use engine_audit::verify::{Options, verify_and_show};
use engine_audit::{Block, Segment, Verified};
use engine_event::Nanos;
use engine_journal::{Found, Hold, Holds, Reach, RealDisk};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The most texts that are shown.
const TEXTS_KEPT: usize = 10_000;
/// The most bytes that are shown of one.
const TEXT_BYTES_KEPT: usize = 64 << 10;

pub(super) fn run(arguments: &JournalInfo) -> Result<(), Failure> {
    let contents = Mutex::new(Contents::default());
    let show = |stream, segment, block: &Block| {
        let mut contents = contents.lock().unwrap_or_else(PoisonError::into_inner);
        contents.add(stream, segment, block, arguments.configuration);
    };
    let options = Options { trusted: None, threads: engine_pipeline::allowed_cores().len().max(1) };
    let verified = verify_and_show(&arguments.journal, options, &show).map_err(refused)?;
    let info = Info {
        verified,
        contents: contents.into_inner().unwrap_or_else(PoisonError::into_inner),
        checkpoints: files(&arguments.journal.join("checkpoints"))?,
        holds: holds(&arguments.journal)?,
        alerts: alerts(&arguments.journal),
    };
    print(if arguments.json { info.json() } else { info.text() })
}

/// How many alerts there are in each state. What is damaged is not counted, and told as such.
fn alerts(journal: &Path) -> [(&'static str, u64); 3] {
    let disk = RealDisk::open(Reach::Cache);
    let standing = Standing::read(disk, journal, |_, _| {}).unwrap_or_default();
    let (all, finals) = (standing.logged.len() as u64, standing.finals());
    [("provisional", all - finals), ("final", finals), ("withdrawn", standing.withdrawn)]
}

/// What the side records of whole blocks say.
#[derive(Default)]
struct Contents {
    /// How many there are of each kind.
    counts: BTreeMap<u16, u64>,
    /// Texts by segment and block, in their order there.
    texts: BTreeMap<(u64, u64, usize), Text>,
}

struct Text {
    kind: u16,
    written_at: Nanos,
    text: String,
}

impl Contents {
    fn add(&mut self, stream: Stream, segment: u64, block: &Block, configuration: bool) {
        for (place, (kind, body)) in block.sides().enumerate() {
            *self.counts.entry(kind).or_default() += 1;
            let is_wanted = match kind {
                side::RUN | side::END | side::SOURCE => true,
                side::CONFIGURATION | side::PARAMETERS => configuration,
                _ => false,
            };
            if stream == Stream::Events && is_wanted && self.texts.len() < TEXTS_KEPT {
                let text = &body[..body.len().min(TEXT_BYTES_KEPT)];
                // It goes to a terminal.
                let text = String::from_utf8_lossy(text)
                    .replace(|of: char| of.is_control() && of != '\n', " ");
                let written_at = Nanos(block.header.written_at.get());
                let key = (segment, block.header.block.get(), place);
                self.texts.insert(key, Text { kind, written_at, text });
            }
        }
    }

    fn count(&self, kind: u16) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    fn counted<const KINDS: usize>(
        &self,
        kinds: [(&'static str, u16); KINDS],
    ) -> [(&'static str, u64); KINDS] {
        kinds.map(|(name, kind)| (name, self.count(kind)))
    }

    fn names(&self) -> [(&'static str, u64); 4] {
        self.counted([
            ("subjects", side::SUBJECT),
            ("participants", side::PARTICIPANT),
            ("venues", side::VENUE),
            ("metrics", side::METRIC),
        ])
    }
}

fn word(kind: u16) -> &'static str {
    match kind {
        side::RUN => "run",
        side::END => "end",
        side::SOURCE => "source",
        side::CONFIGURATION => "configuration",
        _ => "parameters",
    }
}

/// A folder's files and their lengths; none, if there is no such folder.
fn files(folder: &Path) -> Result<Vec<(String, u64)>, Failure> {
    let shown = || folder.display().to_string();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(shown)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.with_context(shown)?;
        let length = entry.metadata().with_context(shown)?.len();
        files.push((entry.file_name().to_string_lossy().into_owned(), length));
    }
    files.sort();
    Ok(files)
}

fn holds(journal: &Path) -> Result<Vec<(String, Found)>, Failure> {
    let holds = Holds::of(journal).all(&mut RealDisk::open(Reach::Cache));
    Ok(holds.with_context(|| journal.join("holds").display().to_string())?)
}

/// `case-1: events 5 to 90, since 2023-11-14 22:13:20.000000000: layering`
fn hold((name, hold): &(String, Found)) -> String {
    match hold {
        Ok(Hold { from_seq, to_seq, reason, at }) => {
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!("{name}: events {from_seq} to {to_seq}, since {}{reason}", Moment(*at))
        }
        Err(what) => format!("{name}: {what}: nothing is deleted before it is mended or released"),
    }
}

struct Info {
    verified: Verified,
    contents: Contents,
    checkpoints: Vec<(String, u64)>,
    holds: Vec<(String, Found)>,
    alerts: [(&'static str, u64); 3],
}

impl Info {
    fn text(&self) -> String {
        let mut text = format!("journal {}\n", hex(&self.verified.journal));
        for stream in &self.verified.streams {
            let _ = writeln!(text, "  {:<14}{}", stream.stream.folder(), Sum(stream));
            for segment in &stream.segments {
                let _ = writeln!(text, "    {}", row(segment, unit(stream)));
            }
        }
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "  {name:<14}{value}");
        };
        let list = |counts: &[(&str, u64)]| {
            let each = counts.iter().map(|(name, count)| format!("{} {name}", Thousands(*count)));
            each.collect::<Vec<_>>().join(", ")
        };
        row("names", list(&self.contents.names()));
        row("alert log", list(&self.alerts));
        for of in self.contents.texts.values() {
            let mut lines = of.text.lines();
            row(
                word(of.kind),
                format!("{}  {}", Moment(of.written_at), lines.next().unwrap_or("")),
            );
            lines.for_each(|line| row("", format!("  {line}")));
        }
        for segment in self.verified.streams.iter().flat_map(|stream| &stream.segments) {
            segment.holes.iter().for_each(|missing| row("hole", hole(*missing)));
        }
        for (name, length) in &self.checkpoints {
            row("checkpoint", format!("{name}, {}", Bytes(*length)));
        }
        self.holds.iter().for_each(|of| row("hold", hold(of)));
        self.verified.notes.iter().for_each(|note| row("note", note.clone()));
        if self.verified.damage_count > 0 {
            let count = Thousands(self.verified.damage_count);
            row("damages", format!("{count}: see `tapewatch journal verify`"));
        }
        text
    }

    fn json(&self) -> String {
        let counts = |counts: &[(&'static str, u64)]| {
            Value::Object(
                counts.iter().map(|(name, count)| (name.to_string(), json!(count))).collect(),
            )
        };
        let stream = |of| {
            let mut stream = stream_json(of);
            stream["segments"] = of.segments.iter().map(segment_json).collect();
            stream
        };
        let text =
            |of: &Text| json!({"kind": word(of.kind), "at": of.written_at.0, "text": of.text});
        let files = |files: &[(String, u64)]| -> Value {
            files.iter().map(|(name, bytes)| json!({"name": name, "bytes": bytes})).collect()
        };
        let info = json!({
            "journal": hex(&self.verified.journal),
            "streams": self.verified.streams.iter().map(stream).collect::<Vec<_>>(),
            "names": counts(&self.contents.names()),
            "alerts": counts(&self.alerts),
            "runs": self.contents.texts.values().map(text).collect::<Vec<_>>(),
            "checkpoints": files(&self.checkpoints),
            "holds": self.holds.iter().map(hold_json).collect::<Vec<_>>(),
            "notes": self.verified.notes,
            "damage_count": self.verified.damage_count,
        });
        format!("{info}\n")
    }
}

fn hold_json((name, hold): &(String, Found)) -> Value {
    match hold {
        Ok(Hold { from_seq, to_seq, reason, at }) => json!({
            "name": name,
            "from_seq": from_seq,
            "to_seq": to_seq,
            "reason": reason,
            "at": at.0,
        }),
        Err(what) => json!({"name": name, "unreadable": what}),
    }
}

fn state(of: &Segment) -> &'static str {
    match (of.is_sealed, of.is_compressed) {
        (true, true) => "compressed",
        (true, false) => "sealed",
        (false, _) => "open",
    }
}

/// `  1 sealed      100 events from 1, opened 2023-11-14 22:13:20.000000000, 20.0 KiB`.
fn row(segment: &Segment, unit: &str) -> String {
    let opened = Moment(Nanos(segment.opened_at));
    let (events, bytes) = (Thousands(segment.events), Bytes(segment.file_bytes));
    let times = segment.times.map_or(String::new(), |(first, last)| {
        format!(", of {} to {}", Moment(Nanos(first)), Moment(Nanos(last)))
    });
    let Segment { number, first, .. } = segment;
    let state = state(segment);
    format!("{number:>4} {state:<10} opened {opened}, {bytes}, {events} {unit} from {first}{times}")
}

fn segment_json(of: &Segment) -> Value {
    json!({
        "number": of.number,
        "file": of.file,
        "state": state(of),
        "file_bytes": of.file_bytes,
        "bytes": of.bytes,
        "opened_at": of.opened_at,
        "written_at": of.written_at,
        "writer": of.writer,
        "blocks": of.blocks,
        "events": of.events,
        "first": of.first,
        "next": of.next,
        "first_at": of.times.map(|times| times.0),
        "last_at": of.times.map(|times| times.1),
        "holes": of.holes,
        "missing": of.missing,
    })
}
