//! What the terminal at standard output can show, and pictures made of letters.

use crate::output::Thousands;
use hdrhistogram::Histogram;
use ratatui::crossterm::terminal::size;
use std::env;
use std::fmt::{self, Write};
use std::io::{IsTerminal, stdout};

/// How pictures are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) colours: bool,
    /// Whether more than ASCII is understood.
    pub(crate) unicode: bool,
}

impl Canvas {
    /// What standard output takes: colours and its own width if it is a terminal, blocks and `µ` if the
    /// locale says that it understands them.
    pub(crate) fn of_stdout() -> Self {
        let terminal = stdout().is_terminal();
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let told = set("COLUMNS").and_then(|columns| columns.parse().ok());
        let asked = || size().ok().filter(|_| terminal).map(|(width, _)| width.into());
        let plain = set("TERM").is_some_and(|term| term == "dumb");
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
        let locale = locale.unwrap_or_default().to_uppercase();
        Self {
            width: told.or_else(asked).unwrap_or(80).clamp(40, 240),
            colours: terminal && !plain && set("NO_COLOR").is_none(),
            unicode: !plain && (locale.contains("UTF-8") || locale.contains("UTF8")),
        }
    }

    /// The text in a colour of the terminal (31 is red, 32 green, 36 cyan).
    pub(crate) fn paint(self, colour: u8, text: &str) -> String {
        if self.colours && !text.is_empty() {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }

    /// A bar of so much of `width`.
    fn bar(self, share: f64, width: usize) -> String {
        const EIGHTHS: [char; 8] = ['█', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
        if !self.unicode {
            // What is there at all is seen.
            let whole = (share * width as f64).round().max(1.0) as usize;
            return "#".repeat(whole.min(width));
        }
        let eighths = ((share * width as f64 * 8.0).round().max(1.0) as usize).min(width * 8);
        let mut bar = "█".repeat(eighths / 8);
        if !eighths.is_multiple_of(8) {
            bar.push(EIGHTHS[eighths % 8]);
        }
        bar
    }
}

/// A time as people say it, in the largest unit that leaves a whole number or three digits.
#[derive(Clone, Copy)]
pub(crate) struct Spoken {
    pub(crate) nanos: u64,
    pub(crate) unicode: bool,
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micro = if self.unicode { "µs" } else { "us" };
        let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, micro)];
        let unit = units.into_iter().find(|(size, _)| self.nanos >= *size);
        let (size, unit) = unit.unwrap_or((1, "ns"));
        let number = self.nanos as f64 / size as f64;
        let decimals = match self.nanos {
            nanos if nanos % size == 0 || number >= 100.0 => 0,
            _ if number >= 10.0 => 1,
            _ => 2,
        };
        f.pad(&format!("{number:.decimals$} {unit}"))
    }
}

/// The steps of a histogram that is shown: 1, 2 and 5 of each power of ten, or only the powers if there
/// were too many.
fn edges(min: u64, max: u64) -> Vec<u64> {
    const ROWS_MAX: usize = 20;
    let series = |steps: &[u64]| -> Vec<u64> {
        let powers = (0..20).map(|power| 10_u64.pow(power));
        let all: Vec<u64> = powers
            .flat_map(|power| steps.iter().filter_map(move |s| power.checked_mul(*s)))
            .collect();
        let first = all.partition_point(|edge| *edge <= min).saturating_sub(1);
        let last = all.partition_point(|edge| *edge <= max);
        all[first..(last + 1).min(all.len())].to_vec()
    };
    let fine = series(&[1, 2, 5]);
    if fine.len() <= ROWS_MAX + 1 { fine } else { series(&[1]) }
}

