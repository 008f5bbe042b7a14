//! Arithmetic on numbers as they are written.

use crate::json::Decimal;

/// A number to divide by: digits without zeros at the end, times a power of ten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Divisor {
    digits: u64,
    exponent: i64,
}

/// The digits of a number without zeros at either end, and its power of ten; no digits for 0. Its sign is left out.
fn parts(number: &Decimal<'_>) -> (String, i64) {
    let text = number.to_string();
    let text = text.trim_start_matches('-');
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits = digits.trim_start_matches('0');
    (digits.to_owned(), exponent.parse().unwrap_or(0))
}

/// Whether a number is whole, however it is written.
pub(super) fn is_whole(number: &Decimal<'_>) -> bool {
    parts(number).1 >= 0
}

impl Divisor {
    /// `None` for 0, and for more digits than anybody divides by.
    pub(super) fn new(number: &Decimal<'_>) -> Option<Self> {
        /// Ten times the remainder still fits in 64 bits.
        const MOST: usize = 18;
        let (digits, exponent) = parts(number);
        if digits.len() > MOST || number.is_negative() {
            return None;
        }
        Some(Divisor {
            digits: digits.parse().ok()?,
            exponent,
        })
    }

    /// Whether a number is a whole multiple of this.
    pub(super) fn divides(&self, number: &Decimal<'_>) -> bool {
        let (digits, exponent) = parts(number);
        if digits.is_empty() {
            return true;
        }
        // Digits that do not end in 0 are no multiple of ten: there must be as many zeros as in the divisor.
        let zeros = exponent.saturating_sub(self.exponent);
        if zeros < 0 {
            return false;
        }
        let step = |remainder: u64, digit: u64| {
            let next = remainder.checked_mul(10)?.checked_add(digit)?;
            next.checked_rem(self.digits)
        };
        let mut remainder = Some(0);
        for digit in digits.bytes() {
            remainder = remainder.and_then(|it| step(it, u64::from(digit.wrapping_sub(b'0'))));
        }
        for _ in 0..zeros {
            remainder = remainder.and_then(|it| step(it, 0));
        }
        remainder == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_is_exact() {
        let divides = |divisor: &str, number: &str| {
            let divisor = Divisor::new(&Decimal::parse(divisor).unwrap()).unwrap();
            divisor.divides(&Decimal::parse(number).unwrap())
        };
        for (divisor, number, expected) in [
            ("5", "10", true),
            ("5", "12", false),
            ("5", "-15", true),
            ("0.01", "19.99", true),
            ("0.01", "19.999", false),
            ("0.1", "0.3", true),
            ("10", "100", true),
            ("100", "10", false),
            ("20", "50", false),
            ("2.5", "1e1", true),
            ("3", "1e300", false),
            ("3", "0", true),
            ("1", "1.0", true),
            ("1", "1e-1", false),
            ("7", "9007199254740993", false),
            ("999999999999999999", "1999999999999999998", true),
            ("1e2", "300", true),
            ("1e-999", "1e999", true),
        ] {
            assert_eq!(divides(divisor, number), expected, "{divisor} {number}");
        }
        for none in ["0", "0.0", "-1", "1234567890123456789"] {
            assert!(Divisor::new(&Decimal::parse(none).unwrap()).is_none());
        }
        for (number, whole) in [
            ("1.0", true),
            ("-0", true),
            ("1.5", false),
            ("15e-1", false),
            ("1e3", true),
            ("100e-2", true),
        ] {
            assert_eq!(
                is_whole(&Decimal::parse(number).unwrap()),
                whole,
                "{number}"
            );
        }
    }
}
