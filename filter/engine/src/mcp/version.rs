//! Protocol versions, as the dates they are named by.

/// A protocol version by its date, such as `2025-11-25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u8; 10]);

impl Version {
    /// The first version with per-request metadata and mirror headers. Later ones are taken to keep them.
    pub const MODERN: Version = Version(*b"2026-07-28");

    /// Whether a version has mirror headers, or might have to a server: one that nobody can place by its date is held to the
    /// strictest rules there are.
    pub fn may_be_modern(text: &[u8]) -> bool {
        Version::parse(text).is_none_or(Version::is_modern)
    }

    /// Reads `YYYY-MM-DD`; anything else is no version.
    pub fn parse(text: &[u8]) -> Option<Version> {
        let bytes: [u8; 10] = text.try_into().ok()?;
        let well_formed = bytes.iter().enumerate().all(|(index, byte)| match index {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        well_formed.then_some(Version(bytes))
    }

    /// Whether requests of this version carry mirror headers.
    pub fn is_modern(self) -> bool {
        self >= Version::MODERN
    }
}
