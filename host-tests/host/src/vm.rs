//! One VM: a worker's instance of the module, with its root contexts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::bail;

use super::callout::{Answer, Callout, Responder};
use super::clock::Clock;
use super::faults::Faults;
use super::inner::Inner;
use super::metrics::Metrics;
use super::module::Module;
use super::shared::SharedData;
use super::state::{Level, LogLine, Properties};
use super::stream::Stream;

/// How Envoy is configured around the module. The defaults are Envoy's where it has one.
#[derive(Clone)]
pub struct VmOptions {
    /// `vm_id`: shared data is keyed by it alone.
    pub vm_id: String,
    /// `root_id`.
    pub root_id: String,
    /// `vm_config.configuration`.
    pub vm_configuration: Vec<u8>,
    /// The process's shared data.
    pub shared: SharedData,
    /// The process's stats.
    pub metrics: Metrics,
    /// The time the module sees.
    pub clock: Clock,
    /// Attributes that hold for every stream.
    pub properties: Properties,
    /// Faults to inject.
    pub faults: Faults,
    /// `allow_on_headers_stop_iteration`. True here because the filter needs it; Envoy's own default is false, and
    /// then a Pause in a headers callback stops the body callback too.
    pub allow_on_headers_stop_iteration: bool,
    /// `per_connection_buffer_limit_bytes`.
    pub buffer_limit: usize,
    /// Clusters a callout may go to.
    pub clusters: BTreeSet<String>,
    /// Answers callouts as they are made. Without it they stay open until [`Vm::answer`].
    pub responder: Option<Responder>,
    /// What `get_log_level` says. Lines below it are collected all the same.
    pub log_level: Level,
    /// Instructions one call into the module may take before it is ended as a trap.
    pub fuel_per_call: u64,
    /// Most bytes of linear memory (Envoy's limit is 1 GiB).
    pub memory_limit: usize,
    /// Seed of `random_get`; the same seed gives the same bytes. Must not be 0.
    pub random_seed: u64,
}

impl Default for VmOptions {
    fn default() -> Self {
        Self {
            vm_id: "toolgate".to_owned(),
            root_id: String::new(),
            vm_configuration: Vec::new(),
            shared: SharedData::new(),
            metrics: Metrics::default(),
            clock: Clock::new(),
            properties: Properties::new(),
            faults: Faults::none(),
            allow_on_headers_stop_iteration: true,
            buffer_limit: 1024 * 1024,
            clusters: BTreeSet::new(),
            responder: None,
            log_level: Level::Info,
            fuel_per_call: 20_000_000_000,
            memory_limit: 1 << 30,
            random_seed: 0x9E37_79B9_7F4A_7C15,
        }
    }
}

/// A running VM. Clones are handles on the same VM; a mutex stands for the worker's single thread.
#[derive(Clone)]
pub struct Vm {
    inner: Arc<Mutex<Inner>>,
}

impl Vm {
    /// Instantiates the module and runs `_initialize`. There is no configuration yet: see [`Vm::configure`].
    pub fn start(module: &Module, options: VmOptions) -> anyhow::Result<Self> {
        let inner = Inner::start(module, options)?;
        Ok(Self {
            inner: Arc::new(Mutex::new(inner)),
        })
    }

    /// Starts and configures; a rejected configuration is an error that quotes the log.
    pub fn configured(
        module: &Module,
        options: VmOptions,
        configuration: &[u8],
    ) -> anyhow::Result<Self> {
        let vm = Self::start(module, options)?;
        if !vm.configure(configuration)? {
            let lines: Vec<_> = vm.logs().into_iter().map(|l| l.message).collect();
            bail!("the configuration was rejected:\n{}", lines.join("\n"));
        }
        Ok(vm)
    }

    /// Hands the module a configuration: a new root context, `on_vm_start`, `on_configure`. False means rejected.
    ///
    /// The first time this models Envoy's start. After that it models a live (ECDS) update: the configuration is first
    /// tried on a VM of its own, as Envoy does, so that one that is rejected or panics leaves the last good one in
    /// place; a good one gets a root context of its own, new streams use it, and streams of the old one finish there.
    pub fn configure(&self, configuration: &[u8]) -> anyhow::Result<bool> {
        self.lock().configure(configuration)
    }

    /// Opens an HTTP stream on the current configuration.
    pub fn stream(&self) -> Stream {
        Stream::open(self.clone())
    }

    /// Runs `on_tick` of every root context that asked for ticks. Returns how many ran.
    pub fn tick(&self) -> usize {
        self.lock().worker().tick()
    }

    /// The tick period of the current root context in milliseconds; 0 when it asked for none.
    pub fn tick_period(&self) -> u32 {
        self.lock().tick_period()
    }

    /// Callouts that wait for an answer, oldest first.
    pub fn callouts(&self) -> Vec<Callout> {
        self.lock()
            .state()
            .callouts
            .open
            .values()
            .cloned()
            .collect()
    }

    /// Answers a callout. False when there is none with this token.
    pub fn answer(&self, token: u32, answer: Answer) -> bool {
        self.lock().worker().answer(token, answer)
    }

    /// True when the module trapped. Envoy's VM is dead then: later streams get 503 (FAIL_CLOSED). A reload
    /// (FAIL_RELOAD) is a new [`Vm`] with the same [`SharedData`].
    pub fn panicked(&self) -> bool {
        self.trap().is_some()
    }

    /// True when the module trapped in a callback that a host call of its own had caused: Envoy's whole process ends, with
    /// every connection and all shared data.
    pub fn crashed(&self) -> bool {
        self.lock().state().crashed
    }

    /// What killed the VM.
    pub fn trap(&self) -> Option<String> {
        self.lock().trap()
    }

    /// Everything logged so far.
    pub fn logs(&self) -> Vec<LogLine> {
        self.lock().state().logs.clone()
    }

    /// Everything logged so far, and forgets it: for runs of a million requests.
    pub fn take_logs(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.lock().state().logs)
    }

    /// The size of the guest's linear memory. It never shrinks.
    pub fn memory_bytes(&self) -> usize {
        self.lock().memory_bytes()
    }

    /// Instructions executed so far, in wasmtime's fuel: the same for the same work on every machine.
    pub fn fuel_used(&self) -> u64 {
        self.lock().state().fuel_used
    }

    /// The process's shared data.
    pub fn shared(&self) -> SharedData {
        self.lock().options().shared.clone()
    }

    /// The clock the module sees.
    pub fn clock(&self) -> Clock {
        self.lock().options().clock.clone()
    }

    /// The process's stats.
    pub fn metrics(&self) -> Metrics {
        self.lock().options().metrics.clone()
    }

    /// The faults; rules added here take effect at once.
    pub fn faults(&self) -> Faults {
        self.lock().options().faults.clone()
    }

    /// Open streams in the guest: 0 when nothing is held and nothing leaked.
    pub fn open_streams(&self) -> usize {
        self.lock().open_streams()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
