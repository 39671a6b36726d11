//! `mean_threshold`: a device's mean reading is out of bounds, or out of its own ordinary.
//!
//! **What.** For each device and metric, the mean of all readings in windows that follow one another,
//! aligned to the epoch. Each window that closes gives a signal `mean` of its metric; windows without a
//! reading give none. A mean is *outside* when it is below [`low`](MeanThreshold::low) or above
//! [`high`](MeanThreshold::high), where those are set, or when it is at least
//! [`z_max`](MeanThreshold::z_max) standard deviations away from the earlier means of the same metric of
//! the same device, once there are [`windows_min`](MeanThreshold::windows_min) of those. So it works
//! without knowing units. An alert is raised at the 1st, 3rd, 10th and 30th window that is outside
//! without one inside between; `episodes` counts them.
//!
//! **Bounds hold for every metric.** Metrics are ids here, and bounds are in a metric's unit: set `low`
//! and `high` only where all devices tell one metric (or metrics of one range), else leave it to `z_max`.
//!
//! **Learning.** A mean that is outside is learned from as if it stood at the edge of the ordinary: one
//! outlier moves little, a lasting shift is the new ordinary after a while.
//!
//! **Score.** 60 at a threshold, 100 at two thirds beyond it, measured from the middle of the ordinary:
//! the usual mean, the centre between two bounds, or, of a lone bound, as far within as the bound is
//! from 0. What did not fire has no weight.
//!
//! **Source.** Shewhart's control chart for means (1931), with exponentially fading history.
//!
//! **Late values.** A window closes [`lateness_s`](MeanThreshold::lateness_s) after its end in event time,
//! or when the stream ends; what comes for it later is counted as a `late` fault and changes nothing.
//!
//! **Degraded.** `gap`: messages were missing since the window began.
//!
//! **Known false positives.** Quantities with a daily course steeper than the history fades; devices that
//! are switched on and off; counters that only grow. **Known misses.** What averages out within a window;
//! slow drift, which becomes the ordinary.

use crate::baseline::Baseline;
use crate::window::Mark;
use engine_observer::event::body::Reading;
use engine_observer::event::{
    Fault, Kind, MetricId, Nanos, Reader, Snapshot, SnapshotError, Writer,
};
use engine_observer::idea::{Idea, Invalid, within};
use engine_observer::stream::{Aggregate, Late, Mean, Tumbling, Window};
use engine_observer::{
    Alert, Degraded, Feature, Features, Interest, Observer, Outbox, Parameters, Severity, View,
};
use serde::Deserialize;
use std::collections::VecDeque;

/// The detector; the fields are the parameters. All defaults are judgement, to be calibrated.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeanThreshold {
    /// Width of a window, in seconds. 60; 1 to 86,400.
    pub window_s: u64,
    /// How long a window waits for late values after its end, in seconds. 0; 0 to 3,600.
    pub lateness_s: u64,
    /// Means below this are outside, in the metric's unit. Not set.
    pub low: Option<f64>,
    /// Means above this are outside, in the metric's unit. Not set.
    pub high: Option<f64>,
    /// Standard deviations from the usual mean that are outside. 6; 0.5 to 1,000,000.
    pub z_max: f64,
    /// Earlier windows of the metric before `z_max` counts. 10; 2 to 100,000.
    pub windows_min: u32,
    /// How many windows the usual mean remembers. 1,440; 10 to 1,000,000.
    pub usual_span_windows: f64,
    /// The standard deviation is taken to be at least this share of the usual mean, so that a sensor
    /// that always says the same may once say a little else. 0.001; 0.000000001 to 1.
    pub sd_share_min: f64,
    /// Metrics of one device; readings of more are refused and counted as `evicted` faults. 64; 1 to
    /// 4,096.
    pub metrics_max: u32,
}

