//! What a run came to, for people and for programs.

mod journal;

use crate::intervals::Logged;
use crate::jitter::{self, Jitter};
use crate::output::{Bytes, Thousands};
use engine_assembly::{Doubt, Doubted, Outcome};
use engine_event::Nanos;
use engine_pipeline::{Hiccups, Percentiles, Plan, Topology};
use feeds::Speed;
use feeds::transport::udp::Received;
use journal::Journal;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The summary of a replay: the object that `--json` prints.
#[derive(Serialize)]
pub(crate) struct Summary {
    messages: u64,
    events: u64,
    bytes: u64,
    seconds: f64,
    messages_per_second: f64,
    topology: &'static str,
    topology_reason: String,
    shards: u32,
    gaps: u64,
    unknown: u64,
    stalls: u64,
    stopped: &'static str,
    /// Why feeds broke off, a line for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    faults: BTreeMap<&'static str, u64>,
    first_faults: Vec<Place>,
    books: Books,
    findings: Findings,
    /// What live feeds received, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    live: Vec<Live>,
    /// What became of the journal, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<Journal>,
    books_digest: String,
    findings_digest: String,
    latency: BTreeMap<String, Latency>,
    latency_order: Vec<String>,
    latency_sampled_every: u64,
    /// How events were paced, if they were: `open_loop` is measured from when they were due.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_loop: Option<OpenLoop>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hlog: Option<Hlog>,
    /// What the machine took from each thread.
    jitter: Vec<Jitter>,
}

/// How events were paced.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct OpenLoop {
    #[serde(rename = "pace", serialize_with = "in_words")]
    pub(crate) speed: Speed,
    /// How long after one another events were due, on average.
    #[serde(rename = "expected_interval_ns")]
    pub(crate) expected_interval: f64,
}

fn in_words<S: Serializer>(speed: &Speed, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&Pace(*speed))
}

/// A speed, so that it can be read without the flag that gave it.
struct Pace(Speed);

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Speed::Max => f.write_str("as fast as possible"),
            Speed::Times(times) => write!(f, "{times} times real time"),
            Speed::Rate(rate) => write!(f, "{rate} events/s"),
        }
    }
}

#[derive(Serialize)]
struct Hlog {
    path: String,
    intervals: u64,
}

impl From<&Logged> for Hlog {
    fn from(of: &Logged) -> Self {
        Self { path: of.path.display().to_string(), intervals: of.intervals }
    }
}

#[derive(Serialize)]
struct Place {
    fault: &'static str,
    at: u64,
    /// What `at` counts, if all feeds count alike: `byte`, `line`.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'static str>,
}

/// How many books there are, and the worst of those that may differ from the venue's.
#[derive(Serialize)]
struct Books {
    open: u64,
    faulty: u64,
    stale: u64,
    worst: Vec<Book>,
    /// How many more are faulty or stale.
    unlisted: u64,
}

#[derive(Serialize)]
struct Book {
    subject: String,
    faults: BTreeMap<&'static str, u64>,
    stale: Option<Stale>,
}

#[derive(Serialize)]
struct Stale {
    since_seq: u64,
    since_at: u64,
    reason: &'static str,
}

impl From<&Doubt> for Books {
    fn from(of: &Doubt) -> Self {
        let Doubt { open, faulty, stale, unlisted, ref worst } = *of;
        Self { open, faulty, stale, worst: worst.iter().map(Book::from).collect(), unlisted }
    }
}

impl From<&Doubted> for Book {
    fn from(of: &Doubted) -> Self {
        let stale = of.stale.map(|stale| Stale {
            since_seq: stale.since_seq,
            since_at: stale.since_at.0,
            reason: stale.reason.word(),
        });
        let faults = of.faults.iter().map(|(fault, count)| (fault.word(), count)).collect();
        Self { subject: of.name.clone(), faults, stale }
    }
}

/// What a live feed received.
#[derive(Serialize)]
struct Live {
    packets: u64,
    foreign: u64,
    /// Dropped by the kernel, because nobody fetched them in time.
    dropped: u64,
    messages: u64,
    /// What each line brought, and what it brought first.
    lines: Vec<LiveLine>,
    duplicates: u64,
    recovered: u64,
    requested: u64,
    late: u64,
    declared: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    wire: Option<Latency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<LiveRecord>,
}

#[derive(Serialize)]
struct LiveLine {
    messages: u64,
    first: u64,
}

#[derive(Serialize)]
struct LiveRecord {
    path: String,
    packets: u64,
    left_out: u64,
}

