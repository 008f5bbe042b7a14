//! Host calls that can fail and never panic.
//!
//! The SDK's own wrappers panic on a status they do not expect, and its header getters on names or values that
//! are not UTF-8. A panic takes a proxy worker's VM down, so this module declares the imports itself: every
//! call returns a [`Result`], every value is bytes.

use std::ptr::null_mut;
use std::time::Duration;

use toolgate_engine::exchange;
use toolgate_engine::time::Timestamp;

/// A host call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no such thing.
    NotFound,
    /// The stored version is another one.
    CasMismatch,
    /// The host may not have room for it.
    NoRoom,
    /// The host does not have this function.
    Unimplemented,
    /// Anything else, with the ABI's status number.
    Other(u32),
}

/// The outcome of a host call.
pub type Result<T> = std::result::Result<T, Failure>;

/// Buffers, by their number in the ABI.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum Buffer {
    /// What has arrived of the request body.
    RequestBody = 0,
    /// What has arrived of the reply's body.
    ReplyBody = 1,
    /// The plugin's configuration.
    Configuration = 7,
}

/// What becomes of a buffer when the running callback returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The host has kept it since an earlier callback.
    Held,
    /// It was handed to this callback and goes on.
    Passing,
}

/// Header maps, by their number in the ABI.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum Map {
    /// Request headers.
    Request = 0,
    /// Request trailers.
    RequestTrailers = 1,
    /// Reply headers.
    Reply = 2,
    /// Headers of the answer to a call of our own.
    CallReply = 6,
}

/// Kinds of metrics, by their number in the ABI.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum Metric {
    /// Only grows.
    Counter = 0,
    /// Is set.
    Gauge = 1,
    /// Collects samples.
    Histogram = 2,
}

/// Log levels, by their number in the ABI.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum Level {
    /// What an operator may want to keep.
    Info = 2,
    /// What an operator should look at.
    Warning = 3,
    /// What an operator has to mend.
    Critical = 5,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, len: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        len: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        data: *const u8,
        len: usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_len: usize,
        value: *const u8,
        len: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_len: usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_len: usize,
        data: *mut *mut u8,
        len: *mut usize,
    ) -> u32;
    fn proxy_set_property(path: *const u8, path_len: usize, value: *const u8, len: usize) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_len: usize,
        data: *mut *mut u8,
        len: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_len: usize,
        value: *const u8,
        len: usize,
        cas: u32,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_len: usize,
        body: *const u8,
        body_len: usize,
        headers: *const u8,
        headers_len: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_close_stream(stream: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_len: usize,
        headers: *const u8,
        headers_len: usize,
        body: *const u8,
        body_len: usize,
        trailers: *const u8,
        trailers_len: usize,
        timeout: u32,
        call: *mut u32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, len: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
}

fn check(status: u32) -> Result<()> {
    match status {
        0 => Ok(()),
        1 => Err(Failure::NotFound),
        8 => Err(Failure::CasMismatch),
        12 => Err(Failure::Unimplemented),
        other => Err(Failure::Other(other)),
    }
}

/// Takes over memory the host had allocated through the SDK's `proxy_on_memory_allocate`.
///
/// # Safety
/// `data` and `len` must be what a host call that returned `Ok` left in its out parameters.
unsafe fn take(data: *mut u8, len: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the SDK allocates exactly `len` bytes as a `Vec` and hands over ownership.
    unsafe { Vec::from_raw_parts(data, len, len) }
}

/// Writes a line to the proxy's log. A log that fails has nobody to be told.
pub fn log(level: Level, message: &str) {
    // SAFETY: pointer and length belong to a live slice.
    let _unreported = unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// The time.
pub fn now() -> Result<Timestamp> {
    let mut nanos = 0;
    // SAFETY: the out parameter lives through the call.
    check(unsafe { proxy_get_current_time_nanoseconds(&raw mut nanos) })?;
    Ok(Timestamp::from_nanos(nanos))
}

/// All that a buffer holds, which must be `size` bytes: a host that says otherwise has lost something that would then
/// go unjudged.
pub fn buffer(buffer: Buffer, size: usize) -> Result<Vec<u8>> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let (mut data, mut len) = (null_mut(), 0);
    // SAFETY: the out parameters live through the call.
    let status = unsafe {
        proxy_get_buffer_bytes(buffer as u32, 0, usize::MAX, &raw mut data, &raw mut len)
    };
    check(status)?;
    // SAFETY: the call returned Ok.
    let bytes = unsafe { take(data, len) };
    if bytes.len() == size {
        Ok(bytes)
    } else {
        Err(Failure::NotFound)
    }
}

