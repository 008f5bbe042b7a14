//! A store, a configuration, and requests to it.

use serde_json::{Value, json};
use toolgate_engine::approvals::{self, Approver, Question, State};
use toolgate_engine::config::Gate;
use toolgate_engine::control;
use toolgate_engine::exchange::{Context, Exchange, HeldRequest, Step};
use toolgate_engine::identity::{Attributes, TokenHash};

use crate::common::{Memory, at};

/// What a caller sends.
#[derive(Clone, Debug)]
pub struct Request {
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    /// What the host knows of it.
    pub attributes: Attributes,
}

impl HeldRequest for Request {
    fn headers(&mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        Some(self.headers.clone())
    }

    fn body(&mut self) -> Option<Vec<u8>> {
        Some(self.body.clone())
    }
}

impl Request {
    /// Of this caller, whose token is its name.
    pub fn new(caller: &str, body: &Value) -> Request {
        let token = format!("Bearer {caller}");
        let headers = [
            (":method", "POST"),
            (":path", "/mcp"),
            ("content-type", "application/json"),
            ("authorization", &token),
        ];
        Request {
            headers: headers
                .map(|(name, value)| (name.into(), value.into()))
                .to_vec(),
            body: body.to_string().into_bytes(),
            attributes: Attributes::default(),
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// As a client of 2026-07-28 sends it.
    pub fn modern(caller: &str, mut body: Value) -> Request {
        body["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
        let name = body["params"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let method = body["method"].as_str().unwrap_or_default().to_owned();
        Request::new(caller, &body)
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", &method)
            .header("mcp-name", &name)
    }
}

/// A call of `pay`.
pub fn pay(id: u64, amount: u64) -> Value {
    json!({
        "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": "pay", "arguments": {"amount": amount}},
    })
}

/// A configuration with two callers and a tool that asks; `more` is laid over it.
pub fn config(more: &Value) -> Value {
    let grant =
        |id: &str| json!({"id": id, "token_sha256": TokenHash::of(id.as_bytes()).to_string()});
    let mut config = json!({
        "version": "1",
        "grants": [grant("ana"), grant("bea")],
        "tools": {
            "pay": {
                "approval": {"timeout": "10m", "hold": "45s", "on_deny": "Payments are checked."},
                "limits": [{"counter": "paid", "max": 5, "window": "day"}],
            },
            "gift": {"approval": {"timeout": "10m", "hold": "45s"}},
        },
        "prompts": {"default": "deny", "items": {"letter": {"approval": {"hold": "45s"}}}},
    });
    lay(&mut config, more);
    config
}

fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

pub fn gate(config: &Value) -> Gate {
    Gate::from_bytes(config.to_string().as_bytes()).expect("a configuration")
}

/// A request on its way.
pub struct Call {
    pub exchange: Exchange,
    pub request: Request,
    /// What its headers came to.
    first: Step,
}

/// All workers of a proxy.
pub struct Rig {
    pub gate: Gate,
    pub store: Memory,
    /// In seconds.
    pub now: u64,
    /// Calls each worker says it holds.
    pub held: usize,
    exchanges: u64,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Got {
    Waits,
    Held,
    /// With this body, if it is another than came.
    Forwarded(Option<Value>),
    /// Status and body.
    Answered(u32, Value),
}

impl Rig {
    pub fn new(more: &Value) -> Rig {
        let gate = gate(&config(more));
        let mut store = Memory::default();
        control::publish(&mut store, &gate).expect("it works");
        Rig {
            gate,
            store,
            now: 0,
            held: 0,
            exchanges: 0,
        }
    }

    pub fn with<T>(&mut self, act: impl FnOnce(&mut Context<'_>) -> T) -> T {
        act(&mut Context {
            gate: &self.gate,
            store: &mut self.store,
            now: at(self.now),
            held: self.held,
        })
    }

    pub fn update(&mut self, more: &Value) {
        self.gate = gate(&config(more));
        let published = control::publish(&mut self.store, &self.gate);
        published.expect("it works");
    }

    pub fn send(&mut self, request: Request) -> (Call, Got) {
        let call = self.begin(request);
        self.end(call)
    }

    /// Sends the headers alone.
    pub fn begin(&mut self, request: Request) -> Call {
        self.exchanges += 1;
        let exchange = Exchange::new(format!("x-{}", self.exchanges));
        let mut exchange = exchange.with_attributes(request.attributes.clone());
        let first = self.with(|cx| exchange.request_headers(cx, &request.headers, false));
        Call {
            exchange,
            request,
            first,
        }
    }

    /// Sends the whole body.
    pub fn end(&mut self, mut call: Call) -> (Call, Got) {
        let step = match std::mem::replace(&mut call.first, Step::Buffer) {
            Step::Buffer => self.with(|cx| call.exchange.request_end(cx, &call.request.body)),
            other => other,
        };
        (call, got(step))
    }

    /// A send that is held.
    pub fn hold(&mut self, request: Request) -> Call {
        let (call, got) = self.send(request);
        assert_eq!(got, Got::Held, "{:?}", call.exchange.records());
        call
    }

    pub fn tick(&mut self, call: &mut Call) -> Got {
        let mut request = call.request.clone();
        got(self.with(|cx| call.exchange.held(cx, &mut request)))
    }

    pub fn questions(&mut self, state: State) -> Vec<Question> {
        let all = approvals::list(&mut self.store, at(self.now)).expect("it works");
        all.into_iter()
            .filter(|question| question.state == state)
            .collect()
    }

    /// The one question in this state.
    pub fn question(&mut self, state: State) -> Question {
        let mut questions = self.questions(state);
        assert_eq!(questions.len(), 1, "{questions:?}");
        questions.remove(0)
    }

    pub fn decide(&mut self, id: &str, yes: bool) {
        let by = Approver {
            id: "bob",
            groups: &[],
            own: &[],
        };
        let decided = approvals::decide(&mut self.store, at(self.now), id, yes, &by, "Too much.");
        decided.expect("it is open");
    }

    /// A person answers the one open question.
    pub fn answer(&mut self, yes: bool) -> String {
        let id = self.question(State::Pending).id;
        self.decide(&id, yes);
        id
    }

    /// How often `pay` was charged to ana: what is missing from the five the limit allows.
    pub fn paid(&self) -> u64 {
        let mut config = config(&json!({}));
        let rules = config["tools"]["pay"].as_object_mut().expect("rules");
        rules.remove("approval");
        let gate = gate(&config);
        let mut store = self.store.clone();
        store.failing = None;
        control::resume(&mut store).expect("it works");
        control::reinstate(&mut store, "ana").expect("it works");
        let mut left = 0;
        loop {
            let mut cx = Context {
                gate: &gate,
                store: &mut store,
                now: at(self.now),
                held: 0,
            };
            let request = Request::new("ana", &pay(1, 1));
            let mut exchange = Exchange::new("probe".to_owned());
            exchange.request_headers(&mut cx, &request.headers, false);
            match exchange.request_end(&mut cx, &request.body) {
                Step::Forward(..) => left += 1,
                _ => return 5 - left,
            }
        }
    }
}

pub fn got(step: Step) -> Got {
    let parse = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
    match step {
        Step::Buffer | Step::Drain => Got::Waits,
        Step::Hold(_) => Got::Held,
        Step::Forward(_, _, body) => Got::Forwarded(body.map(|body| parse(&body))),
        Step::Reply(reply) => Got::Answered(reply.status, parse(&reply.body)),
    }
}

/// The text an agent sees, and the rule.
pub fn told(got: &Got) -> (String, String) {
    let Got::Answered(200, body) = got else {
        panic!("no answer: {got:?}");
    };
    let found = |pointers: [&str; 2]| {
        let value = pointers
            .into_iter()
            .find_map(|pointer| body.pointer(pointer));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let text = found(["/result/content/0/text", "/error/message"]);
    let rule = found([
        "/result/_meta/toolgate~1denial/rule",
        "/error/data/toolgate~1denial/rule",
    ]);
    (text, rule)
}
