//! HdrHistogram's interval logs, version 2, whoever wrote them.
//!
//! A line is `Tag=NAME,start,length,max,histogram`, the tag may be missing; comments begin with `#`, and
//! two of them say when the log began. Intervals are added up by tag. Nothing in a log can make us take
//! more memory than the bounds below, and a line that is not understood is told with its number.

mod encoded;

use crate::failure::Failure;
use anyhow::{Context, anyhow};
use hdrhistogram::Histogram;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The longest line: the largest histogram there can be, written with two bytes a bucket.
const LINE_MAX: usize = 16 << 20;
/// Tags of a log.
const TAGS_MAX: usize = 1024;
/// Buckets of all histograms of a log together: 256 MiB.
const BUCKETS_MAX: usize = 32 << 20;
/// As many values as a floating-point number counts exactly.
const VALUES_MAX: u64 = 1 << 53;
const TAG_BYTES_MAX: usize = 256;

/// A log, added up.
pub(crate) struct Log {
    /// The file or address that it came from.
    pub(crate) name: String,
    /// Seconds since the epoch.
    pub(crate) began_at: f64,
    /// Intervals that were selected, and how many there are.
    pub(crate) selected: u64,
    pub(crate) intervals: u64,
    /// In seconds after the beginning, what the log covers.
    pub(crate) covers: (f64, f64),
    /// In the order in which they were first met.
    pub(crate) stages: Vec<Stage>,
}

/// What a tag's intervals add up to.
pub(crate) struct Stage {
    /// The tag; `untagged` where there is none.
    pub(crate) name: String,
    pub(crate) intervals: u64,
    pub(crate) histogram: Histogram<u64>,
}

/// Which intervals are wanted: those that begin in this time, in seconds after the log did.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Window {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: Self = Self { from: 0.0, to: f64::INFINITY };

    fn has(self, at: f64) -> bool {
        self.from <= at && at < self.to
    }
}

/// What a histogram without a tag is called.
pub(crate) const UNTAGGED: &str = "untagged";

impl Log {
    /// Reads a file.
    pub(crate) fn open(path: &Path, window: Window) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| name.clone())?;
        Self::read(BufReader::with_capacity(1 << 16, file), &name, window)
    }

    /// Reads a log that came from wherever `name` says.
    pub(crate) fn read(from: impl BufRead, name: &str, window: Window) -> Result<Self, Failure> {
        let mut reading = Reading::new(window);
        let mut lines = Lines { from, line: Vec::new(), number: 0 };
        loop {
            let at = |number: u64, what: &str| Failure::data(anyhow!("{name}:{number}: {what}"));
            match lines.next().with_context(|| name.to_string())? {
                Next::End => break,
                Next::TooLong(number) => {
                    let mib = LINE_MAX >> 20;
                    return Err(at(number, &format!("the line is longer than {mib} MiB")));
                }
                Next::Line(number, text) => {
                    reading.line(text).map_err(|what| at(number, &what))?;
                }
            }
        }
        reading.end(name)
    }

    /// The stage of this name.
    pub(crate) fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

/// Lines, each bounded.
struct Lines<R> {
    from: R,
    line: Vec<u8>,
    number: u64,
}

enum Next<'a> {
    Line(u64, &'a [u8]),
    TooLong(u64),
    End,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> io::Result<Next<'_>> {
        self.line.clear();
        self.number += 1;
        let read = (&mut self.from).take(LINE_MAX as u64 + 1).read_until(b'\n', &mut self.line)?;
        Ok(match read {
            0 => Next::End,
            read if read > LINE_MAX => Next::TooLong(self.number),
            _ => Next::Line(self.number, &self.line),
        })
    }
}

/// A log while it is being read.
struct Reading {
    window: Window,
    start: Option<f64>,
    base: Option<f64>,
    /// The first interval's time, which stands for the start where none is told.
    first: Option<f64>,
    selected: u64,
    intervals: u64,
    covers: (f64, f64),
    stages: Vec<Stage>,
    buckets: usize,
}

impl Reading {
    fn new(window: Window) -> Self {
        Self {
            window,
            start: None,
            base: None,
            first: None,
            selected: 0,
            intervals: 0,
            covers: (f64::INFINITY, f64::NEG_INFINITY),
            stages: Vec::new(),
            buckets: 0,
        }
    }

