//! One look at a daemon, laid out.

use super::{Alert, Status};
use crate::output::{Bytes, Moment, Thousands};
use engine_api::{Figures, Journal, Percentiles};
use engine_event::Nanos;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Gauge, Paragraph, Row, Sparkline, Table, Widget};
use std::collections::BTreeMap;

/// Which latencies are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    LastInterval,
    Everything,
}

impl Shown {
    pub(super) fn other(self) -> Self {
        match self {
            Shown::LastInterval => Shown::Everything,
            Shown::Everything => Shown::LastInterval,
        }
    }
}

/// What is on the screen.
pub(super) struct Frame<'a> {
    status: &'a Status,
    /// Messages per second, oldest first.
    rates: &'a [f64],
    shown: Shown,
    /// Why the daemon does not answer, if so.
    silence: Option<&'a str>,
    is_coloured: bool,
    /// What keys do.
    hint: &'static str,
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        status: &'a Status,
        rates: &'a [f64],
        shown: Shown,
        silence: Option<&'a str>,
    ) -> Self {
        Self { status, rates, shown, silence, is_coloured: false, hint: "" }
    }

    /// For a terminal that somebody sits at.
    pub(super) fn live(self, is_coloured: bool) -> Self {
        let hint = "q ends, t turns between the last interval and all";
        Self { is_coloured, hint, ..self }
    }

    /// The rows that everything takes.
    pub(super) fn height(&self) -> u16 {
        let alerts = self.status.alerts.len().clamp(1, ALERTS_SHOWN) as u16;
        HEAD + FLOW + self.latency_height() + self.counts_height() + alerts + 2
    }

    fn latency_height(&self) -> u16 {
        self.status.figures.latency_order.len() as u16 + 3
    }

    fn counts_height(&self) -> u16 {
        COUNTS + u16::from(self.status.figures.journal.is_some())
    }

    fn style(&self, colour: Color) -> Style {
        if self.is_coloured { Style::new().fg(colour) } else { Style::new() }
    }

    fn head(&self) -> Paragraph<'a> {
        let Figures { version, uptime_seconds, topology, .. } = &self.status.figures;
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let up = Uptime(*uptime_seconds as u64);
        let first = Line::from(vec![
            Span::styled(format!("tapewatch {version}"), bold),
            Span::raw(format!("  up {up}  ")),
            Span::styled(self.hint, self.style(Color::DarkGray)),
        ]);
        let second = match self.silence {
            Some(why) => Line::styled(why.to_string(), self.style(Color::Red)),
            None => Line::from(topology.as_str()),
        };
        Paragraph::new(vec![first, second])
    }

    fn flow(&self, area: Rect, buffer: &mut Buffer) {
        let Figures { messages, events, bytes, rates, stalls, ring, .. } = &self.status.figures;
        let block = titled("flow");
        let inner = block.inner(area);
        block.render(area, buffer);
        let halves = [Constraint::Percentage(56), Constraint::Min(0)];
        let [left, right] = Layout::horizontal(halves).spacing(2).areas(inner);
        let row = |name: &str, all: String, rate: String| format!("{name:<10}{all:>18}{rate:>22}");
        let each = |rate: f64| format!("{}/s", Thousands(rate as u64));
        let lines = [
            row("messages", Thousands(*messages).to_string(), each(rates.messages_per_second)),
            row("events", Thousands(*events).to_string(), each(rates.events_per_second)),
            row(
                "bytes",
                Bytes(*bytes).to_string(),
                format!("{}/s", Bytes(rates.bytes_per_second as u64)),
            ),
            row("waits", Thousands(*stalls).to_string(), "the ring was full".to_string()),
        ];
        Paragraph::new(lines.map(Line::from).to_vec()).render(left, buffer);
        let parts = [Constraint::Min(0), Constraint::Length(1)];
        let [line, gauge] = Layout::vertical(parts).areas(right);
        let most = self.rates.len().saturating_sub(usize::from(line.width));
        let rates: Vec<_> = self.rates[most..].iter().map(|rate| *rate as u64).collect();
        Sparkline::default().data(rates).style(self.style(Color::Cyan)).render(line, buffer);
        let full = ring.depth as f64 / ring.capacity.max(1) as f64;
        let label = format!("ring {} of {}", Thousands(ring.depth), Thousands(ring.capacity));
        let colour = if full < 0.5 { Color::Green } else { Color::Yellow };
        Gauge::default()
            .ratio(full.clamp(0.0, 1.0))
            .label(label)
            .gauge_style(self.style(colour))
            .render(gauge, buffer);
    }

    fn latency(&self) -> Table<'a> {
        let Status { figures, latency, latency_recent, .. } = self.status;
        let (of, title) = match self.shown {
            Shown::Everything => (latency, "since the start".to_string()),
            Shown::LastInterval => {
                let ms = (figures.interval_seconds * 1000.0).round() as u64;
                (latency_recent, format!("in the last {} ms", Thousands(ms)))
            }
        };
        let stages = figures.latency_order.iter().map(|stage| {
            let told = of.get(stage).copied().unwrap_or_default();
            let style = match stage.as_str() {
                "end_to_end" | "open_loop" => Style::new().add_modifier(Modifier::BOLD),
                _ => Style::new(),
            };
            Row::new(cells(stage, &told)).style(style)
        });
        let heads = ["stage", "count", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
        let heads = heads.iter().enumerate().map(|(place, head)| match place {
            0 => Cell::new(*head),
            _ => right(head.to_string()),
        });
        let widths = std::iter::once(Constraint::Length(15)).chain([Constraint::Fill(1); 7]);
        let every = figures.latency_sampled_every;
        Table::new(stages, widths)
            .header(Row::new(heads).style(self.style(Color::DarkGray)))
            .block(titled(format!("latency in ns {title}, 1 event in {every}")))
    }

    fn counts(&self) -> Paragraph<'a> {
        let Figures { gaps, unknown, faults, findings, alerts_left_out, .. } = &self.status.figures;
        let none = BTreeMap::new();
        let found = |kind: &str| counted(findings.get(kind).unwrap_or(&none));
        let left_out = match alerts_left_out {
            0 => String::new(),
            more => format!("; {} too fast to be shown below", Thousands(*more)),
        };
        let bad = if faults.is_empty() { Style::new() } else { self.style(Color::Yellow) };
        let [gaps, unknown] = [*gaps, *unknown].map(Thousands);
        let mut lines = vec![
            Line::styled(format!("gaps      {gaps}, unknown messages {unknown}"), bad),
            Line::styled(format!("faults    {}", counted(faults)), bad),
            Line::from(format!("alerts    {}{left_out}", found("alert"))),
            Line::from(format!("signals   {}", found("signal"))),
        ];
        lines.extend(self.status.figures.journal.as_ref().map(|of| self.journal(of)));
        Paragraph::new(lines).block(titled("counts"))
    }

    /// How far it is safe, and what was amiss.
    fn journal(&self, of: &Journal) -> Line<'a> {
        if let Some(why) = &of.failure {
            return Line::styled(format!("journal   failed: {why}"), self.style(Color::Red));
        }
        let [durable, blocks] = [of.durable_seq, of.waiting_blocks].map(Thousands);
        let amiss = [
            (of.stalls, "waits"),
            (of.left_out, "events left out"),
            (of.findings_withheld, "findings withheld"),
        ];
        let amiss = amiss.iter().filter(|(count, _)| *count > 0);
        let amiss: String =
            amiss.map(|(count, what)| format!(", {} {what}", Thousands(*count))).collect();
        let bad = if amiss.is_empty() { Style::new() } else { self.style(Color::Yellow) };
        let text = format!("journal   durable up to {durable}, {blocks} blocks waiting{amiss}");
        Line::styled(text, bad)
    }

    fn alerts(&self) -> Table<'a> {
        let latest = self.status.alerts.iter().rev().take(ALERTS_SHOWN);
        let rows = latest.map(|alert| {
            let Alert { pattern, subject, participants, raised_at, score, severity } = alert;
            let colour = match severity.as_str() {
                "high" | "critical" => Color::Red,
                _ => Color::Yellow,
            };
            let time = Moment(Nanos(*raised_at)).to_string();
            let cells = [
                Cell::new(time.chars().take(23).collect::<String>()),
                Cell::new(pattern.as_str()).style(self.style(colour)),
                Cell::new(subject.as_str()),
                Cell::new(severity.as_str()).style(self.style(colour)),
                right(format!("{score:.1}")),
                Cell::new(participants.join(", ")),
            ];
            Row::new(cells)
        });
        let widths = [
            Constraint::Length(23),
            Constraint::Length(8),
            Constraint::Length(14),
            Constraint::Length(8),
            Constraint::Length(6),
            Constraint::Fill(1),
        ];
        Table::new(rows, widths).column_spacing(2).block(titled("latest alerts"))
    }
}

