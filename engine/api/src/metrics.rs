//! The status as Prometheus reads it: OpenMetrics' text.

use crate::status::{Figures, Journal, Status};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

pub(crate) const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

/// What is told of one status. A registry is made for each request: there is one a few seconds.
pub(crate) fn text(status: &Status) -> String {
    let mut registry = Registry::with_prefix("tapewatch");
    let figures = &status.figures;
    counts(figures, &mut registry);
    if let Some(of) = &figures.journal {
        journal(of, &mut registry);
    }
    let faults = counter(&mut registry, "faults", "What could not be taken as it came");
    for (reason, count) in &figures.faults {
        add(&faults, &vec![("reason", reason.clone())], *count);
    }
    let findings = counter(&mut registry, "findings", "Signals by name and alerts by pattern");
    for (kind, names) in &figures.findings {
        for (name, count) in names {
            add(&findings, &vec![("kind", kind.clone()), ("name", name.clone())], *count);
        }
    }
    let quantiles = gauge(&mut registry, "latency_seconds", "Percentiles since the start");
    let measured = counter(&mut registry, "latency_samples", "Sampled events behind them");
    for (stage, of) in status.latency.percentiles() {
        add(&measured, &vec![("stage", stage.to_string())], of.count);
        let told = [
            ("0.5", of.p50),
            ("0.9", of.p90),
            ("0.99", of.p99),
            ("0.999", of.p99_9),
            ("1", of.max),
        ];
        for (quantile, nanos) in told {
            let labels = vec![("stage", stage.to_string()), ("quantile", quantile.to_string())];
            quantiles.get_or_create(&labels).set(nanos as f64 / 1e9);
        }
    }
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes everything");
    text
}

fn counts(figures: &Figures, registry: &mut Registry) {
    let Figures { messages, events, bytes, gaps, unknown, stalls, ring, .. } = figures;
    count(
        registry,
        &[
            ("messages", "Messages read", *messages),
            ("events", "Events sequenced", *events),
            ("bytes", "Bytes read", *bytes),
            ("gaps", "Gaps declared", *gaps),
            ("unknown", "Messages of an unknown type", *unknown),
            ("stalls", "Turns in which the feed was held back", *stalls),
        ],
    );
    measure(
        registry,
        &[
            ("ring_depth", "Events that somebody has still to take", ring.depth as f64),
            ("ring_capacity", "Events that the ring holds", ring.capacity as f64),
            ("uptime_seconds", "Since the start", figures.uptime_seconds),
        ],
    );
}

fn journal(of: &Journal, registry: &mut Registry) {
    count(
        registry,
        &[
            ("journal_commits", "Group commits", of.commits),
            ("journal_bytes", "Bytes written into the journal", of.bytes),
            ("journal_stalls", "Turns in which the journal held the feed back", of.stalls),
            ("journal_left_out", "Events that were not journaled", of.left_out),
            ("journal_segments_compressed", "Segments compressed", of.segments_compressed),
            ("journal_compressed_from_bytes", "Bytes of them before it", of.compressed_from_bytes),
            ("journal_compressed_to_bytes", "Bytes of them after it", of.compressed_to_bytes),
            ("journal_segments_deleted", "Segments deleted", of.segments_deleted),
            ("findings_withheld", "Findings that never become final", of.findings_withheld),
        ],
    );
    let failed = f64::from(u8::from(of.failure.is_some()));
    measure(
        registry,
        &[
            ("journal_durable_seq", "The last event known to be durable", of.durable_seq as f64),
            ("journal_waiting_blocks", "Blocks that wait for the disk", of.waiting_blocks as f64),
            ("journal_failed", "1 when nothing more will become durable", failed),
            ("findings_held", "Findings that are not final yet", of.findings_held as f64),
        ],
    );
}

fn count(registry: &mut Registry, counts: &[(&'static str, &'static str, u64)]) {
    for (name, help, count) in counts {
        let counter: Counter = Counter::default();
        counter.inc_by(*count);
        registry.register(*name, *help, counter);
    }
}

fn measure(registry: &mut Registry, values: &[(&'static str, &'static str, f64)]) {
    for (name, help, value) in values {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(*value);
        registry.register(*name, *help, gauge);
    }
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counters {
    let family = Counters::default();
    registry.register(name, help, family.clone());
    family
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauges {
    let family = Gauges::default();
    registry.register(name, help, family.clone());
    family
}

fn add(counters: &Counters, labels: &Labels, count: u64) {
    counters.get_or_create(labels).inc_by(count);
}
