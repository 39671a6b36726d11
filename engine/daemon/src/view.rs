//! What the API shows of a run: written once an interval by the thread that reads the latencies.

use crate::config::Api;
use crate::failure::Failure;
use crate::findings::Recent;
use anyhow::Context;
use engine_api::{Board, Journal, Rates, Ring, Server};
use engine_assembly::{Counted, Figures, Flow, Journaled};
use engine_event::Nanos;
use engine_pipeline::Stages;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::atomic::Ordering::Relaxed;

/// What does not change while a run goes on.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) topology: String,
    pub(crate) ring_capacity: u64,
    pub(crate) sample_every: u64,
}

/// Binds the address at which requests will be answered.
pub(crate) fn bind(api: &Api) -> Result<TcpListener, Failure> {
    let bound =
        TcpListener::bind(api.listen).with_context(|| format!("cannot listen at {}", api.listen));
    let bound = bound.map_err(|error| Failure::from(error).placed(Some(&api.place)))?;
    if !api.listen.ip().is_loopback() {
        tracing::warn!("whoever reaches {} can read what this run does and finds", api.listen);
    }
    Ok(bound)
}

/// A view under way.
pub(crate) struct View {
    board: Board,
    figures: Figures,
    recent: Recent,
    /// What was taken in at the end of the last interval.
    before: (Nanos, Flow),
}

impl View {
    /// A view of a run that starts at `started`, and the server that shows it.
    pub(crate) fn open(
        listener: TcpListener,
        (figures, recent): (Figures, Recent),
        about: &About,
        started: Nanos,
    ) -> Result<(Self, Server), Failure> {
        let board = Board::default();
        let mut status = board.look();
        let told = &mut status.figures;
        told.version = env!("CARGO_PKG_VERSION").to_string();
        told.started_at = started.0;
        told.at = started.0;
        told.topology.clone_from(&about.topology);
        told.ring.capacity = about.ring_capacity;
        told.latency_sampled_every = about.sample_every;
        drop(status);
        let server = Server::start(listener, board.clone()).context("no thread for the API")?;
        Ok((Self { board, figures, recent, before: (started, Flow::default()) }, server))
    }

    /// An interval is over.
    pub(crate) fn interval(&mut self, at: Nanos, recent: &Stages) {
        let (flow, counted) = self.figures.read();
        let journal = self.figures.journal();
        let (from, before) = std::mem::replace(&mut self.before, (at, flow));
        let seconds = at.since(from).0.max(1) as f64 / 1e9;
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let mut status = self.board.look();
        while let Some(alert) = self.recent.alerts.pop() {
            status.alert(alert);
        }
        status.latency.add_all(recent);
        status.latency_recent.clone_from(recent);
        let order = status.latency.iter().map(|(stage, _)| stage.to_string()).collect();
        let told = &mut status.figures;
        told.latency_order = order;
        told.at = at.0;
        told.uptime_seconds = at.since(Nanos(told.started_at)).0 as f64 / 1e9;
        told.interval_seconds = seconds;
        told.rates = Rates {
            messages_per_second: rate(flow.messages, before.messages),
            events_per_second: rate(flow.events, before.events),
            bytes_per_second: rate(flow.bytes, before.bytes),
        };
        told.alerts_left_out = self.recent.left_out.load(Relaxed);
        told.ring = Ring { depth: flow.in_ring, ..told.ring };
        let Flow { messages, events, bytes, gaps, unknown, stalls, in_ring: _, faults } = flow;
        (told.messages, told.events, told.bytes) = (messages, events, bytes);
        (told.gaps, told.unknown, told.stalls) = (gaps, unknown, stalls);
        told.faults =
            faults.iter().map(|(fault, count)| (fault.word().to_string(), count)).collect();
        told.findings = by_kind(&counted);
        told.journal = journal.map(journaled);
    }
}

fn journaled(of: Journaled) -> Journal {
    let Journaled { next, written, stalls, held, failure } = of;
    Journal {
        durable_seq: next.saturating_sub(1),
        commits: written.commits,
        bytes: written.bytes,
        waiting_blocks: written.waiting,
        stalls,
        left_out: written.left_out,
        findings_held: held.findings,
        findings_withheld: held.withheld.findings,
        segments_compressed: written.kept.compressed,
        compressed_from_bytes: written.kept.bytes_before,
        compressed_to_bytes: written.kept.bytes_after,
        segments_deleted: written.kept.deleted,
        failure,
    }
}

fn by_kind(counted: &Counted) -> BTreeMap<String, BTreeMap<String, u64>> {
    let kinds = [("alert", true), ("signal", false)];
    let of_kind = |is_alert| {
        let tallied = counted.tallied().filter(move |one| one.is_alert == is_alert);
        tallied.map(|one| (one.name.to_string(), one.count)).collect()
    };
    kinds.into_iter().map(|(kind, is_alert)| (kind.to_string(), of_kind(is_alert))).collect()
}