/// A histogram as bars. A value counts `unit` nanoseconds.
pub(crate) fn bars(of: &Histogram<u64>, unit: u64, canvas: Canvas) -> String {
    let total = of.len();
    let nanos = |value: u64| value.saturating_mul(unit);
    let edges = edges(nanos(of.min()), nanos(of.max()));
    let mut counts = vec![0_u64; edges.len()];
    for step in of.iter_recorded() {
        let row = edges.partition_point(|edge| *edge <= nanos(step.value_iterated_to()));
        counts[row.saturating_sub(1)] += step.count_at_value();
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let (label, figures) = (22, 36);
    let room = canvas.width.saturating_sub(label + figures).max(8);
    let mut shown = String::new();
    let mut below = 0;
    let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    let first = counts.iter().position(|count| *count > 0).unwrap_or(0);
    for (row, &count) in counts.iter().enumerate().take(last + 1).skip(first) {
        below += count;
        let spoken = |nanos| Spoken { nanos, unicode: canvas.unicode };
        let from = spoken(edges[row]);
        let dash = if canvas.unicode { "–" } else { "-" };
        let range = match edges.get(row + 1) {
            Some(&to) => format!("{from} {dash} {}", spoken(to)),
            None => format!("{from} {dash}"),
        };
        let bar = if count == 0 { String::new() } else { canvas.bar(count as f64 / most, room) };
        let blank = " ".repeat(room - bar.chars().count());
        let share = |part: u64| part as f64 * 100.0 / total.max(1) as f64;
        writeln!(
            shown,
            "  {range:>19} {}{blank}{:>15}{:>9.3} %{:>8.3} %",
            canvas.paint(36, &bar),
            Thousands(count),
            share(count),
            // Only all of them are all of them.
            if below == total { 100.0 } else { share(below).min(99.999) },
        )
        .expect("a string takes everything");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn some() -> Histogram<u64> {
        let mut some = Histogram::new(3).unwrap();
        for (value, count) in [(0, 1), (120, 50_000), (180, 30_000), (420, 19_000), (70_000, 3)] {
            some.record_n(value, count).unwrap();
        }
        some
    }

    /// With a line that is not indented, so that the others keep their blanks.
    fn shown(of: &Histogram<u64>, unit: u64, canvas: Canvas) -> String {
        format!("bars\n{}", bars(of, unit, canvas))
    }

    #[test]
    fn bars_are_as_long_as_there_are_values() {
        let mut few = some();
        few.subtract(&{
            let mut zero = Histogram::<u64>::new(3).unwrap();
            zero.record(0).unwrap();
            zero
        })
        .unwrap();
        let canvas = Canvas { width: 80, colours: false, unicode: true };
        expect![[r#"
            bars
                  100 ns – 200 ns ██████████████████████         80,000   80.806 %  80.806 %
                  200 ns – 500 ns █████▎                         19,000   19.191 %  99.997 %
                    500 ns – 1 µs                                     0    0.000 %  99.997 %
                      1 µs – 2 µs                                     0    0.000 %  99.997 %
                      2 µs – 5 µs                                     0    0.000 %  99.997 %
                     5 µs – 10 µs                                     0    0.000 %  99.997 %
                    10 µs – 20 µs                                     0    0.000 %  99.997 %
                    20 µs – 50 µs                                     0    0.000 %  99.997 %
                   50 µs – 100 µs ▏                                   3    0.003 % 100.000 %
        "#]]
        .assert_eq(&shown(&few, 1, canvas));
        let canvas = Canvas { width: 70, colours: false, unicode: false };
        expect![[r#"
            bars
                  100 us - 200 us ############         80,000   80.806 %  80.806 %
                  200 us - 500 us ###                  19,000   19.191 %  99.997 %
                    500 us - 1 ms                           0    0.000 %  99.997 %
                      1 ms - 2 ms                           0    0.000 %  99.997 %
                      2 ms - 5 ms                           0    0.000 %  99.997 %
                     5 ms - 10 ms                           0    0.000 %  99.997 %
                    10 ms - 20 ms                           0    0.000 %  99.997 %
                    20 ms - 50 ms                           0    0.000 %  99.997 %
                   50 ms - 100 ms #                         3    0.003 % 100.000 %
        "#]]
        .assert_eq(&shown(&few, 1000, canvas));
    }

    #[test]
    fn a_wide_range_is_shown_by_powers_of_ten() {
        let canvas = Canvas { width: 40, colours: true, unicode: false };
        let mut wide = some();
        wide.auto(true);
        wide.record(60_000_000_000).unwrap();
        expect![[r#"
            bars
                     1 ns - 10 ns [36m#[0m                     1    0.001 %   0.001 %
                   10 ns - 100 ns                       0    0.000 %   0.001 %
                    100 ns - 1 us [36m########[0m         99,000   99.995 %  99.996 %
                     1 us - 10 us                       0    0.000 %  99.996 %
                   10 us - 100 us [36m#[0m                     3    0.003 %  99.999 %
                    100 us - 1 ms                       0    0.000 %  99.999 %
                     1 ms - 10 ms                       0    0.000 %  99.999 %
                   10 ms - 100 ms                       0    0.000 %  99.999 %
                     100 ms - 1 s                       0    0.000 %  99.999 %
                       1 s - 10 s                       0    0.000 %  99.999 %
                     10 s - 100 s [36m#[0m                     1    0.001 % 100.000 %
        "#]]
        .assert_eq(&shown(&wide, 1, canvas));
    }

    #[test]
    fn the_largest_time_there_is_has_a_row() {
        let mut largest = Histogram::<u64>::new(1).unwrap();
        largest.record(u64::MAX).unwrap();
        let canvas = Canvas { width: 60, colours: false, unicode: false };
        assert_eq!(bars(&largest, 1_000_000_000, canvas).lines().count(), 1);
        assert_eq!(bars(&Histogram::new(3).unwrap(), 1, canvas).lines().count(), 1);
    }

    #[test]
    fn times_are_spoken_in_their_unit() {
        let spoken = |nanos| Spoken { nanos, unicode: true }.to_string();
        for (nanos, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1000, "1 µs"),
            (1234, "1.23 µs"),
            (50_000, "50 µs"),
            (12_345_678, "12.3 ms"),
            (123_456_789, "123 ms"),
            (60_000_000_000, "60 s"),
        ] {
            assert_eq!(spoken(nanos), text);
        }
    }
}
