//! The life of contexts: roots come with configurations, streams with requests.

use std::sync::Arc;

use super::inner::{Inner, Phase};
use super::state::{Root, StreamState};

impl Inner {
    pub fn configure(&mut self, configuration: &[u8]) -> anyhow::Result<bool> {
        if self.root != 0 {
            let mut canary = Self::start(&self.module, self.options.clone())?;
            if !canary.configure(configuration)? {
                self.store.data_mut().logs.append(&mut canary.logs());
                return Ok(false);
            }
        }
        let id = self.allocate();
        let configuration: Arc<[u8]> = configuration.into();
        let state = self.store.data_mut();
        state.roots.insert(id, Root::default());
        let (vm_size, size) = (state.vm_configuration.len(), configuration.len());
        let visible = |inner: &mut Self, on: bool| {
            inner.store.data_mut().plugin_configuration = on.then(|| configuration.clone());
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
            return Ok(false);
        }
        if accepted {
            let old = std::mem::replace(&mut self.root, id);
            if let Some(root) = self.store.data_mut().roots.get_mut(&old) {
                root.superseded = true;
            }
        } else if let Some(root) = self.store.data_mut().roots.get_mut(&id) {
            root.superseded = true;
        }
        self.settle();
        Ok(accepted)
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
        let roots = &self.store.data().roots;
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
        if let Some(responder) = self.options.responder.clone() {
            for callout in self.callouts() {
                if let Some(answer) = responder(&callout) {
                    self.answer(callout.token, answer);
                }
            }
        }
        let over: Vec<u32> = self
            .store
            .data()
            .streams
            .iter()
            .filter(|(_, s)| s.terminated && !s.finished)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.finish(id);
        }
        let state = self.store.data();
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
            self.store.data_mut().roots.remove(&id);
        }
    }

    fn finish(&mut self, id: u32) {
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
            root: self.root,
            ..StreamState::default()
        };
        self.store.data_mut().streams.insert(id, stream);
        id
    }

    pub fn forget(&mut self, id: u32) {
        self.store.data_mut().streams.remove(&id);
    }

    fn allocate(&mut self) -> u32 {
        let state = self.store.data_mut();
        state.next_context += 1;
        state.next_context
    }
}