/// Puts `content` in place of the `size` bytes of a buffer.
///
/// A held buffer that outgrows the host's limit ends the stream inside this call, and the host calls this VM back while
/// the callback that asked for it still runs: the SDK panics, and Envoy 1.40 dies of it, process and all. So this fails
/// where there is no certain room. A piece that passes may grow as it likes.
pub fn set_buffer(buffer: Buffer, flow: Flow, size: usize, content: &[u8]) -> Result<()> {
    if flow == Flow::Held && !exchange::has_room(size, content.len()) {
        return Err(Failure::NoRoom);
    }
    // SAFETY: pointer and length belong to a live slice.
    check(unsafe {
        proxy_set_buffer_bytes(buffer as u32, 0, size, content.as_ptr(), content.len())
    })
}

/// All headers, as they arrived.
pub fn headers(map: Map) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let (mut data, mut len) = (null_mut(), 0);
    // SAFETY: the out parameters live through the call.
    check(unsafe { proxy_get_header_map_pairs(map as u32, &raw mut data, &raw mut len) })?;
    // SAFETY: the call returned Ok.
    let bytes = unsafe { take(data, len) };
    let pairs = parse_pairs(&bytes).ok_or(Failure::Other(u32::MAX))?;
    #[cfg(feature = "trap")]
    trap(&pairs);
    Ok(pairs)
}

/// Takes the VM down, for tests of what that does to others.
#[cfg(feature = "trap")]
#[expect(clippy::panic, reason = "what this build is for")]
fn trap(headers: &[(Vec<u8>, Vec<u8>)]) {
    let mut names = headers.iter().map(|(name, _)| name);
    if names.any(|name| name == b"x-toolgate-trap") {
        panic!("a test asked for it");
    }
}

/// `count, (key length, value length)*, (key NUL value NUL)*`, all numbers 32 bits little endian.
fn parse_pairs(bytes: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
    let (lengths, mut text) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut next = |len: &[u8; 4]| {
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let (part, rest) = text.split_at_checked(len)?;
        text = rest.strip_prefix(&[0])?;
        Some(part.to_vec())
    };
    let (lengths, _) = lengths.as_chunks::<8>();
    lengths
        .iter()
        .map(|pair| {
            let (key, value) = (pair.first_chunk::<4>()?, pair.last_chunk::<4>()?);
            Some((next(key)?, next(value)?))
        })
        .collect()
}

