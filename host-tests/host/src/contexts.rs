//! The life of contexts: roots come with configurations, streams with requests.

use std::sync::Arc;

use super::inner::Inner;
use super::state::{Root, StreamState};
use super::worker::{Phase, Worker};

impl Inner {
    pub fn configure(&mut self, configuration: &[u8]) -> anyhow::Result<bool> {
        if self.state().newest_root != 0 {
            let mut canary = Self::start(&self.module, self.options().clone())?;
            if !canary.configure(configuration)? {
                let mut logs = std::mem::take(&mut canary.state().logs);
                self.state().logs.append(&mut logs);
                return Ok(false);
            }
        }
        Ok(self.worker().configure(configuration.into()))
    }
}

impl Worker<'_> {
    fn configure(&mut self, configuration: Arc<[u8]>) -> bool {
        let id = self.allocate();
        let state = self.state();
        state.roots.insert(id, Root::default());
        let (vm_size, size) = (state.options.vm_configuration.len(), configuration.len());
        let visible = |worker: &mut Self, on: bool| {
            worker.state().plugin_configuration = on.then(|| configuration.clone());
        };
        visible(self, true);
        self.call::<_, ()>("proxy_on_context_create", id, (id, 0u32), Phase::None);
        visible(self, false);
        let accepted = self.ask("proxy_on_vm_start", id, vm_size) && {
            visible(self, true);
            let accepted = self.ask("proxy_on_configure", id, size);
            visible(self, false);
            accepted
        };
        if self.is_dead() {
            return false;
        }
        let state = self.state();
        let superseded = if accepted {
            std::mem::replace(&mut state.newest_root, id)
        } else {
            id
        };
        if let Some(root) = state.roots.get_mut(&superseded) {
            root.superseded = true;
        }
        self.settle();
        accepted
    }

    /// Calls a yes-or-no callback of a root; a missing one says yes, a dead VM no.
    fn ask(&mut self, name: &str, id: u32, size: usize) -> bool {
        if !self.exports(name) {
            return !self.is_dead();
        }
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let answer = self.call::<_, u32>(name, id, (id, size), Phase::None);
        answer.is_some_and(|(yes, _)| yes != 0)
    }

    /// A superseded root ticks on while streams of its own are open: held ones depend on it.
    pub fn tick(&mut self) -> usize {
        let roots = &self.state().roots;
        let due: Vec<u32> = roots
            .iter()
            .filter(|(_, root)| root.tick_millis > 0)
            .map(|(id, _)| *id)
            .collect();
        let mut ran = 0;
        for id in due {
            let call = self.call::<_, ()>("proxy_on_tick", id, (id,), Phase::None);
            ran += usize::from(call.is_some());
        }
        self.settle();
        ran
    }

    /// What Envoy does between events: answers callouts that have a responder, ends streams that are over (`on_log`,
    /// then `on_done` and `on_delete`), and deletes root contexts nobody uses any more.
    pub fn settle(&mut self) {
        if let Some(responder) = self.state().options.responder.clone() {
            let open: Vec<_> = self.state().callouts.open.values().cloned().collect();
            for callout in open {
                if let Some(answer) = responder(&callout) {
                    self.answer(callout.token, answer);
                }
            }
        }
        let over: Vec<u32> = self
            .state()
            .streams
            .iter()
            .filter(|(_, s)| s.terminated && !s.finished)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.finish(id);
        }
        let state = self.state();
        let unused: Vec<u32> = state
            .roots
            .iter()
            .filter(|(id, root)| {
                let used = state
                    .streams
                    .values()
                    .any(|s| s.root == **id && !s.finished);
                root.superseded && !used
            })
            .map(|(id, _)| *id)
            .collect();
        for id in unused {
            if self.exports("proxy_on_done") {
                self.call::<_, u32>("proxy_on_done", id, (id,), Phase::None);
            }
            self.call::<_, ()>("proxy_on_delete", id, (id,), Phase::None);
            self.state().roots.remove(&id);
        }
    }

    /// A stream that is over: `on_log`, then `on_done` and `on_delete`.
    pub fn finish(&mut self, id: u32) {
        let Some(stream) = self.stream(id) else {
            return;
        };
        stream.finished = true;
        if !stream.in_vm {
            return;
        }
        stream.log_phase = true;
        self.call::<_, ()>("proxy_on_log", id, (id,), Phase::None);
        if let Some(stream) = self.stream(id) {
            stream.log_phase = false;
        }
        if self.exports("proxy_on_done") {
            self.call::<_, u32>("proxy_on_done", id, (id,), Phase::None);
        }
        self.call::<_, ()>("proxy_on_delete", id, (id,), Phase::None);
        if let Some(stream) = self.stream(id) {
            stream.in_vm = false;
        }
    }

    /// A new stream on the current root. The guest hears of it with the first headers.
    pub fn open_stream(&mut self) -> u32 {
        let id = self.allocate();
        let stream = StreamState {
            root: self.state().newest_root,
            ..StreamState::default()
        };
        self.state().streams.insert(id, stream);
        id
    }

    fn allocate(&mut self) -> u32 {
        let state = self.state();
        state.next_context += 1;
        state.next_context
    }
}
