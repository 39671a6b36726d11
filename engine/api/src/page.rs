//! What is answered to a request, whoever carries it.

use crate::metrics;
use crate::status::{Figures, Percentiles, Status};
use engine_pipeline::{IntervalLog, Stages};
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};

/// An answer.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

impl Page {
    fn json(of: &impl Serialize) -> Self {
        let text = serde_json::to_string(of).expect("what is told has only text for keys");
        Self { status: StatusCode::OK, kind: JSON, text: text + "\n" }
    }

    fn text(kind: &'static str, text: String) -> Self {
        Self { status: StatusCode::OK, kind, text }
    }

    pub(crate) fn refused(status: StatusCode, why: &str) -> Self {
        let text = serde_json::json!({ "error": why }).to_string() + "\n";
        Self { status, kind: JSON, text }
    }
}

const INDEX: &str = "\
tapewatch

/status         counts, rates, faults, findings, latest alerts, latencies (JSON)
/latency        percentiles by stage since the start (JSON)
/latency?hlog   the same as HdrHistogram's interval log
/metrics        for Prometheus
";

/// The answer to a request.
pub(crate) fn page(method: &Method, path: &str, query: Option<&str>, status: &Status) -> Page {
    if method != Method::GET && method != Method::HEAD {
        return Page::refused(StatusCode::METHOD_NOT_ALLOWED, "it only tells: GET or HEAD");
    }
    match (path, query) {
        ("/", None) => Page::text(TEXT, INDEX.to_string()),
        ("/status", None) => Page::json(&Whole::of(status)),
        ("/latency", None) => Page::json(&Latencies::of(status)),
        ("/latency", Some("hlog")) => Page::text(TEXT, hlog(status)),
        ("/metrics", None) => Page::text(metrics::KIND, metrics::text(status)),
        _ => {
            let why = "there are /status, /latency, /latency?hlog and /metrics";
            Page::refused(StatusCode::NOT_FOUND, why)
        }
    }
}

/// All of a status.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    figures: &'a Figures,
    alerts: &'a VecDeque<Box<RawValue>>,
    latency: BTreeMap<&'a str, Percentiles>,
    latency_recent: BTreeMap<&'a str, Percentiles>,
}

impl<'a> Whole<'a> {
    fn of(status: &'a Status) -> Self {
        Self {
            figures: &status.figures,
            alerts: &status.alerts,
            latency: percentiles(&status.latency),
            latency_recent: percentiles(&status.latency_recent),
        }
    }
}

#[derive(Serialize)]
struct Latencies<'a> {
    latency: BTreeMap<&'a str, Percentiles>,
    latency_order: &'a [String],
    latency_sampled_every: u64,
    started_at: u64,
    at: u64,
}

impl<'a> Latencies<'a> {
    fn of(status: &'a Status) -> Self {
        let Figures { latency_order, latency_sampled_every, started_at, at, .. } = &status.figures;
        Self {
            latency: percentiles(&status.latency),
            latency_order,
            latency_sampled_every: *latency_sampled_every,
            started_at: *started_at,
            at: *at,
        }
    }
}

fn percentiles(stages: &Stages) -> BTreeMap<&str, Percentiles> {
    stages.percentiles().map(|(stage, of)| (stage, of.into())).collect()
}

/// All since the start as one interval.
fn hlog(status: &Status) -> String {
    let Figures { version, started_at, at, .. } = &status.figures;
    let [from, to] = [*started_at, *at].map(engine_pipeline::Nanos);
    let note = format!("tapewatch {version}, latencies in ns by stage since the start");
    let log = IntervalLog::begin(Vec::new(), from, &note).and_then(|mut log| {
        log.interval(from, to, &status.latency)?;
        Ok(log.into_inner())
    });
    String::from_utf8(log.expect("memory takes everything")).expect("a log is text")
}
