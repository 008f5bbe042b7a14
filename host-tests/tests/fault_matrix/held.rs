//! A call that is held, with a fault in one of the callbacks that look after it.

use std::collections::BTreeSet;

use toolgate_host::{Answer, Faults, Headers, Message, Module, Outcome, Stream, Vm, VmOptions};

use super::{Fault, injections};

const TOKEN: &str = "a token of the operator's";

/// What the gate is told to do; the console has its token's hash.
const POLICY: &str = r#"{"version": "1", "default": "deny", "hide": ["secret"], "tools": {"pay": {
    "approval": {"timeout": "30m", "hold": "45s"}, "limits": [{"counter": "paid", "max": 2, "window": "day"}]}},
    "approvals": {"notify": {"cluster": "hooks", "path": "/", "hmac_secret": "sixteen bytes or more"}}}"#;

const BODY: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{}}}"#;
const REPLY: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

/// Where the fault is, and what a person said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Waits,
    Approved,
    Rejected,
    Stopped,
    Reply,
    Gone,
    Announced,
}

pub const PLACES: [(Place, &str); 7] = [
    (Place::Waits, "tick, a call is held"),
    (Place::Approved, "tick, it was approved"),
    (Place::Rejected, "tick, it was rejected"),
    (Place::Stopped, "tick, everything was stopped"),
    (Place::Reply, "reply headers, it was held"),
    (Place::Gone, "log, its caller has gone"),
    (Place::Announced, "answer of the webhook"),
];

/// How a held call ended, or stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Waits,
    Ran,
    Denied,
    Refused(u16),
    Cut,
    Gone,
}

struct Run {
    faults: Faults,
    gate: Vm,
    console: Vm,
    calls: Vec<String>,
}

