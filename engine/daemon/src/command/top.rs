//! `tapewatch top`: a running daemon on the terminal.

mod frame;

use crate::cli::Top;
use crate::failure::Failure;
use crate::output::print;
use crate::remote;
use anyhow::{Context, Result, anyhow};
use engine_api::{Figures, Percentiles};
use frame::{Frame, Shown};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often the daemon is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How many rates are remembered for the line of them.
const RATES_MAX: usize = 240;
/// A frame that is printed has this width.
const WIDTH: u16 = 100;

/// What `/status` tells.
#[derive(Clone, Default, Deserialize)]
struct Status {
    #[serde(flatten)]
    figures: Figures,
    alerts: Vec<Alert>,
    latency: BTreeMap<String, Percentiles>,
    latency_recent: BTreeMap<String, Percentiles>,
}

/// What is shown of an alert.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Alert {
    pattern: String,
    subject: String,
    participants: Vec<String>,
    raised_at: u64,
    score: f64,
    severity: String,
}

pub(crate) fn run(arguments: &Top) -> Result<(), Failure> {
    let ask = || remote::fetch(&arguments.url, "/status");
    if arguments.json {
        let told: Value = serde_json::from_slice(&ask()?).with_context(|| foreign(arguments))?;
        return print(format_args!("{told}\n"));
    }
    let look = || -> Result<Status> {
        serde_json::from_slice(&ask()?).with_context(|| foreign(arguments))
    };
    if arguments.once {
        return print(once(&look()?));
    }
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        let what = "top wants a terminal: --once prints one frame, --json the figures";
        return Err(Failure::usage(anyhow!(what)));
    }
    let first = look()?;
    let mut terminal = ratatui::try_init().context("the terminal cannot be set up")?;
    let shown = watch(&mut terminal, first, look);
    ratatui::restore();
    shown.context("the terminal").map_err(Failure::from)
}

fn foreign(arguments: &Top) -> String {
    format!("{} does not answer as a daemon does", arguments.url)
}

/// Shows the daemon until somebody has seen enough. One that has gone is asked again and again: it may
/// come back.
fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    first: Status,
    look: impl Fn() -> Result<Status>,
) -> std::io::Result<()> {
    let mut status = first;
    let mut rates = VecDeque::from([status.figures.rates.messages_per_second]);
    let (mut silence, mut shown) = (None, Shown::LastInterval);
    let mut due = Instant::now() + EVERY;
    loop {
        let frame = Frame::new(&status, rates.make_contiguous(), shown, silence.as_deref());
        let frame = frame.live(std::env::var_os("NO_COLOR").is_none());
        terminal.draw(|to| to.render_widget(&frame, to.area()))?;
        let left = due.saturating_duration_since(Instant::now());
        if event::poll(left)? {
            match event::read()? {
                Event::Key(key) if ends(key) => return Ok(()),
                Event::Key(KeyEvent { code: KeyCode::Char('t'), .. }) => shown = shown.other(),
                _ => {}
            }
            continue;
        }
        due = Instant::now() + EVERY;
        match look() {
            Ok(told) => {
                rates.push_back(told.figures.rates.messages_per_second);
                if rates.len() > RATES_MAX {
                    rates.pop_front();
                }
                (status, silence) = (told, None);
            }
            Err(error) => silence = Some(format!("{error:#}")),
        }
    }
}

/// Whether a key ends it: q, Escape, or what usually interrupts.
fn ends(key: KeyEvent) -> bool {
    let interrupts = key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind != KeyEventKind::Release
        && match key.code {
            KeyCode::Char('q') | KeyCode::Esc => true,
            KeyCode::Char('c') => interrupts,
            _ => false,
        }
}

