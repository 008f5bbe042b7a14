//! The worker thread's side of a VM: calls into the guest, what they left to do, and the life of contexts.

use anyhow::Context as _;
use wasmtime::{AsContextMut as _, Instance, Store, StoreLimitsBuilder, TypedFunc};

use super::callout::{Answer, Callout, CalloutKind};
use super::headers::Headers;
use super::metrics::Registry;
use super::module::{Module, plain};
use super::state::{Action, HostState, Level, LogLine, StreamState};
use super::vm::VmOptions;

/// Which callback of which stream is running: a local reply from inside it has to wait until it returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    None,
    Decoding(u32),
    Encoding(u32),
}

pub(crate) struct Inner {
    pub(super) module: Module,
    pub(super) options: VmOptions,
    pub(super) store: Store<HostState>,
    instance: Instance,
    /// The root context of the current configuration; 0 before there is one.
    pub(super) root: u32,
    dead: Option<String>,
    fuel_used: u64,
}

impl Inner {
    pub fn start(module: &Module, options: VmOptions) -> anyhow::Result<Self> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(options.memory_limit)
            .build();
        let state = HostState {
            memory: None,
            alloc: None,
            limits,
            current: 0,
            effective: 0,
            next_context: 0,
            actions: Vec::new(),
            stop_next: false,
            plugin_configuration: None,
            roots: Default::default(),
            streams: Default::default(),
            callouts: Default::default(),
            logs: Vec::new(),
            metrics: Registry::new(options.metrics.clone()),
            shared: options.shared.clone(),
            clock: options.clock.clone(),
            faults: options.faults.clone(),
            vm_id: options.vm_id.clone(),
            root_id: options.root_id.clone(),
            vm_configuration: options.vm_configuration.clone(),
            properties: options.properties.clone(),
            clusters: options.clusters.clone(),
            log_level: options.log_level,
            random: options.random_seed.max(1),
        };
        let mut store = Store::new(module.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_fuel(options.fuel_per_call).map_err(plain)?;
        let instance = module.pre.instantiate(&mut store).map_err(plain)?;
        let memory = instance.get_memory(&mut store, "memory");
        let alloc = ["proxy_on_memory_allocate", "malloc"]
            .iter()
            .find_map(|name| instance.get_typed_func(&mut store, name).ok());
        store.data_mut().memory = Some(memory.context("the module exports no memory")?);
        store.data_mut().alloc = alloc;
        let mut inner = Self {
            module: module.clone(),
            options,
            store,
            instance,
            root: 0,
            dead: None,
            fuel_used: 0,
        };
        inner.call::<(), ()>("_initialize", 0, (), Phase::None);
        match &inner.dead {
            Some(trap) => anyhow::bail!("`_initialize` failed: {trap}"),
            None => Ok(inner),
        }
    }

    /// Calls an export in context `id` and does what it left to do. `None`: no such export, or the VM is dead; then,
    /// inside a stream's callback, that stream has been answered 503.
    pub fn call<P, R>(&mut self, name: &str, id: u32, params: P, phase: Phase) -> Option<(R, bool)>
    where
        P: wasmtime::WasmParams,
        R: wasmtime::WasmResults,
    {
        if self.dead.is_some() {
            self.fail_stream(phase);
            return None;
        }
        let func: TypedFunc<P, R> = self.instance.get_typed_func(&mut self.store, name).ok()?;
        let state = self.store.data_mut();
        state.current = id;
        state.effective = 0;
        state.stop_next = false;
        let fuel = self.options.fuel_per_call;
        let result = self
            .store
            .set_fuel(fuel)
            .and_then(|()| func.call(self.store.as_context_mut(), params));
        self.fuel_used += fuel.saturating_sub(self.store.get_fuel().unwrap_or(fuel));
        let state = self.store.data_mut();
        let actions = std::mem::take(&mut state.actions);
        let stop = std::mem::take(&mut state.stop_next);
        match result {
            Ok(value) => {
                for action in actions {
                    self.act(action, phase);
                }
                state_idle(self.store.data_mut());
                Some((value, stop))
            }
            Err(error) => {
                let trap = format!("{name}: {error:#}");
                state.log(Level::Critical, trap.clone());
                state_idle(state);
                self.dead = Some(trap.clone());
                if let Phase::Decoding(id) | Phase::Encoding(id) = phase
                    && let Some(stream) = self.stream(id)
                {
                    stream.trap = Some(trap);
                }
                self.fail_stream(phase);
                None
            }
        }
    }

    /// True when the module exports a callback; one that is missing means "go on".
    pub fn exports(&mut self, name: &str) -> bool {
        self.instance.get_func(&mut self.store, name).is_some()
    }

    fn act(&mut self, action: Action, phase: Phase) {
        match action {
            Action::Resume(id, dir) => self.resume(id, dir),
            Action::Close(id) => self.reset(id),
            Action::Reply(id, reply) => self.local_reply(id, reply, phase),
        }
    }

    pub fn stream(&mut self, id: u32) -> Option<&mut StreamState> {
        self.store.data_mut().streams.get_mut(&id)
    }

    pub fn options(&self) -> &VmOptions {
        &self.options
    }

    pub fn is_dead(&self) -> bool {
        self.dead.is_some()
    }

    pub fn trap(&self) -> Option<String> {
        self.dead.clone()
    }

    pub fn logs(&self) -> Vec<LogLine> {
        self.store.data().logs.clone()
    }

    pub fn logs_from(&self, first: usize) -> Vec<LogLine> {
        let lines = self.store.data().logs.get(first..);
        lines.unwrap_or_default().to_vec()
    }

    pub fn take_logs(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.store.data_mut().logs)
    }

    pub fn log_count(&self) -> usize {
        self.store.data().logs.len()
    }

    pub fn memory_bytes(&self) -> usize {
        let memory = self.store.data().memory;
        memory.map_or(0, |m| m.data_size(&self.store))
    }

    pub fn fuel_used(&self) -> u64 {
        self.fuel_used
    }

    pub fn open_streams(&self) -> usize {
        let streams = self.store.data().streams.values();
        streams.filter(|s| s.in_vm && !s.finished).count()
    }

    pub fn tick_period(&self) -> u32 {
        let root = self.store.data().roots.get(&self.root);
        root.map_or(0, |r| r.tick_millis)
    }

    pub fn callouts(&self) -> Vec<Callout> {
        self.store.data().callouts.open.values().cloned().collect()
    }

    /// Calls the module back. An HTTP failure has no headers and a gRPC failure no message, as in Envoy.
    pub fn answer(&mut self, token: u32, answer: Answer) -> bool {
        let callouts = &mut self.store.data_mut().callouts;
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
                self.store.data_mut().callouts.http = None;
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
                self.store.data_mut().callouts.grpc = None;
                None
            }
            (CalloutKind::Grpc { .. }, Answer::GrpcError(code, text)) => Some((code, text)),
            (CalloutKind::Grpc { .. }, _) => Some((14, "upstream unavailable".to_owned())),
        };
        if let Some((code, text)) = failure {
            self.store.data_mut().callouts.status = (code, text);
            self.call::<_, ()>(
                "proxy_on_grpc_close",
                root,
                (root, token, code),
                Phase::None,
            );
        }
        self.store.data_mut().callouts.status.1.clear();
        self.settle();
        true
    }
}

fn state_idle(state: &mut HostState) {
    state.current = 0;
    state.effective = 0;
}