    fn line(&mut self, bytes: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "is not text".to_string())?.trim();
        if let Some(comment) = text.strip_prefix('#') {
            return self.comment(comment);
        }
        // The legend, with which most programs head their columns.
        if text.is_empty() || text.starts_with("\"StartTimestamp\"") {
            return Ok(());
        }
        let (tag, fields) = match text.strip_prefix("Tag=") {
            Some(tagged) => tagged.split_once(',').ok_or("the tag has no end")?,
            None => (UNTAGGED, text),
        };
        let fields: Vec<_> = fields.splitn(4, ',').map(str::trim).collect();
        let [start, length, max, histogram] = fields[..] else {
            let found = fields.len();
            return Err(format!(
                "an interval is start,length,max,histogram: {found} of 4 are here"
            ));
        };
        let (start, length) = (number(start, "start")?, number(length, "length")?);
        if length < 0.0 {
            return Err(format!("the interval's length is negative: {length}"));
        }
        number(max, "maximum")?; // told by the histogram as well, and more exactly
        self.interval(tag, start, length, histogram)
    }

    /// `#[StartTime: 1441812279.474 (seconds since epoch), …]`, and `BaseTime` alike.
    fn comment(&mut self, comment: &str) -> Result<(), String> {
        let time = |key: &str| {
            let told = comment.strip_prefix('[')?.strip_prefix(key)?.strip_prefix(':')?.trim();
            let ends = told.find([' ', ',', ']']).unwrap_or(told.len());
            Some(number(&told[..ends], key))
        };
        if let Some(start) = time("StartTime") {
            self.start = Some(start?);
        } else if let Some(base) = time("BaseTime") {
            self.base = Some(base?);
        }
        Ok(())
    }

    /// Seconds since the epoch of an interval. A log without a base tells either such seconds or those
    /// since its start; as everywhere, those that lie more than a year before it are since the start.
    fn time(&self, told: f64) -> f64 {
        const YEAR: f64 = 365.0 * 86_400.0;
        match (self.base, self.start) {
            (Some(base), _) => base + told,
            (None, Some(start)) if told < start - YEAR => start + told,
            _ => told,
        }
    }

    fn interval(
        &mut self,
        tag: &str,
        start: f64,
        length: f64,
        histogram: &str,
    ) -> Result<(), String> {
        let time = self.time(start);
        let first = *self.first.get_or_insert(time);
        let after = time - self.start.unwrap_or(first);
        self.covers.0 = self.covers.0.min(after);
        self.covers.1 = self.covers.1.max(after + length);
        self.intervals += 1;
        if !self.window.has(after) {
            return Ok(());
        }
        self.selected += 1;
        let histogram = encoded::decode(histogram)?;
        let tag = legible(tag)?;
        let stage = self.stages.iter().position(|stage| stage.name == tag);
        match stage {
            Some(stage) => self.add(stage, &histogram),
            None => self.begin(tag, histogram),
        }
    }

    fn begin(&mut self, name: String, mut histogram: Histogram<u64>) -> Result<(), String> {
        if self.stages.len() == TAGS_MAX {
            return Err(format!("there are more than {TAGS_MAX} tags"));
        }
        self.account(histogram.distinct_values(), histogram.len())?;
        histogram.auto(true); // later intervals may reach further
        self.stages.push(Stage { name, intervals: 1, histogram });
        Ok(())
    }

    fn add(&mut self, stage: usize, histogram: &Histogram<u64>) -> Result<(), String> {
        let stage = &mut self.stages[stage];
        let before = stage.histogram.distinct_values();
        stage.histogram.add(histogram).map_err(|error| error.to_string())?;
        stage.intervals += 1;
        let (grown, values) = (stage.histogram.distinct_values() - before, stage.histogram.len());
        self.account(grown, values)
    }

    fn account(&mut self, buckets: usize, values: u64) -> Result<(), String> {
        self.buckets += buckets;
        if self.buckets > BUCKETS_MAX {
            return Err(format!("the histograms have more than {BUCKETS_MAX} buckets together"));
        }
        if values > VALUES_MAX {
            return Err("more than 2^53 values cannot be counted exactly".to_string());
        }
        Ok(())
    }

    fn end(self, name: &str) -> Result<Log, Failure> {
        let Self { start, first, selected, intervals, covers, stages, .. } = self;
        let Some(first) = first else {
            return Err(Failure::data(anyhow!("{name}: there is no interval in it")));
        };
        if selected == 0 {
            let (begin, end) = covers;
            let covers = format!("the log covers {begin:.3} s to {end:.3} s");
            return Err(anyhow!("{name}: no interval begins in that time: {covers}").into());
        }
        let began_at = start.unwrap_or(first);
        Ok(Log { name: name.to_string(), began_at, selected, intervals, covers, stages })
    }
}

fn number(text: &str, what: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| format!("the {what} is not a number: {}", shortened(text)))
}

/// A tag is shown on terminals, which must not take it for commands.
fn legible(tag: &str) -> Result<String, String> {
    if tag.len() > TAG_BYTES_MAX {
        return Err(format!("the tag is longer than {TAG_BYTES_MAX} bytes"));
    }
    let legible = |of: char| if of.is_control() { char::REPLACEMENT_CHARACTER } else { of };
    Ok(tag.trim().chars().map(legible).collect())
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(30).flat_map(char::escape_debug).collect();
    if text.chars().count() > 30 { format!("`{short}…`") } else { format!("`{short}`") }
}

#[cfg(test)]
mod tests;