impl From<&Received> for Live {
    fn from(of: &Received) -> Self {
        let lines = of.lines.lines.iter().filter(|line| line.datagrams > 0);
        Self {
            packets: of.packets.packets,
            foreign: of.packets.foreign,
            dropped: of.dropped,
            messages: of.lines.delivered,
            lines: lines.map(|of| LiveLine { messages: of.messages, first: of.first }).collect(),
            duplicates: of.lines.duplicates,
            recovered: of.lines.recovered,
            requested: of.lines.requested,
            late: of.lines.late,
            declared: of.lines.declared,
            wire: of.wire.map(Latency::from),
            recorded: of.recorded.as_ref().map(|of| LiveRecord {
                path: of.path.display().to_string(),
                packets: of.packets,
                left_out: of.left_out,
            }),
        }
    }
}

#[derive(Serialize)]
struct Findings {
    alert: BTreeMap<String, u64>,
    signal: BTreeMap<String, u64>,
}

#[derive(Serialize)]
pub(crate) struct Latency {
    count: u64,
    p50: u64,
    p90: u64,
    p99: u64,
    #[serde(rename = "p99.9")]
    p99_9: u64,
    #[serde(rename = "p99.99")]
    p99_99: u64,
    max: u64,
}

impl From<Percentiles> for Latency {
    fn from(of: Percentiles) -> Self {
        let Percentiles { count, p50, p90, p99, p99_9, p99_99, max } = of;
        Self { count, p50, p90, p99, p99_9, p99_99, max }
    }
}

/// How the run went, besides what it came to.
pub(crate) struct Circumstances<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) shards: u32,
    pub(crate) sample_every: u64,
    pub(crate) elapsed: Duration,
    /// `end` of the input, `signal`, or `error`.
    pub(crate) stopped: &'static str,
    /// By what the places of faults are counted, if all feeds count alike.
    pub(crate) places: Option<&'static str>,
    /// What live feeds received.
    pub(crate) received: &'a [Received],
    /// Why feeds broke off, a line for each.
    pub(crate) errors: Vec<String>,
    pub(crate) logged: Option<&'a Logged>,
    pub(crate) open_loop: Option<OpenLoop>,
}

impl Summary {
    pub(crate) fn new(outcome: &Outcome, of: Circumstances<'_>) -> Self {
        let seconds = of.elapsed.as_secs_f64();
        let tally = &outcome.tally;
        // What the machine took stands apart.
        let stages = || outcome.percentiles().filter(|(name, _)| !name.starts_with(Hiccups::NAME));
        let place = |(fault, at): &(engine_event::Fault, u64)| Place {
            fault: fault.word(),
            at: *at,
            place: of.places,
        };
        Self {
            messages: tally.messages,
            events: outcome.events,
            bytes: tally.bytes,
            seconds,
            messages_per_second: tally.messages as f64 / seconds.max(1e-9),
            topology: if of.plan.topology == Topology::Pinned { "pinned" } else { "fused" },
            topology_reason: of.plan.reason.clone(),
            shards: of.shards,
            gaps: tally.gaps,
            unknown: tally.unknown,
            stalls: outcome.stalls,
            stopped: of.stopped,
            errors: of.errors,
            faults: outcome.faults.iter().map(|(fault, count)| (fault.word(), count)).collect(),
            first_faults: tally.first_faults.iter().map(place).collect(),
            books: Books::from(&outcome.doubt),
            findings: Findings { alert: outcome.alerts.clone(), signal: outcome.signals.clone() },
            live: of.received.iter().map(Live::from).collect(),
            journal: outcome.journaled.as_ref().map(Journal::from),
            books_digest: outcome.books_digest.to_string(),
            findings_digest: outcome.findings_digest.to_string(),
            latency: stages().map(|(stage, of)| (stage.into(), of.into())).collect(),
            latency_order: stages().map(|(stage, _)| stage.into()).collect(),
            latency_sampled_every: of.sample_every,
            open_loop: of.open_loop,
            hlog: of.logged.map(Hlog::from),
            jitter: outcome.jitter.iter().map(Jitter::from).collect(),
        }
    }