impl Run {
    fn new(module: &Module) -> Run {
        let faults = Faults::none();
        let options = VmOptions {
            faults: faults.clone(),
            clusters: ["hooks".to_owned()].into(),
            ..VmOptions::default()
        };
        let beside = VmOptions {
            faults: Faults::none(),
            ..options.clone()
        };
        let hash = toolgate_rig::identity::token_sha256(TOKEN);
        let console = format!(r#"{{"version": "1", "console": {{"token_sha256": "{hash}"}}}}"#);
        Run {
            faults,
            gate: Vm::configured(module, options, POLICY.as_bytes()).expect("a policy"),
            console: Vm::configured(module, beside, console.as_bytes()).expect("a console"),
            calls: Vec::new(),
        }
    }

    /// Runs one callback with the fault in it.
    fn callback(&mut self, inject: &dyn Fn(&Faults), callback: impl FnOnce()) {
        let before = self.faults.counts();
        inject(&self.faults);
        callback();
        self.faults.clear();
        let was = |name: &str| {
            let known = before.iter().find(|(known, _)| known == name);
            known.map_or(0, |(_, count)| *count)
        };
        let made = self.faults.counts().into_iter();
        self.calls = made
            .filter(|(name, count)| *count > was(name))
            .map(|(name, _)| name)
            .collect();
    }

    fn console(&self, method: &str, path: &str, body: &str) -> String {
        let message = match method {
            "GET" => Message::get(path),
            _ => Message::post(path, body),
        };
        let message = message.header("authorization", format!("Bearer {TOKEN}"));
        let done = self
            .console
            .exchange(&message, toolgate_host::Upstream::Silent);
        assert_eq!(done.downstream.status, 200, "{}", done.downstream.text());
        done.downstream.text()
    }

    fn decide(&self, how: &str) {
        let seen = self.console("GET", "/api/v1/approvals", "");
        let seen: serde_json::Value = serde_json::from_str(&seen).expect("JSON");
        let id = seen["approvals"][0]["id"].as_str().expect("a question");
        let path = format!("/api/v1/approvals/{id}/{how}");
        self.console("POST", &path, r#"{"reason": "because"}"#);
    }

    fn tick(&self) {
        self.gate.clock().advance(std::time::Duration::from_secs(1));
        self.gate.tick();
    }

    /// The whole life of a call, with the fault in one callback of it.
    fn life(&mut self, place: Place, inject: &dyn Fn(&Faults)) -> Result<(End, bool), String> {
        let gate = self.gate.clone();
        let stream = gate.stream();
        stream.send(&Message::post("/mcp", BODY));
        let before = end(&stream)?;
        if before != End::Waits {
            return Err(format!("{before:?}: the call is not held"));
        }
        match place {
            Place::Approved | Place::Reply => self.decide("approve"),
            Place::Rejected => self.decide("reject"),
            Place::Stopped => drop(self.console("POST", "/api/v1/stop", r#"{"confirm": true}"#)),
            Place::Waits | Place::Gone | Place::Announced => {}
        }
        match place {
            Place::Reply => {
                self.tick();
                let head = Message::response(200, "application/json", REPLY).headers;
                self.callback(inject, || {
                    stream.response_headers(head, false);
                });
                stream.response_data(REPLY, true);
            }
            Place::Gone => self.callback(inject, || {
                stream.disconnect();
            }),
            Place::Announced => {
                self.tick();
                let open = gate.callouts();
                let open = open.first().ok_or("nothing is announced")?.token;
                let answer = Answer::Http {
                    headers: Headers::from([(":status", "204")]),
                    body: Vec::new(),
                    trailers: Headers::new(),
                };
                self.callback(inject, || {
                    gate.answer(open, answer);
                });
            }
            _ => {
                gate.clock().advance(std::time::Duration::from_secs(1));
                self.callback(inject, || {
                    gate.tick();
                });
            }
        }
        let at_once = end(&stream)?;
        // What could not be done now is done later.
        self.tick();
        self.tick();
        if stream.upstream().is_some() && end(&stream)? == End::Ran {
            stream.answer(Message::response(200, "application/json", REPLY));
        }
        let later = end(&stream)?;
        let approved = matches!(place, Place::Approved | Place::Reply);
        if later == End::Ran && !approved {
            return Err("a call nobody approved was forwarded".to_owned());
        }
        drop(stream);
        if self.gate.open_streams() != 0 && !self.gate.panicked() {
            return Err("a stream was left behind".to_owned());
        }
        Ok((later, at_once == later))
    }
}

fn end(stream: &Stream) -> Result<End, String> {
    if let Some(sent) = stream.upstream() {
        if sent.body != BODY.as_bytes() {
            return Err("what was forwarded is not what was judged".to_owned());
        }
        let cut = stream.outcome() == Outcome::Reset;
        return Ok(if cut { End::Cut } else { End::Ran });
    }
    let got = stream.downstream();
    Ok(match got.status {
        _ if got.reset => End::Gone,
        0 => End::Waits,
        200 => End::Denied,
        status => End::Refused(status),
    })
}

/// One cell of the table.
pub fn cell(
    module: &Module,
    fault: Fault,
    place: Place,
    wrong: &mut Vec<String>,
    runs: &mut usize,
) -> String {
    if fault == Fault::Oversized {
        return "–".to_owned();
    }
    let mut clean = Run::new(module);
    let judged = match clean.life(place, &|_| ()) {
        Ok((judged, _)) => judged,
        Err(error) => {
            wrong.push(format!("{place:?}: {error}"));
            return String::new();
        }
    };
    let mut outcomes = BTreeSet::new();
    for (name, inject) in injections(fault, &clean.calls) {
        *runs += 1;
        let mut run = Run::new(module);
        let (became, at_once) = match run.life(place, &*inject) {
            Ok(life) => life,
            Err(error) => {
                wrong.push(format!("{fault:?}, {place:?}, {name}: {error}"));
                continue;
            }
        };
        let mut outcome = match became {
            _ if became == judged && at_once => "as judged".to_owned(),
            _ if became == judged => "as judged, at a later tick".to_owned(),
            End::Waits => "held to the idle timeout".to_owned(),
            End::Ran => "forwarded".to_owned(),
            End::Denied => "denied".to_owned(),
            End::Refused(status) => format!("refused ({status})"),
            End::Cut => "reply cut".to_owned(),
            End::Gone => "cut".to_owned(),
        };
        if run.gate.panicked() {
            outcome += ", VM replaced";
        }
        if run.console.panicked() {
            wrong.push(format!(
                "{fault:?}, {place:?}, {name}: the console's VM is dead"
            ));
        }
        outcomes.insert(outcome);
    }
    match outcomes.len() {
        0 => "no such call".to_owned(),
        _ => outcomes.into_iter().collect::<Vec<_>>().join("; "),
    }
}
