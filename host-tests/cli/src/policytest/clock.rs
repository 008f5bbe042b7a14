//! Points in time and durations as test files write them.

use toolgate_engine::time::{DAY, days_from_civil};

/// Nanoseconds since the epoch of an RFC 3339 time in UTC, such as `2026-01-15T10:30:00Z`.
pub fn timestamp(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let numbers = |text: &str, separator: char, widths: [usize; 3]| {
        let parts: Vec<&str> = text.split(separator).collect();
        let [a, b, c] = parts.as_slice() else {
            return None;
        };
        let number = |part: &str, width: usize| {
            let plain = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<i64>().ok()).flatten()
        };
        let [x, y, z] = widths;
        Some((number(a, x)?, number(b, y)?, number(c, z)?))
    };
    let (year, month, day) = numbers(date, '-', [4, 2, 2])?;
    let (hour, minute, second) = numbers(time, ':', [2, 2, 2])?;
    let days = days_from_civil(year, month, day);
    let exists = toolgate_engine::time::civil(days) == (year, month, day);
    if !exists || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let digits = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let nanos: u64 = digits
        .then(|| format!("{fraction:0<9}").parse().ok())
        .flatten()?;
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    u64::try_from(seconds)
        .ok()?
        .checked_mul(1_000_000_000)?
        .checked_add(nanos)
}

/// Nanoseconds of a duration such as `+1d`, `+2h30m` or `+500ms`.
pub fn duration(text: &str) -> Option<u64> {
    let mut rest = text.strip_prefix('+')?;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after
            .find(|char: char| !char.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        const SECOND: u64 = 1_000_000_000;
        let nanos = match unit {
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3600 * SECOND,
            "d" => 86_400 * SECOND,
            "w" => 7 * 86_400 * SECOND,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(nanos)?)?;
        rest = after;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::{duration, timestamp};

    #[test]
    fn times() {
        assert_eq!(
            timestamp("2026-01-15T10:30:00Z"),
            Some(toolgate_host::START_NANOS)
        );
        assert_eq!(timestamp("1970-01-01T00:00:01.5Z"), Some(1_500_000_000));
        for wrong in [
            "2026-01-15",
            "2026-02-30T00:00:00Z",
            "2026-01-15T24:00:00Z",
            "2026-1-15T10:30:00Z",
            "2026-01-15T10:30:00",
            "2026-01-15T10:30:00+01:00",
            "+026-01-15T10:30:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-15T10:30:00.0000000001Z",
        ] {
            assert_eq!(timestamp(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("+1d"), Some(86_400_000_000_000));
        assert_eq!(duration("+1h30m"), Some(5_400_000_000_000));
        assert_eq!(duration("+250ms"), Some(250_000_000));
        for wrong in [
            "1d",
            "+",
            "+d",
            "+1",
            "+1y",
            "-1d",
            "+1.5h",
            "+99999999999999999999s",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
