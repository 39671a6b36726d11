//! Decimals read and written exactly: a number and how many of its digits stand behind the point.

use std::fmt;
use thiserror::Error;

/// `units · 10^-scale`, to be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decimal {
    /// The number without its point.
    pub units: i64,
    /// How many digits stand behind the point.
    pub scale: u8,
}

/// Why a text is not a decimal of the wanted scale.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum DecimalError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Something other than a sign, digits and one point.
    #[error("is not a decimal number")]
    NotANumber,
    /// A digit that the scale cannot hold.
    #[error("has more decimal places than its scale")]
    TooFine,
    /// Beyond 64 bits.
    #[error("is out of range")]
    OutOfRange,
}

const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

impl Decimal {
    /// The finest scale of any price or quantity: 10^-18 still fits in 64 bits.
    pub const SCALE_MAX: u8 = 18;

    /// Reads a decimal into units of `10^-scale`, exactly or not at all.
    ///
    /// ```
    /// use engine_event::Decimal;
    /// assert_eq!(Decimal::parse(b"585.33", 4).unwrap(), 5_853_300);
    /// assert_eq!(Decimal::parse(b"-0.5", 1).unwrap(), -5);
    /// assert!(Decimal::parse(b"0.125", 2).is_err());
    /// assert_eq!(Decimal::parse(b"0.120", 2).unwrap(), 12);
    /// ```
    pub fn parse(text: &[u8], scale: u8) -> Result<i64, DecimalError> {
        if text.is_empty() {
            return Err(DecimalError::Empty);
        }
        let (negative, digits) = signed(text);
        let mut units: i64 = 0;
        let mut places_left = scale;
        let mut point_seen = false;
        let mut digit_seen = false;
        for &byte in digits {
            match byte {
                b'0'..=b'9' if point_seen && places_left == 0 => {
                    if byte != b'0' {
                        return Err(DecimalError::TooFine);
                    }
                }
                b'0'..=b'9' => {
                    digit_seen = true;
                    places_left -= u8::from(point_seen);
                    let digit = i64::from(byte - b'0');
                    units = units
                        .checked_mul(10)
                        .and_then(|units| units.checked_add(digit))
                        .ok_or(DecimalError::OutOfRange)?;
                }
                b'.' if !point_seen => point_seen = true,
                _ => return Err(DecimalError::NotANumber),
            }
        }
        if !digit_seen {
            return Err(DecimalError::NotANumber);
        }
        let power = POWERS.get(usize::from(places_left)).ok_or(DecimalError::OutOfRange)?;
        let units = units.checked_mul(*power).ok_or(DecimalError::OutOfRange)?;
        Ok(if negative { -units } else { units })
    }

    /// The same for a decimal that may have an exponent, as programs write that print floating-point
    /// numbers.
    ///
    /// ```
    /// use engine_event::Decimal;
    /// assert_eq!(Decimal::parse_scientific(b"1e-08", 8).unwrap(), 1);
    /// assert_eq!(Decimal::parse_scientific(b"2.5E+3", 2).unwrap(), 250_000);
    /// assert!(Decimal::parse_scientific(b"1.5e-8", 8).is_err());
    /// ```
    pub fn parse_scientific(text: &[u8], scale: u8) -> Result<i64, DecimalError> {
        let Some(at) = text.iter().position(|byte| matches!(byte, b'e' | b'E')) else {
            return Self::parse(text, scale);
        };
        let (negative, digits) = signed(&text[..at]);
        // `units` without its last zeros, times ten to the power of `power` and of `zeros`.
        let (mut units, mut power, mut zeros) = (0i64, exponent(&text[at + 1..])?, 0i64);
        let (mut point_seen, mut digit_seen) = (false, false);
        for &byte in digits {
            match byte {
                b'0'..=b'9' => {
                    digit_seen = true;
                    power -= i64::from(point_seen);
                    zeros += 1;
                    if byte != b'0' {
                        let digit = i64::from(byte - b'0');
                        let shifted = shift(units, zeros)?;
                        units = shifted.checked_add(digit).ok_or(DecimalError::OutOfRange)?;
                        zeros = 0;
                    }
                }
                b'.' if !point_seen => point_seen = true,
                _ => return Err(DecimalError::NotANumber),
            }
        }
        if !digit_seen {
            return Err(DecimalError::NotANumber);
        }
        let units = shift(units, power + zeros + i64::from(scale))?;
        Ok(if negative { -units } else { units })
    }

    /// The nearest floating-point number: for statistics and pictures, never for prices compared.
    pub fn to_f64(self) -> f64 {
        self.units as f64 / 10f64.powi(i32::from(self.scale))
    }
}