impl Default for MeanThreshold {
    fn default() -> Self {
        Self {
            window_s: 60,
            lateness_s: 0,
            low: None,
            high: None,
            z_max: 6.0,
            windows_min: 10,
            usual_span_windows: 1_440.0,
            sd_share_min: 0.001,
            metrics_max: 64,
        }
    }
}

/// Values beyond this are no measurements, and their squares would not be numbers.
const VALUE_MAX: f64 = 1e100;
/// An alert is raised at these numbers of windows outside.
const RAISED_AT: [u32; 4] = [1, 3, 10, 30];
/// The strength of a feature that stands exactly at its threshold.
const AT_THRESHOLD: f64 = 0.6;

impl Idea for MeanThreshold {
    const NAME: &'static str = "mean_threshold";

    fn validate(&self) -> Result<(), Invalid> {
        within("window_s", self.window_s, 1..=86_400)?;
        within("lateness_s", self.lateness_s, 0..=3_600)?;
        below("low", self.low, self.high)?;
        below("high", self.high, None)?;
        within("z_max", self.z_max, 0.5..=1_000_000.0)?;
        within("windows_min", self.windows_min, 2..=100_000)?;
        within("usual_span_windows", self.usual_span_windows, 10.0..=1_000_000.0)?;
        within("sd_share_min", self.sd_share_min, 1e-9..=1.0)?;
        within("metrics_max", self.metrics_max, 1..=4_096)
    }
}

/// Refuses a bound that is no measurement, or not below the other one.
fn below(name: &'static str, bound: Option<f64>, other: Option<f64>) -> Result<(), Invalid> {
    let fits = |bound: f64| bound.abs() <= VALUE_MAX && other.is_none_or(|other| bound < other);
    match bound.filter(|bound| !fits(*bound)) {
        None => Ok(()),
        Some(bound) => {
            let wanted = other.map_or("a number".to_string(), |other| format!("less than {other}"));
            Err(Invalid { name, value: bound.to_string(), wanted })
        }
    }
}

/// What is known about one device.
pub struct Device {
    width: Nanos,
    lateness: Nanos,
    /// In the order in which they came.
    metrics: Vec<Metric>,
    gap_at: Option<Nanos>,
}

/// One of its metrics.
struct Metric {
    id: MetricId,
    windows: Tumbling<Mean>,
    /// Where the evidence of each open window lies, earliest window first.
    spans: VecDeque<Span>,
    usual: Baseline,
    /// Windows that `usual` has learned from.
    learned: u32,
    /// Windows outside, since one was not.
    outside: u32,
}

/// The first and the last reading of a window.
#[derive(Clone, Copy)]
struct Span {
    window: Nanos,
    first: Mark,
    last: Mark,
}

impl Observer for MeanThreshold {
    type Memory = Device;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn interest(&self) -> Interest {
        Interest::in_kinds(&[Kind::Reading, Kind::Gap, Kind::End])
    }

    fn parameters(&self, to: &mut Parameters) {
        to.set("window_s", self.window_s);
        to.set("lateness_s", self.lateness_s);
        to.set("low", self.low.map_or("none".to_string(), |low| low.to_string()));
        to.set("high", self.high.map_or("none".to_string(), |high| high.to_string()));
        to.set("z_max", self.z_max);
        to.set("windows_min", self.windows_min);
        to.set("usual_span_windows", self.usual_span_windows);
        to.set("sd_share_min", self.sd_share_min);
        to.set("metrics_max", self.metrics_max);
    }

    fn remember(&self) -> Device {
        let (width, lateness) =
            (Nanos::from_secs(self.window_s), Nanos::from_secs(self.lateness_s));
        Device { width, lateness, metrics: Vec::new(), gap_at: None }
    }

    fn observe(&self, device: &mut Device, view: &View<'_>, out: &mut Outbox) {
        match view.event.kind() {
            Kind::Gap => device.gap_at = Some(view.now),
            Kind::End => self.close(device, Nanos::END, out),
            _ => self.take(device, view, out),
        }
    }

