//! An exchange, driven callback by callback, with a fault in one of them.

use toolgate_host::{Exchange, Faults, Message, Module, Stream, Vm, VmOptions};

const POLICY: &str = r#"{"version": "1", "default": "deny", "hide": ["secret"], "http": {"max_body_bytes": 2000},
    "results": {"max_json_bytes": 40000, "redact": ["email"]}, "identity": {"sources": ["mtls"]}, "tools": {
    "pay": {"limits": [{"counter": "paid", "max": 2, "window": "day"}]}}}"#;

/// What is too large for the gate: a request, a reply.
pub const TOO_LARGE: (usize, usize) = (3_000, 50_000);

/// What the stream may hold: more than the gate does.
const BUFFER: usize = 65_536;

/// What a client certificate says.
const CALLER: (&[&str], &str) = (
    &["connection", "uri_san_peer_certificate"],
    "spiffe://prod/agent",
);

/// Places where a host calls the filter, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    RequestHeaders,
    RequestBody,
    RequestTrailers,
    ReplyHeaders,
    ReplyBody,
    ReplyTrailers,
    Tick,
    Log,
}

pub const PLACES: [(Place, &str); 8] = [
    (Place::RequestHeaders, "request headers"),
    (Place::RequestBody, "request body"),
    (Place::RequestTrailers, "request trailers"),
    (Place::ReplyHeaders, "reply headers"),
    (Place::ReplyBody, "reply body"),
    (Place::ReplyTrailers, "reply trailers"),
    (Place::Tick, "tick"),
    (Place::Log, "log"),
];

/// What is asked and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A call that is permitted and charged, and answered with an error, so that it is refunded.
    Charged,
    /// A call of a hidden tool.
    Hidden,
    /// A list that holds a hidden tool.
    List,
    /// A call whose result would be longer than the stream may hold, without its addresses.
    Grown,
}

pub const SUBJECTS: [Subject; 4] = [
    Subject::Charged,
    Subject::Hidden,
    Subject::List,
    Subject::Grown,
];

/// What is never shown.
pub const ADDRESS: &str = "a@b.cc ";

impl Subject {
    pub fn body(self, padding: usize) -> String {
        let padding = "x".repeat(padding);
        let call = |tool| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"a":"{padding}"}}}}}}"#
            )
        };
        match self {
            Subject::Charged | Subject::Grown => call("pay"),
            Subject::Hidden => call("secret"),
            Subject::List => format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"x":"{padding}"}}}}"#
            ),
        }
    }

    pub fn reply(self, padding: usize) -> String {
        let padding = "x".repeat(padding);
        match self {
            Subject::List => format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{{"x":"{padding}","tools":[{{"name":"secret"}},{{"name":"pay"}}]}}}}"#
            ),
            Subject::Grown => format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{{"x":"{padding}","content":[{{"type":"text","text":"{}"}}]}}}}"#,
                ADDRESS.repeat(5_000)
            ),
            _ => format!(
                r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":1,"message":"no{padding}"}}}}"#
            ),
        }
    }
}

/// What to inject: these host calls fail with a status or trap, as long as the callback runs.
pub type Inject<'i> = &'i dyn Fn(&Faults);

/// One exchange, driven callback by callback.
pub struct Run {
    faults: Faults,
    pub vm: Vm,
    /// The host calls made in the callback at hand.
    pub calls: Vec<String>,
}

impl Run {
    pub fn new(module: &Module) -> Run {
        let faults = Faults::none();
        let options = VmOptions {
            faults: faults.clone(),
            buffer_limit: BUFFER,
            ..VmOptions::default()
        };
        let vm = Vm::configured(module, options, POLICY.as_bytes()).expect("a policy");
        Run {
            faults,
            vm,
            calls: Vec::new(),
        }
    }

    /// Runs one callback, with the fault in it if it is the one.
    fn callback(&mut self, here: bool, inject: Inject<'_>, callback: impl FnOnce()) {
        if !here {
            return callback();
        }
        let before = self.faults.counts();
        inject(&self.faults);
        callback();
        self.faults.clear();
        let was = |name: &str| {
            before
                .iter()
                .find(|(known, _)| known == name)
                .map_or(0, |(_, count)| *count)
        };
        let made = self
            .faults
            .counts()
            .into_iter()
            .filter(|(name, count)| *count > was(name));
        self.calls = made.map(|(name, _)| name).collect();
    }

    /// The whole exchange with a fault at one place. `oversized`: what is sent there is too large.
    pub fn exchange(
        &mut self,
        subject: Subject,
        place: Place,
        oversized: bool,
        inject: Inject<'_>,
    ) -> Exchange {
        let at = |here: Place| place == here;
        let large = |here: bool, bytes| if here && oversized { bytes } else { 0 };
        let body = subject.body(large(
            at(Place::RequestHeaders) || at(Place::RequestBody) || at(Place::RequestTrailers),
            TOO_LARGE.0,
        ));
        let reply = subject.reply(large(
            at(Place::ReplyHeaders) || at(Place::ReplyBody) || at(Place::ReplyTrailers),
            TOO_LARGE.1,
        ));
        let (request_trailers, reply_trailers) =
            (at(Place::RequestTrailers), at(Place::ReplyTrailers));
        let vm = self.vm.clone();
        let stream = vm.stream();
        stream.set_property(CALLER.0, CALLER.1);

        // A length gives the size away at once; without one it shows as the body comes.
        let mut head = Message::post("/mcp", &body);
        if !at(Place::RequestHeaders) {
            head = head.without("content-length");
        }
        self.callback(at(Place::RequestHeaders), inject, || {
            stream.request_headers(head.headers, false);
        });
        self.callback(at(Place::RequestBody), inject, || {
            stream.request_data(&body, !request_trailers);
        });
        if request_trailers {
            self.callback(true, inject, || {
                stream.request_trailers([("x", "y")]);
            });
        }
        self.callback(at(Place::Tick), inject, || {
            vm.tick();
        });
        if stream
            .upstream()
            .is_some_and(|sent| sent.ended && !sent.reset)
        {
            self.answer(&stream, &reply, (place, reply_trailers), inject);
        }
        // The end of a stream is where its log callback runs.
        let mut done = None;
        self.callback(at(Place::Log), inject, || done = Some(stream.done()));
        done.expect("an exchange")
    }

    fn answer(
        &mut self,
        stream: &Stream,
        reply: &str,
        (place, trailers): (Place, bool),
        inject: Inject<'_>,
    ) {
        let at = |here: Place| place == here;
        let mut head = Message::response(200, "application/json", reply);
        if !at(Place::ReplyHeaders) {
            head = head.without("content-length");
        }
        self.callback(at(Place::ReplyHeaders), inject, || {
            stream.response_headers(head.headers, false);
        });
        // The last byte is left out where the log callback is meant: with it the exchange would be over.
        let open = at(Place::Log);
        // In two pieces: only what has been held can outgrow what the stream may hold.
        let (first, rest) = reply.split_at(reply.len() / 2);
        self.callback(at(Place::ReplyBody), inject, || {
            stream.response_data(first, false);
            stream.response_data(rest, !trailers && !open);
        });
        if trailers {
            self.callback(true, inject, || {
                stream.response_trailers([("x", "y")]);
            });
        }
    }
}
