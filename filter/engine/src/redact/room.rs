//! How long a body may be that takes the place of one the proxy holds, and what stands for what was found where there is no
//! room for more.
//!
//! While a body is held the proxy bounds what it buffers of it, and ends a stream whose buffer outgrows the bound there and
//! then, inside the host call that made it grow: no filter survives that. The bound is not visible to a filter. What has
//! arrived is within it, and so is anything no longer.

use std::borrow::Cow;

/// A body of at most this many bytes may take the place of a shorter one. Half of the smallest buffer that the
/// documentation allows, 64 KiB: the stream window of the shipped configurations, and the smallest that HTTP/2 has unless
/// it is set.
pub const SURE_ROOM: usize = 32 * 1024;

/// Whether a body of `new` bytes may take the place of `held` bytes.
pub fn has_room(held: usize, new: usize) -> bool {
    new <= held.max(SURE_ROOM)
}

/// What stands for what was found where there is no room for what the rule says.
const PLAIN: &str = "[redacted]";

/// How many bytes a part of a reply may still grow by: a whole body, an event or a value of a stream. Below zero it has to
/// shrink by so many.
///
/// All of them together are at most as long as [`has_room`] allows: what a mask saves another one may take.
#[derive(Debug)]
pub struct Room {
    left: i64,
}

/// What stands in the place of something that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mask {
    /// What the rule says.
    Wanted,
    /// `[redacted]`.
    Plain,
    /// So many stars.
    Stars(usize),
}

impl Room {
    /// For a part of so many bytes.
    pub fn of(bytes: usize) -> Room {
        Room {
            left: wide(SURE_ROOM.saturating_sub(bytes)),
        }
    }

    /// Notes that `new` bytes take the place of `old` ones.
    pub fn replace(&mut self, old: usize, new: usize) {
        let grown = wide(new).saturating_sub(wide(old));
        self.left = self.left.saturating_sub(grown);
    }

    /// Whether `new` bytes may take the place of `old` ones.
    pub fn fits(&self, old: usize, new: usize) -> bool {
        wide(new).saturating_sub(wide(old)) <= self.left.max(0)
    }

    /// What stands in the place of so many bytes, if the rule wants a mask of `wanted` bytes. Both as they are written.
    pub(super) fn mask(&mut self, found: usize, wanted: usize) -> Mask {
        let most = wide(found).saturating_add(self.left);
        let (mask, len) = if wide(wanted) <= most {
            (Mask::Wanted, wanted)
        } else if wide(PLAIN.len()) <= most {
            (Mask::Plain, PLAIN.len())
        } else {
            // One at least, so that it shows.
            let stars = usize::try_from(most)
                .unwrap_or(0)
                .clamp(found.min(1), found);
            (Mask::Stars(stars), stars)
        };
        self.replace(found, len);
        mask
    }
}

impl Mask {
    /// Its text, if the rule wants this one.
    pub(super) fn text(self, wanted: &str) -> Cow<'_, str> {
        match self {
            Mask::Wanted => Cow::Borrowed(wanted),
            Mask::Plain => Cow::Borrowed(PLAIN),
            Mask::Stars(count) => Cow::Owned("*".repeat(count)),
        }
    }
}

fn wide(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_shrink_with_the_room() {
        // Bytes of the part, bytes to save, bytes found, mask wanted; what stands there.
        let cases = [
            (0, 0, 6, "[redacted:email]", "[redacted:email]"),
            (SURE_ROOM - 10, 0, 6, "[redacted:email]", "[redacted:email]"),
            (SURE_ROOM - 9, 0, 6, "[redacted:email]", "[redacted]"),
            (SURE_ROOM - 4, 0, 6, "[redacted:email]", "[redacted]"),
            (SURE_ROOM - 3, 0, 6, "[redacted:email]", "******"),
            (SURE_ROOM * 9, 0, 6, "[redacted:email]", "******"),
            (SURE_ROOM * 9, 0, 16, "[redacted:email]", "[redacted:email]"),
            (SURE_ROOM * 9, 0, 15, "[redacted:email]", "[redacted]"),
            (SURE_ROOM * 9, 0, 6, "x", "x"),
            (SURE_ROOM * 9, 0, 6, "", ""),
            (SURE_ROOM * 9, 2, 6, "[redacted:email]", "****"),
            (SURE_ROOM * 9, 99, 6, "[redacted:email]", "*"),
            (SURE_ROOM * 9, 0, 0, "x", ""),
        ];
        for (bytes, save, found, wanted, expected) in cases {
            let mut room = Room::of(bytes);
            room.replace(0, save);
            let mask = room.mask(found, wanted.len());
            assert_eq!(
                mask.text(wanted),
                expected,
                "{bytes} {save} {found} {wanted}"
            );
        }
    }

    #[test]
    fn what_one_mask_saves_another_takes() {
        let mut room = Room::of(SURE_ROOM);
        assert_eq!(room.mask(20, 16), Mask::Wanted);
        assert_eq!(room.mask(6, 10), Mask::Wanted);
        assert_eq!(room.mask(6, 7), Mask::Stars(6));
    }
}