/// Sets a header to one value.
pub fn set_header(map: Map, name: &str, value: &str) -> Result<()> {
    // SAFETY: pointers and lengths belong to live slices.
    check(unsafe {
        proxy_replace_header_map_value(
            map as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Removes a header, if it is there.
pub fn remove_header(map: Map, name: &str) -> Result<()> {
    // SAFETY: pointer and length belong to a live slice.
    match check(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) }) {
        Err(Failure::NotFound) => Ok(()),
        other => other,
    }
}

/// A property of the stream; its path's parts joined by NUL.
pub fn property(path: &str) -> Result<Vec<u8>> {
    let (mut data, mut len) = (null_mut(), 0);
    // SAFETY: pointer and length belong to a live slice, the out parameters live through the call.
    check(unsafe { proxy_get_property(path.as_ptr(), path.len(), &raw mut data, &raw mut len) })?;
    // SAFETY: the call returned Ok.
    Ok(unsafe { take(data, len) })
}

/// Sets filter state `wasm.<name>`.
pub fn set_property(name: &str, value: &[u8]) -> Result<()> {
    // SAFETY: pointers and lengths belong to live slices.
    check(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// A shared value and its CAS number.
pub fn shared_data(key: &str) -> Result<(Vec<u8>, u32)> {
    let (mut data, mut len, mut cas) = (null_mut(), 0, 0);
    // SAFETY: pointer and length belong to a live slice, the out parameters live through the call.
    let status = unsafe {
        proxy_get_shared_data(
            key.as_ptr(),
            key.len(),
            &raw mut data,
            &raw mut len,
            &raw mut cas,
        )
    };
    check(status)?;
    // SAFETY: the call returned Ok.
    Ok((unsafe { take(data, len) }, cas))
}

/// Stores a shared value if its CAS number is still `cas`. 0 means always.
pub fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<()> {
    // SAFETY: pointers and lengths belong to live slices.
    check(unsafe {
        proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas)
    })
}

/// Answers the request without forwarding it.
pub fn send_local_response(status: u32, headers: &[(&str, String)], body: &[u8]) -> Result<()> {
    const DETAILS: &str = exchange::OWN_DETAILS;
    let headers = serialize_pairs(headers);
    // SAFETY: pointers and lengths belong to live slices. -1 stands for "no gRPC status".
    check(unsafe {
        proxy_send_local_response(
            status,
            DETAILS.as_ptr(),
            DETAILS.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    })
}

/// The inverse of [`parse_pairs`].
fn serialize_pairs(pairs: &[(&str, String)]) -> Vec<u8> {
    let number = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = Vec::from(number(pairs.len()));
    for (key, value) in pairs {
        bytes.extend(number(key.len()));
        bytes.extend(number(value.len()));
    }
    for (key, value) in pairs {
        bytes.extend_from_slice(key.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Lets a paused request go on, when the running callback has returned.
pub fn continue_request() -> Result<()> {
    const HTTP_REQUEST: u32 = 0;
    // SAFETY: no pointers.
    check(unsafe { proxy_continue_stream(HTTP_REQUEST) })
}

/// Lets a paused reply go on, when the running callback has returned.
pub fn continue_reply() -> Result<()> {
    const HTTP_RESPONSE: u32 = 1;
    // SAFETY: no pointers.
    check(unsafe { proxy_continue_stream(HTTP_RESPONSE) })
}

/// Sends a request of our own to a cluster and returns the number its answer comes under; `timeout` in seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "the SDK hands answers over only for calls that it made itself"
)]
pub fn http_call(
    cluster: &str,
    headers: Vec<(&str, &str)>,
    body: &[u8],
    timeout: i64,
) -> Result<u32> {
    let timeout = Duration::from_secs(timeout.unsigned_abs());
    proxy_wasm::hostcalls::dispatch_http_call(cluster, headers, Some(body), Vec::new(), timeout)
        .map_err(|status| Failure::Other(status as u32))
}

/// Tries a request of our own to no cluster, without the headers that one needs: for what the host says of the function.
pub fn no_http_call() -> Result<()> {
    let (nothing, headers, mut call) = ([0_u8; 0], serialize_pairs(&[]), 0);
    // SAFETY: pointers and lengths belong to live slices, the out parameter lives through the call.
    check(unsafe {
        proxy_http_call(
            nothing.as_ptr(),
            0,
            headers.as_ptr(),
            headers.len(),
            nothing.as_ptr(),
            0,
            headers.as_ptr(),
            headers.len(),
            1000,
            &raw mut call,
        )
    })
}

/// Cuts the connection to the caller: the last resort when a reply can neither be judged nor replaced.
pub fn close_downstream() -> Result<()> {
    const HTTP_RESPONSE: u32 = 1;
    // SAFETY: no pointers.
    check(unsafe { proxy_close_stream(HTTP_RESPONSE) })
}

/// Makes the calls that follow concern this stream. Only where the host calls without one, as on a tick.
pub fn set_effective_context(context: u32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { proxy_set_effective_context(context) })
}

/// Has the root called back every so often.
pub fn set_tick_period(milliseconds: u32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { proxy_set_tick_period_milliseconds(milliseconds) })
}

/// Defines a metric and returns its number.
pub fn define_metric(kind: Metric, name: &str) -> Result<u32> {
    let mut id = 0;
    // SAFETY: pointer and length belong to a live slice, the out parameter lives through the call.
    check(unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

/// Adds to a counter. A metric that fails decides nothing.
pub fn increment_metric(id: u32, more: u64) {
    let more = i64::try_from(more).unwrap_or(i64::MAX);
    // SAFETY: no pointers.
    let _unreported = unsafe { proxy_increment_metric(id, more) };
}

/// Sets a gauge, or adds a sample to a histogram.
pub fn record_metric(id: u32, value: u64) {
    // SAFETY: no pointers.
    let _unreported = unsafe { proxy_record_metric(id, value) };
}