    /// The object that `--json` prints, on one line.
    pub(crate) fn as_json(&self) -> String {
        serde_json::to_string(self).expect("a summary has only text for keys")
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, value: &dyn fmt::Display| writeln!(f, "  {name:<12}{value}");
        row("messages", &Thousands(self.messages))?;
        row("events", &Thousands(self.events))?;
        row("read", &Bytes(self.bytes))?;
        let rate = Thousands(self.messages_per_second as u64);
        row("took", &format_args!("{:.3} s, {rate} messages/s", self.seconds))?;
        let shards = if self.shards == 1 { "shard" } else { "shards" };
        row(
            "topology",
            &format_args!("{}, {} {shards}: {}", self.topology, self.shards, self.topology_reason),
        )?;
        match self.stopped {
            "end" => {}
            "signal" => row("ended", &"by a signal, what was taken in is finished")?,
            _ => row("ended", &"early, by an error")?,
        }
        // The first of them is what the command fails with.
        self.errors.iter().skip(1).try_for_each(|error| row("", error))?;
        row("gaps", &Thousands(self.gaps))?;
        row("faults", &Counts(&self.faults))?;
        for Place { fault, at, place } in &self.first_faults {
            let place = place.map(|place| format!("{place} ")).unwrap_or_default();
            row("", &format_args!("{fault} at {place}{at}"))?;
        }
        let Books { open, faulty, stale, ref worst, unlisted } = self.books;
        let [open, faulty, stale] = [open, faulty, stale].map(Thousands);
        row("books", &format_args!("{open}, of which {faulty} had faults and {stale} are stale"))?;
        for book in worst.iter().take(SHOWN_MAX) {
            row("", book)?;
        }
        let more = unlisted + worst.len().saturating_sub(SHOWN_MAX) as u64;
        if more > 0 {
            row("", &format_args!("and {} more", Thousands(more)))?;
        }
        for live in &self.live {
            let Live { packets, dropped, duplicates, recovered, requested, declared, .. } = live;
            let [packets, dropped] = [*packets, *dropped].map(Thousands);
            row("received", &format_args!("{packets} packets, {dropped} dropped by the kernel"))?;
            let [duplicates, recovered] = [*duplicates, *recovered].map(Thousands);
            let [requested, declared] = [*requested, *declared].map(Thousands);
            row(
                "messages",
                &format_args!(
                    "{duplicates} twice, {recovered} late, {requested} asked for, {declared} lost"
                ),
            )?;
            if let Some(recorded) = &live.recorded {
                let packets = Thousands(recorded.packets);
                row("recorded", &format_args!("{packets} packets in {}", recorded.path))?;
            }
        }
        row("alerts", &Counts(&self.findings.alert))?;
        row("signals", &Counts(&self.findings.signal))?;
        self.journal.iter().try_for_each(|journal| row("journal", journal))?;
        row("digests", &format_args!("books    {}", self.books_digest))?;
        row("", &format_args!("findings {}", self.findings_digest))?;
        if let Some(Hlog { path, intervals }) = &self.hlog {
            row("latencies", &format_args!("{intervals} intervals in {path}"))?;
        }
        if let Some(OpenLoop { speed, expected_interval }) = self.open_loop {
            let each = Thousands(expected_interval.round() as u64);
            let pace = Pace(speed);
            row("open loop", &format_args!("an event was due every {each} ns ({pace})"))?;
        }
        self.latencies(f)?;
        jitter::tell(&self.jitter, f)
    }
}

impl Summary {
    fn latencies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  latency in ns (1 event in {})", self.latency_sampled_every)?;
        let heads = ["count", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
        write!(f, "  {:<12}", "stage")?;
        heads.iter().try_for_each(|head| write!(f, "{head:>12}"))?;
        writeln!(f)?;
        let wires = self.live.iter().filter_map(|live| Some(("wire", live.wire.as_ref()?)));
        let stages = self.latency_order.iter().map(|stage| (&**stage, &self.latency[stage]));
        for (stage, of) in wires.chain(stages) {
            write!(f, "  {stage:<12}{:>12}", Thousands(of.count))?;
            // A percentile that so few samples cannot have is not shown: it would only be the maximum.
            let values = [(of.p50, 1), (of.p90, 10), (of.p99, 100), (of.p99_9, 1000)];
            for (value, least) in values.into_iter().chain([(of.p99_99, 10_000), (of.max, 1)]) {
                match of.count >= least {
                    true => write!(f, "{:>12}", Thousands(value))?,
                    false => write!(f, "{:>12}", "-")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// How many books in doubt people are shown; programs get all that are listed.
const SHOWN_MAX: usize = 5;

impl fmt::Display for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.subject)?;
        if !self.faults.is_empty() {
            write!(f, "{}, ", Counts(&self.faults))?;
        }
        match &self.stale {
            Some(Stale { since_seq, since_at, reason }) => {
                write!(f, "stale since event {since_seq} ({}): {reason}", Nanos(*since_at))
            }
            None => f.write_str("certain again"),
        }
    }
}

/// `name 3, other 4`, or `none`.
struct Counts<'a, K>(&'a BTreeMap<K, u64>);

impl<K: fmt::Display> fmt::Display for Counts<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (i, (name, count)) in self.0.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{name} {}", Thousands(*count))?;
        }
        Ok(())
    }
}
