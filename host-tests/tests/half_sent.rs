//! Calls whose headers came before something changed and whose last byte comes after it: what counts is what holds then, whatever
//! the stream began with.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use toolgate_host::{Message, Module, Stream, Vm, VmOptions, wasm};
use toolgate_rig::identity::token_sha256;

#[allow(dead_code, reason = "a part of it is for calls that wait")]
#[path = "envoy_approvals/rig.rs"]
mod rig;

use rig::{ALICE, BOB, Call, OPERATOR, PATIENCE, Rig, body, policy};

/// What happens between the headers and the last byte.
enum Meanwhile {
    /// This is laid over the configuration.
    Update(&'static str),
    /// A person does this at the console.
    Console(&'static str, &'static str),
    /// The caller's grant expires.
    Expiry,
}

struct Case {
    name: &'static str,
    meanwhile: Meanwhile,
    status: u16,
    rule: &'static str,
}

const fn update(name: &'static str, change: &'static str, status: u16, rule: &'static str) -> Case {
    let meanwhile = Meanwhile::Update(change);
    Case {
        name,
        meanwhile,
        status,
        rule,
    }
}

const CASES: &[Case] = &[
    Case {
        name: "a person revokes the grant",
        meanwhile: Meanwhile::Console(
            "grants/revoke",
            r#"{"grant":"alice","reason":"lost","confirm":true}"#,
        ),
        status: 401,
        rule: "/identity/revoked",
    },
    Case {
        name: "a person stops everything",
        meanwhile: Meanwhile::Console("stop", r#"{"reason":"runaway","confirm":true}"#),
        status: 200,
        rule: "/stopped",
    },
    Case {
        name: "the grant expires",
        meanwhile: Meanwhile::Expiry,
        status: 401,
        rule: "/identity/expired",
    },
    update(
        "the tool is not in the policy any more",
        r#"{"tools": {}}"#,
        200,
        "/default",
    ),
    update(
        "the configuration stops everything",
        r#"{"stopped": true}"#,
        200,
        "/stopped",
    ),
    update(
        "the configuration revokes the grant",
        r#"{"grants": [{"id": "alice", "revoked": true}]}"#,
        401,
        "/identity/revoked",
    ),
    update(
        "the configuration does not know the grant any more",
        r#"{"grants": []}"#,
        401,
        "/identity/unknown",
    ),
    update(
        "callers need a claim",
        r#"{"identity": {"sources": ["grant"], "require_claims": ["team"]}}"#,
        403,
        "/identity/claims",
    ),
    update(
        "the grant gets another policy",
        r#"{"default": null, "tools": null, "policies": {"other": {"default": "deny", "tools": {"read": {}}}}, "grants": [{"id": "alice", "policy": "other"}]}"#,
        200,
        "/default",
    ),
    update(
        "a rule comes",
        r#"{"tools": {"pay": {"deny_if": [{"conditions": [{"path": "args.amount", "op": "gt", "value": 5}]}]}}}"#,
        200,
        "/tools/pay/deny_if/args.amount-gt",
    ),
    update(
        "nothing of it is allowed any more",
        r#"{"tools": {"pay": {"limits": [{"counter": "paid", "max": 0, "window": "day"}]}}}"#,
        200,
        "/tools/pay/limits/paid",
    ),
];

/// The configuration that the calls begin under; `expires` is alice's grant's.
fn before(expires: Option<&str>, hold: bool) -> Value {
    let mut policy = policy(json!({"pay": {}}), json!({}));
    if let Some(expires) = expires {
        policy["grants"][0]["expires"] = json!(expires);
    }
    if !hold {
        policy["http"] = json!({"hold_request_headers": false});
    }
    policy
}

/// It, with a change: a null takes a key out, and grants are alice's.
fn after(change: &str, hold: bool) -> Value {
    let mut policy = before(None, hold);
    let change: Value = serde_json::from_str(change).unwrap();
    for (key, value) in change.as_object().unwrap() {
        policy[key] = value.clone();
        if value.is_null() {
            policy.as_object_mut().unwrap().remove(key);
        }
    }
    for grant in policy["grants"].as_array_mut().unwrap() {
        if grant["id"] == "alice" {
            grant["token_sha256"] = json!(token_sha256(ALICE));
        }
    }
    policy
}

fn pay() -> String {
    body(1, "pay", &json!({"amount": 7}))
}

/// What the model's clock says once this much has passed, as a configuration writes it.
const EXPIRES: &str = "2026-01-15T10:05:00Z";
const BEGAN: u64 = 1_768_471_200;

/// A worker, and the console of the same process.
struct Model {
    gate: Vm,
    console: Vm,
}

fn module() -> Module {
    Module::from_file(wasm::artifact().unwrap()).unwrap()
}

impl Model {
    fn start(module: &Module, policy: &Value, hold: bool) -> Model {
        let options = VmOptions {
            allow_on_headers_stop_iteration: hold,
            ..VmOptions::default()
        };
        options.clock.set(BEGAN * 1_000_000_000);
        let console = json!({"version": "1", "console": {
            "approvers": [{"id": "olga", "token_sha256": token_sha256(OPERATOR)}]}});
        let beside = VmOptions {
            shared: options.shared.clone(),
            clock: options.clock.clone(),
            ..VmOptions::default()
        };
        let gate = Vm::configured(module, options, policy.to_string().as_bytes()).unwrap();
        let console = Vm::configured(module, beside, console.to_string().as_bytes()).unwrap();
        Model { gate, console }
    }

    fn begin(&self) -> Stream {
        let stream = self.gate.stream();
        let request = Message::post("/mcp", pay()).with("authorization", format!("Bearer {ALICE}"));
        stream.request_headers(request.headers, false);
        stream.request_data(&pay()[..5], false);
        stream
    }

    fn play(&self, meanwhile: &Meanwhile, hold: bool) {
        match meanwhile {
            Meanwhile::Update(change) => {
                let document = after(change, hold).to_string();
                assert!(self.gate.configure(document.as_bytes()).unwrap());
            }
            Meanwhile::Console(path, wish) => {
                let request = Message::post(&format!("/api/v1/{path}"), wish)
                    .with("authorization", format!("Bearer {OPERATOR}"));
                let stream = self.console.stream();
                stream.send(&request);
                let exchange = stream.done();
                assert_eq!(exchange.downstream.status, 200, "{exchange:?}");
            }
            Meanwhile::Expiry => self.gate.clock().advance(Duration::from_secs(600)),
        }
    }
}

#[test]
fn what_counts_is_what_holds_at_the_last_byte() {
    let module = module();
    let mut wrong = Vec::new();
    // The end of a request comes with its body, or with trailers; its headers are held, or have gone.
    let ends = [(true, true), (true, false), (false, true), (false, false)];
    for (case, (hold, trailers)) in CASES.iter().flat_map(|case| ends.map(|end| (case, end))) {
        let model = Model::start(&module, &before(Some(EXPIRES), hold), hold);
        let (early, late) = (model.begin(), model.begin());
        let finish = |stream: Stream| {
            stream.request_data(&pay()[5..], !trailers);
            if trailers {
                stream.request_trailers([("x-end", "yes")]);
            }
            stream.done()
        };
        assert!(finish(early).forwarded(), "{}", case.name);
        model.play(&case.meanwhile, hold);
        let exchange = finish(late);
        let record = exchange.state_text("toolgate").unwrap_or_default();
        let rule = format!(r#""rule":"{}""#, case.rule);
        // Headers that have gone are all that goes.
        let kept = match &exchange.upstream {
            None => true,
            Some(sent) => !hold && sent.body.is_empty(),
        };
        let got = &exchange.downstream;
        let good = kept && got.status == case.status && record.contains(&rule);
        if !good || exchange.check().is_err() || model.gate.open_streams() != 0 {
            let how = (hold, trailers);
            let outcome = (exchange.outcome, got.status);
            wrong.push(format!("{} {how:?}: {outcome:?}\n  {record}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_newer_configuration_allows_goes_on_and_is_counted_under_it() {
    let model = Model::start(&module(), &after(r#"{"tools": {}}"#, true), true);
    let stream = model.begin();
    let limits =
        r#"{"tools": {"pay": {"limits": [{"counter": "paid", "max": 1, "window": "day"}]}}}"#;
    model.play(&Meanwhile::Update(limits), true);
    stream.request_data(&pay()[5..], true);
    let exchange = stream.done();
    let record = exchange.state_text("toolgate").unwrap();
    assert!(exchange.forwarded(), "{record}");
    assert!(
        record.contains(r#""counter":"paid","before":"0","after":"1""#),
        "{record}"
    );
}

/// Calls that have begun, on as many connections: enough for both workers.
fn begin(rig: &Rig) -> Vec<TcpStream> {
    let text = pay();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {ALICE}\r\ncontent-type: application/json\r\n\
         accept: application/json\r\ncontent-length: {}\r\n\r\n{}",
        text.len(),
        &text[..5]
    );
    let address = rig.envoy.listener("mcp").unwrap();
    let call = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    (0..8).map(call).collect()
}

/// Waits until a new call is refused, whichever worker gets it.
fn wait_for_all_workers(rig: &Rig) {
    let refused = || {
        let answers = (0..16).map(|_| {
            rig.call(ALICE, "pay", &json!({"amount": 9}))
                .answer(PATIENCE)
        });
        answers.into_iter().all(|answer| !answer.ran())
    };
    rig.wait(refused);
}

fn play(rig: &Rig, case: &Case, hold: bool) {
    match case.meanwhile {
        Meanwhile::Update(change) => rig.publish(&after(change, hold)),
        Meanwhile::Console(path, wish) => {
            let wish = serde_json::from_str(wish).unwrap();
            let answer = rig.console("POST", path, Some(&wish));
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        Meanwhile::Expiry => {}
    }
    wait_for_all_workers(rig);
}

/// Takes back what a person did.
fn undo(rig: &Rig, hold: bool) {
    for (path, wish) in [
        (
            "grants/reinstate",
            json!({"grant": "alice", "confirm": true}),
        ),
        ("resume", json!({"confirm": true})),
    ] {
        rig.console("POST", path, Some(&wish));
    }
    rig.publish(&before(None, hold));
    rig.wait(|| {
        (0..16).all(|_| {
            rig.call(ALICE, "pay", &json!({"amount": 1}))
                .answer(PATIENCE)
                .ran()
        })
    });
}

/// A time so many seconds from now, as a configuration writes it.
fn in_seconds(seconds: u64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(seconds);
    let nanos = u64::try_from(now.as_nanos()).unwrap();
    toolgate_engine::time::Timestamp::from_nanos(nanos).to_string()
}

fn in_envoy(hold: bool) {
    let rig = Rig::with(&before(None, hold), |config| match hold {
        true => config,
        false => config
            .replace("\n      allow_on_headers_stop_iteration: true", "")
            .unwrap(),
    });
    let mark = rig.upstream.mark();
    let mut wrong = Vec::new();
    for case in CASES {
        if matches!(case.meanwhile, Meanwhile::Expiry) {
            // Long enough for calls to begin, on a machine that has other things to do.
            rig.publish(&before(Some(&in_seconds(6)), hold));
        }
        let calls = begin(&rig);
        // Envoy has taken them: they came before this one, which is answered.
        assert!(
            rig.call(BOB, "pay", &json!({"amount": 1}))
                .answer(PATIENCE)
                .ran()
        );
        play(&rig, case, hold);
        for mut call in calls {
            call.write_all(&pay().as_bytes()[5..]).unwrap();
            let answer = Call::over(call).answer(PATIENCE);
            let good = answer.status == case.status
                && (answer.status != 200 || answer.rule() == case.rule);
            if !good {
                wrong.push(format!("{}: {answer:?}", case.name));
            }
        }
        let seen = rig.upstream.seen(mark, None);
        let ran = seen
            .requests
            .iter()
            .any(|request| request.body == pay().as_bytes());
        if ran || (hold && !seen.loose.is_empty()) {
            wrong.push(format!("{}: {seen:?}", case.name));
        }
        undo(&rig, hold);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn so_it_is_on_both_workers_of_an_envoy() {
    in_envoy(true);
}

#[test]
fn so_it_is_where_envoy_cannot_hold_headers() {
    in_envoy(false);
}
