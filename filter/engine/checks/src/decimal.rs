//! Decimals against a model: every digit of both numbers, written out.

use std::cmp::Ordering;

use toolgate_engine::json::{Decimal, Document, Limits, MAX_EXPONENT};

/// A number as a sign and all its digits, `PLACES` of them after the point.
fn digits(literal: &str) -> Option<(bool, Vec<u8>)> {
    const PLACES: i64 = 2500;
    let (negative, rest) = match literal.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, literal),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut all = vec![b'0'; usize::try_from(2 * PLACES).ok()?];
    for (index, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
        let place = i64::try_from(whole.len()).ok()? - 1 - i64::try_from(index).ok()? + exponent;
        if digit != b'0' {
            *all.get_mut(usize::try_from(PLACES - 1 - place).ok()?)? = digit;
        }
    }
    let zero = all.iter().all(|&digit| digit == b'0');
    Some((negative && !zero, all))
}

fn compare(left: &str, right: &str) -> Option<Ordering> {
    let ((left_negative, left), (right_negative, right)) = (digits(left)?, digits(right)?);
    Some(match (left_negative, right_negative) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => left.cmp(&right),
        (true, true) => right.cmp(&left),
    })
}

/// Two literals, cut at the first space.
pub fn decimals(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (left, right) = text.split_once(' ').unwrap_or((text, "1"));
    if left.len() > 1000 || right.len() > 1000 {
        return;
    }
    for literal in [left, right] {
        let decimal = Decimal::parse(literal);
        let bytes = literal.as_bytes();
        let number = Document::parse(bytes, &Limits::WIRE).is_ok_and(|document| {
            document.root().raw() == literal && document.root().as_decimal().is_some()
        });
        assert_eq!(
            decimal.is_some(),
            number,
            "the reader and decimals differ on {literal:?}"
        );
        if let Ok(other) = serde_json::from_str::<serde_json::Number>(literal) {
            let large = literal.split_once(['e', 'E']).is_some_and(|(_, exponent)| {
                // An exponent that is too long for a machine integer is large enough.
                let exponent = exponent.parse::<i64>().map_or(i64::MAX, i64::abs);
                exponent > i64::from(MAX_EXPONENT)
            });
            assert!(
                number || large || literal.trim() != literal,
                "{other} is refused"
            );
        }
    }
    let (Some(a), Some(b)) = (Decimal::parse(left), Decimal::parse(right)) else {
        return;
    };
    if let Some(expected) = compare(left, right) {
        assert_eq!(a.compare(&b), expected, "{left} against {right}");
        assert_eq!(b.compare(&a), expected.reverse(), "{right} against {left}");
        let (canonical, other) = (a.to_string(), b.to_string());
        assert_eq!(
            expected == Ordering::Equal,
            canonical == other,
            "{canonical} and {other}"
        );
    }
    let zero = Decimal::parse("0").expect("a number");
    assert_eq!(a.is_negative(), a.compare(&zero) == Ordering::Less);
    if let Some(nanos) = a.to_nanos() {
        let scaled = format!("{nanos}e-9");
        let exact = Decimal::parse(&scaled).expect("a number");
        assert_eq!(a.compare(&exact), Ordering::Equal, "{left} is not {scaled}");
    } else if let Some((_, all)) = digits(left) {
        let whole = all[..2500 - 1]
            .iter()
            .position(|&digit| digit != b'0')
            .map_or(0, |first| 2500 - first);
        let fine = all[2500 + 9..].iter().any(|&digit| digit != b'0');
        assert!(fine || whole > 28, "{left} fits in fixed point");
    }
}
