//! `tapewatch journal verify`: a line for each damage, then what was held against what.

use super::{Sum, hex, refused, stream_json};
use crate::cli::JournalVerify;
use crate::failure::Failure;
use crate::output::{Bytes, Thousands, print};
use anyhow::{Context, anyhow};
use engine_audit::verify::{Options, verify};
use engine_audit::{Found, Span, Verified};
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// A key's file is a line; what is longer is none.
const KEY_FILE_BYTES_MAX: u64 = 4096;

pub(super) fn run(arguments: &JournalVerify) -> Result<(), Failure> {
    let trusted = arguments.key.as_deref().map(key).transpose()?;
    let cores = || engine_pipeline::allowed_cores().len().max(1);
    let threads = arguments.threads.map_or_else(cores, usize::from);
    let start = Instant::now();
    let verified = verify(&arguments.journal, Options { trusted, threads }).map_err(refused)?;
    let told = Told { verified, threads, took: start.elapsed() };
    print(if arguments.json { told.json() + "\n" } else { told.text() })?;
    match told.verified.damage_count {
        0 => Ok(()),
        1 => Err(anyhow!("{}: 1 damage", arguments.journal.display()).into()),
        count => {
            let count = Thousands(count);
            Err(anyhow!("{}: {count} damages", arguments.journal.display()).into())
        }
    }
}

/// A public key: 64 hexadecimal digits, or a file that holds them.
fn key(text: &str) -> Result<[u8; 32], Failure> {
    if let Some(key) = key_of(text) {
        return Ok(key);
    }
    let mut content = String::new();
    let read = File::open(Path::new(text))
        .and_then(|file| file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut content));
    read.with_context(|| format!("--key {text}: no key of 64 hexadecimal digits, and no file"))
        .map_err(Failure::usage)?;
    let no_key =
        || Failure::usage(anyhow!("--key {text}: the file holds no key of 64 hexadecimal digits"));
    key_of(content.trim()).ok_or_else(no_key)
}

fn key_of(text: &str) -> Option<[u8; 32]> {
    let digit = |digit: &u8| (*digit as char).to_digit(16).map(|digit| digit as u8);
    let digits: Vec<_> = text.bytes().map(|byte| digit(&byte)).collect::<Option<_>>()?;
    let bytes: Vec<_> =
        digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect();
    bytes.try_into().ok().filter(|_| digits.len() == 64)
}

/// What came of it, and how long it took.
struct Told {
    verified: Verified,
    threads: usize,
    took: Duration,
}

impl Told {
    /// What was read, decompressed.
    fn bytes(&self) -> u64 {
        self.verified.streams.iter().map(|stream| stream.sum(|segment| segment.bytes)).sum()
    }

    fn bytes_per_second(&self) -> f64 {
        self.bytes() as f64 / self.took.as_secs_f64().max(1e-9)
    }

    fn text(&self) -> String {
        let Self { verified, threads, took } = self;
        let mut text = String::new();
        for found in &verified.damages {
            let _ = writeln!(text, "{}", line(found));
        }
        let more = verified.damage_count - verified.damages.len() as u64;
        if more > 0 {
            let _ = writeln!(text, "… and {} more", Thousands(more));
        }
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "  {name:<10}{value}");
        };
        row("journal", hex(&verified.journal));
        let mut keys: Vec<_> = verified.streams.iter().flat_map(|stream| &stream.keys).collect();
        keys.dedup();
        keys.iter().for_each(|key| row("key", hex(*key)));
        for stream in &verified.streams {
            row(stream.stream.folder(), Sum(stream).to_string());
            for segment in &stream.segments {
                segment.holes.iter().for_each(|hole| row("hole", super::hole(*hole)));
            }
        }
        verified.notes.iter().for_each(|note| row("note", note.clone()));
        let rate = self.bytes_per_second() / 1e9;
        let (bytes, seconds) = (Bytes(self.bytes()), took.as_secs_f64());
        let by = if *threads == 1 { "1 thread".to_string() } else { format!("{threads} threads") };
        row("verified", format!("{bytes} in {seconds:.3} s by {by}: {rate:.2} GB/s"));
        text
    }

    fn json(&self) -> String {
        let Self { verified, threads, took } = self;
        let damage = |found: &Found| {
            let damage = &found.damage;
            json!({
                "file": found.file,
                "bytes": [damage.bytes.start, damage.bytes.end],
                "blocks": damage.blocks.map(span),
                "events": damage.events.map(span),
                "what": damage.check.to_string(),
            })
        };
        let stream = |of| {
            let mut stream = stream_json(of);
            stream["segments"] = json!(of.segments.len());
            stream
        };
        json!({
            "journal": hex(&verified.journal),
            "damage_count": verified.damage_count,
            "damages": verified.damages.iter().map(damage).collect::<Vec<_>>(),
            "streams": verified.streams.iter().map(stream).collect::<Vec<_>>(),
            "notes": verified.notes,
            "threads": threads,
            "bytes": self.bytes(),
            "seconds": took.as_secs_f64(),
            "bytes_per_second": self.bytes_per_second(),
        })
        .to_string()
    }
}

/// First and last; `null` for a last one that nobody knows.
fn span(of: Span) -> Value {
    json!([of.first, of.last])
}

/// `events/0000000003.seg: bytes 8192..16384, block 2, events 11–110: event 18 does not have its checksum`.
fn line(Found { file, damage }: &Found) -> String {
    let mut places = Vec::new();
    if damage.bytes.start > 0 || damage.bytes.end > 0 {
        places.push(format!("bytes {}..{}", damage.bytes.start, damage.bytes.end));
    }
    let numbers = if file.starts_with("alerts") { "record" } else { "event" };
    let parts = [("block", damage.blocks), (numbers, damage.events)];
    places.extend(parts.iter().filter_map(|(name, span)| {
        let span = (*span)?;
        let plural = if span.last == Some(span.first) { "" } else { "s" };
        Some(format!("{name}{plural} {span}"))
    }));
    let place = if places.is_empty() { String::new() } else { format!(" {}:", places.join(", ")) };
    format!("{file}:{place} {}", damage.check)
}
