//! `[latency]`: where the latencies of each interval are written, and how long an interval is.

use super::{Written, Wrong, check};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// What is kept of latencies besides the summary.
#[derive(Debug)]
pub(crate) struct Latencies {
    pub(crate) hlog: Option<Hlog>,
    pub(crate) interval: Duration,
}

/// An interval log to be written.
#[derive(Debug)]
pub(crate) struct Hlog {
    pub(crate) path: PathBuf,
    /// Where in a configuration it stands, as `file:line:column`.
    pub(crate) place: Option<String>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { hlog: None, interval: Duration::from_secs(1) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    hlog: Option<Spanned<PathBuf>>,
    interval_ms: Option<Spanned<u64>>,
}

pub(super) fn latencies(table: Option<Table>, written: &Written<'_>) -> Result<Latencies, Wrong> {
    let Some(table) = table else { return Ok(Latencies::default()) };
    let mut latencies = Latencies::default();
    if let Some(interval) = table.interval_ms {
        let ms = *interval.get_ref();
        let fits = (10..=3_600_000).contains(&ms);
        check(fits, interval.span(), "interval_ms is a number from 10 to 3600000")?;
        latencies.interval = Duration::from_millis(ms);
    }
    latencies.hlog = table.hlog.map(|path| Hlog {
        place: Some(written.place(&path.span())),
        path: written.resolve(path.get_ref()),
    });
    Ok(latencies)
}