/// A frame as text: no line has blanks at its end.
fn once(status: &Status) -> String {
    let frame = Frame::new(status, &[], Shown::Everything, None);
    let area = Rect::new(0, 0, WIDTH, frame.height());
    let mut buffer = Buffer::empty(area);
    (&frame).render(area, &mut buffer);
    let rows = area.rows().map(|row| {
        let cells = row.columns().map(|cell| buffer[(cell.x, cell.y)].symbol());
        cells.collect::<String>().trim_end().to_string() + "\n"
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_api::{Journal, Rates, Ring};
    use expect_test::expect;

    fn status() -> Status {
        let of = |count, p50| Percentiles {
            count,
            p50,
            p90: p50 * 2,
            p99: p50 * 3,
            p99_9: p50 * 40,
            p99_99: p50 * 100,
            max: p50 * 1000,
        };
        let stages =
            [("hop".to_string(), of(1_562_500, 90)), ("end_to_end".to_string(), of(7, 700))];
        let counts = |of: &[(&str, u64)]| of.iter().map(|(k, v)| (k.to_string(), *v)).collect();
        Status {
            figures: Figures {
                version: "0.1.0".to_string(),
                uptime_seconds: 93_784.5,
                interval_seconds: 1.0,
                topology: "pinned, 2 allowed cores; core 0: source; core 1: shard 0, collector"
                    .to_string(),
                messages: 100_000_000,
                events: 100_000_500,
                bytes: 3_000_000_000,
                rates: Rates {
                    messages_per_second: 2_345_678.9,
                    events_per_second: 2_345_690.0,
                    bytes_per_second: 70_000_000.0,
                },
                gaps: 2,
                stalls: 12_345,
                ring: Ring { depth: 2048, capacity: 8192 },
                faults: counts(&[("missing", 2), ("unknown-order", 11)]),
                findings: [
                    ("alert".to_string(), counts(&[("P06", 3)])),
                    ("signal".to_string(), counts(&[("microprice", 987_654)])),
                ]
                .into(),
                latency_sampled_every: 64,
                latency_order: vec!["hop".to_string(), "end_to_end".to_string()],
                ..Figures::default()
            },
            alerts: vec![Alert {
                pattern: "P06".to_string(),
                subject: "AAAG".to_string(),
                participants: vec!["A0175".to_string()],
                raised_at: 1_704_193_641_474_255_068,
                score: 99.88,
                severity: "medium".to_string(),
            }],
            latency: stages.clone().into(),
            latency_recent: stages.into(),
        }
    }

    #[test]
    fn a_frame_has_everything() {
        expect![[r#"
            tapewatch 0.1.0  up 1 d 02:03:04
            pinned, 2 allowed cores; core 0: source; core 1: shard 0, collector
            ┌flow──────────────────────────────────────────────────────────────────────────────────────────────┐
            │messages         100,000,000           2,345,678/s                                                │
            │events           100,000,500           2,345,690/s                                                │
            │bytes                2.8 GiB            66.8 MiB/s                                                │
            │waits                 12,345     the ring was full       ██████████ ring 2,048 of 8,192           │
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
            ┌latency in ns since the start, 1 event in 64──────────────────────────────────────────────────────┐
            │stage                 count         p50         p90        p99       p99.9      p99.99         max│
            │hop               1,562,500          90         180        270       3,600       9,000      90,000│
            │end_to_end                7         700           -          -           -           -     700,000│
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
            ┌counts────────────────────────────────────────────────────────────────────────────────────────────┐
            │gaps      2, unknown messages 0                                                                   │
            │faults    missing 2, unknown-order 11                                                             │
            │alerts    P06 3                                                                                   │
            │signals   microprice 987,654                                                                      │
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
            ┌latest alerts─────────────────────────────────────────────────────────────────────────────────────┐
            │2024-01-02 11:07:21.474  P06       AAAG            medium      99.9  A0175                        │
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
        "#]].assert_eq(&once(&status()));
    }

    #[test]
    fn a_journal_has_a_line() {
        let line = |journal: Journal| {
            let mut status = status();
            status.figures.journal = Some(journal);
            let frame = once(&status);
            let line = frame.lines().find_map(|line| line.strip_prefix("│journal   "));
            line.expect("it is told").trim_end_matches([' ', '│']).to_string()
        };
        let well = Journal { durable_seq: 100_000_300, waiting_blocks: 2, ..Journal::default() };
        assert_eq!(line(well.clone()), "durable up to 100,000,300, 2 blocks waiting");
        let amiss = Journal { left_out: 5000, findings_withheld: 7, ..well.clone() };
        assert_eq!(
            line(amiss),
            "durable up to 100,000,300, 2 blocks waiting, 5,000 events left out, 7 findings withheld"
        );
        let failure = Some("events/0000000007.seg: no space left".to_string());
        let expected = "failed: events/0000000007.seg: no space left";
        assert_eq!(line(Journal { failure, ..well }), expected);
    }

    #[test]
    fn a_daemon_that_has_seen_nothing_has_a_frame_too() {
        expect![[r#"
            tapewatch   up 00:00:00

            ┌flow──────────────────────────────────────────────────────────────────────────────────────────────┐
            │messages                   0                   0/s                                                │
            │events                     0                   0/s                                                │
            │bytes                    0 B                 0 B/s                                                │
            │waits                      0     the ring was full                      ring 0 of 0               │
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
            ┌latency in ns since the start, 1 event in 0───────────────────────────────────────────────────────┐
            │stage                 count         p50         p90        p99       p99.9      p99.99         max│
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
            ┌counts────────────────────────────────────────────────────────────────────────────────────────────┐
            │gaps      0, unknown messages 0                                                                   │
            │faults    none                                                                                    │
            │alerts    none                                                                                    │
            │signals   none                                                                                    │
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
            ┌latest alerts─────────────────────────────────────────────────────────────────────────────────────┐
            │                                                                                                  │
            └──────────────────────────────────────────────────────────────────────────────────────────────────┘
        "#]].assert_eq(&once(&Status::default()));
    }

    #[test]
    fn no_size_is_too_small() {
        let status = status();
        for (width, height) in [(0, 0), (1, 1), (20, 3), (40, 12), (300, 100)] {
            let area = Rect::new(0, 0, width, height);
            let frame = Frame::new(&status, &[1.0, 2.0], Shown::LastInterval, Some("gone"));
            (&frame).render(area, &mut Buffer::empty(area));
        }
    }
}
