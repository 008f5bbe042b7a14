//! The wasm that is deployed, in the wasmtime host.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use toolgate_engine::counters::Store;

use super::{Backend, MOST_STEPS, Meanwhile, Observed, Reply, Running, Upstream, read_records};
use crate::shared_store::Shared;
use toolgate_host::{
    Clock, Faults, Message, Module, Outcome, SentUpstream, Status, Stream, Vm, VmOptions, When,
};

/// Starts VMs from a compiled module.
pub struct Wasm {
    module: Module,
}

impl Wasm {
    /// From the module a host would load.
    pub fn new(module: Module) -> Wasm {
        Wasm { module }
    }
}

impl Backend for Wasm {
    fn name(&self) -> &'static str {
        "wasm"
    }

    fn start(&self, config: &str, clock: &Clock) -> Result<Box<dyn Running>> {
        let options = VmOptions {
            clock: clock.clone(),
            faults: Faults::none(),
            // Larger than what the gate inspects, as the documentation asks for.
            buffer_limit: 8 << 20,
            ..VmOptions::default()
        };
        let faults = options.faults.clone();
        let store = Shared::of(&options);
        let vm = Vm::configured(&self.module, options, config.as_bytes())?;
        Ok(Box::new(RunningWasm {
            vm,
            clock: clock.clone(),
            store,
            faults,
        }))
    }
}

struct RunningWasm {
    vm: Vm,
    clock: Clock,
    store: Shared,
    faults: Faults,
}

impl Running for RunningWasm {
    fn held_exchange(
        &mut self,
        request: &Message,
        upstream: &mut dyn FnMut(&SentUpstream) -> Upstream,
        meanwhile: &mut dyn FnMut(usize, &mut dyn Store) -> Meanwhile,
    ) -> Result<Observed> {
        let before = self.vm.metrics().counters();
        let stream = self.vm.stream();
        stream.send(request);
        let held = self.hold(&stream, meanwhile)?;
        let forwarded = stream.upstream();
        if let Some(sent) = forwarded.as_ref().filter(|sent| sent.ended && !sent.reset) {
            self.act(&stream, upstream(sent));
        }
        let exchange = stream.done();
        if let Some(trap) = &exchange.trap {
            anyhow::bail!("the module trapped: {trap}");
        }
        // The answer to a HEAD has the length of a body that does not follow.
        if request.headers.get(":method") != Some(b"HEAD") {
            exchange.check().map_err(anyhow::Error::msg)?;
        }
        let hung = matches!(exchange.outcome, Outcome::Hung | Outcome::ResponseHung);
        ensure!(!hung, "the exchange hangs: nothing resumes or answers it");
        let got = exchange.downstream;
        let mut headers = got.headers.clone();
        headers.remove(":status");
        Ok(Observed {
            forwarded,
            held,
            reply: Reply {
                status: got.status,
                headers,
                body: got.body(),
                trailers: got.trailers.clone(),
                complete: got.ended,
            },
            records: read_records(
                &exchange
                    .filter_state
                    .get("toolgate")
                    .map(|state| String::from_utf8_lossy(state).into_owned())
                    .unwrap_or_default(),
            )?,
            metrics: risen(&before, &self.vm.metrics().counters()),
        })
    }

    fn with_store(&mut self, act: &mut dyn FnMut(&mut dyn Store)) {
        act(&mut self.store);
    }

    fn set_store_down(&mut self, down: bool) {
        self.faults.clear();
        if down {
            for call in ["proxy_get_shared_data", "proxy_set_shared_data"] {
                self.faults
                    .fail(call, When::Always, Status::InternalFailure);
            }
        }
    }
}

impl RunningWasm {
    /// What happens while the request is held; whether it was.
    fn hold(
        &mut self,
        stream: &Stream,
        meanwhile: &mut dyn FnMut(usize, &mut dyn Store) -> Meanwhile,
    ) -> Result<bool> {
        for step in 0..MOST_STEPS {
            if stream.outcome() != Outcome::Hung {
                return Ok(step > 0);
            }
            match meanwhile(step, &mut self.store) {
                Meanwhile::After(time) => self.clock.advance(time),
                Meanwhile::Disconnect => {
                    stream.disconnect();
                    continue;
                }
                Meanwhile::Update(config) => {
                    ensure!(
                        self.vm.configure(config.as_bytes())?,
                        "the new configuration was rejected"
                    );
                }
            }
            self.vm.tick();
        }
        bail!("the exchange hangs: nothing resumes or answers it")
    }

    fn act(&self, stream: &Stream, upstream: Upstream) {
        let proxy = upstream.proxy_reply();
        if let Upstream::Reply(reply) = upstream {
            stream.answer(*reply);
            return;
        }
        let Some(reply) = proxy else { return };
        stream.proxy_reply(reply.status, reply.body, reply.details, reply.flags);
    }
}

fn risen(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let rise = |(name, value): (&String, &u64)| {
        let rise = value - before.get(name).copied().unwrap_or(0).min(*value);
        (rise > 0).then(|| (name.clone(), rise))
    };
    after.iter().filter_map(rise).collect()
}
