//! What a plain YAML scalar is: the 1.2 core schema, without the numbers that JSON cannot write.

/// A plain scalar, resolved.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plain<'t> {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number in a spelling JSON has: kept digit for digit.
    Number(&'t str),
    /// Text.
    Text(&'t str),
    /// A number in some YAML, but not one JSON can write. The clause says what to do.
    NoJson(String),
}

/// Resolves a plain scalar.
pub(super) fn resolve(text: &str) -> Plain<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        _ => {}
    }
    if is_json_number(text) {
        return Plain::Number(text);
    }
    match foreign_number(text) {
        Some(what) => Plain::NoJson(format!(
            "`{text}` is {what}, which JSON cannot write; write a plain decimal, or quotes if it is text"
        )),
        None => Plain::Text(text),
    }
}

/// RFC 8259: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_json_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (
            unsigned.get(..at).unwrap_or_default(),
            unsigned.get(at + 1..),
        ),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent = exponent.map(|digits| digits.strip_prefix(['+', '-']).unwrap_or(digits));
    let plain_whole = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    plain_whole && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Numbers of YAML 1.2's core schema and of YAML 1.1 that JSON cannot write. A reader of the other YAML would see a
/// number where we see text, or another number.
fn foreign_number(text: &str) -> Option<&'static str> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all = |rest: &str, radix: u32| {
        let digit = |char: char| char.is_digit(radix) || char == '_';
        rest.chars().any(|char| char.is_digit(radix)) && rest.chars().all(digit)
    };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Some("infinity"),
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Some("not a number"),
        _ => {}
    }
    for (prefix, radix, what) in [
        ("0x", 16, "a hexadecimal number"),
        ("0o", 8, "an octal number"),
        ("0b", 2, "a binary number"),
    ] {
        if unsigned
            .strip_prefix(prefix)
            .is_some_and(|rest| all(rest, radix))
        {
            return Some(what);
        }
    }
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (
            unsigned.get(..at).unwrap_or_default(),
            unsigned.get(at + 1..),
        ),
        None => (unsigned, None),
    };
    let exponent = exponent.map(|digits| digits.strip_prefix(['+', '-']).unwrap_or(digits));
    if !exponent.is_none_or(digits) {
        return None;
    }
    let (whole, fraction) = match mantissa.split_once('.') {
        Some(parts) => parts,
        None if mantissa.is_empty() => return None,
        None => (mantissa, "0"),
    };
    let part = |text: &str| text.is_empty() || all(text, 10);
    let numeric = part(whole) && part(fraction) && !(whole.is_empty() && fraction.is_empty());
    let begins = |text: &str| text.starts_with(|char: char| char.is_ascii_digit());
    if !numeric || !(begins(whole) || (whole.is_empty() && begins(fraction))) {
        return None;
    }
    Some(if mantissa.contains('_') {
        "a number with underscores"
    } else if text.starts_with('+') {
        "a number with a plus sign"
    } else if whole.is_empty() {
        "a number without a digit before its point"
    } else if fraction.is_empty() {
        "a number without a digit after its point"
    } else {
        "a number with leading zeros"
    })
}

#[cfg(test)]
mod tests {
    use super::{Plain, resolve};

    #[test]
    fn numbers_keep_their_text() {
        for text in [
            "0",
            "-0",
            "7",
            "1e2",
            "1E+2",
            "-1.10",
            "9007199254740993",
            "0.5e-3",
            "1.0",
            "100",
        ] {
            assert_eq!(resolve(text), Plain::Number(text));
        }
    }

    #[test]
    fn text_stays_text() {
        for text in [
            "1.2.3",
            "10.0.0.1",
            "2026-01-15",
            "2026-01-15T10:30:00Z",
            "10:30",
            "yes",
            "on",
            "no",
            "-",
            "e5",
            "1e",
            "0xZZ",
            "1_a",
            "_1",
            "+",
            ".",
            "..",
            "nan",
            "inf",
            "1d",
            "+1d",
            "rolling:5m",
            "0x",
            "1-2",
            "-_1",
        ] {
            assert_eq!(resolve(text), Plain::Text(text));
        }
    }

    #[test]
    fn numbers_json_does_not_have_are_errors() {
        for text in [
            "0x10", "-0xff", "0o7", "0b101", ".5", "-.5", "5.", "+1", "010", "00", "-01", "1_000",
            "1_000.5", ".inf", "-.inf", ".nan", ".5e3", "1.e5", "+1.5", "0x_1", "1_",
        ] {
            assert!(
                matches!(resolve(text), Plain::NoJson(_)),
                "{text}: {:?}",
                resolve(text)
            );
        }
    }

    #[test]
    fn words() {
        assert_eq!(resolve("~"), Plain::Null);
        assert_eq!(resolve("NULL"), Plain::Null);
        assert_eq!(resolve("True"), Plain::Bool(true));
        assert_eq!(resolve("tRue"), Plain::Text("tRue"));
    }
}
