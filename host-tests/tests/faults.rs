//! Every host call fails, at every place where the filter makes it: nothing is forwarded that was not judged, nothing
//! hidden gets out, nothing traps.
//!
//! A clean run tells which host calls an exchange makes and how often; then each of them fails in turn, alone and for good,
//! with every status a host might return. So every callback meets the failure of every call it makes.

use toolgate_host::{
    Exchange, Faults, Message, Module, Outcome, Status, Upstream, Vm, VmOptions, When,
};

const POLICY: &str = r#"{"version": "1", "default": "deny", "hide": ["secret"], "tools": {
    "echo": {}, "pay": {"limits": [{"counter": "paid", "max": 2, "window": "day"}]}}}"#;

/// An exchange and what must never come of it.
struct Case {
    name: &'static str,
    request: Message,
    upstream: Upstream,
    /// May be forwarded, whole and unchanged. Otherwise no byte of its body leaves.
    permitted: bool,
}

fn call(tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"a":1}}}}}}"#
    )
}

fn cases() -> Vec<Case> {
    const LISTED: &str =
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"secret"},{"name":"echo"}]}}"#;
    let json = |body: &str| Upstream::Reply(Message::response(200, "application/json", body));
    let list = || Message::post("/mcp", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    let case = |name, request, upstream, permitted| Case {
        name,
        request,
        upstream,
        permitted,
    };
    let ok = || json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
    vec![
        case(
            "an allowed call",
            Message::post("/mcp", call("echo")),
            ok(),
            true,
        ),
        case(
            "a charged call",
            Message::post("/mcp", call("pay")),
            ok(),
            true,
        ),
        case(
            "a charged call in pieces",
            Message::post("/mcp", call("pay"))
                .chunked(20)
                .header("accept-encoding", "gzip"),
            json(r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}"#),
            true,
        ),
        case(
            "a charged call that is reset",
            Message::post("/mcp", call("pay")),
            Upstream::Reset,
            true,
        ),
        case(
            "a charged call that never leaves",
            Message::post("/mcp", call("pay")),
            Upstream::Unreachable,
            true,
        ),
        case(
            "a hidden tool",
            Message::post("/mcp", call("secret")),
            ok(),
            false,
        ),
        case(
            "a hidden tool in pieces",
            Message::post("/mcp", call("secret")).chunked(20),
            ok(),
            false,
        ),
        case(
            "a hidden tool with trailers",
            Message::post("/mcp", call("secret")).trailers([("x", "y")]),
            ok(),
            false,
        ),
        case("no JSON", Message::post("/mcp", "{"), ok(), false),
        case(
            "a wrong method",
            Message::request("PUT", "/mcp"),
            ok(),
            false,
        ),
        case(
            "a batch with a hidden tool",
            Message::post(
                "/mcp",
                format!(
                    "[{},{}]",
                    call("echo").replace(":1,", ":2,"),
                    call("secret")
                ),
            ),
            ok(),
            false,
        ),
        case("a list", list(), json(LISTED), true),
        case(
            "a list in pieces",
            list(),
            Upstream::Reply(Message::response(200, "application/json", LISTED).chunked(9)),
            true,
        ),
        case(
            "a list with trailers",
            list(),
            Upstream::Reply(
                Message::response(200, "application/json", LISTED)
                    .without("content-length")
                    .trailers([("x", "y")]),
            ),
            true,
        ),
        case(
            "a list that is no JSON",
            list(),
            json(&LISTED.replace("}]", "}")),
            true,
        ),
        case(
            "an encoded list",
            list(),
            Upstream::Reply(
                Message::response(200, "application/json", "secret")
                    .header("content-encoding", "br"),
            ),
            true,
        ),
        case(
            "a list in a stream",
            list(),
            Upstream::Reply(Message::events(["data: ", LISTED, "\n\n", "data: {}\n\n"])),
            true,
        ),
        case(
            "a list on the GET stream",
            Message::get("/mcp").header("accept", "text/event-stream"),
            Upstream::Reply(Message::events([format!("id: 1\ndata: {LISTED}\n\n")])),
            true,
        ),
    ]
}

/// Statuses a host may fail with. A host that claims success and does nothing is lying, and no filter can tell.
const STATUSES: [Status; 5] = [
    Status::NotFound,
    Status::BadArgument,
    Status::InternalFailure,
    Status::CasMismatch,
    Status::Unimplemented,
];

/// "There is none" is an answer, and the truth where there is no header to remove and no body to read. A host that says so
/// of what is there is lying too.
fn is_failure(call: &str, status: Status) -> bool {
    status != Status::NotFound || call != "proxy_remove_header_map_value"
}

fn module() -> Module {
    let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
    Module::from_file(wasm).expect("the filter is a module")
}

fn policies() -> [String; 2] {
    let unheld = POLICY.replace(
        r#""version""#,
        r#""http": {"hold_request_headers": false}, "version""#,
    );
    [POLICY.to_owned(), unheld]
}

fn options(faults: &Faults) -> VmOptions {
    VmOptions {
        faults: faults.clone(),
        ..VmOptions::default()
    }
}