const HEAD: u16 = 2;
const FLOW: u16 = 6;
const COUNTS: u16 = 6;
/// How many of the latest alerts there is room for, at most.
const ALERTS_SHOWN: usize = 12;

impl Widget for &Frame<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let parts = [
            Constraint::Length(HEAD),
            Constraint::Length(FLOW),
            Constraint::Length(self.latency_height()),
            Constraint::Length(self.counts_height()),
            Constraint::Min(0),
        ];
        let [head, flow, latency, counts, alerts] = Layout::vertical(parts).areas(area);
        self.head().render(head, buffer);
        self.flow(flow, buffer);
        Widget::render(self.latency(), latency, buffer);
        self.counts().render(counts, buffer);
        Widget::render(self.alerts(), alerts, buffer);
    }
}

fn titled<'a>(title: impl Into<Line<'a>>) -> Block<'a> {
    Block::default().borders(Borders::ALL).title(title)
}

fn right<'a>(text: String) -> Cell<'a> {
    Cell::new(Line::from(text).right_aligned())
}

/// A percentile that so few samples cannot have is not shown, as in a summary.
fn cells<'a>(stage: &'a str, of: &Percentiles) -> Vec<Cell<'a>> {
    let values = [
        (of.p50, 1),
        (of.p90, 10),
        (of.p99, 100),
        (of.p99_9, 1000),
        (of.p99_99, 10_000),
        (of.max, 1),
    ];
    let values = values.into_iter().map(|(value, least)| match of.count >= least {
        true => right(Thousands(value).to_string()),
        false => right("-".to_string()),
    });
    let first = [Cell::new(stage), right(Thousands(of.count).to_string())];
    first.into_iter().chain(values).collect()
}

fn counted(counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return "none".to_string();
    }
    let counts = counts.iter().map(|(name, count)| format!("{name} {}", Thousands(*count)));
    counts.collect::<Vec<_>>().join(", ")
}

/// Seconds as `1 d 02:03:04`.
struct Uptime(u64);

impl std::fmt::Display for Uptime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Uptime(seconds) = self;
        let days = seconds / 86_400;
        if days > 0 {
            write!(f, "{days} d ")?;
        }
        let [hours, minutes, seconds] = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60];
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}")
    }
}
