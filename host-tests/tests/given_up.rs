//! Calls that their callers cancel or leave after they were forwarded: they may have run, so their charge stays, whatever the
//! server says; and what never left the proxy is given back, whatever the caller does.

use toolgate_host::{Message, Module, Request, Stream, Vm, VmOptions, wasm};

/// Two calls a day, and everything is given back that can be.
const POLICY: &str = r#"{"version": "1", "default": "deny", "tools": {"pay": {"limits": [
    {"counter": "paid", "max": 2, "window": "day", "refund_on_unknown": true, "refund_on_tool_error": true}]}}}"#;

const FAILED: &str =
    r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"context canceled"}}"#;
const TOOL_FAILED: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[],"isError":true}}"#;

struct Case {
    name: &'static str,
    /// The ids of cancellations that come while the call is under way, and their session.
    cancelled: &'static [&'static str],
    session: &'static str,
    end: End,
    /// Whether the charge comes back.
    given_back: bool,
}

enum End {
    Answer(&'static str),
    /// The client's stream ends, as the host says.
    Left,
    /// The upstream's does.
    Reset,
    /// Nothing was sent.
    Unreachable,
}

const CASE: Case = Case {
    name: "nobody cancels, and the server refuses",
    cancelled: &[],
    session: "s",
    end: End::Answer(FAILED),
    given_back: true,
};

const CASES: &[Case] = &[
    CASE,
    Case {
        name: "cancelled, and the server says that it failed",
        cancelled: &["7"],
        given_back: false,
        ..CASE
    },
    Case {
        name: "cancelled in another session, for servers that know none",
        cancelled: &["7"],
        session: "another",
        given_back: false,
        ..CASE
    },
    Case {
        name: "cancelled by an id that some servers take for the same",
        cancelled: &[r#""\u0037""#],
        given_back: false,
        ..CASE
    },
    Case {
        name: "cancelled, and the tool says that it failed",
        cancelled: &["7"],
        end: End::Answer(TOOL_FAILED),
        given_back: false,
        ..CASE
    },
    Case {
        name: "cancelled, and the upstream resets",
        cancelled: &["7"],
        end: End::Reset,
        given_back: false,
        ..CASE
    },
    Case {
        name: "another call is cancelled",
        cancelled: &["8"],
        ..CASE
    },
    Case {
        name: "the tool says that it failed",
        end: End::Answer(TOOL_FAILED),
        ..CASE
    },
    Case {
        name: "the upstream resets",
        end: End::Reset,
        ..CASE
    },
    Case {
        name: "the caller hangs up",
        end: End::Left,
        given_back: false,
        ..CASE
    },
    Case {
        name: "cancelled, and never sent",
        cancelled: &["7"],
        end: End::Unreachable,
        ..CASE
    },
];

fn pay() -> Request {
    let body = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"pay"}}"#;
    Message::post("/mcp", body).with("mcp-session-id", "s")
}

fn cancel(vm: &Vm, id: &str, session: &str) {
    let body = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
    );
    let stream = vm.stream();
    stream.send(&Message::post("/mcp", body).with("mcp-session-id", session));
    stream.answer(Message::response(202, "text/plain", ""));
    assert!(stream.done().forwarded());
}

fn end(stream: Stream, end: &End) {
    match end {
        End::Answer(body) => {
            stream.answer(Message::response(200, "application/json", body));
        }
        End::Left => {
            stream.disconnect();
        }
        End::Reset => {
            stream.upstream_reset();
        }
        End::Unreachable => {
            stream.upstream_unreachable();
        }
    }
    stream.done();
}

/// How many of three further calls pass.
fn left(vm: &Vm) -> usize {
    let calls = (0..3).map(|_| {
        let stream = vm.stream();
        stream.send(&pay());
        let result = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
        let forwarded = stream.upstream().is_some();
        if forwarded {
            stream.answer(Message::response(200, "application/json", result));
        }
        stream.done();
        usize::from(forwarded)
    });
    calls.sum()
}

fn vm(module: &Module) -> Vm {
    Vm::configured(module, VmOptions::default(), POLICY.as_bytes()).unwrap()
}

#[test]
fn who_gives_a_call_up_pays_for_it() {
    let module = Module::from_file(wasm::artifact().unwrap()).unwrap();
    let mut wrong = Vec::new();
    for case in CASES {
        let vm = vm(&module);
        let stream = vm.stream();
        stream.send(&pay());
        for id in case.cancelled {
            cancel(&vm, id, case.session);
        }
        end(stream, &case.end);
        if left(&vm) != 1 + usize::from(case.given_back) {
            wrong.push(case.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_cancellation_is_hidden_by_no_others_and_is_for_no_later_call() {
    let module = Module::from_file(wasm::artifact().unwrap()).unwrap();
    let gate = vm(&module);
    let stream = gate.stream();
    stream.send(&pay());
    cancel(&gate, "7", "s");
    for other in 100..200 {
        cancel(&gate, &other.to_string(), "s");
    }
    end(stream, &End::Answer(FAILED));
    assert_eq!(left(&gate), 1);

    // An id comes again.
    let gate = vm(&module);
    cancel(&gate, "7", "s");
    gate.clock().advance(std::time::Duration::from_secs(1));
    let stream = gate.stream();
    stream.send(&pay());
    end(stream, &End::Answer(FAILED));
    assert_eq!(left(&gate), 2);
}
