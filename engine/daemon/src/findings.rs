//! Findings as text: one JSON object a line. Here ids become names and units become decimals.

mod evidence;
mod last;

use engine_assembly::{Outlet, Roll};
use engine_event::{Directory, Nanos};
use engine_observer::{Alert, Finding, Found, Signal, Unit};
use engine_ring::spsc;
use last::{Known, Last, Look};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};

/// What a place for findings wants to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    Everything,
    Alerts,
}

/// JSON lines into a file or onto standard output.
pub(crate) struct JsonLines<W: Write> {
    to: W,
    wanted: Wanted,
    name: PathBuf,
    /// What is there already, until it was found again.
    known: Option<Known>,
}

impl JsonLines<BufWriter<File>> {
    /// Into a file, which begins anew.
    pub(crate) fn create(path: &Path, wanted: Wanted) -> io::Result<Self> {
        let file = File::create(path).map_err(|error| named(path, &error))?;
        Ok(Self::of(file, wanted, path, None))
    }

    /// Behind what an earlier run has written into it. What was found of these events comes again.
    pub(crate) fn resume(
        path: &Path,
        wanted: Wanted,
        (after, end): (u64, u64),
    ) -> io::Result<Self> {
        let last = Last::of(path).map_err(|error| named(path, &error))?;
        let file = last.open(path).map_err(|error| named(path, &error))?;
        Ok(Self::of(file, wanted, path, last.known((after, end))))
    }

    fn of(file: File, wanted: Wanted, path: &Path, known: Option<Known>) -> Self {
        Self { to: BufWriter::with_capacity(1 << 18, file), wanted, name: path.into(), known }
    }
}

impl JsonLines<BufWriter<io::Stdout>> {
    pub(crate) fn stdout(wanted: Wanted) -> Self {
        Self {
            to: BufWriter::with_capacity(1 << 16, io::stdout()),
            wanted,
            name: "standard output".into(),
            known: None,
        }
    }
}

/// An error that says which file it is about.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl<W: Write + Send> Outlet for JsonLines<W> {
    fn take(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        if self.wanted == Wanted::Alerts && alert.is_none() {
            return Ok(());
        }
        if let Some(known) = &mut self.known {
            match known.look(finding, alert, roll)? {
                Look::There => return Ok(()),
                Look::LastThere => {
                    self.known = None;
                    return Ok(());
                }
                Look::New => self.known = None,
            }
        }
        write(&mut self.to, finding, alert, roll)
            .and_then(|()| self.to.write_all(b"\n"))
            .map_err(|error| named(&self.name, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush().map_err(|error| named(&self.name, &error))
    }

    fn wants_signals(&self) -> bool {
        self.wanted == Wanted::Everything
    }
}

/// Writes a finding as JSON.
pub(crate) fn write(
    to: &mut impl Write,
    finding: &Finding,
    alert: Option<&Alert>,
    roll: &mut Roll,
) -> io::Result<()> {
    let line = Line { finding, alert, names: roll.call() };
    serde_json::to_writer(to, &line).map_err(io::Error::from)
}

/// An alert as [`write()`] writes it, with these names.
pub(crate) fn text(finding: &Finding, alert: &Alert, names: &Directory) -> String {
    let line = Line { finding, alert: Some(alert), names };
    serde_json::to_string(&line).expect("an alert is numbers, names and words")
}

/// Says nothing of findings up to an event, which somebody was told of before.
pub(crate) struct After<O>(pub(crate) u64, pub(crate) O);

impl<O: Outlet> Outlet for After<O> {
    fn take(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        if finding.place.seq <= self.0 {
            return Ok(());
        }
        self.1.take(finding, alert, roll)
    }

    fn provisional(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        if finding.place.seq <= self.0 {
            return Ok(());
        }
        self.1.provisional(finding, alert, roll)
    }

    fn wants_provisional(&self) -> bool {
        self.1.wants_provisional()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }

    fn wants_signals(&self) -> bool {
        self.1.wants_signals()
    }
}

/// Shows alerts to who looks into a running daemon: the latest ones, while there is room on their way.
pub(crate) struct Shown {
    to: spsc::Producer<String>,
    left_out: Arc<AtomicU64>,
}

/// The other end of [`Shown`].
pub(crate) struct Recent {
    pub(crate) alerts: spsc::Consumer<String>,
    /// Alerts that found no room.
    pub(crate) left_out: Arc<AtomicU64>,
}

/// A way for so many alerts.
pub(crate) fn recent(alerts: usize) -> (Shown, Recent) {
    let (to, from) = spsc(alerts);
    let left_out = Arc::new(AtomicU64::new(0));
    (Shown { to, left_out: left_out.clone() }, Recent { alerts: from, left_out })
}

impl Outlet for Shown {
    fn take(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        if alert.is_none() {
            return Ok(());
        }
        // Asked first: a text that has no place is not made.
        let line = self.to.has_room(1).then(|| Line { finding, alert, names: roll.call() });
        let text = line.map(|line| serde_json::to_string(&line)).transpose()?;
        let shown = text.is_some_and(|text| self.to.push(text).is_ok());
        self.left_out.fetch_add(u64::from(!shown), Relaxed);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn wants_signals(&self) -> bool {
        false
    }
}

/// Several places at once; none is a place, too.
#[derive(Default)]
pub(crate) struct Outlets {
    outlets: Vec<Box<dyn Outlet>>,
    delivered: Arc<Delivered>,
    final_up_to: u64,
}

/// How far all findings are where they belong: for checkpoints, behind which nothing is found again.
#[derive(Default, Debug)]
pub(crate) struct Delivered {
    /// Findings of events before this one have been written, as far as the kernel is concerned.
    next: AtomicU64,
    wanted: AtomicBool,
}

impl Delivered {
    /// Findings of events before this one have been written.
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Acquire) // partner: flush
    }

    /// Asks for what is held back to be written soon.
    pub(crate) fn want(&self) {
        self.wanted.store(true, Relaxed);
    }
}

