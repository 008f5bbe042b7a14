//! The script: what the demo does, and what has to come of it under `examples/quickstart/policy.json`.

use serde_json::{Value, json};

use crate::upstream::UNKNOWN_PAYMENT;

/// The protocol a step speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25: a session, replies in SSE.
    Sessions,
    /// 2026-07-28: no session, replies in JSON.
    Stateless,
}

/// What is done.
#[derive(Clone, Debug)]
pub enum Act {
    /// Asks for the tools.
    List(Era),
    /// Calls a tool.
    Call {
        /// The protocol.
        era: Era,
        /// The tool.
        tool: &'static str,
        /// Its arguments.
        arguments: Value,
    },
    /// Calls a tool that a rule holds, and lets a person answer in the console.
    Held {
        /// The protocol.
        era: Era,
        /// The tool.
        tool: &'static str,
        /// Its arguments.
        arguments: Value,
        /// What the person says.
        yes: bool,
    },
    /// Posts a body that no MCP client would send.
    Post(&'static str),
}

/// What has to come of it, on the client's side and on the server's.
#[derive(Clone, Debug)]
pub enum Expect {
    /// The client sees these tools and no others.
    Listed(&'static [&'static str]),
    /// The server ran the call and the client got its result.
    Allowed,
    /// As [`Expect::Allowed`], but for this text of the server's.
    Redacted(&'static str),
    /// The server got the call and the client got the server's error.
    ServerError,
    /// The client got a tool error with this rule; the server got nothing.
    Denied {
        /// The rule pointer.
        rule: &'static str,
        /// Whether the reply has to say when to try again.
        retry: bool,
    },
    /// HTTP 400 with a JSON-RPC error; the server got nothing.
    Rejected,
    /// HTTP 202 and no more; the server got nothing.
    Dropped,
    /// A reply to each id of the batch; the server got nothing.
    BatchRefused {
        /// The rule of the call that was refused.
        rule: &'static str,
    },
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is done, on one line.
    pub call: String,
    /// What the row shows, where that is not plain to see.
    pub note: &'static str,
    /// What is done.
    pub act: Act,
    /// What has to come of it.
    pub expect: Expect,
}

impl Act {
    /// The protocol version, or `raw` for what is none.
    pub fn protocol(&self) -> &'static str {
        match self {
            Self::List(Era::Sessions)
            | Self::Call {
                era: Era::Sessions, ..
            }
            | Self::Held {
                era: Era::Sessions, ..
            } => "2025-11-25",
            Self::List(Era::Stateless)
            | Self::Call {
                era: Era::Stateless,
                ..
            }
            | Self::Held {
                era: Era::Stateless,
                ..
            } => "2026-07-28",
            Self::Post(_) => "raw",
        }
    }
}

const VISIBLE: &[&str] = &[
    "get_balance",
    "create_payment",
    "create_refund",
    "list_issues",
    "create_issue",
    "post_message",
    "close_account",
];

/// The steps in order. Counters run through all of them: every caller is the same one here.
pub fn steps() -> Vec<Step> {
    [sessions(), stateless(), bodies()].concat()
}

fn sessions() -> Vec<Step> {
    let call = |tool, arguments, expect| call(Era::Sessions, tool, arguments, expect);
    let repository = |owner| json!({"owner": owner, "repo": "website"});
    vec![
        list(Era::Sessions),
        call("get_balance", json!({}), Expect::Allowed),
        call(
            "list_issues",
            repository("acme"),
            Expect::Redacted("ana@example.com"),
        )
        .note("the server names ana@example.com"),
        call(
            "list_issues",
            repository("rival"),
            denied("/tools/list_issues/require/args.owner-in"),
        ),
        call(
            "post_message",
            json!({"channel": "#general", "text": "hi"}),
            denied("/tools/post_message/require/args.channel-in"),
        ),
        call("whoami", json!({}), denied("/default")),
        held(Era::Sessions, "spare", true),
        held(Era::Sessions, "main", false),
        call("delete_repository", repository("acme"), denied("/hide"))
            .note("hidden, called anyway"),
        call("create_payment", pay(json!(480), "EUR"), Expect::Allowed),
        call(
            "create_payment",
            pay(json!(900), "EUR"),
            denied("/tools/create_payment/deny_if/args.amount-gt"),
        ),
        call("create_refund", refund("p1"), Expect::Allowed),
        call(
            "create_refund",
            refund(UNKNOWN_PAYMENT),
            Expect::ServerError,
        )
        .note("the server's own error"),
        call("create_refund", refund("p2"), Expect::Allowed).note("so the quota is free again"),
        call(
            "create_refund",
            refund("p3"),
            limited("/tools/create_refund/limits/refunds"),
        ),
    ]
}

