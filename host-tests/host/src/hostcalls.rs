//! The imports a module may use: one line each, `env.proxy_*` here and WASI in [`super::wasi`].
//!
//! Every call passes [`guard`], where faults are injected and counted. What a call does is in [`super::calls_http`]
//! (streams, headers, bodies) and [`super::calls_env`] (everything else).

use wasmtime::{Caller, Linker};

use super::abi::{Done, Fail, Guest, Status};
use super::faults::Fault;
use super::state::HostState;
use super::{calls_env as env, calls_http as http};

/// Runs one host call: fault first, then the call, then its outcome as the guest sees it.
pub(crate) fn guard(
    caller: &mut Caller<'_, HostState>,
    name: &'static str,
    call: impl FnOnce(&mut Guest<'_, '_>) -> Done,
) -> wasmtime::Result<i32> {
    match caller.data().options.faults.hit(name) {
        Some(Fault::Status(status)) => return Ok(status as i32),
        Some(Fault::Trap) => return Err(wasmtime::Error::msg(format!("injected trap in {name}"))),
        None => {}
    }
    match call(&mut Guest { caller }) {
        Ok(()) => Ok(Status::Ok as i32),
        Err(Fail::Status(status)) => Ok(status as i32),
        Err(Fail::Trap(error)) => Err(error),
    }
}

macro_rules! imports {
    ($linker:ident; $($name:ident($($arg:ident: $ty:ty),*) => $call:path;)*) => {$(
        $linker.func_wrap(
            "env",
            stringify!($name),
            |mut caller: Caller<'_, HostState>, $($arg: $ty),*| {
                guard(&mut caller, stringify!($name), |g| $call(g, $($arg),*))
            },
        )?;
    )*};
}

/// Defines every proxy-wasm 0.2.1 host call. A module that imports anything else does not load, as in Envoy.
pub(crate) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    imports! { linker;
        proxy_log(level: u32, at: u32, len: u32) => env::log;
        proxy_get_log_level(out: u32) => env::log_level;
        proxy_get_current_time_nanoseconds(out: u32) => env::current_time;
        proxy_set_tick_period_milliseconds(millis: u32) => env::set_tick_period;
        proxy_get_property(path: u32, path_len: u32, ptr: u32, size: u32) => env::property;
        proxy_set_property(path: u32, path_len: u32, at: u32, len: u32) => env::set_property;
        proxy_get_shared_data(key: u32, key_len: u32, ptr: u32, size: u32, cas: u32) => env::shared_data;
        proxy_set_shared_data(key: u32, key_len: u32, at: u32, len: u32, cas: u32) => env::set_shared_data;
        proxy_register_shared_queue(name: u32, len: u32, out: u32) => env::no_queue_3;
        proxy_resolve_shared_queue(vm: u32, vm_len: u32, name: u32, len: u32, out: u32) => env::no_queue_5;
        proxy_dequeue_shared_queue(id: u32, ptr: u32, size: u32) => env::no_queue_3;
        proxy_enqueue_shared_queue(id: u32, at: u32, len: u32) => env::no_queue_3;
        proxy_define_metric(kind: u32, at: u32, len: u32, out: u32) => env::define_metric;
        proxy_get_metric(id: u32, out: u32) => env::metric;
        proxy_record_metric(id: u32, value: u64) => env::record_metric;
        proxy_increment_metric(id: u32, offset: i64) => env::increment_metric;
        proxy_set_effective_context(id: u32) => env::set_effective_context;
        proxy_done() => env::done;
        proxy_call_foreign_function(name: u32, len: u32, args: u32, args_len: u32, ptr: u32, size: u32) => env::foreign_function;
        proxy_http_call(up: u32, up_len: u32, headers: u32, headers_len: u32, body: u32, body_len: u32, trailers: u32, trailers_len: u32, timeout: u32, out: u32) => env::http_call;
        proxy_grpc_call(up: u32, up_len: u32, service: u32, service_len: u32, method: u32, method_len: u32, metadata: u32, metadata_len: u32, message: u32, message_len: u32, timeout: u32, out: u32) => env::grpc_call;
        proxy_grpc_stream(up: u32, up_len: u32, service: u32, service_len: u32, method: u32, method_len: u32, metadata: u32, metadata_len: u32, out: u32) => env::grpc_stream;
        proxy_grpc_send(token: u32, at: u32, len: u32, end: u32) => env::grpc_send;
        proxy_grpc_cancel(token: u32) => env::grpc_cancel;
        proxy_grpc_close(token: u32) => env::grpc_cancel;
        proxy_get_status(code: u32, ptr: u32, size: u32) => env::status;
        proxy_get_buffer_bytes(kind: u32, start: u32, len: u32, ptr: u32, size: u32) => http::buffer_bytes;
        proxy_get_buffer_status(kind: u32, len: u32, flags: u32) => http::buffer_status;
        proxy_set_buffer_bytes(kind: u32, start: u32, len: u32, at: u32, size: u32) => http::set_buffer_bytes;
        proxy_get_header_map_pairs(map: u32, ptr: u32, size: u32) => http::map_pairs;
        proxy_set_header_map_pairs(map: u32, at: u32, len: u32) => http::set_map_pairs;
        proxy_get_header_map_size(map: u32, out: u32) => http::map_size;
        proxy_get_header_map_value(map: u32, key: u32, key_len: u32, ptr: u32, size: u32) => http::map_value;
        proxy_replace_header_map_value(map: u32, key: u32, key_len: u32, at: u32, len: u32) => http::replace_map_value;
        proxy_add_header_map_value(map: u32, key: u32, key_len: u32, at: u32, len: u32) => http::add_map_value;
        proxy_remove_header_map_value(map: u32, key: u32, key_len: u32) => http::remove_map_value;
        proxy_continue_stream(kind: u32) => http::continue_stream;
        proxy_close_stream(kind: u32) => http::close_stream;
        proxy_send_local_response(status: u32, details: u32, details_len: u32, body: u32, body_len: u32, headers: u32, headers_len: u32, grpc: i32) => http::send_local_response;
    }
    super::wasi::link(linker)
}