impl Outlets {
    pub(crate) fn of(outlets: Vec<Box<dyn Outlet>>) -> Self {
        Self { outlets, ..Self::default() }
    }

    pub(crate) fn delivered(&self) -> Arc<Delivered> {
        self.delivered.clone()
    }
}

impl Outlet for Outlets {
    fn take(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        self.outlets.iter_mut().try_for_each(|outlet| outlet.take(finding, alert, roll))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.outlets.iter_mut().try_for_each(Outlet::flush)?;
        self.delivered.next.store(self.final_up_to, Release); // partner: Delivered::next
        Ok(())
    }

    fn provisional(
        &mut self,
        finding: &Finding,
        alert: Option<&Alert>,
        roll: &mut Roll,
    ) -> io::Result<()> {
        self.outlets.iter_mut().try_for_each(|outlet| outlet.provisional(finding, alert, roll))
    }

    fn final_up_to(&mut self, next: u64) -> io::Result<()> {
        self.final_up_to = next;
        self.outlets.iter_mut().try_for_each(|outlet| outlet.final_up_to(next))
    }

    fn wants_signals(&self) -> bool {
        self.outlets.iter().any(Outlet::wants_signals)
    }

    fn wants_provisional(&self) -> bool {
        self.outlets.iter().any(Outlet::wants_provisional)
    }

    fn turn(&mut self, now: Nanos) -> io::Result<()> {
        self.outlets.iter_mut().try_for_each(|outlet| outlet.turn(now))?;
        if self.delivered.wanted.swap(false, Relaxed) {
            self.flush()?;
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<bool> {
        // Each of them is asked until it is closed, even if another cannot be.
        let (mut is_closed, mut failed) = (true, None);
        for outlet in &mut self.outlets {
            match outlet.close() {
                Ok(closed) => is_closed &= closed,
                Err(error) => _ = failed.get_or_insert(error),
            }
        }
        match failed.filter(|_| is_closed) {
            Some(error) => Err(error),
            None => Ok(is_closed),
        }
    }
}

/// A finding with the names that it needs.
struct Line<'a> {
    finding: &'a Finding,
    alert: Option<&'a Alert>,
    names: &'a Directory,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        match (&self.finding.found, self.alert) {
            (Found::Signal(signal), _) => self.signal(signal, &mut map)?,
            (Found::Alert, Some(alert)) => self.alert(alert, &mut map)?,
            (Found::Alert, None) => {}
        }
        map.end()
    }
}

impl Line<'_> {
    fn signal<M: SerializeMap>(&self, signal: &Signal, map: &mut M) -> Result<(), M::Error> {
        let subject = self.finding.place.subject;
        map.serialize_entry("kind", "signal")?;
        map.serialize_entry("name", signal.name)?;
        map.serialize_entry("subject", self.names.name(subject))?;
        if let Unit::Metric(metric) = signal.unit {
            map.serialize_entry("metric", self.names.metrics.name(metric).unwrap_or("?"))?;
        }
        map.serialize_entry("at", &self.finding.at.0)?;
        map.serialize_entry("seq", &self.finding.place.seq)?;
        map.serialize_entry("value", &self.in_units(signal))
    }

    /// Prices are found in the subject's units and shown as people write them.
    fn in_units(&self, signal: &Signal) -> f64 {
        let scale =
            self.names.definition(self.finding.place.subject).map_or(0, |of| of.price_scale);
        match signal.unit {
            Unit::Price => signal.value / 10f64.powi(i32::from(scale)),
            Unit::Plain | Unit::Metric(_) => signal.value,
        }
    }

    fn alert<M: SerializeMap>(&self, alert: &Alert, map: &mut M) -> Result<(), M::Error> {
        let place = &self.finding.place;
        let who =
            alert.participants.iter().map(|who| self.names.participants.name(*who).unwrap_or("?"));
        map.serialize_entry("kind", "alert")?;
        map.serialize_entry("pattern", alert.pattern)?;
        map.serialize_entry("id", &format_args!("{:016x}", alert.id(place)))?;
        map.serialize_entry("subject", self.names.name(place.subject))?;
        map.serialize_entry("venue", self.names.venue(place.subject))?;
        map.serialize_entry("participants", &who.collect::<Vec<_>>())?;
        map.serialize_entry("first_seq", &alert.first_seq)?;
        map.serialize_entry("last_seq", &alert.last_seq)?;
        map.serialize_entry("first_event_at", &alert.first_event_at.0)?;
        map.serialize_entry("last_event_at", &alert.last_event_at.0)?;
        map.serialize_entry("raised_at", &self.finding.at.0)?;
        map.serialize_entry("seq", &place.seq)?;
        map.serialize_entry("score", &alert.score)?;
        map.serialize_entry("severity", alert.severity.word())?;
        map.serialize_entry("degraded", &alert.degraded.words().collect::<Vec<_>>())?;
        map.serialize_entry("episodes", &alert.episodes)?;
        map.serialize_entry("features", &evidence::Features(alert))?;
        evidence::tell(alert, (place.subject, place.seq), self.names, map)?;
        map.serialize_entry("parameters", &format_args!("{:016x}", alert.parameters))
    }
}
