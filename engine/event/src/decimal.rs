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
        let (negative, digits) = match text {
            [] => return Err(DecimalError::Empty),
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
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

    /// The nearest floating-point number: for statistics and pictures, never for prices compared.
    pub fn to_f64(self) -> f64 {
        self.units as f64 / 10f64.powi(i32::from(self.scale))
    }
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

    proptest! {
        #[test]
        fn what_is_written_is_read(units in -(1i64 << 60)..(1i64 << 60), scale in 0u8..=18) {
            let text = Decimal { units, scale }.to_string();
            prop_assert_eq!(Decimal::parse(text.as_bytes(), scale), Ok(units));
        }
    }
}
