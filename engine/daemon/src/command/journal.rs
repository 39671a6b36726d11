//! `tapewatch journal`: is it as it was written, and what is in it?

mod capture;
mod export;
mod hold;
mod info;
mod parquet;
mod verify;

use crate::cli::{Exported, Journal};
use crate::failure::Failure;
use crate::output::{Bytes, Thousands};
use engine_audit::verify::{NoJournal, Verdict};
use engine_journal::hex;
use serde_json::{Value, json};
use std::fmt;

pub(crate) fn run(arguments: &Journal) -> Result<(), Failure> {
    match arguments {
        Journal::Verify(arguments) => verify::run(arguments),
        Journal::Info(arguments) => info::run(arguments),
        Journal::Hold(arguments) => hold::place(arguments),
        Journal::Release(arguments) => hold::release(arguments),
        Journal::Export(arguments) if arguments.to == Exported::Pcapng => capture::run(arguments),
        Journal::Export(arguments) => export::run(arguments),
    }
}

fn refused(error: NoJournal) -> Failure {
    match error {
        NoJournal::Nothing(_) => Failure::data(error),
        NoJournal::Unreadable { .. } => Failure::from(anyhow::Error::from(error)),
    }
}

/// A stream in one row: `3 segments, 9 blocks, 300 events from 1 to 300, 80.0 KiB, closed`.
struct Sum<'a>(&'a Verdict);

impl fmt::Display for Sum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = unit(self.0);
        let [blocks, numbers, bytes] = [
            self.0.sum(|segment| segment.blocks),
            self.0.sum(|segment| segment.events),
            self.0.sum(|segment| segment.file_bytes),
        ];
        let segments = Thousands(self.0.segments.len() as u64);
        write!(
            f,
            "{segments} segments, {} blocks, {} {what}",
            Thousands(blocks),
            Thousands(numbers)
        )?;
        if let Some(first) = self.0.first().filter(|_| numbers > 0) {
            write!(f, " from {first} to {}", self.0.next() - 1)?;
        }
        let state = match self.0.is_closed {
            Some(true) => "closed",
            Some(false) => "open",
            None => "without a head",
        };
        write!(f, ", {}, {state}", Bytes(bytes))
    }
}

/// What a stream numbers.
fn unit(of: &Verdict) -> &'static str {
    match of.stream {
        engine_audit::layout::Stream::Events => "events",
        engine_audit::layout::Stream::Alerts => "records",
    }
}

/// A stream without its segments, as JSON.
fn stream_json(of: &Verdict) -> Value {
    json!({
        "stream": of.stream.folder(),
        "closed": of.is_closed,
        "keys": of.keys.iter().map(|key| hex(key)).collect::<Vec<_>>(),
        "blocks": of.sum(|segment| segment.blocks),
        "events": of.sum(|segment| segment.events),
        "first": of.first(),
        "next": of.next(),
        "bytes": of.sum(|segment| segment.bytes),
        "file_bytes": of.sum(|segment| segment.file_bytes),
        "missing": of.sum(|segment| segment.missing),
    })
}

/// Numbers that were not journaled.
fn hole((first, last): (u64, u64)) -> String {
    let count = Thousands(last.saturating_sub(first).saturating_add(1));
    format!("events {first} to {last}: {count} were not journaled, the disk did not keep up")
}
