//! Host calls on streams: headers, bodies, resuming, closing, answering.

use super::abi::{Done, Fail, Guest, Status};
use super::headers::Headers;
use super::state::{Action, Dir, HostState, LocalReply};
use super::worker::Worker;
use wasmtime::AsContextMut as _;

/// The bytes behind a buffer type; `None` when there is no such buffer now.
fn buffer(state: &mut HostState, kind: u32) -> Result<Option<Vec<u8>>, Status> {
    Ok(match kind {
        0 => Some(
            state
                .stream()
                .map(|s| s.request.body().to_vec())
                .unwrap_or_default(),
        ),
        1 => Some(
            state
                .stream()
                .map(|s| s.response.body().to_vec())
                .unwrap_or_default(),
        ),
        // TCP data: this host has no TCP streams.
        2 | 3 => Some(Vec::new()),
        4 => state
            .callouts
            .http
            .as_ref()
            .map(|(_, body, _)| body.clone()),
        5 => Some(state.callouts.grpc.clone().unwrap_or_default()),
        6 => Some(state.options.vm_configuration.clone()),
        7 => state.plugin_configuration.as_ref().map(|c| c.to_vec()),
        8 => Some(Vec::new()),
        _ => return Err(Status::BadArgument),
    })
}

pub(crate) fn buffer_bytes(
    g: &mut Guest<'_, '_>,
    kind: u32,
    start: u32,
    len: u32,
    ptr: u32,
    size: u32,
) -> Done {
    let bytes = buffer(g.state(), kind)?.ok_or(Status::NotFound)?;
    let start = start as usize;
    if start > bytes.len() {
        return Err(Status::BadArgument.into());
    }
    let end = start.saturating_add(len as usize).min(bytes.len());
    let part = bytes.get(start..end).unwrap_or_default();
    // Envoy leaves the guest's variables alone when there is nothing to read.
    if part.is_empty() {
        return Ok(());
    }
    g.give(part, ptr, size)
}

pub(crate) fn buffer_status(g: &mut Guest<'_, '_>, kind: u32, len: u32, flags: u32) -> Done {
    let bytes = buffer(g.state(), kind)?.ok_or(Status::NotFound)?;
    g.write_u32(len, u32::try_from(bytes.len()).unwrap_or(u32::MAX))?;
    g.write_u32(flags, 0)
}

pub(crate) fn set_buffer_bytes(
    g: &mut Guest<'_, '_>,
    kind: u32,
    start: u32,
    len: u32,
    at: u32,
    size: u32,
) -> Done {
    if kind > 8 {
        return Err(Status::BadArgument.into());
    }
    let data = g.read(at, size)?;
    let dir = match kind {
        0 => Dir::Request,
        1 => Dir::Response,
        _ => return Err(Status::BadArgument.into()),
    };
    let state = g.state();
    let (id, limit) = (state.context(), state.options.buffer_limit);
    let side = state.stream().ok_or(Status::BadArgument)?.side(dir);
    side.set_body(start as usize, len as usize, data)?;
    if side.buffering && side.is_over(limit) {
        // What the filter manager holds has a limit that is enforced there and then, in the middle of this call.
        Worker::new(g.caller.as_context_mut()).outgrown(id, dir);
    }
    Ok(())
}

/// A map to read. `Ok(None)`: the map exists but is out of reach now.
fn map(state: &mut HostState, kind: u32) -> Result<Option<&Headers>, Status> {
    if kind > 7 {
        return Err(Status::BadArgument);
    }
    if matches!(kind, 6 | 7) {
        let response = state.callouts.http.as_ref();
        return Ok(response.map(|(h, _, t)| if kind == 6 { h } else { t }));
    }
    let Some(stream) = state.stream() else {
        return Ok(None);
    };
    let log = stream.log_phase;
    Ok(match kind {
        0 if log || stream.request.headers_visible => stream.request.headers.as_ref(),
        // Envoy shows no request trailers to the access log phase.
        1 if !log && stream.request.trailers_visible => stream.request.trailers.as_ref(),
        2 if log || stream.response.headers_visible => stream.response.headers.as_ref(),
        3 if log || stream.response.trailers_visible => stream.response.trailers.as_ref(),
        _ => None,
    })
}

/// A map to change. Asking for trailers in the last data callback creates them, as in Envoy.
fn map_mut(state: &mut HostState, kind: u32) -> Result<&mut Headers, Status> {
    let stream = state.stream().ok_or(Status::BadArgument)?;
    let side = match kind {
        0 | 1 => &mut stream.request,
        2 | 3 => &mut stream.response,
        _ => return Err(Status::BadArgument),
    };
    if matches!(kind, 0 | 2) {
        let visible = side.headers_visible;
        return side
            .headers
            .as_mut()
            .filter(|_| visible)
            .ok_or(Status::BadArgument);
    }
    if side.trailers.is_none() && side.chunk.is_some() && side.end_of_stream {
        side.trailers = Some(Headers::new());
        side.trailers_visible = true;
    }
    let visible = side.trailers_visible;
    side.trailers
        .as_mut()
        .filter(|_| visible)
        .ok_or(Status::BadArgument)
}