    fn on_time(&self, device: &mut Device, due: Nanos, out: &mut Outbox) {
        self.close(device, due, out);
        if let Some(next) = device.metrics.iter().filter_map(|metric| metric.windows.due()).min() {
            out.wake_at(next);
        }
    }
}

impl MeanThreshold {
    fn take(&self, device: &mut Device, view: &View<'_>, out: &mut Outbox) {
        let reading: Reading = view.event.body();
        let mark = Mark { seq: view.event.seq, at: view.event.event_at };
        if reading.value.is_nan() || reading.value.abs() > VALUE_MAX {
            return out.fault(Fault::OutOfRange);
        }
        let start = Nanos(mark.at.0 - mark.at.0 % device.width.0.max(1));
        let Some(metric) = device.find_or_begin(reading.metric, self.metrics_max) else {
            return out.fault(Fault::Evicted);
        };
        if metric.take(start, mark, reading.value).is_err() {
            return out.fault(Fault::Late);
        }
        if let Some(due) = metric.windows.due() {
            out.wake_at(due);
        }
    }

    fn close(&self, device: &mut Device, due: Nanos, out: &mut Outbox) {
        for metric in &mut device.metrics {
            while let Some(window) = metric.windows.close(due) {
                let degraded =
                    Degraded::GAP.when(device.gap_at.is_some_and(|at| at >= window.start));
                self.tell(metric, &window, degraded, out);
            }
        }
    }

    fn tell(
        &self,
        metric: &mut Metric,
        window: &Window<Mean>,
        degraded: Degraded,
        out: &mut Outbox,
    ) {
        let span = metric.take_span(window.start);
        let Some((mean, span)) = window.aggregate.value().zip(span) else { return };
        out.metric("mean", metric.id, mean);
        let measured = self.measure(metric, mean);
        self.learn(metric, mean);
        metric.outside = if measured.fired { metric.outside.saturating_add(1) } else { 0 };
        if !RAISED_AT.contains(&metric.outside) {
            return;
        }
        let evidence = |name, value| Feature { name, value, low: 0.0, high: 1.0, weight: 0.0 };
        let features = measured
            .features
            .with(evidence("metric", f64::from(metric.id.0)))
            .with(evidence("values", window.aggregate.count() as f64));
        out.alert(Alert {
            first_seq: span.first.seq,
            last_seq: span.last.seq,
            first_event_at: span.first.at,
            last_event_at: span.last.at,
            score: features.score(),
            degraded,
            episodes: metric.outside,
            features,
            ..Alert::draft(severity(metric.outside, degraded))
        });
    }

    /// Holds a mean against the bounds and against what is usual.
    fn measure(&self, metric: &Metric, mean: f64) -> Measured {
        let mut measured = Measured { fired: false, features: Features::none() };
        if let Some(high) = self.high {
            let middle = self.low.map_or(high - one_if_zero(high), |low| (low + high) / 2.0);
            measured.add("mean_above", mean, middle, high, mean > high);
        }
        if let Some(low) = self.low {
            let middle = self.high.map_or(low + one_if_zero(low), |high| (low + high) / 2.0);
            measured.add("mean_below", mean, middle, low, mean < low);
        }
        if metric.learned >= self.windows_min {
            let z = (mean - metric.usual.mean()).abs() / self.sd(metric);
            measured.add("mean_z", z, 0.0, self.z_max, z >= self.z_max);
        }
        measured
    }

    fn learn(&self, metric: &mut Metric, mean: f64) {
        let (usual, reach) = (metric.usual.mean(), self.z_max * self.sd(metric));
        let known = metric.learned >= self.windows_min;
        let ordinary = if known { mean.clamp(usual - reach, usual + reach) } else { mean };
        metric.usual.take(ordinary, self.usual_span_windows);
        metric.learned = metric.learned.saturating_add(1);
    }

