//! Windows a limit counts in: half-open and aligned to the UTC calendar.

use crate::time::{DAY, Timestamp, civil, days_from_civil};

/// The kind of window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// From second 0.
    Minute,
    /// From minute 0.
    Hour,
    /// From midnight UTC.
    Day,
    /// From Monday 00:00 UTC.
    Week,
    /// From the first of the month, 00:00 UTC.
    Month,
}

/// One window in time, in seconds since the epoch: `start <= t < end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First second inside.
    pub start: i64,
    /// First second after.
    pub end: i64,
}

impl Window {
    /// All windows by their name in a policy.
    pub const NAMES: [(&'static str, Window); 5] = [
        ("minute", Window::Minute),
        ("hour", Window::Hour),
        ("day", Window::Day),
        ("week", Window::Week),
        ("month", Window::Month),
    ];

    /// Its name in a policy.
    pub fn name(self) -> &'static str {
        Window::NAMES
            .into_iter()
            .find(|(_, window)| *window == self)
            .map_or("", |(name, _)| name)
    }

    /// The window of this kind that holds `now`.
    pub fn at(self, now: Timestamp) -> Span {
        let now = now.seconds();
        let aligned = |length: i64, offset: i64| {
            let start = now.saturating_sub(now.saturating_add(offset).rem_euclid(length));
            Span {
                start,
                end: start.saturating_add(length),
            }
        };
        match self {
            Window::Minute => aligned(60, 0),
            Window::Hour => aligned(3600, 0),
            Window::Day => aligned(DAY, 0),
            // The epoch was a Thursday, three days after a Monday.
            Window::Week => aligned(DAY.saturating_mul(7), DAY.saturating_mul(3)),
            Window::Month => {
                let (year, month, _) = civil(now.div_euclid(DAY));
                let (next_year, next_month) = if month == 12 {
                    (year.saturating_add(1), 1)
                } else {
                    (year, month.saturating_add(1))
                };
                let midnight = |year, month| days_from_civil(year, month, 1).saturating_mul(DAY);
                Span {
                    start: midnight(year, month),
                    end: midnight(next_year, next_month),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
        let days = days_from_civil(number(0..4), number(5..7), number(8..10));
        let clock = number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
        Timestamp::from_nanos(u64::try_from(days * DAY + clock).unwrap() * 1_000_000_000)
    }

    #[test]
    fn windows_are_half_open_and_aligned() {
        let cases = [
            (
                Window::Minute,
                "2026-01-15T10:30:59",
                "2026-01-15T10:30:00",
                "2026-01-15T10:31:00",
            ),
            (
                Window::Hour,
                "2026-01-15T10:00:00",
                "2026-01-15T10:00:00",
                "2026-01-15T11:00:00",
            ),
            (
                Window::Day,
                "2026-01-15T23:59:59",
                "2026-01-15T00:00:00",
                "2026-01-16T00:00:00",
            ),
            (
                Window::Week,
                "2026-01-18T23:59:59",
                "2026-01-12T00:00:00",
                "2026-01-19T00:00:00",
            ),
            (
                Window::Week,
                "2026-01-19T00:00:00",
                "2026-01-19T00:00:00",
                "2026-01-26T00:00:00",
            ),
            (
                Window::Month,
                "2024-02-29T12:00:00",
                "2024-02-01T00:00:00",
                "2024-03-01T00:00:00",
            ),
            (
                Window::Month,
                "2026-12-31T23:59:59",
                "2026-12-01T00:00:00",
                "2027-01-01T00:00:00",
            ),
        ];
        for (window, now, start, end) in cases {
            let span = Span {
                start: at(start).seconds(),
                end: at(end).seconds(),
            };
            assert_eq!(window.at(at(now)), span, "{window:?} at {now}");
        }
    }
}