/// Pairs of a map that is out of reach are an empty list; Envoy does not report an error here.
pub(crate) fn map_pairs(g: &mut Guest<'_, '_>, kind: u32, ptr: u32, size: u32) -> Done {
    let bytes = match map(g.state(), kind)? {
        Some(map) if !map.is_empty() => map.encode(),
        _ => Vec::new(),
    };
    g.give(&bytes, ptr, size)
}

pub(crate) fn set_map_pairs(g: &mut Guest<'_, '_>, kind: u32, at: u32, len: u32) -> Done {
    let pairs = Headers::decode(&g.read(at, len)?);
    let map = map_mut(g.state(), kind)?;
    *map = Headers::new();
    for (name, value) in pairs.iter() {
        map.add(name, value);
    }
    Ok(())
}

pub(crate) fn map_size(g: &mut Guest<'_, '_>, kind: u32, out: u32) -> Done {
    let map = map(g.state(), kind)?.ok_or(Status::BadArgument)?;
    let bytes: usize = map.iter().map(|(n, v)| n.len() + v.len()).sum();
    g.write_u32(out, u32::try_from(bytes).unwrap_or(u32::MAX))
}

pub(crate) fn map_value(
    g: &mut Guest<'_, '_>,
    kind: u32,
    key: u32,
    key_len: u32,
    ptr: u32,
    size: u32,
) -> Done {
    let name = g.text(key, key_len)?;
    let log = g.state().stream().is_some_and(|s| s.log_phase);
    let value = match map(g.state(), kind)? {
        Some(map) => map.get(&name).ok_or(Status::NotFound)?.to_vec(),
        None if log => return Err(Status::NotFound.into()),
        None => return Err(Status::BadArgument.into()),
    };
    g.give(&value, ptr, size)
}

pub(crate) fn replace_map_value(
    g: &mut Guest<'_, '_>,
    kind: u32,
    key: u32,
    key_len: u32,
    at: u32,
    len: u32,
) -> Done {
    let (name, value) = (g.text(key, key_len)?, g.read(at, len)?);
    map_mut(g.state(), kind)?.set(&name, value);
    Ok(())
}

pub(crate) fn add_map_value(
    g: &mut Guest<'_, '_>,
    kind: u32,
    key: u32,
    key_len: u32,
    at: u32,
    len: u32,
) -> Done {
    let (name, value) = (g.text(key, key_len)?, g.read(at, len)?);
    map_mut(g.state(), kind)?.add(&name, &value);
    Ok(())
}

pub(crate) fn remove_map_value(g: &mut Guest<'_, '_>, kind: u32, key: u32, key_len: u32) -> Done {
    let name = g.text(key, key_len)?;
    map_mut(g.state(), kind)?.remove(&name);
    Ok(())
}

/// Resumes after the running call returns. Envoy forgets the request's maps at once, whichever side is resumed.
pub(crate) fn continue_stream(g: &mut Guest<'_, '_>, kind: u32) -> Done {
    let dir = match kind {
        0 => Dir::Request,
        1 => Dir::Response,
        2 => return Ok(()),
        3 => return Err(Status::Unimplemented.into()),
        _ => return Err(Status::BadArgument.into()),
    };
    let state = g.state();
    let id = state.context();
    if let Some(stream) = state.streams.get_mut(&id) {
        stream.request.headers_visible = false;
        stream.request.trailers_visible = false;
        stream.request.chunk = None;
        state.actions.push_back(Action::Resume(id, dir));
    }
    Ok(())
}

pub(crate) fn close_stream(g: &mut Guest<'_, '_>, kind: u32) -> Done {
    if kind > 3 {
        return Err(Status::BadArgument.into());
    }
    let state = g.state();
    let id = state.context();
    if kind < 2 && state.streams.contains_key(&id) {
        state.actions.push_back(Action::Close(id));
    }
    Ok(())
}

/// Answers after the running call returns. Whatever that call returns, iteration stops. In a root context Envoy says
/// Ok and does nothing.
#[expect(
    clippy::too_many_arguments,
    reason = "the ABI's own list of parameters"
)]
pub(crate) fn send_local_response(
    g: &mut Guest<'_, '_>,
    status: u32,
    details: u32,
    details_len: u32,
    body: u32,
    body_len: u32,
    headers: u32,
    headers_len: u32,
    _grpc: i32,
) -> Result<(), Fail> {
    let reply = LocalReply {
        status,
        details: g.text(details, details_len)?.replace(' ', "_"),
        body: g.read(body, body_len)?,
        headers: Headers::decode(&g.read(headers, headers_len)?),
    };
    let state = g.state();
    let id = state.context();
    if state.streams.contains_key(&id) {
        state.actions.push_back(Action::Reply(id, reply));
    }
    state.stop_next = true;
    Ok(())
}
