//! The worker thread of a VM: calls into the guest, what they leave to do, and what it costs when one traps.
//!
//! A worker is made of whatever gives access to the store: of the VM between callbacks, and of the host call that is running
//! inside one. Some host calls make Envoy act there and then, and so call the guest back while it has not returned; that
//! runs through the very same code.

use wasmtime::{StoreContextMut, TypedFunc};

use super::callout::{Answer, CalloutKind};
use super::headers::Headers;
use super::replies::end_stream;
use super::state::{Action, HostState, Level, StreamState};

/// Which callback of which stream is running: a local reply from inside it has to wait until it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    None,
    Decoding(u32),
    Encoding(u32),
}

pub(crate) struct Worker<'a> {
    pub(super) store: StoreContextMut<'a, HostState>,
}

impl<'a> Worker<'a> {
    pub fn new(store: StoreContextMut<'a, HostState>) -> Self {
        Self { store }
    }

    pub fn state(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    /// Calls an export in context `id` and does what it left to do. `None`: no such export, or the VM is dead; then,
    /// inside a stream's callback, that stream has been answered 503.
    pub fn call<P, R>(&mut self, name: &str, id: u32, params: P, phase: Phase) -> Option<(R, bool)>
    where
        P: wasmtime::WasmParams,
        R: wasmtime::WasmResults,
    {
        if self.is_dead() {
            self.fail_stream(phase);
            return None;
        }
        let instance = self.state().instance?;
        let func: TypedFunc<P, R> = instance.get_typed_func(&mut self.store, name).ok()?;
        let state = self.state();
        // A call inside another has its own context, and gives the other's back.
        let outer = (state.current, state.effective);
        (state.current, state.effective) = (id, 0);
        state.stop_next = false;
        state.running.push(phase);
        let is_nested = state.depth > 0;
        state.depth += 1;
        let result = self.run(&func, params, is_nested);
        self.state().depth -= 1;
        if let Err(error) = &result {
            self.died(format!("{name}: {error:#}"), is_nested, phase);
        }
        if self.state().doomed && !is_nested {
            self.crash();
        }
        let stop = std::mem::take(&mut self.state().stop_next);
        // Envoy acts on what was asked for, by any call that has not returned, as soon as one returns.
        while let Some(action) = self.state().actions.pop_front() {
            self.act(action, phase);
        }
        let state = self.state();
        state.running.pop();
        (state.current, state.effective) = outer;
        result.ok().map(|value| (value, stop))
    }

    /// Runs the guest, on the fuel of one call.
    fn run<P, R>(
        &mut self,
        func: &TypedFunc<P, R>,
        params: P,
        is_nested: bool,
    ) -> wasmtime::Result<R>
    where
        P: wasmtime::WasmParams,
        R: wasmtime::WasmResults,
    {
        if is_nested {
            return func.call(&mut self.store, params);
        }
        let fuel = self.state().options.fuel_per_call;
        self.store.set_fuel(fuel)?;
        let result = func.call(&mut self.store, params);
        let used = fuel.saturating_sub(self.store.get_fuel().unwrap_or(fuel));
        self.state().fuel_used += used;
        result
    }

    /// The guest has trapped. Where that was inside another call that one goes on, without a guest to call back. Inside a
    /// callback of a stream it dooms the process: when the callback has returned Envoy ends with a segmentation fault;
    /// inside a tick it does not (measured on Envoy 1.40).
    fn died(&mut self, trap: String, is_nested: bool, phase: Phase) {
        let state = self.state();
        state.log(Level::Critical, trap.clone());
        state.actions.clear();
        state.dead.get_or_insert(trap.clone());
        let in_stream = state.running.first() != Some(&Phase::None);
        state.doomed |= is_nested && in_stream;
        if let Phase::Decoding(id) | Phase::Encoding(id) = phase
            && let Some(stream) = self.stream(id)
        {
            stream.trap = Some(trap);
        }
        if !self.state().doomed {
            self.fail_stream(phase);
        }
    }

    /// The process is gone: every stream is cut where it stands, and no callback runs any more.
    fn crash(&mut self) {
        let state = self.state();
        state.crashed = true;
        state.actions.clear();
        state.log(Level::Critical, "the process has crashed".to_owned());
        for stream in state.streams.values_mut().filter(|s| !s.finished) {
            stream.finished = true;
            stream.downstream.reset |= !stream.downstream.ended;
            end_stream(stream);
        }
    }

    /// True when the module exports a callback; one that is missing means "go on".
    pub fn exports(&mut self, name: &str) -> bool {
        let instance = self.state().instance;
        instance.is_some_and(|instance| instance.get_func(&mut self.store, name).is_some())
    }

    fn act(&mut self, action: Action, phase: Phase) {
        match action {
            Action::Resume(id, dir) => self.resume(id, dir),
            Action::Close(id) => self.reset(id),
            Action::Reply(id, reply) => self.local_reply(id, reply, phase),
        }
    }

    pub fn stream(&mut self, id: u32) -> Option<&mut StreamState> {
        self.state().streams.get_mut(&id)
    }

    pub fn is_dead(&mut self) -> bool {
        self.state().dead.is_some()
    }

    /// Calls the module back. An HTTP failure has no headers and a gRPC failure no message, as in Envoy.
    pub fn answer(&mut self, token: u32, answer: Answer) -> bool {
        let callouts = &mut self.state().callouts;
        let Some(callout) = callouts.open.remove(&token) else {
            return false;
        };
        let root = callout.root;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let http = |headers: Headers, body: Vec<u8>, trailers: Headers| {
            let sizes = (
                count(headers.len()),
                count(body.len()),
                count(trailers.len()),
            );
            (sizes, (headers, body, trailers))
        };
        let failure = match (&callout.kind, answer) {
            (
                CalloutKind::Http { .. },
                Answer::Http {
                    headers,
                    body,
                    trailers,
                },
            ) => {
                let (sizes, response) = http(headers, body, trailers);
                callouts.http = Some(response);
                let params = (root, token, sizes.0, sizes.1, sizes.2);
                self.call::<_, ()>("proxy_on_http_call_response", root, params, Phase::None);
                self.state().callouts.http = None;
                None
            }
            (CalloutKind::Http { .. }, _) => {
                callouts.status = (9, "reset".to_owned());
                let params = (root, token, 0u32, 0u32, 0u32);
                self.call::<_, ()>("proxy_on_http_call_response", root, params, Phase::None);
                None
            }
            (CalloutKind::Grpc { .. }, Answer::Grpc(message)) => {
                let size = count(message.len());
                callouts.grpc = Some(message);
                self.call::<_, ()>(
                    "proxy_on_grpc_receive",
                    root,
                    (root, token, size),
                    Phase::None,
                );
                self.state().callouts.grpc = None;
                None
            }
            (CalloutKind::Grpc { .. }, Answer::GrpcError(code, text)) => Some((code, text)),
            (CalloutKind::Grpc { .. }, _) => Some((14, "upstream unavailable".to_owned())),
        };
        if let Some((code, text)) = failure {
            self.state().callouts.status = (code, text);
            self.call::<_, ()>(
                "proxy_on_grpc_close",
                root,
                (root, token, code),
                Phase::None,
            );
        }
        self.state().callouts.status.1.clear();
        self.settle();
        true
    }
}
