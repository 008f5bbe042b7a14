//! Compiled modules: compiled once, started often.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, anyhow, bail};
use wasmtime::{Config, Engine, InstancePre, Linker};

use super::hostcalls;
use super::state::HostState;

/// The one global: code generation settings, no state of any guest.
static ENGINE: OnceLock<Engine> = OnceLock::new();

/// A compiled module. Compiling takes seconds, starting a [`Vm`](super::Vm) from it microseconds, so tests share one;
/// it is `Send + Sync` and cheap to clone.
#[derive(Clone)]
pub struct Module {
    pub(crate) pre: InstancePre<HostState>,
}

impl Module {
    /// Compiles the module in `path`, binary wasm (or text, where wasmtime was built with it).
    pub fn from_file(path: impl AsRef<Path>) -> anyhow::Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).with_context(|| format!("reading `{}`", path.display()))?;
        Self::from_bytes(&bytes).with_context(|| format!("loading `{}`", path.display()))
    }

    /// Compiles a module from its bytes. Fails, as Envoy does, when it imports what no proxy-wasm host offers or does
    /// not say that it speaks ABI 0.2.1.
    pub fn from_bytes(bytes: &[u8]) -> anyhow::Result<Self> {
        let engine = engine()?;
        let module = wasmtime::Module::new(engine, bytes).map_err(plain)?;
        if module.get_export("proxy_abi_version_0_2_1").is_none() {
            bail!("the module does not export `proxy_abi_version_0_2_1`");
        }
        let mut linker = Linker::new(engine);
        hostcalls::link(&mut linker).map_err(plain)?;
        let pre = linker.instantiate_pre(&module).map_err(plain)?;
        Ok(Self { pre })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.pre.module().engine()
    }
}

fn engine() -> anyhow::Result<&'static Engine> {
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let mut config = Config::new();
    // Fuel bounds every call into the guest, so an endless loop is a failed test and not a hung one, and it counts
    // instructions, which compare between machines where times do not.
    config.consume_fuel(true);
    let engine = Engine::new(&config).map_err(plain)?;
    Ok(ENGINE.get_or_init(|| engine))
}

/// wasmtime's error as anyhow's, causes included.
pub(crate) fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}