    fn sd(&self, metric: &Metric) -> f64 {
        let least = metric.usual.mean().abs() * self.sd_share_min;
        metric.usual.sd().max(least).max(1e-100)
    }
}

/// How far a lone bound's middle lies within it.
fn one_if_zero(bound: f64) -> f64 {
    if bound == 0.0 { 1.0 } else { bound.abs() }
}

/// Medium; graver from the third window on, less grave when something makes it uncertain.
fn severity(outside: u32, degraded: Degraded) -> Severity {
    let severity = if outside >= 3 { Severity::Medium.raised() } else { Severity::Medium };
    if degraded.is_none() { severity } else { severity.lowered() }
}

struct Measured {
    fired: bool,
    features: Features,
}

impl Measured {
    fn add(&mut self, name: &'static str, value: f64, middle: f64, threshold: f64, fired: bool) {
        let high = middle + (threshold - middle) / AT_THRESHOLD;
        let weight = if fired { 1.0 } else { 0.0 };
        self.features = self.features.with(Feature { name, value, low: middle, high, weight });
        self.fired |= fired;
    }
}

impl Device {
    fn find_or_begin(&mut self, id: MetricId, metrics_max: u32) -> Option<&mut Metric> {
        let place = match self.metrics.iter().position(|metric| metric.id == id) {
            Some(place) => place,
            None if self.metrics.len() >= metrics_max as usize => return None,
            None => {
                self.metrics.push(Metric::new(id, self.width, self.lateness));
                self.metrics.len() - 1
            }
        };
        self.metrics.get_mut(place)
    }
}

impl Metric {
    fn new(id: MetricId, width: Nanos, lateness: Nanos) -> Self {
        Self {
            id,
            windows: Tumbling::new(width, lateness),
            spans: VecDeque::with_capacity(2),
            usual: Baseline::new(),
            learned: 0,
            outside: 0,
        }
    }

    /// Puts a value into its window, and notes where it came from.
    fn take(&mut self, window: Nanos, mark: Mark, value: f64) -> Result<(), Late> {
        self.windows.take(mark.at, value)?;
        let place = self.spans.partition_point(|span| span.window < window);
        match self.spans.get_mut(place) {
            Some(span) if span.window == window => span.last = mark,
            _ => self.spans.insert(place, Span { window, first: mark, last: mark }),
        }
        Ok(())
    }

    /// The evidence of the earliest window, which is this one.
    fn take_span(&mut self, window: Nanos) -> Option<Span> {
        self.spans.pop_front().filter(|span| span.window == window)
    }
}

impl Snapshot for Device {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.bool(self.gap_at.is_some());
        to.u64(self.gap_at.map_or(0, |at| at.0));
        to.list(&self.metrics, |to, metric| {
            to.u32(metric.id.0);
            to.part(metric);
        });
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let gap = from.bool()?;
        self.gap_at = Some(Nanos(from.u64()?)).filter(|_| gap);
        self.metrics.clear();
        from.list(|from| {
            let mut metric = Metric::new(MetricId(from.u32()?), self.width, self.lateness);
            from.part(&mut metric)?;
            self.metrics.push(metric);
            Ok(())
        })
    }
}

impl Snapshot for Metric {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut Writer) {
        to.part(&self.windows);
        to.list(&self.spans, |to, span| {
            to.u64(span.window.0);
            span.first.save(to);
            span.last.save(to);
        });
        to.part(&self.usual);
        to.u32(self.learned);
        to.u32(self.outside);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(&mut self.windows)?;
        self.spans.clear();
        from.list(|from| {
            let window = Nanos(from.u64()?);
            let (first, last) = (Mark::load(from)?, Mark::load(from)?);
            self.spans.push_back(Span { window, first, last });
            Ok(())
        })?;
        from.part(&mut self.usual)?;
        self.learned = from.u32()?;
        self.outside = from.u32()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_observer::check::{Trial, survives_restarts};
    use engine_observer::event::body::{End, Gap};
    use engine_observer::event::{Event, SubjectId};
    use engine_observer::{Roster, Scope};
    use proptest::prelude::*;

