//! What stands behind a [`Vm`](super::Vm): the store with its instance, and how it starts.

use anyhow::Context as _;
use wasmtime::{AsContextMut as _, Store, StoreLimitsBuilder};

use super::metrics::Registry;
use super::module::{Module, plain};
use super::state::HostState;
use super::vm::VmOptions;
use super::worker::{Phase, Worker};

pub(crate) struct Inner {
    pub(super) module: Module,
    pub(super) store: Store<HostState>,
}

impl Inner {
    pub fn start(module: &Module, options: VmOptions) -> anyhow::Result<Self> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(options.memory_limit)
            .build();
        let fuel = options.fuel_per_call;
        let state = HostState {
            instance: None,
            memory: None,
            alloc: None,
            limits,
            running: Vec::new(),
            depth: 0,
            current: 0,
            effective: 0,
            next_context: 0,
            newest_root: 0,
            actions: Default::default(),
            stop_next: false,
            plugin_configuration: None,
            roots: Default::default(),
            streams: Default::default(),
            callouts: Default::default(),
            logs: Vec::new(),
            metrics: Registry::new(options.metrics.clone()),
            random: options.random_seed.max(1),
            fuel_used: 0,
            dead: None,
            doomed: false,
            crashed: false,
            options,
        };
        let mut store = Store::new(module.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_fuel(fuel).map_err(plain)?;
        let instance = module.pre.instantiate(&mut store).map_err(plain)?;
        let memory = instance.get_memory(&mut store, "memory");
        let alloc = ["proxy_on_memory_allocate", "malloc"]
            .iter()
            .find_map(|name| instance.get_typed_func(&mut store, name).ok());
        let state = store.data_mut();
        state.instance = Some(instance);
        state.memory = Some(memory.context("the module exports no memory")?);
        state.alloc = alloc;
        let mut inner = Self {
            module: module.clone(),
            store,
        };
        inner
            .worker()
            .call::<(), ()>("_initialize", 0, (), Phase::None);
        match inner.trap() {
            Some(trap) => anyhow::bail!("`_initialize` failed: {trap}"),
            None => Ok(inner),
        }
    }

    /// The thread that runs callbacks.
    pub fn worker(&mut self) -> Worker<'_> {
        Worker::new(self.store.as_context_mut())
    }

    pub fn state(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    pub fn options(&self) -> &VmOptions {
        &self.store.data().options
    }

    pub fn trap(&self) -> Option<String> {
        self.store.data().dead.clone()
    }

    pub fn memory_bytes(&self) -> usize {
        let memory = self.store.data().memory;
        memory.map_or(0, |m| m.data_size(&self.store))
    }

    pub fn open_streams(&self) -> usize {
        let streams = self.store.data().streams.values();
        streams.filter(|s| s.in_vm && !s.finished).count()
    }

    pub fn tick_period(&self) -> u32 {
        let state = self.store.data();
        let root = state.roots.get(&state.newest_root);
        root.map_or(0, |r| r.tick_millis)
    }
}
