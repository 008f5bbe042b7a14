//! Every exchange in every form: natively and in wasm, whole and byte by byte. What comes out must be the same.

use anyhow::{Context as _, Result, bail};

use toolgate_engine::counters::Store;

use super::{Backend, Meanwhile, Native, Observed, Running, Upstream, Wasm};
use toolgate_host::{Clock, Message, Module, SentUpstream};

/// Runs all forms side by side and fails where they differ.
pub struct Agreeing {
    native: Native,
    wasm: Wasm,
}

impl Agreeing {
    /// With the module a host would load.
    pub fn new(module: Module) -> Agreeing {
        Agreeing {
            native: Native,
            wasm: Wasm::new(module),
        }
    }
}

impl Backend for Agreeing {
    fn name(&self) -> &'static str {
        "native and wasm, whole and byte by byte"
    }

    fn start(&self, config: &str, clock: &Clock) -> Result<Box<dyn Running>> {
        let mut forms = Vec::new();
        let backends: [&dyn Backend; 2] = [&self.wasm, &self.native];
        for backend in backends {
            for bytewise in [false, true] {
                let chunks = if bytewise { "byte by byte" } else { "whole" };
                let name = format!("{}, {chunks}", backend.name());
                let gate = backend.start(config, clock).with_context(|| name.clone())?;
                forms.push(Form {
                    name,
                    bytewise,
                    gate,
                });
            }
        }
        Ok(Box::new(RunningAgreeing {
            forms,
            clock: clock.clone(),
        }))
    }
}

struct Form {
    name: String,
    bytewise: bool,
    gate: Box<dyn Running>,
}

struct RunningAgreeing {
    forms: Vec<Form>,
    clock: Clock,
}

impl Running for RunningAgreeing {
    fn held_exchange(
        &mut self,
        request: &Message,
        upstream: &mut dyn FnMut(&SentUpstream) -> Upstream,
        meanwhile: &mut dyn FnMut(usize, &mut dyn Store) -> Meanwhile,
    ) -> Result<Observed> {
        let now = self.clock.nanos();
        let mut first: Option<(String, Observed)> = None;
        for form in &mut self.forms {
            self.clock.set(now);
            let bytewise = form.bytewise;
            let observed = form
                .gate
                .held_exchange(
                    &cut(request.clone(), bytewise),
                    &mut |sent| match upstream(sent) {
                        Upstream::Reply(reply) => Upstream::Reply(Box::new(cut(*reply, bytewise))),
                        other => other,
                    },
                    meanwhile,
                )
                .with_context(|| form.name.clone())?;
            let Some((name, before)) = &first else {
                first = Some((form.name.clone(), observed));
                continue;
            };
            if let Some(difference) = before.differs(&observed) {
                bail!("{name} and {} differ: {difference}", form.name);
            }
            // Only wasm has metrics, and only those of the first run are reported.
            if !observed.metrics.is_empty() && observed.metrics != before.metrics {
                let (mine, theirs) = (&before.metrics, &observed.metrics);
                bail!(
                    "{name} and {} differ: metrics\n  {mine:?}\n  {theirs:?}",
                    form.name
                );
            }
        }
        first
            .map(|(_, observed)| observed)
            .context("there is no form to run")
    }

    fn with_store(&mut self, act: &mut dyn FnMut(&mut dyn Store)) {
        for form in &mut self.forms {
            form.gate.with_store(act);
        }
    }

    fn set_store_down(&mut self, down: bool) {
        for form in &mut self.forms {
            form.gate.set_store_down(down);
        }
    }
}

/// Byte by byte; a large body in a thousand pieces, for each piece is a call into the VM.
fn cut(message: Message, bytewise: bool) -> Message {
    let size = message.chunks.iter().map(Vec::len).sum::<usize>();
    match bytewise && size > 0 {
        true => message.chunked(size.div_ceil(PIECES).max(1)),
        false => message,
    }
}

/// Most pieces of a body.
const PIECES: usize = 4096;