    fn reading(device: u32, second: u64, metric: u32, value: f64) -> Event {
        let reading = Reading::new(MetricId(metric), value);
        Event::new(SubjectId(device), Nanos::from_secs(second), reading)
    }

    fn end() -> Event {
        Event::new(SubjectId::EVERY, Nanos(0), End::default())
    }

    fn found(idea: &MeanThreshold, events: impl IntoIterator<Item = Event>) -> Trial {
        let mut trial = Trial::new(&Roster::new().with(idea.clone()), Scope::Subject);
        trial.show(events);
        trial
    }

    /// One reading a minute.
    fn minutes(values: &[f64]) -> Vec<Event> {
        let at = |(minute, value): (usize, &f64)| reading(0, minute as u64 * 60, 7, *value);
        values.iter().enumerate().map(at).chain([end()]).collect()
    }

    /// Twenty minutes about 20, and what comes then.
    fn after_calm(then: &[f64]) -> Vec<Event> {
        let calm = (0..20).map(|minute| 20.0 + f64::from(minute % 3) * 0.1);
        minutes(&calm.chain(then.iter().copied()).collect::<Vec<_>>())
    }

    #[test]
    fn each_window_tells_its_mean_when_it_closes() {
        let events = [(0, 1.0), (30, 2.0), (59, 6.0), (61, 5.0)];
        let trial = found(
            &MeanThreshold::default(),
            events.map(|(second, value)| reading(0, second, 7, value)).into_iter().chain([end()]),
        );
        assert_eq!(trial.signals("mean"), [3.0, 5.0]);
        let times: Vec<u64> =
            trial.findings().iter().map(|(one, _)| one.at.0 / 1_000_000_000).collect();
        assert_eq!(times, [60, 61], "the second window closes with the stream");
    }

    #[test]
    fn devices_and_metrics_do_not_mix() {
        let events = [reading(0, 1, 7, 1.0), reading(1, 2, 7, 9.0), reading(0, 3, 8, 5.0), end()];
        assert_eq!(found(&MeanThreshold::default(), events).signals("mean"), [1.0, 5.0, 9.0]);
    }

    #[test]
    fn a_mean_beyond_a_bound_is_an_alert() {
        let idea = MeanThreshold { low: Some(10.0), high: Some(30.0), ..MeanThreshold::default() };
        let alerts = found(&idea, minutes(&[10.0, 30.0, 30.1])).alerts();
        assert_eq!(alerts.len(), 1, "a bound itself is inside");
        assert_eq!((alerts[0].first_seq, alerts[0].last_seq), (3, 3));
        assert!((60.0..61.0).contains(&alerts[0].score), "{}", alerts[0].score);
        let alerts = found(&idea, minutes(&[-10.0])).alerts();
        assert_eq!(alerts[0].score, 100.0);
    }

    #[test]
    fn a_lone_bound_works_about_zero_and_below() {
        for (bound, inside, outside) in [(0.0, -0.1, 0.1), (-5.0, -5.1, -4.9), (5.0, 4.9, 5.1)] {
            let idea = MeanThreshold { high: Some(bound), ..MeanThreshold::default() };
            let alerts = found(&idea, minutes(&[inside, outside])).alerts();
            assert_eq!(alerts.len(), 1);
            assert!((60.0..100.0).contains(&alerts[0].score), "{}", alerts[0].score);
        }
    }

    #[test]
    fn a_mean_out_of_the_ordinary_is_an_alert_without_any_bound() {
        let alerts = found(&MeanThreshold::default(), after_calm(&[24.0])).alerts();
        assert_eq!(alerts.len(), 1);
        assert_eq!((alerts[0].first_seq, alerts[0].score), (21, 100.0));
        assert!(alerts[0].degraded.is_none());
    }

