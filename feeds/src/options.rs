//! What whoever opens a feed may say about it, and what a file's name says.

use crate::Format;
use engine_event::Nanos;
use std::path::{Path, PathBuf};

/// How to read a feed. The default asks the content and keeps everything.
#[derive(Clone, Debug)]
pub struct Options {
    /// The format; told from the content if none is given.
    pub format: Option<Format>,
    /// Midnight of the session's day, for formats that give only the time of day. If none is given:
    /// the date in the file's name, else the day on which its first datagram was received, else the
    /// epoch's first day. Exchanges count from their own
    /// midnight; who merges such a feed with one in UTC gives that midnight in UTC.
    pub midnight: Option<Nanos>,
    /// The name of the only subject of a format that does not name it; if none is given, what stands
    /// in the file's name before the first `_`.
    pub subject: Option<String>,
    /// Keep only these subjects; their events only, and only their definitions.
    pub symbols: Option<Vec<String>>,
    /// End at the first fault instead of counting it and going on.
    pub strict: bool,
    /// Decimal places of a price where the format leaves it open (the tape), 0 to 18.
    pub price_scale: u8,
    /// Decimal places of a quantity where the format leaves it open (the tape), 0 to 18.
    pub quantity_scale: u8,
    /// The schema of an SBE format, as XML; our own if none is given.
    pub schema: Option<PathBuf>,
    /// Feed books by orders and not by levels, where a format tells both (MDP 3.0).
    pub by_order: bool,
    /// The most bytes that a compressed file may become.
    pub output_bytes_max: u64,
    /// The most that a compressed file may grow: output bytes for each input byte, looked at after
    /// the first 16 MiB of output. Deflate reaches 1,032; market data 3 to 15.
    pub ratio_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: None,
            midnight: None,
            subject: None,
            symbols: None,
            strict: false,
            price_scale: 8,
            quantity_scale: 8,
            schema: None,
            by_order: false,
            output_bytes_max: 1 << 40,
            ratio_max: 100,
        }
    }
}

impl Options {
    /// The same options with what `path`'s name tells where they are silent.
    pub fn with_name_of(&self, path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let subject = name.split_once('_').map(|(subject, _)| subject.to_owned());
        Self {
            midnight: self.midnight.or_else(|| date_in(&name)),
            subject: self.subject.clone().or(subject.filter(|subject| !subject.is_empty())),
            ..self.clone()
        }
    }

    /// The same options for what was received at `at`: on the day in UTC that it falls on, where they
    /// are silent.
    pub(crate) fn on_day_of(&self, at: Nanos) -> Self {
        const DAY: Nanos = Nanos::from_secs(86_400);
        Self { midnight: self.midnight.or(Some(Nanos(at.0 - at.0 % DAY.0))), ..self.clone() }
    }
}

/// Midnight of the first date in a file's name: `2012-06-21`, `20120621` or, as NASDAQ names its
/// files, `06212012`.
pub fn date_in(name: &str) -> Option<Nanos> {
    let bytes = name.as_bytes();
    (0..bytes.len()).find_map(|at| {
        let after_digit = at > 0 && bytes[at - 1].is_ascii_digit();
        if after_digit { None } else { date_at(&bytes[at..]) }
    })
}

fn date_at(text: &[u8]) -> Option<Nanos> {
    let number = |from: usize, to: usize| -> Option<u32> {
        text.get(from..to)?.iter().try_fold(0, |sum, &byte| {
            byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
        })
    };
    let no_digit_at = |at: usize| !text.get(at).is_some_and(u8::is_ascii_digit);
    if text.get(4) == Some(&b'-') && text.get(7) == Some(&b'-') && no_digit_at(10) {
        return midnight_of(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    }
    if !no_digit_at(8) {
        return None;
    }
    midnight_of(number(0, 4)?, number(4, 6)?, number(6, 8)?)
        .or_else(|| midnight_of(number(4, 8)?, number(0, 2)?, number(2, 4)?))
}

/// Midnight of a day from 1970 to 2199, in nanoseconds since the epoch; none if there is no such day.
pub fn midnight_of(year: u32, month: u32, day: u32) -> Option<Nanos> {
    let leap = |year: u32| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let month_days = |month: u32| match month {
        2 => 28 + u32::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let exists = (1970..2200).contains(&year)
        && (1..=12).contains(&month)
        && (1..=month_days(month)).contains(&day);
    exists.then(|| {
        let years: u32 = (1970..year).map(|year| 365 + u32::from(leap(year))).sum();
        let months: u32 = (1..month).map(month_days).sum();
        Nanos::from_secs(u64::from(years + months + day - 1) * 86_400)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_found_in_the_names_that_vendors_use() {
        let day = |y, m, d| midnight_of(y, m, d);
        for (name, date) in [
            ("AAPL_2012-06-21_34200000_57600000_message_10.csv", day(2012, 6, 21)),
            ("01302019.NASDAQ_ITCH50.gz", day(2019, 1, 30)),
            ("S20190130-v50.txt", day(2019, 1, 30)),
            ("AAPL_10_first_message.csv", None),
            ("34200000_57600000.csv", None),
            ("13322019.bin", None),
            ("120120621.bin", None),
        ] {
            assert_eq!(date_in(name), date, "{name}");
        }
        assert_eq!(day(2012, 6, 21), Some(Nanos::from_secs(1_340_236_800)));
        assert_eq!(day(2100, 2, 29), None);
    }

    #[test]
    fn the_name_fills_in_only_what_was_not_said() {
        let path = Path::new("/data/AAPL_2012-06-21_message.csv");
        let read = Options::default().with_name_of(path);
        assert_eq!(read.subject.as_deref(), Some("AAPL"));
        assert_eq!(read.midnight, midnight_of(2012, 6, 21));
        let said = Options { midnight: Some(Nanos(7)), ..Options::default() };
        assert_eq!(said.with_name_of(path).midnight, Some(Nanos(7)));
    }
}
