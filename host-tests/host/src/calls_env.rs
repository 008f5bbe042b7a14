//! Host calls outside streams: log, time, properties, shared data, metrics, callouts.

use super::abi::{Done, Guest, Status};
use super::callout::CalloutKind;
use super::headers::Headers;
use super::state::{HostState, Level};

pub(crate) fn log(g: &mut Guest<'_, '_>, level: u32, at: u32, len: u32) -> Done {
    let level = Level::from_wire(level).ok_or(Status::BadArgument)?;
    let message = g.text(at, len)?;
    g.state().log(level, message);
    Ok(())
}

pub(crate) fn log_level(g: &mut Guest<'_, '_>, out: u32) -> Done {
    let level = g.state().options.log_level as u32;
    g.write_u32(out, level)
}

pub(crate) fn current_time(g: &mut Guest<'_, '_>, out: u32) -> Done {
    let now = g.state().options.clock.nanos();
    g.write_u64(out, now)
}

pub(crate) fn set_tick_period(g: &mut Guest<'_, '_>, millis: u32) -> Done {
    let state = g.state();
    let root = state.root();
    if let Some(root) = state.roots.get_mut(&root) {
        root.tick_millis = millis;
    }
    Ok(())
}

/// What a property path names: the test's own attributes first, then what the host knows by itself, then filter
/// state. Envoy offers `request.*` only while the request headers are within the module's reach.
fn find_property(state: &mut HostState, path: &[String]) -> Option<Vec<u8>> {
    if let Some(value) = state.stream().and_then(|s| s.properties.find(path)) {
        return Some(value.clone());
    }
    if let Some(value) = state.options.properties.find(path) {
        return Some(value.clone());
    }
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["plugin_vm_id"] => return Some(state.options.vm_id.clone().into_bytes()),
        ["plugin_root_id"] => return Some(state.options.root_id.clone().into_bytes()),
        _ => {}
    }
    let stream = state.stream()?;
    let request = stream
        .request
        .headers
        .as_ref()
        .filter(|_| stream.request.headers_visible || stream.log_phase);
    let header = |name: &str| Some(request?.get(name)?.to_vec());
    match names.as_slice() {
        ["request", "path"] => header(":path"),
        ["request", "url_path"] => {
            let path = header(":path")?;
            path.split(|b| *b == b'?').next().map(<[u8]>::to_vec)
        }
        ["request", "query"] => {
            let path = header(":path")?;
            let at = path.iter().position(|b| *b == b'?')?;
            path.get(at + 1..).map(<[u8]>::to_vec)
        }
        ["request", "host"] => header(":authority"),
        ["request", "method"] => header(":method"),
        ["request", "scheme"] => header(":scheme"),
        ["request", "id"] => header("x-request-id"),
        ["request", "useragent"] => header("user-agent"),
        ["request", "referer"] => header("referer"),
        ["request", "headers", name] => header(name),
        ["response", "code"] => {
            let status = stream.response.headers.as_ref()?.status();
            Some(i64::from(status).to_le_bytes().to_vec())
        }
        ["response", "code_details"] => {
            let details = &stream.downstream.details;
            (!details.is_empty()).then(|| details.clone().into_bytes())
        }
        ["filter_state", key] => {
            let name = key.strip_prefix("wasm.")?;
            stream.filter_state.get(name).cloned()
        }
        [name] => stream.filter_state.get(*name).cloned(),
        _ => None,
    }
}

pub(crate) fn property(
    g: &mut Guest<'_, '_>,
    path: u32,
    path_len: u32,
    ptr: u32,
    size: u32,
) -> Done {
    let path: Vec<String> = g
        .text(path, path_len)?
        .split('\0')
        .map(str::to_owned)
        .collect();
    let value = find_property(g.state(), &path).ok_or(Status::NotFound)?;
    g.give(&value, ptr, size)
}

/// Sets filter state `wasm.<path>`. A root context has none: Envoy says NotFound.
pub(crate) fn set_property(
    g: &mut Guest<'_, '_>,
    path: u32,
    path_len: u32,
    at: u32,
    len: u32,
) -> Done {
    let (path, value) = (g.text(path, path_len)?, g.read(at, len)?);
    let stream = g.state().stream().ok_or(Status::NotFound)?;
    stream.filter_state.insert(path, value);
    Ok(())
}

pub(crate) fn shared_data(
    g: &mut Guest<'_, '_>,
    key: u32,
    key_len: u32,
    ptr: u32,
    size: u32,
    cas_at: u32,
) -> Done {
    let key = g.read(key, key_len)?;
    let state = g.state();
    let (value, cas) = state
        .options
        .shared
        .get(&state.options.vm_id, &key)
        .ok_or(Status::NotFound)?;
    g.give(&value, ptr, size)?;
    g.write_u32(cas_at, cas)
}

pub(crate) fn set_shared_data(
    g: &mut Guest<'_, '_>,
    key: u32,
    key_len: u32,
    at: u32,
    len: u32,
    cas: u32,
) -> Done {
    let (key, value) = (g.read(key, key_len)?, g.read(at, len)?);
    let state = g.state();
    Ok(state
        .options
        .shared
        .status_of_set(&state.options.vm_id, &key, &value, cas)?)
}

pub(crate) fn no_queue_3(_: &mut Guest<'_, '_>, _: u32, _: u32, _: u32) -> Done {
    Err(Status::Unimplemented.into())
}