    #[test]
    fn near_misses_are_none() {
        let alerts = |events| found(&MeanThreshold::default(), events).alerts().len();
        assert_eq!(alerts(after_calm(&[20.3, 19.9])), 0, "within the ordinary");
        assert_eq!(alerts(minutes(&[20.0, 20.1, 20.0, 20.1, 99.0])), 0, "too little history");
        assert_eq!(alerts(minutes(&[20.0; 50])), 0, "constant");
        let constant_but_one: Vec<f64> =
            (0..50).map(|i| if i == 30 { 20.05 } else { 20.0 }).collect();
        assert_eq!(alerts(minutes(&constant_but_one)), 0, "a sensor may once say a little else");
    }

    #[test]
    fn a_lasting_shift_is_told_now_and_then_and_becomes_ordinary() {
        let alerts = found(&MeanThreshold::default(), after_calm(&[40.0; 2_000])).alerts();
        let episodes: Vec<u32> = alerts.iter().map(|alert| alert.episodes).collect();
        assert!(episodes.starts_with(&[1, 3]) && episodes.len() <= 5, "{episodes:?}");
        assert_eq!(alerts[1].severity, Severity::High);
    }

    #[test]
    fn late_values_are_counted_and_change_nothing() {
        let events =
            [reading(0, 10, 7, 1.0), reading(0, 130, 7, 1.0), reading(0, 20, 7, 50.0), end()];
        let trial = found(&MeanThreshold::default(), events);
        assert_eq!(trial.signals("mean"), [1.0, 1.0]);
        assert_eq!(trial.outbox().faults().of(Fault::Late), 1);
        let patient = MeanThreshold { lateness_s: 120, ..MeanThreshold::default() };
        assert_eq!(found(&patient, events).signals("mean"), [25.5, 1.0]);
    }

    #[test]
    fn metrics_are_bounded() {
        let events = (0..100).map(|metric| reading(0, 1, metric, 1.0)).chain([end()]);
        let trial = found(&MeanThreshold::default(), events);
        assert_eq!(trial.signals("mean").len(), 64);
        assert_eq!(trial.outbox().faults().of(Fault::Evicted), 36);
    }

    #[test]
    fn a_gap_in_the_window_degrades() {
        let mut events = after_calm(&[24.0]);
        let gap = Gap::new(1, 1, Fault::Missing);
        events.insert(21, Event::new(SubjectId::EVERY, Nanos::from_secs(20 * 60 + 1), gap));
        let alerts = found(&MeanThreshold::default(), events).alerts();
        assert_eq!(alerts[0].degraded, Degraded::GAP);
        assert_eq!(alerts[0].severity, Severity::Low);
    }

    #[test]
    fn bounds_that_contradict_are_refused() {
        let check = |low, high| MeanThreshold { low, high, ..MeanThreshold::default() }.validate();
        assert_eq!(check(Some(1.0), Some(2.0)), Ok(()));
        let refused = check(Some(2.0), Some(2.0)).unwrap_err();
        assert_eq!(refused.to_string(), "low = 2, wanted less than 2");
        assert!(check(Some(f64::NAN), None).is_err() && check(None, Some(f64::INFINITY)).is_err());
    }

    proptest! {
        #[test]
        fn any_readings_survive_restarts(
            steps in prop::collection::vec((0..90_u64, 0..3_u32, 0..4_u32, any::<f64>()), 1..150),
            cuts in prop::collection::vec(any::<usize>(), 0..4),
        ) {
            let mut second = 100;
            let events: Vec<Event> = steps
                .into_iter()
                .map(|(step, device, metric, value)| {
                    second += step;
                    reading(device, second - step % 7 * 10, metric, value)
                })
                .chain([end()])
                .collect();
            let idea = MeanThreshold { windows_min: 2, lateness_s: 30, ..MeanThreshold::default() };
            survives_restarts(&Roster::new().with(idea), &events, &cuts);
        }
    }
}
