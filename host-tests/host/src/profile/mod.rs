//! Where a module's instructions go: exact counts by function and by the way to it.
//!
//! The module is rewritten so that each function tells the host when it begins and when it ends. The host reads
//! wasmtime's fuel at each of these moments, takes off what the telling cost, and books the rest on the function that
//! ran. Nothing is sampled, so a profile is the same on every machine, and its sum is the fuel of the module as it was.
//!
//! Fuel counts one for an instruction and one for each byte that `memory.copy` and `memory.fill` write. A second
//! profile with [`Count::Instructions`] leaves the bytes out.

mod instrument;
mod tally;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use wasmtime::{Caller, Config, Engine, Linker, OperatorCost};

use super::hostcalls;
use super::module::{Module, plain};
use super::state::HostState;
use tally::Tally;
pub use tally::{Function, Path};

/// What a profile counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Instructions, and each byte that one of them copies or fills: what [`super::Vm::fuel_used`] counts.
    WithBytesMoved,
    /// Instructions alone: a copy of 64 KiB is one.
    Instructions,
}

/// The counts of one profiled module, filled while its VMs run. Clones share the counts. VMs must take turns.
#[derive(Clone, Debug)]
pub struct Profile(Arc<Mutex<Tally>>);

impl Profile {
    /// Forgets what was counted.
    pub fn reset(&self) {
        self.lock().reset();
    }

    /// Everything that was counted.
    pub fn total(&self) -> u64 {
        self.lock().total()
    }

    /// The functions that ran, the most expensive by itself first.
    pub fn functions(&self) -> Vec<Function> {
        self.lock().functions()
    }

    /// Every chain of calls that ran, in the order of first arrival.
    pub fn paths(&self) -> Vec<Path> {
        self.lock().paths()
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Module {
    /// Compiles a module so that it tells where its instructions go. Functions are named after the module's name
    /// section; without one, by number.
    pub fn profiled(bytes: &[u8], count: Count) -> anyhow::Result<(Self, Profile)> {
        let (bytes, names) = instrument::instrument(bytes).context("rewriting the module")?;
        let mut config = Config::new();
        config.consume_fuel(true);
        if count == Count::Instructions {
            let mut cost = OperatorCost::default();
            cost.variable.memory_copy_per_byte = 0;
            cost.variable.memory_fill_per_byte = 0;
            config.operator_cost(cost);
        }
        let engine = Engine::new(&config).map_err(plain)?;
        let module = wasmtime::Module::new(&engine, bytes).map_err(plain)?;
        let mut linker = Linker::new(&engine);
        hostcalls::link(&mut linker).map_err(plain)?;
        let profile = Profile(Arc::new(Mutex::new(Tally::new(names))));
        link(&mut linker, &profile).map_err(plain)?;
        let pre = linker.instantiate_pre(&module).map_err(plain)?;
        Ok((Self { pre }, profile))
    }
}

/// Defines the two calls that the rewritten module makes.
fn link(linker: &mut Linker<HostState>, profile: &Profile) -> wasmtime::Result<()> {
    let entered = profile.clone();
    linker.func_wrap(
        instrument::MODULE,
        instrument::ENTER,
        move |caller: Caller<'_, HostState>, function: u32| -> wasmtime::Result<()> {
            let left = caller.get_fuel()?;
            entered.lock().enter(function, left);
            Ok(())
        },
    )?;
    let left = profile.clone();
    linker.func_wrap(
        instrument::MODULE,
        instrument::LEAVE,
        move |caller: Caller<'_, HostState>| -> wasmtime::Result<()> {
            let fuel = caller.get_fuel()?;
            left.lock().leave(fuel);
            Ok(())
        },
    )?;
    Ok(())
}