pub(crate) fn no_queue_5(_: &mut Guest<'_, '_>, _: u32, _: u32, _: u32, _: u32, _: u32) -> Done {
    Err(Status::Unimplemented.into())
}

pub(crate) fn define_metric(g: &mut Guest<'_, '_>, kind: u32, at: u32, len: u32, out: u32) -> Done {
    let name = g.text(at, len)?;
    let id = g.state().metrics.define(kind, name)?;
    g.write_u32(out, id)
}

pub(crate) fn metric(g: &mut Guest<'_, '_>, id: u32, out: u32) -> Done {
    let value = g.state().metrics.get(id)?;
    g.write_u64(out, value)
}

pub(crate) fn record_metric(g: &mut Guest<'_, '_>, id: u32, value: u64) -> Done {
    Ok(g.state().metrics.record(id, value)?)
}

pub(crate) fn increment_metric(g: &mut Guest<'_, '_>, id: u32, offset: i64) -> Done {
    Ok(g.state().metrics.increment(id, offset)?)
}

/// Lets a root act on one of its streams until the running call returns. A stream that is gone is BadArgument.
pub(crate) fn set_effective_context(g: &mut Guest<'_, '_>, id: u32) -> Done {
    let state = g.state();
    let known = state.roots.contains_key(&id) || state.streams.get(&id).is_some_and(|s| s.in_vm);
    if !known {
        return Err(Status::BadArgument.into());
    }
    state.effective = id;
    Ok(())
}

/// Only meaningful after `on_done` returned false on shutdown, which this host does not wait for.
pub(crate) fn done(_: &mut Guest<'_, '_>) -> Done {
    Err(Status::NotFound.into())
}

pub(crate) fn foreign_function(
    g: &mut Guest<'_, '_>,
    name: u32,
    len: u32,
    args: u32,
    args_len: u32,
    ptr: u32,
    size: u32,
) -> Done {
    let (name, args) = (g.text(name, len)?, g.read(args, args_len)?);
    // The one function that needs no Envoy: there is no route cache to clear.
    if name == "clear_route_cache" {
        return g.give(&[], ptr, size);
    }
    drop(args);
    Err(Status::NotFound.into())
}

#[expect(
    clippy::too_many_arguments,
    reason = "the ABI's own list of parameters"
)]
pub(crate) fn http_call(
    g: &mut Guest<'_, '_>,
    up: u32,
    up_len: u32,
    headers: u32,
    headers_len: u32,
    body: u32,
    body_len: u32,
    trailers: u32,
    trailers_len: u32,
    timeout: u32,
    out: u32,
) -> Done {
    let cluster = g.text(up, up_len)?;
    let headers = Headers::decode(&g.read(headers, headers_len)?);
    let body = g.read(body, body_len)?;
    let trailers = Headers::decode(&g.read(trailers, trailers_len)?);
    let state = g.state();
    let complete = [":path", ":method", ":authority"]
        .iter()
        .all(|name| headers.contains(name));
    if i32::try_from(timeout).is_err() || !complete || !state.options.clusters.contains(&cluster) {
        return Err(Status::BadArgument.into());
    }
    let kind = CalloutKind::Http {
        headers,
        body,
        trailers,
    };
    let root = state.root();
    let token = state.callouts.open(root, cluster, kind, timeout);
    g.write_u32(out, token)
}

#[expect(
    clippy::too_many_arguments,
    reason = "the ABI's own list of parameters"
)]
pub(crate) fn grpc_call(
    g: &mut Guest<'_, '_>,
    up: u32,
    up_len: u32,
    service: u32,
    service_len: u32,
    method: u32,
    method_len: u32,
    metadata: u32,
    metadata_len: u32,
    message: u32,
    message_len: u32,
    timeout: u32,
    out: u32,
) -> Done {
    let cluster = g.text(up, up_len)?;
    let kind = CalloutKind::Grpc {
        service: g.text(service, service_len)?,
        method: g.text(method, method_len)?,
        metadata: Headers::decode(&g.read(metadata, metadata_len)?),
        message: g.read(message, message_len)?,
    };
    let state = g.state();
    if !state.options.clusters.contains(&cluster) {
        return Err(Status::ParseFailure.into());
    }
    let root = state.root();
    let token = state.callouts.open(root, cluster, kind, timeout);
    g.write_u32(out, token)
}

#[expect(
    clippy::too_many_arguments,
    reason = "the ABI's own list of parameters"
)]
pub(crate) fn grpc_stream(
    _: &mut Guest<'_, '_>,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Done {
    Err(Status::Unimplemented.into())
}

pub(crate) fn grpc_send(_: &mut Guest<'_, '_>, _: u32, _: u32, _: u32, _: u32) -> Done {
    Err(Status::Unimplemented.into())
}

pub(crate) fn grpc_cancel(g: &mut Guest<'_, '_>, token: u32) -> Done {
    let gone = g.state().callouts.open.remove(&token);
    gone.map(drop).ok_or_else(|| Status::NotFound.into())
}

pub(crate) fn status(g: &mut Guest<'_, '_>, code: u32, ptr: u32, size: u32) -> Done {
    let (number, text) = g.state().callouts.status.clone();
    g.write_u32(code, number)?;
    g.give(text.as_bytes(), ptr, size)
}