/// What is wrong with an exchange in which something failed.
fn judge(case: &Case, exchange: &Exchange) -> Result<(), String> {
    // Lengths that match and no trap, but for a reply that was cut on purpose.
    exchange.check()?;
    let whole = case.request.chunks.concat();
    if let Some(sent) = &exchange.upstream {
        if !case.permitted && (sent.ended || !sent.body.is_empty()) {
            return Err(format!(
                "forwarded {:?}",
                String::from_utf8_lossy(&sent.body)
            ));
        }
        if sent.ended && sent.body != whole {
            return Err(format!(
                "forwarded changed: {:?}",
                String::from_utf8_lossy(&sent.body)
            ));
        }
    }
    let got = exchange.downstream.text();
    // A denial names the tool that was asked for; nothing else may.
    let listed = got.contains("secret") && case.permitted;
    if listed {
        return Err(format!("got out: {got}"));
    }
    if exchange.outcome == Outcome::Answered && exchange.downstream.status == 0 {
        return Err("an answer without headers".to_owned());
    }
    Ok(())
}

#[test]
fn every_host_call_fails_at_every_place() {
    let module = module();
    let mut wrong = Vec::new();
    let mut runs = 0;
    for policy in policies() {
        let run = |case: &Case, inject: &dyn Fn(&Faults)| {
            let faults = Faults::none();
            let vm =
                Vm::configured(&module, options(&faults), policy.as_bytes()).expect("a policy");
            inject(&faults);
            let exchange = vm.exchange(&case.request, case.upstream.clone());
            assert_eq!(vm.open_streams(), 0, "{}", case.name);
            (exchange, faults)
        };
        let configured = Faults::none();
        Vm::configured(&module, options(&configured), policy.as_bytes()).expect("a policy");
        for case in cases() {
            let (clean, faults) = run(&case, &|_| {});
            if let Err(error) = judge(&case, &clean) {
                wrong.push(format!("{}, nothing failing: {error}", case.name));
            }
            for (name, total) in faults.counts() {
                let before = configured.calls(&name);
                let places = before + 1..=total;
                let once = places.clone().flat_map(|nth| {
                    let failures = STATUSES
                        .into_iter()
                        .filter(|status| is_failure(&name, *status));
                    failures.map(move |status| (When::Nth(nth), status))
                });
                let for_good = places.map(|nth| (When::From(nth), Status::InternalFailure));
                for (place, status) in once.chain(for_good) {
                    runs += 1;
                    let (exchange, _) = run(&case, &|faults| {
                        faults.fail(&name, place, status);
                    });
                    if let Err(error) = judge(&case, &exchange) {
                        let place = format!("{place:?} of {before}+1..={total}");
                        wrong.push(format!("{}, {name} {place} {status:?}: {error}", case.name));
                    }
                }
            }
        }
    }
    assert!(
        runs > 1000,
        "only {runs} runs: the clean runs make no host calls?"
    );
    assert!(
        wrong.is_empty(),
        "{} of {runs} runs:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A start that fails is a refused configuration, and no traffic; an update that fails leaves the last good one.
#[test]
fn a_start_or_an_update_that_fails_forwards_nothing_unjudged() {
    let module = module();
    let clean = Faults::none();
    Vm::configured(&module, options(&clean), POLICY.as_bytes()).expect("a policy");
    let open = r#"{"version": "1", "default": "allow"}"#;
    let mut wrong = Vec::new();
    for (name, total) in clean.counts() {
        for (nth, status) in (1..=total).flat_map(|nth| STATUSES.map(|status| (nth, status))) {
            let faults = Faults::none();
            faults.fail(&name, When::Nth(nth), status);
            let started = Vm::start(&module, options(&faults)).expect("a VM");
            let accepted = started.configure(POLICY.as_bytes()).expect("a decision");
            faults.clear();

            let updated = Vm::configured(&module, options(&faults), POLICY.as_bytes());
            let updated = updated.expect("a policy");
            faults.fail(&name, When::Nth(faults.calls(&name) + nth), status);
            let replaced = updated.configure(open.as_bytes()).expect("a decision");
            faults.clear();

            let serving = [(started, accepted), (updated, !replaced)];
            for vm in serving
                .iter()
                .filter_map(|(vm, serves)| serves.then_some(vm))
            {
                for case in cases() {
                    let exchange = vm.exchange(&case.request, case.upstream.clone());
                    if let Err(error) = judge(&case, &exchange) {
                        wrong.push(format!("{name} {nth} {status:?}, {}: {error}", case.name));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_trap_forwards_nothing() {
    let module = module();
    for policy in policies() {
        for case in cases().into_iter().filter(|case| !case.permitted) {
            let faults = Faults::none();
            let vm =
                Vm::configured(&module, options(&faults), policy.as_bytes()).expect("a policy");
            let before = faults.counts();
            vm.exchange(&case.request, case.upstream.clone());
            for (name, total) in faults.counts() {
                let before = before.iter().find(|(known, _)| *known == name);
                for nth in before.map_or(0, |(_, count)| *count) + 1..=total {
                    let faults = Faults::none();
                    let vm = Vm::configured(&module, options(&faults), policy.as_bytes())
                        .expect("a policy");
                    faults.trap(&name, When::Nth(nth));
                    let exchange = vm.exchange(&case.request, case.upstream.clone());
                    let sent = exchange.upstream.unwrap_or_default();
                    assert!(
                        !sent.ended && sent.body.is_empty(),
                        "{}, {name} {nth}",
                        case.name
                    );
                    // The VM is dead: the next request is not forwarded either.
                    if vm.panicked() {
                        let next =
                            vm.exchange(&Message::post("/mcp", call("echo")), Upstream::Silent);
                        assert_eq!(
                            (next.forwarded(), next.downstream.status),
                            (false, 503),
                            "{name} {nth}"
                        );
                    }
                }
            }
        }
    }
}
