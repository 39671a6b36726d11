//! `tapewatch alerts export`: an alert's whole case in one file, with what it takes to check it: the journal's
//! hashes and seals around its events and its record, and the configuration that found it.

use super::case::{Case, Origin};
use super::recorded::Recorded;
use super::show::Whole;
use crate::cli::AlertsExport;
use crate::failure::Failure;
use crate::output::{Bytes, print};
use anyhow::{Context, anyhow};
use engine_audit::Block;
use engine_audit::layout::Stream;
use engine_journal::{Reach, Reader, RealDisk, RecoveryError, hex};
use serde::Serialize;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Levels of each side in the file's books.
const LEVELS: usize = 20;
/// Blocks of a segment that are named one by one, at most; their hashes are a chain.
const BLOCKS_MAX: usize = 1000;

pub(super) fn run(arguments: &AlertsExport) -> Result<(), Failure> {
    let AlertsExport { id, journal, out } = arguments;
    let is_text = match out.extension().and_then(|end| end.to_str()) {
        Some("json") => false,
        Some("md") => true,
        _ => {
            let what = "is neither .json nor .md: the file's name says what to write";
            return Err(Failure::usage(anyhow!("{} {what}", out.display())));
        }
    };
    let origin = Origin::Journal(journal);
    let found = origin.find(id)?;
    let recorded = Recorded::of(journal, found.alert.seq)?;
    let case = Case::open(&origin, found, LEVELS)?;
    let (first, last) = (case.found.alert.first_seq.max(1), case.found.alert.seq);
    let number = case.found.logged.map_or(1, |(number, _)| number);
    let file = CaseFile {
        journal: Sealed::of(journal, Stream::Events, (first, last)).map_err(Failure::data)?,
        log: Sealed::of(journal, Stream::Alerts, (number, number)).map_err(Failure::data)?,
        configuration: Configuration {
            hash: recorded.hash(),
            text: recorded.configuration.clone(),
            parameters: recorded.parameters.clone(),
            run: recorded.run.clone(),
        },
        case: case.whole()?,
    };
    let text = match is_text {
        false => serde_json::to_string_pretty(&file).map_err(anyhow::Error::from)? + "\n",
        true => file.report(&case),
    };
    fs::write(out, &text).with_context(|| out.display().to_string())?;
    print(format_args!("{}: {}\n", out.display(), Bytes(text.len() as u64)))
}

#[derive(Serialize)]
struct CaseFile {
    #[serde(flatten)]
    case: Whole,
    configuration: Configuration,
    /// Around the evidence's events.
    journal: Sealed,
    /// Around the alert's record.
    log: Sealed,
}

/// What found it.
#[derive(Serialize)]
struct Configuration {
    /// Of the text and the parameters.
    hash: String,
    text: String,
    parameters: String,
    run: String,
}

/// The part of a stream that holds some numbers, by its hashes.
#[derive(Serialize)]
struct Sealed {
    id: Option<String>,
    first: u64,
    last: u64,
    segments: Vec<Segment>,
}

#[derive(Serialize)]
struct Segment {
    file: String,
    /// Who signs.
    key: Option<String>,
    blocks: Vec<Hashed>,
    blocks_left_out: u64,
    /// None while the segment is being written.
    seal: Option<Seal>,
}

/// A block that holds some of the numbers.
#[derive(Serialize)]
struct Hashed {
    block: u64,
    first: u64,
    hash: String,
}

#[derive(Serialize)]
struct Seal {
    first: u64,
    next: u64,
    blocks: u64,
    /// Of the last block before the seal.
    hash: String,
    signature: String,
}

