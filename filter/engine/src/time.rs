//! Points in time and their calendar, UTC throughout. The engine never asks a clock: callers say what time it is.

use std::fmt;

/// Seconds in a day.
pub const DAY: i64 = 86_400;

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From nanoseconds since the epoch, as proxy-wasm hosts give them.
    pub fn from_nanos(nanos: u64) -> Self {
        Timestamp(nanos)
    }

    /// From whole seconds since the epoch.
    pub fn from_seconds(seconds: i64) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        Timestamp(seconds.saturating_mul(1_000_000_000))
    }

    /// Whole seconds since the epoch.
    pub fn seconds(self) -> i64 {
        i64::try_from(self.0.checked_div(1_000_000_000).unwrap_or(0)).unwrap_or(i64::MAX)
    }

    /// Reads RFC 3339 in UTC, such as `2026-01-15T10:30:00Z`, fractions of a second included.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
        let number = |text: &str, digits: usize| {
            let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<i64>().ok()).flatten()
        };
        let mut date = date.splitn(3, '-');
        let (year, month, day) = (
            number(date.next()?, 4)?,
            number(date.next()?, 2)?,
            number(date.next()?, 2)?,
        );
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let mut clock = clock.splitn(3, ':');
        let (hour, minute, second) = (
            number(clock.next()?, 2)?,
            number(clock.next()?, 2)?,
            number(clock.next()?, 2)?,
        );
        let days = days_from_civil(year, month, day);
        if civil(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let nanos = number(&format!("{fraction:0<9}"), 9)?;
        let of_day = hour
            .checked_mul(3600)?
            .checked_add(minute.checked_mul(60)?)?
            .checked_add(second)?;
        let seconds = days.checked_mul(DAY)?.checked_add(of_day)?;
        let total = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
        u64::try_from(total).ok().map(Timestamp)
    }

    /// Nanoseconds since the epoch.
    pub fn nanos(self) -> u64 {
        self.0
    }
}

/// RFC 3339 with milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        let (year, month, day) = civil(seconds.div_euclid(DAY));
        let clock = seconds.rem_euclid(DAY);
        let part = |unit: i64, modulus: i64| clock.div_euclid(unit).rem_euclid(modulus);
        let (hour, minute, second) = (part(3600, 24), part(60, 60), part(1, 60));
        let millis = self
            .0
            .checked_div(1_000_000)
            .unwrap_or(0)
            .checked_rem(1000)
            .unwrap_or(0);
        write!(
            out,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

/// Units of a duration, longest first, in seconds.
const UNITS: [(char, i64); 5] = [('w', 7 * DAY), ('d', DAY), ('h', 3600), ('m', 60), ('s', 1)];

/// Reads a duration such as `45s`, `30m` or `1h30m` as seconds. Units come once each, longest first.
pub fn parse_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0_i64;
    for (unit, seconds) in UNITS {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, tail) = rest.split_at_checked(digits)?;
        if let Some(tail) = tail.strip_prefix(unit) {
            total = total.checked_add(count.parse::<i64>().ok()?.checked_mul(seconds)?)?;
            rest = tail;
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

/// Seconds as the shortest duration [`parse_duration`] reads.
pub fn display_duration(seconds: i64) -> String {
    let mut rest = seconds.max(0);
    let mut text = String::new();
    for (unit, length) in UNITS {
        let count = rest.div_euclid(length);
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
            rest = rest.rem_euclid(length);
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// Year, month and day of a day number since the epoch (proleptic Gregorian).
///
/// Counts in 400-year eras that begin on the first of March, so that the leap day comes last.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let leaps = day_of_era
        .div_euclid(1460)
        .saturating_sub(day_of_era.div_euclid(36_524));
    let year_of_era = day_of_era
        .saturating_sub(leaps)
        .saturating_sub(day_of_era.div_euclid(146_096))
        .div_euclid(365);
    let before = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era.div_euclid(4))
        .saturating_sub(year_of_era.div_euclid(100));
    let day_of_year = day_of_era.saturating_sub(before);
    let from_march = day_of_year
        .saturating_mul(5)
        .saturating_add(2)
        .div_euclid(153);
    let day = day_of_year
        .saturating_sub(
            from_march
                .saturating_mul(153)
                .saturating_add(2)
                .div_euclid(5),
        )
        .saturating_add(1);
    let month = if from_march < 10 {
        from_march.saturating_add(3)
    } else {
        from_march.saturating_sub(9)
    };
    let year = era
        .saturating_mul(400)
        .saturating_add(year_of_era)
        .saturating_add(i64::from(month <= 2));
    (year, month, day)
}

/// The day number since the epoch of a date: the inverse of [`civil`].
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year.saturating_sub(i64::from(month <= 2));
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = if month > 2 {
        month.saturating_sub(3)
    } else {
        month.saturating_add(9)
    };
    let day_of_year = from_march
        .saturating_mul(153)
        .saturating_add(2)
        .div_euclid(5)
        .saturating_add(day)
        .saturating_sub(1);
    let day_of_era = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era.div_euclid(4))
        .saturating_sub(year_of_era.div_euclid(100))
        .saturating_add(day_of_year);
    era.saturating_mul(146_097)
        .saturating_add(day_of_era)
        .saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_round_trips() {
        let mut previous = civil(-800_000);
        for days in -799_999..800_000 {
            let date = civil(days);
            assert_eq!(days_from_civil(date.0, date.1, date.2), days);
            assert!(date > previous, "{previous:?} then {date:?}");
            previous = date;
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(20_468), (2026, 1, 15));
    }

    #[test]
    fn durations() {
        let cases = [
            ("45s", Some(45)),
            ("1h30m", Some(5400)),
            ("2w", Some(1_209_600)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("m", None),
            ("30m1h", None),
            ("1h1h", None),
            ("-1s", None),
            ("99999999999999w", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_duration(text), seconds, "{text}");
        }
        for seconds in [0, 1, 60, 3661, 90_061, 604_800] {
            assert_eq!(parse_duration(&display_duration(seconds)), Some(seconds));
        }
    }

    #[test]
    fn rfc_3339() {
        for text in [
            "2026-01-15T10:30:00.123Z",
            "1970-01-01T00:00:00.000Z",
            "2024-02-29T23:59:59.999Z",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-01-15T24:00:00Z",
            "2026-01-15T10:30:00",
            "2026-1-15T10:30:00Z",
            "x",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
        assert_eq!(
            Timestamp::from_nanos(1_768_473_000_123_456_789).to_string(),
            "2026-01-15T10:30:00.123Z"
        );
    }
}
