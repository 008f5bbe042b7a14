//! Windows a limit counts in: aligned to the UTC calendar, or rolling.

use std::borrow::Cow;

use crate::time::{DAY, Timestamp, civil, days_from_civil, display_duration, parse_duration};

/// Slots a rolling window is kept in. It reaches back up to one slot more than asked for, and so errs towards
/// refusing.
const ROLLING_SLOTS: i64 = 60;

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
    /// The last so many seconds, at any time.
    Rolling(i64),
}

/// A stretch of time that is counted as one, in seconds since the epoch: what is charged at `start <= t` counts
/// until `end`. A calendar window is one span; a rolling one is a run of overlapping ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First second inside.
    pub start: i64,
    /// First second at which it no longer counts.
    pub end: i64,
}

impl Window {
    /// Calendar windows by their name in a policy.
    pub const CALENDAR: [(&'static str, Window); 5] = [
        ("minute", Window::Minute),
        ("hour", Window::Hour),
        ("day", Window::Day),
        ("week", Window::Week),
        ("month", Window::Month),
    ];

    /// Longest rolling window: a year.
    const MAX_ROLLING: i64 = 366 * DAY;

    /// Reads `rolling:<duration>`, such as `rolling:24h`.
    pub fn parse_rolling(text: &str) -> Option<Window> {
        let seconds = parse_duration(text.strip_prefix("rolling:")?)?;
        (1..=Self::MAX_ROLLING)
            .contains(&seconds)
            .then_some(Window::Rolling(seconds))
    }

    /// Its name in a policy.
    pub fn name(self) -> Cow<'static, str> {
        if let Window::Rolling(seconds) = self {
            return format!("rolling:{}", display_duration(seconds)).into();
        }
        Window::CALENDAR
            .into_iter()
            .find(|(_, window)| *window == self)
            .map_or("", |(name, _)| name)
            .into()
    }

    /// The window in a sentence: `per day`, `in 24h`.
    pub fn phrase(self) -> String {
        match self {
            Window::Rolling(seconds) => format!("in {}", display_duration(seconds)),
            _ => format!("per {}", self.name()),
        }
    }

    /// The span that is charged at `now`.
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
            Window::Rolling(seconds) => {
                let slots = seconds.saturating_add(ROLLING_SLOTS).saturating_sub(1);
                let slot = aligned(slots.div_euclid(ROLLING_SLOTS).max(1), 0);
                Span {
                    start: slot.start,
                    end: slot.end.saturating_add(seconds),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn windows_are_half_open_and_aligned() {
        let cases = [
            (
                Window::Minute,
                "2026-01-15T10:30:59Z",
                "2026-01-15T10:30:00Z",
                "2026-01-15T10:31:00Z",
            ),
            (
                Window::Hour,
                "2026-01-15T10:00:00Z",
                "2026-01-15T10:00:00Z",
                "2026-01-15T11:00:00Z",
            ),
            (
                Window::Day,
                "2026-01-15T23:59:59Z",
                "2026-01-15T00:00:00Z",
                "2026-01-16T00:00:00Z",
            ),
            (
                Window::Week,
                "2026-01-18T23:59:59Z",
                "2026-01-12T00:00:00Z",
                "2026-01-19T00:00:00Z",
            ),
            (
                Window::Week,
                "2026-01-19T00:00:00Z",
                "2026-01-19T00:00:00Z",
                "2026-01-26T00:00:00Z",
            ),
            (
                Window::Month,
                "2024-02-29T12:00:00Z",
                "2024-02-01T00:00:00Z",
                "2024-03-01T00:00:00Z",
            ),
            (
                Window::Month,
                "2026-12-31T23:59:59Z",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
            (
                Window::Rolling(3600),
                "2026-01-15T10:30:59Z",
                "2026-01-15T10:30:00Z",
                "2026-01-15T11:31:00Z",
            ),
            (
                Window::Rolling(10),
                "2026-01-15T10:30:59Z",
                "2026-01-15T10:30:59Z",
                "2026-01-15T10:31:10Z",
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

    #[test]
    fn rolling_windows_by_name() {
        for (text, seconds) in [
            ("rolling:24h", 86_400),
            ("rolling:90s", 90),
            ("rolling:7d", 604_800),
            ("rolling:1h30m", 5400),
        ] {
            assert_eq!(
                Window::parse_rolling(text),
                Some(Window::Rolling(seconds)),
                "{text}"
            );
        }
        for text in [
            "rolling:",
            "rolling:0s",
            "rolling:1",
            "rolling:1y",
            "rolling:9999d",
            "rolling:-1h",
            "24h",
        ] {
            assert_eq!(Window::parse_rolling(text), None, "{text}");
        }
    }
}
