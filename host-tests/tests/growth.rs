//! Replies at random, behind buffers at random, in a host that calls back as Envoy does: whatever is redacted in whatever
//! pieces, nothing ends the process, and no secret is shown.

use toolgate_checks::Random;
use toolgate_host::{Ending, Message, Module, Outcome, Vm, VmOptions};

/// The smallest buffer that the documentation allows.
const SMALLEST: usize = 65_536;
const ADDRESS: &str = "a@b.cc";

/// What the gate is told to look for.
const RESULTS: [&str; 4] = [
    r#"{"redact": ["email"]}"#,
    r#"{"redact": [{"regex": "a@b[.]cc", "with": "[an address, removed by company policy]"}]}"#,
    r#"{"redact": ["email"], "max_json_bytes": 20000}"#,
    r#"{"deny_if": [{"contains": "a@b.cc", "on_deny": "Not shown."}]}"#,
];

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;

/// One exchange.
#[derive(Debug)]
struct Draw {
    results: &'static str,
    holds_headers: bool,
    limit: usize,
    request: Message,
    reply: Message,
}

fn draw(random: &mut Random) -> Draw {
    let limit = SMALLEST << random.below(4);
    let text = text(random, limit);
    let result = |id: usize| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    };
    let event = |data: &str| format!("event: message\ndata: {data}\n\n");
    let notification = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","data":"{text}"}}}}"#
    );
    let batch = [CALL, &CALL.replace(":1,", ":2,")].join(",");
    let post = |body: &str| Message::post("/mcp", body);
    let get = || Message::get("/mcp").header("accept", "text/event-stream");
    let (request, media, status, body) = match random.below(7) {
        0 => (post(CALL), "application/json", 200, result(1)),
        1 => (post(CALL), "text/event-stream", 200, event(&result(1))),
        2 => (post(CALL), "text/plain", 200, text),
        3 => (post(CALL), "text/html", 502, format!("<p>{text}</p>")),
        4 => {
            let request = post(&format!("[{batch}]"));
            (
                request,
                "application/json",
                200,
                format!("[{},{}]", result(1), result(2)),
            )
        }
        5 => (get(), "text/event-stream", 200, event(&notification)),
        _ => (post(CALL), "application/json", 200, result(2)),
    };
    let mut reply = Message::response(status, media, &body);
    if random.chance(30) {
        reply = reply.without("content-length");
    }
    reply = match random.below(3) {
        0 => reply,
        1 => reply.chunked(body.len().div_ceil(2).max(1)),
        _ => reply.chunked(1 + random.below(16_384)),
    };
    reply = match random.below(4) {
        0 => reply.ending(Ending::EmptyData),
        1 => reply.trailers([("x", "y")]),
        _ => reply,
    };
    Draw {
        results: random.pick(&RESULTS),
        holds_headers: random.chance(70),
        limit,
        request,
        reply,
    }
}

/// A text of addresses and other words, as long as is interesting behind this buffer.
fn text(random: &mut Random, limit: usize) -> String {
    let bytes = random.below(limit + limit / 8);
    let density = random.pick(&[1, 20, 50, 100]);
    let mut text = String::new();
    while text.len() < bytes {
        let address = random.chance(density);
        text.push_str(if address { ADDRESS } else { "plain" });
        text.push(' ');
    }
    text
}

fn play(module: &Module, draw: &Draw) -> Result<(), String> {
    let policy = format!(
        r#"{{"version": "1", "default": "allow", "results": {}, "http": {{"hold_request_headers": {}}}}}"#,
        draw.results, draw.holds_headers
    );
    let options = VmOptions {
        buffer_limit: draw.limit,
        ..VmOptions::default()
    };
    let vm = Vm::configured(module, options, policy.as_bytes()).expect("a policy");
    let exchange = vm.exchange(&draw.request, draw.reply.clone());
    exchange.check()?;
    let shown = exchange.downstream.text();
    if shown.contains(ADDRESS) {
        return Err("a secret is shown".to_owned());
    }
    match exchange.outcome {
        Outcome::Answered | Outcome::Reset => Ok(()),
        hangs => Err(format!("{hangs:?}")),
    }
}

#[test]
fn nothing_that_grows_ends_the_process() {
    let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
    let module = Module::from_file(wasm).expect("the filter is a module");
    let (mut wrong, mut tempting) = (Vec::new(), 0);
    for seed in 0..400 {
        let drawn = draw(&mut Random::new(seed));
        let body = drawn.reply.chunks.concat();
        tempting += usize::from(body.len() > SMALLEST / 2);
        if let Err(error) = play(&module, &drawn) {
            wrong.push(format!(
                "seed {seed}: {error}: {}, headers held: {}, {} bytes for {} bytes in {} pieces",
                drawn.results,
                drawn.holds_headers,
                drawn.limit,
                body.len(),
                drawn.reply.chunks.len()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        tempting > 100,
        "only {tempting} are large enough to outgrow anything"
    );
}
