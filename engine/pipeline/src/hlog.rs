//! Interval logs in HdrHistogram's own format (`.hlog`, version 1.3), which other programs read.

use crate::Stages;
use engine_event::Nanos;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes the latencies of each interval, a line for each stage that has any. The stage is the line's
/// tag; a blank in its name becomes `_`, for tags have none.
pub struct IntervalLog<W: Write> {
    to: W,
    serializer: V2DeflateSerializer,
    /// The lines of one interval: they go out together or, if the disk is full, not at all.
    lines: Vec<u8>,
    started: Nanos,
    intervals: u64,
}

impl<W: Write> IntervalLog<W> {
    /// Begins a log of what starts at `started`, since the epoch; it says `note` about itself.
    pub fn begin(mut to: W, started: Nanos, note: &str) -> io::Result<Self> {
        let mut lines = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        let at = moment(started);
        IntervalLogWriterBuilder::new()
            .add_comment(note)
            .add_comment("[Histogram log format version 1.3]")
            .with_start_time(at)
            .with_base_time(at)
            .begin_log_with(&mut lines, &mut serializer)?;
        to.write_all(&lines)?;
        to.flush()?;
        Ok(Self { to, serializer, lines, started, intervals: 0 })
    }

    /// Writes what was recorded from `from` to `to`, since the epoch, and flushes it.
    pub fn interval(&mut self, from: Nanos, to: Nanos, stages: &Stages) -> io::Result<()> {
        self.lines.clear();
        let [at, length] = [from.since(self.started), to.since(from)].map(duration);
        let builder = IntervalLogWriterBuilder::new();
        let mut log = builder.begin_log_with(&mut self.lines, &mut self.serializer)?;
        for (name, latency) in stages.iter().filter(|(_, latency)| !latency.is_empty()) {
            let name = name.replace([' ', ',', '\r', '\n'], "_");
            log.write_histogram(latency.histogram(), at, length, Tag::new(&name)).map_err(
                |error| match error {
                    IntervalLogWriterError::IoError(error) => error,
                    IntervalLogWriterError::SerializeError(error) => {
                        io::Error::other(error.to_string())
                    }
                },
            )?;
        }
        self.intervals += 1;
        self.to.write_all(&self.lines)?;
        self.to.flush()
    }

    /// How many intervals were written.
    pub fn intervals(&self) -> u64 {
        self.intervals
    }

    /// What it was written to.
    pub fn into_inner(self) -> W {
        self.to
    }
}

fn duration(span: Nanos) -> Duration {
    Duration::from_nanos(span.0)
}

fn moment(at: Nanos) -> SystemTime {
    UNIX_EPOCH + duration(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Latency, Percentiles};
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    fn stages(of: &[(&str, &[u64])]) -> Stages {
        let mut stages = Stages::new();
        for (name, spans) in of {
            let mut latency = Latency::new();
            spans.iter().for_each(|span| latency.record(Nanos(*span)));
            stages.add(name, &latency);
        }
        stages
    }

    /// Tag, begin, length and count of each line.
    fn read(log: &[u8]) -> Vec<(String, f64, f64, u64)> {
        let entries = IntervalLogIterator::new(log).map(|entry| entry.expect("it can be read"));
        let interval = |entry| match entry {
            LogEntry::Interval(interval) => Some(interval),
            _ => None,
        };
        let decoded = entries.filter_map(interval).map(|line| {
            let bytes = BASE64_STANDARD.decode(line.encoded_histogram()).unwrap();
            let histogram = Deserializer::new().deserialize::<u64, _>(&mut &bytes[..]).unwrap();
            (
                line.tag().expect("every line has one").to_string(),
                line.start_timestamp().as_secs_f64(),
                line.duration().as_secs_f64(),
                histogram.len(),
            )
        });
        decoded.collect()
    }

    #[test]
    fn a_line_for_each_stage_of_each_interval() {
        let second = |n: u64| Nanos::from_secs(1_700_000_000 + n);
        let mut log = IntervalLog::begin(Vec::new(), second(0), "a test").unwrap();
        let first = stages(&[("hop", &[80, 90]), ("hiccup core 1", &[7]), ("book", &[])]);
        log.interval(second(0), second(1), &first).unwrap();
        log.interval(second(1), second(3), &stages(&[("hop", &[100])])).unwrap();
        assert_eq!(log.intervals(), 2);
        let log = log.into_inner();
        assert!(log.starts_with(b"#a test\n#[Histogram log format version 1.3]\n#[StartTime: 17"));
        let expected = [("hop", 0.0, 1.0, 2), ("hiccup_core_1", 0.0, 1.0, 1), ("hop", 1.0, 2.0, 1)];
        assert_eq!(read(&log), expected.map(|(tag, at, of, n)| (tag.to_string(), at, of, n)));
    }

    #[test]
    fn nothing_of_an_interval_is_lost() {
        let spans: Vec<u64> = (0..10_000).map(|n| n * n * 7 % 60_000_000_000).collect();
        let stages = stages(&[("end_to_end", &spans)]);
        let mut log = IntervalLog::begin(Vec::new(), Nanos(0), "").unwrap();
        log.interval(Nanos(0), Nanos(1), &stages).unwrap();
        let Percentiles { count, .. } = stages.get("end_to_end").unwrap().percentiles();
        assert_eq!(read(&log.into_inner())[0].3, count);
    }
}
