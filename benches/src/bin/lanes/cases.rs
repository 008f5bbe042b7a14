//! What is sent through which lane.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;
use benches::input;
use serde_json::{Value, json};

use super::config::{Filter, Lane};
use super::load::{ANSWER, Answer, Call};
use super::service::Service;

pub const ROUTER: &str = "router only";
pub const FLOOR: &str = "wasm that only holds";
pub const GATE: &str = "gate";
pub const QUIET: &str = "gate, record only in the access log";
pub const NATIVE: &str = "native mcp + rbac";
pub const LUA: &str = "lua";
pub const EXT_AUTHZ: &str = "ext_authz";
pub const EXT_PROC: &str = "ext_proc";

/// One kind of call, and the lanes it is sent through.
pub struct Case {
    pub name: String,
    /// Lanes by name, with what they have to answer.
    pub lanes: Vec<(String, Call)>,
}

/// Sizes of calls, with how they are called.
pub const SIZES: [(usize, &str); 4] = [
    (300, "300 B"),
    (4096, "4 KiB"),
    (65_536, "64 KiB"),
    (1 << 20, "1 MiB"),
];

/// The lanes every call goes through, the services among them running.
pub fn call_lanes(gate: &Path, floor: PathBuf, services: &[Service; 2]) -> Vec<Lane> {
    let lane = |name: &str, filter| Lane {
        name: name.to_owned(),
        filter,
    };
    let [authz, proc] = services;
    vec![
        lane(ROUTER, Filter::None),
        lane(FLOOR, Filter::Floor(floor)),
        lane(GATE, gate_filter(gate, &policy())),
        lane(QUIET, gate_filter(gate, &quiet())),
        lane(NATIVE, Filter::Native),
        lane(LUA, Filter::Lua),
        lane(EXT_AUTHZ, Filter::ExtAuthz(authz.port)),
        lane(EXT_PROC, Filter::ExtProc(proc.port)),
    ]
}

/// A lane of another build of the gate.
pub fn gate_filter(wasm: &Path, policy: &str) -> Filter {
    Filter::Gate {
        wasm: wasm.to_owned(),
        policy: policy.to_owned(),
    }
}

/// The policy of every lane that has one: twenty rules and a counter on one tool, and no other tool.
pub fn policy() -> String {
    input::policy(1, 20)
}

/// The same, and no record in Envoy's own log.
pub fn quiet() -> String {
    let mut policy: Value = serde_json::from_str(&policy()).unwrap_or_default();
    policy["audit"] = json!({"log": false});
    policy.to_string()
}

fn lists_lane(tools: usize) -> String {
    format!("gate, {tools} tools")
}

const REDACTING: &str = "gate, all detectors";

/// Lanes whose gate has another policy, for replies.
pub fn reply_lanes(gate: &Path) -> Vec<Lane> {
    let lane = |name: String, policy: String| Lane {
        name,
        filter: gate_filter(gate, &policy),
    };
    let lists = [20, 200].map(|tools| lane(lists_lane(tools), input::policy(tools / 2, 20)));
    let redacts = lane(
        REDACTING.to_owned(),
        input::redaction_policy(input::DETECTORS),
    );
    lists.into_iter().chain([redacts]).collect()
}

/// Everything that is measured. `extra` are lanes that were given on the command line; they take every call.
pub fn cases(lanes: &[Lane], extra: &[Lane]) -> Vec<Case> {
    let names = || lanes.iter().chain(extra).map(|lane| &lane.name);
    let calls = SIZES.map(|(size, name)| Case {
        name: format!("call of {name}"),
        lanes: names()
            .map(|lane| {
                (
                    lane.clone(),
                    call("/mcp", &input::call(size), Answer::Forwarded),
                )
            })
            .collect(),
    });
    let enforcing = lanes
        .iter()
        .filter(|lane| !matches!(lane.filter, Filter::None | Filter::Floor(_)));
    let refused = Case {
        name: "refused call of 300 B".to_owned(),
        lanes: enforcing
            .map(|lane| {
                let call = call("/mcp", &input::refused_call(), Answer::Refused);
                (lane.name.clone(), call)
            })
            .collect(),
    };
    let list_call = br#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
    let lists = [20, 200].into_iter().flat_map(|tools| {
        ["json", "sse"].map(|form| {
            let path = format!("/list/{tools}/{form}");
            let through = |lane: String, left| (lane, call(&path, list_call, Answer::Tools(left)));
            Case {
                name: format!("list of {tools} tools as {}", form.to_uppercase()),
                lanes: vec![
                    through(ROUTER.to_owned(), tools),
                    through(lists_lane(tools), tools / 2),
                ],
            }
        })
    });
    let result = |lane: &str, answer| {
        let call = call("/result/65536", &input::call(300), answer);
        (lane.to_owned(), call)
    };
    let redaction = Case {
        name: "result of 64 KiB".to_owned(),
        lanes: vec![
            result(ROUTER, Answer::Passed),
            result(REDACTING, Answer::Redacted),
        ],
    };
    calls
        .into_iter()
        .chain([refused])
        .chain(lists)
        .chain([redaction])
        .collect()
}

/// What the upstream answers, by path.
pub fn answers() -> Vec<(String, Vec<u8>)> {
    let result = format!(
        r#"{{"jsonrpc":"2.0","id":7,"result":{{"content":[{{"type":"text","text":"{ANSWER}"}}],"isError":false}}}}"#
    );
    let mut answers = vec![
        ("/mcp".to_owned(), json_answer(result.as_bytes())),
        (
            "/result/65536".to_owned(),
            json_answer(&input::result(65_536)),
        ),
    ];
    for tools in [20, 200] {
        let list = input::tools_list(tools);
        answers.push((format!("/list/{tools}/json"), json_answer(list.as_bytes())));
        let event = format!("event: message\ndata: {list}\n\n");
        let stream = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{event}\r\n0\r\n\r\n",
            event.len()
        );
        answers.push((format!("/list/{tools}/sse"), stream.into_bytes()));
    }
    answers
}

fn json_answer(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn call(path: &str, body: &[u8], answer: Answer) -> Call {
    Call {
        request: Rc::from(request(path, body)),
        answer,
    }
}

/// A request as a client sends it.
pub fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: mcp.test\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-11-25\r\n\
         mcp-session-id: 7d0c3f60-5a35-4d3c-9d3e-0a6f5a2d9f11\r\nuser-agent: lanes\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The floor is built in a workspace of its own, the gate in this one.
pub fn builds() -> Result<(PathBuf, PathBuf)> {
    Ok((toolgate_host::wasm::artifact()?, super::config::floor()?))
}
