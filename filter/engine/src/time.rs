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

    /// Whole seconds since the epoch.
    pub fn seconds(self) -> i64 {
        i64::try_from(self.0.checked_div(1_000_000_000).unwrap_or(0)).unwrap_or(i64::MAX)
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
    fn rfc_3339() {
        assert_eq!(
            Timestamp::from_nanos(1_768_473_000_123_456_789).to_string(),
            "2026-01-15T10:30:00.123Z"
        );
    }
}
