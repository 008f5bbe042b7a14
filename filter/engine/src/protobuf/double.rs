//! Doubles as decimals, in integers: the standard library's way costs the module 11 KB.

/// Bits of a double's mantissa that are written down.
const MANTISSA: u32 = 52;
/// Most decimals that are tried. 2^53 × 10^22 is below 2^127.
const DECIMALS: u32 = 22;
/// Most a mantissa is shifted to the right: below 2^-70 × 2^53 nothing is read.
const SHIFT: u32 = 70;

/// The shortest plain decimal that reads back as the same double. `None` for what is not finite, is 2^127 or more, or
/// lies closer to 0 than about 10^-5 without being it: no configuration has a use for them.
pub(super) fn decimal(number: f64) -> Option<String> {
    let bits = number.to_bits();
    let fraction = bits & ((1 << MANTISSA) - 1);
    let exponent = u32::try_from(bits >> MANTISSA & 0x7ff).ok()?;
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if exponent == 0 && fraction == 0 {
        return Some(format!("{sign}0"));
    }
    // What is left is `mantissa` × 2^(exponent - 1075).
    let mantissa = u128::from(fraction | 1 << MANTISSA);
    if let Some(left) = exponent.checked_sub(1075) {
        let whole = Some(left).filter(|left| *left < 127 - MANTISSA);
        let whole = whole.and_then(|left| mantissa.checked_shl(left))?;
        return Some(format!("{sign}{whole}"));
    }
    let right = 1075_u32
        .checked_sub(exponent)
        .filter(|right| *right <= SHIFT)?;
    // Below a power of two doubles lie closer.
    let share = if fraction == 0 { 4 } else { 2 };
    let mut power: u128 = 1;
    for decimals in 0..=DECIMALS {
        // Of all decimals of this length the nearest; it reads back if it is within half a unit of the mantissa.
        let exact = mantissa.checked_mul(power)?;
        let half = 1_u128.checked_shl(right)?.checked_div(2)?;
        let nearest = exact.checked_add(half)?.checked_shr(right)?;
        let error = nearest.checked_shl(right)?.abs_diff(exact);
        if error.checked_mul(share)? < power || error == 0 {
            return Some(plain(sign, nearest, decimals));
        }
        power = power.checked_mul(10)?;
    }
    None
}

/// A whole number of units of 10^-`decimals`.
fn plain(sign: &str, units: u128, decimals: u32) -> String {
    let decimals = decimals as usize;
    let digits = units.to_string();
    let zeros = decimals.saturating_add(1).saturating_sub(digits.len());
    let digits = format!("{}{digits}", "0".repeat(zeros));
    let (whole, fraction) = digits
        .split_at_checked(digits.len().saturating_sub(decimals))
        .unwrap_or((&digits, ""));
    let point = if fraction.is_empty() { "" } else { "." };
    [sign, whole, point, fraction].concat()
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn as_the_standard_library_writes_them() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut read = 0;
        for _ in 0..200_000 {
            let sizes = [1e-4, 1e-2, 1.0, 1e3, 1e9, 1e15, 1e20, 1e35];
            let size = sizes[(random() % 8) as usize];
            let long = (random() as f64 / u64::MAX as f64) * size;
            let short = (random() % 1_000_000) as f64 / 1e4;
            for number in [long, -long, short] {
                if let Some(text) = decimal(number) {
                    assert_eq!(text.parse(), Ok(number), "{text}");
                    assert!(text.len() <= number.to_string().len().max(40), "{text}");
                    if number.abs() < 9e15 {
                        assert_eq!(text, number.to_string());
                    }
                    read += 1;
                }
            }
        }
        assert!(read > 590_000, "{read}");
        for number in [
            0.0, -0.0, 1.0, -2.0, 0.1, 0.3, 1e15, 1e21, 99.95, 1e-5, 0.25,
        ] {
            assert_eq!(decimal(number), Some(number.to_string()));
        }
        for number in [f64::NAN, f64::INFINITY, 1e300, 1e-300, 5e-324] {
            assert_eq!(decimal(number), None, "{number}");
        }
    }
}
