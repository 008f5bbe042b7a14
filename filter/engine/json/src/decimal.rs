//! Exact decimals straight from number literals. Never a float: `9007199254740993` is itself, and
//! `100`, `100.0` and `1e2` are equal.

use std::cmp::Ordering;
use std::fmt;

/// Largest magnitude of an exponent the reader accepts. It bounds the work of a comparison.
pub const MAX_EXPONENT: i32 = 999;

/// A number literal, read in place.
#[derive(Clone, Copy, Debug)]
pub struct Decimal<'a> {
    negative: bool,
    /// Digits before and after the point, as written.
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i32,
}

impl<'a> Decimal<'a> {
    /// Reads a JSON number literal; `None` for any other spelling or an exponent beyond ±999.
    pub fn parse(literal: &'a str) -> Option<Self> {
        let (negative, digits) = match literal.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, literal),
        };
        let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (digits, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let digits_only = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !digits_only(whole) || !digits_only(fraction) {
            return None;
        }
        Some(Decimal {
            negative,
            whole: whole.as_bytes(),
            fraction: fraction.as_bytes(),
            exponent,
        })
    }

    /// Compares by value. `-0` is 0.
    pub fn compare(&self, other: &Decimal<'_>) -> Ordering {
        let (left, right) = (self.magnitude(), other.magnitude());
        let negative = |decimal: &Decimal<'_>, zero: bool| decimal.negative && !zero;
        match (
            negative(self, left.is_none()),
            negative(other, right.is_none()),
        ) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitude(other, left, right),
            (true, true) => other.compare_magnitude(self, right, left),
        }
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative && self.magnitude().is_some()
    }

    /// The value times 10^9 if that is a whole number in range: the fixed point all counters use.
    pub fn to_nanos(&self) -> Option<i128> {
        /// Decimals a counter keeps.
        const PLACES: i64 = 9;
        let Some(top) = self.magnitude() else {
            return Some(0);
        };
        let mut nanos = 0_i128;
        let mut place = top;
        for digit in self.significant() {
            if place < -PLACES {
                // Beyond the ninth decimal only zeros keep the value exact.
                if digit != b'0' {
                    return None;
                }
            } else {
                nanos = nanos
                    .checked_mul(10)?
                    .checked_add(i128::from(digit.wrapping_sub(b'0')))?;
            }
            place = place.saturating_sub(1);
        }
        // `place` is now one below the last digit read: scale up to the ninth decimal.
        let mut missing = place.saturating_add(PLACES).saturating_add(1);
        while missing > 0 {
            nanos = nanos.checked_mul(10)?;
            missing = missing.saturating_sub(1);
        }
        if self.negative {
            nanos.checked_neg()
        } else {
            Some(nanos)
        }
    }

    /// Power of ten of the first significant digit; `None` for zero.
    fn magnitude(&self) -> Option<i64> {
        let zeros = self
            .whole
            .iter()
            .chain(self.fraction)
            .position(|&digit| digit != b'0')?;
        let top = i64::try_from(self.whole.len()).ok()?.saturating_sub(1);
        Some(
            top.saturating_sub(i64::try_from(zeros).ok()?)
                .saturating_add(i64::from(self.exponent)),
        )
    }

    fn significant(&self) -> impl Iterator<Item = u8> {
        self.whole
            .iter()
            .chain(self.fraction)
            .copied()
            .skip_while(|&digit| digit == b'0')
    }

    fn compare_magnitude(
        &self,
        other: &Decimal<'_>,
        left: Option<i64>,
        right: Option<i64>,
    ) -> Ordering {
        // `None`, zero, sorts below every power of ten.
        left.cmp(&right).then_with(|| {
            let (mut left, mut right) = (self.significant(), other.significant());
            loop {
                match (left.next(), right.next()) {
                    (None, None) => return Ordering::Equal,
                    (left, right) => match left.unwrap_or(b'0').cmp(&right.unwrap_or(b'0')) {
                        Ordering::Equal => {}
                        unequal => return unequal,
                    },
                }
            }
        })
    }
}

/// The canonical spelling: digits without zeros at either end, and a power of ten unless it is 0.
impl fmt::Display for Decimal<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(top) = self.magnitude() else {
            return out.write_str("0");
        };
        let digits: Vec<u8> = self.significant().collect();
        let len = digits
            .iter()
            .rposition(|&digit| digit != b'0')
            .map_or(0, |last| last.saturating_add(1));
        let exponent = top
            .saturating_add(1)
            .saturating_sub(i64::try_from(len).unwrap_or(i64::MAX));
        if self.negative {
            out.write_str("-")?;
        }
        for &digit in digits.iter().take(len) {
            fmt::Write::write_char(out, char::from(digit))?;
        }
        if exponent == 0 {
            Ok(())
        } else {
            write!(out, "e{exponent}")
        }
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let value: i32 = if significant.is_empty() {
        0
    } else {
        significant.parse().ok()?
    };
    let value = if text.starts_with('-') {
        value.checked_neg()?
    } else {
        value
    };
    (value.abs() <= MAX_EXPONENT).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_value() {
        // Each row is sorted and its columns are equal.
        let ascending = [
            &["-1e999"][..],
            &["-1.5", "-15e-1"],
            &["-1", "-1.0", "-10e-1"],
            &["-1e-999"],
            &["0", "-0", "0.0", "0e5", "-0e-999"],
            &["1e-999"],
            &["0.1", "1e-1", "0.10"],
            &["99.999999999999999999"],
            &["100", "100.0", "1e2", "1E+2", "0.1e3", "1000e-1"],
            &["9007199254740992"],
            &[
                "9007199254740993",
                "9007199254740993.0",
                "900719925474099300e-2",
            ],
            &["1e999"],
        ];
        for (row, left) in ascending.iter().enumerate() {
            for (other_row, right) in ascending.iter().enumerate() {
                for (left, right) in left.iter().flat_map(|l| right.iter().map(move |r| (l, r))) {
                    let (a, b) = (
                        Decimal::parse(left).unwrap(),
                        Decimal::parse(right).unwrap(),
                    );
                    assert_eq!(a.compare(&b), row.cmp(&other_row), "{left} against {right}");
                }
            }
        }
    }

    #[test]
    fn one_spelling_for_one_value() {
        for (text, canonical) in [
            ("100", "1e2"),
            ("1.50", "15e-1"),
            ("-0", "0"),
            ("12", "12"),
            ("1e2", "1e2"),
            ("-0.010", "-1e-2"),
        ] {
            assert_eq!(
                Decimal::parse(text).unwrap().to_string(),
                canonical,
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_other_spellings() {
        for text in [
            "", "-", "+1", "01", ".5", "1.", "0x10", "1_000", "1e", "1e1000", "1e-1000", "NaN",
            " 1", "1 ",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn fixed_point_is_exact_or_nothing() {
        let cases = [
            ("0", Some(0)),
            ("-0.0", Some(0)),
            ("1", Some(1_000_000_000)),
            ("0.000000001", Some(1)),
            ("1.0000000000", Some(1_000_000_000)),
            ("0.0000000001", None),
            ("1e-9", Some(1)),
            ("1e-10", None),
            ("12.5", Some(12_500_000_000)),
            ("1e2", Some(100_000_000_000)),
            ("-5", Some(-5_000_000_000)),
            (
                "1e29",
                Some(100_000_000_000_000_000_000_000_000_000_000_000_000),
            ),
            ("1e30", None),
            ("1e999", None),
        ];
        for (text, nanos) in cases {
            assert_eq!(Decimal::parse(text).unwrap().to_nanos(), nanos, "{text}");
        }
    }
}