/// Whether there is a minus, and what follows the sign.
fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// A whole number, not exactly where it is beyond a billion: no number is that large, nor that fine.
fn exponent(text: &[u8]) -> Result<i64, DecimalError> {
    let (negative, digits) = signed(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::NotANumber);
    }
    let next = |sum: i64, byte: &u8| (sum * 10 + i64::from(byte - b'0')).min(1_000_000_000);
    let size = digits.iter().fold(0, next);
    Ok(if negative { -size } else { size })
}

/// A number that does not end with a zero, times ten to a power, exactly.
fn shift(units: i64, power: i64) -> Result<i64, DecimalError> {
    if units == 0 {
        return Ok(0);
    }
    let power = usize::try_from(power).map_err(|_| DecimalError::TooFine)?;
    let power = POWERS.get(power).ok_or(DecimalError::OutOfRange)?;
    units.checked_mul(*power).ok_or(DecimalError::OutOfRange)
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", self.units.unsigned_abs(), width = scale + 1);
        let (whole, places) = digits.split_at(digits.len() - scale);
        f.write_str(sign)?;
        f.write_str(whole)?;
        if scale > 0 {
            f.write_str(".")?;
            f.write_str(places)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_a_decimal_is_refused() {
        for (text, why) in [
            ("", DecimalError::Empty),
            (".", DecimalError::NotANumber),
            ("-", DecimalError::NotANumber),
            ("1.2.3", DecimalError::NotANumber),
            ("1e5", DecimalError::NotANumber),
            ("1 ", DecimalError::NotANumber),
            ("99999999999999999999", DecimalError::OutOfRange),
            ("0.123", DecimalError::TooFine),
        ] {
            assert_eq!(Decimal::parse(text.as_bytes(), 2), Err(why), "{text:?}");
        }
    }

    #[test]
    fn an_exponent_is_taken_exactly_or_not_at_all() {
        let check = |text: &str, expected| {
            assert_eq!(Decimal::parse_scientific(text.as_bytes(), 8), expected, "{text:?}");
        };
        check("1e-08", Ok(1));
        check("-1E-8", Ok(-1));
        check("2.5E+3", Ok(250_000_000_000));
        check("237.88", Ok(23_788_000_000));
        check("0.00e99", Ok(0));
        check("0e-99999999999999999999", Ok(0));
        check("100000000000000000000e-20", Ok(100_000_000));
        check("0.000000000000000000001e21", Ok(100_000_000));
        check("1.00000000000000000000000e0", Ok(100_000_000));
        check("9223372036854775807e-8", Ok(i64::MAX));
        check("1.5e-8", Err(DecimalError::TooFine));
        check("1e-99999999999999999999", Err(DecimalError::TooFine));
        check("1e11", Err(DecimalError::OutOfRange));
        check("1e99999999999999999999", Err(DecimalError::OutOfRange));
        check("9223372036854775808e-8", Err(DecimalError::OutOfRange));
        for text in ["e5", "1e", "1e+", ".e1", "1e1.5", "1e5e5", "1 e5", "nan", "1e5 ", "--1e5"] {
            check(text, Err(DecimalError::NotANumber));
        }
        check("", Err(DecimalError::Empty));
    }

    proptest! {
        #[test]
        fn an_exponent_only_moves_the_point(
            units in -(1i64 << 60)..(1i64 << 60),
            (written, wanted) in (0u8..=18, 0u8..=18),
            moved in -25i64..25,
        ) {
            let text = format!("{}e{moved}", Decimal { units, scale: written });
            let read = Decimal::parse_scientific(text.as_bytes(), wanted);
            // Beyond 38 digits either way nothing but 0 fits.
            let power = (moved - i64::from(written) + i64::from(wanted)).clamp(-38, 38);
            let expected = if power >= 0 {
                i128::from(units).checked_mul(10i128.pow(power as u32)).ok_or(DecimalError::OutOfRange)
            } else {
                let divisor = 10i128.pow(power.unsigned_abs() as u32);
                let exact = i128::from(units) % divisor == 0;
                exact.then(|| i128::from(units) / divisor).ok_or(DecimalError::TooFine)
            };
            let fits = |wide: i128| i64::try_from(wide).map_err(|_| DecimalError::OutOfRange);
            prop_assert_eq!(read, expected.and_then(fits), "{}", text);
        }

        #[test]
        fn what_is_written_is_read(units in -(1i64 << 60)..(1i64 << 60), scale in 0u8..=18) {
            let text = Decimal { units, scale }.to_string();
            prop_assert_eq!(Decimal::parse(text.as_bytes(), scale), Ok(units));
        }
    }
}
