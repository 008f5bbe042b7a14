//! How long a body may be that takes the place of one the proxy holds.
//!
//! While a body is held the proxy bounds what it buffers of it, and ends a stream whose buffer outgrows the bound there and
//! then, inside the host call that made it grow: no filter survives that. The bound is not visible to a filter. What has
//! arrived is within it, and so is anything no longer.

/// A body of at most this many bytes may take the place of a shorter one. Half of the smallest buffer that the
/// documentation allows, 64 KiB: the stream window of the shipped configurations, and the smallest that HTTP/2 has unless
/// it is set.
pub const SURE_ROOM: usize = 32 * 1024;

/// Whether a body of `new` bytes may take the place of `held` bytes.
pub fn has_room(held: usize, new: usize) -> bool {
    new <= held.max(SURE_ROOM)
}
