//! The console's streams: a request comes in whole, the engine answers it. Nothing is ever forwarded.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action as FilterAction;
use toolgate_engine::config::Console;
use toolgate_engine::console::{self, Body};
use toolgate_engine::metrics::Metrics;

use crate::host::{self, Buffer, Map};
use crate::recorder::Recorder;
use crate::store::SharedData;

/// What all streams of a console share.
pub struct Plugin {
    /// The configuration.
    pub console: Console,
    /// Where records go.
    pub recorder: Recorder,
}

/// One request to the console.
pub struct Stream {
    plugin: Rc<Plugin>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// How much of the body has arrived.
    buffered: usize,
    answered: bool,
}

impl Stream {
    /// A stream of this console.
    pub fn new(plugin: Rc<Plugin>) -> Self {
        Stream {
            plugin,
            headers: Vec::new(),
            buffered: 0,
            answered: false,
        }
    }

    /// Answers, or waits for the rest. The request always stays here.
    fn ask(&mut self, body: Body<'_>) -> FilterAction {
        if self.answered {
            return FilterAction::Pause;
        }
        let Ok(now) = host::now() else {
            return self.cut();
        };
        let id = self.plugin.recorder.next_id();
        let mut cx = console::Context {
            console: &self.plugin.console,
            store: &mut SharedData,
            now,
            id: &id,
        };
        let Some(answer) = console::respond(&mut cx, &self.headers, body) else {
            return match body {
                Body::Awaited => FilterAction::Pause,
                _ => self.cut(),
            };
        };
        self.answered = true;
        let audit = &self.plugin.console.audit;
        let nothing = Metrics::default();
        self.plugin
            .recorder
            .publish(audit, &nothing, &answer.records, now);
        let reply = answer.reply;
        if host::send_local_response(reply.status, &reply.headers, &reply.body).is_err() {
            return self.cut();
        }
        FilterAction::Pause
    }

    fn whole(&mut self, size: usize) -> FilterAction {
        match host::buffer(Buffer::RequestBody, size) {
            Ok(body) => self.ask(Body::Whole(&body)),
            Err(_) => self.cut(),
        }
    }

    /// Ends a request that cannot be answered.
    fn cut(&mut self) -> FilterAction {
        self.answered = true;
        let _paused = host::close_downstream();
        FilterAction::Pause
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> FilterAction {
        let Ok(headers) = host::headers(Map::Request) else {
            return self.cut();
        };
        self.headers = headers;
        self.ask(match end_of_stream {
            true => Body::Whole(&[]),
            false => Body::Awaited,
        })
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> FilterAction {
        self.buffered = size;
        if size > console::MAX_BODY {
            self.ask(Body::TooLarge)
        } else if end_of_stream {
            self.whole(size)
        } else {
            FilterAction::Pause
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> FilterAction {
        // With trailers no body callback ever sees the end of the stream.
        self.whole(self.buffered)
    }
}