fn stateless() -> Vec<Step> {
    let call = |tool, arguments, expect| call(Era::Stateless, tool, arguments, expect);
    vec![
        list(Era::Stateless),
        call("get_balance", json!({}), Expect::Allowed),
        call(
            "create_payment",
            pay(json!("40"), "EUR"),
            denied("/tools/create_payment/require/args.amount-gt"),
        )
        .note("a number sent as text"),
        call(
            "create_payment",
            pay(json!(40), "USD"),
            denied("/tools/create_payment/require/args.currency-in"),
        ),
        call("create_payment", pay(json!(500), "GBP"), Expect::Allowed),
        call(
            "create_payment",
            pay(json!(20.01), "EUR"),
            limited("/tools/create_payment/limits/paid"),
        )
        .note("980 are spent"),
        call("create_payment", pay(json!(20), "EUR"), Expect::Allowed).note("exactly 1000"),
        call(
            "create_refund",
            refund("p3"),
            limited("/tools/create_refund/limits/refunds"),
        )
        .note("one limit for both protocols"),
        call("whoami", json!({}), denied("/default")),
        held(Era::Stateless, "spare", true),
    ]
}

fn bodies() -> Vec<Step> {
    vec![
        post(
            "JSON that is cut short",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_balance","arguments":{}"#,
            Expect::Rejected,
        ),
        post(
            "two names in one call",
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"get_balance","name":"whoami","arguments":{}}}"#,
            Expect::Rejected,
        ),
        post(
            "a call without an id",
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"whoami","arguments":{}}}"#,
            Expect::Dropped,
        ),
        post(
            "a batch with one refused call",
            r#"[{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"get_balance","arguments":{}}},{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"whoami","arguments":{}}}]"#,
            Expect::BatchRefused { rule: "/default" },
        ),
    ]
}

impl Step {
    fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }
}

fn list(era: Era) -> Step {
    let call = "tools/list".to_owned();
    Step {
        call,
        note: "",
        act: Act::List(era),
        expect: Expect::Listed(VISIBLE),
    }
}

/// `close_account`, which the policy holds for a person.
fn held(era: Era, account: &str, yes: bool) -> Step {
    let arguments = json!({"account": account});
    let (expect, note) = if yes {
        (Expect::Allowed, "held until a person said yes")
    } else {
        let expect = denied("/tools/close_account/approval");
        (expect, "held until a person said no")
    };
    Step {
        call: spell("close_account", &arguments),
        note,
        act: Act::Held {
            era,
            tool: "close_account",
            arguments,
            yes,
        },
        expect,
    }
}

/// A call on one line.
fn spell(tool: &str, arguments: &Value) -> String {
    let mut call = tool.to_owned();
    for (name, value) in arguments.as_object().into_iter().flatten() {
        match value.as_str() {
            // A number in quotes is not a number; other text needs none.
            Some(text) if text.parse::<f64>().is_err() => call += &format!(" {name}={text}"),
            _ => call += &format!(" {name}={value}"),
        }
    }
    call
}

fn call(era: Era, tool: &'static str, arguments: Value, expect: Expect) -> Step {
    Step {
        call: spell(tool, &arguments),
        note: "",
        act: Act::Call {
            era,
            tool,
            arguments,
        },
        expect,
    }
}

fn post(what: &str, body: &'static str, expect: Expect) -> Step {
    Step {
        call: what.to_owned(),
        note: "",
        act: Act::Post(body),
        expect,
    }
}

fn denied(rule: &'static str) -> Expect {
    Expect::Denied { rule, retry: false }
}

fn limited(rule: &'static str) -> Expect {
    Expect::Denied { rule, retry: true }
}

fn pay(amount: Value, currency: &str) -> Value {
    json!({"amount": amount, "currency": currency})
}

fn refund(payment: &str) -> Value {
    json!({"payment": payment, "amount": 40})
}