impl Sealed {
    fn of(
        journal: &Path,
        stream: Stream,
        (first, last): (u64, u64),
    ) -> Result<Self, RecoveryError> {
        let mut reader = Reader::open(RealDisk::open(Reach::Cache), journal, stream, first)?;
        reader.first()?;
        let id = reader.id().map(|id| hex(&id));
        let mut segments: Vec<Segment> = Vec::new();
        loop {
            let mut look = |path: &Path, block: &Block<'_>| {
                let file = path.strip_prefix(journal).unwrap_or(path).display().to_string();
                let begins = block.header.first.get();
                let is_new = segments.last().is_none_or(|segment| segment.file != file);
                if is_new && begins > last {
                    return false;
                }
                if is_new {
                    let (blocks, blocks_left_out) = (Vec::new(), 0);
                    let (key, seal) = (None, None);
                    segments.push(Segment { file, key, blocks, blocks_left_out, seal });
                }
                if let Some(segment) = segments.last_mut() {
                    segment.take(block, stream, (first, last));
                }
                true
            };
            // To the segment's end, for its seal.
            if reader.next(&mut look)? != Some(true) {
                break;
            }
            if let Some(segment) = segments.last_mut() {
                segment.key = reader.key().map(|key| hex(&key));
            }
        }
        segments.retain(|segment| !segment.blocks.is_empty());
        Ok(Self { id, first, last, segments })
    }
}

impl Segment {
    fn take(&mut self, block: &Block<'_>, stream: Stream, (first, last): (u64, u64)) {
        if let Some(seal) = block.seal() {
            self.seal = Some(Seal {
                first: seal.first.get(),
                next: seal.next.get(),
                blocks: seal.blocks.get(),
                hash: hex(&seal.hash),
                signature: hex(&seal.signature),
            });
            return;
        }
        let begins = block.header.first.get();
        if begins > last || begins + block.numbers(stream) <= first {
            return;
        }
        if self.blocks.len() < BLOCKS_MAX {
            let (block, hash) = (block.header.block.get(), hex(&block.header.hash));
            self.blocks.push(Hashed { block, first: begins, hash });
        } else {
            self.blocks_left_out += 1;
        }
    }
}

impl CaseFile {
    /// For people: the story, then what it can be checked against.
    fn report(&self, case: &Case) -> String {
        let mut story = String::new();
        case.write(&mut story).expect("a string takes any text");
        let alert = &case.found.alert;
        let mut text = format!("# Case {}: {} in {}\n\n", alert.id, alert.pattern, alert.subject);
        let _ = write!(text, "```text\n{story}```\n\n## Configuration\n\n");
        let Configuration { hash, text: written, parameters, run } = &self.configuration;
        let _ = write!(text, "Hash `{hash}`; found by\n\n```text\n{run}```\n\n");
        if !written.is_empty() {
            let _ = write!(text, "```toml\n{}\n```\n\n", written.trim_end());
        }
        let _ = write!(text, "```text\n{parameters}```\n\n## Journal\n\n");
        let id = self.journal.id.as_deref().unwrap_or("unknown");
        let _ = writeln!(
            text,
            "Journal `{id}`. `tapewatch journal verify` holds it against these hashes (BLAKE3) and signatures (Ed25519).\n"
        );
        self.journal.rows("Events", &mut text);
        self.log.rows("Records of the alert log", &mut text);
        text
    }
}

impl Sealed {
    fn rows(&self, what: &str, to: &mut String) {
        let _ = writeln!(to, "{what} {} to {}:\n", self.first, self.last);
        let _ = writeln!(to, "| segment | block | first | hash |\n|---|---|---|---|");
        for segment in &self.segments {
            for Hashed { block, first, hash } in &segment.blocks {
                let _ = writeln!(to, "| {} | {block} | {first} | `{hash}` |", segment.file);
            }
        }
        let _ = writeln!(to);
        for Segment { file, key, seal, .. } in &self.segments {
            let key = key.as_deref().unwrap_or("unknown");
            let _ = match seal {
                Some(Seal { blocks, hash, signature, .. }) => writeln!(
                    to,
                    "- {file}: sealed after {blocks} blocks, the last with hash `{hash}`; signature `{signature}` of key `{key}`"
                ),
                None => writeln!(to, "- {file}: not sealed yet; key `{key}`"),
            };
        }
        let _ = writeln!(to);
    }
}
