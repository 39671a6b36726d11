//! Standard output and standard error, whoever listens at their other end; and how numbers and times
//! are shown to people.

use crate::failure::Failure;
use anyhow::Context;
use engine_event::{Decimal, Nanos};
use std::fmt::{self, Display};
use std::io::{self, ErrorKind, Write};

/// Writes onto standard output. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output").map_err(Failure::from),
    }
}

/// Writes onto standard error; if that does not work, there is nobody left to tell.
pub(crate) fn tell(text: impl Display) {
    let _ = write!(io::stderr().lock(), "{text}");
}

/// A whole number with its thousands apart: `1,234,567`.
pub(crate) struct Thousands(pub(crate) u64);

impl Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::with_capacity(digits.len() * 4 / 3);
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

/// Bytes as people compare them: `931 B`, `2.2 MiB`.
pub(crate) struct Bytes(pub(crate) u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut size = self.0 as f64 / 1024.0;
        let mut unit = 0;
        while size >= 1024.0 && unit + 1 < UNITS.len() {
            size /= 1024.0;
            unit += 1;
        }
        write!(f, "{size:.1} {}", UNITS[unit])
    }
}

/// A decimal of up to 128 bits: sums and products of prices and quantities.
pub(crate) struct Wide {
    pub(crate) units: i128,
    pub(crate) scale: u32,
}

impl Wide {
    /// A sum of quantities; more than any sum can be is the most that there is.
    pub(crate) fn sum(units: u128, scale: u32) -> Self {
        Self { units: i128::try_from(units).unwrap_or(i128::MAX), scale }
    }
}

impl Display for Wide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = self.units.unsigned_abs().to_string();
        let scale = self.scale as usize;
        if scale > 0 {
            digits = format!("{digits:0>width$}", width = scale + 1);
            digits.insert(digits.len() - scale, '.');
        }
        let sign = if self.units < 0 { "-" } else { "" };
        f.pad(&format!("{sign}{digits}"))
    }
}

/// A decimal without the zeros at its end, and so as exact.
pub(crate) struct Short(pub(crate) Decimal);

impl Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decimal { mut units, mut scale } = self.0;
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        Decimal { units, scale }.fmt(f)
    }
}

/// A time as date and time of day, UTC: `2024-01-02 09:30:00.036562500`.
pub(crate) struct Moment(pub(crate) Nanos);

impl Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECOND: u64 = 1_000_000_000;
        let (seconds, nanos) = (self.0.0 / SECOND, self.0.0 % SECOND);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date_of(days);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let second = second % 60;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{nanos:09}")
    }
}

/// Year, month and day of so many days after the epoch: the calendar counted in years from March, in
/// which the leap day comes last (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_write_them() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(Thousands(number).to_string(), text);
        }
        assert_eq!(format!("{:>7}", Thousands(1000)), "  1,000");
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (2_315_500, "2.2 MiB")] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        for (units, scale, text) in
            [(4_354_000, 5, "43.54"), (100, 2, "1"), (0, 8, "0"), (70, 0, "70")]
        {
            assert_eq!(Short(Decimal { units, scale }).to_string(), text);
        }
    }

    #[test]
    fn times_are_shown_with_their_date() {
        let text = |seconds: u64| Moment(Nanos(seconds * 1_000_000_000 + 7)).to_string();
        assert_eq!(text(0), "1970-01-01 00:00:00.000000007");
        assert_eq!(text(951_782_399), "2000-02-28 23:59:59.000000007");
        assert_eq!(text(951_782_400), "2000-02-29 00:00:00.000000007");
        assert_eq!(text(1_704_187_800), "2024-01-02 09:30:00.000000007");
        assert_eq!(text(4_107_542_400), "2100-03-01 00:00:00.000000007");
        for day in (0..80_000).step_by(13) {
            let (year, month, date) = date_of(day);
            let again = feeds::options::midnight_of(year as u32, month as u32, date as u32);
            assert_eq!(again, Some(Nanos::from_secs(day * 86_400)));
        }
    }
}
