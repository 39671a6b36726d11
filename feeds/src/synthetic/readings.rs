//! Devices' readings: noise around a daily swing, and a few excursions that are told to the caller.

use super::Random;
use std::io::{self, BufWriter, Write};

/// What is measured: the metric's name, its mean, its daily swing and its noise.
const METRICS: [(&str, f64, f64, f64); 4] = [
    ("temperature", 21.0, 4.0, 0.3),
    ("humidity", 45.0, 8.0, 1.0),
    ("rssi", -70.0, 2.0, 1.5),
    ("voltage", 3.6, 0.05, 0.01),
];

const DAY_NS: u64 = 86_400_000_000_000;

/// What the devices are to tell.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many lines.
    pub rows: u64,
    /// Everything follows from it.
    pub seed: u64,
    /// How many devices, at least 1.
    pub devices: u32,
    /// How many metrics each of them measures, 1 to 4.
    pub metrics: u32,
    /// The first reading's time, nanoseconds since the epoch.
    pub from: u64,
    /// The time between two readings of one metric of one device.
    pub every_ns: u64,
    /// How many excursions.
    pub excursions: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rows: 100_000,
            seed: 1,
            devices: 20,
            metrics: 4,
            from: 1_704_153_600_000_000_000, // 2024-01-02
            every_ns: 10_000_000_000,
            excursions: 3,
        }
    }
}

/// How a device went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Far off, at once.
    Jump,
    /// Further and further off.
    Drift,
    /// Always the same value.
    Stuck,
}

/// A device that went wrong for a while.
#[derive(Clone, PartialEq, Debug)]
pub struct Excursion {
    /// Which device.
    pub device: String,
    /// What it measured.
    pub metric: &'static str,
    /// The first wrong reading's time.
    pub from: u64,
    /// The time after the last one.
    pub until: u64,
    /// How.
    pub shape: Shape,
}

/// Writes readings to `out` and returns which of them are wrong.
pub fn generate(settings: Settings, out: impl Write) -> io::Result<Vec<Excursion>> {
    let mut random = Random::new(settings.seed);
    let mut out = BufWriter::new(out);
    writeln!(out, "{}", crate::codec::readings::HEADER)?;
    let (devices, metrics) =
        (u64::from(settings.devices.max(1)), u64::from(settings.metrics.clamp(1, 4)));
    let series = devices * metrics;
    let rounds = settings.rows.div_ceil(series);
    let excursions = excursions(&settings, devices, metrics, rounds, &mut random);
    for row in 0..settings.rows {
        let (round, place) = (row / series, row % series);
        let at = settings.from + round * settings.every_ns + place * settings.every_ns / series;
        let (device, metric) = (place / metrics, place % metrics);
        let (name, mean, swing, noise) = METRICS[metric as usize];
        let usual = mean + swing * daily(at) + noise * random.noise();
        let wrong = excursions.iter().find(|one| one.is(device, metric, round));
        let value = wrong.map_or(usual, |one| match one.shape {
            Shape::Jump => usual + 12.0 * noise.max(swing / 4.0),
            Shape::Drift => usual + (round - one.from + 1) as f64 * noise,
            Shape::Stuck => mean,
        });
        writeln!(out, "{at},device-{device:03},{name},{value:.3}")?;
    }
    out.flush()?;
    let label = |one: &Planned| Excursion {
        device: format!("device-{:03}", one.device),
        metric: METRICS[one.metric as usize].0,
        from: settings.from + one.from * settings.every_ns,
        until: settings.from + one.until * settings.every_ns,
        shape: one.shape,
    };
    Ok(excursions.iter().map(label).collect())
}

/// An excursion, from one round of readings up to another.
struct Planned {
    device: u64,
    metric: u64,
    from: u64,
    until: u64,
    shape: Shape,
}

impl Planned {
    fn is(&self, device: u64, metric: u64, round: u64) -> bool {
        (self.device, self.metric) == (device, metric) && (self.from..self.until).contains(&round)
    }
}

fn excursions(
    settings: &Settings,
    devices: u64,
    metrics: u64,
    rounds: u64,
    random: &mut Random,
) -> Vec<Planned> {
    let length = (rounds / 20).max(1);
    let count = u64::from(settings.excursions);
    let plan = |number: u64| {
        // Spread over the time after the first quarter, so that there is something to compare with.
        let from = rounds / 4 + number * (rounds - rounds / 4) / count.max(1);
        Planned {
            device: u64::from(random.below(devices as u32)),
            metric: u64::from(random.below(metrics as u32)),
            from,
            until: (from + length).min(rounds),
            shape: [Shape::Jump, Shape::Drift, Shape::Stuck][number as usize % 3],
        }
    };
    (0..count).map(plan).collect()
}

/// From −1 at midnight to 1 at noon and back: parabolas, which every machine computes alike.
fn daily(at: u64) -> f64 {
    let share = (at % DAY_NS) as f64 / DAY_NS as f64;
    8.0 * share * (1.0 - share) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Readings, testing::decode};
    use crate::{Format, Options, detect};

    #[test]
    fn readings_are_valid_and_excursions_labelled() {
        let mut bytes = Vec::new();
        let settings = Settings { rows: 4000, ..Settings::default() };
        let excursions = generate(settings, &mut bytes).unwrap();
        assert_eq!(excursions.len(), 3);
        assert!(excursions.iter().all(|one| one.from < one.until), "{excursions:?}");
        assert_eq!(detect(&bytes[..4096]), Some(Format::Readings));
        let strict = Options { strict: true, ..Options::default() };
        let decoded = decode(&mut Readings::new(&strict), &bytes);
        assert_eq!(decoded.error, None);
        assert_eq!(decoded.tally.messages, 4000);
        assert_eq!(decoded.names.metrics.len(), 4);
    }
}
